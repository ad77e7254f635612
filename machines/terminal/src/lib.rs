//! The scan terminal: lists, checks, record store and upload, sans-io.

//! The secure element, sans-io.
#![cfg_attr(not(test), no_std)]

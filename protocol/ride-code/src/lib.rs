//! The ride code (乘车二维码): parse, build, describe, verify.

//! Compressed and whole keys: one by one, together, by RustCrypto; at every level.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("sm2_keys");

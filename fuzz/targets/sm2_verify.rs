//! Signatures: one by one, together, on a shelf, by RustCrypto; at every level of kernels.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("sm2_verify");

//! Proofs of SM4 and 3DES in lanes as single calls make them; at every level.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("proofs");

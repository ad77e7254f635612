//! Digests in lanes as one by one; at every level.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("digests");

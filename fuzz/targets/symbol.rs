//! Pictures.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("symbol");

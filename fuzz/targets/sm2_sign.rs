//! Private numbers and messages: one by one and together; at every level.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("sm2_sign");

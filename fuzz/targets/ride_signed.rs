//! A code of which bits were turned and that was signed again.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("ride_signed");

//! Every parser of ride codes and what belongs to them.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("ride_parse");

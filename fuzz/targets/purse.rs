//! Records, answers, commands and data groups of the e-purse.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("purse");

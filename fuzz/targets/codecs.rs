//! Commands, objects, cards, files, envelopes and records of all the other crates.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("codecs");

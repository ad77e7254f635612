//! Scans: alone, among others and again; nothing is accepted but what was signed.
#![cfg_attr(feature = "engine", no_main)]

tongtu_fuzz::target!("ride_scan");

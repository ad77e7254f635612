//! The soft module: against vectors, against a naive model, torn everywhere, over APDUs and without.

mod bench;
mod drivers;
mod model;
mod module;
mod tear;

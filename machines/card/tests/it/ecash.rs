//! The e-cash (电子现金) on the card, by the conformance cases of its application: every fact
//! is seen from the reader's side, and checked with the issuer's and the terminal's keys.

mod composite;
mod host;
mod ledger;
mod load;
mod refusals;
mod tap;
mod tears;

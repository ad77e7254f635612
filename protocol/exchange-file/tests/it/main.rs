//! Whole files: golden examples, the frame's rules, properties over generated and damaged ones.
#![allow(missing_docs, clippy::unwrap_used)]

mod describe;
mod frame;
mod golden;
mod props;
mod sample;
mod tail;

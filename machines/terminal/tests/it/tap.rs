//! Taps of cards, with the real card in the field.

mod fixture;
mod flows;
mod golden;
mod group;
mod recovery;

//! Taps of cards, with the real card in the field.

mod audit;
mod budget;
pub(crate) mod card;
mod cash;
mod fares;
pub(crate) mod fixture;
mod flows;
mod fuzz;
mod golden;
mod group;
mod held;
mod hostile;
mod lists;
mod locks;
mod module;
mod module_of_ours;
mod module_rule;
mod recovery;
mod refusals;
pub(crate) mod replay;
mod tears;
pub(crate) mod untold;

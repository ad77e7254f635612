//! The e-cash at the terminal, with the real card in the field.

mod beside;
mod counter;
mod dual;
pub(crate) mod fixture;
mod flows;
pub(crate) mod hostile;
mod refusals;
mod tears;
mod untold;
mod walk;

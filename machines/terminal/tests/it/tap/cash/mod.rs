//! The e-cash at the terminal, with the real card in the field.

mod dual;
mod fixture;
mod flows;
mod hostile;
mod refusals;
mod tears;
mod walk;

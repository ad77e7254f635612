//! The key room: officers, acts, files.

mod cash;
mod cut;
mod holding;
mod life;
mod random;
mod refusals;
mod scene;
mod text;

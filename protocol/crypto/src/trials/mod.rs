//! What is shown of the kernels: each level of them answers like every other, like OpenSSL and like the
//! cases in `tests/vectors`. docs/proofs.md says what that comes to.
//!
//! `TONGTU_TRIALS` is how many random questions each test asks; without it they ask a few thousand.

mod naming;
mod witness;

/// How many questions: what is asked for, or else so many.
fn questions(count: usize) -> usize {
    asked().unwrap_or(count)
}

/// What `TONGTU_TRIALS` says.
fn asked() -> Option<usize> {
    let text = std::env::var("TONGTU_TRIALS").ok()?;
    Some(text.parse().expect("TONGTU_TRIALS is a number"))
}

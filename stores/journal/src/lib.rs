//! The terminal's record store at rest: an append-only file that survives power cuts.

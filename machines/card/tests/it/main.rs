//! What crosses the card's modules.

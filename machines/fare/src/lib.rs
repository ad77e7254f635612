//! Fares as data: flat fares and distance tables, explained.

//! Exact sums in 10^-7 fen.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact sum in 10^-7 fen; in JSON a string of decimal digits with an optional minus sign.
///
/// A string, because readers that hold numbers as doubles would lose digits beyond 2^53.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AmountE7(pub i128);

impl Serialize for AmountE7 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AmountE7 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = AmountE7;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of decimal digits, 10^-7 fen")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AmountE7, E> {
        let sum = text.parse().map_err(|_| {
            E::custom("not a whole number of 10^-7 fen, expected decimal digits in a string")
        })?;
        Ok(AmountE7(sum))
    }
}

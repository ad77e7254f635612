//! How purse values lie in record tables.

use alloc::format;
use alloc::string::{String, ToString as _};

use tongtu_codec::{Encoding, FieldError, Raw, hex_encode};

use super::{
    Amount, Balance, BusState, CardKind, City, Date, DateTime, Direction, Industry, Institution,
    Kind, Limit, LockFlag, Personal, RailState, RideFlag, Serial, Terminal, Terminal8, TripKind,
};

/// How purse values lie in records: as wide as their field.
#[derive(Debug)]
pub struct Purse;

macro_rules! fixed {
    ($letter:literal: $($t:ident [$len:literal] |$v:ident| $show:expr;)*) => {$(
        impl Encoding<$t> for Purse {
            const LETTER: &'static str = $letter;

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                let bytes: [u8; $len] = bytes.try_into().map_err(|_| FieldError::Truncated {
                    needed: $len,
                    found: bytes.len(),
                })?;
                Ok($t(bytes))
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                if out.len() != $len {
                    return Err(FieldError::TooLong { needed: $len, width: out.len() });
                }
                out.copy_from_slice(&value.0);
                Ok(())
            }

            fn show($v: &$t) -> String {
                $show
            }
        }
    )*};
}

impl<const N: usize> Encoding<Personal<N>> for Purse {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Personal<N>, FieldError> {
        Raw::decode(bytes).map(Personal)
    }

    fn encode(value: &Personal<N>, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.0, out)
    }

    fn show(value: &Personal<N>) -> String {
        value.to_string()
    }
}

fn named(code: String, name: Option<crate::city::Name>) -> String {
    match name {
        Some(name) => format!("{code} {} {}", name.zh, name.en),
        None => code,
    }
}

fixed! { "cn":
    Date [4] |v| v.to_string();
    DateTime [7] |v| v.to_string();
    City [2] |v| named(v.to_string(), v.name());
    Serial [10] |v| v.card_number().map_or_else(|| hex_encode(&v.0), |n| n.reveal().to_string());
}
fixed! { "B":
    Terminal [6] |v| v.to_string();
    Terminal8 [8] |v| v.to_string();
    Institution [8] |v| named(v.to_string(), v.city().name());
    Balance [4] |v| v.fen().to_string();
}

impl Encoding<Amount> for Purse {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Amount, FieldError> {
        <tongtu_codec::Be as Encoding<u32>>::decode(bytes).map(Amount)
    }

    fn encode(value: &Amount, out: &mut [u8]) -> Result<(), FieldError> {
        tongtu_codec::write_be(u64::from(value.0), out)
    }

    fn show(value: &Amount) -> String {
        value.fen().to_string()
    }
}

impl Encoding<Limit> for Purse {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Limit, FieldError> {
        let bytes: [u8; 3] = bytes.try_into().map_err(|_| FieldError::Truncated {
            needed: 3,
            found: bytes.len(),
        })?;
        Ok(Limit::from_bytes(bytes))
    }

    fn encode(value: &Limit, out: &mut [u8]) -> Result<(), FieldError> {
        tongtu_codec::write_be(u64::from(value.0), out)
    }

    fn show(value: &Limit) -> String {
        value.fen().to_string()
    }
}

macro_rules! code_encoding {
    ($($t:ident),*) => {$(
        impl Encoding<$t> for Purse {
            const LETTER: &'static str = "B";

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                <tongtu_codec::Be as Encoding<u8>>::decode(bytes).map($t)
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                tongtu_codec::write_be(u64::from(value.0), out)
            }

            fn show(value: &$t) -> String {
                value.to_string()
            }
        }
    )*};
}

code_encoding!(
    Kind, TripKind, Industry, CardKind, RailState, BusState, RideFlag, LockFlag, Direction
);

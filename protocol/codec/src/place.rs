//! Instants and cities in fields.

use alloc::string::{String, ToString as _};

use tongtu_types::{CityCode, Timestamp, ValueError};

use crate::encoding::{pack, unpack};
use crate::{Be, Cn, Encoding, FieldError};

/// `B`: Unix seconds, UTC, as an unsigned number; no instant before 1970 lies in a field.
impl Encoding<Timestamp> for Be {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Timestamp, FieldError> {
        let seconds = <Self as Encoding<u64>>::decode(bytes)?;
        i64::try_from(seconds)
            .map(Timestamp::new)
            .map_err(|_| range(i64::MIN))
    }

    fn encode(value: &Timestamp, out: &mut [u8]) -> Result<(), FieldError> {
        let seconds = u64::try_from(value.get()).map_err(|_| range(value.get()))?;
        <Self as Encoding<u64>>::encode(&seconds, out)
    }

    fn show(value: &Timestamp) -> String {
        value.to_string()
    }
}

fn range(found: i64) -> FieldError {
    FieldError::Value(ValueError::Range {
        what: "instant",
        found,
        expected: "Unix seconds from 0 to 2^63 - 1",
    })
}

impl Encoding<CityCode> for Cn {
    const LETTER: &'static str = "cn";

    fn decode(bytes: &[u8]) -> Result<CityCode, FieldError> {
        Ok(CityCode::parse(&unpack(bytes)?)?)
    }

    fn encode(value: &CityCode, out: &mut [u8]) -> Result<(), FieldError> {
        pack(value.as_str(), out)
    }

    fn show(value: &CityCode) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_unix_seconds() {
        let mut out = [0; 8];
        Be::encode(&Timestamp::new(1_767_254_400), &mut out).unwrap();
        assert_eq!(out, 1_767_254_400_u64.to_be_bytes());
        assert_eq!(Be::decode(&out), Ok(Timestamp::new(1_767_254_400)));
    }

    #[test]
    fn no_instant_is_before_1970_or_wraps() {
        let mut out = [0; 8];
        assert!(Be::encode(&Timestamp::new(-1), &mut out).is_err());
        let read: Result<Timestamp, _> = Be::decode(&[0xFF; 8]);
        assert!(read.is_err());
        assert!(Be::encode(&Timestamp::new(1 << 32), &mut out[..4]).is_err());
    }

    #[test]
    fn a_city_is_four_digits() {
        let city = CityCode::parse("1000").unwrap();
        let mut out = [0; 2];
        Cn::encode(&city, &mut out).unwrap();
        assert_eq!(out, [0x10, 0x00]);
        assert_eq!(Cn::decode(&out), Ok(city));
        let read: Result<CityCode, _> = Cn::decode(&[0x1A, 0]);
        assert!(read.is_err());
    }
}

//! A test card with an e-cash on it.

use std::collections::BTreeMap;

use super::{Dol, Elements, Profile, digits, tlv};
use crate::cipher::Algorithm;

/// A key made of one byte.
fn key(first: u8) -> Vec<u8> {
    (first..first.wrapping_add(16)).collect()
}

/// The PDOL of a card that can do segmented fares.
#[must_use]
pub fn pdol() -> Dol {
    vec![
        (0xDF60, 1),
        (0x9F66, 4),
        (0x9F02, 6),
        (0x9F03, 6),
        (0x9F1A, 2),
        (0x95, 5),
        (0x5F2A, 2),
        (0x9A, 3),
        (0x9C, 1),
        (0x9F21, 3),
        (0x9F37, 4),
    ]
}

/// The usual format of a log record, 9F4F.
#[must_use]
pub fn log_format() -> Dol {
    vec![
        (0x9A, 3),
        (0x9F21, 3),
        (0x9F02, 6),
        (0x9F03, 6),
        (0x9F1A, 2),
        (0x5F2A, 2),
        (0x9F4E, 20),
        (0x9C, 1),
        (0x9F36, 2),
    ]
}

impl Profile {
    /// A test card of one algorithm set; the certificates in its records are blanks.
    #[must_use]
    pub fn test(algorithm: Algorithm) -> Self {
        let number = vec![0x62, 0x17, 0, 0, 0, 0, 0, 0, 0x01, 0x2F];
        let track = [&number[..9], &[0x1D, 0x40, 0x12, 0x20, 0x10]].concat();
        let mut format = Vec::new();
        for (number, len) in log_format() {
            format.extend(super::tag(number));
            format.push(u8::try_from(len).expect("a short element"));
        }
        let elements = Elements::from([
            (0x57, track.clone()),
            (0x5A, number.clone()),
            (0x5F34, vec![0x01]),
            (0x82, vec![0x7C, 0x00]),
            (0x9F4F, format),
            (0x9F51, vec![0x01, 0x56]),
            (0x9F6C, vec![0x00, 0x00]),
            (0x9F6D, digits(1_000)),
            (0x9F77, digits(100_000)),
            (0x9F78, digits(100_000)),
        ]);
        let record = |body: Vec<Vec<u8>>| tlv(0x70, &body.concat());
        let records = BTreeMap::from([
            (
                (2, 1),
                record(vec![tlv(0x57, &track), tlv(0x5F34, &[0x01])]),
            ),
            (
                (2, 2),
                record(vec![tlv(0x8F, &[0x01]), tlv(0x9F32, &[0x03])]),
            ),
            (
                (7, 1),
                record(vec![tlv(0x5A, &number), tlv(0x5F24, &[0x40, 0x12, 0x31])]),
            ),
            (
                (7, 2),
                record(vec![tlv(0x9F69, &[0x01, 0, 0, 0, 0, 0, 0, 0])]),
            ),
        ]);
        Self {
            aid: vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x06],
            label: b"MOT_T_CASH".to_vec(),
            priority: 1,
            pdol: pdol(),
            discretionary: [
                tlv(0xDF61, &[0x82]),
                tlv(0x9F4D, &[0x0B, 0x0A]),
                tlv(0xDF4D, &[0x0C, 0x0A]),
            ]
            .concat(),
            algorithm,
            cryptogram_key: key(0x90),
            mac_key: key(0xA0),
            cipher_key: key(0xB0),
            elements,
            records,
            afl: vec![0x10, 0x01, 0x02, 0x00, 0x38, 0x01, 0x02, 0x01],
            log: (0x0B, 10),
            log_format: log_format(),
            told: vec![0x9F36, 0x9F4F, 0x9F51, 0x9F6D, 0x9F77, 0x9F78, 0x9F79],
        }
    }
}

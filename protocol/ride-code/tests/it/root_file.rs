//! The root-certificate file 4026: round trip, damage, and roots that verify themselves.

use proptest::prelude::*;
use tongtu_crypto::sha1;
use tongtu_ride_code::layout::RootCertificate;
use tongtu_ride_code::root_file::{RootFile, RootFileError};

use crate::fixture::published;

fn sample() -> RootFile {
    let roots = ["root", "national_root"].map(|n| RootCertificate::decode(&published(n)).unwrap());
    RootFile::of_roots(7, &roots)
}

#[test]
fn round_trips_and_verifies_its_roots() {
    let bytes = sample().encode().unwrap();
    assert_eq!(bytes.len(), 32 + 2 * 160);
    assert_eq!(bytes[..12], [0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(bytes[12..32], sha1::digest(&bytes[32..]));
    assert_eq!(bytes[32..34], [0x00, 0x81]);
    assert_eq!(bytes[34..178], published("root"));
    let file = RootFile::decode(&bytes).unwrap();
    assert_eq!(file, sample());
    // Both have index 02: the later one stands.
    let table = file.verify().unwrap();
    let kept = table.by_index(2).unwrap().certificate().encode().unwrap();
    assert_eq!(kept, published("national_root"));
}

#[test]
fn every_flipped_bit_of_the_record_area_is_seen() {
    let good = sample().encode().unwrap();
    for bit in 12 * 8..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            RootFile::decode(&bytes),
            Err(RootFileError::Digest),
            "bit {bit}"
        );
    }
}

#[test]
fn names_the_root_that_does_not_verify() {
    let mut file = sample();
    file.entries[1].certificate[20] ^= 1;
    let bytes = file.encode().unwrap();
    let error = RootFile::decode(&bytes).unwrap().verify().unwrap_err();
    assert!(
        matches!(error, RootFileError::Root { number: 2, .. }),
        "{error}"
    );
}

#[test]
fn refuses_other_lengths_and_counts() {
    let good = sample().encode().unwrap();
    for len in 0..good.len() {
        assert!(RootFile::decode(&good[..len]).is_err(), "first {len} bytes");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(RootFile::decode(&longer).is_err());
    let mut many = good;
    many[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(RootFile::decode(&many), Err(RootFileError::Count(u32::MAX)));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = RootFile::decode(&bytes);
    }
}

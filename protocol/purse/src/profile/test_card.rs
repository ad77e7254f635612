//! The test card that everybody plays with: published keys, a number that nobody has.

use alloc::vec::Vec;

use tongtu_apdu::select::E_PURSE;
use tongtu_crypto::Algorithm;

use super::{FILES, KeyIndex, Profile, Settings};
use crate::command::{Pin, Sfi};
use crate::fci::FciForm;
use crate::field::{CardKind, City, Date, Institution, Personal, Serial};
use crate::keys::{KeySet, KeyUse};
use crate::layout::{BUS_ID, HolderInfo, PublicInfo, RAIL_ID, TEST_ID, TransitInfo};

/// The 16 bytes `first`, `first + 1`, …: a key that nobody takes for a real one.
const fn test_key(first: u8) -> [u8; 16] {
    let mut key = [0; 16];
    let mut byte = first;
    let mut i = 0;
    while i < 16 {
        key[i] = byte;
        byte = byte.wrapping_add(1);
        i += 1;
    }
    key
}

/// Keys of the test card, first byte of each run of sixteen.
///
/// Purchase 1, load 1, TAC and maintenance as the conformance catalogue and the worked examples
/// have them; the rest are ours.
pub const TEST_KEYS: &[(KeyUse, u8, u8)] = &[
    (KeyUse::Purchase, 1, 0x10),
    (KeyUse::Purchase, 2, 0x18),
    (KeyUse::Load, 1, 0x20),
    (KeyUse::Tac, 1, 0x30),
    (KeyUse::Unload, 1, 0x40),
    (KeyUse::ReloadPin, 1, 0x50),
    (KeyUse::UnblockPin, 1, 0x60),
    (KeyUse::External, 1, 0x70),
    (KeyUse::Internal, 1, 0x80),
    (KeyUse::Overdraft, 1, 0x90),
    (KeyUse::QuickUpdate, 1, 0xB0),
    (KeyUse::Maintenance, 1, 0xD0),
];

/// The test keys as a set of one algorithm.
#[must_use]
pub fn test_keys(algorithm: Algorithm) -> KeySet {
    TEST_KEYS
        .iter()
        .fold(KeySet::new(algorithm), |set, (purpose, version, first)| {
            set.with(*purpose, *version, test_key(*first))
        })
}

/// A blank composite record with an id: valid, free, all zero.
#[must_use]
pub fn blank_composite(id: [u8; 2]) -> Vec<u8> {
    let mut record = Vec::with_capacity(128);
    record.extend(id);
    record.extend([0x7D, 0x01]);
    record.resize(128, 0);
    record
}

impl Profile {
    /// Test card P1: an ordinary card with published test keys, 3DES first and SM4 beside it.
    #[must_use]
    pub fn test() -> Self {
        Self::test_with(Algorithm::Tdes)
    }

    /// The test card with one algorithm set answering to the key indexes 01 and 02.
    #[must_use]
    pub fn test_with(algorithm: Algorithm) -> Self {
        let serial = [0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17];
        let issuer = [0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF];
        let mut local = [0x01, 0x2E].to_vec();
        local.resize(48, 0);
        let composite = [RAIL_ID, BUS_ID, TEST_ID].map(blank_composite).to_vec();
        Self {
            aid: E_PURSE,
            fci: FciForm::plain(),
            public: PublicInfo {
                issuer: Institution(issuer),
                application_type: 2,
                application_version: 1,
                serial: Serial(serial),
                starts: Date([0x20, 0x20, 0x01, 0x01]),
                expires: Date([0x20, 0x40, 0x12, 0x31]),
                issuer_data: [0, 0],
            },
            holder: HolderInfo {
                card_type: 0,
                employee: 0,
                name: Personal::BLANK,
                identity: Personal::BLANK,
                identity_kind: 0x20,
            },
            transit: TransitInfo {
                country: [0x00, 0x00, 0x01, 0x56],
                province: City([0x10, 0x00]),
                city: City([0x10, 0x00]),
                interop: 1,
                kind: CardKind::ORDINARY,
                reserved: [0x20; 49],
            },
            files: FILES.to_vec(),
            contents: [(Sfi::LOCAL, [local].to_vec()), (Sfi::COMPOSITE, composite)].to_vec(),
            key_sets: [test_keys(Algorithm::Tdes), test_keys(Algorithm::Sm4)].to_vec(),
            indexes: [
                KeyIndex::purse(1, algorithm, 1),
                KeyIndex::purse(2, algorithm, 2),
            ]
            .to_vec(),
            settings: Settings {
                algorithm: u8::from(algorithm == Algorithm::Sm4),
                ..Settings::plain()
            },
            pin: Some(Pin::from_digits("123456").expect("six digits")),
            ticket: None,
        }
    }
}

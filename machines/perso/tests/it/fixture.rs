//! A small batch with published keys under a published transport key.

use tongtu_crypto::{Algorithm, BlockKey, SecretKey};
use tongtu_perso::{Answer, Batch, Line, Mark, Module, Outcome, Transport};
use tongtu_psam::layout::{Finish, KeySlot, SlotRole};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Date, Institution, Terminal};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

pub(crate) const TRANSPORT: [u8; 16] = [0x77; 16];
pub(crate) const PURCHASE: [u8; 16] = [
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F,
];

pub(crate) fn sender() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

pub(crate) fn personaliser() -> SecretKey {
    SecretKey::from_bytes(&[9; 32]).unwrap()
}

pub(crate) fn serial(number: u8) -> PsamSerial {
    PsamSerial([0x54, 0x54, 0x50, 0x53, 0x41, 0x4D, 0, 0, 0, number])
}

pub(crate) fn slot(algorithm: Algorithm, version: u8, key: [u8; 16]) -> KeySlot {
    let mut bytes = key;
    BlockKey::new(Algorithm::Sm4, TRANSPORT)
        .encrypt_blocks(&mut bytes)
        .unwrap();
    KeySlot {
        role: SlotRole::Purchase,
        purpose: 0,
        index: 1,
        version,
        levels: 2,
        algorithm: match algorithm {
            Algorithm::Tdes => 0,
            Algorithm::Sm4 => 4,
        },
        key: bytes,
        kcv: BlockKey::new(algorithm, key).kcv(),
    }
}

pub(crate) fn module(number: u8) -> Module {
    let issuer = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    Module {
        identity: PsamIdentity {
            serial: serial(number),
            terminal: Terminal([0x10, 0, 0, 0, 0, number]),
            key_index: 1,
            issuer,
            receiver: issuer,
            starts: Date([0x20, 0x20, 0x01, 0x01]),
            expires: Date([0x20, 0x40, 0x12, 0x31]),
        },
        finish: Finish {
            first_sequence: 1,
            mac2_failures_max: 15,
        },
        keys: vec![
            slot(Algorithm::Tdes, 1, PURCHASE),
            slot(Algorithm::Sm4, 1, PURCHASE),
        ],
    }
}

pub(crate) fn batch(number: u32, modules: impl IntoIterator<Item = u8>) -> Batch {
    Batch {
        mark: Mark::Test,
        number,
        city: CityCode::parse("1000").unwrap(),
        sender: InstitutionCode::parse("01011000").unwrap(),
        made_at: Timestamp::new(1_795_000_000),
        transport: Transport {
            algorithm: Algorithm::Sm4,
            kcv: BlockKey::new(Algorithm::Sm4, TRANSPORT).kcv(),
        },
        modules: modules.into_iter().map(module).collect(),
    }
}

pub(crate) fn line(number: u16, serial_number: u8, chip: u8, outcome: Outcome) -> Line {
    Line {
        number,
        serial: serial(serial_number),
        chip: [chip; 10],
        outcome,
    }
}

pub(crate) fn answer(batch: &Batch, of: [u8; 32], lines: Vec<Line>) -> Answer {
    Answer {
        mark: batch.mark,
        batch: batch.number,
        city: batch.city,
        sender: InstitutionCode::parse("01019999").unwrap(),
        made_at: Timestamp::new(1_795_000_600),
        of,
        lines,
    }
}

//! What every test here stands on: a module with the keys of the derived chain, on memory that can
//! be torn.

use tongtu_card::{Memory, Torn};
use tongtu_codec::hex_decode;
use tongtu_crypto::Algorithm;
use tongtu_psam::command::KeyPurpose;
use tongtu_psam::{CardFactor, CreditRequest, PsamRequest, PurchaseRequest};
use tongtu_purse::field::{Amount, DateTime, Institution, Kind, Terminal};
use tongtu_sam::{KeyRole, ModuleKey, PsamProfile, SoftPsam};
use tongtu_testkit::tear::Chip;
use tongtu_testkit::{cipher, psam};

/// The harness's chip in the shape that the module asks for.
#[derive(Clone, Debug)]
pub(crate) struct Cells(pub(crate) Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex_decode(&hex.replace(' ', "")).expect("a test writes hex")
}

pub(crate) fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().expect("of the right length")
}

/// Every key of the bench: role, name, levels, algorithm, bytes.
const KEYS: &[(KeyRole, u8, u8, Algorithm, &str)] = &[
    (KeyRole::Purchase, 1, 2, Algorithm::Tdes, MASTER),
    (KeyRole::Purchase, 1, 2, Algorithm::Sm4, MASTER),
    (
        KeyRole::Purchase,
        2,
        1,
        Algorithm::Tdes,
        "00112233445566778899AABBCCDDEEFF",
    ),
    (
        KeyRole::Purchase,
        3,
        3,
        Algorithm::Sm4,
        "FFEEDDCCBBAA99887766554433221100",
    ),
    (
        KeyRole::Purchase,
        4,
        0,
        Algorithm::Tdes,
        "101112131415161718191A1B1C1D1E1F",
    ),
    (
        MAC,
        0x02,
        2,
        Algorithm::Tdes,
        "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
    ),
    (
        MAC,
        0x06,
        2,
        Algorithm::Tdes,
        "B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF",
    ),
    (
        MAC,
        0x42,
        2,
        Algorithm::Sm4,
        "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
    ),
    (
        MAC,
        0x46,
        2,
        Algorithm::Sm4,
        "B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF",
    ),
    (
        MAC,
        0x50,
        0,
        Algorithm::Tdes,
        "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
    ),
    (
        MAC,
        0x51,
        0,
        Algorithm::Sm4,
        "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
    ),
    (
        TAC,
        0x01,
        2,
        Algorithm::Tdes,
        "0F1E2D3C4B5A69788796A5B4C3D2E1F0",
    ),
    (
        TAC,
        0x02,
        1,
        Algorithm::Sm4,
        "0F1E2D3C4B5A69788796A5B4C3D2E1F0",
    ),
    (
        INTERNAL,
        0x01,
        1,
        Algorithm::Tdes,
        "808182838485868788898A8B8C8D8E8F",
    ),
    (
        INTERNAL,
        0x02,
        1,
        Algorithm::Sm4,
        "808182838485868788898A8B8C8D8E8F",
    ),
];

const MASTER: &str = "32D464AC81F1640A687D023BF99E35DF";
const MAC: KeyRole = KeyRole::Crypt(KeyPurpose::MAC);
const TAC: KeyRole = KeyRole::Crypt(KeyPurpose::TAC);
const INTERNAL: KeyRole = KeyRole::Crypt(KeyPurpose::INTERNAL);

/// The module of the derived chain: terminal 581000000001, next sequence 101 (hex).
pub(crate) fn profile() -> PsamProfile {
    let mut profile = PsamProfile::test();
    profile.identity.terminal = Terminal(array("581000000001"));
    profile.first_sequence = 0x101;
    let keys = KEYS.iter();
    profile.keys = keys
        .map(|(role, name, levels, algorithm, hex)| ModuleKey {
            role: *role,
            name: *name,
            levels: *levels,
            algorithm: *algorithm,
            bytes: array::<16>(hex).into(),
        })
        .collect();
    profile
}

pub(crate) const SIZE: usize = 4 * 1024;

pub(crate) fn made(profile: &PsamProfile) -> SoftPsam<Cells> {
    SoftPsam::manufacture(Cells(Chip::new(SIZE)), profile).expect("it fits")
}

pub(crate) fn again(chip: &Chip) -> SoftPsam<Cells> {
    SoftPsam::power_up(Cells(chip.clone())).expect("it comes up after any tear")
}

/// The same module, told by the model.
pub(crate) fn told(profile: &PsamProfile) -> psam::Psam {
    let keys = profile.keys.iter().map(|key| psam::Key {
        purpose: match key.role {
            KeyRole::Purchase => psam::PURCHASES,
            KeyRole::Crypt(purpose) => purpose.get(),
        },
        name: key.name,
        levels: key.levels.into(),
        algorithm: match key.algorithm {
            Algorithm::Tdes => cipher::Algorithm::Tdes,
            Algorithm::Sm4 => cipher::Algorithm::Sm4,
        },
        key: key.bytes.to_vec(),
    });
    let identity = &profile.identity;
    let info = identity.info().encode().expect("as wide as it is");
    let mut model = psam::Psam::new(
        identity.serial.0.to_vec(),
        identity.terminal.0.to_vec(),
        info.to_vec(),
        keys.collect(),
    );
    model.next = profile.first_sequence;
    model.failures_max = profile.mac2_failures_max;
    model
}

/// The entry of the derived chain.
pub(crate) fn entry() -> PurchaseRequest {
    PurchaseRequest {
        random: array("A1B2C3D4"),
        sequence: 7,
        amount: Amount::ZERO,
        kind: Kind::COMPOSITE,
        at: DateTime(array("20250601080000")),
        key_version: 1,
        algorithm: 0,
        card: CardFactor(array("4899999900000017")),
        issuer: Institution(array("02905810FFFFFFFF")),
    }
}

pub(crate) fn credit(terminal_sequence: u32, mac2: &str) -> PsamRequest {
    PsamRequest::Credit(CreditRequest {
        terminal_sequence,
        mac2: array(mac2),
    })
}

/// Sends bytes; randoms are all 5A.
pub(crate) fn send(module: &mut SoftPsam<Cells>, apdu: &[u8]) -> Result<Vec<u8>, Torn> {
    module.transmit(&mut |out: &mut [u8]| out.fill(0x5A), apdu)
}

//! What a card is made with: the issuer domain and the applications that are on it from the
//! start, installed and personalised before the card first leaves the factory.
//!
//! Everything else comes later, through the card manager.

use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, ISSUER_DOMAIN, PPSE};
use tongtu_identity::IDENTITY;
use tongtu_nfc_code::NFC_CODE;
use zeroize::Zeroizing;

use crate::registry::AppletKind;

/// A personalisation data group: its identifier (DGI) and its value in clear.
#[derive(Clone)]
pub struct Group {
    /// The DGI.
    pub id: u16,
    /// The value; may hold keys.
    pub value: Zeroizing<Vec<u8>>,
}

/// Which built-in applet a preinstalled application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// The e-purse (电子钱包).
    Purse,
    /// The e-cash (电子现金).
    Ecash,
    /// The NFC ride code (NFC 二维码).
    RideCode,
    /// The identity application (身份认证应用).
    Identity,
    /// The directory (近距离支付系统环境, PPSE).
    Ppse,
    /// A supplementary security domain (辅助安全域).
    Domain,
}

impl Module {
    pub(crate) const fn kind(self) -> AppletKind {
        match self {
            Self::Purse => AppletKind::Purse,
            Self::Ecash => AppletKind::Ecash,
            Self::RideCode => AppletKind::RideCode,
            Self::Identity => AppletKind::Identity,
            Self::Ppse => AppletKind::Ppse,
            Self::Domain => AppletKind::Domain,
        }
    }
}

/// An application that is on the card from the start.
#[derive(Clone)]
pub struct Preinstalled {
    /// What it runs.
    pub module: Module,
    /// Its instance AID.
    pub aid: Aid,
    /// Its label in the directory; empty when it is not listed.
    pub label: Vec<u8>,
    /// Its priority in the directory; 1 is highest.
    pub priority: u8,
    /// Install parameters (the value of `C9`).
    pub parameters: Vec<u8>,
    /// Personalisation data; none leaves it unpersonalised.
    pub groups: Vec<Group>,
}

/// A load file that is on the card from the start, in ROM as it were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactoryFile {
    /// Its AID.
    pub aid: Aid,
    /// Its modules.
    pub modules: Vec<(Aid, Module)>,
}

/// Which secure channel the keys of a key version are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// SCP02, 3DES.
    Scp02,
    /// SCP03, AES of 128 bits.
    Scp03,
    /// SCP03's shape over SM4.
    Sm4,
}

/// Three keys of one version.
#[derive(Clone)]
pub struct KeySet {
    /// Key version.
    pub version: u8,
    /// What they are for.
    pub channel: Channel,
    /// Encipherment, MAC and data key.
    pub keys: [Zeroizing<[u8; 16]>; 3],
}

/// What the issuer security domain is made with.
#[derive(Clone)]
pub struct Issuer {
    /// Its key sets; the first is the one that a host gets without naming a version.
    pub key_sets: Vec<KeySet>,
    /// Parameter `i` of SCP02: 15 or 55.
    pub scp02_i: u8,
    /// Parameter `i` of SCP03: 10, 30, 60 or 70 (00 and 20 for a random challenge).
    pub scp03_i: u8,
    /// Failed authentications in a row that block a key version.
    pub try_limit: u8,
    /// Whether tokens without a number are taken, more than once if need be.
    pub batch_tokens: bool,
    /// Whether channels to a domain are opened over the contact interface only.
    pub contact_only: bool,
    /// Issuer identification number (42).
    pub provider_id: Vec<u8>,
    /// Card image number (45).
    pub image_number: Vec<u8>,
    /// Card production life cycle data (9F7F), 42 bytes, or nothing.
    pub production: Vec<u8>,
    /// Ten bytes in INITIALIZE UPDATE by which a host finds the keys.
    pub diversification: [u8; 10],
}

/// The key that public tools try first; for tests only.
const TEST_KEY: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

impl Issuer {
    /// The test profile: every key is 404142…4F. With SCP03 first, version FF is AES and
    /// version 20 is 3DES; with SCP02 first, FF is 3DES, because a client of SCP02 names no
    /// version, and 30 is AES.
    #[must_use]
    pub fn for_tests(first: Channel) -> Self {
        let set = |version, channel| KeySet {
            version,
            channel,
            keys: core::array::from_fn(|_| Zeroizing::new(TEST_KEY)),
        };
        let key_sets = match first {
            Channel::Scp02 => [set(0xFF, Channel::Scp02), set(0x30, Channel::Scp03)],
            Channel::Scp03 => [set(0xFF, Channel::Scp03), set(0x20, Channel::Scp02)],
            Channel::Sm4 => [set(0x50, Channel::Sm4), set(0xFF, Channel::Scp03)],
        };
        Self {
            key_sets: key_sets.into(),
            ..Self::without_keys()
        }
    }

    /// No keys at all: nobody can open a channel.
    #[must_use]
    pub fn without_keys() -> Self {
        Self {
            key_sets: Vec::new(),
            scp02_i: 0x15,
            scp03_i: 0x70,
            try_limit: 15,
            batch_tokens: true,
            contact_only: false,
            provider_id: alloc::vec![0x90, 0x95, 0x81, 0x01],
            image_number: alloc::vec![0x00, 0x00, 0x00, 0x01],
            production: Vec::new(),
            diversification: [0; 10],
        }
    }
}

/// What a card is made with.
#[derive(Clone)]
pub struct Blueprint {
    /// AID of the issuer security domain.
    pub issuer_domain: Aid,
    /// Keys and parameters of the issuer security domain.
    pub issuer: Issuer,
    /// First data of the issuer security domain, as STORE DATA would bring them.
    pub issuer_groups: Vec<Group>,
    /// Load files, in order.
    pub files: Vec<FactoryFile>,
    /// Applications, in order.
    pub applications: Vec<Preinstalled>,
}

/// The package that security domains come from (GP's own, seen in public implementations).
pub const DOMAIN_FILE: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50]);
/// Its module.
pub const DOMAIN_MODULE: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41]);
/// The package of the transport applications.
///
/// UNSPECIFIED: its name is ours, the part that its modules share.
pub const TRANSPORT_FILE: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x06, 0x32, 0x01, 0x01]);
/// The package of the NFC ride code; an instance's AID is its installer's choice.
pub const RIDE_CODE_FILE: Aid = Aid::new(&[0xF0, 0x54, 0x54, 0x4E, 0x46, 0x43, 0x51]);
/// The package of the directory, `2PAY.SYS`.
pub const PPSE_FILE: Aid = Aid::new(b"2PAY.SYS");

impl Blueprint {
    /// The load files that every card of ours has.
    #[must_use]
    pub fn standard_files() -> Vec<FactoryFile> {
        let file = |aid, modules: &[(Aid, Module)]| FactoryFile {
            aid,
            modules: modules.to_vec(),
        };
        alloc::vec![
            file(DOMAIN_FILE, &[(DOMAIN_MODULE, Module::Domain)]),
            file(
                TRANSPORT_FILE,
                &[
                    (E_PURSE, Module::Purse),
                    (E_CASH, Module::Ecash),
                    (IDENTITY, Module::Identity),
                ],
            ),
            file(PPSE_FILE, &[(PPSE, Module::Ppse)]),
            file(RIDE_CODE_FILE, &[(NFC_CODE, Module::RideCode)]),
        ]
    }
}

impl Default for Blueprint {
    /// An issuer domain of the test profile, SCP03 first, and no applications.
    fn default() -> Self {
        Self {
            issuer_domain: ISSUER_DOMAIN,
            issuer: Issuer::for_tests(Channel::Scp03),
            issuer_groups: Vec::new(),
            files: Self::standard_files(),
            applications: Vec::new(),
        }
    }
}

/// What a module of a load file runs, by its AID; foreign code is kept and not run.
pub(crate) fn kind_of_module(module: &Aid, known: &[FactoryFile]) -> AppletKind {
    let modules = known.iter().flat_map(|file| &file.modules);
    modules
        .into_iter()
        .find(|(aid, _)| aid == module)
        .map_or(AppletKind::Foreign, |(_, module)| module.kind())
}

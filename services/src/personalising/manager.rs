//! The keys of a card's manager: the master that an issuer has for its cards, and which of its keys a
//! card has now.
//!
//! A blank card has keys that every card of its lot has; who personalises it puts the card's own in
//! their place, diversified from the issuer's master by what the card says of itself (KEYDATA).

use tongtu_globalplatform::command::InitializeAnswer;
use tongtu_globalplatform::scp::Protocol;
use tongtu_hsm::{Custody, DomainKeys, Export, KeyInfo, KeyName, Label, Mark};
use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::CityCode;

use super::error::PersonalisingError;
use super::master::once;

/// Which issuer's cards, and which version of its master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardManager {
    /// The issuer's city.
    pub city: CityCode,
    /// Version of the master, 1 to 15.
    pub version: u8,
}

/// Which keys a card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManagerKeys {
    /// The key in custody.
    pub label: Label,
    /// What the card says of itself, where the keys are its own.
    pub card: Option<[u8; 10]>,
}

impl ManagerKeys {
    /// The same for a custody.
    #[must_use]
    pub const fn of_domain(&self) -> DomainKeys<'_> {
        DomainKeys {
            label: self.label,
            card: self.card.as_ref(),
        }
    }
}

impl CardManager {
    /// The highest version of a master: a key version of a card has four bits for it.
    pub const VERSION_MAX: u8 = 15;

    /// What the master of a protocol's keys is called: region, kind, algorithm, version.
    ///
    /// # Panics
    /// Never: the longest has 17 characters.
    #[must_use]
    pub fn label(&self, protocol: Protocol) -> Label {
        let word = match algorithm_of(protocol) {
            KeyAlgorithm::Tdes => "3DES",
            KeyAlgorithm::Sm4 => "SM4",
            _ => "AES",
        };
        Label::parse(&format!("{}-KMC-{word}-V{}", self.city, self.version))
            .expect("four digits, a short word and a small number")
    }

    /// The version that keys of this master have on a card: UNSPECIFIED, of the ranges 20 to 2F, 30 to
    /// 3F and 50 to 5F that clients know for SCP02, SCP03 and the SM4 channel. Those that end in 0 are
    /// the maker's.
    #[must_use]
    pub const fn key_version(&self, protocol: Protocol) -> u8 {
        base_of(protocol) | self.version & 0x0F
    }

    /// Which keys the card answered INITIALIZE UPDATE with: its own, or those of its lot.
    #[must_use]
    pub fn keys_of(
        &self,
        answer: &InitializeAnswer,
        protocol: Protocol,
        blank: Label,
    ) -> ManagerKeys {
        let version = answer.key_version & 0x0F;
        if answer.key_version & 0xF0 == base_of(protocol) && version != 0 {
            let of = Self { version, ..*self };
            ManagerKeys {
                label: of.label(protocol),
                card: Some(answer.diversification),
            }
        } else {
            ManagerKeys {
                label: blank,
                card: None,
            }
        }
    }

    /// Makes the issuer's masters for the managers of its cards, one for each protocol; those that
    /// are there stay. They leave as the keys of cards only.
    ///
    /// # Errors
    /// [`PersonalisingError`]; what was made until then is there.
    pub fn make_masters(
        &self,
        custody: &mut dyn Custody,
        mark: Mark,
    ) -> Result<Vec<KeyInfo>, PersonalisingError> {
        if !(1..=Self::VERSION_MAX).contains(&self.version) {
            return Err(PersonalisingError::ManagerVersion {
                found: self.version,
            });
        }
        [Protocol::SCP02_15, Protocol::SCP03_70, Protocol::SM4]
            .into_iter()
            .map(|protocol| {
                let name = KeyName {
                    label: self.label(protocol),
                    slot: Slot {
                        city: self.city,
                        purpose: Purpose::SecurityDomain,
                        algorithm: algorithm_of(protocol),
                    },
                    bits: 128,
                    index: 1,
                    version: self.version,
                    mark,
                    export: Export::Below,
                };
                once(custody, &name, |custody| custody.generate(&name).map(drop))
            })
            .collect()
    }
}

/// The algorithm of a protocol's keys.
#[must_use]
pub const fn algorithm_of(protocol: Protocol) -> KeyAlgorithm {
    match protocol {
        Protocol::Scp02(_) => KeyAlgorithm::Tdes,
        Protocol::SM4 => KeyAlgorithm::Sm4,
        Protocol::Scp03(_) => KeyAlgorithm::Aes,
    }
}

const fn base_of(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Scp02(_) => 0x20,
        Protocol::SM4 => 0x50,
        Protocol::Scp03(_) => 0x30,
    }
}

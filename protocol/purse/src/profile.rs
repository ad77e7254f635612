//! Profiles: what makes one city's purse differ from another's, as data.
//!
//! What is here: the table of files ([`FILES`]), the rules a card follows ([`Settings`]), the
//! styles of real cards ([`STYLES`]), and a whole card before it is personalised ([`Profile`]).
//! What is not here: real keys and real numbers; how a profile reaches a card ([`crate::perso`]).

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_codec::{Be, record};
use tongtu_crypto::Algorithm;

use crate::command::{Pin, Sfi};
use crate::fci::FciForm;
use crate::field::{Amount, Limit, Purse, Serial};
use crate::keys::{KeySet, KeyUse};
use crate::layout::{HolderInfo, PublicInfo, RAIL_ID, TransitInfo};

mod file;
mod style;
mod test_card;

pub use file::{FILES, FileKind, FileSpec, ReadRight, WriteRight, file_name};
pub use style::{STYLES, Style};
pub use test_card::{TEST_KEYS, blank_composite, test_keys};

record! {
    /// The rules a card follows, as our personalisation carries them.
    ///
    /// UNSPECIFIED: no public data group holds these; the layout is ours.
    pub struct Settings: 17 {
        [0..4] balance_max: Amount as Purse, Ours, "highest balance", "余额上限";
        [4..7] overdraft: Limit as Purse, Ours, "overdraft limit", "透支限额";
        [7..8] balance_kinds: u8 as Be, Ours,
            "P1 of GET BALANCE that the card knows, bit by bit", "支持的余额种类";
        [8..9] pin_for_load: u8 as Be, Ours, "01: a load needs the PIN", "圈存须验证密码";
        [9..10] zero_load: u8 as Be, Ours, "01: a load of nothing is taken", "接受零金额圈存";
        [10..11] money_failures_max: u8 as Be, Ours,
            "wrong MAC1 or MAC2 in a row that lock the application", "MAC 错误上限";
        [11..12] secure_failures_max: u8 as Be, Ours,
            "wrong secure-messaging MACs in a row that lock it", "安全报文错误上限";
        [12..13] pin_tries: u8 as Be, Ours, "tries of the PIN", "密码重试次数";
        [13..14] external_tries: u8 as Be, Ours,
            "tries of external authentication", "外部认证重试次数";
        [14..15] algorithm: u8 as Be, Ours,
            "set for everything but transactions: 00 3DES, 01 SM4", "缺省算法";
        [15..16] tdes_id: u8 as Be, Inferred,
            "algorithm identifier of the 3DES set", "3DES 算法标识";
        [16..17] sm4_id: u8 as Be, Inferred,
            "algorithm identifier of the SM4 set", "SM4 算法标识";
    }
}

impl Settings {
    /// Rules of an ordinary card.
    ///
    /// The cap of 1000.00 yuan is what terminals hold against a card; three failures are the
    /// limit of secure messaging, and we hold MAC1 and MAC2 to the same.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            balance_max: Amount::new(100_000),
            overdraft: Limit::ZERO,
            balance_kinds: 0x0F,
            pin_for_load: 0,
            zero_load: 1,
            money_failures_max: 3,
            secure_failures_max: 3,
            pin_tries: 3,
            external_tries: 3,
            algorithm: 0,
            tdes_id: 0x00,
            sm4_id: 0x04,
        }
    }

    /// The set for everything but transactions.
    #[must_use]
    pub const fn default_set(&self) -> Algorithm {
        if self.algorithm == 1 {
            Algorithm::Sm4
        } else {
            Algorithm::Tdes
        }
    }

    /// The algorithm identifier that an initialisation answers.
    #[must_use]
    pub const fn algorithm_id(&self, algorithm: Algorithm) -> u8 {
        match algorithm {
            Algorithm::Tdes => self.tdes_id,
            Algorithm::Sm4 => self.sm4_id,
        }
    }
}

/// Which value a transaction moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wallet {
    /// The purse's money.
    Purse,
    /// The second ticket (第二票种): a count of its own.
    Ticket,
}

/// What a key index (密钥索引) of an initialisation stands for.
///
/// UNSPECIFIED: how indexes name versions and sets; real cards are seen with 01. The table is
/// the profile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyIndex {
    /// The index in the command.
    pub index: u8,
    /// The set.
    pub algorithm: Algorithm,
    /// The version inside the set, from 1.
    pub slot: u8,
    /// The key version that the card answers.
    pub version: u8,
    /// The value that is moved.
    pub wallet: Wallet,
}

impl KeyIndex {
    /// Bytes of a row.
    pub const LEN: usize = 5;

    /// An index of the purse.
    #[must_use]
    pub const fn purse(index: u8, algorithm: Algorithm, slot: u8) -> Self {
        Self {
            index,
            algorithm,
            slot,
            version: 1,
            wallet: Wallet::Purse,
        }
    }

    /// The row's bytes.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let set = match self.algorithm {
            Algorithm::Tdes => 0,
            Algorithm::Sm4 => 1,
        };
        let wallet = match self.wallet {
            Wallet::Purse => 0,
            Wallet::Ticket => 1,
        };
        [self.index, set, self.slot, self.version, wallet]
    }

    /// Reads a row.
    #[must_use]
    pub const fn decode(row: &[u8; Self::LEN]) -> Option<Self> {
        let [index, set, slot, version, wallet] = *row;
        let algorithm = match set {
            0 => Algorithm::Tdes,
            1 => Algorithm::Sm4,
            _ => return None,
        };
        let wallet = match wallet {
            0 => Wallet::Purse,
            1 => Wallet::Ticket,
            _ => return None,
        };
        Some(Self {
            index,
            algorithm,
            slot,
            version,
            wallet,
        })
    }
}

/// A purse before it is personalised: everything that a card of one rider gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Instance AID.
    pub aid: Aid,
    /// What stands in the FCI before `9F0C`.
    pub fci: FciForm,
    /// File 0x15.
    pub public: PublicInfo,
    /// File 0x16.
    pub holder: HolderInfo,
    /// File 0x17.
    pub transit: TransitInfo,
    /// The files.
    pub files: Vec<FileSpec>,
    /// First records of files, number 1 first.
    pub contents: Vec<(Sfi, Vec<Vec<u8>>)>,
    /// The key sets, at most one of each algorithm.
    pub key_sets: Vec<KeySet>,
    /// What the key indexes stand for.
    pub indexes: Vec<KeyIndex>,
    /// The rules.
    pub settings: Settings,
    /// The PIN, if the card has one.
    pub pin: Option<Pin>,
    /// The second ticket's count and its maximum, if the card has one. Off by default.
    pub ticket: Option<(u32, u32)>,
}

impl Profile {
    /// The same for another rider: its serial, and keys of its own out of master keys.
    #[must_use]
    pub fn for_card(mut self, serial: Serial, masters: &[KeySet]) -> Self {
        self.public.serial = serial;
        let issuer = self.public.issuer;
        self.key_sets = masters
            .iter()
            .map(|masters| KeySet::of_card(masters, issuer, serial))
            .collect();
        self
    }

    /// The same card in the style of some real ones.
    #[must_use]
    pub fn styled(mut self, style: &Style) -> Self {
        self.fci = FciForm {
            label: style
                .label
                .map(|(label, priority)| (label.to_vec(), priority)),
            version: style.version.to_vec(),
            display_name: style.display_name.map(<[u8]>::to_vec),
            padding: style.padding,
        };
        self.settings.balance_kinds = style.balance_kinds;
        let (max, count) = style.local;
        for file in &mut self.files {
            if file.sfi == Sfi::LOCAL {
                file.record_max = max;
                file.size = u16::from(max) * count;
            }
        }
        if style.rail_crc {
            for (sfi, records) in &mut self.contents {
                let rail = records.iter_mut().find(|r| r.starts_with(&RAIL_ID));
                if *sfi == Sfi::COMPOSITE
                    && let Some(rail) = rail
                    && let Ok(rail) = <&mut [u8; 128]>::try_from(&mut rail[..])
                {
                    crate::layout::RailRecord::put_shanghai_crc(rail);
                }
            }
        }
        self
    }

    /// The set of an algorithm.
    #[must_use]
    pub fn key_set(&self, algorithm: Algorithm) -> Option<&KeySet> {
        self.key_sets
            .iter()
            .find(|set| set.algorithm() == algorithm)
    }

    /// The key that an index of an initialisation stands for.
    #[must_use]
    pub fn transaction_key(&self, purpose: KeyUse, index: u8) -> Option<tongtu_crypto::BlockKey> {
        let row = self.indexes.iter().find(|row| row.index == index)?;
        self.key_set(row.algorithm)?.key(purpose, row.slot)
    }
}

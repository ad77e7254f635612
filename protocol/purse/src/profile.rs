//! Profiles: what makes one city's purse differ from another's, as data.
//!
//! What is here: the table of files ([`FILES`]), the rules a card follows ([`Settings`]), the
//! styles of real cards ([`STYLES`]), and a whole card before it is personalised ([`Profile`]).
//! What is not here: real keys and real numbers; how a profile reaches a card ([`crate::perso`]).

use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, E_PURSE};
use tongtu_codec::{Be, record};
use tongtu_crypto::Algorithm;

use crate::command::{Pin, Sfi};
use crate::fci::FciForm;
use crate::field::{Amount, CardKind, City, Date, Institution, Limit, Purse, Serial};
use crate::keys::{KeySet, KeyUse};
use crate::layout::{BUS_ID, HolderInfo, PublicInfo, RAIL_ID, TEST_ID, TransitInfo};

/// How a file is built (ISO/IEC 7816-4 §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Bytes.
    Transparent,
    /// Records by number.
    Linear,
    /// Records of one length, newest first, the oldest making way.
    Cyclic,
}

impl FileKind {
    /// UNSPECIFIED: the byte in a file table; we take the structure bits of ISO/IEC 7816-4's
    /// file descriptor byte.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Transparent => 0x01,
            Self::Linear => 0x04,
            Self::Cyclic => 0x06,
        }
    }

    /// The kind of that byte.
    #[must_use]
    pub fn of(code: u8) -> Option<Self> {
        [Self::Transparent, Self::Linear, Self::Cyclic]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// Who may read a file: bits, all of which must hold; none set means anybody.
///
/// UNSPECIFIED: the coding of rights in a file table is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRight(pub u8);

impl ReadRight {
    /// Anybody.
    pub const FREE: Self = Self(0);
    /// After VERIFY.
    pub const PIN: Self = Self(0x01);
    /// After EXTERNAL AUTHENTICATE.
    pub const EXTERNAL: Self = Self(0x02);
    /// Nobody.
    pub const NEVER: Self = Self(0x80);

    /// Whether all bits of another right are in this one.
    #[must_use]
    pub const fn asks(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Ways in which a file is written: bits, any of which is enough; none set means only by the
/// card itself.
///
/// UNSPECIFIED: the coding of rights in a file table is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRight(pub u8);

impl WriteRight {
    /// By the card itself.
    pub const CARD: Self = Self(0);
    /// By anybody.
    pub const FREE: Self = Self(0x01);
    /// With secure messaging under the maintenance key.
    pub const SECURE: Self = Self(0x02);
    /// With secure messaging under the quick-update key.
    pub const QUICK: Self = Self(0x04);
    /// Through the cache of a composite purchase.
    pub const CACHE: Self = Self(0x08);

    /// Both ways.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this way is open.
    #[must_use]
    pub const fn allows(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// One file of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSpec {
    /// Its short identifier.
    pub sfi: Sfi,
    /// How it is built.
    pub kind: FileKind,
    /// Who may read it.
    pub read: ReadRight,
    /// How it is written.
    pub write: WriteRight,
    /// The longest record; 0 for a transparent file.
    pub record_max: u8,
    /// Bytes in all; for records, room for `size / record_max` of them.
    pub size: u16,
}

impl FileSpec {
    /// Bytes of an entry in a file table.
    pub const LEN: usize = 7;

    /// How many records it has room for, at most 64.
    #[must_use]
    pub fn record_count(&self) -> u8 {
        let count = self
            .size
            .checked_div(u16::from(self.record_max))
            .unwrap_or(0);
        u8::try_from(count.min(64)).expect("at most 64")
    }

    /// An entry of a file table: SFI, kind, read right, write right, record length, size.
    #[must_use]
    pub const fn encode(&self) -> [u8; Self::LEN] {
        let [high, low] = self.size.to_be_bytes();
        [
            self.sfi.get(),
            self.kind.code(),
            self.read.0,
            self.write.0,
            self.record_max,
            high,
            low,
        ]
    }

    /// Reads an entry; none when its kind is not known or it has no room for a record.
    #[must_use]
    pub fn decode(entry: &[u8; Self::LEN]) -> Option<Self> {
        let [sfi, kind, read, write, record_max, high, low] = *entry;
        let spec = Self {
            sfi: Sfi::new(sfi),
            kind: FileKind::of(kind)?,
            read: ReadRight(read),
            write: WriteRight(write),
            record_max,
            size: u16::from_be_bytes([high, low]),
        };
        let room = match spec.kind {
            FileKind::Transparent => spec.size > 0,
            FileKind::Linear | FileKind::Cyclic => spec.record_count() > 0,
        };
        (room && (1..=30).contains(&sfi)).then_some(spec)
    }

    /// English and Chinese name, if the file has one nationally.
    #[must_use]
    pub fn name(&self) -> Option<crate::city::Name> {
        file_name(self.sfi)
    }
}

/// English and Chinese name of a file, if it has one nationally.
#[must_use]
pub fn file_name(sfi: Sfi) -> Option<crate::city::Name> {
    let (en, zh) = match sfi {
        Sfi::PUBLIC => ("public application basic data", "公共应用基本信息"),
        Sfi::HOLDER => ("holder data", "持卡人基本信息"),
        Sfi::TRANSIT => ("management data", "管理信息"),
        Sfi::TRANSACTIONS => ("transaction detail", "交易明细"),
        Sfi::LOCAL => ("local records", "地方预留"),
        Sfi::COMPOSITE => ("composite records", "复合消费记录"),
        Sfi::TRIPS => ("trip records", "乘车明细"),
        _ => return None,
    };
    Some(crate::city::Name { en, zh })
}

const fn transparent(sfi: Sfi, size: u16) -> FileSpec {
    FileSpec {
        sfi,
        kind: FileKind::Transparent,
        read: ReadRight::FREE,
        write: WriteRight::SECURE,
        record_max: 0,
        size,
    }
}

const fn records(sfi: Sfi, kind: FileKind, write: WriteRight, max: u8, count: u16) -> FileSpec {
    FileSpec {
        sfi,
        kind,
        read: ReadRight::FREE,
        write,
        record_max: max,
        size: count * max as u16,
    }
}

/// The files of an ordinary card.
///
/// Kinds, sizes and rights as seen in public implementations; exact rights of 0x16 and 0x17 are
/// not known.
pub const FILES: &[FileSpec] = &[
    transparent(Sfi::PUBLIC, 30),
    transparent(Sfi::HOLDER, 55),
    transparent(Sfi::TRANSIT, 60),
    records(
        Sfi::TRANSACTIONS,
        FileKind::Cyclic,
        WriteRight::CARD,
        23,
        10,
    ),
    records(
        Sfi::LOCAL,
        FileKind::Linear,
        WriteRight::SECURE.or(WriteRight::CACHE),
        48,
        4,
    ),
    records(
        Sfi::COMPOSITE,
        FileKind::Linear,
        WriteRight::SECURE
            .or(WriteRight::QUICK)
            .or(WriteRight::CACHE),
        128,
        4,
    ),
    records(Sfi::TRIPS, FileKind::Cyclic, WriteRight::CACHE, 48, 30),
];

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

/// A quirk of one line of real cards.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// A short name for commands and files.
    pub name: &'static str,
    /// English: whose cards, and what about them.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
    /// Label and priority in the FCI.
    pub label: Option<(&'static [u8], u8)>,
    /// Version in the FCI.
    pub version: &'static [u8],
    /// Display name in the FCI.
    pub display_name: Option<&'static [u8]>,
    /// Zero bytes at the end of the FCI.
    pub padding: u8,
    /// P1 of GET BALANCE that the card knows, bit by bit.
    pub balance_kinds: u8,
    /// Local records (file 0x19): longest record and how many.
    pub local: (u8, u16),
    /// Whether the rail record carries Shanghai's CRC.
    pub rail_crc: bool,
}

const PLAIN: Style = Style {
    name: "plain",
    en: "most cities: version 02, nothing else",
    zh: "多数城市：版本 02",
    label: None,
    version: &[0x02],
    display_name: None,
    padding: 0,
    balance_kinds: 0x0F,
    local: (48, 4),
    rail_crc: false,
};

/// Styles of cards that were seen; the first is the ordinary one.
pub const STYLES: &[Style] = &[
    PLAIN,
    Style {
        name: "shanghai",
        en: "Shanghai: CRC in the rail record, balances by P1 00 and 01",
        zh: "上海：轨道记录带校验码，余额 P1 为 00、01",
        balance_kinds: 0x03,
        rail_crc: true,
        ..PLAIN
    },
    Style {
        name: "labelled",
        en: "label, priority and display name in the FCI",
        zh: "FCI 带应用标签、优先级和显示名",
        label: Some((b"MOT_T_EP", 2)),
        display_name: Some(b"CARD IMAGE 0001"),
        ..PLAIN
    },
    Style {
        name: "version-3",
        en: "two version bytes 0030 and zero padding in the FCI",
        zh: "版本 0030，FCI 末尾补零",
        version: &[0x00, 0x30],
        padding: 4,
        ..PLAIN
    },
    Style {
        name: "old-balance",
        en: "GET BALANCE by P1 00 only, as the older text has it",
        zh: "只支持 P1 为 00 的读余额",
        balance_kinds: 0x01,
        ..PLAIN
    },
    Style {
        name: "large-local",
        en: "1024 bytes of local records",
        zh: "地方预留文件 1024 字节",
        local: (128, 8),
        ..PLAIN
    },
];

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
                name: [0x20; 20],
                identity: [0x20; 32],
                identity_kind: 0x20,
            },
            transit: TransitInfo {
                country: [0x00, 0x00, 0x01, 0x56],
                province: City([0x58, 0x00]),
                city: City([0x58, 0x40]),
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

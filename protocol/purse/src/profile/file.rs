//! The table of files: SFI, kind, rights, sizes.

use crate::city::Name;
use crate::command::Sfi;

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
    pub fn name(&self) -> Option<Name> {
        file_name(self.sfi)
    }
}

/// English and Chinese name of a file, if it has one nationally.
#[must_use]
pub fn file_name(sfi: Sfi) -> Option<Name> {
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
    Some(Name { en, zh })
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

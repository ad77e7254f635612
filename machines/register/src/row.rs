//! The tables of the register's file, and the values in them.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use tongtu_codec::{
    Be, Cn, Encoding, FieldError, Raw, closed, hex_decode, hex_encode, record, sole_byte,
};
use tongtu_types::{InstitutionCode, Timestamp, ValueError};

/// First bytes of a register.
pub(crate) const MAGIC: [u8; 4] = *b"TTIR";
/// The one format there is.
pub(crate) const FORMAT: u8 = 1;
/// Bytes of the check at the end of a row.
pub(crate) const CHECK_LEN: usize = 4;

/// How this crate's own values lie in its records.
#[derive(Debug)]
pub struct Listed;

closed! {
    /// Where an institution stands.
    Standing as Listed, "a standing of the table" {
        /// It takes part.
        Admitted = 0x01, "admitted", "在网";
        /// For the time being nobody links to it, nor does it link to anybody.
        Suspended = 0x02, "suspended", "暂停";
        /// It left, for good.
        Removed = 0x03, "removed", "退网";
    }
}

/// What an institution does in the network; several at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Roles(u8);

impl Roles {
    /// Exchanges and clears data (数据交换机构).
    pub const EXCHANGE: Self = Self(1);
    /// Issues codes and cards (发行机构).
    pub const ISSUER: Self = Self(2);
    /// Has terminals (受理机构).
    pub const ACQUIRER: Self = Self(4);
    /// Oversees (主管部门).
    pub const AUTHORITY: Self = Self(8);

    /// Every role with its English and Chinese word.
    pub const WORDS: &'static [(Self, &'static str, &'static str)] = &[
        (Self::EXCHANGE, "exchange", "数据交换机构"),
        (Self::ISSUER, "issuer", "发行机构"),
        (Self::ACQUIRER, "acquirer", "受理机构"),
        (Self::AUTHORITY, "authority", "主管部门"),
    ];

    /// These roles and others.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The role of an English word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let row = Self::WORDS.iter().find(|(_, en, _)| *en == word)?;
        Some(row.0)
    }
}

impl Encoding<Roles> for Listed {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Roles, FieldError> {
        let byte = sole_byte(bytes)?;
        if byte > 0x0F {
            return Err(FieldError::Character {
                at: 0,
                byte,
                expected: "the bits 01 to 08",
            });
        }
        Ok(Roles(byte))
    }

    fn encode(value: &Roles, out: &mut [u8]) -> Result<(), FieldError> {
        <Raw as Encoding<[u8; 1]>>::encode(&[value.0], out)
    }

    fn show(value: &Roles) -> String {
        let mut words = String::new();
        for (_, en, zh) in Roles::WORDS
            .iter()
            .filter(|(role, ..)| value.contains(*role))
        {
            if !words.is_empty() {
                words.push_str(", ");
            }
            words.push_str(zh);
            words.push(' ');
            words.push_str(en);
        }
        words
    }
}

/// Nobody, where an institution may stand: no code has such nibbles.
const NOBODY: [u8; 4] = [0xFF; 4];

impl Encoding<Option<InstitutionCode>> for Listed {
    const LETTER: &'static str = "cn";

    fn decode(bytes: &[u8]) -> Result<Option<InstitutionCode>, FieldError> {
        if bytes == NOBODY {
            return Ok(None);
        }
        Cn::decode(bytes).map(Some)
    }

    fn encode(value: &Option<InstitutionCode>, out: &mut [u8]) -> Result<(), FieldError> {
        match value {
            Some(code) => Cn::encode(code, out),
            None => <Raw as Encoding<[u8; 4]>>::encode(&NOBODY, out),
        }
    }

    fn show(value: &Option<InstitutionCode>) -> String {
        value.map_or_else(String::new, |code| code.as_str().into())
    }
}

/// An institution's name: 1 to 96 bytes of UTF-8 without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Bytes of the field.
    pub const LEN: usize = 96;

    /// Parses a name.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that no name has.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let what = "institution name";
        if text.is_empty() || text.len() > Self::LEN {
            return Err(ValueError::Length {
                what,
                found: text.len(),
                expected: "1 to 96 bytes of UTF-8",
            });
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
            return Err(ValueError::Character {
                what,
                at,
                expected: "text without control characters",
            });
        }
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Encoding<Name> for Listed {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Name, FieldError> {
        let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
        let text = core::str::from_utf8(&bytes[..end]).map_err(|error| {
            let at = error.valid_up_to();
            FieldError::Character {
                at,
                byte: bytes[at],
                expected: "UTF-8",
            }
        })?;
        Ok(Name::parse(text)?)
    }

    fn encode(value: &Name, out: &mut [u8]) -> Result<(), FieldError> {
        let text = value.0.as_bytes();
        if text.len() > out.len() {
            return Err(FieldError::TooLong {
                needed: text.len(),
                width: out.len(),
            });
        }
        out.fill(0);
        out[..text.len()].copy_from_slice(text);
        Ok(())
    }

    fn show(value: &Name) -> String {
        value.0.clone()
    }
}

/// SHA-256 of a certificate's DER, as every TLS tool prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex_encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = ValueError;

    /// Reads 64 hexadecimal digits; colons between bytes, as OpenSSL prints them, are skipped.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (what, expected) = ("fingerprint", "64 hexadecimal digits");
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        if let Some(at) = digits.find(|c: char| !c.is_ascii_hexdigit()) {
            return Err(ValueError::Character { what, at, expected });
        }
        let found = digits.len();
        let bytes = hex_decode(&digits).ok().and_then(|b| b.try_into().ok());
        bytes.map(Self).ok_or(ValueError::Length {
            what,
            found,
            expected,
        })
    }
}

impl Encoding<Fingerprint> for Listed {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Fingerprint, FieldError> {
        <Raw as Encoding<[u8; 32]>>::decode(bytes).map(Fingerprint)
    }

    fn encode(value: &Fingerprint, out: &mut [u8]) -> Result<(), FieldError> {
        <Raw as Encoding<[u8; 32]>>::encode(&value.0, out)
    }

    fn show(value: &Fingerprint) -> String {
        hex_encode(&value.0)
    }
}

record! {
    /// Head of an institution register.
    ///
    /// The rows of institutions and of links follow, then the nation's SM2 signature r || s over
    /// all bytes before it. A check is the first four bytes of SM3 over the row before it: it
    /// proves nothing, and tells which row is damaged when the signature does not hold.
    pub struct RegisterHead: 29 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTIR", "文件标志";
        [4..5] format: u8 as Be, Ours, "format, 01", "格式版本";
        [5..13] version: u64 as Be, Ours, "version, from 1, always rising", "登记版本";
        [13..21] published_at: Timestamp as Be, Ours, "when, Unix seconds UTC", "发布时间";
        [21..23] institutions: u16 as Be, Ours, "rows of institutions", "机构行数";
        [23..25] links: u16 as Be, Ours, "rows of links", "链路证书行数";
        [25..29] check: [u8; 4] as Raw, Ours, "check of this row", "校验";
    }
}

record! {
    /// An institution of the register.
    pub struct InstitutionRow: 214 {
        [0..4] code: InstitutionCode as Cn, Ours, "institution, role digit 0 instead of 1", "机构代码";
        [4..5] roles: Roles as Listed, Ours,
            "01 exchange, 02 issuer, 04 acquirer, 08 authority", "机构角色";
        [5..6] standing: Standing as Listed, Ours,
            "01 admitted, 02 suspended, 03 removed", "状态";
        [6..14] since: Timestamp as Be, Ours, "since when it stands so", "状态起始时间";
        [14..18] successor: Option<InstitutionCode> as Listed, Ours,
            "who took over what it did, FFFFFFFF for none", "承接机构";
        [18..114] name_zh: Name as Listed, Ours, "Chinese name, UTF-8, filled with 00", "中文名称";
        [114..210] name_en: Name as Listed, Ours, "English name, UTF-8, filled with 00", "英文名称";
        [210..214] check: [u8; 4] as Raw, Ours, "check of this row", "校验";
    }
}

record! {
    /// A link certificate of the register.
    pub struct LinkRow: 56 {
        [0..4] institution: InstitutionCode as Cn, Ours, "whose it is", "所属机构";
        [4..36] fingerprint: Fingerprint as Listed, Ours,
            "SHA-256 of the certificate's DER", "证书指纹";
        [36..44] from: Timestamp as Be, Ours, "first moment", "生效时间";
        [44..52] until: Timestamp as Be, Ours, "first moment after its term", "失效时间";
        [52..56] check: [u8; 4] as Raw, Ours, "check of this row", "校验";
    }
}

//! Tails: the tagged items after the fixed part of CQ, CD and CL records.

mod card;
mod cash;
mod ride;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::{FieldError, FieldView};

pub use card::{CdTail, ClCardTail};
pub use cash::{CashItems, ClCashTail};
pub use ride::{ClTail, CqTail};

/// The longest tail of a CQ or CD record, in bytes.
// UNSPECIFIED: 256 is what block 3 is said to have; a hub must verify a code ride again from
// the terminal's raw record, which alone takes up to 1500, so we allow 2048.
pub const CQ_TAIL_MAX: usize = 2048;

/// The longest tail of a CL record, in bytes.
pub const CL_TAIL_MAX: usize = 1024;

/// A tail item's tag: four digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TailTag(u16);

/// What a known tail item is.
#[derive(Debug, Clone, Copy)]
pub struct TailSpec {
    /// Its tag.
    pub tag: TailTag,
    /// Its name.
    pub name: &'static str,
    /// English title.
    pub en: &'static str,
    /// Chinese title.
    pub zh: &'static str,
    /// How its characters are read.
    pub form: &'static str,
}

macro_rules! tail_items {
    ($($value:ident = $number:literal, $name:literal, $en:literal, $zh:literal, $form:literal;)*) => {
        impl TailTag {
            $(
                #[doc = concat!($en, " (", $zh, "): ", $form, ".")]
                pub const $value: Self = Self($number);
            )*
        }

        /// The items that have a name here, in ascending order of their tags.
        pub const TAIL_ITEMS: &[TailSpec] = &[
            $(TailSpec { tag: TailTag::$value, name: $name, en: $en, zh: $zh, form: $form },)*
        ];
    };
}

// 2001 to 2009 are seen in a live file of code rides; 2101 and on are ours, far enough from
// the others (up to 2038) not to meet them.
tail_items! {
    RIDE_RECORD = 2001, "ride_record", "ride record", "乘车记录", "upper-case hex of all its bytes, the raw code inside";
    CONSUMPTION = 2002, "consumption", "consumption type", "消费类型", "one digit, 0 one scan, 1 two";
    SCANNED_AT = 2003, "scanned_at", "scan time", "扫码时间", "yyyymmddhhmmss, China time";
    LINE = 2005, "line", "line", "线路", "1 to 6 characters";
    TERMINAL = 2009, "terminal", "terminal number", "终端机编号", "12 digits";
    RECORD_ID = 2101, "record_id", "record id", "记录标识", "43 digits";
    GENERATED_AT = 2102, "generated_at", "code generation time", "二维码生成时间", "Unix seconds, 1 to 10 digits";
    ACCOUNT = 2103, "account", "user account number", "用户账户号", "1 to 20 digits";
    RIDE_CODE = 2104, "ride_code", "ride code", "乘车二维码", "upper-case hex of its 332 to 364 bytes";
    PSAM_TERMINAL = 2111, "psam_terminal", "terminal number of the PSAM", "PSAM终端机编号", "12 hex digits";
    TERMINAL_SERIAL = 2112, "terminal_serial", "terminal serial of the PSAM", "终端交易序号", "8 hex digits";
    KIND = 2113, "kind", "trade type of the purse", "交易类型标识", "2 hex digits";
    TAC = 2114, "tac", "TAC", "交易验证码", "8 hex digits";
    KEY_VERSION = 2115, "key_version", "key version", "密钥版本", "2 hex digits";
    KEY_INDEX = 2116, "key_index", "key index", "密钥索引", "2 hex digits";
    ISSUER_ID = 2117, "issuer_id", "issuer id of the card", "发卡机构标识", "16 hex digits";
    RANDOM = 2118, "random", "pseudo-random number of the card", "伪随机数", "8 characters";
    BALANCE_AFTER = 2119, "balance_after", "balance after", "交易后余额", "8 hex digits";
    STATE = 2120, "state", "trade state of block 3", "交易状态", "2 digits";
    DEBITED = 2121, "debited", "what left the card", "卡内扣款金额", "8 hex digits";
    TOLD = 2122, "told", "elements of the cryptogram that the card was told", "已告知卡片的数据", "2 hex digits";
    CASH = 2123, "cash", "e-cash block of the CD record", "电子现金段", "its characters as they came";
}

impl TailTag {
    /// Takes a number of at most four digits.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= 9999 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What is known of it.
    #[must_use]
    pub fn spec(self) -> Option<&'static TailSpec> {
        TAIL_ITEMS.iter().find(|spec| spec.tag == self)
    }

    /// Its name, `item` if it has none here.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().map_or("item", |spec| spec.name)
    }
}

impl fmt::Display for TailTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl fmt::Debug for TailTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One tail item: a tag and printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailItem {
    tag: TailTag,
    value: String,
}

impl TailItem {
    /// Its tag.
    #[must_use]
    pub const fn tag(&self) -> TailTag {
        self.tag
    }

    /// Its characters.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Bytes it takes in a tail.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + self.value.len()
    }
}

/// Tag and length: four digits each.
const HEAD_LEN: usize = 8;

/// What is wrong with a tail, at which byte and item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tail byte {at}: {fault}")]
pub struct TailError {
    /// 0-based offset in the tail of the item that is wrong.
    pub at: usize,
    /// The item's tag, if it could be read.
    pub tag: Option<TailTag>,
    /// What is wrong.
    pub fault: TailFault,
}

/// What is wrong with a tail or one of its items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TailFault {
    /// An item that must be there is not.
    #[error("item {0} is missing")]
    Missing(TailTag),
    /// An item that may be there once is there twice.
    #[error("item {0} is there twice")]
    Repeated(TailTag),
    /// The whole tail is too long.
    #[error("tail of {found} bytes, expected at most {max}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// An item that does not hold.
    #[error(transparent)]
    Item(#[from] FieldError),
}

/// A tail: items in the order in which they came, known or not.
///
/// Form: each item is a tag of four digits, a length of four digits and so many printable
/// ASCII characters; items follow each other without anything between.
// UNSPECIFIED: whether the length counts characters or, for hex, the bytes behind them; a
// live file of another layout counts bytes for hex. We count characters for every item, so
// that an item can be passed over without knowing what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    items: Vec<TailItem>,
}

impl Tail {
    /// A tail without items.
    #[must_use]
    pub const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Reads a tail to its last byte.
    ///
    /// # Errors
    /// [`TailError`] naming the first item that does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, TailError> {
        let mut items = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (tag, value) = item(&bytes[at..]).map_err(|(tag, error)| TailError {
                at,
                tag,
                fault: TailFault::Item(error),
            })?;
            at += HEAD_LEN + value.len();
            items.push(TailItem {
                tag,
                value: value.to_string(),
            });
        }
        Ok(Self { items })
    }

    /// Appends an item.
    ///
    /// # Errors
    /// [`TailError`] for more than 9999 characters or one that is not printable ASCII.
    pub fn push(&mut self, tag: TailTag, value: &str) -> Result<(), TailError> {
        let wrong = |error| TailError {
            at: self.encoded_len(),
            tag: Some(tag),
            fault: TailFault::Item(error),
        };
        if value.len() > 9999 {
            return Err(wrong(FieldError::TooLong {
                needed: value.len(),
                width: 9999,
            }));
        }
        printable(value.as_bytes()).map_err(wrong)?;
        self.items.push(TailItem {
            tag,
            value: value.to_string(),
        });
        Ok(())
    }

    /// The items, in order.
    #[must_use]
    pub fn items(&self) -> &[TailItem] {
        &self.items
    }

    /// The first item of a tag.
    #[must_use]
    pub fn get(&self, tag: TailTag) -> Option<&str> {
        self.items
            .iter()
            .find(|item| item.tag == tag)
            .map(TailItem::value)
    }

    /// Bytes that the tail takes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.items.iter().map(TailItem::encoded_len).sum()
    }

    /// Appends the tail's bytes.
    ///
    /// # Errors
    /// [`TailFault::TooLong`] when they are more than `max`.
    pub(crate) fn encode_into(&self, max: usize, out: &mut Vec<u8>) -> Result<(), TailError> {
        self.check_len(max)?;
        for item in &self.items {
            let head = alloc::format!("{:04}{:04}", item.tag.0, item.value.len());
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(item.value.as_bytes());
        }
        Ok(())
    }

    fn check_len(&self, max: usize) -> Result<(), TailError> {
        let found = self.encoded_len();
        if found <= max {
            return Ok(());
        }
        Err(TailError {
            at: max,
            tag: None,
            fault: TailFault::TooLong { found, max },
        })
    }

    /// The only item of a tag, with its offset, if there is one.
    fn only(&self, tag: TailTag) -> Result<Option<(usize, &str)>, TailError> {
        let mut found = None;
        let mut at = 0;
        for item in &self.items {
            if item.tag == tag {
                if found.is_some() {
                    return Err(TailError {
                        at,
                        tag: Some(tag),
                        fault: TailFault::Repeated(tag),
                    });
                }
                found = Some((at, item.value()));
            }
            at += item.encoded_len();
        }
        Ok(found)
    }

    /// The only item of a tag, read as what it is, if there is one.
    fn optional<T>(
        &self,
        tag: TailTag,
        read: impl Fn(&str) -> Result<T, FieldError>,
    ) -> Result<Option<T>, TailError> {
        let Some((at, value)) = self.only(tag)? else {
            return Ok(None);
        };
        read(value).map(Some).map_err(|error| TailError {
            at,
            tag: Some(tag),
            fault: TailFault::Item(error),
        })
    }

    /// The only item of a tag, read as what it is; it must be there.
    fn required<T>(
        &self,
        tag: TailTag,
        read: impl Fn(&str) -> Result<T, FieldError>,
    ) -> Result<T, TailError> {
        self.optional(tag, read)?.ok_or_else(|| TailError {
            at: self.encoded_len(),
            tag: Some(tag),
            fault: TailFault::Missing(tag),
        })
    }
}

/// Reads the first item of `bytes`.
fn item(bytes: &[u8]) -> Result<(TailTag, &str), (Option<TailTag>, FieldError)> {
    let four = |from: usize| {
        let digits = bytes.get(from..from + 4).ok_or(FieldError::Truncated {
            needed: HEAD_LEN,
            found: bytes.len(),
        })?;
        let number = <tongtu_codec::Digits as tongtu_codec::Encoding<u64>>::decode(digits)?;
        Ok(u16::try_from(number).expect("four digits"))
    };
    let tag = TailTag(four(0).map_err(|error| (None, error))?);
    let wrong = |error| (Some(tag), error);
    let len = usize::from(four(4).map_err(wrong)?);
    let rest = &bytes[HEAD_LEN..];
    let value = rest
        .get(..len)
        .ok_or(FieldError::Truncated {
            needed: len,
            found: rest.len(),
        })
        .map_err(wrong)?;
    Ok((tag, printable(value).map_err(wrong)?))
}

fn printable(value: &[u8]) -> Result<&str, FieldError> {
    if let Some(at) = value.iter().position(|b| !(0x20..=0x7E).contains(b)) {
        let expected = "printable ASCII";
        return Err(FieldError::Character {
            at,
            byte: value[at],
            expected,
        });
    }
    Ok(core::str::from_utf8(value).expect("printable ASCII is UTF-8"))
}

/// Every item that is there, good or bad, and after the first unreadable one the rest as it is.
pub(crate) fn describe(bytes: &[u8], base: usize) -> Vec<FieldView> {
    let mut views = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let view = |tag: Option<TailTag>, len: usize, value| {
            let spec = tag.and_then(TailTag::spec);
            FieldView {
                name: spec.map_or("item", |spec| spec.name),
                en: spec.map_or("tail item", |spec| spec.en),
                zh: spec.map_or("附加项", |spec| spec.zh),
                offset: base + at,
                bytes: bytes[at..at + len].to_vec(),
                value,
            }
        };
        match item(&bytes[at..]) {
            Ok((tag, value)) => {
                let len = HEAD_LEN + value.len();
                let shown = ride::show(tag, value).map(|text| alloc::format!("{tag}: {text}"));
                views.push(view(Some(tag), len, shown));
                at += len;
            }
            Err((tag, error)) => {
                views.push(view(tag, bytes.len() - at, Err(error)));
                at = bytes.len();
            }
        }
    }
    views
}

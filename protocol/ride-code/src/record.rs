//! The ride record (乘车记录) that a terminal leaves for clearing.
//!
//! Form: `00 00 00 01 00`, then items: tag 2 bytes, length 2 bytes big-endian, content.
//! Tag 0011 is the SM3 of all bytes before it; tag 0018 our terminal's SM2 signature over
//! everything before it. Items 0001 to 0011 are as published files carry them; 0012 to 0018
//! are ours and come after, so that an older reader finds the record it knows in front.
//! Unknown tags are kept.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tongtu_codec::{Cn, DecodeError, Encoding as _, FieldError, Reader, hex_encode};
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};
use tongtu_types::{Fen, LineCode, RecordId, StationCode, Timestamp, VehicleCode};

use crate::Verdict;

mod each;

/// What every record begins with.
pub const RECORD_HEAD: [u8; 5] = [0, 0, 0, 1, 0];
/// No record is longer; anything above is refused before it is read.
pub const RECORD_LEN_MAX: usize = 1024;

/// Tags of the record's items.
pub mod tag {
    #![allow(
        missing_docs,
        reason = "each name is the item's own, listed in TAGS with both titles"
    )]
    pub const RIDE_CODE: u16 = 0x0001;
    pub const TERMINAL_MODEL: u16 = 0x0002;
    pub const TERMINAL_ID: u16 = 0x0003;
    pub const SOFTWARE: u16 = 0x0004;
    pub const RECORD_ID: u16 = 0x0005;
    pub const MERCHANT_CATEGORY: u16 = 0x0006;
    pub const CONSUMPTION: u16 = 0x0007;
    pub const CURRENCY: u16 = 0x0008;
    pub const AMOUNT: u16 = 0x0009;
    pub const VEHICLE: u16 = 0x000A;
    pub const DRIVER: u16 = 0x000C;
    pub const LINE: u16 = 0x000D;
    pub const SCANNED_AT: u16 = 0x0010;
    pub const DIGEST: u16 = 0x0011;
    pub const DIRECTION: u16 = 0x0012;
    pub const STATION: u16 = 0x0013;
    pub const POSITION: u16 = 0x0014;
    pub const FARE_VERSION: u16 = 0x0015;
    pub const RESULT: u16 = 0x0016;
    pub const TERMINAL_CERTIFICATE: u16 = 0x0017;
    pub const TERMINAL_SIGNATURE: u16 = 0x0018;
}

/// Every tag with its English and Chinese title.
pub const TAGS: &[(u16, &str, &str)] = &[
    (tag::RIDE_CODE, "ride code, verbatim", "乘车码原文"),
    (
        tag::TERMINAL_MODEL,
        "terminal maker and model",
        "终端厂商型号",
    ),
    (tag::TERMINAL_ID, "terminal-side identifier", "终端侧标识"),
    (tag::SOFTWARE, "terminal software version", "终端软件版本"),
    (tag::RECORD_ID, "record id", "记录号"),
    (tag::MERCHANT_CATEGORY, "merchant category", "商户类型"),
    (
        tag::CONSUMPTION,
        "consumption type: 0 single, 1 two-scan",
        "消费类型：0单次、1双次",
    ),
    (tag::CURRENCY, "currency", "币种"),
    (tag::AMOUNT, "amount, BCD fen", "金额（分）"),
    (tag::VEHICLE, "vehicle", "车辆"),
    (tag::DRIVER, "driver", "司机"),
    (tag::LINE, "line", "线路"),
    (tag::SCANNED_AT, "scan time, Unix seconds UTC", "扫码时间"),
    (tag::DIGEST, "SM3 of all bytes before", "以上数据的SM3摘要"),
    (tag::DIRECTION, "0 single, 1 entry, 2 exit", "进出站标志"),
    (tag::STATION, "station", "站点"),
    (tag::POSITION, "position", "位置"),
    (tag::FARE_VERSION, "fare rule version", "票价规则版本"),
    (tag::RESULT, "result code", "结果码"),
    (
        tag::TERMINAL_CERTIFICATE,
        "terminal certificate serial",
        "终端证书序列号",
    ),
    (
        tag::TERMINAL_SIGNATURE,
        "terminal signature, r || s",
        "终端签名",
    ),
];

/// Merchant category of bus lines.
pub const CATEGORY_BUS: [u8; 4] = *b"4131";
/// Merchant category of metro lines.
///
/// UNSPECIFIED: seen for bus only; 4111 is the card world's number for commuter transport.
pub const CATEGORY_METRO: [u8; 4] = *b"4111";
/// Renminbi.
pub const CURRENCY_CNY: [u8; 3] = *b"156";

/// Single ride, entry or exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// One scan pays the ride.
    Single,
    /// First scan of two.
    Entry,
    /// Second scan of two.
    Exit,
}

impl Direction {
    const fn byte(self) -> u8 {
        match self {
            Self::Single => 0,
            Self::Entry => 1,
            Self::Exit => 2,
        }
    }

    /// As tag 0007 has it: 0 single, 1 two-scan.
    const fn consumption(self) -> u8 {
        match self {
            Self::Single => 0,
            Self::Entry | Self::Exit => 1,
        }
    }
}

/// A ride record's content; what the terminal knows at the moment of acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RideRecord {
    /// The ride code's bytes, verbatim.
    pub code: Vec<u8>,
    /// Terminal maker and model, 8 characters.
    pub model: [u8; 8],
    /// Terminal-side identifier, 8 characters.
    pub terminal_id: [u8; 8],
    /// Terminal software version, 10 characters.
    pub software: [u8; 10],
    /// The record's id.
    pub id: RecordId,
    /// Merchant category.
    pub category: [u8; 4],
    /// Amount charged; zero at entry.
    pub amount: Fen,
    /// Vehicle, if any.
    pub vehicle: Option<VehicleCode>,
    /// Line.
    pub line: LineCode,
    /// Scan time.
    pub scanned_at: Timestamp,
    /// Single, entry or exit.
    pub direction: Direction,
    /// Station or stop, if any.
    pub station: Option<StationCode>,
    /// Version of the fare rules that gave the amount.
    pub fare_version: u32,
    /// R00, or R14 when a rider over the limit was let out.
    pub result: Verdict,
    /// Serial of the terminal's certificate.
    pub terminal_serial: [u8; 4],
}

/// Why bytes are no ride record, or one that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// An item is cut off, missing or malformed.
    #[error("ride record: {0}")]
    Decode(#[from] DecodeError),
    /// Does not begin like a record.
    #[error("not a ride record: expected 00 00 00 01 00 in front")]
    Head,
    /// Longer than any record.
    #[error("ride record: {0} bytes, expected at most 1024")]
    TooLong(usize),
    /// A mandatory item is missing.
    #[error("ride record: item {tag:04x} is missing")]
    Missing {
        /// Its tag.
        tag: u16,
    },
    /// An item occurs twice.
    #[error("ride record: item {tag:04x} occurs twice")]
    Twice {
        /// Its tag.
        tag: u16,
    },
    /// An item's content is not what its tag calls for.
    #[error("ride record: item {tag:04x} is {found}, expected {expected}")]
    Content {
        /// Its tag.
        tag: u16,
        /// What was found: in hex where it is short, by its length where it could be a number of a
        /// card.
        found: String,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// The digest is not that of the bytes before it.
    #[error("ride record: digest in item 0011 is not the SM3 of the bytes before it")]
    Digest,
    /// The terminal's signature does not verify.
    #[error("ride record: terminal signature in item 0018 does not verify")]
    Signature,
    /// The amount cannot be carried.
    #[error("ride record: amount {0} does not fit eight BCD digits of fen")]
    Amount(Fen),
    /// The scan time cannot be carried.
    #[error("ride record: scan time {0} does not fit an unsigned 32-bit number of seconds")]
    Time(Timestamp),
}

/// One item of a record, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its tag.
    pub tag: u16,
    /// Offset of the tag in the record.
    pub offset: usize,
    /// Its content.
    pub content: &'a [u8],
}

/// Splits a record into its items without judging them.
///
/// # Errors
/// [`RecordError`] when the head is another, an item is cut off, or the whole is too long.
pub fn items(bytes: &[u8]) -> Result<Vec<Item<'_>>, RecordError> {
    if bytes.len() > RECORD_LEN_MAX {
        return Err(RecordError::TooLong(bytes.len()));
    }
    let mut reader = Reader::new("RideRecord", bytes);
    if reader
        .take("head", RECORD_HEAD.len())
        .map_err(|_| RecordError::Head)?
        != RECORD_HEAD
    {
        return Err(RecordError::Head);
    }
    let mut items = Vec::new();
    while !reader.is_at_end() {
        let offset = reader.offset();
        let tag = u16::try_from(reader.take_be("tag", 2)?).expect("two bytes");
        let len = usize::try_from(reader.take_be("length", 2)?).expect("two bytes");
        items.push(Item {
            tag,
            offset,
            content: reader.take("content", len)?,
        });
    }
    Ok(items)
}

impl RideRecord {
    /// Writes the record and signs it with the terminal's key.
    ///
    /// # Errors
    /// [`RecordError::Amount`] when the amount is negative or above 999 999.99 yuan.
    pub fn encode(&self, terminal_key: &SecretKey) -> Result<Vec<u8>, RecordError> {
        self.encode_with(&mut |message| terminal_key.sign(message))
    }

    /// Writes the record; `sign` makes the signature where the terminal's key lives, which is
    /// seldom in the terminal's own memory.
    ///
    /// # Errors
    /// As [`RideRecord::encode`].
    pub fn encode_with(
        &self,
        sign: &mut dyn FnMut(&[u8]) -> Signature,
    ) -> Result<Vec<u8>, RecordError> {
        let mut amount = [0; 4];
        Cn::encode(&self.amount, &mut amount).map_err(|_| RecordError::Amount(self.amount))?;
        let scanned_at = self
            .scanned_at
            .as_u32()
            .ok_or(RecordError::Time(self.scanned_at))?
            .to_be_bytes();
        let mut out = RECORD_HEAD.to_vec();
        let put = |out: &mut Vec<u8>, tag: u16, content: &[u8]| {
            out.extend(tag.to_be_bytes());
            out.extend(
                u16::try_from(content.len())
                    .expect("items are short")
                    .to_be_bytes(),
            );
            out.extend(content);
        };
        put(&mut out, tag::RIDE_CODE, &self.code);
        put(&mut out, tag::TERMINAL_MODEL, &self.model);
        put(&mut out, tag::TERMINAL_ID, &self.terminal_id);
        put(&mut out, tag::SOFTWARE, &self.software);
        put(&mut out, tag::RECORD_ID, self.id.as_str().as_bytes());
        put(&mut out, tag::MERCHANT_CATEGORY, &self.category);
        put(&mut out, tag::CONSUMPTION, &[self.direction.consumption()]);
        put(&mut out, tag::CURRENCY, &CURRENCY_CNY);
        put(&mut out, tag::AMOUNT, &amount);
        if let Some(vehicle) = &self.vehicle {
            put(&mut out, tag::VEHICLE, &padded::<6>(vehicle.as_str()));
        }
        put(&mut out, tag::LINE, &padded::<6>(self.line.as_str()));
        put(&mut out, tag::SCANNED_AT, &scanned_at);
        let digest = sm3::digest(&out);
        put(&mut out, tag::DIGEST, &digest);
        put(&mut out, tag::DIRECTION, &[self.direction.byte()]);
        if let Some(station) = &self.station {
            put(&mut out, tag::STATION, station.as_str().as_bytes());
        }
        put(
            &mut out,
            tag::FARE_VERSION,
            &self.fare_version.to_be_bytes(),
        );
        put(&mut out, tag::RESULT, self.result.code().as_bytes());
        put(&mut out, tag::TERMINAL_CERTIFICATE, &self.terminal_serial);
        let signature = sign(&out);
        put(&mut out, tag::TERMINAL_SIGNATURE, &signature.0);
        Ok(out)
    }

    /// Reads a record of ours: every item in place, the digest right. The signature is
    /// checked by [`check_signature`], which needs the terminal's key.
    ///
    /// # Errors
    /// [`RecordError`] naming the item.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let items = items(bytes)?;
        check_digest(bytes, &items)?;
        Self::read(&items)
    }

    /// Reads items whose digest was checked.
    fn read(items: &[Item<'_>]) -> Result<Self, RecordError> {
        let find = |tag: u16| find(items, tag);
        let need = |tag: u16| find(tag)?.ok_or(RecordError::Missing { tag });
        let text = |tag: u16, content: &[u8]| -> Result<String, RecordError> {
            let end = content
                .iter()
                .rposition(|b| *b != b' ')
                .map_or(0, |i| i + 1);
            core::str::from_utf8(&content[..end])
                .map(ToString::to_string)
                .map_err(|_| content_error(tag, content, "ASCII"))
        };
        let parse_error =
            |tag: u16, content: &[u8], expected| content_error(tag, content, expected);

        let id = text(tag::RECORD_ID, need(tag::RECORD_ID)?)?;
        let id = RecordId::parse(&id)
            .map_err(|_| parse_error(tag::RECORD_ID, id.as_bytes(), "43 digits"))?;
        let raw_amount = need(tag::AMOUNT)?;
        let amount: Fen = Cn::decode(raw_amount)
            .map_err(|_| parse_error(tag::AMOUNT, raw_amount, "BCD digits"))?;
        let vehicle = match find(tag::VEHICLE)? {
            None => None,
            Some(content) => Some(
                VehicleCode::parse(&text(tag::VEHICLE, content)?)
                    .map_err(|_| parse_error(tag::VEHICLE, content, "1 to 6 characters"))?,
            ),
        };
        let line = need(tag::LINE)?;
        let line = LineCode::parse(&text(tag::LINE, line)?)
            .map_err(|_| parse_error(tag::LINE, line, "1 to 6 characters"))?;
        let scanned_at = u32::from_be_bytes(fixed(tag::SCANNED_AT, need(tag::SCANNED_AT)?)?);
        let raw_direction = need(tag::DIRECTION)?;
        let direction = match raw_direction {
            [0] => Direction::Single,
            [1] => Direction::Entry,
            [2] => Direction::Exit,
            _ => return Err(parse_error(tag::DIRECTION, raw_direction, "0, 1 or 2")),
        };
        let consumption = need(tag::CONSUMPTION)?;
        if consumption != [direction.consumption()] {
            return Err(parse_error(
                tag::CONSUMPTION,
                consumption,
                "what item 0012 implies",
            ));
        }
        let currency = need(tag::CURRENCY)?;
        if currency != CURRENCY_CNY {
            return Err(parse_error(tag::CURRENCY, currency, "156"));
        }
        let station = match find(tag::STATION)? {
            None => None,
            Some(content) => Some(
                StationCode::parse(&text(tag::STATION, content)?)
                    .map_err(|_| parse_error(tag::STATION, content, "1 to 8 characters"))?,
            ),
        };
        let raw_result = need(tag::RESULT)?;
        let result = core::str::from_utf8(raw_result)
            .ok()
            .and_then(|t| t.parse().ok())
            .ok_or_else(|| parse_error(tag::RESULT, raw_result, "R00 to R20"))?;
        Ok(Self {
            code: need(tag::RIDE_CODE)?.to_vec(),
            model: fixed(tag::TERMINAL_MODEL, need(tag::TERMINAL_MODEL)?)?,
            terminal_id: fixed(tag::TERMINAL_ID, need(tag::TERMINAL_ID)?)?,
            software: fixed(tag::SOFTWARE, need(tag::SOFTWARE)?)?,
            id,
            category: fixed(tag::MERCHANT_CATEGORY, need(tag::MERCHANT_CATEGORY)?)?,
            amount,
            vehicle,
            line,
            scanned_at: Timestamp::new(i64::from(scanned_at)),
            direction,
            station,
            fare_version: u32::from_be_bytes(fixed(tag::FARE_VERSION, need(tag::FARE_VERSION)?)?),
            result,
            terminal_serial: fixed(tag::TERMINAL_CERTIFICATE, need(tag::TERMINAL_CERTIFICATE)?)?,
        })
    }
}

/// Checks item 0011 against the bytes before it.
///
/// # Errors
/// [`RecordError`] when it is missing or another.
pub fn check_digest(bytes: &[u8], items: &[Item<'_>]) -> Result<(), RecordError> {
    let digest = digest_item(items)?;
    if digest.content == sm3::digest(&bytes[..digest.offset]) {
        Ok(())
    } else {
        Err(RecordError::Digest)
    }
}

fn digest_item<'a>(items: &[Item<'a>]) -> Result<Item<'a>, RecordError> {
    let mut found = items.iter().filter(|i| i.tag == tag::DIGEST);
    found
        .next()
        .copied()
        .ok_or(RecordError::Missing { tag: tag::DIGEST })
}

/// Checks item 0018, the terminal's signature over everything before it, which must be last.
///
/// # Errors
/// [`RecordError`] when it is missing, not last, or does not verify.
pub fn check_signature(bytes: &[u8], key: &PublicKey) -> Result<(), RecordError> {
    let (signed, signature) = signed_part(bytes)?;
    key.verify(signed, &signature)
        .map_err(|_| RecordError::Signature)
}

/// What the terminal signed, and its signature in item 0018, which must be last; for whoever verifies
/// many together.
///
/// # Errors
/// [`RecordError`] when it is missing or not last.
pub fn signed_part(bytes: &[u8]) -> Result<(&[u8], Signature), RecordError> {
    let items = items(bytes)?;
    let last = items
        .last()
        .filter(|i| i.tag == tag::TERMINAL_SIGNATURE)
        .ok_or(RecordError::Missing {
            tag: tag::TERMINAL_SIGNATURE,
        })?;
    let signature = Signature(fixed(tag::TERMINAL_SIGNATURE, last.content)?);
    Ok((&bytes[..last.offset], signature))
}

fn find<'a>(items: &[Item<'a>], tag: u16) -> Result<Option<&'a [u8]>, RecordError> {
    let mut found = items.iter().filter(|i| i.tag == tag);
    let first = found.next().map(|i| i.content);
    if found.next().is_some() {
        return Err(RecordError::Twice { tag });
    }
    Ok(first)
}

fn fixed<const N: usize>(tag: u16, content: &[u8]) -> Result<[u8; N], RecordError> {
    content.try_into().map_err(|_| {
        let kind = FieldError::Truncated {
            needed: N,
            found: content.len(),
        };
        let field = TAGS.iter().find(|t| t.0 == tag).map_or("item", |t| t.1);
        RecordError::Decode(DecodeError {
            record: "RideRecord",
            field,
            offset: 0,
            kind,
        })
    })
}

fn content_error(tag: u16, content: &[u8], expected: &'static str) -> RecordError {
    let found = match content.len() {
        ..=8 => hex_encode(content),
        longer => alloc::format!("{longer} bytes"),
    };
    RecordError::Content {
        tag,
        found,
        expected,
    }
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [b' '; N];
    out[..text.len()].copy_from_slice(text.as_bytes());
    out
}

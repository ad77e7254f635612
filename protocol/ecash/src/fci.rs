//! What SELECT answers: file control information (文件控制信息, FCI) of the e-cash.
//!
//! Reading is tolerant (any order, padding, unknown objects kept); writing is canonical.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_codec::{Be, Encoding, FieldError, Raw, record};
use tongtu_types::CardNumber;

use crate::{CompositeSupport, Dol, EcashError, tag};

/// A card number as payment elements carry it: digits from the left, `F` behind them.
#[derive(Debug)]
pub(crate) struct NumberF;

impl Encoding<CardNumber> for NumberF {
    const LETTER: &'static str = "cn";

    fn decode(bytes: &[u8]) -> Result<CardNumber, FieldError> {
        let text = tongtu_codec::hex_encode(bytes);
        let digits = text.trim_end_matches('f');
        if let Some(at) = digits.bytes().position(|b| !b.is_ascii_digit()) {
            let at = at / 2;
            let byte = bytes[at];
            return Err(FieldError::NotBcd { at, byte });
        }
        Ok(CardNumber::parse(digits)?)
    }

    fn encode(value: &CardNumber, out: &mut [u8]) -> Result<(), FieldError> {
        let width = out.len() * 2;
        let text = alloc::format!("{:F<width$}", value.reveal());
        let bytes = tongtu_codec::hex_decode(&text).ok();
        match bytes {
            Some(bytes) if bytes.len() == out.len() => {
                out.copy_from_slice(&bytes);
                Ok(())
            }
            _ => Err(FieldError::TooLong {
                needed: text.len(),
                width,
            }),
        }
    }

    fn show(value: &CardNumber) -> String {
        value.reveal().into()
    }
}

record! {
    /// Transport data of a T-Union card (交通数据, DF11) in the FCI of its e-cash.
    pub struct TransportData: 32 {
        [0..8] issuer: [u8; 8] as Raw, Impl, "issuer id", "发卡机构标识";
        [8..9] flag: u8 as Be, Impl, "flag, 01", "标志";
        [9..19] number: CardNumber as NumberF, Impl, "card number", "卡号";
        [19..20] version: u8 as Be, Impl, "version, 01", "版本";
        [20..21] kind: u8 as Be, Impl, "card kind", "卡种类型";
        [21..25] country: [u8; 4] as Raw, Impl, "country code, 00000156", "国际代码";
        [25..27] province: [u8; 2] as Raw, Impl, "province code", "省级代码";
        [27..29] city: [u8; 2] as Raw, Impl, "city code", "城市代码";
        [29..31] interop: [u8; 2] as Raw, Impl, "interoperability class", "互通卡种";
        [31..32] reserved: [u8; 1] as Raw, Impl, "reserved", "预留";
    }
}

/// Where a log lies: its file and how many records it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry {
    /// Short file identifier.
    pub sfi: u8,
    /// Records kept.
    pub records: u8,
}

impl LogEntry {
    /// Reads the two bytes of 9F4D or DF4D.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [sfi, records] => Some(Self {
                sfi: *sfi,
                records: *records,
            }),
            _ => None,
        }
    }

    /// The two bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 2] {
        [self.sfi, self.records]
    }
}

/// What the issuer adds (BF0C).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IssuerDiscretionary {
    /// Segmented-fare support (DF61).
    pub composite: Option<CompositeSupport>,
    /// Transaction log (9F4D).
    pub log: Option<LogEntry>,
    /// Load log (DF4D).
    pub load_log: Option<LogEntry>,
    /// Transport data (DF11).
    pub transport: Option<TransportData>,
    /// Objects without a field here, in order.
    pub other: Vec<(Tag, Vec<u8>)>,
}

/// File control information of an e-cash.
///
/// Form: `6F { 84, A5 { 50, 87, 9F38, 5F2D, 9F11, 9F12, …, BF0C { DF61, 9F4D, DF4D, DF11 } } }`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fci {
    /// The selected AID, 5 to 16 bytes.
    pub name: Vec<u8>,
    /// Application label (50).
    pub label: Option<Vec<u8>>,
    /// Priority (87).
    pub priority: Option<u8>,
    /// What GET PROCESSING OPTIONS is to carry (9F38).
    pub pdol: Option<Dol>,
    /// Language preference (5F2D).
    pub language: Option<Vec<u8>>,
    /// Code table of the preferred name (9F11).
    pub code_table: Option<u8>,
    /// Preferred name (9F12).
    pub preferred_name: Option<Vec<u8>>,
    /// Objects of A5 without a field here, in order.
    pub other: Vec<(Tag, Vec<u8>)>,
    /// Issuer discretionary data.
    pub discretionary: Option<IssuerDiscretionary>,
}

const WHAT: &str = "FCI of an e-cash";

impl Fci {
    /// Reads what a card answered.
    ///
    /// # Errors
    /// [`EcashError`] when the structure breaks or a named element has another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, EcashError> {
        let fci = tlv::find(bytes, tag::FCI).map_err(EcashError::tlv(WHAT))?;
        let mut read = Self::default();
        for object in tlv::objects(fci) {
            let object = object.map_err(EcashError::tlv(WHAT))?;
            match object.tag {
                tag::DF_NAME => read.name = object.value.to_vec(),
                tag::FCI_PROPRIETARY => read.read_proprietary(object.value)?,
                _ => {}
            }
        }
        Ok(read)
    }

    /// Reads the content of A5, as personalisation hands it to the card.
    ///
    /// # Errors
    /// As [`Fci::parse`].
    pub fn parse_proprietary(name: &[u8], bytes: &[u8]) -> Result<Self, EcashError> {
        let mut read = Self {
            name: name.to_vec(),
            ..Self::default()
        };
        read.read_proprietary(bytes)?;
        Ok(read)
    }

    fn read_proprietary(&mut self, bytes: &[u8]) -> Result<(), EcashError> {
        for object in tlv::objects(bytes) {
            let object = object.map_err(EcashError::tlv(WHAT))?;
            let value = object.value;
            match object.tag {
                tag::LABEL => self.label = Some(value.to_vec()),
                tag::PRIORITY => self.priority = Some(one("priority", value)?),
                tag::PDOL => self.pdol = Some(Dol::parse(value)?),
                tag::LANGUAGE => self.language = Some(value.to_vec()),
                tag::CODE_TABLE => self.code_table = Some(one("code table index", value)?),
                tag::PREFERRED_NAME => self.preferred_name = Some(value.to_vec()),
                tag::FCI_DISCRETIONARY => {
                    self.discretionary = Some(IssuerDiscretionary::parse(value)?);
                }
                other => self.other.push((other, value.to_vec())),
            }
        }
        Ok(())
    }

    /// The whole answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = tlv::object(tag::DF_NAME, &self.name);
        tlv::write(tag::FCI_PROPRIETARY, &self.encode_proprietary(), &mut body);
        tlv::object(tag::FCI, &body)
    }

    /// The content of A5.
    #[must_use]
    pub fn encode_proprietary(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |tag, value: Option<&[u8]>| {
            if let Some(value) = value {
                tlv::write(tag, value, &mut out);
            }
        };
        put(tag::LABEL, self.label.as_deref());
        put(
            tag::PRIORITY,
            self.priority.as_ref().map(core::slice::from_ref),
        );
        put(tag::PDOL, self.pdol.as_ref().map(Dol::encode).as_deref());
        put(tag::LANGUAGE, self.language.as_deref());
        put(
            tag::CODE_TABLE,
            self.code_table.as_ref().map(core::slice::from_ref),
        );
        put(tag::PREFERRED_NAME, self.preferred_name.as_deref());
        for (tag, value) in &self.other {
            put(*tag, Some(value));
        }
        let discretionary = self.discretionary.as_ref().map(IssuerDiscretionary::encode);
        put(tag::FCI_DISCRETIONARY, discretionary.as_deref());
        out
    }

    /// Whether this is an e-cash by its content: an e-purse may stand under the same AID.
    #[must_use]
    pub const fn is_ecash(&self) -> bool {
        self.pdol.is_some()
    }
}

impl IssuerDiscretionary {
    fn parse(bytes: &[u8]) -> Result<Self, EcashError> {
        let mut read = Self::default();
        for object in tlv::objects(bytes) {
            let object = object.map_err(EcashError::tlv(WHAT))?;
            let value = object.value;
            match object.tag {
                tag::COMPOSITE_SUPPORT => {
                    let byte = one("segmented-fare support", value)?;
                    read.composite = Some(CompositeSupport([byte]));
                }
                tag::LOG_ENTRY => read.log = Some(log_entry(value)?),
                tag::LOAD_LOG_ENTRY => read.load_log = Some(log_entry(value)?),
                tag::TRANSPORT => read.transport = Some(TransportData::decode(value)?),
                other => read.other.push((other, value.to_vec())),
            }
        }
        Ok(read)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(CompositeSupport(bytes)) = &self.composite {
            tlv::write(tag::COMPOSITE_SUPPORT, bytes, &mut out);
        }
        if let Some(log) = self.log {
            tlv::write(tag::LOG_ENTRY, &log.bytes(), &mut out);
        }
        if let Some(log) = self.load_log {
            tlv::write(tag::LOAD_LOG_ENTRY, &log.bytes(), &mut out);
        }
        if let Some(transport) = &self.transport {
            let bytes = transport
                .encode()
                .expect("a card number has at most twenty digits");
            tlv::write(tag::TRANSPORT, &bytes, &mut out);
        }
        for (tag, value) in &self.other {
            tlv::write(*tag, value, &mut out);
        }
        out
    }
}

fn one(what: &'static str, value: &[u8]) -> Result<u8, EcashError> {
    match value {
        [byte] => Ok(*byte),
        _ => Err(EcashError::Length {
            what,
            found: value.len(),
            expected: "1",
        }),
    }
}

fn log_entry(value: &[u8]) -> Result<LogEntry, EcashError> {
    LogEntry::read(value).ok_or(EcashError::Length {
        what: "log entry",
        found: value.len(),
        expected: "2",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: &str = "6F81888408A000000632010106A57C500A4D4F545F545F43415348870101\
        9F381EDF60019F66049F02069F03069F1A0295055F2A029A039C019F21039F3704\
        BF0C43DF6101829F4D020B0ADF4D020C0ADF112005212482FFFFFFFF013104895199900000009F0101\
        00000156240024820001";

    fn bytes(hex: &str) -> Vec<u8> {
        tongtu_codec::hex_decode(hex).expect("hex")
    }

    fn card() -> Vec<u8> {
        // The shape of a card's answer; DF11 completed, number altered.
        let mut inner = bytes(
            "DF6101829F4D020B0ADF4D020C0ADF112005212482FFFFFFFF013104895199900000009F0101000001562400248200\
             0100",
        );
        inner = tlv::object(tag::FCI_DISCRETIONARY, &inner);
        let mut a5 = bytes(
            "500A4D4F545F545F434153488701019F381EDF60019F66049F02069F03069F1A0295055F2A029A039C019F21039F3704",
        );
        a5.extend(inner);
        let mut body = bytes("8408A000000632010106");
        tlv::write(tag::FCI_PROPRIETARY, &a5, &mut body);
        tlv::object(tag::FCI, &body)
    }

    #[test]
    fn a_cards_answer_is_read_and_written_back() {
        let fci = Fci::parse(&card()).expect("a card's answer");
        assert_eq!(fci.encode(), card());
        assert!(fci.is_ecash());
        let issuer = fci.discretionary.as_ref().expect("BF0C");
        assert_eq!(issuer.log.map(LogEntry::bytes), Some([0x0B, 10]));
        let transport = issuer.transport.as_ref().expect("DF11");
        assert_eq!(transport.city, [0x24, 0x82]);
        assert_eq!(transport.number.reveal(), "3104895199900000009");
    }

    #[test]
    fn a_contact_card_without_transport_data_is_read_and_written_back() {
        let a5 = bytes(
            "500A4D4F545F545F434153488701019F38099F7A019F02065F2A025F2D027A689F1101019F12044D4F5454\
             BF0C0A9F4D020B0ADF4D020C0A",
        );
        let fci = Fci::parse_proprietary(&[0xA0; 8], &a5).expect("seen on a card");
        assert_eq!(fci.encode_proprietary(), a5);
        assert_eq!(fci.language.as_deref(), Some(&b"zh"[..]));
    }

    #[test]
    fn padding_and_order_do_not_matter() {
        let fci = Fci::parse(&bytes(
            "6F10 A509 9F3803 9F6604 870101 00 8402A001"
                .replace(' ', "")
                .as_str(),
        ));
        assert_eq!(fci.expect("tolerant").name, [0xA0, 1]);
        assert!(Fci::parse(&bytes(&CARD[..60])).is_err(), "cut short");
    }

    proptest! {
        #[test]
        fn no_flipped_byte_panics_and_what_is_read_stays_readable(
            at in 0usize..150, bit in 0u8..8, cut in 0usize..150,
        ) {
            let mut changed = card();
            let len = changed.len();
            changed[at % len] ^= 1 << bit;
            changed.truncate(len - cut % len);
            if let Ok(fci) = Fci::parse(&changed) {
                prop_assert_eq!(Fci::parse(&fci.encode()).expect("our own"), fci);
            }
        }
    }
}

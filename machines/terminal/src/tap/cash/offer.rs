//! What a card's answers are held to before they are believed: form, mandatory elements, nothing
//! twice, nothing that contradicts itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_ecash::oda::{self, Evidence, OdaError, Trust, VerifyingKey};
use tongtu_ecash::{Afl, CryptogramKind, Dol, GpoAnswer, Iad, Values, tag};
use tongtu_purse::field::{Date, Serial};
use tongtu_tap_record::CashCheck;
use tongtu_types::{CardNumber, Timestamp};

use crate::tap::outcome::Refusal;

/// Records that one tap reads; a list that wants more is not believed. Twelve are seen.
const RECORDS_MAX: usize = 32;
/// Bytes of all values that a card may ask for.
const LIST_MAX: usize = 240;

/// Checks what a card asks for: it must be told amount, number and qualifiers whole, and what
/// its cryptogram covers in the width that its issuer will take it in.
pub(super) fn check_list(list: &Dol) -> Result<(), Refusal> {
    const WIDTHS: [(Tag, u8); 9] = [
        (tag::TTQ, 4),
        (tag::AMOUNT, 6),
        (tag::AMOUNT_OTHER, 6),
        (tag::TERMINAL_COUNTRY, 2),
        (tag::TVR, 5),
        (tag::CURRENCY, 2),
        (tag::DATE, 3),
        (tag::TRANSACTION_TYPE, 1),
        (tag::UNPREDICTABLE, 4),
    ];
    let bad = |tag| Refusal::CashData { tag };
    if list.data_len() > LIST_MAX {
        return Err(bad(tag::PDOL));
    }
    for tag in [tag::TTQ, tag::AMOUNT, tag::UNPREDICTABLE] {
        if !list.names(tag) {
            return Err(bad(tag));
        }
    }
    for (at, entry) in list.entries().iter().enumerate() {
        let width = WIDTHS.iter().find(|(tag, _)| *tag == entry.tag);
        let is_twice = list.entries()[..at].iter().any(|e| e.tag == entry.tag);
        if is_twice || width.is_some_and(|(_, width)| *width != entry.len) {
            return Err(bad(entry.tag));
        }
    }
    Ok(())
}

/// The card's answer to GET PROCESSING OPTIONS, approved.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) answer: GpoAnswer,
    pub(super) serial: Serial,
    pub(super) atc: u16,
    pub(super) iad: Vec<u8>,
    pub(super) cryptogram: [u8; 8],
    pub(super) cid: u8,
    pub(super) pan_sequence: u8,
    /// What is left after this payment, where the card says it.
    pub(super) left: Option<tongtu_ecash::Amount>,
    /// The records still to be read, the last one not among them.
    pub(super) records: Vec<(u8, u8, bool)>,
    pub(super) last: (u8, u8, bool),
}

/// What the answer says.
#[derive(Debug)]
pub(super) enum Offered {
    Approved(Box<Offer>),
    /// Declined; what the card has, where it says so.
    Declined(Option<tongtu_ecash::Amount>),
    /// The issuer is to be asked.
    Online,
}

/// Reads the answer to GET PROCESSING OPTIONS.
pub(super) fn read(data: &[u8]) -> Result<Offered, Refusal> {
    let bad = |tag| Refusal::CashData { tag };
    let body = whole(data, tag::ANSWER)?;
    let seen = once(body, tag::ANSWER)?;
    let answer = GpoAnswer::parse(data).map_err(|_| bad(tag::ANSWER))?;
    let tap = answer.tap.as_ref().ok_or(bad(tag::CRYPTOGRAM))?;
    for mandatory in [tag::ATC, tag::IAD, tag::TRACK2] {
        if !seen.contains_key(&mandatory) {
            return Err(bad(mandatory));
        }
    }
    let serial = track2_number(tap.track2.as_deref().unwrap_or_default());
    let serial = serial.ok_or(bad(tag::TRACK2))?;
    let iad = Iad::parse(&tap.iad).map_err(|_| bad(tag::IAD))?;
    if tap.iad.len() > 32 {
        return Err(bad(tag::IAD));
    }
    let kind = iad.cvr.kind().ok_or(bad(tag::IAD))?;
    if tap.cid.is_some_and(|cid| cid.kind() != Some(kind)) {
        return Err(bad(tag::CID));
    }
    if !tap.balances_agree() {
        return Err(bad(tag::AVAILABLE));
    }
    let left = tap.available.or(iad.balance());
    match kind {
        CryptogramKind::Approved => {}
        CryptogramKind::Declined => return Ok(Offered::Declined(left)),
        CryptogramKind::Online => return Ok(Offered::Online),
    }
    let ctq = tap.ctq.unwrap_or_default();
    if ctq.online_pin() || ctq.signature() {
        // Nobody is here to sign, and no keypad.
        return Ok(Offered::Online);
    }
    let afl = answer.afl.as_ref().ok_or(bad(tag::AFL))?;
    let mut records = listed(afl).ok_or(bad(tag::AFL))?;
    let last = records.pop().ok_or(bad(tag::AFL))?;
    // The last read pays; it must not be among those before the intent.
    let (sfi, number, _) = last;
    if records.iter().any(|(s, n, _)| (*s, *n) == (sfi, number)) {
        return Err(bad(tag::AFL));
    }
    let offer = Offer {
        serial,
        atc: tap.atc,
        iad: tap.iad.clone(),
        cryptogram: tap.cryptogram,
        cid: tap.cid.map_or(0x40, |cid| cid.0),
        pan_sequence: tap.pan_sequence.unwrap_or_default(),
        left,
        records,
        last,
        answer,
    };
    Ok(Offered::Approved(offer.into()))
}

fn listed(afl: &Afl) -> Option<Vec<(u8, u8, bool)>> {
    let records: Vec<_> = afl.records().take(RECORDS_MAX + 1).collect();
    (records.len() <= RECORDS_MAX).then_some(records)
}

/// The value of the one object that bytes are.
fn whole(data: &[u8], wanted: Tag) -> Result<&[u8], Refusal> {
    let mut objects = tlv::objects(data);
    match (objects.next(), objects.next()) {
        (Some(Ok(object)), None) if object.tag == wanted => Ok(object.value),
        _ => Err(Refusal::CashData { tag: wanted }),
    }
}

/// The objects of a template, none of them twice.
fn once(body: &[u8], template: Tag) -> Result<Values, Refusal> {
    let mut seen = Values::new();
    for object in tlv::objects(body) {
        let object = object.map_err(|_| Refusal::CashData { tag: template })?;
        if seen.insert(object.tag, object.value.to_vec()).is_some() {
            return Err(Refusal::CashData { tag: object.tag });
        }
    }
    Ok(seen)
}

/// Takes a record. What an earlier record said may be said again, but not otherwise: cards of
/// two algorithm sets are seen with their certificates in two places.
pub(super) fn add(
    reading: &mut oda::Reading,
    (sfi, _, is_signed): (u8, u8, bool),
    record: &[u8],
) -> Result<(), Refusal> {
    let body = whole(record, tag::RECORD)?;
    for (tag, value) in once(body, tag::RECORD)? {
        if reading.card.get(&tag).is_some_and(|held| *held != value) {
            return Err(Refusal::CashData { tag });
        }
    }
    let added = reading.add(sfi, record, is_signed);
    added.map_err(|_| Refusal::CashData { tag: tag::RECORD })
}

/// The card number before the separator of track 2.
fn track2_number(track2: &[u8]) -> Option<Serial> {
    let text = tongtu_codec::hex_encode(track2);
    let (digits, _) = text.split_once('d')?;
    serial_of(digits)
}

fn serial_of(digits: &str) -> Option<Serial> {
    let number = CardNumber::parse(digits).ok()?;
    (8..=19)
        .contains(&digits.len())
        .then(|| Serial::of(&number))
}

/// Which elements a card must have given before it is let on.
const MANDATORY: [Tag; 4] = [
    tag::PAN,
    tag::EXPIRY,
    tag::CA_INDEX,
    tag::ISSUER_CERTIFICATE,
];

/// What is known while records are read.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) serial: Serial,
    pub(super) reading: &'a oda::Reading,
    pub(super) trust: &'a Trust,
    pub(super) terminal: &'a Values,
    pub(super) today: Date,
    pub(super) now: Timestamp,
}

impl Claim<'_> {
    fn evidence<T>(self, use_it: impl FnOnce(Evidence<'_>) -> T) -> T {
        let static_data = self.reading.static_data();
        use_it(Evidence {
            card: &self.reading.card,
            static_data: &static_data,
            terminal: self.terminal,
        })
    }

    /// Number and dates, as far as they have been read.
    fn dates(self) -> Result<(), Refusal> {
        let card = &self.reading.card;
        if let Some(number) = card.get(&tag::PAN) {
            let text = tongtu_codec::hex_encode(number);
            if serial_of(text.trim_end_matches('f')) != Some(self.serial) {
                return Err(Refusal::CashData { tag: tag::PAN });
            }
        }
        if let Some(expiry) = card.get(&tag::EXPIRY) {
            let expires = date(expiry).ok_or(Refusal::CashData { tag: tag::EXPIRY })?;
            if self.today > expires {
                return Err(Refusal::Expired);
            }
        }
        if let Some(effective) = card.get(&tag::EFFECTIVE) {
            let starts = date(effective);
            let starts = starts.ok_or(Refusal::CashData {
                tag: tag::EFFECTIVE,
            })?;
            if self.today < starts {
                return Err(Refusal::NotStarted);
            }
        }
        Ok(())
    }

    /// Everything that can be checked before the card pays. What the last record may still
    /// bring is not missed yet.
    pub(super) fn check_early(self, last_is_signed: bool) -> Result<(), Refusal> {
        self.dates()?;
        if last_is_signed {
            // What the last record says is under the card's certificate; the issuer's stands alone.
            let issuer = oda::verify_issuer(self.trust, &self.reading.card, self.now);
            return match issuer {
                Err(error @ OdaError::Revoked { .. }) => Err(not_authentic(error)),
                Ok(_) | Err(_) => Ok(()),
            };
        }
        let verified = self.evidence(|e| oda::verify_card(self.trust, e, self.now));
        match verified {
            Ok(_) | Err(OdaError::Missing { .. }) => Ok(()),
            Err(error) => Err(not_authentic(error)),
        }
    }

    /// Everything: whose card it is, and that it signed this tap.
    pub(super) fn check(self) -> Result<CashCheck, Refusal> {
        for tag in MANDATORY {
            if !self.reading.card.contains_key(&tag) {
                return Err(Refusal::CashData { tag });
            }
        }
        self.dates()?;
        let verified = self.evidence(|e| oda::verify(self.trust, e, self.now));
        let card = verified.map_err(not_authentic)?;
        Ok(match card.key {
            VerifyingKey::Rsa(_) => CashCheck::Rsa,
            VerifyingKey::Sm2(_) => CashCheck::Sm2,
        })
    }
}

const fn not_authentic(error: OdaError) -> Refusal {
    match error {
        OdaError::Revoked { index, serial } => Refusal::IssuerRevoked { index, serial },
        error => Refusal::NotAuthentic(error),
    }
}

/// A date YYMMDD of this century.
fn date(bytes: &[u8]) -> Option<Date> {
    let [year, month, day] = *bytes else {
        return None;
    };
    let date = Date([0x20, year, month, day]);
    date.day().map(|_| date)
}

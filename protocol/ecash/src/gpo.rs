//! What GET PROCESSING OPTIONS answers.

use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};

use crate::{Afl, Aip, Amount, Cid, CryptogramKind, Ctq, EcashError, Iad, tag};

/// The answer to GET PROCESSING OPTIONS.
///
/// Form: template `77`: 82, 94, 9F36, 57, 9F10, 9F26, 5F34, 9F6C, 9F5D, 9F4B, as far as there;
/// for the long dialogue 82 and 94 alone, also as template `80`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpoAnswer {
    /// Application interchange profile.
    pub aip: Aip,
    /// Records to read; absent when the payment is refused or goes online.
    pub afl: Option<Afl>,
    /// What a single tap brings; absent in the long dialogue.
    pub tap: Option<Tap>,
}

/// The part of the answer that makes one tap a payment.
#[derive(Clone, PartialEq, Eq)]
pub struct Tap {
    /// Application transaction counter.
    pub atc: u16,
    /// Track 2 equivalent data.
    pub track2: Option<Vec<u8>>,
    /// Issuer application data as it came.
    pub iad: Vec<u8>,
    /// Application cryptogram; zeros for a pre-authorisation.
    pub cryptogram: [u8; 8],
    /// PAN sequence number.
    pub pan_sequence: Option<u8>,
    /// Cryptogram information data, where a card sends it.
    pub cid: Option<Cid>,
    /// Card transaction qualifiers.
    pub ctq: Option<Ctq>,
    /// Available offline amount, after this payment.
    pub available: Option<Amount>,
    /// Signed dynamic application data.
    pub signed_dynamic: Option<Vec<u8>>,
    /// Objects without a field here, in order.
    pub other: Vec<(Tag, Vec<u8>)>,
}

impl core::fmt::Debug for Tap {
    /// Without track 2, which holds the card number.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tap")
            .field("atc", &self.atc)
            .field("iad", &tongtu_codec::hex_encode(&self.iad))
            .field("cryptogram", &tongtu_codec::hex_encode(&self.cryptogram))
            .field("available", &self.available)
            .finish_non_exhaustive()
    }
}

impl Tap {
    /// What the cryptogram says: by CID, or by the card verification results.
    ///
    /// # Errors
    /// [`EcashError`] when the issuer application data does not hold.
    pub fn kind(&self) -> Result<Option<CryptogramKind>, EcashError> {
        match self.cid {
            Some(cid) => Ok(cid.kind()),
            None => Ok(Iad::parse(&self.iad)?.cvr.kind()),
        }
    }

    /// Whether the balance in the issuer data, if there, is the available amount, if there.
    #[must_use]
    pub fn balances_agree(&self) -> bool {
        let reported = Iad::parse(&self.iad).ok().and_then(|iad| iad.balance());
        match (reported, self.available) {
            (Some(reported), Some(available)) => reported == available,
            _ => true,
        }
    }
}

const WHAT: &str = "answer to GET PROCESSING OPTIONS";

impl GpoAnswer {
    /// Reads an answer in either template.
    ///
    /// # Errors
    /// [`EcashError`] when the structure breaks or an element has another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, EcashError> {
        if let Ok(plain) = tlv::find(bytes, tag::ANSWER_PLAIN) {
            let (aip, afl) = plain.split_at_checked(2).ok_or(EcashError::Length {
                what: WHAT,
                found: plain.len(),
                expected: "2 and the AFL",
            })?;
            return Ok(Self {
                aip: Aip::read(aip).expect("two bytes were taken"),
                afl: Some(Afl::parse(afl)?),
                tap: None,
            });
        }
        let body = tlv::find(bytes, tag::ANSWER).map_err(EcashError::tlv(WHAT))?;
        let mut aip = None;
        let mut afl = None;
        let mut tap = Tap {
            atc: 0,
            track2: None,
            iad: Vec::new(),
            cryptogram: [0; 8],
            pan_sequence: None,
            cid: None,
            ctq: None,
            available: None,
            signed_dynamic: None,
            other: Vec::new(),
        };
        let mut is_tap = false;
        for object in tlv::objects(body) {
            let object = object.map_err(EcashError::tlv(WHAT))?;
            let value = object.value;
            match object.tag {
                tag::AIP => aip = Some(Aip(fixed("AIP", value, "2")?)),
                tag::AFL => afl = Some(Afl::parse(value)?),
                tag::ATC => tap.atc = u16::from_be_bytes(fixed("ATC", value, "2")?),
                tag::TRACK2 => tap.track2 = Some(value.to_vec()),
                tag::IAD => tap.iad = value.to_vec(),
                tag::CRYPTOGRAM => {
                    tap.cryptogram = fixed("application cryptogram", value, "8")?;
                    is_tap = true;
                }
                tag::PAN_SEQUENCE => {
                    let [number] = fixed("PAN sequence number", value, "1")?;
                    tap.pan_sequence = Some(number);
                }
                tag::CID => {
                    let [cid] = fixed("CID", value, "1")?;
                    tap.cid = Some(Cid(cid));
                }
                tag::CTQ => tap.ctq = Some(Ctq(fixed("CTQ", value, "2")?)),
                tag::AVAILABLE => {
                    let amount = Amount::decode(value).map_err(|source| EcashError::Element {
                        tag: tag::AVAILABLE,
                        source,
                    })?;
                    tap.available = Some(amount);
                }
                tag::SIGNED_DYNAMIC => tap.signed_dynamic = Some(value.to_vec()),
                other => tap.other.push((other, value.to_vec())),
            }
        }
        Ok(Self {
            aip: aip
                .ok_or(tlv::TlvError::Missing { tag: tag::AIP })
                .map_err(EcashError::tlv(WHAT))?,
            afl,
            tap: is_tap.then_some(tap),
        })
    }

    /// The answer as a card sends it, template `77`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut put = |tag, value: &[u8]| tlv::write(tag, value, &mut out);
        put(tag::AIP, &self.aip.0);
        if let Some(afl) = &self.afl {
            put(tag::AFL, &afl.encode());
        }
        if let Some(tap) = &self.tap {
            put(tag::ATC, &tap.atc.to_be_bytes());
            if let Some(track2) = &tap.track2 {
                put(tag::TRACK2, track2);
            }
            put(tag::IAD, &tap.iad);
            put(tag::CRYPTOGRAM, &tap.cryptogram);
            if let Some(number) = tap.pan_sequence {
                put(tag::PAN_SEQUENCE, &[number]);
            }
            if let Some(cid) = tap.cid {
                put(tag::CID, &[cid.0]);
            }
            if let Some(ctq) = tap.ctq {
                put(tag::CTQ, &ctq.0);
            }
            if let Some(available) = tap.available {
                put(tag::AVAILABLE, &available.encode());
            }
            if let Some(signed) = &tap.signed_dynamic {
                put(tag::SIGNED_DYNAMIC, signed);
            }
            for (tag, value) in &tap.other {
                put(*tag, value);
            }
        }
        tlv::object(tag::ANSWER, &out)
    }
}

fn fixed<const N: usize>(
    what: &'static str,
    value: &[u8],
    expected: &'static str,
) -> Result<[u8; N], EcashError> {
    value.try_into().map_err(|_| EcashError::Length {
        what,
        found: value.len(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_apdu::{CardCommand as _, Command};

    use super::*;
    use crate::command::GetProcessingOptions;
    use crate::{Dol, Ttq};

    /// A published trace: a terminal that asks for an online cryptogram.
    const TRACE: &str = "774F82027C009F36020ADC57116299999999999999D20112010123456789\
        9F101307010103A00000010A010000038787868FD1FC9F2608AD03EE811AFAD4845F3401009F6C020000\
        9F5D06000000038787";

    #[test]
    fn the_published_trace_agrees_with_itself_and_is_written_back() {
        let bytes = tongtu_codec::hex_decode(TRACE).expect("hex");
        let answer = GpoAnswer::parse(&bytes).expect("published");
        assert_eq!(answer.encode(), bytes);
        let tap = answer.tap.expect("one tap");
        assert_eq!(tap.atc, 0x0ADC);
        assert!(tap.balances_agree());
        assert_eq!(tap.kind(), Ok(Some(CryptogramKind::Online)));
        assert_eq!(answer.afl, None);
        let mut other = tap;
        other.available = Some(Amount::ZERO);
        assert!(!other.balances_agree());
    }

    #[test]
    fn the_terminals_side_of_the_trace_is_what_its_pdol_asks_for() {
        let hex = |text: &str| tongtu_codec::hex_decode(text).expect("hex");
        let pdol = "9F66049F02069F03069F1A0295055F2A029A039C019F3704";
        let pdol = Dol::parse(&hex(pdol)).expect("published");
        let apdu =
            "80A8000023832136800000000000000001000000000000015600000000000156170601002B29EBE400";
        let command = Command::parse(&hex(apdu)).expect("published");
        let options = GetProcessingOptions::from_command(&command).expect("published");
        assert_eq!(options.to_command().encode(), Ok(hex(apdu)));
        let values = pdol
            .split(&options.values)
            .expect("as long as the list says");
        let ttq = Ttq::read(&values[&tag::TTQ]).expect("four bytes");
        assert!(ttq.qpboc() && ttq.contact() && ttq.online_required());
        assert_eq!(
            Amount::decode(&values[&tag::AMOUNT]).map(|a| a.fen().get()),
            Ok(1)
        );
        assert_eq!(values[&tag::UNPREDICTABLE], hex("2B29EBE4"));
        assert_eq!(pdol.fill(&values), options.values);
    }

    #[test]
    fn the_long_dialogue_answers_in_either_template() {
        let read = |hex: &str| GpoAnswer::parse(&tongtu_codec::hex_decode(hex).expect("hex"));
        let plain = read("80067C0010010200").expect("format 1");
        assert_eq!(read("770A82027C00940410010200"), Ok(plain));
        assert!(read("80017C").is_err());
        assert!(read("770482017C00").is_err());
    }

    proptest! {
        #[test]
        fn no_flipped_byte_panics(at in 0usize..80, bit in 0u8..8, cut in 0usize..80) {
            let mut changed = tongtu_codec::hex_decode(TRACE).expect("hex");
            let len = changed.len();
            changed[at % len] ^= 1 << bit;
            changed.truncate(len - cut % len);
            if let Ok(answer) = GpoAnswer::parse(&changed)
                && answer.tap.is_some()
            {
                prop_assert_eq!(GpoAnswer::parse(&answer.encode()).expect("our own"), answer);
            }
        }
    }
}

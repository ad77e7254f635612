//! Inspecting records on arrival: may they be stored, and are their codes genuine?

use tongtu_crypto::batch::{Signed, verify_batch};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_ride_code::record::{RecordError, RideRecord, items, signed_part, tag};
use tongtu_ride_code::{RideCode, Verdict, Verifier};
use tongtu_sql::{GreyRow, RideRow};
use tongtu_tap_record::{SignedError, TapRecord};
use tongtu_terminal::tap::ModuleReport;
use tongtu_types::{InstitutionCode, RecordId, TerminalNumber, Timestamp};

use crate::modules::{ModuleRefusal, Register, reported};
use crate::taps::Tap;
use crate::verifying::{Lent, Measured};
use crate::{Node, parallel, stored};

/// The longest record that goes into the tail of a file's line, in hex beside its other items.
const RECORD_LEN_MAX: usize = 930;

/// Whose records they must be.
pub(super) struct Sender {
    pub(super) acquirer: InstitutionCode,
    pub(super) terminal: TerminalNumber,
    pub(super) serial: Vec<u8>,
    pub(super) key: PublicKey,
    pub(super) modules: Register,
}

/// A record that may be stored.
pub(super) enum Found {
    /// A ride, and what its code is refused for if it is.
    Ride(RideRow, Option<Verdict>),
    Grey(GreyRow),
}

impl Found {
    pub(super) fn record(&self) -> &str {
        match self {
            Self::Ride(row, _) => &row.record,
            Self::Grey(row) => &row.record,
        }
    }
}

/// Why a record is refused.
pub(super) struct Unsound {
    /// Its id, where it could be read.
    pub(super) id: Option<RecordId>,
    pub(super) reason: String,
    /// Where its PSAM is why.
    pub(super) module: Option<Box<ModuleRefusal>>,
}

impl Unsound {
    const fn plain(id: Option<RecordId>, reason: String) -> Self {
        let module = None;
        Self { id, reason, module }
    }

    fn of_module(id: Option<RecordId>, module: ModuleRefusal) -> Self {
        Self {
            id,
            reason: module.reason.clone(),
            module: Some(module.into()),
        }
    }
}

/// A record as it was read, or why it is refused.
pub(super) type Inspected = Result<Found, Unsound>;

/// What the code of a record that may be stored is refused for.
pub(super) fn doubt(inspected: &Inspected) -> Option<Verdict> {
    match inspected {
        Ok(Found::Ride(_, doubt)) => *doubt,
        _ => None,
    }
}

impl Node {
    /// Inspects the records of one sender: signatures and codes are verified together.
    pub(super) fn inspect_all(&self, sender: &Sender, records: &[Vec<u8>]) -> Vec<Inspected> {
        let inspect = |verifier: &mut Lent<'_>, records: &[Vec<u8>]| {
            let mut inspected = sender.inspect_each(self, records);
            self.verify_codes(verifier, records, &mut inspected);
            inspected
        };
        parallel::map_together(records, || self.verifier(), inspect)
    }

    /// Verifies the codes of rides as the close of the day will, so that a terminal that takes what it
    /// should refuse is noticed while it is on the road. What they are stored for stays the day's to say.
    fn verify_codes(
        &self,
        verifier: &mut Verifier,
        records: &[Vec<u8>],
        inspected: &mut [Inspected],
    ) {
        let (mut rides, mut scanned) = (Vec::new(), Vec::new());
        for (bytes, inspected) in records.iter().zip(inspected) {
            if let Ok(Found::Ride(row, doubt)) = inspected
                && let Some(code) = code_of(bytes)
            {
                scanned.push((code, Timestamp::new(row.scanned_at)));
                rides.push(doubt);
            }
        }
        let verified = self.measured(Measured::Codes, scanned.len(), || {
            verifier.verify_ride_codes_again(&scanned)
        });
        for (doubt, verified) in rides.into_iter().zip(verified) {
            *doubt = verified.err();
        }
    }
}

/// The code in a record that was read as a ride by code.
fn code_of(bytes: &[u8]) -> Option<&[u8]> {
    if TapRecord::is_one(bytes) {
        return None;
    }
    let items = items(bytes).ok()?;
    let code = items.iter().find(|item| item.tag == tag::RIDE_CODE)?;
    Some(code.content)
}

/// A record that was read, and waits for its terminal's signature to be verified.
struct Begun<'a> {
    id: RecordId,
    bytes: &'a [u8],
    read: Read,
}

/// A record with what its terminal signed, and the signature.
type Signing<'a> = (Begun<'a>, &'a [u8], Signature);

/// What a record was read as.
enum Read {
    Ride(Box<RideRecord>),
    Tap(Box<Tap>),
}

impl<'a> Begun<'a> {
    /// What its terminal signed, and the signature.
    fn signed_part(&self) -> Result<(&'a [u8], Signature), Unsound> {
        let part = match self.read {
            Read::Ride(_) => signed_part(self.bytes).map_err(|error| error.to_string()),
            Read::Tap(_) => TapRecord::signed_part(self.bytes).map_err(|error| error.to_string()),
        };
        part.map_err(|reason| Unsound::plain(Some(self.id), reason))
    }

    /// Why it is refused where the signature is not its terminal's.
    fn forged(&self) -> Unsound {
        let reason = match self.read {
            Read::Ride(_) => RecordError::Signature.to_string(),
            Read::Tap(_) => SignedError::Signature.to_string(),
        };
        Unsound::plain(Some(self.id), reason)
    }
}

impl Sender {
    /// Inspects records; all their signatures are verified together.
    fn inspect_each(&self, node: &Node, records: &[Vec<u8>]) -> Vec<Inspected> {
        let begun: Vec<Result<Signing<'_>, Unsound>> = records
            .iter()
            .map(|bytes| {
                let begun = self.begin(bytes)?;
                let (signed, signature) = begun.signed_part()?;
                Ok((begun, signed, signature))
            })
            .collect();
        let asked: Vec<(&PublicKey, &[u8], Signature)> = begun
            .iter()
            .flatten()
            .map(|(_, signed, signature)| (&self.key, *signed, *signature))
            .collect();
        let verify = || verify_batch(&Signed::each(&asked));
        let held = node.measured(Measured::Signatures, asked.len(), verify);
        let mut held = held.into_iter();
        begun
            .into_iter()
            .map(|begun| {
                let (begun, ..) = begun?;
                let held = held.next().expect("a verdict on every signature");
                held.map_err(|_| begun.forged())?;
                self.finish(begun)
            })
            .collect()
    }

    /// Everything before a record's signature.
    fn begin<'a>(&self, bytes: &'a [u8]) -> Result<Begun<'a>, Unsound> {
        if TapRecord::is_one(bytes) {
            let read = Tap::read(bytes, self.acquirer, self.terminal);
            let tap = read.map_err(|reason| Unsound::plain(None, reason))?;
            let (id, read) = (tap.id, Read::Tap(Box::new(tap)));
            return Ok(Begun { id, bytes, read });
        }
        if ModuleReport::is_one(bytes) {
            // Nothing to clear: it stands among what was refused, as what was refused there.
            return Err(match ModuleReport::open(bytes, &self.key) {
                Ok(report) => Unsound::of_module(None, reported(&report, self.terminal)),
                Err(error) => Unsound::plain(None, error.to_string()),
            });
        }
        let length = bytes.len();
        if length > RECORD_LEN_MAX {
            let reason = format!("record of {length} bytes, expected at most {RECORD_LEN_MAX}");
            return Err(Unsound::plain(None, reason));
        }
        let record = match RideRecord::decode(bytes) {
            Ok(record) => record,
            Err(error) => return Err(Unsound::plain(None, error.to_string())),
        };
        let refuse = |reason: String| Err(Unsound::plain(Some(record.id), reason));
        let (terminal, acquirer) = (record.id.terminal(), record.id.acquirer());
        if terminal != self.terminal {
            let expected = self.terminal;
            return refuse(format!(
                "record of terminal {terminal}, expected {expected}"
            ));
        }
        if acquirer != self.acquirer {
            let expected = self.acquirer;
            return refuse(format!(
                "record of acquirer {acquirer}, expected {expected}"
            ));
        }
        if record.terminal_serial[..] != self.serial {
            return refuse("terminal certificate serial is not the registered one".to_owned());
        }
        let (id, read) = (record.id, Read::Ride(Box::new(record)));
        Ok(Begun { id, bytes, read })
    }

    /// Everything after it.
    fn finish(&self, begun: Begun<'_>) -> Inspected {
        let Begun { id, bytes, read } = begun;
        match read {
            Read::Ride(record) => self.finish_ride(&record, bytes),
            Read::Tap(tap) => {
                let admitted = self.modules.check(&tap.record, self.terminal, tap.at);
                admitted.map_err(|refusal| Unsound::of_module(Some(id), refusal))?;
                Ok(if tap.is_grey() || tap.is_untold() {
                    // The row's own time of arrival comes when it is stored.
                    Found::Grey(tap.grey(bytes, Timestamp::new(0)))
                } else {
                    Found::Ride(tap.row(self.acquirer, bytes), None)
                })
            }
        }
    }

    fn finish_ride(&self, record: &RideRecord, bytes: &[u8]) -> Inspected {
        let refuse = |reason: String| Err(Unsound::plain(Some(record.id), reason));
        let code = match RideCode::frame(&record.code) {
            Ok(code) => code,
            Err(error) => return refuse(error.to_string()),
        };
        let (user, certificate) = match (code.user(), code.certificate()) {
            (Ok(user), Ok(certificate)) => (user, certificate),
            (Err(error), _) | (_, Err(error)) => return refuse(error.to_string()),
        };
        let Ok(category) = std::str::from_utf8(&record.category) else {
            return refuse("merchant category is not text".to_owned());
        };
        if tongtu_clearing::Mcc::parse(category).is_err() {
            return refuse(format!("merchant category {category:?}, expected 4 digits"));
        }
        let row = RideRow {
            record: record.id.as_str().to_owned(),
            batch: String::new(),
            number: 0,
            acquirer: self.acquirer.as_str().to_owned(),
            issuer: certificate.issuer.as_str().to_owned(),
            account: user.account.reveal().to_owned(),
            generated_at: code.generated_at().get(),
            scanned_at: record.scanned_at.get(),
            amount: record.amount.get(),
            direction: stored::direction_number(record.direction),
            category: category.to_owned(),
            line: record.line.as_str().to_owned(),
            body: Some(bytes.to_vec()),
        };
        Ok(Found::Ride(row, None))
    }
}

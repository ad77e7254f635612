//! Looking at a day's rides again: what a record, its code and its signatures, or its card's proof say.
//!
//! Nothing is believed that came with a ride, and nothing is a sample: every code's three signatures
//! are verified, and every TAC and cryptogram for which this node has the key. What needs a key is
//! asked of many rides together. What follows from the facts is in `judging`.

use tongtu_clearing::{Evidence, Repeat, RideFacts};
use tongtu_exchange_file::{CdCard, CdRecord, Detail as _};
use tongtu_fare::Class;
use tongtu_keyring::KeyNumber;
use tongtu_ride_code::record::{Direction, RecordError, RideRecord};
use tongtu_ride_code::{Accepted, RideCode, Verdict, Verifier};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::account_class;
use tongtu_types::{CardNumber, Fen, InstitutionCode, RecordId, Timestamp};

use super::judging::Since;
use super::sealed::{Line, Sealed, Source};
use crate::cash::CashClaim;
use crate::keys::{CardKeys, Claim, Held, KeyObjection, Moments};
use crate::proof::ProofNumber;
use crate::taps::{Proof, Tap};
use crate::verifying::{Lent, Measured};
use crate::{Node, ServiceError, parallel, stored};

/// The most that a ride may take from a card: what an anonymous card can hold.
const CARD_LIMIT: Fen = Fen::new(100_000);

/// A ride that was looked at.
struct Look {
    facts: RideFacts,
    /// What is to be said against the key that it was made with.
    objection: Option<KeyObjection>,
    /// The key that its proof verified under, and when.
    proved: Option<(KeyNumber, Timestamp)>,
}

impl Node {
    /// The facts of every ride but entries, which are not judged.
    pub(super) fn look_at_all(
        &self,
        sealed: &[Sealed],
        (since, keys): (&Since, &CardKeys),
    ) -> Result<Vec<Option<RideFacts>>, ServiceError> {
        let state = || (self.verifier(), self.keys().moments());
        // One issuer's rides beside each other, and one rider's: what they share is verified once.
        let mut order: Vec<usize> = (0..sealed.len()).collect();
        // As numbers, because texts of a day lie too far apart in memory to be compared again and again.
        let number = |text: &str| text.parse::<u64>().ok();
        order.sort_by_cached_key(|at| {
            let row = &sealed[*at].row;
            (number(&row.issuer), number(&row.account))
        });
        let ordered: Vec<&Sealed> = order.iter().map(|at| &sealed[*at]).collect();
        let look = |(verifier, moments): &mut (Lent<'_>, Moments), sealed: &[&Sealed]| match self
            .look_together(sealed, keys, (verifier, moments), since)
        {
            Ok(looks) => looks.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let looks: Vec<Option<Look>> = parallel::map_together(&ordered, state, look)
            .into_iter()
            .collect::<Result<_, ServiceError>>()?;
        let mut facts: Vec<Option<RideFacts>> = sealed.iter().map(|_| None).collect();
        for (at, look) in order.into_iter().zip(looks) {
            if let Some(look) = look {
                self.keys().noted_in_run(look.objection, look.proved);
                facts[at] = Some(look.facts);
            }
        }
        Ok(facts)
    }

    /// Looks at rides together: codes and proofs of cards are collected first and asked about at once.
    fn look_together(
        &self,
        sealed: &[&Sealed],
        keys: &CardKeys,
        (verifier, moments): (&mut Verifier, &mut Moments),
        since: &Since,
    ) -> Result<Vec<Option<Look>>, ServiceError> {
        let entry = stored::direction_number(Direction::Entry);
        let by_code =
            |sealed: &&Sealed| sealed.row.direction != entry && !TapRecord::is_one(sealed.record());
        let records: Vec<&[u8]> = sealed
            .iter()
            .copied()
            .filter(by_code)
            .map(Sealed::record)
            .collect();
        let mut decoded = RideRecord::decode_each(&records).into_iter();
        let mut claims = Vec::new();
        let mut begun = Vec::with_capacity(sealed.len());
        for sealed in sealed.iter().copied() {
            begun.push(if by_code(&sealed) {
                let decoded = decoded.next().expect("a record of each ride by code");
                Begun::Code(Box::new(BegunCode::new(sealed, decoded)))
            } else if sealed.row.direction == entry {
                Begun::Entry
            } else {
                Begun::Tap(Box::new(begin_tap(
                    sealed,
                    self.code(),
                    moments,
                    &mut claims,
                )?))
            });
        }
        let scanned: Vec<(&[u8], Timestamp)> = begun.iter().filter_map(Begun::scanned).collect();
        let verified = self.measured(Measured::Codes, scanned.len(), || {
            verifier.verify_ride_codes_again(&scanned)
        });
        let mut verified = verified.into_iter();
        let mut held = self.hold_each(keys, moments, &claims).into_iter();
        let listed = |sealed: &Sealed| {
            let since = since.listed.get(&sealed.row.account);
            since.copied().map(Timestamp::new)
        };
        begun
            .iter()
            .map(|begun| match begun {
                Begun::Tap(tap) => tap.look(&mut held, listed(tap.sealed)).map(Some),
                Begun::Code(code) => {
                    let listed = listed(code.sealed);
                    code.look(&mut verified, moments, listed, since).map(Some)
                }
                Begun::Entry => Ok(None),
            })
            .collect()
    }
}

/// A ride that is about to be looked at.
enum Begun<'a> {
    /// By card or face.
    Tap(Box<BegunTap<'a>>),
    /// By code.
    Code(Box<BegunCode<'a>>),
    /// No ride yet.
    Entry,
}

impl Begun<'_> {
    /// The code that is to be verified, and when it was scanned.
    fn scanned(&self) -> Option<(&[u8], Timestamp)> {
        let Self::Code(begun) = self else {
            return None;
        };
        let code = begun.code.as_ref()?;
        Some((code.as_bytes(), begun.scanned_at()))
    }
}

/// A ride by code whose record was read.
struct BegunCode<'a> {
    sealed: &'a Sealed,
    decoded: Result<RideRecord, RecordError>,
    /// Its code, where there is one; then its signatures are verified.
    code: Option<RideCode>,
}

impl<'a> BegunCode<'a> {
    fn new(sealed: &'a Sealed, decoded: Result<RideRecord, RecordError>) -> Self {
        let record = decoded.as_ref().ok();
        let code = record.and_then(|record| RideCode::frame(&record.code).ok());
        Self {
            sealed,
            decoded,
            code,
        }
    }

    const fn scanned_at(&self) -> Timestamp {
        Timestamp::new(self.sealed.row.scanned_at)
    }

    /// Looks at the ride again: the record's digest, the code's three signatures at the time of the
    /// scan, as `verified` says of the codes in their order, and that what stands beside them is what
    /// is inside.
    fn look(
        &self,
        verified: &mut impl Iterator<Item = Result<Accepted, Verdict>>,
        moments: &mut Moments,
        blacklisted_since: Option<Timestamp>,
        since: &Since,
    ) -> Result<Look, ServiceError> {
        let row = &self.sealed.row;
        let code = self.code.as_ref();
        let user = code.and_then(|code| code.user().ok());
        let certificate = code.and_then(|code| code.certificate().ok());
        let limit = user.as_ref().map_or(0, |user| i64::from(user.limit_fen));
        // UNSPECIFIED: whose code rides may cost nothing. A class may be free in a city, and nothing
        // tells a hub what it pays there; nobody else's whole ride is free.
        let class = user.map(|user| account_class(user.account_type));
        let may_be_free = class.is_some_and(|class| class != Class::ORDINARY);
        let scanned_at = self.scanned_at();
        let (well_formed, evidence) = match (&self.decoded, code) {
            (Err(RecordError::Digest), _) => (true, Evidence::DigestWrong),
            (Ok(record), Some(code)) => {
                let verified = verified.next().expect("a verdict on every code");
                let evidence = match verified {
                    Ok(_) => Evidence::Sound,
                    Err(_) => Evidence::CodeRefused,
                };
                (agrees(self.sealed, record, code), evidence)
            }
            _ => (false, Evidence::CodeRefused),
        };
        let against = |c| moments.against_certificate(&c, scanned_at);
        // What does not verify anyway accuses nobody's key.
        let sound = evidence == Evidence::Sound;
        let listed = certificate.as_ref().and_then(|c| since.revoked.since(c));
        let objection = certificate.filter(|_| sound).and_then(against);
        let (revoked, objection) = match objection {
            Some(KeyObjection::Revoked(since)) => (Some(since), None),
            other => (None, other),
        };
        let revoked_since = listed.into_iter().chain(revoked).min();
        let facts = RideFacts {
            well_formed,
            record: stored::record(&row.record)?,
            card: stored::card(&row.account)?,
            issuer: stored::institution(&row.issuer)?,
            acquirer: stored::institution(&row.acquirer)?,
            mcc: stored::mcc(&row.category)?,
            test: false,
            rode_at: scanned_at,
            arrived_at: self.sealed.arrived_at,
            // UNSPECIFIED: when a terminal or an account began is not told by any file yet.
            not_before: None,
            amount: Fen::new(row.amount),
            single_limit: Fen::new(limit),
            may_be_free,
            balance_follows: true,
            evidence,
            revoked_since,
            blacklisted_since,
            key_in_scope: objection.is_none(),
            repeat: Repeat::None,
        };
        Ok(Look {
            facts,
            objection,
            proved: None,
        })
    }
}

/// A ride by card or face whose proof may have been put among the claims.
struct BegunTap<'a> {
    sealed: &'a Sealed,
    id: RecordId,
    issuer: InstitutionCode,
    tap: Option<Tap>,
    objection: Option<KeyObjection>,
    /// What is known of the proof; nothing where its claim was put among the others.
    proof: Option<Proof>,
}

/// Reads a ride by card or face again, and puts its proof among the claims where the issuer is this
/// node.
fn begin_tap<'a>(
    sealed: &'a Sealed,
    own: InstitutionCode,
    moments: &mut Moments,
    claims: &mut Vec<Claim>,
) -> Result<BegunTap<'a>, ServiceError> {
    let row = &sealed.row;
    let id = stored::record(&row.record)?;
    let issuer = stored::institution(&row.issuer)?;
    let tap = Tap::read(sealed.record(), id.acquirer(), id.terminal()).ok();
    let objection = tap.as_ref().and_then(|tap| tap.key_objection(moments));
    // A proof by a key that did not count then is not asked for: what is wrong is the key.
    let asked = tap
        .as_ref()
        .filter(|_| issuer.home() == own && objection.is_none());
    let proof = match asked.map(Tap::claim) {
        Some(Ok(claim)) => {
            claims.push(claim);
            None
        }
        Some(Err(proof)) => Some(proof),
        None => Some(Proof::None),
    };
    Ok(BegunTap {
        sealed,
        id,
        issuer,
        tap,
        objection,
        proof,
    })
}

impl BegunTap<'_> {
    /// Looks at the ride again: whether the record says what stands beside it, whether the card's
    /// balances follow, and whether TAC or cryptogram is the card's, as `held` says of the claims in
    /// their order.
    fn look(
        &self,
        held: &mut impl Iterator<Item = Held>,
        blacklisted_since: Option<Timestamp>,
    ) -> Result<Look, ServiceError> {
        let row = &self.sealed.row;
        let (tap, mut objection) = (self.tap.as_ref(), self.objection);
        let proof = match self.proof {
            Some(proof) => proof,
            None => match held.next().expect("an answer to every claim") {
                Ok(found) => found.map_or(Proof::Wrong, Proof::Holds),
                // Without a key that counted, nothing was found wrong with the proof.
                Err(against) => {
                    objection = Some(against);
                    Proof::None
                }
            },
        };
        let proved = match proof {
            Proof::Holds(key) => Some((key, Timestamp::new(row.scanned_at))),
            Proof::Wrong | Proof::None => None,
        };
        let tac_wrong = proof == Proof::Wrong || tap.is_some_and(Tap::is_unpaid);
        let facts = RideFacts {
            well_formed: tap.is_some_and(|tap| tap_agrees(self.sealed, tap)),
            record: self.id,
            card: stored::card(&row.account)?,
            issuer: self.issuer,
            acquirer: stored::institution(&row.acquirer)?,
            mcc: stored::mcc(&row.category)?,
            test: false,
            rode_at: Timestamp::new(row.scanned_at),
            arrived_at: self.sealed.arrived_at,
            not_before: None,
            amount: Fen::new(row.amount),
            single_limit: CARD_LIMIT,
            may_be_free: true,
            balance_follows: tap.is_some_and(Tap::balance_follows),
            evidence: if tac_wrong {
                Evidence::TacWrong
            } else {
                Evidence::Sound
            },
            revoked_since: None,
            blacklisted_since,
            key_in_scope: objection.is_none(),
            repeat: Repeat::None,
        };
        Ok(Look {
            facts,
            objection,
            proved,
        })
    }
}

/// Whether what stands beside a tap record, and is routed and counted by, is what is in it.
fn tap_agrees(sealed: &Sealed, tap: &Tap) -> bool {
    let row = &sealed.row;
    let line_agrees = match &sealed.source {
        Source::Upload(_) => true,
        Source::Line(line) => match line {
            Line::Code(line) => line.ride().account == tap.card,
            Line::Card(line) => card_line_agrees(line, tap),
        },
    };
    // What is not claimed at all is less than what the record says, and the issuer is told why.
    let amount_agrees = row.amount == tap.amount().get() || (row.amount == 0 && tap.is_by_card());
    line_agrees
        && amount_agrees
        && tap.card.reveal() == row.account
        && tap.issuer.as_str() == row.issuer
        && tap.at.get() == row.scanned_at
        && tap.record.line.as_str() == row.line
        && ProofNumber::of_tap(&tap.record, tap.at).number() == row.generated_at
        && tap.category()[..] == *row.category.as_bytes()
}

fn card_line_agrees(line: &CdRecord, tap: &Tap) -> bool {
    let record = &tap.record;
    let four = |bytes: [u8; 4]| u64::from(u32::from_be_bytes(bytes));
    let agrees = match (&line.card, &line.ride().cash) {
        (CdCard::Purse(purse), _) => {
            purse.counter == u64::from(record.sequence)
                && purse.kind == u64::from(record.transaction.0)
                && purse.terminal_serial == u64::from(record.terminal_sequence)
                && purse.tac == four(record.tac)
        }
        (CdCard::Cash(cash), Some(items)) => {
            tap.cash.is_some()
                && CashClaim::of_block(cash, items.told) == tap.cash
                && items.balance_after == record.after.fen()
        }
        (CdCard::Cash(_), None) => false,
    };
    agrees
        && line.debited() == tap.amount()
        && line.card() == tap.card
        && line.ridden_at() == tap.at
}

/// Whether what stands beside the record, and is routed and counted by, is what is in it.
fn agrees(sealed: &Sealed, record: &RideRecord, code: &RideCode) -> bool {
    let row = &sealed.row;
    let (Ok(user), Ok(certificate)) = (code.user(), code.certificate()) else {
        return false;
    };
    let inside: (&RecordId, &CardNumber) = (&record.id, &user.account);
    let line_agrees = match &sealed.source {
        Source::Upload(_) => true,
        Source::Line(line) => {
            let Line::Code(line) = line else {
                return false;
            };
            let ride = line.ride();
            let two = u16::from(record.direction != Direction::Single);
            ride.terminal == record.id.terminal()
                && ride.consumption.get() == two
                && record.direction != Direction::Entry
        }
    };
    line_agrees
        && inside.0.as_str() == row.record
        && inside.1.reveal() == row.account
        && certificate.issuer.as_str() == row.issuer
        && code.generated_at().get() == row.generated_at
        && record.scanned_at.get() == row.scanned_at
        && record.amount.get() == row.amount
        && record.category[..] == *row.category.as_bytes()
        && record.line.as_str() == row.line
}

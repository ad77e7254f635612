//! Judging a sealed day: every ride is verified again, and every code pays once.

use std::collections::BTreeMap;

use tongtu_clearing::{Evidence, Outcome, Repeat, RideFacts, Verdict, judge};
use tongtu_exchange_file::{CdCard, CdRecord, Detail as _};
use tongtu_fare::Class;
use tongtu_keyring::KeyNumber;
use tongtu_ride_code::record::{Direction, RecordError, RideRecord};
use tongtu_ride_code::{RideCode, Verifier};
use tongtu_sql::{ClaimRow, JudgementRow};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::account_class;
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, RecordId, Timestamp};

use super::files_keep;
use super::sealed::{Line, Sealed, Source};
use crate::cash::CashClaim;
use crate::keys::{Claim, KeyObjection, Moments};
use crate::proof::ProofNumber;
use crate::revoking::Revocations;
use crate::taps::{Proof, Tap};
use crate::{Node, ServiceError, parallel, stored};

/// The verdict column: refused here.
pub(crate) const REFUSED: i64 = 0;
/// The verdict column: to be settled by the hub named beside it.
pub(super) const TO_SETTLE: i64 = 1;
/// The verdict column: kept and never cleared.
pub(crate) const EVIDENCE: i64 = 2;

/// The most that a ride may take from a card: what an anonymous card can hold.
const CARD_LIMIT: Fen = Fen::new(100_000);

/// How many acquirer's serials a day has.
const SERIALS_PER_DAY: i64 = 1_000_000_000;

/// Since when an account is listed, and a certificate revoked.
struct Since {
    listed: BTreeMap<String, i64>,
    revoked: Revocations,
}

/// What became of a day's rides.
#[derive(Default)]
struct Judged {
    judgements: Vec<JudgementRow>,
    claims: Vec<ClaimRow>,
}

impl Node {
    /// Judges a sealed day and makes the files for the parent. A day that is judged stays as it
    /// is; its files are made again and compared.
    pub(super) async fn judge(&self, day: BusinessDay, now: Timestamp) -> Result<(), ServiceError> {
        let sealed = self.sealed(day).await?;
        let mut tx = self.store().read().await?;
        let row = tx.day(day.days()).await?;
        let before = row.is_some_and(|row| row.judged);
        let mut judged = Judged::default();
        let sealed = if before {
            let rows = tx.judged_of_day(day.days()).await?;
            judged.judgements = rows.into_iter().map(|row| row.judgement).collect();
            drop(tx);
            sealed
        } else {
            // By books that are over a revoked key would count; the day waits for newer ones.
            self.keys().fresh(now)?;
            let claims = tx.claims_on_day(day.days()).await?;
            let since = Since {
                listed: tx.blacklist().await?.into_iter().collect(),
                revoked: self.revocations(&mut tx).await?,
            };
            drop(tx);
            let (sealed, made) = self
                .compute(move |node| {
                    let made = node.judge_all(day, &sealed, claims, &since);
                    (sealed, made)
                })
                .await?;
            judged = made?;
            sealed
        };
        let to_forward = judged.judgements.clone();
        let files = self
            .compute(move |node| node.forwarded_files(day, sealed, &to_forward))
            .await??;
        let mut tx = self.store().write().await?;
        if !before {
            tx.judgements_insert(&judged.judgements).await?;
            tx.claims_insert(&judged.claims).await?;
            tx.day_judged(day.days()).await?;
        }
        files_keep(&mut tx, &files).await?;
        Ok(tx.commit().await?)
    }

    /// Judges rides in the order of scan time and record id, so that the order of arrival does
    /// not matter.
    fn judge_all(
        &self,
        day: BusinessDay,
        sealed: &[Sealed],
        claims: Vec<ClaimRow>,
        since: &Since,
    ) -> Result<Judged, ServiceError> {
        let mut taken: BTreeMap<(String, i64), String> = claims
            .into_iter()
            .map(|claim| ((claim.account, claim.generated_at), claim.record))
            .collect();
        let mut looked: Vec<(&Sealed, Option<RideFacts>)> = sealed
            .iter()
            .zip(self.look_at_all(sealed, since)?)
            .collect();
        looked.sort_by(|(a, _), (b, _)| {
            let key = |s: &'_ Sealed| (s.row.scanned_at, s.row.record.clone());
            key(a).cmp(&key(b))
        });
        let mut judged = Judged::default();
        for ((sealed, facts), number) in looked.into_iter().zip(1..) {
            let row = &sealed.row;
            let (verdict, hub, outcome) = match facts {
                None => (EVIDENCE, self.code(), Outcome::Correct),
                Some(mut facts) => {
                    let code = (row.account.clone(), row.generated_at);
                    let other = taken.get(&code).is_some_and(|record| *record != row.record);
                    facts.repeat = if other {
                        Repeat::SameCode
                    } else {
                        Repeat::None
                    };
                    let (verdict, hub, outcome) = self.decide(&facts);
                    if verdict == TO_SETTLE && taken.insert(code, row.record.clone()).is_none() {
                        judged.claims.push(ClaimRow {
                            account: row.account.clone(),
                            generated_at: row.generated_at,
                            record: row.record.clone(),
                        });
                    }
                    (verdict, hub, outcome)
                }
            };
            judged.judgements.push(JudgementRow {
                record: row.record.clone(),
                day: day.days(),
                verdict,
                hub: hub.as_str().to_owned(),
                result: i64::from(outcome.code()),
                acquirer: row.acquirer.clone(),
                serial: serial(day, sealed, number),
            });
        }
        Ok(judged)
    }

    /// The facts of every ride but entries, which are not judged.
    fn look_at_all(
        &self,
        sealed: &[Sealed],
        since: &Since,
    ) -> Result<Vec<Option<RideFacts>>, ServiceError> {
        let entry = stored::direction_number(Direction::Entry);
        let keys = self.keys().lend()?;
        let own = self.code();
        let state = || (self.verifier(), self.keys().moments());
        let listed = |sealed: &Sealed| {
            let since = since.listed.get(&sealed.row.account);
            since.copied().map(Timestamp::new)
        };
        // Proofs of cards are collected first and asked about together.
        let look = |(verifier, moments): &mut (Verifier, Moments), sealed: &[Sealed]| {
            let mut claims = Vec::new();
            let begun: Vec<Begun<'_>> = sealed
                .iter()
                .map(|sealed| {
                    if sealed.row.direction != entry && TapRecord::is_one(sealed.record()) {
                        return begin_tap(sealed, own, moments, &mut claims)
                            .map(|tap| Begun::Tap(Box::new(tap)));
                    }
                    Ok(Begun::Other(sealed))
                })
                .collect::<Result<_, _>>()?;
            let mut held = keys.hold_each(moments, &claims).into_iter();
            let looked = begun.into_iter().map(|begun| match begun {
                Begun::Tap(tap) => tap.look(&mut held, listed(tap.sealed)).map(Some),
                Begun::Other(sealed) if sealed.row.direction == entry => Ok(None),
                Begun::Other(sealed) => {
                    look(verifier, moments, sealed, listed(sealed), &since.revoked).map(Some)
                }
            });
            looked.collect::<Result<Vec<_>, ServiceError>>()
        };
        let look = |state: &mut (Verifier, Moments), sealed: &[Sealed]| match look(state, sealed) {
            Ok(looks) => looks.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let looks = parallel::map_together(sealed, state, look);
        let mut facts = Vec::with_capacity(looks.len());
        for look in looks {
            let look = look?;
            if let Some(Look {
                objection, proved, ..
            }) = &look
            {
                self.keys().noted_in_run(*objection, *proved);
            }
            facts.push(look.map(|look| look.facts));
        }
        Ok(facts)
    }

    /// The verdict on a ride, and who clears it.
    fn decide(&self, facts: &RideFacts) -> (i64, InstitutionCode, Outcome) {
        let own = self.code();
        let outcome = match judge(facts, self.judging()) {
            Verdict::Settle(outcome) => outcome,
            // UNSPECIFIED: held rides (可疑交易) wait for their issuer's answer, which needs
            // files that are not here yet; until then they end like rejected ones, under their
            // own result codes.
            Verdict::Reject(outcome) | Verdict::Suspicious(outcome) => {
                return (REFUSED, own, outcome);
            }
        };
        let topology = &self.config().topology;
        match topology.route(facts.acquirer, facts.issuer) {
            Ok(route) if route.hub == own => (TO_SETTLE, own, outcome),
            // A hub below us should have cleared it itself and not have sent it here.
            Ok(route) if topology.party_at(own, route.hub).is_ok() => {
                (REFUSED, own, Outcome::Acquirer)
            }
            Ok(route) => (TO_SETTLE, route.hub, outcome),
            Err(_) => (REFUSED, own, Outcome::Issuer),
        }
    }
}

/// The acquirer's serial (受理方流水号): ours is made of the day and the place in it, so that a
/// rerun gives the same.
// UNSPECIFIED: only the width, 12 digits, is known; made like the clearing serial.
fn serial(day: BusinessDay, sealed: &Sealed, number: i64) -> i64 {
    match &sealed.source {
        Source::Upload(_) => day.days().rem_euclid(1000) * SERIALS_PER_DAY + number,
        Source::Line(line) => {
            let serial = line.detail().transit().acquirer_serial;
            i64::try_from(serial).expect("twelve digits fit 64 bits")
        }
    }
}

/// A ride that was looked at.
struct Look {
    facts: RideFacts,
    /// What is to be said against the key that it was made with.
    objection: Option<KeyObjection>,
    /// The key that its proof verified under, and when.
    proved: Option<(KeyNumber, Timestamp)>,
}

/// Verifies one ride again: the record's digest, the code's three signatures at the time of the
/// scan, and that what stands beside them is what is inside.
fn look(
    verifier: &mut Verifier,
    moments: &mut Moments,
    sealed: &Sealed,
    blacklisted_since: Option<Timestamp>,
    revocations: &Revocations,
) -> Result<Look, ServiceError> {
    let row = &sealed.row;
    let decoded = RideRecord::decode(sealed.record());
    let code = decoded
        .as_ref()
        .ok()
        .and_then(|record| RideCode::frame(&record.code).ok());
    let user = code.as_ref().and_then(|code| code.user().ok());
    let certificate = code.as_ref().and_then(|code| code.certificate().ok());
    let limit = user.as_ref().map_or(0, |user| i64::from(user.limit_fen));
    // UNSPECIFIED: whose code rides may cost nothing. A class may be free in a city, and nothing
    // tells a hub what it pays there; nobody else's whole ride is free.
    let class = user.map(|user| account_class(user.account_type));
    let may_be_free = class.is_some_and(|class| class != Class::ORDINARY);
    let scanned_at = Timestamp::new(row.scanned_at);
    let (well_formed, evidence) = match (&decoded, &code) {
        (Err(RecordError::Digest), _) => (true, Evidence::DigestWrong),
        (Ok(record), Some(code)) => {
            let evidence = match verifier.verify_again(code.as_bytes(), scanned_at) {
                Ok(_) => Evidence::Sound,
                Err(_) => Evidence::CodeRefused,
            };
            (agrees(sealed, record, code), evidence)
        }
        _ => (false, Evidence::CodeRefused),
    };
    let against = |c| moments.against_certificate(&c, scanned_at);
    // What does not verify anyway accuses nobody's key.
    let sound = evidence == Evidence::Sound;
    let listed = certificate.as_ref().and_then(|c| revocations.since(c));
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
        arrived_at: sealed.arrived_at,
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

/// A ride that is about to be looked at.
enum Begun<'a> {
    /// By card or face.
    Tap(Box<BegunTap<'a>>),
    /// By code, or no ride yet.
    Other(&'a Sealed),
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
        held: &mut impl Iterator<Item = Result<Option<KeyNumber>, KeyObjection>>,
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
        Source::Line(line) => match &**line {
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
            let Line::Code(line) = &**line else {
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

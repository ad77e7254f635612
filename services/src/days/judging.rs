//! Judging a sealed day: every ride is verified again, and every code pays once.
//!
//! How a ride is looked at is in `looking`; here is what follows from it.

use std::collections::BTreeMap;

use tongtu_clearing::{Outcome, Repeat, RideFacts, Verdict, judge};
use tongtu_sql::{ClaimRow, JudgementRow};
use tongtu_tap_record::TapRecord;
use tongtu_types::{BusinessDay, InstitutionCode, Timestamp};

use super::files_keep;
use super::sealed::{Sealed, Source};
use crate::keys::CardKeys;
use crate::revoking::Revocations;
use crate::{Node, ServiceError};

/// The verdict column: refused here.
pub(crate) const REFUSED: i64 = 0;
/// The verdict column: to be settled by the hub named beside it.
pub(super) const TO_SETTLE: i64 = 1;
/// The verdict column: kept and never cleared.
pub(crate) const EVIDENCE: i64 = 2;

/// How many acquirer's serials a day has.
const SERIALS_PER_DAY: i64 = 1_000_000_000;

/// Since when an account is listed, and a certificate revoked.
pub(super) struct Since {
    pub(super) listed: BTreeMap<String, i64>,
    pub(super) revoked: Revocations,
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
            let by_card = sealed.iter().any(|s| TapRecord::is_one(s.record()));
            let keys = self.card_keys(by_card, now).await?;
            let (sealed, made) = self
                .compute(move |node| {
                    let made = node.judge_all(day, &sealed, &claims, (&since, &keys));
                    (sealed, made)
                })
                .await?;
            judged = made?;
            sealed
        };
        let (judged, files) = self
            .compute(move |node| {
                let files = node.forwarded_files(day, sealed, &judged.judgements);
                (judged, files)
            })
            .await?;
        let files = files?;
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
        claims: &[ClaimRow],
        by: (&Since, &CardKeys),
    ) -> Result<Judged, ServiceError> {
        let mut taken: BTreeMap<(&str, i64), &str> = claims
            .iter()
            .map(|claim| ((&*claim.account, claim.generated_at), &*claim.record))
            .collect();
        let mut looked: Vec<Option<RideFacts>> = self.look_at_all(sealed, by)?;
        let mut order: Vec<(i64, &str, usize)> = sealed
            .iter()
            .zip(0..)
            .map(|(sealed, at)| (sealed.row.scanned_at, &*sealed.row.record, at))
            .collect();
        order.sort_unstable();
        let mut judged = Judged {
            judgements: Vec::with_capacity(order.len()),
            claims: Vec::new(),
        };
        for ((_, _, at), number) in order.into_iter().zip(1..) {
            let sealed = &sealed[at];
            let row = &sealed.row;
            let (verdict, hub, outcome) = match looked[at].take() {
                None => (EVIDENCE, self.code(), Outcome::Correct),
                Some(mut facts) => {
                    let code = (&*row.account, row.generated_at);
                    let other = taken.get(&code).is_some_and(|record| *record != row.record);
                    facts.repeat = if other {
                        Repeat::SameCode
                    } else {
                        Repeat::None
                    };
                    let (verdict, hub, outcome) = self.decide(&facts);
                    if verdict == TO_SETTLE && taken.insert(code, &row.record).is_none() {
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

//! Grey records (灰记录): what became of a card whose answer was lost.
//!
//! A card gives each transaction the next sequence number. A purse keeps the number when nothing
//! was taken: the same number again means that no money moved. An e-cash counts every dialogue,
//! paid or not: the very next number with the same balance means it. The very next number, with a
//! balance that is less by the amount, means of both that money moved. Anything else may be the
//! work of another acquirer's terminal, or of a load, and proves nothing. Until then a grey record
//! waits, and is part of no day; another grey record of the card is a witness too.
//!
//! UNSPECIFIED: what a grey record is settled on is nowhere said. A rider who was charged again by
//! another terminal of the same vehicle or station within the window has paid for one ride twice:
//! the acquirer claims nothing for the grey one, and tells the issuer so, which owes it to the
//! rider.

use std::collections::BTreeMap;

use tongtu_clearing::posting::CardMoney;
use tongtu_ride_code::record::Direction;
use tongtu_sql::{BatchRow, GreyRow, RideRow, Tx};
use tongtu_tap_record::{CashCheck, RecordKind, TapRecord};
use tongtu_types::{BusinessDay, Timestamp};

use crate::node::alarm;
use crate::proof::ProofNumber;
use crate::taps::{Tap, says_balance};
use crate::{Node, ServiceError, stored};

/// How soon after a torn transaction a second one of the card at the same place is the rider's
/// second try at the same ride.
pub(super) const SECOND_TRY_S: i64 = 120;
/// A grey record that waits longer is looked at by a person: 30 days.
pub(super) const WAIT_S: i64 = 30 * 86_400;

/// What became of a grey record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// The card took nothing.
    NotTaken,
    /// The card took it, and it is claimed.
    Claimed,
    /// The card took it; the rider paid again for the same ride, so it is not claimed.
    Refunded,
    /// Another record has the transaction, with its proof.
    Recorded,
}

impl Fate {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::NotTaken => 0,
            Self::Claimed => 1,
            Self::Refunded => 2,
            Self::Recorded => 3,
        }
    }
}

impl Node {
    /// Finds out what can be found out by now, and puts what is claimed into the day.
    pub(super) async fn resolve_greys(
        &self,
        tx: &mut Tx,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let all = tx.greys(false).await?;
        let mut rides = Vec::new();
        let mut of_card: BTreeMap<String, Vec<RideRow>> = BTreeMap::new();
        for grey in all.iter().filter(|grey| grey.ended.is_none()) {
            if !of_card.contains_key(&grey.account) {
                let rows = tx.rides_of_account(&grey.account).await?;
                of_card.insert(grey.account.clone(), rows);
            }
            let tap = tap_of(grey)?;
            if tap.is_untold() {
                let rows = &of_card[&grey.account];
                self.resolve_untold(tx, (grey, &tap), rows, (day, now))
                    .await?;
                continue;
            }
            let others = all.iter().filter(|other| other.account == grey.account);
            let Some((tap, fate)) = fate(grey, tap, &of_card[&grey.account], others)? else {
                let waited_s = now.since_s(Timestamp::new(grey.arrived_at));
                if waited_s > WAIT_S {
                    let message = format!("nothing that proves the fate of {} came", grey.record);
                    let about = grey.record.as_str();
                    alarm(tx, "acquiring.grey_unresolved", about, message, now).await?;
                }
                continue;
            };
            tx.grey_end(&grey.record, day.days(), fate.number()).await?;
            let id = stored::record(&grey.record)?;
            let row = tap.row(id.acquirer(), &grey.body);
            match fate {
                Fate::Claimed => rides.push(row),
                Fate::Refunded => rides.push(RideRow { amount: 0, ..row }),
                Fate::NotTaken | Fate::Recorded => {}
            }
        }
        self.put_greys(tx, day, rides, now).await
    }

    async fn put_greys(
        &self,
        tx: &mut Tx,
        day: BusinessDay,
        mut rides: Vec<RideRow>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        if rides.is_empty() {
            return Ok(());
        }
        let batch = BatchRow {
            id: format!("grey/{day}"),
            sender: self.code().as_str().to_owned(),
            received_at: now.get(),
            records: i64::try_from(rides.len()).expect("what waits fits memory"),
            due: day.days(),
            day: None,
        };
        for (row, number) in rides.iter_mut().zip(0..) {
            row.batch.clone_from(&batch.id);
            row.number = number;
        }
        tx.batch_insert(&batch).await?;
        tx.rides_insert(&rides).await?;
        Ok(())
    }
}

/// What the card's other records say; nothing where they prove nothing.
fn fate<'a>(
    grey: &GreyRow,
    tap: Tap,
    rows: &[RideRow],
    greys: impl Iterator<Item = &'a GreyRow>,
) -> Result<Option<(Tap, Fate)>, ServiceError> {
    let mine = ProofNumber::of_tap(&tap.record, tap.at);
    let (mut proved, mut again) = (false, false);
    for row in rows {
        let theirs = ProofNumber::of(row.generated_at);
        let record = row.body.as_deref().map(TapRecord::decode_signed);
        let Some(Ok(record)) = record else { continue };
        if theirs == mine {
            let fate = if same_transaction(&tap.record, &record) {
                Fate::Recorded
            } else if mine.money() == Some(CardMoney::Purse) {
                Fate::NotTaken
            } else {
                // An e-cash never counts so: a person looks at it.
                return Ok(None);
            };
            return Ok(Some((tap, fate)));
        }
        if mine.comes_before(theirs) {
            match was_taken(&tap, &record) {
                Some(true) => proved = true,
                Some(false) => return Ok(Some((tap, Fate::NotTaken))),
                None => {}
            }
        }
        again |= mine.is_earlier(theirs) && is_second_try(&tap, &record, row);
    }
    for other in greys.filter(|other| other.record != grey.record) {
        let (id, other) = (&other.record, tap_of(other)?);
        if other.is_untold() {
            // It says again what a ride's own record says.
            continue;
        }
        let theirs = ProofNumber::of_tap(&other.record, other.at);
        if theirs == mine {
            if mine.money() == Some(CardMoney::Purse) && other.at > tap.at {
                return Ok(Some((tap, Fate::NotTaken)));
            }
            // Torn at one terminal and again at another that was asked to recover it.
            if same_transaction(&tap.record, &other.record) && *id < grey.record {
                return Ok(Some((tap, Fate::Recorded)));
            }
        }
        if mine.comes_before(theirs) {
            match was_taken(&tap, &other.record) {
                Some(true) => proved = true,
                Some(false) => return Ok(Some((tap, Fate::NotTaken))),
                None => {}
            }
        }
    }
    // Whoever was asked to see the staff, because the card did not sign, has not ridden.
    let refused = tap
        .record
        .cash()
        .is_ok_and(|p| p.check == CashCheck::Failed);
    let fate = if again || refused {
        Fate::Refunded
    } else {
        Fate::Claimed
    };
    Ok(proved.then_some((tap, fate)))
}

/// What the balance says that the card's very next dialogue began with; nothing where it says
/// neither.
fn was_taken(tap: &Tap, next: &TapRecord) -> Option<bool> {
    let before = next.before.fen();
    let is_cash = tap.record.kind == RecordKind::Cash;
    if is_cash && !(says_balance(&tap.record) && says_balance(next)) {
        return None;
    }
    if tap.left() == Some(before) {
        return Some(true);
    }
    // Of a purse the number alone tells it.
    (is_cash && before == tap.record.before.fen()).then_some(false)
}

fn tap_of(grey: &GreyRow) -> Result<Tap, ServiceError> {
    let id = stored::record(&grey.record)?;
    let tap = Tap::read(&grey.body, id.acquirer(), id.terminal());
    tap.map_err(|_| ServiceError::Stored {
        what: "grey record",
    })
}

/// Whether two records are of the very transaction: made by the same module under the same number,
/// or with the same cryptogram.
pub(super) fn same_transaction(one: &TapRecord, other: &TapRecord) -> bool {
    match (one.cash(), other.cash()) {
        (Ok(one), Ok(other)) => one.cryptogram == other.cryptogram,
        _ => one.module_key().is_some() && one.module_key() == other.module_key(),
    }
}

/// Whether this ride is the rider's second try at the one of that record.
pub(super) fn is_second_try(tap: &Tap, next: &TapRecord, row: &RideRow) -> bool {
    let waited_s = row.scanned_at - tap.at.get();
    (0..=SECOND_TRY_S).contains(&waited_s)
        && row.direction == stored::direction_number(tap.direction())
        && row.direction != stored::direction_number(Direction::Entry)
        && same_place(&tap.record, next)
}

/// Whether two records are of one stage in one vehicle or station. Who boards and pays what an
/// earlier ride owes, and alights a moment later, has paid for two things.
fn same_place(a: &TapRecord, b: &TapRecord) -> bool {
    let vehicle = a.vehicle != [0; 8] && a.vehicle == b.vehicle;
    let station = a.vehicle == [0; 8] && a.station == b.station;
    a.line == b.line && a.stage == b.stage && (vehicle || station)
}

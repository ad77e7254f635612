//! Grey records (灰记录): what became of a card whose answer was lost.
//!
//! A card gives each transaction the next sequence number, and keeps the number when nothing was
//! taken. So the card's next dialogue tells: the same number again means that no money moved; the
//! very next number, with a balance that is less by the amount, that it did. Anything else may be
//! the work of another acquirer's terminal, or of a load, and proves nothing. Until then a grey
//! record waits, and is part of no day; another grey record of the card is a witness too.
//!
//! UNSPECIFIED: what a grey record is settled on is nowhere said. A rider who was charged again by
//! another terminal of the same vehicle or station within the window has paid for one ride twice:
//! the acquirer claims nothing for the grey one, and tells the issuer so, which owes it to the
//! rider.

use std::collections::BTreeMap;

use tongtu_ride_code::record::Direction;
use tongtu_sql::{BatchRow, GreyRow, RideRow, Tx};
use tongtu_tap_record::{ModuleKey, TapRecord};
use tongtu_types::{BusinessDay, Timestamp};

use crate::node::alarm;
use crate::proof::ProofNumber;
use crate::taps::Tap;
use crate::{Node, ServiceError, stored};

/// How soon after a torn transaction a second one of the card at the same place is the rider's
/// second try at the same ride.
const SECOND_TRY_S: i64 = 120;
/// A grey record that waits longer is looked at by a person: 30 days.
const WAIT_S: i64 = 30 * 86_400;

/// What became of a grey record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
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
    const fn number(self) -> i64 {
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
            let others = all.iter().filter(|other| other.account == grey.account);
            let Some((tap, fate)) = fate(grey, &of_card[&grey.account], others)? else {
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
    rows: &[RideRow],
    greys: impl Iterator<Item = &'a GreyRow>,
) -> Result<Option<(Tap, Fate)>, ServiceError> {
    let tap = tap_of(grey)?;
    let taken = tap.record.before.fen().checked_sub(tap.record.amount.fen());
    // Whether a dialogue began with the next number, and the balance that is left then.
    let proves = |record: &TapRecord| {
        tap.record.sequence.checked_add(1) == Some(record.sequence)
            && Ok(record.before.fen()) == taken
    };
    let (mut proved, mut again) = (false, false);
    for row in rows {
        let record = row.body.as_deref().map(TapRecord::decode_signed);
        let (ProofNumber::Purse(number), Some(Ok(record))) =
            (ProofNumber::of(row.generated_at), record)
        else {
            continue;
        };
        if number == tap.record.sequence {
            let fate = if same_transaction(tap.record.module_key(), &record) {
                Fate::Recorded
            } else {
                Fate::NotTaken
            };
            return Ok(Some((tap, fate)));
        }
        proved |= proves(&record);
        let waited_s = row.scanned_at - tap.at.get();
        again |= number > tap.record.sequence
            && (0..=SECOND_TRY_S).contains(&waited_s)
            && row.direction == stored::direction_number(tap.direction())
            && row.direction != stored::direction_number(Direction::Entry)
            && same_place(&tap.record, &record);
    }
    for other in greys.filter(|other| other.record != grey.record) {
        let other = tap_of(other)?;
        if other.record.sequence == tap.record.sequence && other.at > tap.at {
            return Ok(Some((tap, Fate::NotTaken)));
        }
        proved |= proves(&other.record);
    }
    let fate = if again { Fate::Refunded } else { Fate::Claimed };
    Ok(proved.then_some((tap, fate)))
}

fn tap_of(grey: &GreyRow) -> Result<Tap, ServiceError> {
    let id = stored::record(&grey.record)?;
    let tap = Tap::read(&grey.body, id.acquirer(), id.terminal());
    tap.map_err(|_| ServiceError::Stored {
        what: "grey record",
    })
}

/// Whether a record is of the very transaction, made by the same module under the same number.
fn same_transaction(key: Option<ModuleKey>, record: &TapRecord) -> bool {
    key.is_some() && record.module_key() == key
}

/// Whether two records are of one stage in one vehicle or station. Who boards and pays what an
/// earlier ride owes, and alights a moment later, has paid for two things.
fn same_place(a: &TapRecord, b: &TapRecord) -> bool {
    let vehicle = a.vehicle != [0; 8] && a.vehicle == b.vehicle;
    let station = a.vehicle == [0; 8] && a.station == b.station;
    a.line == b.line && a.stage == b.stage && (vehicle || station)
}

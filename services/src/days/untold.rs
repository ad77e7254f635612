//! Riders who were never told (乘客未获提示): a terminal lost its power after a ride's record was
//! durable and before anybody beeped, and noted later that the rider did not come back for it.
//!
//! The ride is whole, and claimed as any other. But a rider who heard nothing went to the reader
//! beside, and paid again if that had not heard of her: two whole rides, of which she took one.
//! The rule: what the terminal noted is evidence that the first of them took her nowhere; it is
//! owed to her where the card's very next dialogue is a ride at the same stage of the same line in
//! the same vehicle or station within two minutes. One of the two is then not claimed: the first,
//! or the second where the first is in a day that is closed.
//!
//! UNSPECIFIED: no text we could read knows of such a ride. The very next dialogue, because a card
//! that vouched for itself in between was let on by another terminal on the first ride; nothing
//! but a ride paid again, because who never came back may have gone on by herself; and a terminal
//! whose power failed after the beep and before the mark of it cannot say that it beeped, so that
//! in doubt the rider is owed the ride.

use tongtu_sql::{GreyRow, RideRow, Tx};
use tongtu_tap_record::TapRecord;
use tongtu_types::{BusinessDay, Timestamp};

use super::greys::{Fate, WAIT_S, is_second_try, same_transaction};
use crate::node::alarm;
use crate::proof::ProofNumber;
use crate::taps::Tap;
use crate::{Node, ServiceError, stored};

/// What the card's other records say of a ride that nobody was told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found<'a> {
    /// Neither that the rider paid again, nor that she did not.
    Nothing,
    /// The card did something else next: the ride stands.
    Stands,
    /// She paid again, in this record's ride.
    PaidAgain {
        /// The ride of which nobody told her.
        first: &'a str,
        /// The one that she paid instead.
        second: &'a str,
    },
}

impl Node {
    /// Takes back the claim of one of two rides, where both are there.
    pub(super) async fn resolve_untold(
        &self,
        tx: &mut Tx,
        (noted, tap): (&GreyRow, &Tap),
        rows: &[RideRow],
        (day, now): (BusinessDay, Timestamp),
    ) -> Result<(), ServiceError> {
        let fate = match find(tap, rows)? {
            // A card that is never seen again paid nothing twice here.
            Found::Nothing if now.since_s(Timestamp::new(noted.arrived_at)) <= WAIT_S => {
                return Ok(());
            }
            Found::Nothing | Found::Stands => Fate::Claimed,
            Found::PaidAgain { first, second } => {
                if tx.ride_unclaim(first).await? || tx.ride_unclaim(second).await? {
                    Fate::Refunded
                } else {
                    // Both are settled; what was noted came too late for the files of a day.
                    let message =
                        format!("{first} was never told, {second} paid again, both are settled");
                    alarm(tx, "acquiring.untold_settled", &noted.record, message, now).await?;
                    Fate::Claimed
                }
            }
        };
        tx.grey_end(&noted.record, day.days(), fate.number())
            .await?;
        Ok(())
    }
}

/// What was noted at this terminal means that terminal's own record, and no other's.
fn find<'a>(tap: &Tap, rows: &'a [RideRow]) -> Result<Found<'a>, ServiceError> {
    let mine = ProofNumber::of_tap(&tap.record, tap.at);
    let (mut first, mut second, mut other) = (None, None, false);
    for row in rows {
        let theirs = ProofNumber::of(row.generated_at);
        let record = row.body.as_deref().map(TapRecord::decode_signed);
        let Some(Ok(record)) = record else { continue };
        if theirs == mine {
            let is_its = stored::record(&row.record)?.terminal() == tap.id.terminal();
            if is_its && same_transaction(&tap.record, &record) {
                first = first.or(Some(&*row.record));
            }
        } else if mine.comes_before(theirs) {
            if is_second_try(tap, &record, row) {
                second = second.or(Some(&*row.record));
            } else {
                other = true;
            }
        }
    }
    Ok(match (first, second) {
        (Some(first), Some(second)) => Found::PaidAgain { first, second },
        (Some(_), None) if other => Found::Stands,
        // What is missing may lie in a terminal that has not uploaded.
        _ => Found::Nothing,
    })
}

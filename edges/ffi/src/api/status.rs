//! How a terminal stands.

use tongtu_terminal::Fill;
use tongtu_types::Timestamp;

use super::{count, known_time};
use crate::fault::guarded;
use crate::raw::{Out, Sized32};
use crate::table;
use crate::types::{TT_NO_TIME, TtStatus};

// SAFETY: `repr(C)`, `struct_size` first; numbers only.
unsafe impl Sized32 for TtStatus {}

/// Writes how the terminal stands. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_status(terminal: u64, now: i64, status: *mut TtStatus) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(status, "status") }?;
        table::with(terminal, |terminal| {
            let lists = terminal.lists_status(now);
            let gallery = terminal.gallery();
            let time = |at: Option<Timestamp>| at.map_or(TT_NO_TIME, Timestamp::get);
            let number = |known: Option<u64>| {
                known.map_or(-1, |known| i64::try_from(known).unwrap_or(i64::MAX))
            };
            let (outlook, capacity) = (terminal.outlook(), terminal.store().capacity());
            out.put(TtStatus {
                struct_size: count(size_of::<TtStatus>()),
                cards: u32::from(terminal.serves_cards()),
                lists_version: lists.version.unwrap_or(0),
                lists_issued_at: time(lists.issued_at),
                lists_applied_at: time(lists.applied_at),
                lists_fresh_at: time(lists.fresh_at),
                cities_applied_at: time(lists.cities_applied_at),
                cities_late: u32::from(lists.cities_late),
                lists_overdue: u32::from(lists.overdue),
                blacklist_stale: u32::from(lists.blacklist_stale),
                card_blacklist_behind: u32::from(lists.card_blacklist_behind),
                card_blacklist: lists.card_blacklist,
                gallery: gallery.map_or(0, |gallery| gallery.version),
                gallery_after: terminal.gallery_after(),
                gallery_until: time(gallery.map(|gallery| gallery.valid_until)),
                gallery_riders: gallery.map_or(0, |gallery| count(gallery.riders().len())),
                codes: u32::from(terminal.serves_codes(now)),
                cash: u32::from(terminal.serves_cash()),
                held: capacity.held,
                waiting: capacity.waiting,
                intents: capacity.intents,
                room: outlook.records,
                room_bytes: number(outlook.bytes),
                days_left: number(outlook.days),
                fill: match outlook.fill {
                    Fill::Fine => 0,
                    Fill::Low => 1,
                    Fill::Urgent => 2,
                    Fill::Full => 3,
                },
            });
            Ok(())
        })
    })
}

//! The structs and numbers that C sees.
//!
//! Every struct begins with `struct_size`, which the caller sets to `sizeof`. All structs are the
//! caller's; pointers in them are read during the call only, but for hooks.

use core::ffi::{c_char, c_void};

mod cash;
mod clock;
mod face;
mod lists;
mod modules;
mod rules;
mod upload;

pub use cash::*;
pub use clock::*;
pub use face::*;
pub use lists::*;
pub use modules::*;
pub use rules::*;
pub use upload::*;

/// Number of this ABI; it changes whenever a struct, a number or a function does.
pub const TT_ABI: u32 = 3;

/// Most bytes of one ask: no command APDU is longer.
pub const TT_DATA_MAX: usize = 264;
/// Bytes that any record of the upload fits into.
pub const TT_RECORD_MAX: usize = 4096;
/// Bytes that any text or notice fits into.
pub const TT_TEXT_MAX: usize = 1024;

/// A time that is not known: the clock was never set.
pub const TT_NO_TIME: i64 = i64::MIN;
/// An amount that is not known or not meant.
pub const TT_NO_AMOUNT: i64 = i64::MIN;

/// Chinese, UTF-8.
pub const TT_LANG_ZH: u32 = 0;
/// English.
pub const TT_LANG_EN: u32 = 1;

/// A bus with one fare: line, vehicle; on cards card_line, card_place, card_vehicle.
pub const TT_POST_BUS: u32 = 1;
/// A bus of segmented fares: line, vehicle, station (the stop); on cards card_line, card_stop,
/// direction, card_vehicle.
pub const TT_POST_SEGMENTED: u32 = 2;
/// A gate that lets in: line (the network), station; on cards card_line[0].
pub const TT_POST_ENTRY: u32 = 3;
/// A gate that lets out: the same.
pub const TT_POST_EXIT: u32 = 4;
/// A counter or a hand-held terminal that makes up for incomplete rides of cards: the same. It scans
/// no codes and looks at no faces.
pub const TT_POST_COUNTER: u32 = 5;

/// A PSAM in a slot of the maker's: asked by TT_ASK_PSAM and TT_ASK_PSAM_RESET.
pub const TT_PSAM_SLOT: u32 = 0;
/// A soft PSAM with the published test keys as master keys, for cards whose keys are derived.
pub const TT_PSAM_TEST: u32 = 1;
/// A soft PSAM with the published test keys, for cards that have these very keys.
pub const TT_PSAM_TEST_FLAT: u32 = 2;

/// Send `data` to the card; hand its answer, status word last, to the function that goes on.
pub const TT_ASK_CARD: u32 = 1;
/// Send `data` to the PSAM; the same.
pub const TT_ASK_PSAM: u32 = 2;
/// Reset the PSAM; go on with an empty answer.
pub const TT_ASK_PSAM_RESET: u32 = 3;
/// The dialogue is over; of a tap, `tt_tap_end` says how.
pub const TT_ASK_DONE: u32 = 4;

/// The rider came out without the card knowing: the rail ride ends, for the amount or, with
/// TT_NO_AMOUNT, for what is marked on the card.
pub const TT_MAKE_UP_CLOSE_RAIL: u32 = 1;
/// The rider is inside too long: the entry counts from now, for the amount as a penalty.
pub const TT_MAKE_UP_RENEW_ENTRY: u32 = 2;
/// The rider is inside without the card knowing: an entry at `station` is written, for the amount as
/// a penalty.
pub const TT_MAKE_UP_WRITE_ENTRY: u32 = 3;
/// The rider left a bus without alighting: as TT_MAKE_UP_CLOSE_RAIL.
pub const TT_MAKE_UP_CLOSE_BUS: u32 = 4;

/// There is an answer.
pub const TT_HEARD: u32 = 0;
/// The card left the field, or the PSAM is gone.
pub const TT_LOST: u32 = 1;
/// The PSAM did not answer in time. Of a card: the same as TT_LOST.
pub const TT_TIMEOUT: u32 = 2;

/// Paid, or let in or out; the record is stored.
pub const TT_ACCEPTED: u32 = 1;
/// A ride that was torn is complete now; nothing was charged again.
pub const TT_RECOVERED: u32 = 2;
/// The rider is let through once more on a ride that was complete.
pub const TT_REOPENED: u32 = 3;
/// No ride.
pub const TT_REFUSED: u32 = 4;
/// The card left too early; the rider taps again.
pub const TT_TORN: u32 = 5;
/// The terminal cannot serve; `tt_reason` says why.
pub const TT_OUT_OF_SERVICE: u32 = 6;

/// Green: go.
pub const TT_LIGHT_GREEN: u32 = 1;
/// Amber: try again, or something is to be settled later.
pub const TT_LIGHT_AMBER: u32 = 2;
/// Red: no.
pub const TT_LIGHT_RED: u32 = 3;

/// Store a replacement failed; the old content is certainly in place.
pub const TT_REPLACE_OLD: i32 = 1;
/// Whether the old or the new content is in place is not certain.
pub const TT_REPLACE_UNCERTAIN: i32 = 2;

/// What signs records: the terminal's SAM. Called during `tt_scan`, `tt_next`,
/// `tt_face_look`, `tt_face_digits`, `tt_coverage`, `tt_gallery_report` and `tt_close_stale`, from the thread that called those; must not call this library with the same
/// handle (it would get TT_ERR_BUSY).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtSigner {
    /// Handed to `sign` as it is; lives as long as the terminal.
    pub user: *mut c_void,
    /// Writes the 64 bytes r || s of an SM2 signature with the default identifier over the
    /// message; 0 if it did. NULL: `test_key` of the setup signs.
    pub sign: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            message: *const u8,
            message_len: usize,
            signature: *mut u8,
        ) -> i32,
    >,
}

/// A device that holds the journal where there is no file system. Each hook returns 0 when it did
/// what it was asked. A power cut may lose any part of what was appended since the last `sync`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtMedium {
    /// sizeof(tt_medium_t).
    pub struct_size: u32,
    /// Handed to every hook as it is; lives as long as the terminal.
    pub user: *mut c_void,
    /// Writes how many bytes there are.
    pub size: Option<unsafe extern "C" fn(user: *mut c_void, size: *mut u64) -> i32>,
    /// Fills `out` with the `len` bytes from `at` on; they are there.
    pub read:
        Option<unsafe extern "C" fn(user: *mut c_void, at: u64, out: *mut u8, len: usize) -> i32>,
    /// Adds bytes at the end.
    pub append:
        Option<unsafe extern "C" fn(user: *mut c_void, bytes: *const u8, len: usize) -> i32>,
    /// Returns once everything appended survives a power cut.
    pub sync: Option<unsafe extern "C" fn(user: *mut c_void) -> i32>,
    /// Cuts the end off, durably.
    pub truncate: Option<unsafe extern "C" fn(user: *mut c_void, size: u64) -> i32>,
    /// Puts bytes in the place of everything, whole or not at all, durably. TT_REPLACE_OLD or
    /// TT_REPLACE_UNCERTAIN when it failed.
    pub replace:
        Option<unsafe extern "C" fn(user: *mut c_void, bytes: *const u8, len: usize) -> i32>,
}

/// Where a terminal stands. Texts are NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtPost {
    /// TT_POST_BUS and so on.
    pub kind: u32,
    /// Line or network, as the fare book has it.
    pub line: *const c_char,
    /// Station or stop, as the fare book has it; NULL where a post has none.
    pub station: *const c_char,
    /// Vehicle, as records have it; NULL where a post has none.
    pub vehicle: *const c_char,
    /// The line, on cards.
    pub card_line: [u8; 2],
    /// The stop, on cards; of segmented fares.
    pub card_stop: u8,
    /// Direction on cards, 0xAB up or 0xBA down; of segmented fares.
    pub direction: u8,
    /// The stop, on cards; of a bus with one fare.
    pub card_place: [u8; 8],
    /// The vehicle, on cards.
    pub card_vehicle: [u8; 8],
}

/// What a terminal is told when it is put up. Texts are NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtSetup {
    /// sizeof(tt_setup_t).
    pub struct_size: u32,
    /// TT_ABI.
    pub abi: u32,
    /// Acquirer, eight digits, the first of them 1.
    pub acquirer: *const c_char,
    /// Terminal number, twelve digits.
    pub terminal: *const c_char,
    /// Maker and model, eight printable characters.
    pub model: *const c_char,
    /// Terminal-side identifier, eight printable characters.
    pub terminal_id: *const c_char,
    /// Software version, ten printable characters.
    pub software: *const c_char,
    /// Serial of the terminal's certificate.
    pub serial: [u8; 4],
    /// The acquirer's list key, compressed: the only one whose lists are taken.
    pub list_key: [u8; 33],
    /// The acceptor (受理机构), as cards carry it.
    pub acceptor: [u8; 8],
    /// The city, as cards carry it.
    pub city: [u8; 2],
    /// The operator, as cards carry it.
    pub operator_code: [u8; 2],
    /// Where it stands.
    pub post: TtPost,
    /// TT_PSAM_SLOT and so on.
    pub psam: u32,
    /// First terminal sequence of a soft PSAM, which forgets it with the power; at least 1.
    pub psam_first_sequence: u32,
    /// What signs records.
    pub signer: TtSigner,
    /// 32 bytes of a TEST key that signs records where `signer.sign` is NULL; else NULL.
    pub test_key: *const u8,
    /// Path of the journal, in UTF-8; NULL where `medium` is the device.
    pub journal: *const c_char,
    /// The device of the journal; NULL where `journal` is a path.
    pub medium: *const TtMedium,
    /// Most records that the store holds; 0 for 20000.
    pub records_max: u64,
    /// Most bytes of the journal; 0 for 32 MiB.
    pub bytes_max: u64,
    /// Bytes of what is no longer needed before the journal is rewritten; 0 for 1 MiB.
    pub dead_bytes_max: u64,
    /// By which rules cards tap; NULL for the usual ones.
    pub rules: *const TtRules,
    /// Which PSAMs it takes money with; NULL for all of its city.
    pub modules: *const TtModules,
}

/// What is to be made up for at a counter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtMakeUp {
    /// sizeof(tt_make_up_t).
    pub struct_size: u32,
    /// TT_MAKE_UP_CLOSE_RAIL and so on.
    pub kind: u32,
    /// What is charged, in fen, 0 to 4294967295; TT_NO_AMOUNT where the kind says so.
    pub amount_fen: i64,
    /// Of TT_MAKE_UP_WRITE_ENTRY: where the rider says to have entered, as the fare book has it; else
    /// NULL.
    pub station: *const c_char,
}

/// What a dialogue asks next.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtAsk {
    /// sizeof(tt_ask_t).
    pub struct_size: u32,
    /// TT_ASK_CARD and so on.
    pub kind: u32,
    /// Bytes of `data`.
    pub len: u32,
    /// The command APDU.
    pub data: [u8; TT_DATA_MAX],
}

/// How a tap ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtTapEnd {
    /// sizeof(tt_tap_end_t).
    pub struct_size: u32,
    /// TT_ACCEPTED to TT_OUT_OF_SERVICE.
    pub outcome: u32,
    /// TT_LIGHT_GREEN and so on.
    pub light: u32,
    /// Which sentence is said: 0 paid, 1 enter, 2 leave, 3 boarded, 4 alighted, 5 made up,
    /// 6 tap again, 7 see staff, 8 already tapped, 9 insufficient, 10 see issuer,
    /// 11 not accepted, 12 not started, 13 expired, 14 damaged, 15 last ride not ended,
    /// 16 no entry, 17 over-stay, 18 nothing to make up, 19 other way, 20 out of service, 21 no cards.
    pub say: u32,
    /// Number of the ride's record, for `tt_told`; 0 where there is none.
    pub seq: u64,
    /// What was charged, in fen, or TT_NO_AMOUNT.
    pub fare_fen: i64,
    /// What is on the card, in fen, or TT_NO_AMOUNT.
    pub balance_fen: i64,
    /// The card's number (应用序列号; of an e-cash its PAN) of a ride, else zeroes.
    pub serial: [u8; 10],
    /// Of TT_TORN: 1 where the card may have been debited; its ride is recovered when it taps again.
    pub in_doubt: u8,
    /// Of TT_TORN: how often this ride was torn.
    pub tries: u8,
    /// What the ride was paid by: 1 purse, 2 purse by a composite purchase, 3 e-cash, 4 second
    /// ticket, 6 made up for; 0 where there is none.
    pub paid_by: u32,
    /// Records stored on the way.
    pub stored: u32,
    /// Notices for the other terminals of the group; `tt_notice_next` hands them out.
    pub notices: u32,
    /// Commands that went to the card.
    pub card_commands: u32,
    /// Requests that went to the PSAM.
    pub psam_requests: u32,
}

/// How a scan ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtScanEnd {
    /// sizeof(tt_scan_end_t).
    pub struct_size: u32,
    /// TT_ACCEPTED, TT_RECOVERED (a ride that a power cut left untold) or TT_REFUSED.
    pub outcome: u32,
    /// The result code: 0 for R00, 14 for R14 and so on.
    pub verdict: u32,
    /// TT_LIGHT_GREEN and so on; 0 where the terminal stays silent.
    pub light: u32,
    /// Number of the ride's record, for `tt_told`; 0 where there is none.
    pub seq: u64,
    /// What was charged, in fen, or TT_NO_AMOUNT.
    pub fare_fen: i64,
}

/// How a terminal stands.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtStatus {
    /// sizeof(tt_status_t).
    pub struct_size: u32,
    /// 1 where the PSAM was opened and cards can be served.
    pub cards: u32,
    /// Version of the lists held; 0 for none.
    pub lists_version: u64,
    /// When the acquirer made them, Unix seconds, or TT_NO_TIME.
    pub lists_issued_at: i64,
    /// When they were taken here, or TT_NO_TIME.
    pub lists_applied_at: i64,
    /// When they were last known to be the newest, or TT_NO_TIME.
    pub lists_fresh_at: i64,
    /// When the city list was first held, as far as is remembered, or TT_NO_TIME.
    pub cities_applied_at: i64,
    /// 1 where that was more than 15 days after the notice of it.
    pub cities_late: u32,
    /// 1 where the lists are older than 15 days, or there are none: send someone.
    pub lists_overdue: u32,
    /// 1 where the blacklist is older than 72 hours, or there is none.
    pub blacklist_stale: u32,
    /// 1 where the lists say that there is a newer card blacklist.
    pub card_blacklist_behind: u32,
    /// Version of the card blacklist held; 0 for none.
    pub card_blacklist: u64,
    /// Version of the gallery held; 0 for none.
    pub gallery: u64,
    /// The version that the next update may go on from; 0: ask for a whole one.
    pub gallery_after: u64,
    /// Nobody is recognised any more then, or TT_NO_TIME.
    pub gallery_until: i64,
    /// Riders in it.
    pub gallery_riders: u32,
    /// 1 where ride codes can be served now.
    pub codes: u32,
    /// 1 where e-cashes are taken.
    pub cash: u32,
    /// Records held.
    pub held: u64,
    /// Records that wait for the acquirer.
    pub waiting: u64,
    /// Torn cards that may come back.
    pub intents: u64,
    /// Records there is room for.
    pub room: u64,
    /// Bytes there is room for; -1 where they are not counted.
    pub room_bytes: i64,
    /// Whole days that the room lasts at this terminal's pace if nothing leaves; -1 before the first
    /// record.
    pub days_left: i64,
    /// 0 fine, 1 low, 2 urgent, 3 full.
    pub fill: u32,
}

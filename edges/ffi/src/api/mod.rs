//! The functions that C calls. Each checks what it is given and hands it to [`Terminal`].
//!
//! Rules for all of them, unless a function says otherwise:
//!
//! * What is returned is TT_OK or one of the TT_ERR codes; `tt_last_error` has words for the last
//!   fault of the calling thread. After a fault nothing has changed that is not said.
//! * A terminal serves one call at a time, from any thread. A second one at the same time, and one
//!   from inside a hook, gets TT_ERR_BUSY at once. Different terminals do not disturb each other.
//! * Buffers are the caller's; `len` gets the length that there is, also when it does not fit
//!   (TT_ERR_SHORT). Texts are UTF-8 with a NUL behind, which `len` does not count; a buffer of 0
//!   bytes may be NULL.
//! * Times are Unix seconds, amounts are fen.
#![expect(unsafe_code, reason = "functions that C calls take pointers of C")]
#![expect(
    clippy::missing_safety_doc,
    reason = "all have the same demands, said once in the header: pointers are NULL or good for \
              their length until the function returns, strings end with a NUL"
)]

use tongtu_fare::Lang;
use tongtu_terminal::Light;
use tongtu_types::{Fen, Timestamp};
use zeroize::Zeroizing;

use crate::code::TT_ERR_VALUE;
use crate::fault::Fault;
use crate::types::{
    TT_LANG_EN, TT_LANG_ZH, TT_LIGHT_AMBER, TT_LIGHT_GREEN, TT_LIGHT_RED, TT_NO_AMOUNT, TT_NO_TIME,
};

mod about;
mod cash;
mod clock;
mod face;
mod group;
mod lists;
mod opening;
mod prompt;
mod scan;
mod status;
mod tap;
mod upload;

pub use about::{tt_abi, tt_error_text, tt_last_error, tt_version};
pub use cash::{tt_authority_take, tt_cash_serve, tt_revocations_take};
pub use clock::{tt_clock_now, tt_clock_read, tt_clock_rules, tt_clock_set_rules};
pub use face::{
    tt_face_digits, tt_face_look, tt_face_open, tt_face_usual, tt_gallery_expire, tt_gallery_keep,
    tt_gallery_report, tt_gallery_restore, tt_gallery_update, tt_gallery_withdraw,
};
pub use group::{tt_notice_next, tt_notice_take};
pub use lists::{
    tt_apply_lists, tt_blacklist_compact, tt_blacklist_open, tt_blacklist_take, tt_confirm_lists,
    tt_coverage, tt_lists_open,
};
pub use opening::{tt_close, tt_next_stop, tt_open, tt_rules_usual};
pub use prompt::{tt_prompt_display, tt_prompt_voice, tt_reason, tt_told};
pub use scan::tt_scan;
pub use status::tt_status;
pub use tap::{tt_cancel, tt_make_up_begin, tt_next, tt_psam_begin, tt_tap_begin, tt_tap_end};
pub use upload::{
    tt_ack, tt_close_stale, tt_pending, tt_upload_answered, tt_upload_begin, tt_upload_failed,
    tt_upload_next,
};

pub(super) fn lang_of(lang: u32) -> Result<Lang, Fault> {
    match lang {
        TT_LANG_ZH => Ok(Lang::Zh),
        TT_LANG_EN => Ok(Lang::En),
        _ => Err(Fault::new(
            TT_ERR_VALUE,
            format!("lang: {lang}, expected 0 or 1"),
        )),
    }
}

pub(super) fn time_of(now: i64) -> Option<Timestamp> {
    (now != TT_NO_TIME).then(|| Timestamp::new(now))
}

pub(super) fn known_time(now: i64) -> Result<Timestamp, Fault> {
    time_of(now).ok_or_else(|| Fault::new(TT_ERR_VALUE, "now: TT_NO_TIME, expected a time"))
}

pub(super) fn fen_of(amount: Option<Fen>) -> i64 {
    amount.map_or(TT_NO_AMOUNT, Fen::get)
}

pub(super) const fn light_of(light: Light) -> u32 {
    match light {
        Light::Green => TT_LIGHT_GREEN,
        Light::Amber => TT_LIGHT_AMBER,
        Light::Red => TT_LIGHT_RED,
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A seed of the caller's. All zeroes are memory that nobody filled.
fn seed(name: &str, bytes: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, Fault> {
    if *bytes == [0; 32] {
        let detail = format!("{name}: all zeroes, expected what a good source gave");
        return Err(Fault::new(TT_ERR_VALUE, detail));
    }
    Ok(Zeroizing::new(*bytes))
}

//! The e-cash.

use std::sync::Arc;

use tongtu_crypto::{PublicKey, RsaPublicKey};
use tongtu_ecash::Ttq;
use tongtu_ecash::oda::paper::{self, RevocationPaper};
use tongtu_ecash::oda::{Authority, VerifyingKey};
use tongtu_purse::field::{Amount, Date};
use tongtu_terminal::tap::{AuthorityKey, CashRules, RecordKeys};

use super::seed;
use crate::code::TT_ERR_VALUE;
use crate::fault::{Fault, guarded};
use crate::hooks::HookKeys;
use crate::raw::{self, Sized32};
use crate::setup::wrong;
use crate::table;
use crate::terminal::Till;
use crate::types::{TT_KEY_RSA, TT_KEY_SM2, TtAuthority, TtCash, TtRecordUpdate};

// SAFETY: `repr(C)`, `struct_size` first; numbers and pointers.
unsafe impl Sized32 for TtAuthority {}
// SAFETY: the same, and a function pointer that may be NULL.
unsafe impl Sized32 for TtCash {}
// SAFETY: as the first.
unsafe impl Sized32 for TtRecordUpdate {}

/// Takes the key of a certification authority, whose cards are believed from the next tap on; before
/// or after tt_cash_serve. It is in memory only: hand all of them in after a start. Errors: HANDLE,
/// BUSY, NULL, SIZE, STATE (a dialogue is under way), VALUE (no key, another check value, or older
/// than the one held).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_authority_take(terminal: u64, authority: *const TtAuthority) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(authority, "authority") }?;
        // SAFETY: the same.
        let key = unsafe { raw::bytes(plain.key, plain.key_len, "authority.key") }?;
        // SAFETY: the same.
        let exponent =
            unsafe { raw::bytes(plain.exponent, plain.exponent_len, "authority.exponent") }?;
        // SAFETY: the same.
        let check = unsafe { raw::bytes(plain.check, plain.check_len, "authority.check") }?;
        let key = authority_key(&plain, key, exponent, check)?;
        table::with(terminal, |terminal| terminal.take_authority(key))
    })
}

/// Takes the list of issuers' certificates that an authority took back, as its text; cards of those
/// issuers are refused from the next tap on. The authority's key is handed in first, and must have
/// signed it. It is in memory only: hand all of them in after a start. Errors: HANDLE, BUSY, NULL, STATE
/// (a dialogue is under way), VALUE (no list, another signature, or older than the one held).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_revocations_take(terminal: u64, list: *const u8, len: usize) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let list = unsafe { raw::bytes(list, len, "list") }?;
        let list = paper::text_of(list).and_then(RevocationPaper::parse);
        let list = list.map_err(|error| wrong("list", error))?;
        table::with(terminal, |terminal| terminal.take_revocations(&list))
    })
}

fn authority_key(
    plain: &TtAuthority,
    key: &[u8],
    exponent: &[u8],
    check: &[u8],
) -> Result<AuthorityKey, Fault> {
    let index =
        u8::try_from(plain.index).map_err(|_| wrong("authority.index", "expected at most 255"))?;
    let key = match plain.kind {
        TT_KEY_RSA => {
            let key = RsaPublicKey::new(key, exponent);
            VerifyingKey::Rsa(key.map_err(|error| wrong("authority.key", error))?)
        }
        TT_KEY_SM2 => {
            let point = key.try_into();
            let point = point.map_err(|_| wrong("authority.key", "expected 64 bytes"))?;
            let key = PublicKey::from_xy(point);
            VerifyingKey::Sm2(key.map_err(|error| wrong("authority.key", error))?)
        }
        kind => return Err(wrong("authority.kind", format!("{kind}, expected 1 or 2"))),
    };
    let expires = Date(plain.expires);
    if expires.day().is_none() {
        return Err(wrong("authority.expires", "expected a date YYYYMMDD"));
    }
    Ok(AuthorityKey {
        rid: plain.rid,
        authority: Authority { index, key },
        version: plain.version,
        expires,
        check: check.to_vec(),
    })
}

/// Takes e-cashes (电子现金) from the next tap on; called again, by other rules. Errors: HANDLE, BUSY,
/// NULL, SIZE, STATE (a dialogue is under way), VALUE (which field, in tt_last_error).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_cash_serve(terminal: u64, cash: *const TtCash) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(cash, "cash") }?;
        // SAFETY: a NUL-terminated string, or NULL.
        let issuers = unsafe { raw::text(plain.issuers, "cash.issuers") }?;
        // SAFETY: the same.
        let merchant = unsafe { raw::text(plain.merchant, "cash.merchant") }?;
        // SAFETY: the hook may be called until the terminal is closed.
        let keys = unsafe { HookKeys::of(&plain.records) };
        let till = Till {
            rules: rules(&plain, issuers, merchant)?,
            records: keys.map(|keys| Arc::new(keys) as Arc<dyn RecordKeys>),
            seed: seed("cash.seed", &plain.seed)?,
            times: 0,
        };
        table::with(terminal, |terminal| terminal.serve_cash(till))
    })
}

fn rules(
    plain: &TtCash,
    issuers: Option<&str>,
    merchant: Option<&str>,
) -> Result<CashRules, Fault> {
    let mut rules = CashRules::default();
    if plain.limit_fen > 0 {
        rules.limit = Amount::new(plain.limit_fen);
    }
    if plain.qualifiers != [0; 4] {
        rules.qualifiers = Ttq(plain.qualifiers);
    }
    if let Some(issuers) = issuers {
        for digits in issuers.split(',') {
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                let detail = "expected digits with commas between";
                return Err(wrong("cash.issuers", detail));
            }
            rules.issuers.push(digits.to_owned());
        }
    }
    if let Some(merchant) = merchant {
        let is_good = merchant.bytes().all(|b| (0x20..0x7F).contains(&b));
        let place = rules.merchant.get_mut(..merchant.len()).filter(|_| is_good);
        let Some(place) = place else {
            let detail = "cash.merchant: expected at most 20 printable characters";
            return Err(Fault::new(TT_ERR_VALUE, detail));
        };
        place.copy_from_slice(merchant.as_bytes());
    }
    Ok(rules)
}

//! The e-cash: authorities, rules, keys of records.

use core::ffi::{c_char, c_void};

/// RSA: `key` is the modulus, `exponent` is there.
pub const TT_KEY_RSA: u32 = 1;
/// SM2: `key` is X and Y, 64 bytes; `exponent` is NULL.
pub const TT_KEY_SM2: u32 = 2;

/// A certification authority's key, as it is distributed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtAuthority {
    /// sizeof(tt_authority_t).
    pub struct_size: u32,
    /// TT_KEY_RSA or TT_KEY_SM2.
    pub kind: u32,
    /// Index of the key, 0 to 255.
    pub index: u32,
    /// Version of this entry: one that is held makes way for one that is not lower.
    pub version: u32,
    /// The key.
    pub key: *const u8,
    /// Its bytes.
    pub key_len: usize,
    /// Public exponent of an RSA key.
    pub exponent: *const u8,
    /// Its bytes.
    pub exponent_len: usize,
    /// Check value: SHA-1 over RID, index, modulus and exponent, 20 bytes; or SM3 over RID, index
    /// and point, 32 bytes.
    pub check: *const u8,
    /// Its bytes.
    pub check_len: usize,
    /// The scheme: first five bytes of the AIDs that it is for.
    pub rid: [u8; 5],
    /// The last day on which it is used, YYYYMMDD, two digits a byte.
    pub expires: [u8; 4],
}

/// A record on an e-cash that is to be written, and wants a MAC.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtRecordUpdate {
    /// sizeof(tt_record_update_t).
    pub struct_size: u32,
    /// The card's counter, which begins the MAC.
    pub atc: u32,
    /// The whole new record; good until the hook returns.
    pub record: *const u8,
    /// Its bytes.
    pub record_len: usize,
    /// The card's issuer.
    pub issuer: [u8; 8],
    /// The card's number (PAN).
    pub serial: [u8; 10],
    /// Algorithm byte of the card's issuer application data: 1 or 4.
    pub algorithm: u8,
    /// The extension file.
    pub sfi: u8,
    /// Header of the command, Lc included.
    pub header: [u8; 5],
}

/// Who holds the keys of records on e-cashes. Called during `tt_next`, from the thread that called
/// it; must not call this library with the same handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtRecordKeys {
    /// Handed to `mac` as it is; lives as long as the terminal.
    pub user: *mut c_void,
    /// Writes the four bytes of the MAC; 0 if it did, anything else where there is no key for this
    /// card or file. NULL: only whole rides are paid by e-cash.
    pub mac: Option<
        unsafe extern "C" fn(user: *mut c_void, update: *const TtRecordUpdate, mac: *mut u8) -> i32,
    >,
}

/// How a terminal takes the e-cash.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtCash {
    /// sizeof(tt_cash_t).
    pub struct_size: u32,
    /// The most that one tap pays, fen; 0 for the usual 2000.
    pub limit_fen: u32,
    /// Leftmost digits of the card numbers that are taken, commas between them; NULL: the issuer that
    /// the card states decides.
    pub issuers: *const c_char,
    /// Name of the merchant, at most 20 printable characters; NULL for none.
    pub merchant: *const c_char,
    /// Who makes MACs for records.
    pub records: TtRecordKeys,
    /// What the terminal says of itself (TTQ, 9F66); four zeroes for a bus's or gate's usual.
    pub qualifiers: [u8; 4],
    /// From which the numbers are made that cards cannot foresee: fresh, from a good source, after
    /// every start. Not all zeroes.
    pub seed: [u8; 32],
}

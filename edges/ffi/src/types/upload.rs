//! Batches of records on their way to the acquirer.

/// Nothing waits.
pub const TT_UPLOAD_IDLE: u32 = 0;
/// A batch is out: `tt_upload_answered` or `tt_upload_failed` first.
pub const TT_UPLOAD_SENT: u32 = 1;
/// Come back at `until`.
pub const TT_UPLOAD_WAITING: u32 = 2;
/// A batch is there: fetch it with `tt_upload_next`, and send it.
pub const TT_UPLOAD_SEND: u32 = 3;

/// What to do about uploads now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtUpload {
    /// sizeof(tt_upload_t).
    pub struct_size: u32,
    /// TT_UPLOAD_IDLE and so on.
    pub kind: u32,
    /// Records of the batch.
    pub count: u32,
    /// Failures in a row so far.
    pub failures: u32,
    /// Of TT_UPLOAD_WAITING: when the next attempt is due, Unix seconds; else TT_NO_TIME.
    pub until: i64,
}

/// Where a record stands in the terminal's chain.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtRecord {
    /// sizeof(tt_record_t).
    pub struct_size: u32,
    /// Number of the record.
    pub seq: u64,
    /// The chain's value before it, and
    pub before: [u8; 32],
    /// at it: SM3 over "TTCHAIN1", `before`, the number as eight bytes and the record.
    pub chain: [u8; 32],
}

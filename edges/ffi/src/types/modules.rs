//! Which PSAMs a terminal takes money with.

/// Which PSAMs a terminal takes money with. What is NULL is not asked for, but that a PSAM is of the
/// terminal's city, by the receiver that it states, unless `receivers` says which receivers are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtModules {
    /// sizeof(tt_modules_t).
    pub struct_size: u32,
    /// 1: a PSAM must speak for `terminal` of the setup; else it was moved here.
    pub own_number: u32,
    /// Receivers whose PSAMs are taken, 8 bytes each, as PSAMs have them; or NULL.
    pub receivers: *const u8,
    /// How many.
    pub receivers_count: usize,
    /// Issuers whose PSAMs are taken, 8 bytes each; or NULL.
    pub issuers: *const u8,
    /// How many.
    pub issuers_count: usize,
    /// Key indexes that the city was given, a byte each; or NULL.
    pub key_indexes: *const u8,
    /// How many.
    pub key_indexes_count: usize,
    /// Serial numbers of the PSAMs that the acquirer admitted here, 10 bytes each; or NULL.
    pub admitted: *const u8,
    /// How many.
    pub admitted_count: usize,
}

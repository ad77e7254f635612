//! Rides by face.

use core::ffi::c_void;

/// The second factor is wanted: prompt, then `tt_face_digits`. An outcome of tt_face_end_t.
pub const TT_DIGITS_WANTED: u32 = 7;
/// Nobody is there. An outcome of tt_face_end_t.
pub const TT_NOBODY: u32 = 8;

/// The camera could not decide; counts as not alive.
pub const TT_LIVE_UNDECIDED: u32 = 0;
/// Alive.
pub const TT_LIVE: u32 = 1;
/// A photo.
pub const TT_SPOOF_PHOTO: u32 = 2;
/// A screen.
pub const TT_SPOOF_SCREEN: u32 = 3;
/// A mask.
pub const TT_SPOOF_MASK: u32 = 4;
/// Something else that is no face.
pub const TT_SPOOF_OTHER: u32 = 5;

/// A rider passes, or nobody is there, or the digits are wanted.
pub const TT_FACE_FINE: u32 = 0;
/// No gallery, or its time is over: there was no word from the acquirer for too long.
pub const TT_FACE_NO_GALLERY: u32 = 1;
/// More than one face.
pub const TT_FACE_SEVERAL: u32 = 2;
/// Seen too badly.
pub const TT_FACE_QUALITY: u32 = 3;
/// Not alive.
pub const TT_FACE_NOT_LIVE: u32 = 4;
/// Nobody of the gallery.
pub const TT_FACE_UNKNOWN: u32 = 5;
/// The second factor was wrong or late.
pub const TT_FACE_DIGITS: u32 = 6;
/// Passed a moment ago.
pub const TT_FACE_TOO_FREQUENT: u32 = 7;
/// The rider's consent has ended.
pub const TT_FACE_CONSENT_ENDED: u32 = 8;
/// The matcher failed.
pub const TT_FACE_ENGINE: u32 = 9;
/// The terminal is not in service.
pub const TT_FACE_OUT_OF_SERVICE: u32 = 10;

/// One template of the gallery, as `rank` sees it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtTemplate {
    /// Its bytes; good until the hook returns, and not to be kept.
    pub bytes: *const u8,
    /// How many they are.
    pub len: usize,
    /// The rider's pseudonym.
    pub handle: [u8; 16],
}

/// The maker's matcher. Called during `tt_face_look`, from the thread that called it; must not call
/// this library with the same handle.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtMatcher {
    /// Handed to the hooks as it is; lives as long as the terminal.
    pub user: *mut c_void,
    /// Engine and version, eight characters: galleries of another are refused.
    pub id: [u8; 8],
    /// Writes how alike two templates are, 0 to 10000; 0 if it did, else the engine's own number of
    /// the fault. NULL: the plain matcher of the workbench, whose id is COSINE01.
    pub compare: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            probe: *const u8,
            probe_len: usize,
            enrolled: *const u8,
            enrolled_len: usize,
            score: *mut u32,
        ) -> i32,
    >,
    /// The same for a whole gallery, where the engine is faster than one by one: writes place and
    /// score of the best template of each of the best two riders; a rider may have several, with one
    /// handle. A place that is not below `count` stands for nobody; the same rider twice is a fault.
    /// NULL: `compare` is called for each.
    pub rank: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            probe: *const u8,
            probe_len: usize,
            templates: *const TtTemplate,
            count: usize,
            places: *mut u64,
            scores: *mut u32,
        ) -> i32,
    >,
}

/// How a terminal takes faces. tt_face_usual writes the usual numbers, which go with the plain
/// matcher; thresholds belong to an engine.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtFace {
    /// sizeof(tt_face_t).
    pub struct_size: u32,
    /// At least so alike, in ten-thousandths.
    pub accept: u32,
    /// And so far ahead of the next rider.
    pub margin: u32,
    /// Not quite so alike, but worth asking for the second factor.
    pub ask: u32,
    /// At least so well seen, 0 to 100.
    pub quality_min: u32,
    /// Seconds in which a rider who passed is not charged again.
    pub interval_s: u32,
    /// Seconds for the second factor.
    pub digits_s: u32,
    /// How often it may be tried.
    pub digits_tries: u32,
    /// Seconds in which a ride that was stored and not told completes after a restart.
    pub resume_s: u32,
    /// The matcher.
    pub matcher: TtMatcher,
    /// The key that templates travel under, from your secure module.
    pub seal_key: [u8; 16],
    /// The key that they lie under in this terminal alone.
    pub own_key: [u8; 16],
    /// From which sealing draws: fresh, from a good source, after every start. Not all zeroes.
    pub seed: [u8; 32],
}

/// What the camera saw.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtCapture {
    /// sizeof(tt_capture_t).
    pub struct_size: u32,
    /// Faces; with 0 or several the rest is not looked at.
    pub faces: u32,
    /// TT_LIVE and so on.
    pub liveness: u32,
    /// How well the face was seen, 0 to 100.
    pub quality: u32,
    /// What the matcher's extractor made of it.
    pub probe: *const u8,
    /// Its bytes.
    pub probe_len: usize,
}

/// How a look ended. Never a similarity and never a name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtFaceEnd {
    /// sizeof(tt_face_end_t).
    pub struct_size: u32,
    /// TT_ACCEPTED, TT_RECOVERED (a ride that a power cut left untold), TT_REFUSED, TT_OUT_OF_SERVICE,
    /// TT_DIGITS_WANTED or TT_NOBODY.
    pub outcome: u32,
    /// TT_LIGHT_GREEN and so on; 0 where the terminal stays silent.
    pub light: u32,
    /// Why nobody passes: TT_FACE_NO_GALLERY and so on.
    pub why: u32,
    /// Of TT_FACE_DIGITS: 1 where they may be tried once more.
    pub again: u32,
    /// Of a ride: version of the terms that the rider consented to.
    pub consent: u32,
    /// Number of the ride's record, for `tt_told`; 0 where there is none.
    pub seq: u64,
    /// What was charged, in fen, or TT_NO_AMOUNT.
    pub fare_fen: i64,
    /// Of a ride: the rider's pseudonym, else zeroes.
    pub handle: [u8; 16],
}

//! The clock, as far as it can be believed.

/// The terminal's own battery clock.
pub const TT_CLOCK_RTC: u32 = 0;
/// A satellite receiver.
pub const TT_CLOCK_GPS: u32 = 1;
/// The vehicle's or the station's computer.
pub const TT_CLOCK_HOST: u32 = 2;
/// The acquirer's node, by the time in its answers.
pub const TT_CLOCK_ACQUIRER: u32 = 3;
/// Time servers.
pub const TT_CLOCK_NTP: u32 = 4;

/// There was no clock; this is it now.
pub const TT_HEARD_SET: u32 = 1;
/// It says what the clock says, and the clock follows it.
pub const TT_HEARD_FOLLOWED: u32 = 2;
/// It says what the clock says; a source of a higher rank has set the clock.
pub const TT_HEARD_CONFIRMED: u32 = 3;
/// So does another source: the clock was set anew.
pub const TT_HEARD_STEPPED: u32 = 4;
/// It says something quite different and is not believed until another source agrees.
pub const TT_HEARD_CLAIMED: u32 = 5;
/// It says nothing that could be a time.
pub const TT_HEARD_REFUSED: u32 = 6;

/// There is a time.
pub const TT_CLOCK_FINE: u32 = 0;
/// No source gave one that could be taken.
pub const TT_CLOCK_UNSET: u32 = 1;
/// It is before `not_before`.
pub const TT_CLOCK_BEFORE_BUILD: u32 = 2;
/// It is behind what this terminal itself has recorded.
pub const TT_CLOCK_BEFORE_RECORD: u32 = 3;
/// No source confirmed it for too long.
pub const TT_CLOCK_UNSYNCED: u32 = 4;
/// The counter fell: the machine started anew, read the sources again.
pub const TT_CLOCK_COUNTER: u32 = 5;

/// Limits of the clock. tt_clock_rules writes those in force.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtClockRules {
    /// sizeof(tt_clock_rules_t).
    pub struct_size: u32,
    /// How far it may be behind the newest record and still serve, seconds.
    pub back_max_s: u32,
    /// How far ahead of the newest record a first reading after a start is believed alone.
    pub ahead_max_s: u32,
    /// What the counter may be off in a day.
    pub drift_max_s: u32,
    /// How far a source alone may move the clock, within any day.
    pub step_max_s: u32,
    /// How far apart two sources may be and still say the same.
    pub agree_max_s: u32,
    /// How long a source's step waits for another source to say the same.
    pub claim_max_s: u32,
    /// Without a source for longer than this, it is flagged.
    pub unsynced_flag_s: u32,
    /// Earlier is no time: the day on which your software was built, Unix seconds.
    pub not_before: i64,
    /// Without a source for longer than this the terminal is out of service; -1 serves on.
    pub unsynced_max_s: i64,
}

/// What became of a reading.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtHeard {
    /// sizeof(tt_heard_t).
    pub struct_size: u32,
    /// TT_HEARD_SET and so on.
    pub kind: u32,
    /// Of TT_HEARD_STEPPED: which source said the same.
    pub with: u32,
    /// How far it is off, or how far the clock was moved, seconds; 0 where there was no clock.
    pub off_s: i64,
}

/// The time, and what is to be known about it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtClock {
    /// sizeof(tt_clock_t).
    pub struct_size: u32,
    /// TT_CLOCK_FINE, or why there is no time.
    pub fault: u32,
    /// The time, Unix seconds, for taps, scans and looks; TT_NO_TIME where there is none.
    pub now: i64,
    /// Seconds since a source last confirmed it; -1 when none did.
    pub unsynced_s: i64,
    /// When that was, or TT_NO_TIME; keep it, and hand it to `tt_clock_set_rules` after a start.
    pub synced_at: i64,
    /// 1 where that is too long.
    pub is_unsynced: u32,
    /// 1 where a source says something quite different and waits for another to agree.
    pub is_disputed: u32,
}

//! Parameters (参数) of card acceptance, as data with a first day.

use alloc::vec::Vec;

use tongtu_codec::{Be, Raw, record};
use tongtu_purse::field::{Amount, CardKind, Date, Purse};
use tongtu_types::{BusinessDay, Fen, Timestamp};

use super::ListError;
use super::section::Section;

record! {
    /// One set of parameters (参数) in a list bundle.
    pub struct ParametersRecord: 291 {
        [0..4] from: Date as Purse, Ours, "first day", "生效日期";
        [4..6] retap_s: u16 as Be, Ours, "shortest interval of one card, seconds", "最小刷卡间隔";
        [6..10] balance_max: Amount as Purse, Ours, "greatest believable balance", "余额上限";
        [10..14] balance_low: Amount as Purse, Ours, "balance below which a hint is given", "余额提醒";
        [14..16] window_s: u16 as Be, Ours, "wait for a torn card, seconds", "重刷等待时间";
        [16..17] window_tries: u8 as Be, Ours, "prompts for a torn card", "重刷次数";
        [17..19] grey_after_s: u16 as Be, Ours, "until an intent is grey, seconds", "灰记录等待时间";
        [19..20] intents_max: u8 as Be, Ours, "open intents at once", "未完成交易上限";
        [20..21] unverified: u8 as Be, Ours, "MAC2 past checking: 0 refuse, 1 vouch", "MAC2未验策略";
        [21..29] clock_least: u64 as Be, Ours, "earliest credible time, Unix seconds", "可信时间下限";
        [29..31] clock_back_s: u16 as Be, Ours, "clock may go back, seconds", "时钟回拨容差";
        [31..35] clock_sync_s: u32 as Be, Ours, "longest time without setting the clock", "对时间隔";
        [35..291] permissions: [u8; 256] as Raw, Ours, "services by card kind, a bit each", "卡种权限";
    }
}

pub(super) const ENTRY_LEN: usize = ParametersRecord::LEN;

/// What a card is used for; each has a bit in the permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Service {
    /// A bus ride at one price.
    Bus = 0,
    /// A bus ride by segments (分段).
    Segmented = 1,
    /// Rail, in and out.
    Rail = 2,
    /// Making up an open ride (补登).
    MakeUp = 3,
    /// Paying by e-cash (电子现金).
    Cash = 4,
}

/// Which services a kind of card may use (卡种权限).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Permissions([u8; 256]);

impl Permissions {
    /// Every kind may use everything.
    pub const ALL: Self = Self([0xFF; 256]);
    /// No kind may use anything.
    pub const NONE: Self = Self([0; 256]);

    /// Whether cards of that kind may use the service.
    #[must_use]
    pub const fn allow(&self, kind: CardKind, service: Service) -> bool {
        self.0[kind.0 as usize] & (1 << service as u8) != 0
    }

    /// The same, but for one kind and service.
    #[must_use]
    pub const fn set(mut self, kind: CardKind, service: Service, allowed: bool) -> Self {
        let bit = 1 << service as u8;
        let bits = &mut self.0[kind.0 as usize];
        *bits = if allowed { *bits | bit } else { *bits & !bit };
        self
    }
}

impl core::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let restricted = (0..=u8::MAX).filter(|kind| self.0[usize::from(*kind)] != 0xFF);
        f.write_str("all but ")?;
        f.debug_set().entries(restricted).finish()
    }
}

/// What becomes of a ride whose MAC2 can no longer be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Unverified {
    /// It is refused.
    Refuse = 0,
    /// The card vouches for itself by another purchase, of nothing.
    Vouch = 1,
}

/// The limits and settings by which cards are taken, from one day on.
///
/// UNSPECIFIED: no public text has the terminal's parameters; these are the ones that bus
/// terminals are known to have, and those of our recovery. Fares are the fare book's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The first day on which they count.
    pub from: BusinessDay,
    /// A card that comes again sooner is asked not to (重复刷卡).
    pub retap_s: u16,
    /// A card that says it has more is damaged, or worse.
    pub balance_max: Amount,
    /// A rider with less is told so.
    pub balance_low: Amount,
    /// How long the terminal asks for a torn card.
    pub window_s: u16,
    /// How often it asks.
    pub window_tries: u8,
    /// When an intent becomes a grey record (灰记录).
    pub grey_after_s: u16,
    /// How many intents may be open.
    pub intents_max: u8,
    /// What becomes of a ride whose MAC2 can no longer be checked.
    pub unverified: Unverified,
    /// A clock that says less is not set.
    pub clock_least: Timestamp,
    /// How far the clock may lie behind the newest record.
    pub clock_back_s: u16,
    /// How long the clock may go without being set.
    pub clock_sync_s: u32,
    /// Who may ride what.
    pub permissions: Permissions,
}

impl Parameters {
    /// What counts where nothing is said: the values that public terminals share.
    pub const DEFAULT: Self = Self {
        from: BusinessDay::from_days(0),
        retap_s: 5,
        balance_max: Amount::new(100_000),
        balance_low: Amount::new(500),
        window_s: 30,
        window_tries: 10,
        grey_after_s: 120,
        intents_max: 16,
        unverified: Unverified::Vouch,
        // 2026-01-01 in China.
        clock_least: Timestamp::new(1_767_196_800),
        clock_back_s: 60,
        clock_sync_s: 86_400,
        permissions: Permissions::ALL,
    };

    /// Whether a balance is one that a card can have.
    #[must_use]
    pub fn believes(&self, balance: Fen) -> bool {
        balance <= self.balance_max.fen()
    }

    fn record(&self) -> Option<ParametersRecord> {
        Some(ParametersRecord {
            from: Date::of(self.from),
            retap_s: self.retap_s,
            balance_max: self.balance_max,
            balance_low: self.balance_low,
            window_s: self.window_s,
            window_tries: self.window_tries,
            grey_after_s: self.grey_after_s,
            intents_max: self.intents_max,
            unverified: self.unverified as u8,
            clock_least: u64::try_from(self.clock_least.get()).ok()?,
            clock_back_s: self.clock_back_s,
            clock_sync_s: self.clock_sync_s,
            permissions: self.permissions.0,
        })
    }

    fn of(record: &ParametersRecord) -> Option<Self> {
        Some(Self {
            from: record.from.day()?,
            retap_s: record.retap_s,
            balance_max: record.balance_max,
            balance_low: record.balance_low,
            window_s: record.window_s,
            window_tries: record.window_tries,
            grey_after_s: record.grey_after_s,
            // With none, every torn card would be lost at once.
            intents_max: Some(record.intents_max).filter(|max| *max > 0)?,
            unverified: match record.unverified {
                0 => Unverified::Refuse,
                1 => Unverified::Vouch,
                _ => return None,
            },
            clock_least: Timestamp::new(i64::try_from(record.clock_least).ok()?),
            clock_back_s: record.clock_back_s,
            clock_sync_s: record.clock_sync_s,
            permissions: Permissions(record.permissions),
        })
    }
}

/// Sets of parameters by rising first day.
pub(super) fn write(sets: &[Parameters]) -> Result<Vec<u8>, ListError> {
    let mut out = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        let is_above = index == 0 || sets[index - 1].from < set.from;
        let record = set.record().filter(|_| is_above).ok_or(fault(index))?;
        out.extend(record.encode()?);
    }
    Ok(out)
}

pub(super) fn read<'a>(
    entries: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Parameters>, ListError> {
    let mut sets: Vec<Parameters> = Vec::new();
    for (index, bytes) in entries.enumerate() {
        let set = Parameters::of(&ParametersRecord::decode(bytes)?).ok_or(fault(index))?;
        if sets.last().is_some_and(|last| last.from >= set.from) {
            return Err(fault(index));
        }
        sets.push(set);
    }
    Ok(sets)
}

/// The set that counts on that day.
pub(crate) fn on(sets: &[Parameters], day: BusinessDay) -> &Parameters {
    let begun = sets.iter().rev().find(|set| set.from <= day);
    begun.unwrap_or(&Parameters::DEFAULT)
}

const fn fault(index: usize) -> ListError {
    ListError::Entry {
        list: Section::Parameters.name(),
        index,
    }
}

//! By which rules cards tap.

/// A rider who is sent to the staff; of the choices below.
pub const TT_RULE_COUNTER: u32 = 0;
/// The fare book's row for it is charged, or what this rule says otherwise.
pub const TT_RULE_CHARGE: u32 = 1;
/// What the fare book says of an incomplete ride is charged; the counter where it says nothing.
pub const TT_RULE_BY_BOOK: u32 = 2;

/// The blacklisted card is refused, and that is recorded.
pub const TT_LOCK_NOT: u32 = 0;
/// It is locked, and its issuer may unlock it.
pub const TT_LOCK: u32 = 1;
/// It is locked for ever.
pub const TT_LOCK_FOR_EVER: u32 = 2;

/// By which rules cards tap. tt_rules_usual writes the usual ones; change what differs, and hand
/// them to tt_open. Of a day for which the acquirer's parameters say something else, those count:
/// retap_s, balance_max_fen, balance_hint_fen, tries_max, grey_after_s, intents_max, refuse_unverified.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtRules {
    /// sizeof(tt_rules_t).
    pub struct_size: u32,
    /// Seconds in which the same card is not taken again.
    pub retap_s: u32,
    /// Seconds in which a gate opens once more for a ride it has recorded.
    pub reopen_s: u32,
    /// Balance above which a card is damaged, fen.
    pub balance_max_fen: u32,
    /// Balance below which the rider is told to load, fen.
    pub balance_hint_fen: u32,
    /// Balance that an entry wants, fen.
    pub entry_min_fen: u32,
    /// Torn taps of one ride after which the rider is sent to the staff, at most 255.
    pub tries_max: u32,
    /// Seconds after which a torn ride becomes a grey record.
    pub grey_after_s: u32,
    /// Torn cards that are waited for at once, 1 to 1024.
    pub intents_max: u32,
    /// 1: a recovery whose MAC2 cannot be verified is refused; 0: the card vouches by paying nothing.
    pub refuse_unverified: u32,
    /// A ride that was never ended: TT_RULE_COUNTER; TT_RULE_CHARGE, the amount marked on the card;
    /// TT_RULE_BY_BOOK.
    pub open_ride: u32,
    /// An exit without an entry: TT_RULE_COUNTER; TT_RULE_CHARGE, the dearest ride; TT_RULE_BY_BOOK.
    pub no_entry: u32,
    /// An exit after too long: TT_RULE_COUNTER or TT_RULE_CHARGE.
    pub over_stay: u32,
    /// Seconds in a rail network after which that is.
    pub stay_max_s: u32,
    /// Seconds in a bus after which the rider must have alighted.
    pub bus_max_s: u32,
    /// Seconds in which a gate lets out a card whose ride was closed at a counter.
    pub closed_s: u32,
    /// Seconds by which a card's last entry may be ahead of this clock.
    pub skew_s: u32,
    /// The highest marked amount that is believed, fen.
    pub arrears_max_fen: u32,
    /// 1: transfers count here; one command more a tap.
    pub transfers: u32,
    /// 1: sums of a month or chains of transfers count here; two commands more a tap.
    pub history: u32,
    /// A card without composite records in a bus of segmented fares: 0 refused, 1 pays the dearest
    /// ride.
    pub max_without_composite: u32,
    /// Key index of the second ticket on cards; counts where ticket_units is not 0.
    pub ticket_key: u32,
    /// Units of the second ticket that a ride takes; 0 where it is not taken.
    pub ticket_units: u32,
    /// What happens to a blacklisted card: TT_LOCK_NOT and so on.
    pub lock: u32,
    /// Algorithm identifier of the key that locks a card which does not say its own.
    pub lock_algorithm: u32,
    /// 1: the card's directory is asked first; one command more a tap.
    pub directory: u32,
    /// 1: of a card with both, the e-cash is taken first; 0: the e-purse.
    pub cash_first: u32,
    /// 1: a bus of one fare leaves a trip on the card, so that the next line knows of a transfer.
    pub leaves_trip: u32,
    /// Cities whose rides may end here, as cards carry them: two bytes each, one behind the other.
    pub through: *const u8,
    /// How many they are.
    pub through_count: usize,
}

//! The rules of taps, from what C says to what the machine takes, and back for the usual ones.

use tongtu_purse::field::{Amount, City};
use tongtu_terminal::tap::{
    Lock, Medium, NoComposite, NoEntry, OpenRide, OverStay, Rules, Selection, Ticket, Unverified,
};

use super::wrong;
use crate::fault::Fault;
use crate::types::{
    TT_LOCK, TT_LOCK_FOR_EVER, TT_LOCK_NOT, TT_RULE_BY_BOOK, TT_RULE_CHARGE, TT_RULE_COUNTER,
    TtRules,
};

/// Torn cards that may be waited for at once.
const INTENTS_MAX: u32 = 1024;

/// Rules with their cities; pointers are gone.
pub(crate) struct GivenRules<'a> {
    pub(crate) plain: TtRules,
    pub(crate) through: &'a [u8],
}

/// What follows from them.
#[derive(Default)]
pub(super) struct ByRules {
    pub(super) rules: Rules,
    pub(super) selection: Selection,
    pub(super) leaves_trip: bool,
}

fn byte(setting: &str, value: u32) -> Result<u8, Fault> {
    u8::try_from(value).map_err(|_| wrong(setting, format!("{value}, expected at most 255")))
}

fn flag(setting: &str, value: u32) -> Result<bool, Fault> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(wrong(setting, format!("{value}, expected 0 or 1"))),
    }
}

fn other<T>(setting: &str, value: u32) -> Result<T, Fault> {
    Err(wrong(
        setting,
        format!("{value}, expected one of the choices"),
    ))
}

impl GivenRules<'_> {
    pub(super) fn read(&self) -> Result<ByRules, Fault> {
        let plain = &self.plain;
        if !(1..=INTENTS_MAX).contains(&plain.intents_max) {
            let detail = format!("{}, expected 1 to {INTENTS_MAX}", plain.intents_max);
            return Err(wrong("rules.intents_max", detail));
        }
        let rules = Rules {
            retap_s: plain.retap_s.into(),
            reopen_s: plain.reopen_s.into(),
            balance_max: Amount::new(plain.balance_max_fen),
            balance_hint: Amount::new(plain.balance_hint_fen),
            entry_min: Amount::new(plain.entry_min_fen),
            tries_max: byte("rules.tries_max", plain.tries_max)?,
            grey_after_s: plain.grey_after_s.into(),
            intents_max: usize::try_from(plain.intents_max).expect("at most a thousand"),
            unverified: match flag("rules.refuse_unverified", plain.refuse_unverified)? {
                true => Unverified::Refuse,
                false => Unverified::Vouch,
            },
            open_ride: match plain.open_ride {
                TT_RULE_COUNTER => OpenRide::Counter,
                TT_RULE_CHARGE => OpenRide::Settle,
                TT_RULE_BY_BOOK => OpenRide::ByBook,
                value => return other("rules.open_ride", value),
            },
            no_entry: match plain.no_entry {
                TT_RULE_COUNTER => NoEntry::Counter,
                TT_RULE_CHARGE => NoEntry::ChargeMax,
                TT_RULE_BY_BOOK => NoEntry::ByBook,
                value => return other("rules.no_entry", value),
            },
            over_stay: match plain.over_stay {
                TT_RULE_COUNTER => OverStay::Counter,
                TT_RULE_CHARGE => OverStay::Charge,
                value => return other("rules.over_stay", value),
            },
            stay_max_s: plain.stay_max_s.into(),
            bus_max_s: plain.bus_max_s.into(),
            closed_s: plain.closed_s.into(),
            skew_s: plain.skew_s.into(),
            arrears_max: Amount::new(plain.arrears_max_fen),
            through: {
                let (cities, _) = self.through.as_chunks();
                cities.iter().map(|city| City(*city)).collect()
            },
            transfers: flag("rules.transfers", plain.transfers)?,
            history: flag("rules.history", plain.history)?,
            no_composite: match flag("rules.max_without_composite", plain.max_without_composite)? {
                true => NoComposite::ChargeMax,
                false => NoComposite::Refuse,
            },
            ticket: match plain.ticket_units {
                0 => None,
                units => Some(Ticket {
                    key_index: byte("rules.ticket_key", plain.ticket_key)?,
                    units: Amount::new(units),
                }),
            },
            lock: match plain.lock {
                TT_LOCK_NOT => None,
                lock @ (TT_LOCK | TT_LOCK_FOR_EVER) => Some(Lock {
                    permanently: lock == TT_LOCK_FOR_EVER,
                    algorithm: byte("rules.lock_algorithm", plain.lock_algorithm)?,
                }),
                value => return other("rules.lock", value),
            },
        };
        Ok(ByRules {
            rules,
            selection: Selection {
                directory: flag("rules.directory", plain.directory)?,
                first: match flag("rules.cash_first", plain.cash_first)? {
                    true => Medium::Cash,
                    false => Medium::Purse,
                },
            },
            leaves_trip: flag("rules.leaves_trip", plain.leaves_trip)?,
        })
    }
}

/// The usual rules.
pub(crate) fn usual() -> TtRules {
    let rules = Rules::default();
    let selection = Selection::default();
    // All of the usual ones are small and none is negative.
    let seconds = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let fen = |amount: Amount| seconds(amount.fen().get());
    TtRules {
        struct_size: u32::try_from(size_of::<TtRules>()).expect("a small struct"),
        retap_s: seconds(rules.retap_s),
        reopen_s: seconds(rules.reopen_s),
        balance_max_fen: fen(rules.balance_max),
        balance_hint_fen: fen(rules.balance_hint),
        entry_min_fen: fen(rules.entry_min),
        tries_max: rules.tries_max.into(),
        grey_after_s: seconds(rules.grey_after_s),
        intents_max: u32::try_from(rules.intents_max).unwrap_or(INTENTS_MAX),
        refuse_unverified: u32::from(rules.unverified == Unverified::Refuse),
        open_ride: match rules.open_ride {
            OpenRide::Counter => TT_RULE_COUNTER,
            OpenRide::Settle => TT_RULE_CHARGE,
            OpenRide::ByBook => TT_RULE_BY_BOOK,
        },
        no_entry: match rules.no_entry {
            NoEntry::Counter => TT_RULE_COUNTER,
            NoEntry::ChargeMax => TT_RULE_CHARGE,
            NoEntry::ByBook => TT_RULE_BY_BOOK,
        },
        over_stay: match rules.over_stay {
            OverStay::Counter => TT_RULE_COUNTER,
            OverStay::Charge => TT_RULE_CHARGE,
        },
        stay_max_s: seconds(rules.stay_max_s),
        bus_max_s: seconds(rules.bus_max_s),
        closed_s: seconds(rules.closed_s),
        skew_s: seconds(rules.skew_s),
        arrears_max_fen: fen(rules.arrears_max),
        transfers: rules.transfers.into(),
        history: rules.history.into(),
        max_without_composite: u32::from(rules.no_composite == NoComposite::ChargeMax),
        ticket_key: rules.ticket.map_or(0, |ticket| ticket.key_index.into()),
        ticket_units: rules.ticket.map_or(0, |ticket| fen(ticket.units)),
        lock: match rules.lock {
            None => TT_LOCK_NOT,
            Some(lock) if lock.permanently => TT_LOCK_FOR_EVER,
            Some(_) => TT_LOCK,
        },
        lock_algorithm: rules.lock.map_or(0, |lock| lock.algorithm.into()),
        directory: selection.directory.into(),
        cash_first: u32::from(selection.first == Medium::Cash),
        leaves_trip: 0,
        through: core::ptr::null(),
        through_count: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_rules_of_c_are_those_of_the_machine() {
        let given = GivenRules {
            plain: usual(),
            through: &[],
        };
        let read = given.read().unwrap();
        assert_eq!(read.rules, Rules::default());
        assert_eq!(read.selection, Selection::default());
        assert!(!read.leaves_trip);
    }

    #[test]
    fn a_rule_that_cannot_be_is_named() {
        type Change = fn(&mut TtRules);
        let changes: [(&str, Change); 9] = [
            ("tries_max", |r| r.tries_max = 256),
            ("intents_max", |r| r.intents_max = 0),
            ("intents_max", |r| r.intents_max = 1025),
            ("open_ride", |r| r.open_ride = 3),
            ("no_entry", |r| r.no_entry = 3),
            ("over_stay", |r| r.over_stay = TT_RULE_BY_BOOK),
            ("lock", |r| r.lock = 3),
            ("transfers", |r| r.transfers = 2),
            ("cash_first", |r| r.cash_first = 7),
        ];
        for (name, change) in changes {
            let mut plain = usual();
            change(&mut plain);
            let given = GivenRules {
                plain,
                through: &[],
            };
            let fault = given.read().err().unwrap();
            assert!(fault.detail.contains(name), "{name}: {}", fault.detail);
        }
    }

    #[test]
    fn cities_come_in_pairs_of_bytes() {
        let given = GivenRules {
            plain: usual(),
            through: &[0x58, 0x10, 0x29, 0x00],
        };
        let rules = given.read().unwrap().rules;
        assert_eq!(rules.through, [City([0x58, 0x10]), City([0x29, 0x00])]);
    }
}

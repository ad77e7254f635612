//! Any sequence of steps: the book agrees with a naive model that keeps words and looks back.
//!
//! The model keeps for each key the list of what happened to it and answers every question by
//! searching that list; it shares no rule with the book.

use proptest::prelude::*;
use tongtu_keyring::code::{Cause, Ground, KeyAlgorithm, Purpose, Stage, Usage};
use tongtu_keyring::{Event, KeyBook, KeyNumber, Overlap, Signers, Slot, Task, Use, What};
use tongtu_types::Timestamp;

use crate::fixture::*;

/// What happened to one key, as words with a moment and a number.
struct Told {
    slot: Slot,
    from: i64,
    until: i64,
    words: Vec<(&'static str, i64, i64)>,
}

impl Told {
    fn last(&self, word: &str) -> Option<usize> {
        self.words.iter().rposition(|(w, ..)| *w == word)
    }

    fn has(&self, word: &str) -> bool {
        self.last(word).is_some()
    }

    fn when(&self, word: &str) -> Option<i64> {
        self.last(word).map(|at| self.words[at].1)
    }

    fn number(&self, word: &str) -> Option<i64> {
        self.last(word).map(|at| self.words[at].2)
    }

    fn ended(&self) -> bool {
        ["rejected", "retired", "revoked", "withdrawn"]
            .iter()
            .any(|word| self.has(word))
    }

    fn suspended(&self) -> bool {
        self.last("suspended") > self.last("resumed")
    }

    fn marked(&self) -> bool {
        self.last("flagged") > self.last("used")
    }

    fn stage(&self) -> &'static str {
        for end in ["rejected", "retired", "revoked", "withdrawn"] {
            if self.has(end) {
                return end;
            }
        }
        if self.suspended() {
            "suspended"
        } else if self.has("superseded") {
            "in overlap"
        } else if self.marked() {
            "unused"
        } else if self.has("activated") && self.has("noticed") {
            "renewal due"
        } else if self.has("activated") {
            "active"
        } else if self.has("distributed") {
            "distributed"
        } else if self.has("generated") {
            "generated"
        } else if self.has("approved") {
            "approved"
        } else {
            "requested"
        }
    }

    fn over_at(&self) -> i64 {
        self.number("superseded")
            .unwrap_or(self.until)
            .min(self.until)
    }

    fn notice(&self, now: i64) -> Option<i64> {
        if !self.has("activated") || self.has("superseded") || self.ended() || now >= self.until {
            return None;
        }
        let left = self.until - now;
        let days = [30, 90, 180].into_iter().find(|days| left <= days * DAY)?;
        let given = self.words.iter().filter(|(w, ..)| *w == "noticed");
        given
            .map(|(_, _, days)| *days)
            .all(|d| d > days)
            .then_some(days)
    }

    fn unused_at(&self) -> Option<i64> {
        let since = ["used", "activated", "distributed"]
            .iter()
            .find_map(|word| self.when(word))?;
        Some(since + 365 * DAY)
    }

    fn used_on(&self, now: i64) -> bool {
        let china_day = |at: i64| (at + 8 * 3600).div_euclid(DAY);
        (self.when("used")).is_some_and(|at| china_day(at) == china_day(now))
    }

    /// Whether the scheme lets this key be used so, by the clauses one after the other.
    fn permits(&self, slot: Slot, usage: Usage, at: i64) -> bool {
        let newer = self.when("superseded").filter(|since| at >= *since);
        slot.city == self.slot.city
            && slot.purpose == self.slot.purpose
            && self.when("activated").is_some_and(|since| at >= since)
            && !self.ended()
            && !self.suspended()
            && at >= self.from
            && at < self.until
            && (newer.is_none() || usage == Usage::Accept)
            && (newer.is_none() || at < self.number("superseded").unwrap_or(0))
    }
}

#[derive(Debug, Clone, Copy)]
struct Op {
    kind: u8,
    which: usize,
    days: i64,
    number: i64,
}

fn op() -> impl Strategy<Value = Op> {
    let days = prop_oneof![6 => Just(0_i64), 3 => 1..20_i64, 1 => 20..200_i64, 1 => 300..400_i64];
    // Half of all steps are the next one on the way of their key, or sequences never get far.
    let kind = prop_oneof![1 => 0..20_u8, 1 => Just(NEXT)];
    (kind, 0..6_usize, days, 0..200_i64).prop_map(|(kind, which, days, number)| Op {
        kind,
        which,
        days,
        number,
    })
}

/// Whatever brings a key on its way.
const NEXT: u8 = 20;

/// The kind of operation that brings a key on; in the end, that a newer one is asked for.
fn next(key: &Told, number: i64) -> u8 {
    match key.stage() {
        "requested" => 4,
        "approved" => 6,
        "generated" => 7,
        "distributed" => 8,
        "suspended" => 15,
        "active" | "renewal due" if number < 60 => 10,
        _ => 0,
    }
}

fn slots() -> [Slot; 3] {
    [
        slot("3010", Purpose::Purchase, KeyAlgorithm::Sm4),
        slot("3020", Purpose::Purchase, KeyAlgorithm::Sm4),
        slot("3010", Purpose::RideCode, KeyAlgorithm::Sm2),
    ]
}

/// The step that an operation tries on a key, and what the model thinks of it.
fn attempt(told: &[Told], of: usize, op: Op, scene: &Scene) -> (What, &'static str, bool) {
    let key = &told[of];
    let number = KeyNumber::new(u32::try_from(of + 1).unwrap()).unwrap();
    let now = scene.now.get();
    let stage = key.stage();
    let is = |stages: &[&str]| stages.contains(&stage);
    let used = is(&["active", "renewal due", "in overlap", "unused"]);
    let kept = custody("HSM-C", check(key.slot.algorithm, number.get()));
    match op.kind {
        4 => (What::Approved, "approved", is(&["requested"])),
        5 if op.number < 20 => (
            What::Rejected(Cause::Application),
            "rejected",
            is(&["requested", "approved"]),
        ),
        5 | 6 => (What::Generated(kept), "generated", is(&["approved"])),
        7 => (What::Distributed(kept), "distributed", is(&["generated"])),
        8 | 9 => {
            let leader = told.iter().position(|other| {
                let leads = other.has("activated") && !other.has("superseded") && !other.ended();
                other.slot == key.slot && leads
            });
            let (overlap, length_holds) = match leader {
                None => (None, true),
                Some(at) => {
                    let older = told[at].until;
                    let until = (now + op.number * DAY).min(older.max(now));
                    let overlap = Overlap {
                        key: KeyNumber::new(u32::try_from(at + 1).unwrap()).unwrap(),
                        until: Timestamp::new(until),
                    };
                    let earliest = (now + 15 * DAY).min(older);
                    (Some(overlap), (earliest..=older).contains(&until))
                }
            };
            let in_term = now >= key.from && now < key.until;
            let holds = is(&["distributed"]) && length_holds && in_term;
            (What::Activated(overlap), "activated", holds)
        }
        10 | 11 => {
            let in_time = now >= key.from && now < key.over_at();
            let holds = used && key.has("activated") && in_time && !key.used_on(now);
            (What::Used, "used", holds)
        }
        12 => {
            let days = [30, 90, 180][op.which % 3];
            let what = What::Noticed {
                days: u16::try_from(days).unwrap(),
            };
            let alive = used || is(&["suspended"]);
            (what, "noticed", alive && key.notice(now) == Some(days))
        }
        13 => {
            let due = key.unused_at().is_some_and(|at| now >= at);
            let may = is(&["distributed", "active", "renewal due"]);
            (What::FlaggedUnused, "flagged", may && due)
        }
        14 => (What::Suspended(Cause::Misuse), "suspended", used),
        15 => (What::Resumed, "resumed", is(&["suspended"])),
        16 => {
            let holds = !key.ended() && now >= key.over_at();
            (What::Retired, "retired", holds)
        }
        17 if op.number < 60 => {
            let made = used || is(&["generated", "distributed", "suspended"]);
            (What::Revoked(Cause::Compromise), "revoked", made)
        }
        _ => (What::Withdrawn, "withdrawn", is(&["unused"])),
    }
}

fn stage_word(stage: Stage) -> &'static str {
    stage.en()
}

/// Every question that the model can answer, asked of both.
fn agree(scene: &Scene, told: &[Told]) -> Result<(), TestCaseError> {
    let now = scene.now.get();
    for (at, key) in told.iter().enumerate() {
        let number = KeyNumber::new(u32::try_from(at + 1).unwrap()).unwrap();
        let life = scene.book.key(number).unwrap();
        prop_assert_eq!(stage_word(life.stage()), key.stage(), "key {}", number);
        for moment in [
            now - 200 * DAY,
            now - DAY,
            now,
            now + 40 * DAY,
            now + 300 * DAY,
        ] {
            for slot in slots() {
                for usage in [Usage::Make, Usage::Accept] {
                    let asked = Use {
                        city: slot.city,
                        purpose: slot.purpose,
                        usage,
                    };
                    let permit = scene.book.permit(number, asked, Timestamp::new(moment));
                    let may = key.permits(slot, usage, moment);
                    prop_assert_eq!(permit.is_ok(), may, "{:?} of key {}", permit, number);
                }
            }
        }
    }
    for slot in slots() {
        one_makes_and_no_gap(scene, told, slot)?;
    }
    Ok(())
}

/// At most one version makes at a moment, and from an activation on there is one as long as terms
/// last, whatever overlaps.
fn one_makes_and_no_gap(scene: &Scene, told: &[Told], slot: Slot) -> Result<(), TestCaseError> {
    let now = scene.now.get();
    let of_slot: Vec<&Told> = told.iter().filter(|key| key.slot == slot).collect();
    let taken = |key: &&&Told| key.suspended() || key.has("revoked") || key.has("withdrawn");
    for days in [-300, -100, -1, 0, 1, 16, 100] {
        let moment = now + days * DAY;
        let makes: Vec<KeyNumber> = (scene.book.versions(slot))
            .map(|life| life.number())
            .filter(|key| {
                let asked = Use {
                    city: slot.city,
                    purpose: slot.purpose,
                    usage: Usage::Make,
                };
                scene
                    .book
                    .permit(*key, asked, Timestamp::new(moment))
                    .is_ok()
            })
            .collect();
        prop_assert!(makes.len() <= 1, "{:?} at once", makes);
        // The key that was activated last before the moment, if nobody took it away: it makes,
        // as long as its term lasts and nobody recorded its end.
        let last = of_slot
            .iter()
            .filter(|key| key.when("activated").is_some_and(|at| at <= moment))
            .max_by_key(|key| key.when("activated"));
        if let Some(key) = last
            && !taken(&key)
            && !key.has("retired")
            && moment < key.until
        {
            prop_assert_eq!(makes.len(), 1, "a gap at day {}", days);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_sequence_agrees_with_the_model(ops in prop::collection::vec(op(), 0..120)) {
        let mut scene = Scene::new();
        let mut told: Vec<Told> = Vec::new();
        for mut op in ops {
            scene.wait(op.days);
            let now = scene.now.get();
            if op.kind == NEXT && let Some(key) = told.last() {
                op.kind = next(key, op.number);
                op.which = if op.kind == 0 { op.which } else { told.len().min(6) - 1 };
            }
            if op.kind < 4 || told.is_empty() {
                let slot = slots()[op.which % 3];
                let term = 20 + op.number * 3;
                let busy = told.iter().any(|key| {
                    let on_its_way = ["requested", "approved", "generated", "distributed"];
                    key.slot == slot && on_its_way.contains(&key.stage())
                });
                let leader = told.iter().find(|key| {
                    let leads = key.has("activated") && !key.has("superseded") && !key.ended();
                    key.slot == slot && leads
                });
                let until = now + term * DAY;
                let longer = leader.is_none_or(|key| until > key.until);
                let asked = scene.request(slot, term);
                prop_assert_eq!(asked.is_ok(), !busy && longer, "{:?}", asked);
                if asked.is_ok() {
                    told.push(Told { slot, from: now, until, words: Vec::new() });
                }
            } else if op.kind == 18 {
                settle(&mut scene, &mut told)?;
            } else {
                let of = op.which % told.len().min(6) + told.len().saturating_sub(6);
                let (what, word, may) = attempt(&told, of, op, &scene);
                let key = KeyNumber::new(u32::try_from(of + 1).unwrap()).unwrap();
                // Nobody in particular never may, where the step takes somebody, and the other
                // way round.
                let wrong = match signers(what.step(), told[of].slot.city) {
                    Signers::System => signed(
                        Some(tongtu_keyring::code::Role::Supervisor), None, told[of].slot.city,
                    ),
                    _ => Signers::System,
                };
                prop_assert!(scene.by(Some(key), what, wrong).is_err());
                let taken = scene.step(key, what);
                prop_assert_eq!(taken.is_ok(), may, "{} of key {}: {:?}", word, key, taken);
                if may {
                    note(&mut told, of, word, &what, now);
                }
            }
            agree(&scene, &told)?;
        }
        let bytes: Vec<u8> = scene.events.iter().flat_map(|e| e.encode().unwrap()).collect();
        let stored = Event::decode_all(&bytes).unwrap();
        prop_assert_eq!(&stored, &scene.events);
        prop_assert_eq!(KeyBook::replay(&stored), Ok(scene.book));
    }
}

fn note(told: &mut [Told], of: usize, word: &'static str, what: &What, now: i64) {
    let number = match what {
        What::Noticed { days } => i64::from(*days),
        _ => 0,
    };
    if let What::Activated(Some(overlap)) = what {
        let older = usize::try_from(overlap.key.get()).unwrap() - 1;
        told[older]
            .words
            .push(("superseded", now, overlap.until.get()));
    }
    told[of].words.push((word, now, number));
}

/// What the book does by itself is what the model thinks is due, and is not due again.
fn settle(scene: &mut Scene, told: &mut [Told]) -> Result<(), TestCaseError> {
    let now = scene.now.get();
    let mut expected = Vec::new();
    for (at, key) in told.iter().enumerate() {
        let over = !key.ended() && now >= key.over_at();
        if over {
            expected.push((at, "retired"));
        }
        if !over && key.notice(now).is_some() {
            expected.push((at, "noticed"));
        }
        let may = ["distributed", "active", "renewal due"].contains(&key.stage());
        if !over && may && key.unused_at().is_some_and(|at| now >= at) {
            expected.push((at, "flagged"));
        }
    }
    let events = scene.settle();
    let mut found = Vec::new();
    for event in &events {
        let at = usize::try_from(event.key.unwrap().get()).unwrap() - 1;
        let word = match event.what {
            What::Retired => "retired",
            What::Noticed { .. } => "noticed",
            What::FlaggedUnused => "flagged",
            other => panic!("{other:?} is not the book's own"),
        };
        found.push((at, word));
        note(told, at, word, &event.what, now);
    }
    prop_assert_eq!(found, expected);
    let left = scene.book.due(scene.now);
    let own = left.iter().filter(|due| due.task.own_step().is_some());
    prop_assert_eq!(own.count(), 0, "due again");
    let people = left
        .iter()
        .all(|due| matches!(due.task, Task::Withdraw | Task::Review { .. }));
    prop_assert!(people);
    Ok(())
}

#[test]
fn a_misuse_of_any_kind_is_refused_with_the_first_ground() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    scene.step(key, What::Revoked(Cause::Misuse)).unwrap();
    let mut asked = Use {
        city: city("5810"),
        purpose: Purpose::Load,
        usage: Usage::Make,
    };
    let ground = |asked| scene.book.permit(key, asked, scene.now).unwrap_err().ground;
    assert_eq!(ground(asked), Ground::OutsideCity);
    asked.city = city("3010");
    assert_eq!(ground(asked), Ground::OutsidePurpose);
    asked.purpose = Purpose::Purchase;
    assert_eq!(ground(asked), Ground::Revoked);
}

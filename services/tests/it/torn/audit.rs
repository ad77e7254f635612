//! The auditor: cards first, then what riders were told, then journals and books.
//!
//! It shares no rule with terminals, clearing or issuers. What a ride costs, and what a ride that
//! was not ended owes, it knows from the rider's story and a price list of its own; of records it
//! believes nothing but that they are there.

use std::collections::BTreeMap;

use tongtu_purse::field::{DateTime, Kind, Serial};
use tongtu_purse::layout::Transaction;
use tongtu_services::RideState;
use tongtu_tap_record::{RecordKind, Recovery, Stage, TapRecord};
use tongtu_types::Fen;

use super::card::LOADED;
use super::flow::{self, CLAIM, Flow, TICKETS};
use super::{Back, City, Post, Schedule, Seen, Tear};
use crate::country::{BEIJING_CODE, GUANGZHOU_CODE};

/// How often there was what a set of schedules must have.
#[derive(Debug, Default)]
pub(super) struct Reached {
    grey: usize,
    here: usize,
    elsewhere: usize,
    refunds: usize,
    /// Debits for a ride that was not ended.
    arrears: usize,
    made_up: usize,
    tickets: usize,
    locked: usize,
    unanswered: usize,
    /// Notes that nobody was told of a ride, and what riders are owed by them.
    untold: usize,
    untold_refunds: usize,
}

impl Reached {
    pub(super) const fn all(&self) -> [usize; 11] {
        [
            self.grey,
            self.here,
            self.elsewhere,
            self.refunds,
            self.arrears,
            self.made_up,
            self.tickets,
            self.locked,
            self.unanswered,
            self.untold,
            self.untold_refunds,
        ]
    }

    pub(super) const fn has_unanswered(&self) -> bool {
        self.unanswered > 0
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.grey += other.grey;
        self.here += other.here;
        self.elsewhere += other.elsewhere;
        self.refunds += other.refunds;
        self.arrears += other.arrears;
        self.made_up += other.made_up;
        self.tickets += other.tickets;
        self.locked += other.locked;
        self.unanswered += other.unanswered;
        self.untold += other.untold;
        self.untold_refunds += other.untold_refunds;
    }
}

/// Seconds since the beginning of the year 2026, near enough to compare.
fn seconds(at: DateTime) -> i64 {
    let of = |bcd: u8| i64::from(bcd >> 4) * 10 + i64::from(bcd & 15);
    let [_, _, month, date, h, m, s] = at.0.map(of);
    (((month * 31 + date) * 24 + h) * 60 + m) * 60 + s
}

/// Which of the city's terminals a debit names.
fn place(debit: &Transaction) -> usize {
    let [.., number] = debit.terminal.0;
    usize::from(number >> 4) * 10 + usize::from(number & 15) - 1
}

fn fen(debit: &Transaction) -> i64 {
    debit.amount.fen().get()
}

/// What a rider has begun and not ended.
#[derive(Debug, Default)]
struct Story {
    /// At which gates and when she entered the metro.
    inside: Option<(usize, i64)>,
    /// Bus, stop and moment.
    aboard: Option<(usize, i64, i64)>,
}

/// The price list, in fen: a bus, the metro from 0101 to 0123, the dearest metro ride from 0101.
const BUS: i64 = 100;
const METRO: i64 = 600;
const METRO_DEAREST: i64 = 700;

/// The bus of segmented fares: a yuan for every link, one at least.
fn long(on: i64, off: i64) -> i64 {
    100 * (off - on).max(1)
}

/// The dearest ride from a stop of four, whichever way: the book has the line as a network.
fn long_dearest(on: i64) -> i64 {
    long(on, 4).max(long(1, on))
}

impl Story {
    /// What this debit must be; whether it is for a ride that was not ended.
    fn goes_on(&mut self, debit: &Transaction, stop: i64) -> (i64, bool) {
        let at = seconds(debit.at);
        match place(debit) / 2 * 2 {
            gates @ (flow::GATE_IN | flow::GATE_ARREARS) => {
                // Nobody has missed an exit who entered at this very station a moment ago.
                let is_missed = |(before, entered)| before != gates || at - entered > 120;
                let is_missed = self.inside.replace((gates, at)).is_some_and(is_missed);
                (i64::from(is_missed) * METRO_DEAREST, is_missed)
            }
            flow::GATE_OUT => {
                assert!(self.inside.take().is_some(), "out, and never in");
                (METRO, false)
            }
            flow::COUNTER => (i64::from(CLAIM), false),
            bus @ (flow::LONG | flow::LONG_BEFORE) => match self.aboard.take() {
                Some((same, on, boarded)) if same == bus && at - boarded < 3 * 3600 => {
                    (long(on, stop), false)
                }
                earlier => {
                    self.aboard = Some((bus, stop, at));
                    let owes = earlier.map_or(0, |(_, on, _)| long_dearest(on));
                    (owes, earlier.is_some())
                }
            },
            flow::TICKET => (1, false),
            _ => (BUS, false),
        }
    }
}

/// What a rider paid, by the card, and what of it is owed to her.
struct Account {
    paid: i64,
    owed: i64,
    arrears: usize,
}

/// Card, rider and journals.
fn card(seen: &mut Seen, what: &str, records: &[&TapRecord]) -> Account {
    let flow = seen.schedule.flow;
    let debits = seen.rider.debits();
    let sum: i64 = debits.iter().map(fen).sum();
    // The card's log and its balance agree.
    let balance = seen.rider.balance().get();
    let mut paid = sum;
    if flow == Flow::Ticket {
        let left = seen.rider.tickets().get();
        assert_eq!(left + sum, i64::from(TICKETS), "{what}");
        paid = 0;
    }
    assert_eq!(balance + paid, i64::from(LOADED), "{what}: {debits:?}");
    // Every debit is in somebody's journal, nobody rode without paying, and no journal has a ride
    // that no card paid.
    let mut vouching = Vec::new();
    for debit in &debits {
        let mut of_it = records.iter().filter(|r| r.sequence + 1 == debit.sequence);
        let of_it = of_it.find(|r| r.amount == debit.amount && r.terminal == debit.terminal);
        let of_it = of_it.unwrap_or_else(|| panic!("{what}: {debit:?} in no journal"));
        if of_it.stage == Stage::None {
            assert_eq!(fen(debit), 0, "{what}: vouching costs nothing");
            vouching.push(debit.sequence);
        }
    }
    for sequence in &seen.let_on {
        // A card that only vouched for itself has paid nothing.
        let rides = debits.iter().filter(|d| !vouching.contains(&d.sequence));
        let is_paid = rides.map(|d| d.sequence).any(|paid| paid == sequence + 1);
        assert!(is_paid, "{what}: let on with {sequence}, {debits:?}");
    }
    // One debit lets one rider on; two where the first was let on and nobody knows it (now, or at
    // the ride before), or where a gate opens once more.
    let Schedule { back, tear, .. } = seen.schedule;
    let is_gate = matches!(flow, Flow::Entry | Flow::Exit | Flow::MissedExit);
    let was_dark = back == Back::Restarted || matches!(tear, Tear::Power(_));
    let earlier = seen.let_on.first().filter(|_| flow.before().is_some());
    for sequence in &seen.let_on {
        let times = seen.let_on.iter().filter(|s| *s == sequence).count();
        let is_more = seen.is_in_telling
            || is_gate && back.is_here()
            || was_dark && earlier == Some(sequence);
        assert!(
            times == 1 || is_more && times == 2,
            "{what}: let on {:?}",
            seen.let_on
        );
    }
    for record in records.iter().filter(|r| r.recovery != Recovery::Grey) {
        let is_paid = debits.iter().any(|d| {
            d.sequence == record.sequence + 1
                && d.amount == record.amount
                && d.at == record.at
                && d.terminal == record.terminal
        });
        assert!(is_paid, "{what}: no card paid {record:?}");
    }
    // What every debit must be, as the story goes on.
    let (mut story, mut arrears) = (Story::default(), 0);
    for debit in debits.iter().filter(|d| !vouching.contains(&d.sequence)) {
        let is_before = seconds(debit.at) < seconds(DateTime::of(seen.at));
        let is_next_day = seconds(debit.at) - seconds(DateTime::of(seen.at)) > 20_000;
        let stop = match is_before || is_next_day || place(debit) >= flow::LONG_BEFORE {
            true => 1,
            false => i64::from(flow.stop()),
        };
        if flow == Flow::CloseBus && place(debit) / 2 * 2 == flow::COUNTER {
            story.aboard = None;
        }
        if flow == Flow::CloseRail && place(debit) / 2 * 2 == flow::COUNTER {
            story.inside = None;
        }
        let (price, is_open) = story.goes_on(debit, stop);
        assert_eq!(fen(debit), price, "{what}: {debit:?} of {debits:?}");
        arrears += usize::from(is_open && price > 0);
    }
    let owed: i64 = debits
        .iter()
        .filter(|d| is_owed(d, &debits, seen, flow))
        .map(fen)
        .sum();
    let owed = if flow == Flow::Ticket { 0 } else { owed };
    assert!(
        owed == 0 || back == Back::OtherUntold,
        "{what}: paid twice although the other terminal was told: {debits:?}"
    );
    // Money that left a card took its rider somewhere, or is owed to her; but for who left, or
    // went to a terminal that was not told and knows only that the card did that already.
    for debit in debits.iter().filter(|d| fen(d) > 0) {
        let was_let_on = seen.let_on.contains(&(debit.sequence - 1));
        let is_torn = place(debit) == flow.here() && debit.at == DateTime::of(seen.at);
        let left = matches!(seen.schedule.back, Back::Never | Back::OtherUntold);
        assert!(
            was_let_on || is_owed(debit, &debits, seen, flow) || is_torn && left,
            "{what}: {debit:?} paid for nothing: {debits:?}, let on {:?}",
            seen.let_on
        );
    }
    Account {
        paid,
        owed,
        arrears,
    }
}

/// Who paid twice for one thing within two minutes and was let on once is owed the other. On a
/// bus of segmented fares the second tap is another thing: the card knows where it is.
///
/// Of who was let on by a terminal that lost its power right then nobody knows that she was.
fn is_owed(debit: &Transaction, debits: &[Transaction], seen: &Seen, flow: Flow) -> bool {
    let is_doubtful = |d: &Transaction| {
        seen.is_in_telling && place(d) == flow.here() && d.at == DateTime::of(seen.at)
    };
    let is_let_on = |d: &Transaction| seen.let_on.contains(&(d.sequence - 1)) && !is_doubtful(d);
    let knows = matches!(flow, Flow::Boarding | Flow::Alighting | Flow::Arrears);
    !knows
        && debit.kind != Kind::LOAD
        && !is_let_on(debit)
        && debits.iter().any(|other| {
            let apart = seconds(other.at) - seconds(debit.at);
            other.terminal != debit.terminal
                && fen(other) > 0
                && is_let_on(other)
                && (1..=120).contains(&apart)
        })
}

/// A card on the blacklist: locked in the end, by a record, and nothing was taken.
fn locked(seen: &mut Seen, what: &str, records: &[&TapRecord]) {
    assert!(seen.rider.is_locked(), "{what}");
    assert!(seen.let_on.is_empty(), "{what}: {:?}", seen.let_on);
    assert!(!records.is_empty(), "{what}: locked by nobody");
    for record in records {
        assert_eq!(record.kind, RecordKind::Lock, "{what}");
        assert_eq!(record.amount.get(), 0, "{what}");
    }
}

pub(super) async fn audit(city: &City, all: &mut [Seen]) -> Reached {
    let mut reached = Reached::default();
    let records: Vec<TapRecord> = city.posts.iter().flat_map(Post::records).collect();
    let mut of_card: BTreeMap<[u8; 10], Vec<&TapRecord>> = BTreeMap::new();
    for record in &records {
        of_card.entry(record.serial.0).or_default().push(record);
    }
    let mut claims: BTreeMap<String, i64> = BTreeMap::new();
    let rides = city.country.acquired(BEIJING_CODE).await;
    for ride in &rides {
        let card = ride.account.reveal().to_owned();
        *claims.entry(card).or_default() += ride.amount.get();
    }
    for seen in all {
        let what = format!("{:?} of {}", seen.schedule, seen.home);
        let of_it = of_card.remove(&Serial::of(&seen.rider.number).0);
        let of_it = of_it.unwrap_or_default();
        let account = if seen.schedule.flow == Flow::Lock {
            locked(seen, &what, &of_it);
            reached.locked += 1;
            Account {
                paid: 0,
                owed: 0,
                arrears: 0,
            }
        } else {
            card(seen, &what, &of_it)
        };
        let Account {
            paid,
            owed,
            arrears,
        } = account;
        // Books: the mirror is the balance, and who paid twice for one ride is owed one.
        let node = city.country.node(seen.home);
        let view = node.card_view(seen.rider.number).await.unwrap();
        assert_eq!(
            view.mirror.get(),
            i64::from(LOADED) - paid,
            "{what}: mirror"
        );
        assert_eq!(view.refund_due.get(), owed, "{what}: refund");
        assert_eq!(view.short, Fen::ZERO, "{what}");
        // Claims: what the acquirer gets is what the card paid less what its rider is owed.
        let claimed = claims.remove(seen.rider.number.reveal());
        assert_eq!(claimed.unwrap_or(0), paid - owed, "{what}: claims");
        reached.arrears += arrears;
        reached.refunds += usize::from(owed > 0);
        let is_noted = of_it.iter().any(|r| r.recovery == Recovery::Untold);
        reached.untold_refunds += usize::from(owed > 0 && is_noted);
        reached.made_up += of_it
            .iter()
            .filter(|r| r.kind == RecordKind::MakeUp)
            .count();
        reached.tickets += of_it
            .iter()
            .filter(|r| r.kind == RecordKind::Ticket)
            .count();
    }
    assert!(claims.is_empty(), "claims of cards that nobody has");
    assert!(of_card.is_empty(), "records of cards that nobody has");
    let of = |recovery| records.iter().filter(|r| r.recovery == recovery).count();
    reached.grey = of(Recovery::Grey);
    reached.here = of(Recovery::Here);
    reached.elsewhere = of(Recovery::Elsewhere);
    reached.untold = of(Recovery::Untold);
    // What moved no money, such as an entry, is kept and not cleared.
    let unsettled = rides
        .iter()
        .find(|ride| ride.state != RideState::Settled && ride.amount > Fen::ZERO);
    assert!(unsettled.is_none(), "{unsettled:?}");
    for city_code in [BEIJING_CODE, GUANGZHOU_CODE] {
        let mut alarms = city.country.node(city_code).alarms().await.unwrap();
        let all = alarms.len();
        alarms.retain(|alarm| alarm.code != "acquiring.lock_unanswered");
        assert!(alarms.is_empty(), "{alarms:?}");
        // Every lock without an answer is told of, and nothing else.
        let unanswered = records.iter().filter(|r| r.is_lock_unanswered()).count();
        let told = if city_code == BEIJING_CODE {
            unanswered
        } else {
            0
        };
        assert_eq!(all, told);
    }
    reached.unanswered = records.iter().filter(|r| r.is_lock_unanswered()).count();
    reached
}

//! What a rider does: the terminals of a small city, and what happened before the torn tap.
//!
//! Every place has two terminals side by side, so that a torn card may come back to the other.

use tongtu_purse::field::Amount;
use tongtu_purse::profile::{KeyIndex, Profile, Wallet};
use tongtu_terminal::tap::{
    Counter, MakeUp, OpenRide, Rules, Segmented, Single, TapPost, Task, Ticket, Way,
};
use tongtu_types::Timestamp;

use super::card::Rider;
use super::post::{Place, bus, gate};

/// A flow in which a card is torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Single,
    /// A composite purchase that leaves a trip on the card.
    Trip,
    Entry,
    Exit,
    /// An entry after an exit was missed: what that ride owes is taken with it.
    MissedExit,
    Boarding,
    Alighting,
    /// A boarding after a ride that never alighted (补扣).
    Arrears,
    /// Made up at a counter (补票): out without an exit, inside too long, off without alighting.
    CloseRail,
    Renewal,
    CloseBus,
    /// The second ticket.
    Ticket,
    /// A card on the blacklist.
    Lock,
}

pub(super) const FLOWS: [Flow; 13] = [
    Flow::Single,
    Flow::Trip,
    Flow::Entry,
    Flow::Exit,
    Flow::MissedExit,
    Flow::Boarding,
    Flow::Alighting,
    Flow::Arrears,
    Flow::CloseRail,
    Flow::Renewal,
    Flow::CloseBus,
    Flow::Ticket,
    Flow::Lock,
];

/// What the staff charges.
pub(super) const CLAIM: u32 = 400;
/// How many rides a card's second ticket has.
pub(super) const TICKETS: u32 = 9;
/// Key index of the second ticket.
pub(super) const TICKET_KEY: u8 = 2;

pub(super) const BUS: usize = 0;
pub(super) const TRIP: usize = 2;
pub(super) const GATE_IN: usize = 4;
pub(super) const GATE_OUT: usize = 6;
/// A gate at another station, where what a missed exit owes is taken.
pub(super) const GATE_ARREARS: usize = 8;
/// A bus of segmented fares, and another that was there before and comes the next day.
pub(super) const LONG: usize = 10;
pub(super) const LONG_BEFORE: usize = 12;
pub(super) const COUNTER: usize = 14;
pub(super) const TICKET: usize = 16;
pub(super) const LOCK: usize = 18;
/// Where every card rides on the next day.
pub(super) const LAST: usize = 20;

/// A terminal's place, in the order of the numbers above.
pub(super) fn places() -> Vec<Place> {
    let plain = Rules::default;
    let settles = || Rules {
        open_ride: OpenRide::Settle,
        ..Rules::default()
    };
    let TapPost::Single(single) = bus() else {
        unreachable!("a bus is a post of one tap")
    };
    let trip = TapPost::Single(Single {
        leaves_trip: true,
        vehicle: *b"BJ-00018",
        ..single
    });
    let counter = TapPost::Counter(Counter {
        network: "METRO".parse().unwrap(),
        station: "0109".parse().unwrap(),
        card_line: 1,
    });
    let tickets = Rules {
        ticket: Some(Ticket {
            key_index: TICKET_KEY,
            units: Amount::new(1),
        }),
        ..Rules::default()
    };
    let pairs = [
        (bus(), plain()),
        (trip, plain()),
        (gate("0101", Way::Entry), settles()),
        (gate("0123", Way::Exit), plain()),
        (gate("0102", Way::Entry), settles()),
        (long(1, 7), settles()),
        (long(1, 9), settles()),
        (counter, plain()),
        (bus(), tickets),
        (bus(), plain()),
        (bus(), plain()),
    ];
    pairs
        .into_iter()
        .flat_map(|(post, rules)| [(); 2].map(|()| (post, rules.clone())))
        .collect()
}

/// A bus of segmented fares at a stop.
pub(super) fn long(stop: u8, vehicle: u8) -> TapPost {
    TapPost::Segmented(Segmented {
        line: "LONG".parse().unwrap(),
        card_line: [0, 9],
        stop: format!("{stop:02}").parse().unwrap(),
        card_stop: stop,
        direction: tongtu_purse::field::Direction::UP,
        vehicle: [vehicle; 8],
    })
}

/// 1 yuan for 4 km, 1 more for each 4; four stops, 4 km apart.
pub(super) const LONG_BOOK: &str = "fare-book 1\ncity 1000 | 北京 | Beijing\nversion 2\n\
    effective 2018-01-01\ncurrency CNY\n\nnetwork LONG | 长线 | Long Line\n\
    stay 14400 | max-fare\nladder 4000 | 1.00\nstep inf | 4000\n\nline 9 | 9路 | Bus 9\n\
    station 01 | 甲 | A\nstation 02 | 乙 | B\nstation 03 | 丙 | C\nstation 04 | 丁 | D\n\
    link 01 | 02 | 4000\nlink 02 | 03 | 4000\nlink 03 | 04 | 4000\n";

impl Flow {
    /// The terminal where the card is torn; the next one stands beside it.
    pub(super) const fn here(self) -> usize {
        match self {
            Self::Single => BUS,
            Self::Trip => TRIP,
            Self::Entry => GATE_IN,
            Self::Exit => GATE_OUT,
            Self::MissedExit => GATE_ARREARS,
            Self::Boarding | Self::Alighting | Self::Arrears => LONG,
            Self::CloseRail | Self::Renewal | Self::CloseBus => COUNTER,
            Self::Ticket => TICKET,
            Self::Lock => LOCK,
        }
    }

    /// Where the card rode before, whole.
    pub(super) const fn before(self) -> Option<usize> {
        match self {
            Self::Exit | Self::MissedExit | Self::CloseRail | Self::Renewal => Some(GATE_IN),
            Self::Alighting => Some(LONG),
            Self::Arrears | Self::CloseBus => Some(LONG_BEFORE),
            _ => None,
        }
    }

    /// Where it rides on the next day.
    pub(super) const fn next_day(self) -> usize {
        match self {
            // What a ride without alighting owes is taken there.
            Self::Boarding | Self::Alighting | Self::Arrears | Self::CloseBus => LONG_BEFORE,
            Self::Ticket => TICKET,
            Self::Lock => LOCK,
            _ => LAST,
        }
    }

    pub(super) const fn task(self) -> Task {
        let amount = Some(Amount::new(CLAIM));
        match self {
            Self::CloseRail => Task::MakeUp(MakeUp::CloseRail { amount }),
            Self::Renewal => Task::MakeUp(MakeUp::RenewEntry {
                penalty: Amount::new(CLAIM),
            }),
            Self::CloseBus => Task::MakeUp(MakeUp::CloseBus { amount }),
            _ => Task::Ride,
        }
    }

    /// The stop where a bus of segmented fares stands when the card is torn.
    pub(super) const fn stop(self) -> u8 {
        match self {
            Self::Alighting => 3,
            _ => 1,
        }
    }

    /// What a card of this flow has beside its purse.
    pub(super) fn equip(self, profile: &mut Profile) {
        if self == Self::Ticket {
            profile.ticket = Some((TICKETS, 60));
            profile.indexes[1] = KeyIndex {
                wallet: Wallet::Ticket,
                ..KeyIndex::purse(TICKET_KEY, profile.indexes[0].algorithm, 1)
            };
        }
    }
}

/// What the rider did before: the tap, where there was one, is whole.
pub(super) fn before(
    posts: &mut [super::Post],
    flow: Flow,
    rider: &mut Rider,
    at: Timestamp,
) -> Option<tongtu_terminal::tap::TapEnd> {
    let stand = |posts: &mut [super::Post], stop| {
        for post in &mut posts[LONG..LONG + 2] {
            post.stand_at(long(stop, 7));
        }
    };
    stand(posts, 1);
    if flow == Flow::Lock {
        for post in &mut posts[LOCK..LOCK + 2] {
            post.blacklist(rider.number);
        }
    }
    let end = flow.before().map(|before| {
        rider.present();
        let end = posts[before]
            .tap(rider, Task::Ride, at.plus_s(-20))
            .unwrap();
        assert!(end.outcome.ride().is_some(), "{end:?}");
        end
    });
    stand(posts, flow.stop());
    end
}

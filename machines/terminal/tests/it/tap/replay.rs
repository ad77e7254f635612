//! What a tap costs the terminal itself: the machine alone, fed with the answers that a real card,
//! a module and a store gave once.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tongtu_crypto::Algorithm;
use tongtu_psam::Psam as _;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, CardLink as _, CardTerminal, Circumstances, Tap, Task, Way,
};
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, bus, gate, long_line, profile, segmented};

/// A tap that can be repeated without card, module and store.
pub(crate) struct Replay {
    terminal: CardTerminal,
    circumstances: Circumstances,
    answers: Vec<Answer>,
}

impl Replay {
    /// Taps once, with everything there, and remembers what the world answered.
    pub(crate) fn of(post: &mut Post, rider: &mut Rider, now: Timestamp) -> Self {
        let terminal = post.terminal.clone();
        let circumstances = post.circumstances(now, Task::Ride);
        rider.present();
        let mut tap = Tap::begin(circumstances);
        let mut answers = vec![Answer::Begin];
        loop {
            let answer = answers.last().unwrap().clone();
            let (next, ask) = tap.handle(&mut post.terminal, answer);
            tap = next;
            answers.push(match ask {
                Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
                Ask::Psam(request) => Answer::Psam(post.psam.ask(&request)),
                Ask::KeepIntent { id, intent } => Answer::Kept(post.store.keep_intent(id, &intent)),
                Ask::DropIntent { id } => Answer::Kept(post.store.drop_intent(id)),
                Ask::Append { record, closes } => Answer::Appended(match closes {
                    Some(intent) => post.store.append_closing(&record, intent),
                    None => post.store.append(&record),
                }),
                Ask::Done(end) => {
                    assert!(end.outcome.ride().is_some(), "{end:?}");
                    return Self {
                        terminal,
                        circumstances,
                        answers,
                    };
                }
            });
        }
    }

    /// The tap once more; how long the machine had the processor.
    pub(crate) fn taken(&self) -> Duration {
        let mut terminal = self.terminal.clone();
        let answers = self.answers.clone();
        let mut asks = Vec::with_capacity(answers.len());
        let begun = Instant::now();
        let mut tap = Tap::begin(self.circumstances);
        for answer in answers {
            let (next, ask) = tap.handle(&mut terminal, answer);
            tap = next;
            asks.push(black_box(ask));
        }
        let taken = begun.elapsed();
        assert!(matches!(asks.last(), Some(Ask::Done(end)) if end.outcome.ride().is_some()));
        taken
    }
}

/// A tap of every composite flow, and of the plain one.
pub(crate) fn replays() -> Vec<(&'static str, Replay)> {
    let fresh = || Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut out = vec![(
        "single ride",
        Replay::of(&mut Post::new(1, bus()), &mut fresh(), T0),
    )];
    let mut rider = fresh();
    for (name, number, post, minutes) in [
        ("rail entry", 2, gate("0101", Way::Entry), 0),
        ("rail exit", 3, gate("0116", Way::Exit), 40),
    ] {
        let replay = Replay::of(
            &mut Post::new(number, post),
            &mut rider,
            T0.plus_s(minutes * 60),
        );
        out.push((name, replay));
    }
    let (mut rider, mut long) = (fresh(), Post::new(4, segmented(1, 7)));
    long.tariff = long_line();
    let mut long = long.started();
    out.push(("boarding", Replay::of(&mut long, &mut rider, T0)));
    long.terminal.stand_at(segmented(3, 7));
    out.push((
        "alighting",
        Replay::of(&mut long, &mut rider, T0.plus_s(1200)),
    ));
    out
}

/// The shortest of many: whatever else the machine does in between makes a tap longer, none
/// shorter.
const TRIES: usize = 200;
const AT_MOST: Duration = Duration::from_millis(1);

#[test]
fn a_composite_purchase_has_the_terminals_processor_for_a_millisecond_at_most() {
    for (name, replay) in replays() {
        let shortest = (0..TRIES).map(|_| replay.taken()).min().unwrap();
        println!("{name}: {shortest:?}");
        assert!(shortest <= AT_MOST, "{name}: {shortest:?}");
    }
}

//! Rides by face: who passes, who does not, what is kept, what is forgotten.

use proptest::prelude::*;
use tongtu_crypto::SecretKey;
use tongtu_fare::{FareBook, GUANGZHOU, Lang};
use tongtu_tap_record::{FaceProof, RecordKind, Stage, TapRecord, YesNo};
use tongtu_terminal::face::{
    Capture, Consent, Cosine, Engine as _, Enrolled, FaceMoment, FacePolicy, FaceRefusal, FaceRide,
    FaceSetup, FaceTerminal, Gallery, GalleryError, Handle, Liveness, Look, Probe, SealKey, Sight,
    Spoof,
};
use tongtu_terminal::{Light, OpenEntries, OpenEntry, OutOfService, Post, StoreError};
use tongtu_types::{CardNumber, Fen, RecordId, Timestamp};

use crate::fixture::{MemoryStore, T0, bus, entry, exit, institution, key, profile};

const ONE: [u8; 4] = [100, 0, 0, 0];
const TWO: [u8; 4] = [0, 100, 0, 0];
/// 36 degrees from ONE, 54 from TWO: worth asking with a threshold of 8 000.
const NEAR_ONE: [u8; 4] = [81, 59, 0, 0];
const STRANGER: [u8; 4] = [0, 0, 100, 0];

fn account(number: u8) -> CardNumber {
    CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap()
}

fn handle(number: u8) -> Handle {
    Handle([number; 16])
}

fn rider(number: u8, template: &[u8]) -> Enrolled {
    let consent = Consent {
        terms: 3,
        until: T0.plus_s(90 * 86_400),
    };
    let digits = [b'0', b'0', b'0', b'0' + number];
    let issuer = institution("01345810");
    Enrolled::new(
        handle(number),
        account(number),
        issuer,
        consent,
        digits,
        template,
    )
    .unwrap()
}

fn gallery(version: u64, riders: Vec<Enrolled>) -> Gallery {
    let until = T0.plus_s(86_400);
    Gallery::new(
        institution("11345810"),
        version,
        T0,
        until,
        Cosine.id(),
        riders,
    )
    .unwrap()
}

struct Gate {
    terminal: FaceTerminal,
    store: MemoryStore,
    inside: OpenEntries,
    fares: FareBook,
    post: Post,
}

fn setup(post: Post) -> FaceSetup {
    FaceSetup {
        profile: profile(post),
        policy: FacePolicy {
            ask: tongtu_terminal::face::Score::new(7_500).unwrap(),
            ..FacePolicy::plain(T0.plus_s(-1))
        },
        engine: Box::new(Cosine),
        sam: Box::new(key("sam")),
    }
}

impl Gate {
    fn new(post: Post) -> Self {
        let store = MemoryStore::default();
        let mut terminal = FaceTerminal::recover(setup(post), &store);
        terminal
            .take(gallery(1, vec![rider(1, &ONE), rider(2, &TWO)]))
            .unwrap();
        Self {
            terminal,
            store,
            inside: OpenEntries::default(),
            fares: FareBook::parse(GUANGZHOU.as_bytes()).unwrap(),
            post,
        }
    }

    fn restart(&mut self) {
        let held = self.terminal.gallery().cloned();
        self.terminal = FaceTerminal::recover(setup(self.post), &self.store);
        self.terminal.take(held.unwrap()).unwrap();
    }

    fn see(&mut self, capture: Capture<'_>, now: Timestamp) -> Look {
        let sight = Sight {
            now: Some(now),
            fares: Some(&self.fares),
            inside: &self.inside,
        };
        self.terminal.look(capture, &sight, &mut self.store)
    }

    fn face(&mut self, template: &[u8], now: Timestamp) -> Look {
        self.see(one(template, Liveness::Live, 90), now)
    }

    fn digits(&mut self, digits: &[u8], now: Timestamp) -> Look {
        let sight = Sight {
            now: Some(now),
            fares: Some(&self.fares),
            inside: &self.inside,
        };
        self.terminal.digits(digits, &sight, &mut self.store)
    }
}

const fn one(template: &[u8], liveness: Liveness, quality: u8) -> Capture<'_> {
    Capture::One(Probe {
        template,
        liveness,
        quality,
    })
}

fn ride(look: Look) -> FaceRide {
    match look {
        Look::Ride(ride) => *ride,
        other => panic!("{other:?}"),
    }
}

fn refusal(look: Look) -> FaceRefusal {
    match look {
        Look::Refused(refusal, _) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recognised_rider_pays_once_and_the_record_is_signed() {
    let mut gate = Gate::new(bus());
    let look = ride(gate.face(&ONE, T0));
    assert_eq!(look.account, account(1));
    assert_eq!(look.prompt.fare, Some(Fen::new(200)));
    assert_eq!(look.prompt.light(), Light::Green);
    let record = TapRecord::decode_signed(&look.raw).unwrap();
    assert_eq!(record, look.record);
    assert_eq!(
        (record.kind, record.stage),
        (RecordKind::Face, Stage::Single)
    );
    assert_eq!(record.serial.card_number(), Some(account(1)));
    assert_eq!(record.check(), Ok(()));
    let terminal_key = key("sam");
    assert!(TapRecord::check_signature(&look.raw, terminal_key.public()).is_ok());
    let other: SecretKey = key("another");
    assert!(TapRecord::check_signature(&look.raw, other.public()).is_err());
    let proof = FaceProof::decode(&record.own).unwrap();
    assert_eq!(
        (proof.handle, proof.score, proof.second),
        ([1; 16], 10_000, 0)
    );
    assert_eq!((proof.live, proof.digits), (YesNo::Yes, YesNo::No));
    assert_eq!((proof.gallery, proof.consent), (1, 3));
    assert_eq!(gate.store.len(), 1);
    // FC-11: the same rider a moment later.
    let again = gate.face(&ONE, T0.plus_s(10));
    assert_eq!(refusal(again), FaceRefusal::TooFrequent { last: T0 });
    assert_eq!(gate.store.len(), 1);
    assert!(!ride(gate.face(&ONE, T0.plus_s(31))).resumed);
}

#[test]
fn nobody_passes_who_is_not_alive_alone_seen_and_known() {
    let mut gate = Gate::new(bus());
    let not_live = |l| FaceRefusal::NotLive(l);
    let spoof = Liveness::Spoof(Spoof::Photo);
    let cases = [
        (
            Capture::Several(2),
            FaceRefusal::Several(2),
            FaceMoment::OneByOne,
        ),
        (
            one(&ONE, Liveness::Live, 59),
            FaceRefusal::Quality { found: 59, min: 60 },
            FaceMoment::LookHere,
        ),
        (one(&ONE, spoof, 90), not_live(spoof), FaceMoment::OtherWay),
        (
            one(&ONE, Liveness::Undecided, 90),
            not_live(Liveness::Undecided),
            FaceMoment::OtherWay,
        ),
        (
            one(&STRANGER, Liveness::Live, 90),
            FaceRefusal::Unknown,
            FaceMoment::OtherWay,
        ),
    ];
    for (capture, expected, moment) in cases {
        match gate.see(capture, T0) {
            Look::Refused(refusal, prompt) => {
                assert_eq!((refusal, prompt.moment), (expected, moment));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(gate.see(Capture::Nobody, T0), Look::Idle);
    assert_eq!(gate.store.len(), 0, "nothing was stored");
}

#[test]
fn a_doubtful_face_is_asked_for_the_digits() {
    let mut gate = Gate::new(bus());
    assert!(matches!(gate.face(&NEAR_ONE, T0), Look::Digits(_)));
    let wrong = gate.digits(b"0009", T0.plus_s(1));
    assert_eq!(refusal(wrong), FaceRefusal::Digits { again: true });
    // The digits of a rider who is no candidate do not help.
    let other = gate.digits(b"0002", T0.plus_s(2));
    assert_eq!(refusal(other), FaceRefusal::Digits { again: true });
    let look = ride(gate.digits(b"0001", T0.plus_s(3)));
    assert_eq!(look.account, account(1));
    let proof = FaceProof::decode(&look.record.own).unwrap();
    assert_eq!(proof.digits, YesNo::Yes);
    assert_eq!(gate.store.len(), 1);
    // They count once.
    let late = gate.digits(b"0001", T0.plus_s(4));
    assert_eq!(refusal(late), FaceRefusal::Digits { again: false });
}

#[test]
fn the_digits_end_with_the_third_try_with_time_and_with_the_rider_gone() {
    let over = FaceRefusal::Digits { again: false };
    let mut gate = Gate::new(bus());
    gate.face(&NEAR_ONE, T0);
    gate.digits(b"9", T0);
    gate.digits(b"", T0);
    assert_eq!(refusal(gate.digits(b"0009", T0)), over);
    assert_eq!(refusal(gate.digits(b"0001", T0)), over);
    gate.face(&NEAR_ONE, T0);
    assert_eq!(refusal(gate.digits(b"0001", T0.plus_s(16))), over);
    gate.face(&NEAR_ONE, T0);
    gate.see(Capture::Nobody, T0);
    assert_eq!(refusal(gate.digits(b"0001", T0)), over);
    gate.face(&NEAR_ONE, T0);
    assert_eq!(gate.terminal.withdraw(&[handle(1)]), 1);
    assert_eq!(refusal(gate.digits(b"0001", T0)), over);
    assert_eq!(gate.store.len(), 0);
}

#[test]
fn two_riders_too_alike_are_both_asked() {
    let mut gate = Gate::new(bus());
    let twins = vec![rider(1, &ONE), rider(2, &[100, 1, 0, 0])];
    gate.terminal.take(gallery(2, twins)).unwrap();
    assert!(matches!(gate.face(&ONE, T0), Look::Digits(_)));
    assert_eq!(ride(gate.digits(b"0002", T0)).account, account(2));
}

#[test]
fn an_exit_is_priced_from_the_entry_and_lets_out_without_one() {
    let mut gate = Gate::new(entry("0101"));
    let look = ride(gate.face(&ONE, T0));
    assert_eq!(look.record.amount.get(), 0);
    assert_eq!(look.prompt.fare, None);
    let record = RecordId::compose(
        institution("11345810"),
        profile(entry("0101")).terminal,
        T0,
        look.seq,
    );
    let mut gate = Gate::new(exit("0103"));
    let open = OpenEntry {
        station: "0101".parse().unwrap(),
        at: T0,
        record,
    };
    gate.inside.open(account(1), open);
    let out = ride(gate.face(&ONE, T0.plus_s(1200)));
    assert!(out.record.amount.get() > 0);
    assert_eq!(out.record.origin_station, *b"0101\0\0\0\0");
    assert_eq!(out.record.stage, Stage::Exit);
    gate.inside.close(&account(1));
    let lost = ride(gate.face(&TWO, T0.plus_s(1300)));
    assert_eq!(lost.record.amount.get(), 0);
    assert_eq!(lost.prompt.moment, FaceMoment::PassNoEntry);
}

#[test]
fn a_ride_stored_but_not_told_completes_after_a_restart() {
    let mut gate = Gate::new(bus());
    let first = ride(gate.face(&ONE, T0));
    gate.restart();
    let second = ride(gate.face(&ONE, T0.plus_s(40)));
    assert!(second.resumed);
    assert_eq!((second.seq, &second.raw), (first.seq, &first.raw));
    gate.terminal.told(second.seq, &mut gate.store).unwrap();
    assert_eq!(gate.store.len(), 1);
    gate.restart();
    assert_eq!(
        refusal(gate.face(&ONE, T0.plus_s(20))),
        FaceRefusal::TooFrequent { last: T0 },
        "the interval survives the restart",
    );
    assert!(!ride(gate.face(&ONE, T0.plus_s(50))).resumed);
}

#[test]
fn an_old_untold_ride_is_another_ride() {
    let mut gate = Gate::new(bus());
    ride(gate.face(&ONE, T0));
    gate.restart();
    assert!(!ride(gate.face(&ONE, T0.plus_s(121))).resumed);
    assert_eq!(gate.store.len(), 2);
}

#[test]
fn says_why_it_is_not_in_service() {
    let mut gate = Gate::new(bus());
    let no_clock = Sight {
        now: None,
        fares: Some(&gate.fares),
        inside: &gate.inside,
    };
    let look = gate
        .terminal
        .look(one(&ONE, Liveness::Live, 90), &no_clock, &mut gate.store);
    assert_eq!(refusal(look), OutOfService::NoClock.into());
    gate.store.max = 0;
    let full = OutOfService::Store(StoreError::Full { held: 0, max: 0 });
    assert_eq!(refusal(gate.face(&ONE, T0)), full.into());
    gate.store.max = 9;
    gate.store.fails = true;
    assert!(matches!(
        refusal(gate.face(&ONE, T0)),
        FaceRefusal::OutOfService(OutOfService::Store(_))
    ));
    gate.store.fails = false;
    assert!(matches!(gate.face(&ONE, T0), Look::Ride(_)));
    assert!(matches!(
        refusal(gate.face(&TWO, T0.plus_s(-1))),
        FaceRefusal::OutOfService(OutOfService::ClockBack { .. })
    ));
    let day = 86_400;
    assert_eq!(
        refusal(gate.face(&ONE, T0.plus_s(day))),
        FaceRefusal::NoGallery
    );
}

#[test]
fn a_rider_who_withdraws_is_gone_at_once_here_and_at_rest() {
    let mut gate = Gate::new(bus());
    let own = SealKey::new(&[3; 16]);
    assert_eq!(gate.terminal.withdraw(&[handle(1), handle(9)]), 1);
    assert_eq!(refusal(gate.face(&ONE, T0)), FaceRefusal::Unknown);
    let held = gate.terminal.gallery().unwrap();
    let at_rest = held
        .at_rest(&own, &mut |out: &mut [u8]| out.fill(5))
        .unwrap();
    let again = Gallery::from_rest(&at_rest, &own).unwrap();
    assert_eq!(&again, held);
    assert!(again.rider(handle(1)).is_none());
    let shows = |needle: &[u8]| at_rest.windows(needle.len()).any(|w| w == needle);
    assert!(!shows(&TWO), "no template in clear");
    assert!(!shows(b"0002"), "no digits in clear");
}

#[test]
fn a_consent_that_has_ended_is_no_consent() {
    let mut gate = Gate::new(bus());
    let mut short = rider(1, &ONE);
    short.consent.until = T0.plus_s(5);
    gate.terminal.take(gallery(2, vec![short.clone()])).unwrap();
    let ended = FaceRefusal::ConsentEnded {
        until: T0.plus_s(5),
    };
    assert_eq!(refusal(gate.face(&ONE, T0.plus_s(5))), ended);
    let mut list = gallery(3, vec![short]);
    assert_eq!(list.forget_ended(T0.plus_s(5)), 1);
    assert!(list.riders().is_empty());
}

#[test]
fn a_gallery_is_taken_newer_and_for_this_acquirer_or_not_at_all() {
    let list = gallery(5, vec![rider(2, &TWO), rider(1, &ONE)]);
    let mut gate = Gate::new(bus());
    gate.terminal.take(list.clone()).unwrap();
    let old = gate.terminal.take(list);
    assert_eq!(old, Err(GalleryError::NotNewer { found: 5, held: 5 }));
    let mut foreign = gallery(6, vec![]);
    foreign.acquirer = institution("11341000");
    assert!(matches!(
        gate.terminal.take(foreign),
        Err(GalleryError::OtherAcquirer { .. })
    ));
    let twice = Gallery::new(
        institution("11345810"),
        7,
        T0,
        T0,
        Cosine.id(),
        vec![rider(1, &ONE), rider(1, &TWO)],
    );
    assert_eq!(twice.unwrap_err(), GalleryError::Order { index: 1 });
}

#[test]
fn records_are_needed_until_no_rider_can_come_back_on_them() {
    let mut gate = Gate::new(bus());
    assert_eq!(gate.terminal.needed_from(), None);
    let first = ride(gate.face(&ONE, T0)).seq;
    ride(gate.face(&TWO, T0.plus_s(60)));
    assert_eq!(gate.terminal.needed_from(), Some(first));
    gate.restart();
    assert_eq!(gate.terminal.needed_from(), Some(first));
    // The window of a ride that was not told is 120 seconds.
    let third = ride(gate.face(&ONE, T0.plus_s(200))).seq;
    assert_eq!(gate.terminal.needed_from(), Some(third));
}

#[test]
fn any_template_of_a_rider_is_recognised_and_the_others_are_no_other_rider() {
    let mut gate = Gate::new(bus());
    let consent = rider(1, &ONE).consent;
    let issuer = institution("01345810");
    let templates: [&[u8]; 2] = [&ONE, &[99, 10, 0, 0]];
    let two =
        Enrolled::with_templates(handle(1), account(1), issuer, consent, *b"0001", &templates);
    let two = two.unwrap();
    assert_eq!(two.templates().collect::<Vec<_>>(), templates);
    gate.terminal.take(gallery(2, vec![two])).unwrap();
    let look = ride(gate.face(&[98, 12, 0, 0], T0));
    let proof = FaceProof::decode(&look.record.own).unwrap();
    assert_eq!(proof.second, 0);
    let none = Enrolled::with_templates(handle(1), account(1), issuer, consent, *b"0001", &[]);
    assert_eq!(none.unwrap_err(), GalleryError::Templates { found: 0 });
    let five: [&[u8]; 5] = [&ONE; 5];
    let many = Enrolled::with_templates(handle(1), account(1), issuer, consent, *b"0001", &five);
    assert_eq!(many.unwrap_err(), GalleryError::Templates { found: 5 });
    let empty = Enrolled::new(handle(1), account(1), issuer, consent, *b"0001", &[]);
    assert_eq!(empty.unwrap_err(), GalleryError::Template { found: 0 });
}

#[test]
fn prompts_are_short_and_in_two_languages() {
    let mut gate = Gate::new(bus());
    let prompt = ride(gate.face(&ONE, T0)).prompt;
    assert_eq!(prompt.display(Lang::Zh), "乘车成功\n车费 2.00 元");
    assert_eq!(prompt.display(Lang::En), "Welcome\nFare 2.00 yuan");
}

proptest! {
    #[test]
    fn whatever_the_camera_says_only_a_live_likeness_is_charged(
        faces in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..6), 0u8..4, any::<u8>(), 0i64..200),
            0..20,
        ),
    ) {
        let mut gate = Gate::new(bus());
        let mut now = T0;
        for (template, live, quality, wait) in faces {
            now = now.plus_s(wait);
            let liveness = match live {
                0 => Liveness::Undecided,
                1 => Liveness::Spoof(Spoof::Screen),
                _ => Liveness::Live,
            };
            let before = gate.store.len();
            let look = gate.see(one(&template, liveness, quality), now);
            if let Look::Ride(ride) = look {
                prop_assert_eq!(liveness, Liveness::Live);
                let own = if ride.account == account(1) { ONE } else { TWO };
                let score = Cosine.compare(&template, &own).unwrap();
                prop_assert!(score >= FacePolicy::plain(T0).accept);
                prop_assert_eq!(gate.store.len(), before + 1);
            } else {
                prop_assert_eq!(gate.store.len(), before);
            }
        }
    }

    #[test]
    fn no_bytes_open_as_a_gallery(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let seal = SealKey::new(&[1; 16]);
        prop_assert!(Gallery::from_rest(&bytes, &seal).is_err());
    }
}

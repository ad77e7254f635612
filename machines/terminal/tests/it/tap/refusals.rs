//! Every reason to refuse, one fact each; ids of the conformance catalogue in the names of rows.

use tongtu_apdu::select::{Aid, E_CASH, PPSE};
use tongtu_card::factory::{Module, Preinstalled};
use tongtu_crypto::Algorithm;
use tongtu_psam::PsamFault;
use tongtu_purse::command::Sfi;
use tongtu_purse::field::{Amount, CardKind, Date, LockFlag, RailState};
use tongtu_purse::layout::RailRecord;
use tongtu_purse::profile::Profile;
use tongtu_tap_record::{Mac2State, RecordKind};
use tongtu_terminal::tap::{
    CITY_UNION, Medium, Refusal, Say, Selection, TapEnd, TapFault, TapOutcome, Task, Way,
};
use tongtu_terminal::{Lang, Light};
use tongtu_types::{Fen, Timestamp};

use super::fixture::{Liar, Post, Rider, T0, audit, bus, gate, profile};

fn refused(end: &TapEnd) -> &Refusal {
    match &end.outcome {
        TapOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// A tap at a bus of a card made otherwise.
fn tap_of(change: impl FnOnce(&mut Profile)) -> TapEnd {
    let mut made = profile(0x17, Algorithm::Tdes);
    change(&mut made);
    let made = made.clone();
    let mut rider = Rider::with(&made, 3_000);
    let mut post = Post::new(1, bus());
    let end = post.tap(&mut rider, T0);
    audit("refusal", &mut rider, 3_000, &mut [&mut post], T0);
    end
}

fn date(digits: &str) -> Date {
    Date(super::fixture::array(digits))
}

#[test]
fn te03_te04_an_application_that_is_not_enabled_is_refused() {
    for (kind, version) in [(0, 1), (2, 0x00), (2, 0xFF)] {
        let end = tap_of(|profile| {
            profile.public.application_type = kind;
            profile.public.application_version = version;
        });
        assert_eq!(refused(&end), &Refusal::NotEnabled);
    }
    let newer = tap_of(|profile| profile.public.application_version = 2);
    assert!(newer.outcome.ride().is_some(), "another version is taken");
}

#[test]
fn te05_an_issuer_on_no_list_is_refused_by_its_first_four_bytes() {
    let end = tap_of(|profile| {
        profile.public.issuer.0[0] = 0x99;
    });
    assert_eq!(
        (refused(&end), end.prompt.say),
        (&Refusal::IssuerNotListed, Say::NotAccepted)
    );
}

#[test]
fn te07_te08_a_card_rides_from_its_first_day_to_its_last() {
    for (starts, expires, expected) in [
        ("20250531", "20401231", None),
        ("20250601", "20250601", None),
        (
            "20250602",
            "20401231",
            Some((Refusal::NotStarted, Say::NotStarted)),
        ),
        (
            "20200101",
            "20250531",
            Some((Refusal::Expired, Say::Expired)),
        ),
        (
            "00000000",
            "20401231",
            Some((Refusal::BadFile { sfi: Sfi::PUBLIC }, Say::Damaged)),
        ),
        (
            "20200101",
            "FFFFFFFF",
            Some((Refusal::BadFile { sfi: Sfi::PUBLIC }, Say::Damaged)),
        ),
    ] {
        let end = tap_of(|profile| {
            profile.public.starts = date(starts);
            profile.public.expires = date(expires);
        });
        match expected {
            None => assert!(end.outcome.ride().is_some(), "{starts} {expires}: {end:?}"),
            Some((refusal, say)) => assert_eq!((refused(&end), end.prompt.say), (&refusal, say)),
        }
    }
}

#[test]
fn te09_a_tap_at_midnight_has_one_date_everywhere() {
    let midnight = Timestamp::new(1_748_793_599);
    for (now, day) in [(midnight, "2025-06-01"), (midnight.plus_s(1), "2025-06-02")] {
        let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
        let mut post = Post::new(1, bus());
        let record = post
            .tap(&mut rider, now)
            .outcome
            .ride()
            .unwrap()
            .record
            .clone();
        assert!(record.at.to_string().starts_with(day), "{}", record.at);
        assert_eq!(rider.debits()[0].at, record.at);
    }
}

#[test]
fn te11_a_balance_below_the_fare_is_said_with_what_is_there() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 199);
    let mut post = Post::new(1, bus());
    let end = post.tap(&mut rider, T0);
    let expected = Refusal::Insufficient {
        balance: Some(Fen::new(199)),
        needed: Fen::new(200),
    };
    assert_eq!(refused(&end), &expected);
    assert_eq!(end.prompt.display(Lang::Zh), "余额不足\n余额 1.99 元");
    assert_eq!(end.prompt.light(), Light::Red);
    assert!(post.records().is_empty());
}

#[test]
fn te12_a_kind_of_card_that_does_not_ride_here_is_refused() {
    let mut student = profile(0x17, Algorithm::Tdes);
    student.transit.kind = CardKind::STUDENT;
    let mut rider = Rider::with(&student, 3_000);
    let mut post = Post::new(1, bus()).changed(|_, lists| lists.barred = vec![CardKind::STUDENT]);
    let kind = CardKind::STUDENT;
    assert_eq!(
        refused(&post.tap(&mut rider, T0)),
        &Refusal::KindNotPermitted { kind }
    );
}

#[test]
fn np08_a_card_of_another_city_rides_when_it_is_interoperable() {
    for (interop, local, rides) in [(1, false, true), (0, false, false), (0, true, true)] {
        let mut made = profile(0x17, Algorithm::Tdes);
        made.transit.interop = interop;
        let mut rider = Rider::with(&made, 3_000);
        let mut post = Post::new(1, bus()).changed(|_, lists| {
            if !local {
                lists.listed = std::mem::take(&mut lists.local);
            }
        });
        let end = post.tap(&mut rider, T0);
        assert_eq!(end.outcome.ride().is_some(), rides, "{end:?}");
        if !rides {
            assert_eq!(refused(&end), &Refusal::NotInteroperable);
        }
    }
}

#[test]
fn te13_a_wrong_mac2_is_recorded_and_never_accepted() {
    for at in [0, 4] {
        let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
        let mut post = Post::new(1, bus());
        rider.present();
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(move |command, mut answer| {
                if command[1] == 0x54 {
                    answer[at + 3] ^= 1;
                }
                answer
            }),
        };
        let end = post.tap_on(&mut liar, T0, Task::Ride);
        let state = post.records()[0].mac2;
        if at == 4 {
            assert_eq!(
                (refused(&end), end.prompt.say),
                (&Refusal::Mac2Wrong, Say::SeeStaff)
            );
            assert_eq!(state, Mac2State::Failed);
        } else {
            // A wrong TAC is found by whoever has its key; a terminal has not.
            assert_eq!(state, Mac2State::Verified);
        }
    }
}

#[test]
fn te17_te18_a_ride_changes_its_own_composite_record_and_no_other() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let others = [rider.composite(2), rider.composite(3)];
    Post::new(1, gate("0101", Way::Entry)).tap(&mut rider, T0);
    assert_eq!([rider.composite(2), rider.composite(3)], others);
}

/// A tap at a gate of a card whose rail record is this.
fn tap_with_rail(way: Way, change: impl FnOnce(&mut RailRecord)) -> TapEnd {
    let mut made = profile(0x17, Algorithm::Tdes);
    let (_, records) = made
        .contents
        .iter_mut()
        .find(|(sfi, _)| *sfi == Sfi::COMPOSITE)
        .unwrap();
    let mut rail = RailRecord::decode(&records[0]).unwrap();
    change(&mut rail);
    records[0] = rail.encode().unwrap();
    let mut rider = Rider::with(&made, 3_000);
    let mut post = Post::new(1, gate("0101", way));
    let end = post.tap(&mut rider, T0);
    audit("rail", &mut rider, 3_000, &mut [&mut post], T0);
    end
}

#[test]
fn te19_a_locked_or_malformed_rail_record_is_refused() {
    let bad = Refusal::BadFile {
        sfi: Sfi::COMPOSITE,
    };
    let end = tap_with_rail(Way::Entry, |rail| rail.lock = LockFlag::LOCKED);
    assert_eq!(refused(&end), &Refusal::RecordLocked);
    for state in [5, 0x80, 0xFF] {
        let end = tap_with_rail(Way::Entry, |rail| rail.state = RailState(state));
        assert_eq!(refused(&end), &bad, "state {state:02X}");
    }
    let end = tap_with_rail(Way::Entry, |rail| rail.id = [0x27, 0x09]);
    assert_eq!(refused(&end), &bad, "another id");
    let ours = super::fixture::tap_profile(bus(), tongtu_terminal::tap::Rules::default());
    for (digits, refusal) in [
        ("20250601080500", bad.clone()),
        ("20251301080000", bad.clone()),
        ("FFFFFFFFFFFFFF", bad.clone()),
        ("20150601080000", Refusal::NotConnected),
    ] {
        let end = tap_with_rail(Way::Exit, |rail| {
            rail.state = RailState::ENTERED;
            rail.entry_city = ours.city;
            rail.entry_institution = ours.acceptor;
            rail.entry_at = tongtu_purse::field::DateTime(super::fixture::array(digits));
        });
        assert_eq!(refused(&end), &refusal, "{digits}");
    }
}

#[test]
fn te20_a_module_that_fails_puts_the_terminal_out_of_service_with_its_reason() {
    for fault in [
        PsamFault::Absent,
        PsamFault::Locked,
        PsamFault::Exhausted,
        PsamFault::Memory,
    ] {
        let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
        let mut post = Post::new(1, bus());
        post.psam.fails = Some(fault.clone());
        let end = post.tap(&mut rider, T0);
        assert_eq!(end.outcome, TapOutcome::OutOfService(TapFault::Psam(fault)));
        assert_eq!(end.prompt.say, Say::OutOfService);
        audit("module", &mut rider, 3_000, &mut [&mut post], T0);
    }
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(1, bus());
    let day_after = Timestamp::new(2_250_000_000);
    let end = post.tap(&mut rider, day_after);
    assert!(
        matches!(
            end.outcome,
            TapOutcome::OutOfService(TapFault::Psam(PsamFault::Dates { .. }))
        ),
        "{end:?}"
    );
    assert_eq!(end.exchanges.card, 0, "the card is not asked at all");
}

#[test]
fn te22_a_full_store_stops_before_a_card_pays() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(1, bus());
    post.store.max = 1;
    post.tap(&mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(60));
    assert!(
        matches!(end.outcome, TapOutcome::OutOfService(TapFault::Store(_))),
        "{end:?}"
    );
    audit("full", &mut rider, 3_000, &mut [&mut post], T0);
}

#[test]
fn te27_both_key_versions_of_a_card_are_taken_and_a_third_is_named() {
    let mut made = profile(0x17, Algorithm::Tdes);
    made.indexes[1].version = 2;
    for (index, rides) in [(1, true), (2, true), (3, false)] {
        let mut rider = Rider::with(&made, 3_000);
        let mut post = Post::new(1, bus());
        post.psam.identity.key_index = index;
        let mut post = post.started();
        let end = post.tap(&mut rider, T0);
        assert_eq!(end.outcome.ride().is_some(), rides, "{end:?}");
        if !rides {
            assert_eq!(refused(&end), &Refusal::NoKey);
        }
    }
}

#[test]
fn a_balance_that_no_card_may_have_is_damaged() {
    let end = {
        let mut made = profile(0x17, Algorithm::Tdes);
        made.settings.balance_max = Amount::new(500_000);
        let mut rider = Rider::with(&made, 100_001);
        Post::new(1, bus()).tap(&mut rider, T0)
    };
    assert_eq!(
        (refused(&end), end.prompt.say),
        (&Refusal::Damaged, Say::Damaged)
    );
}

#[test]
fn a_clock_that_is_none_or_went_back_serves_nobody() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(1, bus());
    post.tap(&mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(-60));
    assert!(matches!(
        end.outcome,
        TapOutcome::OutOfService(TapFault::ClockBack { .. })
    ));
    let mut circumstances = post.circumstances(T0, Task::Ride);
    circumstances.now = None;
    let (_, ask) = tongtu_terminal::tap::Tap::begin(circumstances)
        .handle(&mut post.terminal, tongtu_terminal::tap::Answer::Begin);
    let tongtu_terminal::tap::Ask::Done(end) = ask else {
        panic!("{ask:?}")
    };
    assert_eq!(end.outcome, TapOutcome::OutOfService(TapFault::NoClock));
}

#[test]
fn a_day_without_a_fare_book_and_a_line_that_it_lacks_are_the_terminals_fault() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(1, bus());
    let before_the_book = Timestamp::new(1_512_000_000);
    post.psam.identity.starts = date("20100101");
    let mut post = post.started();
    rider.profile.public.starts = date("20100101");
    let mut old = profile(0x17, Algorithm::Tdes);
    old.public.starts = date("20100101");
    let mut rider = Rider::with(&old, 3_000);
    let end = post.tap(&mut rider, before_the_book);
    assert!(matches!(
        end.outcome,
        TapOutcome::OutOfService(TapFault::NoFareBook { .. })
    ));
    let mut gate = Post::new(2, gate("9999", Way::Entry));
    let end = gate.tap(&mut rider, T0);
    assert!(
        matches!(end.outcome, TapOutcome::OutOfService(TapFault::Fare(_))),
        "{end:?}"
    );
}

#[test]
fn te01_a_card_without_an_application_of_ours_is_named_as_what_it_is() {
    let made = profile(0x17, Algorithm::Tdes);
    let tap = |aid: Option<Aid>| {
        let mut other = made.clone();
        let applications = aid.map_or_else(Vec::new, |aid| {
            other.aid = aid;
            vec![Preinstalled::purse(&other)]
        });
        let mut rider = Rider::of(applications, &made, 0);
        Post::new(1, bus()).tap(&mut rider, T0)
    };
    let none = tap(None);
    assert_eq!(
        (refused(&none), none.prompt.say),
        (&Refusal::NoTransitCard, Say::OtherWay)
    );
    assert_eq!(refused(&tap(Some(CITY_UNION))), &Refusal::CityUnion);
}

#[test]
fn an_application_is_what_its_fci_says_under_whatever_name() {
    let mut made = profile(0x17, Algorithm::Tdes);
    made.aid = Aid::parse(&[E_CASH.as_bytes(), b"SUZHOU"].concat()).unwrap();
    let mut rider = Rider::with(&made, 3_000);
    let end = Post::new(1, bus()).tap(&mut rider, T0);
    assert!(end.outcome.ride().is_some(), "{end:?}");
    // An e-cash by its PDOL, under its own name: named, and nothing else asked of it.
    let mut rider = Rider::of(Vec::new(), &made, 0);
    rider.present();
    let cash = super::fixture::array::<27>(
        "6F19 8408A000000632010106 A50D 5002 4543 9F3806 9F6604 9F0206"
            .replace(' ', "")
            .as_str(),
    );
    let mut liar = Liar {
        rider: &mut rider,
        lie: Box::new(move |command, answer| match command.get(5..13) {
            Some(aid) if aid == E_CASH.as_bytes() => [&cash[..], &[0x90, 0x00]].concat(),
            _ => answer,
        }),
    };
    let end = Post::new(1, bus()).tap_on(&mut liar, T0, Task::Ride);
    assert_eq!(refused(&end), &Refusal::CashNotServed);
}

#[test]
fn te02_the_directory_decides_where_it_is_asked_and_the_profile_otherwise() {
    let made = profile(0x17, Algorithm::Tdes);
    let mut phone = made.clone();
    phone.aid = Aid::parse(&[made.aid.as_bytes(), &[0x10, 0, 0x91]].concat()).unwrap();
    let directory = Preinstalled {
        module: Module::Ppse,
        aid: PPSE,
        label: Vec::new(),
        priority: 0,
        parameters: Vec::new(),
        groups: Vec::new(),
    };
    let mut rider = Rider::of(vec![directory, Preinstalled::purse(&phone)], &phone, 3_000);
    let mut post = Post::new(1, bus()).changed(|profile, _| {
        profile.selection = Selection {
            directory: true,
            first: Medium::Cash,
        };
    });
    let end = post.tap(&mut rider, T0);
    assert!(end.outcome.ride().is_some(), "{end:?}");
    let names: Vec<_> = rider
        .log
        .iter()
        .filter(|(command, _)| command[1] == 0xA4)
        .map(|(command, _)| command[5..command.len() - 1].to_vec())
        .collect();
    assert_eq!(
        names,
        [PPSE.as_bytes().to_vec(), phone.aid.as_bytes().to_vec()]
    );
    // Without a directory, in the order of the profile.
    let mut plain = Rider::with(&made, 3_000);
    let end = post.tap(&mut plain, T0.plus_s(60));
    assert!(end.outcome.ride().is_some(), "{end:?}");
    let names = plain.log.iter().filter(|(command, _)| command[1] == 0xA4);
    assert_eq!(names.count(), 3, "directory, e-cash, e-purse");
}

#[test]
fn a_blocked_application_is_said_to_be() {
    for (sw, permanently) in [
        ([0x62, 0x83], false),
        ([0x62, 0x84], false),
        ([0x93, 0x03], true),
        ([0x6A, 0x81], true),
    ] {
        let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
        rider.present();
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(move |_, _| sw.to_vec()),
        };
        let end = Post::new(1, bus()).tap_on(&mut liar, T0, Task::Ride);
        assert_eq!(refused(&end), &Refusal::Blocked { permanently });
        assert_eq!(end.prompt.say, Say::SeeIssuer);
        assert_eq!(end.exchanges.card, 1);
    }
}

#[test]
fn te14_te15_any_status_word_and_any_length_at_any_command_has_an_outcome_and_no_ride_too_many() {
    let words: Vec<[u8; 2]> = tongtu_apdu::StatusWord::ALL
        .iter()
        .map(|sw| sw.bytes())
        .chain([[0x61, 0x10], [0x6C, 0x10], [0x63, 0xC2], [0x12, 0x34]])
        .collect();
    let answers = words
        .into_iter()
        .map(|sw| sw.to_vec())
        .chain([vec![], vec![0x90], vec![0; 300], vec![0xFF; 258]])
        .chain([1, 3, 7, 9, 30, 127].map(|len| [vec![0x5A; len], vec![0x90, 0x00]].concat()));
    let mut before = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut whole = before.clone();
    Post::new(1, gate("0101", Way::Entry)).tap(&mut whole, T0);
    let commands = whole.log.len();
    for answer in answers {
        for at in 0..commands {
            let what = format!("{answer:02X?} at command {at}");
            let mut rider = before.clone();
            let mut post = Post::new(1, gate("0101", Way::Entry));
            rider.present();
            let (mut count, lie) = (0, answer.clone());
            let mut liar = Liar {
                rider: &mut rider,
                lie: Box::new(move |_, answer| {
                    count += 1;
                    if count == at + 1 { lie.clone() } else { answer }
                }),
            };
            let end = post.tap_on(&mut liar, T0, Task::Ride);
            drop(liar);
            let is_plain_ok = answer == [0x90, 0x00];
            if end.outcome.ride().is_some() && !is_plain_ok {
                let verified = post.records().iter().all(|r| r.mac2 == Mac2State::Verified);
                assert!(verified, "{what}");
            }
            // The honest card inside may have paid for what it seemed to say.
            let failed = post.records().iter().any(|r| r.mac2 == Mac2State::Failed);
            if !failed {
                post.tap(&mut rider, T0.plus_s(30));
                audit(&what, &mut rider, 3_000, &mut [&mut post], T0);
            }
        }
    }
    before.present();
}

#[test]
fn a_lock_that_a_rider_runs_away_from_is_recorded() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let serial = rider.profile.public.serial;
    let mut post = Post::new(1, bus()).changed(|_, lists| {
        lists.blacklist.insert(serial.0);
    });
    rider.present();
    rider.line = tongtu_testkit::tear::Line::breaking_after(80);
    let end = post.tap_on(&mut rider, T0, Task::Ride);
    assert_eq!(refused(&end), &Refusal::Blacklisted { locked: false });
    assert_eq!(post.records()[0].kind, RecordKind::Lock);
}

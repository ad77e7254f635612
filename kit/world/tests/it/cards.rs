//! Riders with cards for two days, every mishap and every flaw among them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tongtu_fare::Lang;
use tongtu_terminal::tap::Say;
use tongtu_types::{BusinessDay, Fen};
use tongtu_world::audit::{Audit, Seen, Strictness, audit};
use tongtu_world::cards::plan::plan_homecoming;
use tongtu_world::cards::{CardSide, Flaw, Mishap, TapLog};
use tongtu_world::country::{CITIES, Scale};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::faces::{FaceLog, FaceSide};
use tongtu_world::log::Observed;
use tongtu_world::plan::plan;
use tongtu_world::report::Story;
use tongtu_world::terminals::Terminals;
use tongtu_world::{Country, Seed, hosting};

/// Cards enough for every mishap and every flaw on each day; nobody has a code.
const SCALE: Scale = Scale {
    riders: 0,
    cards: 60,
    cash: 24,
    faces: 8,
    stations: 3,
    buses: 1,
};
const DAYS: u32 = 2;

struct Lived {
    country: Country,
    taps: Vec<TapLog>,
    looks: Vec<FaceLog>,
    observed: Observed,
}

impl Lived {
    fn audit(&self) -> Audit {
        let seen = Seen {
            taps: &self.taps,
            looks: &self.looks,
            ..Seen::default()
        };
        audit(&self.country, &seen, &self.observed, Strictness::AsPlanned)
    }

    /// That the auditor says this of a changed story.
    #[track_caller]
    fn noticed(&self, what: &str) {
        let findings = self.audit().findings;
        let mut differences = findings.iter().flat_map(|finding| &finding.differences);
        assert!(
            differences.any(|difference| difference.contains(what)),
            "{findings:?}"
        );
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tongtu-world-{}-{name}", std::process::id()));
    // Left by a process of the same number, perhaps.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn live(seed: u64, name: &str) -> Lived {
    let first = BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let country = Country::found(Seed(seed), SCALE, first).unwrap();
    let folder = folder(name);
    let hosted = hosting::host(&country, &folder).await.unwrap();
    let days = plan(&country, first, DAYS);
    let terminals = Terminals::local(&country, &hosted.clients).unwrap();
    let cards = CardSide::new(&country, &hosted.clients).unwrap();
    let faces = FaceSide::new(&country, &hosted.clients).unwrap();
    let mut drive = Drive::new(&country, &hosted.clients, terminals, Peace)
        .with_cards(cards)
        .with_faces(faces);
    let mut tick = || {};
    drive.prepare(first, &mut tick).await.unwrap();
    let mut settled = Vec::new();
    for day in &days {
        drive.live(day, &[], &mut tick).await.unwrap();
        drive.settle(day.day, &mut tick).await.unwrap();
        settled.push(day.day);
    }
    let last = days.last().unwrap();
    let extra = last.day.next();
    let taps = days.iter().map(|day| &day.taps[..]);
    let homecoming = plan_homecoming(&country, taps, extra);
    drive.catch_up(last, &homecoming, &mut tick).await.unwrap();
    drive.settle(extra, &mut tick).await.unwrap();
    settled.push(extra);
    let after = extra.next().start_in_china().plus_s(8 * 3600);
    let observed = drive.observe(&settled, after).await.unwrap();
    let taps = drive.taps().to_vec();
    let looks = drive.looks().to_vec();
    drop(drive);
    hosted.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
    Lived {
        country,
        taps,
        looks,
        observed,
    }
}

#[tokio::test]
async fn every_debit_of_a_card_is_settled_once_or_owed_back() {
    for seed in [1, 2] {
        let lived = live(seed, &format!("clean-{seed}")).await;
        let audit = lived.audit();
        assert!(audit.is_clean(), "seed {seed}: {:?}", audit.findings);
        let mishaps: BTreeSet<Mishap> = lived.taps.iter().map(|log| log.tap.mishap).collect();
        assert_eq!(mishaps.len(), 13 + 3 + 8, "{mishaps:?}");
        let owed: i64 = lived
            .observed
            .cards
            .iter()
            .filter_map(|card| card.issuer)
            .map(|issuer| issuer.refund_due.get())
            .sum();
        assert!(owed > 0, "somebody was charged twice for one ride");
    }
}

#[tokio::test]
async fn the_same_seed_lives_the_same_days() {
    let (a, b) = (live(3, "same-a").await, live(3, "same-b").await);
    assert_eq!(a.taps, b.taps);
    assert_eq!(a.observed, b.observed);
}

#[tokio::test]
async fn the_auditor_notices_a_fen_too_much_anywhere() {
    let mut lived = live(1, "noticed").await;
    assert!(lived.audit().is_clean());
    let fen = Fen::new(1);
    let more = |amount: &mut Fen| *amount = amount.checked_add(fen).unwrap();
    let less = |amount: &mut Fen| *amount = amount.checked_sub(fen).unwrap();

    let paying = lived.taps.iter().position(|log| log.debit.get() > 0);
    let paying = paying.unwrap();
    more(&mut lived.taps[paying].debit);
    lived.noticed("the card paid");
    less(&mut lived.taps[paying].debit);

    let rides = lived.observed.card_rides.values_mut().flatten();
    let ride = rides.last().unwrap();
    let ride_before = ride.clone();
    more(&mut ride.amount);
    lived.noticed("unmatched");
    *lived
        .observed
        .card_rides
        .values_mut()
        .flatten()
        .last()
        .unwrap() = ride_before;

    more(&mut lived.observed.cards[0].balance);
    lived.noticed("on the card, expected");
    less(&mut lived.observed.cards[0].balance);

    let issuer = lived.observed.cards[0].issuer.as_mut().unwrap();
    more(&mut issuer.refund_due);
    lived.noticed("the issuer believes");
    less(&mut lived.observed.cards[0].issuer.as_mut().unwrap().refund_due);

    let charged = lived.observed.card_debits.values_mut().next().unwrap();
    let twice = charged.iter().find(|ride| !ride.amount.is_zero()).unwrap();
    let twice = twice.clone();
    charged.push(twice);
    lived.noticed("charged twice");
    lived
        .observed
        .card_debits
        .values_mut()
        .next()
        .unwrap()
        .pop();

    let audit = lived.audit();
    assert!(audit.is_clean(), "{:?}", audit.findings);
}

#[tokio::test]
async fn a_card_reported_lost_in_the_morning_is_refused_at_noon_and_a_found_one_is_not() {
    let lived = live(4, "lost").await;
    let said = |flaw: Flaw| -> Vec<Vec<Option<Say>>> {
        let mut of: BTreeMap<usize, Vec<Option<Say>>> = BTreeMap::new();
        let first_day = |log: &&TapLog| log.tap.at.china().day == lived.taps[0].tap.at.china().day;
        for log in lived.taps.iter().filter(first_day) {
            if log.tap.mishap == Mishap::Card(flaw) {
                of.entry(log.tap.holder).or_default().push(log.say);
            }
        }
        of.into_values().collect()
    };
    let lost = [Say::Paid, Say::SeeIssuer, Say::SeeIssuer]
        .map(Some)
        .to_vec();
    assert_eq!(said(Flaw::Lost), [lost.clone(), lost], "two cards");
    assert_eq!(said(Flaw::Found), [[Some(Say::Paid)]], "one card");

    // And nothing was refused at upload but the module of the one city in the other's workshop.
    let refused = &lived.observed.refused_uploads;
    let [beijing, guangzhou] = CITIES.map(|city| refused[&city].join("; "));
    assert_eq!(beijing, "");
    assert!(
        guangzhou.contains("581099000001 takes no money with PSAM 54545454581099000001")
            && guangzhou.contains("it was given to 01341000"),
        "{guangzhou}"
    );
    assert_eq!(refused[&CITIES[1]].len(), 1, "{guangzhou}");
}

#[tokio::test]
async fn who_withdraws_at_noon_rides_by_face_in_the_morning_and_never_again() {
    let mut lived = live(5, "withdrawn").await;
    let looks = lived.looks.iter().filter(|log| log.look.rider == 0);
    let passed: Vec<bool> = looks.map(|log| log.went_on).collect();
    assert_eq!(passed, [true, false, false]);
    let faces = &lived.observed.faces;
    assert!(faces[0].held == 0 && faces[0].forgotten > 0, "{faces:?}");
    assert!(faces[1].held > 0 && faces[1].forgotten == 0, "{faces:?}");

    // And the auditor would see it otherwise.
    lived.observed.faces[0].held = 1;
    lived.noticed("expected 0 that have the face");
    lived.observed.faces[0].held = 0;
    let fen = Fen::new(1);
    let balance = lived.observed.faces[1].balance;
    lived.observed.faces[1].balance = balance.checked_add(fen).unwrap();
    lived.noticed("balance");
    lived.observed.faces[1].balance = balance;
    let refused = lived.looks.iter().position(|log| !log.went_on).unwrap();
    lived.looks[refused].went_on = true;
    lived.noticed("went on: true");
    lived.looks[refused].went_on = false;
    let debits = lived.observed.face_debits.values_mut();
    let paid = debits.flatten().find(|ride| !ride.amount.is_zero());
    paid.unwrap().amount = fen;
    lived.noticed("debited without need");
}

#[tokio::test]
async fn the_report_explains_a_fare_of_every_kind() {
    let lived = live(1, "fares").await;
    let audit = lived.audit();
    let story = Story {
        country: &lived.country,
        days: &[],
        logs: &[],
        taps: &lived.taps,
        looks: &lived.looks,
        observed: &lived.observed,
        audit: &audit,
        files: &[],
        symbols: &[],
    };
    let rows = story.fares(Lang::En).rows;
    let reasons: Vec<&String> = rows.iter().filter_map(|row| row.last()).collect();
    for kind in [
        "Card on buses 50%",
        "Students half fare 50%",
        "Free for elders",
        "Demo transfer from a bus (",
        "Demo transfer from the metro (",
        "Metro by the month (",
        "By the month (",
        "Demo cap of a day (",
        "min exceed the 240 min allowed",
    ] {
        assert!(reasons.iter().any(|why| why.contains(kind)), "{kind}");
    }
}

#[tokio::test]
async fn the_auditor_notices_whoever_was_let_on_without_green() {
    let mut lived = live(1, "green").await;
    let refused = lived
        .taps
        .iter()
        .position(|log| !log.went_on && log.say.is_some());
    lived.taps[refused.unwrap()].went_on = true;
    lived.noticed("went on: true");
}

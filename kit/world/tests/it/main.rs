//! The country lives a day in this process; and the auditor is shown false books.
#![allow(missing_docs, clippy::unwrap_used)]

mod cards;
mod keys;
mod published;

use std::path::PathBuf;

use tongtu_terminal::Light;
use tongtu_types::{BusinessDay, Fen, FenE7};
use tongtu_world::audit::{Audit, Seen, Strictness, audit};
use tongtu_world::country::{CITIES, Scale};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::log::{Observed, ObservedChain, RideState, ScanLog};
use tongtu_world::plan::{Trick, plan};
use tongtu_world::terminals::Terminals;
use tongtu_world::{Country, Seed, hosting};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tongtu-world-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Lived {
    country: Country,
    logs: Vec<ScanLog>,
    observed: Observed,
    files: Vec<(String, Vec<u8>)>,
}

impl Lived {
    fn audit(&self) -> Audit {
        audit(
            &self.country,
            &Seen {
                scans: &self.logs,
                ..Seen::default()
            },
            &self.observed,
            Strictness::AsPlanned,
        )
    }
}

fn first_day() -> BusinessDay {
    BusinessDay::from_ymd(2026, 3, 2).unwrap()
}

async fn live(name: &str, seed: u64, riders: usize, days: u32) -> Lived {
    let scratch = Scratch::new(name);
    let scale = Scale {
        riders,
        cards: 0,
        cash: 0,
        faces: 0,
        ..Scale::demo(0)
    };
    let country = Country::found(Seed(seed), scale, first_day()).unwrap();
    let days = plan(&country, first_day(), days);
    let hosted = hosting::host(&country, &scratch.0).await.unwrap();
    let terminals = Terminals::local(&country, &hosted.clients).unwrap();
    let mut drive = Drive::new(&country, &hosted.clients, terminals, Peace);
    drive.prepare(first_day(), &mut || {}).await.unwrap();
    let mut settled = Vec::new();
    let mut late: &[usize] = &[];
    for day in &days {
        drive.live(day, late, &mut || {}).await.unwrap();
        drive.settle(day.day, &mut || {}).await.unwrap();
        settled.push(day.day);
        late = &day.late_posts;
    }
    let last = days.last().unwrap();
    drive.catch_up(last, &[], &mut || {}).await.unwrap();
    drive.settle(last.day.next(), &mut || {}).await.unwrap();
    settled.push(last.day.next());
    let after = last.day.next().next().start_in_china().plus_s(8 * 3600);
    let observed = drive.observe(&settled, after).await.unwrap();
    let logs = std::mem::take(&mut drive.logs);
    let mut files = Vec::new();
    for client in &hosted.clients {
        let client = client.at(after);
        for file in client.files_made().await.unwrap() {
            let receiver = file.receiver.parse().unwrap();
            let name = file.name.parse().unwrap();
            let (bytes, _) = client.file_read(receiver, &name).await.unwrap();
            files.push((format!("{}/{}", file.receiver, file.name), bytes));
        }
    }
    hosted.stop().await;
    Lived {
        country,
        logs,
        observed,
        files,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_the_country_is_clean() {
    let lived = live("clean", 3, 150, 1).await;
    let audit = lived.audit();
    let differences: Vec<_> = audit.findings.iter().flat_map(|f| &f.differences).collect();
    assert_eq!(differences, Vec::<&String>::new());
    assert!(
        audit.settled > 100 && audit.reused > 0 && audit.evidence > 0,
        "{audit:?}"
    );
    // Every trick of the plan was played.
    for trick in Trick::DEALT {
        assert!(
            lived.logs.iter().any(|log| log.scan.trick == trick),
            "{trick:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_files_and_another_does_not() {
    let (first, second) = (
        live("same-1", 5, 40, 2).await,
        live("same-2", 5, 40, 2).await,
    );
    assert!(first.audit().is_clean(), "{:?}", first.audit());
    assert!(first.files.len() > 10);
    assert_eq!(first.files, second.files);
    assert_eq!(first.observed, second.observed);
    let third = live("other", 6, 40, 2).await;
    assert_ne!(first.files, third.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditor_sees_through_false_books() {
    let mut lived = live("false", 7, 60, 1).await;
    assert!(lived.audit().is_clean());
    let honest = lived.observed.clone();
    let mut falsify = |what: &str, spoil: &dyn Fn(&mut Observed)| {
        lived.observed = honest.clone();
        spoil(&mut lived.observed);
        assert_ne!(lived.observed, honest, "{what}");
        assert!(!lived.audit().is_clean(), "{what}");
    };
    let city = CITIES[0];
    falsify("a ride lost", &|o| {
        o.rides.get_mut(&city).unwrap().pop();
    });
    falsify("a ride kept twice", &|o| {
        let rides = o.rides.get_mut(&city).unwrap();
        rides.push(rides[0].clone());
    });
    falsify("a ride never settled", &|o| {
        let rides = o.rides.get_mut(&city).unwrap();
        rides
            .iter_mut()
            .find(|r| r.state == RideState::Settled)
            .unwrap()
            .state = RideState::Stored;
    });
    falsify("a reused code settled", &|o| {
        for rides in o.rides.values_mut() {
            for ride in rides.iter_mut().filter(|r| r.state == RideState::Refused) {
                (ride.state, ride.result) = (RideState::Settled, 0);
            }
        }
    });
    falsify("a rider debited twice", &|o| {
        let debits = o.debits.get_mut(&city).unwrap();
        debits.push(debits[0]);
    });
    falsify("a rider never debited", &|o| {
        o.debits.get_mut(&city).unwrap().pop();
    });
    falsify("a balance one fen off", &|o| {
        o.balances[3] = o.balances[3].checked_add(Fen::new(1)).unwrap();
    });
    falsify("a net position one fen off", &|o| {
        let day = o
            .days
            .iter_mut()
            .find(|d| d.node == 0 && !d.positions.is_empty())
            .unwrap();
        day.positions[0].net = day.positions[0].net.checked_add(Fen::new(1)).unwrap();
    });
    falsify("a province that hands on one fen less", &|o| {
        let day = o
            .days
            .iter_mut()
            .find(|d| d.node == 1 && !d.positions.is_empty())
            .unwrap();
        day.positions[0].net = day.positions[0].net.checked_sub(Fen::new(1)).unwrap();
    });
    falsify("a hub that keeps a fee nobody owes", &|o| {
        let day = o.days.iter_mut().find(|d| d.node == 1).unwrap();
        day.hub_fee = day.hub_fee.checked_add(FenE7::new(1)).unwrap();
    });
    falsify("a ledger that does not sum to zero", &|o| {
        o.ledgers.get_mut(&1).unwrap().push(1);
    });
    lived.observed = honest;
    assert!(lived.audit().is_clean());
    let refused = lived.logs.iter().position(|log| !log.went_on).unwrap();
    lived.logs[refused].went_on = true;
    assert!(!lived.audit().is_clean(), "let on under a red light");
    lived.logs[refused].went_on = false;
    let shown = lived.logs[refused].shown.as_mut().unwrap();
    shown.light = Light::Green;
    assert!(!lived.audit().is_clean(), "a green light for the refused");
}

#[tokio::test]
async fn the_auditor_sees_a_chain_with_a_gap_a_fault_or_another_end() {
    let lived = live("chains", 11, 20, 1).await;
    let city = CITIES[0];
    assert!(lived.observed.chains[&city].len() > 1);
    type Spoil = fn(&mut ObservedChain);
    let spoilt: [Spoil; 4] = [
        |chain| chain.missing = Some((2, 2)),
        |chain| chain.waiting = 1,
        |chain| chain.faults.push("2: forked".to_owned()),
        |chain| chain.tip += 1,
    ];
    for spoil in spoilt {
        let mut observed = lived.observed.clone();
        spoil(&mut observed.chains.get_mut(&city).unwrap()[0]);
        let seen = Seen {
            scans: &lived.logs,
            ..Seen::default()
        };
        let audit = audit(&lived.country, &seen, &observed, Strictness::AsPlanned);
        assert!(!audit.is_clean());
    }
}

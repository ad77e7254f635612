//! Papers come down from the node above and notes of keys go up to it, whatever happens between.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use tongtu_audit::{AnchorKeys, AuditLine, UseReader, verify};
use tongtu_http::client::Client;
use tongtu_http::courier::{CourierError, carry};
use tongtu_ride_code::{RevocationError, RevocationList, Root};
use tongtu_services::{Edition, Keeper, Paper, PaperFault};
use tongtu_types::Timestamp;

use crate::country::{
    Country, Rider, Served, T0, beijing, guangzhou, key, link, nation, status_of,
};
use crate::cutter::Cutter;

/// Keeps papers of the form `good VERSION …`, in memory.
#[derive(Debug)]
struct Shelf(Mutex<Option<Edition>>);

impl Shelf {
    fn with(bytes: &[u8]) -> Arc<Self> {
        let shelf = Self(Mutex::new(None));
        shelf.take(bytes).unwrap();
        Arc::new(shelf)
    }

    fn version(&self) -> u64 {
        self.in_force().unwrap().version
    }
}

impl Keeper for Shelf {
    fn in_force(&self) -> Option<Edition> {
        self.0.lock().unwrap().clone()
    }

    fn take(&self, bytes: &[u8]) -> Result<Edition, PaperFault> {
        let paper = Paper::KeyBook;
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let version = text
            .strip_prefix("good ")
            .filter(|text| text.ends_with(" end"))
            .and_then(|text| text.split(' ').next()?.parse().ok());
        let offered = version.ok_or_else(|| PaperFault::Broken {
            paper,
            source: Box::new(io::Error::other("not good")),
        })?;
        let mut held = self.0.lock().unwrap();
        if let Some(held) = held.as_ref().filter(|held| offered <= held.version) {
            return Err(PaperFault::NotNewer {
                paper,
                offered,
                held: held.version,
            });
        }
        let edition = Edition {
            version: offered,
            made_at: T0,
            bytes: bytes.into(),
        };
        *held = Some(edition.clone());
        Ok(edition)
    }
}

/// Whatever it was given, unlooked at: a node above that is wrong.
#[derive(Debug)]
struct Forger(Edition);

impl Keeper for Forger {
    fn in_force(&self) -> Option<Edition> {
        Some(self.0.clone())
    }

    fn take(&self, _: &[u8]) -> Result<Edition, PaperFault> {
        Ok(self.0.clone())
    }
}

fn paper(version: u64, len: usize) -> Vec<u8> {
    format!("good {version} {} end", "x".repeat(len)).into_bytes()
}

/// Beijing's client of the node at `url`.
fn above(url: &str) -> Client {
    Client::new(url).acting_as(link(beijing()), nation())
}

async fn both() -> (Served, Served) {
    let country = Country::new();
    (country.nation().await, country.beijing(None).await)
}

async fn alarms(served: &Served, code: &str) -> usize {
    let alarms = served.node.alarms().await.unwrap();
    alarms.iter().filter(|alarm| alarm.code == code).count()
}

#[tokio::test]
async fn a_newer_paper_comes_down_once_and_what_is_shown_says_so() {
    let (up, down) = both().await;
    let there = Shelf::with(&paper(7, 40_000));
    up.node.paper_kept_by(Paper::KeyBook, there);
    let here = Shelf::with(&paper(5, 9));
    down.node.paper_kept_by(Paper::KeyBook, here.clone());
    let report = carry(&down.node, &above(&up.url), T0).await;
    assert_eq!(report.papers, [(Paper::KeyBook, 7)]);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(&*here.in_force().unwrap().bytes, paper(7, 40_000));
    let report = carry(&down.node, &above(&up.url), T0).await;
    assert_eq!(report.papers, []);
    let shown = down.client.at(T0.plus_s(60)).health().await.unwrap();
    let shown = &shown.papers[0];
    assert_eq!((shown.paper.as_str(), shown.version), ("key-book", 7));
    assert_eq!(shown.age_s, Some(60));
}

#[tokio::test]
async fn a_line_cut_at_any_byte_leaves_the_old_paper_or_the_new_one() {
    let (up, down) = both().await;
    up.node
        .paper_kept_by(Paper::KeyBook, Shelf::with(&paper(7, 6000)));
    let (mut old, mut new) = (0, 0);
    for bytes in (0..14_000).step_by(350) {
        let here = Shelf::with(&paper(5, 9));
        down.node.paper_kept_by(Paper::KeyBook, here.clone());
        let cutter = Cutter::new(&up.url, bytes).await;
        let report = carry(&down.node, &above(&cutter.url), T0).await;
        let held = here.in_force().unwrap();
        match held.version {
            5 => {
                old += 1;
                assert_eq!(&*held.bytes, paper(5, 9));
                assert!(!report.problems.is_empty(), "{bytes}");
            }
            7 => {
                new += 1;
                assert_eq!(&*held.bytes, paper(7, 6000));
            }
            other => panic!("version {other} after {bytes} bytes"),
        }
    }
    assert!(old > 0 && new > 0, "{old} cut off, {new} whole");
    // Nobody is told of a line that broke as of a paper that does not hold.
    assert_eq!(alarms(&down, "papers.broken").await, 0);
}

#[tokio::test]
async fn while_the_node_above_is_away_what_is_in_force_stays_in_force() {
    let (up, down) = both().await;
    up.node
        .paper_kept_by(Paper::KeyBook, Shelf::with(&paper(7, 9)));
    let here = Shelf::with(&paper(5, 9));
    down.node.paper_kept_by(Paper::KeyBook, here.clone());
    let away = Cutter::new(&up.url, 0).await;
    let report = carry(&down.node, &above(&away.url), T0).await;
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].code(), "client.unreachable");
    assert_eq!(here.version(), 5);
    carry(&down.node, &above(&up.url), T0).await;
    assert_eq!(here.version(), 7);
}

#[tokio::test]
async fn an_older_paper_above_is_told_of_and_not_taken() {
    let (up, down) = both().await;
    up.node
        .paper_kept_by(Paper::KeyBook, Shelf::with(&paper(4, 9)));
    let here = Shelf::with(&paper(5, 9));
    down.node.paper_kept_by(Paper::KeyBook, here.clone());
    for _ in 0..2 {
        let report = carry(&down.node, &above(&up.url), T0).await;
        let older = matches!(
            report.problems[..],
            [CourierError::Older {
                offered: 4,
                held: 5,
                ..
            }]
        );
        assert!(older, "{:?}", report.problems);
    }
    assert_eq!(here.version(), 5);
    assert_eq!(alarms(&down, "papers.not_newer").await, 1);
}

#[tokio::test]
async fn a_paper_that_does_not_hold_is_told_of_once_and_not_taken() {
    let (up, down) = both().await;
    let forged = Edition {
        version: 9,
        made_at: T0,
        bytes: b"bad 9 end".as_slice().into(),
    };
    up.node
        .paper_kept_by(Paper::KeyBook, Arc::new(Forger(forged)));
    let here = Shelf::with(&paper(5, 9));
    down.node.paper_kept_by(Paper::KeyBook, here.clone());
    for _ in 0..2 {
        let report = carry(&down.node, &above(&up.url), T0).await;
        assert_eq!(report.problems[0].code(), "papers.broken");
    }
    assert_eq!(here.version(), 5);
    assert_eq!(alarms(&down, "papers.broken").await, 1);
}

/// The list of the country's root.
fn revocations(version: u64) -> Vec<u8> {
    let root = Root::self_sign(2, "1240".parse().unwrap(), &key("root")).unwrap();
    let list = RevocationList {
        ca_index: 2,
        version,
        issued_at: T0,
        root_ended_at: None,
        revoked: BTreeMap::from([((guangzhou(), [0, 0, 9]), T0)]),
    };
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(key("root").sign(bytes));
    list.sign_with(&root, sign).unwrap()
}

#[tokio::test]
async fn revocation_lists_come_down_and_an_older_one_does_not() {
    let (up, down) = both().await;
    let paper = Paper::Revocations { ca_index: 2 };
    up.node.revocations_take(&revocations(4), T0).await.unwrap();
    let report = carry(&down.node, &above(&up.url), T0).await;
    assert_eq!(report.papers, [(paper, 4)]);
    down.node
        .revocations_take(&revocations(6), T0)
        .await
        .unwrap();
    let report = carry(&down.node, &above(&up.url), T0).await;
    assert_eq!(report.papers, []);
    assert_eq!(report.problems[0].code(), "papers.not_newer");
    assert_eq!(down.node.paper(paper).await.unwrap().version, 6);
    // Whoever it came from.
    let mut forged = revocations(7);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let error = down.node.paper_take(paper, forged, T0).await.unwrap_err();
    assert_eq!(error.code(), "papers.broken");
    assert_eq!(alarms(&down, "papers.broken").await, 1);
}

/// Lets Beijing use a key, so that there is a note.
async fn used(city: &Served, account: &str, at: Timestamp) {
    let rider = Rider::enrolled(account, city).await;
    city.node
        .user_certificate_issue(rider.account, at)
        .await
        .unwrap();
}

#[tokio::test]
async fn notes_of_keys_go_up_once_though_the_line_is_cut_at_any_byte() {
    let (up, down) = both().await;
    let (mut broken, mut days) = (0, 0);
    for bytes in (0..6000).step_by(300) {
        days += 1;
        used(&down, "3104100000000000017", T0.plus_s(days * 86_400)).await;
        let cutter = Cutter::new(&up.url, bytes).await;
        let report = carry(&down.node, &above(&cutter.url), T0).await;
        broken += usize::from(!report.problems.is_empty());
    }
    assert!(broken > 0);
    let report = carry(&down.node, &above(&up.url), T0).await;
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(down.node.key_reports_waiting().await.unwrap(), []);
    // One for each day, and the first use at the enrolment.
    let mut there = up.node.key_reports().await.unwrap();
    let mut here = down.node.key_reports().await.unwrap();
    assert!(here.len() as i64 >= days, "{here:?}");
    there.sort_by_key(|report| report.id());
    here.sort_by_key(|report| report.id());
    assert_eq!(there, here);
}

#[tokio::test]
async fn nobody_brings_notes_in_the_name_of_another() {
    let (up, down) = both().await;
    used(&down, "3104100000000000017", T0).await;
    let client = up.neighbour(guangzhou());
    let error = client.key_notes_bring(beijing(), Vec::new()).await;
    assert_eq!(status_of(&error.unwrap_err()), (403, "caller.not_allowed"));
    let reports = down.node.key_reports_waiting().await.unwrap();
    let body = |report: &tongtu_services::KeyReport| {
        let (key, purpose, usage, ground) = report.numbers();
        tongtu_api::KeyNote {
            institution: report.institution.as_str().into(),
            key,
            city: report.note.asked.city.to_string(),
            purpose,
            usage,
            ground,
            at_s: report.note.at.get(),
        }
    };
    let notes = reports.iter().map(body).collect();
    let error = client.key_notes_bring(guangzhou(), notes).await;
    assert_eq!(
        status_of(&error.unwrap_err()),
        (422, "node.key_report_other")
    );
    assert_eq!(up.node.key_reports().await.unwrap(), []);
}

#[tokio::test]
async fn an_auditor_reads_what_keys_were_used_for_and_an_operator_does_not() {
    let (_up, down) = both().await;
    used(&down, "3104100000000000017", T0).await;
    let after = T0.plus_s(tongtu_services::keys::OPEN_S);
    used(&down, "3104100000000000025", after).await;
    let client = down.called("AU-1");
    let uses = client.key_uses(0).await.unwrap();
    let mut reader = UseReader::new();
    let lines = uses.lines.iter().flat_map(|line| line.line.0.clone());
    let lines: Vec<u8> = lines.collect();
    verify(&lines, &[], &AnchorKeys::new()).unwrap();
    for line in &uses.lines {
        let read = AuditLine::decode(&line.line.0).unwrap();
        reader.take(&read, &line.said.0).unwrap();
    }
    let found = reader.finish(&[]).unwrap();
    // Riders get a certificate when they come; the last one opened the key anew.
    assert_eq!((found.opened, found.uses, found.open.len()), (2, 3, 1));
    let more = client.key_uses(2).await.unwrap();
    assert_eq!(more.lines, uses.lines[2..]);
    let error = down.called("OP-1").key_uses(0).await.unwrap_err();
    assert_eq!(status_of(&error), (403, "caller.not_allowed"));
}

//! Lists over a line that breaks, lies and goes back.

use tongtu_blacklist::{BlacklistError, ListedNumber, Span};
use tongtu_door::{Door, DoorError, PartKeeper};
use tongtu_http::client::{Client, ClientError};
use tongtu_journal::{PartStore, SimMedium, Survival};
use tongtu_terminal::ListError;
use tongtu_types::{CardNumber, Timestamp};

use crate::line::{Fault, Line};
use crate::{Bench, POST};

/// The beginning of a file on a device whose power fails.
struct SimPart(PartStore<SimMedium>);

impl SimPart {
    fn on(medium: &SimMedium) -> Box<Self> {
        Box::new(Self(PartStore::open(medium.clone()).unwrap()))
    }
}

impl PartKeeper for SimPart {
    fn begun(&self) -> Option<(Vec<u8>, u64)> {
        Some((self.0.label()?.to_vec(), self.0.len()))
    }

    fn begin(&mut self, label: &[u8]) -> std::io::Result<()> {
        self.0.begin(label)
    }

    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.push(bytes)
    }

    fn load(&self) -> std::io::Result<Vec<u8>> {
        self.0.load()
    }

    fn clear(&mut self) -> std::io::Result<()> {
        self.0.clear()
    }
}

fn one(n: u32) -> Span {
    let number = CardNumber::parse(&format!("310410009999{n:07}")).unwrap();
    Span::single(ListedNumber::of(&number))
}

async fn list(acquirer: &Client, listed: &[Span], removed: &[Span]) -> u64 {
    let changed = acquirer.card_blacklist_change(listed, removed).await;
    changed.unwrap()
}

fn holds(door: &Door, n: u32) -> bool {
    let held = door.held().unwrap();
    held.card_blacklist().contains(one(n).low())
}

/// A door at the end of a line, with the node's lists.
async fn door_at(bench: &Bench, line: &Line) -> Door {
    let door = bench.door(&SimMedium::new(), Client::new(&line.url));
    door.refresh_lists(bench.now).await.unwrap();
    door
}

fn is_broken(error: &DoorError) -> bool {
    matches!(
        error,
        DoorError::Acquirer(ClientError::Unreachable { .. }) | DoorError::Length { .. }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_blacklist_cut_at_any_byte_is_fetched_from_there_on() {
    let bench = Bench::new("cut-cards").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    list(&acquirer, &[one(1), one(2), one(3)], &[]).await;
    let file = acquirer.card_blacklist_current(0).await.unwrap().unwrap();
    line.set(Fault::default());
    // A beginning of which nobody has the end is no list, however long it is.
    let answer_len = 400 + file.len();
    let mut resumed = 0;
    for cut in 0..answer_len {
        let door = door_at(&bench, &line).await;
        line.set(Fault {
            cut: Some(cut),
            ..Fault::default()
        });
        match door.refresh_card_blacklist(bench.now).await {
            Ok(1) => break,
            Ok(other) => panic!("version {other} at {cut}"),
            Err(error) => assert!(is_broken(&error), "{cut}: {error}"),
        }
        assert!(!holds(&door, 1));
        line.set(Fault::default());
        assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 1);
        assert!(holds(&door, 1) && holds(&door, 3) && !holds(&door, 4));
        if let (206, len) = line.carried()[0] {
            assert!(len < file.len());
            resumed += 1;
        }
    }
    // Of the file's bytes, every one but the first was once the first that was missing.
    assert_eq!(resumed, file.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_cut_at_any_byte_is_fetched_from_there_on() {
    let bench = Bench::new("cut-bundle").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    let first = acquirer.lists_current(0).await.unwrap().unwrap();
    for cut in (0..first.len()).step_by(97) {
        let door = bench.door(&SimMedium::new(), Client::new(&line.url));
        line.set(Fault {
            cut: Some(cut + 500),
            ..Fault::default()
        });
        if door.refresh_lists(bench.now).await.is_ok() {
            continue;
        }
        assert!(door.has_no_lists(bench.now), "cut at {cut}");
        line.set(Fault::default());
        assert_eq!(door.refresh_lists(bench.now).await.unwrap(), 1);
        let (status, len) = line.carried()[0];
        assert_eq!((status, len < first.len()), (206, true), "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_after_a_power_cut_though_the_list_went_on_meanwhile() {
    let bench = Bench::new("power").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    let many: Vec<Span> = (0..400).map(|n| one(2 * n)).collect();
    list(&acquirer, &many, &[]).await;
    let full = acquirer.card_blacklist_current(0).await.unwrap().unwrap();
    let medium = SimMedium::new();
    let door = door_at(&bench, &line).await;
    let door = door.with_parts(SimPart::on(&SimMedium::new()), SimPart::on(&medium));
    line.set(Fault {
        cut: Some(3000),
        ..Fault::default()
    });
    let error = door.refresh_card_blacklist(bench.now).await.unwrap_err();
    assert!(is_broken(&error), "{error}");
    drop(door);
    let medium = medium.reboot(&Survival::Everything);
    list(&acquirer, &[one(1)], &[one(0)]).await;
    line.set(Fault::default());
    let door = door_at(&bench, &line).await;
    let door = door.with_parts(SimPart::on(&SimMedium::new()), SimPart::on(&medium));
    line.set(Fault::default());
    assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 2);
    assert!(holds(&door, 1) && !holds(&door, 0) && holds(&door, 798));
    // The rest of the version that was begun, then what came after it, and then nothing.
    let carried = line.carried();
    let [(206, rest), (200, delta), (204, 0)] = carried[..] else {
        panic!("{carried:?}")
    };
    assert!(rest < full.len() - 2000 && delta < 300, "{carried:?}");
    // Nothing is left of it.
    let part = PartStore::open(medium).unwrap();
    assert_eq!(part.label(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_beginning_is_thrown_away_and_the_file_fetched_whole() {
    let bench = Bench::new("spoilt").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    list(&acquirer, &[one(1), one(2)], &[]).await;
    let file = acquirer.card_blacklist_current(0).await.unwrap().unwrap();
    let door = door_at(&bench, &line).await;
    line.set(Fault {
        cut: Some(400),
        bend: Some(20),
        ..Fault::default()
    });
    door.refresh_card_blacklist(bench.now).await.unwrap_err();
    line.set(Fault::default());
    assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 1);
    let carried = line.carried();
    assert_eq!(carried[0].0, 206, "{carried:?}");
    assert_eq!(carried[1], (200, file.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bent_byte_anywhere_leaves_the_list_held() {
    let bench = Bench::new("bent").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    let door = door_at(&bench, &line).await;
    list(&acquirer, &[one(1)], &[]).await;
    door.refresh_card_blacklist(bench.now).await.unwrap();
    list(&acquirer, &[one(2)], &[one(1)]).await;
    let delta = acquirer.card_blacklist_current(1).await.unwrap().unwrap();
    for at in 0..delta.len() {
        line.set(Fault {
            bend: Some(at),
            ..Fault::default()
        });
        let error = door.refresh_card_blacklist(bench.now).await.unwrap_err();
        let DoorError::CardBlacklist(fault) = error else {
            panic!("{at}: {error}")
        };
        let expected = match at {
            0..4 => fault == BlacklistError::Magic,
            4..202 => fault == BlacklistError::Signature,
            _ => matches!(
                fault,
                BlacklistError::Digest
                    | BlacklistError::Entry { .. }
                    | BlacklistError::Length { .. }
            ),
        };
        assert!(expected, "{at}: {fault}");
        assert!(holds(&door, 1) && !holds(&door, 2));
    }
    line.set(Fault::default());
    assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 2);
    // The bundle too.
    let before = door.refresh_lists(bench.now).await.unwrap();
    list(&acquirer, &[one(3)], &[]).await;
    for at in [0, 4, 30, 300] {
        line.set(Fault {
            bend: Some(at),
            ..Fault::default()
        });
        let error = door.refresh_lists(bench.now).await.unwrap_err();
        let expected = if at == 0 {
            ListError::Magic
        } else {
            ListError::Signature
        };
        assert!(
            matches!(&error, DoorError::Refused(fault) if *fault == expected),
            "{at}: {error}"
        );
    }
    line.set(Fault::default());
    assert_eq!(door.refresh_lists(bench.now).await.unwrap(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acquirer_that_was_set_back_takes_no_terminal_with_it() {
    let bench = Bench::new("back").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    let old_bundle = acquirer.lists_current(0).await.unwrap().unwrap();
    list(&acquirer, &[one(1)], &[]).await;
    let old_cards = acquirer.card_blacklist_current(0).await.unwrap().unwrap();
    list(&acquirer, &[one(2)], &[]).await;
    let door = door_at(&bench, &line).await;
    door.refresh_card_blacklist(bench.now).await.unwrap();
    let version = door.refresh_lists(bench.now).await.unwrap();
    let tag = |tag: &str| ("etag", format!("\"{tag}\""));
    let at = |version: u64| ("tongtu-version", version.to_string());
    let later = bench.now.plus_s(60);
    // It says that there is nothing newer than what is old here.
    line.set(Fault {
        instead: Some((204, vec![at(1)], vec![])),
        ..Fault::default()
    });
    let error = door.refresh_card_blacklist(later).await.unwrap_err();
    let DoorError::SetBack { newest, held, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((newest, held), (1, 2));
    let error = door.refresh_lists(later).await.unwrap_err();
    assert!(
        matches!(error, DoorError::SetBack { held, .. } if held == version),
        "{error}"
    );
    // It hands out what it signed earlier.
    line.set(Fault {
        instead: Some((200, vec![at(1), tag("a")], old_cards)),
        ..Fault::default()
    });
    let error = door.refresh_card_blacklist(later).await.unwrap_err();
    let older = BlacklistError::NotNewer {
        held: 2,
        offered: 1,
    };
    assert!(
        matches!(&error, DoorError::CardBlacklist(e) if *e == older),
        "{error}"
    );
    line.set(Fault {
        instead: Some((200, vec![at(1), tag("b")], old_bundle)),
        ..Fault::default()
    });
    let error = door.refresh_lists(later).await.unwrap_err();
    let older = |e: &ListError| matches!(e, ListError::NotNewer { offered: 1, .. });
    assert!(
        matches!(&error, DoorError::Refused(e) if older(e)),
        "{error}"
    );
    assert!(holds(&door, 1) && holds(&door, 2));
    line.set(Fault::default());
    assert_eq!(door.refresh_card_blacklist(later).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_current_is_not_sent() {
    let bench = Bench::new("current").await;
    let acquirer = bench.acquirer().at(bench.now);
    let line = Line::to(bench.acquirer().base_url()).await;
    list(&acquirer, &[one(1)], &[]).await;
    let door = door_at(&bench, &line).await;
    door.refresh_card_blacklist(bench.now).await.unwrap();
    line.set(Fault::default());
    door.refresh_lists(bench.now).await.unwrap();
    door.refresh_card_blacklist(bench.now).await.unwrap();
    assert_eq!(line.carried(), [(204, 0), (204, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_which_terminals_lag_and_since_when() {
    let bench = Bench::new("lag").await;
    let acquirer = bench.acquirer();
    let own = bench.country.posts[POST].number.as_str();
    let lags = async |now: Timestamp| {
        let view = acquirer.at(now).coverage_lagging().await.unwrap();
        let own = view.terminals.into_iter().find(|t| t.terminal == own);
        let lags = own.map(|own| own.lags).unwrap_or_default();
        let lags: Vec<_> = lags
            .into_iter()
            .map(|lag| (lag.list, lag.since_s))
            .collect();
        (view.in_force.version, view.in_force.card_blacklist, lags)
    };
    let door = bench.door(&SimMedium::new(), acquirer.clone());
    door.refresh_lists(bench.now).await.unwrap();
    assert_eq!(lags(bench.now).await, (1, 0, vec![]));
    let [second, third] = [60, 120].map(|s| bench.now.plus_s(s));
    list(&acquirer.at(second), &[one(1)], &[]).await;
    list(&acquirer.at(third), &[one(2)], &[]).await;
    use tongtu_api::ListKind::{Bundle, CardBlacklist};
    let (bundle, cards) = ((Bundle, third.get()), (CardBlacklist, second.get()));
    assert_eq!(lags(third).await, (3, 2, vec![bundle, cards]));
    door.refresh_lists(third).await.unwrap();
    assert_eq!(lags(third).await, (3, 2, vec![cards]));
    door.refresh_card_blacklist(third.plus_s(1)).await.unwrap();
    assert_eq!(lags(third).await, (3, 2, vec![]));
}

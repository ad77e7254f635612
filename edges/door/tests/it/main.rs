//! A terminal behind its door, over real HTTP, before a real acquirer's node.
#![allow(missing_docs, clippy::unwrap_used)]

mod clock;
mod faces;
mod line;
mod lists;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tongtu_api::RideRole;
use tongtu_blacklist::{Blacklist, ListedNumber, Span};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_config::{MODEL, SOFTWARE, terminal_id};
use tongtu_crypto::PublicKey;
use tongtu_door::{
    CardBlacklistKeeper, Door, DoorClient, DoorClientError, ListsKeeper, ScanBody, serve,
};
use tongtu_http::Clock;
use tongtu_http::client::Client;
use tongtu_journal::{FileBlacklist, Journal, Limits, SimMedium, Survival};
use tongtu_ride_code::UserCertificate;
use tongtu_ride_code::record::RideRecord;
use tongtu_terminal::{Profile, Setup};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, Timestamp};
use tongtu_world::callers;
use tongtu_world::country::{CITIES, NODES, Scale};
use tongtu_world::hosting::{self, Hosted};
use tongtu_world::terminals::terminal_post;
use tongtu_world::{Country, Seed};

struct Bench {
    country: Country,
    hosted: Hosted,
    certificate: UserCertificate,
    now: Timestamp,
    scratch: PathBuf,
    lists: SimLists,
}

/// Lists at rest that survive the door, or a device that forgets them.
#[derive(Clone, Default)]
struct SimLists {
    kept: Arc<Mutex<Option<Vec<u8>>>>,
    forgets: bool,
}

impl ListsKeeper for SimLists {
    fn load(&self) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.kept.lock().unwrap().clone().filter(|_| !self.forgets))
    }

    fn keep(&self, bundle: &[u8]) -> std::io::Result<()> {
        *self.kept.lock().unwrap() = Some(bundle.to_vec());
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

/// A bus terminal of Beijing, which is post 0.
const POST: usize = 0;

impl Bench {
    async fn new(name: &str) -> Self {
        let scratch =
            std::env::temp_dir().join(format!("tongtu-door-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).unwrap();
        let day = BusinessDay::from_ymd(2026, 3, 2).unwrap();
        let country = Country::found(Seed(1), Scale::village(2), day).unwrap();
        let hosted = hosting::host_plain(&country, &scratch).await.unwrap();
        let now = day.start_in_china().plus_s(9 * 3600);
        let client = hosted.clients[CITIES[0]].at(now);
        let post = &country.posts[POST];
        let key = country.terminal_key(post.number);
        client
            .terminal_register(post.number, post.serial, key.public())
            .await
            .unwrap();
        let rider = &country.riders[0];
        client
            .account_open(rider.account, country.user_key(0).public())
            .await
            .unwrap();
        client
            .account_recharge(rider.account, "r", Fen::new(5000))
            .await
            .unwrap();
        let certificate = client.user_certificate_issue(rider.account).await.unwrap();
        Self {
            country,
            hosted,
            certificate,
            now,
            scratch,
            lists: SimLists::default(),
        }
    }

    /// The same client in the terminal's name; another one each time.
    fn as_terminal(&self, client: &Client) -> Client {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let post = &self.country.posts[POST];
        let use_ = format!("test {}", NEXT.fetch_add(1, Ordering::Relaxed));
        callers::as_terminal(client, &self.country, post.city, post.number, &use_)
    }

    fn acquirer(&self) -> &Client {
        &self.hosted.clients[CITIES[0]]
    }

    fn door(&self, medium: &SimMedium, acquirer: Client) -> Door {
        let post = &self.country.posts[POST];
        let setup = Setup {
            profile: Profile {
                acquirer: NODES[post.city].institution().as_acquirer(),
                terminal: post.number,
                model: MODEL,
                terminal_id: terminal_id(post.number),
                software: SOFTWARE,
                serial: post.serial,
                post: terminal_post(&post.place),
            },
            policy: tongtu_ride_code::Policy::default(),
            list_key: self.country.list_key(post.city).clone(),
            sam: Box::new(self.country.terminal_key(post.number)),
        };
        let journal = Journal::recover(medium.clone(), Limits::default()).unwrap();
        let acquirer = self.as_terminal(&acquirer);
        Door::open(
            setup,
            Box::new(journal),
            acquirer,
            Some(Box::new(self.lists.clone())),
        )
        .unwrap()
    }

    fn code_at(&self, at: Timestamp) -> ScanBody {
        let code = self
            .certificate
            .ride_code(at, &self.country.user_key(0))
            .unwrap();
        ScanBody {
            code: hex_encode(code.as_bytes()),
            open_entry: None,
        }
    }

    async fn rides(&self) -> Vec<String> {
        let rides = self
            .acquirer()
            .at(self.now)
            .rides_view(RideRole::Acquirer)
            .await
            .unwrap();
        rides.into_iter().map(|r| r.record).collect()
    }
}

struct Served {
    client: DoorClient,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
    url: String,
}

impl Served {
    async fn new(door: Door) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, door, Clock::Simulated, async {
            let _ = stopped.await;
        }));
        Self {
            client: DoorClient::new(&url),
            stop,
            task,
            url,
        }
    }

    async fn stop(self) {
        drop(self.stop);
        drop(self.client);
        self.task.await.unwrap().unwrap();
    }
}

fn record_id(raw_hex: &str) -> String {
    RideRecord::decode(&hex_decode(raw_hex).unwrap())
        .unwrap()
        .id
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_accepted_told_uploaded_and_there_once() {
    let bench = Bench::new("accepted").await;
    let medium = SimMedium::new();
    let served = Served::new(bench.door(&medium, bench.acquirer().clone())).await;
    assert!(served.client.is_up().await);
    // No lists were fetched: the door fetches them before the first scan.
    let answer = served
        .client
        .scan(&bench.code_at(bench.now), bench.now)
        .await
        .unwrap();
    assert_eq!((answer.verdict.as_str(), answer.resumed), ("R00", false));
    assert_eq!(answer.display[1], "Welcome\nFare 2.00 yuan");
    served
        .client
        .told(answer.seq.unwrap(), bench.now)
        .await
        .unwrap();
    let again = served
        .client
        .scan(&bench.code_at(bench.now), bench.now.plus_s(9))
        .await
        .unwrap();
    assert_eq!((again.verdict.as_str(), again.record), ("R18", None));
    for acknowledged in [1, 0] {
        let uploaded = served.client.upload(bench.now.plus_s(60)).await.unwrap();
        assert_eq!((uploaded.acknowledged, uploaded.waiting), (acknowledged, 0));
    }
    assert_eq!(bench.rides().await, [record_id(&answer.record.unwrap())]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_carry_the_chain_and_a_journal_that_was_replaced_is_found_out() {
    let bench = Bench::new("chain").await;
    let chain = async || {
        let view = bench.acquirer().at(bench.now).chains_view().await.unwrap();
        let [chain] = &view.chains[..] else {
            panic!("{view:?}")
        };
        let faults = chain.faults.iter().map(|fault| fault.number).collect();
        (chain.tip, chain.missing, faults)
    };
    let ride = async |door: &Door, at: Timestamp| {
        door.refresh_lists(at).await.unwrap();
        let code = hex_decode(&bench.code_at(at).code).unwrap();
        let outcome = door.scan(&code, at, None);
        assert_eq!(outcome.verdict().code(), "R00");
        door.told(&outcome).unwrap();
        door.upload(at).await.unwrap()
    };
    let medium = SimMedium::new();
    let door = bench.door(&medium, bench.acquirer().clone());
    for n in 1..=2 {
        ride(&door, bench.now.plus_s(60 * n)).await;
        let tip = u64::try_from(n).unwrap();
        assert_eq!(chain().await, (tip, None, Vec::<u64>::new()));
    }
    drop(door);
    // Somebody put an empty memory in: its record 1 is not the one that came. It is kept.
    let door = bench.door(&SimMedium::new(), bench.acquirer().clone());
    let uploaded = ride(&door, bench.now.plus_s(600)).await;
    assert_eq!((uploaded.acknowledged, uploaded.waiting), (1, 0));
    assert_eq!(chain().await, (2, None, vec![1]));
    assert_eq!(bench.rides().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_with_the_power_is_given_again_after_the_restart() {
    let bench = Bench::new("resumed").await;
    let medium = SimMedium::new();
    let served = Served::new(bench.door(&medium, bench.acquirer().clone())).await;
    let code = bench.code_at(bench.now);
    let first = served.client.scan(&code, bench.now).await.unwrap();
    assert_eq!(first.verdict, "R00");
    // Nobody says `told`; the power goes.
    served.stop().await;
    let medium = medium.reboot(&Survival::Nothing);
    let served = Served::new(bench.door(&medium, bench.acquirer().clone())).await;
    let second = served
        .client
        .scan(&code, bench.now.plus_s(20))
        .await
        .unwrap();
    assert_eq!((second.verdict.as_str(), second.resumed), ("R00", true));
    assert_eq!(second.record, first.record);
    served
        .client
        .told(second.seq.unwrap(), bench.now.plus_s(20))
        .await
        .unwrap();
    let third = served
        .client
        .scan(&code, bench.now.plus_s(30))
        .await
        .unwrap();
    assert_eq!(third.verdict, "R18");
    served.client.upload(bench.now.plus_s(60)).await.unwrap();
    assert_eq!(bench.rides().await.len(), 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_while_the_acquirer_is_away() {
    let mut bench = Bench::new("away").await;
    bench.lists.forgets = true;
    let medium = SimMedium::new();
    let door = bench.door(&medium, bench.acquirer().clone());
    door.refresh_lists(bench.now).await.unwrap();
    let code = hex_decode(&bench.code_at(bench.now).code).unwrap();
    let outcome = door.scan(&code, bench.now, None);
    door.told(&outcome).unwrap();
    drop(door);
    // A port that nobody listens on any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let medium = medium.reboot(&Survival::Everything);
    let served = Served::new(bench.door(&medium, Client::new(&nowhere))).await;
    let error = served.client.upload(bench.now).await.unwrap_err();
    assert!(
        matches!(error, DoorClientError::Refused { status: 502, .. }),
        "{error}"
    );
    // Without lists nothing is accepted, and the door says so rather than failing.
    let refused = served
        .client
        .scan(&bench.code_at(bench.now), bench.now.plus_s(5))
        .await
        .unwrap();
    assert_eq!(refused.verdict, "R20");
    served.stop().await;
    let medium = medium.reboot(&Survival::Everything);
    let served = Served::new(bench.door(&medium, bench.acquirer().clone())).await;
    assert_eq!(
        served
            .client
            .upload(bench.now.plus_s(60))
            .await
            .unwrap()
            .acknowledged,
        1
    );
    assert_eq!(bench.rides().await.len(), 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_answered_with_what_was_expected() {
    let bench = Bench::new("bad").await;
    let served = Served::new(bench.door(&SimMedium::new(), bench.acquirer().clone())).await;
    let check = async |body: &ScanBody, words: &str| {
        let error = served.client.scan(body, bench.now).await.unwrap_err();
        let DoorClientError::Refused {
            status: 400,
            message,
        } = error
        else {
            panic!("{error}")
        };
        assert!(message.contains(words), "{message:?} lacks {words:?}");
    };
    let code = |text: &str| ScanBody {
        code: text.to_owned(),
        open_entry: None,
    };
    check(&code("81 0g"), "code: character 'g' at position 4").await;
    let mut body = code("81");
    body.open_entry = Some(tongtu_door::EntryBody {
        station: "0101".to_owned(),
        at_s: 0,
        record: "12".to_owned(),
    });
    check(&body, "open_entry.record").await;
    // Whatever is no ride code is a verdict, not an error.
    let answer = served
        .client
        .scan(&code("54585858"), bench.now)
        .await
        .unwrap();
    assert_eq!((answer.verdict.as_str(), answer.record), ("R01", None));
    let answer = served.client.scan(&code(""), bench.now).await.unwrap();
    assert_eq!(answer.verdict, "R01");
    let plain = tongtu_http::client::bare()
        .post(format!("{}/upload", served.url))
        .json(&());
    let answer = plain.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    assert!(answer.text().await.unwrap().contains("tongtu-now"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_restarted_without_its_acquirer_goes_on_with_the_lists_it_took() {
    let bench = Bench::new("offline").await;
    let medium = SimMedium::new();
    let door = bench.door(&medium, bench.acquirer().clone());
    let version = door.refresh_lists(bench.now).await.unwrap();
    // The acquirer knows who has its lists.
    let acquirer = bench.acquirer().at(bench.now);
    let coverage = acquirer.coverage_view().await.unwrap();
    let own = &coverage.terminals[0];
    assert_eq!(own.terminal, bench.country.posts[POST].number.as_str());
    assert_eq!(own.reported_at_s, Some(bench.now.get()));
    assert_eq!(own.version, version);
    drop(door);
    let medium = medium.reboot(&Survival::Nothing);
    let door = bench.door(&medium, Client::new("http://127.0.0.1:1"));
    assert!(!door.has_no_lists(bench.now));
    let code = hex_decode(&bench.code_at(bench.now).code).unwrap();
    let outcome = door.scan(&code, bench.now, None);
    assert_eq!(outcome.verdict().code(), "R00");
    // Lists that somebody edited at rest are left aside.
    let spoilt = bench.lists.load().unwrap().map(|mut bundle| {
        bundle[40] ^= 1;
        bundle
    });
    *bench.lists.kept.lock().unwrap() = spoilt;
    drop(door);
    let medium = medium.reboot(&Survival::Nothing);
    let door = bench.door(&medium, Client::new("http://127.0.0.1:1"));
    assert!(door.has_no_lists(bench.now));
    drop(door);
    // Online again, the same version is taken again.
    let medium = medium.reboot(&Survival::Nothing);
    let door = bench.door(&medium, bench.acquirer().clone());
    assert_eq!(door.refresh_lists(bench.now).await.unwrap(), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_does_not_wait_for_an_upload_that_hangs() {
    let bench = Bench::new("hangs").await;
    let medium = SimMedium::new();
    let door = bench.door(&medium, bench.acquirer().clone());
    door.refresh_lists(bench.now).await.unwrap();
    let code = hex_decode(&bench.code_at(bench.now).code).unwrap();
    let first = door.scan(&code, bench.now, None);
    door.told(&first).unwrap();
    drop(door);
    // Somebody takes the connection and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = Client::new(&format!("http://{}", silent.local_addr().unwrap()));
    let medium = medium.reboot(&Survival::Everything);
    let served = Served::new(bench.door(&medium, nowhere)).await;
    let client = served.client.clone();
    let at = bench.now;
    let upload = tokio::spawn(async move { client.upload(at).await });
    let connection = silent.accept().await.unwrap();
    let later = bench.now.plus_s(30);
    let body = bench.code_at(later);
    let scan = served.client.scan(&body, later);
    let answer = tokio::time::timeout(Duration::from_secs(20), scan)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.verdict, "R00");
    drop(connection);
    assert!(upload.await.unwrap().is_err());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_be_told_of_a_record_that_is_not_there() {
    let bench = Bench::new("told").await;
    let served = Served::new(bench.door(&SimMedium::new(), bench.acquirer().clone())).await;
    let error = served.client.told(999, bench.now).await.unwrap_err();
    let DoorClientError::Refused { status, message } = error else {
        panic!("{error}")
    };
    assert_eq!(status, 404);
    assert!(
        message.contains("door.unknown_record") && message.contains("999"),
        "{message}"
    );
    served.stop().await;
}

/// The files of the card blacklist in a folder, as the program keeps them.
struct Cards(FileBlacklist);

impl CardBlacklistKeeper for Cards {
    fn restore(
        &mut self,
        list_key: &PublicKey,
        acquirer: InstitutionCode,
    ) -> std::io::Result<Blacklist> {
        Ok(self.0.restore(list_key, acquirer)?.list)
    }

    fn keep_full(&mut self, file: &[u8]) -> std::io::Result<()> {
        let mut writer = self.0.begin_full(u64::try_from(file.len()).unwrap())?;
        writer.push(file)?;
        writer.commit()
    }

    fn keep_delta(&mut self, file: &[u8]) -> std::io::Result<()> {
        self.0.keep_delta(file)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_blacklist_is_fetched_kept_and_reported_and_a_restart_has_it_without_the_acquirer()
{
    let bench = Bench::new("cards").await;
    let medium = SimMedium::new();
    let keeper = || {
        let files = FileBlacklist::open_at(&bench.scratch.join("cards")).unwrap();
        Box::new(Cards(files)) as Box<dyn CardBlacklistKeeper>
    };
    let number =
        |n: u32| ListedNumber::of(&CardNumber::parse(&format!("310410009999{n:07}")).unwrap());
    let listed = |door: &Door| {
        let held = door.held().unwrap();
        let list = held.card_blacklist();
        assert_eq!(list.waiting(), 0, "compacted between taps");
        let on = [1, 2, 3].map(|n| list.contains(number(n)));
        (list.version(), on)
    };
    let acquirer = bench.acquirer().at(bench.now);
    let door = bench.door(&medium, bench.acquirer().clone());
    let door = door.with_card_blacklist(keeper()).unwrap();
    door.refresh_lists(bench.now).await.unwrap();
    assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 0);
    let one = [number(1), number(2)].map(Span::single);
    acquirer.card_blacklist_change(&one, &[]).await.unwrap();
    assert_eq!(door.refresh_card_blacklist(bench.now).await.unwrap(), 1);
    assert_eq!(listed(&door), (1, [true, true, false]));
    // A delta goes on from it.
    let (more, less) = ([Span::single(number(3))], [Span::single(number(2))]);
    acquirer.card_blacklist_change(&more, &less).await.unwrap();
    let later = bench.now.plus_s(600);
    assert_eq!(door.refresh_card_blacklist(later).await.unwrap(), 2);
    assert_eq!(door.refresh_card_blacklist(later).await.unwrap(), 2);
    assert_eq!(listed(&door), (2, [true, false, true]));
    let view = acquirer.coverage_view().await.unwrap();
    let reports = view
        .terminals
        .iter()
        .map(|seen| (seen.card_blacklist, seen.reported_at_s));
    assert!(
        reports.clone().any(|r| r == (2, Some(later.get()))),
        "{view:?}"
    );
    drop(door);
    // Nobody answers at this address.
    let nowhere = Client::new("http://127.0.0.1:9");
    let medium = medium.reboot(&Survival::Everything);
    let door = bench.door(&medium, nowhere);
    let door = door.with_card_blacklist(keeper()).unwrap();
    assert_eq!(listed(&door), (2, [true, false, true]));
    assert!(door.refresh_card_blacklist(later).await.is_err());
    assert_eq!(listed(&door), (2, [true, false, true]));
    drop(door);
    // A terminal whose deltas are gone goes on from the full one.
    std::fs::remove_file(bench.scratch.join("cards.deltas")).unwrap();
    let door = bench.door(&medium, bench.acquirer().clone());
    let door = door.with_card_blacklist(keeper()).unwrap();
    assert_eq!(listed(&door), (1, [true, true, false]));
    assert_eq!(door.refresh_card_blacklist(later).await.unwrap(), 2);
    assert_eq!(listed(&door), (2, [true, false, true]));
}

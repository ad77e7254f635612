//! `tongtu terminal tap`: one tap of a card at a test terminal.
//!
//! Here: what the terminal is made of (a folder with its journal, its soft PSAM and its key), and
//! the driver that joins it with a card in a file or a reader. What is said about a tap is in
//! `tapped.rs`; what a tap does is `tongtu_terminal::tap`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tongtu_card_file::CardFile;
use tongtu_config::{read_key, write_key};
use tongtu_crypto::SecretKey;
use tongtu_fare::{FareBook, Tariff};
use tongtu_journal::{FileJournal, Limits};
use tongtu_psam::Psam;
use tongtu_purse::city::CITIES;
use tongtu_purse::field::{City, Industry, Institution, Serial};
use tongtu_reader::{CardChannel, ReaderError};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_sam_pool::{PoolPsam, Timing};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    CardLink, CardTerminal, Circumstances, Gate, Lost, ModuleRule, PlainLists, Rules, Selection,
    Single, Snapshot, TapEnd, TapOutcome, TapPost, TapProfile, Task, Way, drive,
};
use tongtu_types::{CardNumber, LineCode, StationCode, Timestamp};

use super::tapped;
use crate::card::place::Place;
use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::{clock, fare, psam};

pub(crate) const HELP: &[Row] = &[
    (
        "terminal tap",
        "在测试终端上刷一次卡：付款、记录，并说明票价由来",
    ),
    ("terminal tap/state", "虚拟卡的文件，不经读卡器直接使用"),
    (
        "terminal tap/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "terminal tap/post",
        "终端所在：一票制公交、进站闸机、出站闸机",
    ),
    (
        "terminal tap/line",
        "票价规则中的线路或线网；默认为第一条一票制线路或第一个线网",
    ),
    ("terminal tap/station", "闸机所在的车站"),
    (
        "terminal tap/fares",
        "票价规则：文件、`-`，或随程序附带的名称",
    ),
    (
        "terminal tap/store",
        "终端的目录：记录、虚拟测试 PSAM、测试签名密钥；默认 terminal-bus、terminal-entry 或 terminal-exit",
    ),
    (
        "terminal tap/blacklist",
        "列入黑名单的卡号，可多次给出；刷到即锁卡",
    ),
    (
        "terminal tap/lose_answer",
        "模拟扣款后卡片过早拿开，随即再刷",
    ),
    (
        "terminal tap/psam",
        "PSAM 池的地址；不给时使用终端目录里的虚拟 PSAM",
    ),
    (
        "terminal tap/psam_client",
        "终端在该池的凭据文件，由 `tongtu psam admit` 写出",
    ),
    (
        "terminal tap/now",
        "刷卡时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "terminal tap#examples",
        "示例：
  tongtu terminal tap --state rider.card
  tongtu terminal tap --post entry --station 0101
  tongtu terminal tap --post exit --station 0107
  tongtu terminal tap --state rider.card --lose-answer

终端目录不存在时会新建：测试 PSAM 与测试签名密钥。记录先落盘再提示；过早拿开的卡片再刷时先
恢复，不重复扣款。未乘成的以退出码 1 结束。",
    ),
];

/// Where the terminal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PostArg {
    // No documentation comments here: clap would print them as help.
    Bus,
    Entry,
    Exit,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu terminal tap --state rider.card
  tongtu terminal tap --post entry --station 0101
  tongtu terminal tap --post exit --station 0107
  tongtu terminal tap --state rider.card --lose-answer

A folder that is not there is made, with a test PSAM and a test key that signs. A record is on the
disk before anything is said; a card that was pulled away too early is recovered when it comes
back, and not charged again. Who does not ride ends with exit code 1.")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Where the terminal stands: a bus of one fare, a gate in, a gate out
    #[arg(long, value_enum, default_value = "bus")]
    post: PostArg,
    /// The line or network in the fare book; by default its first
    #[arg(long, value_name = "CODE")]
    line: Option<LineCode>,
    /// The station of a gate
    #[arg(long, value_name = "CODE", default_value = "0101")]
    station: StationCode,
    /// The fare book: a file, `-`, or the name of one that comes with the program
    #[arg(long, value_name = "BOOK", default_value = "beijing")]
    fares: String,
    /// The terminal's folder with its records, soft PSAM and key; by default terminal-bus,
    /// terminal-entry or terminal-exit
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// A card number on the blacklist, and the card is locked; may be given several times
    #[arg(long, value_name = "NUMBER", value_parser = CardNumber::parse)]
    blacklist: Vec<CardNumber>,
    /// Pull the card away before it says that it paid, and tap again
    #[arg(long)]
    lose_answer: bool,
    /// Base URL of a pool of PSAMs; by default the soft PSAM in the terminal's folder
    #[arg(long, value_name = "URL", requires = "psam_client")]
    psam: Option<String>,
    /// The terminal's credential at that pool, as `tongtu psam admit` writes it
    #[arg(long, value_name = "FILE", requires = "psam")]
    psam_client: Option<PathBuf>,
    /// The moment of the tap: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let now = clock::now_or(args.now);
    let book = fare::book(&args.fares)?;
    let mut channel = args.place.open()?;
    let mut post = Post::open(args, book)?;
    let stale = post.terminal.close_stale(now, &mut post.store);
    let grey = stale.map_err(|error| no_store(&error))?;
    let mut said = tapped::Said::new(&post.store, grey);
    let mut card = Field {
        channel: &mut *channel,
        loses_debit: args.lose_answer,
        is_gone: false,
        cause: None,
    };
    let mut outcome = post.tap(&mut card, now, &mut said, report)?;
    if args.lose_answer && matches!(outcome, TapOutcome::Torn { .. }) {
        card.return_to_field()?;
        outcome = post.tap(&mut card, now, &mut said, report)?;
    }
    let cause = card.cause;
    said.end(&post.store, report)?;
    post.psam.give_back();
    match outcome {
        TapOutcome::OutOfService(fault) => {
            Err(Failure::fault(both("the terminal serves no card", "终端暂停服务")).because(fault))
        }
        outcome if outcome.ride().is_some() => Ok(Exit::Done),
        _ => {
            if let Some(error) = cause {
                report.note(&both(
                    format!("the card left: {error}"),
                    format!("卡片已离开：{error}"),
                ));
            }
            Ok(Exit::Refused)
        }
    }
}

/// The terminal with what is in its folder.
struct Post {
    terminal: CardTerminal,
    psam: Module,
    store: FileJournal,
    book: FareBook,
}

impl Post {
    fn open(args: &Args, book: FareBook) -> Result<Self, Failure> {
        let post = post_of(args, &book)?;
        let folder = match (&args.store, args.post) {
            (Some(folder), _) => folder,
            (None, PostArg::Bus) => Path::new("terminal-bus"),
            (None, PostArg::Entry) => Path::new("terminal-entry"),
            (None, PostArg::Exit) => Path::new("terminal-exit"),
        };
        fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(both(
                "the terminal's folder cannot be made",
                "无法新建终端目录",
            ))
            .because(format!("{}: {error}", folder.display()))
        })?;
        let store = FileJournal::open(&folder.join("records.journal"), Limits::default())
            .map_err(|error| no_store(&error))?;
        let mut psam = Module::open(args, folder)?;
        let signer = signer(&folder.join("terminal.key"))?;
        let city = City(packed(book.city().code.as_str()));
        let mut tariff = Tariff::default();
        tariff.adopt(book.clone()).map_err(|error| {
            Failure::usage(both("the fare book is not taken", "票价规则不可用")).because(error)
        })?;
        let held = Snapshot {
            lists: Arc::new(lists(city, &args.blacklist)),
            tariff: Arc::new(tariff),
        };
        let identity = *psam.psam().identity();
        let profile = TapProfile {
            acceptor: institution(city),
            city,
            operator: [0, 1],
            software: *b"tongtu-tap",
            post,
            // Whoever asks for one tap names the module; it need not be of the fare book's city.
            module: ModuleRule {
                receivers: vec![identity.receiver],
                ..ModuleRule::default()
            },
            selection: Selection::default(),
            rules: Rules::default(),
        };
        let recovered = CardTerminal::recover(profile, held, identity, signer, &store);
        let terminal = recovered.map_err(|error| no_store(&error))?;
        Ok(Self {
            terminal,
            psam,
            store,
            book,
        })
    }

    /// One tap; the rider is told, and then that she was is noted.
    fn tap(
        &mut self,
        card: &mut Field<'_>,
        now: Timestamp,
        said: &mut tapped::Said,
        report: &mut Report,
    ) -> Result<TapOutcome, Failure> {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task: Task::Ride,
        };
        let TapEnd {
            outcome,
            prompt,
            stored,
            exchanges,
            ..
        } = drive(
            &mut self.terminal,
            circumstances,
            card,
            self.psam.psam(),
            &mut self.store,
        );
        let tap = tapped::Tap {
            outcome: &outcome,
            prompt: &prompt,
            stored: &stored,
            exchanges,
        };
        said.tap(&tap, &self.book, &self.store, report)?;
        report.flush()?;
        if let Some(ride) = outcome.ride() {
            let told = self.terminal.told(ride.seq, &mut self.store);
            told.map_err(|error| no_store(&error))?;
        }
        Ok(outcome)
    }
}

/// Nobody stands at this gate: longer than a rider waits, for pools far away and busy machines.
const PATIENT: Timing = Timing {
    attempt: Duration::from_secs(5),
    request: Duration::from_secs(15),
};

/// The module that a tap is paid with.
enum Module {
    /// A soft one in the terminal's folder.
    Soft(Box<SoftPsam<CardFile>>),
    /// One that a pool lends.
    Lent(Box<PoolPsam>),
}

impl Module {
    fn open(args: &Args, folder: &Path) -> Result<Self, Failure> {
        if let (Some(url), Some(client)) = (&args.psam, &args.psam_client) {
            let credential = psam::admit::credential(client)?;
            let lent = PoolPsam::lease(url, &credential, None, PATIENT);
            let lent = lent.map_err(|fault| {
                Failure::fault(both("the pool lends no PSAM", "PSAM 池未借出 PSAM"))
                    .because(format!("{url}: {fault}"))
            })?;
            return Ok(Self::Lent(Box::new(lent)));
        }
        let module = folder.join("test.psam");
        if !module.exists() {
            let number = psam::serve::random_number()?;
            psam::file::make(&module, &PsamProfile::test_flat().numbered(number))?;
        }
        Ok(Self::Soft(Box::new(psam::file::power_up(&module)?)))
    }

    fn psam(&mut self) -> &mut dyn Psam {
        match self {
            Self::Soft(psam) => &mut **psam,
            Self::Lent(psam) => &mut **psam,
        }
    }

    fn give_back(self) {
        if let Self::Lent(psam) = self {
            psam.release();
        }
    }
}

fn post_of(args: &Args, book: &FareBook) -> Result<TapPost, Failure> {
    let way = match args.post {
        PostArg::Bus => {
            let first = || book.flat_lines().next().map(|line| line.code);
            return Ok(TapPost::Single(Single {
                industry: Industry::BUS,
                line: args.line.or_else(first).ok_or_else(no_line)?,
                card_line: [0, 1],
                stop: [0; 8],
                vehicle: *b"TEST-001",
                leaves_trip: false,
            }));
        }
        PostArg::Entry => Way::Entry,
        PostArg::Exit => Way::Exit,
    };
    let first = || book.networks().next().map(tongtu_fare::Network::code);
    Ok(TapPost::Gate(Gate {
        network: args.line.or_else(first).ok_or_else(no_line)?,
        station: args.station,
        card_line: 1,
        way,
    }))
}

fn no_line() -> Failure {
    Failure::usage(both(
        "the fare book has no line for this post",
        "票价规则中没有适用于此处的线路",
    ))
    .hint(both(
        "`tongtu fare check BOOK` says what it holds",
        "`tongtu fare check BOOK` 可查看其内容",
    ))
}

fn no_store(error: &dyn std::error::Error) -> Failure {
    Failure::fault(both("the record store cannot be used", "记录存储不可用")).because(error)
}

/// The key that signs records: a test key, made once.
fn signer(path: &Path) -> Result<Arc<SecretKey>, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::usage(both(
            "the terminal's test key cannot be used",
            "终端的测试密钥不可用",
        ))
        .because(error)
    };
    if !path.exists() {
        let mut fault = None;
        let key = SecretKey::generate(&mut |out: &mut [u8]| {
            fault = fault.take().or(getrandom::fill(out).err());
        });
        if let Some(error) = fault {
            return Err(unusable(&error));
        }
        write_key(path, &key).map_err(|error| unusable(&error))?;
    }
    let key = read_key(path).map_err(|error| unusable(&error))?;
    Ok(Arc::new(key))
}

/// Two digits a byte.
fn packed<const N: usize>(digits: &str) -> [u8; N] {
    let bytes = tongtu_codec::hex_decode(digits).unwrap_or_default();
    bytes.try_into().unwrap_or([0; N])
}

/// An acceptor of the test country in this city.
const fn institution(city: City) -> Institution {
    let City([a, b]) = city;
    Institution([0x01, 0x01, a, b, 0xFF, 0xFF, 0xFF, 0xFF])
}

/// A test terminal takes test cards of all cities, as `tongtu card perso` makes them.
fn lists(city: City, blacklist: &[CardNumber]) -> PlainLists {
    let of = |City([a, b])| ISSUERS.map(|[x, y]| [x, y, a, b]);
    let known = CITIES.iter().map(|(code, ..)| City(code.to_be_bytes()));
    PlainLists {
        local: of(city).to_vec(),
        listed: known.flat_map(of).collect(),
        blacklist: blacklist.iter().map(|card| Serial::of(card).0).collect(),
        ..PlainLists::default()
    }
}

/// What the issuers of test cards begin with; the city follows.
const ISSUERS: [[u8; 2]; 2] = [[0x01, 0x01], [0x02, 0x00]];

/// A card in the field, until it leaves.
struct Field<'a> {
    channel: &'a mut dyn CardChannel,
    /// The answer to the next DEBIT is lost.
    loses_debit: bool,
    is_gone: bool,
    cause: Option<ReaderError>,
}

impl Field<'_> {
    fn return_to_field(&mut self) -> Result<(), Failure> {
        self.is_gone = false;
        let reset = self.channel.reset();
        reset.map_err(|error| crate::card::no_card(&error))
    }
}

/// DEBIT FOR PURCHASE, class and instruction.
const DEBIT: [u8; 2] = [0x80, 0x54];

impl CardLink for Field<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if self.is_gone {
            return Err(Lost);
        }
        let answer = match self.channel.exchange(apdu) {
            Ok(answer) => answer,
            Err(error) => {
                self.is_gone = true;
                self.cause = Some(error);
                return Err(Lost);
            }
        };
        if self.loses_debit && apdu.starts_with(&DEBIT) {
            self.loses_debit = false;
            self.is_gone = true;
            return Err(Lost);
        }
        Ok(answer)
    }
}

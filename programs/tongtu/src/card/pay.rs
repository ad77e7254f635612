//! `tongtu card pay`: a purchase, or one half of a ride, as a terminal with its key module does it.

use std::path::PathBuf;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_purse::command::{
    Debit, GetProof, InitComposite, InitPurchase, PurchaseInit, Sfi, UpdateCache,
};
use tongtu_purse::field::{
    Amount, Balance, BusState, City, DateTime, Direction, Industry, Institution, LockFlag,
    RailState, RideFlag, Terminal, TripKind,
};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::{Composite, Trip};
use tongtu_purse::proof::purchase_block;
use tongtu_types::{Fen, Timestamp};

use super::kept::{KeptArgs, PurseCard};
use super::load::purse_amount;
use super::place::Place;
use super::tap;
use super::transaction::{self, Desk, Moved};
use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::{clock, input};

pub(crate) const HELP: &[Row] = &[
    (
        "card pay",
        "用测试卡消费或复合消费（进站／出站），以测试密钥充当终端与 PSAM",
    ),
    ("card pay/amount", "金额（元）；进站为零，不必给出"),
    ("card pay/entry", "复合消费：进站或上车"),
    ("card pay/exit", "复合消费：出站或下车"),
    (
        "card pay/cash",
        "用电子现金而非电子钱包：一次挥卡，并验证其签名",
    ),
    (
        "card pay/authority",
        "所信任的电子现金认证中心公钥；默认为公开的测试认证中心",
    ),
    (
        "card pay/revocations",
        "认证中心已吊销的发卡行公钥证书列表；须由所信任的认证中心签名",
    ),
    ("card pay/bus", "乘公交而非轨道"),
    ("card pay/line", "线路，一字节十六进制"),
    ("card pay/station", "站点，两字节十六进制"),
    ("card pay/key", "消费密钥索引"),
    ("card pay/terminal", "终端机编号，12 位"),
    (
        "card pay/terminal_sequence",
        "终端交易序号；默认取自交易时刻",
    ),
    ("card pay/lose_answer", "模拟应答丢失，随后凭交易认证恢复"),
    (
        "card pay/now",
        "交易时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "card pay/store",
        "测试密钥库：由其中的发卡机构主密钥生成并核对全部报文鉴别码；默认使用公开的测试密钥",
    ),
    ("card pay/passphrase_file", "第一行为密钥库口令的文件"),
    ("card pay/master_version", "密钥库中主密钥的版本"),
    ("card pay/state", "虚拟卡的文件，不经读卡器直接使用"),
    (
        "card pay/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "card pay#examples",
        "示例：
  tongtu card pay --state test.card --amount 2
  tongtu card pay --state test.card --entry --station 0101
  tongtu card pay --state test.card --exit --station 0107 --amount 4
  tongtu card pay --amount 2 --lose-answer          应答丢失后凭交易认证恢复
  tongtu card pay --state test.card --cash --amount 3

MAC1 由测试密钥生成，TAC 与 MAC2 用测试密钥核对。进站、出站写入 0x1A 与 0x1E 的记录，
与扣款同时生效。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card pay --state test.card --amount 2
  tongtu card pay --state test.card --entry --station 0101
  tongtu card pay --state test.card --exit --station 0107 --amount 4
  tongtu card pay --amount 2 --lose-answer          the answer is lost, and recovered by proof
  tongtu card pay --state test.card --cash --amount 3

MAC1 is made and TAC and MAC2 are checked with the test keys. Entry and exit write their records of
files 0x1A and 0x1E, which take effect together with the debit.")]
pub(crate) struct Args {
    /// How much, in yuan; an entry is free
    #[arg(long, value_name = "YUAN", value_parser = input::amount, required_unless_present = "entry")]
    amount: Option<Fen>,
    /// Composite purchase: going in, or boarding
    #[arg(long, conflicts_with_all = ["exit", "amount"])]
    entry: bool,
    /// Composite purchase: going out, or alighting
    #[arg(long)]
    exit: bool,
    /// With the e-cash instead of the purse: one tap, its signatures verified
    #[arg(long, conflicts_with_all = ["entry", "exit", "bus", "lose_answer"])]
    cash: bool,
    /// The public key of an e-cash authority that is believed; by default the published test
    /// authorities
    #[arg(long, value_name = "FILE", requires = "cash")]
    authority: Vec<PathBuf>,
    /// A list of issuers' certificates that an authority took back; it must be signed by one that is
    /// believed
    #[arg(long, value_name = "FILE", requires = "cash")]
    revocations: Vec<PathBuf>,
    /// By bus, not by rail
    #[arg(long)]
    bus: bool,
    /// The line, one byte in hex
    #[arg(long, value_name = "HEX", value_parser = bytes::<1>, default_value = "01")]
    line: [u8; 1],
    /// The station, two bytes in hex
    #[arg(long, value_name = "HEX", value_parser = bytes::<2>, default_value = "0101")]
    station: [u8; 2],
    /// Index of the purchase key
    #[arg(long, value_name = "N", default_value_t = 1)]
    key: u8,
    /// Terminal number, 12 digits
    #[arg(long, value_name = "DIGITS", value_parser = transaction::terminal, default_value = "100000000001")]
    terminal: Terminal,
    /// The terminal's sequence number; by default that of the moment
    #[arg(long, value_name = "N")]
    terminal_sequence: Option<u32>,
    /// Pretend that the answer is lost, and recover by proof
    #[arg(long)]
    lose_answer: bool,
    /// The moment of the transaction: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
    #[command(flatten)]
    kept: KeptArgs,
    #[command(flatten)]
    place: Place,
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = hex_decode(text).map_err(|error| error.to_string())?;
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("{found} bytes, expected {N}"))
}

/// The test acceptor, of Beijing.
const ACCEPTOR: Institution = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let now = clock::now_or(args.now);
    let at = DateTime::of(now);
    let fare = args.amount.unwrap_or(Fen::new(0));
    if args.cash {
        let desk = Desk::new(args.place.open()?, args.kept.open()?, report);
        let trust = tap::believed(&args.authority, &args.revocations)?;
        tap::pay(desk, fare, &trust, now)?;
        return Ok(Exit::Done);
    }
    let amount = purse_amount(fare)?;
    let terminal_sequence = args
        .terminal_sequence
        .or_else(|| u32::try_from(now.get()).ok())
        .unwrap_or(1);
    let mut desk = Desk::new(args.place.open()?, args.kept.open()?, report);
    let public = desk.select()?;
    let is_ride = args.entry || args.exit;
    // Everything is read before the initialisation: a reading would end it.
    let ride = if is_ride {
        Some(ride(args, &mut desk, amount, at)?)
    } else {
        None
    };
    let says = |init: &PurchaseInit| {
        let (balance, sequence) = (init.balance.fen(), init.sequence);
        both(
            format!("balance {balance}, offline sequence {sequence}"),
            format!("余额 {balance}，脱机交易序号 {sequence}"),
        )
    };
    let (key, terminal) = (args.key, args.terminal);
    let (begun, deal) = if is_ride {
        let init = InitComposite {
            key,
            amount,
            terminal,
        };
        (desk.ask(&init, says)?, init.deal())
    } else {
        let init = InitPurchase {
            key,
            amount,
            terminal,
        };
        (desk.ask(&init, says)?, init.deal())
    };
    if let Some(ride) = ride {
        write_ride(&mut desk, ride, begun.balance, fare)?;
    }
    let (algorithm, algorithm_name) = transaction::algorithm(begun.algorithm)?;
    let card = PurseCard {
        issuer: public.issuer,
        serial: public.serial,
        algorithm,
    };
    let key = (KeyUse::Purchase, args.key);
    let block = purchase_block(begun.random, begun.sequence, terminal_sequence);
    let debit = Debit {
        terminal_sequence,
        at,
        mac1: desk
            .keys
            .session_mac(&card, key, block, &deal.dated_message(at))?,
    };
    let proof = GetProof {
        kind: deal.kind,
        sequence: begun.sequence.wrapping_add(1),
    };
    let moved = desk.move_money(&debit, &proof, args.lose_answer, |_| {
        both(format!("{fare} paid"), format!("扣款 {fare}"))
    })?;
    let (mac2, tac, recovered) = match moved {
        Moved::Answered(answer) => (answer.mac2, answer.tac, false),
        Moved::Proved { mac2, tac } => (mac2, tac, true),
    };
    let amount = deal.purchase_mac2_message();
    let expected = desk.keys.session_mac(&card, key, block, &amount)?;
    desk.check("MAC2", &mac2, &expected)?;
    let message = deal.purchase_tac_message(terminal_sequence, at);
    let expected = desk.keys.tac(&card, &message)?;
    desk.check("TAC", &tac, &expected)?;
    let mut receipt = transaction::receipt(deal.kind, args.terminal, at, algorithm_name);
    receipt.sequence = proof.sequence;
    receipt.amount_fen = fare.get();
    receipt.balance_before_fen = begun.balance.fen().get();
    receipt.balance_after_fen = desk.balance()?.map(Fen::get);
    receipt.terminal_sequence = Some(terminal_sequence);
    receipt.tac = hex_encode(&tac).to_uppercase();
    receipt.recovered = recovered;
    desk.finish(&receipt)?;
    Ok(Exit::Done)
}

/// What a ride writes beside the debit.
struct Ride {
    composite: Composite,
    number: u8,
    trip: Trip,
}

/// Reads the composite record and fills it in, if the rider may go this way now.
fn ride(args: &Args, desk: &mut Desk<'_>, amount: Amount, at: DateTime) -> Result<Ride, Failure> {
    let number = if args.bus { 2 } else { 1 };
    let record = desk.record(Sfi::COMPOSITE.get(), number)?;
    let composite = record.as_deref().map(Composite::read);
    let composite = match composite {
        Some(Composite::Rail(mut rail)) if !args.bus => {
            refuse_locked(rail.lock)?;
            let is_inside = matches!(rail.state, RailState::ENTERED | RailState::ENTRY_UPDATED);
            refuse_wrong_way(args.entry, is_inside)?;
            let [line] = args.line;
            let [high, low] = args.station;
            let station = [0, 0, 0, 0, 0, 0, high, low];
            if args.entry {
                rail.state = RailState::ENTERED;
                rail.entry_city = ACCEPTOR.city();
                rail.entry_institution = ACCEPTOR;
                rail.entry_station = station;
                rail.entry_terminal = args.terminal.into();
                rail.entry_at = at;
                rail.entry_line = line;
                rail.entry_amount = amount;
                rail.exit_city = City([0; 2]);
                rail.exit_institution = Institution([0; 8]);
                rail.exit_station = [0; 8];
                rail.exit_terminal = Terminal([0; 6]).into();
                rail.exit_at = DateTime([0; 7]);
                rail.exit_line = 0;
                rail.exit_amount = Amount::ZERO;
            } else {
                rail.state = RailState::EXITED;
                rail.exit_city = ACCEPTOR.city();
                rail.exit_institution = ACCEPTOR;
                rail.exit_station = station;
                rail.exit_terminal = args.terminal.into();
                rail.exit_at = at;
                rail.exit_line = line;
                rail.exit_amount = amount;
            }
            rail.flag = RideFlag::SEGMENTED;
            Composite::Rail(rail)
        }
        Some(Composite::Bus(mut bus)) if args.bus => {
            refuse_locked(bus.lock)?;
            refuse_wrong_way(args.entry, bus.state == BusState::ON_BOARD)?;
            let [_, stop] = args.station;
            let [line] = args.line;
            if args.entry {
                bus.state = BusState::ON_BOARD;
                bus.on_city = ACCEPTOR.city();
                bus.on_institution = ACCEPTOR;
                bus.on_line = [0, line];
                bus.on_station = stop;
                bus.on_terminal = args.terminal.into();
                bus.on_at = at;
                bus.direction = Direction::UP;
                bus.off_at = DateTime([0; 7]);
                bus.amount = Amount::ZERO;
            } else {
                bus.state = BusState::ALIGHTED;
                bus.off_city = ACCEPTOR.city();
                bus.off_institution = ACCEPTOR;
                bus.off_line = [0, line];
                bus.off_station = stop;
                bus.off_terminal = args.terminal.into();
                bus.off_at = at;
                bus.amount = amount;
            }
            bus.flag = RideFlag::SEGMENTED;
            Composite::Bus(bus)
        }
        _ => {
            return Err(Failure::refused(both(
                format!("the card has no composite record {number}"),
                format!("卡中没有复合消费记录 {number}"),
            )));
        }
    };
    let [line] = args.line;
    let trip = Trip {
        kind: if args.entry {
            TripKind::ENTRY
        } else {
            TripKind::EXIT
        },
        terminal: args.terminal.into(),
        industry: if args.bus {
            Industry::BUS
        } else {
            Industry::RAIL
        },
        line: [0, line],
        station: args.station,
        operator: [0; 2],
        reserved: 0,
        amount,
        balance: Balance::default(),
        at,
        city: ACCEPTOR.city(),
        institution: ACCEPTOR,
        own: [0; 6],
    };
    Ok(Ride {
        composite,
        number,
        trip,
    })
}

fn refuse_locked(lock: LockFlag) -> Result<(), Failure> {
    if lock == LockFlag::LOCKED {
        return Err(Failure::refused(both(
            "the composite record is locked",
            "复合消费记录已锁定",
        )));
    }
    Ok(())
}

fn refuse_wrong_way(is_entry: bool, is_inside: bool) -> Result<(), Failure> {
    match (is_entry, is_inside) {
        (true, true) => Err(Failure::refused(both(
            "the rider is inside already",
            "乘客已在站内（车上）",
        ))
        .hint(both("--exit ends the ride", "--exit 结束行程"))),
        (false, false) => Err(Failure::refused(both(
            "the rider is not inside",
            "乘客不在站内（车上）",
        ))
        .hint(both("--entry begins a ride", "--entry 开始行程"))),
        _ => Ok(()),
    }
}

/// Puts the records into the card's cache; the debit makes them last.
fn write_ride(desk: &mut Desk<'_>, ride: Ride, balance: Balance, fare: Fen) -> Result<(), Failure> {
    let Ride {
        mut composite,
        number,
        mut trip,
    } = ride;
    if let Composite::Rail(rail) = &mut composite
        && rail.state == RailState::ENTERED
    {
        rail.entry_balance = balance;
    }
    let after = balance.fen().checked_sub(fare).ok();
    trip.balance = after.and_then(Balance::from_fen).unwrap_or(balance);
    let composite = UpdateCache {
        sfi: Sfi::COMPOSITE,
        record: number,
        data: composite.bytes(),
    };
    desk.ask(&composite, |()| {
        both("composite record in the cache", "复合消费记录已缓存")
    })?;
    let trip = UpdateCache {
        sfi: Sfi::TRIPS,
        record: 0,
        data: trip.encode().expect("every field is as wide as its value"),
    };
    desk.ask(&trip, |()| both("trip in the cache", "行程记录已缓存"))
}

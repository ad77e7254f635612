//! `tongtu card load`: puts money on a test card, as the issuer's host does.
//!
//! Here: the e-purse. The e-cash is in [`super::cash_load`].

use tongtu_codec::hex_encode;
use tongtu_purse::command::{CreditForLoad, GetProof, InitLoad, Pin};
use tongtu_purse::field::{Amount, Balance, DateTime, Kind, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::proof::load_block;
use tongtu_types::{Fen, Timestamp};

use super::cash_load;
use super::kept::{KeptArgs, PurseCard};
use super::place::Place;
use super::transaction::{self, Desk, Moved};
use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::{clock, input};

pub(crate) const HELP: &[Row] = &[
    ("card load", "为测试卡圈存，以测试密钥充当发卡主机"),
    ("card load/amount", "圈存金额（元）"),
    (
        "card load/cash",
        "圈存电子现金而非电子钱包：联机授权，再由发卡行脚本写入余额",
    ),
    ("card load/key", "圈存密钥索引"),
    ("card load/terminal", "终端机编号，12 位"),
    ("card load/pin", "先校验密码"),
    ("card load/lose_answer", "模拟应答丢失，随后凭交易认证恢复"),
    (
        "card load/now",
        "交易时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "card load/store",
        "测试密钥库：由其中的发卡机构主密钥生成并核对全部报文鉴别码；默认使用公开的测试密钥",
    ),
    ("card load/passphrase_file", "第一行为密钥库口令的文件"),
    ("card load/master_version", "密钥库中主密钥的版本"),
    ("card load/state", "虚拟卡的文件，不经读卡器直接使用"),
    (
        "card load/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "card load#examples",
        "示例：
  tongtu card load --state test.card --amount 50
  tongtu card load --amount 20 --lose-answer
  tongtu card load --state test.card --cash --amount 50

圈存初始化的 MAC1 与圈存的 TAC 都用测试密钥核对；应答丢失时用取交易认证确认是否已入账。
电子现金：先核对 ARQC 与余额 MAC，再以 ARPC 认证发卡行，然后以带 MAC 的脚本写入新余额；
超过余额上限（9F77）的不予圈存。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card load --state test.card --amount 50
  tongtu card load --amount 20 --lose-answer
  tongtu card load --state test.card --cash --amount 50

MAC1 of the card and the TAC are checked with the test keys; when the answer is lost, GET TRANSACTION
PROVE tells whether the money is on the card. The e-cash: ARQC and the MAC over the balance are checked,
the issuer answers with its ARPC, and a script with its MAC sets the new balance; what would pass the
balance limit (9F77) is not loaded.")]
pub(crate) struct Args {
    /// How much, in yuan
    #[arg(long, value_name = "YUAN", value_parser = input::amount)]
    amount: Fen,
    /// The e-cash instead of the purse: authorised online, set by issuer script
    #[arg(long, conflicts_with_all = ["key", "terminal", "pin", "lose_answer"])]
    cash: bool,
    /// Index of the load key
    #[arg(long, value_name = "N", default_value_t = 1)]
    key: u8,
    /// Terminal number, 12 digits
    #[arg(long, value_name = "DIGITS", value_parser = transaction::terminal, default_value = "100000000001")]
    terminal: Terminal,
    /// Show the PIN first
    #[arg(long, value_name = "DIGITS", value_parser = pin)]
    pin: Option<Pin>,
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

pub(crate) fn pin(text: &str) -> Result<Pin, String> {
    Pin::from_digits(text).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let now = clock::now_or(args.now);
    if args.cash {
        let desk = Desk::new(args.place.open()?, args.kept.open()?, report);
        cash_load::load(desk, args.amount, now)?;
        return Ok(Exit::Done);
    }
    let amount = purse_amount(args.amount)?;
    let at = DateTime::of(now);
    let mut desk = Desk::new(args.place.open()?, args.kept.open()?, report);
    let public = desk.select()?;
    if let Some(pin) = &args.pin {
        desk.verify(pin)?;
    }
    let init = InitLoad {
        key: args.key,
        amount,
        terminal: args.terminal,
    };
    let begun = desk.ask(&init, |init| {
        let (balance, sequence) = (init.balance.fen(), init.sequence);
        both(
            format!("balance {balance}, online sequence {sequence}"),
            format!("余额 {balance}，联机交易序号 {sequence}"),
        )
    })?;
    let (algorithm, algorithm_name) = transaction::algorithm(begun.algorithm)?;
    let card = PurseCard {
        issuer: public.issuer,
        serial: public.serial,
        algorithm,
    };
    let key = (KeyUse::Load, args.key);
    let block = load_block(begun.random, begun.sequence);
    let deal = init.deal();
    let mac1 = deal.load_mac1_message(begun.balance);
    let mac1 = desk.keys.session_mac(&card, key, block, &mac1)?;
    desk.check("MAC1", &begun.mac1, &mac1)?;
    let after = begun.balance.fen().checked_add(args.amount).ok();
    let after = after.and_then(Balance::from_fen).ok_or_else(too_much)?;
    let credit = CreditForLoad {
        at,
        mac2: desk
            .keys
            .session_mac(&card, key, block, &deal.dated_message(at))?,
    };
    // The card numbers loads like purchases: the proof is asked for by the number after.
    let proof = GetProof {
        kind: Kind::LOAD,
        sequence: begun.sequence.wrapping_add(1),
    };
    let moved = desk.move_money(&credit, &proof, args.lose_answer, |_| {
        both(
            format!("{} loaded", args.amount),
            format!("圈存 {}", args.amount),
        )
    })?;
    let message = deal.load_tac_message(after, begun.sequence, at);
    let expected = desk.keys.tac(&card, &message)?;
    let (tac, recovered) = match moved {
        Moved::Answered(tac) => (tac, false),
        Moved::Proved { tac, .. } => (tac, true),
    };
    desk.check("TAC", &tac, &expected)?;
    let mut receipt = transaction::receipt(Kind::LOAD, args.terminal, at, algorithm_name);
    receipt.sequence = proof.sequence;
    receipt.amount_fen = args.amount.get();
    receipt.balance_before_fen = begun.balance.fen().get();
    receipt.balance_after_fen = desk.balance()?.map(Fen::get);
    receipt.tac = hex_encode(&tac).to_uppercase();
    receipt.recovered = recovered;
    desk.finish(&receipt)?;
    Ok(Exit::Done)
}

/// An amount that a purse can hold.
pub(crate) fn purse_amount(amount: Fen) -> Result<Amount, Failure> {
    Amount::from_fen(amount).ok_or_else(too_much)
}

fn too_much() -> Failure {
    Failure::usage(both(
        "the amount is negative or more than a purse can hold",
        "金额为负，或超出电子钱包的范围",
    ))
}

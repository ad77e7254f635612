//! `tongtu card read`: what a card tells to anybody.

mod form;
mod page;

use std::fs;
use std::path::PathBuf;

use tongtu_apdu::trace;
use tongtu_purse::field::DateTime;
use tongtu_types::{Fen, Timestamp};

use self::form::{CardForm, CashForm, PurseForm, StopForm, Validity, View};
use super::place::Place;
use super::replay::Replay;
use super::snapshot::Snapshot;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::{clock, input};

pub(crate) const HELP: &[Row] = &[
    (
        "card read",
        "读交通卡：卡号、城市、余额、行程、交易、电子现金",
    ),
    ("card read/state", "虚拟卡的文件，不经读卡器直接使用"),
    (
        "card read/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    ("card read/trace", "不读卡，而读记录下来的对话"),
    ("card read/reveal", "显示完整卡号，不加遮掩"),
    ("card read/page", "另写一张可离线查看的网页"),
    (
        "card read/now",
        "判断有效期所用的时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "card read#examples",
        "示例：
  tongtu card read                              读卡器里的卡
  tongtu card read --state test.card            虚拟卡
  tongtu card read --trace sniff.log --json
  tongtu card read --page card.html             网页

只读公开数据，不写卡，不试密码。卡号默认遮掩，--reveal 显示全部。应用按 FCI 内容判断，
不只看 AID；缺失的文件跳过。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card read                              the card in the reader
  tongtu card read --state test.card            a virtual card
  tongtu card read --trace sniff.log --json
  tongtu card read --page card.html             a page

Reads what a card tells to anybody; writes nothing and tries no PIN. Card numbers are masked unless
--reveal is given. What an application is, its FCI says and not its AID alone; files that are missing
are passed over.")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Read a recorded dialogue instead of a card
    #[arg(long, value_name = "FILE", conflicts_with_all = ["state", "reader"])]
    trace: Option<PathBuf>,
    /// Show whole card numbers
    #[arg(long)]
    reveal: bool,
    /// Also write a page that can be looked at without a network
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// The moment that decides validity: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let snapshot = match &args.trace {
        Some(file) => {
            let log = trace::parse(&input::read_lossy(file)?);
            Snapshot::take(&mut Replay::of(&log))?
        }
        None => Snapshot::take(&mut *args.place.open()?)?,
    };
    let now = DateTime::of(clock::now_or(args.now));
    let view = View {
        reveal: args.reveal,
        today: now.date(),
        test: args.place.state.is_some(),
    };
    let card = CardForm::of(&snapshot, view);
    if card.purses.is_empty() && card.cashes.is_empty() {
        return Err(Failure::refused(both(
            "no T-Union application answers",
            "没有交通联合应用应答",
        ))
        .hint(both(
            "`tongtu card apdu 'select ppse'` shows what the card lists",
            "`tongtu card apdu 'select ppse'` 可查看卡片列出的应用",
        )));
    }
    if let Some(path) = &args.page {
        let at = args.trace.is_none().then_some(now);
        fs::write(path, page::page(&card, at, report.lang())).map_err(|error| {
            Failure::usage(both(
                format!("cannot write `{}`", path.display()),
                format!("无法写入 `{}`", path.display()),
            ))
            .because(error)
        })?;
    }
    if report.json() {
        report.value(&card)?;
        return Ok(Exit::Done);
    }
    if card.test {
        report.toned(Tone::Bad, report.lang().pick(TEST_CARD))?;
    }
    for purse in &card.purses {
        print_purse(purse, report)?;
    }
    for cash in &card.cashes {
        print_cash(cash, report)?;
    }
    Ok(Exit::Done)
}

/// What a card in a file is; the money on it is none.
const TEST_CARD: (&str, &str) = (
    "TEST card: made here, with published keys",
    "测试卡：由本程序制作，密钥均已公开",
);

/// Money as people write it.
fn yuan(fen: i64) -> String {
    Fen::new(fen).to_string()
}

/// The facts of a purse, title and value, as far as it told them.
fn purse_facts(purse: &PurseForm, lang: Lang) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut put = |en, zh, value: Option<String>| {
        if let Some(value) = value {
            facts.push((lang.pick((en, zh)), value));
        }
    };
    put("card number", "卡号", purse.number.clone());
    put(
        "city",
        "城市",
        purse.city.as_ref().map(|city| city.full(lang)),
    );
    put("balance", "余额", purse.balance_fen.map(yuan));
    put(
        "overdraft limit",
        "透支限额",
        purse.overdraft_fen.filter(|fen| *fen != 0).map(yuan),
    );
    let validity = purse.validity.map(|validity| validity_text(validity, lang));
    let dates = purse.starts.as_ref().zip(purse.expires.as_ref());
    put(
        "valid",
        "有效期",
        dates.zip(validity).map(|((starts, expires), validity)| {
            let until = lang.pick(("to", "至"));
            format!("{starts} {until} {expires} {validity}")
                .trim_end()
                .to_owned()
        }),
    );
    put(
        "issuer",
        "发卡机构",
        purse.issuer.as_ref().map(|issuer| issuer.full(lang)),
    );
    put(
        "numbers of",
        "卡号归属",
        purse.number_region.as_ref().map(|region| region.full(lang)),
    );
    put(
        "card kind",
        "卡种",
        purse.kind.as_ref().map(|kind| kind.full(lang)),
    );
    put(
        "interoperable",
        "互联互通",
        purse.interoperable.map(|yes| {
            lang.pick(if yes { ("yes", "是") } else { ("no", "否") })
                .to_owned()
        }),
    );
    put(
        "in use",
        "启用",
        purse
            .application_version
            .filter(|version| *version != 1)
            .map(|version| match version {
                0xFF => lang.pick(("no (FF)", "否 (FF)")).to_owned(),
                other => format!("{other:02X}?"),
            }),
    );
    put(
        "application",
        "应用",
        Some(application(
            &purse.aid,
            purse.label.as_deref(),
            &purse.version,
        )),
    );
    facts
}

fn application(aid: &str, label: Option<&str>, version: &str) -> String {
    let mut text = aid.to_owned();
    for more in [label.unwrap_or_default(), version] {
        if !more.is_empty() {
            text = format!("{text} {more}");
        }
    }
    text
}

/// Nothing where all is well.
fn validity_text(validity: Validity, lang: Lang) -> &'static str {
    lang.pick(match validity {
        Validity::Valid => ("", ""),
        Validity::NotYet => ("(NOT YET)", "（未到启用日期）"),
        Validity::Expired => ("(EXPIRED)", "（已过期）"),
        Validity::Unknown => ("(no dates)", "（日期无法识别）"),
    })
}

fn cash_facts(cash: &CashForm, lang: Lang) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut put = |en, zh, value: Option<String>| {
        if let Some(value) = value {
            facts.push((lang.pick((en, zh)), value));
        }
    };
    put("card number", "卡号", cash.number.clone());
    put(
        "city",
        "城市",
        cash.city.as_ref().map(|city| city.full(lang)),
    );
    put("balance", "余额", cash.balance_fen.map(yuan));
    put(
        "balance limit",
        "余额上限",
        cash.balance_limit_fen.map(yuan),
    );
    put(
        "limit of one payment",
        "单笔限额",
        cash.single_limit_fen.map(yuan),
    );
    put("expires", "失效日期", cash.expires.clone());
    put(
        "transaction counter",
        "交易计数器",
        cash.transaction_counter.map(|counter| counter.to_string()),
    );
    put(
        "application",
        "应用",
        Some(application(&cash.aid, cash.label.as_deref(), "")),
    );
    facts
}

fn print_facts(
    title: &str,
    blocked: bool,
    facts: Vec<(&'static str, String)>,
    report: &mut Report,
) -> Result<(), Failure> {
    report.line(title)?;
    if blocked {
        report.toned(
            Tone::Bad,
            report
                .lang()
                .pick(("the application is BLOCKED", "应用已锁定")),
        )?;
    }
    report.rows(
        facts
            .into_iter()
            .map(|(title, value)| [title.to_owned(), value]),
    )
}

fn print_purse(purse: &PurseForm, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let title = lang.pick(("E-purse", "电子钱包"));
    print_facts(title, purse.blocked, purse_facts(purse, lang), report)?;
    for composite in purse.composites.iter().filter(|record| !record.is_blank()) {
        let what = lang.pick(match composite.what {
            "rail" => ("rail", "轨道"),
            "bus" => ("bus", "公交"),
            _ => ("other composite record", "其他复合记录"),
        });
        let Some(state) = &composite.state else {
            report.line(&format!(" {what}: {}", composite.hex))?;
            continue;
        };
        let stops: Vec<String> = [&composite.begun, &composite.ended]
            .into_iter()
            .flatten()
            .map(|stop| stop_text(stop, lang))
            .collect();
        report.line(format!(" {what}: {} {}", state.name(lang), stops.join(" → ")).trim_end())?;
    }
    if !purse.trips.is_empty() {
        report.line("")?;
        report.say(&both("Trips, newest first", "行程（由近及远）"))?;
        report.table(
            &trip_header(lang),
            purse.trips.iter().map(|trip| {
                [
                    trip.at.clone(),
                    trip.kind.name(lang).to_owned(),
                    trip.industry.name(lang).to_owned(),
                    trip.city.name(lang).to_owned(),
                    trip.line.clone(),
                    trip.station.clone(),
                    yuan(trip.amount_fen),
                    yuan(trip.balance_fen),
                    trip.terminal.clone(),
                ]
            }),
        )?;
    }
    if !purse.transactions.is_empty() {
        report.line("")?;
        report.say(&both("Transactions, newest first", "交易明细（由近及远）"))?;
        report.table(
            &transaction_header(lang),
            purse.transactions.iter().map(|transaction| {
                [
                    transaction.at.clone(),
                    transaction.kind.name(lang).to_owned(),
                    yuan(transaction.amount_fen),
                    transaction.sequence.to_string(),
                    transaction.terminal.clone(),
                ]
            }),
        )?;
    }
    Ok(())
}

const fn trip_header(lang: Lang) -> [&'static str; 9] {
    match lang {
        Lang::En => [
            "time", "kind", "by", "city", "line", "station", "amount", "balance", "terminal",
        ],
        Lang::Zh => [
            "时间", "类型", "行业", "城市", "线路", "站点", "金额", "余额", "终端",
        ],
    }
}

const fn transaction_header(lang: Lang) -> [&'static str; 5] {
    match lang {
        Lang::En => ["time", "kind", "amount", "sequence", "terminal"],
        Lang::Zh => ["时间", "类型", "金额", "序号", "终端"],
    }
}

const fn log_header(lang: Lang) -> [&'static str; 4] {
    match lang {
        Lang::En => ["time", "amount", "type", "counter"],
        Lang::Zh => ["时间", "金额", "类型", "计数器"],
    }
}

fn stop_text(stop: &StopForm, lang: Lang) -> String {
    format!("{} {} {}", stop.at, stop.city.name(lang), stop.station)
}

fn print_cash(cash: &CashForm, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    report.line("")?;
    let title = lang.pick(("E-cash", "电子现金"));
    print_facts(title, cash.blocked, cash_facts(cash, lang), report)?;
    if cash.log.is_empty() {
        return Ok(());
    }
    report.line("")?;
    report.say(&both("Payments, newest first", "交易日志（由近及远）"))?;
    report.table(
        &log_header(lang),
        cash.log.iter().map(|payment| {
            [
                payment.at.clone(),
                payment.amount_fen.map(yuan).unwrap_or_default(),
                payment.transaction_type.clone(),
                payment
                    .counter
                    .map(|counter| counter.to_string())
                    .unwrap_or_default(),
            ]
        }),
    )
}

#[cfg(test)]
mod tests;

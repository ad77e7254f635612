//! `tongtu code verify`: the terminal's checks in order, each with its outcome.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_ride_code::tolerant::Transform;
use tongtu_ride_code::{
    BlackLists, Check, Policy, RecentCodes, RootTable, Scan, Step, Verdict, Verifier,
};
use tongtu_types::{Fen, InstitutionCode, Timestamp};

use super::KindForm;
use crate::exit::{Exit, Failure};
use crate::input::{self, Code, Form, Symbol};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::{clock, test_chain};

pub(crate) const HELP: &[Row] = &[
    ("code verify", "按规定次序做终端的 21 项核验，逐项给出结论"),
    (
        "code verify/code",
        "码：十六进制、Base64、图片、原始字节文件，或 `-` 表示标准输入",
    ),
    (
        "code verify/root",
        "信任的根证书文件（144 字节或其十六进制），可多次给出",
    ),
    (
        "code verify/issuer",
        "受理的发行机构标识，8 位数字，可多次给出",
    ),
    (
        "code verify/test",
        "同时信任公开的测试根，受理测试机构 01341000",
    ),
    ("code verify/fare", "票价（元），与单次消费金额上限比较"),
    (
        "code verify/now",
        "扫码时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "code verify#examples",
        "示例：
  tongtu code verify ride.png --test --fare 2.00
  tongtu code verify ride.bin --root 01010000.JG02 --issuer 01341000
  tongtu code verify 8101… --test --now 2026-01-01T08:00:05Z
  tongtu code issue --test | tongtu code verify - --test

第一个不通过的检查决定原因码 R00 到 R20；R00 时退出码为 0，否则为 1。
此处没有黑名单与历史记录；需要它们时请用 `tongtu code conform`。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu code verify ride.png --test --fare 2.00
  tongtu code verify ride.bin --root 01010000.JG02 --issuer 01341000
  tongtu code verify 8101… --test --now 2026-01-01T08:00:05Z
  tongtu code issue --test | tongtu code verify - --test

The first check that fails gives the reason, R00 to R20; the exit code is 0 for R00, else 1.
There are no blacklists and no earlier codes here; `tongtu code conform` has both.")]
pub(crate) struct Args {
    /// The code: hex, Base64, an image, a file of raw bytes, or `-` for stdin
    #[arg(value_name = "CODE")]
    code: String,
    /// A root certificate to trust (144 bytes, or their hex); may be repeated
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// An issuer to accept, 8 digits; may be repeated
    #[arg(long, value_name = "ID")]
    issuer: Vec<InstitutionCode>,
    /// Trust the published test root and accept its issuer 01341000 too
    #[arg(long)]
    test: bool,
    /// The fare in yuan, compared with the single-ride limit
    #[arg(
        long,
        value_name = "YUAN",
        default_value = "0.00",
        value_parser = input::amount,
        allow_negative_numbers = true
    )]
    fare: Fen,
    /// The moment of the scan: Unix seconds or a time with its zone; by default the system clock
    #[arg(long, value_name = "T", value_parser = clock::moment, allow_negative_numbers = true)]
    now: Option<Timestamp>,
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Passed,
    Failed,
    NotReached,
}

#[derive(Serialize)]
struct CheckForm {
    number: u8,
    title_en: &'static str,
    title_zh: &'static str,
    outcome: Outcome,
    /// The verdict that its failure gives.
    reason: &'static str,
}

#[derive(Serialize)]
struct Answer {
    verdict: &'static str,
    name: &'static str,
    accepted: bool,
    rider_en: &'static str,
    rider_zh: &'static str,
    /// A published validator's number for the same cause, or `null`.
    secondary: Option<&'static str>,
    now: i64,
    fare_fen: i64,
    form: Form,
    transform: &'static str,
    symbol: Option<Symbol>,
    #[serde(flatten)]
    kind: KindForm,
    length: usize,
    sm3: String,
    checks: Vec<CheckForm>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut roots = Vec::new();
    let mut issuers = args.issuer.clone();
    if args.test {
        roots.push(test_chain::root());
        issuers.push(test_chain::issuer());
    }
    for path in &args.root {
        roots.push(input::root(path)?);
    }
    if args.fare < Fen::ZERO {
        return Err(Failure::usage(both(
            "a fare cannot be negative",
            "票价不能为负",
        )));
    }
    let input = input::code(&args.code)?;
    let now = clock::now_or(args.now);
    let lists_missing = roots.is_empty() || issuers.is_empty();
    let mut verifier = Verifier::new(Policy::default(), RootTable::new(roots), issuers);
    let scan = Scan {
        bytes: &input.bytes,
        now: Some(now),
        fare: args.fare,
        enforce_limit: true,
    };
    let mut steps = Vec::new();
    let verdict = verifier
        .verify(
            &scan,
            &BlackLists::default(),
            &RecentCodes::default(),
            &mut |step| steps.push(step),
        )
        .map_or_else(|verdict| verdict, |_| Verdict::Accepted);
    let answer = answer(verdict, &steps, &input, now, args.fare);
    if report.json() {
        report.value(&answer)?;
    } else {
        print(&answer, &input, report)?;
        if lists_missing && matches!(verdict, Verdict::IssuerNotAccepted | Verdict::CaKey) {
            report.say(&both(
                "hint: name roots with --root and issuers with --issuer, or use --test",
                "提示：请用 --root 给出根证书、用 --issuer 给出发行机构，或使用 --test",
            ))?;
        }
    }
    Ok(if verdict == Verdict::Accepted {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn answer(verdict: Verdict, steps: &[Step], input: &Code, now: Timestamp, fare: Fen) -> Answer {
    let checks = Check::ALL.into_iter().map(|check| {
        let step = steps.iter().find(|step| step.check == check);
        let (title_en, title_zh) = check.title();
        CheckForm {
            number: check.number(),
            title_en,
            title_zh,
            outcome: match step {
                Some(step) if step.holds => Outcome::Passed,
                Some(_) => Outcome::Failed,
                None => Outcome::NotReached,
            },
            reason: check.verdict().code(),
        }
    });
    Answer {
        verdict: verdict.code(),
        name: verdict.name(),
        accepted: verdict == Verdict::Accepted,
        rider_en: verdict.rider_en(),
        rider_zh: verdict.rider_zh(),
        secondary: Some(verdict.secondary()).filter(|number| !number.is_empty()),
        now: now.get(),
        fare_fen: fare.get(),
        form: input.form,
        transform: input::transform_name(input.transform),
        symbol: input.symbol.clone(),
        kind: KindForm::of(&input.bytes),
        length: input.bytes.len(),
        sm3: hex_encode(&tongtu_crypto::sm3::digest(&input.bytes)),
        checks: checks.collect(),
    }
}

fn print(answer: &Answer, input: &Code, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let (kind, length) = (answer.kind.name(lang), answer.length);
    let title = input.form.title();
    let form = title.of(lang);
    let undone = match (input.transform, lang) {
        (Transform::None, _) => String::new(),
        (transform, Lang::En) => format!(" ({})", transform.name().0),
        (transform, Lang::Zh) => format!("（{}）", transform.name().1),
    };
    let (now, fare) = (Timestamp::new(answer.now), Fen::new(answer.fare_fen));
    report.line(&match lang {
        Lang::En => format!("{kind}, {length} bytes, from {form}{undone}"),
        Lang::Zh => format!("{kind}，{length} 字节，来自{form}{undone}"),
    })?;
    report.line(&match lang {
        Lang::En => format!("at {now}, fare {fare} CNY\n"),
        Lang::Zh => format!("时刻 {now}，票价 {fare} 元\n"),
    })?;
    let rows = answer.checks.iter().map(|check| {
        let outcome = match check.outcome {
            Outcome::Passed => lang.pick(("passed", "通过")),
            Outcome::Failed => lang.pick(("FAILED", "不通过")),
            Outcome::NotReached => lang.pick(("not reached", "未进行")),
        };
        [
            check.number.to_string(),
            lang.pick((check.title_en, check.title_zh)).to_owned(),
            outcome.to_owned(),
            match check.outcome {
                Outcome::Failed => check.reason.to_owned(),
                Outcome::Passed | Outcome::NotReached => String::new(),
            },
        ]
    });
    let header = match lang {
        Lang::En => ["", "check", "outcome", "reason"],
        Lang::Zh => ["", "检查", "结论", "原因码"],
    };
    report.table(&header, rows)?;
    report.line("")?;
    let tone = if answer.accepted {
        Tone::Good
    } else {
        Tone::Bad
    };
    let secondary = answer
        .secondary
        .map_or_else(String::new, |number| match lang {
            Lang::En => format!(" (validator number {number})"),
            Lang::Zh => format!("（验票机编号 {number}）"),
        });
    report.toned(
        tone,
        &format!("{} {}{secondary}", answer.verdict, answer.name),
    )?;
    report.line(&format!("{} / {}", answer.rider_zh, answer.rider_en))
}

//! `tongtu code conform`: a file of cases, each judged as a terminal would.
//!
//! The form of the file is in [`form`]. Every case is judged by a verifier of its own, so that no
//! case can help or spoil another; and then all that share the file's context are judged together, as
//! a hub judges a day's codes. Both ways must say the same.

mod form;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use tongtu_ride_code::{
    Accepted, BlackLists, Policy, RecentCodes, RideCode, Root, RootTable, Scan, Verdict, Verifier,
};
use tongtu_types::{Fen, Timestamp};

use self::form::{Case, CaseFile, Context, RootEntry};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    ("code conform", "运行用例文件，指出与预期不符的每个用例"),
    ("code conform/file", "JSON 用例文件，或 `-` 表示标准输入"),
    (
        "code conform#examples",
        "示例：
  tongtu code conform protocol/ride-code/vectors/conform.json
  tongtu code conform mine.json --json

文件格式：
  {\"context\": {\"roots\": [{\"index\": 2, \"cert_hex\": \"2101…\"}], \"accepted_issuers\": [\"01341000\"],
               \"future_skew_s\": 20, \"max_validity_s\": 1200, \"account_interval_s\": 2,
               \"min_trusted_clock\": 1577836800, \"service_id\": \"01010000\"},
   \"cases\": [{\"name\": \"honest\", \"expect\": \"R00\", \"now\": 1767254405, \"fare_fen\": 200, \"hex\": \"8101…\"}]}

用例可带自己的 context，覆盖任意一项，并可加 previous: [{hex, at}]（此前在 at 扫过的码）与
blacklist: [账户号]。previous 的每个码先按该用例的票价与 context 核验，受理的才记住，被拒的会列出。
没有 now（或为 null）表示终端没有可信时钟。context 各项均可省略。note、comment 与 _ 开头的项不作解释。
全部相符时退出码为 0，有不符时为 1；文件有误时为 2。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu code conform protocol/ride-code/vectors/conform.json
  tongtu code conform mine.json --json

The file:
  {\"context\": {\"roots\": [{\"index\": 2, \"cert_hex\": \"2101…\"}], \"accepted_issuers\": [\"01341000\"],
               \"future_skew_s\": 20, \"max_validity_s\": 1200, \"account_interval_s\": 2,
               \"min_trusted_clock\": 1577836800, \"service_id\": \"01010000\"},
   \"cases\": [{\"name\": \"honest\", \"expect\": \"R00\", \"now\": 1767254405, \"fare_fen\": 200, \"hex\": \"8101…\"}]}

A case may have a context of its own, which overrides any key and may add previous: [{hex, at}]
(codes scanned before, at that moment) and blacklist: [account]. Each previous code is verified first,
with the fare and the context of the case: one that is accepted is remembered, one that is refused is
reported. No now, or null, is a terminal without a trusted clock. Every key of a context may be left
out. note, comment and keys that begin with _ are not read. Exit code 0 when all agree, 1 when one
differs, 2 when the file is wrong.")]
pub(crate) struct Args {
    /// The JSON file of cases, or `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    total: usize,
    agree: usize,
    differ: usize,
    roots_not_loaded: Vec<Complaint>,
    previous_refused: Vec<Complaint>,
    cases: Vec<CaseForm>,
}

/// Something in the file that has no effect, and why.
#[derive(PartialEq, Eq, Serialize)]
struct Complaint {
    /// Where in the file: `context.roots[0]`.
    at: String,
    reason: String,
}

#[derive(Serialize)]
struct CaseForm {
    name: String,
    expected: &'static str,
    got: &'static str,
    /// What was said of it among the others, where that is something else: a fault of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<&'static str>,
    agrees: bool,
    #[serde(skip)]
    verdicts: Verdicts,
}

/// What was expected of a case and what came of it, alone and among others.
#[derive(Clone, Copy)]
struct Verdicts {
    expected: Verdict,
    alone: Verdict,
    together: Verdict,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let text = input::read_text(&args.file)?;
    let file = form::read(&text).map_err(|error| {
        let name = args.file.display();
        Failure::usage(both(
            format!("`{name}` is no file of cases"),
            format!("`{name}` 不是用例文件"),
        ))
        .because(error)
        .hint(both(
            "`tongtu code conform --help` shows the form",
            "`tongtu code conform --help` 给出文件格式",
        ))
    })?;
    let mut answer = Answer {
        total: file.cases.len(),
        agree: 0,
        differ: 0,
        roots_not_loaded: Vec::new(),
        previous_refused: Vec::new(),
        cases: Vec::new(),
    };
    let shared = load_roots(file.context.roots.as_deref(), &mut answer.roots_not_loaded);
    let mut posts = Vec::with_capacity(file.cases.len());
    for case in &file.cases {
        // Roots of the whole file are verified and complained of once.
        let own = case.context.roots.as_deref();
        let roots = match own {
            Some(_) => load_roots(own, &mut answer.roots_not_loaded),
            None => shared.clone(),
        };
        let mut post = Post::of(case, &file.context, roots, &mut answer.previous_refused);
        posts.push((post.judge(case), post));
    }
    let together = judge_together(&file, &mut posts);
    for ((case, (alone, _)), together) in file.cases.iter().zip(posts).zip(together) {
        let verdicts = Verdicts {
            expected: case.expect,
            alone,
            together,
        };
        let agrees = alone == case.expect && together == alone;
        answer.agree += usize::from(agrees);
        answer.differ += usize::from(!agrees);
        answer.cases.push(CaseForm {
            name: case.name.clone(),
            expected: case.expect.code(),
            got: alone.code(),
            together: (together != alone).then(|| together.code()),
            agrees,
            verdicts,
        });
    }
    if report.json() {
        report.value(&answer)?;
    } else {
        print(&answer, report)?;
    }
    Ok(if answer.differ == 0 {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// Verifies roots; one that does not hold is left out and named, and so is one that a later root of
/// the same index replaces.
fn load_roots(entries: Option<&[RootEntry]>, complaints: &mut Vec<Complaint>) -> RootTable {
    let mut roots = BTreeMap::new();
    for entry in entries.unwrap_or_default() {
        let root = Root::verify(&entry.certificate).map_err(|error| error.to_string());
        // The index in the list and the one that the root itself signed must be the same: a root
        // under another number would vouch for codes that do not name it.
        let root = root.and_then(|root| match (entry.index, root.certificate().ca_index) {
            (Some(listed), own) if listed != own => Err(format!(
                "listed under index {listed:02X}, the certificate says {own:02X}"
            )),
            _ => Ok(root),
        });
        let (at, reason) = match root {
            Err(reason) => (&entry.at, reason),
            Ok(root) => {
                let index = root.certificate().ca_index;
                let Some((replaced, _)) = roots.insert(index, (&entry.at, root)) else {
                    continue;
                };
                let reason = format!("{} has the same index {index:02X} and counts", entry.at);
                (replaced, reason)
            }
        };
        complaints.push(Complaint {
            at: at.clone(),
            reason,
        });
    }
    RootTable::new(roots.into_values().map(|(_, root)| root))
}

/// The terminal of a case: what it knows by the file's context, overridden by the case's own, and the
/// codes that it accepted before.
struct Post {
    verifier: Verifier,
    blacklists: BlackLists,
    recent: RecentCodes,
    /// Whether others know just the same.
    is_shared: bool,
}

impl Post {
    fn of(
        case: &Case,
        shared: &Context,
        roots: RootTable,
        complaints: &mut Vec<Complaint>,
    ) -> Self {
        let (own, product) = (&case.context, Policy::default());
        let policy = Policy {
            future_skew_s: own
                .future_skew_s
                .or(shared.future_skew_s)
                .unwrap_or(product.future_skew_s),
            max_validity_s: own
                .max_validity_s
                .or(shared.max_validity_s)
                .unwrap_or(product.max_validity_s),
            account_interval_s: own
                .account_interval_s
                .or(shared.account_interval_s)
                .unwrap_or(product.account_interval_s),
            min_trusted_clock: own
                .min_trusted_clock
                .or(shared.min_trusted_clock)
                .unwrap_or(product.min_trusted_clock),
            service_id: own
                .service_id
                .or(shared.service_id)
                .unwrap_or(product.service_id),
        };
        let issuers = own.accepted_issuers.as_ref();
        let issuers = issuers.or(shared.accepted_issuers.as_ref());
        let issuers = issuers.into_iter().flatten().copied();
        let blacklist = own.blacklist.as_ref().or(shared.blacklist.as_ref());
        let blacklists = BlackLists {
            accounts: blacklist.into_iter().flatten().copied().collect(),
            ..BlackLists::default()
        };
        let previous = own.previous.as_ref().or(shared.previous.as_ref());
        let mut post = Self {
            verifier: Verifier::new(policy, roots, issuers),
            blacklists,
            recent: RecentCodes::default(),
            is_shared: own.is_empty() && previous.is_none(),
        };
        // A terminal remembers what it accepted, never what it refused: the codes before are scanned
        // one after the other, as the case itself is.
        for earlier in previous.into_iter().flatten() {
            let verdict = post.scan(&scan_of(
                &earlier.bytes,
                Some(earlier.scanned_at),
                case.fare,
            ));
            if verdict == Verdict::Accepted {
                let code = RideCode::frame(&earlier.bytes).expect("an accepted code is framed");
                post.recent.remember_code(&code, earlier.scanned_at);
                continue;
            }
            let complaint = Complaint {
                at: earlier.at.clone(),
                reason: verdict.to_string(),
            };
            // Codes before of the whole file are scanned for each case and complained of once.
            if own.previous.is_some() || !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
        post
    }

    fn scan(&mut self, scan: &Scan<'_>) -> Verdict {
        let result = self
            .verifier
            .verify(scan, &self.blacklists, &self.recent, &mut |_| {});
        verdict_of(result)
    }

    fn judge(&mut self, case: &Case) -> Verdict {
        self.scan(&scan_of(&case.bytes, case.now, case.fare))
    }
}

const fn scan_of(bytes: &[u8], now: Option<Timestamp>, fare: Fen) -> Scan<'_> {
    Scan {
        bytes,
        now,
        fare,
        enforce_limit: true,
    }
}

fn verdict_of(result: Result<Accepted, Verdict>) -> Verdict {
    result.map_or_else(|verdict| verdict, |_| Verdict::Accepted)
}

/// The cases judged as many codes are: those that share the file's context all together, each other one
/// by what its own terminal knows.
fn judge_together(file: &CaseFile, posts: &mut [(Verdict, Post)]) -> Vec<Verdict> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut sharing: Vec<usize> = Vec::new();
    for (at, (_, post)) in posts.iter().enumerate() {
        match post.is_shared {
            true => sharing.push(at),
            false => groups.push(vec![at]),
        }
    }
    groups.push(sharing);
    let mut verdicts = vec![Verdict::Accepted; posts.len()];
    for group in groups {
        let Some(first) = group.first() else { continue };
        let (_, post) = &mut posts[*first];
        let scans: Vec<Scan<'_>> = group
            .iter()
            .map(|at| &file.cases[*at])
            .map(|case| scan_of(&case.bytes, case.now, case.fare))
            .collect();
        post.verifier.forget_keys();
        let judged = post
            .verifier
            .verify_ride_codes(&scans, &post.blacklists, &post.recent);
        for (at, judged) in group.into_iter().zip(judged) {
            verdicts[at] = verdict_of(judged);
        }
    }
    verdicts
}

fn print(answer: &Answer, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let rows = answer.cases.iter().map(|case| {
        let result = if case.agrees {
            lang.pick(("agrees", "相符"))
        } else {
            lang.pick(("DIFFERS", "不符"))
        };
        [
            case.name.clone(),
            case.expected.to_owned(),
            case.got.to_owned(),
            result.to_owned(),
        ]
    });
    let header = match lang {
        Lang::En => ["case", "expected", "got", "result"],
        Lang::Zh => ["用例", "预期", "实际", "结果"],
    };
    report.table(&header, rows)?;
    report.line("")?;
    for Complaint { at, reason } in &answer.roots_not_loaded {
        report.line(&match lang {
            Lang::En => format!("root not loaded: {at}: {reason}"),
            Lang::Zh => format!("根证书未装入：{at}：{reason}"),
        })?;
    }
    for Complaint { at, reason } in &answer.previous_refused {
        report.line(&match lang {
            Lang::En => format!("earlier code refused, not remembered: {at}: {reason}"),
            Lang::Zh => format!("此前的码被拒，未记住：{at}：{reason}"),
        })?;
    }
    for case in answer.cases.iter().filter(|case| !case.agrees) {
        let Verdicts {
            expected,
            alone,
            together,
        } = case.verdicts;
        let name = &case.name;
        let line = match (lang, together == alone) {
            (Lang::En, true) => format!("differs: {name}: expected {expected}, got {alone}"),
            (Lang::Zh, true) => format!("不符：{name}：预期 {expected}，实际 {alone}"),
            (Lang::En, false) => format!(
                "differs: {name}: expected {expected}, got {alone} alone and {together} together"
            ),
            (Lang::Zh, false) => {
                format!("不符：{name}：预期 {expected}，单独核验 {alone}，成批核验 {together}")
            }
        };
        report.toned(Tone::Bad, &line)?;
    }
    let Answer {
        total,
        agree,
        differ,
        ..
    } = answer;
    let tone = if *differ == 0 { Tone::Good } else { Tone::Bad };
    let line = match lang {
        Lang::En => format!("{total} cases: {agree} as expected, {differ} different"),
        Lang::Zh => format!("共 {total} 个用例：{agree} 个相符，{differ} 个不符"),
    };
    report.toned(tone, &line)
}

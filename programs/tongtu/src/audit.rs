//! `tongtu audit`: an audit chain verified by anybody, shown, anchored.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_api::KeyUsesView;
use tongtu_audit::{
    Anchor, AnchorKeys, AuditLine, Fault, UseFault, UseReader, UsesFound, Verified, Verifier,
    is_about_use,
};
use tongtu_crypto::PublicKey;
use tongtu_services::keyroom::parse_anchor_key;
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::room;

mod lines;

use self::lines::Lines;

/// So many lines are shown when nothing is said of how many; all of them are in memory.
const SHOWN_MAX: u64 = 300_000;

pub(crate) const HELP: &[Row] = &[
    ("audit", "审计链：核验、查看、锚定"),
    (
        "audit verify",
        "核验审计行、审计锚与锚公钥；无需密钥室，指明第一处不符的行或日期",
    ),
    (
        "audit verify/files",
        "审计行、审计锚、锚公钥、密钥使用明细文件（按内容识别），节点 GET /key-uses 的应答（JSON，按序给出），或含有前三者的目录",
    ),
    (
        "audit verify#examples",
        "示例：
  tongtu audit verify audit-lines audit-anchors anchor-keys
  tongtu audit verify keyroom
  tongtu call --as AUD-1.caller GET /key-uses?after=0 > uses.json && tongtu audit verify uses.json

退出码 1：不符，指明第一处。锚之后的行与最后的锚若被删去则无从得知，故锚须当日交付他人。",
    ),
    ("audit show", "逐行说明审计链"),
    ("audit show/room", "密钥室目录"),
    ("audit show/last", "只显示最后若干行"),
    (
        "audit show#examples",
        "示例：
  tongtu audit show --room keyroom --last 20",
    ),
    ("audit anchor", "为每个已结束而尚未锚定的日期签名"),
    ("audit anchor/room", "密钥室目录"),
    (
        "audit anchor/custody_passphrase",
        room::custody::PASSPHRASE_ZH,
    ),
    ("audit anchor/module", room::custody::MODULE_ZH),
    ("audit anchor/now", "时刻；默认当前时间"),
    (
        "audit anchor#examples",
        "示例：
  tongtu audit anchor --room keyroom",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify lines, anchors and the anchors' public keys; needs no key room, names the first fault
    #[command(after_help = "Examples:
  tongtu audit verify audit-lines audit-anchors anchor-keys
  tongtu audit verify keyroom
  tongtu call --as AUD-1.caller GET /key-uses?after=0 > uses.json && tongtu audit verify uses.json

Exit code 1 when it does not hold; the first line or day is named. That lines behind the last anchor
or the last anchors themselves are gone cannot be seen, so anchors go to somebody else on their day.")]
    Verify(VerifyArgs),
    /// Show an audit chain line by line
    #[command(after_help = "Examples:
  tongtu audit show --room keyroom --last 20")]
    Show(ShowArgs),
    /// Sign every day that is over and has no anchor
    #[command(after_help = "Examples:
  tongtu audit anchor --room keyroom")]
    Anchor(AnchorArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Lines, anchors, public keys and what is said of key uses, told apart by what they are; what a
    /// node answered to GET /key-uses (JSON, in order); or a folder with the first three
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// The last lines alone
    #[arg(long, value_name = "N")]
    last: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AnchorArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    #[command(flatten)]
    custody: room::custody::CustodyArgs,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Verify(args) => check(&args, report),
        Command::Show(args) => show(&args, report),
        Command::Anchor(args) => anchor(&args, report),
    }
}

/// The files of a chain, by what they are.
struct Chain {
    lines: Lines,
    /// What is said of uses of keys, where it was given.
    uses: Lines,
    anchors: Vec<u8>,
    keys: AnchorKeys,
}

const LINES: &str = "audit-lines";
const ANCHORS: &str = "audit-anchors";
const KEYS: &str = "anchor-keys";

impl Chain {
    fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut chain = Self {
            lines: Lines::default(),
            uses: Lines::uses(),
            anchors: Vec::new(),
            keys: AnchorKeys::new(),
        };
        for path in paths {
            if path.is_dir() {
                for name in [LINES, ANCHORS, KEYS] {
                    let path = path.join(name);
                    // A chain that was never anchored has no anchors.
                    if path.exists() {
                        chain.add(&path)?;
                    }
                }
            } else {
                chain.add(path)?;
            }
        }
        Ok(chain)
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.file_name().and_then(|name| name.to_str());
        // The name decides where there is one that we know: a changed first byte is then found by
        // its line and not by a guess.
        let head = lines::head(path)?;
        if name == Some(LINES) || (name != Some(ANCHORS) && head == b"TTAU") {
            return self.lines.add(path);
        }
        if name != Some(ANCHORS) && head == b"TTKU" {
            return self.uses.add(path);
        }
        let bytes = input::read_file(path)?;
        if bytes.starts_with(b"{") {
            return self.add_answer(path, &bytes);
        }
        if name == Some(ANCHORS) || bytes.starts_with(b"TTAA") {
            self.anchors.extend(bytes);
            return Ok(());
        }
        let unknown = || {
            let name = path.display();
            Failure::usage(both(
                format!(
                    "`{name}` holds neither audit lines nor anchors nor public keys of anchors"
                ),
                format!("`{name}` 既不是审计行，也不是审计锚或锚公钥"),
            ))
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| unknown())?;
        for line in text.lines() {
            let (number, key) = parse_anchor_key(line).ok_or_else(unknown)?;
            self.keys.insert(number, key);
        }
        Ok(())
    }
}

impl Chain {
    /// Adds what a node answered: a piece of its lines, and every anchor that it had then.
    fn add_answer(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let refused = |because: String| {
            let name = path.display();
            Failure::usage(both(
                format!("`{name}` is no answer to GET /key-uses"),
                format!("`{name}` 不是 GET /key-uses 的应答"),
            ))
            .because(because)
        };
        let view: KeyUsesView =
            serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))?;
        let (mut lines, mut uses) = (Vec::new(), Vec::new());
        for line in &view.lines {
            lines.extend_from_slice(&line.line.0);
            uses.extend_from_slice(&line.said.0);
        }
        self.lines.add_bytes(path, lines);
        self.uses.add_bytes(path, uses);
        // A later answer has the anchors of an earlier one and those since.
        self.anchors = view.anchors.iter().flat_map(|a| a.0.clone()).collect();
        for key in view.anchor_keys {
            let public = key.public_key.0.as_slice().try_into().ok();
            let public = public.and_then(|bytes| PublicKey::from_compressed(bytes).ok());
            let number = key.number;
            let public = public.ok_or_else(|| refused(format!("key {number} is no public key")))?;
            self.keys.insert(number, public);
        }
        Ok(())
    }

    fn verified(&mut self) -> Result<Result<Verified, Fault>, Failure> {
        let mut verifier = Verifier::new(&self.anchors, &self.keys);
        while let Some(place) = verifier.wants() {
            verifier.take(self.lines.at(place)?);
        }
        Ok(verifier.finish())
    }

    /// What is said of uses beside the lines of a chain that holds; nothing where it was not given.
    fn uses_found(&mut self) -> Result<Option<Result<UsesFound, UseFault>>, Failure> {
        if self.uses.is_empty() {
            return Ok(None);
        }
        let mut reader = UseReader::new();
        let mut next = 1;
        for place in 1..=self.lines.count() {
            // A chain that holds is made of lines.
            let Ok(line) = AuditLine::decode(self.lines.at(place)?) else {
                continue;
            };
            if is_about_use(&line) {
                if let Err(fault) = reader.take(&line, self.uses.at(next)?) {
                    return Ok(Some(Err(fault)));
                }
                next += 1;
            }
        }
        Ok(Some(reader.finish(self.uses.at(next)?)))
    }
}

/// What the uses of keys come to.
#[derive(Serialize)]
struct UsesForm {
    /// How often keys were opened.
    opened: u64,
    /// How often they were used, as far as that is known.
    uses: u64,
    /// How often that is not known.
    unknown: u64,
    /// How many keys are open at the end.
    open: usize,
}

#[derive(Serialize)]
struct Checked {
    holds: bool,
    lines: u64,
    anchors: u32,
    /// The last day that is anchored.
    anchored_to: Option<String>,
    /// Lines behind it: these could be cut off unseen.
    unanchored: Option<u64>,
    /// What the uses of keys come to, where what is said of them was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<UsesForm>,
    /// The first thing that does not hold.
    fault: Option<String>,
    /// `line`, `anchor` or `use`.
    fault_in: Option<&'static str>,
}

fn check(args: &VerifyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut chain = Chain::read(&args.files)?;
    let verified = chain.verified()?;
    let checked = match &verified {
        Ok(found) => {
            let uses = chain.uses_found()?;
            let fault = uses.as_ref().and_then(|uses| uses.as_ref().err());
            Checked {
                holds: fault.is_none(),
                lines: found.lines,
                anchors: found.anchors,
                anchored_to: found.anchored.map(|day| day.compact()),
                unanchored: Some(found.unanchored),
                fault: fault.map(|fault| format!("uses of keys: {fault}")),
                fault_in: fault.map(|_| "use"),
                uses: uses.and_then(Result::ok).map(|found| UsesForm {
                    opened: found.opened,
                    uses: found.uses,
                    unknown: found.lost,
                    open: found.open.len(),
                }),
            }
        }
        Err(fault) => Checked {
            holds: false,
            lines: chain.lines.count(),
            anchors: u32::try_from(chain.anchors.len() / Anchor::LEN).unwrap_or(u32::MAX),
            anchored_to: None,
            unanchored: None,
            uses: None,
            fault: Some(fault.to_string()),
            fault_in: Some(match fault {
                Fault::Line(_) => "line",
                _ => "anchor",
            }),
        },
    };
    let exit = if checked.holds {
        Exit::Done
    } else {
        Exit::Refused
    };
    if report.json() {
        report.value(&checked)?;
        return Ok(exit);
    }
    let lang = report.lang();
    if let Some(fault) = &checked.fault {
        let line = match lang {
            Lang::En => format!("does not hold: {fault}"),
            Lang::Zh => format!("不成立：{fault}"),
        };
        report.toned(Tone::Bad, &line)?;
        return Ok(exit);
    }
    let (lines, unanchored) = (checked.lines, checked.unanchored.unwrap_or(0));
    let line = match lang {
        Lang::En => format!("holds: {lines} lines"),
        Lang::Zh => format!("成立：{lines} 行"),
    };
    report.toned(Tone::Good, &line)?;
    let day = checked.anchored_to.unwrap_or_else(|| String::from("-"));
    report.line(&match lang {
        Lang::En => format!("  anchored to {day}; {unanchored} lines behind the last anchor"),
        Lang::Zh => format!("  已锚定至 {day}；其后 {unanchored} 行尚未锚定"),
    })?;
    if let Some(uses) = checked.uses {
        let UsesForm {
            opened,
            uses,
            unknown,
            open,
        } = uses;
        report.line(&match lang {
            Lang::En => format!(
                "  keys opened {opened} times and used {uses} times; {unknown} times nobody knows how \
                 often; {open} open at the end"
            ),
            Lang::Zh => format!(
                "  密钥开启 {opened} 次，使用 {uses} 次；另有 {unknown} 次开启的使用次数不明；末尾仍开启 {open} 个"
            ),
        })?;
    }
    Ok(exit)
}

#[derive(Serialize)]
struct LineForm {
    number: u64,
    at: i64,
    institution: String,
    actor: String,
    deed: String,
    key: u32,
    permit: u64,
    outcome: String,
    reason: Option<String>,
}

fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    // Opened for what it checks: what is shown is what the room has.
    let room = room::open(&args.room)?;
    let mut file = Lines::default();
    file.add(&args.room.join(LINES))?;
    drop(room);
    let count = file.count();
    let last = args.last.unwrap_or(SHOWN_MAX);
    if args.last.is_none() && count > SHOWN_MAX {
        return Err(Failure::usage(both(
            format!("{count} lines are more than {SHOWN_MAX}, which are shown at once"),
            format!("共 {count} 行，一次最多显示 {SHOWN_MAX} 行"),
        ))
        .hint(both("give --last", "请给出 --last")));
    }
    let mut lines = Vec::new();
    for place in count.saturating_sub(last)..count {
        let line = AuditLine::decode(file.at(place + 1)?);
        lines.push(line.map_err(|error| {
            Failure::refused(both("the chain does not hold", "审计链不成立")).because(error)
        })?);
    }
    if report.json() {
        let forms: Vec<LineForm> = lines
            .iter()
            .map(|line| LineForm {
                number: line.number,
                at: line.at.get(),
                institution: line.institution.to_string(),
                actor: line.actor.to_string(),
                deed: line.deed.to_string(),
                key: line.key,
                permit: line.permit,
                outcome: outcome(line, Lang::En),
                reason: line.reason.map(|reason| reason.to_string()),
            })
            .collect();
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => [
            "line",
            "when",
            "institution",
            "who",
            "what",
            "key",
            "outcome",
        ],
        Lang::Zh => ["行", "时间", "机构", "操作者", "操作", "密钥", "结果"],
    };
    let rows = lines.iter().map(|line| {
        let mut result = outcome(line, lang);
        if let Some(reason) = line.reason {
            result = format!("{result} {reason}");
        }
        [
            line.number.to_string(),
            line.at.to_string(),
            line.institution.to_string(),
            line.actor.to_string(),
            line.deed.to_string(),
            match line.key {
                0 => String::from("-"),
                key => key.to_string(),
            },
            result,
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}

fn outcome(line: &AuditLine, lang: Lang) -> String {
    use tongtu_audit::Outcome;
    let words = match line.entry().map(|entry| entry.outcome) {
        Ok(Outcome::Done) => ("done", "完成"),
        Ok(Outcome::Refused(_)) => ("refused", "拒绝"),
        Ok(Outcome::Failed(_)) => ("failed", "失败"),
        Err(_) => ("unreadable", "无法读取"),
    };
    lang.pick(words).to_owned()
}

#[derive(Serialize)]
struct AnchorForm {
    number: u32,
    day: String,
    lines: u64,
    key: u32,
}

fn anchor(args: &AnchorArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut room = room::open(&args.room)?;
    let mut custody = room::custody::open(&room, &args.room, &args.custody)?;
    let now = room::moment(&room, args.now)?;
    let anchors = room.anchor(&mut *custody, now);
    let anchors = anchors.map_err(|error| room::failure(&args.room, error))?;
    let forms: Vec<AnchorForm> = anchors
        .iter()
        .map(|anchor| AnchorForm {
            number: anchor.number,
            day: anchor.day.compact(),
            lines: anchor.count,
            key: anchor.key,
        })
        .collect();
    if report.json() {
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    if forms.is_empty() {
        report.say(&both(
            "every day that is over has its anchor",
            "已结束的日期均已锚定",
        ))?;
    }
    for form in &forms {
        let (number, day, lines) = (form.number, &form.day, form.lines);
        report.line(&match report.lang() {
            Lang::En => format!("anchor {number}: {day}, {lines} lines"),
            Lang::Zh => format!("锚 {number}：{day}，{lines} 行"),
        })?;
    }
    Ok(Exit::Done)
}

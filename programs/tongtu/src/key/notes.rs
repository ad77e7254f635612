//! `tongtu key notes`: files what nodes noted of keys in the key book, each note once.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_api::{KeyNote, KeyNotesView};
use tongtu_services::KeyReport;
use tongtu_services::keyroom::{Filed, notes_digest};
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room;

pub(crate) const HELP: &[Row] = &[
    ("key notes", "把各节点的密钥使用记录记入密钥簿，每条一次"),
    ("key notes/file", "国家节点 GET /key-notes 的应答，JSON"),
    ("key notes/room", "密钥室目录"),
    ("key notes/now", "时刻；默认当前时间"),
    (
        "key notes#examples",
        "示例：
  tongtu call --as OP-1.caller GET /key-notes > notes.json
  tongtu key notes notes.json --room keyroom",
    ),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the nation's node answered to GET /key-notes, JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

/// What became of the notes, in JSON.
#[derive(Serialize, Default)]
struct FiledForm {
    events: u64,
    lines: u64,
    before: u64,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let refused = |because: String| {
        Failure::usage(both("no notes of keys", "不是密钥使用记录"))
            .because(format!("{}: {because}", args.file.display()))
    };
    let view: KeyNotesView = serde_json::from_str(&input::read_text(&args.file)?)
        .map_err(|error| refused(error.to_string()))?;
    let reports = view.notes.iter().zip(1..).map(|(note, number)| {
        let fault = || {
            refused(format!(
                "note {number}: a value that the book does not have"
            ))
        };
        read(note).ok_or_else(fault)
    });
    // All are read before the first is filed.
    let reports: Vec<KeyReport> = reports.collect::<Result<_, _>>()?;
    if notes_digest(&reports)[..] != view.digest.0[..] {
        return Err(Failure::refused(both(
            "the notes of keys are not those that the node gave",
            "密钥使用记录与节点给出的不一致",
        ))
        .because(format!(
            "{}: their digest is another than it says",
            args.file.display()
        )));
    }
    let mut room = room::open(&args.room)?;
    let mut form = FiledForm::default();
    for note in &reports {
        let now = room::moment(&room, args.now)?;
        let filed = room.file_note(note, now);
        match filed.map_err(|error| room::failure(&args.room, error))? {
            Filed::Event => form.events += 1,
            Filed::Line => form.lines += 1,
            Filed::Before => form.before += 1,
        }
    }
    if report.json() {
        report.value(&form)?;
        return Ok(Exit::Done);
    }
    let FiledForm {
        events,
        lines,
        before,
    } = form;
    let line = match report.lang() {
        Lang::En => format!(
            "{events} filed in the book, {lines} in the audit chain alone, {before} filed before"
        ),
        Lang::Zh => {
            format!("记入密钥簿 {events} 条，仅记入审计链 {lines} 条，此前已记 {before} 条")
        }
    };
    report.line(&line)?;
    Ok(Exit::Done)
}

fn read(note: &KeyNote) -> Option<KeyReport> {
    let institution = note.institution.parse().ok()?;
    let city = note.city.parse().ok()?;
    let numbers = (note.key, note.purpose, note.usage, note.ground);
    KeyReport::of_numbers(institution, city, numbers, Timestamp::new(note.at_s))
}

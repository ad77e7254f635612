//! What the demo shows while it runs and when it is done.

use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tongtu_world::Country;
use tongtu_world::country::NODES;
use tongtu_world::plan::PlannedDay;
use tongtu_world::report::{Story, Table};

use crate::exit::Failure;
use crate::lang::{Lang, both};
use crate::report::Report;

/// What a bar counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// Terminals registered, accounts opened.
    Prepare,
    /// Scans and taps.
    Scans,
    /// Steps of the settlement timetable.
    Settle,
}

/// Three bars on stderr; none where nobody looks.
pub(super) struct Bars {
    prepare: ProgressBar,
    scans: ProgressBar,
    settle: ProgressBar,
}

/// Steps of one day's settlement.
const SETTLE_STEPS: usize = 15;

impl Bars {
    pub(super) fn new(report: &Report, country: &Country, days: &[PlannedDay]) -> Self {
        let bars = MultiProgress::new();
        if report.json() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}")
            .expect("the template is ours");
        let bar = |len: usize, en: &'static str, zh: &'static str| {
            let bar = bars.add(ProgressBar::new(u64::try_from(len).unwrap_or(u64::MAX)));
            bar.set_style(style.clone());
            bar.set_prefix(both(en, zh).of(report.lang()).to_owned());
            bar
        };
        let scans = days.iter();
        let scans = scans
            .map(|d| d.scans.len() + d.taps.len() + d.looks.len())
            .sum();
        Self {
            prepare: bar(
                country.posts.len()
                    + country.riders.len()
                    + country.cardholders.len()
                    + country.face_riders.len(),
                "set-up     ",
                "开户与布设",
            ),
            scans: bar(scans, "rides      ", "扫码刷卡脸"),
            settle: bar((days.len() + 1) * SETTLE_STEPS, "settlement ", "清分结算  "),
        }
    }

    pub(super) fn ticker(&self, part: Part) -> impl FnMut() + use<> {
        let bar = match part {
            Part::Prepare => &self.prepare,
            Part::Scans => &self.scans,
            Part::Settle => &self.settle,
        }
        .clone();
        move || bar.inc(1)
    }

    pub(super) fn finish(&self) {
        for bar in [&self.prepare, &self.scans, &self.settle] {
            bar.finish();
        }
    }
}

/// Prints the story's tables.
pub(super) fn tell(story: &Story<'_>, report: &mut Report) -> Result<(), Failure> {
    let lang = match report.lang() {
        Lang::Zh => tongtu_fare::Lang::Zh,
        Lang::En => tongtu_fare::Lang::En,
    };
    let figures: Vec<String> = story
        .headline(lang)
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let nodes: Vec<&str> = NODES
        .iter()
        .map(|n| report.lang().pick((n.en, n.zh)))
        .collect();
    report.line(&nodes.join(" · "))?;
    report.line(&figures.join(" · "))?;
    for table in [
        story.verdicts(lang),
        story.refusals(lang),
        story.mishaps(lang),
        story.faces(lang),
        story.media(lang),
        story.classes(lang),
        story.flows(lang),
        story.fees(lang),
        story.positions(lang),
        story.findings(lang),
    ] {
        print(&table, report)?;
    }
    report.line("")
}

fn print(table: &Table, report: &mut Report) -> Result<(), Failure> {
    report.line("")?;
    report.line(&table.title)?;
    let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
    report.table(&header, table.rows.iter().cloned())
}

/// Says where everything lies.
pub(super) fn where_it_is(out: &Path, report: &mut Report) -> Result<(), Failure> {
    let shown = out.display();
    let page = report.lang().pick(("report.en.html", "report.zh.html"));
    report.say(&both(
        format!("Written to {shown}: {page}, qr/, exchange/, keys/, key-uses/, events.jsonl, summary.json"),
        format!("已写入 {shown}：{page}、qr/、exchange/、keys/、key-uses/、events.jsonl、summary.json"),
    ))
}

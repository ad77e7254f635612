//! What the days came to, as tables and as one page with charts.
//!
//! Tables are data first ([`Table`]); the terminal and the page draw the same ones.

mod cards;
mod chart;
mod devices;
mod fares;
mod html;

use std::collections::BTreeMap;

use tongtu_clearing::Outcome;
use tongtu_fare::Lang;
use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::Direction;
use tongtu_types::{Fen, FenE7, LineCode};

use crate::audit::Audit;
use crate::cards::{Cardholder, Medium, TapLog};
use crate::country::{Country, NETWORK, NODES, Place, STRANGER};
use crate::faces::FaceLog;
use crate::log::{Observed, RideState, ScanLog};
use crate::plan::PlannedDay;

pub use chart::{Bar, bars, columns};
pub use html::page;

/// Everything a report tells.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// The country.
    pub country: &'a Country,
    /// Its days as planned.
    pub days: &'a [PlannedDay],
    /// Every scan.
    pub logs: &'a [ScanLog],
    /// Every tap of a card.
    pub taps: &'a [TapLog],
    /// Every look of a camera.
    pub looks: &'a [FaceLog],
    /// What the nodes showed.
    pub observed: &'a Observed,
    /// What the auditor found.
    pub audit: &'a Audit,
    /// Exchange files by name, with sender's folder and length.
    pub files: &'a [(String, String, usize)],
    /// Names of the example symbols.
    pub symbols: &'a [String],
}

/// A table for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Column titles.
    pub header: Vec<String>,
    /// Cells; a column whose title ends in `¥` is right-aligned.
    pub rows: Vec<Vec<String>>,
}

/// What riders pay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Means {
    Code,
    Purse,
    Cash,
    Face,
}

impl Means {
    pub(crate) fn name(self, lang: Lang) -> String {
        match self {
            Self::Code => say(lang, "ride code", "乘车码"),
            Self::Purse => say(lang, "card", "实体卡"),
            Self::Cash => say(lang, "e-cash", "电子现金"),
            Self::Face => say(lang, "face", "刷脸"),
        }
    }

    pub(crate) const fn of(holder: &Cardholder) -> Self {
        match holder.medium {
            Medium::Purse => Self::Purse,
            Medium::Cash => Self::Cash,
        }
    }
}

/// Where a ride was, for its rider.
pub(crate) fn where_(lang: Lang, is_away: bool) -> String {
    match is_away {
        true => say(lang, "in the other city", "异地"),
        false => say(lang, "at home", "本地"),
    }
}

/// English or Chinese.
pub(crate) fn say(lang: Lang, en: &str, zh: &str) -> String {
    match lang {
        Lang::En => en.to_owned(),
        Lang::Zh => zh.to_owned(),
    }
}

pub(crate) fn node_name(lang: Lang, node: usize) -> String {
    say(lang, NODES[node].en, NODES[node].zh)
}

fn name_of(lang: Lang, code: &str) -> String {
    match NODES.iter().position(|n| n.code == code) {
        Some(node) => node_name(lang, node),
        None if code == STRANGER => say(lang, "Shenzhen (not accepted)", "深圳（未受理）"),
        None => code.to_owned(),
    }
}

impl Story<'_> {
    /// Net positions by day and hub: who owes whom.
    #[must_use]
    pub fn positions(&self, lang: Lang) -> Table {
        let mut rows = Vec::new();
        for day in &self.observed.days {
            let hub = node_name(lang, day.node);
            for position in &day.positions {
                let net = position.net;
                let word = match net.get() {
                    0 => say(lang, "even", "持平"),
                    1.. => say(lang, "receives", "应收"),
                    _ => say(lang, "pays", "应付"),
                };
                let member = name_of(lang, position.member.as_str());
                rows.push(vec![
                    day.day.to_string(),
                    hub.clone(),
                    member,
                    word,
                    net.to_string(),
                ]);
            }
        }
        Table {
            title: say(lang, "Net positions: who owes whom", "轧差：谁欠谁"),
            header: [
                ("settlement day", "清算日"),
                ("hub", "清分方"),
                ("member", "成员"),
                ("", ""),
                ("net ¥", "净额 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// Rides and money between the two cities, gross.
    #[must_use]
    pub fn flows(&self, lang: Lang) -> Table {
        let mut totals: BTreeMap<(usize, usize), (usize, i64)> = BTreeMap::new();
        for (_, issuer, acquirer, amount) in self.paid() {
            let total = totals.entry((issuer, acquirer)).or_default();
            total.0 += 1;
            total.1 += amount.get();
        }
        let rows = totals
            .into_iter()
            .map(|((issuer, acquirer), (count, fen))| {
                vec![
                    node_name(lang, issuer),
                    node_name(lang, acquirer),
                    count.to_string(),
                    Fen::new(fen).to_string(),
                ]
            })
            .collect();
        Table {
            title: say(lang, "Settled rides", "已结算乘车"),
            header: [
                ("riders of", "发行"),
                ("rode in", "受理"),
                ("rides", "笔数"),
                ("fares ¥", "票款 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// How the fees of cross-city rides are split.
    #[must_use]
    pub fn fees(&self, lang: Lang) -> Table {
        let (mut fee, mut acquirer, mut issuer) = (0i64, 0i64, 0i64);
        for (_, _, _, amount) in self.paid().filter(|(_, from, to, _)| from != to) {
            let one = amount.get() * 35_000;
            fee += one;
            acquirer += one / 2;
            issuer += one * 3 / 10;
        }
        let hub: i64 = self.observed.days.iter().map(|d| d.hub_fee.get()).sum();
        let rounding: i64 = self
            .observed
            .days
            .iter()
            .filter(|d| d.node == 0)
            .map(|d| d.rounding.get())
            .sum();
        let row = |en: &str, zh: &str, e7: i64| vec![say(lang, en, zh), FenE7::new(e7).to_string()];
        Table {
            title: say(lang, "Fees of cross-city rides, in fen", "跨城手续费（分）"),
            header: vec![say(lang, "part", "分项"), say(lang, "fen", "分")],
            rows: vec![
                row("fees charged", "手续费合计", fee),
                row("of which acquirers keep", "其中受理方分成", acquirer),
                row("of which issuers keep", "其中发行方分成", issuer),
                row("of which hubs keep", "其中清分方留存", hub),
                row(
                    "rounding of the national net positions",
                    "全国轧差的尾差",
                    rounding,
                ),
            ],
        }
    }

    /// Scans by verdict, with what the rider was told.
    #[must_use]
    pub fn verdicts(&self, lang: Lang) -> Table {
        let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
        for log in self.logs {
            *counts.entry(log.verdict).or_default() += 1;
        }
        let rows = counts
            .into_iter()
            .map(|(verdict, count)| {
                let told = say(lang, verdict.rider_en(), verdict.rider_zh());
                vec![verdict.to_string(), count.to_string(), told]
            })
            .collect();
        Table {
            title: say(lang, "Scans by verdict", "扫码结论"),
            header: [
                ("verdict", "结论"),
                ("scans", "次数"),
                ("the rider is told", "告知乘客"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// Every refused scan's cause, with its first example.
    #[must_use]
    pub fn refusals(&self, lang: Lang) -> Table {
        let mut first: BTreeMap<_, (usize, &ScanLog)> = BTreeMap::new();
        for log in self.logs.iter().filter(|l| l.verdict != Verdict::Accepted) {
            first.entry(log.scan.trick).or_insert((0, log)).0 += 1;
        }
        let mut rows: Vec<Vec<String>> = first
            .into_iter()
            .map(|(trick, (count, log))| {
                let (en, zh) = trick.name();
                vec![
                    log.verdict.to_string(),
                    say(lang, en, zh),
                    count.to_string(),
                    log.scan.at.china().clock(),
                    self.place(lang, log.scan.post),
                ]
            })
            .collect();
        for (node, rides) in &self.observed.rides {
            let mut causes: BTreeMap<u32, (usize, Fen)> = BTreeMap::new();
            for ride in rides.iter().filter(|r| r.state == RideState::Refused) {
                let cause = causes.entry(ride.result).or_insert((0, ride.amount));
                cause.0 += 1;
            }
            for (code, (count, amount)) in causes {
                let text = Outcome::from_code(code)
                    .map_or_else(String::new, |o| say(lang, o.text_en(), o.text_zh()));
                let city = node_name(lang, *node);
                let what = say(lang, "refused at clearing", "清分拒付");
                let example = format!("{amount}");
                rows.push(vec![
                    format!("{code:06}"),
                    format!("{what}: {text}"),
                    count.to_string(),
                    example,
                    city,
                ]);
            }
        }
        for (node, reasons) in &self.observed.refused_uploads {
            let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
            for reason in reasons {
                *causes.entry(reason).or_default() += 1;
            }
            for (reason, count) in causes {
                let what = say(lang, "upload refused", "上传拒收");
                let city = node_name(lang, *node);
                rows.push(vec![
                    "—".to_owned(),
                    format!("{what}: {reason}"),
                    count.to_string(),
                    String::new(),
                    city,
                ]);
            }
        }
        Table {
            title: say(
                lang,
                "Why codes, rides and uploads were refused",
                "拒绝原因",
            ),
            header: [
                ("code", "代码"),
                ("cause", "原因"),
                ("count", "次数"),
                ("first", "首例"),
                ("where", "地点"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// The auditor's findings.
    #[must_use]
    pub fn findings(&self, lang: Lang) -> Table {
        let rows = self
            .audit
            .findings
            .iter()
            .map(|f| {
                let mark = if f.differences.is_empty() {
                    "✓"
                } else {
                    "✗"
                };
                let what = say(lang, f.en, f.zh);
                let first = f.differences.first().cloned().unwrap_or_default();
                vec![mark.to_owned(), what, f.compared.to_string(), first]
            })
            .collect();
        Table {
            title: say(lang, "What the auditor checked", "审计"),
            header: [
                ("", ""),
                ("finding", "结论"),
                ("compared", "核对数"),
                ("first difference", "首个差异"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }

    /// The few numbers that a page begins with.
    #[must_use]
    pub fn headline(&self, lang: Lang) -> Vec<(String, String)> {
        let scans = self.logs.iter().map(|l| l.verdict == Verdict::Accepted);
        let spoken = self.taps.iter().filter(|l| l.shown.is_some());
        let (accepted, refused): (Vec<bool>, Vec<bool>) = scans
            .chain(spoken.map(|l| l.went_on))
            .chain(self.looks.iter().map(|l| l.went_on))
            .partition(|accepted| *accepted);
        let (accepted, refused) = (accepted.len(), refused.len());
        let figures = [
            (
                "riders with codes",
                "用码乘客",
                self.country.riders.len().to_string(),
            ),
            (
                "riders with cards",
                "用卡乘客",
                self.riders_with(Means::Purse).to_string(),
            ),
            (
                "riders with e-cash",
                "用电子现金乘客",
                self.riders_with(Means::Cash).to_string(),
            ),
            (
                "riders by face",
                "刷脸乘客",
                self.riders_with(Means::Face).to_string(),
            ),
            ("scans", "扫码", self.logs.len().to_string()),
            ("taps", "刷卡", self.taps.len().to_string()),
            ("looks", "刷脸", self.looks.len().to_string()),
            ("accepted", "受理", accepted.to_string()),
            ("refused", "拒绝", refused.to_string()),
            ("rides settled", "结算笔数", self.audit.settled.to_string()),
            ("settled ¥", "结算金额 ¥", self.audit.paid.to_string()),
        ];
        figures
            .into_iter()
            .map(|(en, zh, value)| (say(lang, en, zh), value))
            .collect()
    }

    /// How many riders have this.
    pub(crate) fn riders_with(&self, means: Means) -> usize {
        match means {
            Means::Code => self.country.riders.len(),
            Means::Face => self.country.face_riders.len(),
            Means::Purse | Means::Cash => {
                let holders = self.country.cardholders.iter();
                holders.filter(|holder| Means::of(holder) == means).count()
            }
        }
    }

    /// Where a terminal stands, in words.
    #[must_use]
    pub fn place(&self, lang: Lang, post: usize) -> String {
        let post = &self.country.posts[post];
        let city = self.country.city(post.city);
        let city_name = node_name(lang, post.city);
        let station = |code: &tongtu_types::StationCode| {
            let network = LineCode::parse(NETWORK).expect("a line code");
            city.book
                .network(network)
                .ok()
                .and_then(|n| n.station(*code))
                .map_or_else(|| code.to_string(), |s| s.name.in_lang(lang).to_owned())
        };
        match &post.place {
            Place::Bus { line, vehicle } => {
                let line = city
                    .book
                    .flat_line(*line)
                    .map_or_else(|_| line.to_string(), |l| l.name.in_lang(lang).to_owned());
                format!("{city_name} · {line} · {vehicle}")
            }
            Place::Entry { station: code } => {
                format!(
                    "{city_name} · {} · {}",
                    station(code),
                    say(lang, "entry", "进站")
                )
            }
            Place::Exit { station: code } => {
                format!(
                    "{city_name} · {} · {}",
                    station(code),
                    say(lang, "exit", "出站")
                )
            }
        }
    }

    /// Scans of each hour of the day, accepted and refused.
    pub(crate) fn hours(&self) -> Vec<(usize, usize)> {
        let mut hours = vec![(0, 0); 24];
        for log in self.logs {
            let hour = usize::try_from(log.scan.at.china().hms().0)
                .unwrap_or(0)
                .min(23);
            if log.verdict == Verdict::Accepted {
                hours[hour].0 += 1;
            } else {
                hours[hour].1 += 1;
            }
        }
        hours
    }

    fn settled(&self) -> impl Iterator<Item = &crate::log::LoggedRecord> {
        let settled: std::collections::BTreeSet<_> = self
            .observed
            .rides
            .values()
            .flatten()
            .filter(|r| r.state == RideState::Settled)
            .map(|r| r.record)
            .collect();
        self.logs
            .iter()
            .filter(|l| !l.resumed)
            .filter_map(|l| l.record.as_ref())
            .filter(move |r| r.direction != Direction::Entry && settled.contains(&r.id))
    }

    /// Everything as JSON, for machines.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let table = |table: Table| serde_json::json!({ "title": table.title, "header": table.header, "rows": table.rows });
        let en = Lang::En;
        let headline: serde_json::Map<String, serde_json::Value> = self
            .headline(en)
            .into_iter()
            .map(|(k, v)| (k, v.into()))
            .collect();
        serde_json::json!({
            "seed": self.country.seed.0,
            "days": self.days.iter().map(|d| d.day.to_string()).collect::<Vec<_>>(),
            "headline": headline,
            "clean": self.audit.is_clean(),
            "differences": self
                .audit
                .findings
                .iter()
                .flat_map(|f| f.differences.iter().map(|d| format!("{}: {d}", f.en)))
                .collect::<Vec<_>>(),
            "tables": [
                table(self.media(en)),
                table(self.classes(en)),
                table(self.fares(en)),
                table(self.mishaps(en)),
                table(self.faces(en)),
                table(self.words(en)),
                table(self.positions(en)),
                table(self.flows(en)),
                table(self.fees(en)),
                table(self.verdicts(en)),
                table(self.refusals(en)),
                table(self.findings(en)),
            ],
        })
    }
}

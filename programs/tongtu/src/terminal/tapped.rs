//! What is said about taps: the prompt, what it cost and why, the records.

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_fare::{Class, FareBook, History, Journey, Means, Quote, Ride, Rider};
use tongtu_journal::FileJournal;
use tongtu_tap_record::{Mac2State, Stage, TapRecord};
use tongtu_terminal::tap::{Exchanges, TapOutcome, TapPrompt};
use tongtu_terminal::{Light, RecordStore as _};
use tongtu_types::{Fen, StationCode};

use crate::exit::Failure;
use crate::lang::{Both, both};
use crate::report::{Report, Tone};

/// A tap that is over.
pub(super) struct Tap<'a> {
    pub(super) outcome: &'a TapOutcome,
    pub(super) prompt: &'a TapPrompt,
    pub(super) stored: &'a [u64],
    pub(super) exchanges: Exchanges,
}

/// Everything that a run said; as JSON it is said at the end.
#[derive(Serialize)]
pub(super) struct Said {
    /// Intents from before that nobody came back for, now grey records.
    grey: Vec<RecordForm>,
    taps: Vec<TapForm>,
    store: Option<StoreForm>,
}

#[derive(Serialize)]
struct TapForm {
    outcome: &'static str,
    reason: Option<String>,
    prompt: PromptForm,
    why: Option<WhyForm>,
    card_commands: u16,
    psam_requests: u16,
    records: Vec<RecordForm>,
}

#[derive(Serialize)]
struct PromptForm {
    light: &'static str,
    zh: String,
    en: String,
    fare_fen: Option<i64>,
    balance_fen: Option<i64>,
}

#[derive(Serialize)]
struct WhyForm {
    amount_fen: i64,
    zh: String,
    en: String,
}

#[derive(Serialize)]
struct RecordForm {
    number: u64,
    kind: Words,
    stage: Words,
    mac2: Words,
    recovery: Words,
    /// Masked.
    card: String,
    card_sequence: u16,
    terminal: String,
    terminal_sequence: u32,
    at: String,
    amount_fen: i64,
    balance_after_fen: i64,
    status: String,
    tac: String,
    /// The record and its signature, as uploaded.
    bytes: String,
}

#[derive(Serialize)]
struct Words {
    zh: &'static str,
    en: &'static str,
}

#[derive(Serialize)]
struct StoreForm {
    records: u64,
    intents: u64,
}

impl Said {
    pub(super) fn new(store: &FileJournal, grey: Vec<u64>) -> Self {
        Self {
            grey: records(store, &grey),
            taps: Vec::new(),
            store: None,
        }
    }

    /// Says what a tap came to, or keeps it for the document.
    pub(super) fn tap(
        &mut self,
        tap: &Tap<'_>,
        book: &FareBook,
        store: &FileJournal,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let ride = tap.outcome.ride().map(|ride| &ride.record);
        let quote = ride.and_then(|record| quote_of(book, record));
        let form = TapForm {
            outcome: name(tap.outcome),
            reason: reason(tap.outcome),
            prompt: PromptForm {
                light: light(tap.prompt.light()),
                zh: tap.prompt.display(tongtu_fare::Lang::Zh),
                en: tap.prompt.display(tongtu_fare::Lang::En),
                fare_fen: tap.prompt.fare.map(Fen::get),
                balance_fen: tap.prompt.balance.map(Fen::get),
            },
            why: quote.map(|quote| WhyForm {
                amount_fen: quote.amount.get(),
                zh: quote.explain(tongtu_fare::Lang::Zh),
                en: quote.explain(tongtu_fare::Lang::En),
            }),
            card_commands: tap.exchanges.card,
            psam_requests: tap.exchanges.psam,
            records: records(store, tap.stored),
        };
        if !report.json() {
            say(&form, report)?;
        }
        self.taps.push(form);
        Ok(())
    }

    /// The end of the document, or of the text.
    pub(super) fn end(mut self, store: &FileJournal, report: &mut Report) -> Result<(), Failure> {
        let capacity = store.capacity();
        let (records, intents) = (capacity.held, capacity.intents);
        self.store = Some(StoreForm { records, intents });
        if report.json() {
            return report.value(&self);
        }
        for record in &self.grey {
            report.say(&row_of(record))?;
        }
        report.say(&both(
            format!("store: {records} records, {intents} open intents"),
            format!("存储：记录 {records} 条，未结意向 {intents} 个"),
        ))
    }
}

fn say(form: &TapForm, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let shown = lang.pick((&form.prompt.en, &form.prompt.zh));
    let mut lines = shown.lines();
    let tone = match form.prompt.light {
        "green" => Tone::Good,
        _ => Tone::Bad,
    };
    report.toned(tone, lines.next().unwrap_or_default())?;
    for line in lines {
        report.line(line)?;
    }
    if let Some(reason) = &form.reason {
        report.say(&both(
            format!("reason: {reason}"),
            format!("原因：{reason}"),
        ))?;
    }
    if let Some(why) = &form.why {
        for line in lang.pick((&why.en, &why.zh)).lines() {
            report.line(&format!("  {line}"))?;
        }
    }
    for record in &form.records {
        report.say(&row_of(record))?;
    }
    let (card, psam) = (form.card_commands, form.psam_requests);
    report.say(&both(
        format!("{card} commands to the card, {psam} requests to the PSAM"),
        format!("卡片命令 {card} 条，PSAM 请求 {psam} 次"),
    ))
}

fn row_of(record: &RecordForm) -> Both {
    let RecordForm {
        number,
        kind,
        stage,
        mac2,
        recovery,
        card,
        card_sequence,
        terminal,
        terminal_sequence,
        tac,
        ..
    } = record;
    let amount = Fen::new(record.amount_fen);
    both(
        format!(
            "record {number}: {}, {}, {amount} yuan, {}, MAC2 {}; card {card} no. {card_sequence}, \
             terminal {terminal} no. {terminal_sequence}, TAC {tac}",
            kind.en, stage.en, recovery.en, mac2.en
        ),
        format!(
            "记录 {number}：{}，{}，{amount} 元，{}，MAC2 {}；卡 {card} 序号 {card_sequence}，\
             终端 {terminal} 序号 {terminal_sequence}，TAC {tac}",
            kind.zh, stage.zh, recovery.zh, mac2.zh
        ),
    )
}

fn records(store: &FileJournal, numbers: &[u64]) -> Vec<RecordForm> {
    let stored = store
        .replay()
        .filter(|stored| numbers.contains(&stored.seq));
    let read = stored.filter_map(|stored| {
        let record = TapRecord::decode_signed(stored.record).ok()?;
        Some(form_of(stored.seq, &record, stored.record))
    });
    read.collect()
}

fn form_of(number: u64, record: &TapRecord, bytes: &[u8]) -> RecordForm {
    macro_rules! words {
        ($value:expr) => {
            Words {
                zh: $value.zh(),
                en: $value.en(),
            }
        };
    }
    let card = record.serial.card_number();
    RecordForm {
        number,
        kind: words!(record.kind),
        stage: words!(record.stage),
        mac2: words!(record.mac2),
        recovery: words!(record.recovery),
        card: card.map_or_else(|| String::from("?"), |number| number.to_string()),
        card_sequence: record.sequence,
        terminal: record.terminal.to_string(),
        terminal_sequence: record.terminal_sequence,
        at: record.at.to_string(),
        amount_fen: record.amount.fen().get(),
        balance_after_fen: record.after.fen().get(),
        status: record.status.to_string(),
        tac: match record.mac2 {
            Mac2State::None => String::from("-"),
            _ => hex_encode(&record.tac).to_uppercase(),
        },
        bytes: hex_encode(bytes),
    }
}

const fn name(outcome: &TapOutcome) -> &'static str {
    match outcome {
        TapOutcome::Accepted(_) => "accepted",
        TapOutcome::Recovered(_) => "recovered",
        TapOutcome::Reopened(_) => "reopened",
        TapOutcome::Refused(_) => "refused",
        TapOutcome::Torn { in_doubt: true, .. } => "torn_in_doubt",
        TapOutcome::Torn { .. } => "torn",
        TapOutcome::OutOfService(_) => "out_of_service",
    }
}

fn reason(outcome: &TapOutcome) -> Option<String> {
    match outcome {
        TapOutcome::Refused(refusal) => Some(format!("{refusal:?}")),
        TapOutcome::OutOfService(fault) => Some(fault.to_string()),
        _ => None,
    }
}

const fn light(light: Light) -> &'static str {
    match light {
        Light::Green => "green",
        Light::Amber => "amber",
        Light::Red => "red",
    }
}

/// What the fare book says about a ride that was charged; none where the charge is not the
/// book's price of this ride alone, such as an entry.
fn quote_of(book: &FareBook, record: &TapRecord) -> Option<Quote> {
    let ride = match record.stage {
        Stage::Single => Ride::Flat { line: record.line },
        Stage::Exit => {
            let station = |bytes: [u8; 8]| station_of(book, record, bytes);
            let stayed_s = record.at.instant()?.since_s(record.origin_at.instant()?);
            Ride::Distance {
                network: record.line,
                entry: station(record.origin_station)?,
                exit: station(record.station)?,
                stayed_s: u32::try_from(stayed_s.max(0)).ok()?,
            }
        }
        _ => return None,
    };
    let journey = Journey::new(ride, record.at.instant()?);
    let payer = Rider {
        class: Class(record.card_kind.0),
        means: Means::Card,
        home: record.card_city.code().unwrap_or(book.city().code),
        age: None,
    };
    // The test terminal keeps no history on the card.
    let quote = book.explain(&journey, &payer, &History::default()).ok()?;
    (quote.amount == record.amount.fen()).then_some(quote)
}

/// The station whose code is these bytes in packed digits.
fn station_of(book: &FareBook, record: &TapRecord, bytes: [u8; 8]) -> Option<StationCode> {
    let digits = hex_encode(&bytes);
    let wanted = digits.trim_start_matches('0');
    let network = book.network(record.line).ok()?;
    let mut codes = network.stations().iter().map(|station| station.code);
    codes.find(|code| code.as_str().trim_start_matches('0') == wanted)
}

//! What a card told, ready to be shown: names beside codes, numbers masked unless asked for.

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_ecash::{Amount, TransportData, Values, tag};
use tongtu_purse::city::{self, Name};
use tongtu_purse::field::{City, Date, Institution};
use tongtu_purse::layout::{
    BusRecord, Composite, PublicInfo, RailRecord, Transaction, TransitInfo, Trip,
};
use tongtu_types::{CardNumber, Fen};

use crate::card::snapshot::{CashTold, PurseTold, Snapshot};
use crate::code::{FieldForm, field_form};
use crate::lang::Lang;

/// A card.
#[derive(Debug, Serialize)]
pub(crate) struct CardForm {
    /// Whether it is a card of ours in a file, so a test card; others do not say what they are.
    pub(crate) test: bool,
    pub(crate) atr: String,
    pub(crate) directory: Vec<ListedForm>,
    pub(crate) purses: Vec<PurseForm>,
    pub(crate) cashes: Vec<CashForm>,
}

/// An application that the directory lists.
#[derive(Debug, Serialize)]
pub(crate) struct ListedForm {
    aid: String,
    label: String,
    priority: u8,
}

/// A code with its names.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CodeForm {
    pub(crate) code: String,
    pub(crate) en: Option<&'static str>,
    pub(crate) zh: Option<&'static str>,
}

impl CodeForm {
    fn of(code: String, name: Option<Name>) -> Self {
        Self {
            code,
            en: name.map(|name| name.en),
            zh: name.map(|name| name.zh),
        }
    }

    fn city(city: City) -> Self {
        Self::of(city.to_string(), city.name())
    }

    /// The name, or the code where there is none.
    pub(crate) fn name(&self, lang: Lang) -> &str {
        let name = match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        };
        name.unwrap_or(&self.code)
    }

    /// Both.
    pub(crate) fn full(&self, lang: Lang) -> String {
        match self.en {
            Some(_) => format!("{} {}", self.code, self.name(lang)),
            None => self.code.clone(),
        }
    }
}

/// Whether a card may be used on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Validity {
    Valid,
    NotYet,
    Expired,
    /// The dates are no dates.
    Unknown,
}

impl Validity {
    fn of(starts: Date, expires: Date, today: Date) -> Self {
        match (starts.day(), expires.day(), today.day()) {
            (Some(starts), _, Some(today)) if today < starts => Self::NotYet,
            (_, Some(expires), Some(today)) if today > expires => Self::Expired,
            (Some(_), Some(_), Some(_)) => Self::Valid,
            _ => Self::Unknown,
        }
    }
}

/// An e-purse.
#[derive(Debug, Serialize)]
pub(crate) struct PurseForm {
    pub(crate) aid: String,
    /// Whether SELECT said that it is blocked.
    pub(crate) blocked: bool,
    pub(crate) label: Option<String>,
    pub(crate) version: String,
    pub(crate) number: Option<String>,
    /// Where cards of this number come from.
    pub(crate) number_region: Option<CodeForm>,
    pub(crate) issuer: Option<CodeForm>,
    pub(crate) starts: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) validity: Option<Validity>,
    /// Byte 9 of the public data, 01 on a card in use.
    pub(crate) application_version: Option<u8>,
    pub(crate) city: Option<CodeForm>,
    pub(crate) province: Option<CodeForm>,
    pub(crate) interoperable: Option<bool>,
    pub(crate) kind: Option<CodeForm>,
    pub(crate) balance_fen: Option<i64>,
    pub(crate) overdraft_fen: Option<i64>,
    pub(crate) trips: Vec<TripForm>,
    pub(crate) transactions: Vec<TransactionForm>,
    pub(crate) composites: Vec<CompositeForm>,
}

/// A ride, or a part of one.
#[derive(Debug, Serialize)]
pub(crate) struct TripForm {
    pub(crate) number: u8,
    pub(crate) at: String,
    pub(crate) kind: CodeForm,
    pub(crate) industry: CodeForm,
    pub(crate) city: CodeForm,
    pub(crate) institution: String,
    pub(crate) operator: String,
    pub(crate) line: String,
    pub(crate) station: String,
    pub(crate) terminal: String,
    pub(crate) amount_fen: i64,
    pub(crate) balance_fen: i64,
}

/// A transaction.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionForm {
    pub(crate) number: u8,
    pub(crate) at: String,
    pub(crate) sequence: u16,
    pub(crate) kind: CodeForm,
    pub(crate) amount_fen: i64,
    pub(crate) overdraft_fen: i64,
    pub(crate) terminal: String,
}

/// A composite record.
#[derive(Debug, Serialize)]
pub(crate) struct CompositeForm {
    pub(crate) number: u8,
    /// `rail`, `bus` or `other`.
    pub(crate) what: &'static str,
    pub(crate) state: Option<CodeForm>,
    pub(crate) begun: Option<StopForm>,
    pub(crate) ended: Option<StopForm>,
    pub(crate) amount_fen: Option<i64>,
    pub(crate) hex: String,
    pub(crate) fields: Vec<FieldForm>,
}

/// Where and when a ride began or ended.
#[derive(Debug, Serialize)]
pub(crate) struct StopForm {
    pub(crate) at: String,
    pub(crate) city: CodeForm,
    pub(crate) station: String,
    pub(crate) terminal: String,
}

/// An e-cash.
#[derive(Debug, Serialize)]
pub(crate) struct CashForm {
    pub(crate) aid: String,
    pub(crate) blocked: bool,
    pub(crate) label: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) city: Option<CodeForm>,
    pub(crate) kind: Option<u8>,
    pub(crate) balance_fen: Option<i64>,
    pub(crate) balance_limit_fen: Option<i64>,
    pub(crate) single_limit_fen: Option<i64>,
    pub(crate) transaction_counter: Option<u16>,
    pub(crate) log: Vec<CashLogForm>,
}

/// A payment of the e-cash.
#[derive(Debug, Serialize)]
pub(crate) struct CashLogForm {
    pub(crate) number: u8,
    pub(crate) at: String,
    pub(crate) amount_fen: Option<i64>,
    pub(crate) transaction_type: String,
    pub(crate) counter: Option<u16>,
}

/// How numbers are shown, which day it is, and whether it is a test card.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) reveal: bool,
    pub(crate) today: Date,
    pub(crate) test: bool,
}

impl View {
    fn number(self, number: CardNumber) -> String {
        if self.reveal {
            number.reveal().to_owned()
        } else {
            number.to_string()
        }
    }
}

impl CardForm {
    pub(crate) fn of(snapshot: &Snapshot, view: View) -> Self {
        let listed = snapshot.directory.iter().map(|entry| ListedForm {
            aid: entry.aid.to_string(),
            label: String::from_utf8_lossy(&entry.label).into_owned(),
            priority: entry.priority,
        });
        Self {
            test: view.test,
            atr: hex_encode(&snapshot.atr),
            directory: listed.collect(),
            purses: snapshot
                .purses
                .iter()
                .map(|purse| PurseForm::of(purse, view))
                .collect(),
            cashes: snapshot
                .cashes
                .iter()
                .map(|cash| CashForm::of(cash, view))
                .collect(),
        }
    }
}

/// The number without the digit 0 that stands before its 19 digits in a purse.
fn number_of(public: &PublicInfo) -> Option<CardNumber> {
    let number = public.serial.card_number()?;
    let digits = number.reveal();
    CardNumber::parse(digits.strip_prefix('0').unwrap_or(digits)).ok()
}

impl PurseForm {
    fn of(told: &PurseTold, view: View) -> Self {
        let public = told.public.as_ref();
        let transit = told.transit.as_ref();
        let number = public.and_then(number_of);
        let region = number.as_ref().and_then(|number| {
            let name = city::issuer_region(number.reveal())?;
            Some(CodeForm::of(
                number.reveal().get(..6)?.to_owned(),
                Some(name),
            ))
        });
        Self {
            aid: told.aid.to_string(),
            blocked: !told.selected.is_ok(),
            label: told.label.clone(),
            version: hex_encode(&told.version),
            number: number.map(|number| view.number(number)),
            number_region: region,
            issuer: public.map(|public| issuer(public.issuer)),
            starts: public.map(|public| public.starts.to_string()),
            expires: public.map(|public| public.expires.to_string()),
            validity: public.map(|public| Validity::of(public.starts, public.expires, view.today)),
            application_version: public.map(|public| public.application_version),
            city: city_of(public, transit),
            province: transit.map(|transit| CodeForm::city(transit.province)),
            interoperable: transit.map(|transit| transit.interop == 1),
            kind: transit.map(|transit| {
                CodeForm::of(format!("{:02X}", transit.kind.0), transit.kind.name())
            }),
            balance_fen: told.balance.map(Fen::get),
            overdraft_fen: told.overdraft.map(Fen::get),
            trips: told
                .trips
                .iter()
                .map(|(number, trip)| TripForm::of(*number, trip))
                .collect(),
            transactions: told
                .transactions
                .iter()
                .map(|(number, transaction)| TransactionForm::of(*number, transaction))
                .collect(),
            composites: told
                .composites
                .iter()
                .map(|(number, composite)| CompositeForm::of(*number, composite))
                .collect(),
        }
    }
}

fn issuer(issuer: Institution) -> CodeForm {
    CodeForm::of(issuer.to_string(), issuer.city().name())
}

/// The city: the management data's, or the issuer's where the card does not say.
fn city_of(public: Option<&PublicInfo>, transit: Option<&TransitInfo>) -> Option<CodeForm> {
    let stated = transit
        .map(|transit| transit.city)
        .filter(|city| city.name().is_some());
    let of_issuer = public.map(|public| public.issuer.city());
    let city = stated.or(of_issuer).or(transit.map(|transit| transit.city));
    city.map(CodeForm::city)
}

impl TripForm {
    fn of(number: u8, trip: &Trip) -> Self {
        Self {
            number,
            at: trip.at.to_string(),
            kind: CodeForm::of(format!("{:02X}", trip.kind.0), trip.kind.name()),
            industry: CodeForm::of(format!("{:02X}", trip.industry.0), trip.industry.name()),
            city: CodeForm::city(trip.place()),
            institution: trip.institution.to_string(),
            operator: upper(&trip.operator),
            line: upper(&trip.line),
            station: upper(&trip.station),
            terminal: trip.terminal.number().to_string(),
            amount_fen: trip.amount.fen().get(),
            balance_fen: trip.balance.fen().get(),
        }
    }
}

impl TransactionForm {
    fn of(number: u8, transaction: &Transaction) -> Self {
        let kind = transaction.kind;
        Self {
            number,
            at: transaction.at.to_string(),
            sequence: transaction.sequence,
            kind: CodeForm::of(format!("{:02X}", kind.0), kind.name()),
            amount_fen: transaction.amount.fen().get(),
            overdraft_fen: transaction.overdraft.fen().get(),
            terminal: transaction.terminal.to_string(),
        }
    }
}

impl CompositeForm {
    /// Whether nothing was ever written to it but its id.
    pub(crate) fn is_blank(&self) -> bool {
        let content = self.hex.get(8..).unwrap_or_default();
        content.bytes().all(|digit| digit == b'0')
    }

    fn of(number: u8, composite: &Composite) -> Self {
        let bytes = composite.bytes();
        let form = |what, state, begun, ended, amount: Option<Fen>, fields| Self {
            number,
            what,
            state,
            begun,
            ended,
            amount_fen: amount.map(Fen::get),
            hex: hex_encode(&bytes),
            fields,
        };
        match composite {
            Composite::Rail(rail) => form(
                "rail",
                Some(CodeForm::of(
                    format!("{:02X}", rail.state.0),
                    rail.state.name(),
                )),
                StopForm::of(
                    &rail.entry_at.to_string(),
                    rail.entry_city,
                    &rail.entry_station,
                    &rail.entry_terminal.number().to_string(),
                ),
                StopForm::of(
                    &rail.exit_at.to_string(),
                    rail.exit_city,
                    &rail.exit_station,
                    &rail.exit_terminal.number().to_string(),
                ),
                Some(rail.exit_amount.fen()),
                RailRecord::describe(&bytes, 0)
                    .into_iter()
                    .map(field_form)
                    .collect(),
            ),
            Composite::Bus(bus) => form(
                "bus",
                Some(CodeForm::of(
                    format!("{:02X}", bus.state.0),
                    bus.state.name(),
                )),
                StopForm::of(
                    &bus.on_at.to_string(),
                    bus.on_city,
                    &[bus.on_station],
                    &bus.on_terminal.number().to_string(),
                ),
                StopForm::of(
                    &bus.off_at.to_string(),
                    bus.off_city,
                    &[bus.off_station],
                    &bus.off_terminal.number().to_string(),
                ),
                Some(bus.amount.fen()),
                BusRecord::describe(&bytes, 0)
                    .into_iter()
                    .map(field_form)
                    .collect(),
            ),
            Composite::Other(_) => form("other", None, None, None, None, Vec::new()),
        }
    }
}

impl StopForm {
    /// None where nothing happened yet.
    fn of(at: &str, city: City, station: &[u8], terminal: &str) -> Option<Self> {
        (at != "-").then(|| Self {
            at: at.to_owned(),
            city: CodeForm::city(city),
            station: upper(station),
            terminal: terminal.to_owned(),
        })
    }
}

impl CashForm {
    fn of(told: &CashTold, view: View) -> Self {
        let transport = told
            .discretionary
            .as_ref()
            .and_then(|data| data.transport.as_ref());
        Self {
            aid: told.aid.to_string(),
            blocked: !told.selected.is_ok(),
            label: told.label.clone(),
            number: cash_number(told, transport).map(|number| view.number(number)),
            expires: told.expires.as_deref().and_then(date_of_century),
            city: transport.map(|transport| CodeForm::city(City(transport.city))),
            kind: transport.map(|transport| transport.kind),
            balance_fen: told.balance.map(Fen::get),
            balance_limit_fen: told.balance_limit.map(Fen::get),
            single_limit_fen: told.single_limit.map(Fen::get),
            transaction_counter: told.counter,
            log: told
                .log
                .iter()
                .map(|(number, values)| CashLogForm::of(*number, values))
                .collect(),
        }
    }
}

fn cash_number(told: &CashTold, transport: Option<&TransportData>) -> Option<CardNumber> {
    let digits = |bytes: &[u8]| {
        let text = hex_encode(bytes);
        let end = text.find(['d', 'f']).unwrap_or(text.len());
        CardNumber::parse(text.get(..end)?).ok()
    };
    let stated = told.number.as_deref().and_then(digits);
    stated.or_else(|| transport.map(|transport| transport.number))
}

impl CashLogForm {
    fn of(number: u8, values: &Values) -> Self {
        let value = |tag| values.get(&tag).map(Vec::as_slice);
        // Cards fill in zeros for what the terminal was not asked.
        let date = value(tag::DATE).and_then(date_of_century);
        let time = value(tag::TIME).map(hex_encode).unwrap_or_default();
        let time = match (time.get(..2), time.get(2..4), time.get(4..6)) {
            (Some(h), Some(m), Some(s)) => format!(" {h}:{m}:{s}"),
            _ => String::new(),
        };
        let at = date.map_or_else(|| String::from("-"), |date| format!("{date}{time}"));
        Self {
            number,
            at,
            amount_fen: value(tag::AMOUNT)
                .and_then(|bytes| Amount::decode(bytes).ok())
                .map(|amount| amount.fen().get()),
            transaction_type: value(tag::TRANSACTION_TYPE).map(upper).unwrap_or_default(),
            counter: value(tag::ATC)
                .and_then(|bytes| Some(u16::from_be_bytes(bytes.try_into().ok()?))),
        }
    }
}

/// `yymmdd` of this century, if it is a day.
fn date_of_century(bytes: &[u8]) -> Option<String> {
    match bytes {
        [y, m, d] => Some(Date([0x20, *y, *m, *d]).day()?.to_string()),
        _ => None,
    }
}

fn upper(bytes: &[u8]) -> String {
    hex_encode(bytes).to_uppercase()
}

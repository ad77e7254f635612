//! The text format of a fare book, and its parser.
//!
//! A book is UTF-8 text, one record a line: a keyword, then fields separated by `|`. Spaces
//! around fields, empty lines and lines that begin with `#` do not count. Nothing is guessed: an
//! unknown keyword, a missing field or a record out of order is an error that names its line.
//!
//! ```text
//! fare-book 1                            the format's version
//! city CODE | ZH | EN                    4 digits, the city's two names
//! version N                              1 or more, rises with each book of the city
//! effective YYYY-MM-DD                   the first day on which the book counts
//! currency CNY
//!
//! flat CODE | ZH | EN | YUAN             a line with one fare; any number of them
//!
//! network CODE | ZH | EN                 a network priced by distance; any number of them
//! stay SECONDS | max-fare                stay limit; beyond it the network's highest fare
//! ladder METRES | YUAN                   the base fare and how far it carries
//! step METRES | METRES-PER-YUAN          further steps, rising ...
//! step inf | METRES-PER-YUAN             ... the last one without an end
//! line CODE | ZH | EN                    the links that follow belong to it
//! station CODE | ZH | EN                 before its first link; once, however many lines call
//! link CODE | CODE | METRES              adjacent stations; `1763?` marks a derived length
//! ```
//!
//! The first five records stand in this order, then flat lines and networks in any order; `stay`,
//! `ladder` and `step` follow their `network` at once. Codes of flat lines and networks are
//! unique in the book, line and station codes in their network. Every station of a network must
//! be reached from every other. Line codes have up to 6 characters, station codes up to 8.
//!
//! Format 2 has all of that and, where the records above say "in any order":
//!
//! ```text
//! mode MODE                              after a head: bus, metro, tram, ferry or rail
//! path shortest                          after a network's `mode`; or `ridden`
//! stay SECONDS | +YUAN                   beyond it so much more, the ride keeps its discounts
//!
//! route CODE | ZH | EN                   a line or a system of zones with two taps; then `mode`
//!                                        and `stay` where wanted, one or more tables, the stops
//! ladder METRES | YUAN                   a table by distance, with its steps
//! segments WHEN                          ... by segments touched, with `tier N | YUAN`
//! zones WHEN                             ... by numbered zones touched, with `tier N | YUAN`
//! time WHEN                              ... by time, with `tier SECONDS | YUAN`
//! pairs WHEN                             ... by zones, with `pair` and `oneway`
//! tier inf | YUAN                        the last tier
//! pair ZONE | ZONE | YUAN                both ways
//! oneway ZONE | ZONE | YUAN              one way
//! stop CODE | ZH | EN | PLACE            its metre mark, segment, zone number, zones (`A,B`), `-`
//! stop * | ZH | EN | PLACE               all stops that are not named; by zones or time only
//!
//! class KEY | ZH | EN | NUMBER           a class of riders by its number on cards
//! workday YYYY-MM-DD                     a day of rest on which one works; `restday` the contrary
//! counter N | WINDOW | MEASURE | WHEN    1 to 4; day, month or year; paid, full or rides
//! surcharge KEY | ZH | EN | WHEN | EFFECT        likewise concession, means, transfer, cap
//! accumulation KEY | ZH | EN | WHEN | COUNTER    by what the counter holds before the ride ...
//! from SUM | EFFECT                              ... from that sum on; yuan, or rides
//! product N | ZH | EN | WHEN | YUAN | TERMS      a ticket: `rides=90 month`, `hours=24`, `days=7`
//! repair KIND | WHEN | CHARGE | WHO | SECONDS    a ride that is not whole
//! round YUAN | MODE | WHEN                       half-up, up or down to a multiple of that
//! ```
//!
//! WHEN is `any`, or conditions that must all hold, with spaces between: `class=student,elder`,
//! `means=card`, `mode=bus,metro`, `line=AIR`, `stop=T3` (an end of the ride), `home=local` or
//! `visitor`, `age=65-` or `6-14`, `since=` and `until=` a day, `days=workday`, `restday` or
//! `1-5`, `hours=07:00-08:30,17:00-18:30` (the end not included), `by=payment` (days and hours
//! of the payment, else of the beginning). Means, transfers and accumulations may say
//! `concession=no`: only where no concession was applied. A transfer has besides `after=bus`, `after-line=1,2`,
//! `within=SECONDS`, `chain=1` (transfers in a row), `same-line=reverse` or `yes`, `clock=`
//! paid-begun (usual), paid-paid, begun-begun, begun-paid or chain-begun.
//!
//! EFFECT is `95%`, `-0.40`, `+5.00`, `=2.00` or `free`; of a transfer also `together 3.00`; of a
//! surcharge `+5.00` or `premium 2` (times the fare of the metres in the business carriage); of
//! a cap `max 8.00`, `min 1.00` or `total N 20.00` (with what counter N holds).
//!
//! KIND is missing-exit, missing-entry, same-station, gap, late-record, duplicate or clock-drift;
//! CHARGE is `ride`, `farthest`, `highest`, `=YUAN`, `free` or `later`; WHO is rider, acquirer,
//! issuer or nobody.
//!
//! The order in which rules are applied is that of their kinds: surcharge, ticket, concession,
//! means, transfer, accumulation, cap, round. Of concessions, means, transfers and accumulations
//! the first that applies counts, so the book's order matters within a kind; surcharges and caps
//! are all applied. A class, a counter's number or a rule's key stands once.
//!
//! Rules are for every rider alike unless they say `home=`: service rules draft §25 asks for the
//! same terms for other cities' cards.
//!
//! UNSPECIFIED: no standard gives fares as data; this format is ours. Its version is its first
//! record, so that an older book is never misread.

mod error;
mod record;
mod route;
mod rules;
mod when;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, LineCode, StationCode};

pub use error::{ParseError, ParseErrorKind};
use record::{Reader, Record};
use rules::Rules;

use crate::network::Plan;
use crate::{
    Certainty, City, FareBook, FlatLine, LINK_MAX_M, Ladder, LadderError, LadderStep, Line, Link,
    Mode, Network, OverStay, Path, Route, STATIONS_MAX, Station,
};

/// The longest text taken as a fare book, in bytes.
pub const BOOK_MAX_BYTES: usize = 4 << 20;

/// The longest stay limit: two days.
const STAY_MAX_S: u32 = 172_800;

const IN_BOOK: &str = "`flat`, `network` or the end of the book";
const IN_LADDER: &str = "`step`";
const IN_NETWORK: &str = "`line`, `station`, `link`, `flat`, `network` or the end of the book";

/// Reads a fare book; see [`FareBook::parse`].
pub(crate) fn book(bytes: &[u8]) -> Result<FareBook, ParseError> {
    let mut reader = Reader::new(bytes)?;
    let head = reader.take("fare-book", "VERSION")?;
    let format = match head.fields[0] {
        "1" => Format::One,
        "2" => Format::Two,
        _ => return Err(head.value(0, "format version", "1 or 2")),
    };
    let city = reader.take("city", "CODE | ZH | EN")?;
    let city = City {
        code: city.parsed(0, "city code", "4 digits")?,
        name: city.name(1)?,
    };
    let version = reader
        .take("version", "N")?
        .number(0, "version", 1..=u32::MAX)?;
    let effective = reader.take("effective", "YYYY-MM-DD")?.day(0)?;
    reader.take("currency", "CNY")?.only(0, "currency", "CNY")?;
    let mut body = Body::default();
    let mut rules = Rules::default();
    while let Some(record) = reader.peek() {
        match (format, record.keyword) {
            (_, "flat") => body.flat(&mut reader, format)?,
            (_, "network") => body.network(&mut reader, format)?,
            (Format::One, _) => return Err(record.unexpected(IN_BOOK)),
            (Format::Two, "route") => body.route(&mut reader, &mut rules)?,
            (Format::Two, _) => rules.record(&mut reader)?,
        }
    }
    if body.services.is_empty() {
        return Err(reader.missing(match format {
            Format::One => "`flat` or `network`",
            Format::Two => "`flat`, `network` or `route`",
        }));
    }
    rules.check(&body.services)?;
    let Body {
        flat_lines,
        networks,
        routes,
        ..
    } = body;
    // By kind, and in the book's order within one.
    rules.rules.sort_by_key(|rule| rule.kind);
    rules.counters.sort_by_key(|counter| counter.number);
    Ok(FareBook {
        city,
        version,
        effective,
        flat_lines,
        networks,
        routes,
        classes: rules.classes,
        rules: rules.rules,
        counters: rules.counters,
        products: rules.products,
        repairs: rules.repairs,
        roundings: rules.roundings,
        calendar: rules.calendar,
    })
}

/// The version of the format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    One,
    Two,
}

/// The flat lines, networks and routes read so far.
#[derive(Default)]
struct Body {
    flat_lines: BTreeMap<LineCode, FlatLine>,
    networks: BTreeMap<LineCode, Network>,
    routes: BTreeMap<LineCode, Route>,
    /// The line number of each code of any kind.
    services: BTreeMap<LineCode, u32>,
}

impl Body {
    fn flat(&mut self, reader: &mut Reader<'_>, format: Format) -> Result<(), ParseError> {
        let record = reader.take("flat", "CODE | ZH | EN | YUAN")?;
        let code = self.service(&record)?;
        let line = FlatLine {
            code,
            name: record.name(1)?,
            fare: record.fare(3)?,
            mode: mode(reader, format, Mode::Bus)?,
        };
        self.flat_lines.insert(code, line);
        Ok(())
    }

    fn network(&mut self, reader: &mut Reader<'_>, format: Format) -> Result<(), ParseError> {
        let head = reader.take("network", "CODE | ZH | EN")?;
        let code = self.service(&head)?;
        let name = head.name(1)?;
        let mode = mode(reader, format, Mode::Metro)?;
        let path = path(reader, format)?;
        let (stay_limit_s, over_stay) = stay(reader, format)?;
        let ladder = ladder(reader)?;
        let mut members = Members::default();
        while let Some(record) = reader.peek() {
            match record.keyword {
                "line" => members.line(reader)?,
                "station" => members.station(reader)?,
                "link" => members.link(reader)?,
                "flat" | "network" => break,
                _ if format == Format::Two => break,
                _ => return Err(record.unexpected(IN_NETWORK)),
            }
        }
        let Members {
            stations,
            lines,
            links,
            station_at,
            ..
        } = members;
        if stations.len() < 2 {
            return Err(head.error(ParseErrorKind::TooFew {
                what: "stations",
                min: 2,
            }));
        }
        let codes: Vec<StationCode> = stations.iter().map(|station| station.code).collect();
        let plan = Plan {
            code,
            name,
            mode,
            stay_limit_s,
            over_stay,
            path,
            ladder,
            stations,
            lines,
            links,
        };
        let network = Network::build(plan).map_err(|unreached| {
            let (station, from) = (codes[unreached], codes[0]);
            let (_, line) = station_at[&station];
            ParseError {
                line,
                kind: ParseErrorKind::Unreached { station, from },
            }
        })?;
        self.networks.insert(code, network);
        Ok(())
    }

    /// The code of a flat line or a network, which no other in the book has.
    fn service(&mut self, record: &Record<'_>) -> Result<LineCode, ParseError> {
        let code = record.line_code(0)?;
        match self.services.insert(code, record.line) {
            Some(first_line) => Err(record.duplicate("code of a flat line or network", first_line)),
            None => Ok(code),
        }
    }
}

/// The lines, stations and links of one network read so far.
#[derive(Default)]
struct Members {
    lines: Vec<Line>,
    stations: Vec<Station>,
    links: Vec<Link>,
    line_at: BTreeMap<LineCode, u32>,
    /// Index and line number of each station.
    station_at: BTreeMap<StationCode, (usize, u32)>,
    /// Line number of each link, by line and stations in rising order.
    link_at: BTreeMap<(usize, usize, usize), u32>,
}

impl Members {
    fn line(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("line", "CODE | ZH | EN")?;
        let code = record.line_code(0)?;
        if let Some(first_line) = self.line_at.insert(code, record.line) {
            return Err(record.duplicate("line of this network", first_line));
        }
        self.lines.push(Line {
            code,
            name: record.name(1)?,
        });
        Ok(())
    }

    fn station(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("station", "CODE | ZH | EN")?;
        let code = record.station_code(0)?;
        if self.stations.len() == STATIONS_MAX {
            return Err(record.error(ParseErrorKind::TooMany {
                what: "stations",
                max: STATIONS_MAX,
            }));
        }
        if let Some((_, first_line)) = self
            .station_at
            .insert(code, (self.stations.len(), record.line))
        {
            return Err(record.duplicate("station of this network", first_line));
        }
        self.stations.push(Station {
            code,
            name: record.name(1)?,
        });
        Ok(())
    }

    fn link(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("link", "CODE | CODE | METRES")?;
        let Some(line_index) = self.lines.len().checked_sub(1) else {
            return Err(record.unexpected("`line` before the first `link`"));
        };
        let station_indices = [self.declared(&record, 0)?, self.declared(&record, 1)?];
        let [a, b] = station_indices;
        if a == b {
            return Err(record.value(1, "other end of the link", "another station"));
        }
        let key = (line_index, a.min(b), a.max(b));
        if let Some(first_line) = self.link_at.insert(key, record.line) {
            return Err(record.duplicate("link of this line", first_line));
        }
        let (metres, certainty) = match record.fields[2].strip_suffix('?') {
            Some(digits) => (digits, Certainty::Derived),
            None => (record.fields[2], Certainty::Published),
        };
        let metres = record.number_in(metres, 2, "length in metres", 1..=LINK_MAX_M)?;
        self.links.push(Link {
            line_index,
            station_indices,
            metres,
            certainty,
        });
        Ok(())
    }

    /// The index of a station that was declared above.
    fn declared(&self, record: &Record<'_>, field: usize) -> Result<usize, ParseError> {
        let code = record.station_code(field)?;
        let known = self.station_at.get(&code).map(|(index, _)| *index);
        known.ok_or_else(|| record.error(ParseErrorKind::UnknownStation { station: code }))
    }
}

/// The `mode` that may follow a head in format 2.
fn mode(reader: &mut Reader<'_>, format: Format, usual: Mode) -> Result<Mode, ParseError> {
    if format == Format::One || reader.peek().is_none_or(|record| record.keyword != "mode") {
        return Ok(usual);
    }
    let record = reader.take("mode", "MODE")?;
    let mode = Mode::from_word(record.fields[0]);
    mode.ok_or_else(|| record.value(0, "mode", "bus, metro, tram, ferry or rail"))
}

/// The `path` that may follow a network's head in format 2.
fn path(reader: &mut Reader<'_>, format: Format) -> Result<Path, ParseError> {
    if format == Format::One || reader.peek().is_none_or(|record| record.keyword != "path") {
        return Ok(Path::Shortest);
    }
    let record = reader.take("path", "shortest or ridden")?;
    match record.fields[0] {
        "shortest" => Ok(Path::Shortest),
        "ridden" => Ok(Path::Ridden),
        _ => Err(record.value(0, "path", "shortest or ridden")),
    }
}

fn stay(reader: &mut Reader<'_>, format: Format) -> Result<(u32, OverStay), ParseError> {
    const NAME: &str = "charge for an over-stay";
    let record = reader.take("stay", "SECONDS | max-fare")?;
    let limit_s = record.number(0, "stay limit in seconds", 1..=STAY_MAX_S)?;
    if format == Format::One {
        record.only(1, NAME, "max-fare")?;
        return Ok((limit_s, OverStay::MaxFare));
    }
    let charge = match record.fields[1].strip_prefix('+') {
        Some(more) => when::yuan(more).map(OverStay::More),
        None => (record.fields[1] == "max-fare").then_some(OverStay::MaxFare),
    };
    let charge = charge.ok_or_else(|| record.value(1, NAME, "max-fare or +YUAN"))?;
    Ok((limit_s, charge))
}

fn ladder(reader: &mut Reader<'_>) -> Result<Ladder, ParseError> {
    let head = reader.take("ladder", "METRES | YUAN")?;
    let base_m = head.number(0, "metres of the base fare", 0..=u32::MAX)?;
    let base_fare = head.fare(1)?;
    let (mut steps, mut step_lines) = (Vec::new(), Vec::new());
    while let Some(record) = reader.peek() {
        match record.keyword {
            "step" => {}
            _ if steps.is_empty() => return Err(record.unexpected(IN_LADDER)),
            _ => break,
        }
        let record = reader.take("step", "METRES | METRES-PER-YUAN")?;
        let upto_m = match record.fields[0] {
            "inf" => None,
            _ => Some(record.number(0, "end of the step in metres, or `inf`", 0..=u32::MAX)?),
        };
        let m_per_yuan = record.number(1, "metres per yuan", 0..=u32::MAX)?;
        steps.push(LadderStep { upto_m, m_per_yuan });
        step_lines.push(record.line);
    }
    Ladder::new(base_m, base_fare, steps).map_err(|error| {
        let line = match error {
            LadderError::NotRising { index, .. }
            | LadderError::AfterLast { index }
            | LadderError::ZeroRate { index } => step_lines[index],
            LadderError::Ends { .. } => step_lines.last().copied().unwrap_or(head.line),
            LadderError::BaseFare { .. } => head.line,
        };
        ParseError {
            line,
            kind: ParseErrorKind::Ladder(error),
        }
    })
}

impl Record<'_> {
    fn day(&self, field: usize) -> Result<BusinessDay, ParseError> {
        const EXPECTED: &str = "a day that exists, YYYY-MM-DD";
        let day = when::day(self.fields[field]);
        day.ok_or_else(|| self.value(field, "first day", EXPECTED))
    }

    fn line_code(&self, field: usize) -> Result<LineCode, ParseError> {
        self.parsed(field, "code", "1 to 6 letters, digits or marks")
    }

    fn station_code(&self, field: usize) -> Result<StationCode, ParseError> {
        self.parsed(field, "station code", "1 to 8 letters, digits or marks")
    }
}

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
//! UNSPECIFIED: no standard gives fares as data; this format is ours. Its version is its first
//! record, so that zones, discounts and transfers can follow without misreading an older book.

mod error;
mod record;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, LineCode, StationCode};

pub use error::{ParseError, ParseErrorKind};
use record::{Reader, Record};

use crate::network::Plan;
use crate::{
    Certainty, City, FareBook, FlatLine, LINK_MAX_M, Ladder, LadderError, LadderStep, Line, Link,
    Network, STATIONS_MAX, Station,
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
    reader
        .take("fare-book", "1")?
        .only(0, "format version", "1")?;
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
    while let Some(record) = reader.peek() {
        match record.keyword {
            "flat" => body.flat(&mut reader)?,
            "network" => body.network(&mut reader)?,
            _ => return Err(record.unexpected(IN_BOOK)),
        }
    }
    if body.services.is_empty() {
        return Err(reader.missing("`flat` or `network`"));
    }
    let Body {
        flat_lines,
        networks,
        ..
    } = body;
    Ok(FareBook {
        city,
        version,
        effective,
        flat_lines,
        networks,
    })
}

/// The flat lines and networks read so far.
#[derive(Default)]
struct Body {
    flat_lines: BTreeMap<LineCode, FlatLine>,
    networks: BTreeMap<LineCode, Network>,
    /// The line number of each code of either kind.
    services: BTreeMap<LineCode, u32>,
}

impl Body {
    fn flat(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("flat", "CODE | ZH | EN | YUAN")?;
        let code = self.service(&record)?;
        let line = FlatLine {
            code,
            name: record.name(1)?,
            fare: record.fare(3)?,
        };
        self.flat_lines.insert(code, line);
        Ok(())
    }

    fn network(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let head = reader.take("network", "CODE | ZH | EN")?;
        let code = self.service(&head)?;
        let name = head.name(1)?;
        let stay = reader.take("stay", "SECONDS | max-fare")?;
        let stay_limit_s = stay.number(0, "stay limit in seconds", 1..=STAY_MAX_S)?;
        stay.only(1, "charge for an over-stay", "max-fare")?;
        let ladder = ladder(reader)?;
        let mut members = Members::default();
        while let Some(record) = reader.peek() {
            match record.keyword {
                "line" => members.line(reader)?,
                "station" => members.station(reader)?,
                "link" => members.link(reader)?,
                "flat" | "network" => break,
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
            stay_limit_s,
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
        match self.fields[field].len() {
            10 => self.parsed(field, "first day", EXPECTED),
            _ => Err(self.value(field, "first day", EXPECTED)),
        }
    }

    fn line_code(&self, field: usize) -> Result<LineCode, ParseError> {
        self.parsed(field, "code", "1 to 6 letters, digits or marks")
    }

    fn station_code(&self, field: usize) -> Result<StationCode, ParseError> {
        self.parsed(field, "station code", "1 to 8 letters, digits or marks")
    }
}

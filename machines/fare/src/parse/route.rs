//! Routes: lines and systems of zones with two taps.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_types::{Fen, StationCode};

use super::record::{Reader, Record};
use super::rules::Rules;
use super::{Body, Format, ParseError, ParseErrorKind, ladder, mode, stay};
use crate::{Mode, OverStay, Pairs, Route, STOPS_MAX, Scale, Stop, Table, Tiers, When};

/// The highest mark of a stop: beyond any line, and far from the end of 32 bits.
const MARK_MAX: u32 = 4_000_000;

/// How many tables a route may have.
const TABLES_MAX: usize = 64;

/// How many pairs of zones a table may have.
const PAIRS_MAX: usize = 65_536;

/// How many zones a stop may be in.
const ZONES_MAX: usize = 16;

/// The code of the stop that stands for all that are not named.
const OTHERS: &str = "*";

const TABLES: &str = "`ladder`, `segments`, `zones`, `pairs` or `time`";

impl Body {
    pub(super) fn route(
        &mut self,
        reader: &mut Reader<'_>,
        rules: &mut Rules,
    ) -> Result<(), ParseError> {
        let head = reader.take("route", "CODE | ZH | EN")?;
        let code = self.service(&head)?;
        let name = head.name(1)?;
        let mode = mode(reader, Format::Two, Mode::Bus)?;
        let stay: Option<(u32, OverStay)> = match reader.peek() {
            Some(record) if record.keyword == "stay" => Some(stay(reader, Format::Two)?),
            _ => None,
        };
        let tables = tables(reader, rules)?;
        let mut stops = Vec::new();
        let mut others = None;
        let mut index_by_code = BTreeMap::new();
        let mut station_at: BTreeMap<StationCode, u32> = BTreeMap::new();
        while reader.peek().is_some_and(|record| record.keyword == "stop") {
            let record = reader.take("stop", "CODE | ZH | EN | PLACE")?;
            if stops.len() == STOPS_MAX {
                return Err(record.error(ParseErrorKind::TooMany {
                    what: "stops",
                    max: STOPS_MAX,
                }));
            }
            let code = record.station_code(0)?;
            if let Some(first_line) = station_at.insert(code, record.line) {
                return Err(record.duplicate("stop of this route", first_line));
            }
            if code.as_str() == OTHERS {
                let by_place = matches!(tables[0].scale, Scale::Distance(_) | Scale::Segments(_));
                if by_place {
                    let expected = "a stop's own code where the fare goes by its place";
                    return Err(record.value(0, "station code", expected));
                }
                others = Some(stops.len());
            }
            index_by_code.insert(code, stops.len());
            stops.push(stop(&record, code, &tables[0].scale)?);
        }
        if stops.len() < 2 && others.is_none() {
            return Err(head.error(ParseErrorKind::TooFew {
                what: "stops",
                min: 2,
            }));
        }
        let route = Route {
            code,
            name,
            mode,
            stay,
            stops,
            index_by_code,
            tables,
            others,
        };
        self.routes.insert(code, route);
        Ok(())
    }
}

/// One table at least; all go by the same.
fn tables(reader: &mut Reader<'_>, rules: &mut Rules) -> Result<Vec<Table>, ParseError> {
    let mut tables: Vec<Table> = Vec::new();
    let mut first = "";
    loop {
        let Some(record) = reader.peek() else {
            return match tables.is_empty() {
                true => Err(reader.missing(TABLES)),
                false => Ok(tables),
            };
        };
        let keyword = record.keyword;
        let is_table = ["ladder", "segments", "zones", "pairs", "time"].contains(&keyword);
        if !is_table {
            return match tables.is_empty() {
                true => Err(record.unexpected(TABLES)),
                false => Ok(tables),
            };
        }
        if !tables.is_empty() && (keyword != first || keyword == "ladder") {
            return Err(record.unexpected("a table of the kind of the first, or `stop`"));
        }
        if tables.len() == TABLES_MAX {
            return Err(record.error(ParseErrorKind::TooMany {
                what: "tables",
                max: TABLES_MAX,
            }));
        }
        first = keyword;
        let table = match keyword {
            "ladder" => Table {
                when: When::default(),
                scale: Scale::Distance(ladder(reader)?),
            },
            "segments" => Table {
                when: head(reader, "segments", rules)?,
                scale: Scale::Segments(tiers(reader)?),
            },
            "zones" => Table {
                when: head(reader, "zones", rules)?,
                scale: Scale::Zones(tiers(reader)?),
            },
            "time" => Table {
                when: head(reader, "time", rules)?,
                scale: Scale::Time(tiers(reader)?),
            },
            _ => Table {
                when: head(reader, "pairs", rules)?,
                scale: Scale::Pairs(pairs(reader)?),
            },
        };
        tables.push(table);
    }
}

fn head(
    reader: &mut Reader<'_>,
    keyword: &'static str,
    rules: &mut Rules,
) -> Result<When, ParseError> {
    let record = reader.take(keyword, "WHEN")?;
    rules.when(&record, 0)
}

fn tiers(reader: &mut Reader<'_>) -> Result<Tiers, ParseError> {
    let mut steps: Vec<(u32, Fen)> = Vec::new();
    loop {
        let record = reader.take("tier", "N | YUAN")?;
        let fare = record.fare(1)?;
        if steps.last().is_some_and(|(_, last)| *last > fare) {
            return Err(record.value(1, "fare", "not less than in the line before"));
        }
        if record.fields[0] == "inf" {
            return Ok(Tiers {
                steps,
                beyond: fare,
            });
        }
        let upto = record.number(0, "end of the tier, or `inf`", 0..=u32::MAX)?;
        if steps.last().is_some_and(|(last, _)| *last >= upto) {
            return Err(record.value(0, "end of the tier", "more than in the line before"));
        }
        steps.push((upto, fare));
    }
}

fn pairs(reader: &mut Reader<'_>) -> Result<Pairs, ParseError> {
    let mut pairs = Pairs::default();
    let mut at = BTreeMap::new();
    while let Some(record) = reader.peek() {
        let both_ways = match record.keyword {
            "pair" => true,
            "oneway" => false,
            _ => break,
        };
        let keyword = if both_ways { "pair" } else { "oneway" };
        let record = reader.take(keyword, "ZONE | ZONE | YUAN")?;
        let zone = |field| record.parsed(field, "zone", "1 to 8 letters, digits or marks");
        let (a, b): (StationCode, StationCode) = (zone(0)?, zone(1)?);
        let fare = record.fare(2)?;
        if pairs.fares.len() >= PAIRS_MAX {
            return Err(record.error(ParseErrorKind::TooMany {
                what: "pairs of zones",
                max: PAIRS_MAX,
            }));
        }
        for key in [(a, b), (b, a)]
            .into_iter()
            .take(1 + usize::from(both_ways && a != b))
        {
            if let Some(first_line) = at.insert(key, record.line) {
                return Err(record.duplicate("pair of zones", first_line));
            }
            pairs.fares.insert(key, fare);
        }
    }
    if pairs.fares.is_empty() {
        return match reader.peek() {
            Some(record) => Err(record.unexpected("`pair` or `oneway`")),
            None => Err(reader.missing("`pair` or `oneway`")),
        };
    }
    Ok(pairs)
}

fn stop(record: &Record<'_>, code: StationCode, scale: &Scale) -> Result<Stop, ParseError> {
    let mut stop = Stop {
        code,
        name: record.name(1)?,
        mark: 0,
        zones: Vec::new(),
    };
    match scale {
        Scale::Distance(_) => stop.mark = record.number(3, "mark in metres", 0..=MARK_MAX)?,
        Scale::Segments(_) => stop.mark = record.number(3, "segment", 0..=MARK_MAX)?,
        Scale::Zones(_) => stop.mark = record.number(3, "zone", 0..=MARK_MAX)?,
        Scale::Time(_) => record.only(3, "place", "-")?,
        Scale::Pairs(_) => {
            let zones = record.fields[3].split(',').map(|zone| zone.parse().ok());
            let zones = zones.collect::<Option<Vec<_>>>();
            let zones = zones.filter(|zones| zones.len() <= ZONES_MAX);
            let expected = "1 to 16 zones of 1 to 8 letters, digits or marks, with `,` between";
            stop.zones = zones.ok_or_else(|| record.value(3, "zones", expected))?;
        }
    }
    Ok(stop)
}

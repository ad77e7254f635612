//! The rows of a feed as values: what GTFS-Fares v2 says, checked, nothing made of it yet.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::Fen;

use super::csv::{Cells, Sheet};
use super::{Files, GtfsError};
use crate::{FARE_MAX, Means};

/// What a product costs whom, with which medium.
#[derive(Clone, Debug)]
pub(super) struct Price {
    pub(super) category: Option<String>,
    pub(super) means: Option<Means>,
    pub(super) amount: Fen,
}

/// A rule of a leg.
#[derive(Clone, Debug)]
pub(super) struct LegRule {
    pub(super) line: u32,
    pub(super) group: Option<String>,
    pub(super) network: Option<String>,
    pub(super) from_area: Option<String>,
    pub(super) to_area: Option<String>,
    pub(super) from_time: Option<String>,
    pub(super) to_time: Option<String>,
    pub(super) product: String,
    pub(super) priority: u32,
}

/// A rule of a transfer.
#[derive(Clone, Debug)]
pub(super) struct TransferRule {
    pub(super) line: u32,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) count: Option<u8>,
    pub(super) limit_s: Option<u32>,
    pub(super) limit_type: u8,
    pub(super) kind: u8,
    pub(super) product: Option<String>,
}

/// A row of a timeframe.
#[derive(Clone, Debug)]
pub(super) struct Timeframe {
    pub(super) line: u32,
    /// `HH:MM:SS`, checked; nothing for the whole day.
    pub(super) hours: Option<(String, String)>,
    pub(super) service: String,
}

/// A feed, as far as fares go.
pub(super) struct Feed {
    pub(super) networks: BTreeMap<String, String>,
    /// `route_type`s of each network's routes, and of those without one.
    pub(super) route_types: BTreeMap<Option<String>, BTreeSet<String>>,
    pub(super) has_free_routes: bool,
    pub(super) areas: BTreeSet<String>,
    /// Areas of each stop, stations handed down to their platforms.
    pub(super) stop_areas: BTreeMap<String, BTreeSet<String>>,
    /// Names of stops and stations.
    pub(super) stops: BTreeMap<String, String>,
    /// Category, its name and whether it is the default one.
    pub(super) categories: Vec<(String, String, bool)>,
    pub(super) products: BTreeMap<String, Vec<Price>>,
    pub(super) leg_rules: Vec<LegRule>,
    pub(super) has_priority: bool,
    pub(super) transfer_rules: Vec<TransferRule>,
    pub(super) timeframes: BTreeMap<String, Vec<Timeframe>>,
    /// Days of the week of each service, Monday first.
    pub(super) services: BTreeMap<String, [bool; 7]>,
    /// Files that are there and say what no fare book says.
    pub(super) others: Vec<&'static str>,
    /// Rules that say something in columns that the specification does not have: file and line.
    /// What they say may be the contrary of what the rest of the row does.
    pub(super) extended: Vec<(&'static str, u32)>,
    /// Groups of legs, those of extended rules too.
    groups: BTreeSet<String>,
}

const LEG_COLUMNS: &[&str] = &[
    "leg_group_id",
    "network_id",
    "from_area_id",
    "to_area_id",
    "from_timeframe_group_id",
    "to_timeframe_group_id",
    "fare_product_id",
    "rule_priority",
];

const TRANSFER_COLUMNS: &[&str] = &[
    "from_leg_group_id",
    "to_leg_group_id",
    "transfer_count",
    "duration_limit",
    "duration_limit_type",
    "fare_transfer_type",
    "fare_product_id",
];

impl Feed {
    pub(super) fn read(files: &Files<'_>) -> Result<Self, GtfsError> {
        let sheet = |file: &'static str| match files.get(file) {
            Some(bytes) => Sheet::parse(file, bytes),
            None => Ok(Sheet::none(file)),
        };
        let needed = |file: &'static str, columns: &[&'static str]| {
            let bytes = files.get(file).ok_or(GtfsError::Missing { file })?;
            let sheet = Sheet::parse(file, bytes)?;
            sheet.needs(columns)?;
            Ok(sheet)
        };
        let networks = named(&sheet("networks.txt")?, "network_id", "network_name")?;
        let media = media(&sheet("fare_media.txt")?)?;
        let categories = categories(&sheet("rider_categories.txt")?)?;
        let products = needed(
            "fare_products.txt",
            &["fare_product_id", "amount", "currency"],
        )?;
        let legs = needed("fare_leg_rules.txt", &["fare_product_id"])?;
        let stops = sheet("stops.txt")?;
        let (routes, joined) = (sheet("routes.txt")?, sheet("route_networks.txt")?);
        let mut feed = Self {
            has_free_routes: routes.rows.is_empty() && networks.is_empty(),
            networks,
            route_types: BTreeMap::new(),
            areas: named(&sheet("areas.txt")?, "area_id", "area_name")?
                .into_keys()
                .collect(),
            stop_areas: BTreeMap::new(),
            stops: named(&stops, "stop_id", "stop_name")?,
            products: prices(&products, &media, &categories)?,
            categories,
            leg_rules: Vec::new(),
            has_priority: legs.has("rule_priority"),
            transfer_rules: Vec::new(),
            timeframes: timeframes(&sheet("timeframes.txt")?)?,
            services: services(&sheet("calendar.txt")?)?,
            others: Vec::new(),
            extended: Vec::new(),
            groups: BTreeSet::new(),
        };
        feed.assign_routes(&routes, &joined)?;
        feed.place_stops(&stops, &sheet("stop_areas.txt")?)?;
        for cells in legs.cells() {
            let rule = feed.leg_rule(cells)?;
            feed.groups.extend(rule.group.clone());
            match cells.says_more_than(LEG_COLUMNS) {
                true => feed.extended.push((legs.file, cells.line())),
                false => feed.leg_rules.push(rule),
            }
        }
        let transfers = sheet("fare_transfer_rules.txt")?;
        for cells in transfers.cells() {
            let rule = feed.transfer_rule(cells)?;
            match cells.says_more_than(TRANSFER_COLUMNS) {
                true => feed.extended.push((transfers.file, cells.line())),
                false => feed.transfer_rules.push(rule),
            }
        }
        for file in super::NOT_EXPRESSIBLE {
            if files.get(file).is_some_and(|bytes| !bytes.is_empty()) {
                feed.others.push(file);
            }
        }
        Ok(feed)
    }

    /// What kinds of routes networks have, and whether some route has no network.
    fn assign_routes(&mut self, routes: &Sheet, joined: &Sheet) -> Result<(), GtfsError> {
        let mut of_route = BTreeMap::new();
        for cells in joined.cells() {
            let network = cells.need("network_id")?;
            if !self.networks.contains_key(network) {
                return Err(cells.unknown("network_id", "networks.txt"));
            }
            of_route.insert(cells.need("route_id")?, network);
        }
        for cells in routes.cells() {
            let network = cells.some("network_id");
            let network = network.or_else(|| of_route.get(cells.get("route_id")).copied());
            match network {
                Some(network) => {
                    // Without networks.txt the column of routes.txt declares them.
                    let name = || network.to_owned();
                    self.networks.entry(network.to_owned()).or_insert_with(name);
                }
                None => self.has_free_routes = true,
            }
            let types = self.route_types.entry(network.map(ToOwned::to_owned));
            types
                .or_default()
                .insert(cells.get("route_type").to_owned());
        }
        Ok(())
    }

    fn place_stops(&mut self, stops: &Sheet, stop_areas: &Sheet) -> Result<(), GtfsError> {
        for cells in stop_areas.cells() {
            let (area, stop) = (cells.need("area_id")?, cells.need("stop_id")?);
            if !self.areas.contains(area) {
                return Err(cells.unknown("area_id", "areas.txt"));
            }
            if !self.stops.is_empty() && !self.stops.contains_key(stop) {
                return Err(cells.unknown("stop_id", "stops.txt"));
            }
            let areas = self.stop_areas.entry(stop.to_owned()).or_default();
            areas.insert(area.to_owned());
        }
        for cells in stops.cells() {
            let Some(parent) = cells.some("parent_station") else {
                continue;
            };
            if let Some(areas) = self.stop_areas.get(parent).cloned() {
                let own = self.stop_areas.entry(cells.get("stop_id").to_owned());
                own.or_default().extend(areas);
            }
        }
        Ok(())
    }

    fn leg_rule(&self, cells: Cells<'_>) -> Result<LegRule, GtfsError> {
        let one_of = |field, known: bool, declared_in| match (cells.some(field), known) {
            (Some(_), false) => Err(cells.unknown(field, declared_in)),
            (id, _) => Ok(id.map(ToOwned::to_owned)),
        };
        let area = |field| one_of(field, self.areas.contains(cells.get(field)), "areas.txt");
        let time = |field| {
            one_of(
                field,
                self.timeframes.contains_key(cells.get(field)),
                "timeframes.txt",
            )
        };
        let product = cells.need("fare_product_id")?;
        if !self.products.contains_key(product) {
            return Err(cells.unknown("fare_product_id", "fare_products.txt"));
        }
        let network = cells.get("network_id");
        let priority = cells.some("rule_priority").map_or(Ok(0), |text| {
            text.parse()
                .map_err(|_| cells.wrong("rule_priority", "a whole number"))
        });
        Ok(LegRule {
            line: cells.line(),
            group: cells.some("leg_group_id").map(ToOwned::to_owned),
            network: one_of(
                "network_id",
                self.networks.contains_key(network),
                "networks.txt",
            )?,
            from_area: area("from_area_id")?,
            to_area: area("to_area_id")?,
            from_time: time("from_timeframe_group_id")?,
            to_time: time("to_timeframe_group_id")?,
            product: product.to_owned(),
            priority: priority?,
        })
    }

    fn transfer_rule(&self, cells: Cells<'_>) -> Result<TransferRule, GtfsError> {
        let group = |field| {
            let id = cells.some(field);
            match id.is_some_and(|id| !self.groups.contains(id)) {
                true => Err(cells.unknown(field, "fare_leg_rules.txt")),
                false => Ok(id.map(ToOwned::to_owned)),
            }
        };
        let count = match cells.get("transfer_count") {
            "" | "-1" => None,
            text => Some(
                text.parse()
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or_else(|| cells.wrong("transfer_count", "-1 or a number from 1 to 255"))?,
            ),
        };
        let limit_s = cells.some("duration_limit").map(|text| {
            let limit = text
                .parse()
                .ok()
                .filter(|limit| (1..=86_400).contains(limit));
            limit.ok_or_else(|| cells.wrong("duration_limit", "seconds from 1 to 86400"))
        });
        let limit_s = limit_s.transpose()?;
        let digit = |field, max: u8, expected| {
            let digit = cells.get(field).parse().ok().filter(|digit| *digit <= max);
            digit.ok_or_else(|| cells.wrong(field, expected))
        };
        let limit_type = match limit_s {
            Some(_) => digit("duration_limit_type", 3, "0, 1, 2 or 3")?,
            None => 0,
        };
        let product = cells.some("fare_product_id");
        if product.is_some_and(|product| !self.products.contains_key(product)) {
            return Err(cells.unknown("fare_product_id", "fare_products.txt"));
        }
        Ok(TransferRule {
            line: cells.line(),
            from: group("from_leg_group_id")?,
            to: group("to_leg_group_id")?,
            count,
            limit_s,
            limit_type,
            kind: digit("fare_transfer_type", 2, "0, 1 or 2")?,
            product: product.map(ToOwned::to_owned),
        })
    }
}

/// Ids and names; the id where there is no name.
fn named(
    sheet: &Sheet,
    id: &'static str,
    name: &'static str,
) -> Result<BTreeMap<String, String>, GtfsError> {
    let mut names = BTreeMap::new();
    for cells in sheet.cells() {
        let key = cells.need(id)?;
        let text = cells.some(name).unwrap_or(key).to_owned();
        if names.insert(key.to_owned(), text).is_some() {
            return Err(cells.wrong(id, "each id once"));
        }
    }
    Ok(names)
}

fn media(sheet: &Sheet) -> Result<BTreeMap<String, Means>, GtfsError> {
    let mut media = BTreeMap::new();
    for cells in sheet.cells() {
        let means = match cells.get("fare_media_type") {
            "0" | "1" => Means::Token,
            "2" => Means::Card,
            "3" => Means::Bank,
            "4" => Means::Code,
            _ => return Err(cells.wrong("fare_media_type", "0, 1, 2, 3 or 4")),
        };
        media.insert(cells.need("fare_media_id")?.to_owned(), means);
    }
    Ok(media)
}

fn categories(sheet: &Sheet) -> Result<Vec<(String, String, bool)>, GtfsError> {
    let names = named(sheet, "rider_category_id", "rider_category_name")?;
    let mut default = BTreeSet::new();
    for cells in sheet.cells() {
        match cells.get("is_default_fare_category") {
            "1" => _ = default.insert(cells.get("rider_category_id")),
            "" | "0" => {}
            _ => return Err(cells.wrong("is_default_fare_category", "0, 1 or nothing")),
        }
    }
    let with_default = |(id, name): (String, String)| {
        let is_default = default.contains(id.as_str());
        (id, name, is_default)
    };
    Ok(names.into_iter().map(with_default).collect())
}

fn prices(
    sheet: &Sheet,
    media: &BTreeMap<String, Means>,
    categories: &[(String, String, bool)],
) -> Result<BTreeMap<String, Vec<Price>>, GtfsError> {
    let mut products: BTreeMap<String, Vec<Price>> = BTreeMap::new();
    for cells in sheet.cells() {
        if cells.need("currency")? != "CNY" {
            return Err(cells.wrong("currency", "CNY"));
        }
        let amount: Option<Fen> = cells.need("amount")?.parse().ok();
        let in_range = |amount: &Fen| {
            amount
                .get()
                .checked_abs()
                .is_some_and(|a| a <= FARE_MAX.get())
        };
        let amount = amount.filter(in_range);
        let amount = amount.ok_or_else(|| {
            cells.wrong(
                "amount",
                "yuan from -10000.00 to 10000.00 with at most two decimals",
            )
        })?;
        let means = match cells.some("fare_media_id") {
            Some(id) => {
                let means = media.get(id).copied();
                Some(means.ok_or_else(|| cells.unknown("fare_media_id", "fare_media.txt"))?)
            }
            None => None,
        };
        // The default category is everybody of whom nothing else is known.
        let category = cells.some("rider_category_id");
        let known = category.map(|id| categories.iter().find(|(known, ..)| known == id));
        if known == Some(None) {
            return Err(cells.unknown("rider_category_id", "rider_categories.txt"));
        }
        let is_default = known.flatten().is_some_and(|(.., is_default)| *is_default);
        let price = Price {
            category: category.filter(|_| !is_default).map(ToOwned::to_owned),
            means,
            amount,
        };
        let product = cells.need("fare_product_id")?.to_owned();
        products.entry(product).or_default().push(price);
    }
    Ok(products)
}

fn timeframes(sheet: &Sheet) -> Result<BTreeMap<String, Vec<Timeframe>>, GtfsError> {
    let mut frames: BTreeMap<String, Vec<Timeframe>> = BTreeMap::new();
    for cells in sheet.cells() {
        let hours = match (cells.some("start_time"), cells.some("end_time")) {
            (None, None) => None,
            (start, end) => {
                let check = |field, text: Option<&str>, usual: &str| {
                    let text = text.unwrap_or(usual);
                    match is_time(text) {
                        true => Ok(text.to_owned()),
                        false => Err(cells.wrong(field, "a time from 00:00:00 to 24:00:00")),
                    }
                };
                let start = check("start_time", start, "00:00:00")?;
                let end = check("end_time", end, "24:00:00")?;
                if start >= end {
                    return Err(cells.wrong("end_time", "a time after start_time"));
                }
                Some((start, end))
            }
        };
        let frame = Timeframe {
            line: cells.line(),
            hours,
            service: cells.need("service_id")?.to_owned(),
        };
        let group = cells.need("timeframe_group_id")?.to_owned();
        frames.entry(group).or_default().push(frame);
    }
    Ok(frames)
}

/// `HH:MM:SS`, up to the end of the day.
fn is_time(text: &str) -> bool {
    let mut parts = text.split(':').map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    });
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(h)), Some(Some(m)), Some(Some(s)), None) => {
            m < 60 && s < 60 && h * 3600 + m * 60 + s <= 86_400
        }
        _ => false,
    }
}

fn services(sheet: &Sheet) -> Result<BTreeMap<String, [bool; 7]>, GtfsError> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let mut services = BTreeMap::new();
    for cells in sheet.cells() {
        let mut week = [false; 7];
        for (runs, day) in week.iter_mut().zip(DAYS) {
            *runs = match cells.get(day) {
                "1" => true,
                "0" => false,
                _ => return Err(cells.wrong(day, "0 or 1")),
            };
        }
        services.insert(cells.need("service_id")?.to_owned(), week);
    }
    Ok(services)
}

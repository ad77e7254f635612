//! Zones of a route: the areas that its rules name, and what is left of the others.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::emit::{Emit, Service};
use super::feed::{Feed, LegRule};
use super::text::{codes, plain};

/// Zones of areas that a route's rules do not name, by whether some rule of the feed names them at
/// the beginning and at the end of a leg: to an open end these areas differ in nothing else.
const REST: [((bool, bool), &str); 4] = [
    ((false, false), OTHER),
    ((true, false), "OTHER-F"),
    ((false, true), "OTHER-T"),
    ((true, true), "OTHER-FT"),
];

/// The zone of areas that no rule names, and of stops in no area.
const OTHER: &str = "OTHER";

/// The codes of [`REST`], which no area may have.
pub(super) const RESERVED: [&str; 4] = [OTHER, "OTHER-F", "OTHER-T", "OTHER-FT"];

/// A zone of a route.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) code: String,
    /// The area that it is; `None` for those of [`REST`].
    area: Option<String>,
    listed: (bool, bool),
}

impl Zone {
    /// Whether a leg from one to the other falls under a rule.
    pub(super) fn joined_by(&self, to: &Self, rule: &LegRule, has_priority: bool) -> bool {
        let from_fits = self.fits(rule.from_area.as_deref(), self.listed.0, has_priority);
        from_fits && to.fits(rule.to_area.as_deref(), to.listed.1, has_priority)
    }

    /// An open end takes in everything where rules have priorities, else what no rule of the feed
    /// names there.
    ///
    /// UNSPECIFIED: the specification speaks of areas; we let an open end take in stops that are in
    /// no area as well, since else they would have no fare.
    fn fits(&self, end: Option<&str>, listed: bool, has_priority: bool) -> bool {
        match end {
            Some(area) => self.area.as_deref() == Some(area),
            None => has_priority || !listed,
        }
    }
}

/// Whether rules name an area at the beginning and at the end of a leg.
fn listed(feed: &Feed, area: &str) -> (bool, bool) {
    let names = |end: fn(&LegRule) -> &Option<String>| {
        let mut rules = feed.leg_rules.iter();
        rules.any(|rule| end(rule).as_deref() == Some(area))
    };
    // With priorities an open end takes in all alike.
    let counts = !feed.has_priority;
    (
        counts && names(|rule| &rule.from_area),
        counts && names(|rule| &rule.to_area),
    )
}

fn rest(listed: (bool, bool)) -> &'static str {
    let zone = REST.iter().find(|(of, _)| *of == listed);
    zone.map_or(OTHER, |(_, code)| code)
}

impl Emit<'_> {
    /// The areas that a service's rules name; where one leaves an end open also the rest.
    pub(super) fn zones(&self, service: &Service<'_>) -> Vec<Zone> {
        let rules = service.rules.iter();
        let ends = rules.flat_map(|rule| [&rule.from_area, &rule.to_area]);
        let named: BTreeSet<&String> = ends.clone().flatten().collect();
        let open = ends.clone().any(Option::is_none);
        let zone = |area: &&String| Zone {
            code: self.areas[*area].clone(),
            area: Some((*area).clone()),
            listed: listed(self.feed, area),
        };
        let mut zones: Vec<Zone> = named.iter().map(zone).collect();
        if open {
            let others = self.feed.areas.iter().filter(|area| !named.contains(area));
            let mut left: BTreeSet<&str> =
                others.map(|area| rest(listed(self.feed, area))).collect();
            left.insert(OTHER);
            let left = REST.iter().filter(|(_, code)| left.contains(code));
            zones.extend(left.map(|(listed, code)| Zone {
                code: (*code).to_owned(),
                area: None,
                listed: *listed,
            }));
        }
        zones
    }

    /// The `stop` records of the stops in those zones; where the rest is one, `*` for all others.
    pub(super) fn stops(&self, zones: &[Zone]) -> Vec<String> {
        let feed = self.feed;
        let ids = feed.stop_areas.keys().map(String::as_str);
        let by_area: BTreeMap<&str, &str> = zones
            .iter()
            .filter_map(|zone| Some((zone.area.as_deref()?, zone.code.as_str())))
            .collect();
        let has_rest = zones.iter().any(|zone| zone.area.is_none());
        let mut rows = Vec::new();
        for (id, code) in &codes(ids, 8, "S", &["*"]) {
            let in_zone = |area: &String| match by_area.get(area.as_str()) {
                Some(code) => Some(*code),
                None => has_rest.then(|| rest(listed(feed, area))),
            };
            let areas = feed.stop_areas[id].iter();
            let of_stop: BTreeSet<&str> = areas.filter_map(in_zone).collect();
            if of_stop.iter().all(|zone| *zone == OTHER) {
                continue; // in no zone at all, or what `*` says
            }
            let of_stop: Vec<&str> = of_stop.into_iter().collect();
            let name = plain(feed.stops.get(id).unwrap_or(id));
            if code != id {
                rows.push(format!("# Stop {code} is {}", plain(id)));
            }
            let zones = of_stop.join(",");
            rows.push(format!("stop {code} | {name} | {name} | {zones}"));
        }
        if has_rest {
            rows.push(format!("stop * | 其他站 | Other stops | {OTHER}"));
        }
        rows
    }
}

//! Who is connected to whom, and which hub clears a ride.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use tongtu_types::{CityCode, InstitutionCode};

use crate::parse::{ParseError, Statement, statements};

/// The tier of an exchange body (数据交换机构层级).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tier {
    /// A city's (城市级).
    City,
    /// A province's or region's (省级、区域级).
    Province,
    /// The national centre (全国).
    National,
}

/// An exchange body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Body {
    /// Its code.
    pub code: InstitutionCode,
    /// Its tier.
    pub tier: Tier,
    /// The body it is connected to upwards; none for the national centre alone.
    pub parent: Option<InstitutionCode>,
}

/// A network member (入网机构): issuer, acquirer or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its code, as [`InstitutionCode::home`] gives it.
    pub code: InstitutionCode,
    /// Its city.
    pub city: CityCode,
    /// The city's exchange body.
    pub body: InstitutionCode,
}

/// Between whom a ride is cleared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Traffic {
    /// Within one city's body (本地).
    Local,
    /// Between two cities of one province (省内).
    InProvince,
    /// Beyond a province (跨省).
    CrossProvince,
}

/// Where a ride is cleared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The clearing hub.
    pub hub: InstitutionCode,
    /// Between whom.
    pub traffic: Traffic,
}

/// One side of a ride as a hub sees it: the institution, and the hub's member that stands for
/// it. They differ where the member is a province or a city with several institutions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Party {
    /// The hub's member, in whose net position the ride counts.
    pub member: InstitutionCode,
    /// The issuer or acquirer itself.
    pub institution: InstitutionCode,
}

/// Bodies and members, checked to form one tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    bodies: BTreeMap<InstitutionCode, Body>,
    members: BTreeMap<InstitutionCode, Member>,
    cities: BTreeMap<CityCode, InstitutionCode>,
}

/// Why bodies and members do not form a topology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The text was not understood.
    #[error("topology not understood")]
    Parse(#[from] ParseError),
    /// A body or a member is listed twice.
    #[error("{code} is listed twice")]
    Twice {
        /// Its code.
        code: InstitutionCode,
    },
    /// The number of national centres is not one.
    #[error("{found} bodies are national, expected exactly one")]
    National {
        /// How many there are.
        found: usize,
    },
    /// A body's parent is missing, or not of a higher tier.
    #[error("body {code}: its parent must be a listed body of a higher tier, none for the nation")]
    Parent {
        /// The body.
        code: InstitutionCode,
    },
    /// A member's body is missing, or not a city's.
    #[error("member {code}: its body {body} must be a listed city body")]
    MemberBody {
        /// The member.
        code: InstitutionCode,
        /// The body it names.
        body: InstitutionCode,
    },
    /// One city in two bodies: the route would be ambiguous.
    #[error("city {city} is in the bodies {first} and {second}, expected one")]
    CityInTwoBodies {
        /// The city.
        city: CityCode,
        /// The body first named.
        first: InstitutionCode,
        /// The other one.
        second: InstitutionCode,
    },
}

/// Why there is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A city that is not connected.
    #[error("city {city} is not in the topology")]
    CityUnknown {
        /// The city.
        city: CityCode,
    },
    /// A code that is neither body nor member.
    #[error("{code} is neither a body nor a member in the topology")]
    CodeUnknown {
        /// The code.
        code: InstitutionCode,
    },
    /// An institution that is not below the hub asked for.
    #[error("{code} is not connected below {hub}")]
    NotBelow {
        /// The institution.
        code: InstitutionCode,
        /// The hub.
        hub: InstitutionCode,
    },
}

const MEMBER: &str = "member CODE CITY BODY";
const BODY: &str = "body CODE TIER PARENT";

impl Topology {
    /// Checks that bodies and members form one tree under one national centre.
    ///
    /// # Errors
    /// [`TopologyError`] naming the body or member that does not fit.
    pub fn new(
        bodies: impl IntoIterator<Item = Body>,
        members: impl IntoIterator<Item = Member>,
    ) -> Result<Self, TopologyError> {
        let mut made = Self {
            bodies: BTreeMap::new(),
            members: BTreeMap::new(),
            cities: BTreeMap::new(),
        };
        for body in bodies {
            if made.bodies.insert(body.code, body).is_some() {
                return Err(TopologyError::Twice { code: body.code });
            }
        }
        let national = made.bodies.values().filter(|b| b.tier == Tier::National);
        let found = national.count();
        if found != 1 {
            return Err(TopologyError::National { found });
        }
        for body in made.bodies.values() {
            let parent_tier = body
                .parent
                .and_then(|p| made.bodies.get(&p))
                .map(|p| p.tier);
            let fits = match body.tier {
                Tier::National => body.parent.is_none(),
                // Tiers rise strictly towards the nation, so there can be no circle.
                tier => parent_tier.is_some_and(|above| above > tier),
            };
            if !fits {
                return Err(TopologyError::Parent { code: body.code });
            }
        }
        for member in members {
            made.admit(member)?;
        }
        Ok(made)
    }

    fn admit(&mut self, member: Member) -> Result<(), TopologyError> {
        let Member { code, city, body } = member;
        let code = code.home();
        if self.bodies.get(&body).map(|b| b.tier) != Some(Tier::City) {
            return Err(TopologyError::MemberBody { code, body });
        }
        match self.cities.entry(city) {
            Entry::Vacant(free) => {
                free.insert(body);
            }
            Entry::Occupied(taken) if *taken.get() != body => {
                return Err(TopologyError::CityInTwoBodies {
                    city,
                    first: *taken.get(),
                    second: body,
                });
            }
            Entry::Occupied(_) => {}
        }
        match self.members.insert(code, Member { code, city, body }) {
            Some(_) => Err(TopologyError::Twice { code }),
            None => Ok(()),
        }
    }

    /// Reads the text form: `topology 1`, then lines `body CODE TIER PARENT` (parent `-` for
    /// the nation) and `member CODE CITY BODY`.
    ///
    /// # Errors
    /// [`TopologyError`] naming the line or the body that does not fit.
    pub fn parse(text: &str) -> Result<Self, TopologyError> {
        let (mut bodies, mut members) = (Vec::new(), Vec::new());
        for statement in statements(text, "topology 1")? {
            match statement.words[..] {
                ["body", code, tier, parent] => {
                    bodies.push(body(&statement, code, tier, parent)?);
                }
                ["member", code, city, body] => members.push(Member {
                    code: statement.value(InstitutionCode::parse(code))?,
                    city: statement.value(CityCode::parse(city))?,
                    body: statement.value(InstitutionCode::parse(body))?,
                }),
                ["member", ..] => return Err(statement.statement_error(MEMBER).into()),
                _ => return Err(statement.statement_error(BODY).into()),
            }
        }
        Self::new(bodies, members)
    }

    /// The bodies, in the order of their codes.
    pub fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.bodies.values()
    }

    /// The members, in the order of their codes.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// A member, by its code in any role.
    #[must_use]
    pub fn member(&self, code: InstitutionCode) -> Option<&Member> {
        self.members.get(&code.home())
    }

    /// A body, by its code.
    #[must_use]
    pub fn body(&self, code: InstitutionCode) -> Option<&Body> {
        self.bodies.get(&code)
    }

    /// Where a ride of `issuer_city`'s code in `acquirer_city` is cleared: in one body
    /// locally, in one province there, else nationally.
    ///
    /// # Errors
    /// [`RouteError::CityUnknown`].
    ///
    /// Source: service rules draft art. 27-28.
    pub fn clearing_hub(
        &self,
        acquirer_city: CityCode,
        issuer_city: CityCode,
    ) -> Result<Route, RouteError> {
        let find = |city: CityCode| {
            let body = self.cities.get(&city).copied();
            body.ok_or(RouteError::CityUnknown { city })
        };
        Ok(self.meeting_point(find(acquirer_city)?, find(issuer_city)?))
    }

    /// Where a ride between two institutions, in whatever role form, is cleared.
    ///
    /// # Errors
    /// [`RouteError::CodeUnknown`] for one that is no member.
    pub fn route(
        &self,
        acquirer: InstitutionCode,
        issuer: InstitutionCode,
    ) -> Result<Route, RouteError> {
        let find = |code: InstitutionCode| {
            let member = self.member(code);
            member
                .map(|m| m.body)
                .ok_or(RouteError::CodeUnknown { code })
        };
        Ok(self.meeting_point(find(acquirer)?, find(issuer)?))
    }

    /// The next body (or, at the last step, member) from body `from` towards `to`; `None`
    /// when `from` is already it.
    ///
    /// # Errors
    /// [`RouteError::CodeUnknown`].
    pub fn next_hop(
        &self,
        from: InstitutionCode,
        to: InstitutionCode,
    ) -> Result<Option<InstitutionCode>, RouteError> {
        let body = self.bodies.get(&from);
        let body = body.ok_or(RouteError::CodeUnknown { code: from })?;
        let upwards = self.upwards(to)?;
        Ok(match upwards.iter().position(|code| *code == from) {
            Some(0) => None,
            Some(at) => Some(upwards[at - 1]),
            None => body.parent,
        })
    }

    /// How `hub` sees an institution: which of its members stands for it.
    ///
    /// # Errors
    /// [`RouteError`] when the institution is unknown or not below the hub.
    pub fn party_at(
        &self,
        hub: InstitutionCode,
        institution: InstitutionCode,
    ) -> Result<Party, RouteError> {
        let upwards = self.upwards(institution)?;
        let at = upwards.iter().position(|code| *code == hub);
        let at = at.ok_or(RouteError::NotBelow {
            code: institution,
            hub,
        })?;
        let member = upwards[at.saturating_sub(1)];
        Ok(Party {
            member,
            institution,
        })
    }

    /// The members of a hub: the bodies below it, and the institutions of a city's body.
    pub fn members_of(&self, hub: InstitutionCode) -> impl Iterator<Item = InstitutionCode> {
        let below = self.bodies.values().filter(move |b| b.parent == Some(hub));
        let own = self.members.values().filter(move |m| m.body == hub);
        below.map(|b| b.code).chain(own.map(|m| m.code))
    }

    /// The way from a member or body up to the nation, beginning with itself.
    fn upwards(&self, code: InstitutionCode) -> Result<Vec<InstitutionCode>, RouteError> {
        let mut way = Vec::new();
        let mut next = if self.bodies.contains_key(&code) {
            Some(code)
        } else {
            let member = self.member(code).ok_or(RouteError::CodeUnknown { code })?;
            // A city with one institution may give its body the same code: one step, not two.
            if member.code != member.body {
                way.push(member.code);
            }
            Some(member.body)
        };
        while let Some(body) = next {
            way.push(body);
            next = self.bodies.get(&body).and_then(|b| b.parent);
        }
        Ok(way)
    }

    /// The lowest body that is above (or is) both.
    fn meeting_point(&self, one: InstitutionCode, other: InstitutionCode) -> Route {
        let above = |code| {
            self.upwards(code)
                .expect("admitted members have listed bodies")
        };
        let others = above(other);
        let hub = above(one)
            .into_iter()
            .find(|code| others.contains(code))
            .expect("every way ends at the one national centre");
        let traffic = match self.bodies[&hub].tier {
            Tier::City => Traffic::Local,
            Tier::Province => Traffic::InProvince,
            Tier::National => Traffic::CrossProvince,
        };
        Route { hub, traffic }
    }
}

fn body(
    statement: &Statement<'_>,
    code: &str,
    tier: &str,
    parent: &str,
) -> Result<Body, ParseError> {
    let tier = match tier {
        "city" => Tier::City,
        "province" => Tier::Province,
        "national" => Tier::National,
        other => return Err(statement.word_error(other, "city, province or national")),
    };
    let parent = match parent {
        "-" => None,
        code => Some(statement.value(InstitutionCode::parse(code))?),
    };
    let code = statement.value(InstitutionCode::parse(code))?;
    Ok(Body { code, tier, parent })
}

#[cfg(test)]
mod tests;

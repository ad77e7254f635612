//! The demo country with rides in it.

use proptest::prelude::*;
use tongtu_clearing::{
    Business, ClearedInput, FeeKey, FeeRules, Fees, Service, Topology, Traffic, demo,
};
use tongtu_types::{BusinessDay, Fen, InstitutionCode, RecordId, TerminalNumber, Timestamp};

pub(crate) const NATION: &str = "00000000";
pub(crate) const PROVINCE: &str = "30005800";
/// Beijing (under the nation), Guangzhou and Shenzhen (under the province).
pub(crate) const CITIES: [&str; 3] = ["01341000", "01345810", "01345840"];

/// Rates and shares that leave remainders everywhere.
pub(crate) const ODD_RULES: &str = "fee-rules 1
    version 1
    rule any any   any      any      2018-01-01 9999-12-31 0.35% 50% 30%
    rule any metro any      any      2018-01-01 9999-12-31 0.12347% 33.33% 33.33%
    rule any bus   11345810 01341000 2018-01-01 9999-12-31 0.00001% 49.99% 50%
    rule any bus   11341000 01345840 2018-01-01 9999-12-31 99.99999% 12.34% 56.78%";

pub(crate) fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

pub(crate) fn day() -> BusinessDay {
    "2026-01-01".parse().unwrap()
}

pub(crate) fn topology() -> Topology {
    Topology::parse(demo::TOPOLOGY).unwrap()
}

pub(crate) fn rules() -> FeeRules {
    FeeRules::parse(ODD_RULES).unwrap()
}

/// A ride before anyone looked at it.
#[derive(Clone, Debug)]
pub(crate) struct Ride {
    pub(crate) record: RecordId,
    pub(crate) acquirer: InstitutionCode,
    pub(crate) issuer: InstitutionCode,
    pub(crate) service: Service,
    pub(crate) amount: Fen,
}

impl Ride {
    pub(crate) fn new(acquirer: usize, issuer: usize, service: Service, fen: i64, n: u64) -> Self {
        let acquirer = code(CITIES[acquirer]).as_acquirer();
        let terminal = TerminalNumber::parse("000000000001").unwrap();
        // The sequence in the id runs to 99 999 and then turns: the time goes on.
        let at = Timestamp::new(1_767_254_400 + i64::try_from(n / 100_000).unwrap());
        Self {
            record: RecordId::compose(acquirer, terminal, at, n),
            acquirer,
            issuer: code(CITIES[issuer]),
            service,
            amount: Fen::new(fen),
        }
    }

    pub(crate) fn key(&self) -> FeeKey {
        FeeKey {
            day: day(),
            business: Business::Transport,
            service: self.service,
            acquirer: self.acquirer,
            issuer: self.issuer,
        }
    }

    /// Fees as the country has them: none where a city clears for itself.
    pub(crate) fn fees(&self, topology: &Topology, rules: &FeeRules) -> Fees {
        let route = topology.route(self.acquirer, self.issuer).unwrap();
        if route.traffic == Traffic::Local {
            return Fees::NONE;
        }
        rules.fees(self.amount, &self.key()).unwrap()
    }

    /// The ride as `hub` sees it.
    pub(crate) fn at(
        &self,
        hub: InstitutionCode,
        topology: &Topology,
        rules: &FeeRules,
    ) -> ClearedInput {
        ClearedInput {
            record: self.record,
            acquirer: topology.party_at(hub, self.acquirer).unwrap(),
            issuer: topology.party_at(hub, self.issuer).unwrap(),
            service: self.service,
            amount: self.amount,
            fees: self.fees(topology, rules),
        }
    }
}

/// Some rides, all over the country.
pub(crate) fn rides() -> impl Strategy<Value = Vec<Ride>> {
    let service = prop::sample::select(Service::ALL.to_vec());
    let fen = prop_oneof![1 => Just(0_i64), 8 => 1_i64..3_000, 1 => 0_i64..1_000_000_000];
    prop::collection::vec((0..3_usize, 0..3_usize, service, fen), 0..80).prop_map(|rows| {
        rows.into_iter()
            .zip(0..)
            .map(|((acquirer, issuer, service, fen), n)| {
                Ride::new(acquirer, issuer, service, fen, n)
            })
            .collect()
    })
}

//! The auditor: a model of its own, which reads what was planned and what was seen and
//! computes for itself what must have come of it.
//!
//! It shares no code with terminals, clearing or ledger: fares are looked up by its own
//! shortest path, fees by its own fractions, balances by plain sums.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::Direction;
use tongtu_terminal::Light;
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, RecordId, Timestamp};

use crate::cards::{self, TapLog};
use crate::country::{CITIES, Country, NODES, Place};
use crate::faces::{self, FaceLog};
use crate::hardware::Barrier;
use crate::log::{LoggedRecord, Observed, RideState, ScanLog};
use crate::plan::Trick;
use crate::terms::Ridden;

mod chains;
mod uses;

/// One thing the auditor looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in English.
    pub en: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// How many cases were compared.
    pub compared: usize,
    /// What did not agree; empty when all is well.
    pub differences: Vec<String>,
}

/// The auditor's whole opinion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Its findings, in order.
    pub findings: Vec<Finding>,
    /// Rides that must be settled, by its own reckoning.
    pub settled: usize,
    /// Rides that must be refused at clearing although a terminal accepted them.
    pub reused: usize,
    /// Entries kept as evidence.
    pub evidence: usize,
    /// What riders must have paid in all.
    pub paid: Fen,
}

impl Audit {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|f| f.differences.is_empty())
    }
}

/// What an acquirer is to get of an issuer, by the auditor's own reckoning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The settlement day.
    pub settled_on: BusinessDay,
    /// Who gets it, an index into the nodes.
    pub acquirer: usize,
    /// Whose rider paid, an index into the nodes.
    pub issuer: usize,
    /// How much.
    pub amount: Fen,
}

/// What the auditor expects to become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Evidence,
    Settled,
    Reused,
}

/// How strictly the auditor looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Every verdict and fare as planned.
    AsPlanned,
    /// Processes were killed: a rider who was not told may be let through on the ride already
    /// stored, so verdicts and fares of single scans can differ from the plan; money may not.
    AfterCrashes,
}

/// What was seen of riders.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// Every scan.
    pub scans: &'a [ScanLog],
    /// Every tap of a card.
    pub taps: &'a [TapLog],
    /// Every look of a camera.
    pub looks: &'a [FaceLog],
}

/// Looks at everything.
#[must_use]
pub fn audit(
    country: &Country,
    seen: &Seen<'_>,
    observed: &Observed,
    strictness: Strictness,
) -> Audit {
    let (logs, taps) = (seen.scans, seen.taps);
    let mut audit = Audit::default();
    if strictness == Strictness::AsPlanned {
        audit.findings.push(verdicts(logs));
        audit.findings.push(fares(country, logs));
        audit.findings.push(told(country, logs));
    }
    let records = records(logs, &mut audit);
    let fates = fates(&records);
    audit
        .findings
        .push(fates_at_acquirers(&records, &fates, observed));
    audit
        .findings
        .push(debits_at_issuers(&records, &fates, observed));
    audit
        .findings
        .push(balances(country, &records, &fates, observed));
    let mut cards = cards::audit::claims(country, taps);
    cards.extend(faces::audit::claims(country, seen.looks));
    let claims: Vec<Claim> = records
        .iter()
        .zip(&fates)
        .filter(|(_, fate)| **fate == Fate::Settled)
        .map(|(record, _)| Claim {
            settled_on: record.settled_on,
            acquirer: record.acquirer,
            issuer: record.issuer,
            amount: record.amount,
        })
        .chain(cards.iter().cloned())
        .collect();
    audit
        .findings
        .extend(cards::audit::findings(country, taps, observed));
    let by_face = faces::audit::findings(country, seen.looks, observed);
    audit.findings.extend(by_face);
    audit.findings.push(chains::chains(country, observed));
    audit.findings.push(uses::uses(country, observed));
    audit.findings.push(positions(&claims, observed));
    audit.findings.push(zero_sums(observed));
    for claim in &cards {
        audit.settled += 1;
        audit.paid = audit.paid.checked_add(claim.amount).unwrap_or(audit.paid);
    }
    for (record, fate) in records.iter().zip(&fates) {
        match fate {
            Fate::Settled => {
                audit.settled += 1;
                audit.paid = audit.paid.checked_add(record.amount).unwrap_or(audit.paid);
            }
            Fate::Reused => audit.reused += 1,
            Fate::Evidence => audit.evidence += 1,
        }
    }
    audit
}

fn verdicts(logs: &[ScanLog]) -> Finding {
    let differences = logs
        .iter()
        .filter(|log| log.verdict != log.scan.trick.verdict())
        .map(|log| {
            let (expected, found) = (log.scan.trick.verdict(), log.verdict);
            format!(
                "{:?} at {}: {found}, expected {expected}",
                log.scan.trick, log.scan.at
            )
        })
        .collect();
    Finding {
        en: "every scan got the verdict it deserves",
        zh: "每次扫码的结论正确",
        compared: logs.len(),
        differences,
    }
}

fn fares(country: &Country, logs: &[ScanLog]) -> Finding {
    let networks: BTreeMap<usize, Metres> = CITIES
        .into_iter()
        .map(|city| (city, Metres::of(country, city)))
        .collect();
    // The terms of the city ridden in count, whoever's rider it is.
    let pays = |log: &ScanLog, is_bus, fare| {
        let ridden = Ridden {
            city: country.posts[log.scan.post].city,
            by_card: false,
            is_bus,
            class: country.riders[log.scan.rider].class,
        };
        ridden.own(fare).0.fen()
    };
    let mut entered = BTreeMap::new();
    let mut differences = Vec::new();
    let mut compared = 0;
    for log in logs {
        let Some(record) = &log.record else { continue };
        let post = &country.posts[log.scan.post];
        let expected = match &post.place {
            Place::Bus { line, .. } if line.as_str() == "B00001" || line.as_str() == "B00002" => {
                Some(pays(log, true, Fen::new(200)))
            }
            Place::Bus { .. } => None,
            Place::Entry { station } => {
                entered.insert(record.account, *station);
                Some(Fen::ZERO)
            }
            Place::Exit { station } => entered.remove(&record.account).and_then(|from| {
                let fare = networks[&post.city].fare(post.city, from.as_str(), station.as_str());
                fare.map(|fare| pays(log, false, fare))
            }),
        };
        compared += 1;
        if expected != Some(record.amount) {
            let (id, found) = (record.id, record.amount);
            differences.push(format!("{id}: charged {found}, expected {expected:?}"));
        }
    }
    Finding {
        en: "every fare by code is the published one for the rider's class",
        zh: "每笔用码票价符合公布的规则与乘客类别",
        compared,
        differences,
    }
}

/// Lamp, voice and barrier, by what the scan deserved.
fn told(country: &Country, logs: &[ScanLog]) -> Finding {
    let mut differences = Vec::new();
    for log in logs {
        let place = &country.posts[log.scan.post].place;
        let lets_on = log.scan.trick.verdict() == Verdict::Accepted;
        let expected = match log.scan.trick {
            // So soon after, the scanner reads what it has just read.
            Trick::Companion => None,
            _ if lets_on => Some(Light::Green),
            _ => Some(Light::Red),
        };
        let voice = match place {
            Place::Bus { .. } => ["乘车成功", "Welcome"],
            Place::Entry { .. } => ["请进站", "Please enter"],
            Place::Exit { .. } => ["请出站", "Please exit"],
        };
        let barrier = match place {
            Place::Bus { .. } => None,
            _ if lets_on => Some(Barrier::Open),
            _ => Some(Barrier::Closed),
        };
        let agrees = match &log.shown {
            None => expected.is_none() && !log.went_on,
            Some(shown) => {
                let said = [shown.voice.zh.as_str(), shown.voice.en.as_str()];
                Some(shown.light) == expected
                    && shown.barrier == barrier
                    && (said == voice) == lets_on
                    && log.went_on == lets_on
            }
        };
        if !agrees {
            let (trick, at, shown, went_on) =
                (log.scan.trick, log.scan.at, &log.shown, log.went_on);
            differences.push(format!("{trick:?} at {at}: {shown:?}, went on: {went_on}"));
        }
    }
    Finding {
        en: "every scan was answered in light, voice and barrier as it deserved",
        zh: "每次扫码的灯光、语音与闸门正确",
        compared: logs.len(),
        differences,
    }
}

/// The auditor's own map: all distances by relaxation, without cleverness.
pub(crate) struct Metres(BTreeMap<(String, String), u32>);

impl Metres {
    pub(crate) fn of(country: &Country, city: usize) -> Self {
        let book = &country.city(city).book;
        let Some(network) = book.networks().next() else {
            return Self(BTreeMap::new());
        };
        let codes: Vec<String> = network
            .stations()
            .iter()
            .map(|s| s.code.as_str().to_owned())
            .collect();
        let n = codes.len();
        let mut grid = vec![vec![u32::MAX; n]; n];
        for (i, row) in grid.iter_mut().enumerate() {
            row[i] = 0;
        }
        for link in network.links() {
            let [a, b] = link.station_indices;
            grid[a][b] = grid[a][b].min(link.metres);
            grid[b][a] = grid[b][a].min(link.metres);
        }
        for via in 0..n {
            for from in 0..n {
                for to in 0..n {
                    let detour = grid[from][via].saturating_add(grid[via][to]);
                    grid[from][to] = grid[from][to].min(detour);
                }
            }
        }
        let mut metres = BTreeMap::new();
        for (i, from) in codes.iter().enumerate() {
            for (j, to) in codes.iter().enumerate() {
                metres.insert((from.clone(), to.clone()), grid[i][j]);
            }
        }
        Self(metres)
    }

    /// The dearest of all rides.
    pub(crate) fn dearest(&self, city: usize) -> Option<Fen> {
        let fares = self.0.keys().map(|(from, to)| self.fare(city, from, to));
        fares.flatten().max()
    }

    pub(crate) fn dearest_from(&self, city: usize, station: &str) -> Option<Fen> {
        let begun = self.0.keys().filter(|(from, _)| from == station);
        begun
            .filter_map(|(from, to)| self.fare(city, from, to))
            .max()
    }

    /// The published ladders, written out once more: Beijing since 2014, Guangzhou.
    pub(crate) fn fare(&self, city: usize, from: &str, to: &str) -> Option<Fen> {
        let metres = *self.0.get(&(from.to_owned(), to.to_owned()))?;
        let beyond = |start: u32, step: u32| i64::from(metres.saturating_sub(start).div_ceil(step));
        let yuan = if city == CITIES[0] {
            match metres {
                0..=6000 => 3,
                6001..=12_000 => 4,
                12_001..=32_000 => 4 + beyond(12_000, 10_000),
                _ => 6 + beyond(32_000, 20_000),
            }
        } else {
            match metres {
                0..=4000 => 2,
                4001..=12_000 => 2 + beyond(4000, 4000),
                12_001..=24_000 => 4 + beyond(12_000, 6000),
                _ => 6 + beyond(24_000, 8000),
            }
        };
        Some(Fen::new(yuan * 100))
    }
}

/// Every record a terminal acknowledged to a rider, each once.
fn records(logs: &[ScanLog], audit: &mut Audit) -> Vec<LoggedRecord> {
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for log in logs {
        match &log.record {
            Some(record) => {
                if !seen.insert(record.id) && !log.resumed {
                    differences.push(format!("record {} was given out twice", record.id));
                } else if !records.contains(record) {
                    records.push(record.clone());
                }
            }
            None if log.verdict == Verdict::Accepted => {
                differences.push(format!("accepted at {} without a record", log.scan.at));
            }
            None => {}
        }
    }
    audit.findings.push(Finding {
        en: "every accepted scan left exactly one record",
        zh: "每次受理恰好留下一条记录",
        compared: records.len(),
        differences,
    });
    records
}

/// The first ride of an (account, generation time) to arrive is settled, whatever it costs; a
/// later one is not.
fn fates(records: &[LoggedRecord]) -> Vec<Fate> {
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|i| {
        (
            records[*i].settled_on,
            records[*i].id.as_str()[24..38].to_owned(),
            records[*i].id,
        )
    });
    let mut taken: BTreeSet<(CardNumber, Timestamp)> = BTreeSet::new();
    let mut fates = vec![Fate::Evidence; records.len()];
    for i in order {
        let record = &records[i];
        if record.direction == Direction::Entry {
            continue;
        }
        let first = taken.insert((record.account, record.generated_at));
        fates[i] = if first { Fate::Settled } else { Fate::Reused };
    }
    fates
}

fn fates_at_acquirers(records: &[LoggedRecord], fates: &[Fate], observed: &Observed) -> Finding {
    let mut expected: BTreeMap<(usize, RecordId), (Fate, Fen)> = BTreeMap::new();
    for (record, fate) in records.iter().zip(fates) {
        expected.insert((record.acquirer, record.id), (*fate, record.amount));
    }
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    for (acquirer, rides) in &observed.rides {
        for ride in rides {
            if !seen.insert((*acquirer, ride.record)) {
                differences.push(format!("{}: kept twice", ride.record));
            }
            let agrees = match expected.get(&(*acquirer, ride.record)) {
                None => false,
                Some((fate, amount)) => {
                    *amount == ride.amount
                        && match fate {
                            Fate::Evidence => ride.state == RideState::Evidence,
                            Fate::Settled => ride.state == RideState::Settled && ride.result == 0,
                            Fate::Reused => {
                                ride.state == RideState::Refused && ride.result == 20_003
                            }
                        }
                }
            };
            if !agrees {
                let (state, result) = (ride.state, ride.result);
                let wanted = expected.get(&(*acquirer, ride.record)).map(|e| e.0);
                let id = ride.record;
                differences.push(format!("{id}: {state:?} {result:06}, expected {wanted:?}"));
            }
        }
    }
    for key in expected.keys().filter(|key| !seen.contains(key)) {
        differences.push(format!("{}: lost", key.1));
    }
    Finding {
        en: "every accepted ride is at its acquirer once, settled once or refused by name",
        zh: "每笔受理的乘车在受理方恰好一条，或结算一次，或按名目拒付",
        compared: expected.len(),
        differences,
    }
}

fn debits_at_issuers(records: &[LoggedRecord], fates: &[Fate], observed: &Observed) -> Finding {
    let mut expected: BTreeMap<(usize, RecordId), (CardNumber, Fen)> = BTreeMap::new();
    for (record, fate) in records.iter().zip(fates) {
        if *fate == Fate::Settled {
            expected.insert((record.issuer, record.id), (record.account, record.amount));
        }
    }
    let compared = expected.len();
    let mut differences = Vec::new();
    for (issuer, debits) in &observed.debits {
        for (record, account, amount) in debits {
            match expected.remove(&(*issuer, *record)) {
                Some(due) if due == (*account, *amount) => {}
                Some(_) => differences.push(format!("{record}: debited another amount or rider")),
                None => differences.push(format!("{record}: debited without need, or twice")),
            }
        }
    }
    differences.extend(
        expected
            .keys()
            .map(|(_, record)| format!("{record}: never debited")),
    );
    Finding {
        en: "every settled ride was debited to its rider exactly once",
        zh: "每笔已结算的乘车恰好扣款一次",
        compared,
        differences,
    }
}

fn balances(
    country: &Country,
    records: &[LoggedRecord],
    fates: &[Fate],
    observed: &Observed,
) -> Finding {
    let mut spent: BTreeMap<CardNumber, i64> = BTreeMap::new();
    for (record, fate) in records.iter().zip(fates) {
        if *fate == Fate::Settled {
            *spent.entry(record.account).or_default() += record.amount.get();
        }
    }
    let mut differences = Vec::new();
    for (rider, balance) in country.riders.iter().zip(&observed.balances) {
        let due = rider.recharge.get() - spent.get(&rider.account).copied().unwrap_or(0);
        if due != balance.get() {
            let due = Fen::new(due);
            differences.push(format!(
                "{}: balance {balance}, expected {due}",
                rider.account
            ));
        }
    }
    if observed.balances.len() != country.riders.len() {
        differences.push(format!("{} balances seen", observed.balances.len()));
    }
    Finding {
        en: "every rider's balance is what was paid in less the rides",
        zh: "每位乘客的余额等于充值减去乘车",
        compared: country.riders.len(),
        differences,
    }
}

/// Fee parts of one cross-city ride in 10^-7 fen: 0.35 %, half, three tenths, the rest.
fn fee_parts(amount: i64) -> (i64, i64, i64) {
    let fee = amount * 35_000;
    (fee, fee / 2, fee * 3 / 10)
}

/// Who must receive what, to the tenth of a millionth of a fen, at the hub that clears.
fn positions(claims: &[Claim], observed: &Observed) -> Finding {
    // Only the nation clears rides between two cities; a member there is the city itself or
    // the province above it.
    let member_at_nation = |city: usize| -> InstitutionCode {
        let node = &NODES[city];
        let parent = node.parent.unwrap_or(node.code);
        let code = if parent == NODES[0].code {
            node.code
        } else {
            parent
        };
        InstitutionCode::parse(code).expect("the table holds eight digits")
    };
    let mut exact: BTreeMap<(BusinessDay, InstitutionCode), i64> = BTreeMap::new();
    let mut hub_fee: BTreeMap<BusinessDay, i64> = BTreeMap::new();
    for claim in claims.iter().filter(|c| c.acquirer != c.issuer) {
        let (fee, acquirer_share, issuer_share) = fee_parts(claim.amount.get());
        let amount = claim.amount.get() * 10_000_000;
        let day = claim.settled_on;
        *exact
            .entry((day, member_at_nation(claim.acquirer)))
            .or_default() += amount - fee + acquirer_share;
        *exact
            .entry((day, member_at_nation(claim.issuer)))
            .or_default() -= amount - issuer_share;
        *hub_fee.entry(day).or_default() += fee - acquirer_share - issuer_share;
    }
    let mut differences = Vec::new();
    let mut compared = 0;
    for day in observed.days.iter().filter(|d| d.node == 0) {
        let due = hub_fee.get(&day.day).copied().unwrap_or(0);
        compared += 1;
        if due != day.hub_fee.get() {
            differences.push(format!(
                "{}: hub fee {}, expected {due}",
                day.day, day.hub_fee
            ));
        }
        for position in &day.positions {
            compared += 1;
            let due = exact.remove(&(day.day, position.member)).unwrap_or(0);
            // Whole fen are published; the auditor only insists that no more than a fen, half
            // of income and half of outgo, was rounded away.
            let away = (position.net.get() * 10_000_000 - due).abs();
            if away > 10_000_000 {
                let (member, net) = (position.member, position.net);
                differences.push(format!("{} {member}: net {net}, exact {due}", day.day));
            }
        }
    }
    for ((day, member), due) in exact {
        if due != 0 {
            differences.push(format!("{day} {member}: {due} was never published"));
        }
    }
    Finding {
        en: "the nation's net positions are the sum of the rides and their fees",
        zh: "全国清分的轧差等于乘车与手续费之和",
        compared,
        differences,
    }
}

/// Sums everything itself; the nodes' own proofs are only one more thing to compare.
fn zero_sums(observed: &Observed) -> Finding {
    let mut differences = Vec::new();
    let e7 = |fen: Fen| i128::from(fen.get()) * 10_000_000;
    let net_at = |hub: usize, day: BusinessDay, member: &str| -> Option<Fen> {
        let published = observed
            .days
            .iter()
            .find(|d| d.node == hub && d.day == day)?;
        published
            .positions
            .iter()
            .find(|p| p.member.as_str() == member)
            .map(|p| p.net)
    };
    for day in &observed.days {
        let node = NODES[day.node];
        let members: i128 = day.positions.iter().map(|p| e7(p.net)).sum();
        let kept = i128::from(day.hub_fee.get()) + i128::from(day.rounding.get());
        // What members are to receive beyond what the hub has comes from the hub above.
        let above = match crate::hosting::parent_of(day.node) {
            None => Some(0),
            Some(parent) => net_at(parent, day.day, node.code).map(e7),
        };
        let sum = above.map(|above| members + kept - above);
        if sum != Some(0) || day.control_sum != "0" {
            let own = &day.control_sum;
            differences.push(format!(
                "{} {}: sum {sum:?}, its own {own}",
                node.en, day.day
            ));
        }
    }
    for (node, balances) in &observed.ledgers {
        let sum: i128 = balances.iter().sum();
        if sum != 0 {
            differences.push(format!("{}: ledger sums to {sum}", NODES[*node].en));
        }
    }
    Finding {
        en: "every ledger and every settlement day sums to zero, from hub to hub",
        zh: "每本账、每个清算日之和为零，上下级相符",
        compared: observed.days.len() + observed.ledgers.len(),
        differences,
    }
}

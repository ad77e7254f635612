//! The auditor's look at rides by face: who passed, what it cost, whom it was taken from, and
//! that a face is gone when its rider wants it gone.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_terminal::Light;
use tongtu_terminal::face::FaceMoment;
use tongtu_types::{CardNumber, Fen, RecordId};

use super::drive::FaceLog;
use super::plan::{Before, FaceDue};
use crate::audit::{Claim, Finding, Metres};
use crate::class::Class;
use crate::country::{CITIES, Country};
use crate::log::{Observed, RideState};
use crate::terms::Ridden;

/// Everything that must be true of rides by face.
#[must_use]
pub fn findings(country: &Country, looks: &[FaceLog], observed: &Observed) -> Vec<Finding> {
    if country.face_riders.is_empty() {
        return Vec::new();
    }
    vec![
        told(looks),
        fares(country, looks),
        settled(country, looks, observed),
        accounts(country, looks, observed),
        forgotten(country, observed),
    ]
}

/// What acquirers claim: faces ride at home only.
#[must_use]
pub fn claims(country: &Country, looks: &[FaceLog]) -> Vec<Claim> {
    let paid = looks.iter().filter_map(|log| {
        let (_, amount) = log.record.filter(|(_, amount)| !amount.is_zero())?;
        let home = country.face_riders[log.look.rider].home;
        Some(Claim {
            settled_on: log.look.at.china().day,
            acquirer: home,
            issuer: home,
            amount,
        })
    });
    paid.collect()
}

fn told(looks: &[FaceLog]) -> Finding {
    let mut differences = Vec::new();
    for log in looks {
        let before = log.look.before;
        let passes = before.moment() == FaceMoment::Pass;
        let light = match before.moment() {
            FaceMoment::Pass => Light::Green,
            FaceMoment::OtherWay => Light::Red,
            _ => Light::Amber,
        };
        let agrees = log.moment == before.moment()
            && log.asked == (before == Before::Askance)
            && log.went_on == passes
            && log.record.is_some() == passes
            && log.shown.last().is_some_and(|shown| shown.light == light);
        if !agrees {
            let (at, moment, asked, went_on) = (log.look.at, log.moment, log.asked, log.went_on);
            differences.push(format!(
                "{before:?} at {at}: {moment:?}, asked: {asked}, went on: {went_on}"
            ));
        }
    }
    Finding {
        en: "every face was answered as it deserved: no picture, stranger or withdrawn rider passed",
        zh: "每次刷脸的提示正确：照片、未登记者、已撤回者均未放行",
        compared: looks.len(),
        differences,
    }
}

fn fares(country: &Country, looks: &[FaceLog]) -> Finding {
    let metros: BTreeMap<usize, Metres> = CITIES
        .into_iter()
        .map(|city| (city, Metres::of(country, city)))
        .collect();
    let mut differences = Vec::new();
    for log in looks {
        let city = country.face_posts[log.look.post].post.city;
        let pays = |is_bus, fare| {
            let ridden = Ridden {
                city,
                by_card: false,
                is_bus,
                class: Class::Ordinary,
            };
            ridden.own(fare).0.fen()
        };
        let due = match log.look.due {
            FaceDue::Nothing => Some(Fen::ZERO),
            FaceDue::Bus => Some(pays(true, Fen::new(200))),
            FaceDue::Metro { from, to } => metros[&city]
                .fare(city, from.as_str(), to.as_str())
                .map(|fare| pays(false, fare)),
        };
        let found = log.record.map_or(Fen::ZERO, |(_, amount)| amount);
        if due != Some(found) {
            let at = log.look.at;
            differences.push(format!("face at {at}: charged {found}, expected {due:?}"));
        }
    }
    Finding {
        en: "every fare by face is the published one",
        zh: "每笔刷脸票价符合公布的规则",
        compared: looks.len(),
        differences,
    }
}

/// Every record by id: at its acquirer once, settled or kept; at its issuer once, if it cost.
fn settled(country: &Country, looks: &[FaceLog], observed: &Observed) -> Finding {
    let mut expected: BTreeMap<RecordId, (CardNumber, Fen)> = BTreeMap::new();
    let mut differences = Vec::new();
    for log in looks {
        if let Some((id, amount)) = log.record {
            let account = country.face_riders[log.look.rider].account;
            if expected.insert(id, (account, amount)).is_some() {
                differences.push(format!("{id}: made twice"));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for ride in observed.face_rides.values().flatten() {
        if !seen.insert(ride.record) {
            differences.push(format!("{}: kept twice", ride.record));
        }
        let due = expected.get(&ride.record).copied();
        let is_right = due == Some((ride.card, ride.amount))
            && match ride.amount.is_zero() {
                true => ride.state == RideState::Evidence,
                false => ride.state == RideState::Settled && ride.result == 0,
            };
        if !is_right {
            let (id, state) = (ride.record, ride.state);
            differences.push(format!("{id}: {state:?} of {}", ride.amount));
        }
    }
    let lost = expected.keys().filter(|id| !seen.contains(id));
    differences.extend(lost.map(|id| format!("{id}: lost")));
    let mut due: BTreeMap<RecordId, (CardNumber, Fen)> = expected.clone();
    due.retain(|_, (_, amount)| !amount.is_zero());
    for ride in observed.face_debits.values().flatten() {
        if ride.amount.is_zero() {
            continue;
        }
        if due.remove(&ride.record) != Some((ride.card, ride.amount)) {
            differences.push(format!("{}: debited without need", ride.record));
        }
    }
    differences.extend(due.keys().map(|id| format!("{id}: never debited")));
    Finding {
        en: "every ride by face is at its acquirer once, and debited once if it cost",
        zh: "每次刷脸乘车在受理方恰好一条，应付者恰好扣款一次",
        compared: expected.len(),
        differences,
    }
}

fn accounts(country: &Country, looks: &[FaceLog], observed: &Observed) -> Finding {
    let mut spent = vec![0i64; country.face_riders.len()];
    for log in looks {
        spent[log.look.rider] += log.record.map_or(0, |(_, amount)| amount.get());
    }
    let mut differences = Vec::new();
    for ((rider, face), spent) in country.face_riders.iter().zip(&observed.faces).zip(spent) {
        let due = Fen::new(rider.recharge.get() - spent);
        if face.balance != due {
            let (account, balance) = (rider.account, face.balance);
            differences.push(format!("{account}: balance {balance}, expected {due}"));
        }
    }
    if observed.faces.len() != country.face_riders.len() {
        differences.push(format!("{} accounts seen", observed.faces.len()));
    }
    Finding {
        en: "every account that pays by face holds what was paid in less the rides",
        zh: "每个刷脸账户的余额等于充值减去乘车",
        compared: country.face_riders.len(),
        differences,
    }
}

/// The first rider withdrew: no terminal has the face any more, and all have said so. Everybody
/// else's is where it should be.
fn forgotten(country: &Country, observed: &Observed) -> Finding {
    let mut differences = Vec::new();
    for (index, (rider, face)) in country.face_riders.iter().zip(&observed.faces).enumerate() {
        let posts = country.face_posts.iter();
        let terminals = posts.filter(|post| post.post.city == rider.home).count();
        let (held, gone) = match index {
            0 => (0, terminals),
            _ => (terminals, 0),
        };
        if (face.held, face.forgotten, face.unknown) != (held, gone, 0) {
            let account = rider.account;
            differences.push(format!(
                "{account}: {face:?}, expected {held} that have the face and {gone} that had"
            ));
        }
    }
    Finding {
        en: "a withdrawn face is gone from every terminal, and no other is",
        zh: "撤回者的人脸信息已从所有终端删除，其余不受影响",
        compared: country.face_riders.len(),
        differences,
    }
}

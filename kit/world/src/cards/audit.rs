//! The auditor's look at cards: what each tap had to say and to cost, and where the money went.
//!
//! It believes the card, whose balance was read after each tap, and its own table of fares;
//! records are only one more thing that must agree.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_terminal::tap::Say;
use tongtu_types::{BusinessDay, CardNumber, Fen, RecordId};

use super::fares::Reckoning;
use super::log::{ObservedCardRide, TapLog};
use super::people::Flaw;
use super::plan::Act;
use crate::audit::{Claim, Finding};
use crate::country::Country;
use crate::log::{Observed, RideState};

/// Everything that must be true of cards.
#[must_use]
pub fn findings(country: &Country, taps: &[TapLog], observed: &Observed) -> Vec<Finding> {
    if country.cardholders.is_empty() {
        return Vec::new();
    }
    vec![
        said(taps),
        fares(country, taps),
        claimed(country, taps, observed),
        debited(country, taps, observed),
        balances(country, taps, observed),
    ]
}

/// What acquirers may claim of issuers: each debit once, but those that are owed back.
#[must_use]
pub fn claims(country: &Country, taps: &[TapLog]) -> Vec<Claim> {
    let city = |log: &TapLog| country.card_posts[log.tap.post].city;
    let mut claims = Vec::new();
    for (index, log) in taps.iter().enumerate() {
        if log.debit.get() <= 0 || log.tap.is_refunded {
            continue;
        }
        // Nobody but the card knew that it had paid, until its next tap in this city.
        let known = taps[index + 1..].iter().find(|later| {
            later.tap.holder == log.tap.holder
                && matches!(later.tap.act, Act::Tap(_))
                && city(later) == city(log)
        });
        let known = if log.tap.is_grey { known } else { Some(log) };
        let Some(known) = known else { continue };
        claims.push(Claim {
            settled_on: day_of(known),
            acquirer: city(log),
            issuer: country.cardholders[log.tap.holder].home,
            amount: log.debit,
        });
    }
    claims
}

/// Nobody taps between midnight and three.
const fn day_of(log: &TapLog) -> BusinessDay {
    log.tap.at.china().day
}

fn said(taps: &[TapLog]) -> Finding {
    let lets_on = |say: Option<Say>| {
        matches!(
            say,
            Some(Say::Paid | Say::Enter | Say::Leave | Say::Boarded | Say::Alighted | Say::MadeUp)
        )
    };
    let mut differences = Vec::new();
    for log in taps {
        let (expected, found) = (log.tap.say, log.say);
        if expected != found || log.went_on != lets_on(expected) {
            let (at, mishap, went_on) = (log.tap.at, log.tap.mishap, log.went_on);
            differences.push(format!(
                "{mishap:?} at {at}: {found:?}, went on: {went_on}, expected {expected:?}"
            ));
        }
    }
    Finding {
        en: "every tap was answered as it deserved, and only green lets anybody on",
        zh: "每次刷卡的提示正确，仅绿灯放行",
        compared: taps.len(),
        differences,
    }
}

fn fares(country: &Country, taps: &[TapLog]) -> Finding {
    let mut reckoning = Reckoning::new(country);
    let mut differences = Vec::new();
    for log in taps {
        let due = reckoning.due(log);
        if due != Some(log.debit) {
            let (at, mishap, debit) = (log.tap.at, log.tap.mishap, log.debit);
            differences.push(format!(
                "{mishap:?} at {at}: the card paid {debit}, expected {due:?}"
            ));
        }
    }
    Finding {
        en: "every card paid the published fare by its class, transfers and sums, and once",
        zh: "每张卡按公布票价及卡种、换乘、累计规则恰扣款一次",
        compared: taps.len(),
        differences,
    }
}

/// By card and amount, how often.
type Amounts = BTreeMap<(CardNumber, Fen), i64>;

fn paid(country: &Country, taps: &[TapLog]) -> Amounts {
    let mut amounts = Amounts::new();
    for log in taps {
        if log.debit.get() > 0 && !log.tap.is_refunded {
            let card = country.cardholders[log.tap.holder].number;
            *amounts.entry((card, log.debit)).or_default() += 1;
        }
    }
    amounts
}

/// Takes what was found from what is due; what is left either way is a difference.
fn settle(mut due: Amounts, found: &[&ObservedCardRide]) -> Vec<String> {
    for ride in found {
        *due.entry((ride.card, ride.amount)).or_default() -= 1;
    }
    due.retain(|_, count| *count != 0);
    due.into_iter()
        .map(|((card, amount), count)| format!("{card}: {count} debits of {amount} unmatched"))
        .collect()
}

fn claimed(country: &Country, taps: &[TapLog], observed: &Observed) -> Finding {
    let forged: BTreeSet<CardNumber> = country
        .cardholders
        .iter()
        .filter(|holder| holder.flaw == Flaw::Forged)
        .map(|holder| holder.number)
        .collect();
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    let mut settled = Vec::new();
    for ride in observed.card_rides.values().flatten() {
        if !seen.insert(ride.record) {
            differences.push(format!("{}: kept twice", ride.record));
        }
        let is_forged = forged.contains(&ride.card);
        let agrees = match (ride.state, ride.amount.is_zero()) {
            (RideState::Refused, false) => is_forged && ride.result != 0,
            (RideState::Settled, false) => !is_forged && ride.result == 0,
            (RideState::Evidence | RideState::Settled, true) => true,
            _ => false,
        };
        if !agrees {
            let (id, state, result) = (ride.record, ride.state, ride.result);
            differences.push(format!("{id}: {state:?} {result:06} of {}", ride.amount));
        }
        if ride.state == RideState::Settled && !ride.amount.is_zero() {
            settled.push(ride);
        }
    }
    let due = paid(country, taps);
    let compared = settled.len();
    differences.extend(settle(due, &settled));
    Finding {
        en: "every debit of a card is one settled claim, or one refund due",
        zh: "每笔卡片扣款恰为一笔已结算债权或一笔应退款",
        compared,
        differences,
    }
}

fn debited(country: &Country, taps: &[TapLog], observed: &Observed) -> Finding {
    let mut differences = Vec::new();
    let mut seen: BTreeSet<RecordId> = BTreeSet::new();
    let mut found = Vec::new();
    for ride in observed.card_debits.values().flatten() {
        if !seen.insert(ride.record) {
            differences.push(format!("{}: charged twice", ride.record));
        }
        if !ride.amount.is_zero() {
            found.push(ride);
        }
    }
    let compared = found.len();
    differences.extend(settle(paid(country, taps), &found));
    Finding {
        en: "every card's issuer was charged for each debit once",
        zh: "每笔扣款向发卡机构恰好收取一次",
        compared,
        differences,
    }
}

fn balances(country: &Country, taps: &[TapLog], observed: &Observed) -> Finding {
    let mut differences = Vec::new();
    let mut spent = vec![(0i64, 0i64); country.cardholders.len()];
    for log in taps {
        let (debits, refunds) = &mut spent[log.tap.holder];
        *debits += log.debit.get();
        if log.tap.is_refunded {
            *refunds += log.debit.get();
        }
    }
    for (holder, (card, (debits, refunds))) in country
        .cardholders
        .iter()
        .zip(observed.cards.iter().zip(spent))
    {
        let due = card.loaded.get() - debits;
        let number = holder.number;
        if card.balance.get() != due {
            let balance = card.balance;
            differences.push(format!(
                "{number}: {balance} on the card, expected {}",
                Fen::new(due)
            ));
        }
        let Some(issuer) = card.issuer else { continue };
        let agrees = issuer.mirror == card.balance
            && issuer.refund_due.get() == refunds
            && issuer.short.is_zero();
        if !agrees {
            let (balance, owed) = (card.balance, Fen::new(refunds));
            differences.push(format!(
                "{number}: the issuer believes {issuer:?}, expected {balance} and {owed} owed"
            ));
        }
    }
    if observed.cards.len() != country.cardholders.len() {
        differences.push(format!("{} cards seen", observed.cards.len()));
    }
    Finding {
        en: "every card holds its loads less its debits, and its issuer knows so",
        zh: "每张卡余额等于充值减扣款，且与发卡机构账面一致",
        compared: country.cardholders.len(),
        differences,
    }
}

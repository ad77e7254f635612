//! Rides that do not hold: each is refused by its own result code, and none is debited.

use tongtu_clearing::Outcome;
use tongtu_ride_code::Policy;
use tongtu_services::{Node, RideRole, RideState};
use tongtu_types::Fen;

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, SHENZHEN_CODE, Tap, day, key, morning,
    night,
};

/// Results of a city's rides in the order of its records.
async fn results(node: &Node) -> Vec<(RideState, u32)> {
    let rides = node.rides_view(RideRole::Acquirer).await.unwrap();
    rides.iter().map(|ride| (ride.state, ride.result)).collect()
}

const SETTLED: (RideState, u32) = (RideState::Settled, 0);

fn refused(outcome: Outcome) -> (RideState, u32) {
    (RideState::Refused, outcome.code())
}

#[tokio::test]
async fn one_code_pays_one_ride() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let one = country.terminal(GUANGZHOU_CODE, 1).await;
    let two = country.terminal(GUANGZHOU_CODE, 2).await;
    let t = morning();
    let first = Tap::ride(&bei, t, 1, 200);
    let second = Tap {
        code: first.code.clone(),
        at: t.plus_s(30),
        ..Tap::ride(&bei, t, 1, 300)
    };
    // The later ride arrives first; the earlier one has the code all the same.
    country
        .upload(&two, &[two.record(second)], t.plus_s(60))
        .await;
    country
        .upload(&one, &[one.record(first)], t.plus_s(120))
        .await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let found = results(country.node(GUANGZHOU_CODE)).await;
    assert_eq!(found, [SETTLED, refused(Outcome::CodeReused)]);
    let view = country.node(GUANGZHOU_CODE).day_view(day()).await.unwrap();
    assert_eq!(view.refused.into_iter().collect::<Vec<_>>(), [(20_003, 1)]);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4800));
    // The same code again, a day later.
    let third = Tap {
        code: bei.code_at(t.plus_s(-5)),
        at: t.plus_s(90),
        ..Tap::ride(&bei, t, 2, 400)
    };
    country
        .upload(&one, &[one.record(third)], night(day()))
        .await;
    country.close(day().next()).await;
    country.settle(day().next()).await;
    country.audit().await;
    let found = results(country.node(GUANGZHOU_CODE)).await;
    assert_eq!(found[1], refused(Outcome::CodeReused));
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4800));
}

/// Whoever rides free because of a class is right to pay nothing, at home and away.
#[tokio::test]
async fn a_whole_ride_costs_nothing_only_where_the_account_has_a_class() {
    let country = Country::found().await;
    let terminal = country.terminal(GUANGZHOU_CODE, 1).await;
    let (elder, ordinary, local) = (
        country.rider_of(BEIJING_CODE, 1, 3).await,
        country.rider(BEIJING_CODE, 2).await,
        country.rider_of(GUANGZHOU_CODE, 3, 3).await,
    );
    let t = morning();
    let records: Vec<Vec<u8>> = [(&elder, 1), (&ordinary, 2), (&local, 3)]
        .into_iter()
        .map(|(rider, number)| {
            let at = t.plus_s(i64::try_from(number).unwrap());
            terminal.record(Tap::ride(rider, at, number, 0))
        })
        .collect();
    country.upload(&terminal, &records, t.plus_s(60)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let found = results(country.node(GUANGZHOU_CODE)).await;
    assert_eq!(found, [SETTLED, refused(Outcome::Amount), SETTLED]);
    for (city, rider) in [
        (BEIJING_CODE, &elder),
        (BEIJING_CODE, &ordinary),
        (GUANGZHOU_CODE, &local),
    ] {
        assert_eq!(country.balance(city, rider).await, Fen::new(5000));
    }
}

/// Two cities accept one code, neither knows of the other: the hub that both send to does.
#[tokio::test]
async fn one_code_in_two_cities_is_seen_by_their_hub() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let t = morning();
    let code = bei.code_at(t.plus_s(-5));
    for (city, at) in [(SHENZHEN_CODE, t.plus_s(20)), (GUANGZHOU_CODE, t)] {
        let terminal = country.terminal(city, 1).await;
        let tap = Tap {
            code: code.clone(),
            ..Tap::ride(&bei, at, 1, 200)
        };
        country
            .upload(&terminal, &[terminal.record(tap)], t.plus_s(60))
            .await;
    }
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(results(country.node(GUANGZHOU_CODE)).await, [SETTLED]);
    let found = results(country.node(SHENZHEN_CODE)).await;
    assert_eq!(found, [refused(Outcome::CodeReused)]);
    let view = country.node(PROVINCE).day_view(day()).await.unwrap();
    assert_eq!(view.refused.into_iter().collect::<Vec<_>>(), [(20_003, 1)]);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4800));
}

/// Two hubs settle one code, neither knows of the other: the issuer pays both, and an alarm
/// says so.
#[tokio::test]
async fn one_code_at_two_hubs_is_seen_by_its_issuer() {
    let country = Country::found().await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let code = guang.code_at(t.plus_s(-5));
    for city in [GUANGZHOU_CODE, BEIJING_CODE] {
        let terminal = country.terminal(city, 1).await;
        let tap = Tap {
            code: code.clone(),
            ..Tap::ride(&guang, t, 1, 200)
        };
        country
            .upload(&terminal, &[terminal.record(tap)], t.plus_s(60))
            .await;
    }
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let alarms = country.node(GUANGZHOU_CODE).alarms().await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].code, "issuing.code_charged_twice");
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let listed = country.rider(GUANGZHOU_CODE, 2).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let t = morning();
    let listing = t.plus_s(-2 * 86_400);
    node.blacklist_add(&[listed.account], listing)
        .await
        .unwrap();
    let tap = |sequence: u64| {
        let at = t.plus_s(i64::try_from(sequence).unwrap() * 60);
        Tap::ride(&bei, at, sequence, 200)
    };
    let forge = |sequence: u64, at: usize| {
        let mut tap = tap(sequence);
        let at = if at == usize::MAX {
            tap.code.len() - 1
        } else {
            at
        };
        tap.code[at] ^= 1;
        tap
    };
    let stale = Tap {
        at: tap(5).at.plus_s(3600),
        ..tap(5)
    };
    let future = Tap {
        at: t.plus_s(86_400 * 2),
        code: bei.code_at(t.plus_s(86_400 * 2)),
        ..tap(9)
    };
    let taps = [
        (tap(1), None),
        (forge(2, usize::MAX), Some(Outcome::RideCode)),
        (forge(3, 60), Some(Outcome::RideCode)),
        (forge(4, 210), Some(Outcome::RideCode)),
        (stale, Some(Outcome::RideCode)),
        (
            Tap {
                fen: 2001,
                ..tap(6)
            },
            Some(Outcome::Amount),
        ),
        (Tap { fen: 0, ..tap(7) }, Some(Outcome::Amount)),
        (
            Tap::ride(&listed, tap(8).at, 8, 200),
            Some(Outcome::Blacklisted),
        ),
        (future, Some(Outcome::RideTime)),
    ];
    let mut expect = Vec::new();
    let mut records = Vec::new();
    for (tap, outcome) in taps {
        let record = south.content(tap);
        let end = outcome.map_or(SETTLED, refused);
        expect.push((record.id, end));
        records.push(record.encode(&south.key).unwrap());
    }
    country.upload(&south, &records, t.plus_s(7200)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    expect.sort_by_key(|(id, _)| *id);
    let expect: Vec<_> = expect.into_iter().map(|(_, end)| end).collect();
    assert_eq!(results(node).await, expect);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4800));
    assert_eq!(
        country.balance(GUANGZHOU_CODE, &listed).await,
        Fen::new(5000)
    );
    let view = node.day_view(day()).await.unwrap();
    let counted: u64 = view.refused.values().sum();
    assert_eq!(
        view.records,
        view.evidence + view.forwarded + view.settled + counted
    );
}

/// The acquirer's own laxness does not make a ride sound: the hub verifies again.
#[tokio::test]
async fn a_hub_trusts_no_acquirer() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    // This city lets codes live for days, which no hub does.
    let lax = Policy {
        max_validity_s: 65_535,
        ..Policy::default()
    };
    country
        .start(GUANGZHOU_CODE, |config| config.policy = lax)
        .await;
    country
        .start(BEIJING_CODE, |config| {
            config.issuer.as_mut().unwrap().validity_s = 60_000;
        })
        .await;
    let node = country.node(BEIJING_CODE);
    let certificate = node
        .user_certificate_issue(bei.account, morning())
        .await
        .unwrap();
    let long = certificate.ride_code(morning(), &bei.phone).unwrap();
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let tap = Tap {
        code: long.as_bytes().to_vec(),
        ..Tap::ride(&bei, morning().plus_s(3600), 1, 200)
    };
    country
        .upload(&south, &[south.record(tap)], morning().plus_s(3700))
        .await;
    country.close(day()).await;
    let view = country.node(GUANGZHOU_CODE).day_view(day()).await.unwrap();
    assert_eq!(view.forwarded, 1);
    country.settle(day()).await;
    country.audit().await;
    let view = country.node(PROVINCE).day_view(day()).await.unwrap();
    assert_eq!((view.refused.get(&20_012), view.forwarded), (Some(&1), 0));
    let found = results(country.node(GUANGZHOU_CODE)).await;
    assert_eq!(found, [refused(Outcome::RideCode)]);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(5000));
}

#[tokio::test]
async fn an_issuer_that_is_not_accepted_is_refused() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    country
        .start(GUANGZHOU_CODE, |config| {
            config
                .accepted_issuers
                .retain(|code| code.as_str() != BEIJING_CODE);
        })
        .await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&bei, morning(), 1, 200));
    country.upload(&south, &[record], morning()).await;
    country.close(day()).await;
    country.settle(day()).await;
    let found = results(country.node(GUANGZHOU_CODE)).await;
    assert_eq!(found, [refused(Outcome::Issuer)]);
    assert_eq!(
        country.node(NATION).day_view(day()).await.unwrap().records,
        0
    );
}

/// A phone whose key is not the one in the certificate.
#[tokio::test]
async fn a_foreign_phone_is_refused() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let mut tap = Tap::ride(&bei, morning(), 1, 200);
    let signed = tap.code.len() - 65;
    let forged = key("another phone").sign(&tap.code[..signed]);
    tap.code[signed + 1..].copy_from_slice(&forged.0);
    country
        .upload(&north, &[north.record(tap)], morning())
        .await;
    country.close(day()).await;
    let found = results(country.node(BEIJING_CODE)).await;
    assert_eq!(found, [refused(Outcome::RideCode)]);
}

//! A revoked issuer and a compromised root, from the list that the root signs to terminals,
//! issuers and the settlement of rides.

use std::collections::BTreeMap;

use tongtu_ride_code::{RevocationError, RevocationList, Root, Verdict};
use tongtu_services::{RideState, ServiceError};
use tongtu_types::{BusinessDay, Timestamp};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, SHENZHEN_CODE, code, day, key,
    morning, refused,
};
use crate::street::Street;

const DAY: i64 = 86_400;
const EVERYBODY: [&str; 5] = [
    NATION,
    PROVINCE,
    BEIJING_CODE,
    GUANGZHOU_CODE,
    SHENZHEN_CODE,
];

/// The list of the country's root, signed by its key.
fn list(version: u64, revoked_at: Timestamp, root_ended_at: Option<Timestamp>) -> Vec<u8> {
    let root = Root::self_sign(2, "1240".parse().unwrap(), &key("root")).unwrap();
    let list = RevocationList {
        ca_index: 2,
        version,
        issued_at: revoked_at,
        root_ended_at,
        revoked: BTreeMap::from([((code(BEIJING_CODE), [0, 0, 1]), revoked_at)]),
    };
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(key("root").sign(bytes));
    list.sign_with(&root, sign).unwrap()
}

async fn told(country: &Country, bytes: &[u8], now: Timestamp) {
    for text in EVERYBODY {
        country
            .node(text)
            .revocations_take(bytes, now)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn terminals_refuse_a_revoked_issuer_from_their_next_list_on() {
    let country = Country::found().await;
    let (bei, guang) = (
        country.rider(BEIJING_CODE, 1).await,
        country.rider(GUANGZHOU_CODE, 1).await,
    );
    let mut bus = Street::new(&country, GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let t = morning();
    let before = bus.fetch(node, t).await;
    assert_eq!(bus.scan(&bei, t.plus_s(10)), Verdict::Accepted);

    told(&country, &list(1, t.plus_s(60), None), t.plus_s(60)).await;
    // Nobody told the terminal, and it takes the code.
    assert_eq!(bus.scan(&bei, t.plus_s(120)), Verdict::Accepted);
    assert!(bus.fetch(node, t.plus_s(180)).await > before);
    assert_eq!(bus.scan(&bei, t.plus_s(200)), Verdict::Blacklisted);
    assert_eq!(bus.scan(&guang, t.plus_s(210)), Verdict::Accepted);

    // Its issuer makes no certificate under it any more; others do.
    let now = t.plus_s(300);
    let issued = |city, account| country.node(city).user_certificate_issue(account, now);
    let none = issued(BEIJING_CODE, bei.account).await;
    assert_eq!(refused(none), "issuing.issuer_revoked");
    assert!(issued(GUANGZHOU_CODE, guang.account).await.is_ok());
}

#[tokio::test]
async fn a_root_that_is_over_takes_every_code_along() {
    let country = Country::found().await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let mut bus = Street::new(&country, GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let t = morning();
    bus.fetch(node, t).await;
    assert_eq!(bus.scan(&guang, t.plus_s(10)), Verdict::Accepted);
    told(&country, &list(1, t, Some(t)), t.plus_s(60)).await;
    bus.fetch(node, t.plus_s(70)).await;
    assert_eq!(bus.scan(&guang, t.plus_s(80)), Verdict::CaKey);
    let issued = node
        .user_certificate_issue(guang.account, t.plus_s(90))
        .await;
    assert_eq!(refused(issued), "issuing.issuer_revoked");
    // Whoever has the key of that root does not make it good again.
    let again = node
        .revocations_take(&list(2, t, None), t.plus_s(100))
        .await;
    let error = RevocationError::RootAgain {
        ca_index: 2,
        offered: 2,
    };
    assert!(matches!(again, Err(ServiceError::Revocations(found)) if found == error));
}

#[tokio::test]
async fn rides_are_paid_until_terminals_must_know_and_not_after() {
    let country = Country::found().await;
    let (bei, other) = (
        country.rider(BEIJING_CODE, 1).await,
        country.rider(BEIJING_CODE, 2).await,
    );
    let mut bus = Street::new(&country, GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let t = morning();
    bus.fetch(node, t).await;
    told(&country, &list(1, t, None), t).await;
    // A terminal that does not come for its lists: the last second of 15 days, and the next.
    let due = t.plus_s(15 * DAY);
    for (rider, at) in [(&bei, t.plus_s(60)), (&bei, due.plus_s(-1)), (&other, due)] {
        assert_eq!(bus.scan(rider, at), Verdict::Accepted);
    }
    assert_eq!(bus.upload(node, due.plus_s(60)).await, 3);
    let last = BusinessDay::from_days(day().days() + 15);
    country.close(last).await;
    country.settle(last).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let ends: Vec<_> = rides.iter().map(|ride| (ride.state, ride.result)).collect();
    assert_eq!(
        ends,
        [
            (RideState::Settled, 0),
            (RideState::Settled, 0),
            (RideState::Refused, 20_013)
        ]
    );
}

#[tokio::test]
async fn a_list_that_is_not_the_roots_or_not_newer_changes_nothing() {
    let mut country = Country::found().await;
    let t = morning();
    let node = country.node(GUANGZHOU_CODE);
    node.revocations_take(&list(5, t, None), t).await.unwrap();
    let version = node.lists_in_force().await.unwrap().version;

    let same = node.revocations_take(&list(5, t, None), t.plus_s(1)).await;
    assert_eq!(same.unwrap(), 5, "repeated, it is the same");
    let other = node.revocations_take(&list(5, t.plus_s(1), None), t).await;
    assert_eq!(refused(other), "node.revocations_older");
    let older = node.revocations_take(&list(4, t, None), t).await;
    assert_eq!(refused(older), "node.revocations_older");
    let mut bent = list(6, t, None);
    bent[40] ^= 1;
    let bent = node.revocations_take(&bent, t).await;
    assert_eq!(refused(bent), "node.revocations");
    assert_eq!(node.lists_in_force().await.unwrap().version, version);

    country.start(GUANGZHOU_CODE, |_| {}).await;
    let mut bus = Street::new(&country, GUANGZHOU_CODE, 1).await;
    bus.fetch(country.node(GUANGZHOU_CODE), t).await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    assert_eq!(
        bus.scan(&bei, t.plus_s(10)),
        Verdict::Blacklisted,
        "a restart keeps it"
    );
}

//! The lists for terminals: signed, and their version only rises.

use tongtu_terminal::ListBundle;
use tongtu_types::CardNumber;

use crate::country::{Country, GUANGZHOU_CODE, NATION, code, key, morning, refused};

async fn bundle(country: &Country, after: u64) -> Option<ListBundle> {
    let node = country.node(GUANGZHOU_CODE);
    let bytes = node.lists_current(after, morning()).await.unwrap()?;
    let list_key = key("list 01345810");
    Some(ListBundle::open(&bytes, list_key.public()).unwrap())
}

#[tokio::test]
async fn a_change_makes_a_new_version() {
    let mut country = Country::found().await;
    let accounts = ["3101000000000000001", "3101000000000000002"];
    let accounts = accounts.map(|text| CardNumber::parse(text).unwrap());
    let first = bundle(&country, 0).await.unwrap();
    assert_eq!((first.version, first.acquirer), (1, code("11345810")));
    assert_eq!((first.issuers.len(), first.roots.iter().count()), (3, 1));
    assert_eq!(first.issued_at, morning());
    assert!(first.blacklists.accounts.is_empty());
    assert!(bundle(&country, 1).await.is_none());

    let node = country.node(GUANGZHOU_CODE);
    let later = morning().plus_s(60);
    for (listed, version) in [(&accounts[..1], 2), (&accounts[..1], 2), (&accounts[..], 3)] {
        let answer = node.blacklist_add(listed, later).await.unwrap();
        assert_eq!(answer, version);
    }
    let third = bundle(&country, 1).await.unwrap();
    assert_eq!((third.version, third.issued_at), (3, later));
    assert!(third.blacklists.accounts.iter().eq(&accounts));
    assert!(bundle(&country, 3).await.is_none());

    country.start(GUANGZHOU_CODE, |_| {}).await;
    assert!(
        bundle(&country, 3).await.is_none(),
        "a restart changes nothing"
    );
    country
        .start(GUANGZHOU_CODE, |config| config.accepted_issuers.truncate(2))
        .await;
    let fourth = bundle(&country, 3).await.unwrap();
    assert_eq!((fourth.version, fourth.issuers.len()), (4, 2));
    assert_eq!(fourth.blacklists.accounts.len(), 2);

    let nation = country.node(NATION).lists_current(0, morning()).await;
    assert_eq!(refused(nation), "node.role_missing");
}

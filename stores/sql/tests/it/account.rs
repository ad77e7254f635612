//! Accounts, recharges, charged rides.

use std::collections::BTreeSet;

use tongtu_sql::{AccountRow, ChargedRow, RechargeRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    opens_an_account_once
    notes_a_recharge_once
    charges_a_record_once
}

const NUMBER: &str = "3104100000000000017";

fn account() -> AccountRow {
    AccountRow {
        number: NUMBER.into(),
        user_key: vec![2; 33],
        account_type: 2,
        suspended: false,
        opened_at: 100,
        certificate_expires: None,
    }
}

fn charged(n: i64) -> ChargedRow {
    ChargedRow {
        record: format!("r{n:04}"),
        account: NUMBER.into(),
        generated_at: 1000 + n,
        amount: 200,
        direction: 2,
        hub: "00000000".into(),
        result: 0,
        day: 20_454,
    }
}

async fn opens_an_account_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.account(NUMBER).await.unwrap(), None);
    assert!(!tx.account_suspend(NUMBER, true).await.unwrap());
    assert!(tx.account_insert(&account()).await.unwrap());
    let other = AccountRow {
        user_key: vec![3; 33],
        ..account()
    };
    assert!(!tx.account_insert(&other).await.unwrap());
    assert_eq!(tx.account(NUMBER).await.unwrap(), Some(account()));
    assert!(tx.account_suspend(NUMBER, true).await.unwrap());
    for (expires, expect) in [(500, 500), (400, 500), (600, 600)] {
        tx.account_certificate(NUMBER, expires).await.unwrap();
        let row = tx.account(NUMBER).await.unwrap().unwrap();
        assert_eq!(
            (row.certificate_expires, row.suspended),
            (Some(expect), true)
        );
    }
    let asked = [NUMBER.to_owned(), "nobody".to_owned()];
    let known = tx.accounts_known(&asked).await.unwrap();
    assert_eq!(known, BTreeSet::from([NUMBER.to_owned()]));
}

async fn notes_a_recharge_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let paid = RechargeRow {
        id: "pay-1".into(),
        account: NUMBER.into(),
        amount: 5000,
        paid_at: 9,
    };
    assert_eq!(tx.recharge("pay-1").await.unwrap(), None);
    assert!(tx.recharge_insert(&paid).await.unwrap());
    let other = RechargeRow {
        amount: 1,
        ..paid.clone()
    };
    assert!(!tx.recharge_insert(&other).await.unwrap());
    assert_eq!(tx.recharge("pay-1").await.unwrap(), Some(paid));
}

async fn charges_a_record_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let rides: Vec<ChargedRow> = (0..300).map(charged).collect();
    tx.charged_insert(&rides).await.unwrap();
    assert_eq!(tx.charged_rides().await.unwrap(), rides);
    assert_eq!(tx.charged_count(NUMBER).await.unwrap(), 300);
    assert_eq!(tx.charged_count("nobody").await.unwrap(), 0);
    let all = tx.charged_count_between(NUMBER, i64::MIN, i64::MAX).await;
    assert_eq!(all.unwrap(), 300);
    let none = tx.charged_count_between(NUMBER, i64::MIN, -1).await;
    assert_eq!(none.unwrap(), 0);
    let codes = [(NUMBER.to_owned(), 1007), (NUMBER.to_owned(), 9999)];
    let found = tx.codes_charged(&codes).await.unwrap();
    assert_eq!(found, [(NUMBER.to_owned(), 1007, "r0007".to_owned())]);
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    let refused = tx.charged_insert(&[charged(300), charged(7)]).await;
    assert!(refused.unwrap_err().is_taken());
    drop(tx);
    let mut tx = store.read().await.unwrap();
    assert_eq!(
        tx.charged_count(NUMBER).await.unwrap(),
        300,
        "300 is not there"
    );
}

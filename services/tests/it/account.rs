//! Accounts: opened once, paid into once per payment, certificates only for the sound.

use tongtu_services::StatusKind;
use tongtu_types::{CardNumber, Fen};

use crate::country::{BEIJING_CODE, Country, PROVINCE, key, morning, refused};

fn account(number: u32) -> CardNumber {
    CardNumber::parse(&format!("3101000{number:012}")).unwrap()
}

#[tokio::test]
async fn an_account_is_opened_once() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let (phone, t) = (key("phone"), morning());
    let opened = node
        .account_open(account(1), phone.public(), t)
        .await
        .unwrap();
    assert_eq!(
        (opened.balance, opened.rides, opened.suspended),
        (Fen::ZERO, 0, false)
    );
    assert_eq!(opened.certificate_expires, None);
    let again = node
        .account_open(account(1), phone.public(), t.plus_s(9))
        .await;
    assert_eq!(again.unwrap(), opened);
    let other = node
        .account_open(account(1), key("other").public(), t)
        .await;
    assert_eq!(refused(other), "issuing.account_key_differs");
    let student = node.account_open_as(account(1), phone.public(), 2, t).await;
    assert_eq!(refused(student), "issuing.account_type_differs");
    let unknown = node.account_view(account(2)).await.unwrap_err();
    assert_eq!(unknown.code(), "issuing.account_unknown");
    assert_eq!(unknown.status_kind(), StatusKind::NotFound);
    assert!(!unknown.to_string().contains(account(2).reveal()), "masked");
    let province = country.node(PROVINCE).account_view(account(1)).await;
    assert_eq!(refused(province), "node.role_missing");
}

#[tokio::test]
async fn a_payment_is_paid_in_once() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let (phone, t) = (key("phone"), morning());
    for number in [1, 2] {
        node.account_open(account(number), phone.public(), t)
            .await
            .unwrap();
    }
    let pay = async |number: u32, id: &str, fen: i64, at| {
        let paid = node
            .account_recharge(account(number), id, Fen::new(fen), at)
            .await;
        match paid {
            Ok(view) => view.balance.get().to_string(),
            Err(error) => error.code().to_owned(),
        }
    };
    let later = t.plus_s(3 * 86_400);
    assert_eq!(pay(1, "p1", 500, t).await, "500");
    assert_eq!(pay(1, "p1", 500, later).await, "500");
    assert_eq!(pay(1, "p1", 501, t).await, "issuing.recharge_id_reused");
    assert_eq!(pay(2, "p1", 500, t).await, "issuing.recharge_id_reused");
    assert_eq!(pay(1, "p2", 1, later).await, "501");
    assert_eq!(pay(1, "p3", 0, t).await, "issuing.recharge_amount");
    assert_eq!(pay(1, "p3", -5, t).await, "issuing.recharge_amount");
    assert_eq!(pay(1, "p3", i64::MAX, t).await, "issuing.recharge_amount");
    assert_eq!(pay(1, "", 5, t).await, "issuing.recharge_id");
    assert_eq!(pay(1, "a b", 5, t).await, "issuing.recharge_id");
    assert_eq!(pay(1, &"x".repeat(49), 5, t).await, "issuing.recharge_id");
    assert_eq!(pay(3, "p4", 5, t).await, "issuing.account_unknown");
    assert!(node.ledger_view().await.unwrap().sum.is_zero());
}

#[tokio::test]
async fn a_certificate_is_for_the_sound() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let (phone, t) = (key("phone"), morning());
    let unknown = node.user_certificate_issue(account(1), t).await;
    assert_eq!(refused(unknown), "issuing.account_unknown");
    node.account_open(account(1), phone.public(), t)
        .await
        .unwrap();
    let certificate = node.user_certificate_issue(account(1), t).await.unwrap();
    assert_eq!(certificate.user().account, account(1));
    assert_eq!(certificate.user().card_issuer, [0x01, 0x34, 0x10, 0x00]);
    assert_eq!(certificate.expires(), t.plus_s(30 * 86_400));
    let view = node.account_view(account(1)).await.unwrap();
    assert_eq!(view.certificate_expires, Some(certificate.expires()));
    let again = node.user_certificate_issue(account(1), t).await.unwrap();
    assert_eq!(again, certificate, "the same second, the same bytes");
    for suspended in [true, true] {
        let view = node
            .account_suspend(account(1), suspended, t)
            .await
            .unwrap();
        assert!(view.suspended);
    }
    let answer = node.user_certificate_issue(account(1), t).await;
    assert_eq!(refused(answer), "issuing.account_suspended");
    node.account_suspend(account(1), false, t).await.unwrap();
    node.user_certificate_issue(account(1), t).await.unwrap();
    let unknown = node.account_suspend(account(2), true, t).await;
    assert_eq!(refused(unknown), "issuing.account_unknown");
}

#[tokio::test]
async fn a_certificate_carries_the_type_of_its_account() {
    let country = Country::found().await;
    let node = country.node(BEIJING_CODE);
    let (phone, t) = (key("phone"), morning());
    node.account_open(account(1), phone.public(), t)
        .await
        .unwrap();
    for (number, kind) in [(2, 2), (3, 255)] {
        node.account_open_as(account(number), phone.public(), kind, t)
            .await
            .unwrap();
    }
    for (number, kind) in [(1, 1), (2, 2), (3, 255)] {
        let certificate = node.user_certificate_issue(account(number), t).await;
        let code = certificate.unwrap().ride_code(t, &phone).unwrap();
        assert_eq!(code.user().unwrap().account_type, kind);
    }
}

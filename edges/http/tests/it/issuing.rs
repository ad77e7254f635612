//! Accounts and certificates over HTTP.

use tongtu_types::{CardNumber, Fen};

use crate::country::{Country, Rider, T0, key, status_of};

#[tokio::test]
async fn opens_an_account_once() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::new("3104100000000000017");
    let opened = city
        .client
        .account_open(rider.account, rider.key.public())
        .await
        .unwrap();
    assert_eq!(opened.account, "3104100000000000017");
    assert_eq!((opened.balance_fen, opened.rides), (0, 0));
    assert!(!opened.suspended);
    assert_eq!(opened.certificate_expires_s, None);

    let again = city
        .client
        .account_open(rider.account, rider.key.public())
        .await;
    assert_eq!(again.unwrap(), opened);
    let viewed = city.client.account_view(rider.account).await.unwrap();
    assert_eq!(viewed, opened);

    let other_key = key("another phone");
    let error = city
        .client
        .account_open(rider.account, other_key.public())
        .await
        .unwrap_err();
    assert_eq!(status_of(&error).0, 409, "{error}");
    assert!(!error.retryable());
    let student = city
        .client
        .account_open_as(rider.account, rider.key.public(), Some(2))
        .await
        .unwrap_err();
    assert_eq!(status_of(&student), (409, "issuing.account_type_differs"));
    let unchanged = city.client.account_view(rider.account).await.unwrap();
    assert_eq!(unchanged, opened);
}

#[tokio::test]
async fn pays_in_once_per_id() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::new("3104100000000000017");
    let account = rider.account;
    let client = &city.client;
    client
        .account_open(account, rider.key.public())
        .await
        .unwrap();
    for (id, balance_fen) in [("a", 500), ("a", 500), ("b", 1000), ("a", 1000)] {
        let paid = client.account_recharge(account, id, Fen::new(500)).await;
        assert_eq!(paid.unwrap().balance_fen, balance_fen, "{id}");
    }
    let error = client.account_recharge(account, "c", Fen::new(-1)).await;
    let error = error.unwrap_err();
    assert_eq!(status_of(&error), (400, "issuing.recharge_amount"));
    let view = client.account_view(account).await.unwrap();
    assert_eq!(view.balance_fen, 1000);
}

#[tokio::test]
async fn issues_certificates_to_whom_is_not_suspended() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled("3104100000000000017", &city).await;
    let account = rider.account;
    let client = &city.client;

    let certificate = rider.certificate.as_ref().unwrap();
    assert_eq!(certificate.user().account, account);
    let view = client.account_view(account).await.unwrap();
    assert_eq!(
        view.certificate_expires_s,
        Some(certificate.expires().get())
    );
    // Good for making codes with the phone's key.
    certificate.ride_code(T0, &rider.key).unwrap();

    let view = client.account_suspend(account, true).await.unwrap();
    assert!(view.suspended);
    let error = client.user_certificate_issue(account).await.unwrap_err();
    assert_eq!(status_of(&error).0, 422, "{error}");
    let view = client.account_suspend(account, false).await.unwrap();
    assert!(!view.suspended);
    client.user_certificate_issue(account).await.unwrap();
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let city = Country::new().beijing(None).await;
    let nobody = CardNumber::parse("3104100000000000099").unwrap();
    let client = &city.client;
    let errors = [
        client.account_view(nobody).await.unwrap_err(),
        client
            .account_recharge(nobody, "a", Fen::new(1))
            .await
            .unwrap_err(),
        client.account_suspend(nobody, true).await.unwrap_err(),
        client.user_certificate_issue(nobody).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(status_of(&error).0, 404, "{error}");
        // Errors go to logs: no number of an account in full.
        assert!(!error.to_string().contains(nobody.reveal()), "{error}");
    }
}

#[tokio::test]
async fn a_node_that_issues_nothing_has_no_accounts() {
    let nation = Country::new().nation().await;
    let rider = Rider::new("3104100000000000017");
    let error = nation
        .client
        .account_open(rider.account, rider.key.public())
        .await
        .unwrap_err();
    assert_eq!(status_of(&error), (404, "node.role_missing"));
}

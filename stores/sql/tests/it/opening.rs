//! Addresses, migrations, transactions.

use sqlx::AnyConnection;
use sqlx::Connection as _;
use tongtu_sql::{AlarmRow, Store, StoreError};

use crate::engine::{Home, on_both_engines, sealing};

on_both_engines! {
    opens_again_with_what_was_there
    refuses_tables_of_a_later_program
    dropped_transactions_never_were
    readers_see_one_state
}

fn alarm(subject: &str) -> AlarmRow {
    AlarmRow {
        code: "test".into(),
        subject: subject.into(),
        message: "something 城市".into(),
        raised_at: 7,
    }
}

async fn opens_again_with_what_was_there(home: &Home) {
    for round in 1..=3 {
        let store = home.open().await;
        let mut tx = store.write().await.unwrap();
        tx.alarm_insert(&alarm(&round.to_string())).await.unwrap();
        tx.alarm_insert(&alarm("always")).await.unwrap();
        tx.commit().await.unwrap();
        let alarms = store.read().await.unwrap().alarms().await.unwrap();
        assert_eq!(alarms.len(), round + 1);
        assert_eq!(alarms[0], alarm("1"));
        store.close().await;
    }
}

async fn refuses_tables_of_a_later_program(home: &Home) {
    home.open().await.close().await;
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    sqlx::raw_sql("INSERT INTO schema_version (version) VALUES (1000)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let refused = Store::open(&home.url, &sealing()).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Newer { found: 1000, .. }),
        "{refused}"
    );
}

async fn dropped_transactions_never_were(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.alarm_insert(&alarm("lost")).await.unwrap();
    assert_eq!(tx.alarms().await.unwrap().len(), 1);
    drop(tx);
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.alarms().await.unwrap(), []);
}

async fn readers_see_one_state(home: &Home) {
    let store = home.open().await;
    let mut reader = store.read().await.unwrap();
    assert_eq!(reader.alarms().await.unwrap(), []);
    let mut tx = store.write().await.unwrap();
    tx.alarm_insert(&alarm("later")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reader.alarms().await.unwrap(), []);
    drop(reader);
    let mut reader = store.read().await.unwrap();
    assert_eq!(reader.alarms().await.unwrap().len(), 1);
}

#[tokio::test]
async fn knows_two_kinds_of_address() {
    for url in ["", "node.db", "mysql://localhost/x", "http://localhost"] {
        let refused = Store::open(url, &sealing()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Address { .. }), "{url}");
    }
}

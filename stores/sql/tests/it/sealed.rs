//! What lies in the database: no number, and nothing that holds one, in the clear.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Column as _, Connection as _, Row as _};
use tongtu_crypto::sm3::Digested;
use tongtu_ledger::{AccountKind, AccountName, Draft, Entry, EntryId, Memo, Posting};
use tongtu_sql::{
    AccountRow, AlarmRow, CardListVersionRow, CardTable, ChargedRow, ClaimRow, FaceEnrolmentRow,
    GreyRow, OutgoingRow, ReceivedRow, RechargeRow, RejectedRow, RideRow, Sealing, Store,
    StoreError,
};
use tongtu_types::{BusinessDay, CardNumber, FenE7};

use crate::engine::{Home, on_both_engines, sealing};
use crate::ride::ride;

on_both_engines! {
    no_table_shows_a_number_or_what_holds_one
    a_store_opens_with_its_own_key_only
    a_store_with_rows_that_were_never_sealed_is_refused
    a_row_put_there_in_the_clear_does_not_open
    a_body_moved_to_another_record_does_not_open
    any_flipped_byte_of_a_sealed_value_is_refused_and_named
}

const NUMBER: &str = "3104100000000000017";
/// In the twenty digits of a list.
const LISTED: &str = "03104100000000000017";
/// Stands where texts and bytes of others go that may hold a number.
const WORD: &str = "ZEBRA";

fn book(id: &str) -> Entry {
    let of = |kind| AccountName::new("01345810".parse().unwrap(), kind);
    let card = CardNumber::parse(NUMBER).unwrap();
    let kinds = [
        (AccountKind::Rider(card), 5),
        (AccountKind::Arrears(card), 1),
        (AccountKind::Purse(card), 1),
        (AccountKind::Cash(card), 1),
        (AccountKind::Refund(card), 1),
        (AccountKind::RechargeClearing, -9),
    ];
    let posting = |(kind, amount)| Posting {
        account: of(kind),
        amount: FenE7::new(amount),
    };
    Entry::balanced(Draft {
        id: EntryId::parse(id).unwrap(),
        day: BusinessDay::from_days(20_454),
        memo: Memo::Recharge,
        corrects: None,
        postings: kinds.map(posting).to_vec(),
    })
    .unwrap()
}

/// A row in every table that may hold a number, and that each reads as it was written.
async fn fill(store: &Store) {
    let number = || NUMBER.to_owned();
    let bytes = || WORD.as_bytes().to_vec();
    let mut tx = store.write().await.unwrap();
    let account = AccountRow {
        number: number(),
        user_key: vec![2; 33],
        account_type: 1,
        suspended: false,
        opened_at: 1,
        certificate_expires: None,
    };
    assert!(tx.account_insert(&account).await.unwrap());
    let paid = RechargeRow {
        id: WORD.into(),
        account: number(),
        amount: 1,
        paid_at: 1,
    };
    assert!(tx.recharge_insert(&paid).await.unwrap());
    let charged = ChargedRow {
        record: "r1".into(),
        account: number(),
        generated_at: 1,
        amount: 1,
        direction: 0,
        hub: "00000000".into(),
        result: 0,
        day: 1,
    };
    tx.charged_insert(&[charged]).await.unwrap();
    let refused = RejectedRow {
        digest: vec![1; 32],
        terminal: "581000000001".into(),
        arrived_at: 1,
        reason: WORD.into(),
        body: bytes(),
    };
    tx.rejected_insert(std::slice::from_ref(&refused))
        .await
        .unwrap();
    assert_eq!(tx.rejected_uploads().await.unwrap(), [refused]);
    tx.blacklist_insert(&[number()], 1).await.unwrap();
    let received = ReceivedRow {
        sender: "00000000".into(),
        name: "CQ1".into(),
        kind: "CQ".into(),
        day: 1,
        content: Digested::of(bytes()),
        result: 0,
        received_at: 1,
    };
    assert!(tx.received_insert(&received).await.unwrap());
    let outgoing = OutgoingRow {
        receiver: "00000000".into(),
        name: "CQ1".into(),
        day: 1,
        place: 1,
        content: Digested::of(bytes()),
    };
    assert!(tx.outgoing_insert(&outgoing).await.unwrap());
    let alarm = AlarmRow {
        code: "test".into(),
        subject: WORD.into(),
        message: WORD.into(),
        raised_at: 1,
    };
    tx.alarm_insert(&alarm).await.unwrap();
    assert_eq!(tx.alarms().await.unwrap(), [alarm]);
    let row = RideRow {
        generated_at: -1,
        body: Some(bytes()),
        ..ride(1, "u1")
    };
    tx.rides_insert(std::slice::from_ref(&row)).await.unwrap();
    assert_eq!(tx.rides_of_account(NUMBER).await.unwrap(), [row]);
    let claim = ClaimRow {
        account: number(),
        generated_at: 1,
        record: "r1".into(),
    };
    tx.claims_insert(&[claim]).await.unwrap();
    for table in [CardTable::Purse, CardTable::Cash] {
        assert!(tx.card_insert(table, NUMBER, 1).await.unwrap());
    }
    let grey = GreyRow {
        record: "r1".into(),
        account: number(),
        sequence: 1,
        arrived_at: 1,
        body: bytes(),
        ended: None,
    };
    tx.greys_insert(std::slice::from_ref(&grey)).await.unwrap();
    assert_eq!(tx.greys(true).await.unwrap(), [grey]);
    let span = (LISTED.to_owned(), LISTED.to_owned());
    tx.card_list_insert(std::slice::from_ref(&span), 1)
        .await
        .unwrap();
    assert_eq!(tx.card_listed(1).await.unwrap(), [span]);
    let version = CardListVersionRow {
        version: 1,
        numbers: "1".into(),
        sum: number(),
        changed_at: 1,
    };
    assert!(tx.card_list_version_insert(&version).await.unwrap());
    assert_eq!(tx.card_list_version(None).await.unwrap(), Some(version));
    let enrolment = FaceEnrolmentRow {
        handle: "h1".into(),
        account: number(),
        request: WORD.into(),
        request_mac: vec![1; 16],
        terms: 1,
        channel: 1,
        evidence: bytes(),
        consented_at: 1,
        consent_ends: 2,
        enrolled_at: 1,
        used_at: 1,
        until: 2,
        ended_at: None,
        ending: None,
    };
    assert!(tx.face_enrol(&enrolment, &[], &[]).await.unwrap());
    let found = tx.face_request(WORD).await.unwrap();
    assert_eq!(found, Some(enrolment));
    let entry = book(&format!("recharge/01345810/{WORD}"));
    tx.entries_post(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(tx.entry(entry.id()).await.unwrap(), Some(entry));
    tx.commit().await.unwrap();
}

const TABLES: [&str; 18] = [
    "account",
    "recharge",
    "charged_ride",
    "rejected_upload",
    "blacklisted",
    "received_file",
    "outgoing_file",
    "alarm",
    "ride",
    "claimed_code",
    "card",
    "e_cash",
    "grey_ride",
    "card_listed",
    "card_list_version",
    "face_enrolment",
    "entry",
    "posting",
];

/// Every value of a row as bytes, with the column's name.
fn values(row: &AnyRow) -> Vec<(String, Vec<u8>)> {
    let value = |at: usize| {
        let text = row
            .try_get::<Option<&str>, _>(at)
            .map(|v| v.map(|v| v.into()));
        let bytes = || row.try_get::<Option<Vec<u8>>, _>(at);
        let number = || row.try_get::<Option<i64>, _>(at);
        text.or_else(|_| bytes())
            .or_else(|_| number().map(|v| v.map(|v| v.to_string().into_bytes())))
            .unwrap()
            .unwrap_or_default()
    };
    let names = row.columns().iter().map(|column| column.name().to_owned());
    names
        .enumerate()
        .map(|(at, name)| (name, value(at)))
        .collect()
}

async fn no_table_shows_a_number_or_what_holds_one(home: &Home) {
    fill(&home.open().await).await;
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    let holds = |value: &[u8], word: &str| value.windows(word.len()).any(|w| w == word.as_bytes());
    for table in TABLES {
        let text = format!("SELECT * FROM {table}");
        let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection);
        let rows = rows.await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        for (column, value) in rows.iter().flat_map(values) {
            for word in [NUMBER, WORD] {
                assert!(!holds(&value, word), "{table}.{column} shows {word}");
            }
        }
    }
    // What is not sealed is found by the same look.
    let text = "SELECT hub FROM charged_ride";
    let row = sqlx::query(text).fetch_one(&mut connection).await.unwrap();
    assert!(
        values(&row)
            .iter()
            .any(|(_, value)| holds(value, "00000000"))
    );
}

async fn a_store_opens_with_its_own_key_only(home: &Home) {
    home.open().await.close().await;
    let refused = Store::open(&home.url, &Sealing::new(&[8; 32])).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StoreError::WrongKey), "{refused}");
    fill(&home.open().await).await;
}

async fn a_store_with_rows_that_were_never_sealed_is_refused(home: &Home) {
    home.open().await.close().await;
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    for statement in [
        "DELETE FROM sealing",
        "INSERT INTO card (number, issued_at) VALUES ('3104100000000000017', 1)",
    ] {
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    let refused = Store::open(&home.url, &sealing()).await.unwrap_err();
    let expected = StoreError::InTheClear { table: "card" };
    assert_eq!(refused.to_string(), expected.to_string());
}

async fn a_row_put_there_in_the_clear_does_not_open(home: &Home) {
    let store = home.open().await;
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    for statement in [
        "INSERT INTO blacklisted (account, listed_at) VALUES ('3104100000000000017', 1)",
        "INSERT INTO card (number, issued_at) VALUES ('3104100000000000017', 1)",
    ] {
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    let mut tx = store.read().await.unwrap();
    let refused = tx.blacklist().await.unwrap_err();
    assert!(matches!(refused, StoreError::NotSealed { .. }), "{refused}");
    let known = tx.cards_known(CardTable::Purse, &[NUMBER.to_owned()]).await;
    assert!(known.unwrap().is_empty());
}

async fn a_body_moved_to_another_record_does_not_open(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let rides = [ride(1, "u1"), ride(2, "u1")];
    tx.rides_insert(&rides).await.unwrap();
    tx.commit().await.unwrap();
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    let moved = "UPDATE ride SET body = (SELECT r.body FROM ride r WHERE r.number = 1)";
    sqlx::raw_sql(moved).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut tx = store.read().await.unwrap();
    let ids = rides.map(|ride| ride.record);
    assert!(tx.ride_bodies(&ids[..1]).await.is_ok());
    let refused = tx.ride_bodies(&ids[1..]).await.unwrap_err();
    assert!(matches!(refused, StoreError::NotSealed { .. }), "{refused}");
}

/// Every sealed value that is read by itself, and what an error calls it. A number by which a row is
/// looked up finds, flipped, no row: sealed numbers are compared as they are.
const SEALED: [(&str, &str, &str); 16] = [
    ("alarm", "subject", "alarm subject"),
    ("alarm", "message", "alarm message"),
    ("rejected_upload", "reason", "refusal"),
    ("rejected_upload", "body", "refused record"),
    ("grey_ride", "account", "card number"),
    ("grey_ride", "body", "record"),
    ("ride", "body", "record"),
    ("blacklisted", "account", "card number"),
    ("card_listed", "low", "listed card number"),
    ("card_listed", "high", "listed card number"),
    ("card_list_version", "sum", "sum of listed numbers"),
    ("charged_ride", "account", "card number"),
    ("outgoing_file", "content", "file"),
    ("received_file", "content", "file"),
    ("face_enrolment", "account", "card number"),
    ("face_enrolment", "evidence", "consent evidence"),
];

/// Reads every row of a table as the nodes do.
async fn read(store: &Store, table: &str) -> Result<(), StoreError> {
    let mut tx = store.read().await?;
    match table {
        "alarm" => tx.alarms().await.map(drop),
        "rejected_upload" => tx.rejected_uploads().await.map(drop),
        "grey_ride" => tx.greys(true).await.map(drop),
        "ride" => tx.ride_bodies(&[ride(1, "u1").record]).await.map(drop),
        "blacklisted" => tx.blacklist().await.map(drop),
        "card_listed" => tx.card_listed(1).await.map(drop),
        "card_list_version" => tx.card_list_version(None).await.map(drop),
        "charged_ride" => tx.charged_rides().await.map(drop),
        "outgoing_file" => tx.outgoing_content("00000000", "CQ1").await.map(drop),
        "received_file" => tx.received("00000000", "CQ1").await.map(drop),
        "face_enrolment" => tx.face_request(WORD).await.map(drop),
        other => unreachable!("{other} is not in the list"),
    }
}

async fn any_flipped_byte_of_a_sealed_value_is_refused_and_named(home: &Home) {
    let store = home.open().await;
    fill(&store).await;
    let mut connection = AnyConnection::connect(&home.url).await.unwrap();
    for (table, column, what) in SEALED {
        read(&store, table).await.unwrap();
        let select = AssertSqlSafe(format!("SELECT {column} FROM {table}"));
        let row = sqlx::query(select).fetch_one(&mut connection).await;
        let whole = values(&row.unwrap()).remove(0).1;
        let is_text = whole.is_ascii() && whole.starts_with(b"~");
        for at in 0..=whole.len() {
            let mut bent = whole.clone();
            if let Some(byte) = bent.get_mut(at) {
                // A column of text takes no byte beyond ASCII.
                *byte ^= 1 << (at % 7);
            }
            let update = AssertSqlSafe(format!("UPDATE {table} SET {column} = $1"));
            let update = sqlx::query(update);
            let update = match is_text {
                true => update.bind(String::from_utf8(bent).unwrap()),
                false => update.bind(bent),
            };
            update.execute(&mut connection).await.unwrap();
            let place = format!("{table}.{column}, byte {at}");
            if at == whole.len() {
                // As it was.
                read(&store, table).await.unwrap();
                continue;
            }
            let refused = read(&store, table).await.expect_err(&place);
            let error = refused.to_string();
            assert!(error.contains(what), "{place}: {error}");
        }
    }
}

#[test]
fn rows_print_without_numbers() {
    let row = RideRow {
        body: Some(WORD.into()),
        ..ride(1, "u1")
    };
    let claim = ClaimRow {
        account: NUMBER.into(),
        generated_at: 5,
        record: "r1".into(),
    };
    let said = format!("{row:?} {claim:?}");
    assert!(!said.contains(NUMBER), "{said}");
    assert!(
        said.contains("ClaimRow { generated_at: 5, record: \"r1\", .. }"),
        "{said}"
    );
}

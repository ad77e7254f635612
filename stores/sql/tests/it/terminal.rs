//! Terminals, refused uploads, lists.

use tongtu_sql::{
    CardListVersionRow, CoverageRow, ListVersionRow, PsamRow, RejectedRow, RevocationRow,
    TerminalRow,
};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    registers_a_terminal_once
    keeps_a_refused_record_once
    lists_never_go_back
    a_revocation_list_is_followed_by_newer_ones_only
    a_psam_is_at_one_terminal_at_a_time
    a_card_listing_has_a_beginning_and_an_end
    a_version_of_the_card_list_is_made_once
    the_newest_report_counts_and_the_earliest_day_of_a_city_list
}

async fn registers_a_terminal_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let terminal = TerminalRow {
        number: "581000000001".into(),
        serial: vec![0, 0, 0, 1],
        public_key: vec![2; 33],
        registered_at: 5,
    };
    assert_eq!(tx.terminal(&terminal.number).await.unwrap(), None);
    assert!(tx.terminal_insert(&terminal).await.unwrap());
    let other = TerminalRow {
        public_key: vec![3; 33],
        ..terminal.clone()
    };
    assert!(!tx.terminal_insert(&other).await.unwrap());
    let found = tx.terminal(&terminal.number).await.unwrap();
    assert_eq!(found, Some(terminal));
}

async fn keeps_a_refused_record_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let refused = |n: u8, arrived_at| RejectedRow {
        digest: vec![n; 32],
        terminal: "581000000001".into(),
        arrived_at,
        reason: "not a ride record".into(),
        body: vec![n],
    };
    let first = [refused(1, 20), refused(2, 10)];
    tx.rejected_insert(&first).await.unwrap();
    tx.rejected_insert(&[refused(1, 99), refused(3, 5)])
        .await
        .unwrap();
    let found = tx.rejected_uploads().await.unwrap();
    assert_eq!(found, [refused(3, 5), refused(2, 10), refused(1, 20)]);
}

async fn lists_never_go_back(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let accounts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(tx.list_version().await.unwrap(), None);
    let version = |version, digest: u8| ListVersionRow {
        version,
        digest: vec![digest; 32],
        changed_at: version * 10,
    };
    for (offered, expect) in [(3, 3), (2, 3), (3, 3), (4, 4)] {
        let digest = u8::try_from(offered).unwrap();
        tx.list_version_set(&version(offered, digest))
            .await
            .unwrap();
        let digest = u8::try_from(expect).unwrap();
        let held = tx.list_version().await.unwrap();
        assert_eq!(held, Some(version(expect, digest)));
    }
    let new = tx
        .blacklist_insert(&accounts(&["2", "1"]), 50)
        .await
        .unwrap();
    assert_eq!(new, 2);
    let new = tx
        .blacklist_insert(&accounts(&["2", "3"]), 60)
        .await
        .unwrap();
    assert_eq!(new, 1);
    let listed = tx.blacklist().await.unwrap();
    let expect = [("1", 50), ("2", 50), ("3", 60)].map(|(a, at)| (a.to_owned(), at));
    assert_eq!(listed, expect);
}

async fn a_card_listing_has_a_beginning_and_an_end(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let span = |low: u32, high: u32| (format!("{low:020}"), format!("{high:020}"));
    tx.card_list_insert(&[span(10, 19), span(30, 30)], 1)
        .await
        .unwrap();
    for (low, high, found) in [
        (0, 9, None),
        (0, 10, Some(span(10, 19))),
        (15, 16, Some(span(10, 19))),
        (19, 29, Some(span(10, 19))),
        (20, 29, None),
        (30, 99, Some(span(30, 30))),
        (31, 99, None),
    ] {
        let within = tx.card_listed_within(&span(low, high)).await.unwrap();
        assert_eq!(within, found, "{low} to {high}");
    }
    assert!(!tx.card_list_end(&span(10, 18), 2).await.unwrap());
    assert!(tx.card_list_end(&span(10, 19), 2).await.unwrap());
    assert!(!tx.card_list_end(&span(10, 19), 2).await.unwrap());
    tx.card_list_insert(&[span(5, 5)], 2).await.unwrap();
    tx.card_list_insert(&[span(10, 19)], 3).await.unwrap();
    let all = [span(5, 5), span(10, 19), span(30, 30)];
    for (version, listed) in [
        (0, vec![]),
        (1, vec![span(10, 19), span(30, 30)]),
        (2, vec![span(5, 5), span(30, 30)]),
        (3, all.to_vec()),
    ] {
        assert_eq!(tx.card_listed(version).await.unwrap(), listed, "{version}");
    }
    for (from, to, listed, removed) in [
        (0, 3, all.to_vec(), vec![]),
        (1, 3, all[..2].to_vec(), vec![span(10, 19)]),
        (1, 2, vec![span(5, 5)], vec![span(10, 19)]),
        (2, 3, all[1..2].to_vec(), vec![]),
        (0, 1, vec![span(10, 19), span(30, 30)], vec![]),
        (3, 3, vec![], vec![]),
    ] {
        let found = tx.card_listed_between(from, to).await.unwrap();
        assert_eq!(found, [listed, removed], "from {from} to {to}");
    }
    // What is listed now is listed once, whoever forgets to look.
    assert!(tx.card_list_insert(&[span(5, 9)], 4).await.is_err());
}

async fn a_version_of_the_card_list_is_made_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.card_list_version(None).await.unwrap(), None);
    let row = |version: i64, numbers: &str| CardListVersionRow {
        version,
        numbers: numbers.into(),
        sum: "340282366920938463463374607431768211455".into(),
        changed_at: 9,
    };
    assert!(tx.card_list_version_insert(&row(1, "5")).await.unwrap());
    assert!(tx.card_list_version_insert(&row(2, "6")).await.unwrap());
    assert!(!tx.card_list_version_insert(&row(2, "7")).await.unwrap());
    let newest = tx.card_list_version(None).await.unwrap();
    assert_eq!(newest, Some(row(2, "6")));
    let first = tx.card_list_version(Some(1)).await.unwrap();
    assert_eq!(first, Some(row(1, "5")));
    assert_eq!(tx.card_list_version(Some(3)).await.unwrap(), None);
}

async fn the_newest_report_counts_and_the_earliest_day_of_a_city_list(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for number in ["581000000001", "581000000002"] {
        let terminal = TerminalRow {
            number: number.into(),
            serial: vec![0, 0, 0, 1],
            public_key: vec![2; 33],
            registered_at: 5,
        };
        assert!(tx.terminal_insert(&terminal).await.unwrap());
    }
    let row = |reported_at, cities, cities_since| CoverageRow {
        terminal: "581000000002".into(),
        reported_at,
        version: reported_at,
        cities,
        cities_since,
        card_blacklist: 4,
        report: vec![7],
    };
    for (offered, expect) in [
        (row(10, 1, 8), row(10, 1, 8)),
        (row(20, 1, 19), row(20, 1, 8)),
        (row(15, 3, 15), row(20, 1, 8)),
        (row(30, 2, 29), row(30, 2, 29)),
        (row(40, 2, 25), row(40, 2, 25)),
    ] {
        tx.coverage_keep(&offered).await.unwrap();
        let found = tx.coverage().await.unwrap();
        let expected = [
            ("581000000001".to_owned(), None),
            ("581000000002".to_owned(), Some(expect)),
        ];
        assert_eq!(found, expected);
    }
}

async fn a_revocation_list_is_followed_by_newer_ones_only(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let row = |ca_index, version| RevocationRow {
        ca_index,
        version,
        taken_at: 5,
        body: vec![u8::try_from(version).unwrap()],
    };
    for (new, is_kept) in [(row(2, 3), true), (row(1, 9), true), (row(2, 3), false)] {
        assert_eq!(tx.revocation_list_set(&new).await.unwrap(), is_kept);
    }
    assert!(!tx.revocation_list_set(&row(2, 2)).await.unwrap());
    assert!(tx.revocation_list_set(&row(2, 4)).await.unwrap());
    let held = tx.revocation_lists().await.unwrap();
    assert_eq!(held, [row(1, 9), row(2, 4)]);
}

async fn a_psam_is_at_one_terminal_at_a_time(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let row = |terminal: &str, began, ended| PsamRow {
        psam: "54545053414D00000001".into(),
        terminal: terminal.into(),
        began,
        ended,
    };
    let psam = row("", 0, 0).psam;
    assert!(!tx.psam_register_begun().await.unwrap());
    assert!(!tx.psam_withdraw(&psam, 5).await.unwrap());
    let first = row("581000000001", 10, 0);
    assert!(tx.psam_admit(&first).await.unwrap());
    assert!(!tx.psam_admit(&row("581000000002", 20, 0)).await.unwrap());
    assert!(tx.psam_withdraw(&psam, 30).await.unwrap());
    assert!(!tx.psam_withdraw(&psam, 31).await.unwrap());
    let second = row("581000000002", 30, 0);
    assert!(tx.psam_admit(&second).await.unwrap());
    let all = tx.psam_admissions(&psam).await.unwrap();
    assert_eq!(all, [row("581000000001", 10, 30), second]);
    assert!(tx.psam_register_begun().await.unwrap());
}

//! Faces: enrolled once, ended whole, given and forgotten by versions.

use tongtu_sql::{
    AccountRow, FaceEnrolmentRow, FaceGivenRow, FaceScopeRow, FaceTemplateRow, FaceTerminalRow, Tx,
};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    an_account_is_enrolled_once_and_a_request_is_one_enrolment
    an_end_takes_the_templates_and_tells_the_terminals
    a_terminal_is_given_whom_the_tables_let_it_have
    an_update_is_cut_between_versions
    a_late_confirmation_takes_nothing_back
    a_ride_makes_an_enrolment_last_longer_but_not_beyond_the_consent
    templates_are_walked_through_in_pieces
}

const ENGINE: &str = "434f53494e453031";

fn handle(number: u8) -> String {
    format!("{number:02x}").repeat(16)
}

fn enrolment(number: u8) -> FaceEnrolmentRow {
    FaceEnrolmentRow {
        handle: handle(number),
        account: format!("31041000000{number:02}"),
        request: format!("r{number}"),
        request_mac: vec![number; 16],
        terms: 3,
        channel: 1,
        evidence: vec![7; 64],
        consented_at: 10,
        consent_ends: 1000,
        enrolled_at: 11,
        used_at: 11,
        until: 500,
        ended_at: None,
        ending: None,
    }
}

fn template(number: u8, which: i64) -> FaceTemplateRow {
    FaceTemplateRow {
        handle: handle(number),
        number: which,
        engine: ENGINE.into(),
        quality: 90,
        sealed: vec![number; 40],
    }
}

fn scope(operator: i64, line: &str) -> FaceScopeRow {
    FaceScopeRow {
        operator,
        line: line.into(),
    }
}

fn terminal(number: &str, operator: i64, line: &str) -> FaceTerminalRow {
    FaceTerminalRow {
        terminal: number.into(),
        operator,
        line: line.into(),
        engine: ENGINE.into(),
        valid_until: 0,
        held: 0,
        riders: 0,
        confirmed_at: None,
    }
}

/// An account with an enrolment for operator 7.
async fn enrol(tx: &mut Tx, number: u8) {
    let row = enrolment(number);
    let account = AccountRow {
        number: row.account.clone(),
        user_key: vec![2; 33],
        account_type: 2,
        suspended: false,
        opened_at: 1,
        certificate_expires: None,
    };
    tx.account_insert(&account).await.unwrap();
    let (scopes, templates) = ([scope(7, "")], [template(number, 0)]);
    assert!(tx.face_enrol(&row, &scopes, &templates).await.unwrap());
}

async fn an_account_is_enrolled_once_and_a_request_is_one_enrolment(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    enrol(&mut tx, 1).await;
    let again = FaceEnrolmentRow {
        handle: handle(9),
        request: "other".into(),
        ..enrolment(1)
    };
    assert!(!tx.face_enrol(&again, &[], &[]).await.unwrap(), "account");
    let reused = FaceEnrolmentRow {
        request: "r1".into(),
        ..enrolment(2)
    };
    assert!(!tx.face_enrol(&reused, &[], &[]).await.unwrap(), "request");
    assert_eq!(tx.face_request("r1").await.unwrap(), Some(enrolment(1)));
    assert_eq!(tx.face_request("r2").await.unwrap(), None);
    assert_eq!(tx.face_scopes(&handle(1)).await.unwrap(), [scope(7, "")]);
    assert!(tx.face_end(&handle(1), 1, 1, 50).await.unwrap());
    assert!(tx.face_enrol(&again, &[], &[]).await.unwrap());
    let all = tx.face_enrolments(&again.account).await.unwrap();
    let states: Vec<_> = all.iter().map(|row| (row.ended_at, row.ending)).collect();
    assert_eq!(states, [(None, None), (Some(50), Some(1))]);
    assert!(all[1].request_mac.is_empty());
}

async fn an_end_takes_the_templates_and_tells_the_terminals(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for number in [1, 2] {
        enrol(&mut tx, number).await;
    }
    tx.face_terminal_put(&terminal("100000000001", 7, "B1"))
        .await
        .unwrap();
    let given = [1, 2].map(|number| FaceGivenRow {
        handle: handle(number),
        until: 500,
    });
    tx.face_give("100000000001", &given, 1).await.unwrap();
    assert_eq!(tx.face_overdue(499).await.unwrap().len(), 0);
    assert_eq!(tx.face_overdue(500).await.unwrap(), [handle(1), handle(2)]);
    assert!(tx.face_end(&handle(1), 2, 2, 500).await.unwrap());
    assert!(!tx.face_end(&handle(1), 1, 3, 501).await.unwrap(), "once");
    let left = tx.face_templates_of(&[handle(1), handle(2)], ENGINE).await;
    assert_eq!(left.unwrap(), [template(2, 0)]);
    assert_eq!(tx.face_qualities(&handle(1)).await.unwrap(), []);
    let forgotten = tx.face_forgotten("100000000001", 1).await.unwrap();
    assert_eq!(forgotten, [handle(1)]);
    assert!(
        tx.face_forgotten("100000000001", 2)
            .await
            .unwrap()
            .is_empty()
    );
    let places = tx.face_places(&handle(1)).await.unwrap();
    assert_eq!(
        (places[0].began, places[0].ended, places[0].ended_at),
        (1, 2, Some(500))
    );
    let terminals = tx.face_terminals().await.unwrap();
    assert_eq!(terminals[0].1, 1, "waits");
}

async fn a_terminal_is_given_whom_the_tables_let_it_have(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for number in 1..=5 {
        enrol(&mut tx, number).await;
    }
    let here = terminal("100000000001", 7, "B1");
    tx.face_terminal_put(&here).await.unwrap();
    let give = async |tx: &mut Tx, now| {
        let rows = tx.face_to_give(&here, now, 100, 10).await.unwrap();
        rows.into_iter().map(|row| row.handle).collect::<Vec<_>>()
    };
    assert_eq!(give(&mut tx, 499).await.len(), 5);
    assert!(give(&mut tx, 500).await.is_empty(), "their time is over");
    tx.account_suspend(&enrolment(1).account, true)
        .await
        .unwrap();
    tx.blacklist_insert(&[enrolment(2).account], 5)
        .await
        .unwrap();
    let four_and_five = [3, 4, 5].map(handle);
    assert_eq!(give(&mut tx, 20).await, four_and_five);
    let other = terminal("100000000002", 8, "B1");
    assert!(
        tx.face_to_give(&other, 20, 100, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let engine = FaceTerminalRow {
        engine: "00".repeat(8),
        ..here.clone()
    };
    assert!(
        tx.face_to_give(&engine, 20, 100, 10)
            .await
            .unwrap()
            .is_empty()
    );

    let rows = tx.face_to_give(&here, 20, 100, 2).await.unwrap();
    tx.face_give(&here.terminal, &rows, 1).await.unwrap();
    assert_eq!(give(&mut tx, 20).await, [handle(5)]);
    assert!(tx.face_to_end(&here, 20).await.unwrap().is_empty());
    tx.account_suspend(&enrolment(3).account, true)
        .await
        .unwrap();
    let gone = tx.face_to_end(&here, 20).await.unwrap();
    assert_eq!(gone, [handle(3)]);
    tx.face_give_end(&here.terminal, &gone, 2, 21)
        .await
        .unwrap();
    assert!(tx.face_to_end(&here, 20).await.unwrap().is_empty());
    tx.account_suspend(&enrolment(3).account, false)
        .await
        .unwrap();
    assert_eq!(give(&mut tx, 20).await, [3, 5].map(handle));
    let rows = tx.face_to_give(&here, 20, 100, 10).await.unwrap();
    tx.face_give(&here.terminal, &rows, 3).await.unwrap();
    let given = tx.face_given(&here.terminal, 0, 9).await.unwrap();
    let handles: Vec<_> = given.into_iter().map(|row| row.handle).collect();
    assert_eq!(handles, four_and_five);
    assert!(
        tx.face_forgotten(&here.terminal, 0)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn an_update_is_cut_between_versions(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for number in 1..=6 {
        enrol(&mut tx, number).await;
    }
    for (version, numbers) in [(2, 1..=2), (4, 3..=4), (6, 5..=6)] {
        let rows: Vec<_> = numbers
            .map(|number| FaceGivenRow {
                handle: handle(number),
                until: 500,
            })
            .collect();
        tx.face_give("100000000001", &rows, version).await.unwrap();
    }
    let slices = [
        (0, 1, Some(2)),
        (0, 2, Some(4)),
        (2, 3, Some(6)),
        (2, 4, None),
    ];
    for (after, riders, expected) in slices {
        let slice = tx.face_slice("100000000001", after, riders).await.unwrap();
        assert_eq!(slice, expected, "{riders} riders after {after}");
    }
    let given = tx.face_given("100000000001", 2, 4).await.unwrap();
    assert_eq!(given.len(), 2);
    assert_eq!(tx.face_version().await.unwrap(), 0);
    assert_eq!(tx.face_version_next().await.unwrap(), 1);
    assert_eq!(tx.face_version_next().await.unwrap(), 2);
}

async fn a_late_confirmation_takes_nothing_back(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let number = "100000000001";
    let mut expected = terminal(number, 7, "B1");
    tx.face_terminal_put(&expected).await.unwrap();
    tx.face_terminal_confirm(number, 5, 2, 100).await.unwrap();
    tx.face_terminal_confirm(number, 4, 9, 99).await.unwrap();
    for until in [300, 200] {
        tx.face_terminal_valid(number, until).await.unwrap();
    }
    (expected.held, expected.riders) = (5, 2);
    (expected.confirmed_at, expected.valid_until) = (Some(100), 300);
    assert_eq!(
        tx.face_terminal(number).await.unwrap(),
        Some(expected.clone())
    );
    // It moves, and what it confirmed stays.
    expected.line = "B2".into();
    tx.face_terminal_put(&terminal(number, 7, "B2"))
        .await
        .unwrap();
    assert_eq!(tx.face_terminals().await.unwrap(), [(expected, 0)]);
    tx.commit().await.unwrap();
    store.scrub().await.unwrap();
}

async fn a_ride_makes_an_enrolment_last_longer_but_not_beyond_the_consent(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    enrol(&mut tx, 1).await;
    let account = enrolment(1).account;
    let cases = [
        (&account[..], 100, 600),
        (&account, 50, 600),
        ("31", 300, 600),
        (&account, 700, 1000),
    ];
    for (who, used_at, until) in cases {
        tx.face_used(&handle(1), who, used_at, 500).await.unwrap();
        let row = tx.face_request("r1").await.unwrap().unwrap();
        assert_eq!(row.until, until, "{used_at}");
    }
}

async fn templates_are_walked_through_in_pieces(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for number in 1..=3 {
        enrol(&mut tx, number).await;
    }
    tx.face_end(&handle(2), 1, 1, 50).await.unwrap();
    let mut place = (String::new(), -1);
    let mut seen = Vec::new();
    loop {
        let rows = tx
            .face_templates_after(ENGINE, (&place.0, place.1), 1)
            .await
            .unwrap();
        let Some((account, row)) = rows.into_iter().next() else {
            break;
        };
        place = (row.handle, row.number);
        seen.push(account);
    }
    assert_eq!(seen, [1, 3].map(|number| enrolment(number).account));
}

//! Terminals, uploads and lists over HTTP.

use tongtu_api::UploadKind;
use tongtu_blacklist::{ListedNumber, Span};
use tongtu_psam::PsamSerial;
use tongtu_terminal::{ListBook, Post, Profile};
use tongtu_types::CardNumber;

use crate::country::{Country, Rider, T0, Terminal, beijing, key, status_of};

#[tokio::test]
async fn acknowledges_every_record_of_an_upload_once_and_in_order() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled("3104100000000000017", &city).await;
    let other = Rider::enrolled("3104100000000000025", &city).await;
    let terminal = Terminal::registered("100000000001", &city).await;
    let client = &city.client;
    let uplink = city.terminal(terminal.number);

    let ride = terminal.ride(&rider, T0, 1);
    let same_id = terminal.ride(&other, T0, 1);
    let records = [ride.clone(), b"no record".to_vec(), same_id];
    let outcomes = uplink.records_upload(terminal.number, &records).await;
    let outcomes = outcomes.unwrap();
    let [stored, refused, conflict] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(stored.kind, UploadKind::Stored);
    assert_eq!(stored.record.as_ref().unwrap().len(), 43);
    assert!(matches!(refused.kind, UploadKind::Refused { .. }));
    assert_eq!(refused.record, None);
    assert!(matches!(conflict.kind, UploadKind::Conflict { .. }));
    assert_eq!(conflict.record, stored.record);

    let again = uplink.records_upload(terminal.number, &[ride]).await;
    let again = again.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].kind, UploadKind::Duplicate);
    assert_eq!(again[0].record, stored.record);

    let rejected = client.rejected_view().await.unwrap();
    let kept = rejected.uploads.iter().find(|u| u.record.0 == records[1]);
    let kept = kept.expect("what was refused is kept");
    assert_eq!(kept.terminal, "100000000001");
    assert_eq!(kept.arrived_at_s, T0.get());
    assert_ne!(kept.reason, "");

    let none = uplink.records_upload(terminal.number, &[]).await;
    assert_eq!(none.unwrap(), []);
}

#[tokio::test]
async fn registers_a_terminal_once() {
    let city = Country::new().beijing(None).await;
    let terminal = Terminal::registered("100000000001", &city).await;
    let client = &city.client;
    client
        .terminal_register(terminal.number, terminal.serial, terminal.key.public())
        .await
        .unwrap();
    let error = client
        .terminal_register(terminal.number, terminal.serial, key("other").public())
        .await
        .unwrap_err();
    assert_eq!(status_of(&error).0, 409, "{error}");
}

#[tokio::test]
async fn an_unknown_terminal_uploads_nothing() {
    let city = Country::new().beijing(None).await;
    let terminal = Terminal::new("100000000009");
    let error = city
        .terminal(terminal.number)
        .records_upload(terminal.number, &[vec![1]])
        .await
        .unwrap_err();
    assert_eq!(status_of(&error), (401, "envelope.refused"), "{error}");
}

#[tokio::test]
async fn hands_out_lists_that_are_newer() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled("3104100000000000017", &city).await;
    let client = &city.client;
    let first = client.lists_current(0).await.unwrap().expect("some lists");
    assert!(first.starts_with(b"TTLB"));

    let version = client.blacklist_add(&[rider.account]).await.unwrap();
    assert_eq!(client.lists_current(version).await.unwrap(), None);
    let newer = client.lists_current(version - 1).await.unwrap();
    let newer = newer.expect("the version before is older");
    assert_ne!(newer, first);
    let same = client.lists_current(0).await.unwrap();
    assert_eq!(same, Some(newer));
}

#[tokio::test]
async fn hands_out_the_card_blacklist_and_takes_reports_of_it() {
    let city = Country::new().beijing(None).await;
    let terminal = Terminal::registered("100000000001", &city).await;
    let client = &city.client;
    let list_key = key("lists").public().clone();
    let acquirer = beijing().as_acquirer();
    let card = |n: u32| CardNumber::parse(&format!("310410009999{n:07}")).unwrap();
    let number = |n| ListedNumber::of(&card(n));
    assert_eq!(client.card_blacklist_current(0).await.unwrap(), None);
    let range = Span::new(number(10), number(19)).unwrap();
    let listed = [Span::single(number(1)), range];
    assert_eq!(client.card_blacklist_change(&listed, &[]).await.unwrap(), 1);
    assert_eq!(client.card_blacklist_change(&listed, &[]).await.unwrap(), 1);
    let error = client
        .card_blacklist_change(&[Span::single(number(12))], &[])
        .await
        .unwrap_err();
    assert_eq!(status_of(&error).0, 409, "{error}");

    let mut book = ListBook::new(acquirer, list_key);
    for (removed, numbers) in [(vec![], 11), (vec![range], 1)] {
        if !removed.is_empty() {
            client.card_blacklist_change(&[], &removed).await.unwrap();
        }
        let held = book.card_blacklist().version();
        let file = client.card_blacklist_current(held).await.unwrap().unwrap();
        let mut loader = book.card_blacklist_loader();
        for piece in file.chunks(100) {
            loader.feed(piece).unwrap();
        }
        book.apply_card_blacklist(loader.finish().unwrap(), T0)
            .unwrap();
        assert_eq!(book.card_blacklist().numbers(), numbers);
    }
    assert_eq!(client.card_blacklist_current(2).await.unwrap(), None);

    let profile = Profile {
        acquirer,
        terminal: terminal.number,
        model: *b"SIM00001",
        terminal_id: *b"00000001",
        software: *b"0000000001",
        serial: terminal.serial,
        post: Post::Bus {
            line: "B00001".parse().unwrap(),
            vehicle: "A1".parse().unwrap(),
        },
    };
    let uplink = city.terminal(terminal.number);
    let report = book.coverage(&profile, T0).sign(&terminal.key).unwrap();
    for _ in 0..2 {
        uplink
            .coverage_report(terminal.number, &report)
            .await
            .unwrap();
    }
    let error = uplink
        .coverage_report(terminal.number, &report[1..])
        .await
        .unwrap_err();
    assert_eq!(status_of(&error).0, 422, "{error}");
    let view = client.coverage_view().await.unwrap();
    let [seen] = &view.terminals[..] else {
        panic!("{view:?}");
    };
    assert_eq!(seen.terminal, "100000000001");
    assert_eq!(seen.reported_at_s, Some(T0.get()));
    assert_eq!((seen.card_blacklist, seen.overdue), (2, false));
}

#[tokio::test]
async fn a_psam_is_in_one_terminal_until_it_is_withdrawn() {
    let city = Country::new().beijing(None).await;
    let one = Terminal::registered("100000000001", &city).await;
    let two = Terminal::registered("100000000002", &city).await;
    let (client, psam) = (&city.client, PsamSerial([7; 10]));
    client.psam_admit(psam, one.number).await.unwrap();
    client.psam_admit(psam, one.number).await.unwrap();
    let elsewhere = client.psam_admit(psam, two.number).await.unwrap_err();
    assert_eq!(status_of(&elsewhere), (409, "acquiring.psam_elsewhere"));
    client.psam_withdraw(psam).await.unwrap();
    let unknown = client.psam_withdraw(psam).await.unwrap_err();
    assert_eq!(status_of(&unknown), (404, "acquiring.psam_unknown"));
}

#[tokio::test]
async fn a_revocation_list_that_no_root_signed_is_refused() {
    let city = Country::new().beijing(None).await;
    let error = city.client.revocations_take(b"TTRL").await.unwrap_err();
    assert_eq!(status_of(&error), (422, "node.revocations"));
}

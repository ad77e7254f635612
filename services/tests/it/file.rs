//! Files between nodes: once under their name, from those who may send them.

use tongtu_crypto::sm3::{self, Digested};
use tongtu_exchange_file::{FbFile, FileKind, FileName, LdFile, ResultCode, TimeOfDay};
use tongtu_services::{FileReceipt, RideState};
use tongtu_types::InstitutionCode;

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, Tap, code, day, morning, night,
    refused,
};

/// A country in which Guangzhou has one foreign ride to pass on, closed there.
async fn one_ride() -> Country {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&bei, morning(), 1, 200));
    country.upload(&south, &[record], morning()).await;
    let node = country.node(GUANGZHOU_CODE);
    node.day_close(day(), night(day())).await.unwrap();
    country
}

async fn waiting(country: &Country, text: &str) -> (InstitutionCode, FileName, Digested<Vec<u8>>) {
    let mut files = country.node(text).outbox_waiting().await.unwrap();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[tokio::test]
async fn a_file_is_accepted_once() {
    let country = one_ride().await;
    let (parent, name, file) = waiting(&country, GUANGZHOU_CODE).await;
    assert_eq!((parent, name.kind()), (code(PROVINCE), FileKind::CQ));
    assert_eq!(name.to_string(), "CQ260101000000113458100000000001A");
    let province = country.node(PROVINCE);
    let (from, now) = (code(GUANGZHOU_CODE), night(day()));
    for expect in [
        FileReceipt::Stored,
        FileReceipt::Already,
        FileReceipt::Already,
    ] {
        let receipt = province
            .file_receive(from, &name, &file, now)
            .await
            .unwrap();
        assert_eq!(receipt, expect);
    }
    assert_eq!(province.alarms().await.unwrap(), []);
    let mut other = file.bytes().to_vec();
    let last = other.len() - 3;
    other[last] ^= 1;
    let other = Digested::of(other);
    for _ in 0..2 {
        let answer = province.file_receive(from, &name, &other, now).await;
        assert_eq!(refused(answer), "exchange.file_name_reused");
    }
    let alarms = province.alarms().await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].code, "exchange.file_name_reused");
    let city = country.node(GUANGZHOU_CODE);
    for _ in 0..2 {
        city.outbox_confirm(&name, now).await.unwrap();
        assert_eq!(city.outbox_waiting().await.unwrap(), []);
    }
    let view = province.day_close(day(), now).await.unwrap();
    assert_eq!((view.records, view.forwarded), (1, 1));
}

#[tokio::test]
async fn only_neighbours_send_what_is_theirs() {
    let country = one_ride().await;
    let (_, name, file) = waiting(&country, GUANGZHOU_CODE).await;
    let (province, now) = (country.node(PROVINCE), night(day()));
    let stranger = province
        .file_receive(code(BEIJING_CODE), &name, &file, now)
        .await;
    assert_eq!(refused(stranger), "exchange.neighbour_unknown");
    let parent = province.file_receive(code(NATION), &name, &file, now).await;
    assert_eq!(refused(parent), "exchange.file_kind");
    let kind = FileName::new(FileKind::BP, day(), TimeOfDay::MIDNIGHT, code(PROVINCE), 1).unwrap();
    let child = province
        .file_receive(code(GUANGZHOU_CODE), &kind, &file, now)
        .await;
    assert_eq!(refused(child), "exchange.file_kind");
    let stranger = province.files_waiting(code(BEIJING_CODE)).await;
    assert_eq!(refused(stranger), "exchange.neighbour_unknown");
    let missing = province.file_read(code(GUANGZHOU_CODE), &name).await;
    assert_eq!(refused(missing), "exchange.file_unknown");
    let missing = province.outbox_confirm(&name, now).await;
    assert_eq!(refused(missing), "exchange.file_unknown");
    let missing = country.node(NATION).outbox_confirm(&name, now).await;
    assert_eq!(refused(missing), "exchange.file_unknown");
}

/// A damaged file, and one with another city's rides: answered by LD, nothing taken in.
#[tokio::test]
async fn a_bad_file_comes_back_whole() {
    let country = one_ride().await;
    let (_, name, file) = waiting(&country, GUANGZHOU_CODE).await;
    let (province, now) = (country.node(PROVINCE), night(day()));
    let damaged = name.with_sequence(2).unwrap();
    let half = Digested::of(&file.bytes()[..file.bytes().len() / 2]);
    let from = code(GUANGZHOU_CODE);
    province
        .file_receive(from, &damaged, &half, now)
        .await
        .unwrap();
    let shenzhen = code("01345840");
    province
        .file_receive(shenzhen, &name, &file, now)
        .await
        .unwrap();
    province
        .file_receive(from, &name, &file, now)
        .await
        .unwrap();
    let view = province.day_close(day(), now).await.unwrap();
    assert_eq!(view.records, 1);
    for text in [BEIJING_CODE, "01345840", NATION] {
        let node = country.node(text);
        node.day_close(day(), now).await.unwrap();
    }
    country.settle(day()).await;
    country.audit().await;
    let answers = async |receiver: InstitutionCode| {
        let list = FileName::new(FileKind::LD, day(), TimeOfDay::MIDNIGHT, receiver, 1).unwrap();
        let file = province.file_read(receiver, &list).await.unwrap();
        let records = LdFile::decode(&list, file.bytes()).unwrap().records;
        records
            .into_iter()
            .map(|line| (line.file_name, line.result))
            .collect::<Vec<_>>()
    };
    let expect = [
        (name.to_string(), ResultCode::OK),
        (damaged.to_string(), ResultCode::FILE_LENGTH),
    ];
    assert_eq!(answers(from).await, expect);
    assert_eq!(
        answers(shenzhen).await,
        [(name.to_string(), ResultCode::FILE_SENDER)]
    );
    let alarms = country.node(GUANGZHOU_CODE).alarms().await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].code, "exchange.file_refused");
}

/// A file with a record id that names another acquirer would block that one's ride.
#[tokio::test]
async fn nobody_uses_anothers_record_ids() {
    let country = one_ride().await;
    let (_, name, file) = waiting(&country, GUANGZHOU_CODE).await;
    let text = String::from_utf8(file.bytes().to_vec()).unwrap();
    // The id's own item only: 2101, 0043, then the acquirer that it begins with.
    let squatted = text.replace("2101004311345810", "2101004311345840");
    assert_ne!(squatted, text);
    let squatted = Digested::of(squatted);
    let (province, now) = (country.node(PROVINCE), night(day()));
    let from = code(GUANGZHOU_CODE);
    let first = name.with_sequence(9).unwrap();
    province
        .file_receive(from, &first, &squatted, now)
        .await
        .unwrap();
    province
        .file_receive(from, &name, &file, now)
        .await
        .unwrap();
    let view = province.day_close(day(), now).await.unwrap();
    assert_eq!((view.records, view.forwarded), (1, 1));
}

/// A record that comes in two files is answered twice and settled once.
#[tokio::test]
async fn a_repeated_line_is_answered_and_not_settled() {
    let country = one_ride().await;
    let (_, name, file) = waiting(&country, GUANGZHOU_CODE).await;
    let (province, now) = (country.node(PROVINCE), night(day()));
    let from = code(GUANGZHOU_CODE);
    let again = name.with_sequence(2).unwrap();
    province
        .file_receive(from, &name, &file, now)
        .await
        .unwrap();
    province
        .file_receive(from, &again, &file, now)
        .await
        .unwrap();
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let view = province.day_view(day()).await.unwrap();
    assert_eq!((view.records, view.forwarded), (2, 1));
    assert_eq!(view.refused.into_iter().collect::<Vec<_>>(), [(20_002, 1)]);
    let feedback = FileName::new(FileKind::FB, day(), TimeOfDay::MIDNIGHT, from, 1).unwrap();
    let file = province.file_read(from, &feedback).await.unwrap();
    let lines = FbFile::decode(&feedback, file.bytes()).unwrap().records;
    let results: Vec<_> = lines
        .iter()
        .map(|l| (l.result, l.clearing_serial > 0))
        .collect();
    assert_eq!(
        results,
        [(ResultCode::DUPLICATE, false), (ResultCode::OK, true)]
    );
    let rides = country.acquired(GUANGZHOU_CODE).await;
    assert_eq!((rides[0].state, rides[0].result), (RideState::Settled, 0));
}

#[tokio::test]
async fn a_receipt_names_the_very_bytes() {
    let country = one_ride().await;
    country.close(day()).await;
    let (nation, now) = (country.node(NATION), night(day()));
    nation.day_settle(day(), now).await.unwrap();
    let to = code(PROVINCE);
    let files = nation.files_waiting(to).await.unwrap();
    assert!(files.len() > 1);
    let file = &files[0];
    let wrong = nation
        .file_confirm(to, &file.name, sm3::digest(b"other"), now)
        .await;
    assert_eq!(refused(wrong), "exchange.file_digest_differs");
    assert_eq!(nation.files_waiting(to).await.unwrap().len(), files.len());
    assert_eq!(nation.alarms().await.unwrap().len(), 1);
    for _ in 0..2 {
        nation
            .file_confirm(to, &file.name, file.digest, now)
            .await
            .unwrap();
    }
    assert_eq!(nation.files_waiting(to).await.unwrap(), files[1..]);
    let read = nation.file_read(to, &file.name).await.unwrap();
    assert_eq!(*read.digest(), file.digest, "confirmed, still to be had");
}

//! Exchange files over HTTP.

use tongtu_api::ReceiptKind;
use tongtu_crypto::sm3::Digested;
use tongtu_exchange_file::FileName;
use tongtu_http::client::{Client, ClientError};
use tongtu_types::InstitutionCode;

use crate::country::{
    Country, Rider, Served, T0, Terminal, after, beijing, day0, enveloped, nation, status_of,
};

/// Sends a file in its envelope.
async fn send(
    client: &Client,
    sender: InstitutionCode,
    name: &FileName,
    bytes: &[u8],
) -> Result<ReceiptKind, ClientError> {
    let envelope = enveloped(sender, nation(), name, bytes);
    let file = Digested::of(bytes);
    client.file_send(sender, name, &file, &envelope).await
}

/// A file that Beijing has for the nation.
async fn upward_file(country: &Country, city: &Served) -> (FileName, Vec<u8>) {
    let rider: Rider = country.rider_from_guangzhou(T0);
    let terminal = Terminal::registered("100000000001", city).await;
    let ride = terminal.ride(&rider, T0, 1);
    city.terminal(terminal.number)
        .records_upload(terminal.number, &[ride])
        .await
        .unwrap();
    let late = city.client.at(after(day0()));
    late.day_close(day0()).await.unwrap();
    let mut waiting = city.node.outbox_waiting().await.unwrap();
    assert_eq!(waiting.len(), 1);
    let (receiver, name, file) = waiting.remove(0);
    assert_eq!(receiver, nation());
    (name, file.into_bytes())
}

#[tokio::test]
async fn takes_a_file_once_and_no_other_under_its_name() {
    let country = Country::new();
    let (nation, city) = (country.nation().await, country.beijing(None).await);
    let (name, bytes) = upward_file(&country, &city).await;

    let client = &nation.client;
    let below = nation.neighbour(beijing());
    let receipt = send(&below, beijing(), &name, &bytes).await.unwrap();
    assert_eq!(receipt, ReceiptKind::Stored);
    for _ in 0..2 {
        let receipt = send(&below, beijing(), &name, &bytes).await.unwrap();
        assert_eq!(receipt, ReceiptKind::Already);
    }
    assert_eq!(client.rejected_view().await.unwrap().alarms, []);

    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    let error = send(&below, beijing(), &name, &other).await;
    let error = error.unwrap_err();
    assert_eq!(status_of(&error).0, 409, "{error}");
    let alarms = client.rejected_view().await.unwrap().alarms;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].raised_at_s, T0.get());
    let receipt = send(&below, beijing(), &name, &bytes).await.unwrap();
    assert_eq!(receipt, ReceiptKind::Already);
}

#[tokio::test]
async fn hands_a_file_out_until_it_is_confirmed() {
    let country = Country::new();
    let nation = country.nation().await;
    let late = nation.client.at(after(day0()));
    late.day_close(day0()).await.unwrap();
    late.day_settle(day0()).await.unwrap();

    let client = &nation.neighbour(beijing());
    let waiting = client.files_waiting(beijing()).await.unwrap();
    let file = waiting.first().expect("results go to every member");
    let (bytes, envelope) = client.file_read(beijing(), &file.name).await.unwrap();
    assert_eq!(u64::try_from(bytes.len()).unwrap(), file.length);
    assert_eq!(tongtu_crypto::sm3::digest(&bytes), file.digest);

    let wrong = client.file_confirm(beijing(), &file.name, [0; 32]).await;
    let wrong = wrong.unwrap_err();
    assert_eq!(status_of(&wrong).0, 409, "{wrong}");
    assert_eq!(client.files_waiting(beijing()).await.unwrap(), waiting);

    for _ in 0..2 {
        client
            .file_confirm(beijing(), &file.name, file.digest)
            .await
            .unwrap();
    }
    let left = client.files_waiting(beijing()).await.unwrap();
    assert_eq!(left, waiting[1..]);
    let again = client.file_read(beijing(), &file.name).await.unwrap();
    // The very envelope too: it is kept.
    assert_eq!(again, (bytes, envelope));
}

#[tokio::test]
async fn an_unknown_file_is_not_found() {
    let nation = Country::new().nation().await;
    let name = FileName::parse("BP260101160000013410000000000001A").unwrap();
    let client = &nation.neighbour(beijing());
    let error = client.file_read(beijing(), &name).await.unwrap_err();
    assert_eq!(status_of(&error).0, 404, "{error}");
    let error = client.file_confirm(beijing(), &name, [0; 32]).await;
    let error = error.unwrap_err();
    assert_eq!(status_of(&error).0, 404, "{error}");
    assert_eq!(client.files_waiting(beijing()).await.unwrap(), []);
}

#[tokio::test]
async fn refuses_strangers_and_kinds_that_the_sender_does_not_send() {
    let nation = Country::new().nation().await;
    // A city of a province talks to the province, and a member is told its position.
    let stranger = InstitutionCode::parse("01345810").unwrap();
    let upward = FileName::parse("CQ260101160000113410000000000001A").unwrap();
    let downward = FileName::parse("BP260101160000013410000000000001A").unwrap();
    for (sender, name, code) in [
        (stranger, upward, "exchange.neighbour_unknown"),
        (beijing(), downward, "exchange.file_kind"),
    ] {
        let client = nation.neighbour(sender);
        let error = send(&client, sender, &name, b"x").await.unwrap_err();
        assert_eq!(status_of(&error), (422, code));
    }
    let client = nation.neighbour(stranger);
    let error = client.files_waiting(stranger).await.unwrap_err();
    assert_eq!(status_of(&error), (422, "exchange.neighbour_unknown"));
}

#[tokio::test]
async fn keeps_a_file_that_cannot_be_read() {
    let nation = Country::new().nation().await;
    let name = FileName::parse("CQ260101160000113410000000000001A").unwrap();
    let below = nation.neighbour(beijing());
    // It is answered in the list of processed files (LD), and not to be sent again.
    for receipt in [ReceiptKind::Stored, ReceiptKind::Already] {
        let found = send(&below, beijing(), &name, b"no file").await;
        assert_eq!(found.unwrap(), receipt);
    }
}

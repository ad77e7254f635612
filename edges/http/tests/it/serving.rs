//! Binding, limits, stopping.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tongtu_crypto::sm3::Digested;
use tongtu_exchange_file::FileName;
use tongtu_http::Clock;
use tongtu_http::client::Client;
use tongtu_http::server::{BindError, Exposure, Limits, bind, router, serve};

use crate::country::{
    Country, Terminal, beijing, credential, entrance, enveloped, name, nation, status_of,
};

#[tokio::test]
async fn binds_loopback_only_unless_told() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = bind(anywhere, Exposure::Loopback).await.unwrap_err();
    assert!(matches!(error, BindError::NotLoopback(address) if address == anywhere));
    assert!(bind(anywhere, Exposure::DangerOpen).await.is_ok());
    let loopback = "[::1]:0".parse().unwrap();
    match bind(loopback, Exposure::Loopback).await {
        Ok(_) | Err(BindError::Io { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn says_which_node_it_is() {
    let city = Country::new().beijing(None).await;
    let health = city.client.health().await.unwrap();
    assert_eq!(health.institution, "01341000");
    assert_eq!((&*health.name_zh, &*health.name_en), ("测试", "Test"));
}

#[tokio::test]
async fn refuses_bodies_over_the_limit_of_their_route() {
    let limits = Limits {
        body_bytes: 300,
        records_bytes: 600,
        file_bytes: 900,
        ..Limits::default()
    };
    let city = Country::new().beijing_with(None, limits).await;
    let too_large = (413, "http.body_too_large");

    let accounts = ["3104100000000000017".parse().unwrap(); 40];
    let error = city.client.blacklist_add(&accounts).await.unwrap_err();
    assert_eq!(status_of(&error), too_large);

    let terminal = Terminal::registered("100000000001", &city).await.number;
    let uplink = city.terminal(terminal);
    let error = uplink.records_upload(terminal, &[vec![0; 300]]).await;
    assert_eq!(status_of(&error.unwrap_err()), too_large);
    // Within its own limit, though above that of other routes.
    if let Err(error) = uplink.records_upload(terminal, &[vec![0; 250]]).await {
        assert_ne!(status_of(&error), too_large);
    }

    let name: FileName = "CQ260101160000113410000000000001A".parse().unwrap();
    let above = city.neighbour(nation());
    let send = async |bytes: &[u8]| {
        let envelope = enveloped(nation(), beijing(), &name, bytes);
        let file = Digested::of(bytes);
        above.file_send(nation(), &name, &file, &envelope).await
    };
    let error = send(&[b' '; 901]).await;
    assert_eq!(status_of(&error.unwrap_err()), too_large);
    let error = send(&[b' '; 900]).await;
    assert_ne!(status_of(&error.unwrap_err()), too_large);
}

#[tokio::test]
async fn runs_on_real_time_without_a_header() {
    let city = Country::new().beijing(None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    let client = client.acting_as(credential(name(beijing(), "OP-1")), beijing());
    let (stop, stopped) = oneshot::channel();
    let routes = router(city.node.clone(), Clock::System, None, &entrance(beijing()));
    let serving = tokio::spawn(serve(listener, routes, async {
        stopped.await.unwrap();
    }));
    // Needs the time, and is told none.
    let report = client.pump().await.unwrap();
    assert_eq!(report.problems, []);

    // Told to stop, it stops, although the client keeps its connection.
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let error = client.health().await.unwrap_err();
    assert!(error.code() == "client.unreachable", "{error}");
}

//! The client against servers that are no nodes.

use std::future::pending;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tongtu_api::path;
use tongtu_http::client::{Client, ClientError};
use tongtu_http::server::serve;

use crate::country::beijing;

/// Serves `routes` as they are; a client of them.
pub(crate) async fn serving(routes: Router) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}/", listener.local_addr().unwrap()));
    tokio::spawn(serve(listener, routes, pending()));
    client
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::new(&format!("http://{address}")).health().await;
    let error = error.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.retryable());
    assert_eq!(error.code(), "client.unreachable");
    assert_eq!(
        error.to_string(),
        "GET /health: no whole answer from the node"
    );
}

#[tokio::test]
async fn half_an_answer_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = connection.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"GET /health HTTP/1.1"));
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"institution\":";
        connection.write_all(half).await.unwrap();
    });
    let error = client.health().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn what_no_node_would_answer_is_malformed() {
    let page = || async { "<html>" };
    let refusal = || async { (StatusCode::BAD_GATEWAY, "<html>") };
    let odd_name = || async { r#"{"files":[{"name":"x","digest":"","length":1}]}"# };
    let client = serving(
        Router::new()
            .route(path::HEALTH, get(page))
            .route(path::AUDIT_LEDGER, get(refusal))
            .route(path::FILES, get(odd_name)),
    )
    .await;
    for (error, message) in [
        (
            client.health().await.unwrap_err(),
            "GET /health: JSON in the answer does not hold",
        ),
        (
            client.ledger_view().await.unwrap_err(),
            "GET /audit/ledger: status 502 without {code, message}: is this a node?",
        ),
        (
            client.files_waiting(beijing()).await.unwrap_err(),
            "GET /exchange/files: name in the answer does not hold",
        ),
    ] {
        assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
        assert!(!error.retryable());
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn a_base_address_that_is_none_is_malformed() {
    let error = Client::new("nowhere").health().await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "GET /health: no request can be made, expected a base address like http://127.0.0.1:7100"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let away = || async { (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]) };
    let client = serving(Router::new().route(path::HEALTH, get(away))).await;
    let error = client.health().await.unwrap_err();
    assert!(error.to_string().contains("status 302"), "{error}");
}

//! The guard around handlers that misbehave, over real connections and without a node.

use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tongtu_api::{ApiError, NOW_HEADER};

use super::*;
use crate::server::request::Now;
use crate::server::serve;

/// Serves `routes` under the guard; answers where.
async fn serving(routes: Router, limits: Limits) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = surround(routes, Clock::Simulated, limits);
    tokio::spawn(serve(listener, router, pending()));
    url
}

async fn status_and_code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let error: ApiError = response.json().await.unwrap();
    (status, error.code)
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    async fn panics() {
        panic!("a handler that panics");
    }
    let routes = Router::new()
        .route("/panics", get(panics))
        .route("/fine", get(async || "fine"));
    let url = serving(routes, Limits::default()).await;
    for _ in 0..2 {
        let response = crate::client::bare()
            .get(format!("{url}/panics"))
            .send()
            .await
            .unwrap();
        assert_eq!(
            status_and_code(response).await,
            (500, String::from("http.panic"))
        );
        let response = crate::client::bare()
            .get(format!("{url}/fine"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.text().await.unwrap(), "fine");
    }
}

#[tokio::test]
async fn a_hung_request_is_given_up() {
    let routes = Router::new().route("/hangs", get(pending::<()>));
    let limits = Limits {
        request_time: Duration::ZERO,
        ..Limits::default()
    };
    let url = serving(routes, limits).await;
    let response = crate::client::bare()
        .get(format!("{url}/hangs"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        status_and_code(response).await,
        (503, String::from("http.timeout"))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_stops_no_request_halfway() {
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (finished, has_finished) = oneshot::channel();
    let once = Arc::new(Mutex::new(Some((begun, may_go_on, finished))));
    let handler = move || async move {
        let (begun, may_go_on, finished) = once.lock().unwrap().take().expect("one request");
        begun.send(()).unwrap();
        may_go_on.await.unwrap();
        finished.send(()).unwrap();
    };
    let url = serving(
        Router::new().route("/slow", get(handler)),
        Limits::default(),
    )
    .await;

    let asking = tokio::spawn(crate::client::bare().get(format!("{url}/slow")).send());
    has_begun.await.unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    go_on.send(()).expect("the handler still waits");
    has_finished.await.expect("the handler ran to its end");
}

#[tokio::test]
async fn simulated_time_is_required_where_time_is_needed() {
    let routes = Router::new()
        .route(
            "/needs",
            get(|Now(now): Now| async move { now.get().to_string() }),
        )
        .route("/needs-not", get(async || "fine"));
    let url = serving(routes, Limits::default()).await;
    let ask = async |path: &str, now: Option<&str>| {
        let mut request = crate::client::bare().get(format!("{url}{path}"));
        if let Some(now) = now {
            request = request.header(NOW_HEADER, now);
        }
        request.send().await.unwrap()
    };
    let response = ask("/needs", Some("5")).await;
    assert_eq!(response.text().await.unwrap(), "5");
    let response = ask("/needs-not", None).await;
    assert_eq!(response.text().await.unwrap(), "fine");
    for (path, now) in [
        ("/needs", None),
        ("/needs", Some("soon")),
        ("/needs-not", Some("soon")),
    ] {
        let found = status_and_code(ask(path, now).await).await;
        assert_eq!(
            found,
            (400, String::from("http.bad_header")),
            "{path} {now:?}"
        );
    }
}

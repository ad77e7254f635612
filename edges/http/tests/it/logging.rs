//! What the server writes to its log.

use std::cell::RefCell;
use std::io;

use tongtu_codec::hex_encode;
use tongtu_types::{CardNumber, Fen};
use tracing_subscriber::filter::LevelFilter;

use crate::country::{Country, Rider, T0};
use crate::faces::{asked, scope};

thread_local! {
    /// What this thread logged.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of the thread that logs.
struct OfThisThread;

impl io::Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_one_line_per_request_and_no_account() {
    // For all threads: a subscriber of one thread misses what others were first to log. This
    // test's server runs on this test's thread.
    tracing_subscriber::fmt()
        .with_writer(|| OfThisThread)
        .with_ansi(false)
        .with_max_level(LevelFilter::TRACE)
        .init();

    let city = Country::new().beijing(None).await;
    let account = CardNumber::parse("3104100000000000017").unwrap();
    let client = &city.client;
    // Whatever they answer: it is the log that counts.
    let _ = client.account_view(account).await;
    let _ = client.account_recharge(account, "a", Fen::new(1)).await;
    let _ = client.blacklist_add(&[account]).await;
    let odd = format!("{}/issuer/accounts/{}x", city.url, account.reveal());
    let _ = tongtu_http::client::bare().get(odd).send().await.unwrap();
    let _ = tongtu_http::client::bare()
        .get(format!("{}/{}", city.url, account.reveal()))
        .send()
        .await
        .unwrap();

    let enrolment = asked(&Rider::new(account.reveal()), 1, &[scope(7, None)], T0);
    let template = hex_encode(&enrolment.captures[0].template);
    let _ = client.face_enrol(account, &enrolment).await;

    let text = String::from_utf8(LOG.take()).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("tongtu_http") && line.contains(" request "))
        .filter(|line| !line.contains("/health"))
        .collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[0].contains(r#"method=GET route="/issuer/accounts/{account}" status="#));
    assert!(
        lines[3].contains(r#"status=400 code="http.bad_header""#),
        "{text}"
    );
    assert!(lines[4].contains(r#"route="(none)" status=404"#), "{text}");
    assert!(lines[5].contains(r#"route="/issuer/accounts/{account}/face" status=404"#));
    assert!(!text.contains(account.reveal()), "{text}");
    assert!(!text.contains(&template), "{text}");
}

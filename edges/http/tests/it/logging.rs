//! What the server writes to its log.

use std::io;
use std::sync::{Arc, Mutex};

use tongtu_types::{CardNumber, Fen};
use tracing_subscriber::fmt::MakeWriter;

use crate::country::Country;

/// A log that is kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_one_line_per_request_and_no_account() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .finish();
    // For this thread, on which this test's server runs, too.
    let _listening = tracing::subscriber::set_default(subscriber);

    let city = Country::new().beijing(None).await;
    let account = CardNumber::parse("3104100000000000017").unwrap();
    let client = &city.client;
    // Whatever they answer: it is the log that counts.
    let _ = client.account_view(account).await;
    let _ = client.account_recharge(account, "a", Fen::new(1)).await;
    let _ = client.blacklist_add(&[account]).await;
    let odd = format!("{}/issuer/accounts/{}x", city.url, account.reveal());
    let _ = reqwest::get(odd).await.unwrap();
    let _ = reqwest::get(format!("{}/{}", city.url, account.reveal()))
        .await
        .unwrap();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains("tongtu_http") && line.contains(" request "))
        .collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[0].contains(r#"method=GET route="/issuer/accounts/{account}" status="#));
    assert!(
        lines[3].contains(r#"status=400 code="http.bad_path""#),
        "{text}"
    );
    assert!(lines[4].contains(r#"route="(none)" status=404"#), "{text}");
    assert!(!text.contains(account.reveal()), "{text}");
}

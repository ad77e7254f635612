//! The looking finds a secret in each medium that it looks at, and names it. Panics have the same
//! test beside them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use tongtu_foreign::{Leashed, leash};
use tongtu_http::client::Client;

use super::scanner::{Kind, Scanner, Secret};
use super::{Postgres, core_left, cores_stay_here, gcore, without_registers};
use crate::run::folder;

/// The looking finds a secret in each medium that it looks at: the same steps over processes and
/// stores that hide nothing.
#[test]
fn a_planted_secret_is_found_in_logs_core_files_and_a_database() {
    const WORD: &str = "a planted passphrase";
    let folder = folder("leaks-planted");
    let scanner = Scanner::new(&[Secret::new("plant", Kind::Text(WORD.into()))]);
    let is_found = |path: &Path| {
        let told = scanner.tree(path).0;
        told.iter().any(|line| line.contains("plant as "))
    };

    let log = folder.join("log.txt");
    std::fs::write(&log, format!("DEBUG x: {WORD:?}")).unwrap();
    assert!(is_found(&log));

    // A process without the filter of ours, killed by the same signal.
    let mut start = leash("sh");
    start
        .args(["-c", "ulimit -c unlimited; echo up; exec sleep 1000"])
        .env("PLANT", WORD)
        .current_dir(&folder)
        .stdout(Stdio::piped());
    let mut sleeper = Leashed::start(&mut start);
    let mut up = [0; 3];
    sleeper.stdout().unwrap().read_exact(&mut up).unwrap();
    if let Some(core) = gcore(sleeper.id(), &folder) {
        without_registers(&core);
        assert!(is_found(&core));
    }
    let pid = sleeper.id().to_string();
    let done = Command::new("kill").args(["-s", "ABRT", &pid]).status();
    assert!(done.unwrap().success());
    sleeper.wait();
    if cfg!(target_os = "linux") && cores_stay_here() {
        let core = core_left(&folder).unwrap();
        without_registers(&core);
        assert!(is_found(&core));
    }

    let plain = folder.join("plain.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // A subject that is sealed, and a code that is not: the one is found, the other not.
        let url = format!("sqlite:{}", plain.display());
        let sealing = tongtu_sql::Sealing::new(&[5; 32]);
        let store = tongtu_sql::Store::open(&url, &sealing).await.unwrap();
        for (code, subject) in [("code", WORD), (WORD, "subject")] {
            let row = tongtu_sql::AlarmRow {
                code: code.into(),
                subject: subject.into(),
                message: subject.into(),
                raised_at: 1,
            };
            let mut tx = store.write().await.unwrap();
            tx.alarm_insert(&row).await.unwrap();
            tx.commit().await.unwrap();
            let found = ["plain.db", "plain.db-wal"].map(|file| is_found(&folder.join(file)));
            assert_eq!(found.contains(&true), code == WORD, "{code}");
        }
        store.close().await;
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A column that is not sealed, with a secret in each form that a program may give it.
#[test]
fn a_planted_secret_is_found_in_a_dump() {
    let Some(postgres) = Postgres::make("planted") else {
        return;
    };
    let folder = folder("leaks-dump");
    let number = Secret::new("plant", Kind::Digits("3104100000000000017".into()));
    let key = Secret::new("plant", Kind::Key((1..=32).collect()));
    postgres.say(&format!(
        "CREATE TABLE {0}.plain (note text, raw bytea);
         INSERT INTO {0}.plain VALUES ('of 3104100000000000017', '\\x{1}')",
        postgres.schema,
        tongtu_codec::hex_encode(&(1..=32).collect::<Vec<u8>>()),
    ));
    let path = folder.join("dump.sql");
    std::fs::write(&path, postgres.dump()).unwrap();
    for (secret, form) in [(number, "raw"), (key, "hex")] {
        let (told, _) = Scanner::new(&[secret]).tree(&path);
        let named = format!("plant as {form}, 1 times");
        assert!(told.iter().any(|line| line.contains(&named)), "{told:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A server that refuses and says what it was asked, by the client that the village is asked with.
#[tokio::test]
async fn a_planted_secret_is_found_in_an_answer() {
    const NUMBER: &str = "3104100000000000017";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut line, _) = listener.accept().unwrap();
        let mut asked: Vec<u8> = Vec::new();
        // Head and body may come one after the other.
        while !asked.windows(NUMBER.len()).any(|w| w == NUMBER.as_bytes()) {
            let mut more = [0; 4096];
            let len = line.read(&mut more).unwrap();
            assert!(len > 0);
            asked.extend(&more[..len]);
        }
        let body = format!("{{\"code\": \"x\", \"message\": \"no account {NUMBER}\"}}");
        let len = body.len();
        write!(
            line,
            "HTTP/1.1 404 Not Found\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
    });
    let client = Client::new(&url);
    let body = format!("\"{NUMBER}\"");
    let method = "POST".parse().unwrap();
    let (status, answer) = client
        .call(method, "/issuer/accounts", Some(&body))
        .await
        .unwrap();
    server.join().unwrap();
    assert_eq!(status, 404);
    let scanner = Scanner::new(&[Secret::new("plant", Kind::Digits(NUMBER.into()))]);
    let found = scanner.bytes(&answer);
    assert!(found.contains_key(&("plant".into(), "raw")), "{found:?}");
}

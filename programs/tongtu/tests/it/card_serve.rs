//! `tongtu card serve` and `tongtu card apdu` on its file; the driver is played by the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::run::{folder, tongtu_in};

/// A running `tongtu card serve` and the driver's end of its connection.
pub(crate) struct Served {
    pub(crate) process: Child,
    stream: TcpStream,
}

impl Served {
    /// Starts it on this file, and waits until the card is in the reader.
    pub(crate) fn start(folder: &Path, state: &str, more: &[&str]) -> Self {
        Self::start_of("card", folder, state, more)
    }

    /// The same of another command's `serve`.
    pub(crate) fn start_of(command: &str, folder: &Path, state: &str, more: &[&str]) -> Self {
        let driver = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = driver.local_addr().unwrap().port().to_string();
        let process = Command::new(env!("CARGO_BIN_EXE_tongtu"))
            .args([command, "serve", "--state", state, "--port", &port])
            .args(more)
            .env("LC_ALL", "C")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stream, _) = driver.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        Self { process, stream }
    }

    /// Ends it with kill -9.
    pub(crate) fn end(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn send(&mut self, message: &[u8]) -> std::io::Result<()> {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[&length, message].concat())
    }

    /// Sends a command and does not wait for its answer.
    pub(crate) fn send_only(&mut self, apdu: &[u8]) {
        self.send(apdu).unwrap();
    }

    fn receive(&mut self) -> std::io::Result<Vec<u8>> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut message)?;
        Ok(message)
    }

    /// Gives power, or a reset.
    pub(crate) fn power_on(&mut self) {
        self.send(&[1]).unwrap();
    }

    /// One command and its answer; an error when the process is gone.
    pub(crate) fn transmit(&mut self, apdu: &[u8]) -> std::io::Result<Vec<u8>> {
        self.send(apdu)?;
        self.receive()
    }
}

#[test]
fn the_card_answers_the_driver_and_ends_when_told() {
    let folder = folder("card-serve");
    let mut served = Served::start(&folder, "a.card", &[]);
    served.send(&[4]).unwrap();
    assert_eq!(served.receive().unwrap()[0], 0x3B, "the answer to reset");
    served.power_on();
    let answer = served.transmit(&[0x00, 0xA4, 0x04, 0x00, 0x00]).unwrap();
    assert_eq!(answer[answer.len() - 2..], [0x90, 0x00], "{answer:02X?}");
    // A second process is told who has the card.
    let second = tongtu_in(
        &folder,
        &["card", "apdu", "--state", "a.card", "select isd"],
        b"",
        &[],
    );
    assert_eq!((second.code, second.out.as_str()), (2, ""));
    assert!(second.err.contains("in use by another process") && second.err.contains("--reader"));
    #[cfg(unix)]
    {
        let pid = served.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let ended = served.process.wait_with_output().unwrap();
        let out = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{out}");
        assert!(out.ends_with("1 commands answered\n"), "{out}");
    }
}

#[test]
fn a_card_keeps_the_profile_that_it_was_made_with() {
    let folder = folder("card-profile");
    Served::start(&folder, "c.card", &["--profile", "sm4"]).end();
    Served::start(&folder, "c.card", &[]).end();
    let args = ["card", "serve", "--state", "c.card", "--profile", "dual"];
    let ran = tongtu_in(&folder, &args, b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("was made with profile sm4, not dual"),
        "{}",
        ran.err
    );
}

#[test]
fn scripts_say_what_they_expect() {
    let folder = folder("card-apdu");
    Served::start(&folder, "b.card", &[]).end();
    let script = "# the issuer's domain is there, another is not\n\
                  select isd => *9000\n\
                  select A0000000000102 => 6A82|9000\n\
                  00EE => 6700\n";
    let args = ["card", "apdu", "--state", "b.card"];
    let ran = tongtu_in(&folder, &args, script.as_bytes(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("> 00A4040000\n< "), "{}", ran.out);
    assert!(
        ran.out.contains("SELECT · security domain · 9000 done"),
        "{}",
        ran.out
    );
    let ran = tongtu_in(
        &folder,
        &[
            "--json",
            "card",
            "apdu",
            "--state",
            "b.card",
            "select isd => 6A82",
        ],
        b"",
        &[],
    );
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let answer = ran.json();
    assert_eq!(
        (&answer["differing"], &answer["exchanges"][0]["fits"]),
        (&1.into(), &false.into())
    );
    let ran = tongtu_in(
        &folder,
        &["card", "apdu", "--state", "b.card", "select isd", "blance"],
        b"",
        &[],
    );
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (2, ""),
        "nothing is sent before all is read"
    );
    assert!(
        ran.err
            .starts_with("error: command 2: `blance` is neither hex"),
        "{}",
        ran.err
    );
}

#[test]
fn without_pcsc_or_a_file_the_way_out_is_named() {
    let folder = folder("card-nowhere");
    let ran = tongtu_in(
        &folder,
        &["card", "apdu", "--reader", "no such reader", "reset"],
        b"",
        &[],
    );
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .contains("hint: a virtual card needs no reader: --state FILE"),
        "{}",
        ran.err
    );
    let ran = tongtu_in(
        &folder,
        &["card", "apdu", "--state", "missing.card", "reset"],
        b"",
        &[],
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("hint: `tongtu card perso --state FILE` makes one"),
        "{}",
        ran.err
    );
}

#[test]
fn bytes_and_meaning_of_an_answer_have_two_names_in_json() {
    let folder = folder("card-apdu-json");
    Served::start(&folder, "a.card", &[]).end();
    let args = [
        "--json",
        "card",
        "apdu",
        "--state",
        "a.card",
        "select ep",
        "balance",
    ];
    let ran = tongtu_in(&folder, &args, b"", &[]);
    let balance = &ran.json()["exchanges"][1];
    assert_eq!(balance["answer_bytes"], "000000009000");
    assert_eq!(balance["answer"][0]["value"], "0.00");
    // A name that is there twice is lost to whoever reads it.
    assert_eq!(
        ran.out.matches("\n      \"answer\":").count(),
        2,
        "{}",
        ran.out
    );
}

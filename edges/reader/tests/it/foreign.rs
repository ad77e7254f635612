//! A card by rote under the real driver, seen by programs we did not write.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use tongtu_foreign::{CardService, tool};
use tongtu_reader::vpcd::{Patience, Served, Stop, VirtualCard, VpcdError, serve};

const LIMIT: Duration = Duration::from_secs(20);

/// Knows its own name, its card recognition data and how to be asked twice.
pub(crate) struct StubCard;

impl VirtualCard for StubCard {
    type Fault = Infallible;

    fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn power_on(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(match apdu {
            [
                0x00,
                0xA4,
                0x04,
                0x00,
                0x08,
                0xA0,
                0x00,
                0x00,
                0x01,
                0x51,
                ..,
            ] => {
                let name = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];
                let inside = [&[0x84, 8][..], &name, &[0xA5, 4, 0x9F, 0x65, 1, 0xFF]].concat();
                [&[0x6F, 16][..], &inside, &[0x90, 0x00]].concat()
            }
            [0x80, 0xCA, 0x00, 0x66, 0x00] => vec![0x66, 0x02, 0x73, 0x00, 0x90, 0x00],
            [0x80, 0xCA, 0x00, 0x66, ..] => vec![0x6C, 0x00],
            [0x00, 0x84, 0x00, 0x00, 0x08] => vec![1, 2, 3, 4, 0x61, 0x04],
            [0x00, 0xC0, 0x00, 0x00, 0x04] => vec![5, 6, 7, 8, 0x90, 0x00],
            _ => vec![0x6A, 0x82],
        })
    }
}

/// A card in the reader of a private service.
pub(crate) struct Inserted {
    pub(crate) service: CardService,
    stop: Stop,
    serving: Option<JoinHandle<Result<Served, VpcdError>>>,
}

impl Inserted {
    pub(crate) fn start() -> Option<Self> {
        let mut service = CardService::start()?;
        let (stop, address) = (
            Stop::new(),
            SocketAddr::from((Ipv4Addr::LOCALHOST, service.port())),
        );
        let switch = stop.clone();
        let serving = spawn(move || {
            let patience = Patience::once_within(LIMIT);
            serve(address, &mut StubCard, patience, &switch, &mut |_| {})
        });
        service.wait_for_card(|| !serving.is_finished()).unwrap();
        Some(Self {
            service,
            stop,
            serving: Some(serving),
        })
    }

    /// Takes the card out.
    pub(crate) fn take_out(&mut self) -> Served {
        self.stop.stop();
        let serving = self.serving.take().unwrap();
        serving.join().unwrap().unwrap()
    }
}

#[test]
fn opensc_lists_the_reader_and_talks_to_the_card() {
    let Some(mut inserted) = Inserted::start() else {
        return;
    };
    let opensc = |args: &[&str]| {
        let ran = inserted.service.run("opensc-tool", args, b"", LIMIT);
        ran.good()
    };
    let listed = opensc(&["-l"]);
    let row = listed.lines().find(|row| row.contains(CardService::READER));
    assert!(row.is_some_and(|row| row.contains("Yes")), "{listed}");
    assert_eq!(opensc(&["-r", "0", "-a"]).trim(), "3b:80:80:01:01");
    let said = opensc(&[
        "-r",
        "0",
        "-c",
        "default",
        "-s",
        "00:A4:04:00:08:A0:00:00:01:51:00:00:00",
        "-s",
        "80:CA:00:66:00",
    ]);
    assert_eq!(said.matches("SW1=0x90, SW2=0x00").count(), 2, "{said}");
    assert!(said.contains("66 02 73 00"), "{said}");
    assert!(inserted.take_out().commands >= 2);
    let listed = inserted.service.run("opensc-tool", ["-l"], b"", LIMIT);
    assert!(listed.good().contains(CardService::READER));
}

#[test]
fn scriptor_runs_a_script() {
    let (Some(_), Some(inserted)) = (tool("scriptor"), Inserted::start()) else {
        return;
    };
    let script = "reset\n00A4040008A000000151000000\n80CA006600\nexit\n";
    let args = ["-r", CardService::READER];
    let ran = inserted
        .service
        .run("scriptor", args, script.as_bytes(), LIMIT);
    let said = ran.good();
    assert_eq!(said.matches("Normal processing.").count(), 2, "{said}");
}

#[test]
fn pcsc_scan_sees_the_card() {
    let (Some(_), Some(inserted)) = (tool("pcsc_scan"), Inserted::start()) else {
        return;
    };
    let said = inserted
        .service
        .run("pcsc_scan", ["-n", "-t", "1"], b"", LIMIT)
        .out;
    assert!(said.contains(CardService::READER), "{said}");
    assert!(said.contains("3B 80 80 01 01"), "{said}");
}

//! The validator in C: cards through a pipe and through pcscd.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use tongtu_foreign::{CardService, leash, run_within};
use tongtu_reader::vpcd::{Patience, Stop, VirtualCard, serve};

use crate::fixture::{Rider, T0, bundle, code, list_key, sam_key};
use crate::program::{Device, Folder, LIMIT, build, hex};

/// What every run is told, and a code in a file.
fn arguments(folder: &Folder) -> Vec<OsString> {
    let lists = folder.file("lists", &bundle(1));
    let code_file = folder.file("code", &code(1, T0));
    vec![
        "--lists".into(),
        lists.into(),
        "--list-key".into(),
        hex(&list_key()).into(),
        "--sam-key".into(),
        hex(&sam_key()).into(),
        "--journal".into(),
        folder.path().join("journal").into(),
        "--now".into(),
        T0.to_string().into(),
        "--code".into(),
        code_file.clone().into(),
        "--code".into(),
        code_file.into(),
    ]
}

/// What it says of the code, read twice.
const SCANNED: &str = "scan outcome 1, R00, record 1\nlamp green\nsay  乘车成功\nshow 乘车成功\n\
    show 车费 2.00 元\nsay  Welcome\n";

const TAPPED: &str = "lamp green\nsay  乘车成功\nshow 乘车成功\nshow 金额 2.00 元\n\
    show 余额 48.00 元\nsay  Welcome\nshow Welcome\nshow Fare 2.00 yuan\n";

#[test]
fn taps_a_card_that_we_play_and_scans_a_code() {
    let folder = Folder::make("stdio");
    let Some(program) = build(&folder, "validator", false) else {
        return;
    };
    let mut command = leash(program);
    command
        .args(arguments(&folder))
        .args(["--stdio", "--taps", "2"]);
    let mut device = Device::start(&mut command);
    let mut rider = Rider::with(1, 5_000);
    rider.present();
    let mut said = String::new();
    while let Some(line) = device.line(Some(&mut rider)) {
        said += &line;
        said.push('\n');
        // A tap is over: the card leaves, and comes back.
        if line.starts_with("tap ") {
            rider.present();
        }
    }
    device.end();
    assert!(said.starts_with(SCANNED), "{said}");
    assert!(said.contains(TAPPED), "{said}");
    assert!(said.contains("余额 46.00 元"), "{said}");
    assert!(said.contains("sent 3 records"), "{said}");
    assert!(folder.path().join("journal").exists());
}

/// Our card under the virtual reader's driver.
struct Inserted(Rider);

impl VirtualCard for Inserted {
    type Fault = Infallible;

    fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    fn power_on(&mut self) -> Result<(), Infallible> {
        self.0.present();
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Infallible> {
        self.0.present();
        Ok(())
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Infallible> {
        Ok(self.0.transmit(apdu).unwrap())
    }
}

#[test]
fn taps_a_card_in_a_reader_through_pcscd() {
    let folder = Folder::make("pcsc");
    let Some(program) = build(&folder, "validator", false) else {
        return;
    };
    let Some(mut service) = CardService::start() else {
        return;
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, service.port()));
    let stop = Stop::new();
    let stopping = stop.clone();
    let serving = std::thread::spawn(move || {
        let mut card = Inserted(Rider::with(1, 5_000));
        let patience = Patience::once_within(LIMIT);
        serve(address, &mut card, patience, &stopping, &mut |_| {})
    });
    service.wait_for_card(|| !serving.is_finished()).unwrap();
    let mut command = service.command(program);
    command.args(arguments(&folder)).args(["--taps", "2"]);
    command.args(["--reader", CardService::READER]);
    let said = run_within(LIMIT, &mut command, b"").good();
    stop.stop();
    serving.join().unwrap().unwrap();
    assert!(said.contains(TAPPED), "{said}");
    assert!(said.contains("余额 46.00 元"), "{said}");
    assert!(said.contains("sent 3 records"), "{said}");
}

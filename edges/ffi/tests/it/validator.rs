//! The validator in C, built with the system's compiler against the library beside this test.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tongtu_foreign::{CardService, Leashed, leash, run_within, tool};
use tongtu_reader::vpcd::{Patience, Stop, VirtualCard, serve};

use crate::fixture::{Rider, T0, bundle, code, list_key, sam_key};

const LIMIT: Duration = Duration::from_secs(60);

/// A folder of this test alone, gone with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn make(name: &str) -> Self {
        let name = format!("tongtu-validator-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put the libraries: beside this very program.
fn libraries() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().to_path_buf()
}

/// Builds the validator, or says that there is no compiler.
fn build(folder: &Folder) -> Option<PathBuf> {
    let program = folder.0.join("validator");
    let libraries = libraries();
    let mut rpath = OsString::from("-Wl,-rpath,");
    rpath.push(&libraries);
    let mut cc = leash(tool("cc")?);
    cc.args([
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-O1",
    ]);
    cc.arg("-I").arg(crate_folder().join("include"));
    cc.arg(crate_folder().join("examples/validator.c"));
    cc.arg("-L").arg(&libraries).arg(rpath);
    cc.args(["-ltongtu_ffi", "-ldl", "-o"]).arg(&program);
    let ran = run_within(LIMIT, &mut cc, b"");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    Some(program)
}

/// What every run is told, and a code in a file.
fn arguments(folder: &Folder) -> Vec<OsString> {
    let lists = folder.0.join("lists");
    fs::write(&lists, bundle(1)).unwrap();
    let code_file = folder.0.join("code");
    fs::write(&code_file, code(1, T0)).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    vec![
        "--lists".into(),
        lists.into(),
        "--list-key".into(),
        hex(&list_key()).into(),
        "--sam-key".into(),
        hex(&sam_key()).into(),
        "--journal".into(),
        folder.0.join("journal").into(),
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
    let Some(program) = build(&folder) else {
        return;
    };
    let mut command = leash(program);
    command
        .args(arguments(&folder))
        .args(["--stdio", "--taps", "2"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Leashed::start(&mut command);
    let mut to = running.stdin().unwrap();
    let mut from = BufReader::new(running.stdout().unwrap());
    let mut rider = Rider::with(1, 5_000);
    rider.present();
    let (mut said, mut line) = (String::new(), String::new());
    while from.read_line(&mut line).unwrap() > 0 {
        if let Some(command) = line.trim_end().strip_prefix("> ") {
            if command.starts_with("00A404") {
                rider.present();
            }
            let answer = rider.transmit(&unhex(command)).unwrap();
            let hex: String = answer.iter().map(|b| format!("{b:02X}")).collect();
            writeln!(to, "{hex}").unwrap();
        } else {
            said += &line;
        }
        line.clear();
    }
    assert!(said.starts_with(SCANNED), "{said}");
    assert!(said.contains(TAPPED), "{said}");
    assert!(said.contains("余额 46.00 元"), "{said}");
    assert!(said.contains("sent 3 records"), "{said}");
    assert!(folder.0.join("journal").exists());
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
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
    let Some(program) = build(&folder) else {
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

//! The device in C: every medium, lists, a restart, and the compilers' sanitizers.

use std::path::PathBuf;

use tongtu_blacklist::{Issue, ListedNumber, Span, file};
use tongtu_crypto::Algorithm;
use tongtu_foreign::{leash, run_within, tool};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::fixture::{
    ENGINE, RID, Rider, T0, authorities, bundle, code, gallery, key, list_key, sam_key,
};
use crate::program::{Device, Folder, LIMIT, Sanitizer, build, hex, include};

const ONE: &[u8] = b"the first rider ";
const HALF: &[u8] = b"the firsXXXXXXXX";
const OTHER: &[u8] = b"another somebody";

/// A device with its folder; its clock goes on by ten seconds.
struct Gate {
    device: Device,
    now: i64,
}

impl Gate {
    fn start(program: &PathBuf, sanitizer: Sanitizer, kind: &str, home: &Folder) -> Self {
        let mut command = leash(program);
        sanitizer.set(&mut command);
        command.arg(kind).arg(home.path());
        command.args([hex(&list_key()), hex(&sam_key())]);
        let device = Device::start(&mut command);
        Self { device, now: T0 }
    }

    /// An event, and what the device says of it.
    fn event(&mut self, event: &str, rider: Option<&mut Rider>) -> String {
        self.device.say(event);
        let mut rider = rider;
        let mut said = String::new();
        loop {
            let line = self.device.line(rider.as_deref_mut());
            let line = line.unwrap_or_else(|| panic!("{event}: the device ended: {said}"));
            if line == "ok" {
                return said;
            }
            said += &line;
            said.push('\n');
        }
    }

    fn tick(&mut self) {
        let time = format!("time {}", self.now);
        let said = self.event(&time, None);
        assert!(said.ends_with("fault 0\n"), "{said}");
        self.now += 10;
    }

    fn card(&mut self, event: &str, rider: &mut Rider) -> String {
        self.tick();
        rider.present();
        self.event(event, Some(rider))
    }

    fn file(&mut self, event: &str, folder: &Folder, bytes: &[u8]) -> String {
        let path = folder.file("event", bytes);
        self.event(&format!("{event} {}", path.display()), None)
    }

    fn lists(&mut self, folder: &Folder) {
        assert_eq!(
            self.device.line(None).as_deref(),
            Some("ready, blacklist 0")
        );
        self.tick();
        assert_eq!(self.file("lists", folder, &bundle(1)), "");
        for authority in authority_files() {
            assert_eq!(self.file("authority", folder, &authority), "");
        }
    }
}

/// The authorities as the device reads them.
fn authority_files() -> Vec<Vec<u8>> {
    let of = |authority: crate::fixture::Authority| {
        let plain = authority.plain;
        let parts = authority.parts();
        let mut out = RID.to_vec();
        out.push(u8::try_from(plain.index).unwrap());
        out.push(u8::try_from(plain.kind).unwrap());
        for part in parts {
            out.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        }
        parts.iter().for_each(|part| out.extend(part));
        out
    };
    authorities().into_iter().map(of).collect()
}

fn blacklist(rider: &Rider) -> Vec<u8> {
    let issue = Issue {
        acquirer: InstitutionCode::parse("11345810").unwrap(),
        version: 4,
        issued_at: Timestamp::new(T0),
    };
    let number = ListedNumber::from_bcd(&rider.serial()).unwrap();
    file::full(issue, [Span::single(number)], &key("list")).unwrap()
}

fn starts(said: &str, expected: &str) {
    assert!(said.starts_with(expected), "{said}, expected {expected}");
}

/// Everything that a bus meets in a day, and a night without power.
fn a_day(program: &PathBuf, sanitizer: Sanitizer) {
    let (home, desk) = (Folder::make("gate-home"), Folder::make("gate-desk"));
    let (mut purse, mut listed) = (Rider::with(1, 5_000), Rider::with(2, 5_000));
    let mut gate = Gate::start(program, sanitizer, "bus", &home);
    gate.lists(&desk);
    assert_eq!(
        gate.file("blacklist", &desk, &blacklist(&listed)),
        "blacklist 4\n"
    );
    let faces = gallery(
        1,
        ENGINE,
        &[(1, ONE, T0 + 90 * 86_400), (2, OTHER, T0 + 90 * 86_400)],
    );
    assert_eq!(gate.file("gallery", &desk, &faces), "");
    // Bytes of nobody are refused, and the device goes on.
    starts(
        &gate.file("lists", &desk, b"junk"),
        "lists refused: 名单错误",
    );
    starts(&gate.file("blacklist", &desk, b"junk"), "blacklist refused");
    starts(&gate.file("gallery", &desk, b"junk"), "gallery refused");

    let said = gate.card("card", &mut purse);
    starts(
        &said,
        "tap outcome 1, paid by 1, fare 200, record 1\nlamp green\nsay  乘车成功\nsay  Welcome\n\
         show 乘车成功\nshow 金额 2.00 元\nshow 余额 48.00 元\n",
    );
    let said = gate.card("card", &mut listed);
    starts(
        &said,
        "tap outcome 4, paid by 0, fare 0, record 0\nlamp red\n",
    );
    // Record 2 says that the listed card was refused.
    for (number, algorithm) in (3..).zip([Algorithm::Tdes, Algorithm::Sm4]) {
        let said = gate.card("card", &mut Rider::with_cash(algorithm));
        let expected = format!("tap outcome 1, paid by 3, fare 200, record {number}\nlamp green\n");
        starts(&said, &expected);
        // The same card number with another key is not taken again so soon.
        gate.tick();
    }
    // A card that leaves at once.
    purse.present();
    purse.torn_after = Some(0);
    gate.tick();
    starts(
        &gate.event("card", Some(&mut purse)),
        "tap outcome 5, paid by 0",
    );

    let now = gate.now;
    gate.tick();
    let said = gate.file("code", &desk, &code(3, now));
    starts(&said, "scan outcome 1, R00, record 5\nlamp green\n");
    starts(
        &gate.file("code", &desk, &code(3, now)),
        "scan outcome 4, R",
    );

    let said = gate.event(&format!("face {} 1 90", hex(ONE)), None);
    starts(
        &said,
        "face outcome 1, why 0, consent 3, record 6\nlamp green\n",
    );
    let said = gate.event(&format!("face {} 2 90", hex(OTHER)), None);
    starts(
        &said,
        "face outcome 4, why 4, consent 0, record 0\nlamp red\n",
    );
    let said = gate.event(&format!("face {} 1 90", hex(HALF)), None);
    starts(&said, "face outcome 4, why 5");
    starts(&gate.event("digits 0001", None), "face outcome 4, why 6");
    let withdrawn = format!("withdraw {}", hex(&[2; 16]));
    assert_eq!(gate.event(&withdrawn, None), "withdrawn 1\n");
    let said = gate.event("upload", None);
    starts(&said, "sent 6 records, reports of 171 and ");
    gate.device.end();

    // The next morning: nothing was handed in, and all is there.
    let mut gate = Gate::start(program, sanitizer, "bus", &home);
    gate.now = T0 + 86_400;
    assert_eq!(
        gate.device.line(None).as_deref(),
        Some("ready, blacklist 4")
    );
    let said = gate.card("card", &mut purse);
    starts(&said, "tap outcome 1, paid by 1, fare 200, record 7\n");
    starts(&gate.card("card", &mut listed), "tap outcome 4");
    let said = gate.event(&format!("face {} 1 90", hex(OTHER)), None);
    starts(&said, "face outcome 4, why 5");
    starts(&gate.event("upload", None), "sent 2 records");
    gate.device.end();
}

/// A rider goes in and is made up for at the counter; another goes in by code and out elsewhere.
fn a_station(program: &PathBuf, sanitizer: Sanitizer) {
    let folders: Vec<Folder> = ["entry", "exit", "counter", "papers"]
        .map(|name| Folder::make(&format!("station-{name}")))
        .into();
    let mut posts: Vec<Gate> = ["entry", "exit", "counter"]
        .iter()
        .zip(&folders)
        .map(|(kind, home)| {
            let mut gate = Gate::start(program, sanitizer, kind, home);
            gate.lists(&folders[3]);
            gate
        })
        .collect();
    let mut rider = Rider::with(1, 5_000);
    let [entry, exit, counter] = &mut posts[..] else {
        panic!("three posts");
    };
    starts(
        &entry.card("card", &mut rider),
        "tap outcome 1, paid by 2, fare 0",
    );
    for post in [&mut *exit, &mut *counter] {
        post.tick();
    }
    let said = counter.card("makeup 1 300", &mut rider);
    starts(
        &said,
        "tap outcome 1, paid by 6, fare 300, record 1\nlamp green\nsay  补登成功\n",
    );

    let now = entry.now;
    entry.tick();
    let said = entry.file("code", &folders[3], &code(5, now));
    let notice = said.lines().find(|line| line.starts_with("notice "));
    let notice = notice.expect("the entry tells the others").to_owned();
    assert_eq!(exit.event(&notice, None), "");
    assert_eq!(
        exit.event("notice 81", None),
        "notice refused: 参数值无效\n"
    );
    exit.tick();
    let said = exit.file("code", &folders[3], &code(5, exit.now));
    starts(&said, "scan outcome 1, R00, record 1\nlamp green\n");
    assert!(said.contains("车费"), "{said}");
    for mut post in posts {
        starts(&post.event("upload", None), "sent ");
        post.device.end();
    }
}

#[test]
fn a_device_in_c_serves_every_medium_and_remembers_over_night() {
    let folder = Folder::make("gate");
    if let Some(program) = build(&folder, "gate", false) {
        a_day(&program, Sanitizer::Absent);
    }
}

#[test]
fn devices_in_c_make_a_station_with_a_counter() {
    let folder = Folder::make("station");
    if let Some(program) = build(&folder, "gate", false) {
        a_station(&program, Sanitizer::Absent);
    }
}

#[test]
fn the_compilers_sanitizers_find_nothing_in_a_day_or_a_station() {
    let folder = Folder::make("sanitized");
    let Some(sanitizer) = Sanitizer::offered(&folder) else {
        return;
    };
    if sanitizer == Sanitizer::Absent {
        eprintln!("the compiler offers no sanitizers");
        return;
    }
    if let Some(program) = build(&folder, "gate", true) {
        a_day(&program, sanitizer);
        a_station(&program, sanitizer);
    }
}

#[test]
fn the_header_is_cxx_as_well_as_c() {
    let folder = Folder::make("cxx");
    let source = folder.file(
        "header.cc",
        b"#include \"tongtu_terminal.h\"\nint main() { return tt_abi() == TT_ABI ? 0 : 1; }\n",
    );
    let Some(compiler) = tool("c++") else {
        return;
    };
    for standard in ["-std=c++11", "-std=c++20"] {
        let mut command = leash(&compiler);
        command.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        command
            .arg("-fsyntax-only")
            .arg("-I")
            .arg(include())
            .arg(&source);
        let ran = run_within(LIMIT, &mut command, b"");
        assert_eq!(ran.code, 0, "{standard}: {}{}", ran.out, ran.err);
    }
}

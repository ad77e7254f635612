//! A key room whose commands are killed: each step is a process that is killed at a random moment,
//! and what the next one finds is compared with what the last one said.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tongtu_hsm::{Custody as _, SealedCustody};
use tongtu_keyring::KeyNumber;
use tongtu_keyring::code::Stage;
use tongtu_services::keyroom::{CUSTODY_FILE, key_label};
use tongtu_types::Timestamp;
use tongtu_world::Seed;
use tongtu_world::seed::Dice;

use crate::exit::Failure;
use crate::lang::both;
use crate::room::{self, Room, passphrase};

/// What the trial of a key room came to.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Trial {
    /// Commands killed.
    kills: u32,
    /// Steps that were taken.
    steps: u64,
    /// Killed while a key was in the custody, and mended.
    mended: u32,
    /// Killed, and the step was there all the same.
    done_all_the_same: u32,
    pub(super) differences: Vec<String>,
}

impl Trial {
    pub(super) const fn figures(&self) -> [u64; 4] {
        [
            self.kills as u64,
            self.steps,
            self.mended as u64,
            self.done_all_the_same as u64,
        ]
    }
}

/// Kills this many commands.
pub(super) fn trial(seed: Seed, kills: u32) -> Result<Trial, Failure> {
    let name = format!("tongtu-crash-room-{}-{}", std::process::id(), seed.0);
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).map_err(|error| fault(&error))?;
    let mut office = Office {
        folder: folder.clone(),
        dice: seed.dice("room kills"),
        now: 1_767_225_600,
        usual: Duration::from_millis(20),
        trial: Trial::default(),
    };
    let result = office.live(kills);
    let _ = std::fs::remove_dir_all(&folder);
    result?;
    Ok(office.trial)
}

fn fault(error: &dyn std::fmt::Display) -> Failure {
    Failure::fault(both("the key room's trial stopped", "密钥室试验中断")).because(error)
}

struct Office {
    folder: PathBuf,
    dice: Dice,
    now: i64,
    /// How long a command takes, about.
    usual: Duration,
    trial: Trial,
}

const NATION: [(&str, &str); 4] = [
    ("N-01", "nation-key-officer"),
    ("N-02", "nation-approver"),
    ("N-03", "nation-custodian"),
    ("N-04", "nation-custodian"),
];

impl Office {
    fn live(&mut self, kills: u32) -> Result<(), Failure> {
        self.found()?;
        let mut key = 0;
        while self.trial.kills < kills {
            key += 1;
            self.one_key(key)?;
            if key % 4 == 0 {
                self.now += 86_400;
                let before = self.open()?.log().anchors();
                self.until(&["audit", "anchor"], &[], |room| {
                    room.log().anchors() > before
                })?;
            }
        }
        let verified = self.child(&["audit", "verify", "room"]).status();
        if !verified.map_err(|error| fault(&error))?.success() {
            self.differ("the audit chain does not verify");
        }
        self.trial.steps = self.open()?.steps();
        Ok(())
    }

    /// The room, its officers and its city, with nobody killing.
    fn found(&mut self) -> Result<(), Failure> {
        let words = self.folder.join("words");
        std::fs::write(words, "a passphrase for tests\n").map_err(|error| fault(&error))?;
        let officer = |office: &Self, number: &str, role: &str, at: &str| {
            let args = [
                "key",
                "officer",
                "new",
                "--number",
                number,
                "--role",
                role,
                "--institution",
                at,
                "--passphrase",
                "words",
            ];
            office.must(&args)
        };
        for (number, role) in NATION {
            officer(self, number, role, "00000000")?;
        }
        officer(self, "P-01", "province-key-officer", "00003000")?;
        let mut args: Vec<String> = ["key", "room", "new", "--room", "room", "--now"]
            .map(String::from)
            .to_vec();
        args.push(self.now.to_string());
        args.extend(["--custody-passphrase", "words"].map(String::from));
        for (number, _) in NATION {
            for (option, value) in [
                ("--request", format!("{number}.request")),
                ("--as", format!("{number}.key")),
                ("--passphrase", String::from("words")),
            ] {
                args.extend([String::from(option), value]);
            }
        }
        let started = Instant::now();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.must(&args)?;
        self.usual = started.elapsed();
        let register = ["key", "officer", "register", "P-01.request"];
        ended(&mut self.by(&register, &["N-01", "N-02"]), &register)
    }

    /// A key from its application to its making, every command killed now and then.
    fn one_key(&mut self, number: u32) -> Result<(), Failure> {
        let key = KeyNumber::new(number).expect("counted from 1");
        let text = number.to_string();
        // Each has a slot of its own, for no slot has two keys on their way.
        let purposes = [
            "purse-purchase",
            "load",
            "unload",
            "overdraft-limit",
            "tac",
            "application-maintenance",
            "reload-pin",
            "unblock-pin",
            "external-authentication",
            "internal-authentication",
            "quick-update",
        ];
        let at = usize::try_from(number - 1).expect("a small number");
        let city = (3010 + at / purposes.len()).to_string();
        let holder = format!("0134{city}");
        if at.is_multiple_of(purposes.len()) {
            let register = ["key", "city", &city, "--province", "00003000"];
            let count = at / purposes.len();
            self.until(&register, &["N-01", "N-02"], |room| {
                room.keys().cities().iter().count() > count
            })?;
        }
        let apply = [
            "key",
            "apply",
            "--batch",
            &text,
            "--province",
            "00003000",
            "--holder",
            &holder,
            "--city",
            &city,
            "--purpose",
            purposes[at % purposes.len()],
        ];
        let stage = move |room: &Room| room.keys().key(key).map(tongtu_keyring::KeyLife::stage);
        self.until(&apply, &["P-01"], |room| stage(room).is_some())?;
        let approve = ["key", "approve", &text];
        self.until(&approve, &["N-01", "N-02"], |room| {
            stage(room) == Some(Stage::Approved)
        })?;
        let generate = ["key", "generate", &text];
        self.until(&generate, &["N-03", "N-04"], |room| {
            stage(room) == Some(Stage::Generated)
        })
    }

    /// Runs a command until it was done, killing it two times out of three.
    fn until(
        &mut self,
        args: &[&str],
        by: &[&str],
        is_done: impl Fn(&Room) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let steps = self.open()?.steps();
            let mut child = self.by(args, by);
            let is_killed = self.dice.below(3) > 0;
            let started = Instant::now();
            let mut child = child.spawn().map_err(|error| fault(&error))?;
            if is_killed {
                let most = u64::try_from(self.usual.as_micros()).unwrap_or(u64::MAX);
                wait(Duration::from_micros(self.dice.below(most.max(1))));
                let _ = child.kill();
            }
            let status = child.wait().map_err(|error| fault(&error))?;
            let is_acknowledged = status.success();
            if is_acknowledged && !is_killed {
                self.usual = (self.usual + started.elapsed()) / 2;
            }
            let was_killed = status.code().is_none();
            self.trial.kills += u32::from(was_killed);
            if !was_killed && !is_acknowledged {
                let code = status.code().unwrap_or(-1);
                return Err(fault(&format!("{args:?} ended with {code}")));
            }
            let room = self.mended()?;
            self.compare(&room)?;
            let done = is_done(&room);
            let more = room.steps() - steps;
            if is_acknowledged && !done {
                self.differ(&format!("{args:?} was acknowledged and is not there"));
            }
            if more > 2 {
                self.differ(&format!("{args:?} made {more} steps"));
            }
            if done {
                self.trial.done_all_the_same += u32::from(was_killed);
                return Ok(());
            }
        }
    }

    /// Opens the room and ends what was cut off.
    fn mended(&mut self) -> Result<Room, Failure> {
        let mut room = self.open()?;
        if room.unfinished().is_some() {
            let mut custody = self.custody(&room)?;
            let now = Timestamp::new(self.now);
            room.mend(&mut custody, now)
                .map_err(|error| fault(&error))?;
            self.trial.mended += 1;
        }
        Ok(room)
    }

    /// The custody has exactly the keys that the book says were made.
    fn compare(&mut self, room: &Room) -> Result<(), Failure> {
        let custody = self.custody(room)?;
        for life in room.keys().keys() {
            let said = life.custody().map(|custody| custody.check);
            let there = custody.check(key_label(life.number())).ok();
            if said != there.map(|info| info.check) {
                let number = life.number();
                self.differ(&format!("key {number}: the book says {said:?}"));
            }
        }
        Ok(())
    }

    fn differ(&mut self, what: &str) {
        self.trial.differences.push(what.to_owned());
    }

    fn open(&self) -> Result<Room, Failure> {
        room::open(&self.folder.join("room"))
    }

    fn custody(&self, room: &Room) -> Result<SealedCustody, Failure> {
        let words = passphrase::read(
            Some(&self.folder.join("words")),
            &both("passphrase of the custody", "密钥库口令"),
        )?;
        let protection = passphrase::protection(words, room.mark())?;
        let path = self.folder.join("room").join(CUSTODY_FILE);
        SealedCustody::open(&path, room.mark(), &protection, room::entropy())
            .map_err(|error| fault(&error))
    }

    fn by(&self, args: &[&str], by: &[&str]) -> Command {
        let mut command = self.child(args);
        command.args(["--room", "room", "--custody-passphrase", "words"]);
        command.args(["--now", &self.now.to_string()]);
        for number in by {
            command.args(["--as", &format!("{number}.key"), "--passphrase", "words"]);
        }
        command
    }

    fn must(&self, args: &[&str]) -> Result<(), Failure> {
        ended(&mut self.child(args), args)
    }

    fn child(&self, args: &[&str]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| Path::new("tongtu").into());
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kill comes at a random moment, and there is no event to wait for"
)]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

fn ended(command: &mut Command, args: &[&str]) -> Result<(), Failure> {
    let status = command.status().map_err(|error| fault(&error))?;
    if status.success() {
        Ok(())
    } else {
        Err(fault(&format!("{args:?} ended with {status}")))
    }
}

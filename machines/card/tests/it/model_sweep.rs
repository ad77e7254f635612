//! Every command of every application, right and wrong: only documented status words, no change.
//!
//! Here: all pairs of class and instruction, all P1 and P2, all lengths, over what each
//! application's command tables say. A refused command writes nothing but a counter of failures,
//! and nothing that a reader sees is different after it. Not here: what a right command does.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, ISSUER_DOMAIN, PPSE, Select, SelectFile};
use tongtu_apdu::{CardCommand, StatusRow, StatusWord};
use tongtu_card::factory::{Blueprint, Module};
use tongtu_globalplatform::chain::may_chain;
use tongtu_globalplatform::command::ManageChannel;
use tongtu_purse::command::COMMANDS;
use tongtu_purse::profile::Profile;
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::tear::Chip;

use crate::desk::application;
use crate::live::{Kept, Live, made, purse};
use crate::model_ecash::{ecash, groups};

const RIDE_CODE: Aid = Aid::new(&[0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0xF2]);

/// Changing the overdraft limit is the passbook's, not the purse's.
const PASSBOOK: &[StatusRow] = tongtu_apdu::status_rows! {
    FUNCTION_NOT_SUPPORTED => "no such function", "不支持该功能";
};

/// The commands of one application.
pub(crate) struct Application {
    pub(crate) name: &'static str,
    pub(crate) aid: Vec<u8>,
    /// Instruction and status words; an instruction may have several commands.
    pub(crate) rows: Vec<(u8, &'static [StatusRow])>,
    /// Instructions that change something when they are carried out without a key.
    pub(crate) changing: &'static [u8],
    /// Whether it is a security domain.
    is_domain: bool,
}

impl Application {
    /// Whether the status word is one of those that its tables give this command.
    pub(crate) fn is_documented(&self, command: &[u8], sw: StatusWord) -> bool {
        let ins = command[1];
        let mut rows = self.rows.iter().filter(|(own, _)| *own == ins);
        let is_family = |known: StatusWord| match sw.bytes() {
            [0x63, 0xC0..=0xCF] => known == StatusWord::AUTH_FAILED,
            [0x6C, _] => known == StatusWord::OK,
            _ => known == sw,
        };
        // Without a channel nothing protected is heard at all.
        let is_unheard =
            self.is_domain && is_protected(command[0]) && sw == StatusWord::SECURITY_STATUS;
        rows.any(|(_, rows)| rows.iter().any(|row| is_family(row.sw)))
            || of_the_card(ins).contains(&sw)
            || is_unheard
    }

    pub(crate) fn select(&self) -> Vec<u8> {
        let len = u8::try_from(self.aid.len()).expect("an AID");
        [&[0x00, 0xA4, 0x04, 0x00, len][..], &self.aid].concat()
    }
}

/// Whether a class says secure messaging.
fn is_protected(cla: u8) -> bool {
    match cla & 0x7F {
        0x00..=0x07 => cla & 0x04 != 0,
        _ => cla & 0x20 != 0,
    }
}

fn row<C: CardCommand>() -> (u8, &'static [StatusRow]) {
    (C::INS, C::STATUS)
}

pub(crate) fn applications() -> Vec<Application> {
    use tongtu_globalplatform::command as domain;
    use tongtu_identity as identity;
    use tongtu_nfc_code as code;
    vec![
        Application {
            name: "e-purse",
            aid: E_PURSE.as_bytes().to_vec(),
            rows: COMMANDS
                .iter()
                .map(|info| (info.ins, info.status))
                .chain([(0x58, PASSBOOK)])
                .collect(),
            changing: &[],
            is_domain: false,
        },
        Application {
            name: "e-cash",
            aid: E_CASH.as_bytes().to_vec(),
            rows: tongtu_ecash::command::COMMANDS
                .iter()
                .map(|info| (info.ins, info.status))
                .collect(),
            changing: &[],
            is_domain: false,
        },
        Application {
            name: "issuer domain",
            aid: ISSUER_DOMAIN.as_bytes().to_vec(),
            rows: vec![
                row::<domain::BeginRMac>(),
                row::<domain::Delete>(),
                row::<domain::EndRMac>(),
                row::<domain::ExternalAuthenticate>(),
                row::<domain::GetData>(),
                row::<domain::GetStatus>(),
                row::<domain::InitializeUpdate>(),
                row::<domain::Install>(),
                row::<domain::Load>(),
                row::<domain::PutKey>(),
                row::<domain::SetStatus>(),
                row::<domain::StoreData>(),
            ],
            changing: &[domain::InitializeUpdate::INS],
            is_domain: true,
        },
        Application {
            name: "ride code",
            aid: RIDE_CODE.as_bytes().to_vec(),
            rows: vec![
                row::<code::GetCode>(),
                row::<code::GetChallenge>(),
                row::<code::UpdateCode>(),
                row::<code::PutResult>(),
                row::<code::ReadResult>(),
            ],
            changing: &[],
            is_domain: false,
        },
        Application {
            name: "identity",
            aid: identity::IDENTITY.as_bytes().to_vec(),
            rows: vec![
                row::<identity::GenerateKeyPair>(),
                row::<identity::GetData>(),
                row::<identity::Verify>(),
                row::<identity::InternalAuthenticate>(),
            ],
            changing: &[identity::GenerateKeyPair::INS],
            is_domain: false,
        },
        Application {
            name: "directory",
            aid: PPSE.as_bytes().to_vec(),
            rows: Vec::new(),
            changing: &[],
            is_domain: false,
        },
    ]
}

/// One card with every application.
pub(crate) fn everything() -> Chip {
    let blueprint = Blueprint {
        applications: vec![
            purse(&Profile::test()),
            ecash(&groups(Algorithm::Tdes)),
            application(
                Module::RideCode,
                RIDE_CODE,
                ("CODE", 3),
                &[(tongtu_nfc_code::group::CODE, &[0x80; 300])],
            ),
            application(Module::Identity, tongtu_identity::IDENTITY, ("", 0), &[]),
            application(Module::Ppse, PPSE, ("", 0), &[]),
        ],
        ..Blueprint::default()
    };
    made(64 * 1024, &blueprint)
}

/// What an answer to SELECT, MANAGE CHANNEL and GET RESPONSE may be.
fn of_the_card(ins: u8) -> Vec<StatusWord> {
    let mut out = match ins {
        Select::INS => {
            let rows = Select::STATUS.iter().chain(SelectFile::STATUS);
            rows.map(|row| row.sw).collect()
        }
        ManageChannel::INS => ManageChannel::STATUS.iter().map(|row| row.sw).collect(),
        0xC0 => vec![StatusWord::CONDITIONS],
        _ => vec![StatusWord::INS_NOT_SUPPORTED],
    };
    out.extend([
        StatusWord::CLA_NOT_SUPPORTED,
        StatusWord::INS_NOT_SUPPORTED,
        StatusWord::CHANNEL_NOT_SUPPORTED,
    ]);
    out
}

struct Sweep {
    application: Application,
    fresh: Chip,
    before: Kept,
    live: Live,
    chip: Chip,
    sent: usize,
    counted: usize,
}

impl Sweep {
    fn of(application: Application) -> Self {
        let fresh = everything();
        let chip = fresh.copy();
        let mut sweep = Self {
            before: Live::on(&fresh).kept(),
            live: Live::on(&chip),
            application,
            fresh,
            chip,
            sent: 0,
            counted: 0,
        };
        sweep.begin();
        sweep
    }

    /// A fresh card with the application selected.
    fn begin(&mut self) {
        self.chip = self.fresh.copy();
        self.live = Live::on(&self.chip);
        self.select();
    }

    fn select(&mut self) {
        let answer = self.live.send(&self.application.select());
        assert!(answer.ends_with(&[0x90, 0x00]), "{}", self.application.name);
    }

    /// Sends a command and judges what comes back.
    fn send(&mut self, command: &[u8]) -> StatusWord {
        let answer = self.live.send(command);
        self.sent += 1;
        let what = || {
            format!(
                "{}: {} answered {}",
                self.application.name,
                tongtu_codec::hex_encode(command),
                tongtu_codec::hex_encode(&answer)
            )
        };
        let (data, sw) = answer.split_last_chunk::<2>().expect("a status word");
        let sw = StatusWord::new(u16::from_be_bytes(*sw));
        let ins = command[1];
        assert!(self.application.is_documented(command, sw), "{}", what());
        assert!(
            sw.is_ok() || sw.is_warning() || data.is_empty(),
            "{}",
            what()
        );
        assert!(!shows_a_key(data), "{}", what());
        let is_ok = sw.is_ok();
        let is_segment = is_ok && may_chain(ins) && command[2] & 0x80 != 0;
        if !self.chip.writes().is_empty() {
            let is_counter = matches!(sw.bytes(), [0x63, 0xC0..=0xCF] | [0x69, 0x88] | [0x93, _]);
            let is_change = is_ok && self.application.changing.contains(&ins);
            assert!(is_counter || is_change, "{} and wrote", what());
            if is_counter {
                self.counted += 1;
                assert_eq!(changed(&self.before, &self.live.kept()), 1, "{}", what());
            }
            self.begin();
        } else if matches!(ins, 0xA4 | 0x70) || is_segment {
            self.live.reset();
            self.select();
        }
        sw
    }
}

/// How many objects differ.
pub(crate) fn changed(before: &Kept, after: &Kept) -> usize {
    assert_eq!(before.len(), after.len());
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

/// Test keys are bytes that count up; nothing that is read may hold half of one.
fn shows_a_key(data: &[u8]) -> bool {
    data.windows(8).any(|window| {
        window
            .windows(2)
            .all(|pair| pair[0].wrapping_add(1) == pair[1])
    })
}

/// The classes that a command of any application comes in.
pub(crate) const CLASSES: [u8; 4] = [0x00, 0x04, 0x80, 0x84];

#[test]
fn all_pairs_of_class_and_instruction_get_a_documented_answer_and_change_nothing() {
    for application in applications() {
        let mut sweep = Sweep::of(application);
        for cla in 0..=255 {
            for ins in 0..=255 {
                sweep.send(&[cla, ins, 0x00, 0x00]);
                sweep.send(&[cla, ins, 0x00, 0x00, 0x04, 0, 0, 0, 0, 0x00]);
            }
        }
        assert_eq!(sweep.sent, 2 * 65_536);
    }
}

#[test]
fn all_lengths_get_a_documented_answer_and_change_nothing() {
    for application in applications() {
        let mut sweep = Sweep::of(application);
        let mut instructions: Vec<u8> = sweep.application.rows.iter().map(|row| row.0).collect();
        instructions.extend([0xA4, 0x70, 0xC0, 0x11]);
        instructions.dedup();
        let parameters = [
            [0x00, 0x00],
            [0x01, 0x00],
            [0x03, 0x00],
            [0x00, 0x01],
            [0x00, 0x02],
            [0x01, 0x02],
            [0x03, 0x02],
            [0x05, 0x02],
            [0x95, 0x00],
            [0x02, 0xD4],
            [0x01, 0xD0],
            [0x00, 0xF0],
            [0x00, 0xC8],
        ];
        for ins in instructions {
            for cla in CLASSES {
                for [p1, p2] in parameters {
                    for len in 0..=255_u8 {
                        let mut command = vec![cla, ins, p1, p2];
                        if len > 0 {
                            command.push(len);
                            command.resize(command.len() + usize::from(len), 0);
                        }
                        sweep.send(&command);
                        command.push(0x00);
                        sweep.send(&command);
                    }
                }
            }
        }
        if sweep.application.name == "e-purse" {
            assert!(sweep.counted > 100, "{}", sweep.counted);
        }
    }
}

#[test]
fn all_parameters_get_a_documented_answer_and_change_nothing() {
    for application in applications() {
        let mut sweep = Sweep::of(application);
        let mut instructions: Vec<u8> = sweep.application.rows.iter().map(|row| row.0).collect();
        instructions.extend([0xA4, 0x70, 0xC0, 0x11]);
        instructions.dedup();
        for ins in instructions {
            for cla in CLASSES {
                for p1 in 0..=255 {
                    for p2 in 0..=255 {
                        sweep.send(&[cla, ins, p1, p2, 0x00]);
                    }
                }
            }
        }
    }
}

#[test]
fn bytes_that_are_no_command_get_wrong_length_and_change_nothing() {
    for application in applications() {
        let mut sweep = Sweep::of(application);
        for command in [
            &[0x00_u8, 0xB0][..],
            &[0x00, 0xB0, 0x95],
            &[0x80, 0x50, 0x01, 0x02, 0x0B, 0x01],
            &[0x80, 0x50, 0x01, 0x02, 0x00, 0x00, 0x0B],
            &[0x00, 0xA4, 0x04, 0x00, 0x02, 0xA0, 0x00, 0x00, 0x00],
        ] {
            let answer = sweep.live.send(command);
            assert_eq!(answer, [0x67, 0x00], "{command:02X?}");
            assert!(sweep.chip.writes().is_empty());
        }
    }
}

//! What the commands of a key room have in common: the room, who signs, passphrases, outcomes.
//!
//! A step that takes two persons is taken at one console (`--as` twice), or by way of a file: the
//! first officer writes an approval with `--out`, the second adds a signature with
//! `tongtu key commit`. Passphrases come from a prompt without echo or from a file, never from the
//! command line.

pub(crate) mod credential;
pub(crate) mod custody;
pub(crate) mod passphrase;
pub(crate) mod words;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tongtu_hsm::{Component, Mark};
use tongtu_keyroom::{FolderMedium, OpenError, RoomFault, StoreError};
use tongtu_services::keyroom::{Act, Approval, Done, Hands, KeyRoom, RoomError, key_label};
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, both};
use crate::report::{Report, Tone};

use credential::Credential;
use custody::CustodyArgs;

/// A room in a folder.
pub(crate) type Room = KeyRoom<FolderMedium>;

/// Who signs, and what with.
#[derive(Debug, clap::Args)]
pub(crate) struct Signing {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    pub(crate) room: PathBuf,
    /// An officer's key file; twice where it takes two persons
    #[arg(long = "as", value_name = "FILE")]
    pub(crate) officers: Vec<PathBuf>,
    /// A file with the officer's passphrase in its first line, one for each --as; otherwise asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) custody: CustodyArgs,
    /// Do not do it: write the approval, signed so far, for another officer
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    pub(crate) now: Option<Timestamp>,
}

/// The Chinese help of [`Signing`] at each command that has it.
macro_rules! signing_help {
    ($($path:literal),* $(,)?) => {
        &[$(
            (concat!($path, "/room"), "密钥室目录"),
            (concat!($path, "/officers"), "人员密钥文件；须两人时给出两次"),
            (
                concat!($path, "/passphrase"),
                "首行为该人员口令的文件，与各 --as 依次对应；未给出则提示输入",
            ),
            (
                concat!($path, "/custody_passphrase"),
                crate::room::custody::PASSPHRASE_ZH,
            ),
            (concat!($path, "/module"), crate::room::custody::MODULE_ZH),
            (
                concat!($path, "/out"),
                "暂不办理：写出已签名的审批文件，交由另一人员",
            ),
            (concat!($path, "/now"), "时刻；默认当前时间"),
        )*]
    };
}

pub(crate) const SIGNING_HELP: &[crate::lang::Row] = signing_help![
    "key city",
    "key commit",
    "key officer register",
    "key officer rotate",
    "key officer end",
    "key officer unlock",
    "key apply",
    "key approve",
    "key reject",
    "key generate",
    "key component import",
    "key take-in",
    "key export",
    "key distribute",
    "key activate",
    "key review",
    "key suspend",
    "key resume",
    "key revoke",
    "key withdraw",
    "cert root",
    "cert retire",
    "cert draft",
    "cert renew",
    "cert apply",
    "cert approve",
    "cert refuse",
    "cert issue",
    "cert activate",
    "cert revoke",
    "cert cash apply",
    "cert cash approve",
    "cert cash issue",
    "cert cash authority",
    "cert cash revoke",
    "cert cash revocations",
];

/// An approval is good for a day unless somebody is quicker.
pub(crate) const APPROVAL_S: i64 = 86_400;

/// Opens a room.
pub(crate) fn open(folder: &Path) -> Result<Room, Failure> {
    Room::open_folder(folder).map_err(|error| failure(folder, error))
}

/// The moment of a step. In production it is the clock's: a moment that somebody types could lead a
/// room into a future from which it does not come back.
pub(crate) fn moment(room: &Room, given: Option<Timestamp>) -> Result<Timestamp, Failure> {
    if given.is_some() && room.mark() == Mark::Production {
        return Err(no_moment());
    }
    Ok(clock::now_or(given))
}

pub(crate) fn no_moment() -> Failure {
    Failure::usage(both(
        "a production key room goes by the clock: --now is for tests",
        "生产密钥室以时钟为准：--now 仅供测试",
    ))
}

/// What a room's error is to whoever asked.
pub(crate) fn failure(folder: &Path, error: RoomError) -> Failure {
    let name = folder.display();
    let what = match &error {
        RoomError::Open(OpenError::Fault(fault)) | RoomError::Store(StoreError::Fault(fault)) => {
            match fault {
                RoomFault::NoRoom => {
                    return Failure::usage(both(
                        format!("there is no key room in `{name}`"),
                        format!("`{name}` 中没有密钥室"),
                    ))
                    .hint(both(
                        "name its folder with --room, or make one with `tongtu key room new`",
                        "请用 --room 指明目录，或用 `tongtu key room new` 新建",
                    ));
                }
                RoomFault::Exists | RoomFault::InUse => {
                    let what = both(
                        format!("the key room in `{name}` cannot be opened"),
                        format!("无法打开 `{name}` 中的密钥室"),
                    );
                    return Failure::usage(what).because(fault);
                }
                RoomFault::Io { source, .. } => {
                    let what = both(
                        format!("the key room in `{name}` cannot be opened"),
                        format!("无法打开 `{name}` 中的密钥室"),
                    );
                    return Failure::usage(what).because(format!("{fault}: {source}"));
                }
                _ => both(
                    format!("the key room in `{name}` is not as it was left"),
                    format!("`{name}` 中的密钥室与留下时不一致"),
                ),
            }
        }
        RoomError::Open(_)
        | RoomError::RolledBack { .. }
        | RoomError::OtherFile { .. }
        | RoomError::Ahead { .. } => both(
            format!("the key room in `{name}` is not as it was left"),
            format!("`{name}` 中的密钥室与留下时不一致"),
        ),
        RoomError::Unfinished { .. } => {
            let what = both("the last step was cut off", "上一步骤未完成即中断");
            return Failure::refused(what).because(error).hint(both(
                "`tongtu key room mend` ends it",
                "用 `tongtu key room mend` 收尾",
            ));
        }
        RoomError::OtherKey { .. } => both("refused", "拒绝办理"),
        RoomError::Custody(fault) => {
            let what = both("the custody refuses", "密钥库拒绝");
            return Failure::refused(what).because(fault);
        }
        other if other.is_refusal() => both("refused", "拒绝办理"),
        _ => {
            return Failure::fault(both("the step failed", "办理失败")).because(error);
        }
    };
    Failure::refused(what).because(error)
}

/// The system's randomness. Without it no key may be made, so there is no going on.
pub(crate) fn entropy() -> impl FnMut(&mut [u8]) + Send + 'static {
    |out: &mut [u8]| getrandom::fill(out).expect("the system gives randomness")
}

/// What was done, in JSON.
#[derive(Serialize)]
pub(crate) struct Told {
    /// `done`, or `approval` where a file was written.
    outcome: &'static str,
    /// The act as it was signed.
    act: String,
    /// Whose signatures it has.
    by: Vec<String>,
    keys: Vec<u32>,
    certificate: Option<u32>,
    entry: Option<u32>,
    check: Option<String>,
    /// The file that was written.
    file: Option<PathBuf>,
}

/// What an act is given besides.
#[derive(Default)]
pub(crate) struct Brought {
    pub(crate) components: Vec<Component>,
    pub(crate) container: Option<Vec<u8>>,
    /// Where a container goes that comes of it.
    pub(crate) container_out: Option<PathBuf>,
}

/// Signs an act with everybody who is there, and carries it out or writes the approval.
pub(crate) fn act(
    act: Act,
    signing: &Signing,
    brought: Brought,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let mut room = open(&signing.room)?;
    let now = moment(&room, signing.now)?;
    let approval = room.propose(act, now.plus_s(APPROVAL_S));
    let approval = sign(&mut room, approval, signing, now)?;
    finish(room, approval, signing, brought, report)
}

/// Makes a folder and founds something in it.
pub(crate) fn in_new_folder<T>(
    folder: &Path,
    found: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    std::fs::create_dir(folder).map_err(|error| {
        let name = folder.display();
        Failure::usage(both(
            format!("cannot make the folder `{name}`"),
            format!("无法建立目录 `{name}`"),
        ))
        .because(error)
    })?;
    found().inspect_err(|_| {
        // Nobody founded it; what is there would only stand in the way.
        let _ = std::fs::remove_dir_all(folder);
    })
}

/// Adds the signatures of everybody who is there.
pub(crate) fn sign(
    room: &mut Room,
    mut approval: Approval,
    signing: &Signing,
    now: Timestamp,
) -> Result<Approval, Failure> {
    passphrase::of_officers(&signing.passphrase, &signing.officers)?;
    for (at, path) in signing.officers.iter().enumerate() {
        let of_file = signing.passphrase.get(at).map(PathBuf::as_path);
        let officer = credential::officer_of(room, path)?;
        // Before anything is tried: in a wait, nothing of what is typed is looked at.
        let waits = room.officers().admit_passphrase(&officer, now);
        waits.map_err(|refusal| failure(&signing.room, refusal.into()))?;
        let act = shorten(&approval.act.to_string());
        let what = (Some(&*act), room.mark());
        let mut credential = match Credential::open(path, of_file, what) {
            Ok(credential) => credential,
            Err(credential::Closed::Passphrase(failure)) => {
                // Counted against the officer; after too many there is a wait.
                let counted = room.report_passphrase(&officer, now);
                counted.map_err(|error| self::failure(&signing.room, error))?;
                return Err(failure);
            }
            Err(credential::Closed::Other(failure)) => return Err(failure),
        };
        credential.sign(&mut approval, officer)?;
    }
    Ok(approval)
}

/// Writes an approval, or carries it out.
pub(crate) fn finish(
    mut room: Room,
    approval: Approval,
    signing: &Signing,
    brought: Brought,
    report: &mut Report,
) -> Result<Exit, Failure> {
    if let Some(path) = &signing.out {
        write_new(path, approval.text().as_bytes())?;
        return tell(&approval, &Done::default(), Some(path.clone()), report);
    }
    let now = moment(&room, signing.now)?;
    let needed = approval.act.needs_custody();
    let mut custody = None;
    if needed {
        custody = Some(custody::open(&room, &signing.room, &signing.custody)?);
    }
    if let Some(path) = &brought.container_out
        && path.symlink_metadata().is_ok()
    {
        return Err(is_there(path));
    }
    let hands = Hands {
        custody: custody.as_mut().map(|custody| &mut **custody as _),
        components: brought.components,
        container: brought.container,
    };
    let done = room.carry_out(&approval, hands, now);
    let done = done.map_err(|error| failure(&signing.room, error))?;
    let mut file = None;
    if let (Some(path), Some(container)) = (&brought.container_out, &done.container) {
        write_new(path, container)?;
        file = Some(path.clone());
    }
    tell(&approval, &done, file, report)
}

fn tell(
    approval: &Approval,
    done: &Done,
    file: Option<PathBuf>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let lang = report.lang();
    let is_done = file.is_none() || done.container.is_some();
    let told = Told {
        outcome: if is_done { "done" } else { "approval" },
        act: approval.act.to_string(),
        by: approval
            .by
            .iter()
            .map(|(officer, _)| officer.to_string())
            .collect(),
        keys: done.keys.iter().map(|key| key.get()).collect(),
        certificate: done.certificate,
        entry: done.entry,
        check: done.check.map(|check| check.to_string()),
        file,
    };
    if report.json() {
        report.value(&told)?;
        return Ok(Exit::Done);
    }
    let line = match (lang, is_done) {
        (Lang::En, true) => format!("done: {}", shorten(&told.act)),
        (Lang::Zh, true) => format!("已办理：{}", shorten(&told.act)),
        (Lang::En, false) => format!("approval: {}", shorten(&told.act)),
        (Lang::Zh, false) => format!("审批：{}", shorten(&told.act)),
    };
    report.toned(Tone::Good, &line)?;
    for officer in &told.by {
        report.line(&match lang {
            Lang::En => format!("  by {officer}"),
            Lang::Zh => format!("  签名人 {officer}"),
        })?;
    }
    for key in &done.keys {
        report.line(&match lang {
            Lang::En => format!("  key {key}, in the custody {}", key_label(*key)),
            Lang::Zh => format!("  密钥 {key}，密钥库标签 {}", key_label(*key)),
        })?;
    }
    if let Some(number) = told.certificate {
        report.line(&match lang {
            Lang::En => format!("  certificate {number}"),
            Lang::Zh => format!("  证书 {number}"),
        })?;
    }
    if let Some(entry) = told.entry {
        report.line(&match lang {
            Lang::En => format!("  officer's entry {entry}"),
            Lang::Zh => format!("  人员登记号 {entry}"),
        })?;
    }
    if let Some(check) = &told.check {
        report.line(&match lang {
            Lang::En => format!("  check value {check}"),
            Lang::Zh => format!("  校验值 {check}"),
        })?;
    }
    if let Some(path) = &told.file {
        let name = path.display();
        report.line(&match lang {
            Lang::En => format!("  written to {name}"),
            Lang::Zh => format!("  写入 {name}"),
        })?;
    }
    Ok(Exit::Done)
}

/// An act on one line: what is long in it is for programs.
pub(crate) fn shorten(act: &str) -> String {
    match act.char_indices().nth(100) {
        None => act.to_owned(),
        Some((at, _)) => format!("{}…", &act[..at]),
    }
}

/// Reads an approval.
pub(crate) fn read_approval(path: &Path) -> Result<Approval, Failure> {
    let text = crate::input::read_text(path)?;
    Approval::parse(&text).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no approval"),
            format!("`{name}` 不是审批文件"),
        ))
        .because(error)
    })
}

/// Writes a file where none is yet, for its owner alone.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(path);
    let written = made.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return is_there(path);
        }
        let name = path.display();
        Failure::usage(both(
            format!("cannot write `{name}`"),
            format!("无法写入 `{name}`"),
        ))
        .because(error)
    })
}

pub(crate) fn is_there(path: &Path) -> Failure {
    let name = path.display();
    Failure::usage(both(
        format!("`{name}` is there already and is not overwritten"),
        format!("`{name}` 已存在，不会覆盖"),
    ))
}

/// The stable word of a mark.
pub(crate) const fn mark_word(mark: Mark) -> &'static str {
    match mark {
        Mark::Test => "test",
        Mark::Production => "production",
    }
}

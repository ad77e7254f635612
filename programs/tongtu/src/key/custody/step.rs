//! What two custodians do in a holder's custody.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tongtu_audit::Anchor;
use tongtu_crypto::PublicKey;
use tongtu_hsm::Mark;
use tongtu_keyring::code::Role;
use tongtu_keyring::{Extract, KeyNumber, Officer};
use tongtu_keyroom::{FolderMedium, Head, OpenError};
use tongtu_services::keyroom::{
    Custodian, Hands, Holding, HoldingAct, HoldingApproval, HoldingError, Orders, RoomError,
};
use tongtu_types::{InstitutionCode, Timestamp};

use super::{
    CentreArgs, CommitArgs, ComponentArgs, DestroyArgs, EndArgs, EnterArgs, NewArgs, OpenArgs,
    Signing, TakeInArgs, UnlockArgs, show,
};
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::step::components;
use crate::lang::{Lang, both};
use crate::report::{Report, Tone};
use crate::room::credential::{Closed, Credential, Request, public_of, read_request};
use crate::room::{self, custody, mark_word, passphrase};

/// A holder's custody in a folder.
pub(super) type Folder = Holding<FolderMedium>;

pub(super) fn open(folder: &Path) -> Result<Folder, Failure> {
    Holding::open_folder(folder).map_err(|error| failure(folder, error))
}

/// What an error of a holder's custody is to whoever asked.
pub(super) fn failure(folder: &Path, error: HoldingError) -> Failure {
    let name = folder.display();
    match error {
        HoldingError::Room(RoomError::Unfinished { .. }) => {
            let what = both("the last step was cut off", "上一步骤未完成即中断");
            Failure::refused(what).because(error).hint(both(
                "`tongtu key custody mend` ends it",
                "用 `tongtu key custody mend` 收尾",
            ))
        }
        HoldingError::Room(RoomError::Extract(fault)) => {
            Failure::refused(both("the extract does not hold", "摘录不成立")).because(fault)
        }
        HoldingError::Room(error) => room::failure(folder, error),
        HoldingError::Open(OpenError::Fault(fault)) => {
            room::failure(folder, RoomError::from(fault))
        }
        HoldingError::Open(_) => Failure::refused(both(
            format!("the custody in `{name}` is not as it was left"),
            format!("`{name}` 中的密钥库与留下时不一致"),
        ))
        .because(error),
        other => Failure::refused(both("refused", "拒绝办理")).because(other),
    }
}

fn moment(mark: Mark, given: Option<Timestamp>) -> Result<Timestamp, Failure> {
    if given.is_some() && mark == Mark::Production {
        return Err(room::no_moment());
    }
    Ok(clock::now_or(given))
}

/// Two requests of custodians of one institution.
fn founders(args: &NewArgs) -> Result<(InstitutionCode, [Custodian; 2]), Failure> {
    let (2, 2) = (args.requests.len(), args.officers.len()) else {
        return Err(Failure::usage(both(
            "a custody has two founders: two --request and two --as",
            "密钥库由两名保管员新建：须给出两个 --request 与两个 --as",
        )));
    };
    let mut founders = Vec::new();
    for (request, key) in args.requests.iter().zip(&args.officers) {
        let request = custodian_of(request, None)?;
        if public_of(key)? != request.public_key {
            let name = key.display();
            return Err(Failure::usage(both(
                format!("`{name}` is not the key of the request at its place"),
                format!("`{name}` 与对应的登记申请不符"),
            )));
        }
        founders.push(request);
    }
    let institution = founders[0].officer.institution;
    if founders[1].officer.institution != institution {
        return Err(Failure::usage(both(
            "the two custodians are of two institutions",
            "两名保管员不属于同一机构",
        )));
    }
    Ok((
        institution,
        [custodian(&founders[0]), custodian(&founders[1])],
    ))
}

const fn custodian(request: &Request) -> Custodian {
    Custodian {
        number: request.officer.number,
        public_key: request.public_key,
    }
}

/// The request of a custodian of a holder.
fn custodian_of(path: &Path, of: Option<InstitutionCode>) -> Result<Request, Failure> {
    let request = read_request(path)?;
    let Officer {
        role, institution, ..
    } = request.officer;
    if role == Role::HolderCustodian && of.is_none_or(|of| of == institution) {
        return Ok(request);
    }
    let name = path.display();
    Err(Failure::usage(both(
        format!("`{name}` is no request of a custodian of this holder"),
        format!("`{name}` 不是本持有机构保管员的登记申请"),
    ))
    .hint(both(
        "`tongtu key officer new --role holder-custodian` makes one",
        "用 `tongtu key officer new --role holder-custodian` 生成",
    )))
}

pub(super) fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    if args.production && args.now.is_some() {
        return Err(room::no_moment());
    }
    let (institution, custodians) = founders(args)?;
    let mark = room::in_new_folder(&args.dir, || found(args, institution, custodians))?;
    if !report.json() {
        let (name, lang) = (args.dir.display(), report.lang());
        report.toned(
            Tone::Good,
            &match lang {
                Lang::En => format!("founded the {} custody in {name}", mark_word(mark)),
                Lang::Zh => {
                    let mark = crate::key::room::mark_zh(mark);
                    format!("已在 {name} 新建密钥库（{mark}）")
                }
            },
        )?;
    }
    show::run(&args.dir, None, report)
}

/// Makes the custody, and takes the first step.
fn found(
    args: &NewArgs,
    institution: InstitutionCode,
    custodians: [Custodian; 2],
) -> Result<Mark, Failure> {
    let mark = if args.production {
        Mark::Production
    } else {
        Mark::Test
    };
    let now = moment(mark, args.now)?;
    let mut id = [0; 16];
    room::entropy()(&mut id);
    let token = args.founding.token(&id)?;
    let head = Head {
        room: id,
        mark,
        device: args.device.to_string(),
        token: token.as_ref().map(custody::place_of).transpose()?,
    };
    let failed = |error| failure(&args.dir, error);
    let mut holding = Holding::make_folder(&args.dir, head).map_err(failed)?;
    let act = HoldingAct::Found {
        institution,
        centre: args.centre.to_compressed(),
        custodians,
    };
    let mut approval = holding.propose(act, now.plus_s(room::APPROVAL_S));
    for (at, custodian) in custodians.iter().enumerate() {
        let of_file = args.passphrase.get(at).map(PathBuf::as_path);
        let what = (Some("custody.found"), mark);
        let opened = Credential::open(&args.officers[at], of_file, what);
        let mut credential = opened.map_err(|closed| match closed {
            Closed::Passphrase(failure) | Closed::Other(failure) => failure,
        })?;
        credential.sign_for_custody(&mut approval, custodian.officer(institution))?;
    }
    let mut custody = args.founding.make(&args.dir, mark, token)?;
    let orders = Orders {
        hands: Hands {
            custody: Some(&mut *custody),
            ..Hands::default()
        },
        extract: None,
    };
    holding.carry_out(&approval, orders, now).map_err(failed)?;
    Ok(mark)
}

/// What an act is given besides.
#[derive(Default)]
struct Brought<'a> {
    component: &'a [PathBuf],
    container: Option<&'a Path>,
    /// The extract as it was signed.
    extract: Option<Vec<u8>>,
}

/// An extract that this custody's key centre signed.
pub(super) fn read_book(
    holding: &Folder,
    folder: &Path,
    path: &Path,
) -> Result<(Extract, Vec<u8>), Failure> {
    let bytes = input::read_file(path)?;
    let extract = holding.extract(&bytes).map_err(|error| {
        let name = path.display();
        failure(folder, error).hint(both(
            format!("`{name}` must be signed by the key centre that `key custody show` names"),
            format!("`{name}` 须由 `key custody show` 所示的密钥中心签名"),
        ))
    })?;
    Ok((extract, bytes))
}

/// An act on a key by the book: reads the book, lets custodians sign, and does it.
fn of_book(
    (book, signing): (&Path, &Signing),
    act: impl FnOnce(&Extract) -> Result<HoldingAct, Failure>,
    brought: Brought<'_>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let holding = open(&signing.dir)?;
    let (extract, bytes) = read_book(&holding, &signing.dir, book)?;
    let brought = Brought {
        extract: Some(bytes),
        ..brought
    };
    carry(holding, act(&extract)?, signing, brought, report)
}

pub(super) fn component(args: &ComponentArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (key, check) = (args.key, args.check);
    let brought = Brought {
        component: &args.component,
        ..Brought::default()
    };
    let act = |extract: &Extract| {
        let book = extract.made_at();
        Ok(HoldingAct::Component { key, check, book })
    };
    of_book((&args.book, &args.signing), act, brought, report)
}

pub(super) fn take_in(args: &TakeInArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (key, transport) = (args.key, args.transport);
    let brought = Brought {
        container: Some(&args.container),
        ..Brought::default()
    };
    // Whoever signs sees the check value that the book has.
    let act = |extract: &Extract| {
        let custody = extract.book().key(key).and_then(|life| life.custody());
        let check = custody.ok_or_else(|| not_made(key))?.check;
        Ok(HoldingAct::TakeIn {
            key,
            transport,
            check,
            book: extract.made_at(),
        })
    };
    of_book((&args.book, &args.signing), act, brought, report)
}

fn not_made(key: KeyNumber) -> Failure {
    Failure::refused(both(
        format!("by this extract key {key} is not made yet"),
        format!("该摘录中密钥 {key} 尚未生成"),
    ))
}

pub(super) fn destroy(args: &DestroyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let key = args.key;
    let act = |extract: &Extract| {
        let book = extract.made_at();
        Ok(HoldingAct::Destroy { key, book })
    };
    let brought = Brought::default();
    of_book((&args.book, &args.signing), act, brought, report)
}

pub(super) fn enter(args: &EnterArgs, report: &mut Report) -> Result<Exit, Failure> {
    let holding = open(&args.signing.dir)?;
    let request = custodian_of(&args.request, holding.institution())?;
    let act = HoldingAct::Enter(custodian(&request));
    carry(holding, act, &args.signing, Brought::default(), report)
}

pub(super) fn end(args: &EndArgs, report: &mut Report) -> Result<Exit, Failure> {
    let holding = open(&args.signing.dir)?;
    let act = HoldingAct::End(args.number);
    carry(holding, act, &args.signing, Brought::default(), report)
}

pub(super) fn unlock(args: &UnlockArgs, report: &mut Report) -> Result<Exit, Failure> {
    let holding = open(&args.signing.dir)?;
    let act = HoldingAct::Unlock(args.number);
    carry(holding, act, &args.signing, Brought::default(), report)
}

pub(super) fn centre(args: &CentreArgs, report: &mut Report) -> Result<Exit, Failure> {
    let holding = open(&args.signing.dir)?;
    let centre: &PublicKey = &args.centre;
    let act = HoldingAct::Centre(centre.to_compressed());
    carry(holding, act, &args.signing, Brought::default(), report)
}

/// An approval that one custodian wrote: the other signs, and it is done.
pub(super) fn commit(args: &CommitArgs, report: &mut Report) -> Result<Exit, Failure> {
    let text = input::read_text(&args.approval)?;
    let approval = HoldingApproval::parse(&text).map_err(|error| {
        let name = args.approval.display();
        Failure::usage(both(
            format!("`{name}` is no approval of a custody"),
            format!("`{name}` 不是密钥库的审批文件"),
        ))
        .because(error)
    })?;
    let holding = open(&args.signing.dir)?;
    let extract = match &args.book {
        Some(path) => Some(read_book(&holding, &args.signing.dir, path)?.1),
        None => None,
    };
    let brought = Brought {
        component: &args.component,
        container: args.container.as_deref(),
        extract,
    };
    finish(holding, approval, &args.signing, brought, report)
}

fn carry(
    holding: Folder,
    act: HoldingAct,
    signing: &Signing,
    brought: Brought<'_>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let now = moment(holding.mark(), signing.now)?;
    let approval = holding.propose(act, now.plus_s(room::APPROVAL_S));
    finish(holding, approval, signing, brought, report)
}

/// Adds the signatures of everybody who is there, and carries it out or writes the approval.
fn finish(
    mut holding: Folder,
    approval: HoldingApproval,
    signing: &Signing,
    brought: Brought<'_>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let now = moment(holding.mark(), signing.now)?;
    let approval = sign(&mut holding, approval, signing, now)?;
    if let Some(path) = &signing.out {
        room::write_new(path, approval.text().as_bytes())?;
        return tell(&holding, &approval, Some(path), report);
    }
    let mut hands = Hands::default();
    match &approval.act {
        HoldingAct::Component { .. } => hands.components = components(brought.component)?,
        HoldingAct::TakeIn { .. } => {
            let path = brought.container.ok_or_else(|| {
                Failure::usage(both(
                    "name the container with --container",
                    "请用 --container 指明密钥容器",
                ))
            })?;
            hands.container = Some(input::read_file(path)?);
        }
        _ => {}
    }
    let mut opened = None;
    if approval.act.key().is_some() {
        let head = holding.head().clone();
        opened = Some(custody::open_of(&head, &signing.dir, &signing.custody)?);
    }
    hands.custody = opened.as_mut().map(|custody| &mut **custody as _);
    let orders = Orders {
        hands,
        extract: brought.extract.as_deref(),
    };
    let done = holding.carry_out(&approval, orders, now);
    done.map_err(|error| failure(&signing.dir, error))?;
    tell(&holding, &approval, None, report)
}

fn sign(
    holding: &mut Folder,
    mut approval: HoldingApproval,
    signing: &Signing,
    now: Timestamp,
) -> Result<HoldingApproval, Failure> {
    passphrase::of_officers(&signing.passphrase, &signing.officers)?;
    for (at, path) in signing.officers.iter().enumerate() {
        let of_file = signing.passphrase.get(at).map(PathBuf::as_path);
        let public = public_of(path)?;
        let mut custodians = holding.custodians().iter();
        let custodian = custodians.find(|custodian| custodian.public_key == public);
        let institution = holding.institution();
        let officer = custodian.zip(institution).map(|(c, at)| c.officer(at));
        let officer = officer.ok_or_else(|| {
            let name = path.display();
            Failure::refused(both(
                format!("`{name}` is the key of no custodian of this custody"),
                format!("`{name}` 不是本密钥库保管员的密钥"),
            ))
        })?;
        // Before anything is tried: in a wait, nothing of what is typed is looked at.
        let waits = holding.admit_passphrase(&officer, now);
        waits.map_err(|refusal| failure(&signing.dir, refusal.into()))?;
        let act = room::shorten(&approval.act.to_string());
        let what = (Some(&*act), holding.mark());
        let mut credential = match Credential::open(path, of_file, what) {
            Ok(credential) => credential,
            Err(Closed::Passphrase(closed)) => {
                // Counted against the custodian; after too many there is a wait.
                let kept = holding.report_passphrase(&officer, now);
                kept.map_err(|error| failure(&signing.dir, error))?;
                return Err(closed);
            }
            Err(Closed::Other(failure)) => return Err(failure),
        };
        credential.sign_for_custody(&mut approval, officer)?;
    }
    Ok(approval)
}

/// What was done, in JSON.
#[derive(Serialize)]
struct Told<'a> {
    /// `done`, or `approval` where a file was written.
    outcome: &'static str,
    act: String,
    by: Vec<String>,
    key: Option<u32>,
    /// The custody's name in the key book, for `key distribute`.
    device: &'a str,
    /// The check value of the key that came in.
    check: Option<String>,
    /// The file that was written.
    file: Option<&'a Path>,
}

fn tell(
    holding: &Folder,
    approval: &HoldingApproval,
    file: Option<&Path>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let check = match &approval.act {
        HoldingAct::Component { check, .. } | HoldingAct::TakeIn { check, .. } => Some(check),
        _ => None,
    };
    let told = Told {
        outcome: if file.is_none() { "done" } else { "approval" },
        act: approval.act.to_string(),
        by: approval
            .by
            .iter()
            .map(|(officer, _)| officer.to_string())
            .collect(),
        key: approval.act.key().map(KeyNumber::get),
        device: &holding.head().device,
        check: check.map(ToString::to_string),
        file,
    };
    if report.json() {
        report.value(&told)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let act = room::shorten(&told.act);
    report.toned(
        Tone::Good,
        &match (lang, file.is_none()) {
            (Lang::En, true) => format!("done: {act}"),
            (Lang::Zh, true) => format!("已办理：{act}"),
            (Lang::En, false) => format!("approval: {act}"),
            (Lang::Zh, false) => format!("审批：{act}"),
        },
    )?;
    for officer in &told.by {
        report.line(&match lang {
            Lang::En => format!("  by {officer}"),
            Lang::Zh => format!("  签名人 {officer}"),
        })?;
    }
    if let (Some(check), None) = (&told.check, file) {
        let device = told.device;
        report.line(&match lang {
            Lang::En => format!("  in {device}, check value {check}, as the key book has it"),
            Lang::Zh => format!("  载体 {device}，校验值 {check}，与密钥簿一致"),
        })?;
    }
    if let Some(path) = file {
        let name = path.display();
        report.line(&match lang {
            Lang::En => format!("  written to {name}"),
            Lang::Zh => format!("  写入 {name}"),
        })?;
    }
    Ok(Exit::Done)
}

/// An anchor, in JSON.
#[derive(Serialize)]
struct Anchored {
    number: u32,
    day: String,
    lines: u64,
}

pub(super) fn anchor(args: &OpenArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut holding = open(&args.dir)?;
    let now = moment(holding.mark(), args.now)?;
    let mut custody = custody::open_of(holding.head(), &args.dir, &args.custody)?;
    let anchors = holding.anchor(&mut *custody, now);
    let anchors = anchors.map_err(|error| failure(&args.dir, error))?;
    let form = |anchor: &Anchor| Anchored {
        number: anchor.number,
        day: anchor.day.compact(),
        lines: anchor.count,
    };
    let forms: Vec<Anchored> = anchors.iter().map(form).collect();
    if report.json() {
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    if forms.is_empty() {
        report.say(&both(
            "every day that is over has its anchor",
            "已结束的日期均已锚定",
        ))?;
    }
    for Anchored { number, day, lines } in &forms {
        report.line(&match report.lang() {
            Lang::En => format!("anchor {number}: {day}, {lines} lines"),
            Lang::Zh => format!("锚 {number}：{day}，{lines} 行"),
        })?;
    }
    Ok(Exit::Done)
}

pub(super) fn mend(args: &OpenArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut holding = open(&args.dir)?;
    let mut custody = custody::open_of(holding.head(), &args.dir, &args.custody)?;
    let now = moment(holding.mark(), args.now)?;
    holding
        .mend(&mut *custody, now)
        .map_err(|error| failure(&args.dir, error))?;
    drop(holding);
    show::run(&args.dir, None, report)
}

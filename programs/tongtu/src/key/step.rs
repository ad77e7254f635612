//! `tongtu key …`: the steps of keys in the key book, each by its officers.

use std::path::PathBuf;

use tongtu_hsm::Component;
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose};
use tongtu_keyring::{Application, ApplicationLine, Check, Custody, DeviceName, KeyNumber, Slot};
use tongtu_services::keyroom::{Act, Source};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use super::component;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Row, both};
use crate::report::Report;
use crate::room::{self, Brought, Signing, words};

pub(crate) const HELP: &[Row] = &[
    ("key city", "城市登记至其省（国家密钥管理员与审批员）"),
    ("key city/city", "城市代码，4 位；0000 为国家自身"),
    ("key city/province", "省级机构代码，8 位"),
    (
        "key city#examples",
        "示例：
  tongtu key city 3010 --province 00003000 --as N-01.key --as N-02.key",
    ),
    ("key commit", "办理审批文件：可再签名，须满足人数后生效"),
    ("key commit/approval", "以 --out 写出的审批文件"),
    ("key commit/component", "密钥分量文件，按分量导入时"),
    (
        "key commit/container",
        "导出时写入、接收时读取的密钥容器；或电子现金认证中心写出的文件",
    ),
    (
        "key commit#examples",
        "示例：
  tongtu key approve 7 --as N-01.key --out approve-7.approval
  tongtu key commit approve-7.approval --as N-02.key

审批文件是可阅读的文本；簿中其后有任何变化，或超过一日，即失效。",
    ),
    ("key apply", "省级机构为城市申请密钥（省级密钥管理员）"),
    ("key apply/batch", "申请批次号，不重复"),
    ("key apply/province", "申请的省级机构，8 位"),
    ("key apply/holder", "持有机构，8 位"),
    ("key apply/city", "城市代码，4 位"),
    ("key apply/purpose", "用途；多个用途各得一把密钥"),
    ("key apply/algorithm", "算法"),
    ("key apply/index", "密钥索引"),
    ("key apply/from", "生效时间；默认为办理时刻"),
    ("key apply/days", "有效天数，至多十年"),
    (
        "key apply#examples",
        "示例：
  tongtu key apply --batch 1 --province 00003000 --holder 01343010 --city 3010 \\
      --purpose purse-purchase --purpose load --as P-01.key",
    ),
    ("key approve", "批准申请（国家密钥管理员与审批员）"),
    ("key approve/key", "密钥编号"),
    (
        "key approve#examples",
        "示例：
  tongtu key approve 7 --as N-01.key --as N-02.key",
    ),
    ("key reject", "不批准申请（国家审批员）"),
    ("key reject/key", "密钥编号"),
    ("key reject/cause", "原因"),
    (
        "key reject#examples",
        "示例：
  tongtu key reject 7 --as N-02.key",
    ),
    (
        "key generate",
        "在密钥库中生成密钥（国家两名保管员，未参与批准）",
    ),
    ("key generate/key", "密钥编号"),
    (
        "key generate/derived",
        "由此国家密钥（同用途、同算法）按持有机构标识分散得出，而不取随机数",
    ),
    (
        "key generate#examples",
        "示例：
  tongtu key generate 7 --as N-03.key --as N-04.key
  tongtu key generate 8 --derived 2 --as N-03.key --as N-04.key",
    ),
    ("key take-in", "从密钥容器接收密钥（国家两名保管员）"),
    ("key take-in/key", "密钥编号"),
    ("key take-in/container", "密钥容器文件"),
    ("key take-in/transport", "传输密钥编号"),
    (
        "key take-in#examples",
        "示例：
  tongtu key take-in 7 --container key-7.container --transport 3 --as N-03.key --as N-04.key",
    ),
    ("key export", "以传输密钥将密钥导出为容器（国家两名保管员）"),
    ("key export/key", "密钥编号"),
    ("key export/transport", "传输密钥编号"),
    ("key export/container", "写入的密钥容器文件"),
    (
        "key export#examples",
        "示例：
  tongtu key export 7 --transport 3 --container key-7.container --as N-03.key --as N-04.key",
    ),
    (
        "key distribute",
        "登记已送达持有机构（省级密钥管理员与持有机构保管员）",
    ),
    ("key distribute/key", "密钥编号"),
    ("key distribute/device", "持有机构载体编号"),
    ("key distribute/kind", "载体类型"),
    (
        "key distribute/check",
        "载体中该密钥的校验值，须与生成时一致",
    ),
    (
        "key distribute#examples",
        "示例：
  tongtu key distribute 7 --device HSM-C --check 01A2B3 --as P-01.key --as H-01.key",
    ),
    ("key activate", "启用密钥（持有机构两名保管员）"),
    ("key activate/key", "密钥编号"),
    ("key activate/overlap", "前一版本并行受理的天数"),
    (
        "key activate#examples",
        "示例：
  tongtu key activate 7 --as H-01.key --as H-02.key",
    ),
    ("key review", "主管部门核查违规使用，密钥继续使用（监管员）"),
    ("key review/key", "密钥编号"),
    (
        "key review#examples",
        "示例：
  tongtu key review 7 --as S-01.key",
    ),
    ("key suspend", "暂停密钥（监管员）"),
    ("key suspend/key", "密钥编号"),
    ("key suspend/cause", "原因"),
    (
        "key suspend#examples",
        "示例：
  tongtu key suspend 7 --cause misuse --as S-01.key",
    ),
    ("key resume", "恢复密钥（两名监管员）"),
    ("key resume/key", "密钥编号"),
    (
        "key resume#examples",
        "示例：
  tongtu key resume 7 --as S-01.key --as S-02.key",
    ),
    ("key revoke", "撤销密钥（两名监管员）"),
    ("key revoke/key", "密钥编号"),
    ("key revoke/cause", "原因"),
    (
        "key revoke#examples",
        "示例：
  tongtu key revoke 7 --cause compromise --as S-01.key --as S-02.key",
    ),
    (
        "key withdraw",
        "清理收回长期未使用的密钥（省级密钥管理员与审批员）",
    ),
    ("key withdraw/key", "密钥编号"),
    (
        "key withdraw#examples",
        "示例：
  tongtu key withdraw 7 --as P-01.key --as P-02.key",
    ),
];

#[derive(Debug, clap::Args)]
pub(crate) struct CityArgs {
    /// The city, 4 digits; 0000 is the nation's own
    #[arg(value_name = "CITY")]
    city: CityCode,
    /// Its province, 8 digits
    #[arg(long, value_name = "ID")]
    province: InstitutionCode,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// The approval, as --out wrote it
    #[arg(value_name = "FILE")]
    approval: PathBuf,
    /// A component's file, for a key of components
    #[arg(long, value_name = "FILE")]
    component: Vec<PathBuf>,
    /// The container: written when a key is exported, read when one is taken in; or the paper that the
    /// e-cash authority writes
    #[arg(long, value_name = "FILE")]
    container: Option<PathBuf>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// The application's number, used once
    #[arg(long, value_name = "N")]
    batch: u32,
    /// The province that applies, 8 digits
    #[arg(long, value_name = "ID")]
    province: InstitutionCode,
    /// The institution that will hold the keys, 8 digits
    #[arg(long, value_name = "ID")]
    holder: InstitutionCode,
    /// The city, 4 digits
    #[arg(long, value_name = "CITY")]
    city: CityCode,
    /// What for; each purpose gets a key of its own
    #[arg(long, value_name = "PURPOSE", value_parser = words::purpose, required = true)]
    purpose: Vec<Purpose>,
    /// The algorithm
    #[arg(long, value_name = "NAME", value_parser = words::algorithm, default_value = "sm4")]
    algorithm: KeyAlgorithm,
    /// Key index
    #[arg(long, value_name = "N", default_value_t = 1)]
    index: u8,
    /// First moment of the term; by default the moment of the application
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    /// For how many days, ten years at most
    #[arg(long, value_name = "N", default_value_t = 1826, value_parser = clap::value_parser!(u16).range(1..=3653))]
    days: u16,
    #[command(flatten)]
    signing: Signing,
}

/// A step that needs no more than the key's number.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// Derive it from this key of the nation's, of the same purpose and algorithm, by the holder's
    /// identifier; without it, it is of fresh randomness
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    derived: Option<KeyNumber>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CauseArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause)]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RejectArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause, default_value = "application-not-in-order")]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TakeInArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The container
    #[arg(long, value_name = "FILE")]
    container: PathBuf,
    /// The transport key's number
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    transport: KeyNumber,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The transport key's number
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    transport: KeyNumber,
    /// The container that is written
    #[arg(long, value_name = "FILE")]
    container: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DistributeArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The holder's device
    #[arg(long, value_name = "NAME", value_parser = words::device)]
    device: DeviceName,
    /// The kind of device
    #[arg(long, value_name = "KIND", value_parser = words::custody, default_value = "hsm")]
    kind: CustodyKind,
    /// The key's check value there, which must be that of the key that was made
    #[arg(long, value_name = "HEX", value_parser = words::check)]
    check: Check,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ActivateArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// Days for which the version before is still accepted
    #[arg(long, value_name = "N", default_value_t = 15)]
    overlap: u16,
    #[command(flatten)]
    signing: Signing,
}

/// Carries an act out that brings nothing.
pub(crate) fn plain(act: Act, signing: &Signing, report: &mut Report) -> Result<Exit, Failure> {
    room::act(act, signing, Brought::default(), report)
}

pub(crate) fn of_key(
    act: impl FnOnce(KeyNumber) -> Act,
    args: &KeyArgs,
    report: &mut Report,
) -> Result<Exit, Failure> {
    plain(act(args.key), &args.signing, report)
}

pub(crate) fn of_cause(
    act: impl FnOnce(KeyNumber, Cause) -> Act,
    args: &CauseArgs,
    report: &mut Report,
) -> Result<Exit, Failure> {
    plain(act(args.key, args.cause), &args.signing, report)
}

pub(crate) fn generate(args: &GenerateArgs, report: &mut Report) -> Result<Exit, Failure> {
    let key = args.key;
    let source = args.derived.map_or(Source::Fresh, Source::Derived);
    plain(Act::Generate { key, source }, &args.signing, report)
}

pub(crate) fn reject(args: &RejectArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (key, cause) = (args.key, args.cause);
    plain(Act::Reject { key, cause }, &args.signing, report)
}

pub(crate) fn city(args: &CityArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (city, province) = (args.city, args.province);
    plain(Act::RegisterCity { city, province }, &args.signing, report)
}

pub(crate) fn apply(args: &ApplyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let from = args.from.unwrap_or_else(|| clock::now_or(args.signing.now));
    let lines = args.purpose.iter().map(|purpose| ApplicationLine {
        holder: args.holder,
        slot: Slot {
            city: args.city,
            purpose: *purpose,
            algorithm: args.algorithm,
        },
        index: args.index,
        from,
        until: from.plus_s(i64::from(args.days) * 86_400),
    });
    let act = Act::Apply(Application {
        batch: args.batch,
        province: args.province,
        lines: lines.collect(),
    });
    plain(act, &args.signing, report)
}

pub(crate) fn activate(args: &ActivateArgs, report: &mut Report) -> Result<Exit, Failure> {
    let act = Act::Activate {
        key: args.key,
        overlap_days: args.overlap,
    };
    plain(act, &args.signing, report)
}

pub(crate) fn distribute(args: &DistributeArgs, report: &mut Report) -> Result<Exit, Failure> {
    let act = Act::Distribute {
        key: args.key,
        custody: Custody {
            kind: args.kind,
            device: args.device,
            check: args.check,
        },
    };
    plain(act, &args.signing, report)
}

pub(crate) fn export(args: &ExportArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (key, transport) = (args.key, args.transport);
    let brought = Brought {
        container_out: Some(args.container.clone()),
        ..Brought::default()
    };
    room::act(
        Act::Export { key, transport },
        &args.signing,
        brought,
        report,
    )
}

pub(crate) fn take_in(args: &TakeInArgs, report: &mut Report) -> Result<Exit, Failure> {
    let act = Act::Generate {
        key: args.key,
        source: Source::Container(args.transport),
    };
    let brought = Brought {
        container: Some(input::read_file(&args.container)?),
        ..Brought::default()
    };
    room::act(act, &args.signing, brought, report)
}

/// An approval that somebody wrote: further signatures, then done or written again.
pub(crate) fn commit(args: &CommitArgs, report: &mut Report) -> Result<Exit, Failure> {
    let approval = room::read_approval(&args.approval)?;
    let mut room = room::open(&args.signing.room)?;
    let now = room::moment(&room, args.signing.now)?;
    let approval = room::sign(&mut room, approval, &args.signing, now)?;
    let mut brought = Brought::default();
    let is_written = args.signing.out.is_some();
    match (&approval.act, &args.container) {
        (Act::SignRegister { .. }, _) if !is_written => {
            return Err(Failure::usage(both(
                "a register is signed with its text by `tongtu register commit`",
                "机构登记须连同其文本以 `tongtu register commit` 签发",
            )));
        }
        _ if is_written => {}
        (
            Act::Export { .. }
            | Act::ApplyCash { .. }
            | Act::IssueCash { .. }
            | Act::PublishAuthority { .. }
            | Act::ListCash { .. },
            path,
        ) => brought.container_out = Some(path.clone().ok_or_else(wants_container)?),
        (
            Act::Generate {
                source: Source::Container(_),
                ..
            },
            path,
        ) => {
            let path = path.as_ref().ok_or_else(wants_container)?;
            brought.container = Some(input::read_file(path)?);
        }
        (
            Act::Generate {
                source: Source::Components(_),
                ..
            },
            _,
        ) => brought.components = components(&args.component)?,
        _ => {}
    }
    room::finish(room, approval, &args.signing, brought, report)
}

fn wants_container() -> Failure {
    Failure::usage(both(
        "name the container or paper with --container",
        "请用 --container 指明密钥容器或文件",
    ))
}

pub(crate) fn components(paths: &[PathBuf]) -> Result<Vec<Component>, Failure> {
    if paths.is_empty() {
        return component::typed();
    }
    paths.iter().map(|path| component::read(path)).collect()
}

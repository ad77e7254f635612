//! `tongtu card perso`: a purse on a test card, as a personalisation centre does it.

mod store;
mod wish;

use std::path::PathBuf;

use serde::Serialize;
use tongtu_apdu::CardCommand as _;
use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, Select};
use tongtu_ecash::test_card;
use tongtu_purse::fci::Fci;
use tongtu_purse::profile::Profile;
use tongtu_reader::{CardChannel, Direct};

pub(super) use self::store::Book;
pub(super) use self::wish::bytes;
use self::wish::{aid, wished};
use super::factory;
use super::management::{self, DataGroup, Management, Opener, Secrecy};
use super::place::{Place, no_card};
use super::virtual_card::FileCard;
use crate::exit::{Exit, Failure};
use crate::lang::{Both, Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    (
        "card perso",
        "个人化测试卡：经安全通道装入电子钱包及其数据与测试密钥",
    ),
    (
        "card perso/file",
        "TOML 文件，字段与选项同名；选项优先于文件",
    ),
    ("card perso/profile", "卡型：电子钱包的算法与密钥索引"),
    (
        "card perso/style",
        "仿照某些城市的卡：FCI 形式、余额查询方式等",
    ),
    ("card perso/number", "卡号，19 位"),
    ("card perso/issuer", "发卡机构标识，8 字节十六进制"),
    ("card perso/city", "城市代码，4 位"),
    ("card perso/kind", "卡种类型，两位十六进制"),
    ("card perso/starts", "启用日期 YYYYMMDD"),
    ("card perso/expires", "有效日期 YYYYMMDD"),
    ("card perso/pin", "密码，4 至 12 位"),
    ("card perso/overdraft", "透支限额（元）"),
    ("card perso/balance_max", "余额上限（元）"),
    (
        "card perso/cash",
        "同时装入电子现金（一致性用例的卡，余额 100.00）",
    ),
    (
        "card perso/cash_number",
        "电子现金的卡号，须与 --store 同用，以证书的卡号前缀开头；默认为一致性用例的卡号",
    ),
    (
        "card perso/cash_certificate",
        "密钥库中发卡行密钥的公钥证书；默认由公开的测试认证中心签发",
    ),
    ("card perso/cash_authority", "该证书的认证中心公钥"),
    (
        "card perso/store",
        "测试密钥库：全部密钥由其中的发卡机构主密钥分散，并在库内为卡片加密；默认为公开的测试密钥",
    ),
    (
        "card perso/book",
        "由该密钥库制成的卡的登记簿；默认为密钥库文件名加 `.cards`",
    ),
    ("card perso/passphrase_file", "第一行为密钥库口令的文件"),
    ("card perso/master_version", "密钥库中主密钥的版本"),
    ("card perso/replace", "先删除卡上已有的应用"),
    (
        "card perso/gp_key",
        "主安全域密钥，16 字节十六进制；默认为公开的测试密钥",
    ),
    (
        "card perso/load_file",
        "电子钱包所在的装载文件 AID（十六进制）",
    ),
    ("card perso/module", "电子钱包的模块 AID（十六进制）"),
    ("card perso/state", "虚拟卡的文件，不存在时新制空白卡"),
    (
        "card perso/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "card perso#examples",
        "示例：
  tongtu card perso --state wang.card --number 3104899999900000025 --city 2410
  tongtu card perso --file student.toml --reader ACS --replace
  tongtu card perso --state sh.card --style shanghai --issuer 02002900FFFFFFFF --city 2900

依次：选择主安全域，SCP02 或 SCP03 建立通道，INSTALL [for install]，
INSTALL [for personalization]，STORE DATA。密钥是公开的测试密钥，仅供测试。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card perso --state wang.card --number 3104899999900000025 --city 2410
  tongtu card perso --file student.toml --reader ACS --replace
  tongtu card perso --state sh.card --style shanghai --issuer 02002900FFFFFFFF --city 2900

In order: the issuer domain, a channel by SCP02 or SCP03, INSTALL [for install], INSTALL [for
personalization], STORE DATA. The keys are the published test keys: for trying things out.")]
pub(crate) struct Args {
    /// A TOML file with fields of the options' names; options win over it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What kind of purse: its algorithms and key indexes
    #[arg(long, value_name = "NAME", value_enum)]
    profile: Option<factory::Profile>,
    /// Like the cards of some cities: form of the FCI, balances, and so on
    #[arg(long, value_name = "NAME")]
    style: Option<String>,
    /// Card number, 19 digits
    #[arg(long, value_name = "DIGITS")]
    number: Option<String>,
    /// Issuer identifier, 8 bytes in hex
    #[arg(long, value_name = "HEX")]
    issuer: Option<String>,
    /// City code, 4 digits
    #[arg(long, value_name = "CODE")]
    city: Option<String>,
    /// Card kind, two digits of hex
    #[arg(long, value_name = "HEX")]
    kind: Option<String>,
    /// First day, YYYYMMDD
    #[arg(long, value_name = "DATE")]
    starts: Option<String>,
    /// Last day, YYYYMMDD
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// The PIN, 4 to 12 digits
    #[arg(long, value_name = "DIGITS")]
    pin: Option<wish::PinText>,
    /// Overdraft limit in yuan
    #[arg(long, value_name = "YUAN")]
    overdraft: Option<String>,
    /// Highest balance in yuan
    #[arg(long, value_name = "YUAN")]
    balance_max: Option<String>,
    /// An e-cash too: that of the conformance cases, 100.00 on it
    #[arg(long)]
    cash: bool,
    /// Card number of the e-cash, with --store; by default that of the conformance cases
    #[arg(long, value_name = "DIGITS", requires_all = ["cash", "store"])]
    cash_number: Option<String>,
    /// Certificate of the issuer's e-cash key in the store; by default the published test authority
    /// makes one
    #[arg(long, value_name = "FILE", requires_all = ["cash", "store", "cash_authority"])]
    cash_certificate: Option<PathBuf>,
    /// The public key of the authority that signed it
    #[arg(long, value_name = "FILE", requires = "cash_certificate")]
    cash_authority: Option<PathBuf>,
    /// A TEST key store: all keys come from the issuer's masters there, enciphered for the card there;
    /// by default they are the published test keys
    #[arg(long, value_name = "FILE", conflicts_with = "gp_key")]
    store: Option<PathBuf>,
    /// The book of cards that were made of the store; by default the store's name with `.cards`
    #[arg(long, value_name = "FILE", requires = "store")]
    book: Option<PathBuf>,
    /// A file whose first line is the store's passphrase
    #[arg(long, value_name = "FILE", default_value = "test.passphrase")]
    passphrase_file: PathBuf,
    /// Version of the masters in the store
    #[arg(long, value_name = "N", default_value_t = 1)]
    master_version: u8,
    /// Take what is there already off the card first
    #[arg(long)]
    replace: bool,
    /// Key of the issuer domain, 16 bytes in hex; by default the published test key
    #[arg(long, value_name = "HEX", default_value = management::TEST_KEY, hide_default_value = true)]
    gp_key: String,
    /// AID of the load file that holds the purse, in hex
    #[arg(long, value_name = "AID", default_value = "A0000006320101")]
    load_file: String,
    /// AID of the purse's module, in hex
    #[arg(long, value_name = "AID", default_value = "A000000632010105")]
    module: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Answer {
    /// Always true: the keys are published.
    test: bool,
    channel: String,
    applications: Vec<String>,
    groups: usize,
    number: String,
    /// Whether the card manager got the card's own keys in this run.
    own_keys: bool,
    /// Whether an earlier run was cut off.
    resumed: bool,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let (profile, purse) = wished(args)?;
    let key = bytes::<16>("gp-key", &args.gp_key)?;
    let load_file = aid("load-file", &args.load_file)?;
    let module = aid("module", &args.module)?;
    // Before a card is touched.
    let mut store = args.kept(&purse)?;
    if args.cash && args.cash_certificate.is_none() {
        report.note(&both(
            "the e-cash is certified by the published TEST authority",
            "电子现金由公开的测试认证中心认证",
        ));
    }
    let mut card = open(args, report)?;
    let mut steps = Steps { report };
    let opener = match &store {
        Some(store) => Opener::Kept(&store.custody, store.manager),
        None => Opener::Key(&key),
    };
    let mut domain = Management::open(&mut *card, opener)?;
    let mut applications = vec![Wanted {
        module,
        instance: purse.aid,
        label: b"MOT_T_EP",
        priority: 2,
        groups: match (&store, domain.session()) {
            (Some(store), Some(session)) => store.purse_groups(&purse, session)?,
            _ => purse_groups(&purse),
        },
    }];
    if args.cash {
        applications.push(Wanted {
            module: E_CASH,
            instance: E_CASH,
            label: b"MOT_T_CASH",
            priority: 1,
            groups: match (&mut store, domain.session()) {
                (Some(store), Some(session)) => store.cash_groups(&purse, profile, session)?,
                _ => cash_groups(profile)?,
            },
        });
    }
    // The book has the numbers before the card may have them.
    let resumed = match &mut store {
        Some(store) => store.begin(domain.chip)?,
        None => false,
    };
    if resumed {
        steps.say(&both(
            "this card was begun before: going on with it",
            "该卡此前已开始个人化：继续",
        ))?;
    }
    let channel = domain.protocol.clone();
    steps.say(&both(
        format!("channel open: {channel}"),
        format!("安全通道已建立：{channel}"),
    ))?;
    for wanted in &applications {
        personalise(
            &mut domain,
            load_file,
            wanted,
            args.replace || resumed,
            &mut steps,
        )?;
    }
    let chip = domain.chip;
    let mut own_keys = false;
    if let Some(store) = &store {
        own_keys = domain.take_own_keys(&store.custody, &store.manager)?;
        if own_keys {
            steps.say(&both(
                "the card manager has the card's own keys, check values compared",
                "卡管理密钥已换成本卡密钥，校验值一致",
            ))?;
        }
    }
    drop(domain);
    let number = found(&mut *card)?;
    if let Some(store) = &mut store {
        store.made(chip)?;
    }
    if steps.report.json() {
        steps.report.value(&Answer {
            test: true,
            channel,
            applications: applications
                .iter()
                .map(|wanted| wanted.instance.to_string())
                .collect(),
            groups: applications.iter().map(|wanted| wanted.groups.len()).sum(),
            number,
            own_keys,
            resumed,
        })?;
        return Ok(Exit::Done);
    }
    let line = match steps.report.lang() {
        Lang::En => format!("TEST card {number} is personalised"),
        Lang::Zh => format!("测试卡 {number} 已个人化"),
    };
    steps.report.toned(Tone::Good, &line)?;
    Ok(Exit::Done)
}

/// An application that the card is to have.
struct Wanted {
    module: Aid,
    instance: Aid,
    label: &'static [u8],
    priority: u8,
    groups: Vec<DataGroup>,
}

fn purse_groups(purse: &Profile) -> Vec<DataGroup> {
    let groups = purse.groups().into_iter();
    groups
        .map(|group| DataGroup {
            id: group.id,
            secrecy: Secrecy::of(group.is_secret()),
            value: group.value,
        })
        .collect()
}

/// The groups of the test e-cash; those of 8xxx hold keys.
fn cash_groups(profile: factory::Profile) -> Result<Vec<DataGroup>, Failure> {
    let mut fault = None;
    let groups = test_card::groups(profile.algorithm(), &mut |out: &mut [u8]| {
        if let Err(error) = getrandom::fill(out) {
            fault = Some(error);
        }
    });
    match fault {
        Some(error) => Err(Failure::fault(both(
            "the system gives no randomness",
            "系统无法提供随机数",
        ))
        .because(error)),
        None => Ok(groups
            .into_iter()
            .map(|group| DataGroup {
                id: group.id,
                secrecy: Secrecy::of((0x8000..0x9000).contains(&group.id)),
                value: group.value,
            })
            .collect()),
    }
}

/// Installs an application and hands it its data.
fn personalise(
    domain: &mut Management<'_>,
    load_file: Aid,
    wanted: &Wanted,
    replace: bool,
    steps: &mut Steps<'_>,
) -> Result<(), Failure> {
    let &Wanted {
        module,
        instance,
        label,
        priority,
        ref groups,
    } = wanted;
    if !domain.install(load_file, module, instance, label, priority)? {
        if !replace {
            return Err(Failure::refused(both(
                format!("the card has an application {instance} already"),
                format!("卡上已有应用 {instance}"),
            ))
            .hint(both(
                "--replace takes it off first, with everything in it",
                "--replace 会先删除它及其全部数据",
            )));
        }
        domain.delete(instance)?;
        steps.say(&both(
            format!("{instance} deleted"),
            format!("已删除 {instance}"),
        ))?;
        if !domain.install(load_file, module, instance, label, priority)? {
            return Err(Failure::fault(both(
                "the name is still taken",
                "该名称仍被占用",
            )));
        }
    }
    steps.say(&both(
        format!("{instance} installed"),
        format!("已安装 {instance}"),
    ))?;
    domain.personalise(instance)?;
    let bar = indicatif::ProgressBar::new(0);
    if steps.report.json() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let blocks = domain.store(groups, &mut |count| {
        bar.set_length(count);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    steps.say(&both(
        format!("{} data groups stored in {blocks} blocks", groups.len()),
        format!("已存入 {} 个数据分组，共 {blocks} 块", groups.len()),
    ))
}

struct Steps<'a> {
    report: &'a mut Report,
}

impl Steps<'_> {
    fn say(&mut self, step: &Both) -> Result<(), Failure> {
        if self.report.json() {
            return Ok(());
        }
        self.report.say(step)?;
        self.report.flush()
    }
}

/// The card: in a reader, in a file, or a blank one in a new file.
fn open(args: &Args, report: &Report) -> Result<Box<dyn CardChannel>, Failure> {
    let Some(path) = args.place.state.as_ref().filter(|path| !path.exists()) else {
        return args.place.open();
    };
    let profile = args.profile.unwrap_or(factory::Profile::Default);
    let card = FileCard::make_blank(path, profile)?;
    report.note(&both(
        format!("made a blank TEST card in {}", path.display()),
        format!("已新制空白测试卡 {}", path.display()),
    ));
    Ok(Box::new(
        Direct::power_up(card).map_err(|error| no_card(&error))?,
    ))
}

/// Selects the purse as a terminal would and says whose it is.
fn found(card: &mut dyn CardChannel) -> Result<String, Failure> {
    card.reset().map_err(|error| no_card(&error))?;
    let select = Select::by_name(E_PURSE.as_bytes()).to_command();
    let apdu = select.encode().expect("a name is short");
    let answer = card.transmit(&apdu).map_err(|error| no_card(&error))?;
    let fci = answer.split_last_chunk::<2>().map(|(fci, _)| fci);
    let public = fci
        .and_then(|fci| Fci::parse(fci).ok())
        .and_then(|fci| fci.public_info());
    let number = public.and_then(|public| public.serial.card_number());
    number.map(|number| number.to_string()).ok_or_else(|| {
        Failure::fault(both(
            "the purse does not answer as it was personalised",
            "电子钱包的应答与个人化数据不符",
        ))
    })
}

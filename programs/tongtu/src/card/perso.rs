//! `tongtu card perso`: a purse on a test card, as a personalisation centre does it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tongtu_apdu::CardCommand as _;
use tongtu_apdu::select::{Aid, E_PURSE, Select};
use tongtu_codec::hex_decode;
use tongtu_purse::command::Pin;
use tongtu_purse::fci::Fci;
use tongtu_purse::field::{Amount, CardKind, City, Date, Institution, Limit, Serial};
use tongtu_purse::profile::{Profile, STYLES};
use tongtu_reader::{CardChannel, Direct};
use tongtu_types::{BusinessDay, CardNumber, Fen};

use super::factory;
use super::management::{self, DataGroup, Management};
use super::place::{Place, no_card};
use super::virtual_card::FileCard;
use crate::exit::{Exit, Failure};
use crate::input;
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
    ("card perso/pin", "密码，2 至 12 位"),
    ("card perso/overdraft", "透支限额（元）"),
    ("card perso/balance_max", "余额上限（元）"),
    ("card perso/replace", "先删除卡上已有的电子钱包"),
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
    /// The PIN, 2 to 12 digits
    #[arg(long, value_name = "DIGITS")]
    pin: Option<String>,
    /// Overdraft limit in yuan
    #[arg(long, value_name = "YUAN")]
    overdraft: Option<String>,
    /// Highest balance in yuan
    #[arg(long, value_name = "YUAN")]
    balance_max: Option<String>,
    /// Take the purse that is there off the card first
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

/// What a file may say; the names are those of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Wishes {
    profile: Option<String>,
    style: Option<String>,
    number: Option<String>,
    issuer: Option<String>,
    city: Option<String>,
    kind: Option<String>,
    starts: Option<String>,
    expires: Option<String>,
    pin: Option<String>,
    overdraft: Option<String>,
    balance_max: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    /// Always true: the keys are published.
    test: bool,
    channel: String,
    application: String,
    groups: usize,
    number: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let purse = wished(args)?;
    let key = bytes::<16>("gp-key", &args.gp_key)?;
    let (load_file, module) = (
        aid("load-file", &args.load_file)?,
        aid("module", &args.module)?,
    );
    let mut card = open(args, report)?;
    let mut steps = Steps { report };
    let mut domain = Management::open(&mut *card, &key)?;
    let channel = domain.protocol.clone();
    steps.say(&both(
        format!("channel open: {channel}"),
        format!("安全通道已建立：{channel}"),
    ))?;
    let instance = purse.aid;
    let label = b"MOT_T_EP";
    if !domain.install(load_file, module, instance, label, 2)? {
        if !args.replace {
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
        if !domain.install(load_file, module, instance, label, 2)? {
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
    let groups: Vec<DataGroup> = purse
        .groups()
        .into_iter()
        .map(|group| DataGroup {
            id: group.id,
            is_secret: group.is_secret(),
            value: group.value,
        })
        .collect();
    let bar = indicatif::ProgressBar::new(0);
    if steps.report.json() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let blocks = domain.store(&groups, &mut |count| {
        bar.set_length(count);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    steps.say(&both(
        format!("{} data groups stored in {blocks} blocks", groups.len()),
        format!("已存入 {} 个数据分组，共 {blocks} 块", groups.len()),
    ))?;
    drop(domain);
    let number = found(&mut *card)?;
    if steps.report.json() {
        steps.report.value(&Answer {
            test: true,
            channel,
            application: instance.to_string(),
            groups: groups.len(),
            number,
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

/// The purse that options and file ask for.
fn wished(args: &Args) -> Result<Profile, Failure> {
    let file = match &args.file {
        Some(path) => read(path)?,
        None => Wishes::default(),
    };
    let profile = match (args.profile, &file.profile) {
        (Some(profile), _) => profile,
        (None, Some(name)) => <factory::Profile as clap::ValueEnum>::from_str(name, true)
            .map_err(|_| wrong("profile", name, "the name of a profile"))?,
        (None, None) => factory::Profile::Default,
    };
    let mut purse = profile.purse();
    let choose = |option: &Option<String>, file: Option<String>| option.clone().or(file);
    if let Some(name) = choose(&args.style, file.style) {
        let style = STYLES.iter().find(|style| style.name == name);
        let names: Vec<_> = STYLES.iter().map(|style| style.name).collect();
        let style = style.ok_or_else(|| wrong("style", &name, &names.join(", ")))?;
        purse = purse.styled(style);
    }
    if let Some(text) = choose(&args.number, file.number) {
        let number: CardNumber = text
            .parse()
            .map_err(|_| wrong("number", &text, "up to 19 digits"))?;
        if text.len() > 19 {
            return Err(wrong("number", &text, "up to 19 digits"));
        }
        purse.public.serial = Serial::of(&number);
    }
    if let Some(text) = choose(&args.issuer, file.issuer) {
        purse.public.issuer = Institution(bytes("issuer", &text)?);
    }
    if let Some(text) = choose(&args.city, file.city) {
        let city: [u8; 2] = bytes("city", &text)?;
        purse.transit.city = City(city);
        let [province, _] = city;
        purse.transit.province = City([province, 0]);
    }
    if let Some(text) = choose(&args.kind, file.kind) {
        let [kind] = bytes("kind", &text)?;
        purse.transit.kind = CardKind(kind);
    }
    if let Some(text) = choose(&args.starts, file.starts) {
        purse.public.starts = date("starts", &text)?;
    }
    if let Some(text) = choose(&args.expires, file.expires) {
        purse.public.expires = date("expires", &text)?;
    }
    if let Some(text) = choose(&args.pin, file.pin) {
        // The PIN itself is not repeated.
        let pin = Pin::from_digits(&text).map_err(|_| wrong("pin", "…", "2 to 12 digits"))?;
        purse.pin = Some(pin);
    }
    let yuan = |name, text: &String| input::amount(text).map_err(|why| wrong(name, text, &why));
    if let Some(text) = choose(&args.overdraft, file.overdraft) {
        let limit = yuan("overdraft", &text)?;
        let limit = u32::try_from(limit.get()).ok().and_then(Limit::new);
        purse.settings.overdraft =
            limit.ok_or_else(|| wrong("overdraft", &text, "0 to 167772.15 yuan"))?;
    }
    if let Some(text) = choose(&args.balance_max, file.balance_max) {
        let max: Fen = yuan("balance-max", &text)?;
        purse.settings.balance_max = Amount::from_fen(max)
            .ok_or_else(|| wrong("balance-max", &text, "an amount that is not negative"))?;
    }
    Ok(purse)
}

fn read(path: &std::path::Path) -> Result<Wishes, Failure> {
    let text = input::read_text(path)?;
    toml::from_str(&text).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` does not say what to personalise"),
            format!("`{name}` 不是个人化设置"),
        ))
        .because(error.message())
        .hint(both(
            "its fields are named like the options, such as number = \"3104899999900000025\"",
            "字段与选项同名，例如 number = \"3104899999900000025\"",
        ))
    })
}

fn wrong(name: &str, found: &str, expected: &str) -> Failure {
    Failure::usage(both(
        format!("invalid {name} `{found}`, expected {expected}"),
        format!("{name} 的值 `{found}` 无效，应为 {expected}"),
    ))
}

fn bytes<const N: usize>(name: &str, text: &str) -> Result<[u8; N], Failure> {
    let bytes = hex_decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    // A key is not repeated.
    let shown = if name == "gp-key" { "…" } else { text };
    bytes.ok_or_else(|| wrong(name, shown, &format!("{} hex digits", N * 2)))
}

fn aid(name: &str, text: &str) -> Result<Aid, Failure> {
    let bytes = hex_decode(text).ok();
    let aid = bytes.and_then(|bytes| Aid::parse(&bytes).ok());
    aid.ok_or_else(|| wrong(name, text, "10 to 32 hex digits"))
}

fn date(name: &str, text: &str) -> Result<Date, Failure> {
    let day = BusinessDay::parse_compact(text);
    day.map(Date::of).map_err(|_| wrong(name, text, "YYYYMMDD"))
}

//! `tongtu code issue`: a user certificate and the code of this moment.
//!
//! Makes what an issuer's platform and a rider's phone make together, from key files or from the
//! published test keys. It keeps nothing: no account, no balance, no list of what was issued.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::SecretKey;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::produce::ProduceError;
use tongtu_ride_code::{RideCode, UserCertificate, UserTerms};
use tongtu_symbol::{
    Background, Display, Modules, QrEncoder, SymbolEncoder as _, render_png, render_svg,
    render_text,
};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::file::{self, Role};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::{clock, test_chain};

pub(crate) const HELP: &[Row] = &[
    ("code issue", "签发乘车码：用户证书与此刻的码"),
    (
        "code issue/test",
        "使用公开的测试密钥（仅供测试，毫无效力）",
    ),
    ("code issue/root", "根证书文件；给出时先核对发行机构证书"),
    (
        "code issue/issuer_cert",
        "发行机构证书文件（117 字节或其十六进制）",
    ),
    (
        "code issue/issuer_key",
        "发行机构的测试密钥文件（tongtu key 生成）；节点由其密钥库签发",
    ),
    (
        "code issue/user_cert",
        "节点签发的用户证书：文件，或其十六进制；不再自行签发",
    ),
    (
        "code issue/user_key",
        "用户的测试密钥文件（tongtu key 生成）",
    ),
    (
        "code issue/account",
        "用户账户号，1 到 20 位数字；与 --test 同用时默认为测试账户",
    ),
    ("code issue/limit", "单次消费金额上限（元）"),
    ("code issue/validity", "每个码的有效秒数；终端最多接受 1200"),
    (
        "code issue/expires",
        "用户证书的过期时刻：Unix 秒或带时区的时间",
    ),
    (
        "code issue/lifetime",
        "用户证书自此刻起的有效秒数（默认 604800，即七天）",
    ),
    (
        "code issue/now",
        "码的生成时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "code issue/extension",
        "发行方扩展信息，0 到 32 字节的十六进制",
    ),
    (
        "code issue/issuer_data",
        "发行方自定义数据，至多 16 个可打印字符",
    ),
    ("code issue/account_type", "用户账户类型，0 到 255"),
    (
        "code issue/out",
        "写入文件：.png、.svg 为二维码图片，.bin 为原始字节",
    ),
    ("code issue/text", "在终端里画出二维码"),
    ("code issue/background", "终端的底色，供 --text 使用"),
    (
        "code issue/size_mm",
        "二维码边长（毫米），20 到 40，不含空白边",
    ),
    ("code issue/level", "纠错等级"),
    (
        "code issue#examples",
        "示例：
  tongtu code issue --test                                 输出十六进制
  tongtu code issue --test --out ride.png --size-mm 40
  tongtu code issue --test --text                          在终端里画出
  tongtu code issue --issuer-cert 013410000000011230.IG02 --issuer-key issuer-01341000-000001.key \\
      --user-key user.key --account 3104100000000000017 --limit 20 --out ride.bin

密钥与证书由 `tongtu key` 生成。--out 会覆盖已有的图片或字节文件。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu code issue --test                                 hex on stdout
  tongtu code issue --test --out ride.png --size-mm 40
  tongtu code issue --test --text                          drawn in the terminal window
  tongtu code issue --issuer-cert 013410000000011230.IG02 --issuer-key issuer-01341000-000001.key \\
      --user-key user.key --account 3104100000000000017 --limit 20 --out ride.bin

`tongtu key` makes keys and certificates. --out overwrites an image or a file of bytes.")]
pub(crate) struct Args {
    /// Use the published TEST keys: for trying things out, worth nothing
    #[arg(long, conflicts_with_all = ["root", "issuer_cert", "issuer_key", "user_key"])]
    test: bool,
    /// A root certificate; if given, the issuer certificate is checked against it first
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The issuer's certificate (117 bytes, or their hex)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["test", "user_cert"])]
    issuer_cert: Option<PathBuf>,
    /// The issuer's TEST key, as `tongtu key` wrote it; a node's issuer signs with its custody
    #[arg(long, value_name = "FILE", required_unless_present_any = ["test", "user_cert"])]
    issuer_key: Option<PathBuf>,
    /// A user certificate that a node issued: a file, or its hex; nothing is issued here then
    #[arg(long, value_name = "CERT", conflicts_with_all = ["test", "root", "issuer_cert", "issuer_key", "account", "expires", "lifetime"])]
    user_cert: Option<String>,
    /// The user's TEST key, as `tongtu key` wrote it
    #[arg(long, value_name = "FILE", required_unless_present = "test")]
    user_key: Option<PathBuf>,
    /// The user account number, 1 to 20 digits; with --test the test account by default
    #[arg(long, value_name = "DIGITS", required_unless_present_any = ["test", "user_cert"])]
    account: Option<CardNumber>,
    /// The single-ride limit in yuan
    #[arg(long, value_name = "YUAN", default_value = "20.00", value_parser = input::amount)]
    limit: Fen,
    /// Seconds for which each code is valid; terminals accept up to 1200
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    validity: u16,
    /// When the user certificate expires: Unix seconds or a time with its zone
    #[arg(long, value_name = "T", value_parser = clock::moment, conflicts_with = "lifetime")]
    expires: Option<Timestamp>,
    /// Seconds from now until the user certificate expires (604800, seven days, if not given)
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<u32>,
    /// When the code is made: Unix seconds or a time with its zone; by default the system clock
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
    /// The issuer's extension, 0 to 32 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = extension, default_value = "", hide_default_value = true)]
    extension: Extension,
    /// Issuer-defined data, up to 16 printable characters
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    issuer_data: String,
    /// Account type, 0 to 255
    #[arg(long, value_name = "N", default_value = "0")]
    account_type: u8,
    /// Write a file: .png and .svg are a QR symbol, .bin the raw bytes
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the QR symbol in the terminal window
    #[arg(long)]
    text: bool,
    /// What the terminal window looks like, for --text
    #[arg(long, value_name = "GROUND", value_enum, default_value = "dark")]
    background: Ground,
    /// Side of the symbol in millimetres, 20 to 40, without its light border
    #[arg(long, value_name = "MM", default_value = "30")]
    size_mm: u32,
    /// Error correction level
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        ignore_case = true,
        default_value = "L"
    )]
    level: Level,
}

/// The bytes of an extension, as one value of the command line.
#[derive(Debug, Clone)]
struct Extension(Vec<u8>);

fn extension(text: &str) -> Result<Extension, String> {
    let bytes = hex_decode(text).map_err(|error| error.to_string())?;
    if bytes.len() > 32 {
        return Err(format!("{} bytes, expected 0 to 32", bytes.len()));
    }
    Ok(Extension(bytes))
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ground {
    Dark,
    Light,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    #[value(name = "L")]
    L,
    #[value(name = "M")]
    M,
}

impl Level {
    const fn encoder(self) -> QrEncoder {
        match self {
            Self::L => QrEncoder::L,
            Self::M => QrEncoder::M,
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    hex: String,
    length: usize,
    sm3: String,
    generated_at: i64,
    valid_until: i64,
    certificate_expires: i64,
    symbol: SymbolForm,
    /// The file written, or `null`.
    file: Option<&'a Path>,
    /// Whether the published test keys were used.
    test: bool,
}

#[derive(Serialize)]
struct SymbolForm {
    version: u8,
    level: String,
    modules: usize,
    size_mm: u32,
}

/// What a file's ending asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Svg,
    Bin,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            Some("bin") => Ok(Self::Bin),
            _ => Err(Failure::usage(both(
                format!("`{}` does not say what to write", path.display()),
                format!("从文件名 `{}` 看不出要写什么", path.display()),
            ))
            .hint(both(
                "end the name in .png, .svg or .bin",
                "文件名请以 .png、.svg 或 .bin 结尾",
            ))),
        }
    }
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let format = args.out.as_deref().map(Format::of).transpose()?;
    let display = Display::new(args.size_mm).map_err(|error| {
        Failure::usage(both(
            "the symbol cannot have this size",
            "二维码不能是这个尺寸",
        ))
        .because(error)
    })?;
    let now = clock::now_or(args.now);
    let (certificate, code) = match &args.user_cert {
        Some(given) => draw(given, args, now)?,
        None => issue(args, &Keys::of(args)?, now)?,
    };
    let modules = args.level.encoder().encode(code.as_bytes());
    let modules = modules.map_err(|error| {
        Failure::fault(both("the symbol cannot be drawn", "无法画出二维码")).because(error)
    })?;
    if let (Some(path), Some(format)) = (&args.out, format) {
        write(path, format, &code, &modules, &display)?;
    }
    if args.test {
        report.note(&both(
            "TEST: made with published keys that everybody has; no real terminal accepts it",
            "测试：用人人皆知的公开密钥签发，任何真实终端都不会受理",
        ));
    }
    if report.json() {
        report.value(&Answer {
            hex: hex_encode(code.as_bytes()),
            length: code.as_bytes().len(),
            sm3: hex_encode(&code.digest()),
            generated_at: now.get(),
            valid_until: now.plus_s(i64::from(certificate.user().validity_s)).get(),
            certificate_expires: certificate.expires().get(),
            symbol: SymbolForm {
                version: modules.version(),
                level: args.level.encoder().level().to_string(),
                modules: modules.size(),
                size_mm: display.side_mm(),
            },
            file: args.out.as_deref(),
            test: args.test,
        })?;
        return Ok(Exit::Done);
    }
    if args.text {
        let background = match args.background {
            Ground::Dark => Background::Dark,
            Ground::Light => Background::Light,
        };
        report.raw(&render_text(&modules, &display, background))?;
    }
    match &args.out {
        Some(path) => report.line(&written(
            path,
            &code,
            &modules,
            &display,
            args,
            report.lang(),
        ))?,
        None if args.text => {}
        None => report.line(&hex_encode(code.as_bytes()))?,
    }
    Ok(Exit::Done)
}

/// Who signs.
struct Keys {
    certificate: IssuerCertificate,
    issuer: SecretKey,
    user: SecretKey,
    account: CardNumber,
}

impl Keys {
    fn of(args: &Args) -> Result<Self, Failure> {
        let missing = || Failure::usage(both("keys or account are missing", "缺少密钥或账户号"));
        if args.test {
            return Ok(Self {
                certificate: test_chain::issuer_certificate(),
                issuer: test_chain::issuer_key(),
                user: test_chain::user_key(),
                account: args.account.unwrap_or_else(test_chain::account),
            });
        }
        let keys = Self {
            certificate: input::issuer_certificate(args.issuer_cert.as_ref().ok_or_else(missing)?)?,
            issuer: file::read(args.issuer_key.as_ref().ok_or_else(missing)?, Role::Issuer)?,
            user: file::read(args.user_key.as_ref().ok_or_else(missing)?, Role::User)?,
            account: args.account.ok_or_else(missing)?,
        };
        if let Some(path) = &args.root {
            let root = input::root(path)?;
            keys.certificate.check_signature(&root).map_err(|error| {
                Failure::refused(both(
                    "the issuer certificate does not hold under this root",
                    "发行机构证书未通过该根证书的校验",
                ))
                .because(error)
            })?;
        }
        Ok(keys)
    }
}

/// The code of this moment under a certificate that is there already: what a phone does.
fn draw(given: &str, args: &Args, now: Timestamp) -> Result<(UserCertificate, RideCode), Failure> {
    let none = |why: &dyn std::fmt::Display| {
        Failure::usage(both("this is no user certificate", "这不是用户证书")).because(why)
    };
    let path = Path::new(given);
    let bytes = if path.exists() {
        fs::read(path).map_err(|error| none(&error))?
    } else {
        given.as_bytes().to_vec()
    };
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    let bytes = match text.map(hex_decode) {
        Some(Ok(decoded)) => decoded,
        _ => bytes,
    };
    let certificate = UserCertificate::parse(&bytes).map_err(|error| none(&error))?;
    let missing = || Failure::usage(both("the user's key is missing", "缺少用户私钥"));
    let user = file::read(args.user_key.as_ref().ok_or_else(missing)?, Role::User)?;
    let code = certificate.ride_code(now, &user);
    let code = code.map_err(|error| not_made(&error))?;
    Ok((certificate, code))
}

fn issue(args: &Args, keys: &Keys, now: Timestamp) -> Result<(UserCertificate, RideCode), Failure> {
    const LIFETIME_S: u32 = 7 * 86_400;
    let lifetime_s = i64::from(args.lifetime.unwrap_or(LIFETIME_S));
    let issuer = keys.certificate.issuer;
    let mut card_issuer = [0; 4];
    // Reserved; real codes repeat the issuer identifier in cn8.
    card_issuer.copy_from_slice(&hex_decode(issuer.as_str()).expect("8 digits are 4 bytes of hex"));
    let terms = UserTerms {
        issuer_data: args.issuer_data.clone().into_bytes(),
        account: keys.account,
        card_issuer,
        platform: [0; 4],
        account_type: args.account_type,
        limit: args.limit,
        user_key: keys.user.public().clone(),
        expires: args.expires.unwrap_or_else(|| now.plus_s(lifetime_s)),
        validity_s: args.validity,
        extension: args.extension.0.clone(),
    };
    let certificate = UserCertificate::issue(&keys.certificate, &terms, &keys.issuer);
    let certificate = certificate.map_err(|error| not_made(&error))?;
    let code = certificate.ride_code(now, &keys.user);
    let code = code.map_err(|error| not_made(&error))?;
    Ok((certificate, code))
}

fn not_made(error: &ProduceError) -> Failure {
    let what = both("the code cannot be made", "无法签发该码");
    match error {
        ProduceError::CertificateAlmostOver { .. } => {
            Failure::refused(what).because(error).hint(both(
                "give a later --expires or a longer --lifetime",
                "请给出更晚的 --expires 或更长的 --lifetime",
            ))
        }
        _ => Failure::usage(what).because(error),
    }
}

fn write(
    path: &Path,
    format: Format,
    code: &RideCode,
    modules: &Modules,
    display: &Display,
) -> Result<(), Failure> {
    let bytes = match format {
        Format::Png => render_png(modules, display),
        Format::Svg => render_svg(modules, display).into_bytes(),
        Format::Bin => code.as_bytes().to_vec(),
    };
    fs::write(path, bytes).map_err(|error| {
        Failure::usage(both(
            format!("cannot write `{}`", path.display()),
            format!("无法写入 `{}`", path.display()),
        ))
        .because(error)
    })
}

fn written(
    path: &Path,
    code: &RideCode,
    modules: &Modules,
    display: &Display,
    args: &Args,
    lang: Lang,
) -> String {
    let (name, length) = (path.display(), code.as_bytes().len());
    let (version, size, mm) = (modules.version(), modules.size(), display.side_mm());
    let level = args.level.encoder().level();
    let bytes_only = path.extension().is_some_and(|ending| ending == "bin");
    match (lang, bytes_only) {
        (Lang::En, true) => format!("{name}: {length} bytes"),
        (Lang::Zh, true) => format!("{name}：{length} 字节"),
        (Lang::En, false) => format!(
            "{name}: {length} bytes as QR version {version}, level {level}, {size} x {size} \
             modules, {mm} mm"
        ),
        (Lang::Zh, false) => format!(
            "{name}：{length} 字节，QR 版本 {version}，纠错等级 {level}，{size} x {size} 模块，{mm} 毫米"
        ),
    }
}

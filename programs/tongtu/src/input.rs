//! What commands read: codes in whatever form people have them, certificates, files.
//!
//! A code may come as hex, Base64, a picture, a file of raw bytes, or on stdin. Files are read up
//! to [`INPUT_MAX`]; an error never repeats a code, since a code names an account.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use tongtu_codec::{base64_decode, hex_decode};
use tongtu_ride_code::Root;
use tongtu_ride_code::foreign::{Kind, kind_of};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::tolerant::{Transform, unwrap};
use tongtu_symbol::{Found, SymbolError, read_image};
use tongtu_types::{Fen, ValueError};

use crate::exit::Failure;
use crate::lang::{Both, both};

/// No file is read beyond this many bytes.
pub(crate) const INPUT_MAX: u64 = 64 << 20;

/// How a code was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Hexadecimal text as the argument.
    Hex,
    /// Base64 text as the argument.
    Base64,
    /// Text that is itself a code, such as the digits of a payment code.
    Text,
    /// A file of bytes or text.
    File,
    /// A PNG or JPEG picture.
    Image,
    /// Bytes or text on stdin.
    Stdin,
}

impl Form {
    pub(crate) fn title(self) -> Both {
        match self {
            Self::Hex => both("hexadecimal text", "十六进制文本"),
            Self::Base64 => both("Base64 text", "Base64 文本"),
            Self::Text => both("text", "文本"),
            Self::File => both("a file", "文件"),
            Self::Image => both("an image", "图片"),
            Self::Stdin => both("stdin", "标准输入"),
        }
    }
}

/// The symbol that a picture showed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Symbol {
    /// QR version, 1 to 40.
    pub(crate) version: u8,
    /// Error correction level: L, M, Q, H.
    pub(crate) level: String,
}

impl Symbol {
    pub(crate) fn of(found: &Found) -> Self {
        Self {
            version: found.version,
            level: found.level.to_string(),
        }
    }
}

/// A code's bytes and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    /// The payload, transforms undone.
    pub(crate) bytes: Vec<u8>,
    /// How it was handed in.
    pub(crate) form: Form,
    /// What had been done to the bytes.
    pub(crate) transform: Transform,
    /// The symbol, if it came as a picture.
    pub(crate) symbol: Option<Symbol>,
}

/// The stable name of a transform in JSON.
pub(crate) const fn transform_name(transform: Transform) -> &'static str {
    match transform {
        Transform::None => "none",
        Transform::Hex => "hex",
        Transform::Base64 => "base64",
        Transform::Utf8 => "utf8",
    }
}

/// Reads a code from an argument: `-`, a file's name, hex, or Base64.
pub(crate) fn code(argument: &str) -> Result<Code, Failure> {
    if argument == "-" {
        let bytes = read_all(&mut io::stdin(), "stdin")?;
        return of_content(&bytes, Form::Stdin);
    }
    let path = Path::new(argument);
    if path.exists() {
        return of_content(&read_file(path)?, Form::File);
    }
    let text = argument.trim();
    if names_itself(text) {
        return Ok(unwrapped(text.as_bytes(), Form::Text));
    }
    let looks_like_a_path = text.contains('.') || text.contains(std::path::MAIN_SEPARATOR);
    if !text.is_empty() {
        if let Ok(bytes) = hex_decode(text) {
            return Ok(unwrapped(&bytes, Form::Hex));
        }
        if let Ok(bytes) = base64_decode(text)
            && !(looks_like_a_path && bytes.len() < 64)
        {
            return Ok(unwrapped(&bytes, Form::Base64));
        }
    }
    Err(if looks_like_a_path && text.len() < 256 {
        Failure::usage(both(
            format!("there is no file `{text}`, and it is neither hex nor Base64"),
            format!("没有文件 `{text}`，它也不是十六进制或 Base64"),
        ))
    } else {
        let failure = Failure::usage(both(
            "the code is neither a file nor hex nor Base64",
            "该码既不是文件名，也不是十六进制或 Base64",
        ));
        match hex_decode(text) {
            Err(error) => failure.because(error),
            Ok(_) => failure,
        }
    }
    .hint(both(
        "give hex, Base64, a PNG or JPEG, a file of raw bytes, or `-` for stdin",
        "请给出十六进制、Base64、PNG 或 JPEG 图片、原始字节文件，或用 `-` 从标准输入读取",
    )))
}

/// Reads an amount in yuan, with at most two decimals.
pub(crate) fn amount(text: &str) -> Result<Fen, String> {
    text.parse().map_err(|error| match error {
        // What the digits came to when they no longer fit is not what was typed.
        ValueError::Range { .. } => format!("{text} yuan are more than 64 bits of fen"),
        error => error.to_string(),
    })
}

/// Every symbol of a picture.
pub(crate) fn image(path: &Path) -> Result<Vec<Found>, Failure> {
    let bytes = if path.as_os_str() == "-" {
        read_all(&mut io::stdin(), "stdin")?
    } else {
        read_file(path)?
    };
    symbols(&bytes)
}

/// A code that is what is typed: payment codes are digits, some wallets' codes are words.
fn names_itself(text: &str) -> bool {
    matches!(
        kind_of(text.as_bytes()),
        Kind::UnionPay | Kind::WeChatPay | Kind::Alipay | Kind::TencentRide | Kind::MakerSetup
    )
}

fn of_content(bytes: &[u8], form: Form) -> Result<Code, Failure> {
    if is_picture(bytes) {
        let found = symbols(bytes)?;
        let ride = |found: &&Found| kind_of(&unwrap(&found.bytes).0) == Kind::RideCode;
        let Some(chosen) = found.iter().find(ride).or(found.first()) else {
            return Err(unreadable_picture(&SymbolError::NoSymbol));
        };
        let mut code = unwrapped(&chosen.bytes, Form::Image);
        code.symbol = Some(Symbol::of(chosen));
        return Ok(code);
    }
    let code = unwrapped(bytes, form);
    // Hex of a code that was cut or spoilt is still hex, and is judged as what it says.
    if code.transform == Transform::None
        && let Ok(text) = std::str::from_utf8(bytes)
        && !text.trim().is_empty()
        && !names_itself(text.trim())
        && let Ok(raw) = hex_decode(text)
    {
        return Ok(Code {
            bytes: raw,
            transform: Transform::Hex,
            ..code
        });
    }
    Ok(code)
}

fn unwrapped(bytes: &[u8], form: Form) -> Code {
    let (bytes, transform) = unwrap(bytes);
    Code {
        bytes,
        form,
        transform,
        symbol: None,
    }
}

fn is_picture(bytes: &[u8]) -> bool {
    // A ride code begins with 81, so it cannot be taken for either.
    bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\xFF\xD8\xFF")
}

fn symbols(bytes: &[u8]) -> Result<Vec<Found>, Failure> {
    quietly(|| read_image(bytes)).map_err(|error| unreadable_picture(&error))
}

fn unreadable_picture(error: &SymbolError) -> Failure {
    let hint = match error {
        SymbolError::UnknownImageFormat => both(
            "give a PNG or JPEG; an SVG has to be turned into one first",
            "请给出 PNG 或 JPEG 图片；SVG 需先转换",
        ),
        _ => both(
            "the symbol needs its light border of four modules, and three pixels a module",
            "二维码四周要留四个模块的空白，每个模块至少三个像素",
        ),
    };
    Failure::usage(both(
        "no code can be read from the image",
        "无法从图片中读出二维码",
    ))
    .because(error)
    .hint(hint)
}

/// Runs `read` without printing the panics that it catches: a hostile picture may confuse the
/// decoders, which is answered by an error and is no news for stderr.
fn quietly<T>(read: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let value = read();
    std::panic::set_hook(hook);
    value
}

/// Reads a root certificate, raw or as hex, and verifies it.
pub(crate) fn root(path: &Path) -> Result<Root, Failure> {
    let bytes = certificate(path, 144)?;
    Root::verify(&bytes).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no root certificate that verifies"),
            format!("`{name}` 不是能通过校验的根证书"),
        ))
        .because(error)
        .hint(both(
            "`tongtu key root show FILE` explains it field by field",
            "`tongtu key root show FILE` 可逐字段说明",
        ))
    })
}

/// Reads an issuer certificate, raw or as hex; its signature is not checked here.
pub(crate) fn issuer_certificate(path: &Path) -> Result<IssuerCertificate, Failure> {
    let bytes = certificate(path, IssuerCertificate::LEN)?;
    IssuerCertificate::decode(&bytes).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no issuer certificate"),
            format!("`{name}` 不是发行机构证书"),
        ))
        .because(error)
    })
}

/// Reads a file of exactly `len` bytes, or of that many in hex.
pub(crate) fn certificate(path: &Path, len: usize) -> Result<Vec<u8>, Failure> {
    let bytes = read_file(path)?;
    if bytes.len() == len {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes).ok();
    let raw = text.and_then(|text| hex_decode(text).ok());
    raw.filter(|raw| raw.len() == len).ok_or_else(|| {
        let (name, found) = (path.display(), bytes.len());
        Failure::usage(both(
            format!("`{name}` has {found} bytes, expected {len} raw or as hex"),
            format!("`{name}` 有 {found} 字节，应为 {len} 字节（原始或十六进制）"),
        ))
    })
}

/// Reads a file, not beyond [`INPUT_MAX`].
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let mut file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    read_all(&mut file, &name)
}

/// Reads a file of text, or stdin for `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = if path.as_os_str() == "-" {
        read_all(&mut io::stdin(), "stdin")?
    } else {
        read_file(path)?
    };
    String::from_utf8(bytes).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is not UTF-8 text"),
            format!("`{name}` 不是 UTF-8 文本"),
        ))
        .because(error.utf8_error())
    })
}

/// Reads a file of text that may hold other bytes too, or stdin for `-`. Windows consoles write
/// UTF-16 when output is sent to a file, and editors there a byte order mark.
pub(crate) fn read_lossy(path: &Path) -> Result<String, Failure> {
    let bytes = if path.as_os_str() == "-" {
        read_all(&mut io::stdin(), "stdin")?
    } else {
        read_file(path)?
    };
    Ok(lossy(&bytes))
}

fn lossy(bytes: &[u8]) -> String {
    let (units, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => (u16::from_be_bytes, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => return String::from_utf8_lossy(rest).into_owned(),
        _ => return String::from_utf8_lossy(bytes).into_owned(),
    };
    let (pairs, _) = rest.as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| units(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn read_all(source: &mut dyn Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source
        .take(INPUT_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(name, &error))?;
    if bytes.len() as u64 > INPUT_MAX {
        let max = INPUT_MAX >> 20;
        return Err(Failure::usage(both(
            format!("`{name}` is larger than {max} MiB"),
            format!("`{name}` 超过 {max} MiB"),
        )));
    }
    Ok(bytes)
}

pub(crate) fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::usage(both(
        format!("cannot read `{name}`"),
        format!("无法读取 `{name}`"),
    ))
    .because(error)
}

//! `tongtu code`: one file per verb.

pub(crate) mod conform;
pub(crate) mod issue;
pub(crate) mod read;
pub(crate) mod show;
pub(crate) mod verify;

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_ride_code::foreign::{Kind, kind_of};
use tongtu_ride_code::{RideCode, Section, describe};

use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[("code", "乘车二维码：签发、说明、识读、核验、批量比对")];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a ride code: a user certificate and the code of this moment
    Issue(Box<issue::Args>),
    /// Explain a code field by field, or name what else it is
    Show(show::Args),
    /// Read a code from a PNG or JPEG image
    Read(read::Args),
    /// Run the 21 checks of a terminal in order, each with its verdict
    Verify(verify::Args),
    /// Run a file of cases and name each that does not come out as expected
    Conform(conform::Args),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Issue(args) => issue::run(&args, report),
        Command::Show(args) => show::run(&args, report),
        Command::Read(args) => read::run(&args, report),
        Command::Verify(args) => verify::run(&args, report),
        Command::Conform(args) => conform::run(&args, report),
    }
}

/// What bytes are, in stable words.
#[derive(Debug, Serialize)]
struct KindForm {
    kind: &'static str,
    name_en: &'static str,
    name_zh: &'static str,
}

impl KindForm {
    fn of(bytes: &[u8]) -> Self {
        let kind = kind_of(bytes);
        let (name_en, name_zh) = kind.name();
        let kind = match kind {
            Kind::RideCode => "ride_code",
            Kind::AlipayBus => "alipay_bus",
            Kind::CityPrefixed => "city_prefixed",
            Kind::TencentRide => "tencent_ride",
            Kind::CityPlatform => "city_platform",
            Kind::UnionPay => "union_pay",
            Kind::WeChatPay => "wechat_pay",
            Kind::Alipay => "alipay",
            Kind::MakerSetup => "maker_setup",
            Kind::RideRecord => "ride_record",
            Kind::WalletRecord => "wallet_record",
            _ => "unknown",
        };
        Self {
            kind,
            name_en,
            name_zh,
        }
    }

    const fn name(&self, lang: Lang) -> &'static str {
        lang.pick((self.name_en, self.name_zh))
    }
}

/// A field of a code in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct FieldForm {
    name: &'static str,
    title_en: &'static str,
    title_zh: &'static str,
    offset: usize,
    length: usize,
    hex: String,
    /// In words; `null` when the bytes are no value of this field.
    value: Option<String>,
    /// What is wrong with the bytes.
    problem: Option<String>,
}

/// A domain of a code in JSON.
#[derive(Debug, Serialize)]
struct SectionForm {
    title_en: &'static str,
    title_zh: &'static str,
    fields: Vec<FieldForm>,
}

impl SectionForm {
    fn of(section: Section) -> Self {
        Self {
            title_en: section.en,
            title_zh: section.zh,
            fields: section.fields.into_iter().map(field_form).collect(),
        }
    }
}

pub(crate) fn field_form(field: tongtu_codec::FieldView) -> FieldForm {
    let (value, problem) = match field.value {
        Ok(value) => (Some(readable(field.name, &field.bytes, value)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    FieldForm {
        name: field.name,
        title_en: field.en,
        title_zh: field.zh,
        offset: field.offset,
        length: field.bytes.len(),
        hex: hex_encode(&field.bytes),
        value,
        problem,
    }
}

/// A value with what a person would look up: the moment behind seconds, yuan behind fen.
fn readable(name: &str, bytes: &[u8], value: String) -> String {
    match name {
        "expires" | "generated_at" => match value.parse() {
            Ok(seconds) => format!("{value} = {}", tongtu_types::Timestamp::new(seconds)),
            Err(_) => value,
        },
        "limit_fen" => match value.parse() {
            Ok(fen) => format!("{value} = {} CNY", tongtu_types::Fen::new(fen)),
            Err(_) => value,
        },
        "issuer_data" if bytes.iter().all(|b| (0x20..=0x7E).contains(b)) => {
            format!("\"{}\"", String::from_utf8_lossy(bytes))
        }
        _ => value,
    }
}

/// A whole code, field by field, in JSON.
#[derive(Debug, Serialize)]
struct CodeForm {
    #[serde(flatten)]
    kind: KindForm,
    length: usize,
    hex: String,
    sm3: String,
    /// Why the bytes are not framed as a ride code, or `null`.
    frame_problem: Option<String>,
    sections: Vec<SectionForm>,
}

impl CodeForm {
    fn of(bytes: &[u8]) -> Self {
        let kind = KindForm::of(bytes);
        let ours = kind.kind == "ride_code";
        let sections = if ours { describe(bytes) } else { Vec::new() };
        let frame = RideCode::frame(bytes);
        Self {
            kind,
            length: bytes.len(),
            hex: hex_encode(bytes),
            sm3: hex_encode(&tongtu_crypto::sm3::digest(bytes)),
            frame_problem: frame.err().filter(|_| ours).map(|error| error.to_string()),
            sections: sections.into_iter().map(SectionForm::of).collect(),
        }
    }

    /// Prints it for people: what it is, then a table for each domain.
    fn print(&self, report: &mut Report) -> Result<(), Failure> {
        let (lang, length) = (report.lang(), self.length);
        let name = self.kind.name(lang);
        report.line(&match lang {
            Lang::En => format!("{name}, {length} bytes, SM3 {}", self.sm3),
            Lang::Zh => format!("{name}，{length} 字节，SM3 {}", self.sm3),
        })?;
        if let Some(problem) = &self.frame_problem {
            report.line(&match lang {
                Lang::En => format!("not framed: {problem}"),
                Lang::Zh => format!("长度或版本不符：{problem}"),
            })?;
        }
        for section in &self.sections {
            report.line("")?;
            report.line(lang.pick((section.title_en, section.title_zh)))?;
            print_fields(report, &section.fields)?;
        }
        if self.sections.is_empty() {
            report.line("")?;
            report.line(&wrapped(&self.hex))?;
        }
        Ok(())
    }
}

/// Prints fields as a table: where, which bytes, what they say, what the field is.
pub(crate) fn print_fields(report: &mut Report, fields: &[FieldForm]) -> Result<(), Failure> {
    let lang = report.lang();
    let rows = fields.iter().map(|field| {
        let value = match (&field.value, &field.problem) {
            // Bytes that are their own value need not be said twice.
            (Some(value), _) if *value == field.hex => String::new(),
            (Some(value), _) => value.clone(),
            (None, problem) => {
                let mark = lang.pick(("WRONG: ", "有误："));
                format!("{mark}{}", problem.as_deref().unwrap_or_default())
            }
        };
        [
            format!("{}..{}", field.offset, field.offset + field.length),
            lang.pick((field.title_en, field.title_zh)).to_owned(),
            wrapped(&field.hex),
            value,
        ]
    });
    let header = match lang {
        Lang::En => ["bytes", "field", "hex", "value"],
        Lang::Zh => ["字节", "字段", "十六进制", "值"],
    };
    report.table(&header, rows)
}

/// Hex in lines of 16 bytes.
fn wrapped(hex: &str) -> String {
    const DIGITS: usize = 32;
    let lines: Vec<_> = (0..hex.len().div_ceil(DIGITS))
        .filter_map(|line| hex.get(line * DIGITS..hex.len().min((line + 1) * DIGITS)))
        .collect();
    lines.join("\n")
}

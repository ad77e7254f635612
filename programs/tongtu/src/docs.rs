//! `tongtu docs`: pages made from the tables that the codecs use, so that they cannot disagree.

mod callers;
mod card;

use std::fmt::Write as _;

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::{CodeRow, RecordSpec, markdown};
use tongtu_ride_code::record::TAGS;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("docs", "由编解码所用的表生成的文档页"),
    ("docs formats", "输出 docs/formats.md：每种记录逐字节的格式"),
    ("docs callers", "输出 docs/callers.md：角色与路由表"),
    (
        "docs callers#examples",
        "示例：
  tongtu docs callers > callers.md

在代码仓库中请用 `cargo xtask docs` 写入该页。",
    ),
    (
        "docs formats#examples",
        "示例：
  tongtu docs formats > formats.md
  tongtu docs formats --json             供程序读取的同样的表

在代码仓库中请用 `cargo xtask docs` 写入该页。",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print docs/formats.md: every record, byte by byte
    #[command(after_help = "Examples:
  tongtu docs formats > formats.md
  tongtu docs formats --json             the same tables for programs

In a checkout, `cargo xtask docs` writes the page.")]
    Formats,
    /// Print docs/callers.md: who may ask a node for what
    #[command(after_help = "Examples:
  tongtu docs callers > callers.md

In a checkout, `cargo xtask docs` writes the page.")]
    Callers,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Formats if report.json() => report.value(&Formats::new())?,
        Command::Formats => report.raw(&formats())?,
        Command::Callers => report.raw(&callers::page())?,
    }
    Ok(Exit::Done)
}

const HEAD: &str = "\
# Formats

Made by `cargo xtask docs` from the tables that the codecs read too; do not edit.

Offsets are 0-based, ranges half-open: `4..8` is four bytes. Numbers of several bytes are big-endian.

| form | meaning |
| --- | --- |
| B | binary, as many bytes as the field has |
| cn | packed decimal, two digits a byte, exactly full |
| n | digits, right-justified, zero-filled on the left; packed in codes and certificates, ASCII in files |
| an | printable characters, left-justified, space-filled on the right |
| H | hexadecimal digits as text |

The last column says how sure we are of a row: *std* is the text of a standard or rule, *impl* was seen in
public implementations, *inferred* is our reasoning, *ours* is open in the standards and our choice.
[sources.md](sources.md) says which texts these are. [ride-code.md](ride-code.md) explains the ride code as
a whole: which bytes each signature covers, and what is checked in which order.
";

/// The page, in English with the Chinese terms beside.
fn formats() -> String {
    let mut page = String::from(HEAD);
    let write = |page: &mut String| -> std::fmt::Result {
        writeln!(page, "\n## Ride code and certificates (乘车二维码与证书)")?;
        tables(page, tongtu_ride_code::layout::SPECS)?;
        writeln!(page, "\n## Ride record (乘车记录)\n")?;
        writeln!(
            page,
            "`00 00 00 01 00`, then items: tag 2 bytes, length 2 bytes, content. Tags 0012 and on \
             are ours.\n"
        )?;
        writeln!(page, "| tag | meaning | 含义 |\n| --- | --- | --- |")?;
        for (tag, en, zh) in TAGS {
            writeln!(page, "| {tag:04X} | {en} | {zh} |")?;
        }
        writeln!(page, "\n## Tap record (刷卡交易记录)")?;
        tables(page, tongtu_tap_record::SPECS)?;
        writeln!(page, "\n## Exchange files (数据交换文件)")?;
        tables(page, tongtu_exchange_file::SPECS)?;
        writeln!(page, "\n### Tail items of CQ and CL\n")?;
        writeln!(
            page,
            "After the fixed part: tag four digits, length four digits, so many characters.\n"
        )?;
        writeln!(page, "| tag | name | meaning | 含义 | form |")?;
        writeln!(page, "| --- | --- | --- | --- | --- |")?;
        for item in tongtu_exchange_file::TAIL_ITEMS {
            let (tag, name, en, zh, form) = (item.tag, item.name, item.en, item.zh, item.form);
            writeln!(page, "| {tag} | `{name}` | {en} | {zh} | {form} |")?;
        }
        writeln!(page, "\n## Lists of a terminal (终端名单)")?;
        tables(page, tongtu_terminal::SPECS)?;
        writeln!(
            page,
            "\n## Key book and certificates' book (密钥账与证书账)\n"
        )?;
        writeln!(
            page,
            "An event is the head and the body of its step; steps without a body here have none."
        )?;
        tables(page, tongtu_keyring::SPECS)?;
        words(page, tongtu_keyring::WORDS)?;
        writeln!(page, "\n## Keys at rest and on their way (密钥保管)")?;
        tables(page, tongtu_hsm::SPECS)?;
        writeln!(page, "\n## Key room (密钥室)")?;
        tables(page, tongtu_keyroom::SPECS)?;
        writeln!(page, "\n## Batches of PSAMs (PSAM 批次)")?;
        tables(page, tongtu_perso::SPECS)?;
        words(page, tongtu_perso::WORDS)?;
        writeln!(page, "\n## Keys of POS terminals (POS 终端密钥)")?;
        tables(page, tongtu_pos_key::SPECS)?;
        writeln!(page, "\n## Audit chain (审计链)")?;
        tables(page, tongtu_audit::SPECS)?;
        writeln!(page, "\n## Signed envelopes (签名信封)")?;
        tables(page, tongtu_envelope::SPECS)?;
        writeln!(page, "\n## Institution register (机构登记)")?;
        tables(page, tongtu_register::SPECS)?;
        card::sections(page)
    };
    write(&mut page).expect("writing to a String does not fail");
    cells_escaped(&page)
}

fn tables(page: &mut String, specs: &[RecordSpec]) -> std::fmt::Result {
    for spec in specs {
        write!(page, "\n{}", markdown(spec))?;
    }
    Ok(())
}

/// Closed words, a table for each kind.
fn words(page: &mut String, kinds: &[(&str, &str, &[CodeRow])]) -> std::fmt::Result {
    for (en, zh, rows) in kinds {
        writeln!(
            page,
            "\n### {en} ({zh})\n\n| byte | meaning | 含义 |\n| --- | --- | --- |"
        )?;
        for (byte, en, zh) in *rows {
            writeln!(page, "| {byte:02X} | {en} | {zh} |")?;
        }
    }
    Ok(())
}

/// A `r || s` inside a cell would end it.
fn cells_escaped(page: &str) -> String {
    let mut escaped = String::with_capacity(page.len());
    for line in page.lines() {
        if line.starts_with('|') {
            escaped += &line.replace("||", "\\|\\|");
        } else {
            escaped += line;
        }
        escaped.push('\n');
    }
    escaped
}

#[derive(Serialize)]
struct Formats {
    records: Vec<RecordForm>,
    ride_record_tags: Vec<TagForm>,
    tail_items: Vec<TagForm>,
    card_commands: Vec<card::CommandForm>,
}

#[derive(Serialize)]
struct RecordForm {
    name: &'static str,
    length: usize,
    fields: Vec<FieldForm>,
}

#[derive(Serialize)]
struct FieldForm {
    name: &'static str,
    offset: usize,
    length: usize,
    form: &'static str,
    certainty: &'static str,
    title_en: &'static str,
    title_zh: &'static str,
}

#[derive(Serialize)]
struct TagForm {
    tag: String,
    title_en: &'static str,
    title_zh: &'static str,
}

impl Formats {
    fn new() -> Self {
        let specs = tongtu_ride_code::layout::SPECS.iter();
        let tags = TAGS.iter().map(|(tag, title_en, title_zh)| TagForm {
            tag: format!("{tag:04X}"),
            title_en,
            title_zh,
        });
        let items = tongtu_exchange_file::TAIL_ITEMS.iter();
        let items = items.map(|item| TagForm {
            tag: item.tag.to_string(),
            title_en: item.en,
            title_zh: item.zh,
        });
        Self {
            records: specs
                .chain(tongtu_tap_record::SPECS)
                .chain(tongtu_exchange_file::SPECS)
                .chain(tongtu_terminal::SPECS)
                .chain(tongtu_keyring::SPECS)
                .chain(tongtu_hsm::SPECS)
                .chain(tongtu_keyroom::SPECS)
                .chain(tongtu_perso::SPECS)
                .chain(tongtu_pos_key::SPECS)
                .chain(tongtu_audit::SPECS)
                .chain(tongtu_envelope::SPECS)
                .chain(tongtu_register::SPECS)
                .chain(card::specs())
                .map(record_form)
                .collect(),
            ride_record_tags: tags.collect(),
            tail_items: items.collect(),
            card_commands: card::commands(),
        }
    }
}

fn record_form(spec: &RecordSpec) -> RecordForm {
    let fields = spec.fields.iter().map(|field| FieldForm {
        name: field.name,
        offset: field.offset,
        length: field.len,
        form: field.letter,
        certainty: field.certainty.as_str(),
        title_en: field.en,
        title_zh: field.zh,
    });
    RecordForm {
        name: spec.name,
        length: spec.len,
        fields: fields.collect(),
    }
}

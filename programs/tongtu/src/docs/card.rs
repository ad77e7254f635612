//! The card's part of the page: records, files, commands and their status words.

use std::fmt::{Result, Write as _};

use serde::Serialize;
use tongtu_apdu::CommandInfo;
use tongtu_apdu::select::Select;
use tongtu_codec::RecordSpec;
use tongtu_purse::profile::{FILES, FileKind, ReadRight, WriteRight};

use super::tables;

/// A command with its status words, for programs.
#[derive(Serialize)]
pub(super) struct CommandForm {
    application: &'static str,
    name: &'static str,
    name_zh: &'static str,
    ins: String,
    status: Vec<StatusForm>,
}

#[derive(Serialize)]
struct StatusForm {
    sw: String,
    en: &'static str,
    zh: &'static str,
}

/// An application's commands under its English and Chinese name.
struct Group {
    en: &'static str,
    zh: &'static str,
    commands: &'static [CommandInfo],
}

const SELECT: &[CommandInfo] = &[CommandInfo::of::<Select>()];

const GROUPS: &[Group] = &[
    Group {
        en: "Every application",
        zh: "各应用共有",
        commands: SELECT,
    },
    Group {
        en: "Security domains",
        zh: "安全域",
        commands: tongtu_globalplatform::command::COMMANDS,
    },
    Group {
        en: "E-purse",
        zh: "电子钱包",
        commands: tongtu_purse::command::COMMANDS,
    },
    Group {
        en: "E-cash",
        zh: "电子现金",
        commands: tongtu_ecash::command::COMMANDS,
    },
    Group {
        en: "PSAM",
        zh: "消费安全存取模块",
        commands: tongtu_psam::command::COMMANDS,
    },
    Group {
        en: "Blank PSAM",
        zh: "空白 PSAM",
        commands: tongtu_psam::command::PERSO_COMMANDS,
    },
    Group {
        en: "NFC ride code",
        zh: "NFC 二维码",
        commands: tongtu_nfc_code::COMMANDS,
    },
    Group {
        en: "Identity application",
        zh: "身份认证应用",
        commands: tongtu_identity::COMMANDS,
    },
];

/// Every record table of the card's crates.
pub(super) fn specs() -> impl Iterator<Item = &'static RecordSpec> {
    let purse = tongtu_purse::layout::SPECS.iter();
    purse
        .chain(tongtu_purse::layout::COMMAND_SPECS)
        .chain(tongtu_ecash::SPECS)
        .chain(tongtu_nfc_code::SPECS)
        .chain(tongtu_psam::layout::SPECS)
}

/// Every command, for programs.
pub(super) fn commands() -> Vec<CommandForm> {
    let all = GROUPS
        .iter()
        .flat_map(|group| group.commands.iter().map(|info| (group.en, info)));
    all.map(|(application, info)| CommandForm {
        application,
        name: info.en,
        name_zh: info.zh,
        ins: format!("{:02X}", info.ins),
        status: info
            .status
            .iter()
            .map(|row| StatusForm {
                sw: row.sw.to_string(),
                en: row.en,
                zh: row.zh,
            })
            .collect(),
    })
    .collect()
}

/// The sections, after those of the exchange files.
pub(super) fn sections(page: &mut String) -> Result {
    writeln!(page, "\n## E-purse (电子钱包)")?;
    files(page)?;
    tables(page, tongtu_purse::layout::SPECS)?;
    writeln!(
        page,
        "\n## E-purse commands and personalisation (命令与个人化)"
    )?;
    tables(page, tongtu_purse::layout::COMMAND_SPECS)?;
    writeln!(page, "\n## E-cash (电子现金)")?;
    tables(page, tongtu_ecash::SPECS)?;
    writeln!(page, "\n## NFC ride code (NFC 二维码)")?;
    tables(page, tongtu_nfc_code::SPECS)?;
    writeln!(page, "\n## PSAM (消费安全存取模块)")?;
    tables(page, tongtu_psam::layout::SPECS)?;
    writeln!(page, "\n## Card commands (卡片命令)\n")?;
    writeln!(
        page,
        "The status words of each command, in the order in which the card looks for a reason to refuse."
    )?;
    for group in GROUPS {
        writeln!(page, "\n### {} ({})\n", group.en, group.zh)?;
        writeln!(page, "| command | 命令 | INS | SW | when | 含义 |")?;
        writeln!(page, "| --- | --- | --- | --- | --- | --- |")?;
        for info in group.commands {
            for (at, row) in info.status.iter().enumerate() {
                let (en, zh, ins) = match at {
                    0 => (info.en, info.zh, format!("{:02X}", info.ins)),
                    _ => ("", "", String::new()),
                };
                writeln!(
                    page,
                    "| {en} | {zh} | {ins} | {} | {} | {} |",
                    row.sw, row.en, row.zh
                )?;
            }
        }
    }
    Ok(())
}

/// The default profile's files.
fn files(page: &mut String) -> Result {
    writeln!(page, "\n### Files of the default profile (文件)\n")?;
    writeln!(
        page,
        "| SFI | file | 文件 | kind | bytes | records | read | write |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for file in FILES {
        let (en, zh) = file.name().map_or(("", ""), |name| (name.en, name.zh));
        let kind = match file.kind {
            FileKind::Transparent => "transparent",
            FileKind::Linear => "linear",
            FileKind::Cyclic => "cyclic",
        };
        let records = match file.record_count() {
            0 => String::new(),
            count => format!("{count} × {}", file.record_max),
        };
        writeln!(
            page,
            "| {:02X} | {en} | {zh} | {kind} | {} | {records} | {} | {} |",
            file.sfi.get(),
            file.size,
            read_right(file.read),
            write_right(file.write),
        )?;
    }
    Ok(())
}

fn read_right(right: ReadRight) -> String {
    let ways = [
        (ReadRight::PIN, "after VERIFY"),
        (ReadRight::EXTERNAL, "after EXTERNAL AUTHENTICATE"),
        (ReadRight::NEVER, "never"),
    ];
    let words = ways.iter().filter(|(way, _)| right.asks(*way));
    let words: Vec<_> = words.map(|(_, words)| *words).collect();
    match words[..] {
        [] => String::from("free"),
        _ => words.join(" and "),
    }
}

fn write_right(right: WriteRight) -> String {
    let ways = [
        (WriteRight::FREE, "free"),
        (WriteRight::SECURE, "maintenance key"),
        (WriteRight::QUICK, "quick-update key"),
        (WriteRight::CACHE, "composite purchase"),
    ];
    let words = ways.iter().filter(|(way, _)| right.allows(*way));
    let words: Vec<_> = words.map(|(_, words)| *words).collect();
    match words[..] {
        [] => String::from("the card itself"),
        _ => words.join(", "),
    }
}

//! What is in a holder's custody, and whether the book has it so.

use std::path::Path;

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_keyring::{Check, Extract, KeyNumber};

use super::step;
use crate::exit::{Exit, Failure};
use crate::lang::Lang;
use crate::report::{Report, Tone};
use crate::room::mark_word;

#[derive(Serialize)]
struct Key {
    number: u32,
    check: String,
    /// What the extract says of it; nothing without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_book: Option<InBook>,
}

#[derive(Serialize)]
struct InBook {
    city: String,
    purpose: &'static str,
    algorithm: &'static str,
    version: u8,
    stage: &'static str,
    /// Whether the check value here is that of the book.
    agrees: bool,
}

#[derive(Serialize)]
struct Shown {
    mark: &'static str,
    device: String,
    /// The token that it is on, or `null`.
    token: Option<String>,
    institution: Option<String>,
    centre: Option<String>,
    custodians: Vec<String>,
    acts: u64,
    audit_lines: u64,
    anchored_to: Option<String>,
    /// What was cut off and waits for `key custody mend`.
    unfinished: Option<String>,
    keys: Vec<Key>,
}

pub(super) fn run(
    folder: &Path,
    book: Option<&Path>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let holding = step::open(folder)?;
    let extract = match book {
        Some(path) => Some(step::read_book(&holding, folder, path)?.0),
        None => None,
    };
    let head = holding.head();
    let centre = holding.centre();
    let custodians = holding.custodians().iter();
    let key = |(key, check): (KeyNumber, Check)| Key {
        number: key.get(),
        check: check.to_string(),
        in_book: extract.as_ref().and_then(|book| in_book(book, key, check)),
    };
    let shown = Shown {
        mark: mark_word(head.mark),
        device: head.device.clone(),
        token: head.token.as_ref().map(|token| token.label.clone()),
        institution: holding.institution().map(|code| code.to_string()),
        centre: centre.map(|key| hex_encode(&key.to_compressed())),
        custodians: custodians.map(|c| c.number.as_str().to_owned()).collect(),
        acts: holding.acts(),
        audit_lines: holding.log().tip().0,
        anchored_to: holding.log().anchored().map(|day| day.compact()),
        unfinished: holding.unfinished().map(str::to_owned),
        keys: holding.held().map(key).collect(),
    };
    let agree = shown
        .keys
        .iter()
        .all(|key| key.in_book.as_ref().is_none_or(|book| book.agrees));
    print(shown, report)?;
    Ok(if agree { Exit::Done } else { Exit::Refused })
}

fn in_book(extract: &Extract, key: KeyNumber, check: Check) -> Option<InBook> {
    let life = extract.book().key(key)?;
    let slot = life.request().slot;
    Some(InBook {
        city: slot.city.to_string(),
        purpose: slot.purpose.en(),
        algorithm: slot.algorithm.en(),
        version: life.request().version,
        stage: life.stage().en(),
        agrees: life.custody().is_some_and(|custody| custody.check == check),
    })
}

fn print(shown: Shown, report: &mut Report) -> Result<(), Failure> {
    if report.json() {
        return report.value(&shown);
    }
    let lang = report.lang();
    let row = |en: &str, zh: &str, value: String| vec![lang.pick((en, zh)).to_owned(), value];
    let none = || String::from("-");
    report.rows([
        row("holder", "持有机构", shown.institution.unwrap_or_else(none)),
        row("made for", "用途", shown.mark.to_owned()),
        row("device", "载体", shown.device),
        row("token", "令牌", shown.token.unwrap_or_else(none)),
        row("centre", "密钥中心公钥", shown.centre.unwrap_or_else(none)),
        row("custodians", "保管员", shown.custodians.join(" ")),
        row("acts", "办理次数", shown.acts.to_string()),
        row("audit lines", "审计行", shown.audit_lines.to_string()),
        row(
            "anchored to",
            "已锚定至",
            shown.anchored_to.unwrap_or_else(none),
        ),
    ])?;
    let header = match lang {
        Lang::En => ["key", "check value", "by the book"],
        Lang::Zh => ["密钥", "校验值", "密钥簿"],
    };
    let rows = shown.keys.iter().map(|key| {
        let book = key.in_book.as_ref().map_or_else(none, |book| {
            let InBook {
                city,
                purpose,
                algorithm,
                version,
                stage,
                agrees,
            } = book;
            let differs = match (agrees, lang) {
                (true, _) => "",
                (false, Lang::En) => ", ANOTHER CHECK VALUE",
                (false, Lang::Zh) => "，校验值不同",
            };
            format!("{algorithm} {purpose} {city} v{version}, {stage}{differs}")
        });
        vec![key.number.to_string(), key.check.clone(), book]
    });
    report.table(&header, rows)?;
    if let Some(deed) = shown.unfinished {
        report.toned(
            Tone::Bad,
            &match lang {
                Lang::En => format!("`{deed}` was cut off: `tongtu key custody mend` ends it"),
                Lang::Zh => format!("`{deed}` 未完成即中断：请用 `tongtu key custody mend` 收尾"),
            },
        )?;
    }
    Ok(())
}

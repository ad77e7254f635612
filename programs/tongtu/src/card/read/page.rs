//! The page of a card: one file, no script, light or dark as the reader's system is.

use std::fmt::Write as _;

use tongtu_purse::field::DateTime;

use super::form::{CardForm, CashForm, PurseForm};
use super::{
    TEST_CARD, cash_facts, log_header, purse_facts, stop_text, transaction_header, trip_header,
    yuan,
};
use crate::lang::Lang;

const STYLE: &str = include_str!("page.css");

/// The page as text; a card that was read a moment ago has that moment on it.
pub(super) fn page(card: &CardForm, at: Option<DateTime>, lang: Lang) -> String {
    let title = lang.pick(("A T-Union card", "交通联合卡"));
    let code = lang.pick(("en", "zh-CN"));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{code}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    if card.test {
        out += &format!("<p class=\"test\">{}</p>\n", lang.pick(TEST_CARD));
    }
    for purse in &card.purses {
        write_purse(purse, lang, &mut out);
    }
    for cash in &card.cashes {
        write_cash(cash, lang, &mut out);
    }
    let made = match (at, lang) {
        (Some(at), Lang::En) => {
            format!("Read by tongtu card read at {at}. Nothing was written to the card.")
        }
        (Some(at), Lang::Zh) => format!("由 tongtu card read 于 {at} 读出，未写卡。"),
        (None, Lang::En) => String::from("Taken from a recorded dialogue by tongtu card read."),
        (None, Lang::Zh) => String::from("由 tongtu card read 从对话记录中读出。"),
    };
    out += &format!("<footer>{made}</footer>\n</main>\n</body>\n</html>\n");
    out
}

/// The face of a card: what it is, whose, and how much is on it.
fn write_face(
    what: &str,
    city: &str,
    number: Option<&str>,
    balance: Option<i64>,
    blocked: Option<&str>,
    out: &mut String,
) {
    let number = escaped(&grouped(number.unwrap_or_default()));
    let balance = balance.map_or_else(|| String::from("—"), yuan);
    let blocked = blocked.map_or_else(String::new, |text| format!("<p class=\"bad\">{text}</p>"));
    *out += &format!(
        "<section class=\"face\">\n<p class=\"what\"><span>{}</span><span>{}</span></p>\n\
         <p class=\"balance\"><small>¥</small> {balance}</p>\n{blocked}<p class=\"number\">{number}</p>\n\
         </section>\n",
        escaped(what),
        escaped(city),
    );
}

/// A number in groups of four, or what of it is not masked beside the mask.
fn grouped(number: &str) -> String {
    if let Some((head, tail)) = number.split_once("****") {
        return format!("{head} •••• {tail}");
    }
    let digits: Vec<char> = number.chars().collect();
    let groups: Vec<String> = digits
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}

fn write_purse(purse: &PurseForm, lang: Lang, out: &mut String) {
    let city = purse.city.as_ref().map_or("", |city| city.name(lang));
    let blocked = purse.blocked.then(|| lang.pick(("BLOCKED", "已锁定")));
    write_face(
        lang.pick(("T-Union e-purse", "交通联合 电子钱包")),
        city,
        purse.number.as_deref(),
        purse.balance_fen,
        blocked,
        out,
    );
    write_facts(&purse_facts(purse, lang), out);
    write_rides(purse, lang, out);
    write_table(
        lang.pick(("Trips", "行程")),
        &trip_header(lang),
        &[6, 7],
        purse.trips.iter().map(|trip| {
            vec![
                trip.at.clone(),
                trip.kind.name(lang).to_owned(),
                trip.industry.name(lang).to_owned(),
                trip.city.name(lang).to_owned(),
                trip.line.clone(),
                trip.station.clone(),
                yuan(trip.amount_fen),
                yuan(trip.balance_fen),
                trip.terminal.clone(),
            ]
        }),
        out,
    );
    write_table(
        lang.pick(("Transactions", "交易明细")),
        &transaction_header(lang),
        &[2, 3],
        purse.transactions.iter().map(|transaction| {
            vec![
                transaction.at.clone(),
                transaction.kind.name(lang).to_owned(),
                yuan(transaction.amount_fen),
                transaction.sequence.to_string(),
                transaction.terminal.clone(),
            ]
        }),
        out,
    );
}

/// The composite records that say something.
fn write_rides(purse: &PurseForm, lang: Lang, out: &mut String) {
    for composite in &purse.composites {
        let (Some(state), Some(begun)) = (&composite.state, &composite.begun) else {
            continue;
        };
        let what = lang.pick(match composite.what {
            "rail" => ("Rail", "轨道"),
            _ => ("Bus", "公交"),
        });
        let mut stops = stop_text(begun, lang);
        if let Some(ended) = &composite.ended {
            stops = format!("{stops} → {}", stop_text(ended, lang));
        }
        *out += &format!(
            "<p class=\"ride\"><b>{what}</b> <span class=\"chip\">{}</span> {}</p>\n",
            escaped(state.name(lang)),
            escaped(&stops),
        );
    }
}

fn write_cash(cash: &CashForm, lang: Lang, out: &mut String) {
    let city = cash.city.as_ref().map_or("", |city| city.name(lang));
    let blocked = cash.blocked.then(|| lang.pick(("BLOCKED", "已锁定")));
    write_face(
        lang.pick(("T-Union e-cash", "交通联合 电子现金")),
        city,
        cash.number.as_deref(),
        cash.balance_fen,
        blocked,
        out,
    );
    write_facts(&cash_facts(cash, lang), out);
    write_table(
        lang.pick(("Payments", "交易日志")),
        &log_header(lang),
        &[1, 3],
        cash.log.iter().map(|payment| {
            vec![
                payment.at.clone(),
                payment.amount_fen.map(yuan).unwrap_or_default(),
                payment.transaction_type.clone(),
                payment
                    .counter
                    .map(|counter| counter.to_string())
                    .unwrap_or_default(),
            ]
        }),
        out,
    );
}

fn write_facts(facts: &[(&'static str, String)], out: &mut String) {
    *out += "<dl>\n";
    for (title, value) in facts {
        *out += &format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            escaped(title),
            escaped(value)
        );
    }
    *out += "</dl>\n";
}

/// A table; columns of money and counts stand to the right.
fn write_table(
    title: &str,
    header: &[&str],
    right: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
    out: &mut String,
) {
    let mut body = String::new();
    let class = |column: usize| {
        if right.contains(&column) {
            " class=\"n\""
        } else {
            ""
        }
    };
    for row in rows {
        body += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(body, "<td{}>{}</td>", class(column), escaped(cell));
        }
        body += "</tr>\n";
    }
    if body.is_empty() {
        return;
    }
    *out += &format!(
        "<h2>{}</h2>\n<div class=\"scroll\">\n<table>\n<tr>",
        escaped(title)
    );
    for (column, name) in header.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(column), escaped(name));
    }
    *out += &format!("</tr>\n{body}</table>\n</div>\n");
}

/// Text as a page shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_says_cannot_become_part_of_the_page() {
        assert_eq!(escaped("<b>\"&"), "&lt;b&gt;&quot;&amp;");
        assert_eq!(grouped("310489****0003"), "310489 •••• 0003");
        assert_eq!(grouped("3104899999900000003"), "3104 8999 9990 0000 003");
    }
}

//! One page that needs nothing but itself and the symbols beside it.

use std::fmt::Write as _;

use tongtu_fare::Lang;

use super::chart::{Bar, bars, columns, escape};
use super::{Story, Table, node_name, say};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b2733; --paper: #fff; --soft: #5d6b7a; --line: #d8dee5;
  --plus: #1f7a68; --minus: #c2563b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ee; --paper: #14191f; --soft: #93a1af;
  --line: #2c353f; --plus: #3fae96; --minus: #e07b5f; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, 'PingFang SC', 'Noto Sans CJK SC', sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p.lead { color: var(--soft); margin: 0 0 1.4rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .8rem; margin: 0; }
dl div { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .8rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.35rem;
  font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { color: var(--soft); font-weight: 600; }
td:first-child, th { white-space: nowrap; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg .plus { fill: var(--plus); } svg .minus { fill: var(--minus); }
svg text { fill: var(--ink); font-size: 13px; } svg .axis { stroke: var(--line); }
.verdict { padding: .7rem 1rem; border-radius: .4rem; color: #fff; background: var(--plus); }
.verdict.bad { background: var(--minus); }
.symbols { display: flex; flex-wrap: wrap; gap: 1rem; }
.symbols figure { margin: 0; } .symbols img { width: 11rem; background: #fff; padding: .3rem; }
figcaption { color: var(--soft); font-size: .85rem; }
.scroll { overflow-x: auto; }
";

/// The report as one HTML page.
#[must_use]
pub fn page(story: &Story<'_>, lang: Lang) -> String {
    let title = say(
        lang,
        "Tongtu: a ride and its money",
        "通途：一次乘车与它的钱",
    );
    let mut out = String::new();
    write_page(&mut out, story, lang, &title).expect("writing to a String does not fail");
    out
}

fn write_page(out: &mut String, story: &Story<'_>, lang: Lang, title: &str) -> std::fmt::Result {
    let tag = say(lang, "en", "zh-CN");
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">"
    )?;
    writeln!(
        out,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    )?;
    writeln!(
        out,
        "<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        escape(title)
    )?;
    writeln!(out, "<h1>{}</h1>", escape(title))?;
    let days: Vec<String> = story.days.iter().map(|d| d.day.to_string()).collect();
    let lead = say(
        lang,
        "Test keys, invented riders, real lines and published fares. Days: ",
        "测试密钥，虚构乘客，真实线路与公布票价。日期：",
    );
    writeln!(
        out,
        "<p class=\"lead\">{lead}{} · seed {}</p>",
        days.join(", "),
        story.country.seed.0
    )?;
    let (class, verdict) = if story.audit.is_clean() {
        let text = say(
            lang,
            "Every accepted ride was settled exactly once or refused by name, and all money sums to zero.",
            "每笔受理的乘车恰好结算一次或按名目拒付，全部资金之和为零。",
        );
        ("verdict", text)
    } else {
        (
            "verdict bad",
            say(
                lang,
                "The auditor found differences; see below.",
                "审计发现差异，见下文。",
            ),
        )
    };
    writeln!(out, "<p class=\"{class}\">{verdict}</p>\n<dl>")?;
    for (name, value) in story.headline(lang) {
        writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escape(&name),
            escape(&value)
        )?;
    }
    writeln!(out, "</dl>")?;

    let nets: Vec<Bar> = story
        .observed
        .days
        .iter()
        .filter(|d| d.node == 0)
        .flat_map(|day| day.positions.iter().map(move |p| (day, p)))
        .map(|(day, p)| {
            let node = crate::country::NODES
                .iter()
                .position(|n| n.code == p.member.as_str());
            let member = node.map_or_else(|| p.member.to_string(), |n| node_name(lang, n));
            let label = format!("{} · {member}", day.day);
            Bar {
                label,
                value: p.net.get(),
                text: format!("¥ {}", p.net),
            }
        })
        .collect();
    let positions = story.positions(lang);
    writeln!(out, "<h2>{}</h2>", escape(&positions.title))?;
    out.push_str(&bars(&positions.title, &nets));
    write_table(out, &positions)?;
    for table in [
        story.media(lang),
        story.classes(lang),
        story.flows(lang),
        story.fees(lang),
    ] {
        writeln!(out, "<h2>{}</h2>", escape(&table.title))?;
        write_table(out, &table)?;
    }

    let title = say(
        lang,
        "Scans by hour, China time",
        "各小时扫码次数（北京时间）",
    );
    writeln!(out, "<h2>{title}</h2>")?;
    out.push_str(&columns(&title, &story.hours()));
    let verdicts = story.verdicts(lang);
    writeln!(out, "<h2>{}</h2>", escape(&verdicts.title))?;
    let counts: Vec<Bar> = verdicts
        .rows
        .iter()
        .map(|row| Bar {
            label: row[0].clone(),
            value: row[1].parse().unwrap_or(0),
            text: row[1].clone(),
        })
        .collect();
    out.push_str(&bars(&verdicts.title, &counts));
    write_table(out, &verdicts)?;
    for table in [
        story.refusals(lang),
        story.fares(lang),
        story.mishaps(lang),
        story.faces(lang),
        story.words(lang),
        story.findings(lang),
    ] {
        writeln!(out, "<h2>{}</h2>", escape(&table.title))?;
        write_table(out, &table)?;
    }

    let title = say(lang, "Ride codes", "乘车二维码");
    writeln!(out, "<h2>{title}</h2>\n<div class=\"symbols\">")?;
    for symbol in story.symbols {
        let name = escape(symbol);
        writeln!(
            out,
            "<figure><img src=\"qr/{name}\" alt=\"{name}\"><figcaption>{name}</figcaption></figure>"
        )?;
    }
    writeln!(out, "</div>")?;
    let title = say(lang, "Exchange files", "交换文件");
    writeln!(out, "<h2>{title}</h2>")?;
    let files = Table {
        title: title.clone(),
        header: [
            ("written by", "生成方"),
            ("file", "文件"),
            ("bytes", "字节"),
        ]
        .map(|(en, zh)| say(lang, en, zh))
        .to_vec(),
        rows: story
            .files
            .iter()
            .map(|(folder, name, len)| vec![folder.clone(), name.clone(), len.to_string()])
            .collect(),
    };
    write_table(out, &files)?;
    writeln!(out, "</body>\n</html>")
}

fn write_table(out: &mut String, table: &Table) -> std::fmt::Result {
    let numeric = |column: usize| {
        let is_number = |cell: &String| {
            let digits = cell.strip_prefix('-').unwrap_or(cell);
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        };
        !table.rows.is_empty()
            && table
                .rows
                .iter()
                .all(|row| row.get(column).is_some_and(is_number))
    };
    writeln!(out, "<div class=\"scroll\"><table>\n<thead><tr>")?;
    for (i, cell) in table.header.iter().enumerate() {
        let class = if numeric(i) { " class=\"n\"" } else { "" };
        write!(out, "<th{class}>{}</th>", escape(cell))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in &table.rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let class = if numeric(i) { " class=\"n\"" } else { "" };
            write!(out, "<td{class}>{}</td>", escape(cell))?;
        }
        out.push_str("</tr>\n");
    }
    writeln!(out, "</tbody></table></div>")
}

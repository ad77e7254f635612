//! `tongtu docs` and `tongtu completions`.

use crate::run::tongtu;

#[test]
fn the_page_of_formats_is_whole_and_the_same_in_every_language() {
    let ran = tongtu(&["docs", "formats"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("# Formats\n") && ran.out.ends_with("|\n"));
    assert_eq!(tongtu(&["docs", "formats", "--lang", "zh"]).out, ran.out);
    let specs = tongtu_ride_code::layout::SPECS.iter();
    for spec in specs.chain(tongtu_exchange_file::SPECS) {
        let heading = format!("\n### {} — {} bytes\n", spec.name, spec.len);
        assert_eq!(ran.out.matches(&heading).count(), 1, "{heading}");
        for field in spec.fields {
            assert!(
                ran.out.contains(&format!("| `{}` |", field.name)),
                "{}",
                field.name
            );
        }
    }
    for (tag, _, zh) in tongtu_ride_code::record::TAGS {
        assert!(ran.out.contains(&format!("| {tag:04X} | ")) && ran.out.contains(zh));
    }
    for item in tongtu_exchange_file::TAIL_ITEMS {
        assert!(
            ran.out
                .contains(&format!("| {} | `{}` |", item.tag, item.name))
        );
    }
}

#[test]
fn the_page_of_callers_has_every_route_once() {
    let ran = tongtu(&["docs", "callers"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("# Who may call a node\n"));
    for rule in tongtu_callers::TABLE {
        let row = format!("| `{} {}` |", rule.method, rule.pattern);
        assert_eq!(ran.out.matches(&row).count(), 1, "{row}");
    }
}

#[test]
fn every_table_row_has_as_many_cells_as_its_head() {
    let ran = tongtu(&["docs", "formats"]);
    let mut cells_of_head = None;
    let mut rows = 0;
    for line in ran.out.lines() {
        if !line.starts_with('|') {
            cells_of_head = None;
            continue;
        }
        let cells = line.replace("\\|", "").matches('|').count();
        assert_eq!(*cells_of_head.get_or_insert(cells), cells, "{line}");
        rows += 1;
    }
    assert!(rows > 100, "{rows}");
}

#[test]
fn the_tables_are_there_for_programs_too() {
    let answer = tongtu(&["docs", "formats", "--json"]).json();
    let guide = &answer["records"][0];
    assert_eq!(
        (&guide["name"], &guide["length"]),
        (&"Guide".into(), &3.into())
    );
    let field = serde_json::json!({
        "name": "body_len", "offset": 1, "length": 2, "form": "B", "certainty": "std",
        "title_en": "data length: total length - 3", "title_zh": "二维码数据长度",
    });
    assert_eq!(guide["fields"][1], field);
    assert_eq!(answer["ride_record_tags"][0]["tag"], "0001");
    assert_eq!(answer["tail_items"][0]["tag"], "2001");
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = tongtu(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        for word in ["tongtu", "conform", "issuer", "fare"] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
        let answer = tongtu(&["completions", shell, "--json"]).json();
        assert_eq!(
            (&answer["shell"], &answer["script"]),
            (&shell.into(), &ran.out.into())
        );
    }
    let zh = tongtu(&["completions", "fish", "--lang", "zh"]);
    assert!(
        zh.out.contains("按规定次序做终端的 21 项核验"),
        "{}",
        zh.out
    );
    let ran = tongtu(&["completions", "tcsh"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
}

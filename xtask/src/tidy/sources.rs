//! Rules for the text of single files.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};

use super::{Finding, secrets};
use crate::repo::Repo;

/// Longer than this, a source file has more than one subject.
const LINES_MAX: usize = 900;

/// Words that mean "not finished" or "not run". Written in two parts, so that this file passes.
const UNFINISHED: &[(&str, &str)] = &[
    (concat!("todo", "!("), "finish it, or leave the feature out"),
    (
        concat!("unimplemented", "!("),
        "finish it, or leave the feature out",
    ),
    (concat!("dbg", "!("), "take it out"),
    (concat!("#[ig", "nore"), "a test runs or is deleted"),
    (
        concat!("#[should", "_panic"),
        "return the error as a value and compare it",
    ),
];

/// Where folders of somebody's machine begin. A name that only ends this way, such as a route
/// `/keys/root/`, is not meant.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Endings of files that are text for people.
const TEXT_ENDINGS: &[&str] = &[
    "rs", "toml", "md", "json", "yml", "yaml", "html", "css", "js", "ts", "svg", "sql", "sh",
    "txt", "svelte", "fare",
];

/// Endings that are text even under `vectors/`, where other files keep the bytes of their origin.
const TEXT_AMONG_VECTORS: &[&str] = &["rs", "toml", "md", "json"];

/// Files without an ending that are text.
const TEXT_NAMES: &[&str] = &["LICENSE", ".gitignore", ".gitattributes", "run"];

/// Where the names of standards are registered.
const REGISTER: &str = "docs/sources.md";

/// How the names of standards begin.
const BODIES: &[&str] = &[
    "JT/T ", "JR/T ", "CJ/T ", "GB/T ", "GM/T ", "GB ", "ISO/IEC ", "ISO ", "RFC ",
];

/// Checks every text file.
pub(super) fn check(repo: &Repo, files: &[String]) -> Result<Vec<Finding>> {
    let register = fs::read_to_string(repo.path(REGISTER))
        .with_context(|| format!("cannot read {REGISTER}"))?;
    let register: BTreeSet<&str> = register.lines().flat_map(standards_in).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_text(file)) {
        let bytes = fs::read(repo.path(file)).with_context(|| format!("cannot read {file}"))?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                findings.extend(check_text(file, &text));
                if file.ends_with(".rs") {
                    findings.extend(check_citations(file, &text, &register));
                    findings.extend(secrets::check(file, &text));
                }
                if file.ends_with(".md") {
                    findings.extend(check_links(file, &text, |path| repo.path(path).exists()));
                }
            }
            Err(_) => findings.push(Finding::new(
                file,
                0,
                "not UTF-8",
                "save it as UTF-8, or keep it under a vectors/ folder with another ending",
            )),
        }
    }
    Ok(findings)
}

fn is_text(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let endings = if file.contains("vectors/") {
        TEXT_AMONG_VECTORS
    } else {
        TEXT_ENDINGS
    };
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => endings.contains(&ending),
        _ => TEXT_NAMES.contains(&name),
    }
}

fn check_text(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rust = file.ends_with(".rs");
    let line_count = text.lines().count();
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(
            file,
            line_count,
            "no newline at the end",
            "add one",
        ));
    }
    if rust && line_count > LINES_MAX {
        findings.push(Finding::new(
            file,
            LINES_MAX + 1,
            format!("{line_count} lines, more than {LINES_MAX}"),
            "split it by subject",
        ));
    }
    for (index, line) in text.split('\n').enumerate() {
        let mut found = |what: String, remedy: &str| {
            findings.push(Finding::new(file, index + 1, what, remedy));
        };
        if line.ends_with('\r') {
            found(String::from("a CR LF line end"), "save it with LF");
        }
        if rust && line.contains('\t') {
            found(
                String::from("a tab"),
                "use spaces, or write \\t in a string",
            );
        }
        if rust && let Some((word, remedy)) = unfinished(line) {
            found(format!("`{word}` is left"), remedy);
        }
        if let Some(folder) = machine_folder(line) {
            found(
                format!("`{folder}` is a folder of somebody's machine"),
                "use a path from the root of the repository",
            );
        }
    }
    findings
}

fn unfinished(line: &str) -> Option<(&'static str, &'static str)> {
    // Prose may speak of these words.
    if line.trim_start().starts_with("//") {
        return None;
    }
    UNFINISHED.iter().copied().find(|(word, _)| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

fn machine_folder(line: &str) -> Option<&'static str> {
    MACHINE_FOLDERS.iter().copied().find(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "_-.}*~/".contains(c))
        })
    })
}

/// Checks that a page's links into the repository lead somewhere.
fn check_links(file: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for link in line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains(':') || exists(&format!("{folder}/{path}")) {
                continue;
            }
            findings.push(Finding::new(
                file,
                index + 1,
                format!("the link to `{path}` leads nowhere"),
                "correct it, or make the page (docs/formats.md: `cargo xtask docs`)",
            ));
        }
    }
    findings
}

fn check_citations(file: &str, text: &str, register: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for name in standards_in(line)
            .into_iter()
            .filter(|name| !register.contains(name))
        {
            findings.push(Finding::new(
                file,
                index + 1,
                format!("`{name}` is not registered"),
                format!("use a name of {REGISTER}, or register it there with its edition"),
            ));
        }
    }
    findings
}

/// The standards that a line names, each with its number and, if given, its edition.
fn standards_in(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for body in BODIES {
        for (at, _) in line.match_indices(body) {
            let before = line[..at].chars().next_back();
            let number = &line[at + body.len()..];
            if before.is_some_and(char::is_alphanumeric)
                || !number.starts_with(|c: char| c.is_ascii_digit())
            {
                continue;
            }
            let end = number
                .find(|c: char| !c.is_ascii_alphanumeric() && !".:-".contains(c))
                .unwrap_or(number.len());
            let number = number[..end].trim_end_matches(['.', ':', '-']);
            found.push(&line[at..at + body.len() + number.len()]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(file: &str, text: &str, expected: &[(usize, &str)]) {
        let findings = check_text(file, text);
        assert_eq!(findings.len(), expected.len(), "{file}: {findings:?}");
        for (finding, (line, word)) in findings.iter().zip(expected) {
            assert_eq!(finding.line, *line, "{finding}");
            assert!(finding.what.contains(word), "{finding}");
        }
    }

    #[test]
    fn good_text_passes() {
        finds("a/src/lib.rs", "//! Good.\n\nfn good() {}\n", &[]);
        finds("README.md", "# Good\n\ttabs are fine here\n", &[]);
        finds("empty.md", "", &[]);
    }

    #[test]
    fn finds_form_by_line() {
        finds("a.md", "one\ntwo", &[(2, "no newline")]);
        finds("a.md", "one\r\ntwo\n", &[(1, "CR LF")]);
        finds("a.rs", "fn a() {\n\tb()\n}\n", &[(2, "a tab")]);
    }

    #[test]
    fn finds_what_is_not_finished_or_not_run() {
        for (word, _) in UNFINISHED {
            finds(
                "a.rs",
                &format!("fn a() {{\n    {word}\n}}\n"),
                &[(2, word)],
            );
            finds("a.rs", &format!("    // {word} is not allowed\n"), &[]);
            finds("a.md", &format!("{word}\n"), &[]);
        }
        finds("a.rs", concat!("my_to", "do!(1);\n"), &[]);
    }

    #[test]
    fn finds_a_file_that_is_too_long() {
        finds("a.rs", &"// line\n".repeat(LINES_MAX), &[]);
        finds(
            "a.rs",
            &"// line\n".repeat(LINES_MAX + 1),
            &[(LINES_MAX + 1, "901 lines")],
        );
        finds("a.md", &"line\n".repeat(LINES_MAX + 1), &[]);
    }

    #[test]
    fn finds_folders_of_a_machine_but_not_routes() {
        for folder in MACHINE_FOLDERS {
            finds(
                "a.md",
                &format!("see {folder}me/notes.md\n"),
                &[(1, folder)],
            );
            finds(
                "a.toml",
                &format!("path = \"{folder}me\"\n"),
                &[(1, folder)],
            );
            finds("a.rs", &format!("// GET /keys{folder}current\n"), &[]);
        }
    }

    #[test]
    fn reads_the_names_of_standards() {
        let line = "see JT/T 978.4-2015 §7.3, `GB/T 32918.5`; ISO/IEC 20830:2021. RFC 6979: nonces";
        assert_eq!(
            standards_in(line),
            [
                "JT/T 978.4-2015",
                "GB/T 32918.5",
                "ISO/IEC 20830:2021",
                "RFC 6979"
            ]
        );
        assert_eq!(
            standards_in("8 GB memory, RFC numbers, 16GB 1"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_cited_standard_is_registered() {
        let register = BTreeSet::from(["JT/T 978.4-2015"]);
        assert!(check_citations("a.rs", "// JT/T 978.4-2015 §7.3\n", &register).is_empty());
        let without_edition = concat!("\n// JT", "/T 978.4 §7.3\n");
        let findings = check_citations("a.rs", without_edition, &register);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 2);
    }

    #[test]
    fn a_link_leads_somewhere() {
        let text = "[a](there.md), [b](gone.md#part)\n[c](https://example.org/x) [d](#part)\n";
        let findings = check_links("docs/a.md", text, |path| path == "docs/there.md");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].line == 1 && findings[0].what.contains("gone.md"));
        assert!(check_links("a.md", "[a](b.md)\n", |path| path == "./b.md").is_empty());
    }

    #[test]
    fn vectors_keep_the_bytes_of_their_origin() {
        assert!(is_text("protocol/exchange-file/vectors/cl.toml"));
        assert!(!is_text("protocol/exchange-file/vectors/cl.txt"));
        assert!(is_text("docs/notes.txt") && is_text(".ci/run") && is_text("LICENSE"));
        assert!(!is_text("docs/code.png") && !is_text("Cargo.lock"));
    }
}

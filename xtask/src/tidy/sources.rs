//! Rules for the text of single files.

use std::fs;

use anyhow::{Context as _, Result};

use super::Finding;
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
    "txt", "svelte",
];

/// Endings that are text even under `vectors/`, where other files keep the bytes of their origin.
const TEXT_AMONG_VECTORS: &[&str] = &["rs", "toml", "md", "json"];

/// Files without an ending that are text.
const TEXT_NAMES: &[&str] = &["LICENSE", ".gitignore", ".gitattributes", "run"];

/// Checks every text file.
pub(super) fn check(repo: &Repo, files: &[String]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_text(file)) {
        let bytes = fs::read(repo.path(file)).with_context(|| format!("cannot read {file}"))?;
        match String::from_utf8(bytes) {
            Ok(text) => findings.extend(check_text(file, &text)),
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
    fn vectors_keep_the_bytes_of_their_origin() {
        assert!(is_text("protocol/exchange-file/vectors/cl.toml"));
        assert!(!is_text("protocol/exchange-file/vectors/cl.txt"));
        assert!(is_text("docs/notes.txt") && is_text(".ci/run") && is_text("LICENSE"));
        assert!(!is_text("docs/code.png") && !is_text("Cargo.lock"));
    }
}

//! Types that hold secrets do not derive `Debug`, since what derives it prints its fields.
//!
//! Here: which fields are taken for secrets, by their types and their names, and the finding of
//! them in the text of a file. What it cannot see is a secret under an innocent name; tests look
//! through what programs print.

use super::Finding;

/// Types that are used for secrets alone, and print them.
const TYPES: &[&str] = &["Zeroizing<", "KeyBytes"];

/// Names of secrets, alone or behind `_`, where the type is bytes.
const OF_BYTES: &[&str] = &[
    "key",
    "master",
    "seed",
    "secret",
    "pin",
    "passphrase",
    "password",
];

/// Names of secrets where the type is text; a `key` of text is the name of a file or a row.
const OF_TEXT: &[&str] = &["pin", "passphrase", "password", "secret"];

const BYTES: &[&str] = &[
    "[u8; 8]",
    "[u8; 16]",
    "[u8; 24]",
    "[u8; 32]",
    "Vec<u8>",
    "Box<[u8]>",
];

/// Beside the product: models of cards and keys that are written for tests.
const APART: &[&str] = &["kit/testkit/", "xtask/"];

/// Checks the text of one Rust file.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let is_test = file.contains("/tests/") || file.contains("/benches/");
    if is_test || APART.iter().any(|folder| file.starts_with(folder)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while at < lines.len() {
        let (derives, next) = derives_debug(&lines, at);
        at = next;
        if derives {
            let item = lines[at..].iter().position(|line| is_item(line));
            at += item.unwrap_or(lines.len() - at);
            let end = at + body(&lines[at..]);
            for (index, line) in lines.iter().enumerate().take(end).skip(at) {
                if let Some(field) = secret_in(line) {
                    findings.push(Finding::new(
                        file,
                        index + 1,
                        format!("`{field}` is a secret in a type that derives Debug"),
                        "write Debug by hand, or hold it in a type that does not print it",
                    ));
                }
            }
            at = end;
        }
    }
    findings
}

/// Whether an attribute that begins on this line derives `Debug`; the line behind it.
fn derives_debug(lines: &[&str], at: usize) -> (bool, usize) {
    if !lines[at].trim_start().starts_with("#[derive(") {
        return (false, at + 1);
    }
    let len = lines[at..].iter().position(|line| line.contains(")]"));
    let next = len.map_or(lines.len(), |len| at + len + 1);
    let names = lines[at..next].concat();
    let mut names = names.split(|c: char| !c.is_alphanumeric());
    (names.any(|name| name == "Debug"), next)
}

/// Whether an item begins here, and not a comment or an attribute beside it.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with("//") && (line.contains("struct ") || line.contains("enum "))
}

/// How many lines an item takes: one, or up to the bracket at its own indentation.
fn body(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    if first.trim_end().ends_with([';', '}']) {
        return 1;
    }
    let indent = first.len() - first.trim_start().len();
    let closes = |line: &&str| {
        let own = line.len() - line.trim_start().len();
        own == indent && line.trim_start().starts_with(['}', ')'])
    };
    lines
        .iter()
        .skip(1)
        .position(closes)
        .map_or(lines.len(), |len| len + 2)
}

/// What of a line is a field that holds a secret.
fn secret_in(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with("//") {
        return None;
    }
    if TYPES.iter().any(|name| line.contains(name)) {
        return Some(line.trim_end_matches(','));
    }
    let (name, kind) = line.split_once(": ")?;
    let name = name.rsplit(' ').next()?;
    let is_one = |words: &[&str]| {
        let mut ends = words.iter().filter_map(|word| name.strip_suffix(word));
        ends.any(|rest| rest.is_empty() || rest.ends_with('_')) && !name.contains("public")
    };
    let is_bytes = BYTES.iter().any(|bytes| kind.contains(bytes));
    let is_secret = is_bytes && is_one(OF_BYTES) || kind.contains("String") && is_one(OF_TEXT);
    is_secret.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the findings.
    fn found(text: &str) -> Vec<usize> {
        let findings = check("stores/x/src/lib.rs", text);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_secret_under_a_derived_debug_is_found_by_its_line() {
        for text in [
            "#[derive(Debug)]\nstruct A {\n    /// Said.\n    key: [u8; 16],\n}\n",
            "#[derive(Clone, Debug)]\n#[serde(x)]\npub struct A {\n    pub(crate) sam_key: Option<Vec<u8>>,\n}\n",
            "#[derive(\n    Debug, Clone\n)]\nstruct A(Zeroizing<Vec<u8>>);\n",
            "#[derive(Debug)]\n/// Said.\nenum A {\n    B { pin: String },\n}\n",
            "#[derive(Debug)]\nstruct A<T> {\n    a: T,\n    passphrase: Option<String>,\n}\n",
            "#[derive(Debug)]\npub enum A {\n    B,\n    Held(Zeroizing<[u8; 32]>),\n}\n",
        ] {
            assert_eq!(found(text), [4], "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_or_not_printed_passes() {
        for text in [
            "struct A {\n    key: [u8; 16],\n}\n",
            "#[derive(Clone)]\nstruct A {\n    key: [u8; 16],\n}\n",
            "#[derive(Debug)]\nstruct A;\nstruct B {\n    key: [u8; 16],\n}\n",
            "#[derive(Debug)]\nstruct A(u8);\nstruct B(Zeroizing<u8>);\n",
            "#[derive(Debug)]\nstruct A {\n    public_key: [u8; 32],\n    key: String,\n}\n",
            "#[derive(Debug)]\nstruct A {\n    passphrase_file: String,\n    key_number: u32,\n}\n",
            "#[derive(Debug)]\nstruct A {\n    key: SecretKey,\n    pin: Option<Pin>,\n}\n",
        ] {
            assert_eq!(found(text), [0; 0], "{text}");
        }
    }
}

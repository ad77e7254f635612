//! Looks for what must not be there, in every form that a program may give it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use aho_corasick::AhoCorasick;
use tongtu_codec::{base64_encode, hex_encode};

/// Something that must not be found.
#[derive(Clone)]
pub(super) struct Secret {
    /// What it is, for whoever reads of a finding; never the thing itself.
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// Key bytes.
    Key(Vec<u8>),
    /// Half of a key, too short for the longer forms.
    Half(Vec<u8>),
    /// Digits: a card's number, a PIN.
    Digits(String),
    /// Words.
    Text(String),
}

impl Secret {
    pub(super) fn new(name: impl Into<String>, kind: Kind) -> Self {
        let name = name.into();
        Self { name, kind }
    }

    /// Every form, with its name.
    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        match &self.kind {
            Kind::Key(bytes) => of_bytes(bytes),
            Kind::Half(bytes) => of_half(bytes),
            Kind::Digits(digits) => of_digits(digits),
            Kind::Text(text) => of_text(text),
        }
    }
}

fn of_half(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("raw", bytes.to_vec()),
        ("hex", hex_encode(bytes).into_bytes()),
        ("HEX", hex_encode(bytes).to_uppercase().into_bytes()),
        ("reversed", bytes.iter().rev().copied().collect()),
    ]
}

fn of_bytes(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = of_half(bytes);
    let spaced = |case: fn(&u8) -> String| bytes.iter().map(case).collect::<Vec<_>>();
    let lower = spaced(|byte| format!("{byte:02x}"));
    let upper = spaced(|byte| format!("{byte:02X}"));
    forms.push(("hex with spaces", lower.join(" ").into_bytes()));
    forms.push(("HEX with spaces", upper.join(" ").into_bytes()));
    forms.push(("decimal", spaced(|byte| byte.to_string()).join(", ").into()));
    for word in [4, 8] {
        let words = bytes.chunks(word).flat_map(|word| word.iter().rev());
        forms.push(("words of the other endian", words.copied().collect()));
    }
    forms.extend(of_base64(bytes));
    forms
}

/// As it stands in Base64 of itself and of anything that holds it.
fn of_base64(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut framed = vec![0; before];
        framed.extend_from_slice(bytes);
        // Characters that are of the bytes alone.
        let from = (before * 8_usize).div_ceil(6);
        let to = framed.len() * 8 / 6;
        let text = base64_encode(&framed)[from..to].to_owned();
        let for_urls = text.replace('+', "-").replace('/', "_");
        forms.push(("Base64", text.into_bytes()));
        forms.push(("Base64 for URLs", for_urls.into_bytes()));
    }
    forms
}

fn of_text(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = of_bytes(text.as_bytes());
    let wide = text.encode_utf16().flat_map(u16::to_le_bytes);
    forms.push(("UTF-16", wide.collect()));
    forms
}

fn of_digits(digits: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = of_text(digits);
    let fours: Vec<&str> = (0..digits.len())
        .step_by(4)
        .map(|at| &digits[at..digits.len().min(at + 4)])
        .collect();
    forms.push(("in fours", fours.join(" ").into_bytes()));
    forms.push(("in fours with dashes", fours.join("-").into_bytes()));
    let even = digits.len().is_multiple_of(2);
    let packed = |text: String| tongtu_codec::hex_decode(&text).expect("digits and a filler");
    let mut codes = vec![packed(if even {
        digits.into()
    } else {
        format!("0{digits}")
    })];
    if !even {
        codes.push(packed(format!("{digits}f")));
    }
    for code in codes {
        forms.push(("BCD", code.clone()));
        forms.push(("BCD reversed", code.iter().rev().copied().collect()));
        let decimal: Vec<_> = code.iter().map(ToString::to_string).collect();
        forms.push(("BCD in decimal", decimal.join(", ").into_bytes()));
        let spaced: Vec<_> = code.iter().map(|byte| format!("{byte:02X}")).collect();
        forms.push(("BCD with spaces", spaced.join(" ").into_bytes()));
        forms.extend(of_base64(&code));
    }
    if let Ok(number) = digits.parse::<u64>()
        && digits.len() > 12
    {
        forms.push(("number", number.to_be_bytes().to_vec()));
        forms.push(("number, little endian", number.to_le_bytes().to_vec()));
    }
    forms
}

/// Searches for many secrets at once.
pub(super) struct Scanner {
    automaton: AhoCorasick,
    /// Of each pattern: whose it is, and which form.
    names: Vec<(String, &'static str)>,
}

/// What was found, and how often: name, form, first place.
pub(super) type Findings = BTreeMap<(String, &'static str), (usize, u64)>;

impl Scanner {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        // Of one form, the first secret that has it: halves may be common to two keys.
        let mut patterns: BTreeMap<Vec<u8>, (String, &'static str)> = BTreeMap::new();
        for secret in secrets {
            for (form, pattern) in secret.forms() {
                let name = (secret.name.clone(), form);
                patterns.entry(pattern).or_insert(name);
            }
        }
        let automaton = AhoCorasick::new(patterns.keys()).unwrap();
        Self {
            automaton,
            names: patterns.into_values().collect(),
        }
    }

    pub(super) fn patterns(&self) -> usize {
        self.names.len()
    }

    fn stream(&self, from: impl Read) -> Findings {
        let mut findings = Findings::new();
        for found in self.automaton.stream_find_iter(from) {
            let found = found.unwrap();
            let name = self.names[found.pattern().as_usize()].clone();
            let at = u64::try_from(found.start()).unwrap();
            findings.entry(name).or_insert((0, at)).0 += 1;
        }
        findings
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Findings {
        self.stream(bytes)
    }

    pub(super) fn file(&self, path: &Path) -> Findings {
        self.stream(File::open(path).unwrap())
    }

    /// Looks through a file, or a folder and all in it; what was found, by file, and how many
    /// bytes were looked at.
    pub(super) fn tree(&self, path: &Path) -> (Vec<String>, u64) {
        let data = std::fs::symlink_metadata(path).unwrap();
        if data.is_file() {
            let findings = self.file(path);
            let told = findings.iter().map(|((name, form), (times, at))| {
                format!(
                    "{}: {name} as {form}, {times} times, first at {at}",
                    path.display()
                )
            });
            return (told.collect(), data.len());
        }
        let (mut told, mut bytes) = (Vec::new(), 0);
        if data.is_dir() {
            let mut inside: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            inside.sort();
            for path in inside {
                let (more, len) = self.tree(&path);
                told.extend(more);
                bytes += len;
            }
        }
        (told, bytes)
    }
}

#[test]
fn every_form_of_a_planted_secret_is_found() {
    let secrets = [
        Secret::new("key", Kind::Key((1..=32).collect())),
        Secret::new("half", Kind::Half(vec![0xA1, 0xB2, 0xC3, 0xD4, 1, 2, 3, 9])),
        Secret::new("number", Kind::Digits("3101000099999000017".into())),
        Secret::new("PIN", Kind::Digits("739146280517".into())),
        Secret::new("passphrase", Kind::Text("correct horse".into())),
    ];
    let scanner = Scanner::new(&secrets);
    for secret in &secrets {
        for (form, pattern) in secret.forms() {
            let mut medium = vec![0x55; 70_000];
            medium.extend_from_slice(&pattern);
            medium.extend_from_slice(&[0x55; 100]);
            let found = scanner.bytes(&medium);
            assert!(!found.is_empty(), "{} as {form}", secret.name);
            if form == "raw" {
                // Other forms hold each other in part.
                let spoilt = &medium[..70_000 + pattern.len() - 1];
                assert!(scanner.bytes(spoilt).is_empty(), "{}", secret.name);
            }
        }
    }
    // What encloses it does not hide it, in Base64 either.
    for before in 0..5 {
        let mut blob = vec![0xEE; before];
        blob.extend(1..=32);
        blob.extend([0xEE; 7]);
        let found = scanner.bytes(base64_encode(&blob).as_bytes());
        assert_eq!(found.len(), 1, "{before}");
    }
}

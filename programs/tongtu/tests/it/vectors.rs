//! Our conformance vectors: made here, kept in `protocol/ride-code/vectors/conform.json`.
//!
//! SM2 nonces are derived from key and message, so the same program makes the same bytes. To write
//! the file anew: `TONGTU_WRITE_VECTORS=1 cargo test -p tongtu vectors`.

mod accepted;
mod refused;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use tongtu_codec::hex_encode;

use crate::cases::{Case, Context, FARE, Maker, RootEntry, T0};
use crate::run::{published, tongtu};

/// Where the vectors are kept.
pub(crate) const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../protocol/ride-code/vectors/conform.json"
);

/// Five seconds after the code was made.
const SOON: i64 = T0 + 5;

struct Cases(Vec<Case>);

impl Cases {
    /// A case of the usual moment and fare.
    fn add(&mut self, expect: &str, name: &str, code: &[u8]) {
        self.at(expect, name, code, SOON);
    }

    /// A case of another moment.
    fn at(&mut self, expect: &str, name: &str, code: &[u8], now: i64) {
        self.full(expect, name, code, Some(now), FARE, None);
    }

    /// A case with another fare.
    fn fare(&mut self, expect: &str, name: &str, code: &[u8], fare: i64) {
        self.full(expect, name, code, Some(SOON), fare, None);
    }

    /// A case with a context of its own.
    fn within(&mut self, expect: &str, name: &str, code: &[u8], now: i64, context: Context) {
        self.full(expect, name, code, Some(now), FARE, Some(context));
    }

    fn full(
        &mut self,
        expect: &str,
        name: &str,
        code: &[u8],
        now: Option<i64>,
        fare_fen: i64,
        context: Option<Context>,
    ) {
        self.0.push(Case {
            name: format!("{expect} {name}"),
            expect: expect.to_owned(),
            now,
            fare_fen,
            hex: hex_encode(code),
            context,
        });
    }
}

fn published_root() -> RootEntry {
    RootEntry {
        index: 2,
        cert_hex: published("root"),
    }
}

/// The file, one case a line.
fn file() -> String {
    let maker = Maker::new();
    let mut cases = Cases(Vec::new());
    accepted::accepted(&mut cases, &maker);
    accepted::framed(&mut cases, &maker);
    accepted::certificates(&mut cases, &maker);
    refused::users(&mut cases, &maker);
    refused::signatures(&mut cases, &maker);
    refused::lists(&mut cases, &maker);
    refused::precedence(&mut cases, &maker);
    let context = Context {
        roots: Some(vec![published_root()]),
        accepted_issuers: Some(vec!["01341000"]),
        future_skew_s: Some(20),
        max_validity_s: Some(1200),
        account_interval_s: Some(2),
        min_trusted_clock: Some(1_577_836_800),
        service_id: Some("01010000"),
        ..Context::default()
    };
    let context = serde_json::to_string(&context).unwrap();
    let mut text = format!("{{\n  \"context\": {context},\n  \"cases\": [\n");
    for (index, case) in cases.0.iter().enumerate() {
        let comma = if index + 1 == cases.0.len() { "" } else { "," };
        let case = serde_json::to_string(case).unwrap();
        writeln!(text, "    {case}{comma}").unwrap();
    }
    text + "  ]\n}\n"
}

#[test]
fn the_vectors_are_those_that_this_program_makes() {
    let fresh = file();
    if std::env::var_os("TONGTU_WRITE_VECTORS").is_some() {
        std::fs::write(Path::new(FILE), &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(FILE).unwrap();
    let differs = kept.lines().zip(fresh.lines()).position(|(a, b)| a != b);
    assert_eq!(differs, None, "0-based line; see the head of this module");
    assert_eq!(kept.len(), fresh.len());
}

#[test]
fn the_vectors_agree_and_cover_every_verdict() {
    let ran = tongtu(&["code", "conform", FILE, "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let answer = ran.json();
    let cases = answer["cases"].as_array().unwrap();
    assert!(cases.len() >= 60, "{}", cases.len());
    assert_eq!(answer["differ"], 0);
    // One case is about a spoilt root and one about a code refused before; anywhere else a
    // complaint would mean a case that tests nothing.
    let roots = answer["roots_not_loaded"].as_array().unwrap();
    assert_eq!(roots.len(), 1, "{roots:?}");
    let refused = answer["previous_refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0]["reason"].as_str().unwrap().starts_with("R12 "));
    let expected = |case: &serde_json::Value| case["expected"].as_str().unwrap().to_owned();
    let verdicts: BTreeSet<_> = cases.iter().map(expected).collect();
    let all: BTreeSet<_> = (0..=20).map(|number| format!("R{number:02}")).collect();
    assert_eq!(verdicts, all);
    let names: BTreeSet<_> = cases.iter().map(|case| case["name"].to_string()).collect();
    assert_eq!(names.len(), cases.len(), "a name is there twice");
}

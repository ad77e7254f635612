//! What targets begin with: published and golden vectors, and test keys. No bytes of a person's.

use std::path::PathBuf;

use tongtu_codec::hex_decode;
use tongtu_crypto::SecretKey;
use tongtu_envelope::{CallerNumber, Draft, Envelope, Kind};
use tongtu_symbol::{DPI_MIN, Display, QrEncoder, SIDE_MM_MIN, SymbolEncoder as _, render_png};
use tongtu_tap_record::TapRecord;
use tongtu_types::InstitutionCode;

use crate::fixture::{Fixture, T0};

/// A target, the name of a seed, and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// The folder of a target's seeds.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target)
}

/// Where a seed lies.
#[must_use]
pub fn path(target: &str, name: &str) -> PathBuf {
    folder(target).join(name)
}

/// All seeds.
pub fn all() -> impl Iterator<Item = Seed> {
    let key = SecretKey::from_bytes(&[7; 32]).expect("in range");
    let signature = key.sign(b"seed").0;
    let mut out = Vec::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| out.push((target, name.to_owned(), bytes));
    for (number, claim) in claims().into_iter().enumerate() {
        let bytes = [&[7; 32], &claim[..]].concat();
        add("sm2_verify", &format!("claim-{number}"), bytes);
    }
    add("sm2_verify", "own", [&[7; 32], &signature[..]].concat());
    add(
        "sm2_keys",
        "compressed",
        key.public().to_compressed().repeat(5),
    );
    add("sm2_keys", "whole", key.public().to_xy().to_vec());
    add("sm2_sign", "messages", [7; 60].to_vec());
    add("digests", "bytes", (0..=255).collect());
    for (number, len) in [16usize, 45, 300].into_iter().enumerate() {
        add(
            "proofs",
            &format!("lengths-{number}"),
            (0..=255).cycle().take(len).collect(),
        );
    }
    let code = Fixture::new().code_at(T0).as_bytes().to_vec();
    add("ride_scan", "code", code.clone());
    add("ride_parse", "code", code);
    for name in [
        "root",
        "issuer_certificate",
        "code_a",
        "code_b",
        "national_root",
    ] {
        add("ride_parse", name, crate::fixture::published(name));
    }
    add(
        "ride_signed",
        "limit",
        [vec![0; 180], vec![1, 2, 3, 4]].concat(),
    );
    let select = hex_decode("00A4040008A000000632010105").expect("hex");
    add("purse", "record", [&[0, 0x27, 1][..], &[0; 40]].concat());
    add(
        "purse",
        "answer",
        [
            &[1][..],
            &hex_decode("6F0A8408A000000632010105").expect("hex"),
        ]
        .concat(),
    );
    add(
        "purse",
        "balance",
        [&[2][..], &hex_decode("805C000204").expect("hex")].concat(),
    );
    add("codecs", "select", [&[0][..], &select].concat());
    add(
        "codecs",
        "explained",
        [&[1, 13][..], &select, &[0x90, 0]].concat(),
    );
    add(
        "codecs",
        "envelope",
        [&[3][..], b"TTEV", &[1, 1], &[0; 200]].concat(),
    );
    add(
        "codecs",
        "record",
        [&[5][..], b"TTCR", &[1, 2, 2, 1, 0]].concat(),
    );
    // What is refused at its head shows a fuzzer nothing of what lies behind it.
    let name = b"CQ260102031500113410000000000007A";
    let content = b"01\r\n0000002026010211341000   0417FFFFFFFFFFFFFFFFFFFF\r\n";
    let file = [&[4, 33][..], name, content].concat();
    add("codecs", "file", file);
    add(
        "codecs",
        "sealed",
        [&[3][..], &sealed().encode().expect("as wide")].concat(),
    );
    add("codecs", "tap", [&[5][..], &tap()].concat());
    let modules = QrEncoder::L.encode(b"seed").expect("it is short");
    let display = Display::new(SIDE_MM_MIN).and_then(|display| display.with_dpi(DPI_MIN));
    let picture = render_png(&modules, &display.expect("a small one"));
    add("symbol", "picture", picture);
    add("symbol", "png", b"\x89PNG\r\n\x1a\n".to_vec());
    add("symbol", "jpeg", b"\xff\xd8\xff\xe0".to_vec());
    out.into_iter()
}

/// A record like the known entry of the tests of tap records.
fn tap() -> Vec<u8> {
    let front = hex_decode(concat!(
        "5454435201020201009000",
        "01011000FFFFFFFF581001010101010101010101581000000001",
        "000001012025060108000058100000000120250601080000",
        "0310489999990000001702905810FFFFFFFF58100001",
        "01000709010100A1B2C3D4000000000000138800001388",
        "00000035B3762C5A59B7B7",
    ));
    let mut bytes = front.expect("hex");
    bytes.resize(TapRecord::LEN, 0);
    bytes[140] = 0x84;
    bytes[141] = 2;
    bytes[144..150].copy_from_slice(b"METRO ");
    bytes[202..212].copy_from_slice(b"0.1_260101");
    bytes
}

/// An envelope of a key that the target does not ask for.
fn sealed() -> Envelope {
    let mut key = SecretKey::from_bytes(&[8; 32]).expect("in range");
    let draft = Draft {
        kind: Kind::Request,
        sender: InstitutionCode::parse("01341000").expect("eight digits"),
        caller: CallerNumber::parse("OP-1").expect("four letters"),
        receiver: InstitutionCode::parse("01345810").expect("eight digits"),
        key: 1,
        made_at: T0,
        life: [1; 8],
        message: [1; 16],
        digest: [0; 32],
    };
    draft.seal(&mut key).expect("the key signs")
}

/// e || r || s of some of the crafted cases, some of which hold.
fn claims() -> Vec<Vec<u8>> {
    let text = include_str!("../../protocol/crypto/tests/vectors/sm2_cases.json");
    let file: serde_json::Value = serde_json::from_str(text).expect("the cases are JSON");
    let cases = file["cases"].as_array().expect("a list of cases");
    let digests = cases.iter().filter(|case| case["kind"] == "digest");
    let hex = |case: &serde_json::Value, what: &str| hex_decode(case[what].as_str()?).ok();
    digests
        .step_by(25)
        .filter_map(|case| Some([hex(case, "e")?, hex(case, "sig")?].concat()))
        .collect()
}

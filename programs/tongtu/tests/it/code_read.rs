//! `tongtu code read`.

use tongtu_codec::{base64_encode, hex_decode};
use tongtu_symbol::{Display, QrEncoder, SymbolEncoder as _, render_png};

use crate::run::{folder, published, tongtu_in};

fn picture(payload: &[u8]) -> Vec<u8> {
    let modules = QrEncoder::L.encode(payload).unwrap();
    render_png(&modules, &Display::default())
}

#[test]
fn symbol_transform_and_bytes_are_said() {
    let folder = folder("read-transforms");
    let hex = published("code_a");
    let raw = hex_decode(&hex).unwrap();
    let widened: String = raw.iter().map(|byte| char::from(*byte)).collect();
    for (payload, version, transform, en, zh) in [
        (raw.clone(), 12, "none", "raw bytes", "原始字节"),
        (
            hex.clone().into_bytes(),
            18,
            "hex",
            "hexadecimal text",
            "十六进制文本",
        ),
        (
            base64_encode(&raw).into_bytes(),
            14,
            "base64",
            "Base64 text",
            "Base64 文本",
        ),
        (
            widened.into_bytes(),
            14,
            "utf8",
            "bytes widened by UTF-8",
            "被按 UTF-8 展开的字节",
        ),
    ] {
        std::fs::write(folder.join("code.png"), picture(&payload)).unwrap();
        let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
        let ran = run(&["code", "read", "code.png"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let mut lines = ran.out.lines();
        assert_eq!(
            lines.next(),
            Some(format!("QR version {version}, level L, {en}").as_str())
        );
        assert_eq!(lines.next(), Some(hex.as_str()));
        assert!(ran.out.contains("single-ride limit, fen"), "described too");
        let ran = run(&["code", "read", "code.png", "--lang", "zh"]);
        let first = format!("QR 版本 {version}，纠错等级 L，{zh}\n");
        assert!(ran.out.starts_with(&first), "{}", ran.out);
        let answer = run(&["code", "read", "code.png", "--json"]).json();
        let symbol = &answer["symbols"][0];
        assert_eq!(
            symbol["symbol"],
            serde_json::json!({"version": version, "level": "L"})
        );
        assert_eq!(
            (&symbol["transform"], &symbol["hex"]),
            (&transform.into(), &hex.clone().into())
        );
        assert_eq!(symbol["kind"], "ride_code");
        assert_eq!(symbol["sections"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn another_code_is_named_and_stdin_is_read() {
    let folder = folder("read-other");
    let image = picture(b"134567890123456789");
    let ran = tongtu_in(&folder, &["code", "read", "-"], &image, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("WeChat payment code, 18 bytes"),
        "{}",
        ran.out
    );
}

#[test]
fn a_picture_without_a_code_is_wrong_use() {
    let folder = folder("read-nothing");
    let good = picture(b"x");
    let mut blank = Vec::new();
    for byte in &good[..64] {
        blank.push(*byte);
    }
    std::fs::write(folder.join("cut.png"), &blank).unwrap();
    std::fs::write(folder.join("note.txt"), "no picture").unwrap();
    for (file, word) in [
        ("cut.png", "PNG image cannot be decoded"),
        ("note.txt", "expected a PNG or JPEG file"),
        ("gone.png", "cannot read `gone.png`"),
        (".", "cannot read `.`"),
    ] {
        let ran = tongtu_in(&folder, &["code", "read", file], b"", &[]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{file}");
        assert!(ran.err.contains(word), "{file}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
}

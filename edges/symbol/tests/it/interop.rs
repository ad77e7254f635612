//! Other people's encoders and decoders: zbar, ZXing and zint, as command-line programs.
//!
//! They are Debian packages (`zbar-tools`, `zxing-cpp-tools`, `zint`) and only run, never linked. A
//! test whose tool is missing says so on stderr and passes, unless `TONGTU_STRICT=1` is set, as it
//! is in CI.
//!
//! Payloads: the two whole ride codes of the reference and 34 made ones, see
//! [`crate::payload::representative`]; none was left out because a tool failed on it.
//!
//! Both decoders are told to look for QR symbols only. Left to themselves they try every symbology
//! on the same picture, and now and then a column of a dense symbol passes for a linear code: of
//! 1600 pictures of random payloads ZXing 1.4 also "found" one in 5, whose digits `-bytes` then
//! prints after the payload, and zbar 0.23 in 2. Restricted to QR, both read all 1600 right. A
//! terminal's scan head needs the same setting.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tongtu_symbol::{Display, EccLevel, Found, QrEncoder, SymbolEncoder, read_image, render_png};

use crate::payload::{code_a, code_b, random, representative};

/// Runs a tool to its end and returns its stdout, or `None` if it is not installed.
fn run(tool: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let outcome = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match outcome {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{tool} {arguments:?}: {} {stderr}",
                output.status
            );
            Some(output.stdout)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let strict = std::env::var_os("TONGTU_STRICT").is_some_and(|value| value == "1");
            assert!(
                !strict,
                "{tool} is not installed, and TONGTU_STRICT=1 demands it"
            );
            #[expect(
                clippy::explicit_write,
                reason = "the harness swallows what a passing test prints with `eprintln`"
            )]
            writeln!(std::io::stderr(), "NOT RUN: {tool} is not installed").unwrap();
            None
        }
        Err(error) => panic!("{tool}: {error}"),
    }
}

/// A folder of this test's own, under the build folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("symbol-interop")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Draws the representative payloads in four displays and has each read by `decoder`.
fn check_decoder(name: &str, decoder: impl Fn(&Path) -> Option<Vec<u8>>) {
    let folder = folder(name);
    let path = folder.join("code.png");
    for (what, payload) in representative() {
        for (encoder, side_mm, dpi, mark) in [
            (QrEncoder::L, 30, 300, true),
            (QrEncoder::L, 20, 72, false),
            (QrEncoder::L, 40, 600, true),
            (QrEncoder::M, 30, 200, true),
        ] {
            let display = Display::new(side_mm)
                .unwrap()
                .with_dpi(dpi)
                .unwrap()
                .with_mark(mark);
            fs::write(
                &path,
                render_png(&encoder.encode(&payload).unwrap(), &display),
            )
            .unwrap();
            let Some(read) = decoder(&path) else { return };
            let level = encoder.level();
            assert!(
                read == payload,
                "{name} read {} bytes, not the {} of {what} at {side_mm} mm, {dpi} dpi, {level}",
                read.len(),
                payload.len(),
            );
        }
    }
}

#[test]
fn zbar_reads_ours() {
    check_decoder("zbarimg", |path| {
        // -Sbinary: bytes, not text. Complaints about a missing message bus go to stderr.
        let settings = [
            "-q",
            "--raw",
            "--oneshot",
            "-Sdisable",
            "-Sqrcode.enable",
            "-Sbinary",
        ];
        run("zbarimg", &[&settings[..], &[text(path)]].concat())
    });
}

#[test]
fn zxing_reads_ours() {
    check_decoder("ZXingReader", |path| {
        // -bytes writes the payload to stdout as it is, without a line end.
        run("ZXingReader", &["-bytes", "-format", "QRCode", text(path)])
    });
}

#[test]
fn we_read_zint() {
    let folder = folder("zint");
    let (input, output) = (folder.join("code.bin"), folder.join("code.png"));
    for (what, payload) in representative() {
        fs::write(&input, &payload).unwrap();
        for scale in ["1", "2.5"] {
            let Some(_) = run(
                "zint",
                &[
                    "--binary",
                    "--barcode=58",
                    "--secure=1",
                    "--scale",
                    scale,
                    "-i",
                    text(&input),
                    "-o",
                    text(&output),
                ],
            ) else {
                return;
            };
            let found = read_image(&fs::read(&output).unwrap());
            let bytes =
                found.map(|found| found.into_iter().map(|one| one.bytes).collect::<Vec<_>>());
            assert!(
                bytes.as_ref() == Ok(&vec![payload.clone()]),
                "{what}, scale {scale}: {bytes:?}"
            );
        }
    }
}

#[test]
fn we_read_every_level_of_zint_with_and_without_quiet_zone() {
    let folder = folder("zint-levels");
    let (input, output) = (folder.join("code.bin"), folder.join("code.png"));
    // The versions are the reference's capacity table; random bytes keep zint in byte mode.
    for (length_bytes, versions) in [(332, [12, 14, 17, 19]), (364, [12, 15, 17, 20])] {
        let payload = random(4, length_bytes);
        fs::write(&input, &payload).unwrap();
        let levels = [EccLevel::L, EccLevel::M, EccLevel::Q, EccLevel::H];
        for ((secure, level), version) in (1..).zip(levels).zip(versions) {
            for quiet in ["--quietzones", "--noquietzones"] {
                let secure = format!("--secure={secure}");
                let arguments = [
                    "--binary",
                    "--barcode=58",
                    &secure,
                    quiet,
                    "--scale=2",
                    "-i",
                ];
                let arguments = [&arguments[..], &[text(&input), "-o", text(&output)]].concat();
                let Some(_) = run("zint", &arguments) else {
                    return;
                };
                let found = read_image(&fs::read(&output).unwrap());
                let expected = Found {
                    bytes: payload.clone(),
                    version,
                    level,
                };
                assert_eq!(
                    found,
                    Ok(vec![expected]),
                    "{length_bytes} bytes, {level}, {quiet}"
                );
            }
        }
    }
}

#[test]
fn ride_codes_survive_zint_to_us_to_zxing() {
    // One code through three programs: drawn by zint, read by us, drawn by us, read by ZXing.
    let folder = folder("chain");
    let (input, output) = (folder.join("code.bin"), folder.join("code.png"));
    for payload in [code_a(), code_b()] {
        fs::write(&input, &payload).unwrap();
        let drawn = [
            "--binary",
            "--barcode=58",
            "--secure=1",
            "-i",
            text(&input),
            "-o",
            text(&output),
        ];
        let Some(_) = run("zint", &drawn) else { return };
        let bytes = read_image(&fs::read(&output).unwrap())
            .unwrap()
            .remove(0)
            .bytes;
        let modules = QrEncoder::L.encode(&bytes).unwrap();
        fs::write(&output, render_png(&modules, &Display::default())).unwrap();
        let read = ["-bytes", "-format", "QRCode", text(&output)];
        let Some(read) = run("ZXingReader", &read) else {
            return;
        };
        assert!(read == payload);
    }
}

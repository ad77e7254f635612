//! What we draw, we read back byte for byte, from every kind of file and after mild abuse.

use proptest::prelude::*;
use tongtu_symbol::{Display, EccLevel, Found, QrEncoder, SymbolEncoder, read_image, render_png};

use crate::payload::{code_a, code_b, random};
use crate::picture::Grey;

fn draw(payload: &[u8], display: &Display) -> Vec<u8> {
    render_png(&QrEncoder::L.encode(payload).unwrap(), display)
}

fn grey(payload: &[u8]) -> Grey {
    Grey::from_png(&draw(payload, &Display::default()))
}

/// Reads `file` and expects exactly one level L symbol with `payload`.
fn check(what: &str, file: &[u8], payload: &[u8]) {
    let expected = Found {
        bytes: payload.to_vec(),
        version: 12,
        level: EccLevel::L,
    };
    assert_eq!(read_image(file), Ok(vec![expected]), "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn png(
        payload in prop::collection::vec(any::<u8>(), 332..=364),
        side_mm in 20_u32..=40,
        dpi in 72_u32..=300,
        mark: bool,
    ) {
        let display = Display::new(side_mm).unwrap().with_dpi(dpi).unwrap().with_mark(mark);
        let file = draw(&payload, &display);
        prop_assert_eq!(&file, &draw(&payload, &display), "same input, same bytes");
        let found = read_image(&file).unwrap();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].bytes, &payload);
        prop_assert_eq!((found[0].version, found[0].level), (12, EccLevel::L));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() })]

    #[test]
    fn jpeg(payload in prop::collection::vec(any::<u8>(), 332..=364), quality in 50_u8..=95) {
        let found = read_image(&grey(&payload).jpeg(quality)).unwrap();
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].bytes, &payload);
    }
}

#[test]
fn ride_codes_at_both_levels() {
    for (payload, version_m) in [(code_a(), 14), (code_b(), 15)] {
        check("level L", &draw(&payload, &Display::default()), &payload);
        let modules = QrEncoder::M.encode(&payload).unwrap();
        let found = read_image(&render_png(&modules, &Display::default()));
        let expected = Found {
            bytes: payload,
            version: version_m,
            level: EccLevel::M,
        };
        assert_eq!(found, Ok(vec![expected]));
    }
}

#[test]
fn every_kind_of_png() {
    use png::BitDepth::{Eight, One, Sixteen};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};

    let payload = code_b();
    let grey = grey(&payload);
    check(
        "grey 1",
        &grey.packed_png(Grayscale, One, &grey.bits(), None),
        &payload,
    );
    check("grey 8", &grey.png(Grayscale, Eight, |g| vec![g]), &payload);
    check(
        "grey 16",
        &grey.png(Grayscale, Sixteen, |g| vec![g, 0x55]),
        &payload,
    );
    check("rgb 8", &grey.png(Rgb, Eight, |g| vec![g, g, g]), &payload);
    check("rgb 16", &grey.png(Rgb, Sixteen, |g| vec![g; 6]), &payload);
    check(
        "rgba 16",
        &grey.png(Rgba, Sixteen, |g| [[g; 6], [255; 6]].concat()[..8].to_vec()),
        &payload,
    );
    check(
        "dark blue on yellow",
        &grey.png(Rgb, Eight, |g| vec![g, g, 40]),
        &payload,
    );
    check("interlaced", &grey.interlaced_png(), &payload);
    let palette = (vec![0, 0, 60, 255, 250, 240], vec![255, 255]);
    check(
        "palette",
        &grey.packed_png(Indexed, One, &grey.bits(), Some(palette)),
        &payload,
    );
    // Black everywhere, the symbol is in the alpha alone: right only if clear pixels are paper.
    check(
        "grey alpha",
        &grey.png(GrayscaleAlpha, Eight, |g| vec![0, 255 - g]),
        &payload,
    );
    check(
        "rgba",
        &grey.png(Rgba, Eight, |g| vec![0, 0, 0, 255 - g]),
        &payload,
    );
    let clear = (vec![0, 0, 0, 0, 0, 0], vec![255, 0]);
    check(
        "clear palette",
        &grey.packed_png(Indexed, One, &grey.bits(), Some(clear)),
        &payload,
    );
}

#[test]
fn every_kind_of_jpeg() {
    let payload = code_b();
    let grey = grey(&payload);
    check("grey", &grey.jpeg(80), &payload);
    check("colour", &grey.color_jpeg(80, false), &payload);
    check("progressive", &grey.color_jpeg(80, true), &payload);
    check("print", &grey.cmyk_jpeg(90), &payload);
}

#[test]
fn mild_abuse() {
    let payload = code_b();
    let grey = grey(&payload);
    let png = |grey: &Grey| grey.png(png::ColorType::Grayscale, png::BitDepth::Eight, |g| vec![g]);
    let mut turned = grey.clone();
    for quarter in 1..=3 {
        turned = turned.turned();
        check(&format!("{quarter} quarter turns"), &png(&turned), &payload);
    }
    check("tilted", &png(&grey.sheared(60)), &payload);
    check("in the shade", &grey.shaded().jpeg(75), &payload);
    // Six pixels a module; with the mark the symbol starts at module row 4 + 10 + 4.
    check(
        "no quiet zone",
        &png(&grey.cropped(24, 18 * 6, 65 * 6)),
        &payload,
    );
    check(
        "on a page",
        &grey.on_page(1700, 1300, 900, 500).jpeg(85),
        &payload,
    );
}

#[test]
fn pictures_beyond_the_search_size_are_halved_first() {
    let payload = code_a();
    let display = Display::new(40).unwrap().with_dpi(1200).unwrap();
    let page = Grey::from_png(&draw(&payload, &display)).on_page(5000, 4000, 1000, 100);
    let file = page.png(png::ColorType::Grayscale, png::BitDepth::Eight, |g| vec![g]);
    check("20 Mpixel", &file, &payload);
}

#[test]
fn all_symbols_of_a_picture_are_read() {
    let payloads = [code_a(), code_b(), random(5, 340)];
    let parts: Vec<Grey> = payloads.iter().map(|payload| grey(payload)).collect();
    let (width, height) = (parts[0].width, parts[0].height);
    let sheet = Grey::from_fn(3 * width, height, |x, y| parts[x / width].at(x % width, y));
    let file = sheet.png(png::ColorType::Grayscale, png::BitDepth::Eight, |g| vec![g]);
    let mut read: Vec<Vec<u8>> = read_image(&file)
        .unwrap()
        .into_iter()
        .map(|found| found.bytes)
        .collect();
    read.sort();
    let mut expected = payloads.to_vec();
    expected.sort();
    assert_eq!(read, expected);
}

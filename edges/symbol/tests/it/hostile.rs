//! Pictures that are broken, huge or made to hurt are refused with an error, never a panic.

use proptest::prelude::*;
use tongtu_symbol::{
    Display, IMAGE_PIXELS_MAX, QrEncoder, SymbolEncoder, SymbolError, read_image, render_png,
};

use crate::payload::{code_a, random};
use crate::picture::{Grey, png_header};

fn file() -> Vec<u8> {
    let display = Display::new(20).unwrap().with_dpi(72).unwrap();
    render_png(&QrEncoder::L.encode(&code_a()).unwrap(), &display)
}

fn grey_png(grey: &Grey) -> Vec<u8> {
    grey.png(png::ColorType::Grayscale, png::BitDepth::Eight, |g| vec![g])
}

#[test]
fn unknown_formats_are_named_as_such() {
    for bytes in [
        &b""[..],
        b"\x89",
        b"\x89PNG",
        b"GIF89a",
        b"%PDF-1.7",
        b"\xff\xd8",
        b"8101",
    ] {
        assert_eq!(
            read_image(bytes),
            Err(SymbolError::UnknownImageFormat),
            "{bytes:x?}"
        );
    }
}

#[test]
fn every_truncation_is_an_error() {
    let file = file();
    // The picture is complete once IDAT is; the twelve bytes of IEND may be missing.
    for length in (8..file.len() - 12).step_by(7) {
        match read_image(&file[..length]) {
            Err(SymbolError::Image { format: "PNG", .. }) => {}
            other => panic!("cut to {length} of {} bytes: {other:?}", file.len()),
        }
    }
}

#[test]
fn claimed_sizes_are_checked_before_memory_is_taken() {
    for (width, height) in [(65_536, 65_536), (1 << 30, 1 << 30), (8193, 8192)] {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.extend(png_header(width, height, 8, 2, 0));
        let expected = SymbolError::ImageTooLarge {
            width,
            height,
            pixels_max: IMAGE_PIXELS_MAX,
        };
        assert_eq!(read_image(&bytes), Err(expected));
    }
    // A real JPEG whose frame header (SOF0: height, then width) claims 65500 x 65500.
    let mut jpeg = Grey::from_fn(64, 64, |_, _| 255).jpeg(80);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let (width, height) = (65_500, 65_500);
    let expected = SymbolError::ImageTooLarge {
        width,
        height,
        pixels_max: IMAGE_PIXELS_MAX,
    };
    assert_eq!(read_image(&jpeg), Err(expected));
}

#[test]
fn pictures_without_a_symbol_say_so() {
    let noise = random(9, 200 * 200);
    for (what, grey) in [
        ("white", Grey::from_fn(300, 300, |_, _| 255)),
        ("black", Grey::from_fn(300, 300, |_, _| 0)),
        ("one pixel", Grey::from_fn(1, 1, |_, _| 0)),
        (
            "one row",
            Grey::from_fn(500, 1, |x, _| if x % 2 == 0 { 0 } else { 255 }),
        ),
        (
            "one column",
            Grey::from_fn(1, 500, |_, y| if y % 2 == 0 { 0 } else { 255 }),
        ),
        ("noise", Grey::from_fn(200, 200, |x, y| noise[y * 200 + x])),
        (
            "very wide",
            Grey::from_fn(60_000, 3, |x, _| if x % 7 < 3 { 0 } else { 255 }),
        ),
    ] {
        assert_eq!(
            read_image(&grey_png(&grey)),
            Err(SymbolError::NoSymbol),
            "{what}"
        );
    }
}

#[test]
fn a_symbol_beyond_repair_is_damaged_not_absent() {
    let mut grey = Grey::from_png(&file());
    // A white patch over 25 x 25 of the 65 x 65 modules, clear of the finder patterns.
    let (px, top) = (3, 18);
    for y in (top + 20) * px..(top + 45) * px {
        for x in 24 * px..49 * px {
            grey.pixels[y * grey.width + x] = 255;
        }
    }
    match read_image(&grey_png(&grey)) {
        Err(SymbolError::Damaged { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn small_damage_is_repaired() {
    let mut grey = Grey::from_png(&file());
    for y in (18 + 30) * 3..(18 + 36) * 3 {
        for x in 34 * 3..40 * 3 {
            grey.pixels[y * grey.width + x] = 255;
        }
    }
    assert_eq!(read_image(&grey_png(&grey)).unwrap()[0].bytes, code_a());
}

#[test]
fn a_page_of_finder_patterns_is_refused() {
    let page = Grey::from_fn(1600, 1200, |x, y| {
        let from_centre = (x % 8).abs_diff(3).max((y % 8).abs_diff(3));
        if from_centre == 3 || from_centre < 2 {
            0
        } else {
            255
        }
    });
    match read_image(&grey_png(&page)) {
        Err(SymbolError::Crowded { .. }) => {}
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn garbage_after_a_magic_number(
        jpeg: bool,
        rest in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let magic: &[u8] = if jpeg { b"\xff\xd8\xff" } else { b"\x89PNG\r\n\x1a\n" };
        let outcome = read_image(&[magic, &rest].concat());
        prop_assert!(outcome.is_err(), "{:?}", outcome);
    }

}

proptest! {
    // Fewer, since a picture that shows nothing is tried in six ways.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn flipped_bytes(position: prop::sample::Index, value: u8, jpeg: bool) {
        let file = if jpeg { Grey::from_png(&file()).jpeg(70) } else { file() };
        let mut bytes = file;
        let index = position.index(bytes.len());
        bytes[index] = value;
        // Either the byte did not matter, or there is an error; wrong bytes would be a defect.
        if let Ok(found) = read_image(&bytes) {
            prop_assert_eq!(&found[0].bytes, &code_a());
        }
    }

    #[test]
    fn truncated_jpeg(position: prop::sample::Index) {
        let file = Grey::from_png(&file()).jpeg(70);
        let length = position.index(file.len());
        if let Ok(found) = read_image(&file[..length]) {
            prop_assert_eq!(&found[0].bytes, &code_a());
        }
    }

    #[test]
    fn blocks_of_noise(
        seed: u64,
        width in 1_usize..300,
        height in 1_usize..300,
        block in 1_usize..12,
    ) {
        let noise = random(seed, 1024);
        let grey = Grey::from_fn(width, height, |x, y| noise[(y / block * 37 + x / block) % 1024]);
        prop_assert!(read_image(&grey_png(&grey)).is_err());
    }
}

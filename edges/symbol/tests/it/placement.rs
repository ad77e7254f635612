//! The display rules, checked on the finished pictures.

use std::io::Cursor;

use tongtu_symbol::{
    Background, Display, MARK, Modules, QrEncoder, SymbolEncoder, read_image, render_png,
    render_svg, render_text,
};

use crate::payload::code_b;
use crate::picture::Grey;

const DARK: u8 = 0;
const LIGHT: u8 = 255;

fn modules() -> Modules {
    QrEncoder::L.encode(&code_b()).unwrap()
}

#[test]
fn png_shows_every_module_in_whole_pixels() {
    let modules = modules();
    for (mark, top) in [(true, 18), (false, 4)] {
        let grey = Grey::from_png(&render_png(&modules, &Display::default().with_mark(mark)));
        assert_eq!((grey.width, grey.height), (73 * 6, (top + 65 + 4) * 6));
        // From the first row of the upper quiet zone to the bottom: pure black and white.
        for y in (top - 4) * 6..grey.height {
            for x in 0..grey.width {
                let (column, row) = (x / 6, y / 6);
                let dark = column >= 4 && row >= top && modules.dark(column - 4, row - top);
                let expected = if dark { DARK } else { LIGHT };
                assert_eq!(grey.at(x, y), expected, "pixel ({x}, {y}), mark {mark}");
            }
        }
    }
}

#[test]
fn mark_is_above_the_quiet_zone_and_has_four_characters() {
    let grey = Grey::from_png(&render_png(&modules(), &Display::default()));
    let inked = |x: usize| (0..14 * 6).any(|y| grey.at(x, y) < 128);
    let columns: Vec<bool> = (0..grey.width).map(inked).collect();
    // Characters are set two modules apart; their own gaps are narrower than half of that.
    let ink: Vec<usize> = (0..grey.width).filter(|x| columns[*x]).collect();
    let gaps = ink.windows(2).filter(|pair| pair[1] - pair[0] > 12).count();
    assert_eq!(gaps, 3, "four separate characters");
    assert!(
        ink[0] >= 24 && grey.width - ink[ink.len() - 1] > 24,
        "within the symbol's width"
    );
    assert!(
        (0..4 * 6).all(|y| (0..grey.width).all(|x| grey.at(x, y) == LIGHT)),
        "top margin"
    );
}

#[test]
fn png_records_the_printed_size() {
    for (side_mm, dpi) in [(20, 72), (30, 300), (33, 203), (40, 1200)] {
        let display = Display::new(side_mm).unwrap().with_dpi(dpi).unwrap();
        let file = render_png(&modules(), &display);
        let reader = png::Decoder::new(Cursor::new(&file[..]))
            .read_info()
            .unwrap();
        let info = reader.info();
        let dims = info.pixel_dims.unwrap();
        assert_eq!((dims.xppu, dims.unit), (dims.yppu, png::Unit::Meter));
        // The symbol is 65 of the picture's 73 columns; its printed side in micrometres.
        let side_um = u64::from(info.width) * 65 / 73 * 1_000_000 / u64::from(dims.xppu);
        let asked_um = u64::from(side_mm) * 1000;
        assert!(
            side_um.abs_diff(asked_um) <= 10,
            "{side_mm} mm at {dpi} dpi prints {side_um} um"
        );
        let real_dpi = u64::from(dims.xppu) * 254 / 10_000;
        assert!(
            real_dpi + 1 >= u64::from(dpi),
            "{real_dpi} dpi for {dpi} asked"
        );
    }
}

#[test]
fn svg_is_sized_in_millimetres_and_shows_the_same_modules() {
    let modules = modules();
    let svg = render_svg(&modules, &Display::default());
    // 73 x 87 modules of 30 / 65 mm.
    assert!(
        svg.contains("width=\"33.692mm\" height=\"40.153mm\""),
        "{}",
        &svg[..160]
    );
    assert!(svg.contains("viewBox=\"0 0 3504 4176\""));
    assert!(svg.contains(&format!("<title>{MARK}</title>")));
    assert_eq!(svg.matches("stroke-width").count(), 1);
    assert_eq!(
        svg.matches("<path ").count(),
        5,
        "four characters and the symbol"
    );
    assert_eq!(
        svg,
        render_svg(&modules, &Display::default()),
        "same input, same text"
    );

    let path = svg
        .split("crispEdges\" d=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let mut dark = vec![false; 65 * 65];
    for run in path.split('M').skip(1) {
        // "x yhNv1h-Nz"
        let numbers: Vec<usize> = run
            .split(['h', ' '])
            .take(3)
            .map(|n| n.split('v').next().unwrap().parse().unwrap())
            .collect();
        let start = numbers[1] * 65 + numbers[0];
        dark[start..start + numbers[2]].fill(true);
    }
    for (i, shown) in dark.into_iter().enumerate() {
        assert_eq!(
            shown,
            modules.dark(i % 65, i / 65),
            "module ({}, {})",
            i % 65,
            i / 65
        );
    }

    let bare = render_svg(&modules, &Display::default().with_mark(false));
    assert!(!bare.contains("stroke"), "no mark, no strokes");
    assert!(bare.contains("width=\"33.692mm\" height=\"33.692mm\""));
}

#[test]
fn terminal_text_reads_back_on_both_backgrounds() {
    let modules = modules();
    for background in [Background::Dark, Background::Light] {
        let text = render_text(&modules, &Display::default(), background);
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), format!("{}{MARK}", " ".repeat(32)));
        let rows: Vec<Vec<char>> = lines.map(|line| line.chars().collect()).collect();
        assert_eq!(rows.len(), 37);
        assert!(rows.iter().all(|row| row.len() == 73));

        // A terminal whose half cells are four by four pixels, as a camera would see it.
        let (ink, paper) = match background {
            Background::Dark => (LIGHT, DARK),
            Background::Light => (DARK, LIGHT),
        };
        let screen = Grey::from_fn(73 * 4, 74 * 4, |x, y| {
            let upper = y / 4 % 2 == 0;
            let drawn = match rows[y / 8][x / 4] {
                '\u{2588}' => true,
                '\u{2580}' => upper,
                '\u{2584}' => !upper,
                ' ' => false,
                other => panic!("unexpected character {other:?}"),
            };
            if drawn { ink } else { paper }
        });
        for y in 0..73 {
            for x in 0..73 {
                let dark = x >= 4 && y >= 4 && modules.dark(x - 4, y - 4);
                let expected = if dark { DARK } else { LIGHT };
                assert_eq!(
                    screen.at(4 * x, 4 * y),
                    expected,
                    "({x}, {y}) on {background:?}"
                );
            }
        }
        let file = screen.png(png::ColorType::Grayscale, png::BitDepth::Eight, |g| vec![g]);
        assert_eq!(
            read_image(&file).unwrap()[0].bytes,
            code_b(),
            "{background:?}"
        );
    }
    let bare = render_text(
        &modules,
        &Display::default().with_mark(false),
        Background::Dark,
    );
    assert!(!bare.contains(MARK));
}

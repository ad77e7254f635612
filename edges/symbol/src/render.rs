//! Symbols as pictures: PNG, SVG and terminal text.
//!
//! Dark modules are black, everything else is white, and there is no option to invert a picture
//! (QR annex, display rules). Same symbol, same display, same bytes.

use std::fmt::Write as _;

use crate::display::{Background, Display, Layout, QUIET_ZONE_MODULES};
use crate::encode::Modules;
use crate::mark::{self, GLYPHS, GRID, MARK, PEN};

const WHITE: u8 = 0xff;
const BLACK: u8 = 0x00;

/// Draws a PNG file: 8-bit grey, whole pixels per module, physical size recorded.
///
/// Form: width = (modules + 8) x pixels per module; the `pHYs` chunk makes the symbol print
/// `side_mm` wide whatever the rounding to whole pixels was.
pub fn render_png(modules: &Modules, display: &Display) -> Vec<u8> {
    let px = display.module_px(modules.size());
    let layout = Layout::new(modules.size(), display);
    let (width, height) = (layout.width * px, layout.height * px);
    let grey = rasterise(modules, &layout, px);

    let mut file = Vec::new();
    let side = |v: usize| u32::try_from(v).expect("a few thousand pixels at most");
    let mut encoder = png::Encoder::new(&mut file, side(width), side(height));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    // Flat black and white compresses best unfiltered, and never depends on a heuristic.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.set_compression(png::Compression::Balanced);
    let per_metre = display.px_per_metre(modules.size(), px);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder
        .write_header()
        .expect("writing to memory, dimensions are not zero");
    writer
        .write_image_data(&grey)
        .expect("the buffer is width x height bytes");
    writer.finish().expect("writing to memory");
    file
}

/// Fills the picture's grey pixels, row by row.
fn rasterise(modules: &Modules, layout: &Layout, px: usize) -> Vec<u8> {
    let width = layout.width * px;
    let mut grey = vec![WHITE; width * layout.height * px];
    for y in 0..modules.size() {
        let top = (layout.symbol_y + y) * px;
        for x in (0..modules.size()).filter(|x| modules.dark(*x, y)) {
            let left = (layout.symbol_x + x) * px;
            for row in top..top + px {
                grey[row * width + left..][..px].fill(BLACK);
            }
        }
    }
    if let Some(place) = layout.mark {
        let em_px = place.em * px;
        for (index, glyph) in GLYPHS.iter().enumerate() {
            let left = (place.x + index * place.step) * px;
            let ink = mark::coverage(glyph, em_px);
            for (row, line) in ink.chunks_exact(em_px).enumerate() {
                let start = (place.y * px + row) * width + left;
                for (pixel, ink) in grey[start..][..em_px].iter_mut().zip(line) {
                    *pixel = WHITE - ink;
                }
            }
        }
    }
    grey
}

/// Draws an SVG document with its size in millimetres.
///
/// Form: user units are 1/48 module, so that the mark's grid needs no fractions; dark modules are
/// one black path of horizontal runs, the mark is stroked paths.
pub fn render_svg(modules: &Modules, display: &Display) -> String {
    let layout = Layout::new(modules.size(), display);
    let mm = |length: usize| {
        let micrometres = length as u64 * u64::from(display.side_mm()) * 1000;
        let micrometres = micrometres / modules.size().max(1) as u64;
        format!("{}.{:03}mm", micrometres / 1000, micrometres % 1000)
    };
    let (width, height) = (layout.width * GRID, layout.height * GRID);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {width} {height}\">\n\
         <title>{MARK}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        mm(layout.width),
        mm(layout.height),
    );
    if let Some(place) = layout.mark {
        let _ = writeln!(
            svg,
            "<g fill=\"none\" stroke=\"#000\" stroke-width=\"{PEN}\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\">"
        );
        for (index, glyph) in GLYPHS.iter().enumerate() {
            let (x, y) = ((place.x + index * place.step) * GRID, place.y * GRID);
            let path = stroke_path(glyph);
            let em = place.em;
            let _ = writeln!(
                svg,
                "<path transform=\"translate({x} {y}) scale({em})\" d=\"{path}\"/>"
            );
        }
        svg.push_str("</g>\n");
    }
    let (x, y) = (layout.symbol_x * GRID, layout.symbol_y * GRID);
    let path = module_path(modules);
    let _ = writeln!(
        svg,
        "<path transform=\"translate({x} {y}) scale({GRID})\" fill=\"#000\" \
         shape-rendering=\"crispEdges\" d=\"{path}\"/>"
    );
    svg.push_str("</svg>\n");
    svg
}

/// A character's strokes as SVG path data.
fn stroke_path(glyph: &[mark::Stroke]) -> String {
    let mut path = String::new();
    for stroke in glyph {
        for (index, (x, y)) in stroke.iter().enumerate() {
            let _ = write!(path, "{}{x} {y}", if index == 0 { 'M' } else { 'L' });
        }
    }
    path
}

/// The dark modules as SVG path data, one rectangle for each horizontal run.
fn module_path(modules: &Modules) -> String {
    let mut path = String::new();
    for y in 0..modules.size() {
        let mut x = 0;
        while x < modules.size() {
            let run = (x..modules.size())
                .take_while(|x| modules.dark(*x, y))
                .count();
            if run > 0 {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    path
}

/// Draws the symbol as text with half blocks, two modules a character, without escape sequences.
///
/// Form: `modules + 8` columns, lines ended by `\n`; the mark, if shown, is a line of its own
/// above. `background` is what the terminal looks like, so that the symbol comes out dark on light
/// on both kinds and keeps its quiet zone.
pub fn render_text(modules: &Modules, display: &Display, background: Background) -> String {
    let side = modules.size() + 2 * QUIET_ZONE_MODULES;
    let mut text = String::new();
    if display.mark() {
        // Each of the four characters is two columns wide in a terminal.
        let columns = 2 * MARK.chars().count();
        text.push_str(&" ".repeat(side.saturating_sub(columns) / 2));
        text.push_str(MARK);
        text.push('\n');
    }
    let dark = |x: usize, y: usize| {
        x >= QUIET_ZONE_MODULES
            && y >= QUIET_ZONE_MODULES
            && modules.dark(x - QUIET_ZONE_MODULES, y - QUIET_ZONE_MODULES)
    };
    for y in (0..side).step_by(2) {
        for x in 0..side {
            let [upper, lower] = [y, y + 1].map(|y| match background {
                // Below the last row is the terminal itself, so nothing is drawn there.
                Background::Dark => y < side && !dark(x, y),
                Background::Light => dark(x, y),
            });
            text.push(match (upper, lower) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            });
        }
        text.push('\n');
    }
    text
}

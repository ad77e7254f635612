//! The 交通联合 mark, drawn by hand as strokes so that no font is needed.
//!
//! Each character is a few polylines on a square of [`GRID`] units, y downwards, drawn with round
//! ends and a pen of [`PEN`] units. PNG and SVG use the same strokes.

/// The scheme's mark (交通联合, China T-Union) as text, for terminals and titles.
pub const MARK: &str = "交通联合";

/// Units along a side of a character's square.
pub(crate) const GRID: usize = 48;
/// Pen width in units.
pub(crate) const PEN: usize = 4;

/// A point on the grid, `(x, y)`.
pub(crate) type Point = (u8, u8);
/// One movement of the pen.
pub(crate) type Stroke = &'static [Point];

/// The four characters in reading order, each as its strokes.
pub(crate) const GLYPHS: [&[Stroke]; 4] = [JIAO, TONG, LIAN, HE];

/// 交
const JIAO: &[Stroke] = &[
    &[(22, 3), (25, 10)],
    &[(4, 12), (44, 12)],
    &[(17, 16), (13, 22), (6, 28)],
    &[(31, 16), (36, 21), (42, 28)],
    &[(33, 23), (31, 28), (27, 33), (21, 38), (14, 42), (5, 45)],
    &[(15, 23), (18, 29), (22, 34), (28, 39), (35, 42), (43, 45)],
];

/// 通
const TONG: &[Stroke] = &[
    &[(6, 4), (12, 10)],
    &[(3, 19), (11, 19), (11, 36), (3, 43)],
    &[(11, 36), (15, 40), (20, 43), (27, 45), (45, 45)],
    &[(18, 4), (41, 4), (32, 12)],
    &[(23, 8), (32, 12)],
    &[(20, 40), (20, 17), (42, 17), (42, 37), (40, 39), (36, 39)],
    &[(20, 25), (42, 25)],
    &[(20, 32), (42, 32)],
    &[(31, 17), (31, 40)],
];

/// 联
const LIAN: &[Stroke] = &[
    &[(3, 5), (22, 5)],
    &[(7, 5), (7, 37)],
    &[(18, 5), (18, 45)],
    &[(7, 15), (18, 15)],
    &[(7, 25), (18, 25)],
    &[(2, 38), (23, 34)],
    &[(28, 4), (31, 10)],
    &[(42, 4), (38, 10)],
    &[(26, 14), (45, 14)],
    &[(25, 25), (46, 25)],
    &[(35, 14), (35, 26), (34, 32), (31, 38), (25, 45)],
    &[(36, 26), (38, 33), (41, 39), (46, 45)],
];

/// 合
const HE: &[Stroke] = &[
    &[(24, 3), (20, 9), (15, 14), (9, 19), (3, 23)],
    &[(24, 3), (28, 9), (33, 14), (39, 19), (45, 23)],
    &[(15, 23), (33, 23)],
    &[(11, 31), (37, 31), (37, 45), (11, 45), (11, 31)],
];

/// Samples along a pixel's side; a pixel's grey is how many of the 16 the pen covers.
const SAMPLES: i128 = 4;

/// Rasterises one character into `em_px` x `em_px` coverages, 0 clear to 255 fully inked.
///
/// Exact integer geometry: everything is measured in units of `1 / (2 * SAMPLES * GRID)` pixel, in
/// which both sample centres and grid points are whole numbers.
pub(crate) fn coverage(glyph: &[Stroke], em_px: usize) -> Vec<u8> {
    let grid = GRID as i128;
    let em = em_px as i128;
    let per_pixel = 2 * SAMPLES * grid;
    let per_unit = 2 * SAMPLES * em;
    let radius = PEN as i128 * per_unit / 2;

    // One bit a sample, so that crossing strokes do not ink a sample twice.
    let mut inked = vec![0_u16; em_px * em_px];
    for ends in glyph.iter().flat_map(|stroke| stroke.windows(2)) {
        let [a, b] =
            [ends[0], ends[1]].map(|(x, y)| (i128::from(x) * per_unit, i128::from(y) * per_unit));
        let reach = |low: i128, high: i128| {
            let first = ((low - radius) / per_pixel).clamp(0, em - 1);
            let last = ((high + radius) / per_pixel).clamp(0, em - 1);
            first..=last
        };
        for py in reach(a.1.min(b.1), a.1.max(b.1)) {
            for px in reach(a.0.min(b.0), a.0.max(b.0)) {
                let cell = usize::try_from(py * em + px).expect("clamped to the square");
                for sample in 0..SAMPLES * SAMPLES {
                    let x = px * per_pixel + (2 * (sample % SAMPLES) + 1) * grid;
                    let y = py * per_pixel + (2 * (sample / SAMPLES) + 1) * grid;
                    if within((x, y), a, b, radius) {
                        inked[cell] |= 1 << sample;
                    }
                }
            }
        }
    }
    let full = u32::try_from(SAMPLES * SAMPLES).expect("16 samples");
    inked
        .into_iter()
        .map(|bits| u8::try_from(bits.count_ones() * 255 / full).expect("at most 255"))
        .collect()
}

/// Tells whether `p` lies within `radius` of the segment from `a` to `b`.
fn within(p: (i128, i128), a: (i128, i128), b: (i128, i128), radius: i128) -> bool {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (px, py) = (p.0 - a.0, p.1 - a.1);
    let length_squared = dx * dx + dy * dy;
    let along = px * dx + py * dy;
    if along <= 0 {
        px * px + py * py <= radius * radius
    } else if along >= length_squared {
        let (qx, qy) = (p.0 - b.0, p.1 - b.1);
        qx * qx + qy * qy <= radius * radius
    } else {
        let across = px * dy - py * dx;
        across * across <= radius * radius * length_squared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_and_their_pen_stay_inside_the_square() {
        let edge = PEN / 2;
        for (x, y) in GLYPHS
            .iter()
            .flat_map(|glyph| glyph.iter())
            .flat_map(|s| s.iter())
        {
            for v in [usize::from(*x), usize::from(*y)] {
                assert!((edge..=GRID - edge).contains(&v), "({x}, {y})");
            }
        }
    }

    #[test]
    fn one_glyph_for_each_character() {
        assert_eq!(MARK.chars().count(), GLYPHS.len());
    }

    #[test]
    fn pen_inks_its_line_and_not_the_far_corner() {
        // At 48 pixels a grid unit is a pixel: a horizontal stroke at y = 24 covers rows 22..26.
        let line: &[Stroke] = &[&[(8, 24), (40, 24)]];
        let ink = coverage(line, GRID);
        let at = |x: usize, y: usize| ink[y * GRID + x];
        for (x, y, expected) in [
            (20, 21, 0),
            (20, 22, 255),
            (20, 25, 255),
            (20, 26, 0),
            (0, 0, 0),
            (47, 24, 0),
        ] {
            assert_eq!(at(x, y), expected, "({x}, {y})");
        }
        let end = at(6, 22);
        assert!(0 < end && end < 255, "round ends are smoothed, not {end}");
    }

    #[test]
    fn crossing_strokes_never_exceed_full_ink() {
        let twice: &[Stroke] = &[&[(8, 24), (40, 24)], &[(8, 24), (40, 24)]];
        let once: &[Stroke] = &[&[(8, 24), (40, 24)]];
        assert_eq!(coverage(twice, 31), coverage(once, 31));
    }
}

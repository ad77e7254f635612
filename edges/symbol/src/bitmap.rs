//! Grey pictures made black and white, and counted before they are searched.
//!
//! The finder behind [`crate::read_image`] compares every finder pattern with every other and
//! copies the picture for each comparison: a page tiled with finder patterns would keep it busy for
//! hours. [`Bitmap::check_crowd`] counts what it would find by the finder's own rules, in one pass,
//! so that such a page is refused instead.

use crate::error::SymbolError;
use crate::luma::Luma;

/// Most finder patterns in a picture: sixteen symbols, three patterns each.
const FINDERS_MAX: usize = 48;
/// Work a search may cause, in pixels times the cube of the finder patterns.
///
/// The finder copies the picture for every three patterns that could belong together. Measured on
/// noise, which has patterns at every angle: a few seconds at worst.
const SEARCH_BUDGET: usize = 1 << 35;
/// Most rows in which something looks like a finder pattern; each may cost a flood fill.
const CROSSINGS_MAX: usize = 50_000;
/// White border around the picture, for symbols cut off at their quiet zone.
const BORDER_PX: usize = 4;
/// The local threshold looks at a square of this fraction of the longer side.
const WINDOW_FRACTION: usize = 8;
/// A pixel is dark when it is below this share of its surroundings' mean, in percent.
const DARK_PERCENT: u64 = 90;

/// A picture of dark and light pixels, row by row, with a light border of [`BORDER_PX`].
pub(crate) struct Bitmap {
    pub(crate) width: usize,
    pub(crate) height: usize,
    dark: Vec<bool>,
}

impl Bitmap {
    /// Makes dark what is darker than its surroundings: copes with shadows and glare.
    pub(crate) fn local(picture: &Luma) -> Self {
        let (width, height) = (picture.width, picture.height);
        // Sums over the rectangle from the top left corner, one row and column of zeros first.
        let stride = width + 1;
        let mut sums = vec![0_u64; stride * (height + 1)];
        for y in 0..height {
            let mut line = 0;
            for x in 0..width {
                line += u64::from(picture.pixels[y * width + x]);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + line;
            }
        }
        let reach = (width.max(height) / WINDOW_FRACTION / 2).max(8);
        Self::from_fn(width, height, |x, y| {
            let (left, right) = (x.saturating_sub(reach), (x + reach + 1).min(width));
            let (top, bottom) = (y.saturating_sub(reach), (y + reach + 1).min(height));
            let at = |x: usize, y: usize| sums[y * stride + x];
            let sum = at(right, bottom) + at(left, top) - at(left, bottom) - at(right, top);
            let count = ((right - left) * (bottom - top)) as u64;
            u64::from(picture.pixels[y * width + x]) * count * 100 < sum * DARK_PERCENT
        })
    }

    /// Makes dark what is below one threshold for the whole picture: copes with wide black areas.
    pub(crate) fn global(picture: &Luma) -> Self {
        let threshold = otsu(&picture.pixels);
        Self::from_fn(picture.width, picture.height, |x, y| {
            picture.pixels[y * picture.width + x] <= threshold
        })
    }

    /// Builds a bitmap of a picture's size plus the border.
    fn from_fn(width: usize, height: usize, dark: impl Fn(usize, usize) -> bool) -> Self {
        let (full_width, full_height) = (width + 2 * BORDER_PX, height + 2 * BORDER_PX);
        let mut pixels = vec![false; full_width * full_height];
        for y in 0..height {
            let start = (y + BORDER_PX) * full_width + BORDER_PX;
            for (x, pixel) in pixels[start..][..width].iter_mut().enumerate() {
                *pixel = dark(x, y);
            }
        }
        Self {
            width: full_width,
            height: full_height,
            dark: pixels,
        }
    }

    /// Tells whether a pixel is dark.
    pub(crate) fn dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.width + x]
    }

    /// Refuses a picture with more finder patterns than a search can afford.
    pub(crate) fn check_crowd(&self) -> Result<(), SymbolError> {
        let finders_max = finders_max(self.width * self.height);
        match self.finder_count() {
            Some(count) if count <= finders_max => Ok(()),
            _ => Err(SymbolError::Crowded { finders_max }),
        }
    }

    /// Counts the regions that pass for a finder's ring, or gives up with `None` on far too many.
    ///
    /// A ring is a connected dark region crossed by a row in widths 1:1:3:1:1, whose middle dark
    /// run belongs to another region of 10% to 70% of the ring's pixels.
    fn finder_count(&self) -> Option<usize> {
        let mut regions = Regions::default();
        let mut crossings: Vec<[usize; 3]> = Vec::new();
        let mut above: Vec<Run> = Vec::new();
        let mut runs: Vec<Run> = Vec::new();
        for line in self.dark.chunks_exact(self.width) {
            runs.clear();
            let mut x = 0;
            while x < line.len() {
                let length = line[x..]
                    .iter()
                    .take_while(|dark| **dark == line[x])
                    .count();
                if line[x] {
                    runs.push(Run {
                        start: x,
                        end: x + length,
                        region: regions.add(length),
                    });
                }
                x += length;
            }
            regions.join_rows(&above, &runs);
            for ends in runs.windows(3).filter(|ends| is_crossing(ends)) {
                crossings.push([ends[0].region, ends[1].region, ends[2].region]);
            }
            if crossings.len() > CROSSINGS_MAX {
                return None;
            }
            std::mem::swap(&mut above, &mut runs);
        }
        let mut rings: Vec<usize> = crossings
            .into_iter()
            .filter_map(|crossing| {
                let [left, stone, right] = crossing.map(|region| regions.root(region));
                let ratio = regions.pixels[stone] * 100 / regions.pixels[right];
                (left == right && stone != right && 10 < ratio && ratio < 70).then_some(right)
            })
            .collect();
        rings.sort_unstable();
        rings.dedup();
        Some(rings.len())
    }
}

/// Most finder patterns that can be compared three by three in a picture of this many pixels.
fn finders_max(pixels: usize) -> usize {
    let affordable = |count: &usize| count.pow(3).saturating_mul(pixels) <= SEARCH_BUDGET;
    (0..=FINDERS_MAX).rev().find(affordable).unwrap_or(0)
}

/// A dark run in a row, `start..end`, and the region it was first counted in.
struct Run {
    start: usize,
    end: usize,
    region: usize,
}

/// Connected dark regions, as a union of runs.
#[derive(Default)]
struct Regions {
    parent: Vec<usize>,
    pixels: Vec<usize>,
}

impl Regions {
    fn add(&mut self, pixels: usize) -> usize {
        self.parent.push(self.parent.len());
        self.pixels.push(pixels);
        self.parent.len() - 1
    }

    fn root(&mut self, mut region: usize) -> usize {
        while self.parent[region] != region {
            // Halving the path keeps the trees flat without recursion.
            self.parent[region] = self.parent[self.parent[region]];
            region = self.parent[region];
        }
        region
    }

    /// Joins runs of neighbouring rows that share a column.
    fn join_rows(&mut self, above: &[Run], below: &[Run]) {
        let (mut a, mut b) = (0, 0);
        while let (Some(upper), Some(lower)) = (above.get(a), below.get(b)) {
            if upper.start < lower.end && lower.start < upper.end {
                let (upper, lower) = (self.root(upper.region), self.root(lower.region));
                if upper != lower {
                    let (large, small) = if self.pixels[upper] < self.pixels[lower] {
                        (lower, upper)
                    } else {
                        (upper, lower)
                    };
                    self.parent[small] = large;
                    self.pixels[large] += self.pixels[small];
                }
            }
            if upper.end < lower.end {
                a += 1
            } else {
                b += 1
            }
        }
    }
}

/// Tells whether three dark runs and their gaps are about 1:1:3:1:1.
///
/// The tolerance is the finder's own, so that nothing it takes for a pattern is missed here.
fn is_crossing(runs: &[Run]) -> bool {
    let [a, b, c] = runs else { return false };
    let widths = [
        a.end - a.start,
        b.start - a.end,
        b.end - b.start,
        c.start - b.end,
        c.end - c.start,
    ];
    let unit = (widths[0] + widths[1] + widths[3] + widths[4]) / 4;
    let slack = unit * 3 / 4;
    let about =
        |width: usize, units: usize| width >= units * unit - slack && width <= units * unit + slack;
    widths
        .into_iter()
        .zip([1, 1, 3, 1, 1])
        .all(|(width, units)| about(width, units))
}

/// Otsu's threshold: the last dark grey of the split whose two means lie widest apart.
fn otsu(pixels: &[u8]) -> u8 {
    let mut histogram = [0_i128; 256];
    for pixel in pixels {
        histogram[usize::from(*pixel)] += 1;
    }
    let total: i128 = histogram.iter().sum();
    let weight: i128 = histogram
        .iter()
        .zip(0_i128..)
        .map(|(count, grey)| count * grey)
        .sum();
    let (mut dark_total, mut dark_weight, mut best) = (0, 0, (0, 1, 127));
    for grey in 0..=u8::MAX {
        let count = histogram[usize::from(grey)];
        dark_total += count;
        dark_weight += count * i128::from(grey);
        let light_total = total - dark_total;
        if dark_total == 0 || light_total == 0 {
            continue;
        }
        // Variance between the two classes, kept as a fraction so that no float is needed.
        let gap = (dark_weight * light_total - (weight - dark_weight) * dark_total) / total;
        let (over, under) = (gap * gap, dark_total * light_total);
        if over * best.1 > best.0 * under {
            best = (over, under, grey);
        }
    }
    best.2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `columns` x `rows` finder patterns, three pixels a module.
    fn tiled(columns: usize, rows: usize) -> Luma {
        let (width, height) = (columns * 24, rows * 24);
        let pixels = (0..width * height)
            .map(|i| {
                let (x, y) = (i % width % 24 / 3, i / width % 24 / 3);
                let from_centre = x.abs_diff(3).max(y.abs_diff(3));
                if from_centre == 3 || from_centre < 2 {
                    0
                } else {
                    255
                }
            })
            .collect();
        Luma {
            width,
            height,
            pixels,
        }
    }

    #[test]
    fn counts_finder_patterns() {
        for (columns, rows) in [(1, 1), (3, 1), (6, 8)] {
            let bitmap = Bitmap::global(&tiled(columns, rows));
            assert_eq!(bitmap.finder_count(), Some(columns * rows));
            assert_eq!(bitmap.check_crowd(), Ok(()));
        }
    }

    #[test]
    fn refuses_a_crowd() {
        for (columns, rows, finders_max) in [(7, 7, 48), (100, 100, 18)] {
            let refused = Bitmap::global(&tiled(columns, rows)).check_crowd();
            assert_eq!(refused, Err(SymbolError::Crowded { finders_max }));
        }
    }

    #[test]
    fn larger_pictures_afford_fewer_finder_patterns() {
        for (pixels, expected) in [(300_000, 48), (1 << 20, 32), (8 << 20, 16), (16 << 20, 12)] {
            assert_eq!(finders_max(pixels), expected, "{pixels} pixels");
        }
    }

    #[test]
    fn regions_join_around_corners() {
        // A `u`: two arms that only meet in the last row, so one region of seven pixels.
        let rows = ["#.#", "#.#", "###"];
        let mut regions = Regions::default();
        let mut above = Vec::new();
        for row in rows {
            let mut runs = Vec::new();
            if row == "###" {
                runs.push(Run {
                    start: 0,
                    end: 3,
                    region: regions.add(3),
                });
            } else {
                runs.push(Run {
                    start: 0,
                    end: 1,
                    region: regions.add(1),
                });
                runs.push(Run {
                    start: 2,
                    end: 3,
                    region: regions.add(1),
                });
            }
            regions.join_rows(&above, &runs);
            above = runs;
        }
        let roots: Vec<usize> = (0..5).map(|region| regions.root(region)).collect();
        assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
        assert_eq!(regions.pixels[roots[0]], 7);
    }

    #[test]
    fn threshold_falls_between_ink_and_paper() {
        let mut pixels = vec![40; 300];
        pixels.extend([60; 100]);
        pixels.extend([200; 500]);
        let threshold = otsu(&pixels);
        assert!((60..200).contains(&threshold), "{threshold}");
        assert_eq!(otsu(&[9; 10]), 127, "one grey has no split");
    }

    #[test]
    fn local_threshold_follows_a_shadow() {
        // Paper fades from 250 to 90 across the page; ink is 60% of the paper under it.
        let (width, height) = (200, 60);
        let ink = |x: usize, y: usize| x % 20 < 10 && y % 20 < 10;
        let pixels = (0..width * height)
            .map(|i| {
                let (x, y) = (i % width, i / width);
                let paper = 250 - x * 160 / width;
                u8::try_from(if ink(x, y) { paper * 6 / 10 } else { paper }).unwrap()
            })
            .collect();
        let bitmap = Bitmap::local(&Luma {
            width,
            height,
            pixels,
        });
        for y in 0..height {
            for x in 0..width {
                assert_eq!(
                    bitmap.dark(x + BORDER_PX, y + BORDER_PX),
                    ink(x, y),
                    "({x}, {y})"
                );
            }
        }
        assert!(!bitmap.dark(0, 0), "the border is light");
    }
}

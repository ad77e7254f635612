//! The display rules of a symbol: printed size, resolution, quiet zone, mark.
//!
//! [`Display`] is what a caller chooses; `Layout` is what follows from it for one symbol, in whole
//! modules, shared by all renderers so that PNG and SVG agree.

use crate::error::SymbolError;
use crate::mark;

/// Smallest printed side of a symbol, quiet zone excluded (QR annex, display rules).
pub const SIDE_MM_MIN: u32 = 20;
/// Largest printed side of a symbol, quiet zone excluded (QR annex, display rules).
pub const SIDE_MM_MAX: u32 = 40;
/// Lowest resolution offered: the coarsest screens.
pub const DPI_MIN: u32 = 72;
/// Highest resolution offered: office printers.
pub const DPI_MAX: u32 = 1200;
/// Light border on all four sides, in modules (ISO/IEC 18004 §6.3.8).
pub const QUIET_ZONE_MODULES: usize = 4;

/// Fewest pixels a module is drawn with: below three, cameras and resampling viewers lose edges.
const MODULE_PX_MIN: u32 = 3;

/// How a symbol is shown: printed side, resolution, mark.
///
/// The side is that of the symbol without its quiet zone. Only 20..=40 mm can be built, so a
/// renderer never has to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display {
    side_mm: u32,
    dpi: u32,
    mark: bool,
}

impl Display {
    /// Shows the symbol `side_mm` wide, at 300 dpi and with the mark.
    ///
    /// Errors: [`SymbolError::SideOutOfRange`] outside 20..=40 mm.
    pub fn new(side_mm: u32) -> Result<Self, SymbolError> {
        if !(SIDE_MM_MIN..=SIDE_MM_MAX).contains(&side_mm) {
            return Err(SymbolError::SideOutOfRange { side_mm });
        }
        Ok(Self {
            side_mm,
            ..Self::default()
        })
    }

    /// Draws for this resolution; a module gets whole pixels, so the real one is at least this.
    ///
    /// Errors: [`SymbolError::DpiOutOfRange`] outside 72..=1200.
    pub fn with_dpi(self, dpi: u32) -> Result<Self, SymbolError> {
        if !(DPI_MIN..=DPI_MAX).contains(&dpi) {
            return Err(SymbolError::DpiOutOfRange { dpi });
        }
        Ok(Self { dpi, ..self })
    }

    /// Draws the 交通联合 mark above the symbol, or leaves it out.
    pub fn with_mark(self, mark: bool) -> Self {
        Self { mark, ..self }
    }

    /// Printed side of the symbol without quiet zone, in millimetres: 20..=40.
    pub fn side_mm(&self) -> u32 {
        self.side_mm
    }

    /// Resolution drawn for, in dots per inch: 72..=1200.
    pub fn dpi(&self) -> u32 {
        self.dpi
    }

    /// Tells whether the mark is drawn.
    pub fn mark(&self) -> bool {
        self.mark
    }

    /// Pixels per module: the fewest that reach the resolution, and never fewer than three.
    pub(crate) fn module_px(&self, size: usize) -> usize {
        let side_dots_x10 = u64::from(self.side_mm) * u64::from(self.dpi) * 100;
        let per_module = side_dots_x10.div_ceil(254 * 10 * size.max(1) as u64);
        let px = per_module.max(u64::from(MODULE_PX_MIN));
        usize::try_from(px).expect("at most 1890 pixels, the side at 40 mm and 1200 dpi")
    }

    /// Pixels per metre that print `size` modules of `module_px` pixels exactly `side_mm` wide.
    pub(crate) fn px_per_metre(&self, size: usize, module_px: usize) -> u32 {
        let side_px = (size * module_px) as u64;
        let side_mm = u64::from(self.side_mm);
        let rounded = (side_px * 1000 + side_mm / 2) / side_mm;
        u32::try_from(rounded).expect("at most 1890 pixels and a few in 20 mm")
    }
}

impl Default for Display {
    /// 30 mm, 300 dpi, with the mark: the annex allows 20, but 65 modules read better from 30 up.
    fn default() -> Self {
        Self {
            side_mm: 30,
            dpi: 300,
            mark: true,
        }
    }
}

/// What a terminal looks like, since text cannot choose its own paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Background {
    /// Light text on a dark terminal, the usual case: light modules are drawn, dark ones left out.
    #[default]
    Dark,
    /// Dark text on a light terminal or on paper: dark modules are drawn.
    Light,
}

/// Where the parts of a picture lie, in modules from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width of the picture.
    pub(crate) width: usize,
    /// Height of the picture.
    pub(crate) height: usize,
    /// Column of the symbol's first module.
    pub(crate) symbol_x: usize,
    /// Row of the symbol's first module.
    pub(crate) symbol_y: usize,
    /// The mark's place, if it is drawn.
    pub(crate) mark: Option<MarkPlace>,
}

/// Where the four characters of the mark stand, in modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MarkPlace {
    /// Left edge of the first character.
    pub(crate) x: usize,
    /// Top edge of all characters.
    pub(crate) y: usize,
    /// Side of a character's square.
    pub(crate) em: usize,
    /// From one character's left edge to the next one's.
    pub(crate) step: usize,
}

impl Layout {
    /// Lays out a symbol of `size` modules.
    pub(crate) fn new(size: usize, display: &Display) -> Self {
        let width = size + 2 * QUIET_ZONE_MODULES;
        // Ten modules of a version 12 symbol: 4.6 mm at 30 mm, the height of a caption.
        let em = (size * 10 / 65).max(1);
        let step = em + (em / 5).max(1);
        let mark_width = step * (mark::GLYPHS.len() - 1) + em;
        // The mark stands outside the quiet zone, which stays empty on all four sides.
        let mark_y = QUIET_ZONE_MODULES.min(em);
        let mark = display.mark.then_some(MarkPlace {
            x: width.saturating_sub(mark_width) / 2,
            y: mark_y,
            em,
            step,
        });
        let symbol_y = QUIET_ZONE_MODULES + mark.map_or(0, |place| place.y + place.em);
        let height = symbol_y + size + QUIET_ZONE_MODULES;
        Self {
            width,
            height,
            symbol_x: QUIET_ZONE_MODULES,
            symbol_y,
            mark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_sides_outside_20_to_40_mm() {
        for side_mm in [0, 1, 19, 41, 300, u32::MAX] {
            assert_eq!(
                Display::new(side_mm),
                Err(SymbolError::SideOutOfRange { side_mm })
            );
        }
        for side_mm in SIDE_MM_MIN..=SIDE_MM_MAX {
            assert_eq!(Display::new(side_mm).unwrap().side_mm(), side_mm);
        }
        assert_eq!(Display::default().side_mm(), 30);
    }

    #[test]
    fn refuses_resolutions_no_device_has() {
        for dpi in [0, 71, 1201, u32::MAX] {
            let refused = Display::default().with_dpi(dpi);
            assert_eq!(refused, Err(SymbolError::DpiOutOfRange { dpi }));
        }
    }

    #[test]
    fn module_pixels_reach_the_resolution() {
        for (side_mm, dpi, expected) in [
            (30, 300, 6),   // 354.3 dots over 65 modules: 5.45
            (20, 72, 3),    // 0.87, raised to the minimum
            (40, 1200, 30), // 1889.8 dots: 29.07
            (40, 300, 8),   // 472.4 dots: 7.27
        ] {
            let display = Display::new(side_mm).unwrap().with_dpi(dpi).unwrap();
            assert_eq!(display.module_px(65), expected, "{side_mm} mm at {dpi} dpi");
        }
    }

    #[test]
    fn mark_stands_centred_and_clear_of_the_quiet_zone() {
        for size in [21, 63, 65, 73, 77, 177] {
            let layout = Layout::new(size, &Display::default());
            let place = layout.mark.unwrap();
            let right = place.x + 3 * place.step + place.em;
            assert!(
                right <= layout.width,
                "mark is narrower than the symbol of {size}"
            );
            assert!(
                layout.width - right - place.x <= 1,
                "mark is centred over {size}"
            );
            assert_eq!(place.y + place.em + QUIET_ZONE_MODULES, layout.symbol_y);
            assert_eq!(layout.symbol_y + size + QUIET_ZONE_MODULES, layout.height);
        }
        let bare = Layout::new(65, &Display::default().with_mark(false));
        assert_eq!((bare.width, bare.height, bare.symbol_y), (73, 73, 4));
    }
}

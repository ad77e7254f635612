//! Pictures as grey pixels: PNG and JPEG files of any kind, one byte a pixel.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::SymbolError;

/// Most pixels a picture may have; a header is believed no further.
///
/// 64 Mpixel is a 50 Mpixel phone photo with room to spare. One byte a pixel is kept; the worst
/// case, a progressive JPEG, needs seven more while it is decoded, so half a gigabyte in all.
pub const IMAGE_PIXELS_MAX: u64 = 64 << 20;

/// Most passes of a progressive JPEG; real files have about ten, hostile ones thousands.
const JPEG_SCANS_MAX: usize = 32;

const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG_MAGIC: &[u8] = b"\xff\xd8\xff";

/// A grey picture: 0 black .. 255 white, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Luma {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Luma {
    /// Decodes a PNG or JPEG file, told apart by its first bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SymbolError> {
        if bytes.starts_with(PNG_MAGIC) {
            crate::read::guard("PNG", || decode_png(bytes))
        } else if bytes.starts_with(JPEG_MAGIC) {
            crate::read::guard("JPEG", || decode_jpeg(bytes))
        } else {
            Err(SymbolError::UnknownImageFormat)
        }
    }

    /// Halves both sides, each new pixel the mean of four; an odd last row or column is dropped.
    pub(crate) fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let clamp = |x: usize, y: usize| {
            u16::from(self.pixels[y.min(self.height - 1) * self.width + x.min(self.width - 1)])
        };
        let pixels = (0..height)
            .flat_map(|y| (0..width).map(move |x| (2 * x, 2 * y)))
            .map(|(x, y)| {
                let sum = clamp(x, y) + clamp(x + 1, y) + clamp(x, y + 1) + clamp(x + 1, y + 1);
                u8::try_from((sum + 2) / 4).expect("a mean of bytes is a byte")
            })
            .collect();
        Self {
            width,
            height,
            pixels,
        }
    }
}

/// Refuses a picture by its claimed size, before any memory is set aside for it.
fn check_size(width: u32, height: u32) -> Result<(), SymbolError> {
    if u64::from(width) * u64::from(height) > IMAGE_PIXELS_MAX {
        return Err(SymbolError::ImageTooLarge {
            width,
            height,
            pixels_max: IMAGE_PIXELS_MAX,
        });
    }
    Ok(())
}

fn decode_png(bytes: &[u8]) -> Result<Luma, SymbolError> {
    let fault = |error: png::DecodingError| SymbolError::Image {
        format: "PNG",
        reason: error.to_string(),
    };
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes and 1, 2, 4 and 16 bits all become 8-bit grey or colour, with or without alpha.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(fault)?;
    check_size(header.width, header.height)?;

    let mut reader = decoder.read_info().map_err(fault)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let (color, _) = reader.output_color_type();
    let samples = color.samples();
    let mut pixels = vec![0_u8; width * height];
    let mut line = Vec::with_capacity(width);
    let mut top = 0;
    // Row by row, so that only grey is ever kept for the whole picture.
    while let Some(row) = reader.next_interlaced_row().map_err(fault)? {
        line.clear();
        line.extend(row.data().chunks_exact(samples).map(grey_over_white));
        match row.interlace() {
            png::InterlaceInfo::Null(_) => {
                pixels[top..][..width].copy_from_slice(&line[..width]);
                top += width;
            }
            png::InterlaceInfo::Adam7(info) => {
                png::expand_interlaced_row(&mut pixels, width, &line, info, 8);
            }
        }
    }
    Ok(Luma {
        width,
        height,
        pixels,
    })
}

/// Grey of one pixel of 1..=4 samples (grey, grey + alpha, RGB, RGBA) lying on white paper.
fn grey_over_white(samples: &[u8]) -> u8 {
    let (grey, alpha) = match *samples {
        [grey] => (u32::from(grey), 255),
        [grey, alpha] => (u32::from(grey), u32::from(alpha)),
        [r, g, b] => (luma(r, g, b), 255),
        [r, g, b, alpha] => (luma(r, g, b), u32::from(alpha)),
        _ => unreachable!("a PNG pixel has one to four samples"),
    };
    u8::try_from((grey * alpha + 255 * (255 - alpha) + 127) / 255).expect("a mean of bytes")
}

/// Brightness of a colour, weights of ITU-R BT.601 in 1/256.
fn luma(r: u8, g: u8, b: u8) -> u32 {
    (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8
}

fn decode_jpeg(bytes: &[u8]) -> Result<Luma, SymbolError> {
    let fault = |error: &dyn std::fmt::Debug| SymbolError::Image {
        format: "JPEG",
        reason: format!("{error:?}").replace('\n', " "),
    };
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(JPEG_SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| fault(&error))?;
    let info = decoder.info().ok_or_else(|| fault(&"no header"))?;
    check_size(u32::from(info.width), u32::from(info.height))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));

    // The brightness plane is all we need of the usual kinds; print files (CMYK) go through RGB.
    let direct = matches!(
        decoder.input_colorspace(),
        Some(ColorSpace::YCbCr | ColorSpace::Luma)
    );
    if !direct {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::RGB));
    }
    let raw = decoder.decode().map_err(|error| fault(&error))?;
    let pixels = if direct {
        raw
    } else {
        raw.chunks_exact(3).map(grey_over_white).collect()
    };
    if pixels.len() != width * height {
        return Err(fault(&"fewer pixels than the header says"));
    }
    Ok(Luma {
        width,
        height,
        pixels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_pixels_are_paper() {
        for (samples, expected) in [
            (&[0_u8][..], 0),
            (&[0, 0][..], 255),
            (&[0, 255][..], 0),
            (&[0, 128][..], 127),
            (&[255, 255, 255][..], 255),
            (&[0, 0, 0][..], 0),
            (&[255, 0, 0, 0][..], 255),
        ] {
            assert_eq!(grey_over_white(samples), expected, "{samples:?}");
        }
    }

    #[test]
    fn halving_takes_the_mean_and_survives_odd_sides() {
        let picture = Luma {
            width: 3,
            height: 2,
            pixels: vec![0, 100, 9, 200, 100, 9],
        };
        assert_eq!(
            picture.halved(),
            Luma {
                width: 1,
                height: 1,
                pixels: vec![100]
            }
        );
        let dot = Luma {
            width: 1,
            height: 1,
            pixels: vec![7],
        };
        assert_eq!(dot.halved(), dot);
    }
}

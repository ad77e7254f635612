//! Pictures for the tests: grey rasters, what happens to them on the way, and file writers.

use std::io::Cursor;

/// A grey raster, row by row.
#[derive(Clone)]
pub(crate) struct Grey {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
}

impl Grey {
    pub(crate) fn from_fn(width: usize, height: usize, at: impl Fn(usize, usize) -> u8) -> Self {
        let pixels = (0..width * height)
            .map(|i| at(i % width, i / width))
            .collect();
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Decodes one of our own PNG files, which are 8-bit grey.
    pub(crate) fn from_png(file: &[u8]) -> Self {
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.color_type, info.bit_depth),
            (png::ColorType::Grayscale, png::BitDepth::Eight)
        );
        Self {
            width: info.width as usize,
            height: info.height as usize,
            pixels,
        }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> u8 {
        self.pixels[y * self.width + x]
    }

    /// Turned a quarter, clockwise.
    pub(crate) fn turned(&self) -> Self {
        Self::from_fn(self.height, self.width, |x, y| {
            self.at(y, self.height - 1 - x)
        })
    }

    /// Tilted: each row is shifted right by a share of its height, in thousandths.
    pub(crate) fn sheared(&self, thousandths: usize) -> Self {
        let spare = self.height * thousandths / 1000;
        Self::from_fn(self.width + spare, self.height, |x, y| {
            let shift = y * thousandths / 1000;
            if x >= shift && x - shift < self.width {
                self.at(x - shift, y)
            } else {
                255
            }
        })
    }

    /// Half as bright on the right as on the left, like a hand's shadow.
    pub(crate) fn shaded(&self) -> Self {
        Self::from_fn(self.width, self.height, |x, y| {
            let share = 100 - 60 * x / self.width;
            u8::try_from(10 + usize::from(self.at(x, y)) * share / 105).unwrap()
        })
    }

    /// Cut to the symbol's own square, without any quiet zone.
    pub(crate) fn cropped(&self, left: usize, top: usize, side: usize) -> Self {
        Self::from_fn(side, side, |x, y| self.at(left + x, top + y))
    }

    /// Put on a larger page of this grey.
    pub(crate) fn on_page(&self, width: usize, height: usize, left: usize, top: usize) -> Self {
        Self::from_fn(width, height, |x, y| {
            let inside = x >= left && y >= top && x - left < self.width && y - top < self.height;
            if inside {
                self.at(x - left, y - top)
            } else {
                200
            }
        })
    }

    /// A PNG file of this kind; `samples` spells one grey pixel in it.
    pub(crate) fn png(
        &self,
        color: png::ColorType,
        depth: png::BitDepth,
        samples: impl Fn(u8) -> Vec<u8>,
    ) -> Vec<u8> {
        let data: Vec<u8> = self.pixels.iter().flat_map(|grey| samples(*grey)).collect();
        self.packed_png(color, depth, &data, None)
    }

    /// A PNG file from data already packed into rows, with a palette and its alpha if given.
    pub(crate) fn packed_png(
        &self,
        color: png::ColorType,
        depth: png::BitDepth,
        data: &[u8],
        palette: Option<(Vec<u8>, Vec<u8>)>,
    ) -> Vec<u8> {
        let mut file = Vec::new();
        let side = |v: usize| u32::try_from(v).unwrap();
        let mut encoder = png::Encoder::new(&mut file, side(self.width), side(self.height));
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some((colors, alpha)) = palette {
            encoder.set_palette(colors);
            encoder.set_trns(alpha);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        file
    }

    /// Rows packed to one bit a pixel, 1 for light.
    pub(crate) fn bits(&self) -> Vec<u8> {
        self.pixels
            .chunks_exact(self.width)
            .flat_map(|line| line.chunks(8))
            .map(|eight| {
                eight.iter().enumerate().fold(0, |byte, (bit, grey)| {
                    byte | (u8::from(*grey >= 128) << (7 - bit))
                })
            })
            .collect()
    }

    /// An 8-bit grey PNG in seven interlaced passes (PNG specification §8.2).
    pub(crate) fn interlaced_png(&self) -> Vec<u8> {
        const PASSES: [[usize; 4]; 7] = [
            [0, 0, 8, 8],
            [4, 0, 8, 8],
            [0, 4, 4, 8],
            [2, 0, 4, 4],
            [0, 2, 2, 4],
            [1, 0, 2, 2],
            [0, 1, 1, 2],
        ];
        let mut raw = Vec::new();
        for [left, top, across, down] in PASSES {
            for y in (top..self.height).step_by(down) {
                raw.push(0);
                raw.extend((left..self.width).step_by(across).map(|x| self.at(x, y)));
            }
        }
        let mut zlib = vec![0x78, 0x01];
        let mut blocks = raw.chunks(0xffff).peekable();
        while let Some(block) = blocks.next() {
            let length = u16::try_from(block.len()).unwrap();
            zlib.push(u8::from(blocks.peek().is_none()));
            zlib.extend(length.to_le_bytes());
            zlib.extend((!length).to_le_bytes());
            zlib.extend(block);
        }
        let (a, b) = raw.iter().fold((1_u32, 0_u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65521;
            (a, (b + a) % 65521)
        });
        zlib.extend((b << 16 | a).to_be_bytes());

        let side = |v: usize| u32::try_from(v).unwrap();
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(png_header(side(self.width), side(self.height), 8, 0, 1));
        file.extend(chunk(b"IDAT", &zlib));
        file.extend(chunk(b"IEND", b""));
        file
    }

    /// A grey JPEG file.
    pub(crate) fn jpeg(&self, quality: u8) -> Vec<u8> {
        let mut file = Vec::new();
        let side = |v: usize| u16::try_from(v).unwrap();
        jpeg_encoder::Encoder::new(&mut file, quality)
            .encode(
                &self.pixels,
                side(self.width),
                side(self.height),
                jpeg_encoder::ColorType::Luma,
            )
            .unwrap();
        file
    }

    /// A colour JPEG file from RGB samples, progressive if asked.
    pub(crate) fn color_jpeg(&self, quality: u8, progressive: bool) -> Vec<u8> {
        let rgb: Vec<u8> = self.pixels.iter().flat_map(|grey| [*grey; 3]).collect();
        let mut file = Vec::new();
        let side = |v: usize| u16::try_from(v).unwrap();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
        encoder.set_progressive(progressive);
        encoder
            .encode(
                &rgb,
                side(self.width),
                side(self.height),
                jpeg_encoder::ColorType::Rgb,
            )
            .unwrap();
        file
    }

    /// A print (CMYK) JPEG file: grey as black ink only.
    pub(crate) fn cmyk_jpeg(&self, quality: u8) -> Vec<u8> {
        let ink: Vec<u8> = self
            .pixels
            .iter()
            .flat_map(|grey| [0, 0, 0, 255 - grey])
            .collect();
        let mut file = Vec::new();
        let side = |v: usize| u16::try_from(v).unwrap();
        jpeg_encoder::Encoder::new(&mut file, quality)
            .encode(
                &ink,
                side(self.width),
                side(self.height),
                jpeg_encoder::ColorType::Cmyk,
            )
            .unwrap();
        file
    }
}

/// An `IHDR` chunk.
pub(crate) fn png_header(width: u32, height: u32, depth: u8, color: u8, interlace: u8) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend(width.to_be_bytes());
    data.extend(height.to_be_bytes());
    data.extend([depth, color, 0, 0, interlace]);
    chunk(b"IHDR", &data)
}

/// A PNG chunk with its length and CRC-32.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(data);
    let crc = bytes[4..].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    });
    bytes.extend((!crc).to_be_bytes());
    bytes
}

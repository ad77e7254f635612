//! The optical edge: ride codes as QR symbols, and back from PNG and JPEG.
//!
//! Bytes in, bytes out: this crate knows nothing of what a payload means, so it depends on no other
//! crate of ours. A ride code (乘车二维码) of 332..364 bytes becomes a version 12 symbol of 65 x 65
//! modules; the picture obeys the display rules of the QR annex (20..40 mm, quiet zone, black on
//! white, the 交通联合 mark directly above and never inside).
//!
//! ```text
//! payload --SymbolEncoder--> Modules --render_png / render_svg / render_text--> picture
//! payload <--read_image------------------------------------------------- PNG or JPEG
//! ```
//!
//! Readers: bind a scan head to QR alone. Dense symbols now and then hold a column of modules that
//! passes for a linear code (about one picture in 300 with two well-known decoders), and a reader
//! left to guess then delivers extra bytes or the wrong code.
//!
//! Start with [`SymbolEncoder`] and [`QrEncoder`] (`encode.rs`), then [`Display`] (`display.rs`) and
//! [`read_image`] (`read.rs`).
//!
//! Not here: files, cameras, the text forms of a code (hex, base64, UTF-8-expanded bytes are a
//! tolerant mode of the program), and Han Xin (汉信码), for which only the trait is ready.

mod bitmap;
mod display;
mod encode;
mod error;
mod luma;
mod mark;
mod read;
mod render;

pub use display::{
    Background, DPI_MAX, DPI_MIN, Display, QUIET_ZONE_MODULES, SIDE_MM_MAX, SIDE_MM_MIN,
};
pub use encode::{EccLevel, Modules, QrEncoder, SymbolEncoder};
pub use error::SymbolError;
pub use luma::IMAGE_PIXELS_MAX;
pub use mark::MARK;
pub use read::{Found, read_image};
pub use render::{render_png, render_svg, render_text};

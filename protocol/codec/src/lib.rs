//! Record tables as data, and readers for the field's encodings.
//!
//! One [`record!`] table states a fixed-length layout once: name, offsets, encoding,
//! certainty, English and Chinese title. From it come the struct, its codec, the
//! field-by-field description and the table in the documents. A gap, an overlap or a wrong
//! total is a compile error.
//!
//! What is here: the table macro, the encodings `B`, `cn`, `n`, `an`, `H`, a byte
//! [`Reader`], hex and Base64. What is not here: any particular format.
//! Start with [`record!`] and the example there.
#![cfg_attr(not(test), no_std)]

pub extern crate alloc;

mod closed;
mod encoding;
mod error;
mod place;
mod reader;
mod record;
mod text;

pub use closed::{CodeRow, sole_byte};
pub use encoding::{Ascii, Be, Cn, Cn10, Digits, Encoding, HexDigits, Padded, Raw};
pub use error::{DecodeError, EncodeError, FieldError};
pub use reader::{Reader, write_be};
pub use record::{Certainty, FieldSpec, FieldView, RecordSpec, check_layout, markdown};
pub use text::{TextError, base64_decode, base64_encode, hex_decode, hex_encode};

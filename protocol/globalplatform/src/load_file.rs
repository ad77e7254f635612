//! Load files: DAP blocks, then the load file data block (GP 2.3.1 §11.6.2, §C.2, §C.3).

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_crypto::{equal, sha1, sha2, sm3};

const DAP: Tag = Tag::new(0xE2);
const DOMAIN: Tag = Tag::new(0x4F);
const SIGNATURE: Tag = Tag::new(0xC3);
const BLOCK: u8 = 0xC4;
const ICV: Tag = Tag::new(0xD3);
const CIPHERED: u8 = 0xD4;

/// A domain's signature over the hash of the load file data block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dap {
    /// The domain that verifies it.
    pub domain: Aid,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The load file data block as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block<'a> {
    /// In clear (C4).
    Plain(&'a [u8]),
    /// Enciphered (D4), perhaps with its initial value (D3).
    Ciphered {
        /// The initial value; empty for zeros.
        icv: &'a [u8],
        /// The enciphered block.
        data: &'a [u8],
    },
}

/// A whole load file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFile<'a> {
    /// The DAP blocks.
    pub daps: Vec<Dap>,
    /// The code.
    pub block: Block<'a>,
}

/// Why bytes are no load file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFileError {
    /// The bytes are not DAP blocks and then a data block.
    #[error("load file at byte {offset}: expected {expected}")]
    Form {
        /// Where.
        offset: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// It ends before the data block is whole: more blocks must come.
    #[error("load file ends early: {found} of {needed} bytes of its data block")]
    Short {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
}

impl<'a> LoadFile<'a> {
    /// Reads a whole load file.
    ///
    /// # Errors
    /// [`LoadFileError`] naming the place.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LoadFileError> {
        let mut daps = Vec::new();
        let mut rest = bytes;
        let mut icv = &[][..];
        loop {
            let offset = bytes.len() - rest.len();
            let form = |expected| LoadFileError::Form { offset, expected };
            match rest.first() {
                Some(0xE2) => {
                    let (object, next) = tlv::read(rest).map_err(|_| form("a DAP block"))?;
                    debug_assert_eq!(object.tag, DAP);
                    daps.push(read_dap(object.value).ok_or(form("4F and C3 in a DAP block"))?);
                    rest = next;
                }
                Some(0xD3) => {
                    let (object, next) = tlv::read(rest).map_err(|_| form("an ICV"))?;
                    debug_assert_eq!(object.tag, ICV);
                    icv = object.value;
                    rest = next;
                }
                Some(tag @ (&BLOCK | &CIPHERED)) => {
                    let (len, body) =
                        long_length(&rest[1..]).ok_or(form("a length of the data block"))?;
                    if body.len() < len {
                        return Err(LoadFileError::Short {
                            needed: len,
                            found: body.len(),
                        });
                    }
                    if body.len() > len {
                        return Err(form("nothing after the data block"));
                    }
                    let block = if *tag == BLOCK {
                        Block::Plain(body)
                    } else {
                        Block::Ciphered { icv, data: body }
                    };
                    return Ok(Self { daps, block });
                }
                _ => return Err(form("E2, C4, D3 or D4")),
            }
        }
    }

    /// The bytes, to be cut into LOAD commands.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for dap in &self.daps {
            let mut value = tlv::object(DOMAIN, dap.domain.as_bytes());
            tlv::write(SIGNATURE, &dap.signature, &mut value);
            tlv::write(DAP, &value, &mut out);
        }
        let (tag, data) = match &self.block {
            Block::Plain(data) => (BLOCK, data),
            Block::Ciphered { icv, data } => {
                if !icv.is_empty() {
                    tlv::write(ICV, icv, &mut out);
                }
                (CIPHERED, data)
            }
        };
        out.push(tag);
        if data.len() > 0xFFFF {
            let len = u32::try_from(data.len()).expect("a load file is below 16 MiB");
            let [_, a, b, c] = len.to_be_bytes();
            out.extend([0x83, a, b, c]);
        } else {
            tlv::write_length(data.len(), &mut out);
        }
        out.extend(*data);
        out
    }
}

/// Whether what came so far is a whole load file: its data block is as long as it says.
///
/// A client is known that never marks the last block when all fits one LOAD; the card can tell
/// by this.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    LoadFile::parse(bytes).is_ok()
}

fn read_dap(value: &[u8]) -> Option<Dap> {
    Some(Dap {
        domain: Aid::parse(tlv::find(value, DOMAIN).ok()?).ok()?,
        signature: tlv::find(value, SIGNATURE).ok()?.to_vec(),
    })
}

/// A BER length of up to three bytes: load files are longer than other objects.
fn long_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [0x83, a, b, c, rest @ ..] => {
            let len = u32::from_be_bytes([0, *a, *b, *c]);
            Some((usize::try_from(len).ok()?, rest))
        }
        _ => tlv::read_length(bytes).ok(),
    }
}

/// Whether `hash` is the hash of the load file data block's value. The algorithm is known by
/// its length: 20 SHA-1, 32 SHA-256 or SM3, 48 SHA-384, 64 SHA-512.
///
/// UNSPECIFIED: that 32 bytes may also be SM3.
#[must_use]
pub fn hash_holds(hash: &[u8], block: &[u8]) -> bool {
    match hash.len() {
        20 => equal(&sha1::digest(block), hash),
        32 => equal(&sha2::sha256(block), hash) | equal(&sm3::digest(block), hash),
        48 => equal(&sha2::sha384(block), hash),
        64 => equal(&sha2::sha512(block), hash),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hash_is_known_by_its_length() {
        let block = b"code";
        for hash in [
            sha1::digest(block).to_vec(),
            sha2::sha256(block).to_vec(),
            sm3::digest(block).to_vec(),
            sha2::sha384(block).to_vec(),
            sha2::sha512(block).to_vec(),
        ] {
            assert!(hash_holds(&hash, block));
            assert!(!hash_holds(&hash, b"other"));
            assert!(!hash_holds(&hash[1..], block));
        }
        assert!(!hash_holds(&[], block));
    }

    #[test]
    fn a_long_block_has_a_length_of_three_bytes() {
        let code = vec![0xCA; 70_000];
        let file = LoadFile {
            daps: Vec::new(),
            block: Block::Plain(&code),
        };
        let bytes = file.encode();
        assert_eq!(bytes[..5], [0xC4, 0x83, 0x01, 0x11, 0x70]);
        assert_eq!(LoadFile::parse(&bytes), Ok(file));
        assert_eq!(
            LoadFile::parse(&bytes[..bytes.len() - 1]),
            Err(LoadFileError::Short {
                needed: 70_000,
                found: 69_999
            })
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_no_bytes_panic(
            code in prop::collection::vec(any::<u8>(), 1..300),
            signature in prop::collection::vec(any::<u8>(), 1..140),
            count in 0usize..3,
            noise in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let dap = Dap { domain: Aid::new(&[0xA0; 5]), signature };
            for block in [
                Block::Plain(&code),
                Block::Ciphered { icv: &[], data: &code },
                Block::Ciphered { icv: &[1; 8], data: &code },
            ] {
                let file = LoadFile { daps: vec![dap.clone(); count], block };
                let bytes = file.encode();
                prop_assert!(is_whole(&bytes));
                for cut in 0..bytes.len() {
                    prop_assert!(!is_whole(&bytes[..cut]));
                }
                prop_assert_eq!(LoadFile::parse(&bytes), Ok(file));
            }
            let _ = LoadFile::parse(&noise);
        }
    }
}

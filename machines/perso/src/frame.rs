//! What both files have in common: a head, records with a check each, and the seal.

use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_crypto::{PublicKey, Signature, Signer, SignerFault, sm3};
use tongtu_psam::PsamSerial;
use tongtu_purse::field::Terminal;

use crate::layout::{CHECK_LEN, Seal};

/// Which part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The head, or every record: a check is over both.
    Head,
    /// A record, by its place from 1.
    Record(usize),
    /// The head or the only record: a check is over both, and no other record tells which.
    HeadOrRecord,
    /// The seal at the end.
    Seal,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the head"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::HeadOrRecord => f.write_str("the head or record 1"),
            Self::Seal => f.write_str("the seal"),
        }
    }
}

/// Why bytes are no batch or answer, or a batch cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A field that does not hold, or bytes that end in the middle of a head.
    #[error("{0}")]
    Field(#[from] DecodeError),
    /// A value too wide for its field.
    #[error("{0}")]
    Width(#[from] EncodeError),
    /// Something else than this file.
    #[error("the file begins with {found:02X?}, expected {expected:02X?}")]
    Magic {
        /// Its first bytes.
        found: [u8; 4],
        /// Those of the file that was asked for.
        expected: [u8; 4],
    },
    /// A form that this program does not know.
    #[error("the file has form {found}, expected {expected}")]
    Version {
        /// What it says.
        found: u8,
        /// What we know.
        expected: u8,
    },
    /// Cut off, or with something behind its end.
    #[error("the file has {found} bytes, expected {expected} by its head")]
    Length {
        /// Bytes there.
        found: usize,
        /// What the head says.
        expected: usize,
    },
    /// Not as it was written.
    #[error("{place} is not as it was written")]
    Damaged {
        /// Where.
        place: Place,
    },
    /// Signed by somebody else than is trusted.
    #[error("the file is signed with {found}, expected {expected}")]
    Signer {
        /// Digest of the key that it names, in short.
        found: KeyDigest,
        /// That of the trusted key.
        expected: KeyDigest,
    },
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// A transport key of no algorithm that we know.
    #[error("no algorithm has the identifier {found:02X}, expected 00 or 04")]
    Algorithm {
        /// The identifier.
        found: u8,
    },
    /// No module at all, more than a file can have, or not the same number of keys in each.
    #[error("{found} {what}, expected {expected}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// In words.
        expected: &'static str,
    },
    /// Records are numbered 1, 2, 3, … in a batch, and rise in an answer.
    #[error("record {at} is number {found}, expected {expected}")]
    Order {
        /// Its place from 1.
        at: usize,
        /// Its number.
        found: u16,
        /// In words.
        expected: &'static str,
    },
    /// A serial number twice.
    #[error("PSAM {serial} is there twice")]
    SerialTwice {
        /// The serial number.
        serial: PsamSerial,
    },
    /// A terminal number twice.
    #[error("terminal {terminal} is there twice")]
    TerminalTwice {
        /// The terminal number.
        terminal: Terminal,
    },
    /// Whoever signs did not.
    #[error("no signature: {0}")]
    Signing(#[from] SignerFault),
}

/// A verifying key in an error: the first bytes of its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 4]);

impl KeyDigest {
    fn of(key: &[u8; 33]) -> Self {
        let [a, b, c, d, ..] = sm3::digest(key);
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", tongtu_codec::hex_encode(&self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Refuses another file or form.
pub(crate) fn begins(bytes: &[u8], magic: [u8; 4], version: u8) -> Result<(), FileError> {
    if let Some(found) = bytes.first_chunk::<4>().filter(|found| **found != magic) {
        return Err(FileError::Magic {
            found: *found,
            expected: magic,
        });
    }
    match bytes.get(4) {
        Some(found) if *found != version => Err(FileError::Version {
            found: *found,
            expected: version,
        }),
        _ => Ok(()),
    }
}

/// Writes a file: head, records with their checks, seal. Says the digest of the seal too.
pub(crate) fn write(
    head: &[u8],
    records: &[Vec<u8>],
    signer: &mut dyn Signer,
) -> Result<(Vec<u8>, sm3::Digest), FileError> {
    let mut out = head.to_vec();
    for record in records {
        out.extend(record);
        out.extend(check(head, record));
    }
    let digest = sm3::digest(&out);
    let signature = signer.sign_checked(&out)?.0;
    out.extend(Seal { digest, signature }.encode()?);
    Ok((out, digest))
}

/// The records of a file of a head and `count` records of `len` bytes, every byte accounted for.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    head_len: usize,
    count: usize,
    len: usize,
    signer: &[u8; 33],
    trusted: &PublicKey,
) -> Result<(Vec<&'a [u8]>, sm3::Digest), FileError> {
    let step = len + CHECK_LEN;
    let end = head_len + count * step;
    let expected = end + Seal::LEN;
    if bytes.len() != expected {
        return Err(FileError::Length {
            found: bytes.len(),
            expected,
        });
    }
    let (signed, seal) = bytes.split_at(end);
    let (head, body) = signed.split_at(head_len);
    let mut records = Vec::with_capacity(count);
    let mut wrong = Vec::new();
    for (at, chunk) in body.chunks_exact(step).enumerate() {
        let (record, found) = chunk.split_at(len);
        if check(head, record) != found {
            wrong.push(at + 1);
        }
        records.push(record);
    }
    let damaged = |place| Err(FileError::Damaged { place });
    match wrong[..] {
        [] => {}
        // Whatever is wrong with every record is wrong with the head, where there are several.
        _ if count > 1 && wrong.len() == count => return damaged(Place::Head),
        [_] if count == 1 => return damaged(Place::HeadOrRecord),
        [first, ..] => return damaged(Place::Record(first)),
    }
    let seal = Seal::decode(seal)?;
    if sm3::digest(signed) != seal.digest {
        return damaged(if count == 0 { Place::Head } else { Place::Seal });
    }
    let right = trusted.to_compressed();
    if *signer != right {
        return Err(FileError::Signer {
            found: KeyDigest::of(signer),
            expected: KeyDigest::of(&right),
        });
    }
    trusted
        .verify(signed, &Signature(seal.signature))
        .map_err(|_| FileError::Signature)?;
    Ok((records, seal.digest))
}

fn check(head: &[u8], record: &[u8]) -> [u8; CHECK_LEN] {
    let digest = sm3::digest_parts(&[head, record]);
    *digest
        .first_chunk()
        .expect("a digest is longer than a check")
}

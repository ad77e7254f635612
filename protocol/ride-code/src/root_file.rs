//! The root-certificate file that public readers take, known there by its number 4026.
//!
//! Form: version 4, count 4, RFU 4, SHA-1 of the record area 20; then for each root 160 bytes:
//! medium 1, code version 1 (80h to FFh), the 144-byte certificate, RFU 14.
//! Source: a public metro reader. Its SHA-1 finds damage, not forgery: every root in it still
//! verifies itself, and whether it is trusted is the caller's decision. Our own lists carry
//! roots under an SM2 signature instead.
//! It says nothing of the head itself, so a version can be changed unseen: take no order of files
//! from it that was not signed elsewhere. The reserved bytes are zero, and are asked to be.
//! UNSPECIFIED: the byte order of version and count; big-endian, as everywhere else.

use alloc::vec::Vec;

use tongtu_codec::{Be, DecodeError, EncodeError, Raw, Reader, record};
use tongtu_crypto::sha1;

use crate::certificate::CertificateError;
use crate::layout::RootCertificate;
use crate::{Root, RootTable};

record! {
    /// Head of a root-certificate file 4026.
    pub struct RootFileHead: 32 {
        [0..4] version: u32 as Be, Impl, "version of the list", "版本";
        [4..8] count: u32 as Be, Impl, "number of roots", "条数";
        [8..12] reserved: [u8; 4] as Raw, Impl, "reserved", "保留";
        [12..32] digest: [u8; 20] as Raw, Impl, "SHA-1 of the record area", "记录区SHA-1";
    }
}

record! {
    /// One root of a root-certificate file 4026.
    pub struct RootFileEntry: 160 {
        [0..1] medium: u8 as Be, Impl, "medium", "介质";
        [1..2] code_version: u8 as Be, Impl, "lead byte of the codes it is for", "码版本";
        [2..146] certificate: [u8; 144] as Raw, Impl, "root certificate, verbatim", "根证书";
        [146..160] reserved: [u8; 14] as Raw, Impl, "reserved", "保留";
    }
}

/// Roots in one file at most; a file that claims more is refused before it is read.
pub const ROOTS_MAX: u32 = 256;

/// A root-certificate file, its entries verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFile {
    /// Version of the list.
    pub version: u32,
    /// Its roots, in order.
    pub entries: Vec<RootFileEntry>,
}

/// Why bytes are no root-certificate file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootFileError {
    /// Cut off, or longer than its count says.
    #[error("root file: {0}")]
    Decode(#[from] DecodeError),
    /// Cannot be written.
    #[error("root file: {0}")]
    Encode(#[from] EncodeError),
    /// A reserved byte is not zero.
    #[error("root file: reserved byte {at} is {found:#04x}, expected 0")]
    Reserved {
        /// Offset in the file.
        at: usize,
        /// What was found.
        found: u8,
    },
    /// More roots than any list has.
    #[error("root file: {0} roots, expected at most 256")]
    Count(u32),
    /// The check sum is not that of the record area.
    #[error("root file: SHA-1 in the head is not that of the record area")]
    Digest,
    /// A root does not verify itself.
    #[error("root file: root {number}: {source}")]
    Root {
        /// 1-based number of the root in the file.
        number: usize,
        /// What is wrong with it.
        source: CertificateError,
    },
}

impl RootFile {
    /// Reads a file and checks its SHA-1; the certificates are not verified yet.
    ///
    /// # Errors
    /// [`RootFileError`] naming what does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, RootFileError> {
        let mut reader = Reader::new("RootFile", bytes);
        let head = RootFileHead::decode(reader.take("head", RootFileHead::LEN)?)?;
        if head.count > ROOTS_MAX {
            return Err(RootFileError::Count(head.count));
        }
        if let Some(at) = head.reserved.iter().position(|byte| *byte != 0) {
            return Err(RootFileError::Reserved {
                at: 8 + at,
                found: head.reserved[at],
            });
        }
        let area = reader.rest();
        let entries = (0..head.count)
            .map(|_| RootFileEntry::decode(reader.take("root", RootFileEntry::LEN)?))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        if sha1::digest(area) != head.digest {
            return Err(RootFileError::Digest);
        }
        Ok(Self {
            version: head.version,
            entries,
        })
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`RootFileError::Count`] when there are more than 256 roots.
    pub fn encode(&self) -> Result<Vec<u8>, RootFileError> {
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if count > ROOTS_MAX {
            return Err(RootFileError::Count(count));
        }
        let mut area = Vec::with_capacity(self.entries.len() * RootFileEntry::LEN);
        for entry in &self.entries {
            area.extend(entry.encode()?);
        }
        let digest = sha1::digest(&area);
        let head = RootFileHead {
            version: self.version,
            count,
            reserved: [0; 4],
            digest,
        };
        let mut bytes = head.encode()?;
        bytes.extend(area);
        Ok(bytes)
    }

    /// A file of these roots for codes of structure version 1.
    #[must_use]
    pub fn of_roots(version: u32, roots: &[RootCertificate]) -> Self {
        let entry = |root: &RootCertificate| {
            let bytes = root
                .encode()
                .expect("a root certificate has no field that can be too long");
            let mut certificate = [0; RootCertificate::LEN];
            certificate.copy_from_slice(&bytes);
            let code_version = crate::layout::LEAD_VERSION_1;
            RootFileEntry {
                medium: 0,
                code_version,
                certificate,
                reserved: [0; 14],
            }
        };
        Self {
            version,
            entries: roots.iter().map(entry).collect(),
        }
    }

    /// Every root of the file, each verified by its own signature.
    ///
    /// # Errors
    /// [`RootFileError::Root`] naming the first that does not hold.
    pub fn verify(&self) -> Result<RootTable, RootFileError> {
        let verify = |(at, entry): (usize, &RootFileEntry)| {
            Root::verify(&entry.certificate).map_err(|source| RootFileError::Root {
                number: at + 1,
                source,
            })
        };
        let roots: Vec<Root> = self
            .entries
            .iter()
            .enumerate()
            .map(verify)
            .collect::<Result<_, _>>()?;
        Ok(RootTable::new(roots))
    }
}

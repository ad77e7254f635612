//! The revocation list (吊销名单) of a root: which issuer certificates under it are revoked since
//! when, and whether the root itself is over.
//!
//! ```text
//! head 34     magic 4 "TTRL" | format 1 | CA index 1 | version 8 | made at 8 | root over at 8 | count 4
//! entry 15    issuer cn8 4 | serial 3 | revoked at 8          rising by issuer and serial
//! end 64      SM2 signature r || s of the root's key over all bytes before it
//! ```
//!
//! What is here: the list, its bytes, who may sign it. What is not here: who decides that a
//! certificate is revoked (the authority's book), how the list travels, and what terminals keep of
//! it ([`crate::BlackLists`]).
//!
//! UNSPECIFIED: no public text gives such a list; reference terminals know none. Whoever trusts a
//! root needs nothing more to trust its list, so it is the root's key that signs it. That the root
//! itself is over it says too: whoever has the key of a compromised root can only end it sooner.
//! What was said to be over stays over, whatever a later list of the same key says.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, DecodeError, EncodeError, Raw, Reader, record};
use tongtu_crypto::Signature;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::{Root, RootTable};

record! {
    /// Head of a revocation list.
    pub struct RevocationHead: 34 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTRL", "标识";
        [4..5] format: u8 as Be, Ours, "format, 01", "格式";
        [5..6] ca_index: u8 as Be, Ours, "CA index of the root that signs", "根证书索引";
        [6..14] version: u64 as Be, Ours, "rises with every list of the root", "版本";
        [14..22] issued_at: u64 as Be, Ours, "when it was made, Unix seconds", "签发时间";
        [22..30] root_ended_at: u64 as Be, Ours, "since when the root is over; 0, it is not", "根证书停用时间";
        [30..34] count: u32 as Be, Ours, "number of entries", "条数";
    }
}

record! {
    /// One revoked certificate in a revocation list.
    pub struct RevocationEntry: 15 {
        [0..4] issuer: InstitutionCode as Cn, Ours, "issuer", "发行机构";
        [4..7] serial: [u8; 3] as Raw, Ours, "serial number of the certificate", "证书序列号";
        [7..15] revoked_at: u64 as Be, Ours, "since when, Unix seconds", "吊销时间";
    }
}

/// What every revocation list begins with.
pub const REVOCATION_MAGIC: [u8; 4] = *b"TTRL";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// Entries in one list at most; a terminal has room for as many.
pub const REVOKED_MAX: u32 = 4096;

/// A certificate as lists name it: its issuer and its serial number.
pub type CertificateName = (InstitutionCode, [u8; 3]);

/// The revocation list of one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// The root's CA index.
    pub ca_index: u8,
    /// Rises with every list of the root.
    pub version: u64,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Since when the root itself is not to be used any more, if it is so.
    pub root_ended_at: Option<Timestamp>,
    /// The revoked certificates, and since when.
    pub revoked: BTreeMap<CertificateName, Timestamp>,
}

/// Why a revocation list is not made, not opened, or does not follow on another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// Does not begin like one.
    #[error("not a revocation list: expected \"TTRL\" in front")]
    Magic,
    /// Of another format.
    #[error("revocation list of format {found}, expected 1")]
    Format {
        /// The format stated.
        found: u8,
    },
    /// A field is cut off or malformed.
    #[error("revocation list: {0}")]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error("revocation list: {0}")]
    Encode(#[from] EncodeError),
    /// More entries than any list has.
    #[error("revocation list of {found} entries, expected at most {REVOKED_MAX}")]
    Count {
        /// Entries there.
        found: u32,
    },
    /// No root of this index is held.
    #[error("revocation list of root {ca_index:02X}, which is not held")]
    RootUnknown {
        /// The index stated.
        ca_index: u8,
    },
    /// The signature is not the root's over these bytes.
    #[error("signature of the revocation list does not verify under root {ca_index:02X}")]
    Signature {
        /// The root's index.
        ca_index: u8,
    },
    /// An entry repeats or is out of order.
    #[error("revocation list: entry {index} is not above the entry before it")]
    Order {
        /// 0-based position of the entry.
        index: usize,
    },
    /// A time that is none.
    #[error("revocation list: {field} is {found}, expected Unix seconds")]
    Time {
        /// Which.
        field: &'static str,
        /// What it says.
        found: u64,
    },
    /// It is not newer than the list held.
    #[error("revocation list of version {offered}, expected more than {held}")]
    NotNewer {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// It uses a root again that was over.
    #[error("revocation list of version {offered} takes back that root {ca_index:02X} is over")]
    RootAgain {
        /// The root's index.
        ca_index: u8,
        /// The version offered.
        offered: u64,
    },
}

impl RevocationList {
    /// The list's bytes, signed by the root's key, which is elsewhere: `sign` has the bytes signed
    /// there.
    ///
    /// # Errors
    /// What `sign` says; [`RevocationError::Signature`] when what it gave is no signature of this
    /// root's key, [`RevocationError::Count`] for too many entries.
    pub fn sign_with<E: From<RevocationError>>(
        &self,
        root: &Root,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Vec<u8>, E> {
        let found = u32::try_from(self.revoked.len()).unwrap_or(u32::MAX);
        if found > REVOKED_MAX {
            return Err(RevocationError::Count { found }.into());
        }
        let mut bytes = self.write(found)?;
        let signature = sign(&bytes)?;
        let ca_index = self.ca_index;
        if root.certificate().ca_index != ca_index || root.key().verify(&bytes, &signature).is_err()
        {
            return Err(RevocationError::Signature { ca_index }.into());
        }
        bytes.extend(signature.0);
        Ok(bytes)
    }

    fn write(&self, count: u32) -> Result<Vec<u8>, RevocationError> {
        let head = RevocationHead {
            magic: REVOCATION_MAGIC,
            format: FORMAT,
            ca_index: self.ca_index,
            version: self.version,
            issued_at: seconds("issued_at", self.issued_at)?,
            root_ended_at: match self.root_ended_at {
                Some(at) => seconds("root_ended_at", at)?,
                None => 0,
            },
            count,
        };
        let mut bytes = head.encode()?;
        for ((issuer, serial), revoked_at) in &self.revoked {
            let entry = RevocationEntry {
                issuer: *issuer,
                serial: *serial,
                revoked_at: seconds("revoked_at", *revoked_at)?,
            };
            bytes.extend(entry.encode()?);
        }
        Ok(bytes)
    }

    /// Checks the signature under the root that the list names, then reads it.
    ///
    /// # Errors
    /// [`RevocationError`]; until the signature holds, nothing but the head's magic, format and
    /// index were looked at.
    pub fn open(bytes: &[u8], roots: &RootTable) -> Result<Self, RevocationError> {
        if !bytes.starts_with(&REVOCATION_MAGIC) {
            return Err(RevocationError::Magic);
        }
        let mut reader = Reader::new("RevocationList", bytes);
        let head = RevocationHead::decode(reader.take("head", RevocationHead::LEN)?)?;
        if head.format != FORMAT {
            return Err(RevocationError::Format { found: head.format });
        }
        let ca_index = head.ca_index;
        let root = roots.by_index(ca_index);
        let root = root.ok_or(RevocationError::RootUnknown { ca_index })?;
        let signed = bytes.split_last_chunk::<SIGNATURE_LEN>();
        let (signed, signature) = signed.ok_or(RevocationError::Signature { ca_index })?;
        let verified = root.key().verify(signed, &Signature(*signature));
        verified.map_err(|_| RevocationError::Signature { ca_index })?;
        if head.count > REVOKED_MAX {
            return Err(RevocationError::Count { found: head.count });
        }
        let mut revoked = BTreeMap::new();
        let mut last = None;
        for index in 0..usize::try_from(head.count).expect("four bytes fit a usize") {
            let entry = RevocationEntry::decode(reader.take("entry", RevocationEntry::LEN)?)?;
            let name = (entry.issuer, entry.serial);
            if last.is_some_and(|last| name <= last) {
                return Err(RevocationError::Order { index });
            }
            last = Some(name);
            revoked.insert(name, time("revoked_at", entry.revoked_at)?);
        }
        reader.take("signature", SIGNATURE_LEN)?;
        reader.finish()?;
        Ok(Self {
            ca_index,
            version: head.version,
            issued_at: time("issued_at", head.issued_at)?,
            root_ended_at: match head.root_ended_at {
                0 => None,
                at => Some(time("root_ended_at", at)?),
            },
            revoked,
        })
    }

    /// Whether this list may take the place of an older one of the same root.
    ///
    /// # Errors
    /// [`RevocationError::NotNewer`], [`RevocationError::RootAgain`].
    pub const fn check_follows(&self, held: &Self) -> Result<(), RevocationError> {
        let (offered, ca_index) = (self.version, self.ca_index);
        if offered <= held.version {
            let held = held.version;
            return Err(RevocationError::NotNewer { held, offered });
        }
        if held.root_ended_at.is_some() && self.root_ended_at.is_none() {
            return Err(RevocationError::RootAgain { ca_index, offered });
        }
        Ok(())
    }

    /// Since when codes under this certificate of this root rest on nothing any more: the earlier
    /// of its own revocation and the root's end.
    #[must_use]
    pub fn revoked_since(&self, name: &CertificateName) -> Option<Timestamp> {
        let own = self.revoked.get(name).copied();
        match (own, self.root_ended_at) {
            (Some(own), Some(root)) => Some(own.min(root)),
            (own, root) => own.or(root),
        }
    }
}

fn seconds(field: &'static str, at: Timestamp) -> Result<u64, RevocationError> {
    let found = at.get().cast_unsigned();
    u64::try_from(at.get()).map_err(|_| RevocationError::Time { field, found })
}

fn time(field: &'static str, found: u64) -> Result<Timestamp, RevocationError> {
    let seconds = i64::try_from(found);
    let seconds = seconds.map_err(|_| RevocationError::Time { field, found })?;
    Ok(Timestamp::new(seconds))
}

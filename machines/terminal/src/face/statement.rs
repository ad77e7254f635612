//! What a rider consents to, as the bytes that the rider's phone signs.
//!
//! ```text
//! head       magic 4 "TTFC" | format 1 | account cn20 10 | issuer cn8 4 | terms 4
//!            | digest of the text 32 | at 8 | until 8 | request length 1 | request | scopes 1
//! scope      acquirer cn8 4 | operator 2 | line 6, zeros behind it; all zeros are all lines
//! ```
//!
//! UNSPECIFIED: no public text gives the form of a consent; the law asks that it is separate,
//! informed, and can be shown. Whoever consents at a counter signs nothing that we could check:
//! the counter keeps the paper or the recording, and the node its reference.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Cn, Cn10};
use tongtu_types::{CardNumber, InstitutionCode, LineCode, Timestamp};

use super::GalleryError;
use super::wire::push;

const MAGIC: [u8; 4] = *b"TTFC";
const FORMAT: u8 = 1;
/// Most operators and lines that one consent names.
pub const SCOPES_MAX: usize = 64;

/// Terminals that may hold a rider's face: those of an operator (运输企业), or of one line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaceScope {
    /// The acquirer that the operator's terminals belong to.
    pub acquirer: InstitutionCode,
    /// The operator's number at that acquirer, as in tap records.
    pub operator: u16,
    /// One line; none for all of them.
    pub line: Option<LineCode>,
}

/// A consent to rides by face, to be signed by the key of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentStatement {
    /// The account that pays.
    pub account: CardNumber,
    /// The account's issuer, which keeps the face.
    pub issuer: InstitutionCode,
    /// Version of the terms that were shown.
    pub terms: u32,
    /// SM3 of their text.
    pub digest: [u8; 32],
    /// When the rider consented.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The id of the enrolment that it is for, so that nobody uses it for another.
    pub request: String,
    /// Who may hold the face.
    pub scopes: BTreeSet<FaceScope>,
}

impl ConsentStatement {
    /// The bytes to be signed; one consent has one form.
    ///
    /// # Errors
    /// [`GalleryError::Encode`] for numbers that do not fit, [`GalleryError::Request`] for an id
    /// that is too long, [`GalleryError::Scopes`] when no operator is named or too many are.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GalleryError> {
        let found = self.scopes.len();
        if found == 0 || found > SCOPES_MAX {
            return Err(GalleryError::Scopes { found });
        }
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(FORMAT);
        push::<Cn10, _>("account", &self.account, 10, &mut out)?;
        push::<Cn, _>("issuer", &self.issuer, 4, &mut out)?;
        out.extend_from_slice(&self.terms.to_be_bytes());
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.at.get().to_be_bytes());
        out.extend_from_slice(&self.until.get().to_be_bytes());
        let length = self.request.len();
        let len = u8::try_from(length).map_err(|_| GalleryError::Request { length })?;
        out.push(len);
        out.extend_from_slice(self.request.as_bytes());
        out.push(u8::try_from(found).expect("64 at most"));
        for scope in &self.scopes {
            push::<Cn, _>("acquirer", &scope.acquirer, 4, &mut out)?;
            out.extend_from_slice(&scope.operator.to_be_bytes());
            let mut line = [0; 6];
            if let Some(code) = scope.line {
                let text = code.as_str().as_bytes();
                line[..text.len()].copy_from_slice(text);
            }
            out.extend_from_slice(&line);
        }
        Ok(out)
    }
}

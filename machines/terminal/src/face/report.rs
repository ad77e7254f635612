//! What a terminal says of its gallery, so that a rider can be told who has forgotten them.

use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, Raw, record};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_types::{InstitutionCode, TerminalNumber, Timestamp};

use super::wire::{bcd, terminal};
use super::{EngineId, GalleryError};
use crate::Sam;

record! {
    /// A terminal's report of its gallery (人脸名单确认), before its signature.
    pub struct GalleryReportRecord: 43 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTFR", "标识";
        [4..5] format: u8 as Be, Ours, "format, 01", "格式";
        [5..9] acquirer: InstitutionCode as Cn, Ours, "acquirer", "受理机构";
        [9..15] terminal: [u8; 6] as Raw, Ours, "terminal number", "终端机编号";
        [15..23] at: u64 as Be, Ours, "when it was made, Unix seconds", "报告时间";
        [23..31] version: u64 as Be, Ours, "version of the gallery; 0 is none", "人脸名单版本";
        [31..39] engine: [u8; 8] as Raw, Ours, "engine and its version", "识别引擎";
        [39..43] riders: u32 as Be, Ours, "riders in it", "名单人数";
    }
}

const MAGIC: [u8; 4] = *b"TTFR";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// Which gallery a terminal has: everything that this version says to forget is forgotten, in
/// memory and at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GalleryReport {
    /// Whose terminal it is.
    pub acquirer: InstitutionCode,
    /// Which terminal it is.
    pub terminal: TerminalNumber,
    /// When it made the report.
    pub at: Timestamp,
    /// Version of its gallery; 0 is none.
    pub version: u64,
    /// Its engine.
    pub engine: EngineId,
    /// How many riders it can recognise.
    pub riders: u32,
}

impl GalleryReport {
    /// The report as it travels: the record, and the terminal's signature over it.
    ///
    /// # Errors
    /// [`GalleryError::Encode`], which no report gives that can be made.
    pub fn sign(&self, sam: &dyn Sam) -> Result<Vec<u8>, GalleryError> {
        let record = GalleryReportRecord {
            magic: MAGIC,
            format: FORMAT,
            acquirer: self.acquirer,
            terminal: bcd(self.terminal),
            // A clock before 1970 is not set; that is reported as 0.
            at: u64::try_from(self.at.get()).unwrap_or(0),
            version: self.version,
            engine: self.engine.0,
            riders: self.riders,
        };
        let mut out: Vec<u8> = record.encode()?.into_iter().collect();
        let signature = sam.sign(&out);
        out.extend(signature.0);
        Ok(out)
    }

    /// Checks a report under the terminal's key, then reads it.
    ///
    /// # Errors
    /// [`GalleryError::Report`] when it is not the terminal's, others when it is malformed.
    pub fn open(bytes: &[u8], terminal_key: &PublicKey) -> Result<Self, GalleryError> {
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(GalleryError::Report)?;
        terminal_key
            .verify(signed, &Signature(*signature))
            .map_err(|_| GalleryError::Report)?;
        let record = GalleryReportRecord::decode(signed)?;
        if record.magic != MAGIC || record.format != FORMAT {
            return Err(GalleryError::Report);
        }
        let at = i64::try_from(record.at).map_err(|_| GalleryError::Report)?;
        Ok(Self {
            acquirer: record.acquirer,
            terminal: terminal(record.terminal).ok_or(GalleryError::Report)?,
            at: Timestamp::new(at),
            version: record.version,
            engine: EngineId(record.engine),
            riders: record.riders,
        })
    }
}

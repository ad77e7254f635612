//! An anchor: one signature over everything up to the end of a day.

use tongtu_codec::{Be, Digits, EncodeError, Raw, record};
use tongtu_crypto::{Signature, sm3};
use tongtu_types::BusinessDay;

/// First bytes of an anchor.
pub(crate) const MAGIC: [u8; 4] = *b"TTAA";
/// The version of the table.
pub(crate) const VERSION: u8 = 1;
/// What an anchor's signature covers.
pub(crate) const SIGNED: usize = 93;
/// Where the number of the signing key stands.
pub(crate) const KEY: core::ops::Range<usize> = 89..93;

record! {
    /// The anchor of a day of an audit chain.
    ///
    /// Every line of that day or an earlier one (China time) is among the first `count` lines, and
    /// no other is. The SM2 signature covers bytes 0..93.
    pub struct Anchor: 157 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTAA", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the table, 01", "版本";
        [5..9] number: u32 as Be, Ours, "number of the anchor, from 1", "锚序号";
        [9..17] day: BusinessDay as Digits, Ours, "day, yyyymmdd", "日期";
        [17..25] count: u64 as Be, Ours, "lines up to the end of that day", "累计行数";
        [25..57] head: sm3::Digest as Raw, Ours,
            "value of the last of them, zero for none", "末行链值";
        [57..89] before: sm3::Digest as Raw, Ours,
            "SM3 of the anchor before, zero for the first", "前一锚摘要";
        [89..93] key: u32 as Be, Ours,
            "number of the signing key in its book, 0 for one that is in none", "签名密钥编号";
        [93..157] signature: [u8; 64] as Raw, Ours, "SM2 signature, r || s", "数字签名";
    }
}

impl Anchor {
    /// The bytes that are signed.
    ///
    /// # Errors
    /// [`EncodeError`] when a field cannot be written.
    pub(crate) fn signed_bytes(&self) -> Result<[u8; SIGNED], EncodeError> {
        let mut out = [0; SIGNED];
        out.copy_from_slice(&self.encode()?[..SIGNED]);
        Ok(out)
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        Signature(self.signature)
    }
}

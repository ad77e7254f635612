//! Many records at once: their digests go side by side.

use alloc::vec::Vec;

use tongtu_crypto::sm3;

use super::{Item, RecordError, RideRecord, digest_item, items};

impl RideRecord {
    /// What [`RideRecord::decode`] says of each record, in their order.
    #[must_use]
    pub fn decode_each(records: &[&[u8]]) -> Vec<Result<Self, RecordError>> {
        let split: Vec<Result<(Vec<Item<'_>>, Item<'_>), RecordError>> = records
            .iter()
            .map(|bytes| {
                let items = items(bytes)?;
                let digest = digest_item(&items)?;
                Ok((items, digest))
            })
            .collect();
        let covered: Vec<&[u8]> = records
            .iter()
            .zip(&split)
            .filter_map(|(bytes, split)| Some(&bytes[..split.as_ref().ok()?.1.offset]))
            .collect();
        let mut digests = sm3::digest_each(&covered).into_iter();
        split
            .into_iter()
            .map(|split| {
                let (items, digest) = split?;
                let found = digests
                    .next()
                    .expect("a digest of each record that was split");
                if digest.content != found {
                    return Err(RecordError::Digest);
                }
                Self::read(&items)
            })
            .collect()
    }
}

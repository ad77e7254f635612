//! PUT KEY and DELETE [key], for the naive registry: which keys there are, not what they open.

use std::collections::BTreeSet;

use super::Registry;
use crate::Answer;
use crate::cipher::{aes_decrypt, cbc_back};
use crate::scp03::check_value;

/// The version of the keys that a card leaves the factory with.
const INITIAL: u8 = 0xFF;

/// The keys of a PUT KEY, deciphered, each with the check value that came with it; AES only.
fn blocks(dek: &[u8], mut data: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut out = Vec::new();
    while !data.is_empty() {
        let (block, rest) = data.split_at_checked(23)?;
        if block[..3] != [0x88, 0x11, 0x10] || block[19] != 3 {
            return None;
        }
        let key = cbc_back(|block| aes_decrypt(dek, block), &[0; 16], &block[3..19]);
        out.push((key, block[20..].to_vec()));
        data = rest;
    }
    (!out.is_empty()).then_some(out)
}

/// Whether a channel can be opened with the keys of this version: all three are there, and it is
/// none of the versions for tokens, receipts, load files.
fn opens(keys: &BTreeSet<(u8, u8)>, version: u8) -> bool {
    !(0x70..=0x75).contains(&version) && (1..=3).all(|id| keys.contains(&(version, id)))
}

fn is_reachable(keys: &BTreeSet<(u8, u8)>) -> bool {
    keys.iter().any(|(version, _)| opens(keys, *version))
}

impl Registry {
    pub(super) fn put_key(&mut self, replace: u8, p2: u8, data: &[u8]) -> Answer {
        let first = p2 & 0x7F;
        if replace > 0x7F || first == 0 {
            return Err(0x6A86);
        }
        let (version, data) = data.split_first().ok_or(0x6A80_u16)?;
        let keys = blocks(&self.dek, data).ok_or(0x6A80_u16)?;
        if (p2 & 0x80 == 0 && keys.len() > 1) || !(1..=0x7F).contains(version) {
            return Err(0x6A80);
        }
        if keys.iter().any(|(key, check)| check_value(key) != *check) {
            return Err(0x6982);
        }
        let ids: Vec<u8> = (first..).take(keys.len()).collect();
        for id in &ids {
            if replace != 0 && !self.keys.contains(&(replace, *id)) {
                return Err(0x6A88);
            }
            if replace != *version && self.keys.contains(&(*version, *id)) {
                return Err(0x6985);
            }
        }
        let mut after = self.keys.clone();
        for id in &ids {
            after.remove(&(replace, *id));
            after.insert((*version, *id));
        }
        if (1..=3).all(|id| ids.contains(&id)) && opens(&after, *version) {
            after.retain(|(version, _)| *version != INITIAL);
        }
        // The last keys by which the issuer domain can be reached stay.
        if is_reachable(&self.keys) && !is_reachable(&after) {
            return Err(0x6985);
        }
        self.keys = after;
        let mut answer = vec![*version];
        answer.extend(keys.into_iter().flat_map(|(_, check)| check));
        Ok(answer)
    }

    /// DELETE [key] by identifier, version, or both.
    pub(super) fn delete_keys(&mut self, id: Option<u8>, version: Option<u8>) -> Answer {
        let is_meant = |(of, which): &(u8, u8)| {
            version.is_none_or(|version| version == *of) && id.is_none_or(|id| id == *which)
        };
        if !self.keys.iter().any(is_meant) {
            return Err(0x6A88);
        }
        let staying: BTreeSet<_> = self
            .keys
            .iter()
            .copied()
            .filter(|name| !is_meant(name))
            .collect();
        if !is_reachable(&staying) {
            return Err(0x6985);
        }
        self.keys = staying;
        Ok(vec![0])
    }
}

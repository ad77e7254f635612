//! PUT KEY and DELETE [key], for the naive registry: which keys there are, not what they open.

use std::collections::BTreeMap;

use super::authority::Key;
use super::{Kind, Registry};
use crate::Answer;
use crate::cipher::{aes_decrypt, cbc_back, sm4_encrypt, tdes_encrypt};
use crate::scp03::check_value;

/// The version of the keys that a card leaves the factory with.
const INITIAL: u8 = 0xFF;

/// A domain's keys by version and identifier.
pub type Keys = BTreeMap<(u8, u8), Key>;

/// The check value of a symmetric key (GP 2.3.1 §B.6; SM4 as 3DES, of a block of zeros).
#[must_use]
pub(super) fn check(key: &Key) -> Vec<u8> {
    let first = |block: Vec<u8>| block[..3].to_vec();
    match key {
        Key::Tdes(key) => first(tdes_encrypt(key, &[0; 8])),
        Key::Aes(key) => check_value(key),
        Key::Sm4(key) => first(sm4_encrypt(key, &[0; 16])),
        Key::Public(_) | Key::Secret(_) => Vec::new(),
    }
}

impl Registry {
    /// The keys of a PUT KEY, deciphered, each with the check value that came with it.
    fn blocks(&self, mut data: &[u8]) -> Option<Vec<(Key, Vec<u8>)>> {
        let clear = |value: &[u8]| cbc_back(|block| aes_decrypt(&self.dek, block), &[0; 16], value);
        let mut out = Vec::new();
        'blocks: while !data.is_empty() {
            // Public halves travel in clear; the test said which bytes are whose.
            for (pair, public) in &self.pairs {
                if let Some(rest) = data.strip_prefix(&public[..]) {
                    data = rest.strip_prefix(&[0])?;
                    out.push((Key::Public(*pair), Vec::new()));
                    continue 'blocks;
                }
            }
            let (key, rest) = match data {
                [0x80, 0x10, rest @ ..] => {
                    let (value, rest) = rest.split_at_checked(16)?;
                    (Key::Tdes(clear(value)), rest)
                }
                [kind @ (0x88 | 0x8F), 0x11, 0x10, rest @ ..] => {
                    let (value, rest) = rest.split_at_checked(16)?;
                    let key = clear(value);
                    let key = match kind {
                        0x88 => Key::Aes(key),
                        _ => Key::Sm4(key),
                    };
                    (key, rest)
                }
                _ => return None,
            };
            let (3, rest) = rest.split_first().map(|(len, rest)| (*len, rest))? else {
                return None;
            };
            let (check, rest) = rest.split_at_checked(3)?;
            out.push((key, check.to_vec()));
            data = rest;
        }
        (!out.is_empty()).then_some(out)
    }

    pub(super) fn put_key(&mut self, replace: u8, p2: u8, data: &[u8]) -> Answer {
        let first = p2 & 0x7F;
        if replace > 0x7F || first == 0 {
            return Err(0x6A86);
        }
        let (version, data) = data.split_first().ok_or(0x6A80_u16)?;
        let blocks = self.blocks(data).ok_or(0x6A80_u16)?;
        if (p2 & 0x80 == 0 && blocks.len() > 1) || !(1..=0x7F).contains(version) {
            return Err(0x6A80);
        }
        if blocks.iter().any(|(key, with)| check(key) != *with) {
            return Err(0x6982);
        }
        let acting = self.acting.clone();
        let entry = self.entry_mut(&acting).ok_or(0x6985_u16)?;
        let ids: Vec<u8> = (first..).take(blocks.len()).collect();
        for id in &ids {
            if replace != 0 && !entry.keys.contains_key(&(replace, *id)) {
                return Err(0x6A88);
            }
            if replace != *version && entry.keys.contains_key(&(*version, *id)) {
                return Err(0x6985);
            }
        }
        let mut answer = vec![*version];
        let mut after = entry.keys.clone();
        for (id, (key, check)) in ids.iter().zip(blocks) {
            after.remove(&(replace, *id));
            after.insert((*version, *id), key);
            answer.extend(check);
        }
        if (1..=3).all(|id| ids.contains(&id)) && opens(&after, *version) {
            after.retain(|(version, _), _| *version != INITIAL);
            if entry.kind == Kind::Domain && entry.state == 0x07 {
                entry.personalised();
            }
        }
        // The last keys by which the issuer domain can be reached stay.
        let is_issuer = entry.kind == Kind::Issuer;
        if is_issuer && is_reachable(&entry.keys) && !is_reachable(&after) {
            return Err(0x6985);
        }
        entry.keys = after;
        Ok(answer)
    }

    /// DELETE [key] by identifier, version, or both.
    pub(super) fn delete_keys(&mut self, id: Option<u8>, version: Option<u8>) -> Answer {
        let is_meant = |(of, which): &(u8, u8)| {
            version.is_none_or(|version| version == *of) && id.is_none_or(|id| id == *which)
        };
        let acting = self.acting.clone();
        let entry = self.entry_mut(&acting).ok_or(0x6985_u16)?;
        if !entry.keys.keys().any(is_meant) {
            return Err(0x6A88);
        }
        let mut staying = entry.keys.clone();
        staying.retain(|name, _| !is_meant(name));
        if entry.kind == Kind::Issuer && !is_reachable(&staying) {
            return Err(0x6985);
        }
        entry.keys = staying;
        Ok(vec![0])
    }
}

/// Whether a channel can be opened with the keys of this version: all three are there and of one
/// kind, and it is none of the versions for tokens, receipts, load files.
fn opens(keys: &Keys, version: u8) -> bool {
    let kind = |id| match keys.get(&(version, id)) {
        Some(Key::Tdes(_)) => Some(0x80),
        Some(Key::Aes(_)) => Some(0x88),
        Some(Key::Sm4(_)) => Some(0x8F),
        _ => None,
    };
    let first = kind(1);
    !(0x70..=0x75).contains(&version) && first.is_some() && kind(2) == first && kind(3) == first
}

pub(super) fn is_reachable(keys: &Keys) -> bool {
    keys.keys().any(|(version, _)| opens(keys, *version))
}

//! A small cache that forgets what was not used for longest.

use alloc::collections::BTreeMap;

use tongtu_crypto::{PublicKey, sm3};

/// Verified keys by the SM3 of everything that made them verified.
///
/// The key of an entry covers every byte that was judged, so a hit means that these very
/// bytes passed before; nothing that failed is ever put in.
#[derive(Debug)]
pub(crate) struct KeyCache {
    capacity: usize,
    clock: u64,
    by_digest: BTreeMap<sm3::Digest, (PublicKey, u64)>,
    by_age: BTreeMap<u64, sm3::Digest>,
}

impl KeyCache {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: 0,
            by_digest: BTreeMap::new(),
            by_age: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&mut self, digest: &sm3::Digest) -> Option<PublicKey> {
        let (key, age) = self.by_digest.get_mut(digest)?;
        self.by_age.remove(age);
        self.clock += 1;
        *age = self.clock;
        self.by_age.insert(self.clock, *digest);
        Some(key.clone())
    }

    pub(crate) fn insert(&mut self, digest: sm3::Digest, key: PublicKey) {
        if self.capacity == 0 {
            return;
        }
        self.clock += 1;
        if let Some((_, age)) = self.by_digest.insert(digest, (key, self.clock)) {
            self.by_age.remove(&age);
        }
        self.by_age.insert(self.clock, digest);
        while self.by_digest.len() > self.capacity {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.by_digest.remove(&oldest);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_digest.clear();
        self.by_age.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_not_used_for_longest() {
        let secret = tongtu_crypto::SecretKey::from_bytes(&[7; 32]).unwrap();
        let mut cache = KeyCache::new(2);
        cache.insert([1; 32], secret.public().clone());
        cache.insert([2; 32], secret.public().clone());
        assert!(cache.find(&[1; 32]).is_some());
        cache.insert([3; 32], secret.public().clone());
        assert!(cache.find(&[2; 32]).is_none(), "2 was the oldest");
        assert!(cache.find(&[1; 32]).is_some() && cache.find(&[3; 32]).is_some());
        assert_eq!(cache.by_age.len(), 2);
        cache.clear();
        assert!(cache.find(&[1; 32]).is_none());
    }
}

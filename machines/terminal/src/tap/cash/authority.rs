//! The certification authorities (认证中心) that a terminal believes.

use alloc::vec::Vec;

use tongtu_ecash::oda::paper::{AuthorityPaper, check_value};
use tongtu_ecash::oda::{Authority, VerifyingKey};
use tongtu_purse::field::Date;

/// An authority's key as it is distributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityKey {
    /// The scheme (RID): the first five bytes of the AIDs it is for.
    pub rid: [u8; 5],
    /// Index and key.
    pub authority: Authority,
    /// Version of this entry; a higher one replaces a lower one.
    pub version: u32,
    /// The last day on which it is used.
    pub expires: Date,
    /// Check value: SHA-1 over RID, index, modulus and exponent (EMV Book 2 §11.2.2), or SM3
    /// over RID, index and point.
    pub check: Vec<u8>,
}

/// Why a key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The check value is of other bytes.
    #[error("authority key {index:02X}: check value does not fit the key")]
    Check {
        /// Index of the key.
        index: u8,
    },
    /// The table has a newer one.
    #[error("authority key {index:02X}: version {found}, but {held} is held")]
    Older {
        /// Index of the key.
        index: u8,
        /// Its version.
        found: u32,
        /// The version held.
        held: u32,
    },
}

impl AuthorityKey {
    /// The check value that a key must have, see [`check_value`].
    #[must_use]
    pub fn check_value(rid: [u8; 5], authority: &Authority) -> Vec<u8> {
        check_value(rid, authority)
    }

    /// The key that an authority's paper hands out.
    #[must_use]
    pub fn of(paper: &AuthorityPaper) -> Self {
        Self {
            rid: paper.rid,
            authority: paper.authority.clone(),
            version: paper.version,
            expires: Date::of(paper.expires),
            check: check_value(paper.rid, &paper.authority),
        }
    }
}

/// The keys of all authorities (认证中心公钥表).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorityTable {
    keys: Vec<AuthorityKey>,
}

impl AuthorityTable {
    /// Takes a key; one of the same scheme and index makes way for a version that is not lower.
    ///
    /// # Errors
    /// [`AuthorityError`]; the table is as before.
    pub fn take(&mut self, key: AuthorityKey) -> Result<(), AuthorityError> {
        let index = key.authority.index;
        let expected = AuthorityKey::check_value(key.rid, &key.authority);
        if !tongtu_crypto::equal(&expected, &key.check) {
            return Err(AuthorityError::Check { index });
        }
        let mut keys = self.keys.iter_mut();
        match keys.find(|held| held.rid == key.rid && held.authority.index == index) {
            Some(held) if held.version > key.version => Err(AuthorityError::Older {
                index,
                found: key.version,
                held: held.version,
            }),
            Some(held) => {
                *held = key;
                Ok(())
            }
            None => {
                self.keys.push(key);
                Ok(())
            }
        }
    }

    /// The authorities of a scheme that are believed on a day.
    #[must_use]
    pub fn on(&self, rid: &[u8], day: Date) -> Vec<Authority> {
        let keys = self.keys.iter();
        keys.filter(|key| key.rid == rid && day <= key.expires)
            .map(|key| key.authority.clone())
            .collect()
    }

    /// Whether any SM2 key is believed, so that a card with both algorithms is asked for SM2.
    #[must_use]
    pub fn has_sm2(&self, rid: &[u8], day: Date) -> bool {
        let on = self.on(rid, day);
        on.iter()
            .any(|authority| matches!(authority.key, VerifyingKey::Sm2(_)))
    }
}

#[cfg(test)]
mod tests {
    use tongtu_ecash::test_card;

    use super::*;

    const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];

    fn keys(version: u32) -> Vec<AuthorityKey> {
        let authorities = test_card::authorities().into_iter();
        authorities
            .map(|authority| AuthorityKey {
                rid: RID,
                version,
                expires: Date([0x20, 0x30, 0x12, 0x31]),
                check: AuthorityKey::check_value(RID, &authority),
                authority,
            })
            .collect()
    }

    #[test]
    fn a_key_with_another_check_value_or_an_older_version_is_not_taken() {
        let mut table = AuthorityTable::default();
        for key in keys(2) {
            let mut wrong = key.clone();
            wrong.check[0] ^= 1;
            let index = key.authority.index;
            assert_eq!(table.take(wrong), Err(AuthorityError::Check { index }));
            table.take(key).unwrap();
        }
        let before = table.clone();
        for older in keys(1) {
            let index = older.authority.index;
            let refused = AuthorityError::Older {
                index,
                found: 1,
                held: 2,
            };
            assert_eq!(table.take(older), Err(refused));
        }
        assert_eq!(table, before);
        for newer in keys(3) {
            table.take(newer).unwrap();
        }
        assert_eq!(table.keys.len(), 2);
    }

    #[test]
    fn a_key_is_believed_until_its_last_day_and_for_its_own_scheme() {
        let mut table = AuthorityTable::default();
        for key in keys(1) {
            table.take(key).unwrap();
        }
        let (last, over) = (
            Date([0x20, 0x30, 0x12, 0x31]),
            Date([0x20, 0x31, 0x01, 0x01]),
        );
        assert_eq!(table.on(&RID, last).len(), 2);
        assert!(table.has_sm2(&RID, last));
        assert!(table.on(&RID, over).is_empty());
        assert!(table.on(&[0xA0, 0, 0, 3, 0x33], last).is_empty());
    }
}

//! The certification authorities (认证中心) that a terminal believes.

use alloc::vec::Vec;

use tongtu_ecash::oda::paper::{AuthorityPaper, RevocationPaper, check_value};
use tongtu_ecash::oda::{Authority, Trust, VerifyingKey};
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
    /// A list of certificates that were taken back, of an authority that is not in the table.
    #[error("revocation list of authority {index:02X}, whose key is not held")]
    Unknown {
        /// Index of the key.
        index: u8,
    },
    /// A list that the authority did not sign.
    #[error("revocation list of authority {index:02X}: the signature does not verify")]
    Unsigned {
        /// Index of the key.
        index: u8,
    },
    /// The table has a newer list.
    #[error("revocation list of authority {index:02X}: version {found}, but {held} is held")]
    OlderList {
        /// Index of the key.
        index: u8,
        /// Its version.
        found: u64,
        /// The version held.
        held: u64,
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
    /// Of each scheme and index the newest list of certificates that were taken back.
    lists: Vec<RevocationPaper>,
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

    /// Takes a list of issuers' certificates that an authority took back. It must be signed by the
    /// authority's key, which is taken first, and makes way for a version that is not lower.
    ///
    /// # Errors
    /// [`AuthorityError`]; the table is as before.
    pub fn take_revocations(&mut self, list: &RevocationPaper) -> Result<(), AuthorityError> {
        let (rid, index) = (list.rid, list.index);
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.rid == rid && key.authority.index == index);
        let key = key.ok_or(AuthorityError::Unknown { index })?;
        list.verify(&key.authority)
            .map_err(|_| AuthorityError::Unsigned { index })?;
        let mut lists = self.lists.iter_mut();
        match lists.find(|held| (held.rid, held.index) == (rid, index)) {
            Some(held) if held.version > list.version => Err(AuthorityError::OlderList {
                index,
                found: list.version,
                held: held.version,
            }),
            Some(held) => {
                held.clone_from(list);
                Ok(())
            }
            None => {
                self.lists.push(list.clone());
                Ok(())
            }
        }
    }

    /// What is believed of a scheme on a day: its authorities, without the certificates that they took
    /// back.
    #[must_use]
    pub fn trust(&self, rid: &[u8], day: Date) -> Trust {
        let lists = self.lists.iter().filter(|list| list.rid == rid);
        let revoked = lists.flat_map(|list| {
            let serials = list.revoked.keys();
            serials.map(|serial| (list.index, *serial))
        });
        Trust {
            revoked: revoked.collect(),
            ..self.on(rid, day).into()
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
    use tongtu_crypto::Algorithm;
    use tongtu_ecash::test_card;
    use tongtu_types::Timestamp;

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
    fn a_list_is_taken_of_an_authority_that_is_held_and_signed_it_and_not_an_older_one() {
        let mut table = AuthorityTable::default();
        for (algorithm, index) in [(Algorithm::Tdes, 0x01), (Algorithm::Sm4, 0x57)] {
            let list = |version, serials: &[_]| {
                let made = (version, Timestamp::new(1_795_000_000));
                let mut count = 0_u8;
                test_card::revocations(algorithm, made, serials, &mut |out: &mut [u8]| {
                    count = count.wrapping_add(1);
                    out.fill(count);
                })
            };
            let unknown = Err(AuthorityError::Unknown { index });
            assert_eq!(table.take_revocations(&list(4, &[[0, 0, 1]])), unknown);
            let own = keys(1).into_iter();
            let own = own.filter(|key| key.authority.index == index);
            own.for_each(|key| table.take(key).unwrap());
            table.take_revocations(&list(4, &[[0, 0, 1]])).unwrap();
            let before = table.clone();
            let refused = AuthorityError::OlderList {
                index,
                found: 3,
                held: 4,
            };
            assert_eq!(table.take_revocations(&list(3, &[])), Err(refused));
            let mut forged = list(5, &[[0, 0, 1]]);
            forged.revoked.clear();
            let forged = table.take_revocations(&forged);
            assert_eq!(forged, Err(AuthorityError::Unsigned { index }));
            assert_eq!(table, before);
            // A newer one replaces it whole.
            table.take_revocations(&list(5, &[[0, 0, 2]])).unwrap();
            let day = Date([0x20, 0x30, 0x12, 0x31]);
            let revoked = table.trust(&RID, day).revoked;
            let revoked: Vec<_> = revoked.iter().filter(|(by, _)| *by == index).collect();
            assert_eq!(revoked, [&(index, [0, 0, 2])]);
            assert!(table.trust(&[0xA0, 0, 0, 3, 0x33], day).revoked.is_empty());
        }
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

//! Keys one by one: each enciphered by whoever keeps it, so that whoever carries it sees none.
//!
//! The key groups have 19 bytes a key, of which no block cipher can be prepared by a device that
//! gives out one enciphered key at a time. Here each key is a group of its own, 16 bytes without
//! padding: one block under a data key of 16-byte blocks, two under 3DES. The check values come
//! beside them in the clear, and a purse takes no key without its own.
//!
//! UNSPECIFIED: no public data group carries keys so; identifiers and form are ours.

use alloc::vec::Vec;

use subtle::ConstantTimeEq as _;
use tongtu_crypto::{Algorithm, BlockKey};
use zeroize::Zeroizing;

use super::{Group, GroupError, KEYS_SM4, KEYS_TDES, QUICK_SM4, QUICK_TDES};
use crate::keys::{KEY_ORDER, KeyGroupError, KeySet, KeyUse};

/// First identifier of the 3DES set's keys, less one: `B201` is the first key.
pub const SINGLE_TDES: u16 = 0xB200;
/// First identifier of the SM4 set's keys, less one.
pub const SINGLE_SM4: u16 = 0xB300;
/// Check values of the 3DES set's keys, three bytes for each place, zeros where there is no key.
pub const CHECKS_TDES: u16 = 0xB2A0;
/// Check values of the SM4 set's keys.
pub const CHECKS_SM4: u16 = 0xB3A0;

/// Places of a set: the fifteen of the key group, and the further key.
pub const PLACES: usize = KEY_ORDER.len() + 1;

/// What the keys of one set look like on their way: identifiers of the first key and the checks.
const fn ids(algorithm: Algorithm) -> (u16, u16) {
    match algorithm {
        Algorithm::Tdes => (SINGLE_TDES, CHECKS_TDES),
        Algorithm::Sm4 => (SINGLE_SM4, CHECKS_SM4),
    }
}

/// The use and version of a place, counted from 0.
#[must_use]
pub fn place(at: usize) -> Option<(KeyUse, u8)> {
    let further = (at == KEY_ORDER.len()).then_some((KeyUse::QuickUpdate, 1));
    KEY_ORDER.get(at).copied().or(further)
}

/// The group of a single key, if a set has a place for it.
#[must_use]
pub fn single_id(algorithm: Algorithm, purpose: KeyUse, version: u8) -> Option<u16> {
    let at = (0..PLACES).find(|at| place(*at) == Some((purpose, version)))?;
    Some(ids(algorithm).0 + u16::try_from(at).ok()? + 1)
}

/// The group of check values, from those of the places that have a key.
#[must_use]
pub fn checks(algorithm: Algorithm, known: &[((KeyUse, u8), [u8; 3])]) -> Group {
    let of = |at| {
        let place = place(at)?;
        let (_, check) = known.iter().find(|(known, _)| *known == place)?;
        Some(*check)
    };
    Group {
        id: ids(algorithm).1,
        value: Zeroizing::new(
            (0..PLACES)
                .flat_map(|at| of(at).unwrap_or([0; 3]))
                .collect(),
        ),
    }
}

/// Whether a group's value is a key without padding when it is enciphered.
#[must_use]
pub fn is_bare(id: u16) -> bool {
    [SINGLE_TDES, SINGLE_SM4]
        .iter()
        .any(|first| (1..=PLACES).contains(&usize::from(id.wrapping_sub(*first))))
}

/// Puts keys that came one by one into the groups that a purse keeps, each verified against its
/// check value. All other groups stay as they are.
///
/// # Errors
/// [`GroupError`] naming the group that is there twice, has no check value or has another one.
pub fn gathered<'a>(
    groups: impl IntoIterator<Item = (u16, &'a [u8])>,
) -> Result<Vec<Group>, GroupError> {
    let mut out: Vec<Group> = Vec::new();
    let mut sets = [Algorithm::Tdes, Algorithm::Sm4].map(Arriving::new);
    for (id, value) in groups {
        let mut taken = false;
        for set in &mut sets {
            taken |= set.takes(id, value)?;
        }
        if !taken {
            out.push(Group {
                id,
                value: Zeroizing::new(value.to_vec()),
            });
        }
    }
    for set in sets {
        let (keys, further) = match set.algorithm {
            Algorithm::Tdes => (KEYS_TDES, QUICK_TDES),
            Algorithm::Sm4 => (KEYS_SM4, QUICK_SM4),
        };
        let Some(found) = set.finish()? else { continue };
        if let Some(group) = out.iter().find(|group| [keys, further].contains(&group.id)) {
            return Err(form(group.id, group.value.len(), "keys in one form only"));
        }
        out.push(Group {
            id: keys,
            value: found.encode(),
        });
        if let Some(value) = found.encode_quick() {
            out.push(Group { id: further, value });
        }
    }
    Ok(out)
}

const fn form(id: u16, found: usize, expected: &'static str) -> GroupError {
    GroupError::Form {
        id,
        found,
        expected,
    }
}

/// What has come of one set.
struct Arriving {
    algorithm: Algorithm,
    keys: [Option<Zeroizing<[u8; 16]>>; PLACES],
    checks: Option<[[u8; 3]; PLACES]>,
}

impl Arriving {
    fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            keys: Default::default(),
            checks: None,
        }
    }

    fn takes(&mut self, id: u16, value: &[u8]) -> Result<bool, GroupError> {
        let (first, checks) = ids(self.algorithm);
        let found = value.len();
        if id == checks {
            let (rows, rest) = value.as_chunks::<3>();
            let rows = <[[u8; 3]; PLACES]>::try_from(rows).ok();
            let rows = rows.filter(|_| rest.is_empty() && self.checks.is_none());
            self.checks = Some(rows.ok_or(form(id, found, "48, once"))?);
            return Ok(true);
        }
        let at = usize::from(id.wrapping_sub(first)).wrapping_sub(1);
        let Some(slot) = self.keys.get_mut(at) else {
            return Ok(false);
        };
        let key = value.try_into().ok().filter(|_| slot.is_none());
        *slot = Some(Zeroizing::new(key.ok_or(form(id, found, "16, once"))?));
        Ok(true)
    }

    /// The set, every key verified; none when nothing of it has come.
    fn finish(self) -> Result<Option<KeySet>, GroupError> {
        let (first, id) = ids(self.algorithm);
        let is_empty = self.keys.iter().all(Option::is_none);
        let Some(checks) = self.checks else {
            return match is_empty {
                true => Ok(None),
                false => Err(form(id, 0, "check values of single keys")),
            };
        };
        let mut set = KeySet::new(self.algorithm);
        for (at, (key, check)) in self.keys.iter().zip(checks).enumerate() {
            let right = key
                .as_ref()
                .map_or([0; 3], |key| BlockKey::new(self.algorithm, **key).kcv());
            if !bool::from(right.ct_eq(&check)) {
                return Err(GroupError::Keys {
                    id: first + u16::try_from(at + 1).expect("sixteen places"),
                    cause: KeyGroupError::CheckValue { at: at + 1 },
                });
            }
            if let (Some(key), Some((purpose, version))) = (key, place(at)) {
                set = set.with(purpose, version, **key);
            }
        }
        Ok(Some(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{TEST_KEYS, test_keys};

    /// The groups of single keys, in the clear as a card has them after deciphering.
    fn singles(algorithm: Algorithm) -> Vec<Group> {
        let mut known = Vec::new();
        let mut groups = Vec::new();
        for (purpose, version, first) in TEST_KEYS {
            let bytes: [u8; 16] =
                core::array::from_fn(|i| first.wrapping_add(u8::try_from(i).expect("below 16")));
            known.push(((*purpose, *version), BlockKey::new(algorithm, bytes).kcv()));
            groups.push(Group {
                id: single_id(algorithm, *purpose, *version).expect("a place"),
                value: Zeroizing::new(bytes.to_vec()),
            });
        }
        groups.push(checks(algorithm, &known));
        groups
    }

    fn read(groups: &[Group]) -> Result<Vec<Group>, GroupError> {
        gathered(groups.iter().map(|group| (group.id, &group.value[..])))
    }

    #[test]
    fn single_keys_become_the_groups_of_their_set() {
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            let set = test_keys(algorithm);
            let found = read(&singles(algorithm)).expect("keys with their check values");
            let values: Vec<_> = found.iter().map(|group| group.value.clone()).collect();
            let further = set.encode_quick().expect("the test set has it");
            assert_eq!(values, [set.encode(), further]);
        }
    }

    #[test]
    fn other_groups_pass_untouched() {
        let profile = crate::profile::Profile::test();
        assert_eq!(
            read(&profile.groups()).expect("no single keys"),
            profile.groups()
        );
    }

    #[test]
    fn no_key_is_taken_without_its_own_check_value() {
        let whole = singles(Algorithm::Sm4);
        for at in 0..whole.len() {
            let mut less = whole.clone();
            less.remove(at);
            assert!(read(&less).is_err(), "without {:?}", whole[at]);
            let mut twice = whole.clone();
            twice.push(whole[at].clone());
            assert!(read(&twice).is_err(), "twice {:?}", whole[at]);
            for byte in 0..whole[at].value.len() {
                let mut other = whole.clone();
                other[at].value[byte] ^= 1;
                // DES ignores the lowest bit of each byte; SM4 does not.
                assert!(read(&other).is_err(), "byte {byte} of {:?}", whole[at]);
            }
        }
    }

    #[test]
    fn keys_come_in_one_form_only() {
        let mut both = singles(Algorithm::Tdes);
        both.push(Group {
            id: KEYS_TDES,
            value: test_keys(Algorithm::Tdes).encode(),
        });
        assert_eq!(
            read(&both).map_err(|error| alloc::format!("{error}")),
            Err("data group B0A0: 285 bytes, expected keys in one form only".into())
        );
    }

    #[test]
    fn only_single_keys_are_bare() {
        let bare: Vec<u16> = (0..=u16::MAX).filter(|id| is_bare(*id)).collect();
        let expected: Vec<u16> = (0xB201..=0xB210).chain(0xB301..=0xB310).collect();
        assert_eq!(bare, expected);
    }
}

//! Many signatures at once: one verdict for each, in their order.
//!
//! Here: [`verify_batch`] for keys that are met once, and [`KeyShelf`], which keeps tables of keys
//! that come again and again, such as issuers'. Where the processor has a kernel for it, signatures
//! are verified several at a time; else, and without `std`, one after the other with the same verdicts.
//! Each signature is verified by itself: sums of many by random factors would save nothing for SM2,
//! whose signatures do not hold the point that such a sum needs, and would not name the bad one.

use alloc::vec::Vec;

use crate::curve::claim::Claim;
use crate::curve::point::Affine;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
use crate::curve::{
    field::Fe,
    lanes,
    limbs::{self, Limbs},
};
use crate::sm2::{KeyError, PublicKey, Signature, SignatureError};
use crate::sm3;

#[cfg(not(feature = "std"))]
mod bare;
#[cfg(feature = "std")]
mod shelf;
#[cfg(all(test, feature = "std"))]
pub(crate) mod sweep;

#[cfg(not(feature = "std"))]
pub use bare::KeyShelf;
#[cfg(feature = "std")]
pub use shelf::KeyShelf;

/// A signature that is to be verified: whose, over what.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    key: &'a PublicKey,
    e: sm3::Digest,
    signature: Signature,
}

impl<'a> Signed<'a> {
    /// A signature over `message` under the default identifier.
    #[must_use]
    pub fn new(key: &'a PublicKey, message: &[u8], signature: Signature) -> Self {
        Self::over_digest(key, sm3::digest_parts(&[key.z(), message]), signature)
    }

    /// A signature over e, the digest of Z and the message.
    #[must_use]
    pub const fn over_digest(key: &'a PublicKey, e: sm3::Digest, signature: Signature) -> Self {
        Self { key, e, signature }
    }

    /// Signatures over messages under the default identifier, in their order; the digests are computed
    /// side by side.
    #[must_use]
    pub fn each(asked: &[(&'a PublicKey, &[u8], Signature)]) -> Vec<Self> {
        let total = asked.iter().map(|(_, message, _)| 32 + message.len()).sum();
        let mut joined = Vec::with_capacity(total);
        for (key, message, _) in asked {
            joined.extend_from_slice(key.z());
            joined.extend_from_slice(message);
        }
        let mut rest = &joined[..];
        let messages: Vec<&[u8]> = asked
            .iter()
            .map(|(_, message, _)| {
                let (one, others) = rest.split_at(32 + message.len());
                rest = others;
                one
            })
            .collect();
        asked
            .iter()
            .zip(sm3::digest_each(&messages))
            .map(|((key, _, signature), e)| Self::over_digest(key, e, *signature))
            .collect()
    }

    fn claim(&self) -> Option<Claim> {
        Claim::read(&self.e, &self.signature.0)
    }
}

/// One signature's verdict.
pub type Verdict = Result<(), SignatureError>;

/// Verifies each signature; the verdicts are in the same order. Keys may be all different.
#[must_use]
pub fn verify_batch(batch: &[Signed<'_>]) -> Vec<Verdict> {
    let claims: Vec<Option<Claim>> = batch.iter().map(Signed::claim).collect();
    let asked: Vec<Asked<'_>> = batch
        .iter()
        .zip(&claims)
        .enumerate()
        .filter_map(|(place, (signed, claim))| {
            let claim = claim.as_ref()?;
            let key = signed.key;
            Some(Asked { place, claim, key })
        })
        .collect();
    let mut out = Verdicts::none_of(batch.len());
    out.settle(&asked, &of_new_keys(&asked));
    out.0
}

/// Reads compressed keys; what [`PublicKey::from_compressed`] says of each, in the same order.
#[must_use]
pub fn read_keys(keys: &[[u8; 33]]) -> Vec<Result<PublicKey, KeyError>> {
    let points = points_of(keys);
    let found: Vec<Affine> = points.iter().filter_map(|point| point.ok()).collect();
    let mut read = PublicKey::of_points(&found).into_iter();
    points
        .into_iter()
        .map(|point| point.map(|_| read.next().expect("a key for each point")))
        .collect()
}

fn points_of(keys: &[[u8; 33]]) -> Vec<Result<Affine, KeyError>> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(kernel) = lanes::Kernel::for_keys(keys.len()) {
        let xs: Vec<_> = keys.iter().map(x_of).collect();
        let roots = kernel.roots(&xs);
        return keys
            .iter()
            .zip(xs.iter().zip(roots))
            .map(|(key, (x, y))| PublicKey::point_from_root(key, x, y))
            .collect();
    }
    keys.iter().map(PublicKey::point_of).collect()
}

/// The x of a compressed key; zero where it is not below p, so that lanes are given none such.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
fn x_of(key: &[u8; 33]) -> Limbs {
    let (_, x) = key.split_last_chunk::<32>().expect("33 bytes");
    let x = limbs::from_bytes(x);
    Fe::from_limbs(&x).map_or([0; 4], |_| x)
}

/// A claim whose numbers are in range, and where its verdict goes.
#[derive(Clone, Copy)]
struct Asked<'a> {
    place: usize,
    claim: &'a Claim,
    key: &'a PublicKey,
}

/// Verdicts in the order of the batch, until told otherwise that none holds.
struct Verdicts(Vec<Verdict>);

impl Verdicts {
    fn none_of(len: usize) -> Self {
        Self(core::iter::repeat_n(Err(SignatureError), len).collect())
    }

    fn settle(&mut self, asked: &[Asked<'_>], held: &[bool]) {
        for (asked, held) in asked.iter().zip(held) {
            if *held {
                self.0[asked.place] = Ok(());
            }
        }
    }
}

/// Whether each holds, under keys of which there is no table.
fn of_new_keys(asked: &[Asked<'_>]) -> Vec<bool> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(kernel) = lanes::Kernel::for_signatures(asked.len()) {
        let cases: Vec<lanes::Case<'_>> = asked.iter().map(case).collect();
        return kernel.verify(&cases);
    }
    asked
        .iter()
        .map(|asked| asked.claim.holds(asked.key.point()))
        .collect()
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
fn case<'a>(asked: &Asked<'a>) -> lanes::Case<'a> {
    lanes::Case {
        claim: asked.claim,
        key: asked.key.point(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    #[test]
    fn digests_side_by_side_are_those_of_one_after_the_other() {
        let keys: Vec<SecretKey> = (1..=9)
            .map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap())
            .collect();
        let messages: Vec<Vec<u8>> = (0..9).map(|len| alloc::vec![0xA5; 40 * len]).collect();
        let asked: Vec<(&PublicKey, &[u8], Signature)> = keys
            .iter()
            .zip(&messages)
            .map(|(key, message)| (key.public(), &message[..], key.sign(message)))
            .collect();
        for ((key, message, signature), signed) in asked.iter().zip(Signed::each(&asked)) {
            let alone = Signed::new(key, message, *signature);
            assert_eq!((signed.e, signed.signature), (alone.e, alone.signature));
        }
        assert!(
            verify_batch(&Signed::each(&asked))
                .iter()
                .all(Result::is_ok)
        );
    }
}

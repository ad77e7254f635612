//! The curve of SM2 (GB/T 32918.5): its field, its points, what signing and verifying compute.
//!
//! Here: arithmetic of our own, because verifying is most of what a hub does. [`claim`] is where a
//! verification begins, [`multiple`] where points are multiplied. Not here: keys and signatures as
//! others see them (`sm2`), digests.
//!
//! Verifying sees public data and takes the time that they ask for; such functions say `vartime`, or
//! take a [`claim::Claim`]. All others take the same time whatever they are given: they choose by
//! masks, and read all of a table to use one entry of it.
//!
//! There are no points of small order to look out for: the order of the group is a prime, the
//! cofactor is 1, and a key is on the curve or is refused.

pub(crate) mod claim;
#[cfg(feature = "std")]
pub(crate) mod comb;
pub(crate) mod field;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod ifma;
pub(crate) mod limbs;
pub(crate) mod multiple;
pub(crate) mod nonce;
pub(crate) mod order;
pub(crate) mod point;
pub(crate) mod recode;

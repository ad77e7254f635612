//! The curve of SM2 (GB/T 32918.5): its field, its points, what signing and verifying compute.
//!
//! Here: arithmetic of our own, because verifying is most of what a hub does. [`claim`] is where a
//! verification begins, [`multiple`] where points are multiplied. Not here: keys and signatures as
//! others see them (`sm2`), digests.
//!
//! What multiplies in the field is chosen once for an operation ([`by_best`]): the portable way, or
//! `adx` where the processor has its instructions. Batches have kernels of their own (`lanes`, by `ifma` or
//! `avx2`), and so has the sum of one verification (`quad`).
//!
//! Verifying sees public data and takes the time that they ask for; such functions say `vartime`, or
//! take a [`claim::Claim`]. All others take the same time whatever they are given: they choose by
//! masks, and read all of a table to use one entry of it.
//!
//! There are no points of small order to look out for: the order of the group is a prime, the
//! cofactor is 1, and a key is on the curve or is refused.

/// The value of an expression in `k`, the best [`field::Arithmetic`] that this processor has.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
macro_rules! by_best {
    ($k:ident => $value:expr) => {
        match $crate::curve::adx::Kernel::here() {
            Some($k) => $value,
            None => {
                let $k = $crate::curve::field::Portable;
                $value
            }
        }
    };
}
/// The value of an expression in `k`, the only [`field::Arithmetic`] that there is here.
#[cfg(not(all(feature = "std", target_arch = "x86_64")))]
macro_rules! by_best {
    ($k:ident => $value:expr) => {{
        let $k = $crate::curve::field::Portable;
        $value
    }};
}
pub(crate) use by_best;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod adx;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2;
pub(crate) mod claim;
#[cfg(feature = "std")]
pub(crate) mod comb;
pub(crate) mod field;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod ifma;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod lanes;
pub(crate) mod limbs;
pub(crate) mod multiple;
pub(crate) mod nonce;
pub(crate) mod order;
pub(crate) mod point;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod quad;
pub(crate) mod recode;

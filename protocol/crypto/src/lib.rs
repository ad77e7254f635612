//! SM2, SM3, SM4, 3DES, AES and RSA in the field's roles, behind one small seam.
//!
//! What is here: what ride codes, cards and files ask of cryptography, in their words:
//! [`PublicKey::verify`], [`SecretKey::sign`], [`sm3::digest`], [`mac`] and [`diversify`];
//! and what secure channels and payment certificates ask for: [`TdesKey`], [`WideKey`] (AES,
//! SM4), [`rsa`], [`sha2`]. SHA-1 is here for foreign formats that carry it.
//! What is not here: where keys live (key system), which bytes are signed (the formats). Arithmetic is our
//! own or well-kept crates'; nothing outside this crate names them.
//!
//! Whatever takes a secret key takes a time that tells nothing of it, and looks nothing up by it: signing,
//! reading private keys, SM3, SM4, 3DES and AES, by themselves and in lanes; docs/proofs.md says how that is
//! shown. RSA is RustCrypto's and was not looked at. Verification sees public data only. Randomness comes in
//! through [`Entropy`]. Secrets are zeroized when dropped and
//! never printed: `Debug` shows a check value.
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

pub mod batch;
mod chain;
mod curve;
pub mod diversify;
mod lanes;
pub mod mac;
pub mod padding;
pub mod rsa;
pub mod sha1;
pub mod sha2;
mod signer;
mod single_des;
pub mod sm2;
pub mod sm3;
mod symmetric;
pub mod tac;
mod tdes;
#[doc(hidden)]
pub mod trial;
#[cfg(all(test, feature = "std"))]
mod trials;
mod wide;

pub use rsa::{RsaError, RsaPublicKey, RsaSecretKey};
pub use signer::{Signer, SignerFault};
pub use sm2::{KeyError, PublicKey, SecretKey, Signature, SignatureError};
pub use symmetric::{Algorithm, BlockKey, BlockKeyError};
pub use tac::{TacClaim, TacScheme, TacVerdict, check_tacs};
pub use tdes::TdesKey;
pub use wide::{KeyLengthError, WideCipher, WideKey};

/// Whether two MACs or cryptograms are equal, in a time that tells nothing; different
/// lengths are unequal.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// Where randomness comes from; the caller's, never ours.
pub trait Entropy {
    /// Fills all of `out` with unpredictable bytes.
    fn fill(&mut self, out: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Entropy for F {
    fn fill(&mut self, out: &mut [u8]) {
        self(out);
    }
}

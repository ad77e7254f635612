//! Custody of keys (密钥保管): a key is made, used and destroyed where it is kept, by its label.
//!
//! ```text
//!               Custody: generate, derive, MAC, sign, wrap, unwrap, import, export, destroy
//!                  │                                   │
//!            SealedCustody                        TokenCustody
//!    records in a file, each sealed      AES and RSA on a PKCS#11 token, all else
//!                  │                      in a SealedCustody under the token's key
//!   passphrase, key file, or PKCS#11 token
//! ```
//!
//! What is here: the trait [`Custody`] with the names and rules of keys ([`KeyName`],
//! [`Operation`]), [`SealedCustody`] and its file, the container in which keys travel
//! ([`ContainerHead`]), `TokenCustody` for PKCS#11, and a custody whose uses are told ([`Watched`]).
//! What is not here: whose turn a key is and who may use it (the key book), cryptography
//! (`tongtu-crypto`), and any call of GM/T 0018, which docs/custody.md maps to this trait.
//!
//! Invariants: no key's bytes leave a custody but enciphered; a key does only what its purpose
//! says; a test key never comes into a production store, nor a real one into a test store; after
//! a power cut the file is the old one or the new one.
//!
//! Start with [`Custody`]. docs/custody.md explains it in prose.

mod card;
mod custody;
mod error;
mod file;
mod lent;
mod material;
mod name;
mod protection;
mod rule;
mod seal;
mod sealed;
#[cfg(feature = "pkcs11")]
mod token;
#[cfg(feature = "pkcs11")]
mod token_custody;
mod watched;

pub use card::{CardPair, CardSession, DomainKeys, Fill, Opening, PairPart, SealedKeys};
pub use custody::{
    Component, Custody, CustodySigner, KeyPath, MacScheme, PublicPart, SignScheme, Signed, TestKey,
    Vault, VaultState, Wrapped,
};
pub use error::{CustodyError, Place};
pub use file::StoreHead;
pub use lent::{LentKey, MacClaim};
pub use name::{Export, Kept, KeyInfo, KeyName, Label, Mark};
pub use protection::{Passphrase, Protection, Work};
pub use rule::Operation;
pub use seal::{ContainerHead, KeyHead};
pub use sealed::SealedCustody;
#[cfg(feature = "pkcs11")]
pub use token::{Token, TokenConfig, VendorCipher};
#[cfg(feature = "pkcs11")]
pub use token_custody::TokenCustody;
pub use watched::{Deed, Use, Watched, Watcher};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] =
    &[StoreHead::SPEC, KeyHead::SPEC, ContainerHead::SPEC];

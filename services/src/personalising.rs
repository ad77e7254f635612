//! Keys for cards, for key modules and for POS terminals (个人化): out of a custody, enciphered for
//! whoever takes them.
//!
//! ```text
//!  nation's masters ──derive (issuer)──▶ issuer's masters ──wrap (card)──▶ a card's keys
//!        └──wrap──▶ a PSAM's keys: a Batch                 └─ TMK ─wrap─▶ work keys of a sign-in
//! ```
//!
//! What is here: which masters there are and what they are called ([`MASTERS`]), their derivation
//! ([`derive_masters`]), a purse's personalisation with keys that only the card can read
//! ([`seal_purse_for`], [`seal_purse`]), an e-cash's ([`seal_cash`]), the keys of a card's manager
//! ([`CardManager`]), a batch of PSAMs ([`make_batch`]), a POS terminal's keys ([`TerminalRoom`]),
//! and proofs of cards verified under keys that stay where they are ([`verify_purchase_tac`]).
//! What is not here: a key's bytes, ever; whose turn a key is (the key book); files and readers.

mod card;
mod cash;
mod error;
mod manager;
mod master;
mod module;
mod terminal;

pub use card::{
    SealedGroup, cash_file_keys, cash_keys, purse_key, seal_purse, seal_purse_for,
    verify_purchase_tac,
};
pub(crate) use cash::verifying;
pub use cash::{
    CashOrder, CashSigner, cash_application, cash_issuer_key, cash_issuer_label, make_cash_issuer,
    seal_cash,
};
pub use error::PersonalisingError;
pub use manager::{CardManager, ManagerKeys, algorithm_of};
pub use master::{
    CardIssuer, MASTERS, Master, derive_masters, found_test_nation, generate_nation, master_label,
    master_name,
};
pub use module::{BatchOrder, Scope, make_batch};
pub use terminal::TerminalRoom;

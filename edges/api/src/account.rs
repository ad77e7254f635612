//! Accounts of riders, at the issuer (发行机构).

use serde::{Deserialize, Serialize};

use crate::Hex;

/// Opens an account; the same again changes nothing, another key under the same number conflicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountOpen {
    /// The user account number (用户账户号), 1 to 20 digits.
    pub account: String,
    /// The public key of the rider's phone: a compressed SM2 point, 33 bytes.
    pub user_key: Hex,
    /// The type in its codes (用户账户类型), one byte; absent for an ordinary rider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_type: Option<u8>,
}

/// Pays into an account (充值); the same id again pays nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRecharge {
    /// The payer's own id of this payment; one id is paid in once.
    pub recharge_id: String,
    /// How much, in fen.
    pub amount_fen: i64,
}

/// Suspends an account, or lifts its suspension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSuspend {
    /// Whether the account is to be suspended.
    pub suspended: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The user account number, in full.
    pub account: String,
    /// What the rider has, in fen; negative is owed.
    pub balance_fen: i64,
    /// Whether no certificate is issued to it.
    pub suspended: bool,
    /// When the newest user certificate expires, Unix seconds; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_expires_s: Option<i64>,
    /// How many rides were debited.
    pub rides: u64,
}

/// Notes a card that was issued; the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardIssue {
    /// The card number, 1 to 20 digits.
    pub card: String,
}

/// Notes money that was put on a card (圈存); the same id again counts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardLoad {
    /// The id of this load; one id counts once.
    pub load_id: String,
    /// How much, in fen.
    pub amount_fen: i64,
}

/// A card as its issuer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardView {
    /// The card number, in full.
    pub card: String,
    /// What should be on it by the loads and rides known, in fen.
    pub mirror_fen: i64,
    /// What is owed to its holder, in fen.
    pub refund_due_fen: i64,
    /// What rides took beyond what was ever put on it, in fen.
    pub short_fen: i64,
    /// How many rides it was debited for.
    pub rides: u64,
}

/// A user certificate (用户证书).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateView {
    /// Bytes `3..263+N` of every ride code made from it; N bytes are the extension.
    pub certificate: Hex,
    /// When it expires, Unix seconds.
    pub expires_s: i64,
}

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

/// A user certificate (用户证书).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateView {
    /// Bytes `3..263+N` of every ride code made from it; N bytes are the extension.
    pub certificate: Hex,
    /// When it expires, Unix seconds.
    pub expires_s: i64,
}

//! Issuing: riders' accounts, their money, their user certificates.

use tongtu_crypto::PublicKey;
use tongtu_ride_code::UserCertificate;
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::{Node, ServiceError};

/// A rider's account as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountView {
    /// The user account number (用户账户号).
    pub account: CardNumber,
    /// Prepaid money less arrears (欠费); negative when the rider owes.
    pub balance: Fen,
    /// Whether no certificate is issued to it.
    pub suspended: bool,
    /// When the newest user certificate expires.
    pub certificate_expires: Option<Timestamp>,
    /// How many rides were debited.
    pub rides: u64,
}

impl Node {
    /// Opens an account; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the account is there with another key.
    pub async fn account_open(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
        now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        let _ = (account, user_key, now);
        Err(ServiceError::Unfinished)
    }

    /// Pays money into an account (充值); one `recharge_id` pays once.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the id was used for another payment.
    pub async fn account_recharge(
        &self,
        account: CardNumber,
        recharge_id: &str,
        amount: Fen,
        now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        let _ = (account, recharge_id, amount, now);
        Err(ServiceError::Unfinished)
    }

    /// Shows an account.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn account_view(&self, account: CardNumber) -> Result<AccountView, ServiceError> {
        let _ = account;
        Err(ServiceError::Unfinished)
    }

    /// Suspends an account, or lifts its suspension.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn account_suspend(
        &self,
        account: CardNumber,
        suspended: bool,
        now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        let _ = (account, suspended, now);
        Err(ServiceError::Unfinished)
    }

    /// Issues a user certificate (用户证书) to an account's phone.
    ///
    /// # Errors
    /// [`ServiceError`], refused when the account is suspended or owes money.
    pub async fn user_certificate_issue(
        &self,
        account: CardNumber,
        now: Timestamp,
    ) -> Result<UserCertificate, ServiceError> {
        let _ = (account, now);
        Err(ServiceError::Unfinished)
    }
}

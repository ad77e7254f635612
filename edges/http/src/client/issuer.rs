//! An issuer's accounts, cards and certificates.

use tongtu_api::{self as api, path};
use tongtu_crypto::PublicKey;
use tongtu_ride_code::UserCertificate;
use tongtu_types::{CardNumber, Fen};

use super::{Client, ClientError, hex};

impl Client {
    /// Opens an ordinary rider's account.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the account has another key or type.
    pub async fn account_open(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
    ) -> Result<api::AccountView, ClientError> {
        self.account_open_as(account, user_key, None).await
    }

    /// Opens an account of a type (用户账户类型); none is an ordinary rider's.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the account has another key or type.
    pub async fn account_open_as(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
        account_type: Option<u8>,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountOpen {
            account: account.reveal().into(),
            user_key: hex(&user_key.to_compressed()),
            account_type,
        };
        let request = self.post(path::ACCOUNTS, path::ACCOUNTS.into());
        request.body(&body).json().await
    }

    /// Views an account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_view(&self, account: CardNumber) -> Result<api::AccountView, ClientError> {
        let at = path::account(account.reveal());
        self.get(path::ACCOUNT, at).json().await
    }

    /// Pays into an account; one `recharge_id` pays once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_recharge(
        &self,
        account: CardNumber,
        recharge_id: &str,
        amount: Fen,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountRecharge {
            recharge_id: recharge_id.into(),
            amount_fen: amount.get(),
        };
        let at = path::account_recharges(account.reveal());
        let request = self.post(path::ACCOUNT_RECHARGES, at);
        request.body(&body).json().await
    }

    /// Suspends an account, or lifts the suspension.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_suspend(
        &self,
        account: CardNumber,
        suspended: bool,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountSuspend { suspended };
        let at = path::account_suspension(account.reveal());
        let request = self.post(path::ACCOUNT_SUSPENSION, at);
        request.body(&body).json().await
    }

    /// Notes a purse that was issued.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_issue(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        self.issue(path::CARDS, card).await
    }

    /// Views a card.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_view(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        let at = path::card(card.reveal());
        self.get(path::CARD, at).json().await
    }

    /// Notes money that was put on a card; one `load_id` counts once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let at = path::card_loads(card.reveal());
        self.load(path::CARD_LOADS, at, load_id, amount).await
    }

    /// Notes an e-cash that was issued, by its PAN.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_issue(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        self.issue(path::CASHES, card).await
    }

    /// Views an e-cash.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_view(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        let at = path::cash(card.reveal());
        self.get(path::CASH, at).json().await
    }

    /// Notes money that was put on an e-cash, at its issue or later; one `load_id` counts once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let at = path::cash_loads(card.reveal());
        self.load(path::CASH_LOADS, at, load_id, amount).await
    }

    async fn issue(
        &self,
        pattern: &'static str,
        card: CardNumber,
    ) -> Result<api::CardView, ClientError> {
        let body = api::CardIssue {
            card: card.reveal().into(),
        };
        self.post(pattern, pattern.into()).body(&body).json().await
    }

    async fn load(
        &self,
        pattern: &'static str,
        at: String,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let body = api::CardLoad {
            load_id: load_id.into(),
            amount_fen: amount.get(),
        };
        self.post(pattern, at).body(&body).json().await
    }

    /// Fetches a new user certificate for an account.
    ///
    /// # Errors
    /// [`ClientError`]; refused for a suspended account and for one in arrears.
    pub async fn user_certificate_issue(
        &self,
        account: CardNumber,
    ) -> Result<UserCertificate, ClientError> {
        let at = path::account_certificates(account.reveal());
        let request = self.post(path::ACCOUNT_CERTIFICATES, at);
        let malformed = request.malformed();
        let view: api::CertificateView = request.json().await?;
        UserCertificate::parse(&view.certificate.0)
            .map_err(|error| malformed.because("certificate", error))
    }
}

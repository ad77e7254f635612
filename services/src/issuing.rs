//! Issuing: riders' accounts, their money, their user certificates.

use tongtu_clearing::posting;
use tongtu_crypto::PublicKey;
use tongtu_keyring::code::Purpose;
use tongtu_ledger::{AccountKind, AccountName, Draft, Entry, EntryId, Memo, Posting, SumE7};
use tongtu_ride_code::{UserCertificate, UserTerms};
use tongtu_sql::{AccountRow, RechargeRow, Tx};
use tongtu_types::{BusinessDay, CardNumber, Fen, FenE7, Timestamp};

use crate::{Node, ServiceError, stored};

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

/// What one payment may bring, in fen: ten million yuan.
const RECHARGE_FEN_MAX: i64 = 1_000_000_000;
/// The longest id of a payment; with what stands before it, it is an entry's id.
const RECHARGE_ID_LEN_MAX: usize = 48;

/// Account type (用户账户类型) of an ordinary rider, in user certificates.
// UNSPECIFIED: no value list is public; real codes carry 01.
const ORDINARY: u8 = 1;

impl Node {
    /// Opens an ordinary rider's account; repeated, it changes nothing.
    ///
    /// # Errors
    /// As [`Node::account_open_as`].
    pub async fn account_open(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
        now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        self.account_open_as(account, user_key, ORDINARY, now).await
    }

    /// Opens an account of a type (用户账户类型), which its certificates will carry; repeated, it
    /// changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the account is there with another key or type.
    pub async fn account_open_as(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
        account_type: u8,
        now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        self.issuer()?;
        let row = AccountRow {
            number: account.reveal().to_owned(),
            user_key: user_key.to_compressed().to_vec(),
            account_type: account_type.into(),
            suspended: false,
            opened_at: now.get(),
            certificate_expires: None,
        };
        let mut tx = self.store().write().await?;
        tx.account_insert(&row).await?;
        let there = account_row(&mut tx, account).await?;
        if there.user_key != row.user_key {
            return Err(ServiceError::AccountKeyDiffers { account });
        }
        if there.account_type != row.account_type {
            return Err(ServiceError::AccountTypeDiffers {
                account,
                found: stored::account_type(there.account_type)?,
                asked: account_type,
            });
        }
        let view = self.view(&mut tx, account, &there).await?;
        tx.commit().await?;
        Ok(view)
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
        self.issuer()?;
        check_payment(recharge_id, amount)?;
        let paid = RechargeRow {
            id: recharge_id.to_owned(),
            account: account.reveal().to_owned(),
            amount: amount.get(),
            paid_at: now.get(),
        };
        let _books = self.books().lock().await;
        let mut tx = self.store().write().await?;
        let there = account_row(&mut tx, account).await?;
        if tx.recharge_insert(&paid).await? {
            let day = self.config().cut_off.day_of(now);
            let entries = self.recharge_entries(&mut tx, &paid, account, day).await?;
            tx.entries_post(&entries).await?;
        } else {
            let before = tx.recharge(recharge_id).await?;
            let same = |row: &RechargeRow| row.account == paid.account && row.amount == paid.amount;
            if !before.as_ref().is_some_and(same) {
                return Err(ServiceError::RechargeIdReused);
            }
        }
        let view = self.view(&mut tx, account, &there).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// The payment itself, and what of it goes to pay off arrears.
    async fn recharge_entries(
        &self,
        tx: &mut Tx,
        paid: &RechargeRow,
        account: CardNumber,
        day: BusinessDay,
    ) -> Result<Vec<Entry>, ServiceError> {
        let (book, amount) = (self.code(), Fen::new(paid.amount));
        let id = format!("recharge/{book}/{}", paid.id);
        let id = |tail: &str| {
            EntryId::parse(&format!("{id}{tail}")).expect("48 printable characters fit an id")
        };
        let payment = posting::recharge(book, account, day, amount, &id(""))?;
        let mut entries: Vec<Entry> = payment.into_iter().collect();
        let owed = -self.money(tx, account).await?.arrears.get();
        let repaid = Fen::new(owed.clamp(0, amount.get()));
        if !repaid.is_zero() {
            let amount = repaid
                .to_e7()
                .expect("a recharge is below a billion fen")
                .get();
            let line = |kind, amount| Posting {
                account: AccountName::new(book, kind),
                amount: FenE7::new(amount),
            };
            let draft = Draft {
                id: id("/arrears"),
                day,
                memo: Memo::Recharge,
                corrects: None,
                postings: vec![
                    line(AccountKind::Rider(account), -amount),
                    line(AccountKind::Arrears(account), amount),
                ],
            };
            entries.push(Entry::balanced(draft).expect("one amount, there and back"));
        }
        Ok(entries)
    }

    /// Shows an account.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn account_view(&self, account: CardNumber) -> Result<AccountView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().read().await?;
        let row = account_row(&mut tx, account).await?;
        self.view(&mut tx, account, &row).await
    }

    /// Suspends an account, or lifts its suspension.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn account_suspend(
        &self,
        account: CardNumber,
        suspended: bool,
        _now: Timestamp,
    ) -> Result<AccountView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().write().await?;
        tx.account_suspend(account.reveal(), suspended).await?;
        let row = account_row(&mut tx, account).await?;
        let view = self.view(&mut tx, account, &row).await?;
        tx.commit().await?;
        Ok(view)
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
        let issued = self.certificate_issue(account, now).await;
        self.noting(issued).await
    }

    async fn certificate_issue(
        &self,
        account: CardNumber,
        now: Timestamp,
    ) -> Result<UserCertificate, ServiceError> {
        let issuer = self.issuer()?;
        let key = &issuer.certificate.public_key;
        // Before the transaction, because the line of the key's use has one of its own.
        let key = match self.keys().allow_as(key, Purpose::RideCode, now) {
            Ok(allowed) => self.key_open(allowed, now).await,
            Err(fault) => Err(fault.into()),
        };
        let mut tx = self.store().write().await?;
        let revocations = self.revocations(&mut tx).await?;
        if let Some(since) = revocations.since(&issuer.certificate) {
            let issuer = issuer.certificate.issuer;
            return Err(ServiceError::IssuerRevoked { issuer, since });
        }
        let row = account_row(&mut tx, account).await?;
        if row.suspended {
            return Err(ServiceError::AccountSuspended { account });
        }
        let owed = -self.money(&mut tx, account).await?.balance()?.get();
        if owed > 0 {
            let owed = Fen::new(owed);
            return Err(ServiceError::AccountInArrears { account, owed });
        }
        let expires = now.plus_s(issuer.lifetime_s);
        let terms = UserTerms {
            issuer_data: issuer.issuer_data.clone(),
            account,
            card_issuer: card_issuer(issuer.certificate.issuer.as_str()),
            platform: issuer.platform,
            account_type: stored::account_type(row.account_type)?,
            limit: issuer.limit,
            user_key: stored::key(&row.user_key)?,
            expires,
            validity_s: issuer.validity_s,
            extension: Vec::new(),
        };
        let certificate = UserCertificate::issue_with(&issuer.certificate, &terms, |bytes| {
            let signed = self.keys().sign(&key?, bytes);
            signed.map_err(ServiceError::from)
        })?;
        tx.account_certificate(account.reveal(), expires.get())
            .await?;
        tx.commit().await?;
        Ok(certificate)
    }

    async fn view(
        &self,
        tx: &mut Tx,
        account: CardNumber,
        row: &AccountRow,
    ) -> Result<AccountView, ServiceError> {
        Ok(AccountView {
            account,
            balance: self.money(tx, account).await?.balance()?,
            suspended: row.suspended,
            certificate_expires: row.certificate_expires.map(Timestamp::new),
            rides: stored::count(tx.charged_count(account.reveal()).await?)?,
        })
    }

    pub(crate) async fn money(
        &self,
        tx: &mut Tx,
        account: CardNumber,
    ) -> Result<Money, ServiceError> {
        let name = |kind| AccountName::new(self.code(), kind);
        let names = [
            name(AccountKind::Rider(account)),
            name(AccountKind::Arrears(account)),
        ];
        let sums = tx.balances_of(&names).await?;
        let fen = |name| whole_fen(sums.get(name).copied().unwrap_or_default());
        Ok(Money {
            prepaid: fen(&names[0])?,
            arrears: fen(&names[1])?,
        })
    }
}

/// A rider's money; both are kept in whole fen.
pub(crate) struct Money {
    prepaid: Fen,
    /// Zero or below.
    arrears: Fen,
}

impl Money {
    pub(crate) fn balance(&self) -> Result<Fen, ServiceError> {
        let sum = self.prepaid.checked_add(self.arrears);
        sum.map_err(|_| ServiceError::Stored { what: "balance" })
    }
}

/// Checks the id and the amount of a payment.
pub(crate) fn check_payment(id: &str, amount: Fen) -> Result<(), ServiceError> {
    let length = id.len();
    let printable = id.bytes().all(|b| b.is_ascii_graphic());
    if length == 0 || length > RECHARGE_ID_LEN_MAX || !printable {
        return Err(ServiceError::RechargeId { length });
    }
    if !(1..=RECHARGE_FEN_MAX).contains(&amount.get()) {
        return Err(ServiceError::RechargeAmount { amount });
    }
    Ok(())
}

pub(crate) fn whole_fen(sum: SumE7) -> Result<Fen, ServiceError> {
    let fen = sum.round_half_even();
    fen.map_err(|_| ServiceError::Stored { what: "balance" })
}

pub(crate) async fn account_row(
    tx: &mut Tx,
    account: CardNumber,
) -> Result<AccountRow, ServiceError> {
    let row = tx.account(account.reveal()).await?;
    row.ok_or(ServiceError::AccountUnknown { account })
}

/// Card issuer code (发卡机构代码), reserved: real codes repeat the issuer identifier, cn8.
fn card_issuer(code: &str) -> [u8; 4] {
    let mut packed = [0; 4];
    for (byte, pair) in packed.iter_mut().zip(code.as_bytes().chunks(2)) {
        *byte = pair
            .iter()
            .fold(0, |byte, digit| byte << 4 | (digit & 0x0F));
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_two_digits_a_byte() {
        assert_eq!(card_issuer("01345810"), [0x01, 0x34, 0x58, 0x10]);
    }
}

//! Cards of the issuer: which there are, and the mirror of the money on them.
//!
//! The card is the truth for its money; what is kept here is evidence: loads put in, rides taken
//! out, and what left a card and nobody may claim, which the issuer owes to the rider.

use tongtu_clearing::posting::{self, CardMoney};
use tongtu_ledger::{AccountKind, AccountName, EntryId};
use tongtu_sql::{CardTable, RechargeRow, Tx};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::issuing::{check_payment, whole_fen};
use crate::proof::ProofNumber;
use crate::{Node, ServiceError, stored};

/// A purse or an e-cash as its issuer sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardView {
    /// Its number.
    pub card: CardNumber,
    /// What should be on it, by the loads and rides that are known here.
    pub mirror: Fen,
    /// What is owed to its holder; where one number is a purse's and an e-cash's, for both.
    pub refund_due: Fen,
    /// What rides took beyond what was ever put on it; zero, or the card is not what it seems.
    /// Where one number is a purse's and an e-cash's, of both.
    pub short: Fen,
    /// How many rides it was debited for.
    pub rides: u64,
}

/// The table of cards with such money.
pub(crate) const fn table(money: CardMoney) -> CardTable {
    match money {
        CardMoney::Purse => CardTable::Purse,
        CardMoney::Cash => CardTable::Cash,
    }
}

impl Node {
    /// Notes a purse that was issued; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn card_issue(
        &self,
        card: CardNumber,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        self.issue(CardMoney::Purse, card, now).await
    }

    /// Notes an e-cash that was issued, by its card number (PAN); repeated, it changes nothing.
    ///
    /// What is on it at first is noted with [`Node::cash_load`]. Cards of one number that only
    /// their sequence number (5F34) tells apart have one mirror.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn cash_issue(
        &self,
        card: CardNumber,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        self.issue(CardMoney::Cash, card, now).await
    }

    async fn issue(
        &self,
        money: CardMoney,
        card: CardNumber,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().write().await?;
        tx.card_insert(table(money), card.reveal(), now.get())
            .await?;
        let view = self.card_state(&mut tx, money, card).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Notes money that was put on a purse (圈存); one `load_id` counts once.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the id was used for another payment.
    pub async fn card_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        let paid = (load_id, amount);
        self.load(CardMoney::Purse, card, paid, now).await
    }

    /// Notes money that was put on an e-cash, at its issue or by a load; one `load_id` counts
    /// once.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the id was used for another payment.
    pub async fn cash_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        let paid = (load_id, amount);
        self.load(CardMoney::Cash, card, paid, now).await
    }

    async fn load(
        &self,
        money: CardMoney,
        card: CardNumber,
        (load_id, amount): (&str, Fen),
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        self.issuer()?;
        check_payment(load_id, amount)?;
        // Ids of either money are its own.
        let kept = match money {
            CardMoney::Purse => load_id.to_owned(),
            CardMoney::Cash => format!("{load_id}/e-cash"),
        };
        let paid = RechargeRow {
            id: kept,
            account: card.reveal().to_owned(),
            amount: amount.get(),
            paid_at: now.get(),
        };
        let _books = self.books().lock().await;
        let mut tx = self.store().write().await?;
        self.card_state(&mut tx, money, card).await?;
        if tx.recharge_insert(&paid).await? {
            let (book, day) = (self.code(), self.config().cut_off.day_of(now));
            let id = EntryId::parse(&format!("load/{book}/{}", paid.id));
            let id = id.expect("55 printable characters fit an id");
            let entry = posting::load(book, money, card, day, amount, &id)?;
            tx.entries_post(&entry.into_iter().collect::<Vec<_>>())
                .await?;
        } else {
            let before = tx.recharge(&paid.id).await?;
            let same = |row: &RechargeRow| row.account == paid.account && row.amount == paid.amount;
            if !before.as_ref().is_some_and(same) {
                return Err(ServiceError::RechargeIdReused);
            }
        }
        let view = self.card_state(&mut tx, money, card).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Shows a purse.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn card_view(&self, card: CardNumber) -> Result<CardView, ServiceError> {
        self.card_seen(CardMoney::Purse, card).await
    }

    /// Shows an e-cash.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn cash_view(&self, card: CardNumber) -> Result<CardView, ServiceError> {
        self.card_seen(CardMoney::Cash, card).await
    }

    async fn card_seen(
        &self,
        money: CardMoney,
        card: CardNumber,
    ) -> Result<CardView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().read().await?;
        self.card_state(&mut tx, money, card).await
    }

    async fn card_state(
        &self,
        tx: &mut Tx,
        money: CardMoney,
        card: CardNumber,
    ) -> Result<CardView, ServiceError> {
        let number = card.reveal().to_owned();
        if tx
            .cards_known(table(money), std::slice::from_ref(&number))
            .await?
            .is_empty()
        {
            return Err(ServiceError::AccountUnknown { account: card });
        }
        let kinds = [
            money.account(card),
            AccountKind::Refund(card),
            AccountKind::Arrears(card),
        ];
        let names = kinds.map(|kind| AccountName::new(self.code(), kind));
        let sums = tx.balances_of(&names).await?;
        let fen = |name| whole_fen(sums.get(name).copied().unwrap_or_default());
        let (low, high) = ProofNumber::all_of(money);
        let rides = tx.charged_count_between(&number, low, high).await?;
        Ok(CardView {
            card,
            mirror: fen(&names[0])?,
            refund_due: fen(&names[1])?,
            short: Fen::new(-fen(&names[2])?.get()),
            rides: stored::count(rides)?,
        })
    }
}

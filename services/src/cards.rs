//! Cards of the issuer: which there are, and the mirror of the money on them.
//!
//! The card is the truth for its money; what is kept here is evidence: loads put in, rides taken
//! out, and what left a card and nobody may claim, which the issuer owes to the rider.

use tongtu_clearing::posting;
use tongtu_ledger::{AccountKind, AccountName, EntryId};
use tongtu_sql::{RechargeRow, Tx};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::issuing::{check_payment, whole_fen};
use crate::{Node, ServiceError, stored};

/// A card as its issuer sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardView {
    /// Its number.
    pub card: CardNumber,
    /// What should be on it, by the loads and rides that are known here.
    pub mirror: Fen,
    /// What is owed to its holder.
    pub refund_due: Fen,
    /// What rides took beyond what was ever put on it; zero, or the card is not what it seems.
    pub short: Fen,
    /// How many rides it was debited for.
    pub rides: u64,
}

impl Node {
    /// Notes a card that was issued; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn card_issue(
        &self,
        card: CardNumber,
        now: Timestamp,
    ) -> Result<CardView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().write().await?;
        tx.card_insert(card.reveal(), now.get()).await?;
        let view = self.card_state(&mut tx, card).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Notes money that was put on a card (圈存); one `load_id` counts once.
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
        self.issuer()?;
        check_payment(load_id, amount)?;
        let paid = RechargeRow {
            id: load_id.to_owned(),
            account: card.reveal().to_owned(),
            amount: amount.get(),
            paid_at: now.get(),
        };
        let _books = self.books().lock().await;
        let mut tx = self.store().write().await?;
        self.card_state(&mut tx, card).await?;
        if tx.recharge_insert(&paid).await? {
            let (book, day) = (self.code(), self.config().cut_off.day_of(now));
            let id = EntryId::parse(&format!("load/{book}/{load_id}"));
            let id = id.expect("48 printable characters fit an id");
            let entry = posting::load(book, card, day, amount, &id)?;
            tx.entries_post(&entry.into_iter().collect::<Vec<_>>())
                .await?;
        } else {
            let before = tx.recharge(load_id).await?;
            let same = |row: &RechargeRow| row.account == paid.account && row.amount == paid.amount;
            if !before.as_ref().is_some_and(same) {
                return Err(ServiceError::RechargeIdReused);
            }
        }
        let view = self.card_state(&mut tx, card).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Shows a card.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none.
    pub async fn card_view(&self, card: CardNumber) -> Result<CardView, ServiceError> {
        self.issuer()?;
        let mut tx = self.store().read().await?;
        self.card_state(&mut tx, card).await
    }

    async fn card_state(&self, tx: &mut Tx, card: CardNumber) -> Result<CardView, ServiceError> {
        let number = card.reveal().to_owned();
        if tx
            .cards_known(std::slice::from_ref(&number))
            .await?
            .is_empty()
        {
            return Err(ServiceError::AccountUnknown { account: card });
        }
        let kinds = [
            AccountKind::Purse(card),
            AccountKind::Refund(card),
            AccountKind::Arrears(card),
        ];
        let names = kinds.map(|kind| AccountName::new(self.code(), kind));
        let sums = tx.balances_of(&names).await?;
        let fen = |name| whole_fen(sums.get(name).copied().unwrap_or_default());
        Ok(CardView {
            card,
            mirror: fen(&names[0])?,
            refund_due: fen(&names[1])?,
            short: Fen::new(-fen(&names[2])?.get()),
            rides: stored::count(tx.charged_count(&number).await?)?,
        })
    }
}

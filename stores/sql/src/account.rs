//! Riders' accounts, their recharges, and the rides they were charged for.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::{Bulk, PORTION, fetch_portions, with_account};
use crate::masked::masked;
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// A row of table `account`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The account number, in full.
    pub number: String,
    /// The phone's public key, 33 bytes.
    pub user_key: Vec<u8>,
    /// The type in its user certificates, one byte.
    pub account_type: i64,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Unix seconds.
    pub opened_at: i64,
    /// Unix seconds; none before the first certificate.
    pub certificate_expires: Option<i64>,
}

masked!(AccountRow {
    account_type,
    suspended,
    opened_at,
    certificate_expires
});

/// A row of table `recharge`.
#[derive(Clone, PartialEq, Eq)]
pub struct RechargeRow {
    /// The payer's id of the payment.
    pub id: String,
    /// The account paid into.
    pub account: String,
    /// Whole fen, above 0.
    pub amount: i64,
    /// Unix seconds.
    pub paid_at: i64,
}

masked!(RechargeRow { amount, paid_at });

/// A row of table `charged_ride`.
#[derive(Clone, PartialEq, Eq)]
pub struct ChargedRow {
    /// The record's id.
    pub record: String,
    /// The rider's account.
    pub account: String,
    /// What a ride pays with once: a code's generation time, Unix seconds; below zero, the number
    /// of a card's or face's ride, which `tongtu-services` gives.
    pub generated_at: i64,
    /// Whole fen.
    pub amount: i64,
    /// 0 single, 1 entry, 2 exit.
    pub direction: i64,
    /// The hub that charged it.
    pub hub: String,
    /// The result code.
    pub result: i64,
    /// The settlement day, days since 1970-01-01.
    pub day: i64,
}

masked!(ChargedRow {
    record,
    generated_at,
    amount,
    direction,
    hub,
    result,
    day
});

const CHARGED_INSERT: Bulk = Bulk {
    head: "INSERT INTO charged_ride \
           (record, account, generated_at, amount, direction, hub, result, day) VALUES",
    columns: 8,
    tail: "",
};

const CODES_CHARGED: Bulk = Bulk {
    head: "SELECT c.account, c.generated_at, c.record FROM charged_ride c \
           JOIN (VALUES",
    columns: 2,
    tail: ") AS asked ON c.account = asked.column1 AND c.generated_at = asked.column2",
};

const ACCOUNTS_KNOWN: Bulk = Bulk {
    head: "SELECT number FROM account WHERE number IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked)",
};

impl Tx {
    /// Opens an account; false when the number is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_insert(&mut self, row: &AccountRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO account \
             (number, user_key, account_type, suspended, opened_at, certificate_expires) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (number) DO NOTHING",
        )
        .bind(self.sealing.number(&row.number))
        .bind(&row.user_key)
        .bind(row.account_type)
        .bind(i64::from(row.suspended))
        .bind(row.opened_at)
        .bind(row.certificate_expires)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The account of that number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&mut self, number: &str) -> Result<Option<AccountRow>, StoreError> {
        let row = sqlx::query(
            "SELECT number, user_key, account_type, suspended, opened_at, certificate_expires \
             FROM account WHERE number = $1",
        )
        .bind(self.sealing.number(number))
        .fetch_optional(&mut *self.inner)
        .await?;
        let account = |row| account(row, &self.sealing);
        row.as_ref().map(account).transpose()
    }

    /// Those of the numbers under which there are accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts_known(
        &mut self,
        numbers: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let numbers = self.sealing.numbers_each(numbers.iter());
        let read = |rows: &[AnyRow], seal: &Sealing| seal.open_numbers(rows, "number");
        let known = ACCOUNTS_KNOWN
            .fetch(self, &numbers, |query, number| query.bind(number), read)
            .await?;
        Ok(known.into_iter().collect())
    }

    /// Suspends an account or lifts it; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_suspend(
        &mut self,
        number: &str,
        suspended: bool,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE account SET suspended = $1 WHERE number = $2")
            .bind(i64::from(suspended))
            .bind(self.sealing.number(number))
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes when the newest certificate expires; an earlier one does not replace a later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_certificate(
        &mut self,
        number: &str,
        expires: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE account SET certificate_expires = $1 WHERE number = $2 \
             AND (certificate_expires IS NULL OR certificate_expires < $1)",
        )
        .bind(expires)
        .bind(self.sealing.number(number))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Notes a recharge; false when its id is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recharge_insert(&mut self, row: &RechargeRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO recharge (id, account, amount, paid_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(self.sealing.text(Column::Payment, &[], &row.id))
        .bind(self.sealing.number(&row.account))
        .bind(row.amount)
        .bind(row.paid_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The recharge of that id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recharge(&mut self, id: &str) -> Result<Option<RechargeRow>, StoreError> {
        let row = sqlx::query("SELECT id, account, amount, paid_at FROM recharge WHERE id = $1")
            .bind(self.sealing.text(Column::Payment, &[], id))
            .fetch_optional(&mut *self.inner)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let seal = &self.sealing;
        Ok(Some(RechargeRow {
            id: seal.open_text(Column::Payment, &[], row.try_get("id")?)?,
            account: seal.open_number(row.try_get("account")?)?,
            amount: row.try_get("amount")?,
            paid_at: row.try_get("paid_at")?,
        }))
    }

    /// Notes rides that were charged; a record that was charged before refuses them all.
    ///
    /// # Errors
    /// [`StoreError`], one that [`StoreError::is_taken`] for a record charged before.
    pub async fn charged_insert(&mut self, rows: &[ChargedRow]) -> Result<(), StoreError> {
        for rows in rows.chunks(PORTION) {
            let accounts = self
                .sealing
                .numbers_each(rows.iter().map(|row| &row.account));
            let rows: Vec<_> = rows.iter().zip(accounts).collect();
            CHARGED_INSERT
                .execute(self, &rows, |query, (row, account)| {
                    query
                        .bind(&row.record)
                        .bind(account)
                        .bind(row.generated_at)
                        .bind(row.amount)
                        .bind(row.direction)
                        .bind(&row.hub)
                        .bind(row.result)
                        .bind(row.day)
                })
                .await?;
        }
        Ok(())
    }

    /// Which of these codes (account, generation time) were charged, and for which record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn codes_charged(
        &mut self,
        codes: &[(String, i64)],
    ) -> Result<Vec<(String, i64, String)>, StoreError> {
        let code = |(row, account): (&AnyRow, _)| Ok((account, row.try_get(1)?, row.try_get(2)?));
        let read = with_account(code);
        let mut found = Vec::new();
        for codes in codes.chunks(PORTION) {
            let accounts = codes.iter().map(|(account, _)| account);
            let accounts = self.sealing.numbers_each(accounts);
            let codes: Vec<_> = accounts.into_iter().zip(codes).collect();
            let charged = CODES_CHARGED.fetch(
                self,
                &codes,
                |query, (account, (_, generated_at))| query.bind(account).bind(*generated_at),
                &read,
            );
            found.append(&mut charged.await?);
        }
        Ok(found)
    }

    /// All charged rides, in the order of their records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn charged_rides(&mut self) -> Result<Vec<ChargedRow>, StoreError> {
        let query = sqlx::query(
            "SELECT record, account, generated_at, amount, direction, hub, result, day \
             FROM charged_ride ORDER BY record",
        );
        fetch_portions(self, query, with_account(charged)).await
    }

    /// How many rides an account was charged for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn charged_count(&mut self, account: &str) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM charged_ride WHERE account = $1")
            .bind(self.sealing.number(account))
            .fetch_one(&mut *self.inner)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// How many of them have a `generated_at` from `low` to `high`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn charged_count_between(
        &mut self,
        account: &str,
        low: i64,
        high: i64,
    ) -> Result<i64, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) FROM charged_ride \
             WHERE account = $1 AND generated_at BETWEEN $2 AND $3",
        )
        .bind(self.sealing.number(account))
        .bind(low)
        .bind(high)
        .fetch_one(&mut *self.inner)
        .await?;
        Ok(row.try_get(0)?)
    }
}

fn account(row: &AnyRow, seal: &Sealing) -> Result<AccountRow, StoreError> {
    let suspended: i64 = row.try_get("suspended")?;
    Ok(AccountRow {
        number: seal.open_number(row.try_get("number")?)?,
        user_key: row.try_get("user_key")?,
        account_type: row.try_get("account_type")?,
        suspended: suspended != 0,
        opened_at: row.try_get("opened_at")?,
        certificate_expires: row.try_get("certificate_expires")?,
    })
}

fn charged((row, account): (&AnyRow, String)) -> Result<ChargedRow, StoreError> {
    Ok(ChargedRow {
        record: row.try_get("record")?,
        account,
        generated_at: row.try_get("generated_at")?,
        amount: row.try_get("amount")?,
        direction: row.try_get("direction")?,
        hub: row.try_get("hub")?,
        result: row.try_get("result")?,
        day: row.try_get("day")?,
    })
}

//! The ledger's tables: entries go in whole and balanced, or not at all.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tongtu_ledger::row::{EntryRow, Original, PostingRow, decide, entry_of, rows_of};
use tongtu_ledger::{AccountName, Entry, EntryId, SumE7};

use crate::bulk::{Bulk, PORTION};
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// What became of entries that were posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Posted {
    /// How many are new.
    pub new: u64,
    /// How many were there already, the same.
    pub already: u64,
}

/// One fen in the unit of postings.
const E7: i128 = 10_000_000;

const ENTRIES_OF: Bulk = Bulk {
    head: "SELECT id, day, memo, corrects FROM entry WHERE id IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked)",
};

const POSTINGS_OF: Bulk = Bulk {
    head: "SELECT entry, number, account, amount FROM posting \
           WHERE entry IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked) ORDER BY entry, number",
};

const ENTRY_INSERT: Bulk = Bulk {
    head: "INSERT INTO entry (id, day, memo, corrects) VALUES",
    columns: 4,
    tail: "",
};

const POSTING_INSERT: Bulk = Bulk {
    head: "INSERT INTO posting (entry, number, account, amount) VALUES",
    columns: 4,
    tail: "",
};

// A sum of 64-bit amounts may leave 64 bits; whole fen and the rest, summed apart, do not.
// Both engines cut towards zero and give the rest the sign of the amount.
const BALANCES: &str = "SELECT account, \
    CAST(SUM(amount / 10000000) AS BIGINT) AS fen, CAST(SUM(amount % 10000000) AS BIGINT) AS rest \
    FROM posting GROUP BY account";

const BALANCES_OF: Bulk = Bulk {
    head: "SELECT account, CAST(SUM(amount / 10000000) AS BIGINT) AS fen, \
           CAST(SUM(amount % 10000000) AS BIGINT) AS rest FROM posting \
           WHERE account IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked) GROUP BY account",
};

impl Tx {
    /// Posts entries; those that are there already, the same, are passed over.
    ///
    /// # Errors
    /// [`StoreError::Refused`] by the rules of the book; then nothing of this transaction may
    /// be committed.
    pub async fn entries_post(&mut self, entries: &[Entry]) -> Result<Posted, StoreError> {
        let mut posted = Posted::default();
        // What one portion posts, the next one finds in the tables.
        for portion in entries.chunks(PORTION) {
            let Posted { new, already } = self.portion_post(portion).await?;
            posted.new += new;
            posted.already += already;
        }
        Ok(posted)
    }

    async fn portion_post(&mut self, entries: &[Entry]) -> Result<Posted, StoreError> {
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id().as_str()).collect();
        let mut known = self.entries_of(&ids).await?;
        let mut posted = Posted::default();
        let (mut heads, mut lines) = (Vec::new(), Vec::new());
        for entry in entries {
            let original = match entry.corrects() {
                None => None,
                Some(id) => self.original(id, &known).await?,
            };
            let original = original.as_ref().map(|(entry, reversed)| Original {
                entry,
                reversed: *reversed,
            });
            match decide(entry, known.get(entry.id()), original) {
                Ok(()) => {}
                Err(refusal) if refusal.is_already_posted() => {
                    posted.already += 1;
                    continue;
                }
                Err(refusal) => return Err(refusal.into()),
            }
            let (head, postings) = rows_of(entry);
            lines.extend(postings.into_iter().map(|row| (head.id.clone(), row)));
            heads.push(head);
            known.insert(entry.id().clone(), entry.clone());
            posted.new += 1;
        }
        self.entry_rows_insert(&heads, &lines).await?;
        Ok(posted)
    }

    async fn entry_rows_insert(
        &mut self,
        heads: &[EntryRow],
        lines: &[(String, PostingRow)],
    ) -> Result<(), StoreError> {
        let seal = self.sealing.clone();
        ENTRY_INSERT
            .execute(self, heads, |query, row| {
                query
                    .bind(seal.entry(&row.id))
                    .bind(row.day)
                    .bind(&row.memo)
                    .bind(row.corrects.as_deref().map(|id| seal.entry(id)))
            })
            .await?;
        let accounts = seal.accounts_each(lines.iter().map(|(_, row)| &row.account[..]));
        let lines: Vec<_> = lines.iter().zip(accounts).collect();
        POSTING_INSERT
            .execute(self, &lines, |query, ((entry, row), account)| {
                query
                    .bind(seal.entry(entry))
                    .bind(row.number)
                    .bind(account)
                    .bind(row.amount_e7)
            })
            .await?;
        Ok(())
    }

    /// The entry of that id.
    ///
    /// # Errors
    /// [`StoreError`], also when the rows are not what a book wrote.
    pub async fn entry(&mut self, id: &EntryId) -> Result<Option<Entry>, StoreError> {
        Ok(self.entries_of(&[id.as_str()]).await?.remove(id))
    }

    /// Every account ever posted to, in the order of the keys, with its balance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn balances(&mut self) -> Result<Vec<(AccountName, SumE7)>, StoreError> {
        let rows = sqlx::query(BALANCES).fetch_all(&mut *self.inner).await?;
        let accounts = self.sealing.open_accounts(&rows)?;
        let mut all: Vec<_> = rows
            .iter()
            .zip(accounts)
            .map(balance)
            .collect::<Result<_, StoreError>>()?;
        all.sort_by_cached_key(|(name, _)| name.key());
        Ok(all)
    }

    /// The balances of these accounts; one never posted to is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn balances_of(
        &mut self,
        accounts: &[AccountName],
    ) -> Result<BTreeMap<AccountName, SumE7>, StoreError> {
        let keys: Vec<String> = accounts.iter().map(AccountName::key).collect();
        let keys = self.sealing.accounts_each(keys.iter().map(|key| &key[..]));
        let read = |rows: &[AnyRow], seal: &Sealing| {
            let accounts = seal.open_accounts(rows)?;
            rows.iter().zip(accounts).map(balance).collect()
        };
        let balances = BALANCES_OF
            .fetch(self, &keys, |query, key| query.bind(key), read)
            .await?;
        Ok(balances.into_iter().collect())
    }

    async fn entries_of(&mut self, ids: &[&str]) -> Result<BTreeMap<EntryId, Entry>, StoreError> {
        let seal = self.sealing.clone();
        let head = |row: &AnyRow| {
            let corrects: Option<&str> = row.try_get("corrects")?;
            let sealed: String = row.try_get("id")?;
            let head = EntryRow {
                id: seal.open_entry(&sealed)?,
                day: row.try_get("day")?,
                memo: row.try_get("memo")?,
                corrects: corrects.map(|id| seal.open_entry(id)).transpose()?,
            };
            Ok((sealed, head))
        };
        let heads: Vec<(String, EntryRow)> = ENTRIES_OF
            .fetch(
                self,
                ids,
                |query, id| query.bind(seal.entry(id)),
                |rows, _| rows.iter().map(head).collect(),
            )
            .await?;
        if heads.is_empty() {
            return Ok(BTreeMap::new());
        }
        let lines = POSTINGS_OF
            .fetch(
                self,
                &heads,
                |query, (sealed, _)| query.bind(sealed),
                postings,
            )
            .await?;
        let mut of: BTreeMap<String, Vec<PostingRow>> = BTreeMap::new();
        for (entry, row) in lines {
            of.entry(entry).or_default().push(row);
        }
        let mut entries = BTreeMap::new();
        for (sealed, head) in heads {
            let entry = entry_of(&head, &of.remove(&sealed).unwrap_or_default())?;
            entries.insert(entry.id().clone(), entry);
        }
        Ok(entries)
    }

    /// The entry that another corrects, and whether it is reversed, with what is about to be
    /// inserted counted in.
    async fn original(
        &mut self,
        id: &EntryId,
        known: &BTreeMap<EntryId, Entry>,
    ) -> Result<Option<(Entry, bool)>, StoreError> {
        let entry = match known.get(id) {
            Some(entry) => Some(entry.clone()),
            None => self.entry(id).await?,
        };
        let Some(entry) = entry else {
            return Ok(None);
        };
        let row =
            sqlx::query("SELECT COUNT(*) FROM entry WHERE corrects = $1 AND memo = 'reversal'")
                .bind(self.sealing.entry(id.as_str()))
                .fetch_one(&mut *self.inner)
                .await?;
        let stored: i64 = row.try_get(0)?;
        let about_to_be = known
            .values()
            .any(|e| e.memo() == tongtu_ledger::Memo::Reversal && e.corrects() == Some(id));
        Ok(Some((entry, stored > 0 || about_to_be)))
    }
}

/// The entries that payers name: what follows kind and book is theirs, and may be anything.
const PAYMENTS: [&str; 2] = ["recharge/", "load/"];

/// An entry's id cut before what a payer gave.
fn split_payment(id: &str) -> Option<(&str, &str)> {
    let kind = PAYMENTS.iter().find(|kind| id.starts_with(**kind))?;
    let book = id[kind.len()..].find('/')?;
    Some(id.split_at(kind.len() + book + 1))
}

/// A storage key, and how it is cut before its card number, if it has one.
type Cut<'a> = (&'a str, Option<(&'a str, &'a str)>);

/// The numbers of those that have one.
fn numbers<'a>(keys: &[Cut<'a>]) -> Vec<([&'a str; 0], &'a str)> {
    let cuts = keys.iter().filter_map(|(_, cut)| *cut);
    cuts.map(|(_, number)| ([], number)).collect()
}

/// A key with the next in the place of its number.
fn with_number((key, cut): Cut<'_>, next: impl FnOnce() -> Option<String>) -> String {
    match cut {
        None => key.to_owned(),
        Some((head, _)) => format!("{head}{}", next().expect("one for each that has a number")),
    }
}

impl Sealing {
    /// Accounts' storage keys with their card numbers sealed, where they have one.
    fn accounts_each<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Vec<String> {
        let keys: Vec<_> = keys
            .map(|key| (key, AccountName::split_number(key)))
            .collect();
        let mut sealed = self.texts_each(Column::Number, &numbers(&keys)).into_iter();
        let account = |key| with_number(key, || sealed.next());
        keys.into_iter().map(account).collect()
    }

    /// The accounts of rows.
    fn open_accounts(&self, rows: &[AnyRow]) -> Result<Vec<String>, StoreError> {
        let keys = rows
            .iter()
            .map(|row| {
                let key: &str = row.try_get("account")?;
                Ok((key, AccountName::split_number(key)))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut opened = self
            .open_texts_each(Column::Number, &numbers(&keys))?
            .into_iter();
        let account = |key| with_number(key, || opened.next());
        Ok(keys.into_iter().map(account).collect())
    }

    /// An entry's id with the payer's part sealed, if it has one.
    fn entry(&self, id: &str) -> String {
        match split_payment(id) {
            None => id.to_owned(),
            Some((head, tail)) => {
                format!("{head}{}", self.text(Column::PaymentEntry, &[], tail))
            }
        }
    }

    fn open_entry(&self, sealed: &str) -> Result<String, StoreError> {
        let Some((head, tail)) = split_payment(sealed) else {
            return Ok(sealed.to_owned());
        };
        let tail = self.open_text(Column::PaymentEntry, &[], tail)?;
        Ok(format!("{head}{tail}"))
    }
}

/// Postings, each with the sealed id of its entry.
fn postings(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<(String, PostingRow)>, StoreError> {
    let posting = |(row, account): (&AnyRow, String)| {
        let posting = PostingRow {
            number: row.try_get("number")?,
            account,
            amount_e7: row.try_get("amount")?,
        };
        Ok((row.try_get("entry")?, posting))
    };
    let accounts = seal.open_accounts(rows)?;
    rows.iter().zip(accounts).map(posting).collect()
}

fn balance((row, account): (&AnyRow, String)) -> Result<(AccountName, SumE7), StoreError> {
    let (fen, rest): (i64, i64) = (row.try_get("fen")?, row.try_get("rest")?);
    let sum = SumE7::new(i128::from(fen) * E7 + i128::from(rest));
    Ok((AccountName::parse(&account)?, sum))
}

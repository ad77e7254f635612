//! What was done with callers, and what awaits a second officer.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::{StoreError, Tx};

/// A row of table `caller_act`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerActRow {
    /// The line's number in its chain, from 1.
    pub number: i64,
    /// The line of the audit chain, 192 bytes.
    pub line: Vec<u8>,
    /// The request that asked for it; absent for what stood in the settings.
    pub request: Option<CallerRequestRow>,
}

/// The request that asked for an act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerRequestRow {
    /// Method and target as they came over the line.
    pub target: String,
    /// The body.
    pub content: Vec<u8>,
    /// The envelope's bytes.
    pub envelope: Vec<u8>,
    /// The public key under which it verified, 33 bytes.
    pub public_key: Vec<u8>,
}

/// A row of table `caller_asked`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerAskedRow {
    /// SM3 of the act, 32 bytes.
    pub about: Vec<u8>,
    /// The act in words.
    pub act: String,
    /// Who asked for it: the institution.
    pub institution: String,
    /// Who asked for it: the number there.
    pub number: String,
    /// Unix seconds.
    pub asked_at: i64,
}

impl Tx {
    /// Adds an act; its number is the next one.
    ///
    /// # Errors
    /// [`StoreError`], a conflict when another transaction took the number.
    pub async fn caller_act_insert(&mut self, row: &CallerActRow) -> Result<(), StoreError> {
        let request = row.request.as_ref();
        sqlx::query(
            "INSERT INTO caller_act (number, line, target, content, envelope, public_key) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(row.number)
        .bind(&row.line)
        .bind(request.map(|request| request.target.clone()))
        .bind(request.map(|request| request.content.clone()))
        .bind(request.map(|request| request.envelope.clone()))
        .bind(request.map(|request| request.public_key.clone()))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The last act.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_act_last(&mut self) -> Result<Option<CallerActRow>, StoreError> {
        let row = sqlx::query(
            "SELECT number, line, target, content, envelope, public_key FROM caller_act \
             ORDER BY number DESC LIMIT 1",
        )
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(act).transpose()
    }

    /// Up to `count` acts after number `after`, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_acts(
        &mut self,
        after: i64,
        count: i64,
    ) -> Result<Vec<CallerActRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, line, target, content, envelope, public_key FROM caller_act \
             WHERE number > $1 ORDER BY number LIMIT $2",
        )
        .bind(after)
        .bind(count)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(act).collect()
    }

    /// Notes what an officer asks for; the first to ask stays until it is taken or lapses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_asked_insert(&mut self, row: &CallerAskedRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO caller_asked (about, act, institution, number, asked_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (about) DO NOTHING",
        )
        .bind(&row.about)
        .bind(&row.act)
        .bind(&row.institution)
        .bind(&row.number)
        .bind(row.asked_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Who asked for that act.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_asked(
        &mut self,
        about: &[u8],
    ) -> Result<Option<CallerAskedRow>, StoreError> {
        let row = sqlx::query(
            "SELECT about, act, institution, number, asked_at FROM caller_asked WHERE about = $1",
        )
        .bind(about)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(asked).transpose()
    }

    /// Everything that was asked for and not confirmed, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn callers_asked(&mut self) -> Result<Vec<CallerAskedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT about, act, institution, number, asked_at FROM caller_asked \
             ORDER BY asked_at, about",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(asked).collect()
    }

    /// Forgets what was asked for before a moment, and `about`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_asked_forget(
        &mut self,
        about: &[u8],
        before: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM caller_asked WHERE about = $1 OR asked_at < $2")
            .bind(about)
            .bind(before)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}

fn act(row: &AnyRow) -> Result<CallerActRow, StoreError> {
    let target: Option<String> = row.try_get("target")?;
    let request = match target {
        Some(target) => Some(CallerRequestRow {
            target,
            content: row.try_get("content")?,
            envelope: row.try_get("envelope")?,
            public_key: row.try_get("public_key")?,
        }),
        None => None,
    };
    Ok(CallerActRow {
        number: row.try_get("number")?,
        line: row.try_get("line")?,
        request,
    })
}

fn asked(row: &AnyRow) -> Result<CallerAskedRow, StoreError> {
    Ok(CallerAskedRow {
        about: row.try_get("about")?,
        act: row.try_get("act")?,
        institution: row.try_get("institution")?,
        number: row.try_get("number")?,
        asked_at: row.try_get("asked_at")?,
    })
}

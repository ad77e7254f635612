//! Riders enrolled for rides by face, and their sealed templates.

use core::fmt;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::masked::masked;
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// A row of table `face_enrolment`.
#[derive(Clone, PartialEq, Eq)]
pub struct FaceEnrolmentRow {
    /// The rider's pseudonym, 32 hex digits.
    pub handle: String,
    /// The account that pays, in full.
    pub account: String,
    /// The caller's id of the enrolment.
    pub request: String,
    /// A keyed code over what was asked; empty once the enrolment has ended.
    pub request_mac: Vec<u8>,
    /// Version of the terms consented to.
    pub terms: i64,
    /// 1 signed by the phone, 2 recorded at a counter.
    pub channel: i64,
    /// The signature, or the reference of the recording.
    pub evidence: Vec<u8>,
    /// Unix seconds.
    pub consented_at: i64,
    /// Until when the rider consented, Unix seconds.
    pub consent_ends: i64,
    /// Unix seconds.
    pub enrolled_at: i64,
    /// The last ride by face, or the enrolment; Unix seconds.
    pub used_at: i64,
    /// When the enrolment ends by itself, Unix seconds.
    pub until: i64,
    /// When it ended, Unix seconds.
    pub ended_at: Option<i64>,
    /// 1 withdrawn, 2 its time was over.
    pub ending: Option<i64>,
}

masked!(FaceEnrolmentRow {
    handle,
    terms,
    channel,
    consented_at,
    consent_ends,
    enrolled_at,
    used_at,
    until,
    ended_at,
    ending
});

/// A row of table `face_scope`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FaceScopeRow {
    /// The operator's number.
    pub operator: i64,
    /// The line; empty for all lines.
    pub line: String,
}

/// A row of table `face_template`.
#[derive(Clone, PartialEq, Eq)]
pub struct FaceTemplateRow {
    /// The rider's pseudonym, 32 hex digits.
    pub handle: String,
    /// Which of the rider's, from 0.
    pub number: i64,
    /// The engine, 16 hex digits.
    pub engine: String,
    /// How well the face was seen, 0 to 100.
    pub quality: i64,
    /// The sealed template.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for FaceTemplateRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceTemplateRow")
            .field("handle", &self.handle)
            .field("number", &self.number)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// Columns of `face_enrolment`, in the order that [`enrolment`] reads them.
const COLUMNS: &str = "handle, account, request, request_mac, terms, channel, evidence, \
    consented_at, consent_ends, enrolled_at, used_at, until, ended_at, ending";

const SCOPE_INSERT: Bulk = Bulk {
    head: "INSERT INTO face_scope (handle, operator, line) VALUES",
    columns: 3,
    tail: "",
};

const TEMPLATE_INSERT: Bulk = Bulk {
    head: "INSERT INTO face_template (handle, number, engine, live, quality, sealed) VALUES",
    columns: 6,
    tail: "",
};

const TEMPLATES_OF: Bulk = Bulk {
    head: "SELECT t.handle, t.number, t.engine, t.quality, t.sealed FROM face_template t \
           JOIN (VALUES",
    columns: 2,
    tail: ") AS asked ON t.handle = asked.column1 AND t.engine = asked.column2 \
           ORDER BY t.handle, t.number",
};

impl Tx {
    /// Enrols a rider; false when the account is enrolled, or the request was made before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_enrol(
        &mut self,
        row: &FaceEnrolmentRow,
        scopes: &[FaceScopeRow],
        templates: &[FaceTemplateRow],
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO face_enrolment (handle, account, request, request_mac, terms, channel, \
             evidence, consented_at, consent_ends, enrolled_at, used_at, until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
        )
        .bind(&row.handle)
        .bind(self.sealing.number(&row.account))
        .bind(self.sealing.text(Column::FaceRequest, &[], &row.request))
        .bind(&row.request_mac)
        .bind(row.terms)
        .bind(row.channel)
        .bind(
            self.sealing
                .bytes(Column::Evidence, &[&row.handle], &row.evidence),
        )
        .bind(row.consented_at)
        .bind(row.consent_ends)
        .bind(row.enrolled_at)
        .bind(row.used_at)
        .bind(row.until)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        SCOPE_INSERT
            .execute(self, scopes, |query, scope| {
                query
                    .bind(&row.handle)
                    .bind(scope.operator)
                    .bind(&scope.line)
            })
            .await?;
        TEMPLATE_INSERT
            .execute(self, templates, |query, template| {
                query
                    .bind(&template.handle)
                    .bind(template.number)
                    .bind(&template.engine)
                    .bind(1_i64)
                    .bind(template.quality)
                    .bind(&template.sealed)
            })
            .await?;
        Ok(true)
    }

    /// The enrolment of a request.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_request(
        &mut self,
        request: &str,
    ) -> Result<Option<FaceEnrolmentRow>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM face_enrolment WHERE request = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(self.sealing.text(Column::FaceRequest, &[], request))
            .fetch_optional(&mut *self.inner)
            .await?;
        row.as_ref()
            .map(|row| enrolment(row, &self.sealing))
            .transpose()
    }

    /// All enrolments of an account, the one of now first, then the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_enrolments(
        &mut self,
        account: &str,
    ) -> Result<Vec<FaceEnrolmentRow>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM face_enrolment WHERE account = $1 \
             ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, enrolled_at DESC, handle"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(self.sealing.number(account))
            .fetch_all(&mut *self.inner)
            .await?;
        rows.iter()
            .map(|row| enrolment(row, &self.sealing))
            .collect()
    }

    /// Who may hold a rider's face, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_scopes(&mut self, handle: &str) -> Result<Vec<FaceScopeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT operator, line FROM face_scope WHERE handle = $1 ORDER BY operator, line",
        )
        .bind(handle)
        .fetch_all(&mut *self.inner)
        .await?;
        let scope = |row: &AnyRow| {
            Ok(FaceScopeRow {
                operator: row.try_get(0)?,
                line: row.try_get(1)?,
            })
        };
        rows.iter().map(scope).collect()
    }

    /// The engine and quality of a rider's templates.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_qualities(&mut self, handle: &str) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT engine, quality FROM face_template WHERE handle = $1 ORDER BY number",
        )
        .bind(handle)
        .fetch_all(&mut *self.inner)
        .await?;
        let quality = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(quality).collect()
    }

    /// The templates of one engine that these riders have, by handle and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_templates_of(
        &mut self,
        handles: &[String],
        engine: &str,
    ) -> Result<Vec<FaceTemplateRow>, StoreError> {
        let asked: Vec<(&str, &str)> = handles.iter().map(|h| (h.as_str(), engine)).collect();
        TEMPLATES_OF
            .fetch(
                self,
                &asked,
                |query, (handle, engine)| query.bind(*handle).bind(*engine),
                |rows, _| rows.iter().map(template).collect(),
            )
            .await
    }

    /// So many templates of an engine behind a place, with the accounts of their riders; for a
    /// comparison with all of them. The place of a row is its handle and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_templates_after(
        &mut self,
        engine: &str,
        after: (&str, i64),
        limit: i64,
    ) -> Result<Vec<(String, FaceTemplateRow)>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.handle, t.number, t.engine, t.quality, t.sealed, e.account \
             FROM face_template t JOIN face_enrolment e ON e.handle = t.handle \
             WHERE t.engine = $1 AND e.ended_at IS NULL \
             AND (t.handle > $2 OR (t.handle = $2 AND t.number > $3)) \
             ORDER BY t.handle, t.number LIMIT $4",
        )
        .bind(engine)
        .bind(after.0)
        .bind(after.1)
        .bind(limit)
        .fetch_all(&mut *self.inner)
        .await?;
        let accounts = self.sealing.open_numbers(&rows, "account")?;
        let with_account = |(row, account)| Ok((account, template(row)?));
        rows.iter().zip(accounts).map(with_account).collect()
    }

    /// Handles of the enrolments whose time is over and that were not ended yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_overdue(&mut self, now: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT handle FROM face_enrolment WHERE ended_at IS NULL AND until <= $1 \
             ORDER BY handle",
        )
        .bind(now)
        .fetch_all(&mut *self.inner)
        .await?;
        let handles = rows.iter().map(|row| row.try_get(0));
        Ok(handles.collect::<Result<_, _>>()?)
    }

    /// Ends an enrolment: its templates are overwritten, then deleted, and every terminal that
    /// was given the face is to forget it with that version. False when it had ended before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_end(
        &mut self,
        handle: &str,
        ending: i64,
        version: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE face_enrolment SET ended_at = $1, ending = $2, request_mac = $3 \
             WHERE handle = $4 AND ended_at IS NULL",
        )
        .bind(now)
        .bind(ending)
        .bind(Vec::<u8>::new())
        .bind(handle)
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let rows = sqlx::query("SELECT number, sealed FROM face_template WHERE handle = $1")
            .bind(handle)
            .fetch_all(&mut *self.inner)
            .await?;
        for row in &rows {
            let (number, sealed): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            sqlx::query("UPDATE face_template SET sealed = $1 WHERE handle = $2 AND number = $3")
                .bind(vec![0_u8; sealed.len()])
                .bind(handle)
                .bind(number)
                .execute(&mut *self.inner)
                .await?;
        }
        sqlx::query("DELETE FROM face_template WHERE handle = $1")
            .bind(handle)
            .execute(&mut *self.inner)
            .await?;
        sqlx::query(
            "UPDATE face_given SET ended = $1, ended_at = $2 WHERE handle = $3 AND ended = 0",
        )
        .bind(version)
        .bind(now)
        .bind(handle)
        .execute(&mut *self.inner)
        .await?;
        Ok(true)
    }

    /// Notes a ride by face: the enrolment lasts so much longer, but not beyond the consent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_used(
        &mut self,
        handle: &str,
        account: &str,
        used_at: i64,
        idle_s: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE face_enrolment SET used_at = $1, \
             until = CASE WHEN consent_ends < $2 THEN consent_ends ELSE $2 END \
             WHERE handle = $3 AND account = $4 AND ended_at IS NULL AND used_at < $1",
        )
        .bind(used_at)
        .bind(used_at.saturating_add(idle_s))
        .bind(handle)
        .bind(self.sealing.number(account))
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

fn enrolment(row: &AnyRow, seal: &Sealing) -> Result<FaceEnrolmentRow, StoreError> {
    let handle: String = row.try_get("handle")?;
    let evidence = row.try_get("evidence")?;
    let evidence = seal.open_bytes(Column::Evidence, &[&handle], evidence)?;
    Ok(FaceEnrolmentRow {
        handle,
        account: seal.open_number(row.try_get("account")?)?,
        request: seal.open_text(Column::FaceRequest, &[], row.try_get("request")?)?,
        request_mac: row.try_get("request_mac")?,
        terms: row.try_get("terms")?,
        channel: row.try_get("channel")?,
        evidence,
        consented_at: row.try_get("consented_at")?,
        consent_ends: row.try_get("consent_ends")?,
        enrolled_at: row.try_get("enrolled_at")?,
        used_at: row.try_get("used_at")?,
        until: row.try_get("until")?,
        ended_at: row.try_get("ended_at")?,
        ending: row.try_get("ending")?,
    })
}

fn template(row: &AnyRow) -> Result<FaceTemplateRow, StoreError> {
    Ok(FaceTemplateRow {
        handle: row.try_get("handle")?,
        number: row.try_get("number")?,
        engine: row.try_get("engine")?,
        quality: row.try_get("quality")?,
        sealed: row.try_get("sealed")?,
    })
}

//! Which terminal was given whose face, and what it confirmed.
//!
//! What a terminal may have is a question to the tables of enrolments and accounts; what it was
//! given is kept here. The difference of the two is its next update.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::masked::masked;
use crate::{StoreError, Tx};

/// A row of table `face_terminal`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceTerminalRow {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The operator's number.
    pub operator: i64,
    /// The line.
    pub line: String,
    /// The engine, 16 hex digits.
    pub engine: String,
    /// Until when the gallery that it was given last is good, Unix seconds; 0 is none.
    pub valid_until: i64,
    /// The version that it confirmed last; 0 is none.
    pub held: i64,
    /// How many riders it had then.
    pub riders: i64,
    /// When it confirmed, Unix seconds.
    pub confirmed_at: Option<i64>,
}

/// A rider whom a terminal may recognise, as it was given or is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct FaceVisibleRow {
    /// The rider's pseudonym, 32 hex digits.
    pub handle: String,
    /// The account that pays, in full.
    pub account: String,
    /// Version of the terms.
    pub terms: i64,
    /// When the enrolment ends by itself, Unix seconds.
    pub until: i64,
}

masked!(FaceVisibleRow {
    handle,
    terms,
    until
});

/// A row of table `face_given` that begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceGivenRow {
    /// The rider's pseudonym, 32 hex digits.
    pub handle: String,
    /// The end of the enrolment as the terminal is told, Unix seconds.
    pub until: i64,
}

/// Where a rider's face is or was: a terminal with what it was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacePlaceRow {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The version with which it was given.
    pub began: i64,
    /// The version with which it is to be forgotten; 0 for none.
    pub ended: i64,
    /// When that was ordered, Unix seconds.
    pub ended_at: Option<i64>,
    /// Until when the gallery that the terminal was given last is good, Unix seconds.
    pub valid_until: i64,
    /// The version that it confirmed last.
    pub held: i64,
}

const GIVEN_INSERT: Bulk = Bulk {
    head: "INSERT INTO face_given (terminal, handle, until, began) VALUES",
    columns: 4,
    tail: "ON CONFLICT (terminal, handle) DO UPDATE SET until = excluded.until, \
           began = excluded.began, ended = 0, ended_at = NULL",
};

const GIVEN_END: Bulk = Bulk {
    head: "UPDATE face_given SET ended = asked.column3, ended_at = asked.column4 FROM (VALUES",
    columns: 4,
    tail: ") AS asked WHERE face_given.terminal = asked.column1 \
           AND face_given.handle = asked.column2 AND face_given.ended = 0",
};

/// Who may be recognised at a terminal: $1 operator, $2 line, $3 engine, $4 now.
macro_rules! visible {
    () => {
        "e.ended_at IS NULL AND e.until > $4 \
         AND EXISTS (SELECT 1 FROM account a WHERE a.number = e.account AND a.suspended = 0) \
         AND NOT EXISTS (SELECT 1 FROM blacklisted b WHERE b.account = e.account) \
         AND EXISTS (SELECT 1 FROM face_scope s WHERE s.handle = e.handle \
         AND s.operator = $1 AND s.line IN ('', $2)) \
         AND EXISTS (SELECT 1 FROM face_template t WHERE t.handle = e.handle AND t.engine = $3)"
    };
}

impl Tx {
    /// Puts a face terminal where it stands, or moves it; what it confirmed stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_terminal_put(&mut self, row: &FaceTerminalRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO face_terminal (terminal, operator, line, engine) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (terminal) DO UPDATE SET \
             operator = excluded.operator, line = excluded.line, engine = excluded.engine",
        )
        .bind(&row.terminal)
        .bind(row.operator)
        .bind(&row.line)
        .bind(&row.engine)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The face terminal of that number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_terminal(
        &mut self,
        terminal: &str,
    ) -> Result<Option<FaceTerminalRow>, StoreError> {
        let row = sqlx::query(
            "SELECT terminal, operator, line, engine, valid_until, held, riders, confirmed_at \
             FROM face_terminal WHERE terminal = $1",
        )
        .bind(terminal)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(face_terminal).transpose()
    }

    /// All face terminals in the order of their numbers, each with how many faces it was told to
    /// forget and has not confirmed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_terminals(&mut self) -> Result<Vec<(FaceTerminalRow, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT terminal, operator, line, engine, valid_until, held, riders, confirmed_at, \
             (SELECT COUNT(*) FROM face_given g WHERE g.terminal = face_terminal.terminal \
             AND g.ended > face_terminal.held) AS waiting \
             FROM face_terminal ORDER BY terminal",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        let with_waiting = |row: &AnyRow| Ok((face_terminal(row)?, row.try_get("waiting")?));
        rows.iter().map(with_waiting).collect()
    }

    /// Notes until when a terminal may hold what it is given now; it never becomes earlier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_terminal_valid(
        &mut self,
        terminal: &str,
        valid_until: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE face_terminal SET valid_until = $1 WHERE terminal = $2 AND valid_until < $1",
        )
        .bind(valid_until)
        .bind(terminal)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Keeps what a terminal confirmed, unless it confirmed later already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_terminal_confirm(
        &mut self,
        terminal: &str,
        held: i64,
        riders: i64,
        at: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE face_terminal SET held = $1, riders = $2, confirmed_at = $3 \
             WHERE terminal = $4 AND (confirmed_at IS NULL OR confirmed_at <= $3)",
        )
        .bind(held)
        .bind(riders)
        .bind(at)
        .bind(terminal)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The version of all galleries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_version(&mut self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT version FROM face_version")
            .fetch_one(&mut *self.inner)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Takes the next version; nobody else gets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_version_next(&mut self) -> Result<i64, StoreError> {
        sqlx::query("UPDATE face_version SET version = version + 1")
            .execute(&mut *self.inner)
            .await?;
        self.face_version().await
    }

    /// Riders whom a terminal may recognise and was not given yet, or not with so late an end:
    /// so many of them at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_to_give(
        &mut self,
        at: &FaceTerminalRow,
        now: i64,
        later_s: i64,
        limit: i64,
    ) -> Result<Vec<FaceGivenRow>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT e.handle, e.until FROM face_enrolment e LEFT JOIN face_given g \
             ON g.terminal = $5 AND g.handle = e.handle AND g.ended = 0 \
             WHERE (g.handle IS NULL OR e.until >= g.until + $6) AND ",
            visible!(),
            " ORDER BY e.handle LIMIT $7"
        ))
        .bind(at.operator)
        .bind(&at.line)
        .bind(&at.engine)
        .bind(now)
        .bind(&at.terminal)
        .bind(later_s)
        .bind(limit)
        .fetch_all(&mut *self.inner)
        .await?;
        let given = |row: &AnyRow| {
            Ok(FaceGivenRow {
                handle: row.try_get(0)?,
                until: row.try_get(1)?,
            })
        };
        rows.iter().map(given).collect()
    }

    /// Riders whom a terminal was given and may recognise no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_to_end(
        &mut self,
        at: &FaceTerminalRow,
        now: i64,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT g.handle FROM face_given g WHERE g.terminal = $5 AND g.ended = 0 \
             AND NOT EXISTS (SELECT 1 FROM face_enrolment e WHERE e.handle = g.handle AND ",
            visible!(),
            ") ORDER BY g.handle"
        ))
        .bind(at.operator)
        .bind(&at.line)
        .bind(&at.engine)
        .bind(now)
        .bind(&at.terminal)
        .fetch_all(&mut *self.inner)
        .await?;
        let handles = rows.iter().map(|row| row.try_get(0));
        Ok(handles.collect::<Result<_, _>>()?)
    }

    /// Notes whose faces a terminal is given with this version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_give(
        &mut self,
        terminal: &str,
        rows: &[FaceGivenRow],
        version: i64,
    ) -> Result<(), StoreError> {
        GIVEN_INSERT
            .execute(self, rows, |query, row| {
                query
                    .bind(terminal.to_owned())
                    .bind(&row.handle)
                    .bind(row.until)
                    .bind(version)
            })
            .await?;
        Ok(())
    }

    /// Notes whose faces a terminal is to forget with this version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_give_end(
        &mut self,
        terminal: &str,
        handles: &[String],
        version: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        GIVEN_END
            .execute(self, handles, |query, handle| {
                query
                    .bind(terminal.to_owned())
                    .bind(handle)
                    .bind(version)
                    .bind(now)
            })
            .await?;
        Ok(())
    }

    /// The version that the so-many-th rider behind a version was given with: an update that goes
    /// on from there and is to be no larger leads to it. None when there are fewer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_slice(
        &mut self,
        terminal: &str,
        after: i64,
        riders: i64,
    ) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(
            "SELECT began FROM face_given WHERE terminal = $1 AND began > $2 AND ended = 0 \
             ORDER BY began LIMIT 1 OFFSET $3",
        )
        .bind(terminal)
        .bind(after)
        .bind(riders)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Riders that a terminal was given behind a version, up to another, and still may have.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_given(
        &mut self,
        terminal: &str,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<FaceVisibleRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.handle, e.account, e.terms, g.until FROM face_given g \
             JOIN face_enrolment e ON e.handle = g.handle \
             WHERE g.terminal = $1 AND g.began > $2 AND g.began <= $3 AND g.ended = 0 \
             ORDER BY g.handle",
        )
        .bind(terminal)
        .bind(after)
        .bind(up_to)
        .fetch_all(&mut *self.inner)
        .await?;
        let accounts = self.sealing.open_numbers(&rows, "account")?;
        let visible = |(row, account): (&AnyRow, _)| {
            Ok(FaceVisibleRow {
                handle: row.try_get(0)?,
                account,
                terms: row.try_get(2)?,
                until: row.try_get(3)?,
            })
        };
        rows.iter().zip(accounts).map(visible).collect()
    }

    /// Handles that a terminal is to forget, ordered behind a version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_forgotten(
        &mut self,
        terminal: &str,
        after: i64,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT handle FROM face_given WHERE terminal = $1 AND ended > $2 ORDER BY handle",
        )
        .bind(terminal)
        .bind(after)
        .fetch_all(&mut *self.inner)
        .await?;
        let handles = rows.iter().map(|row| row.try_get(0));
        Ok(handles.collect::<Result<_, _>>()?)
    }

    /// Every terminal that was given a rider's face, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn face_places(&mut self, handle: &str) -> Result<Vec<FacePlaceRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT g.terminal, g.began, g.ended, g.ended_at, t.valid_until, t.held \
             FROM face_given g JOIN face_terminal t ON t.terminal = g.terminal \
             WHERE g.handle = $1 ORDER BY g.terminal",
        )
        .bind(handle)
        .fetch_all(&mut *self.inner)
        .await?;
        let place = |row: &AnyRow| {
            Ok(FacePlaceRow {
                terminal: row.try_get(0)?,
                began: row.try_get(1)?,
                ended: row.try_get(2)?,
                ended_at: row.try_get(3)?,
                valid_until: row.try_get(4)?,
                held: row.try_get(5)?,
            })
        };
        rows.iter().map(place).collect()
    }
}

fn face_terminal(row: &AnyRow) -> Result<FaceTerminalRow, StoreError> {
    Ok(FaceTerminalRow {
        terminal: row.try_get("terminal")?,
        operator: row.try_get("operator")?,
        line: row.try_get("line")?,
        engine: row.try_get("engine")?,
        valid_until: row.try_get("valid_until")?,
        held: row.try_get("held")?,
        riders: row.try_get("riders")?,
        confirmed_at: row.try_get("confirmed_at")?,
    })
}

//! Notes of what was done with keys, on their way into the store and from there into the book.

use std::collections::BTreeSet;

use tongtu_keyring::code::{Ground, Purpose, Usage};
use tongtu_keyring::{KeyNumber, RefusedUse, Slot, Use, What};
use tongtu_sql::{AlarmRow, KeyNoteRow};
use tongtu_types::{BusinessDay, CityCode, Timestamp};

use super::{KeyReport, ground_text};
use crate::{Node, ServiceError};

/// What was done with a key, or was asked for and refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNote {
    /// The key; none where the book has no such key.
    pub key: Option<KeyNumber>,
    /// What was asked for.
    pub asked: Use,
    /// When first this day.
    pub at: Timestamp,
    /// What became of it.
    pub kind: KeyNoteKind,
}

/// What became of a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNoteKind {
    /// It was permitted and done: the first of its day.
    Used,
    /// It was refused; of a key that the book does not have no ground is known but that.
    Refused(Ground),
}

impl KeyNote {
    /// What the book takes in: a use, or a refused use that the authority looks at; nothing of a
    /// key that it does not have.
    #[must_use]
    pub const fn report(&self) -> Option<What> {
        match (self.kind, self.key) {
            (_, None) => None,
            (KeyNoteKind::Used, Some(_)) => Some(What::Used),
            (KeyNoteKind::Refused(ground), Some(_)) => Some(What::Misused {
                asked: self.asked,
                ground,
            }),
        }
    }

    pub(super) fn row(&self) -> KeyNoteRow {
        KeyNoteRow {
            key: self.key.map_or(0, |key| i64::from(key.get())),
            city: self.asked.city.to_string(),
            purpose: self.asked.purpose.byte().into(),
            usage: self.asked.usage.byte().into(),
            ground: match self.kind {
                KeyNoteKind::Used => 0,
                KeyNoteKind::Refused(ground) => ground.byte().into(),
            },
            day: self.day().days(),
            noted_at: self.at.get(),
        }
    }

    pub(super) fn of_row(row: &KeyNoteRow) -> Option<Self> {
        let byte = |number: i64| u8::try_from(number).ok();
        let kind = match byte(row.ground)? {
            0 => KeyNoteKind::Used,
            ground => KeyNoteKind::Refused(Ground::of(ground)?),
        };
        Some(Self {
            key: KeyNumber::new(u32::try_from(row.key).ok()?),
            asked: Use {
                city: CityCode::parse(&row.city).ok()?,
                purpose: Purpose::of(byte(row.purpose)?)?,
                usage: Usage::of(byte(row.usage)?)?,
            },
            at: Timestamp::new(row.noted_at),
            kind,
        })
    }

    /// China time, as the book has it.
    pub(super) fn day(&self) -> BusinessDay {
        self.at.china().day
    }

    fn alarm(&self) -> Option<AlarmRow> {
        let KeyNoteKind::Refused(ground) = self.kind else {
            return None;
        };
        let key = self
            .key
            .map_or_else(|| "-".to_owned(), |key| key.to_string());
        let Use {
            city,
            purpose,
            usage,
        } = self.asked;
        let ground = ground_text(self.key.map(|_| ground));
        Some(AlarmRow {
            code: "keys.refused".to_owned(),
            subject: format!("{key}/{city}/{purpose}/{}", self.day()),
            message: format!("key {key} to {usage} for {purpose} of city {city}: {ground}"),
            raised_at: self.at.get(),
        })
    }
}

/// What was noted and is not in the store yet, and what need not be noted again.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: Vec<KeyNote>,
    known: BTreeSet<Known>,
}

/// A day, a key and what was asked of it; a ground where it was refused.
type Known = (
    BusinessDay,
    Option<KeyNumber>,
    (CityCode, Purpose, Usage),
    Option<Ground>,
);

/// So many are remembered; whatever is noted again after that, the store keeps once.
const KNOWN_MAX: usize = 4096;

impl Notes {
    pub(super) fn used(&mut self, key: KeyNumber, slot: Slot, at: Timestamp) {
        self.note(KeyNote {
            key: Some(key),
            asked: Use {
                city: slot.city,
                purpose: slot.purpose,
                // A use is a use: the book does not tell them apart.
                usage: Usage::Make,
            },
            at,
            kind: KeyNoteKind::Used,
        });
    }

    pub(super) fn refused(&mut self, refused: RefusedUse) {
        self.note(KeyNote {
            key: Some(refused.key),
            asked: refused.asked,
            at: refused.at,
            kind: KeyNoteKind::Refused(refused.ground),
        });
    }

    pub(super) fn unknown(&mut self, asked: Use, at: Timestamp) {
        self.note(KeyNote {
            key: None,
            asked,
            at,
            kind: KeyNoteKind::Refused(Ground::Unknown),
        });
    }

    /// The store keeps one of a day; what is known here need not be brought there again.
    fn note(&mut self, note: KeyNote) {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let ground = match note.kind {
            KeyNoteKind::Used => None,
            KeyNoteKind::Refused(ground) => Some(ground),
        };
        let asked = note.asked;
        let asked = (asked.city, asked.purpose, asked.usage);
        if self.known.insert((note.day(), note.key, asked, ground)) {
            self.waiting.push(note);
        }
    }

    pub(super) fn take(&mut self) -> Vec<KeyNote> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn put_back(&mut self, notes: Vec<KeyNote>) {
        self.waiting.extend(notes);
    }
}

impl Node {
    /// Every note of the node's keys, oldest first: what the key centre is told.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_notes(&self) -> Result<Vec<KeyNote>, ServiceError> {
        let rows = self.store().read().await?.key_notes().await?;
        let notes = rows.iter().map(KeyNote::of_row);
        let notes: Option<Vec<_>> = notes.collect();
        notes.ok_or(ServiceError::Stored { what: "key note" })
    }

    /// Keeps what was noted while something was done, and closes the keys of runs, whatever became
    /// of that.
    pub(crate) async fn noting<T>(&self, done: Result<T, ServiceError>) -> Result<T, ServiceError> {
        let closed = self.key_runs_close().await;
        let kept = self.key_notes_keep().await.and(closed);
        let done = done?;
        kept?;
        Ok(done)
    }

    async fn key_notes_keep(&self) -> Result<(), ServiceError> {
        let notes = self.config().keys.notes_take();
        if notes.is_empty() {
            return Ok(());
        }
        let kept = self.key_notes_write(&notes).await;
        if kept.is_err() {
            self.config().keys.notes_return(notes);
        }
        kept
    }

    async fn key_notes_write(&self, notes: &[KeyNote]) -> Result<(), ServiceError> {
        let mut tx = self.store().write().await?;
        for note in notes {
            tx.key_note_insert(&note.row()).await?;
            // Its way to the key centre begins here.
            tx.key_report_insert(&KeyReport::of(self.code(), *note).row(note.at))
                .await?;
            if let Some(alarm) = note.alarm() {
                tx.alarm_insert(&alarm).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

//! Notes of keys on their way to the key centre: each node brings its own and those of the nodes
//! below it to the node above, and each is taken once.
//!
//! ```text
//! city: note ──▶ waits ──▶ province: taken once, waits ──▶ nation: taken once ──▶ key room: filed once
//! ```
//! A note waits until the node above has said that it has it. Whatever is cut off between the two
//! is brought once more, and the store of the node above has it once.

use tongtu_crypto::sm3;
use tongtu_keyring::code::{Purpose, Usage};
use tongtu_keyring::{KeyNumber, Use};
use tongtu_sql::{AlarmRow, KeyReportRow};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use super::noting::{KeyNote, KeyNoteKind};
use crate::{Node, ServiceError, stored};

/// How many notes are brought at a time.
const AT_A_TIME: i64 = 500;

/// A note of a node, on its way to the key centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyReport {
    /// Whose node noted it.
    pub institution: InstitutionCode,
    /// What it noted.
    pub note: KeyNote,
}

/// What became of notes that were brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportsTaken {
    /// Taken now.
    pub new: u64,
    /// Taken before.
    pub already: u64,
}

impl KeyReport {
    /// A note of this institution's node.
    #[must_use]
    pub const fn of(institution: InstitutionCode, note: KeyNote) -> Self {
        Self { institution, note }
    }

    /// What tells it from every other one: whose, which key, what was asked, why it was refused,
    /// on which day. Two notes with the same are one.
    #[must_use]
    pub fn id(&self) -> sm3::Digest {
        let KeyNote {
            key, asked, kind, ..
        } = self.note;
        let ground = match kind {
            KeyNoteKind::Used => 0,
            KeyNoteKind::Refused(ground) => ground.byte(),
        };
        let text = format!(
            "Tongtu key note 1\n{} {} {} {} {} {ground} {}\n",
            self.institution,
            key.map_or(0, KeyNumber::get),
            asked.city,
            asked.purpose.byte(),
            asked.usage.byte(),
            self.note.day(),
        );
        sm3::digest(text.as_bytes())
    }

    /// As numbers, for whoever carries it.
    #[must_use]
    pub fn numbers(&self) -> (u32, u8, u8, u8) {
        let ground = match self.note.kind {
            KeyNoteKind::Used => 0,
            KeyNoteKind::Refused(ground) => ground.byte(),
        };
        (
            self.note.key.map_or(0, KeyNumber::get),
            self.note.asked.purpose.byte(),
            self.note.asked.usage.byte(),
            ground,
        )
    }

    /// The note with these numbers, if they mean anything.
    #[must_use]
    pub fn of_numbers(
        institution: InstitutionCode,
        city: CityCode,
        (key, purpose, usage, ground): (u32, u8, u8, u8),
        at: Timestamp,
    ) -> Option<Self> {
        let kind = match ground {
            0 => KeyNoteKind::Used,
            ground => KeyNoteKind::Refused(tongtu_keyring::code::Ground::of(ground)?),
        };
        let note = KeyNote {
            key: KeyNumber::new(key),
            asked: Use {
                city,
                purpose: Purpose::of(purpose)?,
                usage: Usage::of(usage)?,
            },
            at,
            kind,
        };
        Some(Self { institution, note })
    }

    pub(super) fn row(&self, taken_at: Timestamp) -> KeyReportRow {
        KeyReportRow {
            institution: self.institution.as_str().to_owned(),
            note: self.note.row(),
            taken_at: taken_at.get(),
        }
    }

    fn of_row(row: &KeyReportRow) -> Result<Self, ServiceError> {
        let note = KeyNote::of_row(&row.note);
        Ok(Self {
            institution: stored::institution(&row.institution)?,
            note: note.ok_or(ServiceError::Stored { what: "key report" })?,
        })
    }

    /// What the authority is told of a refused use at another node.
    fn alarm(&self, now: Timestamp) -> Option<AlarmRow> {
        let KeyNoteKind::Refused(ground) = self.note.kind else {
            return None;
        };
        let (institution, asked) = (self.institution, self.note.asked);
        let key = self
            .note
            .key
            .map_or_else(|| "-".to_owned(), |key| key.to_string());
        let day = self.note.day();
        Some(AlarmRow {
            code: "keys.reported".to_owned(),
            subject: format!("{institution}/{key}/{}/{}/{day}", asked.city, asked.purpose),
            message: format!(
                "{institution} was refused key {key} for {} of city {}: {ground}",
                asked.purpose, asked.city
            ),
            raised_at: now.get(),
        })
    }
}

impl Node {
    /// Puts notes from before notes travelled on their way; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_reports_gather(&self) -> Result<(), ServiceError> {
        let notes = self.key_notes().await?;
        let mut tx = self.store().write().await?;
        for note in notes {
            let row = KeyReport::of(self.code(), note).row(note.at);
            tx.key_report_insert(&row).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes that the node above does not have yet, the first ones first; not all at once.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_reports_waiting(&self) -> Result<Vec<KeyReport>, ServiceError> {
        let mut tx = self.store().read().await?;
        let rows = tx.key_reports_waiting(AT_A_TIME).await?;
        rows.iter().map(KeyReport::of_row).collect()
    }

    /// The node above has these.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_reports_sent(
        &self,
        reports: &[KeyReport],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let mut tx = self.store().write().await?;
        for report in reports {
            tx.key_report_sent(&report.row(now), now.get()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Takes notes that the node of `sender` brings: its own, and those of nodes below it. All of
    /// them or none; each once, however often it is brought.
    ///
    /// # Errors
    /// [`ServiceError::KeyReportOther`] for one that is neither.
    pub async fn key_reports_take(
        &self,
        sender: InstitutionCode,
        reports: &[KeyReport],
        now: Timestamp,
    ) -> Result<ReportsTaken, ServiceError> {
        for report in reports {
            if !self.is_at_or_below(report.institution, sender) {
                return Err(ServiceError::KeyReportOther {
                    sender,
                    institution: report.institution,
                });
            }
        }
        let mut taken = ReportsTaken::default();
        let mut tx = self.store().write().await?;
        for report in reports {
            if !tx.key_report_insert(&report.row(now)).await? {
                taken.already += 1;
                continue;
            }
            taken.new += 1;
            if let Some(alarm) = report.alarm(now) {
                tx.alarm_insert(&alarm).await?;
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    /// Every note of keys that this node has, its own and those that were brought to it.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_reports(&self) -> Result<Vec<KeyReport>, ServiceError> {
        let rows = self.store().read().await?.key_reports().await?;
        rows.iter().map(KeyReport::of_row).collect()
    }

    fn is_at_or_below(&self, institution: InstitutionCode, sender: InstitutionCode) -> bool {
        let topology = &self.config().topology;
        let mut at = Some(institution.home());
        // A country has three tiers; a circle would be the topology's own fault.
        for _ in 0..4 {
            match at {
                None => return false,
                Some(code) if code == sender.home() => return true,
                Some(code) => at = topology.body(code).and_then(|body| body.parent),
            }
        }
        false
    }
}

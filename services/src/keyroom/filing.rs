//! Notes of nodes come into the key book: each once, however often it is brought to the room.

use tongtu_audit::{Outcome, Word};
use tongtu_crypto::sm3;
use tongtu_keyring::{Deed, KeyNumber, Signers};
use tongtu_keyroom::Medium;
use tongtu_types::Timestamp;

use super::books::NOTE_FILED;
use super::error::RoomError;
use super::room::{KeyRoom, Parts, own_line};
use crate::KeyReport;
use crate::keys::KeyNoteKind;

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// An event of the key book.
    Event,
    /// A line of the audit chain only: the book has no such key, or has the same of that day, or
    /// would grant now what was refused then.
    Line,
    /// It was filed before, and nothing was done.
    Before,
}

/// SM3 over notes, each with its moment, in their order. A node says it beside them; whoever carries
/// them to the key room in a file learns from it whether they are still the same.
#[must_use]
pub fn notes_digest(reports: &[KeyReport]) -> sm3::Digest {
    let mut bytes = b"Tongtu key notes 1\n".to_vec();
    for report in reports {
        bytes.extend(report.id());
        bytes.extend(report.note.at.get().to_be_bytes());
    }
    sm3::digest(&bytes)
}

impl<M: Medium> KeyRoom<M> {
    /// Files a note of a node: a use, or a refused use for the authority to look at. A line of the
    /// audit chain says whose note it was and has its id, so that it is filed once.
    ///
    /// UNSPECIFIED: when a use that is reported later counts. The events of a book never go back in
    /// time, so it counts from its filing on.
    ///
    /// # Errors
    /// [`RoomError`] when it cannot be kept.
    pub fn file_note(&mut self, report: &KeyReport, now: Timestamp) -> Result<Filed, RoomError> {
        self.ready()?;
        let id = report.id();
        if self.books.filed.contains(&id) {
            return Ok(Filed::Before);
        }
        let note = &report.note;
        let keys = &self.books.keys;
        let event = match (note.kind, note.key, note.report()) {
            (KeyNoteKind::Used, Some(key), _) => keys.first_use_of_day(key, now),
            (KeyNoteKind::Refused(_), key, Some(what)) => {
                let signers = Signers::System;
                let at = now;
                let deed = Deed {
                    at,
                    key,
                    signers,
                    what,
                };
                keys.decide(deed).ok()
            }
            (_, _, _) => None,
        };
        let mut line = own_line(NOTE_FILED, note.key.map(KeyNumber::get));
        line.institution = report.institution;
        line.about = Some(id);
        if event.is_none() {
            line.outcome = Outcome::Refused(Word::parse("room.no_event").expect("a short word"));
        }
        let filed = event.as_ref().map_or(Filed::Line, |_| Filed::Event);
        let parts = Parts {
            keys: event.into_iter().collect(),
            lines: vec![line],
            ..Parts::default()
        };
        self.commit(parts, now)?;
        Ok(filed)
    }
}

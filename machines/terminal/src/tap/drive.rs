//! The shortest driver: card, module and store at hand, one after the other.

use alloc::vec::Vec;

use tongtu_psam::Psam;

use super::ask::{Answer, Ask, Lost};
use super::flow::{Circumstances, Tap};
use super::outcome::TapEnd;
use super::terminal::CardTerminal;
use crate::RecordStore;

/// A card in the field.
pub trait CardLink {
    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`Lost`] when the card left, or the answer was not whole.
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost>;
}

/// Runs one tap to its end.
pub fn drive(
    terminal: &mut CardTerminal,
    circumstances: Circumstances,
    card: &mut dyn CardLink,
    psam: &mut dyn Psam,
    store: &mut dyn RecordStore,
) -> TapEnd {
    let mut tap = Tap::begin(circumstances);
    let mut answer = Answer::Begin;
    loop {
        let (next, ask) = tap.handle(terminal, answer);
        tap = next;
        answer = match ask {
            Ask::Card(apdu) => Answer::Card(card.transmit(&apdu)),
            Ask::Psam(request) => Answer::Psam(psam.ask(&request)),
            Ask::KeepIntent { id, intent } => Answer::Kept(store.keep_intent(id, &intent)),
            Ask::DropIntent { id } => Answer::Kept(store.drop_intent(id)),
            Ask::Append { record, closes } => Answer::Appended(match closes {
                Some(intent) => store.append_closing(&record, intent),
                None => store.append(&record),
            }),
            Ask::Done(end) => return *end,
        };
    }
}

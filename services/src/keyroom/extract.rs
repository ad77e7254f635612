//! Both books as nodes are given them, signed where the nation's key for files is.

use tongtu_audit::{Entry as LineEntry, Outcome};
use tongtu_crypto::sm3;
use tongtu_hsm::{CustodySigner, Vault};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::{Event, Extract, Slot, Use, ca};
use tongtu_keyroom::{File, Medium, Part, RoomFault};
use tongtu_types::{InstitutionCode, Timestamp};

use super::audited::OnBehalf;
use super::carry::Way;
use super::error::RoomError;
use super::room::{KeyRoom, key_label, own_actor, own_line};

impl<M: Medium> KeyRoom<M> {
    /// Both books as they are now, signed with the nation's key for files that is in use.
    ///
    /// What is in the extract anybody may have; that it was made leaves a line with its digest.
    ///
    /// # Errors
    /// [`RoomError`] when the book has no such key in use, or the custody does not sign.
    pub fn extract(
        &mut self,
        custody: &mut dyn Vault,
        now: Timestamp,
    ) -> Result<Vec<u8>, RoomError> {
        self.ready()?;
        self.check_vault(&custody.state())?;
        let nation = InstitutionCode::national();
        let slot = Slot {
            city: nation.city(),
            purpose: Purpose::FileSignature,
            algorithm: KeyAlgorithm::Sm2,
        };
        let key = self.books.keys.current(slot, now);
        let key = key.ok_or(RoomError::NoKeyInUse { slot })?;
        let asked = Use {
            city: slot.city,
            purpose: slot.purpose,
            usage: Usage::Make,
        };
        let permit = self.books.keys.permit(key, asked, now)?;
        let mut events = Event::decode_all(&self.whole(Part::Key)?)?;
        // The books that are handed out know of their own signature.
        let used = self.books.keys.first_use_of_day(key, now);
        events.extend(used);
        let certificates = ca::Event::decode_all(&self.whole(Part::Authority)?)?;
        let who = OnBehalf {
            institution: nation,
            actor: own_actor(),
            permit: Some(permit.rests_on()),
        };
        let mut way = Way::of(who, custody, now);
        let label = key_label(key);
        let made = self.in_custody("book.extract", &[], &mut way, |custody, _| {
            let mut signer = CustodySigner::new(custody, label)?;
            Ok(Extract::sign(&events, &certificates, now, &mut signer)?)
        });
        way.parts.lines = way.uses;
        if let Ok(bytes) = &made {
            way.parts.keys.extend(used);
            way.parts.lines.push(LineEntry {
                permit: Some(permit.rests_on()),
                outcome: Outcome::Done,
                about: Some(sm3::digest(bytes)),
                ..own_line("book.extract", Some(key.get()))
            });
        }
        if !way.parts.lines.is_empty() {
            self.commit(way.parts, now)?;
        }
        made
    }

    /// Everything of one kind that the room's steps left, one behind the other.
    fn whole(&self, part: Part) -> Result<Vec<u8>, RoomError> {
        let file = File::Of(part);
        let io = |source| RoomFault::Io {
            doing: "read",
            file,
            source,
        };
        let len = self.store.medium().len(file).map_err(io)?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let found = self
            .store
            .medium()
            .read_at(file, 0, &mut bytes)
            .map_err(io)?;
        bytes.truncate(found);
        Ok(bytes)
    }
}

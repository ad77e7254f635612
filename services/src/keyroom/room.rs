//! A key room that is open: what it knows, and how a step becomes one.

use std::path::Path;

use tongtu_audit::{AuditLog, Entry as LineEntry, Outcome, Word};
use tongtu_crypto::sm3;
use tongtu_hsm::{Label, Mark, Vault, VaultState};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Role, Usage};
use tongtu_keyring::register::{self, Register};
use tongtu_keyring::{
    Deed, Event, KeyBook, KeyNumber, Officer, Permit, RefusedUse, Signers, Slot, Use, What, ca,
};
use tongtu_keyroom::{FolderMedium, Head, Intent, Medium, Part, RoomFault, RoomStore, Step};
use tongtu_types::{InstitutionCode, Timestamp};

use super::act::Book;
use super::approval::Approval;
use super::books::{Books, anchor_key_line, filed_by};
use super::cash::{CashBook, CashEvent};
use super::error::RoomError;
use super::vault;

/// The name of the custody's file in a room's folder.
pub const CUSTODY_FILE: &str = "keys";

/// A key room, whose files this process alone has.
///
/// Whatever is asked of it happens as a whole, with its audit lines, or not at all.
#[derive(Debug)]
pub struct KeyRoom<M> {
    pub(super) store: RoomStore<M>,
    pub(super) books: Books,
}

/// What a step adds.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) approval: Option<String>,
    pub(super) keys: Vec<Event>,
    pub(super) authority: Vec<ca::Event>,
    pub(super) officers: Vec<register::Event>,
    /// With who signed for it.
    pub(super) cash: Vec<(CashEvent, Signers)>,
    pub(super) anchor_keys: Vec<(u32, tongtu_crypto::PublicKey)>,
    pub(super) anchors: Vec<tongtu_audit::Anchor>,
    pub(super) lines: Vec<LineEntry>,
    pub(super) vault: Option<VaultState>,
}

impl KeyRoom<FolderMedium> {
    /// Opens the room in a folder; its custody's file must be the one that the last step left.
    ///
    /// # Errors
    /// [`RoomError`] naming what does not hold: a file and its record, a step, or the custody.
    pub fn open_folder(folder: &Path) -> Result<Self, RoomError> {
        let medium = take_folder(folder)?;
        let room = Self::open(medium)?;
        let (state, _) = VaultState::of(&folder.join(CUSTODY_FILE))?;
        room.check_vault(&state)?;
        Ok(room)
    }

    /// Makes a room in a folder that is there. The custody's file is made beside it.
    ///
    /// # Errors
    /// [`RoomError`] when there is one, or the system refuses.
    pub fn make_folder(folder: &Path, head: Head) -> Result<Self, RoomError> {
        Self::make(take_folder(folder)?, head)
    }
}

pub(super) fn take_folder(folder: &Path) -> Result<FolderMedium, RoomError> {
    FolderMedium::open(folder).map_err(|source| {
        if source.kind() == std::io::ErrorKind::WouldBlock {
            return RoomFault::InUse.into();
        }
        let file = tongtu_keyroom::File::Steps;
        let doing = "open the folder of";
        RoomFault::Io {
            doing,
            file,
            source,
        }
        .into()
    })
}

impl<M: Medium> KeyRoom<M> {
    /// Makes a room; its first step is its founding.
    ///
    /// # Errors
    /// [`RoomError`] when there is one, or the device refuses.
    pub fn make(medium: M, head: Head) -> Result<Self, RoomError> {
        Ok(Self {
            store: RoomStore::make(medium, head)?,
            books: Books::default(),
        })
    }

    /// Opens a room; every approval, event, line and anchor in it is checked again.
    ///
    /// # Errors
    /// [`RoomError::Open`] naming what does not hold.
    pub fn open(medium: M) -> Result<Self, RoomError> {
        let mut books = Books::default();
        let opened = RoomStore::open(medium, |head, step| books.take(head, step));
        let store = opened.map_err(RoomError::Open)?.store;
        Ok(Self { store, books })
    }

    /// Whether a custody's file is the one that the last step left.
    ///
    /// # Errors
    /// [`RoomError::RolledBack`] for an older file, and the like.
    pub fn check_vault(&self, state: &VaultState) -> Result<(), RoomError> {
        vault::check(&self.store, state)
    }

    /// Which room this is.
    #[must_use]
    pub const fn head(&self) -> &Head {
        self.store.head()
    }

    /// The key book.
    #[must_use]
    pub const fn keys(&self) -> &KeyBook {
        &self.books.keys
    }

    /// The certificate authority's book.
    #[must_use]
    pub const fn authority(&self) -> &ca::Authority {
        &self.books.authority
    }

    /// The officers' register.
    #[must_use]
    pub const fn officers(&self) -> &Register {
        &self.books.officers
    }

    /// The e-cash authority's book.
    #[must_use]
    pub const fn cash(&self) -> &CashBook {
        &self.books.cash
    }

    /// The end of the audit chain.
    #[must_use]
    pub const fn log(&self) -> &AuditLog {
        &self.books.log
    }

    /// The device.
    #[must_use]
    pub const fn medium(&self) -> &M {
        self.store.medium()
    }

    /// How many steps there are.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.store.steps()
    }

    /// The number of a book's last event: an approval holds for it.
    #[must_use]
    pub fn number(&self, book: Book) -> u64 {
        self.books.number(book)
    }

    /// What was being done in the custody when the last process ended.
    #[must_use]
    pub const fn unfinished(&self) -> Option<&Intent> {
        self.store.open_intent()
    }

    /// Asks for a permit; nothing is recorded.
    ///
    /// # Errors
    /// [`RefusedUse`] with the first ground that applies.
    pub fn permit(&self, key: KeyNumber, asked: Use, at: Timestamp) -> Result<Permit, RefusedUse> {
        self.books.keys.permit(key, asked, at)
    }

    /// Keeps that a use was refused, for the authority to look at.
    ///
    /// # Errors
    /// [`RoomError`] when the use would be granted, or cannot be kept.
    pub fn report(&mut self, refused: &RefusedUse, now: Timestamp) -> Result<(), RoomError> {
        self.ready()?;
        let event = self.books.keys.decide(Deed {
            at: now,
            key: Some(refused.key),
            signers: Signers::System,
            what: refused.report(),
        })?;
        let mut line = own_line("use.refused", Some(refused.key.get()));
        line.outcome = Outcome::Refused(Word::parse("room.use").expect("a short word"));
        let parts = Parts {
            keys: vec![event],
            lines: vec![line],
            ..Parts::default()
        };
        self.commit(parts, now)
    }

    /// Keeps that a key was used, once a day; says whether that was news.
    ///
    /// # Errors
    /// [`RoomError`] when it cannot be kept.
    pub fn note_use(&mut self, key: KeyNumber, now: Timestamp) -> Result<bool, RoomError> {
        self.ready()?;
        let Some(event) = self.books.keys.first_use_of_day(key, now) else {
            return Ok(false);
        };
        let parts = Parts {
            keys: vec![event],
            lines: vec![own_line("key.used", Some(key.get()))],
            ..Parts::default()
        };
        self.commit(parts, now)?;
        Ok(true)
    }

    /// Does what both books do themselves at `now`: ends, announcements, marks. Says how many
    /// events came of it.
    ///
    /// # Errors
    /// [`RoomError`] when it cannot be kept.
    pub fn settle(&mut self, now: Timestamp) -> Result<usize, RoomError> {
        self.ready()?;
        let keys = self.books.keys.settle(now);
        let authority = self.books.authority.settle(now);
        let count = keys.len() + authority.len();
        if count == 0 {
            return Ok(0);
        }
        let of_key = keys.iter().map(|event| {
            let deed = match event.what {
                What::Noticed { .. } => "key.noticed",
                What::FlaggedUnused => "key.unused",
                _ => "key.retired",
            };
            let mut line = own_line(deed, event.key.map(KeyNumber::get));
            line.about = event.encode().ok().map(|bytes| sm3::digest(&bytes));
            line
        });
        let of_certificate = authority.iter().map(|event| {
            let mut line = own_line("cert.settled", None);
            line.about = event.encode().ok().map(|bytes| sm3::digest(&bytes));
            line
        });
        let lines = of_key.chain(of_certificate).collect();
        let parts = Parts {
            keys,
            authority,
            lines,
            ..Parts::default()
        };
        self.commit(parts, now)?;
        Ok(count)
    }

    /// Keeps that somebody gave a wrong passphrase for an officer's key; after too many in a row
    /// none is looked at for a while ([`Register::admit_passphrase`]).
    ///
    /// # Errors
    /// [`RoomError`] when no such officer is in the register, a wait is not over, or it cannot be
    /// kept.
    pub fn report_passphrase(
        &mut self,
        officer: &Officer,
        now: Timestamp,
    ) -> Result<(), RoomError> {
        self.ready()?;
        let member = self.books.officers.credential(officer, now)?;
        let (entry, signers) = (member.entry(), Signers::System);
        let what = register::What::Failed;
        let event = self.books.officers.decide(entry, now, signers, what)?;
        let outcome = Outcome::Refused(Word::parse("room.passphrase").expect("a short word"));
        let line = LineEntry {
            institution: officer.institution,
            actor: actor_of(officer),
            outcome,
            ..own_line("officer.unseal", None)
        };
        let parts = Parts {
            officers: vec![event],
            lines: vec![line],
            ..Parts::default()
        };
        self.commit(parts, now)
    }

    /// Anchors every day that is over and has lines without an anchor, with the nation's key for
    /// anchors if the book has one in use, else with the one made at the founding.
    ///
    /// # Errors
    /// [`RoomError`] when the custody does not sign, or it cannot be kept.
    pub fn anchor(
        &mut self,
        custody: &mut dyn Vault,
        now: Timestamp,
    ) -> Result<Vec<tongtu_audit::Anchor>, RoomError> {
        self.ready()?;
        self.check_vault(&custody.state())?;
        if self.books.log.anchor_due(now).is_none() {
            return Ok(Vec::new());
        }
        let nation = InstitutionCode::national();
        let slot = Slot {
            city: nation.city(),
            purpose: Purpose::AuditAnchor,
            algorithm: KeyAlgorithm::Sm2,
        };
        let key = self.books.keys.current(slot, now);
        let label = key.map_or_else(anchor_label, key_label);
        let number = key.map_or(0, KeyNumber::get);
        let mut parts = Parts::default();
        let mut permit = None;
        if let Some(key) = key {
            let asked = Use {
                city: slot.city,
                purpose: slot.purpose,
                usage: Usage::Make,
            };
            permit = Some(self.books.keys.permit(key, asked, now)?.rests_on());
            parts
                .keys
                .extend(self.books.keys.first_use_of_day(key, now));
        }
        self.store.intend(Intent {
            deed: String::from("audit.anchor"),
            labels: Vec::new(),
        })?;
        let who = super::audited::OnBehalf {
            institution: nation,
            actor: own_actor(),
            permit,
        };
        let mut audited = super::audited::audited(custody, who);
        let mut log = self.books.log.clone();
        let mut made = || -> Result<_, RoomError> {
            let mut signer = tongtu_hsm::CustodySigner::new(&mut audited, label)?;
            let public = tongtu_crypto::Signer::public(&signer);
            let mut anchors = Vec::new();
            while let Some(day) = log.anchor_due(now) {
                anchors.push(log.anchor(day, now, (number, &mut signer))?);
            }
            Ok((public, anchors))
        };
        let result = made();
        parts.vault = Some(audited.state());
        parts.lines = audited.into_watcher().all();
        let (public, anchors) = match result {
            Ok(made) => made,
            Err(error) => {
                parts.keys.clear();
                parts.lines.push(failed_line("audit.anchor", &error));
                self.commit(parts, now)?;
                return Err(error);
            }
        };
        if !self.books.anchor_keys.contains_key(&number) {
            parts.anchor_keys.push((number, public));
        }
        parts.anchors.clone_from(&anchors);
        self.commit(parts, now)?;
        Ok(anchors)
    }

    /// Ends what was cut off: keys that no step knows are taken out of the custody again, and a
    /// line says that it did not come about.
    ///
    /// # Errors
    /// [`RoomError`] when nothing was cut off, or the custody's file is older than it was.
    pub fn mend(&mut self, custody: &mut dyn Vault, now: Timestamp) -> Result<(), RoomError> {
        let Some(intent) = self.store.open_intent().cloned() else {
            return Err(RoomError::NothingToMend);
        };
        self.check_vault(&custody.state())?;
        let who = super::audited::OnBehalf {
            institution: InstitutionCode::national(),
            actor: own_actor(),
            permit: None,
        };
        let (state, mut lines) = vault::mend((custody, who), &intent)?;
        let mut line = own_line("room.mend", None);
        line.deed = Word::parse(&intent.deed).unwrap_or(line.deed);
        line.outcome = Outcome::Failed(Word::parse("room.cut_off").expect("a short word"));
        lines.push(line);
        let parts = Parts {
            lines,
            vault: Some(state),
            ..Parts::default()
        };
        self.commit(parts, now)
    }

    /// That nothing was cut off.
    pub(super) fn ready(&self) -> Result<(), RoomError> {
        vault::ready(&self.store)
    }

    /// Keeps a step, and only then knows it.
    pub(super) fn commit(&mut self, parts: Parts, now: Timestamp) -> Result<(), RoomError> {
        let mut step = Step {
            vault: parts.vault,
            entries: Vec::new(),
        };
        let mut log = self.books.log.clone();
        if let Some(approval) = parts.approval {
            step.push(Part::Approval, approval.into_bytes());
        }
        for event in &parts.keys {
            step.push(Part::Key, event.encode()?);
        }
        for event in &parts.authority {
            step.push(Part::Authority, event.encode()?);
        }
        for event in &parts.officers {
            step.push(Part::Officer, event.encode()?);
        }
        for (event, _) in &parts.cash {
            step.push(Part::Cash, event.encode());
        }
        for (number, key) in &parts.anchor_keys {
            step.push(Part::AnchorKey, anchor_key_line(*number, key));
        }
        let mut anchor_keys = self.books.anchor_keys.clone();
        anchor_keys.extend(parts.anchor_keys);
        for anchor in &parts.anchors {
            let bytes = anchor.encode().map_err(tongtu_audit::LogRefusal::from)?;
            // Made from a copy of this log, and verified like anybody else's.
            log.follow_anchor(&bytes, &anchor_keys)
                .map_err(|_| tongtu_audit::LogRefusal::Signer(tongtu_crypto::SignerFault::Wrong))?;
            step.push(Part::Anchor, bytes);
        }
        for line in &parts.lines {
            let line = log.append(line, now)?;
            let bytes = line.encode().map_err(tongtu_audit::LogRefusal::from)?;
            step.push(Part::Line, bytes);
        }
        self.store.commit(&step)?;
        for event in &parts.keys {
            self.books.keys.apply(event);
        }
        for event in &parts.authority {
            self.books.authority.apply(event);
        }
        for event in &parts.officers {
            self.books.officers.apply(event);
        }
        for (event, signers) in &parts.cash {
            self.books.cash.apply(event, *signers);
        }
        let filed = parts.lines.iter().filter_map(filed_by);
        self.books.filed.extend(filed);
        (self.books.log, self.books.anchor_keys) = (log, anchor_keys);
        Ok(())
    }

    /// A new, unsigned approval of an act by the room's state now.
    #[must_use]
    pub fn propose(&self, act: super::Act, until: Timestamp) -> Approval {
        Approval::new(self.head().room, self.number(act.book()), until, act)
    }

    /// Whether the room is for tests or for production.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.store.head().mark
    }
}

/// The label of a key of the book in the custody.
#[must_use]
pub fn key_label(key: KeyNumber) -> Label {
    Label::parse(&format!("KEY-{key}")).expect("at most 14 capitals, digits and hyphens")
}

/// The label of a root's key in the custody.
#[must_use]
pub fn root_label(ca_index: u8) -> Label {
    Label::parse(&format!("ROOT-{ca_index:02X}")).expect("7 capitals, digits and hyphens")
}

/// The label of the anchors' key that is in no book.
pub(super) fn anchor_label() -> Label {
    Label::parse("ANCHOR-0").expect("8 capitals, digits and hyphens")
}

/// The room itself, as an actor.
pub(super) fn own_actor() -> Word<12> {
    Word::parse("keyroom").expect("a short word")
}

pub(super) fn actor_of(officer: &Officer) -> Word<12> {
    Word::parse(officer.number.as_str()).expect("an officer's number has 8 visible characters")
}

/// A line about what nobody but the room did.
pub(super) fn own_line(deed: &str, key: Option<u32>) -> LineEntry {
    LineEntry {
        institution: InstitutionCode::national(),
        actor: own_actor(),
        deed: Word::parse(deed).expect("deeds here are short words"),
        key,
        permit: None,
        outcome: Outcome::Done,
        about: None,
    }
}

pub(super) fn failed_line(deed: &str, error: &RoomError) -> LineEntry {
    let mut line = own_line(deed, None);
    let reason = error.word().or_else(|| Word::parse(error.code()).ok());
    line.outcome = Outcome::Failed(reason.expect("codes are short words"));
    line
}

/// Whether this role is the nation's custodian.
pub(super) fn is_custodian(officer: &Officer) -> bool {
    officer.role == Role::NationCustodian && officer.institution == InstitutionCode::national()
}

/// Whether two different custodians of the nation's sign.
pub(super) fn are_two_custodians(signers: &Signers) -> bool {
    match signers {
        Signers::Two(first, second) => {
            is_custodian(first) && is_custodian(second) && !first.is_same_person(second)
        }
        Signers::System | Signers::One(_) => false,
    }
}

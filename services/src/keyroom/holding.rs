//! A holder's custody (持有机构密钥库): where an institution takes in the keys that the nation made
//! for it, by two of its own custodians.
//!
//! ```text
//! nation's key room ── extract, container or letters ──▶ Holding ── the custody's file ──▶ nodes
//!                                                        approvals, lines, anchors
//! ```
//!
//! What is here: acts that custodians sign ([`HoldingAct`], [`HoldingApproval`]) and the custody that
//! carries them out ([`Holding`]), in the same files as a key room has. What is not here: the book of
//! keys, which is the nation's and comes as its extract; that a key is in use is recorded there.
//!
//! Invariants: nothing changes without two custodians of the holder, whose signatures are checked
//! again whenever it is opened; a key is taken in only if the book has it for this holder, with the
//! check value that it has here; an approval is good once; what was cut off is as before or as after.
//!
//! Start with [`Holding::carry_out`]. UNSPECIFIED: no text that we could read says how a holder keeps
//! its keys; form and files are ours.

mod act;
mod error;
mod state;

use std::path::Path;

use tongtu_audit::{Anchor, AuditLog, Entry as LineEntry, LogRefusal, Outcome, Word};
use tongtu_crypto::{PublicKey, Signer as _, SignerFault};
use tongtu_hsm::{
    Custody as _, CustodySigner, Export, KeyInfo, KeyName, Label, Mark, Operation, Vault,
    VaultState,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::{Check, Extract, KeyBook, KeyLife, KeyNumber, Officer, Slot, Use};
use tongtu_keyroom::{FolderMedium, Head, Medium, Part, RoomStore, Step};
use tongtu_types::{InstitutionCode, Timestamp};

use self::state::State;
use super::audited::OnBehalf;
use super::books::anchor_key_line;
use super::carry::Hands;
use super::error::RoomError;
use super::making::check_label;
use super::room::{CUSTODY_FILE, actor_of, anchor_label, key_label, take_folder};
use super::vault::{self, Watched};
use crate::{BookAge, BookStanding};

pub use self::act::{Custodian, HoldingAct, HoldingApproval};
pub use self::error::{HoldingError, HoldingFault, HoldingRefusal};

/// A holder's custody, whose files this process alone has.
#[derive(Debug)]
pub struct Holding<M> {
    store: RoomStore<M>,
    state: State,
}

/// What custodians bring beside their approval: what a key comes in, and the book that it is in.
#[derive(Debug, Default)]
pub struct Orders<'a> {
    /// The custody, components, container.
    pub hands: Hands<'a>,
    /// The newest extract of the key book, as the key centre signed it.
    pub extract: Option<&'a [u8]>,
}

/// What a step adds.
#[derive(Default)]
struct Parts {
    approval: Option<String>,
    anchor_key: Option<PublicKey>,
    anchors: Vec<Anchor>,
    lines: Vec<LineEntry>,
    vault: Option<VaultState>,
}

impl Holding<FolderMedium> {
    /// Opens the one in a folder; its custody's file must be the one that the last step left.
    ///
    /// # Errors
    /// [`HoldingError`] naming what does not hold: a file and its record, a step, or the custody.
    pub fn open_folder(folder: &Path) -> Result<Self, HoldingError> {
        let holding = Self::open(take_folder(folder)?)?;
        let (state, _) = VaultState::of(&folder.join(CUSTODY_FILE))?;
        holding.check_vault(&state)?;
        Ok(holding)
    }

    /// Makes one in a folder that is there. The custody's file is made beside it.
    ///
    /// # Errors
    /// [`HoldingError`] when there is one, or the system refuses.
    pub fn make_folder(folder: &Path, head: Head) -> Result<Self, HoldingError> {
        Self::make(take_folder(folder)?, head)
    }
}

impl<M: Medium> Holding<M> {
    /// Makes one; its first step is its founding.
    ///
    /// # Errors
    /// [`HoldingError`] when there is one, or the device refuses.
    pub fn make(medium: M, head: Head) -> Result<Self, HoldingError> {
        Ok(Self {
            store: RoomStore::make(medium, head)?,
            state: State::default(),
        })
    }

    /// Opens one; every approval, line and anchor in it is checked again.
    ///
    /// # Errors
    /// [`HoldingError::Open`] naming what does not hold.
    pub fn open(medium: M) -> Result<Self, HoldingError> {
        let mut state = State::default();
        let opened = RoomStore::open(medium, |head, step| state.take(head, step));
        let store = opened?.store;
        Ok(Self { store, state })
    }

    /// Whether a custody's file is the one that the last step left.
    ///
    /// # Errors
    /// [`RoomError::RolledBack`] for an older file, and the like.
    pub fn check_vault(&self, state: &VaultState) -> Result<(), RoomError> {
        vault::check(&self.store, state)
    }

    /// Which one this is.
    #[must_use]
    pub const fn head(&self) -> &Head {
        self.store.head()
    }

    /// Whether it is for tests or for production.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.store.head().mark
    }

    /// Whose keys are in it; nothing before its founding.
    #[must_use]
    pub fn institution(&self) -> Option<InstitutionCode> {
        Some(self.state.founded?.institution)
    }

    /// The key that extracts are signed by.
    #[must_use]
    pub fn centre(&self) -> Option<PublicKey> {
        PublicKey::from_compressed(&self.state.founded?.centre).ok()
    }

    /// The extract that these bytes are, signed by the key centre of this custody.
    ///
    /// # Errors
    /// [`HoldingError`] when it is not.
    pub fn extract(&self, bytes: &[u8]) -> Result<Extract, HoldingError> {
        let centre = self.centre().ok_or(HoldingRefusal::Founding)?;
        Ok(Extract::open(bytes, &centre)?)
    }

    /// Its custodians.
    #[must_use]
    pub fn custodians(&self) -> &[Custodian] {
        &self.state.custodians
    }

    /// The keys in it by their numbers in the book.
    pub fn held(&self) -> impl Iterator<Item = (KeyNumber, Check)> {
        self.state.held.iter().map(|(key, check)| (*key, *check))
    }

    /// The end of its audit chain.
    #[must_use]
    pub const fn log(&self) -> &AuditLog {
        &self.state.log
    }

    /// The device.
    #[must_use]
    pub const fn medium(&self) -> &M {
        self.store.medium()
    }

    /// How many acts were carried out.
    #[must_use]
    pub const fn acts(&self) -> u64 {
        self.state.acts
    }

    /// What was being done when the last process ended.
    #[must_use]
    pub fn unfinished(&self) -> Option<&str> {
        self.store.open_intent().map(|intent| intent.deed.as_str())
    }

    /// A new, unsigned approval of an act as things are now.
    #[must_use]
    pub fn propose(&self, act: HoldingAct, until: Timestamp) -> HoldingApproval {
        HoldingApproval {
            custody: self.head().room,
            acts: self.state.acts,
            until,
            act,
            by: Vec::new(),
        }
    }

    /// Carries out an act that two custodians approved. A refusal changes nothing and leaves a line
    /// for each who signed.
    ///
    /// # Errors
    /// [`HoldingError`] with the first thing that does not hold.
    pub fn carry_out(
        &mut self,
        approval: &HoldingApproval,
        orders: Orders<'_>,
        now: Timestamp,
    ) -> Result<(), HoldingError> {
        vault::ready(&self.store)?;
        if let Some(custody) = &orders.hands.custody {
            self.check_vault(&custody.state())?;
        }
        let mut parts = Parts::default();
        let done = self
            .state
            .check(&self.head().room, approval, now)
            .map_err(HoldingError::from)
            .and_then(|()| self.prepare(approval, orders, now, &mut parts));
        let outcome = match &done {
            Ok(_) => Outcome::Done,
            Err(error) => {
                parts.anchor_key = None;
                let Some(word) = error.word().filter(|_| self.state.founded.is_some()) else {
                    return done.map(drop);
                };
                if error.is_refusal() {
                    Outcome::Refused(word)
                } else {
                    Outcome::Failed(word)
                }
            }
        };
        let permit = done.as_ref().ok().copied().flatten();
        let about = Some(tongtu_crypto::sm3::digest(approval.text().as_bytes()));
        // Whoever puts names into a file can put many there.
        for (officer, _) in approval.by.iter().take(2) {
            parts.lines.push(LineEntry {
                institution: officer.institution,
                actor: actor_of(officer),
                deed: word_of(approval.act.word()),
                key: approval.act.key().map(KeyNumber::get),
                permit,
                outcome,
                about,
            });
        }
        if parts.lines.is_empty() {
            return done.map(drop);
        }
        if done.is_ok() {
            parts.approval = Some(approval.text());
        }
        self.commit(parts, now)?;
        if done.is_ok() {
            self.state.apply(approval);
        }
        done.map(drop)
    }

    /// Does what is to be done in the custody; gives the event of the book that it rests on.
    fn prepare(
        &mut self,
        approval: &HoldingApproval,
        orders: Orders<'_>,
        now: Timestamp,
        parts: &mut Parts,
    ) -> Result<Option<u64>, HoldingError> {
        let Orders { hands, extract } = orders;
        let wanted = approval.act.book();
        let extract = extract.filter(|_| wanted.is_some());
        let extract = extract.map(|bytes| self.extract(bytes)).transpose()?;
        let book = match wanted {
            Some(expected) => Some(book_of(extract.as_ref(), expected, now)?),
            None => None,
        };
        let who = OnBehalf {
            institution: approval.by[0].0.institution,
            actor: actor_of(&approval.by[0].0),
            permit: None,
        };
        match &approval.act {
            HoldingAct::Found { .. } => {
                let name = self.anchor_name(who.institution);
                let label = name.label;
                let public =
                    self.within((hands.custody, who), "custody.found", &[label], parts, {
                        |custody| {
                            custody.generate(&name)?;
                            Ok(CustodySigner::new(custody, label)?.public())
                        }
                    })?;
                parts.anchor_key = Some(public);
                Ok(None)
            }
            HoldingAct::Component { key, check, .. } => {
                let life = self.expected(book, *key, *check)?;
                let name = self.name_of(life)?;
                let components = hands.components;
                self.within(
                    (hands.custody, who),
                    "key.component",
                    &[name.label],
                    parts,
                    |custody| Ok(custody.import(&name, components, *check)?),
                )?;
                Ok(None)
            }
            HoldingAct::TakeIn {
                key,
                transport,
                check,
                ..
            } => {
                let life = self.expected(book, *key, *check)?;
                let number = life.number();
                let (slot, version) = (life.request().slot, life.request().version);
                let index = life.request().index;
                let permit = self.permit(book, *transport, now)?;
                let who = OnBehalf {
                    permit: Some(permit),
                    ..who
                };
                let (label, mark) = (key_label(number), self.mark());
                let container = hands.container.ok_or(RoomError::Material {
                    expected: "in a container",
                })?;
                check_label(&container, label)?;
                let is_it = |info: &KeyInfo| {
                    let name = &info.name;
                    name.label == label
                        && (name.slot, name.version, name.index) == (slot, version, index)
                        && name.mark == mark
                        && info.check == *check
                };
                self.within((hands.custody, who), "key.take-in", &[label], parts, {
                    |custody| match custody.take_in(&container, key_label(*transport))? {
                        info if is_it(&info) => Ok(()),
                        _ => Err(RoomError::OtherKey { label }),
                    }
                })?;
                Ok(Some(permit))
            }
            HoldingAct::Destroy { key, .. } => {
                let life = life_in(book, *key)?;
                if !life.stage().is_final() {
                    return Err(HoldingRefusal::Stage {
                        key: *key,
                        found: life.stage(),
                        expected: "a key whose life is over",
                    }
                    .into());
                }
                let label = key_label(*key);
                self.within((hands.custody, who), "key.destroy", &[], parts, |custody| {
                    // Cut off in between, it is gone already.
                    if custody.check(label).is_ok() {
                        custody.destroy(label)?;
                    }
                    Ok(())
                })?;
                Ok(None)
            }
            HoldingAct::Enter(_)
            | HoldingAct::End(_)
            | HoldingAct::Unlock(_)
            | HoldingAct::Centre(_) => Ok(None),
        }
    }

    /// A key of this holder that was made and whose life is not over, with this check value.
    fn expected<'a>(
        &self,
        book: Option<&'a KeyBook>,
        key: KeyNumber,
        found: Check,
    ) -> Result<&'a KeyLife, HoldingRefusal> {
        let life = life_in(book, key)?;
        let holder = life.request().holder;
        if let Some(expected) = self.institution().filter(|own| *own != holder) {
            return Err(HoldingRefusal::Holder {
                key,
                found: holder,
                expected,
            });
        }
        let stage = life.stage();
        let custody = life.custody().filter(|_| !stage.is_final());
        let expected = custody.ok_or(HoldingRefusal::Stage {
            key,
            found: stage,
            expected: "a key that was made and whose life is not over",
        })?;
        let expected = expected.check;
        if found == expected {
            Ok(life)
        } else {
            Err(HoldingRefusal::Check {
                key,
                found,
                expected,
            })
        }
    }

    /// Asks the book for the use of a transport key; gives the event that the permit rests on.
    fn permit(
        &self,
        book: Option<&KeyBook>,
        transport: KeyNumber,
        now: Timestamp,
    ) -> Result<u64, HoldingError> {
        let life = life_in(book, transport)?;
        let asked = Use {
            city: life.request().slot.city,
            purpose: Purpose::PersoTransport,
            usage: Usage::Accept,
        };
        let book = book.ok_or(HoldingRefusal::NotInBook { key: transport })?;
        Ok(book.permit(transport, asked, now)?.rests_on())
    }

    /// What a key that comes in components is called here. Masters are left by what is below them
    /// alone; a key of a card is one of those.
    fn name_of(&self, life: &KeyLife) -> Result<KeyName, HoldingRefusal> {
        let request = life.request();
        let slot = request.slot;
        if !slot.algorithm.has_kcv() {
            let key = life.number();
            return Err(HoldingRefusal::Algorithm { key });
        }
        let derives =
            Operation::Derive.is_of(slot.purpose) && Operation::Derive.is_with(slot.algorithm);
        Ok(KeyName {
            label: key_label(life.number()),
            slot,
            bits: 128,
            index: request.index,
            version: request.version,
            mark: self.mark(),
            export: if derives {
                Export::Below
            } else {
                Export::Never
            },
        })
    }

    fn anchor_name(&self, institution: InstitutionCode) -> KeyName {
        KeyName {
            label: anchor_label(),
            slot: Slot {
                city: institution.city(),
                purpose: Purpose::AuditAnchor,
                algorithm: KeyAlgorithm::Sm2,
            },
            bits: 256,
            index: 1,
            version: 1,
            mark: self.mark(),
            export: Export::Never,
        }
    }

    fn within<T>(
        &mut self,
        (custody, who): (Option<&mut dyn Vault>, OnBehalf),
        deed: &str,
        labels: &[Label],
        parts: &mut Parts,
        act: impl FnOnce(&mut super::audited::Audited<'_, dyn Vault + '_>) -> Result<T, RoomError>,
    ) -> Result<T, RoomError> {
        let custody = custody.ok_or(RoomError::NoCustody)?;
        let done = vault::within(&mut self.store, (custody, who), (deed, labels), act)?;
        let Watched {
            result,
            vault,
            uses,
        } = done;
        parts.vault = Some(vault);
        parts.lines.extend(uses);
        result
    }

    /// Whether a passphrase for this custodian's key is looked at now; asked before it is.
    ///
    /// # Errors
    /// [`HoldingRefusal::Waits`] while there is a wait, as for officers of a key room.
    pub fn admit_passphrase(&self, officer: &Officer, at: Timestamp) -> Result<(), HoldingRefusal> {
        match self.state.wait(officer, at) {
            Some(until) => Err(HoldingRefusal::Waits {
                officer: *officer,
                until,
            }),
            None => Ok(()),
        }
    }

    /// Keeps that somebody gave a wrong passphrase for a custodian's key; after too many in a row
    /// none is looked at for a while ([`Self::admit_passphrase`]).
    ///
    /// # Errors
    /// [`HoldingError`] when a wait is not over, or it cannot be kept.
    pub fn report_passphrase(
        &mut self,
        officer: &Officer,
        now: Timestamp,
    ) -> Result<(), HoldingError> {
        vault::ready(&self.store)?;
        self.admit_passphrase(officer, now)?;
        let line = LineEntry {
            actor: actor_of(officer),
            outcome: Outcome::Refused(state::wrong_passphrase()),
            ..self.own_line(state::UNSEAL)
        };
        let parts = Parts {
            lines: vec![line],
            ..Parts::default()
        };
        self.commit(parts, now)?;
        self.state.fail(officer, now);
        Ok(())
    }

    /// Anchors every day that is over and has lines without an anchor.
    ///
    /// # Errors
    /// [`HoldingError`] when the custody does not sign, or it cannot be kept.
    pub fn anchor(
        &mut self,
        custody: &mut dyn Vault,
        now: Timestamp,
    ) -> Result<Vec<Anchor>, HoldingError> {
        vault::ready(&self.store)?;
        self.check_vault(&custody.state())?;
        if self.state.log.anchor_due(now).is_none() {
            return Ok(Vec::new());
        }
        let mut parts = Parts::default();
        let mut log = self.state.log.clone();
        let who = self.own();
        let made = self.within((Some(custody), who), "audit.anchor", &[], &mut parts, {
            |custody| {
                let mut signer = CustodySigner::new(custody, anchor_label())?;
                let mut anchors = Vec::new();
                while let Some(day) = log.anchor_due(now) {
                    anchors.push(log.anchor(day, now, (0, &mut signer))?);
                }
                Ok(anchors)
            }
        });
        if let Ok(anchors) = &made {
            parts.anchors.clone_from(anchors);
        }
        if parts.lines.is_empty() {
            return Ok(made?);
        }
        self.commit(parts, now)?;
        Ok(made?)
    }

    /// Ends what was cut off: a key that no step knows is taken out of the custody again, and a line
    /// says that it did not come about.
    ///
    /// # Errors
    /// [`HoldingError`] when nothing was cut off, or the custody's file is older than it was.
    pub fn mend(&mut self, custody: &mut dyn Vault, now: Timestamp) -> Result<(), HoldingError> {
        let Some(intent) = self.store.open_intent().cloned() else {
            return Err(RoomError::NothingToMend.into());
        };
        self.check_vault(&custody.state())?;
        let (state, mut lines) = vault::mend((custody, self.own()), &intent)?;
        let reason = Word::parse("room.cut_off").expect("a short word");
        lines.push(LineEntry {
            outcome: Outcome::Failed(reason),
            ..self.own_line(&intent.deed)
        });
        let parts = Parts {
            lines,
            vault: Some(state),
            ..Parts::default()
        };
        self.commit(parts, now)
    }

    fn own(&self) -> OnBehalf {
        OnBehalf {
            institution: self.institution().unwrap_or(InstitutionCode::national()),
            actor: Word::parse("custody").expect("a short word"),
            permit: None,
        }
    }

    fn own_line(&self, deed: &str) -> LineEntry {
        let OnBehalf {
            institution, actor, ..
        } = self.own();
        LineEntry {
            institution,
            actor,
            deed: word_of(deed),
            key: None,
            permit: None,
            outcome: Outcome::Done,
            about: None,
        }
    }

    /// Keeps a step, and only then knows it.
    fn commit(&mut self, parts: Parts, now: Timestamp) -> Result<(), HoldingError> {
        let mut step = Step {
            vault: parts.vault,
            entries: Vec::new(),
        };
        let mut log = self.state.log.clone();
        if let Some(approval) = parts.approval {
            step.push(Part::Approval, approval.into_bytes());
        }
        let mut anchor_keys = self.state.anchor_keys.clone();
        if let Some(key) = parts.anchor_key {
            step.push(Part::AnchorKey, anchor_key_line(0, &key));
            anchor_keys.insert(0, key);
        }
        for anchor in &parts.anchors {
            let bytes = anchor.encode().map_err(LogRefusal::from)?;
            // Made from a copy of this log, and verified like anybody else's.
            log.follow_anchor(&bytes, &anchor_keys)
                .map_err(|_| LogRefusal::Signer(SignerFault::Wrong))?;
            step.push(Part::Anchor, bytes);
        }
        for line in &parts.lines {
            let line = log.append(line, now)?;
            step.push(Part::Line, line.encode().map_err(LogRefusal::from)?);
        }
        self.store.commit(&step)?;
        (self.state.log, self.state.anchor_keys) = (log, anchor_keys);
        Ok(())
    }
}

fn word_of(deed: &str) -> Word<16> {
    Word::parse(deed).expect("deeds of a custody are words of 16 visible characters at most")
}

/// The book by which an act goes: the one that was signed for, and young enough.
fn book_of(
    extract: Option<&Extract>,
    expected: Timestamp,
    now: Timestamp,
) -> Result<&KeyBook, HoldingRefusal> {
    let extract = extract.filter(|extract| extract.made_at() == expected);
    let extract = extract.ok_or(HoldingRefusal::OtherBook { expected })?;
    let made_at = extract.made_at();
    if BookAge::USUAL.standing(made_at, now) == BookStanding::Over {
        return Err(HoldingRefusal::BookOver { made_at, now });
    }
    Ok(extract.book())
}

fn life_in(book: Option<&KeyBook>, key: KeyNumber) -> Result<&KeyLife, HoldingRefusal> {
    let life = book.and_then(|book| book.key(key));
    life.ok_or(HoldingRefusal::NotInBook { key })
}

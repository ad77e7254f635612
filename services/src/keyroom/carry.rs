//! Carrying out what officers approved: the book decides, the custody acts (`making`), lines say so.

use tongtu_audit::{Entry as LineEntry, Outcome};
use tongtu_crypto::sm3;
use tongtu_hsm::{Component, Vault};
use tongtu_keyring::register;
use tongtu_keyring::{Check, Deed, KeyNumber, Signers, What, ca};
use tongtu_keyroom::Medium;
use tongtu_types::Timestamp;

use super::act::Act;
use super::approval::Approval;
use super::audited::OnBehalf;
use super::error::RoomError;
use super::room::{KeyRoom, Parts, actor_of};

/// What officers bring beside their approval.
#[derive(Default)]
pub struct Hands<'a> {
    /// The custody, open; for acts that make, use or hand out a key.
    pub custody: Option<&'a mut dyn Vault>,
    /// The custodians' components of a key.
    pub components: Vec<Component>,
    /// The container in which a key comes, or what is to be signed.
    pub container: Option<Vec<u8>>,
}

impl std::fmt::Debug for Hands<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands")
            .field("custody", &self.custody.is_some())
            .field("components", &self.components.len())
            .field("container", &self.container.as_ref().map(Vec::len))
            .finish()
    }
}

/// What came of an act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The keys that it was about, those applied for too.
    pub keys: Vec<KeyNumber>,
    /// The certificate that it was about.
    pub certificate: Option<u32>,
    /// The officer's entry that it was about.
    pub entry: Option<u32>,
    /// The check value of what was made.
    pub check: Option<Check>,
    /// The container in which a key leaves, or what was signed with its signature.
    pub container: Option<Vec<u8>>,
}

/// An act on its way: what of it was in the custody stays known whatever comes of it.
pub(super) struct Way<'a> {
    pub(super) now: Timestamp,
    pub(super) signers: Signers,
    pub(super) who: OnBehalf,
    pub(super) uses: Vec<LineEntry>,
    pub(super) parts: Parts,
    pub(super) done: Done,
    pub(super) hands: Hands<'a>,
}

impl<'a> Way<'a> {
    /// One that no officer approved, for a service.
    pub(super) fn of(who: OnBehalf, custody: &'a mut dyn Vault, now: Timestamp) -> Self {
        Self {
            now,
            signers: Signers::System,
            who,
            uses: Vec::new(),
            parts: Parts::default(),
            done: Done::default(),
            hands: Hands {
                custody: Some(custody),
                ..Hands::default()
            },
        }
    }
}

impl<M: Medium> KeyRoom<M> {
    /// Carries out an act that officers approved.
    ///
    /// A refusal changes no book and leaves a line. A signature that does not verify counts against
    /// nobody: whoever writes a file can put one in an officer's name, and no number of them comes
    /// nearer to one that holds.
    ///
    /// # Errors
    /// [`RoomError`] with the first thing that does not hold.
    pub fn carry_out(
        &mut self,
        approval: &Approval,
        hands: Hands<'_>,
        now: Timestamp,
    ) -> Result<Done, RoomError> {
        self.ready()?;
        if let Some(custody) = &hands.custody {
            self.check_vault(&custody.state())?;
        }
        let room = self.head().room;
        let checked = self.books.check_approval(&room, approval, now);
        if let Err(refusal) = checked {
            return Err(self.refuse(approval, Parts::default(), refusal.into(), now));
        }
        let first = approval.by.first().expect("checked to be one at least").0;
        let mut way = Way {
            now,
            signers: approval.signers().unwrap_or(Signers::System),
            who: OnBehalf {
                institution: first.institution,
                actor: actor_of(&first),
                permit: None,
            },
            uses: Vec::new(),
            parts: Parts::default(),
            done: Done::default(),
            hands,
        };
        let result = self.prepare(&approval.act, &mut way);
        let Way {
            uses,
            mut parts,
            done,
            ..
        } = way;
        if let Err(error) = result {
            let parts = Parts {
                lines: uses,
                vault: parts.vault,
                ..Parts::default()
            };
            return Err(self.refuse(approval, parts, error, now));
        }
        self.clear_failures(approval, &mut parts, now)?;
        let about = self.about(approval, &parts)?;
        parts.lines = uses;
        for (officer, _) in &approval.by {
            parts.lines.push(LineEntry {
                institution: officer.institution,
                actor: actor_of(officer),
                deed: approval.act.deed(),
                key: (done.keys.first()).map(|key| key.get()),
                permit: Some(approval.after).filter(|after| *after > 0),
                outcome: Outcome::Done,
                about: Some(about),
            });
        }
        parts.approval = Some(approval.text());
        self.commit(parts, now)?;
        self.books.use_up(approval, now);
        Ok(done)
    }

    /// SM3 of the events that came of it, or of the approval where none did.
    fn about(&self, approval: &Approval, parts: &Parts) -> Result<sm3::Digest, RoomError> {
        let mut bytes = Vec::new();
        for event in &parts.keys {
            bytes.extend(event.encode()?);
        }
        for event in &parts.authority {
            bytes.extend(event.encode()?);
        }
        for event in &parts.officers {
            bytes.extend(event.encode()?);
        }
        for (event, _) in &parts.cash {
            bytes.extend(event.encode());
        }
        Ok(if bytes.is_empty() {
            approval.digest()
        } else {
            sm3::digest(&bytes)
        })
    }

    /// Keeps that it was refused or failed, and gives the error back.
    fn refuse(
        &mut self,
        approval: &Approval,
        mut parts: Parts,
        error: RoomError,
        now: Timestamp,
    ) -> RoomError {
        let Some(reason) = error.word() else {
            return error;
        };
        let outcome = if error.is_refusal() {
            Outcome::Refused(reason)
        } else {
            Outcome::Failed(reason)
        };
        for (officer, _) in approval.by.iter().take(4) {
            parts.lines.push(LineEntry {
                institution: officer.institution,
                actor: actor_of(officer),
                deed: approval.act.deed(),
                key: approval.act.key().map(KeyNumber::get),
                permit: None,
                outcome,
                about: Some(approval.digest()),
            });
        }
        if parts.lines.is_empty() {
            return error;
        }
        match self.commit(parts, now) {
            Ok(()) => error,
            Err(fault) => fault,
        }
    }

    /// What held clears what did not before.
    fn clear_failures(
        &self,
        approval: &Approval,
        parts: &mut Parts,
        now: Timestamp,
    ) -> Result<(), RoomError> {
        if parts.officers.is_empty() && self.books.officers.members().all(|m| m.failures() == 0) {
            return Ok(());
        }
        let mut officers = self.books.officers.clone();
        for event in &parts.officers {
            officers.apply(event);
        }
        for (officer, _) in &approval.by {
            let Some(member) = officers.find(officer).copied() else {
                continue;
            };
            if member.failures() > 0 && !member.is_ended() {
                let what = register::What::Cleared;
                let event = officers.decide(member.entry(), now, Signers::System, what)?;
                officers.apply(&event);
                parts.officers.push(event);
            }
        }
        Ok(())
    }

    /// Lets the books decide, and the custody act.
    fn prepare(&mut self, act: &Act, way: &mut Way<'_>) -> Result<(), RoomError> {
        if let Some(key) = act.key() {
            way.done.keys.push(key);
        }
        match act {
            Act::Apply(application) => {
                let keys = &self.books.keys;
                let events = keys.decide_application(application, way.now, way.signers)?;
                way.done.keys = events.iter().filter_map(|event| event.key).collect();
                way.parts.keys = events;
                Ok(())
            }
            Act::RegisterCity { city, province } => {
                let (city, province) = (*city, *province);
                self.step(None, What::CityRegistered { city, province }, way)
            }
            Act::Approve { key } => self.step(Some(*key), What::Approved, way),
            Act::Reject { key, cause } => self.step(Some(*key), What::Rejected(*cause), way),
            Act::Distribute { key, custody } => {
                self.step(Some(*key), What::Distributed(*custody), way)
            }
            Act::Activate { key, overlap_days } => {
                let what = self.books.keys.activation(*key, way.now, *overlap_days);
                self.step(Some(*key), what, way)
            }
            Act::Review { key } => self.step(Some(*key), What::Reviewed, way),
            Act::Suspend { key, cause } => self.step(Some(*key), What::Suspended(*cause), way),
            Act::Resume { key } => self.step(Some(*key), What::Resumed, way),
            Act::Revoke { key, cause } => self.step(Some(*key), What::Revoked(*cause), way),
            Act::Withdraw { key } => self.step(Some(*key), What::Withdrawn, way),
            Act::Generate { key, source } => self.generate(*key, *source, way),
            Act::Export { key, transport } => self.export(*key, *transport, way),
            Act::SignRegister { key, digest, .. } => self.sign_register(*key, digest, way),
            Act::SubmitOf { certificate, key } => self.submit_of(*certificate, *key, way),
            Act::ApplyCash { key, head, expires } => self.apply_cash(*key, (*head, *expires), way),
            Act::ApproveCash { application } => self.approve_cash(application, way),
            Act::IssueCash { certificate, key } => self.issue_cash(*certificate, *key, way),
            Act::PublishAuthority { key } => self.publish_authority(*key, way),
            Act::RevokeCash { certificate, cause } => self.revoke_cash(*certificate, *cause, way),
            Act::ListCash { key } => self.list_cash(*key, way),
            Act::IssueRoot { ca_index, expiry } => self.issue_root(*ca_index, *expiry, way),
            Act::IssueCertificate { certificate } => self.issue(*certificate, way),
            Act::Found(founders) => self.found(founders, way),
            Act::Register(credential) => {
                let entry = self.books.officers.next_entry();
                self.change(entry, register::What::Registered(**credential), way)
            }
            Act::Rotate { entry, public_key } => {
                let public_key = *public_key;
                self.change(*entry, register::What::Rotated { public_key }, way)
            }
            Act::End { entry, cause } => self.change(*entry, register::What::Ended(*cause), way),
            Act::Unlock { entry } => self.change(*entry, register::What::Unlocked, way),
            _ => self.certify(act, way),
        }
    }

    /// Steps of the authority in which nothing is signed.
    fn certify(&self, act: &Act, way: &mut Way<'_>) -> Result<(), RoomError> {
        let authority = &self.books.authority;
        let cities = self.books.keys.cities();
        let (certificate, what) = match act {
            Act::RetireRoot { ca_index, cause } => {
                let (ca_index, cause) = (*ca_index, *cause);
                (0, ca::What::RootRetired { ca_index, cause })
            }
            Act::Draft {
                issuer,
                ca_index,
                expiry,
            } => {
                let draft = authority.draft(*issuer, (*ca_index, *expiry), cities)?;
                (authority.next_certificate(), ca::What::Drafted(draft))
            }
            Act::Submit {
                certificate,
                application,
            } => (*certificate, ca::What::Submitted((**application).clone())),
            Act::ApproveCertificate { certificate } => (*certificate, ca::What::Approved),
            Act::RefuseCertificate { certificate, cause } => {
                (*certificate, ca::What::Refused(*cause))
            }
            Act::ActivateCertificate { certificate } => {
                let issuer = authority
                    .certificate(*certificate)
                    .map(|c| c.draft().issuer);
                let active = authority.certificates().filter(|other| {
                    Some(other.draft().issuer) == issuer
                        && other.stage() == ca::CertificateStage::Active
                });
                let supersedes = active.last().map(ca::Certificate::number);
                (*certificate, ca::What::Activated { supersedes })
            }
            Act::RevokeCertificate { certificate, cause } => {
                (*certificate, ca::What::Revoked(*cause))
            }
            _ => unreachable!("all others are prepared elsewhere"),
        };
        let deed = ca::Deed {
            at: way.now,
            certificate,
            signers: way.signers,
            what,
        };
        way.parts.authority.push(authority.decide(deed, cities)?);
        way.done.certificate = Some(certificate).filter(|number| *number > 0);
        Ok(())
    }

    pub(super) fn step(
        &self,
        key: Option<KeyNumber>,
        what: What,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let event = self.books.keys.decide(Deed {
            at: way.now,
            key,
            signers: way.signers,
            what,
        })?;
        way.parts.keys.push(event);
        Ok(())
    }

    fn change(&self, entry: u32, what: register::What, way: &mut Way<'_>) -> Result<(), RoomError> {
        let officers = &self.books.officers;
        let event = officers.decide(entry, way.now, way.signers, what)?;
        way.parts.officers.push(event);
        way.done.entry = Some(entry);
        Ok(())
    }
}

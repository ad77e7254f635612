//! Carrying out what officers approved: the book decides, the custody acts, lines say so.

use tongtu_audit::{Entry as LineEntry, Outcome};
use tongtu_crypto::{Signer as _, sm3};
use tongtu_hsm::{
    Component, ContainerHead, Custody as _, CustodyError, CustodySigner, Export, KeyHead, KeyName,
    Label, Mark, Vault,
};
use tongtu_keyring::code::{CustodyKind, KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::register::{self, Credential};
use tongtu_keyring::{
    Check, Custody, Deed, DeviceName, KeyLife, KeyNumber, Signers, Slot, Use, What, ca,
};
use tongtu_keyroom::{Intent, Medium};
use tongtu_types::{InstitutionCode, Timestamp};

use super::act::{Act, Source};
use super::approval::Approval;
use super::audited::{Audited, OnBehalf};
use super::error::{ApprovalRefusal, RoomError};
use super::room::{KeyRoom, Parts, actor_of, anchor_label, is_custodian, key_label, root_label};

/// What officers bring beside their approval.
#[derive(Default)]
pub struct Hands<'a> {
    /// The custody, open; for acts that make, use or hand out a key.
    pub custody: Option<&'a mut dyn Vault>,
    /// The custodians' components of a key.
    pub components: Vec<Component>,
    /// The container in which a key comes.
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
    /// The container in which a key leaves.
    pub container: Option<Vec<u8>>,
}

/// An act on its way: what of it was in the custody stays known whatever comes of it.
struct Way<'a> {
    now: Timestamp,
    signers: Signers,
    who: OnBehalf,
    uses: Vec<LineEntry>,
    parts: Parts,
    done: Done,
    hands: Hands<'a>,
}

impl<M: Medium> KeyRoom<M> {
    /// Carries out an act that officers approved.
    ///
    /// A refusal changes no book and leaves a line; a signature that does not verify counts against
    /// its officer.
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
        if let RoomError::Approval(ApprovalRefusal::Signature { officer }) = &error
            && let Ok(member) = self.books.officers.credential(officer, now)
        {
            let (entry, what) = (member.entry(), register::What::Failed);
            let failed = self
                .books
                .officers
                .decide(entry, now, Signers::System, what);
            parts.officers.extend(failed);
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
            if member.failures() > 0 && !member.is_ended() && !member.is_locked() {
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

    fn step(&self, key: Option<KeyNumber>, what: What, way: &mut Way<'_>) -> Result<(), RoomError> {
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

    /// Four officers found the room; with it comes a first key for anchors.
    fn found(&mut self, founders: &[Credential; 4], way: &mut Way<'_>) -> Result<(), RoomError> {
        let mut officers = self.books.officers.clone();
        for founder in founders {
            let (entry, what) = (officers.next_entry(), register::What::Founded(*founder));
            let event = officers.decide(entry, way.now, Signers::System, what)?;
            officers.apply(&event);
            way.parts.officers.push(event);
        }
        let nation = InstitutionCode::national();
        let name = KeyName {
            label: anchor_label(),
            slot: Slot {
                city: nation.city(),
                purpose: Purpose::AuditAnchor,
                algorithm: KeyAlgorithm::Sm2,
            },
            bits: 256,
            index: 1,
            version: 1,
            mark: self.mark(),
            export: Export::Never,
        };
        let public = self.in_custody("room.found", &[name.label], way, |custody, _| {
            custody.generate(&name)?;
            Ok(CustodySigner::new(custody, name.label)?.public())
        })?;
        way.parts.anchor_keys.push((0, public));
        Ok(())
    }

    /// Does something in the custody, said before and known after whatever comes of it.
    fn in_custody<T>(
        &mut self,
        deed: &str,
        labels: &[Label],
        way: &mut Way<'_>,
        act: impl FnOnce(&mut Audited<'_, dyn Vault + '_>, &mut Material) -> Result<T, RoomError>,
    ) -> Result<T, RoomError> {
        let custody = way.hands.custody.take().ok_or(RoomError::NoCustody)?;
        for label in labels {
            // What is there already would be taken out again as if it were new.
            if custody.check(*label).is_ok() {
                return Err(CustodyError::Exists { label: *label }.into());
            }
        }
        self.store.intend(Intent {
            deed: String::from(deed),
            labels: labels.iter().map(ToString::to_string).collect(),
        })?;
        let mut audited = Audited::new(custody, way.who);
        let mut material = Material {
            components: std::mem::take(&mut way.hands.components),
            container: way.hands.container.take(),
        };
        let mut result = act(&mut audited, &mut material);
        if result.is_err() {
            // Nothing stays of what did not come about.
            for label in labels {
                if audited.check(*label).is_ok()
                    && let Err(error) = audited.destroy(*label)
                {
                    result = Err(error.into());
                }
            }
        }
        way.parts.vault = Some(audited.state());
        way.uses.extend(audited.entries());
        result
    }

    fn key_name(&self, life: &KeyLife) -> KeyName {
        let request = life.request();
        let is_nations = request.holder == InstitutionCode::national();
        KeyName {
            label: key_label(life.number()),
            slot: request.slot,
            bits: match request.slot.algorithm {
                KeyAlgorithm::Tdes | KeyAlgorithm::Aes | KeyAlgorithm::Sm4 => 128,
                KeyAlgorithm::Sm2 => 256,
                KeyAlgorithm::Rsa => 2048,
            },
            index: request.index,
            version: request.version,
            mark: self.mark(),
            // What the nation holds itself has nowhere to go.
            export: if is_nations {
                Export::Never
            } else {
                Export::Whole
            },
        }
    }

    fn generate(
        &mut self,
        key: KeyNumber,
        source: Source,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let device = Custody {
            kind: match self.mark() {
                Mark::Test => CustodyKind::TestFile,
                Mark::Production => CustodyKind::SealedFile,
            },
            device: DeviceName::parse(&self.head().device)
                .expect("a room is made with a device's name"),
            check: Check::Kcv([0; 3]),
        };
        let life = self.books.keys.key(key);
        let algorithm = life.map(|life| life.request().slot.algorithm);
        // Everything but the check value is decided before the custody is touched.
        let probe = Custody {
            check: probe_of(algorithm.unwrap_or(KeyAlgorithm::Sm4)),
            ..device
        };
        match self.step(Some(key), What::Generated(probe), way) {
            Ok(()) => way.parts.keys.clear(),
            Err(error) => return Err(error),
        }
        let life = life.expect("the book decided on it");
        let name = self.key_name(life);
        if let Source::Container(transport) = source {
            self.transport(transport, way)?;
        }
        let brought = (way.hands.components.len(), way.hands.container.is_some());
        let expected = match (source, brought) {
            (Source::Fresh, (0, false))
            | (Source::Components(_), (2.., false))
            | (Source::Container(_), (0, true)) => None,
            (Source::Fresh, _) => Some("from the custody's own randomness, with nothing brought"),
            (Source::Components(_), _) => Some("as two components or more, and no container"),
            (Source::Container(_), _) => Some("in a container, and no components"),
        };
        if let Some(expected) = expected {
            return Err(RoomError::Material { expected });
        }
        let mut keys = self.books.keys.clone();
        if let Source::Container(transport) = source {
            way.parts
                .keys
                .extend(keys.first_use_of_day(transport, way.now));
        }
        for event in &way.parts.keys {
            keys.apply(event);
        }
        let (now, signers) = (way.now, way.signers);
        let made = self.in_custody("key.generate", &[name.label], way, |custody, material| {
            let check = match source {
                Source::Fresh => custody.generate(&name)?,
                Source::Components(check) => {
                    let components = std::mem::take(&mut material.components);
                    custody.import(&name, components, check)?;
                    check
                }
                Source::Container(transport) => {
                    let container = material.container.take().unwrap_or_default();
                    check_label(&container, name.label)?;
                    let info = custody.take_in(&container, key_label(transport))?;
                    if info.name != name {
                        // Another key than was asked for, under its label: it does not stay.
                        let label = info.name.label;
                        return Err(RoomError::OtherKey { label });
                    }
                    info.check
                }
            };
            let event = keys.decide(Deed {
                at: now,
                key: Some(key),
                signers,
                what: What::Generated(Custody { check, ..device }),
            })?;
            Ok((check, event))
        });
        let (check, event) = made.inspect_err(|_| way.parts.keys.clear())?;
        way.parts.keys.push(event);
        way.done.check = Some(check);
        Ok(())
    }

    /// Asks for the use of a transport key.
    fn transport(&self, key: KeyNumber, way: &mut Way<'_>) -> Result<(), RoomError> {
        let life = self.books.keys.key(key).ok_or(RoomError::NotMade { key })?;
        let slot = life.request().slot;
        let asked = Use {
            city: slot.city,
            purpose: Purpose::PersoTransport,
            usage: Usage::Make,
        };
        let permit = self.books.keys.permit(key, asked, way.now)?;
        way.who.permit = Some(permit.rests_on());
        Ok(())
    }

    fn export(
        &mut self,
        key: KeyNumber,
        transport: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        match way.signers {
            Signers::Two(first, second)
                if is_custodian(&first)
                    && is_custodian(&second)
                    && !first.is_same_person(&second) => {}
            _ => return Err(RoomError::Custodians),
        }
        let life = self.books.keys.key(key).ok_or(RoomError::NotMade { key })?;
        let made = life.custody().filter(|_| !life.stage().is_final());
        let check = made.ok_or(RoomError::NotMade { key })?.check;
        self.transport(transport, way)?;
        let (label, by) = (key_label(key), key_label(transport));
        let container = self.in_custody("key.export", &[], way, |custody, _| {
            if custody.check(label)?.check == check {
                Ok(custody.export(label, by)?)
            } else {
                Err(RoomError::OtherKey { label })
            }
        })?;
        way.parts
            .keys
            .extend(self.books.keys.first_use_of_day(transport, way.now));
        way.done.check = Some(check);
        way.done.container = Some(container);
        Ok(())
    }

    fn issue_root(
        &mut self,
        ca_index: u8,
        expiry: tongtu_types::MonthYear,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let nation = InstitutionCode::national();
        let name = KeyName {
            label: root_label(ca_index),
            slot: Slot {
                city: nation.city(),
                purpose: Purpose::RideCode,
                algorithm: KeyAlgorithm::Sm2,
            },
            bits: 256,
            index: ca_index,
            version: 1,
            mark: self.mark(),
            export: Export::Never,
        };
        let authority = self.books.authority.clone();
        let cities = self.books.keys.cities().clone();
        // Everything but the key is decided before the custody is touched.
        let mut probe = tongtu_crypto::SecretKey::generate(&mut |out: &mut [u8]| out.fill(0x5A));
        let (now, signers) = (way.now, way.signers);
        authority.issue_root((ca_index, expiry), now, signers, &mut probe, &cities)?;
        let event = self.in_custody("root.issue", &[name.label], way, |custody, _| {
            custody.generate(&name)?;
            let mut signer = CustodySigner::new(custody, name.label)?;
            let of = (ca_index, expiry);
            Ok(authority.issue_root(of, now, signers, &mut signer, &cities)?)
        })?;
        way.parts.authority.push(event);
        Ok(())
    }

    fn issue(&mut self, certificate: u32, way: &mut Way<'_>) -> Result<(), RoomError> {
        let authority = self.books.authority.clone();
        let cities = self.books.keys.cities().clone();
        let ca_index = authority
            .certificate(certificate)
            .map(|c| c.draft().ca_index);
        let label = root_label(ca_index.unwrap_or(0));
        let (now, signers) = (way.now, way.signers);
        let event = self.in_custody("cert.issue", &[], way, |custody, _| {
            let mut signer = match CustodySigner::new(custody, label) {
                Ok(signer) => signer,
                Err(CustodyError::Unknown { .. }) => return Err(RoomError::OtherKey { label }),
                Err(error) => return Err(error.into()),
            };
            Ok(authority.issue(certificate, now, signers, &mut signer, &cities)?)
        })?;
        way.parts.authority.push(event);
        way.done.certificate = Some(certificate);
        Ok(())
    }
}

/// That a container names this label, before it is opened: what comes in under another label would
/// be a key that no intent named. That it tells the truth is known once it is open.
fn check_label(container: &[u8], label: Label) -> Result<(), RoomError> {
    let head = container.get(ContainerHead::LEN..ContainerHead::LEN + KeyHead::LEN);
    let head = head.and_then(|head| KeyHead::decode(head).ok());
    match head {
        Some(head) if head.label != label => Err(RoomError::Container {
            found: head.label,
            expected: label,
        }),
        _ => Ok(()),
    }
}

/// A check value of the algorithm's kind that no key has.
fn probe_of(algorithm: KeyAlgorithm) -> Check {
    if algorithm.has_kcv() {
        Check::Kcv([0xFF; 3])
    } else {
        Check::Fingerprint([0xFF; 32])
    }
}

/// What officers brought, taken once.
struct Material {
    components: Vec<Component>,
    container: Option<Vec<u8>>,
}

//! The acts that make, use or hand out a key: the custody's part of a step.

use tongtu_crypto::Signer as _;
use tongtu_hsm::{
    Component, ContainerHead, Custody as _, CustodyError, CustodySigner, Export, KeyHead, KeyName,
    KeyPath, Label, Mark, Vault,
};
use tongtu_keyring::code::{CustodyKind, KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::register::{self, Credential};
use tongtu_keyring::{
    Check, Custody, Deed, DeviceName, KeyLife, KeyNumber, Signers, Slot, Use, What,
};
use tongtu_keyroom::Medium;
use tongtu_purse::field::Institution;
use tongtu_types::{InstitutionCode, Timestamp};

use super::act::Source;
use super::audited::{Audited, OnBehalf};
use super::carry::Way;
use super::error::RoomError;
use super::room::{KeyRoom, anchor_label, are_two_custodians, key_label, root_label};
use super::vault;

impl<M: Medium> KeyRoom<M> {
    /// Uses keys in the custody outside the steps of the books: a service that derives, signs or
    /// makes MACs by permit. `labels` are the keys that will be there afterwards and were not; each
    /// use leaves a line, and nothing that is new stays of what fails.
    ///
    /// # Errors
    /// [`RoomError`] when the custody refuses, is not the room's, or it cannot be kept.
    pub fn use_keys<T>(
        &mut self,
        (deed, labels): (&str, &[Label]),
        who: OnBehalf,
        custody: &mut dyn Vault,
        now: Timestamp,
        act: impl FnOnce(&mut Audited<'_, dyn Vault + '_>) -> Result<T, CustodyError>,
    ) -> Result<T, RoomError> {
        self.ready()?;
        self.check_vault(&custody.state())?;
        let mut way = Way::of(who, custody, now);
        let result = self.in_custody(deed, labels, &mut way, |custody, _| Ok(act(custody)?));
        if way.parts.vault.is_none() {
            // It was not touched.
            return result;
        }
        way.parts.lines = way.uses;
        if way.parts.lines.is_empty() {
            way.parts
                .lines
                .push(super::room::own_line("custody.looked", None));
        }
        self.commit(way.parts, now)?;
        result
    }

    /// Four officers found the room; with it comes a first key for anchors.
    pub(super) fn found(
        &mut self,
        founders: &[Credential; 4],
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
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
    pub(super) fn in_custody<T>(
        &mut self,
        deed: &str,
        labels: &[Label],
        way: &mut Way<'_>,
        act: impl FnOnce(&mut Audited<'_, dyn Vault + '_>, &mut Material) -> Result<T, RoomError>,
    ) -> Result<T, RoomError> {
        let custody = way.hands.custody.take().ok_or(RoomError::NoCustody)?;
        let mut material = Material {
            components: std::mem::take(&mut way.hands.components),
            container: way.hands.container.take(),
        };
        let done = vault::within(
            &mut self.store,
            (custody, way.who),
            (deed, labels),
            |custody| act(custody, &mut material),
        )?;
        way.parts.vault = Some(done.vault);
        way.uses.extend(done.uses);
        done.result
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
                KeyAlgorithm::Rsa => rsa_bits(request.slot.purpose),
            },
            index: request.index,
            version: request.version,
            mark: self.mark(),
            export: if is_nations {
                leaving(request.slot.purpose)
            } else {
                Export::Whole
            },
        }
    }

    /// Asks for the use of the nation's key that this one is derived from; gives the factor.
    fn upper(
        &self,
        key: KeyNumber,
        upper: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<[u8; 8], RoomError> {
        let request = |number| {
            let life = self.books.keys.key(number);
            life.map(KeyLife::request)
                .ok_or(RoomError::NotMade { key: number })
        };
        let (below, above) = (request(key)?, request(upper)?);
        let nation = InstitutionCode::national();
        let expected = Slot {
            city: nation.city(),
            ..below.slot
        };
        if above.slot != expected || below.holder == nation {
            return Err(RoomError::NotBelow { key, upper });
        }
        let asked = Use {
            city: expected.city,
            purpose: expected.purpose,
            usage: Usage::Make,
        };
        let permit = self.books.keys.permit(upper, asked, way.now)?;
        way.who.permit = Some(permit.rests_on());
        Ok(Institution::of(below.holder).0)
    }

    pub(super) fn generate(
        &mut self,
        key: KeyNumber,
        source: Source,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let device = Custody {
            kind: self.kind_of(key, source, way),
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
        let mut factor = [0; 8];
        match source {
            Source::Container(transport) => self.transport(transport, way)?,
            Source::Derived(upper) => factor = self.upper(key, upper, way)?,
            Source::Fresh | Source::Components(_) => {}
        }
        let brought = (way.hands.components.len(), way.hands.container.is_some());
        let expected = match (source, brought) {
            (Source::Fresh | Source::Derived(_), (0, false))
            | (Source::Components(_), (2.., false))
            | (Source::Container(_), (0, true)) => None,
            (Source::Fresh, _) => Some("from the custody's own randomness, with nothing brought"),
            (Source::Derived(_), _) => Some("from a key in the custody, with nothing brought"),
            (Source::Components(_), _) => Some("as two components or more, and no container"),
            (Source::Container(_), _) => Some("in a container, and no components"),
        };
        if let Some(expected) = expected {
            return Err(RoomError::Material { expected });
        }
        let mut keys = self.books.keys.clone();
        if let Source::Container(used) | Source::Derived(used) = source {
            way.parts.keys.extend(keys.first_use_of_day(used, way.now));
        }
        for event in &way.parts.keys {
            keys.apply(event);
        }
        let (now, signers) = (way.now, way.signers);
        let made = self.in_custody("key.generate", &[name.label], way, |custody, material| {
            let check = match source {
                Source::Fresh => custody.generate(&name)?,
                Source::Derived(upper) => {
                    let from = KeyPath {
                        label: key_label(upper),
                        factors: &[factor],
                    };
                    custody.derive(from, &name)?
                }
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

    /// What the key will be kept in: only what a device makes and keeps itself is in an HSM.
    fn kind_of(&self, key: KeyNumber, source: Source, way: &Way<'_>) -> CustodyKind {
        let name = self.books.keys.key(key).map(|life| self.key_name(life));
        let custody = way.hands.custody.as_ref();
        let is_own = |name: &KeyName| custody.is_some_and(|custody| custody.keeps_itself(name));
        match self.mark() {
            _ if source == Source::Fresh && name.as_ref().is_some_and(is_own) => CustodyKind::Hsm,
            Mark::Test => CustodyKind::TestFile,
            Mark::Production => CustodyKind::SealedFile,
        }
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

    pub(super) fn export(
        &mut self,
        key: KeyNumber,
        transport: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        if !are_two_custodians(&way.signers) {
            return Err(RoomError::Custodians);
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

    pub(super) fn issue_root(
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

    pub(super) fn issue(&mut self, certificate: u32, way: &mut Way<'_>) -> Result<(), RoomError> {
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

/// Bits of an RSA key. Cards read an authority's and an issuer's certificates in records of 253 bytes
/// at most, and an issuer's key must fit under its authority's.
///
/// UNSPECIFIED: these lengths; ours, of those that EMV Book 2 takes.
const fn rsa_bits(purpose: Purpose) -> u16 {
    match purpose {
        Purpose::CashAuthority => 1408,
        Purpose::CashIssuer => 1280,
        _ => 2048,
    }
}

/// How a key of the nation's own may leave. Masters that modules of terminals have go to whoever
/// makes modules, of other masters only what is below them; all else has nowhere to go.
const fn leaving(purpose: Purpose) -> Export {
    match purpose {
        Purpose::Purchase
        | Purpose::Maintenance
        | Purpose::QuickUpdate
        | Purpose::Internal
        | Purpose::CashFile => Export::Whole,
        Purpose::Load
        | Purpose::Unload
        | Purpose::Overdraft
        | Purpose::Tac
        | Purpose::ReloadPin
        | Purpose::UnblockPin
        | Purpose::External
        | Purpose::CashCryptogram
        | Purpose::CashMac
        | Purpose::CashCipher => Export::Below,
        _ => Export::Never,
    }
}

/// That a container names this label, before it is opened: what comes in under another label would
/// be a key that no intent named. That it tells the truth is known once it is open.
pub(super) fn check_label(container: &[u8], label: Label) -> Result<(), RoomError> {
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
pub(super) struct Material {
    pub(super) components: Vec<Component>,
    pub(super) container: Option<Vec<u8>>,
}

//! The authority of the small scheme, with a root's key behind a signer.

use tongtu_crypto::{PublicKey, SecretKey, Signature, Signer, SignerFault, sm3};
use tongtu_keyring::ca::{Authority, DUTIES, Deed, Event, Refusal, Step, What};
use tongtu_keyring::{Cities, Signers};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_types::{InstitutionCode, MonthYear, Timestamp};

use crate::fixture::*;

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

pub(crate) fn month(text: &str) -> MonthYear {
    text.parse().unwrap()
}

/// A device that signs, until it does not.
pub(crate) struct Device {
    pub(crate) key: SecretKey,
    pub(crate) fault: Option<SignerFault>,
    pub(crate) asked: u32,
}

impl Device {
    pub(crate) fn new(label: &str) -> Self {
        Self {
            key: key(label),
            fault: None,
            asked: 0,
        }
    }
}

impl Signer for Device {
    fn public(&self) -> PublicKey {
        self.key.public().clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        self.asked += 1;
        let mut signature = self.key.sign(message);
        match self.fault {
            None => Ok(signature),
            Some(SignerFault::Wrong) => {
                signature.0[40] ^= 1;
                Ok(signature)
            }
            Some(fault) => Err(fault),
        }
    }
}

pub(crate) struct Office {
    pub(crate) book: Authority,
    pub(crate) cities: Cities,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
}

impl Office {
    /// The three cities and no root.
    pub(crate) fn new() -> Self {
        Self {
            book: Authority::new(),
            cities: Scene::new().book.cities().clone(),
            now: START,
            events: Vec::new(),
        }
    }

    /// The same with a root under index 02.
    pub(crate) fn with_root() -> (Self, Device) {
        let mut office = Self::new();
        let mut device = Device::new("root 02");
        office.root(2, "1235", &mut device).unwrap();
        (office, device)
    }

    pub(crate) fn wait(&mut self, days: i64) {
        self.now = self.now.plus_s(days * DAY);
    }

    pub(crate) fn keep(&mut self, event: Event) {
        self.book.apply(&event);
        self.events.push(event);
    }

    pub(crate) fn settle(&mut self) -> Vec<Event> {
        let events = self.book.settle(self.now);
        for event in &events {
            self.book.admit(event, &self.cities).unwrap();
            self.keep(event.clone());
        }
        events
    }

    /// Those who may take a step on this certificate, as it is now.
    pub(crate) fn signers(&self, step: Step, certificate: u32) -> Signers {
        let entry = self.book.certificate(certificate);
        let of = entry.map_or(city("3010"), |entry| entry.draft().issuer.city());
        let stage = entry.map(|entry| entry.stage());
        let row = DUTIES
            .iter()
            .filter(|duty| duty.step == step)
            .max_by_key(|duty| stage.is_some_and(|stage| duty.after.contains(&stage)))
            .unwrap();
        signed(row.first, row.second, of)
    }

    pub(crate) fn by(
        &mut self,
        certificate: u32,
        what: What,
        signers: Signers,
    ) -> Result<(), Refusal> {
        let deed = Deed {
            at: self.now,
            certificate,
            signers,
            what,
        };
        let event = self.book.decide(deed, &self.cities)?;
        self.keep(event);
        Ok(())
    }

    pub(crate) fn step(&mut self, certificate: u32, what: What) -> Result<(), Refusal> {
        let signers = self.signers(what.step(), certificate);
        self.by(certificate, what, signers)
    }

    pub(crate) fn root(
        &mut self,
        ca_index: u8,
        expiry: &str,
        device: &mut Device,
    ) -> Result<(), Refusal> {
        let signers = self.signers(Step::RootIssued, 0);
        let event = self.book.issue_root(
            (ca_index, month(expiry)),
            self.now,
            signers,
            device,
            &self.cities,
        )?;
        self.keep(event);
        Ok(())
    }

    pub(crate) fn draft(
        &mut self,
        issuer: InstitutionCode,
        (ca_index, expiry): (u8, &str),
    ) -> Result<u32, Refusal> {
        let draft = self
            .book
            .draft(issuer, (ca_index, month(expiry)), &self.cities)?;
        let number = self.book.next_certificate();
        let by = signers(tongtu_keyring::code::Step::Activated, issuer.city());
        let Signers::Two(first, _) = by else {
            panic!("two custodians");
        };
        self.by(number, What::Drafted(draft), Signers::One(first))?;
        Ok(number)
    }

    pub(crate) fn application(&self, number: u32, key: &SecretKey) -> CertificateApplication {
        let draft = self.book.certificate(number).unwrap().draft();
        apply_for_certificate(draft.issuer, draft.expiry, draft.serial, key).unwrap()
    }

    pub(crate) fn issue(&mut self, number: u32, device: &mut Device) -> Result<(), Refusal> {
        let signers = self.signers(Step::Issued, number);
        let event = self
            .book
            .issue(number, self.now, signers, device, &self.cities)?;
        self.keep(event);
        Ok(())
    }

    pub(crate) fn activate(&mut self, number: u32) -> Result<(), Refusal> {
        let issuer = self.book.certificate(number).unwrap().draft().issuer;
        let active = tongtu_keyring::ca::CertificateStage::Active;
        let supersedes = self
            .book
            .certificates()
            .find(|entry| entry.draft().issuer == issuer && entry.stage() == active)
            .map(|entry| entry.number());
        self.step(number, What::Activated { supersedes })
    }

    /// A certificate in use, the whole way.
    pub(crate) fn certified(
        &mut self,
        issuer: InstitutionCode,
        (ca_index, expiry): (u8, &str),
        (key, device): (&SecretKey, &mut Device),
    ) -> u32 {
        let number = self.draft(issuer, (ca_index, expiry)).unwrap();
        let application = self.application(number, key);
        self.step(number, What::Submitted(application)).unwrap();
        self.step(number, What::Approved).unwrap();
        self.issue(number, device).unwrap();
        self.activate(number).unwrap();
        number
    }
}

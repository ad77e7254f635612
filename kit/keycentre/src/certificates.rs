//! The authority: a root, and certificates of issuers of ride codes.

use tongtu_crypto::Signer as _;
use tongtu_hsm::CustodySigner;
use tongtu_keyring::ca::{CertificateStage, DUTIES, Deed, Event, Step, What};
use tongtu_keyring::code::{Cause, KeyAlgorithm, Purpose};
use tongtu_keyring::{Signers, Slot};
use tongtu_ride_code::Root;
use tongtu_ride_code::certificate::apply_with;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_types::{InstitutionCode, MonthYear};

use crate::centre::{Seats, public_of};
use crate::{CentreError, KeyCentre, Store, key_name};

impl KeyCentre {
    /// Makes the national root under an index.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    ///
    /// # Panics
    /// Never: the root is in the book when it was issued.
    pub fn root(&mut self, ca_index: u8, expiry: MonthYear) -> Result<Root, CentreError> {
        self.own(Purpose::RideCode, KeyAlgorithm::Sm2)?;
        let label = key_name(root_slot(), 1, 1).label;
        let seats = Seats::nation();
        let signers = signed(seats, Step::RootIssued, None);
        let mut signer = CustodySigner::new(&mut self.nation.custody, label)?;
        let event = self.authority.issue_root(
            (ca_index, expiry),
            self.now,
            signers,
            &mut signer,
            self.book.cities(),
        )?;
        self.keep_certificate(event)?;
        let mut roots = self.authority.roots();
        let made = roots.find(|entry| entry.root().certificate().ca_index == ca_index);
        Ok(made.expect("it was issued just now").root().clone())
    }

    /// Certifies an issuer's key that is in its store, the whole way: drafted, applied for with
    /// proof, approved by the province, signed, in use.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn certify(
        &mut self,
        issuer: InstitutionCode,
        (ca_index, expiry): (u8, MonthYear),
        store: &mut Store,
        version: u8,
    ) -> Result<IssuerCertificate, CentreError> {
        let city = issuer.city();
        let province = self.book.cities().province_of(city);
        let seats = Seats {
            province: province.ok_or(CentreError::NoCity { city })?,
            holder: issuer,
            city,
        };
        let slot = Slot {
            city,
            ..root_slot()
        };
        let label = key_name(slot, 1, version).label;
        let public = public_of(store, label)?;
        let draft = self
            .authority
            .draft(issuer, (ca_index, expiry), self.book.cities())?;
        let terms = (issuer, expiry, draft.serial);
        let number = self.authority.next_certificate();
        self.certificate_step(seats, number, What::Drafted(draft))?;
        let mut signer = CustodySigner::new(&mut store.custody, label)?;
        let application = apply_with(terms, &public, |bytes| {
            Ok::<_, CentreError>(signer.sign_checked(bytes)?)
        })?;
        self.certificate_step(seats, number, What::Submitted(application))?;
        self.certificate_step(seats, number, What::Approved)?;
        let signers = signed(seats, Step::Issued, Some(CertificateStage::Approved));
        let root = key_name(root_slot(), 1, 1).label;
        let mut signer = CustodySigner::new(&mut self.nation.custody, root)?;
        let cities = self.book.cities();
        let event = self
            .authority
            .issue(number, self.now, signers, &mut signer, cities)?;
        let What::Issued(certificate) = event.what.clone() else {
            return Err(tongtu_crypto::SignerFault::Wrong.into());
        };
        self.keep_certificate(event)?;
        let active = CertificateStage::Active;
        let supersedes = self
            .authority
            .certificates()
            .find(|c| c.draft().issuer == issuer && c.stage() == active)
            .map(tongtu_keyring::ca::Certificate::number);
        self.certificate_step(seats, number, What::Activated { supersedes })?;
        Ok(certificate)
    }

    /// The authority takes an issuer's certificate away.
    ///
    /// # Errors
    /// [`CentreError::Authority`].
    pub fn revoke_certificate(&mut self, issuer: InstitutionCode) -> Result<(), CentreError> {
        let current = self.authority.current(issuer, self.now);
        let number = current.map_or(0, tongtu_keyring::ca::Certificate::number);
        let seats = Seats {
            province: InstitutionCode::national(),
            holder: issuer,
            city: issuer.city(),
        };
        self.certificate_step(seats, number, What::Revoked(Cause::Compromise))
    }

    fn certificate_step(
        &mut self,
        seats: Seats,
        certificate: u32,
        what: What,
    ) -> Result<(), CentreError> {
        let entry = self.authority.certificate(certificate);
        let signers = signed(seats, what.step(), entry.map(|entry| entry.stage()));
        let deed = Deed {
            at: self.now,
            certificate,
            signers,
            what,
        };
        let event = self.authority.decide(deed, self.book.cities())?;
        self.keep_certificate(event)
    }

    fn keep_certificate(&mut self, event: Event) -> Result<(), CentreError> {
        self.authority.apply(&event);
        let about = event.encode().map_err(tongtu_keyring::ExtractError::from)?;
        let deed = format!("cert-{:02x}", event.what.step().byte());
        self.audit(event.signers, &deed, (None, event.number), &about)?;
        self.certificates.push(event);
        Ok(())
    }
}

/// Officers who may take a step after a stage.
fn signed(seats: Seats, step: Step, stage: Option<CertificateStage>) -> Signers {
    let mut rows = DUTIES.iter().filter(|duty| duty.step == step);
    let fits = |stage| rows.clone().find(|duty| duty.after.contains(&stage));
    let row = stage.and_then(fits).or_else(|| rows.next());
    row.map_or(Signers::System, |row| seats.signed(row.first, row.second))
}

fn root_slot() -> Slot {
    crate::centre::slot_of(InstitutionCode::national().city(), Purpose::RideCode)
}

//! The authority: a root, and certificates of issuers of ride codes.

use tongtu_crypto::{PublicKey, Signer as _, SignerFault};
use tongtu_hsm::{Custody as _, CustodySigner, Label, PublicPart};
use tongtu_keyring::Slot;
use tongtu_keyring::ca::{Certificate, CertificateStage, DUTIES, Step};
use tongtu_keyring::code::{Cause, Purpose};
use tongtu_ride_code::Root;
use tongtu_ride_code::certificate::apply_with;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_services::keyroom::{Act, Done, key_label};
use tongtu_types::{InstitutionCode, MonthYear};

use crate::officers::Seats;
use crate::{CentreError, KeyCentre, Store};

impl KeyCentre {
    /// Makes the national root under an index.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    ///
    /// # Panics
    /// Never: the root is in the book when it was issued.
    pub fn root(&mut self, ca_index: u8, expiry: MonthYear) -> Result<Root, CentreError> {
        let act = Act::IssueRoot { ca_index, expiry };
        self.certificate_act(Seats::nation(), Step::RootIssued, None, act)?;
        let mut roots = self.room.authority().roots();
        let made = roots.find(|entry| entry.root().certificate().ca_index == ca_index);
        Ok(made.expect("it was issued just now").root().clone())
    }

    /// Certifies an issuer's key that is in its store, the whole way: drafted, applied for with
    /// proof, approved by the province, signed, in use.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    ///
    /// # Panics
    /// Never: the certificate is in the book when it was issued.
    pub fn certify(
        &mut self,
        issuer: InstitutionCode,
        (ca_index, expiry): (u8, MonthYear),
        store: &mut Store,
        version: u8,
    ) -> Result<IssuerCertificate, CentreError> {
        let city = issuer.city();
        let province = self.book().cities().province_of(city);
        let seats = Seats {
            province: province.ok_or(CentreError::NoCity { city })?,
            holder: issuer,
            city,
        };
        let slot = Slot {
            city,
            ..crate::nation_slot(Purpose::RideCode)
        };
        let key = {
            let mut versions = self.book().versions(slot);
            let found = versions.find(|life| life.request().version == version);
            found.ok_or(CentreError::NoKey { slot })?.number()
        };
        let label = key_label(key);
        let public = public_of(store, label)?;
        let act = Act::Draft {
            issuer,
            ca_index,
            expiry,
        };
        let done = self.certificate_act(seats, Step::Drafted, None, act)?;
        let certificate = done.certificate.unwrap_or_default();
        let drafted = self.room.authority().certificate(certificate);
        let serial = drafted.map_or([0; 3], |entry| entry.draft().serial);
        let mut signer = CustodySigner::new(&mut store.custody, label)?;
        let application = apply_with((issuer, expiry, serial), &public, |bytes| {
            Ok::<_, CentreError>(signer.sign_checked(bytes)?)
        })?;
        for (step, act) in [
            (
                Step::Submitted,
                Act::Submit {
                    certificate,
                    application: Box::new(application),
                },
            ),
            (Step::Approved, Act::ApproveCertificate { certificate }),
            (Step::Issued, Act::IssueCertificate { certificate }),
            (Step::Activated, Act::ActivateCertificate { certificate }),
        ] {
            self.certificate_act(seats, step, Some(certificate), act)?;
        }
        let entry = self.room.authority().certificate(certificate);
        let made = entry.and_then(Certificate::certificate);
        Ok(made.expect("it was issued just now").clone())
    }

    /// The authority takes an issuer's certificate away.
    ///
    /// # Errors
    /// [`CentreError::Room`].
    pub fn revoke_certificate(&mut self, issuer: InstitutionCode) -> Result<(), CentreError> {
        let current = self.room.authority().current(issuer, self.now);
        let certificate = current.map_or(0, Certificate::number);
        let seats = Seats {
            province: InstitutionCode::national(),
            holder: issuer,
            city: issuer.city(),
        };
        let cause = Cause::Compromise;
        let act = Act::RevokeCertificate { certificate, cause };
        self.certificate_act(seats, Step::Revoked, Some(certificate), act)
            .map(drop)
    }

    /// Carries out an act of the authority, by those who may at the certificate's stage.
    fn certificate_act(
        &mut self,
        seats: Seats,
        step: Step,
        certificate: Option<u32>,
        act: Act,
    ) -> Result<Done, CentreError> {
        let entry = certificate.and_then(|number| self.room.authority().certificate(number));
        let stage: Option<CertificateStage> = entry.map(Certificate::stage);
        let mut rows = DUTIES.iter().filter(|duty| duty.step == step);
        let fits = |stage| rows.clone().find(|duty| duty.after.contains(&stage));
        let row = stage.and_then(fits).or_else(|| rows.next());
        let officers = row.map_or_else(Vec::new, |row| seats.officers(row.first, row.second));
        self.act(act, &officers)
    }
}

/// The SM2 half of a key that may be shown.
fn public_of(store: &Store, label: Label) -> Result<PublicKey, CentreError> {
    match store.custody.public(label)? {
        PublicPart::Sm2(key) => Ok(key),
        PublicPart::Rsa(_) => Err(SignerFault::Wrong.into()),
    }
}

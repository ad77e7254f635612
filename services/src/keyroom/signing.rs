//! The acts in which a long-term key of the book signs: the register, and an issuer's application.

use tongtu_crypto::{Signer as _, sm3};
use tongtu_hsm::{Custody as _, CustodySigner};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Stage, Usage};
use tongtu_keyring::{Check, KeyLife, KeyNumber, Use, ca};
use tongtu_keyroom::Medium;
use tongtu_ride_code::certificate::{CertificateError, apply_with};

use super::carry::Way;
use super::error::RoomError;
use super::room::{KeyRoom, are_two_custodians, key_label};

impl<M: Medium> KeyRoom<M> {
    /// A key of the book for this purpose, which was made and is not over.
    fn made(&self, key: KeyNumber, purpose: Purpose) -> Result<(&KeyLife, Check), RoomError> {
        let life = self.books.keys.key(key).ok_or(RoomError::NotMade { key })?;
        let slot = life.request().slot;
        if slot.purpose != purpose || slot.algorithm != KeyAlgorithm::Sm2 {
            return Err(RoomError::WrongKey {
                key,
                found: format!("{} for {}", slot.algorithm, slot.purpose),
                expected: match purpose {
                    Purpose::Register => "SM2 for institution register",
                    _ => "SM2 for ride-code issuing",
                },
            });
        }
        let custody = life.custody().filter(|_| !life.stage().is_final());
        let check = custody.ok_or(RoomError::NotMade { key })?.check;
        Ok((life, check))
    }

    /// Two of the nation's custodians let the register be signed, by permit.
    pub(super) fn sign_register(
        &mut self,
        key: KeyNumber,
        digest: &sm3::Digest,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        if !are_two_custodians(&way.signers) {
            return Err(RoomError::RegisterCustodians);
        }
        let is_approved = |bytes: &Vec<u8>| sm3::digest(bytes) == *digest;
        if !way.hands.container.as_ref().is_some_and(is_approved) {
            return Err(RoomError::OtherRegister);
        }
        let (life, check) = self.made(key, Purpose::Register)?;
        let asked = Use {
            city: life.request().slot.city,
            purpose: Purpose::Register,
            usage: Usage::Make,
        };
        let permit = self.books.keys.permit(key, asked, way.now)?;
        way.who.permit = Some(permit.rests_on());
        let label = key_label(key);
        let signed = self.in_custody("register.sign", &[], way, |custody, material| {
            if custody.check(label)?.check != check {
                return Err(RoomError::OtherKey { label });
            }
            let mut bytes = material.container.take().ok_or(RoomError::OtherRegister)?;
            let signature = CustodySigner::new(custody, label)?.sign_checked(&bytes)?;
            bytes.extend(signature.0);
            Ok(bytes)
        })?;
        way.parts
            .keys
            .extend(self.books.keys.first_use_of_day(key, way.now));
        way.done.container = Some(signed);
        Ok(())
    }

    /// An issuer applies for a certificate of its key in the custody.
    ///
    /// The proof of possession asks for no permit of an active key: a newer key has its certificate
    /// before it is activated, or nothing could be issued in between. One that is suspended or only
    /// accepted proves nothing.
    pub(super) fn submit_of(
        &mut self,
        certificate: u32,
        key: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let (life, check) = self.made(key, Purpose::RideCode)?;
        let (holder, stage) = (life.request().holder, life.stage());
        let authority = self.books.authority.clone();
        let cities = self.books.keys.cities().clone();
        let draft = authority
            .certificate(certificate)
            .map(ca::Certificate::draft)
            .ok_or(ca::Refusal::Certificate {
                found: certificate,
                step: ca::Step::Submitted,
                expected: "a certificate of the book",
            })?;
        if draft.issuer != holder {
            return Err(RoomError::WrongKey {
                key,
                found: format!("of {holder}"),
                expected: "a key of the issuer in the draft",
            });
        }
        if matches!(stage, Stage::Suspended | Stage::Overlap) {
            return Err(RoomError::WrongKey {
                key,
                found: stage.to_string(),
                expected: "a key that makes, or is to",
            });
        }
        let terms = (draft.issuer, draft.expiry, draft.serial);
        way.who.permit = Some(self.books.number(super::act::Book::Keys));
        let label = key_label(key);
        let (now, signers) = (way.now, way.signers);
        let event = self.in_custody("cert.submit-of", &[], way, |custody, _| {
            if custody.check(label)?.check != check {
                return Err(RoomError::OtherKey { label });
            }
            let mut signer = CustodySigner::new(custody, label)?;
            let public = signer.public();
            let application = apply_with::<Unsigned>(terms, &public, |bytes| {
                signer.sign_checked(bytes).map_err(Unsigned::Signer)
            })?;
            let what = ca::What::Submitted(application);
            let deed = ca::Deed {
                at: now,
                certificate,
                signers,
                what,
            };
            Ok(authority.decide(deed, &cities)?)
        })?;
        way.parts.authority.push(event);
        way.done.keys.push(key);
        way.done.certificate = Some(certificate);
        Ok(())
    }
}

/// Why an application did not come about.
enum Unsigned {
    Signer(tongtu_crypto::SignerFault),
    Certificate(CertificateError),
}

impl From<CertificateError> for Unsigned {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<Unsigned> for RoomError {
    fn from(error: Unsigned) -> Self {
        match error {
            Unsigned::Signer(fault) => fault.into(),
            Unsigned::Certificate(error) => Self::Authority(ca::Refusal::from(error)),
        }
    }
}

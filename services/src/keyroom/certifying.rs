//! The acts of the e-cash authority: the custody's part of an application, a certificate, of a public
//! key that is handed out, and of the list of certificates that were taken back.

use tongtu_ecash::oda::paper::{
    AuthorityPaper, IssuerApplication, IssuerPaper, RID, RevocationPaper, month,
};
use tongtu_ecash::oda::{
    Authority, Certifier as _, Layer, NumberHead, OdaError, VerifyingKey, rsa, sm2,
};
use tongtu_hsm::{Custody as _, Mark, SignScheme, Signed};
use tongtu_keyring::code::{Cause, Purpose, Role, Stage, Usage};
use tongtu_keyring::{KeyLife, KeyNumber, Signers, Use};
use tongtu_keyroom::Medium;
use tongtu_types::{BusinessDay, MonthYear};

use super::act::Book;
use super::carry::Way;
use super::cash::{CashEvent, CashRefusal, CashTerms, algorithm_of, authority_key, same_index};
use super::error::RoomError;
use super::room::{KeyRoom, are_two_custodians, key_label};
use crate::personalising::{CashSigner, cash_application, verifying};

impl<M: Medium> KeyRoom<M> {
    /// An issuer applies with a key of the book: the custody makes the application and its proof.
    ///
    /// As with ride codes, a newer key has its certificate before it is activated; one that is
    /// suspended or only accepted proves nothing.
    pub(super) fn apply_cash(
        &mut self,
        key: KeyNumber,
        wanted: (NumberHead, MonthYear),
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let life = self.books.keys.key(key).ok_or(RoomError::NotMade { key })?;
        let (request, stage) = (life.request(), life.stage());
        let wrong = |found, expected| RoomError::WrongKey {
            key,
            found,
            expected,
        };
        if request.slot.purpose != Purpose::CashIssuer {
            let found = request.slot.purpose.to_string();
            return Err(wrong(found, "a key of an e-cash issuer"));
        }
        if matches!(stage, Stage::Suspended | Stage::Overlap) {
            return Err(wrong(stage.to_string(), "a key that makes, or is to"));
        }
        let holder = request.holder;
        let is_his = match way.signers {
            Signers::One(officer) => {
                officer.role == Role::HolderCustodian && officer.institution == holder
            }
            _ => false,
        };
        if !is_his {
            let expected = "one custodian of the key's holder";
            return Err(CashRefusal::Officers { expected }.into());
        }
        let custody = life.custody().filter(|_| !stage.is_final());
        let check = custody.ok_or(RoomError::NotMade { key })?.check;
        way.who.permit = Some(self.books.number(Book::Keys));
        let (label, whose) = (key_label(key), (self.mark() == Mark::Test, holder));
        let made = self.in_custody("cash.apply", &[], way, |custody, _| {
            if custody.check(label)?.check != check {
                return Err(RoomError::OtherKey { label });
            }
            Ok(cash_application(custody, label, whose, wanted)?)
        })?;
        way.done.check = Some(check);
        way.done.container = Some(made.text().into_bytes());
        Ok(())
    }

    /// The nation approves an issuer's application.
    pub(super) fn approve_cash(
        &self,
        application: &IssuerApplication,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let book = &self.books.cash;
        book.may_approve(application, &way.signers, self.mark(), way.now)?;
        let certificate = book.next_number();
        let event = CashEvent::Approved {
            certificate,
            application: Box::new(application.clone()),
        };
        way.parts.cash.push((event, way.signers));
        way.done.certificate = Some(certificate);
        Ok(())
    }

    /// The authority's key signs the certificate of an approved application.
    pub(super) fn issue_cash(
        &mut self,
        certificate: u32,
        key: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let (book, keys) = (self.books.cash.clone(), self.books.keys.clone());
        let (signers, now, mark) = (way.signers, way.now, self.mark());
        let terms = book.may_issue(certificate, key, &signers, &keys, now)?;
        way.who.permit = Some(terms.rests_on);
        let label = key_label(key);
        let event = self.in_custody("cash.issue", &[], way, |custody, _| {
            if custody.check(label)?.check != terms.check {
                return Err(RoomError::OtherKey { label });
            }
            let mut signer = CashSigner::new(custody, label)?;
            let public = signer.public();
            let made = certified(&terms, &mut signer);
            // Why it did not sign says more than that it did not.
            signer.signed()?;
            let event = CashEvent::Issued {
                certificate,
                key,
                public,
                paper: Box::new(made.map_err(CashRefusal::from)?),
            };
            book.admit(&event, &signers, (&keys, mark), now)?;
            Ok(event)
        })?;
        if let CashEvent::Issued { paper, .. } = &event {
            way.done.container = Some(paper.text().into_bytes());
        }
        way.done.certificate = Some(certificate);
        way.parts.keys.extend(keys.first_use_of_day(key, now));
        way.parts.cash.push((event, signers));
        Ok(())
    }

    /// Two custodians hand out the public half of an authority's key, as terminals take it.
    pub(super) fn publish_authority(
        &mut self,
        key: KeyNumber,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let life = self.authority_of(key, &way.signers)?;
        let (index, version) = (life.request().index, u32::from(life.request().version));
        // The last day in China that is whole before the term's end.
        let last_day = life.request().until.china().day.days() - 1;
        let check = life.custody().map(|custody| custody.check);
        let check = check.ok_or(RoomError::NotMade { key })?;
        let (label, is_test) = (key_label(key), self.mark() == Mark::Test);
        let paper = self.in_custody("cash.authority", &[], way, |custody, _| {
            if custody.check(label)?.check != check {
                return Err(RoomError::OtherKey { label });
            }
            Ok(AuthorityPaper {
                is_test,
                rid: RID,
                version,
                expires: BusinessDay::from_days(last_day),
                authority: Authority {
                    index,
                    key: verifying(custody.public(label)?),
                },
            })
        })?;
        way.done.check = Some(check);
        way.done.container = Some(paper.text().into_bytes());
        Ok(())
    }

    /// The authority takes an issuer's certificate back.
    pub(super) fn revoke_cash(
        &self,
        certificate: u32,
        cause: Cause,
        way: &mut Way<'_>,
    ) -> Result<(), RoomError> {
        let (book, keys) = (&self.books.cash, &self.books.keys);
        book.may_revoke(certificate, &way.signers, keys, way.now)?;
        let event = CashEvent::Revoked { certificate, cause };
        way.parts.cash.push((event, way.signers));
        way.done.certificate = Some(certificate);
        Ok(())
    }

    /// Two custodians let an authority's key sign the list of its certificates that were taken back.
    ///
    /// It is asked for as what is still accepted: a key in overlap makes no certificate any more, and
    /// those that it made are on cards.
    pub(super) fn list_cash(&mut self, key: KeyNumber, way: &mut Way<'_>) -> Result<(), RoomError> {
        let life = self.authority_of(key, &way.signers)?;
        let index = life.request().index;
        let check = life.custody().map(|custody| custody.check);
        let check = check.ok_or(RoomError::NotMade { key })?;
        let asked = Use {
            city: life.request().slot.city,
            purpose: Purpose::CashAuthority,
            usage: Usage::Accept,
        };
        let keys = &self.books.keys;
        way.who.permit = Some(keys.permit(key, asked, way.now)?.rests_on());
        let book = &self.books.cash;
        let (version, now) = (book.last_number(), way.now);
        let revoked = book.revoked_of(key, now);
        let (label, is_test) = (key_label(key), self.mark() == Mark::Test);
        let paper = self.in_custody("cash.list", &[], way, |custody, _| {
            if custody.check(label)?.check != check {
                return Err(RoomError::OtherKey { label });
            }
            let scheme = match verifying(custody.public(label)?) {
                VerifyingKey::Rsa(_) => SignScheme::RsaPss,
                VerifyingKey::Sm2(_) => SignScheme::Sm2,
            };
            let whose = (is_test, RID, index);
            RevocationPaper::made_by(whose, (version, now), revoked, |body| {
                Ok(match custody.sign(label, scheme, body)? {
                    Signed::Rsa(signature) => signature,
                    Signed::Sm2(signature) => signature.0.to_vec(),
                })
            })
        })?;
        let keys = &self.books.keys;
        way.parts.keys.extend(keys.first_use_of_day(key, now));
        way.done.check = Some(check);
        way.done.container = Some(paper.text().into_bytes());
        Ok(())
    }

    /// A key of the authority for two of the nation's custodians, which no terminal takes for another.
    fn authority_of(&self, key: KeyNumber, signers: &Signers) -> Result<&KeyLife, RoomError> {
        if !are_two_custodians(signers) {
            let expected = "two of the nation's custodians";
            return Err(CashRefusal::Officers { expected }.into());
        }
        let keys = &self.books.keys;
        let life = authority_key(keys, key).ok_or_else(|| {
            let found = keys.key(key).map(|life| life.request().slot.purpose);
            RoomError::WrongKey {
                key,
                found: found.map_or_else(|| String::from("not there"), |found| found.to_string()),
                expected: "a key of the e-cash authority that was made and is not over",
            }
        })?;
        let index = life.request().index;
        match same_index(keys, life) {
            Some(other) => Err(CashRefusal::Index { key, index, other }.into()),
            None => Ok(life),
        }
    }
}

/// The certificate that an application gets.
fn certified(terms: &CashTerms<'_>, signer: &mut CashSigner<'_>) -> Result<IssuerPaper, OdaError> {
    let wanted = terms.application;
    let (head, expiry, serial) = (wanted.head.bytes(), month(wanted.expires), terms.serial);
    let (certificate, rest) = match (signer.public(), &wanted.key) {
        (VerifyingKey::Rsa(by), VerifyingKey::Rsa(key)) => {
            let mut sign = |message: &[u8]| signer.rsa(message);
            let by = (by.len(), &mut sign as &mut rsa::SignElsewhere<'_>);
            let made = rsa::certify_issuer_by(by, head, expiry, serial, key)?;
            (made.certificate, Some((made.remainder, made.exponent)))
        }
        (VerifyingKey::Sm2(_), VerifyingKey::Sm2(key)) => {
            let mut sign = |message: &[u8]| signer.sm2(message);
            let made = sm2::certify_issuer_by(&mut sign, head, expiry, serial, key)?;
            (made, None)
        }
        // The key book says the algorithm; a custody with another kind of key has another key.
        _ => {
            let what = "algorithm";
            let layer = Layer::Issuer;
            return Err(OdaError::Form { layer, what });
        }
    };
    debug_assert_eq!(
        algorithm_of(&wanted.key),
        algorithm_of(&signer.public()),
        "compared above"
    );
    Ok(IssuerPaper {
        is_test: wanted.is_test,
        issuer: wanted.issuer,
        head: wanted.head,
        expires: wanted.expires,
        serial,
        index: terms.index,
        certificate,
        rest,
    })
}

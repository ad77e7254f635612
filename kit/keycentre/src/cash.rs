//! The e-cash authority: its keys, and certificates of issuers of e-cashes.

use tongtu_ecash::oda::NumberHead;
use tongtu_ecash::oda::paper::{AuthorityPaper, IssuerApplication, IssuerPaper};
use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_services::keyroom::{Act, Done, key_label};
use tongtu_services::personalising::cash_application;
use tongtu_types::{InstitutionCode, MonthYear};

use crate::officers::{FOUNDERS, Seats};
use crate::{CentreError, KeyCentre, Store};

impl KeyCentre {
    /// Makes a key of the e-cash authority under an index; what terminals are given of it.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn cash_authority(
        &mut self,
        algorithm: KeyAlgorithm,
        index: u8,
    ) -> Result<AuthorityPaper, CentreError> {
        let key = self.own_under(index, Purpose::CashAuthority, algorithm)?;
        let done = self.by_founders(Act::PublishAuthority { key }, 2..4)?;
        Ok(AuthorityPaper::parse(&text(done))?)
    }

    /// Certifies an issuer's e-cash key that is in its store: applied for with proof, approved,
    /// signed.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn certify_cash(
        &mut self,
        issuer: InstitutionCode,
        algorithm: KeyAlgorithm,
        wanted: (NumberHead, MonthYear),
        store: &mut Store,
    ) -> Result<IssuerPaper, CentreError> {
        let current = |city, purpose| {
            let slot = Slot {
                city,
                purpose,
                algorithm,
            };
            let key = self.book().current(slot, self.now);
            key.ok_or(CentreError::NoKey { slot })
        };
        let own = current(issuer.city(), Purpose::CashIssuer)?;
        let nation = InstitutionCode::national().city();
        let key = current(nation, Purpose::CashAuthority)?;
        let label = key_label(own);
        let made = cash_application(&mut store.custody, label, (true, issuer), wanted)?;
        // What the issuer sends is text, and read like anybody's.
        let application = Box::new(IssuerApplication::parse(&made.text())?);
        let done = self.by_founders(Act::ApproveCash { application }, 0..2)?;
        let certificate = done.certificate.unwrap_or_default();
        let done = self.by_founders(Act::IssueCash { certificate, key }, 2..4)?;
        Ok(IssuerPaper::parse(&text(done))?)
    }

    /// An act that founders sign: key officer, approver, two custodians.
    fn by_founders(
        &mut self,
        act: Act,
        which: std::ops::Range<usize>,
    ) -> Result<Done, CentreError> {
        let founders = FOUNDERS.map(|(role, person)| Seats::nation().officer(role, person));
        self.act(act, &founders[which])
    }
}

/// The paper that came of an act.
fn text(done: Done) -> String {
    String::from_utf8(done.container.unwrap_or_default()).unwrap_or_default()
}

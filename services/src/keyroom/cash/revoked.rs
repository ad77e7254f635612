//! Certificates of e-cash issuers that are taken back, and the lists of them that terminals have.

use std::collections::BTreeMap;

use tongtu_keyring::code::{Cause, Role};
use tongtu_keyring::{KeyBook, KeyNumber, Signers};
use tongtu_types::{InstitutionCode, MonthYear, Timestamp};

use super::{CashBook, CashEntry, CashRefusal};

impl CashEntry {
    /// Why its certificate was taken back, if it was.
    #[must_use]
    pub const fn revoked(&self) -> Option<Cause> {
        self.revoked
    }
}

impl CashBook {
    /// Whether these officers may take a certificate back: as with certificates for ride codes, two
    /// supervisors of the authority of the issuer's city, its province or the nation.
    pub(crate) fn may_revoke(
        &self,
        certificate: u32,
        signers: &Signers,
        keys: &KeyBook,
        at: Timestamp,
    ) -> Result<(), CashRefusal> {
        let entry = self.entry(certificate);
        let entry = entry.filter(|entry| entry.issued.is_some() && entry.revoked.is_none());
        let found = certificate;
        let entry = entry.ok_or(CashRefusal::NotIssued { found })?;
        let issuer = entry.application.issuer;
        let province = keys.cities().province_of(issuer.city());
        let is_over_it = |at: InstitutionCode| {
            at == InstitutionCode::national() || Some(at) == province || at.city() == issuer.city()
        };
        let are_they = match signers {
            Signers::Two(first, second) => {
                let each = [first, second].into_iter().all(|officer| {
                    officer.role == Role::Supervisor && is_over_it(officer.institution)
                });
                each && !first.is_same_person(second)
            }
            Signers::System | Signers::One(_) => false,
        };
        if !are_they {
            let expected =
                "two supervisors of the authority of the issuer's city, province or nation";
            return Err(CashRefusal::Officers { expected });
        }
        if entry.application.expires.is_past(at) {
            return Err(CashRefusal::Over);
        }
        Ok(())
    }

    /// Serial numbers of the certificates of a key that are good no more, each with its last month;
    /// those whose month is over at `at` are not among them.
    #[must_use]
    pub fn revoked_of(&self, key: KeyNumber, at: Timestamp) -> BTreeMap<[u8; 3], MonthYear> {
        let issued = self.entries.iter().filter(|entry| entry.revoked.is_some());
        let issued = issued.filter_map(|entry| entry.issued.as_ref());
        issued
            .filter(|(by, paper)| *by == key && !paper.expires.is_past(at))
            .map(|(_, paper)| (paper.serial, paper.expires))
            .collect()
    }
}

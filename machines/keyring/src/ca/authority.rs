//! The authority's book: decides whether a step may follow, has the signer sign, and takes it in.

use alloc::collections::BTreeMap;

use tongtu_crypto::Signer;
use tongtu_ride_code::Root;
use tongtu_ride_code::layout::{CertificateApplication, IssuerCertificate};
use tongtu_types::{InstitutionCode, MonthYear, Timestamp};

use super::admission::{check_duty, province_of};
use super::code::{CertificateStage, Step};
use super::event::{DraftBody, Event, What};
use super::refusal::{Refusal, ReplayError};
use crate::Cities;
use crate::duty::Seats;
use crate::record::Signers;

/// A step that somebody wants to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// For which certificate; 0 for a root.
    pub certificate: u32,
    /// By whom.
    pub signers: Signers,
    /// What.
    pub what: What,
}

/// A root in the book.
#[derive(Debug, Clone)]
pub struct RootEntry {
    pub(super) root: Root,
    pub(super) ended: bool,
    /// Since when it is retired; none when it ended with its month.
    pub(super) retired_at: Option<Timestamp>,
    pub(super) noticed: Option<u16>,
}

impl RootEntry {
    /// The root.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Whether certificates may stand under it at `at`.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        !self.ended && !self.root.certificate().expiry.is_past(at)
    }
}

impl PartialEq for RootEntry {
    fn eq(&self, other: &Self) -> bool {
        let of = |entry: &Self| (entry.ended, entry.retired_at, entry.noticed);
        of(self) == of(other) && self.root.certificate() == other.root.certificate()
    }
}

impl Eq for RootEntry {}

/// An issuer's certificate in the book, from its draft on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub(super) number: u32,
    pub(super) draft: DraftBody,
    pub(super) application: Option<CertificateApplication>,
    pub(super) certificate: Option<IssuerCertificate>,
    pub(super) superseded_by: Option<u32>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) noticed: Option<u16>,
    pub(super) stage: CertificateStage,
}

impl Certificate {
    /// Its number in the book.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Issuer, root, expiry and serial number.
    #[must_use]
    pub const fn draft(&self) -> &DraftBody {
        &self.draft
    }

    /// The application, once it was submitted.
    #[must_use]
    pub const fn application(&self) -> Option<&CertificateApplication> {
        self.application.as_ref()
    }

    /// The certificate, once it was issued.
    #[must_use]
    pub const fn certificate(&self) -> Option<&IssuerCertificate> {
        self.certificate.as_ref()
    }

    /// The newer one, once that was activated.
    #[must_use]
    pub const fn superseded_by(&self) -> Option<u32> {
        self.superseded_by
    }

    /// Since when it is revoked.
    #[must_use]
    pub const fn revoked_at(&self) -> Option<Timestamp> {
        self.revoked_at
    }

    /// How far it is, by what was recorded.
    #[must_use]
    pub const fn stage(&self) -> CertificateStage {
        self.stage
    }

    /// Whether codes under it are good at `at`, as far as its own month and stage go.
    pub(super) fn is_good(&self, at: Timestamp) -> bool {
        self.stage.is_good() && !self.draft.expiry.is_past(at)
    }

    /// First moment after its month.
    #[must_use]
    pub fn over_at(&self) -> Timestamp {
        self.draft.expiry.ends_before()
    }
}

/// The authority's book: roots, and the certificates of all issuers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) roots: BTreeMap<u8, RootEntry>,
    /// How often the set of roots changed: the version of the root file.
    pub(super) root_version: u32,
    pub(super) certificates: BTreeMap<u32, Certificate>,
}

impl Authority {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book that events make, each of them checked again, signatures included.
    ///
    /// # Errors
    /// [`ReplayError`] naming the first event that cannot follow on those before it.
    pub fn replay<'a>(
        events: impl IntoIterator<Item = &'a Event>,
        cities: &Cities,
    ) -> Result<Self, ReplayError> {
        let mut book = Self::new();
        for event in events {
            book.admit(event, cities).map_err(|refusal| ReplayError {
                number: event.number,
                refusal,
            })?;
            book.apply(event);
        }
        Ok(book)
    }

    /// Decides on a step; changes nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn decide(&self, deed: Deed, cities: &Cities) -> Result<Event, Refusal> {
        let event = Event {
            number: self.number + 1,
            at: deed.at,
            certificate: deed.certificate,
            signers: deed.signers,
            what: deed.what,
        };
        self.admit(&event, cities)?;
        Ok(event)
    }

    /// Has the signer make a root of its own key.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies; the signer is asked last.
    pub fn issue_root(
        &self,
        (ca_index, expiry): (u8, MonthYear),
        at: Timestamp,
        signers: Signers,
        signer: &mut dyn Signer,
        cities: &Cities,
    ) -> Result<Event, Refusal> {
        let public = signer.public();
        self.check_time(at)?;
        check_duty(Step::RootIssued, None, &signers, &Seats::national())?;
        self.check_new_root(ca_index, expiry, &public, at)?;
        let root = Root::self_sign_with(ca_index, expiry, &public, |bytes| {
            signer.sign_checked(bytes).map_err(Refusal::from)
        })?;
        let deed = Deed {
            at,
            certificate: 0,
            signers,
            what: What::RootIssued(root.certificate().clone()),
        };
        self.decide(deed, cities)
    }

    /// What an issuer drafts: its next serial number, under a root, up to a month.
    ///
    /// # Errors
    /// [`Refusal::OutOfScope`] when its city is not registered, [`Refusal::SerialsOver`] when it
    /// has no serial number left.
    pub fn draft(
        &self,
        issuer: InstitutionCode,
        (ca_index, expiry): (u8, MonthYear),
        cities: &Cities,
    ) -> Result<DraftBody, Refusal> {
        Ok(DraftBody {
            province: province_of(issuer, cities)?,
            issuer,
            ca_index,
            expiry,
            serial: self.next_serial(issuer)?,
        })
    }

    /// The number that the next draft has.
    #[must_use]
    pub fn next_certificate(&self) -> u32 {
        let last = self.certificates.last_key_value().map(|(n, _)| *n);
        last.unwrap_or(0).saturating_add(1)
    }

    /// Has the signer of the root sign an approved application.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies; the signer is asked last.
    pub fn issue(
        &self,
        certificate: u32,
        at: Timestamp,
        signers: Signers,
        signer: &mut dyn Signer,
        cities: &Cities,
    ) -> Result<Event, Refusal> {
        self.check_time(at)?;
        let entry = self.check_step(certificate, Step::Issued, &signers)?;
        let root = self.check_live(&entry.draft, at)?;
        let ca_index = entry.draft.ca_index;
        if signer.public() != *root.key() {
            return Err(Refusal::ForeignSigner { ca_index });
        }
        let application = entry.application.as_ref();
        let application = application.expect("an approved one was submitted");
        let issued = root.certify_with(application, |bytes| {
            signer.sign_checked(bytes).map_err(Refusal::from)
        })?;
        let deed = Deed {
            at,
            certificate,
            signers,
            what: What::Issued(issued),
        };
        self.decide(deed, cities)
    }

    /// Whether an event may be the next of the book; changes nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn admit(&self, event: &Event, cities: &Cities) -> Result<(), Refusal> {
        let expected = self.number + 1;
        if event.number != expected {
            return Err(Refusal::OutOfOrder {
                found: event.number,
                expected,
            });
        }
        self.check_time(event.at)?;
        if event.what.is_of_root() {
            return self.admit_root(event);
        }
        if let What::Drafted(draft) = &event.what {
            return self.admit_draft(event, draft, cities);
        }
        let step = event.what.step();
        let entry = self.check_step(event.certificate, step, &event.signers)?;
        self.check_content(entry, event)
    }

    /// Makes an event part of the book.
    ///
    /// # Panics
    /// When the event is not the next one of this book: a fault of the program, for whoever
    /// applies an event decided it or replays it.
    pub fn apply(&mut self, event: &Event) {
        assert!(
            event.number == self.number + 1,
            "event {} is applied after event {}",
            event.number,
            self.number
        );
        self.number = event.number;
        self.at = event.at;
        match &event.what {
            What::RootIssued(certificate) => {
                let bytes = certificate.encode().expect("it was decoded or made");
                let root = Root::verify(&bytes).expect("admitted as it verifies");
                let entry = RootEntry {
                    root,
                    ended: false,
                    retired_at: None,
                    noticed: None,
                };
                self.roots.insert(certificate.ca_index, entry);
                self.root_version = self.root_version.saturating_add(1);
            }
            What::RootRetired { ca_index, .. } | What::RootExpired { ca_index } => {
                let retired = matches!(event.what, What::RootRetired { .. });
                let root = self.root_mut(*ca_index);
                root.ended = true;
                root.retired_at = retired.then_some(event.at);
                self.root_version = self.root_version.saturating_add(1);
            }
            What::RootNoticed { ca_index, days } => {
                self.root_mut(*ca_index).noticed = Some(*days);
            }
            What::Drafted(draft) => {
                let entry = Certificate {
                    number: event.certificate,
                    draft: draft.clone(),
                    application: None,
                    certificate: None,
                    superseded_by: None,
                    revoked_at: None,
                    noticed: None,
                    stage: CertificateStage::Drafted,
                };
                self.certificates.insert(event.certificate, entry);
            }
            _ => self.take_in(event),
        }
    }

    fn take_in(&mut self, event: &Event) {
        if let What::Activated {
            supersedes: Some(older),
        } = event.what
        {
            let older = self.certificates.get_mut(&older);
            let older = older.expect("admitted with this certificate");
            older.stage = CertificateStage::Superseded;
            older.superseded_by = Some(event.certificate);
        }
        let entry = self
            .certificates
            .get_mut(&event.certificate)
            .expect("admitted with its certificate");
        let stage = match &event.what {
            What::RootIssued(_)
            | What::RootRetired { .. }
            | What::RootExpired { .. }
            | What::RootNoticed { .. }
            | What::Drafted(_) => unreachable!("taken in before"),
            What::Noticed { days } => {
                entry.noticed = Some(*days);
                return;
            }
            What::Submitted(application) => {
                entry.application = Some(application.clone());
                CertificateStage::Submitted
            }
            What::Approved => CertificateStage::Approved,
            What::Refused(_) => CertificateStage::Refused,
            What::Issued(certificate) => {
                entry.certificate = Some(certificate.clone());
                CertificateStage::Issued
            }
            What::Activated { .. } => CertificateStage::Active,
            What::Expired => CertificateStage::Expired,
            What::Revoked(_) => {
                entry.revoked_at = Some(event.at);
                CertificateStage::Revoked
            }
        };
        entry.stage = stage;
    }

    fn root_mut(&mut self, ca_index: u8) -> &mut RootEntry {
        self.roots
            .get_mut(&ca_index)
            .expect("admitted with its root")
    }

    /// A certificate, from its draft on.
    #[must_use]
    pub fn certificate(&self, number: u32) -> Option<&Certificate> {
        self.certificates.get(&number)
    }

    /// All certificates, by number.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.values()
    }

    /// All roots, by index, those that ended too.
    pub fn roots(&self) -> impl Iterator<Item = &RootEntry> {
        self.roots.values()
    }

    /// The certificate that an issuer signs with at `at`; at most one there is.
    #[must_use]
    pub fn current(&self, issuer: InstitutionCode, at: Timestamp) -> Option<&Certificate> {
        self.leader(issuer).filter(|entry| self.is_good(entry, at))
    }

    /// Whether codes under a certificate are good at `at`: it is in use or was superseded, its
    /// month is not over, and its root is live.
    #[must_use]
    pub fn is_good(&self, certificate: &Certificate, at: Timestamp) -> bool {
        let root = self.roots.get(&certificate.draft.ca_index);
        certificate.is_good(at) && root.is_some_and(|root| root.is_live(at))
    }

    /// The number of the last event, 0 before the first.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.number
    }

    /// The time of the last event.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.at
    }

    /// An issuer's active certificate, its month over or not.
    pub(super) fn leader(&self, issuer: InstitutionCode) -> Option<&Certificate> {
        let active = |entry: &&Certificate| {
            entry.draft.issuer == issuer && entry.stage == CertificateStage::Active
        };
        self.certificates.values().rev().find(active)
    }
}

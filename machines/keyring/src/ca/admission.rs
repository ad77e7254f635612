//! The checks before a step of the authority: who, after what, and what it says.

use tongtu_crypto::PublicKey;
use tongtu_ride_code::Root;
use tongtu_ride_code::certificate::check_application;
use tongtu_ride_code::layout::{
    CertificateApplication, IssuerCertificate, RID_TRANSPORT, RootCertificate, SERVICE_TRANSPORT,
};
use tongtu_types::{InstitutionCode, MonthYear, Timestamp};

use super::authority::{Authority, Certificate};
use super::code::{CertificateStage, CertificateStages, Duty, Step};
use super::event::{DraftBody, Event, What};
use super::refusal::Refusal;
use crate::Cities;
use crate::code::Cause;
use crate::duty::{self, Seats};
use crate::policy;
use crate::record::Signers;

/// The last serial number that three bytes have.
const SERIAL_MAX: u32 = 0x00FF_FFFF;

/// The province of an issuer's city, if it is an issuer and its city is registered.
pub(super) fn province_of(
    issuer: InstitutionCode,
    cities: &Cities,
) -> Result<InstitutionCode, Refusal> {
    if issuer != issuer.as_issuer() {
        return Err(Refusal::NotIssuer { issuer });
    }
    let city = issuer.city();
    cities
        .province_of(city)
        .ok_or(Refusal::OutOfScope { issuer, city })
}

pub(super) fn check_duty(
    step: Step,
    stage: Option<CertificateStage>,
    signers: &Signers,
    seats: &Seats,
) -> Result<(), Refusal> {
    let (row, _) = Duty::of(step, stage);
    duty::check((row.first, row.second), signers, seats, None)
        .map_err(|fault| Refusal::Duty { step, fault })
}

const fn seats_of(draft: &DraftBody, city: tongtu_types::CityCode) -> Seats {
    Seats {
        province: draft.province,
        holder: draft.issuer,
        city,
    }
}

impl Authority {
    pub(super) fn check_time(&self, at: Timestamp) -> Result<(), Refusal> {
        let last = self.at;
        if at < last {
            return Err(Refusal::BackInTime { at, last });
        }
        Ok(())
    }

    pub(super) fn check_new_root(
        &self,
        ca_index: u8,
        expiry: MonthYear,
        public: &PublicKey,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        if self.roots.contains_key(&ca_index) {
            return Err(Refusal::RootIndex { ca_index });
        }
        if expiry.is_past(at) {
            return Err(Refusal::Past { expiry, at });
        }
        self.check_key_is_new(public, 0)
    }

    /// Each root and each certificate has a key of its own; a refused application does not count.
    fn check_key_is_new(&self, public: &PublicKey, certificate: u32) -> Result<(), Refusal> {
        if self.roots.values().any(|entry| entry.root.key() == public) {
            return Err(Refusal::KeyAgain { whose: "a root" });
        }
        let compressed = public.to_compressed();
        let has_it = |entry: &Certificate| {
            entry.number != certificate
                && entry.stage != CertificateStage::Refused
                && (entry.application.as_ref()).is_some_and(|a| a.public_key == compressed)
        };
        if self.certificates.values().any(has_it) {
            let whose = "another certificate";
            return Err(Refusal::KeyAgain { whose });
        }
        Ok(())
    }

    pub(super) fn admit_root(&self, event: &Event) -> Result<(), Refusal> {
        let (step, at) = (event.what.step(), event.at);
        if event.certificate != 0 {
            return Err(Refusal::Certificate {
                found: event.certificate,
                step,
                expected: "0, for it is of a root",
            });
        }
        check_duty(step, None, &event.signers, &Seats::national())?;
        let live = |ca_index: u8| {
            let entry = self.roots.get(&ca_index).filter(|entry| !entry.ended);
            entry.ok_or(Refusal::NoRoot { ca_index })
        };
        let due = |holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(Refusal::NotDue { step, at })
            }
        };
        match &event.what {
            What::RootIssued(certificate) => self.check_root(certificate, at),
            What::RootRetired { ca_index, cause } => {
                live(*ca_index)?;
                let good = self
                    .certificates
                    .values()
                    .find(|entry| entry.draft.ca_index == *ca_index && entry.is_good(at));
                match good {
                    Some(entry) if *cause != Cause::Compromise => Err(Refusal::RootInUse {
                        ca_index: *ca_index,
                        certificate: entry.number,
                    }),
                    _ => Ok(()),
                }
            }
            What::RootExpired { ca_index } => {
                due(live(*ca_index)?.root.certificate().expiry.is_past(at))
            }
            What::RootNoticed { ca_index, days } => {
                let entry = live(*ca_index)?;
                let until = entry.root.certificate().expiry.ends_before();
                let notice = policy::notice_due(until, entry.noticed, at);
                due(notice.is_some_and(|(d, _)| d == *days))
            }
            _ => unreachable!("asked for steps of roots only"),
        }
    }

    fn check_root(&self, certificate: &RootCertificate, at: Timestamp) -> Result<(), Refusal> {
        let bytes = certificate
            .encode()
            .expect("a root certificate has no field that can be too long");
        let root = Root::verify(&bytes)?;
        let differs = |field| Refusal::Differs {
            certificate: 0,
            field,
            of: "scheme",
        };
        if certificate.service_id != SERVICE_TRANSPORT {
            return Err(differs("service identifier"));
        }
        if certificate.rid != RID_TRANSPORT {
            return Err(differs("RID"));
        }
        self.check_new_root(certificate.ca_index, certificate.expiry, root.key(), at)
    }

    pub(super) fn admit_draft(
        &self,
        event: &Event,
        draft: &DraftBody,
        cities: &Cities,
    ) -> Result<(), Refusal> {
        let (step, issuer) = (Step::Drafted, draft.issuer);
        if event.certificate != self.next_certificate() {
            return Err(Refusal::Certificate {
                found: event.certificate,
                step,
                expected: "the number after the last one",
            });
        }
        let province = province_of(issuer, cities)?;
        if draft.province != province {
            return Err(Refusal::Differs {
                certificate: event.certificate,
                field: "province",
                of: "register of cities",
            });
        }
        check_duty(step, None, &event.signers, &seats_of(draft, issuer.city()))?;
        self.check_live(draft, event.at)?;
        let expected = self.next_serial(issuer)?;
        if draft.serial != expected {
            return Err(Refusal::Serial {
                issuer,
                found: draft.serial,
                expected,
            });
        }
        Ok(())
    }

    /// The issuer's next serial number: one more than its last, those that were refused included.
    pub(super) fn next_serial(&self, issuer: InstitutionCode) -> Result<[u8; 3], Refusal> {
        let of_issuer = self
            .certificates
            .values()
            .filter(|entry| entry.draft.issuer == issuer);
        let number = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
        let last = of_issuer.map(|entry| number(entry.draft.serial)).max();
        let next = last.unwrap_or(0).saturating_add(1);
        if next > SERIAL_MAX {
            return Err(Refusal::SerialsOver { issuer });
        }
        let [_, a, b, c] = next.to_be_bytes();
        Ok([a, b, c])
    }

    /// The certificate of a step, when those who signed may take that step on it now.
    pub(super) fn check_step(
        &self,
        number: u32,
        step: Step,
        signers: &Signers,
    ) -> Result<&Certificate, Refusal> {
        let entry = self.certificate(number).ok_or(Refusal::Certificate {
            found: number,
            step,
            expected: "a certificate of the book",
        })?;
        let (row, may_follow) = Duty::of(step, Some(entry.stage));
        if !may_follow {
            return Err(Refusal::Follows {
                certificate: number,
                stage: entry.stage,
                step,
                expected: CertificateStages(row.after),
            });
        }
        let seats = seats_of(&entry.draft, entry.draft.issuer.city());
        check_duty(step, Some(entry.stage), signers, &seats)?;
        Ok(entry)
    }

    /// The draft's root, when it is live and the draft's month is neither over nor beyond it.
    pub(super) fn check_live(&self, draft: &DraftBody, at: Timestamp) -> Result<&Root, Refusal> {
        let (ca_index, requested) = (draft.ca_index, draft.expiry);
        let entry = self.roots.get(&ca_index).filter(|entry| entry.is_live(at));
        let root = &entry.ok_or(Refusal::NoRoot { ca_index })?.root;
        if requested.is_past(at) {
            return Err(Refusal::Past {
                expiry: requested,
                at,
            });
        }
        let root_expiry = root.certificate().expiry;
        if requested > root_expiry {
            return Err(Refusal::Term {
                requested,
                ca_index,
                root: root_expiry,
            });
        }
        Ok(root)
    }

    /// What a step says beyond who and after what.
    pub(super) fn check_content(&self, entry: &Certificate, event: &Event) -> Result<(), Refusal> {
        let (at, step) = (event.at, event.what.step());
        let due = |holds: bool| {
            if holds {
                Ok(())
            } else {
                Err(Refusal::NotDue { step, at })
            }
        };
        match &event.what {
            What::Submitted(application) => {
                self.check_live(&entry.draft, at)?;
                self.check_submitted(entry, application)
            }
            What::Issued(certificate) => {
                let root = self.check_live(&entry.draft, at)?;
                check_issued(entry, certificate, root)
            }
            What::Activated { supersedes } => {
                self.check_live(&entry.draft, at)?;
                let expected = self.leader(entry.draft.issuer).map(Certificate::number);
                if *supersedes != expected {
                    return Err(Refusal::Supersedes {
                        certificate: entry.number,
                        found: *supersedes,
                        expected,
                    });
                }
                Ok(())
            }
            What::Expired => due(entry.draft.expiry.is_past(at)),
            What::Noticed { days } => {
                let notice = policy::notice_due(entry.over_at(), entry.noticed, at);
                due(notice.is_some_and(|(d, _)| d == *days))
            }
            What::Approved | What::Refused(_) | What::Revoked(_) => Ok(()),
            What::RootIssued(_)
            | What::RootRetired { .. }
            | What::RootExpired { .. }
            | What::RootNoticed { .. }
            | What::Drafted(_) => unreachable!("admitted elsewhere"),
        }
    }

    fn check_submitted(
        &self,
        entry: &Certificate,
        application: &CertificateApplication,
    ) -> Result<(), Refusal> {
        check_application(application)?;
        let draft = &entry.draft;
        let field = if application.issuer != draft.issuer {
            "issuer"
        } else if application.expiry != draft.expiry {
            "expiry"
        } else if application.tracking != draft.serial {
            "tracking number"
        } else {
            let key = PublicKey::from_compressed(&application.public_key)
                .expect("the proof was verified with it");
            return self.check_key_is_new(&key, entry.number);
        };
        Err(Refusal::Differs {
            certificate: entry.number,
            field,
            of: "draft",
        })
    }
}

fn check_issued(
    entry: &Certificate,
    certificate: &IssuerCertificate,
    root: &Root,
) -> Result<(), Refusal> {
    let application = entry.application.as_ref();
    let application = application.expect("an approved one was submitted");
    certificate.check_format(&SERVICE_TRANSPORT)?;
    certificate.check_signature(root)?;
    let field = if certificate.issuer != application.issuer {
        "issuer"
    } else if certificate.expiry != application.expiry {
        "expiry"
    } else if certificate.serial != application.tracking {
        "serial number"
    } else if certificate.public_key != application.public_key {
        "public key"
    } else if certificate.encryption_algorithm != application.encryption_algorithm {
        "encryption algorithm"
    } else {
        return Ok(());
    };
    Err(Refusal::Differs {
        certificate: entry.number,
        field,
        of: "application",
    })
}

//! Whose a certificate is, and whether it may link now.

use tongtu_types::{InstitutionCode, Timestamp};

use crate::{Fingerprint, Institution, Link, Register, Standing};

/// Why a certificate may not link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkRefusal {
    /// The register does not have it.
    #[error("certificate {0} is not in the register")]
    Unknown(Fingerprint),
    /// Its term has not begun.
    #[error("certificate {fingerprint} of {institution} is in force from {from} only")]
    NotYet {
        /// Which one.
        fingerprint: Fingerprint,
        /// Whose.
        institution: InstitutionCode,
        /// When it begins.
        from: Timestamp,
    },
    /// Its term is over.
    #[error("certificate {fingerprint} of {institution} ended at {until}")]
    Ended {
        /// Which one.
        fingerprint: Fingerprint,
        /// Whose.
        institution: InstitutionCode,
        /// When it ended.
        until: Timestamp,
    },
    /// Its institution is not admitted.
    #[error("institution {institution} is {standing}")]
    Standing {
        /// Whose certificate it is.
        institution: InstitutionCode,
        /// Where that institution stands.
        standing: Standing,
    },
    /// It is another institution's.
    #[error("a certificate of {found}, expected one of {expected}")]
    Other {
        /// Whose it is.
        found: InstitutionCode,
        /// Whose it should be.
        expected: InstitutionCode,
    },
    /// It does not name the institution that the register says.
    #[error("certificate {fingerprint} does not name {institution}, as the register has it")]
    Claim {
        /// Which one.
        fingerprint: Fingerprint,
        /// Whose the register says it is.
        institution: InstitutionCode,
    },
    /// The institution is not in the register.
    #[error("institution {0} is not in the register")]
    NoInstitution(InstitutionCode),
}

impl Register {
    /// Whose certificate this is, if it may link at `now`.
    ///
    /// # Errors
    /// [`LinkRefusal`]; the institution's standing is told before the term of its certificate.
    pub fn judge(
        &self,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<&Institution, LinkRefusal> {
        let link = self
            .link(fingerprint)
            .ok_or(LinkRefusal::Unknown(fingerprint))?;
        let institution = self.admitted(link.institution)?;
        link.in_force(now)?;
        Ok(institution)
    }

    /// An institution that takes part.
    ///
    /// # Errors
    /// [`LinkRefusal`] when it is not in the register, suspended or removed.
    pub fn admitted(&self, code: InstitutionCode) -> Result<&Institution, LinkRefusal> {
        let code = code.home();
        let institution = self
            .institution(code)
            .ok_or(LinkRefusal::NoInstitution(code))?;
        match institution.standing {
            Standing::Admitted => Ok(institution),
            standing => Err(LinkRefusal::Standing {
                institution: code,
                standing,
            }),
        }
    }
}

impl Link {
    /// Whether its term has begun and not ended; where its institution stands is not asked.
    ///
    /// # Errors
    /// [`LinkRefusal::NotYet`], [`LinkRefusal::Ended`].
    pub fn in_force(&self, now: Timestamp) -> Result<(), LinkRefusal> {
        let (fingerprint, institution) = (self.fingerprint, self.institution);
        if now < self.from {
            let from = self.from;
            return Err(LinkRefusal::NotYet {
                fingerprint,
                institution,
                from,
            });
        }
        if now >= self.until {
            let until = self.until;
            return Err(LinkRefusal::Ended {
                fingerprint,
                institution,
                until,
            });
        }
        Ok(())
    }
}

//! What both ends of every connection ask: which certificate to show, whose the other's is.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use tongtu_register::{Fingerprint, LinkRefusal, Register, RegisterError};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::identity::{Identity, LinkName, fingerprint_of};

/// Says what time it is.
pub type LinkClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The institution whose certificate it showed, by the code that the register has.
    pub institution: InstitutionCode,
    /// That certificate.
    pub fingerprint: Fingerprint,
}

impl Peer {
    /// Whether it is this institution, in whichever role.
    #[must_use]
    pub fn is(&self, institution: InstitutionCode) -> bool {
        self.institution == institution.home()
    }
}

/// The register and the own certificates as they are now; shared by all connections.
pub struct Link {
    own: Option<InstitutionCode>,
    clock: LinkClock,
    now: RwLock<Arc<Current>>,
}

struct Current {
    register: Register,
    identities: Vec<Identity>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current();
        f.debug_struct("Link")
            .field("own", &self.own)
            .field("register", &current.register.version())
            .field("identities", &current.identities)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// The link of an institution that has these certificates.
    #[must_use]
    pub fn new(
        own: InstitutionCode,
        identities: Vec<Identity>,
        register: Register,
        clock: LinkClock,
    ) -> Arc<Self> {
        Self::of(Some(own.home()), identities, register, clock)
    }

    /// The link of somebody who calls and shows no certificate, such as a terminal.
    #[must_use]
    pub fn without_certificate(register: Register, clock: LinkClock) -> Arc<Self> {
        Self::of(None, Vec::new(), register, clock)
    }

    fn of(
        own: Option<InstitutionCode>,
        identities: Vec<Identity>,
        register: Register,
        clock: LinkClock,
    ) -> Arc<Self> {
        let current = Current {
            register,
            identities,
        };
        Arc::new(Self {
            own,
            clock,
            now: RwLock::new(Arc::new(current)),
        })
    }

    /// Whose link it is.
    #[must_use]
    pub const fn own(&self) -> Option<InstitutionCode> {
        self.own
    }

    /// The register's version.
    #[must_use]
    pub fn register_version(&self) -> u64 {
        self.current().register.version()
    }

    /// Goes by another register and other certificates from the next connection on.
    ///
    /// # Errors
    /// [`RegisterError::NotNewer`], and nothing changed, for a register older than the one held.
    pub fn change(
        &self,
        identities: Vec<Identity>,
        register: Register,
    ) -> Result<(), RegisterError> {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        register.check_newer(&now.register)?;
        *now = Arc::new(Current {
            register,
            identities,
        });
        Ok(())
    }

    /// Goes by another register from the next connection on; the certificates stay.
    ///
    /// # Errors
    /// As [`Link::change`].
    pub fn follow(&self, register: Register) -> Result<(), RegisterError> {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        register.check_newer(&now.register)?;
        let identities = now.identities.clone();
        *now = Arc::new(Current {
            register,
            identities,
        });
        Ok(())
    }

    /// That this register would be followed.
    ///
    /// # Errors
    /// As [`Link::change`]; nothing is changed either way.
    pub fn check_newer(&self, register: &Register) -> Result<(), RegisterError> {
        register.check_newer(&self.current().register)
    }

    /// Whose certificate this is, if it may link now.
    ///
    /// # Errors
    /// [`LinkRefusal`].
    pub fn judge(&self, fingerprint: Fingerprint) -> Result<Peer, LinkRefusal> {
        let current = self.current();
        let institution = current.register.judge(fingerprint, (self.clock)())?.code;
        Ok(Peer {
            institution,
            fingerprint,
        })
    }

    /// Whether an institution takes part, as far as the register knows.
    ///
    /// # Errors
    /// [`LinkRefusal`] when it is unknown, suspended or removed.
    pub fn admitted(&self, institution: InstitutionCode) -> Result<(), LinkRefusal> {
        self.current().register.admitted(institution).map(drop)
    }

    /// The certificate to show now: of those in force, the one whose term began last.
    #[must_use]
    pub fn shown(&self) -> Option<Fingerprint> {
        self.identity().map(|identity| identity.fingerprint())
    }

    pub(crate) fn shown_key(&self) -> Option<Arc<CertifiedKey>> {
        self.identity().map(|identity| identity.key())
    }

    fn identity(&self) -> Option<Identity> {
        let current = self.current();
        let now = (self.clock)();
        let register = &current.register;
        let begun = |identity: &&Identity| {
            let fingerprint = identity.fingerprint();
            let judged = register.judge(fingerprint, now).ok()?;
            let from = register.link(fingerprint)?.from;
            (Some(judged.code) == self.own).then_some((from, fingerprint))
        };
        let in_force = current.identities.iter().filter(|i| begun(i).is_some());
        in_force.max_by_key(begun).cloned()
    }

    /// Judges a certificate at a handshake: by the register, and by what it claims itself.
    pub(crate) fn judge_certificate(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Result<Peer, LinkRefusal> {
        let fingerprint = fingerprint_of(certificate);
        let peer = self.judge(fingerprint)?;
        if !LinkName::of(peer.institution).is_in(certificate) {
            return Err(LinkRefusal::Claim {
                fingerprint,
                institution: peer.institution,
            });
        }
        Ok(peer)
    }

    /// Who is at the other end, by the certificate that the handshake accepted.
    ///
    /// # Errors
    /// [`LinkRefusal`] when the register changed meanwhile.
    pub fn peer(&self, certificate: &CertificateDer<'_>) -> Result<Peer, LinkRefusal> {
        self.judge_certificate(certificate)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

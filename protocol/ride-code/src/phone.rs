//! The phone's side: when a code may be drawn, and when the phone must go online first.
//!
//! Time is the caller's trusted time (the platform's offset on a monotonic clock), never the
//! wall clock that a user can set.

use tongtu_crypto::SecretKey;
use tongtu_types::Timestamp;

use crate::produce::ProduceError;
use crate::{RideCode, UserCertificate};

/// Codes that a phone may draw without contact to its platform.
pub const OFFLINE_CODES_MAX: u32 = 20;
/// Seconds without contact after which no code is drawn.
pub const OFFLINE_MAX_S: i64 = 24 * 3600;

/// Why the phone does not draw a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawRefusal {
    /// The platform said that the account is suspended.
    #[error("the account is suspended")]
    Suspended,
    /// As many codes were drawn without contact as may be.
    #[error("{drawn} codes drawn since the last contact; go online")]
    OfflineBudget {
        /// Codes drawn since the last contact.
        drawn: u32,
    },
    /// The last contact is too long ago, or lies in the future: the clock cannot be trusted.
    #[error("last contact {since_s} s ago, expected 0 to 86400; go online")]
    OfflineTime {
        /// Seconds since the last contact.
        since_s: i64,
    },
    /// The certificate or the key does not allow it.
    #[error(transparent)]
    Produce(#[from] ProduceError),
}

/// What a phone holds beside its key: certificate, state, and what it drew since the last
/// contact.
#[derive(Debug, Clone)]
pub struct Phone {
    certificate: UserCertificate,
    is_suspended: bool,
    contact_at: Timestamp,
    drawn: u32,
}

impl Phone {
    /// Begins with a certificate just received from the platform.
    #[must_use]
    pub const fn new(certificate: UserCertificate, contact_at: Timestamp) -> Self {
        Self {
            certificate,
            is_suspended: false,
            contact_at,
            drawn: 0,
        }
    }

    /// The platform was reached: the budget begins anew.
    pub const fn contact(&mut self, at: Timestamp, is_suspended: bool) {
        self.contact_at = at;
        self.is_suspended = is_suspended;
        self.drawn = 0;
    }

    /// Takes a renewed certificate, which only comes with a contact.
    pub fn renew(&mut self, certificate: UserCertificate, at: Timestamp) {
        self.certificate = certificate;
        self.contact(at, false);
    }

    /// The certificate held.
    #[must_use]
    pub const fn certificate(&self) -> &UserCertificate {
        &self.certificate
    }

    /// Seconds after which a shown code is drawn anew: half its validity.
    #[must_use]
    pub fn redraw_after_s(&self) -> i64 {
        i64::from(self.certificate.user().validity_s) / 2
    }

    /// Draws the code of this moment.
    ///
    /// # Errors
    /// [`DrawRefusal`]; each says what the rider has to do.
    pub fn draw(&mut self, now: Timestamp, key: &SecretKey) -> Result<RideCode, DrawRefusal> {
        if self.is_suspended {
            return Err(DrawRefusal::Suspended);
        }
        let since_s = now.since_s(self.contact_at);
        if !(0..=OFFLINE_MAX_S).contains(&since_s) {
            return Err(DrawRefusal::OfflineTime { since_s });
        }
        if self.drawn >= OFFLINE_CODES_MAX {
            return Err(DrawRefusal::OfflineBudget { drawn: self.drawn });
        }
        let code = self.certificate.ride_code(now, key)?;
        self.drawn += 1;
        Ok(code)
    }
}

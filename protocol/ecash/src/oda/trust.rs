//! What a terminal believes before it looks at a card.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Authority, OdaError};

/// The authorities that are believed, and certificates of issuers that they took back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The authorities.
    pub authorities: Vec<Authority>,
    /// Certificates that are good no more: index of the authority and serial number, all of one
    /// scheme (RID).
    pub revoked: BTreeSet<(u8, [u8; 3])>,
}

impl From<Vec<Authority>> for Trust {
    /// Nothing was taken back.
    fn from(authorities: Vec<Authority>) -> Self {
        Self {
            authorities,
            revoked: BTreeSet::new(),
        }
    }
}

impl Trust {
    /// The authority with an index.
    ///
    /// # Errors
    /// [`OdaError::UnknownAuthority`].
    pub fn authority(&self, index: u8) -> Result<&Authority, OdaError> {
        let mut authorities = self.authorities.iter();
        let found = authorities.find(|authority| authority.index == index);
        found.ok_or(OdaError::UnknownAuthority { index })
    }

    /// Whether an issuer's certificate was not taken back (`EMV Book 2` §6.3, step 10).
    ///
    /// # Errors
    /// [`OdaError::Revoked`].
    pub fn check(&self, index: u8, serial: [u8; 3]) -> Result<(), OdaError> {
        if self.revoked.contains(&(index, serial)) {
            Err(OdaError::Revoked { index, serial })
        } else {
            Ok(())
        }
    }
}

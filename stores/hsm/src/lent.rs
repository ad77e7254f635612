//! A key that was opened for many MACs.

use std::fmt;

use crate::custody::MacScheme;
use crate::error::CustodyError;
use crate::material::Material;
use crate::name::KeyName;
use crate::rule::{Operation, admit};

/// A key opened for many MACs. It does what its purpose says and nothing else, shows no byte, and
/// is overwritten when it is dropped: whoever borrows one gives it up when the work is done.
pub struct LentKey {
    name: KeyName,
    material: Material,
}

impl LentKey {
    pub(crate) const fn new(name: KeyName, material: Material) -> Self {
        Self { name, material }
    }

    /// Label and attributes.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Makes a MAC under the key below, or under this one when there are no factors.
    ///
    /// # Errors
    /// [`CustodyError`] when the key does not make such MACs.
    pub fn mac(
        &self,
        factors: &[[u8; 8]],
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        if factors.is_empty() {
            return self.material.mac(scheme, message);
        }
        admit(&self.name, Operation::Derive)?;
        self.material.child(factors)?.mac(scheme, message)
    }

    /// Verifies a MAC, in a time that tells nothing of it.
    ///
    /// # Errors
    /// [`CustodyError::Mac`] when it does not hold.
    pub fn verify_mac(
        &self,
        factors: &[[u8; 8]],
        scheme: MacScheme,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), CustodyError> {
        let expected = zeroize::Zeroizing::new(self.mac(factors, scheme, message)?);
        if tongtu_crypto::equal(&expected, mac) {
            Ok(())
        } else {
            Err(CustodyError::Mac {
                label: self.name.label,
            })
        }
    }
}

impl fmt::Debug for LentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LentKey({})", self.name.label)
    }
}

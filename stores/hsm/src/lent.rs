//! A key that was opened for many MACs.

use std::fmt;

use tongtu_crypto::{TacClaim, TacScheme, TacVerdict, check_tacs};

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

/// A MAC that is said to be that of a key, or of one below it.
#[derive(Debug, Clone, Copy)]
pub struct MacClaim<'a> {
    /// From the lent key down to the one that made it.
    pub factors: &'a [[u8; 8]],
    /// How it was made.
    pub scheme: MacScheme,
    /// Over what.
    pub message: &'a [u8],
    /// The MAC.
    pub mac: &'a [u8],
}

impl LentKey {
    /// Verifies many MACs, each as [`LentKey::verify_mac`] would: whether it holds, in order. TACs
    /// and cryptograms go side by side.
    #[must_use]
    pub fn verify_macs(&self, claims: &[MacClaim<'_>]) -> Vec<bool> {
        let alone = |claim: &MacClaim<'_>| {
            self.verify_mac(claim.factors, claim.scheme, claim.message, claim.mac)
                .is_ok()
        };
        let may_derive = admit(&self.name, Operation::Derive).is_ok();
        let Ok(master) = self.material.block(Operation::Mac) else {
            return claims.iter().map(alone).collect();
        };
        let beside: Vec<Option<TacClaim<'_>>> = claims
            .iter()
            .map(|claim| {
                let scheme = match claim.scheme {
                    MacScheme::Tac => TacScheme::Tac,
                    MacScheme::Cryptogram { block } => TacScheme::Cryptogram { block },
                    _ => return None,
                };
                (may_derive || claim.factors.is_empty()).then_some(TacClaim {
                    master: &master,
                    factors: claim.factors,
                    scheme,
                    message: claim.message,
                    proof: claim.mac,
                })
            })
            .collect();
        let together: Vec<TacClaim<'_>> = beside.iter().flatten().copied().collect();
        let mut verdicts = check_tacs(&together).into_iter();
        let each = claims.iter().zip(&beside);
        each.map(|(claim, beside)| match beside {
            Some(_) => verdicts.next() == Some(TacVerdict::Holds),
            None => alone(claim),
        })
        .collect()
    }
}

impl fmt::Debug for LentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LentKey({})", self.name.label)
    }
}

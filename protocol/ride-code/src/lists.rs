//! Who is refused although the code is genuine.

use alloc::collections::BTreeSet;

use tongtu_crypto::sm3;
use tongtu_types::{CardNumber, InstitutionCode};

/// The blacklists a terminal holds: accounts, user certificates, issuer certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlackLists {
    /// Accounts (黑名单), by their digits.
    pub accounts: BTreeSet<CardNumber>,
    /// User certificates, by SM3 of bytes 3..263+N of their codes.
    pub user_certificates: BTreeSet<sm3::Digest>,
    /// Revoked issuer certificates, by issuer and serial.
    pub issuer_certificates: BTreeSet<(InstitutionCode, [u8; 3])>,
}

impl BlackLists {
    /// Whether any of the three names this code.
    #[must_use]
    pub fn names(
        &self,
        account: &CardNumber,
        issuer: InstitutionCode,
        serial: [u8; 3],
        user_certificate: impl FnOnce() -> sm3::Digest,
    ) -> bool {
        self.accounts.contains(account)
            || self.issuer_certificates.contains(&(issuer, serial))
            || (!self.user_certificates.is_empty()
                && self.user_certificates.contains(&user_certificate()))
    }
}

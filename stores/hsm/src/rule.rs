//! What keys do, by their purpose and algorithm.

use std::fmt;

use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::error::CustodyError;
use crate::name::KeyName;

/// What a key can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Make and verify MACs.
    Mac,
    /// Give the keys below it (分散).
    Derive,
    /// Encipher and decipher other keys, and seal containers.
    Wrap,
    /// Sign.
    Sign,
    /// Open channels to cards.
    Channel,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mac => "make MACs",
            Self::Derive => "derive keys",
            Self::Wrap => "wrap keys",
            Self::Sign => "sign",
            Self::Channel => "open channels",
        })
    }
}

impl Operation {
    /// Whether a purpose includes it. A key that enciphers keys makes no MACs over what others
    /// choose, and the other way round: whoever may ask for one must not gain the other.
    #[must_use]
    pub const fn is_of(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::PersoTransport | Purpose::PosMaster => matches!(self, Self::Wrap),
            // Field 64 of a POS message is no MAC that a custody makes yet, and PIN blocks and
            // tracks are enciphered by whoever takes part in those messages.
            Purpose::PosPin | Purpose::PosMac | Purpose::PosTrack => false,
            Purpose::FaceSeal => matches!(self, Self::Mac),
            Purpose::SecurityDomain => matches!(self, Self::Mac | Self::Derive | Self::Channel),
            Purpose::NodeLink | Purpose::Token | Purpose::Receipt => {
                matches!(self, Self::Mac | Self::Sign)
            }
            Purpose::CashIssuer
            | Purpose::CashAuthority
            | Purpose::RideCode
            | Purpose::FileSignature
            | Purpose::ListSignature
            | Purpose::TerminalRecord
            | Purpose::AuditAnchor
            | Purpose::Register
            | Purpose::Approval => matches!(self, Self::Sign),
            Purpose::Purchase
            | Purpose::Load
            | Purpose::Unload
            | Purpose::Overdraft
            | Purpose::Tac
            | Purpose::Maintenance
            | Purpose::ReloadPin
            | Purpose::UnblockPin
            | Purpose::External
            | Purpose::Internal
            | Purpose::QuickUpdate
            | Purpose::CashCryptogram
            | Purpose::CashMac
            | Purpose::CashCipher
            | Purpose::CashFile => matches!(self, Self::Mac | Self::Derive),
        }
    }

    /// Whether an algorithm can do it. Diversification is defined for 3DES and SM4.
    #[must_use]
    pub const fn is_with(self, algorithm: KeyAlgorithm) -> bool {
        match self {
            Self::Mac | Self::Wrap | Self::Channel => algorithm.has_kcv(),
            Self::Derive => matches!(algorithm, KeyAlgorithm::Tdes | KeyAlgorithm::Sm4),
            Self::Sign => matches!(algorithm, KeyAlgorithm::Rsa | KeyAlgorithm::Sm2),
        }
    }
}

/// Whether it is a key of a POS terminal, whose check values have four bytes.
pub(crate) const fn is_of_pos(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::PosMaster | Purpose::PosPin | Purpose::PosMac | Purpose::PosTrack
    )
}

/// Whether a key does this.
pub(crate) fn admit(name: &KeyName, operation: Operation) -> Result<(), CustodyError> {
    let (label, slot) = (name.label, name.slot);
    if !operation.is_of(slot.purpose) {
        return Err(CustodyError::Purpose {
            label,
            purpose: slot.purpose,
            operation,
        });
    }
    if !operation.is_with(slot.algorithm) {
        return Err(CustodyError::Algorithm {
            label,
            algorithm: slot.algorithm,
            operation,
        });
    }
    Ok(())
}

/// Whether there can be such a key at all.
pub(crate) fn admit_kind(name: &KeyName) -> Result<(), CustodyError> {
    let fits = match name.slot.algorithm {
        KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 => name.bits == 128,
        KeyAlgorithm::Aes => matches!(name.bits, 128 | 192 | 256),
        // Primes of equal whole bytes; below 2048 only for cards that take no longer ones.
        KeyAlgorithm::Rsa => (1024..=4096).contains(&name.bits) && name.bits.is_multiple_of(64),
        KeyAlgorithm::Sm2 => name.bits == 256,
    };
    // A purpose for transport takes any algorithm in the book; what cannot wrap is no use here.
    let is_useful = !matches!(name.slot.purpose, Purpose::PersoTransport)
        || Operation::Wrap.is_with(name.slot.algorithm);
    if fits && is_useful && name.slot.purpose.takes(name.slot.algorithm) {
        Ok(())
    } else {
        Err(CustodyError::Kind {
            purpose: name.slot.purpose,
            algorithm: name.slot.algorithm,
            bits: name.bits,
        })
    }
}

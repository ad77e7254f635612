//! What a card is made with: the issuer domain and the applications that are on it from the
//! start, installed and personalised before the card first leaves the factory.
//!
//! Everything else comes later, through the card manager.

use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, ISSUER_DOMAIN};
use zeroize::Zeroizing;

use crate::applet::AppletKind;

/// A personalisation data group: its identifier (DGI) and its value in clear.
#[derive(Clone)]
pub struct Group {
    /// The DGI.
    pub id: u16,
    /// The value; may hold keys.
    pub value: Zeroizing<Vec<u8>>,
}

/// Which built-in applet a preinstalled application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// The e-purse (电子钱包).
    Purse,
    /// The e-cash (电子现金).
    Ecash,
    /// The NFC ride code (NFC 二维码).
    RideCode,
    /// The identity application (身份认证应用).
    Identity,
    /// The directory (近距离支付系统环境, PPSE).
    Ppse,
}

impl Module {
    pub(crate) const fn kind(self) -> AppletKind {
        match self {
            Self::Purse => AppletKind::Purse,
            Self::Ecash => AppletKind::Ecash,
            Self::RideCode => AppletKind::RideCode,
            Self::Identity => AppletKind::Identity,
            Self::Ppse => AppletKind::Ppse,
        }
    }
}

/// An application that is on the card from the start.
#[derive(Clone)]
pub struct Preinstalled {
    /// What it runs.
    pub module: Module,
    /// Its instance AID.
    pub aid: Aid,
    /// Its label in the directory; empty when it is not listed.
    pub label: Vec<u8>,
    /// Its priority in the directory; 1 is highest.
    pub priority: u8,
    /// Install parameters (the value of `C9`).
    pub parameters: Vec<u8>,
    /// Personalisation data; none leaves it unpersonalised.
    pub groups: Vec<Group>,
}

/// What a card is made with.
#[derive(Clone)]
pub struct Blueprint {
    /// AID of the issuer security domain.
    pub issuer_domain: Aid,
    /// Install parameters and first data of the issuer security domain.
    pub issuer_groups: Vec<Group>,
    /// Applications, in order.
    pub applications: Vec<Preinstalled>,
}

impl Default for Blueprint {
    /// An issuer domain and nothing else.
    fn default() -> Self {
        Self {
            issuer_domain: ISSUER_DOMAIN,
            issuer_groups: Vec::new(),
            applications: Vec::new(),
        }
    }
}

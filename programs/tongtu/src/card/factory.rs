//! What a virtual test card is made with: profiles by name.

use clap::ValueEnum;
use tongtu_apdu::select::{E_CASH, PPSE};
use tongtu_card::factory::{Blueprint, Channel, Group, Issuer, Module, Preinstalled};
use tongtu_crypto::{Algorithm, Entropy};
use tongtu_ecash::test_card;
use tongtu_purse::profile::{self, KeyIndex};

/// The test cards that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    // No documentation comments here: clap would print them as help.
    Default,
    Sm4,
    Scp02,
    Dual,
}

impl Profile {
    /// Its name, in files and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Sm4 => "sm4",
            Self::Scp02 => "scp02",
            Self::Dual => "dual",
        }
    }

    /// The algorithm set that its applications use first.
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Sm4 => Algorithm::Sm4,
            Self::Default | Self::Scp02 | Self::Dual => Algorithm::Tdes,
        }
    }

    /// The purse on it.
    pub(crate) fn purse(self) -> profile::Profile {
        match self {
            Self::Default | Self::Scp02 => profile::Profile::test(),
            Self::Sm4 => profile::Profile::test_with(Algorithm::Sm4),
            Self::Dual => {
                let mut purse = profile::Profile::test();
                purse.indexes.push(KeyIndex::purse(3, Algorithm::Sm4, 1));
                purse
            }
        }
    }
}

/// What the factory does for a card of this profile: a directory, an e-cash and a purse.
///
/// Randomness blinds the signatures of the e-cash's certificates.
pub(crate) fn blueprint(profile: Profile, entropy: &mut dyn Entropy) -> Blueprint {
    let mut blueprint = blank(profile);
    blueprint
        .applications
        .push(cash(profile.algorithm(), entropy));
    blueprint
        .applications
        .push(Preinstalled::purse(&profile.purse()));
    blueprint
}

/// The e-cash of the conformance cases, with 100.00 on it.
fn cash(algorithm: Algorithm, entropy: &mut dyn Entropy) -> Preinstalled {
    let groups = test_card::groups(algorithm, entropy).into_iter();
    Preinstalled {
        module: Module::Ecash,
        aid: E_CASH,
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        parameters: Vec::new(),
        groups: groups
            .map(|group| Group {
                id: group.id,
                value: group.value,
            })
            .collect(),
    }
}

/// The same without applications but the directory.
pub(crate) fn blank(profile: Profile) -> Blueprint {
    let directory = Preinstalled {
        module: Module::Ppse,
        aid: PPSE,
        label: Vec::new(),
        priority: 0,
        parameters: Vec::new(),
        groups: Vec::new(),
    };
    let channel = match profile {
        Profile::Default | Profile::Dual => Channel::Scp03,
        Profile::Sm4 => Channel::Sm4,
        Profile::Scp02 => Channel::Scp02,
    };
    Blueprint {
        issuer: Issuer::for_tests(channel),
        applications: vec![directory],
        ..Blueprint::default()
    }
}

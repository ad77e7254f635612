//! What a virtual test card is made with: profiles by name.

use clap::ValueEnum;
use tongtu_apdu::select::{Aid, E_CASH, PPSE};
use tongtu_card::factory::{Blueprint, Channel, Group, Issuer, Module, Preinstalled};
use tongtu_crypto::{Algorithm, Entropy};
use tongtu_ecash::test_card;
use tongtu_identity::IDENTITY;
use tongtu_nfc_code::{NFC_CODE, group};
use tongtu_purse::profile::{self, KeyIndex};
use tongtu_types::{InstitutionCode, MediumId, MediumKind};

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
    pub(crate) const fn algorithm(self) -> Algorithm {
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

/// What the factory does for a card of this profile: a directory, an e-cash, a purse, and the
/// identity and NFC ride code applications, which the directory does not list.
///
/// Randomness blinds the signatures of the e-cash's certificates.
pub(crate) fn blueprint(profile: Profile, entropy: &mut dyn Entropy) -> Blueprint {
    let mut blueprint = blank(profile);
    blueprint
        .applications
        .push(cash(profile.algorithm(), entropy));
    let purse = Preinstalled::purse(&profile.purse());
    let identity = unlisted(Module::Identity, IDENTITY);
    let mut ride_code = unlisted(Module::RideCode, NFC_CODE);
    for (id, key) in [(group::UPDATE_KEY, 0xC0), (group::RESULT_KEY, 0xE0)] {
        ride_code.groups.push(Group {
            id,
            value: group::key(profile.algorithm(), &[key; 16]),
        });
    }
    blueprint.applications.extend([purse, identity, ride_code]);
    // The payment account medium id (支付账户介质识别码), a data object of the issuer domain.
    let issuer = InstitutionCode::parse("01011000").expect("eight digits");
    let medium = MediumId::compose(MediumKind::CARD, issuer, 26, 1).expect("a small number");
    blueprint.issuer_groups.push(Group {
        id: 0xDF20,
        value: medium.to_packed().to_vec().into(),
    });
    blueprint
}

/// An application that is found by name only.
const fn unlisted(module: Module, aid: Aid) -> Preinstalled {
    Preinstalled {
        module,
        aid,
        label: Vec::new(),
        priority: 0,
        parameters: Vec::new(),
        groups: Vec::new(),
    }
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
    let channel = match profile {
        Profile::Default | Profile::Dual => Channel::Scp03,
        Profile::Sm4 => Channel::Sm4,
        Profile::Scp02 => Channel::Scp02,
    };
    Blueprint {
        issuer: Issuer::for_tests(channel),
        applications: vec![unlisted(Module::Ppse, PPSE)],
        ..Blueprint::default()
    }
}

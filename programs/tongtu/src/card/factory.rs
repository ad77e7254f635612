//! What a virtual test card is made with: profiles by name.

use clap::ValueEnum;
use tongtu_card::factory::Blueprint;

/// The test cards that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    // No documentation comments here: clap would print them as help.
    Default,
}

impl Profile {
    /// Its name, in files and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
        }
    }
}

/// What the factory does for a card of this profile.
pub(crate) fn blueprint(profile: Profile) -> Blueprint {
    match profile {
        Profile::Default => Blueprint::default(),
    }
}

//! The card's side of a channel.

use tongtu_apdu::select::Aid;
use tongtu_apdu::{CardCommand as _, Command, Malformed, Response, StatusWord};
use tongtu_crypto::{Entropy, equal};

use super::{
    CardHalf, Channel, Cryptograms, Dek, Failed, Protocol, SecurityLevel, StaticKeys, derive,
    scp02, scp03,
};
use crate::command::{ExternalAuthenticate, InitializeAnswer};

/// Why a card refuses a protected command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The host does not know the key.
    #[error("the host cryptogram is wrong")]
    HostCryptogram,
    /// The MAC is wrong, or there is none.
    #[error("the command's MAC is wrong")]
    Mac,
    /// The command travels without the protection that the level asks for.
    #[error("the command is not protected")]
    Unprotected,
    /// What was deciphered has no padding.
    #[error("the enciphered data have no padding")]
    Padding,
    /// The protocol has no such level.
    #[error("the protocol has no such level")]
    Level,
    /// The command is not formed as it should.
    #[error(transparent)]
    Form(#[from] Malformed),
}

impl Refused {
    /// The status word that a card answers.
    #[must_use]
    pub const fn status(&self) -> StatusWord {
        match self {
            Self::HostCryptogram => StatusWord::AUTH_FAILED,
            Self::Level => StatusWord::WRONG_P1P2,
            Self::Form(malformed) => malformed.status(),
            Self::Mac | Self::Unprotected | Self::Padding => StatusWord::SECURITY_STATUS,
        }
    }
}

/// What a card brings to a channel.
#[derive(Debug, Clone, Copy)]
pub struct OfferInput<'a> {
    /// The three keys.
    pub keys: &'a StaticKeys,
    /// Protocol and `i`.
    pub protocol: Protocol,
    /// Version of the keys.
    pub key_version: u8,
    /// Ten bytes that tell a host how to find the keys.
    pub diversification: [u8; 10],
    /// The key version's sequence counter; SCP03 has incremented it for this command already.
    pub counter: u32,
    /// The domain that the channel belongs to.
    pub aid: Aid,
    /// The host's challenge.
    pub host_challenge: [u8; 8],
}

/// A channel between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE.
pub struct Offer {
    channel: Channel,
    dek: Dek,
    host: [u8; 8],
    protocol: Protocol,
    /// Version of the keys in use.
    pub key_version: u8,
}

impl core::fmt::Debug for Offer {
    /// Without the cryptogram that the host is to show.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = f.debug_struct("Offer");
        shown.field("protocol", &self.protocol);
        shown.field("key_version", &self.key_version);
        shown.finish_non_exhaustive()
    }
}

impl Offer {
    /// Makes the offer and the answer to INITIALIZE UPDATE. `None` when the keys are not for
    /// the protocol or the counter is beyond its range.
    #[must_use]
    pub fn make(
        input: &OfferInput<'_>,
        entropy: &mut dyn Entropy,
    ) -> Option<(Self, InitializeAnswer)> {
        let mut card = half(input, entropy)?;
        let (channel, cryptograms, dek) =
            derive(input.keys, &input.host_challenge, &card, input.protocol)?;
        let Cryptograms { card: own, host } = cryptograms;
        match &mut card {
            CardHalf::Scp02 { cryptogram, .. } | CardHalf::Scp03 { cryptogram, .. } => {
                *cryptogram = own;
            }
        }
        let offer = Self {
            channel,
            dek,
            host,
            protocol: input.protocol,
            key_version: input.key_version,
        };
        let answer = InitializeAnswer {
            diversification: input.diversification,
            key_version: input.key_version,
            card,
        };
        Some((offer, answer))
    }

    /// Takes EXTERNAL AUTHENTICATE. Either way the offer is used up.
    ///
    /// # Errors
    /// [`Refused`] when form, level, cryptogram or MAC do not hold, in this order.
    pub fn authenticate(mut self, command: &Command) -> Result<CardChannel, Refused> {
        let request = ExternalAuthenticate::from_command(command)?;
        if !self.protocol.allows(request.level) {
            return Err(Refused::Level);
        }
        if !equal(&request.cryptogram, &self.host) {
            return Err(Refused::HostCryptogram);
        }
        self.channel.open(command).map_err(Refused::from)?;
        self.channel.begin_answers();
        self.channel.set_level(request.level);
        Ok(CardChannel {
            channel: self.channel,
            dek: self.dek,
            protocol: self.protocol,
            key_version: self.key_version,
        })
    }
}

fn half(input: &OfferInput<'_>, entropy: &mut dyn Entropy) -> Option<CardHalf> {
    let aid = input.aid.as_bytes();
    let foretold = input.protocol.is_pseudo_random();
    let cryptogram = [0; 8];
    match (input.protocol, input.keys) {
        (Protocol::Scp02(_), StaticKeys::Scp02 { mac, .. }) => {
            let counter = u16::try_from(input.counter).ok()?;
            let mut challenge = [0; 6];
            if foretold {
                challenge = scp02::foretold_challenge(mac, counter, aid);
            } else {
                entropy.fill(&mut challenge);
            }
            Some(CardHalf::Scp02 {
                counter,
                challenge,
                cryptogram,
            })
        }
        (Protocol::Scp03(i), StaticKeys::Scp03 { enc, .. }) => {
            let [0, a, b, c] = input.counter.to_be_bytes() else {
                return None;
            };
            let mut challenge = [0; 8];
            if foretold {
                challenge = scp03::foretold_challenge(enc, [a, b, c], aid);
            } else {
                entropy.fill(&mut challenge);
            }
            Some(CardHalf::Scp03 {
                i,
                challenge,
                cryptogram,
                counter: foretold.then_some([a, b, c]),
            })
        }
        _ => None,
    }
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Mac => Self::Mac,
            Failed::Padding => Self::Padding,
        }
    }
}

/// A channel seen from the card. Keys are zeroized when it is dropped.
#[derive(Debug)]
pub struct CardChannel {
    channel: Channel,
    dek: Dek,
    protocol: Protocol,
    /// Version of the keys in use.
    pub key_version: u8,
}

impl CardChannel {
    /// The level.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        self.channel.level()
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The command without its protection; its class byte has no secure messaging then. Give
    /// a chain as one command.
    ///
    /// # Errors
    /// [`Refused`]; the channel must be dropped then.
    pub fn open(&mut self, command: &Command) -> Result<Command, Refused> {
        if self.level().c_mac() != (command.cla & 0x04 != 0) {
            return Err(Refused::Unprotected);
        }
        Ok(self.channel.open(command)?)
    }

    /// The answer as the level says.
    pub fn seal(&mut self, response: Response) -> Response {
        self.channel.seal(response)
    }

    /// The bytes that an answer grows by: MAC, and padding where it is enciphered.
    #[must_use]
    pub fn answer_overhead(&self) -> usize {
        let level = self.level();
        match (level.r_mac(), level.r_enc()) {
            (false, _) => 0,
            (true, false) => super::MAC,
            (true, true) => super::MAC + self.dek.block_len(),
        }
    }

    /// BEGIN R-MAC SESSION, or END.
    ///
    /// # Errors
    /// [`Refused::Level`] when the protocol has no such level.
    pub fn set_answers(&mut self, r_mac: bool, r_enc: bool) -> Result<(), Refused> {
        let level = self.level().with_answers(r_mac, r_enc);
        if !self.protocol.allows(level) {
            return Err(Refused::Level);
        }
        self.channel.begin_answers();
        self.channel.set_level(level);
        Ok(())
    }

    /// The key that keys travel under.
    #[must_use]
    pub const fn dek(&self) -> &Dek {
        &self.dek
    }
}

//! The off-card side of a channel.

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, Command, MAX_DATA, Response};
use tongtu_crypto::equal;

use super::{Channel, Dek, MAC, Protocol, SecurityLevel, StaticKeys, derive};
use crate::command::{ExternalAuthenticate, InitializeAnswer};

/// What a host refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The card speaks SCP02 and the keys are for SCP03, or the other way round.
    #[error("the card answers in SCP0{card}, the keys are for the other protocol")]
    Keys {
        /// The protocol of the card's answer.
        card: u8,
    },
    /// The protocol has no such level with this `i`.
    #[error("level {level:02X} is not one of {protocol:?}")]
    Level {
        /// The level asked for.
        level: u8,
        /// The protocol.
        protocol: Protocol,
    },
    /// The card does not know the key, or is not the card.
    #[error("the card cryptogram is wrong: other keys, or another card")]
    CardCryptogram,
    /// The MAC or the padding of an answer is wrong.
    #[error("the answer's MAC is wrong")]
    AnswerMac,
    /// With its MAC the command is longer than an APDU.
    #[error("protected, the command has {found} data bytes, at most {MAX_DATA} fit")]
    TooLong {
        /// Data bytes with padding and MAC.
        found: usize,
    },
}

/// A channel seen from the host. Keys are zeroized when it is dropped.
#[derive(Debug)]
pub struct HostChannel {
    channel: Channel,
    dek: Dek,
}

impl HostChannel {
    /// Checks the card's cryptogram and gives the channel and EXTERNAL AUTHENTICATE, which the
    /// card must answer with `9000`. `protocol` is what recognition data announced, for SCP02's
    /// `i`; SCP03 tells its own.
    ///
    /// # Errors
    /// [`ChannelError`] when keys, level or cryptogram do not fit.
    pub fn begin(
        keys: &StaticKeys,
        protocol: Protocol,
        host_challenge: &[u8; 8],
        answer: &InitializeAnswer,
        level: SecurityLevel,
    ) -> Result<(Self, Command), ChannelError> {
        if !protocol.allows(level) {
            return Err(ChannelError::Level {
                level: level.byte(),
                protocol,
            });
        }
        let (channel, cryptograms, dek) = derive(keys, host_challenge, &answer.card, protocol)
            .ok_or_else(|| ChannelError::Keys { card: answer.scp() })?;
        if !equal(&cryptograms.card, answer.card.cryptogram()) {
            return Err(ChannelError::CardCryptogram);
        }
        let mut host = Self { channel, dek };
        let mut command = ExternalAuthenticate {
            level,
            cryptogram: cryptograms.host,
            mac: [0; MAC],
        }
        .to_command();
        command.data.truncate(cryptograms.host.len());
        let command = host.channel.protect(&command);
        host.channel.begin_answers();
        host.channel.set_level(level);
        Ok((host, command))
    }

    /// The level.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        self.channel.level()
    }

    /// The command protected as the level says. It may be longer than one APDU where a chain
    /// is allowed; [`crate::chain::split`] cuts it.
    ///
    /// # Errors
    /// [`ChannelError::TooLong`] when it is longer and its instruction has no chain.
    pub fn protect(&mut self, command: &Command) -> Result<Command, ChannelError> {
        if !crate::chain::may_chain(command.ins) {
            let found = self.protected_len(command.data.len());
            if found > MAX_DATA {
                return Err(ChannelError::TooLong { found });
            }
        }
        Ok(self.channel.protect(command))
    }

    fn protected_len(&self, len: usize) -> usize {
        let level = self.level();
        let block = self.dek.block_len();
        match (level.c_mac(), level.c_enc() && len != 0) {
            (false, _) => len,
            (true, false) => len + MAC,
            (true, true) => (len + 1).next_multiple_of(block) + MAC,
        }
    }

    /// The answer without its protection.
    ///
    /// # Errors
    /// [`ChannelError::AnswerMac`] when its MAC does not hold; the channel is of no more use.
    pub fn unprotect(&mut self, response: &Response) -> Result<Response, ChannelError> {
        self.channel.unseal(response).ok_or(ChannelError::AnswerMac)
    }

    /// Answers are protected too from now on, or no more (BEGIN and END R-MAC SESSION after
    /// the card answered `9000`).
    pub const fn set_answers(&mut self, r_mac: bool, r_enc: bool) {
        let level = self.channel.level().with_answers(r_mac, r_enc);
        self.channel.begin_answers();
        self.channel.set_level(level);
    }

    /// The key that keys travel under.
    #[must_use]
    pub const fn dek(&self) -> &Dek {
        &self.dek
    }

    /// Enciphers sensitive data for STORE DATA.
    #[must_use]
    pub fn encipher(&self, clear: &[u8]) -> Vec<u8> {
        self.dek.encrypt(clear)
    }
}

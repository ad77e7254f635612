//! Secure channels (安全通道): SCP02 and SCP03, and SCP03's shape over SM4; both sides.
//!
//! A host begins with [`HostChannel::begin`] from a card's answer to INITIALIZE UPDATE, a card
//! with [`Offer::make`]; both end with a channel that protects commands and answers.
//! Deliberately absent: who may do what under which level, where keys are kept, counters'
//! storage (all the card's), SCP80 and SCP81.
//!
//! UNSPECIFIED: which protocols the transport standard names could not be read; these are what
//! cards of its two editions are known to have. The SM4 channel is ours: SCP03 with SM4 in the
//! place of AES, key versions 50 to 5F, parameter `i` 74, never announced to general clients.

mod card;
mod host;
mod scp02;
mod scp03;

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response};
use tongtu_crypto::{TdesKey, WideKey};
use zeroize::Zeroizing;

pub use card::{CardChannel, Offer, OfferInput, Refused};
pub use host::{ChannelError, HostChannel};

use crate::command::InitializeAnswer;

/// A security level (安全级别): what of commands and answers is protected, P1 of EXTERNAL
/// AUTHENTICATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecurityLevel(u8);

impl SecurityLevel {
    /// Both sides are authenticated, nothing is protected.
    pub const AUTHENTICATED: Self = Self(0x00);
    /// MAC on commands.
    pub const C_MAC: Self = Self(0x01);
    /// MAC and encryption on commands.
    pub const C_ENC: Self = Self(0x03);
    /// MAC on answers only (SCP02).
    pub const R_MAC: Self = Self(0x10);
    /// MAC on commands and answers.
    pub const C_MAC_R_MAC: Self = Self(0x11);
    /// MAC and encryption on commands, MAC on answers.
    pub const C_ENC_R_MAC: Self = Self(0x13);
    /// Everything (SCP03).
    pub const FULL: Self = Self(0x33);

    /// Reads P1.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x00 | 0x01 | 0x03 | 0x10 | 0x11 | 0x13 | 0x33 => Some(Self(byte)),
            _ => None,
        }
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The byte as GET DATA D3 gives it: b8 says that the other side is authenticated.
    #[must_use]
    pub const fn reported(self) -> u8 {
        self.0 | 0x80
    }

    /// Whether commands carry a MAC.
    #[must_use]
    pub const fn c_mac(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Whether command data are enciphered.
    #[must_use]
    pub const fn c_enc(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Whether answers carry a MAC.
    #[must_use]
    pub const fn r_mac(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Whether answer data are enciphered.
    #[must_use]
    pub const fn r_enc(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// The level with answers protected as well (BEGIN R-MAC SESSION), or not any more.
    #[must_use]
    pub const fn with_answers(self, r_mac: bool, r_enc: bool) -> Self {
        let bits = if r_enc {
            0x30
        } else if r_mac {
            0x10
        } else {
            0
        };
        Self(self.0 & 0x0F | bits)
    }
}

/// A protocol and its parameter `i`, as card recognition data announce them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// SCP02 (GP 2.3.1 §E) with `i`.
    Scp02(u8),
    /// SCP03 (GP Amendment D) with `i`.
    Scp03(u8),
}

impl Protocol {
    /// SCP02 with three keys, explicit initiation, ICV encryption.
    pub const SCP02_15: Self = Self::Scp02(0x15);
    /// The same with a card challenge that a host can foretell.
    pub const SCP02_55: Self = Self::Scp02(0x55);
    /// SCP03 with everything.
    pub const SCP03_70: Self = Self::Scp03(0x70);
    /// UNSPECIFIED: the SM4 channel; bit `04` has no meaning in SCP03.
    pub const SM4: Self = Self::Scp03(0x74);

    /// The protocol's number and `i`.
    #[must_use]
    pub const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Scp02(i) => [2, i],
            Self::Scp03(i) => [3, i],
        }
    }

    /// Reads number and `i`; `None` for a protocol or a parameter that is not implemented
    /// here. Of SCP02 that is: three keys, explicit initiation, modified APDU, zero ICV first.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [2, i] if i & 0x8F == 0x05 => Some(Self::Scp02(i)),
            [3, 0x00 | 0x10 | 0x20 | 0x30 | 0x60 | 0x70 | 0x74] => Some(Self::Scp03(bytes[1])),
            _ => None,
        }
    }

    /// Whether the card challenge is computed, so that a host can prepare a whole script.
    #[must_use]
    pub const fn is_pseudo_random(self) -> bool {
        match self {
            Self::Scp02(i) => i & 0x40 != 0,
            Self::Scp03(i) => i & 0x10 != 0,
        }
    }

    /// Whether a channel of this kind may have that level.
    ///
    /// UNSPECIFIED: a level that `i` does not announce is refused.
    #[must_use]
    pub const fn allows(self, level: SecurityLevel) -> bool {
        match self {
            Self::Scp02(i) => !level.r_enc() && (!level.r_mac() || i & 0x20 != 0),
            Self::Scp03(i) => {
                (!level.r_mac() || level.c_mac())
                    && (!level.r_mac() || i & 0x20 != 0)
                    && (!level.r_enc() || i & 0x40 != 0)
            }
        }
    }

    const fn icv_encryption(self) -> bool {
        matches!(self, Self::Scp02(i) if i & 0x10 != 0)
    }
}

/// The three keys of a key version: encipherment, MAC, and of data (DEK).
#[derive(Debug)]
pub enum StaticKeys {
    /// 3DES, for SCP02.
    Scp02 {
        /// Key 1, encipherment.
        enc: TdesKey,
        /// Key 2, MAC.
        mac: TdesKey,
        /// Key 3, data.
        dek: TdesKey,
    },
    /// AES or SM4, for SCP03 and its sister.
    Scp03 {
        /// Key 1, encipherment.
        enc: WideKey,
        /// Key 2, MAC.
        mac: WideKey,
        /// Key 3, data.
        dek: WideKey,
    },
}

/// The key that keys travel under: of the session in SCP02 (ECB), static in SCP03 (CBC).
#[derive(Debug)]
pub enum Dek {
    /// 3DES, each block for itself.
    Tdes(TdesKey),
    /// AES or SM4, chained from zero.
    Wide(WideKey),
}

impl Dek {
    /// Bytes of a block.
    #[must_use]
    pub const fn block_len(&self) -> usize {
        match self {
            Self::Tdes(_) => 8,
            Self::Wide(_) => 16,
        }
    }

    /// Enciphers; zeros complete the last block.
    #[must_use]
    pub fn encrypt(&self, clear: &[u8]) -> Vec<u8> {
        let mut data = clear.to_vec();
        data.resize(clear.len().next_multiple_of(self.block_len()), 0);
        match self {
            Self::Tdes(key) => key.encrypt_blocks(&mut data),
            Self::Wide(key) => key.encrypt_cbc(&[0; 16], &mut data),
        }
        .expect("made of whole blocks just above");
        data
    }

    /// Deciphers; `None` when the bytes are not whole blocks.
    #[must_use]
    pub fn decrypt(&self, ciphered: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut data = Zeroizing::new(ciphered.to_vec());
        match self {
            Self::Tdes(key) => key.decrypt_blocks(&mut data),
            Self::Wide(key) => key.decrypt_cbc(&[0; 16], &mut data),
        }
        .ok()?;
        Some(data)
    }
}

fn copy_wide(key: &WideKey) -> WideKey {
    WideKey::new(key.cipher(), key.danger_bytes()).expect("the same length again")
}

/// The class byte as MACs see it: secure messaging on, no logical channel.
const fn protected_class(cla: u8) -> u8 {
    (cla & !0x03) | 0x04
}

/// The class byte as it is without secure messaging.
const fn plain_class(cla: u8) -> u8 {
    cla & !0x04
}

/// Lc as MACs see it: one byte, or three for a command put together from a chain.
fn lc_bytes(len: usize, out: &mut Vec<u8>) {
    match u8::try_from(len) {
        Ok(short) => out.push(short),
        Err(_) => {
            let long = u16::try_from(len).expect("a chain is far shorter");
            out.push(0);
            out.extend(long.to_be_bytes());
        }
    }
}

/// Header, Lc and data as a MAC covers them.
fn covered(command: &Command, data: &[u8], extra: usize) -> Vec<u8> {
    let [cla, ins, p1, p2] = command.header();
    let mut out = Vec::with_capacity(8 + data.len());
    out.extend([protected_class(cla), ins, p1, p2]);
    lc_bytes(data.len() + extra, &mut out);
    out.extend(data);
    out
}

/// Bytes of a MAC on the wire, in both protocols.
const MAC: usize = 8;

/// Which check of a protected command failed.
enum Failed {
    Mac,
    Padding,
}

/// One channel of either kind: the arithmetic that host and card share.
#[derive(Debug)]
enum Channel {
    Scp02(scp02::Channel),
    Scp03(scp03::Channel),
}

impl Channel {
    const fn level(&self) -> SecurityLevel {
        match self {
            Self::Scp02(channel) => channel.level,
            Self::Scp03(channel) => channel.level,
        }
    }

    const fn set_level(&mut self, level: SecurityLevel) {
        match self {
            Self::Scp02(channel) => channel.level = level,
            Self::Scp03(channel) => channel.level = level,
        }
    }

    fn protect(&mut self, command: &Command) -> Command {
        match self {
            Self::Scp02(channel) => channel.protect(command),
            Self::Scp03(channel) => channel.protect(command),
        }
    }

    fn open(&mut self, command: &Command) -> Result<Command, Failed> {
        match self {
            Self::Scp02(channel) => channel.open(command),
            Self::Scp03(channel) => channel.open(command),
        }
    }

    fn seal(&mut self, response: Response) -> Response {
        match self {
            Self::Scp02(channel) => channel.seal(response),
            Self::Scp03(channel) => channel.seal(response),
        }
    }

    fn unseal(&mut self, response: &Response) -> Option<Response> {
        match self {
            Self::Scp02(channel) => channel.unseal(response),
            Self::Scp03(channel) => channel.unseal(response),
        }
    }

    /// After EXTERNAL AUTHENTICATE or BEGIN R-MAC SESSION: answers' MACs begin here.
    const fn begin_answers(&mut self) {
        if let Self::Scp02(channel) = self {
            channel.begin_answers();
        }
    }
}

/// Card and host cryptogram.
struct Cryptograms {
    card: [u8; 8],
    host: [u8; 8],
}

/// Derives a channel and its cryptograms from the keys and both challenges.
fn derive(
    keys: &StaticKeys,
    host_challenge: &[u8; 8],
    answer: &CardHalf,
    protocol: Protocol,
) -> Option<(Channel, Cryptograms, Dek)> {
    Some(match (keys, answer) {
        (
            StaticKeys::Scp02 { enc, mac, dek },
            CardHalf::Scp02 {
                counter, challenge, ..
            },
        ) => {
            let session = scp02::SessionKeys::derive([enc, mac, dek], *counter);
            let cryptograms = session.cryptograms(host_challenge, *counter, challenge);
            let (channel, dek) = scp02::Channel::new(session, protocol.icv_encryption());
            (Channel::Scp02(channel), cryptograms, Dek::Tdes(dek))
        }
        (StaticKeys::Scp03 { enc, mac, dek }, CardHalf::Scp03 { challenge, .. }) => {
            let (channel, cryptograms) =
                scp03::Channel::derive(enc, mac, host_challenge, challenge);
            (
                Channel::Scp03(channel),
                cryptograms,
                Dek::Wide(copy_wide(dek)),
            )
        }
        _ => return None,
    })
}

/// What a card's answer to INITIALIZE UPDATE says after the key version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardHalf {
    /// SCP02.
    Scp02 {
        /// Sequence counter of the key version.
        counter: u16,
        /// Card challenge.
        challenge: [u8; 6],
        /// Card cryptogram.
        cryptogram: [u8; 8],
    },
    /// SCP03.
    Scp03 {
        /// Parameter `i`.
        i: u8,
        /// Card challenge.
        challenge: [u8; 8],
        /// Card cryptogram.
        cryptogram: [u8; 8],
        /// Sequence counter, when the challenge was computed from it.
        counter: Option<[u8; 3]>,
    },
}

impl CardHalf {
    const fn cryptogram(&self) -> &[u8; 8] {
        match self {
            Self::Scp02 { cryptogram, .. } | Self::Scp03 { cryptogram, .. } => cryptogram,
        }
    }
}

impl InitializeAnswer {
    /// The protocol that the answer speaks; of SCP02 it does not tell `i`.
    #[must_use]
    pub const fn scp(&self) -> u8 {
        match self.card {
            CardHalf::Scp02 { .. } => 2,
            CardHalf::Scp03 { .. } => 3,
        }
    }
}

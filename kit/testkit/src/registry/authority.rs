//! On whose word content is managed: the hierarchy, keys that sign, tokens, receipts.
//!
//! Signatures of symmetric keys are made a second time here. Those of key pairs are not: whoever
//! makes a case signs with the secret half and says so ([`Made`]), and a signature holds when it was
//! made, by that pair, over that message. What the card signs with a pair's secret half is said in
//! [`Owed`], for the test to verify.

use std::ops::Range;

use super::form::{Control, lv};
use super::{Kind, Registry};
use crate::Sw;
use crate::cipher::{aes_cmac, cmac, retail_mac, sm4_encrypt};

/// Key pairs of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pair {
    /// RSA of 1024 bits.
    Rsa1024,
    /// RSA of 2048 bits.
    Rsa2048,
    /// SM2.
    Sm2,
    /// SM2, of somebody else.
    OtherSm2,
}

impl Pair {
    /// Bytes of a signature.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Rsa1024 => 128,
            Self::Rsa2048 => 256,
            Self::Sm2 | Self::OtherSm2 => 64,
        }
    }
}

/// A key of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Two-key triple DES.
    Tdes(Vec<u8>),
    /// AES-128.
    Aes(Vec<u8>),
    /// SM4.
    Sm4(Vec<u8>),
    /// The half that verifies.
    Public(Pair),
    /// The half that signs.
    Secret(Pair),
}

impl Key {
    /// What a symmetric key signs a message with (GP 2.3.1 §C.1): the retail MAC of 3DES, CMAC of
    /// the others.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Tdes(key) => Some(retail_mac(key, &[0; 8], message)),
            Self::Aes(key) => Some(aes_cmac(key, message)),
            Self::Sm4(key) => Some(cmac(|block| sm4_encrypt(key, block), message)),
            Self::Public(_) | Self::Secret(_) => None,
        }
    }

    /// Its pair, where it is half of one.
    #[must_use]
    pub const fn pair(&self) -> Option<Pair> {
        match self {
            Self::Public(pair) | Self::Secret(pair) => Some(*pair),
            _ => None,
        }
    }

    /// Type and length of each component, as key information lists them.
    pub(super) fn components(&self) -> Vec<(u8, u16)> {
        let half = |secret: bool, pair| match (secret, pair) {
            (false, Pair::Rsa1024) => vec![(0xA1, 128), (0xA0, 3)],
            (false, Pair::Rsa2048) => vec![(0xA1, 256), (0xA0, 3)],
            (true, Pair::Rsa1024) => vec![(0xA4, 64), (0xA5, 64), (0xA0, 3)],
            (true, Pair::Rsa2048) => vec![(0xA4, 128), (0xA5, 128), (0xA0, 3)],
            (false, Pair::Sm2 | Pair::OtherSm2) => vec![(0xB0, 65), (0xF0, 1)],
            (true, Pair::Sm2 | Pair::OtherSm2) => vec![(0xB1, 32), (0xF0, 1)],
        };
        match self {
            Self::Tdes(key) => vec![(0x80, u16::try_from(key.len()).expect("a short key"))],
            Self::Aes(key) => vec![(0x88, u16::try_from(key.len()).expect("a short key"))],
            Self::Sm4(key) => vec![(0x8F, u16::try_from(key.len()).expect("a short key"))],
            Self::Public(pair) => half(false, *pair),
            Self::Secret(pair) => half(true, *pair),
        }
    }
}

/// A signature that was made with the secret half of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The pair.
    pub pair: Pair,
    /// What was signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// A signature that the card owes, and zeros stand for in the model's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The pair whose secret half signs.
    pub pair: Pair,
    /// What it signs.
    pub message: Vec<u8>,
    /// Where in the answer the signature stands.
    pub at: Range<usize>,
}

/// On whose word something is done.
#[derive(Clone, Debug)]
pub(super) enum Permit {
    /// The acting domain's own: no receipt.
    Own,
    /// A token's: the domain that confirms, and the token's number.
    Token {
        maker: Option<Vec<u8>>,
        number: Option<Vec<u8>>,
    },
}

/// What a token covers (GP 2.3.1 §C.4): P1, P2, the length of what follows up to the token, and
/// that.
pub(super) fn covered(p1: u8, p2: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![p1, p2];
    match u8::try_from(data.len()) {
        Ok(len) => out.push(len),
        Err(_) => {
            out.push(0);
            let len = u16::try_from(data.len()).expect("a command is far shorter");
            out.extend(len.to_be_bytes());
        }
    }
    out.extend_from_slice(data);
    out
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// Whether a big-endian number is greater than another.
fn is_greater(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (without_zeros(one), without_zeros(other));
    one.len() > other.len() || one.len() == other.len() && one > other
}

impl Registry {
    /// Whether the acting domain has a privilege: its byte and bit.
    pub(super) fn may(&self, byte: usize, bit: u8) -> bool {
        let acting = self.entry(&self.acting);
        acting.is_some_and(|entry| entry.privileges[byte] & bit != 0)
    }

    /// The domains above one, nearest first.
    pub(super) fn above(&self, aid: &[u8]) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = Vec::new();
        let mut at = aid.to_vec();
        while let Some(entry) = self.entry(&at) {
            if entry.domain == at || out.contains(&entry.domain) {
                break;
            }
            at.clone_from(&entry.domain);
            out.push(at.clone());
        }
        out
    }

    /// Whether something lies in the acting domain's part of the hierarchy, itself included.
    pub(super) fn is_within(&self, aid: &[u8]) -> bool {
        aid == self.acting || self.above(aid).contains(&self.acting)
    }

    fn nearest_above(&self, byte: usize, bit: u8) -> Option<Vec<u8>> {
        let above = self.above(&self.acting).into_iter();
        above
            .filter_map(|aid| self.entry(&aid))
            .find(|entry| entry.privileges[byte] & bit != 0)
            .map(|entry| entry.aid.clone())
    }

    /// The domain whose tokens the acting one acts on, and its key for them.
    #[must_use]
    pub fn token_key(&self) -> Option<(Vec<u8>, Key)> {
        let verifier = self.nearest_above(1, 0x20)?;
        let key = self.entry(&verifier)?.keys.get(&(0x70, 1))?.clone();
        Some((verifier, key))
    }

    pub(super) fn holds(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        match (key.mac(message), key.pair()) {
            (Some(mac), _) => mac == signature,
            (None, pair) => self.made.iter().any(|made| {
                Some(made.pair) == pair && made.message == message && made.signature == signature
            }),
        }
    }

    /// Says whether the acting domain may manage content with this token (GP 2.3.1 §9.1.3).
    pub(super) fn permit(
        &mut self,
        token: &[u8],
        control: Option<&Control>,
        message: &[u8],
    ) -> Result<Permit, Sw> {
        if self.may(1, 0x40) {
            return match token {
                [] => Ok(Permit::Own),
                _ => Err(0x6985),
            };
        }
        if !self.may(0, 0x20) || token.is_empty() {
            return Err(0x6982);
        }
        let (verifier, key) = self.token_key().ok_or(0x6985_u16)?;
        if !self.holds(&key, message, token) {
            return Err(0x6982);
        }
        let maker = self.nearest_above(2, 0x80);
        let batch = self.batch_tokens;
        let verifier = self.entry_mut(&verifier).expect("it was just found");
        let none = Control::default();
        let control = control.unwrap_or(&none);
        let is_for =
            |wanted: &Option<Vec<u8>>, own: &Option<Vec<u8>>| wanted.is_none() || wanted == own;
        if !is_for(&control.provider, &verifier.provider)
            || !is_for(&control.image, &verifier.image)
        {
            return Err(0x6982);
        }
        match &control.number {
            None if !batch => return Err(0x6985),
            None => {}
            Some(number) => {
                let used = verifier.token_number.as_ref();
                if used.is_some_and(|used| !is_greater(number, used)) {
                    return Err(0x6985);
                }
                verifier.token_number = Some(number.clone());
            }
        }
        Ok(Permit::Token {
            maker,
            number: control.number.clone(),
        })
    }

    /// The answer of content management (GP 2.3.1 §11.1.6): `00`, or for what was delegated a
    /// confirmation whose receipt signs the confirmation's data and the operation's.
    pub(super) fn confirm(&mut self, permit: &Permit, operation: &[&[u8]]) -> Result<Vec<u8>, Sw> {
        let Permit::Token {
            maker: Some(maker),
            number,
        } = permit
        else {
            return Ok(vec![0]);
        };
        let maker = self.entry_mut(maker).ok_or(0x6985_u16)?;
        let Some(key) = maker.keys.get(&(0x71, 1)).cloned() else {
            return Ok(vec![0]);
        };
        maker.confirmations = maker.confirmations.checked_add(1).ok_or(0x6985_u16)?;
        let mut confirmed = vec![2];
        confirmed.extend(maker.confirmations.to_be_bytes());
        let empty = Vec::new();
        let provider = maker.provider.as_ref().unwrap_or(&empty);
        let image = maker.image.as_ref().unwrap_or(&empty);
        confirmed.extend(lv(&[&provider[..], image].concat()));
        if let Some(number) = number {
            confirmed.extend(lv(number));
        }
        let mut message = confirmed.clone();
        for field in operation {
            message.extend(lv(field));
        }
        let receipt = match (&key, key.mac(&message)) {
            (_, Some(mac)) => mac,
            (Key::Secret(pair), None) => vec![0; pair.signature_len()],
            (_, None) => return Err(0x6985),
        };
        let body = [lv(&receipt), confirmed].concat();
        let answer = lv(&body);
        if let Key::Secret(pair) = key {
            let start = answer.len() - body.len() + lv(&receipt).len() - receipt.len();
            self.owed = Some(Owed {
                pair,
                message,
                at: start..start + receipt.len(),
            });
        }
        Ok(answer)
    }

    /// What SELECT of a domain and a channel to it come to: a domain without keys of its own is
    /// reached by those of the one above (GP 2.3.1 §10.1).
    ///
    /// # Errors
    /// The status word of the refusal; no domain acts then that did not before.
    pub fn enter(&mut self, aid: &[u8]) -> Result<(), Sw> {
        self.loading = None;
        let entry = self.entry(aid).ok_or(0x6A82_u16)?;
        let is_selectable = entry.kind == Kind::Issuer || entry.state & 0x87 == 0x07;
        if !is_selectable {
            return Err(0x6A82);
        }
        if entry.kind == Kind::Application {
            // It is selected, and opens no channel.
            return Err(0x6D00);
        }
        let mut chain = vec![aid.to_vec()];
        chain.extend(self.above(aid));
        let opens = |aid: &Vec<u8>| {
            let entry = self.entry(aid).expect("an association is with an entry");
            super::keys::is_reachable(&entry.keys)
        };
        if !chain.iter().any(opens) {
            return Err(0x6A88);
        }
        self.acting = aid.to_vec();
        Ok(())
    }
}

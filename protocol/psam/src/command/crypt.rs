//! A key for this card, and what it computes: how a terminal gets MACs of other commands.

use alloc::vec::Vec;

use tongtu_apdu::check::{length, parameters};
use tongtu_apdu::{Command, MAX_DATA};
use tongtu_crypto::{Algorithm, padding};

use super::{command, factors};
use crate::{PsamFault, PsamRequest, algorithm_of};

/// What a key that DELIVERY KEY derives is for (密钥用途), the low five bits of P1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPurpose(u8);

impl KeyPurpose {
    /// TAC: the halves of a 3DES key are laid over each other and make MACs by single DES.
    pub const TAC: Self = Self(0x04);
    /// MACs of commands to a card.
    pub const MAC: Self = Self(0x05);
    /// Internal authentication: enciphers.
    pub const INTERNAL: Self = Self(0x07);

    /// The purpose that the low five bits name; one without a name enciphers.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        Self(bits & 0x1F)
    }

    /// The five bits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether such a key makes MACs; every other one enciphers, and neither does both.
    #[must_use]
    pub const fn makes_macs(self) -> bool {
        matches!(self, Self::TAC | Self::MAC)
    }
}

/// Under which identifiers a module keeps the keys for commands to cards, P2 of DELIVERY KEY.
///
/// UNSPECIFIED: public terminals send 02 for the lock and 06 for quick updates, with 3DES. That a
/// module with SM4 keys has them under further identifiers, and which, is our choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacKeys {
    /// For application locks, 3DES.
    pub lock_tdes: u8,
    /// For quick updates, 3DES.
    pub update_tdes: u8,
    /// For application locks, SM4.
    pub lock_sm4: u8,
    /// For quick updates, SM4.
    pub update_sm4: u8,
}

impl MacKeys {
    /// The identifiers of public terminals, and ours beside them.
    pub const USUAL: Self = Self {
        lock_tdes: 0x02,
        update_tdes: 0x06,
        lock_sm4: 0x42,
        update_sm4: 0x46,
    };
}

/// How one MAC for a command to a card is asked for: a key for this card, then the MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacDialogue {
    /// First.
    pub deliver: DeliverKey,
    /// Then.
    pub crypt: DesCrypt,
}

impl MacDialogue {
    /// The dialogue of a lock or an update; none for other requests.
    ///
    /// # Errors
    /// [`PsamFault::Key`] for an algorithm that nobody knows, [`PsamFault::Request`] for a command
    /// that does not fit.
    pub fn of(request: &PsamRequest, keys: MacKeys) -> Result<Option<Self>, PsamFault> {
        let (card, issuer, challenge, head, data, algorithm, is_lock) = match request {
            PsamRequest::Lock(l) => (
                l.card,
                l.issuer,
                l.challenge,
                l.head,
                &[][..],
                l.algorithm,
                true,
            ),
            PsamRequest::UpdateMac(u) => (
                u.card,
                u.issuer,
                u.challenge,
                u.head,
                &u.data[..],
                u.algorithm,
                false,
            ),
            PsamRequest::Purchase(_) | PsamRequest::Credit(_) => return Ok(None),
        };
        let set = algorithm_of(algorithm).ok_or(PsamFault::Key {
            version: 0,
            algorithm,
        })?;
        let key = match (set, is_lock) {
            (Algorithm::Tdes, true) => keys.lock_tdes,
            (Algorithm::Tdes, false) => keys.update_tdes,
            (Algorithm::Sm4, true) => keys.lock_sm4,
            (Algorithm::Sm4, false) => keys.update_sm4,
        };
        Ok(Some(Self {
            deliver: DeliverKey {
                purpose: KeyPurpose::MAC,
                key,
                factors: [card.0, issuer.0].to_vec(),
            },
            crypt: DesCrypt::mac_of(set, challenge, &[&head[..], data].concat())?,
        }))
    }
}

/// DELIVERY KEY (通用 DES 计算初始化): `80 1A P1 P2 Lc factors`.
///
/// Form: P1 is the number of factors in its upper three bits, the purpose below; P2 names the
/// key. Factors are listed card first, and the key is derived the other way round, the issuer's
/// level first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverKey {
    /// What the key is for.
    pub purpose: KeyPurpose,
    /// Identifier or version of the key.
    pub key: u8,
    /// Diversification factors, the card's first; one to three.
    pub factors: Vec<[u8; 8]>,
}

command! {
    DeliverKey: "DELIVERY KEY", "通用 DES 计算初始化", 0x1A, 0x80 -> ();
    status {
        PERMANENTLY_LOCKED => "the module is locked after wrong MAC2", "PSAM 已锁定";
        CONDITIONS => "another directory is selected", "未选择应用目录";
        KEY_INDEX => "no key of this purpose, name and number of factors", "密钥索引不支持";
    }
    read |c| {
        let levels = usize::from(c.p1 >> 5);
        if !(1..=3).contains(&levels) {
            return Err(parameters::<Self>(c, "1 to 3 levels in bits 7 to 5, and a key"));
        }
        match factors(&c.data) {
            Some(factors) if factors.len() == levels => {
                Ok(Self { purpose: KeyPurpose::new(c.p1), key: c.p2, factors })
            }
            _ => Err(length::<Self>(c, "a factor of 8 bytes for each level")),
        }
    }
    write |s| {
        let levels = u8::try_from(s.factors.len() & 7).expect("three bits");
        Command::new(0x80, Self::INS, levels << 5 | s.purpose.get(), s.key)
            .with_data(s.factors.as_flattened())
    }
    answer |data| { tongtu_apdu::check::nothing::<Self>(data) }
}

/// What DES CRYPT does with its blocks, its P1.
///
/// Bit 0 means a MAC, bit 1 that more blocks follow, bit 2 that an IV comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CryptMode {
    /// `00`: enciphers, nothing follows.
    Encrypt,
    /// `01`: the last piece of a MAC.
    MacLast,
    /// `02`: enciphers, more follows.
    EncryptMore,
    /// `03`: a further piece of a MAC.
    MacNext,
    /// `05`: a MAC in one piece, IV first.
    MacOnly,
    /// `07`: the first piece of a MAC, IV first.
    MacFirst,
}

impl CryptMode {
    /// The six modes.
    pub const ALL: [Self; 6] = [
        Self::Encrypt,
        Self::MacLast,
        Self::EncryptMore,
        Self::MacNext,
        Self::MacOnly,
        Self::MacFirst,
    ];

    /// P1.
    #[must_use]
    pub const fn p1(self) -> u8 {
        match self {
            Self::Encrypt => 0,
            Self::MacLast => 1,
            Self::EncryptMore => 2,
            Self::MacNext => 3,
            Self::MacOnly => 5,
            Self::MacFirst => 7,
        }
    }

    /// Whether a MAC is made.
    #[must_use]
    pub const fn is_mac(self) -> bool {
        self.p1() & 1 != 0
    }

    /// Whether an IV comes before the blocks.
    #[must_use]
    pub const fn has_iv(self) -> bool {
        self.p1() & 4 != 0
    }

    /// Whether more pieces follow.
    #[must_use]
    pub const fn goes_on(self) -> bool {
        self.p1() & 2 != 0
    }
}

/// DES CRYPT (通用 DES 计算): `80 FA P1 00 Lc data`, with the key of DELIVERY KEY.
///
/// Form: whole blocks, padded by the terminal, in two modes an IV of one block before them. The
/// answer is the blocks enciphered, four bytes of MAC, or nothing while a MAC goes on. With an SM4
/// key block and IV have 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesCrypt {
    /// What to do.
    pub mode: CryptMode,
    /// IV and blocks.
    pub data: Vec<u8>,
}

impl DesCrypt {
    /// The MAC of a command to a card in one piece: challenge as IV, message padded.
    ///
    /// # Errors
    /// [`PsamFault::Request`] when the message does not fit one command.
    pub fn mac_of(
        algorithm: Algorithm,
        challenge: [u8; 4],
        message: &[u8],
    ) -> Result<Self, PsamFault> {
        let block = algorithm.block_len();
        let mut data = Vec::with_capacity(2 * block + message.len());
        data.extend(challenge);
        data.resize(block, 0);
        data.extend(message);
        // The IV is one whole block, so padding behind it is that of the message.
        padding::pad(&mut data, block);
        if data.len() > MAX_DATA {
            return Err(PsamFault::Request {
                what: "a command too long for one MAC",
                expected: "IV and padded blocks of at most 255 bytes",
            });
        }
        Ok(Self {
            mode: CryptMode::MacOnly,
            data,
        })
    }
}

command! {
    DesCrypt: "DES CRYPT", "通用 DES 计算", 0xFA, 0x80 -> Vec<u8>;
    status {
        PERMANENTLY_LOCKED => "the module is locked after wrong MAC2", "PSAM 已锁定";
        CONDITIONS => "no key was delivered, or no MAC was begun", "未初始化密钥，或 MAC 次序错误";
        SECURITY_STATUS => "the key is not for this", "密钥用途不符";
    }
    read |c| {
        let mode = CryptMode::ALL
            .into_iter()
            .find(|mode| (c.p1, c.p2) == (mode.p1(), 0))
            .ok_or_else(|| parameters::<Self>(c, "00 to 03, 05 or 07, and 00"))?;
        if c.data.is_empty() || !c.data.len().is_multiple_of(8) {
            return Err(length::<Self>(c, "whole blocks"));
        }
        Ok(Self { mode, data: c.data.clone() })
    }
    write |s| {
        let command = Command::new(0x80, Self::INS, s.mode.p1(), 0).with_data(s.data.clone());
        match s.mode {
            CryptMode::MacFirst | CryptMode::MacNext => command,
            _ => command.with_le(0),
        }
    }
    answer |data| { Ok(data.to_vec()) }
}

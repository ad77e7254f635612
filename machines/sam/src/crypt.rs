//! A key that DELIVERY KEY derived, and what DES CRYPT makes with it.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_crypto::mac::{BlockMac, SessionKey};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_psam::command::{CryptMode, KeyPurpose};
use zeroize::Zeroizing;

/// A card's key, in volatile memory until the next reset or other command.
pub(crate) struct Delivered {
    key: Derived,
    /// The chain of a MAC that goes on.
    chain: Option<Zeroizing<[u8; 16]>>,
}

enum Derived {
    /// Enciphers.
    Cipher(BlockKey),
    /// MACs of commands.
    Mac(BlockKey),
    /// TAC.
    Tac(SessionKey, Algorithm),
}

impl Delivered {
    pub(crate) fn new(purpose: KeyPurpose, key: BlockKey) -> Self {
        let key = match purpose {
            KeyPurpose::TAC => Derived::Tac(SessionKey::for_tac(&key), key.algorithm()),
            KeyPurpose::MAC => Derived::Mac(key),
            _ => Derived::Cipher(key),
        };
        Self { key, chain: None }
    }

    /// One DES CRYPT: its answer, or why there is none.
    pub(crate) fn crypt(&mut self, mode: CryptMode, data: &[u8]) -> Result<Vec<u8>, StatusWord> {
        let chain = self.chain.take();
        let (block, is_mac) = match &self.key {
            Derived::Cipher(key) => (key.algorithm().block_len(), false),
            Derived::Mac(key) => (key.algorithm().block_len(), true),
            Derived::Tac(_, algorithm) => (algorithm.block_len(), true),
        };
        if is_mac != mode.is_mac() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if let Derived::Cipher(key) = &self.key {
            let mut out = data.to_vec();
            key.encrypt_blocks(&mut out)
                .map_err(|_| StatusWord::WRONG_LENGTH)?;
            return Ok(out);
        }
        let (iv, blocks) = if mode.has_iv() {
            let (iv, blocks) = data.split_at_checked(block).unwrap_or_default();
            if blocks.is_empty() {
                return Err(StatusWord::WRONG_LENGTH);
            }
            (Zeroizing::new(iv.to_vec()), blocks)
        } else {
            let chain = chain.ok_or(StatusWord::CONDITIONS)?;
            (Zeroizing::new(chain[..block].to_vec()), data)
        };
        let mac = match &self.key {
            Derived::Tac(session, _) => BlockMac::with_session(session, &iv),
            Derived::Mac(key) | Derived::Cipher(key) => BlockMac::new(key, &iv),
        };
        let mut mac = mac.map_err(|_| StatusWord::WRONG_LENGTH)?;
        mac.update(blocks).map_err(|_| StatusWord::WRONG_LENGTH)?;
        if mode.goes_on() {
            self.chain = Some(mac.chain());
            return Ok(Vec::new());
        }
        Ok(mac.finish().to_vec())
    }
}

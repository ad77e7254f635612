//! Templates at rest: SM4-CBC, then CMAC over everything that must stay together.

use alloc::vec::Vec;
use core::fmt;

use tongtu_crypto::{Entropy, WideCipher, WideKey, equal};
use zeroize::Zeroizing;

/// Bytes that sealing adds at most: IV, padding, MAC.
#[cfg(test)]
const SEAL_MAX: usize = 16 + 16 + 16;
const IV_LEN: usize = 16;
const MAC_LEN: usize = 16;

/// The key that templates are sealed under; it lives in the secure module of the terminal, or of
/// the node.
///
/// Two keys are made from it, one for each use. Zeroized on drop; `Debug` shows nothing.
pub struct SealKey {
    cipher: WideKey,
    mac: WideKey,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// Makes the two keys.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        let root = sm4(key);
        let derived = |purpose: u8| {
            let mut block = Zeroizing::new([0; 16]);
            block[15] = purpose;
            root.encrypt_blocks(&mut block[..]).expect("one block");
            sm4(&block)
        };
        Self {
            cipher: derived(1),
            mac: derived(2),
        }
    }

    /// IV 16 | cipher text | CMAC 16 over `bound`, IV and cipher text.
    #[must_use]
    pub fn seal(&self, bound: &[u8], plain: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let mut iv = [0; IV_LEN];
        entropy.fill(&mut iv);
        let mut body = Zeroizing::new(plain.to_vec());
        body.push(0x80);
        let padded_len = body.len().next_multiple_of(16);
        body.resize(padded_len, 0);
        self.cipher
            .encrypt_cbc(&iv, &mut body)
            .expect("padded to whole blocks");
        let mut out = Vec::with_capacity(IV_LEN + body.len() + MAC_LEN);
        out.extend_from_slice(&iv);
        out.extend_from_slice(&body);
        let mac = self.mac_over(bound, &out);
        out.extend_from_slice(&mac);
        out
    }

    /// The plain text, if nothing was changed and it was sealed for the same place.
    #[must_use]
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (rest, mac) = sealed.split_last_chunk::<MAC_LEN>()?;
        if !equal(&self.mac_over(bound, rest), mac) {
            return None;
        }
        let (iv, body) = rest.split_first_chunk::<IV_LEN>()?;
        let mut body = Zeroizing::new(body.to_vec());
        self.cipher.decrypt_cbc(iv, &mut body).ok()?;
        let end = body.iter().rposition(|b| *b != 0)?;
        if body[end] != 0x80 {
            return None;
        }
        body.truncate(end);
        Some(body)
    }

    /// CMAC over a whole text of ours.
    pub(super) fn mac(&self, text: &[u8]) -> [u8; MAC_LEN] {
        self.mac_over(b"whole", text)
    }

    fn mac_over(&self, bound: &[u8], text: &[u8]) -> [u8; MAC_LEN] {
        // The length in front keeps the two parts apart.
        let len = u32::try_from(bound.len()).expect("a few bytes");
        self.mac.cmac(&[&len.to_be_bytes(), bound, text])
    }
}

fn sm4(key: &[u8; 16]) -> WideKey {
    WideKey::new(WideCipher::Sm4, key).expect("16 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_sealed_and_nothing_else() {
        let key = SealKey::new(&[7; 16]);
        for len in [0, 1, 15, 16, 17, 512] {
            let plain: Vec<u8> = (0..len).map(|n: u16| n.to_be_bytes()[1]).collect();
            let sealed = key.seal(b"rider", &plain, &mut |out: &mut [u8]| out.fill(9));
            assert!(sealed.len() <= plain.len() + SEAL_MAX);
            let opened = key.open(b"rider", &sealed).map(|p| p.to_vec());
            assert_eq!(opened.as_ref(), Some(&plain));
            assert!(key.open(b"other", &sealed).is_none());
            assert!(SealKey::new(&[8; 16]).open(b"rider", &sealed).is_none());
            for bit in 0..sealed.len() * 8 {
                let mut bad = sealed.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(key.open(b"rider", &bad).is_none(), "bit {bit}");
            }
            for cut in 0..sealed.len() {
                assert!(key.open(b"rider", &sealed[..cut]).is_none());
            }
        }
    }

    #[test]
    fn does_not_print_its_keys() {
        assert_eq!(format!("{:?}", SealKey::new(&[7; 16])), "SealKey(..)");
    }
}

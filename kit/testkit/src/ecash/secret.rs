//! The PIN: shown in clear, changed by the issuer.

use super::Ecash;
use crate::Answer;
use crate::apdu::Apdu;
use crate::cipher;

/// A PIN as `0L`, digits, `F`s.
fn block_of(digits: &[u8]) -> Vec<u8> {
    let mut nibbles = vec![0, u8::try_from(digits.len()).expect("a short PIN")];
    nibbles.extend(digits);
    nibbles.resize(16, 0x0F);
    nibbles
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The digits of a block whose first nibble is a control; none if it is not such a block.
fn digits_of(block: &[u8], control: u8) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> = block.iter().flat_map(|b| [b >> 4, b & 0x0F]).collect();
    let len = usize::from(*nibbles.get(1)?);
    let (digits, filler) = nibbles.get(2..)?.split_at_checked(len)?;
    let is_pin = nibbles[0] == control
        && (4..=12).contains(&len)
        && digits.iter().all(|digit| *digit < 10)
        && filler.iter().all(|nibble| *nibble == 0x0F);
    is_pin.then(|| digits.to_vec())
}

/// Digits, two in a byte, zeros behind.
fn packed(digits: &[u8]) -> Vec<u8> {
    let mut nibbles = digits.to_vec();
    nibbles.resize(16, 0);
    nibbles
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

impl Ecash {
    /// VERIFY.
    pub(super) fn verify(&mut self, apdu: &Apdu) -> Answer {
        if (apdu.p1, apdu.p2) != (0, 0x80) {
            return Err(0x6A86);
        }
        if apdu.data.len() != 8 {
            return Err(0x6700);
        }
        if self.state.is_blocked {
            return Err(0x6985);
        }
        let pin = self.state.pin.as_mut().ok_or(0x6984_u16)?;
        if pin.left == 0 {
            return Err(0x6983);
        }
        if pin.block == apdu.data {
            pin.left = pin.limit;
            return Ok(Vec::new());
        }
        pin.left -= 1;
        Err(0x63C0 | u16::from(pin.left))
    }

    /// What masks a PIN on its way: a part of the card's key, and the old PIN where asked.
    fn mask(&self, with_old: bool) -> Vec<u8> {
        let key = &self.profile.encipher_key;
        let mask = [&[0; 4], &key[4..8]].concat();
        let old = self.state.pin.as_ref().filter(|_| with_old);
        match old.and_then(|pin| digits_of(&pin.block, 2)) {
            Some(old) => cipher::xor(&mask, &packed(&old)),
            None => mask,
        }
    }

    /// A new PIN as PIN CHANGE carries it: nothing for P2 00.
    pub(super) fn wrapped_pin(&self, atc: u16, kind: u8, digits: &[u8]) -> Vec<u8> {
        if kind == 0 {
            return Vec::new();
        }
        let algorithm = self.profile.algorithm;
        let block = cipher::xor(&block_of(digits), &self.mask(kind == 1));
        let plain = cipher::pad(&[&[8], &block[..]].concat(), algorithm.block_len());
        let key = self.session_key(&self.profile.encipher_key, atc);
        let blocks = plain.chunks(algorithm.block_len());
        blocks
            .flat_map(|block| algorithm.encrypt(&key, block))
            .collect()
    }

    fn unwrapped_pin(&self, atc: u16, kind: u8, data: &[u8]) -> Option<Vec<u8>> {
        let algorithm = self.profile.algorithm;
        let key = self.session_key(&self.profile.encipher_key, atc);
        let blocks = data.chunks(algorithm.block_len());
        let plain: Vec<u8> = blocks
            .flat_map(|block| algorithm.decrypt(&key, block))
            .collect();
        let block = plain.get(1..9)?;
        if plain != cipher::pad(&[&[8], block].concat(), 16) {
            return None;
        }
        digits_of(&cipher::xor(block, &self.mask(kind == 1)), 0)
    }

    /// PIN CHANGE/UNBLOCK.
    pub(super) fn change_pin(&mut self, apdu: &Apdu) -> Answer {
        if apdu.p1 != 0 || apdu.p2 > 2 {
            return Err(0x6A86);
        }
        if apdu.data.len() != if apdu.p2 == 0 { 4 } else { 20 } {
            return Err(0x6700);
        }
        self.script(apdu, |card, atc, _, data| {
            let mut pin = card.state.pin.clone().ok_or(0x6A88_u16)?;
            if apdu.p2 != 0 {
                let digits = card.unwrapped_pin(atc, apdu.p2, data);
                pin.block = block_of(&digits.ok_or(0x6A80_u16)?);
                pin.block[0] |= 0x20;
            }
            pin.left = pin.limit;
            card.state.pin = Some(pin);
            Ok(Vec::new())
        })
    }
}

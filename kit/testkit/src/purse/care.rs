//! PIN, authentication and maintenance of the naive purse.

use super::{Life, Purse};
use crate::apdu::{Apdu, fit};
use crate::cipher::{self, Algorithm};
use crate::{Answer, Sw};

/// Failures after which the application is locked for ever.
pub(super) const FAILURES_MAX: u8 = 3;

impl Purse {
    /// The data of a command whose last four bytes are a secure messaging MAC by any of the keys.
    pub(super) fn opened_with(
        &mut self,
        apdu: &Apdu,
        challenge: Option<Vec<u8>>,
        keys: &[Vec<u8>],
    ) -> Answer {
        let (data, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let right = challenge.is_some_and(|challenge| {
            keys.iter()
                .any(|key| self.messaging_mac(apdu, &challenge, key, data) == mac)
        });
        self.judged(right)?;
        Ok(data.to_vec())
    }

    /// Counts a wrong MAC; a right one sets the count back.
    fn judged(&mut self, is_right: bool) -> Result<(), Sw> {
        if is_right {
            self.state.messaging_failures = 0;
            return Ok(());
        }
        self.state.messaging_failures += 1;
        if self.state.messaging_failures < FAILURES_MAX {
            return Err(0x6988);
        }
        self.state.life = Life::Locked;
        Err(0x9303)
    }

    fn messaging_mac(&self, apdu: &Apdu, challenge: &[u8], key: &[u8], data: &[u8]) -> Vec<u8> {
        let lc = u8::try_from(apdu.data.len()).expect("a short command");
        let mut input = vec![apdu.cla, apdu.ins, apdu.p1, apdu.p2, lc];
        input.extend_from_slice(data);
        messaging_mac(self.algorithm(), key, challenge, &input)
    }

    pub(super) fn get_challenge(&mut self, apdu: &Apdu) -> Answer {
        let random = self.random(0, usize::from(apdu.le.unwrap_or(4)));
        self.session.challenge = Some(random.clone());
        Ok(random)
    }

    pub(super) fn internal_authenticate(&self, apdu: &Apdu) -> Answer {
        let key = self.profile.keys.internal.get(&apdu.p2).ok_or(0x9403_u16)?;
        fit(self.sealed(key, &apdu.data), apdu.le)
    }

    /// Eight bytes enciphered; SM4 pads them to its block first.
    pub(super) fn sealed(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self.algorithm() {
            Algorithm::Tdes => cipher::tdes_encrypt(key, data),
            Algorithm::Sm4 => cipher::sm4_encrypt(key, &cipher::pad(data, 16)),
        }
    }

    pub(super) fn external_authenticate(
        &mut self,
        apdu: &Apdu,
        challenge: Option<Vec<u8>>,
    ) -> Answer {
        let key = self
            .profile
            .keys
            .external
            .get(&apdu.p2)
            .ok_or(0x9403_u16)?
            .clone();
        let left = self.state.external_left;
        if left == 0 {
            return Err(0x6983);
        }
        let challenge = challenge.filter(|challenge| challenge.len() == 8);
        let challenge = challenge.ok_or(0x6985_u16)?;
        if self.sealed(&key, &challenge) == apdu.data {
            self.state.external_left = 3;
            return Ok(Vec::new());
        }
        self.state.external_left = left - 1;
        Err(0x63C0 | u16::from(left - 1))
    }

    /// Compares a PIN, spending a try.
    fn check_pin(&mut self, pin: &[u8]) -> Result<(), Sw> {
        if self.state.pin_left == 0 {
            return Err(0x6983);
        }
        if self.state.pin == pin {
            self.state.pin_left = self.profile.pin_tries;
            return Ok(());
        }
        self.session.pin_verified = false;
        self.state.pin_left -= 1;
        Err(0x63C0 | u16::from(self.state.pin_left))
    }

    pub(super) fn verify(&mut self, apdu: &Apdu) -> Answer {
        self.check_pin(&apdu.data)?;
        self.session.pin_verified = true;
        Ok(Vec::new())
    }

    pub(super) fn change_pin(&mut self, apdu: &Apdu) -> Answer {
        if apdu.p1 == 1 {
            self.change_known_pin(apdu)
        } else {
            self.reload_pin(apdu)
        }
    }

    fn change_known_pin(&mut self, apdu: &Apdu) -> Answer {
        let middle = apdu.data.iter().position(|byte| *byte == 0xFF);
        let middle = middle.expect("two PINs have a separator");
        let (old, new) = (&apdu.data[..middle], &apdu.data[middle + 1..]);
        self.check_pin(old)?;
        self.state.pin = new.to_vec();
        Ok(Vec::new())
    }

    fn reload_pin(&mut self, apdu: &Apdu) -> Answer {
        let (pin, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let key = self.folded(&self.profile.keys.pin_reload);
        self.judged(self.session_mac(&key, pin) == mac)?;
        self.state.pin = pin.to_vec();
        self.state.pin_left = self.profile.pin_tries;
        Ok(Vec::new())
    }

    pub(super) fn unblock_pin(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let key = self.profile.keys.pin_unblock.clone();
        let sealed = self.opened_with(apdu, challenge, std::slice::from_ref(&key))?;
        let plain = self.algorithm().decrypt(&key, &sealed);
        let (content, padding) = plain[1..]
            .split_at_checked(usize::from(plain[0]))
            .ok_or(0x6A80_u16)?;
        let is_padded = match padding {
            [] => true,
            [0x80, zeros @ ..] => zeros.iter().all(|byte| *byte == 0),
            _ => false,
        };
        if !is_padded || !(2..=6).contains(&content.len()) {
            return Err(0x6A80);
        }
        self.state.pin = content.to_vec();
        self.state.pin_left = self.profile.pin_tries;
        Ok(Vec::new())
    }

    pub(super) fn block(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &[key])?;
        self.state.life = if apdu.p2 == 1 {
            Life::Locked
        } else {
            Life::Blocked
        };
        Ok(Vec::new())
    }

    pub(super) fn unblock(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        if self.state.life != Life::Blocked {
            return Err(0x6985);
        }
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &[key])?;
        self.state.life = Life::Open;
        Ok(Vec::new())
    }

    pub(super) fn block_card(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &[key])?;
        self.state.life = Life::CardBlocked;
        Ok(Vec::new())
    }
}

/// The MAC of secure messaging: four bytes over header and data, started from the challenge.
pub(super) fn messaging_mac(
    algorithm: Algorithm,
    key: &[u8],
    challenge: &[u8],
    input: &[u8],
) -> Vec<u8> {
    let mut iv = challenge[..4].to_vec();
    iv.resize(algorithm.block_len(), 0);
    let mut mac = match algorithm {
        Algorithm::Tdes => cipher::retail_mac(key, &iv, input),
        Algorithm::Sm4 => cipher::cbc_mac(|block| cipher::sm4_encrypt(key, block), &iv, input),
    };
    mac.truncate(4);
    mac
}

//! PIN, authentication and maintenance of the naive purse.

use super::{Answer, Apdu, Life, Purse, Sw};
use crate::cipher::{self, Algorithm};

/// Failures after which the application is locked for ever.
pub(super) const FAILURES_MAX: u8 = 3;

impl Purse {
    /// The data of a command whose last four bytes are a secure messaging MAC.
    pub(super) fn opened_with(
        &mut self,
        apdu: &Apdu,
        challenge: Option<Vec<u8>>,
        key: &[u8],
    ) -> Answer {
        let Some(len) = apdu.data.len().checked_sub(4) else {
            return Err(0x6700);
        };
        let (data, mac) = apdu.data.split_at(len);
        let right = challenge
            .is_some_and(|challenge| self.messaging_mac(apdu, &challenge, key, data) == mac);
        if !right {
            self.state.messaging_failures += 1;
            if self.state.messaging_failures >= FAILURES_MAX {
                self.state.life = Life::Locked;
                return Err(0x9303);
            }
            return Err(0x6988);
        }
        self.state.messaging_failures = 0;
        Ok(data.to_vec())
    }

    fn messaging_mac(&self, apdu: &Apdu, challenge: &[u8], key: &[u8], data: &[u8]) -> Vec<u8> {
        let lc = u8::try_from(apdu.data.len()).expect("a short command");
        let mut input = vec![apdu.cla, apdu.ins, apdu.p1, apdu.p2, lc];
        input.extend_from_slice(data);
        messaging_mac(self.algorithm(), key, challenge, &input)
    }

    pub(super) fn get_challenge(&mut self, apdu: &Apdu) -> Answer {
        if apdu.p1 != 0 || apdu.p2 != 0 {
            return Err(0x6A86);
        }
        apdu.length_is(0)?;
        let len = match apdu.le {
            Some(4) => 4,
            Some(8) => 8,
            _ => return Err(0x6700),
        };
        let random = self.random(0, len);
        self.session.challenge = Some(random.clone());
        Ok(random)
    }

    pub(super) fn internal_authenticate(&self, apdu: &Apdu) -> Answer {
        if apdu.p1 != 0 {
            return Err(0x6A86);
        }
        apdu.length_is(8)?;
        let key = self.profile.keys.internal.get(&apdu.p2).ok_or(0x9403_u16)?;
        Ok(self.sealed(key, &apdu.data))
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
        if apdu.p1 != 0 {
            return Err(0x6A86);
        }
        apdu.length_is(self.algorithm().block_len())?;
        let key = self
            .profile
            .keys
            .external
            .get(&apdu.p2)
            .ok_or(0x9403_u16)?
            .clone();
        let left = self.state.external_left.get(&apdu.p2).copied().unwrap_or(0);
        if left == 0 {
            return Err(0x6983);
        }
        let Some(challenge) = challenge.filter(|challenge| challenge.len() == 8) else {
            return Err(0x6985);
        };
        if self.sealed(&key, &challenge) == apdu.data {
            self.state.external_left.insert(apdu.p2, 3);
            return Ok(Vec::new());
        }
        self.state.external_left.insert(apdu.p2, left - 1);
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
        if apdu.p1 != 0 || apdu.p2 != 0 {
            return Err(0x6A86);
        }
        if !(2..=6).contains(&apdu.data.len()) {
            return Err(0x6700);
        }
        self.check_pin(&apdu.data)?;
        self.session.pin_verified = true;
        Ok(Vec::new())
    }

    pub(super) fn change_pin(&mut self, apdu: &Apdu) -> Answer {
        match (apdu.p1, apdu.p2) {
            (1, 0) => self.change_known_pin(apdu),
            (0, 0) => self.reload_pin(apdu),
            _ => Err(0x6A86),
        }
    }

    fn change_known_pin(&mut self, apdu: &Apdu) -> Answer {
        if !(5..=13).contains(&apdu.data.len()) {
            return Err(0x6700);
        }
        let Some(middle) = apdu.data.iter().position(|byte| *byte == 0xFF) else {
            return Err(0x6A80);
        };
        let old = &apdu.data[..middle];
        let new = &apdu.data[middle + 1..];
        if !is_pin(old) || !is_pin(new) {
            return Err(0x6A80);
        }
        self.check_pin(old)?;
        self.state.pin = new.to_vec();
        Ok(Vec::new())
    }

    fn reload_pin(&mut self, apdu: &Apdu) -> Answer {
        if !(6..=10).contains(&apdu.data.len()) {
            return Err(0x6700);
        }
        let (pin, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let key = self.folded(&self.profile.keys.pin_reload);
        if self.session_mac(&key, pin) != mac {
            return Err(self.messaging_failed());
        }
        if !is_pin(pin) {
            return Err(0x6A80);
        }
        self.state.messaging_failures = 0;
        self.state.pin = pin.to_vec();
        self.state.pin_left = self.profile.pin_tries;
        Ok(Vec::new())
    }

    fn messaging_failed(&mut self) -> Sw {
        self.state.messaging_failures += 1;
        if self.state.messaging_failures < FAILURES_MAX {
            return 0x6988;
        }
        self.state.life = Life::Locked;
        0x9303
    }

    pub(super) fn unblock_pin(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        if apdu.p1 != 0 || apdu.p2 != 1 {
            return Err(0x6A86);
        }
        let block_len = self.algorithm().block_len();
        apdu.length_is(block_len + 4)?;
        let key = self.profile.keys.pin_unblock.clone();
        let sealed = self.opened_with(apdu, challenge, &key)?;
        let plain = self.algorithm().decrypt(&key, &sealed);
        let len = usize::from(plain[0]);
        let Some(pin) = plain.get(1..=len).filter(|pin| is_pin(pin)) else {
            return Err(0x6A80);
        };
        self.state.pin = pin.to_vec();
        self.state.pin_left = self.profile.pin_tries;
        Ok(Vec::new())
    }

    pub(super) fn block(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        if apdu.p1 != 0 || apdu.p2 > 1 {
            return Err(0x6A86);
        }
        apdu.length_is(4)?;
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &key)?;
        self.state.life = if apdu.p2 == 1 {
            Life::Locked
        } else {
            Life::Blocked
        };
        Ok(Vec::new())
    }

    pub(super) fn unblock(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        if apdu.p1 != 0 || apdu.p2 != 0 {
            return Err(0x6A86);
        }
        apdu.length_is(4)?;
        if self.state.life != Life::Blocked {
            return Err(0x6985);
        }
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &key)?;
        self.state.life = Life::Open;
        Ok(Vec::new())
    }

    pub(super) fn block_card(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>) -> Answer {
        if apdu.p1 != 0 || apdu.p2 != 0 {
            return Err(0x6A86);
        }
        apdu.length_is(4)?;
        let key = self.profile.keys.maintenance.clone();
        self.opened_with(apdu, challenge, &key)?;
        self.state.life = Life::CardBlocked;
        Ok(Vec::new())
    }
}

fn is_pin(pin: &[u8]) -> bool {
    (2..=6).contains(&pin.len())
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

//! A small host for SCP03 with AES-128 (GP Amendment D): enough to command a security domain.
//!
//! Here: the host's half, from the clause, over [`crate::cipher`] alone. Not here: SCP02, longer
//! keys, the card's half. Start at [`Host::initialize_update`].

use crate::cipher::{aes_cmac, aes_decrypt, aes_encrypt, cbc, cbc_back, pad};

/// Derivation constants.
const CARD_CRYPTOGRAM: u8 = 0x00;
const HOST_CRYPTOGRAM: u8 = 0x01;
const S_ENC: u8 = 0x04;
const S_MAC: u8 = 0x06;
const S_RMAC: u8 = 0x07;

/// One output of the counter KDF, of at most 16 bytes.
fn derive(key: &[u8], constant: u8, context: &[u8], len: u8) -> Vec<u8> {
    let bits = u16::from(len) * 8;
    let mut input = vec![0; 11];
    input.push(constant);
    input.push(0);
    input.extend(bits.to_be_bytes());
    input.push(1);
    input.extend_from_slice(context);
    let mut out = aes_cmac(key, &input);
    out.truncate(usize::from(len));
    out
}

/// A key as PUT KEY carries it: type, length, the value under the DEK, and its check value.
#[must_use]
pub fn wrapped_key(dek: &[u8], key: &[u8]) -> Vec<u8> {
    let mut out = vec![0x88, 0x11, 0x10];
    out.extend(cbc(|block| aes_encrypt(dek, block), &[0; 16], key));
    out.push(3);
    out.extend(check_value(key));
    out
}

/// The first three bytes of sixteen `01` enciphered.
#[must_use]
pub fn check_value(key: &[u8]) -> Vec<u8> {
    aes_encrypt(key, &[1; 16])[..3].to_vec()
}

/// A host: first its three static keys, then the state of its channel.
#[derive(Clone, Debug)]
pub struct Host {
    keys: [Vec<u8>; 3],
    challenge: Vec<u8>,
    session: Option<Session>,
}

#[derive(Clone, Debug)]
struct Session {
    enc: Vec<u8>,
    mac: Vec<u8>,
    rmac: Vec<u8>,
    level: u8,
    chain: Vec<u8>,
    counter: u128,
}

impl Host {
    /// A host with ENC, MAC and DEK.
    #[must_use]
    pub fn new(enc: &[u8], mac: &[u8], dek: &[u8]) -> Self {
        Self {
            keys: [enc.to_vec(), mac.to_vec(), dek.to_vec()],
            challenge: Vec::new(),
            session: None,
        }
    }

    /// The static DEK.
    #[must_use]
    pub fn dek(&self) -> &[u8] {
        &self.keys[2]
    }

    /// INITIALIZE UPDATE.
    pub fn initialize_update(&mut self, version: u8, challenge: [u8; 8]) -> Vec<u8> {
        self.challenge = challenge.to_vec();
        self.session = None;
        let mut out = vec![0x80, 0x50, version, 0x00, 0x08];
        out.extend(challenge);
        out.push(0);
        out
    }

    /// EXTERNAL AUTHENTICATE for the data of the card's answer; none if its cryptogram is wrong.
    pub fn external_authenticate(&mut self, answer: &[u8], level: u8) -> Option<Vec<u8>> {
        let card_challenge = answer.get(13..21)?;
        let card_cryptogram = answer.get(21..29)?;
        let context = [&self.challenge, card_challenge].concat();
        let mac = derive(&self.keys[1], S_MAC, &context, 16);
        if derive(&mac, CARD_CRYPTOGRAM, &context, 8) != card_cryptogram {
            return None;
        }
        let host_cryptogram = derive(&mac, HOST_CRYPTOGRAM, &context, 8);
        let mut session = Session {
            enc: derive(&self.keys[0], S_ENC, &context, 16),
            rmac: derive(&self.keys[1], S_RMAC, &context, 16),
            mac,
            level,
            chain: vec![0; 16],
            counter: 0,
        };
        let out = session.with_mac([0x84, 0x82, level, 0x00], &host_cryptogram);
        self.session = Some(session);
        Some(out)
    }

    /// Wraps a plain command; without a channel it goes as it is.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8], le: Option<u8>) -> Vec<u8> {
        let mut out = match &mut self.session {
            None => crate::purse::terminal::command(header, data),
            Some(session) => session.wrap(header, data),
        };
        out.extend(le);
        out
    }

    /// Opens an answer: data and status word; none if its R-MAC is wrong.
    #[must_use]
    pub fn unwrap(&self, answer: &[u8]) -> Option<(Vec<u8>, u16)> {
        let (data, sw) = answer.split_last_chunk::<2>()?;
        let number = u16::from_be_bytes(*sw);
        let is_protected = number == 0x9000 || matches!(number >> 8, 0x62 | 0x63);
        match &self.session {
            Some(session) if session.level & 0x10 != 0 && is_protected => {
                session.unwrap(data, *sw).map(|data| (data, number))
            }
            _ => Some((data.to_vec(), number)),
        }
    }
}

impl Session {
    fn with_mac(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let mut out = header.to_vec();
        out.push(u8::try_from(data.len() + 8).expect("a short command"));
        out.extend_from_slice(data);
        self.chain = aes_cmac(&self.mac, &[self.chain.clone(), out.clone()].concat());
        out.extend(&self.chain[..8]);
        out
    }

    fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        if self.level == 0 {
            return crate::purse::terminal::command(header, data);
        }
        self.counter += 1;
        let header = [header[0] | 0x04, header[1], header[2], header[3]];
        if self.level & 0x02 == 0 || data.is_empty() {
            return self.with_mac(header, data);
        }
        let iv = aes_encrypt(&self.enc, &self.counter.to_be_bytes());
        let sealed = cbc(|block| aes_encrypt(&self.enc, block), &iv, &pad(data, 16));
        self.with_mac(header, &sealed)
    }

    fn unwrap(&self, data: &[u8], sw: [u8; 2]) -> Option<Vec<u8>> {
        let (data, mac) = data.split_last_chunk::<8>()?;
        let right = aes_cmac(&self.rmac, &[&self.chain, data, &sw].concat());
        if right[..8] != mac[..] {
            return None;
        }
        if self.level & 0x20 == 0 || data.is_empty() {
            return Some(data.to_vec());
        }
        let mut counter = self.counter.to_be_bytes();
        counter[0] = 0x80;
        let iv = aes_encrypt(&self.enc, &counter);
        let mut plain = cbc_back(|block| aes_decrypt(&self.enc, block), &iv, data);
        while plain.pop()? != 0x80 {}
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purse::tests::hex;

    /// A published session, level 33: the values of pySim's unit tests.
    #[test]
    fn a_published_session_at_level_33() {
        let mut host = Host::new(
            &hex("000102030405060708090A0B0C0D0E0F"),
            &hex("101112131415161718191A1B1C1D1E1F"),
            &hex("202122232425262728292A2B2C2D2E2F"),
        );
        let challenge: [u8; 8] = hex("FDF38259A1E0DE44").try_into().unwrap();
        assert_eq!(
            host.initialize_update(0x30, challenge),
            hex("8050300008FDF38259A1E0DE4400")
        );
        let answer = hex("000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003");
        assert_eq!(
            host.external_authenticate(&answer, 0x33),
            Some(hex("84823300108C36F96BCC00724A4E13AD591D7DA3F0"))
        );
        assert_eq!(
            host.wrap([0x80, 0xE2, 0x91, 0x00], &hex("BF3E035C015A"), Some(0)),
            hex("84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00")
        );
        assert_eq!(
            host.unwrap(&hex("F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B99000")),
            Some((hex("BF3E125A1089882119900000000000000000000005"), 0x9000))
        );
        for (plain, le, wrapped) in [
            ("80F22002", None, "84F2200208AC6A59024BED84CC"),
            ("80CA0066", Some(0), "84CA006608409912AD8FB7AED000"),
            (
                "80F22002 4F0212345C054F9F70C5",
                None,
                "84F22002185F3DAFC3AC14C381536A488BF44E06D056DF9D74DBD21E5A",
            ),
            (
                "80F28002 4F00",
                Some(0),
                "84F280021865165105BE3373347D0424D4400AF2AC393F569EC779389E00",
            ),
        ] {
            let plain = hex(plain);
            let header = [plain[0], plain[1], plain[2], plain[3]];
            assert_eq!(host.wrap(header, &plain[4..], le), hex(wrapped));
        }
        assert_eq!(
            check_value(&hex("000102030405060708090A0B0C0D0E0F")),
            hex("C35280")
        );
    }

    #[test]
    fn a_card_with_other_keys_is_not_believed() {
        let mut host = Host::new(&[1; 16], &[2; 16], &[3; 16]);
        let _ = host.initialize_update(0, [0; 8]);
        assert_eq!(host.external_authenticate(&[0; 32], 0x33), None);
        assert_eq!(host.external_authenticate(&[0; 3], 0x33), None);
    }
}

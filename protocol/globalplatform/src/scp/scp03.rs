//! SCP03 (GP Amendment D): keys by SP 800-108, MAC over the command as it travels.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response};
use tongtu_crypto::{WideKey, equal, padding};

use super::{Cryptograms, Failed, MAC, SecurityLevel, covered, plain_class};

/// Derivation constants (GP Amendment D table 4-1).
mod constant {
    pub(super) const CARD_CRYPTOGRAM: u8 = 0x00;
    pub(super) const HOST_CRYPTOGRAM: u8 = 0x01;
    pub(super) const CARD_CHALLENGE: u8 = 0x02;
    pub(super) const S_ENC: u8 = 0x04;
    pub(super) const S_MAC: u8 = 0x06;
    pub(super) const S_RMAC: u8 = 0x07;
}

fn session_key(key: &WideKey, constant: u8, context: &[&[u8]]) -> WideKey {
    let len = u8::try_from(key.cipher().key_len()).expect("at most 32");
    WideKey::new(key.cipher(), &key.derive(constant, len, context)).expect("derived that long")
}

fn eight(key: &WideKey, constant: u8, context: &[&[u8]]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&key.derive(constant, 8, context));
    out
}

/// The card challenge that a host can foretell (`i` bit 10): from counter and AID.
pub(super) fn foretold_challenge(enc: &WideKey, counter: [u8; 3], aid: &[u8]) -> [u8; 8] {
    eight(enc, constant::CARD_CHALLENGE, &[&counter, aid])
}

/// A channel after INITIALIZE UPDATE.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) level: SecurityLevel,
    enc: WideKey,
    c_mac: WideKey,
    r_mac: WideKey,
    /// The last whole C-MAC.
    chaining: [u8; 16],
    /// Counts commands after EXTERNAL AUTHENTICATE, for the IVs.
    counter: u128,
}

impl Channel {
    pub(super) fn derive(
        enc: &WideKey,
        mac: &WideKey,
        host: &[u8; 8],
        card: &[u8; 8],
    ) -> (Self, Cryptograms) {
        let context: [&[u8]; 2] = [host, card];
        let c_mac = session_key(mac, constant::S_MAC, &context);
        let cryptograms = Cryptograms {
            card: eight(&c_mac, constant::CARD_CRYPTOGRAM, &context),
            host: eight(&c_mac, constant::HOST_CRYPTOGRAM, &context),
        };
        let channel = Self {
            level: SecurityLevel::C_MAC,
            enc: session_key(enc, constant::S_ENC, &context),
            r_mac: session_key(mac, constant::S_RMAC, &context),
            c_mac,
            chaining: [0; 16],
            counter: 0,
        };
        (channel, cryptograms)
    }

    /// The IV of this command, or of its answer.
    fn iv(&self, answer: bool) -> [u8; 16] {
        let mut block = self.counter.to_be_bytes();
        if answer {
            block[0] = 0x80;
        }
        self.enc
            .encrypt_blocks(&mut block)
            .expect("one whole block");
        block
    }

    fn mac(&self, command: &Command, data: &[u8]) -> [u8; 16] {
        self.c_mac
            .cmac(&[&self.chaining, &covered(command, data, MAC)])
    }

    /// Host: the command enciphered, where the level says so, and with its MAC.
    pub(super) fn protect(&mut self, command: &Command) -> Command {
        let mut out = command.clone();
        if !self.level.c_mac() {
            return out;
        }
        if self.level.c_enc() {
            self.counter += 1;
            if !out.data.is_empty() {
                padding::pad(&mut out.data, 16);
                self.enc
                    .encrypt_cbc(&self.iv(false), &mut out.data)
                    .expect("padded to whole blocks");
            }
        }
        self.chaining = self.mac(command, &out.data);
        out.cla |= 0x04;
        out.data.extend(&self.chaining[..MAC]);
        out
    }

    /// Card: the command without its protection, after its MAC held.
    pub(super) fn open(&mut self, command: &Command) -> Result<Command, Failed> {
        let mut out = command.clone();
        out.cla = plain_class(out.cla);
        if !self.level.c_mac() {
            return Ok(out);
        }
        let (body, mac) = command.data.split_last_chunk::<MAC>().ok_or(Failed::Mac)?;
        let expected = self.mac(command, body);
        if !equal(&expected[..MAC], mac) {
            return Err(Failed::Mac);
        }
        self.chaining = expected;
        out.data = body.to_vec();
        if self.level.c_enc() {
            self.counter += 1;
            if !body.is_empty() {
                self.enc
                    .decrypt_cbc(&self.iv(false), &mut out.data)
                    .map_err(|_| Failed::Padding)?;
                out.data = padding::unpad(&out.data).ok_or(Failed::Padding)?.to_vec();
            }
        }
        Ok(out)
    }

    fn answer_mac(&self, data: &[u8], sw: [u8; 2]) -> [u8; 16] {
        self.r_mac.cmac(&[&self.chaining, data, &sw])
    }

    /// Card: the answer protected; errors travel bare.
    pub(super) fn seal(&mut self, mut response: Response) -> Response {
        if !self.level.r_mac() || !(response.sw.is_ok() || response.sw.is_warning()) {
            return response;
        }
        if self.level.r_enc() && !response.data.is_empty() {
            padding::pad(&mut response.data, 16);
            self.enc
                .encrypt_cbc(&self.iv(true), &mut response.data)
                .expect("padded to whole blocks");
        }
        let mac = self.answer_mac(&response.data, response.sw.bytes());
        response.data.extend(&mac[..MAC]);
        response
    }

    /// Host: the answer without its protection, after its MAC held. An error without a MAC is
    /// let through: it says no more than that.
    pub(super) fn unseal(&mut self, response: &Response) -> Option<Response> {
        let bare = !(response.sw.is_ok() || response.sw.is_warning());
        if !self.level.r_mac() || bare {
            return Some(response.clone());
        }
        let (data, mac) = response.data.split_last_chunk::<MAC>()?;
        if !equal(&self.answer_mac(data, response.sw.bytes())[..MAC], mac) {
            return None;
        }
        let mut data: Vec<u8> = data.to_vec();
        if self.level.r_enc() && !data.is_empty() {
            self.enc.decrypt_cbc(&self.iv(true), &mut data).ok()?;
            data = padding::unpad(&data)?.to_vec();
        }
        Some(Response {
            data,
            sw: response.sw,
        })
    }
}

//! SCP02 (GP 2.3.1 §E): 3DES session keys from a counter, MAC over the plain command.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response};
use tongtu_crypto::{TdesKey, equal, padding};

use super::{Cryptograms, Failed, MAC, SecurityLevel, covered, plain_class};

const ZERO: [u8; 8] = [0; 8];

/// The session's keys.
#[derive(Debug)]
pub(super) struct SessionKeys {
    enc: TdesKey,
    c_mac: TdesKey,
    r_mac: TdesKey,
    dek: TdesKey,
}

impl SessionKeys {
    /// From encipherment, MAC and data key and the sequence counter.
    pub(super) fn derive([enc, mac, dek]: [&TdesKey; 3], counter: u16) -> Self {
        Self {
            enc: session_key(enc, [0x01, 0x82], counter),
            c_mac: session_key(mac, [0x01, 0x01], counter),
            r_mac: session_key(mac, [0x01, 0x02], counter),
            dek: session_key(dek, [0x01, 0x81], counter),
        }
    }

    pub(super) fn cryptograms(&self, host: &[u8; 8], counter: u16, card: &[u8; 6]) -> Cryptograms {
        let counter = counter.to_be_bytes();
        let mac = |parts: [&[u8]; 3]| self.enc.cbc_mac(&ZERO, &parts.concat());
        Cryptograms {
            card: mac([host, &counter, card]),
            host: mac([&counter, card, host]),
        }
    }
}

fn session_key(key: &TdesKey, constant: [u8; 2], counter: u16) -> TdesKey {
    let mut data = [0; 16];
    data[..2].copy_from_slice(&constant);
    data[2..4].copy_from_slice(&counter.to_be_bytes());
    key.encrypt_cbc(&ZERO, &mut data).expect("two whole blocks");
    TdesKey::new(data)
}

/// The card challenge that a host can foretell (`i` bit 40): from the domain's AID.
pub(super) fn foretold_challenge(mac: &TdesKey, counter: u16, aid: &[u8]) -> [u8; 6] {
    let key = session_key(mac, [0x01, 0x01], counter);
    let [a, b, c, d, e, f, ..] = key.retail_mac(&ZERO, aid);
    [a, b, c, d, e, f]
}

/// A channel after INITIALIZE UPDATE.
pub(super) struct Channel {
    pub(super) level: SecurityLevel,
    enc: TdesKey,
    c_mac: TdesKey,
    r_mac: TdesKey,
    /// The last C-MAC; none before the first.
    last: Option<[u8; 8]>,
    /// The last R-MAC.
    last_answer: [u8; 8],
    /// The last command without its protection, which the R-MAC of its answer covers.
    stripped: Vec<u8>,
    icv_encryption: bool,
}

impl core::fmt::Debug for Channel {
    /// Without the last command in clear.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = f.debug_struct("Channel");
        shown.field("level", &self.level).finish_non_exhaustive()
    }
}

impl Channel {
    /// A channel without level yet, and the session's data key.
    pub(super) fn new(keys: SessionKeys, icv_encryption: bool) -> (Self, TdesKey) {
        let channel = Self {
            level: SecurityLevel::C_MAC,
            enc: keys.enc,
            c_mac: keys.c_mac,
            r_mac: keys.r_mac,
            last: None,
            last_answer: ZERO,
            stripped: Vec::new(),
            icv_encryption,
        };
        (channel, keys.dek)
    }

    /// Answers' MACs begin from the last C-MAC.
    pub(super) const fn begin_answers(&mut self) {
        if let Some(last) = self.last {
            self.last_answer = last;
        }
    }

    fn next_mac(&self, command: &Command, data: &[u8]) -> [u8; 8] {
        let icv = match &self.last {
            None => ZERO,
            Some(last) if self.icv_encryption => self.c_mac.encrypt_icv(last),
            Some(last) => *last,
        };
        self.c_mac.retail_mac(&icv, &covered(command, data, MAC))
    }

    /// Host: the command with MAC and, where the level says so, enciphered.
    pub(super) fn protect(&mut self, command: &Command) -> Command {
        self.strip(command);
        let mut out = command.clone();
        if !self.level.c_mac() {
            return out;
        }
        let mac = self.next_mac(command, &command.data);
        self.last = Some(mac);
        out.cla |= 0x04;
        if self.level.c_enc() && !out.data.is_empty() {
            padding::pad(&mut out.data, 8);
            self.enc
                .encrypt_cbc(&ZERO, &mut out.data)
                .expect("padded to whole blocks");
        }
        out.data.extend(mac);
        out
    }

    /// Card: the command without its protection, after its MAC held.
    pub(super) fn open(&mut self, command: &Command) -> Result<Command, Failed> {
        let mut out = command.clone();
        out.cla = plain_class(out.cla);
        if self.level.c_mac() {
            let (body, mac) = command.data.split_last_chunk::<MAC>().ok_or(Failed::Mac)?;
            let mut body = body.to_vec();
            if self.level.c_enc() && !body.is_empty() {
                self.enc
                    .decrypt_cbc(&ZERO, &mut body)
                    .map_err(|_| Failed::Padding)?;
                body = padding::unpad(&body).ok_or(Failed::Padding)?.to_vec();
            }
            let expected = self.next_mac(command, &body);
            if !equal(&expected, mac) {
                return Err(Failed::Mac);
            }
            self.last = Some(expected);
            out.data = body;
        }
        self.strip(&out);
        Ok(out)
    }

    fn strip(&mut self, command: &Command) {
        self.stripped.clear();
        if self.level.r_mac() {
            let mut plain = covered(command, &command.data, 0);
            if let Some(cla) = plain.first_mut() {
                *cla = plain_class(*cla);
            }
            self.stripped = plain;
        }
    }

    fn answer_mac(&self, data: &[u8], sw: [u8; 2]) -> [u8; 8] {
        let mut covered = self.stripped.clone();
        let [.., len] = data.len().to_be_bytes();
        covered.push(len);
        covered.extend(data);
        covered.extend(sw);
        self.r_mac.retail_mac(&self.last_answer, &covered)
    }

    /// Card: the answer with its MAC, where the level says so.
    pub(super) fn seal(&mut self, mut response: Response) -> Response {
        if self.level.r_mac() {
            let mac = self.answer_mac(&response.data, response.sw.bytes());
            self.last_answer = mac;
            response.data.extend(mac);
        }
        response
    }

    /// Host: the answer without its MAC, after it held.
    pub(super) fn unseal(&mut self, response: &Response) -> Option<Response> {
        if !self.level.r_mac() {
            return Some(response.clone());
        }
        let (data, mac) = response.data.split_last_chunk::<MAC>()?;
        let expected = self.answer_mac(data, response.sw.bytes());
        if !equal(&expected, mac) {
            return None;
        }
        self.last_answer = expected;
        Some(Response {
            data: data.to_vec(),
            sw: response.sw,
        })
    }
}

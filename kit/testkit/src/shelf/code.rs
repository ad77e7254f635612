//! The naive NFC ride code (NFC 二维码): what it keeps, and what a command does to that.

use sm3::{Digest, Sm3};

use crate::apdu::Apdu;
use crate::cipher::{self, Algorithm};
use crate::purse::tlv;
use crate::{Answer, Sw};

/// How many codes a result may come for.
const KNOWN_MAX: usize = 4;
/// How many results are kept.
const RESULTS_MAX: usize = 10;

/// GET CODE, in the order of a profile's rows.
pub const GET_CODE: usize = 0;
/// GET CHALLENGE.
pub const GET_CHALLENGE: usize = 1;
/// UPDATE CODE.
pub const UPDATE_CODE: usize = 2;
/// PUT RESULT.
pub const PUT_RESULT: usize = 3;
/// READ RESULT.
pub const READ_RESULT: usize = 4;

/// A profile's 14 bytes, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Version of the protocol.
    pub version: [u8; 2],
    /// The longest code.
    pub code_max: usize,
    /// Class and instruction of the five commands.
    pub rows: [[u8; 2]; 5],
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            version: [1, 0],
            code_max: 512,
            rows: [
                [0x80, 0xCA],
                [0x00, 0x84],
                [0x84, 0xDA],
                [0x84, 0xDC],
                [0x80, 0xB2],
            ],
        }
    }
}

impl Profile {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let max = u16::try_from(self.code_max).expect("a code of some thousand bytes");
        let mut out = self.version.to_vec();
        out.extend(max.to_be_bytes());
        out.extend(self.rows.concat());
        out
    }

    /// None unless a card can live by them.
    fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, high, low, rows @ ..] = bytes else {
            return None;
        };
        let rows: Vec<[u8; 2]> = rows
            .chunks(2)
            .filter_map(|row| row.try_into().ok())
            .collect();
        if bytes.len() != 14 {
            return None;
        }
        let code_max = usize::from(*high) * 256 + usize::from(*low);
        if code_max == 0 || code_max > 4096 {
            return None;
        }
        for (at, [cla, ins]) in rows.iter().enumerate() {
            let is_the_cards = matches!(ins, 0xA4 | 0x70 | 0xC0);
            let is_nobodys = matches!(ins & 0xF0, 0x60 | 0x90);
            if cla & !0x84 != 0 || is_the_cards || is_nobodys {
                return None;
            }
            if rows[..at].contains(&[*cla, *ins]) {
                return None;
            }
        }
        Some(Self {
            version: [*a, *b],
            code_max,
            rows: rows.try_into().ok()?,
        })
    }
}

/// A key with its algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Algorithm, pub Vec<u8>);

impl Key {
    fn read(bytes: &[u8]) -> Option<Self> {
        let algorithm = match (bytes.len(), bytes.first()?) {
            (17, 0) => Algorithm::Tdes,
            (17, 1) => Algorithm::Sm4,
            _ => return None,
        };
        Some(Self(algorithm, bytes[1..].to_vec()))
    }

    /// The group's value.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.0 == Algorithm::Sm4)];
        out.extend(&self.1);
        out
    }

    /// The MAC of an update (1) or a result (2).
    #[must_use]
    pub fn mac(&self, purpose: u8, challenge: &[u8], body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).expect("a short body");
        let mut message = vec![purpose];
        message.extend(len.to_be_bytes());
        message.extend(challenge);
        message.extend(body);
        let mut mac = match self.0 {
            Algorithm::Tdes => cipher::retail_mac(&self.1, &[0; 8], &message),
            Algorithm::Sm4 => cipher::cbc_mac(
                |block| cipher::sm4_encrypt(&self.1, block),
                &[0; 16],
                &message,
            ),
        };
        mac.truncate(8);
        mac
    }
}

/// How a result names a code.
#[must_use]
pub fn reference(code: &[u8]) -> Vec<u8> {
    Sm3::digest(code)[..8].to_vec()
}

/// What an instance keeps without power.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Its command table.
    pub profile: Profile,
    /// The owner's key.
    pub update_key: Option<Key>,
    /// The key of results.
    pub result_key: Option<Key>,
    /// The code.
    pub code: Option<Vec<u8>>,
    /// References of the last codes, newest first.
    pub known: Vec<Vec<u8>>,
    /// The last results, newest first.
    pub results: Vec<Vec<u8>>,
}

/// What only the next command on the channel can go on with.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    pub(super) challenge: Option<[u8; 8]>,
    update: Option<Update>,
}

#[derive(Clone, Debug)]
struct Update {
    challenge: [u8; 8],
    blocks: usize,
    whole: Vec<u8>,
}

impl Code {
    /// FCI after the name.
    pub(super) fn told(&self, label: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if !label.is_empty() {
            out.extend(tlv(&[0x50], label));
        }
        out.extend(tlv(&[0x9F, 0x08], &self.profile.version));
        out
    }

    /// One group of a personalisation.
    pub(super) fn store(&mut self, id: u16, value: &[u8]) -> Result<(), Sw> {
        match id {
            0xA001 => self.profile = Profile::read(value).ok_or(0x6A80_u16)?,
            0xA002 if value.is_empty() || value.len() > self.profile.code_max => {
                return Err(0x6A80);
            }
            0xA002 => self.put(value),
            0x8001 => self.update_key = Some(Key::read(value).ok_or(0x6A80_u16)?),
            0x8002 => self.result_key = Some(Key::read(value).ok_or(0x6A80_u16)?),
            _ => return Err(0x6A88),
        }
        Ok(())
    }

    fn put(&mut self, code: &[u8]) {
        if code.is_empty() {
            self.code = None;
            return;
        }
        let reference = reference(code);
        self.known.retain(|known| *known != reference);
        self.known.insert(0, reference);
        self.known.truncate(KNOWN_MAX);
        self.code = Some(code.to_vec());
    }

    pub(super) fn serve(
        &mut self,
        session: &mut Session,
        between: Session,
        apdu: &Apdu,
        seen: &[u8],
    ) -> Answer {
        let rows = &self.profile.rows;
        let Some(row) = rows.iter().position(|row| *row == [apdu.cla, apdu.ins]) else {
            let has_other_class = rows.iter().any(|row| row[1] == apdu.ins);
            return Err(if has_other_class { 0x6E00 } else { 0x6D00 });
        };
        let has_p1_p2 = (apdu.p1, apdu.p2) != (0, 0);
        match row {
            GET_CODE | GET_CHALLENGE | PUT_RESULT if has_p1_p2 => return Err(0x6A86),
            UPDATE_CODE if !matches!(apdu.p1, 0x00 | 0x80) => return Err(0x6A86),
            READ_RESULT if apdu.p1 == 0 || apdu.p2 != 0 => return Err(0x6A86),
            GET_CHALLENGE if !matches!(apdu.le, None | Some(0 | 8)) => return Err(0x6700),
            GET_CODE | GET_CHALLENGE | READ_RESULT if !apdu.data.is_empty() => return Err(0x6700),
            UPDATE_CODE if apdu.data.is_empty() => return Err(0x6700),
            PUT_RESULT if apdu.data.len() != 34 => return Err(0x6700),
            _ => {}
        }
        match row {
            GET_CODE if self.update_key.is_none() => Err(0x6985),
            GET_CODE => self.code.clone().ok_or(0x6A88),
            GET_CHALLENGE => {
                let mut random = [0; 8];
                random.copy_from_slice(seen.get(..8).unwrap_or(&[0; 8]));
                session.challenge = Some(random);
                Ok(random.to_vec())
            }
            UPDATE_CODE => self.update(session, between, apdu),
            PUT_RESULT => self.result(between, apdu),
            _ => {
                let result = self.results.get(usize::from(apdu.p1) - 1);
                result.cloned().ok_or(0x6A83)
            }
        }
    }

    fn update(&mut self, session: &mut Session, between: Session, apdu: &Apdu) -> Answer {
        let key = self.update_key.clone().ok_or(0x6985_u16)?;
        let mut update = match (between.update, between.challenge) {
            (Some(update), _) => update,
            (None, Some(challenge)) => Update {
                challenge,
                blocks: 0,
                whole: Vec::new(),
            },
            (None, None) => return Err(0x6985),
        };
        if usize::from(apdu.p2) != update.blocks {
            return Err(0x6985);
        }
        update.blocks += 1;
        update.whole.extend(&apdu.data);
        let whole = &update.whole;
        if whole.len() > self.profile.code_max + 10 {
            return Err(0x6A84);
        }
        if apdu.p1 == 0x00 {
            if update.blocks == 256 {
                return Err(0x6985);
            }
            session.update = Some(update);
            return Ok(Vec::new());
        }
        let [high, low, rest @ ..] = &whole[..] else {
            return Err(0x6A80);
        };
        let len = usize::from(*high) * 256 + usize::from(*low);
        if len > self.profile.code_max {
            return Err(0x6A84);
        }
        if rest.len() != len + 8 {
            return Err(0x6A80);
        }
        let (code, mac) = rest.split_at(len);
        if key.mac(1, &update.challenge, code) != mac {
            return Err(0x6988);
        }
        self.put(code);
        Ok(Vec::new())
    }

    fn result(&mut self, between: Session, apdu: &Apdu) -> Answer {
        let key = self.result_key.clone().ok_or(0x6985_u16)?;
        let challenge = between.challenge.ok_or(0x6985_u16)?;
        let (result, mac) = apdu.data.split_at(26);
        if key.mac(2, &challenge, result) != mac {
            return Err(0x6988);
        }
        if !self.known.iter().any(|known| result.starts_with(known)) {
            return Err(0x6A88);
        }
        let fare = &result[9..13];
        if fare.iter().any(|byte| byte >> 4 > 9 || byte & 0x0F > 9) {
            return Err(0x6A80);
        }
        if !self.results.iter().any(|kept| kept == result) {
            self.results.insert(0, result.to_vec());
            self.results.truncate(RESULTS_MAX);
        }
        Ok(Vec::new())
    }
}

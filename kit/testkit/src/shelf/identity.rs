//! The naive identity application (身份认证应用): its key, its certificate, its PIN.

use sm2::dsa::signature::Verifier;
use sm2::dsa::{Signature, VerifyingKey};

use crate::apdu::Apdu;
use crate::purse::tlv;
use crate::{Answer, Sw};

/// The identifier that goes into every SM2 signature.
const SIGNER: &str = "1234567812345678";

/// What an instance keeps without power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The public key, `04 X Y`.
    pub key: Option<Vec<u8>>,
    /// Keys that were there before.
    pub former: Vec<Vec<u8>>,
    /// The certificate.
    pub certificate: Option<Vec<u8>>,
    /// The PIN.
    pub pin: Option<Vec<u8>>,
    /// Tries of it.
    pub tries: u8,
    /// Tries left.
    pub left: u8,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            key: None,
            former: Vec::new(),
            certificate: None,
            pin: None,
            tries: 3,
            left: 3,
        }
    }
}

/// What a selection forgets.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// The PIN that was verified.
    verified: Option<Vec<u8>>,
}

fn verifier(point: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_sec1_bytes(SIGNER, point).ok()
}

impl Identity {
    /// One group of a personalisation.
    pub(super) fn store(&mut self, id: u16, value: &[u8]) -> Result<(), Sw> {
        match (id, value.len()) {
            (0x7F21, 0) => return Err(0x6A80),
            (0x7F21, _) if self.key.is_none() => return Err(0x6985),
            (0x7F21, _) => self.certificate = Some(value.to_vec()),
            (0x8010, 0) => self.pin = None,
            (0x8010, 2..=6) => {
                self.pin = Some(value.to_vec());
                self.left = self.tries;
            }
            (0x8011, 0) => {
                self.former.extend(self.key.take());
                self.certificate = None;
            }
            (0x9010, 1) if (1..=15).contains(&value[0]) => {
                self.tries = value[0];
                self.left = self.tries;
            }
            (0x8010 | 0x8011 | 0x9010, _) => return Err(0x6A80),
            _ => return Err(0x6A88),
        }
        Ok(())
    }

    pub(super) fn serve(
        &mut self,
        session: &mut Session,
        medium: Option<&[u8]>,
        apdu: &Apdu,
        seen: &[u8],
    ) -> Answer {
        let class = match apdu.ins {
            0x46 | 0xCA => 0x80,
            0x20 | 0x88 => 0x00,
            _ if matches!(apdu.cla, 0x00 | 0x80) => return Err(0x6D00),
            _ => return Err(0x6E00),
        };
        if apdu.cla != class {
            return Err(0x6E00);
        }
        let p1_p2 = [apdu.p1, apdu.p2];
        let len = apdu.data.len();
        let (has_place, has_length) = match apdu.ins {
            0x46 => (p1_p2 == [0, 0], len == 0),
            0xCA => (matches!(p1_p2, [0x7F, 0x21 | 0x49]), len == 0),
            0x20 => (p1_p2 == [0, 0], len == 0 || (2..=6).contains(&len)),
            _ => (p1_p2 == [0, 0], (16..=32).contains(&len)),
        };
        if !has_place {
            return Err(0x6A86);
        }
        if !has_length {
            return Err(0x6700);
        }
        match (apdu.ins, apdu.p2) {
            (0x46, _) => self.generate(seen),
            (0xCA, 0x21) => {
                let certificate = self.certificate.as_ref().ok_or(0x6A88_u16)?;
                Ok(long_tlv(&[0x7F, 0x21], certificate))
            }
            (0xCA, _) => {
                let key = self.key.as_ref().ok_or(0x6A88_u16)?;
                Ok(tlv(&[0x7F, 0x49], &tlv(&[0x86], key)))
            }
            (0x20, _) => self.verify(session, &apdu.data),
            _ => self.authenticate(session, medium, &apdu.data, seen),
        }
    }

    /// Takes the card's new key, if it is a key and a new one.
    fn generate(&mut self, seen: &[u8]) -> Answer {
        if self.key.is_some() {
            return Err(0x6985);
        }
        let point = seen.get(..65).unwrap_or_default().to_vec();
        if verifier(&point).is_none() || self.former.contains(&point) {
            return Ok(b"no new key".to_vec());
        }
        self.key = Some(point.clone());
        Ok(point)
    }

    fn verify(&mut self, session: &mut Session, data: &[u8]) -> Answer {
        let pin = self.pin.clone().ok_or(0x6A88_u16)?;
        let is_verified = session.verified.as_ref() == Some(&pin);
        if !data.is_empty() {
            session.verified = None;
        }
        match (data, self.left) {
            (_, 0) => return Err(0x6983),
            ([], _) if is_verified => return Ok(Vec::new()),
            ([], left) => return Err(0x63C0 + u16::from(left)),
            _ => {}
        }
        if data != pin {
            self.left -= 1;
            return Err(0x63C0 + u16::from(self.left));
        }
        self.left = self.tries;
        session.verified = Some(pin);
        Ok(Vec::new())
    }

    /// Believes the card's signature, if it is one over challenge and medium.
    fn authenticate(
        &self,
        session: &Session,
        medium: Option<&[u8]>,
        challenge: &[u8],
        seen: &[u8],
    ) -> Answer {
        let key = self.key.as_ref().ok_or(0x6985_u16)?;
        if let Some(pin) = &self.pin {
            if self.left == 0 {
                return Err(0x6983);
            }
            if session.verified.as_ref() != Some(pin) {
                return Err(0x6982);
            }
        }
        let medium = medium.ok_or(0x6A88_u16)?;
        let message = [challenge, medium].concat();
        let bytes = seen.get(..64).unwrap_or_default();
        let holds = verifier(key).is_some_and(|key| {
            Signature::from_slice(bytes)
                .is_ok_and(|signature| key.verify(&message, &signature).is_ok())
        });
        Ok(if holds {
            bytes.to_vec()
        } else {
            b"no signature".to_vec()
        })
    }
}

/// An object that may be longer than 255 bytes.
fn long_tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let Ok(_) = u8::try_from(value.len()) else {
        let len = u16::try_from(value.len()).expect("a certificate of some thousand bytes");
        return [tag, &[0x82], &len.to_be_bytes(), value].concat();
    };
    tlv(tag, value)
}

//! The long dialogue: cryptograms, the issuer's answer, and what an issuer may change.

use super::pay::Verdict;
use super::profile::{Elements, LOAD_LOG, LOG, LOG_LEN};
use super::{Ecash, Phase, amount, digits, fill, split, tlv, whole_tag};
use crate::apdu::Apdu;
use crate::cipher::{self, Algorithm};
use crate::{Answer, Sw};

/// A long dialogue under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialogue {
    atc: u16,
    said: Elements,
    request: Option<Vec<u8>>,
    issuer: Option<bool>,
    cryptograms: usize,
}

impl Dialogue {
    /// Counter and request, for whoever plays the issuer.
    pub(super) fn asked(self) -> (u16, Vec<u8>) {
        (self.atc, self.request.unwrap_or_else(|| vec![0; 8]))
    }

    pub(super) const fn begun(atc: u16, said: Elements) -> Self {
        Self {
            atc,
            said,
            request: None,
            issuer: None,
            cryptograms: 0,
        }
    }
}

impl Ecash {
    /// Counter, request cryptogram and what was said, of a transaction that the issuer was
    /// asked about, unless another channel began a newer one.
    fn asked(&mut self) -> Option<(u16, Vec<u8>, Elements, &mut Option<bool>)> {
        let now = self.state.atc;
        let asked = match &mut self.session.phase {
            Phase::Tap(tap) if tap.verdict == Verdict::Online => Some((
                tap.atc,
                tap.cryptogram.clone(),
                tap.said.clone(),
                &mut tap.issuer,
            )),
            Phase::Long(long) => Some((
                long.atc,
                long.request.clone()?,
                long.said.clone(),
                &mut long.issuer,
            )),
            _ => None,
        };
        asked.filter(|asked| asked.0 == now)
    }

    pub(super) fn generate_ac(&mut self, apdu: &Apdu) -> Answer {
        if !matches!((apdu.p1, apdu.p2), (0x00 | 0x40 | 0x80, 0)) {
            return Err(0x6A86);
        }
        let Phase::Long(mut long) = self.session.phase.clone() else {
            return Err(0x6985);
        };
        let list = match long.cryptograms {
            0 => &self.profile.cdol1,
            1 => &self.profile.cdol2,
            _ => return Err(0x6985),
        };
        long.said.extend(split(list, &apdu.data).ok_or(0x6700_u16)?);
        if long.atc != self.state.atc {
            return Err(0x6985);
        }
        let is_first = long.cryptograms == 0;
        let (kind, results) = if is_first {
            let kind = if apdu.p1 == 0 { 0x00 } else { 0x80 };
            let first = if apdu.p1 == 0 { 0x80 } else { 0xA0 };
            (kind, self.results(first, 0, 0))
        } else {
            let is_approved = apdu.p1 == 0x40 && long.issuer == Some(true);
            let kind = if is_approved { 0x40 } else { 0x00 };
            let failed = if long.issuer == Some(false) { 0x08 } else { 0 };
            (kind, self.results(kind | 0x20 | failed, 0, 0))
        };
        let cryptogram = self.cryptogram(&long.said, long.atc, results);
        let body = [
            vec![kind],
            long.atc.to_be_bytes().to_vec(),
            cryptogram.clone(),
            self.issuer_data(long.atc, results, self.state.balance),
        ];
        let remembered = &mut self.state.remembered;
        if !is_first {
            remembered.unfinished = false;
            remembered.missing = long.issuer.is_none();
            if long.issuer == Some(true) {
                remembered.script_failed = false;
                remembered.scripts = 0;
                remembered.last_online = self.state.atc;
            }
            long.cryptograms = 2;
        } else if kind == 0x80 {
            remembered.unfinished = true;
            long.request = Some(cryptogram);
            long.cryptograms = 1;
        } else {
            long.cryptograms = 2;
        }
        self.session.phase = Phase::Long(long);
        Ok(tlv(0x80, &body.concat()))
    }

    pub(super) fn external_authenticate(&mut self, apdu: &Apdu) -> Answer {
        if apdu.data.len() != 10 {
            return Err(0x6700);
        }
        let (atc, request, _, issuer) = self.asked().ok_or(0x6985_u16)?;
        if issuer.is_some() {
            return Err(0x6985);
        }
        let is_right = self.response(atc, &request, &apdu.data[8..]) == apdu.data[..8];
        let is_tap = matches!(self.session.phase, Phase::Tap(_));
        let last = self.state.atc;
        let remembered = &mut self.state.remembered;
        remembered.failed = !is_right;
        remembered.missing = false;
        if is_tap && is_right {
            remembered.unfinished = false;
            remembered.script_failed = false;
            remembered.scripts = 0;
            remembered.last_online = last;
        }
        if let Some((.., issuer)) = self.asked() {
            *issuer = Some(is_right);
        }
        if is_right {
            Ok(Vec::new())
        } else {
            Err(0x6300)
        }
    }

    /// The issuer's cryptogram: the request laid over the response code, enciphered.
    pub(super) fn response(&self, atc: u16, request: &[u8], code: &[u8]) -> Vec<u8> {
        let mut block = request.to_vec();
        block[0] ^= code[0];
        block[1] ^= code[1];
        let key = self.session_key(&self.profile.cryptogram_key, atc);
        match self.profile.algorithm {
            Algorithm::Tdes => cipher::tdes_encrypt(&key, &block),
            Algorithm::Sm4 => {
                block.resize(16, 0);
                cipher::sm4_encrypt(&key, &block)[..8].to_vec()
            }
        }
    }

    /// The MAC of a script command.
    pub(super) fn script_mac(
        &self,
        atc: u16,
        request: &[u8],
        header: [u8; 4],
        data: &[u8],
    ) -> Vec<u8> {
        let lc = u8::try_from(data.len() + 4).expect("a short command");
        let input = [&header[..], &[lc], &atc.to_be_bytes(), request, data].concat();
        let key = self.session_key(&self.profile.mac_key, atc);
        self.mac(&key, &input)[..4].to_vec()
    }

    /// Judges a script command's state and MAC; counts it.
    fn authorised(&mut self, apdu: &Apdu) -> Result<(u16, Elements), Sw> {
        if self.state.is_blocked {
            return Err(0x6985);
        }
        let (atc, request, said, issuer) = self.asked().ok_or(0x6985_u16)?;
        match issuer {
            Some(true) => {}
            Some(false) => return Err(0x6982),
            None => return Err(0x6985),
        }
        let (data, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let header = [apdu.cla, apdu.ins, apdu.p1, apdu.p2];
        if self.script_mac(atc, &request, header, data) != mac {
            if let Some((.., issuer)) = self.asked() {
                *issuer = Some(false);
            }
            self.state.remembered.script_failed = true;
            return Err(0x6988);
        }
        self.state.remembered.scripts = (self.state.remembered.scripts + 1).min(15);
        Ok((atc, said))
    }

    /// A script command that changes something; what does not hold is not counted.
    pub(super) fn script(
        &mut self,
        apdu: &Apdu,
        change: impl FnOnce(&mut Self, u16, Elements, &[u8]) -> Answer,
    ) -> Answer {
        let before = self.state.remembered;
        let (atc, said) = self.authorised(apdu)?;
        let done = change(self, atc, said, &apdu.data[..apdu.data.len() - 4]);
        if done.is_err() {
            self.state.remembered = before;
            self.state.remembered.script_failed = true;
        }
        done
    }

    pub(super) fn put_data(&mut self, apdu: &Apdu) -> Answer {
        let number = whole_tag(apdu).ok_or(0x6A86_u16)?;
        if apdu.data.len() < 5 {
            return Err(0x6700);
        }
        self.script(apdu, |card, atc, said, value| match number {
            0x9F79 => card.load(value, atc, said),
            0x9F77 | 0x9F78 | 0x9F6D | 0x9F6B | 0xDF62 => card.set(number, value.to_vec()),
            0x9F68 | 0x9F52 => {
                // Cards have forms of the default action of two to six bytes.
                let lengths = if number == 0x9F68 { 4..=4 } else { 2..=6 };
                if !lengths.contains(&value.len()) {
                    return Err(0x6700);
                }
                card.state.elements.insert(number, value.to_vec());
                Ok(Vec::new())
            }
            _ => Err(0x6A88),
        })
    }

    pub(super) fn update_record(&mut self, apdu: &Apdu) -> Answer {
        let (number, sfi) = (apdu.p1, apdu.p2 >> 3);
        if number == 0 || apdu.p2 & 7 != 4 || !(1..=30).contains(&sfi) {
            return Err(0x6A86);
        }
        if apdu.data.len() < 5 {
            return Err(0x6700);
        }
        self.script(apdu, |card, _, _, record| {
            if sfi == LOG || sfi == LOAD_LOG || card.profile.files.contains_key(&sfi) {
                return Err(0x6981);
            }
            let has_file = card.state.records.keys().any(|(file, _)| *file == sfi);
            let old = card.state.records.get_mut(&(sfi, number));
            let old = old.ok_or(if has_file { 0x6A83_u16 } else { 0x6A82 })?;
            let is_template = match record {
                [0x70, len @ 0..=0x7F, body @ ..] | [0x70, 0x81, len, body @ ..] => {
                    usize::from(*len) == body.len()
                }
                _ => false,
            };
            if !is_template {
                return Err(0x6A80);
            }
            *old = record.to_vec();
            Ok(Vec::new())
        })
    }

    /// INTERNAL AUTHENTICATE: the signature is taken from the card's answer.
    pub(super) fn internal_authenticate(&self, apdu: &Apdu) -> Answer {
        if apdu.data.is_empty() {
            return Err(0x6700);
        }
        if !matches!(self.session.phase, Phase::Long(_) | Phase::Tap(_)) {
            return Err(0x6985);
        }
        if apdu.data.len() != self.profile.ddol_len {
            return Err(0x6700);
        }
        if !self.profile.signs {
            return Err(0x6985);
        }
        let header = if self.seen.get(1) == Some(&0x81) {
            3
        } else {
            2
        };
        let end = self.seen.len().saturating_sub(2);
        let signature = self.seen.get(header..end).unwrap_or_default();
        Ok(tlv(0x80, signature))
    }

    fn set(&mut self, number: u16, value: Vec<u8>) -> Answer {
        if value.len() != 6 {
            return Err(0x6700);
        }
        amount(&value).ok_or(0x6A80_u16)?;
        self.state.elements.insert(number, value);
        Ok(Vec::new())
    }

    fn load(&mut self, value: &[u8], atc: u16, mut said: Elements) -> Answer {
        if value.len() != 6 {
            return Err(0x6700);
        }
        let after = amount(value).ok_or(0x6A80_u16)?;
        if after > self.limit(0x9F77) {
            return Err(0x6A80);
        }
        // What comes in first pays back the offset.
        let more = after.saturating_sub(self.state.balance);
        let back = more.min(self.state.offset_used);
        let after = after - back;
        said.insert(0x9F36, atc.to_be_bytes().to_vec());
        let record = [
            vec![0x9F, 0x79],
            digits(self.state.balance),
            digits(after),
            fill(&self.profile.load_log_format, &said),
        ]
        .concat();
        self.state.balance = after;
        self.state.offset_used -= back;
        self.state.load_log.insert(0, record);
        self.state.load_log.truncate(LOG_LEN);
        Ok(Vec::new())
    }

    pub(super) fn block(&mut self, apdu: &Apdu) -> Answer {
        if apdu.data.len() != 4 {
            return Err(0x6700);
        }
        self.authorised(apdu)?;
        self.state.is_blocked = true;
        Ok(Vec::new())
    }

    pub(super) fn unblock(&mut self, apdu: &Apdu) -> Answer {
        if apdu.data.len() != 4 {
            return Err(0x6700);
        }
        if !self.state.is_blocked {
            return Err(0x6985);
        }
        let header = [apdu.cla, apdu.ins, apdu.p1, apdu.p2];
        let right = self.script_mac(self.state.atc, &[0; 8], header, &[]);
        self.state.atc += 1;
        if right != apdu.data {
            return Err(0x6988);
        }
        self.state.is_blocked = false;
        Ok(Vec::new())
    }
}

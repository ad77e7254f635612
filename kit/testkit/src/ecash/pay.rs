//! A tap: options, records, and the moment when the money is gone.

use super::{Answer, Dol, Ecash, Elements, Pending, amount, digits, fill, tlv};
use crate::cipher::Algorithm;

/// What a cryptogram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Declined,
    Approved,
    Online,
}

/// Elements in the order of a list.
fn split(dol: &Dol, mut data: &[u8]) -> Option<Elements> {
    let mut out = Elements::new();
    for (tag, len) in dol {
        let (value, rest) = data.split_at_checked(*len)?;
        out.insert(*tag, value.to_vec());
        data = rest;
    }
    data.is_empty().then_some(out)
}

impl Ecash {
    pub(super) fn options(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if (p1, p2) != (0, 0) {
            return Err(0x6A86);
        }
        let [0x83, len, said @ ..] = data else {
            return Err(0x6A80);
        };
        if usize::from(*len) != said.len() {
            return Err(0x6A80);
        }
        let said = split(&self.profile.pdol, said).ok_or(0x6700_u16)?;
        if self.session.has_options || self.state.is_blocked || self.state.atc == 0xFFFF {
            return Err(0x6985);
        }
        let terminal = |tag: u16| said.get(&tag).cloned().unwrap_or_default();
        let qualifiers = terminal(0x9F66);
        let asked =
            |byte: usize, mask: u8| qualifiers.get(byte).is_some_and(|byte| byte & mask != 0);
        if !asked(0, 0x20) {
            return Err(0x6985);
        }
        let wanted = amount(&terminal(0x9F02)).ok_or(0x6A80_u16)?;
        self.session.has_options = true;
        self.state.atc += 1;

        let limit = self.element(0x9F78).and_then(|limit| amount(&limit));
        let otherwise = if asked(0, 0x08) {
            Verdict::Declined
        } else {
            Verdict::Online
        };
        let verdict = if asked(1, 0x80) {
            Verdict::Online
        } else if Some(terminal(0x5F2A)) != self.element(0x9F51)
            || limit.is_some_and(|limit| wanted > limit)
            || wanted > self.state.balance
        {
            otherwise
        } else {
            Verdict::Approved
        };
        let after = match verdict {
            Verdict::Approved => self.state.balance - wanted,
            _ => self.state.balance,
        };
        let answer = self.tap_answer(&said, verdict, after);
        if verdict == Verdict::Approved {
            let mut kept = said.clone();
            kept.insert(0x9F36, self.state.atc.to_be_bytes().to_vec());
            kept.extend(
                self.state
                    .elements
                    .iter()
                    .map(|(tag, value)| (*tag, value.clone())),
            );
            self.session.pending = Some(Pending {
                balance: after,
                log: fill(&self.profile.log_format, &kept),
                last: last_record(&self.profile.afl),
            });
        }
        Ok(answer)
    }

    fn tap_answer(&self, said: &Elements, verdict: Verdict, after: u64) -> Vec<u8> {
        let results = [
            0x03,
            match verdict {
                Verdict::Declined => 0x80,
                Verdict::Approved => 0x90,
                Verdict::Online => 0xA0,
            },
            0,
            0,
        ];
        let cryptogram = self.cryptogram(said, results);
        let element = |tag: u16| match self.element(tag) {
            Some(value) => tlv(tag, &value),
            None => Vec::new(),
        };
        let mut body = element(0x82);
        if verdict == Verdict::Approved {
            body.extend(tlv(0x94, &self.profile.afl));
        }
        body.extend(element(0x9F36));
        body.extend(element(0x57));
        body.extend(tlv(0x9F10, &self.issuer_data(results, after)));
        body.extend(tlv(0x9F26, &cryptogram));
        body.extend(element(0x5F34));
        body.extend(element(0x9F6C));
        body.extend(tlv(0x9F5D, &digits(after)));
        if verdict == Verdict::Approved {
            // The signature is the card's: whatever stands behind what is known up to here.
            let head = body.len() + 1 + if body.len() > 0x7F { 2 } else { 1 };
            let signature = self.seen_signature(head);
            body.extend(signature);
        }
        tlv(0x77, &body)
    }

    /// The object 9F4B in the card's answer, searched from about where it must stand.
    fn seen_signature(&self, near: usize) -> Vec<u8> {
        let data = self.seen.get(..self.seen.len().saturating_sub(2));
        let data = data.unwrap_or_default();
        (near.saturating_sub(1)..near + 3)
            .filter_map(|at| data.get(at..))
            .find(|rest| rest.starts_with(&[0x9F, 0x4B]))
            .unwrap_or_default()
            .to_vec()
    }

    fn cryptogram(&self, said: &Elements, results: [u8; 4]) -> Vec<u8> {
        let terminal: Dol = vec![
            (0x9F02, 6),
            (0x9F03, 6),
            (0x9F1A, 2),
            (0x95, 5),
            (0x5F2A, 2),
            (0x9A, 3),
            (0x9C, 1),
            (0x9F37, 4),
        ];
        let input = [
            fill(&terminal, said),
            self.element(0x82).unwrap_or_default(),
            self.state.atc.to_be_bytes().to_vec(),
            results.to_vec(),
        ]
        .concat();
        self.mac(&self.session_key(&self.profile.cryptogram_key), &input)
    }

    /// 9F10: `07`, key index, version, results, algorithm, and the balance with a MAC.
    fn issuer_data(&self, results: [u8; 4], after: u64) -> Vec<u8> {
        let algorithm = match self.profile.algorithm {
            Algorithm::Tdes => 1,
            Algorithm::Sm4 => 4,
        };
        let balance = &digits(after)[1..];
        let input = [&self.state.atc.to_be_bytes(), balance, &[0]].concat();
        let mac = self.mac(&self.session_key(&self.profile.mac_key), &input);
        [
            &[0x07, 0x01, 0x01],
            &results[..],
            &[algorithm, 0x0A, 0x01],
            balance,
            &mac[..4],
        ]
        .concat()
    }

    pub(super) fn read_record(&mut self, p1: u8, p2: u8, data: &[u8], le: Option<u8>) -> Answer {
        if p2 & 7 != 4 {
            return Err(0x6A86);
        }
        if !data.is_empty() {
            return Err(0x6700);
        }
        let sfi = p2 >> 3;
        let record = if sfi == self.profile.log.0 {
            let index = usize::from(p1).checked_sub(1).ok_or(0x6A83_u16)?;
            self.state.log.get(index).cloned()
        } else if self.profile.records.keys().any(|(file, _)| *file == sfi) {
            self.profile.records.get(&(sfi, p1)).cloned()
        } else {
            return Err(0x6A82);
        };
        let record = record.ok_or(0x6A83_u16)?;
        if let (Some(le), Ok(len)) = (le, u8::try_from(record.len()))
            && le != 0
            && le != len
        {
            return Err(0x6C00 | u16::from(len));
        }
        if let Some(pending) = self
            .session
            .pending
            .take_if(|pending| pending.last == (sfi, p1))
        {
            self.state.balance = pending.balance;
            self.state.log.insert(0, pending.log);
            self.state.log.truncate(self.profile.log.1);
        }
        Ok(record)
    }
}

/// SFI and number of the record that is read last.
fn last_record(afl: &[u8]) -> (u8, u8) {
    match afl.last_chunk::<4>() {
        Some([sfi, _, last, _]) => (sfi >> 3, *last),
        None => (0, 0),
    }
}

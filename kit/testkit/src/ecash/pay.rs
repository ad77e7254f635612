//! A tap: options, records, and the moment when the money is gone.

use super::issuer::Dialogue;
use super::profile::{Elements, LOAD_LOG, LOG, LOG_LEN};
use super::{Ecash, Phase, amount, digits, fill, split, tlv};
use crate::apdu::{Apdu, fit};
use crate::{Answer, Sw};

/// What a cryptogram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Declined,
    Approved,
    Online,
}

/// A payment that waits for its last record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    after: u64,
}

/// A tap under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    pub(super) atc: u16,
    pub(super) verdict: Verdict,
    pub(super) cryptogram: Vec<u8>,
    pub(super) said: Elements,
    /// Whether the issuer's answer was right, once it was heard.
    pub(super) issuer: Option<bool>,
    pending: Option<Pending>,
    /// CTQ, and the card's random once it was seen, for the record with 9F69.
    dynamic: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Ecash {
    pub(super) fn options(&mut self, apdu: &Apdu) -> Answer {
        let said = match &apdu.data[..] {
            [0x83, len @ 0..=0x7F, said @ ..] if usize::from(*len) == said.len() => said,
            _ => return Err(0x6A80),
        };
        let said = split(&self.profile.pdol, said).ok_or(0x6700_u16)?;
        if self.session.phase != Phase::Idle || self.state.is_blocked {
            return Err(0x6985);
        }
        let qualifiers = said.get(&0x9F66).cloned().unwrap_or_default();
        let offers = |mask: u8| qualifiers.first().is_some_and(|byte| byte & mask != 0);
        if offers(0x20) {
            self.tap(said, &qualifiers)
        } else if offers(0x10) || offers(0x40) {
            self.state.atc += 1;
            self.session.phase = Phase::Long(Dialogue::begun(self.state.atc, said));
            let body = [
                tlv(0x82, &self.element(0x82).unwrap_or_default()),
                tlv(0x94, &self.profile.long_afl),
            ];
            Ok(tlv(0x77, &body.concat()))
        } else {
            Err(0x6985)
        }
    }

    fn tap(&mut self, said: Elements, qualifiers: &[u8]) -> Answer {
        let terminal = |tag: u16| said.get(&tag).cloned().unwrap_or_default();
        let asked = |byte: usize, mask: u8| qualifiers[byte] & mask != 0;
        let wanted = amount(&terminal(0x9F02)).ok_or(0x6A80_u16)?;
        let otherwise = if asked(0, 0x08) {
            Verdict::Declined
        } else {
            Verdict::Online
        };
        let (verdict, is_too_much) =
            if Some(terminal(0x5F2A)) != self.element(0x9F51) || asked(1, 0x80) || wanted == 0 {
                (otherwise, false)
            } else if wanted > self.limit(0x9F78) || wanted > self.state.balance {
                (otherwise, true)
            } else {
                (Verdict::Approved, false)
            };
        let after = match verdict {
            Verdict::Approved => self.state.balance - wanted,
            _ => self.state.balance,
        };
        let is_signed = verdict == Verdict::Approved && self.profile.signs;
        let results = self.results(
            match verdict {
                Verdict::Declined => 0x80,
                Verdict::Approved => 0x90,
                Verdict::Online => 0xA0,
            },
            if is_too_much { 0x20 } else { 0 },
            if is_signed { 0x02 } else { 0 },
        );
        self.state.atc += 1;
        if verdict == Verdict::Online {
            self.state.remembered.unfinished = true;
        }
        let mut wishes = self.element(0x9F6C).unwrap_or_default();
        if wanted > self.limit(0x9F6B) {
            if asked(0, 0x04) && !asked(0, 0x08) {
                wishes[0] |= 0x80;
            } else if asked(0, 0x02) {
                wishes[0] |= 0x40;
            }
        }
        let cryptogram = self.cryptogram(&said, self.state.atc, results);
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
        let issuer_data = self.issuer_data(self.state.atc, results, after);
        body.extend(tlv(0x9F10, &issuer_data));
        body.extend(tlv(0x9F26, &cryptogram));
        body.extend(element(0x5F34));
        body.extend(tlv(0x9F6C, &wishes));
        body.extend(tlv(0x9F5D, &digits(after)));
        if is_signed {
            let signature = self.seen_signature(body.len());
            body.extend(signature);
        }
        let is_dynamic = is_signed && self.has_place_for_authentication();
        self.session.phase = Phase::Tap(Tap {
            atc: self.state.atc,
            verdict,
            cryptogram,
            said,
            issuer: None,
            pending: (verdict == Verdict::Approved).then_some(Pending { after }),
            dynamic: is_dynamic.then_some((wishes, None)),
        });
        Ok(tlv(0x77, &body))
    }

    /// The object 9F4B at the end of the card's answer, behind so many bytes of others.
    fn seen_signature(&self, before: usize) -> Vec<u8> {
        let header = if self.seen.get(1) == Some(&0x81) {
            3
        } else {
            2
        };
        let end = self.seen.len().saturating_sub(2);
        let object = self.seen.get(header + before..end).unwrap_or_default();
        if object.starts_with(&[0x9F, 0x4B]) {
            object.to_vec()
        } else {
            Vec::new()
        }
    }

    /// Whether a record of the AFL has a 9F69 of eight bytes that begins with 01.
    fn has_place_for_authentication(&self) -> bool {
        let mark = [0x9F, 0x69, 0x08, 0x01];
        let records = self.profile.records.iter();
        records
            .filter(|((sfi, number), _)| {
                self.profile
                    .afl
                    .chunks(4)
                    .any(|range| range[0] >> 3 == *sfi && (range[1]..=range[2]).contains(number))
            })
            .any(|(_, record)| record.windows(4).any(|window| window == mark))
    }

    pub(super) fn read_record(&mut self, apdu: &Apdu) -> Answer {
        let (number, sfi) = (apdu.p1, apdu.p2 >> 3);
        if apdu.p2 & 7 != 4 {
            return Err(0x6A86);
        }
        if !apdu.data.is_empty() {
            return Err(0x6700);
        }
        let in_log = |log: &[Vec<u8>]| {
            let index = usize::from(number).checked_sub(1);
            let record = index.and_then(|index| log.get(index)).ok_or(0x6A83_u16)?;
            fit(record.clone(), apdu.le)
        };
        let record = match sfi {
            LOG => return in_log(&self.state.log),
            LOAD_LOG => return in_log(&self.state.load_log),
            // The trips of composite payments are cyclic, and a new card has none.
            0x1E if self.profile.extensions.contains(&sfi) => return Err(0x6A83),
            _ if self.profile.extensions.contains(&sfi) => return Err(0x6981),
            _ => self.profile.records.get(&(sfi, number)).cloned(),
        };
        let has_file = self.profile.records.keys().any(|(file, _)| *file == sfi);
        let record = record.ok_or(if has_file { 0x6A83_u16 } else { 0x6A82 })?;
        // A wrong Le is said before the debit: nobody has the record yet.
        let record = fit(self.personal(record), apdu.le)?;
        self.complete(sfi, number)?;
        Ok(record)
    }

    /// The debit, when this is the last record.
    fn complete(&mut self, sfi: u8, number: u8) -> Result<(), Sw> {
        let is_last = match self.profile.afl.last_chunk::<4>() {
            Some([file, _, last, _]) => (file >> 3, *last) == (sfi, number),
            None => false,
        };
        let Phase::Tap(tap) = &mut self.session.phase else {
            return Ok(());
        };
        let Some(pending) = tap.pending.take_if(|_| is_last) else {
            return Ok(());
        };
        if tap.atc != self.state.atc {
            // Another channel began a transaction since: these sums are of the past.
            self.session.phase = Phase::Over;
            return Err(0x6985);
        }
        let mut kept = tap.said.clone();
        kept.insert(0x9F36, tap.atc.to_be_bytes().to_vec());
        self.state.balance = pending.after;
        self.state
            .log
            .insert(0, fill(&self.profile.log_format, &kept));
        self.state.log.truncate(LOG_LEN);
        self.state.proof = Some((tap.atc, tap.cryptogram.clone()));
        Ok(())
    }

    /// A record with this tap's own 9F69: `01`, a random, CTQ, `00`.
    fn personal(&mut self, mut record: Vec<u8>) -> Vec<u8> {
        let mark = [0x9F, 0x69, 0x08];
        let at = record.windows(3).position(|window| window == mark);
        let Some(at) = at.map(|at| at + 3) else {
            return record;
        };
        let random = self.seen_bytes(at + 1, 4);
        if let Phase::Tap(tap) = &mut self.session.phase
            && let Some((wishes, known)) = &mut tap.dynamic
        {
            let random = known.get_or_insert(random);
            let own = [&[0x01], &random[..], wishes, &[0x00]].concat();
            record[at..at + 8].copy_from_slice(&own);
        }
        record
    }
}

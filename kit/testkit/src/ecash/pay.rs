//! A tap: options, records, and the moment when the money is gone.

use super::composite::Place;
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
    offset_used: u64,
    /// What is set aside for the record from now on, if that changes.
    aside: Option<u64>,
    /// Records that wait for the debit, with their files.
    cache: Vec<(u8, Vec<u8>)>,
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
    /// The kind of a composite payment, and the record that it is about.
    composite: Option<u8>,
    about: Option<Place>,
    /// CTQ, and the card's random once it was seen, for the record with 9F69.
    dynamic: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Tap {
    /// Whether the debit waits for the last record.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether this is a composite payment that waits.
    pub(super) const fn takes_records(&self) -> bool {
        self.composite.is_some() && self.pending.is_some()
    }

    /// Records that wait for the debit.
    ///
    /// # Panics
    /// When no debit waits.
    pub(super) const fn cache(&mut self) -> &mut Vec<(u8, Vec<u8>)> {
        &mut self.pending.as_mut().expect("a debit that waits").cache
    }
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
        let composite = self.composite_kind(terminal(0xDF60).first().copied());
        let aside = match composite {
            Some(kind) => self.set_aside(kind)?,
            None => 0,
        };
        let is_foreign = Some(terminal(0x5F2A)) != self.element(0x9F51);
        let is_nothing = wanted == 0 && composite.is_none();
        let sums = self.settled(composite, wanted, aside);
        let (verdict, is_too_much) = if is_foreign || asked(1, 0x80) || is_nothing {
            (otherwise, false)
        } else if wanted > self.limit(0x9F78) || sums.is_none() {
            (otherwise, true)
        } else {
            (Verdict::Approved, false)
        };
        let pending = sums.filter(|_| verdict == Verdict::Approved);
        let pending = pending.map(|(after, offset_used, aside)| Pending {
            after,
            offset_used,
            aside,
            cache: Vec::new(),
        });
        let composite = composite.filter(|_| pending.is_some());
        let after = pending.as_ref().map_or(self.state.balance, |p| p.after);
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
        let cryptogram = match composite {
            // A pre-authorisation gives out nothing that could be settled.
            Some(2) => vec![0; 8],
            _ => self.cryptogram(&said, self.state.atc, results),
        };
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
            pending,
            composite,
            about: self.session.current,
            dynamic: is_dynamic.then_some((wishes, None)),
        });
        Ok(tlv(0x77, &body))
    }

    /// What DF60 means on this card; anything else is a plain payment.
    fn composite_kind(&self, said: Option<u8>) -> Option<u8> {
        let segments = self.profile.support & 0x03 != 0;
        let sets_aside = self.profile.support & 0x02 != 0;
        said.filter(|kind| match kind {
            1 => segments,
            2 | 3 => sets_aside,
            _ => false,
        })
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
        let records = self.state.records.iter();
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
            _ if self.profile.files.contains_key(&sfi) => {
                return fit(self.read_trip(sfi, number)?, apdu.le);
            }
            _ => self.state.records.get(&(sfi, number)).cloned(),
        };
        let has_file = self.state.records.keys().any(|(file, _)| *file == sfi);
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
        if !is_last || !tap.is_pending() {
            return Ok(());
        }
        if tap.composite.is_some() && tap.cache().is_empty() {
            return Err(0x6974);
        }
        let Some(pending) = tap.pending.take() else {
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
        self.state.offset_used = pending.offset_used;
        for (sfi, record) in pending.cache {
            let kept = self.profile.files[&sfi].kept;
            if let Some(held) = self.state.files.get_mut(&sfi) {
                held.write(kept, record);
            }
        }
        if let (Some(aside), Some((sfi, id))) = (pending.aside, tap.about)
            && let Some(held) = self.state.files.get_mut(&sfi)
            && let Some(purse) = held.purse(id)
        {
            purse.aside = aside;
        }
        if tap.composite != Some(2) {
            let line = fill(&self.profile.log_format, &kept);
            self.state.log.insert(0, line);
            self.state.log.truncate(LOG_LEN);
        }
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
            // A refused record shows none.
            if known.is_none() && self.seen.ends_with(&[0x90, 0x00]) {
                *known = Some(random.clone());
            }
            let random = known.as_ref().unwrap_or(&random);
            let own = [&[0x01], &random[..], wishes, &[0x00]].concat();
            record[at..at + 8].copy_from_slice(&own);
        }
        record
    }
}

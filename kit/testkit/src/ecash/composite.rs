//! Extension files and composite payments: records that are written with the debit.

use super::profile::{ExtensionFile, Kept};
use super::{Ecash, Phase};
use crate::apdu::Apdu;
use crate::cipher::{self, Algorithm};
use crate::{Answer, Sw};

/// Records that wait for one debit.
const CACHE_LEN: usize = 8;
/// Records that a file of variable records keeps.
const RECORDS_MAX: usize = 64;

/// A record's file, and its id where it has one.
pub(super) type Place = (u8, Option<[u8; 2]>);

/// A key, and what is set aside under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    /// The key that updates are made with.
    pub key: Vec<u8>,
    /// The amount set aside.
    pub aside: u64,
}

/// What an extension file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Key and amount of a cyclic file.
    pub own: Purse,
    /// Records, of a cyclic file the newest first; each of the others with its own.
    pub records: Vec<(Purse, Vec<u8>)>,
}

impl Held {
    /// A file as it was made.
    pub(super) fn made(file: &ExtensionFile) -> Self {
        let own = Purse {
            key: file.key.clone(),
            aside: 0,
        };
        let first = file.first.iter();
        Self {
            records: first.map(|record| (own.clone(), record.clone())).collect(),
            own,
        }
    }

    fn find(&mut self, id: [u8; 2]) -> Option<&mut (Purse, Vec<u8>)> {
        self.records
            .iter_mut()
            .find(|(_, record)| record[..2] == id)
    }

    /// Key and amount of the file, or of a record.
    pub(super) fn purse(&mut self, id: Option<[u8; 2]>) -> Option<&mut Purse> {
        match id {
            None => Some(&mut self.own),
            Some(id) => self.find(id).map(|held| &mut held.0),
        }
    }

    /// Writes a record that waited for the debit.
    pub(super) fn write(&mut self, kept: Kept, record: Vec<u8>) {
        match kept {
            Kept::Cyclic { records, .. } => {
                self.records.insert(0, (self.own.clone(), record));
                self.records.truncate(records);
            }
            Kept::Variable { .. } => {
                if let Some(held) = self.find([record[0], record[1]]) {
                    held.1 = record;
                }
            }
        }
    }
}

/// The file that P1 P2 name, `00` and an SFI with 000.
fn named(apdu: &Apdu) -> Result<u8, Sw> {
    let sfi = apdu.p2 >> 3;
    if apdu.p1 != 0 || apdu.p2 & 7 != 0 || !(1..=30).contains(&sfi) {
        return Err(0x6A86);
    }
    Ok(sfi)
}

impl Ecash {
    /// The MAC of a composite command, or of a record that is given out: something as IV.
    pub(super) fn record_mac(&self, key: &[u8], iv: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = match self.profile.algorithm {
            Algorithm::Tdes => cipher::retail_mac(key, iv, data),
            Algorithm::Sm4 => {
                let wide = [iv, &[0; 8]].concat();
                cipher::cbc_mac(|block| cipher::sm4_encrypt(key, block), &wide, data)
            }
        };
        mac.truncate(4);
        mac
    }

    /// The MAC of `84 DE` or `04 E2`: the counter as IV, over header, Lc and data.
    pub(super) fn update_mac(&self, key: &[u8], atc: u16, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let lc = u8::try_from(data.len() + 4).expect("a short command");
        let iv = [&[0; 6], &atc.to_be_bytes()[..]].concat();
        self.record_mac(key, &iv, &[&header[..], &[lc], data].concat())
    }

    fn extension(&mut self, sfi: u8) -> Result<(Kept, &mut Held), Sw> {
        let file = self.profile.files.get(&sfi).ok_or(0x6A82_u16)?;
        let held = self.state.files.get_mut(&sfi).ok_or(0x6A82_u16)?;
        Ok((file.kept, held))
    }

    /// READ CAPP DATA.
    pub(super) fn read_capp(&mut self, apdu: &Apdu) -> Answer {
        let sfi = named(apdu)?;
        let ([first, second] | [first, second, _, _, _, _, _, _, _, _]) = apdu.data[..] else {
            return Err(0x6700);
        };
        if self.state.is_blocked || self.is_paying() {
            return Err(0x6985);
        }
        let (kept, held) = self.extension(sfi)?;
        if matches!(kept, Kept::Cyclic { .. }) {
            return Err(0x6981);
        }
        let (purse, record) = held.find([first, second]).ok_or(0x6A83_u16)?.clone();
        self.session.current = Some((sfi, Some([first, second])));
        let mut answer = record.clone();
        if apdu.data.len() == 10 && self.profile.support & 0x80 != 0 {
            answer.extend(self.record_mac(&purse.key, &apdu.data[2..], &record));
        }
        Ok(answer)
    }

    /// READ RECORD in an extension file.
    pub(super) fn read_trip(&mut self, sfi: u8, number: u8) -> Answer {
        let is_paying = self.is_paying();
        let (kept, held) = self.extension(sfi)?;
        if matches!(kept, Kept::Variable { .. }) {
            return Err(0x6981);
        }
        let index = usize::from(number).checked_sub(1);
        let record = index.and_then(|index| held.records.get(index)).cloned();
        if !is_paying {
            self.session.current = Some((sfi, None));
        }
        record.map(|held| held.1).ok_or(0x6A83)
    }

    /// The key of a new record for what is there.
    pub(super) fn key_of(&mut self, sfi: u8, record: &[u8]) -> Result<Vec<u8>, Sw> {
        let (kept, held) = self.extension(sfi)?;
        match kept {
            Kept::Cyclic { len, .. } if record.len() != len => Err(0x6700),
            Kept::Cyclic { .. } => Ok(held.own.key.clone()),
            Kept::Variable { .. } => {
                let [a, b, len, body @ ..] = record else {
                    return Err(0x6700);
                };
                let (purse, old) = held.find([*a, *b]).ok_or(0x6A83_u16)?;
                if old.len() != record.len() || usize::from(*len) != body.len() {
                    return Err(0x6700);
                }
                Ok(purse.key.clone())
            }
        }
    }

    /// UPDATE CAPP DATA CACHE.
    pub(super) fn update_capp(&mut self, apdu: &Apdu) -> Answer {
        let sfi = named(apdu)?;
        if apdu.data.len() < 5 {
            return Err(0x6700);
        }
        let Phase::Tap(tap) = &self.session.phase else {
            return Err(0x6985);
        };
        if !tap.takes_records() {
            return Err(0x6985);
        }
        let atc = tap.atc;
        let (kept, _) = self.extension(sfi)?;
        if self.session.current.is_none_or(|place| place.0 != sfi) {
            return Err(0x6986);
        }
        let (record, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let key = self.key_of(sfi, record)?;
        let header = [apdu.cla, apdu.ins, apdu.p1, apdu.p2];
        if self.update_mac(&key, atc, header, record) != mac {
            self.session.phase = Phase::Over;
            return Err(0x6988);
        }
        let Phase::Tap(tap) = &mut self.session.phase else {
            return Err(0x6985);
        };
        let cache = tap.cache();
        let is_same = |cached: &(u8, Vec<u8>)| {
            matches!(kept, Kept::Variable { .. }) && cached.0 == sfi && cached.1[..2] == record[..2]
        };
        match cache.iter().position(is_same) {
            Some(at) => cache[at].1 = record.to_vec(),
            None if cache.len() == CACHE_LEN => return Err(0x6A84),
            None => cache.push((sfi, record.to_vec())),
        }
        Ok(Vec::new())
    }

    /// APPEND RECORD.
    pub(super) fn append(&mut self, apdu: &Apdu) -> Answer {
        let sfi = named(apdu)?;
        if apdu.data.len() < 21 {
            return Err(0x6700);
        }
        if self.state.is_blocked || self.is_paying() {
            return Err(0x6985);
        }
        let file = self.profile.files.get(&sfi).ok_or(0x6A82_u16)?.clone();
        let (data, mac) = apdu.data.split_at(apdu.data.len() - 4);
        let header = [apdu.cla, apdu.ins, apdu.p1, apdu.p2];
        if self.update_mac(&file.key, self.state.atc, header, data) != mac {
            self.state.atc += 1;
            return Err(0x6988);
        }
        let (enciphered, record) = data.split_at(16);
        let blocks = enciphered.chunks(self.profile.algorithm.block_len());
        let key = blocks
            .flat_map(|block| self.profile.algorithm.decrypt(&file.key, block))
            .collect();
        let (kept, held) = self.extension(sfi)?;
        match kept {
            Kept::Cyclic { len, .. } => {
                if record.len() != len {
                    return Err(0x6700);
                }
                held.own.key = key;
                held.write(kept, record.to_vec());
            }
            Kept::Variable { size, record_max } => {
                let [a, b, len, body @ ..] = record else {
                    return Err(0x6A80);
                };
                if usize::from(*len) != body.len() || held.find([*a, *b]).is_some() {
                    return Err(0x6A80);
                }
                if record.len() > record_max {
                    return Err(0x6700);
                }
                let there: usize = held.records.iter().map(|(_, record)| record.len()).sum();
                let is_full = size != 0 && there + record.len() > size;
                if is_full || held.records.len() == RECORDS_MAX {
                    return Err(0x6A84);
                }
                held.records
                    .push((Purse { key, aside: 0 }, record.to_vec()));
            }
        }
        Ok(Vec::new())
    }

    /// Whether a payment waits for its last record.
    fn is_paying(&self) -> bool {
        matches!(&self.session.phase, Phase::Tap(tap) if tap.is_pending())
    }

    /// What a composite payment of a kind finds set aside for its record.
    pub(super) fn set_aside(&mut self, kind: u8) -> Result<u64, Sw> {
        let (sfi, id) = self.session.current.ok_or(0x6985_u16)?;
        let (_, held) = self.extension(sfi).map_err(|_| 0x6985_u16)?;
        let aside = held.purse(id).map_or(0, |purse| purse.aside);
        match (kind, aside) {
            (2, 1..) => Err(0x6972),
            (3, 0) => Err(0x6985),
            _ => Ok(aside),
        }
    }

    /// Balance and offset after an amount that the offset may pay a part of.
    fn with_offset(&self, balance: u64, used: u64, amount: u64) -> Option<(u64, u64)> {
        let missing = amount.saturating_sub(balance);
        let is_allowed = missing == 0 || used + missing <= self.limit(0xDF62);
        is_allowed.then(|| (balance.saturating_sub(amount), used + missing))
    }

    /// Balance, offset and amount set aside after a payment; none when the card cannot pay.
    pub(super) fn settled(
        &self,
        kind: Option<u8>,
        amount: u64,
        aside: u64,
    ) -> Option<(u64, u64, Option<u64>)> {
        let (balance, used) = (self.state.balance, self.state.offset_used);
        match kind {
            Some(1) => {
                let (balance, used) = self.with_offset(balance, used, amount)?;
                Some((balance, used, None))
            }
            Some(2) => Some((balance.checked_sub(amount)?, used, Some(amount))),
            Some(3) => {
                // What is left of the amount set aside first pays back the offset.
                let back = aside.saturating_sub(amount).min(used);
                let pot = balance + aside - back;
                let (balance, used) = self.with_offset(pot, used - back, amount)?;
                Some((balance, used, Some(0)))
            }
            _ => Some((balance.checked_sub(amount)?, used, None)),
        }
    }
}

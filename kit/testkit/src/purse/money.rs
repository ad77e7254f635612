//! Balance, load, purchase, composite purchase, unload and proof of the naive purse.

use super::care::FAILURES_MAX;
use super::file::push_cyclic;
use super::profile::File;
use super::{Cached, Life, Proof, Purse, Started};
use crate::apdu::{Apdu, fit};
use crate::{Answer, Sw};

/// How many records one composite purchase may write.
const CACHED_MAX: usize = 16;

/// P1 of an initialisation.
const LOAD: u8 = 0x00;
const PURCHASE: u8 = 0x01;
const COMPOSITE: u8 = 0x03;
const UNLOAD: u8 = 0x05;

/// Transaction type.
fn kind(what: u8) -> u8 {
    match what {
        LOAD => 0x02,
        UNLOAD => 0x03,
        COMPOSITE => 0x09,
        _ => 0x06,
    }
}

pub(super) fn four(value: i64) -> Vec<u8> {
    value.to_be_bytes()[4..].to_vec()
}

fn three(value: i64) -> Vec<u8> {
    value.to_be_bytes()[5..].to_vec()
}

pub(super) fn number(bytes: &[u8]) -> i64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum * 256 + i64::from(*byte))
}

impl Purse {
    /// Own money and overdraft limit together.
    fn spendable(&self) -> i64 {
        self.state.value + self.profile.overdraft
    }

    /// What a transaction finds: there is so much, so much can be spent, and so much may be there.
    fn found(&self, is_ticket: bool) -> (i64, i64, i64) {
        if is_ticket {
            let max = self.profile.ticket.map_or(0, |(_, max)| max);
            (self.state.ticket, self.state.ticket, max)
        } else {
            let max = self.profile.balance_max;
            (self.state.value, self.spendable(), max)
        }
    }

    /// Adds to what a transaction moves.
    fn add(&mut self, started: &Started, amount: i64) {
        if started.is_ticket {
            self.state.ticket += amount;
        } else {
            self.state.value += amount;
        }
    }

    pub(super) fn balance(&self, apdu: &Apdu) -> Answer {
        let balance = four(match apdu.p1 {
            0 => self.spendable(),
            1 => self.profile.overdraft,
            2 => (-self.state.value).max(0),
            _ => self.state.value.max(0),
        });
        fit(balance, apdu.le)
    }

    pub(super) fn initialize(&mut self, apdu: &Apdu) -> Answer {
        if apdu.p1 == 4 {
            return Err(0x6A81);
        }
        let what = apdu.p1;
        if matches!(what, LOAD | UNLOAD) && self.profile.pin_for_load && !self.session.pin_verified
        {
            return Err(0x6982);
        }
        let is_online = matches!(what, LOAD | UNLOAD);
        let sequence = if is_online {
            self.state.online
        } else {
            self.state.offline
        };
        if sequence == 0xFFFF {
            return Err(0x9402);
        }
        let keys = match what {
            LOAD => &self.profile.keys.load,
            UNLOAD => &self.profile.keys.unload,
            _ => &self.profile.keys.purchase,
        };
        let key = keys.get(&apdu.data[0]).ok_or(0x9403_u16)?.clone();
        let is_ticket = self.profile.ticket_index == Some(apdu.data[0]);
        if is_ticket && self.profile.ticket.is_none() {
            return Err(0x9403);
        }
        let amount = number(&apdu.data[1..5]);
        let (there, spendable, max) = self.found(is_ticket);
        match what {
            LOAD if there + amount > max => return Err(0x6985),
            UNLOAD if amount > there => return Err(0x9401),
            PURCHASE | COMPOSITE if amount > spendable => return Err(0x9401),
            _ => {}
        }
        let terminal = apdu.data[5..].to_vec();
        let before = four(spendable);
        let mut answer = before.clone();
        answer.extend(sequence.to_be_bytes());
        if !is_online {
            answer.extend(three(self.profile.overdraft));
        }
        answer.push(self.profile.key_version);
        answer.push(self.profile.algorithm_id);
        let random = self.random(answer.len(), 4);
        answer.extend(&random);
        let started = Started {
            what,
            is_ticket,
            key,
            amount,
            terminal,
            random,
            sequence,
            cache: Vec::new(),
        };
        if is_online {
            let session = self.online_key(&started);
            let input = [
                before,
                four(amount),
                vec![kind(what)],
                started.terminal.clone(),
            ]
            .concat();
            answer.extend(self.session_mac(&session, &input));
        }
        let answer = fit(answer, apdu.le)?;
        self.session.started = Some(started);
        Ok(answer)
    }

    /// Whether another channel got in between since the initialisation.
    fn still_next(&self, started: &Started) -> Result<(), Sw> {
        let (there, spendable, max) = self.found(started.is_ticket);
        let (sequence, fits) = match started.what {
            LOAD => (self.state.online, there + started.amount <= max),
            UNLOAD => (self.state.online, started.amount <= there),
            _ => (self.state.offline, started.amount <= spendable),
        };
        if sequence == started.sequence && fits {
            Ok(())
        } else {
            Err(0x6985)
        }
    }

    /// The session key of a load or an unload.
    pub(super) fn online_key(&self, started: &Started) -> Vec<u8> {
        let block = [
            started.random.clone(),
            started.sequence.to_be_bytes().to_vec(),
            vec![0x80, 0],
        ]
        .concat();
        self.session_key(&started.key, &block)
    }

    /// The session key of a purchase.
    pub(super) fn purchase_key(&self, started: &Started, terminal_sequence: &[u8]) -> Vec<u8> {
        let block = [
            started.random.clone(),
            started.sequence.to_be_bytes().to_vec(),
            terminal_sequence[2..].to_vec(),
        ]
        .concat();
        self.session_key(&started.key, &block)
    }

    /// `80 52`: the end of a load.
    pub(super) fn credit(&mut self, apdu: &Apdu, started: Option<Started>) -> Answer {
        let started = started
            .filter(|started| started.what == LOAD)
            .ok_or(0x6985_u16)?;
        self.still_next(&started)?;
        let when = &apdu.data[..7];
        let mac2 = &apdu.data[7..];
        let statement = [
            four(started.amount),
            vec![kind(LOAD)],
            started.terminal.clone(),
            when.to_vec(),
        ]
        .concat();
        if self.session_mac(&self.online_key(&started), &statement) != mac2 {
            return Err(self.money_failed());
        }
        self.state.money_failures = 0;
        self.add(&started, started.amount);
        self.state.online += 1;
        let tac_input = [
            four(self.found(started.is_ticket).1),
            started.sequence.to_be_bytes().to_vec(),
            statement,
        ]
        .concat();
        let tac = self.tac(&tac_input);
        self.remember(&started, self.state.online, when);
        self.state.proof = Some(Proof {
            kind: kind(LOAD),
            sequence: self.state.online,
            mac2: mac2.to_vec(),
            tac: tac.clone(),
        });
        fit(tac, apdu.le)
    }

    /// `80 54`: the end of a purchase, a composite purchase or an unload.
    pub(super) fn debit(&mut self, apdu: &Apdu, started: Option<Started>) -> Answer {
        if apdu.p1 == 1 {
            self.debit_purchase(apdu, started)
        } else {
            self.debit_unload(apdu, started)
        }
    }

    fn debit_purchase(&mut self, apdu: &Apdu, started: Option<Started>) -> Answer {
        let started = started
            .filter(|started| matches!(started.what, PURCHASE | COMPOSITE))
            .ok_or(0x6985_u16)?;
        self.still_next(&started)?;
        let terminal_sequence = &apdu.data[..4];
        let when = &apdu.data[4..11];
        let mac1 = &apdu.data[11..];
        let session = self.purchase_key(&started, terminal_sequence);
        let what = [
            four(started.amount),
            vec![kind(started.what)],
            started.terminal.clone(),
        ]
        .concat();
        if self.session_mac(&session, &[what.clone(), when.to_vec()].concat()) != mac1 {
            return Err(self.money_failed());
        }
        self.state.money_failures = 0;
        self.add(&started, -started.amount);
        self.state.offline += 1;
        let mac2 = self.session_mac(&session, &four(started.amount));
        let tac = self.tac(&[what, terminal_sequence.to_vec(), when.to_vec()].concat());
        for cached in &started.cache {
            let file = self
                .state
                .files
                .get_mut(&cached.sfi)
                .expect("checked when it was cached");
            match (cached.index, file) {
                (Some(index), File::Linear { records, .. }) => {
                    records[index] = cached.data.clone();
                }
                (_, file) => {
                    push_cyclic(file, cached.data.clone()).expect("checked when it was cached");
                }
            }
        }
        self.remember(&started, self.state.offline, when);
        self.state.proof = Some(Proof {
            kind: kind(started.what),
            sequence: self.state.offline,
            mac2: mac2.clone(),
            tac: tac.clone(),
        });
        fit([tac, mac2].concat(), apdu.le)
    }

    fn debit_unload(&mut self, apdu: &Apdu, started: Option<Started>) -> Answer {
        let started = started
            .filter(|started| started.what == UNLOAD)
            .ok_or(0x6985_u16)?;
        self.still_next(&started)?;
        let when = &apdu.data[..7];
        let mac2 = &apdu.data[7..];
        let statement = [
            four(started.amount),
            vec![kind(UNLOAD)],
            started.terminal.clone(),
            when.to_vec(),
        ]
        .concat();
        let session = self.online_key(&started);
        if self.session_mac(&session, &statement) != mac2 {
            return Err(self.money_failed());
        }
        self.state.money_failures = 0;
        self.add(&started, -started.amount);
        self.state.online += 1;
        let input = [
            four(self.found(started.is_ticket).1),
            started.sequence.to_be_bytes().to_vec(),
            statement,
        ]
        .concat();
        let mac3 = self.session_mac(&session, &input);
        self.remember(&started, self.state.online, when);
        self.state.proof = Some(Proof {
            kind: kind(UNLOAD),
            sequence: self.state.online,
            mac2: mac2.to_vec(),
            tac: mac3.clone(),
        });
        fit(mac3, apdu.le)
    }

    fn tac(&self, input: &[u8]) -> Vec<u8> {
        let key = self.folded(&self.profile.keys.tac);
        self.session_mac(&key, input)
    }

    /// Writes the transaction detail.
    fn remember(&mut self, started: &Started, sequence: u16, when: &[u8]) {
        let record = [
            sequence.to_be_bytes().to_vec(),
            three(self.profile.overdraft),
            four(started.amount),
            vec![kind(started.what)],
            started.terminal.clone(),
            when.to_vec(),
        ]
        .concat();
        self.log(0x18, record);
    }

    fn money_failed(&mut self) -> Sw {
        self.state.money_failures += 1;
        if self.state.money_failures < FAILURES_MAX {
            return 0x9302;
        }
        self.state.life = Life::Locked;
        0x9303
    }

    /// `80 DC`: a record that waits for the debit.
    pub(super) fn cache(&mut self, apdu: &Apdu, started: Option<Started>) -> Answer {
        let sfi = apdu.p2 >> 3;
        let mut started = started
            .filter(|started| started.what == COMPOSITE)
            .ok_or(0x6985_u16)?;
        let index = match (sfi, self.state.files.get(&sfi)) {
            (0x19 | 0x1A | 0x1E, Some(file)) => cache_place(sfi, file, apdu)?,
            _ => return Err(0x6A82),
        };
        if started.cache.len() == CACHED_MAX {
            return Err(0x6A84);
        }
        started.cache.push(Cached {
            sfi,
            index,
            data: apdu.data.clone(),
        });
        self.session.started = Some(started);
        Ok(Vec::new())
    }

    /// `80 5A`: the proof of the last transaction.
    pub(super) fn prove(&self, apdu: &Apdu) -> Answer {
        let wanted = u16::from_be_bytes([apdu.data[0], apdu.data[1]]);
        match &self.state.proof {
            Some(proof) if proof.kind == apdu.p2 && proof.sequence == wanted => {
                fit([proof.mac2.clone(), proof.tac.clone()].concat(), apdu.le)
            }
            _ => Err(0x9406),
        }
    }
}

/// Which record a cache update is for; none for a new one of a cyclic file.
fn cache_place(sfi: u8, file: &File, apdu: &Apdu) -> Result<Option<usize>, Sw> {
    let (records, record_max) = match file {
        File::Transparent(_) => return Err(0x6981),
        File::Cyclic { record_len, .. } => {
            return match (apdu.p1, apdu.data.len() == *record_len) {
                (0, true) => Ok(None),
                (0, false) => Err(0x6700),
                _ => Err(0x6A86),
            };
        }
        File::Linear {
            records,
            record_max,
            ..
        } => (records, *record_max),
    };
    if apdu.data.len() > record_max {
        return Err(0x6700);
    }
    let by_number = usize::from(apdu.p1).checked_sub(1);
    let by_number = by_number.filter(|index| *index < records.len());
    if sfi != 0x1A {
        return by_number.map(Some).ok_or(0x6A83);
    }
    let id = apdu.data.get(..2).ok_or(0x6A80_u16)?;
    let by_id = records.iter().position(|record| record.starts_with(id));
    let index = match (by_id, by_number) {
        (Some(index), _) => index,
        (None, None) => return Err(0x6A83),
        (None, Some(index)) if records[index].starts_with(&[0, 0]) => index,
        (None, Some(_)) => return Err(0x6A80),
    };
    let len = records[index].len();
    let says = apdu.data.get(2).map(|len| usize::from(*len) + 3);
    if apdu.data.len() != len || says != Some(len) {
        return Err(0x6A80);
    }
    if records[index].get(5) == Some(&0x01) {
        return Err(0x6985);
    }
    Ok(Some(index))
}

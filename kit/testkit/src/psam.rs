//! A naive PSAM: what a module answers, by the simplest means.
//!
//! Here: directories, the purchase, derived keys and their uses, the counter and the count of
//! wrong MAC2. Not here: tears; a model has no memory to tear.

use crate::cipher::{Algorithm, des_decrypt, des_encrypt, pad, xor};

/// The purpose of purchase keys: none that five bits of DELIVERY KEY can say, so that no such key
/// is ever had by it.
pub const PURCHASES: u8 = 0xFF;

/// A key of the module.
#[derive(Clone, Debug)]
pub struct Key {
    /// [`PURCHASES`], or the purpose of DELIVERY KEY: 4 TAC, 5 MAC, others encipher.
    pub purpose: u8,
    /// Version or identifier.
    pub name: u8,
    /// How many factors it takes; 0 takes any and ignores them.
    pub levels: usize,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its 16 bytes.
    pub key: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Started {
    algorithm: Algorithm,
    session: Vec<u8>,
    amount: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Delivered {
    purpose: u8,
    algorithm: Algorithm,
    key: Vec<u8>,
    chain: Option<Vec<u8>>,
}

/// The module.
#[derive(Clone, Debug)]
pub struct Psam {
    /// Serial number, 10 bytes.
    pub serial: Vec<u8>,
    /// Terminal number, 6 bytes.
    pub terminal: Vec<u8>,
    /// File 0x17, 25 bytes; the dates are its last eight.
    pub info: Vec<u8>,
    /// Keys.
    pub keys: Vec<Key>,
    /// The next terminal sequence.
    pub next: u32,
    /// Wrong MAC2 in a row.
    pub failures: u8,
    /// How many lock it.
    pub failures_max: u8,
    in_purchases: bool,
    waiting: Vec<u8>,
    started: Option<Started>,
    delivered: Option<Delivered>,
}

const NAME: &[u8] = b"\xA0\x00\x00\x06\x32MOT.CPSAM01";

impl Psam {
    /// A module with nothing selected but its root.
    #[must_use]
    pub fn new(serial: Vec<u8>, terminal: Vec<u8>, info: Vec<u8>, keys: Vec<Key>) -> Self {
        Self {
            serial,
            terminal,
            info,
            keys,
            next: 1,
            failures: 0,
            failures_max: 15,
            in_purchases: false,
            waiting: Vec::new(),
            started: None,
            delivered: None,
        }
    }

    /// The MAC2 that it waits for, if it does.
    #[must_use]
    pub fn mac2(&self) -> Option<Vec<u8>> {
        let started = self.started.as_ref()?;
        Some(session_mac(
            started.algorithm,
            &started.session,
            &started.amount,
        ))
    }

    /// A reset or a power cut.
    pub fn reset(&mut self) {
        self.in_purchases = false;
        self.waiting.clear();
        self.started = None;
        self.delivered = None;
    }

    /// What the module answers; none where the answer is random.
    pub fn apdu(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        let random = matches!(apdu, [0x00, 0x84, 0x00, 0x00, 4 | 8]);
        let answer = match self.answer(apdu) {
            Ok(data) => [&data[..], &[0x90, 0x00]].concat(),
            Err(sw) => sw.to_be_bytes().to_vec(),
        };
        (!random).then_some(answer)
    }

    fn answer(&mut self, apdu: &[u8]) -> Result<Vec<u8>, u16> {
        let before = (self.started.take(), self.delivered.take());
        let waiting = std::mem::take(&mut self.waiting);
        let (head, data, le) = cut(apdu).ok_or(0x6700_u16)?;
        let [cla, ins, p1, p2] = head;
        if !matches!(cla, 0x00 | 0x80) {
            return Err(0x6E00);
        }
        let own = match ins {
            0xA4 | 0xB0 | 0x84 | 0xC0 => 0x00,
            0x70 | 0x72 | 0x1A | 0xFA => 0x80,
            _ => return Err(0x6D00),
        };
        if cla != own {
            return Err(0x6E00);
        }
        let out = match ins {
            0xC0 => {
                if (p1, p2) != (0, 0) {
                    return Err(0x6A86);
                }
                let le = le.filter(|_| data.is_empty()).ok_or(0x6700_u16)?;
                // It is the rest of the command before, and ends nothing.
                (self.started, self.delivered) = before;
                self.waiting.clone_from(&waiting);
                if waiting.is_empty() {
                    return Err(0x6985);
                }
                exact(waiting.len(), Some(le))?;
                self.waiting.clear();
                return Ok(waiting);
            }
            0xA4 => self.select(p1, p2, data)?,
            0xB0 => return self.read(p1, p2, data, le),
            0x84 => {
                if (p1, p2) != (0, 0) {
                    return Err(0x6A86);
                }
                if !data.is_empty() || !matches!(le, Some(4 | 8)) {
                    return Err(0x6700);
                }
                return Ok(Vec::new());
            }
            0x70 => self.initialize(p1, p2, data, le)?,
            0x72 => self.credit(p1, p2, data, before.0)?,
            0x1A => self.deliver(p1, p2, data)?,
            _ => self.crypt(p1, p2, data, le, before.1)?,
        };
        if out.is_empty() || le.is_some() {
            return Ok(out);
        }
        let len = u16::try_from(out.len()).expect("a short answer");
        self.waiting = out;
        Err(0x6100 | len & 0xFF)
    }

    fn select(&mut self, p1: u8, p2: u8, data: &[u8]) -> Result<Vec<u8>, u16> {
        match (p1, p2) {
            (0, 0) if data.len() != 2 => Err(0x6700),
            (0, 0) if data == [0x3F, 0x00] => {
                self.in_purchases = false;
                Ok(Vec::new())
            }
            (4, 0) if data.is_empty() || data.len() > 16 => Err(0x6700),
            (0, 0) | (4, 0)
                if data == [0x80, 0x11] && p1 == 0 || p1 == 4 && NAME.starts_with(data) =>
            {
                self.in_purchases = true;
                let mut fci = vec![0x6F, 0x14, 0x84, 0x10];
                fci.extend(NAME);
                fci.extend([0xA5, 0x00]);
                Ok(fci)
            }
            (0 | 4, 0) => Err(0x6A82),
            _ => Err(0x6A86),
        }
    }

    fn read(&self, p1: u8, p2: u8, data: &[u8], le: Option<u8>) -> Result<Vec<u8>, u16> {
        if !(0x80..=0x9F).contains(&p1) {
            return Err(0x6A86);
        }
        let le = le.filter(|_| data.is_empty()).ok_or(0x6700_u16)?;
        let file = match (self.in_purchases, p1 - 0x80) {
            (false, 0x15) => &self.serial,
            (false, 0x16) => &self.terminal,
            (true, 0x17) => &self.info,
            _ => return Err(0x6A82),
        };
        let from = usize::from(p2);
        if from >= file.len() {
            return Err(0x6B00);
        }
        let there = file.len() - from;
        match usize::from(le) {
            0 => Ok(file[from..].to_vec()),
            le if le > there => Err(0x6C00 | u16::try_from(there).expect("a short file")),
            le => Ok(file[from..from + le].to_vec()),
        }
    }

    fn usable(&self) -> Result<(), u16> {
        if self.failures >= self.failures_max {
            Err(0x9303)
        } else if self.in_purchases {
            Ok(())
        } else {
            Err(0x6985)
        }
    }

    fn initialize(&mut self, p1: u8, p2: u8, data: &[u8], le: Option<u8>) -> Result<Vec<u8>, u16> {
        if (p1, p2) != (0, 0) {
            return Err(0x6A86);
        }
        if !matches!(data.len(), 28 | 36 | 44) {
            return Err(0x6700);
        }
        exact(8, le)?;
        self.usable()?;
        let (kind, date, version, code) = (data[10], &data[11..15], data[18], data[19]);
        if !matches!(kind, 6 | 9) {
            return Err(0x6A80);
        }
        if !is_day(date) || date < &self.info[17..21] || date > &self.info[21..25] {
            return Err(0x6985);
        }
        let algorithm = match code {
            0 | 1 => Algorithm::Tdes,
            4 => Algorithm::Sm4,
            _ => return Err(0x9403),
        };
        let key = self.find(PURCHASES, version, Some(algorithm), &data[20..])?;
        if self.next == u32::MAX {
            return Err(0x9402);
        }
        let number = self.next.to_be_bytes();
        self.next += 1;
        let seed = [&data[..4], &data[4..6], &number[2..]].concat();
        let session = match algorithm {
            Algorithm::Tdes => algorithm.encrypt(&key, &seed),
            Algorithm::Sm4 => algorithm.encrypt(&key, &pad(&seed, 16)),
        };
        let message = [&data[6..10], &[kind], &self.terminal, &data[11..18]].concat();
        let mac1 = session_mac(algorithm, &session, &message);
        self.started = Some(Started {
            algorithm,
            session,
            amount: data[6..10].to_vec(),
        });
        Ok([&number[..], &mac1].concat())
    }

    fn credit(
        &mut self,
        p1: u8,
        p2: u8,
        data: &[u8],
        started: Option<Started>,
    ) -> Result<Vec<u8>, u16> {
        if (p1, p2) != (0, 0) {
            return Err(0x6A86);
        }
        if data.len() != 4 {
            return Err(0x6700);
        }
        self.usable()?;
        let started = started.ok_or(0x6985_u16)?;
        if session_mac(started.algorithm, &started.session, &started.amount) == data {
            self.failures = 0;
            Ok(Vec::new())
        } else {
            self.failures += 1;
            Err(0x9302)
        }
    }

    fn deliver(&mut self, p1: u8, p2: u8, data: &[u8]) -> Result<Vec<u8>, u16> {
        let levels = usize::from(p1 / 32);
        if !(1..=3).contains(&levels) {
            return Err(0x6A86);
        }
        if data.len() != 8 * levels {
            return Err(0x6700);
        }
        self.usable()?;
        let purpose = p1 % 32;
        let key = self.find(purpose, p2, None, data)?;
        let algorithm = self.named(purpose, p2, None).expect("just found").algorithm;
        self.delivered = Some(Delivered {
            purpose,
            algorithm,
            key,
            chain: None,
        });
        Ok(Vec::new())
    }

    fn crypt(
        &mut self,
        p1: u8,
        p2: u8,
        data: &[u8],
        le: Option<u8>,
        delivered: Option<Delivered>,
    ) -> Result<Vec<u8>, u16> {
        if !matches!(p1, 0..=3 | 5 | 7) || p2 != 0 {
            return Err(0x6A86);
        }
        if data.is_empty() || !data.len().is_multiple_of(8) {
            return Err(0x6700);
        }
        let wants_mac = p1 % 2 == 1;
        if !wants_mac {
            exact(data.len(), le)?;
        } else if matches!(p1, 1 | 5) {
            exact(4, le)?;
        }
        self.usable()?;
        let mut key = delivered.ok_or(0x6985_u16)?;
        if wants_mac != matches!(key.purpose, 4 | 5) {
            return Err(0x6982);
        }
        let block = key.algorithm.block_len();
        if !wants_mac {
            if !data.len().is_multiple_of(block) {
                return Err(0x6700);
            }
            let out: Vec<u8> = data
                .chunks(block)
                .flat_map(|part| key.algorithm.encrypt(&key.key, part))
                .collect();
            key.chain = None;
            self.delivered = Some(key);
            return Ok(out);
        }
        let begins = matches!(p1, 5 | 7);
        if begins && data.len() <= block {
            return Err(0x6700);
        }
        let (mut chain, blocks) = if begins {
            (data[..block].to_vec(), &data[block..])
        } else {
            (key.chain.take().ok_or(0x6985_u16)?, data)
        };
        if !blocks.len().is_multiple_of(block) {
            return Err(0x6700);
        }
        let folded = fold(&key.key);
        for part in blocks.chunks(block) {
            let mixed = xor(&chain, part);
            chain = match (key.algorithm, key.purpose) {
                (Algorithm::Sm4, _) => key.algorithm.encrypt(&key.key, &mixed),
                (Algorithm::Tdes, 4) => des_encrypt(&folded, &mixed),
                (Algorithm::Tdes, _) => des_encrypt(&key.key[..8], &mixed),
            };
        }
        if matches!(p1, 3 | 7) {
            key.chain = Some(chain);
            self.delivered = Some(key);
            return Ok(Vec::new());
        }
        if key.algorithm == Algorithm::Tdes && key.purpose == 5 {
            chain = des_encrypt(&key.key[..8], &des_decrypt(&key.key[8..], &chain));
        }
        key.chain = None;
        self.delivered = Some(key);
        chain.truncate(4);
        Ok(chain)
    }

    fn named(&self, purpose: u8, name: u8, algorithm: Option<Algorithm>) -> Option<&Key> {
        self.keys.iter().find(|key| {
            key.purpose == purpose
                && key.name == name
                && algorithm.is_none_or(|algorithm| algorithm == key.algorithm)
        })
    }

    fn find(
        &self,
        purpose: u8,
        name: u8,
        algorithm: Option<Algorithm>,
        factors: &[u8],
    ) -> Result<Vec<u8>, u16> {
        let key = self.named(purpose, name, algorithm).ok_or(0x9403_u16)?;
        if key.levels == 0 {
            return Ok(key.key.clone());
        }
        if key.levels * 8 != factors.len() {
            return Err(0x9403);
        }
        // The card's factor is said first and used last.
        let mut derived = key.key.clone();
        for factor in factors.chunks(8).rev() {
            let turned: Vec<u8> = factor.iter().map(|byte| !byte).collect();
            derived = match key.algorithm {
                Algorithm::Tdes => [
                    key.algorithm.encrypt(&derived, factor),
                    key.algorithm.encrypt(&derived, &turned),
                ]
                .concat(),
                Algorithm::Sm4 => key.algorithm.encrypt(&derived, &[factor, &turned].concat()),
            };
        }
        Ok(derived)
    }
}

/// MAC1, MAC2: CBC-MAC with a session key, the leftmost four bytes.
#[must_use]
pub fn session_mac(algorithm: Algorithm, session: &[u8], message: &[u8]) -> Vec<u8> {
    let block = algorithm.block_len();
    let mut chain = vec![0; block];
    for part in pad(message, block).chunks(block) {
        let mixed = xor(&chain, part);
        chain = match algorithm {
            Algorithm::Tdes => des_encrypt(session, &mixed),
            Algorithm::Sm4 => algorithm.encrypt(session, &mixed),
        };
    }
    chain.truncate(4);
    chain
}

fn fold(key: &[u8]) -> Vec<u8> {
    xor(&key[..8], &key[8..])
}

/// Refuses a length asked for that is neither everything nor what there is.
fn exact(len: usize, le: Option<u8>) -> Result<(), u16> {
    match le {
        Some(le) if le != 0 && usize::from(le) != len => {
            Err(0x6C00 | u16::try_from(len % 256).expect("a byte"))
        }
        _ => Ok(()),
    }
}

/// Header, data and Le of a short command.
fn cut(apdu: &[u8]) -> Option<([u8; 4], &[u8], Option<u8>)> {
    let (head, body) = apdu.split_first_chunk::<4>()?;
    match body {
        [] => Some((*head, &[], None)),
        [le] => Some((*head, &[], Some(*le))),
        [lc, rest @ ..] if *lc != 0 => {
            let lc = usize::from(*lc);
            match rest.len().checked_sub(lc)? {
                0 => Some((*head, rest, None)),
                1 => Some((*head, &rest[..lc], Some(rest[lc]))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether four bytes are a day of the calendar.
fn is_day(date: &[u8]) -> bool {
    let digits: Option<Vec<u32>> = date
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| (digit < 10).then_some(u32::from(digit)))
        .collect();
    let Some(d) = digits else { return false };
    let year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3];
    let (month, day) = (d[4] * 10 + d[5], d[6] * 10 + d[7]);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

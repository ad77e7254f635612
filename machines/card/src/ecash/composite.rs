//! Extension files (扩展应用文件) and the commands of the composite payment (分段扣费).
//!
//! A file of variable records keeps each under its two-byte id, with a key and what is set
//! aside for it; a cyclic file has one key and one amount set aside. New records wait in the
//! session and are written with the debit.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response, StatusWord};
use tongtu_crypto::BlockKey;
use tongtu_ecash::command::{AppendRecord, ReadCappData, UpdateCappCache, protected};
use tongtu_ecash::perso::{FileEntry, FileKind, dgi};
use tongtu_ecash::{Amount, CompositeSupport, Fci, cryptogram};
use zeroize::Zeroizing;

use super::ring::Ring;
use super::state::{self, Counters};
use super::{Phase, Session, not_blocked};
use crate::context::{Context, Halt};

/// Most records that one payment writes.
const CACHE_MAX: usize = 8;
/// Objects of extension records: `BASE + SFI * SLOTS + slot`.
const BASE: u16 = 0x4000;
const SLOTS: u8 = 64;
/// Heads of cyclic extension files: `HEADS + SFI`.
const HEADS: u16 = 0x4800;
/// Key and amount set aside before a record.
const PREFIX: usize = 22;

/// Whether an object is part of an extension file.
pub(super) const fn is_content(number: u16) -> bool {
    number >= BASE && number <= HEADS + 0x1F
}

/// What was read last and so is what a composite payment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) sfi: u8,
    /// The record's id; none in a cyclic file.
    pub(super) id: Option<[u8; 2]>,
}

/// A new record that waits for the debit.
pub(super) struct Cached {
    sfi: u8,
    record: Vec<u8>,
}

/// An extension file of the card.
pub(super) struct File {
    sfi: u8,
    kind: FileKind,
    /// Its place in A001, so in the list of keys.
    place: usize,
    record_max: u8,
}

/// Whether this card can keep such a file.
pub(super) const fn is_possible(entry: &FileEntry) -> bool {
    match entry.file_kind() {
        Some(FileKind::Variable { .. }) => true,
        Some(FileKind::Cyclic { records, len }) => records > 0 && records <= SLOTS && len > 0,
        None => false,
    }
}

/// The extension file with an SFI.
pub(super) fn file(ctx: &Context<'_>, sfi: u8) -> Option<File> {
    let entries = FileEntry::parse_all(ctx.get(dgi::FILES)?).ok()?;
    let place = entries.iter().position(|entry| entry.sfi == sfi)?;
    let entry = entries.get(place)?;
    Some(File {
        sfi,
        kind: entry.file_kind()?,
        place,
        record_max: entry.record_max,
    })
}

/// What the card says of itself in DF61.
pub(super) fn support(ctx: &Context<'_>) -> Option<CompositeSupport> {
    let fci = Fci::parse_proprietary(&[], ctx.get(dgi::FCI)?).ok()?;
    fci.discretionary?.composite
}

impl File {
    /// The key that opens applications in this file.
    pub(super) fn opening_key(&self, ctx: &Context<'_>) -> Option<Zeroizing<[u8; 16]>> {
        let (keys, _) = ctx.get(dgi::FILE_KEYS)?.as_chunks::<16>();
        keys.get(self.place).copied().map(Zeroizing::new)
    }

    fn ring(&self, records: u8) -> Ring {
        Ring {
            head: HEADS + u16::from(self.sfi),
            base: self.slot(0),
            capacity: records,
        }
    }

    fn slot(&self, slot: u8) -> u16 {
        BASE + u16::from(self.sfi) * u16::from(SLOTS) + u16::from(slot)
    }

    /// Object and value of the variable record with an id.
    fn find<'c>(&self, ctx: &'c Context<'_>, id: [u8; 2]) -> Option<(u16, &'c [u8])> {
        (0..SLOTS).map(|slot| self.slot(slot)).find_map(|object| {
            let value = ctx.get(object)?;
            let held = value.get(PREFIX..PREFIX + 2)?;
            (held == id).then_some((object, value))
        })
    }

    /// Key and amount set aside: of the record, or of the cyclic file.
    fn prefix<'c>(&self, ctx: &'c Context<'_>, id: Option<[u8; 2]>) -> Option<&'c [u8; PREFIX]> {
        let value = match (self.kind, id) {
            (FileKind::Variable { .. }, Some(id)) => self.find(ctx, id)?.1,
            (FileKind::Cyclic { records, .. }, None) => self.ring(records).own(ctx),
            _ => return None,
        };
        value.first_chunk::<PREFIX>()
    }

    /// What is set aside (脱机预授权) for a record; none when nothing is.
    pub(super) fn set_aside(&self, ctx: &Context<'_>, id: Option<[u8; 2]>) -> Option<Amount> {
        let (_, amount) = self.prefix(ctx, id)?.split_first_chunk::<16>()?;
        Amount::decode(amount)
            .ok()
            .filter(|amount| !amount.is_zero())
    }

    /// Stages another amount set aside.
    pub(super) fn put_aside(&self, ctx: &mut Context<'_>, id: Option<[u8; 2]>, amount: Amount) {
        match (self.kind, id) {
            (FileKind::Variable { .. }, Some(id)) => {
                let Some((object, value)) = self.find(ctx, id) else {
                    return;
                };
                let mut value = Zeroizing::new(value.to_vec());
                value[16..PREFIX].copy_from_slice(&amount.encode());
                ctx.put(object, value.to_vec());
            }
            (FileKind::Cyclic { records, .. }, None) => {
                let ring = self.ring(records);
                let mut key = Zeroizing::new([0; 16]);
                match ring.own(ctx).first_chunk::<16>() {
                    Some(own) => key.copy_from_slice(own),
                    // The file keeps its opening key until an application is opened in it.
                    None => match self.opening_key(ctx) {
                        Some(opening) => key = opening,
                        None => return,
                    },
                }
                ring.set_own(ctx, &Zeroizing::new(with_prefix(&key, amount, &[])));
            }
            _ => {}
        }
    }

    /// Stages a new record with its key.
    pub(super) fn append(
        &self,
        ctx: &mut Context<'_>,
        record: &[u8],
        key: &[u8; 16],
    ) -> Result<(), Halt> {
        match self.kind {
            FileKind::Cyclic { records, len } => {
                if record.len() != usize::from(len) {
                    return Err(StatusWord::WRONG_LENGTH.into());
                }
                let ring = self.ring(records);
                let aside = self.set_aside(ctx, None).unwrap_or(Amount::ZERO);
                ring.set_own(ctx, &with_prefix(key, aside, &[]));
                ring.push(ctx, record);
            }
            FileKind::Variable { size } => {
                let [a, b, len, body @ ..] = record else {
                    return Err(StatusWord::WRONG_DATA.into());
                };
                if usize::from(*len) != body.len() || self.find(ctx, [*a, *b]).is_some() {
                    return Err(StatusWord::WRONG_DATA.into());
                }
                if record.len() > usize::from(self.record_max) {
                    return Err(StatusWord::WRONG_LENGTH.into());
                }
                let mut free = None;
                let mut used = record.len();
                for slot in (0..SLOTS).map(|slot| self.slot(slot)) {
                    match ctx.get(slot) {
                        Some(value) => used += value.len() - PREFIX,
                        None => free = free.or(Some(slot)),
                    }
                }
                let free = free.filter(|_| size == 0 || used <= usize::from(size));
                let free = free.ok_or(StatusWord::NO_ROOM)?;
                ctx.put(free, with_prefix(key, Amount::ZERO, record));
            }
        }
        Ok(())
    }

    /// Checks a new record against what is there: its key.
    fn key_of_update(&self, ctx: &Context<'_>, record: &[u8]) -> Result<BlockKey, Halt> {
        let key = |prefix: &[u8; PREFIX]| {
            let mut key = Zeroizing::new([0; 16]);
            key.copy_from_slice(&prefix[..16]);
            BlockKey::new(state::algorithm(ctx), *key)
        };
        match self.kind {
            FileKind::Cyclic { len, .. } => {
                if record.len() != usize::from(len) {
                    return Err(StatusWord::WRONG_LENGTH.into());
                }
                if let Some(prefix) = self.prefix(ctx, None) {
                    return Ok(key(prefix));
                }
                // UNSPECIFIED: before the first record a cyclic file has its opening key.
                let opening = self.opening_key(ctx).ok_or(StatusWord::CONDITIONS)?;
                Ok(BlockKey::new(state::algorithm(ctx), *opening))
            }
            FileKind::Variable { .. } => {
                let [a, b, len, body @ ..] = record else {
                    return Err(StatusWord::WRONG_LENGTH.into());
                };
                let (_, held) = self
                    .find(ctx, [*a, *b])
                    .ok_or(StatusWord::RECORD_NOT_FOUND)?;
                // CONFLICT: 6700, 6A80 and 6A84 are all seen for a wrong length here.
                if usize::from(*len) != body.len() || held.len() - PREFIX != record.len() {
                    return Err(StatusWord::WRONG_LENGTH.into());
                }
                let prefix = held.first_chunk().ok_or(StatusWord::RECORD_NOT_FOUND)?;
                Ok(key(prefix))
            }
        }
    }
}

fn with_prefix(key: &[u8; 16], aside: Amount, record: &[u8]) -> Vec<u8> {
    [&key[..], &aside.encode(), record].concat()
}

/// Stages the records that waited for the debit.
pub(super) fn write_cached(ctx: &mut Context<'_>, cached: Vec<Cached>) {
    for Cached { sfi, record } in cached {
        let Some(file) = file(ctx, sfi) else { continue };
        match file.kind {
            FileKind::Cyclic { records, .. } => file.ring(records).push(ctx, record),
            FileKind::Variable { .. } => {
                let id = [record[0], record[1]];
                if let Some((object, held)) = file.find(ctx, id) {
                    let prefix = Zeroizing::new(held[..PREFIX].to_vec());
                    ctx.put(object, [&prefix[..], &record].concat());
                }
            }
        }
    }
}

impl Session {
    /// READ CAPP DATA: makes a record current and gives it out.
    pub(super) fn read_capp(
        &mut self,
        ctx: &mut Context<'_>,
        read: ReadCappData,
    ) -> Result<Response, Halt> {
        not_blocked(&Counters::read(ctx))?;
        if self.is_paying() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let file = file(ctx, read.sfi).ok_or(StatusWord::NOT_FOUND)?;
        if matches!(file.kind, FileKind::Cyclic { .. }) {
            return Err(StatusWord::FILE_TYPE.into());
        }
        let (_, value) = file
            .find(ctx, read.id)
            .ok_or(StatusWord::RECORD_NOT_FOUND)?;
        let (prefix, record) = value.split_at(PREFIX);
        let mut answer = record.to_vec();
        let with_mac = support(ctx).is_some_and(CompositeSupport::response_mac);
        if let Some(random) = read.random.filter(|_| with_mac) {
            let mut key = Zeroizing::new([0; 16]);
            key.copy_from_slice(&prefix[..16]);
            let key = BlockKey::new(state::algorithm(ctx), *key);
            answer.extend(cryptogram::record_mac(&key, &random, record));
        }
        self.current = Some(Current {
            sfi: read.sfi,
            id: Some(read.id),
        });
        Ok(Response::ok(answer))
    }

    /// READ RECORD of a cyclic extension file, which makes it current.
    pub(super) fn read_cyclic<'c>(
        &mut self,
        ctx: &'c Context<'_>,
        file: &File,
        number: u8,
    ) -> Result<&'c [u8], Halt> {
        let FileKind::Cyclic { records, .. } = file.kind else {
            return Err(StatusWord::FILE_TYPE.into());
        };
        if !self.is_paying() {
            // UNSPECIFIED: a file without records becomes current too, or a new card could
            // never get its first one by a payment.
            self.current = Some(Current {
                sfi: file.sfi,
                id: None,
            });
        }
        let record = file.ring(records).read(ctx, number);
        Ok(record.ok_or(StatusWord::RECORD_NOT_FOUND)?)
    }

    /// UPDATE CAPP DATA CACHE: a record for the payment under way.
    pub(super) fn update_capp(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        update: UpdateCappCache,
    ) -> Result<Response, Halt> {
        let current = self.current;
        let Phase::Tap(tap) = &mut self.phase else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let (atc, cache) = tap.composite_cache().ok_or(StatusWord::CONDITIONS)?;
        let file = file(ctx, update.sfi).ok_or(StatusWord::NOT_FOUND)?;
        if current.is_none_or(|current| current.sfi != update.sfi) {
            return Err(StatusWord::NO_FILE.into());
        }
        let key = file.key_of_update(ctx, &update.record)?;
        let parts = protected(command).ok_or(StatusWord::WRONG_LENGTH)?;
        let expected = cryptogram::composite_mac(&key, atc, parts.header, parts.data);
        if !tongtu_crypto::equal(&expected, &update.mac) {
            // One guess for each counter value.
            self.phase = Phase::Over;
            return Err(StatusWord::SM_INCORRECT.into());
        }
        let is_full = cache.len() == CACHE_MAX;
        let replaced = cache.iter_mut().find(|cached| {
            matches!(file.kind, FileKind::Variable { .. })
                && cached.sfi == update.sfi
                && cached.record.get(..2) == update.record.get(..2)
        });
        match replaced {
            Some(cached) => cached.record = update.record,
            None if is_full => return Err(StatusWord::NO_ROOM.into()),
            None => cache.push(Cached {
                sfi: update.sfi,
                record: update.record,
            }),
        }
        Ok(Response::ok([]))
    }

    /// APPEND RECORD: opens an application in an extension file.
    pub(super) fn append_record(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        append: &AppendRecord,
    ) -> Result<Response, Halt> {
        let mut counters = Counters::read(ctx);
        not_blocked(&counters)?;
        if self.is_paying() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let file = file(ctx, append.sfi).ok_or(StatusWord::NOT_FOUND)?;
        let algorithm = state::algorithm(ctx);
        let opening = file.opening_key(ctx).ok_or(StatusWord::CONDITIONS)?;
        let opening = BlockKey::new(algorithm, *opening);
        let parts = protected(command).ok_or(StatusWord::WRONG_LENGTH)?;
        // UNSPECIFIED: a wrong MAC costs a counter value, so that nobody guesses for ever. It is
        // spent before the comparison, and given back after a right one: no cryptogram had it.
        let before = counters;
        spend_counter(ctx, &mut counters)?;
        let expected = cryptogram::composite_mac(&opening, before.atc, parts.header, parts.data);
        if !tongtu_crypto::equal(&expected, &append.mac) {
            return Err(StatusWord::SM_INCORRECT.into());
        }
        // UNSPECIFIED: a right one costs none, so that a terminal may open several files, and an
        // issuer go on with scripts, under one counter value. What was heard can be said again until
        // the next payment: a variable file knows the id by then, a cyclic file takes its newest
        // record twice. No money and no key changes by that.
        let appended = append_to(ctx, &file, &opening, append).and_then(|()| {
            before.stage(ctx);
            ctx.commit()
        });
        if let Err(Halt::Status(_)) = appended {
            ctx.discard();
            before.stage(ctx);
            ctx.commit()?;
        }
        appended?;
        Ok(Response::ok([]))
    }
}

/// Stages the record of an APPEND RECORD with its key.
fn append_to(
    ctx: &mut Context<'_>,
    file: &File,
    opening: &BlockKey,
    append: &AppendRecord,
) -> Result<(), Halt> {
    let mut key = Zeroizing::new(append.enciphered_key);
    opening
        .decrypt_blocks(&mut key[..])
        .map_err(|_| StatusWord::WRONG_DATA)?;
    file.append(ctx, &append.record, &key)
}

/// Raises the counter for nothing; at its end the application is blocked.
pub(super) fn spend_counter(ctx: &mut Context<'_>, counters: &mut Counters) -> Result<(), Halt> {
    match counters.atc.checked_add(1) {
        Some(next) => counters.atc = next,
        None => counters.set(state::Flag::Blocked, true),
    }
    counters.stage(ctx);
    ctx.commit()
}

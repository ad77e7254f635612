//! Tables of keys under which many signatures are verified.

use std::collections::BTreeMap;
use std::vec::Vec;

#[cfg(target_arch = "x86_64")]
use super::case;
use super::{Asked, Signed, Verdict, Verdicts, of_new_keys};
use crate::curve::claim::Claim;
use crate::curve::comb::Comb;
#[cfg(target_arch = "x86_64")]
use crate::curve::lanes;
use crate::sm3;

/// From so many signatures on a key is worth a table, which costs about as much as verifying a few
/// hundred without.
const FREQUENT: u32 = 512;
/// How many keys without a table are counted, for each that may have one.
const COUNTED: usize = 64;

/// Keys that come again and again, with tables of their multiples; verifies batches by them.
///
/// Its memory is bounded: 256 KiB for each key it has room for. When it is full the key not used for
/// the longest time gives way. Verdicts never depend on what it holds.
pub struct KeyShelf {
    room: usize,
    /// Batches so far: when a key was last used.
    now: u64,
    /// By the key's Z, which names it.
    keys: BTreeMap<sm3::Digest, Kept>,
}

struct Kept {
    times: u32,
    last: u64,
    table: Option<Table>,
}

/// A key's table in the form that this processor reads.
enum Table {
    Plain(Comb<8>),
    #[cfg(target_arch = "x86_64")]
    Lanes(lanes::Table),
}

impl Table {
    fn of(asked: &Asked<'_>) -> Self {
        let comb = Comb::of(asked.key.point());
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = lanes::Kernel::here() {
            return Self::Lanes(kernel.table(&comb));
        }
        Self::Plain(comb)
    }
}

impl KeyShelf {
    /// With room for the tables of this many keys.
    #[must_use]
    pub const fn new(room: usize) -> Self {
        Self {
            room,
            now: 0,
            keys: BTreeMap::new(),
        }
    }

    /// How many keys have a table.
    #[must_use]
    pub fn tables(&self) -> usize {
        self.keys
            .values()
            .filter(|kept| kept.table.is_some())
            .count()
    }

    /// Verifies each signature; the verdicts are in the same order.
    #[must_use]
    pub fn verify(&mut self, batch: &[Signed<'_>]) -> Vec<Verdict> {
        self.now += 1;
        let claims: Vec<Option<Claim>> = batch.iter().map(Signed::claim).collect();
        let mut asked: Vec<Asked<'_>> = Vec::with_capacity(batch.len());
        for (place, (signed, claim)) in batch.iter().zip(&claims).enumerate() {
            if let Some(claim) = claim {
                let key = signed.key;
                self.count(key.z());
                asked.push(Asked { place, claim, key });
            }
        }
        // One key's signatures beside each other: its table is in the cache then.
        asked.sort_by(|a, b| (a.key.z(), a.place).cmp(&(b.key.z(), b.place)));
        for one in asked.chunk_by(|a, b| a.key.z() == b.key.z()) {
            self.provide(&one[0]);
        }
        let (known, new): (Vec<_>, Vec<_>) = asked
            .iter()
            .map(|asked| (*asked, self.table(asked.key.z())))
            .partition(|(_, table)| table.is_some());
        let new: Vec<Asked<'_>> = new.into_iter().map(|(asked, _)| asked).collect();
        let (known, tables): (Vec<_>, Vec<_>) = known
            .into_iter()
            .filter_map(|(asked, table)| Some((asked, table?)))
            .unzip();
        let mut out = Verdicts::none_of(batch.len());
        out.settle(&new, &of_new_keys(&new));
        out.settle(&known, &of_known_keys(&known, &tables));
        out.0
    }

    fn table(&self, z: &sm3::Digest) -> Option<&Table> {
        self.keys.get(z)?.table.as_ref()
    }

    fn count(&mut self, z: &sm3::Digest) {
        if !self.keys.contains_key(z) && self.keys.len() >= self.room * (COUNTED + 1) {
            self.keys.retain(|_, kept| kept.table.is_some());
        }
        let kept = self.keys.entry(*z).or_insert(Kept {
            times: 0,
            last: 0,
            table: None,
        });
        kept.times = kept.times.saturating_add(1);
        kept.last = self.now;
    }

    /// Makes a table for a key that has been seen often enough, where there is room.
    fn provide(&mut self, asked: &Asked<'_>) {
        let z = *asked.key.z();
        let wanted = |kept: &Kept| kept.table.is_none() && kept.times >= FREQUENT;
        if !self.keys.get(&z).is_some_and(wanted) {
            return;
        }
        if self.tables() >= self.room && !self.make_room() {
            return;
        }
        if let Some(kept) = self.keys.get_mut(&z) {
            kept.table = Some(Table::of(asked));
        }
    }

    /// Takes away the table not used for the longest time, but none that this batch uses.
    fn make_room(&mut self) -> bool {
        let oldest = self
            .keys
            .iter()
            .filter(|(_, kept)| kept.table.is_some() && kept.last < self.now)
            .min_by_key(|(_, kept)| kept.last)
            .map(|(z, _)| *z);
        oldest.is_some_and(|z| self.keys.remove(&z).is_some())
    }
}

impl core::fmt::Debug for KeyShelf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyShelf")
            .field("room", &self.room)
            .field("tables", &self.tables())
            .finish_non_exhaustive()
    }
}

/// Whether each holds under its key's table.
fn of_known_keys(asked: &[Asked<'_>], tables: &[&Table]) -> Vec<bool> {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = lanes::Kernel::here() {
        let lanes: Option<Vec<_>> = asked
            .iter()
            .zip(tables)
            .map(|(asked, table)| match table {
                Table::Lanes(table) if kernel.reads(table) => Some((case(asked), table)),
                _ => None,
            })
            .collect();
        if let Some(lanes) = lanes {
            return kernel.verify_by_tables(&lanes);
        }
    }
    asked
        .iter()
        .zip(tables)
        .map(|(asked, table)| match table {
            Table::Plain(table) => asked.claim.holds_by_table(table),
            #[cfg(target_arch = "x86_64")]
            Table::Lanes(_) => asked.claim.holds(asked.key.point()),
        })
        .collect()
}

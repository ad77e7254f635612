//! Cyclic files in the journal: the newest record is number 1, the oldest is overwritten.
//!
//! Form: a head object `next slot | records there | …`, and one object for each slot. What
//! follows the two bytes in the head is the file's own.

use alloc::vec::Vec;

use crate::context::Context;

/// A cyclic file by its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring {
    /// The head's object.
    pub(super) head: u16,
    /// The first slot's object; the others follow.
    pub(super) base: u16,
    /// Records kept, at least one.
    pub(super) capacity: u8,
}

impl Ring {
    fn head_of<'c>(&self, ctx: &'c Context<'_>) -> (u8, u8, &'c [u8]) {
        match ctx.get(self.head) {
            Some([next, count, own @ ..]) => (*next, *count, own),
            _ => (0, 0, &[]),
        }
    }

    /// What the head holds of the file's own.
    pub(super) fn own<'c>(&self, ctx: &'c Context<'_>) -> &'c [u8] {
        self.head_of(ctx).2
    }

    /// Stages another own part of the head.
    pub(super) fn set_own(&self, ctx: &mut Context<'_>, own: &[u8]) {
        let (next, count, _) = self.head_of(ctx);
        self.put_head(ctx, next, count, own);
    }

    /// A record by number, 1 the newest.
    pub(super) fn read<'c>(&self, ctx: &'c Context<'_>, number: u8) -> Option<&'c [u8]> {
        let (next, count, _) = self.head_of(ctx);
        if number == 0 || number > count {
            return None;
        }
        let back = u16::from(self.capacity) + u16::from(next) - u16::from(number);
        ctx.get(self.base + back % u16::from(self.capacity))
    }

    /// Stages a new record.
    pub(super) fn push(&self, ctx: &mut Context<'_>, record: impl Into<Vec<u8>>) {
        let (next, count, own) = self.head_of(ctx);
        let own = own.to_vec();
        ctx.put(self.base + u16::from(next), record);
        let next = (next + 1) % self.capacity;
        self.put_head(ctx, next, (count + 1).min(self.capacity), &own);
    }

    fn put_head(&self, ctx: &mut Context<'_>, next: u8, count: u8, own: &[u8]) {
        ctx.put(self.head, [&[next, count], own].concat());
    }
}

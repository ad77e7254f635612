//! The journal against a plain map, with power cut at every byte of every write.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::memory::RamMemory;

/// Memory whose power is cut after a number of bytes; the byte on the way becomes garbage.
#[derive(Clone)]
struct Cut {
    inner: RamMemory,
    left: usize,
}

impl Memory for Cut {
    fn size(&self) -> usize {
        self.inner.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.inner.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        for (i, byte) in bytes.iter().enumerate() {
            if self.left == 0 {
                self.inner.write(at + i, &[!byte])?;
                return Err(Torn);
            }
            self.inner.write(at + i, &[*byte])?;
            self.left -= 1;
        }
        Ok(())
    }
}

fn id(number: u16) -> ObjectId {
    ObjectId::new(7, number)
}

fn content<M: Memory>(nvm: &Nvm<M>) -> BTreeMap<ObjectId, Vec<u8>> {
    nvm.objects()
        .map(|(id, value)| (id, value.to_vec()))
        .collect()
}

fn blank() -> Nvm<RamMemory> {
    Nvm::format(RamMemory::new(SIZE_LEAST)).expect("large enough")
}

#[test]
fn memory_that_was_never_formatted_is_refused() {
    let error = Nvm::open(RamMemory::new(SIZE_LEAST)).expect_err("blank");
    assert_eq!(error, OpenError::NotFormatted);
    let error = Nvm::format(RamMemory::new(100)).expect_err("small");
    assert_eq!(
        error,
        OpenError::TooSmall {
            size: 100,
            least: SIZE_LEAST
        }
    );
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut nvm = blank();
    let mut batch = Batch::default();
    batch.put(id(1), vec![1; 1000]);
    nvm.commit(batch).expect("fits");
    let before = content(&nvm);
    let mut batch = Batch::default();
    batch.put(id(2), vec![2; 1500]);
    let error = nvm.commit(batch).expect_err("too large");
    assert!(matches!(error, CommitError::NoRoom { .. }), "{error}");
    assert_eq!(content(&nvm), before);
    let free = nvm.free();
    let mut batch = Batch::default();
    batch.put(id(3), vec![3; free - CHANGE_HEAD]);
    nvm.commit(batch).expect("what is free may be used");
    assert_eq!(nvm.free(), 0);
    let again = Nvm::open(nvm.into_memory()).expect("formatted");
    assert_eq!(again.free(), 0);
}

#[test]
fn a_frame_inside_an_objects_value_is_not_taken_for_a_frame() {
    // A batch is cut off after a few bytes; its value holds a whole frame of the same epoch.
    let mut nvm = blank();
    let mut batch = Batch::default();
    batch.put(id(1), vec![1; 10]);
    nvm.commit(batch).expect("fits");
    let mut fake = Batch::default();
    fake.put(id(9), vec![9; 4]);
    let (forged, _) = frame(nvm.epoch, nvm.chain, &fake.encode());
    let mut hostile = Batch::default();
    hostile.put(id(2), forged.to_vec());
    let whole = nvm.clone_memory();
    for left in 0..60 {
        let cut = Cut {
            inner: whole.clone(),
            left,
        };
        let mut torn = Nvm::open(cut).expect("formatted");
        let _ = torn.commit(hostile.clone());
        let mut again = Nvm::open(torn.into_memory().inner).expect("formatted");
        assert_eq!(again.get(id(9)), None);
        let mut small = Batch::default();
        small.put(id(3), vec![]);
        again.commit(small).expect("fits");
        let again = Nvm::open(again.into_memory()).expect("formatted");
        assert_eq!(again.get(id(9)), None, "after {left} bytes");
        assert_eq!(again.get(id(3)), Some(&[][..]));
    }
}

impl Nvm<RamMemory> {
    fn clone_memory(&self) -> RamMemory {
        self.memory.clone()
    }
}

fn any_batch() -> impl Strategy<Value = Vec<(u16, Option<Vec<u8>>)>> {
    let value = proptest::option::weighted(0.8, proptest::collection::vec(any::<u8>(), 0..120));
    proptest::collection::vec((0u16..6, value), 1..4)
}

fn batch_of(changes: &[(u16, Option<Vec<u8>>)]) -> Batch {
    let mut batch = Batch::default();
    for (number, value) in changes {
        match value {
            Some(value) => batch.put(id(*number), value.clone()),
            None => batch.remove(id(*number)),
        }
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Every batch is cut at every byte: the memory opens with the state before or after it,
    /// and goes on to take the batch again.
    #[test]
    fn a_cut_anywhere_leaves_the_old_state_or_the_new(
        batches in proptest::collection::vec(any_batch(), 1..24),
    ) {
        let mut nvm = blank();
        for changes in &batches {
            let old = content(&nvm);
            let mut whole = Nvm::open(Cut { inner: nvm.clone_memory(), left: usize::MAX })
                .expect("formatted");
            let before = whole.memory.left;
            whole.commit(batch_of(changes)).expect("six objects of 120 bytes fit");
            let written = before - whole.memory.left;
            let new = content(&whole);
            let mut happened = false;
            for left in 0..=written {
                let cut = Cut { inner: nvm.clone_memory(), left };
                let mut torn = Nvm::open(cut).expect("formatted");
                let told = torn.commit(batch_of(changes));
                prop_assert_eq!(told.is_ok(), left == written);
                let mut again = Nvm::open(torn.into_memory().inner).expect("formatted");
                let found = content(&again);
                prop_assert!(found == old || found == new, "neither old nor new at {}", left);
                happened |= found == new;
                again.commit(batch_of(changes)).expect("fits");
                prop_assert_eq!(&content(&again), &new);
                let again = Nvm::open(again.into_memory()).expect("formatted");
                prop_assert_eq!(&content(&again), &new);
            }
            prop_assert!(happened);
            nvm.commit(batch_of(changes)).expect("fits");
            prop_assert_eq!(&content(&nvm), &new);
        }
    }
}

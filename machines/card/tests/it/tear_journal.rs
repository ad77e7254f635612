//! The journal alone, torn at every byte of every write, bank moves included.

use std::collections::BTreeMap;

use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_testkit::tear::{Chip, every_cut};

use crate::tear::{Cells, Dice};

type Changes = Vec<(ObjectId, Option<Vec<u8>>)>;
type Objects = BTreeMap<ObjectId, Vec<u8>>;

/// The next batch of a long life: a few objects put, now and then one removed.
fn batch(dice: &mut Dice) -> (Batch, Changes) {
    let mut batch = Batch::default();
    let mut changes = Vec::new();
    let mut throw = [0; 9];
    dice.fill(&mut throw);
    for triple in throw.chunks(3).take(1 + usize::from(throw[0] % 3)) {
        let id = ObjectId::new(u16::from(triple[0] % 2), u16::from(triple[1] % 6));
        if triple[2] % 7 == 0 {
            batch.remove(id);
            changes.push((id, None));
        } else {
            let value = vec![triple[2]; usize::from(triple[2] % 64)];
            batch.put(id, value.clone());
            changes.push((id, Some(value)));
        }
    }
    (batch, changes)
}

fn apply(objects: &mut Objects, changes: &[(ObjectId, Option<Vec<u8>>)]) {
    for (id, value) in changes {
        match value {
            Some(value) => objects.insert(*id, value.clone()),
            None => objects.remove(id),
        };
    }
}

fn open(chip: &Chip) -> Nvm<Cells> {
    Nvm::open(Cells(chip.clone())).expect("formatted memory opens after any tear")
}

fn objects(chip: &Chip) -> Objects {
    open(chip)
        .objects()
        .map(|(id, value)| (id, value.to_vec()))
        .collect()
}

#[test]
fn every_commit_torn_anywhere_is_whole_or_not_at_all_and_the_next_one_works() {
    let mut chip = Chip::new(4096);
    Nvm::format(Cells(chip.clone())).expect("room enough");
    let mut dice = Dice::new();
    let mut old = Objects::new();
    let (mut cuts, mut kept_old, mut came_new, mut moves) = (0, 0, 0, 0);
    for _ in 0..70 {
        let fork = dice.clone();
        let (_, changes) = batch(&mut dice);
        let mut new = old.clone();
        apply(&mut new, &changes);
        cuts += every_cut(
            &chip,
            |chip| {
                let _ = open(chip).commit(batch(&mut fork.clone()).0);
            },
            |cut, chip| {
                let found = objects(chip);
                if found == old {
                    kept_old += 1;
                } else {
                    assert_eq!(found, new, "between old and new after {cut:?}");
                    came_new += 1;
                }
                let mut after = found;
                let mut dice = dice.clone();
                let (next, changes) = batch(&mut dice);
                apply(&mut after, &changes);
                open(chip).commit(next).expect("there is room");
                assert_eq!(objects(chip), after, "the commit after {cut:?}");
            },
        );
        chip.revive();
        open(&chip)
            .commit(batch(&mut fork.clone()).0)
            .expect("there is room");
        moves += usize::from(chip.writes().len() == 3);
        assert_eq!(objects(&chip), new);
        chip = chip.copy();
        old = new;
    }
    assert!(moves >= 2, "the banks were changed {moves} times");
    assert!(
        kept_old > came_new && came_new > 70,
        "{kept_old} {came_new} of {cuts}"
    );
}

#[test]
fn a_format_torn_anywhere_leaves_nothing_that_opens_or_an_empty_card() {
    let before = Chip::new(4096);
    let mut opened = 0;
    let cuts = every_cut(
        &before,
        |chip| {
            let _ = Nvm::format(Cells(chip.clone()));
        },
        |cut, chip| {
            if let Ok(nvm) = Nvm::open(Cells(chip.clone())) {
                assert_eq!(nvm.objects().count(), 0, "{cut:?}");
                opened += 1;
            }
            let nvm = Nvm::format(Cells(chip.clone())).expect("it can be formatted again");
            assert_eq!(nvm.objects().count(), 0);
        },
    );
    assert!(opened > 0 && opened < cuts);
}

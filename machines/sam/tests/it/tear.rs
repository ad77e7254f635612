//! Power cuts: at every byte of every write, and at any write of any sequence.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamRequest};
use tongtu_sam::SoftPsam;
use tongtu_testkit::tear::{Chip, Cut, Half, every_cut};

use crate::bench::{Cells, SIZE, again, credit, entry, profile, send, told};
use crate::model::{bytes_of, steps};

#[test]
fn a_torn_initialisation_leaves_the_sequence_unspent_and_unsaid_or_spent() {
    let chip = Chip::new(SIZE);
    drop(SoftPsam::manufacture(Cells(chip.clone()), &profile()).expect("it fits"));
    let mut seen = BTreeSet::new();
    let buy = PsamRequest::Purchase(entry());
    let cuts = every_cut(
        &chip,
        |chip| {
            let answer = again(chip).ask(&buy);
            assert!(
                !chip.is_dead() || answer == Err(PsamFault::Absent),
                "an answer without power: {answer:?}"
            );
        },
        |_, chip| {
            seen.insert(again(chip).next_sequence());
        },
    );
    assert!(cuts > 50, "{cuts}");
    assert_eq!(seen, BTreeSet::from([0x101, 0x102]));
}

#[test]
fn a_torn_verification_has_counted_before_it_says_wrong() {
    let chip = Chip::new(SIZE);
    drop(SoftPsam::manufacture(Cells(chip.clone()), &profile()).expect("it fits"));
    let mut seen = BTreeSet::new();
    // The writes of the initialisation come first; from them on, only cuts of the count matter.
    every_cut(
        &chip,
        |chip| {
            let mut module = again(chip);
            if module.ask(&PsamRequest::Purchase(entry())).is_err() {
                return;
            }
            let answer = module.ask(&credit(0x101, "00000000"));
            assert!(!chip.is_dead() || answer == Err(PsamFault::Absent));
        },
        |_, chip| {
            let module = again(chip);
            seen.insert((module.next_sequence(), module.tries_left()));
        },
    );
    assert_eq!(
        seen,
        BTreeSet::from([(0x101, 15), (0x102, 15), (0x102, 14)])
    );
}

#[test]
fn a_module_is_made_whole_or_not_at_all() {
    let chip = Chip::new(SIZE);
    let made = |chip: &Chip| SoftPsam::manufacture(Cells(chip.clone()), &profile());
    let (mut whole, mut none) = (0, 0);
    every_cut(
        &chip,
        |chip| {
            let _ = made(chip);
        },
        |cut, chip| match SoftPsam::power_up(Cells(chip.clone())) {
            Ok(module) => {
                whole += 1;
                assert_eq!(module.identity(), &profile().identity, "{cut:?}");
                assert_eq!(module.keys().count(), profile().keys.len(), "{cut:?}");
            }
            Err(_) => none += 1,
        },
    );
    assert!(whole > 0 && none > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is sent and whenever the power goes: sequences that were answered only rise.
    #[test]
    fn terminal_sequences_rise_over_any_power_cuts(
        lives in proptest::collection::vec((steps(), any::<[u8; 4]>()), 1..6),
    ) {
        let chip = Chip::new(SIZE);
        let profile = profile();
        drop(SoftPsam::manufacture(Cells(chip.clone()), &profile).expect("it fits"));
        let mut last = 0;
        for (steps, [write, kept, half, from_end]) in lives {
            chip.revive();
            let mut module = again(&chip);
            // The model only says which MAC2 is right.
            let mut model = told(&profile);
            model.next = module.next_sequence();
            prop_assert!(model.next > last);
            chip.arm(Cut {
                write: usize::from(write % 12),
                kept: usize::from(kept % 48),
                half: [Half::Old, Half::Mixed(half), Half::Garbage(half)][usize::from(half % 3)],
                from_end: from_end % 2 == 0,
            });
            let select = vec![0, 0xA4, 0, 0, 2, 0x80, 0x11, 0];
            model.apdu(&select);
            let mut torn = send(&mut module, &select).is_err();
            for step in &steps {
                let Some(command) = bytes_of(step, &model) else { continue };
                model.apdu(&command);
                let Ok(answer) = send(&mut module, &command) else {
                    torn = true;
                    break;
                };
                if command.get(1) == Some(&0x70) && answer.len() == 10 {
                    let number = u32::from_be_bytes(answer[..4].try_into().expect("four"));
                    prop_assert!(number > last, "{number} after {last}");
                    last = number;
                }
            }
            if torn {
                prop_assert!(send(&mut module, &[0, 0x84, 0, 0, 4]).is_err(), "dead is dead");
            }
        }
    }
}

#[test]
fn thousands_of_purchases_fit_a_small_memory() {
    let chip = Chip::new(SIZE);
    let mut module = SoftPsam::manufacture(Cells(chip.clone()), &profile()).expect("it fits");
    for expected in 0x101..0x101 + 3_000 {
        let answer = module.ask(&PsamRequest::Purchase(entry()));
        let Ok(PsamAnswer::Permit {
            terminal_sequence, ..
        }) = answer
        else {
            panic!("{answer:?}");
        };
        assert_eq!(terminal_sequence, expected);
    }
    drop(module);
    assert_eq!(again(&chip).next_sequence(), 0x101 + 3_000);
}

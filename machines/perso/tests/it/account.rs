//! Every module once, and none forgotten.

use proptest::prelude::*;
use tongtu_perso::{Account, AccountError, Count, Outcome, State};

use crate::fixture::{answer, batch, line, sender, serial};

fn digest(batch: &tongtu_perso::Batch) -> [u8; 32] {
    batch.write(&mut sender()).unwrap().1
}

#[test]
fn a_module_is_missing_until_it_is_made() {
    let batch = batch(7, 1..=3);
    let of = digest(&batch);
    let mut account = Account::default();
    account.order(&batch, of).unwrap();
    let lines = vec![
        line(1, 1, 0xA1, Outcome::Made),
        line(2, 2, 0xA2, Outcome::Spoiled),
    ];
    account.answer(&answer(&batch, of, lines)).unwrap();
    assert_eq!(
        account.count(),
        Count {
            ordered: 3,
            made: 1,
            missing: 2,
            spoiled_cards: 1
        }
    );
    let states: Vec<_> = account.modules().map(|(_, _, state)| state).collect();
    let made = |chip| State::Made { chip: [chip; 10] };
    let spoiled = State::Spoiled { cards: 1 };
    assert_eq!(states, [made(0xA1), spoiled, State::Ordered]);
    let lines = vec![
        line(2, 2, 0xA4, Outcome::Made),
        line(3, 3, 0xA5, Outcome::Made),
    ];
    account.answer(&answer(&batch, of, lines)).unwrap();
    assert_eq!(account.count().missing, 0);
    assert_eq!(account.state(serial(2)), Some(made(0xA4)));
    assert_eq!(account.state(serial(9)), None);
}

#[test]
fn no_number_is_ordered_twice() {
    let first = batch(7, 1..=3);
    let mut account = Account::default();
    account.order(&first, digest(&first)).unwrap();
    assert_eq!(
        account.order(&first, digest(&first)),
        Err(AccountError::BatchTwice { number: 7 })
    );
    let again = batch(8, 3..=5);
    assert_eq!(
        account.order(&again, digest(&again)),
        Err(AccountError::SerialTwice {
            serial: serial(3),
            number: 8,
            before: 7
        })
    );
    let mut terminal = batch(8, [4]);
    terminal.modules[0].identity.terminal = first.modules[1].identity.terminal;
    assert_eq!(
        account.order(&terminal, digest(&terminal)),
        Err(AccountError::TerminalTwice {
            terminal: first.modules[1].identity.terminal,
            number: 8,
            of: serial(2)
        })
    );
    assert_eq!(account.count().ordered, 3);
}

#[test]
fn an_answer_that_contradicts_the_account_changes_nothing() {
    let batch = batch(7, 1..=3);
    let of = digest(&batch);
    let mut account = Account::default();
    account.order(&batch, of).unwrap();
    let first = answer(&batch, of, vec![line(1, 1, 0xA1, Outcome::Made)]);
    account.answer(&first).unwrap();
    let with = |lines| answer(&batch, of, lines);
    let number = 7;
    let cases = [
        (first.clone(), AccountError::MadeTwice { serial: serial(1) }),
        (
            with(vec![
                line(2, 2, 0xB1, Outcome::Made),
                line(3, 3, 0xA1, Outcome::Made),
            ]),
            AccountError::ChipTwice {
                chip: [0xA1; 10],
                serial: serial(3),
                before: serial(1),
            },
        ),
        (
            with(vec![line(2, 3, 0xB1, Outcome::Made)]),
            AccountError::NotOrdered {
                serial: serial(3),
                at: 2,
                number,
            },
        ),
        (
            with(vec![line(4, 4, 0xB1, Outcome::Made)]),
            AccountError::NotOrdered {
                serial: serial(4),
                at: 4,
                number,
            },
        ),
        (
            answer(&batch, [0; 32], vec![line(2, 2, 0xB1, Outcome::Made)]),
            AccountError::NoBatch { number },
        ),
        (
            tongtu_perso::Answer {
                batch: 8,
                ..with(vec![line(2, 2, 0xB1, Outcome::Made)])
            },
            AccountError::Differs {
                what: "number",
                number,
            },
        ),
    ];
    for (answer, expected) in cases {
        assert_eq!(account.answer(&answer), Err(expected));
        assert_eq!(
            account.count(),
            Count {
                ordered: 3,
                made: 1,
                missing: 2,
                spoiled_cards: 0
            }
        );
    }
}

proptest! {
    /// Whatever a personaliser claims, every card is used once and no module is made twice.
    #[test]
    fn the_account_never_counts_a_card_or_a_module_twice(
        claims in prop::collection::vec((1_u8..6, 0_u8..8, any::<bool>()), 0..20)
    ) {
        let batch = batch(7, 1..=5);
        let of = digest(&batch);
        let mut account = Account::default();
        account.order(&batch, of).unwrap();
        // Written from the rule: a module that was made is closed, a card that was used is gone.
        let (mut made, mut used, mut wasted) = ([false; 6], [false; 8], 0);
        for (module, chip, is_made) in claims {
            let outcome = if is_made { Outcome::Made } else { Outcome::Spoiled };
            let lines = vec![line(u16::from(module), module, chip, outcome)];
            let taken = account.answer(&answer(&batch, of, lines)).is_ok();
            let (done, gone) = (&mut made[usize::from(module)], &mut used[usize::from(chip)]);
            prop_assert_eq!(taken, !*done && !*gone);
            if taken {
                *gone = true;
                *done = is_made;
                wasted += usize::from(!is_made);
            }
        }
        let made = made.iter().filter(|made| **made).count();
        prop_assert_eq!(account.count(), Count {
            ordered: 5,
            made,
            missing: 5 - made,
            spoiled_cards: wasted,
        });
    }
}

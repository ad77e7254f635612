//! Money is neither made nor lost: any sequence of payments, pre-authorisations, completions,
//! loads, early pull-aways and resets, against sums kept beside the card.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tongtu_apdu::StatusWord;
use tongtu_crypto::Algorithm;
use tongtu_ecash::command::{PutData, ReadRecord};
use tongtu_ecash::{CryptogramKind, tag, test_card};

use super::host::{Host, TRANSIT, money};

const RECORDS: [(u8, [u8; 2]); 2] = [(0x1A, [0x27, 0x01]), (0x1A, [0x27, 0x02])];
const CAP: i64 = 100_000;
const SINGLE: i64 = 2_000;
const OFFSET: i64 = 2_000;

#[derive(Debug, Clone)]
enum Step {
    Pay(i64),
    Composite { kind: u8, fen: i64, which: usize },
    Load(i64),
    Reset,
}

/// A step, and whether the card leaves the field before its last record.
fn steps() -> impl Strategy<Value = Vec<(Step, bool)>> {
    let fen = prop_oneof![4 => 0..600i64, 1 => 0..3_000i64];
    let step = prop_oneof![
        2 => fen.clone().prop_map(Step::Pay),
        6 => (1..=3u8, fen, 0..2usize)
            .prop_map(|(kind, fen, which)| Step::Composite { kind, fen, which }),
        1 => (0..CAP + 1_000).prop_map(Step::Load),
        1 => Just(Step::Reset),
    ];
    proptest::collection::vec((step, prop::bool::weighted(0.2)), 1..14)
}

/// The sums as a clerk would keep them.
#[derive(Debug, Clone)]
struct Sums {
    balance: i64,
    offset: i64,
    aside: BTreeMap<usize, i64>,
}

impl Sums {
    /// Takes `fen` out of the balance and, if allowed, the offset.
    fn take(&mut self, fen: i64, with_offset: bool) -> bool {
        let missing = (fen - self.balance).max(0);
        if missing > 0 && (!with_offset || self.offset + missing > OFFSET) {
            return false;
        }
        self.balance -= fen - missing;
        self.offset += missing;
        true
    }

    fn composite(&mut self, kind: u8, fen: i64, which: usize) -> Result<bool, StatusWord> {
        let aside = self.aside.get(&which).copied();
        match (kind, aside) {
            (2, Some(_)) => return Err(StatusWord::new(0x6972)),
            (3, None) => return Err(StatusWord::CONDITIONS),
            _ => {}
        }
        if fen > SINGLE {
            return Ok(false);
        }
        Ok(match kind {
            1 => self.take(fen, true),
            2 => {
                let holds = self.take(fen, false);
                if holds && fen > 0 {
                    self.aside.insert(which, fen);
                }
                holds
            }
            _ => {
                let aside = aside.unwrap_or(0);
                let back = (aside - fen).max(0).min(self.offset);
                self.offset -= back;
                self.balance += aside - back;
                let holds = self.take(fen, true);
                self.aside.remove(&which);
                holds
            }
        })
    }

    fn load(&mut self, to: i64) {
        let back = (to - self.balance).max(0).min(self.offset);
        self.offset -= back;
        self.balance = to - back;
    }
}

fn compare(host: &mut Host, sums: &Sums, step: &Step) -> Result<(), TestCaseError> {
    host.select();
    prop_assert_eq!(host.balance(), sums.balance, "{:?}", step);
    prop_assert_eq!(host.money_at(tag::OFFSET_USED), sums.offset, "{:?}", step);
    Ok(())
}

/// Plays a tap's records; `leaves` goes before the last.
fn finish(host: &mut Host, afl: &tongtu_ecash::Afl, leaves: bool) -> bool {
    let last = afl.last_record();
    for (sfi, number, _) in afl.records() {
        if leaves && Some((sfi, number)) == last {
            return false;
        }
        host.ask(&ReadRecord { sfi, number }).expect("a record");
    }
    true
}

fn play(host: &mut Host, sums: &mut Sums, step: &Step, leaves: bool) -> Result<(), TestCaseError> {
    match step {
        Step::Reset => host.card.reset(),
        Step::Pay(fen) => {
            let (answer, _) = host.begin(TRANSIT, *fen).expect("an answer");
            let mut after = sums.clone();
            let pays = *fen > 0 && *fen <= SINGLE && after.take(*fen, false);
            prop_assert_eq!(answer.afl.is_some(), pays, "{:?}", step);
            if let Some(afl) = answer.afl
                && finish(host, &afl, leaves)
            {
                *sums = after;
            }
        }
        Step::Composite { kind, fen, which } => {
            let place = RECORDS[*which];
            let mut after = sums.clone();
            let expected = after.composite(*kind, *fen, *which);
            let begun = host.begin_composite(*kind, *fen, place);
            let (answer, pays) = match (begun, expected) {
                (Err(sw), Err(expected)) => {
                    prop_assert_eq!(sw, expected, "{:?}", step);
                    return Ok(());
                }
                (Ok((answer, _)), Ok(pays)) => (answer, pays),
                (begun, expected) => {
                    return Err(TestCaseError::fail(format!(
                        "{step:?}: {begun:?} {expected:?}"
                    )));
                }
            };
            let kind = answer
                .tap
                .as_ref()
                .and_then(|tap| tap.kind().ok().flatten());
            prop_assert_eq!(kind == Some(CryptogramKind::Approved), pays, "{:?}", step);
            if let Some(afl) = answer.afl {
                let record = [&place.1[..], &[0x7D], &[7; 125]].concat();
                let key = test_card::file_key(place.0);
                host.update(key, place.0, &record).expect("cached");
                if finish(host, &afl, leaves) {
                    *sums = after;
                }
            }
        }
        Step::Load(to) => {
            let asked = host.go_online();
            let value = money(*to).encode().to_vec();
            let put = PutData {
                tag: tag::BALANCE,
                value,
                mac: [0; 4],
            };
            let sw = host.script(asked, &put);
            prop_assert_eq!(sw.is_ok(), *to <= CAP);
            if sw.is_ok() {
                sums.load(*to);
            }
        }
    }
    compare(host, sums, step)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_cards_sums_are_a_clerks(steps in steps()) {
        let mut host = Host::with(Algorithm::Sm4, |profile| profile.balance = money(3_000));
        let mut sums = Sums { balance: 3_000, offset: 0, aside: BTreeMap::new() };
        for (step, leaves) in &steps {
            play(&mut host, &mut sums, step, *leaves)?;
        }
    }
}

//! Power that goes at every write and byte: the counter, a payment, a composite payment, a
//! load, a PIN. EC-CAP-04.

use std::collections::BTreeMap;

use tongtu_apdu::{CardCommand as _, Command, StatusWord};
use tongtu_card::journal::ObjectId;
use tongtu_card::{Card, Torn};
use tongtu_crypto::Algorithm;
use tongtu_ecash::command::{
    GetProcessingOptions, GetTransProve, PutData, ReadRecord, UpdateCappCache, Verify,
};
use tongtu_ecash::{cryptogram, tag, test_card};
use tongtu_testkit::tear::{Chip, Cut, cuts};

use super::host::{Host, TRANSIT, blueprint, money};
use crate::tear::{Cells, Dice};

type TornHost = Host<Cells>;

/// A card on a chip that can die.
fn fresh(algorithm: Algorithm) -> Chip {
    let chip = Chip::new(24 * 1024);
    let mut dice = Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    let blueprint = blueprint(algorithm, |_| {});
    Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy).expect("room enough");
    chip
}

fn host(algorithm: Algorithm, chip: &Chip) -> TornHost {
    let card = Card::power_up(Cells(chip.clone())).expect("it comes up after any tear");
    let mut host = Host {
        card,
        dice: Dice::new(),
        algorithm,
    };
    host.select();
    host
}

fn objects(chip: &Chip) -> BTreeMap<ObjectId, Vec<u8>> {
    let card = Card::power_up(Cells(chip.clone())).expect("it comes up after any tear");
    let objects = card.nvm().objects();
    objects.map(|(id, value)| (id, value.to_vec())).collect()
}

/// Brings a card to a point and tears the next command at every byte of every write; `check`
/// sees the card with power again, and whether the command happened.
fn tear(
    algorithm: Algorithm,
    prepare: impl Fn(&mut TornHost) -> Command,
    mut check: impl FnMut(Cut, &mut TornHost, bool),
) {
    let before = fresh(algorithm);
    let run = |arm: Option<Cut>| {
        let chip = before.copy();
        let mut host = host(algorithm, &chip);
        let command = prepare(&mut host);
        let old = arm.is_none().then(|| objects(&chip));
        chip.revive();
        if let Some(cut) = arm {
            chip.arm(cut);
        }
        (chip, host.try_send(&command), old)
    };
    let (chip, answer, old) = run(None);
    assert_eq!(answer.map(|answer| answer.sw), Ok(StatusWord::OK));
    let (old, new) = (old.expect("asked for"), objects(&chip));
    assert_ne!(old, new, "the command changes something");

    let (mut kept, mut came) = (0, 0);
    for cut in cuts(&chip.writes()) {
        let (chip, answer, _) = run(Some(cut));
        assert_eq!(answer, Err(Torn), "{cut:?}");
        chip.revive();
        let found = objects(&chip);
        let happened = found == new;
        assert!(
            happened || found == old,
            "between old and new after {cut:?}"
        );
        if happened {
            came += 1;
        } else {
            kept += 1;
        }
        check(cut, &mut host(algorithm, &chip), happened);
    }
    assert!(kept > 0 && came > 0, "{kept} {came}");
}

/// Everything up to the last record of an approved tap; the last record's command.
fn up_to_last(host: &mut TornHost, afl: &tongtu_ecash::Afl) -> Command {
    let (sfi, number) = afl.last_record().expect("records");
    for (s, n, _) in afl.records().filter(|r| (r.0, r.1) != (sfi, number)) {
        host.ask(&ReadRecord { sfi: s, number: n })
            .expect("a record");
    }
    ReadRecord { sfi, number }.to_command()
}

#[test]
fn a_torn_counter_is_old_or_new_and_no_money_moves() {
    let prepare = |host: &mut TornHost| {
        let terminal = host.terminal(TRANSIT, 200);
        let values = test_card::profile(host.algorithm).pdol.fill(&terminal);
        GetProcessingOptions { values }.to_command()
    };
    tear(Algorithm::Sm4, prepare, |cut, host, happened| {
        assert_eq!(host.atc(), u16::from(happened), "{cut:?}");
        assert_eq!(host.balance(), 10_000);
        host.pay(TRANSIT, 200).expect("the next tap");
        assert_eq!(
            (host.atc(), host.balance()),
            (u16::from(happened) + 1, 9_800)
        );
    });
}

#[test]
fn a_torn_payment_is_proved_if_and_only_if_it_was_made() {
    let prepare = |host: &mut TornHost| {
        let (answer, _) = host.begin(TRANSIT, 200).expect("approved");
        up_to_last(host, &answer.afl.expect("records"))
    };
    let mut whole = host(Algorithm::Sm4, &fresh(Algorithm::Sm4));
    let paid = whole.pay(TRANSIT, 200).expect("approved");
    let cryptogram = paid.tap().cryptogram;
    tear(Algorithm::Sm4, prepare, |cut, host, happened| {
        let proof = host.ask(&GetTransProve { atc: 1 });
        let logged = host.ask(&ReadRecord {
            sfi: 0x0B,
            number: 1,
        });
        if happened {
            assert_eq!(
                proof,
                Ok(cryptogram),
                "{cut:?}: the same as would have been read"
            );
            assert_eq!(host.balance(), 9_800);
            logged.expect("in the log");
        } else {
            assert_eq!(proof, Err(StatusWord::NO_PROOF), "{cut:?}");
            assert_eq!(host.balance(), 10_000);
            assert_eq!(logged, Err(StatusWord::RECORD_NOT_FOUND));
        }
        assert_eq!(host.atc(), 1, "the counter was raised before");
    });
}

#[test]
fn a_torn_payment_with_rsa_is_whole_too() {
    let prepare = |host: &mut TornHost| {
        let (answer, _) = host.begin(TRANSIT, 200).expect("approved");
        up_to_last(host, &answer.afl.expect("records"))
    };
    tear(Algorithm::Tdes, prepare, |_, host, happened| {
        assert_eq!(host.balance(), if happened { 9_800 } else { 10_000 });
    });
}

#[test]
fn a_torn_composite_payment_moves_record_balance_and_proof_together() {
    const RAIL: (u8, [u8; 2]) = (0x1A, [0x27, 0x01]);
    let record: Vec<u8> = [&[0x27, 0x01, 0x7D][..], &[0x11; 125]].concat();
    let prepare = |host: &mut TornHost| {
        let (answer, _) = host.begin_composite(1, 300, RAIL).expect("approved");
        host.update(test_card::file_key(RAIL.0), RAIL.0, &record)
            .expect("cached");
        up_to_last(host, &answer.afl.expect("records"))
    };
    tear(Algorithm::Sm4, prepare, |cut, host, happened| {
        let read = host.read_capp(RAIL.0, RAIL.1).expect("there");
        assert_eq!(read == record, happened, "{cut:?}");
        assert_eq!(host.balance(), if happened { 9_700 } else { 10_000 });
        let proof = host.ask(&GetTransProve { atc: 1 });
        assert_eq!(proof.is_ok(), happened);
        if !happened {
            // The recovery transaction works.
            let (answer, terminal) = host.begin_composite(1, 300, RAIL).expect("approved");
            host.update(test_card::file_key(RAIL.0), RAIL.0, &record)
                .expect("cached");
            host.read_records(answer, terminal).expect("paid");
            assert_eq!(host.balance(), 9_700);
        }
    });
}

#[test]
fn a_cached_record_is_forgotten_with_the_power() {
    let mut host = Host::new(Algorithm::Sm4);
    let record: Vec<u8> = [&[0x27, 0x01, 0x7D][..], &[0x22; 125]].concat();
    host.begin_composite(1, 300, (0x1A, [0x27, 0x01]))
        .expect("approved");
    host.update(test_card::file_key(0x1A), 0x1A, &record)
        .expect("cached");
    host.card.reset();
    host.select();
    let late = UpdateCappCache {
        sfi: 0x1A,
        record: record.clone(),
        mac: [0; 4],
    };
    assert_eq!(host.ask(&late), Err(StatusWord::CONDITIONS));
    assert_ne!(host.read_capp(0x1A, [0x27, 0x01]), Ok(record));
}

#[test]
fn a_torn_load_moves_balance_and_log_together() {
    let prepare = |host: &mut TornHost| {
        let asked = host.go_online();
        let put = PutData {
            tag: tag::BALANCE,
            value: money(15_000).encode().to_vec(),
            mac: [0; 4],
        };
        host.scripted(asked, &put)
    };
    tear(Algorithm::Sm4, prepare, |cut, host, happened| {
        let expected = if happened { 15_000 } else { 10_000 };
        assert_eq!(host.balance(), expected, "{cut:?}");
        let logged = host.ask(&ReadRecord {
            sfi: 0x0C,
            number: 1,
        });
        assert_eq!(logged.is_ok(), happened);
    });
}

#[test]
fn a_torn_pin_check_costs_a_try_or_nothing() {
    let wrong = cryptogram::plain_pin_block(b"000000").expect("digits");
    let chip = fresh(Algorithm::Sm4);
    let before = chip.copy();
    let mut first = host(Algorithm::Sm4, &before);
    before.revive();
    let refused = first.ask(&Verify { block: wrong });
    assert_eq!(refused, Err(StatusWord::tries_left(2)));
    for cut in cuts(&before.writes()) {
        let chip = chip.copy();
        let mut host = host(Algorithm::Sm4, &chip);
        chip.arm(cut);
        let command = Verify { block: wrong }.to_command();
        assert_eq!(
            host.try_send(&command),
            Err(Torn),
            "{cut:?}: no answer tells it"
        );
        chip.revive();
        let mut host = self::host(Algorithm::Sm4, &chip);
        let left = host.get(tag::PIN_TRIES).expect("9F17");
        assert!(left == [2] || left == [3], "{cut:?}: {left:?}");
    }
}

//! `tongtu card load` and `tongtu card pay`, and a card whose process is killed while it pays.

use std::path::Path;

use tongtu_apdu::select::{E_PURSE, Select};
use tongtu_apdu::{CardCommand, Response, StatusWord};
use tongtu_crypto::Algorithm;
use tongtu_purse::command::{
    BalanceKind, Debit, GetBalance, GetProof, InitPurchase, ReadRecord, RecordBy, Sfi,
};
use tongtu_purse::field::{Amount, DateTime, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::Transaction;
use tongtu_purse::profile::test_keys;
use tongtu_purse::proof::purchase_session;

use crate::card_serve::Served;
use crate::run::{Ran, folder, tongtu_in};

fn tongtu(folder: &Path, args: &[&str]) -> Ran {
    let args = [
        args,
        &["--state", "a.card", "--now", "2026-03-02T08:00:00+08:00"],
    ]
    .concat();
    tongtu_in(folder, &args, b"", &[])
}

/// A folder with a card of a profile, loaded with 50.00.
fn loaded(name: &str, profile: &str) -> std::path::PathBuf {
    let folder = folder(name);
    Served::start(&folder, "a.card", &["--profile", profile]).end();
    let ran = tongtu(&folder, &["card", "load", "--amount", "50"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    folder
}

#[test]
fn money_goes_on_and_off_with_every_code_checked() {
    for (profile, key, algorithm) in [
        ("default", "1", "3DES"),
        ("sm4", "1", "SM4"),
        ("dual", "3", "SM4"),
    ] {
        let folder = loaded(&format!("card-pay-{profile}"), profile);
        let ran = tongtu(
            &folder,
            &["--json", "card", "pay", "--amount", "2", "--key", key],
        );
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let answer = ran.json();
        let receipt = &answer["receipt"];
        assert_eq!(
            (
                &receipt["balance_before_fen"],
                &receipt["balance_after_fen"],
                &receipt["algorithm"]
            ),
            (&5000.into(), &4800.into(), &algorithm.into())
        );
        assert_eq!(receipt["recovered"], false);
    }
}

#[test]
fn a_tap_of_the_e_cash_pays_and_verifies_under_both_kinds_of_signature() {
    for (profile, signature) in [("default", "RSA"), ("sm4", "SM2")] {
        let folder = loaded(&format!("card-cash-{profile}"), profile);
        let pay = |amount| {
            tongtu(
                &folder,
                &["--json", "card", "pay", "--cash", "--amount", amount],
            )
        };
        let ran = pay("3");
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let receipt = &ran.json()["receipt"];
        assert_eq!(
            (&receipt["balance_after_fen"], &receipt["signature"]),
            (&9700.into(), &signature.into())
        );
        // More than the card gives in one payment.
        let ran = pay("21");
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("does not pay offline"), "{}", ran.err);
        let read = tongtu(&folder, &["--json", "card", "read"]).json();
        let cash = &read["cashes"][0];
        assert_eq!(cash["balance_fen"], 9700);
        let log = cash["log"].as_array().unwrap();
        assert_eq!(
            (log.len(), &log[0]["amount_fen"]),
            (1, &300.into()),
            "{cash}"
        );
    }
}

#[test]
fn a_ride_is_an_entry_and_an_exit_and_nothing_else() {
    let folder = loaded("card-ride", "default");
    let exit = [
        "card",
        "pay",
        "--exit",
        "--amount",
        "4",
        "--station",
        "0107",
    ];
    let ran = tongtu(&folder, &exit);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("the rider is not inside") && ran.err.contains("--entry"),
        "{}",
        ran.err
    );
    assert_eq!(tongtu(&folder, &["card", "pay", "--entry"]).code, 0);
    let ran = tongtu(&folder, &["card", "pay", "--entry"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("inside already") && ran.err.contains("--exit"),
        "{}",
        ran.err
    );
    assert_eq!(tongtu(&folder, &exit).code, 0);
    let read = tongtu(&folder, &["card", "read", "--json"]).json();
    let purse = &read["purses"][0];
    assert_eq!(purse["balance_fen"], 4600);
    let trips = purse["trips"].as_array().unwrap();
    let trips: Vec<_> = trips
        .iter()
        .map(|trip| (&trip["kind"]["en"], &trip["balance_fen"]))
        .collect();
    assert_eq!(
        trips,
        [
            (&"exit".into(), &4600.into()),
            (&"entry".into(), &5000.into())
        ]
    );
    let rail = &purse["composites"][0];
    assert_eq!(
        (&rail["what"], &rail["state"]["en"]),
        (&"rail".into(), &"exited".into())
    );
}

#[test]
fn a_lost_answer_is_recovered_by_proof_and_an_unpaid_one_is_refused() {
    let folder = loaded("card-lost", "default");
    for (verb, amount) in [("pay", "2"), ("load", "10")] {
        let ran = tongtu(
            &folder,
            &["card", verb, "--amount", amount, "--lose-answer"],
        );
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("the answer is lost\n"), "{}", ran.out);
        assert!(
            ran.out.contains(" verified\n") && ran.out.ends_with("recovered by proof\n"),
            "{}",
            ran.out
        );
    }
    let ran = tongtu(&folder, &["card", "pay", "--amount", "2000"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("9401, ") && ran.err.contains("`tongtu card load`"),
        "{}",
        ran.err
    );
    let ran = tongtu(&folder, &["card", "pay", "--amount", "2", "--key", "9"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("9403"), "{}", ran.err);
}

/// One command at the reader of a running card; `None` when its process is gone.
fn ask<C: CardCommand>(served: &mut Served, command: &C) -> Option<Result<C::Answer, StatusWord>> {
    let apdu = command.to_command().encode().unwrap();
    let answer = served.transmit(&apdu).ok()?;
    let response = Response::parse(&answer).unwrap();
    Some(if response.sw.is_ok() {
        Ok(C::answer(&response.data).unwrap())
    } else {
        Err(response.sw)
    })
}

const TERMINAL: Terminal = Terminal([0x10, 0, 0, 0, 0, 0x01]);
const AT: DateTime = DateTime([0x20, 0x26, 0x03, 0x02, 0x08, 0, 0]);
const FARE: Amount = Amount::new(100);

fn debit_of(served: &mut Served, terminal_sequence: u32) -> Option<(u16, Debit)> {
    ask(served, &Select::by_name(E_PURSE.as_bytes()))?.unwrap();
    let init = InitPurchase {
        key: 1,
        amount: FARE,
        terminal: TERMINAL,
    };
    let begun = ask(served, &init)?.unwrap();
    let key = test_keys(Algorithm::Tdes).key(KeyUse::Purchase, 1).unwrap();
    let session = purchase_session(&key, begun.random, begun.sequence, terminal_sequence);
    let mac1 = init.deal().purchase_mac1(&session, AT);
    Some((
        begun.sequence,
        Debit {
            terminal_sequence,
            at: AT,
            mac1,
        },
    ))
}

/// Balance, and the sequence of the newest transaction record.
fn books(served: &mut Served) -> (i64, u16) {
    ask(served, &Select::by_name(E_PURSE.as_bytes()))
        .unwrap()
        .unwrap();
    let balance = ask(
        served,
        &GetBalance {
            kind: BalanceKind::Real,
        },
    )
    .unwrap()
    .unwrap();
    let record = ReadRecord {
        sfi: Sfi::TRANSACTIONS,
        record: RecordBy::Number(1),
        le: tongtu_apdu::Le::ALL,
    };
    let record = ask(served, &record).unwrap().unwrap();
    (
        balance.fen().get(),
        Transaction::decode(&record).unwrap().sequence,
    )
}

#[test]
fn a_card_that_is_killed_while_it_pays_has_paid_or_has_not() {
    const ROUNDS: u32 = 25;
    let folder = loaded("card-kill", "default");
    let (mut balance, mut sequence) = (5000_i64, 0_u16);
    let (mut paid, mut unpaid) = (0, 0);
    // How long to wait before the kill, in turns of a loop; grows until the card is faster.
    let mut patience = 1_u64;
    for round in 0..ROUNDS {
        let mut served = Served::start(&folder, "a.card", &[]);
        served.power_on();
        // Some purchases that are heard to their end, then one that is cut short.
        for heard in 0..round % 3 {
            let (before, debit) = debit_of(&mut served, round * 8 + heard).unwrap();
            assert_eq!(before, sequence);
            ask(&mut served, &debit).unwrap().unwrap();
            balance -= 100;
            sequence += 1;
        }
        let (before, debit) = debit_of(&mut served, round * 8 + 7).unwrap();
        assert_eq!(before, sequence);
        match round {
            // The two ends: killed before it hears, and after it answered.
            0 => {}
            1 => drop(ask(&mut served, &debit).unwrap().unwrap()),
            _ => {
                served.send_only(&debit.to_command().encode().unwrap());
                for turn in 0..patience {
                    std::hint::black_box(turn);
                }
            }
        }
        served.end();

        let mut served = Served::start(&folder, "a.card", &[]);
        served.power_on();
        let (found_balance, found_sequence) = books(&mut served);
        let proof = GetProof {
            kind: InitPurchase::KIND,
            sequence: sequence + 1,
        };
        match ask(&mut served, &proof).unwrap() {
            Ok(_) => {
                balance -= 100;
                sequence += 1;
                paid += 1;
                assert_eq!(found_sequence, sequence, "round {round}");
                patience = (patience / 2).max(1);
            }
            Err(sw) => {
                assert_eq!(sw, StatusWord::NO_PROOF, "round {round}");
                unpaid += 1;
                patience = patience.saturating_mul(3).min(100_000_000);
            }
        }
        assert_eq!(found_balance, balance, "round {round}");
        served.end();
    }
    assert!(paid > 0 && unpaid > 0, "{paid} paid, {unpaid} not");
}

#[test]
fn a_load_beyond_the_highest_balance_is_told_of_it() {
    let folder = loaded("card-load-cap", "default");
    let ran = tongtu(&folder, &["card", "load", "--amount", "950.01"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.err.contains("highest balance"), "{}", ran.err);
    let ran = tongtu(&folder, &["card", "load", "--amount", "950", "--key", "9"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(!ran.err.contains("highest balance"), "{}", ran.err);
    let ran = tongtu(&folder, &["card", "load", "--amount", "950"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn a_load_of_the_e_cash_is_asked_online_and_set_by_script() {
    for (profile, algorithm) in [("default", "3DES"), ("sm4", "SM4")] {
        let folder = loaded(&format!("card-cash-load-{profile}"), profile);
        let load = |amount, more: &[&str]| {
            let args = ["card", "load", "--cash", "--amount", amount];
            tongtu(&folder, &[&args, more].concat())
        };
        let ran = load("50", &["--json"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let answer = ran.json();
        assert_eq!(answer["test"], true);
        let receipt = &answer["receipt"];
        assert_eq!(
            (
                &receipt["balance_before_fen"],
                &receipt["balance_after_fen"],
                &receipt["balance_limit_fen"],
                &receipt["algorithm"]
            ),
            (
                &10_000.into(),
                &15_000.into(),
                &100_000.into(),
                &algorithm.into()
            )
        );
        let commands: Vec<_> = answer["steps"].as_array().unwrap().iter().collect();
        let commands: Vec<_> = commands
            .iter()
            .map(|step| (step["command"].as_str().unwrap(), &step["status"]))
            .collect();
        let ok = &"9000".into();
        let (get, options) = ("GET DATA", "GET PROCESSING OPTIONS");
        let expected = [
            "SELECT",
            get,
            get,
            options,
            "EXTERNAL AUTHENTICATE",
            "PUT DATA",
            get,
        ];
        assert_eq!(commands, expected.map(|command| (command, ok)));

        // Nothing is asked of the card when it has no room.
        let ran = load("850.01", &[]);
        assert_eq!(ran.code, 1, "{}", ran.out);
        for wanted in ["balance limit of 1000.00", "at most 850.00 can be loaded"] {
            assert!(ran.err.contains(wanted), "{}", ran.err);
        }
        let ran = load("850", &[]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        for code in ["ARQC ", "IAD MAC "] {
            let verified =
                |line: &str| line.trim().starts_with(code) && line.ends_with(" verified");
            assert!(ran.out.lines().any(verified), "{code} {}", ran.out);
        }
        assert!(
            ran.out.ends_with(": 850.00, balance 150.00 → 1000.00\n"),
            "{}",
            ran.out
        );
        let ran = load("1", &["--lang", "zh"]);
        assert_eq!(ran.code, 1, "{}", ran.out);
        assert!(ran.err.contains("余额上限 1000.00"), "{}", ran.err);
        let ran = tongtu(&folder, &["--json", "card", "read"]).json();
        assert_eq!(ran["cashes"][0]["balance_fen"], 100_000);
    }
}

#[test]
fn a_card_without_an_e_cash_says_how_to_get_one() {
    let folder = folder("card-cash-none");
    let ran = tongtu_in(&folder, &["card", "perso", "--state", "a.card"], b"", &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = tongtu(&folder, &["card", "load", "--cash", "--amount", "1"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(
        ran.err.contains("6A82") && ran.err.contains("--cash"),
        "{}",
        ran.err
    );
}

//! Taps: EC-SEL, EC-GPO, EC-REC, EC-ODA, EC-DAT, EC-LOG.

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_card::Card;
use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_crypto::Algorithm;
use tongtu_ecash::command::{GetProcessingOptions, GetTransProve, ReadRecord};
use tongtu_ecash::oda::{Layer, OdaError};
use tongtu_ecash::{CryptogramKind, CvrFlag, Dol, Iad, log, tag, test_card};
use tongtu_types::Fen;

use super::host::{BOTH, Host, SHOP, SHOP_ONLINE, TRANSIT, money};

#[test]
fn ec_sel_01_the_fci_names_application_pdol_logs_and_transport_data() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (fci, sw) = host.select();
        assert_eq!(sw, StatusWord::OK);
        assert_eq!(fci.name, tongtu_apdu::select::E_CASH.as_bytes());
        assert_eq!(fci.pdol, Some(test_card::profile(algorithm).pdol));
        let issuer = fci.discretionary.expect("BF0C");
        assert_eq!(issuer.log.map(|log| log.bytes()), Some([0x0B, 10]));
        assert_eq!(issuer.load_log.map(|log| log.bytes()), Some([0x0C, 10]));
        assert_eq!(issuer.transport.map(|t| t.city), Some([0x10, 0x00]));
    }
}

#[test]
fn ec_gpo_01_an_offline_tap_is_approved_and_debits_at_its_last_record() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let atc = host.atc();
        let tapped = host.pay(SHOP, 200).expect("approved");
        let tap = tapped.tap();
        assert_eq!(tap.kind(), Ok(Some(CryptogramKind::Approved)));
        assert_eq!(tap.atc, atc + 1);
        assert_eq!(tap.available, Some(money(9_800)));
        assert!(tap.balances_agree());
        assert_eq!(host.balance(), 9_800);
        assert_eq!(host.money_at(tag::AVAILABLE), 9_800);
        assert!(host.issuer_believes(
            &host.heard(&tapped.terminal),
            tapped.answer.aip,
            tap.atc,
            &tap.iad,
            &tap.cryptogram
        ));
    }
}

/// One tap a row: TTQ, amount, currency, balance before; what the card says; balance after.
const DECISIONS: &str = "
    26000000    200  0156  10000   TC    9800
    28000000    200  0156  10000   TC    9800
    26000000   2000  0156  10000   TC    8000
    26000000   2001  0156  10000   ARQC 10000
    28000000   2001  0156  10000   AAC  10000
    26000000    200  0156    100   ARQC   100
    28000000    200  0156    100   AAC    100
    26000000    200  0156    200   TC       0
    26800000    200  0156  10000   ARQC 10000
    28800000    200  0156  10000   AAC  10000
    26000000    200  0840  10000   ARQC 10000
    28000000    200  0840  10000   AAC  10000
    26000000      0  0156  10000   ARQC 10000
    28000000      0  0156  10000   AAC  10000
";

#[test]
fn ec_gpo_02_to_06_the_card_decides_by_table() {
    for algorithm in BOTH {
        for row in DECISIONS
            .lines()
            .map(str::trim)
            .filter(|row| !row.is_empty())
        {
            let words: Vec<&str> = row.split_whitespace().collect();
            let hex = |text| tongtu_codec::hex_decode(text).expect("hex");
            let fen = |text: &str| text.parse::<i64>().expect("fen");
            let mut host = Host::with(algorithm, |profile| profile.balance = money(fen(words[3])));
            let ttq = hex(words[0]).try_into().expect("four bytes");
            let mut terminal = host.terminal(ttq, fen(words[1]));
            terminal.insert(tag::CURRENCY, hex(words[2]));
            let atc = host.atc();
            let answer = host.options(&terminal).expect(row);
            let tap = answer.tap.clone().expect("a tap");
            let kind = match tap.kind() {
                Ok(Some(CryptogramKind::Approved)) => "TC",
                Ok(Some(CryptogramKind::Online)) => "ARQC",
                Ok(Some(CryptogramKind::Declined)) => "AAC",
                other => panic!("{row}: {other:?}"),
            };
            assert_eq!(kind, words[4], "{row}");
            assert_eq!(answer.afl.is_some(), kind == "TC", "{row}");
            assert_eq!(
                tap.available.map(|a| a.fen()),
                Some(Fen::new(fen(words[5]))),
                "{row}"
            );
            if kind == "TC" {
                host.read_records(answer, terminal).expect(row);
            }
            assert_eq!(host.balance(), fen(words[5]), "{row}");
            assert_eq!(
                host.atc(),
                atc + 1,
                "{row}: every GPO costs a counter value"
            );
        }
    }
}

#[test]
fn ec_gpo_07_a_wrong_length_is_refused_and_costs_nothing() {
    let mut host = Host::new(Algorithm::Tdes);
    let atc = host.atc();
    for len in [0, 14, 16] {
        let answer = host.ask(&GetProcessingOptions {
            values: vec![0; len],
        });
        assert_eq!(answer.err(), Some(StatusWord::WRONG_LENGTH), "{len}");
    }
    for apdu in ["80A8000002840000", "80A8000003830200", "80A8000000"] {
        assert_eq!(host.hex(apdu).sw, StatusWord::WRONG_DATA, "{apdu}");
    }
    let mut terminal = host.terminal(SHOP, 200);
    terminal.insert(tag::AMOUNT, vec![0, 0, 0, 0, 0x0A, 0]);
    assert_eq!(host.options(&terminal).err(), Some(StatusWord::WRONG_DATA));
    assert_eq!(host.atc(), atc);
    host.pay(SHOP, 200).expect("the card still pays");
}

#[test]
fn ec_gpo_08_a_second_time_needs_a_new_selection() {
    let mut host = Host::new(Algorithm::Tdes);
    let (_, terminal) = host.begin(SHOP, 200).expect("approved");
    let atc = host.atc();
    assert_eq!(host.options(&terminal).err(), Some(StatusWord::CONDITIONS));
    assert_eq!(host.atc(), atc);
    host.pay(SHOP, 200).expect("after a selection");
}

#[test]
fn ec_gpo_09_at_the_end_of_the_counter_the_application_blocks_itself() {
    // Sixty-five thousand taps take a minute, so the counter is preset in the journal.
    let mut host = Host::new(Algorithm::Sm4);
    let mut nvm = Nvm::open(host.card.power_down()).expect("the card's own");
    // Number 2 is the first application; its first object begins with the counter.
    let counters = ObjectId::new(2, 1);
    let mut value = nvm.get(counters).expect("counters").to_vec();
    value[..2].copy_from_slice(&0xFFFEu16.to_be_bytes());
    let mut batch = Batch::default();
    batch.put(counters, value);
    nvm.commit(batch).expect("room");
    host.card = Card::power_up(nvm.into_memory()).expect("it comes up");
    host.pay(TRANSIT, 200).expect("the last tap of its life");
    assert_eq!(host.atc(), u16::MAX);
    assert_eq!(host.begin(SHOP, 200).err(), Some(StatusWord::CONDITIONS));
    assert_eq!(host.atc(), u16::MAX);
    assert_eq!(host.select().1, StatusWord::BLOCKED_FILE);
    assert_eq!(host.balance(), 9_800);
}

#[test]
fn ec_rec_01_a_card_that_leaves_before_the_last_record_paid_nothing() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (answer, _) = host.begin(TRANSIT, 200).expect("approved");
        let atc = host.atc();
        let afl = answer.afl.expect("records");
        let last = afl.last_record();
        for (sfi, number, _) in afl.records().filter(|r| Some((r.0, r.1)) != last) {
            host.ask(&ReadRecord { sfi, number }).expect("a record");
        }
        host.select();
        assert_eq!(host.balance(), 10_000);
        assert_eq!(host.atc(), atc, "the counter is not rolled back");
        assert_eq!(host.ask(&GetTransProve { atc }), Err(StatusWord::NO_PROOF));
        host.card.reset();
        host.select();
        assert_eq!(host.balance(), 10_000);
    }
}

#[test]
fn the_last_record_debits_once_and_may_be_read_again() {
    let mut host = Host::new(Algorithm::Tdes);
    let tapped = host.pay(TRANSIT, 200).expect("approved");
    let (sfi, number) = tapped
        .answer
        .afl
        .as_ref()
        .and_then(|a| a.last_record())
        .expect("AFL");
    let again = host
        .ask(&ReadRecord { sfi, number })
        .expect("the same record");
    assert!(
        again
            .windows(8)
            .any(|w| Some(w) == tapped.card.get(&tag::CARD_AUTHENTICATION).map(|v| &v[..]))
    );
    assert_eq!(host.balance(), 9_800);
    let proof = host.ask(&GetTransProve {
        atc: tapped.tap().atc,
    });
    assert_eq!(proof, Ok(tapped.tap().cryptogram));
}

#[test]
fn ec_rec_02_and_ec_oda_the_records_prove_the_tap() {
    for algorithm in BOTH {
        for ttq in [TRANSIT, SHOP] {
            let mut host = Host::new(algorithm);
            let tapped = host.pay(ttq, 200).expect("approved");
            let card = tapped.verify();
            let card = card.unwrap_or_else(|error| panic!("{algorithm:?}: {error}"));
            assert_eq!(card.number[..3], [0x62, 0x17, 0x00]);
            for tag in [
                tag::PAN,
                tag::EXPIRY,
                tag::EFFECTIVE,
                tag::TRACK2,
                tag::CA_INDEX,
            ] {
                assert!(tapped.card.contains_key(&tag), "{tag}");
            }
            let index = match algorithm {
                Algorithm::Tdes => test_card::RSA_INDEX,
                Algorithm::Sm4 => test_card::SM2_INDEX,
            };
            assert_eq!(tapped.card[&tag::CA_INDEX], [index]);
        }
    }
}

#[test]
fn ec_oda_03_a_changed_record_and_another_tap_are_not_believed() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let mut tapped = host.pay(TRANSIT, 200).expect("approved");
        tapped.static_data[5] ^= 1;
        assert_eq!(
            tapped.verify(),
            Err(OdaError::Signature { layer: Layer::Card })
        );
        tapped.static_data[5] ^= 1;
        tapped
            .terminal
            .insert(tag::AMOUNT, money(100).encode().to_vec());
        assert_eq!(
            tapped.verify(),
            Err(OdaError::Signature {
                layer: Layer::Dynamic
            })
        );
    }
}

#[test]
fn signatures_and_cryptograms_are_new_at_each_tap() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let first = host.pay(TRANSIT, 100).expect("approved");
        let second = host.pay(TRANSIT, 100).expect("approved");
        for tag in [tag::SIGNED_DYNAMIC, tag::CARD_AUTHENTICATION] {
            assert_ne!(first.card[&tag], second.card[&tag], "{tag}");
        }
        assert_ne!(first.tap().cryptogram, second.tap().cryptogram);
    }
}

#[test]
fn ec_dat_01_and_02_elements_are_given_out_and_others_are_not() {
    let mut host = Host::new(Algorithm::Tdes);
    for (tag, hex) in [
        (tag::BALANCE, "000000010000"),
        (tag::BALANCE_CAP, "000000100000"),
        (tag::SINGLE_LIMIT, "000000002000"),
        (tag::RESET_THRESHOLD, "000000001000"),
        (tag::APP_CURRENCY, "0156"),
        (tag::ATC, "0000"),
        (tag::OFFSET_USED, "000000000000"),
        (tag::OFFSET_LIMIT, "000000002000"),
    ] {
        let value = host.get(tag).expect("an element of the card");
        assert_eq!(tongtu_codec::hex_encode(&value), hex, "{tag}");
    }
    let format = host.get(tag::LOG_FORMAT).expect("9F4F");
    assert_eq!(Dol::parse(&format), Ok(log::usual_format()));
    // Unknown, no whole tag, keys, a record's element, the AIP.
    for hidden in [
        "80CA9F1500",
        "80CA9F9900",
        "80CA800000",
        "80CA005A00",
        "80CA820400",
    ] {
        assert_eq!(
            host.hex(hidden).sw,
            StatusWord::REFERENCE_NOT_FOUND,
            "{hidden}"
        );
    }
}

#[test]
fn ec_log_01_the_log_keeps_ten_payments_newest_first() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        for fen in 1..=12 {
            host.pay(TRANSIT, fen).expect("approved");
        }
        let format = Dol::parse(&host.get(tag::LOG_FORMAT).expect("9F4F")).expect("a list");
        for number in 1..=10u8 {
            let record = host
                .ask(&ReadRecord { sfi: 0x0B, number })
                .expect("ten records");
            let values = format.split(&record).expect("by 9F4F");
            let expected = 13 - i64::from(number);
            assert_eq!(values[&tag::AMOUNT], money(expected).encode());
            assert_eq!(values[&tag::ATC], [0, 13 - number]);
        }
        let eleventh = host.ask(&ReadRecord {
            sfi: 0x0B,
            number: 11,
        });
        assert_eq!(eleventh, Err(StatusWord::RECORD_NOT_FOUND));
        let refused = host.begin(TRANSIT, 2_001).expect("declined");
        assert!(refused.0.afl.is_none());
        let record = host
            .ask(&ReadRecord {
                sfi: 0x0B,
                number: 1,
            })
            .expect("the same");
        assert_eq!(
            format.split(&record).expect("by 9F4F")[&tag::AMOUNT],
            money(12).encode()
        );
    }
}

#[test]
fn a_wrong_le_is_said_before_the_debit() {
    let mut host = Host::new(Algorithm::Sm4);
    let (answer, _) = host.begin(TRANSIT, 200).expect("approved");
    let (sfi, number) = answer
        .afl
        .and_then(|afl| afl.last_record())
        .expect("records");
    let mut command = ReadRecord { sfi, number }.to_command().with_le(5);
    let sw = host.send(&command).sw;
    assert_eq!(sw.bytes()[0], 0x6C);
    assert_eq!(host.balance(), 10_000);
    command = command.with_le(sw.bytes()[1]);
    assert_eq!(host.send(&command).sw, StatusWord::OK);
    assert_eq!(host.balance(), 9_800);
}

#[test]
fn two_channels_do_not_spend_one_balance_twice() {
    let mut host = Host::new(Algorithm::Sm4);
    let (first, _) = host.begin(TRANSIT, 300).expect("approved");
    assert_eq!(host.hex("0070000000").data, [1]);
    assert_eq!(host.hex("01A4040008A000000632010106").sw, StatusWord::OK);
    let terminal = host.terminal(TRANSIT, 500);
    let values = test_card::profile(host.algorithm).pdol.fill(&terminal);
    let mut options = GetProcessingOptions { values }.to_command();
    options.cla |= 1;
    assert_eq!(host.send(&options).sw, StatusWord::OK);
    let (sfi, number) = first
        .afl
        .and_then(|afl| afl.last_record())
        .expect("records");
    let last = ReadRecord { sfi, number }.to_command();
    assert_eq!(host.send(&last).sw, StatusWord::CONDITIONS, "overtaken");
    let mut other = last;
    other.cla |= 1;
    assert_eq!(host.send(&other).sw, StatusWord::OK);
    assert_eq!(host.balance(), 9_500);
}

#[test]
fn the_verification_results_remember() {
    let mut host = Host::new(Algorithm::Sm4);
    let cvr = |host: &mut Host, ttq| {
        let (answer, _) = host.begin(ttq, 200).expect("an answer");
        Iad::parse(&answer.tap.expect("a tap").iad)
            .expect("the card's own")
            .cvr
    };
    let first = cvr(&mut host, SHOP_ONLINE);
    assert!(first.has(CvrFlag::NewCard) && !first.has(CvrFlag::LastOnlineUnfinished));
    let second = cvr(&mut host, SHOP);
    assert!(second.has(CvrFlag::LastOnlineUnfinished) && second.has(CvrFlag::DdaPerformed));
    host.go_online();
    let third = cvr(&mut host, SHOP);
    assert!(!third.has(CvrFlag::NewCard) && !third.has(CvrFlag::LastOnlineUnfinished));
}

#[test]
fn an_ecash_that_was_never_personalised_cannot_be_selected() {
    let mut blueprint = super::host::blueprint(Algorithm::Tdes, |_| {});
    blueprint.applications[0].groups.clear();
    let mut entropy = |out: &mut [u8]| out.fill(7);
    let card = Card::manufacture(tongtu_card::RamMemory::default(), &blueprint, &mut entropy);
    let mut card = card.expect("installed, not personalised");
    let mut env = tongtu_card::Env {
        entropy: &mut entropy,
        interface: tongtu_card::Interface::Contact,
    };
    let answer = card.transmit(
        &mut env,
        &tongtu_codec::hex_decode("00A4040008A000000632010106").expect("hex"),
    );
    assert_eq!(answer.expect("power"), [0x69, 0x85]);
}

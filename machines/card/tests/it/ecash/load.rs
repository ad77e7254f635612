//! Online transactions and issuer scripts: EC-LOD, EC-BLK, EC-PIN.

use tongtu_apdu::StatusWord;
use tongtu_crypto::Algorithm;
use tongtu_ecash::command::{
    ApplicationBlock, ApplicationUnblock, GetTransProve, InternalAuthenticate, PinChange,
    PinChangeKind, PutData, ReadRecord, UpdateRecord, Verify,
};
use tongtu_ecash::log::{self, LoadRecord};
use tongtu_ecash::{CryptogramKind, CvrFlag, Dol, Iad, cryptogram, oda, tag, test_card};

use super::host::{Asked, BOTH, Host, SHOP, SHOP_ONLINE, TRANSIT, money};

fn put_balance(fen: i64) -> PutData {
    PutData {
        tag: tag::BALANCE,
        value: money(fen).encode().to_vec(),
        mac: [0; 4],
    }
}

#[test]
fn ec_lod_01_a_load_by_script_sets_the_balance_and_is_logged() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (asked, ac, terminal) = host.ask_issuer();
        assert_eq!(ac.cid.kind(), Some(CryptogramKind::Online));
        let mut said = terminal.clone();
        said.insert(tag::TERMINAL_COUNTRY, vec![0, 0]);
        let aip = tongtu_ecash::Aip([0x7C, 0]);
        assert!(host.issuer_believes(&said, aip, ac.atc, &ac.iad, &ac.cryptogram));
        let answer = host.answer_of_issuer(asked);
        host.ask(&answer).expect("authentic");
        let tc = host
            .second_ac(CryptogramKind::Approved, &terminal)
            .expect("a TC");
        assert_eq!(tc.cid.kind(), Some(CryptogramKind::Approved));
        assert_eq!(host.script(asked, &put_balance(15_000)), StatusWord::OK);
        assert_eq!(host.balance(), 15_000);

        let format = Dol::parse(&host.get(tag::LOAD_LOG_FORMAT).expect("DF4F")).expect("a list");
        assert_eq!(format, log::usual_load_format());
        let record = host
            .ask(&ReadRecord {
                sfi: 0x0C,
                number: 1,
            })
            .expect("logged");
        let record = LoadRecord::parse(&format, &record).expect("by DF4F");
        assert_eq!(
            (record.before, record.after),
            (money(10_000), money(15_000))
        );
        assert_eq!(record.values[&tag::DATE], [0x26, 0x11, 0x22]);
        assert_eq!(record.values[&tag::ATC], asked.atc.to_be_bytes());
    }
}

#[test]
fn ec_lod_02_a_wrong_mac_changes_nothing_and_is_remembered() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let asked = host.go_online();
        let mut command = host.scripted(asked, &put_balance(15_000));
        let last = command.data.len() - 1;
        command.data[last] ^= 1;
        assert_eq!(host.send(&command).sw, StatusWord::SM_INCORRECT);
        assert_eq!(host.balance(), 10_000);
        // One wrong MAC ends the scripts of this transaction.
        assert_eq!(
            host.script(asked, &put_balance(15_000)),
            StatusWord::SECURITY_STATUS
        );
        let (answer, _) = host.begin(SHOP, 200).expect("a tap");
        let iad = Iad::parse(&answer.tap.expect("a tap").iad).expect("the card's own");
        assert!(iad.cvr.has(CvrFlag::ScriptFailed));
    }
}

#[test]
fn ec_lod_03_a_load_above_the_cap_is_refused() {
    let mut host = Host::new(Algorithm::Tdes);
    let asked = host.go_online();
    assert_eq!(
        host.script(asked, &put_balance(100_001)),
        StatusWord::WRONG_DATA
    );
    assert_eq!(host.balance(), 10_000);
    assert_eq!(host.script(asked, &put_balance(100_000)), StatusWord::OK);
    assert_eq!(host.balance(), 100_000);
}

#[test]
fn ec_lod_04_a_wrong_answer_of_the_issuer_ends_the_load() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (asked, _, terminal) = host.ask_issuer();
        let mut answer = host.answer_of_issuer(asked);
        answer.cryptogram[0] ^= 1;
        assert_eq!(host.ask(&answer), Err(StatusWord::AUTH_FAILED));
        let right = host.answer_of_issuer(asked);
        assert_eq!(host.ask(&right), Err(StatusWord::CONDITIONS), "heard once");
        let ac = host
            .second_ac(CryptogramKind::Approved, &terminal)
            .expect("an answer");
        assert_eq!(ac.cid.kind(), Some(CryptogramKind::Declined));
        let iad = Iad::parse(&ac.iad).expect("the card's own");
        assert!(iad.cvr.has(CvrFlag::IssuerAuthenticationFailed));
        assert_eq!(
            host.script(asked, &put_balance(15_000)),
            StatusWord::SECURITY_STATUS
        );
        assert_eq!(host.balance(), 10_000);
        let (answer, _) = host.begin(SHOP, 200).expect("a tap");
        let iad = Iad::parse(&answer.tap.expect("a tap").iad).expect("the card's own");
        assert!(iad.cvr.has(CvrFlag::LastAuthenticationFailed));
    }
}

#[test]
fn scripts_wait_for_the_issuers_answer_and_belong_to_one_transaction() {
    let mut host = Host::new(Algorithm::Tdes);
    let (asked, ..) = host.ask_issuer();
    assert_eq!(
        host.script(asked, &put_balance(15_000)),
        StatusWord::CONDITIONS
    );
    let asked = host.go_online();
    let stale = host.scripted(asked, &put_balance(15_000));
    host.go_online();
    assert_eq!(host.send(&stale).sw, StatusWord::SM_INCORRECT);
    host.select();
    assert_eq!(host.send(&stale).sw, StatusWord::CONDITIONS);
    assert_eq!(host.balance(), 10_000);
}

#[test]
fn a_tap_that_went_online_may_be_loaded_too() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (answer, _) = host.begin(SHOP_ONLINE, 500).expect("an ARQC");
        let tap = answer.tap.expect("a tap");
        let asked = Asked {
            atc: tap.atc,
            request: tap.cryptogram,
        };
        let issuer = host.answer_of_issuer(asked);
        host.ask(&issuer).expect("authentic");
        assert_eq!(host.script(asked, &put_balance(20_000)), StatusWord::OK);
        assert_eq!(host.balance(), 20_000);
    }
}

#[test]
fn other_elements_and_records_are_set_by_script() {
    let mut host = Host::new(Algorithm::Sm4);
    let asked = host.go_online();
    let put = |tag, value: &[u8]| PutData {
        tag,
        value: value.to_vec(),
        mac: [0; 4],
    };
    assert_eq!(
        host.script(asked, &put(tag::SINGLE_LIMIT, &money(50).encode())),
        StatusWord::OK
    );
    assert_eq!(host.money_at(tag::SINGLE_LIMIT), 50);
    assert_eq!(
        host.script(asked, &put(tag::SINGLE_LIMIT, &[0; 5])),
        StatusWord::WRONG_LENGTH
    );
    assert_eq!(
        host.script(asked, &put(tag::SINGLE_LIMIT, &[0xFF; 6])),
        StatusWord::WRONG_DATA
    );
    assert_eq!(
        host.script(asked, &put(tag::ATC, &[0; 2])),
        StatusWord::REFERENCE_NOT_FOUND
    );
    let update = |sfi, number, record: &[u8]| UpdateRecord {
        sfi,
        number,
        record: record.to_vec(),
        mac: [0; 4],
    };
    let record = [0x70, 0x04, 0x5F, 0x20, 0x01, 0x41];
    assert_eq!(host.script(asked, &update(2, 2, &record)), StatusWord::OK);
    assert_eq!(
        host.ask(&ReadRecord { sfi: 2, number: 2 }),
        Ok(record.to_vec())
    );
    assert_eq!(
        host.script(asked, &update(2, 2, &[0x71, 0])),
        StatusWord::WRONG_DATA
    );
    assert_eq!(
        host.script(asked, &update(2, 9, &record)),
        StatusWord::RECORD_NOT_FOUND
    );
    assert_eq!(
        host.script(asked, &update(4, 1, &record)),
        StatusWord::NOT_FOUND
    );
    assert_eq!(
        host.script(asked, &update(0x0B, 1, &record)),
        StatusWord::FILE_TYPE
    );
    let (answer, _) = host
        .begin(TRANSIT, 51)
        .expect("declined above the new limit");
    assert!(answer.afl.is_none());
}

#[test]
fn ec_blk_01_a_blocked_application_says_so_until_it_is_unblocked() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let asked = host.go_online();
        assert_eq!(
            host.script(asked, &ApplicationBlock { mac: [0; 4] }),
            StatusWord::OK
        );
        assert_eq!(host.select().1, StatusWord::BLOCKED_FILE);
        assert_eq!(host.begin(TRANSIT, 100).err(), Some(StatusWord::CONDITIONS));
        assert_eq!(
            host.read_capp(0x1A, [0x27, 0x01]).err(),
            Some(StatusWord::CONDITIONS)
        );
        assert_eq!(host.balance(), 10_000);
        host.card.reset();
        assert_eq!(host.select().1, StatusWord::BLOCKED_FILE);

        let unblock = |host: &mut Host| {
            let asked = Asked {
                atc: host.atc(),
                request: [0; 8],
            };
            host.scripted(asked, &ApplicationUnblock { mac: [0; 4] })
        };
        let mut wrong = unblock(&mut host);
        wrong.data[0] ^= 1;
        assert_eq!(host.send(&wrong).sw, StatusWord::SM_INCORRECT);
        assert_eq!(host.select().1, StatusWord::BLOCKED_FILE);
        let right = unblock(&mut host);
        assert_eq!(host.send(&right).sw, StatusWord::OK);
        assert_eq!(host.select().1, StatusWord::OK);
        assert_eq!(
            host.send(&right).sw,
            StatusWord::CONDITIONS,
            "not blocked any more"
        );
        host.pay(TRANSIT, 100).expect("it pays again");
    }
}

#[test]
fn ec_pin_01_the_pin_is_changed_and_unblocked_by_script() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let block = |pin: &[u8]| Verify {
            block: cryptogram::plain_pin_block(pin).expect("digits"),
        };
        assert_eq!(host.ask(&block(test_card::PIN)), Ok(()));
        for left in [2, 1, 0] {
            let sw = host.ask(&block(b"000000")).expect_err("wrong");
            assert_eq!(sw, StatusWord::tries_left(left));
        }
        assert_eq!(
            host.ask(&block(test_card::PIN)),
            Err(StatusWord::AUTH_BLOCKED)
        );
        let asked = host.go_online();
        let unblock = PinChange {
            kind: PinChangeKind::Unblock,
            data: vec![],
            mac: [0; 4],
        };
        assert_eq!(host.script(asked, &unblock), StatusWord::OK);
        assert_eq!(host.ask(&block(test_card::PIN)), Ok(()));

        let key = test_card::card_keys(algorithm).encipher;
        let change = |kind, old: Option<&[u8]>, new: &[u8]| PinChange {
            kind,
            data: cryptogram::wrap_pin(&key, algorithm, asked.atc, new, old).expect("digits"),
            mac: [0; 4],
        };
        let new = change(PinChangeKind::Change, None, b"8642");
        assert_eq!(host.script(asked, &new), StatusWord::OK);
        assert_eq!(
            host.ask(&block(test_card::PIN)),
            Err(StatusWord::tries_left(2))
        );
        assert_eq!(host.ask(&block(b"8642")), Ok(()));
        let next = change(PinChangeKind::ChangeWithOld, Some(b"8642"), b"1357");
        assert_eq!(host.script(asked, &next), StatusWord::OK);
        assert_eq!(host.ask(&block(b"1357")), Ok(()));
        let wrong = change(PinChangeKind::ChangeWithOld, Some(b"8642"), b"2468");
        assert_eq!(host.script(asked, &wrong), StatusWord::WRONG_DATA);
        assert_eq!(host.ask(&block(b"1357")), Ok(()));
    }
}

#[test]
fn a_third_cryptogram_and_lists_of_another_length_are_refused() {
    let mut host = Host::new(Algorithm::Tdes);
    assert_eq!(
        host.hex("80AE800000").sw,
        StatusWord::CONDITIONS,
        "before GPO"
    );
    let (_, _, terminal) = host.ask_issuer();
    assert_eq!(host.hex("80AE400002303000").sw, StatusWord::WRONG_LENGTH);
    host.second_ac(CryptogramKind::Declined, &terminal)
        .expect("an AAC");
    let third = host.second_ac(CryptogramKind::Declined, &terminal);
    assert_eq!(third.err(), Some(StatusWord::CONDITIONS));
}

#[test]
fn a_signature_on_request_is_the_cards() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let ask = InternalAuthenticate {
            values: vec![9, 8, 7, 6],
        };
        assert_eq!(
            host.ask(&ask).err(),
            Some(StatusWord::CONDITIONS),
            "before GPO"
        );
        host.ask_issuer();
        let signed = host.ask(&ask).expect("signed");
        let verified = match test_card::profile(algorithm).signing_key.public() {
            oda::VerifyingKey::Rsa(key) => oda::rsa::verify_dynamic(&key, &signed, &[9, 8, 7, 6]),
            oda::VerifyingKey::Sm2(key) => oda::sm2::verify_dynamic(&key, &signed, &[9, 8, 7, 6]),
        };
        let atc = host.atc().to_be_bytes();
        assert_eq!(verified, Ok(vec![2, atc[0], atc[1]]));
        let short = InternalAuthenticate {
            values: vec![9, 8, 7],
        };
        assert_eq!(host.ask(&short).err(), Some(StatusWord::WRONG_LENGTH));
    }
}

#[test]
fn a_proof_answers_for_the_last_payment_only() {
    let mut host = Host::new(Algorithm::Tdes);
    let first = host.pay(TRANSIT, 100).expect("approved").tap().clone();
    let second = host.pay(TRANSIT, 100).expect("approved").tap().clone();
    assert_eq!(
        host.ask(&GetTransProve { atc: second.atc }),
        Ok(second.cryptogram)
    );
    assert_eq!(
        host.ask(&GetTransProve { atc: first.atc }),
        Err(StatusWord::NO_PROOF)
    );
}

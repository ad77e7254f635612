//! Composite payments (分段扣费): EC-CAP. The sums of the last cases are those of a public set
//! of test scripts.

use tongtu_apdu::StatusWord;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::command::{GetTransProve, ReadCappData, ReadRecord};
use tongtu_ecash::{CryptogramKind, cryptogram, tag, test_card};
use tongtu_purse::field::TripKind;
use tongtu_purse::layout::Trip;

use super::host::{BOTH, Host, TRANSIT, money};

const RAIL: (u8, [u8; 2]) = (0x1A, [0x27, 0x01]);
const TRIPS: u8 = 0x1E;
const SEGMENTED: u8 = 1;
const PRE_AUTHORISATION: u8 = 2;
const COMPLETION: u8 = 3;

fn rail(state: u8) -> Vec<u8> {
    [&[0x27, 0x01, 0x7D, state][..], &[0x11; 124]].concat()
}

/// A composite payment of the rail record, to its end.
fn pay(host: &mut Host, kind: u8, fen: i64, state: u8) -> Result<i64, StatusWord> {
    pay_record(
        host,
        kind,
        fen,
        RAIL,
        &rail(state),
        test_card::file_key(RAIL.0),
    )
}

fn pay_record(
    host: &mut Host,
    kind: u8,
    fen: i64,
    place: (u8, [u8; 2]),
    record: &[u8],
    key: [u8; 16],
) -> Result<i64, StatusWord> {
    let (answer, terminal) = host.begin_composite(kind, fen, place)?;
    let tap = answer.tap.as_ref().expect("a tap");
    if tap.kind() != Ok(Some(CryptogramKind::Approved)) {
        return Ok(-1);
    }
    host.update(key, place.0, record)?;
    let tapped = host.read_records(answer, terminal)?;
    tapped.verify().expect("the signature holds");
    Ok(tapped.tap().available.expect("9F5D").fen().get())
}

#[test]
fn ec_cap_01_record_and_debit_happen_together() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let (answer, terminal) = host
            .begin_composite(SEGMENTED, 300, RAIL)
            .expect("approved");
        host.update(test_card::file_key(0x1A), 0x1A, &rail(1))
            .expect("cached");
        host.select();
        assert_ne!(
            host.read_capp(RAIL.0, RAIL.1),
            Ok(rail(1)),
            "not before the last record"
        );
        assert_eq!(host.balance(), 10_000);
        drop((answer, terminal));

        assert_eq!(pay(&mut host, SEGMENTED, 300, 1), Ok(9_700));
        host.select();
        assert_eq!(host.read_capp(RAIL.0, RAIL.1), Ok(rail(1)));
        assert_eq!(host.balance(), 9_700);
    }
}

#[test]
fn an_entry_of_zero_writes_its_record_and_debits_nothing() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        assert_eq!(pay(&mut host, SEGMENTED, 0, 1), Ok(10_000));
        host.select();
        assert_eq!(host.read_capp(RAIL.0, RAIL.1), Ok(rail(1)));
    }
}

#[test]
fn a_trip_record_is_appended_with_the_exit() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let key = test_card::file_key(TRIPS);
        let kinds = [
            TripKind::CASH_ENTRY,
            TripKind::CASH_EXIT,
            TripKind::CASH_SINGLE,
            TripKind::CASH_MAKE_UP,
            TripKind::CASH_TOP_UP,
        ];
        let mut blank = Trip::decode(&[0; 48]).expect("a blank trip");
        let mut written = Vec::new();
        for (trip, kind) in (1..=31u8).zip(kinds.into_iter().cycle()) {
            blank.kind = kind;
            blank.line = [0, trip];
            blank.amount = tongtu_purse::field::Amount::new(10);
            let record = blank.encode().expect("a trip");
            host.select();
            let _ = host.ask(&ReadRecord {
                sfi: TRIPS,
                number: 1,
            });
            let mut terminal = host.terminal(TRANSIT, 10);
            terminal.insert(tag::COMPOSITE, vec![SEGMENTED]);
            let answer = host.options(&terminal).expect("approved");
            host.update(key, TRIPS, &record).expect("cached");
            host.read_records(answer, terminal).expect("paid");
            written.push(record);
        }
        host.select();
        for (number, record) in (1..=30u8).zip(written.iter().rev()) {
            let read = host.ask(&ReadRecord { sfi: TRIPS, number });
            assert_eq!(read.as_ref(), Ok(record), "newest first");
        }
        let oldest = host.ask(&ReadRecord {
            sfi: TRIPS,
            number: 31,
        });
        assert_eq!(oldest, Err(StatusWord::RECORD_NOT_FOUND));
        assert_eq!(host.balance(), 10_000 - 310);
    }
}

#[test]
fn a_pre_authorisation_leaves_a_cyclic_file_its_key() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let key = test_card::file_key(TRIPS);
        for (kind, key, ended) in [
            (PRE_AUTHORISATION, key, Ok(())),
            (COMPLETION, [0; 16], Err(StatusWord::SM_INCORRECT)),
            (COMPLETION, key, Ok(())),
        ] {
            host.select();
            let _ = host.ask(&ReadRecord {
                sfi: TRIPS,
                number: 1,
            });
            let mut terminal = host.terminal(TRANSIT, 500);
            terminal.insert(tag::COMPOSITE, vec![kind]);
            let answer = host.options(&terminal).expect("approved");
            assert_eq!(host.update(key, TRIPS, &[kind; 48]), ended);
            if ended.is_ok() {
                host.read_records(answer, terminal).expect("paid");
            }
        }
        assert_eq!(host.balance(), 9_500);
    }
}

#[test]
fn updates_are_refused_in_order_and_by_name() {
    let mut host = Host::new(Algorithm::Tdes);
    let key = test_card::file_key(RAIL.0);
    let begin = |host: &mut Host| drop(host.begin_composite(SEGMENTED, 100, RAIL).expect("ok"));
    assert_eq!(
        host.update(key, 0x1A, &rail(1)),
        Err(StatusWord::CONDITIONS),
        "no payment"
    );
    begin(&mut host);
    assert_eq!(host.update(key, 0x1D, &rail(1)), Err(StatusWord::NOT_FOUND));
    assert_eq!(host.update(key, TRIPS, &[0; 48]), Err(StatusWord::NO_FILE));
    let unknown = [&[0x66, 0x77, 0x7D][..], &[0; 125]].concat();
    assert_eq!(
        host.update(key, 0x1A, &unknown),
        Err(StatusWord::RECORD_NOT_FOUND)
    );
    let short = [&[0x27, 0x01, 0x7C][..], &[0; 124]].concat();
    assert_eq!(
        host.update(key, 0x1A, &short),
        Err(StatusWord::WRONG_LENGTH)
    );
    assert_eq!(
        host.update([9; 16], 0x1A, &rail(1)),
        Err(StatusWord::SM_INCORRECT)
    );
    assert_eq!(
        host.update(key, 0x1A, &rail(1)),
        Err(StatusWord::CONDITIONS),
        "broken off"
    );
    host.select();
    assert_eq!(host.balance(), 10_000);

    // A plain payment and a kind that nobody knows take no records.
    for kind in [0, 4] {
        host.begin_composite(kind, 100, RAIL).expect("a plain tap");
        assert_eq!(
            host.update(key, 0x1A, &rail(1)),
            Err(StatusWord::CONDITIONS),
            "{kind}"
        );
    }
}

#[test]
fn a_composite_payment_without_its_record_does_not_end() {
    let mut host = Host::new(Algorithm::Sm4);
    let (answer, terminal) = host
        .begin_composite(SEGMENTED, 100, RAIL)
        .expect("approved");
    let ended = host.read_records(answer, terminal).err();
    assert_eq!(ended, Some(StatusWord::new(0x6974)));
    host.select();
    assert_eq!(host.balance(), 10_000);
}

#[test]
fn a_composite_payment_needs_a_record_read_before() {
    let mut host = Host::new(Algorithm::Tdes);
    for kind in [SEGMENTED, PRE_AUTHORISATION, COMPLETION] {
        host.select();
        let mut terminal = host.terminal(TRANSIT, 100);
        terminal.insert(tag::COMPOSITE, vec![kind]);
        assert_eq!(
            host.options(&terminal).err(),
            Some(StatusWord::CONDITIONS),
            "{kind}"
        );
    }
    assert_eq!(
        pay(&mut host, COMPLETION, 100, 1),
        Err(StatusWord::CONDITIONS)
    );
    assert_eq!(host.atc(), 0, "nothing was begun");
}

#[test]
fn ec_cap_02_pre_authorisations_are_set_aside_and_completed_each_for_itself() {
    for algorithm in BOTH {
        let mut host = Host::with(algorithm, |profile| profile.balance = money(100_000));
        let keys: Vec<[u8; 16]> = (1..=3).map(|i| [0xA0 + i; 16]).collect();
        let record = |id: u8| [&[0, id, 0x35][..], &[id; 53]].concat();
        host.select();
        for id in 1..=3u8 {
            host.append(0x19, keys[usize::from(id) - 1], &record(id))
                .expect("opened");
        }
        let mut step = |kind, fen, id: u8| {
            let key = keys[usize::from(id) - 1];
            pay_record(&mut host, kind, fen, (0x19, [0, id]), &record(id), key)
        };
        assert_eq!(step(PRE_AUTHORISATION, 1_000, 1), Ok(99_000));
        assert_eq!(
            step(PRE_AUTHORISATION, 1_000, 1),
            Err(StatusWord::new(0x6972))
        );
        assert_eq!(step(PRE_AUTHORISATION, 2_000, 2), Ok(97_000));
        assert_eq!(step(PRE_AUTHORISATION, 2_000, 3), Ok(95_000));
        assert_eq!(step(COMPLETION, 1_500, 1), Ok(94_500));
        assert_eq!(step(COMPLETION, 0, 2), Ok(96_500));
        assert_eq!(step(COMPLETION, 2_000, 3), Ok(96_500));
        assert_eq!(step(COMPLETION, 2_000, 3), Err(StatusWord::CONDITIONS));
        assert_eq!(host.balance(), 96_500);
    }
}

#[test]
fn a_pre_authorisation_proves_itself_with_zeros_and_is_not_logged() {
    let mut host = Host::new(Algorithm::Tdes);
    assert_eq!(pay(&mut host, PRE_AUTHORISATION, 500, 1), Ok(9_500));
    let atc = host.atc();
    assert_eq!(host.ask(&GetTransProve { atc }), Ok([0; 8]));
    assert_eq!(
        host.ask(&ReadRecord {
            sfi: 0x0B,
            number: 1
        }),
        Err(StatusWord::RECORD_NOT_FOUND)
    );
    assert_eq!(pay(&mut host, COMPLETION, 300, 2), Ok(9_700));
    let atc = host.atc();
    assert_ne!(host.ask(&GetTransProve { atc }), Ok([0; 8]));
    host.ask(&ReadRecord {
        sfi: 0x0B,
        number: 1,
    })
    .expect("the completion is logged");
}

#[test]
fn ec_cap_03_a_segmented_fare_may_use_the_offset_up_to_its_limit() {
    for algorithm in BOTH {
        let mut host = Host::with(algorithm, |profile| profile.balance = money(500));
        assert_eq!(pay(&mut host, SEGMENTED, 2_000, 2), Ok(0));
        assert_eq!(host.money_at(tag::OFFSET_USED), 1_500);
        assert_eq!(
            pay(&mut host, SEGMENTED, 501, 2),
            Ok(-1),
            "declined: above the limit"
        );
        assert_eq!(pay(&mut host, SEGMENTED, 500, 2), Ok(0));
        assert_eq!(host.money_at(tag::OFFSET_USED), 2_000);
        let (answer, _) = host.begin(TRANSIT, 1).expect("declined");
        assert!(answer.afl.is_none(), "a plain payment has no offset");
    }
}

#[test]
fn a_completion_pays_the_offset_back_first() {
    // A public test script: 1000.00; 600.00 set aside; 800.00 segmented uses an offset of
    // 400.00; the completion with 300.00 leaves an offset of 100.00 and no balance.
    for algorithm in BOTH {
        let mut host = Host::with(algorithm, |profile| {
            profile.balance = money(100_000);
            profile.single_limit = money(100_000);
            profile.offset_limit = money(100_000);
        });
        assert_eq!(pay(&mut host, PRE_AUTHORISATION, 60_000, 1), Ok(40_000));
        assert_eq!(pay(&mut host, SEGMENTED, 80_000, 2), Ok(0));
        assert_eq!(host.money_at(tag::OFFSET_USED), 40_000);
        assert_eq!(pay(&mut host, COMPLETION, 30_000, 3), Ok(0));
        assert_eq!(host.money_at(tag::OFFSET_USED), 10_000);
    }
}

#[test]
fn records_are_opened_once_within_the_files_size_by_the_opening_key() {
    let mut host = Host::new(Algorithm::Tdes);
    let record = |id: u8, len: u8| [&[1, id, len][..], &vec![id; usize::from(len)]].concat();
    host.append(0x16, [1; 16], &record(1, 125)).expect("opened");
    assert_eq!(
        host.append(0x16, [1; 16], &record(1, 125)),
        Err(StatusWord::WRONG_DATA)
    );
    host.append(0x16, [2; 16], &record(2, 125)).expect("opened");
    host.append(0x16, [3; 16], &record(3, 125))
        .expect("384 bytes are there");
    assert_eq!(
        host.append(0x16, [4; 16], &record(4, 1)),
        Err(StatusWord::NO_ROOM)
    );
    assert_eq!(
        host.append(0x16, [4; 16], &[1, 9, 5, 0]),
        Err(StatusWord::WRONG_DATA)
    );
    assert_eq!(
        host.append(0x1D, [4; 16], &record(4, 1)),
        Err(StatusWord::NOT_FOUND)
    );
    assert_eq!(
        host.append(TRIPS, [4; 16], &[0; 47]),
        Err(StatusWord::WRONG_LENGTH)
    );
    let atc = host.atc();
    let wrong = host.hex("04E200B018000000000000000000000000000000000109010011223344");
    assert_eq!(wrong.sw, StatusWord::SM_INCORRECT);
    assert_eq!(host.atc(), atc + 1, "a wrong MAC costs a counter value");
    assert_eq!(host.read_capp(0x16, [1, 2]), Ok(record(2, 125)));
    assert_eq!(
        host.read_capp(0x16, [1, 9]),
        Err(StatusWord::RECORD_NOT_FOUND)
    );
    assert_eq!(host.read_capp(TRIPS, [0, 0]), Err(StatusWord::FILE_TYPE));
    assert_eq!(
        host.ask(&ReadRecord {
            sfi: 0x16,
            number: 1
        }),
        Err(StatusWord::FILE_TYPE)
    );
}

#[test]
fn a_record_read_with_a_random_carries_the_cards_mac() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let random = [7; 8];
        let read = ReadCappData {
            sfi: RAIL.0,
            id: RAIL.1,
            random: Some(random),
        };
        let answer = host.ask(&read).expect("the record");
        let (record, mac) = answer.split_at(128);
        let key = BlockKey::new(algorithm, test_card::file_key(RAIL.0));
        assert_eq!(mac, cryptogram::record_mac(&key, &random, record));
    }
}

#[test]
fn a_card_without_segmented_fares_pays_plainly() {
    let mut host = Host::with(Algorithm::Sm4, |profile| profile.composite = None);
    let (answer, terminal) = host
        .begin_composite(SEGMENTED, 100, RAIL)
        .expect("a plain tap");
    host.read_records(answer, terminal)
        .expect("paid without a record");
    assert_eq!(host.balance(), 9_900);
}

#[test]
fn a_load_pays_the_offset_back_first() {
    let mut host = Host::with(Algorithm::Tdes, |profile| profile.balance = money(500));
    assert_eq!(pay(&mut host, SEGMENTED, 2_000, 2), Ok(0));
    let asked = host.go_online();
    let put = tongtu_ecash::command::PutData {
        tag: tag::BALANCE,
        value: money(5_000).encode().to_vec(),
        mac: [0; 4],
    };
    assert_eq!(host.script(asked, &put), StatusWord::OK);
    assert_eq!(
        (host.balance(), host.money_at(tag::OFFSET_USED)),
        (3_500, 0)
    );
}

//! Commands against state, updates and results, and tears.

use tongtu_apdu::select::Aid;
use tongtu_codec::hex_decode;
use tongtu_crypto::Algorithm;
use tongtu_nfc_code::{NFC_CODE, Row, version_in};
use tongtu_types::Fen;

use super::*;
use crate::bench::{Bench, Image, OWNER, is_old_or_new};
use crate::journal::ObjectId;
use crate::registry::AppletKind;

const OWNER_KEY: [u8; 16] = [0x41; 16];
const TERMINAL_KEY: [u8; 16] = [0x42; 16];

fn blank() -> Bench {
    Bench::installed(AppletKind::RideCode, NFC_CODE, &[])
}

fn with_keys(algorithm: Algorithm) -> Bench {
    let mut bench = blank();
    bench
        .personalise(&[
            (group::UPDATE_KEY, &group::key(algorithm, &OWNER_KEY)),
            (group::RESULT_KEY, &group::key(algorithm, &TERMINAL_KEY)),
        ])
        .unwrap();
    bench
}

fn with_code() -> Bench {
    let mut bench = with_keys(Algorithm::Sm4);
    bench.personalise(&[(group::CODE, &code(1))]).unwrap();
    bench
}

/// A code that the card cannot read anyway: as long as a real one.
fn code(number: u8) -> Vec<u8> {
    vec![number; 332]
}

fn owner_key() -> BlockKey {
    BlockKey::new(Algorithm::Sm4, OWNER_KEY)
}

fn terminal_key() -> BlockKey {
    BlockKey::new(Algorithm::Sm4, TERMINAL_KEY)
}

fn challenge(bench: &mut Bench) -> Challenge {
    let answer = bench.send(&GetChallenge.to_command()).unwrap();
    GetChallenge::answer(&answer.data).unwrap()
}

/// Sends a sealed update; the last status word.
fn update(bench: &mut Bench, key: &BlockKey, code: &[u8]) -> StatusWord {
    let challenge = challenge(bench);
    let blocks = UpdateCode::seal(key, &challenge, code).unwrap();
    let mut sw = StatusWord::OK;
    for block in &blocks {
        sw = bench.status(&block.to_command());
    }
    sw
}

fn result_for(code: &[u8], fen: i64) -> RideResult {
    RideResult {
        code: code_reference(code),
        verdict: 0,
        amount: Fen::new(fen),
        time: [0x20, 0x26, 0x01, 0x01, 0x16, 0x00, 0x00],
        terminal: [0x10, 0, 0, 0, 0, 1],
    }
}

fn put(bench: &mut Bench, key: &BlockKey, result: &RideResult) -> StatusWord {
    let challenge = challenge(bench);
    let put = PutResult::seal(key, &challenge, result).unwrap();
    bench.status(&put.to_command())
}

fn read_code(bench: &mut Bench) -> Result<Vec<u8>, Halt> {
    bench.send(&GetCode.to_command()).map(|answer| answer.data)
}

fn results(bench: &mut Bench) -> Vec<RideResult> {
    (1..)
        .map_while(|number| bench.send(&ReadResult { number }.to_command()).ok())
        .map(|answer| ReadResult::answer(&answer.data).unwrap())
        .collect()
}

fn stored_code(image: &Image) -> Option<&[u8]> {
    image.get(&ObjectId::new(OWNER, CODE)).map(Vec::as_slice)
}

#[test]
fn the_fci_says_the_profiles_version() {
    assert_eq!(version_in(&blank().select()), Some(0x0100));
    let rows = Operation::ALL.map(Operation::canonical);
    let profile = Profile::new(0x0203, 400, rows).unwrap();
    let mut bench = Bench::installed(AppletKind::RideCode, NFC_CODE, &profile.encode());
    assert_eq!(version_in(&bench.select()), Some(0x0203));
}

#[test]
fn a_code_is_put_in_replaced_and_withdrawn_by_its_owner() {
    for algorithm in [Algorithm::Sm4, Algorithm::Tdes] {
        let mut bench = with_keys(algorithm);
        let key = BlockKey::new(algorithm, OWNER_KEY);
        for new in [code(1), vec![2; 364], vec![3; 40], vec![4; 512]] {
            assert_eq!(update(&mut bench, &key, &new), StatusWord::OK);
            assert_eq!(read_code(&mut bench), Ok(new));
        }
        assert_eq!(update(&mut bench, &key, &[]), StatusWord::OK);
        let gone = Err(Halt::Status(StatusWord::REFERENCE_NOT_FOUND));
        assert_eq!(read_code(&mut bench), gone);
    }
}

#[test]
fn an_update_that_does_not_hold_leaves_the_old_code() {
    let mut bench = with_code();
    let before = bench.image();
    let wrong_key = BlockKey::new(Algorithm::Sm4, TERMINAL_KEY);
    let wrong_algorithm = BlockKey::new(Algorithm::Tdes, OWNER_KEY);
    for key in [wrong_key, wrong_algorithm] {
        let sw = update(&mut bench, &key, &code(2));
        assert_eq!(sw, StatusWord::SM_INCORRECT);
    }
    let too_long = update(&mut bench, &owner_key(), &[2; 513]);
    assert_eq!(too_long, StatusWord::NO_ROOM);
    let far_too_long = update(&mut bench, &owner_key(), &[2; 4096]);
    assert_eq!(
        far_too_long,
        StatusWord::CONDITIONS,
        "its chain was dropped"
    );
    // A length in front that is not that of the code.
    let challenge = challenge(&mut bench);
    let mut blocks = UpdateCode::seal(&owner_key(), &challenge, &[2; 20]).unwrap();
    blocks[0].part[1] += 1;
    let sw = bench.status(&blocks[0].to_command());
    assert_eq!(sw, StatusWord::WRONG_DATA);
    assert_eq!(bench.image(), before);
    assert_eq!(read_code(&mut bench), Ok(code(1)));
}

#[test]
fn a_recorded_update_is_worth_nothing() {
    let mut bench = with_code();
    let first = challenge(&mut bench);
    let blocks = UpdateCode::seal(&owner_key(), &first, &code(2)).unwrap();
    for block in &blocks {
        assert_eq!(bench.status(&block.to_command()), StatusWord::OK);
    }
    let sw = bench.status(&blocks[0].to_command());
    assert_eq!(sw, StatusWord::CONDITIONS, "no challenge any more");
    challenge(&mut bench);
    assert_eq!(bench.status(&blocks[0].to_command()), StatusWord::OK);
    let sw = bench.status(&blocks[1].to_command());
    assert_eq!(sw, StatusWord::SM_INCORRECT, "another challenge");
}

#[test]
fn blocks_come_in_order_and_nothing_comes_between_them() {
    let mut bench = with_code();
    let before = bench.image();
    let blocks = |bench: &mut Bench| {
        let challenge = challenge(bench);
        UpdateCode::seal(&owner_key(), &challenge, &code(2)).unwrap()
    };
    let sealed = blocks(&mut bench);
    let sw = bench.status(&sealed[1].to_command());
    assert_eq!(sw, StatusWord::CONDITIONS, "the second first");
    let sealed = blocks(&mut bench);
    assert_eq!(bench.status(&sealed[0].to_command()), StatusWord::OK);
    let sw = bench.status(&sealed[0].to_command());
    assert_eq!(sw, StatusWord::CONDITIONS, "the first again");
    let sw = bench.status(&sealed[1].to_command());
    assert_eq!(sw, StatusWord::CONDITIONS, "it was dropped");
    for between in [GetCode.to_command(), GetChallenge.to_command()] {
        let sealed = blocks(&mut bench);
        assert_eq!(bench.status(&sealed[0].to_command()), StatusWord::OK);
        assert_eq!(bench.status(&between), StatusWord::OK);
        let sw = bench.status(&sealed[1].to_command());
        assert_eq!(sw, StatusWord::CONDITIONS, "{between:?}");
    }
    let sealed = blocks(&mut bench);
    bench.select();
    let sw = bench.status(&sealed[0].to_command());
    assert_eq!(sw, StatusWord::CONDITIONS, "selected anew");
    assert_eq!(bench.image(), before);
}

#[test]
fn a_result_is_kept_once_and_only_under_its_mac() {
    let mut bench = with_code();
    let result = result_for(&code(1), 200);
    let before = bench.image();
    let sw = put(&mut bench, &owner_key(), &result);
    assert_eq!(sw, StatusWord::SM_INCORRECT);
    let unknown = result_for(&code(9), 200);
    let sw = put(&mut bench, &terminal_key(), &unknown);
    assert_eq!(sw, StatusWord::REFERENCE_NOT_FOUND);
    assert_eq!(bench.image(), before);
    assert_eq!(results(&mut bench), []);
    for _ in 0..2 {
        let sw = put(&mut bench, &terminal_key(), &result);
        assert_eq!(sw, StatusWord::OK);
        assert_eq!(results(&mut bench), core::slice::from_ref(&result));
    }
    for fen in 300..320 {
        let sw = put(&mut bench, &terminal_key(), &result_for(&code(1), fen));
        assert_eq!(sw, StatusWord::OK);
    }
    let fares: Vec<i64> = results(&mut bench).iter().map(|r| r.amount.get()).collect();
    assert_eq!(fares, (310..320).rev().collect::<Vec<_>>());
}

#[test]
fn a_result_may_come_for_one_of_the_last_four_codes() {
    let mut bench = with_code();
    for number in 2..=5 {
        let sw = update(&mut bench, &owner_key(), &code(number));
        assert_eq!(sw, StatusWord::OK);
    }
    for (number, sw) in [
        (1, StatusWord::REFERENCE_NOT_FOUND),
        (2, StatusWord::OK),
        (5, StatusWord::OK),
    ] {
        let result = result_for(&code(number), 200);
        assert_eq!(put(&mut bench, &terminal_key(), &result), sw, "{number}");
    }
    // The same code again is not a fifth.
    update(&mut bench, &owner_key(), &code(5));
    let result = result_for(&code(2), 300);
    assert_eq!(put(&mut bench, &terminal_key(), &result), StatusWord::OK);
}

#[test]
fn a_fare_that_is_not_decimal_is_refused() {
    let mut bench = with_code();
    let challenge = challenge(&mut bench);
    let mut sealed =
        PutResult::seal(&terminal_key(), &challenge, &result_for(&code(1), 0)).unwrap();
    sealed.result[9] = 0xAA;
    sealed.mac = tongtu_nfc_code::seal::mac_of(
        &terminal_key(),
        tongtu_nfc_code::seal::Purpose::Result,
        &challenge,
        &sealed.result,
    );
    let sw = bench.status(&sealed.to_command());
    assert_eq!(sw, StatusWord::WRONG_DATA);
    assert_eq!(results(&mut bench), []);
}

/// State, command, status word; nothing changes.
const REFUSED: &str = "
    blank  00CA000000          6E00  class of GET CODE
    blank  84CA000000          6E00
    blank  80CA010000          6A86
    blank  80CA000100          6A86
    blank  80CA000001AA        6700
    blank  80CA000000          6985  not personalised
    keys   80CA000000          6A88  no code
    blank  8084000008          6E00  class of GET CHALLENGE
    blank  0084010008          6A86
    blank  0084000108          6A86
    blank  0084000004          6700  Le
    blank  0084000001AA        6700
    blank  80DA800001AA        6E00  class of UPDATE CODE
    blank  84DA400001AA        6A86
    blank  84DA8000            6700
    blank  84DA800001AA        6985  no key
    code   84DA800001AA        6985  no challenge
    code   84DA000101AA        6985  no block before it
    blank  80DC000001AA        6E00  class of PUT RESULT
    blank  84DC010001AA        6A86
    blank  84DC000101AA        6A86
    code   84DC000001AA        6700
    code   84DC00002301020304050607080102030405060708010203040506070801020304050607080102FF 6700
    blank  84DC0000220102030405060708010203040506070801020304050607080102030405060708FFFF 6985
    code   84DC0000220102030405060708010203040506070801020304050607080102030405060708FFFF 6985
    blank  00B2010000          6E00  class of READ RESULT
    code   80B2000000          6A86
    code   80B2010100          6A86
    code   80B2010001AA        6700
    code   80B2010000          6A83  none yet
    blank  80E2000000          6D00
    blank  00B0950000          6D00
    blank  84E2000000          6D00
";

#[test]
fn every_refusal_has_its_status_word_and_changes_nothing() {
    for row in REFUSED.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let mut bench = match words[0] {
            "blank" => blank(),
            "keys" => with_keys(Algorithm::Sm4),
            "code" => with_code(),
            other => panic!("no state {other}"),
        };
        let before = bench.image();
        let command = Command::parse(&hex_decode(words[1]).unwrap()).unwrap();
        let sw = bench.status(&command);
        assert_eq!(sw.to_string(), words[2], "{row}");
        assert_eq!(bench.image(), before, "{row}");
    }
}

#[test]
fn refused_groups_change_nothing() {
    let wrong = StatusWord::WRONG_DATA;
    let good = group::key(Algorithm::Sm4, &OWNER_KEY);
    for (id, value, sw) in [
        (group::PROFILE, &[1, 2, 3][..], wrong),
        (group::UPDATE_KEY, &[1; 16], wrong),
        (group::RESULT_KEY, &[2; 17], wrong),
        (group::CODE, &[], wrong),
        (group::CODE, &[0x81; 513], wrong),
        (0x9999, &[1], StatusWord::REFERENCE_NOT_FOUND),
    ] {
        let mut bench = blank();
        let before = bench.image();
        let answer = bench.personalise(&[(group::UPDATE_KEY, &good), (id, value)]);
        assert_eq!(answer, Err(Halt::Status(sw)), "{id:04X}");
        assert_eq!(bench.image(), before);
    }
}

#[test]
fn a_profile_moves_every_command_to_other_bytes() {
    let rows = [
        Row::new(0x00, 0xB0),
        Row::new(0x80, 0x10),
        Row::new(0x04, 0xD6),
        Row::new(0x80, 0x12),
        Row::new(0x00, 0xB2),
    ];
    let profile = Profile::new(2, 512, rows).unwrap();
    let aid = Aid::new(&[0xF0, 1, 2, 3, 4]);
    let mut bench = Bench::installed(AppletKind::RideCode, aid, &[]);
    bench
        .personalise(&[
            (group::PROFILE, &profile.encode()),
            (group::UPDATE_KEY, &group::key(Algorithm::Sm4, &OWNER_KEY)),
            (
                group::RESULT_KEY,
                &group::key(Algorithm::Sm4, &TERMINAL_KEY),
            ),
        ])
        .unwrap();
    let mut send = |command: Command| bench.send(&profile.dress(command)).unwrap().data;
    let challenge = GetChallenge::answer(&send(GetChallenge.to_command())).unwrap();
    for block in UpdateCode::seal(&owner_key(), &challenge, &code(1)).unwrap() {
        send(block.to_command());
    }
    assert_eq!(send(GetCode.to_command()), code(1));
    let challenge = GetChallenge::answer(&send(GetChallenge.to_command())).unwrap();
    let result = result_for(&code(1), 200);
    let put = PutResult::seal(&terminal_key(), &challenge, &result).unwrap();
    send(put.to_command());
    let kept = send(ReadResult { number: 1 }.to_command());
    assert_eq!(ReadResult::answer(&kept), Ok(result));
    let sw = bench.status(&GetCode.to_command());
    assert_eq!(sw, StatusWord::INS_NOT_SUPPORTED, "the default's bytes");
}

#[test]
fn a_tear_leaves_the_old_code_or_the_new() {
    let images = with_code().torn_everywhere(|bench| {
        let answer = bench.send(&GetChallenge.to_command()).expect("no write");
        let challenge = GetChallenge::answer(&answer.data).unwrap();
        for block in UpdateCode::seal(&owner_key(), &challenge, &[7; 364]).unwrap() {
            let _ = bench.send(&block.to_command());
        }
    });
    assert!(is_old_or_new(&images));
    assert!(images.len() > 300, "every byte of the code was torn");
    assert_eq!(stored_code(&images[0]), Some(&code(1)[..]));
    assert_eq!(stored_code(&images[images.len() - 1]), Some(&[7; 364][..]));
}

#[test]
fn a_tear_leaves_a_result_kept_or_not() {
    let images = with_code().torn_everywhere(|bench| {
        let answer = bench.send(&GetChallenge.to_command()).expect("no write");
        let challenge = GetChallenge::answer(&answer.data).unwrap();
        let result = result_for(&code(1), 200);
        let put = PutResult::seal(&terminal_key(), &challenge, &result).unwrap();
        let _ = bench.send(&put.to_command());
    });
    assert!(is_old_or_new(&images));
}

#[test]
fn a_tear_leaves_old_or_new_personalisation() {
    let images = with_code().torn_everywhere(|bench| {
        let profile = Profile::new(9, 400, Operation::ALL.map(Operation::canonical));
        let _ = bench.personalise(&[
            (group::PROFILE, &profile.unwrap().encode()),
            (group::UPDATE_KEY, &group::key(Algorithm::Tdes, &[9; 16])),
            (group::CODE, &[5; 340]),
        ]);
    });
    assert!(is_old_or_new(&images));
}

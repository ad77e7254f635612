//! Properties: what is written reads back, damage shows, nothing panics.

use proptest::prelude::*;
use tongtu_exchange_file::{
    AlgorithmFlag, BpFile, BpRecord, CashItems, CdCard, CdCash, CdFile, CdPurse, CdRecord, CdRide,
    CdTail, ClFile, ClRecord, Clearing, Consumption, CqFile, CqRecord, CqRide, CqTail, Currency,
    DiscountKind, ExchangeFile, FbFile, FbRecord, FileKind, FileName, LdFile, LdRecord, Mcc,
    Record, ResultCode, TestFlag, TimeOfDay, TradeState, describe,
};
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, LineCode, RecordId, TerminalNumber,
    Timestamp,
};

use crate::sample;

fn institution() -> impl Strategy<Value = InstitutionCode> {
    "[0-9]{8}".prop_map(|text| InstitutionCode::parse(&text).unwrap())
}

fn day() -> impl Strategy<Value = BusinessDay> {
    (10_957i64..47_000).prop_map(BusinessDay::from_days)
}

fn fen() -> impl Strategy<Value = Fen> {
    (0i64..1 << 32).prop_map(Fen::new)
}

fn cq_tail() -> impl Strategy<Value = CqTail> {
    let numbers = ("[0-9]{12}", "[0-9]{43}", "[1-9][0-9]{0,18}");
    (
        proptest::collection::vec(any::<u8>(), 0..900),
        0u16..10,
        (any::<u32>(), any::<u32>()),
        proptest::option::of("[!-~]{1,6}"),
        numbers,
    )
        .prop_map(
            |(ride_record, kind, (scanned, generated), line, (terminal, id, account))| CqTail {
                ride_record,
                consumption: Consumption::new(kind),
                scanned_at: Timestamp::new(i64::from(scanned)),
                line: line.map(|text| LineCode::parse(&text).unwrap()),
                terminal: TerminalNumber::parse(&terminal).unwrap(),
                record_id: RecordId::parse(&id).unwrap(),
                generated_at: Timestamp::new(i64::from(generated)),
                account: CardNumber::parse(&account).unwrap(),
            },
        )
}

fn ride() -> impl Strategy<Value = CqRide> {
    let money = (fen(), fen(), 0u16..10_000);
    let serials = (
        0u64..1_000_000,
        0u64..1_000_000_000_000,
        0u64..1_000_000_000_000,
    );
    let bodies = (institution(), institution(), institution(), institution());
    (
        money,
        serials,
        bodies,
        day(),
        any::<u32>(),
        0u16..10_000,
        "\\PC*",
        cq_tail(),
    )
        .prop_map(
            |(
                (amount, receivable, discount),
                serials,
                bodies,
                day,
                at,
                mcc,
                acceptor_name,
                ride,
            )| {
                CqRide {
                    amount,
                    receivable,
                    discount: DiscountKind::new(discount),
                    transmitted_at: Timestamp::new(i64::from(at)),
                    trace: serials.0,
                    reference: serials.1,
                    acquirer_serial: serials.2,
                    acquirer_day: day,
                    acquirer: bodies.0,
                    sender: bodies.1,
                    receiver: bodies.2,
                    issuer: bodies.3,
                    mcc: Mcc::new(mcc),
                    acceptor_name,
                    ride,
                }
            },
        )
}

fn purse() -> impl Strategy<Value = CdPurse> {
    (
        (
            "[1-9][0-9]{18}",
            fen(),
            any::<u8>(),
            0u64..1 << 48,
            any::<u32>(),
        ),
        (day(), 0u32..24, 0u32..60, 0u32..60),
        (any::<u32>(), any::<u8>(), any::<u8>(), any::<u16>()),
        (fen(), any::<u64>(), any::<[u8; 4]>()),
    )
        .prop_map(
            |(
                (card, amount, kind, terminal, serial),
                (day, hour, minute, second),
                (tac, key_version, key_index, counter),
                (balance_after, issuer_id, random),
            )| CdPurse {
                card: CardNumber::parse(&card).unwrap(),
                amount,
                kind: kind.into(),
                terminal,
                terminal_serial: serial.into(),
                day,
                time: TimeOfDay::new(hour, minute, second).unwrap(),
                tac: tac.into(),
                key_version: key_version.into(),
                key_index: key_index.into(),
                counter: counter.into(),
                balance_after,
                issuer_id,
                random: CdPurse::random_of(random),
            },
        )
}

fn cd_ride() -> impl Strategy<Value = CdRide> {
    (ride(), purse(), fen(), 0u16..100, 0u16..100).prop_map(
        |(ride, purse, balance_before, algorithm, state)| CdRide {
            trade: CqRide {
                amount: ride.amount,
                receivable: ride.receivable,
                discount: ride.discount,
                transmitted_at: ride.transmitted_at,
                trace: ride.trace,
                reference: ride.reference,
                acquirer_serial: ride.acquirer_serial,
                acquirer_day: ride.acquirer_day,
                acquirer: ride.acquirer,
                sender: ride.sender,
                receiver: ride.receiver,
                issuer: ride.issuer,
                mcc: ride.mcc,
                acceptor_name: ride.acceptor_name,
                ride: CdTail {
                    ride_record: ride.ride.ride_record,
                    consumption: ride.ride.consumption,
                    line: ride.ride.line,
                    terminal: ride.ride.terminal,
                    record_id: ride.ride.record_id,
                    cash: None,
                },
            },
            card: CdCard::Purse(purse),
            balance_before,
            algorithm: AlgorithmFlag::new(algorithm),
            state: TradeState::new(state),
        },
    )
}

fn cash() -> impl Strategy<Value = CdCash> {
    let card = (
        any::<[u8; 8]>(),
        any::<[u8; 4]>(),
        proptest::collection::vec(any::<u8>(), 0..=32),
        proptest::collection::vec(any::<u8>(), 0..=16),
        (any::<u16>(), any::<[u8; 2]>(), any::<u8>(), any::<u8>()),
    );
    let terminal = (
        (any::<[u8; 3]>(), any::<[u8; 5]>(), any::<[u8; 3]>()),
        (0u64..1000, 0u64..1000, 0u64..10, 0u64..10),
        (0u64..100, 0u64..10_000, 0u64..10, any::<u16>()),
        ("[!-~]{0,8}", "[!-~]{0,2}", "[!-~]{0,6}", "[!-~]{0,16}"),
    );
    let money = (fen(), fen(), 0u16..1000, 0u64..1000);
    (card, terminal, money, day(), 0u64..10_000).prop_map(
        |(
            (cryptogram, unpredictable, issuer_data, name, (atc, aip, kind, information)),
            (
                (capability, tvr, cvm),
                (entry_mode, pan_sequence, reader, condition),
                (terminal_type, counter, check, version),
                (device, response, authorization, product),
            ),
            (amount, other, currency, country),
            day,
            expiry,
        )| CdCash {
            cryptogram,
            entry_mode,
            pan_sequence,
            reader,
            condition,
            capability,
            tvr,
            unpredictable,
            device,
            issuer_data,
            atc: atc.into(),
            aip,
            day,
            country,
            response,
            kind: kind.into(),
            amount,
            currency: Currency::new(currency),
            check,
            expiry,
            information: information.into(),
            other,
            cvm,
            terminal_type,
            name,
            counter,
            authorization,
            product,
            version: version.into(),
        },
    )
}

fn cash_ride() -> impl Strategy<Value = CdRide> {
    let items = (any::<u32>(), "[1-9][0-9]{0,19}", fen(), any::<u8>());
    (cd_ride(), cash(), items).prop_map(|(mut ride, cash, (at, card, balance_after, told))| {
        ride.card = CdCard::Cash(cash);
        ride.trade.ride.cash = Some(CashItems {
            ridden_at: Timestamp::new(i64::from(at)),
            card: CardNumber::parse(&card).unwrap(),
            balance_after,
            told,
        });
        ride
    })
}

fn clearing() -> impl Strategy<Value = Clearing> {
    let fee = || any::<i64>().prop_map(FenE7::new);
    (
        0u64..1_000_000_000_000,
        0..=ResultCode::MAX,
        0u16..2,
        fee(),
        fee(),
        fee(),
    )
        .prop_map(
            |(serial, result, test, fee, issuer_share, acquirer_share)| Clearing {
                serial,
                result: ResultCode::new(result).unwrap(),
                test: TestFlag::new(test),
                fee,
                issuer_share,
                acquirer_share,
            },
        )
}

/// Writes, reads, compares values and bytes.
fn round_trip<R>(kind: FileKind, day: BusinessDay, body: InstitutionCode, records: Vec<R>)
where
    R: Record + PartialEq + core::fmt::Debug,
{
    let name = FileName::new(kind, day, TimeOfDay::MIDNIGHT, body, 1).unwrap();
    let file = ExchangeFile::<R>::new(name, day, body, records);
    let bytes = file.encode().unwrap();
    let read = ExchangeFile::<R>::decode(&name, &bytes).unwrap();
    assert_eq!(read, file);
    assert_eq!(read.encode().unwrap(), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_reads_back(
        rides in proptest::collection::vec((ride(), clearing()), 0..4),
        code in proptest::collection::vec(any::<u8>(), 332..=364),
        day in day(),
        body in institution(),
    ) {
        let cq: Vec<CqRecord> =
            rides.iter().map(|(ride, _)| CqRecord::from_ride(ride.clone()).unwrap()).collect();
        let both = || cq.iter().zip(rides.iter().map(|(_, clearing)| clearing));
        let fb = both().map(|(ride, clearing)| FbRecord::answer(ride, clearing)).collect();
        let cl =
            both().map(|(ride, of)| ClRecord::notice(ride, &code, of).unwrap()).collect();
        round_trip(FileKind::FB, day, body, fb);
        round_trip(FileKind::CL, day, body, cl);
        round_trip(FileKind::CQ, day, body, cq);
    }

    #[test]
    fn card_rides_read_back(
        rides in proptest::collection::vec((cd_ride(), clearing()), 0..4),
        day in day(),
        body in institution(),
    ) {
        let cd: Vec<CdRecord> =
            rides.iter().map(|(ride, _)| CdRecord::from_ride(ride.clone()).unwrap()).collect();
        let both = || cd.iter().zip(rides.iter().map(|(_, clearing)| clearing));
        let fb = both().map(|(ride, clearing)| FbRecord::answer(ride, clearing)).collect();
        let cl = both().map(|(ride, of)| ClRecord::notice_of_card(ride, of).unwrap()).collect();
        round_trip(FileKind::FB, day, body, fb);
        round_trip(FileKind::CL, day, body, cl);
        round_trip(FileKind::CD, day, body, cd);
    }

    #[test]
    fn rides_by_e_cash_read_back(
        rides in proptest::collection::vec((cash_ride(), clearing()), 0..4),
        day in day(),
        body in institution(),
    ) {
        let cd: Vec<CdRecord> =
            rides.iter().map(|(ride, _)| CdRecord::from_ride(ride.clone()).unwrap()).collect();
        for (record, (ride, clearing)) in cd.iter().zip(&rides) {
            let CdCard::Cash(cash) = &ride.card else { unreachable!("an e-cash") };
            let cl = ClRecord::notice_of_card(record, clearing).unwrap();
            prop_assert_eq!(&cl.cash_ride().unwrap().cash, cash);
            prop_assert!(cl.card_ride().is_err());
        }
        let both = || cd.iter().zip(rides.iter().map(|(_, clearing)| clearing));
        let fb = both().map(|(ride, clearing)| FbRecord::answer(ride, clearing)).collect();
        let cl = both().map(|(ride, of)| ClRecord::notice_of_card(ride, of).unwrap()).collect();
        round_trip(FileKind::FB, day, body, fb);
        round_trip(FileKind::CL, day, body, cl);
        round_trip(FileKind::CD, day, body, cd);
    }

    #[test]
    fn lists_and_positions_read_back(
        amounts in proptest::array::uniform4(0i64..=999_999_999_999_999_999),
        name in "[ -~]{0,49}[!-~]",
        (sequence, line, result) in (any::<u64>(), 0u64..10_000, 0..=ResultCode::MAX),
        day in day(),
        body in institution(),
    ) {
        let [a, b, c, d] = amounts.map(Fen::new);
        round_trip(FileKind::BP, day, body, vec![BpRecord::new(a, b, c, d).unwrap()]);
        let result = ResultCode::new(result).unwrap();
        round_trip(FileKind::LD, day, body, vec![LdRecord::answer(sequence, line, &name, result)]);
    }

    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        kind in 0usize..7,
    ) {
        let kinds =
            [FileKind::CQ, FileKind::FB, FileKind::CL, FileKind::LD, FileKind::BP, FileKind::CR, FileKind::CD];
        decode_all(&sample::name(kinds[kind]), &bytes);
    }

    #[test]
    fn no_damage_panics_and_no_reading_is_unstable(
        kind in 0usize..8,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (name, mut bytes) = sample::every_file().swap_remove(kind);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        decode_all(&name, &bytes);
        let _ = describe(&name, &bytes);
    }
}

/// Reads as every kind; what reads must be written and read again to the same.
fn decode_all(name: &FileName, bytes: &[u8]) {
    fn check<R: Record + PartialEq + core::fmt::Debug>(name: &FileName, bytes: &[u8]) {
        if let Ok(file) = ExchangeFile::<R>::decode(name, bytes) {
            let again = file.encode().unwrap();
            assert_eq!(ExchangeFile::<R>::decode(name, &again).unwrap(), file);
        }
        if let Ok(file) = ExchangeFile::<R>::decode_lenient(name, bytes) {
            let whole = ExchangeFile::<R>::decode(name, bytes);
            assert_eq!(whole.is_ok(), file.rejected.is_empty());
        }
    }
    check::<CqRecord>(name, bytes);
    check::<FbRecord>(name, bytes);
    check::<ClRecord>(name, bytes);
    check::<LdRecord>(name, bytes);
    check::<BpRecord>(name, bytes);
    check::<CdRecord>(name, bytes);
    let _ = describe(name, bytes);
}

/// Every single-bit flip is refused or shows in the value: no bit of a file is without meaning.
#[test]
fn every_bit_counts() {
    fn check<R: Record + PartialEq>(name: &FileName, bytes: &[u8]) -> (usize, usize) {
        let original = ExchangeFile::<R>::decode(name, bytes).ok().unwrap();
        let (mut refused, mut different) = (0, 0);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                match ExchangeFile::<R>::decode(name, &flipped) {
                    Err(_) => refused += 1,
                    Ok(file) => {
                        assert!(file != original, "byte {at} bit {bit} does not matter");
                        different += 1;
                    }
                }
            }
        }
        (refused, different)
    }
    let bytes = sample::cq_file(1).encode().unwrap();
    let (refused, different) = check::<CqRecord>(&sample::name(FileKind::CQ), &bytes);
    assert!(refused > 0 && different > 0);
    let files = sample::every_file();
    check::<FbRecord>(&files[1].0, &files[1].1);
    check::<ClRecord>(&files[2].0, &files[2].1);
    check::<LdRecord>(&files[3].0, &files[3].1);
    check::<BpRecord>(&files[4].0, &files[4].1);
    check::<CdRecord>(&files[5].0, &files[5].1);
    check::<CdRecord>(&files[6].0, &files[6].1);
    check::<ClRecord>(&files[7].0, &files[7].1);
}

/// A file that ends early is refused, wherever it ends.
#[test]
fn no_part_of_a_file_of_e_cashes_is_one() {
    let bytes = sample::cash_file(2).encode().unwrap();
    for len in 0..bytes.len() {
        let read = CdFile::decode(&sample::name(FileKind::CD), &bytes[..len]);
        assert!(read.is_err(), "{len} bytes");
    }
}

/// The sample files are those that the types of whole files make.
#[test]
fn every_sample_reads_as_its_kind() {
    let files = sample::every_file();
    assert!(CqFile::decode(&files[0].0, &files[0].1).is_ok());
    assert!(FbFile::decode(&files[1].0, &files[1].1).is_ok());
    assert!(ClFile::decode(&files[2].0, &files[2].1).is_ok());
    assert!(LdFile::decode(&files[3].0, &files[3].1).is_ok());
    assert!(BpFile::decode(&files[4].0, &files[4].1).is_ok());
    assert!(CdFile::decode(&files[5].0, &files[5].1).is_ok());
    assert!(CdFile::decode(&files[6].0, &files[6].1).is_ok());
    assert!(ClFile::decode(&files[7].0, &files[7].1).is_ok());
}

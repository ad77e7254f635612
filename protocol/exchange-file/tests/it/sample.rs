//! One ride and what becomes of it, for the other tests to vary.

use tongtu_exchange_file::{
    AlgorithmFlag, BpFile, BpRecord, CashItems, CdCard, CdCash, CdFile, CdPurse, CdRecord, CdRide,
    CdTail, ClFile, ClRecord, Clearing, Consumption, CqFile, CqRecord, CqRide, CqTail, Currency,
    DiscountKind, FbFile, FbRecord, FileKind, FileName, LdFile, LdRecord, Mcc, ResultCode,
    TestFlag, TimeOfDay, TradeState,
};
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, LineCode, RecordId, TerminalNumber,
    Timestamp,
};

/// 2026-01-01 16:00:05 in China.
pub(crate) const SCANNED_AT: Timestamp = Timestamp::new(1_767_254_405);

pub(crate) fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

pub(crate) fn day() -> BusinessDay {
    "20260102".parse().unwrap()
}

pub(crate) fn name(kind: FileKind) -> FileName {
    let institution = code("11341000");
    FileName::new(kind, day(), TimeOfDay::MIDNIGHT, institution, 7).unwrap()
}

pub(crate) fn cq_tail() -> CqTail {
    let terminal = TerminalNumber::parse("100000000001").unwrap();
    CqTail {
        ride_record: vec![0x00, 0x01, 0x4C, 0x81],
        consumption: Consumption::SINGLE,
        scanned_at: SCANNED_AT,
        line: Some(LineCode::parse("B0302").unwrap()),
        terminal,
        record_id: RecordId::compose(code("11341000"), terminal, SCANNED_AT, 7),
        generated_at: Timestamp::new(1_767_254_400),
        account: CardNumber::parse("3104581000000000017").unwrap(),
    }
}

pub(crate) fn ride() -> CqRide {
    CqRide {
        amount: Fen::new(180),
        receivable: Fen::new(200),
        discount: DiscountKind::new(12),
        transmitted_at: SCANNED_AT.plus_s(600),
        trace: 55,
        reference: 123_456_789_012,
        acquirer_serial: 77,
        acquirer_day: day(),
        acquirer: code("11341000"),
        sender: code("11341000"),
        receiver: code("30005800"),
        issuer: code("01345810"),
        mcc: Mcc::BUS,
        acceptor_name: "北京公交".into(),
        ride: cq_tail(),
    }
}

pub(crate) fn cd_ride() -> CdRide {
    let CqRide {
        amount,
        receivable,
        discount,
        transmitted_at,
        trace,
        reference,
        acquirer_serial,
        acquirer_day,
        acquirer,
        sender,
        receiver,
        issuer,
        mcc,
        acceptor_name,
        ride,
    } = ride();
    CdRide {
        trade: CqRide {
            amount,
            receivable,
            discount,
            transmitted_at,
            trace,
            reference,
            acquirer_serial,
            acquirer_day,
            acquirer,
            sender,
            receiver,
            issuer,
            mcc,
            acceptor_name,
            ride: CdTail {
                ride_record: vec![0x54, 0x50],
                consumption: Consumption::TWO_SCAN,
                line: None,
                terminal: ride.terminal,
                record_id: ride.record_id,
                cash: None,
            },
        },
        card: CdCard::Purse(CdPurse {
            card: ride.account,
            amount,
            kind: 0x09,
            terminal: 0x0010_0000_0001,
            terminal_serial: 0x101,
            day: "20260101".parse().unwrap(),
            time: TimeOfDay::new(16, 0, 5).unwrap(),
            tac: 0x35B3_762C,
            key_version: 1,
            key_index: 1,
            counter: 7,
            balance_after: Fen::new(4820),
            issuer_id: 0x0290_5810_FFFF_FFFF,
            random: CdPurse::random_of([0xA1, 0xB2, 0xC3, 0xD4]),
        }),
        balance_before: Fen::new(5000),
        algorithm: AlgorithmFlag::SM4,
        state: TradeState::NORMAL,
    }
}

pub(crate) fn cash() -> CdCash {
    CdCash {
        cryptogram: [0xAD, 0x03, 0xEE, 0x81, 0x1A, 0xFA, 0xD4, 0x84],
        entry_mode: CdCash::ENTRY_MODE,
        pan_sequence: 1,
        reader: CdCash::READER,
        condition: 0,
        capability: [0; 3],
        tvr: [0; 5],
        unpredictable: [0x2B, 0x29, 0xEB, 0xE4],
        device: String::new(),
        issuer_data: vec![7, 1, 1, 3, 0x90, 0, 0, 1, 0x0A, 1, 0, 0, 0, 0x48, 0x20],
        atc: 0x0ADC,
        aip: [0x7C, 0],
        day: "20260101".parse().unwrap(),
        country: 156,
        response: CdCash::RESPONSE.into(),
        kind: 0,
        amount: Fen::new(180),
        currency: Currency::CNY,
        check: CdCash::UNCHECKED,
        expiry: 4012,
        information: 0x40,
        other: Fen::ZERO,
        cvm: [0; 3],
        terminal_type: CdCash::TERMINAL_TYPE,
        name: vec![0xA0, 0, 0, 6, 0x32, 1, 1, 6],
        counter: 17,
        authorization: String::new(),
        product: String::new(),
        version: 0,
    }
}

/// The same ride, paid by an e-cash.
pub(crate) fn cash_ride() -> CdRide {
    let mut ride = cd_ride();
    ride.card = CdCard::Cash(cash());
    ride.trade.ride.consumption = Consumption::SINGLE;
    ride.trade.ride.cash = Some(CashItems {
        ridden_at: SCANNED_AT,
        card: CardNumber::parse("6217000000000000012").unwrap(),
        balance_after: Fen::new(4820),
        told: 0b1000_1001,
    });
    ride
}

pub(crate) fn cash_record() -> CdRecord {
    CdRecord::from_ride(cash_ride()).unwrap()
}

pub(crate) fn cash_file(count: usize) -> CdFile {
    let records = vec![cash_record(); count];
    CdFile::new(name(FileKind::CD), day(), code("11341000"), records)
}

pub(crate) fn cash_cl_file() -> ClFile {
    let record = ClRecord::notice_of_card(&cash_record(), &clearing(ResultCode::OK)).unwrap();
    ClFile::new(name(FileKind::CL), day(), code("01345810"), vec![record; 2])
}

pub(crate) fn cd_record() -> CdRecord {
    CdRecord::from_ride(cd_ride()).unwrap()
}

pub(crate) fn cd_file(count: usize) -> CdFile {
    let records = vec![cd_record(); count];
    CdFile::new(name(FileKind::CD), day(), code("11341000"), records)
}

pub(crate) fn clearing(result: ResultCode) -> Clearing {
    Clearing {
        serial: 42,
        result,
        test: TestFlag::LIVE,
        fee: FenE7::new(6_300_001),
        issuer_share: FenE7::new(1_890_003),
        acquirer_share: FenE7::new(3_150_005),
    }
}

pub(crate) fn cq_record() -> CqRecord {
    CqRecord::from_ride(ride()).unwrap()
}

pub(crate) fn cq_file(count: usize) -> CqFile {
    let records = vec![cq_record(); count];
    CqFile::new(name(FileKind::CQ), day(), code("11341000"), records)
}

pub(crate) fn fb_file() -> FbFile {
    let records = [ResultCode::OK, ResultCode::DUPLICATE]
        .map(|result| FbRecord::answer(&cq_record(), &clearing(result)));
    FbFile::new(
        name(FileKind::FB),
        day(),
        code("11341000"),
        records.to_vec(),
    )
}

pub(crate) fn cl_file() -> ClFile {
    let record = ClRecord::notice(&cq_record(), &[0x81, 0xAB], &clearing(ResultCode::OK)).unwrap();
    ClFile::new(name(FileKind::CL), day(), code("01345810"), vec![record; 2])
}

pub(crate) fn ld_file() -> LdFile {
    let records = vec![
        LdRecord::answer(7, 1, &name(FileKind::CQ).to_string(), ResultCode::OK),
        LdRecord::answer(7, 2, "CQ-what-is-this", ResultCode::FILE_NAME),
    ];
    LdFile::new(name(FileKind::LD), day(), code("11341000"), records)
}

pub(crate) fn bp_file() -> BpFile {
    let record = BpRecord::new(Fen::new(18_000), Fen::new(20_000), Fen::new(3), Fen::ZERO).unwrap();
    BpFile::new(name(FileKind::BP), day(), code("01341000"), vec![record])
}

/// One file of every kind: name and bytes.
pub(crate) fn every_file() -> Vec<(FileName, Vec<u8>)> {
    vec![
        (name(FileKind::CQ), cq_file(2).encode().unwrap()),
        (name(FileKind::FB), fb_file().encode().unwrap()),
        (name(FileKind::CL), cl_file().encode().unwrap()),
        (name(FileKind::LD), ld_file().encode().unwrap()),
        (name(FileKind::BP), bp_file().encode().unwrap()),
        (name(FileKind::CD), cd_file(2).encode().unwrap()),
        (name(FileKind::CD), cash_file(2).encode().unwrap()),
        (name(FileKind::CL), cash_cl_file().encode().unwrap()),
    ]
}

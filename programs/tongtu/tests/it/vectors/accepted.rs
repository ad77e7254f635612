//! Cases of what is accepted, of frames, and of certificates.

use tongtu_codec::hex_decode;
use tongtu_types::{BusinessDay, CardNumber, Fen, Timestamp};

use super::{Cases, SOON, published_root};
use crate::cases::{Context, FARE, Maker, T0, labelled_key, labelled_root, root_entry};
use crate::run::published;

fn china(year: i64, month: i64, day: i64) -> i64 {
    let day = BusinessDay::from_ymd(year, month, day).unwrap();
    day.start_in_china().get()
}

pub(super) fn accepted(cases: &mut Cases, maker: &Maker) {
    let a = hex_decode(&published("code_a")).unwrap();
    let b = hex_decode(&published("code_b")).unwrap();
    cases.add("R00", "published code A", &a);
    cases.add("R00", "published code B, extension of 32 bytes", &b);
    for len in [1, 31] {
        let code = maker.with(|terms| terms.extension = vec![0xA5; len]);
        cases.add("R00", &format!("extension of {len} bytes"), &code);
    }
    cases.at("R00", "last second of the validity", &a, T0 + 600);
    cases.at("R00", "20 seconds from the future", &a, T0 - 20);
    let code = maker.with(|terms| terms.validity_s = 1);
    cases.at("R00", "validity of 1 second, its last", &code, T0 + 1);
    let code = maker.with(|terms| terms.validity_s = 1200);
    cases.at(
        "R00",
        "validity of 1200 seconds, its last",
        &code,
        T0 + 1200,
    );
    let code = maker.with(|terms| terms.expires = Timestamp::new(SOON));
    cases.add("R00", "last second of the user certificate", &code);
    cases.fare("R00", "fare equal to the limit", &a, 2000);
    cases.fare("R00", "no fare, as at an entry gate", &a, 0);
    let code = maker.with(|terms| terms.limit = Fen::new(0xFF_FFFF));
    cases.fare(
        "R00",
        "fare and limit of three full bytes",
        &code,
        0xFF_FFFF,
    );
    let code = maker.with(|terms| terms.limit = Fen::new(0x01_0001));
    cases.fare("R00", "limit above two bytes is read whole", &code, 0x1000);
    let code = maker.with(|terms| terms.limit = Fen::ZERO);
    cases.fare("R00", "limit and fare of nothing", &code, 0);
    let twenty = CardNumber::parse("98765432109876543210").unwrap();
    let code = maker.with(|terms| terms.account = twenty);
    cases.add("R00", "account of 20 digits", &code);
    let account: Vec<_> = [0x31, 0x04, 0x10, 0, 0, 0, 0, 0, 0x01, 0x7F]
        .into_iter()
        .enumerate()
        .map(|(index, byte)| (136 + index, byte))
        .collect();
    let code = maker.changed(&account);
    cases.add("R00", "account of 19 digits and F", &code);
    for kind in [0x00, 0xDD] {
        let code = maker.with(|terms| terms.account_type = kind);
        cases.add("R00", &format!("account type {kind:02X}"), &code);
    }
    let code = maker.with(|terms| terms.issuer_data = Vec::new());
    cases.add("R00", "issuer data of spaces alone", &code);
    let code = maker.changed(&[(20, 0x01)]);
    cases.add("R00", "reserved encryption algorithm is not judged", &code);
    // Beyond 2038, where signed 32-bit seconds end.
    let late = 1_i64 << 31;
    let mut code = {
        let mut maker = Maker::new();
        maker.terms.expires = Timestamp::new(late + 86_400);
        maker.code(late)
    };
    (code[14], code[15]) = (0x12, 0x40);
    maker.sign_all(&mut code, &maker.root_key);
    cases.at("R00", "times beyond 2038", &code, late + 5);
}

pub(super) fn framed(cases: &mut Cases, maker: &Maker) {
    cases.add("R01", "nothing", b"");
    for lead in [0x71, 0x91, 0xFF] {
        let code = maker.changed(&[(0, lead)]);
        cases.add("R01", &format!("lead {lead:02X}"), &code);
    }
    cases.add(
        "R01",
        "a wallet's bus code, lead 02 01",
        b"\x02\x01\x01\x40",
    );
    cases.add("R01", "a wallet's ride code, lead TX", b"TXA1234567");
    cases.add("R01", "a payment code of 18 digits", b"134567890123456789");
    cases.add("R01", "a ride record, lead 00 00", &[0, 0, 0, 1, 0]);
    for lead in [0x80, 0x82, 0x8F] {
        let code = maker.changed(&[(0, lead)]);
        cases.add("R02", &format!("structure version {:X}", lead & 15), &code);
    }
    cases.add("R02", "version before length: one byte 80", &[0x80]);
    let good = maker.code(T0);
    cases.add("R03", "one byte 81", &[0x81]);
    cases.add("R03", "cut to 331 bytes", &good[..331]);
    cases.add("R03", "cut after the certificate", &good[..120]);
    let code = [&good[..], &[0]].concat();
    cases.add("R03", "one byte more", &code);
    for low in [0x48, 0x4A] {
        let code = maker.changed(&[(2, low)]);
        cases.add("R03", &format!("length field 01{low:02X}"), &code);
    }
    let code = maker.changed(&[(197, 1)]);
    cases.add("R03", "extension said, none there", &code);
    let long = maker.with(|terms| terms.extension = vec![0x20; 32]);
    let mut code = long.clone();
    code[197] = 20;
    maker.sign_all(&mut code, &maker.root_key);
    cases.add("R03", "extension length 14h for 32 bytes", &code);
    let mut code = long;
    code.push(0);
    (code[2], code[197]) = (0x6A, 33);
    cases.add("R03", "extension of 33 bytes", &code);
    let good = maker.code(T0);
    cases.full("R20", "no trusted clock", &good, None, FARE, None);
    cases.at("R20", "a clock that was never set", &good, 0);
    cases.at(
        "R20",
        "one second before the trusted clock",
        &good,
        1_577_836_799,
    );
    let later = Context {
        min_trusted_clock: Some(SOON + 1),
        ..Context::default()
    };
    cases.within("R20", "a later trusted clock", &good, SOON, later);
    let earlier = Context {
        min_trusted_clock: Some(SOON),
        ..Context::default()
    };
    cases.within("R00", "the first trusted second", &good, SOON, earlier);
    cases.full("R03", "length before clock", &[0x81], None, FARE, None);
    let code = maker.changed(&[(3, 0x21)]);
    cases.full("R20", "clock before certificate", &code, None, FARE, None);
}

pub(super) fn certificates(cases: &mut Cases, maker: &Maker) {
    for (at, value, what) in [
        (3, 0x21, "record header 21"),
        (4, 0x02, "another service"),
        (9, 0x11, "certificate format 11"),
        (10, 0x0A, "issuer with a nibble A"),
        (14, 0x00, "month 00"),
        (14, 0x13, "month 13"),
        (15, 0x3F, "year with a nibble F"),
        (19, 0x01, "signature algorithm 01"),
        (21, 0x11, "key parameter 11"),
        (22, 0x40, "key length 40"),
    ] {
        let code = maker.changed(&[(at, value)]);
        cases.add("R04", what, &code);
    }
    let code = maker.changed(&[(4, 0x02)]);
    let other = Context {
        service_id: Some("02010000"),
        ..Context::default()
    };
    cases.within(
        "R00",
        "another service where it is served",
        &code,
        SOON,
        other,
    );
    let code = maker.changed(&[(13, 0x01)]);
    cases.add("R05", "an issuer that is not listed", &code);
    let good = maker.code(T0);
    let nobody = Context {
        accepted_issuers: Some(Vec::new()),
        ..Context::default()
    };
    cases.within("R05", "an empty list of issuers", &good, SOON, nobody);

    // Certificate months end with their last second in China.
    let end = china(2026, 2, 1);
    let mut maker_january = Maker::new();
    maker_january.terms.expires = Timestamp::new(end + 86_400);
    let mut code = maker_january.code(end - 5);
    (code[14], code[15]) = (0x01, 0x26);
    maker.sign_all(&mut code, &maker.root_key);
    cases.at(
        "R00",
        "last second of the certificate month",
        &code,
        end - 1,
    );
    cases.at(
        "R06",
        "first second after the certificate month",
        &code,
        end,
    );
    let code = maker.changed(&[(14, 0x12), (15, 0x25)]);
    cases.add("R06", "12/25 is before 01/26", &code);

    let code = maker.changed(&[(8, 0x17)]);
    cases.add("R07", "another CA index", &code);
    let none = Context {
        roots: Some(Vec::new()),
        ..Context::default()
    };
    cases.within("R07", "no roots", &good, SOON, none);
    let mut broken = published_root();
    broken.cert_hex.replace_range(286.., "00");
    let broken = Context {
        roots: Some(vec![broken]),
        ..Context::default()
    };
    cases.within(
        "R07",
        "a root that does not verify is not loaded",
        &good,
        SOON,
        broken,
    );
    let january = Context {
        roots: Some(vec![root_entry(&maker.root_key, 2, "0126")]),
        ..Context::default()
    };
    let code = maker_january.code(end - 5);
    let (before, after) = (end - 1, end);
    cases.within(
        "R00",
        "last second of the root month",
        &code,
        before,
        january.clone(),
    );
    cases.within(
        "R07",
        "first second after the root month",
        &code,
        after,
        january,
    );

    // Two roots at once; the index in the code chooses.
    let second = labelled_key("second root");
    let two = Context {
        roots: Some(vec![
            published_root(),
            labelled_root("second root", 0x17, "1240"),
        ]),
        ..Context::default()
    };
    let mut code = maker.code(T0);
    code[8] = 0x17;
    maker.sign_all(&mut code, &second);
    cases.within(
        "R00",
        "a second root by its index",
        &code,
        SOON,
        two.clone(),
    );
    let mut code = maker.code(T0);
    maker.sign_all(&mut code, &second);
    cases.within(
        "R08",
        "signed by the root of another index",
        &code,
        SOON,
        two,
    );
}

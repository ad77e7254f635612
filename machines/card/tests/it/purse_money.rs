//! The e-purse cases of the conformance catalogue that run by themselves, one row a case: load, purchase, composite
//! purchase, second ticket.
//!
//! A case begins with a fresh test card P1, selected. Where the catalogue leaves the answer to
//! the declaration, the answer here is what we declare.

use tongtu_crypto::Algorithm;
use tongtu_purse::field::{Amount, Limit};
use tongtu_purse::profile::{KeyIndex, Profile, Settings, Wallet};

use crate::purse::{Bench, run};

#[test]
fn load() {
    run(&[
        (
            "EP-LOD-01",
            "V1
            805C000204 -> 00001388 9000
            00B201C417 -> 0001 000000 00001388 02 000000000001 20261122 093000 9000
            805A000202 0001 08 -> E8DC1C9B AC2E23D2 9000
            init load 01 0 -> 00001388 0001*9000",
        ),
        ("EP-LOD-03", "init load 0F 1 -> 9403"),
        (
            "EP-LOD-04",
            "init load 01 64 -> 00000000 0000*9000
            finish! -> 9302
            finish -> 6985
            805C000204 -> 00000000 9000
            init load 01 64 -> 00000000 0000*9000",
        ),
        ("EP-LOD-05", "805200000B 20261122 093000 E8DC1C9B -> 6985"),
        (
            "EP-LOD-06",
            "init load 01 64 -> *9000
            805C000204 -> 00000000 9000
            finish -> 6985
            805C000204 -> 00000000 9000",
        ),
        (
            "EP-LOD-06, bytes that no application reads",
            "init load 01 64 -> *9000
            00B0 -> 6700
            finish -> 6985
            init load 01 64 -> *9000
            00B095000102030405 -> 6700
            finish -> 6985
            init load 01 64 -> *9000
            FF000000 -> 6E00
            finish -> 6985",
        ),
        (
            "an end with another Le is said again",
            "805000020B 01 00001388 000000000001 10 | A1B2C3D4 -> *9000
            805200000B 20261122 093000 E8DC1C9B 05 -> 6C04
            805C000204 -> 00000000 9000
            805200000B 20261122 093000 E8DC1C9B 04 -> 6985
            805000020B 01 00001388 000000000001 10 | A1B2C3D4 -> *9000
            805200000B 20261122 093000 E8DC1C9B 05 -> 6C04
            805200000B 20261122 093000 E8DC1C9B 04 -> AC2E23D2 9000
            805001020B 01 000000C8 000000000001 0F | B1B2B3B4 -> *9000
            805401000F 00000001 20261122 093100 8051B631 04 -> 6C08
            805401000F 00000001 20261122 093100 8051B631 08 -> 8489B4F8 EAD571DD 9000",
        ),
        (
            "EP-LOD-07",
            "805000020B 01 00001388 000000000001 10 | A1B2C3D4 -> *9000
            805000020B 01 00001388 000000000001 10 | A1B2C3D5 -> *9000
            805200000B 20261122 093000 E8DC1C9B -> 9302",
        ),
        (
            "EP-LOD-08",
            "init load 01 186A1 -> 6985
            init load 01 186A0 -> *9000
            finish -> *9000
            init load 01 1 -> 6985
            805C000204 -> 000186A0 9000",
        ),
        (
            "EP-LOD-09",
            "init load 01 0 -> *9000
            finish -> *9000
            805C000204 -> 00000000 9000
            init load 01 0 -> 00000000 0001*9000",
        ),
        (
            "EP-LOD-12",
            "805000020A 01 00001388 0000000001 10 -> 6700
            805000020C 01 00001388 000000000001 00 10 -> 6700
            805000020B 01 00001388 000000000001 -> *9000
            805000020B 01 00001388 000000000001 11 -> 6C10
            805C0002 -> 6700",
        ),
    ]);
}

#[test]
fn load_with_a_pin_and_at_the_last_sequence() {
    let mut profile = Profile::test();
    profile.settings.pin_for_load = 1;
    profile.settings.zero_load = 0;
    let mut bench = Bench::of(&profile);
    bench.play_case(
        "EP-LOD-02",
        "init load 01 1 -> 6982
         init unload 01 0 -> 6982
         init pay 01 0 -> *9000
         0020000003 123456 -> 9000
         init load 01 1 -> *9000
         finish -> *9000
         init load 01 0 -> 6A80
         00A4040008A000000632010105 -> *9000
         init load 01 1 -> 6982",
    );
    let mut bench = Bench::new();
    bench.preset(1, 9, &[0xFF, 0xFF]);
    bench.play_case(
        "EP-LOD-10",
        "init load 01 1 -> 9402\ninit pay 01 0 -> *9000",
    );
    let mut bench = Bench::new();
    bench.preset(1, 11, &[0xFF, 0xFE]);
    bench.play_case(
        "EP-PUR-11",
        "init pay 01 0 -> 00000000 FFFE*9000
         finish -> *9000
         init pay 01 0 -> 9402
         init ride 01 0 -> 9402",
    );
}

#[test]
fn purchase() {
    run(&[
        (
            "EP-PUR-01",
            "V1
            V2
            805C000204 -> 000012C0 9000
            00B201C417 -> 0001 000000 000000C8 06 000000000001 20261122 093100 9000
            805A000602 0001 08 -> EAD571DD 8489B4F8 9000",
        ),
        ("EP-PUR-02", "init pay 01 1 -> 9401"),
        (
            "EP-PUR-03",
            "V1
            init pay 01 1388 -> *9000
            finish -> *9000
            805C000204 -> 00000000 9000",
        ),
        (
            "EP-PUR-04",
            "V1
            init pay 01 C8 -> *9000
            finish! -> 9302
            805C000204 -> 00001388 9000",
        ),
        (
            "EP-PUR-05",
            "init pay 01 0 -> *9000
            finish! -> 9302
            init pay 01 0 -> *9000
            finish! -> 9302
            init pay 01 0 -> *9000
            finish! -> 9303
            init pay 01 0 -> 9303",
        ),
        (
            "EP-PUR-05, a right one between",
            "init pay 01 0 -> *9000
            finish! -> 9302
            init pay 01 0 -> *9000
            finish! -> 9302
            init pay 01 0 -> *9000
            finish -> *9000
            init pay 01 0 -> *9000
            finish! -> 9302",
        ),
        (
            "EP-PUR-06",
            "805401000F 00000001 20261122 093100 8051B631 -> 6985",
        ),
        ("EP-PUR-07", "init pay 0F 0 -> 9403"),
        (
            "EP-PUR-08",
            "init pay 01 0 -> *9000
            finish -> *9000
            finish -> 6985",
        ),
        (
            "EP-PUR-09",
            "init pay 01 0 -> 00000000 0000*9000
            finish -> *9000
            init pay 01 0 -> 00000000 0001*9000",
        ),
        (
            "EP-PUR-10",
            "V1
            init pay 01 FFFFFFFF -> 9401
            init pay 01 80000000 -> 9401
            805C000204 -> 00001388 9000",
        ),
        (
            "EP-PUR-13",
            "init pay 01 0 -> *9000
            finish -> *9000
            init pay 01 0 -> *9000
            finish -> *9000
            805A000602 0001 08 -> 9406
            805A000602 0002 08 -> *9000
            805A000902 0002 08 -> 9406
            reset
            00A4040008A000000632010105 -> *9000
            805A000602 0002 08 -> *9000",
        ),
        (
            "EP-PUR-15",
            "seal 04D69518 20200101 -> 9000
            init pay 01 0 -> *9000",
        ),
        (
            "EP-PUR-16",
            "seal 841E0000 -> 9000
            init pay 01 0 -> 6985",
        ),
        (
            "EP-PUR-17",
            "init pay 01 0 -> 00000000 0000 000000 01 00 xxxxxxxx 9000",
        ),
        (
            "wrong Le ends it and changes nothing",
            "init pay 01 0 -> *9000
            805401000F 00000001 20261122 093100 8051B631 07 -> 9302
            init pay 01 0 -> 00000000 0000*9000",
        ),
        (
            "unload",
            "V1
            init unload 01 1389 -> 9401
            init unload 01 1388 -> 00001388 0001*9000
            finish! -> 9302
            init unload 01 1388 -> 00001388 0001*9000
            finish -> xxxxxxxx 9000
            805C000204 -> 00000000 9000
            805A000302 0002 08 -> xxxxxxxxxxxxxxxx 9000
            00B201C417 -> 0002 000000 00001388 03*9000",
        ),
        (
            "change of the overdraft limit",
            "805004020B 01 00000000 000000000001 -> 6A81
            8058000007 00000000000000 -> 6A81",
        ),
    ]);
}

#[test]
fn purchase_with_sm4() {
    let mut bench = Bench::of(&Profile::test_with(Algorithm::Sm4));
    bench.play_case(
        "EP-PUR-18",
        "init load 01 1388 -> 00000000 0000 01 04*9000
         finish -> *9000
         init pay 01 C8 -> 00001388 0000 000000 01 04*9000
         finish -> *9000
         805C000204 -> 000012C0 9000
         init ride 01 C8 -> *9000
         finish! -> 9302
         seal 04D6951C 0102 -> 9000
         unblock 223344 -> 9000
         0020000003 223344 -> 9000
         challenge 8 -> *9000
         external -> 9000",
    );
}

#[test]
fn both_algorithm_sets_stand_side_by_side() {
    let mut profile = Profile::test();
    profile
        .indexes
        .push(KeyIndex::purse(0x11, Algorithm::Sm4, 1));
    Bench::of(&profile).play(
        "805001020B 01 00000000 000000000001 0F -> 00000000 0000 000000 01 00*9000
         805001020B 11 00000000 000000000001 0F -> 00000000 0000 000000 01 04*9000",
    );
}

#[test]
fn an_overdraft_limit_can_be_spent() {
    let mut profile = Profile::test();
    profile.settings.overdraft = Limit::new(1000).expect("three bytes");
    Bench::of(&profile).play(
        "805C000204 -> 000003E8 9000
         init pay 01 3E9 -> 9401
         init pay 01 12C -> 000003E8 0000 0003E8*9000
         finish -> *9000
         805C000204 -> 000002BC 9000
         805C010204 -> 000003E8 9000
         805C020204 -> 0000012C 9000
         805C030204 -> 00000000 9000
         init unload 01 1 -> 9401
         init load 01 190 -> 000002BC*9000
         finish -> *9000
         805C030204 -> 00000064 9000
         00B201C417 -> 0001 0003E8 00000190 02*9000",
    );
}

/// A record of file 0x1A with an id and a state.
fn composite(id: &str, state: &str) -> String {
    format!("{id}7D010000 0000000000000000 {state} {}", "00".repeat(113))
}

fn cached(record: &str, data: &str) -> String {
    let len = data.split_whitespace().collect::<String>().len() / 2;
    format!("80DC{record}{len:02X} {data}")
}

#[test]
fn composite_purchase() {
    let third = cached("03D0", &composite("2703", "01"));
    let rail = cached("01D0", &composite("2701", "01"));
    let unknown = cached("FFD0", &composite("27FF", "01"));
    let by_number = cached("01D0", &composite("27FF", "01"));
    let long = cached("03D0", &format!("{}00", composite("2703", "01")));
    let short_count = cached("03D0", &composite("2703", "01").replacen("7D", "7C", 1));
    let trip = cached("00F0", &format!("03{}", "11".repeat(47)));
    let locked = composite("2703", "00").replacen("7D010000", "7D010001", 1);
    let cases = [
        ("EP-CAP-01", format!("V1
            V2
            805003020B 01 0000012C 000000000001 0F | C1C2C3C4 -> 000012C0 0001 000000 01 00 C1C2C3C4 9000
            {third} -> 9000
            805401000F 00000002 20261122 093200 85D826FC 08 -> 1963C2AD 6A054653 9000
            805C000204 -> 00001194 9000
            00B203D400 -> 27037D010000 0000000000000000 01*9000
            00B201C417 -> 0002 000000 0000012C 09*9000
            805A000902 0002 08 -> 6A054653 1963C2AD 9000")),
        ("EP-CAP-02", format!("init ride 01 0 -> *9000
            {third} -> 9000
            reset
            00A4040008A000000632010105 -> *9000
            00B203D400 -> 27037D010000 0000000000000000 00*9000
            805A000902 0001 08 -> 9406")),
        ("EP-CAP-03", format!("{third} -> 6985
            init pay 01 0 -> *9000
            {third} -> 6985
            finish -> 6985")),
        ("EP-CAP-04", "init ride 01 0 -> *9000\nfinish -> *9000".into()),
        ("EP-CAP-05", format!("init ride 01 0 -> *9000
            {rail} -> 9000
            {third} -> 9000
            finish -> *9000
            00B201D400 -> 27017D010000 0000000000000000 01*9000
            00B203D400 -> 27037D010000 0000000000000000 01*9000")),
        ("EP-CAP-06", format!("init ride 01 0 -> *9000
            {unknown} -> 6A83
            finish -> 6985
            init ride 01 0 -> *9000
            {by_number} -> 6A80
            finish -> 6985")),
        ("EP-CAP-07", format!("init ride 01 0 -> *9000
            {long} -> 6700
            finish -> 6985
            init ride 01 0 -> *9000
            {short_count} -> 6A80")),
        ("EP-CAP-08", format!("seal 04DC03D4 {locked} -> 9000
            init ride 01 0 -> *9000
            {third} -> 6985
            finish -> 6985
            seal 04DC03D4 {} -> 9000
            init ride 01 0 -> *9000
            {third} -> 9000", composite("2703", "00"))),
        ("EP-CAP-10", format!("V1
            init ride 01 0 -> *9000
            {rail} -> 9000
            {trip} -> 9000
            finish -> *9000
            805C000204 -> 00001388 9000
            00B201D400 -> 27017D010000 0000000000000000 01*9000
            00B201F430 -> 0311*9000")),
        ("EP-CAP-11", format!("V1
            init ride 01 0 -> *9000
            {rail} -> 9000
            finish -> *9000
            init ride 01 12C -> *9000
            {} -> 9000
            {trip} -> 9000
            finish -> *9000
            805C000204 -> 0000125C 9000
            00B201D400 -> 27017D010000 0000000000000000 02*9000
            00B201F430 -> 0311*9000", cached("01D0", &composite("2701", "02")))),
        ("EP-CAP-13", format!("seal 04E200D0 {} -> 9000
            00B204D400 -> 2704*9000
            seal 04E200D0 {} -> 6A84
            seal! 04DC04D4 {} -> 6988
            seal 04DC04D4 {} -> 9000
            00B204D400 -> 2704*01{}9000",
            composite("2704", "00"), composite("2705", "00"), composite("2704", "01"),
            composite("2704", "01"), "00".repeat(113))),
        ("files that are no part of it", format!("init ride 01 0 -> *9000
            {} -> 6A82
            init ride 01 0 -> *9000
            {} -> 6A83
            init ride 01 0 -> *9000
            {} -> 9000
            finish -> *9000
            00B201CC00 -> FA02 9000
            00E200F030 {} -> 6982
            seal 04E200F0 {} -> 6982
            seal 04E200C0 {} -> 6982",
            cached("00C0", &"00".repeat(23)), cached("02C8", "FA02"), cached("01C8", "FA02"),
            "00".repeat(48), "00".repeat(48), "00".repeat(23))),
    ];
    for (case, script) in &cases {
        Bench::new().play_case(case, script);
    }
}

#[test]
fn the_trip_log_keeps_thirty() {
    let mut bench = Bench::new();
    for i in 0..31 {
        let trip = cached("00F0", &format!("{i:02X}{}", "00".repeat(47)));
        bench.play_case(
            "EP-CAP-12",
            &format!("init ride 01 0 -> *9000\n{trip} -> 9000\nfinish -> *9000"),
        );
    }
    bench.play_case(
        "EP-CAP-12",
        "00B201F430 -> 1E*9000
         00B21EF430 -> 01*9000
         00B21FF430 -> 6A83",
    );
}

#[test]
fn profiles_change_what_the_card_knows_and_allows() {
    let mut profile = Profile::test();
    profile.settings = Settings {
        balance_kinds: 0x03,
        balance_max: Amount::new(100),
        money_failures_max: 1,
        ..Settings::plain()
    };
    Bench::of(&profile).play(
        "805C010204 -> 00000000 9000
         805C030204 -> 6A86
         init load 01 65 -> 6985
         init load 01 64 -> *9000
         finish! -> 9303",
    );
}

/// A profile with a second ticket of three rides, at key index 03 with the keys of 01.
fn with_ticket() -> Profile {
    let mut profile = Profile::test();
    profile.ticket = Some((3, 10));
    profile.indexes.push(KeyIndex {
        wallet: Wallet::Ticket,
        index: 3,
        ..KeyIndex::purse(1, Algorithm::Tdes, 1)
    });
    profile
}

/// The mechanism only: no public text says what a second ticket's values are.
#[test]
fn a_second_ticket_is_a_second_value_in_the_same_commit() {
    for (case, script) in [
        (
            "EPT-02",
            "V1
            init load 03 8 -> 6985
            init load 03 7 -> 00000003 0001*9000
            finish -> *9000
            init pay 03 0 -> 0000000A*9000
            805C000204 -> 00001388 9000",
        ),
        (
            "EPT-04, EPT-13",
            "V1
            init ride 03 1 -> 00000003 0000*9000
            finish -> *9000
            805A000902 0001 08 -> *9000
            init ride 03 0 -> 00000002 0001*9000
            805C000204 -> 00001388 9000
            00B201C417 -> 0001 000000 00000001 09*9000",
        ),
        (
            "EPT-05, EPT-09",
            "V1
            init ride 03 4 -> 9401
            init ride 01 C8 -> 00001388*9000
            finish -> *9000
            init ride 01 FFFF -> 9401",
        ),
        (
            "EPT-12",
            "init ride 03 1 -> *9000
            finish! -> 9302
            init ride 03 0 -> 00000003 0000*9000",
        ),
    ] {
        Bench::of(&with_ticket()).play_case(case, script);
    }
    Bench::new().play_case("EPT-14", "init ride 03 0 -> 9403");
}

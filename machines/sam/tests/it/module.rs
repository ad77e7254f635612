//! The module's answers, command by command.

use tongtu_codec::hex_encode;
use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamRequest};
use tongtu_purse::field::{Date, DateTime};
use tongtu_sam::{OpenError, SoftPsam};
use tongtu_testkit::tear::Chip;

use crate::bench::{Cells, SIZE, array, bytes, credit, entry, made, profile, send};

/// A dialogue: one command and its answer a row, in hex; `*` stands for any data.
fn plays(module: &mut SoftPsam<Cells>, rows: &str) {
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (command, expected) = row.split_once("->").expect("a command and an answer");
        let answer = send(module, &bytes(command)).expect("power stays");
        assert_eq!(
            hex_encode(&answer),
            hex_encode(&bytes(expected)),
            "{command}"
        );
    }
}

const FACTORS: &str = "4899999900000017 02905810FFFFFFFF";

const FCI: &str = "6F14 8410 A000000632 4D4F542E435053414D3031 A500";

/// The entry of the derived chain, without Le.
const ENTRY: &str = "8070000024 A1B2C3D4 0007 00000000 09 20250601 080000 01 00 \
    4899999900000017 02905810FFFFFFFF";

#[test]
fn a_terminal_starts_and_an_entry_has_the_codes_of_the_derived_chain() {
    let mut module = made(&profile());
    plays(
        &mut module,
        &format!(
            "00A40000023F00 -> 9000
             00B095000A -> 54545053414D00000001 9000
             00B0960006 -> 581000000001 9000
             00A40000028011 -> 6116
             00C0000016 -> {FCI} 9000
             00B0970019 -> 01 01011000FFFFFFFF 01011000FFFFFFFF 20200101 20401231 9000
             {ENTRY} 08 -> 00000101 67C0FD5B 9000
             8072000004 5A59B7B7 -> 9000
             8072000004 5A59B7B7 -> 6985"
        ),
    );
}

#[test]
fn a_wrong_mac2_is_told_and_ends_the_purchase() {
    let mut module = made(&profile());
    plays(
        &mut module,
        &format!(
            "00A4040010 A000000632 4D4F542E435053414D3031 00 -> {FCI} 9000
             {ENTRY} -> 6108
             00C0000004 -> 6C08
             00C0000008 -> 00000101 67C0FD5B 9000
             8072000004 5A59B7B6 -> 9302
             8072000004 5A59B7B7 -> 6985"
        ),
    );
    assert_eq!(module.tries_left(), 14);
}

#[test]
fn sm4_and_later_purchases_have_their_codes() {
    let mut module = made(&profile());
    plays(
        &mut module,
        &format!(
            "00A4000002801100 -> {FCI} 9000
             8070000024 A1B2C3D4 0007 00000000 09 20250601 080000 01 04 {FACTORS} 00 -> \
                00000101 DE7F00D9 9000
             8072000004 E64B7379 -> 9000"
        ),
    );
    let mut elsewhere = profile();
    elsewhere.first_sequence = 0x103;
    let mut module = made(&elsewhere);
    plays(
        &mut module,
        &format!(
            "00A4000002801100 -> {FCI} 9000
             8070000024 5A5A1234 0009 000000C8 06 20250601 090000 01 01 {FACTORS} 00 -> \
                00000103 8EE09FDB 9000
             8072000004 4C35E671 -> 9000"
        ),
    );
}

/// The published values of secure messaging, with the key as it is and with SM4.
#[test]
fn macs_of_commands_are_those_of_the_published_examples() {
    let mut module = made(&profile());
    plays(
        &mut module,
        &format!(
            "00A4000002801100 -> {FCI} 9000
             801A255008 0000000000000000 -> 9000
             80FA050010 11223344 00000000 841E000004 800000 00 -> 91E4C081 9000
             80FA050010 11223344 00000000 8418000004 800000 04 -> DE8DF901 9000
             80FA050010 11223344 00000000 04D6960005 01 8000 -> 6104
             00C0000004 -> C8C7D5D7 9000
             80FA000008 0000000000000000 00 -> 6982
             80FA050010 11223344 00000000 8416000004 800000 00 -> 6985
             801A255108 0000000000000000 -> 9000
             80FA050020 11223344 000000000000000000000000 841E000004 {PAD} 00 -> 7AFC22A9 9000
             80FA050018 11223344 000000000000000000000000 841E000004 800000 00 -> 6700",
            PAD = "8000000000000000000000"
        ),
    );
}

#[test]
fn debug_shows_no_key_and_no_session() {
    let mut module = made(&profile());
    module
        .ask(&PsamRequest::Purchase(entry()))
        .expect("a good purchase");
    let shown = format!("{module:?}").to_ascii_uppercase();
    assert!(shown.contains("KCV"), "{shown}");
    for key in &profile().keys {
        assert!(!shown.contains(&hex_encode(&key.bytes[..]).to_ascii_uppercase()));
        assert!(!shown.contains(&format!("{:?}", &key.bytes[..]).to_ascii_uppercase()));
    }
}

#[test]
fn after_too_many_wrong_mac2_the_module_is_locked_and_stays_so() {
    let mut strict = profile();
    strict.mac2_failures_max = 3;
    let chip = Chip::new(SIZE);
    let mut module = SoftPsam::manufacture(Cells(chip.clone()), &strict).expect("it fits");
    let buy = PsamRequest::Purchase(entry());
    let fails = |module: &mut SoftPsam<Cells>| {
        let Ok(PsamAnswer::Permit {
            terminal_sequence, ..
        }) = module.ask(&buy)
        else {
            panic!("not locked yet");
        };
        module.ask(&credit(terminal_sequence, "00000000"))
    };
    let wrong = Err(PsamFault::Mac2 { tries_left: None });
    assert_eq!(fails(&mut module), wrong);
    assert_eq!(fails(&mut module), wrong);
    assert_eq!(module.tries_left(), 1);
    assert_eq!(fails(&mut module), wrong);
    assert_eq!(module.ask(&buy), Err(PsamFault::Locked));
    drop(module);
    let mut module = SoftPsam::power_up(Cells(chip)).expect("a module");
    assert_eq!(module.ask(&buy), Err(PsamFault::Locked));
    plays(
        &mut module,
        &format!(
            "00A4000002801100 -> {FCI} 9000
             8072000004 00000000 -> 9303
             801A255008 0000000000000000 -> 9303
             00A40000023F00 -> 9000
             00B095000A -> 54545053414D00000001 9000"
        ),
    );
}

#[test]
fn a_right_mac2_takes_wrong_ones_back() {
    let mut module = made(&profile());
    module.ask(&PsamRequest::Purchase(entry())).expect("good");
    let _ = module.ask(&credit(0x101, "00000000"));
    assert_eq!(module.tries_left(), 14);
    let mut other = entry();
    other.random = array("00000000");
    let Ok(PsamAnswer::Permit { .. }) = module.ask(&PsamRequest::Purchase(other)) else {
        panic!("a good purchase");
    };
    let mut model = crate::bench::told(&profile());
    model.next = 0x102;
    model.apdu(&bytes("00A4000002801100"));
    model.apdu(&bytes(&format!(
        "8070000024 00000000 0007 00000000 09 20250601 080000 01 00 {FACTORS} 08"
    )));
    let mac2 = hex_encode(&model.mac2().expect("awaited"));
    assert_eq!(module.ask(&credit(0x102, &mac2)), Ok(PsamAnswer::Credited));
    assert_eq!(module.tries_left(), 15);
}

#[test]
fn no_purchase_outside_the_module_s_dates() {
    let mut module = made(&profile());
    let mut late = entry();
    late.at = DateTime(array("20410101080000"));
    assert_eq!(
        module.ask(&PsamRequest::Purchase(late)),
        Err(PsamFault::Dates {
            day: Date(array("20410101")),
            starts: Date(array("20200101")),
            expires: Date(array("20401231")),
        })
    );
    assert_eq!(module.next_sequence(), 0x101, "nothing was given");
}

#[test]
fn a_used_up_module_gives_no_sequence_twice() {
    let mut old = profile();
    old.first_sequence = u32::MAX - 1;
    let mut module = made(&old);
    let buy = PsamRequest::Purchase(entry());
    assert!(matches!(
        module.ask(&buy),
        Ok(PsamAnswer::Permit {
            terminal_sequence: 0xFFFF_FFFE,
            ..
        })
    ));
    for _ in 0..3 {
        assert_eq!(module.ask(&buy), Err(PsamFault::Exhausted));
    }
}

#[test]
fn a_credit_of_an_overtaken_purchase_is_told_apart_and_harms_nothing() {
    let mut module = made(&profile());
    let buy = PsamRequest::Purchase(entry());
    module.ask(&buy).expect("good");
    module.ask(&buy).expect("good");
    assert_eq!(
        module.ask(&credit(0x101, "5A59B7B7")),
        Err(PsamFault::Superseded {
            asked: 0x101,
            awaited: Some(0x102),
        })
    );
    assert_eq!(module.tries_left(), 15);
    assert_eq!(
        module.ask(&credit(0x102, "00000000")),
        Err(PsamFault::Mac2 { tries_left: None }),
        "the latest one is still awaited"
    );
}

#[test]
fn keys_that_are_not_there_and_other_levels_are_refused() {
    let mut module = made(&profile());
    let buy = |version, algorithm| {
        PsamRequest::Purchase(tongtu_psam::PurchaseRequest {
            key_version: version,
            algorithm,
            ..entry()
        })
    };
    for (version, algorithm) in [(9, 0), (1, 7), (2, 0), (3, 4), (4, 4)] {
        assert_eq!(
            module.ask(&buy(version, algorithm)),
            Err(PsamFault::Key { version, algorithm }),
            "{version} {algorithm}"
        );
    }
    assert!(
        module.ask(&buy(4, 0)).is_ok(),
        "a flat key takes any factors"
    );
}

#[test]
fn a_purchase_key_is_not_had_by_delivery_key() {
    let mut module = made(&profile());
    plays(
        &mut module,
        &format!("00A4000002801100 -> {FCI} 9000\n801A400110 {FACTORS} -> 9403"),
    );
}

#[test]
fn memory_without_a_module_is_not_opened() {
    let blank = SoftPsam::power_up(Cells(Chip::new(SIZE)));
    assert!(matches!(blank, Err(OpenError::Memory(_))));
    let small = SoftPsam::manufacture(Cells(Chip::new(256)), &profile());
    assert!(matches!(
        small,
        Err(OpenError::Room(_) | OpenError::Memory(_))
    ));
    let journal = tongtu_card::journal::Nvm::format(Cells(Chip::new(SIZE))).expect("formatted");
    let other = SoftPsam::power_up(journal.into_memory());
    assert!(matches!(other, Err(OpenError::NotAModule)));
}

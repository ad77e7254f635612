use proptest::prelude::*;
use tongtu_apdu::StatusWord;

use super::*;
use crate::{CryptogramKind, tag};

fn there_and_back<C: CardCommand + PartialEq + core::fmt::Debug>(value: C) {
    let command = value.to_command();
    let bytes = command.encode().expect("short");
    let again = Command::parse(&bytes).expect("our own bytes");
    assert_eq!(C::from_command(&again), Ok(value));
}

#[test]
fn every_command_goes_there_and_back() {
    there_and_back(GetProcessingOptions {
        values: vec![1; 33],
    });
    there_and_back(GetProcessingOptions { values: vec![] });
    there_and_back(ReadRecord { sfi: 30, number: 9 });
    there_and_back(GetData { tag: tag::BALANCE });
    there_and_back(GenerateAc {
        kind: CryptogramKind::Online,
        values: vec![0; 31],
    });
    there_and_back(ExternalAuthenticate {
        cryptogram: [7; 8],
        arc: *b"00",
    });
    there_and_back(InternalAuthenticate {
        values: vec![1, 2, 3, 4],
    });
    there_and_back(GetChallenge { len: 4 });
    there_and_back(Verify { block: [0x24; 8] });
    there_and_back(PutData {
        tag: tag::BALANCE,
        value: vec![0; 6],
        mac: [1, 2, 3, 4],
    });
    there_and_back(UpdateRecord {
        sfi: 2,
        number: 1,
        record: vec![0x70, 0],
        mac: [0; 4],
    });
    there_and_back(ApplicationBlock { mac: [1; 4] });
    there_and_back(ApplicationUnblock { mac: [2; 4] });
    there_and_back(PinChange {
        kind: PinChangeKind::Change,
        data: vec![0; 16],
        mac: [0; 4],
    });
    there_and_back(PinChange {
        kind: PinChangeKind::Unblock,
        data: vec![],
        mac: [0; 4],
    });
    there_and_back(ReadCappData {
        sfi: 0x19,
        id: [0, 1],
        random: None,
    });
    there_and_back(ReadCappData {
        sfi: 0x19,
        id: [0, 1],
        random: Some([5; 8]),
    });
    there_and_back(UpdateCappCache {
        sfi: 0x1E,
        record: vec![0; 48],
        mac: [0; 4],
    });
    there_and_back(AppendRecord {
        sfi: 0x19,
        enciphered_key: [1; 16],
        record: vec![0, 1, 1, 0],
        mac: [0; 4],
    });
    there_and_back(GetTransProve { atc: 0x0ADC });
}

#[test]
fn the_bytes_are_those_that_terminals_send() {
    let hex = |command: Command| tongtu_codec::hex_encode(&command.encode().expect("short"));
    assert_eq!(
        hex(GetData { tag: tag::BALANCE }.to_command()),
        "80ca9f7900"
    );
    assert_eq!(
        hex(ReadRecord { sfi: 7, number: 3 }.to_command()),
        "00b2033c00"
    );
    assert_eq!(
        hex(GetTransProve { atc: 0x12 }.to_command()),
        "805a000002001208"
    );
    let read = ReadCappData {
        sfi: 0x19,
        id: [0, 1],
        random: None,
    };
    assert_eq!(hex(read.to_command()), "80b400c802000100");
    let block = sign(
        ApplicationBlock { mac: [0; 4] }.to_command(),
        |header, data| {
            assert_eq!((header, data), ([0x84, 0x1E, 0, 0, 4], &[][..]));
            [1, 2, 3, 4]
        },
    );
    assert_eq!(hex(block), "841e00000401020304");
}

/// Wrong class, parameters and length answer in this order, each with its status word.
fn refuses<C: CardCommand + core::fmt::Debug>(good: &Command) {
    let status = |command: &Command| C::from_command(command).map(|_| ()).map_err(|m| m.status());
    assert_eq!(status(good), Ok(()), "{}", C::NAME);
    let mut class = good.clone();
    class.cla = 0xA0;
    class.p1 ^= 0xFF;
    assert_eq!(
        status(&class),
        Err(StatusWord::CLA_NOT_SUPPORTED),
        "{}",
        C::NAME
    );
    let mut ins = good.clone();
    ins.ins ^= 0x11;
    assert_eq!(
        status(&ins),
        Err(StatusWord::INS_NOT_SUPPORTED),
        "{}",
        C::NAME
    );
    let mut p2 = good.clone();
    p2.p2 = 0xFF;
    p2.p1 = 0x9F;
    assert_eq!(status(&p2), Err(StatusWord::WRONG_P1P2), "{}", C::NAME);
    assert!(C::STATUS.iter().any(|row| row.sw == StatusWord::OK));
    for (i, row) in C::STATUS.iter().enumerate() {
        assert!(
            C::STATUS[..i].iter().all(|other| other.sw != row.sw),
            "{}",
            C::NAME
        );
    }
}

#[test]
fn each_command_refuses_class_instruction_and_parameters_in_order() {
    let command =
        |hex: &str| Command::parse(&tongtu_codec::hex_decode(hex).expect("hex")).expect("APDU");
    refuses::<GetProcessingOptions>(&command("80A8000003830101"));
    refuses::<ReadRecord>(&command("00B2011400"));
    refuses::<GetData>(&command("80CA9F7900"));
    refuses::<GenerateAc>(&command("80AE4000010100"));
    refuses::<ExternalAuthenticate>(&command("008200000A01020304050607083030"));
    refuses::<InternalAuthenticate>(&command("00880000040102030400"));
    refuses::<GetChallenge>(&command("0084000008"));
    refuses::<Verify>(&command("00200080082412345FFFFFFFFF"));
    refuses::<PutData>(&command("04DA9F790A00000000000001020304"));
    refuses::<UpdateRecord>(&command("04DC011406700001020304"));
    refuses::<ApplicationBlock>(&command("841E00000401020304"));
    refuses::<ApplicationUnblock>(&command("841800000401020304"));
    refuses::<PinChange>(&command("842400000401020304"));
    refuses::<ReadCappData>(&command("80B400C802000100"));
    refuses::<UpdateCappCache>(&command("84DE00C805AA01020304"));
    refuses::<GetTransProve>(&command("805A000002000108"));
}

#[test]
fn a_wrong_length_is_said() {
    let status = |hex: &str| -> StatusWord {
        let command = Command::parse(&tongtu_codec::hex_decode(hex).expect("hex")).expect("APDU");
        let refused = match command.ins {
            0xA8 => GetProcessingOptions::from_command(&command).map(|_| ()),
            0xB4 => ReadCappData::from_command(&command).map(|_| ()),
            0x82 => ExternalAuthenticate::from_command(&command).map(|_| ()),
            0x24 => PinChange::from_command(&command).map(|_| ()),
            0x5A => GetTransProve::from_command(&command).map(|_| ()),
            0xDA => PutData::from_command(&command).map(|_| ()),
            _ => AppendRecord::from_command(&command).map(|_| ()),
        };
        refused.expect_err("too short or too long").status()
    };
    for hex in [
        "80B400C803000102",
        "0082000009010203040506070830",
        "84240002080102030401020304",
        "805A0000010108",
        "04DA9F790401020304",
        "04E200C805AA01020304",
    ] {
        assert_eq!(status(hex), StatusWord::WRONG_LENGTH, "{hex}");
    }
    for hex in [
        "80A8000003830201",
        "80A80000048301010200",
        "80A8000000",
        "80A8000003840101",
    ] {
        assert_eq!(status(hex), StatusWord::WRONG_DATA, "{hex}");
    }
}

#[test]
fn an_element_that_is_no_whole_tag_is_one_that_no_card_has() {
    let command = Command::new(0x80, 0xCA, 0x9F, 0x99);
    let malformed = GetData::from_command(&command).expect_err("9F99 goes on");
    assert_eq!(GetData::status(&malformed), StatusWord::REFERENCE_NOT_FOUND);
}

#[test]
fn every_command_stands_in_the_table_once() {
    for (i, command) in COMMANDS.iter().enumerate() {
        assert!(
            COMMANDS[..i].iter().all(|other| other.ins != command.ins),
            "{}",
            command.en
        );
        assert!(!command.zh.is_empty() && !command.status.is_empty());
    }
}

proptest! {
    #[test]
    fn no_command_panics(
        cla in prop_oneof![Just(0u8), Just(0x80), Just(0x04), Just(0x84), any::<u8>()],
        ins: u8, p1: u8, p2: u8,
        data in proptest::collection::vec(any::<u8>(), 0..40),
        answer in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let command = Command::new(cla, ins, p1, p2).with_data(data).with_le(0);
        let _ = crate::explain(&command, Some(&tongtu_apdu::Response::ok(answer.clone())));
        let _ = GetProcessingOptions::answer(&answer);
        let _ = GenerateAc::answer(&answer);
        let _ = InternalAuthenticate::answer(&answer);
        let _ = GetData::answer(&answer);
    }
}

//! The commands of a PSAM: bytes as public terminals send them, and what nobody should send.

use proptest::prelude::*;
use tongtu_apdu::select::Aid;
use tongtu_apdu::{CardCommand, Command, Le, Response, StatusWord};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::Algorithm;
use tongtu_psam::command::{
    APPLICATION, COMMANDS, CreditPurchase, CryptMode, DeliverKey, DesCrypt, FileNo, GetChallenge,
    GetResponse, InitPurchase, KeyPurpose, PURCHASE_DF, ROOT, ReadBinary, Request, SelectFile,
};
use tongtu_psam::explain::{explain, meaning};
use tongtu_psam::layout::{Permit, PurchaseHead};
use tongtu_psam::{CardFactor, PurchaseRequest};
use tongtu_purse::field::{Amount, DateTime, Institution, Kind};

fn bytes(hex: &str) -> Vec<u8> {
    hex_decode(&hex.replace(' ', "")).expect("a test writes hex")
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().expect("of the right length")
}

/// The entry of the derived chain: issuer 02905810…, card …0017.
fn entry() -> PurchaseRequest {
    PurchaseRequest {
        random: array("A1B2C3D4"),
        sequence: 7,
        amount: Amount::ZERO,
        kind: Kind::COMPOSITE,
        at: DateTime(array("20250601080000")),
        key_version: 1,
        algorithm: 0,
        card: CardFactor(array("4899999900000017")),
        issuer: Institution(array("02905810FFFFFFFF")),
    }
}

#[test]
fn commands_are_the_bytes_that_terminals_send() {
    let select_by_name = SelectFile::Name(APPLICATION.as_bytes().to_vec());
    let factors = vec![array("4899999900000017"), array("02905810FFFFFFFF")];
    let lock = DesCrypt::mac_of(Algorithm::Tdes, array("11223344"), &bytes("841E000004"));
    let rows: [(Request, &str); 11] = [
        (Request::SelectFile(SelectFile::Id(ROOT)), "00A40000023F00"),
        (
            Request::SelectFile(SelectFile::Id(PURCHASE_DF)),
            "00A40000028011",
        ),
        (
            Request::SelectFile(select_by_name),
            "00A4040010 A000000632 4D4F542E435053414D3031",
        ),
        (read(FileNo::SERIAL, 0x0A), "00B095000A"),
        (read(FileNo::TERMINAL, 0x06), "00B0960006"),
        (read(FileNo::INFO, 0x19), "00B0970019"),
        (
            Request::InitPurchase(InitPurchase::from(&entry())),
            "8070000024 A1B2C3D4 0007 00000000 09 20250601 080000 01 00 4899999900000017 \
             02905810FFFFFFFF 08",
        ),
        (
            Request::CreditPurchase(CreditPurchase {
                mac2: array("5A59B7B7"),
            }),
            "8072000004 5A59B7B7",
        ),
        (
            Request::DeliverKey(DeliverKey {
                purpose: KeyPurpose::MAC,
                key: 2,
                factors,
            }),
            "801A450210 4899999900000017 02905810FFFFFFFF",
        ),
        (
            Request::DesCrypt(lock.expect("short")),
            "80FA050010 11223344 00000000 841E000004 800000 00",
        ),
        (
            Request::GetResponse(GetResponse {
                le: Le::from_byte(4),
            }),
            "00C0000004",
        ),
    ];
    for (request, hex) in rows {
        let apdu = request.to_command().encode().expect("short");
        assert_eq!(hex_encode(&apdu), hex_encode(&bytes(hex)), "{request:?}");
        let command = Command::parse(&apdu).expect("our own bytes");
        assert_eq!(Request::parse(&command), Ok(request));
    }
}

fn read(file: FileNo, le: u8) -> Request {
    Request::ReadBinary(ReadBinary {
        file,
        offset: 0,
        le: Le::from_byte(le),
    })
}

#[test]
fn the_other_directions_of_p1_of_delivery_key_have_their_levels() {
    for (p1, levels, purpose) in [
        (0x45, 2, KeyPurpose::MAC),
        (0x24, 1, KeyPurpose::TAC),
        (0x44, 2, KeyPurpose::TAC),
        (0x27, 1, KeyPurpose::INTERNAL),
    ] {
        let command = Command::new(0x80, 0x1A, p1, 6).with_data(vec![0; 8 * levels]);
        let key = DeliverKey::from_command(&command).expect("well-formed");
        assert_eq!((key.purpose, key.factors.len()), (purpose, levels));
        assert_eq!(key.to_command(), command);
    }
}

#[test]
fn what_is_not_well_formed_has_its_status_word() {
    for (hex, sw) in [
        ("0470000024", 0x6E00),
        ("80DC000000", 0x6D00),
        ("8070010000", 0x6A86),
        ("8070000000", 0x6700),
        (
            "80700000 14 A1B2C3D4 0007 00000000 09 20250601 080000 01 00",
            0x6700,
        ),
        ("8072000003 112233", 0x6700),
        ("801A050208 0000000000000000", 0x6A86),
        ("801A450208 0000000000000000", 0x6700),
        (
            "801A850220 00000000000000000000000000000000 00000000000000000000000000000000",
            0x6A86,
        ),
        ("80FA040008 0000000000000000", 0x6A86),
        ("80FA050007 00000000000000", 0x6700),
        ("80FA0500", 0x6700),
        ("0084000005", 0x6700),
        ("00B0150004", 0x6A86),
        ("00B09500", 0x6700),
        ("00A4000001 3F", 0x6700),
        ("00A4020002 3F00", 0x6A86),
        ("00A40400", 0x6700),
    ] {
        let command = Command::parse(&bytes(hex)).expect("an APDU");
        let error = Request::parse(&command).expect_err(hex);
        assert_eq!(error.status(), StatusWord::new(sw), "{hex}: {error}");
    }
}

#[test]
fn a_message_too_long_for_one_command_is_refused() {
    assert!(DesCrypt::mac_of(Algorithm::Tdes, [0; 4], &[0; 239]).is_ok());
    assert!(DesCrypt::mac_of(Algorithm::Tdes, [0; 4], &[0; 240]).is_err());
    assert!(DesCrypt::mac_of(Algorithm::Sm4, [0; 4], &[0; 223]).is_ok());
    assert!(DesCrypt::mac_of(Algorithm::Sm4, [0; 4], &[0; 224]).is_err());
}

#[test]
fn an_entry_and_its_permit_are_explained() {
    let command = InitPurchase::from(&entry()).to_command();
    let answer = Response::ok(bytes("00000101 67C0FD5B"));
    let told = explain(&command, Some(&answer)).expect("a command of a module");
    assert_eq!(told.zh, "消费初始化");
    let values: Vec<_> = told.request.iter().map(|line| &line.value[..]).collect();
    assert!(values.contains(&"2025-06-01 08:00:00"), "{values:?}");
    assert_eq!(told.request.len(), 9);
    assert_eq!(told.answer[1].bytes, bytes("67C0FD5B"));
    let credit = CreditPurchase { mac2: [0; 4] }.to_command();
    let row = meaning(&credit, StatusWord::MAC_INVALID).expect("in its table");
    assert!(row.en.contains("MAC2"));
}

#[test]
fn every_command_has_success_first_and_no_status_word_twice() {
    for info in COMMANDS {
        assert!(info.status[0].sw.is_ok(), "{}", info.en);
        for (at, row) in info.status.iter().enumerate() {
            assert!(
                info.status[..at].iter().all(|other| other.sw != row.sw),
                "{} {}",
                info.en,
                row.sw
            );
        }
    }
}

#[test]
fn the_application_has_the_name_of_public_terminals() {
    assert_eq!(
        APPLICATION,
        Aid::parse(&bytes("A000000632 4D4F542E435053414D3031")).expect("16 bytes")
    );
}

fn requests() -> impl Strategy<Value = Request> {
    let factors = || proptest::collection::vec(any::<[u8; 8]>(), 1..=3);
    prop_oneof![
        any::<u16>().prop_map(|id| Request::SelectFile(SelectFile::Id(id))),
        proptest::collection::vec(any::<u8>(), 1..=16)
            .prop_map(|name| Request::SelectFile(SelectFile::Name(name))),
        any::<[u8; 3]>().prop_map(|[file, offset, le]| {
            Request::ReadBinary(ReadBinary {
                file: FileNo::new(file),
                offset,
                le: Le::from_byte(le),
            })
        }),
        prop_oneof![Just(4), Just(8)].prop_map(|le| {
            Request::GetChallenge(GetChallenge {
                le: Le::from_byte(le),
            })
        }),
        (any::<[u8; PurchaseHead::LEN]>(), factors()).prop_map(|(head, factors)| {
            let head = PurchaseHead::decode(&head).expect("every bytes are a head");
            Request::InitPurchase(InitPurchase { head, factors })
        }),
        any::<[u8; 4]>().prop_map(|mac2| Request::CreditPurchase(CreditPurchase { mac2 })),
        (any::<[u8; 2]>(), factors()).prop_map(|([purpose, key], factors)| {
            Request::DeliverKey(DeliverKey {
                purpose: KeyPurpose::new(purpose),
                key,
                factors,
            })
        }),
        (0..6_usize, 1..=31_usize, any::<u8>()).prop_map(|(mode, blocks, fill)| {
            Request::DesCrypt(DesCrypt {
                mode: CryptMode::ALL[mode],
                data: vec![fill; 8 * blocks],
            })
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(request in requests()) {
        let apdu = request.to_command().encode().expect("short");
        let command = Command::parse(&apdu).expect("our own bytes");
        prop_assert_eq!(Request::parse(&command), Ok(request));
    }

    #[test]
    fn no_part_and_no_flipped_bit_panics_and_what_is_read_is_written_back(
        request in requests(),
        cut: prop::sample::Index,
        bit: prop::sample::Index,
    ) {
        let apdu = request.to_command().encode().expect("short");
        let mut flipped = apdu.clone();
        let at = bit.index(8 * apdu.len());
        flipped[at / 8] ^= 1 << (at % 8);
        for bytes in [&apdu[..cut.index(apdu.len())], &flipped] {
            let Ok(command) = Command::parse(bytes) else { continue };
            let _ = explain(&command, Some(&Response::ok(bytes)));
            if let Ok(read) = Request::parse(&command) {
                let mut again = read.to_command();
                // Le may be left out where a module announces what waits.
                again.le = command.le;
                prop_assert_eq!(again, command);
            }
        }
    }

    #[test]
    fn a_permit_is_eight_bytes_and_nothing_else(
        bytes in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        match Permit::decode(&bytes) {
            Ok(permit) => prop_assert_eq!(&permit.encode().expect("fits")[..], &bytes[..]),
            Err(_) => prop_assert_ne!(bytes.len(), Permit::LEN),
        }
    }
}

//! SE-SW-25: whatever is said to one application, another's objects stay as they are.

use proptest::prelude::*;
use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE};
use tongtu_card::factory::{Blueprint, Module, Preinstalled};
use tongtu_card::journal::ObjectId;
use tongtu_crypto::Algorithm;
use tongtu_purse::profile::Profile;
use tongtu_testkit::tear::Chip;

use crate::desk::{Desk, application};
use crate::live::made;

const SECOND_PURSE: Aid = Aid::new(&[0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05, 0x02]);

/// Registry numbers follow the blueprint's order; the issuer domain is 1.
const APPLICATIONS: [Aid; 6] = [
    E_PURSE,
    SECOND_PURSE,
    E_CASH,
    tongtu_identity::IDENTITY,
    tongtu_nfc_code::NFC_CODE,
    PPSE,
];

fn card() -> Chip {
    let mut entropy = |out: &mut [u8]| out.fill(0x5A);
    let ecash = tongtu_ecash::test_card::groups(Algorithm::Tdes, &mut entropy);
    let second = Preinstalled {
        aid: SECOND_PURSE,
        ..Preinstalled::purse(&Profile::test_with(Algorithm::Sm4))
    };
    let blueprint = Blueprint {
        applications: vec![
            Preinstalled::purse(&Profile::test()),
            second,
            Preinstalled {
                groups: ecash.into_iter().map(Into::into).collect(),
                ..application(Module::Ecash, E_CASH, ("MOT_T_CASH", 1), &[])
            },
            application(Module::Identity, tongtu_identity::IDENTITY, ("", 0), &[]),
            application(Module::RideCode, tongtu_nfc_code::NFC_CODE, ("", 0), &[]),
            application(Module::Ppse, PPSE, ("", 0), &[]),
        ],
        ..Blueprint::default()
    };
    made(64 * 1024, &blueprint)
}

/// Commands that applications know, and noise.
fn commands() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let known = prop::sample::select(vec![
        0x16u8, 0x18, 0x1E, 0x20, 0x24, 0x46, 0x50, 0x52, 0x54, 0x58, 0x5A, 0x5C, 0x5E, 0x82, 0x84,
        0x88, 0xA8, 0xAE, 0xB0, 0xB2, 0xB4, 0xCA, 0xD6, 0xDA, 0xDC, 0xDE, 0xE2,
    ]);
    let class = prop::sample::select(vec![0x00u8, 0x04, 0x80, 0x84]);
    let data = prop::collection::vec(any::<u8>(), 0..48);
    let command = (class, known, any::<u8>(), any::<u8>(), data);
    let command = command.prop_map(|(cla, ins, p1, p2, data)| {
        let len = u8::try_from(data.len()).expect("below 48");
        [&[cla, ins, p1, p2, len], &data[..], &[0]].concat()
    });
    // What does something without a key: a tap, a start of a load, a key pair, a wrong PIN.
    let working = prop::sample::select(vec![
        "80A80000138311280000800000000001002B29EBE401560000",
        "00B2011400",
        "00B2012C00",
        "00B2013C00",
        "805000020B0100001388000000000001",
        "00200000031234 57",
        "841E00000411223344",
        "80460000 00",
    ]);
    let working = working.prop_map(|text| {
        tongtu_codec::hex_decode(&text.replace(' ', "")).expect("written here as hex")
    });
    prop::collection::vec(prop_oneof![3 => command, 1 => working], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_application_changes_what_belongs_to_another(
        chosen in 0..APPLICATIONS.len(),
        commands in commands(),
    ) {
        let mut desk = Desk::again(&card());
        desk.select(APPLICATIONS[chosen]);
        let owner = u16::try_from(chosen + 2).expect("there are six");
        let others = |desk: &Desk| {
            let mut image = desk.image();
            image.retain(|ObjectId { owner: of, .. }, _| *of != owner);
            image
        };
        let before = others(&desk);
        for command in commands {
            desk.transmit(&command).expect("power stays");
        }
        prop_assert!(others(&desk) == before);
    }
}

#[test]
fn what_an_application_does_is_kept_under_its_own_number() {
    // Otherwise the property above would hold for a card that does nothing.
    for (at, aid, command) in [
        (0, E_PURSE, "0020000003123457"),
        (1, SECOND_PURSE, "0020000003123457"),
        (
            2,
            E_CASH,
            "80A80000138311280000800000000001002B29EBE401560000",
        ),
        (3, tongtu_identity::IDENTITY, "8046000000"),
    ] {
        let mut desk = Desk::again(&card());
        let before = desk.image();
        desk.select(aid);
        let command = tongtu_codec::hex_decode(command).expect("written here as hex");
        desk.transmit(&command).expect("power stays");
        let after = desk.image();
        let changed: Vec<u16> = after
            .iter()
            .filter(|(id, value)| before.get(id) != Some(value))
            .map(|(id, _)| id.owner)
            .collect();
        assert!(!changed.is_empty(), "{aid} did nothing");
        assert!(changed.iter().all(|owner| *owner == at + 2), "{changed:?}");
    }
}

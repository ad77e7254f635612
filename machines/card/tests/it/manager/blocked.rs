//! EP-MNT-03: after the purse's CARD BLOCK no application of the card answers any more.

use tongtu_apdu::select::{E_CASH, E_PURSE, PPSE};
use tongtu_apdu::{CardCommand, Command};
use tongtu_card::factory::{Blueprint, Channel, Module, Preinstalled};
use tongtu_crypto::Algorithm;
use tongtu_ecash::test_card;
use tongtu_purse::command::BlockCard;
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::{Profile, test_keys as purse_keys};
use tongtu_purse::secure;

use super::office::{Office, aid, fields, hex, lv, shown, test_keys};
use crate::desk::{Desk, application};

const DOMAIN: &str = "D4D4D4D4D4010101";
const RIDE_CODE: &str = "F054544E46435152";
const PRODUCTION: &str = "A000000632010177";

/// A card with every application, a domain, and an issuer domain that gave its privilege of
/// the final application away.
fn everything() -> Office {
    let mut entropy = |out: &mut [u8]| out.fill(0x5A);
    let ecash = test_card::groups(Algorithm::Tdes, &mut entropy);
    let mut blueprint = Blueprint {
        applications: vec![
            Preinstalled::purse(&Profile::test()),
            Preinstalled {
                groups: ecash.into_iter().map(Into::into).collect(),
                ..application(Module::Ecash, E_CASH, ("MOT_T_CASH", 1), &[])
            },
            application(Module::Identity, tongtu_identity::IDENTITY, ("", 0), &[]),
            application(Module::RideCode, aid(RIDE_CODE), ("", 0), &[]),
            application(Module::Ppse, PPSE, ("", 0), &[]),
        ],
        ..Blueprint::default()
    };
    blueprint.issuer.production = hex("9F7F");
    let mut office = Office::made(&blueprint);
    office.login();
    office.make_domain(DOMAIN, "80");
    let last = fields(&[
        "A0000006320101",
        "A000000632010105",
        PRODUCTION,
        "000200",
        "C900",
        "",
    ]);
    office.done("80E60C00", &last);
    office.host = None;
    office
}

fn names() -> [Vec<u8>; 7] {
    [
        E_PURSE.as_bytes().to_vec(),
        E_CASH.as_bytes().to_vec(),
        tongtu_identity::IDENTITY.as_bytes().to_vec(),
        PPSE.as_bytes().to_vec(),
        hex(RIDE_CODE),
        hex(DOMAIN),
        hex(PRODUCTION),
    ]
}

fn sw(desk: &mut Desk, apdu: &str) -> String {
    let answer = desk.transmit(&hex(apdu)).unwrap();
    format!("{:04X}", answer.sw.value())
}

/// The purse's CARD BLOCK, on the basic channel.
fn block(office: &mut Office) {
    office.select(E_PURSE.as_bytes());
    let challenge = office.desk.transmit(&hex("0084000004")).unwrap();
    let challenge: [u8; 4] = challenge.data.try_into().unwrap();
    let key = purse_keys(Algorithm::Tdes).key(KeyUse::Maintenance, 1);
    let block = BlockCard { mac: [0; 4] }.to_command();
    let bare = Command {
        data: Vec::new(),
        ..block
    };
    let command = secure::sealed(&key.unwrap(), &challenge, bare);
    assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x9000);
}

#[test]
fn a_blocked_card_answers_6a81_for_every_application_on_every_channel_and_ever_after() {
    let mut office = everything();
    for (number, name) in (1..).zip(names()) {
        assert_eq!(sw(&mut office.desk, "0070000001"), "9000");
        let channel: u8 = number;
        let class = if channel < 4 { channel } else { 0x3C + channel };
        let select = format!("{class:02X}A40400{:02X}{}00", name.len(), shown(&name));
        assert_eq!(sw(&mut office.desk, &select), "9000", "{select}");
    }
    block(&mut office);
    let before = office.image();
    let every_kind = [
        "00B0950000",
        "80CA9F7900",
        "00FF000000",
        "80F2400000",
        "8050000008010203040506070800",
    ];
    for channel in 0..8u8 {
        for command in every_kind {
            let mut apdu = hex(command);
            apdu[0] |= match channel {
                0..4 => channel,
                more => 0x40 | (more - 4),
            };
            let answer = office.desk.transmit(&apdu).unwrap();
            assert_eq!(answer.sw.value(), 0x6A81, "{channel} {command}");
        }
    }
    for _ in 0..2 {
        for name in names() {
            assert_eq!(office.select(&name), 0x6A81, "{}", shown(&name));
            assert_eq!(sw(&mut office.desk, "805C000204"), "6A81");
        }
        assert_eq!(office.select(&hex("A0000006")), 0x6A81, "a part of a name");
        assert!(office.image() == before);
        // Power does not bring it back.
        office.desk.card.reset();
        assert_eq!(sw(&mut office.desk, "80CA006600"), "6A81", "nor by default");
    }
}

#[test]
fn the_issuer_domain_of_a_blocked_card_tells_and_terminates_and_nothing_else() {
    let mut office = everything();
    block(&mut office);
    assert_eq!(office.select(&[]), 0x6283);
    assert_eq!(office.say("80CA9F7F", &[]).1, 0x9000);
    assert_eq!(office.open(0, &test_keys(Channel::Scp03), 0x33), Ok(()));
    assert_eq!(office.state(&shown(E_PURSE.as_bytes())).unwrap().0, 0x07);
    let delete = [hex("4F"), lv(E_PURSE.as_bytes())].concat();
    office.refused("80E40000", &delete, 0x6985);
    let install = [
        "A0000006320101",
        "A000000632010105",
        "A00000063288",
        "00",
        "C900",
        "",
    ];
    office.refused("80E60C00", &fields(&install), 0x6985);
    office.refused(
        "80E60200",
        &fields(&["D0D1D2D3D4D501", "", "", "", ""]),
        0x6985,
    );
    office.refused("80E28800", &hex("004202AABB"), 0x6985);
    // Locking and unlocking the purse is no way back.
    office.done("80F04080", E_PURSE.as_bytes());
    office.done("80F04000", E_PURSE.as_bytes());
    assert_eq!(office.select(E_PURSE.as_bytes()), 0x6A81);
    assert_eq!(office.select(&[]), 0x6283);
    assert_eq!(office.open(0, &test_keys(Channel::Scp03), 0x33), Ok(()));
    office.done("80F080FF", &[]);
    assert_eq!(office.select(E_PURSE.as_bytes()), 0x6A81);
    assert_eq!(office.select(&[]), 0x6283);
    assert_eq!(office.initialize(0).sw.value(), 0x6985);
}

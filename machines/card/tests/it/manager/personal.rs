//! SE-SW-24, SE-SW-32: STORE DATA to domains and through them to applications.

use tongtu_apdu::select::E_PURSE;
use tongtu_card::factory::Channel;
use tongtu_crypto::padding;
use tongtu_globalplatform::command::{StoreData, StoreFormat};
use tongtu_purse::profile::Profile;

use super::office::{Office, fields, hex, keys, lv, test_keys};

const EP: &str = "A000000632010105";
const DOMAIN: &str = "D4D4D4D4D4010101";

fn store(format: StoreFormat, enciphered: bool, number: u8, last: bool, data: &[u8]) -> StoreData {
    StoreData {
        last,
        enciphered,
        application_dependent: false,
        format,
        answer: false,
        number,
        data: data.to_vec(),
    }
}

fn group(id: u16, value: &[u8]) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    match u8::try_from(value.len()) {
        Ok(len @ 0..=0xFE) => out.push(len),
        _ => {
            out.push(0xFF);
            out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(value);
    out
}

/// The purse's groups as one stream, enciphered under the channel's data key or not.
fn stream(office: &Office, enciphered: bool) -> Vec<u8> {
    let dek = office.host.as_ref().unwrap().dek();
    let mut out = Vec::new();
    for part in Profile::test().groups() {
        let mut value = part.value.to_vec();
        if enciphered {
            padding::pad(&mut value, dek.block_len());
            value = dek.encrypt(&value);
        }
        out.extend(group(part.id, &value));
    }
    out
}

#[test]
fn the_purse_is_personalised_through_its_domain_plain_or_enciphered() {
    for (kind, version) in [(Channel::Scp03, 0xFF), (Channel::Scp02, 0x20)] {
        for enciphered in [false, true] {
            let mut office = Office::new();
            office.open(version, &test_keys(kind), 0x03).unwrap();
            let install = fields(&["A0000006320101", EP, EP, "00", "C900", ""]);
            office.done("80E60C00", &install);
            let before = office.image();
            office.done("80E62000", &fields(&["", "", EP, "", "", ""]));
            let data = stream(&office, enciphered);
            let blocks: Vec<&[u8]> = data.chunks(200).collect();
            for (at, block) in blocks.iter().enumerate() {
                assert!(
                    office.image() == before,
                    "nothing is written before the last block"
                );
                let last = at + 1 == blocks.len();
                let number = u8::try_from(at).unwrap();
                let command = store(StoreFormat::Dgi, enciphered, number, last, block);
                assert_eq!(office.typed(&command).1, 0x9000, "{at}");
            }
            assert_eq!(office.select(E_PURSE.as_bytes()), 0x9000);
            let (file, sw) = office.say("00B09500", &[]);
            assert_eq!((file.len(), sw), (30, 0x9000));
        }
    }
}

#[test]
fn blocks_come_in_order_and_to_an_application_of_the_domain() {
    let mut office = Office::new();
    office.done(
        "80E60C00",
        &fields(&["A0000006320101", EP, EP, "00", "C900", ""]),
    );
    let to = |name: &str| fields(&["", "", name, "", "", ""]);
    office.refused("80E62000", &to("A0000000FF"), 0x6A88);
    office.refused("80E62000", &to("A000000151000000"), 0x6985);
    office.done("80E62000", &to(EP));
    let image = office.image();
    let block = |number, last| store(StoreFormat::Dgi, false, number, last, &hex("B00102"));
    assert_eq!(office.typed(&block(1, false)).1, 0x6A80);
    // The personalisation ended; block 0 would be for the domain itself.
    assert_eq!(office.typed(&block(0, true)).1, 0x6A80);
    office.done("80E62000", &to(EP));
    assert_eq!(office.typed(&block(0, false)).1, 0x9000);
    assert_eq!(office.typed(&block(0, false)).1, 0x6A80);
    let mut dependent = block(0, true);
    dependent.application_dependent = true;
    assert_eq!(office.typed(&dependent).1, 0x6A81);
    assert!(office.image() == image);
    office.make_domain(DOMAIN, "80");
    office.done("80E61000", &fields(&[DOMAIN, "", EP, "", "", ""]));
    office.refused("80E62000", &to(EP), 0x6985);
}

#[test]
fn the_domain_keeps_its_data_objects_and_the_medium_id_once() {
    let mut office = Office::new();
    let put = |office: &mut Office, format, data: &str| {
        let command = store(format, false, 0, true, &hex(data));
        format!("{:04X}", office.typed(&command).1)
    };
    let tlv = StoreFormat::Tlv;
    assert_eq!(put(&mut office, tlv, "420400000042 450100"), "9000");
    assert_eq!(office.done("80CA0042", &[]), hex("420400000042"));
    assert_eq!(
        put(&mut office, StoreFormat::Dgi, "0070095F500668747470733A"),
        "9000"
    );
    assert_eq!(office.done("80CA5F50", &[]), hex("5F500668747470733A"));
    let medium = "DF200A 01123456782600000019";
    let luhn = (0..10)
        .map(|digit| medium.replace("19", &format!("1{digit}")).replace(' ', ""))
        .find(|text| put(&mut office, tlv, text) == "9000")
        .expect("one of ten check digits is right");
    assert_eq!(office.done("80CADF20", &[]), hex(&luhn));
    assert_eq!(put(&mut office, tlv, &luhn), "6985", "written once");
    assert_eq!(office.say("00CADF20", &[]).0, hex(&luhn)[3..]);
    for (data, sw) in [
        ("D30101", "6A80"),
        ("2F0001", "6A80"),
        ("C1020000", "6A80"),
        ("4200", "6A80"),
        ("9F3601AA", "6A88"),
        ("66020000", "6985"),
        ("42044", "6A80"),
    ] {
        let data = if data.len() % 2 == 1 { "420401" } else { data };
        let image = office.image();
        assert_eq!(put(&mut office, tlv, data), sw, "{data}");
        assert!(office.image() == image);
    }
    // The issuer domain may get another name.
    assert_eq!(put(&mut office, tlv, "4F08A000000151000099"), "9000");
    assert_eq!(office.select(&hex("A000000151000099")), 0x9000);
    assert_eq!(office.select(&hex("A000000151000000")), 0x6A82);
}

#[test]
fn a_domain_gets_its_first_keys_through_the_domain_above() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    office.done("80E62000", &fields(&["", "", DOMAIN, "", "", ""]));
    let dek = office.host.as_ref().unwrap().dek();
    let mut control = Vec::new();
    for id in 1..=3u8 {
        let mut one = hex("950110960100800188810110");
        one.extend([0x82, 1, id, 0x83, 1, 0x30]);
        control.push(0xB9);
        control.extend(lv(&one));
    }
    let values = dek.encrypt(&[9; 48]);
    let command = store(StoreFormat::Dgi, false, 0, false, &group(0x00B9, &control));
    assert_eq!(office.typed(&command).1, 0x9000);
    let command = store(StoreFormat::Dgi, true, 1, true, &group(0x8113, &values));
    assert_eq!(office.typed(&command).1, 0x9000);
    assert_eq!(office.state(DOMAIN).unwrap().0, 0x0F);
    office.select(&hex(DOMAIN));
    assert_eq!(
        office.open(0x30, &keys(Channel::Scp03, &[9; 16]), 0x33),
        Ok(())
    );
}

#[test]
fn a_data_object_has_at_most_255_bytes() {
    let mut office = Office::new();
    let mut put = |len: usize| {
        let data = group(0x0042, &vec![0x5A; len]);
        let parts: Vec<_> = data.chunks(200).collect();
        let mut sw = 0;
        for (number, part) in (0..).zip(&parts) {
            let last = usize::from(number) + 1 == parts.len();
            sw = office
                .typed(&store(StoreFormat::Dgi, false, number, last, part))
                .1;
        }
        format!("{sw:04X}")
    };
    assert_eq!(put(256), "6A80");
    assert_eq!(put(20_000), "6A80");
    assert_eq!(put(255), "9000");
    assert_eq!(office.done("80CA0042", &[]).len(), 3 + 255);
}

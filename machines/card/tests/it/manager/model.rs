//! The card manager against the naive registry: every answer to any sequence of orders.

use proptest::prelude::*;
use tongtu_apdu::Command;
use tongtu_card::factory::{Blueprint, Channel};
use tongtu_testkit::registry::sequence::{Names, Order, orders};
use tongtu_testkit::registry::{File, Registry};

use super::office::{Office, hex, shown, test_keys};

/// The card's own load files, as the model knows them.
fn files() -> Vec<File> {
    let issuer = hex("A000000151000000");
    let files = Blueprint::standard_files();
    let own = files.iter().map(|file| File {
        aid: file.aid.as_bytes().to_vec(),
        modules: file
            .modules
            .iter()
            .map(|(aid, _)| aid.as_bytes().to_vec())
            .collect(),
        domain: issuer.clone(),
        makes_domains: file.aid == tongtu_card::factory::DOMAIN_FILE,
    });
    own.collect()
}

fn names() -> Names {
    let many = |start: &str, count: u8| {
        (0..count)
            .map(|n| [hex(start), vec![n]].concat())
            .collect::<Vec<_>>()
    };
    Names {
        issuer: hex("A000000151000000"),
        domains: many("D4D4D4D4D401", 3),
        applications: many("A0000006320101AA", 4),
        files: files(),
    }
}

/// Sends an order; a list in parts comes back as one.
fn send(office: &mut Office, (header, data): &Order) -> (Vec<u8>, u16) {
    let [cla, ins, p1, p2] = *header;
    let command = Command::new(cla, ins, p1, p2).with_data(data.clone());
    let (mut whole, mut sw) = office.order(&command);
    while ins == 0xF2 && sw == 0x6310 {
        let mut next = command.clone();
        next.p2 |= 1;
        let (part, after) = office.order(&next);
        whole.extend(part);
        sw = after;
    }
    (whole, sw)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_sequence_of_orders_has_the_model_s_answers(list in orders(&names(), 40)) {
        let mut office = Office::made(&Blueprint::default());
        office.select(&[]);
        office.open(0, &test_keys(Channel::Scp03), 0x01).unwrap();
        let mut model = Registry::new(&hex("A000000151000000"), [0x9E, 0xFE, 0x80], files());
        for (at, order) in list.iter().enumerate() {
            let before = office.image();
            let found = send(&mut office, order);
            let expected = model.command(order.0, &order.1);
            prop_assert_eq!(
                (shown(&found.0), format!("{:04X}", found.1)),
                (shown(&expected.0), format!("{:04X}", expected.1)),
                "step {}: {:02X?} {}", at, order.0, shown(&order.1)
            );
            if found.1 != 0x9000 {
                prop_assert!(office.image() == before);
            }
        }
        for scope in [0x80, 0x40, 0x20, 0x10] {
            let order = ([0x80, 0xF2, scope, 0x02], vec![0x4F, 0x00]);
            let expected = model.command(order.0, &order.1);
            prop_assert_eq!(send(&mut office, &order), expected);
        }
    }
}

//! PPSE follows the card manager's commands: what is installed, locked, unlocked and deleted.

use tongtu_apdu::Command;
use tongtu_apdu::select::PPSE;
use tongtu_card::factory::{Blueprint, Module, Preinstalled};
use tongtu_purse::fci::Directory;

use super::office::{Office, fields, hex, shown};

const TRANSPORT: &str = "A0000006320101";
const EP: &str = "A000000632010105";
const EC: &str = "A000000632010106";

/// Install parameters with label and priority for the directory.
fn listed(label: &str, priority: u8) -> String {
    let entry = format!(
        "50{:02X}{}8701{priority:02X}",
        label.len(),
        shown(label.as_bytes())
    );
    let inner = format!("A6{:02X}{entry}", entry.len() / 2);
    let outer = format!("A1{:02X}{inner}", inner.len() / 2);
    format!("C900EF{:02X}{outer}", outer.len() / 2)
}

fn install(office: &mut Office, module: &str, parameters: &str) {
    let data = fields(&[TRANSPORT, module, module, "00", parameters, ""]);
    office.done("80E60C00", &data);
}

/// AIDs as the directory lists them, read on a channel of its own.
fn directory(office: &mut Office) -> Vec<String> {
    let select = Command::new(0x01, 0xA4, 4, 0)
        .with_data(PPSE.as_bytes())
        .with_le(0);
    let answer = office.desk.send(&select).unwrap();
    assert!(answer.sw.is_ok(), "{answer:?}");
    let directory = Directory::parse(&answer.data).unwrap();
    let entries = directory.entries.iter();
    entries.map(|entry| shown(entry.aid.as_bytes())).collect()
}

#[test]
fn the_directory_is_that_of_the_moment() {
    let ppse = Preinstalled {
        module: Module::Ppse,
        aid: PPSE,
        label: Vec::new(),
        priority: 0,
        parameters: Vec::new(),
        groups: Vec::new(),
    };
    let mut office = Office::made(&Blueprint {
        applications: vec![ppse],
        ..Blueprint::default()
    });
    office.login();
    let opened = office
        .desk
        .send(&Command::new(0, 0x70, 0, 0).with_le(1))
        .unwrap();
    assert_eq!(opened.data, [1]);

    assert_eq!(directory(&mut office), Vec::<String>::new());
    install(&mut office, EP, &listed("MOT_T_EP", 2));
    assert_eq!(directory(&mut office), [EP]);
    install(&mut office, EC, &listed("MOT_T_CASH", 1));
    assert_eq!(directory(&mut office), [EC, EP]);

    office.done("80F04087", &hex(EC));
    assert_eq!(directory(&mut office), [EP]);
    office.done("80F04007", &hex(EC));
    assert_eq!(directory(&mut office), [EC, EP]);

    office.done("80E40000", &[hex("4F08"), hex(EP)].concat());
    assert_eq!(directory(&mut office), [EC]);
}

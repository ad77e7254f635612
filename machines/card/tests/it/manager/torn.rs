//! SE-SW-28: power is lost at every byte of every write; the card is as before or as after.

use tongtu_apdu::{CardCommand as _, Command};
use tongtu_card::factory::{Blueprint, Channel};
use tongtu_globalplatform::load_file::{Block, LoadFile};
use tongtu_testkit::tear::{Chip, Cut, cuts};

use super::content::applet_file;
use super::keys::{aes, put};
use super::office::{Office, fields, hex, test_keys};
use crate::desk::Desk;
use crate::tear::{Cells, Dice};

const EP: &str = "A000000632010105";

/// A chip with a card of the test profile.
fn chip() -> Chip {
    let chip = Chip::new(16 * 1024);
    let mut dice = Dice::new();
    let card = tongtu_card::Card::manufacture(
        Cells(chip.clone()),
        &Blueprint::default(),
        &mut |out: &mut [u8]| dice.fill(out),
    );
    drop(card.expect("a test blueprint"));
    chip.revive();
    chip
}

fn on(chip: &Chip) -> Office {
    Office::around(Desk::again(chip))
}

/// Tears the last command of an operation at every byte of every write. `prepare` opens the
/// channel and does what comes before it; `last` is the command.
fn torn(prepare: impl Fn(&mut Office), last: impl Fn(&Office) -> Command) {
    let start = chip();
    let run = |chip: &Chip, cut: Option<Cut>| {
        let mut office = on(chip);
        prepare(&mut office);
        let old = office.image();
        chip.revive();
        if let Some(cut) = cut {
            chip.arm(cut);
        }
        let command = last(&office);
        let host = office.host.as_mut().expect("a channel is open");
        let command = host.protect(&command).expect("short");
        let answer = office.desk.send(&command);
        assert_eq!(answer.is_err(), cut.is_some() && chip.is_dead());
        if let Ok(answer) = answer {
            assert!(answer.sw.is_ok(), "{:?}", answer.sw);
        }
        old
    };
    let whole = start.copy();
    run(&whole, None);
    let new = on(&whole).image();
    let (mut kept, mut came) = (0, 0);
    for cut in cuts(&whole.writes()) {
        let chip = start.copy();
        let old = run(&chip, Some(cut));
        chip.revive();
        let found = on(&chip).image();
        if found == old {
            kept += 1;
        } else {
            assert!(found == new, "between old and new after {cut:?}");
            came += 1;
        }
        // It works on as if nothing had been.
        let mut office = on(&chip);
        assert_eq!(office.select(&[]), 0x9000);
        assert_eq!(office.initialize(0).sw.value(), 0x9000);
    }
    assert!(kept > 0 && came > 0, "{kept} {came}");
}

fn open(office: &mut Office) {
    office.select(&[]);
    office
        .open(0, &test_keys(Channel::Scp03), 0x01)
        .expect("power stays here");
}

#[test]
fn an_install_is_there_whole_or_not_at_all() {
    torn(open, |_| command("80E60C00", &install()));
}

fn command(header: &str, data: &[u8]) -> Command {
    let [cla, ins, p1, p2] = hex(header)[..] else {
        panic!("a header has four bytes")
    };
    Command::new(cla, ins, p1, p2).with_data(data)
}

fn install() -> Vec<u8> {
    fields(&["A0000006320101", EP, EP, "00", "C900", ""])
}

#[test]
fn keys_are_put_all_or_none() {
    torn(open, |office| {
        put(office, 0, 0x30, 1, &[aes(1), aes(2), aes(3)]).to_command()
    });
}

#[test]
fn a_load_file_is_there_whole_or_not_at_all() {
    let code = applet_file(&["D0D1D2D3D4D50101"], 120);
    let file = LoadFile {
        daps: Vec::new(),
        block: Block::Plain(&code),
    };
    let bytes = file.encode();
    let (first, second) = bytes.split_at(100);
    torn(
        |office| {
            open(office);
            office.done("80E60200", &fields(&["D0D1D2D3D4D501", "", "", "", ""]));
            office.done("80E80000", first);
        },
        |_| command("80E88001", second),
    );
}

#[test]
fn a_deletion_takes_everything_or_nothing() {
    torn(
        |office| {
            open(office);
            office.done("80E60C00", &install());
        },
        |_| command("80E40080", &hex("4F07A0000006320101")),
    );
}

#[test]
fn personalisation_is_written_whole_or_not_at_all() {
    torn(
        |office| {
            open(office);
            office.done("80E21000", &hex("420411223344"));
        },
        |_| command("80E29001", &hex("450455667788")),
    );
}

#[test]
fn an_authentication_counts_or_not() {
    let start = chip();
    let mut office = on(&start);
    office.select(&[]);
    let answer = office.initialize(0x20);
    let (_, good) = office.authentication(&test_keys(Channel::Scp02), &answer, 0x01);
    let mut wrong = good.clone();
    wrong.data[0] ^= 1;
    for command in [good, wrong] {
        start.revive();
        let whole = start.copy();
        let mut office = on(&whole);
        office.select(&[]);
        office.initialize(0x20);
        whole.revive();
        let old = office.image();
        office.desk.send(&command).expect("power stays");
        let new = on(&whole).image();
        assert!(old != new, "a counter or a try");
        for cut in cuts(&whole.writes()) {
            let chip = start.copy();
            let mut office = on(&chip);
            office.select(&[]);
            office.initialize(0x20);
            chip.revive();
            chip.arm(cut);
            drop(office.desk.send(&command));
            chip.revive();
            let found = on(&chip).image();
            assert!(found == old || found == new, "{cut:?}");
        }
    }
}

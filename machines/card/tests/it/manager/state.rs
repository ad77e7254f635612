//! SE-SW-21 to 23: lists in parts, locks of applications, trees and the card.

use tongtu_card::factory::Channel;
use tongtu_globalplatform::command::{Entry, StatusForm};

use super::office::{Office, fields, hex, lv, shown, test_keys};

const DOMAIN: &str = "D4D4D4D4D4010101";
const APP: &str = "A0000006320101F1";

fn install(office: &mut Office, instance: &str) {
    let data = fields(&["A0000006320101", APP, instance, "00", "C900", ""]);
    office.done("80E60C00", &data);
}

#[test]
fn a_long_list_comes_in_parts_and_complete() {
    let mut office = Office::new();
    for number in 0..24 {
        install(&mut office, &format!("A0000006320101F1{number:02X}"));
    }
    office.refused("80F24003", &hex("4F00"), 0x6985);
    for (form, p2) in [(StatusForm::Tlv, 2), (StatusForm::Old, 0)] {
        let mut list = Vec::new();
        let mut parts = 1;
        let (mut data, mut sw) = office.say(&format!("80F240{p2:02X}"), &hex("4F00"));
        while sw == 0x6310 {
            list.extend(Entry::read_all(&data, form, false).unwrap());
            parts += 1;
            (data, sw) = office.say(&format!("80F240{:02X}", p2 | 1), &hex("4F00"));
        }
        assert_eq!(sw, 0x9000);
        list.extend(Entry::read_all(&data, form, false).unwrap());
        assert_eq!(list.len(), 24);
        assert!(parts > 1, "{parts}");
        // Nothing is left to continue with.
        office.refused(&format!("80F240{:02X}", p2 | 1), &hex("4F00"), 0x6985);
    }
    // A continuation of another question is refused.
    assert_eq!(office.say("80F24002", &hex("4F00")).1, 0x6310);
    office.refused("80F24003", &hex("4F05A000000632"), 0x6985);
    // A part of the AID and a list of tags narrow it down.
    let data = office.done("80F24002", &hex("4F09A0000006320101F107 5C034F9F70"));
    assert_eq!(shown(&data), "E30F4F09A0000006320101F1079F700107");
}

#[test]
fn a_part_that_is_longer_than_an_answer_keeps_its_status_word() {
    let mut office = Office::new();
    let modules: Vec<String> = (0..40).map(|n| format!("D0D1D2D3D4D501{n:02X}")).collect();
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    let code = super::content::applet_file(&modules, 10);
    for name in ["D0D1D2D3D4D501", "D0D1D2D3D4D502"] {
        office.done("80E60200", &fields(&[name, "", "", "", ""]));
        let file = tongtu_globalplatform::load_file::LoadFile {
            daps: Vec::new(),
            block: tongtu_globalplatform::load_file::Block::Plain(&code),
        };
        let loaded = super::content::load(&mut office, &file.encode(), 200);
        assert_eq!(loaded.1, 0x9000);
    }
    for level in [0x01, 0x33] {
        office.select(&[]);
        office.open(0, &test_keys(Channel::Scp03), level).unwrap();
        let (data, sw) = office.say("80F21002", &hex("4F05D0D1D2D3D4"));
        assert!(office.desk.pieces.len() > 1, "{:?}", office.desk.pieces);
        assert!(office.desk.pieces.iter().all(|piece| *piece <= 256));
        assert_eq!(format!("{sw:04X}"), "6310");
        let first = Entry::read_all(&data, StatusForm::Tlv, true).unwrap();
        let data = office.done("80F21003", &hex("4F05D0D1D2D3D4"));
        let second = Entry::read_all(&data, StatusForm::Tlv, true).unwrap();
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_eq!(first[0].modules.len(), 40);
    }
}

#[test]
fn an_application_is_locked_and_comes_back_as_it_was() {
    let mut office = Office::new();
    install(&mut office, APP);
    office.done("80F04080", &hex(APP));
    assert_eq!(office.state(APP).unwrap().0, 0x87);
    office.refused("80F04080", &hex(APP), 0x6985);
    assert_eq!(office.select(&hex(APP)), 0x6A82);
    office.login();
    office.done("80F04000", &hex(APP));
    office.refused("80F04007", &hex(APP), 0x6985);
    assert_eq!(office.state(APP).unwrap().0, 0x07);
    assert_eq!(office.select(&hex(APP)), 0x9000);
    office.login();
    office.refused("80F04080", &hex("A000000151000000"), 0x6985);
    office.refused("80F04080", &hex("A0000000FF"), 0x6A88);
}

#[test]
fn a_lock_ends_the_sessions_of_the_application_on_other_channels() {
    let mut office = Office::new();
    install(&mut office, APP);
    let raw =
        |office: &mut Office, text: &str| office.desk.transmit(&hex(text)).unwrap().sw.value();
    assert_eq!(raw(&mut office, "0070000001"), 0x9000);
    assert_eq!(raw(&mut office, &format!("01A4040008{APP}00")), 0x9000);
    assert_ne!(raw(&mut office, "8110000000"), 0x6982);
    office.done("80F04080", &hex(APP));
    // The default application answers there now.
    assert_eq!(raw(&mut office, "01CA006600"), 0x9000);
    assert_eq!(raw(&mut office, &format!("01A4040008{APP}00")), 0x6A82);
}

#[test]
fn a_domain_is_locked_with_everything_below_it() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    let inner = "D4D4D4D4D4010102";
    office.make_domain(inner, "80");
    for app in [APP, "A0000006320101F101"] {
        install(&mut office, app);
    }
    for (to, what) in [(DOMAIN, inner), (inner, APP)] {
        office.done("80E61000", &fields(&[to, "", what, "", "", ""]));
    }
    office.done("80F04080", &hex(APP));
    let states = |office: &mut Office| {
        [DOMAIN, inner, APP, "A0000006320101F101"].map(|name| office.state(name).unwrap().0)
    };
    office.done("80F06080", &hex(DOMAIN));
    assert_eq!(states(&mut office), [0x87, 0x87, 0x87, 0x07]);
    assert_eq!(office.select(&hex(DOMAIN)), 0x6A82);
    office.login();
    office.done("80F06000", &hex(DOMAIN));
    assert_eq!(states(&mut office), [0x07; 4]);
    office.refused("80F06080", &hex(APP), 0x6985);
    office.refused("80F06080", &hex("A000000151000000"), 0x6985);
}

#[test]
fn the_card_goes_forward_is_locked_opened_and_terminated() {
    let mut office = Office::new();
    install(&mut office, APP);
    office.refused("80F0800F", &[], 0x6985);
    office.refused("80F08042", &[], 0x6A80);
    office.refused("80F0807F", &[], 0x6985);
    office.done("80F08007", &hex("A000000151000000"));
    office.refused("80F08007", &[], 0x6985);
    office.done("80F0800F", &[]);
    let data = office.done("80F28002", &hex("4F00"));
    assert!(shown(&data).contains("9F70010F"));
    office.done("80F0807F", &[]);
    // Locked: only the final application, with a warning.
    office.refused("80F24002", &hex("4F05A0000000FF"), 0x6A88);
    office.refused("80E40000", &[hex("4F"), lv(&hex(APP))].concat(), 0x6985);
    assert_eq!(office.select(&hex(APP)), 0x6A81);
    assert_eq!(office.select(&[]), 0x6283);
    office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
    office.done("80CA0066", &[]);
    office.done("80F0800F", &[]);
    assert_eq!(office.select(&hex(APP)), 0x9000);
    office.login();
    office.done("80F080FF", &[]);
    // Terminated: data only, and no way back.
    office.done("80CA0042", &[]);
    office.refused("80F0800F", &[], 0x6985);
    assert_eq!(office.select(&hex(APP)), 0x6A81);
    assert_eq!(office.select(&[]), 0x6283);
    assert_eq!(office.say("80CA0042", &[]).1, 0x9000);
    assert_eq!(office.initialize(0).sw.value(), 0x6985);
    office.desk.card.reset();
    assert_eq!(office.initialize(0).sw.value(), 0x6985);
}

#[test]
fn a_domain_locks_itself_but_its_state_is_not_for_others_to_personalise() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    assert_eq!(office.select(&hex(DOMAIN)), 0x9000);
    office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
    office.refused("80F0400F", &hex(DOMAIN), 0x6985);
    office.refused("80F080FF", &[], 0x6982);
    office.refused("80F08007", &[], 0x6982);
    office.done("80F04080", &hex(DOMAIN));
    assert_eq!(office.select(&hex(DOMAIN)), 0x6A82);
}

#[test]
fn on_a_locked_card_the_final_application_answers_what_comes_before_a_select() {
    let mut office = Office::new();
    let last = fields(&[
        "A0000006320101",
        "A000000632010105",
        "A000000632010105",
        "000200",
        "C900",
        "",
    ]);
    office.done("80E60C00", &last);
    for state in ["80F08007", "80F0800F", "80F0807F"] {
        office.done(state, &[]);
    }
    office.host = None;
    for _ in 0..2 {
        assert_eq!(office.select(&[]), 0x6A81);
        // The purse's answer, and not the issuer domain's 6D00.
        assert_eq!(office.say("00840000", &[]).1, 0x6700);
        office.desk.card.reset();
        assert_eq!(office.say("00840000", &[]).1, 0x6700);
        assert_eq!(office.select(&hex("A000000632010105")), 0x6283);
    }
}

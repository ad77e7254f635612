//! What one channel does while something goes on in another: sessions stay apart, and nothing
//! of what is gone is carried on.

use tongtu_apdu::select::E_PURSE;
use tongtu_apdu::{CardCommand, Command, Response};
use tongtu_card::factory::{Blueprint, Channel, Issuer};
use tongtu_globalplatform::command::InitializeUpdate;
use tongtu_globalplatform::scp::{HostChannel, Protocol, SecurityLevel};

use super::office::{Office, blueprint, fields, hex, lv, test_keys};

const DOMAIN: &str = "D4D4D4D4D4010101";
const OTHER: &str = "D4D4D4D4D4010102";
const PURSE: &str = "A000000632010105";
const TRANSPORT: &str = "A0000006320101";

/// The same command on another channel.
fn on(channel: u8, command: &Command) -> Command {
    Command {
        cla: command.cla | channel,
        ..command.clone()
    }
}

/// A host on a channel of its own, beside the office's on the basic one.
struct Beside {
    channel: u8,
    host: Option<HostChannel>,
}

impl Beside {
    fn open(office: &mut Office) -> Self {
        let opened = office.desk.transmit(&hex("0070000001")).unwrap();
        Self {
            channel: opened.data[0],
            host: None,
        }
    }

    fn send(&self, office: &mut Office, command: &Command) -> Response {
        office.desk.send(&on(self.channel, command)).unwrap()
    }

    fn select(&mut self, office: &mut Office, name: &[u8]) -> u16 {
        self.host = None;
        let select = Command::new(0, 0xA4, 4, 0).with_data(name).with_le(0);
        self.send(office, &select).sw.value()
    }

    fn login(&mut self, office: &mut Office, level: u8) {
        let request = InitializeUpdate {
            key_version: 0,
            key_id: 0,
            host_challenge: [8; 8],
        };
        let answer = self.send(office, &request.to_command());
        let answer = InitializeUpdate::answer(&answer.data).unwrap();
        let keys = test_keys(Channel::Scp03);
        let level = SecurityLevel::from_byte(level).unwrap();
        let begun = HostChannel::begin(&keys, Protocol::SCP03_70, &[8; 8], &answer, level);
        let (host, command) = begun.unwrap();
        assert_eq!(self.send(office, &command).sw.value(), 0x9000);
        self.host = Some(host);
    }

    fn order(&mut self, office: &mut Office, header: &str, data: &[u8]) -> u16 {
        let [cla, ins, p1, p2] = hex(header)[..] else {
            panic!("a header has four bytes")
        };
        let command = Command::new(cla, ins, p1, p2).with_data(data).with_le(0);
        let command = self.host.as_mut().unwrap().protect(&command).unwrap();
        let answer = self.send(office, &command);
        let answer = self.host.as_mut().unwrap().unprotect(&answer);
        answer.unwrap().sw.value()
    }
}

fn install(module: &str, instance: &str) -> Vec<u8> {
    fields(&[TRANSPORT, module, instance, "00", "C900", ""])
}

fn named(aid: &str) -> Vec<u8> {
    [hex("4F"), lv(&hex(aid))].concat()
}

#[test]
fn two_secure_channels_of_one_domain_count_and_protect_each_for_itself() {
    let mut office = Office::new();
    let mut beside = Beside::open(&mut office);
    assert_eq!(beside.select(&mut office, &[]), 0x9000);
    beside.login(&mut office, 0x13);
    for number in 0..4 {
        let data = office.done("80CA00D3", &[]);
        assert_eq!(data, [0xD3, 1, 0xB3], "{number}");
        assert_eq!(beside.order(&mut office, "80F28002", &hex("4F00")), 0x9000);
    }
    // A broken one does not take the other along.
    let bad = on(
        beside.channel,
        &Command::new(0x84, 0xF2, 0x80, 2).with_data([0; 16]),
    );
    assert_eq!(office.desk.send(&bad).unwrap().sw.value(), 0x6982);
    office.done("80F28002", &hex("4F00"));
}

#[test]
fn a_script_of_scp02_cannot_be_said_again_on_another_channel() {
    for scp02_i in [0x15, 0x55] {
        let issuer = Issuer {
            scp02_i,
            ..Issuer::for_tests(Channel::Scp02)
        };
        let mut office = Office::made(&blueprint(issuer, Vec::new()));
        office.scp02_i = scp02_i;
        let beside = Beside::open(&mut office);
        office.select(&[]);
        let answer = office.initialize(0);
        let (mut host, authenticate) =
            office.authentication(&test_keys(Channel::Scp02), &answer, 0x03);
        // Who listens asks for the same offer, before the host took its own.
        let request = InitializeUpdate {
            key_version: 0,
            key_id: 0,
            host_challenge: [1, 2, 3, 4, 5, 6, 7, 8],
        };
        let same = beside.send(&mut office, &request.to_command());
        assert_eq!(same.data == answer.data, scp02_i == 0x55);
        assert_eq!(office.desk.send(&authenticate).unwrap().sw.value(), 0x9000);
        let lock = Command::new(0x80, 0xE6, 0x0C, 0).with_data(install(PURSE, PURSE));
        let lock = host.protect(&lock).unwrap();
        assert_eq!(office.desk.send(&lock).unwrap().sw.value(), 0x9000);
        assert_eq!(beside.send(&mut office, &authenticate).sw.value(), 0x6985);
        assert_eq!(beside.send(&mut office, &lock).sw.value(), 0x6982);
    }
}

#[test]
fn personalisation_of_what_was_deleted_does_not_reach_who_gets_its_number() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    office.done("80E60C00", &install(PURSE, PURSE));
    let mut beside = Beside::open(&mut office);
    beside.select(&mut office, &[]);
    beside.login(&mut office, 0x33);
    let personalise = fields(&["", "", PURSE, "", "", ""]);
    assert_eq!(beside.order(&mut office, "80E62000", &personalise), 0x9000);
    office.done("80E40000", &named(PURSE));
    office.done("80E60C00", &install(PURSE, "A00000063299"));
    office.done(
        "80E61000",
        &fields(&[DOMAIN, "", "A00000063299", "", "", ""]),
    );
    let before = office.image();
    // The domain itself takes the data, and it has no such group.
    let group = [&hex("B00300")[..2], &[60], &[0x11; 60]].concat();
    assert_eq!(beside.order(&mut office, "80E28800", &group), 0x6A88);
    assert!(office.image() == before);
}

#[test]
fn a_load_for_a_domain_that_was_deleted_does_not_reach_who_gets_its_number() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    let mut beside = Beside::open(&mut office);
    beside.select(&mut office, &[]);
    beside.login(&mut office, 0x33);
    let begin = fields(&["D0D1D2D3D4D501", DOMAIN, "", "", ""]);
    assert_eq!(beside.order(&mut office, "80E60200", &begin), 0x9000);
    office.done("80E40000", &named(DOMAIN));
    office.make_domain(OTHER, "80");
    let before = office.image();
    assert_eq!(
        beside.order(&mut office, "80E88000", &hex("C40411223344")),
        0x6985
    );
    assert!(office.image() == before);
}

#[test]
fn keys_that_went_open_no_channel_that_was_offered_before() {
    let mut office = Office::new();
    office.make_domain(DOMAIN, "80");
    office.make_domain(OTHER, "80");
    // The inner domain is reached by the keys of the outer one, which has some of its own.
    office.done("80E61000", &fields(&[DOMAIN, "", OTHER, "", "", ""]));
    office.select(&hex(DOMAIN));
    office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
    let dek = office.host.as_ref().unwrap().dek();
    let key = tongtu_globalplatform::key::KeyMaterial::from_components(&[(
        tongtu_globalplatform::key::kind::AES,
        (0x40..0x50).collect(),
    )]);
    let block = key.unwrap().to_block(dek);
    let put = tongtu_globalplatform::command::PutKey {
        replace: 0,
        first_id: 1,
        several: true,
        version: 0x30,
        keys: vec![block.clone(), block.clone(), block],
    };
    assert_eq!(office.typed(&put).1, 0x9000);
    let beside = Beside::open(&mut office);
    let select = Command::new(0, 0xA4, 4, 0).with_data(hex(OTHER)).with_le(0);
    beside.send(&mut office, &select);
    let request = InitializeUpdate {
        key_version: 0,
        key_id: 0,
        host_challenge: [1, 2, 3, 4, 5, 6, 7, 8],
    };
    let answer = beside.send(&mut office, &request.to_command());
    assert_eq!(answer.data[10], 0x30, "the outer domain's keys");
    let (_, command) = office.authentication(&test_keys(Channel::Scp03), &answer, 0x33);
    // The inner domain goes away from the outer one, which is deleted then.
    office.login();
    let isd = "A000000151000000";
    office.done("80E61000", &fields(&[isd, "", OTHER, "", "", ""]));
    office.done("80E40000", &named(DOMAIN));
    let before = office.image();
    assert_eq!(beside.send(&mut office, &command).sw.value(), 0x6985);
    assert!(office.image() == before, "nothing is kept of what is gone");
}

#[test]
fn a_deletion_ends_the_application_s_sessions_on_other_channels() {
    let mut office = Office::new();
    office.done("80E60C00", &install(PURSE, PURSE));
    let mut beside = Beside::open(&mut office);
    assert_eq!(beside.select(&mut office, E_PURSE.as_bytes()), 0x9000);
    let challenge = Command::new(0, 0x84, 0, 0).with_le(4);
    assert_eq!(beside.send(&mut office, &challenge).sw.value(), 0x9000);
    office.done("80E40000", &named(PURSE));
    assert_eq!(
        beside.send(&mut office, &challenge).sw.value(),
        0x6D00,
        "the issuer domain"
    );
    // Another one of its name is another one.
    office.done("80E60C00", &install(PURSE, PURSE));
    assert_eq!(beside.send(&mut office, &challenge).sw.value(), 0x6D00);
    assert_eq!(beside.select(&mut office, E_PURSE.as_bytes()), 0x9000);
}

#[test]
fn a_domain_that_locked_itself_has_no_session_any_more() {
    for lock in ["80F04080", "80F06080"] {
        let mut office = Office::new();
        office.make_domain(DOMAIN, "80C000");
        office.select(&hex(DOMAIN));
        office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
        office.done(lock, &hex(DOMAIN));
        let before = office.image();
        for (header, data) in [
            ("80F06000", hex(DOMAIN)),
            ("80E60C00", install(PURSE, PURSE)),
        ] {
            assert_eq!(office.say(header, &data).1, 0x6982, "{header}");
        }
        assert!(office.image() == before);
    }
}

#[test]
fn a_reset_in_the_middle_of_a_load_leaves_nothing_and_takes_no_memory() {
    let mut office = Office::made(&Blueprint::default());
    office.login();
    let free = office.done("80CAFF21", &[]);
    let before = office.image();
    office.done("80E60200", &fields(&["D0D1D2D3D4D501", "", "", "", ""]));
    let code = [&hex("C4820400")[..], &[0x5A; 1024]].concat();
    for (number, block) in code.chunks(200).enumerate().take(4) {
        let header = format!("80E800{number:02X}");
        office.done(&header, block);
    }
    office.desk.card.reset();
    assert!(office.image() == before);
    office.login();
    office.refused("80E88004", &code[800..1000], 0x6985);
    assert_eq!(office.done("80CAFF21", &[]), free);
}

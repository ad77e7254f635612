//! SE-SW-01 to 07: selection, data, channels of every kind, what closes them.

use tongtu_card::factory::{Channel, Issuer};
use tongtu_globalplatform::command::{Entry, StatusForm};
use tongtu_globalplatform::key::read_key_information;
use tongtu_globalplatform::recognition::Recognition;

use super::office::{LEVELS, Office, blueprint, hex, keys, shown, test_keys};

fn card(issuer: Issuer) -> Office {
    let i = issuer.scp02_i;
    let mut office = Office::made(&blueprint(issuer, Vec::new()));
    office.scp02_i = i;
    office
}

#[test]
fn the_issuer_domain_is_selected_and_tells_about_the_card() {
    let mut office = Office::made(&blueprint(
        Issuer {
            production: vec![0x47; 42],
            ..Issuer::for_tests(Channel::Scp03)
        },
        Vec::new(),
    ));
    let (fci, sw) = office.say("00A40400", &[]);
    assert_eq!(sw, 0x9000);
    assert!(shown(&fci).starts_with("6F"));
    assert_eq!(
        Recognition::parse(&fci).unwrap().protocols,
        [[0x03, 0x70]],
        "{}",
        shown(&fci)
    );
    for (header, start) in [
        ("80CA0042", "420490958101"),
        ("80CA0045", "450400000001"),
        ("80CA0066", "6630732E06072A864886FC6B01"),
        (
            "80CA00E0",
            "E024C00401208010C00402208010C00403208010C00401FF8810",
        ),
        ("00CA00E0", "C00401208010"),
        ("80CA9F7F", "9F7F2A4747"),
        ("80CA00D3", "D30100"),
        ("80CA00C1", "C103000000"),
        ("80CA00C2", "C2020000"),
        ("80CA0067", "67"),
        ("80CAFF21", "FF21"),
    ] {
        let (data, sw) = office.say(header, &[]);
        assert_eq!(sw, 0x9000, "{header}");
        assert!(shown(&data).starts_with(start), "{header} {}", shown(&data));
    }
    let (bare, _) = office.say("00CA00E0", &[]);
    assert_eq!(read_key_information(&bare).len(), 6);
    for header in ["80CA0043", "80CADF20", "80CA5F50", "80CA9F36"] {
        office.refused(header, &[], 0x6A88);
    }
    let (list, sw) = office.say("80CA2F00", &hex("5C00"));
    assert_eq!((shown(&list).as_str(), sw), ("2F0000", 0x9000));
    office.refused("80CA2F00", &[], 0x6A80);
}

#[test]
fn every_protocol_opens_at_every_level_that_it_announces() {
    let sets = [
        (Channel::Scp02, 0x20, &LEVELS[..]),
        (Channel::Scp03, 0xFF, &[0x00, 0x01, 0x03, 0x11, 0x13, 0x33]),
        (Channel::Sm4, 0x50, &[0x00, 0x01, 0x03, 0x11, 0x13, 0x33]),
    ];
    for scp02_i in [0x15, 0x55] {
        let mut issuer = Issuer::for_tests(Channel::Scp03);
        issuer
            .key_sets
            .extend(Issuer::for_tests(Channel::Sm4).key_sets.drain(..1));
        issuer.scp02_i = scp02_i;
        let mut office = card(issuer);
        for (kind, version, levels) in sets {
            for level in levels {
                assert_eq!(office.open(version, &test_keys(kind), *level), Ok(()));
                let data = office.done("80CA00D3", &[]);
                assert_eq!(data, [0xD3, 0x01, 0x80 | level], "{kind:?}");
                let data = office.done("80F28002", &hex("4F00"));
                let list = Entry::read_all(&data, StatusForm::Tlv, false).unwrap();
                assert_eq!((list.len(), list[0].state.0), (1, 0x01));
                // Answers without data are protected, too.
                office.refused("80F24002", &hex("4F05A0000000FF"), 0x6A88);
            }
        }
    }
}

#[test]
fn version_zero_means_the_default_and_recognition_data_say_so() {
    for (first, protocol) in [
        (Channel::Scp02, [0x02, 0x15]),
        (Channel::Scp03, [0x03, 0x70]),
    ] {
        let mut office = card(Issuer::for_tests(first));
        let (data, _) = office.say("80CA0066", &[]);
        assert_eq!(Recognition::parse(&data).unwrap().protocols, [protocol]);
        assert_eq!(office.open(0, &test_keys(first), 0x01), Ok(()));
        assert_eq!(office.open(0xFF, &test_keys(first), 0x03), Ok(()));
    }
    // A client that asks for exactly 28 bytes gets 28 bytes of SCP02.
    let mut office = card(Issuer::for_tests(Channel::Scp02));
    let answer = office
        .desk
        .transmit(&hex("8050000008 0102030405060708 1C"))
        .unwrap();
    assert_eq!((answer.data.len(), answer.sw.value()), (28, 0x9000));
    assert_eq!(answer.data[10..12], [0xFF, 0x02]);
}

#[test]
fn a_deprecated_list_is_given_where_it_is_asked_for() {
    let mut office = card(Issuer::for_tests(Channel::Scp02));
    office.open(0, &test_keys(Channel::Scp02), 0x00).unwrap();
    let data = office.done("80F28000", &hex("4F00"));
    assert_eq!(shown(&data), "08A000000151000000019E");
    let data = office.done("80F21000", &hex("4F00"));
    let list = Entry::read_all(&data, StatusForm::Old, true).unwrap();
    assert_eq!(list.len(), 4);
    assert_eq!(list[1].modules.len(), 3);
}

#[test]
fn sequence_counters_count_as_each_protocol_has_it() {
    let mut office = card(Issuer {
        scp02_i: 0x55,
        ..Issuer::for_tests(Channel::Scp02)
    });
    let counter = |office: &mut Office, version| office.initialize(version).data[12..].to_vec();
    // SCP02: the same until a host proved itself; then so is the foretold challenge.
    let first = counter(&mut office, 0xFF);
    assert_eq!(first[..2], [0, 0]);
    assert_eq!(counter(&mut office, 0xFF), first);
    office.open(0xFF, &test_keys(Channel::Scp02), 1).unwrap();
    let second = counter(&mut office, 0xFF);
    assert_eq!(second[..2], [0, 1]);
    assert_ne!(second[2..8], first[2..8]);
    // SCP03: every INITIALIZE UPDATE counts.
    for expected in 1..4 {
        let answer = office.initialize(0x30).data;
        assert_eq!(answer[answer.len() - 3..], [0, 0, expected]);
    }
}

#[test]
fn a_wrong_cryptogram_is_refused_and_blocks_its_keys_only_in_the_end() {
    let issuer = Issuer {
        try_limit: 3,
        ..Issuer::for_tests(Channel::Scp03)
    };
    let mut office = card(issuer);
    let good = test_keys(Channel::Scp03);
    let fail = |office: &mut Office| {
        let answer = office.initialize(0xFF);
        let (_, mut command) = office.authentication(&test_keys(Channel::Scp03), &answer, 0x33);
        command.data[3] ^= 0x10;
        office.desk.send(&command).unwrap().sw.value()
    };
    // Twice wrong and once right gives the tries back.
    for _ in 0..2 {
        assert_eq!(fail(&mut office), 0x6300);
        assert_eq!(fail(&mut office), 0x6300);
        assert_eq!(office.open(0xFF, &good, 0x33), Ok(()));
    }
    for _ in 0..3 {
        assert_eq!(fail(&mut office), 0x6300);
    }
    assert_eq!(office.open(0xFF, &good, 0x33), Err(0x6983));
    // The other keys go on, and let the host set the blocked ones right.
    assert_eq!(office.open(0x20, &test_keys(Channel::Scp02), 0x03), Ok(()));
    // Power does not give tries back.
    office.desk.card.reset();
    assert_eq!(office.open(0xFF, &good, 0x33), Err(0x6983));
}

#[test]
fn an_authentication_needs_its_offer_and_uses_it_up() {
    let mut office = card(Issuer::for_tests(Channel::Scp03));
    let answer = office.initialize(0);
    let (_, command) = office.authentication(&test_keys(Channel::Scp03), &answer, 0x01);
    office.initialize(0);
    // The offer that it belongs to is gone.
    assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x6300);
    assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x6985);
    let answer = office.initialize(0);
    let (_, command) = office.authentication(&test_keys(Channel::Scp03), &answer, 0x01);
    // Any other command between the two ends it.
    office.say("80CA0066", &[]);
    assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x6985);
}

#[test]
fn a_wrong_mac_a_replay_and_a_plain_command_break_the_channel() {
    for (kind, version) in [(Channel::Scp02, 0x20), (Channel::Scp03, 0xFF)] {
        for level in [0x01, 0x03] {
            for case in 0..3 {
                let mut office = card(Issuer::for_tests(Channel::Scp03));
                office.open(version, &test_keys(kind), level).unwrap();
                let plain = tongtu_apdu::Command::new(0x80, 0xF2, 0x80, 2)
                    .with_data([0x4F, 0])
                    .with_le(0);
                let good = office.host.as_mut().unwrap().protect(&plain).unwrap();
                let mut bad = good.clone();
                match case {
                    0 => *bad.data.last_mut().unwrap() ^= 1,
                    1 => assert!(office.desk.send(&good).unwrap().sw.is_ok()),
                    _ => bad = plain.clone(),
                }
                let before = office.image();
                let sw =
                    |office: &mut Office, command| office.desk.send(command).unwrap().sw.value();
                assert_eq!(sw(&mut office, &bad), 0x6982, "{kind:?} {level} {case}");
                // Nothing goes any more, not even what needs no channel.
                assert_eq!(sw(&mut office, &good), 0x6982);
                office.host = None;
                office.refused("80CA0066", &[], 0x6982);
                assert!(office.image() == before);
                assert_eq!(office.open(version, &test_keys(kind), level), Ok(()));
                office.done("80F28002", &hex("4F00"));
                // A selection ends it as well.
                office.select(&[]);
                office.done("80CA0066", &[]);
                office.refused("80F28002", &hex("4F00"), 0x6982);
            }
        }
    }
}

#[test]
fn unknown_versions_and_other_keys_open_nothing() {
    let mut office = card(Issuer::for_tests(Channel::Scp03));
    assert_eq!(
        office.open(0x31, &test_keys(Channel::Scp03), 1),
        Err(0x6A88)
    );
    let answer = office.initialize(0);
    // A host with other keys sees that the card is not its card.
    let other = keys(Channel::Scp03, &[0x11; 16]);
    let begun = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        office.authentication(&other, &answer, 1)
    }));
    assert!(begun.is_err());
    let mut office = card(Issuer::without_keys());
    assert_eq!(office.initialize(0).sw.value(), 0x6A88);
    assert_eq!(office.say("80CA00E0", &[]).1, 0x6A88);
}

#[test]
fn a_level_that_the_protocol_does_not_announce_is_refused() {
    for (kind, version, bad) in [
        (Channel::Scp02, 0x20, &[0x10, 0x11, 0x13, 0x33][..]),
        (Channel::Scp03, 0xFF, &[0x10, 0x02, 0x31, 0x23][..]),
    ] {
        for level in bad {
            let mut office = card(Issuer::for_tests(Channel::Scp03));
            let answer = office.initialize(version);
            let (_, mut command) = office.authentication(&test_keys(kind), &answer, 0x01);
            command.p1 = *level;
            assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x6A86);
        }
    }
}

#[test]
fn answers_are_protected_between_begin_and_end() {
    let mut office = card(Issuer::for_tests(Channel::Scp03));
    office.open(0, &test_keys(Channel::Scp03), 0x03).unwrap();
    office.refused("80780003", &[], 0x6985);
    office.done("807A3001", &[]);
    office.host.as_mut().unwrap().set_answers(true, true);
    assert_eq!(office.done("80CA00D3", &[]), [0xD3, 1, 0xB3]);
    office.refused("807A3001", &[], 0x6985);
    office.done("80780003", &[]);
    office.host.as_mut().unwrap().set_answers(false, false);
    assert_eq!(office.done("80CA00D3", &[]), [0xD3, 1, 0x83]);
    // SCP02 without the bit for it has no such session.
    let mut office = card(Issuer::for_tests(Channel::Scp02));
    office.open(0, &test_keys(Channel::Scp02), 0x01).unwrap();
    office.refused("807A1001", &[], 0x6A86);
}

#[test]
fn channels_keep_their_sessions_apart() {
    let mut office = card(Issuer::for_tests(Channel::Scp03));
    let basic = |office: &mut Office| office.done("80F28002", &hex("4F00"));
    office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
    basic(&mut office);
    let one = office.desk.transmit(&hex("0070000001")).unwrap();
    assert_eq!((&one.data[..], one.sw.value()), (&[1][..], 0x9000));
    for (command, sw) in [
        ("01CA0066 00", 0x9000),
        ("81F28002 02 4F00 00", 0x6982),
        ("02CA0066 00", 0x6881),
        ("01A4040000", 0x9000),
        ("00708001", 0x9000),
        ("00708001", 0x6200),
        ("007080FF", 0x6881),
        ("01CA0066 00", 0x6881),
    ] {
        let answer = office.desk.transmit(&hex(command)).unwrap();
        assert_eq!(
            format!("{:04X}", answer.sw.value()),
            format!("{sw:04X}"),
            "{command}"
        );
    }
    basic(&mut office);
}

#[test]
fn a_card_may_be_managed_over_contacts_only() {
    let mut office = card(Issuer {
        contact_only: true,
        ..Issuer::for_tests(Channel::Scp03)
    });
    assert_eq!(office.initialize(0).sw.value(), 0x6985);
    office.done("80CA0066", &[]);
}

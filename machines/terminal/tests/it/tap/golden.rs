//! Transcripts: every byte to the card and back, with the codes of the derived chain.

use tongtu_crypto::Algorithm;
use tongtu_purse::field::Amount;
use tongtu_tap_record::{Mac2State, Recovery, Stage};
use tongtu_terminal::Light;
use tongtu_terminal::tap::{
    CardLink, Counter, Lost, MakeUp, Say, TapEnd, TapOutcome, TapPost, Task, Way,
};
use tongtu_testkit::tear::Line;

use super::fixture::{Post, Rider, T0, array, bus, gate, hex, long_line, profile, segmented};

/// The card of the derived chain, its offline sequence at 7.
fn card_at_seven(algorithm: Algorithm) -> Rider {
    let mut rider = Rider::with(&profile(0x17, algorithm), 3_000);
    let mut earlier = Post::new(0x99, bus());
    for ride in 0..7i64 {
        let end = earlier.tap(&mut rider, T0.plus_s(-1_000 + 60 * ride));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    }
    rider
}

#[test]
fn a_metro_entry_is_the_published_dialogue_and_its_record_has_its_codes() {
    let mut rider = card_at_seven(Algorithm::Tdes);
    let mut post = Post::new(0x01, gate("0101", Way::Entry));
    rider.dice.laid = Some(array("A1B2C3D4"));
    let end = post.tap(&mut rider, T0);

    let shown: Vec<_> = rider
        .log
        .iter()
        .map(|(command, answer)| (hex(command), hex(answer)))
        .collect();
    let commands: Vec<_> = shown.iter().map(|(command, _)| &command[..]).collect();
    let rail = concat!(
        "27017D01",
        "01",
        "00",
        "0000000000000257",
        "01",
        "5810",
        "0000",
        "12905810FFFFFFFF",
        "0000000000000000",
        "0000000000000101",
        "0000000000000000",
        "0000581000000001",
        "0000000000000000",
        "20250601080000",
        "00000000000000",
    );
    let trip = concat!(
        "03",
        "0000581000000001",
        "01",
        "0001",
        "0101",
        "3000",
        "00",
        "00000000",
        "00000640",
        "20250601080000",
        "5810",
        "12905810FFFFFFFF",
        "000000000000",
    );
    assert_eq!(commands[0], "00A4040008A00000063201010500");
    assert_eq!(commands[1], "00B097000B");
    assert_eq!(commands[2], "00B201D480");
    assert_eq!(commands[3], "805003020B01000000005810000000010F");
    assert!(
        commands[4].starts_with(&format!("80DC01D080{rail}")),
        "{}",
        commands[4]
    );
    assert_eq!(commands[5], format!("80DC00F030{trip}"));
    assert_eq!(commands[6], "805401000F000001012025060108000067C0FD5B08");
    assert_eq!(commands.len(), 7);
    assert_eq!(
        shown[3].1,
        "00000640000700000001".to_owned() + "00A1B2C3D49000"
    );
    assert_eq!(shown[6].1, "35B3762C5A59B7B79000");

    let ride = end.outcome.ride().unwrap();
    let record = &ride.record;
    assert_eq!((record.sequence, record.terminal_sequence), (7, 0x101));
    assert_eq!(
        (hex(&record.tac), record.mac2),
        ("35B3762C".into(), Mac2State::Verified)
    );
    assert_eq!(
        (record.stage, record.recovery),
        (Stage::Entry, Recovery::Plain)
    );
    assert_eq!(post.records(), std::slice::from_ref(record));
    assert_eq!(
        (end.prompt.say, end.prompt.light()),
        (Say::Enter, Light::Green)
    );
    assert_eq!((end.exchanges.card, end.exchanges.psam), (7, 2));
}

#[test]
fn the_lost_answer_of_that_entry_is_proved_and_recorded_once() {
    let mut rider = card_at_seven(Algorithm::Tdes);
    let mut post = Post::new(0x01, gate("0101", Way::Entry));
    rider.dice.laid = Some(array("A1B2C3D4"));
    let mut whole = rider.clone();
    Post::new(0x01, gate("0101", Way::Entry)).tap(&mut whole, T0);
    let bytes: usize = whole.log.iter().map(|(c, a)| c.len() + a.len()).sum();

    rider.present();
    rider.line = Line::breaking_after(bytes - 10);
    let torn = post.tap_on(&mut rider, T0, Task::Ride);
    assert!(
        matches!(
            torn.outcome,
            TapOutcome::Torn {
                in_doubt: true,
                tries: 1
            }
        ),
        "{torn:?}"
    );
    assert_eq!(
        (torn.prompt.say, torn.prompt.light()),
        (Say::TapAgain, Light::Amber)
    );
    assert_eq!((post.records().len(), post.terminal.open_intents()), (0, 1));

    let end = post.tap(&mut rider, T0.plus_s(3));
    let shown: Vec<_> = rider.log.iter().map(|(c, a)| (hex(c), hex(a))).collect();
    assert_eq!(
        shown[1],
        ("805A000902000808".into(), "5A59B7B735B3762C9000".into())
    );
    assert_eq!(shown[2].0, "00B201C417", "the card's own detail");
    assert_eq!(shown.len(), 3, "nothing is charged again");
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    let records = post.records();
    assert_eq!(records.len(), 1);
    let [record] = &records[..] else {
        unreachable!()
    };
    assert_eq!(hex(&record.tac), "35B3762C");
    assert_eq!(
        (record.recovery, record.mac2),
        (Recovery::Here, Mac2State::Verified)
    );
    assert_eq!(post.terminal.open_intents(), 0);
}

#[test]
fn a_card_with_sm4_keys_gives_the_published_codes_too() {
    let mut rider = card_at_seven(Algorithm::Sm4);
    let mut post = Post::new(0x01, gate("0101", Way::Entry));
    rider.dice.laid = Some(array("A1B2C3D4"));
    let end = post.tap(&mut rider, T0);
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!((record.algorithm, hex(&record.tac)), (4, "676A7611".into()));
    assert_eq!(hex(&record.mac2_code), "E64B7379");
}

#[test]
fn exit_and_single_ride_of_the_derived_chain_have_their_codes() {
    for (algorithm, exit_codes, single_codes) in [
        (
            Algorithm::Tdes,
            ["46F12E3D", "15B2BB82"],
            ["B90F6701", "4C35E671"],
        ),
        (
            Algorithm::Sm4,
            ["A77A605E", "88EF1E68"],
            ["A46A05B5", "FA59E18B"],
        ),
    ] {
        let mut rider = card_at_seven(algorithm);
        Post::new(0x01, gate("0101", Way::Entry)).tap(&mut rider, T0);
        let mut exit = Post::new(0x02, gate("0105", Way::Exit));
        exit.psam.sequence = 0x101;
        rider.dice.laid = Some(array("0BADCAFE"));
        let end = exit.tap(&mut rider, T0.plus_s(1_815));
        let record = &end.outcome.ride().unwrap().record;
        assert_eq!((record.sequence, record.amount), (8, Amount::new(300)));
        assert_eq!([hex(&record.tac), hex(&record.mac2_code)], exit_codes);
        let mut single = Post::new(0x01, bus());
        single.psam.sequence = 0x102;
        rider.dice.laid = Some(array("5A5A1234"));
        let end = single.tap(&mut rider, T0.plus_s(3_600));
        let record = &end.outcome.ride().unwrap().record;
        assert_eq!((record.sequence, record.terminal_sequence), (9, 0x103));
        assert_eq!([hex(&record.tac), hex(&record.mac2_code)], single_codes);
    }
}

#[test]
fn cards_of_every_style_ride() {
    for style in tongtu_purse::profile::STYLES {
        let made = profile(0x17, Algorithm::Tdes).styled(style);
        let mut rider = Rider::with(&made, 3_000);
        let end = Post::new(0x01, gate("0101", Way::Entry)).tap(&mut rider, T0);
        assert!(end.outcome.ride().is_some(), "{}: {end:?}", style.name);
    }
}

/// A card whose every answer has to be fetched.
struct InPieces<'a>(&'a mut Rider, Vec<u8>);

impl CardLink for InPieces<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if apdu[1] == 0xC0 {
            return Ok(std::mem::take(&mut self.1));
        }
        let answer = self.0.transmit(apdu)?;
        if answer.len() == 2 {
            return Ok(answer);
        }
        let more = u8::try_from(answer.len() - 2).unwrap();
        self.1 = answer;
        Ok(vec![0x61, more])
    }
}

#[test]
fn a_card_that_answers_in_pieces_rides_too() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(0x01, gate("0101", Way::Entry));
    rider.present();
    let end = post.tap_on(&mut InPieces(&mut rider, Vec::new()), T0, Task::Ride);
    assert!(end.outcome.ride().is_some(), "{end:?}");
    assert_eq!(end.exchanges.card, 12, "five answers in two pieces");
}

#[test]
fn a_single_ride_takes_four_commands_and_a_plain_purchase() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let mut post = Post::new(0x01, bus());
    let end = post.tap(&mut rider, T0);
    assert_eq!(rider.instructions(), [0xA4, 0xB0, 0x50, 0x54]);
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!(
        (record.amount, record.transaction.0),
        (Amount::new(200), 0x06)
    );
    assert_eq!(rider.balance(), 2_800);
}

/// The table of docs/tap.md: commands to the card, requests to the module.
#[test]
fn every_flow_takes_as_few_commands_as_the_documents_say() {
    let rider = || Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    let cost = |end: &TapEnd| (end.exchanges.card, end.exchanges.psam);
    let later = T0.plus_s(600);

    let TapPost::Single(mut leaves_trip) = bus() else {
        unreachable!()
    };
    leaves_trip.leaves_trip = true;
    let mut card = rider();
    assert_eq!(cost(&Post::new(1, bus()).tap(&mut card, T0)), (4, 2));
    let mut with_trip = Post::new(1, TapPost::Single(leaves_trip));
    assert_eq!(cost(&with_trip.tap(&mut card, later)), (5, 2));

    let mut card = rider();
    let mut entry = Post::new(1, gate("0101", Way::Entry));
    assert_eq!(cost(&entry.tap(&mut card, T0)), (7, 2));
    assert_eq!(
        cost(&entry.tap(&mut card, T0.plus_s(10))),
        (2, 0),
        "opens once more"
    );
    let mut exit = Post::new(2, gate("0105", Way::Exit));
    assert_eq!(cost(&exit.tap(&mut card, later)), (7, 2));

    let mut card = rider();
    let mut long = Post::new(1, segmented(1, 7));
    long.tariff = long_line();
    let mut long = long.started();
    assert_eq!(cost(&long.tap(&mut card, T0)), (7, 2));
    long.terminal.stand_at(segmented(2, 7));
    assert_eq!(cost(&long.tap(&mut card, later)), (7, 2));

    let mut card = rider();
    entry.tap(&mut card, T0.plus_s(60));
    let mut counter = Post::new(
        3,
        TapPost::Counter(Counter {
            network: "METRO".parse().unwrap(),
            station: "0109".parse().unwrap(),
            card_line: 1,
        }),
    );
    card.present();
    let task = Task::MakeUp(MakeUp::CloseRail { amount: None });
    assert_eq!(cost(&counter.tap_on(&mut card, later, task)), (8, 2));

    let mut card = rider();
    let serial = card.profile.public.serial.0;
    let mut listed = Post::new(1, bus()).changed(|_, lists| {
        lists.blacklist.insert(serial);
    });
    assert_eq!(cost(&listed.tap(&mut card, T0)), (4, 1));

    for (restart, expected) in [(false, (3, 1)), (true, (5, 3))] {
        let (mut card, mut post) = (rider(), Post::new(1, bus()));
        super::recovery::tear_paid(&mut post, &mut card, T0);
        if restart {
            post.restart();
        }
        assert_eq!(cost(&post.tap(&mut card, T0.plus_s(9))), expected);
    }
}

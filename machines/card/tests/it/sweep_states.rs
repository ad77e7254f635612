//! The sweep of wrong commands on cards that are not fresh: applications and cards blocked, locked
//! and terminated, PINs blocked, counters at their end.
//!
//! What a state answers follows from what the fresh card answers: class and instruction are judged
//! before the state, everything else after it. Nothing is written but a counter of failures.

use tongtu_apdu::StatusWord;
use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::ecash::Ecash;
use tongtu_testkit::ecash::sequence::{Step as Cash, Tap};
use tongtu_testkit::purse::terminal::Step;
use tongtu_testkit::tear::Chip;

use crate::live::Live;
use crate::model_ecash::pair;
use crate::model_registry::Channel;
use crate::model_sweep::{Application, CLASSES, applications, changed, everything};
use crate::tear::Cells;
use crate::tear_purse::{perform, worn};

/// Commands in which something is wrong, for an application: every instruction in every class,
/// every P1, every P2 and many lengths of its own instructions.
pub(crate) fn wrong_commands(application: &Application) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for cla in CLASSES.into_iter().chain([0x0C, 0x90, 0xFF]) {
        for ins in 0..=255 {
            out.push(vec![cla, ins, 0, 0]);
            out.push(vec![cla, ins, 0, 0, 4, 0, 0, 0, 0, 0]);
        }
    }
    let mut own: Vec<u8> = application.rows.iter().map(|row| row.0).collect();
    own.sort_unstable();
    own.dedup();
    for ins in own {
        for cla in CLASSES {
            for byte in 1..=255 {
                out.push(vec![cla, ins, byte, 0, 0]);
                out.push(vec![cla, ins, 0, byte, 0]);
            }
            for len in (1..=40).chain([48, 52, 128, 132, 200, 255]) {
                for [p1, p2] in [[0, 0], [1, 0], [1, 2], [0, 0x80], [0x95, 0], [1, 0xD4]] {
                    let mut command = vec![cla, ins, p1, p2, len];
                    command.resize(5 + usize::from(len), 0);
                    out.push(command);
                }
            }
        }
    }
    out
}

pub(crate) fn status(answer: &[u8]) -> StatusWord {
    let sw = answer.last_chunk::<2>().expect("a status word");
    StatusWord::new(u16::from_be_bytes(*sw))
}

/// Whether it says that a try was spent.
pub(crate) fn is_counter(sw: StatusWord) -> bool {
    matches!(sw.bytes(), [0x63, 0xC0..=0xCF] | [0x69, 0x88] | [0x93, _])
}

/// SELECT, MANAGE CHANNEL and GET RESPONSE are the card's.
pub(crate) fn is_of_the_card(command: &[u8]) -> bool {
    command[0] & 0x7F < 0x04 && matches!(command[1], 0xA4 | 0x70 | 0xC0)
}

fn application(name: &str) -> Application {
    let mut all = applications().into_iter();
    all.find(|application| application.name == name)
        .expect("one of the card's")
}

/// Sends every wrong command to the card that `begin` brings into its state; `expected` says the
/// only answer there is, from what a fresh card answers, or leaves it to the command's table.
fn sweep(
    application: &Application,
    fresh: &Chip,
    begin: impl Fn() -> (Chip, Live),
    expected: impl Fn(&[u8], StatusWord) -> Option<u16>,
) {
    let start = |chip: &Chip| {
        let mut live = Live::on(chip);
        live.send(&application.select());
        live
    };
    let mut other_chip = fresh.copy();
    let mut other = start(&other_chip);
    let (mut chip, mut live) = begin();
    let before = live.kept();
    chip.revive();
    let mut sent = 0;
    for command in wrong_commands(application) {
        if is_of_the_card(&command) {
            continue;
        }
        let fresh_sw = status(&other.send(&command));
        if !other_chip.writes().is_empty() {
            other_chip = fresh.copy();
            other = start(&other_chip);
        }
        let answer = live.send(&command);
        let sw = status(&answer);
        let what = || {
            let name = application.name;
            let command = tongtu_codec::hex_encode(&command);
            format!("{name}: {command} answered {sw}, a fresh one {fresh_sw}")
        };
        sent += 1;
        match expected(&command, fresh_sw) {
            Some(expected) => assert_eq!(sw, StatusWord::new(expected), "{}", what()),
            None => assert!(application.is_documented(&command, sw), "{}", what()),
        }
        assert!(
            sw.is_ok() || sw.is_warning() || answer.len() == 2,
            "{}",
            what()
        );
        if !chip.writes().is_empty() {
            let is_change = sw.is_ok() && application.changing.contains(&command[1]);
            assert!(is_counter(sw) || is_change, "{} and wrote", what());
            if is_counter(sw) {
                assert_eq!(changed(&before, &live.kept()), 1, "{}", what());
            }
            (chip, live) = begin();
            chip.revive();
        }
    }
    assert!(sent > 3_000);
    assert!(live.kept() == before, "{}", application.name);
}

/// A card with these objects changed by hand, where no command comes to such a state in reasonable
/// time: bytes from a place on in the objects of a number and a length.
fn with(chip: &Chip, number: u16, len: usize, at: usize, bytes: &[u8]) -> Chip {
    let chip = chip.copy();
    let mut nvm = Nvm::open(Cells(chip.clone())).expect("a card is on it");
    let held: Vec<(ObjectId, Vec<u8>)> = nvm
        .objects()
        .filter(|(id, value)| id.owner > 1 && id.number == number && value.len() == len)
        .map(|(id, value)| (id, value.to_vec()))
        .collect();
    assert_eq!(held.len(), 1, "one application has such an object");
    let mut batch = Batch::default();
    for (id, mut value) in held {
        value[at..at + bytes.len()].copy_from_slice(bytes);
        batch.put(id, value);
    }
    nvm.commit(batch).expect("no longer than before");
    chip.copy()
}

/// A purse's state: number and length of its object.
const PURSE_STATE: (u16, usize) = (1, 21);

fn with_purse(chip: &Chip, at: usize, bytes: &[u8]) -> Chip {
    with(chip, PURSE_STATE.0, PURSE_STATE.1, at, bytes)
}

/// Powers it up and selects.
fn selected(chip: &Chip, application: &Application, sw: u16) -> (Chip, Live) {
    let chip = chip.copy();
    let mut live = Live::on(&chip);
    let answer = live.send(&application.select());
    assert_eq!(status(&answer), StatusWord::new(sw), "{}", application.name);
    (chip, live)
}

/// A maintenance command with its right MAC.
fn maintained(chip: &Chip, header: [u8; 4]) {
    let steps = [
        Step::Raw(application("e-purse").select()),
        Step::Challenge(4),
        Step::Secured(header, Vec::new(), true),
    ];
    let answers = perform(chip, &steps);
    assert_eq!(answers.last(), Some(&vec![0x90, 0x00]));
}

/// Unless class and instruction were refused already, this.
fn but_for_the_header(fresh: StatusWord, sw: u16) -> Option<u16> {
    match fresh {
        StatusWord::CLA_NOT_SUPPORTED | StatusWord::INS_NOT_SUPPORTED => Some(fresh.value()),
        _ => Some(sw),
    }
}

#[test]
fn a_blocked_purse_refuses_all_but_challenge_and_locks() {
    let (fresh, purse) = (everything(), application("e-purse"));
    let blocked = fresh.copy();
    maintained(&blocked, [0x84, 0x1E, 0, 0]);
    sweep(
        &purse,
        &fresh,
        || selected(&blocked, &purse, 0x6283),
        |command, fresh| match command[1] {
            0x84 | 0x16 | 0x18 | 0x1E => None,
            _ => but_for_the_header(fresh, 0x6985),
        },
    );
    maintained(&blocked, [0x84, 0x18, 0, 0]);
    selected(&blocked, &purse, 0x9000);
}

#[test]
fn a_locked_purse_refuses_all_in_the_session_that_locked_it_too() {
    let (fresh, purse) = (everything(), application("e-purse"));
    let tried = with_purse(&fresh, 18 - 1, &[2]);
    let begin = || {
        let (chip, mut live) = selected(&tried, &purse, 0x9000);
        live.send(&[
            0x80, 0x50, 0x01, 0x02, 0x0B, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
        ]);
        let mut debit = vec![0x80, 0x54, 0x01, 0x00, 0x0F];
        debit.extend([0; 15]);
        assert_eq!(live.send(&debit), [0x93, 0x03]);
        (chip, live)
    };
    sweep(&purse, &fresh, begin, |_, fresh| {
        but_for_the_header(fresh, 0x9303)
    });
    let (chip, live) = begin();
    drop(live);
    selected(&chip, &purse, 0x9303);
}

#[test]
fn a_blocked_card_refuses_all_in_every_application() {
    let fresh = everything();
    let blocked = fresh.copy();
    maintained(&blocked, [0x84, 0x16, 0, 0]);
    for application in applications()
        .into_iter()
        .filter(|one| one.name != "issuer domain")
    {
        let expected = |command: &[u8], _: StatusWord| {
            let is_class = CLASSES.contains(&command[0]);
            Some(if is_class { 0x6A81 } else { 0x6E00 })
        };
        sweep(
            &application,
            &fresh,
            || selected(&blocked, &application, 0x6A81),
            expected,
        );
        // Selected on a channel when the card was blocked from another one; the first command ends
        // that.
        let mut own: Vec<u8> = application.rows.iter().map(|row| row.0).collect();
        own.sort_unstable();
        own.dedup();
        for ins in own {
            for cla in CLASSES {
                let (chip, mut live) = selected(&fresh, &application, 0x9000);
                live.send(&[0x00, 0x70, 0x00, 0x00, 0x01]);
                block_from_channel_1(&mut live);
                chip.revive();
                let answer = live.send(&[cla, ins, 0, 0, 0]);
                assert_eq!(answer, [0x6A, 0x81], "{}: {ins:02X}", application.name);
                assert!(chip.writes().is_empty());
            }
        }
    }
}

/// CARD BLOCK on channel 1.
fn block_from_channel_1(live: &mut Live) {
    use tongtu_testkit::purse::profile::Profile;
    use tongtu_testkit::purse::terminal::Terminal;
    let mut terminal = Terminal::new(Profile::test(Algorithm::Tdes));
    for step in [
        Step::Raw(application("e-purse").select()),
        Step::Challenge(4),
        Step::Secured([0x84, 0x16, 0, 0], Vec::new(), true),
    ] {
        let step = Step::On(1, Box::new(step));
        let command = terminal.command(&step).expect("no reset");
        let answer = live.send(&command);
        assert!(answer.ends_with(&[0x90, 0x00]), "{step:?}");
        terminal.saw(&command, &answer);
    }
}

#[test]
fn a_locked_and_a_terminated_card_change_nothing_and_offer_no_application() {
    let fresh = everything();
    for state in [0x7F, 0xFF] {
        let shut = fresh.copy();
        let mut channel = Channel::try_to(&shut, 0, 0x33).expect("power stays");
        for step in [0x07, 0x0F, state] {
            let answer = channel
                .order([0x80, 0xF0, 0x80, step], &[])
                .expect("power stays");
            assert_eq!(answer.1, 0x9000, "{step:02X}");
        }
        drop(channel);
        for application in applications() {
            let is_domain = application.name == "issuer domain";
            let sw = if is_domain { 0x6283 } else { 0x6A81 };
            selected(&shut, &application, sw);
        }
        let domain = application("issuer domain");
        sweep(
            &domain,
            &fresh,
            || selected(&shut, &domain, 0x6283),
            |_, _| None,
        );
    }
}

#[test]
fn a_blocked_e_cash_changes_nothing() {
    let (chip, model) = pair(Algorithm::Sm4);
    let cash = application("e-cash");
    let blocked = chip.copy();
    let mut live = Live::on(&blocked);
    play_cash(&mut live, &mut model.clone(), &to_block(&model));
    drop(live);
    let pay = Tap::offline(1).options(&model.profile);
    sweep(
        &cash,
        &chip,
        || selected(&blocked, &cash, 0x6283),
        |_, _| None,
    );
    let (chip, mut live) = selected(&blocked, &cash, 0x6283);
    assert_eq!(live.send(&pay), [0x69, 0x85]);
    assert!(chip.writes().is_empty());
}

/// Everything up to APPLICATION BLOCK.
fn to_block(model: &Ecash) -> Vec<Cash> {
    let mut online = Tap::offline(1);
    online.qualifiers = [0x26, 0x80, 0, 0];
    vec![
        Cash::Raw(application("e-cash").select()),
        Cash::Raw(online.options(&model.profile)),
        Cash::Issuer(true),
        Cash::Script([0x84, 0x1E, 0, 0], vec![], true),
    ]
}

pub(crate) fn play_cash(live: &mut Live, model: &mut Ecash, steps: &[Cash]) {
    for step in steps {
        let command = model.command(step).expect("no reset");
        let answer = live.send(&command);
        assert!(answer.ends_with(&[0x90, 0x00]), "{step:?}: {answer:02X?}");
        model.apdu(&command, &answer);
    }
}

#[test]
fn blocked_pins_and_authentications_stay_blocked_and_cost_nothing_more() {
    let fresh = everything();
    let purse = application("e-purse");
    let blocked = with_purse(&fresh, 19, &[0, 0]);
    sweep(
        &purse,
        &fresh,
        || selected(&blocked, &purse, 0x9000),
        |_, _| None,
    );
    let (chip, mut live) = selected(&blocked, &purse, 0x9000);
    for pin in [[0x12, 0x34, 0x56], [0, 0, 0]] {
        let [a, b, c] = pin;
        assert_eq!(live.send(&[0x00, 0x20, 0, 0, 3, a, b, c]), [0x69, 0x83]);
    }
    let external = [&[0x00, 0x82, 0x00, 0x01, 0x08][..], &[0; 8]].concat();
    live.send(&[0x00, 0x84, 0x00, 0x00, 0x08]);
    assert_eq!(live.send(&external), [0x69, 0x83]);
    assert!(chip.writes().is_empty());

    let (cash_chip, model) = pair(Algorithm::Sm4);
    let cash = application("e-cash");
    let blocked = with(&cash_chip, 7, 2, 0, &[0]);
    sweep(
        &cash,
        &cash_chip,
        || selected(&blocked, &cash, 0x9000),
        |_, _| None,
    );
    let (chip, mut live) = selected(&blocked, &cash, 0x9000);
    for is_right in [true, false] {
        let verify = model.command(&Cash::Verify(is_right)).expect("no reset");
        assert_eq!(live.send(&verify), [0x69, 0x83]);
    }
    assert!(chip.writes().is_empty());
}

#[test]
fn exhausted_counters_refuse_transactions_and_change_nothing() {
    let fresh = everything();
    let purse = application("e-purse");
    let spent = with_purse(&fresh, 9, &[0xFF; 4]);
    sweep(
        &purse,
        &fresh,
        || selected(&spent, &purse, 0x9000),
        |_, _| None,
    );
    let (chip, mut live) = selected(&spent, &purse, 0x9000);
    for what in [0x00, 0x01, 0x03, 0x05] {
        let mut begin = vec![0x80, 0x50, what, 0x02, 0x0B, 1, 0, 0, 0, 1];
        begin.extend([1; 6]);
        assert_eq!(live.send(&begin), [0x94, 0x02], "{what:02X}");
    }
    assert!(chip.writes().is_empty());

    let (cash_chip, model) = pair(Algorithm::Sm4);
    let cash = application("e-cash");
    let spent = with(&cash_chip, 1, 6, 0, &[0xFF; 2]);
    sweep(
        &cash,
        &cash_chip,
        || selected(&spent, &cash, 0x9000),
        |_, _| None,
    );
    // A payment at the end of the counter blocks the application, and nothing unblocks it.
    let (chip, mut live) = selected(&spent, &cash, 0x9000);
    let balance = [0x80, 0xCA, 0x9F, 0x79, 0x00];
    let before = live.send(&balance);
    assert_eq!(
        live.send(&Tap::offline(1).options(&model.profile)),
        [0x69, 0x85]
    );
    assert_eq!(live.send(&balance), before);
    drop(live);
    let (_, mut live) = selected(&chip, &cash, 0x6283);
    assert_eq!(live.send(&[0x84, 0x18, 0, 0, 4, 0, 0, 0, 0]), [0x69, 0x85]);
}

#[test]
fn wrong_keys_macs_and_pins_cost_one_try_each_on_a_card_that_was_used() {
    let chip = worn(32 * 1024);
    let begun = |key| Step::Initialize(1, key, 100, [0x31; 6]);
    for (steps, sws) in [
        (vec![begun(1), Step::Finish(false)], [0x9000_u16, 0x9302]),
        (vec![begun(9), Step::Finish(true)], [0x9403, 0x6985]),
        (
            vec![Step::Challenge(8), Step::External(1, false)],
            [0x9000, 0x63C2],
        ),
        (
            vec![Step::Challenge(8), Step::External(9, true)],
            [0x9000, 0x9403],
        ),
        (
            vec![
                Step::Challenge(4),
                Step::Secured([0x84, 0x1E, 0, 0], vec![], false),
            ],
            [0x9000, 0x6988],
        ),
    ] {
        let card = chip.copy();
        let before = Live::on(&card).kept();
        let steps = [vec![Step::Raw(application("e-purse").select())], steps].concat();
        let answers = perform(&card, &steps);
        let found: Vec<u16> = answers[1..]
            .iter()
            .map(|answer| status(answer).value())
            .collect();
        assert_eq!(found, sws, "{steps:?}");
        let differing = changed(&before, &Live::on(&card).kept());
        let is_paid = sws
            .iter()
            .any(|sw| is_counter(StatusWord::new(*sw)) && *sw != 0x9403);
        assert_eq!(differing, usize::from(is_paid), "{steps:?}");
    }
}

//! The sweep of wrong commands in the middle of something: a load, a purchase, a composite purchase
//! with cached records, an unload; an e-cash between its records, with a cached record, asked and
//! answered; on the same logical channel, and on a second one.
//!
//! At a purse every command on its channel ends the transaction. At an e-cash a refused command ends
//! nothing, but for what is judged once (`an_answer_or_script_that_was_wrong_is_judged_once`). On
//! another channel nothing ends either. Where it goes on, it ends in the very state in which it ends
//! without anything in between.

use tongtu_apdu::StatusWord;
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::ecash::Ecash;
use tongtu_testkit::ecash::sequence::{Step as Cash, Tap, read_capp, reads, select_ecash};
use tongtu_testkit::purse::profile::Profile;
use tongtu_testkit::purse::terminal::{Step, Terminal};
use tongtu_testkit::sequence::select;
use tongtu_testkit::tear::Chip;

use crate::live::Live;
use crate::model_ecash::pair;
use crate::model_sweep::{Application, CLASSES, applications, everything};
use crate::sweep_states::{is_counter, is_of_the_card, play_cash, status, wrong_commands};
use crate::tear_purse::{composite, perform};

fn application(name: &str) -> Application {
    let mut all = applications().into_iter();
    all.find(|application| application.name == name)
        .expect("one of the card's")
}

/// The purse's transactions, up to their last command.
fn transactions() -> Vec<(&'static str, Vec<Step>)> {
    let begun = |what| vec![Step::Initialize(what, 1, 100, [0x31; 6])];
    vec![
        ("load", begun(0)),
        ("purchase", begun(1)),
        (
            "composite purchase",
            [
                begun(3),
                vec![composite(1, 9), Step::Cache(0, 0xF0, vec![0x5A; 48])],
            ]
            .concat(),
        ),
        ("unload", begun(5)),
    ]
}

fn play(live: &mut Live, terminal: &mut Terminal, steps: &[Step]) {
    for step in steps {
        let command = terminal.command(step).expect("no reset");
        let answer = live.send(&command);
        assert!(answer.ends_with(&[0x90, 0x00]), "{step:?}: {answer:02X?}");
        terminal.saw(&command, &answer);
    }
}

/// A card with every application and money in the purse.
fn funded() -> Chip {
    let chip = everything();
    let load = [
        Step::Raw(select()),
        Step::Initialize(0, 1, 20_000, [0x11; 6]),
        Step::Finish(true),
    ];
    perform(&chip, &load);
    chip.copy()
}

/// Wrong commands whose class is one that their instruction takes.
fn of_right_class(application: &Application, fresh: &Chip) -> Vec<Vec<u8>> {
    let chip = fresh.copy();
    let mut live = Live::on(&chip);
    live.send(&application.select());
    let mut takes = |cla: u8, ins: u8| {
        let sw = status(&live.send(&[cla, ins, 0, 0]));
        sw != StatusWord::CLA_NOT_SUPPORTED
    };
    let mut known = std::collections::BTreeMap::new();
    let commands = wrong_commands(application).into_iter();
    let (simple, own): (Vec<_>, Vec<_>) = commands.partition(|command| command[2..4] == [0, 0]);
    let own = own.into_iter().filter(|command| {
        *known
            .entry((command[0], command[1]))
            .or_insert_with(|| takes(command[0], command[1]))
    });
    let own: Vec<_> = own.collect();
    simple.into_iter().chain(own).collect()
}

/// What a refused command in the middle of a purse's transaction leaves: no transaction.
fn ends_at_once(name: &str) {
    let (_, steps) = transactions()
        .into_iter()
        .find(|transaction| transaction.0 == name)
        .expect("one of the four");
    let fresh = funded();
    let purse = application("e-purse");
    let begin = || {
        let chip = fresh.copy();
        let mut live = Live::on(&chip);
        live.send(&select());
        (chip, live, Terminal::new(Profile::test(Algorithm::Tdes)))
    };
    let (mut chip, mut live, mut terminal) = begin();
    let before = live.kept();
    let (mut ended, mut counted) = (0, 0);
    for command in of_right_class(&purse, &fresh) {
        if is_of_the_card(&command) {
            continue;
        }
        play(&mut live, &mut terminal, &steps);
        let answer = live.send(&command);
        let sw = status(&answer);
        let what = || {
            format!(
                "{name}: {} answered {sw}",
                tongtu_codec::hex_encode(&command)
            )
        };
        assert!(purse.is_documented(&command, sw), "{}", what());
        let wrote = !chip.writes().is_empty();
        assert!(!wrote || is_counter(sw), "{} and wrote", what());
        chip.revive();
        if !(sw.is_ok() && command[..2] == [0x80, 0xDC]) {
            let finish = terminal.command(&Step::Finish(true)).expect("no reset");
            let late = status(&live.send(&finish));
            let expected = if sw == StatusWord::PERMANENTLY_LOCKED {
                sw
            } else {
                StatusWord::CONDITIONS
            };
            assert_eq!(late, expected, "{} and went on", what());
            assert!(chip.writes().is_empty(), "{} and wrote later", what());
            ended += 1;
        }
        if wrote {
            counted += 1;
            (chip, live, terminal) = begin();
        }
    }
    assert!(live.kept() == before);
    assert!(ended > 5_000 && counted > 10, "{ended} {counted}");
    // The next one goes on.
    play(&mut live, &mut terminal, &steps);
    play(&mut live, &mut terminal, &[Step::Finish(true)]);
}

#[test]
fn a_wrong_command_in_a_load_ends_it_and_changes_nothing() {
    ends_at_once("load");
}

#[test]
fn a_wrong_command_in_a_purchase_ends_it_and_changes_nothing() {
    ends_at_once("purchase");
}

#[test]
fn a_wrong_command_in_a_composite_purchase_ends_it_and_changes_nothing() {
    ends_at_once("composite purchase");
}

#[test]
fn a_wrong_command_in_an_unload_ends_it_and_changes_nothing() {
    ends_at_once("unload");
}

/// A card in the middle of something, and how that goes on.
trait Midway {
    type Other;
    fn begin(&self) -> (Chip, Live, Self::Other);
    fn finish(&self, live: &mut Live, other: Self::Other);
}

/// Sends wrong commands, first each to learn which are refused without spending a try, then all of
/// those in one transaction, which then goes on as if nothing had been.
fn goes_on<M: Midway>(what: &str, midway: &M, application: &Application, channel: u8) {
    let start = || {
        let (chip, live, other) = midway.begin();
        chip.revive();
        (chip, live, other)
    };
    let undisturbed = {
        let (_, mut live, other) = start();
        midway.finish(&mut live, other);
        live.kept()
    };
    let (mut chip, mut live, _) = start();
    let before = live.kept();
    let mut refused = Vec::new();
    for mut command in wrong_commands(application) {
        let is_known = CLASSES.contains(&command[0]);
        if is_of_the_card(&command) || channel > 0 && !is_known {
            continue;
        }
        command[0] |= channel;
        let sw = status(&live.send(&command));
        let said = || {
            let name = application.name;
            format!(
                "{what}, {name}: {} answered {sw}",
                tongtu_codec::hex_encode(&command)
            )
        };
        assert!(application.is_documented(&command, sw), "{}", said());
        let wrote = !chip.writes().is_empty();
        let may_write = sw.is_ok() || is_counter(sw) || sw == StatusWord::AUTH_FAILED;
        assert!(!wrote || may_write, "{} and wrote", said());
        if wrote || sw.is_ok() || sw.is_warning() {
            (chip, live, _) = start();
        } else {
            refused.push(command);
        }
    }
    assert!(live.kept() == before && refused.len() > 3_000, "{what}");
    let (chip, mut live, other) = start();
    for command in &refused {
        let sw = status(&live.send(command));
        assert!(!sw.is_ok(), "{what}: {}", tongtu_codec::hex_encode(command));
    }
    assert!(chip.writes().is_empty() && live.kept() == before, "{what}");
    midway.finish(&mut live, other);
    assert!(live.kept() == undisturbed, "{what}: ends in another state");
}

/// A purse's transaction on the basic channel, beside an application on channel 1.
struct Beside<'a> {
    fresh: &'a Chip,
    steps: &'a [Step],
    application: &'a Application,
}

/// SELECT on channel 1.
fn on_channel_1(application: &Application) -> Vec<u8> {
    let mut select = application.select();
    select[0] |= 1;
    select
}

impl Midway for Beside<'_> {
    type Other = Terminal;

    fn begin(&self) -> (Chip, Live, Terminal) {
        let chip = self.fresh.copy();
        let mut live = Live::on(&chip);
        let mut terminal = Terminal::new(Profile::test(Algorithm::Tdes));
        live.send(&[0x00, 0x70, 0x00, 0x00, 0x01]);
        live.send(&select());
        play(&mut live, &mut terminal, self.steps);
        let answer = live.send(&on_channel_1(self.application));
        assert!(answer.ends_with(&[0x90, 0x00]));
        (chip, live, terminal)
    }

    fn finish(&self, live: &mut Live, mut terminal: Terminal) {
        play(live, &mut terminal, &[Step::Finish(true)]);
    }
}

#[test]
fn wrong_commands_on_a_second_channel_leave_a_purse_s_transaction_as_it_is() {
    let fresh = funded();
    for (name, steps) in transactions() {
        for application in ["e-purse", "e-cash", "issuer domain"].map(application) {
            let beside = Beside {
                fresh: &fresh,
                steps: &steps,
                application: &application,
            };
            goes_on(name, &beside, &application, 1);
        }
    }
}

/// An e-cash in the middle of something.
struct Paying {
    chip: Chip,
    model: Ecash,
    begun: Vec<Cash>,
    rest: Vec<Cash>,
    /// Whether the application is selected on channel 1 too.
    beside: bool,
}

impl Midway for Paying {
    type Other = Ecash;

    fn begin(&self) -> (Chip, Live, Ecash) {
        let chip = self.chip.copy();
        let mut live = Live::on(&chip);
        let mut model = self.model.clone();
        if self.beside {
            live.send(&[0x00, 0x70, 0x00, 0x00, 0x01]);
            let answer = live.send(&on_channel_1(&application("e-cash")));
            assert!(answer.ends_with(&[0x90, 0x00]));
        }
        play_cash(&mut live, &mut model, &self.begun);
        (chip, live, model)
    }

    fn finish(&self, live: &mut Live, mut model: Ecash) {
        play_cash(live, &mut model, &self.rest);
    }
}

/// The e-cash's dialogues, begun and what is left of them.
fn dialogues(model: &Ecash) -> Vec<(&'static str, Vec<Cash>, Vec<Cash>)> {
    let profile = &model.profile;
    let raw = |commands: Vec<Vec<u8>>| commands.into_iter().map(Cash::Raw).collect::<Vec<_>>();
    let select = select_ecash(profile);
    let records = reads(profile);
    let (first, others) = records.split_first().expect("records");
    let ride = Tap {
        composite: 1,
        qualifiers: [0x28, 0, 0, 0],
        ..Tap::offline(300)
    };
    let counter = Tap {
        qualifiers: [0x10, 0, 0, 0],
        ..Tap::offline(0)
    };
    let asked = raw(vec![
        select.clone(),
        counter.options(profile),
        counter.generate(profile, 0x80, true),
    ]);
    let scripts = vec![
        Cash::Raw(counter.generate(profile, 0x40, false)),
        Cash::Script([0x04, 0xDA, 0x9F, 0x79], vec![0, 0, 0, 1, 0x50, 0], true),
    ];
    let record = [&[0x27, 0x01, 0x7D][..], &[0x44; 125]].concat();
    let ride = [
        raw(vec![
            select.clone(),
            read_capp(0x1A, Some([0x27, 0x01]), &[]),
            ride.options(profile),
        ]),
        vec![Cash::Update(0x1A, record, true)],
    ]
    .concat();
    let tap = raw(vec![
        select,
        Tap::offline(250).options(profile),
        first.clone(),
    ]);
    let answered = [asked.clone(), vec![Cash::Issuer(true)]].concat();
    let rest = [vec![Cash::Issuer(true)], scripts.clone()].concat();
    vec![
        ("a payment between its records", tap, raw(others.to_vec())),
        (
            "a composite payment with a cached record",
            ride,
            raw(records),
        ),
        ("an issuer that was asked", asked, rest),
        ("an issuer that has answered", answered, scripts),
    ]
}

fn paying(beside: bool) -> Vec<(&'static str, Paying)> {
    let (chip, model) = pair(Algorithm::Sm4);
    let dialogues = dialogues(&model).into_iter();
    dialogues
        .map(|(name, begun, rest)| {
            let paying = Paying {
                chip: chip.copy(),
                model: model.clone(),
                begun,
                rest,
                beside,
            };
            (name, paying)
        })
        .collect()
}

#[test]
fn wrong_commands_leave_an_e_cash_s_dialogue_as_it_is() {
    for (name, midway) in paying(false) {
        goes_on(name, &midway, &application("e-cash"), 0);
    }
}

#[test]
fn wrong_commands_on_a_second_channel_leave_an_e_cash_s_dialogue_as_it_is() {
    for (name, midway) in paying(true) {
        goes_on(name, &midway, &application("e-cash"), 1);
    }
}

#[test]
fn a_selection_that_finds_nothing_leaves_an_e_cash_s_dialogue_as_it_is() {
    for (name, midway) in paying(false) {
        let (chip, mut live, model) = midway.begin();
        chip.revive();
        for (command, sw) in [
            (
                &[0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0, 0, 0x09, 0xFF][..],
                0x6A82_u16,
            ),
            (&[0x00, 0xA4, 0x00, 0x00, 0x02, 0x10, 0x01], 0x6A82),
            (&[0x00, 0xA4, 0x01, 0x00], 0x6A86),
            (&[0x00, 0xC0, 0x00, 0x00, 0x00], 0x6985),
            (&[0x00, 0x70, 0x80, 0x00], 0x6A86),
            (&[0x00, 0xB2, 0x01], 0x6700),
        ] {
            assert_eq!(
                live.send(command),
                sw.to_be_bytes(),
                "{name}: {command:02X?}"
            );
        }
        assert!(chip.writes().is_empty(), "{name}");
        midway.finish(&mut live, model);
    }
}

#[test]
fn an_answer_or_script_that_was_wrong_is_judged_once() {
    let record = [&[0x27, 0x01, 0x7D][..], &[0x55; 125]].concat();
    let put = |is_right| Cash::Script([0x04, 0xDA, 0x9F, 0x79], vec![0, 0, 0, 2, 0, 0], is_right);
    let update = |is_right| Cash::Update(0x1A, record.clone(), is_right);
    for (name, midway) in paying(false) {
        let (wrong, sw, right, late) = match name {
            "an issuer that was asked" => (
                Cash::Issuer(false),
                0x6300_u16,
                Cash::Issuer(true),
                0x6985_u16,
            ),
            "an issuer that has answered" => (put(false), 0x6988, put(true), 0x6982),
            "a composite payment with a cached record" => {
                (update(false), 0x6988, update(true), 0x6985)
            }
            _ => continue,
        };
        let (_, mut live, model) = midway.begin();
        for (step, sw) in [(wrong, sw), (right, late)] {
            let command = model.command(&step).expect("no reset");
            assert_eq!(live.send(&command), sw.to_be_bytes(), "{name}: {step:?}");
        }
        let balance = [0x80, 0xCA, 0x9F, 0x79, 0x00];
        let before = live.send(&balance);
        for record in reads(&model.profile) {
            live.send(&record);
        }
        assert_eq!(
            live.send(&balance),
            before,
            "{name}: nothing is paid any more"
        );
        assert!(
            before.windows(3).any(|bytes| bytes == [0x01, 0x00, 0x00]),
            "{name}"
        );
    }
}

//! A tap that is played once with card and module, and then repeated by the machine alone.

use std::hint::black_box;
use std::time::Instant;

use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_psam::Psam as _;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{Answer, Ask, CardTerminal, Circumstances, Lost, Tap, TapEnd, Task};
use tongtu_types::Timestamp;

use super::post::Post;
use crate::bench::cards::Counter;

/// A card in the field.
pub(super) struct Field<'a> {
    card: &'a mut Counter,
    /// The answer to DEBIT is lost, and the card with it.
    pub(super) loses_debit: bool,
    is_gone: bool,
    pub(super) log: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Field<'a> {
    pub(super) fn of(card: &'a mut Counter) -> Self {
        card.present();
        Self {
            card,
            loses_debit: false,
            is_gone: false,
            log: Vec::new(),
        }
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if self.is_gone {
            return Err(Lost);
        }
        let answer = self.card.transmit(apdu);
        if self.loses_debit && apdu.starts_with(&[0x80, 0x54]) {
            self.is_gone = true;
            return Err(Lost);
        }
        self.log.push((apdu.to_vec(), answer.clone()));
        Ok(answer)
    }
}

/// A tap that the machine can repeat without card and module.
pub(super) struct Script {
    terminal: CardTerminal,
    circumstances: Circumstances,
    /// The journal as it was.
    journal: Vec<u8>,
    /// What card and module answered, in order.
    answers: Vec<Answer>,
}

impl Script {
    pub(super) fn play(
        post: &mut Post,
        field: &mut Field<'_>,
        now: Timestamp,
        task: Task,
    ) -> (Self, TapEnd) {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: post.store.capacity(),
            task,
        };
        let mut script = Self {
            terminal: post.terminal.clone(),
            circumstances,
            journal: post.medium.survivors(&Survival::Everything),
            answers: Vec::new(),
        };
        let mut tap = Tap::begin(circumstances);
        let mut answer = Answer::Begin;
        loop {
            let (next, ask) = tap.handle(&mut post.terminal, answer);
            tap = next;
            answer = match stored(&mut post.store, ask) {
                Stored::Answer(answer) => answer,
                Stored::Done(end) => {
                    if let Some(ride) = end.outcome.ride() {
                        let told = post.terminal.told(ride.seq, &mut post.store);
                        told.expect("memory has room");
                    }
                    return (script, *end);
                }
                Stored::Not(ask) => {
                    let answer = match ask {
                        Ask::Psam(request) => Answer::Psam(post.psam.ask(&request)),
                        Ask::Card(apdu) => Answer::Card(field.transmit(&apdu)),
                        _ => unreachable!("the store has answered the others"),
                    };
                    script.answers.push(answer.clone());
                    answer
                }
            };
        }
    }

    /// The same tap; how long the machine and its journal had the processor.
    pub(super) fn nanos(&self) -> u64 {
        let mut terminal = self.terminal.clone();
        let medium = SimMedium::holding(&self.journal);
        let store = Journal::recover(medium, Limits::default());
        let mut store = store.expect("it was one before");
        let mut answers = self.answers.clone().into_iter();
        let begun = Instant::now();
        let mut tap = Tap::begin(self.circumstances);
        let mut answer = Answer::Begin;
        loop {
            let (next, ask) = tap.handle(&mut terminal, answer);
            tap = next;
            answer = match stored(&mut store, ask) {
                Stored::Answer(answer) => answer,
                Stored::Not(_) => answers.next().expect("the same tap asks the same"),
                Stored::Done(end) => {
                    let taken = begun.elapsed();
                    black_box(end);
                    return u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
                }
            };
        }
    }
}

/// What the store has to do with a question.
enum Stored {
    Answer(Answer),
    Done(Box<TapEnd>),
    Not(Ask),
}

fn stored(store: &mut Journal<SimMedium>, ask: Ask) -> Stored {
    Stored::Answer(match ask {
        Ask::KeepIntent { id, intent } => Answer::Kept(store.keep_intent(id, &intent)),
        Ask::DropIntent { id } => Answer::Kept(store.drop_intent(id)),
        Ask::Append { record, closes } => Answer::Appended(match closes {
            Some(intent) => store.append_closing(&record, intent),
            None => store.append(&record),
        }),
        Ask::Done(end) => return Stored::Done(end),
        ask => return Stored::Not(ask),
    })
}

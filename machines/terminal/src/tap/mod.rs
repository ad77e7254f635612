//! Taps of cards (刷卡): the card side of a terminal, sans-io.
//!
//! ```text
//!  card in the field ─► Tap::begin ─► Ask ─► driver (card, module, store) ─► Answer ─┐
//!                           ▲                                                        │
//!                           └───────────────── Tap::handle ◄─────────────────────────┘
//!
//!  select ─► torn before? recover ─► lists, dates ─► read ─► flow: plan ─► pay ─► record ─► beep
//! ```
//!
//! What is here: the long-lived [`CardTerminal`], the dialogue [`Tap`] with what it asks
//! ([`Ask`]) and hears ([`Answer`]), how it ends ([`TapEnd`]), and what terminals of one group
//! tell each other ([`GroupNotice`]). Each machine and each flow has a file: selection, reading,
//! paying, recovery and locking are machines; single ride, rail, bus and make-up decide a plan
//! which the paying machine carries out, or for an e-cash ([`Cash`]) the machine in `cash/`.
//! What is not here: readers, modules, files, clocks; lists and their signatures
//! ([`TapLists`] is the seam), fares (`tongtu-fare`).
//! Start with [`Tap::handle`] and `paying.rs`.
//!
//! Order of durable things: intent, DEBIT to the card, record, beep. Nothing is told before it
//! is durable. Dropping a [`Tap`] at any moment is a card that left; dropping the
//! [`CardTerminal`] too is a power cut.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::CardCommand;
use tongtu_psam::{PsamAnswer, PsamFault};
use tongtu_purse::field::DateTime;
use tongtu_types::Timestamp;

use crate::StoreError;

mod again;
mod ask;
mod bus;
mod cash;
mod drive;
mod flow;
mod group;
mod history;
mod line;
mod lists;
mod locking;
mod make_up;
mod module;
mod outcome;
mod pace;
mod paying;
mod plan;
mod pricing;
mod profile;
mod prompt;
mod rail;
mod reading;
mod recovering;
mod select;
mod single;
mod terminal;
mod untold;

pub use ask::{Answer, Ask, Lost};
pub use cash::{
    AuthorityError, AuthorityKey, AuthorityTable, Cash, CashRules, RecordKeys, RecordUpdate,
    Unpredictable,
};
pub use drive::{CardLink, drive};
pub use flow::{Circumstances, Tap, Task};
pub use group::{BOARD_MAX, GroupNotice, Settlement};
pub use lists::{PlainLists, Snapshot, Standing, TapLists, Versions};
pub use make_up::MakeUp;
pub use module::{ModuleFault, ModuleReport, ModuleReportError, ModuleReportRecord, ModuleRule};
pub use outcome::{Exchanges, Refusal, TapEnd, TapFault, TapOutcome, TapRide};
pub use pace::Pace;
pub use profile::{
    Counter, Gate, Lock, NoComposite, NoEntry, OpenRide, OverStay, Rules, Segmented, Single,
    TapPost, TapProfile, Ticket, Unverified, Way,
};
pub use prompt::{Say, TapNotice, TapPrompt};
pub use select::{CITY_UNION, Medium, Selection};
pub use terminal::{CardTerminal, TapRecoverError};

/// What a machine does with an answer: the next question, or its result.
enum Turn<M, O> {
    Ask(M, Ask),
    Done(O),
}

/// An answer as machines hear it.
#[derive(Debug)]
enum Input {
    Reply(line::Reply),
    Psam(Result<PsamAnswer, PsamFault>),
    Kept(Result<(), StoreError>),
    Appended(Result<u64, StoreError>),
}

/// What machines work on: the terminal, the moment, and what the tap leaves behind.
struct Desk<'a> {
    terminal: &'a mut CardTerminal,
    now: Timestamp,
    at: DateTime,
    notices: &'a mut Vec<GroupNotice>,
    stored: &'a mut Vec<u64>,
}

/// The question to send a command.
fn card<C: CardCommand>(command: &C) -> Ask {
    let apdu = command.to_command().encode();
    Ask::Card(apdu.expect("no command of a purse is long"))
}

fn unexpected(expected: &'static str, input: &Input) -> TapFault {
    let found = match input {
        Input::Reply(_) => "for the card",
        Input::Psam(_) => "for the module",
        Input::Kept(_) => "for an intent",
        Input::Appended(_) => "for a record",
    };
    TapFault::Driver { found, expected }
}

fn ended(outcome: TapOutcome, terminal: &CardTerminal, state: &mut flow::Left) -> Ask {
    let prompt = TapPrompt::of(&outcome, &terminal.profile.rules);
    Ask::Done(Box::new(TapEnd {
        outcome,
        prompt,
        notices: core::mem::take(&mut state.notices),
        stored: core::mem::take(&mut state.stored),
        exchanges: state.exchanges,
    }))
}

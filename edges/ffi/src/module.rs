//! The terminal's PSAM: a soft one for tests, or one in the maker's slot, asked step by step.
//!
//! [`ApduPsam`] waits for its wire; a caller of C does not wait but is asked and comes back. So a
//! dialogue runs on a copy of the module's state over a [`Script`] of what was heard so far. Where
//! the script ends the copy is dropped and the caller asked; with one answer more it runs again. A
//! request takes two exchanges at most, so little is done twice, and nothing of it is arithmetic.

use std::sync::{Arc, Mutex, PoisonError};

use tongtu_card::RamMemory;
use tongtu_psam::command::MacKeys;
use tongtu_psam::{Psam as _, PsamAnswer, PsamFault, PsamIdentity, PsamRequest};
use tongtu_sam::{ApduPsam, Lost, SoftPsam, Wire};

/// What is wanted of the module in the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    Reset,
    Command(Vec<u8>),
}

/// How far a dialogue with the module is.
pub(crate) enum Step<T> {
    Want(Want),
    Done(T),
}

/// What was heard from the slot in this dialogue.
#[derive(Debug, Default)]
struct Script {
    heard: Vec<Result<Vec<u8>, Lost>>,
    at: usize,
    want: Option<Want>,
}

#[derive(Debug, Clone, Default)]
struct Line(Arc<Mutex<Script>>);

impl Line {
    fn with<T>(&self, look: impl FnOnce(&mut Script) -> T) -> T {
        // Nothing in there can be left half done.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, want: impl FnOnce() -> Want) -> Result<Vec<u8>, Lost> {
        self.with(|script| {
            if script.want.is_some() {
                return Err(Lost::Gone);
            }
            let heard = script.heard.get(script.at).cloned();
            script.at += 1;
            heard.unwrap_or_else(|| {
                script.want = Some(want());
                Err(Lost::Gone)
            })
        })
    }
}

impl Wire for Line {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        self.next(|| Want::Command(apdu.to_vec()))
    }

    fn reset(&mut self) -> Result<(), Lost> {
        self.next(|| Want::Reset).map(drop)
    }
}

/// A module in the maker's slot.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    line: Line,
    module: Option<ApduPsam<Line>>,
    /// The request under way; opening has none.
    request: Option<PsamRequest>,
}

impl Slot {
    /// Begins to read who the module is.
    pub(crate) fn begin_open(&mut self) -> Step<Result<PsamIdentity, PsamFault>> {
        self.module = None;
        self.line.with(|script| *script = Script::default());
        self.open()
    }

    /// Goes on opening with an answer.
    pub(crate) fn opened(
        &mut self,
        heard: Result<Vec<u8>, Lost>,
    ) -> Step<Result<PsamIdentity, PsamFault>> {
        self.line.with(|script| script.heard.push(heard));
        self.open()
    }

    fn open(&mut self) -> Step<Result<PsamIdentity, PsamFault>> {
        self.line.with(|script| script.at = 0);
        let opened = ApduPsam::open(self.line.clone(), MacKeys::USUAL);
        if let Some(want) = self.line.with(|script| script.want.take()) {
            return Step::Want(want);
        }
        Step::Done(opened.map(|module| {
            let identity = *module.identity();
            self.module = Some(module);
            identity
        }))
    }

    fn begin(&mut self, request: PsamRequest) -> Step<Result<PsamAnswer, PsamFault>> {
        self.line.with(|script| *script = Script::default());
        self.request = Some(request);
        self.ask()
    }

    fn heard(&mut self, heard: Result<Vec<u8>, Lost>) -> Step<Result<PsamAnswer, PsamFault>> {
        self.line.with(|script| script.heard.push(heard));
        self.ask()
    }

    fn ask(&mut self) -> Step<Result<PsamAnswer, PsamFault>> {
        let (Some(module), Some(request)) = (&self.module, &self.request) else {
            return Step::Done(Err(PsamFault::Absent));
        };
        let mut trial = module.clone();
        self.line.with(|script| script.at = 0);
        let answer = trial.ask(request);
        if let Some(want) = self.line.with(|script| script.want.take()) {
            return Step::Want(want);
        }
        self.module = Some(trial);
        self.request = None;
        Step::Done(answer)
    }
}

/// A terminal's PSAM.
pub(crate) enum Module {
    Test(Box<SoftPsam<RamMemory>>),
    Slot(Box<Slot>),
}

impl Module {
    /// Begins a request.
    pub(crate) fn begin(&mut self, request: PsamRequest) -> Step<Result<PsamAnswer, PsamFault>> {
        match self {
            Self::Test(soft) => Step::Done(soft.ask(&request)),
            Self::Slot(slot) => slot.begin(request),
        }
    }

    /// Goes on with what the slot answered.
    pub(crate) fn heard(
        &mut self,
        heard: Result<Vec<u8>, Lost>,
    ) -> Step<Result<PsamAnswer, PsamFault>> {
        match self {
            Self::Test(_) => Step::Done(Err(PsamFault::Absent)),
            Self::Slot(slot) => slot.heard(heard),
        }
    }

    /// The caller gave a request up of which the module may have done something: it is reset before
    /// it is asked again, so that no MAC2 of before is put to it.
    pub(crate) fn give_up(&mut self) {
        if let Self::Slot(slot) = self
            && slot.request.is_some()
        {
            while let Step::Want(_) = slot.heard(Err(Lost::Gone)) {}
        }
    }
}

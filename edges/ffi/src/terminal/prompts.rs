//! What riders hear and see after what ended last, and what logs say of it.

use tongtu_fare::Lang;
use tongtu_terminal::face::{FacePrompt, Look};
use tongtu_terminal::tap::TapOutcome;
use tongtu_terminal::{Prompt, ScanOutcome};

use super::{Last, Terminal};
use crate::code::{TT_ERR_NONE, TT_ERR_STORE};
use crate::fault::Fault;

fn none(detail: &str) -> Fault {
    Fault::new(TT_ERR_NONE, detail)
}

fn scan_prompt(outcome: &ScanOutcome) -> Result<&Prompt, Fault> {
    let prompt = outcome.prompt();
    prompt.ok_or_else(|| none("the terminal stays silent"))
}

/// What a look makes a terminal say, if anything.
pub(crate) const fn look_prompt(look: &Look) -> Option<&FacePrompt> {
    match look {
        Look::Idle => None,
        Look::Ride(ride) => Some(&ride.prompt),
        Look::Digits(prompt) | Look::Refused(_, prompt) => Some(prompt),
    }
}

impl Terminal {
    /// What the rider hears.
    pub(crate) fn voice(&self, lang: Lang) -> Result<&'static str, Fault> {
        match &self.last {
            Last::Tap(end) => Ok(end.prompt.voice(lang)),
            Last::Scan(outcome) => scan_prompt(outcome).map(|prompt| prompt.voice(lang)),
            Last::Look(look) => look_prompt(look)
                .map(|prompt| prompt.voice(lang))
                .ok_or_else(|| none("nobody is there")),
            Last::None => Err(none("nothing ended yet")),
        }
    }

    /// What the rider sees.
    pub(crate) fn display(&self, lang: Lang) -> Result<String, Fault> {
        match &self.last {
            Last::Tap(end) => Ok(end.prompt.display(lang)),
            Last::Scan(outcome) => scan_prompt(outcome).map(|prompt| prompt.display(lang)),
            Last::Look(look) => look_prompt(look)
                .map(|prompt| prompt.display(lang))
                .ok_or_else(|| none("nobody is there")),
            Last::None => Err(none("nothing ended yet")),
        }
    }

    /// Why the last tap, scan or look ended as it did, for logs.
    pub(crate) fn reason(&self) -> Result<String, Fault> {
        Ok(match &self.last {
            Last::Tap(end) => match &end.outcome {
                TapOutcome::OutOfService(fault) => fault.to_string(),
                TapOutcome::Refused(refusal) => format!("{refusal:?}"),
                TapOutcome::Torn { in_doubt, tries } => {
                    format!("torn, in doubt: {in_doubt}, tries: {tries}")
                }
                _ => "a ride".to_owned(),
            },
            Last::Scan(outcome) => match &**outcome {
                ScanOutcome::Refused(refusal) => match &refusal.out_of_service {
                    Some(fault) => fault.to_string(),
                    None => refusal.verdict.name().to_owned(),
                },
                ScanOutcome::Accepted(_) | ScanOutcome::Resumed(_) => "a ride".to_owned(),
            },
            Last::Look(look) => match &**look {
                Look::Idle => "nobody is there".to_owned(),
                Look::Ride(_) => "a ride".to_owned(),
                Look::Digits(_) => "the second factor is wanted".to_owned(),
                Look::Refused(refusal, _) => refusal.to_string(),
            },
            Last::None => return Err(none("nothing ended yet")),
        })
    }

    /// The rider was told of a ride.
    pub(crate) fn told(&mut self, seq: u64) -> Result<(), Fault> {
        let fault = |error| Fault::of(TT_ERR_STORE)(&error);
        if seq != 0 {
            self.scans.told(seq, &mut self.store).map_err(fault)?;
        }
        // Whichever part it was: the others know no such ride, and a mark is made once. Faces
        // need no word: what counts for them is the mark.
        match &mut self.cards {
            Some(cards) => cards.told(seq, &mut self.store).map_err(fault),
            None => Ok(()),
        }
    }
}

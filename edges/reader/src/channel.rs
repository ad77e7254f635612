//! One way to any card: a command goes in, an answer comes out.
//!
//! Here: the trait, the card in this process, and the two courtesies of ISO/IEC 7816-4 that make an answer
//! whole. Not here: readers (`pcsc`).

use crate::error::ReaderError;
use crate::vpcd::VirtualCard;

/// Most bytes collected for one command; a card that announces more has lost its way.
const ANSWER_MAX_BYTES: usize = 65_536;

/// A card that answers, wherever it is.
pub trait CardChannel {
    /// The answer to reset (ATR) of the card.
    fn atr(&self) -> Vec<u8>;

    /// Sends one command as it is and gives what came back, status word last.
    ///
    /// # Errors
    /// [`ReaderError`] when no answer came; any status word is an answer.
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError>;

    /// Resets the card and starts anew, with nothing selected.
    ///
    /// # Errors
    /// [`ReaderError`] when the card is gone.
    fn reset(&mut self) -> Result<(), ReaderError>;

    /// Sends one command and gives its whole answer: `6Cxx` is repeated with the length that the card
    /// names, `61xx` is collected by GET RESPONSE.
    ///
    /// # Errors
    /// As [`Self::exchange`], and [`ReaderError::EndlessAnswer`].
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let mut answer = self.exchange(apdu)?;
        if let (0x6C, length) = status(&answer)? {
            answer = self.exchange(&with_le(apdu, length))?;
        }
        let mut whole = Vec::new();
        loop {
            let (sw1, sw2) = status(&answer)?;
            if sw1 != 0x61 {
                whole.append(&mut answer);
                return Ok(whole);
            }
            answer.truncate(answer.len().saturating_sub(2));
            whole.append(&mut answer);
            if whole.len() > ANSWER_MAX_BYTES {
                return Err(ReaderError::EndlessAnswer {
                    max_bytes: ANSWER_MAX_BYTES,
                });
            }
            let cla = get_response_class(apdu.first().copied().unwrap_or(0));
            let before = whole.len();
            answer = self.exchange(&[cla, 0xC0, 0x00, 0x00, sw2])?;
            // A card that says 61xx for ever and sends nothing would keep us here.
            if answer.len() == 2 && status(&answer)?.0 == 0x61 && whole.len() == before {
                return Err(ReaderError::EndlessAnswer {
                    max_bytes: ANSWER_MAX_BYTES,
                });
            }
        }
    }
}

impl<C: CardChannel + ?Sized> CardChannel for Box<C> {
    fn atr(&self) -> Vec<u8> {
        (**self).atr()
    }

    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        (**self).exchange(apdu)
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        (**self).reset()
    }
}

/// The two bytes of the status word.
fn status(answer: &[u8]) -> Result<(u8, u8), ReaderError> {
    match answer {
        [.., sw1, sw2] => Ok((*sw1, *sw2)),
        _ => Err(ReaderError::ShortAnswer {
            length_bytes: answer.len(),
        }),
    }
}

/// The class of GET RESPONSE on the logical channel of `cla`, without secure messaging.
///
/// Source: ISO/IEC 7816-4 §5.4.1; further channels 4 to 19 carry theirs in the low four bits.
fn get_response_class(cla: u8) -> u8 {
    if cla & 0x40 == 0 {
        cla & 0x03
    } else {
        0x40 | (cla & 0x0F)
    }
}

/// A short command with another Le; whether it has one already follows from its length.
fn with_le(apdu: &[u8], le: u8) -> Vec<u8> {
    let mut again = apdu.to_vec();
    let has_le = match apdu {
        [_, _, _, _, _le] => true,
        [_, _, _, _, lc, body @ ..] => body.len() > usize::from(*lc),
        _ => false,
    };
    if has_le {
        again.pop();
    }
    again.push(le);
    again
}

/// A card in this process, without a reader.
#[derive(Debug)]
pub struct Direct<C> {
    card: C,
}

impl<C: VirtualCard> Direct<C> {
    /// Powers a card up.
    ///
    /// # Errors
    /// [`ReaderError::Card`] if it does not start.
    pub fn power_up(mut card: C) -> Result<Self, ReaderError> {
        card.power_on().map_err(failed("start"))?;
        Ok(Self { card })
    }

    /// The card itself.
    pub fn into_inner(self) -> C {
        self.card
    }
}

impl<C: VirtualCard> CardChannel for Direct<C> {
    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }

    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.card.transmit(apdu).map_err(failed("answer"))
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        self.card.reset().map_err(failed("reset"))
    }
}

fn failed<F: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl FnOnce(F) -> ReaderError {
    move |fault| ReaderError::Card {
        doing,
        source: Box::new(fault),
    }
}

#[cfg(test)]
mod tests;

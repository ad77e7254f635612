//! One command and its whole answer: `61XX` fetched, `6CXX` repeated, anything else as it is.
//!
//! Cards answer in one piece, in two, or ask for another Le; flows see none of it. What cannot
//! be an answer at all is [`Reply::Garbled`], and whoever asked decides what that means.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response, StatusWord};

use super::ask::{Ask, Lost};

/// Rounds of fetching and repeating for one command; a card that wants more has none to give.
const ROUNDS_MAX: u8 = 4;
/// Bytes of one whole answer; no file of the field has more.
const ANSWER_MAX: usize = 512;

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// `9000` with data.
    Ok(Vec<u8>),
    /// Another status word, and what came with it.
    Status(StatusWord, Vec<u8>),
    /// Bytes that are no answer, or more of them than there can be.
    Garbled,
    /// None came.
    Lost,
}

/// The line to the card: what was sent, and what has come of the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    sent: Vec<u8>,
    got: Vec<u8>,
    rounds: u8,
}

/// What to do with an answer.
pub(super) enum Heard {
    /// Ask the card again.
    Again(Ask),
    /// The answer is whole.
    Reply(Reply),
}

impl Line {
    /// Takes note of a command that goes out.
    pub(super) fn send(&mut self, apdu: &[u8]) {
        self.sent.clear();
        self.sent.extend_from_slice(apdu);
        self.got.clear();
        self.rounds = 0;
    }

    /// Takes an answer.
    pub(super) fn hear(&mut self, answer: Result<Vec<u8>, Lost>) -> Heard {
        let Ok(bytes) = answer else {
            return Heard::Reply(Reply::Lost);
        };
        let Ok(response) = Response::parse(&bytes) else {
            return Heard::Reply(Reply::Garbled);
        };
        if self.got.len() + response.data.len() > ANSWER_MAX {
            return Heard::Reply(Reply::Garbled);
        }
        let [sw1, sw2] = response.sw.bytes();
        let again = match sw1 {
            0x61 => Some(Command::new(0x00, 0xC0, 0, 0).with_le(sw2)),
            0x6C => Command::parse(&self.sent)
                .ok()
                .filter(|sent| sent.le.is_some_and(|le| le.byte() != sw2))
                .map(|sent| sent.with_le(sw2)),
            _ => None,
        };
        if let Some(command) = again {
            if self.rounds == ROUNDS_MAX {
                return Heard::Reply(Reply::Garbled);
            }
            self.rounds += 1;
            if sw1 == 0x61 {
                self.got.extend(response.data);
            }
            let apdu = command.encode().expect("it was a short command");
            if sw1 == 0x6C {
                self.sent.clone_from(&apdu);
            }
            return Heard::Again(Ask::Card(apdu));
        }
        let mut data = core::mem::take(&mut self.got);
        data.extend(response.data);
        Heard::Reply(if response.sw.is_ok() {
            Reply::Ok(data)
        } else {
            Reply::Status(response.sw, data)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &mut Line, bytes: &[u8]) -> Result<Reply, Vec<u8>> {
        match line.hear(Ok(bytes.to_vec())) {
            Heard::Reply(reply) => Ok(reply),
            Heard::Again(Ask::Card(apdu)) => Err(apdu),
            Heard::Again(other) => panic!("a line asks cards only: {other:?}"),
        }
    }

    #[test]
    fn an_answer_in_pieces_is_put_together_and_another_le_is_tried() {
        let mut line = Line::default();
        line.send(&[0x00, 0xB2, 1, 0xD4, 0x80]);
        assert_eq!(
            heard(&mut line, &[0x6C, 0x20]),
            Err(vec![0, 0xB2, 1, 0xD4, 0x20])
        );
        assert_eq!(
            heard(&mut line, &[1, 2, 0x61, 0x03]),
            Err(vec![0, 0xC0, 0, 0, 3])
        );
        let whole = Reply::Ok(vec![1, 2, 3, 4, 5]);
        assert_eq!(heard(&mut line, &[3, 4, 5, 0x90, 0x00]), Ok(whole));
    }

    #[test]
    fn a_card_that_never_comes_to_an_end_is_garbled() {
        let mut line = Line::default();
        line.send(&[0x00, 0xB2, 1, 0xD4, 0x80]);
        for round in 0..ROUNDS_MAX {
            assert!(heard(&mut line, &[round, 0x61, 0x01]).is_err());
        }
        assert_eq!(heard(&mut line, &[0, 0x61, 0x01]), Ok(Reply::Garbled));
        assert_eq!(heard(&mut line, &[0x90]), Ok(Reply::Garbled));
        line.send(&[0x80, 0xDC, 1, 0xD0]);
        let wrong = Reply::Status(StatusWord::wrong_le(8), vec![]);
        assert_eq!(heard(&mut line, &[0x6C, 0x08]), Ok(wrong), "it had no Le");
    }
}

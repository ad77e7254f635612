//! A recorded dialogue as a card: it answers what it was asked before.

use tongtu_apdu::trace::{Entry, Trace};
use tongtu_reader::{CardChannel, ReaderError};

/// What a card answers that does not know the command.
const NOT_RECORDED: [u8; 2] = [0x6A, 0x82];

/// The recorded exchanges, by what was selected when they took place.
#[derive(Debug)]
pub(crate) struct Replay {
    chapters: Vec<Chapter>,
    /// The name that is selected now.
    selected: Option<Vec<u8>>,
}

/// What followed one SELECT.
#[derive(Debug)]
struct Chapter {
    /// The name selected; none at the beginning.
    name: Option<Vec<u8>>,
    exchanges: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Replay {
    /// The card that this dialogue was held with.
    pub(crate) fn of(trace: &Trace) -> Self {
        let beginning = || Chapter {
            name: None,
            exchanges: Vec::new(),
        };
        let mut chapters = vec![beginning()];
        let mut parts: Option<(Vec<u8>, Vec<u8>)> = None;
        for entry in &trace.entries {
            let exchange = match entry {
                Entry::Exchange(exchange) => exchange,
                Entry::Reset { .. } => {
                    chapters.push(beginning());
                    continue;
                }
                Entry::Orphan(_) => continue,
            };
            let Some(answer) = &exchange.answer else {
                continue;
            };
            let (command, answer) = (&exchange.command.bytes, &answer.bytes);
            // Answers in parts are put together under the command that asked.
            let (command, answer) = match parts.take() {
                Some((asked, mut whole)) if command.get(1) == Some(&0xC0) => {
                    whole.extend(answer);
                    (asked, whole)
                }
                _ => (command.clone(), answer.clone()),
            };
            if let [data @ .., 0x61, _] = answer.as_slice() {
                parts = Some((command, data.to_vec()));
                continue;
            }
            if matches!(answer.as_slice(), [0x6C, _]) {
                // The command follows again with the length that the card named.
                continue;
            }
            if let Some(name) = selected_name(&command)
                && is_found(&answer)
            {
                chapters.push(Chapter {
                    name: Some(name.to_vec()),
                    exchanges: Vec::new(),
                });
            }
            let chapter = chapters.last_mut().expect("there is a first chapter");
            chapter.exchanges.push((command, answer));
        }
        Self {
            chapters,
            selected: None,
        }
    }

    fn recorded(&self, apdu: &[u8]) -> Option<&[u8]> {
        let asked = without_le(apdu);
        let name = selected_name(apdu);
        let chapters = self.chapters.iter().filter(|chapter| match name {
            Some(_) => true,
            None => chapter.name == self.selected,
        });
        let mut exchanges = chapters.flat_map(|chapter| &chapter.exchanges);
        let found = exchanges.find(|(command, _)| without_le(command) == asked);
        found.map(|(_, answer)| answer.as_slice())
    }
}

/// The name in a SELECT by name.
fn selected_name(apdu: &[u8]) -> Option<&[u8]> {
    match apdu {
        [0x00, 0xA4, 0x04, _, len, rest @ ..] => rest.get(..usize::from(*len)),
        _ => None,
    }
}

fn is_found(answer: &[u8]) -> bool {
    matches!(answer, [.., 0x90, 0x00] | [.., 0x62, _])
}

/// The same command may have been asked with another length of the answer.
fn without_le(apdu: &[u8]) -> &[u8] {
    match apdu {
        [head @ .., _le] if head.len() == 4 => head,
        [_, _, _, _, len, rest @ ..] if rest.len() == usize::from(*len) + 1 => {
            apdu.get(..5 + usize::from(*len)).unwrap_or(apdu)
        }
        _ => apdu,
    }
}

impl CardChannel for Replay {
    fn atr(&self) -> Vec<u8> {
        Vec::new()
    }

    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let answer = self.recorded(apdu).map(<[u8]>::to_vec);
        let answer = answer.unwrap_or_else(|| NOT_RECORDED.to_vec());
        if let Some(name) = selected_name(apdu)
            && is_found(&answer)
        {
            self.selected = Some(name.to_vec());
        }
        Ok(answer)
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        self.selected = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tongtu_codec::hex_decode;

    use super::*;

    fn card(log: &str) -> Replay {
        Replay::of(&tongtu_apdu::trace::parse(log))
    }

    fn ask(card: &mut Replay, apdu: &str) -> String {
        let answer = card.exchange(&hex_decode(apdu).unwrap()).unwrap();
        tongtu_codec::hex_encode(&answer)
    }

    #[test]
    fn a_recorded_card_answers_for_the_application_that_is_selected() {
        let mut card = card(
            ">> 00A4040005A000000001\n<< 9000\n>> 00B0950000\n<< 0102 9000\n\
             >> 00A4040005A000000002\n<< 9000\n>> 00B0950000\n<< 6104\n>> 00C0000004\n<< 0304 9000\n",
        );
        assert_eq!(ask(&mut card, "00b0950000"), "6a82", "nothing is selected");
        assert_eq!(ask(&mut card, "00a4040005a00000000100"), "9000");
        assert_eq!(ask(&mut card, "00b095001e"), "01029000");
        assert_eq!(ask(&mut card, "00a4040005a000000002"), "9000");
        assert_eq!(ask(&mut card, "00b0950000"), "03049000");
        assert_eq!(ask(&mut card, "00b0960000"), "6a82");
    }
}

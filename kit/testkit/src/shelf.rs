//! A naive card with small applications on it: the directory, NFC ride codes (NFC 二维码), the
//! identity application (身份认证应用).
//!
//! Here: what such a card answers to a whole APDU, on any of its channels, as the documents say;
//! [`code`] and [`identity`] are what the applications do. Not here: the issuer domain, whose
//! answers are not told, and tears. Start at [`Shelf::apdu`].
//!
//! As with the e-purse, random numbers and signatures are the card's: its answer is handed over as
//! `seen`. A signature is verified, and a key looked at, before the model believes it.
//!
//! # Where the documents leave the answer open
//!
//! | question | choice |
//! |---|---|
//! | order of checks | CLA and INS, P1 P2, Lc, then the command's own |
//! | Le of a command that is not GET CHALLENGE | not looked at; what is longer than 256 bytes comes in pieces |
//! | what a piece may be asked for with | any P1 P2; as many bytes as Le says, `61XX` while there is more |
//! | what ends the pieces | every command on the channel but GET RESPONSE; not bytes that are none |
//! | what uses a challenge up and ends an update | the next command on its channel, bytes that are none too; on the basic channel if their class names none |
//! | block 255 of an update that is not the last | `6985`, as there is none to follow |
//! | order in the last block | room, length, MAC |
//! | a right result for a code that is not known, with no decimal fare | `6A88` |
//! | a code that comes again | goes to the front of those that are known |
//! | a code that was withdrawn, or a key that was replaced | results for a known code are still taken |
//! | groups of one personalisation | in order, all or none; a code is measured by a profile before it |
//! | a PIN that is blocked, on a channel that verified it before | blocked |
//! | a PIN that personalisation replaced, on a channel that verified the old one | not verified |
//! | personalisation while an application is selected elsewhere | changes nothing else of its session |
//! | a key that is there | stays, until its issuer takes key and certificate away |

use crate::apdu::{Apdu, Channels, addressed};
use crate::purse::tlv;
use crate::{Answer, Sw};

pub mod code;
pub mod identity;
pub mod sequence;

#[cfg(test)]
mod tests;

/// The issuer domain's AID.
pub const ISSUER: [u8; 8] = [0xA0, 0, 0, 0x01, 0x51, 0, 0, 0];
/// The directory's AID.
pub const DIRECTORY: &[u8] = b"2PAY.SYS.DDF01";

/// What an application does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The directory.
    Directory,
    /// An NFC ride code.
    Code(code::Code),
    /// The identity application.
    Identity(identity::Identity),
}

/// An application in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its AID.
    pub aid: Vec<u8>,
    /// Its label; without one the directory does not list it.
    pub label: Vec<u8>,
    /// Its priority in the directory.
    pub priority: u8,
    /// What it does, and remembers without power.
    pub kind: Kind,
}

/// What is selected on a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Selected {
    /// Nothing yet; the issuer domain answers what comes before a SELECT.
    #[default]
    Nothing,
    Issuer,
    /// The application in this place.
    At(usize),
}

/// Everything that a loss of power forgets, of one channel.
#[derive(Clone, Debug, Default)]
struct Session {
    selected: Selected,
    /// What GET RESPONSE fetches.
    waiting: Vec<u8>,
    code: code::Session,
    identity: identity::Session,
    /// The last challenge that was answered; what a terminal seals with, used up or not.
    heard: [u8; 8],
}

/// The model.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// Its applications, in the order in which they were put there.
    pub applications: Vec<Application>,
    /// The ten bytes of the secure element's medium id, if it has one.
    pub medium: Option<Vec<u8>>,
    channels: Channels<Session>,
}

impl Shelf {
    /// A card with these applications, under power.
    #[must_use]
    pub fn new(applications: Vec<Application>, medium: Option<Vec<u8>>) -> Self {
        Self {
            applications,
            medium,
            channels: Channels::new(),
        }
    }

    /// Loss of power, or a reset.
    pub fn reset(&mut self) {
        self.channels = Channels::new();
    }

    /// Personalisation of an application by its domain: all groups, or a refusal.
    ///
    /// # Errors
    /// The status word of the refusal.
    pub fn store(&mut self, at: usize, groups: &[(u16, Vec<u8>)]) -> Result<(), Sw> {
        let mut kind = self.applications[at].kind.clone();
        for (id, value) in groups {
            match &mut kind {
                Kind::Directory => return Err(0x6985),
                Kind::Code(code) => code.store(*id, value)?,
                Kind::Identity(identity) => identity.store(*id, value)?,
            }
        }
        self.applications[at].kind = kind;
        Ok(())
    }

    /// Answers a command; `seen` is what the card answered to it.
    ///
    /// None when the issuer domain answers, of which this model knows nothing.
    pub fn apdu(&mut self, command: &[u8], seen: &[u8]) -> Option<Vec<u8>> {
        let (apdu, channel, mut session) = match self.channels.receive(command) {
            Ok(received) => received,
            Err(sw) => {
                let channel = addressed(command);
                if let Some(mut session) = self.channels.session(channel) {
                    session.code = code::Session::default();
                    self.channels.keep(channel, session);
                }
                return Some(sw.to_be_bytes().to_vec());
            }
        };
        let between = std::mem::take(&mut session.code);
        let answer = match (apdu.cla, apdu.ins) {
            (0x00, 0xC0) => {
                let piece = fetch(&mut session.waiting, apdu.le);
                self.channels.keep(channel, session);
                return Some(piece);
            }
            (0x00, 0x70) => {
                session.waiting.clear();
                self.channels.keep(channel, session);
                return Some(pieces(self.channels.manage(&apdu), &mut Vec::new()));
            }
            (0x00, 0xA4) => self.select(&mut session, &apdu),
            _ => self.serve(&mut session, between, &apdu, seen),
        };
        session.waiting.clear();
        let out = answer.map(|answer| pieces(answer, &mut session.waiting));
        self.channels.keep(channel, session);
        out
    }

    fn select(&self, session: &mut Session, apdu: &Apdu) -> Option<Answer> {
        if (apdu.p1, apdu.p2) == (0, 0) {
            // The master file is the issuer domain; no other file has an id.
            return match apdu.data[..] {
                [] | [0x3F, 0x00] => {
                    let heard = session.heard;
                    *session = Session {
                        heard,
                        ..Session::default()
                    };
                    session.selected = Selected::Issuer;
                    None
                }
                [_, _] => Some(Err(0x6A82)),
                _ => Some(Err(0x6700)),
            };
        }
        if apdu.p1 != 4 || !matches!(apdu.p2, 0 | 2) {
            return Some(Err(0x6A86));
        }
        if apdu.data.len() > 16 {
            return Some(Err(0x6700));
        }
        let mut names = vec![&ISSUER[..]];
        names.extend(self.applications.iter().map(|it| &it.aid[..]));
        let first = match (apdu.p2, session.selected) {
            (0, _) | (_, Selected::Nothing) => 0,
            (_, Selected::Issuer) => 1,
            (_, Selected::At(at)) => at + 2,
        };
        let Some(found) = (first..names.len()).find(|at| names[*at].starts_with(&apdu.data)) else {
            return Some(Err(0x6A82));
        };
        let heard = session.heard;
        *session = Session {
            heard,
            ..Session::default()
        };
        let Some(at) = found.checked_sub(1) else {
            session.selected = Selected::Issuer;
            return None;
        };
        session.selected = Selected::At(at);
        let application = &self.applications[at];
        let inside = match &application.kind {
            Kind::Directory => return Some(Ok(self.directory())),
            Kind::Code(code) => code.told(&application.label),
            Kind::Identity(_) => tlv(&[0x9F, 0x08], &[0x00, 0x01]),
        };
        let fci = [tlv(&[0x84], &application.aid), tlv(&[0xA5], &inside)].concat();
        Some(Ok(tlv(&[0x6F], &fci)))
    }

    /// What the directory says: who has a label, by priority.
    fn directory(&self) -> Vec<u8> {
        let mut listed: Vec<&Application> = self
            .applications
            .iter()
            .filter(|it| it.kind != Kind::Directory && !it.label.is_empty())
            .collect();
        listed.sort_by_key(|it| if it.priority == 0 { 99 } else { it.priority });
        let mut entries = Vec::new();
        for it in listed {
            let mut entry = [tlv(&[0x4F], &it.aid), tlv(&[0x50], &it.label)].concat();
            if it.priority != 0 {
                entry.extend(tlv(&[0x87], &[it.priority]));
            }
            entries.extend(tlv(&[0x61], &entry));
        }
        let inside = tlv(&[0xA5], &tlv(&[0xBF, 0x0C], &entries));
        tlv(&[0x6F], &[tlv(&[0x84], DIRECTORY), inside].concat())
    }

    /// What the selected application answers.
    fn serve(
        &mut self,
        session: &mut Session,
        between: code::Session,
        apdu: &Apdu,
        seen: &[u8],
    ) -> Option<Answer> {
        let Selected::At(at) = session.selected else {
            session.selected = Selected::Issuer;
            return None;
        };
        Some(match &mut self.applications[at].kind {
            Kind::Directory if matches!(apdu.cla, 0x00 | 0x80) => Err(0x6D00),
            Kind::Directory => Err(0x6E00),
            Kind::Code(code) => {
                let answer = code.serve(&mut session.code, between, apdu, seen);
                session.heard = session.code.challenge.unwrap_or(session.heard);
                answer
            }
            Kind::Identity(identity) => {
                identity.serve(&mut session.identity, self.medium.as_deref(), apdu, seen)
            }
        })
    }
}

/// The next piece of an answer.
fn fetch(waiting: &mut Vec<u8>, le: Option<u8>) -> Vec<u8> {
    if waiting.is_empty() {
        return vec![0x69, 0x85];
    }
    let asked = match le {
        None | Some(0) => 256,
        Some(le) => usize::from(le),
    };
    let mut out: Vec<u8> = waiting.drain(..asked.min(waiting.len())).collect();
    out.extend(ending(waiting.len()));
    out
}

/// An answer whose rest waits if it is too long, and its status word.
fn pieces(answer: Answer, waiting: &mut Vec<u8>) -> Vec<u8> {
    let mut data = match answer {
        Ok(data) => data,
        Err(sw) => return sw.to_be_bytes().to_vec(),
    };
    if data.len() > 256 {
        *waiting = data.split_off(256);
    }
    data.extend(ending(waiting.len()));
    data
}

/// `9000`, or `61` and how much there still is.
fn ending(more: usize) -> [u8; 2] {
    match u8::try_from(more) {
        Ok(0) => [0x90, 0x00],
        Ok(more) => [0x61, more],
        Err(_) => [0x61, 0x00],
    }
}

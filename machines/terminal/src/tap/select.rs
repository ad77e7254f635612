//! Finding the card's application: the directory or not, which AIDs in which order, and what
//! each answer to SELECT means. Machine: `Selecting`.
//!
//! An application is what its FCI says and never what its AID says: some cities install an
//! e-purse under the e-cash's AID.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE, Select};
use tongtu_apdu::{CardCommand as _, Le, StatusWord};
use tongtu_ecash::Fci as CashFci;
use tongtu_purse::command::{ReadBinary, Sfi};
use tongtu_purse::fci::{Application, Directory, Fci};
use tongtu_purse::layout::PublicInfo;

use super::line::Reply;
use super::outcome::Refusal;
use super::{Turn, card};

/// The application of the ministry of construction's city cards (住建部城市一卡通), which many
/// cards have beside the transport one. It is recognised in order to be named, not accepted.
pub const CITY_UNION: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x00, 0x03, 0x86, 0x98, 0x07, 0x01]);

/// An application of a card that a terminal may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// The e-purse (电子钱包).
    Purse,
    /// The e-cash (电子现金).
    Cash,
}

/// How a terminal looks for the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Ask the directory first. One command more for every card; needed where phones hold
    /// several cards and the rider chose one.
    pub directory: bool,
    /// Which application is taken first where the card has both and the directory does not say.
    pub first: Medium,
}

impl Default for Selection {
    /// The e-purse under its own name, without asking the directory.
    fn default() -> Self {
        Self {
            directory: false,
            first: Medium::Purse,
        }
    }
}

/// The most applications that are tried; a directory that lists more is not believed.
const TRIES_MAX: usize = 8;

/// An application that the terminal goes on with.
#[derive(Debug)]
pub(super) enum Selected {
    /// An e-purse, with its public data.
    Purse(PublicInfo),
    /// An e-cash, and what is still to be tried where it is not taken.
    Cash(Box<CashFci>, Selecting),
}

/// Waits for an answer to SELECT, or for file 0x15 where the FCI has none.
#[derive(Debug)]
pub(super) struct Selecting {
    step: Step,
    /// What is still to be tried, the next one last.
    queue: Vec<Aid>,
    /// The reason that counts when nothing better comes.
    seen: Refusal,
    first: Medium,
    serves_cash: bool,
}

#[derive(Debug)]
enum Step {
    Directory,
    Name(Aid),
    Public,
}

impl Selecting {
    pub(super) fn begin(selection: Selection, serves_cash: bool) -> (Self, super::Ask) {
        let mut queue = [CITY_UNION, E_CASH, E_PURSE].to_vec();
        if selection.first == Medium::Cash {
            queue.swap(1, 2);
        }
        let mut machine = Self {
            step: Step::Directory,
            queue,
            seen: Refusal::NoTransitCard,
            first: selection.first,
            serves_cash,
        };
        let aid = match selection.directory {
            true => PPSE,
            false => {
                let aid = machine.queue.pop().expect("three are there");
                machine.step = Step::Name(aid);
                aid
            }
        };
        (machine, card(&Select::by_name(aid.as_bytes())))
    }

    /// Takes the answer. Done: the e-purse's public data, or why there is none.
    pub(super) fn handle(mut self, reply: Reply) -> Turn<Self, Result<Selected, Refusal>> {
        let (sw, data) = match reply {
            Reply::Ok(data) => (StatusWord::OK, data),
            Reply::Status(sw, data) => (sw, data),
            Reply::Garbled => {
                return Turn::Done(Err(Refusal::Garbled {
                    command: Select::NAME,
                }));
            }
            Reply::Lost => return Turn::Done(Err(Refusal::Lost)),
        };
        match self.step {
            Step::Directory => {
                if sw.is_ok() {
                    self.take_directory(&data);
                }
                self.next()
            }
            Step::Public if sw.is_ok() => match PublicInfo::decode(&data) {
                Ok(public) => Turn::Done(Ok(Selected::Purse(public))),
                Err(_) => Turn::Done(Err(Refusal::BadFile { sfi: Sfi::PUBLIC })),
            },
            Step::Public => Turn::Done(Err(Refusal::Card {
                command: ReadBinary::NAME,
                sw,
            })),
            Step::Name(aid) => self.named(aid, sw, &data),
        }
    }

    fn named(
        mut self,
        aid: Aid,
        sw: StatusWord,
        data: &[u8],
    ) -> Turn<Self, Result<Selected, Refusal>> {
        match sw {
            StatusWord::OK => {}
            // CONFLICT: an application that is blocked for good answers 9303 on some cards and
            // 6A81 on others, which elsewhere means the whole card.
            StatusWord::BLOCKED_FILE | StatusWord::WRONG_FCI => {
                return Turn::Done(Err(Refusal::Blocked { permanently: false }));
            }
            StatusWord::PERMANENTLY_LOCKED | StatusWord::FUNCTION_NOT_SUPPORTED => {
                return Turn::Done(Err(Refusal::Blocked { permanently: true }));
            }
            StatusWord::NOT_FOUND => return self.next(),
            sw => {
                self.seen = Refusal::Card {
                    command: Select::NAME,
                    sw,
                };
                return self.next();
            }
        }
        if aid == CITY_UNION {
            self.seen = Refusal::CityUnion;
            return self.next();
        }
        let fci = Fci::parse(data).ok();
        let public = fci.as_ref().and_then(Fci::public_info);
        match (public, fci.map(|fci| fci.application())) {
            (Some(public), _) => Turn::Done(Ok(Selected::Purse(public))),
            (None, Some(Application::Cash)) => {
                // Where it is not taken it is named, and whatever else the card has is tried.
                self.seen = Refusal::CashNotServed;
                match CashFci::parse(data) {
                    Ok(fci) if self.serves_cash => Turn::Done(Ok(Selected::Cash(fci.into(), self))),
                    _ => self.next(),
                }
            }
            (None, application)
                if application == Some(Application::Purse)
                    || aid.starts_with(E_PURSE.as_bytes()) =>
            {
                self.step = Step::Public;
                let read = ReadBinary {
                    sfi: Sfi::PUBLIC,
                    offset: 0,
                    le: Le::from_byte(30),
                };
                Turn::Ask(self, card(&read))
            }
            (None, _) => self.next(),
        }
    }

    /// Goes on after an application that was not taken, for this reason if nothing better comes.
    pub(super) fn go_on(mut self, seen: Refusal) -> Turn<Self, Result<Selected, Refusal>> {
        self.seen = seen;
        self.next()
    }

    fn next(mut self) -> Turn<Self, Result<Selected, Refusal>> {
        match self.queue.pop() {
            Some(aid) => {
                self.step = Step::Name(aid);
                Turn::Ask(self, card(&Select::by_name(aid.as_bytes())))
            }
            None => Turn::Done(Err(self.seen)),
        }
    }

    /// Puts what the directory lists in front, the rider's choice first.
    fn take_directory(&mut self, data: &[u8]) {
        let Ok(directory) = Directory::parse(data) else {
            return;
        };
        let medium = |aid: &Aid| match aid {
            aid if aid.starts_with(E_PURSE.as_bytes()) => Some(Medium::Purse),
            aid if aid.starts_with(E_CASH.as_bytes()) => Some(Medium::Cash),
            _ => None,
        };
        let mut listed: Vec<_> = directory
            .entries
            .iter()
            .filter_map(|entry| medium(&entry.aid).map(|medium| (entry, medium)))
            .take(TRIES_MAX)
            .collect();
        listed.sort_by_key(|(entry, medium)| match entry.priority & 0x0F {
            0 => (16, *medium != self.first),
            priority => (priority, *medium != self.first),
        });
        if !listed.is_empty() {
            // What it lists is all there is; the city card is only looked for to be named.
            self.queue.retain(|aid| *aid == CITY_UNION);
            self.queue
                .extend(listed.iter().rev().map(|(entry, _)| entry.aid));
        }
    }
}

//! A card of silicon's kind, in or out of the field, on a line that may break.

use tongtu_apdu::{CardCommand, Response, StatusWord};
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, Memory, Torn};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_purse::command::{
    BalanceKind, CreditForLoad, GetBalance, InitLoad, LoadInit, ReadRecord, RecordBy, Sfi,
};
use tongtu_purse::field::{Amount, DateTime, Kind, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::Transaction;
use tongtu_purse::profile::Profile;
use tongtu_purse::proof;
use tongtu_terminal::tap::{CardLink, Lost};
use tongtu_testkit::tear::{Chip, Exchange, Line};

use super::fixture::T0;

/// Dice: the same throws in every run; some throws can be laid down.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
    pub(crate) laid: Option<[u8; 4]>,
}

impl Dice {
    pub(crate) const fn new() -> Self {
        Self {
            state: 0x0123_4567_89AB_CDEF,
            laid: None,
        }
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        if let (Some(laid), 4) = (self.laid, out.len()) {
            out.copy_from_slice(&laid);
            self.laid = None;
            return;
        }
        for byte in out {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            *byte = self.state.to_be_bytes()[3];
        }
    }
}

/// The harness's chip in the shape that the card asks for.
#[derive(Clone, Debug)]
struct Cells(Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

/// A card, in or out of the field.
pub(crate) struct Rider {
    chip: Chip,
    card: Card<Cells>,
    pub(crate) dice: Dice,
    pub(crate) line: Line,
    /// Commands and answers of the last tap.
    pub(crate) log: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) profile: Profile,
}

impl Clone for Rider {
    fn clone(&self) -> Self {
        let chip = self.chip.copy();
        Self {
            card: Card::power_up(Cells(chip.clone())).unwrap(),
            chip,
            dice: self.dice.clone(),
            line: self.line,
            log: self.log.clone(),
            profile: self.profile.clone(),
        }
    }
}

impl Rider {
    /// A card with so much money on it.
    pub(crate) fn with(profile: &Profile, fen: u32) -> Self {
        Self::of(vec![Preinstalled::purse(profile)], profile, fen)
    }

    pub(crate) fn of(applications: Vec<Preinstalled>, profile: &Profile, fen: u32) -> Self {
        let blueprint = Blueprint {
            applications,
            ..Blueprint::default()
        };
        let mut dice = Dice::new();
        let chip = Chip::new(24 * 1024);
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let card = Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy);
        let mut rider = Self {
            card: card.unwrap(),
            chip,
            dice,
            line: Line::breaking_after(usize::MAX),
            log: Vec::new(),
            profile: profile.clone(),
        };
        if fen > 0 {
            rider.load(fen);
        }
        rider
    }

    /// The card comes into the field: powered up, nothing selected.
    pub(crate) fn present(&mut self) {
        self.card.reset();
        self.line = Line::breaking_after(usize::MAX);
        self.log.clear();
    }

    /// The same, to be handed on.
    pub(crate) fn present_again(&mut self) -> &mut Self {
        self.present();
        self
    }

    pub(crate) fn raw(&mut self, apdu: &[u8]) -> Vec<u8> {
        let dice = &mut self.dice;
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, apdu).unwrap()
    }

    /// A command outside any tap.
    pub(crate) fn call<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, StatusWord> {
        let answer = self.raw(&command.to_command().encode().unwrap());
        let answer = Response::parse(&answer).unwrap();
        if answer.sw.is_ok() {
            Ok(C::answer(&answer.data).unwrap())
        } else {
            Err(answer.sw)
        }
    }

    pub(crate) fn select(&mut self) {
        let aid = self.profile.aid;
        let select = tongtu_apdu::select::Select::by_name(aid.as_bytes());
        self.call(&select).unwrap();
    }

    fn load(&mut self, fen: u32) {
        self.present();
        self.select();
        let init = InitLoad {
            key: 1,
            amount: Amount::new(fen),
            terminal: Terminal([0x31; 6]),
        };
        let LoadInit {
            sequence, random, ..
        } = self.call(&init).unwrap();
        let key = self.profile.transaction_key(KeyUse::Load, 1).unwrap();
        let session = proof::load_session(&key, random, sequence);
        let at = DateTime::of(T0.plus_s(-86_400));
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 }).unwrap();
    }

    /// A top-up at a counter of somebody else.
    pub(crate) fn top_up(&mut self, fen: u32) {
        self.load(fen);
    }

    pub(crate) fn balance(&mut self) -> i64 {
        self.present();
        self.select();
        let get = GetBalance {
            kind: BalanceKind::Real,
        };
        self.call(&get).unwrap().fen().get()
    }

    /// The card's own log of purchases, oldest first.
    pub(crate) fn debits(&mut self) -> Vec<Transaction> {
        self.present();
        self.select();
        let mut out = Vec::new();
        for number in 1..=10 {
            let read = ReadRecord {
                sfi: Sfi::TRANSACTIONS,
                record: RecordBy::Number(number),
                le: tongtu_apdu::Le::ALL,
            };
            let Ok(bytes) = self.call(&read) else { break };
            out.push(Transaction::decode(&bytes).unwrap());
        }
        out.retain(|detail| matches!(detail.kind, Kind::PURCHASE | Kind::COMPOSITE));
        out.reverse();
        out
    }

    /// A record of the composite file.
    pub(crate) fn composite(&mut self, number: u8) -> Vec<u8> {
        self.record(Sfi::COMPOSITE, number)
    }

    pub(crate) fn record(&mut self, sfi: Sfi, number: u8) -> Vec<u8> {
        self.present();
        self.select();
        let read = ReadRecord {
            sfi,
            record: RecordBy::Number(number),
            le: tongtu_apdu::Le::ALL,
        };
        self.call(&read).unwrap()
    }

    /// Instructions of the last tap, as bytes.
    pub(crate) fn instructions(&self) -> Vec<u8> {
        self.log.iter().map(|(command, _)| command[1]).collect()
    }

    pub(crate) fn tac_key(&self) -> BlockKey {
        let set = self.profile.key_set(Algorithm::Tdes).unwrap();
        set.key(KeyUse::Tac, 1).unwrap()
    }
}

impl CardLink for Rider {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let mut line = self.line;
        let exchange = line.exchange(apdu, |apdu| self.raw(apdu));
        self.line = line;
        match exchange {
            Exchange::Answered(answer) => {
                self.log.push((apdu.to_vec(), answer.clone()));
                Ok(answer)
            }
            Exchange::Undelivered | Exchange::Unanswered(_) => {
                // What follows finds no card: the rider has to come back.
                self.line = Line::breaking_after(0);
                Err(Lost)
            }
        }
    }
}

/// What a card says instead of its answer to a command.
pub(crate) type Lie<'a> = Box<dyn FnMut(&[u8], Vec<u8>) -> Vec<u8> + 'a>;

/// A card that says something else now and then.
pub(crate) struct Liar<'a> {
    pub(crate) rider: &'a mut Rider,
    pub(crate) lie: Lie<'a>,
}

impl CardLink for Liar<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let answer = self.rider.transmit(apdu)?;
        Ok((self.lie)(apdu, answer))
    }
}

//! A rider's card: real, in a chip whose power can fail, on a line that can break.

use tongtu_apdu::select::Select;
use tongtu_apdu::{CardCommand, Le, Response};
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, Memory, Torn};
use tongtu_crypto::Algorithm;
use tongtu_purse::command::{
    BalanceKind, CreditForLoad, GetBalance, InitLoad, InitPurchase, LoadInit, ReadRecord, RecordBy,
    Sfi,
};
use tongtu_purse::field::{Amount, DateTime, Kind, Serial, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::Transaction;
use tongtu_purse::profile::{Profile, test_keys};
use tongtu_purse::proof;
use tongtu_terminal::tap::{CardLink, Lost};
use tongtu_testkit::tear::{Chip, Exchange, Line};
use tongtu_types::{CardNumber, Fen};

use super::flow::{Flow, TICKET_KEY};
use super::{institution, loaded_at};

/// What every rider has at the beginning.
pub(super) const LOADED: u32 = 5_000;

/// The harness's chip in the shape that the card asks for.
#[derive(Clone, Debug)]
pub(super) struct Cells(pub(super) Chip);

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

pub(super) struct Rider {
    pub(super) number: CardNumber,
    pub(super) chip: Chip,
    card: Card<Cells>,
    pub(super) line: Line,
    /// Bytes that went over the line since the card came.
    pub(super) carried: usize,
    profile: Profile,
    dice: u64,
}

impl Rider {
    pub(super) fn new(number: CardNumber, algorithm: Algorithm, city: &str, flow: Flow) -> Self {
        let mut profile = Profile::test_with(algorithm);
        flow.equip(&mut profile);
        profile.public.issuer = institution(city);
        profile.transit.city = institution(city).city();
        let masters = [test_keys(Algorithm::Tdes), test_keys(Algorithm::Sm4)];
        let profile = profile.for_card(Serial::of(&number), &masters);
        let blueprint = Blueprint {
            applications: vec![Preinstalled::purse(&profile)],
            ..Blueprint::default()
        };
        let chip = Chip::new(24 * 1024);
        let mut dice = 1;
        let mut entropy = |out: &mut [u8]| throw(&mut dice, out);
        let card = Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy).unwrap();
        let mut rider = Self {
            number,
            chip,
            card,
            line: Line::breaking_after(usize::MAX),
            carried: 0,
            profile,
            dice,
        };
        rider.load();
        rider
    }

    /// The card comes into the field, powered up anew.
    pub(super) fn present(&mut self) {
        self.chip.revive();
        self.card = Card::power_up(Cells(self.chip.clone())).unwrap();
        self.line = Line::breaking_after(usize::MAX);
        self.carried = 0;
    }

    fn raw(&mut self, apdu: &[u8]) -> Option<Vec<u8>> {
        let dice = &mut self.dice;
        let mut entropy = |out: &mut [u8]| throw(dice, out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, apdu).ok()
    }

    fn call<C: CardCommand>(&mut self, command: &C) -> Option<C::Answer> {
        let answer = self.raw(&command.to_command().encode().unwrap()).unwrap();
        let answer = Response::parse(&answer).unwrap();
        answer.sw.is_ok().then(|| C::answer(&answer.data).unwrap())
    }

    fn select(&mut self) {
        self.present();
        let aid = self.profile.aid;
        self.call(&Select::by_name(aid.as_bytes())).unwrap();
    }

    fn load(&mut self) {
        self.select();
        let init = InitLoad {
            key: 1,
            amount: Amount::new(LOADED),
            terminal: Terminal([0x31; 6]),
        };
        let begun = self.call(&init).unwrap();
        let LoadInit {
            sequence, random, ..
        } = begun;
        let key = self.profile.transaction_key(KeyUse::Load, 1).unwrap();
        let session = proof::load_session(&key, random, sequence);
        let at = DateTime::of(loaded_at());
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 }).unwrap();
    }

    /// Whether the card says that it is locked.
    pub(super) fn is_locked(&mut self) -> bool {
        self.present();
        let aid = self.profile.aid;
        self.call(&Select::by_name(aid.as_bytes())).is_none()
    }

    /// What is left of the second ticket.
    pub(super) fn tickets(&mut self) -> Fen {
        self.select();
        let init = InitPurchase {
            key: TICKET_KEY,
            amount: Amount::new(1),
            terminal: Terminal([0x31; 6]),
        };
        self.call(&init).unwrap().balance.fen()
    }

    pub(super) fn balance(&mut self) -> Fen {
        self.select();
        let get = GetBalance {
            kind: BalanceKind::Real,
        };
        self.call(&get).unwrap().fen()
    }

    /// The card's own log of purchases, oldest first.
    pub(super) fn debits(&mut self) -> Vec<Transaction> {
        self.select();
        let mut out = Vec::new();
        for number in 1..=10 {
            let read = ReadRecord {
                sfi: Sfi::TRANSACTIONS,
                record: RecordBy::Number(number),
                le: Le::ALL,
            };
            let Some(bytes) = self.call(&read) else { break };
            out.push(Transaction::decode(&bytes).unwrap());
        }
        out.retain(|detail| matches!(detail.kind, Kind::PURCHASE | Kind::COMPOSITE));
        out.reverse();
        out
    }
}

fn throw(dice: &mut u64, out: &mut [u8]) {
    for byte in out {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        *byte = dice.to_be_bytes()[3];
    }
}

impl CardLink for Rider {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let mut line = self.line;
        let exchange = line.exchange(apdu, |apdu| self.raw(apdu).unwrap_or_default());
        self.line = line;
        match exchange {
            Exchange::Answered(answer) if !answer.is_empty() => {
                self.carried += apdu.len() + answer.len();
                Ok(answer)
            }
            _ => {
                // What follows finds no card: the rider has to come back.
                self.line = Line::breaking_after(0);
                Err(Lost)
            }
        }
    }
}

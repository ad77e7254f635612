//! A rider's e-cash: real, in a chip whose power can fail, on a line that can break.

use std::collections::BTreeMap;

use tongtu_apdu::select::{E_CASH, Select};
use tongtu_apdu::{CardCommand, Response};
use tongtu_card::factory::{Blueprint, Module, Preinstalled};
use tongtu_card::{Card, Env, Interface};
use tongtu_crypto::{Algorithm, diversify};
use tongtu_ecash::command::{GetData, ReadRecord};
use tongtu_ecash::cryptogram::card_factor;
use tongtu_ecash::perso::{self, CardKeys};
use tongtu_ecash::{Amount, log, tag, test_card};
use tongtu_terminal::tap::{CardLink, Lost};
use tongtu_testkit::tear::{Chip, Exchange, Line};
use tongtu_types::{CardNumber, Fen};

use super::super::card::Cells;
use super::super::institution;

/// What every rider has at the beginning.
pub(super) const LOADED: i64 = 10_000;

pub(super) struct Rider {
    pub(super) number: CardNumber,
    pub(super) chip: Chip,
    card: Card<Cells>,
    pub(super) line: Line,
    /// Bytes that went over the line since the card came, and in the last exchange.
    pub(super) carried: usize,
    pub(super) last: usize,
    dice: u64,
}

impl Rider {
    pub(super) fn new(number: usize, algorithm: Algorithm, city: &str) -> Self {
        let pan = format!("621700{}{number:09}", &city[4..]);
        let pan = CardNumber::parse(&pan).unwrap();
        let mut profile = test_card::profile(algorithm);
        profile.number = pan;
        profile.balance = Amount::new(Fen::new(LOADED)).unwrap();
        let [cryptogram, mac, encipher] = test_card::master_keys(algorithm)
            .map(|master| crate::keys::of_city(city, &master))
            .map(|master| *diversify::bytes(&master, &[card_factor(&pan, profile.sequence)]));
        profile.keys = CardKeys {
            cryptogram,
            mac,
            encipher,
        };
        if let Some(transport) = &mut profile.transport {
            transport.issuer = institution(city).0;
            transport.city = institution(city).city().0;
            transport.number = format!("310{}{number:012}", &city[4..]).parse().unwrap();
        }
        let mut dice = u64::try_from(number).unwrap() * 2 + 1;
        let mut entropy = |out: &mut [u8]| throw(&mut dice, out);
        let issuer = test_card::issuer(algorithm, &mut entropy);
        let groups = perso::groups(&profile, &issuer, &mut entropy).unwrap();
        let application = Preinstalled {
            module: Module::Ecash,
            aid: E_CASH,
            label: b"MOT_T_CASH".to_vec(),
            priority: 1,
            parameters: Vec::new(),
            groups: groups.into_iter().map(Into::into).collect(),
        };
        let blueprint = Blueprint {
            applications: vec![application],
            ..Blueprint::default()
        };
        let chip = Chip::new(24 * 1024);
        let card = Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy).unwrap();
        Self {
            number: pan,
            chip,
            card,
            line: Line::breaking_after(usize::MAX),
            carried: 0,
            last: 0,
            dice,
        }
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

    /// What the card has, and what its log says it paid: counter and amount.
    pub(super) fn money(&mut self) -> (i64, BTreeMap<u16, i64>) {
        self.present();
        self.call(&Select::by_name(E_CASH.as_bytes())).unwrap();
        let balance = self.call(&GetData { tag: tag::BALANCE }).unwrap();
        let balance = Amount::decode(&balance.value).unwrap().fen().get();
        let mut paid = BTreeMap::new();
        for number in 1..=10 {
            let read = ReadRecord { sfi: 0x0B, number };
            let Some(bytes) = self.call(&read) else { break };
            let values = log::usual_format().split(&bytes).unwrap();
            let atc: [u8; 2] = values[&tag::ATC].as_slice().try_into().unwrap();
            let amount = Amount::decode(&values[&tag::AMOUNT]).unwrap();
            paid.insert(u16::from_be_bytes(atc), amount.fen().get());
        }
        (balance, paid)
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
                self.last = apdu.len() + answer.len();
                self.carried += self.last;
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

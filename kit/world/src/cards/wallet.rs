//! A rider's card: our own secure element with its purse, in a hand that may pull it away.

use tongtu_apdu::select::{E_CASH, Select};
use tongtu_apdu::{CardCommand, Response};
use tongtu_card::factory::{Blueprint, Issuer, Preinstalled};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_ecash::command::GetData;

use tongtu_ecash::{Amount as CashAmount, GpoAnswer, tag};
use tongtu_purse::command::{BalanceKind, GetBalance, InitLoad};
use tongtu_purse::field::{Amount, DateTime, Terminal};
use tongtu_purse::profile::Profile;
use tongtu_terminal::tap::{CardLink, Lost};
use tongtu_types::{Fen, Timestamp};

use crate::WorldError;
use crate::keys::CountryKeys;
use crate::perso::Desk;
use crate::seed::Dice;

/// A card of an ordinary chip: room for the purse and its files.
const CHIP_BYTES: usize = 24 * 1024;
/// DEBIT: the card takes the money when it answers this.
const DEBIT: u8 = 0x54;
/// GET PROCESSING OPTIONS: an e-cash answers what is to be read.
const OPTIONS: u8 = 0xA8;
/// READ RECORD: an e-cash takes the money when it answers the last one.
const READ_RECORD: u8 = 0xB2;

/// When the rider pulls the card away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tear {
    /// Not at all.
    Never,
    /// Before the card hears that it is to pay.
    BeforeDebit,
    /// After it has paid, before anybody hears so.
    AfterDebit,
}

/// What a card pays with.
enum Application {
    Purse(Box<Profile>),
    Cash,
}

/// A card in somebody's pocket.
pub struct Wallet {
    card: Card<RamMemory>,
    application: Application,
    /// Records of an e-cash that are still to be read in this tap; the last one pays.
    records_left: usize,
    chance: Dice,
    tear: Tear,
    is_away: bool,
    /// Answers DEBIT with what looks like an answer, and pays nothing.
    is_forged: bool,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.application {
            Application::Purse(profile) => write!(f, "Wallet({:?})", profile.public.serial),
            Application::Cash => f.write_str("Wallet(e-cash)"),
        }
    }
}

impl Wallet {
    /// Personalises a blank card at its issuer's desk; no money is on it yet.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the desk has no keys for it.
    pub fn personalise(
        profile: Profile,
        desk: &Desk,
        chance: Dice,
        is_forged: bool,
    ) -> Result<Self, WorldError> {
        let mut installed = Preinstalled::purse(&profile);
        installed.groups.clear();
        let mut wallet = Self::made(installed, desk.chip(), chance);
        wallet.present(Tear::Never);
        desk.write_purse(&profile, |apdu| wallet.raw(apdu))?;
        wallet.application = Application::Purse(Box::new(profile));
        wallet.is_forged = is_forged;
        Ok(wallet)
    }

    /// Manufactures a card with one application, an e-cash.
    ///
    /// # Panics
    /// Never: the chip has room for it.
    #[must_use]
    pub fn with_cash(application: Preinstalled, chance: Dice) -> Self {
        Self::made(application, Issuer::without_keys(), chance)
    }

    fn made(application: Preinstalled, issuer: Issuer, mut chance: Dice) -> Self {
        let blueprint = Blueprint {
            issuer,
            applications: vec![application],
            ..Blueprint::default()
        };
        let mut entropy = |out: &mut [u8]| chance.fill(out);
        let card = Card::manufacture(RamMemory::new(CHIP_BYTES), &blueprint, &mut entropy)
            .expect("the chip has room for one application");
        Self {
            card,
            application: Application::Cash,
            records_left: 0,
            chance,
            tear: Tear::Never,
            is_away: false,
            is_forged: false,
        }
    }

    /// Comes into a field, to be pulled away at this moment.
    pub fn present(&mut self, tear: Tear) {
        self.card.reset();
        (self.tear, self.is_away) = (tear, false);
        self.records_left = 0;
    }

    fn raw(&mut self, apdu: &[u8]) -> Vec<u8> {
        let chance = &mut self.chance;
        let mut entropy = |out: &mut [u8]| chance.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        let answer = self.card.transmit(&mut env, apdu);
        answer.expect("its memory does not tear")
    }

    /// A command at a counter, where nothing goes wrong.
    fn call<C: CardCommand>(&mut self, command: &C) -> Option<C::Answer> {
        let apdu = command.to_command().encode().expect("short commands only");
        let answer = Response::parse(&self.raw(&apdu)).ok()?;
        let is_ok = answer.sw.is_ok();
        is_ok.then(|| C::answer(&answer.data).ok()).flatten()
    }

    fn select(&mut self) -> bool {
        self.present(Tear::Never);
        let aid = match &self.application {
            Application::Purse(profile) => profile.aid,
            Application::Cash => E_CASH,
        };
        self.call(&Select::by_name(aid.as_bytes())).is_some()
    }

    /// What is on the card, by the card; none of a locked one.
    pub fn balance(&mut self) -> Option<Fen> {
        self.select();
        if matches!(self.application, Application::Cash) {
            let said = self.call(&GetData { tag: tag::BALANCE })?;
            return CashAmount::decode(&said.value).ok().map(CashAmount::fen);
        }
        let get = GetBalance {
            kind: BalanceKind::Real,
        };
        self.call(&get).map(|balance| balance.fen())
    }

    /// Whether this command makes the card pay.
    fn is_paying(&self, apdu: &[u8]) -> bool {
        match (&self.application, apdu.get(1)) {
            (Application::Purse(_), Some(&DEBIT)) => true,
            (Application::Cash, Some(&READ_RECORD)) => self.records_left == 1,
            _ => false,
        }
    }

    /// Counts what an e-cash has told its reader to read.
    fn count(&mut self, apdu: &[u8], answer: &[u8]) {
        match apdu.get(1) {
            Some(&READ_RECORD) => self.records_left = self.records_left.saturating_sub(1),
            Some(&OPTIONS) => {
                let answer = Response::parse(answer)
                    .ok()
                    .filter(|answer| answer.sw.is_ok());
                let answer = answer.and_then(|answer| GpoAnswer::parse(&answer.data).ok());
                let list = answer.and_then(|answer| answer.afl);
                self.records_left = list.map_or(0, |list| list.records().count());
            }
            _ => {}
        }
    }

    /// Puts money on a purse (圈存); true when the card took it.
    pub fn load(&mut self, fen: Fen, at: Timestamp, keys: &CountryKeys) -> bool {
        self.select();
        let Some(amount) = Amount::from_fen(fen) else {
            return false;
        };
        let init = InitLoad {
            key: 1,
            amount,
            terminal: Terminal([0x99; 6]),
        };
        let Some(answer) = self.call(&init) else {
            return false;
        };
        let Application::Purse(profile) = &self.application else {
            return false;
        };
        let Some(row) = profile.indexes.iter().find(|row| row.index == init.key) else {
            return false;
        };
        let card = (profile.public.issuer, profile.public.serial, row.algorithm);
        let desk = keys.desk(card.0);
        let credit = desk.and_then(|desk| desk.load(card, &init, &answer, DateTime::of(at)));
        credit.is_some_and(|credit| self.call(&credit).is_some())
    }
}

impl CardLink for Wallet {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if self.is_away {
            return Err(Lost);
        }
        let is_debit = self.is_paying(apdu);
        if is_debit && self.tear == Tear::BeforeDebit {
            self.is_away = true;
            return Err(Lost);
        }
        if is_debit && self.is_forged {
            let mut answer = vec![0; 8];
            self.chance.fill(&mut answer);
            answer.extend([0x90, 0x00]);
            return Ok(answer);
        }
        let answer = self.raw(apdu);
        if matches!(self.application, Application::Cash) {
            self.count(apdu, &answer);
        }
        if is_debit && self.tear == Tear::AfterDebit {
            self.is_away = true;
            return Err(Lost);
        }
        Ok(answer)
    }
}

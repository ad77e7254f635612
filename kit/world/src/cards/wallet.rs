//! A rider's card: our own secure element with its purse, in a hand that may pull it away.

use tongtu_apdu::select::Select;
use tongtu_apdu::{CardCommand, Response};
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_purse::command::{BalanceKind, CreditForLoad, GetBalance, InitLoad, LoadInit};
use tongtu_purse::field::{Amount, DateTime, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Profile;
use tongtu_purse::proof;
use tongtu_terminal::tap::{CardLink, Lost};
use tongtu_types::{Fen, Timestamp};

use crate::seed::Dice;

/// A card of an ordinary chip: room for the purse and its files.
const CHIP_BYTES: usize = 24 * 1024;
/// DEBIT: the card takes the money when it answers this.
const DEBIT: u8 = 0x54;

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

/// A card in somebody's pocket.
pub struct Wallet {
    card: Card<RamMemory>,
    profile: Profile,
    chance: Dice,
    tear: Tear,
    is_away: bool,
    /// Answers DEBIT with what looks like an answer, and pays nothing.
    is_forged: bool,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wallet({:?})", self.profile.public.serial)
    }
}

impl Wallet {
    /// Personalises a card; nothing is on it yet.
    #[must_use]
    pub fn personalise(profile: Profile, mut chance: Dice, is_forged: bool) -> Self {
        let blueprint = Blueprint {
            applications: vec![Preinstalled::purse(&profile)],
            ..Blueprint::default()
        };
        let mut entropy = |out: &mut [u8]| chance.fill(out);
        let card = Card::manufacture(RamMemory::new(CHIP_BYTES), &blueprint, &mut entropy)
            .expect("the chip has room for one purse");
        Self {
            card,
            profile,
            chance,
            tear: Tear::Never,
            is_away: false,
            is_forged,
        }
    }

    /// Comes into a field, to be pulled away at this moment.
    pub fn present(&mut self, tear: Tear) {
        self.card.reset();
        (self.tear, self.is_away) = (tear, false);
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
        let aid = self.profile.aid;
        self.call(&Select::by_name(aid.as_bytes())).is_some()
    }

    /// What is on the card, by the card; none of a locked one.
    pub fn balance(&mut self) -> Option<Fen> {
        self.select();
        let get = GetBalance {
            kind: BalanceKind::Real,
        };
        self.call(&get).map(|balance| balance.fen())
    }

    /// Puts money on the card (圈存); true when the card took it.
    pub fn load(&mut self, fen: Fen, at: Timestamp) -> bool {
        self.select();
        let Some(amount) = Amount::from_fen(fen) else {
            return false;
        };
        let init = InitLoad {
            key: 1,
            amount,
            terminal: Terminal([0x99; 6]),
        };
        let Some(LoadInit {
            sequence, random, ..
        }) = self.call(&init)
        else {
            return false;
        };
        let Some(key) = self.profile.transaction_key(KeyUse::Load, 1) else {
            return false;
        };
        let session = proof::load_session(&key, random, sequence);
        let at = DateTime::of(at);
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 }).is_some()
    }
}

impl CardLink for Wallet {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if self.is_away {
            return Err(Lost);
        }
        let is_debit = apdu.get(1) == Some(&DEBIT);
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
        if is_debit && self.tear == Tear::AfterDebit {
            self.is_away = true;
            return Err(Lost);
        }
        Ok(answer)
    }
}

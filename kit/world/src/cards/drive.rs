//! Moves cards through their days: taps in order of time, uploads, loads told to the issuers.

use std::collections::BTreeMap;

use tongtu_api::UploadKind;
use tongtu_blacklist::Span;
use tongtu_http::client::Client;
use tongtu_terminal::sealed;
use tongtu_terminal::tap::{GroupNotice, MakeUp, TapEnd, Task};
use tongtu_types::{Fen, TerminalNumber, Timestamp};

use super::lists;
use super::log::{ObservedCard, ObservedMirror, TapLog};
use super::people::{Cardholder, Flaw, Medium};
use super::plan::{Act, PlannedTap};
use super::posts::{CardPost, Machine};
use super::wallet::{Tear, Wallet};
use crate::WorldError;
use crate::callers::as_terminal;
use crate::country::{CITIES, Country};
use crate::hardware::Hardware;
use crate::terminals::{Local, Terminals};

/// Below this a rider loads before the day begins.
const LOW: Fen = Fen::new(5000);
/// What a rider loads then.
const REFILL: Fen = Fen::new(10_000);

/// Cards and their terminals in motion.
#[derive(Debug)]
pub struct CardSide<'a> {
    country: &'a Country,
    clients: &'a [Client],
    wallets: Vec<Wallet>,
    machines: Vec<Machine>,
    /// What brings each of them its lists.
    doors: Vec<Housing>,
    /// What was on each card when it was last asked.
    balances: Vec<Fen>,
    loaded: Vec<Fen>,
    loads: usize,
    uploads: usize,
    /// Every tap so far.
    pub logs: Vec<TapLog>,
}

/// What stands in one housing with a card terminal and fetches lists for both.
#[derive(Debug)]
enum Housing {
    /// A terminal for codes of the country, by its index.
    Shared(usize),
    /// One that has nothing else to do.
    Own(Box<Local>),
}

impl<'a> CardSide<'a> {
    /// Personalises cards and switches terminals on.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when a terminal does not start.
    pub fn new(country: &'a Country, clients: &'a [Client]) -> Result<Self, WorldError> {
        let holders = country.cardholders.iter().enumerate();
        let wallets: Result<Vec<Wallet>, _> = holders
            .map(|(index, holder)| holder.card(country, index))
            .collect();
        let wallets = wallets?;
        let (mut machines, mut doors) = (Vec::new(), Vec::new());
        for post in &country.card_posts {
            let code_post = country.posts.iter();
            let code_post = code_post
                .enumerate()
                .find(|(_, other)| other.number == post.number);
            doors.push(match code_post {
                Some((index, _)) => Housing::Shared(index),
                None => {
                    let (number, serial) = (post.number, post.serial);
                    let stands = post.scan_post();
                    let own = Local::new(country, clients, post.city, number, serial, stands)?;
                    Housing::Own(Box::new(own))
                }
            });
            machines.push(Machine::start(country, post.clone())?);
        }
        Ok(Self {
            country,
            clients,
            balances: vec![Fen::ZERO; wallets.len()],
            loaded: vec![Fen::ZERO; wallets.len()],
            wallets,
            machines,
            doors,
            loads: 0,
            uploads: 0,
            logs: Vec::new(),
        })
    }

    /// Registers terminals, issues cards and puts money on them.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn prepare(
        &mut self,
        at: Timestamp,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        for post in self.country.card_posts.iter().filter(|p| p.is_extra) {
            let key = self.country.terminal_key(post.number);
            self.clients[post.city]
                .at(at)
                .terminal_register(post.number, post.serial, key.public())
                .await
                .map_err(WorldError::http("registering a card terminal", at))?;
        }
        for post in &self.country.card_posts {
            self.clients[post.city]
                .at(at)
                .psam_admit(post.psam(), post.number)
                .await
                .map_err(WorldError::http("admitting a PSAM", at))?;
        }
        let listed = lists::listed_at_first(self.country);
        self.change_blacklists(&listed, &[], at).await?;
        for (index, holder) in self.country.cardholders.iter().enumerate() {
            let client = self.clients[holder.home].at(at);
            if holder.medium == Medium::Cash {
                client
                    .cash_issue(holder.number)
                    .await
                    .map_err(WorldError::http("issuing an e-cash", at))?;
                client
                    .cash_load(holder.number, &format!("first-{index}"), holder.loaded)
                    .await
                    .map_err(WorldError::http("noting what is on an e-cash", at))?;
                self.balances[index] = holder.loaded;
                self.loaded[index] = holder.loaded;
                tick();
                continue;
            }
            if holder.flaw.is_issued() {
                client
                    .card_issue(holder.number)
                    .await
                    .map_err(WorldError::http("issuing a card", at))?;
            }
            self.load(index, holder.loaded, at).await?;
            tick();
        }
        self.try_foreign_module(at).await
    }

    /// In the workshop of the second city somebody puts the first city's module into a terminal: no
    /// card is served, and the acquirer is told which module it was.
    async fn try_foreign_module(&mut self, at: Timestamp) -> Result<(), WorldError> {
        let [elsewhere, city] = CITIES;
        let holders = &self.country.cardholders;
        let is_one = |holder: &Cardholder| holder.home == city && holder.medium == Medium::Purse;
        let Some(index) = holders.iter().position(is_one) else {
            return Ok(());
        };
        let post = CardPost::of_workshop(city);
        let number = post.number;
        let key = self.country.terminal_key(number);
        let client = self.clients[city].at(at);
        client
            .terminal_register(number, post.serial, key.public())
            .await
            .map_err(WorldError::http("registering a card terminal", at))?;
        client
            .psam_admit(post.psam(), number)
            .await
            .map_err(WorldError::http("admitting a PSAM", at))?;
        let mut machine = Machine::with_module(self.country, post, elsewhere)?;
        let card = &mut self.wallets[index];
        card.present(Tear::Never);
        let end = machine.tap(card, Task::Ride, at)?;
        if end.outcome.ride().is_some() || card.balance() != Some(self.balances[index]) {
            let found = format!("{:?}", end.prompt.say);
            return Err(unexpected("a tap at a foreign module", &found, "no ride"));
        }
        machine.close_stale(at)?;
        let records: Vec<_> = machine.waiting().into_iter().map(|w| w.record).collect();
        let client = as_terminal(&self.clients[city], self.country, city, number, "module");
        let outcomes = client.at(at).records_upload(number, &records).await;
        let outcomes = outcomes.map_err(WorldError::http("reporting a PSAM", at))?;
        match &outcomes[..] {
            [one] if matches!(one.kind, UploadKind::Refused { .. }) => Ok(()),
            other => {
                let found = format!("{other:?}");
                Err(unexpected(
                    "the report of a PSAM",
                    &found,
                    "one refused record",
                ))
            }
        }
    }

    async fn change_blacklists(
        &self,
        listed: &[Span],
        removed: &[Span],
        at: Timestamp,
    ) -> Result<(), WorldError> {
        for city in CITIES {
            self.clients[city]
                .at(at)
                .card_blacklist_change(listed, removed)
                .await
                .map_err(WorldError::http("changing a card blacklist", at))?;
        }
        Ok(())
    }

    /// The first morning's calls: cards reported lost, and cards that were found again.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn report(&self, at: Timestamp) -> Result<(), WorldError> {
        let [lost, found] = lists::reported(self.country);
        self.change_blacklists(&lost, &found, at).await
    }

    /// Every terminal fetches lists: those that share a housing with one for codes after it.
    ///
    /// # Errors
    /// [`WorldError`] when terminal or acquirer do not answer as they should.
    pub async fn refresh_lists(
        &mut self,
        codes: &Terminals,
        at: Timestamp,
    ) -> Result<(), WorldError> {
        for (machine, housing) in self.machines.iter_mut().zip(&self.doors) {
            let held = match housing {
                Housing::Shared(post) => codes.held(*post),
                Housing::Own(door) => {
                    door.refresh_lists(at).await?;
                    door.held()
                }
            };
            let Some(held) = held else {
                let number = machine.post.number.to_string();
                return Err(unexpected("fetching lists", &number, "lists held"));
            };
            machine.take(&held);
        }
        Ok(())
    }

    async fn load(&mut self, index: usize, fen: Fen, at: Timestamp) -> Result<(), WorldError> {
        let holder = &self.country.cardholders[index];
        if !self.wallets[index].load(fen, at, &self.country.keys) {
            return Err(unexpected("loading a card", "a refusal", "money on it"));
        }
        self.balances[index] = sum(self.balances[index], fen);
        self.loaded[index] = sum(self.loaded[index], fen);
        self.loads += 1;
        if holder.flaw.is_issued() {
            let id = format!("load-{}-{}", holder.home, self.loads);
            self.clients[holder.home]
                .at(at)
                .card_load(holder.number, &id, fen)
                .await
                .map_err(WorldError::http("noting a load", at))?;
        }
        Ok(())
    }

    /// Riders with little on their cards load before the day's first ride; on the first day
    /// some do not.
    ///
    /// # Errors
    /// [`WorldError`] when a card or a node does not answer as it should.
    pub async fn refill(&mut self, is_first: bool, at: Timestamp) -> Result<(), WorldError> {
        for (index, holder) in self.country.cardholders.iter().enumerate() {
            if holder.medium == Medium::Cash {
                continue;
            }
            let rides = match holder.flaw {
                Flaw::Sound | Flaw::Found => true,
                Flaw::Poor => !is_first,
                _ => false,
            };
            // A load between a torn ride and the next would hide whether the card paid: nobody
            // could claim the ride then, and the auditor wants every debit claimed.
            let last = self.logs.iter().rev().find(|log| log.tap.holder == index);
            let is_torn = last.is_some_and(|log| log.tap.is_grey);
            if rides && !is_torn && self.balances[index] < LOW {
                self.load(index, REFILL, at).await?;
            }
        }
        Ok(())
    }

    /// What happens at terminals up to this moment; the taps are in order of time.
    ///
    /// # Errors
    /// [`WorldError`] when something does not answer as it should.
    pub async fn tap(
        &mut self,
        taps: &[PlannedTap],
        hardware: &mut Hardware,
        tick: &mut dyn FnMut(),
    ) -> Result<(), WorldError> {
        for tap in taps {
            let log = match tap.act {
                Act::Load(fen) => {
                    self.load(tap.holder, fen, tap.at).await?;
                    TapLog {
                        load: fen,
                        ..Self::blank(tap)
                    }
                }
                Act::TwoCards => {
                    let device = hardware.at(self.machines[tap.post].post.number);
                    let shown = device.show_collision(tap.at);
                    TapLog {
                        shown: Some(shown),
                        ..Self::blank(tap)
                    }
                }
                Act::Tap(tear) => self.at_terminal(tap, tear, Task::Ride, hardware)?,
                Act::CloseRail => {
                    let task = Task::MakeUp(MakeUp::CloseRail { amount: None });
                    self.at_terminal(tap, Tear::Never, task, hardware)?
                }
            };
            self.logs.push(log);
            tick();
        }
        Ok(())
    }

    const fn blank(tap: &PlannedTap) -> TapLog {
        TapLog {
            tap: *tap,
            say: None,
            shown: None,
            went_on: false,
            debit: Fen::ZERO,
            load: Fen::ZERO,
        }
    }

    fn at_terminal(
        &mut self,
        tap: &PlannedTap,
        tear: Tear,
        task: Task,
        hardware: &mut Hardware,
    ) -> Result<TapLog, WorldError> {
        let card = &mut self.wallets[tap.holder];
        card.present(tear);
        let machine = &mut self.machines[tap.post];
        machine.stand_at(tap.stop);
        let end = machine.tap(card, task, tap.at)?;
        let device = hardware.at(machine.post.number);
        let shown = device.show(&end.prompt, tap.at);
        let went_on = end.outcome.ride().is_some() && device.pass();
        if !tap.is_cut_off {
            self.tell_the_others(tap, &end)?;
        }
        let before = self.balances[tap.holder];
        // A locked card tells nothing any more, and pays nothing.
        let after = self.wallets[tap.holder].balance().unwrap_or(before);
        self.balances[tap.holder] = after;
        let debit = before
            .checked_sub(after)
            .map_err(|_| unexpected("reading a balance", "an overflow", "a balance"))?;
        Ok(TapLog {
            say: Some(end.prompt.say),
            shown: Some(shown),
            went_on,
            debit,
            ..Self::blank(tap)
        })
    }

    /// What one terminal of a vehicle says to the others.
    fn tell_the_others(&mut self, tap: &PlannedTap, end: &TapEnd) -> Result<(), WorldError> {
        if end.notices.is_empty() {
            return Ok(());
        }
        let notices: Vec<Vec<u8>> = end.notices.iter().map(GroupNotice::encode).collect();
        let here = &self.country.card_posts[tap.post];
        for (index, machine) in self.machines.iter_mut().enumerate() {
            if index != tap.post && machine.post.is_beside(here) {
                for notice in &notices {
                    machine.note(notice, tap.at)?;
                }
            }
        }
        Ok(())
    }

    /// Every terminal closes what nobody came back for and uploads what waits; every fifth loses
    /// the acknowledgement and uploads once more.
    ///
    /// A terminal that has its number to itself uploads with its chain. In a shared housing the
    /// number's chain is that of the scanner: the demo gives each half a journal of its own, and
    /// one number has one chain.
    ///
    /// # Errors
    /// [`WorldError`] when a journal or a node does not do what it should.
    pub async fn upload(&mut self, at: Timestamp) -> Result<(), WorldError> {
        for machine in &mut self.machines {
            machine.close_stale(at)?;
            let waiting = machine.waiting();
            if waiting.is_empty() {
                continue;
            }
            let seqs: Vec<u64> = waiting.iter().map(|sent| sent.seq).collect();
            let number = machine.post.number;
            let seal = machine.post.is_extra.then(|| {
                let key = self.country.terminal_key(number);
                key.sign(&sealed(number, &waiting))
            });
            let records: Vec<Vec<u8>> = waiting.iter().map(|sent| sent.record.clone()).collect();
            let city = machine.post.city;
            let client = as_terminal(
                &self.clients[city],
                self.country,
                city,
                number,
                &format!("taps {}", self.uploads),
            );
            let client = client.at(at);
            self.uploads += 1;
            let is_twice = self.uploads.is_multiple_of(5);
            for again in 0..=usize::from(is_twice) {
                let outcomes = match &seal {
                    Some(seal) => client.records_upload_chained(number, &waiting, seal).await,
                    None => client.records_upload(number, &records).await,
                };
                let outcomes = outcomes.map_err(WorldError::http("uploading taps", at))?;
                let is_right = |kind: &UploadKind| match again {
                    0 => *kind == UploadKind::Stored,
                    _ => *kind == UploadKind::Duplicate,
                };
                if let Some(other) = outcomes.iter().find(|o| !is_right(&o.kind)) {
                    let found = format!("{:?} at {}", other.kind, machine.post.number);
                    let expected = if again == 0 { "stored" } else { "duplicate" };
                    return Err(unexpected("an uploaded tap", &found, expected));
                }
            }
            machine.acknowledge(&seqs, at)?;
        }
        Ok(())
    }

    /// The journals of the terminals that upload with their chain.
    #[must_use]
    pub fn journals(&self) -> BTreeMap<TerminalNumber, Vec<(u64, Vec<u8>)>> {
        let machines = self.machines.iter().filter(|m| m.post.is_extra);
        machines.map(|m| (m.post.number, m.journal())).collect()
    }

    /// Asks every card and its issuer what is on it.
    ///
    /// # Errors
    /// [`WorldError`] when a node does not answer as it should.
    pub async fn observe(&mut self, at: Timestamp) -> Result<Vec<ObservedCard>, WorldError> {
        let mut observed = Vec::new();
        for (index, holder) in self.country.cardholders.iter().enumerate() {
            let by_card = self.wallets[index].balance();
            let mut issuer = None;
            if holder.flaw.is_issued() {
                let client = self.clients[holder.home].at(at);
                let view = match holder.medium {
                    Medium::Purse => client.card_view(holder.number).await,
                    Medium::Cash => client.cash_view(holder.number).await,
                };
                let view = view.map_err(WorldError::http("asking for a card", at))?;
                issuer = Some(ObservedMirror {
                    mirror: Fen::new(view.mirror_fen),
                    refund_due: Fen::new(view.refund_due_fen),
                    short: Fen::new(view.short_fen),
                });
            }
            observed.push(ObservedCard {
                balance: by_card.unwrap_or(self.balances[index]),
                loaded: self.loaded[index],
                issuer,
            });
        }
        Ok(observed)
    }
}

fn sum(a: Fen, b: Fen) -> Fen {
    a.checked_add(b).expect("what cards hold is small")
}

fn unexpected(what: &str, found: &str, expected: &str) -> WorldError {
    WorldError::Unexpected {
        what: what.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

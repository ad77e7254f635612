//! The card as its reader sees it: power, channels, dispatch.
//!
//! Here: what no applet decides. The class byte and its channel, SELECT by name and of the master
//! file, MANAGE CHANNEL, GET RESPONSE, and what happens when power is lost.

use alloc::vec::Vec;

use tongtu_apdu::select::{MASTER_FILE, Occurrence, Select, SelectFile};
use tongtu_apdu::{CardCommand as _, Command, Response, StatusWord};
use tongtu_crypto::Entropy;
use tongtu_globalplatform::command::ManageChannel;
use tongtu_globalplatform::life_cycle::{CardState, State};
use tongtu_globalplatform::privilege::{Privilege, Privileges};

use crate::applet::Session;
use crate::channel::{CHANNEL_COUNT, Channel, Class, Waiting};
use crate::context::{Context, DataGroup, Halt, Objects};
use crate::domain;
use crate::factory::{Blueprint, FactoryFile, Group};
use crate::journal::{Batch, CommitError, Nvm, ObjectId, OpenError};
use crate::memory::{Memory, Torn};
use crate::registry::AppletKind;
use crate::registry::{self, CARD, ENTRIES, Entry, ISSUER, LoadFile, Registry};

/// How the reader reaches the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interface {
    /// Contacts, or from inside the phone.
    Contact,
    /// The contactless field.
    #[default]
    Contactless,
}

/// What the outside gives the card for one command.
pub struct Env<'a> {
    /// Randomness.
    pub entropy: &'a mut dyn Entropy,
    /// How the reader reaches the card.
    pub interface: Interface,
}

/// Why a card does not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PowerUpError {
    /// The memory cannot be opened.
    #[error(transparent)]
    Memory(#[from] OpenError),
    /// The memory opens, but there is no registry in it, or one of another version.
    #[error("the card's memory holds no registry that can be read")]
    Registry,
    /// A part of the blueprint is refused by the applet it is for.
    #[error("the blueprint is refused by its application {application}: {sw}")]
    Blueprint {
        /// Position of the application in the blueprint; 0 is the issuer domain.
        application: usize,
        /// The status word it answers.
        sw: StatusWord,
    },
}

/// A secure element under power.
///
/// One command at a time goes in through [`Card::transmit`]. After [`Torn`] the card is dead:
/// every further command is [`Torn`] too, until [`Card::power_down`] and [`Card::power_up`].
pub struct Card<M> {
    nvm: Nvm<M>,
    registry: Registry,
    channels: [Option<Channel>; CHANNEL_COUNT],
    dead: bool,
}

impl<M: Memory> Objects for Nvm<M> {
    fn get(&self, id: ObjectId) -> Option<&[u8]> {
        self.get(id)
    }

    fn ids(&self, owner: u16) -> Vec<ObjectId> {
        self.ids(owner).collect()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), CommitError> {
        self.commit(batch)
    }

    fn free(&self) -> usize {
        self.free()
    }
}

impl<M: Memory> Card<M> {
    /// Makes a card in blank memory, as its blueprint says, and powers it up.
    ///
    /// # Errors
    /// [`PowerUpError`] when memory is too small or an applet refuses its part.
    pub fn manufacture(
        memory: M,
        blueprint: &Blueprint,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, PowerUpError> {
        let mut nvm = Nvm::format(memory)?;
        let mut registry = Registry::default();
        let mut ctx = Context::new(ISSUER, &mut nvm, &mut registry, entropy, Interface::Contact);
        let made = make(&mut ctx, blueprint);
        made.map_err(|(application, halt)| match halt {
            Halt::Status(sw) => PowerUpError::Blueprint { application, sw },
            Halt::Torn => PowerUpError::Memory(OpenError::Torn(Torn)),
        })?;
        Self::power_up(nvm.into_memory())
    }

    /// Powers up the card in this memory: the state of its last whole commit.
    ///
    /// # Errors
    /// [`PowerUpError`] when there is no card in it.
    pub fn power_up(memory: M) -> Result<Self, PowerUpError> {
        let nvm = Nvm::open(memory)?;
        let registry = read_registry(&nvm).ok_or(PowerUpError::Registry)?;
        let mut card = Self {
            nvm,
            registry,
            channels: core::array::from_fn(|_| None),
            dead: false,
        };
        card.reset();
        Ok(card)
    }

    /// Takes the power away and leaves the memory.
    pub fn power_down(self) -> M {
        self.nvm.into_memory()
    }

    /// A warm reset: sessions and channels are gone, memory stays.
    pub fn reset(&mut self) {
        self.channels = core::array::from_fn(|_| None);
        self.channels[0] = Some(Channel::default());
    }

    /// The journal, for audits and tests.
    pub const fn nvm(&self) -> &Nvm<M> {
        &self.nvm
    }

    /// Answers one command APDU. Every byte string gets an answer.
    ///
    /// # Errors
    /// [`Torn`] when power was lost on the way: there is no answer, and the card is dead.
    pub fn transmit(&mut self, env: &mut Env<'_>, apdu: &[u8]) -> Result<Vec<u8>, Torn> {
        if self.dead {
            return Err(Torn);
        }
        let response = match self.answer(env, apdu) {
            Ok(response) => response,
            Err(Halt::Status(sw)) => Response::status(sw),
            Err(Halt::Torn) => {
                self.dead = true;
                return Err(Torn);
            }
        };
        Ok(response.encode())
    }

    fn answer(&mut self, env: &mut Env<'_>, apdu: &[u8]) -> Result<Response, Halt> {
        let class = apdu.first().and_then(|cla| Class::parse(*cla));
        let parsed = Command::parse(apdu);
        let is_whole = parsed.is_ok();
        let (Ok(mut command), Some(class)) = (parsed, class) else {
            // Nothing that an application could read, but a command after all: it ends what
            // only the next one could have gone on with. Without a channel it is the basic one's.
            self.interrupt(class.map_or(0, |class| class.channel));
            return Err(match is_whole {
                true => StatusWord::CLA_NOT_SUPPORTED.into(),
                false => StatusWord::WRONG_LENGTH.into(),
            });
        };
        command.cla = class.plain;
        if self.channels[class.channel].is_none() {
            return Err(StatusWord::CHANNEL_NOT_SUPPORTED.into());
        }
        let is_ours = matches!((command.cla, command.ins), (0x00, 0x70 | 0xA4 | 0xC0));
        if is_ours {
            self.interrupt(class.channel);
        }
        let result = match (command.cla, command.ins) {
            (0x00, 0x70) => self.manage_channel(&command),
            (0x00, 0xC0) => return self.get_response(class.channel, &command),
            (0x00, 0xA4) => self.select(env, class.channel, &command),
            _ => self.process(env, class.channel, &command),
        };
        let mut closed = Waiting::default();
        let waiting = match &mut self.channels[class.channel] {
            Some(channel) => &mut channel.waiting,
            // It closed itself.
            None => &mut closed,
        };
        *waiting = Waiting::default();
        result.map(|response| split(response, waiting))
    }

    /// Ends what only the next command on a channel could have gone on with.
    fn interrupt(&mut self, channel: usize) {
        if let Some(Some(channel)) = self.channels.get_mut(channel)
            && let Some((_, session)) = &mut channel.selected
        {
            session.interrupt();
        }
    }

    /// MANAGE CHANNEL (GP 2.3.1 §11.7).
    fn manage_channel(&mut self, command: &Command) -> Result<Response, Halt> {
        match ManageChannel::from_command(command)? {
            ManageChannel::Open(None) => {
                let free = self.channels.iter().position(Option::is_none);
                let number = free.ok_or(StatusWord::FUNCTION_NOT_SUPPORTED)?;
                self.channels[number] = Some(Channel::default());
                let number = u8::try_from(number).expect("there are twenty channels");
                Ok(Response::ok([number]))
            }
            // The form that names the channel is ISO/IEC 7816-4's; GlobalPlatform leaves it out.
            ManageChannel::Open(Some(number)) => {
                let slot = self.channels.get_mut(usize::from(number));
                let slot = slot.ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
                if slot.is_some() {
                    return Err(StatusWord::FUNCTION_NOT_SUPPORTED.into());
                }
                *slot = Some(Channel::default());
                Ok(Response::ok([]))
            }
            ManageChannel::Close(0) => Err(StatusWord::WRONG_P1P2.into()),
            ManageChannel::Close(number) => {
                let slot = self.channels.get_mut(usize::from(number));
                let slot = slot.ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
                match slot.take() {
                    Some(_) => Ok(Response::ok([])),
                    None => Err(StatusWord::CHANNEL_CLOSED.into()),
                }
            }
        }
    }

    fn get_response(&mut self, channel: usize, command: &Command) -> Result<Response, Halt> {
        let Waiting { data, sw } = &mut self.channels[channel].get_or_insert_default().waiting;
        if data.is_empty() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let asked = command.le.map_or(256, |le| le.max());
        let rest = data.split_off(asked.min(data.len()));
        let sw = match rest.len() {
            0 => *sw,
            more => StatusWord::more(more),
        };
        let data = core::mem::replace(data, rest);
        Ok(Response { data, sw })
    }

    fn select(
        &mut self,
        env: &mut Env<'_>,
        channel: usize,
        command: &Command,
    ) -> Result<Response, Halt> {
        let select = match command.p1 {
            0 => self.by_file(&SelectFile::from_command(command)?)?,
            _ => Select::from_command(command)?,
        };
        let current = self.channels[channel]
            .as_ref()
            .and_then(|channel| channel.selected.as_ref())
            .map(|(number, _)| *number);
        let entry = self.find(&select, current)?.clone();
        let mut response = self.open(env, channel, &entry)?;
        if self.is_shut() && response.sw.is_ok() {
            response.sw = StatusWord::BLOCKED_FILE;
        }
        Ok(response)
    }

    /// The selection by name that one by file id stands for.
    ///
    /// UNSPECIFIED: cards of this field have a master file, and readers select it first. Here it is
    /// what is selected before any SELECT, the issuer domain, with its FCI. Which ids the
    /// applications have is not known, so they are found by name alone.
    fn by_file(&self, select: &SelectFile) -> Result<Select, Halt> {
        if select.id == MASTER_FILE {
            return Ok(Select::by_name([]));
        }
        Err(self.missing().into())
    }

    /// What an application or file that is not there is answered.
    fn missing(&self) -> StatusWord {
        if self.is_shut() {
            StatusWord::FUNCTION_NOT_SUPPORTED
        } else {
            StatusWord::NOT_FOUND
        }
    }

    /// Whether the card is locked, terminated or blocked.
    fn is_shut(&self) -> bool {
        let state = self.registry.card_state();
        matches!(state, CardState::Locked | CardState::Terminated) || self.is_blocked()
    }

    fn is_blocked(&self) -> bool {
        self.nvm.get(registry::CARD_BLOCKED).is_some()
    }

    /// Whether SELECT may find an application: its state says so; on a locked card only the
    /// one with the final application's privilege (GP 2.3.1 §5.1.1.4), on a blocked one only
    /// the issuer domain.
    fn is_selectable(&self, entry: &Entry) -> bool {
        if self.is_blocked() {
            return entry.number == ISSUER;
        }
        if self.is_shut() {
            return entry.rights().has(Privilege::FinalApplication);
        }
        entry.number == ISSUER || entry.life().is_selectable()
    }

    /// The application that answers what comes before any SELECT: the issuer domain, on a
    /// locked card the final application (GP 2.3.1 §6.4.1.1), on a blocked one nobody.
    fn default_application(&self) -> Result<Entry, Halt> {
        if self.is_blocked() {
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED.into());
        }
        let is_default = |entry: &&Entry| match self.is_shut() {
            true => self.is_selectable(entry),
            false => entry.number == ISSUER,
        };
        let entry = self.registry.entries.iter().find(is_default);
        Ok(entry.ok_or(StatusWord::CONDITIONS)?.clone())
    }

    /// The application that a SELECT means. On a locked card whatever is not offered is
    /// answered `6A81`, as if it were not supported.
    ///
    /// CONFLICT: a locked application is "not found" here, as GP 2.3.1 §9.6.2 has it; test
    /// catalogues of this field also know `6283` and `6999` for it.
    fn find(&self, select: &Select, current: Option<u16>) -> Result<&Entry, Halt> {
        let entries = &self.registry.entries;
        let from = match (select.occurrence, current) {
            (Occurrence::First, _) | (Occurrence::Next, None) => 0,
            (Occurrence::Next, Some(current)) => {
                let at = entries.iter().position(|entry| entry.number == current);
                at.map_or(0, |at| at + 1)
            }
        };
        let found = if select.name.is_empty() && select.occurrence == Occurrence::First {
            self.registry
                .entry(ISSUER)
                .filter(|entry| self.is_selectable(entry))
        } else {
            entries
                .iter()
                .skip(from)
                .find(|entry| entry.aid.starts_with(&select.name) && self.is_selectable(entry))
        };
        found.ok_or(self.missing().into())
    }

    fn open(&mut self, env: &mut Env<'_>, channel: usize, entry: &Entry) -> Result<Response, Halt> {
        let mut ctx = Context::new(
            entry.number,
            &mut self.nvm,
            &mut self.registry,
            env.entropy,
            env.interface,
        );
        let (session, response) = entry.kind.select(&mut ctx)?;
        let channel = self.channels[channel].get_or_insert_default();
        channel.selected = Some((entry.number, session));
        Ok(response)
    }

    fn process(
        &mut self,
        env: &mut Env<'_>,
        channel: usize,
        command: &Command,
    ) -> Result<Response, Halt> {
        if !self.has_selection(channel) {
            let entry = self.default_application()?;
            self.open(env, channel, &entry)?;
        }
        let is_blocked = self.is_blocked();
        let slot = self.channels[channel].get_or_insert_default();
        let Some((number, mut session)) = slot.selected.take() else {
            return Err(StatusWord::CONDITIONS.into());
        };
        if is_blocked && number != ISSUER {
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED.into());
        }
        let mut ctx = Context::new(
            number,
            &mut self.nvm,
            &mut self.registry,
            env.entropy,
            env.interface,
        );
        let result = session.process(&mut ctx, command);
        debug_assert!(
            result.is_err() || !ctx.is_dirty(),
            "an applet answers with changes that it did not commit"
        );
        let may_have_managed = matches!(session, Session::Domain(_));
        let slot = self.channels[channel].get_or_insert_default();
        slot.selected = Some((number, session));
        if may_have_managed {
            // What a refused command did to the registry in RAM is forgotten.
            self.registry = read_registry(&self.nvm).unwrap_or_default();
            self.end_what_is_gone();
        }
        result
    }

    /// Sessions of applications that were deleted or locked end on every channel, this one
    /// included.
    fn end_what_is_gone(&mut self) {
        let entries = self.registry.entries.iter();
        let running: Vec<u16> = entries
            .filter(|entry| self.is_selectable(entry))
            .map(|entry| entry.number)
            .collect();
        for channel in self.channels.iter_mut().flatten() {
            channel
                .selected
                .take_if(|(number, _)| !running.contains(number));
            if let Some((_, Session::Domain(session))) = &mut channel.selected {
                session.forget_what_is_gone(&self.registry);
            }
        }
    }

    fn has_selection(&self, channel: usize) -> bool {
        self.channels[channel]
            .as_ref()
            .is_some_and(|channel| channel.selected.is_some())
    }
}

/// Stages the whole blueprint and commits it as one batch.
fn make(ctx: &mut Context<'_>, blueprint: &Blueprint) -> Result<(), (usize, Halt)> {
    let groups = |groups: &[Group]| -> Vec<DataGroup> {
        let groups = groups.iter();
        groups
            .map(|group| DataGroup {
                id: group.id,
                value: group.value.clone(),
            })
            .collect()
    };
    let place =
        |ctx: &mut Context<'_>, at: usize, entry: Entry, parameters: &[u8], data: &[Group]| {
            let (number, kind) = (entry.number, entry.kind);
            ctx.registry.entries.push(entry);
            let staged = ctx.acting_as(number, |ctx| {
                kind.install(ctx, parameters)?;
                if data.is_empty() {
                    return Ok(());
                }
                kind.personalise(ctx, &groups(data))
            });
            staged.map_err(|halt: Halt| (at, halt))
        };
    let issuer = Entry {
        number: ISSUER,
        kind: AppletKind::Domain,
        aid: blueprint.issuer_domain,
        state: CardState::OpReady.byte(),
        privileges: Privileges::ISSUER_DOMAIN.bytes(),
        domain: ISSUER,
        label: Vec::new(),
        priority: 0,
        file: None,
    };
    place(ctx, 0, issuer, &[], &[])?;
    ctx.acting_as(ISSUER, |ctx| {
        domain::provision(ctx, &blueprint.issuer)?;
        if blueprint.issuer_groups.is_empty() {
            return Ok(());
        }
        AppletKind::Domain.personalise(ctx, &groups(&blueprint.issuer_groups))
    })
    .map_err(|halt| (0, halt))?;
    let no_number = |at| (at, StatusWord::NO_ROOM.into());
    for (at, application) in (1..).zip(&blueprint.applications) {
        let number = ctx.registry.free_number().ok_or_else(|| no_number(at))?;
        let of_this_kind = |file: &&FactoryFile| {
            let mut modules = file.modules.iter();
            modules.any(|(_, module)| *module == application.module)
        };
        let entry = Entry {
            number,
            file: blueprint
                .files
                .iter()
                .find(of_this_kind)
                .map(|file| file.aid),
            kind: application.module.kind(),
            aid: application.aid,
            state: State::SELECTABLE.0,
            privileges: Privileges::NONE.bytes(),
            domain: ISSUER,
            label: application.label.clone(),
            priority: application.priority,
        };
        place(ctx, at, entry, &application.parameters, &application.groups)?;
    }
    for file in &blueprint.files {
        let number = ctx.registry.free_number().ok_or_else(|| no_number(0))?;
        let modules = file.modules.iter();
        ctx.registry.files.push(LoadFile {
            number,
            aid: file.aid,
            domain: ISSUER,
            hash: [0; 32],
            len: 0,
            modules: modules.map(|(aid, module)| (*aid, module.kind())).collect(),
        });
    }
    ctx.put_registry();
    ctx.commit().map_err(|halt| (0, halt))
}

fn read_registry<M: Memory>(nvm: &Nvm<M>) -> Option<Registry> {
    Registry::decode(nvm.get(ObjectId::new(CARD, ENTRIES))?)
}

/// An answer of more than 256 bytes travels in pieces; the last one has its status word.
fn split(response: Response, waiting: &mut Waiting) -> Response {
    let Response { mut data, sw } = response;
    if data.len() <= 256 {
        return Response { data, sw };
    }
    let rest = data.split_off(256);
    let more = StatusWord::more(rest.len());
    *waiting = Waiting { data: rest, sw };
    Response { data, sw: more }
}

#[cfg(test)]
mod tests;

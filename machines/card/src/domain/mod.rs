//! Security domains (安全域): the issuer's and the supplementary ones, and the card manager.
//!
//! Here: the session of a selected domain, from the secure channel to the command's own file.
//! `authority` says who may do what to whom (hierarchy, tokens, receipts); `install`, `load`,
//! `delete` and `status` keep the registry; `keys` and `data` keep a domain's own objects;
//! `perso` passes personalisation on; `store` names what lies in memory.
//! Not here: bytes of commands and the channels' arithmetic (`tongtu-globalplatform`).
//!
//! Every command that changes something commits once, at its end; a refused one leaves the
//! registry as the memory has it, because the card reads it again.

mod authority;
mod data;
mod delete;
mod install;
mod keys;
mod load;
mod perso;
mod status;
mod store;

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, Response, StatusWord};
use tongtu_globalplatform::chain::{Chain, Step};
use tongtu_globalplatform::command::{
    BeginRMac, Delete, EndRMac, ExternalAuthenticate, GetData, GetStatus, InitializeUpdate,
    Install, Load, PutKey, SetStatus, StoreData,
};
use tongtu_globalplatform::ins;
use tongtu_globalplatform::life_cycle::CardState;
use tongtu_globalplatform::recognition::Recognition;
use tongtu_globalplatform::scp::{CardChannel, Offer, OfferInput};
use tongtu_globalplatform::token;

use crate::Interface;
use crate::context::{Context, DataGroup, Halt};
use crate::registry::Registry;

pub(crate) use store::provision;

/// The longest command put together from a chain.
const CHAIN_LIMIT: usize = 4096;

/// The volatile state of a selected domain.
#[derive(Default)]
pub(crate) struct Session {
    link: Link,
    chain: Chain,
    listing: status::Listing,
    loading: Option<load::Loading>,
    personalising: Option<perso::Personalising>,
}

/// How far the secure channel is.
#[derive(Default)]
enum Link {
    /// No channel.
    #[default]
    Closed,
    /// After INITIALIZE UPDATE.
    Offered(Box<Offer>, Basis),
    /// After EXTERNAL AUTHENTICATE.
    Open(Box<CardChannel>),
    /// A protected command was wrong: nothing goes until the next INITIALIZE UPDATE.
    Broken,
}

/// What a channel is offered on.
struct Basis {
    /// The domain that holds the keys.
    owner: u16,
    /// Their version.
    version: u8,
    /// Their sequence counter as the offer left it.
    counter: u32,
}

/// Stages the first objects of a new instance.
pub(crate) fn install(ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
    store::install(ctx, parameters)
}

/// Stages what personalisation data say.
pub(crate) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    data::personalise(ctx, groups)
}

/// Begins a session; the answer is the domain's FCI (GP 2.3.1 §11.9).
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let entry = ctx.registry.entry(ctx.owner).ok_or(StatusWord::NOT_FOUND)?;
    let mut fci = tlv::object(Tag::new(0x84), entry.aid.as_bytes());
    let mut own = tlv::object(Tag::new(0x73), &recognition(ctx).template());
    // The longest data field of a command: what a short APDU carries.
    tlv::write(Tag::new(0x9F65), &[0xFF], &mut own);
    tlv::write(Tag::new(0xA5), &own, &mut fci);
    let answer = Response::ok(tlv::object(Tag::new(0x6F), &fci));
    Ok((Session::default(), answer))
}

/// What the domain says of its channels: the protocol that a host gets without naming a key
/// version. Clients choose by it, so no other is announced.
fn recognition(ctx: &Context<'_>) -> Recognition {
    let keys = store::channel_keys(ctx, 0);
    Recognition::of(keys.map(|keys| keys.protocol).as_slice())
}

impl Session {
    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        let command = match self.chain.take(command.clone(), CHAIN_LIMIT) {
            Step::Whole(command) => command,
            Step::Kept => return Ok(Response::ok([])),
            Step::Broken => return Err(StatusWord::CONDITIONS.into()),
            Step::TooLong => return Err(StatusWord::NO_ROOM.into()),
        };
        match command.ins {
            ins::INITIALIZE_UPDATE => return self.initialize_update(ctx, &command),
            ins::EXTERNAL_AUTHENTICATE => return self.external_authenticate(ctx, &command),
            _ => {}
        }
        let plain = match &mut self.link {
            Link::Broken => return Err(StatusWord::SECURITY_STATUS.into()),
            Link::Open(channel) => match channel.open(&command) {
                Ok(plain) => plain,
                Err(refused) => {
                    self.close(Link::Broken);
                    return Err(refused.status().into());
                }
            },
            Link::Closed | Link::Offered(..) => {
                self.link = Link::Closed;
                if command.cla & 0x04 != 0 {
                    return Err(StatusWord::SECURITY_STATUS.into());
                }
                command
            }
        };
        let response = match self.dispatch(ctx, &plain) {
            Ok(response) => response,
            Err(Halt::Status(sw)) => {
                ctx.discard();
                Response::status(sw)
            }
            Err(Halt::Torn) => return Err(Halt::Torn),
        };
        Ok(match &mut self.link {
            Link::Open(channel) => {
                let response = channel.seal(response);
                // BEGIN protects from the next answer on, END up to its own.
                self.set_answers(&plain, &response)?;
                response
            }
            _ => response,
        })
    }

    /// Another session changed the registry: a load or a personalisation whose domain or
    /// application is gone ends, before another gets its number.
    pub(crate) fn forget_what_is_gone(&mut self, registry: &Registry) {
        let is_there = |number| registry.entry(number).is_some();
        self.loading.take_if(|loading| !is_there(loading.domain()));
        self.personalising
            .take_if(|personalising| !is_there(personalising.target()));
    }

    /// Ends the channel and everything that lived in it.
    fn close(&mut self, link: Link) {
        *self = Self {
            link,
            ..Self::default()
        };
    }

    const fn is_authenticated(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// INITIALIZE UPDATE (GP 2.3.1 §E.5.1, GP Amendment D §7.1.1).
    fn initialize_update(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        let request = InitializeUpdate::from_command(command)?;
        if ctx.registry.card_state() == CardState::Terminated {
            return Err(StatusWord::CONDITIONS.into());
        }
        if ctx.interface == Interface::Contactless && store::config(ctx).contact_only {
            return Err(StatusWord::CONDITIONS.into());
        }
        self.close(Link::Closed);
        let keys =
            store::channel_keys(ctx, request.key_version).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        if store::is_blocked(ctx, keys.owner, keys.version) {
            return Err(StatusWord::AUTH_BLOCKED.into());
        }
        let counter = store::next_counter(ctx, &keys)?;
        let entry = ctx.registry.entry(ctx.owner).ok_or(StatusWord::NOT_FOUND)?;
        let input = OfferInput {
            keys: &keys.keys,
            protocol: keys.protocol,
            key_version: keys.version,
            diversification: store::diversification(ctx, keys.owner),
            counter,
            aid: entry.aid,
            host_challenge: request.host_challenge,
        };
        let (offer, answer) = Offer::make(&input, ctx.entropy).ok_or(StatusWord::CONDITIONS)?;
        ctx.commit()?;
        let basis = Basis {
            owner: keys.owner,
            version: keys.version,
            counter: store::counter(ctx, keys.owner, keys.version),
        };
        self.link = Link::Offered(Box::new(offer), basis);
        Ok(Response::ok(answer.encode()))
    }

    /// EXTERNAL AUTHENTICATE (GP 2.3.1 §E.5.2, GP Amendment D §7.1.2).
    fn external_authenticate(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        let (offer, basis) = match core::mem::take(&mut self.link) {
            Link::Offered(offer, basis) => (offer, basis),
            link @ Link::Broken => {
                self.link = link;
                return Err(StatusWord::SECURITY_STATUS.into());
            }
            link => {
                self.link = link;
                ExternalAuthenticate::from_command(command)?;
                return Err(StatusWord::CONDITIONS.into());
            }
        };
        let Basis {
            owner,
            version,
            counter,
        } = basis;
        // Whose keys went, in a session of another channel, has nothing to offer any more.
        let counts = store::counts_when_authenticated(ctx, owner, version);
        let counts = counts.ok_or(StatusWord::CONDITIONS)?;
        if counts && store::counter(ctx, owner, version) != counter {
            // Session keys of SCP02 follow from the counter: another channel took it, and what
            // was said there could be said again here.
            return Err(StatusWord::CONDITIONS.into());
        }
        match offer.authenticate(command) {
            Ok(channel) => {
                store::authenticated(ctx, owner, version, counts);
                ctx.commit()?;
                self.link = Link::Open(Box::new(channel));
                Ok(Response::ok([]))
            }
            Err(refused) => {
                // Only a host that tried the keys uses up a try, not one that cannot form the
                // command.
                if matches!(
                    refused.status(),
                    StatusWord::AUTH_FAILED | StatusWord::SECURITY_STATUS
                ) {
                    store::failed(ctx, owner, version);
                    ctx.commit()?;
                }
                Err(refused.status().into())
            }
        }
    }

    fn set_answers(&mut self, command: &Command, response: &Response) -> Result<(), Halt> {
        let Link::Open(channel) = &mut self.link else {
            return Ok(());
        };
        if response.sw.is_ok() {
            let set = match command.ins {
                ins::BEGIN_R_MAC => channel.set_answers(true, command.p1 == 0x30),
                ins::END_R_MAC => channel.set_answers(false, false),
                _ => Ok(()),
            };
            set.map_err(|refused| Halt::Status(refused.status()))?;
        }
        Ok(())
    }

    /// One command in clear.
    fn dispatch(&mut self, ctx: &mut Context<'_>, command: &Command) -> Result<Response, Halt> {
        // A load goes on only without other content management between its blocks.
        if !matches!(command.ins, ins::LOAD | ins::GET_DATA) {
            let goes_on = command.ins == ins::INSTALL && self.loading_awaits_install();
            if !goes_on {
                self.loading = None;
            }
        }
        match command.ins {
            ins::GET_DATA => {
                let request = GetData::from_command(command)?;
                data::get_data(ctx, &request, self.level())
            }
            ins::GET_STATUS => {
                let request = self.read::<GetStatus>(ctx, command)?;
                status::get_status(ctx, &mut self.listing, &request)
            }
            ins::SET_STATUS => {
                let request = self.read::<SetStatus>(ctx, command)?;
                status::set_status(ctx, &request)
            }
            ins::INSTALL => {
                let request = self.read::<Install>(ctx, command)?;
                self.install(ctx, request, token::of_install(command))
            }
            ins::LOAD => {
                let request = self.read::<Load>(ctx, command)?;
                load::load(ctx, &mut self.loading, request)
            }
            ins::DELETE => {
                let request = self.read::<Delete>(ctx, command)?;
                delete::delete(ctx, &request, &token::of_delete(command))
            }
            ins::PUT_KEY => {
                let request = self.read::<PutKey>(ctx, command)?;
                let Link::Open(channel) = &self.link else {
                    return Err(StatusWord::SECURITY_STATUS.into());
                };
                keys::put_key(ctx, &request, channel.dek())
            }
            ins::STORE_DATA => {
                let request = self.read::<StoreData>(ctx, command)?;
                let Link::Open(channel) = &self.link else {
                    return Err(StatusWord::SECURITY_STATUS.into());
                };
                perso::store_data(ctx, &mut self.personalising, request, channel.dek())
            }
            ins::BEGIN_R_MAC => {
                let request = self.read::<BeginRMac>(ctx, command)?;
                self.answers_may_be(true, request.encipher)
            }
            ins::END_R_MAC => {
                let EndRMac = self.read::<EndRMac>(ctx, command)?;
                self.answers_may_be(false, false)
            }
            _ => Err(match command.cla {
                0x00 | 0x80 => StatusWord::INS_NOT_SUPPORTED,
                _ => StatusWord::CLA_NOT_SUPPORTED,
            }
            .into()),
        }
    }

    /// Reads a command that needs a channel: form first, then the channel, then the card's
    /// state, then what is in the data field.
    fn read<C: CardCommand>(&self, ctx: &Context<'_>, command: &Command) -> Result<C, Halt> {
        let read = C::from_command(command);
        if let Err(
            malformed @ (Malformed::Class { .. }
            | Malformed::Instruction { .. }
            | Malformed::Parameters { .. }
            | Malformed::Length { .. }),
        ) = read
        {
            return Err(malformed.into());
        }
        if !self.is_authenticated() {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        // UNSPECIFIED: what a domain still does on a locked card, and the issuer's on a blocked
        // one: it says what is there, and sets states.
        let in_any_state = matches!(
            C::INS,
            ins::SET_STATUS | ins::GET_STATUS | ins::BEGIN_R_MAC | ins::END_R_MAC
        );
        let works = match ctx.registry.card_state() {
            CardState::Terminated => false,
            CardState::Locked => in_any_state,
            _ => in_any_state || !ctx.is_card_blocked(),
        };
        if !works {
            return Err(StatusWord::CONDITIONS.into());
        }
        Ok(read?)
    }

    fn level(&self) -> u8 {
        match &self.link {
            Link::Open(channel) => channel.level().reported(),
            _ => 0,
        }
    }

    /// Whether the protocol has such a level; it is set after the answer.
    fn answers_may_be(&self, r_mac: bool, r_enc: bool) -> Result<Response, Halt> {
        let Link::Open(channel) = &self.link else {
            return Err(StatusWord::SECURITY_STATUS.into());
        };
        if channel.level().r_mac() == r_mac {
            return Err(StatusWord::CONDITIONS.into());
        }
        let level = channel.level().with_answers(r_mac, r_enc);
        if !channel.protocol().allows(level) {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        Ok(Response::ok([]))
    }

    fn loading_awaits_install(&self) -> bool {
        self.loading
            .as_ref()
            .is_some_and(load::Loading::awaits_install)
    }

    /// INSTALL: which form it is; `covered` is what its token is over.
    fn install(
        &mut self,
        ctx: &mut Context<'_>,
        request: Install,
        covered: Vec<u8>,
    ) -> Result<Response, Halt> {
        let loaded = self.loading.take();
        match &request {
            Install::Load(_) => {
                self.loading = Some(load::begin(ctx, request, covered)?);
                Ok(Response::ok([0]))
            }
            Install::Personalization { subject } => {
                self.personalising = Some(perso::begin(ctx, subject)?);
                Ok(Response::ok([0]))
            }
            _ => install::install(ctx, &request, &covered, loaded),
        }
    }
}

/// The answer of card content management, once everything is staged.
fn done(
    ctx: &mut Context<'_>,
    answer: &tongtu_globalplatform::command::ManagementAnswer,
) -> Result<Response, Halt> {
    ctx.put_registry();
    ctx.commit()?;
    Ok(Response::ok(answer.encode()))
}

//! The e-purse (电子钱包) on the card.
//!
//! Here: install, personalise, select, and which handler a command goes to. `store.rs` says how
//! its state lies in objects, `file.rs` holds files, `access.rs` PIN, authentication, secure
//! messaging and locks, `money.rs` the transactions.
//!
//! Order of checks: class, instruction, locks, P1 P2, lengths, then the command's own table
//! (`tongtu_purse::command`). A command changes state by one commit, as its last act before the
//! answer; a refused command changes nothing but the counter of failures it stands for. What can
//! be guessed has its try spent in a commit before that one (`access.rs`).
//!
//! UNSPECIFIED: an Le that is neither 00 nor the length of the answer gets `6CXX` before
//! anything is changed.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Malformed, Response, StatusWord};
use tongtu_purse::command::Request;
use tongtu_purse::fci::FciForm;
use tongtu_purse::perso::{self, Content};
use tongtu_purse::profile::{FILES, FileKind, FileSpec, Profile, Settings};

use crate::context::{Context, DataGroup, Halt, fit};
use crate::factory::{Group, Module, Preinstalled};

mod access;
mod file;
mod money;
mod store;

use access::Challenge;
use money::Started;
use store::{Life, State, object};

/// The volatile state of a selected instance.
#[derive(Default)]
pub(crate) struct Session {
    challenge: Option<Challenge>,
    started: Option<Started>,
    pin_verified: bool,
    externally_authenticated: bool,
    /// After a right MAC, the state without the try that was spent on it: what a refusal of the
    /// command for something else gives back.
    owed: Option<State>,
}

impl Preinstalled {
    /// A purse as its profile says, personalised, listed in the directory as `MOT_T_EP`.
    #[must_use]
    pub fn purse(profile: &Profile) -> Self {
        let groups = profile.groups().into_iter().map(|group| Group {
            id: group.id,
            value: group.value,
        });
        Self {
            module: Module::Purse,
            aid: profile.aid,
            label: b"MOT_T_EP".to_vec(),
            priority: 2,
            parameters: Vec::new(),
            groups: groups.collect(),
        }
    }
}

/// Stages the first objects of a new instance: the files of an ordinary card, all empty.
pub(crate) fn install(ctx: &mut Context<'_>, _parameters: &[u8]) -> Result<(), Halt> {
    let table: Vec<u8> = FILES.iter().flat_map(FileSpec::encode).collect();
    ctx.put(object::FILES, table);
    ctx.put(
        object::SETTINGS,
        Settings::plain().encode().expect("as wide as its values"),
    );
    ctx.put(object::FCI, FciForm::plain().encode());
    State::fresh(&Settings::plain()).stage(ctx);
    Ok(())
}

/// Stages what personalisation data say.
pub(crate) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    let groups = groups.iter().map(|group| (group.id, &group.value[..]));
    let groups = perso::single::gathered(groups).map_err(|_| StatusWord::WRONG_DATA)?;
    for group in &groups {
        let content = Content::read(group.id, &group.value).map_err(|_| StatusWord::WRONG_DATA)?;
        stage(ctx, group, content)?;
    }
    Ok(())
}

fn stage(ctx: &mut Context<'_>, group: &perso::Group, content: Content) -> Result<(), Halt> {
    let wrong = Halt::Status(StatusWord::WRONG_DATA);
    let value = group.value.to_vec();
    match content {
        Content::File(sfi, bytes) => {
            let spec = store::file(ctx, sfi).ok_or(wrong)?;
            if spec.kind != FileKind::Transparent || usize::from(spec.size) != bytes.len() {
                return Err(wrong);
            }
            ctx.put(object::transparent(sfi), bytes);
        }
        Content::Files(files) => {
            // Contents belong to a table; a new one begins with empty files.
            for id in ctx.ids_of(ctx.owner) {
                if object::is_content(id.number) {
                    ctx.remove(id.number);
                }
            }
            for spec in files {
                if spec.kind == FileKind::Transparent {
                    ctx.put(
                        object::transparent(spec.sfi),
                        alloc::vec![0; usize::from(spec.size)],
                    );
                }
            }
            ctx.put(object::FILES, value);
        }
        Content::Records(sfi, records) => {
            let spec = store::file(ctx, sfi).ok_or(wrong)?;
            if !perso::fits(&spec, &records) {
                return Err(wrong);
            }
            ctx.remove(object::head(sfi));
            // The newest of a cyclic file stands first in the list.
            let in_order: Vec<_> = match spec.kind {
                FileKind::Cyclic => records.into_iter().rev().collect(),
                _ => records,
            };
            for record in in_order {
                file::append(ctx, &spec, record)?;
            }
        }
        Content::Keys(set) => ctx.put(object::keys(set.algorithm()), value),
        Content::Quick(set) => ctx.put(object::quick(set.algorithm()), value),
        Content::Settings(settings) => {
            ctx.put(object::SETTINGS, value);
            let mut state = State::of(ctx);
            state.pin_left = settings.pin_tries;
            state.external_left = settings.external_tries;
            state.stage(ctx);
        }
        Content::Pin(_) => {
            ctx.put(object::PIN, value);
            let mut state = State::of(ctx);
            state.pin_left = store::settings(ctx).pin_tries;
            state.stage(ctx);
        }
        Content::Indexes(_) => ctx.put(object::INDEXES, value),
        Content::Ticket(count, max) => {
            ctx.put(object::TICKET_MAX, max.to_be_bytes());
            let mut state = State::of(ctx);
            state.ticket = count;
            state.stage(ctx);
        }
        Content::Fci(_) => ctx.put(object::FCI, value),
    }
    Ok(())
}

/// Begins a session.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let sw = match State::of(ctx).life() {
        Life::Open => StatusWord::OK,
        Life::Blocked => StatusWord::BLOCKED_FILE,
        Life::Locked => return Err(StatusWord::PERMANENTLY_LOCKED.into()),
    };
    let data = store::fci(ctx);
    Ok((Session::default(), Response { data, sw }))
}

/// What a handler gets besides the command's own type.
struct Call<'a> {
    command: &'a Command,
    challenge: Option<Challenge>,
    started: Option<Started>,
    state: State,
    settings: Settings,
}

impl Session {
    /// Ends what only the next command could have gone on with.
    pub(crate) fn interrupt(&mut self) {
        self.challenge = None;
        self.started = None;
    }

    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        // Whatever the command is, it uses up the challenge; only a cache update that succeeds
        // keeps an initialised transaction.
        let challenge = self.challenge.take();
        let started = self.started.take();
        self.owed = None;
        let result = self.answer(ctx, command, challenge, started);
        if let Err(Halt::Status(_)) = result {
            ctx.discard();
            if let Some(state) = self.owed.take() {
                state.stage(ctx);
                ctx.commit()?;
            }
        }
        result
    }

    fn answer(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        challenge: Option<Challenge>,
        started: Option<Started>,
    ) -> Result<Response, Halt> {
        let request = match Request::parse(command) {
            Err(error @ (Malformed::Class { .. } | Malformed::Instruction { .. })) => {
                return Err(error.into());
            }
            other => other,
        };
        let state = State::of(ctx);
        match (state.life(), command.ins) {
            (Life::Open, _) => {}
            (Life::Locked, _) => return Err(StatusWord::PERMANENTLY_LOCKED.into()),
            // GET CHALLENGE and the commands that lock and unlock.
            (Life::Blocked, 0x84 | 0x16 | 0x18 | 0x1E) => {}
            (Life::Blocked, _) => return Err(StatusWord::CONDITIONS.into()),
        }
        let request = request?;
        let call = Call {
            command,
            challenge,
            started,
            state,
            settings: store::settings(ctx),
        };
        let data = self.carry_out(ctx, request, call)?;
        Ok(Response::ok(data))
    }

    fn carry_out(
        &mut self,
        ctx: &mut Context<'_>,
        request: Request,
        call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        match request {
            Request::ReadBinary(read) => self.read_binary(ctx, &read, &call),
            Request::ReadRecord(read) => self.read_record(ctx, &read, &call),
            Request::UpdateBinary(update) => self.update_binary(ctx, &update, call),
            Request::UpdateRecord(update) => self.update_record(ctx, &update, call),
            Request::AppendRecord(append) => self.append_record(ctx, append, call),
            Request::GetChallenge(get) => Ok(self.get_challenge(ctx, &get)),
            Request::InternalAuthenticate(auth) => access::internal(ctx, &auth, &call),
            Request::ExternalAuthenticate(auth) => self.external(ctx, &auth, call),
            Request::VerifyPin(verify) => self.verify_pin(ctx, &verify, call),
            Request::ChangePin(change) => self.change_pin(ctx, &change, call),
            Request::ReloadPin(reload) => self.reload_pin(ctx, &reload, call),
            Request::UnblockPin(unblock) => self.unblock_pin(ctx, &unblock, call),
            Request::BlockApplication(block) => self.block(ctx, &block, call),
            Request::UnblockApplication(_) => self.unblock(ctx, call),
            Request::BlockCard(_) => self.block_card(ctx, call),
            Request::GetBalance(get) => money::balance(&get, &call),
            Request::InitLoad(init) => {
                let (key, deal) = (init.key, init.deal());
                self.initialise(ctx, money::What::Load, key, deal, &call)
            }
            Request::InitUnload(init) => {
                let (key, deal) = (init.key, init.deal());
                self.initialise(ctx, money::What::Unload, key, deal, &call)
            }
            Request::InitPurchase(init) => {
                let (key, deal) = (init.key, init.deal());
                self.initialise(ctx, money::What::Purchase, key, deal, &call)
            }
            Request::InitComposite(init) => {
                let (key, deal) = (init.key, init.deal());
                self.initialise(ctx, money::What::Composite, key, deal, &call)
            }
            Request::CreditForLoad(credit) => {
                money::finish_online(self, ctx, money::What::Load, credit.at, &credit.mac2, call)
            }
            Request::DebitForUnload(debit) => {
                money::finish_online(self, ctx, money::What::Unload, debit.at, &debit.mac2, call)
            }
            Request::Debit(debit) => money::debit(self, ctx, &debit, call),
            Request::UpdateCache(update) => self.cache(ctx, update, call),
            Request::GetProof(get) => money::proof(ctx, &get, &call),
            // The passbook's; the purse has no such command.
            Request::ChangeOverdraft => Err(StatusWord::FUNCTION_NOT_SUPPORTED.into()),
        }
    }
}

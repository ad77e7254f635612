//! The NFC ride code (NFC 二维码) on the card.
//!
//! Here: the application's objects and what each command does to them. Not here: the commands'
//! bytes and MACs (`tongtu-nfc-code`); what a code says, and whether it is still valid: codes
//! are bytes, and there is no clock. A code changes whole, with the last block of an update.

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, Command, Response, StatusWord};
use tongtu_crypto::BlockKey;
use tongtu_nfc_code::{
    Challenge, GetChallenge, GetCode, Operation, Profile, PutResult, ReadResult, RideResult,
    UpdateCode, code_reference, fci, group,
};
use zeroize::Zeroizing;

use crate::context::{Context, DataGroup, Halt};

/// The command table; absent means the default one.
const PROFILE: u16 = 1;
/// The owner's key, as its group is written.
const UPDATE_KEY: u16 = 2;
/// The key of results, as its group is written.
const RESULT_KEY: u16 = 3;
/// The code.
const CODE: u16 = 4;
/// References of the last codes, newest first.
const KNOWN: u16 = 5;
/// The last results, newest first.
const RESULTS: u16 = 6;

/// How many codes a result may still come for.
///
/// UNSPECIFIED: the phone may take a new code before the terminal's result arrives.
const KNOWN_MAX: usize = 4;
/// How many results are kept; the oldest makes room.
const RESULTS_MAX: usize = 10;

/// The volatile state of a selected instance.
#[derive(Default)]
pub(crate) struct Session {
    /// The challenge that was answered to the command before; any command takes it away.
    challenge: Option<Challenge>,
    /// Blocks of an update that is under way; any other command ends it.
    update: Option<Update>,
}

struct Update {
    challenge: Challenge,
    next: u8,
    whole: Vec<u8>,
}

/// Stages the first objects of a new instance. Parameters are a profile, or nothing.
pub(crate) fn install(ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
    if parameters.is_empty() {
        return Ok(());
    }
    put_profile(ctx, parameters)
}

/// Stages what personalisation data say.
pub(crate) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    for DataGroup { id, value } in groups {
        match *id {
            group::PROFILE => put_profile(ctx, value)?,
            group::UPDATE_KEY => put_key(ctx, UPDATE_KEY, value)?,
            group::RESULT_KEY => put_key(ctx, RESULT_KEY, value)?,
            group::CODE => {
                if value.is_empty() || value.len() > profile(ctx).code_len_max() {
                    return Err(StatusWord::WRONG_DATA.into());
                }
                put_code(ctx, value);
            }
            _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
        }
    }
    Ok(())
}

fn put_profile(ctx: &mut Context<'_>, bytes: &[u8]) -> Result<(), Halt> {
    let profile = Profile::decode(bytes).map_err(|_| StatusWord::WRONG_DATA)?;
    ctx.put(PROFILE, profile.encode());
    Ok(())
}

fn put_key(ctx: &mut Context<'_>, number: u16, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Halt> {
    if group::read_key(bytes).is_none() {
        return Err(StatusWord::WRONG_DATA.into());
    }
    ctx.put(number, bytes.as_slice());
    Ok(())
}

/// Stages a code and remembers that it was here; no bytes withdraw the one that is there.
fn put_code(ctx: &mut Context<'_>, code: &[u8]) {
    if code.is_empty() {
        ctx.remove(CODE);
        return;
    }
    let reference = code_reference(code);
    let known = ctx.get(KNOWN).unwrap_or_default().as_chunks::<8>().0;
    let others = known.iter().filter(|other| **other != reference);
    let known = core::iter::once(&reference)
        .chain(others)
        .take(KNOWN_MAX)
        .copied()
        .collect::<Vec<_>>()
        .concat();
    ctx.put(KNOWN, known);
    ctx.put(CODE, code);
}

fn profile(ctx: &Context<'_>) -> Profile {
    let stored = ctx.get(PROFILE);
    stored
        .and_then(|bytes| Profile::decode(bytes).ok())
        .unwrap_or_default()
}

fn key(ctx: &Context<'_>, number: u16) -> Result<BlockKey, Halt> {
    let key = ctx.get(number).and_then(group::read_key);
    key.ok_or_else(|| StatusWord::CONDITIONS.into())
}

/// Begins a session; the FCI carries the protocol's version.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let entry = ctx.registry.entry(ctx.owner).ok_or(StatusWord::NOT_FOUND)?;
    let fci = fci(&entry.aid, &entry.label, profile(ctx).version());
    Ok((Session::default(), Response::ok(fci)))
}

impl Session {
    /// Ends what only the next command could have gone on with.
    pub(crate) fn interrupt(&mut self) {
        self.challenge = None;
        self.update = None;
    }

    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        let (challenge, update) = (self.challenge.take(), self.update.take());
        let profile = profile(ctx);
        let (operation, command) = profile.undress(command)?;
        match operation {
            Operation::GetCode => get_code(ctx, &command),
            Operation::GetChallenge => {
                GetChallenge::from_command(&command)?;
                let challenge = ctx.random();
                self.challenge = Some(challenge);
                Ok(Response::ok(challenge))
            }
            Operation::UpdateCode => {
                let block = UpdateCode::from_command(&command)?;
                let key = key(ctx, UPDATE_KEY)?;
                let update = follow(challenge, update, &block)?;
                self.update_code(ctx, &profile, &key, update, &block)
            }
            Operation::PutResult => put_result(ctx, challenge, &command),
            Operation::ReadResult => {
                let ReadResult { number } = ReadResult::from_command(&command)?;
                let results = ctx.get(RESULTS).unwrap_or_default();
                let results = results.as_chunks::<{ RideResult::LEN }>().0;
                let result = results.get(usize::from(number) - 1);
                let result = result.ok_or(StatusWord::RECORD_NOT_FOUND)?;
                Ok(Response::ok(*result))
            }
        }
    }

    fn update_code(
        &mut self,
        ctx: &mut Context<'_>,
        profile: &Profile,
        key: &BlockKey,
        mut update: Update,
        block: &UpdateCode,
    ) -> Result<Response, Halt> {
        update.whole.extend(&block.part);
        if update.whole.len() > profile.code_len_max() + UpdateCode::OVERHEAD {
            return Err(StatusWord::NO_ROOM.into());
        }
        if !block.is_last {
            update.next = block.number.checked_add(1).ok_or(StatusWord::CONDITIONS)?;
            self.update = Some(update);
            return Ok(Response::ok([]));
        }
        let most = profile.code_len_max();
        let code = UpdateCode::open(key, &update.challenge, &update.whole, most);
        let code = code.map_err(|error| error.status())?;
        put_code(ctx, code);
        ctx.commit()?;
        Ok(Response::ok([]))
    }
}

/// The update that a block belongs to: the one under way, or a new one with its first block.
fn follow(
    challenge: Option<Challenge>,
    update: Option<Update>,
    block: &UpdateCode,
) -> Result<Update, Halt> {
    let update = match (update, challenge) {
        (Some(update), _) => update,
        (None, Some(challenge)) => Update {
            challenge,
            next: 0,
            whole: Vec::new(),
        },
        (None, None) => return Err(StatusWord::CONDITIONS.into()),
    };
    if block.number != update.next {
        return Err(StatusWord::CONDITIONS.into());
    }
    Ok(update)
}

fn get_code(ctx: &Context<'_>, command: &Command) -> Result<Response, Halt> {
    let GetCode = GetCode::from_command(command)?;
    if ctx.get(UPDATE_KEY).is_none() {
        return Err(StatusWord::CONDITIONS.into());
    }
    let code = ctx.get(CODE).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    Ok(Response::ok(code))
}

fn put_result(
    ctx: &mut Context<'_>,
    challenge: Option<Challenge>,
    command: &Command,
) -> Result<Response, Halt> {
    let put = PutResult::from_command(command)?;
    let key = key(ctx, RESULT_KEY)?;
    let challenge = challenge.ok_or(StatusWord::CONDITIONS)?;
    if !put.is_sealed(&key, &challenge) {
        return Err(StatusWord::SM_INCORRECT.into());
    }
    let known = ctx.get(KNOWN).unwrap_or_default().as_chunks::<8>().0;
    if !known.iter().any(|code| put.result.starts_with(code)) {
        return Err(StatusWord::REFERENCE_NOT_FOUND.into());
    }
    RideResult::decode(&put.result).map_err(|_| StatusWord::WRONG_DATA)?;
    let results = ctx.get(RESULTS).unwrap_or_default();
    let results = results.as_chunks::<{ RideResult::LEN }>().0;
    if results.contains(&put.result) {
        // A terminal that lost the answer asks again.
        return Ok(Response::ok([]));
    }
    let results = core::iter::once(&put.result)
        .chain(results)
        .take(RESULTS_MAX)
        .copied()
        .collect::<Vec<_>>()
        .concat();
    ctx.put(RESULTS, results);
    ctx.commit()?;
    Ok(Response::ok([]))
}

#[cfg(test)]
mod tests;

//! Challenge, authentication, PIN, secure messaging and locks.
//!
//! Whatever can be guessed is paid for before it is compared: the try, and the lock that the last
//! one brings, are a frame of their own. Whoever takes the power away at any write, because of
//! what the card does or how long it takes, has spent the try or has not been judged.
//!
//! UNSPECIFIED: no text says in which order a card counts and compares. The price is that power
//! lost in between costs an honest try too; after two wrong ones, that is the last.

use alloc::vec::Vec;

use subtle::ConstantTimeEq as _;
use tongtu_apdu::{Command, StatusWord};
use tongtu_crypto::BlockKey;
use tongtu_purse::command::{
    BlockApplication, ChangePin, ExternalAuthenticate, GetChallenge, InternalAuthenticate, Pin,
    ReloadPin, UnblockPin, VerifyPin,
};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Settings;
use tongtu_purse::{proof, secure};

use super::store::{self, Life, State, object};
use super::{Call, Session, fit};
use crate::context::{Context, Halt};
use crate::registry::CARD_BLOCKED;

/// The reference of the keys for authentication.
///
/// UNSPECIFIED: which references there are; ours is 01.
const AUTHENTICATION_KEY: u8 = 0x01;

/// A random that the card gave out; good for the next command.
pub(super) enum Challenge {
    /// For secure messaging.
    Short([u8; 4]),
    /// For external authentication; its first half serves secure messaging too.
    Long([u8; 8]),
}

impl Challenge {
    const fn short(&self) -> [u8; 4] {
        match self {
            Self::Short(random) => *random,
            Self::Long([a, b, c, d, ..]) => [*a, *b, *c, *d],
        }
    }
}

/// Which MACs are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// MAC1 and MAC2.
    Money,
    /// Secure messaging and RELOAD PIN.
    Messaging,
}

impl Count {
    const fn failures(self, state: &mut State) -> &mut u8 {
        match self {
            Self::Money => &mut state.money_failures,
            Self::Messaging => &mut state.secure_failures,
        }
    }

    const fn max(self, settings: &Settings) -> u8 {
        match self {
            Self::Money => settings.money_failures_max,
            Self::Messaging => settings.secure_failures_max,
        }
    }

    const fn refusal(self) -> StatusWord {
        match self {
            Self::Money => StatusWord::MAC_INVALID,
            Self::Messaging => StatusWord::SM_INCORRECT,
        }
    }
}

/// Judges a MAC. That it was wrong is written before it is compared, with the lock after too many;
/// a right one leaves `call.state` unlocked and uncounted, for whoever goes on to commit.
pub(super) fn judge(
    ctx: &mut Context<'_>,
    count: Count,
    call: &mut Call<'_>,
    is_right: impl FnOnce(&Command) -> bool,
) -> Result<(), Halt> {
    let mut failed = call.state.clone();
    let failures = count.failures(&mut failed);
    *failures = failures.saturating_add(1);
    let is_last = *failures >= count.max(&call.settings);
    if is_last {
        failed.set_life(Life::Locked);
    }
    failed.stage(ctx);
    ctx.commit()?;
    if is_right(call.command) {
        *count.failures(&mut call.state) = 0;
        return Ok(());
    }
    Err(Halt::Status(if is_last {
        StatusWord::PERMANENTLY_LOCKED
    } else {
        count.refusal()
    }))
}

/// INTERNAL AUTHENTICATE.
pub(super) fn internal(
    ctx: &Context<'_>,
    auth: &InternalAuthenticate,
    call: &Call<'_>,
) -> Result<Vec<u8>, Halt> {
    let key = authentication_key(ctx, KeyUse::Internal, auth.key, call)?;
    let answer = secure::cryptogram(&key, &auth.data);
    fit(call.command, answer.len())?;
    Ok(answer)
}

fn authentication_key(
    ctx: &Context<'_>,
    purpose: KeyUse,
    reference: u8,
    call: &Call<'_>,
) -> Result<BlockKey, Halt> {
    Some(reference)
        .filter(|reference| *reference == AUTHENTICATION_KEY)
        .and_then(|_| store::key(ctx, call.settings.default_set(), purpose, 1))
        .ok_or_else(|| StatusWord::KEY_INDEX.into())
}

/// The card's PIN, unless it has none.
fn stored_pin(ctx: &Context<'_>) -> Result<Pin, Halt> {
    ctx.get(object::PIN)
        .and_then(|pin| Pin::new(pin).ok())
        .ok_or_else(|| StatusWord::REFERENCE_NOT_FOUND.into())
}

impl Session {
    pub(super) fn get_challenge(&mut self, ctx: &mut Context<'_>, get: &GetChallenge) -> Vec<u8> {
        if get.long {
            let random = ctx.random();
            self.challenge = Some(Challenge::Long(random));
            random.to_vec()
        } else {
            let random = ctx.random();
            self.challenge = Some(Challenge::Short(random));
            random.to_vec()
        }
    }

    pub(super) fn external(
        &mut self,
        ctx: &mut Context<'_>,
        auth: &ExternalAuthenticate,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let block = call.settings.default_set().block_len();
        if auth.cryptogram.len() != block {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        let key = authentication_key(ctx, KeyUse::External, auth.key, &call)?;
        if call.state.external_left == 0 {
            return Err(StatusWord::AUTH_BLOCKED.into());
        }
        let Some(Challenge::Long(random)) = call.challenge else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let left = call.state.external_left - 1;
        call.state.external_left = left;
        call.state.stage(ctx);
        ctx.commit()?;
        self.externally_authenticated = false;
        let right = secure::cryptogram(&key, &random);
        if !bool::from(right.ct_eq(&auth.cryptogram)) {
            return Err(StatusWord::tries_left(left).into());
        }
        call.state.external_left = call.settings.external_tries;
        call.state.stage(ctx);
        ctx.commit()?;
        self.externally_authenticated = true;
        Ok(Vec::new())
    }

    /// Compares a PIN. The try is spent before the comparison: pulling the card out never saves
    /// one. What a right PIN gives back is for the caller to commit.
    fn check_pin(
        &mut self,
        ctx: &mut Context<'_>,
        pin: &Pin,
        call: &mut Call<'_>,
    ) -> Result<(), Halt> {
        let stored = stored_pin(ctx)?;
        let left = call.state.pin_left.checked_sub(1);
        let left = left.ok_or(StatusWord::AUTH_BLOCKED)?;
        call.state.pin_left = left;
        call.state.stage(ctx);
        ctx.commit()?;
        if stored != *pin {
            self.pin_verified = false;
            return Err(StatusWord::tries_left(left).into());
        }
        call.state.pin_left = call.settings.pin_tries;
        Ok(())
    }

    pub(super) fn verify_pin(
        &mut self,
        ctx: &mut Context<'_>,
        verify: &VerifyPin,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        self.check_pin(ctx, &verify.pin, &mut call)?;
        call.state.stage(ctx);
        ctx.commit()?;
        self.pin_verified = true;
        Ok(Vec::new())
    }

    pub(super) fn change_pin(
        &mut self,
        ctx: &mut Context<'_>,
        change: &ChangePin,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        self.check_pin(ctx, &change.old, &mut call)?;
        ctx.put(object::PIN, change.new.bytes());
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    /// Sets a PIN on the word of a key, with all its tries.
    fn set_pin(ctx: &mut Context<'_>, pin: &Pin, mut call: Call<'_>) -> Result<Vec<u8>, Halt> {
        ctx.put(object::PIN, pin.bytes());
        call.state.pin_left = call.settings.pin_tries;
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    pub(super) fn reload_pin(
        &mut self,
        ctx: &mut Context<'_>,
        reload: &ReloadPin,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        stored_pin(ctx)?;
        let algorithm = call.settings.default_set();
        let key = store::key(ctx, algorithm, KeyUse::ReloadPin, 1)
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        self.judge_mac(ctx, &mut call, |_| {
            let right = secure::reload_pin_mac(&key, reload.pin.bytes());
            proof::same(&right, &reload.mac)
        })?;
        Self::set_pin(ctx, &reload.pin, call)
    }

    pub(super) fn unblock_pin(
        &mut self,
        ctx: &mut Context<'_>,
        unblock: &UnblockPin,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let algorithm = call.settings.default_set();
        if unblock.enciphered.len() != algorithm.block_len() {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        stored_pin(ctx)?;
        let key = || {
            store::key(ctx, algorithm, KeyUse::UnblockPin, 1).ok_or(StatusWord::REFERENCE_NOT_FOUND)
        };
        let (for_mac, for_pin) = (key()?, key()?);
        self.check_mac(ctx, &[for_mac], &mut call)?;
        let pin = secure::decipher(&for_pin, &unblock.enciphered)
            .ok()
            .and_then(|pin| Pin::new(&pin).ok())
            .ok_or(StatusWord::WRONG_DATA)?;
        Self::set_pin(ctx, &pin, call)
    }

    /// Checks the MAC of the command at work with any of these keys.
    pub(super) fn check_mac(
        &mut self,
        ctx: &mut Context<'_>,
        keys: &[BlockKey],
        call: &mut Call<'_>,
    ) -> Result<(), Halt> {
        let challenge = call.challenge.take();
        self.judge_mac(ctx, call, |command| {
            challenge.is_some_and(|challenge| {
                let random = challenge.short();
                keys.iter().any(|key| secure::holds(key, &random, command))
            })
        })
    }

    /// Judges a MAC of secure messaging; a right one sets the count back whatever becomes of the
    /// command.
    fn judge_mac(
        &mut self,
        ctx: &mut Context<'_>,
        call: &mut Call<'_>,
        is_right: impl FnOnce(&Command) -> bool,
    ) -> Result<(), Halt> {
        judge(ctx, Count::Messaging, call, is_right)?;
        self.owed = Some(call.state.clone());
        Ok(())
    }

    /// Checks the MAC of a command under the maintenance key.
    fn maintained(&mut self, ctx: &mut Context<'_>, call: &mut Call<'_>) -> Result<(), Halt> {
        let key = store::key(ctx, call.settings.default_set(), KeyUse::Maintenance, 1);
        let keys: Vec<_> = key.into_iter().collect();
        self.check_mac(ctx, &keys, call)
    }

    pub(super) fn block(
        &mut self,
        ctx: &mut Context<'_>,
        block: &BlockApplication,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        self.maintained(ctx, &mut call)?;
        call.state.set_life(if block.permanently {
            Life::Locked
        } else {
            Life::Blocked
        });
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    pub(super) fn unblock(
        &mut self,
        ctx: &mut Context<'_>,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        if call.state.life() != Life::Blocked {
            return Err(StatusWord::CONDITIONS.into());
        }
        self.maintained(ctx, &mut call)?;
        call.state.set_life(Life::Open);
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    /// CARD BLOCK: from the next command on the card lets no application answer.
    pub(super) fn block_card(
        &mut self,
        ctx: &mut Context<'_>,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        self.maintained(ctx, &mut call)?;
        call.state.stage(ctx);
        ctx.put_of(CARD_BLOCKED, [1]);
        ctx.commit()?;
        Ok(Vec::new())
    }
}

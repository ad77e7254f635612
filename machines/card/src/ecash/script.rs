//! Issuer scripts (发卡行脚本): what an issuer changes after it was asked and answered.
//!
//! A script command runs when the transaction has a request cryptogram and the issuer's answer
//! was right. A wrong MAC ends the scripts of this transaction. Change, script counter and
//! load log are one commit.

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response, StatusWord, tlv};
use tongtu_crypto::BlockKey;
use tongtu_ecash::command::{
    ApplicationBlock, ApplicationUnblock, PinChange, PinChangeKind, PutData, UpdateRecord,
    protected,
};
use tongtu_ecash::log::LoadRecord;
use tongtu_ecash::{Amount, Dol, Values, cryptogram, element as dictionary, tag};

use super::state::{self, Counters, Flag, KeyRole};
use super::{Session, composite, not_blocked};
use crate::context::{Context, Halt};

/// Elements that PUT DATA may set.
const SETTABLE: &[tlv::Tag] = &[
    tag::BALANCE,
    tag::BALANCE_CAP,
    tag::SINGLE_LIMIT,
    tag::RESET_THRESHOLD,
    tag::CVM_LIMIT,
    tag::OFFSET_LIMIT,
    tag::ADDITIONAL_PROCESSING,
    tag::DEFAULT_ACTION,
];

impl Session {
    /// Checks state and MAC of a script command; the new script count is staged.
    fn authorise(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        mac: [u8; 4],
    ) -> Result<(u16, Values), Halt> {
        let mut counters = Counters::read(ctx);
        not_blocked(&counters)?;
        let asked = self.asked(ctx).ok_or(StatusWord::CONDITIONS)?;
        match *asked.issuer {
            Some(true) => {}
            Some(false) => return Err(StatusWord::SECURITY_STATUS.into()),
            None => return Err(StatusWord::CONDITIONS.into()),
        }
        let algorithm = state::algorithm(ctx);
        let key = state::key(ctx, algorithm, KeyRole::Mac).ok_or(StatusWord::CONDITIONS)?;
        if holds(command, mac, &key, asked.atc, &asked.request) {
            counters.scripts = counters.scripts.saturating_add(1).min(15);
            counters.stage(ctx);
            return Ok((asked.atc, asked.terminal.clone()));
        }
        *asked.issuer = Some(false);
        counters.set(Flag::ScriptFailed, true);
        counters.stage(ctx);
        ctx.commit()?;
        Err(StatusWord::SM_INCORRECT.into())
    }

    /// Ends a script command that does not hold although its MAC does.
    fn fail(ctx: &mut Context<'_>, sw: StatusWord) -> Result<Response, Halt> {
        ctx.discard();
        let mut counters = Counters::read(ctx);
        counters.set(Flag::ScriptFailed, true);
        counters.stage(ctx);
        ctx.commit()?;
        Err(sw.into())
    }

    /// PUT DATA: a new value; of the balance, a load.
    pub(super) fn put_data(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        put: &PutData,
    ) -> Result<Response, Halt> {
        let (atc, terminal) = self.authorise(ctx, command, put.mac)?;
        let known = dictionary::element(put.tag).filter(|_| SETTABLE.contains(&put.tag));
        let Some(known) = known else {
            return Self::fail(ctx, StatusWord::REFERENCE_NOT_FOUND);
        };
        if !known.fits(&put.value) {
            return Self::fail(ctx, StatusWord::WRONG_LENGTH);
        }
        if known.form == dictionary::Form::Money {
            let Ok(amount) = Amount::decode(&put.value) else {
                return Self::fail(ctx, StatusWord::WRONG_DATA);
            };
            if put.tag == tag::BALANCE {
                if amount > state::limit(ctx, tag::BALANCE_CAP) {
                    return Self::fail(ctx, StatusWord::WRONG_DATA);
                }
                load(ctx, amount, atc, terminal);
                ctx.commit()?;
                return Ok(Response::ok([]));
            }
        }
        ctx.put(state::element(put.tag), put.value.as_slice());
        ctx.commit()?;
        Ok(Response::ok([]))
    }

    /// UPDATE RECORD: a whole new record of the application.
    pub(super) fn update_record(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        update: &UpdateRecord,
    ) -> Result<Response, Halt> {
        self.authorise(ctx, command, update.mac)?;
        let is_log = state::log_of(update.sfi).is_some();
        if is_log || composite::file(ctx, update.sfi).is_some() {
            return Self::fail(ctx, StatusWord::FILE_TYPE);
        }
        let id = u16::from_be_bytes([update.sfi, update.number]);
        if ctx.get(id).is_none() || update.sfi > state::LAST_RECORD_FILE {
            let sw = if state::has_file(ctx, update.sfi) {
                StatusWord::RECORD_NOT_FOUND
            } else {
                StatusWord::NOT_FOUND
            };
            return Self::fail(ctx, sw);
        }
        match tlv::read(&update.record) {
            Ok((object, [])) if object.tag == tag::RECORD => {}
            _ => return Self::fail(ctx, StatusWord::WRONG_DATA),
        }
        ctx.put(id, update.record.as_slice());
        ctx.commit()?;
        Ok(Response::ok([]))
    }

    /// APPLICATION BLOCK.
    pub(super) fn block(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        block: ApplicationBlock,
    ) -> Result<Response, Halt> {
        self.authorise(ctx, command, block.mac)?;
        let mut counters = Counters::read(ctx);
        counters.set(Flag::Blocked, true);
        counters.stage(ctx);
        ctx.commit()?;
        Ok(Response::ok([]))
    }

    /// APPLICATION UNBLOCK.
    ///
    /// UNSPECIFIED: a blocked application makes no cryptogram, so its MAC is over the present
    /// counter and a request cryptogram of zeros, as public implementations send it; right or
    /// wrong, it costs a counter value before it is judged, so that none is used twice.
    pub(super) fn unblock(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        unblock: ApplicationUnblock,
    ) -> Result<Response, Halt> {
        let mut counters = Counters::read(ctx);
        if !counters.has(Flag::Blocked) || counters.atc == u16::MAX {
            return Err(StatusWord::CONDITIONS.into());
        }
        let algorithm = state::algorithm(ctx);
        let key = state::key(ctx, algorithm, KeyRole::Mac).ok_or(StatusWord::CONDITIONS)?;
        let atc = counters.atc;
        composite::spend_counter(ctx, &mut counters)?;
        if !holds(command, unblock.mac, &key, atc, &[0; 8]) {
            return Err(StatusWord::SM_INCORRECT.into());
        }
        counters.set(Flag::Blocked, false);
        counters.stage(ctx);
        ctx.commit()?;
        Ok(Response::ok([]))
    }

    /// PIN CHANGE/UNBLOCK.
    pub(super) fn change_pin(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
        change: &PinChange,
    ) -> Result<Response, Halt> {
        let (atc, _) = self.authorise(ctx, command, change.mac)?;
        let Some([_, limit]) = ctx.get(state::PIN_TRIES) else {
            return Self::fail(ctx, StatusWord::REFERENCE_NOT_FOUND);
        };
        let limit = *limit;
        if change.kind != PinChangeKind::Unblock {
            let algorithm = state::algorithm(ctx);
            let key = state::key_bytes(ctx, algorithm, KeyRole::Encipher)
                .ok_or(StatusWord::CONDITIONS)?;
            let old = (change.kind == PinChangeKind::ChangeWithOld)
                .then(|| present_pin(ctx))
                .flatten();
            let new = cryptogram::unwrap_pin(&key, algorithm, atc, &change.data, old.as_deref());
            let Some(block) = new.and_then(|pin| cryptogram::plain_pin_block(&pin)) else {
                return Self::fail(ctx, StatusWord::WRONG_DATA);
            };
            ctx.put(state::PIN, block);
        }
        ctx.put(state::PIN_TRIES, [limit, limit]);
        ctx.commit()?;
        Ok(Response::ok([]))
    }
}

/// The digits of the present PIN.
fn present_pin(ctx: &Context<'_>) -> Option<Vec<u8>> {
    let block = ctx.get(state::PIN)?.try_into().ok()?;
    cryptogram::read_pin_block(&block, 2)
}

fn holds(command: &Command, mac: [u8; 4], key: &BlockKey, atc: u16, request: &[u8; 8]) -> bool {
    protected(command).is_some_and(|parts| {
        let expected = cryptogram::script_mac(key, atc, request, parts.header, parts.data);
        tongtu_crypto::equal(&expected, &mac)
    })
}

/// Stages a new balance with its line in the load log.
///
/// UNSPECIFIED: what comes in first pays back the offset that segmented fares used, as a
/// completion does.
fn load(ctx: &mut Context<'_>, to: Amount, atc: u16, mut values: Values) {
    let (before, used) = (state::balance(ctx), state::offset_used(ctx));
    let back = to.minus(before).unwrap_or(Amount::ZERO).min(used);
    let after = to.minus(back).unwrap_or(to);
    state::set_balance(ctx, after);
    state::set_offset_used(ctx, used.minus(back).unwrap_or(used));
    values.insert(tag::ATC, atc.to_be_bytes().to_vec());
    let [.., p1, p2] = tag::BALANCE.value().to_be_bytes();
    let format = ctx.get(state::element(tag::LOAD_LOG_FORMAT));
    let format = Dol::parse(format.unwrap_or_default()).unwrap_or_default();
    let record = LoadRecord {
        tag: [p1, p2],
        before,
        after,
        values,
    };
    state::LOAD_LOG.push(ctx, record.encode(&format));
}

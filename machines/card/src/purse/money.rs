//! Balance, load, unload, purchase, composite purchase and proof.
//!
//! Every transaction has two halves: an initialisation that only answers and remembers in RAM,
//! and an end that spends a try and verifies a MAC, then commits value, sequence, detail, cached
//! records, proof and the try given back as one batch, and only then answers.
//!
//! UNSPECIFIED: an end whose MAC is right and whose Le is not is answered `6CXX`, which asks for
//! the same once more; so it keeps the transaction that was initialised.
//!
//! UNSPECIFIED: the balance that an initialisation answers, and that enters MAC1 and TAC of a
//! load, counts the overdraft limit in, as `805C 00` and the older text do.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_crypto::BlockKey;
use tongtu_purse::command::{
    BalanceKind, Debit, DebitAnswer, GetBalance, GetProof, LoadInit, PurchaseInit, Sfi, UpdateCache,
};
use tongtu_purse::field::{Amount, Balance, DateTime};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::Transaction;
use tongtu_purse::profile::{FileKind, FileSpec, KeyIndex, Settings, Wallet, WriteRight};
use tongtu_purse::proof::{self, Code, Deal};
use tongtu_types::Fen;

use super::access::{self, Count};
use super::store::{self, State, object};
use super::{Call, Session, file, fit};
use crate::context::{Context, Halt};

/// How many records one composite purchase may write.
const CACHE_MAX: usize = 16;

/// Every field of our answers is as wide as its value.
const WIDE: &str = "every field is as wide as its value";

/// Which transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Load,
    Unload,
    Purchase,
    Composite,
}

impl What {
    const fn is_online(self) -> bool {
        matches!(self, Self::Load | Self::Unload)
    }

    const fn key_use(self) -> KeyUse {
        match self {
            Self::Load => KeyUse::Load,
            Self::Unload => KeyUse::Unload,
            Self::Purchase | Self::Composite => KeyUse::Purchase,
        }
    }
}

/// An initialised transaction, in RAM only.
pub(super) struct Started {
    what: What,
    row: KeyIndex,
    key: BlockKey,
    deal: Deal,
    random: [u8; 4],
    sequence: u16,
    cache: Vec<Cached>,
}

/// One record waiting for its debit.
struct Cached {
    spec: FileSpec,
    /// Number of the record; none is a new one of a cyclic file.
    number: Option<u8>,
    data: Vec<u8>,
}

/// What can be spent from a wallet, and how much of that is its overdraft limit.
fn spendable(state: &State, settings: &Settings, wallet: Wallet) -> Amount {
    let sum = match wallet {
        Wallet::Purse => state.value().get() + settings.overdraft.fen().get(),
        Wallet::Ticket => i64::from(state.ticket),
    };
    Amount::from_fen(Fen::new(sum.max(0))).unwrap_or(Amount::new(u32::MAX))
}

/// The same as a balance that enters answers and MACs.
fn shown(state: &State, settings: &Settings, wallet: Wallet) -> Balance {
    Balance::from_bytes(spendable(state, settings, wallet).bytes())
}

/// GET BALANCE.
pub(super) fn balance(get: &GetBalance, call: &Call<'_>) -> Result<Vec<u8>, Halt> {
    if call.settings.balance_kinds & 1 << get.kind.p1() == 0 {
        return Err(StatusWord::WRONG_P1P2.into());
    }
    fit(call.command, 4)?;
    let own = call.state.value().get();
    let limit = call.settings.overdraft.fen().get();
    let fen = match get.kind {
        BalanceKind::Spendable => own + limit,
        BalanceKind::Limit => limit,
        BalanceKind::Overdrawn => -own,
        BalanceKind::Real => own,
    };
    let amount = Amount::from_fen(Fen::new(fen.max(0))).unwrap_or(Amount::new(u32::MAX));
    Ok(amount.bytes().to_vec())
}

/// Whether the amount can be moved.
fn allowed(
    what: What,
    deal: &Deal,
    wallet: Wallet,
    call: &Call<'_>,
    ticket_max: u32,
) -> Result<(), Halt> {
    let amount = i64::from(deal.amount.get());
    let (there, limit, max) = match wallet {
        Wallet::Purse => (
            call.state.value().get(),
            call.settings.overdraft.fen().get(),
            call.settings.balance_max.fen().get(),
        ),
        Wallet::Ticket => (i64::from(call.state.ticket), 0, i64::from(ticket_max)),
    };
    match what {
        What::Load if amount == 0 && call.settings.zero_load != 1 => {
            Err(StatusWord::WRONG_DATA.into())
        }
        What::Load if there + amount > max => Err(StatusWord::CONDITIONS.into()),
        What::Unload if amount > there => Err(StatusWord::INSUFFICIENT.into()),
        What::Purchase | What::Composite if amount > there + limit => {
            Err(StatusWord::INSUFFICIENT.into())
        }
        _ => Ok(()),
    }
}

impl Session {
    /// INITIALIZE FOR LOAD, UNLOAD, PURCHASE and CAPP PURCHASE.
    pub(super) fn initialise(
        &mut self,
        ctx: &mut Context<'_>,
        what: What,
        key_index: u8,
        deal: Deal,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        if what.is_online() && call.settings.pin_for_load == 1 && !self.pin_verified {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        let sequence = if what.is_online() {
            call.state.online
        } else {
            call.state.offline
        };
        if sequence == u16::MAX {
            return Err(StatusWord::COUNTER_AT_MAX.into());
        }
        let row = store::index(ctx, key_index).ok_or(StatusWord::KEY_INDEX)?;
        let key = store::key(ctx, row.algorithm, what.key_use(), row.slot)
            .ok_or(StatusWord::KEY_INDEX)?;
        store::key(ctx, row.algorithm, KeyUse::Tac, 1).ok_or(StatusWord::KEY_INDEX)?;
        let ticket_max = ctx.get(object::TICKET_MAX).and_then(<[u8]>::first_chunk);
        let ticket_max = match (row.wallet, ticket_max) {
            (Wallet::Ticket, None) => return Err(StatusWord::KEY_INDEX.into()),
            (_, max) => max.map_or(0, |max| u32::from_be_bytes(*max)),
        };
        allowed(what, &deal, row.wallet, call, ticket_max)?;

        let balance = shown(&call.state, &call.settings, row.wallet);
        let algorithm = call.settings.algorithm_id(row.algorithm);
        let random = ctx.random();
        let answer = if what.is_online() {
            let session = proof::load_session(&key, random, sequence);
            LoadInit {
                balance,
                sequence,
                key_version: row.version,
                algorithm,
                random,
                mac1: deal.load_mac1(&session, balance),
            }
            .encode()
        } else {
            PurchaseInit {
                balance,
                sequence,
                overdraft: call.settings.overdraft,
                key_version: row.version,
                algorithm,
                random,
            }
            .encode()
        }
        .expect(WIDE);
        fit(call.command, answer.len())?;
        self.started = Some(Started {
            what,
            row,
            key,
            deal,
            random,
            sequence,
            cache: Vec::new(),
        });
        Ok(answer)
    }

    /// UPDATE CAPP DATA CACHE.
    pub(super) fn cache(
        &mut self,
        ctx: &Context<'_>,
        update: UpdateCache,
        call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let mut started = call
            .started
            .filter(|started| started.what == What::Composite)
            .ok_or(StatusWord::CONDITIONS)?;
        let spec = store::file(ctx, update.sfi)
            .filter(|spec| spec.write.allows(WriteRight::CACHE))
            .ok_or(StatusWord::NOT_FOUND)?;
        let number = place(ctx, &spec, &update)?;
        if started.cache.len() == CACHE_MAX {
            return Err(StatusWord::NO_ROOM.into());
        }
        started.cache.push(Cached {
            spec,
            number,
            data: update.data,
        });
        self.started = Some(started);
        Ok(Vec::new())
    }
}

/// The record that a cache update is for; none for a new one of a cyclic file.
fn place(ctx: &Context<'_>, spec: &FileSpec, update: &UpdateCache) -> Result<Option<u8>, Halt> {
    let max = usize::from(spec.record_max);
    if spec.kind == FileKind::Cyclic {
        if update.record != 0 {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        return if update.data.len() == max {
            Ok(None)
        } else {
            Err(StatusWord::WRONG_LENGTH.into())
        };
    }
    if update.data.len() > max {
        return Err(StatusWord::WRONG_LENGTH.into());
    }
    let there = |number| file::record(ctx, spec, number);
    if spec.sfi != Sfi::COMPOSITE {
        return match there(update.record) {
            Some(_) => Ok(Some(update.record)),
            None => Err(StatusWord::RECORD_NOT_FOUND.into()),
        };
    }
    // By the id in the data; failing that by P1, where a blank record takes any id.
    let (id, rest) = update
        .data
        .split_first_chunk::<2>()
        .ok_or(StatusWord::WRONG_DATA)?;
    let by_id = file::position(ctx, spec, |record| record.starts_with(id));
    let number = match by_id {
        Some(number) => number,
        None => match there(update.record) {
            None => return Err(StatusWord::RECORD_NOT_FOUND.into()),
            Some([0, 0, ..]) => update.record,
            Some(_) => return Err(StatusWord::WRONG_DATA.into()),
        },
    };
    let old = there(number).ok_or(StatusWord::RECORD_NOT_FOUND)?;
    let stated = rest.first().map(|len| usize::from(*len) + 3);
    if update.data.len() != old.len() || stated != Some(old.len()) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    // The lock flag (互联互通应用锁定标志) is opened by an update with a key, not by a ride.
    if old.get(5) == Some(&1) {
        return Err(StatusWord::CONDITIONS.into());
    }
    Ok(Some(number))
}

/// Whether nothing moved the value since the transaction was initialised.
///
/// UNSPECIFIED: two logical channels may each have initialised one. The one that ends second
/// would spend a balance that is no longer there, under a sequence that is used up: `6985`.
fn still_holds(ctx: &Context<'_>, started: &Started, call: &Call<'_>) -> Result<(), Halt> {
    let sequence = if started.what.is_online() {
        call.state.online
    } else {
        call.state.offline
    };
    let ticket_max = ctx.get(object::TICKET_MAX).and_then(<[u8]>::first_chunk);
    let ticket_max = ticket_max.map_or(0, |max| u32::from_be_bytes(*max));
    let allowed = allowed(
        started.what,
        &started.deal,
        started.row.wallet,
        call,
        ticket_max,
    );
    if sequence == started.sequence && allowed.is_ok() {
        Ok(())
    } else {
        Err(StatusWord::CONDITIONS.into())
    }
}

/// Judges MAC1 of a purchase or MAC2 of a load or unload, under the key and over the text that
/// `expected` says. A command with a right MAC that is refused for something else leaves the count
/// as it was.
fn judge(
    session: &mut Session,
    ctx: &mut Context<'_>,
    call: &mut Call<'_>,
    mac: &Code,
    expected: impl FnOnce() -> Code,
) -> Result<(), Halt> {
    let before = call.state.clone();
    access::judge(ctx, Count::Money, call, |_| proof::same(&expected(), mac))?;
    session.owed = Some(before);
    Ok(())
}

/// Moves the amount in the wallet.
fn move_value(state: &mut State, started: &Started) {
    let amount = i64::from(started.deal.amount.get());
    let signed = match started.what {
        What::Load => amount,
        _ => -amount,
    };
    match started.row.wallet {
        Wallet::Purse => state.set_value(Fen::new(state.value().get() + signed)),
        Wallet::Ticket => {
            let sum = i64::from(state.ticket) + signed;
            state.ticket = u32::try_from(sum).expect("checked when it was initialised");
        }
    }
}

/// Stages state, detail and proof, and commits them with whatever else is staged.
fn commit(
    ctx: &mut Context<'_>,
    call: &Call<'_>,
    started: &Started,
    at: DateTime,
    [mac2, tac]: [Code; 2],
) -> Result<(), Halt> {
    let sequence = started.sequence + 1;
    if let Some(spec) = store::file(ctx, Sfi::TRANSACTIONS) {
        let detail = Transaction {
            sequence,
            overdraft: call.settings.overdraft,
            amount: started.deal.amount,
            kind: started.deal.kind,
            terminal: started.deal.terminal,
            at,
        };
        file::append(ctx, &spec, detail.encode().expect(WIDE))?;
    }
    let proof = [
        &[started.deal.kind.0][..],
        &sequence.to_be_bytes(),
        &mac2,
        &tac,
    ]
    .concat();
    ctx.put(object::PROOF, proof);
    call.state.stage(ctx);
    ctx.commit()
}

/// CREDIT FOR LOAD and DEBIT FOR UNLOAD.
pub(super) fn finish_online(
    session: &mut Session,
    ctx: &mut Context<'_>,
    what: What,
    at: DateTime,
    mac2: &Code,
    mut call: Call<'_>,
) -> Result<Vec<u8>, Halt> {
    let started = call
        .started
        .take()
        .filter(|started| started.what == what)
        .ok_or(StatusWord::CONDITIONS)?;
    still_holds(ctx, &started, &call)?;
    let key = proof::load_session(&started.key, started.random, started.sequence);
    judge(session, ctx, &mut call, mac2, || {
        started.deal.load_mac2(&key, at)
    })?;
    if let Err(halt) = fit(call.command, 4) {
        session.started = Some(started);
        return Err(halt);
    }
    call.state.online = started.sequence + 1;
    move_value(&mut call.state, &started);
    let after = shown(&call.state, &call.settings, started.row.wallet);
    let code = match what {
        What::Load => {
            let tac = store::key(ctx, started.row.algorithm, KeyUse::Tac, 1)
                .ok_or(StatusWord::KEY_INDEX)?;
            started.deal.load_tac(&tac, after, started.sequence, at)
        }
        _ => started.deal.unload_mac3(&key, after, started.sequence, at),
    };
    commit(ctx, &call, &started, at, [*mac2, code])?;
    Ok(code.to_vec())
}

/// DEBIT FOR PURCHASE and FOR CAPP PURCHASE.
pub(super) fn debit(
    session: &mut Session,
    ctx: &mut Context<'_>,
    debit: &Debit,
    mut call: Call<'_>,
) -> Result<Vec<u8>, Halt> {
    let mut started = call
        .started
        .take()
        .filter(|started| !started.what.is_online())
        .ok_or(StatusWord::CONDITIONS)?;
    still_holds(ctx, &started, &call)?;
    let key = proof::purchase_session(
        &started.key,
        started.random,
        started.sequence,
        debit.terminal_sequence,
    );
    judge(session, ctx, &mut call, &debit.mac1, || {
        started.deal.purchase_mac1(&key, debit.at)
    })?;
    if let Err(halt) = fit(call.command, 8) {
        session.started = Some(started);
        return Err(halt);
    }
    let tac_key =
        store::key(ctx, started.row.algorithm, KeyUse::Tac, 1).ok_or(StatusWord::KEY_INDEX)?;
    call.state.offline = started.sequence + 1;
    move_value(&mut call.state, &started);
    let answer = DebitAnswer {
        tac: started
            .deal
            .purchase_tac(&tac_key, debit.terminal_sequence, debit.at),
        mac2: started.deal.purchase_mac2(&key),
    };
    for Cached { spec, number, data } in core::mem::take(&mut started.cache) {
        match number {
            Some(number) => file::replace(ctx, &spec, number, data),
            None => file::append(ctx, &spec, data)?,
        }
    }
    commit(ctx, &call, &started, debit.at, [answer.mac2, answer.tac])?;
    Ok(answer.encode().expect(WIDE))
}

/// GET TRANSACTION PROVE.
///
/// UNSPECIFIED: what it says of an unload; we answer the host's MAC2 and our MAC3.
pub(super) fn proof(ctx: &Context<'_>, get: &GetProof, call: &Call<'_>) -> Result<Vec<u8>, Halt> {
    let codes = match ctx.get(object::PROOF) {
        Some([kind, high, low, codes @ ..])
            if *kind == get.kind.0 && u16::from_be_bytes([*high, *low]) == get.sequence =>
        {
            codes.to_vec()
        }
        _ => return Err(StatusWord::NO_PROOF.into()),
    };
    fit(call.command, codes.len())?;
    Ok(codes)
}

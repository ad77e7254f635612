//! Files of the purse: reading, and updating by whoever may.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_crypto::BlockKey;
use tongtu_purse::command::{
    AppendRecord, ReadBinary, ReadRecord, RecordBy, Sfi, UpdateBinary, UpdateRecord,
};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::{FileKind, FileSpec, ReadRight, WriteRight};

use super::store::{self, object};
use super::{Call, Session, fit};
use crate::context::{Context, Halt};

/// How many records there are, and the place of the next.
fn head(ctx: &Context<'_>, sfi: Sfi) -> (u8, u8) {
    match ctx.get(object::head(sfi)) {
        Some([count, next]) => (*count, *next),
        _ => (0, 0),
    }
}

/// The place of a record by number, from 1; of a cyclic file 1 is the newest.
fn slot(ctx: &Context<'_>, spec: &FileSpec, number: u8) -> Option<u8> {
    let (count, next) = head(ctx, spec.sfi);
    if number == 0 || number > count {
        return None;
    }
    match spec.kind {
        FileKind::Cyclic => {
            let room = spec.record_count();
            Some(match next.checked_sub(number) {
                Some(slot) => slot,
                None => room - (number - next),
            })
        }
        _ => Some(number - 1),
    }
}

/// A record by number, from 1.
pub(super) fn record<'a>(ctx: &'a Context<'_>, spec: &FileSpec, number: u8) -> Option<&'a [u8]> {
    ctx.get(object::record(spec.sfi, slot(ctx, spec, number)?))
}

/// The number of the first record for which this holds.
pub(super) fn position(
    ctx: &Context<'_>,
    spec: &FileSpec,
    mut holds: impl FnMut(&[u8]) -> bool,
) -> Option<u8> {
    let (count, _) = head(ctx, spec.sfi);
    (1..=count).find(|number| record(ctx, spec, *number).is_some_and(&mut holds))
}

/// Stages a record over an old one.
pub(super) fn replace(ctx: &mut Context<'_>, spec: &FileSpec, number: u8, data: Vec<u8>) {
    if let Some(slot) = slot(ctx, spec, number) {
        ctx.put(object::record(spec.sfi, slot), data);
    }
}

/// Stages a further record: the newest of a cyclic file, the last of a linear one.
pub(super) fn append(ctx: &mut Context<'_>, spec: &FileSpec, data: Vec<u8>) -> Result<(), Halt> {
    let (count, next) = head(ctx, spec.sfi);
    let room = spec.record_count();
    let (slot, head) = match spec.kind {
        FileKind::Transparent => return Err(StatusWord::FILE_TYPE.into()),
        FileKind::Linear if count >= room => return Err(StatusWord::NO_ROOM.into()),
        FileKind::Linear => (count, [count + 1, 0]),
        FileKind::Cyclic => {
            let after = if next + 1 >= room { 0 } else { next + 1 };
            (next, [(count + 1).min(room), after])
        }
    };
    ctx.put(object::record(spec.sfi, slot), data);
    ctx.put(object::head(spec.sfi), head);
    Ok(())
}

/// The file, if it is of records or not, as asked.
fn find(ctx: &Context<'_>, sfi: Sfi, transparent: bool) -> Result<FileSpec, Halt> {
    let spec = store::file(ctx, sfi).ok_or(StatusWord::NOT_FOUND)?;
    if (spec.kind == FileKind::Transparent) == transparent {
        Ok(spec)
    } else {
        Err(StatusWord::FILE_TYPE.into())
    }
}

/// The number of the record that a command names.
fn number(ctx: &Context<'_>, spec: &FileSpec, by: RecordBy) -> Result<u8, Halt> {
    let found = match by {
        RecordBy::Number(number) => slot(ctx, spec, number).map(|_| number),
        RecordBy::Id(id) => position(ctx, spec, |record| record.get(1) == Some(&id)),
    };
    found.ok_or_else(|| StatusWord::RECORD_NOT_FOUND.into())
}

impl Session {
    fn may_read(&self, spec: &FileSpec) -> Result<(), Halt> {
        let right = spec.read;
        let refused = right.asks(ReadRight::NEVER)
            || right.asks(ReadRight::PIN) && !self.pin_verified
            || right.asks(ReadRight::EXTERNAL) && !self.externally_authenticated;
        if refused {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        Ok(())
    }

    /// Whether a command may write a file; looks at its MAC if it has one.
    fn may_write(
        &mut self,
        ctx: &mut Context<'_>,
        spec: &FileSpec,
        has_mac: bool,
        call: &mut Call<'_>,
    ) -> Result<(), Halt> {
        if !has_mac {
            return if spec.write.allows(WriteRight::FREE) {
                Ok(())
            } else {
                Err(StatusWord::SECURITY_STATUS.into())
            };
        }
        let algorithm = call.settings.default_set();
        let keys: Vec<BlockKey> = [
            (WriteRight::SECURE, KeyUse::Maintenance),
            (WriteRight::QUICK, KeyUse::QuickUpdate),
        ]
        .into_iter()
        .filter(|(right, _)| spec.write.allows(*right))
        .filter_map(|(_, purpose)| store::key(ctx, algorithm, purpose, 1))
        .collect();
        if keys.is_empty() {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        self.check_mac(ctx, &keys, call)
    }

    pub(super) fn read_binary(
        &self,
        ctx: &Context<'_>,
        read: &ReadBinary,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let spec = find(ctx, read.sfi, true)?;
        self.may_read(&spec)?;
        let rest = ctx
            .get(object::transparent(read.sfi))
            .and_then(|bytes| bytes.get(usize::from(read.offset)..))
            .filter(|rest| !rest.is_empty())
            .ok_or(StatusWord::WRONG_OFFSET)?;
        if read.le.byte() == 0 {
            return Ok(rest.to_vec());
        }
        match rest.get(..read.le.max()) {
            Some(part) => Ok(part.to_vec()),
            None => fit(call.command, rest.len()).map(|()| Vec::new()),
        }
    }

    pub(super) fn read_record(
        &self,
        ctx: &Context<'_>,
        read: &ReadRecord,
        call: &Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let spec = find(ctx, read.sfi, false)?;
        self.may_read(&spec)?;
        let number = number(ctx, &spec, read.record)?;
        let record = record(ctx, &spec, number).ok_or(StatusWord::RECORD_NOT_FOUND)?;
        fit(call.command, record.len())?;
        Ok(record.to_vec())
    }

    pub(super) fn update_binary(
        &mut self,
        ctx: &mut Context<'_>,
        update: &UpdateBinary,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let spec = find(ctx, update.sfi, true)?;
        self.may_write(ctx, &spec, update.mac.is_some(), &mut call)?;
        let from = usize::from(update.offset);
        let mut bytes = ctx
            .get(object::transparent(update.sfi))
            .ok_or(StatusWord::WRONG_OFFSET)?
            .to_vec();
        bytes
            .get_mut(from..from + update.data.len())
            .ok_or(StatusWord::WRONG_OFFSET)?
            .copy_from_slice(&update.data);
        ctx.put(object::transparent(update.sfi), bytes);
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    pub(super) fn update_record(
        &mut self,
        ctx: &mut Context<'_>,
        update: &UpdateRecord,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let spec = find(ctx, update.sfi, false)?;
        if spec.kind == FileKind::Cyclic {
            return Err(StatusWord::FILE_TYPE.into());
        }
        let number = number(ctx, &spec, update.record)?;
        self.may_write(ctx, &spec, update.mac.is_some(), &mut call)?;
        if update.data.len() > usize::from(spec.record_max) {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        replace(ctx, &spec, number, update.data.clone());
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }

    pub(super) fn append_record(
        &mut self,
        ctx: &mut Context<'_>,
        append_record: AppendRecord,
        mut call: Call<'_>,
    ) -> Result<Vec<u8>, Halt> {
        let spec = find(ctx, append_record.sfi, false)?;
        self.may_write(ctx, &spec, append_record.mac.is_some(), &mut call)?;
        let max = usize::from(spec.record_max);
        let fits = match spec.kind {
            FileKind::Cyclic => append_record.data.len() == max,
            _ => append_record.data.len() <= max,
        };
        if !fits {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        append(ctx, &spec, append_record.data)?;
        call.state.stage(ctx);
        ctx.commit()?;
        Ok(Vec::new())
    }
}

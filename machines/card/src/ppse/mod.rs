//! The directory of contactless applications (PPSE, 近距离支付系统环境).
//!
//! It has no state: SELECT answers what the registry says at that moment, so that installing,
//! deleting, locking and a change of priority show at once. Here: which entries are listed.
//! Not here: the directory's bytes (`tongtu-purse`).

use alloc::vec::Vec;

use tongtu_apdu::{Command, Response, StatusWord};
use tongtu_purse::fci::{Directory, DirectoryEntry};

use crate::context::{Context, DataGroup, Halt};
use crate::registry::AppletKind;
use crate::registry::{Entry, Registry};

/// The longest answer that comes without GET RESPONSE.
///
/// UNSPECIFIED: terminals of this field do not fetch the rest of a directory, so entries that
/// do not fit are left out whole, lowest priority first.
const FCI_LEN_MAX: usize = 256;

/// The volatile state of a selected instance: none.
pub(crate) struct Session;

/// Stages the first objects of a new instance: none. Parameters mean nothing here.
pub(crate) fn install(_ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
    if !parameters.is_empty() {
        return Err(StatusWord::WRONG_DATA.into());
    }
    Ok(())
}

/// Stages what personalisation data say: there is nothing to personalise.
pub(crate) fn personalise(_ctx: &mut Context<'_>, _groups: &[DataGroup]) -> Result<(), Halt> {
    Err(StatusWord::CONDITIONS.into())
}

/// Begins a session; the answer is the directory as it is now.
///
/// UNSPECIFIED: a card that offers nothing answers an empty directory, not "not found"; the
/// directory itself is there.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    Ok((Session, Response::ok(fci(ctx.registry))))
}

impl Session {
    /// Handles one command: after SELECT the directory has nothing to say.
    pub(crate) fn process(
        &mut self,
        _ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        Err(match command.cla {
            0x00 | 0x80 => StatusWord::INS_NOT_SUPPORTED.into(),
            _ => StatusWord::CLA_NOT_SUPPORTED.into(),
        })
    }
}

/// The directory's bytes, as many entries as one answer carries.
fn fci(registry: &Registry) -> Vec<u8> {
    let entries = registry.entries.iter().filter(|entry| is_listed(entry));
    let mut entries: Vec<_> = entries
        .map(|entry| DirectoryEntry {
            aid: entry.aid,
            label: entry.label.clone(),
            priority: entry.priority,
        })
        .collect();
    entries.sort_by_key(|entry| match entry.priority & 0x0F {
        0 => u8::MAX,
        rank => rank,
    });
    loop {
        let fci = Directory {
            entries: entries.clone(),
        }
        .encode();
        if fci.len() <= FCI_LEN_MAX || entries.pop().is_none() {
            return fci;
        }
    }
}

/// Whether an application is offered: it has a label, and can be selected now (GP 2.3.1 §5.3:
/// SELECTABLE or a state of its own above it, not INSTALLED only, not LOCKED).
fn is_listed(entry: &Entry) -> bool {
    let is_application = !matches!(entry.kind, AppletKind::Domain | AppletKind::Ppse);
    is_application && !entry.label.is_empty() && entry.state & 0x87 == 0x07
}

#[cfg(test)]
mod tests;

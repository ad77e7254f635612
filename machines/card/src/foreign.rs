//! Applets of load files that were made for another runtime.
//!
//! The card keeps their bytes, installs, selects, locks and deletes them like any other, and
//! runs none of their code: every command but SELECT is answered `6D00`.

use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{Command, Response, StatusWord};

use crate::context::{Context, DataGroup, Halt};

/// The volatile state of a selected instance: none.
pub(crate) struct Session;

/// Stages the first objects of a new instance: none. Parameters mean nothing here.
pub(crate) fn install(_ctx: &mut Context<'_>, _parameters: &[u8]) -> Result<(), Halt> {
    Ok(())
}

/// Stages what personalisation data say: nobody is there to read them.
pub(crate) fn personalise(_ctx: &mut Context<'_>, _groups: &[DataGroup]) -> Result<(), Halt> {
    Err(StatusWord::FUNCTION_NOT_SUPPORTED.into())
}

/// Begins a session; the answer is an FCI with the AID.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let entry = ctx.registry.entry(ctx.owner).ok_or(StatusWord::NOT_FOUND)?;
    let mut fci = tlv::object(Tag::new(0x84), entry.aid.as_bytes());
    tlv::write(Tag::new(0xA5), &[], &mut fci);
    Ok((Session, Response::ok(tlv::object(Tag::new(0x6F), &fci))))
}

impl Session {
    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        _ctx: &mut Context<'_>,
        _command: &Command,
    ) -> Result<Response, Halt> {
        Err(StatusWord::INS_NOT_SUPPORTED.into())
    }
}

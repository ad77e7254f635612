//! The identity application (身份认证应用) on the card.

use tongtu_apdu::{Command, Response, StatusWord};

use crate::applet::{Context, DataGroup, Halt};

/// The volatile state of a selected instance.
pub(crate) struct Session;

/// Stages the first objects of a new instance.
pub(crate) fn install(_ctx: &mut Context<'_>, _parameters: &[u8]) -> Result<(), Halt> {
    Ok(())
}

/// Stages what personalisation data say.
pub(crate) fn personalise(_ctx: &mut Context<'_>, _groups: &[DataGroup]) -> Result<(), Halt> {
    Err(StatusWord::CONDITIONS.into())
}

/// Begins a session.
pub(crate) fn select(_ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    Ok((Session, Response::ok([])))
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

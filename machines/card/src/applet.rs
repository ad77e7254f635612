//! What an applet is to the card: code without memory of its own.
//!
//! Here: the one place that knows every built-in applet, and the volatile state of a selected one
//! ([`Session`]). What an applet may touch is in `context.rs`. An applet is a module with five
//! items of these shapes:
//!
//! ```text
//! install(ctx, parameters)   -> Result<(), Halt>                 stages its first objects
//! personalise(ctx, groups)   -> Result<(), Halt>                 stages what the groups say
//! select(ctx)                -> Result<(Session, Response), Halt>
//! Session::process(ctx, cmd) -> Result<Response, Halt>
//! Session                                                        gone at reset and re-selection
//! ```
//!
//! `install` and `personalise` stage and do not commit: the caller commits them with the
//! registry's change as one batch. In `process` the applet commits itself, once per command.

use alloc::boxed::Box;

use tongtu_apdu::{Command, Response};

use crate::context::{Context, DataGroup, Halt};
use crate::registry::AppletKind;
use crate::{domain, ecash, foreign, identity, ppse, purse, ride_code};

/// The volatile state of a selected applet: gone at reset and at the next selection.
pub(crate) enum Session {
    Domain(Box<domain::Session>),
    Purse(purse::Session),
    Ecash(ecash::Session),
    RideCode(ride_code::Session),
    Identity(identity::Session),
    Ppse(ppse::Session),
    Foreign(foreign::Session),
}

impl AppletKind {
    /// Stages the first objects of a new instance.
    pub(crate) fn install(self, ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
        match self {
            Self::Domain => domain::install(ctx, parameters),
            Self::Purse => purse::install(ctx, parameters),
            Self::Ecash => ecash::install(ctx, parameters),
            Self::RideCode => ride_code::install(ctx, parameters),
            Self::Identity => identity::install(ctx, parameters),
            Self::Ppse => ppse::install(ctx, parameters),
            Self::Foreign => foreign::install(ctx, parameters),
        }
    }

    /// Stages what personalisation data say.
    pub(crate) fn personalise(
        self,
        ctx: &mut Context<'_>,
        groups: &[DataGroup],
    ) -> Result<(), Halt> {
        match self {
            Self::Domain => domain::personalise(ctx, groups),
            Self::Purse => purse::personalise(ctx, groups),
            Self::Ecash => ecash::personalise(ctx, groups),
            Self::RideCode => ride_code::personalise(ctx, groups),
            Self::Identity => identity::personalise(ctx, groups),
            Self::Ppse => ppse::personalise(ctx, groups),
            Self::Foreign => foreign::personalise(ctx, groups),
        }
    }

    /// Begins a session; the response carries FCI and the status word of the selection.
    pub(crate) fn select(self, ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
        Ok(match self {
            Self::Domain => {
                let (session, response) = domain::select(ctx)?;
                (Session::Domain(Box::new(session)), response)
            }
            Self::Purse => {
                let (session, response) = purse::select(ctx)?;
                (Session::Purse(session), response)
            }
            Self::Ecash => {
                let (session, response) = ecash::select(ctx)?;
                (Session::Ecash(session), response)
            }
            Self::RideCode => {
                let (session, response) = ride_code::select(ctx)?;
                (Session::RideCode(session), response)
            }
            Self::Identity => {
                let (session, response) = identity::select(ctx)?;
                (Session::Identity(session), response)
            }
            Self::Ppse => {
                let (session, response) = ppse::select(ctx)?;
                (Session::Ppse(session), response)
            }
            Self::Foreign => {
                let (session, response) = foreign::select(ctx)?;
                (Session::Foreign(session), response)
            }
        })
    }
}

impl Session {
    /// A command on this channel went past the applet: what only the next command could have
    /// gone on with is over.
    pub(crate) fn interrupt(&mut self) {
        match self {
            Self::Purse(session) => session.interrupt(),
            Self::RideCode(session) => session.interrupt(),
            _ => {}
        }
    }

    /// Handles one command on the session's applet.
    ///
    /// The class byte has its channel bits cleared: `00`, `80`, `04` or `84`.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        match self {
            Self::Domain(session) => session.process(ctx, command),
            Self::Purse(session) => session.process(ctx, command),
            Self::Ecash(session) => session.process(ctx, command),
            Self::RideCode(session) => session.process(ctx, command),
            Self::Identity(session) => session.process(ctx, command),
            Self::Ppse(session) => session.process(ctx, command),
            Self::Foreign(session) => session.process(ctx, command),
        }
    }
}

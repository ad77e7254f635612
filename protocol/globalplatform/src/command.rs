//! The commands, one type each, with their status words.

mod channel;
mod content;
mod data;
mod install;
mod keys;
mod secure;
mod status;

pub use channel::{BeginRMac, EndRMac, ManageChannel};
pub use content::{Confirmation, Delete, DeleteTarget, Load, ManagementAnswer};
pub use data::{GetData, StoreData, StoreFormat};
pub use install::{ForInstall, ForLoad, Install, InstallParameters, MemoryQuota, TokenControl};
pub use keys::{PutKey, PutKeyAnswer};
pub use secure::{ExternalAuthenticate, InitializeAnswer, InitializeUpdate};
pub use status::{Entry, GetStatus, Scope, SetStatus, StatusForm, StatusTarget};

use tongtu_apdu::{Command, Malformed};

/// Checks class and instruction.
fn header(name: &'static str, ins: u8, classes: &[u8], command: &Command) -> Result<(), Malformed> {
    if !classes.contains(&command.cla) {
        return Err(Malformed::Class {
            command: name,
            found: command.cla,
        });
    }
    if command.ins != ins {
        return Err(Malformed::Instruction {
            command: name,
            found: command.ins,
        });
    }
    Ok(())
}

const fn parameters(name: &'static str, command: &Command, expected: &'static str) -> Malformed {
    Malformed::Parameters {
        command: name,
        p1: command.p1,
        p2: command.p2,
        expected,
    }
}

const fn length(name: &'static str, command: &Command, expected: &'static str) -> Malformed {
    Malformed::Length {
        command: name,
        found: command.data.len(),
        expected,
    }
}

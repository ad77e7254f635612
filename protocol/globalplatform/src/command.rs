//! The commands, one type each, with their status words.

mod channel;
mod content;
mod data;
mod install;
mod keys;
mod secure;
mod status;

pub use channel::{BeginRMac, EndRMac, ManageChannel};
pub(crate) use content::TOKEN;
pub use content::{Confirmation, Delete, DeleteTarget, Load, ManagementAnswer};
pub use data::{GetData, StoreData, StoreFormat};
pub use install::{ForInstall, ForLoad, Install, InstallParameters, MemoryQuota, TokenControl};
pub use keys::{PutKey, PutKeyAnswer};
pub use secure::{ExternalAuthenticate, InitializeAnswer, InitializeUpdate};
pub use status::{Entry, GetStatus, Scope, SetStatus, StatusForm, StatusTarget};

use tongtu_apdu::CommandInfo;

/// Every command, for documents and tests.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo::of::<ManageChannel>(),
    CommandInfo::of::<InitializeUpdate>(),
    CommandInfo::of::<ExternalAuthenticate>(),
    CommandInfo::of::<BeginRMac>(),
    CommandInfo::of::<EndRMac>(),
    CommandInfo::of::<GetData>(),
    CommandInfo::of::<GetStatus>(),
    CommandInfo::of::<SetStatus>(),
    CommandInfo::of::<Install>(),
    CommandInfo::of::<Load>(),
    CommandInfo::of::<Delete>(),
    CommandInfo::of::<PutKey>(),
    CommandInfo::of::<StoreData>(),
];

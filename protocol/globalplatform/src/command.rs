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

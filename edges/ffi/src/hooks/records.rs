//! Who makes the MACs of records on e-cashes.

use std::fmt;

use tongtu_terminal::tap::{RecordKeys, RecordUpdate};

use super::User;
use crate::types::{TtRecordKeys, TtRecordUpdate};

type Mac = unsafe extern "C" fn(*mut core::ffi::c_void, *const TtRecordUpdate, *mut u8) -> i32;

/// The maker's keys of records.
pub(crate) struct HookKeys {
    user: User,
    mac: Mac,
}

impl fmt::Debug for HookKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookKeys(..)")
    }
}

impl HookKeys {
    /// The maker's hook, if there is one.
    ///
    /// # Safety
    /// The hook may be called, with its `user`, from any thread until the terminal is closed.
    pub(crate) unsafe fn of(keys: &TtRecordKeys) -> Option<Self> {
        let user = User(keys.user);
        keys.mac.map(|mac| Self { user, mac })
    }
}

impl RecordKeys for HookKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let plain = TtRecordUpdate {
            struct_size: u32::try_from(size_of::<TtRecordUpdate>()).expect("a small struct"),
            atc: update.atc.into(),
            record: update.record.as_ptr(),
            record_len: update.record.len(),
            issuer: update.issuer.0,
            serial: update.serial.0,
            algorithm: update.algorithm,
            sfi: update.sfi,
            header: update.header,
        };
        let mut mac = [0; 4];
        // SAFETY: whoever made this promised that it may be called; struct and buffer are ours, and
        // as long as the hook's contract says.
        let code = unsafe { (self.mac)(self.user.0, &raw const plain, mac.as_mut_ptr()) };
        (code == 0).then_some(mac)
    }
}

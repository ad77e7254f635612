//! The maker's hooks: what signs records, the devices of journal and blacklist; in files of their own
//! the matcher of faces and the keys of e-cash records.
#![expect(unsafe_code, reason = "hooks are function pointers of C")]

use core::ffi::c_void;
use std::io;

use tongtu_crypto::{SecretKey, Signature};
use tongtu_journal::{FileMedium, Medium, ReplaceError};
use tongtu_terminal::Sam;

use crate::code::TT_ERR_STORE;
use crate::fault::{Fault, NotSigned};
use crate::types::{TT_REPLACE_OLD, TtMedium, TtSigner};

mod matcher;
mod records;

pub(crate) use matcher::Matcher;
pub(crate) use records::HookKeys;

/// A pointer that only the maker's hooks look at.
#[derive(Clone, Copy)]
struct User(*mut c_void);

// SAFETY: we never look behind it. Hooks are called during a call of a function of ours, under the
// terminal's lock, so never two at once; that they may be called from whichever thread calls us is
// said where they are handed in.
unsafe impl Send for User {}
// SAFETY: the same; `&User` gives nothing but the pointer to hand to a hook.
unsafe impl Sync for User {}

type Sign = unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8) -> i32;

/// What signs a terminal's records.
pub(crate) enum Signer {
    /// A test key in memory.
    Test(SecretKey),
    /// The maker's SAM.
    Hook(HookSigner),
}

pub(crate) struct HookSigner {
    user: User,
    sign: Sign,
}

impl Signer {
    /// The maker's hook, if there is one.
    ///
    /// # Safety
    /// The hook may be called, with its `user`, from any thread until the terminal is closed.
    pub(crate) unsafe fn hook(signer: &TtSigner) -> Option<Self> {
        let sign = signer.sign?;
        let user = User(signer.user);
        Some(Self::Hook(HookSigner { user, sign }))
    }
}

impl Sam for Signer {
    fn sign(&self, message: &[u8]) -> Signature {
        let hook = match self {
            Self::Test(key) => return key.sign(message),
            Self::Hook(hook) => hook,
        };
        let mut signature = [0; 64];
        // SAFETY: whoever made this promised that it may be called; both buffers are ours, and as
        // long as the hook's contract says.
        let code = unsafe {
            (hook.sign)(
                hook.user.0,
                message.as_ptr(),
                message.len(),
                signature.as_mut_ptr(),
            )
        };
        if code != 0 {
            // Not a panic: no hook of ours prints anything, and the boundary knows what it means.
            std::panic::resume_unwind(Box::new(NotSigned(code)));
        }
        Signature(signature)
    }
}

/// The device of a journal.
pub(crate) enum Device {
    File(FileMedium),
    Hooks(HookMedium),
}

/// The maker's device.
pub(crate) struct HookMedium {
    user: User,
    hooks: TtMediumHooks,
}

struct TtMediumHooks {
    size: unsafe extern "C" fn(*mut c_void, *mut u64) -> i32,
    read: unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i32,
    append: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    sync: unsafe extern "C" fn(*mut c_void) -> i32,
    truncate: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    replace: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
}

impl HookMedium {
    /// The maker's hooks, if none is missing.
    ///
    /// # Safety
    /// The hooks may be called, with their `user`, from any thread until the terminal is closed.
    pub(crate) unsafe fn of(medium: &TtMedium) -> Option<Self> {
        Some(Self {
            user: User(medium.user),
            hooks: TtMediumHooks {
                size: medium.size?,
                read: medium.read?,
                append: medium.append?,
                sync: medium.sync?,
                truncate: medium.truncate?,
                replace: medium.replace?,
            },
        })
    }
}

fn done(what: &str, code: i32) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(io::Error::other(format!(
            "the hook `{what}` returned {code}"
        ))),
    }
}

impl Medium for HookMedium {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()?).map_err(io::Error::other)?;
        let mut all = vec![0; len];
        // SAFETY: it may be called; the buffer is ours and as long as is said.
        let code = unsafe { (self.hooks.read)(self.user.0, 0, all.as_mut_ptr(), all.len()) };
        done("read", code)?;
        Ok(all)
    }

    fn len(&self) -> io::Result<u64> {
        let mut size = 0;
        // SAFETY: it may be called; the number is ours.
        let code = unsafe { (self.hooks.size)(self.user.0, &raw mut size) };
        done("size", code)?;
        Ok(size)
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let there = self.len()?.saturating_sub(at);
        let len = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        if len > 0 {
            // SAFETY: it may be called; the buffer is ours and at least as long as is said.
            let code = unsafe { (self.hooks.read)(self.user.0, at, out.as_mut_ptr(), len) };
            done("read", code)?;
        }
        Ok(len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: it may be called; the bytes are ours for as long as it runs.
        let code = unsafe { (self.hooks.append)(self.user.0, bytes.as_ptr(), bytes.len()) };
        done("append", code)
    }

    fn sync(&mut self) -> io::Result<()> {
        // SAFETY: it may be called.
        let code = unsafe { (self.hooks.sync)(self.user.0) };
        done("sync", code)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        // SAFETY: it may be called.
        let code = unsafe { (self.hooks.truncate)(self.user.0, len) };
        done("truncate", code)
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        // SAFETY: it may be called; the bytes are ours for as long as it runs.
        let code = unsafe { (self.hooks.replace)(self.user.0, bytes.as_ptr(), bytes.len()) };
        done("replace", code).map_err(|error| match code {
            TT_REPLACE_OLD => ReplaceError::Old(error),
            _ => ReplaceError::Uncertain(error),
        })
    }
}

impl Medium for Device {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(file) => file.read_all(),
            Self::Hooks(hooks) => hooks.read_all(),
        }
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(at, out),
            Self::Hooks(hooks) => hooks.read_at(at, out),
        }
    }

    fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => file.len(),
            Self::Hooks(hooks) => hooks.len(),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.append(bytes),
            Self::Hooks(hooks) => hooks.append(bytes),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync(),
            Self::Hooks(hooks) => hooks.sync(),
        }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.truncate(len),
            Self::Hooks(hooks) => hooks.truncate(len),
        }
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        match self {
            Self::File(file) => file.replace(bytes),
            Self::Hooks(hooks) => hooks.replace(bytes),
        }
    }
}

type Read = unsafe extern "C" fn(*mut c_void, u64, *mut u8, usize) -> i32;

/// A file that is read once, during one call.
pub(crate) enum Source<'a> {
    Bytes(&'a [u8]),
    Hook(HookSource),
}

pub(crate) struct HookSource {
    user: User,
    read: Read,
    len: u64,
}

impl HookSource {
    /// The maker's hook.
    ///
    /// # Safety
    /// It may be called, with its `user`, until the call of C returns.
    pub(crate) const unsafe fn new(user: *mut c_void, read: Read, len: u64) -> Self {
        let user = User(user);
        Self { user, read, len }
    }
}

impl Source<'_> {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).expect("a length in memory"),
            Self::Hook(hook) => hook.len,
        }
    }

    /// Fills `out` with what lies from `at` on; the caller asks for no more than there is.
    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> Result<(), Fault> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                let there = bytes.get(from..).and_then(|rest| rest.get(..out.len()));
                let there = there.ok_or_else(|| Fault::new(TT_ERR_STORE, "source: cut short"))?;
                out.copy_from_slice(there);
                Ok(())
            }
            Self::Hook(hook) => {
                // SAFETY: it may be called; the buffer is ours and as long as is said.
                let code = unsafe { (hook.read)(hook.user.0, at, out.as_mut_ptr(), out.len()) };
                done("read", code).map_err(|error| Fault::of(TT_ERR_STORE)(&error))
            }
        }
    }
}

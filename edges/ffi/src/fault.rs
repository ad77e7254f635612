//! Faults as they go to C: a code, and words that the caller may fetch afterwards.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::code::{TT_ERR_PANIC, TT_ERR_SIGNER, TT_OK, text};

/// Why a function did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Fault {
    /// One of the codes.
    pub(crate) code: i32,
    /// What, where, and what was expected; English, for logs.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(code: i32, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    pub(crate) fn of(code: i32) -> impl Fn(&dyn Display) -> Self {
        move |error| Self::new(code, error.to_string())
    }
}

/// Thrown through the machines when the maker's hook does not sign: nothing may be stored unsigned,
/// and to be cut off there is what a power cut does anyway.
pub(crate) struct NotSigned(pub(crate) i32);

thread_local! {
    static LAST: RefCell<(i32, String)> = const { RefCell::new((TT_OK, String::new())) };
}

/// Runs what a function does. Its fault is remembered for this thread; a panic becomes a code.
pub(crate) fn guarded(run: impl FnOnce() -> Result<(), Fault>) -> i32 {
    let fault = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return TT_OK,
        Ok(Err(fault)) => fault,
        Err(thrown) => thrown_fault(&*thrown),
    };
    let code = fault.code;
    // While a thread ends there is no place for words any more; the code is enough.
    let _ = LAST.try_with(|last| *last.borrow_mut() = (code, fault.detail));
    code
}

/// As [`guarded`], for who asks about the last fault: it stays the last.
pub(crate) fn unremembered(run: impl FnOnce() -> Result<(), Fault>) -> i32 {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => TT_OK,
        Ok(Err(fault)) => fault.code,
        Err(thrown) => thrown_fault(&*thrown).code,
    }
}

fn thrown_fault(thrown: &(dyn Any + Send)) -> Fault {
    if let Some(NotSigned(code)) = thrown.downcast_ref() {
        return Fault::new(
            TT_ERR_SIGNER,
            format!("the hook returned {code}, expected 0"),
        );
    }
    let said = thrown
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| thrown.downcast_ref::<String>().map(String::as_str));
    Fault::new(TT_ERR_PANIC, said.unwrap_or("no words"))
}

/// The last fault of this thread in words.
pub(crate) fn last(is_english: bool) -> String {
    LAST.with(|last| {
        let (code, detail) = &*last.borrow();
        let words = text(*code).map_or("", |(en, zh)| if is_english { en } else { zh });
        match detail.as_str() {
            "" => words.to_owned(),
            detail => format!("{words}: {detail}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::TT_ERR_VALUE;

    #[test]
    fn a_panic_becomes_a_code_and_its_words_can_be_fetched() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let code = guarded(|| panic!("an invariant broke"));
        std::panic::set_hook(hook);
        assert_eq!(code, TT_ERR_PANIC);
        assert_eq!(last(true), "internal fault: an invariant broke");
        assert_eq!(last(false), "内部错误: an invariant broke");
    }

    #[test]
    fn a_success_leaves_the_last_fault_and_another_thread_has_its_own() {
        let code = guarded(|| Err(Fault::new(TT_ERR_VALUE, "post.line: empty")));
        assert_eq!((code, guarded(|| Ok(()))), (TT_ERR_VALUE, TT_OK));
        assert_eq!(last(true), "bad value: post.line: empty");
        let other = std::thread::spawn(|| last(true)).join().unwrap();
        assert_eq!(other, "done");
    }
}

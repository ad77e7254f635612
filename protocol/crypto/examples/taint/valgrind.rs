//! Requests to memcheck, from inside the program that it watches: five instructions that do nothing on a
//! processor. What they ask is in valgrind's public headers.

/// A request of valgrind's own.
const RUNNING_ON_VALGRIND: u64 = 0x1001;
const COUNT_ERRORS: u64 = 0x1201;
/// Requests of memcheck, which count from its letters.
const MEMCHECK: u64 = 0x4D43_0000;
const MAKE_MEM_UNDEFINED: u64 = MEMCHECK + 1;
const MAKE_MEM_DEFINED: u64 = MEMCHECK + 2;

#[expect(unsafe_code, reason = "the request is made of instructions")]
fn request(which: u64, first: u64, second: u64) -> u64 {
    let words = [which, first, second, 0, 0, 0];
    let mut answer = 0;
    // SAFETY: on a processor the turns of rdi add up to two whole ones and the exchange is none; under
    // valgrind the words are read and the answer comes in rdx.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

/// Whether valgrind is here to answer.
pub(crate) fn is_watching() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// How many errors it found so far.
pub(crate) fn errors() -> u64 {
    request(COUNT_ERRORS, 0, 0)
}

/// From here on these bytes are secret: a branch or an address that they decide is an error.
pub(crate) fn hide<T: ?Sized>(secret: &mut T) {
    about(MAKE_MEM_UNDEFINED, secret);
}

/// From here on these bytes may be known.
pub(crate) fn tell<T: ?Sized>(public: &T) {
    about(MAKE_MEM_DEFINED, public);
}

fn about<T: ?Sized>(which: u64, memory: &T) {
    let at = core::ptr::from_ref(memory).cast::<u8>() as u64;
    request(which, at, size_of_val(memory) as u64);
}

//! No memory in core files: whatever ends this program, no key of it lies in a file afterwards.
//!
//! What is here: the one setting that Linux has for it, made at the very start; the overwriting of
//! registers, which are in core files all the same; a look at whether core files are allowed at
//! all. What is not here: forbidding them, which needs system calls and is a service manager's to
//! set; other systems, where all of it is.

use std::hint::black_box;
use std::io;

/// Which parts of memory a core file of this process has: a mask, in hex.
#[cfg(target_os = "linux")]
const FILTER: &str = "/proc/self/coredump_filter";

/// Says to the system that core files of this process, and of what it starts, have no memory in
/// them. Threads are named in one and their registers are; debuggers that write core files go by
/// the same mask.
///
/// # Errors
/// What the system says; the program may go on, but a core file of it is as secret as its keys.
#[cfg_attr(
    not(target_os = "linux"),
    expect(
        clippy::unnecessary_wraps,
        reason = "only Linux has something to refuse"
    )
)]
pub(crate) fn shut() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    std::fs::write(FILTER, "0")?;
    Ok(())
}

/// Whether the system may write core files of this process; registers are in them. Where it does
/// not say, they are taken as forbidden.
pub(crate) fn are_allowed() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.is_some_and(|soft| soft != "0")
}

/// Moves zeros about in all the ways in which bytes are copied, set and compared, so that what a
/// thread moved last does not stay in its registers while it waits. As far as that can be had of
/// code that names no register.
pub(crate) fn wipe_registers() {
    const LEN: usize = 1024;
    let zeros = black_box([0_u8; LEN]);
    let mut other = black_box([0_u8; LEN]);
    for len in [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, LEN] {
        let len = black_box(len);
        let (from, to) = (&zeros[..len], &mut other[..len]);
        to.copy_from_slice(from);
        black_box(&*to == from);
        to.fill(0);
        black_box(to);
    }
    let (halves, _) = zeros.as_chunks::<8>();
    let sum = halves
        .iter()
        .fold(0, |sum, half| sum ^ u64::from_ne_bytes(*half));
    black_box(sum);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_memory_is_left_in_core_files() {
        shut().unwrap();
        let mask = std::fs::read_to_string(FILTER).unwrap();
        assert!(mask.trim().bytes().all(|digit| digit == b'0'), "{mask}");
    }
}

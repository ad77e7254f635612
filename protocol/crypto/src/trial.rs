//! What tests and the programs that look for leaks change from outside: kernels can be left out, so that
//! each is tried on machines that have better ones, and what a computation tells on purpose is told.
//!
//! Only for tests and behind the feature `trial`. In the product [`allowed`] is always true, [`told`] what
//! it is given, and both cost nothing. What is left out is left out for the calling thread only, and no
//! result depends on it.

/// A way to compute that not every processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// SM2 by multipliers of 52 bits: in lanes, and one verification.
    Ifma,
    /// SM3, SM4 and DES in lanes of 512 bits.
    Avx512,
    /// The same in lanes of 256 bits, and SM2 verified in them.
    Avx2,
    /// The same in lanes of 128 bits, as every aarch64 has them.
    Neon,
    /// SM4 of few blocks by an instruction for affine maps in GF(2^8).
    Gfni,
    /// The same by the box of AES.
    AesNi,
    /// One SM2 operation, by multiplications that leave the carry alone and two chains of carries.
    Adx,
}

/// What a branch may depend on although it was computed from secrets: that a number was no key, no nonce
/// or no half of a signature, which everybody sees.
#[cfg(not(feature = "trial"))]
#[inline(always)]
pub(crate) const fn told(flag: bool) -> bool {
    flag
}

#[cfg(feature = "trial")]
pub use told::on_telling;
#[cfg(feature = "trial")]
pub(crate) use told::told;

#[cfg(feature = "trial")]
mod told {
    use std::sync::OnceLock;

    static LISTENER: OnceLock<fn(&[u8; 1])> = OnceLock::new();

    /// Has this called with the memory of each flag that is told, before it is read.
    pub fn on_telling(listener: fn(&[u8; 1])) {
        let _ = LISTENER.set(listener);
    }

    pub(crate) fn told(flag: bool) -> bool {
        let byte = core::hint::black_box([u8::from(flag)]);
        if let Some(listener) = LISTENER.get() {
            listener(&byte);
        }
        core::hint::black_box(&byte)[0] != 0
    }
}

#[cfg(any(test, feature = "trial"))]
pub use choice::{LEVELS, at_each_level, without};

/// Whether a kernel that the processor has may be used.
#[cfg(all(
    feature = "std",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(any(test, feature = "trial"))
))]
pub(crate) const fn allowed(_: Kernel) -> bool {
    true
}

#[cfg(all(
    feature = "std",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    any(test, feature = "trial")
))]
pub(crate) use choice::allowed;

#[cfg(any(test, feature = "trial"))]
mod choice {
    use std::cell::Cell;

    use super::Kernel;

    /// From all that the processor has down to nothing of its own: what each level leaves out.
    pub const LEVELS: &[(&str, &[Kernel])] = &[
        ("all kernels", &[]),
        ("no AVX-512", &[Kernel::Ifma, Kernel::Avx512, Kernel::Gfni]),
        (
            "portable",
            &[
                Kernel::Ifma,
                Kernel::Avx512,
                Kernel::Avx2,
                Kernel::Neon,
                Kernel::Gfni,
                Kernel::AesNi,
                Kernel::Adx,
            ],
        ),
    ];

    std::thread_local! {
        static LEFT_OUT: Cell<&'static [Kernel]> = const { Cell::new(&[]) };
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(crate) fn allowed(kernel: Kernel) -> bool {
        !LEFT_OUT.with(Cell::get).contains(&kernel)
    }

    /// Does something with these kernels left out in this thread.
    pub fn without<R>(kernels: &'static [Kernel], action: impl FnOnce() -> R) -> R {
        struct Restore(&'static [Kernel]);
        impl Drop for Restore {
            fn drop(&mut self) {
                LEFT_OUT.with(|out| out.set(self.0));
            }
        }
        let _restore = Restore(LEFT_OUT.with(|out| out.replace(kernels)));
        action()
    }

    /// Does something at each of [`LEVELS`], whose name it is given.
    pub fn at_each_level(mut action: impl FnMut(&'static str)) {
        for (name, kernels) in LEVELS {
            without(kernels, || action(name));
        }
    }
}

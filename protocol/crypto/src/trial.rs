//! Leaving kernels out, so that each is tried on machines that have better ones.
//!
//! For tests and, behind the feature `trial`, for the programs that look for leaks. In the product
//! nothing can be left out: there [`allowed`] is always true and costs nothing. What is left out is
//! left out for the calling thread only, and no result depends on it.

/// A way to compute that not every processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// SM2 in lanes, by multipliers of 52 bits.
    Ifma,
    /// SM3, SM4 and DES in lanes of 512 bits.
    Avx512,
    /// The same in lanes of 256 bits.
    Avx2,
    /// One SM2 operation, by multiplications that leave the carry alone and two chains of carries.
    Adx,
}

#[cfg(any(test, feature = "trial"))]
pub use choice::{LEVELS, at_each_level, without};

/// Whether a kernel that the processor has may be used.
#[cfg(not(any(test, feature = "trial")))]
pub(crate) const fn allowed(_: Kernel) -> bool {
    true
}

#[cfg(any(test, feature = "trial"))]
pub(crate) use choice::allowed;

#[cfg(any(test, feature = "trial"))]
mod choice {
    use std::cell::Cell;

    use super::Kernel;

    /// From all that the processor has down to nothing of its own: what each level leaves out.
    pub const LEVELS: &[(&str, &[Kernel])] = &[
        ("all kernels", &[]),
        ("no AVX-512", &[Kernel::Ifma, Kernel::Avx512]),
        (
            "portable",
            &[Kernel::Ifma, Kernel::Avx512, Kernel::Avx2, Kernel::Adx],
        ),
    ];

    std::thread_local! {
        static LEFT_OUT: Cell<&'static [Kernel]> = const { Cell::new(&[]) };
    }

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

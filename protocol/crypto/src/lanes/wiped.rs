//! Memory for keys in lanes, overwritten when it is left.
//!
//! `Zeroizing` writes word by word with code for any processor, which for a schedule of 64 keys takes
//! as long as enciphering a block; here it is the stores of the kernel that has the memory, followed
//! by what keeps the optimiser from leaving them out.

use core::ops::{Deref, DerefMut};

/// More than any kernel takes of the stack: the planes of AVX2 take 80 KiB, signing in lanes 58, and what
/// serves without `std` less than 24.
const STACK: usize = if cfg!(feature = "std") {
    96 << 10
} else {
    24 << 10
};

/// Overwrites what kernels left on the stack below the caller: registers that did not suffice, and
/// copies that the compiler made. It is called where many lanes are done, because it takes as long as
/// some of them. Registers themselves are left to whoever uses them next.
pub(crate) fn wipe_stack() {
    zeroize::zeroize_stack::<STACK>();
}

/// So many values that are overwritten when they go.
#[derive(Clone)]
pub(crate) struct Wiped<T: Copy + Default, const N: usize>([T; N]);

impl<T: Copy + Default, const N: usize> Wiped<T, N> {
    #[inline(always)]
    pub(crate) const fn new(values: [T; N]) -> Self {
        Self(values)
    }

    /// All of them nothing yet.
    #[inline(always)]
    pub(crate) fn blank() -> Self {
        Self([T::default(); N])
    }
}

impl<T: Copy + Default, const N: usize> Deref for Wiped<T, N> {
    type Target = [T; N];

    #[inline(always)]
    fn deref(&self) -> &[T; N] {
        &self.0
    }
}

impl<T: Copy + Default, const N: usize> DerefMut for Wiped<T, N> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T; N] {
        &mut self.0
    }
}

impl<T: Copy + Default, const N: usize> Drop for Wiped<T, N> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0 = [T::default(); N];
        zeroize::optimization_barrier(&self.0);
    }
}

//! How rows print: without numbers, and without what may hold one.

/// `Debug` that shows these fields and says that there are more.
macro_rules! masked {
    ($row:ident { $($shown:ident),+ $(,)? }) => {
        impl core::fmt::Debug for $row {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($row))
                    $(.field(stringify!($shown), &self.$shown))+
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use masked;

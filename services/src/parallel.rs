//! The same computation over many items, on all cores.

use std::num::NonZero;
use std::thread;

/// Below this many items another thread costs more than it gains.
const ITEMS_MIN: usize = 32;

/// The most items that are looked at together.
const TOGETHER: usize = 2048;

/// Applies `work` to all items, in order; each thread has a `state` of its own. Items are looked at
/// together: `work` gives a result for each that it is given, and is never given more than
/// [`TOGETHER`], so that what it holds meanwhile has a bound.
pub(crate) fn map_together<T: Sync, S, R: Send>(
    items: &[T],
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(ITEMS_MIN);
    let run = |items: &[T]| {
        let mut state = state();
        let parts = items.chunks(TOGETHER);
        parts
            .flat_map(|part| work(&mut state, part))
            .collect::<Vec<R>>()
    };
    if items.len() <= share {
        return run(items);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(|| run(chunk)))
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for thread in threads {
            match thread.join() {
                Ok(part) => results.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order() {
        for count in [0, 1, 31, 1000, 9000] {
            let items: Vec<usize> = (0..count).collect();
            let double = |by: &mut usize, items: &[usize]| {
                assert!(items.len() <= TOGETHER);
                items.iter().map(|item| *by * item).collect()
            };
            let doubled = map_together(&items, || 2, double);
            let expect: Vec<usize> = items.iter().map(|item| 2 * item).collect();
            assert_eq!(doubled, expect);
        }
    }
}

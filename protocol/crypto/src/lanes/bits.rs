//! Bit planes: a value of each lane is spread over words, one word a bit, one bit of it a lane.
//!
//! Gates on planes take the same time whatever the bits are, need no table, and serve as many lanes
//! as a word has bits. The circuits are written once over [`Bits`].

use super::wiped::Wiped;

/// What plain gates are made of.
pub(crate) trait Gates: Copy {
    /// Every lane the same.
    fn splat(bit: bool) -> Self;
    /// Exclusive or.
    fn xor(self, other: Self) -> Self;
    /// And.
    fn and(self, other: Self) -> Self;
}

/// One plane.
pub(crate) trait Bits: Gates + Default {
    /// How many groups of 64 lanes.
    const GROUPS: usize;

    /// The plane whose lanes are the bits of these, 64 to each; there are [`Self::GROUPS`].
    fn gather(groups: &[u64]) -> Self;
    /// The lanes again.
    fn scatter(self, groups: &mut [u64]);
    /// Any gate of three inputs: bit `4a + 2b + c` of `GATE` is its output.
    fn gate<const GATE: i32>(a: Self, b: Self, c: Self) -> Self;
}

/// A gate of three inputs out of plain ones: what it is where `a` is not set, and where the other
/// value of `a` changes it. `GATE` is a constant, so what remains is at most four instructions.
macro_rules! gate_of_plain {
    ($gate:expr, $a:expr, $b:expr, $c:expr) => {{
        let (a, b, c) = ($a, $b, $c);
        let without = $crate::lanes::bits::two($gate & 0xF, b, c);
        let changed = $crate::lanes::bits::two(($gate ^ ($gate >> 4)) & 0xF, b, c);
        $crate::lanes::bits::Gates::xor(without, $crate::lanes::bits::Gates::and(a, changed))
    }};
}
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use gate_of_plain;

/// A gate of two inputs: bit `2b + c` of `gate` is its output.
#[inline(always)]
pub(crate) fn two<W: Gates>(gate: i32, b: W, c: W) -> W {
    let not = |x: W| x.xor(W::splat(true));
    match gate {
        0x0 => W::splat(false),
        0x1 => not(b).and(not(c)),
        0x2 => not(b).and(c),
        0x3 => not(b),
        0x4 => b.and(not(c)),
        0x5 => not(c),
        0x6 => b.xor(c),
        0x7 => not(b.and(c)),
        0x8 => b.and(c),
        0x9 => not(b.xor(c)),
        0xA => c,
        0xB => not(b.and(not(c))),
        0xC => b,
        0xD => not(not(b).and(c)),
        0xE => not(not(b).and(not(c))),
        _ => W::splat(true),
    }
}

macro_rules! plain_gates {
    ($($number:ty)*) => {$(
        impl Gates for $number {
            #[inline(always)]
            fn splat(bit: bool) -> Self {
                if bit { !0 } else { 0 }
            }

            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }

            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
        }
    )*};
}

plain_gates!(u32 u64);

impl Bits for u64 {
    const GROUPS: usize = 1;

    #[inline(always)]
    fn gather(groups: &[u64]) -> Self {
        groups[0]
    }

    #[inline(always)]
    fn scatter(self, groups: &mut [u64]) {
        groups[0] = self;
    }

    #[inline(always)]
    fn gate<const GATE: i32>(a: Self, b: Self, c: Self) -> Self {
        gate_of_plain!(GATE, a, b, c)
    }
}

/// The most groups of 64 lanes that a plane has.
pub(crate) const MOST_GROUPS: usize = 8;

/// Lanes of a plane.
pub(crate) const fn lanes<W: Bits>() -> usize {
    W::GROUPS * 64
}

/// Turns 64 rows of 64 bits: bit `63 - i` of row `j` becomes bit `j` of row `i`, so that row `i`
/// is the plane of the `i`-th bit counted from the left.
#[inline(always)]
fn turn(rows: &mut [u64; 64]) {
    // Rows are turned about the diagonal that runs the other way, by reversing their order first.
    rows.reverse();
    turn_plain(rows);
}

/// Turns planes back into rows.
#[inline(always)]
fn turn_back(rows: &mut [u64; 64]) {
    turn_plain(rows);
    rows.reverse();
}

/// Exchanges bit `63 - i` of row `j` with bit `63 - j` of row `i`: halves, quarters, and so on.
#[inline(always)]
fn turn_plain(rows: &mut [u64; 64]) {
    let (mut width, mut mask) = (32, 0x0000_0000_FFFF_FFFF_u64);
    while width != 0 {
        for pair in rows.chunks_exact_mut(2 * width) {
            let (upper, lower) = pair.split_at_mut(width);
            for (up, low) in upper.iter_mut().zip(lower) {
                let moved = (*up ^ (*low >> width)) & mask;
                *up ^= moved;
                *low ^= moved << width;
            }
        }
        width >>= 1;
        mask ^= mask << width;
    }
}

/// The planes of one 64-bit number a lane; lanes that are not given are zero.
#[inline(always)]
pub(crate) fn planes<W: Bits>(lanes: impl Fn(usize) -> u64, count: usize) -> Wiped<W, 64> {
    let mut groups = Wiped::<u64, { 64 * MOST_GROUPS }>::blank();
    let groups = groups.as_chunks_mut::<64>().0;
    for (at, group) in groups.iter_mut().take(W::GROUPS).enumerate() {
        let here = count.saturating_sub(at * 64).min(64);
        for (lane, row) in group.iter_mut().enumerate().take(here) {
            *row = lanes(at * 64 + lane);
        }
        if here > 0 {
            turn(group);
        }
    }
    let mut planes = Wiped::blank();
    for (at, plane) in planes.iter_mut().enumerate() {
        let column: [u64; MOST_GROUPS] = core::array::from_fn(|group| groups[group][at]);
        *plane = W::gather(&column);
    }
    planes
}

/// One 64-bit number a lane out of its planes.
#[inline(always)]
pub(crate) fn rows<W: Bits>(
    planes: impl Fn(usize) -> W,
    count: usize,
    mut take: impl FnMut(usize, u64),
) {
    let mut groups = Wiped::<u64, { 64 * MOST_GROUPS }>::blank();
    let groups = groups.as_chunks_mut::<64>().0;
    for at in 0..64 {
        let mut column = [0; MOST_GROUPS];
        planes(at).scatter(&mut column);
        for (group, word) in groups.iter_mut().zip(column) {
            group[at] = word;
        }
    }
    for (at, group) in groups.iter_mut().take(W::GROUPS).enumerate() {
        let here = count.saturating_sub(at * 64).min(64);
        if here > 0 {
            turn_back(group);
        }
        for (lane, row) in group.iter().enumerate().take(here) {
            take(at * 64 + lane, *row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_the_bit_of_every_lane() {
        let value =
            |lane: usize| 0x0123_4567_89AB_CDEF_u64.rotate_left(u32::try_from(lane).unwrap_or(0));
        let planes = planes::<u64>(value, 64);
        for (bit, plane) in planes.iter().enumerate() {
            for lane in 0..64 {
                assert_eq!(
                    plane >> lane & 1,
                    value(lane) >> (63 - bit) & 1,
                    "{bit} {lane}"
                );
            }
        }
        let mut seen = 0;
        rows(
            |at| planes[at],
            64,
            |lane, row| {
                assert_eq!(row, value(lane));
                seen += 1;
            },
        );
        assert_eq!(seen, 64);
    }

    #[test]
    fn a_gate_is_its_table() {
        let (a, b, c) = (0xF0_u64, 0xCC, 0xAA);
        macro_rules! each {
            ($($gate:literal)*) => {$(
                assert_eq!(u64::gate::<$gate>(a, b, c) & 0xFF, $gate);
            )*};
        }
        each!(0 1 2 8 0x1E 0x69 0x80 0x96 0xAC 0xCA 0xE8 0xD8 0x7F 0xFE 0xFF 0x42 0x3D 0xB7);
    }
}

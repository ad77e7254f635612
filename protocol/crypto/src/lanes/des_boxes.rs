//! The boxes of DES (FIPS 46-3) as circuits of gates with three inputs.
//!
//! Found by search: an output is a gate of what is there, or two of them, or a choice by one of the
//! inputs between two simpler ones, the best of many orders kept. A processor with ternary logic
//! has each as one instruction; elsewhere a gate is at most four. The tests hold them against the
//! table.

use super::bits::Bits;

/// The circuit of a box by its place in the round, from 0.
macro_rules! box_of {
    (0, $x:expr) => {
        $crate::lanes::des_boxes::box1($x)
    };
    (1, $x:expr) => {
        $crate::lanes::des_boxes::box2($x)
    };
    (2, $x:expr) => {
        $crate::lanes::des_boxes::box3($x)
    };
    (3, $x:expr) => {
        $crate::lanes::des_boxes::box4($x)
    };
    (4, $x:expr) => {
        $crate::lanes::des_boxes::box5($x)
    };
    (5, $x:expr) => {
        $crate::lanes::des_boxes::box6($x)
    };
    (6, $x:expr) => {
        $crate::lanes::des_boxes::box7($x)
    };
    (7, $x:expr) => {
        $crate::lanes::des_boxes::box8($x)
    };
}
pub(super) use box_of;

/// 33 gates.
#[inline(always)]
pub(super) fn box1<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x66>(x[2], x[1], x[3]);
    let g7 = W::gate::<0x6A>(x[3], g6, x[2]);
    let g8 = W::gate::<0xCA>(x[4], g7, g6);
    let g9 = W::gate::<0x2B>(g7, x[4], g6);
    let g10 = W::gate::<0x65>(g9, x[3], g8);
    let g11 = W::gate::<0xCA>(x[0], g10, g8);
    let g12 = W::gate::<0x78>(x[4], g7, x[1]);
    let g13 = W::gate::<0xA4>(g12, g6, g10);
    let g14 = W::gate::<0x65>(x[4], g6, g7);
    let g15 = W::gate::<0xCA>(x[0], g14, g13);
    let g16 = W::gate::<0xCA>(x[5], g15, g11);
    let g17 = W::gate::<0x93>(x[3], g10, x[4]);
    let g18 = W::gate::<0x0B>(g11, g12, g8);
    let g19 = W::gate::<0x3D>(g18, g14, g13);
    let g20 = W::gate::<0xCA>(x[0], g19, g17);
    let g21 = W::gate::<0x6A>(x[3], x[2], g10);
    let g22 = W::gate::<0x2C>(g20, x[4], g8);
    let g23 = W::gate::<0xD2>(g22, x[3], g9);
    let g24 = W::gate::<0xCA>(x[0], g23, g21);
    let g25 = W::gate::<0xCA>(x[5], g24, g20);
    let g26 = W::gate::<0x2B>(x[4], g15, g14);
    let g27 = W::gate::<0x9C>(x[3], g8, g26);
    let g28 = W::gate::<0xCA>(x[0], g27, g26);
    let g29 = W::gate::<0x1E>(g28, g18, g16);
    let g30 = W::gate::<0x29>(g19, x[4], g16);
    let g31 = W::gate::<0x29>(g30, g17, g11);
    let g32 = W::gate::<0xCA>(x[2], g31, g29);
    let g33 = W::gate::<0xCA>(x[5], g32, g28);
    let g34 = W::gate::<0x79>(g16, x[0], g14);
    let g35 = W::gate::<0x61>(g34, g29, x[4]);
    let g36 = W::gate::<0x64>(x[0], g30, g12);
    let g37 = W::gate::<0xD3>(g36, g27, g20);
    let g38 = W::gate::<0xCA>(x[5], g37, g35);
    [g25, g38, g33, g16]
}

/// 30 gates.
#[inline(always)]
pub(super) fn box2<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0xE3>(x[5], x[0], x[1]);
    let g7 = W::gate::<0x5C>(x[5], x[0], x[1]);
    let g8 = W::gate::<0xCA>(x[4], g7, g6);
    let g9 = W::gate::<0x38>(x[1], x[4], x[0]);
    let g10 = W::gate::<0x28>(g9, g6, x[3]);
    let g11 = W::gate::<0xCA>(x[3], g10, g8);
    let g12 = W::gate::<0x93>(g6, g11, x[1]);
    let g13 = W::gate::<0x87>(g11, x[0], x[4]);
    let g14 = W::gate::<0xCA>(x[5], g13, g12);
    let g15 = W::gate::<0xCA>(x[2], g14, g11);
    let g16 = W::gate::<0x69>(x[3], x[0], x[4]);
    let g17 = W::gate::<0x0A>(g11, g6, g8);
    let g18 = W::gate::<0xC9>(g17, g16, x[2]);
    let g19 = W::gate::<0xCA>(x[5], g18, g16);
    let g20 = W::gate::<0x69>(g9, g12, x[2]);
    let g21 = W::gate::<0x5C>(g20, g19, g14);
    let g22 = W::gate::<0x39>(g20, g11, g15);
    let g23 = W::gate::<0xCA>(x[0], g22, g21);
    let g24 = W::gate::<0xCA>(x[1], g23, g19);
    let g25 = W::gate::<0x49>(g8, x[0], g15);
    let g26 = W::gate::<0x96>(g25, x[3], g20);
    let g27 = W::gate::<0x26>(g25, g15, x[5]);
    let g28 = W::gate::<0x69>(g27, g26, x[0]);
    let g29 = W::gate::<0xCA>(x[1], g28, g26);
    let g30 = W::gate::<0x97>(g10, g13, g18);
    let g31 = W::gate::<0x5C>(g21, x[3], g30);
    let g32 = W::gate::<0xCA>(x[1], g31, g30);
    let g33 = W::gate::<0x17>(g15, g9, x[2]);
    let g34 = W::gate::<0x9E>(g33, g18, g17);
    let g35 = W::gate::<0xCA>(x[5], g34, g32);
    [g15, g24, g35, g29]
}

/// 29 gates.
#[inline(always)]
pub(super) fn box3<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0xE4>(x[2], x[3], x[4]);
    let g7 = W::gate::<0x69>(x[3], x[2], x[4]);
    let g8 = W::gate::<0xCA>(x[0], g7, g6);
    let g9 = W::gate::<0x4B>(g8, x[0], x[3]);
    let g10 = W::gate::<0xCA>(x[5], g9, g8);
    let g11 = W::gate::<0x7D>(x[2], x[5], x[0]);
    let g12 = W::gate::<0x35>(g11, g10, x[3]);
    let g13 = W::gate::<0xCA>(x[1], g12, g10);
    let g14 = W::gate::<0x61>(g10, x[1], g7);
    let g15 = W::gate::<0x78>(g14, x[5], g6);
    let g16 = W::gate::<0xA6>(x[1], g14, g11);
    let g17 = W::gate::<0xCA>(x[0], g16, g15);
    let g18 = W::gate::<0x1C>(g8, x[0], g13);
    let g19 = W::gate::<0x95>(g18, g12, g17);
    let g20 = W::gate::<0xCA>(x[4], g19, g17);
    let g21 = W::gate::<0x60>(g9, x[1], x[4]);
    let g22 = W::gate::<0xAD>(g21, g10, x[3]);
    let g23 = W::gate::<0x89>(g6, g18, x[5]);
    let g24 = W::gate::<0xCA>(x[0], g23, g22);
    let g25 = W::gate::<0x74>(g19, g23, g6);
    let g26 = W::gate::<0x56>(g25, x[4], g22);
    let g27 = W::gate::<0xD3>(g17, g7, g12);
    let g28 = W::gate::<0xCA>(x[1], g27, g26);
    let g29 = W::gate::<0xCA>(x[2], g28, g24);
    let g30 = W::gate::<0x7B>(g9, x[1], g20);
    let g31 = W::gate::<0x69>(g30, g22, g10);
    let g32 = W::gate::<0x1F>(g25, g24, g26);
    let g33 = W::gate::<0x2D>(g32, g31, g6);
    let g34 = W::gate::<0xCA>(x[2], g33, g31);
    [g29, g20, g34, g13]
}

/// 22 gates.
#[inline(always)]
pub(super) fn box4<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x39>(x[4], x[0], x[3]);
    let g7 = W::gate::<0x61>(x[0], g6, x[4]);
    let g8 = W::gate::<0xCA>(x[2], g7, g6);
    let g9 = W::gate::<0x2C>(g6, x[3], x[4]);
    let g10 = W::gate::<0x07>(g9, x[2], g8);
    let g11 = W::gate::<0xCA>(x[1], g10, g8);
    let g12 = W::gate::<0x68>(x[4], g6, x[1]);
    let g13 = W::gate::<0xCB>(g12, x[2], g8);
    let g14 = W::gate::<0x52>(x[2], x[4], g9);
    let g15 = W::gate::<0x63>(g14, g13, x[1]);
    let g16 = W::gate::<0xCA>(x[3], g15, g13);
    let g17 = W::gate::<0xCA>(x[5], g16, g11);
    let g18 = W::gate::<0x26>(g15, x[4], x[2]);
    let g19 = W::gate::<0x96>(g18, g6, x[3]);
    let g20 = W::gate::<0x9E>(g13, x[2], g9);
    let g21 = W::gate::<0xCA>(x[1], g20, g19);
    let g22 = W::gate::<0xE1>(g10, g12, g19);
    let g23 = W::gate::<0x1A>(g6, g22, x[1]);
    let g24 = W::gate::<0xCA>(x[2], g23, g22);
    let g25 = W::gate::<0xCA>(x[5], g24, g21);
    let g26 = W::gate::<0x72>(g16, g11, x[5]);
    let g27 = W::gate::<0xC5>(x[5], g21, g24);
    [g27, g25, g26, g17]
}

/// 31 gates.
#[inline(always)]
pub(super) fn box5<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x25>(x[2], x[1], x[0]);
    let g7 = W::gate::<0x21>(g6, x[3], x[4]);
    let g8 = W::gate::<0x3A>(x[4], x[0], x[2]);
    let g9 = W::gate::<0x1E>(g8, x[1], g6);
    let g10 = W::gate::<0xCA>(x[5], g9, g7);
    let g11 = W::gate::<0x61>(x[2], x[0], x[4]);
    let g12 = W::gate::<0x96>(g11, x[1], x[5]);
    let g13 = W::gate::<0xCA>(x[3], g12, g10);
    let g14 = W::gate::<0x35>(g13, x[1], g12);
    let g15 = W::gate::<0x9E>(g14, g8, x[3]);
    let g16 = W::gate::<0x2A>(x[3], x[2], g12);
    let g17 = W::gate::<0xCA>(x[0], g16, g15);
    let g18 = W::gate::<0x69>(g12, g8, x[3]);
    let g19 = W::gate::<0xAD>(g18, g6, x[2]);
    let g20 = W::gate::<0x21>(g8, x[2], g17);
    let g21 = W::gate::<0xF8>(g20, g12, g19);
    let g22 = W::gate::<0xCA>(x[5], g21, g19);
    let g23 = W::gate::<0xCA>(x[4], g22, g17);
    let g24 = W::gate::<0x99>(g21, g18, g23);
    let g25 = W::gate::<0x14>(g7, g19, g9);
    let g26 = W::gate::<0x9C>(g25, x[3], g16);
    let g27 = W::gate::<0xCA>(x[1], g26, g24);
    let g28 = W::gate::<0x69>(x[4], g15, g24);
    let g29 = W::gate::<0x92>(x[2], x[1], x[4]);
    let g30 = W::gate::<0xCA>(x[3], g29, g28);
    let g31 = W::gate::<0xCA>(x[0], g30, g27);
    let g32 = W::gate::<0x25>(x[5], g8, g14);
    let g33 = W::gate::<0x5B>(g32, g18, g27);
    let g34 = W::gate::<0x75>(g16, x[2], g15);
    let g35 = W::gate::<0xE1>(g34, g31, g32);
    let g36 = W::gate::<0xCA>(x[4], g35, g33);
    [g23, g13, g31, g36]
}

/// 30 gates.
#[inline(always)]
pub(super) fn box6<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x69>(x[0], x[4], x[5]);
    let g7 = W::gate::<0xD6>(x[4], x[0], x[5]);
    let g8 = W::gate::<0xCA>(x[3], g7, g6);
    let g9 = W::gate::<0x5D>(g8, x[4], g6);
    let g10 = W::gate::<0xCA>(x[1], g9, g8);
    let g11 = W::gate::<0x65>(x[4], x[3], g10);
    let g12 = W::gate::<0x20>(x[2], x[5], g9);
    let g13 = W::gate::<0x29>(g12, x[1], g8);
    let g14 = W::gate::<0xCA>(x[0], g13, g11);
    let g15 = W::gate::<0xCA>(x[2], g14, g10);
    let g16 = W::gate::<0xA6>(x[2], g13, g8);
    let g17 = W::gate::<0x6A>(g9, g13, x[2]);
    let g18 = W::gate::<0x68>(g17, g11, g8);
    let g19 = W::gate::<0xCA>(x[5], g18, g16);
    let g20 = W::gate::<0x46>(x[2], g16, g11);
    let g21 = W::gate::<0x68>(g20, g10, g6);
    let g22 = W::gate::<0xCA>(x[4], g21, g19);
    let g23 = W::gate::<0x26>(g22, g15, g18);
    let g24 = W::gate::<0xC2>(g23, x[2], x[4]);
    let g25 = W::gate::<0x99>(g7, x[5], g13);
    let g26 = W::gate::<0xCA>(x[1], g25, g24);
    let g27 = W::gate::<0x4B>(g14, g6, g22);
    let g28 = W::gate::<0x16>(g27, x[4], g11);
    let g29 = W::gate::<0xCA>(x[0], g28, g26);
    let g30 = W::gate::<0xA3>(g9, g20, g25);
    let g31 = W::gate::<0x87>(g16, g23, x[4]);
    let g32 = W::gate::<0xCA>(x[2], g31, g30);
    let g33 = W::gate::<0x14>(g6, g30, g27);
    let g34 = W::gate::<0x69>(g33, x[2], g8);
    let g35 = W::gate::<0xCA>(x[1], g34, g32);
    [g22, g15, g35, g29]
}

/// 30 gates.
#[inline(always)]
pub(super) fn box7<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x72>(x[3], x[0], x[4]);
    let g7 = W::gate::<0xE1>(x[0], x[4], x[3]);
    let g8 = W::gate::<0xCA>(x[2], g7, g6);
    let g9 = W::gate::<0x31>(g8, x[0], x[4]);
    let g10 = W::gate::<0x29>(g9, x[2], x[3]);
    let g11 = W::gate::<0xCA>(x[5], g10, g8);
    let g12 = W::gate::<0x1D>(x[2], x[5], x[4]);
    let g13 = W::gate::<0x39>(g12, g11, x[3]);
    let g14 = W::gate::<0x96>(g6, x[5], g10);
    let g15 = W::gate::<0xCA>(x[0], g14, g13);
    let g16 = W::gate::<0xCA>(x[1], g15, g11);
    let g17 = W::gate::<0x2D>(g15, x[4], x[5]);
    let g18 = W::gate::<0xB4>(g17, g10, x[1]);
    let g19 = W::gate::<0x2D>(g7, g16, x[5]);
    let g20 = W::gate::<0x69>(g19, x[1], x[3]);
    let g21 = W::gate::<0xCA>(x[2], g20, g18);
    let g22 = W::gate::<0x39>(g14, x[1], g17);
    let g23 = W::gate::<0xA3>(g22, g8, x[3]);
    let g24 = W::gate::<0xCA>(x[0], g23, g21);
    let g25 = W::gate::<0x53>(x[2], g20, g13);
    let g26 = W::gate::<0x39>(x[3], g15, g21);
    let g27 = W::gate::<0x16>(g18, g9, g24);
    let g28 = W::gate::<0xCA>(x[1], g27, g26);
    let g29 = W::gate::<0xCA>(x[5], g28, g25);
    let g30 = W::gate::<0x92>(g7, g16, g24);
    let g31 = W::gate::<0x65>(g10, g29, g22);
    let g32 = W::gate::<0xCA>(x[3], g31, g30);
    let g33 = W::gate::<0x24>(g6, g19, g21);
    let g34 = W::gate::<0x96>(g33, g24, g11);
    let g35 = W::gate::<0xCA>(x[5], g34, g32);
    [g24, g35, g16, g29]
}

/// 27 gates.
#[inline(always)]
pub(super) fn box8<W: Bits>(x: [W; 6]) -> [W; 4] {
    let g6 = W::gate::<0x39>(x[2], x[3], x[4]);
    let g7 = W::gate::<0xD8>(x[2], x[3], x[4]);
    let g8 = W::gate::<0xCA>(x[1], g7, g6);
    let g9 = W::gate::<0x4B>(x[2], g7, g8);
    let g10 = W::gate::<0x96>(g9, x[4], x[1]);
    let g11 = W::gate::<0xCA>(x[0], g10, g8);
    let g12 = W::gate::<0x12>(g9, g6, g7);
    let g13 = W::gate::<0x93>(g12, g11, x[0]);
    let g14 = W::gate::<0xCA>(x[5], g13, g11);
    let g15 = W::gate::<0x74>(g13, x[4], x[0]);
    let g16 = W::gate::<0x87>(g15, x[1], g12);
    let g17 = W::gate::<0x99>(g13, g16, x[1]);
    let g18 = W::gate::<0xCA>(x[2], g17, g16);
    let g19 = W::gate::<0x12>(g14, x[3], x[1]);
    let g20 = W::gate::<0x96>(g19, g10, x[0]);
    let g21 = W::gate::<0xCA>(x[5], g20, g18);
    let g22 = W::gate::<0x65>(g16, g12, g20);
    let g23 = W::gate::<0x87>(g22, g19, x[4]);
    let g24 = W::gate::<0x55>(g6, x[4], g18);
    let g25 = W::gate::<0xCA>(x[5], g24, g23);
    let g26 = W::gate::<0x62>(x[2], g7, x[4]);
    let g27 = W::gate::<0x30>(g25, g8, g13);
    let g28 = W::gate::<0x69>(g27, g21, g14);
    let g29 = W::gate::<0xCA>(x[0], g28, g26);
    let g30 = W::gate::<0x42>(x[0], g16, g22);
    let g31 = W::gate::<0xC5>(g30, x[2], g29);
    let g32 = W::gate::<0xCA>(x[1], g31, g29);
    [g25, g14, g32, g21]
}

/// What all boxes give for these inputs.
#[cfg(test)]
pub(crate) fn all<W: Bits>(inputs: [W; 6]) -> [[W; 4]; 8] {
    [
        box_of!(0, inputs),
        box_of!(1, inputs),
        box_of!(2, inputs),
        box_of!(3, inputs),
        box_of!(4, inputs),
        box_of!(5, inputs),
        box_of!(6, inputs),
        box_of!(7, inputs),
    ]
}

//! Single DES of one block, in a time that tells nothing: what MACs and session keys of cards are made of
//! where one card is served and not a day of them.
//!
//! Nothing is looked up by a secret. Each bit that a box gives is a number of 64 bits, one for each of its
//! inputs, and the input says by how much that number is turned. Permutations are moves of bits. Many blocks
//! go through `lanes` sooner.

use zeroize::Zeroizing;

use crate::chain::{Way, xor};
use crate::lanes::{DES_INTO, DES_PC2, DES_SHIFTS, Wiped};
use crate::mac::padded;

/// What a box gives, by its bits from the left: bit `i` of a number is what it is for the input `i`, of six
/// bits (FIPS 46-3). The tests hold them against the circuits of `lanes`.
pub(crate) const BOXES: [[u64; 4]; 8] = [
    [
        0x869D_497A_86E6_7619,
        0xB0C7_871B_4978_26BD,
        0x27E9_D492_609F_1F29,
        0x917B_E906_6F81_B478,
    ],
    [
        0xE196_196E_69C3_A659,
        0x68F9_3C16_9346_C3E9,
        0x746A_8B74_6294_9FC3,
        0xCD23_5AD2_B865_168F,
    ],
    [
        0x9669_2D69_6B9C_90D3,
        0xD96A_8635_26F4_794A,
        0x76B9_960C_39C2_B749,
        0x4B8D_9C63_A965_569A,
    ],
    [
        0x92C3_E719_ED90_583E,
        0xCB69_718C_74CA_0E97,
        0xACD1_168F_692C_CE71,
        0x09B7_7C1A_C349_98E7,
    ],
    [
        0x429D_CD6A_79E1_348E,
        0x695B_9CA1_9166_6B96,
        0xC70B_39C6_92F0_5D2B,
        0xA4CD_96D2_4B76_B948,
    ],
    [
        0xB44A_B695_C9A4_695B,
        0xC699_38D6_15E6_9A69,
        0x52CB_E13C_6D92_16DA,
        0x95A3_6A59_7C3C_A34C,
    ],
    [
        0x92C7_61F8_2C96_D966,
        0x869C_D966_99E6_43C3,
        0x6A95_F41A_9E4B_81F4,
        0x348E_9679_4979_69A6,
    ],
    [
        0xC17A_BD24_38C7_16B9,
        0x394E_96B1_596A_A569,
        0xA716_58A7_C8F1_3F0C,
        0x9F62_81CD_619C_7C2B,
    ],
];

/// The same, turned so that an input brings its bit to where P moves it.
#[cfg(target_pointer_width = "64")]
const TURNED: [[u64; 4]; 8] = {
    let mut out = BOXES;
    let mut at = 0;
    while at < 32 {
        out[at / 4][at % 4] = out[at / 4][at % 4].rotate_left(place(at));
        at += 1;
    }
    out
};

/// Where P moves a bit that the boxes give, counted from the right.
const fn place(at: usize) -> u32 {
    31 - DES_INTO[at] as u32
}

/// From which bit on a box has its input, counted from the right: six bits in a byte for each box, the boxes
/// 1, 3, 5 and 7 in the upper half.
const fn input_at(of_box: usize) -> usize {
    32 * (1 - of_box % 2) + 8 * (3 - of_box / 2)
}

/// The keys of sixteen rounds, in the order of the boxes' inputs.
type Rounds = Wiped<u64, 16>;

/// A key of DES with the keys of its rounds, overwritten when it goes.
pub(crate) struct SingleDes(Rounds);

/// A key's bits as PC-1 has them: the register C in the lower 28 bits of 56, D in the upper.
#[inline(always)]
const fn registers(key: &[u8; 8]) -> u64 {
    // PC-1 takes the first bits of all bytes, the second ones and so on: a square, turned.
    let square = square_turned(u64::from_le_bytes(*key));
    let [_, _, _, shared, below @ ..] = square.to_be_bytes();
    let [fifth, sixth, seventh, _] = below;
    let upper = u32::from_be_bytes([seventh, sixth, fifth, shared << 4]) >> 4;
    (upper as u64) << 28 | square >> 36
}

/// PC-2 and the order of inputs as moves of both registers: by how much they are turned to the left, and
/// which bits are then where they should be. With D above C these are fewest.
const MOVES: [(u32, u64); MOVED_BY] = {
    let (by_turn, mut out) = (moves(), [(0, 0); MOVED_BY]);
    let (mut turn, mut at) = (0, 0);
    while turn < 64 {
        if by_turn[turn as usize] != 0 {
            out[at] = (turn, by_turn[turn as usize]);
            at += 1;
        }
        turn += 1;
    }
    out
};

/// How many moves there are.
const MOVED_BY: usize = {
    let (by_turn, mut count, mut turn) = (moves(), 0, 0);
    while turn < 64 {
        count += (by_turn[turn] != 0) as usize;
        turn += 1;
    }
    count
};

const fn moves() -> [u64; 64] {
    let (mut out, mut at) = ([0; 64], 0);
    while at < 48 {
        let wire = DES_PC2[at] as usize - 1;
        let from = if wire < 28 { 27 - wire } else { 83 - wire };
        let to = input_at(at / 6) + 5 - at % 6;
        out[(64 + to - from) % 64] |= 1 << to;
        at += 1;
    }
    out
}

/// Halves of a block between the permutations at either end.
#[derive(Clone, Copy)]
struct Halves {
    left: u32,
    right: u32,
}

impl SingleDes {
    /// Takes a key's eight bytes; parity bits are not looked at.
    pub(crate) fn new(key: &[u8; 8]) -> Self {
        let mut registers = registers(key);
        let mut rounds = Rounds::blank();
        for (round, by) in rounds.iter_mut().zip(DES_SHIFTS) {
            let low = (1 << by) - 1;
            let low = low << 28 | low;
            registers = registers << by & !low | registers >> (28 - by) & low;
            for (by, mask) in MOVES {
                *round |= registers.rotate_left(by) & mask;
            }
        }
        Self(rounds)
    }

    /// Enciphers or deciphers one block in place.
    pub(crate) fn block(&self, way: Way, block: &mut [u8; 8]) {
        let mut halves = Halves::of(block);
        self.rounds(way, &mut halves);
        *block = halves.block();
    }

    /// The last block of the chain over a message, completed with `80 00…`: a MAC's first step.
    pub(crate) fn chained(&self, icv: &[u8; 8], message: &[u8]) -> [u8; 8] {
        let mut state = *icv;
        for block in padded::<8>(message) {
            xor(&mut state, &block);
            self.block(Way::Encrypt, &mut state);
        }
        state
    }

    /// All but the permutations at either end, which cancel out between two of them.
    fn rounds(&self, way: Way, halves: &mut Halves) {
        let Halves {
            mut left,
            mut right,
        } = *halves;
        for pair in 0..8 {
            let (first, second) = match way {
                Way::Encrypt => (2 * pair, 2 * pair + 1),
                Way::Decrypt => (15 - 2 * pair, 14 - 2 * pair),
            };
            left ^= through_boxes(right, self.0[first]);
            right ^= through_boxes(left, self.0[second]);
        }
        *halves = Halves {
            left: right,
            right: left,
        };
    }
}

/// Triple DES with two keys, enciphering with the first, deciphering with the second.
pub(crate) struct TripleDes {
    outer: SingleDes,
    inner: SingleDes,
}

impl TripleDes {
    /// Takes both keys side by side.
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        let (outer, inner) = both_halves(key);
        Self {
            outer: SingleDes::new(outer),
            inner: SingleDes::new(inner),
        }
    }

    /// Enciphers or deciphers one block in place.
    pub(crate) fn block(&self, way: Way, block: &mut [u8; 8]) {
        let back = match way {
            Way::Encrypt => Way::Decrypt,
            Way::Decrypt => Way::Encrypt,
        };
        let mut halves = Halves::of(block);
        self.outer.rounds(way, &mut halves);
        self.inner.rounds(back, &mut halves);
        self.outer.rounds(way, &mut halves);
        *block = halves.block();
    }
}

impl Halves {
    /// A block, permuted: its bits as a square of eight by eight, turned, with rows in another order.
    #[inline(always)]
    fn of(block: &[u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = square_turned(u64::from_le_bytes(*block)).to_be_bytes();
        Self {
            left: u32::from_be_bytes([b, d, f, h]),
            right: u32::from_be_bytes([a, c, e, g]),
        }
    }

    /// The block as it is.
    #[inline(always)]
    fn block(self) -> [u8; 8] {
        let ([b, d, f, h], [a, c, e, g]) = (self.left.to_be_bytes(), self.right.to_be_bytes());
        square_turned(u64::from_be_bytes([a, b, c, d, e, f, g, h])).to_le_bytes()
    }
}

/// Exchanges bit `i` of byte `j` with bit `j` of byte `i`, all counted from the left.
#[inline(always)]
const fn square_turned(mut square: u64) -> u64 {
    let mut moved = (square ^ square >> 7) & 0x00AA_00AA_00AA_00AA;
    square ^= moved ^ moved << 7;
    moved = (square ^ square >> 14) & 0x0000_CCCC_0000_CCCC;
    square ^= moved ^ moved << 14;
    moved = (square ^ square >> 28) & 0x0000_0000_F0F0_F0F0;
    square ^ moved ^ moved << 28
}

/// A key of two, one and the other.
pub(crate) fn both_halves(key: &[u8; 16]) -> (&[u8; 8], &[u8; 8]) {
    let [left, right] = key.as_chunks().0 else {
        unreachable!("sixteen bytes are twice eight")
    };
    (left, right)
}

/// Both halves of a key of two, XORed: what makes a TAC.
pub(crate) fn folded(key: &[u8; 16]) -> Zeroizing<[u8; 8]> {
    let (left, right) = both_halves(key);
    let mut out = Zeroizing::new(*left);
    xor(&mut out, right);
    out
}

/// The boxes over one half and a round's key, and P.
#[inline(always)]
fn through_boxes(half: u32, key: u64) -> u32 {
    // Each box takes its four bits and a neighbour on either side: of every second box at once, eight bits
    // apart.
    let sides = u64::from(half.rotate_left(29)) << 32 | u64::from(half.rotate_left(1));
    let inputs = (sides ^ key) & 0x3F3F_3F3F_3F3F_3F3F;
    let mut out = 0;
    for of_box in 0..8 {
        let input = low(inputs >> input_at(of_box) & 63);
        for at in 4 * of_box..4 * of_box + 4 {
            out |= picked(at, input);
        }
    }
    out
}

#[cfg(not(target_pointer_width = "64"))]
use by_halves as picked;
#[cfg(target_pointer_width = "64")]
use by_turning as picked;

/// What a box gives for this input, where P moves it.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
const fn by_turning(at: usize, input: u32) -> u32 {
    low(TURNED[at / 4][at % 4].rotate_right(input)) & 1 << place(at)
}

/// The same where 64 bits are two numbers, and to shift them by a secret may be a branch: a mask chooses
/// between the halves.
#[cfg(any(test, not(target_pointer_width = "64")))]
#[inline(always)]
const fn by_halves(at: usize, input: u32) -> u32 {
    let number = BOXES[at / 4][at % 4];
    let (low, high) = (low(number), low(number >> 32));
    let mask = (input >> 5).wrapping_neg();
    let half = low ^ ((low ^ high) & mask);
    (half >> (input & 31) & 1) << place(at)
}

/// The lower half.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the other half is not wanted"
)]
const fn low(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_box_gives_by_halves_what_it_gives_by_turning() {
        for at in 0..32 {
            for input in 0..64 {
                assert_eq!(by_halves(at, input), by_turning(at, input), "{at} {input}");
                let bit = (BOXES[at / 4][at % 4] >> input & 1) as u32;
                assert_eq!(by_turning(at, input), bit << place(at), "{at} {input}");
            }
        }
    }

    #[test]
    fn the_numbers_are_what_the_circuits_say() {
        // Of all inputs, their bits from the left.
        let inputs = core::array::from_fn(|bit| {
            (0..64).fold(0, |plane, input| plane | (input >> (5 - bit) & 1) << input)
        });
        assert_eq!(BOXES, crate::lanes::des_boxes_of(inputs));
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_another_implementation(key: [u8; 16], block: [u8; 8]) {
            use ::des::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
            let half = key.first_chunk().expect("of sixteen");
            let (ours, theirs) = (SingleDes::new(half), ::des::Des::new(&(*half).into()));
            let (ours3, theirs3) = (TripleDes::new(&key), ::des::TdesEde2::new(&key.into()));
            let (mut found, mut expected) = (block, block.into());
            ours.block(Way::Encrypt, &mut found);
            theirs.encrypt_block(&mut expected);
            prop_assert_eq!(found, <[u8; 8]>::from(expected));
            ours3.block(Way::Encrypt, &mut found);
            theirs3.encrypt_block(&mut expected);
            prop_assert_eq!(found, <[u8; 8]>::from(expected));
            ours3.block(Way::Decrypt, &mut found);
            ours.block(Way::Decrypt, &mut found);
            prop_assert_eq!(found, block);
            ours.block(Way::Decrypt, &mut found);
            let mut expected = block.into();
            theirs.decrypt_block(&mut expected);
            prop_assert_eq!(found, <[u8; 8]>::from(expected));
            ours3.block(Way::Decrypt, &mut found);
            theirs3.decrypt_block(&mut expected);
            prop_assert_eq!(found, <[u8; 8]>::from(expected));
        }
    }
}

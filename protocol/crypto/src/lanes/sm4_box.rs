//! SM4's box as what it was made of, for processors that have parts of it: an affine map, the inverse in
//! GF(2^8), another map. In the field of AES the maps are those here.

/// An affine map as GFNI has it: the row for bit `i` is byte `7 - i`, counted from the least; and what is
/// added.
pub(super) type Affine = (u64, u8);

/// The map before the inverse.
pub(super) const SM4_BEFORE: Affine = (0x4C28_7DB9_1A22_505D, 0x3E);

/// The map after it.
pub(super) const SM4_AFTER: Affine = (0xF3AB_34A9_74A6_B589, 0xD3);

/// The map of AES after its inverse.
#[cfg(target_arch = "x86_64")]
pub(super) const AES_AFTER: Affine = (0xF1E3_C78F_1F3E_7CF8, 0x63);

/// What a map makes of a byte.
pub(super) const fn affine((rows, add): Affine, byte: u8) -> u8 {
    let (rows, mut out, mut bit) = (rows.to_be_bytes(), add, 0);
    while bit < 8 {
        if !(rows[bit] & byte).count_ones().is_multiple_of(2) {
            out ^= 1 << bit;
        }
        bit += 1;
    }
    out
}

/// The whole box, for a processor that looks up in registers.
#[cfg(any(test, target_arch = "aarch64"))]
pub(super) const BOX: [[u8; 64]; 4] = {
    let (mut out, mut byte) = ([[0; 64]; 4], 0u8);
    loop {
        out[byte as usize / 64][byte as usize % 64] =
            affine(SM4_AFTER, inverse(affine(SM4_BEFORE, byte)));
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    out
};

/// The inverse modulo x^8 + x^4 + x^3 + x + 1, and zero for zero: the power of 254.
#[cfg(any(test, target_arch = "aarch64"))]
const fn inverse(byte: u8) -> u8 {
    let (mut out, mut power, mut bit) = (1, byte, 1);
    while bit < 8 {
        power = product(power, power);
        out = product(out, power);
        bit += 1;
    }
    out
}

#[cfg(any(test, target_arch = "aarch64"))]
const fn product(a: u8, b: u8) -> u8 {
    let (mut out, mut bit) = (0, 8);
    while bit > 0 {
        bit -= 1;
        out = (out << 1) ^ if out >> 7 == 1 { 0x1B } else { 0 };
        if b >> bit & 1 == 1 {
            out ^= a;
        }
    }
    out
}

//! The form of a command of the naive purse, in two parts: what is looked at before the life of
//! the application, and what after.

use crate::Sw;
use crate::apdu::Apdu;

/// The classes that an instruction comes in; none for an instruction that is not the purse's.
fn classes(ins: u8) -> Option<&'static [u8]> {
    Some(match ins {
        0xB0 | 0xB2 | 0x84 | 0x88 | 0x82 | 0x20 => &[0x00],
        0xD6 | 0xE2 => &[0x00, 0x04],
        0xDC => &[0x00, 0x04, 0x80],
        0x24 | 0x1E | 0x18 | 0x16 => &[0x84],
        0x50 | 0x52 | 0x54 | 0x58 | 0x5A | 0x5C | 0x5E => &[0x80],
        _ => return None,
    })
}

fn parameters_fit(apdu: &Apdu) -> bool {
    let (p1, p2) = (apdu.p1, apdu.p2);
    match (apdu.ins, apdu.cla) {
        (0xB0 | 0xD6, _) => p1 & 0xE0 == 0x80,
        (0xDC, 0x80) => p2 & 7 == 0,
        (0xB2 | 0xDC, _) => matches!(p2 & 7, 0 | 4),
        (0xE2, _) => p2 & 7 == 0 && p1 == 0,
        (0x88 | 0x82 | 0x5A, _) => p1 == 0,
        (0x24, _) => (p1, p2) == (0, 1),
        (0x1E, _) => p1 == 0 && p2 <= 1,
        (0x5C, _) => p1 <= 3 && p2 == 2,
        (0x50, _) => p1 == 4 || (matches!(p1, 0 | 1 | 3 | 5) && p2 == 2),
        (0x54, _) => matches!(p1, 1 | 3) && p2 == 0,
        (0x5E, _) => p1 <= 1 && p2 == 0,
        (0x58, _) => true,
        _ => (p1, p2) == (0, 0),
    }
}

/// How many bytes of data a command has, and whether it must say how many it wants.
fn lengths_fit(apdu: &Apdu, block_len: usize) -> bool {
    let len = apdu.data.len();
    match (apdu.ins, apdu.cla) {
        (0xB0 | 0xB2 | 0x5C, _) => len == 0 && apdu.le.is_some(),
        (0x84, _) => len == 0 && matches!(apdu.le, Some(4 | 8)),
        (0x58, _) => true,
        (0x50, _) if apdu.p1 == 4 => true,
        (0xD6 | 0xE2 | 0xDC, 0x04) => len > 4,
        (0xD6 | 0xE2 | 0xDC, _) => len > 0,
        (0x88, _) => len == 8,
        (0x82, _) => len == block_len,
        (0x20, _) => (2..=6).contains(&len),
        (0x24, _) => len == block_len + 4,
        (0x50 | 0x52, _) => len == 11,
        (0x54, _) if apdu.p1 == 1 => len == 15,
        (0x54, _) => len == 11,
        (0x5A, _) => len == 2,
        (0x5E, _) if apdu.p1 == 1 => (5..=13).contains(&len),
        (0x5E, _) => (6..=10).contains(&len),
        _ => len == 4,
    }
}

/// Class and instruction.
pub(super) fn is_known(apdu: &Apdu) -> Result<(), Sw> {
    if !matches!(apdu.cla, 0x00 | 0x04 | 0x80 | 0x84) {
        return Err(0x6E00);
    }
    match classes(apdu.ins) {
        None => Err(0x6D00),
        Some(classes) if !classes.contains(&apdu.cla) => Err(0x6E00),
        Some(_) => Ok(()),
    }
}

/// P1 P2, then lengths, then whether two PINs are two PINs.
pub(super) fn holds(apdu: &Apdu, block_len: usize) -> Result<(), Sw> {
    if !parameters_fit(apdu) {
        return Err(0x6A86);
    }
    if !lengths_fit(apdu, block_len) {
        return Err(0x6700);
    }
    if (apdu.ins, apdu.p1) == (0x5E, 1) && !holds_two_pins(&apdu.data) {
        return Err(0x6A80);
    }
    Ok(())
}

fn holds_two_pins(data: &[u8]) -> bool {
    let Some(middle) = data.iter().position(|byte| *byte == 0xFF) else {
        return false;
    };
    let is_pin = |len: usize| (2..=6).contains(&len);
    is_pin(middle) && is_pin(data.len() - middle - 1)
}

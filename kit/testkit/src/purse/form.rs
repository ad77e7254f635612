//! The form of a command of the naive purse: class, instruction, P1 P2, lengths, in this order.

use super::{Apdu, Sw};

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
    let sfi = p2 >> 3;
    match (apdu.ins, apdu.cla) {
        (0xB0 | 0xD6, _) => p1 & 0xE0 == 0x80 && p1 & 0x1F != 0,
        (0xB2, _) => sfi != 0 && matches!((p2 & 7, p1), (4, 1..) | (0, _)),
        (0xDC, 0x80) => sfi != 0 && p2 & 7 == 0,
        (0xDC, _) => sfi != 0 && p2 & 7 == 4 && p1 != 0,
        (0xE2, _) => sfi != 0 && p2 & 7 == 0 && p1 == 0,
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

/// How many bytes of data a command has, and how many its answer has.
fn lengths_fit(apdu: &Apdu) -> bool {
    let len = apdu.data.len();
    let (data_fits, answer) = match (apdu.ins, apdu.cla) {
        (0xB0 | 0xB2, _) => return len == 0 && apdu.le.is_some(),
        (0x84, _) => return len == 0 && matches!(apdu.le, Some(4 | 8)),
        (0x58, _) => return true,
        (0x50, _) if apdu.p1 == 4 => return true,
        (0xD6 | 0xE2, 0x04) => (len > 4, 0),
        (0xDC, 0x04) => (len > 4, 0),
        (0xD6 | 0xE2 | 0xDC, _) => (len > 0, 0),
        (0x88, _) => (len == 8, 8),
        (0x82, _) => (len == 8, 0),
        (0x20, _) => ((2..=6).contains(&len), 0),
        (0x24, _) => (matches!(len, 12 | 20), 0),
        (0x5C, _) => (len == 0, 4),
        (0x50, _) if matches!(apdu.p1, 1 | 3) => (len == 11, 15),
        (0x50, _) => (len == 11, 16),
        (0x52, _) => (len == 11, 4),
        (0x54, _) if apdu.p1 == 1 => (len == 15, 8),
        (0x54, _) => (len == 11, 4),
        (0x5A, _) => (len == 2, 8),
        (0x5E, _) if apdu.p1 == 1 => ((5..=13).contains(&len), 0),
        (0x5E, _) => ((6..=10).contains(&len), 0),
        _ => (len == 4, 0),
    };
    data_fits && apdu.le.is_none_or(|le| le == 0 || le == answer)
}

/// The first thing wrong about a command's form.
pub(super) fn check(apdu: &Apdu) -> Result<(), Sw> {
    if !matches!(apdu.cla, 0x00 | 0x04 | 0x80 | 0x84) {
        return Err(0x6E00);
    }
    let classes = classes(apdu.ins).ok_or(0x6D00_u16)?;
    if !classes.contains(&apdu.cla) {
        return Err(0x6E00);
    }
    if !parameters_fit(apdu) {
        return Err(0x6A86);
    }
    if !lengths_fit(apdu) {
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

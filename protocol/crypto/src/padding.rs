//! Padding of ISO/IEC 7816-4 (method 2 of ISO/IEC 9797-1): `80`, then zeros to the block.

use alloc::vec::Vec;

/// Appends `80 00…` up to a whole number of blocks; a whole block when already aligned.
pub fn pad(data: &mut Vec<u8>, block: usize) {
    data.push(0x80);
    while !data.len().is_multiple_of(block) {
        data.push(0);
    }
}

/// What stands before the padding; `None` when `80 00…` is not at the end.
#[must_use]
pub fn unpad(data: &[u8]) -> Option<&[u8]> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    let (body, rest) = data.split_at_checked(end)?;
    (rest.first() == Some(&0x80)).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_padded_comes_back_and_is_whole_blocks() {
        for block in [8, 16] {
            for len in 0..40u8 {
                let body: Vec<u8> = (0..len)
                    .map(|i| if i % 3 == 0 { 0x80 } else { 0 })
                    .collect();
                let mut data = body.clone();
                pad(&mut data, block);
                assert!(data.len().is_multiple_of(block) && data.len() > body.len());
                assert_eq!(unpad(&data), Some(&body[..]));
            }
        }
    }

    #[test]
    fn no_marker_is_no_padding() {
        for bad in [&[][..], &[0, 0], &[0x80, 1, 0], &[0x81]] {
            assert_eq!(unpad(bad), None);
        }
    }
}

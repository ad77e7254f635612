//! What SELECT answers.

use alloc::vec::Vec;

use tongtu_apdu::select::{self, Aid};
use tongtu_apdu::tlv::{self, Tag};

const LABEL: Tag = Tag::new(0x50);
const VERSION: Tag = Tag::new(0x9F08);

/// FCI: `6F { 84 AID, A5 { 50 label, 9F08 version } }`; an empty label is left out.
#[must_use]
pub fn fci(aid: &Aid, label: &[u8], version: u16) -> Vec<u8> {
    let mut inside = Vec::new();
    if !label.is_empty() {
        tlv::write(LABEL, label, &mut inside);
    }
    tlv::write(VERSION, &version.to_be_bytes(), &mut inside);
    select::fci(aid, &inside)
}

/// The protocol version that an FCI gives, wherever it stands; one byte is taken too.
#[must_use]
pub fn version_in(fci: &[u8]) -> Option<u16> {
    match tlv::find_deep(fci, VERSION)? {
        [low] => Some(u16::from(*low)),
        [high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_is_written() {
        let fci = fci(&crate::NFC_CODE, b"MOT_T_QR", 0x0100);
        assert_eq!(
            tongtu_codec::hex_encode(&fci),
            "6f1b8408f054544e46435152a50f50084d4f545f545f51529f08020100"
        );
        assert_eq!(version_in(&fci), Some(0x0100));
        assert_eq!(version_in(&[0x9F, 0x08, 0x01, 0x02]), Some(2));
        assert_eq!(version_in(&[0x9F, 0x08, 0x00]), None);
        assert_eq!(version_in(&[]), None);
    }
}

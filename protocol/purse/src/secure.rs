//! Secure messaging (安全报文) of the purse: a MAC over the command, and enciphered data.
//!
//! The MAC covers CLA INS P1 P2 Lc ‖ data, Lc counting the MAC itself; its initial value is the
//! 4-byte challenge of the card. Not here: which key a command needs.

use alloc::vec::Vec;

use tongtu_apdu::Command;
use tongtu_crypto::mac::{SessionKey, secure_messaging};
use tongtu_crypto::{Algorithm, BlockKey, BlockKeyError};
use zeroize::Zeroizing;

use crate::proof::{self, Code};

/// Bytes of a MAC in a command.
pub const MAC_LEN: usize = 4;

/// The MAC of a command whose data field does not hold it yet.
///
/// # Panics
/// When the data field exceeds 251 bytes; no command of the purse does.
#[must_use]
pub fn mac(key: &BlockKey, challenge: &[u8; 4], command: &Command) -> Code {
    let lc = u8::try_from(command.data.len() + MAC_LEN).expect("a short command");
    let message = [&command.header()[..], &[lc], &command.data].concat();
    secure_messaging(key, challenge, &message)
}

/// The command with its MAC appended.
#[must_use]
pub fn sealed(key: &BlockKey, challenge: &[u8; 4], mut command: Command) -> Command {
    let mac = mac(key, challenge, &command);
    command.data.extend(mac);
    command
}

/// Whether the last four data bytes of a command are its MAC, in constant time.
#[must_use]
pub fn holds(key: &BlockKey, challenge: &[u8; 4], command: &Command) -> bool {
    let Some((data, found)) = command.data.split_last_chunk::<MAC_LEN>() else {
        return false;
    };
    let mut bare = command.clone();
    bare.data = data.to_vec();
    proof::same(&mac(key, challenge, &bare), found)
}

/// The MAC of RELOAD PIN: over the PIN alone, without a challenge, like a TAC.
///
/// Halves of the key XORed for 3DES as the e-purse of JR/T 0025 has it; the whole key for SM4.
#[must_use]
pub fn reload_pin_mac(key: &BlockKey, pin: &[u8]) -> Code {
    SessionKey::for_tac(key).mac(pin)
}

/// Enciphers data: `Ld ‖ data`, completed with `80 00…` only when not aligned, each block for
/// itself.
///
/// # Panics
/// When the data exceed 255 bytes.
#[must_use]
pub fn encipher(key: &BlockKey, data: &[u8]) -> Vec<u8> {
    let block = key.algorithm().block_len();
    let len = u8::try_from(data.len()).expect("a short command");
    let mut out = Vec::with_capacity(data.len() + 1 + block);
    out.push(len);
    out.extend(data);
    if !out.len().is_multiple_of(block) {
        out.push(0x80);
        out.resize(out.len().next_multiple_of(block), 0);
    }
    key.encrypt_blocks(&mut out).expect("whole blocks");
    out
}

/// Why enciphered data cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecipherError {
    /// Not whole blocks.
    #[error("enciphered data: {0}")]
    Blocks(#[from] BlockKeyError),
    /// The length in front does not fit, or what follows is no padding: another key, most
    /// likely.
    #[error("enciphered data do not begin with their length, or end without padding")]
    Content,
}

/// Deciphers what [`encipher`] made.
///
/// # Errors
/// [`DecipherError`]; a wrong key is most often noticed so.
pub fn decipher(key: &BlockKey, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecipherError> {
    let mut plain = Zeroizing::new(data.to_vec());
    key.decrypt_blocks(&mut plain)?;
    let [len, rest @ ..] = &plain[..] else {
        return Err(DecipherError::Content);
    };
    let (content, padding) = rest
        .split_at_checked(usize::from(*len))
        .ok_or(DecipherError::Content)?;
    let padded = match padding {
        [] => true,
        [0x80, zeros @ ..] => {
            zeros.len() + 1 < key.algorithm().block_len() && zeros.iter().all(|b| *b == 0)
        }
        _ => false,
    };
    if padded {
        Ok(Zeroizing::new(content.to_vec()))
    } else {
        Err(DecipherError::Content)
    }
}

/// What INTERNAL and EXTERNAL AUTHENTICATE compute over eight bytes: one block.
///
/// UNSPECIFIED: for SM4 the eight bytes are completed with `80 00…`, as session keys are.
#[must_use]
pub fn cryptogram(key: &BlockKey, data: &[u8; 8]) -> Vec<u8> {
    let mut block = data.to_vec();
    if key.algorithm() == Algorithm::Sm4 {
        block.extend([0x80, 0, 0, 0, 0, 0, 0, 0]);
    }
    key.encrypt_blocks(&mut block).expect("one whole block");
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_codec::{hex_decode, hex_encode};

    use super::*;

    fn key(algorithm: Algorithm) -> BlockKey {
        BlockKey::new(
            algorithm,
            *b"\xD0\xD1\xD2\xD3\xD4\xD5\xD6\xD7\xD8\xD9\xDA\xDB\xDC\xDD\xDE\xDF",
        )
    }

    #[test]
    fn derived_vectors_of_the_mac() {
        // command without its MAC; MAC for 3DES and for SM4
        for (header, data, tdes, sm4) in [
            ("841E0000", "", "91e4c081", "7afc22a9"),
            ("84180000", "", "de8df901", "4519126b"),
            ("84160000", "", "8c5c43de", "f8f3a448"),
            ("04D69600", "01", "c8c7d5d7", "969fdb2f"),
        ] {
            let h = hex_decode(header).expect("hex");
            let command =
                Command::new(h[0], h[1], h[2], h[3]).with_data(hex_decode(data).expect("hex"));
            let challenge = [0x11, 0x22, 0x33, 0x44];
            for (algorithm, expected) in [(Algorithm::Tdes, tdes), (Algorithm::Sm4, sm4)] {
                let found = mac(&key(algorithm), &challenge, &command);
                assert_eq!(hex_encode(&found), expected, "{header} {algorithm:?}");
            }
        }
    }

    #[test]
    fn derived_vector_of_external_authentication() {
        let bytes = hex_decode("00112233445566778899AABBCCDDEEFF").expect("hex");
        let key = BlockKey::new(Algorithm::Tdes, bytes.try_into().expect("16 bytes"));
        let data = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
        assert_eq!(hex_encode(&cryptogram(&key, &data)), "496bd7a351364453");
        assert_eq!(hex_encode(&key.kcv()), "fb0975");
    }

    #[test]
    fn only_data_that_are_not_aligned_are_padded() {
        let tdes = key(Algorithm::Tdes);
        assert_eq!(encipher(&tdes, &[1; 7]).len(), 8);
        assert_eq!(encipher(&tdes, &[1; 8]).len(), 16);
        assert_eq!(encipher(&key(Algorithm::Sm4), &[1; 3]).len(), 16);
    }

    proptest! {
        #[test]
        fn what_is_enciphered_is_deciphered(
            data in proptest::collection::vec(any::<u8>(), 0..60), sm4: bool,
        ) {
            let key = key(if sm4 { Algorithm::Sm4 } else { Algorithm::Tdes });
            let back = decipher(&key, &encipher(&key, &data)).expect("our own bytes");
            prop_assert_eq!(&back[..], &data[..]);
        }

        #[test]
        fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decipher(&key(Algorithm::Tdes), &data);
            let _ = decipher(&key(Algorithm::Sm4), &data);
        }
    }
}

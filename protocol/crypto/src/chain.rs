//! Cipher block chaining over any of our ciphers; whole blocks, IV given.

use crate::symmetric::{BlockKeyError, whole_blocks_mut};

/// Which way a chain runs.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Encrypt,
    Decrypt,
}

/// Runs CBC in place; `block` enciphers or deciphers one block, as `way` says.
pub(crate) fn cbc<const N: usize>(
    way: Way,
    iv: &[u8; N],
    data: &mut [u8],
    mut block: impl FnMut(&mut [u8; N]),
) -> Result<(), BlockKeyError> {
    let mut last = *iv;
    for chunk in whole_blocks_mut(data)? {
        match way {
            Way::Encrypt => {
                xor(chunk, &last);
                block(chunk);
                last = *chunk;
            }
            Way::Decrypt => {
                let cipher = *chunk;
                block(chunk);
                xor(chunk, &last);
                last = cipher;
            }
        }
    }
    Ok(())
}

/// XORs `other` into `state`.
pub(crate) fn xor<const N: usize>(state: &mut [u8; N], other: &[u8; N]) {
    for (s, b) in state.iter_mut().zip(other) {
        *s ^= b;
    }
}

//! Block ciphers and the MACs built on them, a second time and by the simplest loops.
//!
//! Nothing here is shared with the product: when a MAC of the card agrees with one from here, two
//! writers read the clause the same way. Nothing here is fast, constant in time or wiped.

use aes::Aes128;
use des::Des;
use des::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use sm4::Sm4;

/// The card's two sets of algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Two-key triple DES.
    Tdes,
    /// SM4.
    Sm4,
}

impl Algorithm {
    /// Bytes of a block.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Tdes => 8,
            Self::Sm4 => 16,
        }
    }

    /// One block enciphered with a 16-byte key.
    #[must_use]
    pub fn encrypt(self, key: &[u8], block: &[u8]) -> Vec<u8> {
        match self {
            Self::Tdes => tdes_encrypt(key, block),
            Self::Sm4 => sm4_encrypt(key, block),
        }
    }

    /// One block deciphered with a 16-byte key.
    #[must_use]
    pub fn decrypt(self, key: &[u8], block: &[u8]) -> Vec<u8> {
        match self {
            Self::Tdes => tdes_decrypt(key, block),
            Self::Sm4 => one::<Sm4>(key, block, false),
        }
    }
}

/// One block with one raw cipher.
fn one<C>(key: &[u8], block: &[u8], forwards: bool) -> Vec<u8>
where
    C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser,
{
    let cipher = C::new_from_slice(key).expect("a key of the cipher's length");
    let mut block = Block::<C>::try_from(block).expect("a block of the cipher's length");
    if forwards {
        cipher.encrypt_block(&mut block);
    } else {
        cipher.decrypt_block(&mut block);
    }
    block.to_vec()
}

/// Single DES, one block.
#[must_use]
pub fn des_encrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    one::<Des>(key, block, true)
}

/// Single DES backwards, one block.
#[must_use]
pub fn des_decrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    one::<Des>(key, block, false)
}

/// Two-key triple DES, one block.
#[must_use]
pub fn tdes_encrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    des_encrypt(
        &key[..8],
        &des_decrypt(&key[8..], &des_encrypt(&key[..8], block)),
    )
}

/// Two-key triple DES backwards, one block.
#[must_use]
pub fn tdes_decrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    des_decrypt(
        &key[..8],
        &des_encrypt(&key[8..], &des_decrypt(&key[..8], block)),
    )
}

/// SM4, one block.
#[must_use]
pub fn sm4_encrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    one::<Sm4>(key, block, true)
}

/// AES-128, one block.
#[must_use]
pub fn aes_encrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    one::<Aes128>(key, block, true)
}

/// AES-128 backwards, one block.
#[must_use]
pub fn aes_decrypt(key: &[u8], block: &[u8]) -> Vec<u8> {
    one::<Aes128>(key, block, false)
}

/// `80 00…` up to whole blocks, at least one byte.
#[must_use]
pub fn pad(data: &[u8], block_len: usize) -> Vec<u8> {
    let mut out = data.to_vec();
    out.push(0x80);
    while !out.len().is_multiple_of(block_len) {
        out.push(0);
    }
    out
}

/// Byte by byte exclusive or.
#[must_use]
pub fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

/// CBC over whole blocks with whatever enciphers one block.
#[must_use]
pub fn cbc(encrypt: impl Fn(&[u8]) -> Vec<u8>, iv: &[u8], data: &[u8]) -> Vec<u8> {
    let mut chain = iv.to_vec();
    let mut out = Vec::new();
    for block in data.chunks(iv.len()) {
        chain = encrypt(&xor(&chain, block));
        out.extend_from_slice(&chain);
    }
    out
}

/// CBC backwards.
#[must_use]
pub fn cbc_back(decrypt: impl Fn(&[u8]) -> Vec<u8>, iv: &[u8], data: &[u8]) -> Vec<u8> {
    let mut chain = iv.to_vec();
    let mut out = Vec::new();
    for block in data.chunks(iv.len()) {
        out.extend(xor(&chain, &decrypt(block)));
        chain = block.to_vec();
    }
    out
}

fn last_block(chained: Vec<u8>, block_len: usize) -> Vec<u8> {
    chained[chained.len() - block_len..].to_vec()
}

/// CBC-MAC of padded data, the whole last block.
#[must_use]
pub fn cbc_mac(encrypt: impl Fn(&[u8]) -> Vec<u8>, iv: &[u8], data: &[u8]) -> Vec<u8> {
    last_block(cbc(encrypt, iv, &pad(data, iv.len())), iv.len())
}

/// MAC algorithm 3 of ISO/IEC 9797-1: a DES chain with the left half, the last block through the
/// right half backwards and the left half again. The whole last block.
#[must_use]
pub fn retail_mac(key: &[u8], iv: &[u8], data: &[u8]) -> Vec<u8> {
    let last = cbc_mac(|block| des_encrypt(&key[..8], block), iv, data);
    des_encrypt(&key[..8], &des_decrypt(&key[8..], &last))
}

/// CMAC with AES-128: the whole 16 bytes.
#[must_use]
pub fn aes_cmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    cmac(|block| aes_encrypt(key, block), data)
}

/// CMAC with whatever enciphers one block of 16 bytes: the whole 16 bytes.
#[must_use]
pub fn cmac(encrypt: impl Fn(&[u8]) -> Vec<u8>, data: &[u8]) -> Vec<u8> {
    let double = |block: &[u8]| -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        for (index, byte) in block.iter().enumerate() {
            let carry = block.get(index + 1).map_or(0, |next| next >> 7);
            out.push(byte << 1 | carry);
        }
        if block[0] & 0x80 != 0 {
            out[15] ^= 0x87;
        }
        out
    };
    let k1 = double(&encrypt(&[0; 16]));
    let k2 = double(&k1);
    let whole = !data.is_empty() && data.len().is_multiple_of(16);
    let mut message = if whole { data.to_vec() } else { pad(data, 16) };
    let start = message.len() - 16;
    let last = xor(&message[start..], if whole { &k1 } else { &k2 });
    message.truncate(start);
    message.extend(last);
    last_block(cbc(encrypt, &[0; 16], &message), 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
            .collect()
    }

    #[test]
    fn cmac_is_that_of_rfc_4493() {
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
        assert_eq!(aes_cmac(&key, &[]), hex("bb1d6929e95937287fa37d129b756746"));
        assert_eq!(
            aes_cmac(&key, &hex("6bc1bee22e409f96e93d7e117393172a")),
            hex("070a16b46b4d4144f79bdd9dd04a287c")
        );
        assert_eq!(
            aes_cmac(
                &key,
                &hex(
                    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
                )
            ),
            hex("dfa66747de9ae63030ca32611497c827")
        );
    }

    #[test]
    fn sm4_is_that_of_its_standard() {
        let key = hex("0123456789abcdeffedcba9876543210");
        assert_eq!(
            sm4_encrypt(&key, &key),
            hex("681edf34d206965e86b3e94f536e4246")
        );
    }

    #[test]
    fn what_was_enciphered_comes_back() {
        let key = hex("00112233445566778899AABBCCDDEEFF");
        let text = hex("1122334455667788");
        assert_eq!(tdes_encrypt(&key, &text), hex("496BD7A351364453"));
        assert_eq!(tdes_decrypt(&key, &tdes_encrypt(&key, &text)), text);
        let block = [text.clone(), text].concat();
        assert_eq!(aes_decrypt(&key, &aes_encrypt(&key, &block)), block);
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            let block = &block[..algorithm.block_len()];
            assert_eq!(
                algorithm.decrypt(&key, &algorithm.encrypt(&key, block)),
                block
            );
        }
    }

    #[test]
    fn cbc_goes_back() {
        let key = hex("00112233445566778899AABBCCDDEEFF");
        let text = pad(b"three blocks and a bit more here", 8);
        let there = cbc(|block| tdes_encrypt(&key, block), &[7; 8], &text);
        assert_eq!(
            cbc_back(|block| tdes_decrypt(&key, block), &[7; 8], &there),
            text
        );
    }

    #[test]
    fn the_secure_messaging_mac_of_the_application_block_example() {
        // Card reference example: key D0..DF, challenge 11223344, 84 1E 00 00 04.
        let key = hex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF");
        let mac = retail_mac(&key, &hex("1122334400000000"), &hex("841E000004"));
        assert_eq!(mac[..4], hex("91E4C081"));
        let sm4 = cbc_mac(
            |block| sm4_encrypt(&key, block),
            &hex("11223344000000000000000000000000"),
            &hex("841E000004"),
        );
        assert_eq!(sm4[..4], hex("7AFC22A9"));
    }
}

//! The same fields put to OpenSSL's command line.

use tongtu_codec::hex_encode;
use tongtu_foreign::{openssl, tool};

use crate::work::bytes;

/// ECB without padding; `None` where this OpenSSL does not know the cipher.
fn ecb(cipher: &str, decipher: bool, key: &str, data: &[u8]) -> Vec<u8> {
    let direction = if decipher { "-d" } else { "-e" };
    let args = ["enc", cipher, direction, "-K", key, "-nopad"];
    openssl(&args, data).expect("OpenSSL knows the cipher")
}

/// Cipher of the keys, TMK, field 62, and the keys that both of us take out of it.
#[test]
fn openssl_takes_the_same_keys_out_of_field_62() {
    if tool("openssl").is_none() {
        return;
    }
    for (cipher, master, wrapped, kcv, clear) in [
        (
            "-des-ede",
            "0123456789ABCDEFFEDCBA9876543210",
            "B41191ECDBBB637301717704CF26A06A",
            "B220B34D",
            "1F2F3D4C5B6B798997A7B5C4D3E3F101",
        ),
        (
            "-des-ede",
            "CA5D92598DCA48CE8A4C76361A9269E9",
            "6701EAD6A9AD51E51AA406E2C27FCFA9",
            "8D0A74B8",
            "807A23AD32B36D457AE91FDF927570EA",
        ),
        (
            "-sm4-ecb",
            "31323334353637383930414243444546",
            "20F7F93B26655EB93524E8750D1BF1E2",
            "8ACE66C6",
            "A0B1C2D3E4F5061728394A5B6C7D8E9F",
        ),
    ] {
        let found = ecb(cipher, true, master, &bytes(wrapped));
        assert_eq!(hex_encode(&found).to_uppercase(), clear, "{cipher}");
        let zeros = if cipher == "-sm4-ecb" { 16 } else { 8 };
        let check = ecb(cipher, false, clear, &vec![0; zeros]);
        assert_eq!(hex_encode(&check[..4]).to_uppercase(), kcv, "{cipher}");
    }
}

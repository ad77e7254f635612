//! What secure channels ask for: FIPS 197, NIST SP 800-38A, RFC 4493, FIPS 180-4, and
//! published SCP02 and SCP03 sessions seen in public implementations.

use proptest::prelude::*;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{KeyLengthError, TdesKey, WideCipher, WideKey, equal, padding, sha2};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    hex_decode(text).unwrap().try_into().unwrap()
}

fn aes(key: &str) -> WideKey {
    let bytes = hex_decode(key).unwrap();
    WideKey::new(WideCipher::aes(bytes.len()).unwrap(), &bytes).unwrap()
}

const K16: &str = "000102030405060708090A0B0C0D0E0F";

#[test]
fn aes_examples_of_fips_197() {
    let plain: [u8; 16] = hex("00112233445566778899AABBCCDDEEFF");
    for (key, cipher) in [
        (K16.to_owned(), "69C4E0D86A7B0430D8CDB78070B4C55A"),
        (
            format!("{K16}1011121314151617"),
            "DDA97CA4864CDFE06EAF70A0EC0D7191",
        ),
        (
            format!("{K16}101112131415161718191A1B1C1D1E1F"),
            "8EA2B7CA516745BFEAFC49904B496089",
        ),
    ] {
        let key = aes(&key);
        let mut data = plain;
        key.encrypt_blocks(&mut data).unwrap();
        assert_eq!(data, hex(cipher));
        key.decrypt_blocks(&mut data).unwrap();
        assert_eq!(data, plain);
        assert!(key.encrypt_blocks(&mut [0; 17]).is_err());
        assert!(key.decrypt_cbc(&[0; 16], &mut [0; 15]).is_err());
    }
}

#[test]
fn aes_cbc_example_of_sp_800_38a() {
    let key = aes("2B7E151628AED2A6ABF7158809CF4F3C");
    let plain = "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51";
    let cipher = "7649ABAC8119B246CEE98E9B12E9197D5086CB9B507219EE95DB113A917678B2";
    let mut data: [u8; 32] = hex(plain);
    key.encrypt_cbc(&hex(K16), &mut data).unwrap();
    assert_eq!(data, hex(cipher));
    key.decrypt_cbc(&hex(K16), &mut data).unwrap();
    assert_eq!(data, hex(plain));
}

#[test]
fn aes_cmac_examples_of_rfc_4493_in_one_part_or_many() {
    let key = aes("2B7E151628AED2A6ABF7158809CF4F3C");
    let message: [u8; 64] = hex(
        "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51\
         30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710",
    );
    for (len, mac) in [
        (0, "BB1D6929E95937287FA37D129B756746"),
        (16, "070A16B46B4D4144F79BDD9DD04A287C"),
        (40, "DFA66747DE9AE63030CA32611497C827"),
        (64, "51F0BEBF7E3B9D92FC49741779363CFE"),
    ] {
        let message = &message[..len];
        assert_eq!(key.cmac(&[message]), hex(mac));
        let (a, b) = message.split_at(len / 3);
        assert_eq!(key.cmac(&[a, &[], b]), hex(mac));
    }
}

#[test]
fn aes_cmac_examples_of_sp_800_38b_for_the_longer_keys() {
    let message: [u8; 40] =
        hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411");
    let key = aes("8E73B0F7DA0E6452C810F32B809079E562F8EAD2522C6B7B");
    assert_eq!(
        key.cmac(&[&message]),
        hex("8A1DE5BE2EB31AAD089A82E6EE908B0E")
    );
    let key = aes("603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4");
    assert_eq!(
        key.cmac(&[&message]),
        hex("AAF3D8F1DE5640C232F5B169B9C911E6")
    );
}

#[test]
fn key_check_values_name_the_cipher() {
    let bytes: [u8; 16] = hex("404142434445464748494A4B4C4D4E4F");
    assert_eq!(TdesKey::new(bytes).kcv(), hex("8BAF47"));
    let aes = WideKey::new(WideCipher::Aes128, &bytes).unwrap();
    assert_eq!(aes.kcv(), hex("504A77"));
    assert_eq!(format!("{aes:?}"), "WideKey(Aes128, kcv 504A77)");
    assert_eq!(format!("{:?}", TdesKey::new(bytes)), "TdesKey(kcv 8BAF47)");
    assert_eq!(
        WideKey::new(WideCipher::Aes256, &bytes).unwrap_err(),
        KeyLengthError {
            cipher: WideCipher::Aes256,
            expected: 32,
            found: 16
        }
    );
}

#[test]
fn published_scp02_session() {
    let session = |key: &str, constant: &str| {
        let mut data: [u8; 16] = hex(&format!("{constant}0001{}", "00".repeat(12)));
        TdesKey::new(hex(key))
            .encrypt_cbc(&[0; 8], &mut data)
            .unwrap();
        TdesKey::new(data)
    };
    let enc = session("100102030405060708090A0B0C0D0E0F", "0182");
    assert_eq!(*enc.danger_bytes(), hex("1BA074B31F72A6C44FE8F5D9AFE4DA2F"));
    let mac = session("101102030405060708090A0B0C0D0E0F", "0101");
    assert_eq!(*mac.danger_bytes(), hex("29A69328E60494982632039DDD47A2F1"));
    let host: [u8; 16] = hex("00016B4524ABEE7C40A62C37FA6304F8");
    assert_eq!(enc.cbc_mac(&[0; 8], &host), hex("BA6961667737C5BC"));
    let first: [u8; 13] = hex("8482010010BA6961667737C5BC");
    let icv = mac.retail_mac(&[0; 8], &first);
    assert_eq!(icv, hex("EBECE14C7D6A4376"));
    let icv = mac.encrypt_icv(&icv);
    assert_eq!(icv, hex("6BCD3240A7D221AA"));
    assert_eq!(
        mac.retail_mac(&icv, &hex::<5>("84F2200208")),
        hex("14DB34FA4341DCA8")
    );
}

#[test]
fn published_scp03_session() {
    let context: [u8; 16] = hex("FDF38259A1E0DE443B1ACA81E821F219");
    let derive = |key: &str, constant| hex_encode(&aes(key).derive(constant, 16, &[&context]));
    let (enc, mac) = (K16, "101112131415161718191A1B1C1D1E1F");
    assert_eq!(derive(enc, 4), "bc5689f3a0b783a9ed6da1c5c6bc1f99");
    assert_eq!(derive(mac, 6), "0415f56cbb9e488bb171b2b66081f004");
    assert_eq!(derive(mac, 7), "1ee185123244e047bc9d68b914bd1fbe");
    let cryptogram = aes("0415F56CBB9E488BB171B2B66081F004").derive(0, 8, &[&context]);
    assert_eq!(hex_encode(&cryptogram), "081cdc01c26b372d");
}

#[test]
fn sha2_examples_of_fips_180_4() {
    assert_eq!(
        sha2::sha256(b"abc"),
        hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")
    );
    assert_eq!(
        sha2::sha384(b"abc"),
        hex("CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED163\
             1A8B605A43FF5BED8086072BA1E7CC2358BAECA134C825A7")
    );
    assert_eq!(
        sha2::sha512(b"abc"),
        hex(
            "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A\
             2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F"
        )
    );
}

#[test]
fn equality_is_of_all_bytes_and_the_length() {
    assert!(equal(b"12345678", b"12345678"));
    assert!(!equal(b"12345678", b"1234567"));
    assert!(!equal(b"12345678", b"12345679"));
}

proptest! {
    #[test]
    fn chains_come_back(
        key in any::<[u8; 32]>(), iv in any::<[u8; 16]>(), body in prop::collection::vec(any::<u8>(), 0..80)
    ) {
        for cipher in [WideCipher::Aes128, WideCipher::Aes192, WideCipher::Aes256, WideCipher::Sm4] {
            let key = WideKey::new(cipher, &key[..cipher.key_len()]).unwrap();
            let mut data = body.clone();
            padding::pad(&mut data, 16);
            key.encrypt_cbc(&iv, &mut data).unwrap();
            prop_assert_ne!(padding::unpad(&data), Some(&body[..]));
            key.decrypt_cbc(&iv, &mut data).unwrap();
            prop_assert_eq!(padding::unpad(&data), Some(&body[..]));
        }
        let key = TdesKey::new(key[..16].try_into().unwrap());
        let iv = iv[..8].try_into().unwrap();
        let mut data = body.clone();
        padding::pad(&mut data, 8);
        key.encrypt_cbc(iv, &mut data).unwrap();
        // One block of the chain is the MAC: the two ways to make it agree.
        prop_assert_eq!(&data[data.len() - 8..], &key.cbc_mac(iv, &body)[..]);
        key.decrypt_cbc(iv, &mut data).unwrap();
        prop_assert_eq!(padding::unpad(&data), Some(&body[..]));
    }
}

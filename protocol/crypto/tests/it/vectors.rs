//! GB/T 32918.5, GB/T 32905, GB/T 32907 and published purse vectors.

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::mac::{SessionKey, secure_messaging};
use tongtu_crypto::{
    Algorithm, BlockKey, KeyError, PublicKey, SecretKey, Signature, diversify, sha1, sm3,
};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    hex_decode(text).unwrap().try_into().unwrap()
}

const D: &str = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
const P: &str = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020\
                 CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13";
const K: &str = "59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21";
const RS: &str = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3\
                  B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA";
const MESSAGE: &[u8] = b"message digest";

#[test]
fn sm2_signature_example_of_the_standard() {
    let secret = SecretKey::from_bytes(&hex(D)).unwrap();
    assert_eq!(secret.public().to_xy(), hex(P));
    assert_eq!(
        hex_encode(secret.public().z()),
        "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
    );
    let signature = secret.danger_sign_with_nonce(MESSAGE, &hex(K)).unwrap();
    assert_eq!(signature, Signature(hex(RS)));
    secret.public().verify(MESSAGE, &signature).unwrap();
}

#[test]
fn compressed_and_plain_keys_are_the_same_key() {
    let plain = PublicKey::from_xy(&hex(P)).unwrap();
    let compressed = plain.to_compressed();
    assert_eq!(compressed[0], 3, "Y of the example is odd");
    assert_eq!(PublicKey::from_compressed(&compressed).unwrap(), plain);
    let mut other = compressed;
    other[0] = 2;
    assert_ne!(PublicKey::from_compressed(&other).unwrap(), plain);
}

#[test]
fn refuses_what_is_no_key() {
    let mut bytes = PublicKey::from_xy(&hex(P)).unwrap().to_compressed();
    bytes[0] = 4;
    assert_eq!(
        PublicKey::from_compressed(&bytes).unwrap_err(),
        KeyError::Prefix { found: 4 }
    );
    let mut above_p = [0xFF; 33];
    above_p[0] = 2;
    assert_eq!(
        PublicKey::from_compressed(&above_p).unwrap_err(),
        KeyError::NotOnCurve
    );
    let mut off_curve: [u8; 64] = hex(P);
    off_curve[63] ^= 1;
    assert_eq!(
        PublicKey::from_xy(&off_curve).unwrap_err(),
        KeyError::NotOnCurve
    );
    assert_eq!(
        SecretKey::from_bytes(&[0; 32]).unwrap_err(),
        KeyError::SecretRange
    );
    let n_minus_1 = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122");
    assert_eq!(
        SecretKey::from_bytes(&n_minus_1).unwrap_err(),
        KeyError::SecretRange
    );
}

#[test]
fn every_bit_of_a_signature_counts() {
    let public = PublicKey::from_xy(&hex(P)).unwrap();
    let good: [u8; 64] = hex(RS);
    for bit in 0..512 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(
            public.verify(MESSAGE, &Signature(bad)).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn refuses_r_and_s_out_of_range() {
    let public = PublicKey::from_xy(&hex(P)).unwrap();
    let n: [u8; 32] = hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");
    let good: [u8; 64] = hex(RS);
    for edge in [[0; 32], n, [0xFF; 32]] {
        for half in [0, 32] {
            let mut bad = good;
            bad[half..half + 32].copy_from_slice(&edge);
            assert!(public.verify(MESSAGE, &Signature(bad)).is_err());
        }
    }
    // r + s = n makes t zero.
    let mut bad = [0; 64];
    bad[31] = 1;
    bad[32..].copy_from_slice(&n);
    bad[63] -= 1;
    assert!(public.verify(MESSAGE, &Signature(bad)).is_err());
}

#[test]
fn own_signatures_are_deterministic_and_verify() {
    let secret = SecretKey::from_bytes(&hex(D)).unwrap();
    for length in [0, 1, 31, 64, 267, 299] {
        let message = vec![0xA5; length];
        let signature = secret.sign(&message);
        assert_eq!(signature, secret.sign(&message));
        secret.public().verify(&message, &signature).unwrap();
        let mut other = message.clone();
        other.push(0);
        assert!(secret.public().verify(&other, &signature).is_err());
    }
}

#[test]
fn secrets_do_not_print() {
    let secret = SecretKey::from_bytes(&hex(D)).unwrap();
    assert!(!format!("{secret:?}").to_uppercase().contains(&D[..8]));
    let block = BlockKey::new(Algorithm::Sm4, hex("0123456789ABCDEFFEDCBA9876543210"));
    assert_eq!(format!("{block:?}").matches("0123").count(), 0);
}

#[test]
fn sm3_examples_of_the_standard() {
    assert_eq!(
        sm3::digest(b"abc"),
        hex("66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0")
    );
    assert_eq!(
        sm3::digest("abcd".repeat(16).as_bytes()),
        hex("DEBE9FF92275B8A138604889C18E5A4D6FDB70E5387E5765293DCBA39C0C5732")
    );
    let key: [u8; 16] = hex("0123456789ABCDEFFEDCBA9876543210");
    assert_eq!(
        hex_encode(&sm3::hmac(&key, b"abc")),
        "28d8a61be67d8bf7652c4eda7092b612f88be62184f55005c57ddf076e764199"
    );
}

#[test]
fn sha1_example_of_the_standard() {
    assert_eq!(
        sha1::digest(b"abc"),
        hex("A9993E364706816ABA3E25717850C26C9CD0D89D")
    );
}

#[test]
fn sm4_examples_of_the_standard() {
    let bytes: [u8; 16] = hex("0123456789ABCDEFFEDCBA9876543210");
    let key = BlockKey::new(Algorithm::Sm4, bytes);
    let mut data = bytes;
    key.encrypt_blocks(&mut data).unwrap();
    assert_eq!(data, hex("681EDF34D206965E86B3E94F536E4246"));
    for _ in 1..1_000_000 {
        key.encrypt_blocks(&mut data).unwrap();
    }
    assert_eq!(data, hex("595298C7C6FD271F0402F804C33D3F66"));
    for _ in 0..1_000_000 {
        key.decrypt_blocks(&mut data).unwrap();
    }
    assert_eq!(data, bytes);
    assert!(key.encrypt_blocks(&mut [0; 15]).is_err());
}

#[test]
fn published_purse_vectors() {
    let dlk = BlockKey::new(Algorithm::Tdes, hex("11223344556677888877665544332211"));
    let SessionKey::Des(session) = SessionKey::derive(&dlk, &hex("1122334400008000")) else {
        panic!("3DES gives a DES session key")
    };
    assert_eq!(*session, hex("9B1D924E05595603"));
    let session = SessionKey::Des(session);
    let mac1 = session.mac(&hex::<15>("000000000000100001001122334455"));
    assert_eq!(mac1, hex("2988AE5A"));
    let mac2 = session.mac(&hex::<18>("000010000100112233445520111221214822"));
    assert_eq!(mac2, hex("3A845BF0"));

    let purchase = SessionKey::derive(&dlk, &hex("1122334400000001"));
    assert_eq!(
        purchase.mac(&hex::<18>("000010000600112233445520120229135100")),
        hex("F15CAB75")
    );
    assert_eq!(purchase.mac(&hex::<4>("00001000")), hex("56988A13"));

    let dtk = BlockKey::new(Algorithm::Tdes, hex("00112233445566778899AABBCCDDEEFF"));
    let tac = SessionKey::for_tac(&dtk);
    assert_eq!(
        tac.mac(&hex::<22>("00001000060011223344550000000120120229135100")),
        hex("B3A0D49C")
    );
    assert_eq!(dtk.kcv(), hex("FB0975"));
    let mut block: [u8; 8] = hex("1122334455667788");
    dtk.encrypt_blocks(&mut block).unwrap();
    assert_eq!(block, hex("496BD7A351364453"));
}

#[test]
fn full_chain_of_both_algorithm_sets() {
    let check = |algorithm, issuer_level: &str, two: &str, one: &str, mac1: &str, tac: &str| {
        let master = BlockKey::new(algorithm, hex("32D464AC81F1640A687D023BF99E35DF"));
        let issuer = hex("02905810FFFFFFFF");
        let card = hex("4899999900000017");
        let kcv_of = |text: &str| BlockKey::new(algorithm, hex(text)).kcv();
        // Keys do not compare, so their effect does: the same MACs come out.
        assert_eq!(
            diversify::one_level(&master, &issuer).kcv(),
            kcv_of(issuer_level)
        );
        assert_eq!(diversify::one_level(&master, &card).kcv(), kcv_of(one));
        let card_key = diversify::levels(&master, &[issuer, card]);
        assert_eq!(card_key.kcv(), kcv_of(two));
        let session = SessionKey::derive(&card_key, &hex("A1B2C3D400070101"));
        assert_eq!(
            session.mac(&hex::<18>("000000000958100000000120250601080000")),
            hex(mac1)
        );
        let dtk_master = BlockKey::new(algorithm, hex("0F1E2D3C4B5A69788796A5B4C3D2E1F0"));
        let dtk = diversify::levels(&dtk_master, &[issuer, card]);
        let tac_key = SessionKey::for_tac(&dtk);
        assert_eq!(
            tac_key.mac(&hex::<22>("00000000095810000000010000010120250601080000")),
            hex(tac)
        );
    };
    check(
        Algorithm::Tdes,
        "473C323751C7F6A7E6D60660355706F2",
        "7AA9701C2395A107D6EA4A86C1D4A6B1",
        "1679090B3AAA84F7DCB3D94D6A9DF20D",
        "67C0FD5B",
        "35B3762C",
    );
    check(
        Algorithm::Sm4,
        "D56AE690BB82602D525D4D657E170D29",
        "D9781978F1023715FC2E640D0A45826B",
        "642CA142F7BEFA701FA7B195F1DE8A29",
        "DE7F00D9",
        "676A7611",
    );
}

#[test]
fn secure_messaging_macs_of_both_sets() {
    let tdes = BlockKey::new(Algorithm::Tdes, hex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"));
    let sm4 = BlockKey::new(Algorithm::Sm4, hex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"));
    for (command, first, second) in [
        ("841E000004", "91E4C081", "7AFC22A9"),
        ("8418000004", "DE8DF901", "4519126B"),
        ("8416000004", "8C5C43DE", "F8F3A448"),
        ("04D696000501", "C8C7D5D7", "969FDB2F"),
    ] {
        let command = hex_decode(command).unwrap();
        assert_eq!(
            secure_messaging(&tdes, &hex("11223344"), &command),
            hex(first)
        );
        assert_eq!(
            secure_messaging(&sm4, &hex("11223344"), &command),
            hex(second)
        );
    }
}

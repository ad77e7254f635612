//! Field 62.

use proptest::prelude::*;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_pos_key::{Block, KeyError, KeyPart, MacForm, TerminalKeys, WorkKeys, Wrapped};

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex_decode(&hex.replace(' ', "")).unwrap()
}

pub(crate) fn key(algorithm: Algorithm, hex: &str) -> BlockKey {
    BlockKey::new(algorithm, bytes(hex).try_into().unwrap())
}

/// Two keys are told apart by what they do to a block.
fn same(key: &BlockKey, algorithm: Algorithm, hex: &str) -> bool {
    let does = |key: &BlockKey| {
        let mut block = *b"sixteen bytes...";
        key.encrypt_blocks(&mut block).unwrap();
        block
    };
    let hex = if hex.len() == 16 {
        hex.repeat(2)
    } else {
        hex.into()
    };
    does(key) == does(&self::key(algorithm, &hex))
}

/// TMK, field 62, then PIK, MAK and TDK in the clear.
///
/// The first is a published vector, the second the answer to the sign-in of the worked example,
/// the third its SM4 profile; the last two are the first with the MAK as other hosts send it.
type Vector = (
    Algorithm,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

/// The vectors.
const VECTORS: &[Vector] = &[
    (
        Algorithm::Tdes,
        "CA5D92598DCA48CE8A4C76361A9269E9",
        "6701EAD6A9AD51E51AA406E2C27FCFA9 8D0A74B8 B651F9E9BACE9AE1 0000000000000000 AB7153CA",
        "807A23AD32B36D457AE91FDF927570EA",
        "5BB5C72CD00B7338",
        None,
    ),
    (
        Algorithm::Tdes,
        "0123456789ABCDEFFEDCBA9876543210",
        "B41191ECDBBB637301717704CF26A06A B220B34D 44E9110A51073953 0000000000000000 146FE7F4 \
         ED5A0BAB33DF8A66B175E781A8F63696 C0AF38B3",
        "1F2F3D4C5B6B798997A7B5C4D3E3F101",
        "5D3B9B7C1FF18643",
        Some("C1D0E0F2A4B6708391A2B3C4D5E6F708"),
    ),
    (
        Algorithm::Sm4,
        "31323334353637383930414243444546",
        "20F7F93B26655EB93524E8750D1BF1E2 8ACE66C6 0E30F035E1DEE783D3E59E03A193E9DA 2677F46B \
         8CD158BBD35C3C0E7EE3C6797EBFADF0 72EBA303",
        "A0B1C2D3E4F5061728394A5B6C7D8E9F",
        "0123456789ABCDEFFEDCBA9876543210",
        Some("00112233445566778899AABBCCDDEEFF"),
    ),
    (
        Algorithm::Tdes,
        "CA5D92598DCA48CE8A4C76361A9269E9",
        "6701EAD6A9AD51E51AA406E2C27FCFA9 8D0A74B8 B651F9E9BACE9AE1 AB7153CA 0000000000000000",
        "807A23AD32B36D457AE91FDF927570EA",
        "5BB5C72CD00B7338",
        None,
    ),
];

#[test]
fn published_keys_come_out_of_published_fields() {
    for (algorithm, master, field, pin, mac, track) in VECTORS {
        let mut terminal = TerminalKeys::new(key(*algorithm, master));
        let opened = terminal.sign_in(&bytes(field)).unwrap();
        assert!(same(&opened.pin, *algorithm, pin), "{field}");
        assert!(same(&opened.mac.key, *algorithm, mac), "{field}");
        assert_eq!(opened.mac.is_single, mac.len() == 16, "{field}");
        match (&opened.track, track) {
            (Some(found), Some(hex)) => assert!(same(found, *algorithm, hex), "{field}"),
            (found, hex) => assert_eq!((found.is_some(), hex.is_some()), (false, false)),
        }
        let written = WorkKeys::decode(&bytes(field)).unwrap().encode().unwrap();
        assert_eq!(written, bytes(field));
    }
}

#[test]
fn a_key_that_is_not_the_announced_one_is_named_and_the_old_ones_are_gone() {
    let (algorithm, master, field, ..) = VECTORS[2];
    for (at, part) in [
        (0, KeyPart::Pin),
        (15, KeyPart::Pin),
        (16, KeyPart::Pin),
        (20, KeyPart::Mac),
        (39, KeyPart::Mac),
        (40, KeyPart::Track),
        (59, KeyPart::Track),
    ] {
        let mut terminal = TerminalKeys::new(key(algorithm, master));
        terminal.sign_in(&bytes(field)).unwrap();
        let mut other = bytes(field);
        other[at] ^= 0x10;
        let error = terminal.sign_in(&other).unwrap_err();
        assert_eq!(error, KeyError::CheckValue { part });
        assert!(terminal.work().is_none());
    }
}

#[test]
fn sm4_has_no_key_of_eight_bytes() {
    let (_, _, field, ..) = VECTORS[0];
    let (algorithm, master, ..) = VECTORS[2];
    let mut keys = WorkKeys::decode(&bytes(field)).unwrap();
    let sm4 = key(algorithm, master);
    let mut pin = [7; 16];
    let kcv = BlockKey::new(algorithm, pin).long_kcv();
    sm4.encrypt_blocks(&mut pin).unwrap();
    keys.pin = Wrapped {
        block: Block::Double(pin),
        kcv,
    };
    let part = KeyPart::Mac;
    assert_eq!(keys.open(&sm4).err(), Some(KeyError::Single { part }));
}

#[test]
fn fields_of_other_lengths_are_refused() {
    for found in (0..100).filter(|len| ![24, 40, 60].contains(len)) {
        let refused = WorkKeys::decode(&vec![1; found]);
        assert_eq!(refused, Err(KeyError::Length { found }));
    }
}

#[test]
fn a_short_pin_key_has_no_place_beside_long_ones() {
    let (_, _, field, ..) = VECTORS[1];
    let mut keys = WorkKeys::decode(&bytes(field)).unwrap();
    keys.pin.block = Block::Single([1; 8]);
    let part = KeyPart::Pin;
    assert_eq!(keys.encode(), Err(KeyError::NoPlace { part, len: 60 }));
}

#[test]
fn debug_shows_no_key() {
    let (algorithm, master, field, ..) = VECTORS[2];
    let mut terminal = TerminalKeys::new(key(algorithm, master));
    terminal.sign_in(&bytes(field)).unwrap();
    let shown = format!("{terminal:?}");
    assert!(shown.contains("kcv"), "{shown}");
    for secret in ["A0B1C2D3", "160, 177", "31323334", "49, 50, 51"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    let any_field = prop::sample::select(vec![24_usize, 40, 60])
        .prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
    // With and without the zeros that make a MAK short.
    (any_field, 0..3_u8).prop_map(|(mut field, zeros)| {
        if field.len() > 24 && zeros > 0 {
            let at = if zeros == 1 { 28 } else { 32 };
            field[at..at + 8].fill(0);
        }
        field
    })
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(field in field()) {
        let keys = WorkKeys::decode(&field).unwrap();
        prop_assert_eq!(keys.encode().unwrap(), field);
    }

    #[test]
    fn any_keys_come_back_and_a_flipped_bit_is_found(
        master in any::<[u8; 16]>(),
        pin in any::<[u8; 16]>(),
        mac in any::<[u8; 16]>(),
        short in any::<bool>(),
        early in any::<bool>(),
        at in 0_usize..40,
    ) {
        let master = BlockKey::new(Algorithm::Tdes, master);
        let wrap = |bytes: &[u8]| {
            let mut out = bytes.to_vec();
            master.encrypt_blocks(&mut out).unwrap();
            let whole: Vec<u8> = bytes.iter().copied().cycle().take(16).collect();
            let kcv = BlockKey::new(Algorithm::Tdes, whole.try_into().unwrap()).long_kcv();
            let block = match <[u8; 16]>::try_from(&out[..]) {
                Ok(out) => Block::Double(out),
                Err(_) => Block::Single(out.try_into().unwrap()),
            };
            Wrapped { block, kcv }
        };
        let keys = WorkKeys {
            pin: wrap(&pin),
            mac: wrap(if short { &mac[..8] } else { &mac }),
            mac_form: if short && early { MacForm::Early } else { MacForm::Padded },
            track: None,
        };
        let field = keys.encode().unwrap();
        prop_assert_eq!(WorkKeys::decode(&field), Ok(keys));
        let opened = keys.open(&master).unwrap();
        prop_assert_eq!(opened.mac.is_single, short);
        prop_assert!(same(&opened.pin, Algorithm::Tdes, &hex_encode(&pin)));
        let mut other = field;
        other[at] ^= 0x40;
        let refused = WorkKeys::decode(&other).unwrap().open(&master);
        prop_assert!(refused.is_err());
    }
}

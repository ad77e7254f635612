//! Properties: what was sealed is read, and nothing else is.

use proptest::prelude::*;
use tongtu_codec::hex_decode;
use tongtu_hsm::{
    ContainerHead, Custody as _, CustodyError, Export, KeyHead, KeyName, Label, Mark,
    SealedCustody, StoreHead, TestKey,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::CityCode;

use crate::fixture::{Stores, label, name};

const KEK: [u8; 16] = *b"TRANSPORT KEY 01";

fn any_name() -> impl Strategy<Value = KeyName> {
    let symmetric = prop::sample::select(vec![
        KeyAlgorithm::Tdes,
        KeyAlgorithm::Sm4,
        KeyAlgorithm::Aes,
    ]);
    (
        "[A-Z0-9-]{1,24}",
        0..10_000_u16,
        symmetric,
        any::<u8>(),
        any::<u8>(),
    )
        .prop_map(|(text, city, algorithm, index, version)| KeyName {
            index,
            version,
            export: Export::Whole,
            ..KeyName::test(
                Label::parse(&text).unwrap(),
                CityCode::parse(&format!("{city:04}")).unwrap(),
                Purpose::NodeLink,
                algorithm,
            )
        })
}

fn with_transport(stores: &mut Stores) -> SealedCustody {
    let mut custody = stores.make(Mark::Test);
    let transport = name(
        "TRANSPORT-KEY-OF-TESTS",
        Purpose::PersoTransport,
        KeyAlgorithm::Sm4,
    );
    custody
        .import_test(&transport, TestKey::new(KEK.to_vec()))
        .unwrap();
    custody
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_container_round_trips(key in any_name(), bytes in any::<[u8; 16]>()) {
        let transport = label("TRANSPORT-KEY-OF-TESTS");
        prop_assume!(key.label != transport);
        let mut stores = Stores::new("prop-round-trip");
        let mut sender = with_transport(&mut stores);
        let check = sender.import_test(&key, TestKey::new(bytes.to_vec())).unwrap();
        let container = sender.export(key.label, transport).unwrap();
        sender.destroy(key.label).unwrap();
        let info = sender.take_in(&container, transport).unwrap();
        prop_assert_eq!((info.name, info.check), (key, check));
        prop_assert_eq!(sender.check(key.label).unwrap(), info);
        drop(sender);
        prop_assert_eq!(stores.open().unwrap().check(key.label).unwrap(), info);
    }

    #[test]
    fn a_container_that_was_touched_or_cut_is_refused(
        key in any_name(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        is_cut: bool,
    ) {
        let transport = label("TRANSPORT-KEY-OF-TESTS");
        prop_assume!(key.label != transport);
        let mut stores = Stores::new("prop-touched");
        let mut custody = with_transport(&mut stores);
        custody.generate(&key).unwrap();
        let mut container = custody.export(key.label, transport).unwrap();
        custody.destroy(key.label).unwrap();
        let at = at.index(container.len());
        if is_cut {
            container.truncate(at);
        } else {
            container[at] ^= 1 << bit;
        }
        let refused = custody.take_in(&container, transport);
        let is_named = matches!(refused, Err(CustodyError::Container { .. }));
        prop_assert!(is_named, "{:?}", refused);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), is_marked: bool) {
        let mut stores = Stores::new("prop-bytes");
        let mut custody = with_transport(&mut stores);
        let transport = label("TRANSPORT-KEY-OF-TESTS");
        prop_assert!(custody.take_in(&bytes, transport).is_err());
        drop(custody);
        let mut file = bytes;
        if is_marked && file.len() >= StoreHead::LEN {
            file[..4].copy_from_slice(b"TTKS");
            let digest = tongtu_crypto::sm3::digest(&file[..92]);
            file[92..124].copy_from_slice(&digest);
        }
        std::fs::write(stores.path(), file).unwrap();
        prop_assert!(stores.open().is_err());
    }

    #[test]
    fn heads_that_are_read_are_written_the_same(
        key in prop::collection::vec(any::<u8>(), KeyHead::LEN),
        store in prop::collection::vec(any::<u8>(), StoreHead::LEN),
        container in prop::collection::vec(any::<u8>(), ContainerHead::LEN),
    ) {
        if let Ok(head) = KeyHead::decode(&key) {
            prop_assert_eq!(head.encode().unwrap(), key);
        }
        if let Ok(head) = StoreHead::decode(&store) {
            prop_assert_eq!(head.encode().unwrap(), store);
        }
        if let Ok(head) = ContainerHead::decode(&container) {
            prop_assert_eq!(head.encode().unwrap(), container);
        }
    }
}

/// A container of form 1, made when the form was; it must be readable for ever.
const CONTAINER: &str = "\
    54544b430101de5d550000000000000000000000000000000000000000000000000000000000d1be\
    52d44fa0c6dd47cb88a96bb0284344504b2d31303030202020202020202020202020202020201000\
    010400800101010201858ab200000000000000000000000000000000000000000000000000000000\
    00000000206cc8cdf815c3631b710181c2647a2749eac97559a9c57bf277e14d7dd036a40747974e\
    51edd2a26385ab0f2b37407543fc1eaf694f47a7524cc1fc4b2aa7e507";

#[test]
fn containers_of_form_1_are_read_for_ever() {
    let mut stores = Stores::new("golden");
    let mut custody = with_transport(&mut stores);
    let key = name("DPK-1000", Purpose::Purchase, KeyAlgorithm::Sm4);
    let bytes = *b"TEST KEY 0000001";
    let container = hex_decode(CONTAINER).unwrap();
    let info = custody
        .take_in(&container, label("TRANSPORT-KEY-OF-TESTS"))
        .unwrap();
    let bare = tongtu_crypto::BlockKey::new(tongtu_crypto::Algorithm::Sm4, bytes);
    assert_eq!(info.name, key);
    assert_eq!(info.check, Check::Kcv(bare.kcv()));
}

/// What OpenSSL makes of the input.
fn by_openssl(words: &[&str], input: &[u8]) -> Vec<u8> {
    tongtu_foreign::openssl(words, input).unwrap()
}

#[test]
fn openssl_opens_a_container_as_the_page_says() {
    if tongtu_foreign::tool("openssl").is_none() {
        return;
    }
    let hmac = |key: &[u8], message: &[u8]| {
        let key = format!("hexkey:{}", tongtu_codec::hex_encode(key));
        let words = ["dgst", "-sm3", "-mac", "HMAC", "-macopt", &key, "-binary"];
        by_openssl(&words, message)
    };
    let container = hex_decode(CONTAINER).unwrap();
    let nonce = &container[38..54];
    let key = |word: &[u8]| hmac(&KEK, &[word, nonce].concat());
    let (body, tag) = container.split_at(container.len() - 32);
    assert_eq!(hmac(&key(b"TTKS mac"), body), tag);
    let cipher = tongtu_codec::hex_encode(&key(b"TTKS cipher")[..16]);
    let iv = tongtu_codec::hex_encode(nonce);
    let words = ["enc", "-d", "-sm4-cbc", "-nopad", "-K", &cipher, "-iv", &iv];
    let plain = by_openssl(&words, &body[ContainerHead::LEN + KeyHead::LEN..]);
    assert_eq!(plain[..16], *b"TEST KEY 0000001");
    assert_eq!(plain[16..], [&[0x80][..], &[0; 15]].concat());
}

#[test]
fn a_sender_that_lies_about_the_check_value_is_found() {
    let mut stores = Stores::new("liar");
    let mut custody = with_transport(&mut stores);
    let mut container = hex_decode(CONTAINER).unwrap();
    let end = container.len() - 32;
    // The check value of the key, behind its kind; then a tag as the sender makes it.
    container[ContainerHead::LEN + 35] ^= 1;
    let words = [&b"TTKS mac"[..], &container[38..54]].concat();
    let key = tongtu_crypto::sm3::hmac(&KEK, &words);
    let tag = tongtu_crypto::sm3::hmac(&key, &container[..end]);
    container[end..].copy_from_slice(&tag);
    let taken = custody.take_in(&container, label("TRANSPORT-KEY-OF-TESTS"));
    assert!(matches!(taken, Err(CustodyError::Check { .. })));
    assert_eq!(custody.list().unwrap().len(), 1);
}

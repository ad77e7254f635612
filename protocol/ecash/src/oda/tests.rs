use proptest::prelude::*;
use tongtu_crypto::Algorithm;

use super::*;
use crate::perso::Group;
use crate::{GpoAnswer, test_card};

const NOW: Timestamp = Timestamp::new(1_795_000_000);
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

fn entropy() -> impl Entropy {
    let mut state = 7u8;
    move |out: &mut [u8]| {
        for byte in out {
            state = state.wrapping_mul(29).wrapping_add(11);
            *byte = state;
        }
    }
}

/// What a terminal would have read of a card, and what it said itself.
struct Tap {
    card: Values,
    static_data: Vec<u8>,
    terminal: Values,
}

impl Tap {
    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            card: &self.card,
            static_data: &self.static_data,
            terminal: &self.terminal,
        }
    }
}

fn tap(algorithm: Algorithm, ttq: [u8; 4]) -> Tap {
    let groups: Vec<Group> = test_card::groups(algorithm, &mut entropy());
    let find = |id: u16| &groups.iter().find(|g| g.id == id).expect("a group").value;
    let tap = tlv::object(tag::ANSWER, find(crate::perso::dgi::TAP));
    let answer = GpoAnswer::parse(&tap).expect("82 and 94");
    let mut reading = Reading::begin(&answer);
    for (sfi, number, is_signed) in answer.afl.expect("94").records() {
        let record = find(u16::from_be_bytes([sfi, number]));
        reading.add(sfi, record, is_signed).expect("template 70");
    }
    let static_data = reading.static_data();
    let mut card = reading.card;
    let terminal = Values::from([
        (tag::TTQ, ttq.to_vec()),
        (tag::AMOUNT, vec![0, 0, 0, 0, 2, 0]),
        (tag::CURRENCY, vec![1, 0x56]),
        (tag::UNPREDICTABLE, vec![1, 2, 3, 4]),
    ]);
    let key = test_card::profile(algorithm).signing_key;
    let data = tap_data(
        &terminal,
        card.get(&tag::CARD_AUTHENTICATION).map(Vec::as_slice),
    );
    let signature = key.sign_dynamic(0x0102, &data, &mut entropy());
    card.insert(tag::SIGNED_DYNAMIC, signature);
    Tap {
        card,
        static_data,
        terminal,
    }
}

fn trust() -> Trust {
    test_card::authorities().into()
}

#[test]
fn an_issuers_certificate_that_its_authority_took_back_is_believed_no_more() {
    for (algorithm, index) in [(Algorithm::Tdes, 0x01), (Algorithm::Sm4, 0x57)] {
        let tap = tap(algorithm, [0x26, 0, 0, 0x80]);
        let serial = [0, 0, 1];
        let mut trust = trust();
        // Of another authority, or another certificate of this one.
        trust.revoked.extend([(0x58, serial), (index, [0, 0, 2])]);
        assert!(verify(&trust, tap.evidence(), NOW).is_ok());
        trust.revoked.insert((index, serial));
        let error = verify(&trust, tap.evidence(), NOW).unwrap_err();
        assert_eq!(error, OdaError::Revoked { index, serial });
        assert_eq!(error.results(), [0x08, 0, 0, 0, 0]);
        // What is over is over first.
        let later = Timestamp::new(2_240_000_000 + 400_000_000);
        let layer = Layer::Issuer;
        let over = verify(&trust, tap.evidence(), later);
        assert_eq!(over, Err(OdaError::Expired { layer }));
    }
    let missing = OdaError::Missing { tag: tag::PAN };
    assert_eq!(missing.results(), [0x28, 0, 0, 0, 0]);
}

#[test]
fn a_tap_of_the_test_card_is_believed_in_both_versions() {
    for algorithm in ALGORITHMS {
        for ttq in [[0x26, 0, 0, 0x80], [0x26, 0, 0, 0]] {
            let tap = tap(algorithm, ttq);
            let card = verify(&trust(), tap.evidence(), NOW);
            let card = card.unwrap_or_else(|error| panic!("{algorithm:?} {ttq:?}: {error}"));
            assert_eq!(card.number[..3], [0x62, 0x17, 0x00]);
        }
    }
}

#[test]
fn records_have_what_a_terminal_needs() {
    for algorithm in ALGORITHMS {
        let card = tap(algorithm, [0x26, 0, 0, 0x80]).card;
        let rsa: &[_] = match algorithm {
            Algorithm::Tdes => &[
                tag::ISSUER_REMAINDER,
                tag::ISSUER_EXPONENT,
                tag::ICC_EXPONENT,
                tag::ICC_REMAINDER,
            ],
            Algorithm::Sm4 => &[],
        };
        let all = [
            tag::PAN,
            tag::EXPIRY,
            tag::EFFECTIVE,
            tag::TRACK2,
            tag::CA_INDEX,
            tag::ISSUER_CERTIFICATE,
            tag::ICC_CERTIFICATE,
            tag::SDA_TAGS,
            tag::CARD_AUTHENTICATION,
        ];
        for tag in all.iter().chain(rsa) {
            assert!(card.contains_key(tag), "{algorithm:?} lacks {tag}");
        }
        assert!(card[&tag::EFFECTIVE] < card[&tag::EXPIRY]);
    }
}

#[test]
fn certificates_have_the_lengths_of_the_sample() {
    let card = tap(Algorithm::Sm4, [0; 4]).card;
    assert_eq!(card[&tag::ISSUER_CERTIFICATE].len(), sm2::ISSUER_LEN);
    assert_eq!(card[&tag::ICC_CERTIFICATE].len(), sm2::CARD_LEN);
    assert_eq!(
        card[&tag::ISSUER_CERTIFICATE][10..14],
        [0x04, 0x00, 0x11, 0x40]
    );
    assert_eq!(
        card[&tag::ICC_CERTIFICATE][16..20],
        [0x04, 0x00, 0x11, 0x40]
    );
}

#[test]
fn the_first_thing_that_does_not_hold_is_named() {
    let authorities = trust();
    for algorithm in ALGORITHMS {
        let verdict = |change: &dyn Fn(&mut Tap)| {
            let mut tap = tap(algorithm, [0x26, 0, 0, 0x80]);
            change(&mut tap);
            verify(&authorities, tap.evidence(), NOW).expect_err("something is wrong")
        };
        let flip = |tap: &mut Tap, tag| tap.card.get_mut(&tag).expect("there")[30] ^= 1;
        assert_eq!(
            verdict(&|tap| tap.card.insert(tag::CA_INDEX, vec![9]).map_or((), drop)),
            OdaError::UnknownAuthority { index: 9 }
        );
        assert!(matches!(
            verdict(&|tap| flip(tap, tag::ISSUER_CERTIFICATE)),
            OdaError::Signature {
                layer: Layer::Issuer
            } | OdaError::Form {
                layer: Layer::Issuer,
                ..
            }
        ));
        assert!(matches!(
            verdict(&|tap| flip(tap, tag::ICC_CERTIFICATE)),
            OdaError::Signature { layer: Layer::Card }
                | OdaError::Form {
                    layer: Layer::Card,
                    ..
                }
        ));
        assert!(matches!(
            verdict(&|tap| flip(tap, tag::SIGNED_DYNAMIC)),
            OdaError::Signature {
                layer: Layer::Dynamic
            } | OdaError::Form {
                layer: Layer::Dynamic,
                ..
            }
        ));
        assert_eq!(
            verdict(&|tap| tap.static_data[3] ^= 1),
            OdaError::Signature { layer: Layer::Card }
        );
        for (tag, value) in [
            (tag::UNPREDICTABLE, vec![9, 9, 9, 9]),
            (tag::AMOUNT, vec![0, 0, 0, 0, 1, 0]),
            (tag::CURRENCY, vec![8, 0x40]),
        ] {
            assert_eq!(
                verdict(&|tap| tap.terminal.insert(tag, value.clone()).map_or((), drop)),
                OdaError::Signature {
                    layer: Layer::Dynamic
                },
                "{tag}"
            );
        }
        assert_eq!(
            verdict(&|tap| tap.card.remove(&tag::SIGNED_DYNAMIC).map_or((), drop)),
            OdaError::Missing {
                tag: tag::SIGNED_DYNAMIC
            }
        );
    }
}

#[test]
fn a_certificate_ends_with_its_month() {
    let tap = tap(Algorithm::Sm4, [0; 4]);
    let later = Timestamp::new(2_240_000_000 + 400_000_000);
    assert_eq!(
        verify(&trust(), tap.evidence(), later),
        Err(OdaError::Expired {
            layer: Layer::Issuer
        })
    );
}

#[test]
fn static_signatures_hold_and_break() {
    for algorithm in ALGORITHMS {
        let issuer = test_card::issuer(algorithm, &mut entropy());
        let signed = issuer
            .key
            .sign_static([0x31, 0x05], b"static data", &mut entropy());
        let check = |data: &[u8]| match issuer.key.public() {
            VerifyingKey::Rsa(key) => rsa::verify_static(&key, &signed, data),
            VerifyingKey::Sm2(key) => sm2::verify_static(&key, &signed, data),
        };
        assert_eq!(check(b"static data"), Ok([0x31, 0x05]));
        assert_eq!(
            check(b"other data"),
            Err(OdaError::Signature {
                layer: Layer::Static
            })
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_panic_and_no_bytes_are_believed(
        bytes in proptest::collection::vec(any::<u8>(), 0..180),
        exponent in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        for authority in test_card::authorities() {
            match authority.key {
                VerifyingKey::Rsa(key) => {
                    let cut = &bytes[..bytes.len().min(key.len())];
                    prop_assert!(rsa::open_issuer(&key, cut, &bytes, &exponent).is_err());
                    prop_assert!(rsa::verify_dynamic(&key, cut, &bytes).is_err());
                }
                VerifyingKey::Sm2(key) => {
                    prop_assert!(sm2::open_issuer(&key, &bytes).is_err());
                    prop_assert!(sm2::open_card(&key, &bytes, &exponent).is_err());
                    prop_assert!(sm2::verify_dynamic(&key, &bytes, &exponent).is_err());
                }
            }
        }
    }
}

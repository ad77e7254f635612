//! What a terminal refuses of an e-cash, before it pays wherever that is possible.

use tongtu_apdu::tlv;
use tongtu_crypto::Algorithm;
use tongtu_ecash::oda::paper::RevocationPaper;
use tongtu_ecash::oda::{Layer, OdaError};
use tongtu_ecash::{Ttq, tag, test_card};
use tongtu_purse::field::{Amount, Date, Serial};
use tongtu_tap_record::{CashCheck, RecordKind, Recovery};
use tongtu_terminal::tap::{AuthorityTable, Cash, Refusal, TapEnd, TapOutcome};
use tongtu_types::{CardNumber, Fen};

use super::fixture::{
    BOTH, CashPost, application, audit, authority_keys, pan, rider, rider_with, seen, table,
};
use crate::tap::card::{Liar, Rider};
use crate::tap::fixture::{Post, T0, bus, profile};

fn refusal(end: &TapEnd) -> &Refusal {
    match &end.outcome {
        TapOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Nothing was paid, and nothing stays open.
fn untouched(what: &str, rider: &mut Rider, post: &CashPost) {
    assert_eq!(seen(rider), (10_000, vec![]), "{what}");
    assert_eq!(post.post.terminal.open_intents(), 0, "{what}");
}

fn refused_by(change: impl FnOnce(&mut Cash), algorithm: Algorithm) -> Refusal {
    let mut post = CashPost::new(1, bus()).changed(change);
    let mut rider = rider(algorithm);
    let end = post.tap(&mut rider, T0);
    untouched("refused", &mut rider, &post);
    assert!(post.post.records().is_empty());
    refusal(&end).clone()
}

#[test]
fn an_authority_that_is_missing_or_expired_is_not_believed() {
    // TC-02; a wrong check value never gets into the table.
    for (algorithm, index) in [(Algorithm::Tdes, 0x01), (Algorithm::Sm4, 0x57)] {
        let unknown = Refusal::NotAuthentic(OdaError::UnknownAuthority { index });
        let missing = |cash: &mut Cash| {
            let others = authority_keys().into_iter();
            cash.authorities = table(others.filter(|key| key.authority.index != index).collect());
        };
        assert_eq!(refused_by(missing, algorithm), unknown);
        let expired = |cash: &mut Cash| {
            let mut keys = authority_keys();
            for key in &mut keys {
                key.expires = Date([0x20, 0x25, 0x05, 0x31]);
            }
            cash.authorities = table(keys);
        };
        assert_eq!(refused_by(expired, algorithm), unknown);
    }
    let mut wrong = authority_keys().remove(0);
    wrong.check[3] ^= 1;
    assert!(AuthorityTable::default().take(wrong).is_err());
}

/// A list of the test authority of an algorithm that takes these certificates back.
fn list(algorithm: Algorithm, version: u64, serials: &[[u8; 3]]) -> RevocationPaper {
    let mut count = 0_u8;
    test_card::revocations(
        algorithm,
        (version, T0),
        serials,
        &mut |out: &mut [u8]| {
            count = count.wrapping_add(1);
            out.fill(count);
        },
    )
}

#[test]
fn an_issuer_whose_certificate_was_taken_back_is_refused_before_its_card_pays() {
    let serial = [0, 0, 1];
    for (algorithm, index) in [(Algorithm::Tdes, 0x01), (Algorithm::Sm4, 0x57)] {
        let taken = |cash: &mut Cash, serials: &[[u8; 3]]| {
            let table = std::sync::Arc::make_mut(&mut cash.authorities);
            table
                .take_revocations(&list(algorithm, 2, serials))
                .unwrap();
        };
        let revoked = Refusal::IssuerRevoked { index, serial };
        let found = refused_by(|cash| taken(cash, &[[0, 0, 7], serial]), algorithm);
        assert_eq!(found, revoked);
        // DDA failed.
        assert_eq!(found.results(), Some([0x08, 0, 0, 0, 0]));
        // Other certificates of that authority ride, and those of others.
        for other in BOTH {
            let mut post = CashPost::new(1, bus()).changed(|cash| taken(cash, &[[0, 0, 7]]));
            let end = post.tap(&mut rider(other), T0);
            assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        }
    }
}

#[test]
fn a_card_of_another_issuer_or_above_the_limit_is_refused() {
    let other = |cash: &mut Cash| cash.rules.issuers = vec!["6222".into()];
    assert_eq!(refused_by(other, Algorithm::Tdes), Refusal::IssuerNotListed);
    // TC-06.
    let limit = Amount::new(199);
    let low = |cash: &mut Cash| cash.rules.limit = limit;
    assert_eq!(
        refused_by(low, Algorithm::Sm4),
        Refusal::OverLimit { limit }
    );
}

#[test]
fn a_card_without_transport_data_rides_if_its_number_is_listed() {
    let card = || rider_with(Algorithm::Tdes, |profile| profile.transport = None);
    let mut post = CashPost::new(1, bus());
    let end = post.tap(&mut card(), T0);
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    let mut post = CashPost::new(1, bus()).changed(|cash| cash.rules.issuers.clear());
    let end = post.tap(&mut card(), T0);
    assert_eq!(refusal(&end), &Refusal::IssuerNotListed);
}

#[test]
fn above_the_limit_the_purse_of_the_same_card_pays() {
    let purse = profile(0x17, Algorithm::Tdes);
    let both = vec![
        application(Algorithm::Tdes, |_| {}),
        tongtu_card::factory::Preinstalled::purse(&purse),
    ];
    let mut rider = Rider::of(both, &purse, 5_000);
    let mut post = Post::new(1, bus());
    post.profile.selection.first = tongtu_terminal::tap::Medium::Cash;
    let low = |cash: &mut Cash| cash.rules.limit = Amount::new(199);
    let mut low = CashPost::of(post.started()).changed(low);
    let end = low.tap(&mut rider, T0);
    assert_eq!(end.outcome.ride().unwrap().record.kind, RecordKind::Purse);
    let mut high = CashPost::of(post.started());
    let end = high.tap(&mut rider, T0.plus_s(60));
    assert_eq!(end.outcome.ride().unwrap().record.kind, RecordKind::Cash);
}

#[test]
fn a_card_that_says_6984_or_6985_is_tried_by_its_purse() {
    for sw in [[0x69, 0x84], [0x69, 0x85]] {
        let purse = profile(0x17, Algorithm::Tdes);
        let both = vec![
            application(Algorithm::Tdes, |_| {}),
            tongtu_card::factory::Preinstalled::purse(&purse),
        ];
        let mut rider = Rider::of(both, &purse, 5_000);
        rider.present();
        let mut post = Post::new(1, bus());
        post.profile.selection.first = tongtu_terminal::tap::Medium::Cash;
        let mut post = CashPost::of(post.started());
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(|command, answer| match command[1] {
                0xA8 => sw.to_vec(),
                _ => answer,
            }),
        };
        let end = post.tap_on(&mut liar, T0);
        assert_eq!(end.outcome.ride().unwrap().record.kind, RecordKind::Purse);
    }
}

#[test]
fn an_expired_card_and_one_of_tomorrow_pay_nothing() {
    // TC-05.
    for algorithm in BOTH {
        let mut old = rider_with(algorithm, |profile| profile.expiry = [0x25, 0x05, 0x31]);
        let mut post = CashPost::new(1, bus());
        assert_eq!(refusal(&post.tap(&mut old, T0)), &Refusal::Expired);
        untouched("expired", &mut old, &post);
        let mut new = rider_with(algorithm, |profile| profile.effective = [0x25, 0x06, 0x02]);
        assert_eq!(refusal(&post.tap(&mut new, T0)), &Refusal::NotStarted);
        untouched("of tomorrow", &mut new, &post);
    }
}

#[test]
fn a_listed_card_is_refused_and_recorded_by_either_number() {
    // TC-07.
    let numbers = ["3104990000000000012", test_card::NUMBER];
    for number in numbers {
        let serial = Serial::of(&CardNumber::parse(number).unwrap());
        let post = Post::new(1, bus()).changed(|_, lists| {
            lists.blacklist.insert(serial.0);
        });
        let mut post = CashPost::of(post);
        let mut rider = rider(Algorithm::Tdes);
        let end = post.tap(&mut rider, T0);
        assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: false });
        untouched("listed", &mut rider, &post);
        let records = post.post.records();
        assert_eq!(records.len(), 1);
        assert_eq!(
            (records[0].kind, records[0].serial),
            (RecordKind::Lock, serial)
        );
        assert_eq!(records[0].check(), Ok(()));
    }
}

#[test]
fn a_card_that_wants_its_issuer_pays_nothing_and_one_with_too_little_says_so() {
    // TC-08: the terminal says that it could go online, and the card takes the word.
    let poor = |profile: &mut tongtu_ecash::perso::Profile| {
        profile.balance = tongtu_ecash::Amount::new(Fen::new(150)).unwrap();
    };
    let mut asking =
        CashPost::new(1, bus()).changed(|cash| cash.rules.qualifiers = Ttq([0x20, 0, 0, 0x80]));
    let mut rider = rider_with(Algorithm::Tdes, poor);
    assert_eq!(refusal(&asking.tap(&mut rider, T0)), &Refusal::OnlineWanted);
    assert!(asking.post.records().is_empty());
    let mut offline = CashPost::new(1, bus());
    let short = Refusal::Insufficient {
        balance: Some(Fen::new(150)),
        needed: Fen::new(200),
    };
    let end = offline.tap(&mut rider, T0);
    assert_eq!(refusal(&end), &short);
    assert_eq!(end.prompt.balance, Some(Fen::new(150)));
    assert_eq!(seen(&mut rider), (150, vec![]));
}

/// A tap where an answer is changed by a script.
fn scripted(
    algorithm: Algorithm,
    mut lie: impl FnMut(&[u8], Vec<u8>) -> Vec<u8>,
) -> (TapEnd, Rider, CashPost) {
    let (mut rider, mut post) = (rider(algorithm), CashPost::new(1, bus()));
    rider.present();
    let mut liar = Liar {
        rider: &mut rider,
        lie: Box::new(|command, answer| lie(command, answer)),
    };
    let end = post.tap_on(&mut liar, T0);
    drop(liar);
    (end, rider, post)
}

/// The template with some of its objects changed.
pub(crate) fn edited(answer: &[u8], change: impl Fn(&mut Vec<(tlv::Tag, Vec<u8>)>)) -> Vec<u8> {
    let (data, sw) = answer.split_at(answer.len() - 2);
    let outer = tlv::read(data).unwrap().0;
    let objects = tlv::objects(outer.value).map(Result::unwrap);
    let mut objects: Vec<_> = objects.map(|o| (o.tag, o.value.to_vec())).collect();
    change(&mut objects);
    let mut body = Vec::new();
    for (tag, value) in &objects {
        tlv::write(*tag, value, &mut body);
    }
    let mut out = tlv::object(outer.tag, &body);
    out.extend(sw);
    out
}

#[test]
fn an_answer_with_an_element_missing_twice_or_contradicting_pays_nothing() {
    // TC-10, TC-11.
    for algorithm in BOTH {
        for (wanted, what) in [
            (tag::ATC, "missing"),
            (tag::IAD, "missing"),
            (tag::CRYPTOGRAM, "missing"),
            (tag::AFL, "missing"),
            (tag::TRACK2, "missing"),
            (tag::CRYPTOGRAM, "twice"),
            (tag::AVAILABLE, "twice"),
            (tag::AVAILABLE, "other"),
        ] {
            let (end, mut rider, post) = scripted(algorithm, |command, answer| {
                if command[1] != 0xA8 {
                    return answer;
                }
                edited(&answer, |objects| {
                    let at = objects.iter().position(|(tag, _)| *tag == wanted).unwrap();
                    match what {
                        "missing" => drop(objects.remove(at)),
                        "twice" => objects.push(objects[at].clone()),
                        _ => objects[at].1[5] ^= 1,
                    }
                })
            });
            assert!(
                matches!(refusal(&end), Refusal::CashData { .. }),
                "{wanted} {what}: {end:?}"
            );
            untouched(what, &mut rider, &post);
        }
    }
}

#[test]
fn a_record_with_an_element_missing_twice_or_changed_pays_nothing() {
    // TC-10, TC-11: everything but the last record is looked at before it is read.
    for algorithm in BOTH {
        for wanted in [
            tag::PAN,
            tag::EXPIRY,
            tag::CA_INDEX,
            tag::ISSUER_CERTIFICATE,
            tag::ICC_CERTIFICATE,
        ] {
            for what in ["twice", "changed"] {
                let (end, mut rider, post) = scripted(algorithm, |command, answer| {
                    if command[1] != 0xB2 {
                        return answer;
                    }
                    edited(&answer, |objects| {
                        let at = objects.iter().position(|(tag, _)| *tag == wanted);
                        match (at, what) {
                            (None, _) => {}
                            (Some(at), "twice") => objects.push(objects[at].clone()),
                            (Some(at), _) => objects[at].1[0] ^= 0x10,
                        }
                    })
                });
                refusal(&end);
                untouched(&format!("{wanted} {what}"), &mut rider, &post);
            }
        }
    }
}

#[test]
fn a_card_whose_signature_fails_is_not_let_on_and_its_record_stays_grey() {
    // TC-03. The signature covers what only the last record says, so the card has paid.
    for algorithm in BOTH {
        let (end, mut rider, mut post) = scripted(algorithm, |command, answer| {
            if command[1] != 0xA8 {
                return answer;
            }
            edited(&answer, |objects| {
                let signed = objects.iter_mut();
                for (_, value) in signed.filter(|(tag, _)| *tag == tag::SIGNED_DYNAMIC) {
                    value[40] ^= 1;
                }
            })
        });
        let layer = Layer::Dynamic;
        let wrong = refusal(&end).clone();
        assert!(
            matches!(&wrong, Refusal::NotAuthentic(
                OdaError::Signature { layer: l } | OdaError::Form { layer: l, .. }
            ) if *l == layer),
            "{wrong:?}"
        );
        let records = post.post.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].recovery, Recovery::Grey);
        assert_eq!(records[0].cash().unwrap().check, CashCheck::Failed);
        assert_eq!(records[0].serial, pan());
        audit("false", algorithm, &mut rider, &mut [&mut post], T0);
    }
}

#[test]
fn a_list_that_hides_the_amount_or_asks_for_too_much_is_not_answered() {
    use tongtu_ecash::Dol;
    let lists = [
        Dol::new([(tag::TTQ, 4), (tag::UNPREDICTABLE, 4)]),
        Dol::new([(tag::TTQ, 4), (tag::AMOUNT, 5), (tag::UNPREDICTABLE, 4)]),
        Dol::new([(tag::TTQ, 4), (tag::AMOUNT, 6)]),
        Dol::new([
            (tag::TTQ, 4),
            (tag::AMOUNT, 6),
            (tag::AMOUNT, 6),
            (tag::UNPREDICTABLE, 4),
        ]),
        Dol::new([
            (tag::TTQ, 4),
            (tag::AMOUNT, 6),
            (tag::UNPREDICTABLE, 4),
            (tag::MERCHANT, 250),
        ]),
    ];
    for list in lists {
        let mut rider = rider_with(Algorithm::Tdes, |profile| profile.pdol = list.clone());
        let mut post = CashPost::new(1, bus());
        let end = post.tap(&mut rider, T0);
        assert!(
            matches!(refusal(&end), Refusal::CashData { .. }),
            "{list:?}: {end:?}"
        );
        untouched("list", &mut rider, &post);
    }
}

#[test]
fn a_longer_list_is_answered_with_zeros_for_what_nobody_knows() {
    use tongtu_ecash::Dol;
    let unknown = tlv::Tag::new(0x9F1C);
    let list = Dol::new([
        (tag::COMPOSITE, 1),
        (tag::TTQ, 4),
        (tag::AMOUNT, 6),
        (tag::AMOUNT_OTHER, 6),
        (tag::TERMINAL_COUNTRY, 2),
        (tag::TVR, 5),
        (tag::CURRENCY, 2),
        (tag::DATE, 3),
        (tag::TRANSACTION_TYPE, 1),
        (tag::TIME, 3),
        (unknown, 7),
        (tag::UNPREDICTABLE, 4),
    ]);
    for algorithm in BOTH {
        let mut rider = rider_with(algorithm, |profile| profile.pdol = list.clone());
        let mut post = CashPost::new(1, bus());
        let end = post.tap(&mut rider, T0);
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        let options = rider.log.iter().find(|(c, _)| c[1] == 0xA8).unwrap();
        let values = list.split(&options.0[7..options.0.len() - 1]).unwrap();
        assert_eq!(values[&unknown], [0; 7]);
        assert_eq!(values[&tag::DATE], [0x25, 0x06, 0x01]);
        assert_eq!(values[&tag::TERMINAL_COUNTRY], [0x01, 0x56]);
        audit("long list", algorithm, &mut rider, &mut [&mut post], T0);
    }
}

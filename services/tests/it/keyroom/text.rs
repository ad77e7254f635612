//! The texts of acts and approvals.

use proptest::prelude::*;
use tongtu_crypto::{SecretKey, Signature, SignerFault};
use tongtu_ecash::oda::VerifyingKey;
use tongtu_ecash::oda::paper::IssuerApplication;
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose};
use tongtu_keyring::{Application, ApplicationLine, Check, Custody, DeviceName, Slot};
use tongtu_services::keyroom::{Act, Approval, Source};
use tongtu_types::{MonthYear, Timestamp};

use super::scene::{START, city, credential, institution, key, officer};

fn cause() -> impl Strategy<Value = Cause> {
    prop::sample::select(Cause::ALL)
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(Check::Kcv),
        any::<[u8; 32]>().prop_map(Check::Fingerprint),
    ]
}

fn month() -> impl Strategy<Value = MonthYear> {
    (1..=12u8, 0..=99u8).prop_map(|(month, year)| MonthYear::new(month, year).unwrap())
}

fn line() -> impl Strategy<Value = ApplicationLine> {
    (
        prop::sample::select(Purpose::ALL),
        prop::sample::select(KeyAlgorithm::ALL),
        any::<u8>(),
        any::<i32>(),
    )
        .prop_map(|(purpose, algorithm, index, from)| ApplicationLine {
            holder: institution("01343010"),
            slot: Slot {
                city: city("3010"),
                purpose,
                algorithm,
            },
            index,
            from: Timestamp::new(i64::from(from)),
            until: START,
        })
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let number = || (1..=u32::MAX).prop_map(key);
    prop_oneof![
        Just(Act::RegisterCity {
            city: city("3010"),
            province: institution("00003000"),
        }),
        (any::<u32>(), prop::collection::vec(line(), 0..4)).prop_map(|(batch, lines)| {
            Act::Apply(Application {
                batch,
                province: institution("00003000"),
                lines,
            })
        }),
        number().prop_map(|key| Act::Approve { key }),
        (number(), cause()).prop_map(|(key, cause)| Act::Reject { key, cause }),
        (number(), check()).prop_map(|(key, check)| Act::Generate {
            key,
            source: Source::Components(check),
        }),
        (number(), number()).prop_map(|(key, transport)| Act::Generate {
            key,
            source: Source::Container(transport),
        }),
        (number(), number()).prop_map(|(key, upper)| Act::Generate {
            key,
            source: Source::Derived(upper),
        }),
        number().prop_map(|key| Act::Generate {
            key,
            source: Source::Fresh,
        }),
        (number(), number()).prop_map(|(key, transport)| Act::Export { key, transport }),
        (number(), check(), prop::sample::select(CustodyKind::ALL)).prop_map(
            |(key, check, kind)| Act::Distribute {
                key,
                custody: Custody {
                    kind,
                    device: DeviceName::parse("HSM-C").unwrap(),
                    check,
                },
            }
        ),
        (number(), any::<u16>())
            .prop_map(|(key, overlap_days)| Act::Activate { key, overlap_days }),
        (number(), cause()).prop_map(|(key, cause)| Act::Revoke { key, cause }),
        (any::<u8>(), month()).prop_map(|(ca_index, expiry)| Act::IssueRoot { ca_index, expiry }),
        (any::<u8>(), cause()).prop_map(|(ca_index, cause)| Act::RetireRoot { ca_index, cause }),
        (any::<u8>(), month()).prop_map(|(ca_index, expiry)| Act::Draft {
            issuer: institution("01343010"),
            ca_index,
            expiry,
        }),
        any::<u32>().prop_map(|certificate| Act::IssueCertificate { certificate }),
        (number(), "[0-9]{3,8}", month()).prop_map(|(key, head, expires)| Act::ApplyCash {
            key,
            head: head.parse().unwrap(),
            expires,
        }),
        (1..=127_u8, "[0-9]{3,8}", month()).prop_map(|(key, head, expires)| {
            let key = SecretKey::from_bytes(&[key; 32]).unwrap();
            let whose = (true, institution("01343010"));
            let public = VerifyingKey::Sm2(key.public().clone());
            let made = IssuerApplication::made_by(
                whose,
                (head.parse().unwrap(), expires),
                public,
                |body| Ok::<_, SignerFault>(key.sign(body).0.to_vec()),
            );
            Act::ApproveCash {
                application: Box::new(made.unwrap()),
            }
        }),
        (any::<u32>(), number()).prop_map(|(certificate, key)| Act::IssueCash { certificate, key }),
        number().prop_map(|key| Act::PublishAuthority { key }),
        number().prop_map(|key| Act::ListCash { key }),
        (any::<u32>(), cause())
            .prop_map(|(certificate, cause)| Act::RevokeCash { certificate, cause }),
        Just(Act::Found(Box::new(
            ["N-01", "N-02", "N-03", "N-04"].map(credential)
        ))),
        Just(Act::Register(Box::new(credential("H-01")))),
        (any::<u32>(), any::<[u8; 33]>())
            .prop_map(|(entry, public_key)| Act::Rotate { entry, public_key }),
        (any::<u32>(), cause()).prop_map(|(entry, cause)| Act::End { entry, cause }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_act_has_one_text_and_comes_back(act in act(), at in any::<prop::sample::Index>()) {
        let text = act.to_string();
        prop_assert_eq!(Act::parse(&text), Ok(act.clone()));
        // Any other text is another act or none.
        let cut = at.index(text.len());
        if let Ok(other) = Act::parse(&text[..cut]) {
            prop_assert_ne!(other, act);
        }
    }

    #[test]
    fn an_approval_has_one_text_and_comes_back(
        act in act(),
        room in any::<[u8; 16]>(),
        after in any::<u64>(),
        until in any::<i64>(),
        by in prop::collection::vec(any::<[u8; 32]>(), 0..3),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut approval = Approval::new(room, after, Timestamp::new(until), act);
        for half in by {
            let signature = Signature([half, half].concat().try_into().unwrap());
            approval.by.push((officer("N-01"), signature));
        }
        let text = approval.text();
        prop_assert_eq!(Approval::parse(&text), Ok(approval.clone()));
        let mut bytes = text.into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(other) = Approval::parse(&text)
        {
            prop_assert_ne!(other, approval);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}", tail in "[a-z0-9 .\\n]{0,80}") {
        let _ = Act::parse(&text);
        let _ = Act::parse(&format!("key.apply {tail}"));
        let _ = Approval::parse(&text);
        let _ = Approval::parse(&format!("Tongtu approval 1\n{tail}"));
    }
}

#[test]
fn a_second_writing_of_a_number_is_none() {
    for text in [
        "key.approve 07",
        "key.approve +7",
        "key.approve 7 ",
        " key.approve 7",
        "key.suspend 7 2",
        "key.approve 0",
        "officer.rotate 1 02AB",
    ] {
        assert!(Act::parse(text).is_err(), "{text}");
    }
}

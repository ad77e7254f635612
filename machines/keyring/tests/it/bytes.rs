//! Events as bytes.

use proptest::prelude::*;
use tongtu_codec::hex_encode;
use tongtu_keyring::code::{Cause, CustodyKind, Ground, KeyAlgorithm, Purpose, Role, Usage};
use tongtu_keyring::{
    Check, Custody, DeviceName, Event, EventError, KeyNumber, Officer, OfficerNumber, Overlap,
    Request, Signers, Slot, Use, What,
};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(Timestamp::new)
}

fn institution() -> impl Strategy<Value = InstitutionCode> {
    "[0-9]{8}".prop_map(|text| InstitutionCode::parse(&text).unwrap())
}

fn city() -> impl Strategy<Value = CityCode> {
    "[0-9]{4}".prop_map(|text| CityCode::parse(&text).unwrap())
}

fn key() -> impl Strategy<Value = KeyNumber> {
    (1..u32::MAX).prop_map(|number| KeyNumber::new(number).unwrap())
}

fn officer() -> impl Strategy<Value = Officer> {
    ("[0-9A-Z-]{1,8}", any_of(Role::ALL), institution()).prop_map(|(number, role, institution)| {
        Officer {
            number: OfficerNumber::parse(&number).unwrap(),
            role,
            institution,
        }
    })
}

fn signers() -> impl Strategy<Value = Signers> {
    prop_oneof![
        Just(Signers::System),
        officer().prop_map(Signers::One),
        (officer(), officer()).prop_map(|(a, b)| Signers::Two(a, b)),
    ]
}

fn custody() -> impl Strategy<Value = Custody> {
    let check = prop_oneof![
        any::<[u8; 3]>().prop_map(Check::Kcv),
        any::<[u8; 32]>().prop_map(Check::Fingerprint),
    ];
    (any_of(CustodyKind::ALL), "[0-9A-Z-]{1,12}", check).prop_map(|(kind, device, check)| Custody {
        kind,
        device: DeviceName::parse(&device).unwrap(),
        check,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let slot = (city(), any_of(Purpose::ALL), any_of(KeyAlgorithm::ALL));
    let numbers = (any::<u32>(), any::<u8>(), any::<u8>());
    (
        numbers,
        institution(),
        institution(),
        slot,
        instant(),
        instant(),
    )
        .prop_map(
            |(
                (batch, index, version),
                province,
                holder,
                (city, purpose, algorithm),
                from,
                until,
            )| {
                Request {
                    batch,
                    province,
                    holder,
                    slot: Slot {
                        city,
                        purpose,
                        algorithm,
                    },
                    index,
                    version,
                    from,
                    until,
                }
            },
        )
}

fn what_of_key() -> impl Strategy<Value = What> {
    let overlap =
        prop::option::of((key(), instant()).prop_map(|(key, until)| Overlap { key, until }));
    let asked = (city(), any_of(Purpose::ALL), any_of(Usage::ALL));
    let misused = (asked, any_of(Ground::ALL)).prop_map(|((city, purpose, usage), ground)| {
        let asked = Use {
            city,
            purpose,
            usage,
        };
        What::Misused { asked, ground }
    });
    prop_oneof![
        3 => request().prop_map(What::Requested),
        2 => custody().prop_map(What::Generated),
        1 => custody().prop_map(What::Distributed),
        1 => overlap.prop_map(What::Activated),
        1 => any::<u16>().prop_map(|days| What::Noticed { days }),
        1 => misused,
        1 => any_of(Cause::ALL).prop_map(What::Suspended),
        1 => any_of(Cause::ALL).prop_map(What::Revoked),
        1 => any_of(Cause::ALL).prop_map(What::Rejected),
        3 => prop::sample::select(vec![
            What::Approved,
            What::Used,
            What::FlaggedUnused,
            What::Reviewed,
            What::Resumed,
            What::Retired,
            What::Withdrawn,
        ]),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let of_city = (city(), institution())
        .prop_map(|(city, province)| (None, What::CityRegistered { city, province }));
    let of_key = (key(), what_of_key()).prop_map(|(key, what)| (Some(key), what));
    let subject = prop_oneof![1 => of_city, 9 => of_key];
    (any::<u64>(), instant(), signers(), subject).prop_map(|(number, at, signers, (key, what))| {
        Event {
            number,
            at,
            key,
            signers,
            what,
        }
    })
}

proptest! {
    #[test]
    fn an_event_comes_back(event in event()) {
        prop_assert_eq!(Event::decode(&event.encode().unwrap()), Ok(event));
    }

    #[test]
    fn events_one_behind_the_other_come_back(events in prop::collection::vec(event(), 0..12)) {
        let bytes: Vec<u8> = events.iter().flat_map(|e| e.encode().unwrap()).collect();
        prop_assert_eq!(Event::decode_all(&bytes), Ok(events));
    }

    #[test]
    fn a_cut_event_is_none(event in event(), cut in any::<prop::sample::Index>()) {
        let bytes = event.encode().unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(Event::decode(&bytes[..cut]).is_err());
        let mut longer = bytes;
        longer.push(0);
        prop_assert!(Event::decode(&longer).is_err());
    }

    /// There is one form for each event: whatever is read is written the same.
    #[test]
    fn whatever_is_read_is_written_the_same(
        event in event(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = event.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(read) = Event::decode(&bytes) {
            prop_assert_ne!(&read, &event);
            prop_assert_eq!(read.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::decode_all(&bytes);
        let _ = tongtu_keyring::ca::Event::decode_all(&bytes);
    }
}

/// Derived by hand from the tables in docs/formats.md.
#[test]
fn a_request_has_these_bytes() {
    let event = Event {
        number: 4,
        at: Timestamp::new(1_767_196_800),
        key: KeyNumber::new(1),
        signers: Signers::One(Officer {
            number: OfficerNumber::parse("04-1").unwrap(),
            role: Role::ProvinceOfficer,
            institution: InstitutionCode::parse("00003000").unwrap(),
        }),
        what: What::Requested(Request {
            batch: 1,
            province: InstitutionCode::parse("00003000").unwrap(),
            holder: InstitutionCode::parse("01343010").unwrap(),
            slot: Slot {
                city: CityCode::parse("3010").unwrap(),
                purpose: Purpose::Purchase,
                algorithm: KeyAlgorithm::Sm4,
            },
            index: 1,
            version: 1,
            from: Timestamp::new(1_767_196_800),
            until: Timestamp::new(1_798_732_800),
        }),
    };
    let expected = concat!(
        "54544b45",
        "01",
        "10",
        "0022",
        "0000000000000004",
        "0000000069554880",
        "00000001",
        "30342d3120202020",
        "04",
        "00003000",
        "2020202020202020",
        "00",
        "00000000",
        "00000001",
        "00003000",
        "01343010",
        "3010",
        "01",
        "04",
        "01",
        "01",
        "0000000069554880",
        "000000006b367c00",
    );
    assert_eq!(hex_encode(&event.encode().unwrap()), expected);
}

#[test]
fn a_fault_of_the_head_is_named() {
    let event = Event {
        number: 1,
        at: Timestamp::new(0),
        key: KeyNumber::new(1),
        signers: Signers::System,
        what: What::Used,
    };
    let good = event.encode().unwrap();
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Event::decode(&bytes).unwrap_err()
    };
    assert!(matches!(
        spoilt(0, 0),
        EventError::Head { field: "magic", .. }
    ));
    assert!(matches!(
        spoilt(4, 2),
        EventError::Head {
            field: "version",
            ..
        }
    ));
    assert!(matches!(spoilt(5, 0x99), EventError::Step { step: 0x99 }));
    assert!(matches!(
        spoilt(5, 0x10),
        EventError::Body { expected: 34, .. }
    ));
    assert!(matches!(
        spoilt(27, 0),
        EventError::Subject { found: 0, .. }
    ));
    assert!(matches!(
        spoilt(28, b'A'),
        EventError::Officer { place: "first", .. }
    ));
    assert!(matches!(
        spoilt(49, 1),
        EventError::Officer {
            place: "second",
            ..
        }
    ));
}

use proptest::prelude::*;

use super::*;
use crate::test_card;

fn entropy(out: &mut [u8]) {
    out.fill(0x5A);
}

fn refusal(change: impl FnOnce(&mut Profile, &mut Issuer)) -> PersoError {
    let mut profile = test_card::profile(Algorithm::Sm4);
    let mut issuer = test_card::issuer(Algorithm::Sm4, &mut entropy);
    change(&mut profile, &mut issuer);
    groups(&profile, &issuer, &mut entropy).expect_err("it does not fit")
}

#[test]
fn the_test_card_has_each_group_once_and_no_key_prints() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let groups = test_card::groups(algorithm, &mut entropy);
        for (i, group) in groups.iter().enumerate() {
            assert!(
                groups[..i].iter().all(|other| other.id != group.id),
                "{group:?}"
            );
        }
        let text = format!("{groups:?} {:?}", test_card::profile(algorithm));
        let keys = test_card::card_keys(algorithm);
        for key in [keys.cryptogram, keys.mac, keys.encipher] {
            let hex = tongtu_codec::hex_encode(&key);
            assert!(!text.contains(&hex) && !text.contains(&format!("{key:?}")));
        }
    }
}

#[test]
fn the_same_profile_gives_the_same_groups() {
    // SM2 signatures are deterministic here, and RSA with recovery is by nature.
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let once = test_card::groups(algorithm, &mut entropy);
        assert!(once == test_card::groups(algorithm, &mut entropy));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let number = CardNumber::parse("62170000000000000123").expect("twenty digits");
    assert_eq!(
        refusal(|profile, _| profile.number = number),
        PersoError::Number { found: 20 }
    );
    assert_eq!(
        refusal(|profile, _| profile.pin = Some(b"12".to_vec())),
        PersoError::Pin
    );
    assert_eq!(
        refusal(|_, issuer| *issuer = test_card::issuer(Algorithm::Tdes, &mut entropy)),
        PersoError::Algorithm
    );
    let long = |profile: &mut Profile, _: &mut Issuer| profile.files[4].records[0] = vec![0; 256];
    assert_eq!(
        refusal(long),
        PersoError::Record {
            id: 0x19,
            found: 256
        }
    );
}

#[test]
fn files_are_those_of_the_sample() {
    let bytes = tongtu_codec::hex_decode("150100 00FF0280 1E0200 00301E30").expect("hex");
    let files = FileEntry::parse_all(&bytes).expect("as in a personalisation sample");
    assert_eq!(
        files[0].file_kind(),
        Some(FileKind::Variable { size: 0x0280 })
    );
    assert_eq!(
        files[1].file_kind(),
        Some(FileKind::Cyclic {
            records: 30,
            len: 48
        })
    );
    for bad in [
        "15010000FF02",
        "15030000FF0280",
        "0C010000FF0280",
        "15010000FF028015010000FF0280",
    ] {
        let bytes = tongtu_codec::hex_decode(bad).expect("hex");
        assert!(FileEntry::parse_all(&bytes).is_err(), "{bad}");
    }
}

#[test]
fn a_profile_prints_neither_its_pin_nor_its_number() {
    let profile = test_card::profile(Algorithm::Tdes);
    let pin = format!("{:?}", test_card::PIN).replace(['[', ']'], "");
    let printed = format!("{profile:?}");
    assert!(!printed.contains(&pin), "{printed}");
    assert!(!printed.contains(test_card::NUMBER), "{printed}");
}

proptest! {
    #[test]
    fn no_file_table_panics_and_what_is_read_is_written_back(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        if let Ok(files) = FileEntry::parse_all(&bytes) {
            let again: Vec<u8> = files.iter().flat_map(|f| f.encode().expect("seven bytes")).collect();
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn no_log_or_transport_data_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = crate::log::LoadRecord::parse(&crate::log::usual_load_format(), &bytes);
        if let Ok(data) = TransportData::decode(&bytes) {
            prop_assert_eq!(TransportData::decode(&data.encode().expect("fits")), Ok(data));
        }
    }
}

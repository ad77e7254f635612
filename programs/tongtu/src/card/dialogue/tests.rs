//! Whatever is said to whichever application, it is explained or said to be unreadable.

use proptest::prelude::*;
use tongtu_codec::hex_decode;

use super::*;

fn selected(fci: &str, aid: &str) -> Dialogue {
    let mut dialogue = Dialogue::new();
    let aid = hex_decode(aid).unwrap();
    let len = u8::try_from(aid.len()).unwrap();
    let select = [&[0x00, 0xA4, 0x04, 0x00, len][..], &aid].concat();
    dialogue.tell(&select, Some(&hex_decode(fci).unwrap()));
    dialogue
}

#[test]
fn what_the_fci_says_comes_before_the_name() {
    for (aid, fci, expected) in [
        ("A000000632010105", "9000", Application::Purse),
        ("A000000632010106", "9000", Application::Ecash),
        (
            "A000000632010106",
            "6F0FA50D9F0C0A000000000000000000009000",
            Application::Purse,
        ),
        (
            "A000000632010105",
            "6F09A5079F38049F6604009000",
            Application::Ecash,
        ),
        (
            "A00000063201",
            "6F0A8408A0000006320101059000",
            Application::Purse,
        ),
        (
            "325041592E5359532E4444463031",
            "9000",
            Application::Directory,
        ),
        ("A0000006320101F1", "9000", Application::Identity),
        ("F054544E46435152", "9000", Application::RideCode),
        ("", "6F0A8408A0000001510000009000", Application::Domain),
        ("A0000000031010", "9000", Application::Unknown),
        ("A000000632010105", "6A82", Application::Unknown),
    ] {
        assert_eq!(selected(fci, aid).selected, expected, "{aid} {fci}");
    }
}

#[test]
fn an_answer_in_parts_is_explained_as_one() {
    let mut dialogue = selected("9000", "A000000632010105");
    dialogue.tell(&[0x80, 0x5C, 0x03, 0x02, 0x04], Some(&[0x00, 0x61, 0x03]));
    let told = dialogue.tell(
        &[0x00, 0xC0, 0x00, 0x00, 0x03],
        Some(&[0x00, 0x0A, 0xC3, 0x90, 0x00]),
    );
    let bytes: Vec<u8> = told
        .explanation
        .answer
        .iter()
        .flat_map(|line| line.bytes.clone())
        .collect();
    assert_eq!(bytes, [0x00, 0x00, 0x0A, 0xC3]);
    assert!(
        told.explanation
            .answer
            .iter()
            .any(|line| line.value.contains("27.55"))
    );
}

proptest! {
    #[test]
    fn no_dialogue_makes_it_fall_over(
        application in prop_oneof![
            Just("A000000632010105"), Just("A000000632010106"), Just("A000000151000000"),
            Just("325041592E5359532E4444463031"), Just("A0000006320101F1"), Just("F054544E46435152"),
        ],
        said in proptest::collection::vec(
            (
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    (
                        prop_oneof![Just(0x00_u8), Just(0x04), Just(0x80), Just(0x84)],
                        prop_oneof![
                            Just(0x50_u8), Just(0x52), Just(0x54), Just(0x5A), Just(0x5C), Just(0xA4),
                            Just(0xA8), Just(0xB0), Just(0xB2), Just(0xC0), Just(0xCA), Just(0xD8),
                            Just(0xDC), Just(0xE2), Just(0xE6), Just(0xF2), Just(0x82), Just(0x88),
                        ],
                        any::<[u8; 2]>(),
                        proptest::collection::vec(any::<u8>(), 0..40),
                    ).prop_map(|(cla, ins, p, data)| {
                        let len = u8::try_from(data.len()).unwrap();
                        [&[cla, ins, p[0], p[1], len][..], &data].concat()
                    }),
                ],
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
                any::<bool>(),
            ),
            0..12,
        ),
    ) {
        let mut dialogue = selected("9000", application);
        for (command, answer, is_ok) in said {
            let answer = answer.map(|mut answer| {
                if is_ok {
                    answer.extend([0x90, 0x00]);
                }
                answer
            });
            let told = dialogue.tell(&command, answer.as_deref());
            prop_assert!(!told.heading(Lang::Zh).is_empty());
            prop_assert!(serde_json::to_string(&ToldForm::of(&told)).is_ok());
        }
    }
}

//! `tongtu card perso`.

use std::path::Path;

use crate::run::{Ran, folder, tongtu_in};

fn tongtu(folder: &Path, args: &[&str]) -> Ran {
    tongtu_in(folder, args, b"", &[])
}

#[test]
fn a_purse_comes_on_every_kind_of_card_and_pays_at_once() {
    let folder = folder("card-perso");
    for (profile, channel) in [
        ("default", "SCP03 i=70 33"),
        ("sm4", "SCP03 i=74 33"),
        ("scp02", "SCP02 i=15 03"),
        ("dual", "SCP03 i=70 33"),
    ] {
        let state = format!("{profile}.card");
        let perso = [
            "--json",
            "card",
            "perso",
            "--state",
            &state,
            "--profile",
            profile,
            "--cash",
        ];
        let ran = tongtu(&folder, &perso);
        assert_eq!(ran.code, 0, "{profile}: {}", ran.err);
        let answer = ran.json();
        assert_eq!(
            (
                &answer["channel"],
                &answer["test"],
                &answer["applications"][0]
            ),
            (&channel.into(), &true.into(), &"A000000632010105".into())
        );
        let pay = ["card", "pay", "--state", &state, "--amount", "2"];
        for args in [
            &["card", "load", "--state", &state, "--amount", "5"][..],
            &pay,
            &[&pay[..], &["--cash"]].concat(),
        ] {
            let ran = tongtu(&folder, args);
            assert_eq!(ran.code, 0, "{profile}: {}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn what_the_card_is_to_be_comes_from_a_file_and_from_options_over_it() {
    let folder = folder("card-perso-file");
    let wishes = "number = \"3104899999900000025\"\ncity = \"2900\"\nissuer = \"02002900FFFFFFFF\"\n\
                  kind = \"02\"\nstyle = \"shanghai\"\nexpires = \"20351231\"\n";
    std::fs::write(folder.join("student.toml"), wishes).unwrap();
    let ran = tongtu(
        &folder,
        &[
            "card",
            "perso",
            "--state",
            "a.card",
            "--file",
            "student.toml",
            "--expires",
            "20301231",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .ends_with("TEST card 310489****0025 is personalised\n"),
        "{}",
        ran.out
    );
    let read = tongtu(
        &folder,
        &["--json", "card", "read", "--state", "a.card", "--reveal"],
    )
    .json();
    let purse = &read["purses"][0];
    for (field, expected) in [("number", "3104899999900000025"), ("expires", "2030-12-31")] {
        assert_eq!(purse[field], expected);
    }
    assert_eq!(
        (&purse["city"]["en"], &purse["kind"]["en"]),
        (&"Shanghai".into(), &"student".into())
    );
    // Nothing of the old purse is left when it is replaced, and nothing happens without being asked to.
    let load = ["card", "load", "--state", "a.card", "--amount", "5"];
    assert_eq!(tongtu(&folder, &load).code, 0);
    let again = [
        "card",
        "perso",
        "--state",
        "a.card",
        "--number",
        "3104899999900000033",
    ];
    let ran = tongtu(&folder, &again);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("already") && ran.err.contains("--replace"),
        "{}",
        ran.err
    );
    let ran = tongtu(&folder, &[&again[..], &["--replace"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let read = tongtu(&folder, &["--json", "card", "read", "--state", "a.card"]).json();
    assert_eq!(read["purses"][0]["balance_fen"], 0);
    assert_eq!(read["purses"][0]["number"], "310489****0033");
}

#[test]
fn wrong_wishes_are_named_before_a_card_is_touched() {
    let folder = folder("card-perso-wrong");
    for (args, expected) in [
        (
            &["--number", "12a"][..],
            "invalid number `12a`, expected 19 digits",
        ),
        (
            &["--number", "310489999990000002"],
            "invalid number `…`, expected 19 digits",
        ),
        (
            &["--number", "31048999999000000255"],
            "invalid number `…`, expected 19 digits",
        ),
        (
            &["--pin", "123"],
            "invalid pin `…`, expected 4 to 12 digits",
        ),
        (
            &["--city", "24"],
            "invalid city `24`, expected 4 hex digits",
        ),
        (
            &["--style", "mars"],
            "invalid style `mars`, expected plain, shanghai",
        ),
        (
            &["--expires", "20301301"],
            "invalid expires `20301301`, expected YYYYMMDD",
        ),
        (
            &["--gp-key", "4041"],
            "invalid gp-key `…`, expected 32 hex digits",
        ),
        (&["--overdraft", "999999"], "invalid overdraft `999999`"),
    ] {
        let ran = tongtu(
            &folder,
            &[&["card", "perso", "--state", "a.card"], args].concat(),
        );
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
        assert!(!folder.join("a.card").exists(), "{args:?}");
    }
    std::fs::write(folder.join("odd.toml"), "colour = \"blue\"\n").unwrap();
    let ran = tongtu(
        &folder,
        &["card", "perso", "--state", "a.card", "--file", "odd.toml"],
    );
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("colour"), "{}", ran.err);
}

#[test]
fn a_card_with_other_keys_is_refused() {
    let folder = folder("card-perso-keys");
    let args = ["card", "perso", "--state", "a.card"];
    assert_eq!(tongtu(&folder, &args).code, 0);
    let ran = tongtu(
        &folder,
        &[&args[..], &["--replace", "--gp-key", &"00".repeat(16)]].concat(),
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("card cryptogram is wrong") && ran.err.contains("--gp-key"),
        "{}",
        ran.err
    );
}

//! `tongtu demo`, small: what lies in its folder for whoever verifies it.

use crate::run::{folder, tongtu_in};

#[test]
fn yesterday_is_anchored_in_each_citys_chain_of_key_uses_and_anybody_verifies_it() {
    let folder = folder("demo-uses");
    let run = |args: &[&str]| tongtu_in(&folder, &[&["--json"], args].concat(), b"", &[]);
    let demo = ["demo", "--riders", "10", "--seed", "5", "--out", "out"];
    let ran = run(&demo);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for city in ["beijing", "guangzhou"] {
        let answer = format!("out/key-uses/{city}.json");
        let ran = run(&["audit", "verify", &answer]);
        assert_eq!(ran.code, 0, "{city}: {}{}", ran.out, ran.err);
        let found = ran.json();
        // The nodes were asked on the morning of the 25th, after a day of rides and one of late ones.
        assert_eq!(found["anchored_to"], "20260324", "{city}: {found}");
        assert_eq!(found["anchors"], 2, "{city}: {found}");
        assert_eq!(found["uses"]["unknown"], 0, "{city}: {found}");
        assert!(
            found["uses"]["uses"].as_u64().unwrap() > 10,
            "{city}: {found}"
        );
    }
}

//! What is measured is all of it: no signature, code or TAC of a day is left out.

use crate::run::tongtu;

#[test]
fn a_measured_day_verifies_every_signature_code_and_tac() {
    let ran = tongtu(&["bench", "clearing", "--rides", "100", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = ran.json();
    assert_eq!(answer["by_code"], 50);
    let counts = |stage: usize| {
        let stage = &answer["stages"][stage];
        ["terminal_signatures", "codes", "tacs"].map(|part| stage[part]["count"].as_u64().unwrap())
    };
    let [upload, night] = [counts(0), counts(1)];
    assert_eq!(upload, [100, 50, 0]);
    // At night at least the acquirer's node judges all codes, and each issuer asks about its cards'.
    assert_eq!((night[0], night[2]), (0, 50));
    assert!(night[1] >= 50, "{night:?}");
}

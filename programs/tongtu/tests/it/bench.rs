//! What is measured is all of it: no signature, code, TAC or cryptogram of a day is left out.

use crate::run::tongtu;

#[test]
fn a_measured_day_verifies_every_signature_code_tac_and_cryptogram() {
    let ran = tongtu(&["bench", "clearing", "--rides", "100", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer = ran.json();
    let rides = ["by_code", "by_purse", "by_cash"].map(|by| answer[by].as_u64().unwrap());
    assert_eq!(rides, [34, 33, 33]);
    let counts = |stage: usize| {
        let stage = &answer["stages"][stage];
        ["terminal_signatures", "codes", "tacs", "cryptograms"]
            .map(|part| stage[part]["count"].as_u64().unwrap())
    };
    let [upload, night] = [counts(0), counts(1)];
    assert_eq!(upload, [100, 34, 0, 0]);
    // At night at least the acquirer's node judges all codes, and each issuer asks about its cards'.
    let [signatures, codes, tacs, cryptograms] = night;
    assert_eq!((signatures, tacs, cryptograms), (0, 33, 33));
    assert!(codes >= 34, "{night:?}");
}

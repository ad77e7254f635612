//! Our own way to a card through PC/SC, as a user of `tongtu card` meets it.

use std::time::Duration;

use crate::card_foreign::Card;

const LIMIT: Duration = Duration::from_secs(60);

/// Runs `tongtu` as a client of the card's private service.
fn client(card: &Card, args: &[&str]) -> tongtu_foreign::Ran {
    let program = env!("CARGO_BIN_EXE_tongtu");
    card.service.run(program, args, b"", LIMIT)
}

#[cfg(feature = "pcsc")]
#[test]
fn the_virtual_card_is_reached_through_pcsc_too() {
    let Some(card) = Card::fresh(&[]) else { return };
    let select = "00A4040008A000000151000000 => *9000";
    for reader in [&[][..], &["--reader", "Tongtu Test"]] {
        let ran = client(&card, &[&["card", "apdu", select][..], reader].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
    let ran = client(&card, &["card", "apdu", select, "--reader", "no such"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("Tongtu Test 00 00"), "{}", ran.err);
}

#[cfg(not(feature = "pcsc"))]
#[test]
fn a_build_without_pcsc_says_how_to_get_it() {
    let Some(card) = Card::fresh(&[]) else { return };
    let ran = client(&card, &["card", "apdu", "00A4040000"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("--features pcsc"), "{}", ran.err);
    assert!(ran.err.contains("--state"), "{}", ran.err);
}

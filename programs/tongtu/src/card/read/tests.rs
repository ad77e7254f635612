//! No card can make us fall over, whatever it answers.

use proptest::prelude::*;
use tongtu_codec::hex_decode;
use tongtu_purse::field::Date;
use tongtu_reader::{CardChannel, ReaderError};

use super::*;

/// A card that says what it was told to say, in turn, whatever it is asked.
struct StubCard {
    answers: Vec<Vec<u8>>,
    next: usize,
}

impl CardChannel for StubCard {
    fn atr(&self) -> Vec<u8> {
        vec![0x3B]
    }

    fn exchange(&mut self, _apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        self.next += 1;
        let at = self.next % self.answers.len();
        Ok(self.answers[at].clone())
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        Ok(())
    }
}

/// An answer that a reader of cards might trip over.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let purse = "6F318408A000000632010105A5259F0801029F0C1E01011000FFFFFFFF02010310517001999999901720190718204012310000";
    let cash = "6F1D8408A000000632010106A5119F38069F66049F0206BF0C059F4D020B0A";
    let data = prop_oneof![
        Just(hex_decode(purse).unwrap()),
        Just(hex_decode(cash).unwrap()),
        proptest::collection::vec(any::<u8>(), 0..60),
        proptest::collection::vec(any::<u8>(), 128),
        proptest::collection::vec(0_u8..0x1A, 48),
        proptest::collection::vec(0_u8..0x12, 23),
    ];
    let sw = prop_oneof![
        8 => Just([0x90, 0x00]),
        1 => Just([0x6A, 0x82]),
        1 => Just([0x62, 0x83]),
        1 => Just([0x61, 0x10]),
        1 => Just([0x6C, 0x17]),
        1 => any::<[u8; 2]>(),
    ];
    (data, sw).prop_map(|(data, sw)| [&data[..], &sw].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_card_makes_the_reader_fall_over(
        answers in proptest::collection::vec(answer(), 1..12),
        reveal: bool,
    ) {
        let mut card = StubCard { answers, next: 0 };
        let Ok(snapshot) = Snapshot::take(&mut card) else {
            // A card that announces bytes for ever is left.
            return Ok(());
        };
        let view = View { reveal, today: Date([0x20, 0x26, 0x01, 0x01]), test: reveal };
        let card = CardForm::of(&snapshot, view);
        for lang in [Lang::En, Lang::Zh] {
            let page = page::page(&card, None, lang);
            prop_assert_eq!(page.matches("<td").count(), page.matches("</td>").count());
        }
        prop_assert!(serde_json::to_string(&card).is_ok());
    }
}

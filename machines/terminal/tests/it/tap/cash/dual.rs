//! A card with both algorithm sets, which chooses by what the terminal says (DF69).

use tongtu_crypto::Algorithm;
use tongtu_ecash::oda::VerifyingKey;
use tongtu_ecash::{Dol, tag};
use tongtu_tap_record::CashCheck;
use tongtu_terminal::tap::{CardLink, Lost, TapOutcome};

use super::fixture::{CashPost, authority_keys, rider_with, table};
use crate::tap::card::Rider;
use crate::tap::fixture::{T0, bus};

/// Two instances behind one name: GET PROCESSING OPTIONS decides which one goes on.
struct Dual {
    rsa: Rider,
    sm2: Rider,
    says_sm2: Option<bool>,
}

fn list() -> Dol {
    Dol::new([
        (tag::TTQ, 4),
        (tag::AMOUNT, 6),
        (tag::UNPREDICTABLE, 4),
        (tag::CURRENCY, 2),
        (tag::SM_SUPPORT, 1),
    ])
}

impl CardLink for Dual {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if apdu[1] == 0xA8 {
            let values = list().split(&apdu[7..apdu.len() - 1]).unwrap();
            self.says_sm2 = Some(values[&tag::SM_SUPPORT] == [1]);
        }
        match self.says_sm2 {
            Some(true) => self.sm2.transmit(apdu),
            Some(false) => self.rsa.transmit(apdu),
            None => {
                self.sm2.transmit(apdu)?;
                self.rsa.transmit(apdu)
            }
        }
    }
}

#[test]
fn sm2_is_used_where_card_and_terminal_have_both_and_rsa_where_only_it_is_believed() {
    // TC-04.
    let only_rsa = || {
        let keys = authority_keys().into_iter();
        keys.filter(|key| matches!(key.authority.key, VerifyingKey::Rsa(_)))
            .collect()
    };
    for (keys, check) in [
        (authority_keys(), CashCheck::Sm2),
        (only_rsa(), CashCheck::Rsa),
    ] {
        let card = |algorithm| {
            let mut rider = rider_with(algorithm, |profile| profile.pdol = list());
            rider.present();
            rider
        };
        let mut dual = Dual {
            rsa: card(Algorithm::Tdes),
            sm2: card(Algorithm::Sm4),
            says_sm2: None,
        };
        let mut post = CashPost::new(1, bus()).changed(|cash| cash.authorities = table(keys));
        let end = post.tap_on(&mut dual, T0);
        let TapOutcome::Accepted(ride) = end.outcome else {
            panic!("{:?}", end.outcome);
        };
        assert_eq!(ride.record.cash().unwrap().check, check);
    }
}

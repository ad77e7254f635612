//! What a terminal needs to take the test cards of the e-cash.

use std::sync::Arc;

use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::cryptogram::composite_mac;
use tongtu_ecash::test_card;
use tongtu_purse::field::Date;
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, Cash, CashRules, RecordKeys, RecordUpdate, Unpredictable,
};

/// The keys of the test cards' files.
#[derive(Debug)]
struct FileKeys;

impl RecordKeys for FileKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let algorithm = match update.algorithm {
            4 => Algorithm::Sm4,
            _ => Algorithm::Tdes,
        };
        let key = BlockKey::new(algorithm, test_card::file_key(update.sfi));
        let (atc, header) = (update.atc, update.header);
        Some(composite_mac(&key, atc, header, update.record))
    }
}

fn authorities() -> Arc<AuthorityTable> {
    const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];
    let mut table = AuthorityTable::default();
    for authority in test_card::authorities() {
        let key = AuthorityKey {
            rid: RID,
            version: 1,
            expires: Date([0x20, 0x35, 0x12, 0x31]),
            check: AuthorityKey::check_value(RID, &authority),
            authority,
        };
        table.take(key).unwrap();
    }
    Arc::new(table)
}

/// For a terminal that begins for the so-and-so-manieth time.
pub(in crate::torn) fn served(starts: u8) -> Cash {
    Cash {
        rules: CashRules {
            issuers: vec!["6217".into()],
            ..CashRules::default()
        },
        authorities: authorities(),
        records: Some(Arc::new(FileKeys)),
        unpredictable: Unpredictable::new([starts; 32]),
    }
}

//! Session keys, MAC1, MAC2, MAC3 and TAC: what each is computed over.
//!
//! What is here: the input of every code, once for both sides. What is not here: keys at rest,
//! and the block ciphers (`tongtu_crypto::mac`).

use alloc::vec::Vec;

use subtle::ConstantTimeEq as _;
use tongtu_crypto::mac::SessionKey;
use tongtu_crypto::{BlockKey, diversify};

use crate::field::{Amount, Balance, DateTime, Institution, Kind, Serial, Terminal};

/// A MAC or TAC: the leftmost four bytes.
pub type Code = [u8; 4];

/// Whether two codes are equal, in constant time.
#[must_use]
pub fn same(a: &Code, b: &Code) -> bool {
    a.ct_eq(b).into()
}

/// The card's key of a master key, by issuer, then by application serial.
///
/// Levels: [`Institution`] (8 bytes of file 0x15), then [`Serial::factor`]. The order is
/// inferred from commands that public implementations send to their modules.
#[must_use]
pub fn card_key(master: &BlockKey, issuer: Institution, serial: Serial) -> BlockKey {
    diversify::levels(master, &[issuer.0, serial.factor()])
}

/// What the session key of a purchase is derived by.
#[must_use]
pub const fn purchase_block(random: [u8; 4], sequence: u16, terminal_sequence: u32) -> [u8; 8] {
    let [_, _, a, b] = terminal_sequence.to_be_bytes();
    block(random, sequence, [a, b])
}

/// What the session key of a load or an unload is derived by.
#[must_use]
pub const fn load_block(random: [u8; 4], sequence: u16) -> [u8; 8] {
    block(random, sequence, [0x80, 0x00])
}

/// SESPK: the session key of a purchase.
#[must_use]
pub fn purchase_session(
    key: &BlockKey,
    random: [u8; 4],
    sequence: u16,
    terminal_sequence: u32,
) -> SessionKey {
    SessionKey::derive(key, &purchase_block(random, sequence, terminal_sequence))
}

/// SESLK or SESULK: the session key of a load or an unload.
#[must_use]
pub fn load_session(key: &BlockKey, random: [u8; 4], sequence: u16) -> SessionKey {
    SessionKey::derive(key, &load_block(random, sequence))
}

const fn block(random: [u8; 4], sequence: u16, tail: [u8; 2]) -> [u8; 8] {
    let ([a, b, c, d], [e, f], [g, h]) = (random, sequence.to_be_bytes(), tail);
    [a, b, c, d, e, f, g, h]
}

/// What every code of one transaction is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deal {
    /// Amount.
    pub amount: Amount,
    /// Transaction type.
    pub kind: Kind,
    /// Terminal number.
    pub terminal: Terminal,
}

impl Deal {
    fn bytes(&self) -> Vec<u8> {
        [&self.amount.bytes()[..], &[self.kind.0], &self.terminal.0].concat()
    }

    /// What MAC1 of a load or unload is made over: balance ‖ deal.
    #[must_use]
    pub fn load_mac1_message(&self, balance: Balance) -> Vec<u8> {
        [&balance.bytes()[..], &self.bytes()].concat()
    }

    /// What MAC2 of a load and MAC1 of a purchase are made over: deal ‖ date ‖ time.
    #[must_use]
    pub fn dated_message(&self, at: DateTime) -> Vec<u8> {
        [&self.bytes()[..], &at.0].concat()
    }

    /// What MAC2 of a purchase is made over: the amount.
    #[must_use]
    pub fn purchase_mac2_message(&self) -> [u8; 4] {
        self.amount.bytes()
    }

    /// What the TAC of a load is made over: balance after ‖ sequence before ‖ deal ‖ date ‖ time.
    #[must_use]
    pub fn load_tac_message(&self, balance_after: Balance, sequence: u16, at: DateTime) -> Vec<u8> {
        self.after(balance_after, sequence, at)
    }

    /// MAC1 of a load or unload, card to host: balance ‖ deal.
    #[must_use]
    pub fn load_mac1(&self, session: &SessionKey, balance: Balance) -> Code {
        session.mac(&self.load_mac1_message(balance))
    }

    /// MAC2 of a load or unload, host to card: deal ‖ date ‖ time.
    #[must_use]
    pub fn load_mac2(&self, session: &SessionKey, at: DateTime) -> Code {
        session.mac(&self.dated_message(at))
    }

    /// MAC3 of an unload, card to host.
    ///
    /// UNSPECIFIED: which key makes it; the session key of the unload is ours to choose.
    #[must_use]
    pub fn unload_mac3(
        &self,
        session: &SessionKey,
        balance_after: Balance,
        sequence: u16,
        at: DateTime,
    ) -> Code {
        session.mac(&self.after(balance_after, sequence, at))
    }

    /// MAC1 of a purchase, terminal to card: deal ‖ date ‖ time.
    #[must_use]
    pub fn purchase_mac1(&self, session: &SessionKey, at: DateTime) -> Code {
        session.mac(&self.dated_message(at))
    }

    /// MAC2 of a purchase, card to terminal: the amount.
    #[must_use]
    pub fn purchase_mac2(&self, session: &SessionKey) -> Code {
        session.mac(&self.purchase_mac2_message())
    }

    /// What the TAC of a purchase is made over: deal ‖ terminal sequence ‖ date ‖ time.
    #[must_use]
    pub fn purchase_tac_message(&self, terminal_sequence: u32, at: DateTime) -> Vec<u8> {
        [&self.bytes()[..], &terminal_sequence.to_be_bytes(), &at.0].concat()
    }

    /// TAC of a purchase, with the key for TACs.
    #[must_use]
    pub fn purchase_tac(&self, key: &BlockKey, terminal_sequence: u32, at: DateTime) -> Code {
        SessionKey::for_tac(key).mac(&self.purchase_tac_message(terminal_sequence, at))
    }

    /// TAC of a load: balance after ‖ sequence before ‖ deal ‖ date ‖ time, with the key for
    /// TACs.
    #[must_use]
    pub fn load_tac(
        &self,
        key: &BlockKey,
        balance_after: Balance,
        sequence: u16,
        at: DateTime,
    ) -> Code {
        SessionKey::for_tac(key).mac(&self.after(balance_after, sequence, at))
    }

    fn after(&self, balance: Balance, sequence: u16, at: DateTime) -> Vec<u8> {
        [
            &balance.bytes()[..],
            &sequence.to_be_bytes(),
            &self.bytes(),
            &at.0,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use tongtu_codec::{hex_decode, hex_encode};
    use tongtu_crypto::Algorithm;

    use super::*;

    fn array<const N: usize>(hex: &str) -> [u8; N] {
        hex_decode(hex)
            .expect("a test writes hex")
            .try_into()
            .expect("of the right length")
    }

    fn tdes(hex: &str) -> BlockKey {
        BlockKey::new(Algorithm::Tdes, array(hex))
    }

    fn deal(amount: u32, kind: u8, terminal: &str) -> Deal {
        Deal {
            amount: Amount::new(amount),
            kind: Kind(kind),
            terminal: Terminal(array(terminal)),
        }
    }

    fn at(hex: &str) -> DateTime {
        DateTime(array(hex))
    }

    /// Published articles on the MACs of the e-purse; the load amount is the hex number 1000.
    #[test]
    fn published_load_and_purchase() {
        let key = tdes("11223344556677888877665544332211");
        let session = load_session(&key, array("11223344"), 0);
        let load = deal(0x1000, 0x01, "001122334455");
        assert_eq!(
            hex_encode(&load.load_mac1(&session, Balance::default())),
            "2988ae5a"
        );
        assert_eq!(
            hex_encode(&load.load_mac2(&session, at("20111221214822"))),
            "3a845bf0"
        );

        let session = purchase_session(&key, array("11223344"), 0, 1);
        let purchase = deal(0x1000, 0x06, "001122334455");
        let when = at("20120229135100");
        assert_eq!(
            hex_encode(&purchase.purchase_mac1(&session, when)),
            "f15cab75"
        );
        assert_eq!(hex_encode(&purchase.purchase_mac2(&session)), "56988a13");
        let tac_key = tdes("00112233445566778899AABBCCDDEEFF");
        assert_eq!(
            hex_encode(&purchase.purchase_tac(&tac_key, 1, when)),
            "b3a0d49c"
        );
        let other = deal(0x1000, 0x01, "001122334455");
        assert_eq!(
            hex_encode(&other.purchase_tac(&tac_key, 1, when)),
            "e2fe610b"
        );
    }

    /// Derived vectors of a whole chain: master keys, two levels, every code, both algorithms.
    #[test]
    fn derived_chain_in_both_algorithms() {
        let issuer = Institution(array("02905810FFFFFFFF"));
        let serial = Serial(array("03104899999900000017"));
        // terminal sequence, random, sequence, amount, kind, terminal, time,
        // then MAC1, MAC2, TAC for 3DES and for SM4.
        let rows = "
            101 A1B2C3D4 7 0   9 581000000001 20250601080000 67c0fd5b 5a59b7b7 35b3762c de7f00d9 e64b7379 676a7611
            102 0BADCAFE 8 300 9 581000000002 20250601083015 104228f7 15b2bb82 46f12e3d ecfa6dc1 88ef1e68 a77a605e
            103 5A5A1234 9 200 6 581000000001 20250601090000 8ee09fdb 4c35e671 b90f6701 d0de706a fa59e18b a46a05b5";
        for (column, algorithm) in [(0, Algorithm::Tdes), (3, Algorithm::Sm4)] {
            let key =
                |master: &str| card_key(&BlockKey::new(algorithm, array(master)), issuer, serial);
            let dpk = key("32D464AC81F1640A687D023BF99E35DF");
            let dtk = key("0F1E2D3C4B5A69788796A5B4C3D2E1F0");
            for row in rows.lines().skip(1) {
                let cell: Vec<_> = row.split_whitespace().collect();
                let terminal_sequence = u32::from_str_radix(cell[0], 16).expect("a hex number");
                let number = |i: usize| cell[i].parse::<u32>().expect("a number");
                let sequence = u16::try_from(number(2)).expect("small");
                let session = purchase_session(&dpk, array(cell[1]), sequence, terminal_sequence);
                let kind = u8::try_from(number(4)).expect("small");
                let deal = deal(number(3), kind, cell[5]);
                let when = at(cell[6]);
                let codes = [
                    deal.purchase_mac1(&session, when),
                    deal.purchase_mac2(&session),
                    deal.purchase_tac(&dtk, terminal_sequence, when),
                ];
                for (i, code) in codes.iter().enumerate() {
                    assert_eq!(
                        hex_encode(code),
                        cell[7 + column + i],
                        "{algorithm:?} {row}"
                    );
                }
            }
        }
    }

    #[test]
    fn derived_load_of_the_same_card() {
        let issuer = Institution(array("02905810FFFFFFFF"));
        let serial = Serial(array("03104899999900000017"));
        let dlk = card_key(&tdes("32D464AC81F1640A687D023BF99E35DF"), issuer, serial);
        let dtk = card_key(&tdes("0F1E2D3C4B5A69788796A5B4C3D2E1F0"), issuer, serial);
        let session = load_session(&dlk, array("C0FFEE01"), 3);
        let load = deal(0x2710, 2, "581000000001");
        let when = at("20250602101112");
        let before = Balance::from_bytes(array("00000BB8"));
        assert_eq!(hex_encode(&load.load_mac1(&session, before)), "fc9e4338");
        assert_eq!(hex_encode(&load.load_mac2(&session, when)), "ef02d661");
        let after = Balance::from_bytes(array("000032C8"));
        assert_eq!(hex_encode(&load.load_tac(&dtk, after, 3, when)), "61975cd0");
    }

    /// The oracle values of the test card profile P1: a load and two purchases.
    #[test]
    fn the_test_card_of_the_conformance_catalogue() {
        let dlk = tdes("202122232425262728292A2B2C2D2E2F");
        let dpk = tdes("101112131415161718191A1B1C1D1E1F");
        let dtk = tdes("303132333435363738393A3B3C3D3E3F");
        let session = load_session(&dlk, array("A1B2C3D4"), 0);
        let load = deal(5000, 2, "000000000001");
        let when = at("20261122093000");
        assert_eq!(
            hex_encode(&load.load_mac1(&session, Balance::default())),
            "b297e672"
        );
        assert_eq!(hex_encode(&load.load_mac2(&session, when)), "e8dc1c9b");
        let after = Balance::from_bytes(array("00001388"));
        assert_eq!(hex_encode(&load.load_tac(&dtk, after, 0, when)), "ac2e23d2");

        for (random, seq, termseq, amount, kind, when, codes) in [
            (
                "B1B2B3B4",
                0,
                1,
                200,
                6,
                "20261122093100",
                ["8051b631", "ead571dd", "8489b4f8"],
            ),
            (
                "C1C2C3C4",
                1,
                2,
                300,
                9,
                "20261122093200",
                ["85d826fc", "6a054653", "1963c2ad"],
            ),
        ] {
            let session = purchase_session(&dpk, array(random), seq, termseq);
            let deal = deal(amount, kind, "000000000001");
            let when = at(when);
            let found = [
                deal.purchase_mac1(&session, when),
                deal.purchase_mac2(&session),
                deal.purchase_tac(&dtk, termseq, when),
            ];
            assert_eq!(found.map(|code| hex_encode(&code)), codes);
        }
    }
}

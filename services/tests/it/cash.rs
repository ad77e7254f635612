//! Rides by e-cash, from the terminal's record to the issuer's book.

use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::cryptogram::card_key;
use tongtu_exchange_file::{ClFile, FileKind};
use tongtu_purse::field::{Amount, DateTime, Kind};
use tongtu_services::{CardView, RideRole, RideState, UploadKind};
use tongtu_tap_record::{CashCheck, CashProof, Mac2State, RecordKind, Recovery, TapRecord, Told};
use tongtu_types::{BusinessDay, CardNumber, Fen, Timestamp};

use crate::card::{Card, balance, ends, signed};
use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, PROVINCE, Terminal, code, day, morning, refused,
};

/// An e-cash as far as its numbers go: what it has, what it counts.
struct Cash {
    card: Card,
    algorithm: Algorithm,
    pan_sequence: u8,
}

impl Cash {
    /// An e-cash with 50 yuan on it that its issuer knows.
    async fn issued(country: &Country, city: &'static str, number: u32) -> Self {
        let card = Self::unknown(city, number);
        let node = country.node(city);
        let now = morning().plus_s(-3600);
        let of = card.card.number;
        node.cash_issue(of, now).await.unwrap();
        let load = format!("first-{number}");
        node.cash_load(of, &load, Fen::new(5000), now)
            .await
            .unwrap();
        card
    }

    fn unknown(city: &'static str, number: u32) -> Self {
        let pan = format!("6217{}{number:011}", &city[4..]);
        Self {
            card: Card {
                city,
                number: CardNumber::parse(&pan).unwrap(),
                fen: 5000,
                sequence: 0x0ADC,
            },
            algorithm: match number % 2 {
                0 => Algorithm::Tdes,
                _ => Algorithm::Sm4,
            },
            pan_sequence: 1,
        }
    }

    fn key(&self) -> BlockKey {
        let master = crate::keys::cash_master(self.card.city, self.algorithm);
        card_key(&master, &self.card.number, self.pan_sequence)
    }

    fn pay(&mut self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        let record = self.asked(terminal, at, fen);
        self.card.fen -= fen;
        self.card.sequence += 1;
        record
    }

    /// Of which it is not known whether the card paid.
    fn torn(&self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        TapRecord {
            recovery: Recovery::Grey,
            ..self.asked(terminal, at, fen)
        }
    }

    fn asked(&self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        self.claiming(terminal, at, fen, 0x90)
    }

    /// A payment whose verification results begin with this byte.
    fn claiming(&self, terminal: &Terminal, at: Timestamp, fen: u32, cvr: u8) -> TapRecord {
        let algorithm = match self.algorithm {
            Algorithm::Tdes => 1,
            Algorithm::Sm4 => 4,
        };
        let mut issuer_data = [0; 32];
        issuer_data[..8].copy_from_slice(&[7, 1, 1, 3, cvr, 0, 0, algorithm]);
        let mut proof = CashProof {
            cryptogram: [0; 8],
            issuer_len: 8,
            issuer_data,
            unpredictable: [0x2B, 0x29, 0xEB, 0xE4],
            tvr: [0; 5],
            cid: 0x40,
            aip: [0x7C, 0],
            pan_sequence: self.pan_sequence,
            currency: [0x01, 0x56],
            country: [0x01, 0x56],
            told: Told(0b1000_1001),
            name_len: 0,
            name: [0; 16],
            expiry: [0x40, 0x12],
            authority: 1,
            check: CashCheck::Sm2,
        };
        let mut record = TapRecord {
            kind: RecordKind::Cash,
            mac2: Mac2State::None,
            transaction: Kind(0),
            algorithm,
            tac: [0; 4],
            mac2_code: [0; 4],
            ..self.card.asked(terminal, at, fen)
        };
        let key = self.key();
        // Made over, not verified: the cryptogram is the one that would hold.
        proof.cryptogram = tongtu_ecash::cryptogram::CryptogramInput {
            terminal: &[
                (tongtu_ecash::tag::AMOUNT, amount(fen)),
                (tongtu_ecash::tag::CURRENCY, vec![0x01, 0x56]),
                (
                    tongtu_ecash::tag::UNPREDICTABLE,
                    proof.unpredictable.to_vec(),
                ),
            ]
            .into(),
            aip: proof.aip,
            atc: record.sequence,
            cvr: tongtu_ecash::Cvr([cvr, 0, 0]),
        }
        .cryptogram(&key);
        record.own = proof.own();
        assert_eq!(record.cryptogram_holds(&key), Ok(true));
        record
    }

    async fn view(&self, country: &Country) -> CardView {
        let node = country.node(self.card.city);
        node.cash_view(self.card.number).await.unwrap()
    }

    /// What the card has is what its issuer thinks.
    async fn agrees(&self, country: &Country) -> CardView {
        let view = self.view(country).await;
        assert_eq!(view.mirror, Fen::new(self.card.fen.into()));
        assert_eq!(view.short, Fen::ZERO);
        view
    }
}

fn amount(fen: u32) -> Vec<u8> {
    let amount = tongtu_ecash::Amount::new(Fen::new(fen.into())).unwrap();
    amount.encode().to_vec()
}

fn with(record: &TapRecord, change: impl FnOnce(&mut CashProof)) -> TapRecord {
    let mut proof = record.cash().unwrap();
    change(&mut proof);
    TapRecord {
        own: proof.own(),
        ..record.clone()
    }
}

async fn done(country: &Country, day: BusinessDay) {
    country.close(day).await;
    country.settle(day).await;
    country.audit().await;
}

async fn alarms(country: &Country, city: &str) -> Vec<String> {
    let alarms = country.node(city).alarms().await.unwrap();
    alarms.into_iter().map(|alarm| alarm.code).collect()
}

#[tokio::test]
async fn an_e_cash_pays_at_home_and_away_beside_purses() {
    let country = Country::found().await;
    let mut purse = Card::issued(&country, GUANGZHOU_CODE, 9).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let (mut cards, mut records) = (Vec::new(), Vec::new());
    for (number, city) in (1..).zip([BEIJING_CODE, BEIJING_CODE, GUANGZHOU_CODE, GUANGZHOU_CODE]) {
        let mut card = Cash::issued(&country, city, number).await;
        let at = morning().plus_s(i64::from(number) * 60);
        records.push(signed(&card.pay(&north, at, 300), &north));
        cards.push(card);
    }
    let by_purse = purse.pay(&north, morning().plus_s(900), 100);
    records.push(signed(&by_purse, &north));
    country
        .upload(&north, &records, morning().plus_s(1000))
        .await;
    country.close(day()).await;
    let sent = country.node(BEIJING_CODE).files_made().await.unwrap();
    let kinds: Vec<FileKind> = sent.iter().map(|file| file.info.name.kind()).collect();
    assert_eq!(kinds, [FileKind::CD; 2], "by purse and by e-cash");
    country.settle(day()).await;
    country.audit().await;
    let all = ends(&country, BEIJING_CODE).await;
    assert_eq!(all, [(RideState::Settled, 0); 5]);
    for card in &cards {
        let view = card.agrees(&country).await;
        assert_eq!((view.rides, view.refund_due), (1, Fen::ZERO));
    }
    // The hub told the issuer with the block that the cryptogram is verified by.
    let hub = country.node(PROVINCE);
    let made = hub.files_made().await.unwrap();
    let lists = made
        .iter()
        .filter(|file| file.info.name.kind() == FileKind::CL);
    let mut told = 0;
    for file in lists {
        let name = &file.info.name;
        let file = hub.file_read(code(GUANGZHOU_CODE), name).await.unwrap();
        let lines = ClFile::decode(name, file.bytes()).unwrap().records;
        told += lines.iter().filter(|line| line.cash_ride().is_ok()).count();
    }
    assert_eq!(told, 2);
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        assert!(alarms(&country, city).await.is_empty(), "{city}");
    }
}

#[tokio::test]
async fn what_an_e_cash_did_not_pay_is_refused_under_its_own_code() {
    let country = Country::found().await;
    let mut card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let away = Cash::issued(&country, GUANGZHOU_CODE, 2).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let forged = with(&card.asked(&north, t, 100), |proof| {
        proof.cryptogram[0] ^= 1
    });
    // Online asked for, or declined: a cryptogram that holds and is no payment, wherever its key is.
    let online = card.claiming(&north, t.plus_s(1), 100, 0xA0);
    let declined = away.claiming(&north, t.plus_s(2), 100, 0x80);
    let uneven = TapRecord {
        after: balance(9),
        ..card.asked(&north, t.plus_s(3), 100)
    };
    let first = card.pay(&north, t.plus_s(4), 100);
    card.card.sequence -= 1;
    let second = card.asked(&north, t.plus_s(5), 200);
    // Another card of the same number has the same counter.
    card.pan_sequence = 2;
    let renewed = card.asked(&north, t.plus_s(6), 100);
    let records = [forged, online, declined, uneven, first, second, renewed];
    let records = records.map(|record| signed(&record, &north));
    country.upload(&north, &records, t.plus_s(600)).await;
    done(&country, day()).await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [
            (RideState::Refused, 20_011),
            (RideState::Refused, 20_011),
            (RideState::Refused, 20_011),
            (RideState::Refused, 20_010),
            (RideState::Settled, 0),
            (RideState::Refused, 20_003),
            (RideState::Settled, 0),
        ]
    );
    assert_eq!(card.view(&country).await.mirror, Fen::new(4800));
    assert_eq!(away.view(&country).await.mirror, Fen::new(5000));
}

#[tokio::test]
async fn an_issuer_far_away_is_told_of_a_wrong_cryptogram_and_of_an_unknown_card() {
    let country = Country::found().await;
    let card = Cash::issued(&country, GUANGZHOU_CODE, 1).await;
    let stranger = Cash::unknown(GUANGZHOU_CODE, 2);
    // As a purse the number is known.
    let node = country.node(GUANGZHOU_CODE);
    let now = morning();
    node.card_issue(stranger.card.number, now).await.unwrap();
    let north = country.terminal(BEIJING_CODE, 1).await;
    let forged = with(&card.asked(&north, now, 100), |proof| {
        proof.cryptogram[0] ^= 1
    });
    let unknown = stranger.asked(&north, now.plus_s(5), 100);
    let records = [signed(&forged, &north), signed(&unknown, &north)];
    country.upload(&north, &records, now.plus_s(60)).await;
    done(&country, day()).await;
    assert_eq!(
        alarms(&country, GUANGZHOU_CODE).await,
        ["issuing.account_unknown", "issuing.charge_unsound"]
    );
}

#[tokio::test]
async fn a_record_of_an_e_cash_comes_twice_without_harm_and_holds_or_is_refused() {
    let country = Country::found().await;
    let mut card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let record = card.pay(&north, morning(), 100);
    let no_digits = with(&record, |proof| proof.pan_sequence = 0xA1);
    let no_date = TapRecord {
        at: DateTime([0x20, 0x26, 0x13, 0x41, 0, 0, 0]),
        ..record.clone()
    };
    let no_data = with(&record, |proof| proof.issuer_len = 3);
    let too_long = with(&record, |proof| proof.issuer_len = 33);
    let below = TapRecord {
        after: tongtu_purse::field::Balance::from_fen(Fen::new(-1)).unwrap(),
        ..record.clone()
    };
    let uneven = TapRecord {
        base: Amount::ZERO,
        ..record.clone()
    };
    let good = signed(&record, &north);
    let mut batch = vec![good.clone(), good];
    let bad = [no_digits, no_date, no_data, too_long, below, uneven];
    batch.extend(bad.iter().map(|record| signed(record, &north)));
    let node = country.node(BEIJING_CODE);
    let outcomes = node.records_upload(north.number, &batch, morning()).await;
    let kinds: Vec<_> = outcomes.unwrap().into_iter().map(|o| o.kind).collect();
    assert_eq!(kinds[..2], [UploadKind::Stored, UploadKind::Duplicate]);
    for (at, kind) in kinds.iter().enumerate().skip(2) {
        assert!(matches!(kind, UploadKind::Refused { .. }), "{at}: {kind:?}");
    }
}

#[tokio::test]
async fn a_grey_e_cash_waits_for_the_cards_very_next_number() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let mut records = Vec::new();
    let mut cards = Vec::new();
    // Debited; not debited; debited, and a number is missing in between.
    for (number, taken, missing) in [(1, 200, 0), (2, 0, 0), (3, 200, 1)] {
        let mut card = Cash::issued(&country, BEIJING_CODE, number).await;
        let at = t.plus_s(i64::from(number) * 10);
        records.push(signed(&card.torn(&north, at, 200), &north));
        card.card.fen -= taken;
        card.card.sequence += 1 + missing;
        cards.push(card);
    }
    country.upload(&north, &records, t.plus_s(600)).await;
    done(&country, day()).await;
    assert!(country.acquired(BEIJING_CODE).await.is_empty(), "it waits");

    let tomorrow = t.plus_s(86_400);
    let mut records = Vec::new();
    for (card, n) in cards.iter_mut().zip(0..) {
        let ride = card.pay(&north, tomorrow.plus_s(n * 60), 300);
        records.push(signed(&ride, &north));
    }
    country.upload(&north, &records, tomorrow.plus_s(600)).await;
    done(&country, BusinessDay::from_days(day().days() + 1)).await;
    let amounts: Vec<i64> = country
        .acquired(BEIJING_CODE)
        .await
        .iter()
        .map(|r| r.amount.get())
        .collect();
    assert_eq!(amounts, [200, 300, 300, 300]);
    cards[0].agrees(&country).await;
    cards[1].agrees(&country).await;
    // Nothing proves what the third did: nobody claims it.
    assert_eq!(cards[2].view(&country).await.mirror, Fen::new(4700));
}

#[tokio::test]
async fn a_card_that_does_not_say_its_balance_proves_nothing_by_it() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let mut card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let silent = |record: TapRecord| TapRecord {
        before: balance(0),
        after: balance(0),
        ..record
    };
    let t = morning();
    let grey = silent(card.torn(&north, t, 200));
    card.card.sequence += 1;
    let next = silent(card.pay(&north, t.plus_s(600), 200));
    let records = [signed(&grey, &north), signed(&next, &north)];
    country.upload(&north, &records, t.plus_s(900)).await;
    done(&country, day()).await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [(RideState::Settled, 0)]
    );
}

#[tokio::test]
async fn whoever_paid_twice_by_e_cash_for_one_ride_is_owed_one() {
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        let country = Country::found().await;
        let front = country.terminal(BEIJING_CODE, 1).await;
        let rear = country.terminal(BEIJING_CODE, 2).await;
        let t = morning();
        let mut card = Cash::issued(&country, city, 1).await;
        let grey = card.torn(&front, t, 200);
        card.card.fen -= 200;
        card.card.sequence += 1;
        let again = card.pay(&rear, t.plus_s(30), 200);
        let records = [signed(&grey, &front)];
        country.upload(&front, &records, t.plus_s(600)).await;
        let records = [signed(&again, &rear)];
        country.upload(&rear, &records, t.plus_s(600)).await;
        done(&country, day()).await;
        let view = card.agrees(&country).await;
        assert_eq!(view.refund_due, Fen::new(200), "{city}");
        let debits = country.node(city).rides_view(RideRole::Issuer).await;
        let amounts: Vec<i64> = debits.unwrap().iter().map(|r| r.amount.get()).collect();
        assert_eq!(amounts, [0, 200], "{city}");
        assert!(alarms(&country, city).await.is_empty(), "{city}");
    }
}

#[tokio::test]
async fn whoever_was_sent_to_the_staff_by_an_unsigned_card_has_not_ridden() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let mut card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let unsigned = with(&card.torn(&north, t, 200), |proof| {
        proof.check = CashCheck::Failed;
    });
    card.card.fen -= 200;
    card.card.sequence += 1;
    let next = card.pay(&north, t.plus_s(900), 300);
    let records = [signed(&unsigned, &north), signed(&next, &north)];
    country.upload(&north, &records, t.plus_s(1000)).await;
    done(&country, day()).await;
    assert_eq!(card.agrees(&country).await.refund_due, Fen::new(200));
}

#[tokio::test]
async fn a_grey_e_cash_that_another_terminal_recovered_is_one_ride() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let mut card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let grey = card.torn(&front, t, 200);
    let later = t.plus_s(20);
    let recovered = TapRecord {
        recovery: Recovery::Elsewhere,
        recorder: card.asked(&rear, later, 0).terminal,
        recorded_at: DateTime::of(later),
        ..card.pay(&front, t, 200)
    };
    let at = t.plus_s(600);
    country.upload(&front, &[signed(&grey, &front)], at).await;
    country
        .upload(&rear, &[signed(&recovered, &rear)], at)
        .await;
    done(&country, day()).await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [(RideState::Settled, 0)]
    );
    assert_eq!(card.agrees(&country).await.refund_due, Fen::ZERO);
}

#[tokio::test]
async fn a_number_may_be_a_purses_and_an_e_cashs_with_money_of_each() {
    let country = Country::found().await;
    let card = Cash::issued(&country, BEIJING_CODE, 1).await;
    let (node, number, t) = (country.node(BEIJING_CODE), card.card.number, morning());
    assert_eq!(
        refused(node.card_view(number).await),
        "issuing.account_unknown"
    );
    node.card_issue(number, t).await.unwrap();
    // The same id names a load of the purse and one of the e-cash.
    let purse = node.card_load(number, "first-1", Fen::new(700), t).await;
    assert_eq!(purse.unwrap().mirror, Fen::new(700));
    let again = node.cash_load(number, "first-1", Fen::new(5000), t).await;
    assert_eq!(again.unwrap().mirror, Fen::new(5000));
    let reused = node.cash_load(number, "first-1", Fen::new(1), t).await;
    assert_eq!(refused(reused), "issuing.recharge_id_reused");
    let stranger = Cash::unknown(BEIJING_CODE, 7).card.number;
    let unknown = node.cash_load(stranger, "x", Fen::new(1), t).await;
    assert_eq!(refused(unknown), "issuing.account_unknown");
    let none = country.node(PROVINCE).cash_issue(number, t).await;
    assert_eq!(refused(none), "node.role_missing");
}

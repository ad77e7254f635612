//! Rides by card and by face, from the terminal's record to the issuer's book.

use tongtu_apdu::StatusWord;
use tongtu_codec::hex_decode;
use tongtu_crypto::Algorithm;
use tongtu_exchange_file::FileKind;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Serial, Terminal as Number, Terminal8,
};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::test_keys;
use tongtu_purse::proof::card_key;
use tongtu_services::{CardView, RideRole, RideState, UploadKind};
use tongtu_tap_record::{
    FaceProof, Mac2State, Magic, RecordKind, Recovery, Stage, TapRecord, Version,
};
use tongtu_types::{CardNumber, Fen, InstitutionCode, LineCode, Timestamp};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, Terminal, code, day, morning, night,
};

/// A card as far as its numbers go: what it has, what it counts.
pub(crate) struct Card {
    pub(crate) city: &'static str,
    pub(crate) number: CardNumber,
    pub(crate) fen: u32,
    pub(crate) sequence: u16,
}

impl Card {
    /// A card with 50 yuan on it that its issuer knows.
    pub(crate) async fn issued(country: &Country, city: &'static str, number: u32) -> Self {
        let card = CardNumber::parse(&format!("310{}{number:012}", &city[4..])).unwrap();
        let node = country.node(city);
        let now = morning().plus_s(-3600);
        node.card_issue(card, now).await.unwrap();
        let load = format!("load-{number}");
        node.card_load(card, &load, Fen::new(5000), now)
            .await
            .unwrap();
        Self {
            city,
            number: card,
            fen: 5000,
            sequence: 7,
        }
    }

    /// A single ride that the card pays, as it lies in the record.
    pub(crate) fn pay(&mut self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        let record = self.asked(terminal, at, fen);
        self.fen -= fen;
        self.sequence += 1;
        record
    }

    /// The same, of which it is not known whether the card paid.
    fn torn(&self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        TapRecord {
            recovery: Recovery::Grey,
            mac2: Mac2State::None,
            tac: [0; 4],
            mac2_code: [0; 4],
            ..self.asked(terminal, at, fen)
        }
    }

    pub(crate) fn asked(&self, terminal: &Terminal, at: Timestamp, fen: u32) -> TapRecord {
        let serial = Serial::of(&self.number);
        let number = Number(
            hex_decode(terminal.number.as_str())
                .unwrap()
                .try_into()
                .unwrap(),
        );
        let mut record = TapRecord {
            magic: Magic,
            version: Version::One,
            kind: RecordKind::Purse,
            stage: Stage::Single,
            mac2: Mac2State::Verified,
            recovery: Recovery::Plain,
            status: StatusWord::OK,
            acceptor: institution(&terminal.city),
            city: institution(&terminal.city).city(),
            psam: PsamSerial([1; 10]),
            terminal: number,
            terminal_sequence: u32::try_from(at.get() - morning().get()).unwrap() + 1,
            at: DateTime::of(at),
            recorder: number,
            recorded_at: DateTime::of(at),
            serial,
            issuer: institution(self.city),
            card_city: institution(self.city).city(),
            interop: 1,
            card_kind: CardKind::ORDINARY,
            sequence: self.sequence,
            transaction: Kind::PURCHASE,
            key_index: 1,
            key_version: 1,
            algorithm: 4,
            random: [1, 2, 3, 4],
            amount: Amount::new(fen),
            before: balance(self.fen),
            after: balance(self.fen - fen),
            overdraft: Limit::ZERO,
            tac: [0; 4],
            mac2_code: [1; 4],
            base: Amount::new(fen),
            discount: Amount::ZERO,
            transfer: Amount::ZERO,
            penalty: Amount::ZERO,
            arrears: Amount::ZERO,
            marked: Amount::ZERO,
            industry: Industry::BUS,
            operator: [0; 2],
            line: LineCode::parse("B1").unwrap(),
            station: [0; 8],
            direction: Direction(0),
            vehicle: *b"BUS 1\0\0\0",
            origin_institution: Institution([0; 8]),
            origin_city: City([0; 2]),
            origin_line: [0; 2],
            origin_station: [0; 8],
            origin_terminal: Terminal8([0; 8]),
            origin_at: DateTime([0; 7]),
            software: *b"0.1_260101",
            fares: 1,
            parameters: 1,
            white_list: 1,
            blacklist: 1,
            own: [0; 80],
        };
        let master = test_keys(Algorithm::Sm4).key(KeyUse::Tac, 1).unwrap();
        // Its city's key stands between the master and the card.
        let key = card_key(&master, record.issuer, serial);
        record.tac = record
            .deal()
            .purchase_tac(&key, record.terminal_sequence, record.at);
        record
    }

    pub(crate) async fn view(&self, country: &Country) -> CardView {
        country
            .node(self.city)
            .card_view(self.number)
            .await
            .unwrap()
    }
}

pub(crate) fn institution(city: &str) -> Institution {
    Institution::of(InstitutionCode::parse(city).unwrap())
}

pub(crate) fn balance(fen: u32) -> Balance {
    Balance::from_fen(Fen::new(fen.into())).unwrap()
}

/// The factor from its city's master down to a card, and what the card's TAC is over.
pub(crate) fn proved(record: &TapRecord) -> ([u8; 8], Vec<u8>) {
    let message = record
        .deal()
        .purchase_tac_message(record.terminal_sequence, record.at);
    (record.serial.factor(), message.to_vec())
}

pub(crate) fn signed(record: &TapRecord, terminal: &Terminal) -> Vec<u8> {
    record
        .encode_signed(&mut |message| terminal.key.sign(message))
        .unwrap()
}

/// State and result of every ride of a city's terminals, in the order of the records.
pub(crate) async fn ends(country: &Country, city: &str) -> Vec<(RideState, u32)> {
    let rides = country.acquired(city).await;
    rides.iter().map(|ride| (ride.state, ride.result)).collect()
}

#[tokio::test]
async fn a_card_pays_at_home_and_away() {
    let country = Country::found().await;
    let mut bei = Card::issued(&country, BEIJING_CODE, 1).await;
    let mut guang = Card::issued(&country, GUANGZHOU_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let records = [
        signed(&bei.pay(&north, t, 200), &north),
        signed(&guang.pay(&north, t.plus_s(60), 300), &north),
    ];
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    let sent = country.node(BEIJING_CODE).files_made().await.unwrap();
    let kinds: Vec<FileKind> = sent.iter().map(|file| file.info.name.kind()).collect();
    assert_eq!(kinds, [FileKind::CD]);
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [(RideState::Settled, 0), (RideState::Settled, 0)]
    );
    let at_home = bei.view(&country).await;
    assert_eq!((at_home.mirror, at_home.rides), (Fen::new(4800), 1));
    let away = guang.view(&country).await;
    assert_eq!((away.mirror, away.rides), (Fen::new(4700), 1));
    assert_eq!((away.refund_due, away.short), (Fen::ZERO, Fen::ZERO));
    // 300 fen: fee 1.05, of which Beijing 0.525 and Guangzhou 0.315.
    let nation = country.node(NATION).day_view(day()).await.unwrap();
    assert_eq!(nation.hub_fee_e7.to_string(), "0.2100000");
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        let alarms = country.node(city).alarms().await.unwrap();
        assert!(alarms.is_empty(), "{alarms:?}");
    }
}

#[tokio::test]
async fn a_record_says_who_made_it_and_comes_twice_without_harm() {
    let country = Country::found().await;
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let other = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let record = card.pay(&north, t, 200);
    let good = signed(&record, &north);
    let forged = signed(&record, &other);
    let mut foreign = record.clone();
    foreign.acceptor = institution(GUANGZHOU_CODE);
    let foreign = signed(&foreign, &north);
    let mut uneven = record.clone();
    uneven.base = Amount::ZERO;
    let uneven = signed(&uneven, &north);
    let node = country.node(BEIJING_CODE);
    let batch = [
        good.clone(),
        good.clone(),
        forged,
        foreign,
        uneven,
        good[..300].to_vec(),
    ];
    let outcomes = node.records_upload(north.number, &batch, t).await.unwrap();
    let kinds: Vec<&str> = outcomes
        .iter()
        .map(|outcome| match &outcome.kind {
            UploadKind::Stored => "stored",
            UploadKind::Duplicate => "duplicate",
            UploadKind::Conflict { .. } => "conflict",
            UploadKind::Refused { .. } => "refused",
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "stored",
            "duplicate",
            "refused",
            "refused",
            "refused",
            "refused"
        ]
    );
    let again = node.records_upload(north.number, &[good], t).await.unwrap();
    assert_eq!(again[0].kind, UploadKind::Duplicate);
    let mut changed = record;
    changed.base = Amount::new(300);
    changed.discount = Amount::new(100);
    let changed = signed(&changed, &north);
    let clash = node.records_upload(north.number, &[changed], t).await;
    assert!(matches!(
        clash.unwrap()[0].kind,
        UploadKind::Conflict { .. }
    ));
}

#[tokio::test]
async fn what_a_card_did_not_do_is_refused_under_its_own_code() {
    let country = Country::found().await;
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let wrong_tac = TapRecord {
        tac: [9; 4],
        ..card.pay(&north, t, 100)
    };
    let wrong_mac2 = TapRecord {
        mac2: Mac2State::Failed,
        ..card.pay(&north, t.plus_s(1), 100)
    };
    let wrong_balance = TapRecord {
        after: balance(9),
        ..card.pay(&north, t.plus_s(2), 100)
    };
    let first = card.pay(&north, t.plus_s(3), 100);
    card.sequence -= 1;
    let second = card.pay(&north, t.plus_s(4), 100);
    let records = [wrong_tac, wrong_mac2, wrong_balance, first, second];
    let records = records.map(|record| signed(&record, &north));
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [
            (RideState::Refused, 20_011),
            (RideState::Refused, 20_011),
            (RideState::Refused, 20_010),
            (RideState::Settled, 0),
            (RideState::Refused, 20_003),
        ]
    );
    assert_eq!(card.view(&country).await.mirror, Fen::new(4900));
}

#[tokio::test]
async fn an_issuer_far_away_is_told_of_a_wrong_tac() {
    let country = Country::found().await;
    let mut card = Card::issued(&country, GUANGZHOU_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let record = TapRecord {
        tac: [9; 4],
        ..card.pay(&north, morning(), 100)
    };
    let records = [signed(&record, &north)];
    country.upload(&north, &records, morning().plus_s(60)).await;
    country.close(day()).await;
    country.settle(day()).await;
    let alarms = country.node(GUANGZHOU_CODE).alarms().await.unwrap();
    let codes: Vec<&str> = alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    assert_eq!(codes, ["issuing.charge_unsound"]);
}

#[tokio::test]
async fn a_grey_record_waits_for_the_cards_next_number() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    // The first card was debited, and says so with its next number.
    let mut debited = Card::issued(&country, BEIJING_CODE, 1).await;
    let grey = debited.torn(&north, t, 200);
    debited.fen -= 200;
    debited.sequence += 1;
    // The second was not, and uses the number again.
    let mut kept = Card::issued(&country, BEIJING_CODE, 2).await;
    let other = kept.torn(&north, t.plus_s(10), 200);
    let records = [signed(&grey, &north), signed(&other, &north)];
    country.upload(&north, &records, t.plus_s(600)).await;
    let repeated = country
        .node(BEIJING_CODE)
        .records_upload(north.number, &records, t.plus_s(601))
        .await
        .unwrap();
    assert!(repeated.iter().all(|o| o.kind == UploadKind::Duplicate));
    country.close(day()).await;
    country.settle(day()).await;
    assert!(country.acquired(BEIJING_CODE).await.is_empty(), "it waits");

    let tomorrow = t.plus_s(86_400);
    let records = [
        signed(&debited.pay(&north, tomorrow, 300), &north),
        signed(&kept.pay(&north, tomorrow.plus_s(60), 300), &north),
    ];
    country.upload(&north, &records, tomorrow.plus_s(600)).await;
    let next = tongtu_types::BusinessDay::from_days(day().days() + 1);
    country.close(next).await;
    country.settle(next).await;
    country.audit().await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [(RideState::Settled, 0); 3],
        "the grey one and the two of the next day"
    );
    assert_eq!(debited.view(&country).await.mirror, Fen::new(4500));
    assert_eq!(kept.view(&country).await.mirror, Fen::new(4700));
    assert_eq!(debited.fen, 4500);
    // Closed again, nothing changes.
    let view = country.node(BEIJING_CODE).day_view(next).await.unwrap();
    let again = country.node(BEIJING_CODE).day_close(next, night(next));
    assert_eq!(again.await.unwrap(), view);
}

#[tokio::test]
async fn what_the_card_did_elsewhere_meanwhile_is_not_claimed() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    // Torn away unpaid; the number and other money went to a terminal that nobody here knows of.
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let grey = card.torn(&north, t, 200);
    card.fen -= 300;
    card.sequence += 1;
    let records = [
        signed(&grey, &north),
        signed(&card.pay(&north, t.plus_s(900), 100), &north),
    ];
    country.upload(&north, &records, t.plus_s(1000)).await;
    country.close(day()).await;
    country.settle(day()).await;
    let ends = ends(&country, BEIJING_CODE).await;
    assert_eq!(ends, [(RideState::Settled, 0)], "the second ride alone");
    assert_eq!(card.view(&country).await.mirror, Fen::new(4900));
}

#[tokio::test]
async fn of_two_torn_tries_with_one_number_the_last_may_have_paid() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let first = card.torn(&north, t, 200);
    let second = card.torn(&north, t.plus_s(600), 300);
    card.fen -= 300;
    card.sequence += 1;
    // The witness is torn away as well.
    let third = card.torn(&north, t.plus_s(1200), 100);
    let records = [first, second, third].map(|record| signed(&record, &north));
    country.upload(&north, &records, t.plus_s(2000)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let rides = country.acquired(BEIJING_CODE).await;
    let amounts: Vec<i64> = rides.iter().map(|ride| ride.amount.get()).collect();
    assert_eq!(amounts, [300], "the third waits");
    assert_eq!(card.view(&country).await.mirror, Fen::new(4700));
}

#[tokio::test]
async fn a_rider_who_was_charged_twice_for_one_ride_is_owed_one() {
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        let country = Country::found().await;
        let front = country.terminal(BEIJING_CODE, 1).await;
        let rear = country.terminal(BEIJING_CODE, 2).await;
        let t = morning();
        let mut card = Card::issued(&country, city, 1).await;
        let grey = card.torn(&front, t, 200);
        card.fen -= 200;
        card.sequence += 1;
        let again = card.pay(&rear, t.plus_s(30), 200);
        let records = [signed(&grey, &front)];
        country.upload(&front, &records, t.plus_s(600)).await;
        let records = [signed(&again, &rear)];
        country.upload(&rear, &records, t.plus_s(600)).await;
        country.close(day()).await;
        country.settle(day()).await;
        country.audit().await;
        let view = card.view(&country).await;
        assert_eq!(view.mirror, Fen::new(i64::from(card.fen)), "{city}");
        assert_eq!(view.refund_due, Fen::new(200), "{city}");
        let debits = country.node(city).rides_view(RideRole::Issuer).await;
        let amounts: Vec<i64> = debits.unwrap().iter().map(|r| r.amount.get()).collect();
        assert_eq!(amounts, [0, 200], "{city}");
    }
}

#[tokio::test]
async fn a_ride_that_another_terminal_recovered_is_one_ride() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let grey = card.torn(&front, t, 200);
    let proved = card.pay(&front, t, 200);
    let recovered = TapRecord {
        recovery: Recovery::Elsewhere,
        mac2: Mac2State::Unverified,
        recorded_at: DateTime::of(t.plus_s(20)),
        ..proved
    };
    country
        .upload(&front, &[signed(&grey, &front)], t.plus_s(600))
        .await;
    country
        .upload(&rear, &[signed(&recovered, &rear)], t.plus_s(600))
        .await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [(RideState::Settled, 0)]
    );
    let view = card.view(&country).await;
    assert_eq!((view.mirror, view.refund_due), (Fen::new(4800), Fen::ZERO));
}

#[tokio::test]
async fn what_is_recovered_for_another_terminal_is_not_taken_for_what_vouches_for_it() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let later = t.plus_s(20);
    let recovered = TapRecord {
        recovery: Recovery::Elsewhere,
        mac2: Mac2State::Unverified,
        recorder: card.asked(&rear, t, 200).terminal,
        recorded_at: DateTime::of(later),
        ..card.pay(&front, t, 200)
    };
    // The rear module counts as the front one does.
    let vouched = TapRecord {
        recovery: Recovery::Vouch,
        stage: Stage::None,
        terminal_sequence: recovered.terminal_sequence,
        ..card.pay(&rear, later, 0)
    };
    let records = [signed(&recovered, &rear), signed(&vouched, &rear)];
    let node = country.node(BEIJING_CODE);
    let outcomes = node.records_upload(rear.number, &records, later).await;
    let kinds: Vec<UploadKind> = outcomes.unwrap().into_iter().map(|o| o.kind).collect();
    assert_eq!(kinds, [UploadKind::Stored, UploadKind::Stored]);
}

#[tokio::test]
async fn a_ride_by_face_is_paid_by_the_account() {
    let country = Country::found().await;
    let rider = country.rider(GUANGZHOU_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let nobody = Card {
        city: GUANGZHOU_CODE,
        number: rider.account,
        fen: 300,
        sequence: 0,
    };
    let proof = FaceProof {
        handle: [1; 16],
        gallery: 1,
        engine: *b"COSINE01",
        score: 9_500,
        second: 0,
        live: true.into(),
        digits: false.into(),
        consent: 1,
        reserved: [0; 38],
    };
    let record = TapRecord {
        kind: RecordKind::Face,
        mac2: Mac2State::None,
        tac: [0; 4],
        transaction: Kind(0),
        own: proof.encode().unwrap().try_into().unwrap(),
        ..nobody.asked(&north, t, 300)
    };
    let records = [signed(&record, &north)];
    country.upload(&north, &records, t.plus_s(60)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        country.balance(GUANGZHOU_CODE, &rider).await,
        Fen::new(4700)
    );
    let alarms = country.node(GUANGZHOU_CODE).alarms().await.unwrap();
    assert!(alarms.is_empty(), "{alarms:?}");
}

#[tokio::test]
async fn loads_and_cards_are_known_or_refused_by_name() {
    let country = Country::found().await;
    let card = Card::issued(&country, BEIJING_CODE, 1).await;
    let node = country.node(BEIJING_CODE);
    let t = morning();
    let again = node
        .card_load(card.number, "load-1", Fen::new(5000), t)
        .await;
    assert_eq!(again.unwrap().mirror, Fen::new(5000));
    let reused = node.card_load(card.number, "load-1", Fen::new(1), t).await;
    assert_eq!(
        crate::country::refused(reused),
        "issuing.recharge_id_reused"
    );
    let unknown = CardNumber::parse("3101000999999999999").unwrap();
    let stranger = node.card_load(unknown, "load-2", Fen::new(1), t).await;
    assert_eq!(crate::country::refused(stranger), "issuing.account_unknown");
    assert!(
        node.card_load(card.number, "", Fen::new(1), t)
            .await
            .is_err()
    );
    let province = country.node(PROVINCE);
    assert!(province.card_issue(card.number, t).await.is_err());
    assert_eq!(node.config().code, code(BEIJING_CODE));
}

//! Verifying codes and parsing records, on one core.

use std::collections::BTreeMap;
use std::hint::black_box;

use tongtu_crypto::batch::{Signed, verify_batch};
use tongtu_crypto::{PublicKey, SecretKey, Signature};
use tongtu_ride_code::record::{CATEGORY_BUS, Direction, RideRecord, check_signature, signed_part};
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RideCode, Scan, UserCertificate, UserTerms, Verdict, Verifier,
};
use tongtu_types::{BusinessDay, CardNumber, Fen, LineCode, RecordId, TerminalNumber, Timestamp};
use tongtu_world::country::{CITIES, LIFETIME_S, LIMIT, NODES, Scale, VALIDITY_S};
use tongtu_world::{Country, Seed};

use super::{Figure, figure};

/// The terminal that all records of the bench name.
pub(super) const BENCH_TERMINAL: &str = "100099999999";
/// Riders, each with two codes.
const RIDERS: usize = 200;
/// How often all of them are verified together in one run.
const TOGETHER_RUNS: usize = 4;

/// A country's worth of genuine codes and records.
pub(super) struct Stock {
    pub(super) country: Country,
    pub(super) now: Timestamp,
    pub(super) first: Vec<RideCode>,
    pub(super) second: Vec<RideCode>,
}

impl Stock {
    pub(super) fn new(riders: usize) -> Self {
        let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
        let country = Country::found(Seed(1), Scale::village(riders), day)
            .expect("the temporary folder takes the country's keys");
        let now = day.start_in_china().plus_s(9 * 3600);
        let mut stock = Self {
            country,
            now,
            first: Vec::new(),
            second: Vec::new(),
        };
        stock.draw();
        stock
    }

    /// The same riders with new certificates and codes, one day later.
    pub(super) fn next_day(&mut self) {
        self.now = self.now.plus_s(86_400);
        self.draw();
    }

    fn draw(&mut self) {
        let (country, now) = (&self.country, self.now);
        let keys: Vec<SecretKey> = (0..country.riders.len())
            .map(|user| country.user_key(user))
            .collect();
        let issued = certificates(country, &keys, now);
        self.first.clear();
        self.second.clear();
        for (key, certificate) in keys.iter().zip(&issued) {
            let draw = |at| certificate.ride_code(at, key).expect("a fresh certificate");
            self.first.push(draw(now));
            self.second.push(draw(now.plus_s(30)));
        }
    }

    pub(super) fn verifier(&self) -> Verifier {
        let issuers = self.country.accepted_issuers();
        Verifier::new(Policy::default(), self.country.roots(), issuers)
    }
}

/// A user certificate for every rider of the country, made now.
pub(super) fn certificates(
    country: &Country,
    keys: &[SecretKey],
    now: Timestamp,
) -> Vec<UserCertificate> {
    let mut issued: BTreeMap<usize, UserCertificate> = BTreeMap::new();
    for home in CITIES {
        let riders = country.riders.iter().enumerate();
        let of_home: Vec<usize> = riders
            .filter(|(_, rider)| rider.home == home)
            .map(|(user, _)| user)
            .collect();
        let terms: Vec<UserTerms> = of_home
            .iter()
            .map(|user| {
                let account = country.riders[*user].account;
                terms(account, keys[*user].public().clone(), now)
            })
            .collect();
        let issuer = &country.city(home).certificate;
        let made = country.keys.certify_users(home, issuer, &terms);
        issued.extend(of_home.into_iter().zip(made.expect("terms of the demo")));
    }
    issued.into_values().collect()
}

/// What a rider's certificate says.
pub(super) fn terms(account: CardNumber, user_key: PublicKey, now: Timestamp) -> UserTerms {
    UserTerms {
        issuer_data: b"TONGTU BENCH".to_vec(),
        account,
        card_issuer: [0; 4],
        platform: [0; 4],
        account_type: 0,
        limit: LIMIT,
        user_key,
        expires: now.plus_s(LIFETIME_S),
        validity_s: VALIDITY_S,
        extension: Vec::new(),
    }
}

pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let stock = Stock::new(RIDERS);
    let (lists, recent) = (BlackLists::default(), RecentCodes::default());
    let scan = |verifier: &mut Verifier, code: &RideCode| {
        let scan = Scan {
            bytes: code.as_bytes(),
            now: Some(stock.now.plus_s(35)),
            fare: Fen::new(200),
            enforce_limit: true,
        };
        let verdict = verifier
            .verify(&scan, &lists, &recent, &mut |_| {})
            .map(|_| ());
        assert_eq!(
            verdict,
            Ok::<(), Verdict>(()),
            "every code of the stock is genuine"
        );
    };
    let mut verifier = stock.verifier();
    let cold = figure(
        "codes verified, nothing cached (3 signatures)",
        "核验乘车码，无缓存（3 次验签）",
        runs,
        RIDERS,
        || {
            for code in &stock.first {
                verifier.forget_keys();
                scan(&mut verifier, code);
            }
        },
    );
    let mut verifier = stock.verifier();
    let issuer = figure(
        "codes verified, issuer cached (2 signatures)",
        "核验乘车码，互通证书已缓存（2 次验签）",
        runs,
        RIDERS - 1,
        || {
            verifier.forget_keys();
            for code in &stock.first {
                scan(&mut verifier, code);
            }
        },
    );
    let user = figure(
        "codes verified, user cached (1 signature)",
        "核验乘车码，用户证书已缓存（1 次验签）",
        runs,
        RIDERS,
        || {
            for code in &stock.second {
                scan(&mut verifier, code);
            }
        },
    );
    let mut verifier = stock.verifier();
    let scans: Vec<Scan<'_>> = stock
        .first
        .iter()
        .map(|code| Scan {
            bytes: code.as_bytes(),
            now: Some(stock.now.plus_s(35)),
            fare: Fen::new(200),
            enforce_limit: true,
        })
        .collect();
    let together = figure(
        "codes verified together, issuer cached (2 signatures)",
        "成批核验乘车码，互通证书已缓存（2 次验签）",
        runs,
        RIDERS * TOGETHER_RUNS,
        || {
            for _ in 0..TOGETHER_RUNS {
                // Each time new riders of issuers that are known.
                verifier.forget_keys();
                let judged = verifier.verify_ride_codes(&scans, &lists, &recent);
                assert!(judged.iter().all(Result::is_ok), "every code is genuine");
            }
        },
    );
    let terminal_key = stock.country.seed.key("terminal of the bench");
    let records: Vec<Vec<u8>> = (0..RIDERS)
        .map(|i| record(&stock, i, &stock.first[i], &terminal_key))
        .collect();
    let parsed = figure(
        "ride records parsed, digest checked",
        "解析乘车记录并核对摘要",
        runs,
        RIDERS * 50,
        || {
            for _ in 0..50 {
                for record in &records {
                    black_box(RideRecord::decode(black_box(record)).expect("made above"));
                }
            }
        },
    );
    let signed = figure(
        "ride records parsed, terminal signature checked",
        "解析乘车记录并核对终端签名",
        runs,
        RIDERS,
        || {
            for record in &records {
                black_box(RideRecord::decode(black_box(record)).expect("made above"));
                check_signature(record, terminal_key.public()).expect("signed above");
            }
        },
    );
    let asked: Vec<(&PublicKey, &[u8], Signature)> = records
        .iter()
        .map(|record| {
            let (covered, signature) = signed_part(record).expect("signed above");
            (terminal_key.public(), covered, signature)
        })
        .collect();
    let plain: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let signed_together = figure(
        "ride records parsed, terminal signatures checked together",
        "成批解析乘车记录并核对终端签名",
        runs,
        RIDERS * TOGETHER_RUNS,
        || {
            for _ in 0..TOGETHER_RUNS {
                black_box(RideRecord::decode_each(black_box(&plain)));
                let held = verify_batch(&Signed::each(&asked));
                assert!(held.iter().all(Result::is_ok), "signed above");
            }
        },
    );
    vec![
        cold,
        issuer,
        user,
        together,
        parsed,
        signed,
        signed_together,
    ]
}

/// The record of a flat-fare bus ride.
pub(super) fn record(
    stock: &Stock,
    sequence: usize,
    code: &RideCode,
    terminal_key: &SecretKey,
) -> Vec<u8> {
    record_at(stock.now.plus_s(5), sequence, code, terminal_key)
}

/// The same at any moment.
pub(super) fn record_at(
    scanned_at: Timestamp,
    sequence: usize,
    code: &RideCode,
    terminal_key: &SecretKey,
) -> Vec<u8> {
    let acquirer = NODES[CITIES[0]].institution().as_acquirer();
    let terminal = TerminalNumber::parse(BENCH_TERMINAL).expect("twelve digits");
    let sequence = u64::try_from(sequence).expect("some thousand");
    let record = RideRecord {
        code: code.as_bytes().to_vec(),
        model: tongtu_config::MODEL,
        terminal_id: tongtu_config::terminal_id(terminal),
        software: tongtu_config::SOFTWARE,
        id: RecordId::compose(acquirer, terminal, scanned_at, sequence),
        category: CATEGORY_BUS,
        amount: Fen::new(200),
        vehicle: None,
        line: LineCode::parse("B00001").expect("a line code"),
        scanned_at,
        direction: Direction::Single,
        station: None,
        fare_version: 1,
        result: Verdict::Accepted,
        terminal_serial: [0, 0, 0, 1],
    };
    record
        .encode(terminal_key)
        .expect("a record of these values")
}

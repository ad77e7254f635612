//! Rides by face over HTTP: consent, enrolment, galleries, rides, and the end of all that.

use std::collections::BTreeSet;
use std::fs;

use tongtu_api::{self as api, DayPhase, FacePlaceState, FaceState, UploadKind};
use tongtu_codec::hex_encode;
use tongtu_fare::FareBook;
use tongtu_http::client::ClientError;
use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_services::faces::{
    ConsentChannel, FaceCapture, FaceConsent, FaceDigits, FaceEnrolment, FaceRules,
};
use tongtu_tap_record::FaceProof;
use tongtu_terminal::face::{
    Capture, ConsentStatement, Cosine, Engine as _, EngineId, FacePolicy, FaceRefusal, FaceRide,
    FaceScope, FaceSetup, FaceTerminal, GALLERY_AGE_MAX_S, GalleryError, GalleryUpdate, Liveness,
    Look, Probe, SealKey, Sight, Spoof,
};
use tongtu_terminal::{OpenEntries, Post, Profile};
use tongtu_types::{CardNumber, Timestamp};
use zeroize::Zeroizing;

use crate::country::{
    Country, FARE, Rider, Served, T0, Terminal, after, beijing, day0, face_config, face_keys, key,
    status_of,
};

const DAY_S: i64 = 86_400;
const OPERATOR: u16 = 7;
const ACCOUNT: &str = "3104100000000000017";
const OTHER: &str = "3104100000000000025";

/// A face that is like no other number's.
fn face(number: usize) -> Vec<u8> {
    let mut template = vec![0; 64];
    template[number] = 100;
    template[63] = 20;
    template
}

fn capture(template: Vec<u8>) -> FaceCapture {
    FaceCapture {
        engine: Cosine.id(),
        template: Zeroizing::new(template),
        liveness: Liveness::Live,
        quality: 93,
    }
}

pub(crate) fn scope(operator: u16, line: Option<&str>) -> FaceScope {
    FaceScope {
        acquirer: beijing().as_acquirer(),
        operator,
        line: line.map(|line| line.parse().unwrap()),
    }
}

/// What a rider asks for at `now`, signed by the phone; for a year.
pub(crate) fn asked(
    rider: &Rider,
    number: usize,
    scopes: &[FaceScope],
    now: Timestamp,
) -> FaceEnrolment {
    asked_as(
        format!("enrol-{number}-{}", now.get()),
        rider,
        number,
        scopes,
        now,
    )
}

/// The same, under an id of its own.
fn asked_as(
    request: String,
    rider: &Rider,
    number: usize,
    scopes: &[FaceScope],
    now: Timestamp,
) -> FaceEnrolment {
    let (at, until) = (now, now.plus_s(365 * DAY_S));
    let scopes: BTreeSet<FaceScope> = scopes.iter().copied().collect();
    let terms = face_config().terms;
    let statement = ConsentStatement {
        account: rider.account,
        issuer: beijing(),
        terms: terms.version,
        digest: terms.digest(),
        at,
        until,
        request: request.clone(),
        scopes: scopes.clone(),
    };
    let signature = rider.key.sign(&statement.to_bytes().unwrap());
    FaceEnrolment {
        request,
        consent: FaceConsent {
            terms: terms.version,
            at,
            until,
            scopes,
            channel: ConsentChannel::Signed(signature),
        },
        digits: FaceDigits(Zeroizing::new(b"0001".to_vec())),
        captures: vec![capture(face(number))],
    }
}

/// A face terminal on a bus of an operator's line.
struct Gate {
    terminal: FaceTerminal,
    journal: Journal<SimMedium>,
    seal: SealKey,
    known: Terminal,
}

impl Gate {
    async fn new(number: &str, operator: u16, line: &str, city: &Served) -> Self {
        let known = Terminal::registered(number, city).await;
        city.client
            .face_terminal_put(known.number, operator, line.parse().unwrap(), Cosine.id())
            .await
            .unwrap();
        let setup = FaceSetup {
            profile: Profile {
                acquirer: beijing().as_acquirer(),
                terminal: known.number,
                model: *b"SIM00001",
                terminal_id: *b"00000001",
                software: *b"0000000001",
                serial: known.serial,
                post: Post::Bus {
                    line: line.parse().unwrap(),
                    vehicle: "A1".parse().unwrap(),
                },
            },
            policy: FacePolicy::plain(T0.plus_s(-1)),
            engine: Box::new(Cosine),
            sam: Box::new(key(number)),
        };
        let journal = Journal::recover(SimMedium::new(), Limits::default()).unwrap();
        let terminal = FaceTerminal::recover(setup, &journal);
        // The key was brought into the secure module when the terminal was made.
        let seal = SealKey::new(&face_keys().terminal_key(known.number));
        Self {
            terminal,
            journal,
            seal,
            known,
        }
    }

    fn open(&self, update: &[u8]) -> GalleryUpdate {
        GalleryUpdate::open(update, &self.seal, key("lists").public()).unwrap()
    }

    /// Fetches, takes, confirms; the version held then.
    async fn contact(&mut self, city: &Served, now: Timestamp) -> u64 {
        let number = self.known.number;
        let client = city.terminal(number).at(now);
        loop {
            let after = self.terminal.gallery_after();
            let update = client.gallery_update(number, after).await.unwrap();
            let update = self.open(&update);
            let version = update.head.version;
            self.terminal.update(update).unwrap();
            if version == after {
                break;
            }
        }
        let report = self.terminal.gallery_report(now).unwrap();
        client.gallery_confirm(number, &report).await.unwrap();
        self.terminal.gallery_after()
    }

    fn look(&mut self, template: &[u8], now: Timestamp) -> Look {
        let probe = Probe {
            template,
            liveness: Liveness::Live,
            quality: 90,
        };
        let fares = FareBook::parse(crate::country::FARE_BOOK.as_bytes()).unwrap();
        let sight = Sight {
            now: Some(now),
            fares: Some(&fares),
            inside: &OpenEntries::default(),
        };
        let capture = Capture::One(probe);
        self.terminal.look(capture, &sight, &mut self.journal)
    }

    fn ride(&mut self, template: &[u8], now: Timestamp) -> FaceRide {
        match self.look(template, now) {
            Look::Ride(ride) => *ride,
            other => panic!("{other:?}"),
        }
    }

    fn refuses(&mut self, template: &[u8], now: Timestamp) -> FaceRefusal {
        match self.look(template, now) {
            Look::Refused(refusal, _) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

async fn enrol(
    city: &Served,
    rider: &Rider,
    enrolment: &FaceEnrolment,
) -> Result<api::FaceView, ClientError> {
    let at = enrolment.consent.at;
    let client = city.client.at(at);
    client.face_enrol(rider.account, enrolment).await
}

fn code(result: Result<api::FaceView, ClientError>) -> (u16, String) {
    let error = result.unwrap_err();
    let (status, code) = status_of(&error);
    (status, code.to_owned())
}

/// Each terminal and whether the face is there.
fn places(view: &api::FaceView) -> Vec<(&str, FacePlaceState)> {
    view.places
        .iter()
        .map(|place| (&*place.terminal, place.state))
        .collect()
}

#[tokio::test]
async fn a_rider_enrols_rides_by_face_and_the_account_pays() {
    let country = Country::new();
    let nation = country.nation().await;
    let city = country.beijing(Some(&nation.url)).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let terms = city.client.face_terms().await.unwrap();
    assert_eq!(
        (terms.version, &*terms.digest.0),
        (3, &face_config().terms.digest()[..])
    );
    assert_eq!(gate.contact(&city, T0).await, 0);
    assert_eq!(gate.refuses(&face(1), T0), FaceRefusal::Unknown);

    let enrolment = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    let view = enrol(&city, &rider, &enrolment).await.unwrap();
    assert_eq!(
        (view.state, view.signed, view.terms),
        (FaceState::Enrolled, true, 3)
    );
    assert_eq!((view.templates.len(), view.templates[0].quality), (1, 93));
    assert!(view.places.is_empty());
    assert_eq!(
        enrol(&city, &rider, &enrolment).await.unwrap(),
        view,
        "repeated"
    );

    assert_eq!(gate.contact(&city, T0.plus_s(60)).await, 1);
    let ride = gate.ride(&face(1), T0.plus_s(60));
    let proof = FaceProof::decode(&ride.record.own).unwrap();
    assert_eq!(proof.handle[..], view.handle.0);
    assert_eq!((proof.gallery, proof.consent), (1, 3));
    let client = city.client.at(T0.plus_s(120));
    let number = gate.known.number;
    let uplink = city.terminal(number).at(T0.plus_s(120));
    let outcomes = uplink.records_upload(number, &[ride.raw]).await.unwrap();
    assert_eq!(outcomes[0].kind, UploadKind::Stored);
    let seen = client.face_view(rider.account).await.unwrap();
    assert_eq!(places(&seen), [("100000000001", FacePlaceState::Held)]);

    let evening = after(day0());
    let (city_late, nation_late) = (city.client.at(evening), nation.client.at(evening));
    city_late.day_close(day0()).await.unwrap();
    city_late.pump().await.unwrap();
    nation_late.day_close(day0()).await.unwrap();
    nation_late.day_settle(day0()).await.unwrap();
    city_late.pump().await.unwrap();
    let settled = city_late.day_settle(day0()).await.unwrap();
    assert_eq!(settled.phase, DayPhase::Published, "{settled:?}");
    let account = city_late.account_view(rider.account).await.unwrap();
    assert_eq!((account.balance_fen, account.rides), (5000 - FARE.get(), 1));
    let rejected = city_late.rejected_view().await.unwrap();
    assert!(rejected.alarms.is_empty(), "{rejected:?}");
}

#[tokio::test]
async fn who_withdraws_is_unknown_after_the_next_contact_and_nothing_of_the_face_is_left() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut near = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let mut far = Gate::new("100000000002", OPERATOR, "B00001", &city).await;
    let enrolment = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    enrol(&city, &rider, &enrolment).await.unwrap();
    near.contact(&city, T0).await;
    far.contact(&city, T0).await;
    assert_eq!(near.ride(&face(1), T0).account, rider.account);
    let sealed = sealed_at_rest(&city).await;
    assert!(
        kept(&city, &sealed),
        "the sealed template is in the files before"
    );

    let noon = T0.plus_s(3600);
    let view = city
        .client
        .at(noon)
        .face_withdraw(rider.account)
        .await
        .unwrap();
    assert_eq!(
        (view.state, view.ended_at_s),
        (FaceState::Withdrawn, Some(noon.get()))
    );
    assert!(view.templates.is_empty());
    let forgetting = FacePlaceState::Forgetting;
    let both = |near, far| [("100000000001", near), ("100000000002", far)];
    assert_eq!(places(&view), both(forgetting, forgetting));
    let later = city.client.at(noon.plus_s(9));
    let again = later.face_withdraw(rider.account);
    assert_eq!(again.await.unwrap(), view, "repeated");
    assert!(!kept(&city, &sealed), "nor free page nor log has it");

    near.contact(&city, noon.plus_s(60)).await;
    assert_eq!(
        near.refuses(&face(1), noon.plus_s(60)),
        FaceRefusal::Unknown
    );
    let later = city.client.at(noon.plus_s(60));
    let seen = later.face_view(rider.account);
    assert_eq!(
        places(&seen.await.unwrap()),
        both(FacePlaceState::Forgotten, forgetting)
    );
    let terminals = city.client.face_terminals_view().await.unwrap().terminals;
    let waiting: Vec<_> = terminals.iter().map(|t| (t.riders, t.forgetting)).collect();
    assert_eq!(waiting, [(0, 0), (1, 1)]);

    // The other one was never heard of again: it knows the rider to the end of its gallery's time.
    let end = T0.plus_s(GALLERY_AGE_MAX_S);
    assert_eq!(far.ride(&face(1), end.plus_s(-1)).account, rider.account);
    assert_eq!(far.refuses(&face(1), end), FaceRefusal::NoGallery);
    assert_eq!(far.terminal.expire(end), 1);
    let seen = city.client.at(end).face_view(rider.account).await.unwrap();
    assert_eq!(places(&seen)[1].1, FacePlaceState::Lapsed);
    // And when it comes back, it is told.
    far.contact(&city, end).await;
    let seen = city.client.at(end).face_view(rider.account).await.unwrap();
    assert_eq!(places(&seen)[1].1, FacePlaceState::Forgotten);
}

/// The sealed template of the only enrolment there is, as the store has it.
async fn sealed_at_rest(city: &Served) -> Vec<u8> {
    let url = format!("sqlite:{}", city.folder.join("node.db").display());
    let store = tongtu_sql::Store::open(&url, &tongtu_sql::Sealing::new(&[7; 32]))
        .await
        .unwrap();
    let mut tx = store.read().await.unwrap();
    let engine = hex_encode(&Cosine.id().0);
    let rows = tx
        .face_templates_after(&engine, ("", -1), 10)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    let sealed = rows[0].1.sealed.clone();
    drop(tx);
    store.close().await;
    sealed
}

/// Whether these bytes are anywhere in the files of the node's store.
fn kept(city: &Served, needle: &[u8]) -> bool {
    let files = fs::read_dir(&city.folder).unwrap();
    let mut files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    // A page holds a long value in pieces; its middle is in one of them.
    let part = &needle[16..needle.len() - 16];
    files.any(|bytes| bytes.windows(part.len()).any(|window| window == part))
}

#[tokio::test]
async fn a_face_is_only_where_the_consent_says() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut own = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let mut line = Gate::new("100000000002", OPERATOR, "B00002", &city).await;
    let mut other = Gate::new("100000000003", 8, "B00001", &city).await;
    let enrolment = asked(&rider, 1, &[scope(OPERATOR, Some("B00001"))], T0);
    enrol(&city, &rider, &enrolment).await.unwrap();
    for (gate, expected) in [(&mut own, 1), (&mut line, 0), (&mut other, 0)] {
        gate.contact(&city, T0).await;
        let riders = gate.terminal.gallery().unwrap().riders().len();
        assert_eq!(riders, expected, "{}", gate.known.number);
    }
    // What is meant for one terminal opens at no other.
    let update = city
        .terminal(own.known.number)
        .gallery_update(own.known.number, 0)
        .await
        .unwrap();
    let opened = GalleryUpdate::open(&update, &other.seal, key("lists").public());
    assert_eq!(opened, Err(GalleryError::Seal { index: 0 }));
    // A bus that changes its line changes its gallery.
    city.client
        .face_terminal_put(
            own.known.number,
            OPERATOR,
            "B00009".parse().unwrap(),
            Cosine.id(),
        )
        .await
        .unwrap();
    own.contact(&city, T0.plus_s(60)).await;
    assert!(own.terminal.gallery().unwrap().riders().is_empty());
}

#[tokio::test]
async fn another_accounts_face_is_not_enrolled_and_somebody_is_told() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let thief = Rider::enrolled(OTHER, &city).await;
    let scopes = [scope(OPERATOR, None)];
    enrol(&city, &rider, &asked(&rider, 1, &scopes, T0))
        .await
        .unwrap();
    let mut stolen = asked(&thief, 2, &scopes, T0);
    let mut alike = face(1);
    alike[2] = 9;
    stolen.captures = vec![capture(alike)];
    let refused = enrol(&city, &thief, &stolen).await.unwrap_err();
    assert_eq!(status_of(&refused), (409, "issuing.face_duplicate"));
    assert!(!refused.to_string().contains("31041"), "{refused}");
    let rejected = city.client.rejected_view().await.unwrap();
    let [alarm] = &rejected.alarms[..] else {
        panic!("{rejected:?}");
    };
    assert_eq!(alarm.code, "issuing.face_duplicate");
    assert!(
        !alarm.message.contains(ACCOUNT) && !alarm.message.contains(OTHER),
        "masked"
    );
    let none = city.client.face_view(thief.account).await;
    assert_eq!(code(none), (404, "issuing.face_not_enrolled".into()));
    // With the rider's own face the other is welcome; and once the first has withdrawn, so is it.
    enrol(&city, &thief, &asked(&thief, 2, &scopes, T0))
        .await
        .unwrap();
    city.client.face_withdraw(thief.account).await.unwrap();
    city.client.face_withdraw(rider.account).await.unwrap();
    let captures = stolen.captures;
    let mut stolen = asked_as("again".into(), &thief, 2, &scopes, T0);
    stolen.captures = captures;
    enrol(&city, &thief, &stolen).await.unwrap();
}

#[tokio::test]
async fn a_blocked_account_is_not_recognised_until_it_is_unblocked() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let enrolment = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    enrol(&city, &rider, &enrolment).await.unwrap();
    gate.contact(&city, T0).await;
    gate.ride(&face(1), T0);
    city.client
        .account_suspend(rider.account, true)
        .await
        .unwrap();
    gate.contact(&city, T0.plus_s(60)).await;
    assert_eq!(gate.refuses(&face(1), T0.plus_s(60)), FaceRefusal::Unknown);
    city.client
        .account_suspend(rider.account, false)
        .await
        .unwrap();
    gate.contact(&city, T0.plus_s(120)).await;
    gate.ride(&face(1), T0.plus_s(120));
    city.client.blacklist_add(&[rider.account]).await.unwrap();
    gate.contact(&city, T0.plus_s(180)).await;
    assert_eq!(gate.refuses(&face(1), T0.plus_s(180)), FaceRefusal::Unknown);
    city.client
        .account_suspend(rider.account, true)
        .await
        .unwrap();
    city.client.face_withdraw(rider.account).await.unwrap();
    let mut again = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    again.request = "again".into();
    let refused = enrol(&city, &rider, &again).await;
    assert_eq!(code(refused), (422, "issuing.account_suspended".into()));
}

#[tokio::test]
async fn an_enrolment_ends_with_its_consent_and_when_it_is_not_used() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let three_years = 3 * 365 * DAY_S;
    let mut enrolment = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    enrolment.consent.until = T0.plus_s(three_years);
    enrolment.consent.channel = ConsentChannel::Recorded("desk-4/2026-01-01/17".into());
    let view = enrol(&city, &rider, &enrolment).await.unwrap();
    let idle_s = FaceRules::DEFAULT.idle_s;
    assert_eq!(
        (view.until_s, view.signed),
        (T0.plus_s(idle_s).get(), false)
    );
    // A ride after half a year: another year, and the terminal hears of it.
    let summer = T0.plus_s(180 * DAY_S);
    gate.contact(&city, summer).await;
    let ride = gate.ride(&face(1), summer);
    let client = city.client.at(summer);
    city.terminal(gate.known.number)
        .at(summer)
        .records_upload(gate.known.number, &[ride.raw])
        .await
        .unwrap();
    let seen = client.face_view(rider.account).await.unwrap();
    let until = summer.plus_s(idle_s);
    assert_eq!(seen.until_s, until.get());
    gate.contact(&city, summer.plus_s(60)).await;
    let told = gate.terminal.gallery().unwrap().riders()[0].consent.until;
    assert_eq!(told, until);
    // A year later it is over, here and there, without a word of anybody.
    gate.contact(&city, until.plus_s(-1)).await;
    assert_eq!(
        gate.refuses(&face(1), until),
        FaceRefusal::ConsentEnded { until }
    );
    let seen = city
        .client
        .at(until)
        .face_view(rider.account)
        .await
        .unwrap();
    assert_eq!((seen.state, seen.templates.len()), (FaceState::Expired, 1));
    gate.contact(&city, until).await;
    let seen = city
        .client
        .at(until)
        .face_view(rider.account)
        .await
        .unwrap();
    assert_eq!(
        (seen.state, seen.templates.len()),
        (FaceState::Expired, 0),
        "swept"
    );
    assert_eq!(places(&seen), [("100000000001", FacePlaceState::Forgotten)]);
}

#[tokio::test]
async fn an_enrolment_is_refused_for_what_is_wrong_with_it() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let good = || asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    type Change = fn(&mut FaceEnrolment);
    let cases: &[(&str, u16, Change)] = &[
        ("face_request", 400, |e| e.request = "two words".into()),
        ("face_terms", 422, |e| e.consent.terms = 2),
        ("face_consent_time", 422, |e| e.consent.until = T0),
        ("face_consent_time", 422, |e| {
            e.consent.until = T0.plus_s(1096 * DAY_S)
        }),
        ("face_consent_signature", 422, |e| {
            e.consent.until = T0.plus_s(DAY_S)
        }),
        ("face_consent_signature", 422, |e| {
            e.consent.scopes.insert(scope(8, None));
        }),
        // Whoever has seen a consent cannot enrol with it again.
        ("face_consent_signature", 422, |e| {
            e.request = "another".into()
        }),
        ("face_evidence", 400, |e| {
            e.consent.channel = ConsentChannel::Recorded(String::new());
        }),
        ("face_statement", 400, |e| e.consent.scopes.clear()),
        ("face_scope", 422, |e| {
            e.consent.scopes.insert(FaceScope {
                acquirer: "11345810".parse().unwrap(),
                operator: 1,
                line: None,
            });
        }),
        ("face_digits", 400, |e| {
            e.digits = FaceDigits(Zeroizing::new(b"12x4".to_vec()))
        }),
        ("face_captures", 400, |e| e.captures.clear()),
        ("face_captures", 400, |e| {
            e.captures = vec![e.captures[0].clone(); 5]
        }),
        ("face_not_live", 422, |e| {
            e.captures[0].liveness = Liveness::Spoof(Spoof::Photo);
        }),
        ("face_not_live", 422, |e| {
            e.captures[0].liveness = Liveness::Undecided
        }),
        ("face_quality", 422, |e| e.captures[0].quality = 79),
        ("face_quality", 422, |e| e.captures[0].quality = 101),
        ("face_engine", 422, |e| {
            e.captures[0].engine = EngineId(*b"OTHER_02")
        }),
        ("face_template", 422, |e| {
            e.captures[0].template = Zeroizing::new(vec![0; 64])
        }),
        ("face_template_length", 400, |e| {
            e.captures[0].template = Zeroizing::new(vec![])
        }),
        ("face_not_one_person", 422, |e| {
            e.captures.push(capture(face(2)))
        }),
    ];
    for (expected, status, change) in cases {
        let mut enrolment = good();
        change(&mut enrolment);
        let client = &city.client;
        let refused = client.face_enrol(rider.account, &enrolment).await;
        assert_eq!(code(refused), (*status, format!("issuing.{expected}")));
    }
    let unknown = CardNumber::parse("3104100000000000099").unwrap();
    let refused = city.client.face_enrol(unknown, &good()).await;
    assert_eq!(code(refused), (404, "issuing.account_unknown".into()));

    let mut two = good();
    let mut glasses = face(1);
    glasses[5] = 30;
    two.captures.push(capture(glasses.clone()));
    let view = enrol(&city, &rider, &two).await.unwrap();
    assert_eq!(view.templates.len(), 2);
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    gate.contact(&city, T0).await;
    assert_eq!(gate.ride(&glasses, T0).account, rider.account);
    // One enrolment at a time, and a request is one enrolment.
    let second = asked_as("second".into(), &rider, 1, &[scope(OPERATOR, None)], T0);
    let refused = enrol(&city, &rider, &second).await;
    assert_eq!(code(refused), (409, "issuing.face_enrolled".into()));
    let refused = enrol(&city, &rider, &good()).await;
    assert_eq!(code(refused), (409, "issuing.face_request_reused".into()));
    city.client.face_withdraw(rider.account).await.unwrap();
    let refused = enrol(&city, &rider, &two).await;
    assert_eq!(
        code(refused),
        (409, "issuing.face_request_reused".into()),
        "it has ended"
    );
    let before = view.handle;
    let view = enrol(&city, &rider, &second).await.unwrap();
    assert_ne!(view.handle, before, "nobody's successor");
}

#[tokio::test]
async fn a_large_gallery_comes_in_pieces_and_who_left_meanwhile_never_comes() {
    let city = Country::new().beijing_giving(2).await;
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let mut riders = Vec::new();
    for number in 0..5 {
        let account = format!("310410000000000010{number}");
        let rider = Rider::enrolled(&account, &city).await;
        let enrolment = asked(&rider, number, &[scope(OPERATOR, None)], T0);
        enrol(&city, &rider, &enrolment).await.unwrap();
        riders.push(rider);
    }
    let number = gate.known.number;
    let mut seen = Vec::new();
    let mut step = async |gate: &mut Gate| {
        let after = gate.terminal.gallery_after();
        let update = city
            .terminal(number)
            .gallery_update(number, after)
            .await
            .unwrap();
        let update = gate.open(&update);
        seen.push((
            update.head.version,
            update.riders().len(),
            update.forgotten().len(),
        ));
        gate.terminal.update(update).unwrap();
    };
    for _ in 0..2 {
        step(&mut gate).await;
    }
    // One leaves who was given, and maybe one who is still to come.
    for rider in &riders[..2] {
        city.client.face_withdraw(rider.account).await.unwrap();
    }
    for _ in 0..3 {
        step(&mut gate).await;
    }
    assert_eq!(seen[0], (1, 2, 0));
    assert_eq!(seen[1], (2, 2, 0));
    assert_eq!(seen[4].1 + seen[4].2, 0, "the end: {seen:?}");
    let accounts = |riders: &mut dyn Iterator<Item = CardNumber>| riders.collect::<BTreeSet<_>>();
    let held = gate.terminal.gallery().unwrap().riders();
    let held = accounts(&mut held.iter().map(|rider| rider.account));
    let there = accounts(&mut riders[2..].iter().map(|rider| rider.account));
    assert_eq!(held, there);
    // One that was never in contact gets the same, in pieces.
    let mut late = Gate::new("100000000002", OPERATOR, "B00001", &city).await;
    late.contact(&city, T0.plus_s(60)).await;
    let held = late.terminal.gallery().unwrap().riders();
    let held = accounts(&mut held.iter().map(|rider| rider.account));
    assert_eq!(held, there);
}

#[tokio::test]
async fn only_the_terminals_own_word_counts() {
    let city = Country::new().beijing(None).await;
    let rider = Rider::enrolled(ACCOUNT, &city).await;
    let mut gate = Gate::new("100000000001", OPERATOR, "B00001", &city).await;
    let other = Gate::new("100000000002", OPERATOR, "B00001", &city).await;
    let enrolment = asked(&rider, 1, &[scope(OPERATOR, None)], T0);
    enrol(&city, &rider, &enrolment).await.unwrap();
    let client = &city.client;
    let number = gate.known.number;
    let uplink = city.terminal(number);
    let foreign = other.terminal.gallery_report(T0).unwrap();
    let error = uplink.gallery_confirm(number, &foreign).await.unwrap_err();
    assert_eq!(status_of(&error), (422, "acquiring.face_report"));
    gate.contact(&city, T0).await;
    let early = gate.terminal.gallery_report(T0.plus_s(-60)).unwrap();
    client.face_withdraw(rider.account).await.unwrap();
    gate.contact(&city, T0.plus_s(60)).await;
    // A report that is late on its way takes nothing back.
    uplink.gallery_confirm(number, &early).await.unwrap();
    let seen = client.face_view(rider.account).await.unwrap();
    assert_eq!(places(&seen), [("100000000001", FacePlaceState::Forgotten)]);

    let error = uplink.gallery_update(number, 99).await.unwrap_err();
    assert_eq!(status_of(&error), (409, "acquiring.face_version"));
    let plain = Terminal::registered("100000000003", &city).await;
    let error = city
        .terminal(plain.number)
        .gallery_update(plain.number, 0)
        .await
        .unwrap_err();
    assert_eq!(status_of(&error), (404, "acquiring.face_terminal_unknown"));
    let nobody = Terminal::new("100000000004");
    let error = client
        .face_terminal_put(nobody.number, 7, "B1".parse().unwrap(), Cosine.id())
        .await
        .unwrap_err();
    assert_eq!(status_of(&error), (404, "acquiring.terminal_unknown"));
    let nation = Country::new().nation().await;
    let error = nation.client.face_terms().await.unwrap_err();
    assert_eq!(status_of(&error), (404, "issuing.face_not_served"));
}

//! A year of a city with its keys: applied for, issued, used, renewed, suspended, revoked, cleaned
//! up; its nodes, a bus for codes and a bus for cards, and the audit chain over all of it.

mod cards;
mod desk;

use tongtu_keyring::ca;
use tongtu_keyring::code::{Cause, Ground, KeyAlgorithm, Purpose, Stage, Usage};
use tongtu_keyring::{Event, KeyBook, KeyNumber, What};
use tongtu_psam::PsamSerial;
use tongtu_purse::field::Institution;
use tongtu_ride_code::Verdict;
use tongtu_services::UploadKind;
use tongtu_terminal::tap::{ModuleFault, Refusal, Say, TapFault, TapOutcome};
use tongtu_types::{BusinessDay, Timestamp};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, Rider, SHENZHEN_CODE, code, day, key,
    morning, refused,
};
use crate::street::Street;
use cards::{Bus, Pass, module};
use desk::{ANCHOR, DAY, Desk, LINE, city, slot};

/// Days between two days of the year that are played.
const APART: i64 = 3;

/// The city, its people and its terminals.
struct City {
    country: Country,
    desk: Desk,
    /// Keys for purchases, version 1 and, once it is there, 2; and for ride codes.
    purchase: Vec<KeyNumber>,
    ride_code: KeyNumber,
    /// Certificates of the issuer, in the order of their issue.
    certificates: Vec<u32>,
    rider: Rider,
    street: Street,
    bus: Bus,
    old: Pass,
    new: Option<Pass>,
    /// Rides by code and taps by card that were accepted.
    scans: usize,
    taps: usize,
}

impl City {
    async fn found() -> (Self, KeyNumber) {
        let mut country = Country::found().await;
        let mut desk = Desk::open(morning());
        let here = city("5810");
        let slots = [
            slot(here, Purpose::Purchase, KeyAlgorithm::Sm4),
            slot(here, Purpose::RideCode, KeyAlgorithm::Sm2),
            slot(here, Purpose::Unload, KeyAlgorithm::Sm4),
        ];
        let keys = desk.apply(&slots, 450);
        for key in &keys {
            desk.activate(*key, 30);
        }
        let certificate = issue(&mut country, &mut desk, "first", "0627").await;
        let rider = country.rider(GUANGZHOU_CODE, 1).await;
        let old = Pass::new(&country, 77, 1, morning()).await;
        let mut street = Street::new(&country, GUANGZHOU_CODE, 1).await;
        street.fetch(country.node(GUANGZHOU_CODE), morning()).await;
        let bus = Bus::new(&country, 2, &[1]).await;
        let node = country.node(GUANGZHOU_CODE);
        let psam = module(&bus.who, &[], 1).identity.serial;
        node.psam_admit(psam, bus.who.number, morning().plus_s(-60))
            .await
            .unwrap();
        let city = Self {
            country,
            desk,
            purchase: vec![keys[0]],
            ride_code: keys[1],
            certificates: vec![certificate],
            rider,
            street,
            bus,
            old,
            new: None,
            scans: 0,
            taps: 0,
        };
        (city, keys[2])
    }

    /// The rider's certificate is renewed in time, when the issuer may use its key.
    async fn renew(&mut self, now: Timestamp) -> Result<(), Ground> {
        if !self
            .rider
            .certificate
            .wants_renewal(now.plus_s(APART * DAY))
        {
            return Ok(());
        }
        self.renew_now(now).await
    }

    async fn renew_now(&mut self, now: Timestamp) -> Result<(), Ground> {
        self.desk
            .permit(self.ride_code, city("5810"), Usage::Make)?;
        let node = self.country.node(GUANGZHOU_CODE);
        let issued = node.user_certificate_issue(self.rider.account, now).await;
        self.rider.certificate = issued.unwrap();
        Ok(())
    }

    /// A ride by code and a tap of every card, each with the leave of the desk.
    async fn ride(&mut self, now: Timestamp) -> Verdict {
        let node = self.country.node(GUANGZHOU_CODE);
        let verdict = self.street.scan(&self.rider, now.plus_s(60));
        self.scans += usize::from(verdict == Verdict::Accepted);
        // Its lists come after the ride: a day may pass before a terminal knows.
        self.street.fetch(node, now.plus_s(120)).await;
        let cards = [Some(&mut self.old), self.new.as_mut()];
        for (pass, key) in cards.into_iter().zip(&self.purchase) {
            let Some(pass) = pass else { continue };
            if self.desk.permit(*key, city("5810"), Usage::Accept).is_err() {
                continue;
            }
            let end = self.bus.tap(pass, now.plus_s(180 + i64::from(key.get())));
            assert!(end.outcome.ride().is_some(), "{now}: {:?}", end.outcome);
            self.taps += 1;
        }
        verdict
    }

    async fn upload(&mut self, now: Timestamp) {
        let node = self.country.node(GUANGZHOU_CODE);
        self.street.upload(node, now).await;
        let kinds = self.bus.upload(node, now).await;
        assert!(
            kinds.iter().all(|kind| *kind == UploadKind::Stored),
            "{kinds:?}"
        );
    }
}

/// The city's issuer gets a certificate for a new key, and its node goes on with both.
async fn issue(country: &mut Country, desk: &mut Desk, label: &str, expiry: &str) -> u32 {
    let own = format!("issuer {label}");
    let (number, certificate) = desk.certify(code(GUANGZHOU_CODE), expiry, &key(&own));
    country.stop(GUANGZHOU_CODE);
    country
        .keys
        .renew_issuing(GUANGZHOU_CODE, desk.now.plus_s(-DAY), &key(&own));
    country
        .start(GUANGZHOU_CODE, |config| {
            config.issuer.as_mut().unwrap().certificate = certificate;
        })
        .await;
    country.renew(&country.keys.extract());
    number
}

#[tokio::test]
async fn a_year_of_a_city_and_its_keys() {
    let (mut city_, idle) = City::found().await;
    let mut revoked = Vec::new();
    for step in 0..130 {
        let passed = step * APART;
        let now = morning().plus_s(passed * DAY);
        city_.desk.now = now;
        city_.desk.settle();
        match passed {
            // The purchase key is renewed: modules get both, new cards have the new one.
            150 => {
                let here = slot(city("5810"), Purpose::Purchase, KeyAlgorithm::Sm4);
                let next = city_.desk.apply(&[here], 450)[0];
                city_.desk.activate(next, 60);
                city_.purchase.push(next);
                let country = &mut city_.country;
                country.keys.renew_purchase(GUANGZHOU_CODE, now);
                country.renew(&country.keys.extract());
                city_.bus.fit(|who, first| module(who, &[1, 2], first));
                city_.new = Some(Pass::new(&city_.country, 78, 2, now).await);
            }
            // So is the issuer's certificate: codes under the older one go on.
            180 => {
                let (country, desk) = (&mut city_.country, &mut city_.desk);
                let second = issue(country, desk, "second", "0828").await;
                city_.certificates.push(second);
            }
            // The overlap is over: modules lose the old key, and a card that nobody replaced
            // finds none.
            213 => {
                let old = city_.purchase[0];
                let refused = city_.desk.permit(old, city("5810"), Usage::Accept);
                assert_eq!(refused, Err(Ground::OverlapOver));
                city_.bus.fit(|who, first| module(who, &[2], first));
                let end = city_.bus.tap(&mut city_.old, now);
                let no_key = TapOutcome::Refused(Refusal::NoKey);
                assert_eq!(end.outcome, no_key);
            }
            // A certificate that outlasts what comes now.
            237 => city_.renew_now(now).await.unwrap(),
            // The key for ride codes is used for another city, and the authority acts.
            240 => {
                let code_key = city_.ride_code;
                let refused = city_.desk.permit(code_key, city("5840"), Usage::Make);
                assert_eq!(refused, Err(Ground::OutsideCity));
                city_.desk.step(code_key, What::Suspended(Cause::Misuse));
                let refused = city_.renew_now(now).await;
                assert_eq!(refused, Err(Ground::Suspended), "no codes are issued");
            }
            // Codes that riders have are good while it lasts.
            252 => city_.desk.step(city_.ride_code, What::Resumed),
            // The issuer's key got out. Its certificate is revoked, everybody is told.
            300 => {
                let second = city_.certificates[1];
                let out = ca::What::Revoked(Cause::Compromise);
                city_.desk.ca_step(second, out);
                let list = city_.desk.revocations();
                for text in [
                    NATION,
                    PROVINCE,
                    BEIJING_CODE,
                    GUANGZHOU_CODE,
                    SHENZHEN_CODE,
                ] {
                    let node = city_.country.node(text);
                    node.revocations_take(&list, now).await.unwrap();
                }
                let node = city_.country.node(GUANGZHOU_CODE);
                let none = node.user_certificate_issue(city_.rider.account, now).await;
                assert_eq!(refused(none), "issuing.issuer_revoked");
            }
            // A new key, a new certificate, and the rider's phone is served again.
            306 => {
                let (country, desk) = (&mut city_.country, &mut city_.desk);
                let third = issue(country, desk, "third", "0828").await;
                city_.certificates.push(third);
                city_.renew_now(now).await.unwrap();
            }
            _ => {}
        }
        if passed < 240 || (252..300).contains(&passed) || passed > 306 {
            city_.renew(now).await.unwrap();
        }
        match (passed, city_.ride(now).await) {
            // The terminal had not heard of it on the day itself.
            (303, Verdict::Blacklisted) => revoked.push(passed),
            (_, verdict) => assert_eq!(verdict, Verdict::Accepted, "day {passed}"),
        }
        if passed % 30 == 0 {
            city_.upload(now.plus_s(3600)).await;
        }
        city_.desk.anchor();
    }
    assert_eq!(
        revoked,
        [303],
        "refused from the first list on, until there was a new key"
    );
    assert_eq!(city_.scans, 129, "every ride but the one");
    // The old card until the overlap was over, the new one from its first day on.
    assert_eq!(city_.taps, 70 + 80);

    // Twelve months without a use: the province cleans up.
    assert_eq!(city_.desk.book.key(idle).unwrap().stage(), Stage::Unused);
    city_.desk.now = city_.desk.now.plus_s(DAY);
    city_.desk.step(idle, What::Withdrawn);
    city_.desk.anchor();
    let stage = |key: &KeyNumber| city_.desk.book.key(*key).unwrap().stage();
    let stages: Vec<Stage> = city_.purchase.iter().map(stage).collect();
    assert_eq!(stages, [Stage::Retired, Stage::Active]);

    settled(&mut city_).await;
    replayed(&city_.desk);
    audited(&city_.desk);
}

/// The rides of the year are cleared, and the books balance.
async fn settled(city: &mut City) {
    let end = morning().plus_s(390 * DAY);
    city.upload(end).await;
    let last = BusinessDay::from_days(day().days() + 390);
    city.country.close(last).await;
    city.country.settle(last).await;
    city.country.audit().await;
    let rides = city.country.acquired(GUANGZHOU_CODE).await;
    assert_eq!(rides.len(), city.scans + city.taps);
    let unsettled: Vec<_> = rides.iter().filter(|ride| ride.result != 0).collect();
    // Late ones are marked, and paid: they lay there for a year.
    let states = unsettled.iter().map(|ride| ride.state);
    assert!(
        states
            .clone()
            .all(|state| state == tongtu_services::RideState::Settled),
        "{unsettled:?}"
    );
    let alarms = city.country.node(GUANGZHOU_CODE).alarms().await.unwrap();
    assert!(alarms.is_empty(), "{alarms:?}");
}

/// Whoever has the events has the books; every refusal and misuse is one.
fn replayed(desk: &Desk) {
    let bytes: Vec<u8> = desk
        .events
        .iter()
        .flat_map(|event| event.encode().unwrap())
        .collect();
    let stored = Event::decode_all(&bytes).unwrap();
    let book = KeyBook::replay(&stored).unwrap();
    assert_eq!(book, desk.book);
    let authority = ca::Authority::replay(&desk.ca_events, book.cities()).unwrap();
    assert_eq!(authority, desk.authority);
    let misused = |event: &&Event| matches!(event.what, What::Misused { .. });
    assert_eq!(desk.events.iter().filter(misused).count(), desk.refused);
    let gone: Vec<Event> = stored.iter().skip(1).copied().collect();
    assert!(KeyBook::replay(&gone).is_err());
}

/// The audit chain of the year holds, and a flipped byte is named.
fn audited(desk: &Desk) {
    let (lines, anchors) = (&desk.lines, &desk.anchors);
    let verified = Desk::verify(lines, anchors).unwrap();
    let anchored = anchors.len() / ANCHOR;
    assert_eq!(
        (usize::try_from(verified.lines).unwrap(), 131),
        (lines.len() / LINE, anchored)
    );
    assert_eq!(verified.unanchored, 0);
    let number = lines.len() / LINE / 2;
    let mut bent = lines.clone();
    bent[(number - 1) * LINE + 40] ^= 1;
    let fault = Desk::verify(&bent, anchors).unwrap_err().to_string();
    assert_eq!(fault, format!("audit chain: line {number} was changed"));
    let mut bent = anchors.clone();
    bent[65 * ANCHOR + 30] ^= 1;
    let fault = Desk::verify(lines, &bent).unwrap_err().to_string();
    assert!(
        fault.contains("audit chain: anchor 66 was changed"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_module_of_another_city_serves_no_card_and_its_terminals_report_is_kept() {
    let country = Country::found().await;
    let mut bus = Bus::new(&country, 2, &[1]).await;
    let mut street = Street::new(&country, GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let mut pass = Pass::new(&country, 77, 1, morning()).await;
    let now = morning().plus_s(60);
    let foreign = Institution([0x01, 0x34, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    bus.fit(|who, first| {
        let mut made = module(who, &[1], first);
        made.identity.receiver = foreign;
        made.identity.serial = PsamSerial([0x99; 10]);
        made
    });
    let end = bus.tap(&mut pass, now);
    let fault = TapOutcome::OutOfService(TapFault::Module(ModuleFault::City {
        serial: PsamSerial([0x99; 10]),
        found: foreign,
        expected: crate::card::institution(GUANGZHOU_CODE).city(),
    }));
    assert_eq!((end.outcome, end.prompt.say), (fault, Say::NoCards));
    // Codes go on.
    let rider = country.rider(GUANGZHOU_CODE, 1).await;
    street.fetch(node, now).await;
    assert_eq!(street.scan(&rider, now), Verdict::Accepted);

    let kinds = bus.upload(node, now.plus_s(60)).await;
    assert!(
        matches!(&kinds[..], [UploadKind::Refused { .. }]),
        "{kinds:?}"
    );
    assert!(
        bus.upload(node, now.plus_s(120)).await.is_empty(),
        "once is enough"
    );
    let alarms = node.alarms().await.unwrap();
    let codes: Vec<&str> = alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    assert_eq!(codes, ["psam.foreign"]);
    let rejected = node.rejected_uploads().await.unwrap();
    assert_eq!(rejected.len(), 1);
    assert!(
        rejected[0].reason.contains("PSAM 99999999999999999999"),
        "{}",
        rejected[0].reason
    );

    // A module that was carried here from another terminal of the city.
    bus.fit(|who, first| {
        let mut made = module(who, &[1], first);
        made.identity.terminal.0[5] = 9;
        made
    });
    let end = bus.tap(&mut pass, now.plus_s(200));
    let moved = matches!(
        end.outcome,
        TapOutcome::OutOfService(TapFault::Module(ModuleFault::Moved { .. }))
    );
    assert!(moved, "{:?}", end.outcome);
    bus.upload(node, now.plus_s(260)).await;
    let alarms = node.alarms().await.unwrap();
    assert_eq!(alarms.last().unwrap().code, "psam.moved");
}

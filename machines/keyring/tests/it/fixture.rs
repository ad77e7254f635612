//! A small scheme: a nation with keys of its own, two provinces, three cities, officers of every role.

use tongtu_keyring::code::{CustodyKind, KeyAlgorithm, Purpose, Role, Step};
use tongtu_keyring::duty::Duty;
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, Deed, DeviceName, Event, KeyBook, KeyNumber,
    Officer, OfficerNumber, Refusal, Signers, Slot, What,
};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

pub(crate) const DAY: i64 = 86_400;
/// 2026-01-01 00:00:00 in China.
pub(crate) const START: Timestamp = Timestamp::new(1_767_196_800);

pub(crate) fn institution(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

pub(crate) fn city(text: &str) -> CityCode {
    CityCode::parse(text).unwrap()
}

/// Each city with its province and its holder; the last one is the nation's own region.
pub(crate) const CITIES: [(&str, &str, &str); 4] = [
    ("3010", "00003000", "01343010"),
    ("3020", "00003000", "01343020"),
    ("5810", "00005000", "01345810"),
    ("0000", "00000000", "00000000"),
];

pub(crate) fn province_of(of: CityCode) -> InstitutionCode {
    let row = CITIES.iter().find(|row| city(row.0) == of).unwrap();
    institution(row.1)
}

pub(crate) fn holder_of(of: CityCode) -> InstitutionCode {
    let row = CITIES.iter().find(|row| city(row.0) == of).unwrap();
    institution(row.2)
}

pub(crate) fn officer(number: &str, role: Role, at: InstitutionCode) -> Officer {
    Officer {
        number: OfficerNumber::parse(number).unwrap(),
        role,
        institution: at,
    }
}

/// Where an officer of this role sits for a key of this city.
pub(crate) fn seat(role: Role, of: CityCode) -> InstitutionCode {
    match role {
        Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
            InstitutionCode::national()
        }
        Role::ProvinceOfficer | Role::ProvinceApprover => province_of(of),
        Role::HolderCustodian => holder_of(of),
        // The authority of the place has the city's region and no role digit of its own.
        Role::Supervisor => institution(&format!("0000{of}")),
    }
}

/// Officers who may sign so: each role has a person of its own, and a second one.
pub(crate) fn signed(first: Option<Role>, second: Option<Role>, of: CityCode) -> Signers {
    let person =
        |role: Role, nth| officer(&format!("{:02}-{nth}", role.byte()), role, seat(role, of));
    match (first, second) {
        (Some(first), Some(second)) => Signers::Two(person(first, 1), person(second, 2)),
        (Some(first), None) => Signers::One(person(first, 1)),
        (None, _) => Signers::System,
    }
}

/// Those who may take a step for a key of this city.
pub(crate) fn signers(step: Step, of: CityCode) -> Signers {
    let duty = Duty::of(step);
    signed(duty.first, duty.second, of)
}

pub(crate) fn slot(of: &str, purpose: Purpose, algorithm: KeyAlgorithm) -> Slot {
    Slot {
        city: city(of),
        purpose,
        algorithm,
    }
}

/// The check value that these tests give to a key: its number.
pub(crate) fn check(algorithm: KeyAlgorithm, number: u32) -> Check {
    let [_, a, b, c] = number.to_be_bytes();
    if algorithm.has_kcv() {
        Check::Kcv([a, b, c])
    } else {
        let mut digest = [0x5A; 32];
        digest[..3].copy_from_slice(&[a, b, c]);
        Check::Fingerprint(digest)
    }
}

pub(crate) fn custody(device: &str, check: Check) -> Custody {
    Custody {
        kind: CustodyKind::Hsm,
        device: DeviceName::parse(device).unwrap(),
        check,
    }
}

/// A book and its clock.
pub(crate) struct Scene {
    pub(crate) book: KeyBook,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    pub(crate) batch: u32,
}

impl Scene {
    /// The three cities and the nation's own region, registered.
    pub(crate) fn new() -> Self {
        let mut scene = Self {
            book: KeyBook::new(),
            now: START,
            events: Vec::new(),
            batch: 0,
        };
        for (name, province, _) in CITIES {
            let what = What::CityRegistered {
                city: city(name),
                province: institution(province),
            };
            let signers = signers(Step::CityRegistered, city(name));
            scene.by(None, what, signers).unwrap();
        }
        scene
    }

    pub(crate) fn keep(&mut self, event: Event) {
        self.book.apply(&event);
        self.events.push(event);
    }

    /// A step by whoever is named.
    pub(crate) fn by(
        &mut self,
        key: Option<KeyNumber>,
        what: What,
        signers: Signers,
    ) -> Result<(), Refusal> {
        let event = self.book.decide(Deed {
            at: self.now,
            key,
            signers,
            what,
        })?;
        self.keep(event);
        Ok(())
    }

    /// A step by those who may take it.
    pub(crate) fn step(&mut self, key: KeyNumber, what: What) -> Result<(), Refusal> {
        let of = self.city_of(key);
        self.by(Some(key), what, signers(what.step(), of))
    }

    pub(crate) fn city_of(&self, key: KeyNumber) -> CityCode {
        let life = self.book.key(key);
        life.map_or(city("3010"), |life| life.request().slot.city)
    }

    pub(crate) fn wait(&mut self, days: i64) {
        self.now = self.now.plus_s(days * DAY);
    }

    /// Lets the book do what is due.
    pub(crate) fn settle(&mut self) -> Vec<Event> {
        let events = self.book.settle(self.now);
        for event in &events {
            self.book.admit(event).unwrap();
            self.keep(*event);
        }
        events
    }

    pub(crate) fn line(&self, slot: Slot, term_days: i64) -> ApplicationLine {
        ApplicationLine {
            holder: holder_of(slot.city),
            slot,
            index: 1,
            from: self.now,
            until: self.now.plus_s(term_days * DAY),
        }
    }

    /// An application of one line.
    pub(crate) fn request(&mut self, slot: Slot, term_days: i64) -> Result<KeyNumber, Refusal> {
        let line = self.line(slot, term_days);
        self.request_line(line)
    }

    pub(crate) fn request_line(&mut self, line: ApplicationLine) -> Result<KeyNumber, Refusal> {
        let application = Application {
            batch: self.batch + 1,
            province: province_of(line.slot.city),
            lines: vec![line],
        };
        let signers = signers(Step::Requested, line.slot.city);
        let events = self
            .book
            .decide_application(&application, self.now, signers)?;
        self.batch += 1;
        let key = events[0].key.unwrap();
        for event in events {
            self.book.admit(&event).unwrap();
            self.keep(event);
        }
        Ok(key)
    }

    /// A requested key on its way to its holder.
    pub(crate) fn hand_over(&mut self, key: KeyNumber) {
        let algorithm = self.book.key(key).unwrap().request().slot.algorithm;
        let check = check(algorithm, key.get());
        self.step(key, What::Approved).unwrap();
        self.step(key, What::Generated(custody("HSM-N", check)))
            .unwrap();
        self.step(key, What::Distributed(custody("HSM-C", check)))
            .unwrap();
    }

    pub(crate) fn activate(&mut self, key: KeyNumber, overlap_days: u16) -> Result<(), Refusal> {
        let what = self.book.activation(key, self.now, overlap_days);
        self.step(key, what)
    }

    /// A key in use for so many days.
    pub(crate) fn active(&mut self, slot: Slot, term_days: i64) -> KeyNumber {
        let key = self.request(slot, term_days).unwrap();
        self.hand_over(key);
        self.activate(key, 30).unwrap();
        key
    }
}

pub(crate) fn purchase() -> Slot {
    slot("3010", Purpose::Purchase, KeyAlgorithm::Sm4)
}

//! The key desk of a province: both books, the audit chain over everything that is done with keys,
//! and the officers who do it.
//!
//! Nodes hold their keys themselves still, so the desk stands beside them: whoever is about to use
//! a key asks here first. A node that asks its own desk takes the place of [`Desk::permit`].

use tongtu_audit::{
    Anchor, AnchorKeys, AuditLine, AuditLog, Entry, Fault, Outcome, Verified, Word, verify,
};
use tongtu_crypto::{SecretKey, sm3};
use tongtu_keyring::ca::{self, Authority, DUTIES};
use tongtu_keyring::code::{CustodyKind, Ground, KeyAlgorithm, Purpose, Role, Step, Usage};
use tongtu_keyring::duty::Duty;
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, Deed, DeviceName, Event, KeyBook, KeyNumber,
    Officer, OfficerNumber, Signers, Slot, Use, What,
};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::country::{BEIJING_CODE, GUANGZHOU_CODE, PROVINCE, SHENZHEN_CODE, code, key};

pub(super) const DAY: i64 = 86_400;
/// The number of the key that signs anchors.
const ANCHOR_KEY: u32 = 900;

/// Each city with its province and its holder.
const CITIES: [(&str, &str, &str); 3] = [
    ("5810", PROVINCE, GUANGZHOU_CODE),
    ("5840", PROVINCE, SHENZHEN_CODE),
    ("1000", "00001000", BEIJING_CODE),
];

pub(super) fn city(text: &str) -> CityCode {
    CityCode::parse(text).unwrap()
}

fn row(of: CityCode) -> (&'static str, &'static str, &'static str) {
    *CITIES.iter().find(|row| city(row.0) == of).unwrap()
}

pub(super) const fn slot(city: CityCode, purpose: Purpose, algorithm: KeyAlgorithm) -> Slot {
    Slot {
        city,
        purpose,
        algorithm,
    }
}

/// Where an officer of this role sits for a key of this city.
fn seat(role: Role, of: CityCode) -> InstitutionCode {
    match role {
        Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
            InstitutionCode::national()
        }
        Role::ProvinceOfficer | Role::ProvinceApprover => code(row(of).1),
        Role::HolderCustodian => code(row(of).2),
        Role::Supervisor => InstitutionCode::parse(&format!("0000{of}")).unwrap(),
    }
}

fn signed(first: Option<Role>, second: Option<Role>, of: CityCode) -> Signers {
    let person = |role: Role, nth| Officer {
        number: OfficerNumber::parse(&format!("{:02}-{nth}", role.byte())).unwrap(),
        role,
        institution: seat(role, of),
    };
    match (first, second) {
        (Some(first), Some(second)) => Signers::Two(person(first, 1), person(second, 2)),
        (Some(first), None) => Signers::One(person(first, 1)),
        (None, _) => Signers::System,
    }
}

fn word<const N: usize>(text: &str) -> Word<N> {
    Word::parse(text).unwrap()
}

pub(super) struct Desk {
    pub(super) book: KeyBook,
    pub(super) events: Vec<Event>,
    pub(super) authority: Authority,
    pub(super) ca_events: Vec<ca::Event>,
    pub(super) now: Timestamp,
    log: AuditLog,
    pub(super) lines: Vec<u8>,
    pub(super) anchors: Vec<u8>,
    batch: u32,
    /// How many uses were refused.
    pub(super) refused: usize,
}

impl Desk {
    /// The cities are registered, and the nation has its root 02.
    pub(super) fn open(now: Timestamp) -> Self {
        let mut desk = Self {
            book: KeyBook::new(),
            events: Vec::new(),
            authority: Authority::new(),
            ca_events: Vec::new(),
            now,
            log: AuditLog::new(),
            lines: Vec::new(),
            anchors: Vec::new(),
            batch: 0,
            refused: 0,
        };
        for (name, province, _) in CITIES {
            let what = What::CityRegistered {
                city: city(name),
                province: code(province),
            };
            desk.by(None, what, city(name));
        }
        let root = desk.authority.issue_root(
            (2, "1240".parse().unwrap()),
            now,
            desk.ca_signers(ca::Step::RootIssued, 0),
            &mut key("root"),
            desk.book.cities(),
        );
        desk.keep_ca(root.unwrap());
        desk
    }

    /// One line in the audit chain.
    fn note(&mut self, deed: &str, key: Option<KeyNumber>, permit: Option<u64>, what: &[u8]) {
        self.write(deed, key, permit, Outcome::Done, what);
    }

    fn write(
        &mut self,
        deed: &str,
        key: Option<KeyNumber>,
        permit: Option<u64>,
        outcome: Outcome,
        what: &[u8],
    ) {
        let entry = Entry {
            institution: code(GUANGZHOU_CODE),
            actor: word("key-desk"),
            deed: word(deed),
            key: key.map(KeyNumber::get),
            permit,
            outcome,
            about: Some(sm3::digest(what)),
        };
        let line = self.log.append(&entry, self.now).unwrap();
        self.lines.extend(line.encode().unwrap());
    }

    fn keep(&mut self, event: Event) {
        let bytes = event.encode().unwrap();
        self.note("book", event.key, None, &bytes);
        self.book.apply(&event);
        self.events.push(event);
    }

    fn keep_ca(&mut self, event: ca::Event) {
        let bytes = event.encode().unwrap();
        self.note("authority", None, None, &bytes);
        self.authority.apply(&event);
        self.ca_events.push(event);
    }

    fn by(&mut self, key: Option<KeyNumber>, what: What, of: CityCode) {
        let duty = Duty::of(what.step());
        let deed = Deed {
            at: self.now,
            key,
            signers: signed(duty.first, duty.second, of),
            what,
        };
        let event = self.book.decide(deed).unwrap();
        self.keep(event);
    }

    /// A step by those who may take it.
    pub(super) fn step(&mut self, key: KeyNumber, what: What) {
        let of = self.book.key(key).unwrap().request().slot.city;
        self.by(Some(key), what, of);
    }

    /// Keys that the province applies for, on their way to their holders.
    pub(super) fn apply(&mut self, slots: &[Slot], term_days: i64) -> Vec<KeyNumber> {
        self.batch += 1;
        let line = |slot: &Slot| ApplicationLine {
            holder: code(row(slot.city).2),
            slot: *slot,
            index: 1,
            from: self.now,
            until: self.now.plus_s(term_days * DAY),
        };
        let application = Application {
            batch: self.batch,
            province: code(row(slots[0].city).1),
            lines: slots.iter().map(line).collect(),
        };
        let duty = Duty::of(Step::Requested);
        let by = signed(duty.first, duty.second, slots[0].city);
        let events = self.book.decide_application(&application, self.now, by);
        let mut keys = Vec::new();
        for event in events.unwrap() {
            keys.extend(event.key);
            self.keep(event);
        }
        for key in &keys {
            let check = self.check_of(*key);
            let custody = |device| Custody {
                kind: CustodyKind::Hsm,
                device: DeviceName::parse(device).unwrap(),
                check,
            };
            self.step(*key, What::Approved);
            self.step(*key, What::Generated(custody("HSM-N")));
            self.step(*key, What::Distributed(custody("HSM-C")));
        }
        keys
    }

    fn check_of(&self, key: KeyNumber) -> Check {
        let [_, a, b, c] = key.get().to_be_bytes();
        if self
            .book
            .key(key)
            .unwrap()
            .request()
            .slot
            .algorithm
            .has_kcv()
        {
            Check::Kcv([a, b, c])
        } else {
            Check::Fingerprint(sm3::digest(&[a, b, c]))
        }
    }

    pub(super) fn activate(&mut self, key: KeyNumber, overlap_days: u16) {
        let what = self.book.activation(key, self.now, overlap_days);
        self.step(key, what);
    }

    /// What time does; how many steps that were.
    pub(super) fn settle(&mut self) -> usize {
        let events = self.book.settle(self.now);
        let mut done = events.len();
        for event in events {
            self.keep(event);
        }
        let events = self.authority.settle(self.now);
        done += events.len();
        for event in events {
            self.keep_ca(event);
        }
        done
    }

    /// Leave to use the key of a slot for a city. What is refused is reported, and both are lines
    /// of the audit chain.
    pub(super) fn permit(
        &mut self,
        key: KeyNumber,
        of: CityCode,
        usage: Usage,
    ) -> Result<(), Ground> {
        let asked = Use {
            city: of,
            purpose: self.book.key(key).unwrap().request().slot.purpose,
            usage,
        };
        match self.book.permit(key, asked, self.now) {
            Ok(permit) => {
                let rests_on = permit.rests_on();
                self.note("use", Some(permit.key()), Some(rests_on), b"a use");
                if let Some(event) = self.book.first_use_of_day(key, self.now) {
                    self.keep(event);
                }
                Ok(())
            }
            Err(refused) => {
                self.refused += 1;
                let reason = Outcome::Refused(word("keyring.permit"));
                let told = refused.to_string();
                self.write("use", Some(key), None, reason, told.as_bytes());
                self.step(key, refused.report());
                Err(refused.ground)
            }
        }
    }

    fn ca_signers(&self, step: ca::Step, certificate: u32) -> Signers {
        let entry = self.authority.certificate(certificate);
        let of = entry.map_or(city("5810"), |entry| entry.draft().issuer.city());
        let stage = entry.map(ca::Certificate::stage);
        let duty = DUTIES
            .iter()
            .filter(|duty| duty.step == step)
            .max_by_key(|duty| stage.is_some_and(|stage| duty.after.contains(&stage)))
            .unwrap();
        signed(duty.first, duty.second, of)
    }

    pub(super) fn ca_step(&mut self, certificate: u32, what: ca::What) {
        let deed = ca::Deed {
            at: self.now,
            certificate,
            signers: self.ca_signers(what.step(), certificate),
            what,
        };
        let event = self.authority.decide(deed, self.book.cities()).unwrap();
        self.keep_ca(event);
    }

    /// An issuer's certificate, from the draft to its first use; an older one is superseded.
    pub(super) fn certify(
        &mut self,
        issuer: InstitutionCode,
        expiry: &str,
        own: &SecretKey,
    ) -> (u32, IssuerCertificate) {
        let terms = (2, expiry.parse().unwrap());
        let draft = self.authority.draft(issuer, terms, self.book.cities());
        let number = self.authority.next_certificate();
        let draft = ca::What::Drafted(draft.unwrap());
        let custodian = signed(Some(Role::HolderCustodian), None, issuer.city());
        let deed = ca::Deed {
            at: self.now,
            certificate: number,
            signers: custodian,
            what: draft,
        };
        let event = self.authority.decide(deed, self.book.cities()).unwrap();
        self.keep_ca(event);
        let draft = self.authority.certificate(number).unwrap().draft();
        let application = apply_for_certificate(draft.issuer, draft.expiry, draft.serial, own);
        self.ca_step(number, ca::What::Submitted(application.unwrap()));
        self.ca_step(number, ca::What::Approved);
        let issued = self.authority.issue(
            number,
            self.now,
            self.ca_signers(ca::Step::Issued, number),
            &mut key("root"),
            self.book.cities(),
        );
        self.keep_ca(issued.unwrap());
        let active = ca::CertificateStage::Active;
        let supersedes = self
            .authority
            .certificates()
            .find(|entry| entry.draft().issuer == issuer && entry.stage() == active)
            .map(ca::Certificate::number);
        self.ca_step(number, ca::What::Activated { supersedes });
        let certificate = self.authority.certificate(number).unwrap().certificate();
        (number, certificate.unwrap().clone())
    }

    /// The revocation list of the root as it is now.
    pub(super) fn revocations(&self) -> Vec<u8> {
        let list = self
            .authority
            .revocation_list(2, self.now, &mut key("root"));
        list.unwrap()
    }

    /// The day is over: its anchor.
    pub(super) fn anchor(&mut self) {
        let day = self.now.china().day;
        let next = self.now.plus_s(DAY);
        let signer = &mut key("anchor");
        let anchor = self.log.anchor(day, next, (ANCHOR_KEY, signer)).unwrap();
        self.anchors.extend(anchor.encode().unwrap());
    }

    /// The whole chain from its bytes.
    pub(super) fn verify(lines: &[u8], anchors: &[u8]) -> Result<Verified, Fault> {
        let keys: AnchorKeys = [(ANCHOR_KEY, key("anchor").public().clone())].into();
        verify(lines, anchors, &keys)
    }
}

/// Bytes of a line, and of an anchor.
pub(super) const LINE: usize = AuditLine::LEN;
pub(super) const ANCHOR: usize = Anchor::LEN;

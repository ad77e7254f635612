//! A room with its officers, in memory; its custody in a file of the test's own. Test keys only.

use std::path::PathBuf;

use tongtu_crypto::{SecretKey, sm3};
use tongtu_foreign::Scratch;
use tongtu_hsm::{Mark, Passphrase, Protection, SealedCustody, Vault as _, VaultState, Work};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Role};
use tongtu_keyring::register::Credential;
use tongtu_keyring::{Application, ApplicationLine, KeyNumber, Officer, OfficerNumber, Slot};
use tongtu_keyroom::Head;
use tongtu_keyroom::sim::SimMedium;
use tongtu_services::keyroom::{Act, Approval, Done, Hands, KeyRoom, RoomError, Source};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

pub(crate) const DAY: i64 = 86_400;
/// 2026-01-01 08:00:00 in China.
pub(crate) const START: Timestamp = Timestamp::new(1_767_225_600);
pub(crate) const ROOM: [u8; 16] = [0x52; 16];

pub(crate) fn institution(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

pub(crate) fn city(text: &str) -> CityCode {
    CityCode::parse(text).unwrap()
}

pub(crate) fn key(number: u32) -> KeyNumber {
    KeyNumber::new(number).unwrap()
}

/// Number, role, institution of every officer, in the order of their entries.
pub(crate) const STAFF: [(&str, Role, &str); 18] = [
    ("N-01", Role::NationOfficer, "00000000"),
    ("N-02", Role::NationApprover, "00000000"),
    ("N-03", Role::NationCustodian, "00000000"),
    ("N-04", Role::NationCustodian, "00000000"),
    ("P-01", Role::ProvinceOfficer, "00003000"),
    ("P-02", Role::ProvinceApprover, "00003000"),
    ("H-01", Role::HolderCustodian, "01343010"),
    ("H-02", Role::HolderCustodian, "01343010"),
    ("S-01", Role::Supervisor, "00003010"),
    ("S-02", Role::Supervisor, "00003010"),
    ("K-01", Role::HolderCustodian, "01343020"),
    ("K-02", Role::HolderCustodian, "01343020"),
    ("Q-01", Role::ProvinceOfficer, "00005000"),
    ("R-01", Role::ProvinceOfficer, "00000000"),
    ("C-01", Role::HolderCustodian, "00000000"),
    ("C-02", Role::HolderCustodian, "00000000"),
    ("T-01", Role::Supervisor, "00000000"),
    ("T-02", Role::Supervisor, "00000000"),
];

pub(crate) fn officer(number: &str) -> Officer {
    let (_, role, at) = STAFF.iter().find(|(n, _, _)| *n == number).unwrap();
    Officer {
        number: OfficerNumber::parse(number).unwrap(),
        role: *role,
        institution: institution(at),
    }
}

pub(crate) fn secret(number: &str) -> SecretKey {
    let mut count = 0_u8;
    SecretKey::generate(&mut |out: &mut [u8]| {
        count += 1;
        out.copy_from_slice(&sm3::digest_parts(&[number.as_bytes(), &[count]]));
    })
}

pub(crate) fn credential(number: &str) -> Credential {
    Credential {
        officer: officer(number),
        public_key: secret(number).public().to_compressed(),
        from: START,
        until: START.plus_s(3000 * DAY),
    }
}

/// Randomness that is the same in every run.
pub(crate) fn seeded(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut count = 0_u64;
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(32) {
            count += 1;
            let block = sm3::digest_parts(&[&seed.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

fn protection() -> Protection {
    let words = Passphrase::new(String::from("a passphrase for tests")).unwrap();
    Protection::Passphrase(words, Work::FOR_TESTS)
}

/// A custody in a file that is gone with the test.
pub(crate) struct Safe {
    _scratch: Scratch,
    path: PathBuf,
    seed: u64,
}

impl Safe {
    pub(crate) fn new(name: &str) -> Self {
        let scratch = Scratch::new(&format!("room-{name}"));
        let path = scratch.path().join("keys");
        Self {
            _scratch: scratch,
            path,
            seed: 1,
        }
    }

    pub(crate) fn make(&self) -> SealedCustody {
        let _ = std::fs::remove_file(&self.path);
        SealedCustody::make(&self.path, Mark::Test, &protection(), seeded(self.seed)).unwrap()
    }

    pub(crate) fn open(&mut self) -> SealedCustody {
        self.seed += 1;
        SealedCustody::open(&self.path, Mark::Test, &protection(), seeded(self.seed)).unwrap()
    }

    pub(crate) fn state(&self) -> VaultState {
        VaultState::of(&self.path).unwrap().0
    }

    pub(crate) fn try_state(&self) -> Result<VaultState, tongtu_hsm::CustodyError> {
        VaultState::of(&self.path).map(|(state, _)| state)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub(crate) fn put(&self, bytes: &[u8]) {
        std::fs::write(&self.path, bytes).unwrap();
    }
}

pub(crate) fn head() -> Head {
    Head {
        room: ROOM,
        mark: Mark::Test,
        device: String::from("HSM-N"),
        token: None,
    }
}

/// A room, its custody, and its clock.
pub(crate) struct Scene {
    pub(crate) room: KeyRoom<SimMedium>,
    pub(crate) custody: SealedCustody,
    pub(crate) safe: Safe,
    pub(crate) now: Timestamp,
    pub(crate) batch: u32,
}

pub(crate) fn founding(room: &KeyRoom<SimMedium>, now: Timestamp) -> Approval {
    let founders = ["N-01", "N-02", "N-03", "N-04"];
    let credentials = founders.map(credential);
    let mut approval = room.propose(Act::Found(Box::new(credentials)), now.plus_s(DAY));
    for founder in founders {
        let mut secret = secret(founder);
        approval.sign(officer(founder), &mut secret).unwrap();
    }
    approval
}

impl Scene {
    /// A room without officers.
    pub(crate) fn empty(name: &str) -> Self {
        let safe = Safe::new(name);
        let custody = safe.make();
        let room = KeyRoom::make(SimMedium::new(), head()).unwrap();
        Self {
            room,
            custody,
            safe,
            now: START,
            batch: 0,
        }
    }

    /// A founded room.
    pub(crate) fn founded(name: &str) -> Self {
        let mut scene = Self::empty(name);
        let approval = founding(&scene.room, scene.now);
        scene.carry(&approval).unwrap();
        scene
    }

    /// A room in which one province can apply for one city.
    pub(crate) fn small(name: &str) -> Self {
        let mut scene = Self::founded(name);
        let act = Act::Register(Box::new(credential("P-01")));
        scene.by(act, &["N-01", "N-02"]).unwrap();
        let (city, province) = (city("3010"), institution("00003000"));
        let act = Act::RegisterCity { city, province };
        scene.by(act, &["N-01", "N-02"]).unwrap();
        scene
    }

    /// A room with all its officers and both its cities.
    pub(crate) fn staffed(name: &str) -> Self {
        let mut scene = Self::founded(name);
        for (number, _, _) in &STAFF[4..] {
            let act = Act::Register(Box::new(credential(number)));
            scene.by(act, &["N-01", "N-02"]).unwrap();
        }
        for (of, province) in [
            ("3010", "00003000"),
            ("3020", "00003000"),
            ("0000", "00000000"),
        ] {
            let act = Act::RegisterCity {
                city: city(of),
                province: institution(province),
            };
            scene.by(act, &["N-01", "N-02"]).unwrap();
        }
        scene
    }

    pub(crate) fn approval(&self, act: Act, by: &[&str]) -> Approval {
        let mut approval = self.room.propose(act, self.now.plus_s(DAY));
        for number in by {
            let mut secret = secret(number);
            approval.sign(officer(number), &mut secret).unwrap();
        }
        approval
    }

    pub(crate) fn carry(&mut self, approval: &Approval) -> Result<Done, RoomError> {
        let hands = Hands {
            custody: Some(&mut self.custody),
            ..Hands::default()
        };
        self.room.carry_out(approval, hands, self.now)
    }

    /// An act by these officers.
    pub(crate) fn by(&mut self, act: Act, by: &[&str]) -> Result<Done, RoomError> {
        let approval = self.approval(act, by);
        self.carry(&approval)
    }

    pub(crate) fn apply(&mut self, slot: Slot, holder: &str) -> KeyNumber {
        self.batch += 1;
        let act = Act::Apply(Application {
            batch: self.batch,
            province: institution("00003000"),
            lines: vec![ApplicationLine {
                holder: institution(holder),
                slot,
                index: 1,
                from: self.now,
                until: self.now.plus_s(700 * DAY),
            }],
        });
        self.by(act, &["P-01"]).unwrap().keys[0]
    }

    /// A key that was made.
    pub(crate) fn made(&mut self, slot: Slot, holder: &str) -> KeyNumber {
        let key = self.apply(slot, holder);
        self.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
        let source = Source::Fresh;
        self.by(Act::Generate { key, source }, &["N-03", "N-04"])
            .unwrap();
        key
    }

    /// A key of city 3010 in use.
    pub(crate) fn active(&mut self, purpose: Purpose) -> KeyNumber {
        let slot = slot("3010", purpose);
        let key = self.made(slot, "01343010");
        let custody = *self.room.keys().key(key).unwrap().custody().unwrap();
        self.by(Act::Distribute { key, custody }, &["P-01", "H-01"])
            .unwrap();
        let overlap_days = 15;
        self.by(Act::Activate { key, overlap_days }, &["H-01", "H-02"])
            .unwrap();
        key
    }

    /// A key of the nation's own in use, with the officers that it takes.
    pub(crate) fn own(&mut self, purpose: Purpose) -> KeyNumber {
        let nation = institution("00000000");
        let own = |number: &str, role| Officer {
            number: OfficerNumber::parse(number).unwrap(),
            role,
            institution: nation,
        };
        let (province, holder) = (Role::ProvinceOfficer, Role::HolderCustodian);
        let seats = [
            own("A-01", province),
            own("A-03", holder),
            own("A-04", holder),
        ];
        for officer in seats {
            let number = officer.number;
            let act = Act::Register(Box::new(Credential {
                officer,
                public_key: secret(number.as_str()).public().to_compressed(),
                ..credential("N-01")
            }));
            self.by(act, &["N-01", "N-02"]).unwrap();
        }
        self.batch += 1;
        let act = Act::Apply(Application {
            batch: self.batch,
            province: nation,
            lines: vec![ApplicationLine {
                holder: nation,
                slot: slot("0000", purpose),
                index: 1,
                from: self.now,
                until: self.now.plus_s(300 * DAY),
            }],
        });
        let [first, second, third] = seats;
        let key = self.by_these(act, &[first]).keys[0];
        self.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
        let source = Source::Fresh;
        let act = Act::Generate { key, source };
        self.by(act, &["N-03", "N-04"]).unwrap();
        let custody = *self.room.keys().key(key).unwrap().custody().unwrap();
        self.by_these(Act::Distribute { key, custody }, &[first, second]);
        let overlap_days = 15;
        self.by_these(Act::Activate { key, overlap_days }, &[second, third]);
        key
    }

    fn by_these(&mut self, act: Act, by: &[Officer]) -> Done {
        let mut approval = self.room.propose(act, self.now.plus_s(DAY));
        for officer in by {
            let mut secret = secret(officer.number.as_str());
            approval.sign(*officer, &mut secret).unwrap();
        }
        self.carry(&approval).unwrap()
    }

    /// The same room from its files, as the next process sees it.
    pub(crate) fn reopened(&self) -> Result<KeyRoom<SimMedium>, RoomError> {
        let room = KeyRoom::open(self.room.medium().clone())?;
        room.check_vault(&self.custody.state())?;
        Ok(room)
    }
}

pub(crate) fn slot(of: &str, purpose: Purpose) -> Slot {
    Slot {
        city: city(of),
        purpose,
        algorithm: if purpose.takes(KeyAlgorithm::Sm4) {
            KeyAlgorithm::Sm4
        } else {
            KeyAlgorithm::Sm2
        },
    }
}

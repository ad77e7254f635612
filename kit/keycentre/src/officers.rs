//! Who acts in a test country's key room: a person for every role at every institution.

use tongtu_crypto::SecretKey;
use tongtu_keyring::code::Role;
use tongtu_keyring::register::Credential;
use tongtu_keyring::{Officer, OfficerNumber};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::entropy;

/// Days that an officer's credential lasts.
const CREDENTIAL_S: i64 = 3650 * 86_400;

/// The four who found the room, in the order in which they sign.
pub(crate) const FOUNDERS: [(Role, u8); 4] = [
    (Role::NationOfficer, 1),
    (Role::NationApprover, 1),
    (Role::NationCustodian, 1),
    (Role::NationCustodian, 2),
];

/// Where the officers of a key or a certificate sit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seats {
    pub(crate) province: InstitutionCode,
    pub(crate) holder: InstitutionCode,
    pub(crate) city: CityCode,
}

impl Seats {
    pub(crate) fn nation() -> Self {
        let nation = InstitutionCode::national();
        Self {
            province: nation,
            holder: nation,
            city: nation.city(),
        }
    }

    /// Officers of these roles; where the same role signs twice, two persons.
    pub(crate) fn officers(self, first: Option<Role>, second: Option<Role>) -> Vec<Officer> {
        let person = |role| if Some(role) == first { 2 } else { 1 };
        let first = first.map(|role| self.officer(role, 1));
        let second = second.map(|role| self.officer(role, person(role)));
        first.into_iter().chain(second).collect()
    }

    pub(crate) fn officer(self, role: Role, person: u8) -> Officer {
        let institution = match role {
            Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
                InstitutionCode::national()
            }
            Role::ProvinceOfficer | Role::ProvinceApprover => self.province,
            Role::HolderCustodian => self.holder,
            Role::Supervisor => {
                InstitutionCode::parse(&format!("0000{}", self.city)).expect("eight digits")
            }
        };
        let number = format!("{:02}-{person}", role.byte());
        Officer {
            number: OfficerNumber::parse(&number).expect("digits and a hyphen"),
            role,
            institution,
        }
    }
}

/// The officers with their keys, as each would have a card with one.
pub(crate) struct Cast {
    seed: Vec<u8>,
    known: Vec<(Officer, SecretKey)>,
}

impl Cast {
    pub(crate) fn new(seed: &[u8]) -> Self {
        Self {
            seed: seed.to_vec(),
            known: Vec::new(),
        }
    }

    pub(crate) fn knows(&self, officer: &Officer) -> bool {
        self.known.iter().any(|(known, _)| known == officer)
    }

    /// Makes an officer's key; what the register is told of it.
    pub(crate) fn enlist(&mut self, officer: Officer, from: Timestamp) -> Credential {
        let use_ = format!("officer {} of {}", officer.number, officer.institution);
        let key = SecretKey::generate(&mut entropy(&self.seed, &use_));
        let credential = Credential {
            officer,
            public_key: key.public().to_compressed(),
            from,
            until: from.plus_s(CREDENTIAL_S),
        };
        self.known.push((officer, key));
        credential
    }

    pub(crate) fn key(&self, officer: &Officer) -> &SecretKey {
        let mut known = self.known.iter();
        let found = known.find(|(known, _)| known == officer);
        &found.expect("enlisted before anything is signed").1
    }
}

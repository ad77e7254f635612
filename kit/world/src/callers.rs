//! Who calls whom: an operator, a clerk, an auditor and two officers at each node, its neighbours'
//! nodes, and its terminals. All their keys are test keys, drawn from the seed.

use tongtu_callers::{Caller, CallerKey, CallerName, Role};
use tongtu_crypto::SecretKey;
use tongtu_envelope::CallerNumber;
use tongtu_http::Credential;
use tongtu_http::client::Client;
use tongtu_types::{InstitutionCode, TerminalNumber, Timestamp};

use crate::country::{Country, NODES};
use crate::hosting::parent_of;
use crate::links::Links;

/// The persons at each node: number and role.
pub const PERSONS: [(&str, Role); 5] = [
    ("OP-1", Role::Operator),
    ("C-1", Role::Clerk),
    ("AU-1", Role::Auditor),
    ("KM-1", Role::Officer),
    ("KM-2", Role::Officer),
];

fn name(institution: InstitutionCode, number: &str) -> CallerName {
    CallerName {
        institution,
        number: CallerNumber::parse(number).expect("the country's numbers are numbers"),
    }
}

/// A person's name at a node.
#[must_use]
pub fn person(index: usize, number: &str) -> CallerName {
    name(NODES[index].institution(), number)
}

/// A node's name.
#[must_use]
pub fn node(index: usize) -> CallerName {
    name(NODES[index].institution(), CallerNumber::node().as_str())
}

/// The key of a person or a node.
#[must_use]
pub fn key(country: &Country, name: CallerName) -> SecretKey {
    country.seed.key(&format!("caller {name}"))
}

/// Everybody who is known at a node from the beginning; terminals register.
#[must_use]
pub fn callers(country: &Country, index: usize) -> Vec<Caller> {
    let from = Timestamp::new(0);
    let caller = |name: CallerName, role| Caller {
        name,
        role,
        accounts: Vec::new(),
        from,
        until: None,
        is_disabled: false,
        keys: vec![CallerKey {
            number: 1,
            public: key(country, name).public().clone(),
            from,
            until: None,
        }],
    };
    let persons = PERSONS.iter();
    let persons = persons.map(|(number, role)| caller(person(index, number), *role));
    let is_neighbour =
        |other: &usize| parent_of(*other) == Some(index) || parent_of(index) == Some(*other);
    let nodes = (0..NODES.len()).filter(is_neighbour);
    persons
        .chain(nodes.map(|other| caller(node(other), Role::Node)))
        .collect()
}

/// The credential of a person or a node; `use_` tells several of one caller apart.
#[must_use]
pub fn credential(country: &Country, name: CallerName, use_: &str) -> Credential {
    credential_by(country, name, key(country, name), use_)
}

fn credential_by(country: &Country, name: CallerName, key: SecretKey, use_: &str) -> Credential {
    let mut seed = [0; 16];
    let mut dice = country.seed.dice(&format!("messages {name} {use_}"));
    dice.fill(&mut seed);
    Credential::new(name, 1, Box::new(key), seed)
}

/// The same client in the name of a terminal of this city.
#[must_use]
pub fn as_terminal(
    client: &Client,
    country: &Country,
    city: usize,
    number: TerminalNumber,
    use_: &str,
) -> Client {
    let own = NODES[city].institution();
    let key = country.terminal_key(number);
    let credential = credential_by(country, name(own, number.as_str()), key, use_);
    client.acting_as(credential, own)
}

/// The same client in the name of a node's auditor.
#[must_use]
pub fn as_auditor(client: &Client, country: &Country, index: usize) -> Client {
    let credential = credential(country, person(index, "AU-1"), "auditor");
    client.acting_as(credential, NODES[index].institution())
}

/// A client of each node in the name of its operator; over TLS where there are links.
#[must_use]
pub fn operators(country: &Country, urls: &[String], links: Option<&Links>) -> Vec<Client> {
    let client = |(index, url): (usize, &String)| {
        let credential = credential(country, person(index, "OP-1"), "driver");
        let client = match links {
            Some(links) => links.client(index, url),
            None => Client::new(url),
        };
        client.acting_as(credential, NODES[index].institution())
    };
    urls.iter().enumerate().map(client).collect()
}

//! Who may ask a pool: a secret for each client, and proofs that are good once.
//!
//! ```text
//! POST /challenges                               challenge, good once and for half a minute
//! POST /leases, GET /modules    tongtu-proof: NAME CHALLENGE MAC    under the client's secret
//!                               MAC over "TTPOOL-1" method path challenge body
//! /leases/{lease}…              tongtu-proof: COUNT MAC             under the lease's key
//!                               MAC over "TTPOOL-2" method path count body; COUNT only rises
//! answers of a lease            tongtu-proof: MAC                   under the lease's key
//!                               MAC over "TTPOOL-3" count body
//! lease's key                   HMAC-SM3 of "TTPOOL-K" challenge under the client's secret
//! ```
//!
//! MACs are HMAC-SM3 over parts that each have their length in front, and are compared in a time
//! that tells nothing. A secret never travels. What was overheard is good for nothing: a challenge
//! is used up by the proof that holds, a count by the request that bore it. A request whose answer
//! was lost is sent again with its old number and a new count. The answers of a lease are proved
//! too, so that nobody on the way says "credited" in the pool's name. Nothing is hidden from who
//! listens; that is the business of TLS.
//!
//! UNSPECIFIED: no text that we could read has a pool; all of this is ours.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{equal, sm3};

use crate::pool::{Lease, Pool};

/// The header with a proof.
pub(crate) const PROOF_HEADER: &str = "tongtu-proof";

/// How long a challenge is good.
const CHALLENGE_MS: u64 = 30_000;
const CHALLENGE_LEN: usize = 32;
/// Longest name of a client.
const NAME_LEN_MAX: usize = 32;

/// Why a request is not passed on. Whoever is refused learns no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// There is no proof, or none that can be read.
    #[error("no proof that can be read, expected one in header {PROOF_HEADER}")]
    Missing,
    /// The challenge is none of this pool's, or too old.
    #[error("the challenge is none of this pool's, or too old: ask for another")]
    Challenge,
    /// No such client, or not its secret.
    #[error("no such client, or not its secret")]
    Refused,
    /// The proof was used before.
    #[error("the proof was used before")]
    Replayed,
    /// There is no such lease, or not any more.
    #[error("there is no such lease, or not any more")]
    LeaseLost,
}

/// Why a text is no credential. Names lines and never shows what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A line of another form; 1-based.
    #[error(
        "line {line} is not a name of 1 to 32 letters, digits, `-` or `.` and a secret of 64 hex \
         digits"
    )]
    Form {
        /// Which line.
        line: usize,
    },
    /// A name for the second time; 1-based.
    #[error("line {line} has a name that an earlier line has")]
    Twice {
        /// Which line.
        line: usize,
    },
    /// Another number of lines than there should be.
    #[error("{found} credentials, expected {expected}")]
    Count {
        /// Credentials there.
        found: usize,
        /// Credentials expected, in words.
        expected: &'static str,
    },
}

/// A client's name and secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    name: String,
    secret: [u8; 32],
}

impl Credential {
    /// The credential of this client; none when the name is none.
    #[must_use]
    pub fn new(name: &str, secret: [u8; 32]) -> Option<Self> {
        let may_stand = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let is_name = (1..=NAME_LEN_MAX).contains(&name.len()) && name.chars().all(may_stand);
        is_name.then(|| Self {
            name: name.to_owned(),
            secret,
        })
    }

    /// Reads a file with one credential, as a client has it.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let all = credentials(text)?;
        let found = all.len();
        let mut all = all.into_iter();
        match (all.next(), found) {
            (Some(one), 1) => Ok(one),
            _ => Err(CredentialError::Count {
                found,
                expected: "one",
            }),
        }
    }

    /// The client's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line of a file that has it.
    #[must_use]
    pub fn danger_line(&self) -> String {
        format!("{} {}\n", self.name, hex_encode(&self.secret))
    }

    /// The proof that goes with a request outside leases.
    pub(crate) fn proof(&self, challenge: &str, method: &str, path: &str, body: &[u8]) -> String {
        let mac = request_mac(&self.secret, method, path, challenge, body);
        format!("{} {challenge} {}", self.name, hex_encode(&mac))
    }

    /// The key of a lease that was asked for with this challenge.
    pub(crate) fn lease_key(&self, challenge: &str) -> LeaseKey {
        lease_key(&self.secret, challenge)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The clients of a pool.
#[derive(Debug, Clone, Default)]
pub struct Clients(BTreeMap<String, Credential>);

impl Clients {
    /// Reads a file with a credential a line. What follows `#` says nothing.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let mut clients = Self::default();
        for (line, credential) in lines(text) {
            let credential = credential.ok_or(CredentialError::Form { line })?;
            if !clients.admit(credential) {
                return Err(CredentialError::Twice { line });
            }
        }
        Ok(clients)
    }

    /// Adds a client; false when there is one of that name.
    pub fn admit(&mut self, credential: Credential) -> bool {
        match self.0.entry(credential.name.clone()) {
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(credential);
                true
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: then nobody is served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn credentials(text: &str) -> Result<Vec<Credential>, CredentialError> {
    let all = lines(text);
    all.map(|(line, credential)| credential.ok_or(CredentialError::Form { line }))
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = (usize, Option<Credential>)> + '_ {
    let said = text.lines().zip(1..).filter_map(|(text, line)| {
        let said = text.split('#').next().unwrap_or_default().trim();
        (!said.is_empty()).then_some((line, said))
    });
    said.map(|(line, said)| {
        let mut words = said.split_whitespace();
        let (name, secret, more) = (words.next(), words.next(), words.next());
        let secret = secret.and_then(|hex| hex_decode(hex).ok()?.try_into().ok());
        let credential = match (name, secret, more) {
            (Some(name), Some(secret), None) => Credential::new(name, secret),
            _ => None,
        };
        (line, credential)
    })
}

/// What the requests and answers of one lease are proved with.
#[derive(Clone)]
pub(crate) struct LeaseKey(sm3::Digest);

impl LeaseKey {
    /// The proof that goes with a request of the lease.
    pub(crate) fn proof(&self, count: u64, method: &str, path: &str, body: &[u8]) -> String {
        format!(
            "{count} {}",
            hex_encode(&self.ask_mac(count, method, path, body))
        )
    }

    /// The proof that goes with an answer.
    pub(crate) fn answer_proof(&self, count: u64, body: &[u8]) -> String {
        hex_encode(&self.answer_mac(count, body))
    }

    /// Whether an answer is the pool's.
    pub(crate) fn answer_holds(&self, count: u64, body: &[u8], proof: &str) -> bool {
        let proof = hex_decode(proof).unwrap_or_default();
        equal(&proof, &self.answer_mac(count, body))
    }

    fn ask_mac(&self, count: u64, method: &str, path: &str, body: &[u8]) -> sm3::Digest {
        let count = count.to_be_bytes();
        let parts: [&[u8]; 5] = [
            b"TTPOOL-2",
            method.as_bytes(),
            path.as_bytes(),
            &count,
            body,
        ];
        mac(&self.0, &parts)
    }

    fn answer_mac(&self, count: u64, body: &[u8]) -> sm3::Digest {
        mac(&self.0, &[b"TTPOOL-3", &count.to_be_bytes(), body])
    }
}

impl fmt::Debug for LeaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseKey(…)")
    }
}

fn request_mac(
    secret: &[u8; 32],
    method: &str,
    path: &str,
    challenge: &str,
    body: &[u8],
) -> sm3::Digest {
    let parts: [&[u8]; 5] = [
        b"TTPOOL-1",
        method.as_bytes(),
        path.as_bytes(),
        challenge.as_bytes(),
        body,
    ];
    mac(secret, &parts)
}

fn lease_key(secret: &[u8; 32], challenge: &str) -> LeaseKey {
    LeaseKey(mac(secret, &[b"TTPOOL-K", challenge.as_bytes()]))
}

/// HMAC-SM3 over parts, each with its length in front.
fn mac(key: &[u8], parts: &[&[u8]]) -> sm3::Digest {
    let mut message = Vec::new();
    for part in parts {
        let len = u64::try_from(part.len()).expect("a length in memory");
        message.extend(len.to_be_bytes());
        message.extend(*part);
    }
    sm3::hmac(key, &message)
}

/// A pool's door-keeper. Time is an argument, in milliseconds of the clock of the pool.
pub struct Admission {
    clients: Clients,
    /// Of this life of the pool: no challenge of an earlier one is good.
    secret: [u8; 32],
    next: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// Challenges that were used, with the time until which they would be good.
    used: BTreeMap<u64, u64>,
    leases: Vec<Leased>,
}

struct Leased {
    lease: Lease,
    key: LeaseKey,
    count: u64,
}

/// A client that proved itself, before it has a lease.
#[derive(Debug)]
pub(crate) struct Admitted {
    key: LeaseKey,
}

impl Admitted {
    /// What its lease will be proved with.
    pub(crate) fn key(&self) -> LeaseKey {
        self.key.clone()
    }
}

impl Admission {
    /// Admits these clients. `secret` is random, another one at every start.
    #[must_use]
    pub fn new(clients: Clients, secret: [u8; 32]) -> Self {
        Self {
            clients,
            secret,
            next: AtomicU64::new(1),
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change of the book is whole before the lock is given back.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A challenge; nothing is kept of it, so that nobody can crowd others out.
    pub(crate) fn challenge(&self, now_ms: u64) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        hex_encode(&self.challenge_of(number, now_ms))
    }

    fn challenge_of(&self, number: u64, issued_ms: u64) -> [u8; CHALLENGE_LEN] {
        let (number, issued) = (number.to_be_bytes(), issued_ms.to_be_bytes());
        let mark = mac(&self.secret, &[b"TTPOOL-C", &number, &issued]);
        let mut out = [0; CHALLENGE_LEN];
        out[..8].copy_from_slice(&number);
        out[8..16].copy_from_slice(&issued);
        out[16..].copy_from_slice(&mark[..16]);
        out
    }

    /// Checks the proof of a request outside leases, and uses its challenge up.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub(crate) fn admit(
        &self,
        proof: Option<&str>,
        method: &str,
        path: &str,
        body: &[u8],
        now_ms: u64,
    ) -> Result<Admitted, AdmissionError> {
        let mut words = proof.ok_or(AdmissionError::Missing)?.split(' ');
        let mut word = || words.next().ok_or(AdmissionError::Missing);
        let (name, challenge, said) = (word()?, word()?, word()?);
        let said = hex_decode(said).map_err(|_| AdmissionError::Missing)?;
        let (number, good_until_ms) = self.read_challenge(challenge, now_ms)?;
        // Whether the name is known must not show in how long this takes.
        let nobody = [0; 32];
        let client = self.clients.0.get(name);
        let secret = client.map_or(&nobody, |client| &client.secret);
        let holds = equal(&said, &request_mac(secret, method, path, challenge, body));
        if client.is_none() || !holds {
            return Err(AdmissionError::Refused);
        }
        let book = &mut *self.book();
        book.used.retain(|_, until_ms| *until_ms > now_ms);
        if book.used.insert(number, good_until_ms).is_some() {
            return Err(AdmissionError::Replayed);
        }
        Ok(Admitted {
            key: lease_key(secret, challenge),
        })
    }

    /// Number and end of a challenge of ours that is still good.
    fn read_challenge(&self, text: &str, now_ms: u64) -> Result<(u64, u64), AdmissionError> {
        let bytes = hex_decode(text).map_err(|_| AdmissionError::Missing)?;
        let bytes: [u8; CHALLENGE_LEN] = bytes.try_into().map_err(|_| AdmissionError::Missing)?;
        let eight = |at: usize| bytes[at..at + 8].try_into().expect("eight bytes");
        let (number, issued_ms) = (u64::from_be_bytes(eight(0)), u64::from_be_bytes(eight(8)));
        let good_until_ms = issued_ms.saturating_add(CHALLENGE_MS);
        let is_ours = equal(&bytes, &self.challenge_of(number, issued_ms));
        if !is_ours || good_until_ms <= now_ms {
            return Err(AdmissionError::Challenge);
        }
        Ok((number, good_until_ms))
    }

    /// Notes whose lease it is.
    pub(crate) fn leased(&self, lease: Lease, admitted: Admitted, pool: &Pool, now_ms: u64) {
        let book = &mut *self.book();
        // Leases end by themselves too.
        book.leases.retain(|held| pool.is_live(held.lease, now_ms));
        book.leases.push(Leased {
            lease,
            key: admitted.key,
            count: 0,
        });
    }

    /// Checks the proof of a request of a lease, and uses its count up; gives what the answer is
    /// proved with.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub(crate) fn check(
        &self,
        lease: Option<Lease>,
        proof: Option<&str>,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<(LeaseKey, u64), AdmissionError> {
        let proof = proof.ok_or(AdmissionError::Missing)?;
        let (count, said) = proof.split_once(' ').ok_or(AdmissionError::Missing)?;
        let count: u64 = count.parse().map_err(|_| AdmissionError::Missing)?;
        let said = hex_decode(said).map_err(|_| AdmissionError::Missing)?;
        let book = &mut *self.book();
        let held = book
            .leases
            .iter_mut()
            .find(|held| Some(held.lease) == lease);
        let held = held.ok_or(AdmissionError::LeaseLost)?;
        if !equal(&said, &held.key.ask_mac(count, method, path, body)) {
            return Err(AdmissionError::Refused);
        }
        if count <= held.count {
            return Err(AdmissionError::Replayed);
        }
        held.count = count;
        Ok((held.key.clone(), count))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Credential {
        Credential::new("gate-1", [7; 32]).unwrap()
    }

    fn admission() -> Admission {
        let mut clients = Clients::default();
        assert!(clients.admit(gate()) && !clients.admit(gate()));
        Admission::new(clients, [1; 32])
    }

    const PATH: &str = "/leases";

    #[test]
    fn a_proof_is_good_once_and_for_what_it_was_made_for() {
        let keeper = admission();
        let challenge = keeper.challenge(1000);
        let proof = gate().proof(&challenge, "POST", PATH, b"{}");
        let admit = |proof: &str, method, path, body: &[u8], now_ms| {
            let admitted = keeper.admit(Some(proof), method, path, body, now_ms);
            admitted.map(drop)
        };
        let refused = Err(AdmissionError::Refused);
        assert_eq!(admit(&proof, "GET", PATH, b"{}", 1000), refused);
        assert_eq!(admit(&proof, "POST", "/modules", b"{}", 1000), refused);
        assert_eq!(admit(&proof, "POST", PATH, b"{ }", 1000), refused);
        let late = Err(AdmissionError::Challenge);
        assert_eq!(admit(&proof, "POST", PATH, b"{}", 31_000), late);
        let other = Credential::new("gate-2", [7; 32]).unwrap();
        let stranger = other.proof(&challenge, "POST", PATH, b"{}");
        assert_eq!(admit(&stranger, "POST", PATH, b"{}", 1000), refused);
        let other = Credential::new("gate-1", [8; 32]).unwrap();
        let guess = other.proof(&challenge, "POST", PATH, b"{}");
        assert_eq!(admit(&guess, "POST", PATH, b"{}", 1000), refused);
        // None of these used the challenge up.
        assert_eq!(admit(&proof, "POST", PATH, b"{}", 30_999), Ok(()));
        let replayed = Err(AdmissionError::Replayed);
        assert_eq!(admit(&proof, "POST", PATH, b"{}", 30_999), replayed);
        let missing = Err(AdmissionError::Missing);
        for proof in [
            "",
            "gate-1",
            "gate-1 00 00",
            &format!("gate-1 {challenge} x"),
        ] {
            assert_eq!(admit(proof, "POST", PATH, b"{}", 1000), missing, "{proof}");
        }
    }

    #[test]
    fn no_byte_of_a_proof_may_be_another() {
        let keeper = admission();
        let challenge = keeper.challenge(0);
        let proof = gate().proof(&challenge, "POST", PATH, b"{}");
        for at in 0..proof.len() {
            let mut bent = proof.clone().into_bytes();
            bent[at] ^= 1;
            let bent = String::from_utf8(bent).unwrap();
            let admitted = keeper.admit(Some(&bent), "POST", PATH, b"{}", 0);
            // A hex digit in another case would be the same digit; a turned bit never is.
            assert!(admitted.is_err(), "{bent}");
        }
    }

    #[test]
    fn a_challenge_of_another_life_is_none() {
        let keeper = admission();
        let challenge = keeper.challenge(0);
        let mut clients = Clients::default();
        clients.admit(gate());
        let later = Admission::new(clients, [2; 32]);
        let proof = gate().proof(&challenge, "POST", PATH, b"");
        let admitted = later.admit(Some(&proof), "POST", PATH, b"", 0);
        assert_eq!(admitted.unwrap_err(), AdmissionError::Challenge);
    }

    #[test]
    fn credentials_are_read_by_line_and_do_not_print() {
        let secret = "07".repeat(32);
        let text = format!("# TEST\n\ngate-1 {secret}   # north\nbus.7 {secret}\n");
        let clients = Clients::parse(&text).unwrap();
        assert_eq!(clients.len(), 2);
        assert_eq!(Credential::parse(&gate().danger_line()).unwrap(), gate());
        assert!(!format!("{clients:?}").contains("7, 7"));
        for (text, line) in [
            ("gate-1", 1),
            ("\ngate-1 07", 2),
            (&format!("gate/1 {secret}"), 1),
            (&format!("gate-1 {secret} more"), 1),
        ] {
            let form = CredentialError::Form { line };
            assert_eq!(Clients::parse(text).unwrap_err(), form, "{text}");
        }
        let twice = format!("a {secret}\na {secret}");
        let error = Clients::parse(&twice).unwrap_err();
        assert_eq!(error, CredentialError::Twice { line: 2 });
        let error = Credential::parse(&text).unwrap_err();
        let expected = "one";
        assert_eq!(error, CredentialError::Count { found: 2, expected });
    }
}

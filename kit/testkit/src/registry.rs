//! A naive registry of a GlobalPlatform card: AIDs, states, privileges, associations.
//!
//! Here: what a security domain answers to content management and to keys over a channel of its own,
//! told by plain lists and the clauses of GP 2.3.1: load files block by block with their hashes and
//! DAP blocks, tokens and receipts of delegated management, registry updates. Not here: the secure
//! channel ([`crate::scp03`] wraps what is said here), ciphered load files, personalisation. Start at
//! [`Registry::command`].
//!
//! # Where the reference leaves the answer open
//!
//! | question | choice |
//! |---|---|
//! | an instance AID that is on the card already | `6A89` |
//! | a load file or module that is not there | `6A88` |
//! | an object to delete, change or extradite that is not there | `6A88` |
//! | a token although the acting domain needs none | `6985` |
//! | no token where one is due, a wrong one, or no right to manage at all | `6982` |
//! | no key to verify a token with, a token number that is not greater than the last | `6985` |
//! | a token that names another verifier (42, 45) | `6982` |
//! | a token number when its key is replaced | it stays |
//! | a receipt key that only verifies | `6985`, nothing is done |
//! | no receipt key, or nobody above that makes receipts | done, answered `00` |
//! | who makes the receipt of a domain that moves or deletes itself | who was above it before |
//! | several faults of INSTALL [for load] at once | form, right, hash, domain, name, memory |
//! | what ends a load | whatever is refused but for its form, and every command besides LOAD and GET DATA |
//! | what else ends the wait for the INSTALL of a combined load | a LOAD |
//! | a data block that is whole before the last block | it is the last block |
//! | the block after number `FF` | `00` |
//! | DAP without a hash, or with a wrong one | `6A80` |
//! | a DAP block that is due and missing, or wrong | `6982` |
//! | a DAP block of a domain that is not there or does not verify | `6A88` |
//! | a DAP block of a domain without a key for it | `6985` |
//! | a ciphered data block | `6985`: no domain here has the key |
//! | modules of a load file without an applet component | those known whose AIDs begin with its own |
//! | another load file in the second INSTALL of a combined load | `6A80` |
//! | an object outside the acting domain's part of the hierarchy | `6982` |
//! | deleting a domain that others are associated with | `6985` |
//! | deleting the issuer domain | `6985` |
//! | asking for the state that an object has | `6985` |
//! | order of the entries of GET STATUS | the order of installation |
//! | Card Reset or Final Application when another application has it | `6985` |
//! | a domain put below one that is below it | `6985` |
//! | keys of a version that has them already | `6985` |
//! | deleting or replacing the last keys that open the issuer domain | `6985` |

pub mod management;
pub mod sequence;

mod authority;
mod delete;
mod form;
mod install;
mod keys;
mod load;
mod status;

#[cfg(test)]
mod tests;

pub use authority::{Key, Made, Owed, Pair};
pub use keys::Keys;

use crate::Sw;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The issuer security domain.
    Issuer,
    /// A supplementary security domain.
    Domain,
    /// An application.
    Application,
}

/// What a domain lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// Something comes to it.
    pub arrivals: bool,
    /// Something leaves it.
    pub departures: bool,
    /// It, or something in it, is deleted by another.
    pub deletion: bool,
}

impl Default for Accepts {
    fn default() -> Self {
        Self {
            arrivals: true,
            departures: true,
            deletion: true,
        }
    }
}

/// An application or a security domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its AID.
    pub aid: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its state; bit 8 set while it is locked.
    pub state: u8,
    /// Its state under the lock.
    pub unlocked: u8,
    /// Its privileges.
    pub privileges: [u8; 3],
    /// The AID of the domain it is associated with.
    pub domain: Vec<u8>,
    /// The load file it came from; empty for the issuer domain.
    pub file: Vec<u8>,
    /// Its label in lists of applications.
    pub label: Vec<u8>,
    /// A domain's keys.
    pub keys: Keys,
    /// What a domain lets happen.
    pub accepts: Accepts,
    /// A domain's provider number (42).
    pub provider: Option<Vec<u8>>,
    /// A domain's image number (45).
    pub image: Option<Vec<u8>>,
    /// Receipts that a domain made.
    pub confirmations: u16,
    /// The highest number of a token that a domain took.
    pub token_number: Option<Vec<u8>>,
}

impl Entry {
    fn new(aid: &[u8], kind: Kind, privileges: [u8; 3]) -> Self {
        Self {
            aid: aid.to_vec(),
            kind,
            state: 0x01,
            unlocked: 0x01,
            privileges,
            domain: aid.to_vec(),
            file: Vec::new(),
            label: Vec::new(),
            keys: Keys::new(),
            accepts: Accepts::default(),
            provider: None,
            image: None,
            confirmations: 0,
            token_number: None,
        }
    }

    const fn is_locked(&self) -> bool {
        self.state & 0x80 != 0
    }

    const fn set_locked(&mut self, locked: bool) {
        self.state = self.unlocked | if locked { 0x80 } else { 0 };
    }

    const fn personalised(&mut self) {
        self.state = 0x0F;
        self.unlocked = 0x0F;
    }
}

/// A load file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its AID.
    pub aid: Vec<u8>,
    /// Its modules.
    pub modules: Vec<Vec<u8>>,
    /// The AID of the domain it is associated with.
    pub domain: Vec<u8>,
    /// Whether instances of it are security domains, for a file of the factory's.
    pub makes_domains: bool,
}

/// The model. Everything in it is compared with what GET STATUS and GET DATA tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The card's state.
    pub card: u8,
    /// Issuer domain first.
    pub entries: Vec<Entry>,
    /// Load files.
    pub files: Vec<File>,
    /// The domain whose channel commands come over.
    pub acting: Vec<u8>,
    /// The key under which keys travel.
    pub dek: Vec<u8>,
    /// Whether tokens without a number are taken.
    pub batch_tokens: bool,
    /// The public halves of pairs as PUT KEY carries them, check value left out.
    pub pairs: Vec<(Pair, Vec<u8>)>,
    /// Signatures that were made with pairs.
    pub made: Vec<Made>,
    /// The signature that the card owes for the last command.
    pub owed: Option<Owed>,
    /// Bytes of the card's memory: nobody gets more.
    pub memory: u64,
    /// Modules that the card itself runs, and those of them that are domains.
    known: Vec<Vec<u8>>,
    domain_modules: Vec<Vec<u8>>,
    loading: Option<load::Loading>,
}

impl Registry {
    /// A card with an issuer domain and these load files on it, and no keys yet.
    #[must_use]
    pub fn new(issuer: &[u8], privileges: [u8; 3], files: Vec<File>) -> Self {
        let modules = |only_domains: bool| {
            let files = files
                .iter()
                .filter(move |file| file.makes_domains || !only_domains);
            files.flat_map(|file| file.modules.clone()).collect()
        };
        Self {
            card: 0x01,
            entries: vec![Entry::new(issuer, Kind::Issuer, privileges)],
            acting: issuer.to_vec(),
            dek: vec![0; 16],
            batch_tokens: true,
            pairs: Vec::new(),
            made: Vec::new(),
            owed: None,
            memory: 0x1_0000,
            known: modules(false),
            domain_modules: modules(true),
            files,
            loading: None,
        }
    }

    fn issuer(&self) -> Vec<u8> {
        self.entries[0].aid.clone()
    }

    /// The entry with this AID.
    #[must_use]
    pub fn entry(&self, aid: &[u8]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.aid == aid)
    }

    fn entry_mut(&mut self, aid: &[u8]) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.aid == aid)
    }

    fn file(&self, aid: &[u8]) -> Option<&File> {
        self.files.iter().find(|file| file.aid == aid)
    }

    fn is_taken(&self, aid: &[u8]) -> bool {
        self.entry(aid).is_some() || self.file(aid).is_some()
    }

    /// What the acting domain answers to a plain command that came over its channel.
    pub fn command(&mut self, header: [u8; 4], data: &[u8]) -> (Vec<u8>, Sw) {
        let [class, ins, p1, p2] = header;
        self.owed = None;
        let awaits = self
            .loading
            .as_ref()
            .is_some_and(load::Loading::awaits_install);
        if !(matches!(ins, 0xE8 | 0xCA) || ins == 0xE6 && awaits) {
            self.loading = None;
        }
        let before = self.clone();
        let answer = match (class, ins) {
            (0x80, 0xE6) => self.install(p1, p2, data),
            (0x80, 0xE8) => self.load(p1, p2, data),
            (0x80, 0xE4) => self.delete(p1, p2, data),
            (0x80, 0xF0) => self.set_status(p1, p2, data),
            (0x80, 0xD8) => self.put_key(p1, p2, data),
            (0x80, 0xF2) => self.get_status(p1, p2, data),
            (0x80 | 0x00, 0xCA) => self.get_data(class == 0x80, [p1, p2], data),
            _ => Err(0x6D00),
        };
        match answer {
            Ok(data) => (data, 0x9000),
            Err(sw) => {
                // A refused load does not go on.
                let loading = self.loading.take();
                *self = before;
                self.loading = loading;
                (Vec::new(), sw)
            }
        }
    }
}

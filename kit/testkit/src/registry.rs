//! A naive registry of a GlobalPlatform card: AIDs, states, privileges, associations.
//!
//! Here: what an issuer domain answers to content management and to keys over a channel of its own,
//! told by plain lists and the clauses of GP 2.3.1. Not here: the secure channel ([`crate::scp03`] wraps
//! what is said here), tokens, receipts, DAP, the code of load files. Start at
//! [`Registry::command`].
//!
//! # Where the reference leaves the answer open
//!
//! | question | choice |
//! |---|---|
//! | an instance AID that is on the card already | `6A89` |
//! | a load file or module that is not there | `6A88` |
//! | an object to delete, change or extradite that is not there | `6A88` |
//! | a token although the issuer domain itself acts | `6985` |
//! | deleting a domain that others are associated with | `6985` |
//! | deleting the issuer domain | `6985` |
//! | asking for the state that an object has | `6985` |
//! | order of the entries of GET STATUS | the order of installation |
//! | Card Reset or Final Application when another application has it | `6985` |
//! | a domain put below one that is below it | `6985` |
//! | keys of a version that has them already | `6985` |
//! | deleting or replacing the last keys that open the issuer domain | `6985` |

pub mod sequence;

mod install;
mod keys;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::{Answer, Sw};

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
    /// Whether instances of it are security domains.
    pub makes_domains: bool,
}

/// The model. Everything in it is compared with what GET STATUS tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The card's state.
    pub card: u8,
    /// Issuer domain first.
    pub entries: Vec<Entry>,
    /// Load files.
    pub files: Vec<File>,
    /// Version and identifier of each of the issuer domain's keys.
    pub keys: BTreeSet<(u8, u8)>,
    /// The key under which keys travel.
    pub dek: Vec<u8>,
}

impl Registry {
    /// A card with an issuer domain and these load files on it, and no keys yet.
    #[must_use]
    pub fn new(issuer: &[u8], privileges: [u8; 3], files: Vec<File>) -> Self {
        Self {
            card: 0x01,
            entries: vec![Entry {
                aid: issuer.to_vec(),
                kind: Kind::Issuer,
                state: 0x01,
                unlocked: 0x01,
                privileges,
                domain: issuer.to_vec(),
                file: Vec::new(),
            }],
            files,
            keys: BTreeSet::new(),
            dek: vec![0; 16],
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

    /// What the issuer domain answers to a plain command that came over its channel.
    pub fn command(&mut self, header: [u8; 4], data: &[u8]) -> (Vec<u8>, Sw) {
        let before = self.clone();
        let answer = match (header[0] & 0x84, header[1]) {
            (0x80, 0xE6) => self.install(header[2], header[3], data),
            (0x80, 0xE4) => self.delete(header[2], header[3], data),
            (0x80, 0xF0) => self.set_status(header[2], header[3], data),
            (0x80, 0xD8) => self.put_key(header[2], header[3], data),
            (0x80, 0xF2) => self.get_status(header[2], header[3], data),
            _ => Err(0x6D00),
        };
        match answer {
            Ok(data) => (data, 0x9000),
            Err(sw) => {
                *self = before;
                (Vec::new(), sw)
            }
        }
    }

    fn delete(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if p1 != 0 || p2 & 0x7F != 0 {
            return Err(0x6A86);
        }
        match data {
            [0xD2, 1, version] => return self.delete_keys(None, Some(*version)),
            [0xD0, 1, id] => return self.delete_keys(Some(*id), None),
            [0xD0, 1, id, 0xD2, 1, version] => {
                return self.delete_keys(Some(*id), Some(*version));
            }
            _ => {}
        }
        let (tag, aid, rest) = tlv(data).ok_or(0x6A80_u16)?;
        if tag != 0x4F || !(5..=16).contains(&aid.len()) || !rest.is_empty() {
            return Err(0x6A80);
        }
        if let Some(entry) = self.entry(aid) {
            if entry.kind == Kind::Issuer || self.is_used(aid, &[]) {
                return Err(0x6985);
            }
            let held = entry.privileges;
            self.give_back(held);
            self.entries.retain(|entry| entry.aid != aid);
            return Ok(vec![0]);
        }
        if self.file(aid).is_none() {
            return Err(0x6A88);
        }
        let instances: Vec<Vec<u8>> = self
            .entries
            .iter()
            .filter(|entry| entry.file == aid)
            .map(|entry| entry.aid.clone())
            .collect();
        if p2 == 0 && !instances.is_empty() {
            return Err(0x6985);
        }
        let mut going = instances.clone();
        going.push(aid.to_vec());
        if instances
            .iter()
            .any(|instance| self.is_used(instance, &going))
        {
            return Err(0x6985);
        }
        let going = self.entries.iter().filter(|entry| entry.file == aid);
        let held: Vec<[u8; 3]> = going.map(|entry| entry.privileges).collect();
        for held in held {
            self.give_back(held);
        }
        self.entries.retain(|entry| entry.file != aid);
        self.files.retain(|file| file.aid != aid);
        Ok(vec![0])
    }

    /// Whether anything but itself and what goes with it is associated with a domain.
    fn is_used(&self, domain: &[u8], going: &[Vec<u8>]) -> bool {
        let entries = self.entries.iter().map(|entry| (&entry.aid, &entry.domain));
        let files = self.files.iter().map(|file| (&file.aid, &file.domain));
        entries
            .chain(files)
            .any(|(aid, of)| of == domain && aid != domain && !going.contains(aid))
    }

    fn set_status(&mut self, p1: u8, state: u8, aid: &[u8]) -> Answer {
        match p1 {
            0x80 => self.set_card(state),
            0x40 => self.lock(aid, state, false),
            0x60 => self.lock(aid, state, true),
            _ => Err(0x6A86),
        }
    }

    fn set_card(&mut self, state: u8) -> Answer {
        if !matches!(state, 0x01 | 0x07 | 0x0F | 0x7F | 0xFF) {
            return Err(0x6A80);
        }
        let is_allowed = matches!(
            (self.card, state),
            (0x01, 0x07) | (0x07, 0x0F) | (0x0F, 0x7F) | (0x7F, 0x0F) | (_, 0xFF)
        );
        if !is_allowed {
            return Err(0x6985);
        }
        self.card = state;
        self.entries[0].state = state;
        Ok(Vec::new())
    }

    fn lock(&mut self, aid: &[u8], state: u8, whole_tree: bool) -> Answer {
        let wanted = state & 0x80 != 0;
        let entry = self.entry(aid).ok_or(0x6A88_u16)?;
        if entry.kind == Kind::Issuer || (whole_tree && entry.kind != Kind::Domain) {
            return Err(0x6985);
        }
        if !whole_tree && (entry.state & 0x80 != 0) == wanted {
            return Err(0x6985);
        }
        let mut members = vec![aid.to_vec()];
        if whole_tree {
            let mut seen = 0;
            while seen < members.len() {
                let parent = members[seen].clone();
                seen += 1;
                for entry in &self.entries {
                    if entry.domain == parent && !members.contains(&entry.aid) {
                        members.push(entry.aid.clone());
                    }
                }
            }
        }
        for member in members {
            let entry = self.entry_mut(&member).expect("it was just found");
            entry.state = if wanted {
                entry.unlocked | 0x80
            } else {
                entry.unlocked
            };
        }
        Ok(Vec::new())
    }

    /// The whole of what P1 asks for in one answer; the caller joins the card's pieces.
    fn get_status(&self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if p2 != 0x02 || !matches!(p1, 0x80 | 0x40 | 0x20 | 0x10) {
            return Err(0x6A86);
        }
        let (tag, prefix, _) = tlv(data).ok_or(0x6A80_u16)?;
        if tag != 0x4F {
            return Err(0x6A80);
        }
        let mut out = Vec::new();
        if matches!(p1, 0x80 | 0x40) {
            for entry in &self.entries {
                let is_meant = (p1 == 0x80) == (entry.kind == Kind::Issuer);
                if is_meant && entry.aid.starts_with(prefix) {
                    out.extend(entry_status(entry));
                }
            }
        } else {
            for file in &self.files {
                if file.aid.starts_with(prefix) {
                    out.extend(file_status(file, p1 == 0x10));
                }
            }
        }
        if out.is_empty() {
            return Err(0x6A88);
        }
        Ok(out)
    }
}

fn entry_status(entry: &Entry) -> Vec<u8> {
    let mut inner = put(&[0x4F], &entry.aid);
    inner.extend(put(&[0x9F, 0x70], &[entry.state]));
    inner.extend(put(&[0xC5], &entry.privileges));
    if !entry.file.is_empty() {
        inner.extend(put(&[0xC4], &entry.file));
    }
    inner.extend(put(&[0xCC], &entry.domain));
    put(&[0xE3], &inner)
}

fn file_status(file: &File, with_modules: bool) -> Vec<u8> {
    let mut inner = put(&[0x4F], &file.aid);
    inner.extend(put(&[0x9F, 0x70], &[0x01]));
    if with_modules {
        for module in &file.modules {
            inner.extend(put(&[0x84], module));
        }
    }
    inner.extend(put(&[0xCC], &file.domain));
    put(&[0xE3], &inner)
}

/// A short TLV; a list this size never needs a longer length.
fn put(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = tag.to_vec();
    if value.len() > 0x7F {
        out.push(0x81);
    }
    out.push(u8::try_from(value.len()).expect("a short value"));
    out.extend_from_slice(value);
    out
}

/// The first TLV of one-byte tag and length, and what follows.
fn tlv(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, len, rest @ ..] = data else {
        return None;
    };
    let (value, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((*tag, value, rest))
}

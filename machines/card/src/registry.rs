//! The registry: every application, security domain and load file on the card.
//!
//! Here: the entries and how they lie in memory. Not here: who may change them (`domain/`).

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_globalplatform::life_cycle::{CardState, State};
use tongtu_globalplatform::privilege::Privileges;

use crate::journal::ObjectId;

/// The card's own objects in the journal.
pub(crate) const CARD: u16 = 0;
/// The registry's object under [`CARD`].
pub(crate) const ENTRIES: u16 = 1;
/// Present when the e-purse's CARD BLOCK (卡片锁定) was carried out.
pub(crate) const CARD_BLOCKED: ObjectId = ObjectId::new(CARD, 3);

/// The built-in applets. Load files bind their module AIDs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AppletKind {
    /// A security domain (安全域).
    Domain,
    /// The e-purse (电子钱包).
    Purse,
    /// The e-cash (电子现金).
    Ecash,
    /// The NFC ride code (NFC 二维码).
    RideCode,
    /// The identity application (身份认证应用).
    Identity,
    /// The directory PPSE (近距离支付系统环境).
    Ppse,
    /// An applet of a load file whose code we cannot run.
    Foreign,
}

/// One application instance or security domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number: the owner of its objects. The issuer domain is 1.
    pub(crate) number: u16,
    /// What it runs.
    pub(crate) kind: AppletKind,
    /// Its instance AID.
    pub(crate) aid: Aid,
    /// Life-cycle state (GP 2.3.1 table 11-4); of the issuer domain, the card's.
    pub(crate) state: u8,
    /// Privileges, three bytes.
    pub(crate) privileges: [u8; 3],
    /// The number of the domain it is associated with.
    pub(crate) domain: u16,
    /// Label (`50`) for the directory, empty when it is not listed there.
    pub(crate) label: Vec<u8>,
    /// Priority (`87`) in the directory; 1 is highest.
    pub(crate) priority: u8,
    /// The load file that it comes from; none for what the factory made without one.
    pub(crate) file: Option<Aid>,
}

impl Entry {
    /// Its life cycle.
    pub(crate) const fn life(&self) -> State {
        State(self.state)
    }

    /// Its privileges.
    pub(crate) fn rights(&self) -> Privileges {
        Privileges::parse(&self.privileges).expect("three bytes")
    }

    /// Whether it is a security domain.
    pub(crate) fn is_domain(&self) -> bool {
        self.kind == AppletKind::Domain
    }
}

/// One executable load file (可执行加载文件).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadFile {
    /// Its number: the owner of its objects.
    pub(crate) number: u16,
    /// Its AID.
    pub(crate) aid: Aid,
    /// The number of the domain it is associated with.
    pub(crate) domain: u16,
    /// SHA-256 of its load file data block; zeros for what the factory put there.
    pub(crate) hash: [u8; 32],
    /// Length of its load file data block.
    pub(crate) len: u32,
    /// Its modules, and what an instance of each runs.
    pub(crate) modules: Vec<(Aid, AppletKind)>,
}

/// The number of the issuer security domain.
pub(crate) const ISSUER: u16 = 1;

/// The object of the [`ISSUER`] that holds the medium id, ten packed bytes; its number is the
/// tag `DF20` under which GET DATA gives it.
pub(crate) const MEDIUM_ID: u16 = 0xDF20;

/// Everything that has an AID, in order of installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Registry {
    /// Applications and security domains.
    pub(crate) entries: Vec<Entry>,
    /// Load files.
    pub(crate) files: Vec<LoadFile>,
}

/// What an item of the encoded registry is.
mod item {
    pub(super) const ENTRY: u8 = 1;
    pub(super) const FILE: u8 = 2;
}

impl Registry {
    /// The entry with this number.
    pub(crate) fn entry(&self, number: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// The same, to be changed.
    pub(crate) fn entry_mut(&mut self, number: u16) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.number == number)
    }

    /// The entry with this AID.
    pub(crate) fn find(&self, aid: &Aid) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.aid == *aid)
    }

    /// The load file with this AID.
    pub(crate) fn file(&self, aid: &Aid) -> Option<&LoadFile> {
        self.files.iter().find(|file| file.aid == *aid)
    }

    /// The life cycle of the card.
    pub(crate) fn card_state(&self) -> CardState {
        let state = self.entry(ISSUER).map(|issuer| issuer.state);
        // Every commit wrote a state that the type has; an unreadable one is the end.
        state
            .and_then(CardState::from_byte)
            .unwrap_or(CardState::Terminated)
    }

    /// The lowest number that neither an application nor a load file has.
    pub(crate) fn free_number(&self) -> Option<u16> {
        (ISSUER..u16::MAX).find(|number| {
            self.entry(*number).is_none() && self.files.iter().all(|file| file.number != *number)
        })
    }

    /// The bytes that lie in memory.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.entries {
            out.push(item::ENTRY);
            out.extend(entry.number.to_be_bytes());
            out.push(code_of(entry.kind));
            out.push(entry.state);
            out.extend(entry.privileges);
            out.extend(entry.domain.to_be_bytes());
            out.push(entry.priority);
            put_short(entry.aid.as_bytes(), &mut out);
            put_short(&entry.label, &mut out);
            let file = entry.file.as_ref().map_or(&[][..], Aid::as_bytes);
            put_short(file, &mut out);
        }
        for file in &self.files {
            out.push(item::FILE);
            out.extend(file.number.to_be_bytes());
            out.extend(file.domain.to_be_bytes());
            out.extend(file.hash);
            out.extend(file.len.to_be_bytes());
            put_short(file.aid.as_bytes(), &mut out);
            let count = u8::try_from(file.modules.len());
            out.push(count.expect("a load file has at most 255 modules"));
            for (aid, kind) in &file.modules {
                out.push(code_of(*kind));
                put_short(aid.as_bytes(), &mut out);
            }
        }
        out
    }

    /// Reads the bytes that lie in memory; `None` when they are not a registry.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut registry = Self::default();
        while let Some((kind, rest)) = bytes.split_first() {
            bytes = rest;
            match *kind {
                item::ENTRY => registry.entries.push(read_entry(&mut bytes)?),
                item::FILE => registry.files.push(read_file(&mut bytes)?),
                _ => return None,
            }
        }
        Some(registry)
    }
}

fn read_entry(bytes: &mut &[u8]) -> Option<Entry> {
    let number = u16::from_be_bytes(take(bytes)?);
    let [kind, state] = take(bytes)?;
    let privileges = take(bytes)?;
    let domain = u16::from_be_bytes(take(bytes)?);
    let [priority] = take(bytes)?;
    let aid = Aid::parse(take_short(bytes)?).ok()?;
    let label = take_short(bytes)?.to_vec();
    let file = match take_short(bytes)? {
        [] => None,
        aid => Some(Aid::parse(aid).ok()?),
    };
    Some(Entry {
        number,
        kind: kind_of(kind)?,
        aid,
        state,
        privileges,
        domain,
        label,
        priority,
        file,
    })
}

fn read_file(bytes: &mut &[u8]) -> Option<LoadFile> {
    let number = u16::from_be_bytes(take(bytes)?);
    let domain = u16::from_be_bytes(take(bytes)?);
    let hash = take(bytes)?;
    let len = u32::from_be_bytes(take(bytes)?);
    let aid = Aid::parse(take_short(bytes)?).ok()?;
    let [count] = take(bytes)?;
    let mut modules = Vec::new();
    for _ in 0..count {
        let [kind] = take(bytes)?;
        modules.push((Aid::parse(take_short(bytes)?).ok()?, kind_of(kind)?));
    }
    Some(LoadFile {
        number,
        aid,
        domain,
        hash,
        len,
        modules,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_short<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let [len] = take(bytes)?;
    let (taken, rest) = bytes.split_at_checked(usize::from(len))?;
    *bytes = rest;
    Some(taken)
}

fn put_short(part: &[u8], out: &mut Vec<u8>) {
    out.push(u8::try_from(part.len()).expect("AIDs and labels have at most 16 bytes"));
    out.extend(part);
}

const KINDS: &[(AppletKind, u8)] = &[
    (AppletKind::Domain, 1),
    (AppletKind::Purse, 2),
    (AppletKind::Ecash, 3),
    (AppletKind::RideCode, 4),
    (AppletKind::Identity, 5),
    (AppletKind::Ppse, 6),
    (AppletKind::Foreign, 7),
];

fn code_of(kind: AppletKind) -> u8 {
    let row = KINDS.iter().find(|(known, _)| *known == kind);
    row.expect("every kind has a row").1
}

fn kind_of(code: u8) -> Option<AppletKind> {
    let row = KINDS.iter().find(|(_, known)| *known == code);
    row.map(|(kind, _)| *kind)
}

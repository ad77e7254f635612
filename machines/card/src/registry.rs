//! The registry: every application, security domain and load file on the card.
//!
//! Here: the entries and how they lie in memory. Not here: who may change them (`domain/`).

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_types::MediumId;

use crate::applet::{AppletKind, Context};
use crate::journal::ObjectId;

/// The card's own objects in the journal.
pub(crate) const CARD: u16 = 0;
/// The registry's object under [`CARD`].
pub(crate) const ENTRIES: u16 = 1;
/// The card's life-cycle state, one byte, under [`CARD`].
pub(crate) const CARD_LIFE: u16 = 2;
/// Present when the e-purse's CARD BLOCK (卡片锁定) was carried out, under [`CARD`].
pub(crate) const CARD_BLOCKED: u16 = 3;

/// One application instance or security domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number: the owner of its objects. The issuer domain is 1.
    pub(crate) number: u16,
    /// What it runs.
    pub(crate) kind: AppletKind,
    /// Its instance AID.
    pub(crate) aid: Aid,
    /// Life-cycle state (GP 2.3.1 table 11-4).
    pub(crate) state: u8,
    /// Privileges, three bytes.
    pub(crate) privileges: [u8; 3],
    /// The number of the domain it is associated with.
    pub(crate) domain: u16,
    /// Label (`50`) for the directory, empty when it is not listed there.
    pub(crate) label: Vec<u8>,
    /// Priority (`87`) in the directory; 1 is highest.
    pub(crate) priority: u8,
}

/// The number of the issuer security domain.
pub(crate) const ISSUER: u16 = 1;

/// The object of the [`ISSUER`] that holds the medium id, ten packed bytes; its number is the
/// tag `DF20` under which GET DATA gives it.
pub(crate) const MEDIUM_ID: u16 = 0xDF20;

/// The secure element's medium id (支付账户介质识别码), once the issuer domain has it.
pub(crate) fn medium_id(ctx: &Context<'_>) -> Option<MediumId> {
    MediumId::from_packed(ctx.get_of(ObjectId::new(ISSUER, MEDIUM_ID))?).ok()
}

/// All entries, in order of installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) entries: Vec<Entry>,
}

impl Registry {
    /// The entry with this number.
    pub(crate) fn entry(&self, number: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// Stages the registry as it is now.
    pub(crate) fn stage(&self, ctx: &mut Context<'_>) {
        ctx.put_of(ObjectId::new(CARD, ENTRIES), self.encode());
    }

    /// The bytes that lie in memory.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.entries {
            out.extend(entry.number.to_be_bytes());
            out.push(code_of(entry.kind));
            out.push(entry.state);
            out.extend(entry.privileges);
            out.extend(entry.domain.to_be_bytes());
            out.push(entry.priority);
            for part in [entry.aid.as_bytes(), &entry.label] {
                out.push(u8::try_from(part.len()).expect("AIDs and labels have at most 16 bytes"));
                out.extend(part);
            }
        }
        out
    }

    /// Reads the bytes that lie in memory; `None` when they are not a registry.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let (number, rest) = bytes.split_first_chunk::<2>()?;
            let (&[kind, state], rest) = rest.split_first_chunk::<2>()?;
            let (privileges, rest) = rest.split_first_chunk::<3>()?;
            let (domain, rest) = rest.split_first_chunk::<2>()?;
            let (&priority, rest) = rest.split_first()?;
            let (aid, rest) = take_short(rest)?;
            let (label, rest) = take_short(rest)?;
            entries.push(Entry {
                number: u16::from_be_bytes(*number),
                kind: kind_of(kind)?,
                aid: Aid::parse(aid).ok()?,
                state,
                privileges: *privileges,
                domain: u16::from_be_bytes(*domain),
                label: label.to_vec(),
                priority,
            });
            bytes = rest;
        }
        Some(Self { entries })
    }
}

fn take_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

const KINDS: &[(AppletKind, u8)] = &[
    (AppletKind::Domain, 1),
    (AppletKind::Purse, 2),
    (AppletKind::Ecash, 3),
    (AppletKind::RideCode, 4),
    (AppletKind::Identity, 5),
    (AppletKind::Ppse, 6),
];

fn code_of(kind: AppletKind) -> u8 {
    let row = KINDS.iter().find(|(known, _)| *known == kind);
    row.expect("every kind has a row").1
}

fn kind_of(code: u8) -> Option<AppletKind> {
    let row = KINDS.iter().find(|(_, known)| *known == code);
    row.map(|(kind, _)| *kind)
}

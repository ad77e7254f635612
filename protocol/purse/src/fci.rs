//! What SELECT answers: FCI of an application, and the directory PPSE.
//!
//! Reading is tolerant as real cards need it: any order, zero padding inside a template, `9F0C`
//! anywhere below `A5`, AIDs of 5 to 16 bytes. Writing is canonical, and writing what was read
//! gives the same bytes. An application is known by its FCI and never by its AID alone: some
//! cities install an e-purse under an e-cash AID.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, PPSE};
use tongtu_apdu::tlv::{self, Tag, TlvError};

use crate::layout::PublicInfo;

/// FCI template.
pub const FCI: Tag = Tag::new(0x6F);
/// Name of the application, its AID.
pub const NAME: Tag = Tag::new(0x84);
/// The application's own part of the FCI.
pub const PROPRIETARY: Tag = Tag::new(0xA5);
/// Application label.
pub const LABEL: Tag = Tag::new(0x50);
/// Priority, 1 the highest.
pub const PRIORITY: Tag = Tag::new(0x87);
/// Application version.
pub const VERSION: Tag = Tag::new(0x9F08);
/// Preferred name for display.
pub const DISPLAY_NAME: Tag = Tag::new(0x9F12);
/// The e-purse's public data, the contents of file 0x15.
pub const ISSUER_DATA: Tag = Tag::new(0x9F0C);
/// What an e-cash wants to know of the terminal.
pub const PDOL: Tag = Tag::new(0x9F38);
/// Issuer's discretionary data.
pub const DISCRETIONARY: Tag = Tag::new(0xBF0C);
/// One application in a directory.
pub const ENTRY: Tag = Tag::new(0x61);
/// AID in a directory entry.
pub const ENTRY_AID: Tag = Tag::new(0x4F);

/// Deeper nesting than any card has is kept as bytes.
const DEPTH_MAX: usize = 6;

/// A data object, or padding between objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A tag with a value of bytes.
    Object(Tag, Vec<u8>),
    /// A tag with objects below it.
    Template(Tag, Vec<Self>),
    /// So many zero bytes.
    Padding(usize),
}

impl Node {
    /// Reads all objects of a byte string; a template whose inside does not hold is an object.
    ///
    /// # Errors
    /// [`TlvError`] naming the part that does not hold.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, TlvError> {
        Self::read_level(bytes, DEPTH_MAX)
    }

    fn read_level(mut bytes: &[u8], depth: usize) -> Result<Vec<Self>, TlvError> {
        let mut nodes = Vec::new();
        while !bytes.is_empty() {
            let zeros = bytes.iter().take_while(|b| **b == 0).count();
            if zeros > 0 {
                nodes.push(Self::Padding(zeros));
                bytes = bytes.get(zeros..).unwrap_or_default();
                continue;
            }
            let (object, rest) = tlv::read(bytes)?;
            bytes = rest;
            let below = (object.tag.is_constructed() && depth > 0)
                .then(|| Self::read_level(object.value, depth - 1));
            nodes.push(match below {
                Some(Ok(below)) => Self::Template(object.tag, below),
                _ => Self::Object(object.tag, object.value.to_vec()),
            });
        }
        Ok(nodes)
    }

    /// Appends the bytes, with lengths in their shortest form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Object(tag, value) => tlv::write(*tag, value, out),
            Self::Template(tag, below) => tlv::write(*tag, &Self::write_all(below), out),
            Self::Padding(len) => out.resize(out.len() + len, 0),
        }
    }

    fn write_all(nodes: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for node in nodes {
            node.write(&mut out);
        }
        out
    }

    fn find(nodes: &[Self], wanted: Tag) -> Option<&[u8]> {
        nodes.iter().find_map(|node| match node {
            Self::Object(tag, value) if *tag == wanted => Some(&value[..]),
            Self::Template(_, below) => Self::find(below, wanted),
            _ => None,
        })
    }
}

/// Why bytes are not an FCI, or not that of a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FciError {
    /// Not BER-TLV, or cut.
    #[error("FCI: {0}")]
    Tlv(#[from] TlvError),
    /// An object that must be there is not.
    #[error("FCI: {tag} is missing{place}")]
    Missing {
        /// Its tag.
        tag: Tag,
        /// Where it was looked for, in words.
        place: &'static str,
    },
    /// An AID that is none.
    #[error("FCI: {0}")]
    Aid(#[from] tongtu_apdu::select::AidError),
}

/// What an FCI says the application is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// An e-purse: `9F0C` is there.
    Purse,
    /// An e-cash: a PDOL is there and no `9F0C`.
    Cash,
    /// Something else.
    Other,
}

/// The FCI of an application, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fci {
    aid: Aid,
    nodes: Vec<Node>,
}

impl Fci {
    /// Reads an FCI: `6F` with a name `84` in it, whatever else stands there.
    ///
    /// # Errors
    /// [`FciError`] naming what is missing or cut.
    pub fn parse(bytes: &[u8]) -> Result<Self, FciError> {
        let nodes = Node::read_all(bytes)?;
        let place = "";
        let inside = nodes
            .iter()
            .find_map(|node| match node {
                Node::Template(FCI, below) => Some(&below[..]),
                _ => None,
            })
            .ok_or(FciError::Missing { tag: FCI, place })?;
        let place = " inside 6F";
        let name = Node::find(inside, NAME).ok_or(FciError::Missing { tag: NAME, place })?;
        let aid = Aid::parse(name)?;
        Ok(Self { aid, nodes })
    }

    /// The bytes; of what was read, the same.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Node::write_all(&self.nodes)
    }

    /// The objects as they stand.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The AID that it names.
    #[must_use]
    pub const fn aid(&self) -> Aid {
        self.aid
    }

    /// An object anywhere below `A5`.
    #[must_use]
    pub fn proprietary(&self, tag: Tag) -> Option<&[u8]> {
        fn inside(nodes: &[Node]) -> Option<&[Node]> {
            nodes.iter().find_map(|node| match node {
                Node::Template(PROPRIETARY, below) => Some(&below[..]),
                Node::Template(_, below) => inside(below),
                _ => None,
            })
        }
        Node::find(inside(&self.nodes)?, tag)
    }

    /// Which application it is.
    #[must_use]
    pub fn application(&self) -> Application {
        if self.proprietary(ISSUER_DATA).is_some() {
            Application::Purse
        } else if self.proprietary(PDOL).is_some() {
            Application::Cash
        } else {
            Application::Other
        }
    }

    /// The e-purse's public data, if they are there and whole.
    #[must_use]
    pub fn public_info(&self) -> Option<PublicInfo> {
        PublicInfo::decode(self.proprietary(ISSUER_DATA)?).ok()
    }

    /// The label, as far as it is ASCII.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        self.proprietary(LABEL).map(ascii)
    }

    /// The version bytes; one on most cards, two on newer ones.
    #[must_use]
    pub fn version(&self) -> Option<&[u8]> {
        self.proprietary(VERSION)
    }
}

/// How a card writes its e-purse FCI: what stands before `9F0C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FciForm {
    /// Label and priority, where the card has them.
    pub label: Option<(Vec<u8>, u8)>,
    /// Version bytes.
    pub version: Vec<u8>,
    /// Name for display, where the card has one.
    pub display_name: Option<Vec<u8>>,
    /// Zero bytes after `A5`; a quirk of one card line.
    pub padding: u8,
}

impl FciForm {
    /// Version 02 and nothing else: what most cards answer.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            label: None,
            version: [2].into(),
            display_name: None,
            padding: 0,
        }
    }

    /// The FCI of an application with these public data.
    #[must_use]
    pub fn fci(&self, aid: Aid, public: &[u8]) -> Fci {
        let mut inside = Vec::new();
        if let Some((label, priority)) = &self.label {
            inside.push(Node::Object(LABEL, label.clone()));
            inside.push(Node::Object(PRIORITY, [*priority].into()));
        }
        inside.push(Node::Object(VERSION, self.version.clone()));
        if let Some(name) = &self.display_name {
            inside.push(Node::Object(DISPLAY_NAME, name.clone()));
        }
        inside.push(Node::Object(ISSUER_DATA, public.to_vec()));
        let mut outer: Vec<_> = [
            Node::Object(NAME, aid.as_bytes().to_vec()),
            Node::Template(PROPRIETARY, inside),
        ]
        .into();
        if self.padding > 0 {
            outer.push(Node::Padding(self.padding.into()));
        }
        let nodes = [Node::Template(FCI, outer)].into();
        Fci { aid, nodes }
    }
}

/// One application in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The AID to select, exactly as it is listed.
    pub aid: Aid,
    /// Its label.
    pub label: Vec<u8>,
    /// Its priority, 1 the highest; 0 when there is none.
    pub priority: u8,
}

/// The directory of contactless applications, PPSE (近距离支付系统环境).
///
/// Form: `6F { 84 2PAY.SYS.DDF01, A5 { BF0C { 61 { 4F aid, 50 label, 87 priority } … } } }`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    /// Its entries, in the order in which they stand.
    pub entries: Vec<DirectoryEntry>,
}

impl Directory {
    /// Reads a directory; entries without an AID are passed over.
    ///
    /// # Errors
    /// [`FciError`] naming what is missing or cut.
    pub fn parse(bytes: &[u8]) -> Result<Self, FciError> {
        let fci = Fci::parse(bytes)?;
        let mut entries = Vec::new();
        collect(&fci.nodes, &mut entries);
        Ok(Self { entries })
    }

    /// The bytes a card answers to SELECT PPSE, entries in order of priority.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.entries.iter().collect();
        sorted.sort_by_key(|entry| match entry.priority & 0x0F {
            0 => u8::MAX,
            priority => priority,
        });
        let entries = sorted.into_iter().map(|entry| {
            let mut inside: Vec<_> =
                [Node::Object(ENTRY_AID, entry.aid.as_bytes().to_vec())].into();
            if !entry.label.is_empty() {
                inside.push(Node::Object(LABEL, entry.label.clone()));
            }
            if entry.priority != 0 {
                inside.push(Node::Object(PRIORITY, [entry.priority].into()));
            }
            Node::Template(ENTRY, inside)
        });
        let discretionary = Node::Template(DISCRETIONARY, entries.collect());
        Node::write_all(&[Node::Template(
            FCI,
            [
                Node::Object(NAME, PPSE.as_bytes().to_vec()),
                Node::Template(PROPRIETARY, [discretionary].into()),
            ]
            .into(),
        )])
    }
}

fn collect(nodes: &[Node], entries: &mut Vec<DirectoryEntry>) {
    for node in nodes {
        match node {
            Node::Template(ENTRY, inside) => {
                let aid = Node::find(inside, ENTRY_AID).and_then(|aid| Aid::parse(aid).ok());
                if let Some(aid) = aid {
                    entries.push(DirectoryEntry {
                        aid,
                        label: Node::find(inside, LABEL).unwrap_or_default().to_vec(),
                        priority: Node::find(inside, PRIORITY)
                            .and_then(|p| p.first().copied())
                            .unwrap_or(0),
                    });
                }
            }
            Node::Template(_, below) => collect(below, entries),
            _ => {}
        }
    }
}

/// Bytes as text, what is not printable ASCII as a dot.
pub(crate) fn ascii(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| match b {
            0x20..=0x7E => char::from(*b),
            _ => '.',
        })
        .collect()
}

//! Taking a file piece by piece, as it comes from a network or a disk.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_crypto::{PublicKey, sm3};
use tongtu_types::InstitutionCode;

use crate::file::{HEAD_LEN, RANGE_LEN};
use crate::list::Filling;
use crate::number::{ListedNumber, Span};
use crate::{Blacklist, BlacklistError, Change, Head, Kind, OVERLAY_MAX};

/// Takes one file and gives the list that comes out of it.
///
/// The head is judged as soon as it is there: signature, acquirer, version, and whether a delta
/// goes on from the list held. Nothing of the content counts before [`Loader::finish`], which
/// compares length, digest and tally. So a file that is cut off, bent or unfit leaves the list
/// held as it is, and a loader that refused once refuses to the end.
#[derive(Debug)]
pub struct Loader {
    list_key: PublicKey,
    acquirer: InstitutionCode,
    held: Blacklist,
    head: Vec<u8>,
    body: Option<Body>,
    refused: Option<BlacklistError>,
}

#[derive(Debug)]
struct Body {
    head: Head,
    hasher: sm3::Hasher,
    /// Bytes of the content so far.
    received: u64,
    /// The entry that is not whole yet.
    entry: Vec<u8>,
    index: usize,
    last: Option<ListedNumber>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Full(Box<Filling>),
    Delta {
        listed: Vec<Span>,
        removed: Vec<Span>,
    },
}

impl Loader {
    /// Begins to take a file that is to take the place of `held`, or to go on from it.
    #[must_use]
    pub fn new(list_key: PublicKey, acquirer: InstitutionCode, held: &Blacklist) -> Self {
        Self {
            list_key,
            acquirer,
            held: held.clone(),
            head: Vec::new(),
            body: None,
            refused: None,
        }
    }

    /// The head, once it is there and was found good.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.body.as_ref().map(|body| &body.head)
    }

    /// Takes the next piece, of any length.
    ///
    /// # Errors
    /// [`BlacklistError`]; the rest need not be fetched.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), BlacklistError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let taken = self.take(bytes);
        self.refused = taken.clone().err();
        taken
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), BlacklistError> {
        if self.body.is_none() {
            let (front, rest) = bytes.split_at(bytes.len().min(HEAD_LEN - self.head.len()));
            self.head.extend(front);
            bytes = rest;
            let Ok(head) = <&[u8; HEAD_LEN]>::try_from(&self.head[..]) else {
                return Ok(());
            };
            let head = Head::open(head, &self.list_key)?;
            self.judge(&head)?;
            self.body = Some(Body::new(head));
        }
        match &mut self.body {
            Some(body) => body.take(bytes),
            None => Ok(()),
        }
    }

    /// Whether this file may follow the list held.
    fn judge(&self, head: &Head) -> Result<(), BlacklistError> {
        if head.acquirer != self.acquirer {
            return Err(BlacklistError::OtherAcquirer {
                found: head.acquirer,
                expected: self.acquirer,
            });
        }
        let (held, offered) = (self.held.state(), head.state.version);
        if offered <= held.version {
            return Err(BlacklistError::NotNewer {
                held: held.version,
                offered,
            });
        }
        match head.kind {
            Kind::Delta { base } if base.version != held.version => {
                Err(BlacklistError::OutOfOrder {
                    held: held.version,
                    base: base.version,
                    offered,
                })
            }
            Kind::Delta { base } if base.tally != held.tally => Err(BlacklistError::Diverged {
                version: held.version,
            }),
            Kind::Full | Kind::Delta { .. } => Ok(()),
        }
    }

    /// The list that comes out, now that everything is there.
    ///
    /// # Errors
    /// [`BlacklistError`]; the list held stays as it is.
    pub fn finish(self) -> Result<Blacklist, BlacklistError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let Some(body) = self.body else {
            // Whatever is too short for a head is first of all no file of ours.
            let begun = self.head.len().min(crate::file::MAGIC.len());
            if self.head[..begun] != crate::file::MAGIC[..begun] {
                return Err(BlacklistError::Magic);
            }
            return Err(BlacklistError::Length {
                found: u64::try_from(self.head.len()).expect("a length in memory"),
                expected: u64::try_from(HEAD_LEN).expect("a small number"),
            });
        };
        body.finish(&self.held)
    }
}

impl Body {
    fn new(head: Head) -> Self {
        let content = match head.kind {
            Kind::Full => Content::Full(Box::default()),
            Kind::Delta { .. } => Content::Delta {
                listed: Vec::new(),
                removed: Vec::new(),
            },
        };
        Self {
            head,
            hasher: sm3::Hasher::new(),
            received: 0,
            entry: Vec::with_capacity(RANGE_LEN),
            index: 0,
            last: None,
            content,
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), BlacklistError> {
        let found = self.received + u64::try_from(bytes.len()).expect("a length in memory");
        if found > self.head.content_len {
            return Err(BlacklistError::Length {
                found,
                expected: self.head.content_len,
            });
        }
        self.hasher.update(bytes);
        let end = found;
        self.received = found;
        while let Some(first) = self.entry.first().or(bytes.first()) {
            let before = u64::try_from(bytes.len() + self.entry.len()).expect("in memory");
            let fault = BlacklistError::Entry {
                index: self.index,
                at: end - before,
            };
            let len = Change::len_of(*first).ok_or(fault.clone())?;
            let missing = (len - self.entry.len()).min(bytes.len());
            let (front, rest) = bytes.split_at(missing);
            if self.entry.is_empty() && front.len() == len {
                self.entry(front)?.ok_or(fault)?;
            } else {
                self.entry.extend(front);
                if self.entry.len() < len {
                    return Ok(());
                }
                let entry = core::mem::take(&mut self.entry);
                self.entry(&entry)?.ok_or(fault)?;
            }
            bytes = rest;
            self.index += 1;
        }
        Ok(())
    }

    /// Takes an entry; says `None` when it does not belong here.
    fn entry(&mut self, entry: &[u8]) -> Result<Option<()>, BlacklistError> {
        let Some(change) = Change::read(entry) else {
            return Ok(None);
        };
        let span = change.span();
        if self.last.is_some_and(|last| span.low() <= last) {
            return Ok(None);
        }
        self.last = Some(span.high());
        match (&mut self.content, change) {
            (Content::Full(filling), Change::Listed(span)) => filling.push(span),
            (Content::Full(_), Change::Removed(_)) => Ok(None),
            (Content::Delta { listed, removed }, _) => {
                match change {
                    Change::Listed(span) => listed.push(span),
                    Change::Removed(span) => removed.push(span),
                }
                let found = listed.len() + removed.len();
                if found > OVERLAY_MAX {
                    let (what, max) = ("changes in a delta", OVERLAY_MAX);
                    return Err(BlacklistError::TooMany { what, found, max });
                }
                Ok(Some(()))
            }
        }
    }

    fn finish(self, held: &Blacklist) -> Result<Blacklist, BlacklistError> {
        let head = &self.head;
        if self.received != head.content_len {
            return Err(BlacklistError::Length {
                found: self.received,
                expected: head.content_len,
            });
        }
        if self.hasher.finish() != head.content_digest {
            return Err(BlacklistError::Digest);
        }
        if !self.entry.is_empty() {
            return Err(BlacklistError::Entry {
                index: self.index,
                at: self.received - u64::try_from(self.entry.len()).expect("a short entry"),
            });
        }
        match self.content {
            Content::Full(filling) => {
                if filling.tally() != head.state.tally {
                    return Err(BlacklistError::Tally);
                }
                Ok(filling.finish(head.state.version, head.issued_at))
            }
            Content::Delta { listed, removed } => {
                let more = listed.len() + removed.len();
                let roomy;
                let held = if held.waiting() + more > OVERLAY_MAX {
                    // Nobody found the time; whoever loads has it, beside the taps.
                    roomy = held.compacted(usize::MAX);
                    &roomy
                } else {
                    held
                };
                held.changed(head.state, head.issued_at, &listed, &removed)
            }
        }
    }
}

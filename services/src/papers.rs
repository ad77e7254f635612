//! Papers: what the nation, the key centre and the roots sign for everybody, and how it goes from
//! node to node.
//!
//! ```text
//! node above: in force ──list──▶ newer? ──bytes──▶ signature, version ──▶ kept whole ──▶ in force here
//!                                                     │ does not hold: alarm, nothing changes
//! ```
//! A paper is believed for its signature, never for whoever handed it on: so a node hands on what it
//! goes by itself, and the node above need not be the one that published it. An older paper, or one
//! that does not hold, changes nothing and is told of.
//!
//! What is here: which papers there are, [`Keeper`], and what a node does with them. What is not
//! here: how the bytes of each are judged and where they lie (whoever is its keeper), and the way
//! between nodes (the edges).
//!
//! Callers' registers do not travel: who may ask a node is its own institution's to say, and a body
//! above that could say it would let itself in.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};

use tongtu_codec::hex_encode;
use tongtu_crypto::sm3;
use tongtu_ride_code::{RevocationError, RevocationList};
use tongtu_types::{Timestamp, ValueError};

use crate::node::alarm;
use crate::{Node, ServiceError, StatusKind};

/// A paper that goes from node to node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paper {
    /// The nation's register of institutions.
    Register,
    /// The key centre's extract of the key book.
    KeyBook,
    /// A root's revocation list (吊销名单).
    Revocations {
        /// The root's index.
        ca_index: u8,
    },
}

impl fmt::Display for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register => f.write_str("register"),
            Self::KeyBook => f.write_str("key-book"),
            Self::Revocations { ca_index } => write!(f, "revocations-{ca_index:02x}"),
        }
    }
}

impl FromStr for Paper {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let root = |digits: &str| {
            let ca_index = u8::from_str_radix(digits, 16).ok()?;
            let paper = Self::Revocations { ca_index };
            (paper.to_string() == text).then_some(paper)
        };
        let paper = match text {
            "register" => Some(Self::Register),
            "key-book" => Some(Self::KeyBook),
            other => other.strip_prefix("revocations-").and_then(root),
        };
        paper.ok_or(ValueError::Character {
            what: "paper",
            at: 0,
            expected: "register, key-book or revocations- and a root's index in hex",
        })
    }
}

/// A paper as it is in force at a node.
#[derive(Clone, PartialEq, Eq)]
pub struct Edition {
    /// Rises with every newer one.
    pub version: u64,
    /// When it was made, as it says.
    pub made_at: Timestamp,
    /// Its bytes, with their signature.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edition({}, {} bytes)", self.version, self.bytes.len())
    }
}

impl Edition {
    /// SM3 of its bytes.
    #[must_use]
    pub fn digest(&self) -> sm3::Digest {
        sm3::digest(&self.bytes)
    }
}

/// Whoever judges a paper and keeps it.
pub trait Keeper: Send + Sync + fmt::Debug {
    /// The one that the node goes by.
    fn in_force(&self) -> Option<Edition>;

    /// Judges a paper; if it holds and is newer, keeps it durably and goes by it from then on.
    ///
    /// # Errors
    /// [`PaperFault`], and the one before stays in force.
    fn take(&self, bytes: &[u8]) -> Result<Edition, PaperFault>;
}

/// Why a paper was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaperFault {
    /// The node goes by no such paper.
    #[error("this node goes by no {paper}")]
    Unknown {
        /// Which.
        paper: Paper,
    },
    /// Its form or its signature does not hold.
    #[error("the {paper} does not hold: {source}")]
    Broken {
        /// Which.
        paper: Paper,
        /// What does not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It is not newer than the one in force.
    #[error("version {offered} of the {paper}, expected later than {held}")]
    NotNewer {
        /// Which.
        paper: Paper,
        /// Its version.
        offered: u64,
        /// The version in force.
        held: u64,
    },
    /// It holds, and does not go with what else the node has.
    #[error("the {paper} does not fit this node: {source}")]
    Unfit {
        /// Which.
        paper: Paper,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It holds and could not be kept.
    #[error("the {paper} could not be kept: {source}")]
    NotKept {
        /// Which.
        paper: Paper,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl PaperFault {
    /// The stable code of the variant.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "papers.unknown",
            Self::Broken { .. } => "papers.broken",
            Self::NotNewer { .. } => "papers.not_newer",
            Self::Unfit { .. } => "papers.unfit",
            Self::NotKept { .. } => "papers.not_kept",
        }
    }

    /// The kind, from which a transport makes its status.
    #[must_use]
    pub const fn status_kind(&self) -> StatusKind {
        match self {
            Self::Unknown { .. } => StatusKind::NotFound,
            Self::Broken { .. } | Self::Unfit { .. } => StatusKind::Refused,
            Self::NotNewer { .. } => StatusKind::Conflict,
            Self::NotKept { .. } => StatusKind::Fault,
        }
    }
}

/// The keepers of a node's papers.
pub(crate) type Keepers = std::sync::RwLock<BTreeMap<Paper, Arc<dyn Keeper>>>;

impl Node {
    /// From now on this keeper has that paper.
    pub fn paper_kept_by(&self, paper: Paper, keeper: Arc<dyn Keeper>) {
        let mut keepers = self
            .keepers()
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keepers.insert(paper, keeper);
    }

    fn keeper(&self, paper: Paper) -> Option<Arc<dyn Keeper>> {
        let keepers = self
            .keepers()
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        keepers.get(&paper).cloned()
    }

    /// Whether the node would go by such a paper.
    #[must_use]
    pub fn goes_by(&self, paper: Paper) -> bool {
        match paper {
            Paper::Register | Paper::KeyBook => self.keeper(paper).is_some(),
            Paper::Revocations { ca_index } => {
                let mut roots = self.config().roots.iter();
                roots.any(|root| root.certificate().ca_index == ca_index)
            }
        }
    }

    /// The register and the key book that the node goes by.
    #[must_use]
    pub fn papers_kept(&self) -> BTreeMap<Paper, Edition> {
        let kept = [Paper::Register, Paper::KeyBook].into_iter();
        let kept = kept.filter_map(|paper| Some((paper, self.keeper(paper)?.in_force()?)));
        kept.collect()
    }

    /// Every paper that the node goes by.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn papers(&self) -> Result<BTreeMap<Paper, Edition>, ServiceError> {
        let mut papers = self.papers_kept();
        for row in self.store().read().await?.revocation_lists().await? {
            let fault = || ServiceError::Stored {
                what: "revocation list",
            };
            let ca_index = u8::try_from(row.ca_index).map_err(|_| fault())?;
            // One of a root that the settings have no more is nobody's to hand on.
            let Ok(list) = RevocationList::open(&row.body, &self.config().roots) else {
                continue;
            };
            let edition = Edition {
                version: list.version,
                made_at: list.issued_at,
                bytes: row.body.into(),
            };
            papers.insert(Paper::Revocations { ca_index }, edition);
        }
        Ok(papers)
    }

    /// One paper that the node goes by.
    ///
    /// # Errors
    /// [`PaperFault::Unknown`] when it goes by none.
    pub async fn paper(&self, paper: Paper) -> Result<Edition, ServiceError> {
        let found = self.papers().await?.remove(&paper);
        Ok(found.ok_or(PaperFault::Unknown { paper })?)
    }

    /// Takes a paper that came from wherever: for its signature, and if it is newer. Gives the
    /// version in force then. One that is refused is told of, once.
    ///
    /// # Errors
    /// [`PaperFault`]; the one before stays in force.
    pub async fn paper_take(
        &self,
        paper: Paper,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        let digest = sm3::digest(&bytes);
        let taken = match paper {
            Paper::Revocations { ca_index } => self.revocations_in(ca_index, &bytes, now).await,
            Paper::Register | Paper::KeyBook => match self.keeper(paper) {
                None => Err(PaperFault::Unknown { paper }.into()),
                Some(keeper) => {
                    let taken = self.compute(move |_| keeper.take(&bytes)).await?;
                    taken
                        .map(|edition| edition.version)
                        .map_err(ServiceError::from)
                }
            },
        };
        if let Err(ServiceError::Paper(fault)) = &taken {
            let about = format!("{paper}/{}", hex_encode(&digest[..8]));
            self.paper_refused(fault, about, now).await?;
        }
        taken
    }

    /// Tells somebody that a paper was refused which the node above has in force, by its version
    /// alone.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn paper_older(
        &self,
        paper: Paper,
        (offered, held): (u64, u64),
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let fault = PaperFault::NotNewer {
            paper,
            offered,
            held,
        };
        self.paper_refused(&fault, format!("{paper}/{offered}"), now)
            .await
    }

    async fn paper_refused(
        &self,
        fault: &PaperFault,
        about: String,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let mut tx = self.store().write().await?;
        alarm(&mut tx, fault.code(), about, fault.to_string(), now).await?;
        Ok(tx.commit().await?)
    }

    /// A revocation list of the root that it is said to be of.
    async fn revocations_in(
        &self,
        ca_index: u8,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        let paper = Paper::Revocations { ca_index };
        let broken = |source: RevocationError| match source {
            RevocationError::NotNewer { held, offered } => PaperFault::NotNewer {
                paper,
                offered,
                held,
            },
            source => PaperFault::Broken {
                paper,
                source: Box::new(source),
            },
        };
        let list = RevocationList::open(bytes, &self.config().roots).map_err(broken)?;
        if list.ca_index != ca_index {
            return Err(PaperFault::Unknown { paper }.into());
        }
        match self.revocations_take(bytes, now).await {
            Err(ServiceError::Revocations(error)) => Err(broken(error).into()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_has_one_name() {
        let papers = [
            (Paper::Register, "register"),
            (Paper::KeyBook, "key-book"),
            (Paper::Revocations { ca_index: 0xc0 }, "revocations-c0"),
        ];
        for (paper, name) in papers {
            assert_eq!(paper.to_string(), name);
            assert_eq!(name.parse(), Ok(paper));
        }
        for other in [
            "",
            "Register",
            "revocations-",
            "revocations-C0",
            "revocations-+1",
        ] {
            assert!(other.parse::<Paper>().is_err(), "{other}");
        }
    }
}

//! The courier: brings papers down from the node above, and notes of keys up to it.
//!
//! ```text
//! down: list ─▶ newer than here? ─▶ bytes, from where they broke off ─▶ digest ─▶ Node::paper_take
//! up:   waiting notes ─▶ node above has them ─▶ they wait no longer
//! ```
//! A run may be repeated at any time and killed anywhere: a paper is in force as a whole or not at
//! all, and a note that is brought twice is taken once. What is in force is never changed by a
//! transfer that broke, by an older paper or by one that does not hold; the two latter are told of.

use tongtu_api as api;
use tongtu_crypto::sm3;
use tongtu_services::{KeyReport, Node, Paper, ServiceError};
use tongtu_types::Timestamp;

use crate::client::{Begun, Client, ClientError, Offer, PaperThere};

/// How often a transfer that broke is taken up again within one run.
const TRIES: u32 = 3;

/// What one run did.
#[derive(Debug, Default)]
pub struct CourierReport {
    /// Papers that are in force now and were not before, with their versions.
    pub papers: Vec<(Paper, u64)>,
    /// Notes that the node above has now.
    pub notes: u64,
    /// What did not work.
    pub problems: Vec<CourierError>,
}

/// Why something was not brought.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CourierError {
    /// The node above did not answer, or refused.
    #[error("the node above: {0}")]
    Above(#[from] ClientError),
    /// This node refused, or failed.
    #[error(transparent)]
    Node(#[from] ServiceError),
    /// The node above goes by an older paper.
    #[error("the node above has version {offered} of the {paper}, here is {held}")]
    Older {
        /// Which.
        paper: Paper,
        /// The version there.
        offered: u64,
        /// The version here.
        held: u64,
    },
    /// The bytes that came are not those that were announced.
    #[error("{found} bytes of the {paper} came, expected {expected} with the announced digest")]
    Altered {
        /// Which.
        paper: Paper,
        /// How many came.
        found: usize,
        /// How many were announced.
        expected: u64,
    },
}

impl CourierError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Above(error) => error.code(),
            Self::Node(error) => error.code(),
            Self::Older { .. } => "papers.not_newer",
            Self::Altered { .. } => "papers.altered",
        }
    }

    const fn is_outage(&self) -> bool {
        matches!(self, Self::Above(ClientError::Unreachable { .. }))
    }
}

/// Brings down what is newer at the node above, and up what waits here. What goes wrong with one
/// paper holds up none of the others; when the node above cannot be reached, the run ends.
pub async fn carry(node: &Node, above: &Client, now: Timestamp) -> CourierReport {
    let above = above.at(now);
    let mut report = CourierReport::default();
    match fetch(node, &above, now, &mut report).await {
        Ok(()) => {}
        Err(error) if error.is_outage() => {
            report.problems.push(error);
            return report;
        }
        Err(error) => report.problems.push(error),
    }
    if let Err(error) = bring(node, &above, now, &mut report).await {
        report.problems.push(error);
    }
    report
}

async fn fetch(
    node: &Node,
    above: &Client,
    now: Timestamp,
    report: &mut CourierReport,
) -> Result<(), CourierError> {
    let held = node.papers().await?;
    for there in above.papers().await? {
        let paper = there.paper;
        if !node.goes_by(paper) {
            continue;
        }
        let here = held.get(&paper);
        if here.is_some_and(|here| here.digest() == there.digest) {
            continue;
        }
        if let Some(here) = here.filter(|here| there.version < here.version) {
            let (offered, held) = (there.version, here.version);
            node.paper_older(paper, (offered, held), now).await?;
            report.problems.push(CourierError::Older {
                paper,
                offered,
                held,
            });
            continue;
        }
        match fetch_one(node, above, &there, now).await {
            Ok(version) => report.papers.push((paper, version)),
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => report.problems.push(error),
        }
    }
    Ok(())
}

async fn fetch_one(
    node: &Node,
    above: &Client,
    there: &PaperThere,
    now: Timestamp,
) -> Result<u64, CourierError> {
    let bytes = whole(above, there).await?;
    if sm3::digest(&bytes) != there.digest {
        return Err(CourierError::Altered {
            paper: there.paper,
            found: bytes.len(),
            expected: there.length,
        });
    }
    Ok(node.paper_take(there.paper, bytes, now).await?)
}

/// All bytes of a paper; a transfer that breaks goes on from where it broke.
async fn whole(above: &Client, there: &PaperThere) -> Result<Vec<u8>, CourierError> {
    let mut bytes = Vec::new();
    let mut begun: Option<Begun> = None;
    let mut tries = 0;
    loop {
        tries += 1;
        match piece(above, there, &mut begun, &mut bytes).await {
            Ok(()) => return Ok(bytes),
            Err(error) if error.is_outage() && tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

async fn piece(
    above: &Client,
    there: &PaperThere,
    begun: &mut Option<Begun>,
    bytes: &mut Vec<u8>,
) -> Result<(), CourierError> {
    let altered = |found| CourierError::Altered {
        paper: there.paper,
        found,
        expected: there.length,
    };
    // Without a first byte there is nothing to go on from.
    let from = begun.as_ref().filter(|begun| begun.len > 0);
    let Offer::File(mut transfer) = above.paper_offer(there.paper, from).await? else {
        return Err(altered(0));
    };
    if transfer.len() != there.length {
        // Another one by now; the next run asks which.
        return Err(altered(bytes.len()));
    }
    bytes.truncate(usize::try_from(transfer.from()).unwrap_or(usize::MAX));
    loop {
        let came = transfer.next().await;
        if let Ok(Some(more)) = &came {
            bytes.extend_from_slice(more);
        }
        *begun = Some(Begun {
            tag: transfer.tag().to_owned(),
            len: bytes.len() as u64,
        });
        match came? {
            Some(_) if bytes.len() as u64 > there.length => return Err(altered(bytes.len())),
            Some(_) => {}
            None if bytes.len() as u64 == there.length => return Ok(()),
            None => return Err(altered(bytes.len())),
        }
    }
}

async fn bring(
    node: &Node,
    above: &Client,
    now: Timestamp,
    report: &mut CourierReport,
) -> Result<(), CourierError> {
    loop {
        let waiting = node.key_reports_waiting().await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let notes = waiting.iter().map(note_body).collect();
        above.key_notes_bring(node.config().code, notes).await?;
        node.key_reports_sent(&waiting, now).await?;
        report.notes += waiting.len() as u64;
    }
}

pub(crate) fn note_body(report: &KeyReport) -> api::KeyNote {
    let (key, purpose, usage, ground) = report.numbers();
    api::KeyNote {
        institution: report.institution.as_str().into(),
        key,
        city: report.note.asked.city.to_string(),
        purpose,
        usage,
        ground,
        at_s: report.note.at.get(),
    }
}

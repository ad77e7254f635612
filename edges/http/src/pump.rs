//! The pump: exchanges files between a node and its parent.
//!
//! One run brings up what waits in the outbox, then brings down what waits at the parent. Every
//! file is sent or fetched, made durable on the other side, and only then confirmed; whatever is
//! cut off between two of these steps is done once more by the next run, and both sides take the
//! same file under the same name once. So a run may be repeated at any time and killed anywhere.

use tongtu_api::{PumpProblem, PumpStep, ReceiptKind};
use tongtu_crypto::sm3::{self, Digested};
use tongtu_envelope::{Envelope, EnvelopeError};
use tongtu_exchange_file::FileName;
use tongtu_services::{FileReceipt, Node, ServiceError};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::client::{Client, ClientError, WaitingFile};
use crate::credential::Credential;

pub use tongtu_api::PumpReport;

/// Why one file was not exchanged.
#[derive(Debug, thiserror::Error)]
enum PumpError {
    /// The parent did not answer, or refused.
    #[error(transparent)]
    Parent(#[from] ClientError),
    /// This node refused, or failed.
    #[error(transparent)]
    Node(#[from] ServiceError),
    /// The bytes that came are not those that were announced.
    #[error("{found} bytes came, expected {expected} bytes with the announced digest")]
    Altered {
        /// How many bytes came.
        found: usize,
        /// How many were announced.
        expected: u64,
    },
    /// No envelope could be made around a file.
    #[error("the envelope of the file could not be made")]
    Envelope(#[from] EnvelopeError),
    /// This node has no link key to sign with.
    #[error("no link key, expected this node's own to sign files with")]
    NoLink,
    /// The file came without its sender's envelope, or with none that can be read.
    #[error("the file came without an envelope that can be read")]
    NoEnvelope,
    /// The topology knows no parent of this node.
    #[error("{0} has no parent in the topology, expected a node below the nation")]
    NoParent(InstitutionCode),
    /// Files wait for a parent, and the node was not told how to reach it.
    #[error("{0} files wait for the parent, expected its address in this node's settings")]
    NoAddress(usize),
}

impl PumpError {
    fn code(&self) -> &str {
        match self {
            Self::Parent(error) => error.code(),
            Self::Node(error) => error.code(),
            Self::Altered { .. } => "pump.file_altered",
            Self::Envelope(_) => "pump.envelope",
            Self::NoLink => "pump.no_link",
            Self::NoEnvelope => "pump.no_envelope",
            Self::NoParent(_) => "pump.no_parent",
            Self::NoAddress(_) => "pump.no_address",
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::Parent(error) => error.retryable(),
            Self::Node(error) => error.retryable(),
            Self::Altered { .. } | Self::Envelope(_) => true,
            Self::NoLink | Self::NoEnvelope | Self::NoParent(_) | Self::NoAddress(_) => false,
        }
    }

    /// Whether going on would only meet the same again: the parent cannot be reached.
    const fn is_outage(&self) -> bool {
        matches!(self, Self::Parent(ClientError::Unreachable { .. }))
    }

    fn at(&self, step: PumpStep, file: Option<&FileName>) -> PumpProblem {
        PumpProblem {
            step,
            file: file.map(ToString::to_string),
            retryable: self.retryable(),
            code: self.code().into(),
            message: self.to_string(),
        }
    }
}

/// Exchanges everything that waits, in both directions.
///
/// A file that one side refuses is reported and does not hold up the others; when the parent
/// cannot be reached the run ends.
pub async fn pump(node: &Node, parent: &Client, now: Timestamp) -> PumpReport {
    let parent = parent.at(now);
    let mut report = PumpReport::default();
    if push(node, &parent, now, &mut report).await.is_ok() {
        // An outage was reported; what is left waits for the next run.
        let _ = fetch(node, &parent, now, &mut report).await;
    }
    report
}

/// What a node without a parent has to report: nothing, unless its outbox says otherwise.
pub(crate) async fn without_parent(node: &Node) -> PumpReport {
    let mut report = PumpReport::default();
    let error = match node.outbox_waiting().await {
        Ok(waiting) if waiting.is_empty() => return report,
        Ok(waiting) => PumpError::NoAddress(waiting.len()),
        Err(error) => error.into(),
    };
    report.problems.push(error.at(PumpStep::Outbox, None));
    report
}

/// The parent cannot be reached; the report says so already.
struct Outage;

async fn push(
    node: &Node,
    parent: &Client,
    now: Timestamp,
    report: &mut PumpReport,
) -> Result<(), Outage> {
    let waiting = match node.outbox_waiting().await {
        Ok(waiting) => waiting,
        Err(error) => return note(report, PumpStep::Outbox, None, error.into()),
    };
    for (receiver, name, file) in waiting {
        match push_one(node, parent, receiver, &name, &file, now).await {
            Ok(ReceiptKind::Stored) => report.pushed += 1,
            Ok(ReceiptKind::Already) => report.pushed_already += 1,
            Err(error) => note(report, PumpStep::Push, Some(&name), error)?,
        }
    }
    Ok(())
}

async fn push_one(
    node: &Node,
    parent: &Client,
    receiver: InstitutionCode,
    name: &FileName,
    file: &Digested<Vec<u8>>,
    now: Timestamp,
) -> Result<ReceiptKind, PumpError> {
    let link = parent.credential().ok_or(PumpError::NoLink)?;
    let envelope = enveloped(node, link, receiver, name, file.digest(), now).await?;
    let own = node.config().code;
    let receipt = parent.file_send(own, name, file, &envelope).await?;
    node.outbox_confirm(name, now).await?;
    Ok(receipt)
}

async fn fetch(
    node: &Node,
    parent: &Client,
    now: Timestamp,
    report: &mut PumpReport,
) -> Result<(), Outage> {
    let code = node.config().code;
    let Some(sender) = parent_of(node) else {
        let error = PumpError::NoParent(code);
        return note(report, PumpStep::List, None, error);
    };
    let waiting = match parent.files_waiting(code).await {
        Ok(waiting) => waiting,
        Err(error) => return note(report, PumpStep::List, None, error.into()),
    };
    for file in waiting {
        match fetch_one(node, parent, sender, &file, now).await {
            Ok(FileReceipt::Stored) => report.fetched += 1,
            Ok(FileReceipt::Already) => report.fetched_already += 1,
            Err(error) => note(report, PumpStep::Fetch, Some(&file.name), error)?,
        }
    }
    Ok(())
}

async fn fetch_one(
    node: &Node,
    parent: &Client,
    sender: InstitutionCode,
    file: &WaitingFile,
    now: Timestamp,
) -> Result<FileReceipt, PumpError> {
    let code = node.config().code;
    let (bytes, envelope) = parent.file_read(code, &file.name).await?;
    let came = Digested::of(bytes);
    if *came.digest() != file.digest {
        return Err(PumpError::Altered {
            found: came.bytes().len(),
            expected: file.length,
        });
    }
    let envelope = envelope.ok_or(PumpError::NoEnvelope)?;
    node.file_envelope_receive(sender, &file.name, &file.digest, &envelope, now)
        .await?;
    let receipt = node.file_receive(sender, &file.name, &came, now).await?;
    parent.file_confirm(code, &file.name, file.digest).await?;
    Ok(receipt)
}

/// Why an envelope is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvelopedError {
    /// It could not be made.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It could not be kept or found.
    #[error(transparent)]
    Node(#[from] ServiceError),
}

impl From<EnvelopedError> for PumpError {
    fn from(error: EnvelopedError) -> Self {
        match error {
            EnvelopedError::Envelope(error) => error.into(),
            EnvelopedError::Node(error) => error.into(),
        }
    }
}

/// The envelope around a file of this node: the one that was made before, or a new one, which is
/// kept before it goes out.
pub(crate) async fn enveloped(
    node: &Node,
    link: &Credential,
    receiver: InstitutionCode,
    name: &FileName,
    content: &sm3::Digest,
    now: Timestamp,
) -> Result<Envelope, EnvelopedError> {
    let made = node
        .file_envelope_made(receiver, name, content, link.public())
        .await?;
    if let Some(made) = made {
        return Ok(made);
    }
    let envelope = link.file(receiver, name, content, now)?;
    node.file_envelope_keep(name, content, &envelope, link.public(), now)
        .await?;
    Ok(envelope)
}

/// Reports a problem; an outage ends the run.
fn note(
    report: &mut PumpReport,
    step: PumpStep,
    file: Option<&FileName>,
    error: PumpError,
) -> Result<(), Outage> {
    tracing::warn!(?step, code = error.code(), "not exchanged with the parent");
    report.problems.push(error.at(step, file));
    if error.is_outage() {
        return Err(Outage);
    }
    Ok(())
}

/// The exchange body above this node; the nation has none.
#[must_use]
pub fn parent_of(node: &Node) -> Option<InstitutionCode> {
    let config = node.config();
    let body = config.topology.body(config.code.home())?;
    body.parent
}

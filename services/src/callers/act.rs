//! What is done with callers: by which request, confirmed by whom, and the line it leaves.

use tongtu_audit::{AuditLine, AuditLog, CHAIN_START, Entry, Outcome, Word};
use tongtu_callers::{CallerName, Role};
use tongtu_crypto::{PublicKey, sm3};
use tongtu_envelope::{Envelope, Kind, content_digest, request_digest};
use tongtu_sql::{CallerActRow, CallerAskedRow, CallerRequestRow, Tx};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::{Node, ServiceError, stored};

/// For how long what one officer asked for waits for a second, seconds.
///
/// UNSPECIFIED: a week, long enough for an officer's leave and short enough that nobody confirms
/// what he does not remember.
pub const ASKED_S: i64 = 7 * 86_400;

/// A request whose envelope held: who asked for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedRequest {
    /// The key under which the envelope verified.
    pub key: PublicKey,
    /// The method.
    pub method: String,
    /// The target as it came over the line.
    pub target: String,
    /// The body as it came.
    pub content: Vec<u8>,
    /// The envelope.
    pub envelope: Envelope,
}

impl ProvedRequest {
    /// Who asked.
    #[must_use]
    pub const fn by(&self) -> CallerName {
        CallerName {
            institution: self.envelope.sender,
            number: self.envelope.caller,
        }
    }
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acted<T = ()> {
    /// It is done.
    Done(T),
    /// It waits for a second officer to ask for the same.
    Awaits,
}

/// What was asked for by one officer and waits for a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaiting {
    /// The act in words.
    pub act: String,
    /// Who asked for it.
    pub by: CallerName,
    /// When.
    pub at: Timestamp,
}

/// A line of what was done with callers, and the request that asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerAct {
    /// The line's 192 bytes.
    pub line: Vec<u8>,
    /// The request; `None` for a caller that stood in the settings.
    pub request: Option<ProvedRequest>,
}

/// Why a chain of acts does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActFault {
    /// The line does not follow the one before.
    #[error(transparent)]
    Chain(#[from] tongtu_audit::Fault),
    /// The request is not what the line was written for, or not its actor's.
    #[error("line {number}: {what}")]
    Request {
        /// The line.
        number: u64,
        /// What does not hold.
        what: &'static str,
    },
}

/// Verifies acts one after the other, from the first: the chain, and that whom each line names
/// signed the very request that it was written for.
///
/// Whether a key was an officer's at the time follows from the acts before, which is the reader's
/// to see; a chain that was cut at its end holds, so that auditors keep its last value.
#[derive(Debug, Default)]
pub struct ActVerifier {
    log: AuditLog,
    count: u64,
}

impl ActVerifier {
    /// Goes on by one act; gives its line.
    ///
    /// # Errors
    /// [`ActFault`] naming the line.
    pub fn follow(&mut self, act: &CallerAct) -> Result<AuditLine, ActFault> {
        self.log.follow(&act.line)?;
        self.count = self.count.saturating_add(1);
        let number = self.count;
        let fault = |what| ActFault::Request { number, what };
        let line = AuditLine::decode(&act.line).map_err(|_| fault("it cannot be read"))?;
        let Some(request) = &act.request else {
            let is_settings = line.actor.as_str() == SETTINGS;
            return is_settings
                .then_some(line)
                .ok_or_else(|| fault("its request is missing"));
        };
        let envelope = &request.envelope;
        let bytes = envelope
            .encode()
            .map_err(|_| fault("its envelope has no form"))?;
        if line.about != sm3::digest(&bytes) {
            return Err(fault("it was written for another envelope"));
        }
        let by = request.by();
        let signer = (by.institution, by.number.as_str());
        if envelope.kind != Kind::Request || signer != (line.institution, line.actor.as_str()) {
            return Err(fault("its envelope is another's than it names"));
        }
        let content = content_digest(&request.content);
        let digest = request_digest(&request.method, &request.target, &content);
        if envelope.covers(&digest).is_err() {
            return Err(fault("its envelope is around another request"));
        }
        if envelope.verify(&request.key).is_err() {
            return Err(fault("its envelope's signature does not verify"));
        }
        Ok(line)
    }
}

/// Who enters the callers that stand in the settings.
const SETTINGS: &str = "settings";

/// Before an act's words when they are hashed.
const ACT: &[u8] = b"TTCALLER";

fn digest(act: &str) -> sm3::Digest {
    sm3::digest_parts(&[ACT, act.as_bytes()])
}

/// Whether an act is done now: asked for by one where one is enough, else when a second officer
/// asks for what another one did.
pub(super) async fn confirmed(
    tx: &mut Tx,
    act: &str,
    role: Role,
    by: CallerName,
    now: Timestamp,
) -> Result<bool, ServiceError> {
    if !role.needs_two() {
        return Ok(true);
    }
    let about = digest(act);
    tx.caller_asked_forget(&[], now.plus_s(-ASKED_S).get())
        .await?;
    let asked = tx.caller_asked(&about).await?;
    if let Some(asked) = asked {
        if (asked.institution.as_str(), asked.number.as_str())
            == (by.institution.as_str(), by.number.as_str())
        {
            return Ok(false);
        }
        tx.caller_asked_forget(&about, i64::MIN).await?;
        return Ok(true);
    }
    tx.caller_asked_insert(&CallerAskedRow {
        about: about.to_vec(),
        act: act.to_owned(),
        institution: by.institution.as_str().to_owned(),
        number: by.number.as_str().to_owned(),
        asked_at: now.get(),
    })
    .await?;
    Ok(false)
}

/// Writes the line of an act that a request asked for.
pub(super) async fn write_line(
    tx: &mut Tx,
    deed: &'static str,
    request: &ProvedRequest,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let fault = |_| ServiceError::Stored { what: "envelope" };
    let envelope = request.envelope.encode().map_err(fault)?;
    let by = request.by();
    let who = (by.institution, by.number.as_str());
    let about = sm3::digest(&envelope);
    let row = CallerRequestRow {
        target: format!("{} {}", request.method, request.target),
        content: request.content.clone(),
        envelope: envelope.to_vec(),
        public_key: request.key.to_compressed().to_vec(),
    };
    append(tx, deed, who, about, Some(row), now).await
}

/// Writes the line of a caller that stood in the settings.
pub(super) async fn write_settings_line(
    tx: &mut Tx,
    own: InstitutionCode,
    act: &str,
    now: Timestamp,
) -> Result<(), ServiceError> {
    append(tx, "caller.enter", (own, SETTINGS), digest(act), None, now).await
}

async fn append(
    tx: &mut Tx,
    deed: &'static str,
    (institution, actor): (InstitutionCode, &str),
    about: sm3::Digest,
    request: Option<CallerRequestRow>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let broken = || ServiceError::Stored { what: "caller act" };
    let (number, at, before) = match tx.caller_act_last().await? {
        Some(row) => {
            let line = AuditLine::decode(&row.line).map_err(|_| broken())?;
            // A clock that was set back makes no chain that does not hold.
            (line.number.saturating_add(1), now.max(line.at), line.value)
        }
        None => (1, now, CHAIN_START),
    };
    let entry = Entry {
        institution,
        actor: Word::parse(actor).map_err(|_| broken())?,
        deed: Word::parse(deed).expect("a deed of ours is a word"),
        key: None,
        permit: None,
        outcome: Outcome::Done,
        about: Some(about),
    };
    let line = AuditLine::chained(number, at, &entry, before).map_err(|_| broken())?;
    let line = line.encode().map_err(|_| broken())?;
    tx.caller_act_insert(&CallerActRow {
        number: i64::try_from(number).map_err(|_| broken())?,
        line: line.to_vec(),
        request,
    })
    .await?;
    Ok(())
}

impl Node {
    /// Up to `count` lines of what was done with callers, after line `after`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn caller_acts(
        &self,
        after: u64,
        count: usize,
    ) -> Result<Vec<CallerAct>, ServiceError> {
        let mut tx = self.store().read().await?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = tx.caller_acts(after, count).await?;
        rows.into_iter().map(act_of).collect()
    }

    /// What officers asked for that waits for a second, the oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn callers_awaiting(&self, now: Timestamp) -> Result<Vec<Awaiting>, ServiceError> {
        let mut tx = self.store().read().await?;
        let rows = tx.callers_asked().await?;
        let since = now.plus_s(-ASKED_S).get();
        let rows = rows.into_iter().filter(|row| row.asked_at >= since);
        let awaiting = rows.map(|row| {
            Ok(Awaiting {
                by: CallerName {
                    institution: stored::institution(&row.institution)?,
                    number: row
                        .number
                        .parse()
                        .map_err(|_| ServiceError::Stored { what: "caller" })?,
                },
                act: row.act,
                at: Timestamp::new(row.asked_at),
            })
        });
        awaiting.collect()
    }
}

fn act_of(row: CallerActRow) -> Result<CallerAct, ServiceError> {
    let fault = || ServiceError::Stored { what: "caller act" };
    let request = row.request.map(|row| {
        let (method, target) = row.target.split_once(' ').ok_or_else(fault)?;
        let envelope = Envelope::read(&row.envelope, Kind::Request).map_err(|_| fault())?;
        Ok::<_, ServiceError>(ProvedRequest {
            key: stored::key(&row.public_key)?,
            method: method.to_owned(),
            target: target.to_owned(),
            content: row.content,
            envelope,
        })
    });
    Ok(CallerAct {
        line: row.line,
        request: request.transpose()?,
    })
}

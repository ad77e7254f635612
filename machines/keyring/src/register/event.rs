//! What happened to officers, as values and as bytes.

use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, Raw, Reader, closed, record};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::code::{Cause, Ring, Role};
use crate::name::{Officer, OfficerNumber};
use crate::record::{self, CauseBody, EventError, MAGIC_OFFICERS, Signers, Stamp, body_of};

closed! {
    /// What can happen to an officer's entry.
    Step as Ring, "a step of the register" {
        /// One of those who found the register.
        Founded = 0x01, "founded", "创始登记";
        /// An officer is registered.
        Registered = 0x10, "registered", "登记";
        /// An officer has another key.
        Rotated = 0x11, "key rotated", "更换密钥";
        /// An officer is none any more.
        Ended = 0x12, "ended", "注销";
        /// The wait after too many wrong passphrases is over.
        Unlocked = 0x13, "unlocked", "解锁";
        /// A passphrase was wrong.
        Failed = 0x20, "attempt failed", "失败";
        /// An approval held after some that did not.
        Cleared = 0x21, "failures cleared", "失败清零";
    }
}

record! {
    /// Body of `founded` and `registered`: an officer and the key that signs for that person.
    pub struct CredentialBody: 62 {
        [0..8] officer: OfficerNumber as Ring, Ours, "officer number", "人员编号";
        [8..9] role: Role as Ring, Ours, "role", "角色";
        [9..13] institution: InstitutionCode as Cn, Ours, "institution", "机构代码";
        [13..46] public_key: [u8; 33] as Raw, Ours, "SM2 public key, compressed", "公钥";
        [46..54] from: Timestamp as Be, Ours, "first moment", "生效时间";
        [54..62] until: Timestamp as Be, Ours, "first moment after it", "失效时间";
    }
}

record! {
    /// Body of `key rotated`.
    pub struct RotationBody: 33 {
        [0..33] public_key: [u8; 33] as Raw, Ours, "the new SM2 public key, compressed", "新公钥";
    }
}

/// An officer, and the key that signs for that person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential {
    /// Who, in which role, where.
    pub officer: Officer,
    /// The verifying key, compressed.
    pub public_key: [u8; 33],
    /// First moment.
    pub from: Timestamp,
    /// First moment after it.
    pub until: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One of the first four.
    Founded(Credential),
    /// A further officer.
    Registered(Credential),
    /// Another key, from now on.
    Rotated {
        /// The new verifying key, compressed.
        public_key: [u8; 33],
    },
    /// No officer any more.
    Ended(Cause),
    /// May sign again.
    Unlocked,
    /// A passphrase was wrong.
    Failed,
    /// An approval held.
    Cleared,
}

impl What {
    /// Which step this is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Founded(_) => Step::Founded,
            Self::Registered(_) => Step::Registered,
            Self::Rotated { .. } => Step::Rotated,
            Self::Ended(_) => Step::Ended,
            Self::Unlocked => Step::Unlocked,
            Self::Failed => Step::Failed,
            Self::Cleared => Step::Cleared,
        }
    }
}

/// One event of the register; what a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its number in the register, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Whose entry, from 1.
    pub entry: u32,
    /// By whom.
    pub signers: Signers,
    /// What.
    pub what: What,
}

impl Event {
    /// The event's bytes.
    ///
    /// # Errors
    /// [`EventError::Encode`] when an instant is before 1970.
    pub fn encode(&self) -> Result<Vec<u8>, EventError> {
        let stamp = Stamp {
            number: self.number,
            at: self.at,
            subject: self.entry,
            signers: self.signers,
        };
        let body = match self.what {
            What::Founded(credential) | What::Registered(credential) => CredentialBody {
                officer: credential.officer.number,
                role: credential.officer.role,
                institution: credential.officer.institution,
                public_key: credential.public_key,
                from: credential.from,
                until: credential.until,
            }
            .encode()?,
            What::Rotated { public_key } => RotationBody { public_key }.encode()?,
            What::Ended(cause) => CauseBody { cause }.encode()?,
            What::Unlocked | What::Failed | What::Cleared => Vec::new(),
        };
        record::write(MAGIC_OFFICERS, self.what.step().byte(), &stamp, body)
    }

    /// Reads one event from exactly its bytes.
    ///
    /// # Errors
    /// [`EventError`] naming what does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        record::one(bytes, Self::take)
    }

    /// Reads events that stand one behind the other.
    ///
    /// # Errors
    /// [`EventError`] naming what does not hold.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, EventError> {
        record::all(bytes, Self::take)
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, EventError> {
        let (stamp, step, body) = record::read(MAGIC_OFFICERS, reader)?;
        let Stamp {
            number,
            at,
            subject,
            signers,
        } = stamp;
        let step = Step::of(step).ok_or(EventError::Step { step })?;
        if subject == 0 {
            return Err(EventError::Subject {
                number,
                found: 0,
                expected: "the number of an officer's entry",
            });
        }
        Ok(Self {
            number,
            at,
            entry: subject,
            signers,
            what: read_body(step, body, number)?,
        })
    }
}

fn read_body(step: Step, body: &[u8], number: u64) -> Result<What, EventError> {
    let exactly = |expected| body_of(body, expected, number);
    let credential = || -> Result<Credential, EventError> {
        let read = CredentialBody::decode(exactly(CredentialBody::LEN)?)?;
        Ok(Credential {
            officer: Officer {
                number: read.officer,
                role: read.role,
                institution: read.institution,
            },
            public_key: read.public_key,
            from: read.from,
            until: read.until,
        })
    };
    Ok(match step {
        Step::Founded => What::Founded(credential()?),
        Step::Registered => What::Registered(credential()?),
        Step::Rotated => {
            let RotationBody { public_key } = RotationBody::decode(exactly(RotationBody::LEN)?)?;
            What::Rotated { public_key }
        }
        Step::Ended => What::Ended(CauseBody::decode(exactly(CauseBody::LEN)?)?.cause),
        Step::Unlocked => exactly(0).map(|_| What::Unlocked)?,
        Step::Failed => exactly(0).map(|_| What::Failed)?,
        Step::Cleared => exactly(0).map(|_| What::Cleared)?,
    })
}

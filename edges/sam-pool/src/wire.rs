//! The bodies of a pool's HTTP: JSON, bytes as hex.

use serde::{Deserialize, Serialize};
use tongtu_apdu::{CommandInfo, StatusWord};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_psam::command::COMMANDS;
use tongtu_psam::layout::{PsamInfo, PsamNumbers};
use tongtu_psam::{
    CardFactor, CreditRequest, LockRequest, PsamAnswer, PsamFault, PsamIdentity, PsamRequest,
    PsamSerial, PurchaseRequest, UpdateRequest,
};
use tongtu_purse::field::{Amount, Date, DateTime, Institution, Kind};

use crate::pool::Lease;

/// Answer to `POST /challenges`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChallengeView {
    pub(crate) challenge: String,
}

/// `POST /leases`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseAsked {
    /// Serial number of the module that is liked best.
    pub(crate) prefer: Option<String>,
}

/// Its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LeaseView {
    pub(crate) lease: String,
    pub(crate) module: String,
    pub(crate) expires_ms: u64,
}

/// `POST /leases/{lease}/requests`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Rises from request to request; the same number asks for the same answer.
    pub(crate) number: u64,
    pub(crate) request: RequestForm,
}

/// Its answer, whatever the module said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub(crate) enum OutcomeForm {
    Permit {
        terminal_sequence: u32,
        mac1: String,
    },
    Credited,
    Mac {
        mac: String,
    },
    Fault(FaultForm),
}

/// A module of `GET /modules`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ModuleView {
    pub(crate) serial: String,
    pub(crate) terminal: String,
    pub(crate) state: String,
}

/// Why a request was not passed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RequestForm {
    Purchase {
        random: String,
        sequence: u16,
        amount_fen: u32,
        kind: u8,
        at: String,
        key_version: u8,
        algorithm: u8,
        card: String,
        issuer: String,
    },
    Credit {
        terminal_sequence: u32,
        mac2: String,
    },
    Lock {
        card: String,
        issuer: String,
        challenge: String,
        head: String,
        algorithm: u8,
    },
    Update {
        card: String,
        issuer: String,
        challenge: String,
        head: String,
        data: String,
        algorithm: u8,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub(crate) enum FaultForm {
    Mac2 {
        tries_left: Option<u8>,
    },
    Superseded {
        asked: u32,
        awaited: Option<u32>,
    },
    Key {
        version: u8,
        algorithm: u8,
    },
    Dates {
        day: String,
        starts: String,
        expires: String,
    },
    Exhausted,
    Locked,
    Memory,
    Refused {
        ins: u8,
        sw: u16,
    },
    Request,
    Absent,
    Timeout {
        waited_ms: u32,
    },
    Replaced {
        found: String,
        expected: String,
    },
    Sequence {
        found: u32,
        last: u32,
    },
    LeaseLost,
    Busy,
    /// One that this wire has no form for.
    Other,
}

/// Hex of exactly so many bytes.
pub(crate) fn array<const N: usize>(hex: &str) -> Option<[u8; N]> {
    hex_decode(hex).ok()?.try_into().ok()
}

pub(crate) fn lease_name(lease: Lease) -> String {
    format!("{:016x}{:016x}", lease.epoch, lease.number)
}

pub(crate) fn lease_of(name: &str) -> Option<Lease> {
    let bytes: [u8; 16] = array(name)?;
    let (epoch, number) = bytes.split_at(8);
    Some(Lease {
        epoch: u64::from_be_bytes(epoch.try_into().ok()?),
        number: u64::from_be_bytes(number.try_into().ok()?),
    })
}

/// An identity as its files lie on a module, one after the other.
pub(crate) fn identity_hex(identity: &PsamIdentity) -> String {
    const WIDE: &str = "every field is as wide as its value";
    let numbers = identity.numbers().encode().expect(WIDE);
    let info = identity.info().encode().expect(WIDE);
    hex_encode(&[&numbers[..], &info].concat())
}

pub(crate) fn identity_of(hex: &str) -> Option<PsamIdentity> {
    let bytes = hex_decode(hex).ok()?;
    let (numbers, info) = bytes.split_at_checked(PsamNumbers::LEN)?;
    let numbers = PsamNumbers::decode(numbers).ok()?;
    Some(PsamIdentity::of_files(
        &numbers,
        &PsamInfo::decode(info).ok()?,
    ))
}

impl RequestForm {
    pub(crate) fn of(request: &PsamRequest) -> Self {
        match request {
            PsamRequest::Purchase(p) => Self::Purchase {
                random: hex_encode(&p.random),
                sequence: p.sequence,
                amount_fen: p.amount.get(),
                kind: p.kind.0,
                at: hex_encode(&p.at.0),
                key_version: p.key_version,
                algorithm: p.algorithm,
                card: hex_encode(&p.card.0),
                issuer: hex_encode(&p.issuer.0),
            },
            PsamRequest::Credit(c) => Self::Credit {
                terminal_sequence: c.terminal_sequence,
                mac2: hex_encode(&c.mac2),
            },
            PsamRequest::Lock(l) => Self::Lock {
                card: hex_encode(&l.card.0),
                issuer: hex_encode(&l.issuer.0),
                challenge: hex_encode(&l.challenge),
                head: hex_encode(&l.head),
                algorithm: l.algorithm,
            },
            PsamRequest::UpdateMac(u) => Self::Update {
                card: hex_encode(&u.card.0),
                issuer: hex_encode(&u.issuer.0),
                challenge: hex_encode(&u.challenge),
                head: hex_encode(&u.head),
                data: hex_encode(&u.data),
                algorithm: u.algorithm,
            },
        }
    }

    /// The request; none when a field is not as long as it should be.
    pub(crate) fn read(&self) -> Option<PsamRequest> {
        Some(match self {
            Self::Purchase {
                random,
                sequence,
                amount_fen,
                kind,
                at,
                key_version,
                algorithm,
                card,
                issuer,
            } => PsamRequest::Purchase(PurchaseRequest {
                random: array(random)?,
                sequence: *sequence,
                amount: Amount::new(*amount_fen),
                kind: Kind(*kind),
                at: DateTime(array(at)?),
                key_version: *key_version,
                algorithm: *algorithm,
                card: CardFactor(array(card)?),
                issuer: Institution(array(issuer)?),
            }),
            Self::Credit {
                terminal_sequence,
                mac2,
            } => PsamRequest::Credit(CreditRequest {
                terminal_sequence: *terminal_sequence,
                mac2: array(mac2)?,
            }),
            Self::Lock {
                card,
                issuer,
                challenge,
                head,
                algorithm,
            } => PsamRequest::Lock(LockRequest {
                card: CardFactor(array(card)?),
                issuer: Institution(array(issuer)?),
                challenge: array(challenge)?,
                head: array(head)?,
                algorithm: *algorithm,
            }),
            Self::Update {
                card,
                issuer,
                challenge,
                head,
                data,
                algorithm,
            } => PsamRequest::UpdateMac(UpdateRequest {
                card: CardFactor(array(card)?),
                issuer: Institution(array(issuer)?),
                challenge: array(challenge)?,
                head: array(head)?,
                data: hex_decode(data).ok()?,
                algorithm: *algorithm,
            }),
        })
    }
}

impl OutcomeForm {
    pub(crate) fn of(outcome: &Result<PsamAnswer, PsamFault>) -> Self {
        match outcome {
            Ok(PsamAnswer::Permit {
                terminal_sequence,
                mac1,
            }) => Self::Permit {
                terminal_sequence: *terminal_sequence,
                mac1: hex_encode(mac1),
            },
            Ok(PsamAnswer::Credited) => Self::Credited,
            Ok(PsamAnswer::Mac(mac)) => Self::Mac {
                mac: hex_encode(mac),
            },
            Err(fault) => Self::Fault(FaultForm::of(fault)),
        }
    }

    pub(crate) fn read(&self) -> Result<PsamAnswer, PsamFault> {
        let four = |hex: &str| {
            array(hex).ok_or(PsamFault::Pool {
                what: "a code that is not four bytes",
            })
        };
        match self {
            Self::Permit {
                terminal_sequence,
                mac1,
            } => Ok(PsamAnswer::Permit {
                terminal_sequence: *terminal_sequence,
                mac1: four(mac1)?,
            }),
            Self::Credited => Ok(PsamAnswer::Credited),
            Self::Mac { mac } => Ok(PsamAnswer::Mac(four(mac)?)),
            Self::Fault(fault) => Err(fault.read()),
        }
    }
}

fn named(name: &str) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|info| info.en == name)
}

impl FaultForm {
    fn of(fault: &PsamFault) -> Self {
        match fault {
            PsamFault::Mac2 { tries_left } => Self::Mac2 {
                tries_left: *tries_left,
            },
            PsamFault::Superseded { asked, awaited } => Self::Superseded {
                asked: *asked,
                awaited: *awaited,
            },
            PsamFault::Key { version, algorithm } => Self::Key {
                version: *version,
                algorithm: *algorithm,
            },
            PsamFault::Dates {
                day,
                starts,
                expires,
            } => Self::Dates {
                day: hex_encode(&day.0),
                starts: hex_encode(&starts.0),
                expires: hex_encode(&expires.0),
            },
            PsamFault::Exhausted => Self::Exhausted,
            PsamFault::Locked => Self::Locked,
            PsamFault::Memory => Self::Memory,
            PsamFault::Refused { command, sw } => Self::Refused {
                ins: named(command).map_or(0, |info| info.ins),
                sw: sw.value(),
            },
            PsamFault::Request { .. } => Self::Request,
            PsamFault::Absent => Self::Absent,
            PsamFault::Timeout { waited_ms } => Self::Timeout {
                waited_ms: *waited_ms,
            },
            PsamFault::Replaced { found, expected } => Self::Replaced {
                found: hex_encode(&found.0),
                expected: hex_encode(&expected.0),
            },
            PsamFault::Sequence { found, last } => Self::Sequence {
                found: *found,
                last: *last,
            },
            PsamFault::LeaseLost => Self::LeaseLost,
            PsamFault::Busy => Self::Busy,
            _ => Self::Other,
        }
    }

    fn read(&self) -> PsamFault {
        let date = |hex: &str| Date(array(hex).unwrap_or_default());
        let serial = |hex: &str| PsamSerial(array(hex).unwrap_or_default());
        match self {
            Self::Mac2 { tries_left } => PsamFault::Mac2 {
                tries_left: *tries_left,
            },
            Self::Superseded { asked, awaited } => PsamFault::Superseded {
                asked: *asked,
                awaited: *awaited,
            },
            Self::Key { version, algorithm } => PsamFault::Key {
                version: *version,
                algorithm: *algorithm,
            },
            Self::Dates {
                day,
                starts,
                expires,
            } => PsamFault::Dates {
                day: date(day),
                starts: date(starts),
                expires: date(expires),
            },
            Self::Exhausted => PsamFault::Exhausted,
            Self::Locked => PsamFault::Locked,
            Self::Memory => PsamFault::Memory,
            Self::Refused { ins, sw } => {
                let info = COMMANDS.iter().find(|info| info.ins == *ins);
                PsamFault::Refused {
                    command: info.map_or("a command", |info| info.en),
                    sw: StatusWord::new(*sw),
                }
            }
            Self::Request => PsamFault::Request {
                what: "the pool cannot put it to a module",
                expected: "a purchase, or a command that fits one MAC",
            },
            Self::Absent => PsamFault::Absent,
            Self::Timeout { waited_ms } => PsamFault::Timeout {
                waited_ms: *waited_ms,
            },
            Self::Replaced { found, expected } => PsamFault::Replaced {
                found: serial(found),
                expected: serial(expected),
            },
            Self::Sequence { found, last } => PsamFault::Sequence {
                found: *found,
                last: *last,
            },
            Self::LeaseLost => PsamFault::LeaseLost,
            Self::Busy => PsamFault::Busy,
            Self::Other => PsamFault::Pool {
                what: "the module's answer could not be read there",
            },
        }
    }
}

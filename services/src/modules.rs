//! The register of PSAMs: which module the acquirer admitted to which terminal, from when until
//! when; and what becomes of records of other modules.
//!
//! The register counts from its first entry on: an acquirer that admits none takes every module's
//! records, as before it kept a register. From then on a record names a module that was admitted to
//! its terminal at the time of the ride, or it is refused, kept as evidence and told of.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_codec::hex_encode;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::Terminal as Number;
use tongtu_sql::{PsamRow, Tx};
use tongtu_tap_record::{RecordKind, TapRecord};
use tongtu_terminal::tap::ModuleReport;
use tongtu_types::{TerminalNumber, Timestamp};

use crate::node::alarm;
use crate::{Node, ServiceError, stored};

/// Another city's module, or one of an issuer or with keys that are not the city's.
const FOREIGN: &str = "psam.foreign";
/// A module that the acquirer did not admit, or not at that time.
const NOT_ADMITTED: &str = "psam.not_admitted";
/// A module in another terminal than the one that it was admitted to.
const MOVED: &str = "psam.moved";

/// A PSAM at a terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PsamAdmission {
    /// The module.
    pub psam: PsamSerial,
    /// The terminal.
    pub terminal: TerminalNumber,
    /// First moment.
    pub began: Timestamp,
    /// First moment after it, once it is over.
    pub ended: Option<Timestamp>,
}

/// Why a record of a module is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ModuleRefusal {
    /// The alarm that tells of it.
    pub(crate) code: &'static str,
    /// What it is about: module and terminal, so that a thousand records are one alarm.
    pub(crate) subject: String,
    /// In words.
    pub(crate) reason: String,
}

/// The part of the register that an upload needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Register {
    /// None, where the acquirer keeps none.
    admitted: Option<BTreeMap<PsamSerial, Vec<PsamAdmission>>>,
}

impl Register {
    /// What the register says of the modules in these records.
    pub(crate) async fn of(tx: &mut Tx, records: &[Vec<u8>]) -> Result<Self, ServiceError> {
        let taps = records.iter().filter(|bytes| TapRecord::is_one(bytes));
        let read = taps.filter_map(|bytes| TapRecord::decode_signed(bytes).ok());
        let modules: BTreeSet<PsamSerial> = read.map(|record| record.psam).collect();
        if modules.is_empty() || !tx.psam_register_begun().await? {
            return Ok(Self::default());
        }
        let mut admitted = BTreeMap::new();
        for psam in modules {
            let rows = tx.psam_admissions(&hex(psam)).await?;
            let admissions: Result<Vec<_>, _> = rows.iter().map(admission).collect();
            admitted.insert(psam, admissions?);
        }
        Ok(Self {
            admitted: Some(admitted),
        })
    }

    /// Whether a record of this terminal was made with a module that was admitted to it.
    pub(crate) fn check(
        &self,
        record: &TapRecord,
        terminal: TerminalNumber,
        at: Timestamp,
    ) -> Result<(), ModuleRefusal> {
        let Some(admitted) = &self.admitted else {
            return Ok(());
        };
        // A face needs no module.
        if record.kind == RecordKind::Face {
            return Ok(());
        }
        let psam = record.psam;
        let refuse = |code, reason| {
            let subject = format!("{psam}/{terminal}");
            Err(ModuleRefusal {
                code,
                subject,
                reason,
            })
        };
        let mut known = admitted.get(&psam).into_iter().flatten();
        let covering =
            known.find(|entry| entry.began <= at && entry.ended.is_none_or(|ended| at < ended));
        let Some(entry) = covering else {
            let reason = format!("PSAM {psam} was not admitted to terminal {terminal} at {at}");
            return refuse(NOT_ADMITTED, reason);
        };
        let found = entry.terminal;
        // Recovered for another terminal of the group, whose module paid.
        if record.terminal != record.recorder {
            if is_number_of(record.terminal, found) {
                return Ok(());
            }
        } else if found == terminal {
            return Ok(());
        }
        let reason = format!("PSAM {psam} is admitted to terminal {found}, and {terminal} used it");
        refuse(MOVED, reason)
    }
}

impl Node {
    /// Admits a PSAM to a terminal, from now on. Repeated, it changes nothing. A PSAM is in one
    /// terminal: withdraw it from another one first.
    ///
    /// # Errors
    /// [`ServiceError::TerminalUnknown`], [`ServiceError::PsamElsewhere`].
    pub async fn psam_admit(
        &self,
        psam: PsamSerial,
        terminal: TerminalNumber,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().write().await?;
        if tx.terminal(terminal.as_str()).await?.is_none() {
            return Err(ServiceError::TerminalUnknown { terminal });
        }
        let row = PsamRow {
            psam: hex(psam),
            terminal: terminal.as_str().to_owned(),
            began: now.get(),
            ended: 0,
        };
        if !tx.psam_admit(&row).await? {
            let rows = tx.psam_admissions(&row.psam).await?;
            let there = rows.last().filter(|there| there.ended == 0);
            if there.is_none_or(|there| there.terminal != row.terminal) {
                let there = there.map(|there| stored::terminal(&there.terminal));
                let terminal = there.transpose()?.unwrap_or(terminal);
                return Err(ServiceError::PsamElsewhere { psam, terminal });
            }
        }
        Ok(tx.commit().await?)
    }

    /// Withdraws a PSAM from its terminal: rides from now on are not its any more, those before
    /// may still come.
    ///
    /// # Errors
    /// [`ServiceError::PsamUnknown`] when it is in no terminal.
    pub async fn psam_withdraw(
        &self,
        psam: PsamSerial,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().write().await?;
        if !tx.psam_withdraw(&hex(psam), now.get()).await? {
            return Err(ServiceError::PsamUnknown { psam });
        }
        Ok(tx.commit().await?)
    }

    /// Where a PSAM was and is, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn psam_admissions(
        &self,
        psam: PsamSerial,
    ) -> Result<Vec<PsamAdmission>, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().read().await?;
        let rows = tx.psam_admissions(&hex(psam)).await?;
        rows.iter().map(admission).collect()
    }
}

/// Tells somebody of modules that are not taken.
pub(crate) async fn modules_told(
    tx: &mut Tx,
    refusals: &[Box<ModuleRefusal>],
    now: Timestamp,
) -> Result<(), ServiceError> {
    for refusal in refusals {
        let message = refusal.reason.clone();
        alarm(tx, refusal.code, &refusal.subject, message, now).await?;
    }
    Ok(())
}

/// What a terminal's report of a module says, as the reason why it stands among what was refused.
pub(crate) fn reported(report: &ModuleReport, terminal: TerminalNumber) -> ModuleRefusal {
    let record = report.record();
    let (psam, receiver, issuer) = (report.psam(), record.receiver, record.issuer);
    let (code, what) = match report.fault() {
        1 => (FOREIGN, format!("it was given to {receiver}")),
        2 => (FOREIGN, format!("it is of issuer {issuer}")),
        3 => (
            FOREIGN,
            format!("its key index is {:02X}", record.key_index),
        ),
        4 => (NOT_ADMITTED, "it was not admitted".to_owned()),
        _ => (
            MOVED,
            format!(
                "it speaks for terminal {}",
                hex_encode(&record.speaks_for.0)
            ),
        ),
    };
    ModuleRefusal {
        code,
        subject: format!("{psam}/{terminal}"),
        reason: format!("terminal {terminal} takes no money with PSAM {psam}: {what}"),
    }
}

fn admission(row: &PsamRow) -> Result<PsamAdmission, ServiceError> {
    let bytes = tongtu_codec::hex_decode(&row.psam).ok();
    let serial = bytes.and_then(|bytes| bytes.try_into().ok());
    let serial = serial.ok_or(ServiceError::Stored {
        what: "serial number of a PSAM",
    })?;
    Ok(PsamAdmission {
        psam: PsamSerial(serial),
        terminal: stored::terminal(&row.terminal)?,
        began: Timestamp::new(row.began),
        ended: (row.ended != 0).then(|| Timestamp::new(row.ended)),
    })
}

fn hex(psam: PsamSerial) -> String {
    hex_encode(&psam.0)
}

fn is_number_of(Number(bytes): Number, terminal: TerminalNumber) -> bool {
    hex_encode(&bytes) == terminal.as_str()
}

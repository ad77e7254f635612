//! Stages and steps of certificates and roots, and who may take which.

use alloc::string::String;
use core::fmt::{self, Write as _};

use tongtu_codec::closed;

use crate::code::{Ring, Role};

closed! {
    /// How far a certificate is.
    CertificateStage as Ring, "a stage from 01 to 09" {
        /// The issuer has a serial number to apply with.
        Drafted = 0x01, "drafted", "已起草";
        /// The issuer applied.
        Submitted = 0x02, "submitted", "已提交";
        /// The province approved.
        Approved = 0x03, "approved by the province", "省级已批准";
        /// The authority signed.
        Issued = 0x04, "issued", "已签发";
        /// Not given.
        Refused = 0x05, "refused", "未通过";
        /// Its issuer signs with it.
        Active = 0x06, "active", "使用中";
        /// Its issuer signs with a newer one; codes made under it are good.
        Superseded = 0x07, "superseded", "已被取代";
        /// Its month is over.
        Expired = 0x08, "expired", "已过期";
        /// Taken away.
        Revoked = 0x09, "revoked", "已吊销";
    }
}

closed! {
    /// What can happen to a root or a certificate.
    Step as Ring, "a step of the authority's table" {
        /// A root signed itself.
        RootIssued = 0x01, "root issued", "根证书签发";
        /// A root is not handed out any more.
        RootRetired = 0x02, "root retired", "根证书停用";
        /// A root's month is over.
        RootExpired = 0x03, "root expired", "根证书过期";
        /// A root's end was announced.
        RootNoticed = 0x04, "root noticed", "根证书到期通知";
        /// An issuer begins.
        Drafted = 0x10, "drafted", "起草";
        /// An issuer applies.
        Submitted = 0x11, "submitted", "提交";
        /// The province approves.
        Approved = 0x12, "approved by the province", "省级批准";
        /// The province or the nation refuses.
        Refused = 0x13, "refused", "不通过";
        /// The authority signs.
        Issued = 0x14, "issued", "签发";
        /// The issuer signs with it from now on.
        Activated = 0x15, "activated", "启用";
        /// Its month is over.
        Expired = 0x16, "expired", "过期";
        /// It is taken away.
        Revoked = 0x17, "revoked", "吊销";
        /// Its end was announced.
        Noticed = 0x20, "noticed", "到期通知";
    }
}

impl CertificateStage {
    /// Whether terminals take codes under such a certificate, as far as its stage goes.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Active | Self::Superseded)
    }
}

/// Stages in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateStages(pub &'static [CertificateStage]);

impl fmt::Display for CertificateStages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stage) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{stage}")?;
        }
        Ok(())
    }
}

/// One row of the table. A step may have two rows that differ in what it follows on.
#[derive(Debug, Clone, Copy)]
pub struct Duty {
    /// The step.
    pub step: Step,
    /// The first officer's role; `None` where the book itself takes the step.
    pub first: Option<Role>,
    /// The second officer's role, where the step takes two persons.
    pub second: Option<Role>,
    /// The stages after which it may follow; empty for roots and for what begins something.
    pub after: &'static [CertificateStage],
}

const fn duty(
    step: Step,
    first: Option<Role>,
    second: Option<Role>,
    after: &'static [CertificateStage],
) -> Duty {
    Duty {
        step,
        first,
        second,
        after,
    }
}

/// Who may take which step. UNSPECIFIED: as for keys, the draft says which body; persons and
/// their number are ours.
pub const DUTIES: &[Duty] = {
    use CertificateStage::{Active, Approved, Drafted, Issued, Submitted, Superseded};
    use Role::{
        HolderCustodian, NationApprover, NationCustodian, NationOfficer, ProvinceApprover,
        ProvinceOfficer, Supervisor,
    };
    &[
        duty(
            Step::RootIssued,
            Some(NationCustodian),
            Some(NationCustodian),
            &[],
        ),
        duty(
            Step::RootRetired,
            Some(NationOfficer),
            Some(NationApprover),
            &[],
        ),
        duty(Step::RootExpired, None, None, &[]),
        duty(Step::RootNoticed, None, None, &[]),
        duty(Step::Drafted, Some(HolderCustodian), None, &[]),
        duty(Step::Submitted, Some(HolderCustodian), None, &[Drafted]),
        duty(
            Step::Approved,
            Some(ProvinceOfficer),
            Some(ProvinceApprover),
            &[Submitted],
        ),
        duty(Step::Refused, Some(ProvinceApprover), None, &[Submitted]),
        duty(Step::Refused, Some(NationApprover), None, &[Approved]),
        duty(
            Step::Issued,
            Some(NationCustodian),
            Some(NationCustodian),
            &[Approved],
        ),
        duty(
            Step::Activated,
            Some(HolderCustodian),
            Some(HolderCustodian),
            &[Issued],
        ),
        duty(Step::Expired, None, None, &[Issued, Active, Superseded]),
        duty(
            Step::Revoked,
            Some(Supervisor),
            Some(Supervisor),
            &[Issued, Active, Superseded],
        ),
        duty(Step::Noticed, None, None, &[Active]),
    ]
};

impl Duty {
    /// The row of a step that follows on a stage; without one, any row of the step.
    pub(super) fn of(step: Step, stage: Option<CertificateStage>) -> (&'static Self, bool) {
        let mut rows = DUTIES.iter().filter(|duty| duty.step == step);
        let first = rows
            .clone()
            .next()
            .expect("the table has a row for every step");
        match stage {
            None => (first, first.after.is_empty()),
            Some(stage) => match rows.find(|duty| duty.after.contains(&stage)) {
                Some(row) => (row, true),
                None => (first, false),
            },
        }
    }
}

/// The table as docs/keys.md shows it.
#[must_use]
pub fn duties_markdown() -> String {
    let mut out = String::from(
        "| step | 步骤 | first officer | second officer | may follow |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for duty in DUTIES {
        let role = |role: Option<Role>, none| role.map_or(none, Role::en);
        let (first, second) = (role(duty.first, "the book itself"), role(duty.second, "–"));
        let after = match duty.after {
            [] => String::from("–"),
            stages => alloc::format!("{}", CertificateStages(stages)),
        };
        let (en, zh) = (duty.step.en(), duty.step.zh());
        writeln!(out, "| {en} | {zh} | {first} | {second} | {after} |")
            .expect("writing to a String does not fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_row() {
        for step in Step::ALL {
            assert!(DUTIES.iter().any(|duty| duty.step == *step), "{step}");
        }
    }

    #[test]
    fn whatever_signs_or_takes_away_takes_two() {
        for step in [
            Step::RootIssued,
            Step::RootRetired,
            Step::Approved,
            Step::Issued,
            Step::Revoked,
        ] {
            assert!(Duty::of(step, None).0.second.is_some(), "{step}");
        }
    }
}

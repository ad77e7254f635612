//! Whether an event is what an act asked for: what officers signed is compared with what the books
//! say, when a room is opened.

use tongtu_keyring::{Event, What, ca, register};

use super::act::Act;

impl Act {
    /// Whether an event of the key book comes of this act.
    pub(crate) fn covers_key(&self, event: &Event) -> bool {
        if self.key().is_some() && event.key != self.key() {
            return false;
        }
        match (self, event.what) {
            (
                Self::RegisterCity { city, province },
                What::CityRegistered {
                    city: found,
                    province: of,
                },
            ) => (*city, *province) == (found, of),
            (Self::Apply(application), What::Requested(request)) => {
                application.batch == request.batch
                    && application.province == request.province
                    && application.lines.iter().any(|line| {
                        (line.holder, line.slot, line.index, line.from, line.until)
                            == (
                                request.holder,
                                request.slot,
                                request.index,
                                request.from,
                                request.until,
                            )
                    })
            }
            (Self::Distribute { custody, .. }, What::Distributed(found)) => *custody == found,
            (Self::Reject { cause, .. }, What::Rejected(found))
            | (Self::Suspend { cause, .. }, What::Suspended(found))
            | (Self::Revoke { cause, .. }, What::Revoked(found)) => *cause == found,
            (Self::Approve { .. }, What::Approved)
            | (Self::Generate { .. }, What::Generated(_))
            | (Self::Activate { .. }, What::Activated(_))
            | (Self::Review { .. }, What::Reviewed)
            | (Self::Resume { .. }, What::Resumed)
            | (Self::Withdraw { .. }, What::Withdrawn) => true,
            _ => false,
        }
    }

    /// Whether an event of the authority's book comes of this act.
    pub(crate) fn covers_authority(&self, event: &ca::Event) -> bool {
        use ca::What as W;
        match (self, &event.what) {
            (Self::IssueRoot { ca_index, expiry }, W::RootIssued(root)) => {
                (*ca_index, *expiry) == (root.ca_index, root.expiry)
            }
            (
                Self::RetireRoot { ca_index, cause },
                W::RootRetired {
                    ca_index: found,
                    cause: why,
                },
            ) => (ca_index, cause) == (found, why),
            (
                Self::Draft {
                    issuer,
                    ca_index,
                    expiry,
                },
                W::Drafted(draft),
            ) => (*issuer, *ca_index, *expiry) == (draft.issuer, draft.ca_index, draft.expiry),
            (
                Self::Submit {
                    certificate,
                    application,
                },
                W::Submitted(found),
            ) => *certificate == event.certificate && **application == *found,
            // That the application is of the approved key, the books compare themselves.
            (Self::SubmitOf { certificate, .. }, W::Submitted(_))
            | (Self::ApproveCertificate { certificate }, W::Approved)
            | (Self::IssueCertificate { certificate }, W::Issued(_))
            | (Self::ActivateCertificate { certificate }, W::Activated { .. }) => {
                *certificate == event.certificate
            }
            (Self::RefuseCertificate { certificate, cause }, W::Refused(found))
            | (Self::RevokeCertificate { certificate, cause }, W::Revoked(found)) => {
                *certificate == event.certificate && cause == found
            }
            _ => false,
        }
    }

    /// Whether an event of the register comes of this act.
    pub(crate) fn covers_officer(&self, event: &register::Event) -> bool {
        use register::What as W;
        match (self, event.what) {
            (Self::Found(founders), W::Founded(found)) => founders.contains(&found),
            (Self::Register(credential), W::Registered(found)) => **credential == found,
            (Self::Rotate { entry, public_key }, W::Rotated { public_key: found }) => {
                (*entry, *public_key) == (event.entry, found)
            }
            (Self::End { entry, cause }, W::Ended(found)) => {
                (*entry, *cause) == (event.entry, found)
            }
            (Self::Unlock { entry }, W::Unlocked) => *entry == event.entry,
            _ => false,
        }
    }
}

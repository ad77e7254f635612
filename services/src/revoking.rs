//! Revocation: what the roots say is revoked, and since when.
//!
//! A node keeps the newest list of each root. Acquirers hand its content to terminals in their next
//! list bundle; hubs judge rides by it; an issuer whose own certificate is revoked issues nothing.

use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{RevocationError, RevocationList, Root, RootTable};
use tongtu_sql::{RevocationRow, Tx};
use tongtu_terminal::lists::ISSUER_CERTIFICATES_MAX;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::{Node, ServiceError};

/// The newest revocation list of each root, as far as the node has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revocations(Vec<RevocationList>);

impl Revocations {
    /// Since when codes under a certificate rest on nothing any more.
    pub(crate) fn since(&self, certificate: &IssuerCertificate) -> Option<Timestamp> {
        let name = (certificate.issuer, certificate.serial);
        let mut lists = self.0.iter();
        let list = lists.find(|list| list.ca_index == certificate.ca_index)?;
        list.revoked_since(&name)
    }

    /// The roots that are not over.
    pub(crate) fn standing(&self, roots: &RootTable) -> RootTable {
        let over = |root: &Root| {
            let mut lists = self.0.iter();
            lists.any(|list| {
                list.ca_index == root.certificate().ca_index && list.root_ended_at.is_some()
            })
        };
        RootTable::new(roots.iter().filter(|root| !over(root)).cloned())
    }

    /// Every revoked certificate, as terminals keep them.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = (InstitutionCode, [u8; 3])> {
        self.0.iter().flat_map(|list| list.revoked.keys().copied())
    }
}

impl Node {
    /// Takes the revocation list (吊销名单) of a root; gives its version. Repeated, it changes
    /// nothing. Terminals are handed what is new in it with their next list bundle.
    ///
    /// # Errors
    /// [`ServiceError::Revocations`] when it is not the root's, or older than the one held.
    pub async fn revocations_take(
        &self,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        let list = RevocationList::open(bytes, &self.config().roots)?;
        let version = i64::try_from(list.version);
        let row = RevocationRow {
            ca_index: i64::from(list.ca_index),
            version: version.map_err(|_| ServiceError::Stored {
                what: "revocation list's version",
            })?,
            taken_at: now.get(),
            body: bytes.to_vec(),
        };
        let mut tx = self.store().write().await?;
        let rows = tx.revocation_lists().await?;
        let held = rows.iter().find(|held| held.ca_index == row.ca_index);
        if held.is_some_and(|held| held.body == row.body) {
            return Ok(list.version);
        }
        if let Some(held) = held {
            list.check_follows(&RevocationList::open(&held.body, &self.config().roots)?)?;
        }
        tx.revocation_list_set(&row).await?;
        let all = self.revocations(&mut tx).await?;
        let found = all.certificates().count();
        if found > ISSUER_CERTIFICATES_MAX {
            // Better refused here than by every terminal.
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(RevocationError::Count { found }.into());
        }
        if self.acquirer().is_ok() {
            self.list_version_raise(&mut tx, now).await?;
        }
        tx.commit().await?;
        Ok(list.version)
    }

    /// What the roots said last. A list of a root that the configuration has no more is left out.
    pub(crate) async fn revocations(&self, tx: &mut Tx) -> Result<Revocations, ServiceError> {
        let mut lists = Vec::new();
        for row in tx.revocation_lists().await? {
            match RevocationList::open(&row.body, &self.config().roots) {
                Ok(list) => lists.push(list),
                Err(RevocationError::RootUnknown { .. }) => {}
                Err(_) => {
                    return Err(ServiceError::Stored {
                        what: "revocation list",
                    });
                }
            }
        }
        Ok(Revocations(lists))
    }
}

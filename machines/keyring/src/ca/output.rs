//! What terminals take from the authority, in the bytes that they take.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_crypto::Signer;
use tongtu_ride_code::layout::RootCertificate;
use tongtu_ride_code::root_file::RootFile;
use tongtu_ride_code::{RevocationList, Root, RootTable};
use tongtu_types::{InstitutionCode, Timestamp};

use super::authority::Authority;
use super::code::CertificateStage;
use super::refusal::Refusal;

impl Authority {
    /// The roots that are not at an end, by index.
    fn standing(&self) -> impl Iterator<Item = &Root> {
        let standing = self.roots().filter(|entry| !entry.ended);
        standing.map(|entry| entry.root())
    }

    /// The root file. Its version rises whenever a root comes or goes, so that nobody goes back to
    /// an older one; a root whose month is over stays until that is recorded, and terminals refuse
    /// it by its month.
    #[must_use]
    pub fn root_file(&self) -> RootFile {
        let roots: Vec<RootCertificate> = self
            .standing()
            .map(|root| root.certificate().clone())
            .collect();
        RootFile::of_roots(self.root_version, &roots)
    }

    /// The roots under which codes are good at `at`.
    #[must_use]
    pub fn root_table(&self, at: Timestamp) -> RootTable {
        let live = self.roots().filter(|entry| entry.is_live(at));
        RootTable::new(live.map(|entry| entry.root().clone()))
    }

    /// Root certificates under the names that terminals know: `01010000.JG02`.
    #[must_use]
    pub fn root_certificates(&self) -> Vec<(String, Vec<u8>)> {
        let file = |root: &Root| {
            let bytes = root.certificate().encode();
            (root.file_name(), bytes.expect("it was decoded or made"))
        };
        self.standing().map(file).collect()
    }

    /// Issuer certificates that are issued or good at `at`, under the names that terminals know:
    /// issuer, serial number, month, `.IG` and the root's index.
    #[must_use]
    pub fn issuer_certificates(&self, at: Timestamp) -> Vec<(String, Vec<u8>)> {
        self.certificates()
            .filter(|entry| entry.stage() == CertificateStage::Issued || self.is_good(entry, at))
            .filter_map(|entry| entry.certificate())
            .map(|certificate| {
                let bytes = certificate.encode();
                let bytes = bytes.expect("it was decoded or made");
                (certificate.file_name(), bytes)
            })
            .collect()
    }

    /// The revoked certificates whose month is not over at `at`, by issuer and serial number, as
    /// terminals keep them. After its month a certificate is refused without a list.
    #[must_use]
    pub fn revoked(&self, at: Timestamp) -> BTreeSet<(InstitutionCode, [u8; 3])> {
        self.certificates()
            .filter(|entry| entry.stage() == CertificateStage::Revoked)
            .filter(|entry| !entry.draft().expiry.is_past(at))
            .map(|entry| (entry.draft().issuer, entry.draft().serial))
            .collect()
    }

    /// The revocation list of a root at `at`, as its key signs it for nodes and terminals. A root
    /// that is retired says so in its last list.
    ///
    /// Its version is the number of the book's last event, so that a list of a longer book is the
    /// newer one. It repeats what was decided, and so it is no step of the book.
    ///
    /// # Errors
    /// [`Refusal::NoRoot`] for an index that was never given, [`Refusal::ForeignSigner`] for another
    /// key than the root's; what the signer says.
    pub fn revocation_list(
        &self,
        ca_index: u8,
        at: Timestamp,
        signer: &mut dyn Signer,
    ) -> Result<Vec<u8>, Refusal> {
        let entry = self.roots.get(&ca_index);
        let entry = entry.ok_or(Refusal::NoRoot { ca_index })?;
        if signer.public() != *entry.root().key() {
            return Err(Refusal::ForeignSigner { ca_index });
        }
        let revoked = self.certificates().filter_map(|certificate| {
            let draft = certificate.draft();
            let listed = draft.ca_index == ca_index && !draft.expiry.is_past(at);
            let since = certificate.revoked_at().filter(|_| listed)?;
            Some(((draft.issuer, draft.serial), since))
        });
        let list = RevocationList {
            ca_index,
            version: self.last_number(),
            issued_at: at,
            root_ended_at: entry.retired_at,
            revoked: revoked.collect(),
        };
        list.sign_with(entry.root(), |bytes| {
            signer.sign_checked(bytes).map_err(Refusal::from)
        })
    }
}

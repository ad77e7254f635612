//! Papers of a node, and notes of keys for it.

use tongtu_api::{self as api, path};
use tongtu_services::Paper;
use tongtu_types::InstitutionCode;

use super::transfer::{Begun, Offer, offered};
use super::{Client, ClientError};

/// A paper that a node has in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaperThere {
    /// Which.
    pub paper: Paper,
    /// Its version.
    pub version: u64,
    /// The SM3 digest of its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

impl Client {
    /// Lists the papers that the node goes by. A paper that is not known here is left out: newer
    /// nodes may have more.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn papers(&self) -> Result<Vec<PaperThere>, ClientError> {
        let request = self.get(path::PAPERS, path::PAPERS.into());
        let malformed = request.malformed();
        let view: api::PapersView = request.json().await?;
        let known = view.papers.iter().filter_map(|view| {
            let paper = view.paper.parse().ok()?;
            Some((paper, view))
        });
        let there = |(paper, view): (Paper, &api::PaperView)| {
            Ok(PaperThere {
                paper,
                version: view.version,
                digest: view.digest.0.as_slice().try_into().map_err(|_| {
                    let found = view.digest.0.len();
                    malformed.what(format!("digest of {found} bytes, expected 32"))
                })?,
                length: view.length,
            })
        };
        known.map(there).collect()
    }

    /// Asks for a paper, or for the rest of it where the beginning is there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn paper_offer(
        &self,
        paper: Paper,
        begun: Option<&Begun>,
    ) -> Result<Offer, ClientError> {
        let at = path::paper(&paper.to_string());
        offered(self.get(path::PAPER, at), begun).await
    }

    /// Reads what the node's keys were used for, after a line.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn key_uses(&self, after: u64) -> Result<api::KeyUsesView, ClientError> {
        let at = format!("{}?after={after}", path::KEY_USES);
        self.get(path::KEY_USES, at).json().await
    }

    /// Brings notes of keys in the name of `institution`; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when one is of a node that is neither its own nor below it.
    pub async fn key_notes_bring(
        &self,
        institution: InstitutionCode,
        notes: Vec<api::KeyNote>,
    ) -> Result<api::KeyNotesTaken, ClientError> {
        let institution = institution.as_str().into();
        let body = api::KeyNotesPut { institution, notes };
        let request = self.post(path::KEY_NOTES, path::KEY_NOTES.into());
        request.body(&body).json().await
    }
}

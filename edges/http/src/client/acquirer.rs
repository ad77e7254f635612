//! An acquirer's terminals: their records, their lists, their modules.

use tongtu_api::{self as api, path};
use tongtu_blacklist::{ListedNumber, Span};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_psam::PsamSerial;
use tongtu_terminal::ChainedRecord;
use tongtu_types::{CardNumber, TerminalNumber};

use super::transfer::{Begun, Offer, offered, whole};
use super::{Client, ClientError, hex};

impl Client {
    /// Registers a terminal.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the terminal has another key.
    pub async fn terminal_register(
        &self,
        terminal: TerminalNumber,
        serial: [u8; 4],
        public_key: &PublicKey,
    ) -> Result<(), ClientError> {
        let body = api::TerminalRegister {
            terminal: terminal.as_str().into(),
            serial: hex(&serial),
            public_key: hex(&public_key.to_compressed()),
        };
        let request = self.post(path::TERMINALS, path::TERMINALS.into());
        request.body(&body).empty().await
    }

    /// Uploads a terminal's records; the answer has one outcome per record, in their order.
    ///
    /// # Errors
    /// [`ClientError`]; nothing was acknowledged then.
    pub async fn records_upload(
        &self,
        terminal: TerminalNumber,
        records: &[Vec<u8>],
    ) -> Result<Vec<api::UploadOutcome>, ClientError> {
        let body = api::RecordsUpload {
            records: records.iter().map(|record| hex(record)).collect(),
            chain: None,
        };
        self.upload(terminal, &body).await
    }

    /// Uploads a terminal's records with their places in its chain, and its signature over those
    /// ([`tongtu_terminal::sealed`]).
    ///
    /// # Errors
    /// [`ClientError`]; nothing was acknowledged then.
    pub async fn records_upload_chained(
        &self,
        terminal: TerminalNumber,
        records: &[ChainedRecord],
        seal: &Signature,
    ) -> Result<Vec<api::UploadOutcome>, ClientError> {
        let link = |sent: &ChainedRecord| api::ChainLink {
            number: sent.seq,
            before: hex(&sent.before),
            value: hex(&sent.chain),
        };
        let chain = api::UploadChain {
            links: records.iter().map(link).collect(),
            seal: hex(&seal.0),
        };
        let body = api::RecordsUpload {
            records: records.iter().map(|sent| hex(&sent.record)).collect(),
            chain: Some(chain),
        };
        self.upload(terminal, &body).await
    }

    async fn upload(
        &self,
        terminal: TerminalNumber,
        body: &api::RecordsUpload,
    ) -> Result<Vec<api::UploadOutcome>, ClientError> {
        let at = path::terminal_records(terminal.as_str());
        let request = self.post(path::TERMINAL_RECORDS, at).body(body);
        let malformed = request.malformed();
        let api::RecordsUploaded { outcomes } = request.json().await?;
        let (found, expected) = (outcomes.len(), body.records.len());
        if found != expected {
            return Err(malformed.what(format!("{found} outcomes, expected {expected}")));
        }
        Ok(outcomes)
    }

    /// Follows a terminal's chain from its beginning again, because its memory was replaced; what
    /// was before stays.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn chain_begin_anew(
        &self,
        terminal: TerminalNumber,
        reason: &str,
    ) -> Result<(), ClientError> {
        let body = api::ChainBeginAnew {
            reason: reason.into(),
        };
        let at = path::terminal_chain(terminal.as_str());
        let request = self.post(path::TERMINAL_CHAIN, at);
        request.body(&body).empty().await
    }

    /// Views the chains over terminals' records.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn chains_view(&self) -> Result<api::ChainsView, ClientError> {
        self.get(path::CHAINS, path::CHAINS.into()).json().await
    }

    /// Fetches the signed lists if they are newer than version `after`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lists_current(&self, after: u64) -> Result<Option<Vec<u8>>, ClientError> {
        whole(self.lists_offer(after, None).await?).await
    }

    /// Asks for the signed lists if they are newer than version `after`, or for the rest of them
    /// where the beginning is there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lists_offer(
        &self,
        after: u64,
        begun: Option<&Begun>,
    ) -> Result<Offer, ClientError> {
        let request = self.get(path::LISTS, path::LISTS.into());
        let request = request.query(&api::ListsQuery { after });
        offered(request, begun).await
    }

    /// Adds accounts to the blacklist; answers the lists' new version.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn blacklist_add(&self, accounts: &[CardNumber]) -> Result<u64, ClientError> {
        let accounts = accounts.iter().map(|a| a.reveal().into()).collect();
        let body = api::BlacklistAdd { accounts };
        let request = self.post(path::BLACKLIST, path::BLACKLIST.into());
        let api::BlacklistView { version } = request.body(&body).json().await?;
        Ok(version)
    }

    /// Fetches the signed file that leads from version `after` of the card blacklist to the
    /// newest, if there is a newer one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_blacklist_current(&self, after: u64) -> Result<Option<Vec<u8>>, ClientError> {
        whole(self.card_blacklist_offer(after, None, None).await?).await
    }

    /// Asks for the same, or for the rest of the file that leads to version `to` where the
    /// beginning of that one is there.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_blacklist_offer(
        &self,
        after: u64,
        to: Option<u64>,
        begun: Option<&Begun>,
    ) -> Result<Offer, ClientError> {
        let request = self.get(path::CARD_BLACKLIST, path::CARD_BLACKLIST.into());
        let request = request.query(&api::CardBlacklistQuery { after, to });
        offered(request, begun).await
    }

    /// Changes the card blacklist; answers its version. Safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when an entry is listed in part or with others.
    pub async fn card_blacklist_change(
        &self,
        listed: &[Span],
        removed: &[Span],
    ) -> Result<u64, ClientError> {
        let digits = |number: ListedNumber| number.card().reveal().to_owned();
        let span = |span: &Span| api::CardSpan {
            low: digits(span.low()),
            high: (!span.is_single()).then(|| digits(span.high())),
        };
        let body = api::CardBlacklistChange {
            listed: listed.iter().map(span).collect(),
            removed: removed.iter().map(span).collect(),
        };
        let request = self.post(path::CARD_BLACKLIST, path::CARD_BLACKLIST.into());
        let api::BlacklistView { version } = request.body(&body).json().await?;
        Ok(version)
    }

    /// Sends a terminal's signed report of its lists; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when it is not this terminal's own.
    pub async fn coverage_report(
        &self,
        terminal: TerminalNumber,
        report: &[u8],
    ) -> Result<(), ClientError> {
        let at = path::terminal_coverage(terminal.as_str());
        let body = api::CoverageReport {
            report: hex(report),
        };
        let request = self.post(path::TERMINAL_COVERAGE, at).body(&body);
        request.empty().await
    }

    /// Brings the revocation list of a root; gives the version that is held then.
    ///
    /// # Errors
    /// [`ClientError`]; refused when it is not the root's, or older.
    pub async fn revocations_take(&self, list: &[u8]) -> Result<u64, ClientError> {
        let body = api::RevocationsPut { list: hex(list) };
        let request = self.post(path::REVOCATIONS, path::REVOCATIONS.into());
        let api::RevocationsView { version } = request.body(&body).json().await?;
        Ok(version)
    }

    /// Admits a PSAM to a terminal; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; a conflict while it is in another terminal.
    pub async fn psam_admit(
        &self,
        psam: PsamSerial,
        terminal: TerminalNumber,
    ) -> Result<(), ClientError> {
        let body = api::PsamAdmit {
            psam: hex(&psam.0),
            terminal: terminal.as_str().into(),
        };
        let request = self.post(path::PSAMS, path::PSAMS.into());
        request.body(&body).empty().await
    }

    /// Withdraws a PSAM from its terminal.
    ///
    /// # Errors
    /// [`ClientError`]; not found when it is in none.
    pub async fn psam_withdraw(&self, psam: PsamSerial) -> Result<(), ClientError> {
        let body = api::PsamWithdraw { psam: hex(&psam.0) };
        let request = self.post(path::PSAM_WITHDRAWAL, path::PSAM_WITHDRAWAL.into());
        request.body(&body).empty().await
    }

    /// Which lists every registered terminal has.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn coverage_view(&self) -> Result<api::CoverageView, ClientError> {
        let request = self.get(path::COVERAGE, path::COVERAGE.into());
        request.json().await
    }

    /// Which lists those terminals have that lack something.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn coverage_lagging(&self) -> Result<api::CoverageView, ClientError> {
        let request = self.get(path::COVERAGE, path::COVERAGE.into());
        let query = api::CoverageQuery { lagging: true };
        request.query(&query).json().await
    }
}

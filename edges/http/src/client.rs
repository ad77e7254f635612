//! The client: one method per endpoint.
//!
//! Takes domain values, so that no request is malformed, and checks every answer. It never
//! repeats a request by itself; every request is one that may be repeated
//! ([`ClientError::retryable`]).

mod callers;
mod error;
mod faces;
mod transfer;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use reqwest::header::{IF_RANGE, RANGE};
use tongtu_api::{self as api, path};
use tongtu_blacklist::{ListedNumber, Span};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_envelope::{Envelope, Kind, Life};
use tongtu_exchange_file::FileName;
use tongtu_link::Link;
use tongtu_psam::PsamSerial;
use tongtu_ride_code::UserCertificate;
use tongtu_terminal::ChainedRecord;
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, TerminalNumber, Timestamp};

use crate::credential::Credential;

pub use error::ClientError;
pub use transfer::{Begun, Offer, Transfer};
pub use wire::bare;
use wire::{LONG_TIMEOUT, Line, Reach, Request};

/// A client of one node; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    /// Whom it reaches over TLS; none over plain HTTP.
    reach: Option<Reach>,
    now: Option<Timestamp>,
    /// What time the node's last answer to this client said it was.
    heard: Arc<Mutex<Option<Timestamp>>>,
    /// In whose name it asks, and which institution's node.
    who: Option<(Credential, InstitutionCode)>,
    /// The node's present life, as far as it was heard.
    life: Arc<Mutex<Option<Life>>>,
}

/// A file that waits for its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingFile {
    /// Its name.
    pub name: FileName,
    /// The SM3 digest of its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

impl Client {
    /// A client of the node at `base_url` over plain HTTP, e.g. `http://127.0.0.1:7100`; connects
    /// on first use. In nobody's name: a node answers it whether it is there, and nothing else.
    ///
    /// # Panics
    /// Never in a process that may open sockets.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self::reaching(base_url, None)
    }

    /// A client over TLS of a node of `expected`, and of nobody else, e.g. at
    /// `https://127.0.0.1:7100`; connects on first use.
    ///
    /// It shows the certificate that `link` has in force, at every new connection.
    ///
    /// # Panics
    /// Never in a process that may open sockets.
    #[must_use]
    pub fn linked(base_url: &str, link: &Arc<Link>, expected: InstitutionCode) -> Self {
        let link = Arc::clone(link);
        Self::reaching(base_url, Some(Reach { link, expected }))
    }

    fn reaching(base_url: &str, reach: Option<Reach>) -> Self {
        Self {
            http: wire::connections(reach.as_ref()),
            base_url: String::from(base_url.trim_end_matches('/')),
            reach,
            now: None,
            heard: Arc::default(),
            who: None,
            life: Arc::default(),
        }
    }

    /// The same client, asking the node of institution `node` in the name of this caller.
    #[must_use]
    pub fn acting_as(&self, credential: Credential, node: InstitutionCode) -> Self {
        Self {
            who: Some((credential, node)),
            ..self.clone()
        }
    }

    /// In whose name it asks.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.who.as_ref().map(|(credential, _)| credential)
    }

    /// The same client, telling servers with a simulated clock that it is `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            now: Some(now),
            heard: Arc::default(),
            ..self.clone()
        }
    }

    /// What time the node's last answer said it was, to this client and its clones since
    /// [`Client::at`].
    #[must_use]
    pub fn node_time(&self) -> Option<Timestamp> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the node is, as given to [`Client::new`], without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks whether the node is there, and which it is.
    ///
    /// # Errors
    /// [`ClientError`], as every method here.
    pub async fn health(&self) -> Result<api::HealthView, ClientError> {
        self.get(path::HEALTH, path::HEALTH.into()).json().await
    }

    /// Opens an ordinary rider's account.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the account has another key or type.
    pub async fn account_open(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
    ) -> Result<api::AccountView, ClientError> {
        self.account_open_as(account, user_key, None).await
    }

    /// Opens an account of a type (用户账户类型); none is an ordinary rider's.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the account has another key or type.
    pub async fn account_open_as(
        &self,
        account: CardNumber,
        user_key: &PublicKey,
        account_type: Option<u8>,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountOpen {
            account: account.reveal().into(),
            user_key: hex(&user_key.to_compressed()),
            account_type,
        };
        let request = self.post(path::ACCOUNTS, path::ACCOUNTS.into());
        request.body(&body).json().await
    }

    /// Views an account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_view(&self, account: CardNumber) -> Result<api::AccountView, ClientError> {
        let at = path::account(account.reveal());
        self.get(path::ACCOUNT, at).json().await
    }

    /// Pays into an account; one `recharge_id` pays once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_recharge(
        &self,
        account: CardNumber,
        recharge_id: &str,
        amount: Fen,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountRecharge {
            recharge_id: recharge_id.into(),
            amount_fen: amount.get(),
        };
        let at = path::account_recharges(account.reveal());
        let request = self.post(path::ACCOUNT_RECHARGES, at);
        request.body(&body).json().await
    }

    /// Suspends an account, or lifts the suspension.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn account_suspend(
        &self,
        account: CardNumber,
        suspended: bool,
    ) -> Result<api::AccountView, ClientError> {
        let body = api::AccountSuspend { suspended };
        let at = path::account_suspension(account.reveal());
        let request = self.post(path::ACCOUNT_SUSPENSION, at);
        request.body(&body).json().await
    }

    /// Notes a purse that was issued.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_issue(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        self.issue(path::CARDS, card).await
    }

    /// Views a card.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_view(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        let at = path::card(card.reveal());
        self.get(path::CARD, at).json().await
    }

    /// Notes money that was put on a card; one `load_id` counts once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn card_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let at = path::card_loads(card.reveal());
        self.load(path::CARD_LOADS, at, load_id, amount).await
    }

    /// Notes an e-cash that was issued, by its PAN.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_issue(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        self.issue(path::CASHES, card).await
    }

    /// Views an e-cash.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_view(&self, card: CardNumber) -> Result<api::CardView, ClientError> {
        let at = path::cash(card.reveal());
        self.get(path::CASH, at).json().await
    }

    /// Notes money that was put on an e-cash, at its issue or later; one `load_id` counts once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cash_load(
        &self,
        card: CardNumber,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let at = path::cash_loads(card.reveal());
        self.load(path::CASH_LOADS, at, load_id, amount).await
    }

    async fn issue(
        &self,
        pattern: &'static str,
        card: CardNumber,
    ) -> Result<api::CardView, ClientError> {
        let body = api::CardIssue {
            card: card.reveal().into(),
        };
        self.post(pattern, pattern.into()).body(&body).json().await
    }

    async fn load(
        &self,
        pattern: &'static str,
        at: String,
        load_id: &str,
        amount: Fen,
    ) -> Result<api::CardView, ClientError> {
        let body = api::CardLoad {
            load_id: load_id.into(),
            amount_fen: amount.get(),
        };
        self.post(pattern, at).body(&body).json().await
    }

    /// Fetches a new user certificate for an account.
    ///
    /// # Errors
    /// [`ClientError`]; refused for a suspended account and for one in arrears.
    pub async fn user_certificate_issue(
        &self,
        account: CardNumber,
    ) -> Result<UserCertificate, ClientError> {
        let at = path::account_certificates(account.reveal());
        let request = self.post(path::ACCOUNT_CERTIFICATES, at);
        let malformed = request.malformed();
        let view: api::CertificateView = request.json().await?;
        UserCertificate::parse(&view.certificate.0)
            .map_err(|error| malformed.because("certificate", error))
    }

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
        offer(request, begun).await
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
        offer(request, begun).await
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

    /// Delivers a file of `sender` in its envelope; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when other bytes came under this name before.
    pub async fn file_send(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        bytes: &[u8],
        envelope: &Envelope,
    ) -> Result<api::ReceiptKind, ClientError> {
        let request = self.request(Method::PUT, path::FILE, path::file(&name.to_string()));
        let malformed = request.malformed();
        let envelope = envelope.encode();
        let envelope = envelope.map_err(|e| malformed.because("envelope", e))?;
        let request = request
            .header(api::SENDER_HEADER, sender.as_str())
            .header(api::FILE_ENVELOPE_HEADER, &hex_encode(&envelope))
            .raw_body(bytes)
            .timeout(LONG_TIMEOUT);
        let api::FileReceipt { receipt } = request.json().await?;
        Ok(receipt)
    }

    /// Lists the files that wait for `receiver`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn files_waiting(
        &self,
        receiver: InstitutionCode,
    ) -> Result<Vec<WaitingFile>, ClientError> {
        let request = self.get(path::FILES, path::FILES.into());
        let malformed = request.malformed();
        let view: api::FilesView = request.query(&receiver_query(receiver)).json().await?;
        let waiting = |info: &api::FileInfo| {
            Ok(WaitingFile {
                name: FileName::parse(&info.name).map_err(|e| malformed.because("name", e))?,
                digest: info.digest.0.as_slice().try_into().map_err(|_| {
                    let found = info.digest.0.len();
                    malformed.what(format!("digest of {found} bytes, expected 32"))
                })?,
                length: info.length,
            })
        };
        view.files.iter().map(waiting).collect()
    }

    /// Reads a file that waits for `receiver`, or waited once, and its sender's envelope, if one
    /// that can be read came with it. Nothing is checked of it here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn file_read(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
    ) -> Result<(Vec<u8>, Option<Envelope>), ClientError> {
        let request = self.get(path::FILE, path::file(&name.to_string()));
        let request = request.query(&receiver_query(receiver));
        let answer = request.timeout(LONG_TIMEOUT).send().await?;
        let envelope = answer
            .header(api::FILE_ENVELOPE_HEADER)
            .and_then(|text| hex_decode(text).ok())
            .and_then(|bytes| Envelope::read(&bytes, Kind::File).ok());
        Ok((answer.bytes().await?, envelope))
    }

    /// Says that `receiver` has the file with this digest; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when the digest is another.
    pub async fn file_confirm(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        digest: [u8; 32],
    ) -> Result<(), ClientError> {
        let body = api::FileConfirm {
            receiver: receiver.as_str().into(),
            digest: hex(&digest),
        };
        let at = path::file_confirmation(&name.to_string());
        let request = self.post(path::FILE_CONFIRMATION, at);
        request.body(&body).empty().await
    }

    /// Views a settlement day.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_view(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day(&day.to_string());
        self.get(path::DAY, at).json().await
    }

    /// Closes a settlement day; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_close(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day_close(&day.to_string());
        let request = self.post(path::DAY_CLOSE, at);
        request.timeout(LONG_TIMEOUT).json().await
    }

    /// Settles a closed day; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_settle(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day_settle(&day.to_string());
        let request = self.post(path::DAY_SETTLE, at);
        request.timeout(LONG_TIMEOUT).json().await
    }

    /// Reads all balances.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ledger_view(&self) -> Result<api::LedgerView, ClientError> {
        let request = self.get(path::AUDIT_LEDGER, path::AUDIT_LEDGER.into());
        request.json().await
    }

    /// Reads all rides of the node in one of its roles.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rides_view(&self, role: api::RideRole) -> Result<Vec<api::RideView>, ClientError> {
        let request = self.get(path::AUDIT_RIDES, path::AUDIT_RIDES.into());
        let request = request.query(&api::RidesQuery { role });
        let api::RidesView { rides } = request.json().await?;
        Ok(rides)
    }

    /// Reads what was refused at upload, and the alarms.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rejected_view(&self) -> Result<api::RejectedView, ClientError> {
        let request = self.get(path::AUDIT_REJECTED, path::AUDIT_REJECTED.into());
        request.json().await
    }

    /// Makes the node exchange files with its parent now; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; what went wrong between node and parent is in the report.
    pub async fn pump(&self) -> Result<api::PumpReport, ClientError> {
        let request = self.post(path::PUMP, path::PUMP.into());
        request.timeout(LONG_TIMEOUT).json().await
    }

    /// Every exchange file that the node has made, with its receiver.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn files_made(&self) -> Result<Vec<api::MadeFile>, ClientError> {
        let request = self.get(path::AUDIT_FILES, path::AUDIT_FILES.into());
        let api::MadeFilesView { files } = request.json().await?;
        Ok(files)
    }

    fn get(&self, pattern: &'static str, at: String) -> Request {
        self.request(Method::GET, pattern, at)
    }

    fn post(&self, pattern: &'static str, at: String) -> Request {
        self.request(Method::POST, pattern, at)
    }

    fn request(&self, method: Method, pattern: &'static str, at: String) -> Request {
        let url = format!("{}{at}", self.base_url);
        let line = Line {
            http: self.http.clone(),
            reach: self.reach.clone(),
            health: format!("{}{}", self.base_url, path::HEALTH),
            heard: Arc::clone(&self.heard),
            who: self.who.clone(),
            life: Arc::clone(&self.life),
            now: self.now,
        };
        let request = Request::new(line, method, pattern, &url);
        match self.now {
            Some(now) => request.header(api::NOW_HEADER, &now.get().to_string()),
            None => request,
        }
    }
}

fn hex(bytes: &[u8]) -> api::Hex {
    api::Hex::from(bytes)
}

/// Asks for a file, or for what is missing of it.
async fn offer(mut request: Request, begun: Option<&Begun>) -> Result<Offer, ClientError> {
    if let Some(begun) = begun {
        let range = format!("bytes={}-", begun.len);
        request = request
            .header(RANGE.as_str(), &range)
            .header(IF_RANGE.as_str(), &begun.tag);
    }
    let answer = request.timeout(LONG_TIMEOUT).send().await?;
    transfer::offer(answer, begun)
}

async fn whole(offer: Offer) -> Result<Option<Vec<u8>>, ClientError> {
    match offer {
        Offer::Nothing { .. } => Ok(None),
        Offer::File(transfer) => transfer.whole().await.map(Some),
    }
}

fn receiver_query(receiver: InstitutionCode) -> api::ReceiverQuery {
    api::ReceiverQuery {
        receiver: receiver.as_str().into(),
    }
}

//! Acquiring: terminals, the records they upload, the lists they are handed.
//!
//! A record that can be read, is the terminal's own and carries a framed code or a card's
//! transaction is stored as it is, whatever else is wrong with it: that is judged when the day is
//! closed, and somebody is told of a code that does not verify. A grey record waits apart until the card's next record tells what became of it, and so
//! does what says that a rider was never told of a ride. Everything else is refused and kept as evidence.

mod inspecting;

use std::collections::{BTreeMap, BTreeSet};

use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_keyring::code::Purpose;
use tongtu_ride_code::{BlackLists, Verdict};
use tongtu_sql::{BatchRow, GreyRow, ListVersionRow, RejectedRow, RideRow, TerminalRow, Tx};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::{CardLists, ChainedRecord, ListBundle};
use tongtu_types::{BusinessDay, CardNumber, RecordId, TerminalNumber, Timestamp};

use self::inspecting::{Found, Inspected, Sender, Unsound};
use crate::chaining::{ChainPlace, follow};
use crate::keys::Opened;
use crate::listing::{ListFile, Offered, card_list_state};
use crate::modules::{ModuleRefusal, Register, modules_told};
use crate::node::alarm;
use crate::{Node, ServiceError, stored};

/// A terminal that may upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TerminalRegistration {
    /// Its number (终端机编号).
    pub terminal: TerminalNumber,
    /// The serial of its certificate, 4 bytes.
    pub serial: [u8; 4],
    /// The key that signs its records.
    pub public_key: PublicKey,
}

/// What became of one uploaded record. Every kind acknowledges it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadOutcome {
    /// The record's id, where it could be read.
    pub record: Option<RecordId>,
    /// What became of it.
    pub kind: UploadKind,
    /// Where it stands in its terminal's chain, if it came with its place there.
    pub chain: Option<ChainPlace>,
}

/// What became of one uploaded record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UploadKind {
    /// It is stored and will be cleared.
    Stored,
    /// The very same record was there already.
    Duplicate,
    /// Another record has its id; this one is kept as evidence.
    Conflict {
        /// What clashes.
        reason: String,
    },
    /// It does not hold; kept as evidence.
    Refused {
        /// What does not hold.
        reason: String,
    },
}

impl Node {
    /// Registers a terminal; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the number is there with another key.
    pub async fn terminal_register(
        &self,
        registration: TerminalRegistration,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        self.acquirer()?;
        let terminal = registration.terminal;
        let row = TerminalRow {
            number: terminal.as_str().to_owned(),
            serial: registration.serial.to_vec(),
            public_key: registration.public_key.to_compressed().to_vec(),
            registered_at: now.get(),
        };
        let mut tx = self.store().write().await?;
        if !tx.terminal_insert(&row).await? {
            let same = |there: &TerminalRow| {
                there.public_key == row.public_key && there.serial == row.serial
            };
            let there = tx.terminal(&row.number).await?;
            if !there.as_ref().is_some_and(same) {
                return Err(ServiceError::TerminalKeyDiffers { terminal });
            }
        }
        Ok(tx.commit().await?)
    }

    /// Takes a terminal's records, in one transaction that is durable before this returns.
    ///
    /// # Errors
    /// [`ServiceError`]; then nothing is acknowledged and the terminal sends again.
    pub async fn records_upload(
        &self,
        terminal: TerminalNumber,
        records: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Vec<UploadOutcome>, ServiceError> {
        self.upload(terminal, records, None, now).await
    }

    /// Takes records, and their places in the chain where they came with them.
    pub(crate) async fn upload(
        &self,
        terminal: TerminalNumber,
        records: &[Vec<u8>],
        chain: Option<&[ChainedRecord]>,
        now: Timestamp,
    ) -> Result<Vec<UploadOutcome>, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().read().await?;
        let row = tx.terminal(terminal.as_str()).await?;
        let row = row.ok_or(ServiceError::TerminalUnknown { terminal })?;
        let sender = Sender {
            acquirer: self.code().as_acquirer(),
            terminal,
            serial: row.serial,
            key: stored::key(&row.public_key)?,
            modules: Register::of(&mut tx, records).await?,
        };
        drop(tx);
        // Signatures first: the transaction is short, so that other terminals need not wait.
        let owned = records.to_vec();
        let inspected = self
            .compute(move |node| node.inspect_all(&sender, &owned))
            .await?;
        let due = self.config().cut_off.day_of(now);
        let told: Vec<Box<ModuleRefusal>> = inspected
            .iter()
            .filter_map(|inspected| inspected.as_ref().err()?.module.clone())
            .collect();
        let doubts: Vec<Option<Verdict>> = inspected.iter().map(inspecting::doubt).collect();
        let upload = Upload::new(terminal, records, inspected, due, now);
        let mut tx = self.store().write().await?;
        let mut outcomes = upload.store(&mut tx).await?;
        self.faces_used(&mut tx, records, &outcomes).await?;
        modules_told(&mut tx, &told, now).await?;
        locks_told(&mut tx, records, &outcomes, now).await?;
        doubts_told(&mut tx, &doubts, &outcomes, now).await?;
        if let Some(chain) = chain {
            let places = follow(&mut tx, terminal, chain, now).await?;
            for (outcome, place) in outcomes.iter_mut().zip(places) {
                outcome.chain = Some(place);
            }
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    /// The signed list bundle for terminals, if there is one above `after_version`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn lists_current(
        &self,
        after_version: u64,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ServiceError> {
        let offered = self.lists_offer(after_version, now).await?;
        Ok(offered.file.map(|file| file.bytes.to_vec()))
    }

    /// The same, with the version that is in force even where nothing is newer.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn lists_offer(
        &self,
        after_version: u64,
        now: Timestamp,
    ) -> Result<Offered, ServiceError> {
        let offered = self.lists_offered(after_version, now).await;
        self.noting(offered).await
    }

    async fn lists_offered(
        &self,
        after_version: u64,
        now: Timestamp,
    ) -> Result<Offered, ServiceError> {
        let acquirer = self.acquirer()?;
        let mut tx = self.store().read().await?;
        let held = match self.list_version_held(&mut tx).await? {
            Some(held) => held,
            None => {
                drop(tx);
                let mut writing = self.store().write().await?;
                let held = self.list_version(&mut writing, now).await?;
                writing.commit().await?;
                tx = self.store().read().await?;
                held
            }
        };
        let version = stored::count(held.version)?;
        if version <= after_version {
            return Ok(Offered {
                newest: version,
                file: None,
            });
        }
        let mut accounts = BTreeSet::new();
        for (account, _) in tx.blacklist().await? {
            accounts.insert(stored::card(&account)?);
        }
        let config = self.config();
        let revocations = self.revocations(&mut tx).await?;
        let cards = CardLists {
            blacklist_version: card_list_state(&mut tx).await?.version,
            ..acquirer.cards.clone()
        };
        let bundle = ListBundle {
            acquirer: self.code().as_acquirer(),
            version,
            issued_at: Timestamp::new(held.changed_at),
            roots: revocations.standing(&config.roots),
            issuers: config.accepted_issuers.iter().copied().collect(),
            blacklists: BlackLists {
                accounts,
                issuer_certificates: revocations.certificates().collect(),
                ..BlackLists::default()
            },
            fare_books: acquirer.fare_books.clone(),
            cards,
        };
        drop(tx);
        let key = self.list_key(now).await?;
        let bytes = bundle
            .sign_with(|bytes| self.list_sign(&key, bytes))?
            .into();
        Ok(Offered {
            newest: version,
            file: Some(ListFile { version, bytes }),
        })
    }

    /// Puts accounts on the blacklist (黑名单); gives the lists' version that has them.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn blacklist_add(
        &self,
        accounts: &[CardNumber],
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        self.acquirer()?;
        let numbers: Vec<String> = accounts.iter().map(|a| a.reveal().to_owned()).collect();
        let mut tx = self.store().write().await?;
        let mut held = self.list_version(&mut tx, now).await?;
        if tx.blacklist_insert(&numbers, now.get()).await? > 0 {
            held = self.list_version_raise(&mut tx, now).await?;
        }
        tx.commit().await?;
        stored::count(held.version)
    }

    /// Another version of the lists, because what is in them changed.
    pub(crate) async fn list_version_raise(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<ListVersionRow, ServiceError> {
        let mut held = self.list_version(tx, now).await?;
        held.version += 1;
        held.changed_at = now.get();
        tx.list_version_set(&held).await?;
        Ok(held)
    }

    /// The lists' version, raised first when the configuration has changed since.
    async fn list_version(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<ListVersionRow, ServiceError> {
        if let Some(held) = self.list_version_held(tx).await? {
            return Ok(held);
        }
        let before = tx.list_version().await?;
        let row = ListVersionRow {
            version: before.map_or(1, |held| held.version + 1),
            digest: self.list_digest()?.to_vec(),
            changed_at: now.get(),
        };
        tx.list_version_set(&row).await?;
        Ok(row)
    }

    /// The lists' version, unless the configuration has changed since.
    async fn list_version_held(&self, tx: &mut Tx) -> Result<Option<ListVersionRow>, ServiceError> {
        let digest = self.list_digest()?;
        let held = tx.list_version().await?;
        Ok(held.filter(|held| held.digest == digest))
    }

    /// A digest over what the configuration adds to the lists.
    pub(crate) fn list_digest(&self) -> Result<sm3::Digest, ServiceError> {
        let config = self.config();
        let bundle = ListBundle {
            acquirer: self.code().as_acquirer(),
            version: 0,
            issued_at: Timestamp::new(0),
            roots: config.roots.clone(),
            issuers: config.accepted_issuers.iter().copied().collect(),
            blacklists: BlackLists::default(),
            fare_books: self.acquirer()?.fare_books.clone(),
            cards: CardLists {
                blacklist_version: 0,
                ..self.acquirer()?.cards.clone()
            },
        };
        // The bundle's own bytes, so that nothing that goes into one can be forgotten here.
        Ok(sm3::digest(&bundle.unsigned()?))
    }

    /// The key that signs lists for terminals, for one of them.
    pub(crate) async fn list_key(&self, now: Timestamp) -> Result<Opened, ServiceError> {
        let allowed = self.keys().allow(Purpose::ListSignature, now)?;
        self.key_open(allowed, now).await
    }

    /// Signs a list for terminals.
    pub(crate) fn list_sign(&self, key: &Opened, bytes: &[u8]) -> Result<Signature, ServiceError> {
        Ok(self.keys().sign(key, bytes)?)
    }
}

/// Tells somebody of cards that were sent a lock and may be locked: their issuer should know when
/// their holders ask.
async fn locks_told(
    tx: &mut Tx,
    records: &[Vec<u8>],
    outcomes: &[UploadOutcome],
    now: Timestamp,
) -> Result<(), ServiceError> {
    for (bytes, outcome) in records.iter().zip(outcomes) {
        let (UploadKind::Stored, Some(id)) = (&outcome.kind, outcome.record) else {
            continue;
        };
        if !TapRecord::is_one(bytes) {
            continue;
        }
        // It was read when it was stored.
        let record = TapRecord::decode_signed(bytes);
        if record.is_ok_and(|record| record.is_lock_unanswered()) {
            let message =
                format!("record {id}: a card was sent a lock, and its answer is not known");
            alarm(tx, "acquiring.lock_unanswered", id, message, now).await?;
        }
    }
    Ok(())
}

/// Tells somebody of records that were stored although their codes do not verify: their terminal does
/// not check what it should, or somebody writes records in its name.
async fn doubts_told(
    tx: &mut Tx,
    doubts: &[Option<Verdict>],
    outcomes: &[UploadOutcome],
    now: Timestamp,
) -> Result<(), ServiceError> {
    for (doubt, outcome) in doubts.iter().zip(outcomes) {
        if let (Some(verdict), UploadKind::Stored, Some(id)) =
            (doubt, &outcome.kind, outcome.record)
        {
            let message = format!("record {id} was stored, but its code is refused: {verdict}");
            alarm(tx, "acquiring.code_refused", id, message, now).await?;
        }
    }
    Ok(())
}

/// One upload, every record looked at.
struct Upload<'a> {
    batch: BatchRow,
    terminal: TerminalNumber,
    records: &'a [Vec<u8>],
    inspected: Vec<Inspected>,
    now: Timestamp,
}

impl<'a> Upload<'a> {
    fn new(
        terminal: TerminalNumber,
        records: &'a [Vec<u8>],
        inspected: Vec<Inspected>,
        due: BusinessDay,
        now: Timestamp,
    ) -> Self {
        let time = now.get().to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![terminal.as_str().as_bytes(), &time];
        parts.extend(records.iter().map(Vec::as_slice));
        let digest = sm3::digest_parts(&parts);
        let batch = BatchRow {
            id: format!("upload/{terminal}/{}", tongtu_codec::hex_encode(&digest)),
            sender: terminal.as_str().to_owned(),
            received_at: now.get(),
            records: 0,
            due: due.days(),
            day: None,
        };
        Self {
            batch,
            terminal,
            records,
            inspected,
            now,
        }
    }

    async fn store(mut self, tx: &mut Tx) -> Result<Vec<UploadOutcome>, ServiceError> {
        let rides = self.first_of_each();
        let mut new = tx.rides_insert(&rides).await?;
        if !new.is_empty() {
            self.batch.records = i64::try_from(new.len()).expect("an upload fits memory");
            tx.batch_insert(&self.batch).await?;
        }
        new.extend(tx.greys_insert(&self.greys()).await?);
        let others: Vec<String> = self.repeated(&new);
        let mut bodies: BTreeMap<_, _> = tx.ride_bodies(&others).await?.into_iter().collect();
        for (record, body) in tx.grey_bodies(&others).await? {
            bodies.insert(record, Some(body));
        }
        let (outcomes, rejected) = self.outcomes(new, &bodies)?;
        tx.rejected_insert(&rejected).await?;
        Ok(outcomes)
    }

    /// The rides to be stored: of several with one id, the first. Sorted, so that two uploads
    /// at once never wait for each other crosswise.
    fn first_of_each(&self) -> Vec<RideRow> {
        let mut rides: BTreeMap<&str, RideRow> = BTreeMap::new();
        for (row, number) in self.inspected.iter().zip(0..) {
            if let Ok(Found::Ride(row, _)) = row {
                rides.entry(&row.record).or_insert_with(|| RideRow {
                    batch: self.batch.id.clone(),
                    number,
                    ..row.clone()
                });
            }
        }
        rides.into_values().collect()
    }

    /// The grey records to be stored: of several with one id, the first.
    fn greys(&self) -> Vec<GreyRow> {
        let mut greys: BTreeMap<&str, GreyRow> = BTreeMap::new();
        for row in &self.inspected {
            if let Ok(Found::Grey(row)) = row {
                greys.entry(&row.record).or_insert_with(|| GreyRow {
                    arrived_at: self.now.get(),
                    ..row.clone()
                });
            }
        }
        greys.into_values().collect()
    }

    /// The record ids of which something is stored that this upload did not bring first.
    fn repeated(&self, new: &BTreeSet<String>) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut repeated = BTreeSet::new();
        for row in self.inspected.iter().flatten() {
            if !new.contains(row.record()) || !seen.insert(row.record()) {
                repeated.insert(row.record().to_owned());
            }
        }
        repeated.into_iter().collect()
    }

    fn outcomes(
        self,
        mut new: BTreeSet<String>,
        bodies: &BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<(Vec<UploadOutcome>, Vec<RejectedRow>), ServiceError> {
        let (mut outcomes, mut rejected) = (Vec::new(), Vec::new());
        for (row, bytes) in self.inspected.into_iter().zip(self.records) {
            let (record, kind) = match row {
                Err(Unsound { id, reason, .. }) => (id, UploadKind::Refused { reason }),
                Ok(row) => {
                    let record = stored::record(row.record())?;
                    let there = bodies.get(row.record()).and_then(Option::as_ref);
                    let kind = if new.remove(row.record()) {
                        UploadKind::Stored
                    } else if there == Some(bytes) {
                        UploadKind::Duplicate
                    } else {
                        let reason = format!("record id {record} is another record's");
                        UploadKind::Conflict { reason }
                    };
                    (Some(record), kind)
                }
            };
            if let UploadKind::Conflict { reason } | UploadKind::Refused { reason } = &kind {
                let digest = sm3::digest_parts(&[self.terminal.as_str().as_bytes(), bytes]);
                rejected.push(RejectedRow {
                    digest: digest.to_vec(),
                    terminal: self.terminal.as_str().to_owned(),
                    arrived_at: self.now.get(),
                    reason: reason.clone(),
                    body: bytes.clone(),
                });
            }
            outcomes.push(UploadOutcome {
                record,
                kind,
                chain: None,
            });
        }
        Ok((outcomes, rejected))
    }
}

//! Enrolling a face, and ending that.

use std::sync::Arc;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_sql::{FaceEnrolmentRow, FaceScopeRow, FaceTemplateRow, Tx};
use tongtu_tap_record::{FaceProof, RecordKind, TapRecord};
use tongtu_terminal::face::{Engine, EngineId, Handle, SealKey};
use tongtu_types::{CardNumber, Fen, Timestamp};
use zeroize::Zeroizing;

use super::check::Asked;
use super::{FaceEnrolment, FaceError, FaceKeys, FaceView};
use crate::issuing::account_row;
use crate::node::alarm;
use crate::{Node, ServiceError, UploadKind, UploadOutcome, stored};

/// Templates that are compared between two looks at the store.
const COMPARED_AT_ONCE: i64 = 2000;
pub(super) const WITHDRAWN: i64 = 1;
pub(super) const EXPIRED: i64 = 2;

impl Node {
    /// Enrols a rider's face for an account; the same request again changes nothing.
    ///
    /// Every template is compared with all others of its engine: a face that is another account's
    /// is not enrolled, and an alarm says so.
    ///
    /// # Errors
    /// [`ServiceError`]; see [`FaceError`].
    pub async fn face_enrol(
        &self,
        account: CardNumber,
        enrolment: FaceEnrolment,
        now: Timestamp,
    ) -> Result<FaceView, ServiceError> {
        let enrolled = self.face_enrolled(account, enrolment, now).await;
        self.noting(enrolled).await
    }

    async fn face_enrolled(
        &self,
        account: CardNumber,
        enrolment: FaceEnrolment,
        now: Timestamp,
    ) -> Result<FaceView, ServiceError> {
        let config = self.faces()?;
        let keys = self.face_keys(now).await?;
        let asked = Asked {
            keys: &keys,
            account,
            issuer: self.code(),
            acquirer: self.code().as_acquirer(),
            config,
            enrolment: &enrolment,
        };
        asked.check(now)?;
        let mac = asked.mac()?;
        let _one_at_a_time = self.faces_lock().lock().await;
        let mut tx = self.store().read().await?;
        if let Some(before) = tx.face_request(&enrolment.request).await? {
            if before.account != account.reveal() || before.request_mac != mac {
                return Err(FaceError::RequestReused.into());
            }
            return self.face_state(&mut tx, account, now).await;
        }
        let row = account_row(&mut tx, account).await?;
        if row.suspended {
            return Err(ServiceError::AccountSuspended { account });
        }
        let owed = -self.money(&mut tx, account).await?.balance()?.get();
        if owed > 0 {
            let owed = Fen::new(owed);
            return Err(ServiceError::AccountInArrears { account, owed });
        }
        let (channel, evidence) = asked.evidence(&stored::key(&row.user_key)?)?;
        asked.compare()?;
        drop(tx);
        if let Some(other) = self.face_of_another(account, &enrolment, &keys).await? {
            return Err(self.face_duplicate(account, &enrolment, other, now).await?);
        }

        let (rules, consent) = (&config.rules, &enrolment.consent);
        let handle = keys.handle(account, &enrolment.request);
        let text = hex_encode(&handle.0);
        let ends = consent.until.get();
        let row = FaceEnrolmentRow {
            handle: text.clone(),
            account: account.reveal().to_owned(),
            request: enrolment.request.clone(),
            request_mac: mac.to_vec(),
            terms: i64::from(consent.terms),
            channel,
            evidence,
            consented_at: consent.at.get(),
            consent_ends: ends,
            enrolled_at: now.get(),
            used_at: now.get(),
            until: ends.min(now.plus_s(rules.idle_s).get()),
            ended_at: None,
            ending: None,
        };
        let scope = |scope: &tongtu_terminal::face::FaceScope| FaceScopeRow {
            operator: i64::from(scope.operator),
            line: scope.line.map_or_else(String::new, |line| line.to_string()),
        };
        let scopes: Vec<FaceScopeRow> = consent.scopes.iter().map(scope).collect();
        let templates = sealed(&keys, handle, account, &enrolment);
        let mut tx = self.store().write().await?;
        let scrub = self.faces_sweep(&mut tx, now).await?;
        if !tx.face_enrol(&row, &scopes, &templates).await? {
            return Err(FaceError::Enrolled { account }.into());
        }
        let view = self.face_state(&mut tx, account, now).await?;
        tx.commit().await?;
        if scrub {
            self.store().scrub().await?;
        }
        Ok(view)
    }

    /// Withdraws a rider's consent: the templates are destroyed now, and every terminal that was
    /// given them is told to forget them. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`] when the account was never enrolled.
    pub async fn face_withdraw(
        &self,
        account: CardNumber,
        now: Timestamp,
    ) -> Result<FaceView, ServiceError> {
        self.faces()?;
        let _one_at_a_time = self.faces_lock().lock().await;
        let mut tx = self.store().write().await?;
        self.faces_sweep(&mut tx, now).await?;
        let enrolments = tx.face_enrolments(account.reveal()).await?;
        if let Some(row) = enrolments.first().filter(|row| row.ended_at.is_none()) {
            let version = tx.face_version_next().await?;
            let handle = row.handle.clone();
            tx.face_end(&handle, WITHDRAWN, version, now.get()).await?;
        }
        let view = self.face_state(&mut tx, account, now).await?;
        tx.commit().await?;
        // Also when it is repeated: the first time it may have been cut off before this.
        self.store().scrub().await?;
        Ok(view)
    }

    /// Ends the enrolments whose time is over; whether there were any.
    pub(super) async fn faces_sweep(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<bool, ServiceError> {
        let overdue = tx.face_overdue(now.get()).await?;
        if overdue.is_empty() {
            return Ok(false);
        }
        let version = tx.face_version_next().await?;
        for handle in &overdue {
            tx.face_end(handle, EXPIRED, version, now.get()).await?;
        }
        Ok(true)
    }

    /// Rides by face that were stored now make their enrolments last longer.
    pub(crate) async fn faces_used(
        &self,
        tx: &mut Tx,
        records: &[Vec<u8>],
        outcomes: &[UploadOutcome],
    ) -> Result<(), ServiceError> {
        let Some(config) = &self.config().faces else {
            return Ok(());
        };
        for (bytes, outcome) in records.iter().zip(outcomes) {
            if outcome.kind != UploadKind::Stored || !TapRecord::is_one(bytes) {
                continue;
            }
            // It was read when it was stored.
            let Ok(record) = TapRecord::decode_signed(bytes) else {
                continue;
            };
            let (RecordKind::Face, Ok(proof)) = (record.kind, FaceProof::decode(&record.own))
            else {
                continue;
            };
            let (account, at) = (record.serial.card_number(), record.recorded_at.instant());
            if let (Some(account), Some(at)) = (account, at) {
                let handle = hex_encode(&proof.handle);
                tx.face_used(&handle, account.reveal(), at.get(), config.rules.idle_s)
                    .await?;
            }
        }
        Ok(())
    }

    /// An enrolment of another account with this face.
    async fn face_of_another(
        &self,
        account: CardNumber,
        enrolment: &FaceEnrolment,
        keys: &Arc<FaceKeys>,
    ) -> Result<Option<CardNumber>, ServiceError> {
        let mut engines: Vec<EngineId> = enrolment.captures.iter().map(|c| c.engine).collect();
        engines.sort_unstable();
        engines.dedup();
        for id in engines {
            let config = self.faces()?;
            let engine = config
                .engines
                .of(id)
                .ok_or(FaceError::Engine { engine: id })?;
            let captures = enrolment.captures.iter().filter(|c| c.engine == id);
            let probes: Arc<[_]> = captures.map(|c| c.template.clone()).collect();
            let mut place = (String::new(), -1);
            loop {
                let mut tx = self.store().read().await?;
                let rows = tx
                    .face_templates_after(&hex_encode(&id.0), (&place.0, place.1), COMPARED_AT_ONCE)
                    .await?;
                drop(tx);
                let Some((_, last)) = rows.last() else {
                    break;
                };
                place = (last.handle.clone(), last.number);
                let round = Round {
                    engine: Arc::clone(engine),
                    probes: Arc::clone(&probes),
                    own: account,
                    keys: Arc::clone(keys),
                };
                let found = self.compute(move |node| round.find(node, &rows)).await??;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    async fn face_duplicate(
        &self,
        account: CardNumber,
        enrolment: &FaceEnrolment,
        other: CardNumber,
        now: Timestamp,
    ) -> Result<ServiceError, ServiceError> {
        let mut tx = self.store().write().await?;
        let message = format!("a face enrolled for {other} was to be enrolled for {account}");
        let request = &enrolment.request;
        alarm(&mut tx, "issuing.face_duplicate", request, message, now).await?;
        tx.commit().await?;
        Ok(FaceError::Duplicate.into())
    }
}

/// One round of a comparison with all that are enrolled.
struct Round {
    engine: Arc<dyn Engine>,
    probes: Arc<[Zeroizing<Vec<u8>>]>,
    own: CardNumber,
    keys: Arc<FaceKeys>,
}

impl Round {
    fn find(
        &self,
        node: &Node,
        rows: &[(String, FaceTemplateRow)],
    ) -> Result<Option<CardNumber>, ServiceError> {
        let config = node.faces()?;
        for (account, row) in rows {
            let account = stored::card(account)?;
            if account == self.own {
                continue;
            }
            let (_, template) = open(self.keys.rest(), account, row)?;
            for probe in self.probes.iter() {
                // What the engine took once and does not take now cannot be compared: a fault.
                let score = self.engine.compare(probe, &template);
                let score = score.map_err(|_| fault("face template"))?;
                if score >= config.rules.alike {
                    return Ok(Some(account));
                }
            }
        }
        Ok(None)
    }
}

/// The rows of templates: second factor and template sealed together, bound to whose they are.
fn sealed(
    keys: &FaceKeys,
    handle: Handle,
    account: CardNumber,
    enrolment: &FaceEnrolment,
) -> Vec<FaceTemplateRow> {
    let mut rows = Vec::new();
    for (capture, number) in enrolment.captures.iter().zip(0_i64..) {
        let mut secret = Zeroizing::new(enrolment.digits.0.to_vec());
        secret.extend_from_slice(&capture.template);
        let place = number.to_be_bytes();
        let mut noise = keys.noise(&[b"rest", &handle.0, &place]);
        let bound = bound(handle, account, number, capture.engine);
        rows.push(FaceTemplateRow {
            handle: hex_encode(&handle.0),
            number,
            engine: hex_encode(&capture.engine.0),
            quality: i64::from(capture.quality),
            sealed: keys.rest().seal(&bound, &secret, &mut noise),
        });
    }
    rows
}

/// Opens a row of templates: the second factor, and the template.
pub(super) fn open(
    rest: &SealKey,
    account: CardNumber,
    row: &FaceTemplateRow,
) -> Result<([u8; 4], Zeroizing<Vec<u8>>), ServiceError> {
    let (handle, engine) = (handle(&row.handle)?, engine(&row.engine)?);
    let secret = rest.open(&bound(handle, account, row.number, engine), &row.sealed);
    let secret = secret.ok_or(fault("face template"))?;
    let (digits, template) = secret.split_first_chunk().ok_or(fault("face template"))?;
    Ok((*digits, Zeroizing::new(template.to_vec())))
}

fn bound(handle: Handle, account: CardNumber, number: i64, engine: EngineId) -> Vec<u8> {
    let number = number.to_be_bytes();
    let account = account.reveal().as_bytes();
    [&handle.0[..], &number, &engine.0, account].concat()
}

pub(super) fn handle(text: &str) -> Result<Handle, ServiceError> {
    let bytes = hex_decode(text).map_err(|_| fault("face handle"))?;
    Ok(Handle(bytes.try_into().map_err(|_| fault("face handle"))?))
}

pub(super) fn engine(text: &str) -> Result<EngineId, ServiceError> {
    let bytes = hex_decode(text).map_err(|_| fault("face engine"))?;
    let bytes = bytes.try_into().map_err(|_| fault("face engine"))?;
    Ok(EngineId(bytes))
}

pub(super) const fn fault(what: &'static str) -> ServiceError {
    ServiceError::Stored { what }
}

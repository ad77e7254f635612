//! Giving faces to terminals, and hearing what they have.

use std::collections::BTreeMap;

use tongtu_sql::{FaceTemplateRow, FaceTerminalRow, FaceVisibleRow};
use tongtu_terminal::face::{
    Consent, EngineId, Enrolled, GalleryReport, GalleryUpdate, Handle, UpdateHead,
};
use tongtu_types::{LineCode, TerminalNumber, Timestamp};

use super::enrolling::{engine, fault, handle, open};
use super::{FaceError, FaceKeys, FaceTerminalView};
use crate::keys::Opened;
use crate::{Node, ServiceError, stored};

/// A terminal is told of a later end of an enrolment when it is so much later: 30 days.
const LATER_S: i64 = 30 * 86_400;

impl Node {
    /// Puts a registered terminal where it recognises faces: whose it is, on which line, with
    /// which engine. Again with another place it moves, and forgets whom it may not know there.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such terminal.
    pub async fn face_terminal_put(
        &self,
        terminal: TerminalNumber,
        operator: u16,
        line: LineCode,
        engine: EngineId,
    ) -> Result<(), ServiceError> {
        self.faces()?;
        let mut tx = self.store().write().await?;
        if tx.terminal(terminal.as_str()).await?.is_none() {
            return Err(ServiceError::TerminalUnknown { terminal });
        }
        let row = FaceTerminalRow {
            terminal: terminal.as_str().to_owned(),
            operator: i64::from(operator),
            line: line.to_string(),
            engine: tongtu_codec::hex_encode(&engine.0),
            valid_until: 0,
            held: 0,
            riders: 0,
            confirmed_at: None,
        };
        tx.face_terminal_put(&row).await?;
        Ok(tx.commit().await?)
    }

    /// The signed update that leads a terminal's gallery on from a version; 0 for a whole one. A
    /// large gallery takes several: there is more until an update leads nowhere further.
    ///
    /// # Errors
    /// [`ServiceError`] when the terminal is not known, or the version was never made.
    pub async fn face_gallery_update(
        &self,
        terminal: TerminalNumber,
        after: u64,
        now: Timestamp,
    ) -> Result<Vec<u8>, ServiceError> {
        let made = self.face_gallery_made(terminal, after, now).await;
        self.noting(made).await
    }

    async fn face_gallery_made(
        &self,
        terminal: TerminalNumber,
        after: u64,
        now: Timestamp,
    ) -> Result<Vec<u8>, ServiceError> {
        let config = self.faces()?;
        let keys = self.face_keys(now).await?;
        let guard = self.faces_lock().lock().await;
        let mut tx = self.store().write().await?;
        let number = terminal.as_str();
        let at = tx.face_terminal(number).await?;
        let at = at.ok_or(FaceError::TerminalUnknown { terminal })?;
        let scrub = self.faces_sweep(&mut tx, now).await?;
        let gone = tx.face_to_end(&at, now.get()).await?;
        let at_once = i64::from(config.rules.riders_at_once);
        let new = tx.face_to_give(&at, now.get(), LATER_S, at_once).await?;
        if !gone.is_empty() || !new.is_empty() {
            let version = tx.face_version_next().await?;
            tx.face_give_end(number, &gone, version, now.get()).await?;
            tx.face_give(number, &new, version).await?;
        }
        let newest = stored::count(tx.face_version().await?)?;
        let from = i64::try_from(after).ok().filter(|_| after <= newest);
        let from = from.ok_or(FaceError::Version {
            found: after,
            newest,
        })?;
        let slice = tx.face_slice(number, from, at_once - 1).await?;
        let version = slice.map_or(Ok(newest), stored::count)?;
        let up_to = i64::try_from(version).map_err(|_| fault("face version"))?;
        let rows = tx.face_given(number, from, up_to).await?;
        let handles: Vec<String> = rows.iter().map(|row| row.handle.clone()).collect();
        let templates = tx.face_templates_of(&handles, &at.engine).await?;
        // A whole gallery has nobody to forget.
        let forgotten = match from {
            0 => Vec::new(),
            from => tx.face_forgotten(number, from).await?,
        };
        let valid_until = now.plus_s(config.rules.gallery_s);
        tx.face_terminal_valid(number, valid_until.get()).await?;
        tx.commit().await?;
        drop(guard);
        if scrub {
            self.store().scrub().await?;
        }

        let head = UpdateHead {
            acquirer: self.code().as_acquirer(),
            terminal,
            base: after,
            version,
            issued_at: now,
            valid_until,
            engine: engine(&at.engine)?,
        };
        let forgotten = forgotten.iter().map(|text| handle(text));
        let forgotten: Vec<Handle> = forgotten.collect::<Result<_, _>>()?;
        let list = self.list_key(now).await?;
        self.compute(move |node| {
            node.face_update((&keys, &list), head, forgotten, &rows, &templates)
        })
        .await?
    }

    fn face_update(
        &self,
        (keys, list): (&FaceKeys, &Opened),
        head: UpdateHead,
        forgotten: Vec<Handle>,
        rows: &[FaceVisibleRow],
        templates: &[FaceTemplateRow],
    ) -> Result<Vec<u8>, ServiceError> {
        let mut sealed: BTreeMap<&str, Vec<&FaceTemplateRow>> = BTreeMap::new();
        for row in templates {
            sealed.entry(&row.handle).or_default().push(row);
        }
        let mut riders = Vec::new();
        for row in rows {
            let account = stored::card(&row.account)?;
            let own = sealed.get(row.handle.as_str()).into_iter().flatten();
            let opened = own.map(|sealed| open(keys.rest(), account, sealed));
            let opened: Vec<_> = opened.collect::<Result<_, _>>()?;
            let (digits, _) = opened.first().ok_or(fault("face template"))?;
            let consent = Consent {
                terms: u32::try_from(row.terms).map_err(|_| fault("face terms"))?,
                until: Timestamp::new(row.until),
            };
            let templates: Vec<&[u8]> = opened.iter().map(|(_, t)| &t[..]).collect();
            let rider = Enrolled::with_templates(
                handle(&row.handle)?,
                account,
                self.code(),
                consent,
                *digits,
                &templates,
            );
            riders.push(rider.map_err(FaceError::Gallery)?);
        }
        let update = GalleryUpdate::new(head, forgotten, riders).map_err(FaceError::Gallery)?;
        let [base, version] = [head.base, head.version].map(u64::to_be_bytes);
        let at = head.issued_at.get().to_be_bytes();
        let terminal = head.terminal.as_str().as_bytes();
        let mut noise = keys.noise(&[b"move", terminal, &base, &version, &at]);
        let seal = keys.terminal_seal(head.terminal);
        update.signed_with(&seal, &mut noise, |bytes| self.list_sign(list, bytes))
    }

    /// Keeps a terminal's report of its gallery: whatever its version tells to forget is
    /// forgotten. A late report that arrives after a newer changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], refused when it is not this terminal's own.
    pub async fn face_gallery_confirm(
        &self,
        terminal: TerminalNumber,
        report: &[u8],
    ) -> Result<(), ServiceError> {
        self.faces()?;
        let mut tx = self.store().write().await?;
        let number = terminal.as_str();
        let row = tx.terminal(number).await?;
        let row = row.ok_or(ServiceError::TerminalUnknown { terminal })?;
        if tx.face_terminal(number).await?.is_none() {
            return Err(FaceError::TerminalUnknown { terminal }.into());
        }
        let key = stored::key(&row.public_key)?;
        let report = GalleryReport::open(report, &key).map_err(FaceError::Report)?;
        if (report.terminal, report.acquirer) != (terminal, self.code().as_acquirer()) {
            let foreign = tongtu_terminal::face::GalleryError::Report;
            return Err(FaceError::Report(foreign).into());
        }
        let newest = stored::count(tx.face_version().await?)?;
        let held = i64::try_from(report.version).ok();
        let held = held.filter(|_| report.version <= newest);
        let held = held.ok_or(FaceError::Version {
            found: report.version,
            newest,
        })?;
        let (riders, at) = (i64::from(report.riders), report.at.get());
        tx.face_terminal_confirm(number, held, riders, at).await?;
        Ok(tx.commit().await?)
    }

    /// All terminals that recognise faces, and what they have.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn face_terminals_view(&self) -> Result<Vec<FaceTerminalView>, ServiceError> {
        self.faces()?;
        let rows = self.store().read().await?.face_terminals().await?;
        let mut out = Vec::new();
        for (row, forgetting) in rows {
            out.push(FaceTerminalView {
                terminal: stored::terminal(&row.terminal)?,
                operator: u16::try_from(row.operator).map_err(|_| fault("operator"))?,
                line: stored::line(&row.line)?.ok_or(fault("line code"))?,
                engine: engine(&row.engine)?,
                held: stored::count(row.held)?,
                riders: stored::count(row.riders)?,
                confirmed_at: row.confirmed_at.map(Timestamp::new),
                good_until: (row.valid_until > 0).then(|| Timestamp::new(row.valid_until)),
                forgetting: stored::count(forgetting)?,
            });
        }
        Ok(out)
    }
}

//! What a rider may know: how the enrolment stands, and where the face is.

use tongtu_sql::{FaceEnrolmentRow, FacePlaceRow, Tx};
use tongtu_terminal::face::FaceScope;
use tongtu_types::{CardNumber, Timestamp};

use super::enrolling::{EXPIRED, WITHDRAWN, engine, fault, handle};
use super::{FaceError, FacePlace, FacePlaceState, FaceState, FaceView};
use crate::issuing::account_row;
use crate::{Node, ServiceError, stored};

impl Node {
    /// Shows an account's enrolment, or its last one, and every terminal that was given the face.
    ///
    /// # Errors
    /// [`ServiceError`] when the account was never enrolled.
    pub async fn face_view(
        &self,
        account: CardNumber,
        now: Timestamp,
    ) -> Result<FaceView, ServiceError> {
        self.faces()?;
        let mut tx = self.store().read().await?;
        self.face_state(&mut tx, account, now).await
    }

    pub(super) async fn face_state(
        &self,
        tx: &mut Tx,
        account: CardNumber,
        now: Timestamp,
    ) -> Result<FaceView, ServiceError> {
        account_row(tx, account).await?;
        let enrolments = tx.face_enrolments(account.reveal()).await?;
        let row = enrolments.into_iter().next();
        let row = row.ok_or(FaceError::NotEnrolled { account })?;
        let mut scopes = Vec::new();
        for scope in tx.face_scopes(&row.handle).await? {
            scopes.push(FaceScope {
                acquirer: self.code().as_acquirer(),
                operator: u16::try_from(scope.operator).map_err(|_| fault("operator"))?,
                line: stored::line(&scope.line)?,
            });
        }
        let mut templates = Vec::new();
        for (id, quality) in tx.face_qualities(&row.handle).await? {
            let quality = u8::try_from(quality).map_err(|_| fault("face quality"))?;
            templates.push((engine(&id)?, quality));
        }
        let mut places = Vec::new();
        for place in tx.face_places(&row.handle).await? {
            places.push(FacePlace {
                terminal: stored::terminal(&place.terminal)?,
                state: place_state(&place, now),
                ordered_at: place.ended_at.map(Timestamp::new),
                gone_by: Timestamp::new(place.valid_until),
            });
        }
        Ok(FaceView {
            account,
            handle: handle(&row.handle)?,
            state: state(&row, now)?,
            terms: u32::try_from(row.terms).map_err(|_| fault("face terms"))?,
            signed: row.channel == 1,
            consented_at: Timestamp::new(row.consented_at),
            enrolled_at: Timestamp::new(row.enrolled_at),
            until: Timestamp::new(row.until),
            ended_at: row.ended_at.map(Timestamp::new),
            scopes,
            templates,
            places,
        })
    }
}

/// An enrolment whose time is over is over, whether its templates were swept already or not.
fn state(row: &FaceEnrolmentRow, now: Timestamp) -> Result<FaceState, ServiceError> {
    match row.ending {
        None if row.until <= now.get() => Ok(FaceState::Expired),
        None => Ok(FaceState::Enrolled),
        Some(WITHDRAWN) => Ok(FaceState::Withdrawn),
        Some(EXPIRED) => Ok(FaceState::Expired),
        Some(_) => Err(fault("face ending")),
    }
}

const fn place_state(place: &FacePlaceRow, now: Timestamp) -> FacePlaceState {
    if place.ended > 0 && place.held >= place.ended {
        FacePlaceState::Forgotten
    } else if place.valid_until <= now.get() {
        FacePlaceState::Lapsed
    } else if place.ended > 0 {
        FacePlaceState::Forgetting
    } else if place.held >= place.began {
        FacePlaceState::Held
    } else {
        FacePlaceState::Given
    }
}

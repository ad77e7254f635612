//! Rides by face, asked of a node.

use tongtu_api::{self as api, path};
use tongtu_services::faces::{ConsentChannel, FaceEnrolment};
use tongtu_terminal::face::{EngineId, FaceScope, Liveness, Spoof};
use tongtu_types::{CardNumber, LineCode, TerminalNumber};

use super::wire::LONG_TIMEOUT;
use super::{Client, ClientError, hex};

impl Client {
    /// What riders consent to before they enrol.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn face_terms(&self) -> Result<api::FaceTermsView, ClientError> {
        let request = self.get(path::FACE_TERMS, path::FACE_TERMS.into());
        request.json().await
    }

    /// Enrols a face for an account; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused for many reasons, each with its own code.
    pub async fn face_enrol(
        &self,
        account: CardNumber,
        enrolment: &FaceEnrolment,
    ) -> Result<api::FaceView, ClientError> {
        let consent = &enrolment.consent;
        let captures = enrolment.captures.iter().map(|capture| api::FaceCapture {
            engine: engine(capture.engine),
            template: hex(&capture.template),
            liveness: liveness(capture.liveness),
            quality: capture.quality,
        });
        let body = api::FaceEnrol {
            request_id: enrolment.request.clone(),
            consent: api::FaceConsent {
                terms: consent.terms,
                at_s: consent.at.get(),
                until_s: consent.until.get(),
                scopes: consent.scopes.iter().map(scope).collect(),
                proof: match &consent.channel {
                    ConsentChannel::Signed(signature) => api::FaceConsentProof::Signed {
                        signature: hex(&signature.0),
                    },
                    ConsentChannel::Recorded(evidence) => api::FaceConsentProof::Recorded {
                        evidence: evidence.clone(),
                    },
                },
            },
            digits: api::FaceDigits(String::from_utf8_lossy(&enrolment.digits.0).into_owned()),
            captures: captures.collect(),
        };
        let at = path::account_face(account.reveal());
        self.post(path::ACCOUNT_FACE, at).body(&body).json().await
    }

    /// Shows an account's enrolment, and where the face is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn face_view(&self, account: CardNumber) -> Result<api::FaceView, ClientError> {
        let at = path::account_face(account.reveal());
        self.get(path::ACCOUNT_FACE, at).json().await
    }

    /// Withdraws the consent to rides by face; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn face_withdraw(&self, account: CardNumber) -> Result<api::FaceView, ClientError> {
        let at = path::account_face_withdrawal(account.reveal());
        self.post(path::ACCOUNT_FACE_WITHDRAWAL, at).json().await
    }

    /// Puts a registered terminal where it recognises faces; again, it moves.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn face_terminal_put(
        &self,
        terminal: TerminalNumber,
        operator: u16,
        line: LineCode,
        id: EngineId,
    ) -> Result<(), ClientError> {
        let body = api::FaceTerminalPut {
            operator,
            line: line.to_string(),
            engine: engine(id),
        };
        let at = path::terminal_face(terminal.as_str());
        self.post(path::TERMINAL_FACE, at).body(&body).empty().await
    }

    /// Fetches the signed update that leads a terminal's gallery on from version `after`; 0 for a
    /// whole gallery.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn gallery_update(
        &self,
        terminal: TerminalNumber,
        after: u64,
    ) -> Result<Vec<u8>, ClientError> {
        let at = path::terminal_gallery(terminal.as_str());
        let request = self.get(path::TERMINAL_GALLERY, at);
        let request = request.query(&api::ListsQuery { after });
        request.timeout(LONG_TIMEOUT).send().await?.bytes().await
    }

    /// Sends a terminal's signed report of its gallery; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`]; refused when it is not this terminal's own.
    pub async fn gallery_confirm(
        &self,
        terminal: TerminalNumber,
        report: &[u8],
    ) -> Result<(), ClientError> {
        let at = path::terminal_gallery_confirmation(terminal.as_str());
        let body = api::GalleryConfirm {
            report: hex(report),
        };
        let request = self.post(path::TERMINAL_GALLERY_CONFIRMATION, at);
        request.body(&body).empty().await
    }

    /// The terminals that recognise faces, and what they have.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn face_terminals_view(&self) -> Result<api::FaceTerminalsView, ClientError> {
        let request = self.get(path::FACE_TERMINALS, path::FACE_TERMINALS.into());
        request.json().await
    }
}

fn engine(id: EngineId) -> String {
    id.0.iter().copied().map(char::from).collect()
}

fn scope(scope: &FaceScope) -> api::FaceScope {
    api::FaceScope {
        acquirer: scope.acquirer.to_string(),
        operator: scope.operator,
        line: scope.line.map(|line| line.to_string()),
    }
}

const fn liveness(liveness: Liveness) -> api::FaceLiveness {
    match liveness {
        Liveness::Live => api::FaceLiveness::Live,
        Liveness::Spoof(Spoof::Photo) => api::FaceLiveness::Photo,
        Liveness::Spoof(Spoof::Screen) => api::FaceLiveness::Screen,
        Liveness::Spoof(Spoof::Mask) => api::FaceLiveness::Mask,
        Liveness::Spoof(Spoof::Other) => api::FaceLiveness::Other,
        Liveness::Undecided => api::FaceLiveness::Undecided,
    }
}

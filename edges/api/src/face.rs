//! Rides by face: enrolment at the issuer, galleries of the acquirer's terminals.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Hex;

/// What riders consent to (单独同意) before they enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceTermsView {
    /// Version of the text.
    pub version: u32,
    /// SM3 over the Chinese text, a zero byte and the English text: what the phone signs beside
    /// the version.
    pub digest: Hex,
    /// The text in Chinese.
    pub zh: String,
    /// The text in English.
    pub en: String,
}

/// Enrols a rider's face for an account; the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceEnrol {
    /// The caller's own id of this enrolment, 1 to 64 printable characters.
    pub request_id: String,
    /// What the rider consented to.
    pub consent: FaceConsent,
    /// The last four digits of the rider's telephone number, the second factor.
    pub digits: FaceDigits,
    /// The rider's face as engines see it, one to four times for each.
    pub captures: Vec<FaceCapture>,
}

/// What a rider consented to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceConsent {
    /// Version of the text that was shown.
    pub terms: u32,
    /// When, Unix seconds.
    pub at_s: i64,
    /// Until when, Unix seconds.
    pub until_s: i64,
    /// Who may hold the face.
    pub scopes: Vec<FaceScope>,
    /// How it can be shown.
    pub proof: FaceConsentProof,
}

/// Terminals that may hold a face.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceScope {
    /// The acquirer's code, 8 digits.
    pub acquirer: String,
    /// The operator's (运输企业) number at that acquirer.
    pub operator: u16,
    /// One line; absent for all of the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// How a consent can be shown; `kind` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaceConsentProof {
    /// Given in the app.
    Signed {
        /// The account's key's over the statement, r and s, 64 bytes.
        signature: Hex,
    },
    /// Given at a counter.
    Recorded {
        /// The reference of the paper or the recording, 1 to 64 printable characters.
        evidence: String,
    },
}

/// The second factor; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaceDigits(pub String);

impl fmt::Debug for FaceDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceDigits(..)")
    }
}

/// One look at a face.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceCapture {
    /// Engine and version, 8 characters.
    pub engine: String,
    /// The engine's own bytes.
    pub template: Hex,
    /// Whether the face was alive; only live ones are enrolled.
    pub liveness: FaceLiveness,
    /// How well it was seen, 0 to 100.
    pub quality: u8,
}

/// Whether a face was alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceLiveness {
    /// Alive.
    Live,
    /// Paper.
    Photo,
    /// A screen.
    Screen,
    /// A mask.
    Mask,
    /// Something else that is not alive.
    Other,
    /// Not decided.
    Undecided,
}

/// An account's newest enrolment, and where the face is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceView {
    /// The user account number, in full.
    pub account: String,
    /// The rider's pseudonym in records, 16 bytes.
    pub handle: Hex,
    /// How it stands.
    pub state: FaceState,
    /// Version of the terms consented to.
    pub terms: u32,
    /// Whether the account's key signed the consent; else it was recorded at a counter.
    pub signed: bool,
    /// When the rider consented, Unix seconds.
    pub consented_at_s: i64,
    /// When it was enrolled, Unix seconds.
    pub enrolled_at_s: i64,
    /// When it ends by itself, Unix seconds.
    pub until_s: i64,
    /// When it ended, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_s: Option<i64>,
    /// Who may hold the face.
    pub scopes: Vec<FaceScope>,
    /// The templates there are; never their bytes.
    pub templates: Vec<FaceTemplate>,
    /// Every terminal that was given the face.
    pub places: Vec<FacePlace>,
}

/// How an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceState {
    /// The rider may be recognised.
    Enrolled,
    /// The rider withdrew the consent.
    Withdrawn,
    /// Its time was over.
    Expired,
}

/// A template that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceTemplate {
    /// Engine and version, 8 characters.
    pub engine: String,
    /// How well the face was seen, 0 to 100.
    pub quality: u8,
}

/// A terminal that was given a face.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacePlace {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// Whether it is still there.
    pub state: FacePlaceState,
    /// When the terminal was told to forget it, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_at_s: Option<i64>,
    /// Without contact the terminal's gallery ends then, Unix seconds.
    pub gone_by_s: i64,
}

/// Whether a face is at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FacePlaceState {
    /// Given, not confirmed yet.
    Given,
    /// The terminal confirmed that it has it.
    Held,
    /// The terminal is to forget it, and has not confirmed yet.
    Forgetting,
    /// The terminal confirmed that it has forgotten it.
    Forgotten,
    /// The terminal was out of contact for so long that its gallery has ended.
    Lapsed,
}

/// Puts a registered terminal where it recognises faces; again, it moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceTerminalPut {
    /// The number of its operator.
    pub operator: u16,
    /// Its line, 1 to 6 characters.
    pub line: String,
    /// Engine and version, 8 characters.
    pub engine: String,
}

/// A terminal's report of its gallery, as it signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GalleryConfirm {
    /// The report's bytes.
    pub report: Hex,
}

/// The terminals that recognise faces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceTerminalsView {
    /// Every one, in the order of their numbers.
    pub terminals: Vec<FaceTerminalView>,
}

/// A terminal that recognises faces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaceTerminalView {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The number of its operator.
    pub operator: u16,
    /// Its line.
    pub line: String,
    /// Engine and version, 8 characters.
    pub engine: String,
    /// Version of the gallery that it confirmed; 0 is none.
    pub held: u64,
    /// Riders in that gallery.
    pub riders: u64,
    /// When it confirmed, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at_s: Option<i64>,
    /// Until when the gallery that it was given last is good, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_until_s: Option<i64>,
    /// Faces that it is to forget and has not confirmed.
    pub forgetting: u64,
}

#[cfg(test)]
#[path = "golden_face.rs"]
mod golden;

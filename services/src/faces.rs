//! Rides by face: who enrolled on what consent, which terminals hold whose face, and that both
//! end when the rider says so.
//!
//! ```text
//! rider ── consent, templates ─► face_enrol ──► store, sealed
//! terminal ── version held ────► face_gallery_update ──► signed update, for this terminal alone
//! terminal ── signed report ───► face_gallery_confirm
//! rider ── withdrawal ─────────► face_withdraw ──► templates destroyed, terminals told to forget
//! ```
//!
//! A terminal may hold a face only while the rider's consent names its operator, or its line of
//! that operator, the account is neither suspended nor blacklisted, and the enrolment lasts. What
//! it may hold is asked of the tables at each contact; what it was given is kept; the difference
//! is its update. A terminal without contact loses its gallery after 15 days by itself.
//!
//! What is here: the service of a city that is issuer and acquirer in one. What is not here: faces
//! for another institution's terminals (they would have to travel between nodes, and no consent
//! names such an acquirer yet), pictures (they never leave the camera), engines (a trait).
//!
//! UNSPECIFIED: no public text gives the enrolment of faces; the numbers in [`FaceRules`] are ours.

mod check;
mod enrolling;
mod error;
mod giving;
mod keys;
mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tongtu_crypto::{Signature, sm3};
use tongtu_terminal::face::{
    Engine, EngineId, FaceScope, GALLERY_AGE_MAX_S, Handle, Liveness, Score,
};
use tongtu_types::{CardNumber, LineCode, TerminalNumber, Timestamp};
use zeroize::Zeroizing;

pub use error::FaceError;
pub use keys::FaceKeys;

/// What a node goes by when its riders ride by face.
#[derive(Clone, Debug)]
pub struct FaceConfig {
    /// The engines whose templates are taken: what cannot be compared is not enrolled.
    pub engines: FaceEngines,
    /// The terms that riders consent to now.
    pub terms: FaceTerms,
    /// The numbers.
    pub rules: FaceRules,
}

impl FaceConfig {
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let rules = &self.rules;
        if self.engines.0.is_empty() {
            return Err("rides by face need an engine");
        }
        if !(1..=GALLERY_AGE_MAX_S).contains(&rules.gallery_s) {
            return Err("a gallery is good for at least a second and at most 15 days");
        }
        if rules.riders_at_once == 0 {
            return Err("an update of a gallery adds one rider at least");
        }
        if rules.consent_max_s <= 0 || rules.idle_s <= 0 || rules.quality_min > 100 {
            return Err("the rules of rides by face let nobody enrol");
        }
        Ok(())
    }
}

/// Engines that compare templates.
#[derive(Clone)]
pub struct FaceEngines(pub Vec<Arc<dyn Engine>>);

impl FaceEngines {
    /// The engine of that name and version.
    #[must_use]
    pub fn of(&self, id: EngineId) -> Option<&Arc<dyn Engine>> {
        self.0.iter().find(|engine| engine.id() == id)
    }
}

impl fmt::Debug for FaceEngines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|e| e.id()))
            .finish()
    }
}

/// What riders are told before they consent (单独同意).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceTerms {
    /// Rises with every change of the text.
    pub version: u32,
    /// The text in Chinese.
    pub zh: String,
    /// The text in English.
    pub en: String,
}

impl FaceTerms {
    /// SM3 over both texts: what a consent names beside the version.
    #[must_use]
    pub fn digest(&self) -> sm3::Digest {
        sm3::digest_parts(&[self.zh.as_bytes(), &[0], self.en.as_bytes()])
    }
}

/// The numbers of rides by face.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaceRules {
    /// A face enrolled is seen at least so well, 0 to 100.
    pub quality_min: u8,
    /// Two templates so alike are of one person.
    pub alike: Score,
    /// The longest consent, seconds.
    pub consent_max_s: i64,
    /// An enrolment without a ride by face ends after so long, seconds.
    pub idle_s: i64,
    /// A gallery is good for so long without contact, seconds; at most 15 days.
    pub gallery_s: i64,
    /// Riders that one version adds at most, and an update about as many.
    pub riders_at_once: u32,
}

impl FaceRules {
    /// Seen clearly, alike as a terminal with [`tongtu_terminal::face::Cosine`] wants it, three
    /// years of consent, twelve months without use, 15 days without contact.
    pub const DEFAULT: Self = Self {
        quality_min: 80,
        alike: match Score::new(9_000) {
            Some(score) => score,
            None => Score::FULL,
        },
        consent_max_s: 3 * 365 * 86_400,
        idle_s: 365 * 86_400,
        gallery_s: GALLERY_AGE_MAX_S,
        riders_at_once: 2000,
    };
}

impl Default for FaceRules {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A rider's enrolment, as asked for.
#[derive(Clone, Debug)]
pub struct FaceEnrolment {
    /// The caller's own id of it: the same again changes nothing.
    pub request: String,
    /// What the rider consented to.
    pub consent: FaceConsent,
    /// The last four digits of the rider's telephone number, the second factor.
    pub digits: FaceDigits,
    /// The rider's face, as engines see it.
    pub captures: Vec<FaceCapture>,
}

/// The second factor. Zeroized on drop; does not print.
#[derive(Clone)]
pub struct FaceDigits(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for FaceDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceDigits(..)")
    }
}

/// What a rider consented to, and how it can be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceConsent {
    /// Version of the terms that were shown.
    pub terms: u32,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who may hold the face.
    pub scopes: BTreeSet<FaceScope>,
    /// Where it was given.
    pub channel: ConsentChannel,
}

/// Where a consent was given, and its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsentChannel {
    /// In the rider's app: the account's key signs the
    /// [`tongtu_terminal::face::ConsentStatement`].
    Signed(Signature),
    /// At a counter: the reference of the signed paper or of the recording.
    Recorded(String),
}

/// One look at a face. The template is zeroized on drop and does not print.
#[derive(Clone)]
pub struct FaceCapture {
    /// What made the template.
    pub engine: EngineId,
    /// The engine's own bytes.
    pub template: Zeroizing<Vec<u8>>,
    /// Whether the face was alive.
    pub liveness: Liveness,
    /// How well it was seen, 0 to 100.
    pub quality: u8,
}

impl fmt::Debug for FaceCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceCapture")
            .field("engine", &self.engine)
            .field("liveness", &self.liveness)
            .field("quality", &self.quality)
            .finish_non_exhaustive()
    }
}

/// A rider's newest enrolment, and where the face is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceView {
    /// The account that pays.
    pub account: CardNumber,
    /// The pseudonym in records.
    pub handle: Handle,
    /// How it stands.
    pub state: FaceState,
    /// Version of the terms consented to.
    pub terms: u32,
    /// Whether the consent was signed by the account's key; else it was recorded at a counter.
    pub signed: bool,
    /// When the rider consented.
    pub consented_at: Timestamp,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When it ends by itself: consent over, or not used for too long.
    pub until: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who may hold the face.
    pub scopes: Vec<FaceScope>,
    /// Engine and quality of each template; none once it has ended.
    pub templates: Vec<(EngineId, u8)>,
    /// Every terminal that was given the face.
    pub places: Vec<FacePlace>,
}

/// How an enrolment stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaceState {
    /// The rider may be recognised, as long as the account is neither suspended nor blacklisted.
    Enrolled,
    /// The rider withdrew the consent.
    Withdrawn,
    /// Its time was over.
    Expired,
}

/// A terminal that was given a face.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FacePlace {
    /// The terminal.
    pub terminal: TerminalNumber,
    /// Whether the face is still there.
    pub state: FacePlaceState,
    /// When it was told to forget.
    pub ordered_at: Option<Timestamp>,
    /// Without contact its gallery ends then.
    pub gone_by: Timestamp,
}

/// Whether a face is at a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FacePlaceState {
    /// It was given, and is not confirmed yet.
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

/// A terminal that recognises faces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaceTerminalView {
    /// The terminal.
    pub terminal: TerminalNumber,
    /// Whose it is: the operator's number.
    pub operator: u16,
    /// Its line.
    pub line: LineCode,
    /// Its engine.
    pub engine: EngineId,
    /// Version of the gallery that it confirmed; 0 is none.
    pub held: u64,
    /// Riders in that gallery.
    pub riders: u64,
    /// When it confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Until when the gallery that it was given last is good; none when it was given none.
    pub good_until: Option<Timestamp>,
    /// Faces that it is to forget and has not confirmed.
    pub forgetting: u64,
}

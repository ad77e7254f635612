//! The face terminal (人脸识别终端): who is it, may they ride, and the record of it.
//!
//! ```text
//!  camera, liveness ──► Capture ──┐                    ┌── Engine (a vendor's, or Cosine)
//!  acquirer ── GalleryUpdate ► Gallery ── rank ────────┤
//!  keypad ──── four digits ──► FaceTerminal ── append ─► RecordStore, then the rider is told
//! ```
//!
//! What is here: the list of enrolled riders, sealed at rest ([`Gallery`]), how it is led on
//! ([`GalleryUpdate`]) and confirmed ([`GalleryReport`]); what a rider consents to
//! ([`ConsentStatement`]); matching behind a trait ([`Engine`]) with a plain one for supplied
//! templates ([`Cosine`]); the flow ([`FaceTerminal`]). A ride by face is settled by account like a code's, and has the
//! terminal's signature for a proof.
//! What is not here: pictures. They stay in the camera module, which hands over a template and
//! its verdict on liveness and forgets the rest.
//!
//! Paying by face is one way among others: a terminal that has it takes cards and codes too,
//! for the same fare.

mod engine;
mod enrolled;
mod error;
mod flow;
mod gallery;
mod holding;
mod made;
mod prompt;
mod report;
mod seal;
mod statement;
mod update;
mod wire;

pub use engine::{Candidate, Cosine, Engine, EngineFault, EngineId, Ranking, Score};
pub use enrolled::{Consent, Enrolled, Handle, TEMPLATE_MAX, TEMPLATES_MAX};
pub use error::GalleryError;
pub use flow::{
    Capture, FacePolicy, FaceRefusal, FaceRide, FaceSetup, FaceTerminal, Liveness, Look, Probe,
    Sight, Spoof,
};
pub use gallery::{GALLERY_AGE_MAX_S, Gallery, RIDERS_MAX};
pub use prompt::{FaceMoment, FacePrompt};
pub use report::{GalleryReport, GalleryReportRecord};
pub use seal::SealKey;
pub use statement::{ConsentStatement, FaceScope, SCOPES_MAX};
pub use update::{GalleryUpdate, UpdateHead};

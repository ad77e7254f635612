//! The face terminal (人脸识别终端): who is it, may they ride, and the record of it.
//!
//! ```text
//!  camera, liveness ──► Capture ──┐                    ┌── Engine (a vendor's, or Cosine)
//!  acquirer ── signed list ──► Gallery ── rank ────────┤
//!  keypad ──── four digits ──► FaceTerminal ── append ─► RecordStore, then the rider is told
//! ```
//!
//! What is here: the list of enrolled riders, sealed at rest ([`Gallery`]); matching behind a
//! trait ([`Engine`]) with a plain one for supplied templates ([`Cosine`]); the flow
//! ([`FaceTerminal`]). A ride by face is settled by account like a code's, and has the
//! terminal's signature for a proof.
//! What is not here: pictures. They stay in the camera module, which hands over a template and
//! its verdict on liveness and forgets the rest.
//!
//! Paying by face is one way among others: a terminal that has it takes cards and codes too,
//! for the same fare.

mod engine;
mod flow;
mod gallery;
mod made;
mod prompt;
mod seal;

pub use engine::{Candidate, Cosine, Engine, EngineFault, EngineId, Ranking, Score};
pub use flow::{
    Capture, FacePolicy, FaceRefusal, FaceRide, FaceSetup, FaceTerminal, Liveness, Look, Probe,
    Sight, Spoof,
};
pub use gallery::{Consent, Enrolled, Gallery, GalleryError, Handle, RIDERS_MAX};
pub use prompt::{FaceMoment, FacePrompt};
pub use seal::SealKey;

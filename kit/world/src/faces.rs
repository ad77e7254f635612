//! Rides by face in the country: each city's keys, engine and terms. All of it is for tests.

pub mod audit;
pub mod drive;
pub mod people;
pub mod plan;

use std::path::Path;
use std::sync::Arc;

use tongtu_config::FacesFile;
use tongtu_services::faces::{FaceEngines, FaceRules, FaceTerms};
use tongtu_services::{FaceConfig, FaceKeys};
use tongtu_terminal::face::Cosine;

use crate::{Country, WorldError};

pub use drive::{FaceLog, FaceSide, ObservedFace};
pub use people::FaceRider;
pub use plan::{FacePost, PlannedLook};

/// The keys that a city seals faces under.
#[must_use]
pub fn face_keys(country: &Country, node: usize) -> &FaceKeys {
    country.keys.faces(node)
}

/// What riders consent to.
#[must_use]
pub fn face_terms() -> FaceTerms {
    FaceTerms {
        version: 1,
        zh: "本人单独同意发行机构处理本人人脸信息，仅用于在所列运输企业的终端识别本人并由本人账户支付\
             乘车费用；可随时撤回，撤回后人脸信息即被删除；不同意不影响以其他方式乘车。"
            .to_owned(),
        en: "I consent separately that the issuer handles my face, only so that terminals of the \
             operators named recognise me and my account pays the fare. I can withdraw at any \
             time; my face is deleted then. Without it I ride by other means as before."
            .to_owned(),
    }
}

/// How a city serves rides by face, with the plain matcher.
#[must_use]
pub fn face_config() -> FaceConfig {
    FaceConfig {
        engines: FaceEngines(vec![Arc::new(Cosine)]),
        terms: face_terms(),
        rules: FaceRules::DEFAULT,
    }
}

/// Writes what the settings of a city's node name about faces.
pub(crate) fn write_faces(place: &Path) -> Result<FacesFile, WorldError> {
    let terms = face_terms();
    for (name, text) in [("faces.zh.txt", &terms.zh), ("faces.en.txt", &terms.en)] {
        let path = place.join(name);
        std::fs::write(&path, text).map_err(|e| WorldError::file(&path, e))?;
    }
    Ok(FacesFile {
        terms: terms.version,
        terms_zh: "faces.zh.txt".to_owned(),
        terms_en: "faces.en.txt".to_owned(),
    })
}

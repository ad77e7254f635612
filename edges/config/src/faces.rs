//! How a node serves rides by face.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tongtu_services::FaceConfig;
use tongtu_services::faces::{FaceEngines, FaceRules, FaceTerms};
use tongtu_terminal::face::Cosine;

use crate::{ConfigError, beside, read_text};

/// `[faces]`: a city's riders ride by face. The engine is the plain matcher; a vendor's comes with
/// a program of the vendor's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacesFile {
    /// Version of the terms that riders consent to.
    pub terms: u32,
    /// File with their Chinese text.
    pub terms_zh: String,
    /// File with their English text.
    pub terms_en: String,
}

impl FacesFile {
    pub(crate) fn resolve(&self, path: &Path) -> Result<FaceConfig, ConfigError> {
        let text = |file: &str| read_text(&beside(path, file)).map(|text| text.trim().to_owned());
        Ok(FaceConfig {
            engines: FaceEngines(vec![Arc::new(Cosine)]),
            terms: FaceTerms {
                version: self.terms,
                zh: text(&self.terms_zh)?,
                en: text(&self.terms_en)?,
            },
            rules: FaceRules::DEFAULT,
        })
    }
}

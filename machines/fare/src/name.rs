//! Names in two languages.

use alloc::sync::Arc;

/// The language of an explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lang {
    /// Chinese, simplified (简体中文).
    Zh,
    /// English.
    En,
}

/// What people call a city, a line or a station, in Chinese and in English.
///
/// Cheap to clone: quotes carry the names they mention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    zh: Arc<str>,
    en: Arc<str>,
}

impl Name {
    pub(crate) fn new(zh: &str, en: &str) -> Self {
        Self {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// The name in that language.
    #[must_use]
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

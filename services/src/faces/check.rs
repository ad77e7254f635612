//! What can be said of an enrolment without the store.

use std::collections::BTreeMap;

use tongtu_crypto::PublicKey;
use tongtu_terminal::face::{
    ConsentStatement, EngineId, Liveness, Score, TEMPLATE_MAX, TEMPLATES_MAX,
};
use tongtu_types::{CardNumber, InstitutionCode, Timestamp};
use zeroize::Zeroizing;

use super::{ConsentChannel, FaceConfig, FaceEnrolment, FaceError, FaceKeys};

const TEXT_LEN_MAX: usize = 64;

/// A consent may have been given so long before it arrives, seconds: a phone out of coverage.
const CONSENT_LATE_S: i64 = 86_400;
/// And so long after now by the phone's clock.
const CONSENT_EARLY_S: i64 = 300;

/// An enrolment with everything around it.
pub(super) struct Asked<'a> {
    pub(super) account: CardNumber,
    pub(super) issuer: InstitutionCode,
    pub(super) acquirer: InstitutionCode,
    pub(super) config: &'a FaceConfig,
    pub(super) keys: &'a FaceKeys,
    pub(super) enrolment: &'a FaceEnrolment,
}

impl Asked<'_> {
    /// Checks ids, consent and captures; not whose they are.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), FaceError> {
        let FaceEnrolment {
            request,
            consent,
            digits,
            captures,
        } = self.enrolment;
        if let Some(length) = not_a_word(request) {
            return Err(FaceError::Request { length });
        }
        if let ConsentChannel::Recorded(reference) = &consent.channel
            && let Some(length) = not_a_word(reference)
        {
            return Err(FaceError::Evidence { length });
        }
        let (terms, rules) = (&self.config.terms, &self.config.rules);
        if consent.terms != terms.version {
            return Err(FaceError::Terms {
                found: consent.terms,
                expected: terms.version,
            });
        }
        let late_s = now.since_s(consent.at);
        let lasts_s = consent.until.since_s(consent.at);
        if !(-CONSENT_EARLY_S..=CONSENT_LATE_S).contains(&late_s)
            || !(1..=rules.consent_max_s).contains(&lasts_s)
            || consent.until <= now
        {
            return Err(FaceError::ConsentTime {
                at: consent.at,
                until: consent.until,
                now,
                max_s: rules.consent_max_s,
            });
        }
        let other = consent.scopes.iter().find(|s| s.acquirer != self.acquirer);
        if let Some(scope) = other {
            return Err(FaceError::ScopeAcquirer {
                found: scope.acquirer,
                expected: self.acquirer,
            });
        }
        if digits.0.len() != 4 || !digits.0.iter().all(u8::is_ascii_digit) {
            return Err(FaceError::Digits);
        }
        let mut of_engine: BTreeMap<EngineId, usize> = BTreeMap::new();
        for (index, capture) in captures.iter().enumerate() {
            if capture.liveness != Liveness::Live {
                return Err(FaceError::NotLive {
                    index,
                    liveness: capture.liveness,
                });
            }
            if !(rules.quality_min..=100).contains(&capture.quality) {
                return Err(FaceError::Quality {
                    index,
                    found: capture.quality,
                    min: rules.quality_min,
                });
            }
            let found = capture.template.len();
            if found == 0 || found > TEMPLATE_MAX {
                return Err(FaceError::TemplateLength {
                    index,
                    found,
                    max: TEMPLATE_MAX,
                });
            }
            *of_engine.entry(capture.engine).or_default() += 1;
        }
        let most = of_engine.values().copied().max().unwrap_or_default();
        if most == 0 || most > TEMPLATES_MAX {
            return Err(FaceError::Captures {
                found: most,
                max: TEMPLATES_MAX,
            });
        }
        Ok(())
    }

    /// Checks that engines take their templates, and that those of one engine are of one person.
    pub(super) fn compare(&self) -> Result<(), FaceError> {
        let captures = &self.enrolment.captures;
        for (index, capture) in captures.iter().enumerate() {
            let engine = self.config.engines.of(capture.engine);
            let engine = engine.ok_or(FaceError::Engine {
                engine: capture.engine,
            })?;
            let of_engine = captures.iter().filter(|c| c.engine == capture.engine);
            let first = of_engine.into_iter().next().unwrap_or(capture);
            let score = engine.compare(&first.template, &capture.template);
            let score: Score = score.map_err(|source| FaceError::Template { index, source })?;
            if score < self.config.rules.alike {
                return Err(FaceError::NotOnePerson { index });
            }
        }
        Ok(())
    }

    fn statement(&self) -> Result<Vec<u8>, FaceError> {
        let consent = &self.enrolment.consent;
        let statement = ConsentStatement {
            account: self.account,
            issuer: self.issuer,
            terms: consent.terms,
            digest: self.config.terms.digest(),
            at: consent.at,
            until: consent.until,
            request: self.enrolment.request.clone(),
            scopes: consent.scopes.clone(),
        };
        statement.to_bytes().map_err(FaceError::Statement)
    }

    /// The proof of the consent as it is kept: its channel's number and its evidence.
    pub(super) fn evidence(&self, user_key: &PublicKey) -> Result<(i64, Vec<u8>), FaceError> {
        let statement = self.statement()?;
        match &self.enrolment.consent.channel {
            ConsentChannel::Signed(signature) => {
                user_key
                    .verify(&statement, signature)
                    .map_err(|_| FaceError::ConsentSignature)?;
                Ok((1, signature.0.to_vec()))
            }
            ConsentChannel::Recorded(reference) => Ok((2, reference.as_bytes().to_vec())),
        }
    }

    /// A keyed code over everything that was asked, which tells a repetition from another request
    /// without keeping what was in it.
    pub(super) fn mac(&self) -> Result<[u8; 16], FaceError> {
        let mut text = Zeroizing::new(self.statement()?);
        let mut part = |bytes: &[u8]| {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            text.extend_from_slice(&len.to_be_bytes());
            text.extend_from_slice(bytes);
        };
        match &self.enrolment.consent.channel {
            ConsentChannel::Signed(signature) => part(&signature.0),
            ConsentChannel::Recorded(reference) => part(reference.as_bytes()),
        }
        part(&self.enrolment.digits.0);
        for capture in &self.enrolment.captures {
            part(&capture.engine.0);
            part(&capture.template);
            part(&[capture.quality]);
        }
        Ok(self.keys.request_mac(&text))
    }
}

/// The length of a text that is no word of 1 to 64 printable characters.
fn not_a_word(text: &str) -> Option<usize> {
    let length = text.len();
    let is_word =
        (1..=TEXT_LEN_MAX).contains(&length) && text.bytes().all(|b| b.is_ascii_graphic());
    (!is_word).then_some(length)
}

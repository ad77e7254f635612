//! A rider who may be recognised, and the bytes of one.

use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::{Cn, Cn10, EncodeError, Reader, hex_encode};
use tongtu_crypto::{Entropy, equal};
use tongtu_types::{CardNumber, InstitutionCode, Timestamp};
use zeroize::Zeroizing;

use super::wire::{array, field, instant, push, put};
use super::{EngineId, GalleryError, SealKey};

/// Longest template, bytes.
pub const TEMPLATE_MAX: usize = 4096;
/// Most templates of one rider for one engine: with and without glasses, years apart.
pub const TEMPLATES_MAX: usize = 4;
const DIGITS_LEN: usize = 4;

/// A rider's pseudonym: all that a record says of who was recognised.
///
/// Each enrolment has its own, so that whoever enrols again is nobody's successor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub [u8; 16]);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0[..4]))
    }
}

/// A rider's consent (单独同意): separate from everything else, and revocable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Version of the terms.
    pub terms: u32,
    /// It ends by itself then, at the latest twelve months after the last ride by face.
    pub until: Timestamp,
}

/// A rider who may be recognised.
///
/// Templates are zeroized on drop; `Debug` shows neither them nor the digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Pseudonym.
    pub handle: Handle,
    /// The account that pays.
    pub account: CardNumber,
    /// The account's issuer.
    pub issuer: InstitutionCode,
    /// What the rider consented to.
    pub consent: Consent,
    /// Digits 4, then each template with its length 2 in front.
    secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolled")
            .field("handle", &self.handle)
            .field("account", &self.account)
            .field("consent", &self.consent)
            .finish_non_exhaustive()
    }
}

impl Enrolled {
    /// A rider with the last four digits of the telephone number and a template.
    ///
    /// # Errors
    /// [`GalleryError`] for digits that are none or a template that is empty or too long.
    pub fn new(
        handle: Handle,
        account: CardNumber,
        issuer: InstitutionCode,
        consent: Consent,
        digits: [u8; DIGITS_LEN],
        template: &[u8],
    ) -> Result<Self, GalleryError> {
        Self::with_templates(handle, account, issuer, consent, digits, &[template])
    }

    /// A rider with several templates of one engine; any of them may be recognised.
    ///
    /// # Errors
    /// [`GalleryError`] for digits that are none, no template or too many, and templates that
    /// are empty or too long.
    pub fn with_templates(
        handle: Handle,
        account: CardNumber,
        issuer: InstitutionCode,
        consent: Consent,
        digits: [u8; DIGITS_LEN],
        templates: &[&[u8]],
    ) -> Result<Self, GalleryError> {
        let lengths = templates.iter().map(|template| 2 + template.len());
        let mut secret = Zeroizing::new(Vec::with_capacity(DIGITS_LEN + lengths.sum::<usize>()));
        secret.extend_from_slice(&digits);
        for template in templates {
            let found = template.len();
            let len = u16::try_from(found).map_err(|_| GalleryError::Template { found })?;
            secret.extend_from_slice(&len.to_be_bytes());
            secret.extend_from_slice(template);
        }
        check(&secret)?;
        Ok(Self {
            handle,
            account,
            issuer,
            consent,
            secret,
        })
    }

    /// The templates, one at least.
    pub fn templates(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.secret[DIGITS_LEN..];
        core::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk()?;
            let (template, behind) = behind.split_at(usize::from(u16::from_be_bytes(*len)));
            rest = behind;
            Some(template)
        })
    }

    /// Whether these are the rider's digits, in a time that tells nothing.
    #[must_use]
    pub fn has_digits(&self, digits: &[u8]) -> bool {
        equal(&self.secret[..DIGITS_LEN], digits)
    }

    /// What the sealed part is bound to.
    fn bound(&self, engine: EngineId) -> Result<[u8; 34], EncodeError> {
        let mut bound = [0; 34];
        bound[..16].copy_from_slice(&self.handle.0);
        put::<Cn10, _>("account", &self.account, &mut bound[16..26])?;
        bound[26..].copy_from_slice(&engine.0);
        Ok(bound)
    }

    pub(super) fn write(
        &self,
        engine: EngineId,
        seal: &SealKey,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.handle.0);
        push::<Cn10, _>("account", &self.account, 10, out)?;
        push::<Cn, _>("issuer", &self.issuer, 4, out)?;
        out.extend_from_slice(&self.consent.terms.to_be_bytes());
        out.extend_from_slice(&self.consent.until.get().to_be_bytes());
        let sealed = seal.seal(&self.bound(engine)?, &self.secret, entropy);
        let len = u16::try_from(sealed.len()).expect("templates are bounded");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&sealed);
        Ok(())
    }

    /// Reads riders by rising handle.
    pub(super) fn read_all(
        reader: &mut Reader<'_>,
        count: usize,
        engine: EngineId,
        seal: &SealKey,
    ) -> Result<Vec<Self>, GalleryError> {
        let mut riders: Vec<Self> = Vec::new();
        for index in 0..count {
            let rider = Self::read(reader, index, engine, seal)?;
            if riders
                .last()
                .is_some_and(|last| last.handle >= rider.handle)
            {
                return Err(GalleryError::Order { index });
            }
            riders.push(rider);
        }
        Ok(riders)
    }

    fn read(
        reader: &mut Reader<'_>,
        index: usize,
        engine: EngineId,
        seal: &SealKey,
    ) -> Result<Self, GalleryError> {
        let mut rider = Self {
            handle: Handle(array(reader.take("handle", 16)?)),
            account: field::<Cn10, _>(reader, "account", 10)?,
            issuer: field::<Cn, _>(reader, "issuer", 4)?,
            consent: Consent {
                terms: u32::from_be_bytes(array(reader.take("terms", 4)?)),
                until: instant(reader, "consent_until")?,
            },
            secret: Zeroizing::new(Vec::new()),
        };
        let len = usize::from(u16::from_be_bytes(array(reader.take("sealed_length", 2)?)));
        let sealed = reader.take("sealed", len)?;
        let secret = seal.open(&rider.bound(engine)?, sealed);
        rider.secret = secret.ok_or(GalleryError::Seal { index })?;
        check(&rider.secret)?;
        Ok(rider)
    }
}

/// Brings riders in order; the error names two of one handle.
pub(super) fn in_order(mut riders: Vec<Enrolled>) -> Result<Vec<Enrolled>, GalleryError> {
    riders.sort_by_key(|rider| rider.handle);
    match riders.windows(2).position(|p| p[0].handle == p[1].handle) {
        Some(index) => Err(GalleryError::Order { index: index + 1 }),
        None => Ok(riders),
    }
}

/// Whether this is a rider's secret: four digits, and one template or a few.
fn check(secret: &[u8]) -> Result<(), GalleryError> {
    let (digits, mut rest) = secret
        .split_first_chunk::<DIGITS_LEN>()
        .ok_or(GalleryError::Digits)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(GalleryError::Digits);
    }
    let mut templates = 0;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let found = usize::from(u16::from_be_bytes(*len));
        if found == 0 || found > TEMPLATE_MAX {
            return Err(GalleryError::Template { found });
        }
        let (_, behind) = behind
            .split_at_checked(found)
            .ok_or(GalleryError::Template { found })?;
        rest = behind;
        templates += 1;
    }
    if !rest.is_empty() || templates == 0 || templates > TEMPLATES_MAX {
        return Err(GalleryError::Templates { found: templates });
    }
    Ok(())
}

//! The gallery (人脸名单): who may be recognised here, their templates sealed.
//!
//! ```text
//! head 45    magic 4 "TTFG" | format 1 | acquirer cn8 4 | version 8 | issued_at 8
//!            | valid_until 8 | engine 8 | riders 4
//! rider      handle 16 | account cn20 10 | issuer cn8 4 | terms 4 | consent_until 8
//!            | sealed length 2 | sealed
//! end        signature 64 of the acquirer's list key, or CMAC 16 of the terminal's own key
//! ```
//!
//! All integers are big-endian, handles rise strictly. A rider's sealed part is the four digits
//! of the second factor and the template, bound to handle, account and engine, so that parts of
//! two riders cannot be exchanged. The list travels signed; the terminal keeps it under its own
//! key ([`Gallery::at_rest`]), so that a rider who withdraws consent is gone at once and does
//! not wait for the next list.
//!
//! UNSPECIFIED: JT/T 1059.8 names face terminals and no format; this one is ours.

use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::{Cn, Cn10, DecodeError, EncodeError, Encoding, Reader, hex_encode};
use tongtu_crypto::{Entropy, PublicKey, SecretKey, Signature, equal};
use tongtu_types::{CardNumber, InstitutionCode, Timestamp};
use zeroize::Zeroizing;

use super::{EngineId, SealKey};

/// Most riders of one gallery: the registered riders of a line or a station.
pub const RIDERS_MAX: usize = 100_000;
/// Longest template, bytes.
const TEMPLATE_MAX: usize = 4096;
const MAGIC: [u8; 4] = *b"TTFG";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;
const MAC_LEN: usize = 16;
const DIGITS_LEN: usize = 4;

/// A rider's pseudonym: all that a record says of who was recognised.
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
/// The template is zeroized on drop; `Debug` shows neither it nor the digits.
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
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(GalleryError::Digits);
        }
        if template.is_empty() || template.len() > TEMPLATE_MAX {
            return Err(GalleryError::Template {
                found: template.len(),
            });
        }
        let mut secret = Zeroizing::new(Vec::with_capacity(DIGITS_LEN + template.len()));
        secret.extend_from_slice(&digits);
        secret.extend_from_slice(template);
        Ok(Self {
            handle,
            account,
            issuer,
            consent,
            secret,
        })
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> &[u8] {
        &self.secret[DIGITS_LEN..]
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
}

/// Why a gallery is not made or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// Does not begin like a gallery.
    #[error("not a gallery: expected \"TTFG\" and format {FORMAT} in front")]
    Magic,
    /// The signature is not the acquirer's over these bytes.
    #[error("signature of the gallery does not verify under the acquirer's list key")]
    Signature,
    /// The terminal's own code is not over these bytes.
    #[error("gallery at rest was changed, or is another terminal's")]
    Mac,
    /// A field is cut off or malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// More riders than a gallery holds.
    #[error("{found} riders, expected at most {RIDERS_MAX}")]
    TooMany {
        /// Riders there.
        found: usize,
    },
    /// Two riders of one handle, or not in order.
    #[error("rider {index} of the gallery is out of order")]
    Order {
        /// Which, from 0.
        index: usize,
    },
    /// A rider's part does not open: another key, or changed.
    #[error("template of rider {index} does not open with the seal key")]
    Seal {
        /// Which, from 0.
        index: usize,
    },
    /// The second factor is no four digits.
    #[error("second factor, expected 4 digits")]
    Digits,
    /// A template of no use.
    #[error("template of {found} bytes, expected 1 to {TEMPLATE_MAX}")]
    Template {
        /// Bytes there.
        found: usize,
    },
    /// Bytes behind the last rider.
    #[error("{found} bytes behind the last rider, expected the end")]
    Behind {
        /// Bytes there.
        found: usize,
    },
    /// Made for another acquirer's terminals.
    #[error("gallery of acquirer {found}, expected {expected}")]
    OtherAcquirer {
        /// The acquirer it names.
        found: InstitutionCode,
        /// The terminal's.
        expected: InstitutionCode,
    },
    /// Made by another engine.
    #[error("gallery of engine {found}, expected {expected}")]
    OtherEngine {
        /// The engine it names.
        found: EngineId,
        /// The terminal's.
        expected: EngineId,
    },
    /// Not newer than the one held.
    #[error("gallery version {found}, expected more than {held}")]
    NotNewer {
        /// The version offered.
        found: u64,
        /// The version held.
        held: u64,
    },
}

/// The riders who may be recognised, by rising handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gallery {
    /// Whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// Rises with every list.
    pub version: u64,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Nobody is recognised from it any more then.
    pub valid_until: Timestamp,
    /// The engine that made the templates.
    pub engine: EngineId,
    riders: Vec<Enrolled>,
}

impl Gallery {
    /// Puts a gallery together; riders are brought in order.
    ///
    /// # Errors
    /// [`GalleryError`] when there are too many or two of one handle.
    pub fn new(
        acquirer: InstitutionCode,
        version: u64,
        issued_at: Timestamp,
        valid_until: Timestamp,
        engine: EngineId,
        mut riders: Vec<Enrolled>,
    ) -> Result<Self, GalleryError> {
        if riders.len() > RIDERS_MAX {
            return Err(GalleryError::TooMany {
                found: riders.len(),
            });
        }
        riders.sort_by_key(|rider| rider.handle);
        if let Some(index) = riders.windows(2).position(|p| p[0].handle == p[1].handle) {
            return Err(GalleryError::Order { index: index + 1 });
        }
        Ok(Self {
            acquirer,
            version,
            issued_at,
            valid_until,
            engine,
            riders,
        })
    }

    /// The riders.
    #[must_use]
    pub fn riders(&self) -> &[Enrolled] {
        &self.riders
    }

    /// The rider of a handle.
    #[must_use]
    pub fn rider(&self, handle: Handle) -> Option<&Enrolled> {
        let place = self.riders.binary_search_by_key(&handle, |r| r.handle);
        place.ok().map(|index| &self.riders[index])
    }

    /// Takes riders out who withdrew their consent; says how many were there.
    pub fn withdraw(&mut self, handles: &[Handle]) -> usize {
        let before = self.riders.len();
        self.riders.retain(|rider| !handles.contains(&rider.handle));
        before - self.riders.len()
    }

    /// Takes riders out whose consent has ended.
    pub fn forget_ended(&mut self, now: Timestamp) -> usize {
        let before = self.riders.len();
        self.riders.retain(|rider| rider.consent.until > now);
        before - self.riders.len()
    }

    /// The list as the acquirer hands it out: templates sealed, the whole signed.
    ///
    /// # Errors
    /// [`GalleryError`] when a field does not fit.
    pub fn signed(
        &self,
        seal: &SealKey,
        list_key: &SecretKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, GalleryError> {
        let mut out = self.body(seal, entropy)?;
        let signature = list_key.sign(&out);
        out.extend_from_slice(&signature.0);
        Ok(out)
    }

    /// Opens a list: the signature first, then everything inside.
    ///
    /// # Errors
    /// [`GalleryError`].
    pub fn open(bytes: &[u8], seal: &SealKey, key: &PublicKey) -> Result<Self, GalleryError> {
        let (body, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(GalleryError::Magic)?;
        if !body.starts_with(&MAGIC) {
            return Err(GalleryError::Magic);
        }
        key.verify(body, &Signature(*signature))
            .map_err(|_| GalleryError::Signature)?;
        Self::read(body, seal)
    }

    /// The list as a terminal keeps it, under a key that nobody else has.
    ///
    /// # Errors
    /// [`GalleryError`] when a field does not fit.
    pub fn at_rest(
        &self,
        own: &SealKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, GalleryError> {
        let mut out = self.body(own, entropy)?;
        let mac = own.mac(&out);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// Opens what [`Gallery::at_rest`] wrote.
    ///
    /// # Errors
    /// [`GalleryError`].
    pub fn from_rest(bytes: &[u8], own: &SealKey) -> Result<Self, GalleryError> {
        let (body, mac) = bytes
            .split_last_chunk::<MAC_LEN>()
            .ok_or(GalleryError::Magic)?;
        if !equal(&own.mac(body), mac) {
            return Err(GalleryError::Mac);
        }
        Self::read(body, own)
    }

    fn body(&self, seal: &SealKey, entropy: &mut dyn Entropy) -> Result<Vec<u8>, GalleryError> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(FORMAT);
        push::<Cn, _>("acquirer", &self.acquirer, 4, &mut out)?;
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.issued_at.get().to_be_bytes());
        out.extend_from_slice(&self.valid_until.get().to_be_bytes());
        out.extend_from_slice(&self.engine.0);
        let count = u32::try_from(self.riders.len()).expect("bounded when it was made");
        out.extend_from_slice(&count.to_be_bytes());
        for rider in &self.riders {
            out.extend_from_slice(&rider.handle.0);
            push::<Cn10, _>("account", &rider.account, 10, &mut out)?;
            push::<Cn, _>("issuer", &rider.issuer, 4, &mut out)?;
            out.extend_from_slice(&rider.consent.terms.to_be_bytes());
            out.extend_from_slice(&rider.consent.until.get().to_be_bytes());
            let sealed = seal.seal(&rider.bound(self.engine)?, &rider.secret, entropy);
            let len = u16::try_from(sealed.len()).expect("templates are bounded");
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&sealed);
        }
        Ok(out)
    }

    fn read(body: &[u8], seal: &SealKey) -> Result<Self, GalleryError> {
        let mut reader = Reader::new("Gallery", body);
        if reader.take("magic", 4)? != MAGIC || reader.take("format", 1)? != [FORMAT] {
            return Err(GalleryError::Magic);
        }
        let acquirer = field::<Cn, _>(&mut reader, "acquirer", 4)?;
        let version = reader.take_be("version", 8)?;
        let issued_at = instant(&mut reader, "issued_at")?;
        let valid_until = instant(&mut reader, "valid_until")?;
        let engine = EngineId(array(reader.take("engine", 8)?));
        let count = usize::try_from(reader.take_be("riders", 4)?).unwrap_or(usize::MAX);
        if count > RIDERS_MAX {
            return Err(GalleryError::TooMany { found: count });
        }
        let mut riders: Vec<Enrolled> = Vec::new();
        for index in 0..count {
            let mut rider = Enrolled {
                handle: Handle(array(reader.take("handle", 16)?)),
                account: field::<Cn10, _>(&mut reader, "account", 10)?,
                issuer: field::<Cn, _>(&mut reader, "issuer", 4)?,
                consent: Consent {
                    terms: u32::from_be_bytes(array(reader.take("terms", 4)?)),
                    until: instant(&mut reader, "consent_until")?,
                },
                secret: Zeroizing::new(Vec::new()),
            };
            let len = usize::try_from(reader.take_be("sealed_length", 2)?).expect("two bytes");
            let sealed = reader.take("sealed", len)?;
            let secret = seal.open(&rider.bound(engine)?, sealed);
            rider.secret = secret
                .filter(|s| s.len() > DIGITS_LEN && s.len() <= DIGITS_LEN + TEMPLATE_MAX)
                .ok_or(GalleryError::Seal { index })?;
            if !rider.secret[..DIGITS_LEN].iter().all(u8::is_ascii_digit) {
                return Err(GalleryError::Digits);
            }
            if riders
                .last()
                .is_some_and(|last| last.handle >= rider.handle)
            {
                return Err(GalleryError::Order { index });
            }
            riders.push(rider);
        }
        if !reader.is_at_end() {
            return Err(GalleryError::Behind {
                found: body.len() - reader.offset(),
            });
        }
        Ok(Self {
            acquirer,
            version,
            issued_at,
            valid_until,
            engine,
            riders,
        })
    }
}

/// Writes a value over the bytes of its field.
fn put<E: Encoding<T>, T>(
    field: &'static str,
    value: &T,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    E::encode(value, out).map_err(|kind| EncodeError {
        record: "Gallery",
        field,
        kind,
    })
}

/// Appends a value in a field of so many bytes.
fn push<E: Encoding<T>, T>(
    field: &'static str,
    value: &T,
    len: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.resize(start + len, 0);
    put::<E, T>(field, value, &mut out[start..])
}

/// Reads a value from a field of so many bytes.
fn field<E: Encoding<T>, T>(
    reader: &mut Reader<'_>,
    name: &'static str,
    len: usize,
) -> Result<T, DecodeError> {
    let bytes = reader.take(name, len)?;
    E::decode(bytes).map_err(|kind| reader.error(name, kind))
}

fn instant(reader: &mut Reader<'_>, field: &'static str) -> Result<Timestamp, DecodeError> {
    let bytes = array(reader.take(field, 8)?);
    Ok(Timestamp::new(i64::from_be_bytes(bytes)))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the reader took so many")
}

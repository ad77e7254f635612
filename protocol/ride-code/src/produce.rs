//! Making codes: the issuer's user certificate, and the phone's code of this moment.

use alloc::vec::Vec;

use tongtu_codec::EncodeError;
use tongtu_crypto::{PublicKey, SecretKey, Signature};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::certificate::CertificateError;
use crate::layout::{
    EXTENSION_LEN_MAX, Guide, IssuerCertificate, IssuerSignature, LEAD_VERSION_1, RideDomain,
    SERVICE_TRANSPORT, SIGNATURE_MARK, UserDomain,
};
use crate::{RideCode, RootTable};

/// Bytes of the issuer-defined data, space-filled.
const ISSUER_DATA_LEN_MAX: usize = 16;

/// Why a certificate or a code is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// Issuer-defined data must be printable ASCII, space-filled.
    #[error("issuer data byte {at} is {byte:#04x}, expected printable ASCII 20h to 7Eh")]
    IssuerData {
        /// Position in the 16 bytes.
        at: usize,
        /// The offender.
        byte: u8,
    },
    /// Issuer-defined data has 16 bytes.
    #[error("issuer data is too long: {0} bytes, expected 0 to 16")]
    IssuerDataLength(usize),
    /// The single-ride limit has three bytes.
    #[error("single-ride limit {0} is outside 0.00 to 167772.15 yuan")]
    Limit(Fen),
    /// The extension has at most 32 bytes.
    #[error("extension of {0} bytes, expected 0 to 32")]
    Extension(usize),
    /// A time that a 32-bit number of seconds cannot carry.
    #[error("time {0} does not fit an unsigned 32-bit number of seconds")]
    Time(Timestamp),
    /// A validity of zero would never be accepted.
    #[error("code validity must be at least 1 second")]
    Validity,
    /// The issuer's secret key is not the one in its certificate.
    #[error("the issuer key is not the one in the issuer certificate")]
    ForeignIssuerKey,
    /// The user's secret key is not the one in the user certificate.
    #[error("the user key is not the one in the user certificate")]
    ForeignUserKey,
    /// Less than one validity is left of the user certificate: it must be renewed first.
    #[error("user certificate expires {expires}; less than one validity is left")]
    CertificateAlmostOver {
        /// When it expires.
        expires: Timestamp,
    },
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What an issuer puts into a user certificate (用户证书).
#[derive(Debug, Clone)]
pub struct UserTerms {
    /// Issuer-defined data (发行方自定义数据), up to 16 printable characters.
    pub issuer_data: Vec<u8>,
    /// The rider's account: a virtual T-Union card number.
    pub account: CardNumber,
    /// Card issuer code, reserved; real codes repeat the issuer identifier.
    pub card_issuer: [u8; 4],
    /// Code platform number, reserved.
    pub platform: [u8; 4],
    /// Account type (用户账户类型).
    pub account_type: u8,
    /// Single-ride limit.
    pub limit: Fen,
    /// The phone's verifying key.
    pub user_key: PublicKey,
    /// Expiry of the user certificate.
    pub expires: Timestamp,
    /// Validity of each code, seconds.
    pub validity_s: u16,
    /// Issuer's extension, 0 to 32 bytes.
    pub extension: Vec<u8>,
}

/// A user certificate with everything the phone needs beside its key: bytes 3..263+N of
/// every code made from it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCertificate {
    body: Vec<u8>,
    user: UserDomain,
}

impl UserCertificate {
    /// Issues a user certificate under an issuer certificate.
    ///
    /// # Errors
    /// [`ProduceError`] naming the term that cannot be, or a key that does not belong.
    pub fn issue(
        issuer: &IssuerCertificate,
        terms: &UserTerms,
        issuer_key: &SecretKey,
    ) -> Result<Self, ProduceError> {
        if issuer_key.public().to_compressed() != issuer.public_key {
            return Err(ProduceError::ForeignIssuerKey);
        }
        Self::issue_with(issuer, terms, |bytes| Ok(issuer_key.sign(bytes)))
    }

    /// The same, signed by whoever has the certificate's key: a device, for example.
    ///
    /// # Errors
    /// [`ProduceError`] naming the term that cannot be, or what the signer says.
    pub fn issue_with<E: From<ProduceError>>(
        issuer: &IssuerCertificate,
        terms: &UserTerms,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let user = user_domain(terms)?;
        let mut body = issuer.encode().map_err(ProduceError::from)?;
        body.extend(user.encode().map_err(ProduceError::from)?);
        body.extend(&terms.extension);
        let signature = IssuerSignature {
            mark: SIGNATURE_MARK,
            signature: sign(&body)?.0,
        };
        body.extend(signature.encode().map_err(ProduceError::from)?);
        Ok(Self { body, user })
    }

    /// Takes a user certificate out of a code that was made from it.
    ///
    /// # Errors
    /// [`tongtu_codec::DecodeError`] when the user domain does not decode.
    pub fn of_code(code: &RideCode) -> Result<Self, tongtu_codec::DecodeError> {
        Ok(Self {
            body: code.user_certificate_bytes().to_vec(),
            user: code.user()?,
        })
    }

    /// Reads a stored certificate: bytes 3..263+N of a code.
    ///
    /// # Errors
    /// [`tongtu_codec::DecodeError`] when the lengths or the user domain do not hold.
    pub fn parse(body: &[u8]) -> Result<Self, tongtu_codec::DecodeError> {
        let mut reader = tongtu_codec::Reader::new("UserCertificate", body);
        reader.take("certificate", IssuerCertificate::LEN)?;
        let user = UserDomain::decode(reader.take("user", UserDomain::LEN)?)?;
        if usize::from(user.extension_len) > EXTENSION_LEN_MAX {
            let kind = tongtu_codec::FieldError::TooLong {
                needed: usize::from(user.extension_len),
                width: EXTENSION_LEN_MAX,
            };
            return Err(reader.error("extension", kind));
        }
        reader.take("extension", usize::from(user.extension_len))?;
        reader.take("signature", IssuerSignature::LEN)?;
        reader.finish()?;
        Ok(Self {
            body: body.to_vec(),
            user,
        })
    }

    /// Reads a certificate and checks what it rests on: the issuer certificate in front of it under
    /// a root of this table, and the issuer's signature. Months and times are not judged.
    ///
    /// # Errors
    /// [`CertificateError`] naming the first thing that does not hold.
    pub fn open(body: &[u8], roots: &RootTable) -> Result<Self, CertificateError> {
        let certificate = Self::parse(body)?;
        let issuer = IssuerCertificate::decode(&body[..IssuerCertificate::LEN])?;
        issuer.check_format(&SERVICE_TRANSPORT)?;
        let root = roots.by_index(issuer.ca_index);
        let root = root.ok_or(CertificateError::RootUnknown {
            ca_index: issuer.ca_index,
        })?;
        issuer.check_signature(root)?;
        let end = body.len() - IssuerSignature::LEN;
        let signature = IssuerSignature::decode(&body[end..])?;
        let key = PublicKey::from_compressed(&issuer.public_key)?;
        let holds = signature.mark == SIGNATURE_MARK
            && key
                .verify(&body[..end], &Signature(signature.signature))
                .is_ok();
        if holds {
            Ok(certificate)
        } else {
            Err(CertificateError::Signature("issuer's"))
        }
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Its user fields.
    #[must_use]
    pub const fn user(&self) -> &UserDomain {
        &self.user
    }

    /// When it expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        Timestamp::new(i64::from(self.user.expires))
    }

    /// Whether it should be renewed: less than 24 hours are left.
    #[must_use]
    pub fn wants_renewal(&self, now: Timestamp) -> bool {
        self.expires().since_s(now) < 24 * 3600
    }

    /// Makes the code of this moment, signed by the phone.
    ///
    /// # Errors
    /// [`ProduceError`] when the key is another one or the certificate is almost over.
    pub fn ride_code(
        &self,
        now: Timestamp,
        user_key: &SecretKey,
    ) -> Result<RideCode, ProduceError> {
        let expires = self.expires();
        if now.plus_s(i64::from(self.user.validity_s)) > expires {
            return Err(ProduceError::CertificateAlmostOver { expires });
        }
        self.ride_code_unchecked(now, user_key)
    }

    /// Makes a code even when the certificate is over: for tests of those who must refuse it.
    ///
    /// # Errors
    /// [`ProduceError`] when the key is another one or the time does not fit.
    pub fn ride_code_unchecked(
        &self,
        generated_at: Timestamp,
        user_key: &SecretKey,
    ) -> Result<RideCode, ProduceError> {
        if user_key.public().to_compressed() != self.user.public_key {
            return Err(ProduceError::ForeignUserKey);
        }
        let body_len = self.body.len() + RideDomain::LEN;
        let guide = Guide {
            kind_version: LEAD_VERSION_1,
            body_len: u16::try_from(body_len).expect("at most 361 bytes"),
        };
        let mut ride = RideDomain {
            generated_at: generated_at
                .as_u32()
                .ok_or(ProduceError::Time(generated_at))?,
            mark: SIGNATURE_MARK,
            signature: [0; 64],
        };
        let mut bytes = guide.encode()?;
        bytes.extend(&self.body);
        bytes.extend(&ride.encode()?[..4]);
        ride.signature = user_key.sign(&bytes).0;
        bytes.truncate(bytes.len() - 4);
        bytes.extend(ride.encode()?);
        Ok(RideCode::frame(&bytes).expect("made of parts whose lengths agree"))
    }
}

impl core::fmt::Debug for UserCertificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "UserCertificate(of {}, expires {})",
            self.user.account,
            self.expires()
        )
    }
}

fn user_domain(terms: &UserTerms) -> Result<UserDomain, ProduceError> {
    let printable = |b: &u8| (0x20..=0x7E).contains(b);
    if terms.issuer_data.len() > ISSUER_DATA_LEN_MAX {
        return Err(ProduceError::IssuerDataLength(terms.issuer_data.len()));
    }
    if let Some(at) = terms.issuer_data.iter().position(|b| !printable(b)) {
        return Err(ProduceError::IssuerData {
            at,
            byte: terms.issuer_data[at],
        });
    }
    let mut issuer_data = [b' '; ISSUER_DATA_LEN_MAX];
    issuer_data[..terms.issuer_data.len()].copy_from_slice(&terms.issuer_data);
    let extension_len = u8::try_from(terms.extension.len())
        .ok()
        .filter(|n| usize::from(*n) <= EXTENSION_LEN_MAX)
        .ok_or(ProduceError::Extension(terms.extension.len()))?;
    let limit_fen = u32::try_from(terms.limit.get())
        .ok()
        .filter(|fen| *fen < 1 << 24)
        .ok_or(ProduceError::Limit(terms.limit))?;
    if terms.validity_s == 0 {
        return Err(ProduceError::Validity);
    }
    Ok(UserDomain {
        issuer_data,
        account: terms.account,
        card_issuer: terms.card_issuer,
        platform: terms.platform,
        account_type: terms.account_type,
        limit_fen,
        public_key: terms.user_key.to_compressed(),
        expires: terms
            .expires
            .as_u32()
            .ok_or(ProduceError::Time(terms.expires))?,
        validity_s: terms.validity_s,
        extension_len,
    })
}

//! The trust chain: root, application, issuer certificate.

use alloc::collections::BTreeMap;
use alloc::string::String;

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_crypto::{KeyError, PublicKey, SecretKey, Signature, sm3};
use tongtu_types::{InstitutionCode, MonthYear};

use crate::layout::{
    ALGORITHM_SM2, CertificateApplication, IssuerCertificate, RID_TRANSPORT, RootCertificate,
    SERVICE_TRANSPORT,
};

/// Record header of a root certificate.
pub const HEADER_ROOT: u8 = 0x21;
/// Record header of a certificate application.
pub const HEADER_APPLICATION: u8 = 0x22;
/// Record header of an issuer certificate.
pub const HEADER_ISSUER: u8 = 0x24;
/// Certificate format.
pub const FORMAT_ISSUER: u8 = 0x12;
/// Length of a compressed key.
pub const KEY_LEN_COMPRESSED: u8 = 0x21;
/// Length of a key as X || Y.
pub const KEY_LEN_XY: u8 = 0x40;

/// Bytes of a root certificate that its signature covers.
const ROOT_SIGNED: usize = 80;
/// Bytes of an application that its proof covers.
const APPLICATION_SIGNED: usize = 51;
/// Bytes of an issuer certificate that the CA signs.
const ISSUER_SIGNED: core::ops::Range<usize> = 6..53;

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A field does not decode.
    #[error("certificate: {0}")]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error("certificate: {0}")]
    Encode(#[from] EncodeError),
    /// A field has another value than this kind of certificate has.
    #[error("certificate: {field} is {found:#04x}, expected {expected:#04x}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What was found.
        found: u8,
        /// What was expected.
        expected: u8,
    },
    /// The service identifier is another service's.
    #[error("certificate: service identifier is another service's")]
    Service,
    /// The key is not a point.
    #[error("certificate: {0}")]
    Key(#[from] KeyError),
    /// The signature does not verify.
    #[error("certificate: the {0} signature does not verify")]
    Signature(&'static str),
    /// No root of this index is held.
    #[error("certificate: root {ca_index:02X}, which is not held")]
    RootUnknown {
        /// The index.
        ca_index: u8,
    },
    /// The requested expiry lies after the root's own.
    #[error("certificate: requested expiry {requested} is after the root's {root}")]
    Expiry {
        /// What was asked for.
        requested: MonthYear,
        /// The root's own.
        root: MonthYear,
    },
    /// The signing key is not the root's.
    #[error("certificate: the signing key does not belong to this root certificate")]
    ForeignKey,
}

fn expect(field: &'static str, found: u8, expected: u8) -> Result<(), CertificateError> {
    if found == expected {
        Ok(())
    } else {
        Err(CertificateError::Field {
            field,
            found,
            expected,
        })
    }
}

/// A root whose self-signature was checked.
#[derive(Debug, Clone)]
pub struct Root {
    certificate: RootCertificate,
    key: PublicKey,
}

impl Root {
    /// Reads and verifies a root certificate of 144 bytes.
    ///
    /// The parameter identifier is not judged: the national root carries 0x11, descriptions
    /// say 00.
    ///
    /// # Errors
    /// [`CertificateError`] naming the field, or the signature.
    pub fn verify(bytes: &[u8]) -> Result<Self, CertificateError> {
        let certificate = RootCertificate::decode(bytes)?;
        expect("record_header", certificate.record_header, HEADER_ROOT)?;
        expect("algorithm", certificate.algorithm, ALGORITHM_SM2)?;
        expect("key_len", certificate.key_len, KEY_LEN_XY)?;
        let key = PublicKey::from_xy(&certificate.public_key)?;
        key.verify(&bytes[..ROOT_SIGNED], &Signature(certificate.signature))
            .map_err(|_| CertificateError::Signature("root's own"))?;
        Ok(Self { certificate, key })
    }

    /// Makes a self-signed root.
    ///
    /// # Errors
    /// Never for values of these types; the signature of the codec is kept.
    pub fn self_sign(
        ca_index: u8,
        expiry: MonthYear,
        secret: &SecretKey,
    ) -> Result<Self, CertificateError> {
        Self::self_sign_with(ca_index, expiry, secret.public(), |bytes| {
            Ok(secret.sign(bytes))
        })
    }

    /// Makes a self-signed root whose key is elsewhere: `sign` has the bytes signed there.
    ///
    /// # Errors
    /// What `sign` says; [`CertificateError::Signature`] when what it gave does not verify.
    pub fn self_sign_with<E: From<CertificateError>>(
        ca_index: u8,
        expiry: MonthYear,
        public: &PublicKey,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Self, E> {
        let mut certificate = RootCertificate {
            record_header: HEADER_ROOT,
            service_id: SERVICE_TRANSPORT,
            rid: RID_TRANSPORT,
            ca_index,
            expiry,
            algorithm: ALGORITHM_SM2,
            parameter: 0x11,
            key_len: KEY_LEN_XY,
            public_key: public.to_xy(),
            signature: [0; 64],
        };
        let bytes = certificate.encode().map_err(CertificateError::from)?;
        let signature = sign(&bytes[..ROOT_SIGNED])?;
        public
            .verify(&bytes[..ROOT_SIGNED], &signature)
            .map_err(|_| CertificateError::Signature("root's own"))?;
        certificate.signature = signature.0;
        Ok(Self {
            certificate,
            key: public.clone(),
        })
    }

    /// The certificate's fields.
    #[must_use]
    pub const fn certificate(&self) -> &RootCertificate {
        &self.certificate
    }

    /// The root key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// File name as terminals take it: `<service id>.JG<index>`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let service = tongtu_codec::hex_encode(&self.certificate.service_id);
        alloc::format!("{service}.JG{:02X}", self.certificate.ca_index)
    }

    /// Signs an issuer certificate for an application whose proof holds.
    ///
    /// # Errors
    /// [`CertificateError`] when the application does not hold, asks for a term beyond the
    /// root's, or `secret` is not this root's key.
    pub fn certify(
        &self,
        application: &CertificateApplication,
        secret: &SecretKey,
    ) -> Result<IssuerCertificate, CertificateError> {
        self.certify_with(application, |bytes| Ok(secret.sign(bytes)))
    }

    /// Checks that an application holds and asks for no term beyond this root's.
    ///
    /// # Errors
    /// [`CertificateError`] naming the first thing that does not hold.
    pub fn check_term(&self, application: &CertificateApplication) -> Result<(), CertificateError> {
        check_application(application)?;
        let root = self.certificate.expiry;
        if application.expiry > root {
            return Err(CertificateError::Expiry {
                requested: application.expiry,
                root,
            });
        }
        Ok(())
    }

    /// As [`Root::certify`], for a root key that is elsewhere: `sign` has the bytes signed there.
    ///
    /// # Errors
    /// As [`Root::check_term`]; what `sign` says; [`CertificateError::ForeignKey`] when what it
    /// gave is no signature of this root's key.
    pub fn certify_with<E: From<CertificateError>>(
        &self,
        application: &CertificateApplication,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<IssuerCertificate, E> {
        self.check_term(application)?;
        let mut certificate = IssuerCertificate {
            record_header: HEADER_ISSUER,
            service_id: application.service_id,
            ca_index: self.certificate.ca_index,
            format: FORMAT_ISSUER,
            issuer: application.issuer,
            expiry: application.expiry,
            serial: application.tracking,
            signature_algorithm: application.signature_algorithm,
            encryption_algorithm: application.encryption_algorithm,
            parameter: application.parameter,
            key_len: application.key_len,
            public_key: application.public_key,
            ca_signature: [0; 64],
        };
        let bytes = certificate.encode().map_err(CertificateError::from)?;
        let signature = sign(&bytes[ISSUER_SIGNED])?;
        self.key
            .verify(&bytes[ISSUER_SIGNED], &signature)
            .map_err(|_| CertificateError::ForeignKey)?;
        certificate.ca_signature = signature.0;
        Ok(certificate)
    }
}

/// The roots a terminal or clearing centre trusts, by CA index; several are live at once.
#[derive(Debug, Clone, Default)]
pub struct RootTable {
    roots: BTreeMap<u8, Root>,
}

impl RootTable {
    /// Takes verified roots; a later one replaces an earlier one of the same index.
    #[must_use]
    pub fn new(roots: impl IntoIterator<Item = Root>) -> Self {
        Self {
            roots: roots
                .into_iter()
                .map(|r| (r.certificate.ca_index, r))
                .collect(),
        }
    }

    /// The root of this index: chosen by the index in the code, never by issuer.
    #[must_use]
    pub fn by_index(&self, ca_index: u8) -> Option<&Root> {
        self.roots.get(&ca_index)
    }

    /// SM3 of all of them: which roots these are, whatever brought them.
    #[must_use]
    pub fn digest(&self) -> sm3::Digest {
        let mut hasher = sm3::Hasher::new();
        for root in self.iter() {
            let bytes = root.certificate.encode();
            hasher.update(&bytes.expect("a root certificate has no field that can be too long"));
        }
        hasher.finish()
    }

    /// All roots, by index.
    pub fn iter(&self) -> impl Iterator<Item = &Root> {
        self.roots.values()
    }
}

/// Makes an application for an issuer certificate, with proof of possession.
///
/// # Errors
/// Never for values of these types; the signature of the codec is kept.
pub fn apply_for_certificate(
    issuer: InstitutionCode,
    expiry: MonthYear,
    tracking: [u8; 3],
    secret: &SecretKey,
) -> Result<CertificateApplication, CertificateError> {
    let terms = (issuer, expiry, tracking);
    apply_with(terms, secret.public(), |bytes| Ok(secret.sign(bytes)))
}

/// The same, with the proof by whoever has the key: a device, for example.
///
/// # Errors
/// What the signer says.
pub fn apply_with<E: From<CertificateError>>(
    (issuer, expiry, tracking): (InstitutionCode, MonthYear, [u8; 3]),
    public: &PublicKey,
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<CertificateApplication, E> {
    let mut application = CertificateApplication {
        record_header: HEADER_APPLICATION,
        service_id: SERVICE_TRANSPORT,
        issuer,
        expiry,
        tracking,
        signature_algorithm: ALGORITHM_SM2,
        encryption_algorithm: ALGORITHM_SM2,
        parameter: 0,
        key_len: KEY_LEN_COMPRESSED,
        public_key: public.to_compressed(),
        proof: [0; 64],
    };
    let bytes = application.encode().map_err(CertificateError::from)?;
    application.proof = sign(&bytes[..APPLICATION_SIGNED])?.0;
    Ok(application)
}

/// Checks an application's fields and its proof of possession.
///
/// # Errors
/// [`CertificateError`] naming the first thing that does not hold.
pub fn check_application(application: &CertificateApplication) -> Result<(), CertificateError> {
    expect(
        "record_header",
        application.record_header,
        HEADER_APPLICATION,
    )?;
    expect(
        "signature_algorithm",
        application.signature_algorithm,
        ALGORITHM_SM2,
    )?;
    expect("parameter", application.parameter, 0)?;
    expect("key_len", application.key_len, KEY_LEN_COMPRESSED)?;
    if application.service_id != SERVICE_TRANSPORT {
        return Err(CertificateError::Service);
    }
    let key = PublicKey::from_compressed(&application.public_key)?;
    let bytes = application.encode()?;
    key.verify(&bytes[..APPLICATION_SIGNED], &Signature(application.proof))
        .map_err(|_| CertificateError::Signature("applicant's"))
}

impl IssuerCertificate {
    /// Checks the fields that every issuer certificate has in common.
    ///
    /// The encryption algorithm is reserved and not judged.
    ///
    /// # Errors
    /// [`CertificateError`] naming the first field that differs.
    pub fn check_format(&self, service_id: &[u8; 4]) -> Result<(), CertificateError> {
        expect("record_header", self.record_header, HEADER_ISSUER)?;
        if &self.service_id != service_id {
            return Err(CertificateError::Service);
        }
        expect("format", self.format, FORMAT_ISSUER)?;
        expect(
            "signature_algorithm",
            self.signature_algorithm,
            ALGORITHM_SM2,
        )?;
        expect("parameter", self.parameter, 0)?;
        expect("key_len", self.key_len, KEY_LEN_COMPRESSED)
    }

    /// Checks the CA signature against the root of this certificate's own index.
    ///
    /// # Errors
    /// [`CertificateError::Signature`] when it does not verify, or the root has another index.
    pub fn check_signature(&self, root: &Root) -> Result<(), CertificateError> {
        expect("ca_index", self.ca_index, root.certificate.ca_index)?;
        let bytes = self.encode()?;
        root.key
            .verify(&bytes[ISSUER_SIGNED], &Signature(self.ca_signature))
            .map_err(|_| CertificateError::Signature("CA"))
    }

    /// File name as terminals take it: `<issuer id><serial><MMYY>.IG<index>`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let serial = tongtu_codec::hex_encode(&self.serial).to_uppercase();
        alloc::format!(
            "{}{serial}{}.IG{:02X}",
            self.issuer,
            self.expiry.mmyy(),
            self.ca_index
        )
    }
}

//! A link certificate with its key: made, read, and the name that stands in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use tongtu_crypto::sha2;
use tongtu_register::Fingerprint;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::LinkError;
use crate::error::CertificateFault;

/// The name by which a link certificate claims its institution: `01341000.tongtu.internal`.
///
/// It is found in no DNS: the zone `internal` is kept for private names. What a certificate
/// claims must be what the register says, so a certificate entered under a wrong institution
/// links for nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkName(String);

impl LinkName {
    /// The name of an institution, in whichever role.
    #[must_use]
    pub fn of(institution: InstitutionCode) -> Self {
        Self(format!("{}.tongtu.internal", institution.home()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a certificate has it among its names.
    pub(crate) fn is_in(&self, certificate: &CertificateDer<'_>) -> bool {
        let name = ServerName::try_from(self.as_str()).expect("digits and letters make a name");
        ParsedCertificate::try_from(certificate)
            .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
    }
}

impl fmt::Debug for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint(sha2::sha256(certificate))
}

/// A link certificate with its key.
#[derive(Clone)]
pub struct Identity {
    fingerprint: Fingerprint,
    key: Arc<CertifiedKey>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

impl Identity {
    /// Reads certificate and key from PEM, in any order.
    ///
    /// # Errors
    /// [`CertificateFault`]; also when the certificate does not name `own`.
    pub fn from_pem(pem: &[u8], own: InstitutionCode) -> Result<Self, CertificateFault> {
        let mut certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CertificateFault::NoCertificate)?;
        let found = certificates.len();
        let certificate = certificates.pop().ok_or(CertificateFault::NoCertificate)?;
        if found > 1 {
            return Err(CertificateFault::Several(found));
        }
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateFault::NoKey)?;
        let key = any_ecdsa_type(&key).map_err(|_| CertificateFault::NoKey)?;
        let fingerprint = fingerprint_of(&certificate);
        if !LinkName::of(own).is_in(&certificate) {
            return Err(CertificateFault::OtherName {
                fingerprint,
                institution: own.home(),
            });
        }
        let key = CertifiedKey::new(vec![certificate], key);
        key.keys_match().map_err(|_| CertificateFault::OtherKey)?;
        Ok(Self {
            fingerprint,
            key: Arc::new(key),
        })
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

/// Makes a P-256 key and a certificate that it signs itself; certificate first, then key, in PEM.
///
/// `names` are further names and addresses, for programs that go by the address they call and do
/// not know the register, such as browsers.
///
/// # Errors
/// [`LinkError::Issue`] for names that are none.
pub fn issue(
    institution: InstitutionCode,
    from: Timestamp,
    until: Timestamp,
    names: &[String],
) -> Result<String, LinkError> {
    let fault = |error: rcgen::Error| LinkError::Issue(error.to_string());
    let mut all = vec![LinkName::of(institution).0];
    all.extend_from_slice(names);
    let mut params = CertificateParams::new(all).map_err(fault)?;
    let common_name = institution.home().to_string();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(from);
    params.not_after = epoch + since_epoch(until);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().map_err(fault)?;
    let certificate = params.self_signed(&key).map_err(fault)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// How long after 1970 began; X.509 writes the years up to 9999.
fn since_epoch(at: Timestamp) -> Duration {
    /// 9999-12-31T23:59:59Z.
    const LAST_S: u64 = 253_402_300_799;
    Duration::from_secs(u64::try_from(at.get()).unwrap_or(0).min(LAST_S))
}

//! The register as rustls asks it, from both ends.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use tongtu_register::{LinkRefusal, Standing};
use tongtu_types::InstitutionCode;

use crate::{Link, Peers};

/// Accepts the other end's certificate by the register; whether the other end has the key is
/// proved by its signature over the handshake, which rustls checks.
#[derive(Debug)]
pub(crate) struct ByRegister {
    pub(crate) link: Arc<Link>,
    /// Whom a client wants to reach.
    pub(crate) expected: Option<InstitutionCode>,
    /// Whom a server hears.
    pub(crate) peers: Peers,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl ByRegister {
    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let judged = self.link.judge_certificate(certificate);
        let judged = judged.and_then(|peer| match self.expected {
            Some(expected) if !peer.is(expected) => Err(LinkRefusal::Other {
                found: peer.institution,
                expected: expected.home(),
            }),
            _ => Ok(()),
        });
        judged.map_err(|refusal| {
            tracing::warn!(%refusal, "a link was refused");
            Error::InvalidCertificate(alert_of(refusal))
        })
    }

    fn signed(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }
}

/// The refusal as one of TLS's own words, so that the other end's alert says as much as it can;
/// our log and [`LinkRefusal`] say the rest.
fn alert_of(refusal: LinkRefusal) -> CertificateError {
    match refusal {
        LinkRefusal::Unknown(_) | LinkRefusal::NoInstitution(_) => CertificateError::UnknownIssuer,
        LinkRefusal::NotYet { .. } => CertificateError::NotValidYet,
        LinkRefusal::Ended { .. } => CertificateError::Expired,
        LinkRefusal::Standing {
            standing: Standing::Suspended | Standing::Removed,
            ..
        } => CertificateError::Revoked,
        LinkRefusal::Other { .. } | LinkRefusal::Claim { .. } => CertificateError::NotValidForName,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
}

fn only_tls13() -> Error {
    Error::General("a signature of TLS 1.2, expected TLS 1.3".into())
}

impl ServerCertVerifier for ByRegister {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for ByRegister {
    fn client_auth_mandatory(&self) -> bool {
        self.peers == Peers::Institutions
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Shows the certificate that is in force.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Arc<Link>);

impl Shown {
    fn key(&self) -> Option<Arc<CertifiedKey>> {
        let key = self.0.shown_key();
        if key.is_none() && self.0.own().is_some() {
            tracing::warn!("no link certificate of ours is in force by the register");
        }
        key
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key()
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.key()
    }

    fn has_certs(&self) -> bool {
        self.0.own().is_some()
    }
}

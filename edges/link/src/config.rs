//! What rustls needs for a server and for a client.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tongtu_types::InstitutionCode;

use crate::Link;
use crate::verify::{ByRegister, Shown};

/// Whom a server lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// Institutions of the register only: no handshake without a certificate.
    Institutions,
    /// Anybody; who shows a certificate must be in the register with it.
    Anyone,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

const HAS_TLS13: &str = "ring has the cipher suites of TLS 1.3";

impl Link {
    fn by_register(
        self: &Arc<Self>,
        expected: Option<InstitutionCode>,
        peers: Peers,
    ) -> Arc<ByRegister> {
        Arc::new(ByRegister {
            link: Arc::clone(self),
            expected,
            peers,
            algorithms: provider().signature_verification_algorithms,
        })
    }

    /// A server that shows the certificate in force and lets `peers` in.
    #[must_use]
    pub fn server_config(self: &Arc<Self>, peers: Peers) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect(HAS_TLS13)
            .with_client_cert_verifier(self.by_register(None, peers))
            .with_cert_resolver(Arc::new(Shown(Arc::clone(self))));
        // A resumed session would let in who was suspended since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// A client that reaches `expected` and nobody else.
    #[must_use]
    pub fn client_config(self: &Arc<Self>, expected: InstitutionCode) -> ClientConfig {
        let verifier = self.by_register(Some(expected), Peers::Anyone);
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect(HAS_TLS13)
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(Shown(Arc::clone(self))));
        config.resumption = Resumption::disabled();
        config
    }
}

/// TLS for clients that speak plain HTTP to this machine only: it trusts nobody.
///
/// An HTTP client built without it would look for the system's trusted roots.
#[must_use]
pub fn no_tls() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect(HAS_TLS13)
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

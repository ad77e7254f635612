//! How a node or a terminal is reached and reaches others: `[link]`, or `plain = true`.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tongtu_codec::hex_encode;
use tongtu_crypto::PublicKey;
use tongtu_link::{LinkFiles, Peers};

use crate::{ConfigError, beside, parse_public, setting};

/// Whom a node lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeersKind {
    /// Institutions of the register only.
    #[default]
    Institutions,
    /// Anybody; who shows a certificate must be in the register with it.
    Anyone,
}

/// `[link]`: TLS by the institution register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Link certificates, each with its key in one PEM file; a terminal has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// The institution register.
    pub register: String,
    /// The nation's keys that may have signed it: compressed public keys in hex.
    pub register_keys: Vec<String>,
    /// Whom a node lets in.
    #[serde(default)]
    pub peers: PeersKind,
}

/// What the settings say of links.
#[derive(Debug, Clone)]
pub struct ReadyLink {
    /// Where its files lie.
    pub files: LinkFiles,
    /// Whom a node lets in.
    pub peers: Peers,
}

impl LinkFile {
    pub(crate) fn resolve(&self, path: &Path) -> Result<ReadyLink, ConfigError> {
        let key = |text: &String| setting(path, "link.register_keys", parse_public(text));
        let files = LinkFiles {
            certificates: self.certificates.iter().map(|c| beside(path, c)).collect(),
            register: beside(path, &self.register),
            register_keys: self
                .register_keys
                .iter()
                .map(key)
                .collect::<Result<_, _>>()?,
        };
        let peers = match self.peers {
            PeersKind::Institutions => Peers::Institutions,
            PeersKind::Anyone => Peers::Anyone,
        };
        Ok(ReadyLink { files, peers })
    }

    /// The same for a file in another folder than `path`, and for somebody of another institution
    /// without the certificates, which are not his to show.
    ///
    /// # Errors
    /// [`ConfigError::File`] when there is no present folder to count from.
    pub fn moved(&self, path: &Path, with_certificates: bool) -> Result<Self, ConfigError> {
        let place = |name: &String| {
            let path = beside(path, name);
            let place = std::path::absolute(&path);
            let place = place.map_err(|source| ConfigError::File { path, source })?;
            Ok(place.display().to_string())
        };
        let certificates = self.certificates.iter().filter(|_| with_certificates);
        Ok(Self {
            certificates: certificates.map(place).collect::<Result<_, _>>()?,
            register: place(&self.register)?,
            ..self.clone()
        })
    }

    /// A key as `register_keys` has it.
    #[must_use]
    pub fn key_text(key: &PublicKey) -> String {
        hex_encode(&key.to_compressed())
    }
}

/// Either links over TLS, or plain HTTP on this machine: never neither, never both.
pub(crate) fn resolve_link(
    path: &Path,
    link: Option<&LinkFile>,
    plain: bool,
    listen: &str,
) -> Result<Option<ReadyLink>, ConfigError> {
    let fault = |message: &str| Err(message.to_owned());
    let chosen = match (link, plain) {
        (Some(link), false) => return link.resolve(path).map(Some),
        (Some(_), true) => fault("true beside [link], expected one of them"),
        (None, false) => fault(
            "missing, expected a table with register and register_keys; \
             `plain = true` instead is for tests on one machine",
        ),
        (None, true) => {
            let loopback = |address: SocketAddr| address.ip().is_loopback();
            if listen.parse().is_ok_and(loopback) {
                Ok(None)
            } else {
                fault("true, expected [link] where other machines may call")
            }
        }
    };
    let name = if plain { "plain" } else { "link" };
    setting(path, name, chosen)
}

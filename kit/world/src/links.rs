//! The test country's institution register, and the link certificates of its nodes.

use std::path::Path;
use std::sync::Arc;

use tongtu_config::{LinkFile, PeersKind};
use tongtu_http::client::Client;
use tongtu_link::{Identity, Link, LinkClock, Peers, issue};
use tongtu_register::{Institution, Link as LinkOf, Name, Register, Roles, Standing};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::WorldError;
use crate::country::{Country, NODES};

/// Until when the certificates of a test country are in force: 9998-01-01T00:00:00Z.
const UNTIL: Timestamp = Timestamp::new(253_339_228_800);

/// A register that the country's nation signed, and one certificate for each node in it.
///
/// Their keys are the system's randomness and not the seed's: nothing that the country reports
/// depends on them.
#[derive(Debug)]
pub struct Links {
    register: Register,
    /// The register's file.
    file: Vec<u8>,
    /// Certificates with their keys, in the order of [`NODES`].
    pems: Vec<String>,
    links: Vec<Arc<Link>>,
}

impl Links {
    /// Makes certificates and register.
    ///
    /// # Errors
    /// [`WorldError`] when the system gives no randomness.
    ///
    /// # Panics
    /// Never: names and codes are the country's own.
    pub fn make(country: &Country) -> Result<Self, WorldError> {
        let from = Timestamp::new(0);
        let names = [String::from("127.0.0.1"), String::from("localhost")];
        let mut pems = Vec::new();
        for node in &NODES {
            let pem = issue(node.institution(), from, UNTIL, &names);
            pems.push(pem.map_err(WorldError::links)?);
        }
        let identity = |pem: &String, code: InstitutionCode| {
            Identity::from_pem(pem.as_bytes(), code).expect("a certificate just made")
        };
        let institutions = NODES.iter().map(|node| Institution {
            code: node.institution(),
            roles: if node.is_city {
                Roles::ISSUER.and(Roles::ACQUIRER)
            } else {
                Roles::EXCHANGE
            },
            standing: Standing::Admitted,
            since: from,
            successor: None,
            name_zh: Name::parse(node.zh).expect("a short name"),
            name_en: Name::parse(node.en).expect("a short name"),
        });
        let entries = NODES.iter().zip(&pems).map(|(node, pem)| LinkOf {
            institution: node.institution(),
            fingerprint: identity(pem, node.institution()).fingerprint(),
            from,
            until: UNTIL,
        });
        let register = Register::new(1, from, institutions, entries);
        let register = register.expect("every institution once, every certificate once");
        let file = register.sign(&mut country.keys.register_signer());
        let file = file.map_err(WorldError::Register)?;
        let links = NODES.iter().zip(&pems).map(|(node, pem)| {
            let code = node.institution();
            Link::new(code, vec![identity(pem, code)], register.clone(), ever())
        });
        let links = links.collect();
        Ok(Self {
            register,
            file,
            pems,
            links,
        })
    }

    /// A node's link, for a node in this process.
    #[must_use]
    pub fn link(&self, index: usize) -> &Arc<Link> {
        &self.links[index]
    }

    /// Whom a node lets in: cities have terminals and riders, exchanges institutions only.
    #[must_use]
    pub const fn peers(index: usize) -> Peers {
        if NODES[index].is_city {
            Peers::Anyone
        } else {
            Peers::Institutions
        }
    }

    /// A client of a node for people of its own institution: it shows that node's certificate.
    #[must_use]
    pub fn client(&self, index: usize, url: &str) -> Client {
        self.between(index, index, url)
    }

    /// A client of node `to`, at `url`, that shows the certificate of node `from`.
    #[must_use]
    pub fn between(&self, from: usize, to: usize, url: &str) -> Client {
        Client::linked(url, &self.links[from], NODES[to].institution())
    }

    /// The client of somebody without a certificate, such as a terminal.
    #[must_use]
    pub fn outsider(&self, index: usize, url: &str) -> Client {
        let link = Link::without_certificate(self.register.clone(), ever());
        Client::linked(url, &link, NODES[index].institution())
    }

    /// Writes a node's certificate and the register beside its settings; its `[link]`.
    pub(crate) fn write_node(
        &self,
        country: &Country,
        index: usize,
        place: &Path,
    ) -> Result<LinkFile, WorldError> {
        let path = place.join(CERTIFICATE);
        let pem = self.pems[index].as_bytes();
        write_secret(&path, pem).map_err(|e| WorldError::file(&path, e))?;
        let mut file = self.write_terminal(country, place)?;
        file.certificates = vec![CERTIFICATE.to_owned()];
        if Self::peers(index) == Peers::Anyone {
            file.peers = PeersKind::Anyone;
        }
        Ok(file)
    }

    /// Writes the register beside a terminal's settings; its `[link]`.
    pub(crate) fn write_terminal(
        &self,
        country: &Country,
        place: &Path,
    ) -> Result<LinkFile, WorldError> {
        let path = place.join(REGISTER);
        std::fs::write(&path, &self.file).map_err(|e| WorldError::file(&path, e))?;
        Ok(LinkFile {
            certificates: Vec::new(),
            register: REGISTER.to_owned(),
            register_keys: vec![LinkFile::key_text(&country.keys.register)],
            peers: PeersKind::Institutions,
        })
    }
}

const CERTIFICATE: &str = "link.pem";
const REGISTER: &str = "register.ttir";

/// A clock for links that are in force whatever time it is.
fn ever() -> LinkClock {
    Arc::new(|| Timestamp::new(1))
}

/// Writes a file that its owner alone can read.
fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

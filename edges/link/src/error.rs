//! Why there is no link.

use std::io;
use std::path::PathBuf;

use tongtu_paper::PaperError;
use tongtu_register::{Fingerprint, RegisterError};
use tongtu_types::InstitutionCode;

/// Why files or values make no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not a certificate with its key.
    #[error("{path}: {fault}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what was expected; never the content.
        fault: CertificateFault,
    },
    /// A file is not a register that may be followed.
    #[error("{path}: {source}")]
    Register {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: RegisterError,
    },
    /// A register that holds could not be kept.
    #[error(transparent)]
    Kept(#[from] PaperError),
    /// A certificate cannot be made.
    #[error("a link certificate cannot be made: {0}")]
    Issue(String),
}

/// Why bytes are no certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No certificate, or one that cannot be read.
    #[error("no certificate that can be read, expected a PEM block CERTIFICATE")]
    NoCertificate,
    /// More than one.
    #[error("{0} certificates, expected one: it signs itself")]
    Several(usize),
    /// No key, or one of another kind.
    #[error("no key that can be used, expected a PEM block PRIVATE KEY with an ECDSA key")]
    NoKey,
    /// Another certificate's key.
    #[error("the key is not the certificate's")]
    OtherKey,
    /// The certificate does not name its institution.
    #[error(
        "certificate {fingerprint} does not name {institution}, expected a link certificate of it"
    )]
    OtherName {
        /// Which certificate.
        fingerprint: Fingerprint,
        /// Whose it should be.
        institution: InstitutionCode,
    },
}

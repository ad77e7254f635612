//! Who somebody is towards nodes, and what signs for him.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tongtu_callers::CallerName;
use tongtu_codec::hex_encode;
use tongtu_crypto::{PublicKey, Signer, sm3};
use tongtu_envelope::{
    Draft, Envelope, EnvelopeError, Kind, Life, MessageId, file_digest, request_digest,
};
use tongtu_exchange_file::FileName;
use tongtu_types::{InstitutionCode, Timestamp};

/// A caller's name, the number of its key, and the signer that has that key. Cheap to clone; all
/// clones sign with the one signer.
#[derive(Clone)]
pub struct Credential {
    inner: Arc<Inner>,
}

struct Inner {
    name: CallerName,
    key: u32,
    public: PublicKey,
    signer: Mutex<Box<dyn Signer + Send>>,
    seed: [u8; 16],
    count: AtomicU64,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.inner.name)
            .field("key", &self.inner.key)
            .finish_non_exhaustive()
    }
}

/// A request as it goes over the line, before its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path, and where there is one `?` and query, percent-encoded.
    pub target: &'a str,
    /// The digest of the body, of no bytes where there is none.
    pub content: &'a sm3::Digest,
}

impl Credential {
    /// The credential of `name`, whose key of this number `signer` has.
    ///
    /// `seed` is random, another one each time: message ids come of it.
    #[must_use]
    pub fn new(name: CallerName, key: u32, signer: Box<dyn Signer + Send>, seed: [u8; 16]) -> Self {
        let public = signer.public();
        Self {
            inner: Arc::new(Inner {
                name,
                key,
                public,
                signer: Mutex::new(signer),
                seed,
                count: AtomicU64::new(0),
            }),
        }
    }

    /// The caller.
    #[must_use]
    pub fn name(&self) -> CallerName {
        self.inner.name
    }

    /// The verifying key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.inner.public
    }

    /// The envelope of a request to the node of institution `node` in a life of it, as its header
    /// has it.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the signer gives no signature.
    pub fn request(
        &self,
        node: InstitutionCode,
        life: Life,
        asked: Asked<'_>,
        made_at: Timestamp,
    ) -> Result<String, EnvelopeError> {
        let digest = request_digest(asked.method, asked.target, asked.content);
        let envelope = self.seal(Kind::Request, node, life, made_at, digest)?;
        Ok(hex_encode(&envelope.encode()?))
    }

    /// The envelope of an exchange file for institution `receiver`.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the signer gives no signature.
    pub fn file(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        content: &sm3::Digest,
        made_at: Timestamp,
    ) -> Result<Envelope, EnvelopeError> {
        let digest = file_digest(&name.to_string(), content);
        self.seal(Kind::File, receiver, Life::default(), made_at, digest)
    }

    fn seal(
        &self,
        kind: Kind,
        receiver: InstitutionCode,
        life: Life,
        made_at: Timestamp,
        digest: sm3::Digest,
    ) -> Result<Envelope, EnvelopeError> {
        let inner = &*self.inner;
        let draft = Draft {
            kind,
            sender: inner.name.institution,
            caller: inner.name.number,
            receiver,
            key: inner.key,
            made_at,
            life,
            message: self.message(),
            digest,
        };
        let mut signer = inner.signer.lock().unwrap_or_else(PoisonError::into_inner);
        draft.seal(&mut **signer)
    }

    fn message(&self) -> MessageId {
        let count = self.inner.count.fetch_add(1, Ordering::Relaxed);
        let digest = sm3::digest_parts(&[&self.inner.seed, &count.to_be_bytes()]);
        let mut id = MessageId::default();
        id.copy_from_slice(&digest[..16]);
        id
    }
}

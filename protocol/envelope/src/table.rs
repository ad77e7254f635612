//! The envelope's bytes, its signature, and what is checked of it without knowing the sender.

use tongtu_codec::{Be, Cn, DecodeError, EncodeError, FieldError, Raw, closed, record};
use tongtu_crypto::{PublicKey, Signature, Signer, SignerFault, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::name::{CallerNumber, Seal};

/// First bytes of an envelope.
const MAGIC: [u8; 4] = *b"TTEV";
/// The version of the table.
const VERSION: u8 = 1;
/// What the signature covers.
const SIGNED: usize = 94;

/// What a receiver draws anew at each start: a request of an earlier life is none of this one's.
pub type Life = [u8; 8];

/// What tells a caller's requests from each other.
pub type MessageId = [u8; 16];

closed! {
    /// What an envelope is around.
    Kind as Seal, "a kind 01 or 02" {
        /// A request to a node.
        Request = 0x01, "request", "请求";
        /// An exchange file; it stays beside the file as evidence.
        File = 0x02, "file", "文件";
    }
}

record! {
    /// A signed envelope around a request or an exchange file.
    ///
    /// The SM2 signature is the caller's, by the key of that number, over bytes 0..94. A file's
    /// envelope has zeros as life: it is evidence for as long as the file is kept.
    pub struct Envelope: 158 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTEV", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the table, 01", "版本";
        [5..6] kind: Kind as Seal, Ours, "01 request, 02 file", "类型";
        [6..10] sender: InstitutionCode as Cn, Ours, "who: institution", "发送机构代码";
        [10..22] caller: CallerNumber as Seal, Ours, "who: caller there", "调用方编号";
        [22..26] receiver: InstitutionCode as Cn, Ours, "for whom", "接收机构代码";
        [26..30] key: u32 as Be, Ours, "number of the caller's key, from 1", "密钥序号";
        [30..38] made_at: Timestamp as Be, Ours, "when, Unix seconds UTC", "生成时间";
        [38..46] life: Life as Raw, Ours,
            "life of the receiver that the request is for", "接收方起动标识";
        [46..62] message: MessageId as Raw, Ours, "message id, random", "报文标识";
        [62..94] digest: sm3::Digest as Raw, Ours,
            "digest of the request or the file", "内容摘要";
        [94..158] signature: [u8; 64] as Raw, Ours, "SM2 signature, r || s", "数字签名";
    }
}

/// Why an envelope is none, or was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The bytes are no envelope.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A value that has no place in the table.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Another kind than was expected here.
    #[error("envelope of a {found}, expected one of a {expected}")]
    Kind {
        /// What it is around.
        found: Kind,
        /// What was expected.
        expected: Kind,
    },
    /// The signature is not this key's over this head.
    #[error("the envelope's signature does not verify under the caller's key {key}")]
    Signature {
        /// The number of the key.
        key: u32,
    },
    /// The digest is another subject's.
    #[error("the envelope's digest is not that of the {0}")]
    Digest(Kind),
    /// The signer gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerFault),
}

/// An envelope before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is around.
    pub kind: Kind,
    /// Who: institution.
    pub sender: InstitutionCode,
    /// Who: caller there.
    pub caller: CallerNumber,
    /// For whom.
    pub receiver: InstitutionCode,
    /// Number of the caller's key.
    pub key: u32,
    /// When.
    pub made_at: Timestamp,
    /// The receiver's life; zeros for a file.
    pub life: Life,
    /// Random bytes, others for each envelope.
    pub message: MessageId,
    /// [`crate::request_digest`] or [`crate::file_digest`].
    pub digest: sm3::Digest,
}

impl Draft {
    /// Signs it.
    ///
    /// # Errors
    /// [`EnvelopeError`] when the signer gives no signature, or the instant is before 1970.
    pub fn seal(self, signer: &mut dyn Signer) -> Result<Envelope, EnvelopeError> {
        let mut envelope = Envelope {
            magic: MAGIC,
            version: VERSION,
            kind: self.kind,
            sender: self.sender,
            caller: self.caller,
            receiver: self.receiver,
            key: self.key,
            made_at: self.made_at,
            life: self.life,
            message: self.message,
            digest: self.digest,
            signature: [0; 64],
        };
        let Signature(signature) = signer.sign(&envelope.encode()?[..SIGNED])?;
        envelope.signature = signature;
        Ok(envelope)
    }
}

impl Envelope {
    /// Reads an envelope of this kind. Nothing is known of its sender then.
    ///
    /// # Errors
    /// [`EnvelopeError`] naming the field that does not hold.
    pub fn read(bytes: &[u8], expected: Kind) -> Result<Self, EnvelopeError> {
        let envelope = Self::decode(bytes)?;
        let error = |field, offset, byte, expected| DecodeError {
            record: "Envelope",
            field,
            offset,
            kind: FieldError::Character {
                at: 0,
                byte,
                expected,
            },
        };
        if envelope.magic != MAGIC {
            return Err(error("magic", 0, envelope.magic[0], "TTEV").into());
        }
        if envelope.version != VERSION {
            return Err(error("version", 4, envelope.version, "01").into());
        }
        if envelope.kind != expected {
            let found = envelope.kind;
            return Err(EnvelopeError::Kind { found, expected });
        }
        Ok(envelope)
    }

    /// Whether the signature is this key's over the head.
    ///
    /// # Errors
    /// [`EnvelopeError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), EnvelopeError> {
        let fault = EnvelopeError::Signature { key: self.key };
        let signed = self.encode()?;
        key.verify(&signed[..SIGNED], &Signature(self.signature))
            .map_err(|_| fault)
    }

    /// Whether it is around what has this digest.
    ///
    /// # Errors
    /// [`EnvelopeError::Digest`].
    pub fn covers(&self, digest: &sm3::Digest) -> Result<(), EnvelopeError> {
        if self.digest == *digest {
            Ok(())
        } else {
            Err(EnvelopeError::Digest(self.kind))
        }
    }
}

//! Codes for the conformance vectors: genuine ones, and ones with exactly the intended defect.

use serde::Serialize;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{SecretKey, sm3};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Root, UserCertificate, UserTerms};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::run::published;

/// 2026-01-01T08:00:00Z, when the published codes were made.
pub(crate) const T0: i64 = 1_767_254_400;
/// The account of the published codes.
pub(crate) const ACCOUNT: &str = "3104100000000000017";
/// The fare of most cases, fen.
pub(crate) const FARE: i64 = 200;

/// A case as the file has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) expect: String,
    pub(crate) now: Option<i64>,
    pub(crate) fare_fen: i64,
    pub(crate) hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
}

/// A context as the file has it; the file's own has no `previous` and no `blacklist`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) roots: Option<Vec<RootEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted_issuers: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) future_skew_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_validity_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account_interval_s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_trusted_clock: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Vec<Earlier>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blacklist: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct RootEntry {
    pub(crate) index: u8,
    pub(crate) cert_hex: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Earlier {
    pub(crate) hex: String,
    pub(crate) at: i64,
}

/// A code scanned before, and accepted.
pub(crate) fn earlier(code: &[u8], at: i64) -> Context {
    Context {
        previous: Some(vec![Earlier {
            hex: hex_encode(code),
            at,
        }]),
        ..Context::default()
    }
}

/// Key of a label, for keys beside the published ones.
pub(crate) fn labelled_key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(format!("tongtu/conform/{label}").as_bytes())).unwrap()
}

/// A self-signed root with a key of a label.
pub(crate) fn labelled_root(label: &str, index: u8, expiry: &str) -> RootEntry {
    root_entry(&labelled_key(label), index, expiry)
}

/// A self-signed root with a given key.
pub(crate) fn root_entry(key: &SecretKey, index: u8, expiry: &str) -> RootEntry {
    let root = Root::self_sign(index, expiry.parse().unwrap(), key).unwrap();
    RootEntry {
        index,
        cert_hex: hex_encode(&root.certificate().encode().unwrap()),
    }
}

/// Makes codes with the published keys.
pub(crate) struct Maker {
    pub(crate) root_key: SecretKey,
    pub(crate) issuer_key: SecretKey,
    pub(crate) user_key: SecretKey,
    pub(crate) issuer: IssuerCertificate,
    pub(crate) terms: UserTerms,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let key = |name: &str| {
            let bytes = hex_decode(&published(name)).unwrap();
            SecretKey::from_bytes(&bytes.try_into().unwrap()).unwrap()
        };
        let user_key = key("user_secret");
        let issuer = hex_decode(&published("issuer_certificate")).unwrap();
        Self {
            root_key: key("root_secret"),
            issuer_key: key("issuer_secret"),
            issuer: IssuerCertificate::decode(&issuer).unwrap(),
            terms: UserTerms {
                issuer_data: b"CHN0000000000001".to_vec(),
                account: CardNumber::parse(ACCOUNT).unwrap(),
                card_issuer: [0x01, 0x34, 0x10, 0x00],
                platform: [0; 4],
                account_type: 1,
                limit: Fen::new(2000),
                user_key: user_key.public().clone(),
                expires: Timestamp::new(T0 + 7 * 86_400),
                validity_s: 600,
                extension: Vec::new(),
            },
            user_key,
        }
    }

    /// A genuine code of this moment.
    pub(crate) fn code(&self, at: i64) -> Vec<u8> {
        UserCertificate::issue(&self.issuer, &self.terms, &self.issuer_key)
            .unwrap()
            .ride_code_unchecked(Timestamp::new(at), &self.user_key)
            .unwrap()
            .as_bytes()
            .to_vec()
    }

    /// A genuine code with other terms.
    pub(crate) fn with(&self, change: impl FnOnce(&mut UserTerms)) -> Vec<u8> {
        let mut other = Self::new();
        change(&mut other.terms);
        other.code(T0)
    }

    /// A code of T0 with bytes changed and everything signed anew.
    pub(crate) fn changed(&self, changes: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = self.code(T0);
        for (at, value) in changes {
            bytes[*at] = *value;
        }
        self.sign_all(&mut bytes, &self.root_key);
        bytes
    }

    /// A code of T0 with bytes changed and nothing signed anew.
    pub(crate) fn spoilt(&self, changes: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = self.code(T0);
        for (at, value) in changes {
            assert_ne!(bytes[*at], *value, "byte {at} is already {value:#04x}");
            bytes[*at] = *value;
        }
        bytes
    }

    /// Signs all three ranges again, the first with this root key.
    pub(crate) fn sign_all(&self, bytes: &mut [u8], root_key: &SecretKey) {
        let ca = root_key.sign(&bytes[9..56]);
        bytes[56..120].copy_from_slice(&ca.0);
        self.sign_user_domain(bytes);
    }

    /// Signs the user domain and the ride again.
    pub(crate) fn sign_user_domain(&self, bytes: &mut [u8]) {
        let n = bytes.len() - 332;
        let issuer = self.issuer_key.sign(&bytes[3..198 + n]);
        bytes[199 + n..263 + n].copy_from_slice(&issuer.0);
        self.sign_ride(bytes);
    }

    /// Signs the ride again.
    pub(crate) fn sign_ride(&self, bytes: &mut [u8]) {
        let n = bytes.len() - 332;
        let user = self.user_key.sign(&bytes[..267 + n]);
        bytes[268 + n..].copy_from_slice(&user.0);
    }
}

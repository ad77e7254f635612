//! What no dump of a database shows: the sealing of columns.
//!
//! A sealed value is SM4 in counter mode under a tag, the first 16 bytes of HMAC-SM3 over the
//! value and the column it stands in; the tag is the first counter, too (SIV, RFC 5297, with
//! these primitives). So it needs no randomness, equal values of one column are sealed equally,
//! and what was altered, moved to another column or, where the place is bound, to another row,
//! does not open. That equal is equal is what constraints and look-ups of sealed numbers rest on:
//! a column of numbers is unique, joined and compared as it was in the clear. It is not ordered:
//! whoever wants order sorts what was opened.
//!
//! A file's tag is over its SM3 in the place of its bytes: whoever has a file here has digested it
//! already, for an envelope or against one, and files are long.
//!
//! What is here: the columns, the keys, one way in and one out; `each` has the same for many values
//! at once. What is not here: where the secret comes from (whoever opens the store), and sealing of
//! templates of faces, which have a key of their own before they come here.

use core::fmt;
use std::sync::Arc;

use tongtu_codec::{base64_decode, base64_encode};
use tongtu_crypto::sm3::{self, Digested};
use tongtu_crypto::{WideCipher, WideKey, equal};
use zeroize::Zeroizing;

use crate::StoreError;

mod each;

/// Bytes of a tag in front of what it is the tag of.
pub(crate) const TAG_LEN: usize = 16;
/// What a sealed text begins with: in the clear no number and no id does, nor a mask of one.
const MARK: char = '~';

/// What is sealed. The number enters the tag and is never given to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Column {
    /// Numbers of accounts and cards, wherever they stand: they are joined.
    Number = 1,
    /// Ends of listings of cards, 20 digits.
    Listed = 2,
    /// A payer's id of a payment.
    Payment = 3,
    /// What comes after the kind in ids of payments' entries.
    PaymentEntry = 4,
    /// Record as the terminal wrote it; bound to its id.
    Body = 5,
    /// Refused record; bound to its digest.
    RefusedBody = 6,
    /// Why a record was refused; bound to its digest.
    RefusedReason = 7,
    /// Content of a file; bound to sender or receiver, and name. Only what was sealed before there was
    /// [`Self::FileDigest`] has it.
    File = 8,
    /// What an alarm is about.
    Subject = 9,
    /// An alarm's text; bound to its code and subject.
    Message = 10,
    /// The caller's id of an enrolment.
    FaceRequest = 11,
    /// Proof of a consent; bound to the handle.
    Evidence = 12,
    /// What the numbers on the card blacklist add up to: of one number, the number. Bound to the
    /// version.
    ListSum = 13,
    /// The SM3 of a file; bound to sender or receiver, and name. Its tag seals the file.
    FileDigest = 14,
}

impl Column {
    /// For errors.
    const fn name(self) -> &'static str {
        match self {
            Self::Number => "card number",
            Self::Listed => "listed card number",
            Self::Payment => "payment id",
            Self::PaymentEntry => "entry id",
            Self::Body => "record",
            Self::RefusedBody => "refused record",
            Self::RefusedReason => "refusal",
            Self::File | Self::FileDigest => "file",
            Self::Subject => "alarm subject",
            Self::Message => "alarm message",
            Self::FaceRequest => "enrolment request",
            Self::Evidence => "consent evidence",
            Self::ListSum => "sum of listed numbers",
        }
    }
}

/// The data key of a store: what card numbers and all that holds them are sealed with at rest.
///
/// Cheap to clone. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Sealing {
    keys: Arc<Keys>,
}

struct Keys {
    cipher: WideKey,
    mac: sm3::HmacKey,
    check: [u8; TAG_LEN],
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").finish_non_exhaustive()
    }
}

impl Sealing {
    /// With a store's secret of 32 random bytes. Who has the secret can read the store; who has
    /// lost it cannot read it again.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let secret = sm3::HmacKey::new(secret);
        let key = |word: &[u8]| Zeroizing::new(secret.mac(&[b"TTDS ", word]));
        let mut check = [0; TAG_LEN];
        check.copy_from_slice(&key(b"check")[..TAG_LEN]);
        Self {
            keys: Arc::new(Keys {
                cipher: WideKey::new(WideCipher::Sm4, &key(b"cipher")[..16])
                    .expect("SM4 has 16 bytes"),
                mac: sm3::HmacKey::new(&key(b"mac")[..]),
                check,
            }),
        }
    }

    /// By what a store knows the key again; tells nothing of it.
    pub(crate) fn check(&self) -> [u8; TAG_LEN] {
        self.keys.check
    }

    fn tag(&self, column: Column, bound: &[&str], value: &[u8]) -> [u8; TAG_LEN] {
        let mut head = Vec::with_capacity(head_len(bound));
        put_head(column, bound, &mut head);
        tag_of(&self.keys.mac.mac(&[&head, value]))
    }

    /// Seals bytes that stand in `column`, in the row that `bound` names.
    pub(crate) fn bytes(&self, column: Column, bound: &[&str], value: &[u8]) -> Vec<u8> {
        self.under(&self.tag(column, bound, value), value)
    }

    fn under(&self, tag: &[u8; TAG_LEN], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(TAG_LEN + value.len());
        out.extend_from_slice(tag);
        out.extend_from_slice(value);
        self.keys.cipher.apply_ctr(tag, &mut out[TAG_LEN..]);
        out
    }

    /// Seals a file that stands in the row that `bound` names.
    pub(crate) fn file(&self, bound: &[&str], file: &Digested<impl AsRef<[u8]>>) -> Vec<u8> {
        let tag = self.tag(Column::FileDigest, bound, file.digest());
        self.under(&tag, file.bytes())
    }

    /// Opens a file.
    pub(crate) fn open_file(
        &self,
        bound: &[&str],
        sealed: &[u8],
    ) -> Result<Digested<Vec<u8>>, StoreError> {
        let (tag, value) = self.deciphered(Column::FileDigest, sealed)?;
        let file = Digested::of(value);
        let now = self.tag(Column::FileDigest, bound, file.digest());
        if equal(&now, &tag) || equal(&self.tag(Column::File, bound, file.bytes()), &tag) {
            Ok(file)
        } else {
            Err(not_sealed(Column::File))
        }
    }

    /// Opens bytes; only those that were sealed for this column and row open.
    pub(crate) fn open_bytes(
        &self,
        column: Column,
        bound: &[&str],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let (tag, value) = self.deciphered(column, sealed)?;
        if equal(&self.tag(column, bound, &value), &tag) {
            Ok(value)
        } else {
            Err(not_sealed(column))
        }
    }

    /// The tag, and a value of which nothing is shown yet.
    fn deciphered(
        &self,
        column: Column,
        sealed: &[u8],
    ) -> Result<([u8; TAG_LEN], Vec<u8>), StoreError> {
        let (tag, rest) = split(column, sealed)?;
        let mut value = rest.to_vec();
        self.keys.cipher.apply_ctr(tag, &mut value);
        Ok((*tag, value))
    }

    /// Seals text for a column of text: Base64 behind a mark.
    pub(crate) fn text(&self, column: Column, bound: &[&str], value: &str) -> String {
        text_of(&self.bytes(column, bound, value.as_bytes()))
    }

    /// Opens text.
    pub(crate) fn open_text(
        &self,
        column: Column,
        bound: &[&str],
        sealed: &str,
    ) -> Result<String, StoreError> {
        let value = self.open_bytes(column, bound, &bytes_of(column, sealed)?)?;
        String::from_utf8(value).map_err(|_| not_sealed(column))
    }

    /// Seals the number of an account or a card.
    pub(crate) fn number(&self, value: &str) -> String {
        self.text(Column::Number, &[], value)
    }

    /// Opens the number of an account or a card.
    pub(crate) fn open_number(&self, sealed: &str) -> Result<String, StoreError> {
        self.open_text(Column::Number, &[], sealed)
    }
}

const fn not_sealed(column: Column) -> StoreError {
    StoreError::NotSealed {
        what: column.name(),
    }
}

/// Bytes of what [`put_head`] puts.
fn head_len(bound: &[&str]) -> usize {
    2 + bound.iter().map(|part| 4 + part.len()).sum::<usize>()
}

/// What a tag is over in front of the value. A byte for the column, the number of what is bound, each
/// with its length: no two sets of parts are the same bytes.
fn put_head(column: Column, bound: &[&str], into: &mut Vec<u8>) {
    let count = u8::try_from(bound.len()).expect("two parts at most");
    into.extend_from_slice(&[column as u8, count]);
    for part in bound {
        let len = u32::try_from(part.len()).expect("ids are short");
        into.extend_from_slice(&len.to_be_bytes());
        into.extend_from_slice(part.as_bytes());
    }
}

fn tag_of(mac: &sm3::Digest) -> [u8; TAG_LEN] {
    *mac.first_chunk().expect("a digest is longer")
}

/// A tag and what is sealed under it.
fn split(column: Column, sealed: &[u8]) -> Result<(&[u8; TAG_LEN], &[u8]), StoreError> {
    sealed.split_first_chunk().ok_or_else(|| not_sealed(column))
}

fn text_of(sealed: &[u8]) -> String {
    let mut out = String::from(MARK);
    out.push_str(&base64_encode(sealed));
    out
}

fn bytes_of(column: Column, text: &str) -> Result<Vec<u8>, StoreError> {
    let text = text.strip_prefix(MARK).ok_or_else(|| not_sealed(column))?;
    base64_decode(text).map_err(|_| not_sealed(column))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_codec::hex_encode;

    use super::*;

    const NUMBER: &str = "3104100000000000017";

    fn sealing() -> Sealing {
        Sealing::new(&[7; 32])
    }

    /// The three keys and the tag were computed with `openssl mac -digest SM3 … HMAC`, the rest
    /// with `openssl enc -sm4-ctr`.
    #[test]
    fn seals_what_openssl_seals() {
        assert_eq!(
            hex_encode(&sealing().check()),
            "a55dace188ab2544507f402ddff9d4db"
        );
        let sealed = sealing().bytes(Column::Number, &[], NUMBER.as_bytes());
        assert_eq!(
            hex_encode(&sealed),
            "c9607753507a26f950f1570042afdd55e53fc9a459e476742d9ecec4400fef9b73478c"
        );
        let (place, content) = (["00000000", "CQ1"], Digested::of(b"content"));
        let sealed = sealing().file(&place, &content);
        assert_eq!(
            hex_encode(&sealed),
            "56ed9f87fd3c55897450eeb7806a604c8f270dfdb61a6b"
        );
        // As it was sealed before a file's tag was over its digest.
        let before = sealing().bytes(Column::File, &place, b"content");
        assert_eq!(
            hex_encode(&before),
            "b9d50d0ae48e4ecf7d00ad79ff5473a50c936f8b57880f"
        );
        for sealed in [sealed, before] {
            let opened = sealing().open_file(&place, &sealed).unwrap();
            assert_eq!(opened, content.to_owned());
            let elsewhere = sealing().open_file(&["00000000", "CQ2"], &sealed);
            assert!(matches!(
                elsewhere,
                Err(StoreError::NotSealed { what: "file" })
            ));
        }
    }

    #[test]
    fn opens_only_in_its_column_and_row() {
        let seal = sealing();
        let sealed = seal.bytes(Column::Body, &["r1"], b"record");
        let open = |column, bound: &[&str]| seal.open_bytes(column, bound, &sealed);
        assert_eq!(open(Column::Body, &["r1"]).unwrap(), b"record");
        for (column, bound) in [
            (Column::Body, &["r2"][..]),
            (Column::Body, &[]),
            (Column::Body, &["r", "1"]),
            (Column::Body, &["r1", ""]),
            (Column::RefusedBody, &["r1"]),
        ] {
            let refused = open(column, bound).unwrap_err();
            assert!(matches!(refused, StoreError::NotSealed { .. }), "{bound:?}");
        }
    }

    #[test]
    fn a_number_in_the_clear_does_not_open() {
        for text in ["", "~", NUMBER, "~3104100000000000017", "~!"] {
            let refused = sealing().open_number(text).unwrap_err();
            let said = format!("{refused} {refused:?}");
            assert!(matches!(refused, StoreError::NotSealed { .. }), "{text}");
            assert!(!said.contains("31041"), "{said}");
        }
    }

    #[test]
    fn another_key_does_not_open() {
        let sealed = sealing().number(NUMBER);
        assert!(Sealing::new(&[8; 32]).open_number(&sealed).is_err());
        assert_ne!(Sealing::new(&[8; 32]).check(), sealing().check());
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", sealing()), "Sealing { .. }");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_sealed_opens(
            value in proptest::collection::vec(any::<u8>(), 0..100),
            text in "[ -~城]{0,40}",
            row in "[a-z]{0,5}",
        ) {
            let seal = sealing();
            let sealed = seal.bytes(Column::File, &[&row], &value);
            prop_assert_eq!(sealed.len(), value.len() + TAG_LEN);
            prop_assert_eq!(&seal.bytes(Column::File, &[&row], &value), &sealed);
            prop_assert_eq!(seal.open_bytes(Column::File, &[&row], &sealed).unwrap(), value.clone());
            let file = Digested::of(value);
            let sealed = seal.file(&[&row], &file);
            prop_assert_eq!(sealed.len(), file.bytes().len() + TAG_LEN);
            prop_assert_eq!(seal.open_file(&[&row], &sealed).unwrap(), file);
            let sealed = seal.text(Column::Message, &[&row], &text);
            prop_assert_eq!(seal.open_text(Column::Message, &[&row], &sealed).unwrap(), text);
        }

        #[test]
        fn what_was_altered_does_not_open(
            value in proptest::collection::vec(any::<u8>(), 0..60),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let seal = sealing();
            let mut sealed = seal.bytes(Column::Body, &[], &value);
            let mut file = seal.file(&[], &Digested::of(&value));
            let cut = at.index(sealed.len());
            prop_assert!(seal.open_bytes(Column::Body, &[], &sealed[..cut]).is_err());
            prop_assert!(seal.open_file(&[], &file[..cut]).is_err());
            for sealed in [&mut sealed, &mut file] {
                sealed[cut] ^= 1_u8 << bit;
            }
            prop_assert!(seal.open_bytes(Column::Body, &[], &sealed).is_err());
            prop_assert!(seal.open_file(&[], &file).is_err());
        }
    }
}

//! A list key, numbers of test cards, and files of them.

use tongtu_blacklist::{
    Blacklist, BlacklistError, Change, Issue, ListedNumber, Loader, Span, State,
};
use tongtu_crypto::{SecretKey, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

pub(crate) fn acquirer() -> InstitutionCode {
    InstitutionCode::parse("11345810").unwrap()
}

/// Number `value` of the 20-digit world.
pub(crate) fn number(value: u128) -> ListedNumber {
    let mut bcd = [0; 10];
    let mut rest = value;
    for slot in bcd.iter_mut().rev() {
        let pair = u8::try_from(rest % 100).unwrap();
        *slot = ((pair / 10) << 4) | (pair % 10);
        rest /= 100;
    }
    ListedNumber::from_bcd(&bcd).unwrap()
}

pub(crate) fn span(low: u128, high: u128) -> Span {
    Span::new(number(low), number(high)).unwrap()
}

pub(crate) fn issue(version: u64) -> Issue {
    Issue {
        acquirer: acquirer(),
        version,
        issued_at: T0,
    }
}

pub(crate) fn full(version: u64, spans: &[Span]) -> Vec<u8> {
    tongtu_blacklist::file::full(issue(version), spans.iter().copied(), &key("list")).unwrap()
}

pub(crate) fn delta(version: u64, base: State, changes: &[Change]) -> Vec<u8> {
    let changes = changes.iter().copied();
    tongtu_blacklist::file::delta(issue(version), base, changes, &key("list")).unwrap()
}

/// Takes a file in pieces of `piece` bytes.
pub(crate) fn load(
    held: &Blacklist,
    file: &[u8],
    piece: usize,
) -> Result<Blacklist, BlacklistError> {
    let mut loader = Loader::new(key("list").public().clone(), acquirer(), held);
    for bytes in file.chunks(piece) {
        loader.feed(bytes)?;
    }
    loader.finish()
}

pub(crate) fn list(version: u64, spans: &[Span]) -> Blacklist {
    load(&Blacklist::default(), &full(version, spans), 4096).unwrap()
}

pub(crate) fn spans(list: &Blacklist) -> Vec<Span> {
    list.spans_from(ListedNumber::MIN).collect()
}

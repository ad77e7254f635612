//! A custody in which nothing happens unseen.

use std::cell::RefCell;

use tongtu_audit::{Entry, Outcome, Word};
use tongtu_crypto::sm3;
use tongtu_hsm::{Custody, CustodyError, Deed, Label, Use, Watched, Watcher};
use tongtu_types::InstitutionCode;

/// On whose behalf a key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnBehalf {
    /// Of which institution.
    pub institution: InstitutionCode,
    /// Officer, service or terminal.
    pub actor: Word<12>,
    /// The event of the key book that the permit rests on.
    pub permit: Option<u64>,
}

/// A custody each of whose uses leaves an entry for the audit chain, whatever came of it.
///
/// The entries are for whoever has the chain; what counts as a use, [`Watched`] says.
pub type Audited<'a, C> = Watched<&'a mut C, Entries>;

/// Watches a custody.
pub(super) const fn audited<C: Custody + ?Sized>(custody: &mut C, who: OnBehalf) -> Audited<'_, C> {
    let entries = RefCell::new(Vec::new());
    Watched::new(custody, Entries { who, entries })
}

/// What was asked of a custody.
#[derive(Debug)]
pub struct Entries {
    who: OnBehalf,
    entries: RefCell<Vec<Entry>>,
}

impl Entries {
    /// Everything, in order.
    #[must_use]
    pub fn all(self) -> Vec<Entry> {
        self.entries.into_inner()
    }
}

impl Watcher for Entries {
    fn before<C: Custody + ?Sized>(
        &self,
        _custody: &C,
        used: &Use<'_>,
    ) -> Result<(), CustodyError> {
        // What a lent key does would leave no entry.
        match used.deed {
            Deed::Lend => Err(CustodyError::Stays { label: used.label }),
            _ => Ok(()),
        }
    }

    fn after(&self, used: &Use<'_>, end: Result<(), &CustodyError>) {
        // Of a key that came in under another the entry names the one that came.
        let (label, about) = match (used.deed, used.made) {
            (Deed::Unwrap, Some(made)) => (made.label, used.label.as_str().as_bytes()),
            (Deed::TakeIn, Some(made)) => (made.label, used.about),
            _ => (used.label, used.about),
        };
        let deed = format!("use.{}", used.deed.word());
        self.entries.borrow_mut().push(Entry {
            institution: self.who.institution,
            actor: self.who.actor,
            deed: Word::parse(&deed).expect("every deed is a short word"),
            key: number_of(label),
            permit: self.who.permit,
            outcome: match end {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Failed(reason(error)),
            },
            about: Some(sm3::digest_parts(&[
                label.as_str().as_bytes(),
                b"\n",
                about,
            ])),
        });
    }
}

/// The number of the key in its book that a label of a key room names.
fn number_of(label: Label) -> Option<u32> {
    label.as_str().strip_prefix("KEY-")?.parse().ok()
}

/// The code of a custody's fault.
pub(crate) fn reason(error: &CustodyError) -> Word<30> {
    Word::parse(match error {
        CustodyError::Unknown { .. } => "custody.unknown",
        CustodyError::Exists { .. } => "custody.exists",
        CustodyError::Purpose { .. } => "custody.purpose",
        CustodyError::Algorithm { .. } => "custody.algorithm",
        CustodyError::Kind { .. } => "custody.kind",
        CustodyError::Mark { .. } | CustodyError::StoreMark { .. } => "custody.mark",
        CustodyError::Check { .. } => "custody.check",
        CustodyError::Component { .. } | CustodyError::Components { .. } => "custody.component",
        CustodyError::NotAKey { .. } => "custody.not_a_key",
        CustodyError::Stays { .. } => "custody.stays",
        CustodyError::Mac { .. } | CustodyError::Signature { .. } => "custody.proof",
        CustodyError::Length { .. } => "custody.length",
        CustodyError::Container { .. } => "custody.container",
        CustodyError::Io { .. } => "custody.io",
        _ => "custody.fault",
    })
    .expect("the codes above are short words")
}

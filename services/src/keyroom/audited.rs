//! A custody in which nothing happens unseen.

use std::cell::RefCell;

use tongtu_apdu::Command;
use tongtu_audit::{Entry, Outcome, Word};
use tongtu_crypto::sm3;
use tongtu_globalplatform::key::KeyBlock;
use tongtu_hsm::{
    CardPair, CardSession, Component, Custody, CustodyError, DomainKeys, Fill, KeyInfo, KeyName,
    KeyPath, Label, MacScheme, Opening, PublicPart, SealedKeys, SignScheme, Signed, TestKey, Vault,
    VaultState, Wrapped,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;
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
/// The entries are for whoever has the chain; what asks for nothing but what is public leaves none.
pub struct Audited<'a, C: ?Sized> {
    custody: &'a mut C,
    who: OnBehalf,
    entries: RefCell<Vec<Entry>>,
}

impl<'a, C: Custody + ?Sized> Audited<'a, C> {
    /// Watches a custody.
    pub const fn new(custody: &'a mut C, who: OnBehalf) -> Self {
        Self {
            custody,
            who,
            entries: RefCell::new(Vec::new()),
        }
    }

    /// Everything that was asked of it, in order.
    #[must_use]
    pub fn entries(self) -> Vec<Entry> {
        self.entries.into_inner()
    }

    fn note<T>(&self, deed: &str, label: Label, about: &[u8], result: &Result<T, CustodyError>) {
        let outcome = match result {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Failed(reason(error)),
        };
        self.entries.borrow_mut().push(Entry {
            institution: self.who.institution,
            actor: self.who.actor,
            deed: Word::parse(deed).expect("the deeds below are short words"),
            key: number_of(label),
            permit: self.who.permit,
            outcome,
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

impl<C: Custody + ?Sized> Custody for Audited<'_, C> {
    fn list(&self) -> Result<Vec<KeyInfo>, CustodyError> {
        self.custody.list()
    }

    fn check(&self, label: Label) -> Result<KeyInfo, CustodyError> {
        self.custody.check(label)
    }

    fn long_check(&self, label: Label) -> Result<[u8; 4], CustodyError> {
        self.custody.long_check(label)
    }

    fn public(&self, label: Label) -> Result<PublicPart, CustodyError> {
        self.custody.public(label)
    }

    fn generate(&mut self, name: &KeyName) -> Result<Check, CustodyError> {
        let result = self.custody.generate(name);
        self.note("use.generate", name.label, &[], &result);
        result
    }

    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError> {
        let result = self.custody.import(name, components, expected);
        self.note("use.import", name.label, &[], &result);
        result
    }

    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError> {
        let result = self.custody.import_test(name, key);
        self.note("use.import-test", name.label, &[], &result);
        result
    }

    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError> {
        let result = self.custody.derive(from, name);
        let below = name.label.as_str().as_bytes();
        self.note("use.derive", from.label, below, &result);
        result
    }

    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        let result = self.custody.mac(path, scheme, message);
        self.note("use.mac", path.label, message, &result);
        result
    }

    fn verify_mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), CustodyError> {
        let result = self.custody.verify_mac(path, scheme, message, mac);
        self.note("use.verify-mac", path.label, message, &result);
        result
    }

    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError> {
        let result = self.custody.sign(label, scheme, message);
        self.note("use.sign", label, message, &result);
        result
    }

    fn verify(
        &self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
        signed: &Signed,
    ) -> Result<(), CustodyError> {
        self.custody.verify(label, scheme, message, signed)
    }

    fn wrap(&self, path: KeyPath<'_>, by: Label) -> Result<Wrapped, CustodyError> {
        let result = self.custody.wrap(path, by);
        self.note("use.wrap", path.label, by.as_str().as_bytes(), &result);
        result
    }

    fn open_channel(
        &self,
        keys: DomainKeys<'_>,
        opening: &Opening<'_>,
    ) -> Result<(CardSession, Command), CustodyError> {
        let result = self.custody.open_channel(keys, opening);
        let card = opening.answer.diversification;
        self.note("use.channel", keys.label, &card, &result);
        result
    }

    fn domain_keys(
        &self,
        keys: DomainKeys<'_>,
        session: &CardSession,
    ) -> Result<[KeyBlock; 3], CustodyError> {
        let result = self.custody.domain_keys(keys, session);
        let card = keys.card.map_or(&[][..], |card| card);
        self.note("use.card-keys", keys.label, card, &result);
        result
    }

    fn seal_for(
        &self,
        paths: &[KeyPath<'_>],
        fill: Fill,
        session: &CardSession,
    ) -> Result<SealedKeys, CustodyError> {
        let result = self.custody.seal_for(paths, fill, session);
        for path in paths {
            let by = session.label();
            self.note("use.wrap", path.label, by.as_str().as_bytes(), &result);
        }
        result
    }

    fn make_pair(
        &mut self,
        algorithm: KeyAlgorithm,
        session: &CardSession,
    ) -> Result<CardPair, CustodyError> {
        let result = self.custody.make_pair(algorithm, session);
        self.note("use.pair", session.label(), &[], &result);
        result
    }

    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError> {
        let result = self.custody.unwrap(name, by, wrapped);
        self.note("use.unwrap", name.label, by.as_str().as_bytes(), &result);
        result
    }

    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError> {
        let result = self.custody.export(label, by);
        self.note("use.export", label, by.as_str().as_bytes(), &result);
        result
    }

    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError> {
        let result = self.custody.take_in(container, by);
        let label = result.as_ref().map_or(by, |info| info.name.label);
        self.note("use.take-in", label, container, &result);
        result
    }

    fn destroy(&mut self, label: Label) -> Result<(), CustodyError> {
        let result = self.custody.destroy(label);
        self.note("use.destroy", label, &[], &result);
        result
    }
}

impl<C: Vault + ?Sized> Vault for Audited<'_, C> {
    fn state(&self) -> VaultState {
        self.custody.state()
    }

    fn keeps_itself(&self, name: &KeyName) -> bool {
        self.custody.keeps_itself(name)
    }
}

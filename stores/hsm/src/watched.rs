//! A custody whose uses are told to somebody before they are made and after.
//!
//! This is the one list of what counts as a use: every call by which a key comes, goes, or does what
//! only its holder can do with it. What asks for labels, attributes, check values and public halves is
//! no use, and neither is verifying a signature, which takes the public half. Whoever keeps lines of
//! uses is a [`Watcher`] and sees each of these calls; one that is new in [`Custody`] is added here.
//!
//! Not here: what is kept of a use, and where.

use std::fmt;
use std::ops::DerefMut;

use tongtu_apdu::Command;
use tongtu_globalplatform::key::KeyBlock;
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;

use crate::card::{CardPair, CardSession, DomainKeys, Fill, Opening, SealedKeys};
use crate::custody::{
    Component, Custody, KeyPath, MacScheme, PublicPart, SignScheme, Signed, TestKey, Vault,
    VaultState, Wrapped,
};
use crate::error::CustodyError;
use crate::lent::LentKey;
use crate::name::{KeyInfo, KeyName, Label};

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// It is made of fresh randomness.
    Generate,
    /// It comes in by components.
    Import,
    /// It comes in as a value that is known.
    ImportTest,
    /// A key below it is kept.
    Derive,
    /// It makes a MAC.
    Mac,
    /// It makes a MAC to compare one with.
    VerifyMac,
    /// It is opened for many MACs, which are not seen here.
    Lend,
    /// It signs.
    Sign,
    /// It is enciphered under another.
    Wrap,
    /// It opens a channel to a card.
    Channel,
    /// The keys of a card's domain below it are enciphered for a channel.
    CardKeys,
    /// A card at the other end of the channel that it opened gets a pair.
    Pair,
    /// It deciphers one that comes in.
    Unwrap,
    /// It goes out in a container.
    Export,
    /// It opens a container whose key comes in.
    TakeIn,
    /// It is destroyed.
    Destroy,
}

impl Deed {
    /// Its name in lines and digests of uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Import => "import",
            Self::ImportTest => "import-test",
            Self::Derive => "derive",
            Self::Mac => "mac",
            Self::VerifyMac => "verify-mac",
            Self::Lend => "lend",
            Self::Sign => "sign",
            Self::Wrap => "wrap",
            Self::Channel => "channel",
            Self::CardKeys => "card-keys",
            Self::Pair => "pair",
            Self::Unwrap => "unwrap",
            Self::Export => "export",
            Self::TakeIn => "take-in",
            Self::Destroy => "destroy",
        }
    }
}

/// One use of one key.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// For what.
    pub deed: Deed,
    /// The key that works; where none does, the one that comes or goes.
    pub label: Label,
    /// From there down to the key that really works.
    pub factors: &'a [[u8; 8]],
    /// What the use is about: the message, the other key's label, the card, the container.
    pub about: &'a [u8],
    /// The key that is here afterwards and was not. What a container brings is known only then.
    pub made: Option<&'a KeyName>,
}

impl<'a> Use<'a> {
    const fn of(deed: Deed, label: Label, about: &'a [u8]) -> Self {
        Self {
            deed,
            label,
            factors: &[],
            about,
            made: None,
        }
    }

    const fn below(deed: Deed, path: KeyPath<'a>, about: &'a [u8]) -> Self {
        Self {
            deed,
            label: path.label,
            factors: path.factors,
            about,
            made: None,
        }
    }

    const fn making(self, name: &'a KeyName) -> Self {
        Self {
            made: Some(name),
            ..self
        }
    }

    /// Label and attributes of the key that works, or of the one that is about to come.
    ///
    /// # Errors
    /// [`CustodyError::Unknown`] when there is no such key.
    pub fn name<C: Custody + ?Sized>(&self, custody: &C) -> Result<KeyName, CustodyError> {
        match (self.deed, self.made) {
            (Deed::Generate | Deed::Import | Deed::ImportTest, Some(name)) => Ok(*name),
            _ => Ok(custody.check(self.label)?.name),
        }
    }
}

/// Who is told of each use.
pub trait Watcher {
    /// A use is about to be made of a key in this custody. Several keys that are used by one call are
    /// told one after the other, before any of them is used.
    ///
    /// # Errors
    /// Whatever refuses it: then it is not made.
    fn before<C: Custody + ?Sized>(&self, custody: &C, used: &Use<'_>) -> Result<(), CustodyError>;

    /// A use that was not refused here came to this end.
    fn after(&self, _used: &Use<'_>, _end: Result<(), &CustodyError>) {}
}

/// A custody, and who is told of each use of its keys. It is held by what leads to it: a `Box`, or a
/// borrow.
pub struct Watched<P, W> {
    // Dropped first: what it still writes, it writes while nobody else can have the custody.
    watcher: W,
    custody: P,
}

impl<P: fmt::Debug, W> fmt::Debug for Watched<P, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.custody.fmt(f)
    }
}

impl<P, W> Watched<P, W> {
    /// Watches a custody.
    pub const fn new(custody: P, watcher: W) -> Self {
        Self { watcher, custody }
    }

    /// The watcher, with what it saw.
    pub fn into_watcher(self) -> W {
        self.watcher
    }
}

impl<P: DerefMut<Target: Custody>, W: Watcher> Watched<P, W> {
    fn told<T>(
        &self,
        used: &Use<'_>,
        act: impl FnOnce(&P::Target) -> Result<T, CustodyError>,
    ) -> Result<T, CustodyError> {
        self.watcher.before(&*self.custody, used)?;
        let result = act(&self.custody);
        self.watcher.after(used, result.as_ref().map(|_| ()));
        result
    }

    fn told_mut<T>(
        &mut self,
        used: &Use<'_>,
        act: impl FnOnce(&mut P::Target) -> Result<T, CustodyError>,
    ) -> Result<T, CustodyError> {
        self.watcher.before(&*self.custody, used)?;
        let result = act(&mut self.custody);
        self.watcher.after(used, result.as_ref().map(|_| ()));
        result
    }
}

impl<P: DerefMut<Target: Custody>, W: Watcher> Custody for Watched<P, W> {
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
        let used = Use::of(Deed::Generate, name.label, &[]).making(name);
        self.told_mut(&used, |custody| custody.generate(name))
    }

    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError> {
        let used = Use::of(Deed::Import, name.label, &[]).making(name);
        self.told_mut(&used, |custody| custody.import(name, components, expected))
    }

    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError> {
        let used = Use::of(Deed::ImportTest, name.label, &[]).making(name);
        self.told_mut(&used, |custody| custody.import_test(name, key))
    }

    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError> {
        let used = Use::below(Deed::Derive, from, name.label.as_str().as_bytes()).making(name);
        self.told_mut(&used, |custody| custody.derive(from, name))
    }

    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        let used = Use::below(Deed::Mac, path, message);
        self.told(&used, |custody| custody.mac(path, scheme, message))
    }

    fn lend(&self, label: Label) -> Result<LentKey, CustodyError> {
        let used = Use::of(Deed::Lend, label, &[]);
        self.told(&used, |custody| custody.lend(label))
    }

    fn verify_mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), CustodyError> {
        let used = Use::below(Deed::VerifyMac, path, message);
        self.told(&used, |custody| {
            custody.verify_mac(path, scheme, message, mac)
        })
    }

    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError> {
        let used = Use::of(Deed::Sign, label, message);
        self.told_mut(&used, |custody| custody.sign(label, scheme, message))
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
        let used = Use::below(Deed::Wrap, path, by.as_str().as_bytes());
        self.told(&used, |custody| custody.wrap(path, by))
    }

    fn open_channel(
        &self,
        keys: DomainKeys<'_>,
        opening: &Opening<'_>,
    ) -> Result<(CardSession, Command), CustodyError> {
        let used = Use::of(Deed::Channel, keys.label, &opening.answer.diversification);
        self.told(&used, |custody| custody.open_channel(keys, opening))
    }

    fn domain_keys(
        &self,
        keys: DomainKeys<'_>,
        session: &CardSession,
    ) -> Result<[KeyBlock; 3], CustodyError> {
        let card = keys.card.map_or(&[][..], |card| card);
        let used = Use::of(Deed::CardKeys, keys.label, card);
        self.told(&used, |custody| custody.domain_keys(keys, session))
    }

    fn seal_for(
        &self,
        paths: &[KeyPath<'_>],
        fill: Fill,
        session: &CardSession,
    ) -> Result<SealedKeys, CustodyError> {
        let by = session.label();
        let uses = paths
            .iter()
            .map(|path| Use::below(Deed::Wrap, *path, by.as_str().as_bytes()));
        for used in uses.clone() {
            self.watcher.before(&*self.custody, &used)?;
        }
        let result = self.custody.seal_for(paths, fill, session);
        for used in uses {
            self.watcher.after(&used, result.as_ref().map(|_| ()));
        }
        result
    }

    fn make_pair(
        &mut self,
        algorithm: KeyAlgorithm,
        session: &CardSession,
    ) -> Result<CardPair, CustodyError> {
        let used = Use::of(Deed::Pair, session.label(), &[]);
        self.told_mut(&used, |custody| custody.make_pair(algorithm, session))
    }

    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError> {
        let used = Use::of(Deed::Unwrap, by, name.label.as_str().as_bytes()).making(name);
        self.told_mut(&used, |custody| custody.unwrap(name, by, wrapped))
    }

    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError> {
        let used = Use::of(Deed::Export, label, by.as_str().as_bytes());
        self.told_mut(&used, |custody| custody.export(label, by))
    }

    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError> {
        let used = Use::of(Deed::TakeIn, by, container);
        self.watcher.before(&*self.custody, &used)?;
        let result = self.custody.take_in(container, by);
        match &result {
            Ok(info) => self.watcher.after(&used.making(&info.name), Ok(())),
            Err(error) => self.watcher.after(&used, Err(error)),
        }
        result
    }

    fn destroy(&mut self, label: Label) -> Result<(), CustodyError> {
        let used = Use::of(Deed::Destroy, label, &[]);
        self.told_mut(&used, |custody| custody.destroy(label))
    }
}

impl<P: DerefMut<Target: Vault>, W: Watcher> Vault for Watched<P, W> {
    fn state(&self) -> VaultState {
        self.custody.state()
    }

    fn keeps_itself(&self, name: &KeyName) -> bool {
        self.custody.keeps_itself(name)
    }
}

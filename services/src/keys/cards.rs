//! Keys of cards and of codes, for one run over many rides.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tongtu_audit::UsedKey;
use tongtu_crypto::{Algorithm, sm3};
use tongtu_hsm::{KeyInfo, LentKey, MacClaim, MacScheme};
use tongtu_keyring::code::{Ground, KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::{Check, Extract, KeyBook, KeyNumber, RefusedUse, Slot, Use};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_types::{CityCode, Timestamp};

use super::using::{Opened, used_key};
use super::{KeyFault, NodeKeys, version_of};
use crate::verifying::Measured;
use crate::{Node, ServiceError};

/// The masters that verify proofs of this node's cards, lent by its custody for one run.
///
/// Opened when the run begins and overwritten when it ends: nothing is kept from one run to the
/// next, so a key is open for as long as one day's rides are judged or charged, and no longer.
pub struct CardKeys {
    lent: BTreeMap<KeyNumber, Lent>,
}

/// A master that was lent, under the line that opened it.
struct Lent {
    key: LentKey,
    opened: Opened,
    /// Digests of the proofs that were tried under it.
    tried: Mutex<Vec<sm3::Digest>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let tried = self.tried.get_mut();
        let tried = tried.unwrap_or_else(PoisonError::into_inner);
        // Threads end as they like; in order of digests whoever has the rides gets the same sum.
        tried.sort_unstable();
        self.opened.used_all(tried);
    }
}

impl fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardKeys({} lent)", self.lent.len())
    }
}

/// The books as they stood at each moment, for one thread of a run.
pub(crate) struct Moments {
    extract: Option<Arc<Extract>>,
    newest: usize,
    before: BTreeMap<usize, KeyBook>,
}

/// Why what a ride was made with does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyObjection {
    /// The key was outside its limits.
    Refused(RefusedUse),
    /// The book has no such key.
    Unknown(Use, Timestamp),
    /// The issuer's certificate, or the key in it, was revoked before; since when. Acquirers learn
    /// it from lists, so how long their rides still count is the judge's to say.
    Revoked(Timestamp),
}

/// Under which key a proof holds, if it does. `Err` says why no key counted.
pub(crate) type Held = Result<Option<KeyNumber>, KeyObjection>;

/// What a proof is made over, and how.
#[derive(Debug)]
pub(crate) struct Claim {
    /// Whose key, and with which algorithm.
    pub(crate) slot: Slot,
    /// From the master down to the card.
    pub(crate) factors: [[u8; 8]; 1],
    /// How.
    pub(crate) scheme: MacScheme,
    /// Over what.
    pub(crate) message: Vec<u8>,
    /// The proof.
    pub(crate) proof: Vec<u8>,
    /// The version that the ride says, if it does: it is tried first.
    pub(crate) version: Option<u8>,
    /// When.
    pub(crate) at: Timestamp,
}

impl NodeKeys {
    /// The masters of TACs and cryptograms that the custody has and the book knows.
    fn masters(&self) -> Vec<(KeyNumber, KeyInfo, UsedKey)> {
        let Some(books) = self.books() else {
            return Vec::new();
        };
        let mut masters = Vec::new();
        for info in self.held.values() {
            let slot = info.name.slot;
            if !matches!(slot.purpose, Purpose::Tac | Purpose::CashCryptogram) {
                continue;
            }
            let life = version_of(books.book(), slot, info.name.version);
            if let Some(life) = life.filter(|life| life.activated_at().is_some()) {
                let used = used_key(life.number(), info, books.book().last_number());
                masters.push((life.number(), *info, used));
            }
        }
        masters
    }

    /// Borrows opened masters from the custody for one run.
    fn lend(&self, opened: Vec<Opened>) -> Result<CardKeys, KeyFault> {
        let mut lent = BTreeMap::new();
        for opened in opened {
            let key = self.desk()?.lend(opened.label)?;
            let tried = Mutex::default();
            lent.insert(opened.key, Lent { key, opened, tried });
        }
        Ok(CardKeys { lent })
    }

    /// The books for one thread of a run.
    pub(crate) fn moments(&self) -> Moments {
        let extract = self.books();
        let newest = extract
            .as_ref()
            .map_or(0, |extract| extract.events_until(Timestamp::new(i64::MAX)));
        Moments {
            extract,
            newest,
            before: BTreeMap::new(),
        }
    }
}

impl Node {
    /// The masters for one run over many rides, each under a line that opened it; none are opened
    /// where no card's proof is `asked` about.
    pub(crate) async fn card_keys(
        &self,
        asked: bool,
        now: Timestamp,
    ) -> Result<CardKeys, ServiceError> {
        let masters = if asked {
            self.keys().masters()
        } else {
            Vec::new()
        };
        let opened = self.keys_open_for_run(&masters, now).await?;
        Ok(self.keys().lend(opened)?)
    }

    /// Whether each proof holds, as [`CardKeys::hold_each`] says, with TACs and cryptograms counted
    /// apart: they are under different keys, and so never side by side anyway.
    pub(crate) fn hold_each(
        &self,
        keys: &CardKeys,
        moments: &mut Moments,
        claims: &[Claim],
    ) -> Vec<Held> {
        let of_cash = |claim: &&Claim| claim.slot.purpose == Purpose::CashCryptogram;
        let (cash, purses): (Vec<&Claim>, Vec<&Claim>) = claims.iter().partition(of_cash);
        let mut held =
            [(Measured::Cryptograms, cash), (Measured::Tacs, purses)].map(|(kind, of)| {
                let hold = || keys.hold_each(moments, &of);
                self.measured(kind, of.len(), hold).into_iter()
            });
        let mut next = |claim| {
            let [cash, purses] = &mut held;
            let of = if of_cash(&claim) { cash } else { purses };
            of.next().expect("an answer to every claim")
        };
        claims.iter().map(&mut next).collect()
    }
}

impl CardKeys {
    /// Whether each proof is that of a key that counted then: of the version that the ride says, or
    /// of any that was accepted, newest first. `Err` says why none counted.
    ///
    /// Proofs are tried side by side: all of them under the first of their keys, those that are
    /// left under the next.
    fn hold_each(&self, moments: &mut Moments, claims: &[&Claim]) -> Vec<Held> {
        let mut found: Vec<_> = claims.iter().map(|_| Ok(None)).collect();
        // What is left to try: which claim, and under which keys, the last one first.
        let mut left: Vec<(usize, Vec<KeyNumber>)> = Vec::new();
        for (at, claim) in claims.iter().enumerate() {
            match self.accepted(moments, claim) {
                Ok(keys) => left.push((at, keys)),
                Err(objection) => found[at] = Err(objection),
            }
        }
        let digests = digests(claims);
        while !left.is_empty() {
            let mut under: BTreeMap<KeyNumber, Vec<(usize, Vec<KeyNumber>)>> = BTreeMap::new();
            for (at, mut keys) in left.drain(..) {
                if let Some(key) = keys.pop() {
                    under.entry(key).or_default().push((at, keys));
                }
            }
            for (key, tried) in under {
                let asked: Vec<MacClaim<'_>> =
                    tried.iter().map(|(at, _)| claims[*at].mac()).collect();
                let lent = &self.lent[&key];
                // A use is counted before it is made.
                let digests = tried.iter().map(|(at, _)| digests[*at]);
                let counted = lent.tried.lock();
                counted
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(digests);
                let holds = lent.key.verify_macs(&asked);
                for ((at, keys), holds) in tried.into_iter().zip(holds) {
                    if holds {
                        found[at] = Ok(Some(key));
                    } else {
                        left.push((at, keys));
                    }
                }
            }
        }
        found
    }

    /// The keys here under which a proof could count, the one to try first last.
    fn accepted(
        &self,
        moments: &mut Moments,
        claim: &Claim,
    ) -> Result<Vec<KeyNumber>, KeyObjection> {
        let Some(book) = moments.at(claim.at) else {
            return Ok(Vec::new());
        };
        let mut accepted: Vec<KeyNumber> = book.accepted(claim.slot, claim.at).collect();
        if accepted.is_empty() {
            return Err(objection(book, claim.slot, claim.at));
        }
        let said = claim.version;
        let is_said = |key: &KeyNumber| {
            let life = book.key(*key);
            life.is_some_and(|life| Some(life.request().version) == said)
        };
        accepted.sort_by_key(|key| !is_said(key));
        accepted.retain(|key| self.lent.contains_key(key));
        accepted.reverse();
        Ok(accepted)
    }
}

/// What is counted of each claim that is tried.
fn digests(claims: &[&Claim]) -> Vec<sm3::Digest> {
    let whole = |claim: &&Claim| {
        let factors = claim.factors.as_flattened();
        [b"mac\n", factors, &claim.message].concat()
    };
    let whole: Vec<Vec<u8>> = claims.iter().map(whole).collect();
    let whole: Vec<&[u8]> = whole.iter().map(Vec::as_slice).collect();
    sm3::digest_each(&whole)
}

impl Claim {
    fn mac(&self) -> MacClaim<'_> {
        MacClaim {
            factors: &self.factors,
            scheme: self.scheme,
            message: &self.message,
            mac: &self.proof,
        }
    }
}

impl Moments {
    /// The book as it stood then; none where the node has no book.
    fn at(&mut self, at: Timestamp) -> Option<&KeyBook> {
        let extract = self.extract.as_ref()?;
        let events = extract.events_until(at);
        if events == self.newest {
            return Some(extract.book());
        }
        let made = self.before.entry(events);
        Some(made.or_insert_with(|| extract.book_after(events)))
    }

    /// What is to be said against the key of a card's ride: the version and index in its record,
    /// as the book had them at the moment of the ride.
    pub(crate) fn against_card(
        &mut self,
        slot: Slot,
        (version, index): (u8, u8),
        at: Timestamp,
    ) -> Option<KeyObjection> {
        let book = self.at(at)?;
        let asked = accept(slot);
        let life = version_of(book, slot, version).filter(|life| life.request().index == index);
        let Some(life) = life else {
            return Some(KeyObjection::Unknown(asked, at));
        };
        let permit = book.permit(life.number(), asked, at);
        permit.err().map(KeyObjection::Refused)
    }

    /// What is to be said against the keys of a slot, whichever it was.
    pub(crate) fn against_any(&mut self, slot: Slot, at: Timestamp) -> Option<KeyObjection> {
        let book = self.at(at)?;
        let none = book.accepted(slot, at).next().is_none();
        none.then(|| objection(book, slot, at))
    }

    /// What is to be said against the key in an issuer's certificate, or against that itself.
    pub(crate) fn against_certificate(
        &mut self,
        certificate: &IssuerCertificate,
        at: Timestamp,
    ) -> Option<KeyObjection> {
        let extract = Arc::clone(self.extract.as_ref()?);
        let revoked = extract.revoked_at(certificate.issuer, certificate.serial);
        if let Some(since) = revoked.filter(|since| at >= *since) {
            return Some(KeyObjection::Revoked(since));
        }
        let book = self.at(at)?;
        let slot = Slot {
            city: certificate.issuer.city(),
            purpose: Purpose::RideCode,
            algorithm: KeyAlgorithm::Sm2,
        };
        let asked = accept(slot);
        let check = Check::Fingerprint(sm3::digest(&certificate.public_key));
        let Some(key) = book.key_of(slot.purpose, slot.algorithm, check) else {
            return Some(KeyObjection::Unknown(asked, at));
        };
        let refused = book.permit(key, asked, at).err()?;
        let revoked = (refused.ground == Ground::Revoked).then(|| extract.key_revoked_at(key));
        Some(match revoked.flatten() {
            Some(since) => KeyObjection::Revoked(since),
            None => KeyObjection::Refused(refused),
        })
    }
}

/// The slot of a card's key.
pub(crate) const fn card_slot(city: CityCode, purpose: Purpose, algorithm: Algorithm) -> Slot {
    Slot {
        city,
        purpose,
        algorithm: match algorithm {
            Algorithm::Tdes => KeyAlgorithm::Tdes,
            Algorithm::Sm4 => KeyAlgorithm::Sm4,
        },
    }
}

const fn accept(slot: Slot) -> Use {
    Use {
        city: slot.city,
        purpose: slot.purpose,
        usage: Usage::Accept,
    }
}

/// Why none of a slot is accepted: what the newest says.
fn objection(book: &KeyBook, slot: Slot, at: Timestamp) -> KeyObjection {
    let newest = book.versions(slot).next_back();
    let Some(newest) = newest else {
        return KeyObjection::Unknown(accept(slot), at);
    };
    match book.permit(newest.number(), accept(slot), at) {
        Err(refused) => KeyObjection::Refused(refused),
        // Asked for again and given now cannot be; the slot's own answer stands.
        Ok(_) => KeyObjection::Refused(RefusedUse {
            key: newest.number(),
            asked: accept(slot),
            at,
            ground: Ground::NotActive,
        }),
    }
}

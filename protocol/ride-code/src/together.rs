//! Many codes at once, for whoever has a day's rides: the same verdicts, one for each in their order.
//!
//! The checks are those of one code, and what needs no key is the same code (`rules`). What needs one is
//! asked of all codes that got so far, together: keys are read side by side, digests go side by
//! side, signatures are verified side by side. What several codes share is looked at once: an
//! issuer's certificate under its root, a user's certificate under its issuer. Issuers' keys that
//! come again and again get tables.
//!
//! No verdict depends on what else is in the batch, on its order or on what a cache or table holds.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_crypto::batch::{Signed, read_keys, verify_batch};
use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_types::Timestamp;

use crate::layout::SIGNATURE_MARK;
use crate::rules::{Marks, Read};
use crate::{Accepted, BlackLists, RecentCodes, Scan, Verdict, Verifier};

/// How many codes are looked at together. What is held of each meanwhile is about 3 KiB.
const TOGETHER: usize = 1024;

/// The verdict on one code.
type Judged = Result<Accepted, Verdict>;

impl Verifier {
    /// What [`Verifier::verify`] says of each scan, in their order. All are judged by the same lists:
    /// none is remembered on the way.
    #[must_use]
    pub fn verify_ride_codes(
        &mut self,
        scans: &[Scan<'_>],
        blacklists: &BlackLists,
        recent: &RecentCodes,
    ) -> Vec<Result<Accepted, Verdict>> {
        let mut judged = Vec::with_capacity(scans.len());
        for part in scans.chunks(TOGETHER) {
            judged.extend(self.verify_part(part, blacklists, recent));
        }
        judged
    }

    /// What [`Verifier::verify_again`] says of each code at the moment of its scan, in their order.
    #[must_use]
    pub fn verify_ride_codes_again(
        &mut self,
        scanned: &[(&[u8], Timestamp)],
    ) -> Vec<Result<Accepted, Verdict>> {
        let scans: Vec<Scan<'_>> = scanned
            .iter()
            .map(|(bytes, scanned_at)| Scan::again(bytes, *scanned_at))
            .collect();
        self.verify_ride_codes(&scans, &BlackLists::default(), &RecentCodes::default())
    }

    fn verify_part(
        &mut self,
        scans: &[Scan<'_>],
        blacklists: &BlackLists,
        recent: &RecentCodes,
    ) -> Vec<Judged> {
        let mut unseen = |_| {};
        let marks = &mut Marks(&mut unseen);
        let mut verdicts = Verdicts::new(scans.len());
        let mut begun = Vec::with_capacity(scans.len());
        for (place, scan) in scans.iter().enumerate() {
            begun.extend(verdicts.keep(place, self.rules.read(scan, marks)));
        }
        let digests = Digests::of(&begun, |read| self.rules.block_name(&read.code));

        // Check 9: the users' keys, each certificate once.
        let mut users = Distinct::of(&digests.users);
        users.find(|name| self.user_keys.find(name));
        let new = users.unknown();
        let keys: Vec<[u8; 33]> = new
            .iter()
            .map(|user| begun[user.first].1.user.public_key)
            .collect();
        for (user, key) in new.into_iter().zip(read_keys(&keys)) {
            user.key = key.ok();
        }

        // Checks 10 to 14.
        let mut timely = Vec::with_capacity(begun.len());
        for (at, (place, read)) in begun.iter().enumerate() {
            let times = match users.all[users.of[at]].key {
                Some(_) => self.rules.check_times(read, marks),
                None => Err(Verdict::UserField),
            };
            let times = times.and_then(|()| match recent.has_digest(&digests.codes[at]) {
                true => Err(Verdict::Duplicate),
                false => Ok(at),
            });
            timely.extend(verdicts.keep(*place, times).map(|(_, at)| at));
        }

        // Check 15: each certificate once under its root.
        let names: Vec<sm3::Digest> = timely.iter().map(|at| digests.blocks[*at]).collect();
        let mut blocks = Distinct::of(&names);
        blocks.find(|name| self.issuer_keys.find(name));
        let new = blocks.unknown();
        let of = |block: &Entry| &begun[timely[block.first]].1;
        let asked: Vec<(&PublicKey, &[u8], Signature)> = new
            .iter()
            .map(|block| {
                let read = of(block);
                let signature = Signature(read.certificate.ca_signature);
                (read.root.key(), read.code.ca_signed(), signature)
            })
            .collect();
        let held = self.shelf.verify(&Signed::each(&asked));
        let keys: Vec<[u8; 33]> = new
            .iter()
            .map(|block| of(block).certificate.public_key)
            .collect();
        for ((block, held), key) in new.into_iter().zip(held).zip(read_keys(&keys)) {
            block.holds = held.is_ok();
            // A CA-signed key that is no point can verify nothing: that is the issuer's fault.
            block.key = key.ok().filter(|_| block.holds);
            if let Some(key) = &block.key {
                self.issuer_keys.insert(block.name, key.clone());
            }
        }
        let mut vouched = Vec::with_capacity(timely.len());
        for (at, block) in timely.iter().zip(&blocks.of) {
            let block = &blocks.all[*block];
            let holds = match block.holds {
                true => Ok((*at, block)),
                false => Err(Verdict::CertSignature),
            };
            vouched.extend(verdicts.keep(begun[*at].0, holds).map(|(_, kept)| kept));
        }

        // Check 16: each user's certificate once under its issuer's key.
        let mut waiting: BTreeMap<usize, &PublicKey> = BTreeMap::new();
        for (at, block) in &vouched {
            let user = users.of[*at];
            let (signature_mark, _) = begun[*at].1.code.issuer_signature();
            if let Some(key) = &block.key
                && !users.all[user].holds
                && signature_mark == SIGNATURE_MARK
            {
                waiting.insert(user, key);
            }
        }
        let asked: Vec<(&PublicKey, &[u8], Signature)> = waiting
            .iter()
            .map(|(user, key)| {
                let code = &begun[users.all[*user].first].1.code;
                let (_, signature) = code.issuer_signature();
                (*key, code.issuer_signed(), signature)
            })
            .collect();
        let held = self.shelf.verify(&Signed::each(&asked));
        for (user, held) in waiting.into_keys().zip(held) {
            let user = &mut users.all[user];
            user.holds = held.is_ok();
            if let Some(key) = user.key.clone().filter(|_| user.holds) {
                self.user_keys.insert(user.name, key);
            }
        }

        // Check 17: each code by its user's key.
        let mut signed = Vec::with_capacity(vouched.len());
        let mut asked: Vec<(&PublicKey, &[u8], Signature)> = Vec::with_capacity(vouched.len());
        for (at, _) in vouched {
            let (place, read) = &begun[at];
            let user = &users.all[users.of[at]];
            let (signature_mark, signature) = read.code.user_signature();
            let asks = match &user.key {
                Some(_) if !user.holds => Err(Verdict::IssuerSignature),
                Some(key) if signature_mark == SIGNATURE_MARK => Ok(key),
                _ => Err(Verdict::UserSignature),
            };
            if let Some((_, key)) = verdicts.keep(*place, asks) {
                signed.push(at);
                asked.push((key, read.code.user_signed(), signature));
            }
        }
        let mut held = alloc::vec![None; begun.len()];
        for (at, verified) in signed.into_iter().zip(verify_batch(&Signed::each(&asked))) {
            held[at] = Some(verified.is_ok());
        }

        // Checks 18 to 21.
        for (at, (place, read)) in begun.into_iter().enumerate() {
            let judged = match held[at] {
                None => continue,
                Some(false) => Err(Verdict::UserSignature),
                Some(true) => self.rules.check_ride(
                    read,
                    (digests.codes[at], digests.users[at]),
                    (blacklists, recent),
                    marks,
                ),
            };
            verdicts.0[place] = Some(judged);
        }
        verdicts.all()
    }
}

/// Verdicts by place, as they become known.
struct Verdicts(Vec<Option<Judged>>);

impl Verdicts {
    fn new(len: usize) -> Self {
        Self(core::iter::repeat_with(|| None).take(len).collect())
    }

    /// What goes on with its place, or nothing: then its verdict is known.
    fn keep<T>(&mut self, place: usize, asked: Result<T, Verdict>) -> Option<(usize, T)> {
        match asked {
            Ok(kept) => Some((place, kept)),
            Err(verdict) => {
                self.0[place] = Some(Err(verdict));
                None
            }
        }
    }

    fn all(self) -> Vec<Judged> {
        self.0
            .into_iter()
            .map(|judged| judged.expect("every code is refused by a check or passes the last one"))
            .collect()
    }
}

/// The three digests of each code, in the order of the codes.
struct Digests {
    users: Vec<sm3::Digest>,
    codes: Vec<sm3::Digest>,
    blocks: Vec<sm3::Digest>,
}

impl Digests {
    fn of<'a>(
        begun: &'a [(usize, Read<'_>)],
        block_name: impl Fn(&'a Read<'_>) -> [&'a [u8]; 2],
    ) -> Self {
        let names: Vec<Vec<u8>> = begun
            .iter()
            .map(|(_, read)| block_name(read).concat())
            .collect();
        let each = |bytes: &dyn Fn(&'a Read<'_>) -> &'a [u8]| {
            let messages: Vec<&[u8]> = begun.iter().map(|(_, read)| bytes(read)).collect();
            sm3::digest_each(&messages)
        };
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        Self {
            users: each(&|read| read.code.user_certificate_bytes()),
            codes: each(&|read| read.code.as_bytes()),
            blocks: sm3::digest_each(&names),
        }
    }
}

/// A certificate of one or of several codes.
struct Entry {
    name: sm3::Digest,
    /// The first of them.
    first: usize,
    /// The key in it, if it is one.
    key: Option<PublicKey>,
    /// Whether its signature holds, as far as that is known.
    holds: bool,
}

/// The certificates of many codes, each once.
struct Distinct {
    all: Vec<Entry>,
    /// For each code the place of its certificate.
    of: Vec<usize>,
}

impl Distinct {
    fn of(names: &[sm3::Digest]) -> Self {
        let mut places: BTreeMap<&sm3::Digest, usize> = BTreeMap::new();
        let mut all = Vec::new();
        let mut of = Vec::with_capacity(names.len());
        for (first, name) in names.iter().enumerate() {
            let place = *places.entry(name).or_insert(all.len());
            if place == all.len() {
                all.push(Entry {
                    name: *name,
                    first,
                    key: None,
                    holds: false,
                });
            }
            of.push(place);
        }
        Self { all, of }
    }

    /// Those that were verified before hold.
    fn find(&mut self, mut find: impl FnMut(&sm3::Digest) -> Option<PublicKey>) {
        for entry in &mut self.all {
            entry.key = find(&entry.name);
            entry.holds = entry.key.is_some();
        }
    }

    fn unknown(&mut self) -> Vec<&mut Entry> {
        self.all.iter_mut().filter(|entry| !entry.holds).collect()
    }
}

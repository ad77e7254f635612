//! INSTALL [for load] and LOAD, for the naive registry: blocks, hashes, DAP (GP 2.3.1 §9.3, §11.6).

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sm3::Sm3;

use super::authority::{Permit, covered};
use super::form::{Control, Parameters, fields, find, object};
use super::{File, Kind, Registry};
use crate::{Answer, Sw};

/// A load that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loading {
    pub(super) file: Vec<u8>,
    domain: Vec<u8>,
    hash: Vec<u8>,
    token: Vec<u8>,
    control: Option<Control>,
    /// What the token covers.
    pub(super) message: Vec<u8>,
    next: u8,
    bytes: Vec<u8>,
    combined: bool,
    whole: bool,
}

impl Loading {
    /// Whether everything came and the INSTALL of a combined operation is due.
    pub(super) const fn awaits_install(&self) -> bool {
        self.whole && self.combined
    }
}

/// What a load file's bytes are.
struct Cut {
    /// Signer and signature of each DAP block.
    daps: Vec<(Vec<u8>, Vec<u8>)>,
    code: Vec<u8>,
    ciphered: bool,
}

/// DAP blocks, then the data block and nothing after it (GP 2.3.1 §11.6.2.3).
fn cut(mut bytes: &[u8]) -> Option<Cut> {
    let mut daps = Vec::new();
    loop {
        match bytes {
            [0xE2, ..] => {
                let (_, value, rest) = object(bytes)?;
                let signer = find(value, 0x4F).filter(|aid| (5..=16).contains(&aid.len()))?;
                daps.push((signer.to_vec(), find(value, 0xC3)?.to_vec()));
                bytes = rest;
            }
            [0xD3, ..] => (_, _, bytes) = object(bytes)?,
            [tag @ (0xC4 | 0xD4), rest @ ..] => {
                let (len, code) = match rest {
                    // A data block may be longer than other objects.
                    [0x83, a, b, c, rest @ ..] => {
                        let len = [a, b, c]
                            .iter()
                            .fold(0, |n, byte| n << 8 | usize::from(**byte));
                        (len, rest)
                    }
                    [0x82, a, b, rest @ ..] => (usize::from(*a) << 8 | usize::from(*b), rest),
                    [0x81, len, rest @ ..] => (usize::from(*len), rest),
                    [len @ ..=0x7F, rest @ ..] => (usize::from(*len), rest),
                    _ => return None,
                };
                return (len == code.len()).then(|| Cut {
                    daps,
                    code: code.to_vec(),
                    ciphered: *tag == 0xD4,
                });
            }
            _ => return None,
        }
    }
}

/// Whether a hash is one of these bytes; its length says which it may be.
fn is_hash(hash: &[u8], code: &[u8]) -> bool {
    let all = [
        Sha1::digest(code).to_vec(),
        Sha256::digest(code).to_vec(),
        Sm3::digest(code).to_vec(),
        Sha384::digest(code).to_vec(),
        Sha512::digest(code).to_vec(),
    ];
    all.iter().any(|right| right == hash)
}

/// The modules that an applet component lists: components of tag, two bytes of length and
/// content; that of tag 3 has a count, then each AID with its length and two bytes more.
fn applets(mut code: &[u8]) -> Option<Vec<Vec<u8>>> {
    while let [tag, high, low, rest @ ..] = code {
        let len = usize::from(*high) * 256 + usize::from(*low);
        let (content, rest) = rest.split_at_checked(len)?;
        code = rest;
        if *tag == 3 {
            let (count, mut list) = content.split_first()?;
            let mut out = Vec::new();
            for _ in 0..*count {
                let (len, rest) = list.split_first()?;
                let (aid, rest) = rest.split_at_checked(usize::from(*len))?;
                list = rest.get(2..)?;
                if !(5..=16).contains(&aid.len()) {
                    return None;
                }
                out.push(aid.to_vec());
            }
            return Some(out);
        }
    }
    None
}

impl Registry {
    /// INSTALL [for load], alone or as the beginning of a combined operation.
    pub(super) fn install_for_load(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        let (parts, end) = fields(data).ok_or(0x6A80_u16)?;
        let [file, domain, hash, parameters, token] = &parts[..] else {
            return Err(0x6A80);
        };
        let aid = |field: &[u8]| (5..=16).contains(&field.len());
        if !aid(file) || !(domain.is_empty() || aid(domain)) {
            return Err(0x6A80);
        }
        // A load that waited for its INSTALL has another now.
        self.loading = None;
        let parameters = Parameters::read(parameters).ok_or(0x6A80_u16)?;
        let message = covered(p1, p2, &data[..end]);
        let combined = p1 == 0x0E;
        let delegated = self.may(0, 0x20);
        if combined {
            // The token is the second INSTALL's, over both.
            if !self.may(1, 0x40) && !delegated {
                return Err(0x6982);
            }
            if !token.is_empty() {
                return Err(0x6985);
            }
        } else {
            // It counts when the load is done.
            let mut trial = self.clone();
            trial.permit(token, parameters.control.as_ref(), &message)?;
        }
        // A token stands for the code only by the hash that it covers.
        if delegated && hash.is_empty() || !matches!(hash.len(), 0 | 20 | 32 | 48 | 64) {
            return Err(0x6A80);
        }
        let to = if domain.is_empty() {
            &self.acting
        } else {
            domain
        };
        let target = self.entry(to).ok_or(0x6A88_u16)?;
        if target.kind == Kind::Application {
            return Err(0x6A88);
        }
        if *to != self.acting && (target.is_locked() || !target.accepts.arrivals) {
            return Err(0x6985);
        }
        if self.is_taken(file) {
            return Err(0x6A89);
        }
        if parameters.code + parameters.data > self.memory {
            return Err(0x6A84);
        }
        self.loading = Some(Loading {
            file: file.clone(),
            domain: to.clone(),
            hash: hash.clone(),
            token: token.clone(),
            control: parameters.control,
            message,
            next: 0,
            bytes: Vec::new(),
            combined,
            whole: false,
        });
        Ok(vec![0])
    }

    /// LOAD.
    pub(super) fn load(&mut self, p1: u8, number: u8, block: &[u8]) -> Answer {
        if !matches!(p1, 0x00 | 0x80) {
            return Err(0x6A86);
        }
        if block.is_empty() {
            return Err(0x6700);
        }
        let mut loading = self.loading.take().ok_or(0x6985_u16)?;
        if loading.whole || number != loading.next {
            return Err(0x6985);
        }
        loading.next = loading.next.wrapping_add(1);
        loading.bytes.extend_from_slice(block);
        loading.whole = p1 == 0x80 || cut(&loading.bytes).is_some();
        if !loading.whole {
            self.loading = Some(loading);
            return Ok(vec![0]);
        }
        if loading.combined {
            self.examine(&loading)?;
            self.loading = Some(loading);
            return Ok(vec![0]);
        }
        let control = loading.control.as_ref();
        let permit: Permit = self.permit(&loading.token, control, &loading.message)?;
        self.keep(&loading)?;
        self.confirm(&permit, &[&loading.file, &loading.domain])
    }

    /// The code, when its hash and its signatures hold.
    fn examine(&self, loading: &Loading) -> Result<Vec<u8>, Sw> {
        let cut = cut(&loading.bytes).ok_or(0x6A80_u16)?;
        if cut.ciphered {
            return Err(0x6985);
        }
        let hash = &loading.hash;
        let is_right = match hash.is_empty() {
            true => cut.daps.is_empty(),
            false => is_hash(hash, &cut.code),
        };
        if !is_right {
            return Err(0x6A80);
        }
        for entry in &self.entries {
            if self.must_sign(&entry.aid, &loading.domain)
                && !cut.daps.iter().any(|(signer, _)| *signer == entry.aid)
            {
                return Err(0x6982);
            }
        }
        for (signer, signature) in &cut.daps {
            let signer = self.entry(signer).ok_or(0x6A88_u16)?;
            if signer.privileges[0] & 0x40 == 0 {
                return Err(0x6A88);
            }
            let key = signer.keys.get(&(0x73, 1)).ok_or(0x6985_u16)?;
            if !self.holds(key, hash, signature) {
                return Err(0x6982);
            }
        }
        Ok(cut.code)
    }

    /// Whether a domain's DAP block must be in a load file that is for another: it verifies all
    /// of the card's, or those that come to it (GP 2.3.1 §9.2.1).
    #[must_use]
    pub fn must_sign(&self, signer: &[u8], domain: &[u8]) -> bool {
        self.entry(signer).is_some_and(|entry| {
            entry.privileges[0] & 0x01 != 0 || entry.privileges[0] & 0x40 != 0 && signer == domain
        })
    }

    /// Puts a load file on the card.
    pub(super) fn keep(&mut self, loading: &Loading) -> Result<Vec<u8>, Sw> {
        let code = self.examine(loading)?;
        let mut modules = applets(&code).unwrap_or_default();
        if modules.is_empty() {
            let known = self.known.iter();
            let own = known.filter(|module| module.starts_with(&loading.file));
            modules = own.cloned().collect();
        }
        self.files.push(File {
            aid: loading.file.clone(),
            modules,
            domain: loading.domain.clone(),
            makes_domains: false,
        });
        Ok(loading.domain.clone())
    }
}

//! How a step becomes commands for the registry as it is.

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sm3::Sm3;

use super::{Act, Code, Course, Daps, Deleted, Frame, Hash, Load, Managed, NewKey};
use super::{Seal, Step, Token, Value};
use crate::cipher::{aes_encrypt, cbc};
use crate::registry::authority::{Key, Made, Pair, covered};
use crate::registry::form::{lv, put};
use crate::registry::{Registry, keys};

/// Who has the secret halves of pairs.
pub trait Notary {
    /// Signs a message.
    fn sign(&self, pair: Pair, message: &[u8]) -> Vec<u8>;
}

/// A pen: the registry as it is, and a notary.
struct Pen<'a> {
    registry: &'a Registry,
    notary: &'a dyn Notary,
    made: Vec<Made>,
}

impl Step {
    /// The commands, and the signatures that were made with pairs for them.
    #[must_use]
    pub fn write(&self, registry: &Registry, notary: &dyn Notary) -> (Vec<Act>, Vec<Made>) {
        let mut pen = Pen {
            registry,
            notary,
            made: Vec::new(),
        };
        let acts = match self {
            Self::Act(act) => vec![act.clone()],
            Self::Install(managed) => vec![pen.install(managed, &[])],
            Self::Delete(deleted) => vec![pen.delete(deleted)],
            Self::Load(load) => pen.load(load),
            Self::PutKey(key) => vec![pen.put_key(key)],
        };
        (acts, pen.made)
    }
}

impl Managed {
    /// The same for a load file that was just loaded, mostly.
    pub(super) fn of(mut self, file: &[u8], code: &Code) -> Self {
        // What is installed from another file stays, now and then.
        if let (Code::Applets(modules, len), Some(_)) = (code, self.fields[0].first())
            && len % 8 != 0
            && let Some(module) = modules.first()
        {
            self.fields[0] = file.to_vec();
            self.fields[1].clone_from(module);
            self.fields[3] = vec![0x00];
        }
        self
    }
}

/// The same length as fields, one of them with a byte more than it needs.
fn fields(parts: &[&[u8]], long: Option<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match u8::try_from(part.len()) {
            Ok(len) if long == Some(at) && len < 0x80 => {
                out.extend([0x81, len]);
                out.extend_from_slice(part);
            }
            _ => out.extend(lv(part)),
        }
    }
    out
}

fn hash_of(hash: Hash, code: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Nothing => Vec::new(),
        Hash::Sha1 => Sha1::digest(code).to_vec(),
        Hash::Sha256 => Sha256::digest(code).to_vec(),
        Hash::Sm3 => Sm3::digest(code).to_vec(),
        Hash::Sha384 => Sha384::digest(code).to_vec(),
        Hash::Sha512 => Sha512::digest(code).to_vec(),
        Hash::Wrong(len) => vec![0x11; usize::from(len)],
    }
}

impl Code {
    fn bytes(&self) -> Vec<u8> {
        let component = |tag: u8, content: &[u8]| {
            let len = u16::try_from(content.len()).expect("a short component");
            [&[tag][..], &len.to_be_bytes(), content].concat()
        };
        match self {
            Self::Opaque(bytes) => bytes.clone(),
            Self::Applets(modules, len) => {
                let mut list = vec![u8::try_from(modules.len()).expect("a few modules")];
                for module in modules {
                    list.extend(lv(module));
                    list.extend([0x00, 0x10]);
                }
                let parts = [
                    component(1, &[0xDE, 0xCA, 0xFF, 0xED]),
                    component(3, &list),
                    component(7, &vec![0x5A; *len]),
                ];
                parts.concat()
            }
        }
    }
}

impl Load {
    /// The load file data block: C4, a length in this many bytes or more, the code.
    fn data_block(&self, code: &[u8]) -> Vec<u8> {
        let says = match self.frame {
            Frame::Says(more) => code.len().saturating_add_signed(isize::from(more)),
            _ => code.len(),
        };
        let length = match (self.length_len, says) {
            (1, len @ ..=0x7F) => vec![u8::try_from(len).expect("below 128")],
            (1 | 2, len @ ..=0xFF) => vec![0x81, u8::try_from(len).expect("below 256")],
            (1..=3, len) => {
                let len = u16::try_from(len).expect("a short load file");
                [&[0x82][..], &len.to_be_bytes()].concat()
            }
            (_, len) => {
                let len = u16::try_from(len).expect("a short load file");
                [&[0x83, 0x00][..], &len.to_be_bytes()].concat()
            }
        };
        [&[0xC4][..], &length, code].concat()
    }
}

impl Pen<'_> {
    fn sign(&mut self, key: &Key, message: &[u8]) -> Vec<u8> {
        if let Some(mac) = key.mac(message) {
            return mac;
        }
        let pair = key.pair().expect("a key is symmetric or half of a pair");
        let signature = self.notary.sign(pair, message);
        self.made.push(Made {
            pair,
            message: message.to_vec(),
            signature: signature.clone(),
        });
        signature
    }

    /// A seal with this key; `Fitting` is taken as the right one.
    fn seal(&mut self, seal: Seal, key: &Key, message: &[u8]) -> Vec<u8> {
        match seal {
            Seal::Nothing => Vec::new(),
            Seal::Fitting | Seal::Right => self.sign(key, message),
            Seal::Altered => {
                let mut out = self.sign(key, message);
                *out.last_mut().expect("a signature has bytes") ^= 1;
                out
            }
            Seal::Short => {
                let mut out = self.sign(key, message);
                out.pop();
                out
            }
            Seal::OtherMessage => self.sign(key, &[message, &[0]].concat()),
            Seal::OtherKey => {
                let other = match key {
                    Key::Tdes(_) => Key::Tdes(vec![0x66; 16]),
                    Key::Aes(_) => Key::Aes(vec![0x66; 16]),
                    Key::Sm4(_) => Key::Sm4(vec![0x66; 16]),
                    Key::Public(Pair::OtherSm2) | Key::Secret(Pair::OtherSm2) => {
                        Key::Secret(Pair::Sm2)
                    }
                    Key::Public(_) | Key::Secret(_) => Key::Secret(Pair::OtherSm2),
                };
                self.sign(&other, message)
            }
        }
    }

    fn token(&mut self, seal: Seal, message: &[u8]) -> Vec<u8> {
        let is_delegated = self.registry.may(0, 0x20);
        if seal == Seal::Fitting && !is_delegated {
            return Vec::new();
        }
        let key = self.registry.token_key().map(|(_, key)| key);
        let key = key.unwrap_or_else(|| Key::Aes(vec![0x5A; 16]));
        self.seal(seal, &key, message)
    }

    /// The control reference of a token, or nothing.
    fn control(&self, token: &Token) -> Vec<u8> {
        let verifier = self.registry.token_key().map(|(aid, _)| aid);
        let verifier = verifier.and_then(|aid| self.registry.entry(&aid));
        let named = |is_right: Option<bool>, own: Option<&Vec<u8>>| {
            is_right.map(|is_right| match (is_right, own) {
                (true, Some(own)) => own.clone(),
                _ => vec![0x77; 4],
            })
        };
        let provider = verifier.and_then(|entry| entry.provider.as_ref());
        let image = verifier.and_then(|entry| entry.image.as_ref());
        let used = verifier.and_then(|entry| entry.token_number.as_ref());
        let used = used.map_or(0, |used| {
            used.iter().fold(0_i64, |n, byte| n << 8 | i64::from(*byte))
        });
        let number = token.number.map(|more| {
            let number = u32::try_from(used.saturating_add(i64::from(more)).max(0)).unwrap_or(0);
            // Two bytes, or four with zeros before.
            let bytes = number.to_be_bytes();
            bytes[if more % 2 == 0 { 0 } else { 2 }..].to_vec()
        });
        let parts = [
            (0x42, named(token.provider, provider)),
            (0x45, named(token.image, image)),
            (0x93, number),
        ];
        let mut inner = Vec::new();
        for (tag, value) in parts {
            if let Some(value) = value {
                inner.extend(put(&[tag], &value));
            }
        }
        match inner.is_empty() {
            true => inner,
            false => put(&[0xB6], &inner),
        }
    }

    /// An INSTALL; what its token covers begins with this.
    fn install(&mut self, managed: &Managed, before: &[u8]) -> Act {
        let Managed { p1, p2, .. } = *managed;
        let control = self.control(&managed.token);
        let parameters = [&managed.parameters[..], &control].concat();
        let [one, two, three, four] = &managed.fields;
        let mut data = fields(&[one, two, three, four, &parameters], managed.long);
        let message = [before, &covered(p1, p2, &data)].concat();
        let token = self.token(managed.token.seal, &message);
        data.extend(lv(&token));
        Act::Say(([0x80, 0xE6, p1, p2], data))
    }

    fn delete(&mut self, deleted: &Deleted) -> Act {
        let p2 = if deleted.related { 0x80 } else { 0x00 };
        let mut data = put(&[0x4F], &deleted.aid);
        data.extend(self.control(&deleted.token));
        let token = self.token(deleted.token.seal, &covered(0, p2, &data));
        if !token.is_empty() {
            data.extend(put(&[0x9E], &token));
        }
        Act::Say(([0x80, 0xE4, 0x00, p2], data))
    }

    fn put_key(&self, new: &NewKey) -> Act {
        let key = match new.value {
            Value::Tdes(byte) => Key::Tdes(vec![byte; 16]),
            Value::Aes(byte) => Key::Aes(vec![byte; 16]),
            Value::Sm4(byte) => Key::Sm4(vec![byte; 16]),
            Value::Public(pair) => Key::Public(pair),
        };
        let dek = &self.registry.dek;
        let under = |value: &[u8]| cbc(|block| aes_encrypt(dek, block), &[0; 16], value);
        let mut block = match &key {
            Key::Tdes(value) => [&[0x80, 0x10][..], &under(value)].concat(),
            Key::Aes(value) => [&[0x88, 0x11, 0x10][..], &under(value)].concat(),
            Key::Sm4(value) => [&[0x8F, 0x11, 0x10][..], &under(value)].concat(),
            Key::Public(pair) | Key::Secret(pair) => {
                let pairs = self.registry.pairs.iter();
                let public = pairs.clone().find(|(known, _)| known == pair);
                public.expect("a test knows its pairs").1.clone()
            }
        };
        let check = keys::check(&key);
        block.extend(lv(&check));
        if let (false, Some(last), false) = (new.is_right, block.last_mut(), check.is_empty()) {
            *last ^= 1;
        }
        let acting = self.registry.entry(&self.registry.acting);
        let name = (new.version, new.id);
        let is_there = acting.is_some_and(|entry| entry.keys.contains_key(&name));
        let replaced = match new.replaces && is_there {
            true => new.version,
            false => 0,
        };
        let data = [vec![new.version], block].concat();
        Act::Say(([0x80, 0xD8, replaced, new.id], data))
    }

    /// The DAP blocks of a load.
    fn daps(&mut self, load: &Load, hash: &[u8]) -> Vec<u8> {
        let registry = self.registry;
        let to = match load.domain.is_empty() {
            true => registry.acting.clone(),
            false => load.domain.clone(),
        };
        let entries = registry.entries.iter().map(|entry| entry.aid.clone());
        let mut signers: Vec<Vec<u8>> =
            entries.filter(|aid| registry.must_sign(aid, &to)).collect();
        let mut seal = Seal::Right;
        match &load.daps {
            Daps::Fitting => {}
            Daps::Nothing => signers.clear(),
            Daps::Besides(aid) => signers.push(aid.clone()),
            Daps::Twice => signers.extend(signers.clone()),
            Daps::Fewer => {
                signers.pop();
            }
            Daps::Sealed(other) => seal = *other,
        }
        let mut out = Vec::new();
        for aid in signers {
            let key = registry
                .entry(&aid)
                .and_then(|entry| entry.keys.get(&(0x73, 1)));
            let key = key.cloned().unwrap_or_else(|| Key::Aes(vec![0x5A; 16]));
            let signature = self.seal(seal, &key, hash);
            let inner = [put(&[0x4F], &aid), put(&[0xC3], &signature)].concat();
            out.extend(put(&[0xE2], &inner));
        }
        out
    }

    fn load(&mut self, load: &Load) -> Vec<Act> {
        let code = load.code.bytes();
        let hash = hash_of(load.hash, &code);
        let control = self.control(&load.token);
        let parameters = [&load.parameters[..], &control].concat();
        let mut begin = fields(&[&load.file, &load.domain, &hash, &parameters], None);
        let [p1, p2] = match load.then {
            Some(_) => [0x0E, 1],
            None => [0x02, 0],
        };
        let covered = covered(p1, p2, &begin);
        let token = match (load.token.seal, &load.then) {
            // The token is the second INSTALL's.
            (Seal::Fitting, Some(_)) => Vec::new(),
            (seal, _) => self.token(seal, &covered),
        };
        begin.extend(lv(&token));
        let mut bytes = self.daps(load, &hash);
        bytes.extend(load.data_block(&code));
        match load.frame {
            Frame::Right | Frame::Says(_) => {}
            Frame::Short(less) => bytes.truncate(bytes.len().saturating_sub(less).max(1)),
            Frame::Long(more) => bytes.extend(vec![0xA5; more]),
            Frame::Spoiled(at, byte) => {
                let at = at % bytes.len();
                bytes[at] ^= byte;
            }
        }
        let count = bytes.len().div_ceil(load.block);
        let mut blocks: Vec<Act> = (0_u8..)
            .zip(bytes.chunks(load.block))
            .map(|(number, block)| {
                let last = usize::from(number) + 1 == count;
                Act::Say((
                    [0x80, 0xE8, if last { 0x80 } else { 0x00 }, number],
                    block.to_vec(),
                ))
            })
            .collect();
        let mut acts = vec![Act::Say(([0x80, 0xE6, p1, p2], begin))];
        match &load.course {
            Course::Straight => {}
            Course::Stop(after) => blocks.truncate(*after),
            Course::Skip(at) => {
                blocks.remove(at % count);
            }
            Course::Repeat(at) => blocks.insert(at % count, blocks[at % count].clone()),
            Course::From(first) => {
                for block in &mut blocks {
                    if let Act::Say(([.., number], _)) = block {
                        *number = number.wrapping_add(*first);
                    }
                }
            }
            Course::Between(at, act) => blocks.insert(at % (count + 1), act.clone()),
            Course::Last(at) => {
                if let Act::Say(([_, _, p1, _], _)) = &mut blocks[at % count] {
                    *p1 = 0x80;
                }
            }
            Course::NeverLast => {
                if let Some(Act::Say(([_, _, p1, _], _))) = blocks.last_mut() {
                    *p1 = 0x00;
                }
            }
            Course::More => {
                let number = u8::try_from(count).expect("a few blocks");
                blocks.push(Act::Say(([0x80, 0xE8, 0x80, number], vec![0x00])));
            }
            Course::NoInstall => acts.clear(),
        }
        acts.extend(blocks);
        if let Some(then) = &load.then {
            acts.push(self.install(then, &covered));
        }
        acts
    }
}

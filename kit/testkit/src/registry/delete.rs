//! DELETE, for the naive registry (GP 2.3.1 §9.5, §11.2).

use super::authority::{Permit, covered};
use super::form::{Control, object};
use super::{Kind, Registry};
use crate::{Answer, Sw};

/// A DELETE's data field.
#[derive(Default)]
struct Wanted {
    aids: Vec<Vec<u8>>,
    key_id: Option<u8>,
    key_version: Option<u8>,
    control: Option<Control>,
    token: Vec<u8>,
    /// Bytes before the token.
    end: usize,
}

fn read(data: &[u8]) -> Option<Wanted> {
    let mut out = Wanted {
        end: data.len(),
        ..Wanted::default()
    };
    let mut rest = data;
    while !rest.is_empty() {
        let at = data.len() - rest.len();
        let (tag, value, after) = object(rest)?;
        rest = after;
        match (tag, value) {
            (0x4F, aid) if (5..=16).contains(&aid.len()) => out.aids.push(aid.to_vec()),
            (0xD0, [id]) => out.key_id = Some(*id),
            (0xD2, [version]) => out.key_version = Some(*version),
            (0xB6, value) => out.control = Some(Control::read(value)),
            (0x9E, token) if rest.is_empty() => {
                out.token = token.to_vec();
                out.end = at;
            }
            _ => return None,
        }
    }
    let is_keys = out.key_id.is_some() || out.key_version.is_some();
    (out.aids.is_empty() == is_keys).then_some(out)
}

impl Registry {
    pub(super) fn delete(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if p1 != 0 || p2 & 0x7F != 0 {
            return Err(0x6A86);
        }
        let wanted = read(data).ok_or(0x6A80_u16)?;
        let aid = match &wanted.aids[..] {
            [] if !wanted.token.is_empty() || wanted.control.is_some() => return Err(0x6A80),
            [] => return self.delete_keys(wanted.key_id, wanted.key_version),
            [aid] => aid,
            _ => return Err(0x6A80),
        };
        // Global delete is enough by itself; a domain that acts on tokens needs one for this too.
        let own = self.may(1, 0x10) && !self.may(0, 0x20) && wanted.token.is_empty();
        let permit = if own {
            Permit::Own
        } else {
            let message = covered(p1, p2, &data[..wanted.end]);
            self.permit(&wanted.token, wanted.control.as_ref(), &message)?
        };
        if self.entry(aid).is_some() {
            self.delete_entry(aid)?;
        } else {
            self.delete_file(aid, p2 == 0x80)?;
        }
        self.confirm(&permit, &[aid])
    }

    fn may_delete(&self, aid: &[u8]) -> Result<(), Sw> {
        if self.is_within(aid) || self.may(1, 0x10) {
            Ok(())
        } else {
            Err(0x6982)
        }
    }

    /// Whether a domain lets go, unless it is the one that deletes.
    fn lets_go(&self, domain: &[u8]) -> Result<(), Sw> {
        let entry = self.entry(domain);
        let refuses = entry.is_some_and(|entry| !entry.accepts.deletion);
        if refuses && domain != self.acting {
            return Err(0x6985);
        }
        Ok(())
    }

    fn delete_entry(&mut self, aid: &[u8]) -> Result<(), Sw> {
        self.may_delete(aid)?;
        let entry = self.entry(aid).ok_or(0x6A88_u16)?.clone();
        if entry.kind == Kind::Issuer || self.is_used(aid, &[]) {
            return Err(0x6985);
        }
        self.lets_go(&entry.domain)?;
        self.lets_go(aid)?;
        self.give_back(entry.privileges);
        self.entries.retain(|entry| entry.aid != aid);
        Ok(())
    }

    fn delete_file(&mut self, aid: &[u8], related: bool) -> Result<(), Sw> {
        let domain = self.file(aid).ok_or(0x6A88_u16)?.domain.clone();
        self.may_delete(&domain)?;
        let entries = self.entries.iter();
        let instances: Vec<_> = entries.filter(|entry| entry.file == aid).cloned().collect();
        if !related && !instances.is_empty() {
            return Err(0x6985);
        }
        let mut going: Vec<Vec<u8>> = instances.iter().map(|entry| entry.aid.clone()).collect();
        going.push(aid.to_vec());
        if instances
            .iter()
            .any(|instance| self.is_used(&instance.aid, &going))
        {
            return Err(0x6985);
        }
        self.lets_go(&domain)?;
        for instance in &instances {
            self.may_delete(&instance.aid)?;
            self.lets_go(&instance.domain)?;
            self.lets_go(&instance.aid)?;
        }
        for instance in instances {
            self.give_back(instance.privileges);
        }
        self.entries.retain(|entry| entry.file != aid);
        self.files.retain(|file| file.aid != aid);
        Ok(())
    }

    /// Whether anything but itself and what goes with it is associated with a domain.
    fn is_used(&self, domain: &[u8], going: &[Vec<u8>]) -> bool {
        let entries = self.entries.iter().map(|entry| (&entry.aid, &entry.domain));
        let files = self.files.iter().map(|file| (&file.aid, &file.domain));
        entries
            .chain(files)
            .any(|(aid, of)| of == domain && aid != domain && !going.contains(aid))
    }
}

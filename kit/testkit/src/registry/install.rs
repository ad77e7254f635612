//! INSTALL in its other forms, for the naive registry.

use super::authority::covered;
use super::form::{Parameters, fields, objects};
use super::{Accepts, Entry, Kind, Registry};
use crate::{Answer, Sw};

/// One byte of privileges stands for three.
fn privileges(bytes: &[u8], is_domain: bool) -> Option<[u8; 3]> {
    match bytes {
        [one] if is_domain => Some([*one, 0x80, 0]),
        [one] => Some([*one, 0, 0]),
        [one, two, three] => Some([*one, *two, *three]),
        _ => None,
    }
}

/// The rules between privileges (GP 2.3.1 §6.6.2).
fn fit_together([one, two, three]: [u8; 3], is_domain: bool) -> bool {
    let domain = one & 0x80 != 0;
    let dap = one & 0x40 != 0;
    let delegated = one & 0x20 != 0;
    let mandated = one & 0x01 != 0;
    let authorised = two & 0x40 != 0;
    let verifies_tokens = two & 0x20 != 0;
    let makes_receipts = three & 0x80 != 0;
    let asks_for_domain =
        dap || delegated || mandated || authorised || verifies_tokens || makes_receipts;
    domain == is_domain
        && (!asks_for_domain || domain)
        && (!mandated || dap)
        && !(delegated && (authorised || verifies_tokens || makes_receipts))
        && three & 0x0F == 0
}

/// What a new domain's own parameters say that it accepts.
fn accepts(own: &[u8]) -> Option<Accepts> {
    let mut out = Accepts::default();
    let (all, true) = objects(own) else {
        return None;
    };
    for (tag, value) in all {
        let yes = value.first() != Some(&0);
        match tag {
            0x82 => out.arrivals = yes,
            0x83 => out.deletion = yes,
            0x87 => out.departures = yes,
            // The channels that it is to have are no matter of this model.
            0x81 => return None,
            _ => {}
        }
    }
    Some(out)
}

/// The five fields before the token.
struct Fields {
    one: Vec<u8>,
    three: Vec<u8>,
    four: Vec<u8>,
    two: Vec<u8>,
}

impl Registry {
    pub(super) fn install(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        match (p1, p2) {
            (0x02, 0) | (0x0E, 1) => return self.install_for_load(p1, p2, data),
            (0x04 | 0x0C | 0x08 | 0x10 | 0x40, 0) | (0x0E, 3) => {}
            _ => return Err(0x6A86),
        }
        let (parts, end) = fields(data).ok_or(0x6A80_u16)?;
        let [one, two, three, four, five, six] = &parts[..] else {
            return Err(0x6A80);
        };
        let aid = |field: &[u8]| (5..=16).contains(&field.len());
        let or_none = |field: &[u8]| field.is_empty() || aid(field);
        let is_formed = match p1 {
            0x08 => {
                one.is_empty() && two.is_empty() && aid(three) && matches!(four.len(), 0 | 1 | 3)
            }
            0x10 => aid(one) && two.is_empty() && aid(three) && four.is_empty(),
            0x40 => {
                or_none(one) && two.is_empty() && or_none(three) && matches!(four.len(), 0 | 1 | 3)
            }
            _ => aid(one) && aid(two) && or_none(three) && matches!(four.len(), 1 | 3),
        };
        if !is_formed {
            return Err(0x6A80);
        }
        // Whatever waited for an INSTALL has one now.
        let loaded = self
            .loading
            .take()
            .filter(|loading| loading.awaits_install());
        let mut message = covered(p1, p2, &data[..end]);
        if p1 == 0x0E {
            let loaded = loaded.as_ref().ok_or(0x6985_u16)?;
            message = [loaded.message.clone(), message].concat();
        }
        let parameters = Parameters::read(five).ok_or(0x6A80_u16)?;
        if p1 == 0x0E && loaded.as_ref().is_some_and(|loaded| loaded.file != *one) {
            return Err(0x6A80);
        }
        let permit = self.permit(six, parameters.control.as_ref(), &message)?;
        let what = Fields {
            one: one.clone(),
            two: two.clone(),
            three: three.clone(),
            four: four.clone(),
        };
        let operation: Vec<Vec<u8>> = match p1 {
            0x08 => self.make_selectable(three)?,
            0x10 => self.extradite(one, three)?,
            0x40 => self.update(&what, five, &parameters)?,
            0x0E => {
                let loaded = loaded.expect("it was just there");
                let domain = self.keep(&loaded)?;
                let mut operation = self.install_instance(true, &what, &parameters)?;
                operation.push(domain);
                operation
            }
            _ => self.install_instance(p1 == 0x0C, &what, &parameters)?,
        };
        let operation: Vec<&[u8]> = operation.iter().map(Vec::as_slice).collect();
        self.confirm(&permit, &operation)
    }

    fn install_instance(
        &mut self,
        selectable: bool,
        what: &Fields,
        parameters: &Parameters,
    ) -> Result<Vec<Vec<u8>>, Sw> {
        let module = &what.two;
        let file = self.file(&what.one).ok_or(0x6A88_u16)?.clone();
        if !file.modules.contains(module) {
            return Err(0x6A88);
        }
        let instance = match what.three.is_empty() {
            true => module,
            false => &what.three,
        };
        let is_domain = self.domain_modules.contains(module);
        let granted = privileges(&what.four, is_domain).ok_or(0x6A80_u16)?;
        if !fit_together(granted, is_domain) {
            return Err(0x6A80);
        }
        let own = parameters.own.as_ref().ok_or(0x6A80_u16)?;
        if self.is_taken(instance) {
            return Err(0x6A89);
        }
        if parameters.data > self.memory {
            return Err(0x6A84);
        }
        self.move_single([0; 3], granted)?;
        let state = if selectable { 0x07 } else { 0x03 };
        let mut entry = Entry::new(instance, Kind::Application, granted);
        (entry.state, entry.unlocked) = (state, state);
        entry.domain = file.domain;
        entry.file = file.aid.clone();
        entry.label.clone_from(&parameters.label);
        if is_domain {
            entry.kind = Kind::Domain;
            entry.domain.clone_from(&self.acting);
            entry.accepts = accepts(own).ok_or(0x6A80_u16)?;
        }
        self.entries.push(entry);
        Ok(vec![file.aid, instance.clone()])
    }

    /// Card reset and final application have one holder (GP 2.3.1 §6.6.2): the issuer domain
    /// until another gets one, and again when that one loses it.
    fn move_single(&mut self, before: [u8; 3], after: [u8; 3]) -> Result<(), Sw> {
        let issuer = &mut self.entries[0].privileges;
        for (byte, bit) in [(0, 0x04), (1, 0x02)] {
            let (had, has) = (before[byte] & bit != 0, after[byte] & bit != 0);
            if has && !had {
                if issuer[byte] & bit == 0 {
                    return Err(0x6985);
                }
                issuer[byte] &= !bit;
            }
            if had && !has {
                issuer[byte] |= bit;
            }
        }
        Ok(())
    }

    /// What an object that goes held for itself alone is the issuer domain's again.
    pub(super) fn give_back(&mut self, held: [u8; 3]) {
        self.move_single(held, [0; 3])
            .expect("the issuer domain takes everything back");
    }

    /// An object outside the acting domain's part of the hierarchy is out of its reach.
    fn reach(&self, aid: &[u8]) -> Result<(), Sw> {
        if self.is_within(aid) || self.acting == self.issuer() {
            Ok(())
        } else {
            Err(0x6982)
        }
    }

    fn make_selectable(&mut self, aid: &[u8]) -> Result<Vec<Vec<u8>>, Sw> {
        self.entry(aid).ok_or(0x6A88_u16)?;
        self.reach(aid)?;
        let entry = self.entry_mut(aid).expect("it was just found");
        if entry.state != 0x03 {
            return Err(0x6985);
        }
        entry.state = 0x07;
        entry.unlocked = 0x07;
        Ok(vec![entry.file.clone(), aid.to_vec()])
    }

    /// The receipt's fields: from, what, to.
    fn extradite(&mut self, to: &[u8], aid: &[u8]) -> Result<Vec<Vec<u8>>, Sw> {
        let target = self.entry(to).ok_or(0x6A88_u16)?;
        let is_locked = target.kind != Kind::Issuer && target.is_locked();
        if target.kind == Kind::Application || is_locked || !target.accepts.arrivals {
            return Err(0x6985);
        }
        let from = match (self.file(aid), self.entry(aid)) {
            (Some(file), _) => {
                self.reach(&file.domain)?;
                file.domain.clone()
            }
            (None, Some(entry)) if entry.kind == Kind::Issuer => return Err(0x6985),
            (None, Some(entry)) => {
                self.reach(aid)?;
                entry.domain.clone()
            }
            (None, None) => return Err(0x6A88),
        };
        let leaves = self.entry(&from).expect("an association is with an entry");
        if !leaves.accepts.departures {
            return Err(0x6985);
        }
        // A domain may become its own root, but not lie below itself.
        if to != aid && self.above(to).iter().any(|above| above == aid) {
            return Err(0x6985);
        }
        let operation = vec![from, aid.to_vec(), to.to_vec()];
        if let Some(file) = self.files.iter_mut().find(|file| file.aid == aid) {
            file.domain = to.to_vec();
        } else {
            let entry = self.entry_mut(aid).expect("it was just found");
            entry.domain = to.to_vec();
        }
        Ok(operation)
    }

    /// INSTALL [for registry update] (GP 2.3.1 §9.4.2): association, privileges, label. Without a
    /// name it is about the acting domain.
    fn update(
        &mut self,
        what: &Fields,
        raw: &[u8],
        parameters: &Parameters,
    ) -> Result<Vec<Vec<u8>>, Sw> {
        let aid = match what.three.is_empty() {
            true => self.acting.clone(),
            false => what.three.clone(),
        };
        let entry = self.entry(&aid).ok_or(0x6A88_u16)?.clone();
        self.reach(&aid)?;
        if !what.one.is_empty() {
            self.extradite(&what.one, &aid)?;
        }
        if !what.four.is_empty() {
            let is_domain = entry.kind != Kind::Application;
            let granted = privileges(&what.four, is_domain).ok_or(0x6A80_u16)?;
            if !fit_together(granted, is_domain) {
                return Err(0x6A80);
            }
            if entry.kind == Kind::Issuer {
                return Err(0x6985);
            }
            self.move_single(entry.privileges, granted)?;
            self.entry_mut(&aid).expect("it was just found").privileges = granted;
        }
        if !parameters.label.is_empty() {
            let entry = self.entry_mut(&aid).expect("it was just found");
            entry.label.clone_from(&parameters.label);
        }
        Ok(vec![
            entry.domain,
            what.three.clone(),
            what.one.clone(),
            what.four.clone(),
            raw.to_vec(),
        ])
    }
}

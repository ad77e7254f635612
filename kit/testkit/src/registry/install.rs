//! INSTALL in its forms, for the naive registry.

use super::{Entry, Kind, Registry};
use crate::Answer;

/// The length-value fields of an INSTALL; 128 may be one byte (GP 2.3.1 §11.1.5).
fn fields(mut data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    while !data.is_empty() {
        let (len, rest) = match data {
            [len @ ..=0x80, rest @ ..] => (usize::from(*len), rest),
            [0x81, len, rest @ ..] => (usize::from(*len), rest),
            [0x82, high, low, rest @ ..] => (usize::from(*high) * 256 + usize::from(*low), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        out.push(value.to_vec());
        data = rest;
    }
    Some(out)
}

/// Whether a parameters field is BER-TLV.
fn is_tlv(mut data: &[u8]) -> bool {
    while let [first, rest @ ..] = data {
        if *first == 0 {
            data = rest;
            continue;
        }
        let mut rest = rest;
        if first & 0x1F == 0x1F {
            let Some(end) = rest.iter().take(2).position(|byte| byte & 0x80 == 0) else {
                return false;
            };
            rest = &rest[end + 1..];
        }
        let (len, rest) = match rest {
            [len @ ..=0x7F, rest @ ..] => (usize::from(*len), rest),
            [0x81, len, rest @ ..] => (usize::from(*len), rest),
            [0x82, high, low, rest @ ..] => (usize::from(*high) * 256 + usize::from(*low), rest),
            _ => return false,
        };
        let Some((_, rest)) = rest.split_at_checked(len) else {
            return false;
        };
        data = rest;
    }
    true
}

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

impl Registry {
    pub(super) fn install(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if p2 != 0 || !matches!(p1, 0x04 | 0x0C | 0x08 | 0x10) {
            return Err(0x6A86);
        }
        let fields = fields(data).ok_or(0x6A80_u16)?;
        let [one, two, three, four, five, six] = &fields[..] else {
            return Err(0x6A80);
        };
        let aid = |field: &[u8]| (5..=16).contains(&field.len());
        let is_formed = match p1 {
            0x08 => {
                one.is_empty() && two.is_empty() && aid(three) && matches!(four.len(), 0 | 1 | 3)
            }
            0x10 => aid(one) && two.is_empty() && aid(three) && four.is_empty(),
            _ => {
                aid(one)
                    && aid(two)
                    && (three.is_empty() || aid(three))
                    && matches!(four.len(), 1 | 3)
            }
        };
        if !is_formed || !is_tlv(five) {
            return Err(0x6A80);
        }
        if !six.is_empty() {
            return Err(0x6985);
        }
        match p1 {
            0x08 => self.make_selectable(three),
            0x10 => self.extradite(one, three),
            _ => self.install_instance(p1, one, two, three, four, five),
        }
    }

    fn install_instance(
        &mut self,
        p1: u8,
        file: &[u8],
        module: &[u8],
        instance: &[u8],
        wanted: &[u8],
        parameters: &[u8],
    ) -> Answer {
        let file = self.file(file).ok_or(0x6A88_u16)?.clone();
        if !file.modules.contains(&module.to_vec()) {
            return Err(0x6A88);
        }
        let instance = if instance.is_empty() {
            module
        } else {
            instance
        };
        if !(5..=16).contains(&instance.len()) {
            return Err(0x6A80);
        }
        let granted = privileges(wanted, file.makes_domains).ok_or(0x6A80_u16)?;
        if !fit_together(granted, file.makes_domains) {
            return Err(0x6A80);
        }
        if parameters.first() != Some(&0xC9) {
            return Err(0x6A80);
        }
        if self.entry(instance).is_some() || self.file(instance).is_some() {
            return Err(0x6A89);
        }
        self.take_from_issuer(granted)?;
        let state = if p1 == 0x0C { 0x07 } else { 0x03 };
        let (kind, domain) = if file.makes_domains {
            (Kind::Domain, self.issuer())
        } else {
            (Kind::Application, file.domain.clone())
        };
        self.entries.push(Entry {
            aid: instance.to_vec(),
            kind,
            state,
            unlocked: state,
            privileges: granted,
            domain,
            file: file.aid,
        });
        Ok(vec![0])
    }

    /// Card reset and final application have one holder (GP 2.3.1 §6.6.2): the issuer domain
    /// until another gets one, and again when that one goes.
    fn take_from_issuer(&mut self, granted: [u8; 3]) -> Result<(), u16> {
        let issuer = &mut self.entries[0].privileges;
        for (byte, bit) in [(0, 0x04), (1, 0x02)] {
            if granted[byte] & bit != 0 {
                if issuer[byte] & bit == 0 {
                    return Err(0x6985);
                }
                issuer[byte] &= !bit;
            }
        }
        Ok(())
    }

    /// What an object that goes held for itself alone is the issuer domain's again.
    pub(super) fn give_back(&mut self, held: [u8; 3]) {
        let issuer = &mut self.entries[0].privileges;
        issuer[0] |= held[0] & 0x04;
        issuer[1] |= held[1] & 0x02;
    }

    fn make_selectable(&mut self, aid: &[u8]) -> Answer {
        let entry = self.entry_mut(aid).ok_or(0x6A88_u16)?;
        if entry.state != 0x03 {
            return Err(0x6985);
        }
        entry.state = 0x07;
        entry.unlocked = 0x07;
        Ok(vec![0])
    }

    fn extradite(&mut self, to: &[u8], aid: &[u8]) -> Answer {
        let target = self.entry(to).ok_or(0x6A88_u16)?;
        if target.kind == Kind::Application || target.state & 0x80 != 0 {
            return Err(0x6985);
        }
        let to = to.to_vec();
        if let Some(file) = self.files.iter_mut().find(|file| file.aid == aid) {
            file.domain = to;
            return Ok(vec![0]);
        }
        let entry = self.entry(aid).ok_or(0x6A88_u16)?;
        if entry.kind == Kind::Issuer {
            return Err(0x6985);
        }
        // A domain may become its own root, but not lie below itself.
        let mut above = to.clone();
        for _ in 0..self.entries.len() {
            if above == aid && to != aid {
                return Err(0x6985);
            }
            let entry = self.entry(&above).expect("an association is with an entry");
            above.clone_from(&entry.domain);
        }
        let entry = self.entry_mut(aid).expect("it was just found");
        entry.domain = to;
        Ok(vec![0])
    }
}

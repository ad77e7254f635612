//! SET STATUS, GET STATUS and GET DATA, for the naive registry (GP 2.3.1 §11.3, §11.4, §11.10).

use super::form::{lv, object, put};
use super::{Entry, File, Kind, Registry};
use crate::Answer;

impl Registry {
    pub(super) fn set_status(&mut self, p1: u8, state: u8, aid: &[u8]) -> Answer {
        match p1 {
            0x80 => self.set_card(state),
            0x40 => self.lock(aid, state, false),
            0x60 => self.lock(aid, state, true),
            _ => Err(0x6A86),
        }
    }

    fn set_card(&mut self, state: u8) -> Answer {
        if !matches!(state, 0x01 | 0x07 | 0x0F | 0x7F | 0xFF) {
            return Err(0x6A80);
        }
        let is_allowed = matches!(
            (self.card, state),
            (0x01, 0x07) | (0x07, 0x0F) | (0x0F, 0x7F) | (0x7F, 0x0F) | (_, 0xFF)
        );
        if !is_allowed {
            return Err(0x6985);
        }
        let may = match (self.card, state) {
            (_, 0xFF) => self.may(0, 0x08),
            (_, 0x7F) | (0x7F, _) => self.may(0, 0x10),
            _ => self.acting == self.issuer(),
        };
        if !may {
            return Err(0x6982);
        }
        self.card = state;
        self.entries[0].state = state;
        Ok(Vec::new())
    }

    fn lock(&mut self, aid: &[u8], state: u8, whole_tree: bool) -> Answer {
        let wanted = state & 0x80 != 0;
        let entry = self.entry(aid).ok_or(0x6A88_u16)?;
        if entry.kind == Kind::Issuer || (whole_tree && entry.kind != Kind::Domain) {
            return Err(0x6985);
        }
        if !whole_tree && entry.aid == self.acting {
            return self.set_own(state);
        }
        if !whole_tree && entry.is_locked() == wanted {
            return Err(0x6985);
        }
        if !self.is_within(aid) && !self.may(1, 0x08) {
            return Err(0x6982);
        }
        let mut members = vec![aid.to_vec()];
        if whole_tree {
            let mut seen = 0;
            while seen < members.len() {
                let parent = members[seen].clone();
                seen += 1;
                for entry in &self.entries {
                    if entry.domain == parent && !members.contains(&entry.aid) {
                        members.push(entry.aid.clone());
                    }
                }
            }
        }
        for member in members {
            let entry = self.entry_mut(&member).expect("it was just found");
            entry.set_locked(wanted);
        }
        Ok(Vec::new())
    }

    /// A domain's own state: personalised, once it has keys for channels, or locked.
    fn set_own(&mut self, state: u8) -> Answer {
        let acting = self.acting.clone();
        let entry = self.entry_mut(&acting).ok_or(0x6985_u16)?;
        if state == 0x0F && entry.state == 0x07 {
            if !super::keys::is_reachable(&entry.keys) {
                return Err(0x6985);
            }
            entry.personalised();
        } else if state & 0x80 != 0 && !entry.is_locked() {
            entry.set_locked(true);
        } else {
            return Err(0x6985);
        }
        Ok(Vec::new())
    }

    /// The whole of what P1 asks for in one answer; the caller joins the card's pieces.
    pub(super) fn get_status(&self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if p2 != 0x02 || !matches!(p1, 0x80 | 0x40 | 0x20 | 0x10) {
            return Err(0x6A86);
        }
        let (tag, prefix, _) = object(data).ok_or(0x6A80_u16)?;
        if tag != 0x4F {
            return Err(0x6A80);
        }
        let mut out = Vec::new();
        if matches!(p1, 0x80 | 0x40) {
            for entry in &self.entries {
                let is_meant = (p1 == 0x80) == (entry.kind == Kind::Issuer);
                if is_meant && entry.aid.starts_with(prefix) && self.sees(&entry.aid) {
                    out.extend(entry_status(entry));
                }
            }
        } else {
            for file in &self.files {
                if file.aid.starts_with(prefix) && self.sees(&file.domain) {
                    out.extend(file_status(file, p1 == 0x10));
                }
            }
        }
        if out.is_empty() {
            return Err(0x6A88);
        }
        Ok(out)
    }

    /// Its part of the hierarchy, or everything with the global registry's privilege.
    fn sees(&self, aid: &[u8]) -> bool {
        self.may(1, 0x04) || self.is_within(aid)
    }

    /// GET DATA: the whole object, or with class 00 its value.
    pub(super) fn get_data(&self, whole: bool, tag: [u8; 2], data: &[u8]) -> Answer {
        let acting = self.entry(&self.acting).ok_or(0x6985_u16)?;
        let stored = |value: &Option<Vec<u8>>| value.clone().ok_or(0x6A88_u16);
        let value = match tag {
            [0x00, 0x42] => stored(&acting.provider)?,
            [0x00, 0x45] => stored(&acting.image)?,
            [0x00, 0xC2] if self.may(2, 0x80) => acting.confirmations.to_be_bytes().to_vec(),
            [0x00, 0xE0] if !acting.keys.is_empty() => {
                let mut out = Vec::new();
                for ((version, id), key) in &acting.keys {
                    let components = key.components();
                    let is_short = components.iter().all(|(_, len)| *len < 256);
                    let mut info = vec![*id, *version];
                    for (kind, len) in components {
                        let [high, low] = len.to_be_bytes();
                        match is_short {
                            true => info.extend([kind, low]),
                            false => info.extend([0xFF, kind, high, low]),
                        }
                    }
                    if !is_short {
                        info.extend([0, 0]);
                    }
                    out.extend(put(&[0xC0], &info));
                }
                out
            }
            [0x2F, 0x00] => {
                if data.first() != Some(&0x5C) {
                    return Err(0x6A80);
                }
                let is_shown = |entry: &&Entry| {
                    let is_selectable = entry.state & 0x87 == 0x07;
                    entry.kind == Kind::Application && is_selectable && self.sees(&entry.aid)
                };
                let mut out = Vec::new();
                for entry in self.entries.iter().filter(is_shown) {
                    let mut inner = put(&[0x4F], &entry.aid);
                    if !entry.label.is_empty() {
                        inner.extend(put(&[0x50], &entry.label));
                    }
                    out.extend(put(&[0x61], &inner));
                }
                out
            }
            _ => return Err(0x6A88),
        };
        Ok(match (whole, tag) {
            (false, _) => value,
            (true, [0, low]) => put(&[low], &value),
            (true, long) => [&long[..], &lv(&value)].concat(),
        })
    }
}

fn entry_status(entry: &Entry) -> Vec<u8> {
    let mut inner = put(&[0x4F], &entry.aid);
    inner.extend(put(&[0x9F, 0x70], &[entry.state]));
    inner.extend(put(&[0xC5], &entry.privileges));
    if !entry.file.is_empty() {
        inner.extend(put(&[0xC4], &entry.file));
    }
    inner.extend(put(&[0xCC], &entry.domain));
    put(&[0xE3], &inner)
}

fn file_status(file: &File, with_modules: bool) -> Vec<u8> {
    let mut inner = put(&[0x4F], &file.aid);
    inner.extend(put(&[0x9F, 0x70], &[0x01]));
    if with_modules {
        for module in &file.modules {
            inner.extend(put(&[0x84], module));
        }
    }
    inner.extend(put(&[0xCC], &file.domain));
    put(&[0xE3], &inner)
}

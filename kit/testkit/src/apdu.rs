//! Commands in parts, and the logical channels they come on: what no application decides.

use std::collections::BTreeMap;

use crate::{Answer, Sw};

/// A command cut into its parts, the channel taken out of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Apdu {
    pub(crate) cla: u8,
    pub(crate) ins: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Vec<u8>,
    pub(crate) le: Option<u8>,
}

impl Apdu {
    fn cut(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(4)?;
        let (data, le) = match rest {
            [] => (&[][..], None),
            [le] => (&[][..], Some(*le)),
            [0, ..] => return None,
            [lc, rest @ ..] => {
                let (data, tail) = rest.split_at_checked(usize::from(*lc))?;
                match tail {
                    [] => (data, None),
                    [le] => (data, Some(*le)),
                    _ => return None,
                }
            }
        };
        Some(Self {
            cla: header[0],
            ins: header[1],
            p1: header[2],
            p2: header[3],
            data: data.to_vec(),
            le,
        })
    }
}

/// The channel of a class byte, and the class without it.
fn channel_of(cla: u8) -> Option<(u8, u8)> {
    match cla {
        0x00..=0x07 | 0x80..=0x87 => Some((cla & 0x03, cla & 0x84)),
        0x40..=0x4F | 0xC0..=0xCF => Some((4 + (cla & 0x0F), cla & 0x80)),
        0x60..=0x6F | 0xE0..=0xEF => Some((4 + (cla & 0x0F), cla & 0x80 | 0x04)),
        _ => None,
    }
}

/// The channel that bytes are for, though they may be no command; the basic one when they do not
/// say.
pub(crate) fn addressed(bytes: &[u8]) -> u8 {
    let class = bytes.first().and_then(|cla| channel_of(*cla));
    class.map_or(0, |(channel, _)| channel)
}

/// The open channels, each with what an application remembers on it; the basic one is always
/// open.
#[derive(Clone, Debug)]
pub(crate) struct Channels<S>(BTreeMap<u8, S>);

impl<S: Clone + Default> Channels<S> {
    /// After power-up.
    pub(crate) fn new() -> Self {
        Self(BTreeMap::from([(0, S::default())]))
    }

    /// The command in these bytes, its channel, and what is remembered there.
    pub(crate) fn receive(&self, bytes: &[u8]) -> Result<(Apdu, u8, S), Sw> {
        let mut apdu = Apdu::cut(bytes).ok_or(0x6700_u16)?;
        let (channel, plain) = channel_of(apdu.cla).ok_or(0x6E00_u16)?;
        apdu.cla = plain;
        let session = self.0.get(&channel).ok_or(0x6881_u16)?;
        Ok((apdu, channel, session.clone()))
    }

    /// What is remembered on a channel, if it is open.
    pub(crate) fn session(&self, channel: u8) -> Option<S> {
        self.0.get(&channel).cloned()
    }

    /// Remembers something on a channel.
    pub(crate) fn keep(&mut self, channel: u8, session: S) {
        self.0.insert(channel, session);
    }

    /// MANAGE CHANNEL.
    pub(crate) fn manage(&mut self, apdu: &Apdu) -> Answer {
        if !matches!((apdu.p1, apdu.p2), (0, 0..20) | (0x80, _)) {
            return Err(0x6A86);
        }
        if !apdu.data.is_empty() {
            return Err(0x6700);
        }
        match (apdu.p1, apdu.p2) {
            (0, 0..20) | (0x80, _) if !apdu.data.is_empty() => Err(0x6700),
            (0, 0) => {
                let free = (0..20).find(|channel| !self.0.contains_key(channel));
                let free = free.ok_or(0x6A81_u16)?;
                self.0.insert(free, S::default());
                Ok(vec![free])
            }
            (0, wanted) if self.0.contains_key(&wanted) => Err(0x6A81),
            (0, wanted) => {
                self.0.insert(wanted, S::default());
                Ok(Vec::new())
            }
            (_, 0) => Err(0x6A86),
            (_, 20..) => Err(0x6881),
            (_, closing) => match self.0.remove(&closing) {
                Some(_) => Ok(Vec::new()),
                None => Err(0x6200),
            },
        }
    }
}

/// Which application a SELECT means, on a card with an issuer domain and one application.
pub(crate) enum Chosen {
    /// The application.
    Own,
    /// Another one.
    Other,
    /// None, with this status word.
    None(Sw),
}

/// Reads a SELECT; `is_selected` says whether the application is the present one.
pub(crate) fn choose(apdu: &Apdu, aid: &[u8], is_selected: bool) -> Chosen {
    if (apdu.p1, apdu.p2) == (0, 0) {
        // The master file is the issuer domain; no other file has an id.
        return match apdu.data[..] {
            [] | [0x3F, 0x00] => Chosen::Other,
            [_, _] => Chosen::None(0x6A82),
            _ => Chosen::None(0x6700),
        };
    }
    if apdu.p1 != 4 || !matches!(apdu.p2, 0 | 2) {
        return Chosen::None(0x6A86);
    }
    if apdu.data.len() > 16 {
        return Chosen::None(0x6700);
    }
    let issuer = [0xA0, 0, 0, 0x01, 0x51, 0, 0, 0];
    if apdu.p2 == 0 && issuer.starts_with(&apdu.data) {
        return Chosen::Other;
    }
    let is_next = apdu.p2 == 2 && is_selected;
    if is_next || !aid.starts_with(&apdu.data) {
        return Chosen::None(0x6A82);
    }
    Chosen::Own
}

/// An answer's data and status word in one string.
pub(crate) fn joined(answer: Answer, good: Sw) -> Vec<u8> {
    let (mut out, sw) = match answer {
        Ok(data) => (data, good),
        Err(sw) => (Vec::new(), sw),
    };
    out.extend(sw.to_be_bytes());
    out
}

/// An answer against what was asked for.
pub(crate) fn fit(data: Vec<u8>, le: Option<u8>) -> Answer {
    match (le, u8::try_from(data.len())) {
        (Some(le), Ok(len)) if le != 0 && len != 0 && le != len => Err(0x6C00 | u16::from(len)),
        _ => Ok(data),
    }
}

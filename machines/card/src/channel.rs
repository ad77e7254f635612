//! Logical channels (逻辑通道): the class byte's channel bits, and what is selected on each.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;

use crate::applet::Session;

/// Channels that the card offers, the basic one included.
pub(crate) const CHANNEL_COUNT: usize = 20;

/// What a class byte says (ISO/IEC 7816-4 §5.4.1, GP 2.3.1 §11.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// The logical channel, 0 to 19.
    pub(crate) channel: usize,
    /// The class as an applet sees it: `00`, `80`, `04`, `84`, channel bits cleared.
    pub(crate) plain: u8,
}

impl Class {
    /// Reads a class byte; `None` when the card does not know it.
    pub(crate) const fn parse(cla: u8) -> Option<Self> {
        match cla {
            // Channels 0 to 3: bit 3 is secure messaging; ISO's other forms (08, 0C) and
            // command chaining (10) are not offered.
            0x00..=0x07 | 0x80..=0x87 => Some(Self {
                channel: (cla & 0x03) as usize,
                plain: cla & 0x84,
            }),
            // Channels 4 to 19: bit 6 is secure messaging.
            0x40..=0x4F | 0x60..=0x6F | 0xC0..=0xCF | 0xE0..=0xEF => Some(Self {
                channel: 4 + (cla & 0x0F) as usize,
                plain: (cla & 0x80) | if cla & 0x20 != 0 { 0x04 } else { 0x00 },
            }),
            _ => None,
        }
    }
}

/// An open channel.
#[derive(Default)]
pub(crate) struct Channel {
    /// The selected application's number and its session; none when nothing can be selected.
    pub(crate) selected: Option<(u16, Session)>,
    /// What GET RESPONSE fetches.
    pub(crate) waiting: Waiting,
}

/// The rest of an answer that was too long for one APDU.
pub(crate) struct Waiting {
    /// The bytes; none when nothing waits.
    pub(crate) data: Vec<u8>,
    /// The status word behind the last of them.
    pub(crate) sw: StatusWord,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            data: Vec::new(),
            sw: StatusWord::OK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_bytes_name_channel_and_secure_messaging() {
        let shown = |cla| Class::parse(cla).map(|c| (c.channel, c.plain));
        for (cla, expected) in [
            (0x00, Some((0, 0x00))),
            (0x03, Some((3, 0x00))),
            (0x80, Some((0, 0x80))),
            (0x84, Some((0, 0x84))),
            (0x05, Some((1, 0x04))),
            (0x40, Some((4, 0x00))),
            (0xCF, Some((19, 0x80))),
            (0xE1, Some((5, 0x84))),
            (0x0C, None),
            (0x10, None),
            (0x90, None),
            (0xFF, None),
        ] {
            assert_eq!(shown(cla), expected, "{cla:02X}");
        }
    }
}

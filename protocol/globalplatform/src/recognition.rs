//! Card recognition data (卡识别数据, tag 66) and security domain management data (GP 2.3.1 §H).

use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};

use crate::scp::Protocol;

const CARD_DATA: Tag = Tag::new(0x66);
const TEMPLATE: Tag = Tag::new(0x73);
const OID: Tag = Tag::new(0x06);
const SPECIFICATION: Tag = Tag::new(0x60);
const SCHEME: Tag = Tag::new(0x63);
const CHANNEL: Tag = Tag::new(0x64);

/// The object identifier that all of GlobalPlatform's begin with: 1.2.840.114283.
const ROOT: [u8; 7] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x01];

fn oid(tail: &[u8]) -> Vec<u8> {
    let mut value = ROOT[..6].to_vec();
    value.extend(tail);
    tlv::object(OID, &value)
}

/// What a card says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognition {
    /// Version of the card specification, e.g. 2.3 as `[2, 3]`.
    pub version: Vec<u8>,
    /// Secure channel protocols, number and `i`; also those that we do not speak.
    pub protocols: Vec<[u8; 2]>,
}

impl Recognition {
    /// A card of GP 2.3 with these protocols.
    #[must_use]
    pub fn of(protocols: &[Protocol]) -> Self {
        Self {
            version: alloc::vec![2, 3],
            protocols: protocols.iter().map(|p| p.bytes()).collect(),
        }
    }

    /// The value of tag 73, as the FCI of a domain has it.
    #[must_use]
    pub fn template(&self) -> Vec<u8> {
        let mut out = oid(&[1]);
        tlv::write(
            SPECIFICATION,
            &oid(&[&[2][..], &self.version].concat()),
            &mut out,
        );
        tlv::write(SCHEME, &oid(&[3]), &mut out);
        for [scp, i] in &self.protocols {
            tlv::write(CHANNEL, &oid(&[4, *scp, *i]), &mut out);
        }
        out
    }

    /// The whole object 66.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        tlv::object(CARD_DATA, &tlv::object(TEMPLATE, &self.template()))
    }

    /// Reads 66, or the value of 66 or 73. Several protocols may stand in one 64 or in several.
    /// `None` when there is no 73 in it.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let template = tlv::find_deep(bytes, TEMPLATE).or_else(|| {
            let first = tlv::find(bytes, OID).ok()?;
            (first == ROOT).then_some(bytes)
        })?;
        let mut found = Self {
            version: Vec::new(),
            protocols: Vec::new(),
        };
        for object in tlv::objects(template).map_while(Result::ok) {
            let tails = || {
                tlv::objects(object.value)
                    .map_while(Result::ok)
                    .filter(|inner| inner.tag == OID)
                    .filter_map(|inner| inner.value.strip_prefix(&ROOT[..6]))
            };
            match object.tag {
                SPECIFICATION => {
                    if let Some([2, version @ ..]) = tails().next() {
                        found.version = version.to_vec();
                    }
                }
                CHANNEL => found
                    .protocols
                    .extend(tails().filter_map(|tail| match tail {
                        [4, scp, i] => Some([*scp, *i]),
                        _ => None,
                    })),
                _ => {}
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use tongtu_codec::{hex_decode, hex_encode};

    use super::*;

    #[test]
    fn the_form_that_clients_read() {
        let card = Recognition::of(&[Protocol::SCP03_70]);
        assert_eq!(
            hex_encode(&card.encode()),
            "6630732e06072a864886fc6b01600b06092a864886fc6b020203\
             630906072a864886fc6b03640b06092a864886fc6b040370"
        );
        assert_eq!(Recognition::parse(&card.encode()), Some(card.clone()));
        assert_eq!(Recognition::parse(&card.template()), Some(card));
    }

    #[test]
    fn two_protocols_stand_apart_or_together() {
        let apart = Recognition::of(&[Protocol::SCP03_70, Protocol::SCP02_15]);
        assert_eq!(Recognition::parse(&apart.encode()), Some(apart.clone()));
        let together = hex_decode(
            "06072A864886FC6B01\
             600B06092A864886FC6B020203\
             641606092A864886FC6B04037006092A864886FC6B040215",
        )
        .unwrap();
        assert_eq!(Recognition::parse(&together), Some(apart));
    }

    #[test]
    fn other_bytes_are_none() {
        assert_eq!(Recognition::parse(&[]), None);
        assert_eq!(Recognition::parse(&[0x66, 0x00]), None);
    }
}

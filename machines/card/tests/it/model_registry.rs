//! Content management on the card against the naive registry: every status word, every list.
//!
//! The orders go through a channel that the kit's own small host opens (SCP03, level 33), so that
//! neither the channel nor the registry shares code with the card.

use proptest::prelude::*;
use tongtu_apdu::tlv;
use tongtu_card::factory::Blueprint;
use tongtu_testkit::registry::sequence::{Names, Order, orders};
use tongtu_testkit::registry::{File, Key, Keys, Registry};
use tongtu_testkit::scp03::Host;
use tongtu_testkit::tear::Chip;

use crate::live::{Kept, Live, made};

pub(crate) const ISSUER: [u8; 8] = [0xA0, 0, 0, 0x01, 0x51, 0, 0, 0];
/// GP's own package of security domains.
const DOMAINS: [u8; 7] = [0xA0, 0, 0, 0x01, 0x51, 0x53, 0x50];
/// The published test key of security domains.
pub(crate) const TEST_KEY: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

/// A host with a channel to the issuer domain of a card.
pub(crate) struct Channel {
    live: Live,
    host: Host,
}

impl Channel {
    /// Powers the card up and opens a channel with the keys of a version; 0 is the default.
    pub(crate) fn to(chip: &Chip, version: u8, level: u8) -> Self {
        Self::try_to(chip, version, level).expect("power stays")
    }

    /// The same; none when power was lost.
    pub(crate) fn try_to(chip: &Chip, version: u8, level: u8) -> Option<Self> {
        Self::over(Live::on(chip), version, level)
    }

    /// The same to a card under power; none when that or its line was lost.
    pub(crate) fn over(mut live: Live, version: u8, level: u8) -> Option<Self> {
        let mut host = Host::new(&TEST_KEY, &TEST_KEY, &TEST_KEY);
        live.try_send(&[0x00, 0xA4, 0x04, 0x00, 0x00])?;
        let update = host.initialize_update(version, [1, 2, 3, 4, 5, 6, 7, 8]);
        let offer = live.try_send(&update)?;
        let answer = host
            .external_authenticate(&offer[..offer.len() - 2], level)
            .expect("the card has the test keys");
        assert_eq!(live.try_send(&answer)?, [0x90, 0x00]);
        Some(Self { live, host })
    }

    /// Selects a domain and opens a channel to it, full protection; else the status word, and no
    /// channel.
    pub(crate) fn enter(&mut self, domain: &[u8]) -> Result<(), u16> {
        let of = |answer: &[u8]| {
            let sw = answer.last_chunk().expect("a card answers a status word");
            match u16::from_be_bytes(*sw) {
                0x9000 => Ok(()),
                sw => Err(sw),
            }
        };
        let len = u8::try_from(domain.len()).expect("a short name");
        let select = [&[0x00, 0xA4, 0x04, 0x00, len][..], domain, &[0x00]].concat();
        of(&self.live.send(&select))?;
        let update = self.host.initialize_update(0, [1, 2, 3, 4, 5, 6, 7, 8]);
        let offer = self.live.send(&update);
        of(&offer)?;
        let answer = self
            .host
            .external_authenticate(&offer[..offer.len() - 2], 0x33)
            .expect("every domain has the test keys");
        of(&self.live.send(&answer))
    }

    /// What the card keeps.
    pub(crate) fn kept(&self) -> Kept {
        self.live.kept()
    }

    /// Sends an order; none when power was lost.
    pub(crate) fn order(&mut self, header: [u8; 4], data: &[u8]) -> Option<(Vec<u8>, u16)> {
        let command = self.host.wrap(header, data, Some(0x00));
        let mut answer = self.live.try_send(&command)?;
        while let [.., 0x61, more] = answer[..] {
            answer.truncate(answer.len() - 2);
            answer.extend(self.live.try_send(&[0x00, 0xC0, 0x00, 0x00, more])?);
        }
        let opened = self.host.unwrap(&answer);
        Some(opened.unwrap_or_else(|| panic!("{header:02X?} {data:02X?}: {answer:02X?}")))
    }

    /// The same, all parts of a list joined.
    pub(crate) fn whole(&mut self, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
        let (mut out, mut sw) = self.order(header, data).expect("power stays");
        while sw == 0x6310 {
            let [cla, ins, p1, p2] = header;
            let (more, next) = self
                .order([cla, ins, p1, p2 | 1], data)
                .expect("power stays");
            out.extend(more);
            sw = next;
        }
        (out, sw)
    }
}

fn chip() -> Chip {
    made(64 * 1024, &Blueprint::default())
}

/// The load files that the factory put on the card, as it lists them.
pub(crate) fn files(channel: &mut Channel) -> Vec<File> {
    let (list, sw) = channel.whole([0x80, 0xF2, 0x10, 0x02], &[0x4F, 0x00]);
    assert_eq!(sw, 0x9000);
    tlv::objects(&list)
        .map(|entry| {
            let of = |tag: u32| -> Vec<Vec<u8>> {
                tlv::objects(entry.expect("an entry").value)
                    .map(|object| object.expect("an object"))
                    .filter(|object| object.tag.value() == tag)
                    .map(|object| object.value.to_vec())
                    .collect()
            };
            let aid = of(0x4F).remove(0);
            File {
                makes_domains: aid == DOMAINS,
                aid,
                modules: of(0x84),
                domain: of(0xCC).remove(0),
            }
        })
        .collect()
}

fn names(files: Vec<File>) -> Names {
    Names {
        issuer: ISSUER.to_vec(),
        domains: vec![
            vec![0xD4, 0xD4, 0xD4, 0xD4, 0xD4, 0x01, 0x01, 0x01],
            vec![0xD4, 0xD4, 0xD4, 0xD4, 0xD4, 0x01, 0x01, 0x02],
            vec![0xD4, 0xD4, 0xD4, 0xD4, 0xD4],
        ],
        applications: vec![
            vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05],
            vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x06],
            vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05, 0x10, 0x00],
            vec![0xF0, 0x01, 0x02, 0x03, 0x04],
        ],
        files,
        key: TEST_KEY.to_vec(),
    }
}

/// The issuer domain's keys, as it lists them: all are the test key.
fn keys(channel: &mut Channel) -> Keys {
    let (list, sw) = channel.whole([0x80, 0xCA, 0x00, 0xE0], &[]);
    assert_eq!(sw, 0x9000);
    let template = tlv::find(&list, tlv::Tag::new(0xE0)).expect("a list of keys");
    tlv::objects(template)
        .map(|object| object.expect("a key").value)
        .map(|key| {
            let value = TEST_KEY.to_vec();
            let of_kind = match key[2] {
                0x80 => Key::Tdes(value),
                _ => Key::Aes(value),
            };
            ((key[1], key[0]), of_kind)
        })
        .collect()
}

pub(crate) fn shown(bytes: &[u8]) -> String {
    tongtu_codec::hex_encode(bytes)
}

/// Plays orders to both and compares every answer.
fn play(channel: &mut Channel, registry: &mut Registry, orders: &[Order]) {
    for (at, (header, data)) in orders.iter().enumerate() {
        let before = channel.live.kept();
        let (answer, sw) = channel.whole(*header, data);
        let (expected, expected_sw) = registry.command(*header, data);
        assert_eq!(
            (shown(&answer), format!("{sw:04X}")),
            (shown(&expected), format!("{expected_sw:04X}")),
            "order {at}: the card, then the model, to {} {}",
            shown(header),
            shown(data)
        );
        assert!(
            sw == 0x9000 || channel.live.kept() == before,
            "order {at} was refused"
        );
    }
}

/// Everything that GET STATUS lists.
pub(crate) fn lists() -> Vec<Order> {
    [0x80, 0x40, 0x20, 0x10]
        .map(|p1| ([0x80, 0xF2, p1, 0x02], vec![0x4F, 0x00]))
        .to_vec()
}

fn prepared() -> &'static (Chip, Names) {
    static PREPARED: std::sync::OnceLock<(Chip, Names)> = std::sync::OnceLock::new();
    PREPARED.get_or_init(|| {
        let chip = chip();
        let names = names(files(&mut Channel::to(&chip.copy(), 0, 0x33)));
        (chip, names)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_orders_have_the_model_s_answers_and_lists(orders in orders(&prepared().1, 60)) {
        let (chip, names) = prepared();
        let chip = chip.copy();
        let mut registry = Registry::new(&ISSUER, [0x9E, 0xFE, 0x80], names.files.clone());
        let mut channel = Channel::to(&chip, 0, 0x33);
        registry.dek = TEST_KEY.to_vec();
        registry.entries[0].keys = keys(&mut channel);
        play(&mut channel, &mut registry, &lists());
        play(&mut channel, &mut registry, &orders);
        play(&mut channel, &mut registry, &lists());
        drop(channel);
        // Keys of SCP02 are under version 20, and may be all that is left.
        let issuer = registry.entries[0].keys.clone();
        let opens = |version| (1..=3).all(|id| issuer.contains_key(&(version, id)));
        let version = issuer.keys().map(|(version, _)| *version);
        let version = version.into_iter().find(|version| *version != 0x20 && opens(*version));
        if let Some(version) = version {
            let mut channel = Channel::to(&chip, version, 0x03);
            play(&mut channel, &mut registry, &lists());
            prop_assert!(keys(&mut channel).keys().eq(issuer.keys()));
        }
    }
}

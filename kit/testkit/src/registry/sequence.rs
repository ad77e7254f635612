//! Content management to try: right commands and wrong ones, over a handful of AIDs.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::File;
use crate::scp03::wrapped_key;

/// A plain command: header and data.
pub type Order = ([u8; 4], Vec<u8>);

/// The AIDs that a sequence moves among.
#[derive(Clone, Debug)]
pub struct Names {
    /// The issuer domain.
    pub issuer: Vec<u8>,
    /// Instances of security domains.
    pub domains: Vec<Vec<u8>>,
    /// Instances of applications.
    pub applications: Vec<Vec<u8>>,
    /// Load files that are on the card.
    pub files: Vec<File>,
    /// The key under which keys travel, and the value of every key that is put.
    pub key: Vec<u8>,
}

impl Names {
    pub(super) fn instances(&self) -> Vec<Vec<u8>> {
        [self.domains.clone(), self.applications.clone()].concat()
    }

    pub(super) fn everything(&self) -> Vec<Vec<u8>> {
        let mut out = self.instances();
        out.push(self.issuer.clone());
        out.extend(self.files.iter().map(|file| file.aid.clone()));
        out.push(vec![0xA0, 0x00, 0x00, 0x09, 0xFF]);
        out
    }
}

/// A field with its length before it.
fn lv(value: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(value.len()).expect("a short field")];
    out.extend_from_slice(value);
    out
}

fn fields(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| lv(part)).collect()
}

/// Up to `count` orders.
pub fn orders(names: &Names, count: usize) -> impl Strategy<Value = Vec<Order>> + use<> {
    vec(order(names), 1..=count)
}

pub(super) fn order(names: &Names) -> impl Strategy<Value = Order> + use<> {
    prop_oneof![
        5 => install(names),
        3 => delete(names),
        2 => extradite(names),
        2 => make_selectable(names),
        3 => set_status(names),
        2 => get_status(names),
        2 => put_key(names),
        1 => delete_key(),
        1 => (install(names), any::<usize>(), any::<u8>()).prop_map(spoil),
    ]
}

fn privileges(is_domain: bool) -> impl Strategy<Value = Vec<u8>> {
    let usual = if is_domain { 0x80 } else { 0x00 };
    prop_oneof![
        6 => Just(vec![usual]),
        3 => Just(vec![usual, 0, 0]),
        1 => Just(vec![usual | 0x04]),
        1 => Just(vec![usual, 0x02, 0]),
        1 => select(vec![
            vec![0xC0, 0, 0],
            vec![0xA0, 0, 0],
            vec![0x80, 0x40, 0],
            vec![0xA0, 0x40, 0],
            vec![0x40, 0, 0],
            vec![0x81, 0, 0],
            vec![0x80],
            vec![0x00],
            vec![],
            vec![0, 0],
        ]),
    ]
}

fn install(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let files = names.files.clone();
    let (domains, applications) = (names.domains.clone(), names.applications.clone());
    let everything = names.everything();
    (select(files), any::<bool>())
        .prop_flat_map(move |(file, makes_selectable)| {
            let own = if file.makes_domains {
                domains.clone()
            } else {
                applications.clone()
            };
            let instance = prop_oneof![6 => select(own), 1 => select(everything.clone())];
            let module = select(file.modules.clone());
            let is_domain = file.makes_domains;
            (
                Just(file),
                module,
                instance,
                privileges(is_domain),
                prop_oneof![9 => Just(vec![0xC9_u8, 0x00]), 1 => Just(vec![])],
                prop_oneof![12 => Just(vec![]), 1 => Just(vec![0x5A_u8; 16])],
                Just(if makes_selectable { 0x0C_u8 } else { 0x04 }),
            )
        })
        .prop_map(
            |(file, module, instance, privileges, parameters, token, p1)| {
                let data = fields(&[
                    &file.aid,
                    &module,
                    &instance,
                    &privileges,
                    &parameters,
                    &token,
                ]);
                ([0x80, 0xE6, p1, 0x00], data)
            },
        )
}

fn delete(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let what = prop_oneof![3 => select(names.instances()), 1 => select(names.everything())];
    (what, prop::bool::weighted(0.2)).prop_map(|(aid, related)| {
        let mut data = vec![0x4F];
        data.extend(lv(&aid));
        ([0x80, 0xE4, 0x00, if related { 0x80 } else { 0x00 }], data)
    })
}

fn version() -> impl Strategy<Value = u8> {
    prop_oneof![6 => 0x30_u8..0x34, 1 => select(vec![0x00_u8, 0x20, 0x7F, 0x80, 0xFF])]
}

/// Keys of one value, so that the card is opened by it whatever is put where.
fn put_key(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let key = names.key.clone();
    // Bit 8 of P1 would say that more follows.
    let replaced =
        prop_oneof![2 => Just(0x00_u8), 2 => version().prop_map(|version| version & 0x7F)];
    let which = prop_oneof![
        6 => Just((0x81_u8, 3_usize)),
        1 => Just((0x01, 1)),
        1 => Just((0x05, 1)),
        1 => Just((0x01, 3)),
        1 => Just((0x00, 1)),
    ];
    (replaced, version(), which, prop::bool::weighted(0.9)).prop_map(
        move |(replaced, version, (p2, count), is_right)| {
            let mut data = vec![version];
            for _ in 0..count {
                data.extend(wrapped_key(&key, &key));
            }
            if let (false, Some(last)) = (is_right, data.last_mut()) {
                *last ^= 1;
            }
            ([0x80, 0xD8, replaced, p2], data)
        },
    )
}

fn delete_key() -> impl Strategy<Value = Order> {
    let what = prop_oneof![
        4 => version().prop_map(|version| vec![0xD2, 1, version]),
        1 => (1_u8..5).prop_map(|id| vec![0xD0, 1, id]),
        1 => (1_u8..5, version()).prop_map(|(id, version)| vec![0xD0, 1, id, 0xD2, 1, version]),
    ];
    what.prop_map(|data| ([0x80, 0xE4, 0x00, 0x00], data))
}

fn extradite(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let to = prop_oneof![4 => select(names.domains.clone()), 1 => select(names.everything())];
    let what = prop_oneof![4 => select(names.instances()), 1 => select(names.everything())];
    (to, what).prop_map(|(to, what)| {
        (
            [0x80, 0xE6, 0x10, 0x00],
            fields(&[&to, &[], &what, &[], &[], &[]]),
        )
    })
}

fn make_selectable(names: &Names) -> impl Strategy<Value = Order> + use<> {
    prop_oneof![5 => select(names.instances()), 1 => select(names.everything())].prop_map(|aid| {
        (
            [0x80, 0xE6, 0x08, 0x00],
            fields(&[&[], &[], &aid, &[0x00], &[], &[]]),
        )
    })
}

fn set_status(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let what = prop_oneof![6 => select(names.instances()), 1 => select(names.everything())];
    let one = (
        what,
        select(vec![0x40_u8, 0x40, 0x40, 0x60]),
        select(vec![0x80_u8, 0x80, 0x00, 0x07, 0x87]),
    )
        .prop_map(|(aid, p1, state)| ([0x80, 0xF0, p1, state], aid));
    let issuer = names.issuer.clone();
    let card = select(vec![0x07_u8, 0x0F, 0x01, 0x00])
        .prop_map(move |state| ([0x80, 0xF0, 0x80, state], issuer.clone()));
    prop_oneof![6 => one, 1 => card]
}

fn get_status(names: &Names) -> impl Strategy<Value = Order> + use<> {
    let prefix = prop_oneof![
        3 => Just(Vec::new()),
        1 => select(names.everything()),
        1 => select(names.everything()).prop_map(|aid| aid[..5].to_vec()),
    ];
    (select(vec![0x80_u8, 0x40, 0x20, 0x10]), prefix).prop_map(|(p1, prefix)| {
        let mut data = vec![0x4F];
        data.extend(lv(&prefix));
        ([0x80, 0xF2, p1, 0x02], data)
    })
}

/// A byte more, a byte less or a byte changed.
fn spoil(((header, mut data), at, byte): (Order, usize, u8)) -> Order {
    let at = at % data.len().max(1);
    match byte % 3 {
        0 => data.truncate(at),
        1 => data.insert(at, byte),
        _ => {
            if let Some(old) = data.get_mut(at) {
                *old ^= byte;
            }
        }
    }
    (header, data)
}

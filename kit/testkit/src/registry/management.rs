//! Management by several domains to try: delegated with tokens, loads block by block, DAP, updates.
//!
//! A [`Step`] is told apart from the card it meets: "with the token that fits", "signed by whoever
//! must". [`Step::write`] makes commands of it for the registry as it is then, and signs with
//! symmetric keys itself and with key pairs by a [`Notary`]. Here: the strategies. In `write`: how
//! steps become commands.

mod write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::authority::Pair;
use super::sequence::{self, Names, Order};

pub use write::Notary;

/// What a host does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Selects a domain and opens a channel to it.
    Enter(Vec<u8>),
    /// Sends a plain command over the channel.
    Say(Order),
}

/// One thing to try.
#[derive(Clone, Debug)]
pub enum Step {
    /// As it is.
    Act(Act),
    /// INSTALL in a form that is one command.
    Install(Managed),
    /// DELETE of an object.
    Delete(Deleted),
    /// A load file from INSTALL [for load] to its last block, and perhaps on.
    Load(Box<Load>),
    /// PUT KEY of one key with a purpose of its own.
    PutKey(NewKey),
}

/// What stands in the place of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// What the acting domain needs: nothing, or the right token.
    Fitting,
    /// Nothing.
    Nothing,
    /// The right token, needed or not.
    Right,
    /// The right one with a bit changed.
    Altered,
    /// The right one without its end.
    Short,
    /// One over something else.
    OtherMessage,
    /// One by another key.
    OtherKey,
}

/// A token and its control reference.
#[derive(Clone, Debug)]
pub struct Token {
    seal: Seal,
    /// Token number (93), from the last one that was taken; none without one.
    number: Option<i8>,
    /// Whether 42 and 45 are there, and are the verifier's.
    provider: Option<bool>,
    image: Option<bool>,
}

/// INSTALL with its fields before parameters and token.
#[derive(Clone, Debug)]
pub struct Managed {
    p1: u8,
    p2: u8,
    fields: [Vec<u8>; 4],
    parameters: Vec<u8>,
    token: Token,
    /// The field whose length takes a byte more than it needs.
    long: Option<usize>,
}

/// DELETE of an object.
#[derive(Clone, Debug)]
pub struct Deleted {
    aid: Vec<u8>,
    related: bool,
    token: Token,
}

/// The value of a key that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Two-key triple DES of one byte.
    Tdes(u8),
    /// AES-128.
    Aes(u8),
    /// SM4.
    Sm4(u8),
    /// Half of a pair.
    Public(Pair),
}

/// PUT KEY of one key.
#[derive(Clone, Debug)]
pub struct NewKey {
    version: u8,
    id: u8,
    value: Value,
    replaces: bool,
    is_right: bool,
}

/// What a load file is made of.
#[derive(Clone, Debug)]
pub enum Code {
    /// Components, one of which lists these modules.
    Applets(Vec<Vec<u8>>, usize),
    /// Bytes that say nothing.
    Opaque(Vec<u8>),
}

/// The hash that INSTALL [for load] announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// None.
    Nothing,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SM3.
    Sm3,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// Another's, of this length.
    Wrong(u8),
}

/// The DAP blocks before the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Daps {
    /// One of each domain that must sign.
    Fitting,
    /// None.
    Nothing,
    /// Those that fit, and one of another.
    Besides(Vec<u8>),
    /// Those that fit, twice.
    Twice,
    /// All but the last that fit.
    Fewer,
    /// Those that fit, with this seal.
    Sealed(Seal),
}

/// What happens to the bytes of a load file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nothing.
    Right,
    /// They end early by this many.
    Short(usize),
    /// This many more come.
    Long(usize),
    /// The data block says that it is longer or shorter.
    Says(i8),
    /// A byte is changed.
    Spoiled(usize, u8),
}

/// What happens to the blocks of a load.
#[derive(Clone, Debug)]
pub enum Course {
    /// Nothing.
    Straight,
    /// They stop after some.
    Stop(usize),
    /// One is left out.
    Skip(usize),
    /// One comes twice.
    Repeat(usize),
    /// They are numbered from here.
    From(u8),
    /// Something comes between.
    Between(usize, Act),
    /// A block says that it is the last, and is not.
    Last(usize),
    /// The last does not say so.
    NeverLast,
    /// One more comes.
    More,
    /// The INSTALL is missing.
    NoInstall,
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    file: Vec<u8>,
    domain: Vec<u8>,
    code: Code,
    hash: Hash,
    daps: Daps,
    parameters: Vec<u8>,
    token: Token,
    /// The INSTALL that ends a combined operation.
    then: Option<Managed>,
    block: usize,
    /// Bytes that the data block's length takes, at least.
    length_len: usize,
    frame: Frame,
    course: Course,
}

/// Up to `count` steps. The names' files are those to install from, on the card or not;
/// `loadable` are those to load.
pub fn steps(
    names: &Names,
    loadable: &[(Vec<u8>, Vec<Vec<u8>>)],
    count: usize,
) -> impl Strategy<Value = Vec<Step>> + use<> {
    let step = prop_oneof![
        8 => enter(names).prop_map(Step::Act),
        8 => load(names, loadable).prop_map(|load| Step::Load(Box::new(load))),
        6 => install(names, false).prop_map(Step::Install),
        2 => make_selectable(names).prop_map(Step::Install),
        4 => extradite(names).prop_map(Step::Install),
        5 => update(names).prop_map(Step::Install),
        4 => delete(names).prop_map(Step::Delete),
        3 => new_key().prop_map(Step::PutKey),
        2 => get_data().prop_map(|order| Step::Act(Act::Say(order))),
        2 => sequence::order(names).prop_map(|order| Step::Act(Act::Say(order))),
    ];
    let begin = prop::option::weighted(0.6, enter(names).prop_map(Step::Act));
    (begin, vec(step, 1..=count)).prop_map(|(begin, rest)| begin.into_iter().chain(rest).collect())
}

fn enter(names: &Names) -> impl Strategy<Value = Act> + use<> {
    // The first of them is meant for delegated management, which has the most to go wrong.
    let first = Just(names.domains[0].clone());
    let domains = select(names.domains.clone());
    prop_oneof![2 => Just(names.issuer.clone()), 4 => first, 3 => domains].prop_map(Act::Enter)
}

fn seal() -> impl Strategy<Value = Seal> {
    prop_oneof![
        40 => Just(Seal::Fitting),
        1 => Just(Seal::Nothing),
        1 => Just(Seal::Right),
        1 => Just(Seal::Altered),
        1 => Just(Seal::Short),
        1 => Just(Seal::OtherMessage),
        1 => Just(Seal::OtherKey),
    ]
}

fn token() -> impl Strategy<Value = Token> {
    let number = prop_oneof![
        5 => Just(None),
        5 => (1_i8..4).prop_map(Some),
        1 => (-2_i8..1).prop_map(Some),
        1 => Just(Some(120)),
    ];
    let named = || prop_oneof![20 => Just(None), 9 => Just(Some(true)), 1 => Just(Some(false))];
    (seal(), number, named(), named()).prop_map(|(seal, number, provider, image)| Token {
        seal,
        number,
        provider,
        image,
    })
}

fn privileges() -> impl Strategy<Value = Vec<u8>> {
    select(vec![
        vec![0x80],
        vec![0x80, 0, 0],
        vec![0xC0],
        vec![0xC0, 0x80, 0],
        vec![0xC1],
        vec![0xA0],
        vec![0xE0, 0, 0],
        vec![0x80, 0xC0, 0],
        vec![0x80, 0x60, 0x80],
        vec![0x80, 0x20, 0],
        vec![0x80, 0, 0x80],
        vec![0x80, 0x14, 0],
        vec![0x84],
        vec![0x90, 0x08, 0],
        // What does not go together.
        vec![0xA0, 0x40, 0],
        vec![0xA0, 0x20, 0],
        vec![0xA0, 0, 0x80],
        vec![0x81],
        vec![0x80, 0, 0x01],
        vec![0x20],
    ])
}

fn long() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![15 => Just(None), 1 => (0_usize..5).prop_map(Some)]
}

fn label() -> Vec<u8> {
    let mut out = vec![0xEF, 0x0B, 0xA1, 0x09, 0xA6, 0x07, 0x50, 0x02];
    out.extend(*b"EP");
    out.extend([0x87, 0x01, 0x01]);
    out
}

fn install(names: &Names, combined: bool) -> impl Strategy<Value = Managed> + use<> {
    let (domains, applications) = (names.domains.clone(), names.applications.clone());
    let file = select(names.files.clone()).prop_flat_map(move |file| {
        let own = match file.makes_domains {
            true => select(domains.clone()),
            false => select(applications.clone()),
        };
        let rights = match file.makes_domains {
            true => privileges().boxed(),
            false => select(vec![
                vec![0x00],
                vec![0, 0, 0],
                vec![0x04],
                vec![0, 2, 0],
                vec![0x80],
            ])
            .boxed(),
        };
        let own_parameters = match file.makes_domains {
            true => prop_oneof![
                8 => Just(vec![0xC9, 0x00]),
                1 => select(vec![0x82_u8, 0x83, 0x87])
                    .prop_map(|tag| vec![0xC9, 0x03, tag, 0x01, 0x00]),
            ]
            .boxed(),
            false => Just(vec![0xC9, 0x00]).boxed(),
        };
        let module = match file.modules.is_empty() {
            true => Just(file.aid.clone()).boxed(),
            false => select(file.modules.clone()).boxed(),
        };
        let instance = prop_oneof![8 => own, 1 => Just(Vec::new())];
        (Just(file.aid), module, instance, rights, own_parameters)
    });
    let more = prop_oneof![
        8 => Just(Vec::new()),
        2 => Just(label()),
        1 => Just(vec![0xEF, 0x06, 0xC8, 0x04, 0x7F, 0xFF, 0xFF, 0xFF]),
        1 => Just(vec![0xEF, 0x04, 0xC8, 0x02, 0x00, 0x10]),
        1 => Just(vec![0xEF, 0x03, 0xC8, 0x01, 0x10]),
    ];
    (file, more, token(), long(), any::<bool>()).prop_map(
        move |((file, module, instance, rights, own), more, token, long, selectable)| Managed {
            p1: match (combined, selectable) {
                (true, _) => 0x0E,
                (false, true) => 0x0C,
                (false, false) => 0x04,
            },
            p2: if combined { 3 } else { 0 },
            fields: [file, module, instance, rights],
            parameters: [own, more].concat(),
            token,
            long,
        },
    )
}

fn make_selectable(names: &Names) -> impl Strategy<Value = Managed> + use<> {
    let instance = select(names.instances());
    (instance, token(), long()).prop_map(|(instance, token, long)| Managed {
        p1: 0x08,
        p2: 0,
        fields: [vec![], vec![], instance, vec![0]],
        parameters: Vec::new(),
        token,
        long,
    })
}

fn extradite(names: &Names) -> impl Strategy<Value = Managed> + use<> {
    let to = prop_oneof![6 => select(names.domains.clone()), 1 => select(names.everything())];
    let what = prop_oneof![2 => select(names.instances()), 1 => select(names.everything())];
    (to, what, token(), long()).prop_map(|(to, what, token, long)| Managed {
        p1: 0x10,
        p2: 0,
        fields: [to, vec![], what, vec![]],
        parameters: Vec::new(),
        token,
        long,
    })
}

fn update(names: &Names) -> impl Strategy<Value = Managed> + use<> {
    let to = prop_oneof![
        3 => Just(Vec::new()),
        2 => select(names.domains.clone()),
        1 => select(names.everything()),
    ];
    let what = prop_oneof![
        4 => select(names.instances()),
        1 => Just(Vec::new()),
        1 => select(names.everything()),
    ];
    let rights = prop_oneof![
        3 => Just(Vec::new()),
        4 => privileges(),
        3 => select(vec![vec![0x00], vec![0x04], vec![0, 2, 0], vec![0x04, 2, 0], vec![0, 0]]),
    ];
    let parameters = prop_oneof![
        4 => Just(Vec::new()),
        2 => Just(label()),
        1 => Just(vec![0xEF, 0x02, 0x50, 0x01]),
    ];
    (to, what, rights, parameters, token(), long()).prop_map(
        |(to, what, rights, parameters, token, long)| Managed {
            p1: 0x40,
            p2: 0,
            fields: [to, vec![], what, rights],
            parameters,
            token,
            long,
        },
    )
}

fn delete(names: &Names) -> impl Strategy<Value = Deleted> + use<> {
    let what = prop_oneof![1 => select(names.instances()), 1 => select(names.everything())];
    (what, prop::bool::weighted(0.3), token()).prop_map(|(aid, related, token)| Deleted {
        aid,
        related,
        token,
    })
}

fn new_key() -> impl Strategy<Value = NewKey> {
    let value = prop_oneof![
        (0x50_u8..0x53).prop_map(Value::Tdes),
        (0x50_u8..0x53).prop_map(Value::Aes),
        (0x50_u8..0x53).prop_map(Value::Sm4),
        select(vec![Pair::Rsa1024, Pair::Sm2, Pair::OtherSm2]).prop_map(Value::Public),
    ];
    let version = prop_oneof![2 => Just(0x70_u8), 2 => Just(0x71), 3 => Just(0x73)];
    let id = prop_oneof![9 => Just(1_u8), 1 => Just(2)];
    (
        value,
        version,
        id,
        any::<bool>(),
        prop::bool::weighted(0.95),
    )
        .prop_map(|(value, version, id, replaces, is_right)| NewKey {
            version,
            id,
            value,
            replaces,
            is_right,
        })
}

/// What GET DATA tells of management: counter, numbers, keys, applications.
#[must_use]
pub fn objects() -> Vec<Order> {
    let ask = |class, p1, p2, data: &[u8]| ([class, 0xCA, p1, p2], data.to_vec());
    let mut out = Vec::new();
    for class in [0x80, 0x00] {
        for tag in [0x42, 0x45, 0xC2, 0xE0] {
            out.push(ask(class, 0x00, tag, &[]));
        }
        out.push(ask(class, 0x2F, 0x00, &[0x5C, 0x00]));
    }
    out
}

fn get_data() -> impl Strategy<Value = Order> {
    let mut all = objects();
    all.push(([0x80, 0xCA, 0x2F, 0x00], Vec::new()));
    all.push(([0x80, 0xCA, 0x01, 0x23], Vec::new()));
    select(all)
}

fn code(modules: Vec<Vec<u8>>) -> impl Strategy<Value = Code> {
    prop_oneof![
        5 => (Just(modules), 0_usize..300).prop_map(|(modules, len)| Code::Applets(modules, len)),
        1 => vec(any::<u8>(), 0..200).prop_map(Code::Opaque),
        1 => (0_usize..300).prop_map(|len| Code::Opaque(vec![0xEE; len])),
    ]
}

fn hash() -> impl Strategy<Value = Hash> {
    prop_oneof![
        2 => Just(Hash::Nothing),
        2 => Just(Hash::Sha1),
        9 => Just(Hash::Sha256),
        2 => Just(Hash::Sm3),
        1 => Just(Hash::Sha384),
        1 => Just(Hash::Sha512),
        1 => select(vec![20_u8, 32, 64, 1, 21]).prop_map(Hash::Wrong),
    ]
}

fn daps(names: &Names) -> impl Strategy<Value = Daps> + use<> {
    prop_oneof![
        14 => Just(Daps::Fitting),
        1 => Just(Daps::Nothing),
        1 => select(names.domains.clone()).prop_map(Daps::Besides),
        1 => Just(Daps::Twice),
        1 => Just(Daps::Fewer),
        3 => seal().prop_map(Daps::Sealed),
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        16 => Just(Frame::Right),
        1 => (1_usize..30).prop_map(Frame::Short),
        1 => (1_usize..300).prop_map(Frame::Long),
        1 => select(vec![-2_i8, -1, 1, 2]).prop_map(Frame::Says),
        2 => (any::<usize>(), 1_u8..).prop_map(|(at, byte)| Frame::Spoiled(at % 64, byte)),
    ]
}

fn course(names: &Names) -> impl Strategy<Value = Course> + use<> {
    let orders = vec![
        ([0x80, 0xF2, 0x40, 0x02], vec![0x4F, 0x00]),
        ([0x80, 0xCA, 0x00, 0xC2], vec![]),
        ([0x80, 0xCA, 0x01, 0x23], vec![]),
        ([0x80, 0xE8, 0x40, 0x01], vec![0x00]),
        ([0x80, 0xE8, 0x00, 0x01], vec![]),
        ([0x80, 0xE6, 0x0C, 0x01], vec![0x00]),
        ([0x80, 0xE6, 0x0E, 0x03], vec![0x00]),
        ([0x80, 0xE4, 0x00, 0x00], vec![0x4F, 0x05, 1, 2, 3, 4, 5]),
    ];
    let other = prop_oneof![4 => select(orders).prop_map(Act::Say), 1 => enter(names)];
    prop_oneof![
        24 => Just(Course::Straight),
        1 => (0_usize..4).prop_map(Course::Stop),
        1 => (0_usize..3).prop_map(Course::Skip),
        1 => (0_usize..3).prop_map(Course::Repeat),
        1 => (1_u8..).prop_map(Course::From),
        5 => (0_usize..4, other).prop_map(|(at, act)| Course::Between(at, act)),
        1 => (0_usize..3).prop_map(Course::Last),
        2 => Just(Course::NeverLast),
        1 => Just(Course::More),
        1 => Just(Course::NoInstall),
    ]
}

fn load(
    names: &Names,
    loadable: &[(Vec<u8>, Vec<Vec<u8>>)],
) -> impl Strategy<Value = Load> + use<> {
    let everything = names.everything();
    let file = select(loadable.to_vec()).prop_flat_map(move |(file, modules)| {
        let name = prop_oneof![12 => Just(file), 1 => select(everything.clone())];
        (name, code(modules))
    });
    let domain = prop_oneof![
        5 => Just(Vec::new()),
        5 => select(names.domains.clone()),
        1 => select(names.everything()),
    ];
    let parameters = prop_oneof![
        5 => Just(Vec::new()),
        2 => Just(vec![0xEF, 0x08, 0xC6, 0x02, 0x01, 0x60, 0xC8, 0x02, 0x07, 0xD0]),
        1 => Just(vec![0xEF, 0x06, 0xC6, 0x04, 0x7F, 0xFF, 0xFF, 0xFF]),
        1 => Just(vec![0xEF, 0x03, 0xC6, 0x01, 0x01]),
        1 => Just(vec![0xEF]),
    ];
    let block = prop_oneof![3 => 100_usize..=239, 2 => 40_usize..100, 1 => 9_usize..40];
    let then = prop_oneof![4 => Just(None), 1 => install(names, true).prop_map(Some)];
    (
        (file, domain, hash(), daps(names)),
        (parameters, token(), then),
        (block, 1_usize..5, frame(), course(names)),
    )
        .prop_map(
            |(
                ((file, code), domain, hash, daps),
                (parameters, token, then),
                (block, length_len, frame, course),
            )| {
                let then = then.map(|then: Managed| then.of(&file, &code));
                Load {
                    file,
                    domain,
                    code,
                    hash,
                    daps,
                    parameters,
                    token,
                    then,
                    block,
                    length_len,
                    frame,
                    course,
                }
            },
        )
}

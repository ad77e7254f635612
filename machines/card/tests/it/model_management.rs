//! Loads, tokens, receipts, DAP and registry updates on the card against the naive registry:
//! several domains act in turn, and every answer and every list is compared.
//!
//! Symmetric signatures are made twice, by the card and by the kit. Of key pairs this side has the
//! secret halves: it signs what a step asks for, and the model knows what was signed with what.

use std::sync::OnceLock;

use proptest::prelude::*;
use tongtu_card::factory::{Blueprint, Channel as Scheme, Issuer};
use tongtu_crypto::{RsaSecretKey, SecretKey, WideCipher, WideKey};
use tongtu_globalplatform::key::KeyMaterial;
use tongtu_globalplatform::signature;
use tongtu_testkit::registry::management::{Act, Notary, Step, objects, steps};
use tongtu_testkit::registry::sequence::{Names, Order};
use tongtu_testkit::registry::{Entry, File, Key, Pair, Registry};
use tongtu_testkit::tear::Chip;

use crate::desk::Desk;
use crate::live::made;
use crate::manager::keys::{put, tdes};
use crate::manager::office::{Office, blueprint, test_keys};
use crate::model_registry::{Channel, ISSUER, TEST_KEY, files, lists, shown};
use crate::tear::Dice;

/// A domain of delegated management.
const DELEGATED: &str = "D4D4D4D4D4010101";
/// One that verifies load files.
const WARDEN: &str = "D4D4D4D4D4010102";
/// One of authorised management.
const AUTHORISED: &str = "D4D4D4D4D4010103";
/// On some cards, one between the issuer's and the delegated one.
const BETWEEN: &str = "D4D4D4D4D4010104";

/// The package of the transport applications, and one of them.
const TRANSPORT: &str = "A0000006320101";
const PURSE: &str = "A000000632010105";

fn hex(text: &str) -> Vec<u8> {
    tongtu_codec::hex_decode(text).expect("a test writes hex")
}

/// Key pairs, and who signs with them.
struct Pairs {
    short: RsaSecretKey,
    long: RsaSecretKey,
}

impl Pairs {
    fn get() -> &'static Self {
        static PAIRS: OnceLock<Pairs> = OnceLock::new();
        PAIRS.get_or_init(|| {
            let mut dice = Dice::new();
            let mut entropy = |out: &mut [u8]| dice.fill(out);
            let mut rsa = |bits| RsaSecretKey::generate(bits, &mut entropy).expect("a size");
            Self {
                short: rsa(1024),
                long: rsa(2048),
            }
        })
    }

    fn sm2(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32]).expect("a scalar")
    }

    fn secret(&self, pair: Pair) -> KeyMaterial {
        let rsa = |key: &RsaSecretKey| {
            let [p, q] = key.danger_primes();
            let key = RsaSecretKey::from_primes(&p, &q, &key.public().exponent());
            KeyMaterial::RsaSecret(Box::new(key.expect("the primes of a key")))
        };
        match pair {
            Pair::Rsa1024 => rsa(&self.short),
            Pair::Rsa2048 => rsa(&self.long),
            Pair::Sm2 => KeyMaterial::Sm2Secret(Self::sm2(0x21)),
            Pair::OtherSm2 => KeyMaterial::Sm2Secret(Self::sm2(0x22)),
        }
    }

    fn public(&self, pair: Pair) -> KeyMaterial {
        match self.secret(pair) {
            KeyMaterial::RsaSecret(key) => KeyMaterial::RsaPublic(key.public().clone()),
            KeyMaterial::Sm2Secret(key) => KeyMaterial::Sm2Public(key.public().clone()),
            _ => unreachable!("a pair's secret half"),
        }
    }

    fn material(&self, key: &Key) -> KeyMaterial {
        let wide = |cipher, value: &[u8]| {
            KeyMaterial::Wide(WideKey::new(cipher, value).expect("sixteen bytes"))
        };
        match key {
            Key::Tdes(value) => tdes(value[0]),
            Key::Aes(value) => wide(WideCipher::Aes128, value),
            Key::Sm4(value) => wide(WideCipher::Sm4, value),
            Key::Public(pair) => self.public(*pair),
            Key::Secret(pair) => self.secret(*pair),
        }
    }

    /// A public half as PUT KEY carries it, without its empty check value.
    fn block(&self, pair: Pair) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, value) in self.public(pair).components().iter() {
            out.push(*kind);
            tongtu_apdu::tlv::write_length(value.len(), &mut out);
            out.extend(value);
        }
        out
    }
}

impl Notary for Pairs {
    fn sign(&self, pair: Pair, message: &[u8]) -> Vec<u8> {
        let mut dice = Dice::new();
        signature::sign(&self.secret(pair), message, &mut |out: &mut [u8]| {
            dice.fill(out);
        })
        .expect("a secret half signs")
    }
}

/// What a card is prepared with.
struct Plan {
    token: Option<Key>,
    receipt: Option<Key>,
    dap: Option<Key>,
    mandated: bool,
    batch_tokens: bool,
    /// Whether a domain between the issuer's and the delegated one verifies and confirms.
    nested: bool,
}

fn plans() -> Vec<Plan> {
    let tdes = |byte| Some(Key::Tdes(vec![byte; 16]));
    let aes = |byte| Some(Key::Aes(vec![byte; 16]));
    let sm4 = |byte| Some(Key::Sm4(vec![byte; 16]));
    let public = |pair| Some(Key::Public(pair));
    let secret = |pair| Some(Key::Secret(pair));
    let rows = [
        (tdes(1), tdes(2), tdes(3), false, true, false),
        (aes(1), aes(2), aes(3), true, true, true),
        (sm4(1), sm4(2), sm4(3), false, false, false),
        (
            public(Pair::Rsa1024),
            secret(Pair::Rsa1024),
            public(Pair::Rsa1024),
            true,
            true,
            false,
        ),
        (
            public(Pair::Sm2),
            secret(Pair::Sm2),
            public(Pair::Sm2),
            true,
            true,
            true,
        ),
        (aes(1), None, public(Pair::Rsa2048), true, true, false),
        (
            public(Pair::Sm2),
            public(Pair::OtherSm2),
            None,
            false,
            true,
            false,
        ),
        (None, aes(2), public(Pair::OtherSm2), false, true, false),
        (
            secret(Pair::Sm2),
            secret(Pair::Rsa1024),
            secret(Pair::Sm2),
            false,
            false,
            true,
        ),
    ];
    rows.map(
        |(token, receipt, dap, mandated, batch_tokens, nested)| Plan {
            token,
            receipt,
            dap,
            mandated,
            batch_tokens,
            nested,
        },
    )
    .into()
}

/// Files to load, and the modules that they are to have.
fn loadable() -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    vec![
        (hex("D0D1D2D3D4D501"), vec![hex("D0D1D2D3D4D50101")]),
        (
            hex("D0D1D2D3D4D502"),
            vec![hex("D0D1D2D3D4D50201"), hex("A000000151535041")],
        ),
        // A package of ours, under its own name and with a module of it.
        (hex(TRANSPORT), vec![hex("A000000632010106")]),
    ]
}

fn names(of_factory: &[File]) -> Names {
    let mut files = of_factory.to_vec();
    files.extend(loadable().into_iter().map(|(aid, modules)| File {
        aid,
        modules,
        domain: ISSUER.to_vec(),
        makes_domains: false,
    }));
    Names {
        issuer: ISSUER.to_vec(),
        domains: [DELEGATED, WARDEN, AUTHORISED, BETWEEN].map(hex).into(),
        applications: vec![hex(PURSE), hex("F001020304"), hex("D0D1D2D3D4D50101")],
        files,
        key: TEST_KEY.to_vec(),
    }
}

/// A card, and the model of it.
struct Prepared {
    chip: Chip,
    registry: Registry,
}

fn entry<'a>(registry: &'a mut Registry, aid: &[u8]) -> &'a mut Entry {
    let mut entries = registry.entries.iter_mut();
    entries.find(|entry| entry.aid == aid).expect("it is there")
}

fn prepare(plan: &Plan) -> Prepared {
    let issuer = Issuer {
        batch_tokens: plan.batch_tokens,
        ..Issuer::for_tests(Scheme::Scp03)
    };
    let chip = made(96 * 1024, &blueprint(issuer, Vec::new()));
    let of_factory = files(&mut Channel::to(&chip.copy(), 0, 0x33));
    let mut registry = Registry::new(&ISSUER, [0x9E, 0xFE, 0x80], of_factory);
    registry.dek = TEST_KEY.to_vec();
    registry.batch_tokens = plan.batch_tokens;
    let test_key = Key::Aes(TEST_KEY.to_vec());
    let issuer = &mut registry.entries[0];
    issuer.keys = [1, 2, 3].map(|id| ((0xFF, id), test_key.clone())).into();
    issuer.provider = Some(Blueprint::default().issuer.provider_id);
    issuer.image = Some(Blueprint::default().issuer.image_number);
    let pairs = Pairs::get();
    let all = [Pair::Rsa1024, Pair::Rsa2048, Pair::Sm2, Pair::OtherSm2];
    registry.pairs = all.map(|pair| (pair, pairs.block(pair))).into();

    let mut office = Office::around(Desk::again(&chip));
    office.login();
    // Keys of SCP02 would be left when all others are deleted, and the kit's host cannot use them.
    office.done("80E40000", &hex("D20120"));
    let verifier = if plan.nested {
        hex(BETWEEN)
    } else {
        ISSUER.to_vec()
    };
    let warden = if plan.mandated { "C1" } else { "C0" };
    let mut domains = vec![(DELEGATED, "A0"), (WARDEN, warden), (AUTHORISED, "80C000")];
    if plan.nested {
        domains.push((BETWEEN, "80E080"));
    }
    let lv = |part: &str| {
        [
            vec![u8::try_from(part.len() / 2).expect("short")],
            hex(part),
        ]
        .concat()
    };
    for (aid, rights) in domains {
        let parts = [
            "A0000001515350",
            "A000000151535041",
            aid,
            rights,
            "C900",
            "",
        ];
        let data: Vec<u8> = parts.iter().flat_map(|part| lv(part)).collect();
        office.done("80E60C00", &data);
        let done = registry.command([0x80, 0xE6, 0x0C, 0x00], &data);
        assert_eq!(done.1, 0x9000);
    }
    // A package that the delegated domain may take to pieces, with an application of it.
    let mut orders = vec![
        ("80E61000", [DELEGATED, "", TRANSPORT, "", "", ""]),
        ("80E60C00", [TRANSPORT, PURSE, PURSE, "00", "C900", ""]),
    ];
    if plan.nested {
        orders.push(("80E61000", [BETWEEN, "", DELEGATED, "", "", ""]));
    }
    for (header, parts) in orders {
        let data: Vec<u8> = parts.iter().flat_map(|part| lv(part)).collect();
        office.done(header, &data);
        let header = hex(header).try_into().expect("four bytes");
        assert_eq!(registry.command(header, &data).1, 0x9000);
    }
    let warden = hex(WARDEN);
    for (aid, version, key) in [
        (&verifier, 0x70, &plan.token),
        (&verifier, 0x71, &plan.receipt),
        (&warden, 0x73, &plan.dap),
    ] {
        let Some(key) = key else { continue };
        assert_eq!(office.select(aid), 0x9000);
        office.open(0, &test_keys(Scheme::Scp03), 0x33).unwrap();
        let command = put(&office, 0, version, 1, &[pairs.material(key)]);
        assert_eq!(office.typed(&command).1, 0x9000);
        entry(&mut registry, aid)
            .keys
            .insert((version, 1), key.clone());
    }
    Prepared { chip, registry }
}

fn prepared() -> &'static [Prepared] {
    static PREPARED: OnceLock<Vec<Prepared>> = OnceLock::new();
    PREPARED.get_or_init(|| plans().iter().map(prepare).collect())
}

/// Both sides of the comparison.
struct Both {
    channel: Channel,
    registry: Registry,
    /// What was said, for when they differ.
    said: Vec<String>,
}

impl Both {
    fn enter(&mut self, domain: &[u8]) {
        self.said.push(format!("enter {}", shown(domain)));
        let answer = self.channel.enter(domain);
        let expected = self.registry.enter(domain);
        match expected {
            // What an application says to INITIALIZE UPDATE is its own matter.
            Err(0x6D00) => assert!(answer.is_err(), "{:#?}", self.said),
            _ => assert_eq!(
                answer, expected,
                "the card, then the model: {:#?}",
                self.said
            ),
        }
        if answer.is_err() {
            self.said.push("enter the issuer domain".to_owned());
            assert_eq!(self.channel.enter(&ISSUER), Ok(()));
            assert_eq!(self.registry.enter(&ISSUER), Ok(()));
        }
    }

    fn say(&mut self, (header, data): &Order) -> u16 {
        // What does not fit under the channel's padding and MAC cannot be said at all.
        if data.len() > 239 {
            return 0x6700;
        }
        self.said.push(format!("{} {}", shown(header), shown(data)));
        let before = self.channel.kept();
        let (mut answer, sw) = self.channel.whole(*header, data);
        let (expected, expected_sw) = self.registry.command(*header, data);
        if let (0x9000, Some(owed)) = (sw, &self.registry.owed) {
            let signature = answer
                .get(owed.at.clone())
                .expect("a receipt in the answer");
            let key = Pairs::get().public(owed.pair);
            let verified = signature::verify(&key, &owed.message, signature);
            assert_eq!(verified, Ok(()), "a receipt: {:#?}", self.said);
            answer[owed.at.clone()].fill(0);
        }
        assert_eq!(
            (shown(&answer), format!("{sw:04X}")),
            (shown(&expected), format!("{expected_sw:04X}")),
            "the card, then the model: {:#?}",
            self.said
        );
        let is_kept = sw == 0x9000 || self.channel.kept() == before;
        assert!(is_kept, "refused, and something changed: {:#?}", self.said);
        // A domain that deleted or locked itself acts no more.
        let acting = self.registry.entry(&self.registry.acting);
        let acts = acting.is_some_and(|entry| entry.file.is_empty() || entry.state & 0x87 == 7);
        if !acts {
            self.enter(&ISSUER);
        }
        sw
    }

    fn everything(&mut self) {
        let mut orders = lists();
        orders.extend(objects());
        for order in orders {
            self.say(&order);
            self.said.pop();
        }
        self.said.push("everything that is told".to_owned());
    }

    fn step(&mut self, step: &Step) {
        let (acts, made) = step.write(&self.registry, Pairs::get());
        self.registry.made.extend(made);
        for act in acts {
            match act {
                Act::Enter(domain) => self.enter(&domain),
                Act::Say(order) => {
                    self.say(&order);
                }
            }
        }
    }
}

fn both(which: usize) -> Both {
    let Prepared { chip, registry } = &prepared()[which];
    let mut both = Both {
        channel: Channel::to(&chip.copy(), 0, 0x33),
        registry: registry.clone(),
        said: vec![format!("plan {which}")],
    };
    both.enter(&ISSUER);
    both
}

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let of_factory = prepared()[0].registry.files.clone();
    steps(&names(&of_factory), &loadable(), 30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_management_has_the_model_s_answers_and_lists(
        which in 0..plans().len(),
        steps in some_steps(),
    ) {
        let mut both = both(which);
        both.everything();
        for step in &steps {
            both.step(step);
        }
        both.everything();
        for domain in [DELEGATED, WARDEN, AUTHORISED, BETWEEN] {
            both.enter(&hex(domain));
            both.everything();
        }
    }
}

fn lv(part: &[u8]) -> Vec<u8> {
    [&[u8::try_from(part.len()).expect("short")][..], part].concat()
}

#[test]
fn blocks_are_numbered_anew_after_the_last_number() {
    let code = vec![0xEE; 0x113];
    let file = [&[0xC4, 0x82, 0x01, 0x13][..], &code].concat();
    let mut both = both(0);
    let mut begin = lv(&hex("D0D1D2D3D4D501"));
    begin.extend([0; 4]);
    assert_eq!(both.say(&([0x80, 0xE6, 0x02, 0x00], begin)), 0x9000);
    for (at, byte) in file.iter().enumerate() {
        let number = u8::try_from(at % 256).expect("below 256");
        let last = if at + 1 == file.len() { 0x80 } else { 0x00 };
        assert_eq!(both.say(&([0x80, 0xE8, last, number], vec![*byte])), 0x9000);
    }
    both.everything();
}

/// The load sequence that a public client was seen to send: its headers, fields and lengths. What is
/// in the blocks was not told; the code here is ours, of its length.
#[test]
fn a_load_seen_on_the_wire_ends_with_a_selectable_application() {
    let mut code = hex("010004DECAFFED03000C0108D0D1D2D3D4D501010010070139");
    code.resize(0x157, 0x5A);
    let file = [hex("C4820157"), code].concat();
    let begin = "07D0D1D2D3D4D50108A000000151000000000AEF08C6020160C80207D00000";
    let end = "07D0D1D2D3D4D50108D0D1D2D3D4D5010108D0D1D2D3D4D50101010209C90100EF04C80207D00000";
    // The vector's Lc counts the token's empty field; a byte after it is Le.
    let begin = hex(&begin[..2 * 0x1E]);
    let end = hex(&end[..2 * 0x27]);
    let mut both = both(0);
    for order in [
        ([0x80, 0xE6, 0x02, 0x00], begin),
        ([0x80, 0xE8, 0x00, 0x00], file[..0xEF].to_vec()),
        ([0x80, 0xE8, 0x80, 0x01], file[0xEF..].to_vec()),
        ([0x80, 0xE6, 0x0C, 0x00], end),
    ] {
        assert_eq!(both.say(&order), 0x9000);
    }
    both.everything();
    let application = hex("D0D1D2D3D4D50101");
    assert_eq!(both.registry.entry(&application).unwrap().state, 0x07);
}

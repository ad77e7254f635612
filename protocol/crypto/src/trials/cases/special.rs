//! Cases that had to be searched for: sums at edges, leading zeros, bytes that are nearly keys.

use std::format;

use super::make::{Cases, Key, below_n, both, plus, point_at, sign, small};
use crate::batch::sweep::Numbers;
use crate::curve::field::{Arithmetic as _, Fe, P, Portable};
use crate::curve::limbs::{self, Limbs};
use crate::curve::multiple;
use crate::curve::order::{N, Scalar};
use crate::curve::point::Affine;
use crate::curve::recode::OddDigits;
use crate::sm3;

/// The next x of a point, from here up or down.
fn near(mut x: Limbs, up: bool) -> Limbs {
    let one = [1, 0, 0, 0];
    loop {
        if Fe::from_limbs(&x).is_some_and(|x| Affine::decompress(Portable, x, true).is_some()) {
            return x;
        }
        x = if up {
            limbs::add(&x, &one).0
        } else {
            limbs::sub(&x, &one).0
        };
    }
}

/// p - n: an x below it may stand for two numbers modulo n.
fn room() -> Limbs {
    limbs::sub(&P, &N).0
}

/// Sums at the edges of what an x can be, and sums that meet exceptions.
pub(super) fn sums(cases: &mut Cases, numbers: &mut Numbers) {
    let one = [1, 0, 0, 0];
    let places = [
        ("the lowest x, 0", near([0; 4], true)),
        ("x = 1", near(one, true)),
        ("a small x", near([2, 0, 0, 0], true)),
        (
            "the highest x below p - n",
            near(limbs::sub(&room(), &one).0, false),
        ),
        ("the lowest x from p - n on", near(room(), true)),
        ("the highest x below n", near(limbs::sub(&N, &one).0, false)),
        ("the lowest x from n on", near(N, true)),
        (
            "another x above n",
            near(limbs::add(&N, &[0, 1, 0, 0]).0, true),
        ),
        (
            "x in the middle between n and p",
            near(limbs::add(&N, &[0, 1 << 62, 0, 0]).0, true),
        ),
        ("the highest x", near(limbs::sub(&P, &one).0, false)),
        ("x = 2^64 or next to it", near([0, 1, 0, 0], true)),
        ("x = 2^128 or next to it", near([0, 0, 1, 0], true)),
        ("x = 2^192 or next to it", near([0, 0, 0, 1], true)),
        ("x = 2^255 or next to it", near([0, 0, 0, 1 << 63], true)),
    ];
    for (name, x) in places {
        for odd in [false, true] {
            let sum = point_at(&x, odd);
            let (r, s) = (numbers.scalar(), numbers.scalar());
            let key = Key::with_sum(&sum, &r, &s);
            let e = cases.holds("SpecialX", name, &key, (&r, &s));
            // The same without reducing x modulo n, or with n where there is none: another e.
            let wrong = match limbs::sub(&x, &N) {
                (_, true) => continue,
                (_, false) => limbs::to_bytes(Scalar::reduce(&room()).limbs()),
            };
            let e = Scalar::reduced(&e).add(&Scalar::reduced(&wrong)).to_bytes();
            let sig = both(&r.to_bytes(), &s.to_bytes());
            let comment = format!("{name}; e is beside it by p - n");
            cases.digest(false, "SpecialX", &comment, (&key, &e, &sig));
        }
    }
    // r = e: the sum's x is 0 modulo n. That is x = 0; x = n is of no point.
    let sum = point_at(&[0; 4], false);
    let (r, s) = (numbers.scalar(), numbers.scalar());
    let key = Key::with_sum(&sum, &r, &s);
    let sig = both(&r.to_bytes(), &s.to_bytes());
    cases.digest(true, "SpecialX", "r = e", (&key, &r.to_bytes(), &sig));

    for (r, s) in [
        (numbers.scalar(), numbers.scalar()),
        (numbers.scalar(), numbers.scalar()),
        (small(1), small(1)),
        (below_n(1), below_n(1)),
    ] {
        // t·d = -s: nothing is left of the sum. t·d = s: its halves are equal.
        let half = r.add(&s).invert().times(&s);
        let opposite = Scalar::default().sub(&half);
        let sig = both(&r.to_bytes(), &s.to_bytes());
        for (e, comment) in [
            (numbers.next(), "the sum is infinity"),
            (
                r.to_bytes(),
                "the sum is infinity; holds if its x is taken for 0",
            ),
            (
                r.sub(&Scalar::ONE).to_bytes(),
                "the sum is infinity; holds if its x is taken for 1",
            ),
        ] {
            let key = Key::of(&opposite);
            cases.digest(false, "InfiniteSum", comment, (&key, &e, &sig));
        }
        cases.holds("SameSummands", "s·G = t·P", &Key::of(&half), (&r, &s));
        // What is there before the last window of s is added is that window's part.
        let last = highest_window(&s);
        let d = r.add(&s).invert().times(&last.add(&last).sub(&s));
        let key = Key::of(&d);
        let comment = "the highest window of s adds a point to itself";
        let e = cases.holds("SameSummands", comment, &key, (&r, &s));
        let e = Scalar::reduced(&e).add(&Scalar::ONE).to_bytes();
        let comment = "the same; any digest holds if nobody sees that z is zero";
        cases.digest(false, "SameSummands", comment, (&key, &e, &sig));
        // One more than the half: the last addition meets neighbours.
        let next = Key::of(&half.add(&Scalar::ONE));
        cases.holds("SameSummands", "beside s·G = t·P", &next, (&r, &s));
    }
    let key = Key {
        point: Affine::GENERATOR.negated_where(u64::MAX),
    };
    for _ in 0..3 {
        let (r, s) = (numbers.scalar(), numbers.scalar());
        cases.holds(
            "OppositeGenerator",
            "under -G; the sum is -r·G",
            &key,
            (&r, &s),
        );
    }
    let (r, s) = (small(1), numbers.scalar());
    cases.holds(
        "OppositeGenerator",
        "under -G with r = 1; the sum is -G",
        &key,
        (&r, &s),
    );
    for (s, comment) in [
        (small(1), "under G with t = 2, s = 1"),
        (small(2), "under G, r = s = 2"),
    ] {
        let key = Key::of(&Scalar::ONE);
        cases.holds(
            "SameSummands",
            comment,
            &key,
            (&small(2).sub(&s).add(&small(1)), &s),
        );
    }
}

/// What the highest of windows of eight bits is in s, or in n less it, whichever is odd: the last
/// that is added where a table is walked upwards.
fn highest_window(s: &Scalar) -> Scalar {
    type Digits = OddDigits<8>;
    let digit = Digits::of(s).at(Digits::COUNT - 1);
    let mut value = small(2 * digit.entry as u64 + 1);
    for _ in 0..8 * (Digits::COUNT - 1) {
        value = value.add(&value);
    }
    match digit.negative {
        0 => value,
        _ => Scalar::default().sub(&value),
    }
}

/// Z of any identifier.
fn z(id: &[u8], key: &Key) -> sm3::Digest {
    let own = crate::PublicKey::from_xy(&key.xy()).expect("a point");
    if id == crate::sm2::DEFAULT_ID.as_bytes() {
        return *own.z();
    }
    let mut bytes = ((id.len() * 8) as u64).to_be_bytes()[6..].to_vec();
    bytes.extend(id);
    bytes.extend(crate::sm2::curve_bytes());
    bytes.extend(key.xy());
    sm3::digest(&bytes)
}

/// Signatures over messages: by the right Z and by others.
pub(super) fn messages(cases: &mut Cases, numbers: &mut Numbers) {
    let id = crate::sm2::DEFAULT_ID.as_bytes();
    for len in [0, 1, 31, 32, 55, 56, 64, 119, 120, 364] {
        let d = numbers.scalar();
        let key = Key::of(&d);
        let message: Vec<u8> = (0..len).map(|at| numbers.next()[at % 32]).collect();
        let mut signed = |z: &[u8]| {
            let e = sm3::digest_parts(&[z, &message]);
            let (r, s) = sign(&d, &e, &numbers.scalar());
            both(&r.to_bytes(), &s.to_bytes())
        };
        let mut add = |valid, flag, comment: &str, sig: [u8; 64]| {
            let fields: &[(&str, &[u8])] = &[("key", &key.xy()), ("msg", &message), ("sig", &sig)];
            cases.add("message", valid, flag, comment, fields);
        };
        add(true, "Valid", &format!("{len} bytes"), signed(&z(id, &key)));
        if len > 32 {
            continue;
        }
        let other = Key::of(&Scalar::ONE);
        add(false, "WrongZ", "no Z at all", signed(&[]));
        add(
            false,
            "WrongZ",
            "Z of the empty identifier",
            signed(&z(&[], &key)),
        );
        add(
            false,
            "WrongZ",
            "Z of identifier 1234567812345679",
            signed(&z(b"1234567812345679", &key)),
        );
        add(
            false,
            "WrongZ",
            "Z of another's key",
            signed(&z(id, &other)),
        );
        add(
            false,
            "WrongZ",
            "Z twice",
            signed(&[z(id, &key), z(id, &key)].concat()),
        );
    }
    // Numbers with zero bytes in front, by trying one nonce after the other.
    let (d, message) = (numbers.scalar(), b"zeros");
    let key = Key::of(&d);
    let e = sm3::digest_parts(&[&z(id, &key), message]);
    for (at, name) in [(0, "r"), (32, "s")] {
        let mut k = numbers.scalar();
        let sig = loop {
            k = k.add(&Scalar::ONE);
            let (r, s) = sign(&d, &e, &k);
            let sig = both(&r.to_bytes(), &s.to_bytes());
            if sig[at] == 0 {
                break sig;
            }
        };
        let fields: &[(&str, &[u8])] = &[("key", &key.xy()), ("msg", message), ("sig", &sig)];
        cases.add(
            "message",
            true,
            "LeadingZeros",
            &format!("{name} has a zero byte in front"),
            fields,
        );
    }
    for (at, count, name) in [(0, 1, "x"), (32, 1, "y"), (0, 2, "x"), (32, 2, "y")] {
        let (d, key) = with_zeros(numbers.scalar(), at, count);
        let e = sm3::digest_parts(&[&z(id, &key), message]);
        let (r, s) = sign(&d, &e, &numbers.scalar());
        let sig = both(&r.to_bytes(), &s.to_bytes());
        let comment = format!("the key's {name} has {count} zero bytes in front");
        let fields: &[(&str, &[u8])] = &[("key", &key.xy()), ("msg", message), ("sig", &sig)];
        cases.add("message", true, "LeadingZeros", &comment, fields);
    }
}

/// The next key from this one on that has so many zero bytes there.
fn with_zeros(mut d: Scalar, at: usize, count: usize) -> (Scalar, Key) {
    let mut point = crate::curve::point::Jacobian::from(multiple::of_generator(&d));
    loop {
        // A hundred by one inversion.
        let mut steps = Vec::new();
        for _ in 0..100 {
            steps.push(point);
            let mut zz = Portable.square(&point.z);
            point.add_affine_vartime(Portable, &mut zz, &Affine::GENERATOR, 0);
        }
        for point in crate::curve::point::to_affine(Portable, &steps) {
            let key = Key { point };
            if key.xy()[at..at + count].iter().all(|byte| *byte == 0) {
                return (d, key);
            }
            d = d.add(&Scalar::ONE);
        }
    }
}

/// An x whose point has y = 1: found as a root of x^3 - 3x + b - 1.
const X_OF_SMALL_Y: Limbs = [
    0xC016_F493_1117_8D1F,
    0x705D_3242_094A_566D,
    0xA74A_9A5E_70B9_D659,
    0x9C17_043E_FFE1_A805,
];

/// Bytes that are keys and bytes that are not.
pub(super) fn keys(cases: &mut Cases, numbers: &mut Numbers) {
    let one = [1, 0, 0, 0];
    let packed = |prefix: u8, x: &[u8; 32]| {
        let mut out = [prefix; 33];
        out[1..].copy_from_slice(x);
        out
    };
    let mut add = |valid: Option<&Affine>, flag, comment: &str, prefix: u8, x: &[u8; 32]| {
        let bytes = packed(prefix, x);
        let xy = valid.map(|point| Key { point: *point }.xy());
        match &xy {
            Some(xy) => {
                let fields: &[(&str, &[u8])] = &[("key", &bytes), ("xy", xy)];
                cases.add("compressed", true, flag, comment, fields);
            }
            None => cases.add("compressed", false, flag, comment, &[("key", &bytes)]),
        }
    };
    let of_chance = multiple::of_generator(&numbers.scalar());
    let places = [
        ("a point of chance", of_chance.x.to_limbs()),
        ("G", Affine::GENERATOR.x.to_limbs()),
        ("x = 0", near([0; 4], true)),
        ("x = 1", near(one, true)),
        ("the highest x", near(limbs::sub(&P, &one).0, false)),
        ("x above n", near(N, true)),
        ("the point with y = 1", X_OF_SMALL_Y),
        ("x = 2^64 or next to it", near([0, 1, 0, 0], true)),
        ("x = 2^192 or next to it", near([0, 0, 0, 1], true)),
    ];
    for (name, x) in &places {
        let bytes = limbs::to_bytes(x);
        for odd in [false, true] {
            let point = point_at(x, odd);
            add(Some(&point), "Valid", name, 2 + u8::from(odd), &bytes);
        }
        for prefix in [0, 1, 4, 5, 6, 7, 0x82, 0xFF] {
            add(None, "Prefix", name, prefix, &bytes);
        }
    }
    for (x, name) in [
        ([0; 4], "p, for 0"),
        (one, "p + 1, for 1"),
        (near([2, 0, 0, 0], true), "p and a small x"),
    ] {
        for prefix in [2, 3] {
            add(None, "Alias", name, prefix, &plus(&P, &x));
        }
    }
    for prefix in [2, 3] {
        add(None, "Range", "x = 2^256 - 1", prefix, &[0xFF; 32]);
        for from in [[2, 0, 0, 0], limbs::sub(&P, &one).0, of_chance.x.to_limbs()] {
            let mut x = from;
            while Fe::from_limbs(&x)
                .is_some_and(|x| Affine::decompress(Portable, x, true).is_some())
            {
                x = limbs::sub(&x, &one).0;
            }
            add(
                None,
                "NotOnCurve",
                "an x of the twist only",
                prefix,
                &limbs::to_bytes(&x),
            );
        }
    }
    add(
        None,
        "Prefix",
        "infinity, if it were written so",
        0,
        &[0; 32],
    );

    let mut add = |valid, flag, comment: &str, x: &[u8; 32], y: &[u8; 32]| {
        cases.add("xy", valid, flag, comment, &[("key", &both(x, y))]);
    };
    for (name, x) in &places {
        for odd in [false, true] {
            let point = point_at(x, odd);
            let (x, y) = (point.x.to_bytes(), point.y.to_bytes());
            add(true, "Valid", name, &x, &y);
            let next = point.y.add(&Fe::ONE).to_bytes();
            add(false, "NotOnCurve", &format!("{name}; y + 1"), &x, &next);
            add(
                false,
                "NotOnCurve",
                &format!("{name}; x and y exchanged"),
                &y,
                &x,
            );
            add(false, "NotOnCurve", &format!("{name}; y = 0"), &x, &[0; 32]);
            add(false, "NotOnCurve", &format!("{name}; y = x"), &x, &x);
        }
    }
    let zero = point_at(&[0; 4], true);
    add(
        false,
        "Alias",
        "x = p, for 0",
        &limbs::to_bytes(&P),
        &zero.y.to_bytes(),
    );
    let low = point_at(&X_OF_SMALL_Y, true);
    assert_eq!(low.y.to_limbs(), one);
    add(
        false,
        "Alias",
        "y = p + 1, for 1",
        &low.x.to_bytes(),
        &plus(&P, &one),
    );
    add(
        false,
        "Alias",
        "x = p and y of x = 0 with p added where it can",
        &limbs::to_bytes(&P),
        &plus(&P, &one),
    );
    add(false, "Range", "all ones", &[0xFF; 32], &[0xFF; 32]);
    add(
        false,
        "Range",
        "y = p",
        &of_chance.x.to_bytes(),
        &limbs::to_bytes(&P),
    );
    add(
        false,
        "NotOnCurve",
        "all zeros: no way to write infinity",
        &[0; 32],
        &[0; 32],
    );
}

/// Numbers that are private keys and numbers that are not.
pub(super) fn secrets(cases: &mut Cases) {
    let one = [1, 0, 0, 0];
    for (d, comment) in [
        (small(1), "1"),
        (small(2), "2"),
        (small(0x8000_0000_0000_0000), "2^63"),
        (below_n(3), "n - 3"),
        (below_n(2), "n - 2, the highest"),
    ] {
        let xy = Key::of(&d).xy();
        let fields: &[(&str, &[u8])] = &[("d", &d.to_bytes()), ("xy", &xy)];
        cases.add("secret", true, "EdgeSecret", comment, fields);
    }
    for (d, comment) in [
        ([0; 32], "0"),
        (below_n(1).to_bytes(), "n - 1: 1 + d has no inverse"),
        (limbs::to_bytes(&N), "n"),
        (plus(&N, &one), "n + 1"),
        (plus(&N, &[2, 0, 0, 0]), "n + 2"),
        (limbs::to_bytes(&P), "p"),
        ([0xFF; 32], "2^256 - 1"),
    ] {
        cases.add("secret", false, "Range", comment, &[("d", &d)]);
    }
}

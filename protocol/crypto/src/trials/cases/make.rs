//! The file of cases out of seeds.

use std::collections::BTreeMap;
use std::format;
use std::string::String;

use tongtu_codec::hex_encode;

use super::special;
use crate::batch::sweep::Numbers;
use crate::curve::field::{Fe, Portable};
use crate::curve::limbs::{self, Limbs};
use crate::curve::multiple;
use crate::curve::order::{N, Scalar};
use crate::curve::point::Affine;
use crate::sm3;

/// What flags say, in the file's own words.
const FLAGS: &[(&str, &str)] = &[
    (
        "Alias",
        "a number that is another's modulo n or p, written with more than it should have",
    ),
    ("BitFlip", "one bit of a signature that holds was changed"),
    (
        "EdgeDigest",
        "the digest, which is taken modulo n, is at an edge",
    ),
    ("EdgeHalf", "r or s is at the edge of its range"),
    ("EdgeSecret", "the private key is at the edge of its range"),
    ("InfiniteSum", "s·G + t·P is the point at infinity"),
    ("LeadingZeros", "a number has zero bytes in front"),
    (
        "NotOnCurve",
        "coordinates of no point; of the twist, where compressed",
    ),
    (
        "OppositeGenerator",
        "the key is -G, whose private key n - 1 cannot sign; as a point it is a key",
    ),
    ("Prefix", "the first byte of a compressed point"),
    ("Range", "a number outside its range"),
    (
        "SameSummands",
        "s·G and t·P are equal, so that the last addition is a doubling",
    ),
    ("SpecialX", "the sum's x is at an edge: of n, p or p - n"),
    ("SumOfHalves", "r + s is n, so that t is zero"),
    (
        "Swapped",
        "halves of the signature, or signs, in another's place",
    ),
    ("Valid", "an ordinary signature or key"),
    ("WrongKey", "the signature holds under a related key"),
    (
        "WrongZ",
        "the digest was made with another Z than that of identifier and key",
    ),
];

/// A case as it is gathered.
pub(super) struct Cases {
    lines: Vec<String>,
    flags: BTreeMap<&'static str, u32>,
}

/// A key of which a signature is made: the point, and its number where there is one.
#[derive(Clone, Copy)]
pub(in crate::trials) struct Key {
    pub(in crate::trials) point: Affine,
}

impl Key {
    pub(in crate::trials) fn of(d: &Scalar) -> Self {
        let point = multiple::of_generator(d);
        Self { point }
    }

    pub(in crate::trials) fn xy(&self) -> [u8; 64] {
        let mut out = [0; 64];
        out[..32].copy_from_slice(&self.point.x.to_bytes());
        out[32..].copy_from_slice(&self.point.y.to_bytes());
        out
    }

    /// The digest over which r || s holds; none where the sum is no point.
    pub(in crate::trials) fn digest(&self, r: &Scalar, s: &Scalar) -> Option<[u8; 32]> {
        let sum = multiple::sum_vartime_by(Portable, s, &r.add(s), &self.point);
        let x =
            (!sum.is_infinity()).then(|| Scalar::reduce(&sum.to_affine(Portable).x.to_limbs()))?;
        Some(r.sub(&x).to_bytes())
    }

    /// The key under which r || s leads to this very sum.
    pub(in crate::trials) fn with_sum(sum: &Affine, r: &Scalar, s: &Scalar) -> Self {
        let t = r.add(s).invert();
        let back = t.times(&Scalar::default().sub(s));
        let point = multiple::sum_vartime_by(Portable, &back, &t.times(&Scalar::ONE), sum);
        Self {
            point: point.to_affine(Portable),
        }
    }
}

pub(super) fn small(number: u64) -> Scalar {
    Scalar::reduce(&[number, 0, 0, 0])
}

/// This much below n.
pub(super) fn below_n(number: u64) -> Scalar {
    Scalar::default().sub(&small(number))
}

pub(super) fn both(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(r);
    out[32..].copy_from_slice(s);
    out
}

pub(super) fn plus(a: &Limbs, b: &Limbs) -> [u8; 32] {
    let (sum, carry) = limbs::add(a, b);
    assert!(!carry, "a case's number has 32 bytes");
    limbs::to_bytes(&sum)
}

impl Cases {
    /// A case of a kind; `fields` are names and bytes.
    pub(super) fn add(
        &mut self,
        kind: &str,
        valid: bool,
        flag: &'static str,
        comment: &str,
        fields: &[(&str, &[u8])],
    ) {
        assert!(FLAGS.iter().any(|(name, _)| *name == flag), "{flag}");
        *self.flags.entry(flag).or_default() += 1;
        let id = self.lines.len() + 1;
        let result = if valid { "valid" } else { "invalid" };
        let mut line = format!(
            "{{\"id\": {id}, \"kind\": \"{kind}\", \"result\": \"{result}\", \"flags\": [\"{flag}\"], \
             \"comment\": \"{comment}\""
        );
        for (name, bytes) in fields {
            line += &format!(", \"{name}\": \"{}\"", hex_encode(bytes).to_lowercase());
        }
        self.lines.push(line + "}");
    }

    /// A signature over a digest.
    pub(super) fn digest(
        &mut self,
        valid: bool,
        flag: &'static str,
        comment: &str,
        (key, e, sig): (&Key, &[u8; 32], &[u8; 64]),
    ) {
        let fields: &[(&str, &[u8])] = &[("key", &key.xy()), ("e", e), ("sig", sig)];
        self.add("digest", valid, flag, comment, fields);
    }

    /// A signature that holds, by the digest that is made for it.
    pub(super) fn holds(
        &mut self,
        flag: &'static str,
        comment: &str,
        key: &Key,
        (r, s): (&Scalar, &Scalar),
    ) -> [u8; 32] {
        let e = key.digest(r, s).expect("the sum is a point");
        let sig = both(&r.to_bytes(), &s.to_bytes());
        self.digest(true, flag, comment, (key, &e, &sig));
        e
    }
}

/// Signs as the standard says, with a nonce that is given; the numbers are all public.
pub(super) fn sign(d: &Scalar, e: &[u8; 32], k: &Scalar) -> (Scalar, Scalar) {
    let x = Scalar::reduce(&multiple::of_generator(k).x.to_limbs());
    let r = Scalar::reduced(e).add(&x);
    let rd = d.times_public(&r);
    (r, d.add(&Scalar::ONE).invert().times(&k.sub(&rd)))
}

impl Scalar {
    /// A product by doubling and adding, so that cases do not rest on the fast one.
    pub(in crate::trials) fn times_public(&self, other: &Self) -> Self {
        (0..256).rev().fold(Self::default(), |sum, at| {
            let twice = sum.add(&sum);
            match limbs::bits(other.limbs(), at, 1) {
                1 => twice.add(self),
                _ => twice,
            }
        })
    }
}

/// A point with this x, which has one.
pub(super) fn point_at(x: &Limbs, odd: bool) -> Affine {
    let x = Fe::from_limbs(x).expect("below p");
    Affine::decompress(Portable, x, odd).expect("of a point")
}

/// The whole file.
pub(super) fn file() -> String {
    let mut cases = Cases {
        lines: Vec::new(),
        flags: BTreeMap::new(),
    };
    let mut numbers = Numbers(sm3::digest(b"sm2 cases"));
    ordinary(&mut cases, &mut numbers);
    ranges(&mut cases, &mut numbers);
    special::sums(&mut cases, &mut numbers);
    special::messages(&mut cases, &mut numbers);
    special::keys(&mut cases, &mut numbers);
    special::secrets(&mut cases);

    let mut out = String::from(
        "{\n  \"algorithm\": \"SM2 signatures (GB/T 32918.2) on the curve of GB/T 32918.5, identifier \
         1234567812345678\",\n  \"kinds\": {\n    \"digest\": \"sig over e under key, X || Y\",\n    \
         \"message\": \"the same over e = SM3(Z || msg)\",\n    \"compressed\": \"whether key is 02/03 \
         || X of a point, and which\",\n    \"xy\": \"whether key is X || Y of a point\",\n    \
         \"secret\": \"whether d is a private key, and of which key\"\n  },\n  \"flags\": {\n",
    );
    let used: Vec<String> = FLAGS
        .iter()
        .filter(|(name, _)| cases.flags.contains_key(name))
        .map(|(name, what)| format!("    \"{name}\": \"{what}\""))
        .collect();
    assert_eq!(used.len(), FLAGS.len(), "each flag has a case");
    out += &used.join(",\n");
    out += &format!(
        "\n  }},\n  \"count\": {},\n  \"cases\": [\n    ",
        cases.lines.len()
    );
    out += &cases.lines.join(",\n    ");
    out + "\n  ]\n}\n"
}

/// Keys at the edges, signatures of chance, and each with bits changed.
fn ordinary(cases: &mut Cases, numbers: &mut Numbers) {
    let edges = [
        (small(1), "d = 1, the key is G"),
        (small(2), "d = 2"),
        (below_n(2), "d = n - 2, the highest"),
        (below_n(3), "d = n - 3"),
    ];
    let chance = [0; 6].map(|_| (numbers.scalar(), "a key of chance"));
    for (d, comment) in edges.into_iter().chain(chance) {
        let key = Key::of(&d);
        let flag = if comment.starts_with('d') {
            "EdgeSecret"
        } else {
            "Valid"
        };
        let e = numbers.next();
        let (r, s) = sign(&d, &e, &numbers.scalar());
        let sig = both(&r.to_bytes(), &s.to_bytes());
        cases.digest(true, flag, comment, (&key, &e, &sig));
        for _ in 0..4 {
            let [part, bit, ..] = numbers.next();
            let (mut e, mut sig) = (e, sig);
            let bit = usize::from(bit);
            let at = match part % 3 {
                0 => &mut e[bit / 8],
                1 => &mut sig[bit / 8],
                _ => &mut sig[32 + bit / 8],
            };
            *at ^= 1 << (bit % 8);
            let name = ["e", "r", "s"][usize::from(part % 3)];
            let comment = format!("{comment}; bit {} of {name} changed", 255 - bit);
            cases.digest(false, "BitFlip", &comment, (&key, &e, &sig));
        }
        let opposite = Key {
            point: key.point.negated_where(u64::MAX),
        };
        let comment = format!("{comment}; under the opposite key, as a wrong parity gives it");
        cases.digest(false, "WrongKey", &comment, (&opposite, &e, &sig));
        let swapped = both(&s.to_bytes(), &r.to_bytes());
        cases.digest(false, "Swapped", "s || r", (&key, &e, &swapped));
        let negative = Scalar::default().sub(&s).to_bytes();
        let malleable = both(&r.to_bytes(), &negative);
        cases.digest(false, "Swapped", "r || n - s", (&key, &e, &malleable));
        let negative = Scalar::default().sub(&r).to_bytes();
        let other = both(&negative, &s.to_bytes());
        cases.digest(false, "Swapped", "n - r || s", (&key, &e, &other));
        let other = limbs::to_bytes(&limbs::sub(&N, Scalar::reduced(&e).limbs()).0);
        cases.digest(false, "EdgeDigest", "n - e", (&key, &other, &sig));
    }
}

/// r, s and e at the ends of their ranges and beyond.
fn ranges(cases: &mut Cases, numbers: &mut Numbers) {
    let key = Key::of(&numbers.scalar());
    let middle = numbers.scalar();
    let edges = [
        (small(1), "1"),
        (small(2), "2"),
        (below_n(1), "n - 1"),
        (below_n(2), "n - 2"),
    ];
    for (edge, name) in &edges {
        cases.holds("EdgeHalf", &format!("r = {name}"), &key, (edge, &middle));
        cases.holds("EdgeHalf", &format!("s = {name}"), &key, (&middle, edge));
        for (other, second) in &edges {
            if edge.add(other).is_zero() {
                let sig = both(&edge.to_bytes(), &other.to_bytes());
                let comment = format!("r = {name}, s = {second}");
                let e = numbers.next();
                cases.digest(false, "SumOfHalves", &comment, (&key, &e, &sig));
            } else {
                let comment = format!("r = {name}, s = {second}");
                cases.holds("EdgeHalf", &comment, &key, (edge, other));
            }
        }
    }
    for _ in 0..6 {
        let r = numbers.scalar();
        let s = Scalar::default().sub(&r);
        let sig = both(&r.to_bytes(), &s.to_bytes());
        // With t = 0 the sum is s·G: over this digest it would have the x that is asked for.
        let x = Scalar::reduce(&multiple::of_generator(&s).x.to_limbs());
        let e = r.sub(&x).to_bytes();
        let comment = "r + s = n, and s·G has the x that e asks for";
        cases.digest(false, "SumOfHalves", comment, (&key, &e, &sig));
    }
    // Out of range, where the number itself, reduced, would do.
    let (r, s) = (small(5), small(7));
    let e = cases.holds("EdgeHalf", "r = 5, s = 7", &key, (&r, &s));
    let aliases = [
        (
            both(&plus(&N, r.limbs()), &s.to_bytes()),
            "r + n in r's place",
        ),
        (
            both(&r.to_bytes(), &plus(&N, s.limbs())),
            "s + n in s's place",
        ),
        (
            both(&plus(&N, r.limbs()), &plus(&N, s.limbs())),
            "both with n added",
        ),
    ];
    for (sig, comment) in &aliases {
        cases.digest(false, "Alias", comment, (&key, &e, sig));
    }
    let one = [1, 0, 0, 0];
    let ends = [
        ([0; 32], "0"),
        (limbs::to_bytes(&N), "n"),
        (plus(&N, &one), "n + 1"),
        (limbs::to_bytes(&crate::curve::field::P), "p"),
        ([0xFF; 32], "2^256 - 1"),
    ];
    for (end, name) in &ends {
        let middle = middle.to_bytes();
        // e such that a verification without the range check would have the right x.
        let reduced = Scalar::reduced(end);
        for (first, sig) in [(true, both(end, &middle)), (false, both(&middle, end))] {
            let (r, s) = match first {
                true => (reduced, Scalar::reduced(&middle)),
                false => (Scalar::reduced(&middle), reduced),
            };
            let e = if s.is_zero() {
                [3; 32]
            } else {
                key.digest(&r, &s).expect("a point")
            };
            let half = if first { "r" } else { "s" };
            cases.digest(
                false,
                "Range",
                &format!("{half} = {name}"),
                (&key, &e, &sig),
            );
        }
        for (other, second) in &ends {
            let comment = format!("r = {name}, s = {second}");
            let e = numbers.next();
            cases.digest(false, "Range", &comment, (&key, &e, &both(end, other)));
        }
    }
    // A digest is any 256 bits.
    for (e, name) in [
        ([0; 32], "0"),
        (small(1).to_bytes(), "1"),
        (below_n(1).to_bytes(), "n - 1"),
        (limbs::to_bytes(&N), "n"),
        (plus(&N, &one), "n + 1"),
        ([0xFF; 32], "2^256 - 1"),
    ] {
        let d = numbers.scalar();
        let (r, s) = sign(&d, &e, &numbers.scalar());
        let sig = both(&r.to_bytes(), &s.to_bytes());
        let comment = format!("e = {name}");
        cases.digest(true, "EdgeDigest", &comment, (&Key::of(&d), &e, &sig));
    }
    let (d, e) = (numbers.scalar(), small(9).to_bytes());
    let (r, s) = sign(&d, &e, &numbers.scalar());
    let sig = both(&r.to_bytes(), &s.to_bytes());
    let same = plus(&N, small(9).limbs());
    cases.digest(
        true,
        "EdgeDigest",
        "e = 9 and e = n + 9 are one",
        (&Key::of(&d), &same, &sig),
    );
}

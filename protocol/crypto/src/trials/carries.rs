//! Carries that chance never meets: inputs of a multiplication that were searched for.
//!
//! Of random numbers a carry passes a whole limb once in 2^64. So numbers are put together of limbs at
//! their edges, a model of the two reductions says which carries, borrows and last subtractions each pair
//! meets, and the first pair for each is kept in `tests/vectors/sm2_carries.txt`, with the product that
//! plain long multiplication gives. `TONGTU_WRITE_CASES` searches and writes anew. What no pair can meet is
//! not there: no two numbers below p and not zero have a product that is 0.
//!
//! The numbers are what lies in memory, in Montgomery's form or not: the product is a · b / 2^256. For the
//! lanes, whose form is another and whose reductions are put off, keys and sums are made whose coordinates
//! are at edges in either form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{format, string::String};

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_foreign::Witness;

use super::cases::make::Key;
use crate::batch::sweep::Numbers;
use crate::batch::{KeyShelf, Signed, read_keys, verify_batch};
use crate::curve::field::{Arithmetic as _, Fe, P, Portable};
use crate::curve::limbs::{self, Limbs};
use crate::curve::order::{N, Scalar};
use crate::curve::point::Affine;
use crate::{PublicKey, Signature, sm3, trial};

/// a + b with carries told by 128 bits.
fn plus(a: u64, b: u64, carry: &mut bool) -> u64 {
    let sum = u128::from(a) + u128::from(b) + u128::from(*carry);
    *carry = sum >> 64 != 0;
    u64::try_from(sum & u128::from(u64::MAX)).expect("64 bits")
}

fn minus(a: u64, b: u64, borrow: &mut bool) -> u64 {
    let taken = u128::from(b) + u128::from(*borrow);
    *borrow = u128::from(a) < taken;
    let rest = u128::from(a) + (u128::from(*borrow) << 64) - taken;
    u64::try_from(rest).expect("64 bits")
}

/// Long multiplication.
fn product(a: &Limbs, b: &Limbs) -> [u64; 8] {
    let mut out = [0u64; 8];
    for (i, a) in a.iter().enumerate() {
        let mut over = 0u128;
        for (j, b) in b.iter().enumerate() {
            let sum = u128::from(*a) * u128::from(*b) + u128::from(out[i + j]) + over;
            out[i + j] = u64::try_from(sum & u128::from(u64::MAX)).expect("64 bits");
            over = sum >> 64;
        }
        out[i + 4] = u64::try_from(over).expect("64 bits");
    }
    out
}

/// A number modulo another, bit by bit from the top.
fn modulo(number: &[u64; 8], modulus: &Limbs) -> Limbs {
    let mut out = [0u64; 4];
    for bit in (0..512).rev() {
        let mut carry = number[bit / 64] >> (bit % 64) & 1 == 1;
        out = out.map(|limb| plus(limb, limb, &mut carry));
        let (mut borrow, mut less) = (false, out);
        for (less, modulus) in less.iter_mut().zip(modulus) {
            *less = minus(*less, *modulus, &mut borrow);
        }
        if carry || !borrow {
            out = less;
        }
    }
    out
}

/// a · b / 2^256: what multiplied by 2^256 is a · b. By halving 256 times.
fn expected(a: &Limbs, b: &Limbs, modulus: &Limbs) -> Limbs {
    let mut out = modulo(&product(a, b), modulus);
    for _ in 0..256 {
        let mut carry = false;
        if out[0] & 1 == 1 {
            for (limb, modulus) in out.iter_mut().zip(modulus) {
                *limb = plus(*limb, *modulus, &mut carry);
            }
        }
        for at in 0..4 {
            let above = if at == 3 {
                u64::from(carry)
            } else {
                out[at + 1] & 1
            };
            out[at] = out[at] >> 1 | above << 63;
        }
    }
    out
}

/// What a pair meets.
type Met = BTreeSet<String>;
/// The model of a reduction.
type MetBy = fn(&Limbs, &Limbs) -> Met;

/// The last subtraction, of a number below twice the modulus.
fn last(high: &[u64], carry: bool, modulus: &Limbs, met: &mut Met) {
    let (mut borrow, mut less) = (false, [0; 4]);
    for ((less, limb), modulus) in less.iter_mut().zip(high).zip(modulus) {
        *less = minus(*limb, *modulus, &mut borrow);
    }
    let result = if carry || !borrow { &less[..] } else { high };
    let how = match (carry, borrow) {
        (true, _) => "subtracted after a carry",
        (false, false) => "subtracted without a carry",
        (false, true) => "not subtracted",
    };
    met.insert(how.into());
    let mut one_less = [1, 0, 0, 0];
    let mut borrow = false;
    for (one_less, modulus) in one_less.iter_mut().zip(modulus) {
        *one_less = minus(*modulus, *one_less, &mut borrow);
    }
    for (value, name) in [
        ([0; 4], "0"),
        ([1, 0, 0, 0], "1"),
        (one_less, "the modulus less 1"),
    ] {
        if result == value {
            met.insert(format!("the result is {name}, {how}"));
        }
    }
    for (at, limb) in result.iter().enumerate() {
        if *limb == u64::MAX {
            met.insert(format!("limb {at} of the result is all ones, {how}"));
        }
    }
}

/// What the field's reduction meets: four steps of which each adds m · (2^256 - 2^224 - 2^96 + 2^64), and
/// a second row of carries.
fn met_in_field(a: &Limbs, b: &Limbs) -> Met {
    let mut met = Met::new();
    let mut t = product(a, b);
    let mut pending = false;
    for at in 0..4 {
        let m = t[at];
        let (low, high) = (m << 32, m >> 32);
        let mut borrow = false;
        let mut part = [0; 4];
        for (number, (from, taken)) in [(m, low), (0, high), (0, low), (m, high)]
            .into_iter()
            .enumerate()
        {
            part[number] = minus(from, taken, &mut borrow);
            if borrow {
                met.insert(format!("step {at}: borrow {number} of m's multiple"));
            }
        }
        assert!(!borrow, "a multiple of m is not negative");
        let mut carry = false;
        for (number, part) in part.into_iter().enumerate() {
            t[at + 1 + number] = plus(t[at + 1 + number], part, &mut carry);
            if carry {
                met.insert(format!("step {at}: carry {number}"));
            }
        }
        // The carry goes into the limb after, in the next step's place.
        let mut second = pending;
        let into = &mut t[at + 4];
        let before = *into;
        *into = plus(*into, 0, &mut second);
        if second {
            assert_eq!(before, u64::MAX);
            met.insert(format!("step {at}: a carry passes a limb of ones"));
        }
        pending = carry | second;
    }
    last(&t[4..], pending, &P, &mut met);
    met
}

/// -1 / n mod 2^64.
const DIGIT: u64 = 0x327F_9E88_7235_0975;

/// What the reduction modulo n meets.
fn met_in_order(a: &Limbs, b: &Limbs) -> Met {
    let mut met = Met::new();
    let mut t = product(a, b);
    let mut pending = false;
    for at in 0..4 {
        let m = t[at].wrapping_mul(DIGIT);
        let mut over = 0u128;
        for (number, n) in N.iter().enumerate() {
            let sum = u128::from(m) * u128::from(*n) + u128::from(t[at + number]) + over;
            t[at + number] = u64::try_from(sum & u128::from(u64::MAX)).expect("64 bits");
            over = sum >> 64;
            if over == u128::from(u64::MAX) {
                met.insert(format!("step {at}: the highest carry out of {number}"));
            }
        }
        assert_eq!(t[at], 0);
        if m == 0 || m == u64::MAX {
            met.insert(format!("step {at}: digit {m:x}"));
        }
        let was = pending;
        let sum = u128::from(t[at + 4]) + over + u128::from(pending);
        t[at + 4] = u64::try_from(sum & u128::from(u64::MAX)).expect("64 bits");
        pending = sum >> 64 != 0;
        if pending {
            met.insert(format!(
                "step {at}: carry{}",
                if was { " after a carry" } else { "" }
            ));
        }
    }
    last(&t[4..], pending, &N, &mut met);
    met
}

/// A number below the modulus, of limbs at their edges and near the modulus' own.
fn number(numbers: &mut Numbers, modulus: &Limbs) -> Limbs {
    loop {
        let choice = numbers.next();
        let mut out = limbs::from_bytes(&numbers.next());
        for (at, limb) in out.iter_mut().enumerate() {
            let [which, small, shift, ..] = choice[at * 8..] else {
                unreachable!("32 bytes are four times eight");
            };
            let small = u64::from(small % 4);
            *limb = match which % 16 {
                0..3 => small,
                3..6 => u64::MAX - small,
                6 => 1 << (shift % 64),
                7 => !(1 << (shift % 64)),
                8 => u64::MAX << (shift % 64),
                9 => u64::MAX >> (shift % 64),
                10 => modulus[at].wrapping_add(small),
                11 => modulus[at].wrapping_sub(small),
                12 => 0x0000_0001_0000_0000 + small,
                13 => 0xFFFF_FFFF_0000_0000 - small,
                _ => *limb,
            };
        }
        let mut borrow = false;
        for (limb, modulus) in out.iter().zip(modulus) {
            minus(*limb, *modulus, &mut borrow);
        }
        if borrow {
            return out;
        }
    }
}

/// b such that a · b / 2^256 is a given number: products can be aimed at.
fn aimed(a: &Limbs, target: &Limbs, modulus: &Limbs) -> Limbs {
    // a^-1 by Fermat, in the form: each product divides by 2^256.
    let two_less = {
        let mut borrow = false;
        let mut out = [2, 0, 0, 0];
        for (out, modulus) in out.iter_mut().zip(modulus) {
            *out = minus(*modulus, *out, &mut borrow);
        }
        out
    };
    let mut wide = [0; 8];
    wide[4] = 1;
    let one = modulo(&wide, modulus);
    let mut power = one;
    for bit in (0..256).rev() {
        power = expected(&power, &power, modulus);
        if two_less[bit / 64] >> (bit % 64) & 1 == 1 {
            power = expected(&power, a, modulus);
        }
    }
    // a · power / 2^256 is 2^256 now, so that with the target in the place of 2^256 the target is left.
    expected(&power, target, modulus)
}

const TRIES: usize = 60_000;
const AIMED: usize = 12;

/// The first pair that meets each thing.
fn search(modulus: &Limbs, met_by: MetBy) -> BTreeMap<String, (Limbs, Limbs)> {
    let mut numbers = Numbers(sm3::digest(&limbs::to_bytes(modulus)));
    let mut out = BTreeMap::new();
    let mut keep = |a: Limbs, b: Limbs| {
        for what in met_by(&a, &b) {
            out.entry(what).or_insert((a, b));
        }
    };
    for _ in 0..TRIES {
        let (a, b) = (number(&mut numbers, modulus), number(&mut numbers, modulus));
        keep(a, b);
        keep(a, a);
    }
    let mut less = [0; 4];
    for small in 1..=3 {
        let mut borrow = false;
        for (at, less) in less.iter_mut().enumerate() {
            *less = minus(modulus[at], if at == 0 { small } else { 0 }, &mut borrow);
        }
        for target in [[small - 1, 0, 0, 0], less] {
            for _ in 0..AIMED {
                let a = number(&mut numbers, modulus);
                if a != [0; 4] {
                    keep(a, aimed(&a, &target, modulus));
                }
            }
        }
    }
    for at in 0..4 {
        for _ in 0..AIMED {
            let mut target = number(&mut numbers, modulus);
            target[at] = u64::MAX;
            target[3] &= u64::MAX >> 1;
            let a = number(&mut numbers, modulus);
            if a != [0; 4] {
                keep(a, aimed(&a, &target, modulus));
            }
        }
    }
    out
}

const RINGS: [(&str, &Limbs, MetBy); 2] = [("p", &P, met_in_field), ("n", &N, met_in_order)];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sm2_carries.txt")
}

fn found() -> String {
    let mut out = String::from(
        "# Products a * b / 2^256 modulo p and n of SM2's curve that meet rare carries, by a search over\n\
         # limbs at their edges (src/trials/carries.rs). Modulus, a, b, product; what it is kept for.\n",
    );
    for (name, modulus, met_by) in RINGS {
        for (what, (a, b)) in search(modulus, met_by) {
            let product = expected(&a, &b, modulus);
            let [a, b, product] = [a, b, product].map(|n| hex_encode(&limbs::to_bytes(&n)));
            out += &format!("{name} {a} {b} {product} {what}\n").to_lowercase();
        }
    }
    out
}

/// The file's lines: modulus, a, b, product, what for.
fn kept() -> Vec<(String, Limbs, Limbs, Limbs, String)> {
    let text = std::fs::read_to_string(path()).expect("the file is in the repository");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.splitn(5, ' ').collect();
            let number = |at: usize| {
                let bytes = hex_decode(parts[at]).expect("hex");
                limbs::from_bytes(&bytes.try_into().expect("32 bytes"))
            };
            (
                parts[0].into(),
                number(1),
                number(2),
                number(3),
                parts[4].into(),
            )
        })
        .collect()
}

/// The number of the field that lies in memory as these limbs.
fn lying(limbs: &Limbs) -> Fe {
    let form = Fe::from_limbs(&power_of_two(256)).expect("below p");
    let number = Fe::from_limbs(limbs).expect("below p");
    Portable.mul(&number, &Portable.invert(&form))
}

/// 2^exponent mod p.
fn power_of_two(exponent: usize) -> Limbs {
    let mut wide = [0; 8];
    wide[exponent / 64] = 1 << (exponent % 64);
    modulo(&wide, &P)
}

#[test]
fn the_search_finds_what_lies_in_the_file() {
    let found = found();
    if std::env::var_os("TONGTU_WRITE_CASES").is_some() {
        std::fs::write(path(), &found).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(path()).expect("the file is in the repository");
    assert!(found == kept, "TONGTU_WRITE_CASES=1 writes it anew");
}

#[test]
fn products_that_meet_rare_carries_are_right() {
    let (mut of_p, mut of_n) = (0, 0);
    for (modulus, a, b, product, what) in kept() {
        if modulus == "p" {
            of_p += 1;
            let (a, b) = (lying(&a), lying(&b));
            assert!(a.mul(&b) == lying(&product), "{what}");
            assert!(b.mul(&a) == lying(&product), "{what}");
            if a == b {
                assert!(a.square() == lying(&product), "{what}");
            }
        } else {
            of_n += 1;
            let (form, b, product) = (
                Scalar::reduce(&expected(&a, &[1, 0, 0, 0], &N)),
                Scalar::reduce(&b),
                Scalar::reduce(&product),
            );
            // What is ready to multiply with lies in memory as 2^256 times itself: as a.
            let factor = form.invert().times(&Scalar::ONE).invert();
            assert!(factor.times(&b) == product, "{what}");
        }
    }
    assert!(of_p > 40 && of_n > 30, "{of_p}, {of_n}");
}

/// x of points that lie in memory at edges: in the portable form, 2^256, and in those of lanes, 2^260 and 2^261.
fn edge_points(numbers: &mut Numbers, count: usize) -> Vec<Affine> {
    let forms = [256, 260, 261].map(|exponent| {
        let form = Fe::from_limbs(&power_of_two(exponent)).expect("below p");
        Portable.invert(&form)
    });
    let mut out = Vec::new();
    while out.len() < count {
        let edged = limbs::from_bytes(&numbers.edged_in([64, 52, 29]));
        let form = forms[out.len() % forms.len()];
        let point = Fe::from_limbs(&edged)
            .map(|edged| Portable.mul(&edged, &form))
            .and_then(|x| Affine::decompress(Portable, x, out.len() % 5 < 2));
        out.extend(point);
    }
    out
}

#[test]
fn keys_and_sums_at_edges_of_either_form_are_openssls() {
    let mut openssl = Witness::call("edges");
    let mut numbers = Numbers(sm3::digest(b"edge points"));
    let mut left = super::questions(600);
    while left > 0 {
        let count = left.min(200);
        left -= count;
        let claims: Vec<(PublicKey, [u8; 32], Signature, bool)> = edge_points(&mut numbers, count)
            .into_iter()
            .enumerate()
            .filter_map(|(number, point)| {
                let (r, s) = (numbers.scalar(), numbers.scalar());
                if r.add(&s).is_zero() {
                    return None;
                }
                // The point is the key, or the sum.
                let key = match number % 4 {
                    0 | 1 => Key { point },
                    _ => Key::with_sum(&point, &r, &s),
                };
                let mut e = key.digest(&r, &s)?;
                let holds = number % 5 != 0;
                if !holds {
                    e[31 - number % 32] ^= 1;
                }
                let mut signature = Signature([0; 64]);
                signature.0[..32].copy_from_slice(&r.to_bytes());
                signature.0[32..].copy_from_slice(&s.to_bytes());
                let key = PublicKey::from_xy(&key.xy()).expect("a point");
                Some((key, e, signature, holds))
            })
            .collect();
        let packed: Vec<[u8; 33]> = claims.iter().map(|(key, ..)| key.to_compressed()).collect();
        let batch: Vec<Signed<'_>> = claims
            .iter()
            .map(|(key, e, signature, _)| Signed::over_digest(key, *e, *signature))
            .collect();
        trial::at_each_level(|level| {
            let together = verify_batch(&batch);
            for (place, (key, e, signature, holds)) in claims.iter().enumerate() {
                let single = key.verify_digest(e, signature);
                assert_eq!(single.is_ok(), *holds, "{level} {key:?} {signature:?}");
                assert_eq!(together[place], single, "{level} {key:?} {signature:?}");
            }
            for (read, (key, ..)) in read_keys(&packed).into_iter().zip(&claims) {
                assert_eq!(read.as_ref(), Ok(key), "{level}");
            }
        });
        let many = std::vec![batch[0]; 520];
        let holds = claims[0].3;
        trial::at_each_level(|level| {
            let mut shelf = KeyShelf::new(1);
            for _ in 0..2 {
                let verdicts = shelf.verify(&many);
                assert!(verdicts.iter().all(|v| v.is_ok() == holds), "{level}");
            }
        });
        if let Some(openssl) = &mut openssl {
            let asked: Vec<_> = claims
                .iter()
                .map(|(key, e, signature, _)| (key.to_xy(), *e, signature.0))
                .collect();
            for (theirs, (key, .., holds)) in openssl.verify(&asked).iter().zip(&claims) {
                assert_eq!(theirs, holds, "{key:?}");
            }
        }
    }
}

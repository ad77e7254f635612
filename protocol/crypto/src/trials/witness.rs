//! Every level of kernels against OpenSSL's library, in thousands of questions or as many as are asked
//! for: random ones, and ones at the edges of limbs, orders and signs.

use std::collections::BTreeMap;

use tongtu_foreign::{Chaining, Point, Witness};

use super::{asked, questions};
use crate::batch::sweep::{Numbers, holding};
use crate::batch::{KeyShelf, Signed, read_keys, verify_batch};
use crate::curve::field::Portable;
use crate::curve::limbs;
use crate::curve::multiple;
use crate::curve::order::{N, Scalar};
use crate::lanes::{self, Chain, DesMac};
use crate::mac::{SessionKey, eight_bytes};
use crate::{Algorithm, BlockKey, PublicKey, SecretKey, Signature, sm3, trial};

/// So many are asked together.
const ROUND: usize = 500;
/// After so many a long run says how far it has come: all of them held.
const TOLD: usize = 100_000;

/// Asks `ROUND` at a time, as many as are asked for or else `count`.
#[expect(clippy::print_stderr, reason = "a run that was asked for takes hours")]
fn rounds(count: usize, mut round: impl FnMut(usize)) {
    let all = questions(count);
    let mut done = 0;
    while done < all {
        let now = ROUND.min(all - done);
        round(now);
        done += now;
        if asked().is_some() && done.is_multiple_of(TOLD) {
            eprintln!("{done} of {all} asked");
        }
    }
}

fn numbers(name: &str) -> Numbers {
    let seed = std::env::var("TONGTU_TRIALS_SEED").unwrap_or_default();
    Numbers(sm3::digest_parts(&[name.as_bytes(), seed.as_bytes()]))
}

/// A signature under a key over a digest, of a kind that the number says: some hold, some nearly.
fn any_claim(numbers: &mut Numbers, key: &SecretKey, kind: usize) -> ([u8; 32], Signature) {
    let mut signature = Signature([0; 64]);
    let mut halves = |r: [u8; 32], s: [u8; 32]| {
        signature.0[..32].copy_from_slice(&r);
        signature.0[32..].copy_from_slice(&s);
        signature
    };
    match kind % 8 {
        0..4 => {
            let made = holding(numbers, key, false);
            let (mut e, mut signature) = made.unwrap_or(([1; 32], Signature([1; 64])));
            if kind % 4 == 3 {
                let which = numbers.next();
                let bit = usize::from(which[0]);
                match which[1] % 3 {
                    0 => e[bit / 8] ^= 1 << (bit % 8),
                    more => {
                        signature.0[32 * usize::from(more - 1) + bit / 8] ^= 1 << (bit % 8);
                    }
                }
            }
            (e, signature)
        }
        4 => {
            let e = numbers.edged();
            (e, key.sign(&e))
        }
        5 => (
            numbers.edged(),
            halves(numbers.edged(), numbers.scalar().to_bytes()),
        ),
        6 => {
            // r + s = n: t is zero, and no sum can make up for it.
            let r = numbers.scalar();
            let s = Scalar::default().sub(&r);
            (numbers.edged(), halves(r.to_bytes(), s.to_bytes()))
        }
        _ => {
            // At the ends of the range and just beyond.
            let near = |number: &mut Numbers| {
                let [small, sign, ..] = number.next();
                let small = [u64::from(small % 3), 0, 0, 0];
                let (above, _) = limbs::add(&N, &small);
                let (below, _) = limbs::sub(&N, &small);
                limbs::to_bytes(match sign % 3 {
                    0 => &small,
                    1 => &above,
                    _ => &below,
                })
            };
            let (r, s) = (near(numbers), near(numbers));
            (numbers.edged(), halves(r, s))
        }
    }
}

#[test]
fn signatures_hold_for_openssl_and_for_every_level_or_for_none() {
    let Some(mut openssl) = Witness::call("verify") else {
        return;
    };
    let mut numbers = numbers("verify");
    let keys: Vec<SecretKey> = (0..12).map(|_| numbers.key()).collect();
    // One for each level, whose tables are in the form that the level reads.
    let mut shelves: BTreeMap<&str, KeyShelf> = BTreeMap::new();
    let (mut good, mut bad) = (0, 0);
    rounds(4000, |count| {
        let fresh = numbers.key();
        let claims: Vec<(&PublicKey, [u8; 32], Signature)> = (0..count)
            .map(|number| {
                let key = keys.get(number % 14).unwrap_or(&fresh);
                let (e, signature) = any_claim(&mut numbers, key, number / 14);
                (key.public(), e, signature)
            })
            .collect();
        let asked: Vec<_> = claims
            .iter()
            .map(|(key, e, signature)| (key.to_xy(), *e, signature.0))
            .collect();
        let theirs = openssl.verify(&asked);
        let batch: Vec<Signed<'_>> = claims
            .iter()
            .map(|(key, e, signature)| Signed::over_digest(key, *e, *signature))
            .collect();
        trial::at_each_level(|level| {
            let together = verify_batch(&batch);
            let shelf = shelves.entry(level).or_insert_with(|| KeyShelf::new(6));
            let shelved = shelf.verify(&batch);
            for (place, (key, e, signature)) in claims.iter().enumerate() {
                let ours = [
                    key.verify_digest(e, signature),
                    together[place],
                    shelved[place],
                ];
                let ours = ours.map(|verdict| verdict.is_ok());
                let asked = format!("{level}: {key:?} {e:02x?} {signature:?}");
                assert_eq!(ours, [theirs[place]; 3], "{asked}");
            }
        });
        good += theirs.iter().filter(|holds| **holds).count();
        bad += theirs.iter().filter(|holds| !**holds).count();
    });
    assert!(good > bad / 3 && bad > good / 3, "{good} and {bad}");
}

#[test]
fn signatures_made_here_are_the_same_at_every_level_and_hold_there() {
    let Some(mut openssl) = Witness::call("made") else {
        return;
    };
    let mut numbers = numbers("made");
    rounds(1500, |count| {
        let key = numbers.key();
        let xy = key.public().to_xy();
        let messages: Vec<[u8; 32]> = (0..count).map(|_| numbers.next()).collect();
        let given: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
        let e = |message: &[u8]| sm3::digest_parts(&[key.public().z(), message]);
        let ours = key.sign_batch(&given);
        trial::at_each_level(|level| {
            assert_eq!(key.sign_batch(&given), ours, "{level}");
            for (message, signature) in messages.iter().zip(&ours) {
                assert_eq!(key.sign(message), *signature, "{level}");
            }
        });
        let asked: Vec<_> = messages
            .iter()
            .zip(&ours)
            .map(|(message, signature)| (xy, e(message), signature.0))
            .collect();
        assert!(openssl.verify(&asked).iter().all(|holds| *holds), "{key:?}");
    });
}

#[test]
fn signatures_made_there_hold_here() {
    let Some(mut openssl) = Witness::call("sign") else {
        return;
    };
    let mut numbers = numbers("sign");
    rounds(1500, |count| {
        let key = numbers.key();
        let xy = key.public().to_xy();
        let d = *key.danger_to_bytes();
        let asked: Vec<_> = (0..count).map(|_| (d, xy, numbers.next())).collect();
        let theirs = openssl.sign(&asked);
        let batch: Vec<Signed<'_>> = asked
            .iter()
            .zip(&theirs)
            .map(|((_, _, e), signature)| {
                Signed::over_digest(key.public(), *e, Signature(*signature))
            })
            .collect();
        trial::at_each_level(|level| {
            assert!(verify_batch(&batch).iter().all(Result::is_ok), "{level}");
        });
    });
}

#[test]
fn bytes_are_the_same_point_for_openssl_and_for_every_level() {
    let Some(mut openssl) = Witness::call("points") else {
        return;
    };
    let mut numbers = numbers("points");
    rounds(4000, |count| {
        let packed: Vec<[u8; 33]> = (0..count)
            .map(|number| {
                let mut out = [0; 33];
                out[0] = 2 + u8::from(number % 2 == 1);
                let x = match number % 5 {
                    // A point that there is.
                    0 => {
                        let key = numbers.key();
                        key.public().to_compressed()[1..].try_into().expect("x")
                    }
                    _ => numbers.edged(),
                };
                out[1..].copy_from_slice(&x);
                out
            })
            .collect();
        let given: Vec<&[u8]> = packed.iter().map(|bytes| &bytes[..]).collect();
        let theirs = openssl.points(&given);
        trial::at_each_level(|level| {
            for (together, (bytes, theirs)) in
                read_keys(&packed).iter().zip(packed.iter().zip(&theirs))
            {
                let single = PublicKey::from_compressed(bytes);
                assert_eq!(single, *together, "{level} {bytes:02x?}");
                let ours = single.map_or(Point::None, |key| Point::Affine(key.to_xy()));
                assert_eq!(ours, *theirs, "{level} {bytes:02x?}");
            }
        });
        // Whole points, and ones a little beside the curve.
        let whole: Vec<[u8; 65]> = theirs
            .iter()
            .enumerate()
            .filter_map(|(number, point)| {
                let Point::Affine(xy) = point else {
                    return None;
                };
                let mut out = [4; 65];
                out[1..].copy_from_slice(xy);
                if number % 3 == 0 {
                    let bit = usize::from(numbers.next()[0]) * 2 + number % 2;
                    out[1 + bit / 8] ^= 1 << (bit % 8);
                }
                Some(out)
            })
            .collect();
        let given: Vec<&[u8]> = whole.iter().map(|bytes| &bytes[..]).collect();
        for (bytes, theirs) in whole.iter().zip(openssl.points(&given)) {
            let ours = PublicKey::from_xy(bytes[1..].try_into().expect("64 bytes"));
            let ours = ours.map_or(Point::None, |key| Point::Affine(key.to_xy()));
            assert_eq!(ours, theirs, "{bytes:02x?}");
        }
    });
}

#[test]
fn sums_of_multiples_are_openssls() {
    let Some(mut openssl) = Witness::call("sums") else {
        return;
    };
    let mut numbers = numbers("sums");
    rounds(2000, |count| {
        let asked: Vec<(Scalar, Scalar, SecretKey)> = (0..count)
            .map(|number| {
                let (s, key) = (numbers.scalar(), numbers.key());
                let t = numbers.scalar();
                let one = SecretKey::from_bytes(&Scalar::ONE.to_bytes()).expect("in range");
                match number % 5 {
                    // Under G itself: additions that double, and sums that are nothing.
                    0 => (s, Scalar::default().sub(&s), one),
                    1 => (s, s, one),
                    2 => (s, t, one),
                    _ => (s, t, key),
                }
            })
            .collect();
        let given: Vec<_> = asked
            .iter()
            .map(|(s, t, key)| (s.to_bytes(), t.to_bytes(), key.public().to_xy()))
            .collect();
        let theirs = openssl.sums(&given);
        trial::at_each_level(|level| {
            for ((s, t, key), theirs) in asked.iter().zip(&theirs) {
                let point = key.public().point();
                let sum = multiple::sum_vartime(s, t, point);
                let ours = match sum.is_infinity() {
                    true => Point::Infinity,
                    false => {
                        let affine = sum.to_affine(Portable);
                        let mut xy = [0; 64];
                        xy[..32].copy_from_slice(&affine.x.to_bytes());
                        xy[32..].copy_from_slice(&affine.y.to_bytes());
                        Point::Affine(xy)
                    }
                };
                assert_eq!(ours, *theirs, "{level} {s:?} {t:?} {key:?}");
            }
        });
    });
}

#[test]
fn keys_are_those_that_openssl_makes_of_the_same_number() {
    let Some(mut openssl) = Witness::call("keys") else {
        return;
    };
    let mut numbers = numbers("keys");
    let generator = SecretKey::from_bytes(&Scalar::ONE.to_bytes()).expect("in range");
    let generator = generator.public().to_xy();
    rounds(2000, |count| {
        let secrets: Vec<[u8; 32]> = (0..count)
            .map(|_| *numbers.key().danger_to_bytes())
            .collect();
        let asked: Vec<_> = secrets.iter().map(|d| (*d, [0; 32], generator)).collect();
        let theirs = openssl.sums(&asked);
        trial::at_each_level(|level| {
            for (d, theirs) in secrets.iter().zip(&theirs) {
                let key = SecretKey::from_bytes(d).expect("in range");
                assert_eq!(
                    Point::Affine(key.public().to_xy()),
                    *theirs,
                    "{level} {d:02x?}"
                );
            }
        });
    });
}

/// A message of up to so many bytes.
fn message(numbers: &mut Numbers, most: usize) -> Vec<u8> {
    let choice = numbers.next();
    let len = usize::from(u16::from_be_bytes([choice[0], choice[1]])) % (most + 1);
    let mut out = Vec::with_capacity(len + 32);
    while out.len() < len {
        out.extend(numbers.edged());
    }
    out.truncate(len);
    out
}

fn block16(numbers: &mut Numbers) -> [u8; 16] {
    numbers.edged()[..16].try_into().expect("half of 32")
}

#[test]
fn digests_are_openssls() {
    let Some(mut openssl) = Witness::call("digests") else {
        return;
    };
    let mut numbers = numbers("digests");
    rounds(10_000, |count| {
        let messages: Vec<Vec<u8>> = (0..count).map(|_| message(&mut numbers, 400)).collect();
        let given: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let theirs = openssl.digests(&given);
        trial::at_each_level(|level| {
            assert_eq!(sm3::digest_each(&given), theirs, "{level}");
            for (message, theirs) in given.iter().zip(&theirs) {
                assert_eq!(sm3::digest(message), *theirs, "{level} {message:02x?}");
            }
        });
    });
}

/// So many go by the kernels for few, at every level.
const FEW: usize = 5;

#[test]
fn blocks_are_enciphered_as_openssl_does() {
    let Some(mut openssl) = Witness::call("blocks") else {
        return;
    };
    let mut numbers = numbers("blocks");
    rounds(10_000, |count| {
        let asked: Vec<([u8; 16], [u8; 16])> = (0..count)
            .map(|_| (block16(&mut numbers), block16(&mut numbers)))
            .collect();
        let (keys, blocks): (Vec<_>, Vec<_>) = asked.iter().copied().unzip();
        for algorithm in [Algorithm::Sm4, Algorithm::Tdes] {
            let theirs = openssl.encipher(algorithm == Algorithm::Sm4, &asked);
            trial::at_each_level(|level| {
                for together in [count, FEW] {
                    let mut ours = blocks.clone();
                    for (keys, ours) in keys.chunks(together).zip(ours.chunks_mut(together)) {
                        lanes::encipher_each(algorithm, keys, ours);
                    }
                    assert_eq!(ours, theirs, "{level} {algorithm:?} {together}");
                }
                for ((key, block), theirs) in asked.iter().zip(&theirs) {
                    let mut single = *block;
                    let key = BlockKey::new(algorithm, *key);
                    key.encrypt_blocks(&mut single).expect("whole blocks");
                    assert_eq!(single, *theirs, "{level} {algorithm:?}");
                    key.decrypt_blocks(&mut single).expect("whole blocks");
                    assert_eq!(single, *block, "{level} {algorithm:?}");
                }
            });
        }
    });
}

#[test]
fn macs_are_openssls() {
    let Some(mut openssl) = Witness::call("macs") else {
        return;
    };
    let mut numbers = numbers("macs");
    rounds(10_000, |count| {
        let keys: Vec<[u8; 16]> = (0..count).map(|_| block16(&mut numbers)).collect();
        let messages: Vec<Vec<u8>> = (0..count).map(|_| message(&mut numbers, 80)).collect();
        let chains: Vec<Chain<'_>> = messages.iter().map(|message| Chain(message)).collect();
        for (algorithm, kind, chaining, len) in [
            (Algorithm::Sm4, DesMac::Retail, Chaining::Sm4, 16),
            (Algorithm::Tdes, DesMac::Retail, Chaining::Retail, 8),
            (Algorithm::Tdes, DesMac::Folded, Chaining::Folded, 8),
        ] {
            let padded: Vec<Vec<u8>> = messages
                .iter()
                .map(|message| {
                    let mut out = message.clone();
                    out.push(0x80);
                    out.resize(out.len().next_multiple_of(algorithm.block_len()), 0);
                    out
                })
                .collect();
            let asked: Vec<([u8; 16], &[u8])> = keys
                .iter()
                .copied()
                .zip(padded.iter().map(Vec::as_slice))
                .collect();
            let theirs = openssl.macs(chaining, &asked);
            trial::at_each_level(|level| {
                for together in [count, FEW] {
                    let mut ours = std::vec![[0; 16]; count];
                    for ((keys, chains), ours) in keys
                        .chunks(together)
                        .zip(chains.chunks(together))
                        .zip(ours.chunks_mut(together))
                    {
                        lanes::mac_each(algorithm, kind, keys, chains, ours);
                    }
                    for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                        let asked = (&keys[place], &messages[place]);
                        let (ours, theirs) = (&ours[..len], &theirs[..len]);
                        assert_eq!(ours, theirs, "{level} {chaining:?} {together} {asked:02x?}");
                    }
                }
                for ((key, message), theirs) in keys.iter().zip(&messages).zip(&theirs) {
                    let key = BlockKey::new(algorithm, *key);
                    let (ours, theirs) = match kind {
                        DesMac::Retail => (&eight_bytes(&key, &[0; 8], message)[..], &theirs[..8]),
                        DesMac::Folded => {
                            (&SessionKey::for_tac(&key).mac(message)[..], &theirs[..4])
                        }
                    };
                    assert_eq!(ours, theirs, "{level} {chaining:?} {message:02x?}");
                }
            });
        }
    });
}

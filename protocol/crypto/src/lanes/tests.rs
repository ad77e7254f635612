//! Every kernel that this machine has against others' code, and against single calls.
//!
//! `TONGTU_DIFFERENTIAL` is how many random lanes each kernel goes through, 100,000 unless it says
//! otherwise.

use alloc::vec;
use alloc::vec::Vec;
#[cfg(target_arch = "x86_64")]
use std::println;

use super::few::FewKernels;
use super::*;
use crate::chain::{Way, xor};
use crate::curve::order::Scalar;
use crate::mac::{SessionKey, eight_bytes};
use crate::trial::at_each_level;
use crate::{Algorithm, BlockKey};

/// Numbers of lanes at and about every width.
const COUNTS: [usize; 23] = [
    0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 256, 257, 511, 512, 513,
];

fn kernels() -> Vec<&'static Kernels> {
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(unused_mut, reason = "nothing to add")
    )]
    let mut all = vec![&PORTABLE];
    #[cfg(target_arch = "x86_64")]
    for (name, found) in [
        ("AVX2", avx2::kernels().map(|kernels| vec![kernels])),
        ("AVX-512, GFNI", avx512::ways().map(Vec::from)),
    ] {
        match found {
            Some(kernels) => all.extend(kernels),
            None => println!("no {name} on this machine: its kernels were not tried"),
        }
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    all.extend(neon::kernels());
    all
}

fn random_lanes() -> usize {
    let asked = std::env::var("TONGTU_DIFFERENTIAL").ok();
    asked.map_or(100_000, |asked| asked.parse().expect("a number of lanes"))
}

/// RustCrypto's SM3 of parts one after the other.
fn their_sm3(parts: &[&[u8]]) -> Digest {
    use ::sm3::Digest as _;
    let mut hasher = ::sm3::Sm3::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// RustCrypto's 3DES of both halves of a block, or SM4 of it.
fn their_cipher(algorithm: Algorithm, key: &Block16, block: &Block16) -> Block16 {
    use ::des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
    let mut out = *block;
    match algorithm {
        Algorithm::Tdes => {
            let cipher = ::des::TdesEde2::new(&(*key).into());
            for half in out.as_chunks_mut::<8>().0 {
                cipher.encrypt_block(half.into());
            }
        }
        Algorithm::Sm4 => ::sm4::Sm4::new(&(*key).into()).encrypt_block((&mut out).into()),
    }
    out
}

/// Numbers that look random and are the same every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).expect("small")).expect("small")
    }

    /// A block: mostly random, and now and then one with a pattern.
    fn block(&mut self) -> Block16 {
        let value = u128::from(self.next()) << 64 | u128::from(self.next());
        let bit = 1u128 << self.below(128);
        let value = match self.below(16) {
            0 => 0,
            1 => u128::MAX,
            2 => bit,
            3 => !bit,
            // A weak key of DES in both halves.
            4 => 0x0101_0101_0101_0101_FEFE_FEFE_FEFE_FEFE,
            5 => value << 64 | value & u128::from(u64::MAX),
            _ => value,
        };
        value.to_be_bytes()
    }

    fn blocks(&mut self, count: usize) -> Vec<Block16> {
        (0..count).map(|_| self.block()).collect()
    }

    fn messages(&mut self, count: usize, most: usize) -> Vec<Vec<u8>> {
        let one = |_| {
            let len = self.below(most + 1);
            let bytes: Vec<u8> = (0..len / 16 + 1).flat_map(|_| self.block()).collect();
            bytes[..len].to_vec()
        };
        (0..count).map(one).collect()
    }
}

/// Runs a trial of this many lanes at each width about every count, then of random ones.
fn trials(seed: u64, mut trial: impl FnMut(&Kernels, &mut Numbers, usize)) {
    for kernels in kernels() {
        let mut numbers = Numbers(seed);
        for count in COUNTS {
            trial(kernels, &mut numbers, count);
        }
        let mut tried = 0;
        while tried < random_lanes() {
            let count = 1 + numbers.below(1200);
            trial(kernels, &mut numbers, count);
            tried += count;
        }
    }
}

#[test]
fn the_widest_kernel_that_is_here_is_chosen() {
    let widest = kernels().last().map(|kernels| kernels.name);
    assert_eq!(Some(best().name), widest);
}

#[test]
fn sm3_of_unequal_messages_is_that_of_each_alone() {
    trials(1, |kernels, numbers, count| {
        let messages = numbers.messages(count, 400);
        let given: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut out = vec![[0; 32]; count];
        (kernels.sm3_each)(&Before::NOTHING, &given, &mut out);
        for (message, digest) in given.iter().zip(&out) {
            assert_eq!(*digest, their_sm3(&[message]), "{}", kernels.name);
        }
    });
}

#[test]
fn sm3_takes_every_length_up_to_five_blocks() {
    let all: Vec<u8> = (0..320u32).map(|at| at.to_le_bytes()[0] ^ 0x5A).collect();
    // Short and long ones side by side, so that lanes are filled again at all moments.
    let given: Vec<&[u8]> = (0..=320).map(|at| &all[..(at * 97) % 321]).collect();
    for kernels in kernels() {
        let mut out = vec![[0; 32]; given.len()];
        (kernels.sm3_each)(&Before::NOTHING, &given, &mut out);
        for (message, digest) in given.iter().zip(&out) {
            assert_eq!(*digest, their_sm3(&[message]), "{}", kernels.name);
        }
    }
}

#[test]
fn sm3_of_messages_of_one_length_takes_every_length_up_to_five_blocks() {
    let all: Vec<u8> = (0..400u32).map(|at| at.to_le_bytes()[0] ^ 0xA5).collect();
    for kernels in kernels() {
        for len in 0..=320 {
            // Two of all lanes and a few more, every one different, and the last one longer.
            let given: Vec<&[u8]> = (0..70).map(|at| &all[at..][..len + at / 69]).collect();
            let mut out = vec![[0; 32]; given.len()];
            (kernels.sm3_each)(&Before::NOTHING, &given, &mut out);
            for (message, digest) in given.iter().zip(&out) {
                assert_eq!(*digest, their_sm3(&[message]), "{} {len}", kernels.name);
            }
        }
    }
}

#[test]
fn sm3_keeps_its_order_where_sets_of_one_length_stand_between_others() {
    let all: Vec<u8> = (0..999u32).map(|at| at.to_le_bytes()[0] ^ 0x3C).collect();
    // Sets of all lanes in turns: of one length, of any.
    let len = |at: usize| {
        if (at / 32).is_multiple_of(2) {
            100
        } else {
            at * 53 % 400
        }
    };
    let given: Vec<&[u8]> = (0..256).map(|at| &all[at..][..len(at)]).collect();
    for kernels in kernels() {
        let mut out = vec![[0; 32]; given.len()];
        (kernels.sm3_each)(&Before::NOTHING, &given, &mut out);
        for (at, (message, digest)) in given.iter().zip(&out).enumerate() {
            assert_eq!(*digest, their_sm3(&[message]), "{} {at}", kernels.name);
        }
    }
}

#[test]
fn sm3_of_messages_after_blocks_that_came_before_is_that_of_all_of_it() {
    trials(4, |kernels, numbers, count| {
        let count = count.min(70);
        let blocks: Vec<[u8; 64]> = (0..numbers.below(3))
            .map(|_| core::array::from_fn(|_| numbers.next().to_le_bytes()[0]))
            .collect();
        let before = Before::of(&blocks);
        let messages = numbers.messages(count, 200);
        let given: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let mut out = vec![[0; 32]; count];
        (kernels.sm3_each)(&before, &given, &mut out);
        for (message, digest) in given.iter().zip(&out) {
            let expected = their_sm3(&[blocks.as_flattened(), message]);
            assert_eq!(*digest, expected, "{}", kernels.name);
        }
    });
}

#[test]
fn hmacs_of_many_messages_are_those_of_each_alone() {
    let mut numbers = Numbers(7);
    for key_len in [0, 1, 32, 63, 64, 65, 200] {
        let key = crate::sm3::HmacKey::new(&vec![0x6B; key_len]);
        for count in COUNTS {
            let messages = numbers.messages(count, 400);
            let given: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let expected: Vec<Digest> = given.iter().map(|one| key.mac(&[one])).collect();
            at_each_level(|level| assert_eq!(key.mac_each(&given), expected, "{level}"));
        }
    }
    // Every length about the ends of blocks, as many of each as fill lanes and a few more.
    let key = crate::sm3::HmacKey::new(b"key");
    let all = [0x5A; 200];
    for len in 0..=200 {
        let given: Vec<&[u8]> = (0..19).map(|at| &all[..len.max(at) - at]).collect();
        let expected: Vec<Digest> = given.iter().map(|one| key.mac(&[one])).collect();
        at_each_level(|level| assert_eq!(key.mac_each(&given), expected, "{level} {len}"));
    }
}

#[test]
fn nonces_are_those_that_rustcrypto_derives() {
    use sm2::elliptic_curve::Curve as _;
    trials(5, |kernels, numbers, count| {
        let count = count.min(70);
        let mut block = || {
            let mut out = [0; 32];
            for half in out.as_chunks_mut::<16>().0 {
                *half = numbers.block();
            }
            Scalar::reduced(&out).to_bytes()
        };
        let (d, digests) = (block(), (0..count).map(|_| block()).collect::<Vec<_>>());
        let mut out = vec![[0; 32]; count];
        (kernels.nonces_each)(&d, &digests, &mut out);
        for (e, found) in digests.iter().zip(&out) {
            let mut theirs = rfc6979::KGenerator::<'_, ::sm3::Sm3, sm2::U256>::new(
                &sm2::FieldBytes::from(d),
                &sm2::FieldBytes::from(*e),
                &[],
                &sm2::Sm2::ORDER,
            );
            let mut expected = sm2::FieldBytes::default();
            theirs.fill_next_k(&mut expected);
            // Theirs would have refused one that is not below n.
            if Scalar::from_bytes(found).is_some() {
                assert_eq!(found[..], expected[..], "{}", kernels.name);
            }
        }
    });
}

#[test]
fn ciphers_under_a_key_each_are_those_of_each_key_alone() {
    trials(2, |kernels, numbers, count| {
        let (keys, data) = (numbers.blocks(count), numbers.blocks(count));
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            let mut out = data.clone();
            match algorithm {
                Algorithm::Tdes => (kernels.tdes_each)(&keys, &mut out),
                Algorithm::Sm4 => (kernels.sm4_each)(&keys, &mut out),
            }
            for ((key, block), found) in keys.iter().zip(&data).zip(&out) {
                let expected = their_cipher(algorithm, key, block);
                assert_eq!(*found, expected, "{} {algorithm:?}", kernels.name);
                let (mut alone, key) = (*block, BlockKey::new(algorithm, *key));
                key.encrypt_blocks(&mut alone).expect("whole blocks");
                assert_eq!(alone, expected, "{algorithm:?}");
                key.decrypt_blocks(&mut alone).expect("whole blocks");
                assert_eq!(alone, *block, "{algorithm:?}");
            }
        }
    });
}

fn few_kernels() -> Vec<&'static FewKernels> {
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "aarch64")),
        expect(unused_mut, reason = "nothing to add")
    )]
    let mut all = vec![&few::PORTABLE];
    #[cfg(target_arch = "x86_64")]
    all.extend(four::ways());
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    all.extend(neon::few());
    all
}

#[test]
fn the_best_kernel_for_few_that_is_here_is_chosen() {
    let best = few_kernels().last().map(|kernels| kernels.name);
    assert_eq!(Some(few::best().name), best);
}

#[test]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn the_box_in_registers_is_that_of_gates() {
    use super::sm4_words::Boxed as _;
    use super::words::Words as _;
    for (at, found) in (0u32..).zip(sm4_box::BOX.as_flattened()) {
        let gates = eight::Eight::splat(at << 16).substitute().first();
        assert_eq!(gates.to_be_bytes()[1], *found, "{at}");
    }
}

#[test]
fn few_blocks_are_those_of_each_block_alone() {
    for kernels in few_kernels() {
        let mut numbers = Numbers(8);
        for count in (0..=70).chain([129; 20]) {
            let (keys, data) = (numbers.blocks(count), numbers.blocks(count));
            let mut found = data.clone();
            (kernels.each)(&keys, &mut found);
            for ((key, block), found) in keys.iter().zip(&data).zip(&found) {
                let expected = their_cipher(Algorithm::Sm4, key, block);
                assert_eq!(*found, expected, "{} of {count}", kernels.name);
            }
            let (key, data) = (numbers.block(), numbers.blocks(count));
            let (cipher, mut found) = (Sm4::by(kernels, &key), data.clone());
            cipher.run(Way::Encrypt, &mut found);
            for (block, found) in data.iter().zip(&found) {
                let expected = their_cipher(Algorithm::Sm4, &key, block);
                assert_eq!(*found, expected, "{} of {count}", kernels.name);
            }
            cipher.run(Way::Decrypt, &mut found);
            assert_eq!(found, data, "{} of {count}", kernels.name);
        }
    }
}

#[test]
fn blocks_under_one_key_are_those_of_each_block_alone() {
    trials(6, |kernels, numbers, count| {
        let (key, data) = (numbers.block(), numbers.blocks(count));
        let mut out = data.clone();
        let Some((_, under)) = kernels.sm4_under else {
            return;
        };
        under(&key, &mut out);
        for (block, found) in data.iter().zip(&out) {
            let expected = their_cipher(Algorithm::Sm4, &key, block);
            assert_eq!(*found, expected, "{}", kernels.name);
        }
    });
}

/// A CBC-MAC of SM4 by RustCrypto's blocks.
fn their_sm4_mac(key: &Block16, message: &Chain<'_>) -> Block16 {
    (0..message.blocks::<16>()).fold([0; 16], |mut state, at| {
        xor(&mut state, &message.block(at));
        their_cipher(Algorithm::Sm4, key, &state)
    })
}

/// A MAC of DES by RustCrypto's blocks.
fn their_des_mac(kind: DesMac, key: &Block16, message: &Chain<'_>) -> [u8; 8] {
    use ::des::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
    let (mut left, right) = (key[..8].to_vec(), &key[8..]);
    if let DesMac::Folded = kind {
        left.iter_mut()
            .zip(right)
            .for_each(|(left, right)| *left ^= right);
    }
    let [left, right] =
        [&left[..], right].map(|key| ::des::Des::new_from_slice(key).expect("eight bytes"));
    let mut state = [0; 8];
    for at in 0..message.blocks::<8>() {
        xor(&mut state, &message.block(at));
        left.encrypt_block((&mut state).into());
    }
    if let DesMac::Retail = kind {
        right.decrypt_block((&mut state).into());
        left.encrypt_block((&mut state).into());
    }
    state
}

#[test]
fn macs_of_unequal_messages_are_those_of_each_alone() {
    trials(3, |kernels, numbers, count| {
        let (keys, messages) = (numbers.blocks(count), numbers.messages(count, 70));
        let chains: Vec<Chain<'_>> = messages.iter().map(|message| Chain(message)).collect();
        let mut out = vec![[0; 16]; count];
        let lanes = || keys.iter().zip(&chains);
        (kernels.sm4_macs)(&keys, &chains, &mut out);
        for ((key, message), found) in lanes().zip(&out) {
            let expected = their_sm4_mac(key, message);
            assert_eq!(*found, expected, "{} SM4", kernels.name);
        }
        for kind in [DesMac::Retail, DesMac::Folded] {
            (kernels.des_macs)(kind, &keys, &chains, &mut out);
            for ((key, message), found) in lanes().zip(&out) {
                let expected = their_des_mac(kind, key, message);
                assert_eq!(found[..8], expected, "{} {kind:?}", kernels.name);
            }
        }
    });
}

#[test]
fn macs_of_few_messages_and_of_one_are_those_of_each_alone() {
    let mut numbers = Numbers(9);
    for count in (0..=70).chain([129; 20]) {
        let (keys, messages) = (numbers.blocks(count), numbers.messages(count, 70));
        let chains: Vec<Chain<'_>> = messages.iter().map(|message| Chain(message)).collect();
        let mut out = vec![[0; 16]; count];
        for kernels in few_kernels() {
            (kernels.macs)(&keys, &chains, &mut out);
            for ((key, message), found) in keys.iter().zip(&chains).zip(&out) {
                let expected = their_sm4_mac(key, message);
                assert_eq!(*found, expected, "{} SM4", kernels.name);
            }
        }
        for kind in [DesMac::Retail, DesMac::Folded] {
            few::des_macs(kind, &keys, &chains, &mut out);
            for ((key, message), found) in keys.iter().zip(&chains).zip(&out) {
                assert_eq!(found[..8], their_des_mac(kind, key, message), "{kind:?}");
            }
        }
        for (key, message) in keys.iter().zip(&chains) {
            let (sm4, des) = (Algorithm::Sm4, Algorithm::Tdes);
            let [sm4, des] = [sm4, des].map(|algorithm| BlockKey::new(algorithm, *key));
            let retail = their_des_mac(DesMac::Retail, key, message);
            let folded = their_des_mac(DesMac::Folded, key, message);
            assert_eq!(eight_bytes(&des, &[0; 8], message.0), retail);
            assert_eq!(SessionKey::for_tac(&des).mac(message.0), folded[..4]);
            assert_eq!(
                eight_bytes(&sm4, &[0; 8], message.0),
                their_sm4_mac(key, message)[..8]
            );
        }
    }
}

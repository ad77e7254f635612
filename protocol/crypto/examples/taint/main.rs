//! Whether a secret decides a branch or an address, found by valgrind: `cargo xtask test --only leaks`.
//!
//! memcheck follows bytes that were never written through every instruction and speaks up when one
//! decides a branch or an address. So secrets are marked as never written, and every error is a leak.
//! What a computation tells on purpose (that a number was no key) is marked as written again where it is
//! told. The machine code is that of a release build, and whichever kernels valgrind knows: all but those
//! of AVX-512.
//!
//! A leak is planted too, in each of its two kinds: a run that does not find them is worth nothing.
#![expect(clippy::print_stdout, reason = "what was found is what it is for")]

#[cfg(target_arch = "x86_64")]
mod valgrind;

use std::process::ExitCode;

#[cfg(target_arch = "x86_64")]
fn main() -> ExitCode {
    watched::main()
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> ExitCode {
    println!("requests to valgrind are written for x86-64 only");
    ExitCode::from(3)
}

#[cfg(target_arch = "x86_64")]
mod watched {
    use std::hint::black_box;
    use std::process::ExitCode;

    use tongtu_crypto::batch::{Signed, verify_batch};
    use tongtu_crypto::{
        Algorithm, BlockKey, SecretKey, TacClaim, TacScheme, WideCipher, WideKey, check_tacs,
        diversify, equal, mac, sm3, trial,
    };

    use crate::valgrind::{errors, hide, is_watching, tell};

    pub(crate) fn main() -> ExitCode {
        if !is_watching() {
            println!("valgrind is not watching");
            return ExitCode::from(3);
        }
        trial::on_telling(tell);
        println!(
            "what valgrind has of the processor: AVX2 {}, BMI2 {}, ADX {}, AVX-512 {}",
            std::is_x86_feature_detected!("avx2"),
            std::is_x86_feature_detected!("bmi2"),
            std::is_x86_feature_detected!("adx"),
            std::is_x86_feature_detected!("avx512f"),
        );
        let mut good = true;
        for (name, plant) in [
            ("planted: a branch", branch as fn(u8) -> u8),
            ("planted: an address", address),
            // The secret is followed through all that is between: what comes out is secret until told.
            ("planted: a branch on a signature", |secret| {
                branch(key_of(&[secret; 32]).sign(b"message").0[20])
            }),
            ("planted: a branch on a digest in lanes", |secret| {
                branch(sm3::digest_each(&[&[secret; 70][..]; 9])[8][20])
            }),
            ("planted: a branch on a block of SM4", |secret| {
                branch(enciphered(Algorithm::Sm4, secret))
            }),
            ("planted: a branch on a block of 3DES", |secret| {
                branch(enciphered(Algorithm::Tdes, secret))
            }),
        ] {
            good &= found(name, || plant(hidden::<1>(7)[0]) != 0) > 0;
        }
        trial::at_each_level(|level| {
            println!("{level}");
            for (name, case) in CASES {
                good &= found(name, case) == 0;
            }
        });
        println!(
            "{}",
            if good {
                "no leak but the planted"
            } else {
                "LEAKS, or a planted one unseen"
            }
        );
        if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// How many errors a case has; it says whether its results are right.
    fn found(name: &str, case: impl FnOnce() -> bool) -> u64 {
        let before = errors();
        let right = case();
        let found = errors() - before;
        assert!(right, "{name} gives a wrong result");
        println!("  {name:<44} {found}");
        found
    }

    /// Bytes of no meaning that are secret.
    fn hidden<const N: usize>(seed: u8) -> [u8; N] {
        let mut out =
            core::array::from_fn(|at| seed.wrapping_add(at.to_le_bytes()[0]).wrapping_mul(37));
        hide(&mut out);
        black_box(out)
    }

    #[inline(never)]
    fn branch(secret: u8) -> u8 {
        // A call on one side only, or the branch would become a choice without one.
        if black_box(secret) > 99 {
            black_box(address(0)) | 1
        } else {
            2
        }
    }

    #[inline(never)]
    fn address(secret: u8) -> u8 {
        let table: [u8; 256] = black_box(core::array::from_fn(|at| at.to_le_bytes()[0] | 1));
        let found = black_box(table[usize::from(black_box(secret))]);
        tell(&found);
        found
    }

    fn enciphered(algorithm: Algorithm, secret: u8) -> u8 {
        let mut block = [0; 16];
        let key = BlockKey::new(algorithm, [secret; 16]);
        key.encrypt_blocks(&mut block).expect("whole blocks");
        block[5]
    }

    type Case = (&'static str, fn() -> bool);

    /// Both ways, and a stream that is too short for lanes.
    fn chained(cipher: WideCipher) -> bool {
        let key = WideKey::new(cipher, &hidden::<16>(8)).expect("16 bytes");
        let (before, mut data) = (hidden::<32>(9), hidden::<32>(9));
        key.encrypt_cbc(&[0; 16], &mut data).expect("whole blocks");
        key.decrypt_cbc(&[0; 16], &mut data).expect("whole blocks");
        key.apply_ctr(&[0; 16], &mut data[..20]);
        tell(&data);
        tell(&before);
        data[20..] == before[20..] && data != before
    }

    /// Both ways, a card's key below a master, and each MAC under it.
    fn single(algorithm: Algorithm) -> bool {
        let master = BlockKey::new(algorithm, hidden(4));
        let key = diversify::levels(&master, &[hidden(1), hidden(2)]);
        let (before, mut data) = (hidden::<64>(8), hidden::<64>(8));
        key.encrypt_blocks(&mut data).expect("whole blocks");
        key.decrypt_blocks(&mut data).expect("whole blocks");
        let macs = [
            mac::SessionKey::for_tac(&key).mac(&data),
            mac::SessionKey::derive(&key, &hidden(6)).mac(&data),
            mac::secure_messaging(&key, &[0; 4], &data),
        ];
        tell(&data);
        tell(&before);
        tell(macs.as_flattened());
        data == before && macs[0] != macs[1] && macs[1] != macs[2]
    }

    const CASES: &[Case] = &[
        ("SM2: a private key read", key_read),
        ("SM2: one signature", signature),
        ("SM2: signatures in a batch", batch),
        ("SM2: a key made, its bytes handed out", key_made),
        ("SM4 by itself: keys, blocks, MACs", || {
            single(Algorithm::Sm4)
        }),
        ("3DES by itself: keys, blocks, MACs", || {
            single(Algorithm::Tdes)
        }),
        ("SM4: a chain, a short stream", || chained(WideCipher::Sm4)),
        ("AES-128: a chain, a short stream", || {
            chained(WideCipher::Aes128)
        }),
        ("SM3, HMAC: a secret key and message", hmac),
        ("HMAC in lanes: a secret key and messages", hmacs),
        ("SM3 in lanes: secret messages", digests),
        ("3DES in lanes: TACs under a secret master", tacs_of_des),
        ("SM4 in lanes: TACs under a secret master", tacs_of_sm4),
        ("SM4 in lanes: streams under a secret key", streams),
        ("equality of a secret", equality),
    ];

    fn key_of(bytes: &[u8; 32]) -> SecretKey {
        SecretKey::from_bytes(bytes).expect("in range")
    }

    fn key_read() -> bool {
        let key = key_of(&hidden(3));
        let xy = key.public().to_xy();
        tell(&xy);
        drop(key);
        tongtu_crypto::PublicKey::from_xy(&xy).is_ok()
    }

    /// Whether a signature holds, once it and the key under which it does are public.
    fn holds(key: &SecretKey, message: &[u8], signature: tongtu_crypto::Signature) -> bool {
        tell(&signature.0);
        let xy = key.public().to_xy();
        tell(&xy);
        let public = tongtu_crypto::PublicKey::from_xy(&xy).expect("a key");
        public.verify(message, &signature).is_ok()
    }

    fn signature() -> bool {
        let key = key_of(&hidden(5));
        let signature = key.sign(b"message");
        holds(&key, b"message", signature)
    }

    fn batch() -> bool {
        let key = key_of(&hidden(6));
        let messages: Vec<[u8; 4]> = (0..40u32).map(u32::to_be_bytes).collect();
        let given: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
        let signatures = key.sign_batch(&given);
        let xy = key.public().to_xy();
        tell(&xy);
        let public = tongtu_crypto::PublicKey::from_xy(&xy).expect("a key");
        let signed: Vec<Signed<'_>> = given
            .iter()
            .zip(&signatures)
            .map(|(message, signature)| {
                tell(&signature.0);
                Signed::new(&public, message, *signature)
            })
            .collect();
        verify_batch(&signed).iter().all(Result::is_ok)
    }

    fn key_made() -> bool {
        let mut entropy = |out: &mut [u8]| out.copy_from_slice(&hidden::<32>(9));
        let key = SecretKey::generate(&mut entropy);
        let bytes = key.danger_to_bytes();
        tell(&*bytes);
        let made = hidden::<32>(9);
        tell(&made);
        made == *bytes
    }

    fn hmac() -> bool {
        let mac = sm3::hmac(&hidden::<24>(1), &hidden::<100>(2));
        tell(&mac);
        mac != [0; 32]
    }

    fn hmacs() -> bool {
        let messages: Vec<[u8; 90]> = (0..40).map(hidden).collect();
        let given: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
        let key = sm3::HmacKey::new(&hidden::<24>(1));
        let macs = key.mac_each(&given);
        tell(&macs[..]);
        macs[39] == {
            let mac = key.mac(&[&messages[39]]);
            tell(&mac);
            mac
        }
    }

    /// More blocks than any kernel waits for.
    fn streams() -> bool {
        let mut texts: Vec<[u8; 360]> = (0..40).map(hidden).collect();
        let mut given: Vec<([u8; 16], &mut [u8])> = texts
            .iter_mut()
            .map(|text| ([7; 16], &mut text[..]))
            .collect();
        let key = WideKey::new(WideCipher::Sm4, &hidden::<16>(8)).expect("16 bytes");
        key.apply_ctr_each(&mut given);
        tell(texts.as_flattened());
        texts[0] != [0; 360]
    }

    fn digests() -> bool {
        let messages: Vec<[u8; 90]> = (0..40).map(hidden).collect();
        let given: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
        let digests = sm3::digest_each(&given);
        tell(&digests[..]);
        digests[39] == {
            let digest = sm3::digest(&messages[39]);
            tell(&digest);
            digest
        }
    }

    /// Proofs made of nothing, under secret masters: none holds, and that may be known.
    fn tacs(algorithm: Algorithm) -> bool {
        let master = BlockKey::new(algorithm, hidden(4));
        // As many of each scheme as go into lanes at every level.
        let messages: Vec<[u8; 21]> = (0..=255).chain(0..=255).map(hidden).collect();
        let claims: Vec<TacClaim<'_>> = messages
            .iter()
            .zip((0..=255).chain(0..=255u8))
            .map(|(message, number)| TacClaim {
                master: &master,
                factors: &[[1; 8], [2; 8]],
                scheme: match number % 2 {
                    0 => TacScheme::Tac,
                    _ => TacScheme::Cryptogram {
                        block: [number; 16],
                    },
                },
                message,
                proof: &[0; 8][..if number % 2 == 0 { 4 } else { 8 }],
            })
            .collect();
        check_tacs(&claims).len() == 512
    }

    fn tacs_of_des() -> bool {
        tacs(Algorithm::Tdes)
    }

    fn tacs_of_sm4() -> bool {
        tacs(Algorithm::Sm4)
    }

    fn equality() -> bool {
        let same = equal(&hidden::<16>(1), &hidden::<16>(1));
        tell(&same);
        same
    }
}

//! Batches of card proofs against the same claims one by one, and against OpenSSL.

use proptest::prelude::*;
use tongtu_codec::hex_encode;
use tongtu_crypto::mac::{SessionKey, eight_bytes};
use tongtu_crypto::{
    Algorithm, BlockKey, TacClaim, TacScheme, TacVerdict, check_tacs, diversify, sm3,
};
use tongtu_foreign::{Scratch, openssl};

/// A claim with what it borrows.
#[derive(Debug)]
struct Owned {
    master: BlockKey,
    factors: Vec<[u8; 8]>,
    scheme: TacScheme,
    message: Vec<u8>,
    proof: Vec<u8>,
}

impl Owned {
    /// Gives it the proof that the card would make, by single calls.
    fn proved(mut self) -> Self {
        let key = diversify::levels(&self.master, &self.factors);
        self.proof = match self.scheme {
            TacScheme::Tac => SessionKey::for_tac(&key).mac(&self.message).to_vec(),
            TacScheme::Cryptogram { mut block } => {
                key.encrypt_blocks(&mut block).unwrap();
                let session = BlockKey::new(key.algorithm(), block);
                eight_bytes(&session, &[0; 8], &self.message).to_vec()
            }
        };
        self
    }

    fn claim(&self) -> TacClaim<'_> {
        TacClaim {
            master: &self.master,
            factors: &self.factors,
            scheme: self.scheme,
            message: &self.message,
            proof: &self.proof,
        }
    }
}

fn verdicts(claims: &[Owned]) -> Vec<TacVerdict> {
    let claims: Vec<TacClaim<'_>> = claims.iter().map(Owned::claim).collect();
    check_tacs(&claims)
}

prop_compose! {
    fn any_claim()(
        is_sm4: bool,
        is_tac: bool,
        key: [u8; 16],
        block: [u8; 16],
        factors in proptest::collection::vec(any::<[u8; 8]>(), 0..4),
        message in proptest::collection::vec(any::<u8>(), 0..80),
    ) -> Owned {
        let algorithm = if is_sm4 { Algorithm::Sm4 } else { Algorithm::Tdes };
        let scheme = if is_tac { TacScheme::Tac } else { TacScheme::Cryptogram { block } };
        Owned { master: BlockKey::new(algorithm, key), factors, scheme, message, proof: Vec::new() }
            .proved()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_a_batch_exactly_the_spoilt_claim_is_wrong(
        mut claims in proptest::collection::vec(any_claim(), 1..70),
        at: prop::sample::Index,
        bit in 0_usize..32,
    ) {
        prop_assert!(verdicts(&claims).iter().all(|verdict| *verdict == TacVerdict::Holds));
        let at = at.index(claims.len());
        claims[at].proof[bit / 8] ^= 1 << (bit % 8);
        for (number, verdict) in verdicts(&claims).into_iter().enumerate() {
            prop_assert_eq!(verdict == TacVerdict::Wrong, number == at);
        }
    }

    #[test]
    fn whatever_is_changed_in_a_claim_it_is_wrong(claim in any_claim(), bit in 0_usize..128) {
        let mut message = Owned { master: clone(&claim.master), ..owned(&claim) };
        message.message.push(0x80);
        // A byte more is another text, also where it looks like the padding.
        prop_assert_eq!(verdicts(&[message]), [TacVerdict::Wrong]);
        let mut short = owned(&claim);
        short.proof.pop();
        prop_assert_eq!(verdicts(&[short]), [TacVerdict::Wrong]);
        let mut long = owned(&claim);
        long.proof.push(0);
        prop_assert_eq!(verdicts(&[long]), [TacVerdict::Wrong]);
        if let Some(factor) = owned(&claim).factors.first().copied() {
            let mut other = owned(&claim);
            other.factors[0] = factor;
            other.factors[0][bit / 16] ^= 1 << (bit % 8);
            prop_assert_eq!(verdicts(&[other]), [TacVerdict::Wrong]);
        }
    }
}

fn clone(key: &BlockKey) -> BlockKey {
    BlockKey::new(
        key.algorithm(),
        diversify::bytes(key, &[]).as_slice().try_into().unwrap(),
    )
}

fn owned(claim: &Owned) -> Owned {
    Owned {
        master: clone(&claim.master),
        factors: claim.factors.clone(),
        scheme: claim.scheme,
        message: claim.message.clone(),
        proof: claim.proof.clone(),
    }
}

#[test]
fn no_claims_have_no_verdicts() {
    assert!(check_tacs(&[]).is_empty());
}

#[test]
fn batches_about_every_width_name_the_one_wrong_claim() {
    for count in [1, 2, 15, 16, 17, 63, 64, 65, 255, 257, 511, 512, 513, 1025] {
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            let mut claims: Vec<Owned> = (0..count)
                .map(|at: usize| {
                    let seed = sm3::digest(&at.to_le_bytes());
                    let scheme = TacScheme::Tac;
                    Owned {
                        master: BlockKey::new(algorithm, seed[..16].try_into().unwrap()),
                        factors: vec![seed[16..24].try_into().unwrap()],
                        scheme,
                        message: seed[..at % 30].to_vec(),
                        proof: Vec::new(),
                    }
                    .proved()
                })
                .collect();
            let wrong = count * 2 / 3;
            claims[wrong].proof[3] ^= 0x40;
            for (at, verdict) in verdicts(&claims).into_iter().enumerate() {
                assert_eq!(verdict == TacVerdict::Wrong, at == wrong, "{at} of {count}");
            }
        }
    }
}

/// A TAC of SM4 without factors is OpenSSL's CBC over the padded message, last block; of 3DES, its
/// DES-CBC under the halves XORed, which is 3DES with three equal keys.
#[test]
fn openssl_makes_the_tacs_that_we_check() {
    if !crate::openssl::openssl_is_here() {
        return;
    }
    let scratch = Scratch::new("tac");
    for (algorithm, len) in [
        (Algorithm::Sm4, 0),
        (Algorithm::Sm4, 15),
        (Algorithm::Sm4, 48),
        (Algorithm::Tdes, 0),
        (Algorithm::Tdes, 22),
        (Algorithm::Tdes, 48),
    ] {
        let seed = sm3::digest(&[u8::try_from(len).unwrap()]);
        let key: [u8; 16] = seed[..16].try_into().unwrap();
        let message: Vec<u8> = seed.iter().cycle().take(len).copied().collect();
        let mut padded = message.clone();
        padded.push(0x80);
        padded.resize(padded.len().next_multiple_of(algorithm.block_len()), 0);
        let file = scratch.write("message", &padded);
        let (cipher, key_hex, iv) = match algorithm {
            Algorithm::Sm4 => ("-sm4-cbc", hex_encode(&key), "0".repeat(32)),
            Algorithm::Tdes => {
                let folded: Vec<u8> = key[..8].iter().zip(&key[8..]).map(|(a, b)| a ^ b).collect();
                (
                    "-des-ede-cbc",
                    hex_encode(&folded).repeat(2),
                    "0".repeat(16),
                )
            }
        };
        let args = [
            "enc", cipher, "-K", &key_hex, "-iv", &iv, "-nopad", "-in", &file,
        ];
        let chain = openssl(&args, &[]).unwrap();
        let last = &chain[chain.len() - algorithm.block_len()..];
        let claim = Owned {
            master: BlockKey::new(algorithm, key),
            factors: Vec::new(),
            scheme: TacScheme::Tac,
            message,
            proof: last[..4].to_vec(),
        };
        assert_eq!(
            verdicts(&[claim]),
            [TacVerdict::Holds],
            "{algorithm:?} {len}"
        );
    }
}

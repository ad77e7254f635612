//! RustCrypto's arithmetic, asked the same.

use des::cipher::{Block, BlockCipherDecrypt as _, BlockCipherEncrypt, KeyInit as _};
use sm2::elliptic_curve::PrimeField as _;
use sm2::elliptic_curve::ops::{LinearCombination as _, Reduce as _};
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::elliptic_curve::{Curve as _, Group as _};
use sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, PublicKey, Scalar, Sm2};
use tongtu_crypto::Algorithm;

/// Both halves of a key.
pub(crate) struct Key {
    d: NonZeroScalar,
    public: PublicKey,
}

impl Key {
    pub(crate) fn of(d: &[u8; 32]) -> Self {
        let d = NonZeroScalar::try_from(&d[..]).expect("a private key is in range");
        let public = PublicKey::from_secret_scalar(&d);
        Self { d, public }
    }

    /// As this crate verified before it had arithmetic of its own.
    pub(crate) fn verify(&self, e: &[u8; 32], signature: &[u8; 64]) -> bool {
        let (r, s) = signature.split_at(32);
        let (Ok(r), Ok(s)) = (NonZeroScalar::try_from(r), NonZeroScalar::try_from(s)) else {
            return false;
        };
        let sum = ProjectivePoint::lincomb(&[
            (ProjectivePoint::GENERATOR, *s),
            (ProjectivePoint::from(&self.public), *r + *s),
        ]);
        let x = Scalar::reduce(&sum.to_affine().x());
        *r == Scalar::reduce(&FieldBytes::from(*e)) + x
    }

    /// As this crate signed before it had arithmetic of its own.
    pub(crate) fn sign(&self, e: &[u8; 32]) -> (Scalar, Scalar) {
        let e = Scalar::reduce(&FieldBytes::from(*e));
        let mut nonces = rfc6979::KGenerator::<'_, ::sm3::Sm3, sm2::U256>::new(
            &self.d.to_repr(),
            &e.to_repr(),
            &[],
            &Sm2::ORDER,
        );
        let mut k = FieldBytes::default();
        nonces.fill_next_k(&mut k);
        let k: Option<Scalar> = Option::from(Scalar::from_repr(k));
        let k = k.expect("a nonce is in range");
        let r = e + Scalar::reduce(&ProjectivePoint::mul_by_generator(&k).to_affine().x());
        let inverse: Option<Scalar> = Option::from((*self.d + Scalar::ONE).invert());
        (r, inverse.expect("1 + d is not zero") * (k - r * *self.d))
    }
}

/// Whether 33 bytes are a point.
pub(crate) fn decompress(bytes: &[u8; 33]) -> bool {
    PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// SM3 of bytes.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    use ::sm3::Digest as _;
    ::sm3::Sm3::digest(bytes).into()
}

/// 3DES of both halves of a block, or SM4 of it, under a new key.
pub(crate) fn encipher(algorithm: Algorithm, key: &[u8; 16], block: &[u8; 16]) -> [u8; 16] {
    let mut out = *block;
    match algorithm {
        Algorithm::Tdes => {
            let cipher = des::TdesEde2::new(key.into());
            for half in out.as_chunks_mut::<8>().0 {
                cipher.encrypt_block(half.into());
            }
        }
        Algorithm::Sm4 => sm4::Sm4::new(key.into()).encrypt_block((&mut out).into()),
    }
    out
}

/// SM4's stream over bytes.
pub(crate) fn stream(key: &[u8; 16], first: &[u8; 16], data: &mut [u8]) {
    let cipher = sm4::Sm4::new(key.into());
    let counters = u128::from_be_bytes(*first)..;
    for (counter, chunk) in counters.zip(data.chunks_mut(16)) {
        let mut block = counter.to_be_bytes();
        cipher.encrypt_block((&mut block).into());
        xor(chunk, &block);
    }
}

/// The key of a card, levels below a master.
pub(crate) fn below(algorithm: Algorithm, master: &[u8; 16], factors: &[[u8; 8]]) -> [u8; 16] {
    factors.iter().fold(*master, |key, factor| {
        let factor = u64::from_be_bytes(*factor);
        let block = u128::from(factor) << 64 | u128::from(!factor);
        encipher(algorithm, &key, &block.to_be_bytes())
    })
}

/// A TAC, or with `retail` a cryptogram, in the first bytes.
pub(crate) fn mac(algorithm: Algorithm, key: &[u8; 16], message: &[u8], retail: bool) -> [u8; 8] {
    match algorithm {
        Algorithm::Tdes if retail => {
            let (left, right) = key.split_at(8);
            let [left, right] = [left, right].map(single);
            let mut state = chained(&left, message);
            right.decrypt_block((&mut state).into());
            left.encrypt_block((&mut state).into());
            state
        }
        Algorithm::Tdes => {
            let (left, right) = key.split_at(8);
            let mut folded = [0; 8];
            xor(&mut folded, left);
            xor(&mut folded, right);
            chained(&single(&folded), message)
        }
        Algorithm::Sm4 => {
            let state: [u8; 16] = chained(&sm4::Sm4::new(key.into()), message);
            *state.first_chunk().expect("of sixteen")
        }
    }
}

fn single(key: &[u8]) -> des::Des {
    des::Des::new_from_slice(key).expect("eight bytes")
}

/// The last block of the chain over a message, completed with `80 00…`.
fn chained<C: BlockCipherEncrypt, const N: usize>(cipher: &C, message: &[u8]) -> [u8; N]
where
    for<'a> &'a mut Block<C>: From<&'a mut [u8; N]>,
{
    let mut state = [0; N];
    let (blocks, rest) = message.as_chunks::<N>();
    for block in blocks {
        xor(&mut state, block);
        cipher.encrypt_block((&mut state).into());
    }
    xor(&mut state, rest);
    state[rest.len()] ^= 0x80;
    cipher.encrypt_block((&mut state).into());
    state
}

fn xor(into: &mut [u8], other: &[u8]) {
    for (byte, other) in into.iter_mut().zip(other) {
        *byte ^= other;
    }
}

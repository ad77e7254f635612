//! Diversifications of static keys seen in practice, for tests against other programs.
//!
//! The key system of this product has its own ([`tongtu_crypto::diversify`]). Seen in public
//! implementations: both encipher two blocks made of the diversification data with the master
//! key.

use tongtu_crypto::TdesKey;

use crate::scp::StaticKeys;

/// Which bytes of the diversification data go into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// VISA2: bytes 0, 1, 4 to 7.
    Visa2,
    /// EMV CPS: bytes 4 to 9.
    Emv,
}

/// The card's three SCP02 keys from a master key and the ten bytes of INITIALIZE UPDATE.
#[must_use]
pub fn scp02(scheme: Scheme, master: &TdesKey, data: &[u8; 10]) -> StaticKeys {
    let key = |number| derive(scheme, master, data, number);
    StaticKeys::Scp02 {
        enc: key(1),
        mac: key(2),
        dek: key(3),
    }
}

fn derive(scheme: Scheme, master: &TdesKey, k: &[u8; 10], number: u8) -> TdesKey {
    let six = match scheme {
        Scheme::Visa2 => [k[0], k[1], k[4], k[5], k[6], k[7]],
        Scheme::Emv => [k[4], k[5], k[6], k[7], k[8], k[9]],
    };
    let mut out = [0; 16];
    for (half, mark) in out.chunks_exact_mut(8).zip([0xF0, 0x0F]) {
        half[..6].copy_from_slice(&six);
        half[6] = mark;
        half[7] = number;
    }
    master.encrypt_blocks(&mut out).expect("two whole blocks");
    TdesKey::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check values of a public implementation's tests.
    #[test]
    fn published_check_values() {
        let master = TdesKey::new(core::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap()));
        let data = core::array::from_fn(|i| u8::try_from(i).unwrap());
        for (scheme, expected) in [
            (Scheme::Emv, ["C33013", "6F4CA6", "BB8179"]),
            (Scheme::Visa2, ["2BE598", "58DA38", "3C328E"]),
        ] {
            let StaticKeys::Scp02 { enc, mac, dek } = scp02(scheme, &master, &data) else {
                panic!("SCP02 keys were asked for")
            };
            let found =
                [enc, mac, dek].map(|key| tongtu_codec::hex_encode(&key.kcv()).to_uppercase());
            assert_eq!(found, expected);
        }
    }
}

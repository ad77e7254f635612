//! The published test chain, compiled in: keys that everybody knows, for trying things out.
//!
//! Source: `protocol/ride-code/vectors/chain.toml`. Nothing signed with these keys means anything.

use tongtu_codec::hex_decode;
use tongtu_crypto::SecretKey;
use tongtu_ride_code::Root;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_types::{CardNumber, InstitutionCode};

const CHAIN: &str = include_str!("../../../protocol/ride-code/vectors/chain.toml");

/// The account of the published codes.
pub(crate) const ACCOUNT: &str = "3104100000000000017";

fn bytes(name: &str) -> Vec<u8> {
    let value = CHAIN
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
        .expect("every name asked for here is in the compiled-in file");
    hex_decode(value).expect("the compiled-in file holds hex")
}

fn secret(name: &str) -> SecretKey {
    let bytes = bytes(name).try_into().expect("32 bytes");
    SecretKey::from_bytes(&bytes).expect("a published key is in range")
}

/// The test root, CA index 02.
pub(crate) fn root() -> Root {
    Root::verify(&bytes("root")).expect("the published root verifies")
}

/// The certificate of the test issuer 01341000.
pub(crate) fn issuer_certificate() -> IssuerCertificate {
    IssuerCertificate::decode(&bytes("issuer_certificate")).expect("a published certificate")
}

/// The test issuer.
pub(crate) fn issuer() -> InstitutionCode {
    issuer_certificate().issuer
}

/// The test issuer's key.
pub(crate) fn issuer_key() -> SecretKey {
    secret("issuer_secret")
}

/// The test rider's key.
pub(crate) fn user_key() -> SecretKey {
    secret("user_secret")
}

/// The test rider's account.
pub(crate) fn account() -> CardNumber {
    CardNumber::parse(ACCOUNT).expect("19 digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_chain_holds_together() {
        let certificate = issuer_certificate();
        assert_eq!(certificate.check_signature(&root()), Ok(()));
        assert_eq!(
            issuer_key().public().to_compressed(),
            certificate.public_key
        );
        assert_eq!(issuer().as_str(), "01341000");
        assert_eq!(account().reveal(), ACCOUNT);
        assert_ne!(user_key().public(), issuer_key().public());
    }
}

//! Hostile bytes by coverage: what libFuzzer is given, and what it begins with.
//!
//! The functions of bytes are those of the crates' own tests, taken from where they are; [`codecs`] has those
//! that the crates' tests have as properties of types. docs/proofs.md says how to run them. Not here: the
//! dialogues of terminals with hostile cards, which are generated (`cargo xtask fuzz taps`).

mod codecs;
#[expect(dead_code, reason = "the crate's own tests have a list of them")]
#[path = "../../protocol/crypto/tests/it/targets.rs"]
mod crypto;
#[expect(dead_code, reason = "the tests of ride codes use more of it")]
#[path = "../../protocol/ride-code/tests/it/fixture.rs"]
mod fixture;
#[path = "../../protocol/purse/tests/it/targets.rs"]
mod purse;
#[path = "../../protocol/ride-code/tests/it/targets.rs"]
mod ride_code;
pub mod seeds;

#[cfg(feature = "engine")]
pub use libfuzzer_sys;
use tongtu_crypto::trial::at_each_level;

/// A target and what it is called.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("sm2_verify", |bytes| {
        at_each_level(|_| crypto::verify(bytes))
    }),
    ("sm2_keys", |bytes| at_each_level(|_| crypto::keys(bytes))),
    ("sm2_sign", |bytes| at_each_level(|_| crypto::secret(bytes))),
    ("digests", |bytes| at_each_level(|_| crypto::digests(bytes))),
    ("proofs", |bytes| at_each_level(|_| crypto::tacs(bytes))),
    ("ride_parse", ride_code::parse),
    ("ride_scan", ride_code::scan),
    ("ride_signed", ride_code::scan_signed_again),
    ("purse", codecs::purse),
    ("codecs", codecs::others),
    ("symbol", codecs::symbol),
];

/// Gives bytes to a target.
///
/// # Panics
/// Where the bytes do what they must not.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target of this name");
    target(bytes);
}

/// The program of a target: libFuzzer's, or without it one that takes the files named to it, in order to show
/// again what was found.
#[cfg(feature = "engine")]
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
    };
}

/// The program of a target: one that takes the files named to it.
#[cfg(not(feature = "engine"))]
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        fn main() {
            for path in std::env::args_os().skip(1) {
                let bytes = std::fs::read(&path).expect("a file of bytes can be read");
                $crate::run($name, &bytes);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_bears_every_seed() {
        for (_, _, bytes) in seeds::all() {
            for (_, target) in TARGETS {
                target(&bytes);
            }
        }
    }

    #[test]
    fn seeds_in_the_repository_are_those_that_are_made() {
        for (target, name, bytes) in seeds::all() {
            let kept = std::fs::read(seeds::path(target, &name)).ok();
            assert!(kept.as_ref() == Some(&bytes), "{target}/{name}");
        }
        for (target, _) in TARGETS {
            let made = seeds::all().filter(|(of, ..)| of == target).count();
            let kept = std::fs::read_dir(seeds::folder(target)).expect("a folder");
            assert_eq!(kept.count(), made, "{target}");
        }
    }

    #[test]
    fn whole_seeds_are_read_to_their_end() {
        let seed = |wanted: &str| {
            let found = seeds::all().find(|(_, name, _)| name == wanted);
            found.expect("a seed of this name").2
        };
        let file = seed("file");
        let name = core::str::from_utf8(&file[2..35]).expect("a name");
        let name = tongtu_exchange_file::FileName::parse(name).expect("a good name");
        tongtu_exchange_file::CqFile::decode(&name, &file[35..]).expect("a file");
        let sealed = seed("sealed");
        tongtu_envelope::Envelope::read(&sealed[1..], tongtu_envelope::Kind::Request)
            .expect("an envelope");
        tongtu_tap_record::TapRecord::decode(&seed("tap")[1..]).expect("a record");
        let found = tongtu_symbol::read_image(&seed("picture")).expect("a picture");
        assert_eq!(found.len(), 1);
    }
}

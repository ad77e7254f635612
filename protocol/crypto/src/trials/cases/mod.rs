//! `tests/vectors/sm2_cases.json`: crafted signatures and keys, each with what must be said of it.
//!
//! The file is for every implementation, ours is only the first that is put to it. [`make`] makes it
//! from seeds; what must be said follows from how a case is made, never from our verification. Here it
//! is compared with what lies in the folder, and read as a stranger would: at every level of kernels, by
//! RustCrypto and by OpenSSL. `TONGTU_WRITE_CASES` writes it anew.
//!
//! No case has a point of small order, because there is none: the number of points is the prime n.

pub(super) mod make;
mod special;

use std::path::Path;

use serde_json::Value;
use tongtu_codec::hex_decode;
use tongtu_foreign::{Point, Witness};

use crate::batch::{KeyShelf, Signed, read_keys, verify_batch};
use crate::{PublicKey, SecretKey, Signature, sm3, trial};

/// A line of the file.
struct Case(Value);

impl Case {
    fn text(&self, name: &str) -> &str {
        self.0[name]
            .as_str()
            .unwrap_or_else(|| panic!("{} has no {name}", self.0))
    }

    fn bytes<const N: usize>(&self, name: &str) -> [u8; N] {
        let bytes = hex_decode(self.text(name)).expect("hex");
        bytes.try_into().expect("as many bytes as the kind has")
    }

    fn valid(&self) -> bool {
        match self.text("result") {
            "valid" => true,
            "invalid" => false,
            other => panic!("{other} is no result"),
        }
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sm2_cases.json")
}

/// The cases of a kind, as they lie in the folder.
fn cases(kind: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(path()).expect("the file is in the repository");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let all = file["cases"].as_array().expect("a list of cases");
    let found: Vec<Case> = all
        .iter()
        .filter(|case| case["kind"] == kind)
        .map(|case| Case(case.clone()))
        .collect();
    assert!(found.len() >= 8, "{} cases are {kind}", found.len());
    found
}

/// Key, digest and signature of every case with a signature, and the case.
fn claims() -> Vec<(PublicKey, sm3::Digest, Signature, Case)> {
    let key = |case: &Case| PublicKey::from_xy(&case.bytes("key")).expect("a key");
    let over_digests = cases("digest").into_iter().map(|case| {
        let e = case.bytes("e");
        (key(&case), e, Signature(case.bytes("sig")), case)
    });
    let over_messages = cases("message").into_iter().map(|case| {
        let message = hex_decode(case.text("msg")).expect("hex");
        let key = key(&case);
        let e = sm3::digest_parts(&[key.z(), &message]);
        let signature = Signature(case.bytes("sig"));
        let single = key.verify(&message, &signature).is_ok();
        assert_eq!(single, case.valid(), "{}", case.0);
        (key, e, signature, case)
    });
    over_digests.chain(over_messages).collect()
}

#[test]
fn the_file_is_the_one_that_is_made() {
    let made = make::file();
    if std::env::var_os("TONGTU_WRITE_CASES").is_some() {
        std::fs::write(path(), &made).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(path()).expect("the file is in the repository");
    assert!(kept == made, "TONGTU_WRITE_CASES=1 writes it anew");
}

#[test]
fn every_level_says_of_each_signature_what_must_be_said() {
    let claims = claims();
    trial::at_each_level(|level| {
        let batch: Vec<Signed<'_>> = claims
            .iter()
            .map(|(key, e, signature, _)| Signed::over_digest(key, *e, *signature))
            .collect();
        let together = verify_batch(&batch);
        let mut shelf = KeyShelf::new(1000);
        for (place, (key, e, signature, case)) in claims.iter().enumerate() {
            // Often enough for a table, and then by the table.
            let many = std::vec![batch[place]; 520];
            let shelved = shelf.verify(&many);
            assert!(shelved.iter().all(|same| *same == shelved[0]), "{}", case.0);
            let by_table = shelf.verify(&many[..20]);
            for verdict in [
                key.verify_digest(e, signature),
                together[place],
                shelved[0],
                by_table[19],
            ] {
                assert_eq!(verdict.is_ok(), case.valid(), "{level}: {}", case.0);
            }
        }
    });
}

#[test]
fn rustcrypto_says_of_each_signature_what_must_be_said() {
    for (key, e, signature, case) in claims() {
        let theirs = super::rustcrypto_holds(&key.to_xy(), &e, &signature);
        assert_eq!(theirs, case.valid(), "{}", case.0);
    }
}

#[test]
fn openssl_says_of_each_signature_what_must_be_said() {
    let Some(mut openssl) = Witness::call("cases") else {
        return;
    };
    let claims = claims();
    let asked: Vec<_> = claims
        .iter()
        .map(|(key, e, signature, _)| (key.to_xy(), *e, signature.0))
        .collect();
    for (holds, (_, _, _, case)) in openssl.verify(&asked).into_iter().zip(&claims) {
        assert_eq!(holds, case.valid(), "{}", case.0);
    }
}

#[test]
fn every_level_reads_the_keys_that_are_keys() {
    let packed = cases("compressed");
    let bytes: Vec<[u8; 33]> = packed.iter().map(|case| case.bytes("key")).collect();
    trial::at_each_level(|level| {
        for ((case, bytes), together) in packed.iter().zip(&bytes).zip(read_keys(&bytes)) {
            let single = PublicKey::from_compressed(bytes);
            assert_eq!(single, together, "{level}: {}", case.0);
            let expected = case.valid().then(|| case.bytes("xy"));
            assert_eq!(single.ok().map(|key| key.to_xy()), expected, "{}", case.0);
        }
        for case in cases("xy") {
            let bytes = case.bytes("key");
            let key = PublicKey::from_xy(&bytes).ok().map(|key| key.to_xy());
            assert_eq!(key, case.valid().then_some(bytes), "{level}: {}", case.0);
        }
        for case in cases("secret") {
            let key = SecretKey::from_bytes(&case.bytes("d"));
            let expected = case.valid().then(|| case.bytes("xy"));
            let found = key.ok().map(|key| key.public().to_xy());
            assert_eq!(found, expected, "{level}: {}", case.0);
        }
    });
}

#[test]
fn others_read_the_keys_that_are_keys() {
    let mut openssl = Witness::call("case-keys");
    for (kind, prefix) in [("compressed", &[][..]), ("xy", &[4][..])] {
        for case in cases(kind) {
            let bytes = hex_decode(case.text("key")).expect("hex");
            let sec1 = [prefix, &bytes].concat();
            let expected = match (case.valid(), kind) {
                (false, _) => Point::None,
                (true, "xy") => Point::Affine(case.bytes("key")),
                (true, _) => Point::Affine(case.bytes("xy")),
            };
            // RustCrypto reads 05 as a compact point, a form of its own.
            if sec1[0] != 5 {
                let theirs = sm2::PublicKey::from_sec1_bytes(&sec1);
                assert_eq!(theirs.is_ok(), case.valid(), "{}", case.0);
            }
            if let Some(openssl) = &mut openssl {
                assert_eq!(openssl.points(&[&sec1]), [expected], "{}", case.0);
            }
        }
    }
}

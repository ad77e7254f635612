//! OpenSSL verifies what we sign, over the bytes that the documents say are covered.

use tongtu_crypto::{PublicKey, SecretKey};
use tongtu_foreign::{Scratch, openssl, sm2_key_der, sm2_signature_der, tool};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::{IssuerCertificate, IssuerSignature};
use tongtu_ride_code::{RevocationError, RevocationList, Root};

use crate::card::{Card, signed};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, code, key, morning};

const DISTID: &str = "distid:1234567812345678";

/// A signature r || s of a key over bytes, as the documents say.
struct Case {
    what: &'static str,
    key: PublicKey,
    covered: Vec<u8>,
    signature: [u8; 64],
}

/// Of bytes whose last 64 are the signature over all before them.
fn at_the_end(what: &'static str, key: &SecretKey, bytes: &[u8]) -> Case {
    let (covered, signature) = bytes.split_last_chunk().unwrap();
    Case {
        what,
        key: key.public().clone(),
        covered: covered.to_vec(),
        signature: *signature,
    }
}

fn of_the_chain() -> Vec<Case> {
    let centre = key("root");
    let root = Root::self_sign(2, "1240".parse().unwrap(), &centre).unwrap();
    let own = key("issuer own");
    let expiry = "1230".parse().unwrap();
    let application = apply_for_certificate(code(BEIJING_CODE), expiry, [0, 0, 1], &own).unwrap();
    let certificate = root.certify(&application, &centre).unwrap();
    let bytes = certificate.encode().unwrap();
    let revoked = RevocationList {
        ca_index: 2,
        version: 1,
        issued_at: morning(),
        root_ended_at: Some(morning()),
        revoked: [((code(BEIJING_CODE), [0, 0, 1]), morning())].into(),
    };
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(centre.sign(bytes));
    let revoked = revoked.sign_with(&root, sign).unwrap();
    vec![
        at_the_end("root", &centre, &root.certificate().encode().unwrap()),
        at_the_end("application", &own, &application.encode().unwrap()),
        Case {
            what: "issuer certificate",
            key: centre.public().clone(),
            covered: bytes[6..53].to_vec(),
            signature: bytes[53..].try_into().unwrap(),
        },
        at_the_end("revocation list", &centre, &revoked),
    ]
}

async fn of_a_city() -> Vec<Case> {
    let country = Country::found().await;
    let rider = country.rider(BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let mut card = Card::issued(&country, BEIJING_CODE, 2).await;
    let user = rider.certificate.as_bytes();
    let issuer = IssuerCertificate::decode(&user[..IssuerCertificate::LEN]).unwrap();
    let (covered, signature) = user.split_at(user.len() - IssuerSignature::LEN);
    let ride = rider.code_at(morning());
    let (moment, phone) = ride.split_at(ride.len() - 65);
    let node = country.node(GUANGZHOU_CODE);
    let lists = node.lists_current(0, morning()).await.unwrap().unwrap();
    let tap = signed(&card.pay(&north, morning(), 200), &north);
    vec![
        Case {
            what: "user certificate",
            key: PublicKey::from_compressed(&issuer.public_key).unwrap(),
            covered: covered.to_vec(),
            signature: signature[1..].try_into().unwrap(),
        },
        Case {
            what: "ride code",
            key: rider.phone.public().clone(),
            covered: moment.to_vec(),
            signature: phone[1..].try_into().unwrap(),
        },
        at_the_end(
            "list bundle",
            &key(&format!("list {GUANGZHOU_CODE}")),
            &lists,
        ),
        at_the_end("tap record", &north.key, &tap),
    ]
}

fn of_the_audit() -> Case {
    let mut log = tongtu_audit::AuditLog::new();
    let (now, signer) = (morning(), &mut key("anchor"));
    let day = now.china().day;
    let next = now.plus_s(86_400);
    let anchor = log.anchor(day, next, (9, signer)).unwrap();
    at_the_end("audit anchor", &key("anchor"), &anchor.encode().unwrap())
}

#[tokio::test]
async fn openssl_verifies_everything_that_we_sign_and_nothing_that_was_bent() {
    if tool("openssl").is_none() {
        return;
    }
    let scratch = Scratch::new("signed");
    let mut cases = of_the_chain();
    cases.extend(of_a_city().await);
    cases.push(of_the_audit());
    for Case {
        what,
        key,
        mut covered,
        signature,
    } in cases
    {
        let key = scratch.write("key.der", &sm2_key_der(&key.to_xy()));
        let sig = scratch.write("signature", &sm2_signature_der(&signature));
        let verify = |message: &[u8]| {
            let file = scratch.write("message", message);
            #[rustfmt::skip]
            let words = [
                "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin",
                "-digest", "sm3", "-pkeyopt", DISTID, "-in", &file, "-sigfile", &sig,
            ];
            openssl(&words, &[]).is_some()
        };
        assert!(verify(&covered), "{what}");
        covered[3] ^= 1;
        assert!(!verify(&covered), "{what}, bent");
    }
}

//! Certificates as files have them.

use tongtu_foreign::{Scratch, openssl, tool};
use tongtu_link::{CertificateFault, Identity, LinkName};
use tongtu_types::InstitutionCode;

use crate::fixture::*;

fn split(pem: &str) -> (&str, &str) {
    pem.split_at(pem.find("-----BEGIN PRIVATE KEY").unwrap())
}

#[test]
fn a_certificate_is_read_with_its_key_in_any_order() {
    let pem = certificate();
    let (certificate, key) = split(&pem);
    let turned = [key, certificate].concat();
    assert_eq!(
        identity(&pem).fingerprint(),
        identity(&turned).fingerprint()
    );
}

#[test]
fn what_is_no_certificate_with_its_key_is_named() {
    let (one, two) = (certificate(), certificate());
    let (certificate, key) = split(&one);
    let (other, _) = split(&two);
    let read = |pem: &str| Identity::from_pem(pem.as_bytes(), beijing()).unwrap_err();
    assert_eq!(read(""), CertificateFault::NoCertificate);
    assert_eq!(read(key), CertificateFault::NoCertificate);
    assert_eq!(read(certificate), CertificateFault::NoKey);
    assert_eq!(read(&[other, key].concat()), CertificateFault::OtherKey);
    assert_eq!(read(&[&one, other].concat()), CertificateFault::Several(2));
    let guangzhou = InstitutionCode::parse("01345810").unwrap();
    let error = Identity::from_pem(one.as_bytes(), guangzhou).unwrap_err();
    assert!(matches!(error, CertificateFault::OtherName { .. }));
}

#[test]
fn an_identity_does_not_print_its_key() {
    let pem = certificate();
    let identity = identity(&pem);
    let printed = format!("{identity:?}");
    assert_eq!(printed, format!("Identity({})", identity.fingerprint()));
}

#[test]
fn openssl_reads_the_certificate_as_we_do() {
    if tool("openssl").is_none() {
        return;
    }
    let pem = certificate();
    let scratch = Scratch::new("link-identity");
    let file = scratch.write("link.pem", pem.as_bytes());
    let say = |what: &[&str]| {
        let args = [&["x509", "-noout", "-in", &file], what].concat();
        String::from_utf8(openssl(&args, &[]).unwrap()).unwrap()
    };
    let print = say(&["-fingerprint", "-sha256"]);
    let print = print.trim().split_once('=').unwrap().1;
    assert_eq!(print.parse(), Ok(identity(&pem).fingerprint()));
    let names = say(&["-ext", "subjectAltName"]);
    let name = LinkName::of(beijing());
    assert!(names.contains(&format!("DNS:{}", name.as_str())), "{names}");
    let dates = say(&["-dates"]);
    assert!(
        dates.contains("notBefore=Jan  1 08:00:00 2026 GMT"),
        "{dates}"
    );
    assert!(
        dates.contains("notAfter=Jan  1 08:16:40 2026 GMT"),
        "{dates}"
    );
    let kind = say(&["-text"]);
    assert!(kind.contains("NIST CURVE: P-256"), "{kind}");
}

//! The suite on a PKCS#11 token, and what foreign programs see there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongtu_foreign::{SoftToken, openssl, tool};
use tongtu_hsm::{
    Custody, CustodyError, Export, KeyName, KeyPath, MacScheme, Mark, Protection, PublicPart,
    SealedCustody, SignScheme, Signed, Token, TokenConfig, TokenCustody, VendorCipher,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Bench, label, name, seeded, staying};

const WRAPPING: &str = "tongtu-wrapping";

fn config(token: &SoftToken) -> TokenConfig {
    TokenConfig {
        module: token.module().to_path_buf(),
        token: SoftToken::LABEL.into(),
        serial: None,
        wrapping_key: WRAPPING.into(),
        vendor: None,
    }
}

fn pin() -> zeroize::Zeroizing<String> {
    String::from(SoftToken::PIN).into()
}

fn open(token: &SoftToken) -> Token {
    Token::open(config(token), &pin()).unwrap()
}

struct Tokens<'a> {
    token: &'a SoftToken,
    made: u64,
}

impl<'a> Tokens<'a> {
    fn new(token: &'a SoftToken) -> Self {
        open(token).make_wrapping_key().unwrap();
        Self { token, made: 0 }
    }

    fn path(&self) -> PathBuf {
        self.token.folder().join(format!("keys-{}", self.made))
    }

    fn make(&mut self) -> TokenCustody {
        self.made += 1;
        let token = open(self.token);
        TokenCustody::make(&self.path(), Mark::Test, token, seeded(self.made)).unwrap()
    }

    fn open(&self) -> Result<TokenCustody, CustodyError> {
        let token = open(self.token);
        TokenCustody::open(&self.path(), Mark::Test, token, seeded(self.made + 100))
    }
}

impl Bench for Tokens<'_> {
    fn fresh(&mut self) -> Box<dyn Custody> {
        Box::new(self.make())
    }

    fn reopen(&mut self, old: Box<dyn Custody>) -> Box<dyn Custody> {
        drop(old);
        Box::new(self.open().unwrap())
    }
}

mod facts {
    fn run(test: &str, fact: fn(&mut dyn super::Bench)) {
        super::SoftToken::within(test, |token| fact(&mut super::Tokens::new(token)));
    }

    crate::suite::facts!(run);
}

macro_rules! with_token {
    ($(fn $test:ident($token:ident) $body:block)*) => {
        $(
            #[test]
            fn $test() {
                let test = concat!(module_path!(), "::", stringify!($test));
                SoftToken::within(test, |$token: &SoftToken| $body);
            }
        )*
    };
}

fn listed(token: &SoftToken, program: &Path) -> String {
    let module = token.module().display().to_string();
    let words = ["--module", &module, "--login", "--pin", SoftToken::PIN];
    let label = ["--token-label", SoftToken::LABEL, "--list-objects"];
    token.run(program, words.into_iter().chain(label)).good()
}

fn rsa(text: &str) -> KeyName {
    staying(text, Purpose::CashIssuer, KeyAlgorithm::Rsa)
}

fn aes(text: &str) -> KeyName {
    staying(text, Purpose::NodeLink, KeyAlgorithm::Aes)
}

with_token! {
    fn pkcs11_tool_sees_our_keys_and_that_they_stay(token) {
        let Some(program) = tool("pkcs11-tool") else { return };
        let mut custody = Tokens::new(token).make();
        custody.generate(&aes("LINK")).unwrap();
        custody.generate(&rsa("CASH")).unwrap();
        custody
            .generate(&staying("DPK", Purpose::Purchase, KeyAlgorithm::Sm4))
            .unwrap();
        let said = listed(token, &program);
        for label in [WRAPPING, "LINK", "CASH"] {
            assert!(said.contains(label), "{label} in {said}");
        }
        // SM4 is not the token's: it lies sealed in the file.
        assert!(!said.contains("DPK"), "{said}");
        let (all, staying) = (said.matches("Secret Key Object").count(),
            said.matches("sensitive, always sensitive, never extractable").count());
        assert_eq!((all, staying), (2, 3), "{said}");
        custody.destroy(label("LINK")).unwrap();
        custody.destroy(label("CASH")).unwrap();
        let said = listed(token, &program);
        assert!(!said.contains("LINK") && !said.contains("CASH"), "{said}");
    }

    fn openssl_verifies_what_the_token_signs(token) {
        if tool("openssl").is_none() {
            return;
        }
        let Some(program) = tool("pkcs11-tool") else { return };
        let mut custody = Tokens::new(token).make();
        custody.generate(&rsa("CASH")).unwrap();
        let signed = custody.sign(label("CASH"), SignScheme::RsaPss, b"data").unwrap();
        let Signed::Rsa(signature) = signed else {
            panic!("an RSA key gives an RSA signature");
        };
        // The public key as the foreign program has it from the token, not as we do.
        let file = |name: &str| token.folder().join(name).display().to_string();
        let module = token.module().display().to_string();
        let key = file("key.der");
        let words = ["--module", &module, "--token-label", SoftToken::LABEL];
        let read = ["--read-object", "--type", "pubkey", "--label", "CASH", "-o", &key];
        let _ = token.run(&program, words.into_iter().chain(read)).good();
        let sign = file("signature");
        std::fs::write(&sign, &signature).unwrap();
        let verify = |message: &[u8]| {
            let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
            let mut words = vec!["dgst", "-sha256", "-keyform", "DER", "-verify", &key];
            words.extend(pss);
            words.extend(["-signature", &sign]);
            openssl(&words, message).is_some()
        };
        assert!(verify(b"data"));
        assert!(!verify(b"date"));
        assert!(matches!(custody.public(label("CASH")), Ok(PublicPart::Rsa(_))));
    }

    fn without_its_wrapping_key_nothing_is_made(token) {
        let path = token.folder().join("keys");
        let made = TokenCustody::make(&path, Mark::Test, open(token), seeded(1));
        assert!(matches!(made, Err(CustodyError::TokenAnswer { .. })));
        assert!(!path.exists());
    }

    fn a_wrapping_key_is_made_once(token) {
        let mut tokens = Tokens::new(token);
        let again = open(token).make_wrapping_key();
        assert!(matches!(again, Err(CustodyError::TokenAnswer { .. })));
        drop(tokens.make());
        tokens.open().unwrap();
    }

    fn another_wrapping_key_does_not_open_the_store(token) {
        let mut tokens = Tokens::new(token);
        drop(tokens.make());
        let other = TokenConfig { wrapping_key: "other".into(), ..config(token) };
        let other = Token::open(other, &pin()).unwrap();
        other.make_wrapping_key().unwrap();
        let opened = TokenCustody::open(&tokens.path(), Mark::Test, other, seeded(2));
        assert!(matches!(opened, Err(CustodyError::Protection { .. })));
    }

    fn a_wrong_pin_and_an_unknown_token_are_refused(token) {
        let wrong = Token::open(config(token), &String::from("654321").into());
        assert!(matches!(wrong, Err(CustodyError::Token { .. })));
        let unknown = TokenConfig { token: "none".into(), ..config(token) };
        assert!(matches!(Token::open(unknown, &pin()), Err(CustodyError::NoToken { .. })));
        let module = TokenConfig { module: token.folder().join("none.so"), ..config(token) };
        assert!(matches!(Token::open(module, &pin()), Err(CustodyError::Token { .. })));
    }

    fn another_token_of_the_same_label_is_named_before_the_pin_is_tried(token) {
        let serial = open(token).serial().to_owned();
        assert!(!serial.is_empty());
        let own = TokenConfig { serial: Some(serial.clone()), ..config(token) };
        Token::open(own, &pin()).unwrap();
        let other = TokenConfig { serial: Some("0000".into()), ..config(token) };
        let wrong = String::from("654321").into();
        match Token::open(other, &wrong) {
            Err(CustodyError::OtherToken { found, expected, .. }) => {
                assert_eq!((found, expected.as_str()), (serial, "0000"));
            }
            opened => panic!("{opened:?}"),
        }
    }

    fn a_vendor_mechanism_that_is_not_there_is_named(token) {
        let vendor = VendorCipher {
            key_type: 0x8000_0101,
            key_gen: 0x8000_0102,
            cbc: 0x8000_0103,
        };
        let sm4 = TokenConfig { vendor: Some(vendor), ..config(token) };
        let opened = Token::open(sm4, &pin());
        assert!(matches!(
            opened,
            Err(CustodyError::NotOffered { mechanism: 0x8000_0103, .. })
        ));
        let standard = VendorCipher { cbc: 0x1082, ..vendor };
        let aes = TokenConfig { vendor: Some(standard), ..config(token) };
        assert!(matches!(Token::open(aes, &pin()), Err(CustodyError::Token { .. })));
    }

    fn a_key_that_is_gone_from_the_token_is_missed(token) {
        let Some(program) = tool("pkcs11-tool") else { return };
        let mut custody = Tokens::new(token).make();
        custody.generate(&aes("LINK")).unwrap();
        let module = token.module().display().to_string();
        let words = ["--module", &module, "--login", "--pin", SoftToken::PIN];
        let gone = ["--delete-object", "--type", "secrkey", "--label", "LINK"];
        let _ = token.run(&program, words.into_iter().chain(gone)).good();
        let checked = custody.check(label("LINK"));
        assert!(matches!(checked, Err(CustodyError::TokenAnswer { .. })));
        let mac = custody.mac(KeyPath::of(label("LINK")), MacScheme::Cmac, b"");
        assert!(matches!(mac, Err(CustodyError::TokenAnswer { .. })));
    }

    fn a_key_that_may_leave_is_not_the_tokens_own(token) {
        let mut custody = Tokens::new(token).make();
        let key = KeyName { export: Export::Whole, ..aes("LINK") };
        custody.generate(&key).unwrap();
        let kek = name("KEK", Purpose::PersoTransport, KeyAlgorithm::Aes);
        custody.generate(&kek).unwrap();
        custody.export(key.label, kek.label).unwrap();
    }

    fn the_token_is_a_protection_like_the_others(token) {
        let mut tokens = Tokens::new(token);
        tokens.made = 1;
        let key = name("DPK", Purpose::Purchase, KeyAlgorithm::Sm4);
        let words = crate::fixture::passphrase(crate::fixture::WORDS);
        let mut custody =
            SealedCustody::make(&tokens.path(), Mark::Test, &words, seeded(1)).unwrap();
        let check = custody.generate(&key).unwrap();
        let own = Protection::Token(Arc::new(open(token)));
        custody.protect_anew(&own).unwrap();
        custody.check(key.label).unwrap();
        drop(custody);
        assert_eq!(tokens.open().unwrap().check(key.label).unwrap().check, check);
    }
}

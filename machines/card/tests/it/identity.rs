//! A card proves which secure element it is, and OpenSSL agrees.

use tongtu_apdu::StatusWord;
use tongtu_card::Card;
use tongtu_card::factory::Module;
use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_crypto::Signature;
use tongtu_foreign::{Scratch, openssl, sm2_key_der, sm2_signature_der, tool};
use tongtu_identity::{
    Challenge, DataObject, GenerateKeyPair, GetData, IDENTITY, InternalAuthenticate, proof,
};
use tongtu_types::{InstitutionCode, MediumId, MediumKind};

use crate::desk::{Desk, application};

fn medium() -> MediumId {
    let issuer = InstitutionCode::parse("01341000").unwrap();
    MediumId::compose(MediumKind::CARD, issuer, 26, 4711).unwrap()
}

/// A card with the application; its issuer domain has the medium id.
fn desk() -> Desk {
    let identity = application(Module::Identity, IDENTITY, ("", 0), &[]);
    let memory = Desk::with(vec![identity]).card.power_down();
    let mut nvm = Nvm::open(memory).unwrap();
    let mut batch = Batch::default();
    // The issuer domain is number 1 and keeps data objects under their tags.
    batch.put(ObjectId::new(1, 0xDF20), medium().to_packed());
    nvm.commit(batch).unwrap();
    let mut desk = Desk::around(Card::power_up(nvm.into_memory()).unwrap());
    desk.select(IDENTITY);
    desk
}

fn proved(desk: &mut Desk, challenge: &[u8]) -> (Challenge, Signature) {
    let challenge = Challenge::new(challenge).unwrap();
    let signature = desk.call(&InternalAuthenticate { challenge });
    (challenge, signature.unwrap())
}

#[test]
fn a_host_verifies_what_the_card_proves() {
    let mut desk = desk();
    let key = desk.call(&GenerateKeyPair).unwrap();
    let object = DataObject::PublicKey;
    let read = desk.call(&GetData { object }).unwrap();
    assert_eq!(GetData::read_public_key(&read).as_ref(), Ok(&key));
    for len in [16, 24, 32] {
        let (challenge, signature) = proved(&mut desk, &vec![0x3C; len]);
        let verify = |medium| proof::verify(&key, &challenge, &medium, &signature);
        assert_eq!(verify(medium()), Ok(()));
        let other = MediumId::compose(MediumKind::CARD, medium().issuer(), 26, 4712);
        assert!(verify(other.unwrap()).is_err());
    }
}

#[test]
fn the_key_is_there_after_power_was_gone_and_nobody_reads_it() {
    let mut desk = desk();
    let key = desk.call(&GenerateKeyPair).unwrap();
    // The application is number 2, after the issuer domain.
    let secret: Vec<Vec<u8>> = desk
        .image()
        .into_iter()
        .filter(|(id, value)| id.owner == 2 && value.len() == 32)
        .map(|(_, value)| value)
        .collect();
    assert_eq!(secret.len(), 1, "one object of 32 bytes: the private key");
    let chip = desk.card.power_down().0;
    let mut desk = Desk::again(&chip);
    desk.select(IDENTITY);
    let (challenge, signature) = proved(&mut desk, &[1; 16]);
    assert_eq!(
        proof::verify(&key, &challenge, &medium(), &signature),
        Ok(())
    );
    for ins in 0..=255 {
        for cla in [0x00, 0x80] {
            let answer = desk.transmit(&[cla, ins, 0, 0, 0]).unwrap();
            let leaks = answer.data.windows(32).any(|window| window == secret[0]);
            assert!(!leaks, "{cla:02X} {ins:02X}");
        }
    }
}

#[test]
fn without_a_medium_id_the_card_proves_nothing() {
    let identity = application(Module::Identity, IDENTITY, ("", 0), &[]);
    let mut desk = Desk::with(vec![identity]);
    desk.select(IDENTITY);
    desk.call(&GenerateKeyPair).unwrap();
    let challenge = Challenge::new(&[1; 16]).unwrap();
    assert_eq!(
        desk.call(&InternalAuthenticate { challenge }),
        Err(StatusWord::REFERENCE_NOT_FOUND)
    );
}

#[test]
fn openssl_verifies_the_cards_signature() {
    if tool("openssl").is_none() {
        return;
    }
    let mut desk = desk();
    let key = desk.call(&GenerateKeyPair).unwrap();
    let (challenge, signature) = proved(&mut desk, &[0xA7; 32]);
    let scratch = Scratch::new("card-identity");
    let key = scratch.write("key.der", &sm2_key_der(&key.to_xy()));
    let signature = scratch.write("signature", &sm2_signature_der(&signature.0));
    let verify = |medium: &str| {
        let message = [
            challenge.as_bytes(),
            &tongtu_codec::hex_decode(medium).unwrap(),
        ]
        .concat();
        let message = scratch.write("message", &message);
        #[rustfmt::skip]
        let args = [
            "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin",
            "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", &message,
            "-sigfile", &signature,
        ];
        openssl(&args, &[]).is_some()
    };
    assert!(verify(medium().as_str()));
    assert!(!verify("05013410002600047129"));
}

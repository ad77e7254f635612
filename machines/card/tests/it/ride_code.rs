//! Real ride codes through a whole card: handed over, updated, and checked by a verifier.

use tongtu_card::Card;
use tongtu_card::factory::{Blueprint, Module, Preinstalled};
use tongtu_crypto::{Algorithm, BlockKey, SecretKey, sm3};
use tongtu_nfc_code::{
    GetChallenge, GetCode, NFC_CODE, PutResult, ReadResult, RideResult, UpdateCode, code_reference,
    group, version_in,
};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RideCode, Root, RootTable, Scan, UserCertificate, UserTerms,
    Verdict, Verifier,
};
use tongtu_testkit::tear::{Chip, every_cut};
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

use crate::desk::{Desk, application};
use crate::tear::Cells;

/// 2026-01-01T08:00:00Z.
const T0: Timestamp = Timestamp::new(1_767_254_400);

const OWNER_KEY: [u8; 16] = [0x41; 16];
const TERMINAL_KEY: [u8; 16] = [0x42; 16];

/// A root, an issuer and a rider, all with test keys.
struct Scheme {
    certificate: UserCertificate,
    user_key: SecretKey,
    verifier: Verifier,
}

impl Scheme {
    /// A scheme whose issuer adds an extension of so many bytes.
    fn new(extension_len: usize) -> Self {
        let key = |label: &[u8]| SecretKey::from_bytes(&sm3::digest(label)).unwrap();
        let root_key = key(b"root");
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let issuer_key = key(b"issuer");
        let id = InstitutionCode::parse("01341000").unwrap();
        let expiry = "1230".parse().unwrap();
        let request = apply_for_certificate(id, expiry, [0, 0, 1], &issuer_key).unwrap();
        let issuer = root.certify(&request, &root_key).unwrap();
        let user_key = key(b"user");
        let terms = UserTerms {
            issuer_data: b"CHN0000000000001".to_vec(),
            account: CardNumber::parse("3104100000000000017").unwrap(),
            card_issuer: [0x01, 0x34, 0x10, 0x00],
            platform: [0; 4],
            account_type: 1,
            limit: Fen::new(2000),
            user_key: user_key.public().clone(),
            expires: T0.plus_s(7 * 86_400),
            validity_s: 600,
            extension: vec![0xE7; extension_len],
        };
        let certificate = UserCertificate::issue(&issuer, &terms, &issuer_key).unwrap();
        let verifier = Verifier::new(Policy::default(), RootTable::new([root]), [id]);
        Self {
            certificate,
            user_key,
            verifier,
        }
    }

    fn code_at(&self, at: Timestamp) -> RideCode {
        let code = self.certificate.ride_code_unchecked(at, &self.user_key);
        code.unwrap()
    }

    fn verdict(&mut self, bytes: &[u8], now: Timestamp) -> Verdict {
        let scan = Scan {
            bytes,
            now: Some(now),
            fare: Fen::new(200),
            enforce_limit: true,
        };
        let (lists, recent) = (BlackLists::default(), RecentCodes::default());
        let checked = self.verifier.verify(&scan, &lists, &recent, &mut |_| {});
        checked.map_or_else(|verdict| verdict, |_| Verdict::Accepted)
    }
}

fn ride_code(first: Option<&[u8]>) -> Preinstalled {
    let owner = group::key(Algorithm::Sm4, &OWNER_KEY);
    let terminal = group::key(Algorithm::Sm4, &TERMINAL_KEY);
    let mut groups: Vec<(u16, &[u8])> =
        vec![(group::UPDATE_KEY, &owner), (group::RESULT_KEY, &terminal)];
    groups.extend(first.map(|code| (group::CODE, code)));
    application(Module::RideCode, NFC_CODE, ("MOT_T_QR", 1), &groups)
}

fn update(desk: &mut Desk, code: &[u8]) -> Result<(), tongtu_card::Torn> {
    let key = BlockKey::new(Algorithm::Sm4, OWNER_KEY);
    let challenge = desk.call(&GetChallenge).expect("nothing is written");
    for block in UpdateCode::seal(&key, &challenge, code).unwrap() {
        use tongtu_apdu::CardCommand as _;
        desk.send(&block.to_command())?;
    }
    Ok(())
}

#[test]
fn a_code_goes_over_the_field_as_over_the_screen_and_verifies() {
    for (extension_len, pieces) in [(0, [256, 76]), (32, [256, 108])] {
        let mut scheme = Scheme::new(extension_len);
        let code = scheme.code_at(T0);
        let mut desk = Desk::with(vec![ride_code(Some(code.as_bytes()))]);
        assert_eq!(version_in(&desk.select(NFC_CODE)), Some(0x0100));
        let handed = desk.call(&GetCode).unwrap();
        assert_eq!(desk.pieces, pieces);
        assert_eq!(handed, code.as_bytes());
        assert_eq!(scheme.verdict(&handed, T0.plus_s(5)), Verdict::Accepted);
    }
}

#[test]
fn a_short_code_comes_in_one_piece() {
    for len in [1, 255, 256] {
        let mut desk = Desk::with(vec![ride_code(Some(&vec![0x81; len]))]);
        desk.select(NFC_CODE);
        assert_eq!(desk.call(&GetCode), Ok(vec![0x81; len]));
        assert_eq!(desk.pieces, [len]);
    }
}

#[test]
fn an_old_code_is_handed_over_and_refused_by_the_terminal_until_its_owner_updates_it() {
    let mut scheme = Scheme::new(0);
    let old = scheme.code_at(T0);
    let mut desk = Desk::with(vec![ride_code(Some(old.as_bytes()))]);
    let later = T0.plus_s(3600);
    desk.select(NFC_CODE);
    let handed = desk.call(&GetCode).unwrap();
    assert_ne!(scheme.verdict(&handed, later), Verdict::Accepted);
    update(&mut desk, scheme.code_at(later).as_bytes()).unwrap();
    let handed = desk.call(&GetCode).unwrap();
    assert_eq!(scheme.verdict(&handed, later), Verdict::Accepted);
}

#[test]
fn a_terminal_reads_checks_and_leaves_its_result() {
    let mut scheme = Scheme::new(0);
    let mut desk = Desk::with(vec![ride_code(None)]);
    desk.select(NFC_CODE);
    update(&mut desk, scheme.code_at(T0).as_bytes()).unwrap();
    let handed = desk.call(&GetCode).unwrap();
    assert_eq!(scheme.verdict(&handed, T0), Verdict::Accepted);
    let result = RideResult {
        code: code_reference(&handed),
        verdict: 0,
        amount: Fen::new(200),
        time: [0x20, 0x26, 0x01, 0x01, 0x16, 0x00, 0x05],
        terminal: [0x10, 0, 0, 0, 0, 1],
    };
    let key = BlockKey::new(Algorithm::Sm4, TERMINAL_KEY);
    let challenge = desk.call(&GetChallenge).unwrap();
    let put = PutResult::seal(&key, &challenge, &result).unwrap();
    assert_eq!(desk.call(&put), Ok(()));
    // The phone reads it after the card was out of the field.
    desk.card.reset();
    desk.select(NFC_CODE);
    assert_eq!(desk.call(&ReadResult { number: 1 }), Ok(result));
}

#[test]
fn two_channels_have_their_own_challenge() {
    let mut desk = Desk::with(vec![ride_code(None)]);
    assert_eq!(desk.transmit(&[0x00, 0x70, 0, 0, 1]).unwrap().data, [1]);
    desk.select(NFC_CODE);
    let on_basic = desk.call(&GetChallenge).unwrap();
    let select = [&[0x01, 0xA4, 4, 0, 8], NFC_CODE.as_bytes()].concat();
    assert!(desk.transmit(&select).unwrap().sw.is_ok());
    let sealed = {
        let key = BlockKey::new(Algorithm::Sm4, OWNER_KEY);
        UpdateCode::seal(&key, &on_basic, &[0x81; 20]).unwrap()
    };
    use tongtu_apdu::CardCommand as _;
    let mut on_one = sealed[0].to_command();
    on_one.cla |= 1;
    let refused = desk.transmit(&on_one.encode().unwrap()).unwrap();
    assert_eq!(refused.sw.value(), 0x6985, "no challenge on channel 1");
    assert_eq!(desk.call(&sealed[0]), Ok(()));
}

#[test]
fn an_update_torn_anywhere_leaves_a_code_that_verifies() {
    let mut scheme = Scheme::new(0);
    let (old, new) = (scheme.code_at(T0), scheme.code_at(T0.plus_s(30)));
    let desk = Desk::with(vec![ride_code(Some(old.as_bytes()))]);
    let chip = desk.card.power_down().0;
    let mut seen = [0, 0];
    let operation = |chip: &Chip| {
        let mut desk = Desk::again(chip);
        desk.select(NFC_CODE);
        let _ = update(&mut desk, new.as_bytes());
    };
    let count = every_cut(&chip, operation, |cut, chip| {
        let mut desk = Desk::again(chip);
        desk.select(NFC_CODE);
        let handed = desk.call(&GetCode).unwrap();
        let is_new = handed == new.as_bytes();
        assert!(is_new || handed == old.as_bytes(), "{cut:?}");
        seen[usize::from(is_new)] += 1;
    });
    assert!(count > 300 && seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let now = T0.plus_s(40);
    for code in [old, new] {
        assert_eq!(scheme.verdict(code.as_bytes(), now), Verdict::Accepted);
    }
}

#[test]
fn a_card_torn_while_it_is_made_is_whole_or_no_card() {
    let blueprint = Blueprint {
        applications: vec![ride_code(Some(&[0x81; 332]))],
        ..Blueprint::default()
    };
    let mut seen = [0, 0];
    let make = |chip: &Chip| {
        let mut entropy = |out: &mut [u8]| out.fill(0x5A);
        let _ = Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy);
    };
    every_cut(&Chip::new(8192), make, |cut, chip| {
        let Ok(card) = Card::power_up(Cells(chip.clone())) else {
            seen[0] += 1;
            return;
        };
        let mut desk = Desk::around(card);
        desk.select(NFC_CODE);
        assert_eq!(desk.call(&GetCode), Ok(vec![0x81; 332]), "{cut:?}");
        seen[1] += 1;
    });
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn a_card_that_leaves_the_field_takes_the_rest_of_its_answer_with_it() {
    let mut desk = Desk::with(vec![ride_code(Some(&[0x81; 332]))]);
    desk.select(NFC_CODE);
    let first = desk.transmit(&[0x80, 0xCA, 0, 0, 0]).unwrap();
    assert_eq!((first.data.len(), first.sw.value()), (256, 0x614C));
    desk.card.reset();
    let rest = desk.transmit(&[0x00, 0xC0, 0, 0, 0x4C]).unwrap();
    assert_eq!((rest.data.len(), rest.sw.value()), (0, 0x6985));
}

#[test]
fn no_class_and_instruction_brings_an_undocumented_answer_or_a_change() {
    for (module, aid) in [
        (Module::RideCode, NFC_CODE),
        (Module::Identity, tongtu_identity::IDENTITY),
        (Module::Ppse, tongtu_apdu::select::PPSE),
    ] {
        let mut desk = Desk::with(vec![application(module, aid, ("", 0), &[])]);
        desk.select(aid);
        let before = desk.image();
        let pairs = (0..=255).flat_map(|cla| (0..=255).map(move |ins| (cla, ins)));
        // SELECT, MANAGE CHANNEL and GENERATE KEY PAIR do what they are for.
        let pairs = pairs.filter(|(_, ins)| !matches!(ins, 0xA4 | 0x70 | 0x46));
        for (cla, ins) in pairs {
            for tail in [&[0][..], &[2, 0x12, 0x34]] {
                let apdu = [&[cla, ins, 0, 0], tail].concat();
                let sw = desk.transmit(&apdu).unwrap().sw.value();
                let documented = [
                    0x6700, 0x6881, 0x6982, 0x6985, 0x6A83, 0x6A86, 0x6A88, 0x6D00, 0x6E00, 0x9000,
                ];
                assert!(documented.contains(&sw), "{apdu:02X?}: {sw:04X}");
                let is_challenge = module == Module::RideCode && ins == 0x84;
                assert!(sw != 0x9000 || is_challenge, "{apdu:02X?}");
            }
        }
        assert_eq!(desk.image(), before);
    }
}

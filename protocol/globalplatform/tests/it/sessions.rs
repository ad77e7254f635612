//! Channels: published sessions of both protocols from both sides, and what must not pass.
//!
//! V1 to V4 are sessions published with public implementations (secure elements' unit tests
//! and one dump of a real card); each was recomputed by a second implementation.

use proptest::prelude::*;
use tongtu_apdu::select::{Aid, ISSUER_DOMAIN};
use tongtu_apdu::{CardCommand as _, Command, Response, StatusWord};
use tongtu_crypto::{TdesKey, WideCipher, WideKey};
use tongtu_globalplatform::command::{InitializeAnswer, InitializeUpdate};
use tongtu_globalplatform::scp::{
    CardChannel, CardHalf, ChannelError, HostChannel, Offer, OfferInput, Protocol, Refused,
    SecurityLevel, StaticKeys,
};

use crate::{apdu, array, hex};

fn tdes(enc: &str, mac: &str, dek: &str) -> StaticKeys {
    let [enc, mac, dek] = [enc, mac, dek].map(|key| TdesKey::new(array(key)));
    StaticKeys::Scp02 { enc, mac, dek }
}

fn wide(cipher: WideCipher, enc: &str, mac: &str, dek: &str) -> StaticKeys {
    let [enc, mac, dek] = [enc, mac, dek].map(|key| WideKey::new(cipher, &hex(key)).unwrap());
    StaticKeys::Scp03 { enc, mac, dek }
}

const DEFAULT: &str = "404142434445464748494A4B4C4D4E4F";

/// One published session: what was sent and answered.
struct Published {
    keys: StaticKeys,
    protocol: Protocol,
    initialize: &'static str,
    answer: &'static str,
    level: SecurityLevel,
    authenticate: &'static str,
    /// Plain command, protected command.
    commands: &'static [(&'static str, &'static str)],
}

fn v1() -> Published {
    Published {
        keys: tdes(
            "100102030405060708090A0B0C0D0E0F",
            "101102030405060708090A0B0C0D0E0F",
            "102102030405060708090A0B0C0D0E0F",
        ),
        protocol: Protocol::SCP02_15,
        initialize: "80502000 08 40A62C37FA6304F8 00",
        answer: "00000000000000000000 7002 0001 6B4524ABEE7C F32EA3838BC148F3",
        level: SecurityLevel::C_MAC,
        authenticate: "84820100 10 BA6961667737C5BC EBECE14C7D6A4376",
        commands: &[
            ("80F22002", "84F22002 08 14DB34FA4341DCA8"),
            ("80CA0066 00", "84CA0066 08 55ED7C5FF069512B 00"),
            (
                "80F22002 0A 4F0212345C054F9F70C5",
                "84F22002 12 4F0212345C054F9F70C5 8FC1B380C4228AF8",
            ),
            (
                "80F28002 02 4F00 00",
                "84F28002 0A 4F00 3B95F09317DE6A4E 00",
            ),
        ],
    }
}

fn v3() -> Published {
    Published {
        keys: wide(
            WideCipher::Aes128,
            "000102030405060708090A0B0C0D0E0F",
            "101112131415161718191A1B1C1D1E1F",
            "202122232425262728292A2B2C2D2E2F",
        ),
        protocol: Protocol::SCP03_70,
        initialize: "80503000 08 FDF38259A1E0DE44 00",
        answer: "00000000000000000000 300370 3B1ACA81E821F219 081CDC01C26B372D 000003",
        level: SecurityLevel::FULL,
        authenticate: "84823300 10 8C36F96BCC00724A 4E13AD591D7DA3F0",
        commands: &[
            (
                "80E29100 06 BF3E035C015A 00",
                "84E29100 18 267A85DFE4A98FCA6FB0527E0DFECCE4 914E40401433C87F 00",
            ),
            ("80F22002", "84F22002 08 AC6A59024BED84CC"),
            ("80CA0066 00", "84CA0066 08 409912AD8FB7AED0 00"),
            (
                "80F22002 0A 4F0212345C054F9F70C5",
                "84F22002 18 5F3DAFC3AC14C381536A488BF44E06D0 56DF9D74DBD21E5A",
            ),
            (
                "80F28002 02 4F00 00",
                "84F28002 18 65165105BE3373347D0424D4400AF2AC 393F569EC779389E 00",
            ),
        ],
    }
}

fn v4() -> Published {
    Published {
        keys: wide(WideCipher::Aes128, DEFAULT, DEFAULT, DEFAULT),
        protocol: Protocol::SCP03_70,
        initialize: "80500000 08 0102030405060708 00",
        answer: "00003244342976208448 010370 734ECDCA19E446A3 0BC253BCE97DB991 000436",
        level: SecurityLevel::C_MAC,
        authenticate: "84820100 10 A5E66CD1A836E3A4 7CD3B3F7B689AE8F",
        commands: &[],
    }
}

/// What a published answer says, as the card's side takes it in.
fn offer(session: &Published) -> (Offer, InitializeAnswer) {
    let request = InitializeUpdate::from_command(&apdu(session.initialize)).unwrap();
    let published = InitializeUpdate::answer(&hex(session.answer)).unwrap();
    let (counter, challenge) = match &published.card {
        CardHalf::Scp02 {
            counter, challenge, ..
        } => (u32::from(*counter), challenge.to_vec()),
        CardHalf::Scp03 {
            counter, challenge, ..
        } => {
            let [a, b, c] = counter.unwrap();
            (u32::from_be_bytes([0, a, b, c]), challenge.to_vec())
        }
    };
    let input = OfferInput {
        keys: &session.keys,
        protocol: session.protocol,
        key_version: published.key_version,
        diversification: published.diversification,
        counter,
        aid: ISSUER_DOMAIN,
        host_challenge: request.host_challenge,
    };
    Offer::make(&input, &mut |out: &mut [u8]| {
        out.copy_from_slice(&challenge)
    })
    .unwrap()
}

fn host(session: &Published) -> (HostChannel, Command) {
    let request = InitializeUpdate::from_command(&apdu(session.initialize)).unwrap();
    let answer = InitializeUpdate::answer(&hex(session.answer)).unwrap();
    HostChannel::begin(
        &session.keys,
        session.protocol,
        &request.host_challenge,
        &answer,
        session.level,
    )
    .unwrap()
}

#[test]
fn published_sessions_from_the_host() {
    for session in [v1(), v3(), v4()] {
        let (mut host, authenticate) = host(&session);
        assert_eq!(authenticate, apdu(session.authenticate));
        for (at, (plain, protected)) in session.commands.iter().enumerate() {
            assert_eq!(
                host.protect(&apdu(plain)).unwrap(),
                apdu(protected),
                "{plain}"
            );
            if session.level == SecurityLevel::FULL && at == 0 {
                let answer = Response::parse(&hex(
                    "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB \
                     2E68F8A0144975B9 9000",
                ))
                .unwrap();
                assert_eq!(
                    host.unprotect(&answer).unwrap().data,
                    hex("BF3E125A1089882119900000000000000000000005")
                );
            }
        }
    }
}

#[test]
fn published_sessions_from_the_card() {
    for session in [v1(), v3(), v4()] {
        let (offer, answer) = offer(&session);
        // The challenge of V4 and all cryptograms are computed here, not copied.
        if session.initialize == v3().initialize {
            // V3's challenge was drawn for an AID that is not published with it.
            continue;
        }
        assert_eq!(answer.encode(), hex(session.answer));
        let mut card = offer.authenticate(&apdu(session.authenticate)).unwrap();
        for (plain, protected) in session.commands {
            assert_eq!(card.open(&apdu(protected)).unwrap(), apdu(plain));
        }
    }
    let mut session = v3();
    session.protocol = Protocol::Scp03(0x60);
    let (offer, answer) = offer(&session);
    let CardHalf::Scp03 { cryptogram, .. } = answer.card else {
        panic!("SCP03 was asked for")
    };
    assert_eq!(cryptogram, array("081CDC01C26B372D"));
    let mut card = offer.authenticate(&apdu(session.authenticate)).unwrap();
    for (at, (plain, protected)) in session.commands.iter().enumerate() {
        assert_eq!(card.open(&apdu(protected)).unwrap(), apdu(plain));
        if at == 0 {
            let answer = Response::ok(hex("BF3E125A1089882119900000000000000000000005"));
            assert_eq!(
                card.seal(answer).data,
                hex(
                    "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB \
                     2E68F8A0144975B9"
                )
            );
        }
    }
}

/// Every protocol, parameter and level of this crate, with keys of each length.
fn kinds() -> Vec<(StaticKeys, Protocol, SecurityLevel)> {
    let levels = [0x00, 0x01, 0x03, 0x10, 0x11, 0x13, 0x33]
        .map(|byte| SecurityLevel::from_byte(byte).unwrap());
    let mut all = Vec::new();
    for i in [0x15, 0x55, 0x35, 0x75, 0x05] {
        let protocol = Protocol::from_bytes([2, i]).unwrap();
        for level in levels.into_iter().filter(|level| protocol.allows(*level)) {
            all.push((
                tdes(DEFAULT, &DEFAULT.replace("40", "41"), DEFAULT),
                protocol,
                level,
            ));
        }
    }
    for i in [0x00, 0x10, 0x30, 0x60, 0x70, 0x74] {
        let protocol = Protocol::from_bytes([3, i]).unwrap();
        for level in levels.into_iter().filter(|level| protocol.allows(*level)) {
            for (cipher, len) in [
                (WideCipher::Aes128, 16),
                (WideCipher::Aes192, 24),
                (WideCipher::Aes256, 32),
                (WideCipher::Sm4, 16),
            ] {
                let key = |first: &str| format!("{first}{}", "5A".repeat(len - 1));
                all.push((
                    wide(cipher, &key("01"), &key("02"), &key("03")),
                    protocol,
                    level,
                ));
            }
        }
    }
    all
}

fn open(keys: &StaticKeys, protocol: Protocol, level: SecurityLevel) -> (HostChannel, CardChannel) {
    let host_challenge = array("0102030405060708");
    let input = OfferInput {
        keys,
        protocol,
        key_version: 0x30,
        diversification: [7; 10],
        counter: 0x0123,
        aid: Aid::new(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]),
        host_challenge,
    };
    let (offer, answer) = Offer::make(&input, &mut |out: &mut [u8]| out.fill(0x3C)).unwrap();
    let answer = InitializeUpdate::answer(&answer.encode()).unwrap();
    let (host, authenticate) =
        HostChannel::begin(keys, protocol, &host_challenge, &answer, level).unwrap();
    (host, offer.authenticate(&authenticate).unwrap())
}

#[test]
fn which_levels_a_protocol_has() {
    let of = |bytes| {
        let protocol = Protocol::from_bytes(bytes).unwrap();
        [0x00, 0x01, 0x03, 0x10, 0x11, 0x13, 0x33]
            .into_iter()
            .filter(|level| protocol.allows(SecurityLevel::from_byte(*level).unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of([2, 0x15]), [0x00, 0x01, 0x03]);
    assert_eq!(of([2, 0x55]), [0x00, 0x01, 0x03]);
    assert_eq!(of([2, 0x35]), [0x00, 0x01, 0x03, 0x10, 0x11, 0x13]);
    assert_eq!(of([3, 0x10]), [0x00, 0x01, 0x03]);
    assert_eq!(of([3, 0x30]), [0x00, 0x01, 0x03, 0x11, 0x13]);
    assert_eq!(of([3, 0x60]), [0x00, 0x01, 0x03, 0x11, 0x13, 0x33]);
    assert_eq!(of([3, 0x70]), of([3, 0x60]));
    for none in [[1, 0x15], [2, 0x0A], [2, 0x1A], [3, 0x01], [3, 0x40]] {
        assert_eq!(Protocol::from_bytes(none), None, "{none:02X?}");
    }
}

#[test]
fn host_and_card_agree_at_every_level_and_key_length() {
    let kinds = kinds();
    assert!(kinds.len() > 100, "{}", kinds.len());
    for (keys, protocol, level) in &kinds {
        let (mut host, mut card) = open(keys, *protocol, *level);
        for round in 0..6u8 {
            let command = Command::new(0x80, 0xE2, round, 0)
                .with_data(vec![round; usize::from(round) * 7])
                .with_le(0);
            let travelling = host.protect(&command).unwrap();
            assert_eq!(travelling.cla & 0x04 != 0, level.c_mac());
            assert_eq!(
                card.open(&travelling).unwrap(),
                command,
                "{protocol:?} {level:?}"
            );
            let answer = Response {
                data: vec![0x80 | round; usize::from(round) * 9],
                sw: match round {
                    4 => StatusWord::NOT_FOUND,
                    3 => StatusWord::MORE_DATA,
                    _ => StatusWord::OK,
                },
            };
            // An error carries no data.
            let answer = if answer.sw == StatusWord::NOT_FOUND {
                Response::status(answer.sw)
            } else {
                answer
            };
            let sealed = card.seal(answer.clone());
            assert_eq!(host.unprotect(&sealed).unwrap(), answer);
        }
    }
}

#[test]
fn a_chain_is_protected_as_one_command() {
    use tongtu_globalplatform::chain::{Chain, Step, split};
    for (keys, protocol, level) in &kinds() {
        let (mut host, mut card) = open(keys, *protocol, *level);
        let command = Command::new(0x80, 0xD8, 0x20, 0x01)
            .with_data(vec![0xA5; 600])
            .with_le(0);
        let mut chain = Chain::default();
        let mut whole = None;
        for segment in split(&host.protect(&command).unwrap()) {
            let segment = Command::parse(&segment.encode().unwrap()).unwrap();
            match chain.take(segment, 4000) {
                Step::Kept => {}
                Step::Whole(command) => whole = Some(command),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(card.open(&whole.unwrap()).unwrap(), command);
    }
}

#[test]
fn other_keys_are_noticed_on_both_sides() {
    for (keys, protocol, level) in &kinds() {
        let other = match keys {
            StaticKeys::Scp02 { .. } => tdes(&"11".repeat(16), &"22".repeat(16), DEFAULT),
            StaticKeys::Scp03 { enc, .. } => {
                let key = "33".repeat(enc.cipher().key_len());
                wide(enc.cipher(), &key, &key, &key)
            }
        };
        let host_challenge = array("0102030405060708");
        let make = |keys: &StaticKeys| {
            let input = OfferInput {
                keys,
                protocol: *protocol,
                key_version: 1,
                diversification: [0; 10],
                counter: 5,
                aid: ISSUER_DOMAIN,
                host_challenge,
            };
            Offer::make(&input, &mut |out: &mut [u8]| out.fill(1)).unwrap()
        };
        let (offer, answer) = make(keys);
        let refused = HostChannel::begin(&other, *protocol, &host_challenge, &answer, *level);
        assert_eq!(refused.map(|_| ()), Err(ChannelError::CardCryptogram));
        let (_, foreign) = make(&other);
        let (_, authenticate) =
            HostChannel::begin(&other, *protocol, &host_challenge, &foreign, *level).unwrap();
        let refused = offer.authenticate(&authenticate).map(|_| ());
        assert_eq!(refused, Err(Refused::HostCryptogram));
    }
}

#[test]
fn a_wrong_level_form_or_protection_has_its_status_word() {
    let session = v1();
    let (_, authenticate) = host(&session);
    let refuse = |change: &dyn Fn(&mut Command)| {
        let mut command = authenticate.clone();
        change(&mut command);
        offer(&session)
            .0
            .authenticate(&command)
            .map(|_| ())
            .unwrap_err()
            .status()
            .value()
    };
    assert_eq!(refuse(&|c| c.cla = 0x80), 0x6E00);
    assert_eq!(refuse(&|c| c.p1 = 0x02), 0x6A86);
    assert_eq!(refuse(&|c| c.p1 = 0x33), 0x6A86);
    assert_eq!(refuse(&|c| c.p2 = 0x01), 0x6A86);
    assert_eq!(refuse(&|c| c.data.truncate(15)), 0x6700);
    assert_eq!(refuse(&|c| c.data[0] ^= 1), 0x6300);
    assert_eq!(refuse(&|c| c.data[15] ^= 1), 0x6982);
    assert_eq!(refuse(&|c| c.p1 = 0x03), 0x6982, "the MAC covers the level");
    let mut card = offer(&session).0.authenticate(&authenticate).unwrap();
    let plain = Command::new(0x80, 0xF2, 0x80, 2).with_data([0x4F, 0]);
    assert_eq!(card.open(&plain), Err(Refused::Unprotected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_of_a_protected_command_or_answer_is_noticed(
        which in any::<prop::sample::Index>(),
        data in prop::collection::vec(any::<u8>(), 0..60),
        bit in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = kinds();
        let (keys, protocol, level) = which.get(&all);
        let (mut host, mut card) = open(keys, *protocol, *level);
        let command = Command::new(0x80, 0xE2, 0, 0).with_data(data.clone());
        let good = host.protect(&command).unwrap();
        if level.c_mac() {
            // Every bit of header and data but the channel bits and the class itself.
            let bit = 8 + bit.index(8 * (3 + good.data.len()));
            let mut bad = good.clone();
            match bit / 8 {
                1 => bad.ins ^= 1 << (bit % 8),
                2 => bad.p1 ^= 1 << (bit % 8),
                3 => bad.p2 ^= 1 << (bit % 8),
                at => bad.data[at - 4] ^= 1 << (bit % 8),
            }
            let (_, mut fresh) = open(keys, *protocol, *level);
            prop_assert!(fresh.open(&bad).is_err());
            let mut short = good.clone();
            short.data.truncate(cut.index(good.data.len()));
            let (_, mut fresh) = open(keys, *protocol, *level);
            prop_assert!(fresh.open(&short).is_err());
        }
        card.open(&good).unwrap();
        // The same once more is no second command.
        if level.c_mac() {
            prop_assert!(card.open(&good).is_err());
        }
        if level.r_mac() {
            let (mut host, mut card) = open(keys, *protocol, *level);
            let travelling = host.protect(&command).unwrap();
            card.open(&travelling).unwrap();
            let mut sealed = card.seal(Response::ok(data));
            let bit = bit.index(8 * sealed.data.len());
            sealed.data[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(host.unprotect(&sealed).is_err());
        }
    }
}

#[test]
fn no_session_and_no_data_block_prints_a_secret() {
    use tongtu_globalplatform::command::{StoreData, StoreFormat};

    let list = |bytes: &[u8]| format!("{bytes:?}").replace(['[', ']'], "");
    for published in [v1(), v3()] {
        let (offer, _) = offer(&published);
        let cryptogram = &apdu(published.authenticate).data[..8];
        let printed = format!("{offer:?}");
        assert!(!printed.contains(&list(cryptogram)), "{printed}");
    }
    let secret = [0xC5; 16];
    let keys = tdes(DEFAULT, DEFAULT, DEFAULT);
    let level = SecurityLevel::C_ENC_R_MAC;
    let (mut host, mut card) = open(&keys, Protocol::Scp02(0x35), level);
    let plain = Command::new(0x80, 0xE2, 0x88, 0).with_data(secret);
    card.open(&host.protect(&plain).unwrap()).unwrap();
    let data = StoreData {
        last: true,
        enciphered: false,
        application_dependent: false,
        format: StoreFormat::Dgi,
        answer: false,
        number: 0,
        data: secret.to_vec(),
    };
    for printed in [
        format!("{host:?}"),
        format!("{card:?}"),
        format!("{data:?}"),
    ] {
        assert!(!printed.contains(&list(&secret)), "{printed}");
    }
}

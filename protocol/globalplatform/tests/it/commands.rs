//! Commands: round trips, the load sequence of a real client, answers, explanations, noise.

use proptest::prelude::*;
use tongtu_apdu::select::Aid;
use tongtu_apdu::{CardCommand, Command, Response, StatusWord};
use tongtu_crypto::{RsaPublicKey, RsaSecretKey, SecretKey, TdesKey, WideCipher, WideKey};
use tongtu_globalplatform::command::*;
use tongtu_globalplatform::explain;
use tongtu_globalplatform::key::{
    KeyError, KeyMaterial, read_key_information, write_key_information,
};
use tongtu_globalplatform::life_cycle::State;
use tongtu_globalplatform::scp::{Dek, SecurityLevel};
use tongtu_globalplatform::signature;

use crate::{apdu, hex};

fn again<C: CardCommand + PartialEq + core::fmt::Debug>(command: &C) {
    assert_eq!(C::from_command(&command.to_command()).as_ref(), Ok(command));
    assert_eq!(command.to_command().ins, C::INS);
    for row in C::STATUS {
        let same = C::STATUS.iter().filter(|other| other.sw == row.sw).count();
        assert_eq!(same, 1, "{} says {} twice", C::NAME, row.sw);
    }
}

fn aid(text: &str) -> Aid {
    Aid::parse(&hex(text)).unwrap()
}

/// Every form of every command.
fn all_commands() -> Vec<Command> {
    let file = aid("D0D1D2D3D4D501");
    let app = aid("D0D1D2D3D4D50101");
    let install = |selectable: bool, combined: bool| {
        Install::Install(ForInstall {
            load_file: file,
            module: app,
            instance: (!combined).then_some(app),
            privileges: vec![0x80, 0xC0, 0],
            parameters: hex("C90100 EF04C80207D0"),
            token: vec![9; 128],
            selectable,
            combined,
        })
    };
    let load = |combined| {
        Install::Load(ForLoad {
            load_file: file,
            domain: Some(app),
            hash: vec![3; 32],
            parameters: hex("EF08C6020160C80207D0"),
            token: vec![1; 16],
            combined,
        })
    };
    let installs = [
        load(false),
        load(true),
        install(false, false),
        install(true, false),
        install(true, true),
        Install::MakeSelectable {
            instance: app,
            privileges: vec![],
            parameters: vec![],
            token: vec![],
        },
        Install::Extradition {
            domain: file,
            subject: app,
            parameters: vec![],
            token: vec![7; 64],
        },
        Install::RegistryUpdate {
            domain: None,
            subject: Some(app),
            privileges: vec![4],
            parameters: hex("EF03CF0101"),
            token: vec![],
        },
        Install::Personalization { subject: app },
    ];
    installs.iter().for_each(again);
    let mut out: Vec<Command> = installs.iter().map(CardCommand::to_command).collect();
    macro_rules! also {
        ($($command:expr),* $(,)?) => {$(
            again(&$command);
            out.push($command.to_command());
        )*};
    }
    also!(
        InitializeUpdate {
            key_version: 0x30,
            key_id: 0,
            host_challenge: [1; 8]
        },
        ExternalAuthenticate {
            level: SecurityLevel::FULL,
            cryptogram: [2; 8],
            mac: [3; 8]
        },
        ManageChannel::Open(None),
        ManageChannel::Open(Some(3)),
        ManageChannel::Close(2),
        BeginRMac {
            encipher: true,
            data: vec![]
        },
        BeginRMac {
            encipher: false,
            data: vec![1, 2]
        },
        EndRMac,
        GetData::of(0x9F7F),
        GetData {
            whole: false,
            tag: 0x2F00,
            list: vec![0x5C, 0]
        },
        StoreData {
            last: true,
            enciphered: true,
            application_dependent: false,
            format: StoreFormat::Dgi,
            answer: false,
            number: 4,
            data: vec![1, 2, 3],
        },
        StoreData {
            last: false,
            enciphered: false,
            application_dependent: true,
            format: StoreFormat::Tlv,
            answer: true,
            number: 0,
            data: vec![1],
        },
        Load {
            last: false,
            number: 0,
            block: vec![0xC4; 239]
        },
        Load {
            last: true,
            number: 255,
            block: vec![1]
        },
        Delete::object(app),
        Delete {
            target: DeleteTarget::Objects(vec![file, app]),
            related: true,
            control: Some(hex("930101")),
            token: vec![5; 256],
        },
        Delete {
            target: DeleteTarget::Keys {
                id: None,
                version: Some(0x30)
            },
            related: false,
            control: None,
            token: vec![],
        },
        GetStatus::all(Scope::Applications),
        GetStatus {
            scope: Scope::LoadFilesAndModules,
            next: true,
            form: StatusForm::Old,
            part: vec![0xA0],
            tags: hex("4F9F70C5"),
        },
        SetStatus {
            target: StatusTarget::Card,
            state: 0x0F,
            aid: None
        },
        SetStatus {
            target: StatusTarget::DomainAndApplications,
            state: 0x80,
            aid: Some(app)
        },
        PutKey {
            replace: 0,
            first_id: 1,
            several: true,
            version: 0x30,
            keys: keys().iter().map(|key| key.to_block(&deks()[1])).collect(),
        },
    );
    out
}

fn entropy(mut state: u64) -> impl FnMut(&mut [u8]) {
    move |out: &mut [u8]| {
        for byte in out {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(0x14057B7EF767814F);
            *byte = state.to_be_bytes()[1];
        }
    }
}

fn deks() -> [Dek; 3] {
    [
        Dek::Tdes(TdesKey::new([0x11; 16])),
        Dek::Wide(WideKey::new(WideCipher::Aes128, &[0x22; 16]).unwrap()),
        Dek::Wide(WideKey::new(WideCipher::Sm4, &[0x33; 16]).unwrap()),
    ]
}

fn keys() -> Vec<KeyMaterial> {
    let wide = |cipher: WideCipher| {
        KeyMaterial::Wide(WideKey::new(cipher, &vec![0x5A; cipher.key_len()]).unwrap())
    };
    let rsa = RsaSecretKey::generate(1024, &mut entropy(1)).unwrap();
    let sm2 = SecretKey::generate(&mut entropy(2));
    vec![
        KeyMaterial::Tdes(TdesKey::new([0x44; 16])),
        wide(WideCipher::Aes128),
        wide(WideCipher::Aes192),
        wide(WideCipher::Aes256),
        wide(WideCipher::Sm4),
        KeyMaterial::RsaPublic(rsa.public().clone()),
        KeyMaterial::RsaSecret(Box::new(rsa)),
        KeyMaterial::Sm2Public(sm2.public().clone()),
        KeyMaterial::Sm2Secret(sm2),
    ]
}

#[test]
fn every_command_goes_there_and_back_and_is_explained() {
    for command in all_commands() {
        let explained = explain(&command, None).unwrap();
        assert!(!explained.zh.is_empty() && explained.zh != explained.en);
        let bad = |line: &tongtu_apdu::Line| line.en == "not as defined";
        assert!(!explained.request.iter().any(bad), "{explained:?}");
        let mut protected = command.clone();
        protected.cla |= 4;
        protected.data.extend([0; 8]);
        if protected.ins == 0xF2 {
            assert_eq!(
                explain(&protected, None).unwrap().en,
                "GET STATUS, protected"
            );
        }
    }
    assert_eq!(explain(&apdu("00B0950000"), None), None);
}

/// Seen on the wire from a public client (SCP02, in plain form).
#[test]
fn the_load_sequence_of_a_public_client() {
    let install = Install::from_command(&apdu(
        "80E60200 1E 07D0D1D2D3D4D501 08A000000151000000 00 0AEF08C6020160C80207D0 00 00",
    ));
    let Ok(Install::Load(load)) = install else {
        panic!("{install:?}")
    };
    assert_eq!(load.load_file, aid("D0D1D2D3D4D501"));
    let InstallParameters {
        application,
        quota,
        control,
    } = InstallParameters::parse(&load.parameters).unwrap();
    assert_eq!((quota.code, quota.non_volatile), (0x160, 0x7D0));
    assert!(application.is_none() && control.is_none());

    let install = Install::from_command(&apdu(
        "80E60C00 27 07D0D1D2D3D4D501 08D0D1D2D3D4D50101 08D0D1D2D3D4D50101 0102 \
         09C90100EF04C80207D0 00 00",
    ));
    let Ok(Install::Install(install)) = install else {
        panic!("{install:?}")
    };
    assert!(install.selectable && !install.combined);
    assert_eq!(install.privileges, [2]);
    let InstallParameters {
        application, quota, ..
    } = InstallParameters::parse(&install.parameters).unwrap();
    assert_eq!(application, Some(&[0][..]));
    assert_eq!(quota.non_volatile, 2000);
}

#[test]
fn wrong_forms_have_the_documented_status_word() {
    let status = |text: &str| {
        let command = apdu(text);
        let error = match command.ins {
            0x50 => InitializeUpdate::from_command(&command).map(|_| ()),
            0xCA => GetData::from_command(&command).map(|_| ()),
            0xF2 => GetStatus::from_command(&command).map(|_| ()),
            0xF0 => SetStatus::from_command(&command).map(|_| ()),
            0xE6 => Install::from_command(&command).map(|_| ()),
            0xE8 => Load::from_command(&command).map(|_| ()),
            0xE4 => Delete::from_command(&command).map(|_| ()),
            0xD8 => PutKey::from_command(&command).map(|_| ()),
            0xE2 => StoreData::from_command(&command).map(|_| ()),
            0x70 => ManageChannel::from_command(&command).map(|_| ()),
            ins => panic!("{ins:02X}"),
        };
        error.expect_err(text).status().value()
    };
    for (command, sw) in [
        ("0050000008 0102030405060708 00", 0x6E00),
        ("8050000108 0102030405060708 00", 0x6A86),
        ("8050000007 01020304050607 00", 0x6700),
        ("84CA006600", 0x6E00),
        ("80F24102 024F00 00", 0x6A86),
        ("80F24004 024F00 00", 0x6A86),
        ("80F24002 0100", 0x6A80),
        ("80F24002", 0x6A80),
        ("80F02080 054F00000000", 0x6A86),
        ("80F04080", 0x6700),
        ("80F04080 044F000000", 0x6A80),
        ("80E60100 00", 0x6A86),
        ("80E60201 00", 0x6A86),
        ("80E60200 0101", 0x6A80),
        ("80E62000 0B 0000 05A000000001 01FF 0000", 0x6A80),
        ("80E84000 01C4", 0x6A86),
        ("80E80000", 0x6700),
        ("80E40001 074F05A000000001", 0x6A86),
        ("80E40000 064F04A0000000", 0x6A80),
        ("80E40000 0A4F05A000000001D20130", 0x6A80),
        ("80E40000 00", 0x6A80),
        ("80D80000 0130", 0x6A86),
        ("80D80001 0130", 0x6A80),
        ("80D80001 04308001AA", 0x6A80),
        ("80E21800 0100", 0x6A86),
        ("80E24000 0100", 0x6A86),
        ("80E20000", 0x6700),
        ("0070010000", 0x6A86),
    ] {
        assert_eq!(status(command), sw, "{command}");
    }
}

#[test]
fn keys_travel_under_every_data_key_and_a_wrong_check_value_is_noticed() {
    for dek in &deks() {
        for key in keys() {
            let mut block = key.to_block(dek);
            let read = KeyMaterial::from_block(&block, dek).unwrap();
            assert_eq!(*read.components(), *key.components());
            assert_eq!(read.kcv(), key.kcv());
            if let Some(first) = block.kcv.first_mut() {
                *first ^= 1;
                let error = KeyMaterial::from_block(&block, dek)
                    .map(|_| ())
                    .unwrap_err();
                assert_eq!(error, KeyError::CheckValue);
            }
        }
    }
    // The forms that clients send: 3DES bare, AES with its clear length.
    let [tdes, aes, ..] = &keys()[..] else {
        panic!()
    };
    assert_eq!(tdes.to_block(&deks()[0]).components[0].value.len(), 0x10);
    let block = aes.to_block(&deks()[1]);
    assert_eq!(block.components[0].value.len(), 0x11);
    assert_eq!(block.components[0].value[0], 0x10);
}

#[test]
fn key_information_is_read_as_it_was_written_also_of_long_keys() {
    let modulus = [&[0x91][..], &[0x55; 254], &[0x01]].concat();
    let long = KeyMaterial::RsaPublic(RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap());
    let mut infos: Vec<_> = (1..)
        .zip(keys())
        .map(|(id, key)| key.info(id, 0x30))
        .collect();
    infos.push(long.info(1, 0x70));
    assert_eq!(read_key_information(&write_key_information(&infos)), infos);
    assert_eq!(
        read_key_information(&hex("C00401308810 C00402308810")).len(),
        2
    );
}

#[test]
fn every_kind_of_key_signs_and_notices_another_message() {
    let all = keys();
    let public = |key: &KeyMaterial| {
        all.iter().position(|other| {
            matches!(
                (key, other),
                (KeyMaterial::RsaSecret(_), KeyMaterial::RsaPublic(_))
                    | (KeyMaterial::Sm2Secret(_), KeyMaterial::Sm2Public(_))
            )
        })
    };
    let mut signed = 0;
    for key in &all {
        let Some(mut token) = signature::sign(key, b"input", &mut entropy(3)) else {
            continue;
        };
        signed += 1;
        let verifier = public(key).map_or(key, |at| &all[at]);
        signature::verify(verifier, b"input", &token).unwrap();
        signature::verify(key, b"input", &token).unwrap();
        assert!(signature::verify(verifier, b"inpuT", &token).is_err());
        assert!(signature::verify(verifier, b"input", &token[1..]).is_err());
        assert!(signature::verify(verifier, b"input", &[]).is_err());
        token[3] ^= 4;
        assert!(signature::verify(verifier, b"input", &token).is_err());
    }
    assert_eq!(signed, 7);
}

#[test]
fn lists_of_both_forms_are_read_as_they_were_written() {
    let entry = |modules: Vec<Aid>, state| Entry {
        aid: aid("D0D1D2D3D4D501"),
        state: State(state),
        privileges: Some([0x80, 0, 0]),
        selection: vec![],
        load_file: None,
        domain: None,
        version: vec![],
        modules,
    };
    let mut list = vec![
        entry(vec![aid("A000000151")], 1),
        entry(vec![aid("A000000152"); 2], 0x87),
    ];
    let old: Vec<u8> = list
        .iter()
        .flat_map(|e| e.encode(StatusForm::Old, &[]))
        .collect();
    assert_eq!(
        Entry::read_all(&old, StatusForm::Old, true),
        Some(list.clone())
    );
    assert_eq!(Entry::read_all(&old[1..], StatusForm::Old, true), None);
    list[0].load_file = Some(aid("A000000153"));
    list[0].domain = Some(aid("A000000154"));
    list[1].version = vec![1, 0];
    list[1].selection = vec![1, 2];
    let tlv: Vec<u8> = list
        .iter()
        .flat_map(|e| e.encode(StatusForm::Tlv, &[]))
        .collect();
    assert_eq!(
        Entry::read_all(&tlv, StatusForm::Tlv, false),
        Some(list.clone())
    );
    let some = list[0].encode(StatusForm::Tlv, &hex("4F9F70"));
    assert_eq!(some, hex("E30D 4F07D0D1D2D3D4D501 9F700101"));
}

#[test]
fn answers_are_explained() {
    let lines = |command: &str, answer: &str| {
        let answer = Response::parse(&hex(answer)).unwrap();
        let explained = explain(&apdu(command), Some(&answer)).unwrap();
        explained
            .answer
            .iter()
            .map(|line| format!("{}: {}", line.en, line.value))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let text = lines(
        "80500000080102030405060708 00",
        "00003244342976208448010370734ECDCA19E446A30BC253BCE97DB991000436 9000",
    );
    assert!(text.contains("SCP03 i=70"), "{text}");
    let text = lines("80CA00E000", "E00CC00401308810C00402308810 9000");
    assert!(text.contains("AES of 16"), "{text}");
    let text = lines(
        "80F28002024F0000",
        "E313 4F08A000000151000000 9F700101 C5039EFE80 9000",
    );
    assert!(
        text.contains("OP_READY") && text.contains("card terminate"),
        "{text}"
    );
    assert_eq!(lines("80E400000A4F08D4D4D4D4D401010100", "00 9000"), "");
    assert_eq!(lines("80E400000A4F08D4D4D4D4D401010100", "6A88"), "");
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_read_is_written_alike(
        cla in prop::sample::select(vec![0x00u8, 0x80, 0x84]),
        ins in prop::sample::select(
            vec![0x50u8, 0x82, 0x70, 0x7A, 0x78, 0xCA, 0xD8, 0xE2, 0xE4, 0xE6, 0xE8, 0xF0, 0xF2]
        ),
        p1: u8, p2: u8,
        data in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let command = Command::new(cla, ins, p1, p2).with_data(data.clone()).with_le(0);
        let _ = explain(&command, Some(&Response { data: data.clone(), sw: StatusWord::OK }));
        if let Ok(read) = Install::from_command(&command) {
            prop_assert_eq!(Install::from_command(&read.to_command()), Ok(read));
        }
        if let Ok(read) = PutKey::from_command(&command) {
            prop_assert_eq!(PutKey::from_command(&read.to_command()), Ok(read.clone()));
            for dek in &deks() {
                for block in &read.keys {
                    let _ = KeyMaterial::from_block(block, dek);
                }
            }
        }
        if let Ok(read) = Delete::from_command(&command) {
            prop_assert_eq!(Delete::from_command(&read.to_command()), Ok(read));
        }
        let _ = read_key_information(&data);
        let _ = InstallParameters::parse(&data);
        let _ = tongtu_globalplatform::recognition::Recognition::parse(&data);
        let _ = ManagementAnswer::decode(&data);
    }

    #[test]
    fn a_command_cut_or_with_a_flipped_bit_does_not_panic(
        which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>(),
    ) {
        let all = all_commands();
        let mut command = which.get(&all).clone();
        if !command.data.is_empty() {
            let bit = bit.index(command.data.len() * 8);
            command.data[bit / 8] ^= 1 << (bit % 8);
            let _ = explain(&command, None);
            command.data.truncate(bit / 8);
        }
        let _ = explain(&command, None);
    }
}

//! Load files that travel enciphered (D4) under the key of the domain that they are for.

use tongtu_card::factory::Channel;
use tongtu_crypto::padding::pad;
use tongtu_crypto::sha2;
use tongtu_globalplatform::key::KeyMaterial;
use tongtu_globalplatform::load_file::{Block, LoadFile};

use super::content::{applet_file, files, load};
use super::keys::{aes, put, tdes};
use super::office::{Office, aid, fields, hex, lv, test_keys};

const DOMAIN: &str = "D4D4D4D4D4010101";
const OTHER: &str = "D4D4D4D4D4010102";

#[test]
fn a_ciphered_load_file_needs_the_privilege_the_key_and_its_hash() {
    let code = applet_file(&["D0D1D2D3D4D50101"], 100);
    for key in [aes(7), tdes(7)] {
        let cipher = |iv: &[u8]| {
            let mut data = code.clone();
            match &key {
                KeyMaterial::Wide(key) => {
                    pad(&mut data, 16);
                    let iv = iv.try_into().unwrap_or([0; 16]);
                    key.encrypt_cbc(&iv, &mut data).unwrap();
                }
                KeyMaterial::Tdes(key) => {
                    pad(&mut data, 8);
                    let iv = iv.try_into().unwrap_or([0; 8]);
                    key.encrypt_cbc(&iv, &mut data).unwrap();
                }
                _ => unreachable!("one of the two"),
            }
            data
        };
        let block = match key {
            KeyMaterial::Tdes(_) => 8,
            _ => 16,
        };
        let try_load = |office: &mut Office, domain: &str, hash: &[u8], icv: &[u8]| {
            office.login();
            let begin = [
                fields(&["D0D1D2D3D4D501", domain]),
                lv(hash),
                fields(&["", ""]),
            ];
            office.done("80E60200", &begin.concat());
            let image = office.image();
            let file = LoadFile {
                daps: Vec::new(),
                block: Block::Ciphered {
                    icv,
                    data: &cipher(icv),
                },
            };
            let sw = load(office, &file.encode(), 200).1;
            assert!(sw == 0x9000 || office.image() == image);
            format!("{sw:04X}")
        };
        let good = sha2::sha256(&code);
        let mut office = Office::new();
        office.make_domain(DOMAIN, "808040");
        office.make_domain(OTHER, "80");
        assert_eq!(try_load(&mut office, DOMAIN, &good, &[]), "6985", "no key");
        for domain in [DOMAIN, OTHER] {
            office.select(&hex(domain));
            let channel = Channel::Scp03;
            let keys = test_keys(channel);
            office.open(0, &keys, 0x33).unwrap();
            let command = put(&office, 0, 0x75, 1, core::slice::from_ref(&key));
            assert_eq!(office.typed(&command).1, 0x9000);
        }
        assert_eq!(try_load(&mut office, OTHER, &good, &[]), "6985", "no right");
        assert_eq!(try_load(&mut office, DOMAIN, &[], &[]), "6A80", "no hash");
        assert_eq!(try_load(&mut office, DOMAIN, &[1; 32], &[]), "6A80");
        assert_eq!(try_load(&mut office, DOMAIN, &good, &[1; 5]), "6A80");
        for icv in [Vec::new(), vec![0x3C; block]] {
            assert_eq!(try_load(&mut office, DOMAIN, &good, &icv), "9000");
            assert_eq!(
                files(&mut office).pop().unwrap().modules,
                [aid("D0D1D2D3D4D50101")]
            );
            office.done("80E40000", &hex("4F07D0D1D2D3D4D501"));
        }
    }
}

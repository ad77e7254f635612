//! Tokens (令牌): what an issuer signs to allow one operation of delegated management.

use alloc::vec::Vec;

use tongtu_apdu::{Command, tlv};

use crate::command::{Delete, Install, TOKEN};
use crate::lv;

/// P1, P2, the length of what follows, and the fields up to the token (GP 2.3.1 §C.4). The
/// length is one byte, or three from 256 on.
fn input(p1: u8, p2: u8, fields: &[u8]) -> Vec<u8> {
    let mut out = alloc::vec![p1, p2];
    match u8::try_from(fields.len()) {
        Ok(short) => out.push(short),
        Err(_) => {
            out.push(0);
            out.extend(
                u16::try_from(fields.len())
                    .expect("a command is far shorter")
                    .to_be_bytes(),
            );
        }
    }
    out.extend(fields);
    out
}

/// What an install, load, extradition or registry-update token signs.
#[must_use]
pub fn for_install(install: &Install) -> Vec<u8> {
    let [p1, p2] = install.parameters_p1_p2();
    input(p1, p2, &install.fields())
}

/// What a delete token signs.
#[must_use]
pub fn for_delete(delete: &Delete) -> Vec<u8> {
    input(0, delete.p2(), &delete.fields())
}

/// What the token of an INSTALL that came signs: its bytes up to the token's length.
///
/// A length may have more than one form, and the token is over the one that was sent: a card
/// that wrote the fields anew would refuse the token of a host that writes 128 as `80`.
#[must_use]
pub fn of_install(command: &Command) -> Vec<u8> {
    let mut rest = &command.data[..];
    let mut last = 0;
    while !rest.is_empty() {
        last = command.data.len() - rest.len();
        let Some((_, after)) = lv::take(rest) else {
            break;
        };
        rest = after;
    }
    input(command.p1, command.p2, &command.data[..last])
}

/// The same of a DELETE: everything before `9E`.
#[must_use]
pub fn of_delete(command: &Command) -> Vec<u8> {
    let mut rest = &command.data[..];
    while let Ok((object, after)) = tlv::read(rest) {
        if object.tag == TOKEN {
            break;
        }
        rest = after;
    }
    let end = command.data.len() - rest.len();
    input(command.p1, command.p2, &command.data[..end])
}

/// What the token of a combined load, install and make selectable signs: both commands, one
/// after the other, the second's token being over both.
#[must_use]
pub fn for_combined(load: &Install, install: &Install) -> Vec<u8> {
    [for_install(load), for_install(install)].concat()
}

#[cfg(test)]
mod tests {
    use tongtu_apdu::CardCommand;
    use tongtu_apdu::select::Aid;
    use tongtu_codec::{hex_decode, hex_encode};

    use super::*;
    use crate::key::KeyMaterial;
    use crate::signature;

    fn aid(text: &str) -> Aid {
        Aid::parse(&hex_decode(text).unwrap()).unwrap()
    }

    /// Published inputs of a public implementation's tests; the MAC made by OpenSSL.
    #[test]
    fn published_inputs_and_an_aes_token() {
        let extradition = Install::Extradition {
            domain: aid("D4D4D4D4D4010101"),
            subject: aid("D0D1D2D3D4D50101"),
            parameters: Vec::new(),
            token: Vec::new(),
        };
        let input = for_install(&extradition);
        assert_eq!(
            hex_encode(&input),
            "10001508d4d4d4d4d40101010008d0d1d2d3d4d501010000"
        );
        let key = hex_decode("404142434445464748494A4B4C4D4E4F").unwrap();
        let key = KeyMaterial::from_components(&[(0x88, key)]).unwrap();
        let token = signature::sign(&key, &input, &mut |_: &mut [u8]| {}).unwrap();
        assert_eq!(hex_encode(&token), "15aef5a5be1148c64da8f2fd6230702c");

        let delete = Delete {
            related: true,
            target: crate::command::DeleteTarget::Objects(vec![
                aid("D0D1D2D3D4D501"),
                aid("D0D1D2D3D4D50101"),
            ]),
            ..Delete::object(aid("D0D1D2D3D4D501"))
        };
        assert_eq!(
            hex_encode(&for_delete(&delete)),
            "0080134f07d0d1d2d3d4d5014f08d0d1d2d3d4d50101"
        );
    }

    #[test]
    fn a_token_covers_the_lengths_as_they_came() {
        let short = hex_decode("08D4D4D4D4D40101010008D0D1D2D3D4D501010000").unwrap();
        let long = hex_decode("8108D4D4D4D4D40101010008D0D1D2D3D4D501010000").unwrap();
        for fields in [short, long] {
            let command = |token: &[u8]| {
                let data = [&fields[..], &[4], token].concat();
                Command::new(0x80, 0xE6, 0x10, 0x00).with_data(data)
            };
            let covered = of_install(&command(&[1, 2, 3, 4]));
            assert_eq!(covered, input(0x10, 0x00, &fields));
        }
        let delete = Delete {
            control: Some(hex_decode("930107").unwrap()),
            token: vec![7; 8],
            ..Delete::object(aid("D0D1D2D3D4D501"))
        };
        assert_eq!(of_delete(&delete.to_command()), for_delete(&delete));
        let plain = Delete::object(aid("D0D1D2D3D4D501"));
        assert_eq!(of_delete(&plain.to_command()), for_delete(&plain));
    }

    #[test]
    fn a_long_input_has_a_length_of_three_bytes() {
        assert_eq!(&input(2, 0, &[0; 255])[..4], &[2, 0, 255, 0]);
        assert_eq!(&input(2, 0, &[9; 256])[..6], &[2, 0, 0, 1, 0, 9]);
    }
}

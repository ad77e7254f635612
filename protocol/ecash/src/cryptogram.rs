//! Cryptograms: card keys, session keys, AC, ARPC and the MACs of issuer scripts.
//!
//! Everything exists for 3DES and SM4. The 3DES forms are those of PBOC 3.0 (JR/T 0025.7), the
//! SM4 forms those of JR/T 0025.17 as seen in public implementations.

use alloc::vec::Vec;

use tongtu_crypto::{Algorithm, BlockKey, diversify, mac};
use tongtu_types::CardNumber;

use crate::{Amount, Cvr, Values, tag};

/// The cryptogram version that this crate makes and checks (密文版本号 01).
pub const CVN: u8 = 1;

/// The factor that card keys are derived by: the rightmost 16 digits of the card number and
/// its sequence number.
#[must_use]
pub fn card_factor(number: &CardNumber, sequence: u8) -> [u8; 8] {
    let text = alloc::format!("{:0>14}{:02X}", number.reveal(), sequence);
    let digits = &text[text.len() - 16..];
    let bytes = tongtu_codec::hex_decode(digits).expect("a card number is digits");
    bytes.try_into().expect("sixteen digits are eight bytes")
}

/// The factor below the card's by which the opening key of an extension file is derived.
///
/// UNSPECIFIED: where opening keys (扩展应用开通密钥) come from; that they are below a master, by card and
/// then by file, is ours.
#[must_use]
pub const fn file_factor(sfi: u8) -> [u8; 8] {
    [0, 0, 0, 0, 0, 0, 0, sfi]
}

/// The first state of the chain of a composite command's MAC, see [`composite_mac`].
#[must_use]
pub const fn composite_iv(atc: u16) -> [u8; 8] {
    let [high, low] = atc.to_be_bytes();
    [0, 0, 0, 0, 0, 0, high, low]
}

/// The card's own key, one level below the issuer's.
#[must_use]
pub fn card_key(issuer: &BlockKey, number: &CardNumber, sequence: u8) -> BlockKey {
    diversify::one_level(issuer, &card_factor(number, sequence))
}

/// What enciphered under the card key is the key of one transaction: the counter and its
/// complement.
#[must_use]
pub fn session_block(atc: u16) -> [u8; 16] {
    let mut block = [0; 16];
    block[6..8].copy_from_slice(&atc.to_be_bytes());
    block[14..].copy_from_slice(&(!atc).to_be_bytes());
    block
}

/// The key of one transaction: the card key over the counter and its complement.
#[must_use]
pub fn session_key(key: &BlockKey, atc: u16) -> BlockKey {
    let mut block = session_block(atc);
    // Two blocks of 3DES or one of SM4: the same sixteen bytes serve both.
    key.encrypt_blocks(&mut block)
        .expect("sixteen bytes are whole blocks of either kind");
    BlockKey::new(key.algorithm(), block)
}

/// What a cryptogram of version 01 is made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptogramInput<'a> {
    /// What the terminal said: 9F02, 9F03, 9F1A, 95, 5F2A, 9A, 9C, 9F37.
    pub terminal: &'a Values,
    /// The card's interchange profile.
    pub aip: [u8; 2],
    /// The card's counter.
    pub atc: u16,
    /// The card verification results.
    pub cvr: Cvr,
}

impl CryptogramInput<'_> {
    /// The bytes, in order.
    ///
    /// UNSPECIFIED: an element that the terminal was not asked for counts as zeros; a profile
    /// with a short PDOL has no other value that both sides know.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let terminal = crate::Dol::new([
            (tag::AMOUNT, 6),
            (tag::AMOUNT_OTHER, 6),
            (tag::TERMINAL_COUNTRY, 2),
            (tag::TVR, 5),
            (tag::CURRENCY, 2),
            (tag::DATE, 3),
            (tag::TRANSACTION_TYPE, 1),
            (tag::UNPREDICTABLE, 4),
        ]);
        let mut out = terminal.fill(self.terminal);
        out.extend(self.aip);
        out.extend(self.atc.to_be_bytes());
        out.push(3);
        out.extend(self.cvr.0);
        out
    }

    /// The application cryptogram by the card's AC key.
    #[must_use]
    pub fn cryptogram(&self, key: &BlockKey) -> [u8; 8] {
        mac::eight_bytes(&session_key(key, self.atc), &[0; 8], &self.bytes())
    }
}

/// What the issuer's answer is made of: the ARQC XORed with the response code.
#[must_use]
pub const fn response_message(request: &[u8; 8], arc: [u8; 2]) -> [u8; 8] {
    let mut out = *request;
    out[0] ^= arc[0];
    out[1] ^= arc[1];
    out
}

/// The issuer's answer cryptogram (ARPC): the session key over the ARQC XORed with the
/// response code.
#[must_use]
pub fn response_cryptogram(key: &BlockKey, atc: u16, request: &[u8; 8], arc: [u8; 2]) -> [u8; 8] {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&response_message(request, arc));
    let len = match key.algorithm() {
        Algorithm::Tdes => 8,
        Algorithm::Sm4 => 16,
    };
    session_key(key, atc)
        .encrypt_blocks(&mut block[..len])
        .expect("one whole block");
    leftmost(&block)
}

/// The MAC of an issuer script command: over its header, the counter, the request cryptogram
/// and its data without the MAC.
#[must_use]
pub fn script_mac(
    key: &BlockKey,
    atc: u16,
    request: &[u8; 8],
    header: [u8; 5],
    data: &[u8],
) -> [u8; 4] {
    let message = script_message(atc, request, header, data);
    leftmost(&mac::eight_bytes(&session_key(key, atc), &[0; 8], &message))
}

/// What the MAC of an issuer script command is made over.
#[must_use]
pub fn script_message(atc: u16, request: &[u8; 8], header: [u8; 5], data: &[u8]) -> Vec<u8> {
    let mut message = header.to_vec();
    message.extend(atc.to_be_bytes());
    message.extend(request);
    message.extend(data);
    message
}

/// The MAC of a composite command (84DE, 04E2): by the record's own key, the counter as IV.
#[must_use]
pub fn composite_mac(key: &BlockKey, atc: u16, header: [u8; 5], data: &[u8]) -> [u8; 4] {
    let mut message = header.to_vec();
    message.extend(data);
    leftmost(&mac::eight_bytes(key, &composite_iv(atc), &message))
}

/// The card's MAC over an extension record that it hands out, the terminal's random as IV.
///
/// UNSPECIFIED: that there is such a MAC is known (DF61 bit 8), its form is not.
#[must_use]
pub fn record_mac(key: &BlockKey, random: &[u8; 8], record: &[u8]) -> [u8; 4] {
    leftmost(&mac::eight_bytes(key, random, record))
}

/// The MAC behind the balance in the issuer application data: by the session key of the MAC
/// key over counter, balance and one zero byte.
///
/// Source: seen in public implementations (data kind 01).
#[must_use]
pub fn balance_mac(key: &BlockKey, atc: u16, balance: Amount) -> [u8; 4] {
    let message = balance_message(atc, balance);
    leftmost(&mac::eight_bytes(&session_key(key, atc), &[0; 8], &message))
}

/// What that MAC is made over.
#[must_use]
pub fn balance_message(atc: u16, balance: Amount) -> Vec<u8> {
    let mut message = atc.to_be_bytes().to_vec();
    message.extend(&balance.encode()[1..]);
    message.push(0);
    message
}

/// A PIN of 4 to 12 digits as `0L`, digits, `F`s.
fn pin_block(pin: &[u8]) -> Option<[u8; 8]> {
    let digits = core::str::from_utf8(pin).ok()?;
    if !(4..=12).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = alloc::format!("0{:X}{digits:F<14}", digits.len());
    tongtu_codec::hex_decode(&text).ok()?.try_into().ok()
}

/// A new PIN as PIN CHANGE/UNBLOCK carries it: masked by the card's key (and by the old PIN,
/// when that is used), enciphered by the session key.
///
/// `unique` is the card's enciphering key as bytes; `old` are the digits of the present PIN.
/// Returns `None` for a PIN that is not 4 to 12 digits.
#[must_use]
pub fn wrap_pin(
    unique: &[u8; 16],
    algorithm: Algorithm,
    atc: u16,
    new: &[u8],
    old: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let mut block = pin_block(new)?;
    mask_pin(&mut block, unique, old)?;
    let mut data = Vec::from([8]);
    data.extend(block);
    tongtu_crypto::padding::pad(&mut data, algorithm.block_len());
    session_key(&BlockKey::new(algorithm, *unique), atc)
        .encrypt_blocks(&mut data)
        .expect("padded to whole blocks");
    Some(data)
}

/// The digits of a PIN that [`wrap_pin`] made; `None` when it does not hold.
#[must_use]
pub fn unwrap_pin(
    unique: &[u8; 16],
    algorithm: Algorithm,
    atc: u16,
    data: &[u8],
    old: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let mut data = data.to_vec();
    session_key(&BlockKey::new(algorithm, *unique), atc)
        .decrypt_blocks(&mut data)
        .ok()?;
    let (len, block) = tongtu_crypto::padding::unpad(&data)?.split_first()?;
    let mut block: [u8; 8] = block.try_into().ok().filter(|_| *len == 8)?;
    mask_pin(&mut block, unique, old)?;
    read_pin_block(&block, 0)
}

/// The digits of a PIN block whose first nibble is `control`; `None` when it is none.
#[must_use]
pub fn read_pin_block(block: &[u8; 8], control: u8) -> Option<Vec<u8>> {
    let text = tongtu_codec::hex_encode(block).to_uppercase();
    let len = usize::from(block[0] & 0x0F);
    let (digits, filler) = text.get(2..)?.split_at_checked(len)?;
    let holds = block[0] >> 4 == control
        && (4..=12).contains(&len)
        && digits.bytes().all(|b| b.is_ascii_digit())
        && filler.bytes().all(|b| b == b'F');
    holds.then(|| digits.as_bytes().to_vec())
}

/// A plain PIN block as VERIFY carries it: `2L`, digits, `F`s.
#[must_use]
pub fn plain_pin_block(pin: &[u8]) -> Option<[u8; 8]> {
    let mut block = pin_block(pin)?;
    block[0] |= 0x20;
    Some(block)
}

fn mask_pin(block: &mut [u8; 8], unique: &[u8; 16], old: Option<&[u8]>) -> Option<()> {
    let [.., a, b, c, d] = unique[..8] else {
        return None;
    };
    for (slot, byte) in block[4..].iter_mut().zip([a, b, c, d]) {
        *slot ^= byte;
    }
    if let Some(old) = old {
        let digits = core::str::from_utf8(old).ok()?;
        let text = alloc::format!("{digits:0<16}");
        let old = tongtu_codec::hex_decode(&text).ok()?;
        for (slot, byte) in block.iter_mut().zip(old) {
            *slot ^= byte;
        }
    }
    Some(())
}

/// The first bytes of a longer MAC.
fn leftmost<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHMS: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

    fn key(algorithm: Algorithm) -> BlockKey {
        BlockKey::new(algorithm, *b"0123456789abcdef")
    }

    #[test]
    fn the_factor_is_the_last_sixteen_digits_of_number_and_sequence() {
        let number = CardNumber::parse("6217000000000000012").expect("digits");
        assert_eq!(card_factor(&number, 1), [0, 0, 0, 0, 0, 0, 0x12, 0x01]);
    }

    #[test]
    fn every_input_changes_the_cryptogram() {
        for algorithm in ALGORITHMS {
            let key = key(algorithm);
            let mut terminal = Values::new();
            let base = CryptogramInput {
                terminal: &terminal.clone(),
                aip: [0x7C, 0],
                atc: 7,
                cvr: Cvr([0x90, 0, 0]),
            };
            let plain = base.cryptogram(&key);
            assert_eq!(base.bytes().len(), 29 + 8);
            terminal.insert(tag::AMOUNT, vec![0, 0, 0, 0, 2, 0]);
            let others = [
                CryptogramInput {
                    terminal: &terminal,
                    ..base.clone()
                },
                CryptogramInput {
                    aip: [0x7C, 1],
                    ..base.clone()
                },
                CryptogramInput {
                    atc: 8,
                    ..base.clone()
                },
                CryptogramInput {
                    cvr: Cvr([0xA0, 0, 0]),
                    ..base.clone()
                },
            ];
            for other in others {
                assert_ne!(other.cryptogram(&key), plain, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn response_and_script_macs_depend_on_all_they_cover() {
        for algorithm in ALGORITHMS {
            let key = key(algorithm);
            let arpc = response_cryptogram(&key, 7, &[1; 8], *b"00");
            assert_ne!(arpc, response_cryptogram(&key, 7, &[1; 8], *b"05"));
            assert_ne!(arpc, response_cryptogram(&key, 8, &[1; 8], *b"00"));
            let header = [0x04, 0xDA, 0x9F, 0x79, 0x0A];
            let mac = script_mac(&key, 7, &[1; 8], header, &[0; 6]);
            assert_ne!(mac, script_mac(&key, 7, &[2; 8], header, &[0; 6]));
            assert_ne!(mac, script_mac(&key, 7, &[1; 8], header, &[1; 6]));
            assert_ne!(
                composite_mac(&key, 1, header, &[]),
                composite_mac(&key, 2, header, &[])
            );
        }
    }

    #[test]
    fn a_pin_comes_back_and_a_wrong_key_or_old_pin_gives_none() {
        for algorithm in ALGORITHMS {
            for old in [None, Some(&b"1234"[..])] {
                let unique = [0x5A; 16];
                let data = wrap_pin(&unique, algorithm, 9, b"987654", old).expect("digits");
                assert_eq!(data.len(), 16);
                let back = |unique, atc, old| unwrap_pin(unique, algorithm, atc, &data, old);
                assert_eq!(back(&unique, 9, old).as_deref(), Some(&b"987654"[..]));
                assert_eq!(back(&unique, 10, old), None);
                assert_eq!(back(&[0x5B; 16], 9, old), None);
                assert_eq!(back(&unique, 9, Some(b"9999")), None);
            }
        }
        assert_eq!(wrap_pin(&[0; 16], Algorithm::Tdes, 1, b"123", None), None);
        assert_eq!(wrap_pin(&[0; 16], Algorithm::Tdes, 1, b"12c4", None), None);
    }

    /// Derived with OpenSSL from the terminal data of a published trace and a key of our own:
    /// algorithm, cryptogram, balance MAC, response, script MAC, composite MAC.
    const VECTORS: [(Algorithm, &str, &str, &str, &str, &str); 2] = [
        (
            Algorithm::Tdes,
            "8a726212c9337b94",
            "21586337",
            "2c8a6b8e4c3993cb",
            "c59502f6",
            "a52ba3e7",
        ),
        (
            Algorithm::Sm4,
            "9f03e305bd71ca50",
            "c658e97d",
            "faf6bc41dfe53a7e",
            "cb28584a",
            "e55a6ed4",
        ),
    ];

    #[test]
    fn cryptograms_and_macs_are_those_that_openssl_makes() {
        let bytes = |hex: &str| tongtu_codec::hex_decode(hex).expect("hex");
        let terminal = Values::from([
            (tag::AMOUNT, bytes("000000000001")),
            (tag::TERMINAL_COUNTRY, bytes("0156")),
            (tag::CURRENCY, bytes("0156")),
            (tag::DATE, bytes("170601")),
            (tag::UNPREDICTABLE, bytes("2B29EBE4")),
        ]);
        let key = bytes("00112233445566778899AABBCCDDEEFF");
        for (algorithm, ac, balance, response, script, composite) in VECTORS {
            let hex = |bytes: &[u8]| tongtu_codec::hex_encode(bytes);
            let key = BlockKey::new(algorithm, key.as_slice().try_into().expect("16 bytes"));
            let made = CryptogramInput {
                terminal: &terminal,
                aip: [0x7C, 0x00],
                atc: 0x0ADC,
                cvr: Cvr([0xA0, 0, 0]),
            }
            .cryptogram(&key);
            assert_eq!(hex(&made), ac, "{algorithm:?}");
            let amount = Amount::decode(&bytes("000000038787")).expect("digits");
            assert_eq!(hex(&balance_mac(&key, 0x0ADC, amount)), balance);
            assert_eq!(
                hex(&response_cryptogram(&key, 0x0ADC, &made, *b"00")),
                response
            );
            let put = [0x04, 0xDA, 0x9F, 0x79, 0x0A];
            let value = bytes("000000015000");
            assert_eq!(hex(&script_mac(&key, 0x0ADC, &made, put, &value)), script);
            let update = [0x84, 0xDE, 0x00, 0xC8, 0x0A];
            let record = bytes("000103112233");
            assert_eq!(
                hex(&composite_mac(&key, 0x0ADC, update, &record)),
                composite
            );
        }
    }
}

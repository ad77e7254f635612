//! What cities' keys were used for, by the auditor's own reading of the bytes that nodes hand out.
//!
//! A line says its number and moment, the digest of what is said of it in full, the value of the line
//! before and its own. An anchor says how many lines there were up to the end of a day and the value
//! of the last, and the city's key for anchors signed it.

use tongtu_api::KeyUsesView;
use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_types::{BusinessDay, Timestamp};

use super::Finding;
use crate::country::{CITIES, Country, NODES};
use crate::log::Observed;

/// Bytes of a line, of what is said of it, and of an anchor.
const LINE: usize = 192;
const SAID: usize = 112;
const ANCHOR: usize = 157;

/// Every city's chain holds, and the last day that was settled is anchored in it.
pub(super) fn uses(country: &Country, observed: &Observed) -> Finding {
    let mut finding = Finding {
        en: "every use of a city's key is in its chain, anchored to the last settled day",
        zh: "各城市密钥使用审计链成立，且已锚定至最后结算日",
        compared: 0,
        differences: Vec::new(),
    };
    let last = observed.days.iter().map(|day| day.day).max();
    for city in CITIES {
        let name = NODES[city].en;
        let Some(view) = observed.key_uses.get(&city) else {
            finding.differences.push(format!("{name}: no chain"));
            continue;
        };
        finding.compared += view.lines.len();
        let held = read(view, country.keys.anchor_key(city));
        match held {
            Err(fault) => finding.differences.push(format!("{name}: {fault}")),
            Ok(anchored) if anchored != last => {
                let day =
                    |day: Option<BusinessDay>| day.map_or("no day".to_owned(), |d| d.compact());
                let (found, expected) = (day(anchored), day(last));
                let what = format!("{name}: anchored to {found}, expected {expected}");
                finding.differences.push(what);
            }
            Ok(_) => {}
        }
    }
    finding
}

/// The last day that is anchored in a chain that holds.
fn read(view: &KeyUsesView, key: &PublicKey) -> Result<Option<BusinessDay>, String> {
    let mut before = [0; 32];
    let mut lines: Vec<(BusinessDay, [u8; 32])> = Vec::new();
    for (number, line) in (1_u64..).zip(&view.lines) {
        let fault = |what: &str| format!("line {number}: {what}");
        let (bytes, said) = (&line.line.0[..], &line.said.0[..]);
        if bytes.len() != LINE || said.len() != SAID {
            return Err(fault("not whole"));
        }
        if bytes[5..13] != number.to_be_bytes() {
            return Err(fault("another number"));
        }
        if bytes[96..128] != sm3::digest(said) {
            return Err(fault("something else is said of it"));
        }
        let value = sm3::digest(&[b"TTAUDIT1", &bytes[..160]].concat());
        if bytes[128..160] != before || bytes[160..] != value {
            return Err(fault("it does not follow"));
        }
        let at = i64::from_be_bytes(part(&bytes[13..21]));
        lines.push((Timestamp::new(at).china().day, value));
        before = value;
    }
    let (mut before, mut anchored) = ([0; 32], None);
    for (number, anchor) in (1_u32..).zip(&view.anchors) {
        let fault = |what: &str| format!("anchor {number}: {what}");
        let bytes = &anchor.0[..];
        if bytes.len() != ANCHOR || bytes[5..9] != number.to_be_bytes() || bytes[57..89] != before {
            return Err(fault("it does not follow"));
        }
        let day = std::str::from_utf8(&bytes[9..17]).ok();
        let day = day.and_then(|day| BusinessDay::parse_compact(day).ok());
        let day = day.ok_or_else(|| fault("of no day"))?;
        let count = lines.partition_point(|(of, _)| *of <= day);
        let head = count.checked_sub(1).map(|last| lines[last].1);
        if bytes[17..25] != (count as u64).to_be_bytes()
            || Some(&bytes[25..57]) != head.as_ref().map(|h| &h[..])
        {
            return Err(fault("other lines up to that day"));
        }
        if key
            .verify(&bytes[..93], &Signature(part(&bytes[93..])))
            .is_err()
        {
            return Err(fault("the city's key did not sign it"));
        }
        before = sm3::digest(bytes);
        anchored = Some(day);
    }
    Ok(anchored)
}

/// Bytes whose number the caller has counted.
fn part<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("cut out by its length")
}

#[cfg(test)]
mod tests {
    use tongtu_api::{Hex, KeyUseLine};
    use tongtu_crypto::SecretKey;

    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[0x21; 32]).unwrap()
    }

    /// A chain of a line a day from the first of March, each of them anchored.
    fn chain(days: u32) -> KeyUsesView {
        let mut view = KeyUsesView {
            lines: Vec::new(),
            anchors: Vec::new(),
            anchor_keys: Vec::new(),
        };
        let (mut value, mut anchor) = ([0; 32], [0; 32]);
        for number in 1..=days {
            let day = BusinessDay::from_ymd(2026, 3, number.into()).unwrap();
            let said = [7; SAID];
            let mut line = vec![0; LINE];
            line[5..13].copy_from_slice(&u64::from(number).to_be_bytes());
            let at = day.start_in_china().plus_s(60).get();
            line[13..21].copy_from_slice(&at.to_be_bytes());
            line[96..128].copy_from_slice(&sm3::digest(&said));
            line[128..160].copy_from_slice(&value);
            value = sm3::digest(&[b"TTAUDIT1", &line[..160]].concat());
            line[160..].copy_from_slice(&value);
            let mut bytes = vec![0; ANCHOR];
            bytes[5..9].copy_from_slice(&number.to_be_bytes());
            bytes[9..17].copy_from_slice(day.compact().as_bytes());
            bytes[17..25].copy_from_slice(&u64::from(number).to_be_bytes());
            bytes[25..57].copy_from_slice(&value);
            bytes[57..89].copy_from_slice(&anchor);
            let signature = key().sign(&bytes[..93]);
            bytes[93..].copy_from_slice(&signature.0);
            anchor = sm3::digest(&bytes);
            view.anchors.push(Hex(bytes));
            view.lines.push(KeyUseLine {
                line: Hex(line),
                said: Hex(said.to_vec()),
            });
        }
        view
    }

    #[test]
    fn a_chain_that_holds_is_anchored_to_its_last_day() {
        let last = BusinessDay::from_ymd(2026, 3, 3).unwrap();
        assert_eq!(read(&chain(3), key().public()), Ok(Some(last)));
        assert_eq!(read(&chain(0), key().public()), Ok(None));
    }

    #[test]
    fn a_byte_changed_and_a_line_taken_out_and_another_key_are_told() {
        let good = chain(3);
        for at in 5..LINE {
            let mut bent = good.clone();
            bent.lines[1].line.0[at] ^= 1;
            assert!(read(&bent, key().public()).is_err(), "line byte {at}");
        }
        for at in 5..ANCHOR {
            let mut bent = good.clone();
            bent.anchors[1].0[at] ^= 1;
            assert!(read(&bent, key().public()).is_err(), "anchor byte {at}");
        }
        let mut bent = good.clone();
        bent.lines[2].said.0[0] ^= 1;
        assert!(read(&bent, key().public()).is_err());
        for at in 0..3 {
            let mut short = good.clone();
            short.lines.remove(at);
            assert!(read(&short, key().public()).is_err(), "line {at} is gone");
        }
        let other = SecretKey::from_bytes(&[0x22; 32]).unwrap();
        assert!(read(&good, other.public()).is_err());
    }
}

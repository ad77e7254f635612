//! Files with keys for modules and terminals: a flipped bit is not only refused, the error says in
//! which record, line or field it is.

use std::ops::Range;

use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::oda::paper::{AuthorityPaper, RID, RevocationPaper, text_of};
use tongtu_ecash::test_card;
use tongtu_perso::{Batch, Mark, Module, Transport};
use tongtu_pos_key::layout::Injection;
use tongtu_pos_key::{Block, MacForm, TerminalKeys, WorkKeys, Wrapped};
use tongtu_psam::layout::{Finish, KeySlot, SlotRole};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Date, Institution, Terminal};
use tongtu_types::BusinessDay;

use super::Open;
use crate::country::{BEIJING_CODE, code, key, morning};

const MASTER: [u8; 16] = [0x3C; 16];
const TRANSPORT: [u8; 16] = [0x77; 16];

/// A file, and what an error of a flipped bit in each part of it names: one of these words.
struct Placed {
    what: String,
    bytes: Vec<u8>,
    open: Open,
    parts: Vec<(Range<usize>, Vec<String>)>,
}

fn placed<E: std::fmt::Display>(
    what: impl Into<String>,
    bytes: Vec<u8>,
    parts: Vec<(Range<usize>, Vec<String>)>,
    open: impl Fn(&[u8]) -> Result<(), E> + 'static,
) -> Placed {
    Placed {
        what: what.into(),
        bytes,
        open: Box::new(move |bytes| open(bytes).map_err(|error| error.to_string())),
        parts,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn enciphered(algorithm: Algorithm, by: [u8; 16], value: [u8; 16]) -> [u8; 16] {
    let mut bytes = value;
    let by = BlockKey::new(algorithm, by);
    by.encrypt_blocks(&mut bytes).unwrap();
    bytes
}

fn module(number: u8) -> Module {
    let issuer = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    let purchase = [0x10; 16];
    Module {
        identity: PsamIdentity {
            serial: PsamSerial([0x54, 0x54, 0x50, 0x53, 0x41, 0x4D, 0, 0, 0, number]),
            terminal: Terminal([0x10, 0, 0, 0, 0, number]),
            key_index: 1,
            issuer,
            receiver: issuer,
            starts: Date([0x20, 0x20, 0x01, 0x01]),
            expires: Date([0x20, 0x40, 0x12, 0x31]),
        },
        finish: Finish {
            first_sequence: 1,
            mac2_failures_max: 15,
        },
        keys: vec![KeySlot {
            role: SlotRole::Purchase,
            purpose: 0,
            index: 1,
            version: 1,
            levels: 2,
            algorithm: 4,
            key: enciphered(Algorithm::Sm4, TRANSPORT, purchase),
            kcv: BlockKey::new(Algorithm::Sm4, purchase).kcv(),
        }],
    }
}

/// A batch of so many PSAMs, as it goes to whoever personalises them.
fn batch(count: u8) -> Placed {
    let batch = Batch {
        mark: Mark::Test,
        number: 7,
        city: code(BEIJING_CODE).city(),
        sender: code(BEIJING_CODE),
        made_at: morning(),
        transport: Transport {
            algorithm: Algorithm::Sm4,
            kcv: BlockKey::new(Algorithm::Sm4, TRANSPORT).kcv(),
        },
        modules: (1..=count).map(module).collect(),
    };
    let (bytes, _) = batch.write(&mut key("sender")).unwrap();
    let (head, seal) = (64, bytes.len() - 96);
    let record = (seal - head) / usize::from(count);
    let begins = words(&["the file begins with", "the file has form"]);
    let mut parts = vec![
        (0..5, begins),
        // Counts in the head say how long the file is.
        (5..24, words(&["the head", "BatchHead."])),
        (24..27, words(&["by its head", "the head", "BatchHead."])),
        (27..head, words(&["the head", "BatchHead."])),
        (seal..bytes.len(), words(&["the seal", "the signature"])),
    ];
    for at in 0..usize::from(count) {
        let from = head + at * record;
        let name = format!("record {}", at + 1);
        parts.push((from..from + record, vec![name]));
    }
    placed(
        format!("batch of {count} PSAMs"),
        bytes,
        parts,
        |bytes: &[u8]| Batch::read(bytes, key("sender").public()).map(drop),
    )
}

/// The master keys of two POS terminals, for the device that injects them.
fn injection() -> Placed {
    let record = |terminal: &str| {
        let transport = BlockKey::new(Algorithm::Tdes, TRANSPORT).kcv();
        let kcv = BlockKey::new(Algorithm::Tdes, MASTER).long_kcv();
        let key = enciphered(Algorithm::Tdes, TRANSPORT, MASTER);
        let made = Injection::new(true, terminal, Algorithm::Tdes, transport, kcv, key);
        made.unwrap().encode().unwrap()
    };
    let bytes = [record("20010001"), record("20010002")].concat();
    let len = Injection::LEN;
    let parts = vec![
        (0..len, words(&["record 1"])),
        (len..2 * len, words(&["record 2"])),
    ];
    placed("key injection", bytes, parts, |bytes: &[u8]| {
        let records = Injection::read_all(bytes)?;
        let transport = BlockKey::new(Algorithm::Tdes, TRANSPORT);
        records
            .iter()
            .try_for_each(|record| record.open(&transport).map(drop))
    })
}

/// Field 62 of a sign-in answer in each of its layouts.
fn work_keys() -> Vec<Placed> {
    let wrapped = |algorithm, value: u8, is_single: bool| {
        let whole = enciphered(algorithm, MASTER, [value; 16]);
        let [a, b, c, d, e, f, g, h, ..] = whole;
        Wrapped {
            block: match is_single {
                true => Block::Single([a, b, c, d, e, f, g, h]),
                false => Block::Double(whole),
            },
            kcv: BlockKey::new(algorithm, [value; 16]).long_kcv(),
        }
    };
    let layouts = [
        (Algorithm::Tdes, true, true, MacForm::Padded, false),
        (Algorithm::Tdes, false, true, MacForm::Padded, false),
        (Algorithm::Tdes, false, true, MacForm::Early, true),
        (Algorithm::Sm4, false, false, MacForm::Padded, true),
    ];
    let field = |(algorithm, pin_single, mac_single, mac_form, with_track)| {
        let keys = WorkKeys {
            pin: wrapped(algorithm, 0x11, pin_single),
            mac: wrapped(algorithm, 0x22, mac_single),
            mac_form,
            track: Some(wrapped(algorithm, 0x44, false)).filter(|_| with_track),
        };
        let bytes = keys.encode().unwrap();
        let step = if pin_single { 12 } else { 20 };
        let names = ["PIK", "MAK", "TDK"].into_iter().enumerate();
        let parts = names
            .map(|(at, name)| (at * step..(at + 1) * step, words(&[name])))
            .take(bytes.len() / step)
            .collect();
        let what = format!("field 62 of {} bytes, {mac_form:?}", bytes.len());
        placed(what, bytes, parts, move |bytes: &[u8]| {
            let mut terminal = TerminalKeys::new(BlockKey::new(algorithm, MASTER));
            terminal.sign_in(bytes).map(drop)
        })
    };
    layouts.into_iter().map(field).collect()
}

/// A file of lines: each line is named by its number.
fn lines<E: std::fmt::Display>(
    what: String,
    text: &str,
    open: impl Fn(&[u8]) -> Result<(), E> + 'static,
) -> Placed {
    let mut parts = Vec::new();
    let mut from = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let name = format!("line {number} ");
        parts.push((from..from + line.len(), vec![name]));
        from += line.len();
    }
    placed(what, text.as_bytes().to_vec(), parts, open)
}

/// The authorities' keys that terminals believe of e-cash, of both algorithms.
fn authorities() -> Vec<Placed> {
    let file = |authority| {
        let paper = AuthorityPaper {
            is_test: true,
            rid: RID,
            version: 3,
            expires: BusinessDay::parse_compact("20351231").unwrap(),
            authority,
        };
        let what = format!("authority {:02X}", paper.authority.index);
        lines(what, &paper.text(), |bytes: &[u8]| {
            text_of(bytes).and_then(AuthorityPaper::parse).map(drop)
        })
    };
    test_card::authorities().into_iter().map(file).collect()
}

/// Certificates of issuers that terminals take no more. The last line is the authority's signature, and
/// the error names that.
fn revocations() -> Vec<Placed> {
    let file = |algorithm| {
        let made = (7, morning());
        let serials = [[0, 0, 1], [0, 0, 9]];
        let mut count = 0_u8;
        let paper = test_card::revocations(algorithm, made, &serials, &mut |out: &mut [u8]| {
            count = count.wrapping_add(1);
            out.fill(count);
        });
        let mut authorities = test_card::authorities().into_iter();
        let own = authorities.find(|own| own.index == paper.index).unwrap();
        let what = format!("revocations of {:02X}", own.index);
        let mut file = lines(what, &paper.text(), move |bytes: &[u8]| {
            let list = text_of(bytes).and_then(RevocationPaper::parse)?;
            list.verify(&own)
        });
        let (_, names) = file.parts.last_mut().unwrap();
        names.extend(words(&["the signature", "one writing of every line"]));
        file
    };
    [Algorithm::Tdes, Algorithm::Sm4]
        .into_iter()
        .map(file)
        .collect()
}

#[test]
fn any_flipped_bit_of_a_key_file_is_named_by_record_line_or_field() {
    let mut rows = vec![batch(3), batch(1), injection()];
    rows.extend(work_keys());
    rows.extend(authorities());
    rows.extend(revocations());
    for Placed {
        what,
        bytes,
        open,
        parts,
    } in rows
    {
        assert_eq!(open(&bytes), Ok(()), "{what}");
        let covered: usize = parts.iter().map(|(part, _)| part.len()).sum();
        assert_eq!(covered, bytes.len(), "{what}: every byte has a name");
        for (part, names) in parts {
            for (at, bit) in part.flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut bent = bytes.clone();
                bent[at] ^= 1 << bit;
                let opened = open(&bent);
                let error = opened.expect_err(&format!("{what}, byte {at} bit {bit}"));
                assert!(
                    names.iter().any(|name| error.contains(name.as_str())),
                    "{what}, byte {at} bit {bit}: {error}"
                );
            }
        }
        let cut = open(&bytes[..bytes.len() - 1]);
        assert!(cut.is_err(), "{what}, cut");
        let longer = open(&[&bytes[..], b"\n"].concat());
        assert!(longer.is_err(), "{what}, longer");
    }
}

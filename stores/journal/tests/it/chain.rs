//! The chain: whoever changes, takes out, puts in or moves a record, and makes every checksum
//! fit, is found when the journal is opened; and by the acquirer, who knows the chain so far.

use proptest::prelude::*;
use tongtu_journal::{Journal, JournalError, SimMedium, Survival};
use tongtu_terminal::{
    Audited, CHAIN_START, ChainAudit, ChainFault, ChainedRecord, RecordStore, chained,
};

use crate::fixture::{held, open};

const HEAD_LEN: usize = 21;
const RECORD: u8 = 1;
const BASE: u8 = 8;

/// The frames of a file, cut by their lengths.
fn frames(file: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &file[8..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let payload = u32::from_be_bytes(rest[..4].try_into().unwrap()) & 0xFF_FFFF;
        let len = HEAD_LEN + usize::try_from(payload).unwrap() + 4;
        frames.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    frames
}

/// The file of these frames, every checksum made to fit.
fn file(mark: &[u8; 8], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = mark.to_vec();
    for frame in frames {
        let body = &frame[..frame.len() - 4];
        file.extend(body);
        file.extend(crc32fast::hash(body).to_be_bytes());
    }
    file
}

fn set_seq(frame: &mut [u8], seq: u64) {
    frame[5..13].copy_from_slice(&seq.to_be_bytes());
}

fn fault(file: &[u8]) -> String {
    match open(&SimMedium::holding(file)) {
        Err(error @ JournalError::Damaged { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Five records in a row, one after the other or as an image that was rewritten.
fn five(is_image: bool) -> (Journal<SimMedium>, Vec<u8>) {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    if is_image {
        journal.append(&[b'x'; 600]).unwrap();
    }
    for text in ["one", "two", "three", "four", "five"] {
        journal.append(text.as_bytes()).unwrap();
    }
    if is_image {
        journal.acknowledge(&[1]).unwrap();
        journal.release(2).unwrap();
    }
    let file = medium.survivors(&Survival::Nothing);
    assert!(file.len() < 600, "{is_image}");
    (journal, file)
}

/// Where the records are among the frames.
fn records(frames: &[Vec<u8>]) -> Vec<usize> {
    let is_record = |at: &usize| frames[*at][4] == RECORD;
    (0..frames.len()).filter(is_record).collect()
}

fn sent(store: &dyn RecordStore) -> Vec<ChainedRecord> {
    store.replay().map(ChainedRecord::from).collect()
}

#[test]
fn a_changed_record_is_found() {
    for is_image in [false, true] {
        let (_, good) = five(is_image);
        let good = frames(&good);
        for at in records(&good) {
            for byte in HEAD_LEN..good[at].len() - 4 {
                let mut bad = good.clone();
                bad[at][byte] ^= 1;
                let found = fault(&file(b"TTJRNL02", &bad));
                assert!(
                    found.ends_with("chain over the records does not hold"),
                    "{found}"
                );
            }
        }
    }
}

#[test]
fn a_record_taken_out_is_found() {
    for is_image in [false, true] {
        let (_, good) = five(is_image);
        let good = frames(&good);
        let records = records(&good);
        for (index, at) in records.iter().enumerate().take(4) {
            let mut bad = good.clone();
            bad.remove(*at);
            fault(&file(b"TTJRNL02", &bad));
            // Also if those behind it get its number.
            for (seq, frame) in (1..).zip(&mut bad[*at..]) {
                let base = u64::try_from(index).unwrap() + u64::from(is_image);
                set_seq(frame, base + seq);
            }
            let found = fault(&file(b"TTJRNL02", &bad));
            assert!(is_image && index == 0 || found.contains("chain"), "{found}");
        }
    }
}

#[test]
fn records_in_another_order_are_found() {
    for is_image in [false, true] {
        let (_, good) = five(is_image);
        let good = frames(&good);
        let records = records(&good);
        for pair in records.windows(2) {
            // The records with their values, under each other's numbers, and moved as they are.
            let mut bad = good.clone();
            let (first, second) = (bad[pair[0]].clone(), bad[pair[1]].clone());
            (bad[pair[0]], bad[pair[1]]) = (second.clone(), first.clone());
            fault(&file(b"TTJRNL02", &bad));
            bad[pair[0]][5..13].copy_from_slice(&first[5..13]);
            bad[pair[1]][5..13].copy_from_slice(&second[5..13]);
            let found = fault(&file(b"TTJRNL02", &bad));
            assert!(found.contains("chain"), "{found}");
        }
    }
}

#[test]
fn a_record_put_in_is_found() {
    let (_, good) = five(false);
    let good = frames(&good);
    let at = records(&good)[2];
    let mut bad = good.clone();
    bad.insert(at, good[at].clone());
    for (seq, frame) in (3..).zip(&mut bad[at..]) {
        set_seq(frame, seq);
    }
    assert!(fault(&file(b"TTJRNL02", &bad)).contains("chain"));
}

/// The chain has no key: a whole new chain opens. The acquirer has the old one.
#[test]
fn a_chain_that_was_made_anew_is_found_by_the_acquirer() {
    let (journal, good) = five(false);
    let mut audit = ChainAudit::default();
    for record in &sent(&journal)[..3] {
        audit.take(record).unwrap();
    }
    let mut bad = frames(&good);
    let records = records(&bad);
    *bad[records[1]].iter_mut().nth_back(4).unwrap() = b'!';
    let mut before = CHAIN_START;
    for (seq, at) in (1..).zip(records) {
        let frame = &mut bad[at];
        let end = frame.len() - 4;
        before = chained(&before, seq, &frame[HEAD_LEN + 32..end]);
        frame[HEAD_LEN..HEAD_LEN + 32].copy_from_slice(&before);
    }
    let forged = open(&SimMedium::holding(&file(b"TTJRNL02", &bad))).unwrap();
    assert_eq!(held(&forged)[1].1, b"tw!");
    let sent = sent(&forged);
    assert_eq!(audit.take(&sent[1]), Err(ChainFault::Rewritten { seq: 2 }));
    assert_eq!(
        audit.take(&sent[3]),
        Err(ChainFault::Forked { seq: 4, tip: 3 })
    );
}

/// A record taken out of an image together with a value before the next one looks, in the file,
/// like a record that was released. The acquirer never had it.
#[test]
fn a_record_taken_out_as_though_released_is_found_by_the_acquirer() {
    let (_, good) = five(true);
    let mut bad = frames(&good);
    let at = records(&bad)[2];
    let value = bad[at][HEAD_LEN..HEAD_LEN + 32].to_vec();
    let base = bad.iter_mut().find(|frame| frame[4] == BASE).unwrap();
    let mut base = base.clone();
    set_seq(&mut base, 5);
    base[HEAD_LEN..HEAD_LEN + 32].copy_from_slice(&value);
    bad[at] = base;
    let forged = open(&SimMedium::holding(&file(b"TTJRNL02", &bad))).unwrap();
    let mut audit = ChainAudit::after(1, sent(&forged)[0].before);
    let taken: Vec<_> = sent(&forged).iter().map(|r| audit.take(r)).collect();
    let (next, ahead) = (Ok(Audited::Next), Ok(Audited::Ahead));
    assert_eq!(taken, [next, next, ahead, ahead]);
    assert_eq!(audit.missing(), Some((4, 4)));
}

/// A journal of the version before, as that version wrote it: records 3 and 5 of a file whose
/// head says 6, both told, 3 acknowledged; record 6 behind; lists 9.
fn version_1() -> Vec<u8> {
    let frame = |kind: u8, seq: u64, payload: &[u8]| {
        let mut frame = vec![0x54, 0, 0, u8::try_from(payload.len()).unwrap(), kind];
        frame.extend(seq.to_be_bytes());
        frame.extend(0u64.to_be_bytes());
        frame.extend(payload);
        frame.extend([0; 4]);
        frame
    };
    let lists = [&[7; 32][..], &5i64.to_be_bytes()].concat();
    let frames = [
        frame(0, 6, b""),
        frame(1, 3, b"three"),
        frame(2, 3, b"code"),
        frame(1, 5, b"five"),
        frame(2, 5, b""),
        frame(3, 0, &3u64.to_be_bytes()),
        frame(4, 9, &lists),
        frame(1, 6, b"six"),
    ];
    file(b"TTJRNL01", &frames)
}

#[test]
fn a_journal_of_the_version_before_is_taken_over_when_it_is_opened() {
    let medium = SimMedium::holding(&version_1());
    let expected = vec![
        (3, b"three".to_vec(), true, true),
        (5, b"five".to_vec(), true, false),
        (6, b"six".to_vec(), false, false),
    ];
    let journal = open(&medium).unwrap();
    assert_eq!(held(&journal), expected);
    let code = journal.replay().next().unwrap().completed_by;
    assert_eq!(code, Some(&b"code"[..]));
    drop(journal);
    let file = medium.survivors(&Survival::Nothing);
    assert!(file.starts_with(b"TTJRNL02"));
    let mut journal = open(&medium).unwrap();
    assert_eq!(held(&journal), expected);
    assert_eq!(journal.lists_mark().unwrap().version, 9);
    assert_eq!(journal.append(b"seven"), Ok(7));
    // Its chain begins with what was held, and goes on.
    let mut audit = ChainAudit::default();
    for record in sent(&journal) {
        assert_eq!(audit.take(&record), Ok(Audited::Next));
    }
    assert_eq!(audit.tip().0, 7);
}

#[test]
fn taking_over_survives_a_tear_at_every_byte() {
    let whole = SimMedium::holding(&version_1());
    let expected = held(&open(&whole).unwrap());
    for units in 0..whole.spent() {
        let medium = SimMedium::holding(&version_1());
        medium.set_power(units);
        assert!(open(&medium).is_err(), "the power failed");
        let journal = open(&medium.reboot(&Survival::Nothing)).unwrap();
        assert_eq!(held(&journal), expected, "{units}");
    }
}

#[test]
fn a_torn_journal_of_the_version_before_is_cut_like_any() {
    let mut bytes = version_1();
    bytes.pop();
    let medium = SimMedium::holding(&bytes);
    let journal = open(&medium).unwrap();
    assert_eq!(journal.cut().unwrap().kept, 0);
    assert_eq!((held(&journal).len(), journal.next_seq()), (2, 6));
    drop(journal);
    assert_eq!(open(&medium).unwrap().cut(), None);
}

#[test]
fn a_frame_that_the_version_before_did_not_have_is_damage_there() {
    let (_, good) = five(true);
    assert!(fault(&file(b"TTJRNL01", &frames(&good))).starts_with("journal is damaged at byte"));
}

#[derive(Debug, Clone)]
enum Event {
    Append(u8),
    Intent(u64),
    Close(u64),
    Acknowledge(Vec<u64>),
    Release(u64),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<u8>().prop_map(Event::Append),
        2 => (0..4u64).prop_map(Event::Intent),
        2 => (0..4u64).prop_map(Event::Close),
        2 => prop::collection::vec(1..30u64, 0..12).prop_map(Event::Acknowledge),
        2 => (0..30u64).prop_map(Event::Release),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    /// Whatever is acknowledged, released and rewritten meanwhile: every record ever held has
    /// the value that the whole history gives it, and the acquirer misses nothing.
    #[test]
    fn the_chain_is_that_of_the_whole_history(events in prop::collection::vec(event(), 1..60)) {
        let medium = SimMedium::new();
        let mut journal = open(&medium).unwrap();
        let mut history: Vec<ChainedRecord> = Vec::new();
        let mut audit = ChainAudit::default();
        let mut has_released = false;
        for event in events {
            let appended = match event {
                Event::Append(byte) => Some((vec![byte; 90], journal.append(&[byte; 90]))),
                Event::Close(id) => Some((vec![1; 40], journal.append_closing(&[1; 40], id))),
                Event::Intent(id) => {
                    journal.keep_intent(id, &[2; 50]).unwrap();
                    None
                }
                Event::Acknowledge(seqs) => {
                    // What is acknowledged was uploaded, in whatever order.
                    for sent in sent(&journal) {
                        if seqs.contains(&sent.seq) {
                            audit.take(&sent).unwrap();
                        }
                    }
                    journal.acknowledge(&seqs).unwrap();
                    None
                }
                Event::Release(below) => {
                    journal.release(below).unwrap();
                    has_released = true;
                    None
                }
                Event::Restart => {
                    let capacity = journal.capacity();
                    journal = open(&medium).unwrap();
                    // What was released comes back unless the file was rewritten since.
                    if !has_released {
                        prop_assert_eq!(journal.capacity(), capacity);
                    }
                    has_released = false;
                    None
                }
            };
            if let Some((record, Ok(seq))) = appended {
                let before = history.last().map_or(CHAIN_START, |last| last.chain);
                let chain = chained(&before, seq, &record);
                history.push(ChainedRecord { seq, record, before, chain });
            }
            for held in sent(&journal) {
                prop_assert_eq!(&held, &history[usize::try_from(held.seq).unwrap() - 1]);
            }
        }
        for sent in sent(&journal) {
            audit.take(&sent).unwrap();
        }
        prop_assert_eq!(audit.missing(), None);
        let tip = history.last().map_or((0, CHAIN_START), |last| (last.seq, last.chain));
        prop_assert_eq!(audit.tip(), tip);
    }
}

/// The file, byte for byte; values and checksums were worked out with OpenSSL and zlib.
#[test]
fn the_file_is_the_documented_bytes() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.append(b"one").unwrap();
    journal.keep_intent(7, b"asked").unwrap();
    journal.append_closing(b"two", 7).unwrap();
    let file = medium.survivors(&Survival::Nothing);
    let hex: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = "54544a524e4c3032\
        54 000020 00 0000000000000001 0000000000000041 \
        0000000000000000000000000000000000000000000000000000000000000000 862eb56e \
        54 000023 01 0000000000000001 0000000000000041 \
        f5678bd6cfa6e0b8ab6fa7cf2ec034d79fc98668f7a4ce7e7cb74301275205c9 6f6e65 21751e20 \
        54 000005 05 0000000000000007 000000000000007d 61736b6564 22285302 \
        54 00002b 07 0000000000000002 000000000000009b 0000000000000007 \
        66335223372c63b68786a59f71295ee96313be3ae78d0566767143a16962b4f7 74776f 3976bd66";
    assert_eq!(hex, expected.replace(' ', ""));
}

//! What is kept twice survives a power cut at any byte, and a blacklist comes back as it was.

use tongtu_blacklist::{Blacklist, Change, Issue, ListedNumber, Loader, Span, file};
use tongtu_journal::{BlacklistStore, Fault, FileBlacklist, Medium as _, SimMedium, Twin};
use tongtu_types::{CardNumber, InstitutionCode};

use crate::fixture::{T0, key, survivals};

fn content(n: u64) -> Vec<u8> {
    let len = usize::try_from(20 + 7 * (n % 5)).unwrap();
    let byte = u8::try_from(n).unwrap();
    vec![byte; len]
}

/// Keeps contents 1 to 6 until the power fails; says which was the last that was promised.
fn life(a: &SimMedium, b: &SimMedium) -> u64 {
    let mut promised = 0;
    let Ok(mut twin) = Twin::open([a.clone(), b.clone()]) else {
        return 0;
    };
    for n in 1..=6 {
        if twin.keep(&content(n)).is_err() {
            break;
        }
        promised = n;
    }
    promised
}

#[test]
fn the_last_promised_content_or_a_newer_one_is_whole_after_a_tear_anywhere() {
    let media = || [SimMedium::new(), SimMedium::new()];
    let [a, b] = media();
    assert_eq!(life(&a, &b), 6);
    for torn in 0..2 {
        let cost = [&a, &b][torn].spent();
        for units in 0..cost {
            for survival in survivals() {
                let media = media();
                media[torn].set_power(units);
                let promised = life(&media[0], &media[1]);
                let media = media.map(|medium| medium.reboot(&survival));
                let mut twin = Twin::open(media.clone()).unwrap();
                let what = format!("{units} of {cost} on {torn}, {survival:?}");
                match twin.load().unwrap() {
                    None => assert_eq!(promised, 0, "{what}"),
                    Some(bytes) => {
                        let n = u64::from(bytes[0]);
                        assert_eq!(bytes, content(n), "{what}: half a content");
                        assert!(n == promised || n == promised + 1, "{what}: {n}");
                    }
                }
                // It goes on from there.
                twin.keep(b"after").unwrap();
                let again = Twin::open(media).unwrap();
                assert_eq!(again.load().unwrap().unwrap(), b"after", "{what}");
            }
        }
    }
}

#[test]
fn a_bent_copy_does_not_count() {
    let media = [SimMedium::new(), SimMedium::new()];
    let mut twin = Twin::open(media.clone()).unwrap();
    twin.keep(b"older").unwrap();
    twin.keep(b"newer").unwrap();
    let [older, newer] = media.map(|medium| medium.read_all().unwrap());
    for bit in 0..newer.len() * 8 {
        let mut bent = newer.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        let slots = [&older, &bent].map(|bytes| SimMedium::holding(bytes));
        let left = Twin::open(slots).unwrap().load().unwrap();
        assert_eq!(left.as_deref(), Some(&b"older"[..]), "bit {bit}");
    }
}

#[test]
fn a_content_that_is_given_up_never_was() {
    let media = [SimMedium::new(), SimMedium::new()];
    let mut twin = Twin::open(media.clone()).unwrap();
    twin.keep(b"kept").unwrap();
    let mut writer = twin.begin(10).unwrap();
    writer.push(b"half").unwrap();
    assert!(writer.push(b"far too much").is_err());
    assert!(twin.begin(10).unwrap().commit().is_err(), "too little");
    assert_eq!(twin.load().unwrap().unwrap(), b"kept");
    media[1].fail_next(Fault::Sync);
    assert!(twin.keep(b"not safe").is_err());
    assert_eq!(twin.load().unwrap().unwrap(), b"kept");
    twin.keep(b"next").unwrap();
    assert_eq!(twin.load().unwrap().unwrap(), b"next");
}

fn acquirer() -> InstitutionCode {
    InstitutionCode::parse("11345810").unwrap()
}

fn listed(n: u64) -> Span {
    let card = CardNumber::parse(&format!("310458109999{n:07}")).unwrap();
    Span::single(ListedNumber::of(&card))
}

fn issue(version: u64) -> Issue {
    Issue {
        acquirer: acquirer(),
        version,
        issued_at: T0,
    }
}

fn full(version: u64) -> Vec<u8> {
    file::full(issue(version), (0..version).map(listed), &key("list")).unwrap()
}

fn take(held: &Blacklist, bytes: &[u8]) -> Blacklist {
    let mut loader = Loader::new(key("list").public().clone(), acquirer(), held);
    loader.feed(bytes).unwrap();
    loader.finish().unwrap()
}

type Devices = [SimMedium; 3];

fn open(devices: &Devices) -> std::io::Result<BlacklistStore<SimMedium>> {
    let [a, b, deltas] = devices.clone();
    BlacklistStore::open(Twin::open([a, b])?, deltas)
}

fn restored(devices: &Devices) -> Blacklist {
    let store = open(devices).unwrap();
    let restored = store.restore(key("list").public(), acquirer()).unwrap();
    assert_eq!(restored.refused, None);
    restored.list
}

/// Version `n` lists the cards below `n`; by a full file at 1, 5 and 9, by deltas between.
fn files() -> Vec<Vec<u8>> {
    let mut list = Blacklist::default();
    let mut files = Vec::new();
    for version in 1..=11 {
        let change = Change::Listed(listed(version - 1));
        let bytes = if version % 4 == 1 {
            full(version)
        } else {
            file::delta(issue(version), list.state(), [change], &key("list")).unwrap()
        };
        list = take(&list, &bytes);
        files.push(bytes);
    }
    files
}

/// Keeps the files until the power fails; says which version was the last to be promised.
fn street(devices: &Devices, files: &[Vec<u8>]) -> u64 {
    let mut promised = 0;
    let Ok(mut store) = open(devices) else {
        return 0;
    };
    for (bytes, version) in files.iter().zip(1..) {
        let kept = if version % 4 == 1 {
            let len = u64::try_from(bytes.len()).unwrap();
            store.begin_full(len).and_then(|mut writer| {
                for piece in bytes.chunks(50) {
                    writer.push(piece)?;
                }
                writer.commit()
            })
        } else {
            store.keep_delta(bytes)
        };
        if kept.is_err() {
            break;
        }
        promised = version;
    }
    promised
}

#[test]
fn a_blacklist_comes_back_as_promised_after_tears_all_over() {
    let devices = || [(); 3].map(|()| SimMedium::new());
    let (whole, files) = (devices(), files());
    assert_eq!(street(&whole, &files), 11);
    let list = restored(&whole);
    assert_eq!((list.version(), list.numbers()), (11, 11));
    for torn in 0..3 {
        let cost = whole[torn].spent();
        // Every place of a few bytes, each with another survival: signatures take their time.
        for (units, survival) in (0..cost).step_by(7).zip(survivals().iter().cycle()) {
            let devices = devices();
            devices[torn].set_power(units);
            let promised = street(&devices, &files);
            let devices = devices.map(|device| device.reboot(survival));
            let list = restored(&devices);
            let what = format!("{units} of {cost} on {torn}, {survival:?}");
            let version = list.version();
            assert!(
                version == promised || version == promised + 1,
                "{what}: {version} after {promised}"
            );
            assert_eq!(list.numbers(), u128::from(version), "{what}");
        }
    }
}

#[test]
fn what_lies_there_is_believed_for_its_signature_only() {
    let devices = [(); 3].map(|()| SimMedium::new());
    let forged = file::full(issue(3), [listed(1)], &key("thief")).unwrap();
    let mut store = open(&devices).unwrap();
    let mut writer = store
        .begin_full(u64::try_from(forged.len()).unwrap())
        .unwrap();
    writer.push(&forged).unwrap();
    writer.commit().unwrap();
    let restored = store.restore(key("list").public(), acquirer()).unwrap();
    assert_eq!(restored.list.version(), 0);
    let expected = Some(tongtu_blacklist::BlacklistError::Signature);
    assert_eq!(restored.refused, expected);
}

#[test]
fn files_are_one_process_s_and_come_back() {
    let name = format!("tongtu-blacklist-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("cards");
    let mut store = FileBlacklist::open_at(&path).unwrap();
    assert_eq!(
        FileBlacklist::open_at(&path).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    let bytes = full(6000);
    let mut writer = store
        .begin_full(u64::try_from(bytes.len()).unwrap())
        .unwrap();
    writer.push(&bytes).unwrap();
    writer.commit().unwrap();
    let list = take(&Blacklist::default(), &bytes);
    let change = Change::Removed(listed(0));
    let delta = file::delta(issue(6001), list.state(), [change], &key("list")).unwrap();
    store.keep_delta(&delta).unwrap();
    drop(store);
    let store = FileBlacklist::open_at(&path).unwrap();
    assert!(store.delta_bytes() > 0);
    let restored = store.restore(key("list").public(), acquirer()).unwrap();
    assert_eq!(restored.list.state().version, 6001);
    assert_eq!(restored.list.numbers(), 5999);
    drop(store);
    std::fs::remove_dir_all(&folder).unwrap();
}

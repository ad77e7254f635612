//! Any flipped byte of anything that is signed or sealed is refused, and the error names what it was
//! in. One row for each such thing that travels between parties; what lies in one store alone (the
//! journal, key stores, galleries at rest, cards' files) has the same test beside that store. Files
//! with keys, of which the error says the very place, are in `placed`.

use tongtu_audit::{AuditLine, Entry, Outcome, Word};
use tongtu_blacklist::{Blacklist, Change, Issue, ListedNumber, Loader, Span};
use tongtu_crypto::{PublicKey, SecretKey, sm3};
use tongtu_envelope::{
    CallerNumber, Draft, Envelope, Kind, content_digest, file_digest, request_digest,
};
use tongtu_foreign::Scratch;
use tongtu_hsm::{
    Custody as _, Export, KeyName, Label, Mark, Passphrase, Protection, SealedCustody, TestKey,
    Work,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, KeyBook};
use tongtu_ride_code::certificate::{apply_for_certificate, check_application};
use tongtu_ride_code::layout::{CertificateApplication, IssuerCertificate, SERVICE_TRANSPORT};
use tongtu_ride_code::record::{RecordError, RideRecord, check_signature};
use tongtu_ride_code::root_file::RootFile;
use tongtu_ride_code::{
    BlackLists, Policy, RevocationError, RevocationList, Root, RootTable, UserCertificate, Verifier,
};
use tongtu_services::{ActVerifier, CallerAct, ProvedRequest};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::{CardLists, Coverage, ListBundle};
use tongtu_types::InstitutionCode;

use crate::card::{Card, signed};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, Tap, code, key, morning};

mod placed;

type Open = Box<dyn Fn(&[u8]) -> Result<(), String>>;

/// One thing that is signed or sealed.
struct Artefact {
    /// What an error of it names.
    name: &'static str,
    bytes: Vec<u8>,
    open: Open,
    /// Bytes that nothing covers, and why that does no harm stands beside the row.
    uncovered: std::ops::Range<usize>,
}

fn artefact<E: std::fmt::Display>(
    name: &'static str,
    bytes: Vec<u8>,
    open: impl Fn(&[u8]) -> Result<(), E> + 'static,
) -> Artefact {
    Artefact {
        name,
        bytes,
        open: Box::new(move |bytes| open(bytes).map_err(|error| error.to_string())),
        uncovered: 0..0,
    }
}

fn root() -> Root {
    Root::self_sign(2, "1240".parse().unwrap(), &key("root")).unwrap()
}

fn list_key() -> SecretKey {
    key("list key")
}

fn acquirer() -> InstitutionCode {
    code(GUANGZHOU_CODE).as_acquirer()
}

fn trust() -> Vec<Artefact> {
    let (root, roots) = (root(), RootTable::new([root()]));
    let issuer = key(&format!("issuer {BEIJING_CODE}"));
    let expiry = "1230".parse().unwrap();
    let application =
        apply_for_certificate(code(BEIJING_CODE), expiry, [0, 0, 1], &issuer).unwrap();
    let certificate = root.certify(&application, &key("root")).unwrap();
    let list = RevocationList {
        ca_index: 2,
        version: 1,
        issued_at: morning(),
        root_ended_at: None,
        revoked: [((code(BEIJING_CODE), [0, 0, 1]), morning())].into(),
    };
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(key("root").sign(bytes));
    let revocations = list.sign_with(&root, sign).unwrap();
    let file = RootFile::of_roots(7, &[root.certificate().clone()]);
    let (of_issuer, of_list) = (root.clone(), roots);
    vec![
        artefact(
            "certificate",
            root.certificate().encode().unwrap(),
            |bytes| Root::verify(bytes).map(|_| ()),
        ),
        Artefact {
            // Its version: the public form of the file covers its records only. Terminals of ours
            // take roots from the list bundle, whose version is signed.
            uncovered: 0..4,
            ..artefact("root file", file.encode().unwrap(), |bytes| {
                RootFile::decode(bytes)?.verify().map(|_| ())
            })
        },
        artefact("certificate", application.encode().unwrap(), |bytes| {
            let read = CertificateApplication::decode(bytes);
            read.map_err(Into::into)
                .and_then(|read| check_application(&read))
        }),
        artefact("certificate", certificate.encode().unwrap(), move |bytes| {
            let read = IssuerCertificate::decode(bytes).map_err(Into::into);
            read.and_then(|read: IssuerCertificate| {
                read.check_format(&SERVICE_TRANSPORT)?;
                read.check_signature(&of_issuer)
            })
        }),
        artefact("revocation list", revocations, move |bytes| {
            RevocationList::open(bytes, &of_list).map(|_| ())
        }),
    ]
}

fn lists() -> Vec<Artefact> {
    let bundle = ListBundle {
        acquirer: acquirer(),
        version: 3,
        issued_at: morning(),
        roots: RootTable::new([root()]),
        issuers: [code(BEIJING_CODE)].into(),
        blacklists: BlackLists::default(),
        fare_books: vec!["fare-book 2\n".to_owned()],
        cards: CardLists::default(),
    };
    let issue = |version| Issue {
        acquirer: acquirer(),
        version,
        issued_at: morning(),
    };
    let span = |low: &str, high: &str| {
        let number = |text: &str| {
            let bytes = tongtu_codec::hex_decode(text).unwrap();
            ListedNumber::from_bcd(&bytes.try_into().unwrap()).unwrap()
        };
        Span::new(number(low), number(high)).unwrap()
    };
    let spans = [
        span("03104100000000000017", "03104100000000000017"),
        span("03104100000000001000", "03104100000000001999"),
    ];
    let more = span("03105810000000000001", "03105810000000000001");
    let full = tongtu_blacklist::file::full(issue(1), spans, &list_key()).unwrap();
    let held = loaded(&Blacklist::default(), &full).unwrap();
    let base = held.state();
    let delta = tongtu_blacklist::file::delta(issue(2), base, [Change::Listed(more)], &list_key());
    vec![
        artefact("list bundle", bundle.sign(&list_key()).unwrap(), |bytes| {
            ListBundle::open(bytes, list_key().public()).map(|_| ())
        }),
        artefact("blacklist", full, |bytes| {
            loaded(&Blacklist::default(), bytes).map(|_| ())
        }),
        artefact("blacklist", delta.unwrap(), move |bytes| {
            loaded(&held, bytes).map(|_| ())
        }),
    ]
}

fn loaded(held: &Blacklist, bytes: &[u8]) -> Result<Blacklist, tongtu_blacklist::BlacklistError> {
    let mut loader = Loader::new(list_key().public().clone(), acquirer(), held);
    loader.feed(bytes)?;
    loader.finish()
}

async fn records() -> Vec<Artefact> {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let rider = country.rider(BEIJING_CODE, 1).await;
    let mut card = Card::issued(&country, BEIJING_CODE, 2).await;
    let of_terminal = || key(&format!("terminal {BEIJING_CODE} 1")).public().clone();
    let roots = country.node(BEIJING_CODE).config().roots.clone();
    let ride = north.record(Tap::ride(&rider, morning(), 1, 200));
    let tap = signed(&card.pay(&north, morning(), 200), &north);
    let coverage = Coverage {
        acquirer: code(BEIJING_CODE).as_acquirer(),
        terminal: north.number,
        at: morning(),
        version: 1,
        digest: [7; 32],
        applied_at: morning(),
        cities: 1,
        cities_applied_at: morning(),
        card_blacklist: 1,
        card_blacklist_applied_at: morning(),
        parameters_from: crate::country::day(),
        fare_version: 1,
    };
    let user = rider.certificate.as_bytes().to_vec();
    let of_user = roots.clone();
    let mut rows = vec![
        artefact("record", ride, move |bytes| {
            let read = RideRecord::decode(bytes)?;
            check_signature(bytes, &of_terminal())?;
            // What is framed and signed says which ride it is.
            (!read.code.is_empty())
                .then_some(())
                .ok_or(RecordError::Digest)
        }),
        artefact("report", coverage.sign(&north.key).unwrap(), move |bytes| {
            let own = key(&format!("terminal {BEIJING_CODE} 1"));
            Coverage::open(bytes, own.public()).map(|_| ())
        }),
        artefact("ertificate", user, move |bytes| {
            UserCertificate::open(bytes, &of_user).map(|_| ())
        }),
        artefact("R", rider.code_at(morning()), move |bytes| {
            let issuers = [code(BEIJING_CODE)];
            let mut verifier = Verifier::new(Policy::default(), roots.clone(), issuers);
            let judged = verifier.verify_again(bytes, morning());
            judged.map(|_| ()).map_err(|verdict| format!("{verdict}"))
        }),
    ];
    rows.push(artefact("record", tap, move |bytes| {
        let own = key(&format!("terminal {BEIJING_CODE} 1"));
        TapRecord::check_signature(bytes, own.public())
    }));
    rows
}

/// An envelope of this kind around a digest.
fn envelope(kind: Kind, digest: sm3::Digest) -> Envelope {
    let draft = Draft {
        kind,
        sender: code(BEIJING_CODE),
        caller: CallerNumber::parse("KM-1").unwrap(),
        receiver: code(GUANGZHOU_CODE),
        key: 1,
        made_at: morning(),
        life: [1; 8],
        message: [2; 16],
        digest,
    };
    draft.seal(&mut key("caller")).unwrap()
}

/// What travels between nodes and from the key centre to them.
fn between(scratch: &Scratch) -> Vec<Artefact> {
    let opens = |kind: Kind, digest: sm3::Digest| {
        move |bytes: &[u8]| {
            let read = Envelope::read(bytes, kind)?;
            read.verify(key("caller").public())?;
            read.covers(&digest)
        }
    };
    let asked = request_digest("POST", "/callers", &content_digest(b"content"));
    let sent = file_digest("CQ1", &content_digest(b"content"));
    let extract = Extract::sign(&[], &[], morning(), &mut key("centre")).unwrap();
    assert_eq!(
        *Extract::open(&extract, key("centre").public())
            .unwrap()
            .book(),
        KeyBook::default()
    );
    let (container, custody) = container(scratch);
    let by = Label::parse("TRANSPORT").unwrap();
    let custody = std::cell::RefCell::new(custody);
    vec![
        artefact(
            "nvelope",
            envelope(Kind::Request, asked).encode().unwrap().to_vec(),
            opens(Kind::Request, asked),
        ),
        artefact(
            "nvelope",
            envelope(Kind::File, sent).encode().unwrap().to_vec(),
            opens(Kind::File, sent),
        ),
        artefact("xtract", extract, |bytes| {
            Extract::open(bytes, key("centre").public()).map(|_| ())
        }),
        artefact("container", container, move |bytes| {
            let mut custody = custody.borrow_mut();
            let taken = custody.take_in(bytes, by)?;
            custody.destroy(taken.name.label)
        }),
    ]
}

/// A container with a key, and a custody that has the transport key and not the key in it.
fn container(scratch: &Scratch) -> (Vec<u8>, SealedCustody) {
    let words = Passphrase::new(String::from("a passphrase for tests")).unwrap();
    let protection = Protection::Passphrase(words, Work::FOR_TESTS);
    let path = scratch.path().join("keys");
    let mut count = 0_u8;
    let fill = move |out: &mut [u8]| {
        count = count.wrapping_add(1);
        out.fill(count);
    };
    let mut custody = SealedCustody::make(&path, Mark::Test, &protection, fill).unwrap();
    let city = code(BEIJING_CODE).city();
    let name = |label: &str, purpose| KeyName {
        export: Export::Whole,
        ..KeyName::test(
            Label::parse(label).unwrap(),
            city,
            purpose,
            KeyAlgorithm::Sm4,
        )
    };
    let transport = name("TRANSPORT", Purpose::PersoTransport);
    let test_key = |byte: u8| TestKey::new(vec![byte; 16]);
    custody.import_test(&transport, test_key(0x3A)).unwrap();
    let load = name("LOAD", Purpose::Load);
    custody.import_test(&load, test_key(0x5C)).unwrap();
    let container = custody.export(load.label, transport.label).unwrap();
    custody.destroy(load.label).unwrap();
    (container, custody)
}

/// What was done with a caller, as a node keeps it: each part of its row.
fn act() -> Vec<Artefact> {
    let content = b"{\"caller\": \"C-9\"}".to_vec();
    let digest = request_digest("POST", "/callers", &content_digest(&content));
    let envelope = envelope(Kind::Request, digest).encode().unwrap();
    let entry = Entry {
        institution: code(BEIJING_CODE),
        actor: Word::parse("KM-1").unwrap(),
        deed: Word::parse("caller.admit").unwrap(),
        key: None,
        permit: None,
        outcome: Outcome::Done,
        about: Some(sm3::digest(&envelope)),
    };
    let line = AuditLine::chained(1, morning(), &entry, tongtu_audit::CHAIN_START).unwrap();
    let parts = [
        line.encode().unwrap().to_vec(),
        b"POST /callers".to_vec(),
        content,
        envelope.to_vec(),
        key("caller").public().to_compressed().to_vec(),
    ];
    let row = |at: usize| {
        let whole = parts.clone();
        artefact("", parts[at].clone(), move |bytes: &[u8]| {
            let mut parts = whole.clone();
            parts[at] = bytes.to_vec();
            follow(parts)
        })
    };
    (0..parts.len()).map(row).collect()
}

/// The row of an act as it is read from the database and verified.
fn follow([line, target, content, envelope, public_key]: [Vec<u8>; 5]) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let target = String::from_utf8(target).map_err(|error| said(&error))?;
    let (method, target) = target.split_once(' ').ok_or("no method")?;
    let public_key = public_key.try_into().map_err(|_| "no key")?;
    let request = ProvedRequest {
        key: PublicKey::from_compressed(&public_key).map_err(|error| said(&error))?,
        method: method.to_owned(),
        target: target.to_owned(),
        content,
        envelope: Envelope::read(&envelope, Kind::Request).map_err(|error| said(&error))?,
    };
    let act = CallerAct {
        line,
        request: Some(request),
    };
    let followed = ActVerifier::default().follow(&act);
    followed.map(drop).map_err(|error| said(&error))
}

#[tokio::test]
async fn any_flipped_byte_is_refused_and_its_error_names_the_part() {
    let scratch = Scratch::new("tamper");
    let rows = trust().into_iter().chain(lists()).chain(records().await);
    let rows = rows.chain(between(&scratch)).chain(act());
    for row in rows {
        let Artefact { name, bytes, .. } = &row;
        assert_eq!((row.open)(bytes), Ok(()), "{name}");
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            let opened = (row.open)(&bent);
            if row.uncovered.contains(&at) {
                assert_eq!(opened, Ok(()), "{name}, byte {at}");
                continue;
            }
            let error = opened.expect_err(&format!("{name}, byte {at}"));
            assert!(error.contains(name), "{name}, byte {at}: {error}");
        }
        let cut = (row.open)(&bytes[..bytes.len() - 1]);
        assert!(cut.is_err(), "{name}, cut");
        let longer = (row.open)(&[&bytes[..], &[0]].concat());
        assert!(longer.is_err(), "{name}, longer");
    }
}

//! A node's key book is replaced while it runs: by hand, and by what a link brings.

use std::fs;
use std::path::PathBuf;

use tongtu_config::{BookKeeper, ConfigError, KeysFile, Mode, NodeFile, ReadyNode};
use tongtu_crypto::SecretKey;
use tongtu_keyring::Extract;
use tongtu_services::{Keeper as _, PaperFault};

use crate::{Scratch, village};

const BEIJING: &str = "beijing/node.toml";

/// Settings that trust a key of the test's own, with extracts of no event signed by it.
struct Node {
    _scratch: Scratch,
    place: PathBuf,
    ready: ReadyNode,
}

fn centre() -> SecretKey {
    SecretKey::from_bytes(&[9; 32]).unwrap()
}

fn extract(made_at: i64, mut signer: SecretKey) -> Vec<u8> {
    Extract::sign(&[], &[], tongtu_types::Timestamp::new(made_at), &mut signer).unwrap()
}

impl Node {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        village(&scratch.0);
        let file = scratch.0.join("nation").join("node.toml");
        let file = if file.exists() {
            file
        } else {
            scratch.0.join(BEIJING)
        };
        let mut settings: NodeFile = toml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let keys = settings.keys.as_mut().unwrap();
        keys.centre = tongtu_codec::hex_encode(&centre().public().to_compressed());
        (keys.custody, keys.key_file) = (None, None);
        settings.issuer = None;
        settings.acquirer = None;
        settings.faces = None;
        settings.save(&file).unwrap();
        let place = file.with_file_name("keys.book");
        fs::write(&place, extract(1000, centre())).unwrap();
        let ready = NodeFile::load(&file).unwrap();
        Self {
            _scratch: scratch,
            place,
            ready,
        }
    }

    fn book(&self) -> &BookKeeper {
        &self.ready.book
    }

    fn version(&self) -> u64 {
        let version = self.book().in_force().unwrap().version;
        let made_at = self.ready.config.keys.book_made_at().unwrap();
        assert_eq!(made_at.get(), i64::try_from(version).unwrap());
        version
    }
}

#[test]
fn a_newer_extract_from_a_link_is_kept_in_its_place_and_gone_by() {
    let node = Node::new("book-taken");
    let newer = extract(2000, centre());
    let taken = node.book().take(&newer).unwrap();
    assert_eq!((taken.version, node.version()), (2000, 2000));
    assert_eq!(fs::read(&node.place).unwrap(), newer);
    assert_eq!(node.book().look().unwrap(), None);
}

#[test]
fn an_extract_that_is_older_or_does_not_hold_changes_nothing() {
    let node = Node::new("book-refused");
    let before = fs::read(&node.place).unwrap();
    let older = node.book().take(&extract(999, centre())).unwrap_err();
    assert!(
        matches!(
            older,
            PaperFault::NotNewer {
                offered: 999,
                held: 1000,
                ..
            }
        ),
        "{older}"
    );
    let newer = extract(2000, centre());
    let stranger = SecretKey::from_bytes(&[8; 32]).unwrap();
    let mut damaged = newer.clone();
    damaged[6] ^= 1;
    let mut broken = vec![extract(2000, stranger), damaged];
    broken.extend((0..newer.len()).map(|len| newer[..len].to_vec()));
    for bytes in broken {
        let fault = node.book().take(&bytes).unwrap_err();
        assert!(matches!(fault, PaperFault::Broken { .. }), "{fault}");
    }
    assert_eq!(node.version(), 1000);
    assert_eq!(fs::read(&node.place).unwrap(), before);
}

#[test]
fn an_extract_put_there_by_hand_is_gone_by_if_it_holds() {
    let node = Node::new("book-by-hand");
    fs::write(&node.place, b"half of an ext").unwrap();
    let error = node.book().look().unwrap_err();
    assert!(matches!(error, ConfigError::Extract { .. }), "{error}");
    assert_eq!(node.version(), 1000);
    // It is told of once.
    assert_eq!(node.book().look().unwrap(), None);
    fs::write(&node.place, extract(3000, centre())).unwrap();
    assert_eq!(node.book().look().unwrap(), Some(3000));
    assert_eq!(node.version(), 3000);
}

#[test]
fn production_takes_no_book_that_is_older_than_usual() {
    let scratch = Scratch::new("book-days");
    village(&scratch.0);
    let file = scratch.0.join(BEIJING);
    let mut settings: NodeFile = toml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let keys: KeysFile = settings.keys.take().unwrap();
    assert_eq!(keys.book_days, Some(3650));
    settings.mode = Mode::Production;
    for days in [0, 16, 3650] {
        settings.keys = Some(KeysFile {
            book_days: Some(days),
            custody: None,
            key_file: None,
            ..keys.clone()
        });
        settings.save(&file).unwrap();
        let error = NodeFile::load(&file).unwrap_err();
        let is_named = matches!(
            &error,
            ConfigError::Setting {
                setting: "keys.book_days",
                ..
            }
        );
        assert!(is_named, "{error}");
    }
}

#[test]
fn a_node_looks_above_at_least_once_a_day() {
    let scratch = Scratch::new("fetch-every");
    village(&scratch.0);
    let file = scratch.0.join(BEIJING);
    let text = fs::read_to_string(&file).unwrap();
    let said = |seconds: u32| {
        let mut settings: NodeFile = toml::from_str(&text).unwrap();
        settings.fetch_every_s = Some(seconds);
        settings.save(&file).unwrap();
        NodeFile::load(&file)
    };
    assert_eq!(said(86_400).unwrap().fetch_every.as_secs(), 86_400);
    for seconds in [0, 86_401] {
        let error = said(seconds).unwrap_err().to_string();
        assert!(error.contains("fetch_every_s"), "{error}");
    }
}

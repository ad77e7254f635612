//! A running node goes by what its files say now, and never by an older register.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tongtu_foreign::Scratch;
use tongtu_link::{Link, LinkError, LinkFiles, LinkWatch, Seen};
use tongtu_register::RegisterError;

use crate::fixture::*;

struct Place(Scratch);

impl Place {
    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        // As an operator should: written beside, then renamed.
        let beside = self.0.write("beside", bytes);
        let path = self.0.path().join(name);
        fs::rename(beside, &path).unwrap();
        path
    }

    fn files(&self) -> LinkFiles {
        let at = |name: &str| self.0.path().join(name);
        LinkFiles {
            certificates: vec![at("link.pem"), at("link.next.pem")],
            register: at("register.ttir"),
            register_keys: vec![nation_key().public().clone()],
        }
    }

    fn open(&self) -> Result<(Arc<Link>, LinkWatch), LinkError> {
        self.files().open(Some(beijing()), at(500))
    }
}

/// A folder with two certificates, the first of them entered in version 3.
fn place(name: &str) -> (Place, String, String) {
    let place = Place(Scratch::new(name));
    let (one, two) = (certificate(), certificate());
    place.put("link.pem", one.as_bytes());
    place.put("link.next.pem", two.as_bytes());
    place.put("register.ttir", &register(3, &[&one]));
    (place, one, two)
}

#[test]
fn a_new_register_and_the_certificate_it_enters_are_taken_without_a_restart() {
    let (place, one, two) = place("link-taken");
    let (link, mut watch) = place.open().unwrap();
    assert_eq!(link.shown(), Some(identity(&one).fingerprint()));
    assert_eq!(watch.look().unwrap(), Seen::Same);
    place.put("register.ttir", &register(4, &[&one, &two]));
    assert_eq!(watch.look().unwrap(), Seen::Changed { register: 4 });
    assert_eq!(watch.look().unwrap(), Seen::Same);
    assert_eq!(link.shown(), Some(identity(&two).fingerprint()));
    assert_eq!(link.register_version(), 4);
}

#[test]
fn an_older_register_is_refused_while_running_and_at_the_next_start() {
    let (place, one, _) = place("link-older");
    let (link, mut watch) = place.open().unwrap();
    place.put("register.ttir", &register(2, &[&one]));
    let older = |error: LinkError| {
        let LinkError::Register { source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(
            source,
            RegisterError::NotNewer {
                held: 3,
                offered: 2
            }
        );
    };
    older(watch.look().unwrap_err());
    assert_eq!(link.register_version(), 3);
    drop((link, watch));
    older(place.open().unwrap_err());
    place.put("register.ttir", &register(3, &[&one]));
    assert!(place.open().is_ok());
}

#[test]
fn a_file_that_does_not_hold_changes_nothing_and_is_looked_at_again() {
    let (place, one, two) = place("link-half");
    let (link, mut watch) = place.open().unwrap();
    let next = register(4, &[&one, &two]);
    place.put("register.ttir", &next[..next.len() - 1]);
    for _ in 0..2 {
        assert!(matches!(watch.look(), Err(LinkError::Register { .. })));
    }
    assert_eq!(link.register_version(), 3);
    place.put("register.ttir", &next);
    place.put("link.next.pem", b"half a certif");
    assert!(matches!(watch.look(), Err(LinkError::Certificate { .. })));
    assert_eq!(link.shown(), Some(identity(&one).fingerprint()));
    place.put("link.next.pem", two.as_bytes());
    assert_eq!(watch.look().unwrap(), Seen::Changed { register: 4 });
    assert_eq!(link.shown(), Some(identity(&two).fingerprint()));
}

#[test]
fn a_file_that_is_missing_is_named() {
    let (place, ..) = place("link-missing");
    let (_, mut watch) = place.open().unwrap();
    fs::remove_file(place.0.path().join("link.pem")).unwrap();
    let error = watch.look().unwrap_err().to_string();
    assert!(error.contains("link.pem"), "{error}");
}

#[test]
fn a_certificate_outside_its_term_or_the_register_is_not_shown() {
    let (place, one, _) = place("link-shown");
    for (second, shown) in [(-1, false), (0, true), (999, true), (1000, false)] {
        let opened = place.files().open(Some(beijing()), at(second));
        let (link, _) = opened.unwrap();
        let expected = shown.then(|| identity(&one).fingerprint());
        assert_eq!(link.shown(), expected, "at {second}");
    }
}

#[test]
fn a_terminal_needs_no_certificate() {
    let (place, ..) = place("link-terminal");
    let files = LinkFiles {
        certificates: Vec::new(),
        ..place.files()
    };
    let (link, _) = files.open(None, at(500)).unwrap();
    assert_eq!(link.shown(), None);
    assert_eq!(link.register_version(), 3);
}

#[test]
fn a_register_from_a_link_is_kept_in_its_place_and_followed_at_once() {
    let (place, one, two) = place("link-taken-in");
    let (link, mut watch) = place.open().unwrap();
    let newer = register(4, &[&one, &two]);
    place.files().take_register(&link, &newer).unwrap();
    assert_eq!(link.register_version(), 4);
    assert_eq!(link.shown(), Some(identity(&two).fingerprint()));
    let (_, bytes) = place.files().register_in_force(&link).unwrap();
    assert_eq!(bytes, newer);
    // A look finds what is in force already, and the next start does too.
    assert_eq!(watch.look().unwrap(), Seen::Changed { register: 4 });
    drop((link, watch));
    assert_eq!(place.open().unwrap().0.register_version(), 4);
}

#[test]
fn a_register_from_a_link_that_is_older_or_does_not_hold_changes_nothing() {
    let (place, one, two) = place("link-not-taken-in");
    let (link, _watch) = place.open().unwrap();
    let files = place.files();
    let before = fs::read(&files.register).unwrap();
    let mut damaged = register(5, &[&one, &two]);
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    let cut = register(5, &[&one])[..90].to_vec();
    for bytes in [register(2, &[&one]), register(3, &[&two]), damaged, cut] {
        let error = files.take_register(&link, &bytes).unwrap_err();
        assert!(matches!(error, LinkError::Register { .. }), "{error}");
        assert_eq!(link.register_version(), 3);
        assert_eq!(fs::read(&files.register).unwrap(), before);
    }
    // What was cut off while it was written is not looked at.
    let mut beside = files.register.clone().into_os_string();
    beside.push(".new");
    fs::write(beside, b"half of a regis").unwrap();
    drop(link);
    assert_eq!(place.open().unwrap().0.register_version(), 3);
}

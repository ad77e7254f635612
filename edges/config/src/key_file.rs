//! Test keys as text files that nobody can take for anything else.
//!
//! ```text
//! TONGTU TEST KEY
//! role: issuer
//! public: 0214f4…
//! secret: 66bee9…
//! ```
//! There is one form, for nodes, for terminals and for what `tongtu key` makes. The role may be
//! left out; such a key serves wherever a key is asked for. Lines that begin with `#` say nothing.
//! A real key never lives in a file like this.

use std::io::Write as _;
use std::path::Path;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::{ConfigError, read_text};

/// First line of every key file.
pub const KEY_HEADER: &str = "TONGTU TEST KEY";

/// Whose key a key file says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRole {
    /// A root's (中心 CA).
    Root,
    /// An issuer's (发行机构).
    Issuer,
    /// A rider's phone's (用户).
    User,
}

impl KeyRole {
    const ALL: [Self; 3] = [Self::Root, Self::Issuer, Self::User];

    /// The word of the line `role: …`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuer => "issuer",
            Self::User => "user",
        }
    }
}

/// Why a text is no test key. Names lines and never shows what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// Another kind of file.
    #[error("the first line is not `TONGTU TEST KEY`")]
    Header,
    /// A line of another form; 1-based.
    #[error("line {0} is not `name: value`")]
    Form(usize),
    /// A line with a name of another file; 1-based.
    #[error("line {0} has a name that no key file has")]
    Name(usize),
    /// A name for the second time.
    #[error("line {line} says `{name}` again")]
    Twice {
        /// Which line, 1-based.
        line: usize,
        /// Which name.
        name: &'static str,
    },
    /// A name that is not there.
    #[error("there is no line `{0}: …`")]
    Missing(&'static str),
    /// A role that there is not.
    #[error("the role is none of `root`, `issuer`, `user`")]
    UnknownRole,
    /// The key of somebody else.
    #[error("it is the key of a role `{}`, expected `{}`", found.name(), expected.name())]
    Role {
        /// Whose it is.
        found: KeyRole,
        /// Whose was asked for.
        expected: KeyRole,
    },
    /// Not 32 bytes of hex.
    #[error("the secret is not 64 hexadecimal digits")]
    Secret,
    /// No SM2 secret key.
    #[error("the secret is outside 1..=n-2")]
    Range,
    /// The two halves are of different keys.
    #[error("the public key is not that of the secret")]
    Public,
}

/// Reads a public key as settings and arguments have it: a compressed SM2 point in hex.
///
/// # Errors
/// What was expected; the text is not repeated.
pub fn parse_public(text: &str) -> Result<PublicKey, &'static str> {
    let expected = "expected a compressed SM2 point, 66 hexadecimal digits";
    let bytes = hex_decode(text).map_err(|_| expected)?;
    let point: [u8; 33] = bytes.try_into().map_err(|_| expected)?;
    PublicKey::from_compressed(&point).map_err(|_| expected)
}

/// Reads a test key, whatever its role.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read, lacks the header or is no key.
pub fn read_key(path: &Path) -> Result<SecretKey, ConfigError> {
    let text = Zeroizing::new(read_text(path)?);
    parse_key(&text, None).map_err(|source| ConfigError::Key {
        path: path.to_path_buf(),
        source,
    })
}

/// Reads a test key from the text of its file. With `expected`, a key that says another role is
/// refused; a key that says none is taken.
///
/// # Errors
/// [`KeyFault`], which never repeats the text.
pub fn parse_key(text: &str, expected: Option<KeyRole>) -> Result<SecretKey, KeyFault> {
    let mut lines = text.lines();
    if lines.next() != Some(KEY_HEADER) {
        return Err(KeyFault::Header);
    }
    let (mut role, mut public, mut secret) = (None, None, None);
    for (index, line) in lines.enumerate() {
        let number = index + 2;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once(": ").ok_or(KeyFault::Form(number))?;
        let (name, place) = match name {
            "role" => ("role", &mut role),
            "public" => ("public", &mut public),
            "secret" => ("secret", &mut secret),
            _ => return Err(KeyFault::Name(number)),
        };
        if place.replace(value.trim()).is_some() {
            return Err(KeyFault::Twice { line: number, name });
        }
    }
    if let Some(word) = role {
        let found = KeyRole::ALL.into_iter().find(|role| role.name() == word);
        let found = found.ok_or(KeyFault::UnknownRole)?;
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(KeyFault::Role { found, expected });
        }
    }
    // What the decoder would say about a wrong character could show a part of the secret.
    let bytes = hex_decode(secret.ok_or(KeyFault::Missing("secret"))?);
    let bytes = Zeroizing::new(bytes.map_err(|_| KeyFault::Secret)?);
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyFault::Secret)?;
    let key = SecretKey::from_bytes(bytes).map_err(|_| KeyFault::Range)?;
    let public = public.ok_or(KeyFault::Missing("public"))?;
    if public != hex_encode(&key.public().to_compressed()) {
        return Err(KeyFault::Public);
    }
    Ok(key)
}

/// Writes a test key of no role, readable by its owner only; never over an existing file.
///
/// # Errors
/// [`ConfigError::File`] when the file exists or cannot be written.
pub fn write_key(path: &Path, key: &SecretKey) -> Result<(), ConfigError> {
    write_text(path, "", key)
}

/// Writes a test key that says its role, readable by its owner only; never over an existing file.
///
/// # Errors
/// [`ConfigError::File`] when the file exists or cannot be written.
pub fn write_key_of(path: &Path, role: KeyRole, key: &SecretKey) -> Result<(), ConfigError> {
    write_text(path, &format!("role: {}\n", role.name()), key)
}

fn write_text(path: &Path, role: &str, key: &SecretKey) -> Result<(), ConfigError> {
    let text = Zeroizing::new(format!(
        "{KEY_HEADER}\n{role}public: {}\nsecret: {}\n",
        hex_encode(&key.public().to_compressed()),
        *Zeroizing::new(hex_encode(&key.danger_to_bytes()[..])),
    ));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let fault = |source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    };
    let mut file = options.open(path).map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    file.sync_all().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_whole_keys_of_the_role() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let public = hex_encode(&key.public().to_compressed());
        let secret = hex_encode(&[7; 32]);
        let good = format!("{KEY_HEADER}\nrole: user\npublic: {public}\nsecret: {secret}\n");
        let no_role = good.replace("role: user", "# whose it is, nobody says");
        for (text, expected) in [
            (&good, Some(KeyRole::User)),
            (&good, None),
            (&no_role, Some(KeyRole::Issuer)),
            (&no_role, None),
            (&good.replace('\n', "\r\n"), None),
        ] {
            assert_eq!(parse_key(text, expected).unwrap().public(), key.public());
        }
        let check = |text: &str, fault: KeyFault| {
            let found = parse_key(text, Some(KeyRole::User)).map(|_| ());
            assert_eq!(found, Err(fault), "{text}");
            assert!(!fault.to_string().contains(&secret[..6]), "{fault}");
        };
        check("", KeyFault::Header);
        check(&good.replace("TEST", "REAL"), KeyFault::Header);
        let of_root = KeyFault::Role {
            found: KeyRole::Root,
            expected: KeyRole::User,
        };
        check(&good.replace("role: user", "role: root"), of_root);
        check(&good.replace(": user", ": boss"), KeyFault::UnknownRole);
        check(&good.replace(&secret, &secret[2..]), KeyFault::Secret);
        check(&good.replace(&secret, &"zz".repeat(32)), KeyFault::Secret);
        check(&good.replace(&secret, &"0".repeat(64)), KeyFault::Range);
        check(&good.replace(&public, &public[2..]), KeyFault::Public);
        check(
            &good.replace("public", "# public"),
            KeyFault::Missing("public"),
        );
        check(
            &good.replace("secret", "# secret"),
            KeyFault::Missing("secret"),
        );
        check(&good.replace("public", "pubic"), KeyFault::Name(3));
        let twice = KeyFault::Twice {
            line: 5,
            name: "role",
        };
        check(&format!("{good}role: user\n"), twice);
        check(&format!("{KEY_HEADER}\n{secret}\n"), KeyFault::Form(2));
    }
}

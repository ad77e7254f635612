//! Key files: text, with a first line that says what they are.
//!
//! ```text
//! TONGTU TEST KEY
//! role: issuer
//! public: 0214f4…
//! secret: 66bee9…
//! ```
//! Only test keys exist at this stage; a real key never lives in a file like this.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::SecretKey;

use crate::exit::Failure;
use crate::input;
use crate::lang::both;

/// The first line of every key file.
const HEADER: &str = "TONGTU TEST KEY";

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A root's (centre CA).
    Root,
    /// An issuer's.
    Issuer,
    /// A rider's phone's.
    User,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuer => "issuer",
            Self::User => "user",
        }
    }
}

/// Writes a key where no file is yet, readable by its owner alone.
pub(crate) fn write(path: &Path, role: Role, key: &SecretKey) -> Result<(), Failure> {
    let public = hex_encode(&key.public().to_compressed());
    let secret = hex_encode(&key.danger_to_bytes()[..]);
    let role = role.name();
    let text = format!("{HEADER}\nrole: {role}\npublic: {public}\nsecret: {secret}\n");
    create(path, text.as_bytes(), true)
}

/// Writes a public file where no file is yet.
pub(crate) fn write_public(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    create(path, bytes, false)
}

/// Refuses when one of the files is there, before any is written.
pub(crate) fn all_free(paths: &[&Path]) -> Result<(), Failure> {
    // A link that leads nowhere counts as there.
    let taken = paths.iter().find(|path| path.symlink_metadata().is_ok());
    taken.map_or(Ok(()), |path| Err(is_there(path)))
}

fn is_there(path: &Path) -> Failure {
    let name = path.display();
    Failure::usage(both(
        format!("`{name}` is there already and is not overwritten"),
        format!("`{name}` 已存在，不会覆盖"),
    ))
    .hint(both(
        "choose another folder with --dir, or move the file away",
        "请用 --dir 另选目录，或先移走该文件",
    ))
}

fn create(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let _ = secret;
    let result = options
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    result.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return is_there(path);
        }
        let name = path.display();
        Failure::usage(both(
            format!("cannot write `{name}`"),
            format!("无法写入 `{name}`"),
        ))
        .because(error)
    })
}

/// Reads the key of a role. Errors name the file and the line, never what it says.
pub(crate) fn read(path: &Path, role: Role) -> Result<SecretKey, Failure> {
    let text = input::read_text(path)?;
    parse(&text, role).map_err(|problem| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no test key of this role"),
            format!("`{name}` 不是这一角色的测试密钥"),
        ))
        .because(problem)
        .hint(both(
            "`tongtu key root new`, `issuer new` and `user new` make key files",
            "密钥文件由 `tongtu key root new`、`issuer new`、`user new` 生成",
        ))
    })
}

fn parse(text: &str, role: Role) -> Result<SecretKey, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("the first line is not `{HEADER}`"));
    }
    let (mut found_role, mut public, mut secret) = (None, None, None);
    for (index, line) in lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let number = index + 2;
        let (name, value) = line
            .split_once(": ")
            .ok_or_else(|| format!("line {number} is not `name: value`"))?;
        let place = match name {
            "role" => &mut found_role,
            "public" => &mut public,
            "secret" => &mut secret,
            _ => return Err(format!("line {number} has a name that no key file has")),
        };
        if place.replace(value.trim()).is_some() {
            return Err(format!("line {number} says `{name}` again"));
        }
    }
    let wanted = role.name();
    match found_role {
        Some(found) if found == wanted => {}
        Some("root" | "issuer" | "user") => {
            let found = found_role.unwrap_or_default();
            return Err(format!(
                "it is the key of a role `{found}`, expected `{wanted}`"
            ));
        }
        _ => return Err(String::from("there is no line `role: …`")),
    }
    // What the decoder would say about a wrong character could show a part of the secret.
    let bytes = hex_decode(secret.ok_or("there is no line `secret: …`")?).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    let bytes: [u8; 32] = bytes.ok_or("the secret is not 32 bytes of hex")?;
    let key = SecretKey::from_bytes(&bytes).map_err(|error| error.to_string())?;
    match public {
        Some(public) if public == hex_encode(&key.public().to_compressed()) => Ok(key),
        Some(_) => Err(String::from("the public key is not that of the secret")),
        None => Err(String::from("there is no line `public: …`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_whole_keys_of_the_role() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let public = hex_encode(&key.public().to_compressed());
        let secret = hex_encode(&[7; 32]);
        let good = format!("{HEADER}\nrole: user\npublic: {public}\nsecret: {secret}\n");
        assert_eq!(parse(&good, Role::User).unwrap().public(), key.public());
        let check = |text: &str, problem: &str| {
            let error = parse(text, Role::User).map(|_| ()).expect_err(text);
            assert!(error.contains(problem), "{error}");
            assert!(!error.contains(&secret[..6]), "{error}");
        };
        check("", "first line");
        check(&good.replace("TEST", "REAL"), "first line");
        check(
            &good.replace("role: user", "role: root"),
            "key of a role `root`",
        );
        check(&good.replace("role: user\n", ""), "no line `role");
        check(&good.replace(&secret, &secret[2..]), "32 bytes");
        check(&good.replace(&secret, &"0".repeat(64)), "outside 1..=n-2");
        check(
            &good.replace(&public, &public[2..]),
            "not that of the secret",
        );
        check(&good.replace("public", "pubic"), "no key file has");
        check(&format!("{good}role: user\n"), "line 5 says `role` again");
        check(&format!("{HEADER}\nnonsense\n"), "line 2 is not");
    }
}

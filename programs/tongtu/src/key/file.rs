//! Key files, as `tongtu_config` writes and reads them, with what there is to say to a person.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use tongtu_config::{ConfigError, parse_key, write_key_of};
use tongtu_crypto::SecretKey;
use tongtu_hsm::VaultState;

use crate::exit::Failure;
use crate::input;
use crate::lang::both;
use crate::room::mark_word;

pub(crate) use tongtu_config::KeyRole as Role;

/// Writes a key where no file is yet, readable by its owner alone.
pub(crate) fn write(path: &Path, role: Role, key: &SecretKey) -> Result<(), Failure> {
    write_key_of(path, role, key).map_err(|error| match error {
        ConfigError::File { source, .. } => not_written(path, &source),
        error => not_written(path, &io::Error::other(error)),
    })
}

/// Writes a public file where no file is yet.
pub(crate) fn write_public(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let result = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    result.map_err(|error| not_written(path, &error))
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

fn not_written(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return is_there(path);
    }
    let name = path.display();
    Failure::usage(both(
        format!("cannot write `{name}`"),
        format!("无法写入 `{name}`"),
    ))
    .because(error)
}

/// Reads the key of a role. Errors name the file and the line, never what it says.
pub(crate) fn read(path: &Path, role: Role) -> Result<SecretKey, Failure> {
    if let Ok((_, mark)) = VaultState::of(path) {
        let (name, mark) = (path.display(), mark_word(mark));
        return Err(Failure::refused(both(
            format!("`{name}` is a {mark} store of keys: here a TEST key's file is used"),
            format!("`{name}` 是密钥库（{mark}）：此处只用测试密钥文件"),
        ))
        .hint(both(
            "keys of a store sign where they are: in a key room, or in a node",
            "密钥库中的密钥只在密钥室或节点内使用",
        )));
    }
    let text = input::read_text(path)?;
    parse_key(&text, Some(role)).map_err(|fault| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no test key of this role"),
            format!("`{name}` 不是这一角色的测试密钥"),
        ))
        .because(fault)
        .hint(both(
            "`tongtu key root new`, `issuer new` and `user new` make key files",
            "密钥文件由 `tongtu key root new`、`issuer new`、`user new` 生成",
        ))
    })
}

//! Passphrases: from a prompt that shows nothing, or from the first line of a file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use tongtu_hsm::{Mark, Passphrase, Protection, Work};
use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::lang::{Both, Lang, both};

/// Longer lines are no passphrases.
const LINE_MAX: u64 = 1024;

/// Reads a passphrase, from a file (`/dev/fd/3` is one) or from whoever sits there.
pub(crate) fn read(file: Option<&Path>, what: &Both) -> Result<Zeroizing<String>, Failure> {
    match file {
        Some(path) => first_line(path),
        None => {
            let prompt = format!("{} / {}: ", what.of(Lang::En), what.of(Lang::Zh));
            let typed = rpassword::prompt_password(prompt).map_err(|error| {
                Failure::usage(both("no passphrase was given", "未输入口令"))
                    .because(error)
                    .hint(both(
                        "without a terminal, name a file with --passphrase or --custody-passphrase",
                        "无终端时，请用 --passphrase 或 --custody-passphrase 指明文件",
                    ))
            })?;
            Ok(Zeroizing::new(typed))
        }
    }
}

/// Refuses files of passphrases that belong to nobody who signs.
pub(crate) fn of_officers(files: &[PathBuf], officers: &[PathBuf]) -> Result<(), Failure> {
    if files.len() > officers.len() {
        return Err(Failure::usage(both(
            "there are more --passphrase than --as",
            "--passphrase 多于 --as",
        )));
    }
    Ok(())
}

/// Reads a new passphrase; whoever types it types it twice.
pub(crate) fn read_new(file: Option<&Path>, what: &Both) -> Result<Zeroizing<String>, Failure> {
    let first = read(file, what)?;
    if file.is_none() {
        let again = both(
            format!("once more, {}", what.of(Lang::En)),
            format!("再次输入{}", what.of(Lang::Zh)),
        );
        if *read(None, &again)? != *first {
            return Err(Failure::usage(both(
                "the two passphrases differ",
                "两次输入的口令不一致",
            )));
        }
    }
    Ok(first)
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let name = path.display();
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(both(
            format!("no passphrase can be read from `{name}`"),
            format!("无法从 `{name}` 读取口令"),
        ))
        .because(error)
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(LINE_MAX))
        .read_line(&mut line)
        .map_err(|error| failed(&error))?;
    let len = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(len);
    Ok(line)
}

/// A protection by a passphrase; for tests it costs little.
pub(crate) fn protection(mut words: Zeroizing<String>, mark: Mark) -> Result<Protection, Failure> {
    let passphrase = Passphrase::new(std::mem::take(&mut *words)).map_err(|error| {
        Failure::usage(both("the passphrase is too short", "口令过短")).because(error)
    })?;
    Ok(Protection::Passphrase(passphrase, Work::least(mark)))
}

//! Codes and names that a book can hold.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;

/// A code for each id: the id itself where it can be one, else a number after the letter.
pub(super) fn codes<'a>(
    ids: impl Iterator<Item = &'a str>,
    max: usize,
    letter: &str,
    reserved: &[&str],
) -> BTreeMap<String, String> {
    let ids: BTreeSet<&str> = ids.collect();
    let fits = |id: &str| {
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !id.is_empty() && id.len() <= max && id.bytes().all(byte) && !reserved.contains(&id)
    };
    let mut number = 0_usize;
    let mut codes = BTreeMap::new();
    for id in &ids {
        let mut code = (*id).to_owned();
        while !fits(&code) || code != *id && ids.contains(code.as_str()) {
            number += 1;
            code = format!("{letter}{number}");
        }
        codes.insert((*id).to_owned(), code);
    }
    codes
}

/// A name as a book can hold it.
pub(super) fn plain(name: &str) -> String {
    const MAX_BYTES: usize = 96;
    let mut plain = String::new();
    for char in name.trim().chars() {
        let char = if char == '|' || char.is_control() {
            ' '
        } else {
            char
        };
        if plain.len() + char.len_utf8() > MAX_BYTES {
            break;
        }
        plain.push(char);
    }
    let trimmed = plain.trim_ascii();
    if trimmed.is_empty() {
        "-".to_owned()
    } else {
        trimmed.to_owned()
    }
}

//! The file of a store: head and records, written whole to another name, then renamed.
//!
//! ```text
//! head ─ what protects the store's secret, how many records, digest, tag
//! record ─ attributes, IV, public half, sealed key; tag over salt, generation, number and all
//! ```
//!
//! The digest has no key: it tells a damaged head from a wrong passphrase. Each record's tag says
//! which number it has in which generation of the file, so that none can be taken out, moved or
//! brought back from an older file alone. An older file as a whole is not recognised.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tongtu_codec::{Be, Raw, record};
use tongtu_crypto::sm3;

use crate::error::{CustodyError, Place};
use crate::name::{Kept, Mark};
use crate::seal::{self, IV_LEN, KeyHead, SealKeys, Sealed, TAG_LEN};

/// First bytes of a store.
pub(crate) const MAGIC: [u8; 4] = *b"TTKS";
/// The version of its form.
pub(crate) const VERSION: u8 = 1;
/// The most keys that a store takes.
pub(crate) const RECORDS_MAX: usize = 10_000;
/// No store is longer.
const SIZE_MAX: u64 = 32 << 20;

record! {
    /// Head of a key store's file. Each record follows: KeyHead, IV of 16 bytes, public half,
    /// sealed key, HMAC-SM3 of 32 bytes.
    pub struct StoreHead: 156 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTKS", "标识";
        [4..5] version: u8 as Be, Ours, "form, 01", "版本";
        [5..6] mark: Mark as Kept, Ours, "01 test, 02 production", "测试标志";
        [6..7] protection: u8 as Be, Ours, "01 passphrase, 02 key file, 03 token", "保护方式";
        [7..8] lanes: u8 as Be, Ours, "Argon2id: lanes, 0 without passphrase", "并行度";
        [8..12] memory_kib: u32 as Be, Ours, "Argon2id: memory in KiB", "内存";
        [12..16] passes: u32 as Be, Ours, "Argon2id: passes", "迭代次数";
        [16..32] salt: [u8; 16] as Raw, Ours, "random, also the store's name", "盐值";
        [32..48] iv: [u8; 16] as Raw, Ours, "IV of the secret", "初始向量";
        [48..80] sealed: [u8; 32] as Raw, Ours, "the store's secret, enciphered", "库密钥密文";
        [80..88] generation: u64 as Be, Ours, "how often the file was written", "写入次数";
        [88..92] records: u32 as Be, Ours, "how many records follow", "记录数";
        [92..124] digest: [u8; 32] as Raw, Ours, "SM3 of bytes 0 to 92", "摘要";
        [124..156] tag: [u8; 32] as Raw, Ours, "HMAC-SM3 of bytes 0 to 124", "鉴别码";
    }
}

const DIGESTED: usize = 92;
const TAGGED: usize = 124;

pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CustodyError {
    let path = path.display().to_string();
    move |source| CustodyError::Io {
        doing,
        path,
        source,
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// Keeps other processes out while it lives. A file of its own: the store's is replaced by each
/// write.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not read")] File);

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Self, CustodyError> {
        let lock = with_ending(path, ".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(io_error("open", &lock))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CustodyError::InUse {
                path: path.display().to_string(),
            },
            TryLockError::Error(error) => io_error("lock", &lock)(error),
        })?;
        Ok(Self(file))
    }
}

/// The bytes of a file, not yet believed.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CustodyError> {
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(io_error("open", path))?
        .take(SIZE_MAX)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

/// Reads the head and checks its digest; the tag is checked by [`records`].
pub(crate) fn head(path: &Path, bytes: &[u8]) -> Result<StoreHead, CustodyError> {
    let path = || path.display().to_string();
    if !bytes.starts_with(&MAGIC) {
        return Err(CustodyError::NotAStore { path: path() });
    }
    let damaged = || CustodyError::Damaged {
        path: path(),
        place: Place::Head,
    };
    let head = bytes.get(..StoreHead::LEN).ok_or_else(damaged)?;
    let is_whole = sm3::digest(&head[..DIGESTED]) == head[DIGESTED..TAGGED];
    if is_whole && head[4] != VERSION {
        return Err(CustodyError::Form {
            path: path(),
            found: head[4],
            expected: VERSION,
        });
    }
    if !is_whole {
        return Err(damaged());
    }
    StoreHead::decode(head).map_err(|_| damaged())
}

/// Verifies the head's tag; a head that is whole and does not verify was closed by something else.
pub(crate) fn is_opened_by(bytes: &[u8], keys: &SealKeys) -> bool {
    let tag = bytes.get(TAGGED..StoreHead::LEN);
    tag.is_some_and(|tag| keys.verify(&bytes[..TAGGED], tag))
}

/// Reads and verifies every record.
pub(crate) fn records(
    path: &Path,
    head: &StoreHead,
    bytes: &[u8],
    keys: &SealKeys,
) -> Result<Vec<Sealed>, CustodyError> {
    let damaged = |place| CustodyError::Damaged {
        path: path.display().to_string(),
        place,
    };
    let mut rest = &bytes[StoreHead::LEN..];
    let mut records = Vec::new();
    for number in 0..head.records {
        let fault = || damaged(Place::Record(number));
        let (iv, used) = read_iv(rest).ok_or_else(fault)?;
        let (record, tag) = rest
            .split_at_checked(used)
            .and_then(|(record, rest)| Some((record, rest.first_chunk::<TAG_LEN>()?)))
            .ok_or_else(fault)?;
        if !keys.verify(&tagged(head, number, record), tag) {
            return Err(fault());
        }
        // Authentic from here on.
        let mut body = record[..KeyHead::LEN].to_vec();
        body.extend(&record[KeyHead::LEN + IV_LEN..]);
        let (sealed, _) = seal::read(&body, iv).ok_or_else(fault)?;
        records.push(sealed);
        rest = &rest[used + TAG_LEN..];
    }
    if rest.is_empty() {
        Ok(records)
    } else {
        Err(damaged(Place::End))
    }
}

/// The IV of the record at the front, and how long the record is without its tag.
fn read_iv(bytes: &[u8]) -> Option<([u8; IV_LEN], usize)> {
    let (head, rest) = bytes.split_at_checked(KeyHead::LEN)?;
    let head = KeyHead::decode(head).ok()?;
    let iv = rest.first_chunk::<IV_LEN>()?;
    let parts = usize::from(head.public_len) + usize::from(head.sealed_len);
    Some((*iv, KeyHead::LEN + IV_LEN + parts))
}

/// What a record's tag is over.
fn tagged(head: &StoreHead, number: u32, record: &[u8]) -> Vec<u8> {
    let mut message = b"TTKS record".to_vec();
    message.extend(head.salt);
    message.extend(head.generation.to_be_bytes());
    message.extend(number.to_be_bytes());
    message.extend(record);
    message
}

/// The bytes of a whole store; sets the head's number of records, digest and tag.
pub(crate) fn write_out<'a>(
    head: &mut StoreHead,
    records: impl ExactSizeIterator<Item = &'a Sealed>,
    keys: &SealKeys,
) -> Result<Vec<u8>, CustodyError> {
    head.records = u32::try_from(records.len())
        .ok()
        .filter(|_| records.len() <= RECORDS_MAX)
        .ok_or(CustodyError::Full {
            what: "keys",
            limit: RECORDS_MAX,
        })?;
    head.digest = sm3::digest(&head.encode()?[..DIGESTED]);
    head.tag = keys.tag(&head.encode()?[..TAGGED]);
    let mut bytes = head.encode()?;
    for (number, sealed) in records.enumerate() {
        let number = u32::try_from(number).expect("counted above");
        let mut record = sealed.head().encode()?;
        record.extend(sealed.iv);
        record.extend(&sealed.public);
        record.extend(&sealed.sealed);
        let tag = keys.tag(&tagged(head, number, &record));
        bytes.extend(record);
        bytes.extend(tag);
    }
    Ok(bytes)
}

/// Puts the bytes at their place: after a power cut there is the old file or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CustodyError> {
    let new = with_ending(path, ".new");
    let mut file = open_private(&new).map_err(io_error("make", &new))?;
    file.write_all(bytes).map_err(io_error("write", &new))?;
    file.sync_all().map_err(io_error("keep", &new))?;
    fs::rename(&new, path).map_err(io_error("name", path))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A file's name is safe once its folder is.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("keep", folder))
}

/// A file that nobody else may read, from its first byte.
fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

//! Test keys as text files that nobody can take for anything else.

use std::io::Write as _;
use std::path::Path;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::SecretKey;
use zeroize::Zeroizing;

use crate::{ConfigError, read_text};

/// First line of every key file.
pub const KEY_HEADER: &str = "TONGTU TEST KEY";

/// Reads a test key.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read, lacks the header or is no key.
pub fn read_key(path: &Path) -> Result<SecretKey, ConfigError> {
    let fault = |message| ConfigError::Key {
        path: path.to_path_buf(),
        message,
    };
    let text = Zeroizing::new(read_text(path)?);
    let body = text
        .strip_prefix(KEY_HEADER)
        .ok_or_else(|| fault("expected first line `TONGTU TEST KEY`"))?;
    let digits = Zeroizing::new(
        body.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect::<String>(),
    );
    let bytes = hex_decode(&digits).map_err(|_| fault("expected 64 hexadecimal digits"))?;
    let bytes = Zeroizing::new(bytes);
    let bytes: &[u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| fault("expected 64 hexadecimal digits"))?;
    SecretKey::from_bytes(bytes).map_err(|_| fault("the number is outside 1..=n-2"))
}

/// Writes a test key, readable by its owner only; never over an existing file.
///
/// # Errors
/// [`ConfigError::File`] when the file exists or cannot be written.
pub fn write_key(path: &Path, key: &SecretKey) -> Result<(), ConfigError> {
    let text = Zeroizing::new(format!(
        "{KEY_HEADER}\n# SM2 private key, public key {}\n{}\n",
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

//! The key that a node's store is sealed with: 32 bytes in a file of its own.
//!
//! Made at the node's first start, readable by its owner only, and read at every later one. A
//! copy of it belongs where no copy of the database lies.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tongtu_sql::Sealing;
use zeroize::Zeroizing;

use crate::ConfigError;

/// Bytes of a store's key.
const LEN: usize = 32;

/// Why a file is no store's key. Never shows what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreKeyFault {
    /// It has another length.
    #[error("it has not 32 bytes: a store's key is 32 random bytes and nothing else")]
    Length,
    /// Others may read or write it.
    #[error("its mode is {mode:03o}: others than its owner may use it (chmod 600)")]
    Mode {
        /// The mode's nine bits.
        mode: u32,
    },
    /// The system gives no random bytes to make it of.
    #[error("the system gives no random bytes")]
    Entropy,
}

/// Reads a store's key; makes it where there is none yet.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read or made, is no key, or is open to others.
pub fn store_key(path: &Path) -> Result<Sealing, ConfigError> {
    match read(path) {
        Err(ConfigError::File { source, .. }) if source.kind() == ErrorKind::NotFound => make(path),
        read => read,
    }
}

fn read(path: &Path) -> Result<Sealing, ConfigError> {
    let fault = |source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    };
    let refused = |source| ConfigError::StoreKey {
        path: path.to_path_buf(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(fault)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(fault)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refused(StoreKeyFault::Mode { mode }));
        }
    }
    let mut secret = Zeroizing::new([0; LEN]);
    match file.read_exact(&mut secret[..]) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(refused(StoreKeyFault::Length));
        }
        Err(error) => return Err(fault(error)),
    }
    if file.read(&mut [0; 1]).map_err(fault)? > 0 {
        return Err(refused(StoreKeyFault::Length));
    }
    Ok(Sealing::new(&secret))
}

fn make(path: &Path) -> Result<Sealing, ConfigError> {
    let fault = |source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    };
    let mut secret = Zeroizing::new([0; LEN]);
    getrandom::fill(&mut secret[..]).map_err(|_| ConfigError::StoreKey {
        path: path.to_path_buf(),
        source: StoreKeyFault::Entropy,
    })?;
    // Aside first: whenever the power goes, there is a whole key under the name, or none.
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.part", std::process::id()));
    let aside = PathBuf::from(aside);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&aside).map_err(fault)?;
    file.write_all(&secret[..]).map_err(fault)?;
    // A store is sealed with it the next moment: it must not be lost with the power.
    file.sync_all().map_err(fault)?;
    // A link is refused where the name is there: of two that start at once one's key counts.
    let linked = std::fs::hard_link(&aside, path);
    std::fs::remove_file(&aside).map_err(fault)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return read(path),
        Err(error) => return Err(fault(error)),
    }
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fault)?;
    }
    Ok(Sealing::new(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tongtu-key-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder.join("store.key")
    }

    #[test]
    fn makes_a_key_once_for_its_owner_alone() {
        let path = place("made");
        store_key(&path).unwrap();
        let made = std::fs::read(&path).unwrap();
        assert_eq!(made.len(), LEN);
        assert_ne!(made, [0; LEN]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store_key(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), made);
        // Whoever was first is believed.
        make(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), made);
        let inside = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(inside.count(), 1, "nothing is left aside");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn refuses_what_is_no_key_or_is_open_to_others() {
        let path = place("refused");
        for (bytes, expected) in [
            (vec![], StoreKeyFault::Length),
            (vec![1; 31], StoreKeyFault::Length),
            (vec![1; 33], StoreKeyFault::Length),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            close(&path);
            let refused = store_key(&path).unwrap_err();
            assert!(
                matches!(&refused, ConfigError::StoreKey { source, .. } if *source == expected),
                "{refused}"
            );
        }
        std::fs::write(&path, [1; 32]).unwrap();
        store_key(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let open = std::fs::Permissions::from_mode(0o640);
            std::fs::set_permissions(&path, open).unwrap();
            let refused = store_key(&path).unwrap_err();
            assert!(refused.to_string().contains("640"), "{refused}");
        }
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    fn close(path: &Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let owner = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, owner).unwrap();
        }
    }
}

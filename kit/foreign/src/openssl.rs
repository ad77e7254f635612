//! OpenSSL's command line, and SM2 in the DER that it reads.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

/// Runs `openssl` with these words and this input; its output when it ended well.
///
/// # Panics
/// Where it cannot be started.
#[must_use]
pub fn openssl(args: &[&str], stdin: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut input = child.stdin.take().expect("it was piped");
    // A tool that read enough may close the pipe early; its exit status decides.
    let _ = input.write_all(stdin);
    drop(input);
    let output = child.wait_with_output().expect("openssl ends");
    output.status.success().then_some(output.stdout)
}

/// A folder for the files of one test, gone with it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder; `name` is the test's own.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("tongtu-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// Writes a file there; its path.
    ///
    /// # Panics
    /// Where it cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file in the test's own folder");
        path.display().to_string()
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// SubjectPublicKeyInfo of an SM2 key X || Y: a fixed head, then 04 || X || Y.
#[must_use]
pub fn sm2_key_der(xy: &[u8; 64]) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
        0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D, 0x03, 0x42, 0x00, 0x04,
    ];
    der.extend(xy);
    der
}

/// A signature r || s as the DER SEQUENCE that OpenSSL reads.
/// A half that is zero is written as DER writes zero.
#[must_use]
pub fn sm2_signature_der(signature: &[u8; 64]) -> Vec<u8> {
    let byte = |len: usize| u8::try_from(len).expect("at most 72 bytes");
    let mut body = Vec::new();
    for half in signature.chunks(32) {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let digits = &half[zeros..];
        let pad = usize::from(digits.first().is_none_or(|first| *first >= 0x80));
        body.extend([0x02, byte(digits.len() + pad)]);
        body.extend(std::iter::repeat_n(0, pad));
        body.extend(digits);
    }
    let mut der = vec![0x30, byte(body.len())];
    der.extend(body);
    der
}

//! What the installed OpenSSL says of itself: `openssl speed`, in the same run.

use std::process::{Command, Stdio};

use crate::median;

/// How often each is measured, a second at a time.
const RUNS: usize = 3;

/// Nanoseconds for one operation.
pub(super) struct Openssl {
    name: String,
    verify: Option<u128>,
    sign: Option<u128>,
    digest: Option<u128>,
}

/// Measures it; nothing where there is none.
pub(super) fn measure() -> Option<Openssl> {
    let version = output(&["version"])?;
    let name = version.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let (mut sign, mut verify, mut digest) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let sm2 = output(&["speed", "-mr", "-seconds", "1", "sm2"]).unwrap_or_default();
        // +F7:number:bits:curve:signatures a second:verifications a second
        if let Some(line) = sm2.lines().find(|line| line.starts_with("+F7:")) {
            let mut fields = line.split(':').skip(4).map(nanoseconds);
            sign.extend(fields.next().flatten());
            verify.extend(fields.next().flatten());
        }
        let sm3 = output(&[
            "speed", "-mr", "-seconds", "1", "-bytes", "364", "-evp", "sm3",
        ]);
        // +F:number:name:bytes a second
        let sm3 = sm3.unwrap_or_default();
        if let Some(line) = sm3.lines().find(|line| line.starts_with("+F:")) {
            let byte = line
                .split(':')
                .nth(3)
                .and_then(|pace| pace.split('.').next());
            let pace: Option<u128> = byte.and_then(|pace| pace.parse().ok());
            digest.extend(pace.and_then(|pace| 364_000_000_000_u128.checked_div(pace)));
        }
    }
    Some(Openssl {
        name,
        verify: median(&mut verify),
        sign: median(&mut sign),
        digest: median(&mut digest),
    })
}

impl Openssl {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is the same as one of our rows; it has nothing for many at once.
    pub(super) fn of(&self, row: &str) -> Option<u128> {
        if row.starts_with("SM2 verify") {
            self.verify
        } else if row.starts_with("SM2 sign") {
            self.sign
        } else if row.starts_with("SM3, 364") {
            self.digest
        } else {
            None
        }
    }
}

fn output(args: &[&str]) -> Option<String> {
    let output = Command::new("openssl")
        .args(args)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Nanoseconds for one, of how many are done in a second.
fn nanoseconds(pace: &str) -> Option<u128> {
    let (whole, _) = pace.split_once('.')?;
    1_000_000_000_u128.checked_div(whole.parse().ok()?)
}

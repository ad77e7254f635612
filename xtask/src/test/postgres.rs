//! A PostgreSQL server of our own for one test run.
//!
//! It lives in a temporary folder, listens on a free loopback port only, asks for a password drawn
//! for this run, and is gone afterwards: also when a step fails, xtask panics, is interrupted or is
//! killed, because a keeper process stops the server as soon as the pipe to xtask closes.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::repeat::TempFolder;
use crate::repo::{clean, describe};

/// The tests' user, a superuser of this server: a test may make databases and drop them.
const USER: &str = "tongtu";
/// The database that is there from the start; tests make their own beside it.
const DATABASE: &str = "postgres";
/// A first start on a slow, busy disk takes seconds; after this we give up.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Starts the server, and stops it and removes its folder once standard input ends.
///
/// A process of its own, because nobody can clean up after being killed. `$1` is the folder; the
/// rest is the server's command line.
const KEEPER: &str = r#"
folder=$1; shift
"$@" </dev/null &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf -- "$folder" || true
"#;

/// Nothing in this server outlives the run, so nothing needs to survive a power cut.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
];

/// A running server; stopped when dropped.
pub(super) struct Postgres {
    keeper: Child,
    port: u16,
    password: String,
    // After the keeper in the order of dropping: it is removed once the server has stopped.
    _folder: TempFolder,
}

impl Postgres {
    /// Makes a cluster with the programs in `bin`, starts it and waits until it answers.
    pub(super) fn start(bin: &Path) -> Result<Self> {
        let folder = TempFolder::make("tongtu-postgres")?;
        let account = Account::for_server(folder.path())?;
        let password = random_hex()?;
        make_cluster(bin, folder.path(), &account, &password)?;
        let port = free_port()?;

        let mut command = account.command("sh");
        command
            .args(["-c", KEEPER, "keeper"])
            .arg(folder.path())
            .arg(bin.join("postgres"));
        command
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        leave_our_process_group(&mut command);
        let mut keeper = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the server's keeper, `sh`")?;
        let log = keeper.stderr.take().expect("standard error was piped");
        // From here on dropping `server` stops the keeper, whatever happens.
        let server = Self {
            keeper,
            port,
            password,
            _folder: folder,
        };
        wait_until_ready(log)?;
        Ok(server)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where tests connect.
    pub(super) fn url(&self) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/{DATABASE}",
            self.password, self.port
        )
    }

    /// Stops the server and waits until it is gone.
    pub(super) fn stop(mut self) -> Result<()> {
        self.close().context("the PostgreSQL server did not stop")
    }

    fn close(&mut self) -> Result<()> {
        drop(self.keeper.stdin.take());
        let status = self.keeper.wait()?;
        if !status.success() {
            bail!("its keeper ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            eprintln!("xtask: the PostgreSQL server did not stop: {error:#}");
        }
    }
}

fn make_cluster(bin: &Path, folder: &Path, account: &Account, password: &str) -> Result<()> {
    let password_file = folder.join("password");
    fs::write(&password_file, password)?;
    account.own(&password_file)?;
    let mut command = account.command(bin.join("initdb"));
    command
        .arg("--pgdata")
        .arg(folder.join("data"))
        .arg("--pwfile")
        .arg(&password_file)
        .args(["--username", USER, "--auth=scram-sha-256"])
        .args([
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start initdb")?;
    if !output.status.success() {
        bail!(
            "`{}` failed: {}",
            describe(&command),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Reads the server's log until it says that it answers, then keeps reading so that the pipe never
/// fills up.
fn wait_until_ready(log: ChildStderr) -> Result<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut said = String::new();
        let mut ready = false;
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if ready {
                continue;
            }
            said.push_str(&line);
            said.push('\n');
            if line.contains("database system is ready to accept connections") {
                ready = true;
                // Nobody listens any more when the limit has passed; then it does not matter.
                let _ = sender.send(Ok(()));
            }
        }
        let _ = sender.send(Err(said));
    });
    match receiver.recv_timeout(START_LIMIT) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(said)) => bail!("the server ended before it was ready:\n{said}"),
        Err(_) => bail!("the server was not ready after {} s", START_LIMIT.as_secs()),
    }
}

/// A port that was free a moment ago. Somebody may take it before the server does; then starting
/// fails and says so, which is rare enough not to be hidden behind retries.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no loopback port is free")?;
    Ok(listener.local_addr()?.port())
}

fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Who runs the server: we ourselves, or somebody without rights if we are root, because
/// PostgreSQL refuses to run as root.
struct Account {
    unprivileged: Option<Ids>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Ids {
    user: u32,
    group: u32,
}

impl Account {
    /// Chooses the account and gives it the folder.
    fn for_server(folder: &Path) -> Result<Self> {
        let unprivileged = if running_as_root() {
            let table = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
            let ids = ids_of(&table, "postgres").or_else(|| ids_of(&table, "nobody"));
            Some(ids.context("we are root, and there is no account `postgres` or `nobody`")?)
        } else {
            None
        };
        let account = Self { unprivileged };
        account.own(folder)?;
        Ok(account)
    }

    fn own(&self, path: &Path) -> Result<()> {
        match self.unprivileged {
            Some(ids) => change_owner(path, ids),
            None => Ok(()),
        }
    }

    /// A command run by this account, in a place it may be in, with messages in English, which
    /// [`wait_until_ready`] reads.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = clean(program);
        command
            .current_dir("/")
            .env("LC_ALL", "C")
            .env_remove("PGDATA")
            .env_remove("PGPORT");
        if let Some(ids) = self.unprivileged {
            become_account(&mut command, ids);
        }
        command
    }
}

/// The numbers of an account in the text of /etc/passwd.
fn ids_of(table: &str, name: &str) -> Option<Ids> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Ids { user, group })
    })
}

/// Whether we are root.
pub(super) fn running_as_root() -> bool {
    clean("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(unix)]
fn become_account(command: &mut Command, ids: Ids) {
    use std::os::unix::process::CommandExt as _;
    // The standard library also drops root's other groups when a user is set.
    command.uid(ids.user).gid(ids.group);
}

#[cfg(unix)]
fn leave_our_process_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // Ctrl-C then reaches xtask only, and the keeper gets to do its work.
    command.process_group(0);
}

#[cfg(unix)]
fn change_owner(path: &Path, ids: Ids) -> Result<()> {
    std::os::unix::fs::chown(path, Some(ids.user), Some(ids.group))
        .with_context(|| format!("cannot give {} to user {}", path.display(), ids.user))
}

#[cfg(not(unix))]
fn become_account(_command: &mut Command, _ids: Ids) {}

#[cfg(not(unix))]
fn leave_our_process_group(_command: &mut Command) {}

#[cfg(not(unix))]
fn change_owner(_path: &Path, _ids: Ids) -> Result<()> {
    bail!("changing owners is a matter of Unix")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "root:x:0:0:root:/root:/bin/sh
postgres-exporter:x:7:8::/:/bin/false
postgres:x:115:123:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash
broken:x:many:1::/:/bin/false
";

    #[test]
    fn finds_an_account_by_its_whole_name() {
        assert_eq!(
            ids_of(TABLE, "postgres"),
            Some(Ids {
                user: 115,
                group: 123
            })
        );
        assert_eq!(ids_of(TABLE, "post"), None);
        assert_eq!(ids_of(TABLE, "broken"), None);
    }

    #[test]
    fn passwords_differ() {
        let (one, two) = (
            random_hex().expect("random bytes"),
            random_hex().expect("random bytes"),
        );
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}

//! A pcscd of this test alone, with the virtual reader driver.
//!
//! It has its own reader folder, driver ports and communication socket, so tests run side by side and
//! beside the machine's own service. pcscd has no option for its socket, but takes one that is handed
//! to it as systemd does (`LISTEN_FDS`), and its client library finds it by `PCSCLITE_CSOCK_NAME`.
//! Form of both: seen in public implementations.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Leashed, leash, run_within};
use crate::tool::{find, missing, tool};

/// Where the driver's package puts it, as far as the processor's name does not come in between.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Where the machine's own service keeps its traces.
const RUN: &str = "/run/pcscd";
/// How long a program may take that only asks the service.
const ASKING: Duration = Duration::from_secs(20);
/// How long one wait for a card may take.
const WAITING: Duration = Duration::from_secs(1);
/// How often another pair of ports is tried, should others take ours in between.
const ATTEMPTS: usize = 4;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The private service; it ends when this value goes.
#[derive(Debug)]
pub struct CardService {
    // Before the folder, so that it is dead when its files go.
    daemon: Leashed,
    folder: Folder,
    port: u16,
}

impl CardService {
    /// What the reader is called that the first slot appears as.
    pub const READER: &str = "Tongtu Test 00 00";
    const NAME: &str = "Tongtu Test";

    /// Starts a service with an empty reader, or says what is missing.
    ///
    /// # Panics
    /// Where something is missing and `TONGTU_STRICT` is set, and when the service does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let pcscd = tool("pcscd")?;
        // Also the witness that the service is up.
        tool("opensc-tool")?;
        let Some(driver) = driver() else {
            return missing("the virtual reader driver is not installed (vsmartcard-vpcd)");
        };
        if !may_run() {
            return missing("pcscd wants /run/pcscd, and only root may make it");
        }
        let mut logs = String::new();
        for _ in 0..ATTEMPTS {
            let service = Self::start_on(free_ports(), &pcscd, &driver);
            let listed = service
                .run("opensc-tool", ["--list-readers"], b"", ASKING)
                .out;
            if listed.contains(Self::READER) {
                return Some(service);
            }
            logs += &format!("port {}: {}", service.port, service.log());
        }
        panic!("pcscd did not show the virtual reader in {ATTEMPTS} attempts\n{logs}");
    }

    fn start_on(port: u16, pcscd: &Path, driver: &Path) -> Self {
        let folder = Folder::make();
        let readers = folder.path().join("readers");
        fs::create_dir(&readers).expect("our own folder can be filled");
        let entry = format!(
            "FRIENDLYNAME \"{}\"\nDEVICENAME /dev/null:0x{port:04X}\nLIBPATH {}\nCHANNELID 0x{port:04X}\n",
            Self::NAME,
            driver.display(),
        );
        fs::write(readers.join("vpcd"), entry).expect("our own folder can be filled");
        let log =
            fs::File::create(folder.path().join("log")).expect("our own folder can be filled");
        let socket = UnixListener::bind(folder.path().join("socket")).expect("a fresh socket");
        // The socket becomes file descriptor 3 of the very process that becomes pcscd.
        let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$; \
                      export LISTEN_FDS LISTEN_PID; exec \"$0\" \"$@\"";
        let mut command = leash("/bin/sh");
        command.args(["-c", script]);
        if is_root() && Path::new(RUN).join("pcscd.comm").exists() {
            // The machine runs a service of its own; as root ours would write over its traces.
            if let Some(setpriv) = find("setpriv") {
                command
                    .arg(setpriv)
                    .args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
                command.args(["--pdeathsig", "KILL", "--"]);
            }
        }
        command
            .arg(pcscd)
            .arg("--foreground")
            .arg("--config")
            .arg(&readers)
            .stdin(OwnedFd::from(socket))
            .stdout(Stdio::null())
            .stderr(log);
        Self {
            daemon: Leashed::start(&mut command),
            folder,
            port,
        }
    }

    /// The port on which the driver waits for the card of the first slot.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A folder that goes with the service.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command on a leash whose PC/SC is this service.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = leash(program);
        command.env("PCSCLITE_CSOCK_NAME", self.folder.path().join("socket"));
        // Tools print in the user's language otherwise.
        command.env("LC_ALL", "C.UTF-8");
        command
    }

    /// Runs a program whose PC/SC is this service to its end.
    #[must_use]
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = S>,
        stdin: &[u8],
        limit: Duration,
    ) -> crate::Ran {
        run_within(limit, self.command(program).args(args), stdin)
    }

    /// Waits until there is a card in the reader, as long as there is hope: `may_come` says whether
    /// whoever brings the card is still there.
    ///
    /// # Errors
    /// What everybody said, if none came.
    pub fn wait_for_card(&mut self, mut may_come: impl FnMut() -> bool) -> Result<(), String> {
        // A command and not the ATR: that one is remembered from the card before.
        let select = "00:A4:04:00:00";
        let ask = ["-r", Self::READER, "-c", "default", "-s", select];
        let wait = ["--wait", "--reader", Self::READER, "--atr"];
        let end = Instant::now() + ASKING;
        let mut said = String::new();
        while Instant::now() < end {
            // Waiting is for a card that comes: one that lies there without power, as a client left it,
            // is waited for in vain. So we ask first, and wait a little only.
            let asked = self.run("opensc-tool", ask, b"", ASKING);
            if asked.code == 0 {
                return Ok(());
            }
            let _ = self.run("opensc-tool", wait, b"", WAITING);
            said = format!("{}{}\n", asked.out, asked.err);
            if !may_come() {
                break;
            }
        }
        let (ended, log) = (self.daemon.ended(), self.log());
        Err(format!("no card came: {said}pcscd {ended:?}: {log}"))
    }

    /// What the service wrote.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn driver() -> Option<PathBuf> {
    let direct = PathBuf::from(DRIVER);
    if direct.exists() {
        return Some(direct);
    }
    // Newer systems: /usr/lib/<processor>/pcsc/…
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders
        .map(|entry| entry.path().join("pcsc/drivers/serial/libifdvpcd.so"))
        .find(|file| file.exists())
}

/// pcscd gives up when it cannot make its folder, though it needs nothing there.
fn may_run() -> bool {
    Path::new(RUN).is_dir() || (is_root() && fs::create_dir_all(RUN).is_ok())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// Two neighbouring ports that were free: the driver takes one for each of its slots.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
        let port = first.local_addr().expect("it is bound").port();
        let next = port.checked_add(1);
        if next.is_some_and(|next| TcpListener::bind((Ipv4Addr::UNSPECIFIED, next)).is_ok()) {
            return port;
        }
    }
}

/// A folder with a short path (a socket's is limited) that everybody may enter, gone with this value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tongtu-pcscd-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A leftover of a process that had our number before.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a fresh folder for temporary files");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

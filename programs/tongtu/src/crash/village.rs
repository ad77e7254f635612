//! The village: every node and terminal a process, and the hand that kills them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tongtu_config::ClockKind;
use tongtu_door::DoorClient;
use tongtu_http::client::Client;
use tongtu_world::country::NODES;
use tongtu_world::drive::Caretaker;
use tongtu_world::links::Links;
use tongtu_world::seed::Dice;
use tongtu_world::{Country, Seed, callers, hosting};

use crate::exit::Failure;
use crate::lang::both;

/// One process, its arguments, and where it answers.
#[derive(Debug)]
struct Dweller {
    args: Vec<String>,
    url: String,
    child: Arc<Mutex<Option<Child>>>,
    is_node: bool,
}

/// All processes of one round; they and their folder end with it.
#[derive(Debug)]
pub(super) struct Village {
    folder: PathBuf,
    dwellers: Vec<Dweller>,
    node_urls: Vec<String>,
    links: Links,
    door_urls: Vec<String>,
    dice: Dice,
    /// One kill in so many steps; 0 for peace.
    one_in: u64,
    node_kills: u32,
    terminal_kills: u32,
}

/// How long a process may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(20);
/// Between two looks at whether it does.
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn fault(error: &dyn std::fmt::Display) -> Failure {
    Failure::fault(both("the crash trial cannot start", "崩溃试验无法启动")).because(error)
}

impl Village {
    /// Starts every process of the country.
    pub(super) async fn start(
        country: &Country,
        seed: Seed,
        kills: u32,
        scans: usize,
    ) -> Result<Self, Failure> {
        let name = format!("tongtu-crash-{}-{}", std::process::id(), seed.0);
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).map_err(|e| fault(&e))?;
        let ports = free_ports(NODES.len() + country.posts.len())?;
        let (node_ports, door_ports) = ports.split_at(NODES.len());
        let url = |scheme| move |port: &u16| format!("{scheme}://127.0.0.1:{port}");
        let node_urls: Vec<String> = node_ports.iter().map(url("https")).collect();
        let door_urls: Vec<String> = door_ports.iter().map(url("http")).collect();
        let links = Links::make(country).map_err(|e| fault(&e))?;
        let clock = ClockKind::Simulated;
        hosting::write_settings(country, &folder, node_ports, clock, &links)
            .map_err(|e| fault(&e))?;
        hosting::write_terminals(country, &folder, door_ports, &node_urls, clock, &links)
            .map_err(|e| fault(&e))?;
        let mut dwellers = Vec::new();
        for (node, url) in NODES.iter().zip(&node_urls) {
            let file = folder.join(node.id).join("node.toml");
            dwellers.push(Dweller::new("serve", &file, url, true));
        }
        for (post, url) in country.posts.iter().zip(&door_urls) {
            let file = hosting::terminal_folder(&folder, post).join("terminal.toml");
            dwellers.push(Dweller::new("terminal", &file, url, false));
        }
        // Each scan, account and upload is a step; the kills are spread over all of them.
        let steps = scans + 3 * country.riders.len() + 7 * country.posts.len();
        let one_in = (u64::try_from(steps).unwrap_or(u64::MAX) / u64::from(kills)).max(2);
        let mut village = Self {
            folder,
            dwellers,
            node_urls,
            links,
            door_urls,
            dice: seed.dice("kills"),
            one_in,
            node_kills: 0,
            terminal_kills: 0,
        };
        village.raise().await.map_err(|e| fault(&e))?;
        Ok(village)
    }

    /// Clients in the names of the nodes' operators.
    pub(super) fn node_clients(&self, country: &Country) -> Vec<Client> {
        callers::operators(country, &self.node_urls, Some(&self.links))
    }

    pub(super) fn door_clients(&self) -> Vec<DoorClient> {
        self.door_urls
            .iter()
            .map(|url| DoorClient::new(url))
            .collect()
    }

    /// No more kills; everyone is up.
    pub(super) async fn pacify(&mut self) {
        self.one_in = 0;
        self.mend().await;
    }

    /// Nodes and terminals killed.
    pub(super) const fn kills(&self) -> (u32, u32) {
        (self.node_kills, self.terminal_kills)
    }

    /// Starts whoever is not running, and waits until everyone answers.
    ///
    /// A kill that was on its way may hit a process just started: it is started again.
    async fn raise(&mut self) -> Result<(), std::io::Error> {
        for dweller in self.dwellers.iter().filter(|d| d.is_dead()) {
            dweller.spawn()?;
        }
        for dweller in &self.dwellers {
            let deadline = tokio::time::Instant::now() + START_MAX;
            while !answers(&dweller.url).await {
                if tokio::time::Instant::now() > deadline {
                    let url = &dweller.url;
                    return Err(std::io::Error::other(format!("{url} does not answer")));
                }
                tokio::time::sleep(LOOK_EVERY).await;
                if dweller.is_dead() {
                    dweller.spawn()?;
                }
            }
        }
        Ok(())
    }
}

impl Caretaker for Village {
    /// Sometimes kills somebody: half the time at once, half the time while the next request is
    /// on its way.
    async fn step(&mut self) {
        if self.one_in == 0 || !self.dice.one_in(self.one_in) {
            return;
        }
        // Nodes are few and do most of the work: half of the kills are theirs.
        let nodes = NODES.len();
        let victim = if self.dice.one_in(2) {
            self.dice.index(nodes)
        } else {
            nodes + self.dice.index(self.dwellers.len() - nodes)
        };
        let dweller = &self.dwellers[victim];
        if dweller.is_node {
            self.node_kills += 1;
        } else {
            self.terminal_kills += 1;
        }
        let child = Arc::clone(&dweller.child);
        let delay = Duration::from_micros(self.dice.below(12_000));
        if self.dice.one_in(2) {
            kill(&child);
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                kill(&child);
            });
        }
    }

    async fn mend(&mut self) -> bool {
        // A process may be dying this very moment; the next question will tell.
        tokio::time::sleep(LOOK_EVERY).await;
        self.raise().await.is_ok()
    }
}

impl Drop for Village {
    fn drop(&mut self) {
        for dweller in &self.dwellers {
            kill(&dweller.child);
        }
        // Left-overs in the temporary folder are the system's to sweep.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Dweller {
    fn new(command: &str, file: &Path, url: &str, is_node: bool) -> Self {
        Self {
            args: vec![command.to_owned(), file.display().to_string()],
            url: url.to_owned(),
            child: Arc::new(Mutex::new(None)),
            is_node,
        }
    }

    fn is_dead(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match child.as_mut() {
            None => true,
            Some(process) => !matches!(process.try_wait(), Ok(None)),
        }
    }

    fn spawn(&self) -> Result<(), std::io::Error> {
        let process = Command::new(std::env::current_exe()?)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }
}

/// SIGKILL: no handler runs, no buffer is written.
fn kill(child: &Mutex<Option<Child>>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(process) = child.as_mut() {
        // It may have ended by itself; then there is nothing to kill.
        let _ = process.start_kill();
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    // All are held at once, so that no port is given out twice.
    let listeners = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| fault(&e))?;
    listeners
        .iter()
        .map(|l| l.local_addr().map(|a| a.port()).map_err(|e| fault(&e)))
        .collect()
}

/// Whether a process answers: a connection to its port is enough.
async fn answers(url: &str) -> bool {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    TcpStream::connect(address).await.is_ok()
}

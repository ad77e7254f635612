//! A country in which every node and every terminal is a process with a log, at work for a day.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use tongtu_config::ClockKind;
use tongtu_door::DoorClient;
use tongtu_foreign::{Leashed, leash};
use tongtu_http::client::Client;
use tongtu_types::BusinessDay;
use tongtu_world::country::{NODES, Scale};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::links::Links;
use tongtu_world::plan::plan;
use tongtu_world::terminals::Terminals;
use tongtu_world::{Country, Seed, callers, hosting};

/// What programs that help with debugging name after SSLKEYLOGFILE.
const SSL_KEY_LOG: &str = "tls-secrets.txt";

/// One process.
pub(super) struct Dweller {
    pub(super) name: String,
    /// Where it runs, and leaves a core file.
    pub(super) home: PathBuf,
    pub(super) process: Leashed,
    pub(super) url: String,
    out: BufReader<ChildStdout>,
}

/// All of them, in one folder.
pub(super) struct Village {
    pub(super) folder: PathBuf,
    pub(super) country: Country,
    pub(super) links: Links,
    /// The nodes first, in their order; then the terminals.
    pub(super) dwellers: Vec<Dweller>,
}

pub(super) fn day() -> BusinessDay {
    BusinessDay::from_ymd(2026, 3, 2).unwrap()
}

impl Village {
    /// Starts everybody. `store` names another store for the node with this id than a file.
    pub(super) fn start(folder: &Path, store: Option<(&str, &str)>) -> Self {
        let country = Country::found(Seed(90_210), Scale::village(12), day()).unwrap();
        let ports = free_ports(NODES.len() + country.posts.len());
        let (nodes, doors) = ports.split_at(NODES.len());
        let url = |port: &u16| format!("http://127.0.0.1:{port}");
        let linked = |port: &u16| format!("https://127.0.0.1:{port}");
        let urls: Vec<String> = nodes.iter().map(linked).collect();
        let clock = ClockKind::Simulated;
        let links = Links::make(&country).unwrap();
        hosting::write_settings(&country, folder, nodes, clock, &links).unwrap();
        hosting::write_terminals(&country, folder, doors, &urls, clock, &links).unwrap();
        if let Some((id, address)) = store {
            let file = folder.join(id).join("node.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.replace("sqlite:node.db", address);
            assert!(text.contains(address));
            std::fs::write(&file, text).unwrap();
        }
        let mut dwellers = Vec::new();
        for (node, port) in NODES.iter().zip(nodes) {
            let home = folder.join(node.id);
            dwellers.push(Dweller::start(
                "serve",
                "node.toml",
                node.id,
                home,
                linked(port),
            ));
        }
        for (post, port) in country.posts.iter().zip(doors) {
            let home = hosting::terminal_folder(folder, post);
            let name = post.number.to_string();
            dwellers.push(Dweller::start(
                "terminal",
                "terminal.toml",
                &name,
                home,
                url(port),
            ));
        }
        for dweller in &mut dwellers {
            dweller.wait();
        }
        Self {
            folder: folder.to_owned(),
            country,
            links,
            dwellers,
        }
    }

    /// Clients in the names of the nodes' operators.
    pub(super) fn nodes(&self) -> Vec<Client> {
        let nodes = self.dwellers.iter().take(NODES.len());
        let urls: Vec<String> = nodes.map(|node| node.url.clone()).collect();
        callers::operators(&self.country, &urls, Some(&self.links))
    }

    /// Lives a day to its settlement.
    pub(super) async fn live(&self) {
        let clients = self.nodes();
        let doors = self.dwellers.iter().skip(NODES.len());
        let doors = doors.map(|door| DoorClient::new(&door.url)).collect();
        let days = plan(&self.country, day(), 1);
        let mut drive = Drive::new(&self.country, &clients, Terminals::Remote(doors), Peace);
        drive.prepare(day(), &mut || {}).await.unwrap();
        drive.live(&days[0], &[], &mut || {}).await.unwrap();
        drive.settle(day(), &mut || {}).await.unwrap();
        assert!(drive.logs.len() > 10, "{} scans", drive.logs.len());
    }
}

impl Dweller {
    fn start(command: &str, file: &str, name: &str, home: PathBuf, url: String) -> Self {
        // A shell, because limits are its to set: the system writes no core file without one.
        let script = "ulimit -c unlimited; exec \"$0\" \"$@\"";
        let log = File::create(home.join("stderr.txt")).unwrap();
        let mut start = leash("sh");
        start
            .args(["-c", script, env!("CARGO_BIN_EXE_tongtu"), command, file])
            .env("RUST_LOG", "debug")
            .env("RUST_BACKTRACE", "full")
            .env("SSLKEYLOGFILE", home.join(SSL_KEY_LOG))
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut process = Leashed::start(&mut start);
        let out = BufReader::new(process.stdout().unwrap());
        Self {
            name: name.to_owned(),
            process,
            home,
            url,
            out,
        }
    }

    /// Where it is told to write down what TLS agreed on.
    pub(super) fn ssl_key_log(&self) -> PathBuf {
        self.home.join(SSL_KEY_LOG)
    }

    /// Waits until it says where it answers.
    fn wait(&mut self) {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        let log = std::fs::read_to_string(self.home.join("stderr.txt")).unwrap();
        assert!(line.contains(&self.url), "{}: {line}{log}", self.name);
        self.keep(line.as_bytes());
    }

    fn keep(&self, said: &[u8]) {
        let path = self.home.join("stdout.txt");
        let file = File::options().create(true).append(true).open(path);
        file.unwrap().write_all(said).unwrap();
    }

    /// Sends it a signal that ends it, and keeps what else it said.
    pub(super) fn signal(&mut self, name: &str) {
        let pid = self.process.id().to_string();
        let done = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(done.unwrap().success());
        self.process.wait();
        let mut rest = Vec::new();
        self.out.read_to_end(&mut rest).unwrap();
        self.keep(&rest);
    }
}

fn free_ports(count: usize) -> Vec<u16> {
    // All are held at once, so that no port is given out twice.
    let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<_> = (0..count).map(bind).collect();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    listeners.iter().map(port).collect()
}

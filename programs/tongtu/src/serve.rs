//! `tongtu serve`: one node from its settings, or the whole test country.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tongtu_callers::CallerName;
use tongtu_config::{BookKeeper, ClockKind, NodeFile, ReadyCallers, RegisterKeeper};
use tongtu_envelope::CallerNumber;
use tongtu_http::client::Client;
use tongtu_http::server::{self, BindError, Entrance, Exposure};
use tongtu_http::{Credential, courier, pump};
use tongtu_link::Link;
use tongtu_services::{BookStanding, Node, Paper, ServiceError, TerminalRegistration};
use tongtu_sql::Store;
use tongtu_types::{BusinessDay, InstitutionCode};
use tongtu_world::country::{NODES, Scale};
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, WorldError, hosting};

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::link;
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "serve",
        "运行一个节点；不给配置文件时运行整个测试国家（四个节点）",
    ),
    ("serve/config", "节点的 node.toml"),
    ("serve/dir", "测试国家的文件夹；不存在时新建"),
    ("serve/port", "测试国家第一个节点的端口，其余依次加一"),
    (
        "serve#examples",
        "示例：
  tongtu serve
  tongtu serve tongtu-country/beijing/node.toml
  tongtu call --as tongtu-country/beijing/OP-1.caller GET /audit/ledger",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu serve
  tongtu serve tongtu-country/beijing/node.toml
  tongtu call --as tongtu-country/beijing/OP-1.caller GET /audit/ledger")]
pub(crate) struct Args {
    /// A node's node.toml; without it the whole test country is served
    #[arg(value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the test country; made when it is not there
    #[arg(long, value_name = "DIR", default_value = "tongtu-country")]
    dir: PathBuf,
    /// Port of the test country's first node; the others follow
    #[arg(long, value_name = "PORT", default_value_t = 7300, value_parser = clap::value_parser!(u16).range(1024..=65_500))]
    port: u16,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    runtime::log_to_stderr();
    runtime::run(async {
        match &args.config {
            Some(file) => serve(std::slice::from_ref(file), None, report).await,
            None => {
                let first_day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
                let country =
                    Country::found(Seed(1), Scale::village(0), first_day).map_err(|e| {
                        Failure::fault(both("the country is not founded", "未能建立测试国家"))
                            .because(e)
                    })?;
                let files = test_country(&country, &args.dir, args.port)?;
                serve(&files, Some(&country), report).await
            }
        }
    })
}

/// Says why an address cannot be listened on, and what to do about it.
fn not_bound(error: &BindError) -> Failure {
    let what = both("cannot listen", "无法监听");
    match error {
        BindError::Io { address, source } => {
            let failure = Failure::fault(what).because(format!("{address}: {source}"));
            match source.kind() {
                std::io::ErrorKind::AddrInUse => failure.hint(both(
                    "another program listens there: stop it, change `listen` in node.toml, or \
                     give another --port with a new --dir",
                    "已有程序在监听该地址：请停止它，或修改 node.toml 的 listen，或用新的 --dir 另选 --port",
                )),
                _ => failure,
            }
        }
        error => Failure::fault(what).because(error),
    }
}

/// The settings of the test country's nodes and terminals, written if they are not there.
fn test_country(country: &Country, dir: &Path, port: u16) -> Result<Vec<PathBuf>, Failure> {
    let files: Vec<PathBuf> = NODES
        .iter()
        .map(|n| dir.join(n.id).join("node.toml"))
        .collect();
    if !files[0].exists() {
        let unwritten = |error| {
            Failure::fault(both("cannot write the test country", "无法写出测试国家")).because(error)
        };
        let nodes: Vec<u16> = (port..).take(NODES.len()).collect();
        let doors: Vec<u16> = (port + 10..).take(country.posts.len()).collect();
        let urls: Vec<String> = nodes
            .iter()
            .map(|p| format!("https://127.0.0.1:{p}"))
            .collect();
        let clock = ClockKind::System;
        let links = Links::make(country).map_err(|e| unwritten(e.to_string()))?;
        hosting::write_terminals(country, dir, &doors, &urls, clock, &links)
            .map_err(|e: WorldError| unwritten(e.to_string()))?;
        // The nodes last: their files say that the rest is there.
        hosting::write_settings(country, dir, &nodes, clock, &links)
            .map_err(|e: WorldError| unwritten(e.to_string()))?;
    }
    Ok(files)
}

/// Tells an acquirer's node which terminals of the test country are its own.
async fn register_terminals(node: &Node, country: &Country) -> Result<(), ServiceError> {
    let code = node.config().code;
    for post in country
        .posts
        .iter()
        .filter(|p| NODES[p.city].institution() == code)
    {
        let registration = TerminalRegistration {
            terminal: post.number,
            serial: post.serial,
            public_key: country.terminal_key(post.number).public().clone(),
        };
        node.terminal_register(registration, clock::now_or(None))
            .await?;
    }
    Ok(())
}

/// Between two looks at a node's extract of the key book.
const BOOK_EVERY: Duration = Duration::from_secs(60);

/// Goes by every newer extract that somebody puts into a node's folder, and tells of its age.
async fn follow_book(node: Node, book: Arc<BookKeeper>, kind: ClockKind) {
    let code = node.config().code;
    loop {
        tokio::time::sleep(BOOK_EVERY).await;
        match book.look() {
            Ok(None) => {}
            Ok(Some(version)) => tracing::info!(%code, version, "newer key book taken"),
            Err(error) => tracing::warn!(%code, %error, "key book not taken"),
        }
        // A node whose clock is simulated is told the time by each request, and by nothing else.
        if kind == ClockKind::System {
            keep_uses(&node).await;
            match node.book_age_tell(clock::now_or(None)).await {
                Ok(BookStanding::Fresh) => {}
                Ok(standing) => tracing::warn!(%code, ?standing, "the key book is old"),
                Err(error) => tracing::error!(%code, %error, "an alarm was not raised"),
            }
        }
    }
}

/// Closes keys that were open long enough, and what a crash left open.
async fn keep_uses(node: &Node) {
    if let Err(error) = node.key_uses_keep(clock::now_or(None)).await {
        tracing::error!(code = %node.config().code, %error, "the chain of key uses was not kept");
    }
}

/// Closes every key of a node that stops.
async fn end_uses(node: &Node) {
    if let Err(error) = node.key_uses_end(clock::now_or(None)).await {
        tracing::error!(code = %node.config().code, %error, "keys were not closed");
    }
}

/// Brings down what is newer at the node above, and notes of keys up to it, from time to time.
async fn carry(node: Node, above: Client, every: Duration) {
    let code = node.config().code;
    if let Err(error) = node.key_reports_gather().await {
        tracing::error!(%code, %error, "older notes of keys do not travel");
    }
    loop {
        let report = courier::carry(&node, &above, clock::now_or(None)).await;
        for (paper, version) in &report.papers {
            tracing::info!(%code, %paper, version, "a newer one is in force");
        }
        if report.notes > 0 {
            tracing::info!(%code, notes = report.notes, "notes of keys brought up");
        }
        for error in &report.problems {
            tracing::warn!(%code, kind = error.code(), %error, "not brought");
        }
        tokio::time::sleep(every).await;
    }
}

/// Enters the first callers; the way into the node, and its client of the node above.
async fn way_in(
    node: &Node,
    callers: Option<ReadyCallers>,
    parent: Option<&str>,
    link: Option<&Arc<Link>>,
) -> Result<(Entrance, Option<Client>), Failure> {
    let entrance = Entrance::new(runtime::random()?);
    let above = parent.map(|url| node_above(node, url, link)).transpose()?;
    let mut own = None;
    if let Some(callers) = callers {
        let late = node
            .callers_enter(&callers.callers, clock::now_or(None))
            .await;
        let late = late.map_err(|error| {
            Failure::fault(both("the node does not start", "节点无法启动")).because(error)
        })?;
        for name in late {
            tracing::warn!(caller = %name, "named after the first start: two officers admit it");
        }
        let number = callers.link_number;
        own = callers.link.map(|key| (number, key));
    }
    let Some((number, key)) = own else {
        // Without a key of its own nothing goes up: it would be unsigned.
        return Ok((entrance, above.map(|(client, _)| client)));
    };
    let name = CallerName {
        institution: node.config().code,
        number: CallerNumber::node(),
    };
    let own = Credential::new(name, number, key, runtime::random()?);
    let parent = above.map(|(client, code)| client.acting_as(own.clone(), code));
    Ok((entrance.with_link(own), parent))
}

/// A client of the node above in nobody's name, and whose node it is.
fn node_above(
    node: &Node,
    url: &str,
    link: Option<&Arc<Link>>,
) -> Result<(Client, InstitutionCode), Failure> {
    let above = pump::parent_of(node).ok_or_else(|| {
        Failure::usage(both(
            "the topology knows no node above this one",
            "拓扑中没有上级节点",
        ))
        .because(url)
    })?;
    let client = match link {
        Some(link) => Client::linked(url, link, above),
        None => Client::new(url),
    };
    Ok((client, above))
}

async fn serve(
    files: &[PathBuf],
    country: Option<&Country>,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let mut servers = Vec::new();
    let mut served = Vec::new();
    let (stop, _) = tokio::sync::broadcast::channel::<()>(1);
    for file in files {
        let ready = NodeFile::load(file).map_err(|error| {
            Failure::usage(both("the node's settings do not hold", "节点配置有误")).because(error)
        })?;
        let address: SocketAddr = ready.listen.parse().map_err(|_| {
            Failure::usage(both(
                "listen is not an address and port",
                "listen 不是地址与端口",
            ))
            .because(&ready.listen)
        })?;
        let exposure = match ready.link {
            Some(_) => Exposure::Linked,
            None => Exposure::Loopback,
        };
        let listener = server::bind(address, exposure)
            .await
            .map_err(|error| not_bound(&error))?;
        let bound = listener
            .local_addr()
            .map_err(|error| Failure::fault(both("cannot listen", "无法监听")).because(error))?;
        let name = report
            .lang()
            .pick((&ready.config.name_en, &ready.config.name_zh))
            .to_owned();
        let code = ready.config.code;
        let fault = |error: &dyn std::fmt::Display| {
            Failure::fault(both("the node does not start", "节点无法启动")).because(error)
        };
        let store = Store::open(&ready.store_url, &ready.sealing)
            .await
            .map_err(|e| fault(&e))?;
        let node = Node::open(ready.config, store)
            .await
            .map_err(|e| fault(&e))?;
        let book = Arc::new(ready.book);
        node.paper_kept_by(Paper::KeyBook, Arc::clone(&book) as _);
        if ready.clock == ClockKind::System {
            keep_uses(&node).await;
            served.push(node.clone());
        }
        tokio::spawn(follow_book(node.clone(), book, ready.clock));
        if let Some(country) = country {
            register_terminals(&node, country)
                .await
                .map_err(|e| fault(&e))?;
        }
        let linked = match ready.link {
            None => None,
            Some(ready) => {
                let opened = link::open(ready.files.clone(), Some(code))?;
                let keeper = RegisterKeeper::new(ready.files, &opened.0);
                node.paper_kept_by(Paper::Register, Arc::new(keeper));
                Some((opened, ready.peers))
            }
        };
        let own_link = linked.as_ref().map(|((link, _), _)| link);
        let (entrance, parent) =
            way_in(&node, ready.callers, ready.parent.as_deref(), own_link).await?;
        // Whoever has no name there is told nothing.
        let above = parent
            .clone()
            .filter(|client| client.credential().is_some());
        if let (Some(above), ClockKind::System) = (above, ready.clock) {
            tokio::spawn(carry(node.clone(), above, ready.fetch_every));
        }
        let router = server::router(node, runtime::clock(ready.clock), parent, &entrance);
        let mut stopped = stop.subscribe();
        let shutdown = async move {
            // A dropped sender stops the node just as well.
            let _ = stopped.recv().await;
        };
        let url = match linked {
            None => {
                servers.push(tokio::spawn(server::serve(listener, router, shutdown)));
                format!("http://{bound}")
            }
            Some(((link, watch), peers)) => {
                tokio::spawn(link::keep_watch(watch));
                let serving = server::serve_linked(listener, link, peers, router, shutdown);
                servers.push(tokio::spawn(serving));
                format!("https://{bound}")
            }
        };
        if report.json() {
            report.compact(&serde_json::json!({ "node": code.as_str(), "url": url }))?;
        } else {
            report.line(&format!("{name} {code}  {url}"))?;
        }
        report.flush()?;
    }
    runtime::until_told_to_stop().await;
    drop(stop);
    for server in servers {
        // A node that panicked has said so on stderr.
        let _ = server.await;
    }
    for node in &served {
        end_uses(node).await;
    }
    Ok(Exit::Done)
}

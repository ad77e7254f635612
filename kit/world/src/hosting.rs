//! The country's nodes in this process, each with its own database file and its own port.
//!
//! They share nothing but the loopback interface: whatever one knows of another came over
//! HTTP in TLS, by the country's institution register. The same settings can be written to a folder
//! for nodes in processes of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tongtu_callers::Rates;
use tongtu_clearing::{CutOff, FeeRules, Topology};
use tongtu_codec::hex_encode;
use tongtu_config::{
    AcquirerFile, CallerFile, CallersFile, ClockKind, CredentialFile, IssuerFile, KeysFile,
    LinkFile, Mode, NodeFile, PostFile, TerminalFile, store_key, write_key,
};
use tongtu_http::client::Client;
use tongtu_http::server::Entrance;
use tongtu_http::{Clock, server};
use tongtu_ride_code::Policy;
use tongtu_services::{AcquirerConfig, IssuerConfig, Meter, Node, NodeConfig};
use tongtu_sql::Store;

use crate::WorldError;
use crate::callers;
use crate::cards::lists::lists_of;
use crate::country::{Country, LIFETIME_S, LIMIT, NETWORK, NODES, Place, Post, VALIDITY_S};
use crate::faces::{face_config, write_faces};
use crate::links::Links;

/// Issuer-defined data in the demo's codes.
const ISSUER_DATA: &str = "TONGTU DEMO";
/// Code platform number in the demo's codes.
const PLATFORM: [u8; 4] = [0x50, 0x00, 0x00, 0x01];

/// Nodes that run in this process until they are dropped or stopped.
#[derive(Debug)]
pub struct Hosted {
    /// One client for each node in its operator's name, in the order of [`NODES`].
    pub clients: Vec<Client>,
    /// The base URLs, in the same order.
    pub urls: Vec<String>,
    stops: Vec<oneshot::Sender<()>>,
    servers: Vec<JoinHandle<()>>,
}

/// The configuration of one node of the country; its store of keys is written into `folder`.
///
/// # Errors
/// [`WorldError`] when the store of keys cannot be had.
///
/// # Panics
/// Never: topology and fee rules are the shipped ones.
pub fn node_config(
    country: &Country,
    index: usize,
    folder: &Path,
) -> Result<NodeConfig, WorldError> {
    let name = NODES[index];
    let code = name.institution();
    let city = name.is_city.then(|| country.city(index));
    Ok(NodeConfig {
        code,
        keys: Arc::new(country.keys.of_node(index, folder)?),
        name_zh: name.zh.to_owned(),
        name_en: name.en.to_owned(),
        topology: Topology::parse(tongtu_clearing::demo::TOPOLOGY).expect("shipped and tested"),
        fee_rules: FeeRules::parse(tongtu_clearing::demo::FEE_RULES).expect("shipped and tested"),
        cut_off: CutOff::default(),
        policy: Policy::default(),
        roots: country.roots(),
        accepted_issuers: country.accepted_issuers(),
        issuer: city.map(|city| IssuerConfig {
            certificate: city.certificate.clone(),
            limit: LIMIT,
            validity_s: VALIDITY_S,
            lifetime_s: LIFETIME_S,
            platform: PLATFORM,
            issuer_data: ISSUER_DATA.as_bytes().to_vec(),
        }),
        acquirer: city.map(|city| AcquirerConfig {
            fare_books: vec![city.book_text.clone()],
            cards: lists_of(country, city.node),
        }),
        faces: city.map(|_| face_config()),
    })
}

/// Starts all nodes on free loopback ports, their databases and what they are sealed with in
/// `folder`.
///
/// # Errors
/// [`WorldError`] when a database or a port cannot be had.
pub async fn host(country: &Country, folder: &Path) -> Result<Hosted, WorldError> {
    host_by(country, folder, Some(&Links::make(country)?), None).await
}

/// The same, where somebody measures what the nodes verify.
///
/// # Errors
/// [`WorldError`] when a database or a port cannot be had.
pub async fn host_measured(
    country: &Country,
    folder: &Path,
    meter: &Arc<Meter>,
) -> Result<Hosted, WorldError> {
    host_by(country, folder, Some(&Links::make(country)?), Some(meter)).await
}

/// The same over plain HTTP, for tests that stand in the line between two.
///
/// # Errors
/// [`WorldError`] when a database or a port cannot be had.
pub async fn host_plain(country: &Country, folder: &Path) -> Result<Hosted, WorldError> {
    host_by(country, folder, None, None).await
}

async fn host_by(
    country: &Country,
    folder: &Path,
    links: Option<&Links>,
    meter: Option<&Arc<Meter>>,
) -> Result<Hosted, WorldError> {
    let scheme = if links.is_some() { "https" } else { "http" };
    let mut listeners = Vec::new();
    for _ in NODES {
        listeners.push(
            TcpListener::bind("127.0.0.1:0")
                .await
                .map_err(WorldError::port)?,
        );
    }
    let urls = listeners
        .iter()
        .map(|l| {
            l.local_addr()
                .map(|a| format!("{scheme}://{a}"))
                .map_err(WorldError::port)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (mut stops, mut servers) = (Vec::new(), Vec::new());
    for (index, listener) in listeners.into_iter().enumerate() {
        let file = folder.join(format!("{}.db", NODES[index].id));
        let sealing = store_key(&file.with_extension("key"))?;
        let store = Store::open(&format!("sqlite:{}", file.display()), &sealing)
            .await
            .map_err(|e| WorldError::node(index, e))?;
        let node = Node::open(node_config(country, index, folder)?, store)
            .await
            .map_err(|e| WorldError::node(index, e))?;
        if let Some(meter) = meter {
            node.measure_by(Arc::clone(meter));
        }
        let known = callers::callers(country, index);
        node.callers_enter(&known, tongtu_types::Timestamp::new(0))
            .await
            .map_err(|e| WorldError::node(index, e))?;
        let own = callers::credential(country, callers::node(index), "node");
        let parent = parent_of(index).map(|parent| {
            let client = match links {
                Some(links) => links.between(index, parent, &urls[parent]),
                None => Client::new(&urls[parent]),
            };
            client.acting_as(own.clone(), NODES[parent].institution())
        });
        let entrance = Entrance {
            // Days are lived in seconds here.
            rates: Rates::UNLIMITED,
            ..Entrance::new(life(country, index)).with_link(own)
        };
        let router = server::router(node, Clock::Simulated, parent, &entrance);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A dropped sender stops the node just as well.
            let _ = stopped.await;
        };
        let link = links.map(|links| Arc::clone(links.link(index)));
        let peers = Links::peers(index);
        servers.push(tokio::spawn(async move {
            // The listener is ours; serving ends only by the shutdown signal.
            let _ = match link {
                Some(link) => server::serve_linked(listener, link, peers, router, shutdown).await,
                None => server::serve(listener, router, shutdown).await,
            };
        }));
        stops.push(stop);
    }
    let clients = callers::operators(country, &urls, links);
    Ok(Hosted {
        clients,
        urls,
        stops,
        servers,
    })
}

impl Hosted {
    /// Stops every node and waits until each has closed its port.
    pub async fn stop(self) {
        drop(self.stops);
        for server in self.servers {
            // A node that panicked has been reported by the runtime already.
            let _ = server.await;
        }
    }
}

/// A hosted node lives once: its life is drawn from the seed.
fn life(country: &Country, index: usize) -> tongtu_envelope::Life {
    let mut life = tongtu_envelope::Life::default();
    country.seed.dice(&format!("life {index}")).fill(&mut life);
    life
}

/// Who may call a node, its link key, and the credentials of its persons, in its folder.
fn write_callers(
    country: &Country,
    index: usize,
    place: &Path,
    url: &str,
    node_link: &LinkFile,
) -> Result<(), WorldError> {
    let known = callers::callers(country, index);
    let link = callers::key(country, callers::node(index));
    write_key(&place.join("link.key"), &link)?;
    let file = CallersFile {
        link_key: Some("link.key".to_owned()),
        link: None,
        link_key_number: None,
        callers: known.iter().filter_map(CallerFile::of).collect(),
    };
    file.save(&place.join("callers.toml"))?;
    for (number, _) in callers::PERSONS {
        let name = callers::person(index, number);
        let key = format!("{number}.key");
        write_key(&place.join(&key), &callers::key(country, name))?;
        let credential = CredentialFile {
            name: name.to_string(),
            key_number: 1,
            mode: Mode::Test,
            key: Some(key),
            url: Some(url.to_owned()),
            store: None,
            // They are people of the node's institution, and call over its link.
            link: Some(node_link.clone()),
        };
        credential.save(&place.join(format!("{number}.caller")))?;
    }
    Ok(())
}

/// The index of the node above, if any.
#[must_use]
pub fn parent_of(index: usize) -> Option<usize> {
    let code = NODES[index].parent?;
    NODES.iter().position(|n| n.code == code)
}

/// Writes the settings of every node to `folder/<id>/`, for processes of their own.
///
/// `ports` are the ports to listen on, in the order of [`NODES`].
///
/// # Errors
/// [`WorldError`] when a file cannot be written.
pub fn write_settings(
    country: &Country,
    folder: &Path,
    ports: &[u16],
    clock: ClockKind,
    links: &Links,
) -> Result<(), WorldError> {
    let urls = ports.iter().map(|port| format!("https://127.0.0.1:{port}"));
    let urls: Vec<String> = urls.collect();
    for (index, name) in NODES.iter().enumerate() {
        let place = folder.join(name.id);
        std::fs::create_dir_all(&place).map_err(|e| WorldError::file(&place, e))?;
        let put = |file: &str, bytes: &[u8]| {
            let path = place.join(file);
            std::fs::write(&path, bytes).map_err(|e| WorldError::file(&path, e))
        };
        let root_name = country.root.file_name();
        let root = country
            .root
            .certificate()
            .encode()
            .expect("a made root can be written");
        put("topology.txt", tongtu_clearing::demo::TOPOLOGY.as_bytes())?;
        put("fee-rules.txt", tongtu_clearing::demo::FEE_RULES.as_bytes())?;
        put(&root_name, &root)?;
        let mut issuer = None;
        let mut acquirer = None;
        let mut faces = None;
        if name.is_city {
            let city = country.city(index);
            let certificate = city
                .certificate
                .encode()
                .expect("a made certificate can be written");
            let certificate_name = city.certificate.file_name();
            put(&certificate_name, &certificate)?;
            put("city.fare", city.book_text.as_bytes())?;
            issuer = Some(IssuerFile {
                certificate: certificate_name,
                limit_fen: LIMIT.get(),
                validity_s: VALIDITY_S,
                lifetime_s: LIFETIME_S,
                platform: IssuerFile::platform_text(PLATFORM),
                issuer_data: ISSUER_DATA.to_owned(),
            });
            faces = Some(write_faces(&place)?);
            acquirer = Some(AcquirerFile {
                fare_book: "city.fare".to_owned(),
                later_fare_books: Vec::new(),
                cards: None,
            });
        }
        country.keys.write(index, &place, "keys")?;
        if parent_of(index).is_none() {
            country.keys.write_audit(&place)?;
        }
        let custody = country.keys.store(index).is_some();
        let link = links.write_node(country, index, &place)?;
        write_callers(country, index, &place, &urls[index], &link)?;
        let file = NodeFile {
            mode: Mode::Test,
            callers: Some("callers.toml".to_owned()),
            keys: Some(KeysFile {
                // Its books are made once, at its founding.
                book_days: Some(3650),
                book: "keys.book".to_owned(),
                centre: hex_encode(&country.keys.centre.to_compressed()),
                custody: custody.then(|| "keys.store".to_owned()),
                key_file: custody.then(|| "keys.open".to_owned()),
                passphrase_file: None,
                token: None,
            }),
            code: name.code.to_owned(),
            name_zh: name.zh.to_owned(),
            name_en: name.en.to_owned(),
            listen: format!("127.0.0.1:{}", ports[index]),
            store: "sqlite:node.db".to_owned(),
            store_key: "store.key".to_owned(),
            parent: parent_of(index).map(|parent| urls[parent].clone()),
            fetch_every_s: None,
            clock,
            plain: false,
            topology: "topology.txt".to_owned(),
            fee_rules: "fee-rules.txt".to_owned(),
            roots: vec![root_name],
            accepted_issuers: country
                .accepted_issuers()
                .iter()
                .map(|code| code.as_str().to_owned())
                .collect(),
            link: Some(link),
            issuer,
            acquirer,
            faces,
        };
        file.save(&place.join("node.toml"))?;
    }
    Ok(())
}

/// Writes the settings of every terminal to `folder/terminal-<number>/`.
///
/// `ports` are the ports to listen on, in the order of the country's posts; `urls` the nodes'.
///
/// # Errors
/// [`WorldError`] when a file cannot be written.
pub fn write_terminals(
    country: &Country,
    folder: &Path,
    ports: &[u16],
    urls: &[String],
    clock: ClockKind,
    links: &Links,
) -> Result<(), WorldError> {
    for (post, port) in country.posts.iter().zip(ports) {
        let place = terminal_folder(folder, post);
        std::fs::create_dir_all(&place).map_err(|e| WorldError::file(&place, e))?;
        write_key(&place.join("sam.key"), &country.terminal_key(post.number))?;
        let network = NETWORK.to_owned();
        let file = TerminalFile {
            mode: Mode::Test,
            acquirer: NODES[post.city].institution().as_acquirer().to_string(),
            terminal: post.number.to_string(),
            serial: hex_encode(&post.serial),
            listen: format!("127.0.0.1:{port}"),
            acquirer_url: urls[post.city].clone(),
            clock,
            plain: false,
            time_servers: false,
            journal: "records.journal".to_owned(),
            sam_key: Some("sam.key".to_owned()),
            sam: None,
            list_key: hex_encode(&country.list_key(post.city).to_compressed()),
            link: Some(links.write_terminal(country, &place)?),
            post: match &post.place {
                Place::Bus { line, vehicle } => PostFile::Bus {
                    line: line.to_string(),
                    vehicle: vehicle.to_string(),
                },
                Place::Entry { station } => PostFile::Entry {
                    network,
                    station: station.to_string(),
                },
                Place::Exit { station } => PostFile::Exit {
                    network,
                    station: station.to_string(),
                },
            },
        };
        file.save(&place.join("terminal.toml"))?;
    }
    Ok(())
}

/// Where the settings of a terminal lie.
#[must_use]
pub fn terminal_folder(folder: &Path, post: &Post) -> PathBuf {
    folder.join(format!("terminal-{}", post.number))
}

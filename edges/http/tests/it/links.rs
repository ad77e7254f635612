//! Institutions link over TLS by the register, and nobody else does.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tongtu_crypto::sm3::Digested;
use tongtu_foreign::{Scratch, openssl, tool};
use tongtu_http::Clock;
use tongtu_http::client::{Client, ClientError};
use tongtu_http::server::{Exposure, Limits, bind, router_with, serve_linked};
use tongtu_link::{Identity, Link, LinkClock, Peers, issue};
use tongtu_register::{Institution, Link as LinkOf, Name, Register, Roles, Standing};
use tongtu_services::Node;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::country::{
    Country, Served, T0, beijing, credential, entrance, enveloped, guangzhou, link as key_of,
    name as name_of, nation, status_of,
};

/// A year from [`T0`].
const YEAR_S: i64 = 365 * 86_400;

/// A certificate and its term.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) of: InstitutionCode,
    pub(crate) pem: String,
    pub(crate) identity: Identity,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Certificate {
    pub(crate) fn new(of: InstitutionCode, from_s: i64, until_s: i64) -> Self {
        let (from, until) = (T0.plus_s(from_s), T0.plus_s(until_s));
        let pem = issue(of, from, until, &["127.0.0.1".into()]).unwrap();
        let identity = Identity::from_pem(pem.as_bytes(), of).unwrap();
        Self {
            of,
            pem,
            identity,
            from,
            until,
        }
    }

    fn entry(&self) -> LinkOf {
        LinkOf {
            institution: self.of,
            fingerprint: self.identity.fingerprint(),
            from: self.from,
            until: self.until,
        }
    }
}

/// A register of the nation, Beijing and Guangzhou, and of these certificates.
pub(crate) fn register(
    version: u64,
    certificates: &[&Certificate],
    suspended: &[InstitutionCode],
) -> Register {
    let institution = |code: InstitutionCode| Institution {
        code,
        roles: Roles::EXCHANGE,
        standing: if suspended.contains(&code) {
            Standing::Suspended
        } else {
            Standing::Admitted
        },
        since: T0,
        successor: None,
        name_zh: Name::parse("测试").unwrap(),
        name_en: Name::parse("Test").unwrap(),
    };
    let institutions = [nation(), beijing(), guangzhou()].map(institution);
    let links = certificates.iter().map(|certificate| certificate.entry());
    Register::new(version, T0, institutions, links).unwrap()
}

/// What time the links of a test say it is, seconds after [`T0`].
#[derive(Clone, Default)]
pub(crate) struct Hour(Arc<AtomicI64>);

impl Hour {
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> LinkClock {
        let at = Arc::clone(&self.0);
        Arc::new(move || T0.plus_s(at.load(Ordering::Relaxed)))
    }
}

/// The nation's node behind TLS.
struct Nation {
    link: Arc<Link>,
    url: String,
    _served: Served,
}

async fn serve_node(node: Node, link: &Arc<Link>, peers: Peers) -> String {
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = bind(address, Exposure::Linked).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let own = node.config().code;
    let router = router_with(
        node,
        Clock::Simulated,
        None,
        &entrance(own),
        Limits::default(),
    );
    tokio::spawn(serve_linked(
        listener,
        Arc::clone(link),
        peers,
        router,
        pending(),
    ));
    url
}

impl Nation {
    async fn with(certificate: &Certificate, register: Register, hour: &Hour) -> Self {
        let served = Country::new().nation().await;
        let identities = vec![certificate.identity.clone()];
        let link = Link::new(nation(), identities, register, hour.clock());
        let url = serve_node(served.node.clone(), &link, Peers::Institutions).await;
        Self {
            link,
            url,
            _served: served,
        }
    }

    /// A client that shows these certificates and goes by this register.
    fn client(&self, shown: &[&Certificate], register: Register, hour: &Hour) -> Client {
        self.caller(shown, register, hour).1
    }

    fn caller(
        &self,
        shown: &[&Certificate],
        register: Register,
        hour: &Hour,
    ) -> (Arc<Link>, Client) {
        let identities = shown.iter().map(|shown| shown.identity.clone()).collect();
        let own = shown.first().map_or(beijing(), |shown| shown.of);
        let link = Link::new(own, identities, register, hour.clock());
        let client = Client::linked(&self.url, &link, nation()).at(T0);
        // In the name of the institution's node.
        let client = client.acting_as(key_of(own), nation());
        (link, client)
    }
}

/// What is at the bottom of an error: the TLS alert, or our own refusal.
fn reason(error: &ClientError) -> String {
    let mut cause: &dyn std::error::Error = error;
    let mut texts = vec![cause.to_string()];
    while let Some(next) = cause.source() {
        cause = next;
        texts.push(cause.to_string());
    }
    texts.join(": ")
}

fn certificates() -> [Certificate; 3] {
    [nation(), beijing(), guangzhou()].map(|of| Certificate::new(of, 0, YEAR_S))
}

#[tokio::test]
async fn an_institution_of_the_register_is_served() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    let nation = Nation::with(&n, register(1, &[&n, &b], &[]), &hour).await;
    let client = nation.client(&[&b], register(1, &[&n, &b], &[]), &hour);
    assert_eq!(client.health().await.unwrap().institution, "00000000");
    assert_eq!(client.files_waiting(beijing()).await.unwrap(), []);
}

#[tokio::test]
async fn nobody_links_without_a_certificate_that_the_register_has() {
    let [n, b, g] = certificates();
    let hour = Hour::default();
    let nation = Nation::with(&n, register(1, &[&n, &b], &[]), &hour).await;
    let everything = || register(1, &[&n, &b, &g], &[]);
    let none = nation.client(&[], everything(), &hour);
    let error = reason(&none.health().await.unwrap_err());
    assert!(error.contains("CertificateRequired"), "{error}");
    // The caller believes that its certificate is entered; the nation's register knows better.
    let unknown = nation.client(&[&g], everything(), &hour);
    let error = reason(&unknown.health().await.unwrap_err());
    assert!(error.contains("UnknownCA"), "{error}");
}

#[tokio::test]
async fn a_certificate_links_only_for_the_institution_that_it_names() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    // The nation enters Beijing's certificate under Guangzhou, by mistake.
    let mut wrong = b.clone();
    wrong.of = guangzhou();
    let nation = Nation::with(&n, register(1, &[&n, &wrong], &[]), &hour).await;
    let client = nation.client(&[&b], register(1, &[&n, &b], &[]), &hour);
    assert!(client.health().await.is_err());
}

#[tokio::test]
async fn a_client_reaches_whom_it_expects_and_nobody_else() {
    let [n, b, g] = certificates();
    let hour = Hour::default();
    let all = || register(1, &[&n, &b, &g], &[]);
    let nation = Nation::with(&n, all(), &hour).await;
    let (link, _) = nation.caller(&[&b], all(), &hour);
    let client = Client::linked(&nation.url, &link, guangzhou()).at(T0);
    let error = reason(&client.health().await.unwrap_err());
    assert!(error.contains("NotValidForName"), "{error}");
    // A server whose certificate the register does not have.
    let (link, _) = nation.caller(&[&b], register(1, &[&b], &[]), &hour);
    let client = Client::linked(&nation.url, &link, self::nation()).at(T0);
    let error = reason(&client.health().await.unwrap_err());
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn an_institution_does_not_call_in_anothers_name() {
    let [n, b, g] = certificates();
    let hour = Hour::default();
    let all = || register(1, &[&n, &b, &g], &[]);
    let nation = Nation::with(&n, all(), &hour).await;
    let client = nation.client(&[&g], all(), &hour);
    let error = client.files_waiting(beijing()).await.unwrap_err();
    assert_eq!(status_of(&error), (403, "caller.not_allowed"));
    // With Beijing's key, but over its own link.
    let client = client.acting_as(key_of(beijing()), self::nation());
    let error = client.files_waiting(beijing()).await.unwrap_err();
    assert_eq!(status_of(&error), (403, "link.other_institution"));
    let name = "CQ260101160000113410000000000001A".parse().unwrap();
    let error = client.file_read(beijing(), &name).await.unwrap_err();
    assert_eq!(status_of(&error), (403, "link.other_institution"));
    let error = client.file_confirm(beijing(), &name, [0; 32]).await;
    assert_eq!(
        status_of(&error.unwrap_err()),
        (403, "link.other_institution")
    );
    let envelope = enveloped(beijing(), self::nation(), &name, b"x");
    let sent = client
        .file_send(beijing(), &name, &Digested::of(b"x"), &envelope)
        .await;
    let error = sent.unwrap_err();
    assert_eq!(status_of(&error), (403, "link.other_institution"));
}

#[tokio::test]
async fn the_nodes_own_institution_reads_what_it_has_and_does_nothing_in_anothers_name() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    let all = || register(1, &[&n, &b], &[]);
    let nation = Nation::with(&n, all(), &hour).await;
    let client = nation.client(&[&n], all(), &hour);
    let own = self::nation();
    let name = "CQ260101160000113410000000000001A".parse().unwrap();
    let operator = client.acting_as(credential(name_of(own, "OP-1")), own);
    let read = operator.file_read(beijing(), &name).await.unwrap_err();
    assert_eq!(status_of(&read).0, 404, "it may, and there is none");
    // With Beijing's key, but over its own link.
    let client = client.acting_as(key_of(beijing()), own);
    let envelope = enveloped(beijing(), own, &name, b"x");
    let sent = client
        .file_send(beijing(), &name, &Digested::of(b"x"), &envelope)
        .await;
    let confirmed = client.file_confirm(beijing(), &name, [0; 32]).await;
    for error in [sent.map(drop), confirmed].map(Result::unwrap_err) {
        assert_eq!(status_of(&error), (403, "link.other_institution"));
    }
}

#[tokio::test]
async fn an_institution_calls_in_its_own_name_in_either_role() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    let all = || register(1, &[&n, &b], &[]);
    let nation = Nation::with(&n, all(), &hour).await;
    let client = nation.client(&[&b], all(), &hour);
    for role in [beijing(), beijing().as_acquirer()] {
        let answer = client.files_waiting(role).await;
        // Whether anything waits for it in that role is not a matter of links.
        let refused = answer.is_err_and(|error| error.code().starts_with("link."));
        assert!(!refused, "{role}");
    }
}

#[tokio::test]
async fn openssl_links_with_a_certificate_and_not_without() {
    if tool("openssl").is_none() {
        return;
    }
    // OpenSSL goes by the machine's clock, whatever it says.
    let ever = |of| Certificate::new(of, -T0.get(), 100 * YEAR_S);
    let (n, b, g) = (ever(nation()), ever(beijing()), ever(guangzhou()));
    let nation = Nation::with(&n, register(1, &[&n, &b], &[]), &Hour::default()).await;
    let scratch = Scratch::new("links");
    let file =
        |name: &str, certificate: &Certificate| scratch.write(name, certificate.pem.as_bytes());
    let trusted = file("nation.pem", &n);
    let (known, unknown) = (file("beijing.pem", &b), file("guangzhou.pem", &g));
    let address = nation.url.strip_prefix("https://").unwrap();
    let ask = async |version: &str, shown: Option<&str>| {
        let mut args = vec!["s_client", "-quiet", "-connect", address, version];
        args.extend(["-CAfile", &trusted, "-verify_ip", "127.0.0.1"]);
        args.push("-verify_return_error");
        if let Some(shown) = shown {
            args.extend(["-cert", shown, "-key", shown]);
        }
        let args: Vec<String> = args.into_iter().map(String::from).collect();
        let asked = tokio::task::spawn_blocking(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let request = b"GET /health HTTP/1.1\r\nHost: nation\r\nConnection: close\r\n\r\n";
            openssl(&args, request)
        });
        let answer = asked.await.unwrap().unwrap_or_default();
        String::from_utf8(answer).unwrap()
    };
    let answer = ask("-tls1_3", Some(&known)).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("00000000"), "{answer}");
    assert_eq!(ask("-tls1_3", None).await, "", "no certificate");
    assert_eq!(
        ask("-tls1_3", Some(&unknown)).await,
        "",
        "not in the register"
    );
    assert_eq!(ask("-tls1_2", Some(&known)).await, "", "TLS 1.2");
}

#[tokio::test]
async fn a_city_serves_callers_without_a_certificate_but_no_exchange() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    let city = Country::new().beijing(None).await;
    let all = || register(1, &[&n, &b], &[]);
    let link = Link::new(beijing(), vec![b.identity.clone()], all(), hour.clock());
    let url = serve_node(city.node.clone(), &link, Peers::Anyone).await;
    let terminal = Link::without_certificate(all(), hour.clock());
    let client = Client::linked(&url, &terminal, beijing()).at(T0);
    assert!(client.health().await.is_ok());
    let operator = client.acting_as(credential(name_of(beijing(), "OP-1")), beijing());
    assert!(operator.ledger_view().await.is_ok());
    // The nation's key is not enough without its link.
    let other = client.acting_as(key_of(nation()), beijing());
    let error = other.files_waiting(nation()).await.unwrap_err();
    assert_eq!(status_of(&error), (401, "link.no_certificate"));
}

#[tokio::test]
async fn who_is_suspended_is_refused_at_once_even_over_an_open_link() {
    let [n, b, g] = certificates();
    let hour = Hour::default();
    let all = |version, suspended: &[_]| register(version, &[&n, &b, &g], suspended);
    let nation = Nation::with(&n, all(1, &[]), &hour).await;
    let open = nation.client(&[&b], all(1, &[]), &hour);
    assert!(open.health().await.is_ok());
    let identities = vec![n.identity.clone()];
    nation
        .link
        .change(identities, all(2, &[beijing()]))
        .unwrap();
    let error = open.health().await.unwrap_err();
    assert_eq!(status_of(&error), (403, "link.refused"));
    // Its next connection is not made at all.
    let error = reason(&open.health().await.unwrap_err());
    assert!(error.contains("CertificateRevoked"), "{error}");
    let other = nation.client(&[&g], all(1, &[]), &hour);
    assert!(other.health().await.is_ok(), "the others go on");
}

#[tokio::test]
async fn nothing_is_sent_to_who_is_suspended() {
    let [n, b, _] = certificates();
    let hour = Hour::default();
    let all = |version, suspended: &[_]| register(version, &[&n, &b], suspended);
    let nation = Nation::with(&n, all(1, &[]), &hour).await;
    let (link, client) = nation.caller(&[&b], all(1, &[]), &hour);
    assert!(client.health().await.is_ok());
    let suspended = all(2, &[self::nation()]);
    link.change(vec![b.identity.clone()], suspended).unwrap();
    let error = reason(&client.health().await.unwrap_err());
    assert!(
        error.contains("institution 00000000 is suspended"),
        "{error}"
    );
}

#[tokio::test]
async fn certificates_change_under_load_and_no_request_fails() {
    let [n, b, _] = certificates();
    let old = Certificate::new(beijing(), 0, 2000);
    let next = Certificate::new(beijing(), 1000, YEAR_S);
    let nation_next = Certificate::new(nation(), 1000, YEAR_S);
    drop(b);
    let hour = Hour::default();
    let one = register(1, &[&n, &old], &[]);
    let two = register(2, &[&n, &nation_next, &old, &next], &[]);
    let nation = Nation::with(&n, one.clone(), &hour).await;
    let (link, client) = nation.caller(&[&old], one, &hour);

    let stop = Arc::new(AtomicI64::new(0));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut served = 0_u32;
                while stop.load(Ordering::Relaxed) == 0 {
                    client.files_waiting(beijing()).await.unwrap();
                    served += 1;
                }
                served
            })
        })
        .collect();
    // A request of each phase is answered, so every phase has seen traffic.
    let phase = || async { client.files_waiting(beijing()).await.unwrap() };
    phase().await;
    // The register tells the new certificates before anybody shows one.
    let identities = vec![n.identity.clone(), nation_next.identity.clone()];
    nation.link.change(identities, two.clone()).unwrap();
    let identities = vec![old.identity.clone(), next.identity.clone()];
    link.change(identities, two.clone()).unwrap();
    assert_eq!(link.shown(), Some(old.identity.fingerprint()));
    phase().await;
    hour.set(1500);
    assert_eq!(link.shown(), Some(next.identity.fingerprint()));
    assert_eq!(
        nation.link.shown(),
        Some(nation_next.identity.fingerprint())
    );
    phase().await;
    // The old one has ended; connections made with it are served once more and closed.
    hour.set(2500);
    phase().await;
    phase().await;
    stop.store(1, Ordering::Relaxed);
    for task in load {
        assert!(task.await.unwrap() > 0);
    }

    // Who shows the old one now is refused: its clock is late, so it still shows it.
    let late = Hour::default();
    let mut early = nation_next;
    early.from = T0;
    let behind = register(2, &[&early, &old], &[]);
    let behind = nation.client(&[&old], behind, &late);
    let error = reason(&behind.health().await.unwrap_err());
    assert!(error.contains("CertificateExpired"), "{error}");
}

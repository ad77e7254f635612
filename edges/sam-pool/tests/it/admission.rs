//! Strangers, listeners and repeaters before a pool; and modules that die in it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest};
use tongtu_sam_pool::{Credential, Pool, PoolPsam, Renewed};

use crate::bench::{Server, buy, chips, credential, modules};
use crate::http::{LONG_MS, PATIENT, lease, message};

/// A module that counts what it is asked.
struct Counted(Box<dyn Psam + Send>, Arc<AtomicU32>);

impl Psam for Counted {
    fn identity(&self) -> &PsamIdentity {
        self.0.identity()
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.ask(request)
    }
}

fn counted() -> (Server, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let module = Counted(modules(&chips(1)).remove(0), Arc::clone(&count));
    let server = Server::start(Pool::new(vec![Box::new(module)], LONG_MS, 1));
    (server, count)
}

#[test]
fn who_has_no_secret_of_the_pool_s_is_refused_before_a_module_is_asked() {
    let (server, count) = counted();
    let strangers = [
        Credential::new("gate-1", [0x48; 32]).unwrap(),
        Credential::new("gate-2", [0x47; 32]).unwrap(),
    ];
    for stranger in strangers {
        let fault = PoolPsam::lease(&server.url(), &stranger, None, PATIENT).unwrap_err();
        let what = "it does not admit this client, or not with this proof";
        assert_eq!(fault, PsamFault::Pool { what });
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    // And the module is still free.
    buy(&mut lease(&server.url()), 1).unwrap();
}

/// Passes everything on, remembers each request, and does to answers what `change` does.
fn line(
    server: &Server,
    change: impl Fn(&[u8], Vec<u8>) -> Vec<u8> + Send + 'static,
) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (to, hears) = (server.address(), Arc::clone(&heard));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut near = stream.unwrap();
            let mut far = TcpStream::connect(to).unwrap();
            while let Some(request) = message(&mut near) {
                hears.lock().unwrap().push(request.clone());
                far.write_all(&request).unwrap();
                let Some(answer) = message(&mut far) else {
                    break;
                };
                near.write_all(&change(&request, answer)).unwrap();
            }
        }
    });
    (url, heard)
}

#[test]
fn what_was_overheard_is_good_for_nothing_when_it_is_repeated() {
    let (server, count) = counted();
    let (url, heard) = line(&server, |_, answer| answer);
    let mut psam = lease(&url);
    buy(&mut psam, 1).unwrap();
    let asked = count.load(Ordering::SeqCst);
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 2 + usize::try_from(asked).unwrap());
    // All but the question for a challenge, which is anybody's.
    for request in &heard[1..] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request).unwrap();
        let answer = String::from_utf8(message(&mut stream).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(answer.contains("proof.replayed"), "{answer}");
    }
    assert_eq!(count.load(Ordering::SeqCst), asked);
    buy(&mut psam, 2).unwrap();
}

#[test]
fn a_request_that_was_changed_on_the_way_is_refused() {
    let (server, count) = counted();
    let (url, heard) = line(&server, |_, answer| answer);
    let mut psam = lease(&url);
    buy(&mut psam, 1).unwrap();
    let asked = count.load(Ordering::SeqCst);
    let last = heard.lock().unwrap().last().unwrap().clone();
    let text = String::from_utf8(last).unwrap();
    // As if it were the next one of the lease, with everything else as it was.
    let proof = text
        .lines()
        .find(|line| line.starts_with("tongtu-proof:"))
        .unwrap();
    let (_, mac) = proof.rsplit_once(' ').unwrap();
    for forged in [
        text.replace(proof, &format!("tongtu-proof: 9000 {mac}")),
        text.replace("\"number\":", "\"number\":1"),
    ] {
        let forged = forged.replace("connection", "x-connection");
        let body = forged.split_once("\r\n\r\n").unwrap().1.len();
        let forged: Vec<_> = forged
            .split("\r\n")
            .map(|line| match line.strip_prefix("content-length:") {
                Some(_) => format!("content-length: {body}"),
                None => line.to_owned(),
            })
            .collect();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(forged.join("\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8(message(&mut stream).unwrap()).unwrap();
        assert!(answer.contains("proof.refused"), "{answer}");
    }
    assert_eq!(count.load(Ordering::SeqCst), asked);
}

#[test]
fn nobody_on_the_way_answers_in_the_pool_s_name() {
    let (server, _) = counted();
    let (url, _) = line(&server, |request, answer| {
        let is_ask = request.windows(9).any(|part| part == b"/requests");
        if !is_ask {
            return answer;
        }
        let body = br#"{"said":"credited"}"#;
        let mut forged = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
        let text = String::from_utf8_lossy(&answer).into_owned();
        let proof = text.lines().find(|line| line.starts_with("tongtu-proof:"));
        forged += proof.unwrap();
        [forged.as_bytes(), b"\r\n\r\n", body].concat()
    });
    let mut psam = lease(&url);
    let what = "an answer that is not proved to be its own";
    assert_eq!(buy(&mut psam, 1), Err(PsamFault::Pool { what }));
}

/// A module that is gone, or worse.
struct Dead {
    identity: PsamIdentity,
    panics: bool,
}

impl Psam for Dead {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, _: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        assert!(!self.panics, "a module that panics");
        Err(PsamFault::Absent)
    }
}

#[test]
fn a_pool_with_a_dead_module_goes_on_with_the_others() {
    for panics in [false, true] {
        let mut modules = modules(&chips(2));
        let identity = *modules[0].identity();
        modules[0] = Box::new(Dead { identity, panics });
        let server = Server::start(Pool::new(modules, LONG_MS, 1));
        let prefer = Some(identity.serial);
        let lease = || PoolPsam::lease(&server.url(), &credential(), prefer, PATIENT).unwrap();
        let mut psam = lease();
        let expected = if panics {
            PsamFault::Pool { what: "it failed" }
        } else {
            PsamFault::Absent
        };
        assert_eq!(buy(&mut psam, 1), Err(expected));
        assert_eq!(psam.renew(), Ok(Renewed::Other));
        buy(&mut psam, 2).unwrap();
        psam.release();
        // It is left alone for a while, however much it is liked.
        let mut psam = lease();
        assert_ne!(psam.identity().serial, identity.serial);
        buy(&mut psam, 3).unwrap();
    }
}

#[test]
fn modules_are_shown_to_who_is_admitted_only() {
    let (server, _) = counted();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let request = b"GET /modules HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("proof.missing"),
        "{answer}"
    );
    assert!(!answer.contains("serial"), "{answer}");
}

//! The whole way over loopback HTTP.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tongtu_psam::{
    CreditRequest, LockRequest, Psam, PsamAnswer, PsamFault, PsamRequest, UpdateRequest,
};
use tongtu_sam_pool::{Pool, PoolPsam, Renewed, Timing};
use tongtu_testkit::tear::Chip;

use crate::bench::{Server, buy, chips, credential, modules, purchase};

/// Long enough for a machine that does many other things at the same time.
pub(crate) const PATIENT: Timing = Timing {
    attempt: Duration::from_secs(20),
    request: Duration::from_secs(40),
};

/// A lease of an hour: what ends it is the test.
pub(crate) const LONG_MS: u64 = 3_600_000;

pub(crate) fn lease(url: &str) -> PoolPsam {
    loop {
        match PoolPsam::lease(url, &credential(), None, PATIENT) {
            Ok(psam) => return psam,
            Err(PsamFault::Busy) => thread::yield_now(),
            Err(fault) => panic!("{fault}"),
        }
    }
}

#[test]
fn more_terminals_than_modules_buy_without_getting_in_each_other_s_way() {
    let server = Server::start(Pool::new(modules(&chips(2)), LONG_MS, 1));
    let url = server.url();
    let terminals: Vec<_> = (0..5_u16)
        .map(|terminal| {
            let url = url.clone();
            thread::spawn(move || {
                let mut given = Vec::new();
                for ride in 0..12 {
                    let mut psam = lease(&url);
                    let sequence = buy(&mut psam, terminal * 100 + ride).unwrap();
                    given.push((psam.identity().serial, sequence));
                    psam.release();
                }
                given
            })
        })
        .collect();
    let given: Vec<_> = terminals
        .into_iter()
        .flat_map(|terminal| terminal.join().unwrap())
        .collect();
    assert_eq!(given.len(), 60);
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!(distinct.len(), 60, "a terminal sequence was given twice");
}

#[test]
fn a_server_killed_midway_gives_no_sequence_twice() {
    const LIVES: u64 = 5;
    let mut chips = chips(2);
    let mut server = Server::start(Pool::new(modules(&chips), LONG_MS, 0));
    let url = server.url();
    let (said, hears) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let terminals: Vec<_> = (0..3_u16)
        .map(|terminal| {
            let (url, said, stopped) = (url.clone(), said.clone(), stop.clone());
            thread::spawn(move || {
                let mut psam = None;
                let mut ride = terminal * 1_000;
                while !stopped.load(Ordering::SeqCst) {
                    let Some(module) = &mut psam else {
                        // Nobody there, or everything in use: again.
                        psam = PoolPsam::lease(&url, &credential(), None, PATIENT).ok();
                        thread::yield_now();
                        continue;
                    };
                    ride += 1;
                    let request = PsamRequest::Purchase(purchase(ride));
                    match module.ask(&request) {
                        Ok(PsamAnswer::Permit {
                            terminal_sequence, ..
                        }) => {
                            let _ = said.send((module.identity().serial, terminal_sequence));
                        }
                        Ok(other) => panic!("{other:?}"),
                        Err(PsamFault::LeaseLost | PsamFault::Absent | PsamFault::Pool { .. }) => {
                            psam = None;
                        }
                        Err(fault) => panic!("{fault}"),
                    }
                    if ride % 7 == 0
                        && let Some(psam) = psam.take()
                    {
                        psam.release();
                    }
                }
            })
        })
        .collect();
    let mut given = BTreeSet::new();
    let mut hear = |count: usize| {
        for _ in 0..count {
            let one = hears.recv_timeout(Duration::from_secs(60)).unwrap();
            assert!(given.insert(one), "{one:?} was given twice");
        }
    };
    for life in 1..LIVES {
        hear(40);
        let door = server.kill();
        // What it answered was written; the new process reads what is there.
        chips = chips.iter().map(Chip::copy).collect();
        server = Server::start_at(door, Pool::new(modules(&chips), LONG_MS, life));
    }
    hear(40);
    stop.store(true, Ordering::SeqCst);
    for terminal in terminals {
        terminal.join().unwrap();
    }
    drop(said);
    for one in hears {
        assert!(given.insert(one), "{one:?} was given twice");
    }
    assert!(given.len() >= 200);
}

#[test]
fn a_restarted_pool_knows_no_lease_of_before_and_lends_the_same_module_again() {
    let chips = chips(2);
    let server = Server::start(Pool::new(modules(&chips), LONG_MS, 1));
    let mut psam = lease(&server.url());
    let first = buy(&mut psam, 1).unwrap();
    let door = server.kill();
    let chips: Vec<_> = chips.iter().map(Chip::copy).collect();
    let _server = Server::start_at(door, Pool::new(modules(&chips), LONG_MS, 2));
    assert_eq!(buy(&mut psam, 2), Err(PsamFault::LeaseLost));
    assert_eq!(psam.renew(), Ok(Renewed::Same));
    assert!(buy(&mut psam, 3).unwrap() > first);
}

#[test]
fn a_module_set_back_behind_a_pool_is_found_out_and_not_used() {
    let chips = chips(1);
    let old: Vec<_> = chips.iter().map(Chip::copy).collect();
    let server = Server::start(Pool::new(modules(&chips), LONG_MS, 1));
    let mut psam = lease(&server.url());
    assert_eq!((buy(&mut psam, 1), buy(&mut psam, 2)), (Ok(1), Ok(2)));
    let door = server.kill();
    let _server = Server::start_at(door, Pool::new(modules(&old), LONG_MS, 2));
    assert_eq!(buy(&mut psam, 3), Err(PsamFault::LeaseLost));
    assert_eq!(psam.renew(), Ok(Renewed::Same));
    let fault = PsamFault::Sequence { found: 1, last: 2 };
    for ride in 4..8 {
        assert_eq!(buy(&mut psam, ride), Err(fault.clone()));
    }
}

/// One whole HTTP message with a length; none when the peer left.
pub(crate) fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.extend(byte);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    bytes.extend(body);
    Some(bytes)
}

/// Passes connections on; of the first request it swallows the answer.
fn swallowing(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, to) = (listener.local_addr().unwrap(), server.address());
    thread::spawn(move || {
        let mut swallowed = false;
        for stream in listener.incoming() {
            let mut near = stream.unwrap();
            let mut far = TcpStream::connect(to).unwrap();
            while let Some(request) = message(&mut near) {
                far.write_all(&request).unwrap();
                let Some(answer) = message(&mut far) else {
                    break;
                };
                let is_ask = request.windows(9).any(|part| part == b"/requests");
                if is_ask && !std::mem::replace(&mut swallowed, true) {
                    break;
                }
                near.write_all(&answer).unwrap();
            }
            let _ = near.shutdown(Shutdown::Both);
        }
    });
    format!("http://{address}")
}

#[test]
fn an_answer_lost_on_the_way_is_asked_for_again_and_spends_nothing() {
    let server = Server::start(Pool::new(modules(&chips(1)), LONG_MS, 1));
    let mut psam = lease(&swallowing(&server));
    assert_eq!(buy(&mut psam, 1), Ok(1), "the first sequence, once");
    assert_eq!(buy(&mut psam, 2), Ok(2));
}

#[test]
fn a_pool_that_does_not_answer_is_a_timeout_and_one_that_is_not_there_is_absent() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let hasty = Timing {
        attempt: Duration::from_millis(40),
        request: Duration::from_millis(60),
    };
    let fault = PoolPsam::lease(&url, &credential(), None, hasty).unwrap_err();
    assert!(matches!(fault, PsamFault::Timeout { .. }), "{fault}");
    drop(silent);
    let fault = PoolPsam::lease(&url, &credential(), None, hasty).unwrap_err();
    assert_eq!(fault, PsamFault::Absent);
}

#[test]
fn what_a_module_says_comes_through_as_it_was_said() {
    let server = Server::start(Pool::new(modules(&chips(1)), LONG_MS, 1));
    let mut remote = lease(&server.url());
    let mut direct = modules(&chips(1)).remove(0);
    assert_eq!(remote.identity(), direct.identity());
    let base = purchase(1);
    let (card, issuer, challenge) = (base.card, base.issuer, [1, 2, 3, 4]);
    let mut late = base;
    late.at.0[0] = 0x21;
    let mut strange = base;
    strange.kind.0 = 2;
    let credit = |terminal_sequence| {
        PsamRequest::Credit(CreditRequest {
            terminal_sequence,
            mac2: [0; 4],
        })
    };
    let lock = |algorithm| {
        PsamRequest::Lock(LockRequest {
            card,
            issuer,
            challenge,
            head: [0x84, 0x1E, 0, 0, 4],
            algorithm,
        })
    };
    for request in [
        PsamRequest::Purchase(base),
        credit(9),
        credit(1),
        credit(1),
        PsamRequest::Purchase(late),
        PsamRequest::Purchase(strange),
        PsamRequest::Purchase(tongtu_psam::PurchaseRequest {
            key_version: 7,
            ..base
        }),
        lock(0),
        lock(4),
        lock(9),
        PsamRequest::UpdateMac(UpdateRequest {
            card,
            issuer,
            challenge,
            head: [0x04, 0xDC, 2, 0xD4, 0x84],
            data: vec![0x27; 128],
            algorithm: 4,
        }),
    ] {
        assert_eq!(remote.ask(&request), direct.ask(&request), "{request:?}");
    }
}

#[test]
fn without_a_proof_nobody_gets_further_than_a_challenge() {
    let server = Server::start(Pool::new(modules(&chips(1)), LONG_MS, 1));
    let say = |head: &str, body: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_whitespace().nth(1).unwrap_or("").to_owned()
    };
    let lease = "0000000000000001000000000000ffff";
    let ask = format!("POST /leases/{lease}/requests");
    let credit =
        r#"{"number":1,"request":{"ask":"credit","terminal_sequence":1,"mac2":"00000000"}}"#;
    for (head, body, status) in [
        ("POST /challenges", "", "200"),
        ("GET /modules", "", "401"),
        ("POST /leases", "{}", "401"),
        ("POST /leases", "{", "401"),
        (&ask, credit, "401"),
        (&ask, &"x".repeat(5_000), "413"),
        ("DELETE /leases/nothing", "", "401"),
        ("GET /nowhere", "", "404"),
    ] {
        assert_eq!(say(head, body), status, "{head} {body}");
    }
}

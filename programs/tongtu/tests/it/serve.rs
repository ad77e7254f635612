//! `tongtu serve`: what it says when it cannot start.

use std::net::TcpListener;

use crate::run::{folder, tongtu_in};

#[test]
fn a_taken_port_is_named_once_with_its_cause_and_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["serve", "--dir", "country", "--port", &port];
    let ran = tongtu_in(&folder("serve-taken"), &args, b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    let error = ran.err.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap();
    let cause = error.strip_prefix(&format!("error: cannot listen: {address}: "));
    // The words are the system's.
    assert!(cause.is_some_and(|cause| !cause.is_empty()), "{error}");
    assert_eq!(error.matches(&address).count(), 1, "{error}");
    assert!(
        ran.err.contains("hint: another program listens there"),
        "{}",
        ran.err
    );
}

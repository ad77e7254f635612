//! What a signed request costs its caller and its node, on one core, beside what it carries.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use tongtu_callers::{Caller, CallerKey, CallerName, Gate, LockRules, Rates, Role};
use tongtu_crypto::SecretKey;
use tongtu_envelope::{CallerNumber, Draft, Envelope, Kind, content_digest, request_digest};
use tongtu_types::{InstitutionCode, Timestamp};

use super::{Figure, figure};

/// Requests of one measurement.
const REQUESTS: usize = 2_000;
/// 2026-03-02 10:00 China time.
const NOW: Timestamp = Timestamp::new(1_772_416_800);
const LIFE: [u8; 8] = [7; 8];
const TARGET: &str = "/acquirer/terminals/100000000001/records";

pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let mut key = SecretKey::from_bytes(&[5; 32]).expect("a small number is a key");
    let public = key.public().clone();
    let own = InstitutionCode::parse("01341000").expect("eight digits");
    let name = CallerName {
        institution: own,
        number: CallerNumber::parse("100000000001").expect("digits"),
    };
    let caller = Caller {
        name,
        role: Role::Terminal,
        accounts: Vec::new(),
        from: NOW,
        until: None,
        is_disabled: false,
        keys: vec![CallerKey {
            number: 1,
            public,
            from: NOW,
            until: None,
        }],
    };
    // As long as an upload of ten records.
    let body = vec![b'x'; 10_000];
    let seal = |number: usize, key: &mut SecretKey| {
        let mut message = [0; 16];
        message[8..].copy_from_slice(&u64::try_from(number).unwrap_or(0).to_be_bytes());
        let draft = Draft {
            kind: Kind::Request,
            sender: own,
            caller: name.number,
            receiver: own,
            key: 1,
            made_at: NOW,
            life: LIFE,
            message,
            digest: request_digest("POST", TARGET, &content_digest(&body)),
        };
        let sealed = draft.seal(key).expect("a key in the process signs");
        sealed.encode().expect("an instant after 1970")
    };
    let sealed: Vec<Vec<u8>> = (0..REQUESTS).map(|number| seal(number, &mut key)).collect();
    let signed = figure("requests signed", "请求签名", runs, REQUESTS, || {
        for number in 0..REQUESTS {
            black_box(seal(number, &mut key));
        }
    });
    let proved = figure("requests proved", "请求核验", runs, REQUESTS, || {
        let mut gate = Gate::new(own, LIFE, Rates::UNLIMITED, LockRules::default());
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for bytes in &sealed {
            let envelope = Envelope::read(bytes, Kind::Request).expect("made above");
            let arrived = gate.arrive(source, &envelope, NOW, 0);
            arrived.expect("for this node and life");
            let key = caller.key(envelope.key, NOW).expect("a key that holds");
            envelope.verify(&key.public).expect("signed above");
            gate.proved(source, &caller, 0).expect("below any rate");
            let digest = request_digest("POST", TARGET, &content_digest(black_box(&body)));
            envelope.covers(&digest).expect("around this request");
            gate.admit(&envelope, NOW).expect("taken once");
        }
    });
    Vec::from([signed, proved])
}

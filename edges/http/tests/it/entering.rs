//! Nobody is served unproved: the whole table, with every kind of credential that is none.

use std::collections::BTreeSet;

use tongtu_api::{ApiError, LIFE_HEADER, path};
use tongtu_audit::AuditLine;
use tongtu_callers::{
    CallerName, LockRules, Rate, Rates, Role, Rule, Subject, TABLE, rotation_message,
};
use tongtu_crypto::PublicKey;
use tongtu_crypto::sm3::Digested;
use tongtu_envelope::{Envelope, Kind, file_digest};
use tongtu_http::client::Client;
use tongtu_http::server::{Entrance, router, serve};
use tongtu_http::{Clock, Credential};
use tongtu_services::{ASKED_S, ActVerifier, CallerAct, ProvedRequest};
use tongtu_types::Timestamp;

use crate::country::{
    Country, Served, T0, Terminal, admit, after, asked_by, beijing, caller, callers, credential,
    credential_by, day0, entrance, guangzhou, key, name, nation, status_of,
};
use crate::raw::{Raw, life, whoever_may};

#[test]
fn every_route_stands_in_the_table() {
    let table: BTreeSet<_> = TABLE
        .iter()
        .map(|rule| (rule.method, rule.pattern))
        .collect();
    let routes: BTreeSet<_> = path::ROUTES.iter().copied().collect();
    assert_eq!(table, routes);
}

/// A request of this route that whoever may make it is admitted with.
fn request_of(rule: &Rule) -> Raw {
    let at = rule
        .pattern
        .replace("{account}", "3104100000000000017")
        .replace("{card}", "3104100000000000017")
        .replace("{terminal}", "100000000001")
        .replace("{name}", "CQ260101160000113410000000000001A")
        .replace("{day}", "2026-01-01")
        .replace("{caller}", "01341000.OP-1")
        .replace("{paper}", "register");
    let at = match rule.subject {
        Subject::Query(member) => format!("{at}?{member}=00000000"),
        _ => at,
    };
    let mut request = Raw::new(rule.method, &at);
    match rule.subject {
        Subject::Body(member) => {
            request = request.json(&format!(r#"{{"{member}":"00000000"}}"#));
        }
        Subject::Sender => request.headers.push(("tongtu-sender", "00000000".into())),
        _ => {}
    }
    request
}

async fn answer(request: &Raw, served: &Served, envelope: Option<&str>) -> (u16, String) {
    let response = request.send(served, envelope).await;
    let status = response.status().as_u16();
    assert!(response.headers().contains_key(LIFE_HEADER));
    let bytes = response.bytes().await.unwrap();
    let code = serde_json::from_slice(&bytes).map(|error: ApiError| error.code);
    (status, code.unwrap_or_default())
}

fn refused() -> (u16, String) {
    (401, "envelope.refused".into())
}

#[tokio::test]
async fn no_route_serves_whoever_does_not_prove_himself() {
    let city = Country::new().beijing(None).await;
    let own = beijing();
    let stranger = credential(name(own, "NOBODY"));
    let thief = credential_by(name(own, "OP-1"), 1, key("guessed"));
    let old_key = credential_by(name(own, "OP-1"), 7, key(&name(own, "OP-1").to_string()));
    let mut ended = caller(name(own, "ENDED"), Role::Operator, &[]);
    ended.until = Some(T0);
    let mut early = caller(name(own, "EARLY"), Role::Operator, &[]);
    early.from = T0.plus_s(1);
    let off = caller(name(own, "OFF"), Role::Operator, &[]);
    for caller in [&ended, &early, &off] {
        admit(&city.node, caller).await;
    }
    let request = asked_by(name(own, "KM-1"));
    let disabled = city.node.caller_disable(off.name, true, &request, T0);
    disabled.await.unwrap();
    let gone = [&ended, &early, &off].map(|caller| credential(caller.name));

    for rule in TABLE.iter().filter(|rule| !rule.is_open()) {
        let request = request_of(rule);
        let row = format!("{} {}", rule.method, request.target);
        for none in [
            None,
            Some(""),
            Some("zz"),
            Some("00"),
            Some(&*"ab".repeat(158)),
        ] {
            assert_eq!(answer(&request, &city, none).await, refused(), "{row}");
        }
        for who in [&stranger, &thief, &old_key].into_iter().chain(&gone) {
            let envelope = request.signed(&city, who).await;
            let found = answer(&request, &city, Some(&envelope)).await;
            assert_eq!(found, refused(), "{row} {who:?}");
        }
        let who = whoever_may(&city, rule.method, rule.pattern, &request.target).await;
        let who = who.unwrap();
        let life = life(&city.url).await;
        // Signed by the right one for another node.
        let foreign = request.sealed(&who, guangzhou(), life, T0);
        assert_eq!(
            answer(&request, &city, Some(&foreign)).await,
            refused(),
            "{row}"
        );
        // For another life of this one.
        let before = request.sealed(&who, own, [0xEE; 8], T0);
        let found = answer(&request, &city, Some(&before)).await;
        assert_eq!(found, (401, "envelope.life".into()), "{row}");
        // Too old, too new.
        for away_s in [-301, 301] {
            let stale = request.sealed(&who, own, life, T0.plus_s(away_s));
            let found = answer(&request, &city, Some(&stale)).await;
            assert_eq!(found, (401, "envelope.stale".into()), "{row}");
        }
        // Around another request.
        let envelope = request.signed(&city, &who).await;
        let mut tampered = request.clone();
        tampered.body.push(b' ');
        assert_eq!(
            answer(&tampered, &city, Some(&envelope)).await,
            refused(),
            "{row}"
        );
        let mut tampered = request.clone();
        let mark = if request.target.contains('?') {
            '&'
        } else {
            '?'
        };
        tampered.target.push(mark);
        tampered.target.push_str("x=1");
        assert_eq!(
            answer(&tampered, &city, Some(&envelope)).await,
            refused(),
            "{row}"
        );
        // The very envelope is good once: what was tampered with did not use it up.
        let (status, code) = answer(&request, &city, Some(&envelope)).await;
        let is_in = !["envelope", "caller."]
            .iter()
            .any(|area| code.starts_with(area));
        assert!(is_in, "{row}: {status} {code}");
        let again = answer(&request, &city, Some(&envelope)).await;
        assert_eq!(again, (409, "envelope.replayed".into()), "{row}");
    }
}

#[tokio::test]
async fn no_role_gets_more_than_the_table_says() {
    let city = Country::new().beijing(None).await;
    let mut known = callers(beijing());
    let terminal = caller(name(beijing(), "100000000009"), Role::Terminal, &[]);
    admit(&city.node, &terminal).await;
    known.push(terminal);
    for rule in TABLE.iter().filter(|rule| !rule.is_open()) {
        let request = request_of(rule);
        for caller in &known {
            let may = rule.who.iter().any(|(role, _)| *role == caller.role);
            if may {
                continue;
            }
            let envelope = request.signed(&city, &credential(caller.name)).await;
            let found = answer(&request, &city, Some(&envelope)).await;
            let row = format!("{} {} {}", caller.role, rule.method, rule.pattern);
            assert_eq!(found, (403, "caller.not_allowed".into()), "{row}");
        }
    }
}

#[tokio::test]
async fn a_head_request_is_no_get_in_disguise() {
    let city = Country::new().beijing(None).await;
    let response = Raw::new("HEAD", path::AUDIT_LEDGER).send(&city, None).await;
    assert_eq!(response.status(), 405);
}

#[tokio::test]
async fn whoever_has_its_own_has_nobody_elses() {
    let city = Country::new().beijing(None).await;
    let one = Terminal::registered("100000000001", &city).await;
    let other = Terminal::registered("100000000002", &city).await;
    let not_allowed = (403, "caller.not_allowed");
    let uplink = city.terminal(one.number);
    let error = uplink.records_upload(other.number, &[]).await.unwrap_err();
    assert_eq!(status_of(&error), not_allowed);
    assert_eq!(uplink.records_upload(one.number, &[]).await.unwrap(), []);

    let error = city.neighbour(nation()).files_waiting(guangzhou()).await;
    assert_eq!(status_of(&error.unwrap_err()), not_allowed);

    let partner = city.called("APP");
    let (inside, outside) = ("3104100000000000017", "3105100000000000017");
    let user = key("user");
    for (account, may) in [(inside, true), (outside, false)] {
        let account = account.parse().unwrap();
        let opened = partner.account_open(account, user.public()).await;
        let paid = partner
            .account_recharge(account, "r1", tongtu_types::Fen::new(100))
            .await;
        for done in [opened, paid] {
            match done {
                Ok(_) => assert!(may),
                Err(error) => {
                    assert!(!may, "{error}");
                    assert_eq!(status_of(&error), not_allowed);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_disabled_terminal_uploads_nothing_until_it_is_allowed_again() {
    let city = Country::new().beijing(None).await;
    let one = Terminal::registered("100000000001", &city).await;
    let (officer, uplink) = (city.called("KM-1"), city.terminal(one.number));
    let name = name(beijing(), "100000000001");
    officer.caller_disable(name, true).await.unwrap();
    let error = uplink.records_upload(one.number, &[]).await.unwrap_err();
    assert_eq!(status_of(&error), (401, "envelope.refused"));
    officer.caller_disable(name, false).await.unwrap();
    assert_eq!(uplink.records_upload(one.number, &[]).await.unwrap(), []);
}

/// Admits a caller as two officers do.
async fn admitted(city: &Served, name: CallerName, role: Role, key: &PublicKey) {
    for (officer, awaits) in [
        ("KM-1", true),
        ("KM-1", true),
        ("KM-2", false),
        ("KM-1", false),
    ] {
        let officer = city.called(officer);
        let asked = officer.caller_admit(name, role, key, &[]);
        assert_eq!(asked.await.unwrap(), awaits);
    }
}

#[tokio::test]
async fn whoever_moves_money_is_admitted_by_two_officers_and_a_terminal_by_one() {
    let city = Country::new().beijing(None).await;
    let (one, two) = (city.called("KM-1"), city.called("KM-2"));
    let (clerk, terminal) = (name(beijing(), "C-9"), name(beijing(), "100000000001"));
    let key = credential(clerk);
    let role = Role::Terminal;
    assert!(
        !one.caller_admit(terminal, role, key.public(), &[])
            .await
            .unwrap()
    );
    let account = "3104100000000000017".parse().unwrap();
    let status = async || {
        let error = city.by(credential(clerk)).account_view(account).await;
        status_of(&error.unwrap_err()).0
    };
    assert!(
        one.caller_admit(clerk, Role::Clerk, key.public(), &[])
            .await
            .unwrap()
    );
    // Another key or another role is another act, and so is the same a week later.
    let other = credential(terminal);
    assert!(
        two.caller_admit(clerk, Role::Clerk, other.public(), &[])
            .await
            .unwrap()
    );
    assert!(
        two.caller_admit(clerk, Role::Operator, key.public(), &[])
            .await
            .unwrap()
    );
    let late = two.at(T0.plus_s(ASKED_S + 1));
    assert!(
        late.caller_admit(clerk, Role::Clerk, key.public(), &[])
            .await
            .unwrap()
    );
    assert_eq!(status().await, 401);
    let waiting = one.callers_view().await.unwrap().awaiting;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0].asked_by, "01341000.KM-2");
    let late = one.at(T0.plus_s(ASKED_S + 1));
    assert!(
        !late
            .caller_admit(clerk, Role::Clerk, key.public(), &[])
            .await
            .unwrap()
    );
    let later = city.by(credential(clerk)).at(T0.plus_s(ASKED_S + 1));
    let error = later.account_view(account).await.unwrap_err();
    assert_eq!(status_of(&error).0, 404);
}

#[tokio::test]
async fn one_officer_disables_and_two_allow_again() {
    let city = Country::new().beijing(None).await;
    let (one, two) = (city.called("KM-1"), city.called("KM-2"));
    let clerk = name(beijing(), "C-1");
    assert!(!one.caller_disable(clerk, true).await.unwrap());
    assert!(one.caller_disable(clerk, false).await.unwrap());
    assert!(one.caller_disable(clerk, false).await.unwrap());
    let account = "3104100000000000017".parse().unwrap();
    let error = city.called("C-1").account_view(account).await.unwrap_err();
    assert_eq!(status_of(&error).0, 401);
    assert!(!two.caller_disable(clerk, false).await.unwrap());
    let error = city.called("C-1").account_view(account).await.unwrap_err();
    assert_eq!(status_of(&error).0, 404);
}

#[tokio::test]
async fn an_officer_announces_no_key_for_somebody_else_alone() {
    let city = Country::new().beijing(None).await;
    let (one, two) = (city.called("KM-1"), city.called("KM-2"));
    let clerk = name(beijing(), "C-1");
    let new = key("new");
    let proof = new.sign(&rotation_message(clerk, 2, new.public()));
    let asked = one.caller_rotate(clerk, new.public(), &proof, 0).await;
    assert_eq!(asked.unwrap(), None);
    let asked = two.caller_rotate(clerk, new.public(), &proof, 60).await;
    assert_eq!(asked.unwrap(), None, "another overlap is another act");
    let asked = two.caller_rotate(clerk, new.public(), &proof, 0).await;
    assert_eq!(asked.unwrap(), Some(2));
}

#[tokio::test]
async fn what_was_done_with_callers_is_a_chain_of_signed_requests() {
    let city = Country::new().beijing(None).await;
    let clerk = name(beijing(), "C-9");
    admitted(&city, clerk, Role::Clerk, key("x").public()).await;
    let settings = callers(beijing()).len();
    let acts = city.node.caller_acts(0, 100).await.unwrap();
    let verify = |acts: &[CallerAct]| {
        let mut verifier = ActVerifier::default();
        let lines = acts.iter().map(|act| verifier.follow(act));
        lines.collect::<Result<Vec<_>, _>>()
    };
    let lines = verify(&acts).unwrap();
    let said = |line: &AuditLine| format!("{} {}", line.actor, line.deed);
    let said: Vec<_> = lines[settings..].iter().map(said).collect();
    // Asked twice is asked twice; what is there already leaves no line.
    assert_eq!(
        said,
        ["KM-1 caller.ask", "KM-1 caller.ask", "KM-2 caller.admit"]
    );
    assert_eq!(
        city.called("AU-1").caller_acts().await.unwrap().len(),
        acts.len()
    );

    // Whatever is changed in one is found there.
    let last = settings + 2;
    let request = |change: &dyn Fn(&mut ProvedRequest)| {
        let mut acts = acts.clone();
        change(acts[last].request.as_mut().unwrap());
        verify(&acts).unwrap_err().to_string()
    };
    let number = format!("line {}: ", last + 1);
    for (fault, expected) in [
        (request(&|r| r.content[5] ^= 1), "another request"),
        (request(&|r| r.target.push('x')), "another request"),
        (request(&|r| r.method = "PUT".into()), "another request"),
        (
            request(&|r| r.key = key("y").public().clone()),
            "does not verify",
        ),
        (
            request(&|r| r.envelope.signature[9] ^= 1),
            "another envelope",
        ),
        (request(&|r| r.envelope.message[0] ^= 1), "another envelope"),
    ] {
        assert!(
            fault.starts_with(&number) && fault.contains(expected),
            "{fault}"
        );
    }
    let mut without = acts.clone();
    without[last].request = None;
    let fault = verify(&without).unwrap_err().to_string();
    assert!(fault.contains("its request is missing"), "{fault}");
    for at in 0..acts[last].line.len() {
        let mut acts = acts.clone();
        acts[last].line[at] ^= 1;
        verify(&acts).unwrap_err();
    }
    let mut gone = acts.clone();
    gone.remove(settings);
    verify(&gone).unwrap_err();
}

#[tokio::test]
async fn nobody_edits_himself_into_a_node_after_its_first_start() {
    let city = Country::new().beijing(None).await;
    let officer = caller(name(beijing(), "KM-9"), Role::Officer, &[]);
    let terminal = caller(name(beijing(), "100000000001"), Role::Terminal, &[]);
    let late = [officer.clone(), terminal.clone()];
    let refused = city.node.callers_enter(&late, T0).await.unwrap();
    assert_eq!(refused, [officer.name]);
    assert_eq!(city.node.caller(officer.name).await.unwrap(), None);
    assert!(city.node.caller(terminal.name).await.unwrap().is_some());
}

#[tokio::test]
async fn a_caller_renews_its_key_and_the_old_one_holds_for_the_overlap() {
    let city = Country::new().beijing(None).await;
    let officer = city.called("KM-1");
    let name = name(beijing(), "C-9");
    let old = credential(name);
    let role = Role::Clerk;
    admitted(&city, name, role, old.public()).await;
    let other = key("x");
    let error = officer.caller_admit(name, role, other.public(), &[]);
    assert_eq!(
        status_of(&error.await.unwrap_err()),
        (409, "callers.differs")
    );

    let new = key("new");
    let clerk = city.by(old.clone());
    let unsigned = new.sign(b"something else");
    let error = clerk.caller_rotate(name, new.public(), &unsigned, 60).await;
    assert_eq!(status_of(&error.unwrap_err()), (422, "callers.proof"));
    let proof = new.sign(&rotation_message(name, 2, new.public()));
    for _ in 0..2 {
        let rotated = clerk.caller_rotate(name, new.public(), &proof, 60).await;
        assert_eq!(rotated.unwrap(), Some(2));
    }
    let renewed = city.by(credential_by(name, 2, key("new")));
    let account = "3104100000000000017".parse().unwrap();
    for (after_s, old_holds) in [(0, true), (59, true), (60, false)] {
        let now = T0.plus_s(after_s);
        let error = clerk.at(now).account_view(account).await.unwrap_err();
        assert_eq!(status_of(&error).0 == 404, old_holds, "{after_s}: {error}");
        let error = renewed.at(now).account_view(account).await.unwrap_err();
        assert_eq!(status_of(&error).0, 404, "{after_s}: {error}");
    }
    let seen = officer.callers_view().await.unwrap().callers;
    let seen = seen.iter().find(|caller| caller.caller == name.to_string());
    let ends: Vec<_> = seen.unwrap().keys.iter().map(|key| key.until_s).collect();
    assert_eq!(ends, [Some(T0.plus_s(60).get()), None]);
}

/// The same node behind another way in.
async fn reopened(city: &Served, entrance: Entrance) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(city.node.clone(), Clock::Simulated, None, &entrance);
    tokio::spawn(serve(listener, routes, std::future::pending()));
    url
}

fn operator() -> Credential {
    credential(name(beijing(), "OP-1"))
}

#[tokio::test]
async fn what_was_taken_before_a_restart_is_not_taken_after_it() {
    let city = Country::new().beijing(None).await;
    let request = Raw::new("GET", path::AUDIT_LEDGER);
    // From a clock that is ahead as far as may be: its age alone would let it in for long.
    let ahead = T0.plus_s(300);
    let envelope = request.sealed(&operator(), beijing(), life(&city.url).await, ahead);
    assert_eq!(answer(&request, &city, Some(&envelope)).await.0, 200);
    let url = reopened(&city, entrance(beijing())).await;
    let response = request.send_to(&url, Some(&envelope)).await;
    assert_eq!(response.status(), 401);
    let error: ApiError = response.json().await.unwrap();
    assert_eq!(error.code, "envelope.life");
}

#[tokio::test]
async fn a_client_whose_clock_is_wrong_hears_the_nodes_and_signs_again() {
    let city = Country::new().beijing(None).await;
    let url = reopened(&city, entrance(beijing())).await;
    // The node's clock is simulated: the header says one time and the envelope another.
    let request = Raw::new("GET", path::AUDIT_LEDGER);
    let long_ago = Timestamp::new(946_684_800);
    let envelope = request.sealed(&operator(), beijing(), life(&url).await, long_ago);
    let response = request.send_to(&url, Some(&envelope)).await;
    assert_eq!(response.status(), 401);
    let told = response.headers()["tongtu-time"].to_str().unwrap();
    assert_eq!(told, T0.get().to_string());
}

#[tokio::test]
async fn proofs_that_fail_lock_their_source_for_that_name_only() {
    let city = Country::new().beijing(None).await;
    let request = Raw::new("GET", path::AUDIT_LEDGER);
    let locking = Entrance {
        // However slow this test is.
        locks: LockRules {
            first_ms: 900_000,
            look_ms: u64::MAX,
            ..LockRules::default()
        },
        ..entrance(beijing())
    };
    let url = reopened(&city, locking).await;
    let thief = credential_by(name(beijing(), "OP-1"), 1, key("guessed"));
    let present = life(&url).await;
    let mut last = None;
    for _ in 0..6 {
        let envelope = request.sealed(&thief, beijing(), present, T0);
        last = Some(request.send_to(&url, Some(&envelope)).await);
    }
    let locked = last.unwrap();
    assert_eq!(locked.status(), 429);
    let wait = locked.headers()["retry-after"].to_str().unwrap();
    assert!(wait.parse::<u32>().unwrap() >= 1);
    let error: ApiError = locked.json().await.unwrap();
    assert_eq!(error.code, "caller.locked");
    // In another name from the same source nothing is locked.
    let auditor = credential(name(beijing(), "AU-1"));
    let envelope = request.sealed(&auditor, beijing(), present, T0);
    let response = request.send_to(&url, Some(&envelope)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_caller_above_its_rate_is_told_when_to_come_again() {
    let city = Country::new().beijing(None).await;
    // Never refilled, however slow this test is.
    let rate = Rate { per_s: 0, burst: 2 };
    let entrance = Entrance {
        rates: Rates {
            operator: rate,
            ..Rates::UNLIMITED
        },
        ..entrance(beijing())
    };
    let url = reopened(&city, entrance).await;
    let client = Client::new(&url).at(T0).acting_as(operator(), beijing());
    let all = tokio::join!(
        client.ledger_view(),
        client.ledger_view(),
        client.ledger_view(),
        client.ledger_view(),
    );
    let all = [all.0, all.1, all.2, all.3];
    let over: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert_eq!(over.len(), 2);
    for error in over {
        assert_eq!(status_of(&error), (429, "caller.rate"));
        assert!(error.retryable());
    }
}

#[tokio::test]
async fn every_file_that_moved_has_its_senders_signature_on_both_sides() {
    let country = Country::new();
    let nation_node = country.nation().await;
    let city = country.beijing(Some(&nation_node.url)).await;
    let terminal = Terminal::registered("100000000001", &city).await;
    let ride = terminal.ride(&country.rider_from_guangzhou(T0), T0, 1);
    let uplink = city.terminal(terminal.number);
    uplink
        .records_upload(terminal.number, &[ride])
        .await
        .unwrap();
    let late = after(day0());
    let (below, above) = (city.client.at(late), nation_node.client.at(late));
    below.day_close(day0()).await.unwrap();
    assert_eq!(below.pump().await.unwrap().problems, []);
    above.day_close(day0()).await.unwrap();
    above.day_settle(day0()).await.unwrap();
    let report = below.pump().await.unwrap();
    assert_eq!(report.problems, []);

    let moved = 1 + report.fetched;
    let mut kept = Vec::new();
    for client in [&below, &above] {
        let envelopes = client.file_envelopes().await.unwrap();
        assert_eq!(envelopes.len() as u64, moved);
        for one in &envelopes {
            let envelope = Envelope::read(&one.envelope.0, Kind::File).unwrap();
            let content = one.content.0.as_slice().try_into().unwrap();
            assert_eq!(envelope.covers(&file_digest(&one.name, &content)), Ok(()));
            let signer = key(&name(envelope.sender, "node").to_string());
            assert_eq!(one.public_key.0, signer.public().to_compressed());
            assert_eq!(envelope.verify(signer.public()), Ok(()));
        }
        kept.push(envelopes);
    }
    // The very same ones, whoever is asked.
    let bytes = |side: &[tongtu_api::FileEnvelopeView]| {
        let bytes = side.iter().map(|one| one.envelope.clone().0);
        bytes.collect::<BTreeSet<_>>()
    };
    assert_eq!(bytes(&kept[0]), bytes(&kept[1]));
}

#[tokio::test]
async fn a_file_without_its_senders_own_envelope_is_not_taken() {
    let nation_node = Country::new().nation().await;
    let file = "CQ260101160000113410000000000001A".parse().unwrap();
    let below = nation_node.neighbour(beijing());
    let content = tongtu_crypto::sm3::digest(b"no file");
    let thief = credential_by(name(beijing(), "node"), 1, key("guessed"));
    let operator = credential(name(beijing(), "OP-1"));
    let good = crate::country::link(beijing());
    let for_another = good.file(guangzhou(), &file, &content, T0).unwrap();
    let other_content = good.file(nation(), &file, &[0; 32], T0).unwrap();
    let by_thief = thief.file(nation(), &file, &content, T0).unwrap();
    let by_operator = operator.file(nation(), &file, &content, T0).unwrap();
    let by_other = crate::country::link(guangzhou());
    let by_other = by_other.file(nation(), &file, &content, T0).unwrap();
    for envelope in [for_another, other_content, by_thief, by_operator, by_other] {
        let error = below
            .file_send(beijing(), &file, &Digested::of(b"no file"), &envelope)
            .await;
        let error = error.unwrap_err();
        assert_eq!(
            status_of(&error),
            (422, "exchange.file_envelope"),
            "{error}"
        );
    }
    assert_eq!(nation_node.node.file_envelopes().await.unwrap(), []);
    let envelope = good.file(nation(), &file, &content, T0).unwrap();
    let taken = below
        .file_send(beijing(), &file, &Digested::of(b"no file"), &envelope)
        .await;
    assert!(taken.is_ok());
}

#[tokio::test]
async fn a_strangers_body_is_not_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let city = Country::new().beijing(None).await;
    let address = city.url.trim_start_matches("http://");
    let mut line = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /acquirer/terminals/100000000001/records HTTP/1.1\r\nhost: x\r\n\
         tongtu-now: {}\r\ncontent-length: 8000000\r\n\r\n",
        T0.get()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    // Not one byte of the body is sent, and the answer comes.
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn two_at_once_with_one_envelope_are_one() {
    let city = Country::new().beijing(None).await;
    let request = Raw::new("GET", path::AUDIT_LEDGER);
    let envelope = request.signed(&city, &operator()).await;
    let one = || async { answer(&request, &city, Some(&envelope)).await.0 };
    let (a, b, c) = tokio::join!(one(), one(), one());
    let mut all = [a, b, c];
    all.sort_unstable();
    assert_eq!(all, [200, 409, 409]);
}

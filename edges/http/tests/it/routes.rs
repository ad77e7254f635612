//! Every route answers bad input, a wrong method and an unknown path with typed JSON.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use tongtu_api::{ApiError, NOW_HEADER, SENDER_HEADER, path};

use tongtu_http::Credential;

use crate::country::{Country, Served};
use crate::raw::{Raw, whoever_may};

const ACCOUNT: &str = "/issuer/accounts/3104100000000000017";
const FILE: &str = "/exchange/files/CQ260101160000113410000000000001A";

/// An enrolment by an engine that has no name.
const FACE_ENROL: &str = r#"{"request_id":"e1","consent":{"terms":1,"at_s":0,"until_s":1,"scopes":[],"proof":{"kind":"recorded","evidence":"d"}},"digits":"0001","captures":[{"engine":"COS","template":"01","liveness":"live","quality":90}]}"#;

/// What goes into a request beside method and path.
enum With {
    /// A body that is JSON.
    Json(&'static str),
    /// A body that says nothing about its type.
    Plain(&'static str),
    /// A header.
    Header(&'static str, &'static str),
    /// No `tongtu-now`.
    NoTime,
    /// Nothing more.
    Nothing,
}
use With::{Header, Json, NoTime, Nothing, Plain};

/// One row: method, pattern of the route, path and query asked, what goes with it, the answer.
type Row = (
    &'static str,
    &'static str,
    String,
    With,
    u16,
    &'static str,
    &'static str,
);

fn rows() -> Vec<Row> {
    let account = |tail: &str| format!("{ACCOUNT}{tail}");
    let file = |tail: &str| format!("{FILE}{tail}");
    let s = String::from;
    let key = r#"{"terminal":"100000000001","serial":"00000001","public_key":"00"}"#;
    #[rustfmt::skip]
    let rows = vec![
        ("GET", path::HEALTH, s(path::HEALTH), Header(NOW_HEADER, "soon"), 400, "http.bad_header", "header tongtu-now: not a whole number, expected Unix seconds"),

        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Json("{"), 400, "http.bad_body", "body: "),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Json(r#"{"account":"31"}"#), 400, "http.bad_body", "missing field `user_key`"),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Json(r#"{"account":"31","user_key":"0","x":1}"#), 400, "http.bad_body", "user_key: invalid length 1, expected a string of hex digits"),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Json(r#"{"account":"31","user_key":"02"}"#), 400, "http.bad_body", "body: user_key: 1 bytes, expected 33"),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Json(r#"{"account":"3x","user_key":""}"#), 400, "http.bad_body", "body: account: card number: unexpected character at position 1, expected 1 to 20 digits"),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), Plain("{}"), 415, "http.media_type", "header content-type: not JSON, expected application/json"),
        ("POST", path::ACCOUNTS, s(path::ACCOUNTS), NoTime, 400, "http.bad_header", "header tongtu-now: missing, expected Unix seconds"),

        ("GET", path::ACCOUNT, s("/issuer/accounts/31x"), Nothing, 400, "http.bad_path", "path: card number: unexpected character at position 2"),
        ("GET", path::ACCOUNT, s("/issuer/accounts/%FF"), Nothing, 400, "http.bad_path", "path: "),
        ("POST", path::ACCOUNT_RECHARGES, account("/recharges"), Json(r#"{"recharge_id":"r","amount_fen":1.5}"#), 400, "http.bad_body", "amount_fen: invalid type: floating point"),
        ("POST", path::ACCOUNT_RECHARGES, account("/recharges"), Json(r#"{"recharge_id":"r","amount_fen":1,"currency":"CNY"}"#), 400, "http.bad_body", "unknown field `currency`"),
        ("POST", path::ACCOUNT_SUSPENSION, account("/suspension"), Json(r#"{"suspended":"yes"}"#), 400, "http.bad_body", "suspended: invalid type: string"),
        ("POST", path::ACCOUNT_CERTIFICATES, s("/issuer/accounts/-/certificates"), Nothing, 400, "http.bad_path", "path: card number"),

        ("POST", path::CARDS, s(path::CARDS), Json(r#"{"card":"31x"}"#), 400, "http.bad_body", "body: card: card number: unexpected character at position 2"),
        ("GET", path::CARD, s("/issuer/cards/-"), Nothing, 400, "http.bad_path", "path: card number"),
        ("POST", path::CASHES, s("/issuer/e-cashes"), Json("{}"), 400, "http.bad_body", "missing field `card`"),
        ("GET", path::CASH, s("/issuer/e-cashes/-"), Nothing, 400, "http.bad_path", "path: card number"),
        ("POST", path::CASH_LOADS, s("/issuer/e-cashes/62/loads"), Json(r#"{"load_id":"l"}"#), 400, "http.bad_body", "missing field `amount_fen`"),
        ("POST", path::CARD_LOADS, s("/issuer/cards/31/loads"), Json(r#"{"load_id":"l"}"#), 400, "http.bad_body", "missing field `amount_fen`"),

        ("POST", path::TERMINALS, s(path::TERMINALS), Json(key), 400, "http.bad_body", "body: public_key: 1 bytes, expected 33"),
        ("POST", path::TERMINAL_RECORDS, s("/acquirer/terminals/1/records"), Json(r#"{"records":[]}"#), 400, "http.bad_path", "path: terminal number: length 1, expected 12 digits"),
        ("POST", path::TERMINAL_RECORDS, s("/acquirer/terminals/100000000001/records"), Json(r#"{"records":["zz"]}"#), 400, "http.bad_body", "records[0]: unexpected character at position 0, expected hex digits"),
        ("POST", path::TERMINAL_RECORDS, s("/acquirer/terminals/100000000001/records"), Json(r#"{"records":["00"],"chain":{"links":[],"seal":""}}"#), 400, "http.bad_body", "body: chain.links: 0 places, expected 1"),
        ("POST", path::TERMINAL_RECORDS, s("/acquirer/terminals/100000000001/records"), Json(r#"{"records":[],"chain":{"links":[],"seal":""}}"#), 400, "http.bad_body", "body: chain.seal: 0 bytes, expected 64"),
        ("POST", path::TERMINAL_CHAIN, s("/acquirer/terminals/100000000001/chain"), Json("{}"), 400, "http.bad_body", "missing field `reason`"),
        ("GET", path::CHAINS, s(path::CHAINS), Header(NOW_HEADER, "soon"), 400, "http.bad_header", "header tongtu-now"),
        ("GET", path::LISTS, s("/acquirer/lists"), Nothing, 400, "http.bad_query", "missing field `after`"),
        ("GET", path::LISTS, s("/acquirer/lists?after=-1"), Nothing, 400, "http.bad_query", "after: invalid digit"),
        ("GET", path::LISTS, s("/acquirer/lists?after=1&before=2"), Nothing, 400, "http.bad_query", "unknown field `before`"),
        ("POST", path::BLACKLIST, s(path::BLACKLIST), Json(r#"{"accounts":[""]}"#), 400, "http.bad_body", "body: accounts: card number: length 0, expected 1 to 20 digits"),
        ("GET", path::CARD_BLACKLIST, s("/acquirer/card-blacklist"), Nothing, 400, "http.bad_query", "missing field `after`"),
        ("POST", path::CARD_BLACKLIST, s(path::CARD_BLACKLIST), Json(r#"{"listed":[{"low":"3x"}]}"#), 400, "http.bad_body", "body: listed: card number: unexpected character at position 1"),
        ("POST", path::CARD_BLACKLIST, s(path::CARD_BLACKLIST), Json(r#"{"removed":[{"low":"32","high":"31"}]}"#), 400, "http.bad_body", "body: removed: last card below the first"),
        ("POST", path::TERMINAL_COVERAGE, s("/acquirer/terminals/1/coverage"), Json(r#"{"report":""}"#), 400, "http.bad_path", "path: terminal number: length 1, expected 12 digits"),
        ("POST", path::TERMINAL_COVERAGE, s("/acquirer/terminals/100000000001/coverage"), Json(r#"{"report":"zz"}"#), 400, "http.bad_body", "report: unexpected character at position 0, expected hex digits"),
        ("POST", path::REVOCATIONS, s(path::REVOCATIONS), Json(r#"{"list":"zz"}"#), 400, "http.bad_body", "list: unexpected character at position 0, expected hex digits"),
        ("POST", path::PSAMS, s(path::PSAMS), Json(r#"{"psam":"00","terminal":"100000000001"}"#), 400, "http.bad_body", "body: psam: 1 bytes, expected 10"),
        ("POST", path::PSAM_WITHDRAWAL, s(path::PSAM_WITHDRAWAL), Json("{}"), 400, "http.bad_body", "missing field `psam`"),
        ("GET", path::COVERAGE, s(path::COVERAGE), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),

        ("GET", path::FACE_TERMS, s(path::FACE_TERMS), Header(NOW_HEADER, "now"), 400, "http.bad_header", "header tongtu-now"),
        ("POST", path::ACCOUNT_FACE, account("/face"), Json(r#"{"request_id":"e1"}"#), 400, "http.bad_body", "missing field `consent`"),
        ("POST", path::ACCOUNT_FACE, account("/face"), Json(FACE_ENROL), 400, "http.bad_body", "body: captures: engine: 3 bytes, expected 8 printable characters"),
        ("GET", path::ACCOUNT_FACE, s("/issuer/accounts/x/face"), Nothing, 400, "http.bad_path", "path: card number"),
        ("POST", path::ACCOUNT_FACE_WITHDRAWAL, account("/face/withdrawal"), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),
        ("POST", path::TERMINAL_FACE, s("/acquirer/terminals/100000000001/face"), Json(r#"{"operator":70000,"line":"B1","engine":"COSINE01"}"#), 400, "http.bad_body", "operator: invalid value: integer `70000`, expected u16"),
        ("GET", path::TERMINAL_GALLERY, s("/acquirer/terminals/100000000001/gallery"), Nothing, 400, "http.bad_query", "missing field `after`"),
        ("POST", path::TERMINAL_GALLERY_CONFIRMATION, s("/acquirer/terminals/1/gallery/confirmation"), Json(r#"{"report":""}"#), 400, "http.bad_path", "path: terminal number: length 1, expected 12 digits"),
        ("GET", path::FACE_TERMINALS, s(path::FACE_TERMINALS), Header(NOW_HEADER, "now"), 400, "http.bad_header", "header tongtu-now"),

        ("GET", path::FILES, s("/exchange/files?receiver=1"), Nothing, 403, "caller.not_allowed", "role node asks for its own only"),
        ("PUT", path::FILE, file(""), Nothing, 403, "caller.not_allowed", "role node asks for its own only"),
        ("PUT", path::FILE, file(""), Header(SENDER_HEADER, "00000000"), 400, "http.bad_header", "header tongtu-file-envelope: missing or no hex"),
        ("PUT", path::FILE, s("/exchange/files/CQ"), Header(SENDER_HEADER, "00000000"), 400, "http.bad_path", "path: file name \"CQ\""),
        ("GET", path::FILE, file(""), Nothing, 403, "caller.not_allowed", "role node asks for its own only"),
        ("GET", path::FILE, s("/exchange/files/..%2F?receiver=00000000"), Nothing, 400, "http.bad_path", "path: file name"),
        ("POST", path::FILE_CONFIRMATION, file("/confirmation"), Json(r#"{"receiver":"00000000","digest":"00"}"#), 400, "http.bad_body", "body: digest: 1 bytes, expected 32"),

        ("GET", path::PAPERS, s(path::PAPERS), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),
        ("GET", path::PAPER, s("/papers/fares"), Nothing, 400, "http.bad_path", "path: paper: unexpected character at position 0, expected register, key-book or revocations-"),
        ("GET", path::PAPER, s("/papers/register"), Nothing, 404, "papers.unknown", "this node goes by no register"),
        ("GET", path::KEY_NOTES, s(path::KEY_NOTES), Header(NOW_HEADER, "now"), 400, "http.bad_header", "header tongtu-now"),
        ("POST", path::KEY_NOTES, s(path::KEY_NOTES), Json(r#"{"institution":"00000000","notes":[{"institution":"00000000","key":1,"city":"1000","purpose":255,"usage":1,"ground":0,"at_s":1}]}"#), 400, "http.bad_body", "notes: purpose, usage or ground that the book does not have"),

        ("GET", path::DAY, s("/days/2026-02-30"), Nothing, 400, "http.bad_path", "path: date: 20260230 is outside a day that exists"),
        ("POST", path::DAY_CLOSE, s("/days/today/close"), Nothing, 400, "http.bad_path", "path: date: length 5, expected yyyymmdd"),
        ("POST", path::DAY_SETTLE, s("/days/2026-01-01/settle"), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),

        ("GET", path::AUDIT_LEDGER, s(path::AUDIT_LEDGER), Header(NOW_HEADER, "0x5"), 400, "http.bad_header", "header tongtu-now"),
        ("GET", path::AUDIT_RIDES, s("/audit/rides?role=rider"), Nothing, 400, "http.bad_query", "unknown variant `rider`, expected one of `issuer`, `acquirer`, `hub`"),
        ("GET", path::AUDIT_REJECTED, s(path::AUDIT_REJECTED), Header(NOW_HEADER, ""), 400, "http.bad_header", "header tongtu-now"),
        ("GET", path::AUDIT_FILES, s(path::AUDIT_FILES), Header(NOW_HEADER, "now"), 400, "http.bad_header", "header tongtu-now"),
        ("GET", path::AUDIT_ENVELOPES, s(path::AUDIT_ENVELOPES), Header(NOW_HEADER, "now"), 400, "http.bad_header", "header tongtu-now"),
        ("GET", path::KEY_USES, s("/key-uses?after=-1"), Nothing, 400, "http.bad_query", "query: "),
        ("GET", path::AUDIT_CALLERS, s("/audit/callers?after=-1"), Nothing, 400, "http.bad_query", "query: "),
        ("GET", path::CALLERS, s(path::CALLERS), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),
        ("POST", path::CALLERS, s(path::CALLERS), Json(r#"{"caller":"x","role":"clerk","public_key":""}"#), 400, "http.bad_body", "body: caller: "),
        ("POST", path::CALLERS, s(path::CALLERS), Json(r#"{"caller":"01341000.x","role":"boss","public_key":""}"#), 400, "http.bad_body", "body: role: "),
        ("POST", path::CALLER_KEYS, s("/callers/x/keys"), Json("{}"), 400, "http.bad_path", "path: caller"),
        ("POST", path::CALLER_STATE, s("/callers/01341000.OP-1/state"), Json(r#"{"disabled":1}"#), 400, "http.bad_body", "disabled: invalid type"),
        ("POST", path::PUMP, s(path::PUMP), NoTime, 400, "http.bad_header", "header tongtu-now: missing"),
    ];
    rows
}

async fn ask(
    city: &Served,
    method: &str,
    at: &str,
    with: &With,
    who: Option<&Credential>,
) -> (StatusCode, ApiError) {
    let mut request = Raw::new(method, at);
    if matches!(with, NoTime | Header(NOW_HEADER, _)) {
        request.headers.clear();
    }
    match with {
        Json(body) => request = request.json(body),
        Plain(body) => request.body = body.as_bytes().to_vec(),
        Header(name, value) => request.headers.push((*name, (*value).to_owned())),
        NoTime | Nothing => {}
    }
    let envelope = match who {
        Some(who) => Some(request.signed(city, who).await),
        None => None,
    };
    let response = request.send(city, envelope.as_deref()).await;
    let status = response.status();
    let kind = response.headers()["content-type"].clone();
    assert_eq!(kind, "application/json", "{at}");
    (status, response.json().await.unwrap())
}

#[tokio::test]
async fn every_route_answers_bad_input_with_typed_json() {
    let city = Country::new().beijing(None).await;
    let mut asked = BTreeSet::new();
    for (method, pattern, at, with, status, code, message) in rows() {
        let who = whoever_may(&city, method, pattern, &at).await;
        let (found, error) = ask(&city, method, &at, &with, who.as_ref()).await;
        let row = format!("{method} {at}: {error:?}");
        assert_eq!(
            (found.as_u16(), error.code.as_str()),
            (status, code),
            "{row}"
        );
        assert!(error.message.contains(message), "{row}");
        asked.insert((method, pattern));
    }
    let all: BTreeSet<_> = path::ROUTES.iter().copied().collect();
    assert_eq!(asked, all, "the table has a row for every route");
}

#[tokio::test]
async fn every_path_answers_a_wrong_method_with_typed_json() {
    let city = Country::new().beijing(None).await;
    for (_, pattern) in path::ROUTES {
        let at = pattern.replace(['{', '}'], "");
        let (status, error) = ask(&city, "DELETE", &at, &Nothing, None).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{pattern}");
        assert_eq!(error.code, "http.method_not_allowed", "{pattern}");
        assert_eq!(error.message, "method: this path does not answer DELETE");
    }
}

#[tokio::test]
async fn an_unknown_path_is_answered_with_typed_json() {
    let city = Country::new().beijing(None).await;
    for at in ["/", "/health/", "/issuer", "/days", "/days/2026-01-01/open"] {
        let (status, error) = ask(&city, "GET", at, &Nothing, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{at}");
        assert_eq!(error.code, "http.no_such_route", "{at}");
    }
}

//! Every body and its JSON, word for word: the contract does not change by accident.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

/// Writes `value` as `json`, and reads it back.
pub(crate) fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

/// A request refuses a member that it does not know.
pub(crate) fn check_request<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    value: &T,
    json: &str,
) {
    check(value, json);
    let grown = format!("{},\"surplus\":1}}", json.strip_suffix('}').unwrap());
    let error = serde_json::from_str::<T>(&grown).unwrap_err().to_string();
    assert!(error.contains("unknown field `surplus`"), "{error}");
}

/// An answer may grow a member; today's reader ignores it.
pub(crate) fn check_answer<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    value: &T,
    json: &str,
) {
    check(value, json);
    let grown = format!("{},\"later\":1}}", json.strip_suffix('}').unwrap());
    assert_eq!(&serde_json::from_str::<T>(&grown).unwrap(), value);
}

pub(crate) fn hex(bytes: &[u8]) -> Hex {
    Hex::from(bytes)
}

#[test]
fn errors() {
    check_answer(
        &ApiError {
            code: "http.bad_body".into(),
            message: "no".into(),
        },
        r#"{"code":"http.bad_body","message":"no"}"#,
    );
}

#[test]
fn accounts() {
    check_request(
        &AccountOpen {
            account: "3104100000000000017".into(),
            user_key: hex(&[2, 0xab]),
            account_type: None,
        },
        r#"{"account":"3104100000000000017","user_key":"02ab"}"#,
    );
    check_request(
        &AccountOpen {
            account: "3104100000000000017".into(),
            user_key: hex(&[2, 0xab]),
            account_type: Some(2),
        },
        r#"{"account":"3104100000000000017","user_key":"02ab","account_type":2}"#,
    );
    check_request(
        &AccountRecharge {
            recharge_id: "r1".into(),
            amount_fen: 5000,
        },
        r#"{"recharge_id":"r1","amount_fen":5000}"#,
    );
    check_request(
        &CardIssue {
            card: "3104581000000000017".into(),
        },
        r#"{"card":"3104581000000000017"}"#,
    );
    check_request(
        &CardLoad {
            load_id: "l1".into(),
            amount_fen: 5000,
        },
        r#"{"load_id":"l1","amount_fen":5000}"#,
    );
    check_answer(
        &CardView {
            card: "3104581000000000017".into(),
            mirror_fen: 4800,
            refund_due_fen: 200,
            short_fen: 0,
            rides: 1,
        },
        r#"{"card":"3104581000000000017","mirror_fen":4800,"refund_due_fen":200,"short_fen":0,"rides":1}"#,
    );
    check_request(&AccountSuspend { suspended: true }, r#"{"suspended":true}"#);
    let view = AccountView {
        account: "3104100000000000017".into(),
        balance_fen: -300,
        suspended: false,
        certificate_expires_s: Some(1_767_254_400),
        rides: 3,
    };
    check_answer(
        &view,
        r#"{"account":"3104100000000000017","balance_fen":-300,"suspended":false,"certificate_expires_s":1767254400,"rides":3}"#,
    );
    check_answer(
        &AccountView {
            certificate_expires_s: None,
            ..view
        },
        r#"{"account":"3104100000000000017","balance_fen":-300,"suspended":false,"rides":3}"#,
    );
    check_answer(
        &CertificateView {
            certificate: hex(&[0x14, 0x01]),
            expires_s: 1_767_254_400,
        },
        r#"{"certificate":"1401","expires_s":1767254400}"#,
    );
}

#[test]
fn terminals_and_records() {
    check_request(
        &TerminalRegister {
            terminal: "100000000001".into(),
            serial: hex(&[0, 0, 0, 1]),
            public_key: hex(&[3]),
        },
        r#"{"terminal":"100000000001","serial":"00000001","public_key":"03"}"#,
    );
    check_request(
        &RecordsUpload {
            records: vec![hex(&[0xff]), hex(&[])],
            chain: None,
        },
        r#"{"records":["ff",""]}"#,
    );
    let link = ChainLink {
        number: 7,
        before: hex(&[0]),
        value: hex(&[1]),
    };
    check_request(&link, r#"{"number":7,"before":"00","value":"01"}"#);
    check_request(
        &RecordsUpload {
            records: vec![hex(&[0xff])],
            chain: Some(UploadChain {
                links: vec![link],
                seal: hex(&[2]),
            }),
        },
        concat!(
            r#"{"records":["ff"],"chain":{"links":[{"number":7,"before":"00","value":"01"}],"#,
            r#""seal":"02"}}"#,
        ),
    );
    let outcome = |record: Option<&str>, kind| UploadOutcome {
        record: record.map(String::from),
        kind,
        chain: None,
    };
    check_answer(
        &RecordsUploaded {
            outcomes: vec![outcome(Some("1"), UploadKind::Stored)],
        },
        r#"{"outcomes":[{"record":"1","kind":"stored"}]}"#,
    );
    check_answer(
        &outcome(Some("1"), UploadKind::Duplicate),
        r#"{"record":"1","kind":"duplicate"}"#,
    );
    check_answer(
        &outcome(
            Some("1"),
            UploadKind::Conflict {
                reason: "same id".into(),
            },
        ),
        r#"{"record":"1","kind":"conflict","reason":"same id"}"#,
    );
    check_answer(
        &outcome(
            None,
            UploadKind::Refused {
                reason: "short".into(),
            },
        ),
        r#"{"kind":"refused","reason":"short"}"#,
    );
}

#[test]
fn a_chain_begun_anew() {
    let reason = String::from("board replaced");
    check_request(
        &ChainBeginAnew {
            reason: reason.clone(),
        },
        r#"{"reason":"board replaced"}"#,
    );
    let ended = ChainEnded {
        tip: 4,
        value: hex(&[9]),
        at_s: 10,
        reason,
    };
    check_answer(
        &ended,
        r#"{"tip":4,"value":"09","at_s":10,"reason":"board replaced"}"#,
    );
}

#[test]
fn chains() {
    let outcome = |chain| UploadOutcome {
        record: None,
        kind: UploadKind::Stored,
        chain: Some(chain),
    };
    let reason = String::from("broken");
    for (place, json) in [
        (ChainPlace::Next, r#"{"place":"next"}"#),
        (ChainPlace::Again, r#"{"place":"again"}"#),
        (ChainPlace::Old, r#"{"place":"old"}"#),
        (ChainPlace::Ahead, r#"{"place":"ahead"}"#),
        (
            ChainPlace::Fault { reason },
            r#"{"place":"fault","reason":"broken"}"#,
        ),
    ] {
        let json = format!(r#"{{"kind":"stored","chain":{json}}}"#);
        check_answer(&outcome(place), &json);
    }
    let chain = ChainView {
        terminal: "1".into(),
        tip: 4,
        value: hex(&[9]),
        missing: Some(ChainGap { first: 5, last: 6 }),
        waiting: 2,
        faults: vec![ChainFaultView {
            number: 3,
            record: hex(&[8]),
            arrived_at_s: 10,
            reason: "other".into(),
        }],
        ended: Vec::new(),
    };
    check_answer(
        &ChainsView {
            chains: vec![chain],
        },
        concat!(
            r#"{"chains":[{"terminal":"1","tip":4,"value":"09","missing":{"first":5,"last":6},"#,
            r#""waiting":2,"faults":[{"number":3,"record":"08","arrived_at_s":10,"#,
            r#""reason":"other"}]}]}"#,
        ),
    );
}

#[test]
fn lists() {
    check_request(&ListsQuery { after: 7 }, r#"{"after":7}"#);
    check_request(&CardBlacklistQuery { after: 7, to: None }, r#"{"after":7}"#);
    check_request(
        &CardBlacklistQuery {
            after: 0,
            to: Some(9),
        },
        r#"{"after":0,"to":9}"#,
    );
    check_request(
        &BlacklistAdd {
            accounts: vec!["31".into()],
        },
        r#"{"accounts":["31"]}"#,
    );
    check_answer(&BlacklistView { version: 8 }, r#"{"version":8}"#);
}

#[test]
fn lists_of_cards() {
    let span = |low: &str, high: Option<&str>| CardSpan {
        low: low.into(),
        high: high.map(Into::into),
    };
    check_request(
        &CardBlacklistChange {
            listed: vec![span("31", None), span("40", Some("49"))],
            removed: vec![],
        },
        r#"{"listed":[{"low":"31"},{"low":"40","high":"49"}],"removed":[]}"#,
    );
    check_request(&CoverageReport { report: hex(&[1]) }, r#"{"report":"01"}"#);
    let terminal = |number: &str, at: Option<i64>| TerminalCoverage {
        terminal: number.into(),
        reported_at_s: at,
        version: 5,
        cities: 3,
        cities_since_s: at.map(|at| at - 1),
        card_blacklist: 17,
        overdue: at.is_none(),
        lags: at.map_or_else(
            || {
                let lag = |list| TerminalLag { list, since_s: 6 };
                [ListKind::Bundle, ListKind::Cities, ListKind::CardBlacklist]
                    .map(lag)
                    .to_vec()
            },
            |_| vec![],
        ),
    };
    check_request(&CoverageQuery { lagging: true }, r#"{"lagging":true}"#);
    let in_force = ListsInForce {
        version: 5,
        cities: 3,
        cities_due_s: Some(99),
        card_blacklist: 17,
    };
    check_answer(
        &CoverageView {
            in_force,
            terminals: vec![terminal("1", Some(9)), terminal("2", None)],
        },
        concat!(
            r#"{"in_force":{"version":5,"cities":3,"cities_due_s":99,"card_blacklist":17},"#,
            r#""terminals":[{"terminal":"1","reported_at_s":9,"version":5,"cities":3,"#,
            r#""cities_since_s":8,"card_blacklist":17,"overdue":false,"lags":[]},"#,
            r#"{"terminal":"2","version":5,"cities":3,"card_blacklist":17,"overdue":true,"#,
            r#""lags":[{"list":"bundle","since_s":6},{"list":"cities","since_s":6},"#,
            r#"{"list":"card_blacklist","since_s":6}]}]}"#,
        ),
    );
}

#[test]
fn files() {
    check_request(
        &ReceiverQuery {
            receiver: "01341000".into(),
        },
        r#"{"receiver":"01341000"}"#,
    );
    check_answer(
        &FilesView {
            files: vec![FileInfo {
                name: "CQ".into(),
                digest: hex(&[0xd1]),
                length: 120,
            }],
        },
        r#"{"files":[{"name":"CQ","digest":"d1","length":120}]}"#,
    );
    check_answer(
        &MadeFilesView {
            files: vec![MadeFile {
                receiver: "01341000".into(),
                name: "BP".into(),
                digest: hex(&[0xd1]),
                length: 120,
            }],
        },
        r#"{"files":[{"receiver":"01341000","name":"BP","digest":"d1","length":120}]}"#,
    );
    check_answer(
        &FileReceipt {
            receipt: ReceiptKind::Stored,
        },
        r#"{"receipt":"stored"}"#,
    );
    check_answer(
        &FileReceipt {
            receipt: ReceiptKind::Already,
        },
        r#"{"receipt":"already"}"#,
    );
    check_request(
        &FileConfirm {
            receiver: "01341000".into(),
            digest: hex(&[0xd1]),
        },
        r#"{"receiver":"01341000","digest":"d1"}"#,
    );
}

#[test]
fn days() {
    check_answer(
        &DayView {
            day: "2026-01-31".into(),
            phase: DayPhase::Published,
            records: 6,
            evidence: 1,
            forwarded: 1,
            settled: 3,
            refused: [(10_003, 1)].into(),
            positions: vec![PositionView {
                member: "01341000".into(),
                income_e7: AmountE7(5_000_000_000),
                outgo_e7: AmountE7(-2_800_000),
                net_fen: 499,
            }],
            hub_fee_e7: AmountE7(0),
            rounding_e7: AmountE7(i128::MIN),
            control_sum_e7: AmountE7(0),
        },
        concat!(
            r#"{"day":"2026-01-31","phase":"published","records":6,"evidence":1,"forwarded":1,"settled":3,"#,
            r#""refused":{"10003":1},"positions":[{"member":"01341000","#,
            r#""income_e7":"5000000000","outgo_e7":"-2800000","net_fen":499}],"hub_fee_e7":"0","#,
            r#""rounding_e7":"-170141183460469231731687303715884105728","control_sum_e7":"0"}"#,
        ),
    );
    check(&DayPhase::Open, r#""open""#);
    check(&DayPhase::Sealed, r#""sealed""#);
    check(&DayPhase::Cleared, r#""cleared""#);
}

#[test]
fn audit() {
    check_answer(
        &LedgerView {
            balances: vec![BalanceView {
                account: "00000000/fee-income".into(),
                balance_e7: AmountE7(1),
            }],
            sum_e7: AmountE7(0),
        },
        r#"{"balances":[{"account":"00000000/fee-income","balance_e7":"1"}],"sum_e7":"0"}"#,
    );
    check_request(
        &RidesQuery {
            role: RideRole::Issuer,
        },
        r#"{"role":"issuer"}"#,
    );
    check(&RideRole::Acquirer, r#""acquirer""#);
    check(&RideRole::Hub, r#""hub""#);
    let ride = RideView {
        record: "1".into(),
        account: "31".into(),
        generated_at_s: 5,
        amount_fen: 300,
        direction: RideDirection::Exit,
        state: RideState::Settled,
        result: 0,
        day: Some("2026-01-31".into()),
        debited: true,
    };
    check_answer(
        &RidesView {
            rides: vec![ride.clone()],
        },
        r#"{"rides":[{"record":"1","account":"31","generated_at_s":5,"amount_fen":300,"direction":"exit","state":"settled","result":0,"day":"2026-01-31","debited":true}]}"#,
    );
    check_answer(
        &RideView {
            direction: RideDirection::Entry,
            state: RideState::Evidence,
            day: None,
            debited: false,
            ..ride
        },
        r#"{"record":"1","account":"31","generated_at_s":5,"amount_fen":300,"direction":"entry","state":"evidence","result":0,"debited":false}"#,
    );
    check(&RideDirection::Single, r#""single""#);
    check(&RideState::Stored, r#""stored""#);
    check(&RideState::Forwarded, r#""forwarded""#);
    check(&RideState::Refused, r#""refused""#);
    check_answer(
        &RejectedView {
            uploads: vec![RejectedUpload {
                terminal: "100000000001".into(),
                arrived_at_s: 5,
                reason: "short".into(),
                record: hex(&[0]),
            }],
            alarms: vec![AlarmView {
                raised_at_s: 6,
                code: "exchange.file_changed".into(),
                message: "CQ".into(),
            }],
        },
        concat!(
            r#"{"uploads":[{"terminal":"100000000001","arrived_at_s":5,"reason":"short","record":"00"}],"#,
            r#""alarms":[{"raised_at_s":6,"code":"exchange.file_changed","message":"CQ"}]}"#,
        ),
    );
}

#[test]
fn node() {
    check_answer(
        &HealthView {
            institution: "01341000".into(),
            name_zh: "北京".into(),
            name_en: "Beijing".into(),
            papers: Vec::new(),
        },
        r#"{"institution":"01341000","name_zh":"北京","name_en":"Beijing"}"#,
    );
    let problem = |step, file: Option<&str>| PumpProblem {
        step,
        file: file.map(String::from),
        retryable: true,
        code: "pump.unreachable".into(),
        message: "no".into(),
    };
    check_answer(
        &PumpReport {
            pushed: 1,
            pushed_already: 2,
            fetched: 3,
            fetched_already: 4,
            problems: vec![problem(PumpStep::Push, Some("CQ"))],
        },
        r#"{"pushed":1,"pushed_already":2,"fetched":3,"fetched_already":4,"problems":[{"step":"push","file":"CQ","retryable":true,"code":"pump.unreachable","message":"no"}]}"#,
    );
    check_answer(
        &problem(PumpStep::List, None),
        r#"{"step":"list","retryable":true,"code":"pump.unreachable","message":"no"}"#,
    );
    check(&PumpStep::Outbox, r#""outbox""#);
    check(&PumpStep::Fetch, r#""fetch""#);
}

#[test]
fn reads_upper_case_hex_and_writes_lower() {
    let read: Hex = serde_json::from_str(r#""0aFf""#).unwrap();
    assert_eq!(read, hex(&[0x0a, 0xff]));
    assert_eq!(serde_json::to_string(&read).unwrap(), r#""0aff""#);
}

#[test]
fn refuses_what_is_no_hex_and_no_amount() {
    let hex = |text| serde_json::from_str::<Hex>(text).unwrap_err().to_string();
    assert!(hex(r#""0g""#).contains("unexpected character at position 1, expected hex digits"));
    assert!(hex(r#""0""#).contains("invalid length 1, expected a string of hex digits"));
    assert!(hex("[1]").contains("expected a string of hex digits"));
    let amount = |text| {
        serde_json::from_str::<AmountE7>(text)
            .unwrap_err()
            .to_string()
    };
    assert!(amount("1").contains("expected a string of decimal digits"));
    assert!(amount(r#""1.5""#).contains("not a whole number of 10^-7 fen"));
    assert!(amount(r#""170141183460469231731687303715884105728""#).contains("not a whole number"));
}

#[test]
fn shows_no_bytes_in_logs() {
    assert_eq!(format!("{:?}", hex(&[1, 2])), "Hex(2 bytes)");
}

#[test]
fn callers() {
    check_request(
        &CallerAdmit {
            caller: "09990000.APP".into(),
            role: "partner".into(),
            public_key: hex(&[2]),
            accounts: vec!["3101".into()],
            from_s: None,
            until_s: Some(9),
        },
        r#"{"caller":"09990000.APP","role":"partner","public_key":"02","accounts":["3101"],"until_s":9}"#,
    );
    check_request(
        &CallerRotate {
            public_key: hex(&[2]),
            proof: hex(&[3]),
            overlap_s: 60,
        },
        r#"{"public_key":"02","proof":"03","overlap_s":60}"#,
    );
    let acted = |awaits, key| CallerActed { awaits, key };
    check_answer(&acted(false, Some(2)), r#"{"awaits":false,"key":2}"#);
    check_answer(&acted(true, None), r#"{"awaits":true}"#);
    check_request(&CallerState { disabled: true }, r#"{"disabled":true}"#);
    let key = CallerKeyView {
        key: 1,
        public_key: hex(&[2]),
        from_s: 5,
        until_s: None,
    };
    check_answer(&key, r#"{"key":1,"public_key":"02","from_s":5}"#);
    let view = CallerView {
        caller: "01341000.OP-1".into(),
        role: "operator".into(),
        accounts: vec![],
        from_s: 5,
        until_s: None,
        disabled: false,
        keys: vec![],
    };
    let json = r#"{"caller":"01341000.OP-1","role":"operator","accounts":[],"from_s":5,"disabled":false,"keys":[]}"#;
    check_answer(&view, json);
    let mut all = CallersView {
        callers: vec![],
        awaiting: vec![],
    };
    check_answer(&all, r#"{"callers":[]}"#);
    all.awaiting.push(CallerAwaitingView {
        act: "admit".into(),
        asked_by: "01341000.KM-1".into(),
        asked_at_s: 5,
    });
    let json =
        r#"{"callers":[],"awaiting":[{"act":"admit","asked_by":"01341000.KM-1","asked_at_s":5}]}"#;
    check_answer(&all, json);
}

#[test]
fn acts_on_callers() {
    let mut one = CallerActView {
        line: hex(&[1]),
        request: None,
    };
    check_answer(&one, r#"{"line":"01"}"#);
    one.request = Some(CallerActRequest {
        target: "POST /callers".into(),
        content: hex(&[2]),
        envelope: hex(&[3]),
        public_key: hex(&[4]),
    });
    let json = r#"{"line":"01","request":{"target":"POST /callers","content":"02","envelope":"03","public_key":"04"}}"#;
    check_answer(&one, json);
    check_request(&CallerActsQuery { after: 7 }, r#"{"after":7}"#);
    check_answer(&CallerActsView { acts: vec![] }, r#"{"acts":[]}"#);
}

#[test]
fn envelopes_of_files() {
    let one = FileEnvelopeView {
        name: "CQ".into(),
        content: hex(&[1]),
        envelope: hex(&[2]),
        public_key: hex(&[3]),
        kept_at_s: 5,
    };
    let json = r#"{"name":"CQ","content":"01","envelope":"02","public_key":"03","kept_at_s":5}"#;
    check_answer(&one, json);
    let all = FileEnvelopesView { envelopes: vec![] };
    check_answer(&all, r#"{"envelopes":[]}"#);
}

#[test]
fn papers() {
    let paper = |age_s| PaperView {
        paper: "key-book".into(),
        version: 7,
        made_at_s: 5,
        age_s,
        digest: hex(&[1, 2]),
        length: 9,
    };
    check_answer(
        &PapersView {
            papers: vec![paper(Some(3))],
        },
        r#"{"papers":[{"paper":"key-book","version":7,"made_at_s":5,"age_s":3,"digest":"0102","length":9}]}"#,
    );
    check_answer(
        &paper(None),
        r#"{"paper":"key-book","version":7,"made_at_s":5,"digest":"0102","length":9}"#,
    );
    let note = KeyNote {
        institution: "01341000".into(),
        key: 3,
        city: "1000".into(),
        purpose: 1,
        usage: 2,
        ground: 0,
        at_s: 6,
    };
    let text = r#"{"institution":"01341000","key":3,"city":"1000","purpose":1,"usage":2,"ground":0,"at_s":6}"#;
    check_request(&note, text);
    check_request(
        &KeyNotesPut {
            institution: "01341000".into(),
            notes: vec![note.clone()],
        },
        &format!(r#"{{"institution":"01341000","notes":[{text}]}}"#),
    );
    check_answer(
        &KeyNotesView {
            notes: vec![note],
            digest: hex(&[1, 2]),
        },
        &format!(r#"{{"notes":[{text}],"digest":"0102"}}"#),
    );
    check_answer(
        &KeyNotesTaken { new: 1, already: 2 },
        r#"{"new":1,"already":2}"#,
    );
}

#[test]
fn key_uses() {
    check_request(&KeyUsesQuery { after: 7 }, r#"{"after":7}"#);
    check_answer(
        &KeyUsesView {
            lines: vec![KeyUseLine {
                line: hex(&[1]),
                said: hex(&[2]),
            }],
            anchors: vec![hex(&[3])],
            anchor_keys: vec![KeyUseAnchorKey {
                number: 9,
                public_key: hex(&[4]),
            }],
        },
        r#"{"lines":[{"line":"01","use":"02"}],"anchors":["03"],"anchor_keys":[{"number":9,"public_key":"04"}]}"#,
    );
}

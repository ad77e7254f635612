//! The bodies of rides by face, word for word.

use crate::golden::{check, check_answer, check_request, hex};

use super::*;

fn scope(line: Option<&str>) -> FaceScope {
    FaceScope {
        acquirer: "11341000".into(),
        operator: 7,
        line: line.map(String::from),
    }
}

#[test]
fn enrolments() {
    let consent = FaceConsent {
        terms: 3,
        at_s: 1_767_254_400,
        until_s: 1_798_790_400,
        scopes: vec![scope(None), scope(Some("B00001"))],
        proof: FaceConsentProof::Signed {
            signature: hex(&[0x30]),
        },
    };
    let text = r#"{"terms":3,"at_s":1767254400,"until_s":1798790400,"scopes":[{"acquirer":"11341000","operator":7},{"acquirer":"11341000","operator":7,"line":"B00001"}],"proof":{"kind":"signed","signature":"30"}}"#;
    check_request(&consent, text);
    check_request(&scope(None), r#"{"acquirer":"11341000","operator":7}"#);
    check_request(
        &FaceConsentProof::Recorded {
            evidence: "desk-4/17".into(),
        },
        r#"{"kind":"recorded","evidence":"desk-4/17"}"#,
    );
    let capture = FaceCapture {
        engine: "COSINE01".into(),
        template: hex(&[1, 0xff]),
        liveness: FaceLiveness::Live,
        quality: 93,
    };
    let capture_text = r#"{"engine":"COSINE01","template":"01ff","liveness":"live","quality":93}"#;
    check_request(&capture, capture_text);
    check_request(
        &FaceEnrol {
            request_id: "e1".into(),
            consent,
            digits: FaceDigits("0001".into()),
            captures: vec![capture],
        },
        &format!(
            r#"{{"request_id":"e1","consent":{text},"digits":"0001","captures":[{capture_text}]}}"#
        ),
    );
    for (liveness, word) in [
        (FaceLiveness::Photo, "\"photo\""),
        (FaceLiveness::Screen, "\"screen\""),
        (FaceLiveness::Mask, "\"mask\""),
        (FaceLiveness::Other, "\"other\""),
        (FaceLiveness::Undecided, "\"undecided\""),
    ] {
        check(&liveness, word);
    }
}

#[test]
fn a_body_does_not_print_what_it_is_about() {
    let body = FaceEnrol {
        request_id: "e1".into(),
        consent: FaceConsent {
            terms: 1,
            at_s: 0,
            until_s: 1,
            scopes: vec![],
            proof: FaceConsentProof::Recorded {
                evidence: "desk".into(),
            },
        },
        digits: FaceDigits("8642".into()),
        captures: vec![FaceCapture {
            engine: "COSINE01".into(),
            template: hex(&[0xab, 0xcd]),
            liveness: FaceLiveness::Live,
            quality: 93,
        }],
    };
    let text = format!("{body:?}");
    assert!(!text.contains("8642") && !text.contains("abcd") && !text.contains("171"));
}

#[test]
fn views() {
    check_answer(
        &FaceTermsView {
            version: 3,
            digest: hex(&[1, 2]),
            zh: "同意".into(),
            en: "consent".into(),
        },
        r#"{"version":3,"digest":"0102","zh":"同意","en":"consent"}"#,
    );
    let view = FaceView {
        account: "3104100000000000017".into(),
        handle: hex(&[7; 2]),
        state: FaceState::Withdrawn,
        terms: 3,
        signed: true,
        consented_at_s: 1,
        enrolled_at_s: 2,
        until_s: 3,
        ended_at_s: Some(4),
        scopes: vec![],
        templates: vec![FaceTemplate {
            engine: "COSINE01".into(),
            quality: 93,
        }],
        places: vec![FacePlace {
            terminal: "100000000001".into(),
            state: FacePlaceState::Forgetting,
            ordered_at_s: Some(4),
            gone_by_s: 5,
        }],
    };
    check_answer(
        &view,
        r#"{"account":"3104100000000000017","handle":"0707","state":"withdrawn","terms":3,"signed":true,"consented_at_s":1,"enrolled_at_s":2,"until_s":3,"ended_at_s":4,"scopes":[],"templates":[{"engine":"COSINE01","quality":93}],"places":[{"terminal":"100000000001","state":"forgetting","ordered_at_s":4,"gone_by_s":5}]}"#,
    );
    for (state, word) in [
        (FaceState::Enrolled, "\"enrolled\""),
        (FaceState::Expired, "\"expired\""),
    ] {
        check(&state, word);
    }
    for (state, word) in [
        (FacePlaceState::Given, "\"given\""),
        (FacePlaceState::Held, "\"held\""),
        (FacePlaceState::Forgotten, "\"forgotten\""),
        (FacePlaceState::Lapsed, "\"lapsed\""),
    ] {
        check(&state, word);
    }
}

#[test]
fn terminals() {
    check_request(
        &FaceTerminalPut {
            operator: 7,
            line: "B00001".into(),
            engine: "COSINE01".into(),
        },
        r#"{"operator":7,"line":"B00001","engine":"COSINE01"}"#,
    );
    check_request(
        &GalleryConfirm {
            report: hex(b"TTFR"),
        },
        r#"{"report":"54544652"}"#,
    );
    let terminal = FaceTerminalView {
        terminal: "100000000001".into(),
        operator: 7,
        line: "B00001".into(),
        engine: "COSINE01".into(),
        held: 4,
        riders: 2,
        confirmed_at_s: Some(8),
        good_until_s: None,
        forgetting: 1,
    };
    check_answer(
        &FaceTerminalsView {
            terminals: vec![terminal],
        },
        r#"{"terminals":[{"terminal":"100000000001","operator":7,"line":"B00001","engine":"COSINE01","held":4,"riders":2,"confirmed_at_s":8,"forgetting":1}]}"#,
    );
}

use super::*;
use tongtu_types::TerminalNumber;

/// 2026-01-01 16:00 in China.
const NOON: Timestamp = Timestamp::new(1_767_254_400);

fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

fn context() -> JudgeContext {
    let mut context = JudgeContext::default();
    context
        .entitlements
        .accept_issuer(code("01341000"), "3104100");
    context
        .entitlements
        .entitle_acquirer(code("11345810"), Mcc::BUS);
    context
}

fn sound_ride() -> RideFacts {
    let terminal = TerminalNumber::parse("581000000001").unwrap();
    RideFacts {
        well_formed: true,
        record: RecordId::compose(code("11345810"), terminal, NOON, 1),
        card: CardNumber::parse("3104100000000000017").unwrap(),
        issuer: code("01341000"),
        acquirer: code("11345810"),
        mcc: Mcc::BUS,
        test: false,
        rode_at: NOON,
        arrived_at: NOON.plus_s(60),
        not_before: None,
        amount: Fen::new(200),
        single_limit: Fen::new(2000),
        may_be_free: false,
        balance_follows: true,
        evidence: Evidence::Sound,
        revoked_since: None,
        blacklisted_since: None,
        key_in_scope: true,
        repeat: Repeat::None,
    }
}

type Fault = (&'static str, fn(&mut RideFacts), Verdict);

/// One fault a row, in the order of the checks.
const FAULTS: [Fault; 26] = [
    (
        "unreadable",
        |f| f.well_formed = false,
        Verdict::Reject(Outcome::Format),
    ),
    (
        "negative",
        |f| f.amount = Fen::new(-1),
        Verdict::Reject(Outcome::Format),
    ),
    (
        "thirteen digits",
        |f| f.amount = Fen::new(AMOUNT_FEN_MAX + 1),
        Verdict::Reject(Outcome::Format),
    ),
    (
        "other's record",
        |f| f.acquirer = code("11341000"),
        Verdict::Reject(Outcome::Format),
    ),
    (
        "again",
        |f| f.repeat = Repeat::SameRecord,
        Verdict::Reject(Outcome::Duplicate),
    ),
    (
        "code again",
        |f| f.repeat = Repeat::SameCode,
        Verdict::Suspicious(Outcome::CodeReused),
    ),
    (
        "issuer",
        |f| f.issuer = code("01349999"),
        Verdict::Reject(Outcome::Issuer),
    ),
    (
        "segment",
        |f| f.card = CardNumber::parse("3105810000000000017").unwrap(),
        Verdict::Reject(Outcome::Issuer),
    ),
    (
        "category",
        |f| f.mcc = Mcc::METRO,
        Verdict::Reject(Outcome::Acquirer),
    ),
    (
        "test",
        |f| f.test = true,
        Verdict::Reject(Outcome::TestFlag),
    ),
    (
        "from the future",
        |f| f.arrived_at = NOON.plus_s(-601),
        Verdict::Suspicious(Outcome::RideTime),
    ),
    (
        "before the beginning",
        |f| f.not_before = Some(NOON.plus_s(1)),
        Verdict::Suspicious(Outcome::RideTime),
    ),
    (
        "over 180 days",
        |f| f.arrived_at = NOON.plus_s(180 * DAY_S + 1),
        Verdict::Suspicious(Outcome::Late),
    ),
    (
        "180 days",
        |f| f.arrived_at = NOON.plus_s(180 * DAY_S),
        Verdict::Settle(Outcome::Late),
    ),
    (
        "over 90 days",
        |f| f.arrived_at = NOON.plus_s(90 * DAY_S + 1),
        Verdict::Settle(Outcome::Late),
    ),
    (
        "over the limit",
        |f| f.amount = Fen::new(2001),
        Verdict::Suspicious(Outcome::Amount),
    ),
    (
        "for nothing",
        |f| f.amount = Fen::ZERO,
        Verdict::Suspicious(Outcome::Amount),
    ),
    (
        "balances that do not follow",
        |f| f.balance_follows = false,
        Verdict::Suspicious(Outcome::Balance),
    ),
    (
        "wrong TAC",
        |f| f.evidence = Evidence::TacWrong,
        Verdict::Reject(Outcome::Tac),
    ),
    (
        "code",
        |f| f.evidence = Evidence::CodeRefused,
        Verdict::Reject(Outcome::RideCode),
    ),
    (
        "digest",
        |f| f.evidence = Evidence::DigestWrong,
        Verdict::Reject(Outcome::RideCode),
    ),
    (
        "terminal",
        |f| f.evidence = Evidence::TerminalSignatureWrong,
        Verdict::Reject(Outcome::RideCode),
    ),
    (
        "revoked 15 days ago",
        |f| f.revoked_since = Some(NOON.plus_s(-15 * DAY_S)),
        Verdict::Reject(Outcome::Blacklisted),
    ),
    (
        "listed a day ago",
        |f| f.blacklisted_since = Some(NOON.plus_s(-DAY_S)),
        Verdict::Reject(Outcome::Blacklisted),
    ),
    (
        "listed long ago",
        |f| f.blacklisted_since = Some(Timestamp::new(0)),
        Verdict::Reject(Outcome::Blacklisted),
    ),
    (
        "a key outside its permit",
        |f| f.key_in_scope = false,
        Verdict::Reject(Outcome::Key),
    ),
];

#[test]
fn each_fault_alone_has_its_verdict() {
    assert_eq!(
        judge(&sound_ride(), &context()),
        Verdict::Settle(Outcome::Correct)
    );
    for (name, spoil, expect) in FAULTS {
        let mut facts = sound_ride();
        spoil(&mut facts);
        assert_eq!(judge(&facts, &context()), expect, "{name}");
    }
}

/// Of two faults the earlier check speaks; a mark yields to whatever stops the record.
#[test]
fn the_first_check_that_stops_a_record_speaks() {
    for (i, (first, spoil, expect)) in FAULTS.iter().enumerate() {
        for (second, spoil_too, expect_too) in &FAULTS[i + 1..] {
            let mut facts = sound_ride();
            spoil_too(&mut facts);
            spoil(&mut facts);
            let expect = if expect.is_settled() {
                expect_too
            } else {
                expect
            };
            assert_eq!(judge(&facts, &context()), *expect, "{first} and {second}");
        }
    }
}

#[test]
fn boundaries_belong_to_the_rider() {
    let check = |spoil: fn(&mut RideFacts)| {
        let mut facts = sound_ride();
        spoil(&mut facts);
        assert_eq!(judge(&facts, &context()), Verdict::Settle(Outcome::Correct));
    };
    check(|f| f.arrived_at = NOON.plus_s(-600));
    check(|f| f.not_before = Some(NOON));
    check(|f| f.arrived_at = NOON.plus_s(90 * DAY_S));
    check(|f| f.amount = Fen::new(2000));
    check(|f| {
        f.amount = Fen::ZERO;
        f.may_be_free = true;
    });
    check(|f| f.revoked_since = Some(NOON.plus_s(1 - 15 * DAY_S)));
    check(|f| f.blacklisted_since = Some(NOON.plus_s(1 - DAY_S)));
    check(|f| f.blacklisted_since = Some(NOON.plus_s(DAY_S)));
}

#[test]
fn roles_and_segments_are_matched_as_they_should() {
    let mut context = context();
    context.entitlements.accept_issuer(code("01345810"), "");
    let mut facts = sound_ride();
    facts.issuer = code("01345810");
    assert!(
        judge(&facts, &context).is_settled(),
        "an empty segment accepts all"
    );
    facts.acquirer = code("01345810");
    assert!(
        judge(&facts, &context).is_settled(),
        "the role digit does not matter"
    );
    context.test_environment = true;
    assert_eq!(judge(&facts, &context), Verdict::Reject(Outcome::TestFlag));
    facts.test = true;
    assert!(judge(&facts, &context).is_settled());
}

#[test]
fn checks_are_in_the_order_of_their_codes() {
    for pair in CHECKS.windows(2) {
        assert!(pair[0].outcome <= pair[1].outcome);
    }
}

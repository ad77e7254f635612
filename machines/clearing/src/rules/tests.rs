use super::*;
use crate::demo;

fn rules(lines: &str) -> Result<FeeRules, FeeRulesError> {
    FeeRules::parse(&format!("fee-rules 1\nversion 7\n{lines}"))
}

fn key(service: Service, acquirer: &str, issuer: &str, day: &str) -> FeeKey {
    FeeKey {
        day: day.parse().unwrap(),
        business: Business::Transport,
        service,
        acquirer: InstitutionCode::parse(acquirer).unwrap(),
        issuer: InstitutionCode::parse(issuer).unwrap(),
    }
}

const ALWAYS: &str = "2000-01-01 9999-12-31";

#[test]
fn worked_sample_of_the_reference() {
    let rules = FeeRules::parse(demo::FEE_RULES).unwrap();
    let key = key(Service::Bus, "11345810", "01341000", "2026-01-01");
    let fees = rules.fees(Fen::new(80), &key).unwrap();
    assert_eq!(fees.fee().to_string(), "0.2800000");
    assert_eq!(fees.acquirer_share().to_string(), "0.1400000");
    assert_eq!(fees.issuer_share().to_string(), "0.0840000");
    assert_eq!(fees.hub_share().to_string(), "0.0560000");
}

#[test]
fn cuts_shares_and_leaves_the_rest_to_the_hub() {
    // 1 fen at 10^-7 is one unit: half of it is cut to nothing.
    let rules = rules(&format!("rule any any any any {ALWAYS} 0.00001% 50% 50%")).unwrap();
    let key = key(Service::Bus, "11345810", "01341000", "2026-01-01");
    let parts = |fen| {
        let fees = rules.fees(Fen::new(fen), &key).unwrap();
        [
            fees.fee(),
            fees.acquirer_share(),
            fees.issuer_share(),
            fees.hub_share(),
        ]
        .map(FenE7::get)
    };
    assert_eq!(parts(0), [0, 0, 0, 0]);
    assert_eq!(parts(1), [1, 0, 0, 1]);
    assert_eq!(parts(2), [2, 1, 1, 0]);
    assert_eq!(parts(3), [3, 1, 1, 1]);
}

#[test]
fn the_most_specific_rule_wins() {
    let rules = rules(&format!(
        "rule any       any   any      any      {ALWAYS} 1% 0% 0%
         rule transport any   any      any      {ALWAYS} 2% 0% 0%
         rule transport metro any      any      {ALWAYS} 3% 0% 0%
         rule transport any   11345810 any      2000-01-01 2025-12-31 4% 0% 0%
         rule transport metro 11345810 any      2000-01-01 2025-12-31 5% 0% 0%
         rule transport metro 01345810 01341000 {ALWAYS} 6% 0% 0%"
    ))
    .unwrap();
    assert_eq!(rules.version(), RuleVersion::new(7));
    let check = |service, acquirer, issuer, day, percent: i64| {
        let fees = rules
            .fees(Fen::new(100), &key(service, acquirer, issuer, day))
            .unwrap();
        assert_eq!(
            fees.fee().get(),
            percent * 10_000_000,
            "{service:?} {acquirer} {issuer}"
        );
    };
    check(Service::Bus, "11341000", "01341000", "2026-01-01", 2);
    check(Service::Metro, "11341000", "01341000", "2026-01-01", 3);
    check(Service::Bus, "11345810", "01345810", "2025-12-31", 4);
    check(Service::Bus, "11345810", "01345810", "2026-01-01", 2);
    check(Service::Metro, "11345810", "01345840", "2025-12-31", 5);
    // Role digits do not matter, on either side.
    check(Service::Metro, "11345810", "11341000", "2025-12-31", 6);
    check(Service::Metro, "01345810", "01341000", "2026-01-01", 6);
    let other = FeeKey {
        business: Business::Other,
        ..key(Service::Metro, "11341000", "01341000", "2026-01-01")
    };
    assert_eq!(
        rules.fees(Fen::new(100), &other).unwrap().fee().get(),
        10_000_000
    );
}

#[test]
fn refuses_ties_and_more_than_everything() {
    let check = |lines: String, expect: Option<FeeRulesError>| {
        assert_eq!(rules(&lines).err(), expect, "{lines}");
    };
    let tie = Some(FeeRulesError::Tie {
        first: 1,
        second: 2,
    });
    let any = format!("rule any any any any {ALWAYS} 1% 0% 0%\n");
    check(format!("{any}{any}"), tie.clone());
    let crossed = format!(
        "rule any any 01345810 any {ALWAYS} 1% 0% 0%
         rule any any any 01341000 {ALWAYS} 2% 0% 0%\n"
    );
    check(crossed.clone(), tie.clone());
    let decided = format!("rule any any 01345810 01341000 {ALWAYS} 3% 0% 0%\n");
    check(format!("{crossed}{decided}"), None);
    let too_short = "rule any any 01345810 01341000 2000-01-01 2020-01-01 3% 0% 0%\n";
    check(format!("{crossed}{too_short}"), tie);
    check(
        "rule any any any any 2000-01-01 2020-12-31 1% 0% 0%
         rule any any any any 2021-01-01 2022-12-31 2% 0% 0%"
            .into(),
        None,
    );
    let number = 1;
    let too_much = Some(FeeRulesError::TooMuch { number });
    check(
        format!("rule any any any any {ALWAYS} 100.00001% 0% 0%"),
        too_much.clone(),
    );
    check(
        format!("rule any any any any {ALWAYS} 1% 50% 50.01%"),
        too_much,
    );
    let never = Some(FeeRulesError::NeverValid { number });
    check(
        "rule any any any any 2000-01-02 2000-01-01 1% 0% 0%".into(),
        never,
    );
}

#[test]
fn refuses_lines_that_are_no_rules() {
    for line in [
        "rule any any any any 2000-01-01 9999-12-31 1% 0%",
        "rule any any any any 2000-01-01 9999-12-31 1 0% 0%",
        "rule any any any any 2000-01-01 9999-12-31 -1% 0% 0%",
        "rule any any any any 2000-01-01 9999-12-31 0.000001% 0% 0%",
        "rule any any any any 2000-01-01 9999-12-31 1% 0.001% 0%",
        "rule any any any any 2000-13-01 9999-12-31 1% 0% 0%",
        "rule any tram any any 2000-01-01 9999-12-31 1% 0% 0%",
        "rule all any any any 2000-01-01 9999-12-31 1% 0% 0%",
        "rule any any 1134581 any 2000-01-01 9999-12-31 1% 0% 0%",
        "version 8",
    ] {
        assert!(
            matches!(rules(line), Err(FeeRulesError::Parse(_))),
            "{line}"
        );
    }
    assert!(FeeRules::parse("fee-rules 1").is_err());
    assert!(FeeRules::parse("fee-rules 1\nversion x").is_err());
}

#[test]
fn refuses_amounts_without_a_fee() {
    let rules = rules("rule any any 01345810 any 2000-01-01 9999-12-31 1% 50% 50%").unwrap();
    let covered = key(Service::Bus, "11345810", "01341000", "2026-01-01");
    let elsewhere = key(Service::Bus, "11341000", "01341000", "2026-01-01");
    assert_eq!(rules.fees(Fen::new(1), &elsewhere), Err(FeeError::NoRule));
    let amount_fen = -1;
    let negative = Err(FeeError::NegativeAmount { amount_fen });
    assert_eq!(rules.fees(Fen::new(-1), &covered), negative);
    assert!(matches!(
        rules.fees(Fen::new(i64::MAX), &covered),
        Err(FeeError::Money(_))
    ));
}

use super::*;
use crate::demo;

fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

fn country() -> Topology {
    Topology::parse(demo::TOPOLOGY).unwrap()
}

#[test]
fn clears_in_the_body_the_province_or_the_nation() {
    let country = country();
    let check = |acquirer: &str, issuer: &str, hub: &str, traffic: Traffic| {
        let expect = Ok(Route {
            hub: code(hub),
            traffic,
        });
        let city = |text| CityCode::parse(text).unwrap();
        assert_eq!(country.clearing_hub(city(acquirer), city(issuer)), expect);
        let acquirer = code(&format!("1134{acquirer}"));
        assert_eq!(
            country.route(acquirer, code(&format!("0134{issuer}"))),
            expect
        );
    };
    check("5810", "5810", "01345810", Traffic::Local);
    check("1000", "1000", "01341000", Traffic::Local);
    check("5810", "5840", "30005800", Traffic::InProvince);
    check("5840", "5810", "30005800", Traffic::InProvince);
    check("5810", "1000", "00000000", Traffic::CrossProvince);
    check("1000", "5840", "00000000", Traffic::CrossProvince);
    assert!(country.route(code("11349999"), code("01341000")).is_err());
}

#[test]
fn walks_up_and_down_hop_by_hop() {
    let country = country();
    let check = |from: &str, to: &str, hops: &str| {
        let (mut at, mut way) = (code(from), Vec::new());
        while let Some(next) = country.next_hop(at, code(to)).unwrap() {
            way.push(next.to_string());
            at = next;
        }
        assert_eq!(way.join(" "), hops);
    };
    check("01345810", "01341000", "30005800 00000000 01341000");
    check("01341000", "11345810", "00000000 30005800 01345810");
    check("01345810", "01345840", "30005800 01345840");
    check("01345810", "01345810", "");
    check("01345810", "11345810", "");
    assert!(
        country
            .next_hop(code("99999999"), code("01341000"))
            .is_err()
    );
    assert!(
        country
            .next_hop(code("01341000"), code("99999999"))
            .is_err()
    );
}

#[test]
fn sees_a_province_for_its_cities() {
    let country = country();
    let check = |hub: &str, institution: &str, member: &str| {
        let party = country.party_at(code(hub), code(institution)).unwrap();
        assert_eq!(party.member, code(member));
        assert_eq!(party.institution, code(institution));
    };
    check("00000000", "11345810", "30005800");
    check("00000000", "01341000", "01341000");
    check("30005800", "11345810", "01345810");
    check("01345810", "11345810", "01345810");
    assert!(
        country
            .party_at(code("30005800"), code("01341000"))
            .is_err()
    );
    let members = |hub: &str| {
        let found: Vec<_> = country
            .members_of(code(hub))
            .map(|c| c.to_string())
            .collect();
        found.join(" ")
    };
    assert_eq!(members("00000000"), "01341000 30005800");
    assert_eq!(members("30005800"), "01345810 01345840");
    assert_eq!(members("01345810"), "01345810");
}

#[test]
fn a_city_may_hold_several_institutions() {
    let country = Topology::parse(
        "topology 1
         body 00000000 national -
         body 30001000 city 00000000
         member 01341000 1000 30001000
         member 11351000 1000 30001000",
    )
    .unwrap();
    let route = country.route(code("11351000"), code("01341000")).unwrap();
    assert_eq!(route.hub, code("30001000"));
    let party = country
        .party_at(code("30001000"), code("11351000"))
        .unwrap();
    assert_eq!(party.member, code("01351000"));
    let hop = country.next_hop(code("30001000"), code("01341000"));
    assert_eq!(hop, Ok(Some(code("01341000"))));
}

#[test]
fn refuses_what_is_no_tree() {
    let check = |lines: &str, expect: &str| {
        let refused = Topology::parse(&format!("topology 1\n{lines}")).unwrap_err();
        let text = format!("{refused:?}");
        assert!(text.starts_with(expect), "{text}, expected {expect}");
    };
    const NATION: &str = "body 00000000 national -\n";
    check("", "National");
    check(&format!("{NATION}body 00000001 national -"), "National");
    check(&format!("{NATION}{NATION}"), "Twice");
    check("body 00000000 national 00000000", "Parent");
    check(&format!("{NATION}body 01341000 city -"), "Parent");
    check(&format!("{NATION}body 01341000 city 30009999"), "Parent");
    check(&format!("{NATION}body 01341000 city 01341000"), "Parent");
    check(
        &format!("{NATION}member 01341000 1000 00000000"),
        "MemberBody",
    );
    check(
        &format!("{NATION}member 01341000 1000"),
        "Parse(Statement { line: 3",
    );
    check(
        &format!("{NATION}body 01341000 town -"),
        "Parse(Word { line: 3",
    );
    check(
        &format!("{NATION}body 0134100 city -"),
        "Parse(Value { line: 3",
    );
    let cities = "body 01341000 city 00000000\nbody 01345810 city 00000000\n";
    let (one, two) = (
        "member 01341000 1000 01341000\n",
        "member 11341000 1000 01341000\n",
    );
    check(&format!("{NATION}{cities}{one}{two}"), "Twice");
    let elsewhere = "member 01345810 1000 01345810\n";
    check(
        &format!("{NATION}{cities}{one}{elsewhere}"),
        "CityInTwoBodies",
    );
    assert!(Topology::parse("fee-rules 1").is_err());
    assert!(Topology::parse("").is_err());
}

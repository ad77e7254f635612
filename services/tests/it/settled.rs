//! Whole days: two cities, three levels.

use tongtu_exchange_file::FileKind;
use tongtu_ride_code::record::Direction;
use tongtu_services::{DayPhase, RideRole, RideState};
use tongtu_types::{BusinessDay, Fen};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, SHENZHEN_CODE, Tap, code, day,
    morning, night,
};

/// A rider of Beijing at home and in Guangzhou, a rider of Guangzhou at home and in Beijing.
#[tokio::test]
async fn a_day_of_two_cities() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let records = [
        north.record(Tap::ride(&bei, t, 1, 200)),
        north.record(Tap::ride(&guang, t.plus_s(60), 2, 300)),
    ];
    country.upload(&north, &records, t.plus_s(600)).await;
    let records = [
        south.record(Tap::ride(&bei, t.plus_s(7200), 1, 80)),
        south.record(Tap::ride(&guang, t.plus_s(7260), 2, 400)),
    ];
    country.upload(&south, &records, t.plus_s(9000)).await;
    let before = country.acquired(GUANGZHOU_CODE).await;
    assert!(
        before
            .iter()
            .all(|ride| ride.state == RideState::Stored && ride.day.is_none())
    );

    country.close(day()).await;
    let closed = country.node(GUANGZHOU_CODE).day_view(day()).await.unwrap();
    assert_eq!(closed.phase, DayPhase::Sealed);
    assert_eq!(
        (closed.records, closed.forwarded, closed.settled),
        (2, 1, 0)
    );
    country.settle(day()).await;
    country.audit().await;

    // 80 fen: fee 0.28, of which Guangzhou 0.14 and Beijing 0.084; 300 fen: 1.05, 0.525, 0.315.
    let nation = country.node(NATION).day_view(day()).await.unwrap();
    assert_eq!(
        (nation.phase, nation.records, nation.settled),
        (DayPhase::Published, 2, 2)
    );
    assert_eq!(nation.hub_fee_e7.to_string(), "0.2660000");
    assert!(nation.control_sum_e7.is_zero());
    let nets: Vec<_> = nation
        .positions
        .iter()
        .map(|p| (p.member, p.net.get()))
        .collect();
    // Beijing: 299.475 in, 79.916 out. Guangzhou: 79.86 in, 299.685 out. Each is rounded.
    assert_eq!(
        nets,
        [(code(BEIJING_CODE), 299 - 80), (code(PROVINCE), 80 - 300)]
    );
    let province = country.node(PROVINCE).day_view(day()).await.unwrap();
    assert_eq!(
        (province.records, province.forwarded, province.settled),
        (1, 1, 0)
    );
    let nets: Vec<_> = province
        .positions
        .iter()
        .map(|p| (p.member, p.net.get()))
        .collect();
    assert_eq!(
        nets,
        [(code(GUANGZHOU_CODE), -220), (code(SHENZHEN_CODE), 0)]
    );
    let city = country.node(GUANGZHOU_CODE).day_view(day()).await.unwrap();
    assert_eq!((city.records, city.forwarded, city.settled), (2, 1, 1));
    assert_eq!(city.positions[0].net, Fen::new(-220));

    assert_eq!(
        country.balance(BEIJING_CODE, &bei).await,
        Fen::new(5000 - 200 - 80)
    );
    assert_eq!(
        country.balance(GUANGZHOU_CODE, &guang).await,
        Fen::new(5000 - 300 - 400)
    );
    let account = country
        .node(BEIJING_CODE)
        .account_view(bei.account)
        .await
        .unwrap();
    assert_eq!(account.rides, 2);
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        for ride in country.acquired(city).await {
            assert_eq!(
                (ride.state, ride.result, ride.day),
                (RideState::Settled, 0, Some(day()))
            );
        }
    }
    // Each ride is debited where its rider is at home.
    let debited: Vec<bool> = country
        .acquired(BEIJING_CODE)
        .await
        .iter()
        .map(|r| r.debited)
        .collect();
    assert_eq!(debited, [true, false]);

    let expect = [
        "01345810/settlement/01345810 0.0000000",
        "01345810/settlement/30005800 220.0000000",
        "01345810/fee-income 0.3150000",
        "01345810/fee-expense -0.1400000",
        "01345810/rounding -0.1750000",
        "01345810/rider/3105810000000000001 4300.0000000",
        "01345810/recharge-clearing -5000.0000000",
        "01345810/operator-payable/B1 480.0000000",
    ];
    let mut expect = expect.map(ToOwned::to_owned).to_vec();
    let mut books = country.books(GUANGZHOU_CODE).await;
    expect.sort();
    books.sort();
    assert_eq!(books, expect);
    let books = country.books(PROVINCE).await;
    assert!(books.contains(&"30005800/settlement/00000000 220.0000000".to_owned()));
    assert!(books.contains(&"30005800/settlement/01345810 -220.0000000".to_owned()));
    assert!(books.contains(&"30005800/transit/00000000 0.0000000".to_owned()));
}

/// Rides that meet at each of the three levels, and the files that tell of them.
#[tokio::test]
async fn a_day_of_three_levels() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let shen = country.rider(SHENZHEN_CODE, 1).await;
    let mut t = morning();
    let mut sequence = 0;
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        let terminal = country.terminal(city, 1).await;
        let mut records = Vec::new();
        for (rider, fen) in [(&bei, 101), (&guang, 203), (&shen, 307), (&bei, 99)] {
            t = t.plus_s(60);
            sequence += 1;
            records.push(terminal.record(Tap::ride(rider, t, sequence, fen)));
        }
        country.upload(&terminal, &records, t).await;
    }
    country.close(day()).await;
    country.settle_at(NATION, day()).await;
    let files = country.carry_down(NATION, PROVINCE).await;
    let kinds: Vec<FileKind> = files.iter().map(|name| name.kind()).collect();
    assert_eq!(
        kinds,
        [FileKind::LD, FileKind::FB, FileKind::CL, FileKind::BP]
    );
    country.carry_down(NATION, BEIJING_CODE).await;
    country.settle_at(PROVINCE, day()).await;
    country.carry_down(PROVINCE, GUANGZHOU_CODE).await;
    country.carry_down(PROVINCE, SHENZHEN_CODE).await;
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        country.settle_at(city, day()).await;
    }
    country.audit().await;

    let hub = |text: &'static str| async { country.node(text).rides_view(RideRole::Hub).await };
    assert_eq!(
        hub(NATION).await.unwrap().len(),
        6,
        "two from Beijing, four from the province"
    );
    assert_eq!(
        hub(PROVINCE).await.unwrap().len(),
        2,
        "between Guangzhou and Shenzhen"
    );
    assert_eq!(hub(BEIJING_CODE).await.unwrap().len(), 2);
    assert_eq!(hub(GUANGZHOU_CODE).await.unwrap().len(), 1);
    let mut nets = 0;
    let mut kept = 0;
    for text in [NATION, PROVINCE] {
        let view = country.node(text).day_view(day()).await.unwrap();
        assert!(view.control_sum_e7.is_zero());
        kept += view.hub_fee_e7.get() + view.rounding_e7.get();
        for position in &view.positions {
            // What the nation says of the province is the province's own; it counts once.
            if position.member != code(PROVINCE) {
                nets += i128::from(position.net.get()) * 10_000_000;
            }
        }
    }
    assert_eq!(
        nets + kept,
        0,
        "what cities get and hubs keep is nothing together"
    );
    let nation = country.node(NATION).day_view(day()).await.unwrap();
    let due = nation
        .positions
        .iter()
        .find(|p| p.member == code(PROVINCE))
        .unwrap()
        .net;
    let line = format!("30005800/settlement/00000000 {}.0000000", -due.get());
    assert!(country.books(PROVINCE).await.contains(&line), "{line}");
    assert_eq!(
        country.balance(BEIJING_CODE, &bei).await,
        Fen::new(5000 - 600)
    );
    assert_eq!(
        country.balance(GUANGZHOU_CODE, &guang).await,
        Fen::new(5000 - 609)
    );
    assert_eq!(
        country.balance(SHENZHEN_CODE, &shen).await,
        Fen::new(5000 - 921)
    );
    for node in country.nodes() {
        assert_eq!(node.alarms().await.unwrap(), [], "{}", node.config().code);
    }
}

/// A city without foreign traffic gets a line of zeros and settles by it.
#[tokio::test]
async fn an_empty_day_is_settled_too() {
    let country = Country::found().await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&guang, morning(), 1, 200));
    country.upload(&south, &[record], morning()).await;
    country.close(day()).await;
    country.settle_at(NATION, day()).await;
    let files = country.carry_down(NATION, BEIJING_CODE).await;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].kind(), FileKind::BP);
    country.carry_down(NATION, PROVINCE).await;
    country.settle_at(PROVINCE, day()).await;
    country.carry_down(PROVINCE, GUANGZHOU_CODE).await;
    country.carry_down(PROVINCE, SHENZHEN_CODE).await;
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        let view = country.settle_at(city, day()).await;
        assert_eq!(view.positions[0].net, Fen::ZERO);
    }
    country.audit().await;
    assert_eq!(
        country.balance(GUANGZHOU_CODE, &guang).await,
        Fen::new(4800)
    );
}

/// Entry and exit: the entry is kept as evidence, the exit is the ride.
#[tokio::test]
async fn an_entry_is_kept_and_never_cleared() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let entry = Tap {
        direction: Direction::Entry,
        ..Tap::ride(&bei, t, 1, 0)
    };
    let exit = Tap {
        direction: Direction::Exit,
        ..Tap::ride(&bei, t.plus_s(1800), 2, 500)
    };
    // One code at both gates is one ride, not a code used twice.
    let exit = Tap {
        code: entry.code.clone(),
        at: t.plus_s(300),
        ..exit
    };
    let records = [south.record(entry), south.record(exit)];
    country.upload(&south, &records, t.plus_s(2000)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found: Vec<_> = rides.iter().map(|r| (r.direction, r.state)).collect();
    let expect = [
        (Direction::Entry, RideState::Evidence),
        (Direction::Exit, RideState::Settled),
    ];
    assert_eq!(found, expect);
    let view = country.node(GUANGZHOU_CODE).day_view(day()).await.unwrap();
    assert_eq!((view.records, view.evidence, view.forwarded), (2, 1, 1));
    let charged = country
        .node(BEIJING_CODE)
        .rides_view(RideRole::Issuer)
        .await
        .unwrap();
    assert_eq!((charged.len(), charged[0].direction), (1, Direction::Exit));
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4500));
}

/// Records uploaded after the cut-off belong to the next day, whenever they were ridden.
#[tokio::test]
async fn a_late_upload_is_the_next_days() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let record = south.record(Tap::ride(&bei, t, 1, 100));
    country.upload(&south, &[record], t.plus_s(60)).await;
    country.close(day()).await;
    let record = south.record(Tap::ride(&bei, t.plus_s(60), 2, 200));
    country
        .upload(&south, &[record], night(day()).plus_s(1))
        .await;
    // Repeated, closing takes nothing more in.
    country.close(day()).await;
    country.settle(day()).await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found: Vec<_> = rides
        .iter()
        .map(|r| (r.amount.get(), r.state, r.day))
        .collect();
    let expect = [
        (100, RideState::Settled, Some(day())),
        (200, RideState::Stored, None),
    ];
    assert_eq!(found, expect);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4900));
    country.close(day().next()).await;
    country.settle(day().next()).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found = (rides[1].state, rides[1].day);
    assert_eq!(found, (RideState::Settled, Some(day().next())));
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4700));
}

/// The arrival decides, not the moment at which somebody closes the day.
#[tokio::test]
async fn a_late_close_takes_nothing_of_the_next_day() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let end = night(day()).plus_s(-600);
    for (sequence, after) in [(1, -1), (2, 0), (3, 5)] {
        let tap = Tap::ride(&bei, end.plus_s(after - 60), sequence, 100);
        let record = south.record(tap);
        country.upload(&south, &[record], end.plus_s(after)).await;
    }
    let node = country.node(GUANGZHOU_CODE);
    let view = node.day_close(day(), end.plus_s(10)).await.unwrap();
    assert_eq!(view.records, 1);
    country.close(day()).await;
    country.settle(day()).await;
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4900));
    let tomorrow = day().next();
    country.close(tomorrow).await;
    country.settle(tomorrow).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found: Vec<_> = rides.iter().map(|r| (r.state, r.day)).collect();
    let expect = [day(), tomorrow, tomorrow].map(|day| (RideState::Settled, Some(day)));
    assert_eq!(found, expect);
}

/// Closing a day that is long over takes nothing of today's.
#[tokio::test]
async fn an_old_day_takes_nothing_of_today() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&bei, morning(), 1, 100));
    country.upload(&south, &[record], morning()).await;
    let node = country.node(GUANGZHOU_CODE);
    let old = BusinessDay::from_days(day().days() - 40);
    let view = node.day_close(old, morning()).await.unwrap();
    assert_eq!((view.phase, view.records), (DayPhase::Sealed, 0));
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found = (rides[0].state, rides[0].day);
    assert_eq!(found, (RideState::Settled, Some(day())));
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4900));
}

/// A day that nobody closed goes with the next one: none of its rides is stranded.
#[tokio::test]
async fn a_day_that_was_left_out_goes_with_the_next() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&bei, morning(), 1, 100));
    country.upload(&south, &[record], morning()).await;
    let tomorrow = day().next();
    country.close(tomorrow).await;
    country.settle(tomorrow).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found = (rides[0].state, rides[0].day);
    assert_eq!(found, (RideState::Settled, Some(tomorrow)));
}

/// A file that reaches a hub after its cut-off belongs to the hub's next day.
#[tokio::test]
async fn a_late_file_is_the_hubs_next_day() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let record = south.record(Tap::ride(&bei, morning(), 1, 100));
    country.upload(&south, &[record], morning()).await;
    let (nation, province) = (country.node(NATION), country.node(PROVINCE));
    nation.day_close(day(), night(day())).await.unwrap();
    country.close(day()).await;
    assert_eq!(nation.day_view(day()).await.unwrap().records, 0);
    assert_eq!(province.day_view(day()).await.unwrap().forwarded, 1);
    country.settle(day()).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    assert_eq!(rides[0].state, RideState::Forwarded);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(5000));
    country.close(day().next()).await;
    country.settle(day().next()).await;
    country.audit().await;
    let rides = country.acquired(GUANGZHOU_CODE).await;
    let found = (rides[0].state, rides[0].day);
    assert_eq!(found, (RideState::Settled, Some(day().next())));
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(4900));
}

/// A ride that the prepaid money does not cover goes to arrears, and the next recharge pays it.
#[tokio::test]
async fn arrears_are_paid_by_the_next_recharge() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let records: Vec<_> = (0_u32..3)
        .map(|n| north.record(Tap::ride(&bei, t.plus_s(i64::from(n) * 60), n.into(), 2000)))
        .collect();
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let node = country.node(BEIJING_CODE);
    assert_eq!(country.balance(BEIJING_CODE, &bei).await, Fen::new(-1000));
    let refused = node
        .user_certificate_issue(bei.account, t)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "issuing.account_in_arrears");
    let arrears = "01341000/arrears/3101000000000000001";
    assert!(
        country
            .books(BEIJING_CODE)
            .await
            .contains(&format!("{arrears} -1000.0000000"))
    );
    for (id, fen, expect) in [("a", 400, -600), ("a", 400, -600), ("b", 5000, 4400)] {
        let paid = node
            .account_recharge(bei.account, id, Fen::new(fen), night(day()))
            .await;
        assert_eq!(paid.unwrap().balance, Fen::new(expect));
    }
    assert!(
        country
            .books(BEIJING_CODE)
            .await
            .contains(&format!("{arrears} 0.0000000"))
    );
    node.user_certificate_issue(bei.account, t).await.unwrap();
    country.audit().await;
}

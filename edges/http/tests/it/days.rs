//! A settlement day of a city and the nation, every step over HTTP.

use tongtu_api::{AmountE7, DayPhase, RideRole, RideState};
use tongtu_types::BusinessDay;

use crate::country::{Country, FARE, Rider, T0, Terminal, after, day0, status_of};

#[tokio::test]
async fn settles_a_day_between_city_and_nation() {
    let country = Country::new();
    let nation = country.nation().await;
    let city = country.beijing(Some(&nation.url)).await;
    let local = Rider::enrolled("3104100000000000017", &city).await;
    let foreign = country.rider_from_guangzhou(T0);
    let terminal = Terminal::registered("100000000001", &city).await;
    let rides = [terminal.ride(&local, T0, 1), terminal.ride(&foreign, T0, 2)];
    city.terminal(terminal.number)
        .records_upload(terminal.number, &rides)
        .await
        .unwrap();

    let open = city.client.day_view(day0()).await.unwrap();
    assert_eq!((&*open.day, open.phase), ("2026-01-01", DayPhase::Open));
    let evening = after(day0());
    let (city_late, nation_late) = (city.client.at(evening), nation.client.at(evening));
    let closed = city_late.day_close(day0()).await.unwrap();
    assert_eq!((closed.records, closed.forwarded), (2, 1), "{closed:?}");
    assert_eq!(city_late.day_close(day0()).await.unwrap(), closed);

    let early = city_late.day_settle(day0()).await.unwrap_err();
    assert!(early.retryable(), "{early}");

    let up = city_late.pump().await.unwrap();
    assert_eq!((up.pushed, up.fetched), (1, 0), "{up:?}");
    assert_eq!(up.problems, []);
    let sealed = nation_late.day_close(day0()).await.unwrap();
    assert_eq!((sealed.records, sealed.forwarded), (1, 0), "{sealed:?}");
    let published = nation_late.day_settle(day0()).await.unwrap();
    assert_eq!(published.phase, DayPhase::Published);
    assert_eq!(published.settled, 1, "{published:?}");
    assert_eq!(published.control_sum_e7, AmountE7(0));
    assert_eq!(nation_late.day_settle(day0()).await.unwrap(), published);

    let down = city_late.pump().await.unwrap();
    assert_eq!((down.pushed, down.problems.len()), (0, 0), "{down:?}");
    assert!(down.fetched >= 1, "{down:?}");
    let settled = city_late.day_settle(day0()).await.unwrap();
    assert_eq!(settled.phase, DayPhase::Published, "{settled:?}");
    assert_eq!(city_late.day_view(day0()).await.unwrap(), settled);

    let account = city_late.account_view(local.account).await.unwrap();
    assert_eq!(account.balance_fen, 5000 - FARE.get());
    assert_eq!(account.rides, 1);

    for client in [&city_late, &nation_late] {
        let ledger = client.ledger_view().await.unwrap();
        assert_eq!(ledger.sum_e7, AmountE7(0));
        let balances: i128 = ledger.balances.iter().map(|b| b.balance_e7.0).sum();
        assert_eq!(balances, 0);
        assert!(!ledger.balances.is_empty());
    }

    // Everything the nation made is on record there, confirmed or not.
    let made = nation_late.files_made().await.unwrap();
    let ours = made.iter().filter(|file| file.receiver == "01341000");
    assert_eq!(ours.count() as u64, down.fetched);
    for file in &made {
        assert_eq!((file.name.len(), file.digest.0.len()), (33, 32));
        assert!(file.length > 0);
    }

    let rides = city_late.rides_view(RideRole::Acquirer).await.unwrap();
    assert_eq!(rides.len(), 2);
    for ride in &rides {
        assert_eq!(ride.state, RideState::Settled, "{ride:?}");
        assert_eq!((ride.amount_fen, ride.result), (FARE.get(), 0));
        assert_eq!(ride.day.as_deref(), Some("2026-01-01"));
    }
    let rides = city_late.rides_view(RideRole::Issuer).await.unwrap();
    let [ride] = &rides[..] else {
        panic!("{rides:?}");
    };
    assert_eq!(ride.account, local.account.reveal());
    assert_eq!(ride.generated_at_s, T0.get());
    assert!(ride.debited);
    let rides = nation_late.rides_view(RideRole::Hub).await.unwrap();
    assert_eq!(rides.len(), 1);
    assert_eq!(rides[0].account, foreign.account.reveal());
}

#[tokio::test]
async fn a_day_that_never_was_is_open_and_empty() {
    let city = Country::new().beijing(None).await;
    let day = BusinessDay::from_ymd(2030, 2, 28).unwrap();
    let view = city.client.day_view(day).await.unwrap();
    assert_eq!((&*view.day, view.phase), ("2030-02-28", DayPhase::Open));
    assert_eq!((view.records, view.settled), (0, 0));
    assert_eq!(view.positions, []);
}

#[tokio::test]
async fn a_day_that_is_not_closed_is_not_settled() {
    let city = Country::new().beijing(None).await;
    let late = city.client.at(after(day0()));
    let error = late.day_settle(day0()).await.unwrap_err();
    assert_eq!(status_of(&error), (422, "clearing.day_too_early"));
    assert!(error.retryable());
    let view = city.client.day_view(day0()).await.unwrap();
    assert_eq!(view.phase, DayPhase::Open);
}

#[tokio::test]
async fn a_day_that_is_not_over_is_not_closed() {
    let city = Country::new().beijing(None).await;
    let error = city.client.day_close(day0()).await.unwrap_err();
    assert_eq!(status_of(&error), (422, "clearing.day_not_over"));
    assert!(error.retryable());
    let view = city.client.day_view(day0()).await.unwrap();
    assert_eq!(view.phase, DayPhase::Open);
}

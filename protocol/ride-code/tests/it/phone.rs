//! The phone draws within its budget and says why not beyond it.

use tongtu_ride_code::Verdict;
use tongtu_ride_code::phone::{DrawRefusal, OFFLINE_CODES_MAX, OFFLINE_MAX_S, Phone};
use tongtu_ride_code::produce::ProduceError;

use crate::fixture::{Fixture, T0, key};

#[test]
fn draws_so_many_codes_offline_and_no_more() {
    let mut fixture = Fixture::new();
    let mut phone = Phone::new(fixture.certificate(), T0);
    for n in 0..OFFLINE_CODES_MAX {
        let at = T0.plus_s(i64::from(n) * 30);
        let code = phone.draw(at, &fixture.user_key).unwrap();
        assert_eq!(fixture.scan(code.as_bytes(), at), Verdict::Accepted);
    }
    let refused = phone.draw(T0.plus_s(999), &fixture.user_key).unwrap_err();
    assert_eq!(
        refused,
        DrawRefusal::OfflineBudget {
            drawn: OFFLINE_CODES_MAX
        }
    );
    phone.contact(T0.plus_s(1000), false);
    assert!(phone.draw(T0.plus_s(1000), &fixture.user_key).is_ok());
    assert_eq!(phone.redraw_after_s(), 300);
}

#[test]
fn goes_online_after_a_day_and_when_the_clock_runs_backwards() {
    let fixture = Fixture::new();
    let mut phone = Phone::new(fixture.certificate(), T0);
    assert!(
        phone
            .draw(T0.plus_s(OFFLINE_MAX_S), &fixture.user_key)
            .is_ok()
    );
    for since_s in [OFFLINE_MAX_S + 1, -1] {
        let refused = phone
            .draw(T0.plus_s(since_s), &fixture.user_key)
            .unwrap_err();
        assert_eq!(refused, DrawRefusal::OfflineTime { since_s });
    }
}

#[test]
fn a_suspended_account_and_an_old_certificate_draw_nothing() {
    let mut fixture = Fixture::new();
    let mut phone = Phone::new(fixture.certificate(), T0);
    phone.contact(T0, true);
    assert_eq!(
        phone.draw(T0, &fixture.user_key).unwrap_err(),
        DrawRefusal::Suspended
    );
    phone.contact(T0, false);
    let refused = phone.draw(T0, &key("another phone")).unwrap_err();
    assert_eq!(refused, DrawRefusal::Produce(ProduceError::ForeignUserKey));
    let expires = fixture.terms.expires;
    let almost = expires.plus_s(-599);
    phone.contact(almost, false);
    let refused = phone.draw(almost, &fixture.user_key).unwrap_err();
    assert_eq!(
        refused,
        DrawRefusal::Produce(ProduceError::CertificateAlmostOver { expires })
    );
    // The refusal cost nothing of the budget, and a renewal mends it.
    fixture.terms.expires = expires.plus_s(86_400);
    phone.renew(fixture.certificate(), almost);
    assert!(!phone.certificate().wants_renewal(almost));
    assert!(phone.draw(almost, &fixture.user_key).is_ok());
}

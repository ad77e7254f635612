//! The clock: the only place of a node that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use tongtu_api::NOW_HEADER;
use tongtu_types::Timestamp;

use crate::server::RequestError;

/// Where a server takes the time of a request from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// The machine's clock; [`NOW_HEADER`] is ignored.
    System,
    /// The request's [`NOW_HEADER`]; a request that needs the time and has none is refused.
    Simulated,
}

impl Clock {
    /// The time of a request; `None` when the clock is simulated and the request says nothing.
    ///
    /// # Errors
    /// [`RequestError::Header`] when the clock is simulated and the header is not a number.
    pub(crate) fn time_of(self, headers: &HeaderMap) -> Result<Option<Timestamp>, RequestError> {
        match self {
            Self::System => Ok(Some(system_now())),
            Self::Simulated => {
                let Some(value) = headers.get(NOW_HEADER) else {
                    return Ok(None);
                };
                let unix_s = value.to_str().ok().and_then(|text| text.parse().ok());
                unix_s
                    .map(|unix_s| Some(Timestamp::new(unix_s)))
                    .ok_or(RequestError::Header {
                        name: NOW_HEADER,
                        fault: "not a whole number, expected Unix seconds".into(),
                    })
            }
        }
    }
}

impl Clock {
    /// The time when the answer to a request of that time goes out.
    pub(crate) fn time_after(self, asked: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::System => Some(system_now()),
            Self::Simulated => asked,
        }
    }

    /// The time of a request, for other loopback servers of ours.
    ///
    /// # Errors
    /// A sentence when the clock is simulated and the request does not say the time.
    pub fn now(self, headers: &HeaderMap) -> Result<Timestamp, String> {
        match self.time_of(headers) {
            Ok(Some(now)) => Ok(now),
            Ok(None) => Err(format!(
                "header {NOW_HEADER} is missing, expected Unix seconds"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The machine's time, in whole seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the Clock that the ban sends everyone to"
)]
pub(crate) fn system_now() -> Timestamp {
    let unix_s = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    };
    Timestamp::new(unix_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(now: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NOW_HEADER, now.parse().unwrap());
        headers
    }

    #[test]
    fn simulated_time_is_the_requests() {
        let time = |now| Clock::Simulated.time_of(&headers(now));
        assert_eq!(
            time("1767254400").unwrap(),
            Some(Timestamp::new(1_767_254_400))
        );
        assert_eq!(Clock::Simulated.time_of(&HeaderMap::new()).unwrap(), None);
        for wrong in ["", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(
                time(wrong).unwrap_err().to_string(),
                "header tongtu-now: not a whole number, expected Unix seconds"
            );
        }
    }

    #[test]
    fn real_time_ignores_the_request() {
        let now = Clock::System.time_of(&headers("5")).unwrap().unwrap();
        assert!(now > Timestamp::new(1_700_000_000), "{now}");
        assert!(Clock::System.time_of(&headers("soon")).is_ok());
    }
}

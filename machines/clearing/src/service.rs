//! What was ridden: merchant category, service and business.

use core::fmt;
use core::str::FromStr;

use tongtu_types::ValueError;

/// A merchant category code (商户类型): four digits, `4131` bus lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mcc(u16);

impl Mcc {
    /// Bus lines (公共汽电车).
    pub const BUS: Self = Self(4131);
    /// Metro and local rail (轨道交通).
    pub const METRO: Self = Self(4111);
    /// Taxis (出租汽车).
    pub const TAXI: Self = Self(4121);

    /// Parses four digits.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        const WHAT: &str = "merchant category";
        const EXPECTED: &str = "4 digits";
        if text.len() != 4 {
            return Err(ValueError::Length {
                what: WHAT,
                found: text.len(),
                expected: EXPECTED,
            });
        }
        match text.bytes().position(|b| !b.is_ascii_digit()) {
            Some(at) => Err(ValueError::Character {
                what: WHAT,
                at,
                expected: EXPECTED,
            }),
            None => Ok(Self(text.parse().expect("four digits fit 16 bits"))),
        }
    }

    /// The service that this category belongs to.
    #[must_use]
    pub const fn service(self) -> Service {
        // UNSPECIFIED: 4131 is the only category seen in files; 4111 and 4121 are the bank-card
        // meanings of the numbers. Anything else counts as another service.
        match self {
            Self::BUS => Service::Bus,
            Self::METRO => Service::Metro,
            Self::TAXI => Service::Taxi,
            _ => Service::Other,
        }
    }
}

impl fmt::Display for Mcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

impl fmt::Debug for Mcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mcc {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

/// A kind of service (服务类型), as fee rules tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// Bus (公交), `01`.
    Bus,
    /// Metro (地铁), `02`.
    Metro,
    /// Bicycle rental (公共自行车), `03`.
    BikeRental,
    /// Taxi (出租), `04`.
    Taxi,
    /// Anything else; only a rule for all services matches it.
    Other,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Bus,
        Self::Metro,
        Self::BikeRental,
        Self::Taxi,
        Self::Other,
    ];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bus => "bus",
            Self::Metro => "metro",
            Self::BikeRental => "bike-rental",
            Self::Taxi => "taxi",
            Self::Other => "other",
        }
    }

    /// Reads the stable word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// A kind of business (业务类型), as fee rules tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Business {
    /// Transport (交通), `1`.
    Transport,
    /// Anything else (其他), `2`.
    Other,
}

impl Business {
    /// Reads the stable word, `transport` or `other`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "transport" => Some(Self::Transport),
            "other" => Some(Self::Other),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_service_of_a_category() {
        let check = |text: &str, expect| assert_eq!(Mcc::parse(text).unwrap().service(), expect);
        check("4131", Service::Bus);
        check("4111", Service::Metro);
        check("4121", Service::Taxi);
        check("0007", Service::Other);
        assert_eq!(Mcc::parse("0007").unwrap().to_string(), "0007");
        for text in ["", "413", "41310", "413a", "+131"] {
            assert!(Mcc::parse(text).is_err(), "{text:?}");
        }
        for service in Service::ALL {
            assert_eq!(Service::parse(service.as_str()), Some(service));
        }
    }
}

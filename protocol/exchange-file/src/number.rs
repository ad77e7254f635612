//! The small numbers of the records, each a type with its known values named.
//!
//! A value without a name survives a round trip; what it means is for others to say.

use alloc::string::String;

use tongtu_codec::{Digits, Encoding, FieldError};

macro_rules! wire_number {
    ($(#[$doc:meta])* $name:ident, $width:literal $(, $(#[$vdoc:meta])* $value:ident = $number:literal)* $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u16);

        impl $name {
            $($(#[$vdoc])* pub const $value: Self = Self($number);)*

            #[doc = concat!("Takes a number of at most ", $width, " digits; a longer one does not encode.")]
            #[must_use]
            pub const fn new(number: u16) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u16 {
                self.0
            }
        }

        impl Encoding<$name> for Digits {
            const LETTER: &'static str = "n";

            fn decode(bytes: &[u8]) -> Result<$name, FieldError> {
                let number = <Self as Encoding<u64>>::decode(bytes)?;
                u16::try_from(number)
                    .map($name)
                    .map_err(|_| FieldError::TooLong { needed: bytes.len(), width: $width })
            }

            fn encode(value: &$name, out: &mut [u8]) -> Result<(), FieldError> {
                <Self as Encoding<u64>>::encode(&u64::from(value.0), out)
            }

            fn show(value: &$name) -> String {
                alloc::format!("{:0width$}", value.0, width = $width)
            }
        }
    };
}

wire_number! {
    /// Trade code (交易代码) of a detail record: three digits.
    // UNSPECIFIED: no sample shows a code ride. Offline purse trades carry 300 and 362, and
    // every compound (entry and exit) sample 362; we use 300 for a ride of one scan and 362
    // for a ride of two, because both map to the same business 8451. What says "by code" is
    // the file kind CQ.
    TradeCode, 3,
    /// One scan.
    SINGLE = 300,
    /// Entry and exit scan (复合消费).
    COMPOUND = 362,
}

wire_number! {
    /// Trade type (交易类型), also called business: four digits.
    TradeType, 4,
    /// Offline consumption, from trade codes 300 and 362.
    OFFLINE = 8451,
    /// From trade codes 368 and 370.
    OFFLINE_OTHER = 8460,
    /// From trade code 401.
    OTHER = 8401,
}

impl TradeCode {
    /// The trade type that clearing files use for this code, if it is a known one.
    #[must_use]
    pub const fn trade_type(self) -> Option<TradeType> {
        match self.0 {
            300 | 362 => Some(TradeType::OFFLINE),
            368 | 370 => Some(TradeType::OFFLINE_OTHER),
            401 => Some(TradeType::OTHER),
            _ => None,
        }
    }
}

wire_number! {
    /// Merchant category (商户类型): four digits.
    Mcc, 4,
    /// Bus lines.
    BUS = 4131,
    /// Metro and local rail.
    METRO = 4111,
}

wire_number! {
    /// Channel (交易发起渠道): two digits.
    // UNSPECIFIED: every card sample carries 03, and cloud records number a ride by code 03
    // too; we write 03, which offends neither reading.
    Channel, 2,
    /// Offline terminal; ride by code.
    TERMINAL = 3,
}

wire_number! {
    /// Currency: three digits of ISO 4217.
    Currency, 3,
    /// Yuan renminbi.
    CNY = 156,
}

wire_number! {
    /// Trade state (交易状态): two digits.
    // UNSPECIFIED: no value list is public; we write 00, and numbers from the end of the range
    // for what only our own nodes say to each other.
    TradeState, 2,
    /// Nothing out of the ordinary.
    NORMAL = 0,
    /// A grey record (灰记录): the card's answer was lost, so there is no TAC; the card's next
    /// counter and balance are the proof (ours).
    GREY = 91,
    /// Finished by the card's proof at another terminal than the one that began it (ours).
    RECOVERED = 92,
    /// Money left the card and the acquirer claims none of it, for instance because the rider
    /// paid twice: the issuer owes it to the rider (ours).
    REFUND = 93,
}

wire_number! {
    /// Algorithm flag (算法标识): two digits.
    // UNSPECIFIED: samples carry 01 without saying what it is; we read 00 = 3DES and
    // 01 = SM4, and mark a code ride, which has no TAC but SM2 signatures, with 02.
    AlgorithmFlag, 2,
    /// 3DES.
    TRIPLE_DES = 0,
    /// SM4.
    SM4 = 1,
    /// SM2 signatures (ours).
    SM2 = 2,
}

wire_number! {
    /// Discount kind (优惠类型): four digits; the payer of each is for contracts to say.
    DiscountKind, 4,
    /// None.
    NONE = 0,
}

wire_number! {
    /// Balance kind of a CL record: one digit.
    // UNSPECIFIED: 0 and 1 are all that is known; a code ride debits an account at the
    // issuer, neither purse nor e-cash, which we mark 2.
    BalanceKind, 1,
    /// Electronic purse (电子钱包).
    PURSE = 0,
    /// Electronic cash (电子现金).
    ECASH = 1,
    /// Account behind a ride code (ours).
    ACCOUNT = 2,
}

wire_number! {
    /// Test flag (测试标志): one digit.
    TestFlag, 1,
    /// Money moves.
    LIVE = 0,
    /// A test; goes to the test totals.
    TEST = 1,
}

wire_number! {
    /// Which way a net position (收支轧差) is paid: one digit.
    PaySide, 1,
    /// The body receives.
    RECEIVE = 0,
    /// The body pays.
    PAY = 1,
}

wire_number! {
    /// Consumption type of a ride by code: one digit.
    Consumption, 1,
    /// One scan.
    SINGLE = 0,
    /// Entry and exit scan.
    TWO_SCAN = 1,
}

impl Consumption {
    /// The trade code that we write for it.
    #[must_use]
    pub const fn trade_code(self) -> TradeCode {
        match self {
            Self::TWO_SCAN => TradeCode::COMPOUND,
            _ => TradeCode::SINGLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_survive() {
        let code: TradeCode = Digits::decode(b"777").unwrap();
        let mut out = [0; 3];
        Digits::encode(&code, &mut out).unwrap();
        assert_eq!(&out, b"777");
        assert_eq!(code.trade_type(), None);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let mut out = [0; 2];
        assert!(Digits::encode(&Channel::new(100), &mut out).is_err());
        assert!(<Digits as Encoding<Mcc>>::decode(b"99999").is_err());
    }

    #[test]
    fn both_forms_of_a_code_ride_are_one_business() {
        for consumption in [Consumption::SINGLE, Consumption::TWO_SCAN] {
            let code = consumption.trade_code();
            assert_eq!(code.trade_type(), Some(TradeType::OFFLINE));
        }
    }
}

//! What became of a record: the codes of the checks on code rides, and verdicts.

use core::fmt;

/// What a check found (错误代码), of rides by code, card and face.
///
/// Form: six digits; `000000` correct, `0200xx` by the number of the check. Services meet the
/// exchange file's result codes by this number.
// UNSPECIFIED: of the official table only 000000, 020002 and 020022 are publicly known; the
// other numbers are ours, by the order of the checks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Nothing to object to (正确交易), 000000.
    Correct,
    /// The record is malformed or contradicts itself, 020001.
    Format,
    /// The same record was settled before (交易重复), 020002.
    Duplicate,
    /// The same code (account and generation time) was used for another ride, 020003.
    CodeReused,
    /// The issuer is not accepted, or the account is not one of its numbers, 020004.
    Issuer,
    /// The acquirer is not entitled to this merchant category, 020005.
    Acquirer,
    /// A test record in service, or a live one in a test, 020006.
    TestFlag,
    /// The ride is later than its arrival, or before its terminal or account began, 020007.
    RideTime,
    /// The ride is old (交易超期上送), 020008.
    Late,
    /// Above the code's single-ride limit, or nothing where something is due, 020009.
    Amount,
    /// The card's balances do not follow from the amount, 020010.
    Balance,
    /// The card's TAC is not the one of its keys, or its MAC2 was wrong at the terminal, 020011.
    Tac,
    /// Certificates, signatures or the record's digest do not hold, 020012.
    RideCode,
    /// The account was on the blacklist (黑名单) beyond the days of grace, 020013.
    Blacklisted,
    /// The key was outside its permit at the moment of the ride: another version or index than
    /// the city has, its term over, suspended, revoked; or the issuer's certificate was, 020014.
    Key,
}

impl Outcome {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 15] = [
        Self::Correct,
        Self::Format,
        Self::Duplicate,
        Self::CodeReused,
        Self::Issuer,
        Self::Acquirer,
        Self::TestFlag,
        Self::RideTime,
        Self::Late,
        Self::Amount,
        Self::Balance,
        Self::Tac,
        Self::RideCode,
        Self::Blacklisted,
        Self::Key,
    ];

    /// The number, at most six digits.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Correct => 0,
            Self::Format => 20_001,
            Self::Duplicate => 20_002,
            Self::CodeReused => 20_003,
            Self::Issuer => 20_004,
            Self::Acquirer => 20_005,
            Self::TestFlag => 20_006,
            Self::RideTime => 20_007,
            Self::Late => 20_008,
            Self::Amount => 20_009,
            Self::Balance => 20_010,
            Self::Tac => 20_011,
            Self::RideCode => 20_012,
            Self::Blacklisted => 20_013,
            Self::Key => 20_014,
        }
    }

    /// The outcome of that number, if it is one of these.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }

    /// What it means, in English.
    #[must_use]
    pub const fn text_en(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Format => "a field is malformed",
            Self::Duplicate => "duplicate",
            Self::CodeReused => "the same code was used for another ride",
            Self::Issuer => "issuer or account segment unknown",
            Self::Acquirer => "acquirer or merchant category refused",
            Self::TestFlag => "test flag differs from the environment",
            Self::RideTime => "ride time impossible",
            Self::Late => "ride too old",
            Self::Amount => "amount outside its limits",
            Self::Balance => "balances do not follow",
            Self::Tac => "TAC wrong",
            Self::RideCode => "ride code does not verify",
            Self::Blacklisted => "on the blacklist",
            Self::Key => "key outside its permit",
        }
    }

    /// What it means, in Chinese; at most 20 characters, so that it fits the 40 bytes of files.
    #[must_use]
    pub const fn text_zh(self) -> &'static str {
        match self {
            Self::Correct => "正确交易",
            Self::Format => "记录格式错误",
            Self::Duplicate => "交易重复",
            Self::CodeReused => "同一乘车码用于另一次乘车",
            Self::Issuer => "发行机构或卡号段未知",
            Self::Acquirer => "受理机构或商户类型无权",
            Self::TestFlag => "测试标志与环境不符",
            Self::RideTime => "交易时间不合理",
            Self::Late => "交易超期上送",
            Self::Amount => "交易金额超限",
            Self::Balance => "余额不连续",
            Self::Tac => "交易验证码错误",
            Self::RideCode => "乘车二维码验证失败",
            Self::Blacklisted => "黑名单卡或账户",
            Self::Key => "密钥超出许可范围",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06} {}", self.code(), self.text_en())
    }
}

/// What happens to a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// It is settled; the outcome is [`Outcome::Correct`] or a mark such as [`Outcome::Late`].
    Settle(Outcome),
    /// It is not settled and goes back to the acquirer.
    Reject(Outcome),
    /// It is held (可疑交易) until the issuer answers.
    Suspicious(Outcome),
}

impl Verdict {
    /// Why.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Settle(outcome) | Self::Reject(outcome) | Self::Suspicious(outcome) => outcome,
        }
    }

    /// Whether the record is settled.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Settle(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ascending_and_found_again() {
        for pair in Outcome::ALL.windows(2) {
            assert!(pair[0].code() < pair[1].code());
        }
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
            assert!(outcome.code() <= 999_999);
        }
        assert_eq!(Outcome::from_code(20_022), None);
        assert_eq!(Outcome::Late.to_string(), "020008 ride too old");
    }

    #[test]
    fn texts_fit_the_forty_bytes_of_files() {
        for outcome in Outcome::ALL {
            assert!(outcome.text_en().len() <= 40, "{outcome}");
            assert!(outcome.text_zh().chars().count() <= 20, "{outcome}");
        }
    }
}

//! The checks by name and number, and what a trace shows of each.
//!
//! What is here: their order and their verdicts. What is not here: the checking ([`crate::Verifier`]).

use crate::Verdict;

/// The checks, numbered as in the normative table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Check {
    /// 1: high nibble 8.
    Kind = 1,
    /// 2: structure version.
    Version,
    /// 3: the three lengths.
    Length,
    /// 4: trusted clock, in service.
    Terminal,
    /// 5: certificate syntax.
    CertificateFormat,
    /// 6: issuer in the accepted list.
    Issuer,
    /// 7: certificate month.
    CertificateExpiry,
    /// 8: CA index known, root in its term.
    CaKey,
    /// 9: user fields' syntax.
    UserFields,
    /// 10: user certificate expiry.
    UserCertificateExpiry,
    /// 11: validity within policy.
    Validity,
    /// 12: not from the future.
    NotEarly,
    /// 13: not stale.
    NotLate,
    /// 14: these bytes not accepted before.
    NotReplayed,
    /// 15: CA signature.
    CaSignature,
    /// 16: issuer signature.
    IssuerSignature,
    /// 17: user signature.
    UserSignature,
    /// 18: blacklists.
    Blacklist,
    /// 19: account and generation time not accepted before.
    NotRepeated,
    /// 20: fare within the limit.
    Limit,
    /// 21: interval of the account.
    Interval,
}

impl Check {
    /// Every check in order.
    pub const ALL: [Self; 21] = [
        Self::Kind,
        Self::Version,
        Self::Length,
        Self::Terminal,
        Self::CertificateFormat,
        Self::Issuer,
        Self::CertificateExpiry,
        Self::CaKey,
        Self::UserFields,
        Self::UserCertificateExpiry,
        Self::Validity,
        Self::NotEarly,
        Self::NotLate,
        Self::NotReplayed,
        Self::CaSignature,
        Self::IssuerSignature,
        Self::UserSignature,
        Self::Blacklist,
        Self::NotRepeated,
        Self::Limit,
        Self::Interval,
    ];

    /// Number in the normative table, 1 to 21.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The verdict when this check fails.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Kind => Verdict::NotRideCode,
            Self::Version => Verdict::Version,
            Self::Length => Verdict::Length,
            Self::Terminal => Verdict::TerminalState,
            Self::CertificateFormat => Verdict::CertFormat,
            Self::Issuer => Verdict::IssuerNotAccepted,
            Self::CertificateExpiry => Verdict::CertExpired,
            Self::CaKey => Verdict::CaKey,
            Self::UserFields => Verdict::UserField,
            Self::UserCertificateExpiry => Verdict::UserCertExpired,
            Self::Validity => Verdict::ValidityPolicy,
            Self::NotEarly => Verdict::NotYetValid,
            Self::NotLate => Verdict::CodeExpired,
            Self::NotReplayed | Self::NotRepeated => Verdict::Duplicate,
            Self::CaSignature => Verdict::CertSignature,
            Self::IssuerSignature => Verdict::IssuerSignature,
            Self::UserSignature => Verdict::UserSignature,
            Self::Blacklist => Verdict::Blacklisted,
            Self::Limit => Verdict::OverLimit,
            Self::Interval => Verdict::TooFrequent,
        }
    }

    /// What is checked, in English and Chinese.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Kind => ("code type", "码类型标识"),
            Self::Version => ("structure version", "结构版本"),
            Self::Length => ("lengths", "长度"),
            Self::Terminal => ("trusted clock, terminal in service", "可信时钟与终端状态"),
            Self::CertificateFormat => ("certificate format", "互通证书格式"),
            Self::Issuer => ("issuer accepted", "发行机构名单"),
            Self::CertificateExpiry => ("certificate expiry", "互通证书失效日期"),
            Self::CaKey => ("CA key of this index", "中心CA公钥"),
            Self::UserFields => ("user fields", "用户证书域字段"),
            Self::UserCertificateExpiry => ("user certificate expiry", "用户证书过期时间"),
            Self::Validity => ("validity policy", "有效时间策略"),
            Self::NotEarly => ("not from the future", "生成时间不超前"),
            Self::NotLate => ("not stale", "码未过期"),
            Self::NotReplayed => ("bytes not seen before", "未重复（字节）"),
            Self::CaSignature => ("CA signature", "互通证书签名"),
            Self::IssuerSignature => ("issuer signature", "发行机构签名"),
            Self::UserSignature => ("user signature", "用户签名"),
            Self::Blacklist => ("not blacklisted", "黑名单"),
            Self::NotRepeated => ("account and second not seen before", "未重复（账户与时间）"),
            Self::Limit => ("fare within single-ride limit", "单次消费金额上限"),
            Self::Interval => ("interval of the account", "同账户间隔"),
        }
    }
}

/// One check's outcome, as a trace shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which check.
    pub check: Check,
    /// Whether it held.
    pub holds: bool,
    /// Whether the answer came from a cache.
    pub cached: bool,
}

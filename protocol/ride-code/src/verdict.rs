//! What a terminal says to a code: R00 to R20, in words for machines, staff and riders.

use core::fmt;
use core::str::FromStr;

macro_rules! verdicts {
    ($($code:literal $variant:ident $name:literal, $other:literal, $en:literal, $zh:literal;)+) => {
        /// The verdict on a scanned code; the first failing check gives it.
        ///
        /// Source: order and codes are ours (no public text has them); `secondary` gives the
        /// seven-digit numbers that a published validator prints for the same causes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Verdict {
            $(#[doc = concat!($code, " ", $name, ": ", $en)] $variant,)+
        }

        impl Verdict {
            /// Every verdict, R00 to R20.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// `R00` to `R20`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The name, `ACCEPTED`, `DUPLICATE` …
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Numbers that a published validator shows for the same cause; empty if none.
            #[must_use]
            pub const fn secondary(self) -> &'static str {
                match self { $(Self::$variant => $other),+ }
            }

            /// What the rider is told, in English: one cause, one action.
            #[must_use]
            pub const fn rider_en(self) -> &'static str {
                match self { $(Self::$variant => $en),+ }
            }

            /// What the rider is told, in Chinese.
            #[must_use]
            pub const fn rider_zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }
        }
    };
}

verdicts! {
    "R00" Accepted "ACCEPTED", "", "Welcome", "乘车成功";
    "R01" NotRideCode "NOT_RIDE_CODE", "0005499",
        "Not a ride code; open your ride code", "非乘车码，请打开乘车码";
    "R02" Version "VERSION", "0005499",
        "Code version not supported; update your app", "码版本不支持，请升级应用";
    "R03" Length "LENGTH", "0005500", "Code damaged; refresh the code", "码数据不完整，请刷新";
    "R04" CertFormat "CERT_FORMAT", "0005586",
        "Code certificate not readable; update your app", "码证书格式有误，请升级应用";
    "R05" IssuerNotAccepted "ISSUER_NOT_ACCEPTED", "",
        "This city's code is not accepted here; pay another way", "本线路暂不受理该城市乘车码，请用其他方式";
    "R06" CertExpired "CERT_EXPIRED", "0005586",
        "Issuer certificate expired; update your app", "发码证书已过期，请更新应用";
    "R07" CaKey "CA_KEY", "0005586",
        "This device cannot check your code yet; see staff", "设备密钥待更新，请联系工作人员";
    "R08" CertSignature "CERT_SIGNATURE", "0005586",
        "Code certificate not genuine; see staff", "码证书校验失败，请联系工作人员";
    "R09" UserField "USER_FIELD", "0005573",
        "Code content not valid; refresh the code", "码内容有误，请刷新";
    "R10" UserCertExpired "USER_CERT_EXPIRED", "0005580",
        "Authorisation expired; go online and refresh", "授权已过期，请联网刷新";
    "R11" ValidityPolicy "VALIDITY_POLICY", "0005501",
        "Code validity not allowed; update your app", "码有效期不合规，请升级应用";
    "R12" NotYetValid "NOT_YET_VALID", "0005584",
        "Phone clock is ahead; correct it and refresh", "手机时间偏快，请校准后刷新";
    "R13" CodeExpired "CODE_EXPIRED", "0005584", "Code expired; refresh the code", "码已过期，请刷新";
    "R14" OverLimit "OVER_LIMIT", "",
        "Fare is above your single-ride limit; pay another way", "票价超出单次限额，请用其他方式";
    "R15" IssuerSignature "ISSUER_SIGNATURE", "0005583",
        "Code not genuine; refresh the code", "发行机构签名校验失败，请刷新";
    "R16" UserSignature "USER_SIGNATURE", "0005585",
        "Code not genuine; refresh the code", "用户签名校验失败，请刷新";
    "R17" Blacklisted "BLACKLISTED", "",
        "Account suspended; see your app", "账户已暂停使用，请查看应用";
    "R18" Duplicate "DUPLICATE", "", "Code already used; refresh the code", "此码已使用，请刷新";
    "R19" TooFrequent "TOO_FREQUENT", "", "Already scanned; please wait", "请勿重复扫码";
    "R20" TerminalState "TERMINAL_STATE", "",
        "Device not in service; see staff", "设备暂停服务，请联系工作人员";
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// A text that is no verdict code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verdict, expected R00 to R20")]
pub struct UnknownVerdict;

/// Reads `R00` to `R20`.
impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        Self::ALL
            .iter()
            .copied()
            .find(|v| v.code() == text)
            .ok_or(UnknownVerdict)
    }
}

//! Other codes at the same scanner: told apart by their lead bytes, and named.
//!
//! Decide on the first two bytes, then on length; never on length alone.

/// What kind of code a scanner has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A ride code of this rule.
    RideCode,
    /// An offline bus code of a wallet (lead 02 01).
    AlipayBus,
    /// A city code with a two-byte prefix (lead 54 01 or 54 02).
    CityPrefixed,
    /// A wallet's ride code in text (lead `TX`).
    TencentRide,
    /// A unified city platform's code (lead 55).
    CityPlatform,
    /// A bank-card payment code, 19 digits beginning with 62.
    UnionPay,
    /// A wallet's payment code, 18 digits beginning with 10 to 15.
    WeChatPay,
    /// A wallet's payment code, 18 digits beginning with 25 to 30.
    Alipay,
    /// A maker's set-up code; out of reach in service without an operator's login.
    MakerSetup,
    /// Not a code: an offline ride record (lead 00 00).
    RideRecord,
    /// Not a code: a wallet's record.
    WalletRecord,
    /// None of these.
    Unknown,
}

impl Kind {
    /// The name, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::RideCode => ("T-Union ride code", "交通一卡通乘车二维码"),
            Self::AlipayBus => ("Alipay offline bus code", "支付宝公交码"),
            Self::CityPrefixed => ("city code with prefix 54", "城市通卡码（54 前缀）"),
            Self::TencentRide => ("Tencent ride code", "腾讯乘车码"),
            Self::CityPlatform => ("unified city platform code", "城市统一平台码"),
            Self::UnionPay => ("UnionPay payment code", "银联付款码"),
            Self::WeChatPay => ("WeChat payment code", "微信付款码"),
            Self::Alipay => ("Alipay payment code", "支付宝付款码"),
            Self::MakerSetup => ("terminal set-up code of a maker", "终端厂商配置码"),
            Self::RideRecord => ("offline ride record, not a code", "脱机乘车记录（不是码）"),
            Self::WalletRecord => ("wallet record, not a code", "钱包记录（不是码）"),
            Self::Unknown => ("unknown", "未知"),
        }
    }
}

/// Names what a scanner has read.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Kind {
    let second = bytes.get(1).copied();
    match bytes.first().copied() {
        Some(lead) if lead >> 4 == 8 => Kind::RideCode,
        Some(0x02) if second == Some(0x01) => Kind::AlipayBus,
        // 54 58 ("TX") shares its first byte with the city code: both bytes decide.
        Some(0x54) => match second {
            Some(0x01 | 0x02) => Kind::CityPrefixed,
            Some(0x58) => Kind::TencentRide,
            _ => Kind::Unknown,
        },
        Some(0x55) => Kind::CityPlatform,
        Some(0x00) if second == Some(0x00) => Kind::RideRecord,
        Some(b'0'..=b'9') if bytes.iter().all(u8::is_ascii_digit) => payment_code(bytes),
        Some(lead) if matches!(lead >> 4, 1 | 2) => Kind::WalletRecord,
        Some(_) if bytes.starts_with(b"szxb") || bytes.starts_with(b"BlueRing") => Kind::MakerSetup,
        _ => Kind::Unknown,
    }
}

fn payment_code(digits: &[u8]) -> Kind {
    let lead = digits.iter().take(2).fold(0u8, |n, d| n * 10 + (d - b'0'));
    match (lead, digits.len()) {
        (62, 19) => Kind::UnionPay,
        (10..=15, 18) => Kind::WeChatPay,
        (25..=30, 18) => Kind::Alipay,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_codes_apart_by_their_lead() {
        for (bytes, kind) in [
            (&b"\x81\x01\x49"[..], Kind::RideCode),
            (b"\x80", Kind::RideCode),
            (b"\x02\x01\x00", Kind::AlipayBus),
            (b"\x02\x02", Kind::Unknown),
            (b"\x54\x01", Kind::CityPrefixed),
            (b"TXA1", Kind::TencentRide),
            (b"\x54\x03", Kind::Unknown),
            (b"\x55\x00", Kind::CityPlatform),
            (b"6212345678901234567", Kind::UnionPay),
            (b"621234567890123456", Kind::Unknown),
            (b"134567890123456789", Kind::WeChatPay),
            (b"284567890123456789", Kind::Alipay),
            (b"314567890123456789", Kind::Unknown),
            (b"szxb:ip=", Kind::MakerSetup),
            (b"BlueRing", Kind::MakerSetup),
            (b"\x00\x00\x00\x01", Kind::RideRecord),
            (b"\x11\x22", Kind::WalletRecord),
            (b"\x90", Kind::Unknown),
            (b"", Kind::Unknown),
        ] {
            assert_eq!(kind_of(bytes), kind, "{bytes:?}");
        }
    }
}

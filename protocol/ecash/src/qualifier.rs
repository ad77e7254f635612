//! What terminal and card say of themselves in a few bits: TTQ, CTQ, AIP, CID, DF60, DF61.

use core::fmt;

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident [$len:literal]
     $($(#[$bit_doc:meta])* $bit:ident = $byte:literal, $mask:literal, $en:literal, $zh:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bits that have a meaning: byte from 0, mask, English, Chinese.
            pub const BITS: &'static [(usize, u8, &'static str, &'static str)] =
                &[$(($byte, $mask, $en, $zh)),*];

            $($(#[$bit_doc])*
            #[must_use]
            pub const fn $bit(self) -> bool {
                self.0[$byte] & $mask != 0
            })*

            /// Takes exactly as many bytes as it has.
            #[must_use]
            pub fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The meanings of the bits that are set, English and Chinese.
            pub fn meanings(self) -> impl Iterator<Item = (&'static str, &'static str)> {
                Self::BITS
                    .iter()
                    .filter(move |(byte, mask, ..)| self.0[*byte] & mask != 0)
                    .map(|(_, _, en, zh)| (*en, *zh))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(", stringify!($name))?;
                for byte in self.0 {
                    write!(f, "{byte:02X}")?;
                }
                f.write_str(")")
            }
        }
    };
}

bits! {
    /// Terminal transaction qualifiers (终端交易属性, TTQ, 9F66).
    Ttq [4]
    /// The terminal speaks the whole dialogue over the contactless interface.
    contactless = 0, 0x40, "contactless PBOC", "支持非接触式PBOC";
    /// The terminal speaks qPBOC.
    qpboc = 0, 0x20, "qPBOC", "支持qPBOC";
    /// The terminal speaks contact PBOC too.
    contact = 0, 0x10, "contact PBOC", "支持接触式PBOC";
    /// The terminal has no network.
    offline_only = 0, 0x08, "offline only", "终端仅支持脱机";
    /// The terminal takes an online PIN.
    online_pin = 0, 0x04, "online PIN", "支持联机PIN";
    /// The terminal takes a signature.
    signature = 0, 0x02, "signature", "支持签名";
    /// The terminal asks for an online cryptogram.
    online_required = 1, 0x80, "online cryptogram required", "要求联机密文";
    /// The terminal asks for cardholder verification.
    cvm_required = 1, 0x40, "CVM required", "要求CVM";
    /// The terminal verifies fDDA version 01.
    fdda_v01 = 3, 0x80, "fDDA version 01", "支持01版本fDDA";
}

bits! {
    /// Card transaction qualifiers (卡片交易属性, CTQ, 9F6C).
    Ctq [2]
    /// The card wants an online PIN.
    online_pin = 0, 0x80, "online PIN required", "需要联机PIN";
    /// The card wants a signature.
    signature = 0, 0x40, "signature required", "需要签名";
    /// If offline authentication fails, go online.
    online_if_oda_fails = 0, 0x20, "go online if ODA fails", "脱机数据认证失败则联机";
    /// If offline authentication fails, try another interface.
    switch_if_oda_fails = 0, 0x10, "switch interface if ODA fails", "脱机数据认证失败则终止";
}

bits! {
    /// Application interchange profile (应用交互特征, AIP, 82).
    Aip [2]
    /// Static data authentication.
    sda = 0, 0x40, "SDA", "支持SDA";
    /// Dynamic data authentication.
    dda = 0, 0x20, "DDA", "支持DDA";
    /// Cardholder verification.
    cvm = 0, 0x10, "cardholder verification", "支持持卡人认证";
    /// Terminal risk management.
    risk = 0, 0x08, "terminal risk management", "执行终端风险管理";
    /// Issuer authentication by EXTERNAL AUTHENTICATE.
    issuer_authentication = 0, 0x04, "issuer authentication", "支持发卡行认证";
    /// Combined dynamic data authentication.
    cda = 0, 0x01, "CDA", "支持CDA";
}

bits! {
    /// Segmented-fare support of a card (分段扣费应用标识, DF61).
    CompositeSupport [1]
    /// Segmented fares.
    segmented = 0, 0x01, "segmented fares", "支持分段扣费";
    /// Segmented fares and offline pre-authorisation.
    pre_authorisation = 0, 0x02, "segmented fares and offline pre-authorisation", "支持分段扣费和脱机预授权";
    /// Extension records come with a MAC of the card.
    response_mac = 0, 0x80, "extension records with MAC", "支持扩展应用记录R-MAC保护";
}

/// What a composite payment is to be (CAPP 交易指示位, DF60).
///
/// Source: seen in public implementations. Any other value than these is a plain payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompositeKind {
    /// `01`: segmented fare (分段扣费): debit and record together; may use the offset.
    Segmented,
    /// `02`: offline pre-authorisation (脱机预授权): an amount is set aside.
    PreAuthorisation,
    /// `03`: completion (脱机预授权完成): what was set aside is released, the fare debited.
    Completion,
}

impl CompositeKind {
    /// The kind by its byte; `None` is a plain payment.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Segmented),
            2 => Some(Self::PreAuthorisation),
            3 => Some(Self::Completion),
            _ => None,
        }
    }

    /// Its byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Segmented => 1,
            Self::PreAuthorisation => 2,
            Self::Completion => 3,
        }
    }
}

/// What a cryptogram says: refused, approved offline, or to be asked online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CryptogramKind {
    /// AAC: declined (拒绝).
    Declined,
    /// TC: approved (批准).
    Approved,
    /// ARQC: the issuer is to be asked (请求联机).
    Online,
}

/// Cryptogram information data (密文信息数据, CID, 9F27).
///
/// Form: the kind in bits 8 and 7: `00` AAC, `40` TC, `80` ARQC; the rest is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cid(pub u8);

impl Cid {
    /// The byte of a kind with no advice.
    #[must_use]
    pub const fn new(kind: CryptogramKind) -> Self {
        Self(match kind {
            CryptogramKind::Declined => 0x00,
            CryptogramKind::Approved => 0x40,
            CryptogramKind::Online => 0x80,
        })
    }

    /// The kind; `None` for `C0`, which PBOC does not use.
    #[must_use]
    pub const fn kind(self) -> Option<CryptogramKind> {
        match self.0 >> 6 {
            0 => Some(CryptogramKind::Declined),
            1 => Some(CryptogramKind::Approved),
            2 => Some(CryptogramKind::Online),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transit_terminal_and_an_online_one_differ() {
        let transit = Ttq([0x28, 0, 0, 0x80]);
        assert!(transit.qpboc() && transit.offline_only() && transit.fdda_v01());
        let online = Ttq([0x36, 0x80, 0, 0]);
        assert!(online.online_required() && online.contact() && !online.offline_only());
        assert_eq!(online.meanings().count(), 5);
        assert_eq!(Ttq::read(&[1, 2, 3]), None);
    }

    #[test]
    fn kinds_have_their_bytes() {
        for byte in 0..=255 {
            match CompositeKind::from_byte(byte) {
                Some(kind) => assert_eq!(kind.byte(), byte),
                None => assert!(!(1..=3).contains(&byte)),
            }
        }
        for kind in [
            CryptogramKind::Declined,
            CryptogramKind::Approved,
            CryptogramKind::Online,
        ] {
            assert_eq!(Cid::new(kind).kind(), Some(kind));
        }
        assert_eq!(Cid(0xC0).kind(), None);
    }
}

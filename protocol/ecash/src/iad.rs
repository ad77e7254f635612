//! Issuer application data (发卡行应用数据, IAD, 9F10) and the card verification results in it.

use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::{Reader, hex_encode};
use tongtu_crypto::Algorithm;

use crate::{Amount, CryptogramKind, EcashError};

/// Card verification results (卡片验证结果, CVR): `03` and three bytes of flags.
///
/// Source: JR/T 0025.5 as seen in public implementations.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cvr(pub [u8; 3]);

impl Cvr {
    /// The results of a single-tap payment: its kind, and no second GENERATE AC asked for.
    #[must_use]
    pub const fn tap(kind: CryptogramKind) -> Self {
        Self([0x80 | first(kind), 0, 0])
    }

    /// The results at the first GENERATE AC.
    #[must_use]
    pub const fn first_ac(kind: CryptogramKind) -> Self {
        Self::tap(kind)
    }

    /// The results at the second GENERATE AC, after an ARQC at the first.
    #[must_use]
    pub const fn second_ac(kind: CryptogramKind) -> Self {
        let second = match kind {
            CryptogramKind::Approved => 0x40,
            CryptogramKind::Declined | CryptogramKind::Online => 0x00,
        };
        Self([second | first(CryptogramKind::Online), 0, 0])
    }

    /// The kind that the first cryptogram was; `None` for the value PBOC does not use.
    #[must_use]
    pub const fn kind(self) -> Option<CryptogramKind> {
        match self.0[0] & 0x30 {
            0x00 => Some(CryptogramKind::Declined),
            0x10 => Some(CryptogramKind::Approved),
            0x20 => Some(CryptogramKind::Online),
            _ => None,
        }
    }

    /// The same with a flag set.
    #[must_use]
    pub const fn with(mut self, flag: CvrFlag) -> Self {
        let (byte, mask) = flag.place();
        self.0[byte] |= mask;
        self
    }

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(self, flag: CvrFlag) -> bool {
        let (byte, mask) = flag.place();
        self.0[byte] & mask != 0
    }

    /// The same with the number of script commands carried out last time, at most 15.
    #[must_use]
    pub const fn with_scripts(mut self, count: u8) -> Self {
        let count = if count > 15 { 15 } else { count };
        self.0[2] = (self.0[2] & 0x0F) | (count << 4);
        self
    }

    /// Script commands carried out last time.
    #[must_use]
    pub const fn scripts(self) -> u8 {
        self.0[2] >> 4
    }
}

const fn first(kind: CryptogramKind) -> u8 {
    match kind {
        CryptogramKind::Declined => 0x00,
        CryptogramKind::Approved => 0x10,
        CryptogramKind::Online => 0x20,
    }
}

impl fmt::Debug for Cvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cvr({})", hex_encode(&self.0))
    }
}

macro_rules! cvr_flags {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $mask:literal, $en:literal, $zh:literal;)*) => {
        /// One flag of the card verification results.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum CvrFlag {
            $($(#[$doc])* $name),*
        }

        impl CvrFlag {
            /// Every flag.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Byte after the length, and mask.
            #[must_use]
            pub const fn place(self) -> (usize, u8) {
                match self { $(Self::$name => ($byte, $mask)),* }
            }

            /// What it says, English and Chinese.
            #[must_use]
            pub const fn words(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($en, $zh)),* }
            }
        }
    };
}

cvr_flags! {
    /// Issuer authentication was tried and failed.
    IssuerAuthenticationFailed = 0, 0x08, "issuer authentication failed", "发卡行认证失败";
    /// An offline PIN was asked for.
    PinPerformed = 0, 0x04, "offline PIN performed", "执行脱机PIN验证";
    /// The offline PIN was wrong.
    PinFailed = 0, 0x02, "offline PIN failed", "脱机PIN验证失败";
    /// The terminal could not go online.
    UnableOnline = 0, 0x01, "unable to go online", "不能联机";
    /// The last online transaction was not finished.
    LastOnlineUnfinished = 1, 0x80, "last online transaction not completed", "上次联机交易未完成";
    /// No PIN tries are left.
    PinBlocked = 1, 0x40, "PIN try limit exceeded", "PIN锁定";
    /// A counter or limit of the card was exceeded.
    LimitExceeded = 1, 0x20, "offline limit exceeded", "超过频度检查限制";
    /// The card never was online.
    NewCard = 1, 0x10, "new card", "新卡";
    /// Issuer authentication failed at the last online transaction.
    LastAuthenticationFailed = 1, 0x08, "issuer authentication failed last time", "上次联机交易发卡行认证失败";
    /// Issuer authentication was left out at the last online transaction.
    LastAuthenticationMissing = 1, 0x04, "issuer authentication missing last time", "上次联机交易后未执行发卡行认证";
    /// The card blocked the application because of the PIN.
    BlockedByPin = 1, 0x02, "application blocked by PIN", "PIN锁定导致应用锁定";
    /// Static authentication failed last time.
    LastSdaFailed = 1, 0x01, "SDA failed last time", "上次交易SDA失败";
    /// A script command failed last time.
    ScriptFailed = 2, 0x08, "issuer script failed last time", "上次交易发卡行脚本处理失败";
    /// Dynamic authentication failed last time.
    LastDdaFailed = 2, 0x04, "DDA failed last time", "上次交易DDA失败";
    /// Dynamic authentication was performed.
    DdaPerformed = 2, 0x02, "DDA performed", "执行DDA";
}

/// A balance that the card reports to its issuer, with the card's MAC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuerBalance {
    /// The balance, at most ten digits.
    pub balance: Amount,
    /// Four bytes of [`crate::cryptogram::balance_mac`].
    pub mac: [u8; 4],
}

impl fmt::Debug for IssuerBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerBalance({:?})", self.balance)
    }
}

/// What follows the fixed part: the issuer's own data, with its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerData {
    /// Nothing, not even a length.
    Absent,
    /// `0A 01`: the e-cash balance in five bytes and a MAC.
    Balance(IssuerBalance),
    /// Anything else, length byte not included.
    Other(Vec<u8>),
}

/// Issuer application data.
///
/// Form: `07 | key index | cryptogram version | CVR (03 and three bytes) | algorithm (01 3DES,
/// 04 SM4) | [length | issuer data]`.
/// Source: seen in public implementations and a published trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iad {
    /// Derivation key index (分散密钥索引).
    pub key_index: u8,
    /// Cryptogram version number (密文版本号), `01` here.
    pub cvn: u8,
    /// Card verification results.
    pub cvr: Cvr,
    /// Algorithm byte as it stands; [`Iad::algorithm`] reads it.
    pub algorithm: u8,
    /// The issuer's own data.
    pub issuer: IssuerData,
}

impl Iad {
    /// The algorithm byte of a key set.
    #[must_use]
    pub const fn algorithm_byte(algorithm: Algorithm) -> u8 {
        match algorithm {
            Algorithm::Tdes => 1,
            Algorithm::Sm4 => 4,
        }
    }

    /// Which algorithm made the cryptogram, if the byte has a meaning.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        match self.algorithm {
            1 => Some(Algorithm::Tdes),
            4 => Some(Algorithm::Sm4),
            _ => None,
        }
    }

    /// Reads issuer application data.
    ///
    /// # Errors
    /// [`EcashError`] when a length does not hold or bytes follow.
    pub fn parse(bytes: &[u8]) -> Result<Self, EcashError> {
        let mut reader = Reader::new("issuer application data", bytes);
        fixed("length of the IAD", reader.take_be("length", 1)?, 7)?;
        let [key_index] = array(&mut reader, "key_index")?;
        let [cvn] = array(&mut reader, "cvn")?;
        fixed("length of the CVR", reader.take_be("cvr_length", 1)?, 3)?;
        let cvr = Cvr(array(&mut reader, "cvr")?);
        let [algorithm] = array(&mut reader, "algorithm")?;
        let issuer = if reader.is_at_end() {
            IssuerData::Absent
        } else {
            let [len] = array(&mut reader, "issuer_length")?;
            issuer_data(reader.take("issuer", usize::from(len))?)
        };
        reader.finish()?;
        Ok(Self {
            key_index,
            cvn,
            cvr,
            algorithm,
            issuer,
        })
    }

    /// The bytes.
    ///
    /// # Panics
    /// When the issuer's own data has more than 255 bytes; 9F10 has at most 32.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let [a, b, c] = self.cvr.0;
        let mut out = Vec::from([7, self.key_index, self.cvn, 3, a, b, c, self.algorithm]);
        match &self.issuer {
            IssuerData::Absent => {}
            IssuerData::Balance(IssuerBalance { balance, mac }) => {
                out.extend([0x0A, 0x01]);
                out.extend(&balance.encode()[1..]);
                out.extend(mac);
            }
            IssuerData::Other(data) => {
                out.push(u8::try_from(data.len()).expect("9F10 has at most 32 bytes"));
                out.extend(data);
            }
        }
        out
    }

    /// The balance that the card reports, if it reports one.
    #[must_use]
    pub const fn balance(&self) -> Option<Amount> {
        match &self.issuer {
            IssuerData::Balance(reported) => Some(reported.balance),
            IssuerData::Absent | IssuerData::Other(_) => None,
        }
    }
}

fn fixed(what: &'static str, found: u64, expected: u8) -> Result<(), EcashError> {
    if found == u64::from(expected) {
        return Ok(());
    }
    Err(EcashError::Value {
        what,
        found: u8::try_from(found).unwrap_or(u8::MAX),
        expected: if expected == 7 { "7" } else { "3" },
    })
}

fn array<const N: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<[u8; N], EcashError> {
    let bytes = reader.take(field, N)?;
    Ok(bytes.try_into().expect("the reader took that many"))
}

fn issuer_data(data: &[u8]) -> IssuerData {
    if let [1, b0, b1, b2, b3, b4, m0, m1, m2, m3] = data
        && let Ok(balance) = Amount::decode(&[0, *b0, *b1, *b2, *b3, *b4])
    {
        return IssuerData::Balance(IssuerBalance {
            balance,
            mac: [*m0, *m1, *m2, *m3],
        });
    }
    IssuerData::Other(data.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_trace_is_read_and_written_back() {
        let bytes =
            tongtu_codec::hex_decode("07010103A00000010A010000038787868FD1FC").expect("hex");
        let iad = Iad::parse(&bytes).expect("published");
        assert_eq!(iad.encode(), bytes);
        assert_eq!((iad.key_index, iad.cvn), (1, 1));
        assert_eq!(iad.cvr.kind(), Some(CryptogramKind::Online));
        assert_eq!(iad.algorithm(), Some(Algorithm::Tdes));
        assert_eq!(iad.balance().map(|b| b.fen().get()), Some(38787));
    }

    #[test]
    fn flags_are_told_apart() {
        for flag in CvrFlag::ALL {
            let cvr = Cvr([0; 3]).with(*flag);
            assert_eq!(CvrFlag::ALL.iter().filter(|f| cvr.has(**f)).count(), 1);
        }
        let cvr = Cvr::tap(CryptogramKind::Approved).with_scripts(3);
        assert_eq!((cvr.0, cvr.scripts()), ([0x90, 0, 0x30], 3));
        assert_eq!(Cvr::second_ac(CryptogramKind::Approved).0, [0x60, 0, 0]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_back(
            head in prop_oneof![Just(vec![7, 1, 1, 3]), proptest::collection::vec(any::<u8>(), 0..4)],
            tail in proptest::collection::vec(any::<u8>(), 0..32),
        ) {
            let bytes = [head, tail].concat();
            if let Ok(iad) = Iad::parse(&bytes) {
                prop_assert_eq!(iad.encode(), bytes);
            }
        }
    }
}

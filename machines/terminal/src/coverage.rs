//! What a terminal reports of its lists, so that the acquirer can tell the authority who has them.

use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, Raw, record};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_purse::field::{Date, Purse};
use tongtu_types::{BusinessDay, InstitutionCode, TerminalNumber, Timestamp};

use crate::lists::ListError;
use crate::profile::Sam;

record! {
    /// A terminal's report of its lists (名单覆盖报告), before its signature.
    pub struct CoverageRecord: 107 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTCR", "标识";
        [4..5] format: u8 as Be, Ours, "format, 01", "格式";
        [5..9] acquirer: InstitutionCode as Cn, Ours, "acquirer", "受理机构";
        [9..15] terminal: [u8; 6] as Raw, Ours, "terminal number", "终端机编号";
        [15..23] at: u64 as Be, Ours, "when it was made, Unix seconds", "报告时间";
        [23..31] version: u64 as Be, Ours, "version of the list bundle", "名单包版本";
        [31..63] digest: [u8; 32] as Raw, Ours, "SM3 of the list bundle", "名单包摘要";
        [63..71] applied_at: u64 as Be, Ours, "since when it is held", "名单包启用时间";
        [71..75] cities: u32 as Be, Ours, "version of the city list", "城市名单版本";
        [75..83] cities_applied_at: u64 as Be, Ours, "since when it is held", "城市名单启用时间";
        [83..91] card_blacklist: u64 as Be, Ours, "version of the card blacklist", "黑名单版本";
        [91..99] card_blacklist_applied_at: u64 as Be, Ours, "since when", "黑名单启用时间";
        [99..103] parameters_from: Date as Purse, Ours, "first day of the parameters", "参数生效日期";
        [103..107] fare_version: u32 as Be, Ours, "version of the fare book", "票价版本";
    }
}

const MAGIC: [u8; 4] = *b"TTCR";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// Which lists a terminal has, and since when. Versions that it does not have are 0, as are
/// their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Whose terminal it is.
    pub acquirer: InstitutionCode,
    /// Which terminal it is.
    pub terminal: TerminalNumber,
    /// When it made the report.
    pub at: Timestamp,
    /// Version of the list bundle.
    pub version: u64,
    /// SM3 of the list bundle.
    pub digest: [u8; 32],
    /// When it took that.
    pub applied_at: Timestamp,
    /// Version of the city list (城市名单).
    pub cities: u32,
    /// When it first had that, as far as it remembers: after a restart, when it took the bundle.
    pub cities_applied_at: Timestamp,
    /// Version of the card blacklist.
    pub card_blacklist: u64,
    /// When it took that.
    pub card_blacklist_applied_at: Timestamp,
    /// First day of the parameters that count.
    pub parameters_from: BusinessDay,
    /// Version of the fare book that counts.
    pub fare_version: u32,
}

impl Coverage {
    /// The report as it travels: the record, and the terminal's signature over it.
    ///
    /// # Errors
    /// [`ListError::Encode`], which no report gives that can be made.
    pub fn sign(&self, sam: &dyn Sam) -> Result<Vec<u8>, ListError> {
        let record = CoverageRecord {
            magic: MAGIC,
            format: FORMAT,
            acquirer: self.acquirer,
            terminal: bcd(self.terminal),
            at: seconds(self.at),
            version: self.version,
            digest: self.digest,
            applied_at: seconds(self.applied_at),
            cities: self.cities,
            cities_applied_at: seconds(self.cities_applied_at),
            card_blacklist: self.card_blacklist,
            card_blacklist_applied_at: seconds(self.card_blacklist_applied_at),
            parameters_from: Date::of(self.parameters_from),
            fare_version: self.fare_version,
        };
        let mut out: Vec<u8> = record.encode()?.into_iter().collect();
        let signature = sam.sign(&out);
        out.extend(signature.0);
        Ok(out)
    }

    /// Checks a report under the terminal's key, then reads it.
    ///
    /// # Errors
    /// [`ListError::Report`] when it is not the terminal's, others when it is malformed.
    pub fn open(bytes: &[u8], terminal_key: &PublicKey) -> Result<Self, ListError> {
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(ListError::Report)?;
        terminal_key
            .verify(signed, &Signature(*signature))
            .map_err(|_| ListError::Report)?;
        let record = CoverageRecord::decode(signed)?;
        if record.magic != MAGIC || record.format != FORMAT {
            return Err(ListError::Report);
        }
        let digits = tongtu_codec::hex_encode(&record.terminal);
        Ok(Self {
            acquirer: record.acquirer,
            terminal: TerminalNumber::parse(&digits).map_err(|_| ListError::Report)?,
            at: time(record.at)?,
            version: record.version,
            digest: record.digest,
            applied_at: time(record.applied_at)?,
            cities: record.cities,
            cities_applied_at: time(record.cities_applied_at)?,
            card_blacklist: record.card_blacklist,
            card_blacklist_applied_at: time(record.card_blacklist_applied_at)?,
            parameters_from: record.parameters_from.day().ok_or(ListError::Report)?,
            fare_version: record.fare_version,
        })
    }
}

pub(crate) fn bcd(terminal: TerminalNumber) -> [u8; 6] {
    let digits = tongtu_codec::hex_decode(terminal.as_str()).expect("digits are hex digits");
    digits.try_into().expect("12 digits")
}

/// A clock before 1970 is not set; that is reported as 0.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.get()).unwrap_or(0)
}

fn time(seconds: u64) -> Result<Timestamp, ListError> {
    let seconds = i64::try_from(seconds).map_err(|_| ListError::Report)?;
    Ok(Timestamp::new(seconds))
}

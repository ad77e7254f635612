//! Records of the transaction log (交易日志, 9F4D) and the load log (圈存日志, DF4D).
//!
//! A log record is the data of a list: 9F4F says which elements of a payment are kept.

use alloc::vec::Vec;

use tongtu_codec::{DecodeError, FieldError, Reader};

use crate::{Amount, Dol, EcashError, Values, tag};

/// The usual format of the transaction log (9F4F): date, time, amounts, countries, merchant,
/// type, counter.
#[must_use]
pub fn usual_format() -> Dol {
    Dol::new([
        (tag::DATE, 3),
        (tag::TIME, 3),
        (tag::AMOUNT, 6),
        (tag::AMOUNT_OTHER, 6),
        (tag::TERMINAL_COUNTRY, 2),
        (tag::CURRENCY, 2),
        (tag::MERCHANT, 20),
        (tag::TRANSACTION_TYPE, 1),
        (tag::ATC, 2),
    ])
}

/// The usual format of what a load log keeps besides the balances (DF4F).
#[must_use]
pub fn usual_load_format() -> Dol {
    Dol::new([
        (tag::DATE, 3),
        (tag::TIME, 3),
        (tag::TERMINAL_COUNTRY, 2),
        (tag::MERCHANT, 20),
        (tag::ATC, 2),
    ])
}

/// One record of the load log.
///
/// Form: the tag that PUT DATA wrote, 2 bytes; the balance before and after, n12 each; then
/// the elements of DF4F.
/// UNSPECIFIED: as it is remembered of PBOC 3.0; no load log was at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRecord {
    /// P1 P2 of PUT DATA, `9F79`.
    pub tag: [u8; 2],
    /// Balance before.
    pub before: Amount,
    /// Balance after.
    pub after: Amount,
    /// The elements of DF4F.
    pub values: Values,
}

impl LoadRecord {
    /// Reads a record written by this format.
    ///
    /// # Errors
    /// [`EcashError`] when it is shorter or longer, or an amount does not hold.
    pub fn parse(format: &Dol, bytes: &[u8]) -> Result<Self, EcashError> {
        let mut reader = Reader::new("load log record", bytes);
        let tag = reader.take("tag", 2)?;
        let tag = tag.try_into().expect("two bytes were taken");
        let before = amount(&mut reader, "before")?;
        let after = amount(&mut reader, "after")?;
        let values = format.split(reader.rest())?;
        Ok(Self {
            tag,
            before,
            after,
            values,
        })
    }

    /// The record in this format.
    #[must_use]
    pub fn encode(&self, format: &Dol) -> Vec<u8> {
        let mut out = self.tag.to_vec();
        out.extend(self.before.encode());
        out.extend(self.after.encode());
        out.extend(format.fill(&self.values));
        out
    }
}

fn amount(reader: &mut Reader<'_>, field: &'static str) -> Result<Amount, DecodeError> {
    let at = reader.clone();
    let bytes = reader.take(field, 6)?;
    Amount::decode(bytes).map_err(|kind: FieldError| at.error(field, kind))
}

#[cfg(test)]
mod tests {
    use tongtu_types::Fen;

    use super::*;

    #[test]
    fn a_load_record_goes_there_and_back_and_no_shorter_one_is_read() {
        let format = usual_load_format();
        let mut values = format.split(&vec![0; format.data_len()]).expect("zeros");
        values.insert(tag::DATE, vec![0x26, 0x11, 0x22]);
        let record = LoadRecord {
            tag: [0x9F, 0x79],
            before: Amount::ZERO,
            after: Amount::new(Fen::new(5000)).expect("small"),
            values,
        };
        let bytes = record.encode(&format);
        assert_eq!(LoadRecord::parse(&format, &bytes), Ok(record));
        for len in 0..bytes.len() {
            assert!(LoadRecord::parse(&format, &bytes[..len]).is_err(), "{len}");
        }
    }
}

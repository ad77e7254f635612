//! Who a PSAM is: its serial number, the terminal it speaks for, and how long it may trade.

use core::fmt;

use tongtu_codec::hex_encode;
use tongtu_purse::field::{Date, Institution, Terminal};

use crate::PsamFault;

/// The serial number of a PSAM (PSAM 卡号), 10 opaque bytes, usually digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PsamSerial(pub [u8; 10]);

impl fmt::Display for PsamSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex_encode(&self.0).to_ascii_uppercase())
    }
}

impl fmt::Debug for PsamSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a terminal reads from its PSAM before it serves anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PsamIdentity {
    /// Serial number of the module; together with the terminal sequence it names a transaction.
    pub serial: PsamSerial,
    /// Terminal number: what goes to the card in INITIALIZE, and into every code.
    pub terminal: Terminal,
    /// Key index: what goes to the card in INITIALIZE.
    pub key_index: u8,
    /// Issuer of the module.
    pub issuer: Institution,
    /// Institution that received the module: the acquirer.
    pub receiver: Institution,
    /// First day.
    pub starts: Date,
    /// Last day.
    pub expires: Date,
}

impl PsamIdentity {
    /// Refuses a day outside the module's dates.
    ///
    /// Dates are compared as the digits they are; one that is no day is reached by none.
    ///
    /// # Errors
    /// [`PsamFault::Dates`].
    pub fn trades_on(&self, day: Date) -> Result<(), PsamFault> {
        let (starts, expires) = (self.starts, self.expires);
        let known = starts.day().is_some() && expires.day().is_some() && day.day().is_some();
        if known && starts <= day && day <= expires {
            Ok(())
        } else {
            Err(PsamFault::Dates {
                day,
                starts,
                expires,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(starts: [u8; 4], expires: [u8; 4]) -> PsamIdentity {
        PsamIdentity {
            serial: PsamSerial([0; 10]),
            terminal: Terminal([0x58, 0x10, 0, 0, 0, 1]),
            key_index: 1,
            issuer: Institution([0; 8]),
            receiver: Institution([0; 8]),
            starts: Date(starts),
            expires: Date(expires),
        }
    }

    #[test]
    fn a_module_trades_from_its_first_day_to_its_last() {
        let sample = identity([0x20, 0x11, 0x12, 0x22], [0x20, 0x16, 0x12, 0x20]);
        for (day, good) in [
            ([0x20, 0x11, 0x12, 0x21], false),
            ([0x20, 0x11, 0x12, 0x22], true),
            ([0x20, 0x16, 0x12, 0x20], true),
            ([0x20, 0x16, 0x12, 0x21], false),
            ([0x20, 0x15, 0x13, 0x01], false),
        ] {
            assert_eq!(sample.trades_on(Date(day)).is_ok(), good, "{day:02X?}");
        }
    }

    #[test]
    fn a_module_whose_dates_are_none_never_trades() {
        let today = Date([0x20, 0x26, 0x01, 0x01]);
        assert!(identity([0; 4], [0xFF; 4]).trades_on(today).is_err());
    }
}

//! The bytes of a command and of an answer.

use alloc::vec::Vec;
use core::fmt;

use crate::StatusWord;

/// The longest data field of a short APDU, in bytes.
pub const MAX_DATA: usize = 255;

/// How many answer bytes a command asks for (Le), 1 to 256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Le(u8);

impl Le {
    /// `00`: everything there is, up to 256 bytes.
    pub const ALL: Self = Self(0);

    /// The Le byte as it travels; 0 means 256.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte as it travels.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The number of bytes asked for, 1 to 256.
    #[must_use]
    pub const fn max(self) -> usize {
        if self.0 == 0 { 256 } else { self.0 as usize }
    }
}

impl fmt::Debug for Le {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Le({:02X})", self.0)
    }
}

/// Why bytes are not a short command APDU, or a command cannot be written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApduError {
    /// Fewer than the four header bytes.
    #[error("command APDU has {found} bytes, expected at least CLA INS P1 P2")]
    Header {
        /// Bytes there.
        found: usize,
    },
    /// Lc announces more or fewer bytes than follow.
    #[error("command APDU: Lc is {lc}, but {found} bytes follow, expected {lc} or {lc} and Le")]
    Length {
        /// What Lc says.
        lc: usize,
        /// Bytes after Lc.
        found: usize,
    },
    /// An extended-length APDU (a zero byte in the place of Lc and more to follow).
    #[error("extended-length APDU, expected a short one (at most {MAX_DATA} data bytes)")]
    Extended,
    /// More data than a short APDU carries.
    #[error("{found} data bytes, a short APDU carries at most {MAX_DATA}")]
    TooLong {
        /// Bytes there.
        found: usize,
    },
    /// Fewer than the two status bytes.
    #[error("answer APDU has {found} bytes, expected at least SW1 SW2")]
    Status {
        /// Bytes there.
        found: usize,
    },
}

/// A command APDU (ISO/IEC 7816-4 §5.1), short form.
///
/// Form: `CLA INS P1 P2 [Lc data] [Le]`. An empty `data` is written without Lc.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command {
    /// Class: `00` interindustry, `80` proprietary, `04`/`84` with secure messaging; the low
    /// two bits are the logical channel.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data field, at most [`MAX_DATA`] bytes.
    pub data: Vec<u8>,
    /// Answer length asked for, if any.
    pub le: Option<Le>,
}

impl Command {
    /// A command with neither data nor Le (case 1).
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: Vec::new(),
            le: None,
        }
    }

    /// The same with a data field.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// The same with an Le byte; 0 asks for 256 bytes.
    #[must_use]
    pub const fn with_le(mut self, le: u8) -> Self {
        self.le = Some(Le::from_byte(le));
        self
    }

    /// Reads a command from exactly these bytes.
    ///
    /// # Errors
    /// [`ApduError`] when the header is short, Lc disagrees with what follows, or the form is
    /// extended.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let [cla, ins, p1, p2, body @ ..] = bytes else {
            return Err(ApduError::Header { found: bytes.len() });
        };
        let mut command = Self::new(*cla, *ins, *p1, *p2);
        match body {
            [] => {}
            [le] => command.le = Some(Le::from_byte(*le)),
            [0, _, ..] => return Err(ApduError::Extended),
            [lc, rest @ ..] => {
                let lc = usize::from(*lc);
                match rest.split_at_checked(lc) {
                    Some((data, [])) => command.data = data.to_vec(),
                    Some((data, [le])) => {
                        command.data = data.to_vec();
                        command.le = Some(Le::from_byte(*le));
                    }
                    _ => {
                        let found = rest.len();
                        return Err(ApduError::Length { lc, found });
                    }
                }
            }
        }
        Ok(command)
    }

    /// The bytes as they travel.
    ///
    /// # Errors
    /// [`ApduError::TooLong`] when the data field exceeds [`MAX_DATA`].
    pub fn encode(&self) -> Result<Vec<u8>, ApduError> {
        let found = self.data.len();
        let lc = u8::try_from(found).map_err(|_| ApduError::TooLong { found })?;
        let mut out = Vec::with_capacity(6 + found);
        out.extend([self.cla, self.ins, self.p1, self.p2]);
        if lc != 0 {
            out.push(lc);
            out.extend(&self.data);
        }
        if let Some(le) = self.le {
            out.push(le.byte());
        }
        Ok(out)
    }

    /// The four header bytes.
    #[must_use]
    pub const fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }
}

impl fmt::Debug for Command {
    /// The header and lengths only: a data field may hold a PIN or a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.header();
        write!(f, "Command({cla:02X} {ins:02X} {p1:02X} {p2:02X}")?;
        if !self.data.is_empty() {
            write!(f, ", {} data bytes", self.data.len())?;
        }
        if let Some(le) = self.le {
            write!(f, ", {le:?}")?;
        }
        f.write_str(")")
    }
}

/// An answer APDU: data, then the status word.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Response {
    /// Data field, empty for most errors.
    pub data: Vec<u8>,
    /// Status word.
    pub sw: StatusWord,
}

impl Response {
    /// An answer of a status word alone.
    #[must_use]
    pub const fn status(sw: StatusWord) -> Self {
        Self {
            data: Vec::new(),
            sw,
        }
    }

    /// `9000` with data.
    #[must_use]
    pub fn ok(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            sw: StatusWord::OK,
        }
    }

    /// Reads an answer from exactly these bytes.
    ///
    /// # Errors
    /// [`ApduError::Status`] when there are fewer than two.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        match bytes {
            [data @ .., sw1, sw2] => Ok(Self {
                data: data.to_vec(),
                sw: StatusWord::new(u16::from_be_bytes([*sw1, *sw2])),
            }),
            _ => Err(ApduError::Status { found: bytes.len() }),
        }
    }

    /// The bytes as they travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 2);
        out.extend(&self.data);
        out.extend(self.sw.bytes());
        out
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} data bytes, {})", self.data.len(), self.sw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(hex: &str) -> String {
        let bytes = tongtu_codec::hex_decode(hex).expect("a test writes hex");
        match Command::parse(&bytes) {
            Ok(c) => format!(
                "data={} le={:?}",
                tongtu_codec::hex_encode(&c.data),
                c.le.map(Le::byte)
            ),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_four_cases_and_what_is_none_of_them() {
        assert_eq!(shown("00A40400"), "data= le=None");
        assert_eq!(shown("0084000004"), "data= le=Some(4)");
        assert_eq!(
            shown("00A4000002 3F00".replace(' ', "").as_str()),
            "data=3f00 le=None"
        );
        assert_eq!(shown("00A40000023F0000"), "data=3f00 le=Some(0)");
        assert_eq!(shown("00A404"), "Header { found: 3 }");
        assert_eq!(shown("00A40000033F00"), "Length { lc: 3, found: 2 }");
        assert_eq!(shown("00A40000013F0000"), "Length { lc: 1, found: 3 }");
        assert_eq!(shown("00A40000000001AA"), "Extended");
    }

    #[test]
    fn too_much_data_is_refused_when_written() {
        let long = Command::new(0, 0xD6, 0, 0).with_data(vec![0; 256]);
        assert_eq!(long.encode(), Err(ApduError::TooLong { found: 256 }));
    }

    #[test]
    fn debug_shows_no_data() {
        let verify = Command::new(0, 0x20, 0, 0).with_data([0x12, 0x34, 0x56]);
        assert_eq!(format!("{verify:?}"), "Command(00 20 00 00, 3 data bytes)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            header: [u8; 4],
            data in proptest::collection::vec(any::<u8>(), 0..=255),
            le: Option<u8>,
        ) {
            let [cla, ins, p1, p2] = header;
            let mut command = Command::new(cla, ins, p1, p2).with_data(data);
            command.le = le.map(Le::from_byte);
            let bytes = command.encode().expect("at most 255 bytes");
            prop_assert_eq!(Command::parse(&bytes).expect("our own bytes"), command);
        }

        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(command) = Command::parse(&bytes) {
                prop_assert_eq!(command.encode().expect("it was short"), bytes.clone());
            }
            if let Ok(response) = Response::parse(&bytes) {
                prop_assert_eq!(response.encode(), bytes);
            }
        }
    }
}

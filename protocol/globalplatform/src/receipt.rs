//! Receipts (收条): what a card signs to prove one operation of delegated management.

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_codec::{DecodeError, Reader};

use crate::command::ManagementAnswer;
use crate::lv::put;

/// What a receipt signs before the operation's own data (GP 2.3.1 §11.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationData {
    /// Confirmation counter.
    pub counter: u16,
    /// Value of 42, then value of 45, of the domain that signs.
    pub sd_unique: Vec<u8>,
    /// Identifier of the token, if it had one.
    pub token_id: Option<Vec<u8>>,
    /// Digest of the token's data, if asked for.
    pub token_digest: Option<Vec<u8>>,
}

impl ConfirmationData {
    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = alloc::vec![2];
        out.extend(self.counter.to_be_bytes());
        put(&self.sd_unique, &mut out);
        for field in [&self.token_id, &self.token_digest].into_iter().flatten() {
            put(field, &mut out);
        }
        out
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = |reader: &mut Reader<'_>, field| {
            reader
                .take_be(field, 1)
                .map(|n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        let len = byte(reader, "counter_length")?;
        if len != 2 {
            let kind = tongtu_codec::FieldError::Character {
                at: 0,
                byte: u8::try_from(len).unwrap_or(0),
                expected: "a counter of two bytes",
            };
            return Err(reader.error("counter_length", kind));
        }
        let counter = u16::try_from(reader.take_be("counter", 2)?).expect("two bytes were taken");
        let len = byte(reader, "sd_unique_length")?;
        let sd_unique = reader.take("sd_unique", len)?.to_vec();
        let mut optional = |field| {
            if reader.is_at_end() {
                return Ok(None);
            }
            let len = byte(reader, field)?;
            reader.take(field, len).map(|bytes| Some(bytes.to_vec()))
        };
        Ok(Self {
            counter,
            sd_unique,
            token_id: optional("token_id")?,
            token_digest: optional("token_digest")?,
        })
    }
}

/// An operation that a receipt confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A load file was loaded.
    Load {
        /// The load file.
        load_file: Aid,
        /// The domain it belongs to.
        domain: Aid,
    },
    /// An application was installed or made selectable.
    Install {
        /// The load file.
        load_file: Aid,
        /// The application.
        instance: Aid,
    },
    /// Something went from one domain to another.
    Extradition {
        /// From.
        from: Aid,
        /// The application or load file.
        subject: Aid,
        /// To.
        to: Aid,
    },
    /// The registry was changed.
    RegistryUpdate {
        /// The domain before.
        from: Option<Aid>,
        /// The application.
        subject: Option<Aid>,
        /// The domain after.
        to: Option<Aid>,
        /// The privileges, as they came.
        privileges: Vec<u8>,
        /// The parameters, as they came.
        parameters: Vec<u8>,
    },
    /// Something was deleted; of a load file with what depends on it, the load file only.
    Delete {
        /// What.
        subject: Aid,
    },
    /// A combined load, install and make selectable.
    Combined {
        /// The load file.
        load_file: Aid,
        /// The application.
        instance: Aid,
        /// The domain.
        domain: Aid,
    },
}

impl Operation {
    /// The operation's fields (GP 2.3.1 §C.5), length-value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let opt = |aid: &Option<Aid>| aid.map(|aid| aid.as_bytes().to_vec()).unwrap_or_default();
        let mut all = |aids: &[&Aid]| {
            for aid in aids {
                put(aid.as_bytes(), &mut out);
            }
        };
        match self {
            Self::Load { load_file, domain } => all(&[load_file, domain]),
            Self::Install {
                load_file,
                instance,
            } => all(&[load_file, instance]),
            Self::Extradition { from, subject, to } => all(&[from, subject, to]),
            Self::Delete { subject } => all(&[subject]),
            Self::Combined {
                load_file,
                instance,
                domain,
            } => all(&[load_file, instance, domain]),
            Self::RegistryUpdate {
                from,
                subject,
                to,
                privileges,
                parameters,
            } => {
                for field in [&opt(from), &opt(subject), &opt(to), privileges, parameters] {
                    put(field, &mut out);
                }
            }
        }
        out
    }
}

/// What a receipt signs.
#[must_use]
pub fn input(data: &ConfirmationData, operation: &Operation) -> Vec<u8> {
    [data.encode(), operation.encode()].concat()
}

/// Reads the answer of a delegated operation: the receipt and its confirmation data.
///
/// # Errors
/// [`DecodeError`] when it is not formed so.
pub fn read(answer: &[u8]) -> Result<Option<crate::command::Confirmation>, DecodeError> {
    Ok(ManagementAnswer::decode(answer)?.confirmation)
}

/// The domain's unique data: value of 42, then value of 45, tags and lengths left out.
#[must_use]
pub fn sd_unique(provider_id: &[u8], image_number: &[u8]) -> Vec<u8> {
    [provider_id, image_number].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Confirmation;

    #[test]
    fn a_confirmation_is_read_as_it_was_written() {
        for (token_id, token_digest) in [
            (None, None),
            (Some(vec![0, 7]), None),
            (Some(vec![0, 7]), Some(vec![0xAB; 20])),
        ] {
            let confirmation = Confirmation {
                receipt: vec![0x11; 64],
                data: ConfirmationData {
                    counter: 0x0102,
                    sd_unique: vec![1, 2, 3, 4, 5],
                    token_id,
                    token_digest,
                },
            };
            let answer = ManagementAnswer {
                confirmation: Some(confirmation.clone()),
            };
            assert_eq!(read(&answer.encode()), Ok(Some(confirmation)));
        }
        assert_eq!(read(&[0]), Ok(None));
        assert!(read(&[1]).is_err());
        assert!(read(&[5, 0, 3, 0, 1, 0]).is_err());
    }
}

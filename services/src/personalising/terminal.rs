//! A POS terminal's keys at its host: the master key, and new work keys for each sign-in.

use tongtu_crypto::Algorithm;
use tongtu_hsm::{Custody, CustodyError, Export, KeyName, KeyPath, Label, Mark};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Check, Slot};
use tongtu_pos_key::layout::Injection;
use tongtu_pos_key::{Block, MacForm, WorkKeys, Wrapped};
use tongtu_types::CityCode;

use super::card::key_block;
use super::error::PersonalisingError;
use super::master::{book_algorithm, once};

/// Where the keys of POS terminals are.
///
/// A terminal is named by field 41 of its messages, eight characters of a label. Its master key
/// comes out for the device that injects it, its work keys under the master key, and neither in the
/// clear.
pub struct TerminalRoom<'a> {
    custody: &'a mut dyn Custody,
    city: CityCode,
    mark: Mark,
}

impl<'a> TerminalRoom<'a> {
    /// Keys of a city's terminals in this custody.
    pub fn new(custody: &'a mut dyn Custody, city: CityCode, mark: Mark) -> Self {
        Self {
            custody,
            city,
            mark,
        }
    }

    /// Makes a terminal's master key; one that is there stays.
    ///
    /// # Errors
    /// [`PersonalisingError`] for a name that is none, or a custody that refuses.
    pub fn make(&mut self, terminal: &str, algorithm: Algorithm) -> Result<(), PersonalisingError> {
        let name = self.name("TMK", Purpose::PosMaster, terminal, algorithm)?;
        once(self.custody, &name, |custody| {
            custody.generate(&name).map(drop)
        })?;
        Ok(())
    }

    /// The record with which the device that has this transport key injects the master key.
    ///
    /// # Errors
    /// [`PersonalisingError`]: no such terminal, or a transport key of another algorithm.
    pub fn injection(
        &self,
        terminal: &str,
        transport: Label,
    ) -> Result<Injection, PersonalisingError> {
        let (label, algorithm) = self.master(terminal)?;
        let by = self.custody.check(transport)?;
        let Check::Kcv(kcv) = by.check else {
            return Err(PersonalisingError::TransportKey {
                label: transport,
                algorithm: by.name.slot.algorithm,
            });
        };
        if by.name.slot.algorithm != book_algorithm(algorithm) {
            return Err(PersonalisingError::TransportKey {
                label: transport,
                algorithm: by.name.slot.algorithm,
            });
        }
        let wrapped = self.custody.wrap(KeyPath::of(label), transport)?;
        let (key, _) = key_block(label, &wrapped)?;
        let long = self.custody.long_check(label)?;
        let is_test = self.mark == Mark::Test;
        Ok(Injection::new(
            is_test, terminal, algorithm, kcv, long, key,
        )?)
    }

    /// New work keys for a sign-in, as field 62 carries them; the old ones are destroyed. The MAK
    /// has a double length: keys of eight bytes are not made any more.
    ///
    /// # Errors
    /// [`PersonalisingError`]; the terminal signs in again then.
    pub fn sign_in(
        &mut self,
        terminal: &str,
        with_track: bool,
    ) -> Result<Vec<u8>, PersonalisingError> {
        let (master, algorithm) = self.master(terminal)?;
        let mut make = |word, purpose| -> Result<Wrapped, PersonalisingError> {
            let name = self.name(word, purpose, terminal, algorithm)?;
            match self.custody.destroy(name.label) {
                Ok(()) | Err(CustodyError::Unknown { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.custody.generate(&name)?;
            let wrapped = self.custody.wrap(KeyPath::of(name.label), master)?;
            let (key, _) = key_block(name.label, &wrapped)?;
            Ok(Wrapped {
                block: Block::Double(key),
                kcv: self.custody.long_check(name.label)?,
            })
        };
        let keys = WorkKeys {
            pin: make("PIK", Purpose::PosPin)?,
            mac: make("MAK", Purpose::PosMac)?,
            mac_form: MacForm::Padded,
            track: match with_track {
                true => Some(make("TDK", Purpose::PosTrack)?),
                false => None,
            },
        };
        Ok(keys.encode()?)
    }

    fn master(&self, terminal: &str) -> Result<(Label, Algorithm), PersonalisingError> {
        let missing = || PersonalisingError::NoTerminal {
            terminal: terminal.into(),
        };
        let label = Label::parse(&format!("TMK-{terminal}"))?;
        match self.custody.check(label) {
            Ok(info) => match info.name.slot.algorithm {
                KeyAlgorithm::Tdes => Ok((label, Algorithm::Tdes)),
                KeyAlgorithm::Sm4 => Ok((label, Algorithm::Sm4)),
                _ => Err(missing()),
            },
            Err(CustodyError::Unknown { .. }) => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    fn name(
        &self,
        word: &str,
        purpose: Purpose,
        terminal: &str,
        algorithm: Algorithm,
    ) -> Result<KeyName, PersonalisingError> {
        Ok(KeyName {
            label: Label::parse(&format!("{word}-{terminal}"))?,
            slot: Slot {
                city: self.city,
                purpose,
                algorithm: book_algorithm(algorithm),
            },
            bits: 128,
            index: 1,
            version: 1,
            mark: self.mark,
            export: Export::Whole,
        })
    }
}

impl std::fmt::Debug for TerminalRoom<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TerminalRoom({}, {})", self.city, self.mark)
    }
}

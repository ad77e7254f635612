//! A blank module: what a module is before it is personalised, with nothing but a transport key.
//!
//! Here: the commands that make a module of it. Files and keys are gathered in volatile memory and
//! committed together with the last command, so a module is personalised or it is blank. Not here:
//! who may personalise. Whoever has the transport key can make keys that a blank module takes, and
//! the files have no protection on this way: what protects a batch is its signature, before.

use alloc::vec::Vec;
use core::fmt;

use tongtu_apdu::select::fci;
use tongtu_apdu::{Command, Response, StatusWord};
use tongtu_card::journal::Nvm;
use tongtu_card::{Memory, Torn};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_psam::command::{
    APPLICATION, EndPersonalisation, FileNo, KeyPurpose, PURCHASE_DF, PersoRequest, ROOT,
    SelectFile, WriteFile, WriteKey,
};
use tongtu_psam::layout::{KeySlot, PsamInfo, PsamNumbers, SlotRole};
use tongtu_psam::{PsamIdentity, PsamSerial, algorithm_of};
use tongtu_purse::field::Terminal;
use zeroize::Zeroizing;

use crate::module::{Directory, Halt, OpenError, SoftPsam};
use crate::profile::{KeyRole, ModuleKey, PsamProfile};
use crate::store;

/// A blank module under power.
pub struct BlankPsam<M> {
    nvm: Nvm<M>,
    transport: BlockKey,
    directory: Directory,
    gathered: Gathered,
    is_finished: bool,
    is_dead: bool,
}

/// What has come so far; gone with the power.
#[derive(Default)]
struct Gathered {
    serial: Option<PsamSerial>,
    terminal: Option<Terminal>,
    info: Option<PsamInfo>,
    keys: Vec<ModuleKey>,
}

impl<M: Memory> BlankPsam<M> {
    /// Makes a blank module, as a maker of modules does: with the transport key of a batch.
    ///
    /// # Errors
    /// [`OpenError`] when the memory is too small, or loses its power.
    pub fn manufacture(
        memory: M,
        algorithm: Algorithm,
        transport: [u8; 16],
    ) -> Result<Self, OpenError> {
        let transport = Zeroizing::new(transport);
        let mut nvm = Nvm::format(memory)?;
        store::put_transport(&mut nvm, algorithm, &transport).map_err(OpenError::of)?;
        Self::around(nvm)
    }

    /// Powers up the blank module in this memory.
    ///
    /// # Errors
    /// [`OpenError::NotBlank`] when it is none, or not blank any more.
    pub fn power_up(memory: M) -> Result<Self, OpenError> {
        Self::around(Nvm::open(memory)?)
    }

    fn around(nvm: Nvm<M>) -> Result<Self, OpenError> {
        let (algorithm, transport) = store::transport(&nvm).ok_or(OpenError::NotBlank)?;
        Ok(Self {
            nvm,
            transport: BlockKey::new(algorithm, *transport),
            directory: Directory::Root,
            gathered: Gathered::default(),
            is_finished: false,
            is_dead: false,
        })
    }

    /// Takes the power away and leaves the memory.
    pub fn power_down(self) -> M {
        self.nvm.into_memory()
    }

    /// The module that it has become.
    ///
    /// # Errors
    /// [`OpenError::NotAModule`] when it was not finished.
    pub fn into_module(self) -> Result<SoftPsam<M>, OpenError> {
        SoftPsam::power_up(self.power_down())
    }

    /// Answers one command APDU. Every byte string gets an answer.
    ///
    /// # Errors
    /// [`Torn`] when power was lost on the way: there is no answer, and the module is dead until
    /// it is powered up again, as a blank one or as a whole one.
    pub fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Torn> {
        if self.is_dead {
            return Err(Torn);
        }
        let response = match self.answer(apdu) {
            Ok(data) => Response::ok(data),
            Err(Halt::Status(sw)) => Response::status(sw),
            Err(Halt::Torn) => {
                self.is_dead = true;
                return Err(Torn);
            }
        };
        Ok(response.encode())
    }

    fn answer(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Halt> {
        if self.is_finished {
            return Err(StatusWord::INS_NOT_SUPPORTED.into());
        }
        let command = Command::parse(apdu).map_err(|_| StatusWord::WRONG_LENGTH)?;
        match PersoRequest::parse(&command).map_err(|error| error.status())? {
            PersoRequest::Select(select) => self.select(&select),
            PersoRequest::WriteFile(write) => self.write_file(&write),
            PersoRequest::WriteKey(write) => self.write_key(&write),
            PersoRequest::End(end) => self.end(&end),
        }
    }

    fn select(&mut self, select: &SelectFile) -> Result<Vec<u8>, Halt> {
        self.directory = Directory::named(select)?;
        Ok(match self.directory {
            Directory::Root => Vec::new(),
            Directory::Purchases => fci(&APPLICATION, &[]),
        })
    }

    fn write_file(&mut self, write: &WriteFile) -> Result<Vec<u8>, Halt> {
        let data = &write.data[..];
        let wrong = StatusWord::WRONG_LENGTH;
        let gathered = &mut self.gathered;
        let is_again = match (self.directory, write.file) {
            (Directory::Root, FileNo::SERIAL) => {
                let serial = data.try_into().map_err(|_| wrong)?;
                gathered.serial.replace(PsamSerial(serial)).is_some()
            }
            (Directory::Root, FileNo::TERMINAL) => {
                let terminal = data.try_into().map_err(|_| wrong)?;
                gathered.terminal.replace(Terminal(terminal)).is_some()
            }
            (Directory::Purchases, FileNo::INFO) => {
                let info = PsamInfo::decode(data).map_err(|_| wrong)?;
                gathered.info.replace(info).is_some()
            }
            _ => return Err(StatusWord::NOT_FOUND.into()),
        };
        if is_again {
            // Something is confused, and what stands there now is nobody's wish: all over again.
            *gathered = Gathered::default();
            return Err(StatusWord::CONDITIONS.into());
        }
        Ok(Vec::new())
    }

    fn write_key(&mut self, write: &WriteKey) -> Result<Vec<u8>, Halt> {
        if self.directory != Directory::Purchases {
            return Err(StatusWord::CONDITIONS.into());
        }
        let key = self.opened(&write.slot).ok_or(StatusWord::WRONG_DATA)?;
        let is_there = self.gathered.keys.iter().any(|known| {
            (known.role, known.name, known.algorithm) == (key.role, key.name, key.algorithm)
        });
        if is_there {
            return Err(StatusWord::WRONG_DATA.into());
        }
        self.gathered.keys.push(key);
        Ok(Vec::new())
    }

    /// A key out of its slot, if it is the one of that check value.
    fn opened(&self, slot: &KeySlot) -> Option<ModuleKey> {
        let algorithm = algorithm_of(slot.algorithm)?;
        let mut bytes = Zeroizing::new(slot.key);
        self.transport
            .decrypt_blocks(&mut bytes[..])
            .expect("sixteen bytes are whole blocks of either kind");
        let (role, name) = match slot.role {
            SlotRole::Purchase => (KeyRole::Purchase, slot.version),
            SlotRole::Crypt => (KeyRole::Crypt(KeyPurpose::new(slot.purpose)), slot.index),
        };
        let right = BlockKey::new(algorithm, *bytes).kcv();
        (tongtu_crypto::equal(&right, &slot.kcv) && slot.levels <= 3).then_some(ModuleKey {
            role,
            name,
            levels: slot.levels,
            algorithm,
            bytes,
        })
    }

    fn end(&mut self, end: &EndPersonalisation) -> Result<Vec<u8>, Halt> {
        let Gathered {
            serial: Some(serial),
            terminal: Some(terminal),
            info: Some(info),
            keys,
        } = &self.gathered
        else {
            return Err(StatusWord::CONDITIONS.into());
        };
        if keys.is_empty() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let numbers = PsamNumbers {
            serial: *serial,
            terminal: *terminal,
        };
        let profile = PsamProfile {
            identity: PsamIdentity::of_files(&numbers, info),
            first_sequence: end.finish.first_sequence,
            mac2_failures_max: end.finish.mac2_failures_max,
            keys: keys.clone(),
        };
        store::personalise(&mut self.nvm, &profile)?;
        self.is_finished = true;
        self.gathered = Gathered::default();
        Ok(Vec::new())
    }
}

impl Directory {
    /// The directory that a SELECT names.
    pub(crate) fn named(select: &SelectFile) -> Result<Self, StatusWord> {
        match select {
            SelectFile::Id(ROOT) => Ok(Self::Root),
            SelectFile::Id(PURCHASE_DF) => Ok(Self::Purchases),
            SelectFile::Name(name) if APPLICATION.starts_with(name) => Ok(Self::Purchases),
            _ => Err(StatusWord::NOT_FOUND),
        }
    }
}

impl<M> fmt::Debug for BlankPsam<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlankPsam")
            .field("transport", &self.transport)
            .field("is_finished", &self.is_finished)
            .finish_non_exhaustive()
    }
}

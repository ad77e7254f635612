//! A terminal's side of the dialogue with a module, over whatever carries APDUs.

use alloc::vec::Vec;
use core::fmt;

use tongtu_apdu::{CardCommand, Command, Le, Response, StatusWord, check};
use tongtu_codec::DecodeError;
use tongtu_psam::command::{
    APPLICATION, CreditPurchase, DesCrypt, FileNo, GetResponse, InitPurchase, MacDialogue, MacKeys,
    PURCHASE_DF, ROOT, ReadBinary, SelectFile,
};
use tongtu_psam::layout::{PsamInfo, PsamNumbers};
use tongtu_psam::{CreditRequest, Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest};

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// The module is not there, or was reset by somebody else.
    #[error("the module is gone")]
    Gone,
    /// It did not answer in time.
    #[error("no answer within {waited_ms} ms")]
    Timeout {
        /// How long was waited.
        waited_ms: u32,
    },
}

impl From<Lost> for PsamFault {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => Self::Absent,
            Lost::Timeout { waited_ms } => Self::Timeout { waited_ms },
        }
    }
}

/// Whatever carries a command to a module and an answer back.
pub trait Wire {
    /// Sends one command as it is and gives what came back, status word last.
    ///
    /// # Errors
    /// [`Lost`] when nothing came; any status word is an answer.
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost>;

    /// Resets the module, so that its root is selected and nothing is awaited.
    ///
    /// # Errors
    /// [`Lost`].
    fn reset(&mut self) -> Result<(), Lost>;
}

impl<W: Wire + ?Sized> Wire for &mut W {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        (**self).exchange(apdu)
    }

    fn reset(&mut self) -> Result<(), Lost> {
        (**self).reset()
    }
}

/// Most pieces in which one answer may come.
const PIECES_MAX: usize = 8;

/// A module behind a [`Wire`].
///
/// It keeps the terminal sequence whose MAC2 is awaited and the last that it saw: a module whose
/// sequence does not rise is not used. After a lost answer the module is reset and must be the
/// same one before it is asked again.
#[derive(Clone)]
pub struct ApduPsam<W> {
    wire: W,
    identity: PsamIdentity,
    mac_keys: MacKeys,
    awaited: Option<u32>,
    last: Option<u32>,
    /// Its sequence did not rise: it is not asked any more, not even when it has caught up.
    is_set_back: Option<PsamFault>,
    is_open: bool,
}

impl<W: Wire> ApduPsam<W> {
    /// Resets the module and reads who it is.
    ///
    /// # Errors
    /// [`PsamFault`]: no module, or one that does not have the files of one.
    pub fn open(wire: W, mac_keys: MacKeys) -> Result<Self, PsamFault> {
        let mut talk = Talk(wire);
        let identity = talk.read_identity()?;
        Ok(Self {
            wire: talk.0,
            identity,
            mac_keys,
            awaited: None,
            last: None,
            is_set_back: None,
            is_open: true,
        })
    }

    /// The wire.
    pub fn into_wire(self) -> W {
        self.wire
    }

    /// After a loss: resets the module and makes sure that it is the same.
    fn reopen(&mut self) -> Result<(), PsamFault> {
        let found = Talk(&mut self.wire).read_identity()?;
        if found != self.identity {
            return Err(PsamFault::Replaced {
                found: found.serial,
                expected: self.identity.serial,
            });
        }
        self.is_open = true;
        Ok(())
    }

    fn serve(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = &self.is_set_back {
            return Err(fault.clone());
        }
        if let PsamRequest::Credit(credit) = request {
            let (asked, awaited) = (credit.terminal_sequence, self.awaited);
            if !self.is_open || awaited != Some(asked) {
                return Err(PsamFault::Superseded { asked, awaited });
            }
        }
        if let PsamRequest::Purchase(purchase) = request {
            purchase.check(&self.identity)?;
        }
        let dialogue = MacDialogue::of(request, self.mac_keys)?;
        if !self.is_open {
            self.reopen()?;
        }
        // Whatever comes of it, the module forgets the purchase before.
        self.awaited = None;
        let mut talk = Talk(&mut self.wire);
        let refused = |trouble| match trouble {
            Trouble::Status(command, sw) => PsamFault::of_status(request, command, sw),
            Trouble::Fault(fault) => fault,
        };
        match request {
            PsamRequest::Purchase(purchase) => {
                let init = InitPurchase::from(purchase);
                let permit = talk.call(&init).map_err(refused)?;
                let found = permit.terminal_sequence;
                if let Some(last) = self.last.filter(|last| *last >= found) {
                    let fault = PsamFault::Sequence { found, last };
                    self.is_set_back = Some(fault.clone());
                    return Err(fault);
                }
                (self.last, self.awaited) = (Some(found), Some(found));
                Ok(PsamAnswer::Permit {
                    terminal_sequence: found,
                    mac1: permit.mac1,
                })
            }
            PsamRequest::Credit(CreditRequest { mac2, .. }) => {
                let credit = CreditPurchase { mac2: *mac2 };
                talk.call(&credit).map_err(refused)?;
                Ok(PsamAnswer::Credited)
            }
            PsamRequest::Lock(_) | PsamRequest::UpdateMac(_) => {
                let dialogue = dialogue.expect("both of them have one");
                talk.call(&dialogue.deliver).map_err(refused)?;
                let mac = talk.call(&dialogue.crypt).map_err(refused)?;
                // UNSPECIFIED: four bytes or the whole block; the leftmost four are the MAC.
                let code = check::whole::<DesCrypt, 4>("MAC", mac.get(..4).unwrap_or(&mac));
                code.map(PsamAnswer::Mac).map_err(malformed::<DesCrypt>)
            }
        }
    }
}

impl<W: Wire> Psam for ApduPsam<W> {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        let answer = self.serve(request);
        if let Err(fault) = &answer
            && matches!(
                fault,
                PsamFault::Absent | PsamFault::Timeout { .. } | PsamFault::Malformed { .. }
            )
        {
            self.is_open = false;
            self.awaited = None;
        }
        answer
    }
}

impl<W> fmt::Debug for ApduPsam<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApduPsam")
            .field("identity", &self.identity)
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}

/// Why a command was not answered with `9000`.
enum Trouble {
    Status(&'static str, StatusWord),
    Fault(PsamFault),
}

impl From<Lost> for Trouble {
    fn from(lost: Lost) -> Self {
        Self::Fault(lost.into())
    }
}

fn malformed<C: CardCommand>(cause: DecodeError) -> PsamFault {
    PsamFault::Malformed {
        command: C::NAME,
        cause,
    }
}

/// Commands over a wire, answers whole.
struct Talk<W>(W);

impl<W: Wire> Talk<W> {
    fn read_identity(&mut self) -> Result<PsamIdentity, PsamFault> {
        self.0.reset()?;
        let of = |trouble| match trouble {
            Trouble::Status(command, sw) => PsamFault::Refused { command, sw },
            Trouble::Fault(fault) => fault,
        };
        self.call(&SelectFile::Id(ROOT)).map_err(of)?;
        let mut numbers = self.file(FileNo::SERIAL, 10).map_err(of)?;
        numbers.extend(self.file(FileNo::TERMINAL, 6).map_err(of)?);
        let by_name = SelectFile::Name(APPLICATION.as_bytes().to_vec());
        match self.call(&SelectFile::Id(PURCHASE_DF)) {
            // Modules are seen that know their directory by name only.
            Err(Trouble::Status(..)) => self.call(&by_name).map_err(of)?,
            selected => selected.map_err(of)?,
        };
        let info = self.file(FileNo::INFO, 25).map_err(of)?;
        let numbers = PsamNumbers::decode(&numbers).map_err(malformed::<ReadBinary>)?;
        let info = PsamInfo::decode(&info).map_err(malformed::<ReadBinary>)?;
        Ok(PsamIdentity::of_files(&numbers, &info))
    }

    fn file(&mut self, file: FileNo, len: u8) -> Result<Vec<u8>, Trouble> {
        self.call(&ReadBinary {
            file,
            offset: 0,
            le: Le::from_byte(len),
        })
    }

    fn call<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, Trouble> {
        let response = self.whole(C::NAME, command.to_command())?;
        if !response.sw.is_ok() {
            return Err(Trouble::Status(C::NAME, response.sw));
        }
        C::answer(&response.data).map_err(|cause| Trouble::Fault(malformed::<C>(cause)))
    }

    /// Sends a command and gives its whole answer: `6CXX` is repeated with the length that the
    /// module names, `61XX` is fetched.
    fn whole(&mut self, name: &'static str, mut command: Command) -> Result<Response, Trouble> {
        let mut data = Vec::new();
        for _ in 0..PIECES_MAX {
            let mut response = self.send(&command)?;
            let [sw1, sw2] = response.sw.bytes();
            data.append(&mut response.data);
            match sw1 {
                0x6C if command.le != Some(Le::from_byte(sw2)) && data.is_empty() => {
                    command.le = Some(Le::from_byte(sw2));
                }
                0x61 => {
                    let le = Le::from_byte(sw2);
                    command = GetResponse { le }.to_command();
                }
                _ => {
                    let sw = response.sw;
                    return Ok(Response { data, sw });
                }
            }
        }
        Err(Trouble::Status(name, StatusWord::UNKNOWN))
    }

    fn send(&mut self, command: &Command) -> Result<Response, Trouble> {
        let apdu = command.encode().map_err(|_| {
            Trouble::Fault(PsamFault::Request {
                what: "a command longer than an APDU",
                expected: "at most 255 data bytes",
            })
        })?;
        let answer = self.0.exchange(&apdu)?;
        // An answer without a status word is what is left of a line that broke.
        Response::parse(&answer).map_err(|_| Trouble::Fault(PsamFault::Absent))
    }
}

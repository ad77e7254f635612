//! One type per command of the e-purse, and [`Request`], whichever it is.
//!
//! What is here: how each command and its answer lie in bytes, and what its status words mean.
//! Le is looked at only where it says what is asked for; an Le that does not fit the answer is
//! answered `6CXX` by the card once it knows the answer.
//! What is not here: what a card does (`tongtu-card`), what a terminal decides. GET RESPONSE and
//! SELECT belong to the card as a whole.

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand, Command, CommandInfo, Malformed};

mod access;
mod file;
mod value;

pub use access::{
    BlockApplication, BlockCard, ChangePin, ExternalAuthenticate, GetChallenge,
    InternalAuthenticate, Pin, PinError, ReloadPin, UnblockApplication, UnblockPin, VerifyPin,
};
pub use file::{AppendRecord, ReadBinary, ReadRecord, RecordBy, Sfi, UpdateBinary, UpdateRecord};
pub use value::{
    BalanceKind, CreditForLoad, Debit, DebitAnswer, DebitData, DebitForUnload, GetBalance,
    GetProof, HostMac, InitComposite, InitData, InitLoad, InitPurchase, InitUnload, LoadInit,
    Proof, PurchaseInit, UpdateCache,
};

/// Class of commands with secure messaging, interindustry and proprietary.
pub const SECURE: [u8; 2] = [0x04, 0x84];

/// A status-word table: what every command of the purse may answer, in the order in which the
/// card looks, then the command's own.
macro_rules! rows {
    ($($own:tt)*) => {
        tongtu_apdu::status_rows! {
            OK => "done", "正常";
            CLA_NOT_SUPPORTED => "not the class of this command", "CLA 错误";
            FUNCTION_NOT_SUPPORTED => "the card is blocked", "卡片已锁定";
            PERMANENTLY_LOCKED => "the application is permanently locked, or is now",
                "应用永久锁定";
            WRONG_P1P2 => "P1 P2 wrong", "P1、P2 错误";
            WRONG_LENGTH => "Lc wrong, or Le missing", "长度错误";
            CONDITIONS => "the application is blocked, the command is out of order, or the \
                card's rules forbid it", "应用锁定、命令次序错误或卡片规则不允许";
            $($own)*
        }
    };
}
use rows;

/// Implements [`CardCommand`] for a type: names, instruction, classes, table, and three bodies.
macro_rules! command {
    (
        $t:ident: $name:literal, $zh:literal, $ins:literal, [$($cla:literal),+] -> $answer:ty;
        status { $($row:tt)* }
        read |$c:ident| $read:block
        write |$s:ident| $write:block
        answer |$d:ident| $parse:block
    ) => {
        impl tongtu_apdu::CardCommand for $t {
            const NAME: &'static str = $name;
            const NAME_ZH: &'static str = $zh;
            const INS: u8 = $ins;
            const STATUS: &'static [tongtu_apdu::StatusRow] = crate::command::rows! { $($row)* };
            type Answer = $answer;

            fn from_command(
                $c: &tongtu_apdu::Command,
            ) -> Result<Self, tongtu_apdu::Malformed> {
                tongtu_apdu::check::head::<Self>($c, &[$($cla),+])?;
                $read
            }

            fn to_command(&self) -> tongtu_apdu::Command {
                let $s = self;
                $write
            }

            fn answer($d: &[u8]) -> Result<$answer, tongtu_codec::DecodeError> {
                $parse
            }
        }
    };
}
use command;

macro_rules! requests {
    ($($variant:ident,)+) => {
        /// A command of the e-purse, whichever it is.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Request {
            $(
                #[doc = concat!("[`", stringify!($variant), "`].")]
                $variant($variant),
            )+
            /// Change of the overdraft limit, `8050 04` or `8058`: the passbook's, not the
            /// purse's. A card answers `6A81`.
            ChangeOverdraft,
        }

        /// Every command, for documents and tests.
        pub const COMMANDS: &[CommandInfo] = &[$(CommandInfo::of::<$variant>()),+];

        impl Request {
            /// The command's names and status words; none for what a card has no table for.
            #[must_use]
            pub const fn info(&self) -> Option<CommandInfo> {
                match self {
                    $(Self::$variant(_) => Some(CommandInfo::of::<$variant>()),)+
                    Self::ChangeOverdraft => None,
                }
            }

            /// The command as an APDU.
            #[must_use]
            pub fn to_command(&self) -> Command {
                match self {
                    $(Self::$variant(command) => command.to_command(),)+
                    Self::ChangeOverdraft => Command::new(0x80, 0x58, 0, 0),
                }
            }
        }
    };
}

requests! {
    ReadBinary, UpdateBinary, ReadRecord, UpdateRecord, AppendRecord, GetChallenge,
    InternalAuthenticate, ExternalAuthenticate, VerifyPin, ChangePin, ReloadPin, UnblockPin,
    BlockApplication, UnblockApplication, BlockCard, GetBalance, InitLoad, CreditForLoad,
    InitUnload, DebitForUnload, InitPurchase, InitComposite, UpdateCache, Debit, GetProof,
}

impl Request {
    /// Reads a command of the purse: class first, then instruction, then the command's own
    /// rules.
    ///
    /// # Errors
    /// [`Malformed`], whose status word a card answers.
    pub fn parse(command: &Command) -> Result<Self, Malformed> {
        const PURSE: &str = "e-purse command";
        const P1: &str = "a P1 that this instruction has";
        if !matches!(command.cla, 0x00 | 0x04 | 0x80 | 0x84) {
            return Err(Malformed::Class {
                command: PURSE,
                found: command.cla,
            });
        }
        macro_rules! read {
            ($variant:ident) => {
                $variant::from_command(command).map(Self::$variant)
            };
        }
        let other_p1 = |name| Malformed::Parameters {
            command: name,
            p1: command.p1,
            p2: command.p2,
            expected: P1,
        };
        match (command.ins, command.p1) {
            (0xB0, _) => read!(ReadBinary),
            (0xD6, _) => read!(UpdateBinary),
            (0xB2, _) => read!(ReadRecord),
            (0xDC, _) if command.cla == 0x80 => read!(UpdateCache),
            (0xDC, _) => read!(UpdateRecord),
            (0xE2, _) => read!(AppendRecord),
            (0x84, _) => read!(GetChallenge),
            (0x88, _) => read!(InternalAuthenticate),
            (0x82, _) => read!(ExternalAuthenticate),
            (0x20, _) => read!(VerifyPin),
            (0x24, _) => read!(UnblockPin),
            (0x1E, _) => read!(BlockApplication),
            (0x18, _) => read!(UnblockApplication),
            (0x16, _) => read!(BlockCard),
            (0x52, _) => read!(CreditForLoad),
            (0x5A, _) => read!(GetProof),
            (0x5C, _) => read!(GetBalance),
            (0x50 | 0x54 | 0x58 | 0x5E, _) if command.cla != 0x80 => Err(Malformed::Class {
                command: PURSE,
                found: command.cla,
            }),
            (0x50, 0x00) => read!(InitLoad),
            (0x50, 0x01) => read!(InitPurchase),
            (0x50, 0x03) => read!(InitComposite),
            (0x50, 0x05) => read!(InitUnload),
            (0x50, 0x04) | (0x58, _) => Ok(Self::ChangeOverdraft),
            (0x50, _) => Err(other_p1("INITIALIZE")),
            (0x54, 0x01) => read!(Debit),
            (0x54, 0x03) => read!(DebitForUnload),
            (0x54, _) => Err(other_p1("DEBIT")),
            (0x5E, 0x00) => read!(ReloadPin),
            (0x5E, 0x01) => read!(ChangePin),
            (0x5E, _) => Err(other_p1("CHANGE OR RELOAD PIN")),
            (found, _) => Err(Malformed::Instruction {
                command: PURSE,
                found,
            }),
        }
    }
}

/// Splits a data field into contents and the MAC at its end.
fn with_mac(data: &[u8]) -> Option<(Vec<u8>, crate::proof::Code)> {
    let (data, mac) = data.split_last_chunk()?;
    Some((data.to_vec(), *mac))
}

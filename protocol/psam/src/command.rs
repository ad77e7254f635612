//! One type per command of a PSAM, and [`Request`], whichever it is.
//!
//! What is here: how each command and its answer lie in bytes, and what its status words mean.
//! What is not here: what a module does (`tongtu-sam`).

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand, Command, CommandInfo, Malformed};

mod crypt;
mod file;
mod perso;
mod purchase;

pub use crypt::{CryptMode, DeliverKey, DesCrypt, KeyPurpose, MacDialogue, MacKeys};
pub use file::{
    APPLICATION, FileNo, GetChallenge, GetResponse, PURCHASE_DF, ROOT, ReadBinary, SelectFile,
};
pub use perso::{EndPersonalisation, PERSO_COMMANDS, PersoRequest, WriteFile, WriteKey};
pub use purchase::{CreditPurchase, InitPurchase};

/// A status-word table: what every command of the module may answer, then the command's own.
macro_rules! rows {
    ($($own:tt)*) => {
        tongtu_apdu::status_rows! {
            OK => "done", "正常";
            CLA_NOT_SUPPORTED => "not the class of this command", "CLA 错误";
            INS_NOT_SUPPORTED => "the module has no such command", "INS 不支持";
            WRONG_P1P2 => "P1 P2 wrong", "P1、P2 错误";
            WRONG_LENGTH => "Lc wrong, or Le missing", "长度错误";
            $($own)*
        }
    };
}
use rows;

/// Implements [`CardCommand`] for a type: names, instruction, class, table, and three bodies.
macro_rules! command {
    (
        $t:ident: $name:literal, $zh:literal, $ins:literal, $cla:literal -> $answer:ty;
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
                tongtu_apdu::check::head::<Self>($c, &[$cla])?;
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
        /// A command of a PSAM, whichever it is.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Request {
            $(
                #[doc = concat!("[`", stringify!($variant), "`].")]
                $variant($variant),
            )+
        }

        /// Every command, for documents and tests.
        pub const COMMANDS: &[CommandInfo] = &[$(CommandInfo::of::<$variant>()),+];

        impl Request {
            /// Reads a command of the module: class, instruction, then the command's own rules.
            ///
            /// # Errors
            /// [`Malformed`], whose status word a module answers.
            pub fn parse(command: &Command) -> Result<Self, Malformed> {
                const PSAM: &str = "PSAM command";
                let found = command.cla;
                if !matches!(found, 0x00 | 0x80) {
                    return Err(Malformed::Class { command: PSAM, found });
                }
                match command.ins {
                    $($variant::INS => $variant::from_command(command).map(Self::$variant),)+
                    found => Err(Malformed::Instruction { command: PSAM, found }),
                }
            }

            /// The command's names and status words.
            #[must_use]
            pub const fn info(&self) -> CommandInfo {
                match self {
                    $(Self::$variant(_) => CommandInfo::of::<$variant>(),)+
                }
            }

            /// The command as an APDU.
            #[must_use]
            pub fn to_command(&self) -> Command {
                match self {
                    $(Self::$variant(command) => command.to_command(),)+
                }
            }
        }
    };
}

requests! {
    SelectFile, ReadBinary, GetChallenge, GetResponse, InitPurchase, CreditPurchase, DeliverKey,
    DesCrypt,
}

/// A data field as factors of 8 bytes each, at least one and at most three.
fn factors(data: &[u8]) -> Option<Vec<[u8; 8]>> {
    let (factors, rest) = data.as_chunks::<8>();
    (rest.is_empty() && (1..=3).contains(&factors.len())).then(|| factors.to_vec())
}

//! What makes a module of a blank one: its files, its keys, and the end of it.
//!
//! Here: the three commands, and [`PersoRequest`], whichever it is. A blank module answers these
//! and SELECT, and nothing else; a module that was finished answers none of them.
//!
//! UNSPECIFIED: makers of real modules have commands of their own and tell them to those who buy.
//! The instructions are the usual ones of domestic card systems, the data fields are ours.

use alloc::vec::Vec;

use tongtu_apdu::check::{fixed, length, nothing, parameters};
use tongtu_apdu::{CardCommand as _, Command, CommandInfo, Malformed};

use super::{FileNo, SelectFile, command};
use crate::layout::{Finish, KeySlot};

/// UPDATE BINARY: `00 D6 (80+file) 00 Lc data`, the whole file at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFile {
    /// The file.
    pub file: FileNo,
    /// What stands in it.
    pub data: Vec<u8>,
}

command! {
    WriteFile: "UPDATE BINARY", "写二进制文件", 0xD6, 0x00 -> ();
    status {
        NOT_FOUND => "no such file here", "未找到文件";
        CONDITIONS => "the file was written already", "文件已写入";
    }
    read |c| {
        if c.p1 & 0xE0 != 0x80 || c.p2 != 0 {
            return Err(parameters::<Self>(c, "80 + file, and 00"));
        }
        if c.data.is_empty() {
            return Err(length::<Self>(c, "the whole file"));
        }
        Ok(Self { file: FileNo::new(c.p1), data: c.data.clone() })
    }
    write |s| {
        Command::new(0x00, Self::INS, 0x80 | s.file.get(), 0).with_data(s.data.clone())
    }
    answer |data| { nothing::<Self>(data) }
}

/// WRITE KEY: `80 D4 00 00 19 slot`, the key enciphered under the module's transport key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteKey {
    /// The key and what it is for.
    pub slot: KeySlot,
}

command! {
    WriteKey: "WRITE KEY", "写入密钥", 0xD4, 0x80 -> ();
    status {
        CONDITIONS => "another directory is selected", "未选择应用目录";
        WRONG_DATA => "not the key of this check value, or a key that is there already",
            "密钥校验值不符，或密钥已存在";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        if c.data.len() != KeySlot::LEN {
            return Err(length::<Self>(c, "a key slot: 19 bytes (hex)"));
        }
        KeySlot::decode(&c.data)
            .map(|slot| Self { slot })
            .map_err(|cause| Malformed::Record { command: Self::NAME, cause })
    }
    write |s| {
        let slot = s.slot.encode().expect("every field is as wide as its value");
        Command::new(0x80, Self::INS, 0, 0).with_data(slot)
    }
    answer |data| { nothing::<Self>(data) }
}

/// END PERSONALIZATION: `80 DE 00 00 05`, first terminal sequence and limit of wrong MAC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPersonalisation {
    /// What the module begins with.
    pub finish: Finish,
}

command! {
    EndPersonalisation: "END PERSONALIZATION", "结束个人化", 0xDE, 0x80 -> ();
    status {
        CONDITIONS => "a file or every key is missing", "缺少文件或密钥";
        MEMORY_FAILURE => "the module could not be written", "写存储器失败";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        if c.data.len() != Finish::LEN {
            return Err(length::<Self>(c, "sequence and limit: 05 bytes"));
        }
        Finish::decode(&c.data)
            .map(|finish| Self { finish })
            .map_err(|cause| Malformed::Record { command: Self::NAME, cause })
    }
    write |s| {
        let data = s.finish.encode().expect("every field is as wide as its value");
        Command::new(0x80, Self::INS, 0, 0).with_data(data)
    }
    answer |data| { nothing::<Self>(data) }
}

/// The commands of personalisation, for documents and tests.
pub const PERSO_COMMANDS: &[CommandInfo] = &[
    CommandInfo::of::<WriteFile>(),
    CommandInfo::of::<WriteKey>(),
    CommandInfo::of::<EndPersonalisation>(),
];

/// A command of a blank module, whichever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersoRequest {
    /// [`SelectFile`].
    Select(SelectFile),
    /// [`WriteFile`].
    WriteFile(WriteFile),
    /// [`WriteKey`].
    WriteKey(WriteKey),
    /// [`EndPersonalisation`].
    End(EndPersonalisation),
}

impl PersoRequest {
    /// Reads a command of a blank module.
    ///
    /// # Errors
    /// [`Malformed`], whose status word a module answers.
    pub fn parse(command: &Command) -> Result<Self, Malformed> {
        const BLANK: &str = "command of a blank PSAM";
        if !matches!(command.cla, 0x00 | 0x80) {
            return Err(Malformed::Class {
                command: BLANK,
                found: command.cla,
            });
        }
        match command.ins {
            SelectFile::INS => SelectFile::from_command(command).map(Self::Select),
            WriteFile::INS => WriteFile::from_command(command).map(Self::WriteFile),
            WriteKey::INS => WriteKey::from_command(command).map(Self::WriteKey),
            EndPersonalisation::INS => EndPersonalisation::from_command(command).map(Self::End),
            found => Err(Malformed::Instruction {
                command: BLANK,
                found,
            }),
        }
    }

    /// The command as an APDU.
    #[must_use]
    pub fn to_command(&self) -> Command {
        match self {
            Self::Select(command) => command.to_command(),
            Self::WriteFile(command) => command.to_command(),
            Self::WriteKey(command) => command.to_command(),
            Self::End(command) => command.to_command(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_codec::hex_encode;

    use super::*;
    use crate::layout::SlotRole;

    fn slot() -> KeySlot {
        KeySlot {
            role: SlotRole::Purchase,
            purpose: 0,
            index: 1,
            version: 1,
            levels: 2,
            algorithm: 4,
            key: [0xAB; 16],
            kcv: [1, 2, 3],
        }
    }

    #[test]
    fn commands_have_the_bytes_of_the_tables() {
        let file = WriteFile {
            file: FileNo::TERMINAL,
            data: [0x10, 0, 0, 0, 0, 1].to_vec(),
        };
        let end = EndPersonalisation {
            finish: Finish {
                first_sequence: 1,
                mac2_failures_max: 15,
            },
        };
        let key = "01000101020 4abababababababababababababababab010203";
        for (request, expected) in [
            (
                PersoRequest::WriteFile(file),
                "00d6960006100000000001".into(),
            ),
            (
                PersoRequest::WriteKey(WriteKey { slot: slot() }),
                alloc::format!("80d4000019{}", key.replace(' ', "")),
            ),
            (PersoRequest::End(end), "80de000005000000010f".into()),
        ] {
            let command = request.to_command();
            let apdu = command.encode().expect("short");
            assert_eq!(hex_encode(&apdu), expected);
            let command = Command::parse(&apdu).expect("our own bytes");
            assert_eq!(PersoRequest::parse(&command), Ok(request));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_the_same(
            apdu in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                (prop::sample::select(vec![0xA4_u8, 0xD6, 0xD4, 0xDE]),
                 proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(ins, data)| {
                    let cla = if matches!(ins, 0xA4 | 0xD6) { 0 } else { 0x80 };
                    let len = u8::try_from(data.len()).unwrap();
                    [&[cla, ins, if ins == 0xD6 { 0x95 } else { 0 }, 0, len][..], &data].concat()
                }),
            ]
        ) {
            if let Ok(command) = Command::parse(&apdu)
                && let Ok(request) = PersoRequest::parse(&command)
            {
                let again = request.to_command();
                prop_assert_eq!(&again.data, &command.data);
                prop_assert_eq!(PersoRequest::parse(&again), Ok(request));
            }
        }
    }
}

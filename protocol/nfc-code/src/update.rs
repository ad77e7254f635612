//! UPDATE CODE: a sealed code in as many blocks as it needs.

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::{CardCommand, Command, MAX_DATA, Malformed, StatusRow, StatusWord, status_rows};
use tongtu_codec::{DecodeError, Reader};
use tongtu_crypto::BlockKey;

use crate::seal::{self, Challenge, Mac, Purpose};
use crate::{CODE_LEN_LIMIT, Operation};

/// Why a code cannot be sealed, or a sealed one not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Longer than the profile admits.
    #[error("a code of {found} bytes, at most {most} are taken")]
    TooLong {
        /// Bytes of the code.
        found: usize,
        /// The most.
        most: usize,
    },
    /// The length in front is not that of what follows.
    #[error("{found} bytes in all blocks, expected length 2, code, MAC 8")]
    Length {
        /// Bytes in all blocks together.
        found: usize,
    },
    /// The MAC does not hold.
    #[error("the update's MAC does not hold")]
    Mac,
}

impl UpdateError {
    /// The status word that a card answers.
    #[must_use]
    pub const fn status(&self) -> StatusWord {
        match self {
            Self::TooLong { .. } => StatusWord::NO_ROOM,
            Self::Length { .. } => StatusWord::WRONG_DATA,
            Self::Mac => StatusWord::SM_INCORRECT,
        }
    }
}

/// UPDATE CODE (更新二维码): one block, `84 DA P1 P2 Lc data`.
///
/// Form: P1 `80` in the last block, else `00`; P2 counts from 0. The data of all blocks
/// together: length of the code 2, code, MAC 8 over code and challenge. A code of no bytes
/// withdraws the one that is there. The card changes nothing before the last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateCode {
    /// Whether this is the last block.
    pub is_last: bool,
    /// Which block, from 0.
    pub number: u8,
    /// Its part of the whole, 1 to 255 bytes.
    pub part: Vec<u8>,
}

impl UpdateCode {
    /// Bytes around the code: length and MAC.
    pub const OVERHEAD: usize = 10;

    /// Seals a code with the owner's key and the card's challenge: all blocks, in order.
    ///
    /// # Errors
    /// [`UpdateError::TooLong`] when no profile admits so long a code.
    pub fn seal(
        key: &BlockKey,
        challenge: &Challenge,
        code: &[u8],
    ) -> Result<Vec<Self>, UpdateError> {
        let too_long = || UpdateError::TooLong {
            found: code.len(),
            most: usize::from(CODE_LEN_LIMIT),
        };
        let len = u16::try_from(code.len()).map_err(|_| too_long())?;
        if len > CODE_LEN_LIMIT {
            return Err(too_long());
        }
        let mac = seal::mac_of(key, Purpose::Update, challenge, code);
        let whole = [&len.to_be_bytes()[..], code, &mac].concat();
        let parts: Vec<&[u8]> = whole.chunks(MAX_DATA).collect();
        let last = parts.len() - 1;
        let blocks = parts.iter().zip(0..).enumerate();
        Ok(blocks
            .map(|(at, (part, number))| Self {
                is_last: at == last,
                number,
                part: part.to_vec(),
            })
            .collect())
    }

    /// The code in the joined parts of all blocks, its MAC checked.
    ///
    /// # Errors
    /// [`UpdateError`] naming what does not hold.
    pub fn open<'a>(
        key: &BlockKey,
        challenge: &Challenge,
        whole: &'a [u8],
        most: usize,
    ) -> Result<&'a [u8], UpdateError> {
        let length = UpdateError::Length { found: whole.len() };
        let (len, rest) = whole.split_first_chunk::<2>().ok_or(length)?;
        let len = usize::from(u16::from_be_bytes(*len));
        if len > most {
            return Err(UpdateError::TooLong { found: len, most });
        }
        let (code, mac) = rest.split_at_checked(len).ok_or(length)?;
        let mac: &Mac = mac.try_into().map_err(|_| length)?;
        if !seal::holds(key, Purpose::Update, challenge, code, mac) {
            return Err(UpdateError::Mac);
        }
        Ok(code)
    }
}

impl CardCommand for UpdateCode {
    const NAME: &'static str = "UPDATE CODE";
    const NAME_ZH: &'static str = "更新二维码";
    const INS: u8 = 0xDA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "block taken; with the last one the new code is in place", "已接收；末块后新码生效";
        CLA_NOT_SUPPORTED => "CLA is not the profile's", "CLA 与命令表不符";
        WRONG_P1P2 => "P1 is neither 00 nor 80", "P1 不是 00 或 80";
        WRONG_LENGTH => "no data", "没有数据域";
        CONDITIONS => "no owner's key, or no challenge, or a block that does not follow", "没有密钥，未取随机数，或块号不连续";
        NO_ROOM => "longer than the profile admits, or the memory is full", "超过允许长度，或存储空间不足";
        WRONG_DATA => "the length in front is not that of the code", "长度与内容不符";
        SM_INCORRECT => "the MAC does not hold", "MAC 不正确";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[Operation::UpdateCode.canonical().cla])?;
        let is_last = match command.p1 {
            0x00 => false,
            0x80 => true,
            _ => return Err(check::parameters::<Self>(command, "00 or 80, a number")),
        };
        if command.data.is_empty() {
            return Err(check::length::<Self>(command, "1 to 255"));
        }
        Ok(Self {
            is_last,
            number: command.p2,
            part: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        let p1 = if self.is_last { 0x80 } else { 0x00 };
        let cla = Operation::UpdateCode.canonical().cla;
        Command::new(cla, Self::INS, p1, self.number).with_data(self.part.clone())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("UpdateCode", data).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_crypto::Algorithm;

    use super::*;

    fn key() -> BlockKey {
        BlockKey::new(Algorithm::Sm4, [0x42; 16])
    }

    fn joined(blocks: &[UpdateCode]) -> Vec<u8> {
        blocks.iter().flat_map(|b| b.part.iter().copied()).collect()
    }

    #[test]
    fn blocks_count_up_and_the_last_says_so() {
        let blocks = UpdateCode::seal(&key(), &[7; 8], &[0x81; 364]).unwrap();
        let shape: Vec<_> = blocks
            .iter()
            .map(|b| (b.is_last, b.number, b.part.len()))
            .collect();
        assert_eq!(shape, [(false, 0, 255), (true, 1, 119)]);
    }

    #[test]
    fn too_long_a_code_is_refused_on_both_sides() {
        let long = vec![0; usize::from(CODE_LEN_LIMIT) + 1];
        let too_long = UpdateCode::seal(&key(), &[0; 8], &long);
        assert!(matches!(too_long, Err(UpdateError::TooLong { .. })));
        let whole = joined(&UpdateCode::seal(&key(), &[0; 8], &[1; 20]).unwrap());
        let opened = UpdateCode::open(&key(), &[0; 8], &whole, 19);
        assert_eq!(
            opened,
            Err(UpdateError::TooLong {
                found: 20,
                most: 19
            })
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_nothing_else(
            code in proptest::collection::vec(any::<u8>(), 0..600),
            challenge: [u8; 8],
            at: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let blocks = UpdateCode::seal(&key(), &challenge, &code).unwrap();
            for block in &blocks {
                let sent = block.to_command().encode().unwrap();
                let read = UpdateCode::from_command(&Command::parse(&sent).unwrap());
                prop_assert_eq!(read.as_ref(), Ok(block));
            }
            let mut whole = joined(&blocks);
            prop_assert_eq!(UpdateCode::open(&key(), &challenge, &whole, 600), Ok(&code[..]));
            let mut other = challenge;
            other[0] ^= 1;
            prop_assert_eq!(
                UpdateCode::open(&key(), &other, &whole, 600),
                Err(UpdateError::Mac)
            );
            let at = at.index(whole.len());
            whole[at] ^= 1 << bit;
            prop_assert!(UpdateCode::open(&key(), &challenge, &whole, 600).is_err());
        }

        #[test]
        fn no_bytes_panic(whole in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = UpdateCode::open(&key(), &[0; 8], &whole, 600);
        }
    }
}

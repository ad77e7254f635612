//! The short commands, one type each, under their canonical class and instruction.

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{Be, Cn, DecodeError, Raw, Reader, record};
use tongtu_crypto::BlockKey;
use tongtu_types::Fen;

use crate::Operation;
use crate::seal::{self, Challenge, Mac, Purpose};

fn header<C: CardCommand>(operation: Operation, p1: u8) -> Command {
    Command::new(operation.canonical().cla, C::INS, p1, 0)
}

/// GET CODE (取二维码): `80 CA 00 00 00`.
///
/// Form: no data; the answer is the code's bytes as the symbol would carry them. More than 256
/// bytes come in pieces: `61XX`, then GET RESPONSE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetCode;

impl CardCommand for GetCode {
    const NAME: &'static str = "GET CODE";
    const NAME_ZH: &'static str = "取二维码";
    const INS: u8 = 0xCA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the code, or its last piece", "二维码，或其最后一段";
        CLA_NOT_SUPPORTED => "CLA is not the profile's", "CLA 与命令表不符";
        WRONG_P1P2 => "P1 P2 is not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "there is data", "带有数据域";
        CONDITIONS => "not personalised yet", "尚未个人化";
        REFERENCE_NOT_FOUND => "no code is there, or it was withdrawn", "没有二维码，或已撤回";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[Operation::GetCode.canonical().cla])?;
        check::fixed::<Self>(command, [0, 0], "00 00")?;
        check::empty::<Self>(command)?;
        Ok(Self)
    }

    fn to_command(&self) -> Command {
        header::<Self>(Operation::GetCode, 0).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// GET CHALLENGE (取随机数): `00 84 00 00 08`.
///
/// Form: no data; the answer is eight bytes, good for the next command only; an update of
/// several blocks counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetChallenge;

impl CardCommand for GetChallenge {
    const NAME: &'static str = "GET CHALLENGE";
    const NAME_ZH: &'static str = "取随机数";
    const INS: u8 = 0x84;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "eight bytes", "八字节随机数";
        CLA_NOT_SUPPORTED => "CLA is not the profile's", "CLA 与命令表不符";
        WRONG_P1P2 => "P1 P2 is not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "there is data, or Le is neither 00 nor 08", "带有数据域，或 Le 不是 00、08";
    };
    type Answer = Challenge;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[Operation::GetChallenge.canonical().cla])?;
        check::fixed::<Self>(command, [0, 0], "00 00")?;
        check::empty::<Self>(command)?;
        match command.le.map(tongtu_apdu::Le::byte) {
            None | Some(0 | 8) => Ok(Self),
            Some(_) => Err(check::length::<Self>(command, "Le 00 or 08")),
        }
    }

    fn to_command(&self) -> Command {
        header::<Self>(Operation::GetChallenge, 0).with_le(8)
    }

    fn answer(data: &[u8]) -> Result<Challenge, DecodeError> {
        let mut reader = Reader::new("GetChallenge", data);
        let challenge = reader.take("challenge", 8)?;
        reader.finish()?;
        Ok(challenge.try_into().expect("eight were taken"))
    }
}

record! {
    /// What a terminal made of a code (交易结果).
    pub struct RideResult : 26 {
        [0..8] code: [u8; 8] as Raw, Ours, "code, by its reference", "二维码标识";
        [8..9] verdict: u8 as Be, Ours, "verdict: 0 accepted, else the reason R", "结果：0 接受，否则为原因";
        [9..13] amount: Fen as Cn, Ours, "fare", "金额";
        [13..20] time: [u8; 7] as Raw, Ours, "time, YYYYMMDDhhmmss", "时间";
        [20..26] terminal: [u8; 6] as Raw, Ours, "terminal number", "终端机编号";
    }
}

/// PUT RESULT (回送结果): `84 DC 00 00 22 result26 MAC8`.
///
/// Form: a [`RideResult`] and its MAC over the challenge that was just taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResult {
    /// The result's bytes, as they are under the MAC.
    pub result: [u8; RideResult::LEN],
    /// The MAC.
    pub mac: Mac,
}

impl PutResult {
    /// Seals a result with the key and the card's challenge.
    ///
    /// # Errors
    /// [`tongtu_codec::EncodeError`] when the fare has more than eight digits or is negative.
    pub fn seal(
        key: &BlockKey,
        challenge: &Challenge,
        result: &RideResult,
    ) -> Result<Self, tongtu_codec::EncodeError> {
        let mut bytes = [0; RideResult::LEN];
        result.encode_into(&mut bytes)?;
        let mac = seal::mac_of(key, Purpose::Result, challenge, &bytes);
        Ok(Self { result: bytes, mac })
    }

    /// Whether the MAC holds.
    #[must_use]
    pub fn is_sealed(&self, key: &BlockKey, challenge: &Challenge) -> bool {
        seal::holds(key, Purpose::Result, challenge, &self.result, &self.mac)
    }
}

impl CardCommand for PutResult {
    const NAME: &'static str = "PUT RESULT";
    const NAME_ZH: &'static str = "回送结果";
    const INS: u8 = 0xDC;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "kept, or there already", "已记录，或先前已记录";
        CLA_NOT_SUPPORTED => "CLA is not the profile's", "CLA 与命令表不符";
        WRONG_P1P2 => "P1 P2 is not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "not 34 bytes", "不是 34 字节";
        CONDITIONS => "no key for results, or no challenge was taken just before", "没有结果密钥，或之前未取随机数";
        SM_INCORRECT => "the MAC does not hold", "MAC 不正确";
        REFERENCE_NOT_FOUND => "the card never had this code, or forgot it", "卡中没有该二维码";
        WRONG_DATA => "the result is not decimal where it should be", "结果数据格式错误";
        NO_ROOM => "the memory is full", "存储空间不足";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[Operation::PutResult.canonical().cla])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(check::parameters::<Self>(command, "00 00"));
        }
        let parts = command.data.split_first_chunk::<{ RideResult::LEN }>();
        let parts = parts.and_then(|(result, mac)| Some((*result, mac.try_into().ok()?)));
        let (result, mac) = parts.ok_or_else(|| check::length::<Self>(command, "34"))?;
        Ok(Self { result, mac })
    }

    fn to_command(&self) -> Command {
        let data = [&self.result[..], &self.mac].concat();
        header::<Self>(Operation::PutResult, 0).with_data(data)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("PutResult", data).finish()
    }
}

/// READ RESULT (读结果): `80 B2 number 00 00`.
///
/// Form: the number in P1, 1 the newest; the answer is a [`RideResult`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadResult {
    /// Which, 1 the newest.
    pub number: u8,
}

impl CardCommand for ReadResult {
    const NAME: &'static str = "READ RESULT";
    const NAME_ZH: &'static str = "读结果";
    const INS: u8 = 0xB2;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the result", "结果";
        CLA_NOT_SUPPORTED => "CLA is not the profile's", "CLA 与命令表不符";
        WRONG_P1P2 => "P1 is 00, or P2 is not", "P1 为 00，或 P2 不为 00";
        WRONG_LENGTH => "there is data", "带有数据域";
        RECORD_NOT_FOUND => "there are not so many", "没有这么多结果";
    };
    type Answer = RideResult;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[Operation::ReadResult.canonical().cla])?;
        if command.p1 == 0 || command.p2 != 0 {
            return Err(check::parameters::<Self>(command, "a number and 00"));
        }
        if !command.data.is_empty() {
            return Err(check::length::<Self>(command, "none"));
        }
        Ok(Self { number: command.p1 })
    }

    fn to_command(&self) -> Command {
        header::<Self>(Operation::ReadResult, self.number).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<RideResult, DecodeError> {
        RideResult::decode(data)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_apdu::Response;
    use tongtu_crypto::Algorithm;

    use super::*;
    use crate::{Profile, explain};

    fn key(algorithm: Algorithm) -> BlockKey {
        BlockKey::new(algorithm, [0x42; 16])
    }

    fn result() -> RideResult {
        RideResult {
            code: [1; 8],
            verdict: 0,
            amount: Fen::new(200),
            time: [0x20, 0x26, 0x01, 0x01, 0x16, 0x00, 0x00],
            terminal: [0x10, 0, 0, 0, 0, 1],
        }
    }

    fn round<C: CardCommand + PartialEq + core::fmt::Debug>(command: &C) {
        let sent = command.to_command().encode().unwrap();
        let read = C::from_command(&Command::parse(&sent).unwrap());
        assert_eq!(read.as_ref(), Ok(command));
    }

    #[test]
    fn commands_go_there_and_back() {
        round(&GetCode);
        round(&GetChallenge);
        round(&ReadResult { number: 3 });
        let put = PutResult::seal(&key(Algorithm::Sm4), &[9; 8], &result()).unwrap();
        round(&put);
        assert_eq!(RideResult::decode(&put.result), Ok(result()));
    }

    #[test]
    fn a_result_holds_under_its_key_and_challenge_and_purpose_only() {
        for (algorithm, other) in [
            (Algorithm::Sm4, Algorithm::Tdes),
            (Algorithm::Tdes, Algorithm::Sm4),
        ] {
            let put = PutResult::seal(&key(algorithm), &[9; 8], &result()).unwrap();
            assert!(put.is_sealed(&key(algorithm), &[9; 8]));
            assert!(!put.is_sealed(&key(algorithm), &[8; 8]));
            assert!(!put.is_sealed(&key(other), &[9; 8]));
            let as_update = seal::mac_of(&key(algorithm), Purpose::Update, &[9; 8], &put.result);
            assert_ne!(as_update, put.mac);
        }
    }

    #[test]
    fn a_dialogue_is_told_under_the_profiles_own_bytes() {
        let mut rows = Operation::ALL.map(Operation::canonical);
        rows[3].ins = 0x30;
        let profile = Profile::new(1, 512, rows).unwrap();
        let put = PutResult::seal(&key(Algorithm::Sm4), &[9; 8], &result()).unwrap();
        let told = |command: &Command| explain(&profile, command, Some(&Response::ok([])));
        assert_eq!(told(&put.to_command()), None);
        let told = told(&profile.dress(put.to_command())).unwrap();
        assert_eq!((told.en.as_str(), told.request.len()), (PutResult::NAME, 6));
        assert!(told.request.iter().all(|line| !line.zh.is_empty()));
    }

    proptest! {
        #[test]
        fn no_command_and_no_answer_panics(
            row in 0usize..5,
            parameters: [u8; 2],
            data in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let crate::Row { cla, ins } = Operation::ALL[row].canonical();
            let [p1, p2] = parameters;
            let command = Command::new(cla, ins, p1, p2).with_data(data.clone());
            prop_assert!(explain(&Profile::default(), &command, Some(&Response::ok(data))).is_some());
        }
    }
}

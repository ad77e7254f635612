//! The other side of a purse's transactions: the issuer's host for a load, the terminal and its key
//! module for a purchase. Both have the published test keys and nothing else.
//!
//! Here: the dialogue, each code checked as it comes, and what to do when an answer is lost. Which
//! dialogue a verb holds is in its own file.

use serde::Serialize;
use tongtu_apdu::select::{E_PURSE, Select};
use tongtu_apdu::{CardCommand, Command, Response, StatusWord};
use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_purse::command::{BalanceKind, GetBalance, GetProof, InitLoad, VerifyPin};
use tongtu_purse::fci::Fci;
use tongtu_purse::field::{DateTime, Kind, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::PublicInfo;
use tongtu_purse::profile::test_keys;
use tongtu_purse::proof::Code;
use tongtu_reader::{CardChannel, ReaderError};
use tongtu_types::Fen;

use super::kept::CardKeys;
use super::management::answered;
use super::place::no_card;
use crate::exit::Failure;
use crate::lang::{Both, Lang, both};
use crate::report::{Report, Tone};

/// A step of a transaction that was taken.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// The command's name.
    command: &'static str,
    /// How the card answered; `null` when the answer was lost.
    status: Option<String>,
    said_en: String,
    said_zh: String,
}

/// What both sides keep of a transaction.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    /// The number after the transaction.
    pub(crate) sequence: u16,
    pub(crate) kind: u8,
    pub(crate) amount_fen: i64,
    pub(crate) balance_before_fen: i64,
    pub(crate) balance_after_fen: Option<i64>,
    pub(crate) terminal: String,
    /// The terminal's number of a purchase.
    pub(crate) terminal_sequence: Option<u32>,
    pub(crate) at: String,
    pub(crate) algorithm: &'static str,
    pub(crate) tac: String,
    /// Whether the codes came by GET TRANSACTION PROVE.
    pub(crate) recovered: bool,
}

/// A dialogue with a purse.
pub(crate) struct Desk<'a> {
    card: Box<dyn CardChannel>,
    /// Keys of the other side.
    pub(crate) keys: CardKeys,
    report: &'a mut Report,
    steps: Vec<Step>,
}

/// What became of the command that moves money.
pub(crate) enum Moved<A> {
    /// The answer came.
    Answered(A),
    /// It was lost, and the card proved that the money moved: MAC2, TAC.
    Proved { mac2: Code, tac: Code },
}

impl<'a> Desk<'a> {
    pub(crate) fn new(card: Box<dyn CardChannel>, keys: CardKeys, report: &'a mut Report) -> Self {
        report.note(&if keys.is_published() {
            both(
                "TEST card: host and terminal with the published test keys",
                "测试卡：以公开的测试密钥充当主机与终端",
            )
        } else {
            both(
                "TEST card: host and terminal with the masters of a TEST store",
                "测试卡：以测试密钥库中的主密钥充当主机与终端",
            )
        });
        Self {
            card,
            keys,
            report,
            steps: Vec::new(),
        }
    }

    /// Says a step, and keeps it.
    fn said(
        &mut self,
        command: &'static str,
        sw: Option<StatusWord>,
        what: &Both,
    ) -> Result<(), Failure> {
        let status = sw.map(|sw| format!("{:04X}", sw.value()));
        if !self.report.json() {
            let shown = status.as_deref().unwrap_or("----");
            let line = format!("{shown}  {command}: {}", what.of(self.report.lang()));
            self.report.line(&line)?;
        }
        self.steps.push(Step {
            command,
            status,
            said_en: what.of(Lang::En).to_owned(),
            said_zh: what.of(Lang::Zh).to_owned(),
        });
        Ok(())
    }

    /// Says that a code is what the keys make it, or refuses the card.
    pub(crate) fn check(
        &mut self,
        name: &str,
        found: &[u8],
        expected: &[u8],
    ) -> Result<(), Failure> {
        let code = hex_encode(found).to_uppercase();
        if !tongtu_crypto::equal(found, expected) {
            if !self.keys.is_published() {
                return Err(Failure::refused(both(
                    format!("{name} {code} is not what the masters of the store make"),
                    format!("{name} {code} 与密钥库主密钥算出的不符"),
                ))
                .hint(both(
                    "the card has other keys: another version of the masters, or another store",
                    "卡中是其他密钥：主密钥版本或密钥库不同",
                )));
            }
            return Err(Failure::refused(both(
                format!("{name} {code} is not what the test keys make"),
                format!("{name} {code} 与测试密钥算出的不符"),
            ))
            .hint(both(
                "the card has other keys: `tongtu card perso` gives it the test keys",
                "卡中是其他密钥：`tongtu card perso` 可装入测试密钥",
            )));
        }
        self.good(&both(
            format!("{name} {code} verified"),
            format!("{name} {code} 验证通过"),
        ))
    }

    fn exchange(&mut self, command: &Command) -> Result<Response, ReaderError> {
        let apdu = command.encode().expect("no command of a purse is long");
        let answer = self.card.transmit(&apdu)?;
        Response::parse(&answer).map_err(|_| ReaderError::ShortAnswer {
            length_bytes: answer.len(),
        })
    }

    /// Sends a command that must be answered `9000`.
    pub(crate) fn ask<C: CardCommand>(
        &mut self,
        command: &C,
        says: impl FnOnce(&C::Answer) -> Both,
    ) -> Result<C::Answer, Failure> {
        let response = self
            .exchange(&command.to_command())
            .map_err(|error| no_card(&error))?;
        let answer = answer_of::<C>(&response)?;
        self.said(C::NAME, Some(response.sw), &says(&answer))?;
        Ok(answer)
    }

    /// Sends a command whose refusal is an answer too, and says nothing of it.
    pub(crate) fn ask_if_there<C: CardCommand>(
        &mut self,
        command: &C,
    ) -> Result<Option<C::Answer>, Failure> {
        let response = self
            .exchange(&command.to_command())
            .map_err(|error| no_card(&error))?;
        let answer = response.sw.is_ok().then(|| C::answer(&response.data).ok());
        Ok(answer.flatten())
    }

    /// Finds the purse: under its own name, or under another that its FCI betrays.
    pub(crate) fn select(&mut self) -> Result<PublicInfo, Failure> {
        let mut public = None;
        self.ask(&Select::by_name(E_PURSE.as_bytes()), |fci| {
            public = Fci::parse(fci).ok().and_then(|fci| fci.public_info());
            let number = public
                .as_ref()
                .and_then(|public| public.serial.card_number());
            let number = number.map_or_else(String::new, |number| number.to_string());
            both(format!("e-purse {number}"), format!("电子钱包 {number}"))
        })?;
        public.ok_or_else(|| {
            Failure::refused(both(
                "the purse does not say who it is; is it personalised?",
                "电子钱包没有公共数据，可能尚未个人化",
            ))
            .hint(both(
                "`tongtu card perso` personalises a test card",
                "`tongtu card perso` 可个人化测试卡",
            ))
        })
    }

    /// Shows the PIN, where a load needs it.
    pub(crate) fn verify(&mut self, pin: &tongtu_purse::command::Pin) -> Result<(), Failure> {
        let verify = VerifyPin { pin: pin.clone() };
        self.ask(&verify, |()| both("PIN is right", "密码正确"))
    }

    /// The money there is; nothing where the card does not tell.
    ///
    /// Cards of older texts know only what can be spent, the overdraft limit included.
    pub(crate) fn balance(&mut self) -> Result<Option<Fen>, Failure> {
        let balance = match self.money(BalanceKind::Real)? {
            Some(balance) => Some(balance),
            None => {
                let limit = self.money(BalanceKind::Limit)?.unwrap_or(Fen::new(0));
                let spendable = self.money(BalanceKind::Spendable)?;
                spendable.and_then(|spendable| spendable.checked_sub(limit).ok())
            }
        };
        if let Some(fen) = balance {
            let says = both(format!("balance {fen}"), format!("余额 {fen}"));
            self.said(GetBalance::NAME, Some(StatusWord::OK), &says)?;
        }
        Ok(balance)
    }

    fn money(&mut self, kind: BalanceKind) -> Result<Option<Fen>, Failure> {
        let response = self
            .exchange(&GetBalance { kind }.to_command())
            .map_err(|error| no_card(&error))?;
        let balance = GetBalance::answer(&response.data).ok();
        let balance = balance.filter(|_| response.sw.is_ok());
        Ok(balance.map(tongtu_purse::field::Balance::fen))
    }

    /// Sends the command that moves money, and asks for its proof when the answer is lost.
    ///
    /// `lose` plays a rider who pulls the card away before the answer.
    pub(crate) fn move_money<C: CardCommand>(
        &mut self,
        command: &C,
        proof: &GetProof,
        lose: bool,
        says: impl FnOnce(&C::Answer) -> Both,
    ) -> Result<Moved<C::Answer>, Failure> {
        let lost = match self.exchange(&command.to_command()) {
            Ok(response) if !lose => {
                let answer = answer_of::<C>(&response)?;
                self.said(C::NAME, Some(response.sw), &says(&answer))?;
                return Ok(Moved::Answered(answer));
            }
            Ok(_) => both("the answer is lost", "应答丢失"),
            Err(error) => both(
                format!("the answer is lost: {error}"),
                format!("应答丢失：{error}"),
            ),
        };
        self.said(C::NAME, None, &lost)?;
        self.card.reset().map_err(|error| no_card(&error))?;
        self.select()?;
        let response = self
            .exchange(&proof.to_command())
            .map_err(|error| no_card(&error))?;
        if response.sw == StatusWord::NO_PROOF {
            return Err(Failure::refused(both(
                "the card proves that nothing moved; do it again",
                "卡片表明交易未发生，请重做",
            )));
        }
        let proved = answer_of::<GetProof>(&response)?;
        let sequence = proof.sequence;
        self.said(
            GetProof::NAME,
            Some(response.sw),
            &both(
                format!("transaction {sequence} did take place"),
                format!("交易 {sequence} 已发生"),
            ),
        )?;
        Ok(Moved::Proved {
            mac2: proved.mac2,
            tac: proved.tac,
        })
    }

    /// Says that something is as it should be.
    pub(crate) fn good(&mut self, what: &Both) -> Result<(), Failure> {
        if self.report.json() {
            return Ok(());
        }
        let line = format!("      {}", what.of(self.report.lang()));
        self.report.toned(Tone::Good, &line)
    }

    /// Says a purse's receipt and ends.
    pub(crate) fn finish(self, receipt: &Receipt) -> Result<(), Failure> {
        let Receipt { sequence, tac, .. } = receipt;
        let amount = Fen::new(receipt.amount_fen);
        let before = Fen::new(receipt.balance_before_fen);
        let after = receipt.balance_after_fen.map(Fen::new);
        let after = after.map_or_else(|| String::from("?"), |after| after.to_string());
        let (en, zh) = if receipt.recovered {
            (", recovered by proof", "，凭交易认证恢复")
        } else {
            ("", "")
        };
        let line = both(
            format!("transaction {sequence}: {amount}, balance {before} → {after}, TAC {tac}{en}"),
            format!("交易 {sequence}：{amount}，余额 {before} → {after}，TAC {tac}{zh}"),
        );
        self.end(&line, receipt)
    }

    /// Says the last line, or hands everything to a program.
    pub(crate) fn end(self, line: &Both, receipt: &impl Serialize) -> Result<(), Failure> {
        if self.report.json() {
            return self.report.value(&serde_json::json!({
                // What the published test keys verified is a test card, wherever it is.
                "test": true,
                "steps": self.steps,
                "receipt": receipt,
            }));
        }
        let line = line.of(self.report.lang()).to_owned();
        self.report.toned(Tone::Good, &line)
    }

    /// One record of a file, where it is there.
    pub(crate) fn record(&mut self, sfi: u8, number: u8) -> Result<Option<Vec<u8>>, Failure> {
        let command = Command::new(0, 0xB2, number, sfi << 3 | 4).with_le(0);
        let response = self.exchange(&command).map_err(|error| no_card(&error))?;
        Ok(response.sw.is_ok().then_some(response.data))
    }
}

/// Reads an answer, or says why there is none and what to do about it.
fn answer_of<C: CardCommand>(response: &Response) -> Result<C::Answer, Failure> {
    answered::<C>(response).map_err(|failure| match response.sw {
        StatusWord::NOT_FOUND => failure.hint(both(
            "`tongtu card perso` puts a purse on a test card, with --cash an e-cash too",
            "`tongtu card perso` 可在测试卡上装一个电子钱包，加 --cash 另装电子现金",
        )),
        StatusWord::INSUFFICIENT => failure.hint(both(
            "`tongtu card load` puts money on a test card",
            "`tongtu card load` 可为测试卡圈存",
        )),
        StatusWord::CONDITIONS if C::NAME == InitLoad::NAME => failure.hint(both(
            "would it pass the highest balance? 1000.00, unless `card perso --balance-max` said otherwise",
            "是否会超过余额上限？未用 `card perso --balance-max` 另设时为 1000.00",
        )),
        StatusWord::MAC_INVALID => failure.hint(both(
            "the card has other keys than the test keys",
            "卡中不是测试密钥",
        )),
        StatusWord::SECURITY_STATUS => {
            failure.hint(both("the card wants its PIN: --pin", "该卡要求密码：--pin"))
        }
        _ => failure,
    })
}

/// The algorithm that an initialisation answers.
///
/// UNSPECIFIED: 00 and 01 are seen for 3DES, 04 for SM4 beside them.
pub(crate) fn algorithm(id: u8) -> Result<(Algorithm, &'static str), Failure> {
    match id {
        0 | 1 => Ok((Algorithm::Tdes, "3DES")),
        4 => Ok((Algorithm::Sm4, "SM4")),
        _ => Err(Failure::refused(both(
            format!("algorithm identifier {id:02X} is neither 3DES (00, 01) nor SM4 (04)"),
            format!("算法标识 {id:02X} 既不是 3DES（00、01）也不是 SM4（04）"),
        ))),
    }
}

/// Which of its set's keys an index names.
pub(crate) const fn version_of(index: u8) -> u8 {
    // Index 3 of the card with both sets is the first version of the other.
    if index == 3 { 1 } else { index }
}

/// A test key: key indexes of the test cards name the versions of a set in turn.
pub(crate) fn test_key(
    algorithm: Algorithm,
    purpose: KeyUse,
    index: u8,
) -> Result<BlockKey, Failure> {
    test_keys(algorithm)
        .key(purpose, version_of(index))
        .ok_or_else(|| {
            Failure::usage(both(
                format!("there is no test key of index {index}"),
                format!("没有索引为 {index} 的测试密钥"),
            ))
        })
}

/// Reads a terminal number of six bytes.
pub(crate) fn terminal(text: &str) -> Result<Terminal, String> {
    let bytes = tongtu_codec::hex_decode(text).map_err(|error| error.to_string())?;
    let found = bytes.len();
    let bytes = bytes
        .try_into()
        .map_err(|_| format!("{found} bytes, expected 6 (12 digits)"))?;
    Ok(Terminal(bytes))
}

/// What a receipt begins with.
pub(crate) fn receipt(
    kind: Kind,
    terminal: Terminal,
    at: DateTime,
    algorithm: &'static str,
) -> Receipt {
    Receipt {
        sequence: 0,
        kind: kind.0,
        amount_fen: 0,
        balance_before_fen: 0,
        balance_after_fen: None,
        terminal: terminal.to_string(),
        terminal_sequence: None,
        at: at.to_string(),
        algorithm,
        tac: String::new(),
        recovered: false,
    }
}

//! A load of the e-cash, as the issuer's host does it: the card asks online, host and card convince
//! each other, and an issuer script sets the new balance.
//!
//! Here: the dialogue of a tap that goes online. That of `card load` without `--cash` is in
//! [`super::load`], a tap that pays in [`super::tap`].

use serde::Serialize;
use tongtu_apdu::CardCommand;
use tongtu_codec::hex_encode;
use tongtu_crypto::Algorithm;
use tongtu_ecash::command::{
    ExternalAuthenticate, GetData, GetProcessingOptions, PutData, protected,
};
use tongtu_ecash::cryptogram::{self, CryptogramInput};
use tongtu_ecash::{Amount, CryptogramKind, Iad, IssuerData, Tap, tag};
use tongtu_purse::field::DateTime;
use tongtu_types::{CardNumber, Fen, Timestamp};

use super::kept::CashCard;
use super::tap;
use super::transaction::Desk;
use crate::exit::Failure;
use crate::lang::{Both, both};

/// What a loading counter says of itself: qPBOC, and it wants an online cryptogram.
const QUALIFIERS: [u8; 4] = [0x20, 0x80, 0x00, 0x00];

/// The issuer's answer: approved.
const APPROVED: [u8; 2] = *b"00";

/// What both sides keep of a load.
#[derive(Debug, Serialize)]
struct CashLoadReceipt {
    amount_fen: i64,
    balance_before_fen: i64,
    balance_after_fen: i64,
    balance_limit_fen: i64,
    /// The card's transaction counter.
    counter: u16,
    /// ARQC.
    request_cryptogram: String,
    /// ARPC, where the card wants it.
    response_cryptogram: Option<String>,
    script_mac: String,
    at: String,
    algorithm: &'static str,
}

/// Loads this much.
pub(super) fn load(mut desk: Desk<'_>, more: Fen, now: Timestamp) -> Result<(), Failure> {
    let amount = tap::amount(more)?;
    let at = DateTime::of(now);
    let (pdol, issuer) = tap::select(&mut desk)?;
    let before = money(&mut desk, tag::BALANCE, ("balance", "余额"))?;
    let cap = money(&mut desk, tag::BALANCE_CAP, ("balance limit", "余额上限"))?;
    let used = offset_used(&mut desk)?;
    let to = before.plus(amount).filter(|to| *to <= cap);
    let to = to.ok_or_else(|| above_the_cap(before, cap))?;

    let terminal = tap::said(QUALIFIERS, amount, at)?;
    let options = GetProcessingOptions {
        values: pdol.fill(&terminal),
    };
    let answer = desk.ask(&options, |answer| match &answer.tap {
        Some(tap) => {
            let (counter, arqc) = (tap.atc, capitals(&tap.cryptogram));
            both(
                format!("counter {counter}, cryptogram {arqc}"),
                format!("交易计数器 {counter}，应用密文 {arqc}"),
            )
        }
        None => both("no tap", "不是一次挥卡"),
    })?;
    let asks = |tap: &&Tap| matches!(tap.kind(), Ok(Some(CryptogramKind::Online)));
    let tap = answer.tap.as_ref().filter(asks).ok_or_else(|| {
        Failure::refused(both(
            "the card does not ask its issuer",
            "卡片不请求联机授权",
        ))
    })?;
    let iad = Iad::parse(&tap.iad).map_err(|error| unreadable().because(error))?;
    let algorithm = iad.algorithm().ok_or_else(unreadable)?;
    let number = number_of(tap)?;
    let card = CashCard {
        issuer,
        number: &number,
        sequence: tap.pan_sequence.unwrap_or(0),
        algorithm,
        atc: tap.atc,
    };
    let heard = pdol.split(&options.values).unwrap_or_default();
    let input = CryptogramInput {
        terminal: &heard,
        aip: answer.aip.0,
        atc: tap.atc,
        cvr: iad.cvr,
    };
    let arqc = desk.keys.cryptogram(&card, &input.bytes())?;
    desk.check("ARQC", &tap.cryptogram, &arqc)?;
    // Where the card reports its balance, its MAC vouches for it.
    if let IssuerData::Balance(reported) = &iad.issuer {
        let message = cryptogram::balance_message(tap.atc, reported.balance);
        let mac = desk.keys.cash_code(&card, &message)?;
        desk.check("IAD MAC", &reported.mac, &mac)?;
        if reported.balance != before {
            return Err(Failure::refused(both(
                "the card reports one balance to its issuer and another to everybody",
                "卡片上报发卡行的余额与可读余额不一致",
            )));
        }
    }
    let response_cryptogram = if answer.aip.issuer_authentication() {
        let arpc = desk.keys.answer(&card, &tap.cryptogram, APPROVED)?;
        let response = ExternalAuthenticate {
            cryptogram: arpc,
            arc: APPROVED,
        };
        let code = capitals(&arpc);
        desk.ask(&response, |()| {
            both(
                format!("ARPC {code}: the issuer is authentic"),
                format!("ARPC {code}：发卡行认证成功"),
            )
        })?;
        Some(code)
    } else {
        None
    };
    let script = script(&desk, &card, tap, to)?;
    let script_mac = capitals(&script.mac);
    desk.ask(&script, |()| {
        both(
            format!("{more} loaded, MAC {script_mac}"),
            format!("圈存 {more}，MAC {script_mac}"),
        )
    })?;
    let after = money(&mut desk, tag::BALANCE, ("balance", "余额"))?;
    // What segmented fares took from the offset is paid back first.
    let expected = to.minus(used.min(amount)).unwrap_or(to);
    if after != expected {
        return Err(Failure::refused(both(
            format!("the balance is {} and not {}", after.fen(), expected.fen()),
            format!("余额为 {}，应为 {}", after.fen(), expected.fen()),
        )));
    }
    let receipt = CashLoadReceipt {
        amount_fen: more.get(),
        balance_before_fen: before.fen().get(),
        balance_after_fen: after.fen().get(),
        balance_limit_fen: cap.fen().get(),
        counter: tap.atc,
        request_cryptogram: capitals(&tap.cryptogram),
        response_cryptogram,
        script_mac,
        at: at.to_string(),
        algorithm: match algorithm {
            Algorithm::Tdes => "3DES",
            Algorithm::Sm4 => "SM4",
        },
    };
    let (counter, before, after) = (tap.atc, before.fen(), after.fen());
    let line = both(
        format!("load {counter}: {more}, balance {before} → {after}"),
        format!("圈存 {counter}：{more}，余额 {before} → {after}"),
    );
    desk.end(&line, &receipt)
}

/// PUT DATA of the balance, with the issuer's MAC.
fn script(desk: &Desk<'_>, card: &CashCard<'_>, tap: &Tap, to: Amount) -> Result<PutData, Failure> {
    let mut put = PutData {
        tag: tag::BALANCE,
        value: to.encode().to_vec(),
        mac: [0; 4],
    };
    let unsigned = put.to_command();
    let parts = protected(&unsigned).expect("PUT DATA has room for its MAC");
    let message = cryptogram::script_message(tap.atc, &tap.cryptogram, parts.header, parts.data);
    put.mac = desk.keys.cash_code(card, &message)?;
    Ok(put)
}

/// The number on track 2, from which the issuer derives the card's keys.
fn number_of(tap: &Tap) -> Result<CardNumber, Failure> {
    let track2 = hex_encode(tap.track2.as_deref().unwrap_or_default());
    let number = track2.split('d').next().unwrap_or_default();
    CardNumber::parse(number).map_err(|error| {
        Failure::refused(both("the card does not tell its number", "卡片未给出卡号")).because(error)
    })
}

/// An amount that the card tells to anybody.
fn money(
    desk: &mut Desk<'_>,
    tag: tongtu_apdu::tlv::Tag,
    (en, zh): (&str, &str),
) -> Result<Amount, Failure> {
    let said = desk.ask(&GetData { tag }, |said| {
        let fen = Amount::decode(&said.value).map(Amount::fen);
        let fen = fen.map_or_else(|_| String::from("?"), |fen| fen.to_string());
        both(format!("{en} {fen}"), format!("{zh} {fen}"))
    })?;
    Amount::decode(&said.value).map_err(|error| {
        Failure::refused(both(
            format!("the {en} is no amount"),
            format!("{zh}无法识别"),
        ))
        .because(error)
    })
}

/// What segmented fares took beyond the balance; nothing on a card without them.
fn offset_used(desk: &mut Desk<'_>) -> Result<Amount, Failure> {
    let tag = tag::OFFSET_USED;
    let said = desk.ask_if_there(&GetData { tag })?;
    let used = said.and_then(|said| Amount::decode(&said.value).ok());
    Ok(used.unwrap_or(Amount::ZERO))
}

fn above_the_cap(before: Amount, cap: Amount) -> Failure {
    let room = cap.minus(before).unwrap_or(Amount::ZERO).fen();
    let (before, cap) = (before.fen(), cap.fen());
    Failure::refused(both(
        format!("the e-cash would pass its balance limit of {cap}"),
        format!("将超过电子现金的余额上限 {cap}"),
    ))
    .hint(both(
        format!("it holds {before}: at most {room} can be loaded"),
        format!("现有余额 {before}，最多可圈存 {room}"),
    ))
}

fn unreadable() -> Failure {
    let what: Both = both(
        "what the card tells its issuer cannot be read",
        "无法识别卡片的发卡行应用数据",
    );
    Failure::refused(what)
}

fn capitals(bytes: &[u8]) -> String {
    hex_encode(bytes).to_uppercase()
}

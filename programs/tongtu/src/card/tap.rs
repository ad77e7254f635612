//! A tap of the e-cash, as an offline terminal takes it: everything read, certificates and signature
//! verified with the authorities that are believed, and the last record last, because reading it is what pays.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_apdu::select::{E_CASH, Select};
use tongtu_apdu::tlv;
use tongtu_codec::hex_encode;
use tongtu_ecash::command::{GetData, GetProcessingOptions, ReadRecord};
use tongtu_ecash::oda::{self, Evidence, Trust};
use tongtu_ecash::{Amount, Dol, Fci, Values, tag, test_card};
use tongtu_purse::field::{DateTime, Institution};
use tongtu_types::{Fen, Timestamp};

use super::transaction::Desk;
use crate::cert::cash;
use crate::exit::Failure;
use crate::lang::both;

/// What an offline terminal of a gate says of itself: qPBOC, offline only, fDDA version 01.
const QUALIFIERS: [u8; 4] = [0x28, 0x00, 0x00, 0x80];

/// What both sides keep of a tap.
#[derive(Debug, Serialize)]
pub(super) struct TapReceipt {
    amount_fen: i64,
    balance_after_fen: i64,
    /// The card's transaction counter.
    counter: u16,
    cryptogram: String,
    at: String,
    /// Which signature vouches for the card.
    signature: &'static str,
}

/// What a terminal believes: the authorities of these files, or the published test ones, without the
/// issuers' certificates that they took back.
pub(super) fn believed(files: &[PathBuf], lists: &[PathBuf]) -> Result<Trust, Failure> {
    let papers = files.iter().map(|path| cash::read_authority(path));
    let papers = papers.map(|paper| paper.map(|paper| paper.authority));
    let authorities = papers.collect::<Result<Vec<_>, _>>()?;
    let mut trust = Trust::from(match authorities.is_empty() {
        true => test_card::authorities(),
        false => authorities,
    });
    for path in lists {
        let list = cash::read_revocations(path)?;
        let name = path.display();
        let refused = both(
            format!("`{name}` is not signed by an authority that is believed"),
            format!("`{name}` 并非由所信任的认证中心签名"),
        );
        let authority = trust.authority(list.index);
        let authority =
            authority.map_err(|error| Failure::refused(refused.clone()).because(error))?;
        let verified = list.verify(authority);
        verified.map_err(|error| Failure::refused(refused).because(error))?;
        let serials = list.revoked.into_keys();
        trust
            .revoked
            .extend(serials.map(|serial| (list.index, serial)));
    }
    Ok(trust)
}

/// Pays this much by one tap.
pub(super) fn pay(
    mut desk: Desk<'_>,
    fare: Fen,
    trust: &Trust,
    now: Timestamp,
) -> Result<(), Failure> {
    let amount = amount(fare)?;
    let at = DateTime::of(now);
    let (pdol, _) = select(&mut desk)?;
    let terminal = said(QUALIFIERS, amount, at)?;
    let options = GetProcessingOptions {
        values: pdol.fill(&terminal),
    };
    let answer = desk.ask(&options, |answer| match &answer.tap {
        Some(tap) => {
            let counter = tap.atc;
            both(
                format!("counter {counter}"),
                format!("交易计数器 {counter}"),
            )
        }
        None => both("no tap", "不是一次挥卡"),
    })?;
    let (Some(afl), Some(tap)) = (&answer.afl, &answer.tap) else {
        return Err(
            Failure::refused(both("the card does not pay offline", "卡片拒绝脱机支付")).hint(both(
                "`tongtu card read` shows its balance and its limit of one payment",
                "`tongtu card read` 可查看余额与单笔限额",
            )),
        );
    };
    let mut card = Values::new();
    let mut signed = Vec::new();
    for (sfi, number, is_signed) in afl.records() {
        let record = desk.ask(&ReadRecord { sfi, number }, |_| {
            both(
                format!("record {number} of file {sfi:02X}"),
                format!("文件 {sfi:02X} 记录 {number}"),
            )
        })?;
        let inner = tlv::find(&record, tag::RECORD).unwrap_or_default();
        for object in tlv::objects(inner).map_while(Result::ok) {
            card.insert(object.tag, object.value.to_vec());
        }
        if is_signed {
            signed.push((sfi, record));
        }
    }
    if let Some(signature) = &tap.signed_dynamic {
        card.insert(tag::SIGNED_DYNAMIC, signature.clone());
    }
    let records = signed.iter().map(|(sfi, record)| (*sfi, record.as_slice()));
    let static_data = oda::static_data(records, Some(answer.aip.0));
    // What the card heard is what its list asked for.
    let heard = pdol.split(&options.values).unwrap_or_default();
    let evidence = Evidence {
        card: &card,
        static_data: &static_data,
        terminal: &heard,
    };
    let verified = oda::verify(trust, evidence, now).map_err(|error| {
        Failure::refused(both(
            "the card does not verify under the authorities that are believed",
            "卡片未通过所信任的认证中心的校验",
        ))
        .because(error)
    })?;
    let signature = match verified.key {
        oda::VerifyingKey::Rsa(_) => "RSA",
        oda::VerifyingKey::Sm2(_) => "SM2",
    };
    desk.good(&both(
        format!("issuer, card and signature verified ({signature})"),
        format!("发卡机构、卡片与签名均验证通过（{signature}）"),
    ))?;
    let balance = desk.ask(&GetData { tag: tag::BALANCE }, |balance| {
        let fen = Amount::decode(&balance.value)
            .map(Amount::fen)
            .unwrap_or_default();
        both(format!("balance {fen}"), format!("余额 {fen}"))
    })?;
    let balance = Amount::decode(&balance.value).map_err(|error| {
        Failure::refused(both("the balance is no amount", "余额无法识别")).because(error)
    })?;
    let receipt = TapReceipt {
        amount_fen: fare.get(),
        balance_after_fen: balance.fen().get(),
        counter: tap.atc,
        cryptogram: hex_encode(&tap.cryptogram).to_uppercase(),
        at: at.to_string(),
        signature,
    };
    let (counter, after, cryptogram) = (tap.atc, balance.fen(), &receipt.cryptogram);
    let line = both(
        format!("tap {counter}: {fare}, balance {after}, cryptogram {cryptogram}"),
        format!("挥卡 {counter}：{fare}，余额 {after}，应用密文 {cryptogram}"),
    );
    desk.end(&line, &receipt)
}

/// An amount that an e-cash knows.
pub(super) fn amount(fen: Fen) -> Result<Amount, Failure> {
    Amount::new(fen).map_err(|error| {
        Failure::usage(both(
            "the amount is no amount of an e-cash",
            "金额不是电子现金的金额",
        ))
        .because(error)
    })
}

/// Finds the e-cash; what it wants to hear of the terminal, and whose it says that it is.
pub(super) fn select(desk: &mut Desk<'_>) -> Result<(Dol, Option<Institution>), Failure> {
    let fci = desk.ask(&Select::by_name(E_CASH.as_bytes()), |_| {
        both("e-cash", "电子现金")
    })?;
    let fci = Fci::parse(&fci).unwrap_or_default();
    let transport = fci.discretionary.and_then(|data| data.transport);
    let issuer = transport.map(|transport| Institution(transport.issuer));
    let pdol = fci.pdol.map(|pdol| (pdol, issuer));
    pdol.ok_or_else(|| {
        Failure::refused(both(
            "the application asks for nothing (no PDOL): it is no e-cash",
            "该应用没有 PDOL，不是电子现金",
        ))
    })
}

/// What the terminal says when it is asked.
pub(super) fn said(qualifiers: [u8; 4], amount: Amount, at: DateTime) -> Result<Values, Failure> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| {
        Failure::fault(both("the system gives no randomness", "系统无法提供随机数")).because(error)
    })?;
    let [_, y, m, d, time @ ..] = at.0;
    Ok(Values::from([
        (tag::TTQ, qualifiers.to_vec()),
        (tag::AMOUNT, amount.encode().to_vec()),
        (tag::TERMINAL_COUNTRY, vec![0x01, 0x56]),
        (tag::CURRENCY, vec![0x01, 0x56]),
        (tag::DATE, vec![y, m, d]),
        (tag::TIME, time.to_vec()),
        (tag::UNPREDICTABLE, random.to_vec()),
    ]))
}

//! The two commands of a purchase.

use alloc::vec::Vec;

use tongtu_apdu::Command;
use tongtu_apdu::Malformed;
use tongtu_apdu::check::{exactly, fixed, length, nothing};

use super::{command, factors};
use crate::PurchaseRequest;
use crate::layout::{Permit, PurchaseHead};

/// INIT SAM FOR PURCHASE (消费初始化): `80 70 00 00 Lc head factors 08`.
///
/// Form: [`PurchaseHead`], then 1 to 3 factors of 8 bytes, the card's first; Lc is 14 hex and 8
/// for each factor, 24 with card and issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitPurchase {
    /// What is bought, from which card's INITIALIZE.
    pub head: PurchaseHead,
    /// Diversification factors, the card's first and then outwards: card, issuer.
    pub factors: Vec<[u8; 8]>,
}

impl From<&PurchaseRequest> for InitPurchase {
    fn from(request: &PurchaseRequest) -> Self {
        Self {
            head: PurchaseHead {
                random: request.random,
                sequence: request.sequence,
                amount: request.amount,
                kind: request.kind,
                at: request.at,
                key_version: request.key_version,
                algorithm: request.algorithm,
            },
            factors: [request.card.0, request.issuer.0].to_vec(),
        }
    }
}

command! {
    InitPurchase: "INIT SAM FOR PURCHASE", "消费初始化", 0x70, 0x80 -> Permit;
    status {
        PERMANENTLY_LOCKED => "the module is locked after wrong MAC2", "PSAM 已锁定";
        CONDITIONS => "another directory is selected, or the date is outside the module's",
            "未选择应用目录，或交易日期不在有效期内";
        WRONG_DATA => "not a type of purchase", "交易类型不符";
        KEY_INDEX => "no key of this version, algorithm and number of factors", "密钥索引不支持";
        COUNTER_AT_MAX => "the terminal sequence is at its maximum", "终端交易序号达到最大值";
        MEMORY_FAILURE => "the sequence could not be written", "写存储器失败";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        let wrong = || length::<Self>(c, "14 bytes (hex) and one to three factors of 8");
        let (head, rest) = c.data.split_first_chunk::<{ PurchaseHead::LEN }>().ok_or_else(wrong)?;
        let factors = factors(rest).ok_or_else(wrong)?;
        let head = PurchaseHead::decode(head)
            .map_err(|cause| Malformed::Record { command: Self::NAME, cause })?;
        Ok(Self { head, factors })
    }
    write |s| {
        let head = s.head.encode().expect("every field is as wide as its value");
        let data = [&head[..], s.factors.as_flattened()].concat();
        Command::new(0x80, Self::INS, 0, 0).with_data(data).with_le(8)
    }
    answer |data| { Permit::decode(data) }
}

/// CREDIT SAM FOR PURCHASE (消费确认): `80 72 00 00 04 MAC2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditPurchase {
    /// MAC2 of the card.
    pub mac2: [u8; 4],
}

command! {
    CreditPurchase: "CREDIT SAM FOR PURCHASE", "校验 MAC2", 0x72, 0x80 -> ();
    status {
        PERMANENTLY_LOCKED => "the module is locked after wrong MAC2", "PSAM 已锁定";
        CONDITIONS => "no purchase was initialised right before", "此前没有消费初始化";
        MAC_INVALID => "MAC2 is wrong; the purchase is over", "MAC2 错误";
        MEMORY_FAILURE => "the count of failures could not be written", "写存储器失败";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        Ok(Self { mac2: exactly::<Self, 4>(c, "MAC2: 04 bytes")? })
    }
    write |s| { Command::new(0x80, Self::INS, 0, 0).with_data(s.mac2) }
    answer |data| { nothing::<Self>(data) }
}

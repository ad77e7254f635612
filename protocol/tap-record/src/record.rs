//! The record as a table, and what can be said of it without asking anybody.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_codec::{Be, Padded, Raw, record};
use tongtu_crypto::BlockKey;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Purse, Serial, Terminal, Terminal8,
};
use tongtu_purse::proof::{self, Deal};
use tongtu_types::LineCode;

use crate::code::{CashCheck, Mac2State, Magic, RecordKind, Recovery, Stage, Tap, Version};

record! {
    /// What a terminal keeps of one transaction with a card.
    ///
    /// CONFLICT: terminals keep either the sequence that INITIALIZE answered or the one after
    /// it; here it is the former, as in the session key.
    ///
    /// UNSPECIFIED: the layouts of real terminals disagree and lack fields, so this one is ours;
    /// the fields that enter MAC1, MAC2 and TAC are bit by bit what went to the card and module.
    pub struct TapRecord: 308 {
        [0..4] magic: Magic as Tap, Ours, "magic, TTCR", "记录标志";
        [4..5] version: Version as Tap, Ours, "version of this table: the first that has the record's codes", "版本";
        [5..6] kind: RecordKind as Tap, Ours, "what the card did", "记录类型";
        [6..7] stage: Stage as Tap, Ours, "which part of a ride", "行程阶段";
        [7..8] mac2: Mac2State as Tap, Ours, "what is known of MAC2", "MAC2 验证状态";
        [8..9] recovery: Recovery as Tap, Ours, "how the record came about", "恢复状态";
        [9..11] status: StatusWord as Tap, Ours, "the card's last status word; of a lock 0000: it was sent, its answer is not known", "卡片状态字";
        [11..19] acceptor: Institution as Purse, Impl, "acceptor institution", "受理机构标识";
        [19..21] city: City as Purse, Impl, "acceptor city", "受理城市代码";
        [21..31] psam: PsamSerial as Tap, Impl, "PSAM that made MAC1", "PSAM 卡号";
        [31..37] terminal: Terminal as Purse, Impl, "terminal number in MAC1 and TAC", "终端机编号";
        [37..41] terminal_sequence: u32 as Be, Impl, "terminal sequence in the TAC", "终端交易序号";
        [41..48] at: DateTime as Purse, Impl, "date and time in MAC1 and TAC", "交易日期时间";
        [48..54] recorder: Terminal as Purse, Ours, "terminal that made the record", "记录终端";
        [54..61] recorded_at: DateTime as Purse, Ours, "when it was made", "记录时间";
        [61..71] serial: Serial as Purse, Impl, "application serial number", "应用序列号";
        [71..79] issuer: Institution as Purse, Impl, "issuer identifier", "发卡机构标识";
        [79..81] card_city: City as Purse, Impl, "city of the card", "卡片城市代码";
        [81..83] interop: u16 as Be, Impl, "interoperability class", "互通卡种";
        [83..84] card_kind: CardKind as Purse, Impl, "card kind", "卡种类型";
        [84..86] sequence: u16 as Be, Impl,
            "card's offline sequence that INITIALIZE answered", "脱机交易序号";
        [86..87] transaction: Kind as Purse, Impl, "transaction type in MAC1 and TAC", "交易类型标识";
        [87..88] key_index: u8 as Be, Impl, "key index", "密钥索引";
        [88..89] key_version: u8 as Be, Impl, "key version", "密钥版本号";
        [89..90] algorithm: u8 as Be, Impl, "algorithm identifier", "算法标识";
        [90..94] random: [u8; 4] as Raw, Impl, "card's random", "卡片随机数";
        [94..98] amount: Amount as Purse, Impl, "amount debited", "交易金额";
        [98..102] before: Balance as Purse, Impl, "balance before, as the card answered", "交易前余额";
        [102..106] after: Balance as Purse, Inferred, "balance after", "交易后余额";
        [106..109] overdraft: Limit as Purse, Impl, "overdraft limit", "透支限额";
        [109..113] tac: [u8; 4] as Raw, Impl, "TAC; zero where there is none", "交易验证码";
        [113..117] mac2_code: [u8; 4] as Raw, Ours, "MAC2; zero where there is none", "MAC2";
        [117..121] base: Amount as Purse, Inferred, "fare before everything else", "基础票价";
        [121..125] discount: Amount as Purse, Inferred,
            "taken off by class or accumulation", "优惠金额";
        [125..129] transfer: Amount as Purse, Inferred, "taken off for a transfer", "换乘优惠";
        [129..133] penalty: Amount as Purse, Inferred, "added by rule: over-stay, no entry", "加收金额";
        [133..137] arrears: Amount as Purse, Inferred,
            "of an earlier ride, recovered with this one", "补扣金额";
        [137..141] marked: Amount as Purse, Inferred,
            "marked on the card for a later recovery", "标注金额";
        [141..142] industry: Industry as Purse, Impl, "industry", "行业代码";
        [142..144] operator: [u8; 2] as Raw, Impl, "operator", "运营商代码";
        [144..150] line: LineCode as Padded, Ours, "line or network in the fare book", "线路";
        [150..158] station: [u8; 8] as Raw, Impl, "station, as on the card", "站点";
        [158..159] direction: Direction as Purse, Impl, "direction of a bus; 00 none", "方向标识";
        [159..167] vehicle: [u8; 8] as Raw, Impl, "vehicle, as on the card", "车辆号";
        [167..175] origin_institution: Institution as Purse, Inferred,
            "institution where the ride, or the one in arrears, began", "起点机构标识";
        [175..177] origin_city: City as Purse, Inferred, "city where it began", "起点城市代码";
        [177..179] origin_line: [u8; 2] as Raw, Inferred,
            "line where it began, as on the card", "起点线路";
        [179..187] origin_station: [u8; 8] as Raw, Inferred, "station where it began", "起点站点";
        [187..195] origin_terminal: Terminal8 as Purse, Inferred,
            "terminal where it began", "起点终端编号";
        [195..202] origin_at: DateTime as Purse, Inferred, "when it began", "起点时间";
        [202..212] software: [u8; 10] as Raw, Ours, "software of the terminal", "终端软件版本";
        [212..216] fares: u32 as Be, Ours, "version of the fare book", "票价表版本";
        [216..220] parameters: u32 as Be, Ours, "version of the parameters", "参数版本";
        [220..224] white_list: u32 as Be, Ours, "version of the list of issuers", "白名单版本";
        [224..228] blacklist: u32 as Be, Ours, "version of the blacklist", "黑名单版本";
        [228..308] own: [u8; 80] as Raw, Ours,
            "of an e-cash or a face: what proves it; else zero", "介质自有数据";
    }
}

/// What names a card's transaction: a card uses each sequence number once.
///
/// Two records with one key are one ride, whoever made them: a card that is torn away from one
/// terminal and recovered by another is recorded by both when their network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RideKey {
    /// Application serial number; of an e-cash its card number.
    pub serial: Serial,
    /// The card's sequence number; of an e-cash its counter.
    pub sequence: u16,
    /// Whether an e-cash paid: one number may be a purse's and an e-cash's, which count apart.
    pub is_cash: bool,
}

/// What names a module's transaction: a module uses each terminal sequence once.
///
/// The key of an upload that is repeated; gaps in it are normal, repeats with another content
/// are fraud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleKey {
    /// Serial number of the module.
    pub psam: PsamSerial,
    /// Terminal sequence.
    pub terminal_sequence: u32,
}

/// What in a record contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// The parts of the fare do not give the amount.
    #[error("tap record: amount is {amount}, but its parts give {parts} fen")]
    Parts {
        /// The amount.
        amount: tongtu_types::Fen,
        /// What the parts give, in fen.
        parts: i64,
    },
    /// This state of MAC2 is none that such a record can have.
    #[error("tap record: MAC2 is {mac2:?} in a record of {kind:?}, {recovery:?}")]
    Mac2 {
        /// State of MAC2.
        mac2: Mac2State,
        /// Kind of the record.
        kind: RecordKind,
        /// How it came about.
        recovery: Recovery,
    },
    /// Money moved where none can.
    #[error("tap record: {amount} in a record of {kind:?}, {recovery:?}, expected nothing")]
    Money {
        /// The amount.
        amount: tongtu_types::Fen,
        /// Kind of the record.
        kind: RecordKind,
        /// How it came about.
        recovery: Recovery,
    },
    /// Not the version that such a record is written in.
    #[error("tap record: {version:?} in a record of {kind:?}, {recovery:?}")]
    Version {
        /// The version.
        version: Version,
        /// Kind of the record.
        kind: RecordKind,
        /// How it came about.
        recovery: Recovery,
    },
}

impl TapRecord {
    /// The status word of a lock that was sent to the card and whose answer is not known. No card
    /// answers it.
    pub const LOCK_UNANSWERED: StatusWord = StatusWord::new(0x0000);

    /// Whether a card may be locked and nobody knows: its terminal sent it the lock, and then lost
    /// the card, or its own power.
    #[must_use]
    pub fn is_lock_unanswered(&self) -> bool {
        self.kind == RecordKind::Lock && self.status == Self::LOCK_UNANSWERED
    }

    /// Whether a rider who was not told of this ride has paid for nothing: money moved, the card
    /// is believed, and it is known which ride the money was for.
    ///
    /// What a second ticket pays is no money here, and who rides by face is not told by this
    /// record but by the account.
    #[must_use]
    pub fn is_paid_ride(&self) -> bool {
        let is_believed = match self.kind {
            RecordKind::Purse | RecordKind::Composite | RecordKind::MakeUp => {
                self.mac2 != Mac2State::Failed
            }
            RecordKind::Cash => {
                let check = self.cash().map(|proof| proof.check);
                matches!(check, Ok(CashCheck::Rsa | CashCheck::Sm2))
            }
            RecordKind::Ticket | RecordKind::Lock | RecordKind::Face => false,
        };
        is_believed && self.is_whole() && self.amount != Amount::ZERO
    }

    /// Whether this is a ride's own record, with nothing about it in doubt: not a grey one, not
    /// what a card paid to vouch for itself, not what was noted of a ride afterwards.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let recovery = matches!(
            self.recovery,
            Recovery::Plain | Recovery::Here | Recovery::Elsewhere
        );
        recovery && self.stage != Stage::None
    }

    /// What its terminal notes when nobody told the rider of this ride: the record once more,
    /// with who notes it and when.
    #[must_use]
    pub fn untold(&self, by: Terminal, at: DateTime) -> Self {
        Self {
            version: Version::Two,
            recovery: Recovery::Untold,
            recorder: by,
            recorded_at: at,
            ..self.clone()
        }
    }

    /// Whether these bytes are such a record, by its first letters.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&Magic::BYTES)
    }

    /// The transaction of the card; none where the card moved nothing.
    #[must_use]
    pub const fn ride_key(&self) -> Option<RideKey> {
        match self.kind {
            RecordKind::Lock | RecordKind::Face => None,
            _ => Some(RideKey {
                serial: self.serial,
                sequence: self.sequence,
                is_cash: matches!(self.kind, RecordKind::Cash),
            }),
        }
    }

    /// The transaction of the module; none where no module took part.
    #[must_use]
    pub const fn module_key(&self) -> Option<ModuleKey> {
        match self.kind {
            RecordKind::Lock | RecordKind::Face | RecordKind::Cash => None,
            _ => Some(ModuleKey {
                psam: self.psam,
                terminal_sequence: self.terminal_sequence,
            }),
        }
    }

    /// What the parts of the fare give.
    #[must_use]
    pub fn parts_fen(&self) -> i64 {
        let fen = |amount: Amount| i64::from(amount.get());
        // Six numbers below 2³² do not leave 64 bits.
        fen(self.base) - fen(self.discount) - fen(self.transfer)
            + fen(self.penalty)
            + fen(self.arrears)
    }

    /// What MAC1, MAC2 and TAC are made over.
    #[must_use]
    pub const fn deal(&self) -> Deal {
        Deal {
            amount: self.amount,
            kind: self.transaction,
            terminal: self.terminal,
        }
    }

    /// What the TAC is made over: for whoever has the card's key where it is kept.
    #[must_use]
    pub fn tac_message(&self) -> Vec<u8> {
        self.deal()
            .purchase_tac_message(self.terminal_sequence, self.at)
    }

    /// Whether the TAC is the one of the card with this TAC key.
    #[must_use]
    pub fn tac_holds(&self, card_key: &BlockKey) -> bool {
        let tac = self
            .deal()
            .purchase_tac(card_key, self.terminal_sequence, self.at);
        proof::same(&tac, &self.tac)
    }

    /// Whether MAC2 is the one of the card with this purchase key: what a back office that has
    /// the key does with a record whose MAC2 no module verified.
    #[must_use]
    pub fn mac2_holds(&self, card_key: &BlockKey) -> bool {
        let session =
            proof::purchase_session(card_key, self.random, self.sequence, self.terminal_sequence);
        proof::same(&self.deal().purchase_mac2(&session), &self.mac2_code)
    }

    /// Looks for what contradicts itself.
    ///
    /// # Errors
    /// [`RecordFault`], the first one.
    pub fn check(&self) -> Result<(), RecordFault> {
        let (kind, recovery, mac2) = (self.kind, self.recovery, self.mac2);
        let parts = self.parts_fen();
        let amount = self.amount.fen();
        if parts != amount.get() {
            return Err(RecordFault::Parts { amount, parts });
        }
        let moves_nothing = kind == RecordKind::Lock || recovery == Recovery::Vouch;
        if moves_nothing && !amount.is_zero() {
            return Err(RecordFault::Money {
                amount,
                kind,
                recovery,
            });
        }
        let version = self.version;
        let is_two = version == Version::Two;
        let has_untold = !matches!(kind, RecordKind::Lock | RecordKind::Face);
        if is_two != (recovery == Recovery::Untold) || is_two && !has_untold {
            return Err(RecordFault::Version {
                version,
                kind,
                recovery,
            });
        }
        let fits = match (kind, recovery) {
            (RecordKind::Lock | RecordKind::Cash | RecordKind::Face, _) | (_, Recovery::Grey) => {
                mac2 == Mac2State::None
            }
            // Not verified: the module went away between the card's answer and MAC2.
            _ => mac2 != Mac2State::None,
        };
        if fits {
            Ok(())
        } else {
            Err(RecordFault::Mac2 {
                mac2,
                kind,
                recovery,
            })
        }
    }
}

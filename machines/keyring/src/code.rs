//! The closed words of the book: what a key is for, who does what, how far a key is.
//!
//! Their bytes are ours; a byte without a meaning is an error, because whoever judges a key by an
//! event must know what it says. A further word comes with a further version of the tables.

use alloc::string::String;
use core::fmt;

use tongtu_codec::{Encoding, FieldError, Raw, closed, sole_byte};

/// How the book's own values lie in its records.
#[derive(Debug)]
pub struct Ring;

closed! {
    /// What a key is for; it is used for nothing else (service rules draft §10).
    Purpose as Ring, "a purpose of the table" {
        /// DPK: purchases of the e-purse.
        Purchase = 0x01, "purse purchase", "电子钱包消费";
        /// DLK: loads.
        Load = 0x02, "load", "圈存";
        /// DULK: unloads.
        Unload = 0x03, "unload", "圈提";
        /// DUK: change of the overdraft limit.
        Overdraft = 0x04, "overdraft limit", "透支限额修改";
        /// DTK: transaction proofs.
        Tac = 0x05, "TAC", "交易验证";
        /// DAMK: secure messaging, locks included.
        Maintenance = 0x06, "application maintenance", "应用维护";
        /// DRPK: RELOAD PIN.
        ReloadPin = 0x07, "reload PIN", "重装密码";
        /// DPUK: PIN UNBLOCK.
        UnblockPin = 0x08, "unblock PIN", "解锁密码";
        /// DACK: EXTERNAL AUTHENTICATE.
        External = 0x09, "external authentication", "外部认证";
        /// DIACK: INTERNAL AUTHENTICATE.
        Internal = 0x0A, "internal authentication", "内部认证";
        /// Updates of composite records without a purchase.
        QuickUpdate = 0x0B, "quick update", "快速更新";
        /// Application cryptograms of the e-cash.
        CashCryptogram = 0x10, "e-cash cryptogram", "电子现金应用密文";
        /// MACs of the e-cash's issuer scripts.
        CashMac = 0x11, "e-cash script MAC", "电子现金脚本报文鉴别";
        /// Enciphered data of the e-cash's issuer scripts.
        CashCipher = 0x12, "e-cash script encipherment", "电子现金脚本加密";
        /// Certificates of e-cash cards.
        CashIssuer = 0x13, "e-cash issuer", "电子现金发卡行公钥";
        /// Certificates of e-cash issuers: the authority's own key.
        CashAuthority = 0x14, "e-cash authority", "电子现金认证中心";
        /// Records of the e-cash's extension files.
        CashFile = 0x15, "e-cash extension file", "电子现金扩展应用";
        /// User certificates of ride codes.
        RideCode = 0x20, "ride-code issuing", "乘车二维码发行";
        /// Authentication on a link between nodes.
        NodeLink = 0x30, "node link", "节点链路";
        /// Exchange files.
        FileSignature = 0x31, "file signature", "文件签名";
        /// Lists of terminals.
        ListSignature = 0x32, "list signature", "名单签名";
        /// Records that a terminal signs.
        TerminalRecord = 0x33, "terminal record", "终端记录签名";
        /// Daily anchors of an audit chain.
        AuditAnchor = 0x34, "audit anchor", "审计锚签名";
        /// What an officer puts under a step: a person's key, in no city's slot.
        Approval = 0x35, "officer's approval", "人员审批签名";
        /// The institution register.
        Register = 0x36, "institution register", "机构登记签名";
        /// Keys and data on their way to personalisation.
        PersoTransport = 0x40, "personalisation transport", "个人化传输";
        /// Keys of security domains.
        SecurityDomain = 0x41, "security domain", "安全域";
        /// Tokens of delegated management.
        Token = 0x42, "token", "令牌";
        /// Receipts of delegated management.
        Receipt = 0x43, "receipt", "收条";
        /// Templates of faces, at rest and on their way to terminals.
        FaceSeal = 0x44, "face seal", "人脸数据保护";
        /// TMK: under it a POS terminal gets its work keys.
        PosMaster = 0x50, "POS terminal master", "终端主密钥";
        /// PIK: PIN blocks.
        PosPin = 0x51, "POS PIN", "PIN 密钥";
        /// MAK: MACs of POS messages.
        PosMac = 0x52, "POS MAC", "MAC 密钥";
        /// TDK: tracks.
        PosTrack = 0x53, "POS track", "磁道密钥";
    }
}

closed! {
    /// With which algorithm a key works.
    KeyAlgorithm as Ring, "an algorithm from 01 to 05" {
        /// Two-key triple DES.
        Tdes = 0x01, "3DES", "3DES";
        /// AES.
        Aes = 0x02, "AES", "AES";
        /// RSA.
        Rsa = 0x03, "RSA", "RSA";
        /// SM4.
        Sm4 = 0x04, "SM4", "SM4";
        /// SM2.
        Sm2 = 0x05, "SM2", "SM2";
    }
}

closed! {
    /// What kind of device keeps a key.
    CustodyKind as Ring, "a custody from 01 to 05" {
        /// An HSM.
        Hsm = 0x01, "HSM", "加密机";
        /// A terminal's key module.
        Psam = 0x02, "PSAM", "消费安全存取模块";
        /// A secure element.
        SecureElement = 0x03, "secure element", "安全单元";
        /// A file with a test key; no real key is ever kept so.
        TestFile = 0x04, "test key file", "测试密钥文件";
        /// A file in which each key is sealed, of a store made for production.
        SealedFile = 0x05, "sealed key file", "密封密钥文件";
    }
}

closed! {
    /// In which capacity an officer acts.
    Role as Ring, "a role from 01 to 07" {
        /// Runs the nation's key centre.
        NationOfficer = 0x01, "nation's key officer", "国家密钥管理员";
        /// Approves at the nation.
        NationApprover = 0x02, "nation's approver", "国家审批员";
        /// Holds a part of the access to the nation's devices.
        NationCustodian = 0x03, "nation's custodian", "国家密钥保管员";
        /// Applies for cities and hands on to them.
        ProvinceOfficer = 0x04, "province's key officer", "省级密钥管理员";
        /// Approves at the province.
        ProvinceApprover = 0x05, "province's approver", "省级审批员";
        /// Holds a part of the access to the holder's device.
        HolderCustodian = 0x06, "holder's custodian", "持有机构密钥保管员";
        /// Acts for the transport authority of the place.
        Supervisor = 0x07, "authority's supervisor", "主管部门监管员";
    }
}

closed! {
    /// How a key is used: overlap means that the old one is accepted and the new one makes.
    Usage as Ring, "a usage 01 or 02" {
        /// Making something new: a MAC, a certificate, a signature.
        Make = 0x01, "make", "产生";
        /// Verifying or deciphering what was made with it.
        Accept = 0x02, "accept", "受理";
    }
}

closed! {
    /// Why a key is suspended, revoked or not given.
    Cause as Ring, "a cause from 01 to 05" {
        /// Used outside its scope, or kept badly (service rules draft §11).
        Misuse = 0x01, "misuse", "使用或管理不当";
        /// Someone else may know it.
        Compromise = 0x02, "compromise", "泄露";
        /// Its device is lost or broken.
        DeviceLost = 0x03, "device lost", "设备丢失或损坏";
        /// Its holder ended the business.
        Closure = 0x04, "business ended", "业务终止";
        /// The application was not in order.
        Application = 0x05, "application not in order", "申请不符合要求";
    }
}

closed! {
    /// Which limit a refused use met.
    Ground as Ring, "a ground from 01 to 0B" {
        /// No such key.
        Unknown = 0x01, "unknown key", "密钥不存在";
        /// Another city's.
        OutsideCity = 0x02, "outside its city", "跨地区使用";
        /// For something else.
        OutsidePurpose = 0x03, "outside its purpose", "超出使用范围";
        /// Not in use yet, or never given.
        NotActive = 0x04, "not active", "未启用";
        /// Its term has not begun.
        NotYet = 0x05, "not yet", "未生效";
        /// Its term has ended.
        Over = 0x06, "over", "已过有效期";
        /// A newer version makes.
        Superseded = 0x07, "superseded", "已被新版本取代";
        /// Its overlap has ended.
        OverlapOver = 0x08, "overlap over", "并行期已结束";
        /// Suspended.
        Suspended = 0x09, "suspended", "已暂停";
        /// Revoked.
        Revoked = 0x0A, "revoked", "已撤销";
        /// Withdrawn.
        Withdrawn = 0x0B, "withdrawn", "已清理收回";
    }
}

closed! {
    /// How far a key is.
    Stage as Ring, "a stage from 01 to 0D" {
        /// The province applied.
        Requested = 0x01, "requested", "已申请";
        /// The nation said no.
        Rejected = 0x02, "rejected", "未批准";
        /// The nation said yes.
        Approved = 0x03, "approved", "已批准";
        /// It is in the nation's device.
        Generated = 0x04, "generated", "已生成";
        /// It is in its holder's device.
        Distributed = 0x05, "distributed", "已发放";
        /// In use.
        Active = 0x06, "active", "使用中";
        /// In use, and its end was announced.
        RenewalDue = 0x07, "renewal due", "待更新";
        /// Accepted only; a newer version makes.
        Overlap = 0x08, "in overlap", "并行期";
        /// Nobody used it for twelve months.
        Unused = 0x09, "unused", "长期未使用";
        /// The authority stopped it for a time.
        Suspended = 0x0A, "suspended", "已暂停";
        /// Its time is over.
        Retired = 0x0B, "retired", "已退役";
        /// The authority took it away.
        Revoked = 0x0C, "revoked", "已撤销";
        /// The province cleaned it up.
        Withdrawn = 0x0D, "withdrawn", "已清理收回";
    }
}

closed! {
    /// What can happen to a key.
    Step as Ring, "a step of the table" {
        /// A city is registered with its province.
        CityRegistered = 0x01, "city registered", "城市登记";
        /// The province applies.
        Requested = 0x10, "requested", "申请";
        /// The nation approves.
        Approved = 0x11, "approved", "批准";
        /// The nation does not approve.
        Rejected = 0x12, "rejected", "不批准";
        /// The key is made.
        Generated = 0x13, "generated", "生成";
        /// The province hands it to its holder.
        Distributed = 0x14, "distributed", "发放";
        /// The holder begins to use it.
        Activated = 0x15, "activated", "启用";
        /// It was used, noted once a day.
        Used = 0x20, "used", "使用";
        /// Its end was announced.
        Noticed = 0x21, "noticed", "到期通知";
        /// It is marked as unused.
        FlaggedUnused = 0x22, "flagged unused", "标记长期未使用";
        /// A use outside its limits was asked for and refused.
        Misused = 0x23, "refused use", "违规使用";
        /// The authority looked at refused uses and let the key go on.
        Reviewed = 0x24, "reviewed", "核查";
        /// The authority stops it for a time.
        Suspended = 0x30, "suspended", "暂停";
        /// It goes on.
        Resumed = 0x31, "resumed", "恢复";
        /// Its time is over.
        Retired = 0x32, "retired", "退役";
        /// The authority takes it away.
        Revoked = 0x33, "revoked", "撤销";
        /// The province cleans it up.
        Withdrawn = 0x34, "withdrawn", "清理收回";
    }
}

impl Purpose {
    /// Whether a key for this works with an algorithm: the card's keys are symmetric, signatures
    /// are not, and security domains and their tokens have both kinds.
    #[must_use]
    pub const fn takes(self, algorithm: KeyAlgorithm) -> bool {
        match self {
            Self::Purchase
            | Self::Load
            | Self::Unload
            | Self::Overdraft
            | Self::Tac
            | Self::Maintenance
            | Self::ReloadPin
            | Self::UnblockPin
            | Self::External
            | Self::Internal
            | Self::QuickUpdate
            | Self::CashCryptogram
            | Self::CashMac
            | Self::CashCipher
            | Self::CashFile
            | Self::PosMaster
            | Self::PosPin
            | Self::PosMac
            | Self::PosTrack => matches!(algorithm, KeyAlgorithm::Tdes | KeyAlgorithm::Sm4),
            Self::FaceSeal => matches!(algorithm, KeyAlgorithm::Sm4),
            Self::RideCode
            | Self::FileSignature
            | Self::ListSignature
            | Self::TerminalRecord
            | Self::AuditAnchor
            | Self::Register
            | Self::Approval => matches!(algorithm, KeyAlgorithm::Sm2),
            Self::CashIssuer | Self::CashAuthority => {
                matches!(algorithm, KeyAlgorithm::Rsa | KeyAlgorithm::Sm2)
            }
            Self::NodeLink
            | Self::PersoTransport
            | Self::SecurityDomain
            | Self::Token
            | Self::Receipt => true,
        }
    }
}

impl KeyAlgorithm {
    /// Whether its keys have a key check value; the others are named by their public key.
    #[must_use]
    pub const fn has_kcv(self) -> bool {
        matches!(self, Self::Tdes | Self::Aes | Self::Sm4)
    }
}

impl Ground {
    /// Whether the authority must look at it: use outside the granted scope or region.
    #[must_use]
    pub const fn is_misuse(self) -> bool {
        matches!(self, Self::OutsideCity | Self::OutsidePurpose)
    }
}

impl Stage {
    /// Whether nothing follows any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Rejected | Self::Retired | Self::Revoked | Self::Withdrawn
        )
    }

    /// Whether the key is on its way to its holder's first use.
    #[must_use]
    pub const fn is_on_its_way(self) -> bool {
        matches!(
            self,
            Self::Requested | Self::Approved | Self::Generated | Self::Distributed
        )
    }
}

/// Stages in a sentence: `active, suspended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stages(pub &'static [Stage]);

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stage) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{stage}")?;
        }
        Ok(())
    }
}

/// No role: the book's own steps, which no officer takes.
impl Encoding<Option<Role>> for Ring {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Option<Role>, FieldError> {
        match sole_byte(bytes)? {
            0 => Ok(None),
            _ => <Self as Encoding<Role>>::decode(bytes).map(Some),
        }
    }

    fn encode(value: &Option<Role>, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&[value.map_or(0, Role::byte)], out)
    }

    fn show(value: &Option<Role>) -> String {
        match value {
            None => String::from("-"),
            Some(role) => <Self as Encoding<Role>>::show(role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_meaning_and_comes_back() {
        for byte in 0..=u8::MAX {
            let back = [
                Purpose::of(byte).map(Purpose::byte),
                Step::of(byte).map(Step::byte),
                Stage::of(byte).map(Stage::byte),
                Ground::of(byte).map(Ground::byte),
            ];
            assert!(back.iter().all(|b| b.is_none_or(|b| b == byte)), "{byte}");
        }
        assert_eq!(Purpose::ALL.len(), 34);
    }

    #[test]
    fn every_purpose_has_an_algorithm_of_our_own() {
        let domestic = [KeyAlgorithm::Sm2, KeyAlgorithm::Sm4];
        for purpose in Purpose::ALL {
            assert!(domestic.iter().any(|a| purpose.takes(*a)), "{purpose}");
        }
    }
}

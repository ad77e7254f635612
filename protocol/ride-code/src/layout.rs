//! The record tables of code and certificates, and the numbers that go with them.

use tongtu_codec::{Be, Cn, Cn10, Raw, record};
use tongtu_types::{CardNumber, InstitutionCode, MonthYear};

/// Length without extension.
pub const CODE_LEN_MIN: usize = 332;
/// Longest extension (用户扩展信息).
pub const EXTENSION_LEN_MAX: usize = 32;
/// Length with the longest extension.
pub const CODE_LEN_MAX: usize = CODE_LEN_MIN + EXTENSION_LEN_MAX;
/// First byte of a structure-version-1 code.
pub const LEAD_VERSION_1: u8 = 0x81;
/// Where the certificate domain begins.
pub const CERTIFICATE_AT: usize = Guide::LEN;
/// Where the user domain begins.
pub const USER_AT: usize = CERTIFICATE_AT + IssuerCertificate::LEN;
/// Where the extension begins.
pub const EXTENSION_AT: usize = USER_AT + UserDomain::LEN;
/// Offset of the extension's length byte.
pub const EXTENSION_LEN_AT: usize = EXTENSION_AT - 1;
/// The byte before r of the issuer's and the user's signature.
///
/// UNSPECIFIED: the rule only says "65 bytes"; public implementations and real codes have
/// 0x15 here, presumably a mark for SM2 with SM3.
pub const SIGNATURE_MARK: u8 = 0x15;
/// Service identifier (服务标识) of transport e-cash: PIX padded with hex 0.
pub const SERVICE_TRANSPORT: [u8; 4] = [0x01, 0x01, 0x00, 0x00];
/// Application provider's registered identifier (RID) of transport.
pub const RID_TRANSPORT: [u8; 5] = [0xA0, 0x00, 0x00, 0x06, 0x32];
/// Algorithm number of SM2.
pub const ALGORITHM_SM2: u8 = 0x04;

record! {
    /// Guide domain (引导域).
    ///
    /// Source: QR annex field table. The length counts every byte after itself.
    pub struct Guide: 3 {
        [0..1] kind_version: u8 as Be, Std,
            "code type 1000 in the high nibble, structure version in the low",
            "二维码类型标识、二维码版本";
        [1..3] body_len: u16 as Be, Std, "data length: total length - 3", "二维码数据长度";
    }
}

record! {
    /// Issuer certificate = the code's certificate domain (互通证书域).
    ///
    /// Source: QR annex field table. The CA signature covers bytes 6..53 of the certificate
    /// (certificate format to issuer public key), r || s without a mark.
    pub struct IssuerCertificate: 117 {
        [0..1] record_header: u8 as Be, Std, "record header, 24h", "记录头";
        [1..5] service_id: [u8; 4] as Raw, Std, "service identifier", "服务标识";
        [5..6] ca_index: u8 as Be, Std, "centre CA public key index", "中心CA公钥索引";
        [6..7] format: u8 as Be, Std, "certificate format, 12h", "证书格式";
        [7..11] issuer: InstitutionCode as Cn, Std, "issuer identifier, cn8", "发行机构标识";
        [11..13] expiry: MonthYear as Cn, Std, "expiry MMYY, n4", "证书失效日期";
        [13..16] serial: [u8; 3] as Raw, Std, "certificate serial", "证书序列号";
        [16..17] signature_algorithm: u8 as Be, Std,
            "issuer key signature algorithm, 04h = SM2", "发行机构公钥签名算法标识";
        [17..18] encryption_algorithm: u8 as Be, Std,
            "issuer key encryption algorithm (reserved)", "发行机构公钥加密算法标识";
        [18..19] parameter: u8 as Be, Std, "issuer key parameter, 00h", "发行机构公钥参数标识";
        [19..20] key_len: u8 as Be, Std, "issuer key length, 21h", "发行机构公钥长度";
        [20..53] public_key: [u8; 33] as Raw, Std,
            "issuer public key, compressed point", "发行机构签名公钥";
        [53..117] ca_signature: [u8; 64] as Raw, Std, "CA signature, r || s", "数字签名";
    }
}

record! {
    /// Fixed part of the user certificate domain (用户证书域); extension and signature follow.
    ///
    /// Source: QR annex field table; order of extension and signature from real codes.
    pub struct UserDomain: 78 {
        [0..16] issuer_data: [u8; 16] as Raw, Std, "issuer-defined data, ans16", "发行方自定义数据";
        [16..26] account: CardNumber as Cn10, Std,
            "user account number: virtual card number", "用户账户号";
        [26..30] card_issuer: [u8; 4] as Raw, Std, "card issuer code (reserved)", "发卡机构代码";
        [30..34] platform: [u8; 4] as Raw, Std, "code platform number (reserved)", "发码平台编号";
        [34..35] account_type: u8 as Be, Std, "account type", "用户账户类型";
        [35..38] limit_fen: u32 as Be, Std, "single-ride limit, fen", "用户单次消费金额上限";
        [38..71] public_key: [u8; 33] as Raw, Std,
            "user public key, compressed point", "用户签名公钥";
        [71..75] expires: u32 as Be, Std,
            "user certificate expiry, Unix seconds UTC", "用户证书过期时间";
        [75..77] validity_s: u16 as Be, Std, "code validity, seconds", "用户二维码有效时间";
        [77..78] extension_len: u8 as Be, Std, "extension length N, 0..32", "用户扩展信息长度";
    }
}

record! {
    /// Issuer's signature at the end of the user domain (用户证书域数字签名).
    ///
    /// Source: QR annex field table; covers bytes 3..198+N of the code.
    pub struct IssuerSignature: 65 {
        [0..1] mark: u8 as Be, Impl, "signature mark, 15h", "签名标识";
        [1..65] signature: [u8; 64] as Raw, Std, "issuer signature, r || s", "数字签名";
    }
}

record! {
    /// Ride domain (乘车信息域).
    ///
    /// Source: QR annex field table; the signature covers bytes 0..267+N of the code.
    pub struct RideDomain: 69 {
        [0..4] generated_at: u32 as Be, Std, "generation time, Unix seconds UTC", "二维码生成时间";
        [4..5] mark: u8 as Be, Impl, "signature mark, 15h", "签名标识";
        [5..69] signature: [u8; 64] as Raw, Std, "user signature, r || s", "数字签名";
    }
}

record! {
    /// Root certificate (根证书) as terminals take it.
    ///
    /// Source: a published national root and public terminal files. The self-signature covers
    /// bytes 0..80.
    pub struct RootCertificate: 144 {
        [0..1] record_header: u8 as Be, Impl, "record header, 21h", "记录头";
        [1..5] service_id: [u8; 4] as Raw, Impl, "service identifier", "服务标识";
        [5..10] rid: [u8; 5] as Raw, Impl, "registered application provider identifier", "RID";
        [10..11] ca_index: u8 as Be, Impl, "CA key index", "CA公钥索引";
        [11..13] expiry: MonthYear as Cn, Impl, "expiry MMYY", "失效日期";
        [13..14] algorithm: u8 as Be, Impl, "algorithm, 04h = SM2", "算法标识";
        [14..15] parameter: u8 as Be, Impl, "parameter identifier, not judged", "参数标识";
        [15..16] key_len: u8 as Be, Impl, "key length, 40h", "公钥长度";
        [16..80] public_key: [u8; 64] as Raw, Impl, "public key, X || Y", "公钥";
        [80..144] signature: [u8; 64] as Raw, Impl, "self-signature, r || s", "自签名";
    }
}

record! {
    /// Application for an issuer certificate (证书申请).
    ///
    /// UNSPECIFIED: no public text gives this message; the header 22h follows the payment
    /// world's habit (21h root, 22h application, 24h certificate). The proof of possession
    /// covers bytes 0..51.
    pub struct CertificateApplication: 115 {
        [0..1] record_header: u8 as Be, Inferred, "record header, 22h", "记录头";
        [1..5] service_id: [u8; 4] as Raw, Ours, "service identifier", "服务标识";
        [5..9] issuer: InstitutionCode as Cn, Ours, "issuer identifier, cn8", "发行机构标识";
        [9..11] expiry: MonthYear as Cn, Ours, "requested expiry MMYY", "申请失效日期";
        [11..14] tracking: [u8; 3] as Raw, Ours,
            "tracking number, the serial if accepted", "申请流水号";
        [14..15] signature_algorithm: u8 as Be, Ours, "signature algorithm, 04h", "签名算法标识";
        [15..16] encryption_algorithm: u8 as Be, Ours, "encryption algorithm, 04h", "加密算法标识";
        [16..17] parameter: u8 as Be, Ours, "parameter, 00h", "参数标识";
        [17..18] key_len: u8 as Be, Ours, "key length, 21h", "公钥长度";
        [18..51] public_key: [u8; 33] as Raw, Ours, "public key, compressed point", "公钥";
        [51..115] proof: [u8; 64] as Raw, Ours, "proof of possession, r || s", "持有证明";
    }
}

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    Guide::SPEC,
    IssuerCertificate::SPEC,
    UserDomain::SPEC,
    IssuerSignature::SPEC,
    RideDomain::SPEC,
    RootCertificate::SPEC,
    CertificateApplication::SPEC,
    crate::root_file::RootFileHead::SPEC,
    crate::root_file::RootFileEntry::SPEC,
    crate::revocation::RevocationHead::SPEC,
    crate::revocation::RevocationEntry::SPEC,
];

const _: () = assert!(
    CODE_LEN_MIN
        == Guide::LEN
            + IssuerCertificate::LEN
            + UserDomain::LEN
            + IssuerSignature::LEN
            + RideDomain::LEN
);

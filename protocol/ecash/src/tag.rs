//! The tags of the e-cash, by the names this crate uses for them.

use tongtu_apdu::tlv::Tag;

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: Tag = Tag::new($value);)*
    };
}

tags! {
    /// Application identifier of a directory entry.
    AID = 0x4F;
    /// Application label (应用标签).
    LABEL = 0x50;
    /// Track 2 equivalent data (二磁道等价数据).
    TRACK2 = 0x57;
    /// Primary account number (主账号).
    PAN = 0x5A;
    /// Cardholder name (持卡人姓名).
    HOLDER = 0x5F20;
    /// Application expiration date (应用失效日期).
    EXPIRY = 0x5F24;
    /// Application effective date (应用生效日期).
    EFFECTIVE = 0x5F25;
    /// Issuer country code (发卡行国家代码).
    ISSUER_COUNTRY = 0x5F28;
    /// Transaction currency code (交易货币代码).
    CURRENCY = 0x5F2A;
    /// Language preference (首选语言).
    LANGUAGE = 0x5F2D;
    /// Service code (服务码).
    SERVICE_CODE = 0x5F30;
    /// PAN sequence number (主账号序列号).
    PAN_SEQUENCE = 0x5F34;
    /// FCI template.
    FCI = 0x6F;
    /// Record template.
    RECORD = 0x70;
    /// Issuer script template 1.
    SCRIPT1 = 0x71;
    /// Issuer script template 2.
    SCRIPT2 = 0x72;
    /// Answer template with objects.
    ANSWER = 0x77;
    /// Answer template without objects.
    ANSWER_PLAIN = 0x80;
    /// Application interchange profile (应用交互特征, AIP).
    AIP = 0x82;
    /// Command template.
    COMMAND = 0x83;
    /// DF name.
    DF_NAME = 0x84;
    /// Application priority indicator (应用优先指示器).
    PRIORITY = 0x87;
    /// Authorisation response code (授权响应码, ARC).
    ARC = 0x8A;
    /// Card risk management list 1 (CDOL1).
    CDOL1 = 0x8C;
    /// Card risk management list 2 (CDOL2).
    CDOL2 = 0x8D;
    /// Cardholder verification methods (持卡人验证方法列表).
    CVM_LIST = 0x8E;
    /// Certification authority public key index (认证中心公钥索引).
    CA_INDEX = 0x8F;
    /// Issuer public key certificate (发卡行公钥证书).
    ISSUER_CERTIFICATE = 0x90;
    /// Issuer authentication data (发卡行认证数据).
    ISSUER_AUTHENTICATION = 0x91;
    /// Issuer public key remainder (发卡行公钥余数).
    ISSUER_REMAINDER = 0x92;
    /// Signed static application data (签名的静态应用数据).
    SIGNED_STATIC = 0x93;
    /// Application file locator (应用文件定位器, AFL).
    AFL = 0x94;
    /// Terminal verification results (终端验证结果, TVR).
    TVR = 0x95;
    /// Transaction date (交易日期).
    DATE = 0x9A;
    /// Transaction type (交易类型).
    TRANSACTION_TYPE = 0x9C;
    /// FCI proprietary template.
    FCI_PROPRIETARY = 0xA5;
    /// FCI issuer discretionary data.
    FCI_DISCRETIONARY = 0xBF0C;
    /// Amount, authorised (授权金额).
    AMOUNT = 0x9F02;
    /// Amount, other (其他金额).
    AMOUNT_OTHER = 0x9F03;
    /// Application usage control (应用用途控制).
    USAGE = 0x9F07;
    /// Application version number of the card (应用版本号).
    VERSION = 0x9F08;
    /// Issuer action code, default.
    IAC_DEFAULT = 0x9F0D;
    /// Issuer action code, denial.
    IAC_DENIAL = 0x9F0E;
    /// Issuer action code, online.
    IAC_ONLINE = 0x9F0F;
    /// Issuer application data (发卡行应用数据, IAD).
    IAD = 0x9F10;
    /// Issuer code table index (发卡行代码表索引).
    CODE_TABLE = 0x9F11;
    /// Application preferred name (应用首选名称).
    PREFERRED_NAME = 0x9F12;
    /// Last online ATC register (上次联机应用交易序号寄存器).
    LAST_ONLINE_ATC = 0x9F13;
    /// PIN try counter (PIN 尝试计数器).
    PIN_TRIES = 0x9F17;
    /// Terminal country code (终端国家代码).
    TERMINAL_COUNTRY = 0x9F1A;
    /// Transaction time (交易时间).
    TIME = 0x9F21;
    /// Application cryptogram (应用密文, AC).
    CRYPTOGRAM = 0x9F26;
    /// Cryptogram information data (密文信息数据, CID).
    CID = 0x9F27;
    /// Issuer public key exponent (发卡行公钥指数).
    ISSUER_EXPONENT = 0x9F32;
    /// Application transaction counter (应用交易计数器, ATC).
    ATC = 0x9F36;
    /// Unpredictable number (不可预知数).
    UNPREDICTABLE = 0x9F37;
    /// Processing options list (PDOL).
    PDOL = 0x9F38;
    /// Application currency code, EMV (应用货币代码).
    APP_CURRENCY_EMV = 0x9F42;
    /// Application currency exponent (应用货币指数).
    CURRENCY_EXPONENT = 0x9F44;
    /// ICC public key certificate (IC 卡公钥证书).
    ICC_CERTIFICATE = 0x9F46;
    /// ICC public key exponent (IC 卡公钥指数).
    ICC_EXPONENT = 0x9F47;
    /// ICC public key remainder (IC 卡公钥余数).
    ICC_REMAINDER = 0x9F48;
    /// Dynamic data authentication list (DDOL).
    DDOL = 0x9F49;
    /// Static data authentication tag list (静态数据认证标签列表).
    SDA_TAGS = 0x9F4A;
    /// Signed dynamic application data (签名的动态应用数据, SDAD).
    SIGNED_DYNAMIC = 0x9F4B;
    /// ICC dynamic number (IC 卡动态数).
    ICC_DYNAMIC = 0x9F4C;
    /// Transaction log entry (交易日志入口).
    LOG_ENTRY = 0x9F4D;
    /// Merchant name (商户名称).
    MERCHANT = 0x9F4E;
    /// Transaction log format (交易日志格式).
    LOG_FORMAT = 0x9F4F;
    /// Application currency code, PBOC (应用货币代码).
    APP_CURRENCY = 0x9F51;
    /// Application default action (应用缺省行为, ADA).
    DEFAULT_ACTION = 0x9F52;
    /// Available offline amount (可用脱机消费金额).
    AVAILABLE = 0x9F5D;
    /// Holder's id number (持卡人证件号).
    HOLDER_ID = 0x9F61;
    /// Holder's id kind (持卡人证件类型).
    HOLDER_ID_KIND = 0x9F62;
    /// Card product information (卡产品标识信息).
    PRODUCT = 0x9F63;
    /// Terminal transaction qualifiers (终端交易属性, TTQ).
    TTQ = 0x9F66;
    /// Card additional processing (卡片附加处理).
    ADDITIONAL_PROCESSING = 0x9F68;
    /// Card authentication related data (卡片认证相关数据), fDDA version 01.
    CARD_AUTHENTICATION = 0x9F69;
    /// Card CVM limit (卡片 CVM 限额).
    CVM_LIMIT = 0x9F6B;
    /// Card transaction qualifiers (卡片交易属性, CTQ).
    CTQ = 0x9F6C;
    /// E-cash reset threshold (电子现金重置阈值).
    RESET_THRESHOLD = 0x9F6D;
    /// E-cash issuer authorisation code (电子现金发卡行授权码).
    AUTHORISATION_CODE = 0x9F74;
    /// E-cash balance cap (电子现金余额上限).
    BALANCE_CAP = 0x9F77;
    /// E-cash limit of one transaction (电子现金单笔交易限额).
    SINGLE_LIMIT = 0x9F78;
    /// E-cash balance (电子现金余额).
    BALANCE = 0x9F79;
    /// E-cash terminal indicator (电子现金终端支持指示器).
    TERMINAL_ECASH = 0x9F7A;
    /// E-cash terminal limit (电子现金终端交易限额).
    TERMINAL_LIMIT = 0x9F7B;
    /// Transport data of T-Union cards in the FCI.
    TRANSPORT = 0xDF11;
    /// Issuer script result (发卡行脚本结果).
    SCRIPT_RESULT = 0xDF31;
    /// Load log entry (圈存日志入口).
    LOAD_LOG_ENTRY = 0xDF4D;
    /// Load log format (圈存日志格式).
    LOAD_LOG_FORMAT = 0xDF4F;
    /// Composite indicator (CAPP 交易指示位).
    COMPOSITE = 0xDF60;
    /// Segmented-fare support (分段扣费应用标识).
    COMPOSITE_SUPPORT = 0xDF61;
    /// Segmented-fare offset limit (分段扣费抵扣限额).
    OFFSET_LIMIT = 0xDF62;
    /// Segmented-fare offset used (分段扣费已抵扣额).
    OFFSET_USED = 0xDF63;
    /// Domestic algorithm support (国密算法支持指示器).
    SM_SUPPORT = 0xDF69;
}
